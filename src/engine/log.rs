//! What jobs print: a log of each job, growing as the clock moves, and the two ways to read it.
//!
//! A log is kept raw, as an agent would send it: each line begins with its instant (`ESC _bk;t=<ms> BEL`) and ends in
//! `\r\n`. It is kept in stretches that never change and that readers share, so that a log of any size is read without
//! a copy; what was printed is that without what the agent adds. What a script will print is written out when somebody
//! first reads it, and once (`stretch`). How long all of it is, is known without looking.
//!
//! Elsewhere: how a script's lines are spread over time (`attempts`), what the API shows (`wire::log`).
//! Source: recorded logs of 2023 and 2025; buildkite-agent, which sends no header times when it stamps lines.

mod stretch;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::job::JobKey;
use crate::engine::log::stretch::{Paper, Plan, Stretch};
use crate::persistent::List;
use crate::vocabulary::ids;

pub(crate) use stretch::Part;

/// A stretch that is written to takes no more from this size on: 64 KiB.
/// Chosen: it is what a line costs at most that is added while somebody else (a snapshot, a reader) has the stretch,
/// too.
const FULL: usize = 64 << 10;

/// What raw logs look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogForm {
    /// As agents send them: time stamps, and `\r\n`.
    /// Chosen: one `\r` a line, as on lines of the agent itself; those of a command in a terminal were recorded with
    /// two.
    #[default]
    Stamped,
    /// Byte for byte what was printed.
    AsPrinted,
}

/// What a job printed and, if nothing stops its command, what its script will print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    printed: List<Stretch>,
    /// How many bytes those are, and how many without what the agent adds.
    size: usize,
    text_size: usize,
    /// Whether what comes next begins a line.
    starts: bool,
    /// When the headers of groups among those were printed, in nanoseconds; kept where lines have no stamps.
    headers: List<i64>,
    /// The lines of its script, each at its instant.
    plan: Arc<Plan>,
    /// How many of those are among what was printed already, or never will be.
    taken: usize,
    /// Stands for everything above: the same content has the same digest.
    digest: u64,
}

/// A job's log at an instant, to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printed<'e> {
    log: Option<&'e Log>,
    now: DateTime<Utc>,
    form: LogForm,
}

impl Log {
    fn new() -> Self {
        Self {
            printed: List::new(),
            size: 0,
            text_size: 0,
            starts: true,
            headers: List::new(),
            plan: Arc::default(),
            taken: 0,
            digest: 0,
        }
    }

    /// The lines of the script that are there by now and not yet among what was printed.
    fn due(&self, now: DateTime<Utc>) -> Range<usize> {
        self.taken..self.plan.due(self.taken, now)
    }

    /// Lines of the script behind what was printed: they were written out without knowing what came before them, so a
    /// stamp may be missing, or one too many.
    fn planned(&self, lines: Range<usize>) -> impl Iterator<Item = Stretch> + use<> {
        let (stamp, rest) = if lines.is_empty() {
            (None, None)
        } else {
            let (stamp, rest) = Stretch::planned(&self.plan, lines, self.starts);
            (stamp, Some(rest))
        };
        stamp.into_iter().chain(rest)
    }

    /// What the script has printed by now is no plan any more.
    fn take_due(&mut self, now: DateTime<Utc>) {
        let due = self.due(now);
        for at in self.plan.headers(due.clone(), self.starts) {
            self.headers.push(at);
        }
        for stretch in self.planned(due.clone()) {
            self.size += stretch.size();
            self.text_size += stretch.text_size();
            self.starts = stretch.ends_line();
            self.printed.push(stretch);
        }
        self.taken = due.end;
    }

    fn write(&mut self, at: DateTime<Utc>, text: &str, form: LogForm) {
        for at in stretch::headers(at, text, self.starts, form) {
            self.headers.push(at);
        }
        let last = self.printed.len().checked_sub(1);
        let last = last.and_then(|last| self.printed.get_mut(last));
        let open = last.and_then(|last| match last {
            Stretch::Written(paper) if paper.size() < FULL => Some(paper),
            Stretch::Written(_) | Stretch::Planned { .. } => None,
        });
        let written = if let Some(paper) = open {
            // A copy if somebody else has it, too.
            Arc::make_mut(paper).write(at, text, self.starts, form)
        } else {
            let mut paper = Paper::default();
            let written = paper.write(at, text, self.starts, form);
            let stretch = Stretch::Written(Arc::new(paper));
            self.printed.push(stretch);
            written
        };
        self.size += written;
        self.text_size += text.len();
        self.starts = text.ends_with('\n');
    }

