//! Stretches of a raw log: what was written by hand, and what a script plans.
//!
//! Neither changes once somebody else has it, so readers share them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};

use super::LogForm;

/// A piece of a raw log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stretch {
    Written(Arc<Paper>),
    /// Lines of a script.
    Planned {
        plan: Arc<Plan>,
        lines: Range<usize>,
        /// How many bytes of the stamp of the first are left out, because its line was begun before.
        skipped: usize,
    },
}

/// What was written by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Paper {
    raw: String,
    /// How many bytes of that were printed.
    text: usize,
}

/// What a script will print. Its raw form is written when it is first read.
#[derive(Debug, Default)]
pub(super) struct Plan {
    form: LogForm,
    lines: Box<[Line]>,
    raw: OnceLock<String>,
}

/// A piece of what a script prints: mostly a line.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    at: DateTime<Utc>,
    /// Shared with the script, and with every job it is for.
    text: Arc<str>,
    /// Where it ends in the raw form of all.
    end: usize,
}

/// A piece of a raw log in the hands of a reader, kept alive by it.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    stretch: Stretch,
    from: usize,
}

impl Part {
    /// But for its first bytes.
    pub(super) fn new(stretch: Stretch, from: usize) -> Self {
        Self { stretch, from }
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.stretch.raw().as_bytes()[self.from..]
    }
}

impl Stretch {
    /// Lines of a script behind something that has ended its line or has not: with a stamp before them if they need one
    /// that the plan does not have.
    pub(super) fn planned(
        plan: &Arc<Plan>,
        lines: Range<usize>,
        starts: bool,
    ) -> (Option<Self>, Self) {
        let (is_stamped, at) = (plan.starts(lines.start), plan.lines[lines.start].at);
        let stamp = (starts && !is_stamped).then(|| {
            let mut paper = Paper::default();
            paper.raw.push_str(&stamp(at));
            Self::Written(Arc::new(paper))
        });
        let is_form = plan.form == LogForm::Stamped;
        let skipped = if is_form && is_stamped && !starts {
            stamp_size(at)
        } else {
            0
        };
        let rest = Self::Planned {
            plan: Arc::clone(plan),
            lines,
            skipped,
        };
        (stamp.filter(|_| is_form), rest)
    }

    /// As an agent sent it.
    pub(super) fn raw(&self) -> &str {
        match self {
            Self::Written(paper) => &paper.raw,
            Self::Planned {
                plan,
                lines,
                skipped,
            } => &plan.raw()[plan.before(lines.start) + skipped..plan.before(lines.end)],
        }
    }

    /// How many bytes that are.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Written(paper) => paper.size(),
            Self::Planned {
                plan,
                lines,
                skipped,
            } => plan.before(lines.end) - plan.before(lines.start) - skipped,
        }
    }

    /// How many bytes were printed.
    pub(super) fn text_size(&self) -> usize {
        match self {
            Self::Written(paper) => paper.text,
            Self::Planned { plan, lines, .. } => {
                let lines = &plan.lines[lines.clone()];
                lines.iter().map(|line| line.text.len()).sum()
            }
        }
    }

    pub(super) fn ends_line(&self) -> bool {
        match self {
            Self::Written(paper) => paper.raw.ends_with('\n'),
            Self::Planned { plan, lines, .. } => plan.starts(lines.end),
        }
    }

    /// What was printed, without whole lines of a script that are within the first `left_out` bytes; says how many
    /// bytes those were. `starts`: whether it begins a line.
    pub(super) fn write_text(
        &self,
        out: &mut String,
        form: LogForm,
        mut starts: bool,
        left_out: usize,
    ) -> usize {
        let mut before = 0;
        match self {
            Self::Written(paper) if form == LogForm::AsPrinted => out.push_str(&paper.raw),
            // What the agent adds is taken away: a stamp where a line begins, and a `\r` where it ends.
            Self::Written(paper) => {
                for line in paper.raw.split_inclusive('\n') {
                    let printed = line.split_once('\u{7}').filter(|_| starts);
                    let printed = printed.map_or(line, |(_, printed)| printed);
                    let ended = printed.strip_suffix("\r\n");
                    starts = ended.is_some();
                    out.push_str(ended.unwrap_or(printed));
                    out.push_str(if starts { "\n" } else { "" });
                }
            }
            Self::Planned { plan, lines, .. } => {
                for line in &plan.lines[lines.clone()] {
                    if out.is_empty() && before + line.text.len() <= left_out {
                        before += line.text.len();
                    } else {
                        out.push_str(&line.text);
                    }
                }
            }
        }
        before
    }
}

impl Paper {
    pub(super) fn size(&self) -> usize {
        self.raw.len()
    }

    /// Says how many bytes were added.
    pub(super) fn write(
        &mut self,
        at: DateTime<Utc>,
        text: &str,
        starts: bool,
        form: LogForm,
    ) -> usize {
        let before = self.raw.len();
        self.raw.reserve(raw_size(at, text, starts, form));
        write(&mut self.raw, at, text, starts, form);
        self.text += text.len();
        self.raw.len() - before
    }
}

