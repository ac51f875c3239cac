//! The fake's clock: what moves it, and how far.
//!
//! Due things fire one by one, each at its own instant. Whoever moves the clock holds the lock for one instant at a
//! time, so that a request can come in between two of them.
//!
//! Elsewhere: what is due (`engine::timers`), what a test calls (`fake`).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::Engine;
use crate::engine::timers::Timer;
use crate::vocabulary::event::Event;
use crate::vocabulary::slip::{slip, wording};
use crate::vocabulary::span::instant;

/// Where the clock stands at the start: 2030-01-01T00:00:00Z, the same in every run.
pub(crate) const EPOCH: DateTime<Utc> =
    DateTime::from_timestamp(1_893_456_000, 0).expect("in range");

/// How many due things one call may fire: 100,000.
pub(crate) const EVENT_LIMIT: usize = 100_000;

/// What moves the clock of a fake.
///
/// ```
/// use fake_buildkite::{Clock, FakeBuildkite};
///
/// let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
/// assert_eq!(fake.clock().mode(), Clock::StepPerPoll);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Clock {
    /// The test does, and nothing else. For most tests.
    #[default]
    Manual,
    /// Each request moves it by this much, after it was answered. For programs that run on their own and cannot be
    /// interleaved with the test. It does not wait for receivers of webhooks; nor does `StepPerPoll`. Pages for people ([`Route::is_page`](crate::Route::is_page)) do not count.
    PerRequest(Duration),
    /// Each read of a build that is not finished moves it to the next due thing that moves a build forward, after it was
    /// answered: every poll sees something new, whatever interval the poller keeps. So does each read of the log of a job
    /// that is not over, and there the next line counts as well. While nothing is due (a blocked build, a command that
    /// hangs, no agents) the clock stays; expiry, the loss of an agent and schedules do not count.
    StepPerPoll,
    /// Real time does, `speed` times as fast. For demos and for servers that people look at, not for tests: what happens
    /// still happens at its own instant, but which of it a request sees depends on the machine. What real time is, the
    /// server's runtime says.
    ///
    /// ```
    /// use fake_buildkite::{Clock, FakeBuildkite};
    ///
    /// // An hour in a second.
    /// let fake = FakeBuildkite::builder().clock(Clock::Wall { speed: 3_600.0 }).start();
    /// let build = fake.pipeline("app").create_build();
    /// fake.wait_for(&build, |build| build.is_finished()).blocking();
    /// ```
    Wall {
        /// How many seconds of the fake's time pass in one real second: finite, and more than nothing.
        speed: f64,
    },
    /// tokio's clock does, which a test pauses with `#[tokio::test(start_paused = true)]`: a program that polls and
    /// sleeps for hours has done so in milliseconds, and every due thing happens between the two sleeps where it belongs.
    /// Needs [`on_current_runtime`](crate::FakeBuildkiteBuilder::on_current_runtime).
    ///
    /// Whatever is due in the fake is a timer of the runtime, so a paused clock goes there when nothing else is due
    /// earlier: a program that waits for something that never comes sees its jobs expire after thirty days. When the clock
    /// is not paused, this is `Wall { speed: 1.0 }`.
    FollowTokio,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manual => f.write_str("Manual"),
            Self::PerRequest(by) => write!(f, "PerRequest({by:?})"),
            Self::StepPerPoll => f.write_str("StepPerPoll"),
            Self::Wall { speed } => write!(f, "Wall {{ speed: {speed} }}"),
            Self::FollowTokio => f.write_str("FollowTokio"),
        }
    }
}

impl Clock {
    /// As a slip names it: as in Rust, or as the command line spells it.
    pub(crate) fn worded(self) -> String {
        wording(&self.to_string(), &self.spelled()).to_owned()
    }

    /// As the command line spells it: `per-request:5s`. One that it has not, because it takes a test in Rust, is as there.
    pub(crate) fn spelled(self) -> String {
        match self {
            Self::Manual => "manual".to_owned(),
            Self::PerRequest(by) => format!("per-request:{by:?}"),
            Self::StepPerPoll => "step-per-poll".to_owned(),
            Self::Wall { speed } => format!("wall:{speed}"),
            Self::FollowTokio => self.to_string(),
        }
    }
}

