//! What is known of one job, for whoever draws it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::graph;
use crate::engine::job::{Job, JobKey};
use crate::vocabulary::exit::Exit;
use crate::vocabulary::ids::JobId;
use crate::vocabulary::states::{BuildState, JobState, JobType};

/// How much of a log is kept: the last 64 KiB, and less where many logs would be more than 4 MiB together.
const LOG: usize = 64 * 1024;
const LOGS: usize = 4 * 1024 * 1024;

/// One attempt of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: JobId,
    pub(super) kind: JobType,
    /// How people call it, without its attempt.
    pub(super) name: String,
    /// Its label, if it is called by something else.
    pub(super) label: Option<String>,
    pub(super) attempt: u32,
    /// The number of its step.
    pub(super) step: usize,
    /// Which group it is in, and how that is called.
    pub(super) group: Option<(usize, String)>,
    pub(super) state: JobState,
    pub(super) soft_failed: bool,
    pub(super) exit: Option<Exit>,
    pub(super) broken_reason: Option<Arc<str>>,
    pub(super) limited_at: Option<DateTime<Utc>>,
    /// When it could run, when it began, when it ended; the last is now for a job that runs.
    pub(super) runnable_at: Option<DateTime<Utc>>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    /// When nothing but a retry could follow, if it came to that.
    pub(super) over_at: Option<DateTime<Utc>>,
    /// Every state it was in, and since when.
    pub(super) history: Vec<(DateTime<Utc>, JobState)>,
    pub(super) agent: Option<String>,
    /// Who unblocked it, if a person did.
    pub(super) unblocked_by: Option<String>,
    pub(super) unblocked_at: Option<DateTime<Utc>>,
    /// The job this one retries, and how that came about.
    pub(super) retry_of: Option<(JobId, &'static str)>,
    pub(super) retried: Option<Retried>,
    /// The numbers of the steps it waits for.
    pub(super) depends_on: Vec<usize>,
    /// The build it made, and how that is.
    pub(super) triggered: Option<(Link, BuildState)>,
    /// Which of how many parallel jobs, from 1.
    pub(super) parallel: Option<(u32, u32)>,
    /// Whether its name is that of its step, and so of others like it.
    has_name_of_step: bool,
    pub(super) matrix: Vec<(String, String)>,
    /// The end of what it printed, and whether that is not all.
    pub(super) log: Option<Log>,
    pub(super) note: Option<String>,
}

/// That a job was retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Retried {
    pub(super) into: JobId,
    pub(super) how: &'static str,
    pub(super) by: Option<String>,
}

/// What a job printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) text: String,
    /// How many bytes before it are left out.
    pub(super) left_out: usize,
}

/// A build that can be gone to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// `app#1`
    pub(super) name: String,
    /// From the origin of the fake.
    pub(super) path: String,
}

/// How much of each log is kept if there are so many jobs.
pub(super) fn log_limit(jobs: usize) -> usize {
    LOG.min(LOGS / jobs.max(1))
}

impl Link {
    /// Nothing, if its pipeline was deleted.
    pub(super) fn to_build(engine: &Engine, key: BuildKey) -> Option<Self> {
        let build = engine.find_build(key)?;
        let organization = &engine.organization(build.organization).slug;
        let slug = &engine.pipeline(build.pipeline).slug;
        Some(Self {
            name: engine.build_ref(key).to_string(),
            path: format!("/{organization}/{slug}/builds/{}", build.number),
        })
    }
}

impl Row {
    pub(super) fn of(engine: &Engine, key: JobKey, log_limit: usize) -> Self {
        let job = engine.job(key);
        let step = engine.step_of(job);
        let name_of_user = |user| engine.user(user).name.clone();
        let name = engine.name_of(job);
        let label = graph::label_of(&job.spec).filter(|label| *label != &*name);
        let started_at = job.times.started_at;
        let state = job.state.reported();
        let history: Vec<_> = job.history.iter().map(|one| (one.at, one.state)).collect();
        let entered_last = history.last().map(|(at, _)| *at);
        Self {
            id: job.id,
            kind: job.kind,
            label: label.map(str::to_owned),
            name: name.to_string(),
            attempt: job.attempt,
            step: job.step,
            group: step.group.as_ref().map(|group| {
                let common = &group.step.common;
                let name = group.step.label.as_ref().or(common.key.as_ref());
                (
                    group.number,
                    name.map_or("group", String::as_str).to_owned(),
                )
            }),
            state,
            soft_failed: job.soft_failed,
            exit: job.exit.clone(),
            broken_reason: job.broken_reason.clone(),
            limited_at: job.times.limited_at,
            runnable_at: job.times.runnable_at,
            started_at,
            ended_at: job.times.finished_at.or(started_at.map(|_| engine.now())),
            over_at: entered_last.filter(|_| state.is_terminal()),
            history,
            agent: job.agent.map(|agent| engine.agent(agent).name.to_string()),
            unblocked_by: job.unblocked_by.map(name_of_user),
            unblocked_at: job.times.unblocked_at,
            retry_of: job
                .retry_of
                .map(|(old, kind)| (engine.job(old).id, kind.word())),
            retried: job.retried.map(|retried| Retried {
                into: engine.job(retried.into).id,
                how: retried.kind.word(),
                by: retried.by.map(name_of_user),
            }),
            depends_on: step.edges.iter().map(|edge| edge.on).collect(),
            triggered: job.triggered_build.and_then(|build| {
                let link = Link::to_build(engine, build)?;
                Some((link, engine.build(build).state))
            }),
            has_name_of_step: name == step.name,
            parallel: job.parallel.map(|(index, total)| (index + 1, total)),
            matrix: job.matrix.as_deref().unwrap_or_default().to_vec(),
            log: Log::of(engine.log_of(key).end_of_text(log_limit), log_limit),
            note: note_of(engine, job),
        }
    }

