//! Waiting in real time for something that the program under test, or a clock that moves by itself, will bring about.
//!
//! What is waited for is looked at again whenever something has changed, never at intervals. The limit is kept by a
//! thread that exists only while somebody waits: the timers of the test's runtime may be paused, and run through hours
//! at once.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::runtime::{Handle as Runtime, RuntimeFlavor};
use tokio::sync::futures::OwnedNotified;
use tokio::task::{block_in_place, try_id};

use crate::clock::Clock;
use crate::driver::{Driver, Watchdog};
use crate::fake::{
    AgentHandle, BuildHandle, FakeBuildkite, JobHandle, PipelineHandle, QueueHandle, Tie,
};
use crate::journal::RequestRecord;
use crate::vocabulary::route::Route;
use crate::vocabulary::span::instant;

/// How long something is waited for unless a test says otherwise: 10 seconds.
/// Chosen: a bound against hanging, not a measure; whoever waits so long waits in vain.
const LIMIT: Duration = Duration::from_secs(10);

/// How many of the last requests a failure shows.
const REQUESTS_SHOWN: usize = 10;

/// Something that will be there once something else has happened: `.await` it, under any async runtime, or call
/// [`blocking`](Self::blocking).
///
/// It is looked for whenever something has changed in the fake. The limit, ten seconds unless [`within`](Self::within)
/// says otherwise, is real time, counted from when the waiting begins; when it is over, the wait panics and says what
/// was waited for, where the clock stands, what the last requests were, and what the build looks like.
///
/// ```
/// use fake_buildkite::{Clock, FakeBuildkite, seconds};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let fake = FakeBuildkite::builder().clock(Clock::Wall { speed: 1_000.0 }).start();
/// let build = fake.pipeline("app").create_build();
/// fake.wait_for(&build, |build| build.is_finished()).within(seconds(30)).await;
/// assert!(build.finished_at().is_some());
/// # });
/// ```
#[must_use = "nothing is waited for before it is awaited, or told to block"]
pub struct Wait<T> {
    tie: Tie,
    look: Look<T>,
    /// What is waited for, and what it looks like now.
    subject: Box<dyn Fn() -> Subject + Send>,
    asked_at: &'static Location<'static>,
    limit: Duration,
    change: Option<Pin<Box<OwnedNotified>>>,
    watchdog: Option<Watchdog>,
}

/// What is waited for, if it is there.
type Look<T> = Box<dyn FnMut(&Driver) -> Option<T> + Send>;

/// What a wait is about, for its failure.
pub(super) struct Subject {
    /// As the end of a sentence that begins with "waited for".
    pub(super) what: String,
    /// In full lines, or nothing.
    pub(super) picture: String,
}

impl FakeBuildkite {
    /// Waits, in real time, until something is true of a pipeline, a build, a job, an agent or a queue. For programs
    /// that run on their own, and for clocks that move by themselves.
    ///
    /// The condition is asked at once, and again whenever something has changed. It is given the handle and may ask
    /// anything of it, and of the fake: no lock is held while it runs. So two questions in one condition may be
    /// answered at two instants, if something happens between them.
    ///
    /// ```
    /// use fake_buildkite::{Clock, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    /// let app = fake.pipeline("app").create();
    /// # let (url, token) = (fake.api_url(), fake.token().to_owned());
    /// let program = std::thread::spawn(move || {
    ///     // … creates a build, and polls it until it is finished …
    /// #   let builds = format!("{url}organizations/acme/pipelines/app/builds");
    /// #   let http = reqwest::blocking::Client::new();
    /// #   http.post(&builds).bearer_auth(&token).body(r#"{"commit":"HEAD","branch":"main"}"#).send().unwrap();
    /// #   for _ in 0..2 { http.get(format!("{builds}/1")).bearer_auth(&token).send().unwrap(); }
    /// });
    /// fake.wait_for(&app, |app| app.builds().len() == 1).blocking();
    /// let build = app.latest_build();
    /// fake.wait_for(&build, |build| build.is_finished()).blocking();
    /// # program.join().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// The [`Wait`] does, if the condition does not hold within ten seconds. At once, if the handle is another fake's,
    /// a fork's for example.
    #[track_caller]
    pub fn wait_for<H: Handle>(
        &self,
        handle: &H,
        condition: impl Fn(&H) -> bool + Send + 'static,
    ) -> Wait<()> {
        handle.must_be_of(self);
        let watched = handle.clone();
        let named = handle.clone();
        Wait::new(
            self.tie(),
            move |_| condition(&watched).then_some(()),
            move || Subject {
                what: format!("{} to be as wanted", named.name()),
                picture: named.picture(),
            },
        )
    }

