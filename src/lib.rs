//! An embedded, in-process fake of Buildkite for test suites.
//!
//! A test starts one, gives its URL to the program under test, says what the jobs will do, moves a clock, and asserts.
//! Nothing outside the process is needed, nothing sleeps, and the same test gives the same bytes every time.
//!
//! ```
//! use fake_buildkite::{BuildState, FakeBuildkite, JobState, Route, minutes};
//!
//! let fake = FakeBuildkite::start(); // own port, own thread, own world; gone on drop
//! let app = fake.pipeline("app").steps("steps: [{command: make test, key: test}]").create();
//! app.on_job("test").takes(minutes(3)).exits(1) // first attempt: fails
//!     .then().takes(minutes(2)).exits(0);       // every later attempt: passes
//!
//! # struct RetryBot { url: String, token: String }
//! # impl RetryBot {
//! #     fn new(url: String, token: &str) -> Self { Self { url, token: token.to_owned() } }
//! #     fn send(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
//! #         let url = format!("{}organizations/acme/pipelines/app/builds{path}", self.url);
//! #         let request = reqwest::blocking::Client::new().request(method.parse().unwrap(), url);
//! #         let answer = request.bearer_auth(&self.token).body(body.to_owned()).send().unwrap();
//! #         serde_json::from_str(&answer.text().unwrap()).unwrap()
//! #     }
//! #     fn start_build(&self) { self.send("POST", "", r#"{"commit":"HEAD","branch":"main"}"#); }
//! #     fn tick(&self) {
//! #         let job = self.send("GET", "/1", "")["jobs"][0]["id"].as_str().unwrap().to_owned();
//! #         self.send("PUT", &format!("/1/jobs/{job}/retry"), "");
//! #     }
//! # }
//! let bot = RetryBot::new(fake.api_url(), fake.token()); // the program under test
//! bot.start_build();
//! fake.advance(minutes(4)); // picked up after 1 s, runs 3 min, fails
//! assert_eq!(app.build_number(1).job("test").state(), JobState::Failed);
//!
//! bot.tick(); // sees the failure and retries
//! fake.run_until_idle();
//! assert_eq!(app.build_number(1).state(), BuildState::Passed);
//! fake.requests().to(Route::RetryJob).assert_count(1);
//! ```
//!
//! The [guide] has all of this in chapters, with a table of [which clock to use](guide::time), and twenty complete
//! tests as [recipes](guide::recipes).
//!
//! # Time
//!
//! The clock stands still until it is told to move: [`advance`](FakeBuildkite::advance),
//! [`advance_to`](FakeBuildkite::advance_to), [`step`](FakeBuildkite::step),
//! [`run_until_idle`](FakeBuildkite::run_until_idle) and [`run_until`](FakeBuildkite::run_until) move it, complete
//! before they return, and return what happened. That is [`Clock::Manual`], and right for most tests. What else there
//! is:
//!
//! | the program under test | the clock | and |
//! |---|---|---|
//! | is called by the test, step by step | [`Clock::Manual`] | the test calls `advance` between two calls |
//! | polls in a loop of its own until something is over | [`Clock::StepPerPoll`] | every poll sees something new |
//! | runs on its own, and cares how much time passes | [`Clock::PerRequest`] | each request takes that long |
//! | is async, sleeps and has time-outs, in tokio | [`Clock::FollowTokio`] | `#[tokio::test(start_paused = true)]` and [`on_current_runtime`](FakeBuildkiteBuilder::on_current_runtime) |
//! | is a person who looks at it | [`Clock::Wall`] | real time, faster or slower |
//!
//! Whatever the clock, everything happens at its own instant and in the same order. Under the first four a test is the
//! same in every run; under `Wall` what a request sees depends on the machine. Where the program runs on its own,
//! [`wait_for`](FakeBuildkite::wait_for) and [`next_request`](FakeBuildkite::next_request) wait for what it does, in
//! real time and bounded.
//!
//! A paused clock of tokio jumps to the next timer whenever its runtime has nothing to do, and does not see a server on
//! another thread: a request on its way there is "nothing to do", and time-outs fire that should not. So a test with a
//! paused clock hosts its fake on the same runtime, whatever the fake's clock. The server then waits for no timers of
//! that runtime. Ten hours of polling are half a second then, without drift; see `examples/paused_tokio.rs`:
//!
//! ```
//! use fake_buildkite::{Clock, FakeBuildkite, hours};
//!
//! # use fake_buildkite::seconds;
//! # async fn wait_until_finished(url: &str, token: &str) {
//! #     let http = reqwest::Client::builder().timeout(seconds(30)).build().unwrap();
//! #     let is_over = |build: String| build.contains("\"state\":\"passed\",\"cancel");
//! #     while !is_over(http.get(url).bearer_auth(token).send().await.unwrap().text().await.unwrap()) {
//! #         tokio::time::sleep(seconds(5)).await;
//! #     }
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(test());
//! # async fn test() {
//! // in a #[tokio::test(start_paused = true)]
//! let fake = FakeBuildkite::builder().clock(Clock::FollowTokio).on_current_runtime().start();
//! let app = fake.pipeline("app").create();
//! app.on_job("*").takes(hours(2));
//! let build = app.create_build();
//! let url = format!("{}organizations/acme/pipelines/app/builds/1", fake.api_url());
//!
//! wait_until_finished(&url, fake.token()).await; // polls every five seconds
//!
//! assert!(build.is_finished());
//! assert!(fake.clock().now() - build.finished_at().unwrap() < chrono::TimeDelta::seconds(5));
//! # }
//! ```
//!
//! [`connect`](FakeBuildkite::connect) gives a connection in memory, for clients that take a stream.
//!
//! Schedules ([`PipelineHandle::schedule`]) make builds whenever the clock passes their slots. Only
//! [`advance`](FakeBuildkite::advance) and [`advance_to`](FakeBuildkite::advance_to) go there for their sake; nothing
//! else waits for a schedule.
//!
//! # What jobs do
//!
//! By script, told beforehand: [`on_job`](PipelineHandle::on_job) for the jobs called so,
//! [`on_job_when`](PipelineHandle::on_job_when) for those of which a closure says so. [`scenarios`] are ready. By hand,
//! at any instant: the methods of [`JobHandle`] and [`BuildHandle`]. Without either, a simulated agent picks a job up
//! after a second, runs it for ten, and it passes. Nobody picks up jobs with [`Agents::none`].
//!
//! # Webhooks
//!
//! [`webhook`](FakeBuildkite::webhook) tells a server of the program under test what happens, as Buildkite does: every
//! transition in its order, each body showing the world as it was right then, with a token or a signature.
//!
//! ```
//! use fake_buildkite::{FakeBuildkite, WebhookEvent, minutes};
//!
//! let fake = FakeBuildkite::start();
//! # let url = "http://127.0.0.1:9/hooks";
//! let webhook = fake.webhook(url).events([WebhookEvent::BuildFinished]).signed_with("s3cret").create();
//! fake.pipeline("app").create_build();
//! fake.advance(minutes(5)); // returns when the program has answered
//! assert_eq!(webhook.deliveries().len(), 1);
//! ```
//!
//! The clock is moved instant by instant: what is due happens, webhooks are told of it one by one, and only when the
//! last receiver has answered the clock goes on. So what a program does before it answers, it does at that instant, in
//! every run. What follows from requests and from moves by hand goes out right after, and
//! [`settled`](FakeBuildkite::settled) waits for it. Signatures carry the fake's clock.
//!
//! On a current-thread runtime of tokio the receiver may need the very thread that moves the clock: there `advance` and
//! its kin are `.await`ed, and say so if they are not. See [`Advance`]. With [`Clock::FollowTokio`] and [`Clock::Wall`]
//! deliveries go out beside the clock, in the same order.
//!
//! A receiver that answers with an error, not at all, or not within
//! [ten seconds](FakeBuildkiteBuilder::webhook_timeout) has failed: [`EventKind::WebhookFailed`]. Nobody tries again;
//! when Buildkite does is not documented. Requests go to this machine and nowhere else, unless the builder [names a
//! host](FakeBuildkiteBuilder::allow_webhook_host). A program that is no receiver itself can be tested with a
//! [`WebhookReceiver`]; `examples/webhook_receiver.rs` is one that verifies signatures.
//!
//! # Agents, clusters and queues
//!
//! Unless a test names a [fleet](Agents::fleet), there is an agent for whoever needs one, and none before the first
//! job. [`agents`](FakeBuildkite::agents) are those that are here; a handle [pauses](AgentHandle::pause), resumes and
//! stops one, as a client does over the API. A pipeline may be in a [cluster](FakeBuildkite::cluster): its jobs wait in
//! the cluster's queues, and a queue that is [paused](QueueHandle::pause) hands out nothing.
//!
//! ```
//! use fake_buildkite::{BuildState, FakeBuildkite};
//!
//! let fake = FakeBuildkite::start();
//! let linux = fake.cluster("Linux").queue("deploy").create();
//! linux.queue("deploy").pause();
//! let steps = "steps: [{command: ship, agents: {queue: deploy}}]";
//! let build = fake.pipeline("app").cluster(&linux).steps(steps).create_build();
//! fake.run_until_idle();
//! assert_eq!(build.state(), BuildState::Scheduled);
//!
//! linux.queue("deploy").resume();
//! fake.run_until_idle();
//! assert_eq!(build.state(), BuildState::Passed);
//! ```
//!
//! # Users, organizations, teams
//!
//! The token of the fake may do everything, and its [user](FakeBuildkite::user) administers every organization. Others
//! are made: [`add_user`](FakeBuildkite::add_user) with [tokens](UserHandle::token) of fewer scopes, that expire, are
//! revoked, or open only [some organizations](TokenHandle::only_for); other
//! [organizations](FakeBuildkite::existing_organization), with pipelines and members of their own; and
//! [teams](FakeBuildkite::team), which decide who sees a pipeline. What somebody does not see is answered with 404,
//! what they may not do with 403, in Buildkite's words.
//!
//! ```
//! use fake_buildkite::{Access, FakeBuildkite, Scope};
//!
//! let fake = FakeBuildkite::start();
//! let app = fake.pipeline("app").create();
//! let ada = fake.add_user("Ada", "ada@example.com");
//! let token = fake.token_for(&ada, [Scope::ReadPipelines, Scope::WriteBuilds]);
//!
//! let platform = fake.team("Platform").create();
//! platform.add_member(&ada);
//! platform.add_pipeline(&app, Access::ReadOnly);
//!
//! let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
//! let create = reqwest::blocking::Client::new().post(url).bearer_auth(token);
//! let create = create.body(r#"{"commit":"HEAD","branch":"main"}"#);
//! assert_eq!(create.send().unwrap().text().unwrap(), "{\"message\":\"Forbidden\"}\n");
//! ```
//!
//! # In other languages
//!
//! With the feature `cli` the same is a program, `fake-buildkite serve`, with levers as JSON below `/_fake/`: the
//! module `levers_over_http` of that feature's documentation lists them, and `serve_levers` offers them beside a test
//! in Rust.
//!
//! # Going back, and walking around
//!
//! [`snapshot`](FakeBuildkite::snapshot) is the world as a value, and costs nothing; [`rewind`](FakeBuildkite::rewind)
//! goes back to it, and [`fork`](FakeBuildkite::fork) starts another fake from here. [`explore`] walks through random
//! legal events around the program under test, and prints a line that replays what failed; [`assert_repeatable`] holds
//! a test to give the same twice.
//!
//! # What goes wrong on purpose
//!
//! Programs that talk to Buildkite meet errors, lost answers and late ones. A test orders them:
//!
//! ```
//! use fake_buildkite::{FakeBuildkite, Route, seconds};
//!
//! let fake = FakeBuildkite::start();
//! fake.fault(Route::GetBuild).nth(3).status(502);            // with Buildkite's own body for it
//! fake.fault(Route::CreateBuild).first(1).after_effect().reset(); // the build is made, and nobody is told
//! fake.fault_any().during(fake.clock().now()..fake.clock().now() + seconds(60)).rate_limited();
//! fake.fault(Route::CancelBuild).probability(0.2).delay(seconds(30)); // in the fake's time, from its seed
//! // … the program under test runs …
//! let report = fake.verify().unwrap_err(); // it did not: two planned faults never came
//! assert!(report.problems[0].ends_with(
//!     "never happened: status 502 for request 3 to GET \
//!      /v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}; no such request came"));
//! ```
//!
//! [`FaultBuilder`] has the list, and says which faults come before a request has its effect and which after: a program
//! that retries meets a real difference there. What else a test can do:
//!
//! - [`hold`](FakeBuildkite::hold) a request before it has any effect, for exact interleavings; the [`Gate`] lets it
//!   go.
//! - [`stop`](FakeBuildkite::stop) and [`restart`](FakeBuildkite::restart) the server: the same port, the same world.
//! - Give the program a [`dead_url`](FakeBuildkite::dead_url), where everybody is refused.
//! - [`enforce_rate_limits`](FakeBuildkiteBuilder::enforce_rate_limits), on the fake's clock.
//!
//! # Looking on
//!
//! [`BuildHandle::timeline`] prints a build as text, gives it as SVG, and as a page; the same page is at
//! [`BuildHandle::web_url`] while the fake lives, and the builds of a pipeline are at [`PipelineHandle::web_url`].
//! Pages need no script and no token, and looking at them moves nothing.
//!
//! # How true it is
//!
//! States and transitions are those of [`job_transitions`], [`build_transitions`] and [`agent_transitions`], printed
//! from the text that a test walks pair by pair. Bodies are compared with recorded responses of the real service, key
//! by key. What Buildkite has and this fake does not model answers 501 and says so; [`coverage`] lists what is served,
//! written from the answers.
//!
//! Pipelines are read from YAML: every kind of step with every attribute, and `$` expressions are filled in as the
//! service fills them in when a build is made from a pipeline's own steps. What would change which jobs run, and when,
//! takes effect or is refused, never ignored. What only concerns the agent (plugins, image, secrets, cache, checkout)
//! is accepted and has no effect; whom `notify` would tell is an [`EventKind::Notification`]. Steps that jobs upload
//! are read and filled in as an agent does.
//!
//! # The map
//!
//! A room imports only from rooms to its left; a test holds it so.
//!
//! `vocabulary` `schedule` · `persistent` · `journal` `pipeline` ← `script` `fault` ← `engine`
//! ← `wire` `timeline` `clock` ← `http` `webhook` ← `driver` ← `fake` ← `levers` ← `fuzzing` ← `lib` ← `bin`
//!
//! | room | what it is for |
//! |---|---|
//! | `vocabulary` | the words everybody uses: ids, states, scopes, routes, events |
//! | `schedule` | a cron line to its next instant |
//! | `persistent` | collections of which a clone is a snapshot |
//! | `journal` | what happened, in order and bounded |
//! | `pipeline` | YAML to typed steps, with Buildkite's own refusals |
//! | `script` | what the commands of jobs will do |
//! | `fault` | rule and verdict: what may go wrong at the edge |
//! | `engine` | the machine: everything that is true, and the only code that changes it |
//! | `wire` | how it looks: engine values as Buildkite's JSON |
//! | `timeline` | a build as a picture: text, SVG, and the page at its `web_url` |
//! | `clock` | what moves time, and how far |
//! | `http` | how it is asked for: the server, and a request's way to a reply |
//! | `webhook` | telling somebody outside: addresses, signatures, the request |
//! | `driver` | the one lock, who carries out deliveries, and the real clock for those that go by one |
//! | `fake` | what a test holds |
//! | `levers` | the same as JSON over HTTP, for tests in other languages (feature `cli`) |
//! | `fuzzing` | what random bytes are tried on: a function for each fuzz target; for tests and fuzzers alone |
//! | `lib` | what is public, and this page; no logic |
//! | `bin` | the program `fake-buildkite`: a command line around the library (feature `cli`) |
//!
//! Beside the rooms are pages, which nothing imports: `guide`, and what is written in Markdown.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
mod driver;
mod engine;
mod fake;
mod fault;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod journal;
#[cfg(feature = "cli")]
mod levers;
mod persistent;
mod pipeline;
mod schedule;
mod script;
mod timeline;
mod vocabulary;
mod webhook;
mod wire;