/// How far one call moves the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// To this instant.
    Instant(DateTime<Utc>),
    /// Past the next thing that moves a build forward.
    NextStep,
    /// Until nothing is armed that moves a build forward.
    Idle,
}

/// What one call to move the clock has done so far, against its limit.
#[derive(Debug)]
pub(crate) struct Journey {
    until: Until,
    /// The one step was taken.
    over: bool,
    limit: usize,
    fired: usize,
    /// How often each thing fired, by its description: what keeps re-arming shows here.
    counts: BTreeMap<String, usize>,
}

/// A call fired more than it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Runaway(String);

impl fmt::Display for Runaway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many suspects a runaway names.
const SUSPECTS: usize = 5;

impl Journey {
    pub(crate) fn new(until: Until, limit: usize) -> Self {
        Self {
            until,
            over: false,
            limit,
            fired: 0,
            counts: BTreeMap::new(),
        }
    }

    /// Fires what is due at the next instant, if that is on the way. `Ok(None)` when the journey is over; the clock
    /// stands at its end then.
    pub(crate) fn next_instant(
        &mut self,
        engine: &mut Engine,
    ) -> Result<Option<Vec<Event>>, Runaway> {
        if self.over {
            return Ok(None);
        }
        let next = match self.until {
            Until::Instant(_) => engine.timers().first(),
            Until::NextStep | Until::Idle => engine
                .timers()
                .first_progress()
                .and_then(|_| engine.timers().first()),
        };
        let Some((key, _)) = next.filter(|(key, _)| self.reaches(key.due)) else {
            if let Until::Instant(target) = self.until {
                // Somebody else may have moved it further meanwhile.
                engine.wait_until(target.max(engine.now()));
            }
            return Ok(None);
        };
        let mut events = Vec::new();
        while let Some(timer) = self.fire(engine, key.due, &mut events)? {
            // A pick-up for which no agent is free is no step anyone could see.
            if self.until == Until::NextStep && timer.is_progress() && !events.is_empty() {
                self.over = true;
                break;
            }
        }
        Ok(Some(events))
    }

    fn reaches(&self, due: DateTime<Utc>) -> bool {
        match self.until {
            Until::Instant(target) => due <= target,
            Until::NextStep | Until::Idle => true,
        }
    }

    fn fire(
        &mut self,
        engine: &mut Engine,
        instant: DateTime<Utc>,
        events: &mut Vec<Event>,
    ) -> Result<Option<Timer>, Runaway> {
        let Some((_, timer)) = engine
            .timers()
            .first()
            .filter(|(key, _)| key.due <= instant)
        else {
            return Ok(None);
        };
        self.fired += 1;
        // Names are made only for the last stretch before the limit: nobody reads them otherwise.
        if self.fired + 1_000 > self.limit {
            let name = engine.describe(timer);
            *self.counts.entry(name).or_default() += 1;
        }
        if self.fired > self.limit {
            return Err(self.runaway(engine));
        }
        Ok(engine.fire_next(instant, events))
    }

    fn runaway(&self, engine: &Engine) -> Runaway {
        let mut suspects: Vec<_> = self.counts.iter().collect();
        suspects.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let suspects: Vec<_> = suspects
            .iter()
            .take(SUSPECTS)
            .map(|(what, count)| match count {
                1 => format!("\n  {what} (once)"),
                count => format!("\n  {what} ({count} times)"),
            })
            .collect();
        let now = instant(engine.now());
        Runaway(format!(
            "the clock stopped at {now} after {} due things in one call, its limit; a longer journey needs {}. Due in the \
             last stretch:{}",
            self.limit,
            wording(
                "`.event_limit(..)` on the builder",
                "a server with `--event-limit`"
            ),
            suspects.concat()
        ))
    }
}

/// The instant `by` after `now`.
///
/// # Panics
///
/// If the calendar has no such instant.
#[track_caller]
pub(crate) fn after(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let target = TimeDelta::from_std(by)
        .ok()
        .and_then(|by| now.checked_add_signed(by));
    target.unwrap_or_else(|| slip!("the calendar ends before {by:?} after {}", instant(now)))
}
