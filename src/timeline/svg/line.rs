//! One line of the picture: a job's name, its bars, and what became of it.

use std::fmt::{self, Write};

use chrono::{DateTime, Utc};

use crate::timeline::marks::Mark;
use crate::timeline::markup::{shortened, text};
use crate::timeline::row::Row;
use crate::timeline::scale::{Share, span_in_words};
use crate::timeline::svg::curves::Curve;
use crate::timeline::svg::words::{in_short, label, spaced, tooltip};
use crate::timeline::svg::{BARS, LEFT, Line, Picture, Place, QUARTER, RIGHT, in_lines};
use crate::vocabulary::states::{JobState, JobType};

/// How many places a name, and what is said of a job, may take to stay off the bars.
const NAME: usize = 28;
const SAID: usize = 31;

/// How wide a bar is at least, so that everything that ran can be seen.
const LEAST: i64 = 400;

/// What a part of a job's line shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waits,
    /// By its concurrency group.
    Held,
    Queued,
    Gate,
    Runs,
    IsStopped,
    Over,
}

impl Picture<'_> {
    pub(super) fn line(
        &self,
        out: &mut String,
        (line, at): &(Line<'_>, u32),
        curves: &[Curve],
    ) -> fmt::Result {
        let height = line.height() * QUARTER;
        let class = match line {
            Line::Group(_) => "line group",
            Line::Job(row) if row.kind == JobType::Waiter => "line thin",
            Line::Job(_) => "line",
        };
        write!(
            out,
            r#"<g class="{class}" transform="translate(0,{})" style="--at:{}"><rect class="under" x="-{LEFT}" width="{}" height="{height}"/>"#,
            at * QUARTER,
            in_lines(*at),
            LEFT + BARS + RIGHT,
        )?;
        let rail = format!(r#"<rect class="rail" x="-232" width="3" height="{height}"/>"#);
        let middle = height / 2;
        match line {
            Line::Group(name) => {
                let name = shortened(name, NAME + 2);
                out.push_str(&rail);
                write!(
                    out,
                    r#"<g class="job"><text class="name" x="-222" y="{}">{}</text></g>"#,
                    middle + 4,
                    text(&name)
                )?;
            }
            Line::Job(row) => {
                if row.group.is_some() {
                    out.push_str(&rail);
                }
                self.name(out, row, middle)?;
                Self::write_curves(out, curves, height)?;
                self.bars(out, row, middle)?;
                self.said(out, row, middle)?;
            }
        }
        out.push_str("</g>");
        Ok(())
    }

    fn name(&self, out: &mut String, row: &Row, middle: u32) -> fmt::Result {
        let mut which = String::new();
        if let Some((nth, of)) = row.nth() {
            write!(which, " {nth}/{of}")?;
        }
        if row.attempt > 1 {
            write!(which, ", try {}", row.attempt)?;
        }
        let inside = usize::from(row.group.is_some());
        let name = shortened(&row.name, NAME.saturating_sub(inside + which.len()));
        match self.place {
            Place::Alone => out.push_str(r#"<g class="job" tabindex="0">"#),
            Place::OnPage => write!(
                out,
                r##"<a class="job" href="#{}" aria-label="{}">"##,
                row.id,
                text(&row.full_title())
            )?,
        }
        let left = if row.group.is_some() { -212 } else { -220 };
        if row.kind != JobType::Waiter {
            let mark = Mark::of_job(row);
            write!(
                out,
                r#"<g transform="translate({left},{middle})">{mark}</g>"#
            )?;
        }
        write!(
            out,
            r#"<text class="name" x="{}" y="{}" aria-hidden="true">{}{which}</text>"#,
            left + 14,
            middle + 4,
            text(&name)
        )?;
        out.push_str(match self.place {
            Place::Alone => "</g>",
            Place::OnPage => "</a>",
        });
        Ok(())
    }

    /// To the right of the bars: what became of the job.
    fn said(&self, out: &mut String, row: &Row, middle: u32) -> fmt::Result {
        if row.kind == JobType::Waiter {
            return Ok(());
        }
        let link = row.triggered.as_ref();
        let name = link.map(|(link, _)| shortened(&link.name, 12));
        let taken = name.as_ref().map_or(0, |name| name.chars().count() + 2);
        let state = in_short(row);
        let ran = row.ran_for(self.until).map(span_in_words);
        let ran = ran.map(|ran| format!(" · {ran}"));
        let ran = ran.filter(|ran| taken + state.len() + ran.chars().count() <= SAID);
        let y = middle + 4;
        write!(out, r#"<text class="said" x="100%" dx="172" y="{y}">"#)?;
        if let (Some((link, state)), Some(name)) = (link, name) {
            write!(
                out,
                r#"<a class="build" href="{}" aria-label="{}, {}">{}</a>  "#,
                text(&link.path),
                text(&link.name),
                spaced(state.as_str()),
                text(&name)
            )?;
        }
        write!(
            out,
            r#"<tspan aria-hidden="true">{}</tspan><tspan class="span" aria-hidden="true">{}</tspan></text>"#,
            text(&state),
            ran.unwrap_or_default()
        )
    }

    fn bars(&self, out: &mut String, row: &Row, middle: u32) -> fmt::Result {
        let faded = if row.retried.is_some() { " faded" } else { "" };
        write!(
            out,
            r#"<g class="bars{faded}" role="img" aria-label="{}"><title>{}</title>"#,
            text(&label(row, self.until)),
            text(&tooltip(row, self.until))
        )?;
        for (from, to, state) in self.phases(row) {
            let (x, end) = (self.scale.at(from), self.scale.at(to));
            let phase = Phase::of(row, from, state);
            let is_short = matches!(phase, Phase::Waits | Phase::Held | Phase::Queued) && x == end;
            if !is_short {
                self.phase(out, row, middle, phase, (x, end))?;
            }
        }
        if row.retry_of.is_some() {
            let x = self.scale.at(row.created_at());
            write!(
                out,
                r#"<svg x="{x}" y="{middle}" overflow="visible"><path class="head" d="M-6-4L1 0-6 4Z"/></svg>"#
            )?;
        }
        if let (Some(by), Some(at)) = (&row.unblocked_by, row.unblocked_at) {
            let x = self.scale.at(at);
            // Behind the gate, or in front of it where there is no room behind.
            let (class, dx) = if x < Share(70_000) {
                ("who", 9)
            } else {
                ("who late", -9)
            };
            let by = shortened(by, 20);
            write!(
                out,
                r#"<text class="{class}" x="{x}" dx="{dx}" y="{}" aria-hidden="true">{}</text>"#,
                middle + 4,
                text(&by)
            )?;
        }
        out.push_str("</g>");
        Ok(())
    }

    fn phase(
        &self,
        out: &mut String,
        row: &Row,
        middle: u32,
        phase: Phase,
        (x, end): (Share, Share),
    ) -> fmt::Result {
        let tone = Mark::of_job(row).tone.word();
        let top = middle - 6;
        let mut block = |class: &str, corner: u32| {
            let width = Share((end.0 - x.0).max(LEAST));
            write!(
                out,
                r#"<rect {class} x="{x}" y="{top}" width="{width}" height="12" rx="{corner}"/>"#
            )
        };
        let hatch = format!(r#"fill="url(#tl-hatch-{})""#, self.timeline.build.id);
        match phase {
            Phase::Waits => write!(
                out,
                r#"<line class="wait" x1="{x}" x2="{end}" y1="{middle}" y2="{middle}"/>"#
            ),
            Phase::Held => block(r#"class="queue held""#, 3),
            Phase::Queued => block(r#"class="queue""#, 3),
            Phase::Runs => block(&format!(r#"class="bar {tone}""#), 3),
            Phase::Gate => {
                block(r#"class="gate""#, 0)?;
                block(&hatch, 0)
            }
            Phase::IsStopped => {
                block(&format!(r#"class="bar {tone}""#), 3)?;
                block(&hatch, 3)
            }
            Phase::Over => {
                let sign = match (row.kind, row.started_at) {
                    (JobType::Manual, _) => r#"<path d="M0-10V10M-3-10H3M-3 10H3"/>"#,
                    (JobType::Waiter, _) => r#"<path d="M0-6V6"/>"#,
                    (JobType::Script | JobType::Trigger, None) => r#"<circle r="4"/>"#,
                    // Its bar has an end of its own.
                    (JobType::Script | JobType::Trigger, Some(_)) => return Ok(()),
                };
                write!(
                    out,
                    r#"<svg x="{x}" y="{middle}" overflow="visible"><g class="end {tone}">{sign}</g></svg>"#
                )
            }
        }
    }

    /// The states of a job, each with when it began and ended; the last ends where the picture does.
    fn phases<'r>(
        &self,
        row: &'r Row,
    ) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>, JobState)> + use<'r> {
        let until = self.until;
        let ends = row.history.iter().skip(1).map(|(at, _)| *at);
        let ends = ends.chain(std::iter::once(until));
        let begins = row.history.iter();
        begins
            .zip(ends)
            .map(|((at, state), end)| (*at, end, *state))
    }
}

impl Phase {
    fn of(row: &Row, from: DateTime<Utc>, state: JobState) -> Self {
        use JobState as S;
        match state {
            S::Pending | S::Waiting | S::WaitingFailed | S::BlockedFailed | S::UnblockedFailed => {
                Self::Waits
            }
            // REST calls both `scheduled`.
            S::Scheduled
                if row.limited_at.is_some() && row.runnable_at.is_none_or(|at| from < at) =>
            {
                Self::Held
            }
            S::Limited => Self::Held,
            S::Scheduled | S::Assigned | S::Accepted => Self::Queued,
            S::Blocked => Self::Gate,
            S::Running => Self::Runs,
            S::Canceling | S::TimingOut => Self::IsStopped,
            S::Unblocked
            | S::Passed
            | S::Failed
            | S::Canceled
            | S::TimedOut
            | S::Skipped
            | S::Broken
            | S::Expired => Self::Over,
        }
    }
}
