//! Walking where no test was written for: random legal events around the program under test, until something does not
//! hold.
//!
//! A walk is decided by a list of numbers drawn from a seed. What a number means depends on what is possible when it is
//! used, so that any part of a list is a walk as well; that is how a failing walk is made shorter before it is shown.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use crate::engine::account::UserKey;
use crate::engine::build::{BuildKey, Cancellation};
use crate::engine::commands::{CancelBuild, MakeMove, Move};
use crate::engine::job::JobKey;
use crate::engine::{Command, Engine};
use crate::fake::{FakeBuildkite, wait};
use crate::vocabulary::ids;

/// Walks of [`explore`], and events in one of them.
const WALKS: usize = 100;
const EVENTS: usize = 40;

/// How many shorter walks are tried before a failing one is shown.
const TRIES: usize = 200;

/// Names the environment variable that makes one walk again.
const REPLAY: &str = "FAKE_BUILDKITE_REPLAY";

/// Walks a hundred times through up to 40 random legal events each, in a fake of its own each time: jobs start, end,
/// fail, time out and lose their agents, people unblock, cancel and retry, time passes. `body` sets things up, lets the
/// program under test act between the events, and asserts what must always hold.
///
/// When `body` panics, or its fake ends with something to [report](FakeBuildkite::verify), the walk is made as short as
/// it still fails, its events are printed, and a line to make it again:
/// `FAKE_BUILDKITE_REPLAY=… cargo test name_of_the_test`.
///
/// ```
/// use fake_buildkite::{BuildState, explore};
///
/// explore(7, |walk| {
///     let app = walk.fake().pipeline("app").steps("steps: [{command: make}, wait, {command: ship}]").create();
///     let build = app.create_build();
///     while walk.step() {
///         // … the program under test acts …
///         assert!(build.state() != BuildState::Passed || build.job("ship").started_at().is_some());
///     }
/// });
/// ```
///
/// # Panics
///
/// If `body` does, with what it said, the events that led there, and how to replay them.
#[track_caller]
pub fn explore(seed: u64, body: impl Fn(&mut Walk)) {
    Explore::new(seed).run(body);
}

/// As [`explore`], with numbers and a fake of one's own.
///
/// ```
/// use fake_buildkite::{Agents, Explore, FakeBuildkite};
///
/// Explore::new(7)
///     .walks(10)
///     .events(5)
///     .starting(|| FakeBuildkite::builder().agents(Agents::none()).start())
///     .run(|walk| {
///         walk.fake().pipeline("app").create_build();
///         while walk.step() {}
///         assert!(walk.events().len() <= 5);
///     });
/// ```
#[must_use = "nothing is walked before `run`"]
pub struct Explore {
    seed: u64,
    walks: usize,
    events: usize,
    start: Box<dyn Fn() -> FakeBuildkite>,
}

impl Explore {
    /// A hundred walks of 40 events in the usual fake.
    ///
    /// ```
    /// use fake_buildkite::Explore;
    ///
    /// Explore::new(7).walks(1).run(|walk| {
    ///     let build = walk.fake().pipeline("app").create_build();
    ///     while walk.step() {}
    ///     assert_eq!(build.number(), 1);
    /// });
    /// ```
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            walks: WALKS,
            events: EVENTS,
            start: Box::new(FakeBuildkite::start),
        }
    }

    /// How many walks.
    pub fn walks(mut self, count: usize) -> Self {
        self.walks = count;
        self
    }

    /// How many events one walk has at the most.
    pub fn events(mut self, count: usize) -> Self {
        self.events = count;
        self
    }

    /// How the fake of each walk is started.
    pub fn starting(mut self, start: impl Fn() -> FakeBuildkite + 'static) -> Self {
        self.start = Box::new(start);
        self
    }

    /// Walks.
    ///
    /// # Panics
    ///
    /// As [`explore`].
    #[track_caller]
    pub fn run(self, body: impl Fn(&mut Walk)) {
        let walk = |draws: &[u32]| {
            let mut walk = Walk::new((self.start)(), draws.to_vec());
            let outcome = catch_unwind(AssertUnwindSafe(|| body(&mut walk)));
            // Asked here, so that a walk which ends with it can be replayed, and the end of the fake hides no failure.
            let found = walk.fake.verify_what_is_new();
            let said = match outcome {
                Err(panic) => Some(text_of(&*panic)),
                Ok(()) => found.err().map(|report| report.to_string()),
            };
            said.map(|said| Failure::new(walk, said))
        };
        if let Ok(token) = std::env::var(REPLAY) {
            let Some(draws) = draws_of(&token) else {
                panic!("{REPLAY} is `{token}`, and not what a failing walk printed");
            };
            if let Some(failure) = walk(&draws) {
                panic!("{failure}");
            }
            return;
        }
        for number in 0..self.walks {
            // Each walk draws on its own, so that their number changes none of them.
            let lane = ids::mix(ids::mix(self.seed) ^ number as u64);
            let mut random = Xoshiro256PlusPlus::seed_from_u64(lane);
            let draws: Vec<u32> = (0..self.events).map(|_| random.random()).collect();
            if let Some(failure) = walk(&draws) {
                let shortest = shorten(failure, &walk);
                let seed = self.seed;
                let again = match walk(&shortest.draws) {
                    Some(_) => "",
                    None => {
                        "\nwalked again it ends well: something in it is not the same each time; `assert_repeatable` \
                         finds out what"
                    }
                };
                panic!("walk {number} of seed {seed} does not end well: {shortest}{again}");
            }
        }
    }
}

