//! The one lock. Everything outside reaches the engine through here, and nothing here waits while it holds the lock.
//!
//! A clock that moves by itself is caught up with here, by whoever comes in: what was due happens first, each at its
//! own instant.
//!
//! Elsewhere: a request's way here, past gates and faults (`edge`, `held`), what the clock does (`clock`), what a real
//! clock says (`pace`) and who waits for it (`follow`), what webhooks are told (`post`), what a request means (`http`).

mod edge;
mod follow;
mod held;
mod pace;
mod post;
mod vigil;
mod watchdog;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::{self, Clock, Journey, Runaway, Until};
use crate::driver::edge::{Stage, Turn};
use crate::driver::held::Held;
use crate::driver::post::{Outbox, Postman};
use crate::driver::vigil::{Seen, Vigil};
use crate::engine::acts::Poll;
use crate::engine::commands::Judge;
use crate::engine::job::JobKey;
use crate::engine::judging::Question;
use crate::engine::{Applied, Command, Engine};
use crate::fault::{Effect, Faults, Plan};
#[cfg(feature = "cli")]
use crate::http::reply::Answering;
use crate::http::reply::{Entry, Recorder};
use crate::http::request::Request;
use crate::http::{self, Answered, Aside, Desk, Kept, Options, Rates, Tags};
use crate::journal::{Journal, RequestRecord};
use crate::vocabulary::event::Event;
use crate::vocabulary::route::Route;
use crate::vocabulary::slip::slip;

pub(crate) use edge::gone;
pub(crate) use follow::{follow, loopback_keeps_time};
pub(crate) use held::Holds;
pub(crate) use pace::Pace;
pub(crate) use post::{Posting, Undelivered};
pub(crate) use watchdog::Watchdog;

/// Everything behind the lock. Its parts are persistent, so that a clone is a snapshot and costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) journal: Journal,
    rates: Rates,
    tags: Tags,
    faults: Faults,
    /// What webhooks are still to be told, and what they were told.
    outbox: Outbox,
    /// How many requests were answered.
    requests: u64,
    /// What the clock said at the start.
    began: DateTime<Utc>,
    /// Who asks for the same again and again.
    vigil: Vigil,
    /// Of each route, the number of the first request that nobody has taken.
    taken: BTreeMap<Route, u64>,
    /// Until when the one who follows the clock sleeps.
    sleeps_until: DateTime<Utc>,
}

/// After how many polls at one instant a request is noted as one that waits in vain: 10.
const PATIENCE: usize = 10;

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

/// How many different requests for what nobody serves are kept: the first 20.
const UNSERVED: usize = 20;

