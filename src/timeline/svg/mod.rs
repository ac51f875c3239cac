//! The timeline as SVG: the frame around its lines.
//!
//! From left to right, places are shares of the width that the bars have, so that on a page text keeps its size
//! whatever the width. Names stand to the left of that, and what became of the jobs to the right, outside of it: on a
//! page its stylesheet leaves room there, or sets them above the bars where there is none; a picture that stands alone
//! has a margin around the same lines, and scales as a whole. From top to bottom it is lines, cut in quarters.
//!
//! The map: `line` is one line with its bars, `curves` what leads from one to another, `words` what is said of a job.

mod curves;
mod line;
mod words;

use std::fmt::{self, Write};

use chrono::{DateTime, Utc};

use crate::timeline::markup::text;
use crate::timeline::row::Row;
use crate::timeline::scale::{Scale, Share, span_in_words};
use crate::timeline::{Index, Timeline};
use crate::vocabulary::states::JobType;

pub(super) use words::in_full;

const STYLE: &str = include_str!("style.css");

/// The margins of a picture that stands alone, and the width of the bars in it. `page.css` has margins, too.
const LEFT: u32 = 236;
const BARS: u32 = 580;
const RIGHT: u32 = 184;

/// The height of the axis above the lines and of the legend below, of a quarter of a line, and of lines in quarters.
const AXIS: u32 = 40;
const LEGEND: u32 = 58;
const QUARTER: u32 = 6;
const LINE: u32 = 4;
const LINE_OF_WAIT: u32 = 3;

/// With more dependencies than this, each is shown only while its line is pointed at or has the focus.
const MOST_CURVES: usize = 60;

/// Where the picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a file of its own: names lead nowhere.
    Alone,
    /// On the page of its build, which has an anchor for every job.
    OnPage,
}

/// One line of the picture.
#[derive(Debug)]
enum Line<'t> {
    Group(&'t str),
    Job(&'t Row),
}

#[derive(Debug)]
struct Picture<'t> {
    timeline: &'t Timeline,
    place: Place,
    scale: Scale,
    until: DateTime<Utc>,
    index: Index,
    /// Each with its place from above, in quarters.
    lines: Vec<(Line<'t>, u32)>,
    /// The place from above of each row.
    places: Vec<u32>,
    quarters: u32,
}

pub(super) fn draw(timeline: &Timeline, place: Place) -> String {
    let mut svg = String::new();
    let picture = Picture::new(timeline, place);
    picture.write(&mut svg).expect("a String takes everything");
    svg
}

impl Line<'_> {
    /// In quarters.
    fn height(&self) -> u32 {
        match self {
            Self::Job(row) if row.kind == JobType::Waiter => LINE_OF_WAIT,
            Self::Job(_) | Self::Group(_) => LINE,
        }
    }
}

