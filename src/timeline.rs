//! A build as a picture of text: its jobs as bars over the fake's time.
//!
//! Elsewhere: what is true (`engine`); this only draws it.

use std::fmt::{self, Write as _};

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::job::{Job, JobKey};
use crate::vocabulary::event::BuildRef;
use crate::vocabulary::states::{BuildState, JobState, JobType};

/// How many characters a bar has.
const WIDTH: u8 = 32;

/// A build over the fake's time, one line for each job. `Display` draws it:
///
/// ```
/// use fake_buildkite::{FakeBuildkite, minutes};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}, wait, {command: ship, key: deploy}]").create();
/// app.on_job("test").takes(minutes(3));
/// app.on_job("deploy").takes(minutes(1));
/// let build = app.create_build();
/// fake.run_until_idle();
/// println!("{}", build.timeline());
/// assert!(build.timeline().to_string().starts_with("app#1 main passed, 0:00:00 to 0:04:02"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    build: BuildRef,
    branch: String,
    state: BuildState,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
    is_over: bool,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    state: String,
    /// When it could run, when it began, when it ended; the last is now for a job that runs.
    runnable_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    note: Option<String>,
}

impl Timeline {
    pub(crate) fn of(engine: &Engine, key: BuildKey) -> Self {
        let build = engine.build(key);
        let rows: Vec<_> = engine
            .jobs_of(key)
            .map(|(job, _)| Row::of(engine, job))
            .collect();
        let is_over = build.finished_at.is_some();
        let last = rows.iter().filter_map(|row| row.ended_at).max();
        let ends = build
            .finished_at
            .unwrap_or(engine.now())
            .max(last.unwrap_or(build.created_at));
        Self {
            build: engine.build_ref(key),
            branch: build.head.branch.clone(),
            state: build.state,
            begins: build.created_at,
            ends,
            is_over,
            rows,
        }
    }
}

impl Row {
    fn of(engine: &Engine, key: JobKey) -> Self {
        let job = engine.job(key);
        let name = engine.name_of(job).to_string();
        let name = if job.attempt > 1 {
            format!("{name} (attempt {})", job.attempt)
        } else {
            name
        };
        let started_at = job.times.started_at;
        let ended_at = job.times.finished_at.or(started_at.map(|_| engine.now()));
        Self {
            name,
            state: state_of(job),
            runnable_at: job.times.runnable_at,
            started_at,
            ended_at,
            note: note_of(engine, job),
        }
    }
}

fn state_of(job: &Job) -> String {
    let state = job.state.reported();
    match (state, &job.exit) {
        (JobState::Failed, Some(exit)) if job.soft_failed => {
            format!("soft failed ({})", exit.status)
        }
        (JobState::Failed, Some(exit)) => format!("failed ({})", exit.status),
        _ => state.to_string(),
    }
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

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = |at: DateTime<Utc>| clock_face(at - self.begins);
        let ends = if self.is_over {
            since(self.ends)
        } else {
            format!("{} and on", since(self.ends))
        };
        writeln!(
            f,
            "{} {} {}, 0:00:00 to {ends}",
            self.build, self.branch, self.state
        )?;
        let name_width = self
            .rows
            .iter()
            .map(|row| row.name.chars().count())
            .max()
            .unwrap_or(0);
        let state_width = self
            .rows
            .iter()
            .map(|row| row.state.len())
            .max()
            .unwrap_or(0);
        for row in &self.rows {
            let mut line = format!(
                "  {:name_width$}  {:state_width$}  {}",
                row.name,
                row.state,
                self.bar(row)
            );
            if let (Some(from), Some(to)) = (row.started_at, row.ended_at) {
                write!(line, "  {} to {}", since(from), since(to))?;
            }
            if let Some(note) = &row.note {
                line.push_str("  ");
                line.push_str(note);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Timeline {
    /// `·` while it could run and did not, `█` while it ran.
    fn bar(&self, row: &Row) -> String {
        let whole = (self.ends - self.begins).num_milliseconds().max(1);
        let column = |at: DateTime<Utc>| {
            let part = (at - self.begins).num_milliseconds().clamp(0, whole);
            usize::try_from(part * i64::from(WIDTH) / whole)
                .unwrap_or(0)
                .min(usize::from(WIDTH) - 1)
        };
        let mut bar = vec![' '; usize::from(WIDTH)];
        if let Some(runnable) = row.runnable_at {
            let until = row.started_at.or(row.ended_at).unwrap_or(self.ends);
            bar[column(runnable)..=column(until)].fill('·');
        }
        if let (Some(from), Some(to)) = (row.started_at, row.ended_at) {
            // A job that took any time at all has a bar.
            bar[column(from)..=column(to).max(column(from))].fill('█');
        }
        bar.into_iter().collect()
    }
}

/// `1:02:03` of hours, minutes and seconds.
fn clock_face(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    format!(
        "{}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}
