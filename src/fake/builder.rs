//! Starting a fake with something else than the usual.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, Utc};

use crate::clock::{Clock, EPOCH, EVENT_LIMIT};
use crate::driver::{Driver, Posting};
use crate::engine::Engine;
use crate::engine::agent::Fleet;
use crate::engine::commands::AddMember;
use crate::engine::log::LogForm;
use crate::fake::host::Host;
use crate::fake::snapshot::Family;
use crate::fake::{AgentSpec, FakeBuildkite, Home};
use crate::http::connection::Limits;
use crate::http::{Clusters, Options, RateLimits};
use crate::vocabulary::role::MemberRole;
use crate::vocabulary::scope::Scope;
use crate::vocabulary::slip::{slip, slip_unless};
use crate::wire::{Times, Waiters};

/// Who picks up jobs.
///
/// ```
/// use fake_buildkite::{Agents, FakeBuildkite, JobState, days};
///
/// let fake = FakeBuildkite::builder().agents(Agents::none()).start();
/// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
/// fake.advance(days(30));
/// assert_eq!(build.job("test").state(), JobState::Expired);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agents {
    fleet: Fleet,
    specs: Vec<AgentSpec>,
}

impl Agents {
    /// As many simulated agents as there are jobs, for any query rules: the default.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, JobState, seconds};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::unlimited()).start();
    /// let steps = "steps: [{command: make, key: test, parallelism: 50, agents: {os: plan9}}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// fake.advance(seconds(1));
    /// assert!(build.jobs("test").iter().all(|job| job.state() == JobState::Running));
    /// ```
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            fleet: Fleet::Unlimited,
            specs: Vec::new(),
        }
    }

    /// Nobody: jobs stay `scheduled` until the test moves them by hand, or they expire after 30 days.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::none()).start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.job("test").state(), JobState::Scheduled);
    /// ```
    #[must_use]
    pub fn none() -> Self {
        Self {
            fleet: Fleet::Nobody,
            specs: Vec::new(),
        }
    }

    /// These and no others: queue time, priorities and jobs that nobody can run emerge.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("mac").tags(["os=mac"])])).start();
    /// let steps = "steps: [{command: make, key: test, agents: {os: linux}}]";
    /// fake.pipeline("app").steps(steps).create_build();
    /// let idle = fake.run_until_idle();
    /// assert_eq!(idle.waiting_on[0].to_string(), "app#1 test is scheduled: no agent picks it up");
    /// ```
    #[must_use]
    pub fn fleet(agents: impl IntoIterator<Item = AgentSpec>) -> Self {
        Self {
            fleet: Fleet::Fixed,
            specs: agents.into_iter().collect(),
        }
    }
}

/// What a fake starts with; see [`FakeBuildkite::builder`].
///
/// ```
/// use fake_buildkite::{Agents, Clock, FakeBuildkite, Scope};
///
/// let fake = FakeBuildkite::builder()
///     .organization("initech")
///     .user("Ada", "ada@example.com")
///     .token("read-only", [Scope::ReadBuilds])
///     .seed(7)
///     .starting_at("2026-01-05T09:00:00Z")
///     .clock(Clock::StepPerPoll)
///     .agents(Agents::none())
///     .start();
/// assert_eq!((fake.organization(), fake.user().name()), ("initech".to_owned(), "Ada".to_owned()));
/// assert_eq!(fake.clock().now().to_rfc3339(), "2026-01-05T09:00:00+00:00");
/// ```
#[derive(Clone)]
#[must_use = "nothing runs before `start`"]
pub struct FakeBuildkiteBuilder {
    organizations: Vec<String>,
    user: (String, String),
    tokens: Vec<(String, Vec<Scope>)>,
    seed: u64,
    starting_at: DateTime<Utc>,
    clock: Clock,
    host: Host,
    port: u16,
    agents: Agents,
    event_limit: usize,
    enforces_limits: bool,
    expires_hourly: bool,
    plan_is_without_teams: bool,
    log_form: LogForm,
    options: Options,
    posting: Posting,
    limits: Limits,
}

impl FakeBuildkiteBuilder {
    pub(super) fn new() -> Self {
        Self {
            organizations: Vec::new(),
            user: ("Fake User".to_owned(), "fake.user@example.com".to_owned()),
            tokens: Vec::new(),
            seed: 0,
            starting_at: EPOCH,
            clock: Clock::Manual,
            host: Host::default(),
            port: 0,
            agents: Agents::unlimited(),
            event_limit: EVENT_LIMIT,
            enforces_limits: false,
            expires_hourly: false,
            plan_is_without_teams: false,
            log_form: LogForm::default(),
            options: Options::default(),
            posting: Posting::default(),
            limits: Limits::default(),
        }
    }

