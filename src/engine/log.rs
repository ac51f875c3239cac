//! What jobs print: a log of each job, growing as the clock moves, and the two ways to read it.
//!
//! What a command printed is kept as it was said; the raw log is made from it on reading, as an agent would send it: each
//! line begins with its instant (`ESC _bk;t=<ms> BEL`) and ends in `\r\n`. Pieces are shared and never copied until
//! somebody reads them, and both readings are one pass.
//!
//! Elsewhere: how a script's lines are spread over time (`dispatch`), what the API shows (`wire::log`).
//! Source: recorded logs of 2023 and 2025; buildkite-agent, which sends no header times when it stamps lines.

use std::fmt::{self, Write};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::VectorSync;

use crate::engine::Engine;
use crate::engine::job::JobKey;
use crate::vocabulary::ids;

/// What raw logs look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogForm {
    /// As agents send them: time stamps, and `\r\n`.
    /// Chosen: one `\r` a line, as on lines of the agent itself; those of a command in a terminal were recorded with two.
    #[default]
    Stamped,
    /// Byte for byte what was printed.
    AsPrinted,
}

/// A piece of a job's log, there from an instant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogEntry {
    at: DateTime<Utc>,
    text: Arc<str>,
}

/// What a job printed and, if nothing stops its command, what its script will print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    printed: VectorSync<LogEntry>,
    /// The lines of its script, each at its instant.
    planned: Arc<[LogEntry]>,
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
            printed: VectorSync::new_sync(),
            planned: Arc::from([]),
            taken: 0,
            digest: 0,
        }
    }

    /// The lines of the script that are there by now and not yet among what was printed.
    fn due(&self, now: DateTime<Utc>) -> &[LogEntry] {
        let left = &self.planned[self.taken..];
        &left[..left.partition_point(|entry| entry.at <= now)]
    }

    /// What the script has printed by now is no plan any more.
    fn take_due(&mut self, now: DateTime<Utc>) {
        let due = self.due(now).len();
        for entry in &self.planned[self.taken..self.taken + due] {
            self.printed.push_back_mut(entry.clone());
        }
        self.taken += due;
    }

    fn fold(&mut self, entry: &LogEntry) {
        let at = u64::from_le_bytes(entry.at.timestamp_micros().to_le_bytes());
        let mut digest = ids::mix(self.digest ^ at);
        for chunk in entry.text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            digest = ids::mix(digest ^ u64::from_le_bytes(word));
        }
        // The length tells "a" from "a\0".
        self.digest = ids::mix(digest ^ entry.text.len() as u64);
    }
}

impl Engine {
    pub(crate) fn log_in_form(&mut self, form: LogForm) {
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
    pub(crate) fn append_log(&mut self, key: JobKey, text: Arc<str>) {
        if text.is_empty() {
            return;
        }
        let entry = LogEntry { at: self.now, text };
        let now = self.now;
        let log = self.log_to_change(key);
        log.take_due(now);
        log.fold(&entry);
        log.printed.push_back_mut(entry);
    }

    /// What a command that starts will print, in the order of the instants.
    pub(super) fn plan_log(&mut self, key: JobKey, lines: Vec<(DateTime<Utc>, Arc<str>)>) {
        if lines.is_empty() {
            return;
        }
        let log = self.log_to_change(key);
        let lines: Vec<_> = lines
            .into_iter()
            .map(|(at, text)| LogEntry { at, text })
            .collect();
        for entry in &lines {
            log.fold(entry);
        }
        log.planned = lines.into();
        log.taken = 0;
    }

    /// A command that was stopped prints no more of what its script had planned.
    pub(super) fn cut_log(&mut self, key: JobKey) {
        let now = self.now;
        if let Some(log) = self.logs.get_mut(&key) {
            log.take_due(now);
            log.planned = Arc::from([]);
            log.taken = 0;
        }
    }

    /// Throws away what is there by now.
    pub(super) fn empty_log(&mut self, key: JobKey) {
        let now = self.now;
        if let Some(log) = self.logs.get_mut(&key) {
            log.take_due(now);
            log.printed = VectorSync::new_sync();
            log.digest = ids::mix(!log.digest);
        }
    }

    #[cfg(test)]
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
        assert!(kept.taken <= kept.planned.len());
        let entries = || kept.printed.iter().chain(&kept.planned[kept.taken..]);
        assert!(entries().all(|entry| !entry.text.is_empty()));
        assert!(
            entries().map(|entry| entry.at).is_sorted(),
            "a log has an order"
        );
        assert_eq!(log.size(), log.raw().to_string().len());
    }