impl Driver {
    pub(crate) fn new(
        engine: Engine,
        mode: Clock,
        options: Options,
        posting: Posting,
        event_limit: usize,
    ) -> Self {
        let world = World {
            began: engine.now(),
            engine,
            journal: Journal::default(),
            rates: Rates::default(),
            tags: Tags::default(),
            faults: Faults::default(),
            outbox: Outbox::default(),
            requests: 0,
            vigil: Vigil::default(),
            taken: BTreeMap::new(),
            sleeps_until: DateTime::<Utc>::MAX_UTC,
        };
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

    /// Answers a request and, if the clock goes with requests, moves it then. Both happen under one lock, unless a
    /// closure of the test has to be asked in between, so that the next request finds the clock where this one left it.
    /// A fault may keep the request away, or take its answer's place.
    ///
    /// # Panics
    ///
    /// If moving the clock fires more than it may. The server answers 500 with the message.
    fn answer(&self, request: &Request, stage: Stage<'_>) -> Turn {
        let mut world = self.enter();
        let (plan, is_new) = match stage {
            Stage::New(judged) => (world.meet(request, judged), true),
            Stage::Late(plan) => (Some(plan), false),
        };
        let fault = plan.as_deref();
        let delay = fault.and_then(Plan::delay).filter(|_| is_new);
        if let (Some(by), Some(Effect::Before)) = (delay, fault.map(|fault| fault.effect)) {
            let due = clock::after(world.engine.now(), by);
            if !self.goes_with_requests() {
                self.leave(world);
                return Turn::Waits(plan.expect("it is late by a fault"), due);
            }
            self.go(&mut world, Until::Instant(due));
        }
        let at = world.engine.now();
        let Answered {
            reply,
            route,
            events,
            aside,
            unserved,
        } = self.look_up(&mut world, request, fault);
        let Aside {
            polled,
            tailed,
            note,
        } = aside;
        let World {
            engine,
            journal,
            vigil,
            ..
        } = &mut *world;
        if let Some(sentence) = unserved.filter(|_| !self.options.allow_unknown_routes) {
            self.note_unserved(sentence);
        }
        let is_poll = !polled.is_empty();
        let (vain, hint) = if is_poll {
            self.in_vain(vigil, engine, journal, request)
        } else if route == Some(Route::GetBuild) {
            self.in_vain_before_a_person(vigil, engine, journal, request)
        } else {
            (None, None)
        };
        let note = note.or(vain);
        let note = match (fault.map(Plan::note), note) {
            (Some(fault), Some(note)) => Some(format!("{fault}; {note}")),
            (fault, note) => fault.or(note),
        };
        let is_silent = fault.is_some_and(|fault| fault.verdict.is_silent());
        let number = journal.request(RequestRecord {
            status: if is_silent { 0 } else { reply.status },
            note,
            ..edge::record_of(request, at, route)
        });
        journal.events(&events);
        if is_poll && engine.is_waiting_for_polls() {
            let Ok(Applied { events, .. }) = engine.apply(Poll { builds: polled });
            journal.events(&events);
        }
        self.ask_closures(&mut world);
        let is_page = route.is_some_and(Route::is_page);
        // Whoever looks on changes nothing.
        let until = self.goes_until(&world.engine, is_poll, tailed, at);
        let until = until.filter(|_| !is_page);
        if let (Some(by), Some(Effect::After)) = (delay, fault.map(|fault| fault.effect)) {
            if self.goes_with_requests() {
                self.go(&mut world, Until::Instant(clock::after(at, by)));
            }
        }
        if let Some(until) = until {
            self.go(&mut world, until);
        }
        let entry = Entry {
            past: self.rewinds.load(Ordering::SeqCst),
            number,
        };
        self.leave(world);
        if let Some(hint) = hint {
            vigil::say(&hint);
        }
        Turn::Answered(reply, plan, at, entry)
    }

    /// What a request is answered with, and what else came of it.
    fn look_up(&self, world: &mut World, request: &Request, fault: Option<&Plan>) -> Answered {
        world.requests += 1;
        let mut desk = Desk {
            engine: &mut world.engine,
            kept: &mut self.kept.lock(),
            rates: &mut world.rates,
            tags: &mut world.tags,
            options: &self.options,
            ordinal: world.requests,
        };
        match fault {
            Some(fault) => desk.answer_despite(request, fault),
            None => desk.answer(request),
        }
    }

    /// How far a request that came at this instant moves the clock.
    fn goes_until(
        &self,
        engine: &Engine,
        is_poll: bool,
        tailed: Option<JobKey>,
        at: DateTime<Utc>,
    ) -> Option<Until> {
        match self.mode {
            Clock::Manual | Clock::Wall { .. } | Clock::FollowTokio => None,
            Clock::PerRequest(by) => Some(Until::Instant(clock::after(at, by))),
            // Who follows a log sees every line come.
            Clock::StepPerPoll => is_poll.then(|| {
                let grows_at = tailed.and_then(|job| engine.log_of(job).grows_at());
                let next = engine.timers().first_progress().map(|(key, _)| key.due);
                match grows_at.filter(|at| next.is_none_or(|due| *at < due)) {
                    Some(at) => Until::Instant(at),
                    None => Until::NextStep,
                }
            }),
        }
    }

    /// Keeps in mind that somebody asked for what nobody serves.
    fn note_unserved(&self, sentence: String) {
        let mut kept = self.unserved.lock();
        if kept.len() < UNSERVED && !kept.contains(&sentence) {
            kept.push(sentence);
        }
    }

    /// What is noted of a poll before which many saw the same, and what is said of it at once.
    fn in_vain(
        &self,
        vigil: &mut Vigil,
        engine: &Engine,
        journal: &Journal,
        request: &Request,
    ) -> (Option<String>, Option<String>) {
        // Of a script that is told in polls each brings something nearer.
        if engine.is_waiting_for_polls() {
            return (None, None);
        }
        let Seen { polls, is_in_vain } = vigil.see(request, engine.now(), journal.position());
        let why = self.standing_clock();
        let note = (polls >= PATIENCE).then(|| format!("poll {polls} at this instant; {why}"));
        let hint = (is_in_vain && self.may_hint()).then(|| vigil.hint(why));
        (note, hint)
    }

    /// The same of a build that is blocked. It is no poll, because no clock moves it on; who waits for its end waits for ever,
    /// too.
    fn in_vain_before_a_person(
        &self,
        vigil: &mut Vigil,
        engine: &Engine,
        journal: &Journal,
        request: &Request,
    ) -> (Option<String>, Option<String>) {
        let now = (engine.now(), journal.position());
        if !vigil.is_in_vain(request, now) || !http::is_about_a_blocked_build(engine, request) {
            return (None, None);
        }
        let why = if self.has_levers() {
            "the build is blocked: it waits for a person, whom the lever `jobs/{id}/unblock` plays"
        } else {
            "the build is blocked: it waits for a person, whom the test plays with `unblock`"
        };
        let note = format!("seen {PATIENCE} times at this instant; {why}");
        let hint = self.may_hint().then(|| vigil.hint(why));
        (Some(note), hint)
    }

    /// Whether something may be said at once. Asked only when there is something to be said.
    fn may_hint(&self) -> bool {
        !self.options.no_hints && !self.was_hinted.swap(true, Ordering::SeqCst)
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