    fn fold(&mut self, at: DateTime<Utc>, text: &str) {
        let at = u64::from_le_bytes(at.timestamp_micros().to_le_bytes());
        let mut digest = ids::mix(self.digest ^ at);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            digest = ids::mix(digest ^ u64::from_le_bytes(word));
        }
        // The length tells "a" from "a\0".
        self.digest = ids::mix(digest ^ text.len() as u64);
    }
}

impl Engine {
    /// Before anything is printed: what is there is not written anew.
    pub(crate) fn log_in_form(&mut self, form: LogForm) {
        assert!(self.logs.is_empty(), "logs have their form from the start");
        self.log_form = form;
    }

    /// What a job has printed by now.
    pub(crate) fn log_of(&self, key: JobKey) -> Printed<'_> {
        Printed {
            log: self.logs.get(&key),
            now: self.now,
            form: self.log_form,
        }
    }

    /// Writes into a job's log: behind what is there by now, and before what its command will print later.
    pub(crate) fn append_log(&mut self, key: JobKey, text: &str) {
        if text.is_empty() {
            return;
        }
        let (now, form) = (self.now, self.log_form);
        let log = self.log_to_change(key);
        log.take_due(now);
        log.fold(now, text);
        log.write(now, text, form);
    }

    /// What a command that starts will print, in the order of the instants.
    pub(super) fn plan_log(&mut self, key: JobKey, lines: Vec<(DateTime<Utc>, Arc<str>)>) {
        if lines.is_empty() {
            return;
        }
        let form = self.log_form;
        let log = self.log_to_change(key);
        for (at, text) in &lines {
            log.fold(*at, text);
        }
        log.plan = Arc::new(Plan::new(form, lines));
        log.taken = 0;
    }

    /// A command that was stopped prints no more of what its script had planned.
    pub(super) fn cut_log(&mut self, key: JobKey) {
        let now = self.now;
        if let Some(log) = self.logs.get_mut(&key) {
            log.take_due(now);
            log.plan = Arc::default();
            log.taken = 0;
        }
    }

    /// Throws away what is there by now.
    pub(super) fn empty_log(&mut self, key: JobKey) {
        let now = self.now;
        if let Some(log) = self.logs.get_mut(&key) {
            log.take_due(now);
            *log = Log {
                plan: Arc::clone(&log.plan),
                taken: log.taken,
                digest: ids::mix(!log.digest),
                ..Log::new()
            };
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check_log(&self, key: JobKey) {
        let log = self.log_of(key);
        let runs = self.job(key).state.has_command();
        assert!(
            runs || log.grows_at().is_none(),
            "what is over prints no more"
        );
        let Some(kept) = self.logs.get(&key) else {
            return;
        };
        kept.plan.check(kept.taken);
        assert!(kept.printed.iter().all(|stretch| stretch.size() > 0));
        let raw = log.raw().to_string();
        assert_eq!(log.size(), raw.len());
        assert_eq!(log.text_size(), log.text().len());
        let last = kept.printed.last();
        assert_eq!(kept.starts, last.is_none_or(Stretch::ends_line));
    }

    fn log_to_change(&mut self, key: JobKey) -> &mut Log {
        if self.logs.get(&key).is_none() {
            self.logs.insert(key, Log::new());
        }
        self.logs.get_mut(&key).expect("a log that is there")
    }
}

impl<'e> Printed<'e> {
    /// The lines of its script that are due and not yet among what was printed.
    fn due(self) -> impl Iterator<Item = Stretch> {
        let log = self.log.into_iter();
        log.flat_map(move |log| log.planned(log.due(self.now)))
    }

    fn stretches(self) -> impl Iterator<Item = Stretch> {
        let log = self.log.into_iter();
        log.flat_map(|log| log.printed.iter())
            .cloned()
            .chain(self.due())
    }

    /// Stands for what can be read: of one job at one time, equal pairs mean equal logs.
    pub(crate) fn fingerprint(self) -> (u64, u64) {
        let digest = self.log.map_or(0, |log| log.digest);
        (digest, self.size() as u64)
    }

    /// When more will be there, if nothing happens to its command.
    pub(crate) fn grows_at(self) -> Option<DateTime<Utc>> {
        let log = self.log?;
        log.plan.at(log.due(self.now).end)
    }

    /// As it was printed.
    pub(crate) fn text(self) -> String {
        self.end_of_text(usize::MAX).0
    }

    fn text_size(self) -> usize {
        let due: usize = self.due().map(|stretch| stretch.text_size()).sum();
        self.log.map_or(0, |log| log.text_size) + due
    }

    /// At least the last `limit` bytes as they were printed, if there are so many, and how many there are before them.
    pub(crate) fn end_of_text(self, limit: usize) -> (String, usize) {
        let left_out = self.text_size().saturating_sub(limit);
        let mut text = String::with_capacity(self.text_size() - left_out);
        let (mut before, mut starts) = (0, true);
        for stretch in self.stretches() {
            if text.is_empty() && before + stretch.text_size() <= left_out {
                before += stretch.text_size();
            } else {
                before += stretch.write_text(&mut text, self.form, starts, left_out - before);
            }
            starts = stretch.ends_line();
        }
        (text, before)
    }

    /// The raw log, for `Display`.
    pub(crate) fn raw(self) -> Raw<'e> {
        Raw(self)
    }

    /// How many bytes the raw log has.
    pub(crate) fn size(self) -> usize {
        let due: usize = self.due().map(|stretch| stretch.size()).sum();
        self.log.map_or(0, |log| log.size) + due
    }

    /// The raw log, but for its first bytes: shared, not copied. What is left out is not looked at.
    pub(crate) fn raw_from(self, from: usize) -> Vec<Part> {
        let mut wanted = self.size().saturating_sub(from);
        let due: Vec<_> = self.due().collect();
        let printed = self
            .log
            .into_iter()
            .flat_map(|log| log.printed.iter().rev());
        let mut parts = Vec::new();
        for stretch in due.iter().rev().chain(printed) {
            if wanted == 0 {
                break;
            }
            let taken = stretch.size().min(wanted);
            parts.push(Part::new(stretch.clone(), stretch.size() - taken));
            wanted -= taken;
        }
        parts.reverse();
        parts
    }

    /// When the headers of its groups (`---`, `+++`, `~~~`) were printed, in nanoseconds.
    ///
    /// None where lines have time stamps: agents send either. Source: recorded in 2023 and 2025, with headers in the
    /// log.
    pub(crate) fn header_times(self) -> Vec<i64> {
        let Some(log) = self.log else {
            return Vec::new();
        };
        let due = log.plan.headers(log.due(self.now), log.starts);
        log.headers.iter().copied().chain(due).collect()
    }
}