impl Plan {
    pub(super) fn new(form: LogForm, lines: Vec<(DateTime<Utc>, Arc<str>)>) -> Self {
        let (mut end, mut starts) = (0, true);
        let line = |(at, text): (DateTime<Utc>, Arc<str>)| {
            end += raw_size(at, &text, starts, form);
            starts = text.ends_with('\n');
            Line { at, text, end }
        };
        Self {
            form,
            lines: lines.into_iter().map(line).collect(),
            raw: OnceLock::new(),
        }
    }

    /// The first line after `taken` that is not there by now.
    pub(super) fn due(&self, taken: usize, now: DateTime<Utc>) -> usize {
        taken + self.lines[taken..].partition_point(|line| line.at <= now)
    }

    pub(super) fn at(&self, line: usize) -> Option<DateTime<Utc>> {
        Some(self.lines.get(line)?.at)
    }

    /// As [`headers`] of these lines.
    pub(super) fn headers(
        &self,
        lines: Range<usize>,
        mut starts: bool,
    ) -> impl Iterator<Item = i64> + use<> {
        let mut times = Vec::new();
        if self.form == LogForm::AsPrinted {
            for line in &self.lines[lines] {
                times.extend(headers(line.at, &line.text, starts, self.form));
                starts = line.text.ends_with('\n');
            }
        }
        times.into_iter()
    }

    /// Whether the line with this number begins one, if nothing comes between it and the one before.
    fn starts(&self, line: usize) -> bool {
        let last = line.checked_sub(1).map(|last| &self.lines[last]);
        last.is_none_or(|last| last.text.ends_with('\n'))
    }

    /// Where the line with this number begins in the raw form.
    fn before(&self, line: usize) -> usize {
        line.checked_sub(1).map_or(0, |last| self.lines[last].end)
    }

    fn raw(&self) -> &str {
        self.raw.get_or_init(|| {
            let mut raw = String::with_capacity(self.before(self.lines.len()));
            let mut starts = true;
            for line in &self.lines {
                write(&mut raw, line.at, &line.text, starts, self.form);
                starts = line.text.ends_with('\n');
            }
            raw
        })
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check(&self, taken: usize) {
        assert!(taken <= self.lines.len());
        assert!(self.lines.iter().all(|line| !line.text.is_empty()));
        assert!(
            self.lines.iter().map(|line| line.at).is_sorted(),
            "a log has an order"
        );
        assert_eq!(self.raw().len(), self.before(self.lines.len()));
    }
}

/// Whether somebody has read it makes no difference.
impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form && self.lines == other.lines
    }
}

impl Eq for Plan {}

/// What an agent writes before a line.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    format!("\u{1b}_bk;t={}\u{7}", at.timestamp_millis())
}

fn stamp_size(at: DateTime<Utc>) -> usize {
    let at = at.timestamp_millis();
    let digits = at.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    "\u{1b}_bk;t=\u{7}".len() + digits + usize::from(at < 0)
}

fn write(out: &mut String, at: DateTime<Utc>, text: &str, mut starts: bool, form: LogForm) {
    if form == LogForm::AsPrinted {
        return out.push_str(text);
    }
    let stamp = stamp(at);
    for line in text.split_inclusive('\n') {
        if starts {
            out.push_str(&stamp);
        }
        let ended = line.strip_suffix('\n');
        out.push_str(ended.unwrap_or(line));
        starts = ended.is_some();
        if starts {
            out.push_str("\r\n");
        }
    }
}

/// How many bytes `write` writes.
fn raw_size(at: DateTime<Utc>, text: &str, starts: bool, form: LogForm) -> usize {
    if form == LogForm::AsPrinted {
        return text.len();
    }
    let ends = text.matches('\n').count();
    let begun = ends + usize::from(!text.ends_with('\n')) - usize::from(!starts);
    text.len() + ends + begun * stamp_size(at)
}

/// The instant, in nanoseconds, once for each header of a group in a text that was printed then. None where lines have
/// stamps.
pub(super) fn headers(
    at: DateTime<Utc>,
    text: &str,
    starts: bool,
    form: LogForm,
) -> impl Iterator<Item = i64> + use<> {
    let count = if form == LogForm::AsPrinted {
        let lines = text.split_inclusive('\n').enumerate();
        let headers = lines.filter(|(n, line)| (*n > 0 || starts) && is_header(line));
        headers.count()
    } else {
        0
    };
    std::iter::repeat_n(at.timestamp_nanos_opt().unwrap_or(i64::MAX), count)
}

/// Whether a line begins a group: as an agent has it, a mark and a space.
fn is_header(line: &str) -> bool {
    let rest = ["---", "+++", "~~~"]
        .iter()
        .find_map(|mark| line.strip_prefix(mark));
    rest.is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_known_without_writing() {
        for at in [-1_000, -1, 0, 9, 10, 99_999, 1_893_456_000_000] {
            let at = DateTime::from_timestamp_millis(at).expect("an instant");
            assert_eq!(stamp_size(at), stamp(at).len());
            for text in ["a", "a\n", "\n", "\n\na", "ä\nb\n"] {
                for (starts, form) in [
                    (true, LogForm::Stamped),
                    (false, LogForm::Stamped),
                    (true, LogForm::AsPrinted),
                ] {
                    let mut out = String::new();
                    write(&mut out, at, text, starts, form);
                    assert_eq!(raw_size(at, text, starts, form), out.len(), "{out:?}");
                }
            }
        }
    }
}