impl fmt::Debug for Explore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore")
            .field("seed", &self.seed)
            .field("walks", &self.walks)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// One walk: a fake, and events that happen to it one at a time.
///
/// ```
/// use fake_buildkite::Explore;
///
/// Explore::new(7).walks(3).events(10).run(|walk| {
///     let app = walk.fake().pipeline("app").create();
///     app.create_build();
///     let mut steps = 0;
///     while walk.step() {
///         steps += 1; // … the program under test acts here …
///     }
///     assert_eq!(walk.events().len(), steps);
/// });
/// ```
#[derive(Debug)]
pub struct Walk {
    fake: FakeBuildkite,
    draws: Vec<u32>,
    used: usize,
    events: Vec<String>,
}

/// Something that may happen next.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// The next due thing.
    Time,
    Job(JobKey, Move),
    Cancel(BuildKey),
}

impl Walk {
    fn new(fake: FakeBuildkite, draws: Vec<u32>) -> Self {
        Self {
            fake,
            draws,
            used: 0,
            events: Vec::new(),
        }
    }

    /// The fake of this walk.
    #[must_use]
    pub fn fake(&self) -> &FakeBuildkite {
        &self.fake
    }

    /// Makes one more event happen, and returns when webhooks are told of it. False when the walk is over, or nothing
    /// can happen; then nothing did.
    ///
    /// ```
    /// use fake_buildkite::Explore;
    ///
    /// Explore::new(7).walks(3).run(|walk| {
    ///     assert!(!walk.step(), "nothing can happen in an empty world");
    ///     walk.fake().pipeline("app").create_build();
    ///     assert!(walk.step());
    /// });
    /// ```
    #[track_caller]
    pub fn step(&mut self) -> bool {
        self.settle();
        let Some(draw) = self.draws.get(self.used).copied() else {
            return false;
        };
        let by = self.fake.home.user;
        let Ok(happened) = self.fake.driver.apply(TakeStep { draw, by });
        let event = match happened {
            Happened::Nothing => return false,
            Happened::Event(event) => event,
            Happened::Time => {
                self.used += 1;
                self.fake.step();
                self.events.push(format!(
                    "time passes, to {}",
                    crate::vocabulary::span::instant(self.fake.clock().now())
                ));
                self.settle();
                return true;
            }
        };
        self.used += 1;
        self.events.push(event);
        self.settle();
        true
    }

    /// Receivers of webhooks may act, and what is possible next depends on that: they are waited for, so that a walk
    /// can be made again. Not where that would stop the receiver; there time cannot pass either.
    #[track_caller]
    fn settle(&self) {
        if !wait::is_on_current_thread() {
            self.fake.settled().blocking();
        }
    }

    /// What happened so far, one line for each event.
    #[must_use]
    pub fn events(&self) -> &[String] {
        &self.events
    }
}

/// Chooses among what is possible and lets it happen, in one go: the program under test may act in a thread of its own.
struct TakeStep {
    draw: u32,
    by: UserKey,
}

enum Happened {
    Nothing,
    /// Or rather: it is time's turn.
    Time,
    Event(String),
}

impl Command for TakeStep {
    type Output = Happened;
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<Happened, Infallible> {
        let Self { draw, by } = self;
        let possible = possible(engine);
        if possible.is_empty() {
            return Ok(Happened::Nothing);
        }
        Ok(match possible[draw as usize % possible.len()] {
            Next::Time => Happened::Time,
            Next::Job(job, wanted) => {
                let event = format!("{} {wanted}", engine.job_ref(job));
                let moved = MakeMove { job, wanted, by }.apply(engine);
                moved.expect("a possible move");
                Happened::Event(event)
            }
            Next::Cancel(build) => {
                let event = format!("{} cancel()", engine.build_ref(build));
                let cause = Cancellation::Person;
                let canceled = CancelBuild { build, cause }.apply(engine);
                canceled.expect("a build that can be canceled");
                Happened::Event(event)
            }
        })
    }
}