/// A raw log: what an agent sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'e>(Printed<'e>);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stretches = self.0.stretches();
        stretches.try_for_each(|stretch| f.write_str(stretch.raw()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces that were printed, each at its second, and what a script plans.
    fn log(form: LogForm, pieces: &[(i64, &str)], planned: &[(i64, &str)]) -> Log {
        let mut log = Log::new();
        for (second, text) in pieces {
            log.write(at(*second), text, form);
        }
        let planned = planned
            .iter()
            .map(|(second, text)| (at(*second), Arc::from(*text)));
        log.plan = Arc::new(Plan::new(form, planned.collect()));
        log
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 5_000_000).expect("an instant")
    }

    fn read(log: &Log, second: i64, form: LogForm) -> Printed<'_> {
        Printed {
            log: Some(log),
            now: at(second),
            form,
        }
    }

    fn bytes(printed: Printed<'_>, from: usize) -> Vec<u8> {
        let parts = printed.raw_from(from);
        parts.iter().flat_map(AsRef::as_ref).copied().collect()
    }

    /// What all of it says, with what is due read before and after it was taken.
    fn reads(log: &Log, second: i64, form: LogForm) -> (String, String, Vec<i64>) {
        let read_of = |log: &Log| {
            let printed = read(log, second, form);
            let raw = printed.raw().to_string();
            assert_eq!(printed.size(), raw.len());
            assert_eq!(printed.text_size(), printed.text().len());
            (raw, printed.text(), printed.header_times())
        };
        let mut taken = log.clone();
        taken.take_due(at(second));
        assert_eq!(read_of(log), read_of(&taken));
        assert_eq!(
            read(log, second, form).fingerprint(),
            read(&taken, second, form).fingerprint()
        );
        read_of(log)
    }

    const PIECES: &[(i64, &str)] = &[(0, "a"), (1, "b\n\nc\r"), (2, "\nd\n")];

    #[test]
    fn every_line_has_the_stamp_of_the_instant_at_which_it_began() {
        let stamped = log(LogForm::Stamped, PIECES, &[(3, "e")]);
        let (raw, text, _) = reads(&stamped, 3, LogForm::Stamped);
        let expected = "\u{1b}_bk;t=5\u{7}ab\r\n\u{1b}_bk;t=1005\u{7}\r\n\u{1b}_bk;t=1005\u{7}c\r\r\n\
                        \u{1b}_bk;t=2005\u{7}d\r\n\u{1b}_bk;t=3005\u{7}e";
        assert_eq!(raw, expected);
        assert_eq!(text, "ab\n\nc\r\nd\ne");
        assert_eq!(read(&stamped, 2, LogForm::Stamped).text(), "ab\n\nc\r\nd\n");
        let printed = log(LogForm::AsPrinted, PIECES, &[(3, "e")]);
        let (raw, text, _) = reads(&printed, 3, LogForm::AsPrinted);
        assert_eq!(raw, text);
    }

    #[test]
    fn a_stamp_that_a_command_prints_itself_is_its_own() {
        let text = "\u{1b}_bk;t=1\u{7}x\n\u{7}\r\n\r";
        let printed = log(LogForm::Stamped, &[(0, text), (1, "\n"), (2, text)], &[]);
        assert_eq!(
            reads(&printed, 2, LogForm::Stamped).1,
            format!("{text}\n{text}")
        );
    }

    #[test]
    fn size_and_end_are_those_of_the_whole() {
        for form in [LogForm::Stamped, LogForm::AsPrinted] {
            let log = log(
                form,
                &[(0, "a"), (1, "bö\n\nc"), (2, "\nd\n")],
                &[(3, "e\nf"), (3, "g\n")],
            );
            for second in 0..5 {
                let printed = read(&log, second, form);
                let (whole, text, _) = reads(&log, second, form);
                for from in 0..=whole.len() + 1 {
                    let expected = whole.as_bytes().get(from..).unwrap_or_default();
                    assert_eq!(bytes(printed, from), expected);
                }
                for limit in 0..=text.len() + 1 {
                    let (end, before) = printed.end_of_text(limit);
                    assert!(end.len() >= limit.min(text.len()));
                    assert_eq!(end, text[before..]);
                }
            }
        }
    }

    /// The lines of a script are written out before it is known what comes between them.
    #[test]
    fn what_is_written_between_the_lines_of_a_script_joins_them() {
        let plan = [(1, "one\n"), (2, "two, "), (3, "three\n"), (4, "four\n")];
        for said in ["said\n", "said, "] {
            for second in 0..5 {
                let mut log = log(LogForm::Stamped, &[], &plan);
                log.take_due(at(second));
                log.write(at(second), said, LogForm::Stamped);
                let (raw, text, _) = reads(&log, 4, LogForm::Stamped);
                let mut lines: Vec<(i64, &str)> = plan.to_vec();
                lines.insert(usize::try_from(second).expect("one"), (second, said));
                let mut expected = String::new();
                let mut starts = true;
                for (second, line) in lines {
                    if starts {
                        expected += &stretch::stamp(at(second));
                    }
                    expected += &line.replace('\n', "\r\n");
                    starts = line.ends_with('\n');
                }
                assert_eq!(raw, expected);
                let stamps = text.len() + raw.matches("\r\n").count();
                assert!(raw.len() > stamps && !text.contains('\u{1b}'), "{text:?}");
            }
        }
    }

    #[test]
    fn headers_have_times_where_lines_have_none() {
        let times = |form| {
            let log = log(
                form,
                &[(0, "--- a\n---b\n~~"), (1, "~ c\n+++ d\n")],
                &[(2, "~~~ e")],
            );
            reads(&log, 2, form).2
        };
        assert_eq!(times(LogForm::Stamped), [0_i64; 0]);
        assert_eq!(
            times(LogForm::AsPrinted),
            [5_000_000, 1_005_000_000, 2_005_000_000]
        );
    }

    #[test]
    fn what_was_printed_is_taken_out_of_the_plan_once() {
        let form = LogForm::AsPrinted;
        let mut log = log(form, &[(0, "a")], &[(1, "b"), (2, "c"), (3, "d")]);
        log.take_due(at(2));
        log.take_due(at(2));
        assert_eq!(read(&log, 2, form).text(), "abc");
        assert_eq!(read(&log, 2, form).grows_at(), Some(at(3)));
        assert_eq!(read(&log, 3, form).text(), "abcd");
        assert_eq!(read(&log, 3, form).grows_at(), None);
    }

    #[test]
    fn readers_share_what_is_kept_and_writers_leave_it_alone() {
        for form in [LogForm::Stamped, LogForm::AsPrinted] {
            let line = "x".repeat(999) + "\n";
            let mut log = log(form, &[], &[(0, &line), (0, &line)]);
            log.take_due(at(0));
            for _ in 0..200 {
                log.write(at(0), &line, form);
            }
            let parts = |log: &Log| read(log, 9, form).raw_from(0);
            let (first, second) = (parts(&log), parts(&log));
            let all = bytes(read(&log, 9, form), 0);
            for (a, b) in first.iter().zip(&second) {
                assert_eq!(a.as_ref().as_ptr(), b.as_ref().as_ptr(), "the same bytes");
            }
            assert!(first.len() < 6, "in few parts: {}", first.len());
            log.write(at(0), "more", form);
            let held: Vec<u8> = first.iter().flat_map(AsRef::as_ref).copied().collect();
            assert_eq!(held, all);
            let parts = parts(&log);
            assert_eq!(parts[0].as_ref().as_ptr(), first[0].as_ref().as_ptr());
            assert_eq!(parts[1].as_ref().as_ptr(), first[1].as_ref().as_ptr());
        }
    }
}