    /// The slug of the organization, instead of `acme`. Called again it adds another organization. What a test makes
    /// belongs to the first unless it says otherwise: [`FakeBuildkite::existing_organization`].
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().organization("acme").organization("initech").start();
    /// assert_eq!(fake.organization(), "acme");
    /// assert_eq!(fake.existing_organization("initech").name(), "Initech");
    /// ```
    ///
    /// # Panics
    ///
    /// If it is no slug: letters, digits and hyphens.
    #[track_caller]
    pub fn organization(mut self, slug: impl Into<String>) -> Self {
        let slug = slug.into();
        let is_slug = crate::engine::pipeline::is_slug(&slug);
        slip_unless!(
            !self.organizations.contains(&slug),
            "there is an organization `{slug}` already"
        );
        slip_unless!(
            is_slug,
            "`{slug}` is no slug of an organization: letters, digits and hyphens"
        );
        self.organizations.push(slug);
        self
    }

    /// The user behind the tokens of the builder, an administrator everywhere, and the creator of what a test makes by
    /// hand. [`FakeBuildkite::add_user`] makes others.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().user("Ada", "ada@example.com").start();
    /// let url = format!("{}user", fake.api_url());
    /// let user = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(user.json::<serde_json::Value>().unwrap()["name"], "Ada");
    /// ```
    pub fn user(mut self, name: impl Into<String>, email: impl Into<String>) -> Self {
        self.user = (name.into(), email.into());
        self
    }

    /// One more API access token, with these scopes and no others. [`FakeBuildkite::token`] stays the one with all.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Scope};
    ///
    /// let fake = FakeBuildkite::builder().token("read-only", [Scope::ReadUser]).start();
    /// let ask = |path: &str| {
    ///     let url = format!("{}{path}", fake.api_url());
    ///     reqwest::blocking::Client::new().get(url).bearer_auth("read-only").send().unwrap().status().as_u16()
    /// };
    /// assert_eq!([ask("user"), ask("builds")], [200, 403]);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is empty, or was given before.
    #[track_caller]
    pub fn token(
        mut self,
        token: impl Into<String>,
        scopes: impl IntoIterator<Item = Scope>,
    ) -> Self {
        let token = token.into();
        slip_unless!(!token.trim().is_empty(), "an empty token lets nobody in");
        slip_unless!(
            self.tokens.iter().all(|(known, _)| *known != token),
            "this token was given twice"
        );
        self.tokens.push((token, scopes.into_iter().collect()));
        self
    }

    /// What ids, tokens and drawn durations are made from: 0 unless a test says otherwise. The same seed and the same
    /// calls give the same bytes.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let first_id = |seed| {
    ///     let fake = FakeBuildkite::builder().seed(seed).start();
    ///     fake.pipeline("app").create().id()
    /// };
    /// assert_eq!(first_id(7), first_id(7));
    /// assert_ne!(first_id(7), first_id(8));
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Where the clock stands at the start, as an RFC 3339 instant: `2026-01-05T09:00:00Z`.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().starting_at("2026-01-05T09:00:00Z").start();
    /// let build = fake.pipeline("app").create_build();
    /// assert_eq!(build.created_at().to_rfc3339(), "2026-01-05T09:00:00+00:00");
    /// ```
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn starting_at(mut self, instant: &str) -> Self {
        match instant.parse::<DateTime<Utc>>() {
            Ok(at) => {
                let is_usual = (0..=9_999).contains(&at.year());
                slip_unless!(
                    is_usual,
                    "a clock starts in the years 0 to 9999, and not at `{instant}`"
                );
                self.starting_at = at;
            }
            Err(error) => slip!("`{instant}` is no instant like `2026-01-05T09:00:00Z`: {error}"),
        }
        self
    }