impl<'t> Picture<'t> {
    fn new(timeline: &'t Timeline, place: Place) -> Self {
        let until = timeline.until();
        let index = Index::of(timeline);
        let mut lines = Vec::new();
        let mut places = vec![0; timeline.rows.len()];
        let mut quarters = 0;
        let mut last = None;
        for at in &index.in_chains {
            let row = &timeline.rows[*at];
            let group = row.group.as_ref();
            let number = group.map(|(number, _)| *number);
            let heading = group.filter(|_| number != last);
            last = number;
            let heading = heading.map(|(_, name)| Line::Group(name));
            for line in heading.into_iter().chain([Line::Job(row)]) {
                let height = line.height();
                places[*at] = quarters;
                lines.push((line, quarters));
                quarters += height;
            }
        }
        Self {
            timeline,
            place,
            scale: Scale::new(timeline.begins, until),
            until,
            index,
            lines,
            places,
            quarters,
        }
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let id = self.timeline.build.id;
        let curves: Vec<_> = self.lines.iter().map(|line| self.curves(line)).collect();
        let is_quiet = curves.iter().flatten().count() > MOST_CURVES;
        let quiet = if is_quiet { " quiet" } else { "" };
        let height = AXIS + self.quarters * QUARTER + LEGEND;
        let names = format!(
            r#"role="group" aria-labelledby="tl-title-{id}" aria-describedby="tl-desc-{id}""#
        );
        let lines = in_lines(self.quarters);
        match self.place {
            Place::Alone => {
                let width = LEFT + BARS + RIGHT;
                write!(
                    out,
                    r#"<svg xmlns="http://www.w3.org/2000/svg" class="tl{quiet}" width="{width}" height="{height}" viewBox="0 0 {width} {height}" {names}>"#
                )?;
            }
            Place::OnPage => write!(
                out,
                r#"<svg class="tl{quiet}" width="100%" height="{height}" {names} style="--lines:{lines}">"#
            )?,
        }
        write!(
            out,
            r#"<title id="tl-title-{id}">Timeline of {}</title><desc id="tl-desc-{id}">{}</desc><style>{STYLE}</style><defs><pattern id="tl-hatch-{id}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="3" height="6"/></pattern></defs>"#,
            text(&self.timeline.build.to_string()),
            text(&self.description())
        )?;
        if self.place == Place::Alone {
            write!(
                out,
                r#"<rect class="ground" width="100%" height="100%"/><svg x="{LEFT}" width="{BARS}" height="{height}" overflow="visible">"#
            )?;
        }
        self.axis(out)?;
        write!(out, r#"<g class="lines" transform="translate(0,{AXIS})">"#)?;
        for (line, curves) in self.lines.iter().zip(&curves) {
            self.line(out, line, curves)?;
        }
        out.push_str("</g>");
        self.legend(out)?;
        out.push_str(match self.place {
            Place::Alone => "</svg></svg>",
            Place::OnPage => "</svg>",
        });
        Ok(())
    }

    fn axis(&self, out: &mut String) -> fmt::Result {
        let bottom = AXIS + self.quarters * QUARTER;
        write!(
            out,
            r#"<g class="axis" aria-hidden="true"><text class="epoch" x="-220" y="22">{}</text>"#,
            self.timeline.begins.format("%Y-%m-%d %H:%M UTC")
        )?;
        for (n, (at, since)) in self.scale.ticks().into_iter().enumerate() {
            let anchor = match at {
                Share(0..3_000) => " first",
                Share(97_000..) => " last",
                Share(_) => "",
            };
            let odd = if n % 2 == 1 { " odd" } else { "" };
            write!(
                out,
                r#"<svg x="{at}" overflow="visible"><path class="grid" d="M0 30V{bottom}"/><text class="tick{anchor}{odd}" y="22">{}</text></svg>"#,
                span_in_words(since)
            )?;
        }
        if !self.timeline.is_finished() {
            write!(
                out,
                r#"<svg x="100%" overflow="visible"><path class="now" d="M0 26V{bottom}"/></svg>"#
            )?;
        }
        out.push_str("</g>");
        Ok(())
    }

    fn legend(&self, out: &mut String) -> fmt::Result {
        let hatch = self.timeline.build.id;
        let top = AXIS + self.quarters * QUARTER + 14;
        write!(
            out,
            r#"<g class="legend" aria-hidden="true" transform="translate(0,{top})">"#
        )?;
        let hatch = format!(r#"<path fill="url(#tl-hatch-{hatch})" d="M0 4H22V14H0Z"/>"#);
        let stopped = format!(r#"<path class="bar canceled" d="M0 4H22V14H0Z"/>{hatch}"#);
        let gate = format!(r#"<path class="gate" d="M0 4H22V14H0Z"/>{hatch}"#);
        let entries = [
            (r#"<path class="wait" d="M0 9H22"/>"#, "waits for others"),
            (r#"<path class="queue" d="M0 4H22V14H0Z"/>"#, "queued"),
            (r#"<path class="bar passed" d="M0 4H22V14H0Z"/>"#, "runs"),
            (stopped.as_str(), "is stopped"),
            (gate.as_str(), "waits for a person"),
            (
                r#"<path class="retry" d="M0 9H17"/><path class="head" d="M16 5.5L22 9 16 12.5Z"/>"#,
                "is retried",
            ),
        ];
        for (n, (sample, meaning)) in entries.iter().enumerate() {
            let (column, top) = ([0, 36, 77][n % 3], n / 3 * 20);
            write!(
                out,
                r#"<svg x="{column}%" y="{top}" overflow="visible">{sample}<text x="29" y="13">{meaning}</text></svg>"#
            )?;
        }
        out.push_str("</g>");
        Ok(())
    }
}

/// Quarters as lines: `2.75`.
fn in_lines(quarters: u32) -> String {
    let part = match quarters % LINE {
        0 => "",
        1 => ".25",
        2 => ".5",
        _ => ".75",
    };
    format!("{}{part}", quarters / LINE)
}
