//! What a test holds: the fake itself, its clock, and handles on what is in it. All of it is synchronous but what waits
//! in real time.
//!
//! Elsewhere: how to start one with other than the usual (`builder`, `agent_spec`), where it runs (`host`), the handles
//! (`organization`, `account`, `team`, `pipeline`, `build`, `job` and its `log`, `artifact`, `annotation`,
//! `step_upload`, `schedule`, `cluster`, `agent`, `webhook`), what commands do (`script`), ready pipelines
//! (`scenarios`), what goes wrong on purpose (`fault`, `gate`, `outage`), the questions about requests (`requests`),
//! waiting (`wait`), going back (`snapshot`), random walks (`explore`), what a test could have meant (`choices`), and
//! what it is told at the end (`verify`).

mod account;
mod advance;
mod agent;
mod agent_spec;
mod annotation;
mod artifact;
mod build;
mod builder;
mod choices;
mod cluster;
mod connection;
mod events;
mod explore;
mod fault;
mod find;
mod gate;
mod host;
mod job;
#[cfg(fake_buildkite_keep_logs)]
mod keep;
mod log;
mod organization;
mod outage;
mod pipeline;
mod pipeline_settings;
mod receiver;
mod refusals;
mod requests;
pub mod scenarios;
mod schedule;
mod script;
mod snapshot;
mod step_upload;
mod team;
mod verify;
mod wait;
mod webhook;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::clock::{self, Clock, Until};
use crate::driver::Driver;
use crate::engine::Engine;
use crate::engine::account::{OrganizationKey, UserKey};
use crate::fake::advance::{Never, When};
use crate::fake::host::Host;
use crate::fake::outage::DeadPort;
use crate::fake::snapshot::Family;
use crate::http::connection::Limits;
use crate::http::server::Server;
use crate::vocabulary::ids::UserId;
use crate::vocabulary::slip::{slip, slip_unless};
use crate::vocabulary::span;

pub use account::{TokenHandle, UserHandle};
pub use advance::{Advance, Advancing};
pub use agent::AgentHandle;
pub use agent_spec::{AgentSpec, agent};
pub use annotation::AnnotationRecord;
pub use artifact::ArtifactRecord;
pub use build::{BuildBuilder, BuildHandle};
pub use builder::{Agents, FakeBuildkiteBuilder};
pub use cluster::{ClusterBuilder, ClusterHandle, ClusterTokenRecord, QueueHandle};
pub use connection::Connection;
pub use events::{Events, Idle, Waiting};
pub use explore::{Explore, Walk, assert_repeatable, explore};
pub use fault::{Fault, FaultBuilder};
pub use gate::Gate;
pub use job::{JobHandle, Moment};
pub use organization::OrganizationHandle;
pub use pipeline::{PipelineBuilder, PipelineHandle};
pub use receiver::{Received, WebhookReceiver};
pub use refusals::{IllegalAgentMove, IllegalMove, NotAtWork, UploadError, UploadStage};
pub use requests::Requests;
pub use schedule::{ScheduleBuilder, ScheduleHandle};
pub use script::JobScript;
pub use snapshot::Snapshot;
pub use step_upload::StepUploadRecord;
pub use team::{TeamBuilder, TeamHandle};
pub use verify::Report;
pub use wait::{Handle, Wait};
pub use webhook::{WebhookBuilder, WebhookHandle};

/// A Buildkite of a test's own: a state machine for builds and jobs, a clock, and a server on a port of its own.
///
/// It starts in a fraction of a millisecond, works in `#[test]` and under any runtime, and is gone when it is dropped:
/// the port is closed then, and every connection within a tenth of a second. Requests that are held or late are not
/// waited for.
///
/// Handles on what is in it do not keep it alive. One that is used when the fake is gone, when what it leads to was
/// deleted or [undone](Self::rewind), or with another fake than its own, panics with a sentence that says so.
///
/// ```
/// use fake_buildkite::{BuildState, FakeBuildkite, JobState, minutes};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make test, key: test}]").create();
/// app.on_job("test").takes(minutes(3)).exits(1) // first attempt: fails
///     .then().takes(minutes(2)).exits(0);       // every later attempt: passes
///
/// let build = app.create_build(); // usually the program under test does this, at fake.api_url()
/// fake.advance(minutes(4));       // picked up after 1 s, runs 3 min, fails
/// assert_eq!(build.job("test").state(), JobState::Failed);
///
/// build.job("test").retry();
/// fake.run_until_idle();
/// assert_eq!(build.state(), BuildState::Passed);
/// ```
pub struct FakeBuildkite {
    /// Goes before the world: so whoever drops the fake takes down its world, however large, and not the thread of the
    /// server, which has to be gone in a moment.
    server: Server,
    driver: Arc<Driver>,
    host: Host,
    limits: Limits,
    home: Home,
    token: String,
    family: Family,
    /// The problems somebody was told of: those need not be said again at the end.
    told: Mutex<Vec<String>>,
    dead: OnceLock<DeadPort>,
    #[cfg(fake_buildkite_keep_logs)]
    name: keep::Name,
}