    /// What moves the clock: [`Clock::Manual`] unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{Clock, FakeBuildkite, seconds};
    ///
    /// let fake = FakeBuildkite::builder().clock(Clock::PerRequest(seconds(2))).start();
    /// let start = fake.clock().now();
    /// reqwest::blocking::get(fake.url()).unwrap();
    /// assert_eq!(fake.clock().now(), start + seconds(2));
    /// ```
    ///
    /// # Panics
    ///
    /// If each request would move it by more than a thousand years, or if real time would not move it forward.
    #[track_caller]
    pub fn clock(mut self, clock: Clock) -> Self {
        match clock {
            Clock::PerRequest(by) => slip_unless!(
                by <= crate::vocabulary::span::days(365_000),
                "a request moves the clock by at most a thousand years, and not by {by:?}"
            ),
            Clock::Wall { speed } => slip_unless!(
                speed.is_finite() && speed > 0.0,
                "a clock cannot go {speed} times as fast as real time: the speed is finite, and more than nothing"
            ),
            Clock::Manual | Clock::StepPerPoll | Clock::FollowTokio => {}
        }
        self.clock = clock;
        self
    }

    /// Runs the server on the tokio runtime in which [`start`](Self::start) is called, instead of a thread of its own.
    ///
    /// For tests with a paused clock: tokio sees a request that is on its way to a task of the same runtime, and lets
    /// no time pass meanwhile. To a server on another thread it is blind: what waits for the answer looks idle, the
    /// clock jumps to the next timer, and that is the client's own time-out. Needed for [`Clock::FollowTokio`], good
    /// for any clock once tokio's is paused.
    ///
    /// A fake that follows tokio's clock makes sure of it: before it serves the first socket, it sends something over
    /// one beside a timer. If the clock has moved meanwhile, every request is answered with 500 from then on, and
    /// everything a test asks of the fake panics, with a sentence that says so. Connections [in
    /// memory](FakeBuildkite::connect) need no such check.
    ///
    /// What comes with it:
    ///
    /// - A blocking client on a current-thread runtime waits for ever: the thread it blocks is the one that would
    ///   answer. That cannot be noticed from inside. Use an async client, or `spawn_blocking`.
    /// - Requests from outside the runtime (a child process, another runtime, a thread) are served, but a paused clock
    ///   does not see them on their way.
    /// - Limits in real time do not hold ([`request_timeout`](Self::request_timeout), idle connections): there is no
    ///   clock to keep them by.
    /// - After the fake was dropped the port is closed on Linux at once, elsewhere when the runtime next runs.
    ///
    /// ```
    /// use fake_buildkite::{Clock, FakeBuildkite, seconds};
    ///
    /// #[tokio::main(flavor = "current_thread", start_paused = true)] // in a test: #[tokio::test(start_paused = true)]
    /// async fn main() {
    ///     let fake = FakeBuildkite::builder().clock(Clock::FollowTokio).on_current_runtime().start();
    ///     let build = fake.pipeline("app").create_build();
    ///     tokio::time::sleep(seconds(5)).await; // no real time passes
    ///     assert!(!build.is_finished());
    ///     tokio::time::sleep(seconds(6)).await; // picked up after 1 s, runs 10 s
    ///     assert!(build.is_finished());
    /// }
    /// ```
    pub fn on_current_runtime(mut self) -> Self {
        self.host = Host::CurrentRuntime;
        self
    }

