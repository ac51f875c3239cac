//! Moving the clock, with receivers of webhooks that act while it stands.
//!
//! What is due at one instant happens, webhooks are told of it, receivers answer, and only then the clock goes on.
//! Without webhooks nobody has to be waited for.
//!
//! Elsewhere: how far a call goes (`clock`), who tells (`driver::post`).

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock::{Journey, Until};
use crate::driver::{Driver, Undelivered};
use crate::fake::wait::{self, Subject};
use crate::fake::{FakeBuildkite, Tie, Wait};
use crate::vocabulary::event::Event;
use crate::vocabulary::slip::slip;

/// What came of moving the clock: [`Events`](crate::Events) or [`Idle`](crate::Idle), and it reads like that.
///
/// It is complete when it is returned, and can be `.await`ed all the same. Only where webhooks are registered and the
/// call is made on a current-thread runtime of tokio, where waiting for a receiver would stop the very thread it may
/// need, nothing has happened yet: `.await` moves the clock then, and using or dropping this without it panics with a
/// sentence that says so. Without webhooks both forms are the same everywhere.
///
/// On a multi-thread runtime the call itself waits for receivers, and other tasks go on meanwhile. A task that is
/// aborted there ends when they have answered and not before: one that stays silent holds the thread of the task until
/// the [`webhook_timeout`](crate::FakeBuildkiteBuilder::webhook_timeout) is over. A test that aborts tasks sets a short
/// one.
///
/// Whoever receives a webhook may ask the fake anything and act through the API before it answers, but not move the
/// clock: the clock waits for its answer.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, seconds};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").create_build();
/// let happened = fake.advance(seconds(1));
/// assert_eq!(happened.len(), 4);
/// let happened = fake.advance(seconds(10)).await;
/// assert_eq!(happened.last().unwrap().to_string(), "2030-01-01T00:00:11.000Z app#1 running -> passed");
/// # });
/// ```
pub struct Advance<T, S = Never> {
    stage: Stage<T, S>,
    guard: Guard,
}

enum Stage<T, S> {
    Done(T),
    /// To be awaited.
    Ahead(Trip<T, S>),
    Taken,
}

/// The way from here to there.
struct Trip<T, S> {
    tie: Tie,
    journey: Journey,
    stop: S,
    has_stopped: bool,
    /// What is made of it in the end, or why that is a slip; also told whether it stopped before.
    finish: Finish<T>,
    events: Vec<Event>,
    /// Where the record stood at the start, once it is known, if webhooks are told: then what receivers do belongs to
    /// what happened.
    position: Option<u64>,
    listeners: Listeners,
}

/// What is made of a way in the end.
type Finish<T> = fn(&Driver, Vec<Event>, bool) -> Result<T, String>;

/// Whether webhooks are told of what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listeners {
    None,
    Some,
}

/// When to stop before the end.
pub trait Stop {
    /// Asked after every instant, and before the first.
    #[doc(hidden)]
    fn holds(&self) -> bool;
}

/// Goes to the end.
#[derive(Debug, Clone, Copy)]
pub struct Never;

impl Stop for Never {
    fn holds(&self) -> bool {
        false
    }
}

/// Stops when a condition holds.
pub struct When<'fake, C> {
    pub(super) fake: &'fake FakeBuildkite,
    pub(super) condition: C,
}

impl<C: Fn(&FakeBuildkite) -> bool> Stop for When<'_, C> {
    fn holds(&self) -> bool {
        (self.condition)(self.fake)
    }
}

impl<C> fmt::Debug for When<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("When")
    }
}

/// Sees to it that nothing is forgotten. Apart from the rest, so that what that borrows is free when it is last used.
struct Guard {
    /// Where something was asked for that has not been done.
    asked_at: Option<&'static Location<'static>>,
}

impl Guard {
    #[track_caller]
    fn complain(&self) {
        if let Some(asked_at) = self.asked_at {
            slip!(
                "the clock was not moved: webhooks are registered, and waiting for their receivers would stop this \
                 thread, the only one of its runtime; `.await` what the call at {asked_at} returns, or, where nobody can, as in \
                 `explore`, run the test on a runtime with more threads"
            )
        }
    }
}