    fn log_to_change(&mut self, key: JobKey) -> &mut Log {
        if self.logs.get(&key).is_none() {
            self.logs.insert_mut(key, Log::new());
        }
        self.logs.get_mut(&key).expect("a log that is there")
    }
}

impl<'e> Printed<'e> {
    fn entries(self) -> impl Iterator<Item = &'e LogEntry> {
        let log = self.log.into_iter();
        log.flat_map(move |log| log.printed.iter().chain(log.due(self.now)))
    }

    /// Each entry, and whether it begins a line.
    fn with_starts(self) -> impl Iterator<Item = (&'e LogEntry, bool)> {
        let mut starts = true;
        self.entries().map(move |entry| {
            let this = (entry, starts);
            starts = entry.text.ends_with('\n');
            this
        })
    }

    /// Stands for what can be read: of one job at one time, equal pairs mean equal logs.
    pub(crate) fn fingerprint(self) -> (u64, u64) {
        let of = |log: &Log| {
            let there = log.printed.len() + log.due(self.now).len();
            (log.digest, there as u64)
        };
        self.log.map_or((0, 0), of)
    }

    /// When more will be there, if nothing happens to its command.
    pub(crate) fn grows_at(self) -> Option<DateTime<Utc>> {
        let log = self.log?;
        let next = log.taken + log.due(self.now).len();
        Some(log.planned.get(next)?.at)
    }

    /// As it was printed.
    pub(crate) fn text(self) -> String {
        let mut text = String::with_capacity(self.entries().map(|entry| entry.text.len()).sum());
        text.extend(self.entries().map(|entry| &*entry.text));
        text
    }

    /// At least the last `limit` bytes as they were printed, if there are so many, and how many there are before them.
    pub(crate) fn end_of_text(self, limit: usize) -> (String, usize) {
        let size: usize = self.entries().map(|entry| entry.text.len()).sum();
        let (mut before, mut text) = (0, String::new());
        for entry in self.entries() {
            if text.is_empty() && before + entry.text.len() + limit <= size {
                before += entry.text.len();
            } else {
                text.push_str(&entry.text);
            }
        }
        (text, before)
    }

    /// The raw log, for `Display`.
    pub(crate) fn raw(self) -> Raw<'e> {
        Raw(self)
    }

    /// How many bytes the raw log has.
    pub(crate) fn size(self) -> usize {
        self.with_starts()
            .map(|(entry, starts)| entry.raw_len(self.form, starts))
            .sum()
    }

    /// The raw log, but for its first bytes.
    pub(crate) fn raw_from(self, from: usize) -> Vec<u8> {
        let (mut before, mut end) = (0, String::new());
        for (entry, starts) in self.with_starts() {
            let len = entry.raw_len(self.form, starts);
            if end.is_empty() && before + len <= from {
                before += len;
            } else {
                entry
                    .write(&mut end, self.form, starts)
                    .expect("a String takes everything");
            }
        }
        let mut end = end.into_bytes();
        end.drain(..(from - before).min(end.len()));
        end
    }

    /// When the headers of its groups (`---`, `+++`, `~~~`) were printed, in nanoseconds.
    ///
    /// None where lines have time stamps: agents send either. Source: recorded in 2023 and 2025, with headers in the log.
    pub(crate) fn header_times(self) -> Vec<i64> {
        let mut times = Vec::new();
        if self.form == LogForm::Stamped {
            return times;
        }
        for (entry, starts) in self.with_starts() {
            let lines = entry.text.split_inclusive('\n').enumerate();
            let headers = lines.filter(|(n, line)| (*n > 0 || starts) && is_header(line));
            let nanoseconds = entry.at.timestamp_nanos_opt().unwrap_or(i64::MAX);
            times.extend(headers.map(|_| nanoseconds));
        }
        times
    }
}

/// Whether a line begins a group: as an agent has it, a mark and a space.
fn is_header(line: &str) -> bool {
    let rest = ["---", "+++", "~~~"]
        .iter()
        .find_map(|mark| line.strip_prefix(mark));
    rest.is_some_and(|rest| rest.starts_with(char::is_whitespace))
}

/// A raw log: what an agent sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'e>(Printed<'e>);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(log) = self;
        log.with_starts()
            .try_for_each(|(entry, starts)| entry.write(f, log.form, starts))
    }
}