    /// The port of 127.0.0.1 on which the fake listens, instead of any free one. For programs that cannot be told where
    /// the fake is: tests that run side by side cannot share a port.
    ///
    /// ```no_run
    /// let fake = fake_buildkite::FakeBuildkite::builder().port(8_989).start();
    /// assert_eq!(fake.url(), "http://127.0.0.1:8989");
    /// ```
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Who picks up jobs: [`Agents::unlimited`] unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent};
    ///
    /// let fleet = Agents::fleet([agent("linux").tags(["os=linux"]), agent("mac").tags(["os=mac"])]);
    /// let fake = FakeBuildkite::builder().agents(fleet).start();
    /// assert_eq!(fake.agents().len(), 2);
    /// ```
    pub fn agents(mut self, agents: Agents) -> Self {
        self.agents = agents;
        self
    }

    /// How many due things one call to move the clock may fire before it panics and names what goes round: 100,000
    /// unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, days};
    ///
    /// // A month of hourly builds: each has a slot, a pick-up and an end.
    /// let fake = FakeBuildkite::builder().event_limit(3_000).start();
    /// let app = fake.pipeline("app").create();
    /// app.schedule("@hourly").create();
    /// fake.advance(days(30));
    /// assert_eq!(app.builds().len(), 720);
    /// ```
    pub fn event_limit(mut self, limit: usize) -> Self {
        self.event_limit = limit;
        self
    }

    /// Enforces the documented limits of the platform that not every organization is held to: 500 jobs an upload, 4,000
    /// a build, 50 a matrix. Without it a build may have 100,000 jobs, and one file 10,000. 500 uploads a build are the
    /// limit in any case.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::builder().enforce_limits().start();
    /// let build = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create_build();
    /// build.job("gen").start();
    /// let refused = build.job("gen").try_upload_pipeline("steps: [{command: make, parallelism: 501}]").unwrap_err();
    /// assert_eq!(refused.message, "501 jobs in one upload, of which 500 are allowed");
    /// ```
    pub fn enforce_limits(mut self) -> Self {
        self.enforces_limits = true;
        self
    }

    /// Jobs expire as on the service, which looks once an hour, at its fifth minute, for those that waited 30 days.
    /// Without it they expire at the very instant.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, JobState, days, minutes};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::none()).hourly_expiry().start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// fake.advance(days(30));
    /// assert_eq!(build.job("test").state(), JobState::Scheduled);
    /// fake.advance(minutes(5));
    /// assert_eq!(build.job("test").state(), JobState::Expired);
    /// ```
    pub fn hourly_expiry(mut self) -> Self {
        self.expires_hourly = true;
        self
    }

    /// The plan of the organizations has no teams: a program that enables them is refused with 403.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().plan_without_teams().start();
    /// let url = format!("{}organizations/acme/teams/enable", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).send().unwrap();
    /// assert!(answer.text().unwrap().contains("Your plan doesn't include team permissions."));
    /// ```
    pub fn plan_without_teams(mut self) -> Self {
        self.plan_is_without_teams = true;
        self
    }

    /// Raw logs are byte for byte what commands print, as from agents that were told to leave time stamps out: no
    /// `ESC _bk;t=…` before each line and no `\r` at its end. `header_times` of the API then has an instant for each
    /// line that begins a group (`--- `, `+++ `, `~~~ `), which it has not where lines have time stamps.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().plain_logs().start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").write_log("compiling\n");
    /// assert_eq!(build.job("test").raw_log(), "compiling\n");
    /// ```
    pub fn plain_logs(mut self) -> Self {
        self.log_form = LogForm::AsPrinted;
        self
    }

    /// Where every URL in every body begins, such as `http://fake.test`, instead of the host the client asked. Bodies
    /// are then the same in every run, whatever the port.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    /// let url = format!("{}organizations/acme", fake.api_url()); // where to ask is as before
    /// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(answer.json::<serde_json::Value>().unwrap()["url"], "http://fake.test/v2/organizations/acme");
    /// ```
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.options.origin = Some(origin.into().trim_end_matches('/').to_owned());
        self
    }

    /// Requests for routes that Buildkite does not have, or this fake does not model, do not fail
    /// [`verify`](FakeBuildkite::verify). They are answered with 404 and 501 in any case.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    /// let answer = reqwest::blocking::get(format!("{}/v2/no-such-thing", fake.url())).unwrap();
    /// assert_eq!(answer.status(), 404);
    /// assert!(fake.verify().is_ok());
    /// ```
    pub fn allow_unknown_routes(mut self) -> Self {
        self.options.allow_unknown_routes = true;
        self
    }

    /// Nothing is written to the standard error of the process.
    ///
    /// Otherwise one line is, once, when a program has asked ten times for the same build, unfinished or blocked, while nothing
    /// happened: it may wait for a clock that stands still, or for a person, and its test for the program, and neither ends.
    /// For tests whose program polls as often on purpose. The request is noted in any case.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::builder().without_hints().start();
    /// fake.pipeline("app").create_build();
    /// let url = format!("{}organizations/acme/pipelines/app/builds/1", fake.api_url());
    /// for _ in 0..10 {
    ///     reqwest::blocking::Client::new().get(&url).bearer_auth(fake.token()).send().unwrap();
    /// }
    /// assert_eq!(fake.requests()[9].note.as_deref(), Some(
    ///     "poll 10 at this instant; the clock is Manual: move it with `advance`, or choose `Clock::StepPerPoll`",
    /// ));
    /// ```
    pub fn without_hints(mut self) -> Self {
        self.options.no_hints = true;
        self
    }

    /// Rate limits hold: a user who asks more than 50 times in a minute of the fake's clock is answered with 429 until
    /// the minute is over, and so is everybody once all users together have asked 200 times. Without it requests are
    /// counted, and the `RateLimit-*` headers are there, but nobody is sent away and no number of remaining requests
    /// falls below 1.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, seconds};
    ///
    /// let fake = FakeBuildkite::builder().enforce_rate_limits().rate_limit(2, 200).start();
    /// let url = format!("{}user", fake.api_url());
    /// let http = reqwest::blocking::Client::new();
    /// let ask = || http.get(&url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!([ask(), ask(), ask()].map(|answer| answer.status().as_u16()), [200, 200, 429]);
    /// assert_eq!(ask().headers()["ratelimit-user-reset"], "60");
    /// fake.advance(seconds(60));
    /// assert_eq!(ask().status(), 200);
    /// ```
    pub fn enforce_rate_limits(mut self) -> Self {
        self.options.rates.are_enforced = true;
        self
    }

    /// How many requests one user, and all users together, may make in a minute: 50 and 200 unless a test says
    /// otherwise. Shown in headers; [`enforce_rate_limits`](Self::enforce_rate_limits) makes them hold.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().rate_limit(10, 100).start();
    /// let url = format!("{}user", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(answer.headers()["ratelimit-user-limit"], "10");
    /// assert_eq!(answer.headers()["ratelimit-user-remaining"], "9");
    /// ```
    ///
    /// # Panics
    ///
    /// If one of them is 0: then nobody could ask for anything.
    #[track_caller]
    pub fn rate_limit(mut self, per_user: u64, per_organization: u64) -> Self {
        slip_unless!(
            per_user > 0 && per_organization > 0,
            "a rate limit of 0 lets nobody ask for anything; `fake.fault_any().always().rate_limited()` does that"
        );
        self.options.rates = RateLimits {
            user: per_user,
            organization: per_organization,
            ..self.options.rates
        };
        self
    }

    /// Shows the `state` of wait steps, which recorded answers leave out.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::builder().waiters_with_state().start();
    /// fake.pipeline("app").steps("steps: [{command: make}, wait]").create_build();
    /// let url = format!("{}organizations/acme/pipelines/app/builds/1", fake.api_url());
    /// let build = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(build.json::<serde_json::Value>().unwrap()["jobs"][1]["state"], "waiting");
    /// ```
    pub fn waiters_with_state(mut self) -> Self {
        self.options.waiters = Waiters::WithState;
        self
    }

    /// A new pipeline has to name its cluster, as in new organizations of Buildkite: without `cluster_id` clients
    /// get 422.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().clusters_required().start();
    /// let url = format!("{}organizations/acme/pipelines", fake.api_url());
    /// let app = r#"{"name":"app","repository":"git@example.com:app.git","configuration":"steps: []"}"#;
    /// let answer = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).body(app).send().unwrap();
    /// assert!(answer.text().unwrap().contains(r#"{"field":"cluster_id","code":"missing"}"#));
    /// ```
    pub fn clusters_required(mut self) -> Self {
        self.options.clusters = Clusters::Required;
        self
    }

    /// Webhooks may go to this host, too, and not to this machine alone. A name, as it stands in the address.
    ///
    /// ```
    /// # use fake_buildkite::FakeBuildkite;
    /// let fake = FakeBuildkite::builder().allow_webhook_host("receiver.test").start();
    /// let webhook = fake.webhook("http://receiver.test:8080/hooks").create();
    /// assert_eq!(webhook.url(), "http://receiver.test:8080/hooks");
    /// ```
    pub fn allow_webhook_host(mut self, host: impl Into<String>) -> Self {
        let host = host.into();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        self.posting.hosts.push(bare.to_owned());
        self
    }

    /// The times of builds and jobs in the bodies of webhooks are `2030-01-01T00:00:11.000Z`, as in REST, instead of
    /// `2030-01-01 00:00:11 UTC`. Both have been seen.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookEvent, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::builder().webhooks_with_iso_times().start();
    /// let receiver = WebhookReceiver::start();
    /// fake.webhook(receiver.url()).events([WebhookEvent::BuildScheduled]).create();
    /// fake.pipeline("app").create_build();
    /// fake.settled().blocking();
    /// assert_eq!(receiver.received()[0].json()["build"]["created_at"], "2030-01-01T00:00:00.000Z");
    /// ```
    pub fn webhooks_with_iso_times(mut self) -> Self {
        self.posting.times = Times::Iso;
        self
    }

    /// How long the receiver of a webhook may take to answer, in real time: 10 seconds unless a test says otherwise.
    /// Then the delivery has failed, and the next one goes out.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, millis};
    ///
    /// let fake = FakeBuildkite::builder().webhook_timeout(millis(50)).start();
    /// // Connections wait there, and nobody takes them.
    /// let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let webhook = fake.webhook(&format!("http://{}/", silent.local_addr().unwrap())).create();
    /// webhook.ping();
    /// fake.settled().blocking();
    /// assert!(webhook.deliveries()[0].failure.is_some());
    /// ```
    pub fn webhook_timeout(mut self, limit: Duration) -> Self {
        self.posting.limit = limit;
        self
    }

    /// The largest body a request may have, in bytes: 8 MiB unless a test says otherwise. Larger ones get 413.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::builder().body_limit(1_000).start();
    /// let url = format!("{}organizations/acme/pipelines", fake.api_url());
    /// let body = "x".repeat(1_001);
    /// let answer = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).body(body).send().unwrap();
    /// assert_eq!(answer.status(), 413);
    /// ```
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.limits.body_bytes = bytes;
        self
    }

    /// How long a client may take to send the rest of a request it began, in real time: 10 seconds unless a test says
    /// otherwise. Without effect [on the current runtime](Self::on_current_runtime).
    ///
    /// ```
    /// use std::io::{Read as _, Write as _};
    ///
    /// use fake_buildkite::{FakeBuildkite, millis};
    ///
    /// let fake = FakeBuildkite::builder().request_timeout(millis(50)).start();
    /// let mut client = std::net::TcpStream::connect(fake.url().trim_start_matches("http://")).unwrap();
    /// client.write_all(b"GET / HTTP/1.1\r\nHo").unwrap(); // and never the rest
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer).unwrap(); // ends, because the fake gives it up
    /// assert!(!answer.starts_with("HTTP/1.1 200"));
    /// ```
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.limits.head_timeout = limit;
        self.limits.body_timeout = limit;
        self
    }

    /// Starts the fake.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().seed(7).start();
    /// assert_eq!(reqwest::blocking::get(fake.url()).unwrap().status(), 200);
    /// ```
    ///
    /// # Panics
    ///
    /// If the system has no port, descriptor or thread left; if there is no tokio runtime [to run
    /// on](Self::on_current_runtime), or the clock needs one and was not given it.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> FakeBuildkite {
        let Agents { fleet, specs } = self.agents;
        let mut engine = Engine::new(self.seed, self.starting_at, fleet);
        if self.enforces_limits {
            engine.enforce_limits();
        }
        if self.expires_hourly {
            engine.expire_hourly();
        }
        engine.log_in_form(self.log_form);
        let mut organizations = self.organizations;
        if organizations.is_empty() {
            organizations.push("acme".to_owned());
        }
        let organizations: Vec<_> = organizations
            .iter()
            .map(|slug| engine.add_organization(slug, &name_of(slug)))
            .collect();
        let (name, email) = &self.user;
        let user = engine.add_user(name, email);
        let home = Home {
            organization: organizations[0],
            user,
        };
        for spec in specs {
            spec.connect(&mut engine, home);
        }
        for organization in &organizations {
            let added = engine.apply(AddMember {
                organization: *organization,
                user,
                role: MemberRole::Admin,
            });
            added
                .map(|applied| applied.value)
                .expect("nobody is a member yet");
        }
        if self.plan_is_without_teams {
            engine.leave_teams_out_of_plan();
        }
        let token = engine.add_token(None, user, Scope::ALL.to_vec());
        for (secret, scopes) in self.tokens {
            engine.add_token(Some(secret), user, scopes);
        }
        let token = engine.token(token).secret.clone();
        let driver = Arc::new(Driver::new(
            engine,
            self.clock,
            self.options,
            self.posting,
            self.event_limit,
        ));
        FakeBuildkite::serve(
            driver,
            self.host,
            self.port,
            self.limits,
            home,
            token,
            Family::default(),
        )
    }
}

/// Tokens have no business in a log.
impl fmt::Debug for FakeBuildkiteBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeBuildkiteBuilder")
            .field("organizations", &self.organizations)
            .field("seed", &self.seed)
            .field("starting_at", &self.starting_at)
            .field("clock", &self.clock)
            .field("host", &self.host)
            .field("agents", &self.agents)
            .finish_non_exhaustive()
    }
}

/// `my-org` is called `My Org`.
pub(super) fn name_of(slug: &str) -> String {
    let words = slug.split('-').filter(|word| !word.is_empty()).map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect::<Vec<_>>().join(" ")
}