/// Forgotten, it would be a clock that did not move.
impl Drop for Guard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.complain();
        }
    }
}

impl<T, S: Stop> Advance<T, S> {
    /// Goes there at once, unless that would stop a receiver.
    #[track_caller]
    pub(super) fn go(
        fake: &FakeBuildkite,
        target: impl FnOnce(DateTime<Utc>) -> Until,
        stop: S,
        finish: Finish<T>,
    ) -> Self {
        fake.must_be_movable();
        let listeners = match fake.driver.undelivered() {
            Undelivered::Never => Listeners::None,
            Undelivered::Letters(_) => Listeners::Some,
        };
        let mut trip = Trip {
            tie: fake.tie(),
            journey: fake.driver.journey(target),
            stop,
            has_stopped: false,
            finish,
            events: Vec::new(),
            position: None,
            listeners,
        };
        if listeners == Listeners::Some && wait::is_on_current_thread() {
            let asked_at = Some(Location::caller());
            return Self {
                stage: Stage::Ahead(trip),
                guard: Guard { asked_at },
            };
        }
        loop {
            if let Some(settled) = trip.unsettled() {
                settled.blocking();
            }
            if !trip.next_instant() {
                break;
            }
        }
        Self {
            stage: Stage::Done(trip.end()),
            guard: Guard { asked_at: None },
        }
    }
}

impl<T, S> Advance<T, S> {
    #[track_caller]
    fn done(&self) -> &T {
        self.guard.complain();
        match &self.stage {
            Stage::Done(done) => done,
            Stage::Ahead(_) | Stage::Taken => unreachable!("what is not done is guarded"),
        }
    }
}

impl<T, S: Stop> Trip<T, S> {
    /// What has to be waited for before the clock may go on.
    #[track_caller]
    fn unsettled(&self) -> Option<Wait<()>> {
        match self.tie.driver().undelivered() {
            Undelivered::Never | Undelivered::Letters(0) => None,
            Undelivered::Letters(_) => Some(settled(&self.tie)),
        }
    }

    /// One instant further. False when there is none on the way, or this is where it should stop.
    #[track_caller]
    fn next_instant(&mut self) -> bool {
        // What was still to be told from before is told by now, and is not what happened on this way.
        if self.listeners == Listeners::Some && self.position.is_none() {
            self.position = Some(self.tie.driver().position());
        }
        self.has_stopped = self.stop.holds();
        if self.has_stopped {
            return false;
        }
        match self.tie.driver().next_instant(&mut self.journey) {
            Ok(Some(events)) => {
                if self.listeners == Listeners::None {
                    self.events.extend(events);
                }
                true
            }
            Ok(None) => false,
            Err(runaway) => slip!("{runaway}"),
        }
    }

    #[track_caller]
    fn end(&mut self) -> T {
        let driver = self.tie.driver();
        let events = match self.position {
            Some(position) => driver.events_from(position),
            None => std::mem::take(&mut self.events),
        };
        match (self.finish)(&driver, events, self.has_stopped) {
            Ok(done) => done,
            Err(why) => slip!("{why}"),
        }
    }
}

impl<T, S> Deref for Advance<T, S> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.done()
    }
}

impl<T: fmt::Debug, S> fmt::Debug for Advance<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stage {
            Stage::Done(done) => done.fmt(f),
            Stage::Ahead(_) => f.write_str("Advance(to be awaited)"),
            Stage::Taken => f.write_str("Advance(taken)"),
        }
    }
}

impl<T: fmt::Display, S> fmt::Display for Advance<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.done().fmt(f)
    }
}

impl<T: PartialEq, S, D> PartialEq<Advance<T, D>> for Advance<T, S> {
    fn eq(&self, other: &Advance<T, D>) -> bool {
        self.done() == other.done()
    }
}

impl<T: PartialEq, S> PartialEq<T> for Advance<T, S> {
    fn eq(&self, other: &T) -> bool {
        self.done() == other
    }
}

impl<T: IntoIterator, S> IntoIterator for Advance<T, S> {
    type Item = T::Item;
    type IntoIter = T::IntoIter;