/// What a handle on a pipeline says that is none any more.
const PIPELINE_GONE: &str =
    "this pipeline is gone: it was deleted, or the fake went back to before it was made";

/// Where things are made when a test does not say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home {
    pub(crate) organization: OrganizationKey,
    pub(crate) user: UserKey,
}

impl FakeBuildkite {
    /// Starts a fake with the usual: organization `acme`, one token with every scope, an unlimited simulated fleet of
    /// agents, and a clock that stands at 2030-01-01T00:00:00Z until the test moves it.
    ///
    /// Not for a test whose tokio clock is paused: requests would end at once in "error sending request" or "operation timed
    /// out". There it is [`on_current_runtime`](FakeBuildkiteBuilder::on_current_runtime).
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// assert_eq!(fake.organization(), "acme");
    /// assert_eq!(fake.clock().now().to_rfc3339(), "2030-01-01T00:00:00+00:00");
    /// ```
    ///
    /// # Panics
    ///
    /// If the system has no port, descriptor or thread left.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts with something else than the usual.
    ///
    /// ```
    /// use fake_buildkite::{Agents, Clock, FakeBuildkite, Scope};
    ///
    /// let fake = FakeBuildkite::builder()
    ///     .organization("initech")
    ///     .seed(7)
    ///     .starting_at("2026-01-05T09:00:00Z")
    ///     .clock(Clock::StepPerPoll)
    ///     .agents(Agents::none())
    ///     .token("read-only", [Scope::ReadBuilds])
    ///     .start();
    /// assert_eq!(fake.clock().now().to_rfc3339(), "2026-01-05T09:00:00+00:00");
    /// ```
    pub fn builder() -> FakeBuildkiteBuilder {
        FakeBuildkiteBuilder::new()
    }

    /// Serves a world.
    #[track_caller]
    fn serve(
        driver: Arc<Driver>,
        host: Host,
        port: u16,
        limits: Limits,
        home: Home,
        token: String,
        family: Family,
    ) -> Self {
        let (mode, epoch) = (driver.mode(), driver.read(Engine::now));
        let server = match host.serve(&driver, mode, epoch, port, limits.clone()) {
            Ok(server) => server,
            Err(error) => slip!("no server for the fake on port {port}: {error}"),
        };
        let fake = Self {
            driver,
            server,
            host,
            limits,
            home,
            token,
            family,
            told: Mutex::default(),
            dead: OnceLock::new(),
            #[cfg(fake_buildkite_keep_logs)]
            name: keep::Name::next(),
        };
        fake.driver.listens_at(fake.url());
        fake.driver.posts_on(fake.server.runtime());
        fake
    }