    /// `test (attempt 2)`
    pub(super) fn title(&self) -> String {
        match self.attempt {
            1 => self.name.clone(),
            attempt => format!("{} (attempt {attempt})", self.name),
        }
    }

    /// Which of how many jobs with its name.
    pub(super) fn nth(&self) -> Option<(u32, u32)> {
        self.parallel.filter(|_| self.has_name_of_step)
    }

    /// `test 1 of 3 (attempt 2)`, where several jobs are called the same.
    pub(super) fn full_title(&self) -> String {
        let Some((nth, of)) = self.nth() else {
            return self.title();
        };
        match self.attempt {
            1 => format!("{} {nth} of {of}", self.name),
            attempt => format!("{} {nth} of {of} (attempt {attempt})", self.name),
        }
    }

    /// The state, with the exit status of what failed.
    pub(super) fn state_text(&self) -> String {
        match (self.state, &self.exit) {
            (JobState::Failed, Some(exit)) if self.soft_failed => {
                format!("soft failed ({})", exit.status)
            }
            (JobState::Failed, Some(exit)) => format!("failed ({})", exit.status),
            _ => self.state.to_string(),
        }
    }

    /// How long it waited for whoever runs it, by now.
    pub(super) fn queued_for(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        if self.kind != JobType::Script {
            return None;
        }
        let until = self.started_at.or(self.over_at).unwrap_or(now);
        Some((until - self.runnable_at?).max(TimeDelta::zero()))
    }

    /// How long it ran, or a gate was closed, by now.
    pub(super) fn ran_for(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        let from = match self.kind {
            JobType::Manual => self.blocked_at()?,
            JobType::Script | JobType::Trigger | JobType::Waiter => self.started_at?,
        };
        Some(self.over_at.unwrap_or(now) - from)
    }

    pub(super) fn created_at(&self) -> DateTime<Utc> {
        let created = self.history.first().expect("a job is created in a state");
        created.0
    }

    /// When it began to wait for a person.
    pub(super) fn blocked_at(&self) -> Option<DateTime<Utc>> {
        let mut history = self.history.iter();
        let blocked = history.find(|(_, state)| *state == JobState::Blocked);
        blocked.map(|(at, _)| *at)
    }
}

impl Log {
    /// The last `limit` bytes, from the beginning of a line if there is one, without what only a terminal understands.
    /// `before`: how many bytes there are besides.
    fn of((text, before): (String, usize), limit: usize) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let mut from = text.len().saturating_sub(limit);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        if from > 0 {
            from += text[from..].find('\n').map_or(0, |end| end + 1);
        }
        Some(Self {
            text: without_escapes(&text[from..]),
            left_out: before + from,
        })
    }
}

/// A text without colours and cursor moves (`ESC [ … letter`), and without the timestamps of agents (`ESC _ … BEL`).
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split('\u{1b}');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let is_last: fn(char) -> bool = match piece.chars().next() {
            Some('[') => |c| ('\u{40}'..='\u{7e}').contains(&c) && c != '[',
            Some('_') => |c| c == '\u{7}',
            Some(_) | None => {
                plain.push('\u{1b}');
                plain.push_str(piece);
                continue;
            }
        };
        let rest = piece.split_once(is_last).map(|(_, rest)| rest);
        plain.push_str(rest.unwrap_or_default());
    }
    plain
}

fn note_of(engine: &Engine, job: &Job) -> Option<String> {
    if job.is_superseded() {
        return Some("retried".to_owned());
    }
    match (job.kind, job.state.reported()) {
        (JobType::Manual, JobState::Blocked) => Some("waits for a person".to_owned()),
        (_, JobState::Waiting | JobState::WaitingFailed)
            if engine.step_of(job).depends_on_missing =>
        {
            let named = engine
                .step_of(job)
                .step
                .common()
                .depends_on
                .iter()
                .flatten();
            let is_unknown = |key: &&str| {
                engine
                    .steps(job.build)
                    .all(|step| step.step.common().key.as_deref() != Some(*key))
            };
            let unknown: Vec<_> = named
                .map(|on| on.step.as_str())
                .filter(is_unknown)
                .collect();
            Some(format!(
                "needs `{}`, which no step is called",
                unknown.join("`, `")
            ))
        }
        (_, JobState::Broken) => job.broken_reason.as_ref().map(ToString::to_string),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_loses_what_only_a_terminal_understands() {
        let table = [
            ("plain\n", "plain\n"),
            (
                "\u{1b}[31mred\u{1b}[0m, \u{1b}[1;32mgreen\u{1b}[m",
                "red, green",
            ),
            ("\u{1b}_bk;t=1893456000000\u{7}line", "line"),
            ("an \u{1b}[unfinished", "an nfinished"),
            ("an \u{1b}", "an \u{1b}"),
            ("\u{1b}[31", ""),
        ];
        for (text, expected) in table {
            assert_eq!(without_escapes(text), expected, "{text:?}");
        }
    }

    #[test]
    fn of_a_long_log_the_last_whole_lines_are_kept() {
        let log = Log::of(("one\nzwölf\nthree\n".to_owned(), 7), 9).expect("a log");
        assert_eq!((log.text.as_str(), log.left_out), ("three\n", 18));
        let log = Log::of(("ööööö".to_owned(), 0), 5).expect("a log");
        assert_eq!((log.text.as_str(), log.left_out), ("öö", 6));
        assert_eq!(Log::of((String::new(), 0), 9), None);
    }
}