    /// Waits, in real time, for the next request to an endpoint: the oldest one that no call of this has returned
    /// before. What it was answered with is in the record; the client may not have read the answer yet.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// # let (url, token) = (format!("{}organizations/acme", fake.api_url()), fake.token().to_owned());
    /// let program = std::thread::spawn(move || {
    ///     // … asks for the organization …
    /// #   reqwest::blocking::Client::new().get(url).bearer_auth(token).send().unwrap();
    /// });
    /// let request = fake.next_request(Route::GetOrganization).blocking();
    /// assert_eq!(request.status, 200);
    /// # program.join().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// The [`Wait`] does, if none comes within ten seconds.
    #[track_caller]
    pub fn next_request(&self, route: Route) -> Wait<RequestRecord> {
        Wait::new(
            self.tie(),
            move |driver| driver.take_request(route),
            move || Subject {
                what: format!("a request to {route}"),
                picture: String::new(),
            },
        )
    }
}

impl<T> Wait<T> {
    /// `look` and `subject` are called while the lock is free.
    #[track_caller]
    pub(super) fn new(
        tie: Tie,
        look: impl FnMut(&Driver) -> Option<T> + Send + 'static,
        subject: impl Fn() -> Subject + Send + 'static,
    ) -> Self {
        Self {
            tie,
            look: Box::new(look),
            subject: Box::new(subject),
            asked_at: Location::caller(),
            limit: LIMIT,
            change: None,
            watchdog: None,
        }
    }

    /// Waits so long, in real time, instead of ten seconds.
    ///
    /// ```
    /// use fake_buildkite::{Clock, FakeBuildkite, seconds};
    ///
    /// let fake = FakeBuildkite::builder().clock(Clock::Wall { speed: 1_000.0 }).start();
    /// let build = fake.pipeline("app").create_build();
    /// fake.wait_for(&build, |build| build.is_finished()).within(seconds(60)).blocking();
    /// assert!(build.is_finished());
    /// ```
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Waits on this thread. For plain `#[test]` functions, with the program under test on a thread or in a process of
    /// its own.
    ///
    /// ```
    /// use fake_buildkite::{Clock, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::builder().clock(Clock::Wall { speed: 1_000.0 }).start();
    /// let build = fake.pipeline("app").create_build();
    /// fake.wait_for(&build, |build| build.is_finished()).blocking();
    /// ```
    ///
    /// # Panics
    ///
    /// If it waits in vain. On a current-thread runtime of tokio, also inside its `spawn_blocking`: the thread that
    /// waits is the one the program under test would need. In a task of tokio's `spawn_local`, if there is something to
    /// wait for.
    #[track_caller]
    pub fn blocking(self) -> T {
        assert!(
            !is_on_current_thread(),
            "`.blocking()` on a current-thread runtime would stop the program under test, which runs on this very \
             thread: `.await` it instead"
        );
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut this = std::pin::pin!(self);
        let mut look = || this.as_mut().poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(value) = look() {
            return value;
        }
        let mut wait = || {
            loop {
                thread::park();
                if let Poll::Ready(value) = look() {
                    return value;
                }
            }
        };
        // What the thread of a task would run next is given to another one: it may be what is waited for.
        if try_id().is_some() {
            block_in_place(wait)
        } else {
            wait()
        }
    }

    fn failure(&self, driver: &Driver) -> String {
        let Subject { what, picture } = (self.subject)();
        let (now, due, seed) = driver.read(|engine| {
            let due = engine.timers().first().map(|(key, _)| key.due);
            (engine.now(), due, engine.seed())
        });
        let due = match due {
            Some(due) if driver.mode() == Clock::Manual => format!(
                "the next thing is due at {}, which the clock reaches when the test moves it",
                instant(due)
            ),
            Some(due) => format!("the next thing is due at {}", instant(due)),
            None => "nothing is due".to_owned(),
        };
        let requests = driver.requests();
        let shown = &requests[requests.len().saturating_sub(REQUESTS_SHOWN)..];
        let lines: Vec<_> = shown
            .iter()
            .map(|request| format!("\n  {request}"))
            .collect();
        let requests = if lines.is_empty() {
            "There were no requests.".to_owned()
        } else {
            format!("The last requests:{}", lines.concat())
        };
        format!(
            "waited {:?} in vain for {what}, asked for at {}\nThe clock stands at {} ({}); {due}.\n{requests}\n{picture}\
             The seed is {seed}.",
            self.limit,
            self.asked_at,
            instant(now),
            driver.mode(),
        )
    }
}