impl LogEntry {
    fn stamp(&self) -> String {
        format!("\u{1b}_bk;t={}\u{7}", self.at.timestamp_millis())
    }

    fn write(&self, out: &mut impl Write, form: LogForm, mut starts: bool) -> fmt::Result {
        if form == LogForm::AsPrinted {
            return out.write_str(&self.text);
        }
        let stamp = self.stamp();
        for line in self.text.split_inclusive('\n') {
            if starts {
                out.write_str(&stamp)?;
            }
            let ended = line.strip_suffix('\n');
            out.write_str(ended.unwrap_or(line))?;
            starts = ended.is_some();
            if starts {
                out.write_str("\r\n")?;
            }
        }
        Ok(())
    }

    fn raw_len(&self, form: LogForm, starts: bool) -> usize {
        if form == LogForm::AsPrinted {
            return self.text.len();
        }
        let ends = self.text.bytes().filter(|byte| *byte == b'\n').count();
        let begun = ends + usize::from(!self.text.ends_with('\n')) - usize::from(!starts);
        self.text.len() + ends + begun * self.stamp().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(pieces: &[(i64, &str)], planned: &[(i64, &str)]) -> Log {
        let entry = |(second, text): &(i64, &str)| LogEntry {
            at: at(*second),
            text: Arc::from(*text),
        };
        Log {
            printed: pieces.iter().map(entry).collect(),
            planned: planned.iter().map(entry).collect(),
            ..Log::new()
        }
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

    #[test]
    fn every_line_has_the_stamp_of_the_instant_at_which_it_began() {
        let log = log(&[(0, "a"), (1, "b\n\nc\r"), (2, "\nd\n")], &[(3, "e")]);
        let shown = read(&log, 3, LogForm::Stamped).raw().to_string();
        let expected = "\u{1b}_bk;t=5\u{7}ab\r\n\u{1b}_bk;t=1005\u{7}\r\n\u{1b}_bk;t=1005\u{7}c\r\r\n\
                        \u{1b}_bk;t=2005\u{7}d\r\n\u{1b}_bk;t=3005\u{7}e";
        assert_eq!(shown, expected);
        assert_eq!(read(&log, 2, LogForm::Stamped).text(), "ab\n\nc\r\nd\n");
        let printed = read(&log, 3, LogForm::AsPrinted);
        assert_eq!(printed.raw().to_string(), printed.text());
    }

    #[test]
    fn size_and_end_are_those_of_the_whole() {
        let log = log(&[(0, "a"), (1, "bö\n\nc"), (2, "\nd\n")], &[(3, "e\nf")]);
        for form in [LogForm::Stamped, LogForm::AsPrinted] {
            for second in 0..5 {
                let printed = read(&log, second, form);
                let whole = printed.raw().to_string();
                assert_eq!(printed.size(), whole.len(), "{whole:?}");
                for from in 0..=whole.len() {
                    assert_eq!(printed.raw_from(from), &whole.as_bytes()[from..]);
                }
                let text = printed.text();
                for limit in 0..=text.len() + 1 {
                    let (end, before) = printed.end_of_text(limit);
                    assert!(end.len() >= limit.min(text.len()));
                    assert_eq!(end, text[before..]);
                }
            }
        }
    }

    #[test]
    fn headers_have_times_where_lines_have_none() {
        let log = log(
            &[(0, "--- a\n---b\n~~"), (1, "~ c\n+++ d\n")],
            &[(2, "~~~ e")],
        );
        let times = |form| read(&log, 2, form).header_times();
        assert_eq!(times(LogForm::Stamped), [0_i64; 0]);
        assert_eq!(
            times(LogForm::AsPrinted),
            [5_000_000, 1_005_000_000, 2_005_000_000]
        );
    }

    #[test]
    fn what_was_printed_is_taken_out_of_the_plan_once() {
        let mut log = log(&[(0, "a")], &[(1, "b"), (2, "c"), (3, "d")]);
        log.take_due(at(2));
        log.take_due(at(2));
        assert_eq!(read(&log, 2, LogForm::AsPrinted).text(), "abc");
        assert_eq!(read(&log, 2, LogForm::AsPrinted).grows_at(), Some(at(3)));
        assert_eq!(read(&log, 3, LogForm::AsPrinted).text(), "abcd");
        assert_eq!(read(&log, 3, LogForm::AsPrinted).grows_at(), None);
    }
}