    /// The origin of the fake, such as `http://127.0.0.1:43215`, without a path and without a slash at the end. For
    /// clients that add `/v2/` themselves, such as go-buildkite.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// assert!(fake.url().starts_with("http://127.0.0.1:"));
    /// assert_eq!(reqwest::blocking::get(fake.url()).unwrap().status(), 200);
    /// ```
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Where the REST API begins, with a slash at the end: `http://127.0.0.1:43215/v2/`. For clients that take the
    /// address of the API, such as pybuildkite.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// assert_eq!(fake.api_url(), format!("{}/v2/", fake.url()));
    /// let url = format!("{}user", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(answer.status(), 200);
    /// ```
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/v2/", self.url())
    }

    /// Where the GraphQL API is, as far as it is served: see [`Route::GraphQl`](crate::Route::GraphQl).
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// assert_eq!(fake.graphql_url(), format!("{}/v1/graphql", fake.url()));
    /// ```
    #[must_use]
    pub fn graphql_url(&self) -> String {
        format!("{}/v1/graphql", self.url())
    }

    /// An API access token with every scope.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let url = format!("{}access-token", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// let scopes = answer.json::<serde_json::Value>().unwrap()["scopes"].as_array().unwrap().len();
    /// assert_eq!(scopes, fake_buildkite::Scope::ALL.len());
    /// ```
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The id of the [user](Self::user) of the fake.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let url = format!("{}user", fake.api_url());
    /// let user = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(user.json::<serde_json::Value>().unwrap()["id"], fake.user_id().to_string());
    /// ```
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.driver.read(|engine| engine.user(self.home.user).id)
    }

    /// The slug of the organization that everything belongs to unless a test says otherwise. For a handle on one, see
    /// [`existing_organization`](Self::existing_organization).
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// assert_eq!(app.web_url(), format!("{}/{}/app", fake.url(), fake.organization()));
    /// ```
    #[must_use]
    pub fn organization(&self) -> String {
        self.driver
            .read(|engine| engine.organization(self.home.organization).slug.to_string())
    }

    /// Begins a new pipeline; `create` makes it. The slug is derived from the name.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let site = fake.pipeline("My Site").steps("steps: [{command: make}, wait, {block: Release?}]").create();
    /// assert_eq!(site.slug(), "my-site");
    /// ```
    pub fn pipeline(&self, name: impl Into<String>) -> PipelineBuilder {
        PipelineBuilder::new(self.tie(), self.home, name.into())
    }

    /// A pipeline that is already there, perhaps because the program under test made it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let url = format!("{}organizations/acme/pipelines", fake.api_url());
    /// let create = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token());
    /// let app = r#"{"name":"My App","repository":"git@example.com:app.git","configuration":"steps: []"}"#;
    /// create.body(app).send().unwrap(); // the program under test does this
    /// assert_eq!(fake.existing_pipeline("my-app").name(), "My App");
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none with this slug; the message names those that are.
    #[must_use]
    #[track_caller]
    pub fn existing_pipeline(&self, slug: &str) -> PipelineHandle {
        PipelineHandle::find(&self.tie(), self.home, slug)
    }

    /// Every event so far, oldest first; the last 100,000 are kept.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.pipeline("app").create_build();
    /// let created = fake.events();
    /// assert_eq!(created[0].to_string(), "2030-01-01T00:00:00.000Z app#1 created as creating");
    /// let happened = fake.run_until_idle();
    /// assert_eq!(fake.events().len(), created.len() + happened.events.len());
    /// ```
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.driver.events())
    }

    /// Every request that was complete, oldest first; the last 10,000 are kept. What the server turned away at the door
    /// (too large, half sent, no HTTP) is not among them.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// // … the program under test runs …
    /// fake.requests().to(Route::CreateBuild).assert_count(0);
    /// ```
    #[must_use]
    pub fn requests(&self) -> Requests {
        let (all, gone) = self.driver.requests_and_gone();
        Requests::new(all, gone)
    }

    /// What went wrong inside the fake while it answered: such an answer is a 500 with the same text. Empty, unless the
    /// fake has a bug.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// assert!(fake.failures().is_empty());
    /// ```
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.server.failures()
    }

    // --- Time --------------------------------------------------------------------------------------------------------

    /// The clock: what it says, and what moves it.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, hours};
    ///
    /// let fake = FakeBuildkite::start();
    /// let start = fake.clock().now();
    /// fake.advance(hours(2));
    /// assert_eq!(fake.clock().now() - start, chrono::TimeDelta::hours(2));
    /// ```
    #[must_use]
    pub fn clock(&self) -> ClockHandle<'_> {
        ClockHandle {
            driver: &self.driver,
        }
    }

    /// Moves the clock by `by` and returns what happened, each event at its own instant. Everything that is due happens
    /// before this returns, and every receiver of a [`webhook`](Self::webhook) has answered. Can be `.await`ed, and has to
    /// be in one case: see [`Advance`].
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.pipeline("app").create_build();
    /// let happened = fake.advance(minutes(1));
    /// assert_eq!(happened.last().unwrap().to_string(), "2030-01-01T00:00:11.000Z app#1 running -> passed");
    /// ```
    ///
    /// # Panics
    ///
    /// If more happens than one call may do (100,000 due things, unless the builder says otherwise), or the clock goes by
    /// another one: [`Clock::Wall`], [`Clock::FollowTokio`]. What is returned does, if it is not awaited on a current-thread
    /// runtime while webhooks are registered.
    #[track_caller]
    pub fn advance(&self, by: Duration) -> Advance<Events> {
        self.travel(|now| Until::Instant(clock::after(now, by)))
    }

    /// Moves the clock to an instant and returns what happened.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, hours};
    ///
    /// let fake = FakeBuildkite::start();
    /// let noon = fake.clock().now() + hours(12);
    /// fake.pipeline("app").create().schedule("0 6 * * *").create();
    /// let happened = fake.advance_to(noon);
    /// assert_eq!(happened[0].to_string(), "2030-01-01T06:00:00.000Z app schedule 0 6 * * * -> app#1");
    /// assert_eq!(fake.clock().now(), noon);
    /// ```
    ///
    /// # Panics
    ///
    /// If the instant has passed already, or as [`advance`](Self::advance) does.
    #[track_caller]
    pub fn advance_to(&self, instant: DateTime<Utc>) -> Advance<Events> {
        self.must_be_movable();
        let now = self.clock().now();
        slip_unless!(
            instant >= now,
            "the clock stands at {} and does not go back to {}",
            span::instant(now),
            span::instant(instant)
        );
        self.travel(|_| Until::Instant(instant))
    }

    /// Moves the clock to the next due thing that moves a build forward, and does only that. Nothing happens, and the
    /// clock stays, if there is none.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// fake.step(); // an agent starts the job
    /// fake.step(); // its command ends
    /// assert!(build.is_finished());
    /// assert!(fake.step().is_empty());
    /// ```
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance) does.
    #[track_caller]
    pub fn step(&self) -> Advance<Events> {
        self.travel(|_| Until::NextStep)
    }

    /// Moves the clock until nothing is due that moves a build forward, and returns what happened and what is left: jobs
    /// that wait for a person, for an agent that never comes, or for a command that never ends.
    ///
    /// Schedules move no build forward, so this does not wait for them; those that come due on the way make their builds,
    /// which are moved to their end like any other.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.pipeline("app").steps("steps: [{block: Release?}]").create_build();
    /// let idle = fake.run_until_idle();
    /// assert_eq!(idle.waiting_on[0].to_string(), "app#1 Release? is blocked: it waits for a person");
    /// ```
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance) does.
    #[track_caller]
    pub fn run_until_idle(&self) -> Advance<Idle> {
        let finish = |driver: &Driver, events, _| {
            Ok(Idle {
                events: Events::new(events),
                waiting_on: driver.read(events::what_is_left),
            })
        };
        Advance::go(self, |_| Until::Idle, Never, finish)
    }

    /// Moves the clock until `condition` holds, asking after every instant at which something happened. The condition is
    /// asked before the clock moves, and no lock is held while it is. Nothing waits for schedules.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// fake.run_until(|_| build.started_at().is_some());
    /// assert_eq!(fake.clock().now().to_rfc3339(), "2030-01-01T00:00:01+00:00");
    /// ```
    ///
    /// # Panics
    ///
    /// If nothing is due any more and the condition still does not hold; the message says what is left. Also as
    /// [`advance`](Self::advance) does.
    #[track_caller]
    pub fn run_until<C: Fn(&Self) -> bool>(&self, condition: C) -> Advance<Events, When<'_, C>> {
        let finish = |driver: &Driver, events, holds: bool| {
            if holds {
                Ok(Events::new(events))
            } else {
                Err(why_it_ended(driver))
            }
        };
        let stop = When {
            fake: self,
            condition,
        };
        Advance::go(self, |_| Until::Idle, stop, finish)
    }

    #[track_caller]
    fn travel(&self, target: impl FnOnce(DateTime<Utc>) -> Until) -> Advance<Events> {
        Advance::go(self, target, Never, |_, events, _| Ok(Events::new(events)))
    }

    /// A clock that goes by another one is moved by nobody else: the two would disagree from then on.
    #[track_caller]
    fn must_be_movable(&self) {
        let mode = self.driver.mode();
        if let Some(mover) = host::mover(mode) {
            slip!(
                "no test moves the clock while it is {}: {mover}",
                mode.worded()
            );
        }
    }

    fn tie(&self) -> Tie {
        Tie(Arc::downgrade(&self.driver))
    }
}

