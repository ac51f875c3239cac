//! What came of moving the clock.

use std::fmt;
use std::ops::Deref;

use crate::engine::Engine;
use crate::engine::job::State;
use crate::engine::timers::{Timer, TimerKey};
use crate::vocabulary::event::{Event, JobRef};
use crate::vocabulary::span::instant;

/// What happened, oldest first. Reads like a slice; `Display` gives one line for each event.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, seconds};
///
/// let fake = FakeBuildkite::start();
/// fake.pipeline("app").create_build();
/// let happened = fake.advance(seconds(1));
/// assert_eq!(happened.len(), 4); // assigned, accepted, running; the build runs
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events(Vec<Event>);

impl Events {
    pub(crate) fn new(events: Vec<Event>) -> Self {
        Self(events)
    }
}

impl Deref for Events {
    type Target = [Event];

    fn deref(&self) -> &[Event] {
        &self.0
    }
}

impl IntoIterator for Events {
    type Item = Event;
    type IntoIter = std::vec::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

/// Where [`run_until_idle`](crate::FakeBuildkite::run_until_idle) ended.
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let steps = "steps: [{command: make, key: test}, {block: Release?}, {command: ship}]";
/// fake.pipeline("app").steps(steps).create_build();
/// let idle = fake.run_until_idle();
/// assert!(!idle.events.is_empty());
/// let waiting: Vec<_> = idle.waiting_on.iter().map(|waiting| &*waiting.job.name).collect();
/// assert_eq!(waiting, ["Release?"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Idle {
    /// What happened on the way.
    pub events: Events,
    /// The jobs that nothing but an action or an expiry will move. Jobs that only wait for these are not listed.
    pub waiting_on: Vec<Waiting>,
}

impl IntoIterator for Idle {
    type Item = Event;
    type IntoIter = std::vec::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_iter()
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.events)?;
        self.waiting_on
            .iter()
            .try_for_each(|waiting| writeln!(f, "{waiting}"))
    }
}

/// A job that does not move by itself, and why.
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
/// app.on_job("test").hangs();
/// app.create_build();
/// let waiting = fake.run_until_idle().waiting_on[0].clone();
/// assert_eq!(waiting.why, "is running: its command does not end by itself");
/// assert_eq!(waiting.to_string(), format!("{} {}", waiting.job, waiting.why));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// Which job.
    pub job: JobRef,
    /// Why, as the second half of a sentence that begins with the job.
    pub why: String,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.job, self.why)
    }
}

/// The next slot of a schedule and the next end of a pause, as more lines of what is left.
pub(super) fn next_unawaited(engine: &Engine) -> String {
    let first = |is_such: fn(Timer) -> bool| {
        let mut timers = engine.timers().iter();
        timers.find(|(_, timer)| is_such(*timer))
    };
    let slot = first(|timer| matches!(timer, Timer::Slot(_)));
    let resumption = first(|timer| matches!(timer, Timer::Resume(_)));
    let line = |(key, timer): (TimerKey, Timer)| {
        let (at, what) = (instant(key.due), engine.describe(timer));
        format!("\n  {what} at {at}, which nothing waits for: `advance` to it")
    };
    slot.into_iter().chain(resumption).map(line).collect()
}

/// What does not move by itself in this world.
pub(super) fn what_is_left(engine: &Engine) -> Vec<Waiting> {
    let open = engine.all_open_builds().into_iter();
    let jobs = open.flat_map(|build| engine.jobs_of(build));
    let stuck = jobs.filter_map(|(key, job)| {
        let moves = job
            .timers
            .iter()
            .any(|timer| engine.timers().is_progress(*timer));
        let is_with_agent = matches!(
            job.state,
            State::Reserved | State::Assigned | State::Accepted
        );
        let why = if job.state == State::Blocked {
            "is blocked: it waits for a person"
        } else if engine.polls_left(key).is_some() {
            "goes on when its build is shown often enough"
        } else if moves {
            return None;
        } else if job.state == State::Scheduled {
            let held = engine.why_not_dispatched(key);
            let paused = engine.paused_agent_for(key);
            let paused = paused.map(|agent| format!("{} is paused", engine.agent_ref(agent)));
            let why = held.or(paused);
            let why = why.as_deref().unwrap_or("no agent picks it up");
            return Some(Waiting {
                job: engine.job_ref(key),
                why: format!("is scheduled: {why}"),
            });
        } else if engine.is_silent(key) {
            "is with an agent that is not heard of, and will be lost"
        } else if job.state == State::Running {
            "is running: its command does not end by itself"
        } else if is_with_agent {
            "is with an agent that does not start it"
        } else {
            return None;
        };
        Some(Waiting {
            job: engine.job_ref(key),
            why: why.to_owned(),
        })
    });
    stuck.collect()
}