/// Everything that may happen next. Time passes as often as all the rest together; a build is canceled rarely.
fn possible(engine: &Engine) -> Vec<Next> {
    let mut possible = Vec::new();
    for build in engine.builds() {
        for (job, _) in engine.jobs_of(build) {
            for wanted in engine.possible_moves(job) {
                possible.push(Next::Job(job, wanted));
                if matches!(wanted, Move::Finish { .. }) {
                    possible.push(Next::Job(job, Move::Finish { exit_status: 1 }));
                }
            }
        }
    }
    if engine.timers().first_progress().is_some() {
        possible.extend(vec![Next::Time; possible.len().max(1)]);
    }
    let cancelable = engine
        .builds()
        .filter(|build| engine.check_cancel(*build).is_ok());
    possible.extend(cancelable.map(Next::Cancel));
    possible
}

/// A walk that did not end well.
struct Failure {
    draws: Vec<u32>,
    events: Vec<String>,
    said: String,
}

impl Failure {
    fn new(walk: Walk, said: String) -> Self {
        Self {
            said,
            draws: walk.draws[..walk.used].to_vec(),
            events: walk.events,
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.events.len();
        let events = if count == 1 { "event" } else { "events" };
        write!(f, "{}\nafter {count} {events}:", self.said)?;
        for event in &self.events {
            write!(f, "\n  {event}")?;
        }
        let thread = std::thread::current();
        let test = thread
            .name()
            .filter(|name| *name != "main")
            .unwrap_or_default();
        write!(
            f,
            "\nto see it again: {REPLAY}={} cargo test {test}",
            token_of(&self.draws)
        )
    }
}

/// A shorter walk that fails as well, if one is found: pieces are left out, large ones first.
fn shorten(mut failure: Failure, walk: &impl Fn(&[u32]) -> Option<Failure>) -> Failure {
    let mut tries = 0;
    let mut piece = failure.draws.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < failure.draws.len() && tries < TRIES {
            let mut draws = failure.draws.clone();
            draws.drain(at..(at + piece).min(draws.len()));
            tries += 1;
            match walk(&draws) {
                Some(shorter) if shorter.draws.len() < failure.draws.len() => failure = shorter,
                Some(_) | None => at += piece,
            }
        }
        piece /= 2;
    }
    failure
}

fn token_of(draws: &[u32]) -> String {
    let mut token = String::new();
    for (n, draw) in draws.iter().enumerate() {
        let dot = if n == 0 { "" } else { "." };
        write!(token, "{dot}{draw:x}").expect("a String takes everything");
    }
    if token.is_empty() {
        "-".to_owned()
    } else {
        token
    }
}

fn draws_of(token: &str) -> Option<Vec<u32>> {
    if token == "-" {
        return Some(Vec::new());
    }
    token
        .split('.')
        .map(|draw| u32::from_str_radix(draw, 16).ok())
        .collect()
}

/// Runs `body` twice, each time in a fake of its own, and compares what happened, line by line: a test that passes only
/// sometimes shows here what is different. With webhooks, `body` waits for [`settled`](FakeBuildkite::settled) between
/// what it does by hand: when a receiver has answered is a matter of real time otherwise.
///
/// ```
/// use fake_buildkite::{assert_repeatable, minutes};
///
/// assert_repeatable(|fake| {
///     fake.pipeline("app").create_build();
///     fake.advance(minutes(1));
/// });
/// ```
///
/// # Panics
///
/// If the two differ: the message shows the first line that does. Also if `body` panics.
#[track_caller]
pub fn assert_repeatable(body: impl Fn(&FakeBuildkite)) {
    let once = || {
        let fake = FakeBuildkite::start();
        body(&fake);
        if !wait::is_on_current_thread() {
            fake.settled().blocking();
        }
        format!("{}{}", fake.events(), fake.requests())
    };
    let (first, second) = (once(), once());
    let mut lines = first.lines().zip(second.lines()).enumerate();
    if let Some((n, (a, b))) = lines.find(|(_, (a, b))| a != b) {
        panic!(
            "the two runs differ in line {}:\n  first:  {a}\n  second: {b}",
            n + 1
        );
    }
    let counts = [first.lines().count(), second.lines().count()];
    let [least, most] = [counts[0].min(counts[1]), counts[0].max(counts[1])];
    assert!(
        least == most,
        "one run ends after {least} lines, the other goes on to {most}"
    );
}