/// That nothing is due any more, and what is left.
fn why_it_ended(driver: &Driver) -> String {
    let left = driver.read(events::what_is_left);
    let left: Vec<_> = left
        .iter()
        .map(|waiting| format!("\n  {waiting}"))
        .collect();
    let left = if left.is_empty() {
        "\n  nothing: every build is finished".to_owned()
    } else {
        left.concat()
    };
    let left = left + &driver.read(events::next_unawaited);
    format!(
        "nothing is due any more and the condition does not hold. The clock stands at {} ({}). Left:{left}",
        span::instant(driver.read(Engine::now)),
        driver.mode(),
    )
}

/// Where it is and what its clock says. Its token has no business in a log, and its world is too large for one.
impl fmt::Debug for FakeBuildkite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeBuildkite")
            .field("url", &self.url())
            .field("now", &span::instant(self.clock().now()))
            .field("mode", &self.driver.mode())
            .finish_non_exhaustive()
    }
}

/// The clock of a fake.
///
/// ```
/// use fake_buildkite::{Clock, FakeBuildkite};
///
/// let fake = FakeBuildkite::start();
/// assert_eq!(fake.clock().now().to_rfc3339(), "2030-01-01T00:00:00+00:00");
/// assert_eq!(fake.clock().mode(), Clock::Manual);
/// assert!(fake.clock().elapsed().is_zero());
/// ```
#[derive(Clone, Copy)]
pub struct ClockHandle<'fake> {
    driver: &'fake Driver,
}