pub use clock::Clock;
pub use engine::commands::{AgentMove, Move};
pub use fake::{
    Advance, Advancing, AgentHandle, AgentSpec, Agents, AnnotationRecord, ArtifactRecord,
    BuildBuilder, BuildHandle, ClockHandle, ClusterBuilder, ClusterHandle, ClusterTokenRecord,
    Connection, Events, Explore, FakeBuildkite, FakeBuildkiteBuilder, Fault, FaultBuilder, Gate,
    Handle, Idle, IllegalAgentMove, IllegalMove, JobHandle, JobScript, Moment, NotAtWork,
    OrganizationHandle, PipelineBuilder, PipelineHandle, QueueHandle, Received, Report, Requests,
    ScheduleBuilder, ScheduleHandle, Snapshot, StepUploadRecord, TeamBuilder, TeamHandle,
    TokenHandle, UploadError, UploadStage, UserHandle, Wait, Waiting, Walk, WebhookBuilder,
    WebhookHandle, WebhookReceiver, agent, assert_repeatable, explore, scenarios,
};
pub use journal::RequestRecord;
pub use script::{Annotation, JobView, PipelineUpload};
pub use timeline::Timeline;
pub use vocabulary::access::Access;
pub use vocabulary::event::{
    AgentRef, BuildRef, Event, EventKind, JobRef, QueueRef, ScheduleRef, WebhookRef,
};
pub use vocabulary::exit::Exit;
pub use vocabulary::ids::{
    AgentId, AnnotationId, ArtifactId, BuildId, ClusterId, ClusterTokenId, JobId, PipelineId,
    QueueId, ScheduleId, StepUploadId, TeamId, UserId, WebhookId,
};
pub use vocabulary::role::{MemberRole, SsoMode, TeamPrivacy, TeamRole};
pub use vocabulary::route::Route;
pub use vocabulary::scope::Scope;
pub use vocabulary::span::{days, hours, millis, minutes, seconds, span_of};
pub use vocabulary::states::{
    AgentState, AnnotationScope, AnnotationStyle, ArtifactState, BuildSource, BuildState, JobState,
    JobType, SignalReason, StepUploadState,
};
pub use vocabulary::webhook::WebhookEvent;
pub use webhook::Delivery;

/// For the command line of this crate, and no part of its interface.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub use vocabulary::likeness::meant as nearest_name;

#[cfg(feature = "cli")]
#[doc = include_str!("levers/reference.md")]
pub mod levers_over_http {}

#[doc = include_str!("engine/job/transitions.md")]
pub mod job_transitions {}

#[doc = include_str!("engine/build/transitions.md")]
pub mod build_transitions {}

#[doc = include_str!("engine/agent/transitions.md")]
pub mod agent_transitions {}

#[doc = include_str!("coverage.md")]
#[doc = include_str!("clients.md")]
pub mod coverage {}

pub mod guide;

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("reliability.md")]
pub mod reliability {}

#[doc = include_str!("dependencies.md")]
pub mod dependencies {}

/// The examples of the README run with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
