//! The one lock. Everything outside reaches the engine through here, and nothing here waits while it holds the lock.
//!
//! A clock that moves by itself is caught up with here, by whoever comes in: what was due happens first, each at its
//! own instant.
//!
//! The map: `world` is what is locked; `edge` is a request's way here, past gates and faults, `held` who waits on it,
//! and `answer` how it ends; `vigil` sees who polls in vain; `pace` is what a real clock says, and `follow` who waits
//! for it; `post` is what webhooks are told; `watchdog` bounds what waits in real time.
//!
//! Elsewhere: what the clock does (`crate::clock`), what a request means (`http`).

mod answer;
mod edge;
mod follow;
mod held;
mod pace;
mod post;
mod vigil;
mod watchdog;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::{Clock, Journey, Runaway, Until};
use crate::driver::held::Held;
use crate::driver::post::Postman;
use crate::engine::commands::Judge;
use crate::engine::judging::Question;
use crate::engine::{Applied, Command, Engine};
use crate::fault::Faults;
#[cfg(feature = "cli")]
use crate::http::reply::Answering;
use crate::http::reply::{Entry, Recorder};
#[cfg(feature = "cli")]
use crate::http::request::Request;
use crate::http::{self, Kept, Options};
use crate::journal::RequestRecord;
use crate::vocabulary::event::Event;
use crate::vocabulary::route::Route;
use crate::vocabulary::slip::slip;

pub(crate) use edge::gone;
pub(crate) use follow::{follow, loopback_keeps_time};
pub(crate) use held::Holds;
pub(crate) use pace::Pace;
pub(crate) use post::{Posting, Undelivered};
pub(crate) use watchdog::Watchdog;
pub(crate) use world::World;

/// The world, its lock, and what never changes.
#[derive(Debug)]
pub(crate) struct Driver {
    world: Mutex<World>,
    /// Locked only by who holds the world.
    kept: Mutex<Kept>,
    mode: Clock,
    options: Options,
    posting: Posting,
    postman: Postman,
    event_limit: usize,
    /// What was asked for that nobody serves, in sentences; not part of the world, because going back does not undo it.
    unserved: Mutex<Vec<String>>,
    /// Held by the one who asks the test's closures.
    asking: Mutex<()>,
    /// How the clock moves, if it moves by itself.
    pace: OnceLock<Pace>,
    /// Something is due earlier than the one who follows the clock thinks.
    earlier: Arc<Notify>,
    /// Something has changed.
    changed: Arc<Notify>,
    /// Whether it was said of a program that it polls in vain: once is enough.
    was_hinted: AtomicBool,
    /// How often the world went back to an earlier one.
    rewinds: AtomicU64,
    /// Why nothing of this can be trusted: said to everybody who asks.
    doubt: OnceLock<String>,
    /// Requests that wait.
    held: Arc<Held>,
    /// Who answers for levers, if anybody does.
    #[cfg(feature = "cli")]
    levers: OnceLock<Levers>,
}

/// Answers requests below `/_fake/`.
#[cfg(feature = "cli")]
pub(crate) struct Levers(Box<dyn Fn(Request) -> Answering + Send + Sync>);

#[cfg(feature = "cli")]
impl std::fmt::Debug for Levers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Levers")
    }
}

impl Driver {
    pub(crate) fn new(
        engine: Engine,
        mode: Clock,
        options: Options,
        posting: Posting,
        event_limit: usize,
    ) -> Self {
        let world = World::new(engine);
        Self::around(world, mode, options, posting, event_limit)
    }

    fn around(
        world: World,
        mode: Clock,
        options: Options,
        posting: Posting,
        event_limit: usize,
    ) -> Self {
        Self {
            world: Mutex::new(world),
            kept: Mutex::default(),
            mode,
            options,
            posting,
            postman: Postman::default(),
            event_limit,
            pace: OnceLock::new(),
            earlier: Arc::new(Notify::new()),
            changed: Arc::new(Notify::new()),
            was_hinted: AtomicBool::new(false),
            rewinds: AtomicU64::new(0),
            doubt: OnceLock::new(),
            held: Arc::default(),
            #[cfg(feature = "cli")]
            levers: OnceLock::new(),
            unserved: Mutex::default(),
            asking: Mutex::default(),
        }
    }