impl ClockHandle<'_> {
    /// What the clock says. It moves by itself only in the modes [`Clock::Wall`] and [`Clock::FollowTokio`].
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.driver.read(crate::engine::Engine::now)
    }

    /// How far it has moved since the start: how long the test has taken, as the program under test sees it.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, minutes};
    ///
    /// let fake = FakeBuildkite::builder().starting_at("2026-01-05T09:00:00Z").start();
    /// let start = fake.snapshot();
    /// fake.advance(minutes(90));
    /// assert_eq!(fake.clock().elapsed(), minutes(90));
    /// assert_eq!(fake.fork().clock().elapsed(), minutes(90)); // it goes on from here
    /// fake.rewind(&start);
    /// assert!(fake.clock().elapsed().is_zero());
    /// ```
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let elapsed = self.driver.elapsed().to_std();
        elapsed.expect("no clock goes back behind its start")
    }

    /// What moves it.
    #[must_use]
    pub fn mode(&self) -> Clock {
        self.driver.mode()
    }
}

impl fmt::Debug for ClockHandle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", span::instant(self.now()), self.mode())
    }
}

/// A handle's weak tie to its fake: handles do not keep it alive.
#[derive(Clone)]
pub(crate) struct Tie(Weak<Driver>);

impl Tie {
    /// The driver, if the fake is still there.
    pub(crate) fn alive(&self) -> Option<Arc<Driver>> {
        self.0.upgrade()
    }

    /// Panics if a handle is none of this fake's.
    #[track_caller]
    pub(crate) fn must_be(&self, of: &Self, name: impl FnOnce() -> String) {
        slip_unless!(
            self.0.ptr_eq(&of.0),
            "{} belongs to another fake: look it up in this one, with `existing_pipeline`, `existing_user`, `agent` and the like",
            name()
        );
    }

    #[track_caller]
    pub(crate) fn driver(&self) -> Arc<Driver> {
        match self.0.upgrade() {
            Some(driver) => driver,
            None => slip!(
                "the FakeBuildkite this handle belongs to is gone; keep it alive as long as its handles are used"
            ),
        }
    }
}

impl fmt::Debug for Tie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.strong_count() > 0 {
            "alive"
        } else {
            "gone"
        })
    }
}