impl<T> Future for Wait<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        loop {
            // Held only while this looks: a fake that is dropped meanwhile is gone.
            let driver = this.tie.driver();
            // From here on no change is missed, whether or not this has been polled.
            let change = this
                .change
                .get_or_insert_with(|| Box::pin(driver.changed().notified_owned()));
            if let Some(value) = (this.look)(&driver) {
                return Poll::Ready(value);
            }
            if change.as_mut().poll(cx).is_ready() {
                this.change = None;
                continue;
            }
            let watchdog = this
                .watchdog
                .get_or_insert_with(|| Watchdog::new(this.limit));
            let is_over = watchdog.is_over(cx.waker());
            assert!(!is_over, "{}", this.failure(&driver));
            return Poll::Pending;
        }
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("asked_at", &self.asked_at.to_string())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Whether whoever waits here stops everything else on this runtime.
pub(super) fn is_on_current_thread() -> bool {
    Runtime::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A handle that [`wait_for`](crate::FakeBuildkite::wait_for) can watch: pipelines, builds, jobs, agents, queues.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, Handle};
///
/// /// For tests that wait a lot.
/// fn wait_until<H: Handle>(fake: &FakeBuildkite, handle: &H, holds: fn(&H) -> bool) {
///     fake.wait_for(handle, holds).blocking();
/// }
///
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").create_build();
/// fake.run_until_idle();
/// wait_until(&fake, &build, |build| build.is_finished());
/// wait_until(&fake, &build.all_jobs()[0], |job| job.exit_status() == Some(0));
/// ```
pub trait Handle: Watchable {}

impl<H: Watchable> Handle for H {}

/// What keeps others from implementing [`Handle`].
pub trait Watchable: Clone + Send + 'static {
    /// What it is called.
    #[doc(hidden)]
    fn name(&self) -> String;

    /// What it looks like, in full lines.
    #[doc(hidden)]
    fn picture(&self) -> String;

    /// Panics if it is another fake's.
    #[doc(hidden)]
    #[track_caller]
    fn must_be_of(&self, fake: &FakeBuildkite);
}

impl Watchable for BuildHandle {
    fn name(&self) -> String {
        self.name()
    }

    fn picture(&self) -> String {
        self.timeline().to_string()
    }

    fn must_be_of(&self, fake: &FakeBuildkite) {
        self.tie.must_be(&fake.tie(), || Watchable::name(self));
    }
}

impl Watchable for JobHandle {
    fn name(&self) -> String {
        self.full_name()
    }

    fn picture(&self) -> String {
        self.build().timeline().to_string()
    }

    fn must_be_of(&self, fake: &FakeBuildkite) {
        self.tie.must_be(&fake.tie(), || Watchable::name(self));
    }
}

impl Watchable for PipelineHandle {
    fn name(&self) -> String {
        format!("pipeline {}", self.slug())
    }

    /// The latest builds: it may have thousands.
    fn picture(&self) -> String {
        let builds = self.builds();
        let latest = &builds[builds.len().saturating_sub(3)..];
        latest
            .iter()
            .map(|build| build.timeline().to_string())
            .collect()
    }

    fn must_be_of(&self, fake: &FakeBuildkite) {
        self.tie.must_be(&fake.tie(), || Watchable::name(self));
    }
}

impl Watchable for AgentHandle {
    fn name(&self) -> String {
        format!("agent {}", self.name())
    }

    fn picture(&self) -> String {
        let has = self.job().map_or_else(
            || "has no job".to_owned(),
            |job| format!("has {}", job.full_name()),
        );
        let paused = if self.is_paused() { ", paused" } else { "" };
        format!("it is {}{paused}, and {has}\n", self.state())
    }

    fn must_be_of(&self, fake: &FakeBuildkite) {
        self.tie.must_be(&fake.tie(), || Watchable::name(self));
    }
}

impl Watchable for QueueHandle {
    fn name(&self) -> String {
        self.name()
    }

    fn picture(&self) -> String {
        let paused = if self.is_paused() { "" } else { "not " };
        let waiting = self.waiting_jobs().len();
        format!("it is {paused}paused; jobs that wait in it: {waiting}\n")
    }

    fn must_be_of(&self, fake: &FakeBuildkite) {
        self.tie.must_be(&fake.tie(), || Watchable::name(self));
    }
}