    /// What was asked for that nobody serves, in sentences; each once.
    pub(crate) fn unserved(&self) -> Vec<String> {
        self.unserved.lock().clone()
    }

    /// Whatever was asked for so far is forgiven.
    #[cfg(feature = "cli")]
    pub(crate) fn forget_unserved(&self) {
        self.unserved.lock().clear();
    }

    /// Levers are answered by this from now on.
    #[cfg(feature = "cli")]
    pub(crate) fn answer_levers(
        &self,
        answer: impl Fn(Request) -> Answering + Send + Sync + 'static,
    ) {
        self.levers.get_or_init(|| Levers(Box::new(answer)));
    }

    /// Whether somebody may look on who writes no Rust.
    #[cfg_attr(
        not(feature = "cli"),
        expect(clippy::unused_self, reason = "there are none")
    )]
    fn has_levers(&self) -> bool {
        #[cfg(feature = "cli")]
        return self.levers.get().is_some();
        #[cfg(not(feature = "cli"))]
        false
    }

    /// The world as it is.
    #[track_caller]
    pub(crate) fn snapshot(&self) -> World {
        self.enter().clone()
    }

    /// Puts another world in the place of this one.
    pub(crate) fn rewind(&self, to: World) {
        // Dropped after the lock is free: the last of a large world takes its time.
        let _was = {
            let mut world = self.world.lock();
            self.postman.forget_the_one_under_way();
            self.rewinds.fetch_add(1, Ordering::SeqCst);
            *self.kept.lock() = Kept::default();
            std::mem::replace(&mut *world, to)
        };
        self.pick_up_the_thread();
        self.postman.call();
    }

    /// A world that was kept while a closure of the test was asked has its question open, and what there was to tell
    /// not yet addressed.
    #[track_caller]
    pub(crate) fn pick_up_the_thread(&self) {
        let mut world = self.world.lock();
        self.ask_closures(&mut world);
        self.leave(world);
    }

    /// Another driver that goes on from a world in the same way. Its server listens elsewhere.
    pub(crate) fn fork(&self, world: World) -> Self {
        let (options, posting) = (self.options.elsewhere(), self.posting.clone());
        Self::around(world, self.mode, options, posting, self.event_limit)
    }

    /// Says where the server listens, once it does.
    pub(crate) fn listens_at(&self, origin: String) {
        self.options.own_origin.get_or_init(|| origin);
    }

    /// Where URLs begin for whoever did not come by one.
    pub(crate) fn origin(&self) -> &str {
        self.options.origin()
    }

    pub(crate) fn mode(&self) -> Clock {
        self.mode
    }

    /// How far the clock has moved since the world began.
    #[track_caller]
    pub(crate) fn elapsed(&self) -> TimeDelta {
        let world = self.enter();
        world.engine.now() - world.began
    }

    /// Lets the clock move by itself from now on.
    pub(crate) fn goes_with(&self, pace: Pace) {
        self.pace.get_or_init(|| pace);
    }

    /// Says why nothing of this can be trusted any more; everybody who asks from now on panics with it.
    pub(crate) fn doubt(&self, why: String) {
        self.doubt.get_or_init(|| why);
        self.changed.notify_waiters();
    }

    /// Why nothing of this can be trusted, if somebody said so.
    pub(crate) fn doubted(&self) -> Option<&str> {
        self.doubt.get().map(String::as_str)
    }

    /// Notified of every change, after it was made.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Looks at the world. The closure must not come back here: the lock is held.
    #[track_caller]
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&self.enter().engine)
    }

    /// Changes what is the test's own and no part of what Buildkite would tell anybody about.
    #[track_caller]
    pub(crate) fn set<T>(&self, change: impl FnOnce(&mut Engine) -> T) -> T {
        let mut world = self.enter();
        let value = change(&mut world.engine);
        world.engine.revise();
        self.ask_closures(&mut world);
        self.leave(world);
        value
    }

    /// Looks at the rules about faults, or changes them.
    #[track_caller]
    pub(crate) fn faults<T>(&self, work: impl FnOnce(&mut Faults) -> T) -> T {
        work(&mut self.enter().faults)
    }

    /// Carries out a command.
    #[track_caller]
    pub(crate) fn apply<C: Command>(&self, command: C) -> Result<C::Output, C::Refused> {
        let mut world = self.enter();
        let Applied { value, events } = world.engine.apply(command)?;
        world.journal.events(&events);
        self.ask_closures(&mut world);
        self.leave(world);
        Ok(value)
    }

    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Event> {
        self.enter().journal.all_events()
    }

    #[track_caller]
    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        self.enter().journal.all_requests()
    }

    /// The same, and how many went before them.
    pub(crate) fn requests_and_gone(&self) -> (Vec<RequestRecord>, u64) {
        let world = self.enter();
        (world.journal.all_requests(), world.journal.gone())
    }

    /// What happened so far. Nothing happens for the sake of looking, whatever the clock.
    #[cfg(fake_buildkite_keep_logs)]
    pub(crate) fn record(&self) -> (Vec<Event>, Vec<RequestRecord>) {
        let world = self.world.lock();
        (world.journal.all_events(), world.journal.all_requests())
    }

    /// The oldest request to a route that was not taken before.
    #[track_caller]
    pub(crate) fn take_request(&self, route: Route) -> Option<RequestRecord> {
        let mut world = self.enter();
        let World { journal, taken, .. } = &mut *world;
        let first = taken.entry(route).or_default();
        let (request, next) = journal.request_from(*first, route)?;
        *first = next;
        Some(request)
    }

    /// Takes the lock, and lets everything happen that is due by now if the clock moves by itself.
    ///
    /// # Panics
    ///
    /// If that is more than may happen at once, or nothing of this can be trusted any more.
    #[track_caller]
    fn enter(&self) -> MutexGuard<'_, World> {
        if let Some(doubt) = self.doubt.get() {
            slip!("{doubt}");
        }
        let mut world = self.world.lock();
        if let Err(runaway) = self.catch_up(&mut world) {
            slip!("{runaway}");
        }
        world
    }

    /// Lets go of the lock after a change, and tells whom it may concern.
    fn leave(&self, mut world: MutexGuard<'_, World>) {
        let has_post = world.collect();
        let is_earlier = self.pace.get().is_some_and(|_| {
            let next = world.engine.timers().first();
            next.is_some_and(|(key, _)| key.due < world.sleeps_until)
        });
        drop(world);
        if is_earlier {
            self.earlier.notify_one();
        }
        if has_post {
            self.postman.call();
        }
        self.changed.notify_waiters();
    }

    fn catch_up(&self, world: &mut MutexGuard<'_, World>) -> Result<(), Runaway> {
        let Some(pace) = self.pace.get() else {
            return Ok(());
        };
        let mut journey = Journey::new(Until::Instant(pace.now()), self.event_limit);
        while let Some(events) = journey.next_instant(&mut world.engine)? {
            world.journal.events(&events);
            self.ask_closures(world);
            if world.collect() {
                self.postman.call();
            }
            self.changed.notify_waiters();
        }
        Ok(())
    }

    /// Has the test's closures say which scripts they are for, wherever a job waits for that. They may use handles,
    /// so the lock is free meanwhile. What comes to wait while one is asked is asked after it.
    fn ask_closures(&self, world: &mut MutexGuard<'_, World>) {
        let Some(_asking) = self.asking.try_lock() else {
            return;
        };
        while let Some(question) = world.engine.question() {
            let verdict = MutexGuard::unlocked(world, || {
                let ask = || question.predicate.holds(&question.view);
                catch_unwind(AssertUnwindSafe(ask))
            });
            let verdict = verdict.unwrap_or_else(|panic| {
                let said = http::panic_text(&*panic);
                self.doubt(format!("a closure given to `on_job_when` panicked: {said}"));
                resume_unwind(panic)
            });
            let Question { job, rule, .. } = question;
            let Ok(Applied { events, .. }) = world.engine.apply(Judge { job, rule, verdict });
            world.journal.events(&events);
        }
    }

    /// For the one who follows the clock: lets happen what is due, and says when on the real clock the next thing is.
    fn catch_up_until_next(&self) -> Result<Option<Instant>, Runaway> {
        let mut world = self.world.lock();
        let caught_up = self.catch_up(&mut world);
        if let Err(runaway) = caught_up {
            drop(world);
            self.doubt(runaway.to_string());
            return Err(runaway);
        }
        let (is_passed, deadline) = self.held.deadlines(world.engine.now());
        if is_passed {
            self.changed.notify_waiters();
        }
        let next = world.engine.timers().first().map(|(key, _)| key.due);
        let next = next.into_iter().chain(deadline).min();
        world.sleeps_until = next.unwrap_or(DateTime::<Utc>::MAX_UTC);
        Ok(next.and_then(|due| self.pace.get()?.when(due)))
    }

    /// What a poller that sees the same again and again should be told.
    fn standing_clock(&self) -> &'static str {
        match self.mode {
            Clock::Manual if self.has_levers() => {
                "the clock is manual: move it with the lever `clock/advance`, or serve with `--clock step-per-poll`"
            }
            Clock::Manual => {
                "the clock is Manual: move it with `advance`, or choose `Clock::StepPerPoll`"
            }
            Clock::FollowTokio => "tokio's clock stands still: sleep between two polls",
            Clock::PerRequest(_) | Clock::StepPerPoll | Clock::Wall { .. } => {
                "nothing is due that would move a build forward"
            }
        }
    }

    /// How far a call will move the clock.
    pub(crate) fn journey(&self, target: impl FnOnce(DateTime<Utc>) -> Until) -> Journey {
        let until = target(self.world.lock().engine.now());
        Journey::new(until, self.event_limit)
    }

    /// Lets happen what is due at the next instant of a journey, if there is one.
    ///
    /// # Panics
    ///
    /// If nothing of this can be trusted any more.
    #[track_caller]
    pub(crate) fn next_instant(
        &self,
        journey: &mut Journey,
    ) -> Result<Option<Vec<Event>>, Runaway> {
        if let Some(doubt) = self.doubt.get() {
            slip!("{doubt}");
        }
        let mut world = self.world.lock();
        let World {
            engine, journal, ..
        } = &mut *world;
        let Some(events) = journey.next_instant(engine)? else {
            // The clock may have moved on all the same.
            self.leave(world);
            return Ok(None);
        };
        journal.events(&events);
        self.ask_closures(&mut world);
        self.leave(world);
        Ok(Some(events))
    }
}

impl Recorder for Driver {
    fn client_left(&self, entry: Entry, is_ours: bool) {
        let mut note = "the client had gone before it had read this answer".to_owned();
        // Otherwise tokio knows what is on its way, or the client is no tokio's.
        if is_ours && !self.has_levers() {
            note.push_str(
                "; where a test pauses tokio's clock, time-outs come at once unless the fake is started with \
                 `.on_current_runtime()`",
            );
        }
        let mut world = self.world.lock();
        // What has that number now may be another.
        if self.rewinds.load(Ordering::SeqCst) == entry.past {
            world.journal.add_note(entry.number, note);
        }
        drop(world);
        self.changed.notify_waiters();
    }
}

/// Who waits for a change will see none any more.
impl Drop for Driver {
    fn drop(&mut self) {
        self.changed.notify_waiters();
        self.postman.dismiss();
    }
}