    #[track_caller]
    fn into_iter(mut self) -> T::IntoIter {
        self.done();
        match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Done(done) => done.into_iter(),
            Stage::Ahead(_) | Stage::Taken => unreachable!("it is done"),
        }
    }
}

impl<T, S: Stop> IntoFuture for Advance<T, S> {
    type Output = T;
    type IntoFuture = Advancing<T, S>;

    fn into_future(mut self) -> Advancing<T, S> {
        Advancing {
            stage: std::mem::replace(&mut self.stage, Stage::Taken),
            settling: None,
            guard: Guard {
                asked_at: self.guard.asked_at.take(),
            },
        }
    }
}

/// An [`Advance`] that is awaited.
///
/// ```
/// use std::pin::pin;
///
/// use fake_buildkite::{FakeBuildkite, seconds};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").create_build();
/// let mut advancing = pin!(fake.advance(seconds(11)).into_future());
/// tokio::select! { // the clock moves while something else is awaited, too
///     happened = &mut advancing => assert!(!happened.is_empty()),
///     _ = std::future::pending::<()>() => unreachable!(),
/// }
/// assert!(build.is_finished());
/// # });
/// ```
#[must_use = "the clock moves when this is awaited"]
pub struct Advancing<T, S = Never> {
    stage: Stage<T, S>,
    settling: Option<Wait<()>>,
    guard: Guard,
}

impl<T, S> fmt::Debug for Advancing<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Advancing")
    }
}

/// Nothing in it is referred to from within.
impl<T, S> Unpin for Advancing<T, S> {}

impl<T, S: Stop> Future for Advancing<T, S> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        // From here on it is on its way; whoever gives it up knows.
        this.guard.asked_at = None;
        let Stage::Ahead(trip) = &mut this.stage else {
            return match std::mem::replace(&mut this.stage, Stage::Taken) {
                Stage::Done(done) => Poll::Ready(done),
                Stage::Ahead(_) | Stage::Taken => {
                    slip!("this was awaited to its end already: await what a new call returns")
                }
            };
        };
        loop {
            if this.settling.is_none() {
                this.settling = trip.unsettled();
            }
            if let Some(settling) = &mut this.settling {
                if Pin::new(settling).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.settling = None;
            }
            if !trip.next_instant() {
                let end = trip.end();
                this.stage = Stage::Taken;
                return Poll::Ready(end);
            }
        }
    }
}

impl FakeBuildkite {
    /// Waits, in real time, until every webhook has been told what there is to tell: what follows from requests and
    /// from moves by hand goes out by itself, right after. [`advance`](Self::advance) and its kin wait for it anyway.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookEvent};
    ///
    /// let fake = FakeBuildkite::start();
    /// let webhook = fake.webhook("http://127.0.0.1:9/hooks").events([WebhookEvent::BuildScheduled]).create();
    /// fake.pipeline("app").create_build();
    /// fake.settled().blocking(); // or .await
    /// assert_eq!(webhook.deliveries().len(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// The [`Wait`] does, if receivers take longer than each of them may.
    #[track_caller]
    pub fn settled(&self) -> Wait<()> {
        settled(&self.tie())
    }
}

#[track_caller]
fn settled(tie: &Tie) -> Wait<()> {
    let driver = tie.driver();
    let waiting = match driver.undelivered() {
        Undelivered::Never => 0,
        Undelivered::Letters(waiting) => u32::try_from(waiting).unwrap_or(u32::MAX),
    };
    // Each is bounded by itself; what comes meanwhile has some time, too.
    let limit = driver.posting().limit.saturating_mul(waiting);
    let watched = tie.clone();
    let wait = Wait::new(
        tie.clone(),
        |driver| match driver.undelivered() {
            Undelivered::Never | Undelivered::Letters(0) => Some(()),
            Undelivered::Letters(_) => None,
        },
        move || Subject {
            what: "every webhook to be told".to_owned(),
            picture: watched.driver().picture_of_undelivered(),
        },
    );
    wait.within(limit.saturating_add(GRACE))
}

/// What is added to the bounds of all deliveries that are waited for: 10 seconds.
const GRACE: Duration = Duration::from_secs(10);
