//! Ready scenarios: what every program that uses a CI service meets sooner or later, each in one call.
//!
//! Each makes a pipeline, named after it, whose jobs do what the scenario is about, in any clock mode; the test or the
//! program under test creates the builds. What is not said is as usual, and can be changed: a later
//! [`on_job`](crate::PipelineHandle::on_job) replaces what a scenario says about a job.
//!
//! ```
//! use fake_buildkite::{BuildState, FakeBuildkite, scenarios};
//!
//! let fake = FakeBuildkite::start();
//! let build = scenarios::flaky_then_green(&fake).create_build();
//! fake.run_until_idle();
//! assert_eq!(build.state(), BuildState::Failed);
//! build.job("test").retry(); // the program under test does that
//! fake.run_until_idle();
//! assert_eq!(build.state(), BuildState::Passed);
//! ```

use std::fmt::Write as _;

use crate::fake::{FakeBuildkite, PipelineHandle};
use crate::vocabulary::route::Route;
use crate::vocabulary::span::{hours, minutes, seconds};

/// What most scenarios build: `build` and `test` beside each other, then `deploy`.
const USUAL: &str = r#"
steps:
  - { label: ":hammer: Build", key: build, command: make }
  - { label: ":test_tube: Test", key: test, command: make test }
  - wait
  - { label: ":truck: Deploy", key: deploy, command: make deploy }
"#;

/// Everything goes well: `build` takes two minutes, `test` five, then `deploy` one.
///
/// ```
/// use fake_buildkite::{BuildState, FakeBuildkite, minutes, scenarios, seconds};
///
/// let fake = FakeBuildkite::start();
/// let build = scenarios::happy(&fake).create_build();
/// fake.advance(minutes(6) + seconds(2)); // two of its jobs wait a second for an agent
/// assert_eq!(build.state(), BuildState::Passed);
/// ```
#[track_caller]
pub fn happy(fake: &FakeBuildkite) -> PipelineHandle {
    usual(fake, "happy")
}

/// As [`happy`], but `test` fails with exit status 1 the first time, and passes when somebody retries it.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, JobState, scenarios};
///
/// let fake = FakeBuildkite::start();
/// let build = scenarios::flaky_then_green(&fake).create_build();
/// fake.run_until_idle();
/// assert_eq!(build.job("test").exit_status(), Some(1));
/// assert_eq!(build.job("deploy").state(), JobState::WaitingFailed);
/// ```
#[track_caller]
pub fn flaky_then_green(fake: &FakeBuildkite) -> PipelineHandle {
    let app = usual(fake, "flaky-then-green");
    app.on_job("test")
        .takes(minutes(5))
        .logs("running 812 tests\ntest checkout::pays ... FAILED\n")
        .exits(1)
        .then()
        .takes(minutes(5));
    app
}

/// As [`happy`], but the agent that runs `test` goes away after a minute without a word. The job looks like it runs for
/// three more, then it fails with exit status -1. A retry passes.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, JobState, minutes, scenarios};
///
/// let fake = FakeBuildkite::start();
/// let build = scenarios::stuck_agent(&fake).create_build();
/// fake.advance(minutes(4));
/// assert_eq!(build.job("test").state(), JobState::Running);
/// fake.advance(minutes(1));
/// assert_eq!(build.job("test").exit_status(), Some(-1));
/// ```
#[track_caller]
pub fn stuck_agent(fake: &FakeBuildkite) -> PipelineHandle {
    let app = usual(fake, "stuck-agent");
    app.on_job("test")
        .takes(minutes(1))
        .loses_agent()
        .then()
        .takes(minutes(5));
    app
}

/// `build`, then a block step, `release`, that asks for a `version`, then `deploy`.
///
/// ```
/// use fake_buildkite::{BuildState, FakeBuildkite, scenarios};
///
/// let fake = FakeBuildkite::start();
/// let build = scenarios::blocked_release(&fake).create_build();
/// fake.run_until_idle();
/// assert!(build.is_blocked());
/// build.job("release").unblock_with([("version", "1.4.0")]);
/// fake.run_until_idle();
/// assert_eq!(build.state(), BuildState::Passed);
/// assert_eq!(build.meta_data("version").as_deref(), Some("1.4.0"));
/// ```
#[track_caller]
pub fn blocked_release(fake: &FakeBuildkite) -> PipelineHandle {
    let steps = r#"
steps:
  - { label: ":hammer: Build", key: build, command: make }
  - block: ":rocket: Release?"
    key: release
    prompt: "Which version goes out?"
    fields: [{ text: Version, key: version, required: true }]
  - { label: ":truck: Deploy", key: deploy, command: make deploy }
"#;
    let app = fake.pipeline("blocked-release").steps(steps).create();
    app.on_job("build").takes(minutes(2));
    app.on_job("deploy").takes(minutes(1));
    app
}

/// A build that is over by the time it is canceled, however fast the one who cancels is: its one job, `test`, starts
/// after the first read of the build, and ends after the second, which shows it running. Canceling is refused then,
/// with 422. No time passes.
///
/// ```
/// use fake_buildkite::{BuildState, FakeBuildkite, Route, scenarios};
///
/// let fake = FakeBuildkite::start();
/// let build = scenarios::cancel_race(&fake).create_build();
/// # let (http, token) = (reqwest::blocking::Client::new(), fake.token().to_owned());
/// let url = format!("{}organizations/acme/pipelines/cancel-race/builds/1", fake.api_url());
/// let read = || http.get(&url).bearer_auth(&token).send().unwrap().text().unwrap();
/// assert!(read().contains(r#""state":"scheduled""#));
/// assert!(read().contains(r#""state":"running""#));
/// let refused = http.put(format!("{url}/cancel")).bearer_auth(&token).send().unwrap();
/// assert_eq!(refused.status(), 422);
/// assert_eq!(build.state(), BuildState::Passed);
/// ```
#[track_caller]
pub fn cancel_race(fake: &FakeBuildkite) -> PipelineHandle {
    let steps = r#"steps: [{ label: ":test_tube: Test", key: test, command: make test }]"#;
    let app = fake.pipeline("cancel-race").steps(steps).create();
    app.on_job("test").picked_up_after_polls(1).takes_polls(1);
    app
}

/// As [`happy`], but Buildkite has had enough of whoever asks: the first three reads of a build are answered 429, with
/// no time to wait, so that clients that do wait need none. A test in which they are not read that often fails when the
/// fake is dropped.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, scenarios};
///
/// let fake = FakeBuildkite::start();
/// scenarios::burst_of_429(&fake).create_build();
/// let url = format!("{}organizations/acme/pipelines/burst-of-429/builds/1", fake.api_url());
/// let http = reqwest::blocking::Client::new();
/// let statuses: Vec<_> = (0..4).map(|_| {
///     http.get(&url).bearer_auth(fake.token()).send().unwrap().status().as_u16()
/// }).collect();
/// assert_eq!(statuses, [429, 429, 429, 200]);
/// ```
#[track_caller]
pub fn burst_of_429(fake: &FakeBuildkite) -> PipelineHandle {
    let app = usual(fake, "burst-of-429");
    fake.fault(Route::GetBuild)
        .first(3)
        .rate_limited_for(seconds(0));
    app
}

/// `test` runs for an hour and prints a line a minute.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, minutes, scenarios};
///
/// let fake = FakeBuildkite::start();
/// let build = scenarios::slow_log(&fake).create_build();
/// fake.advance(minutes(10));
/// assert_eq!(build.job("test").log().lines().count(), 10);
/// fake.advance(minutes(10));
/// assert_eq!(build.job("test").log().lines().last(), Some("minute 20 of 60"));
/// ```
#[track_caller]
pub fn slow_log(fake: &FakeBuildkite) -> PipelineHandle {
    let steps = r#"steps: [{ label: ":test_tube: Test", key: test, command: make test }]"#;
    let app = fake.pipeline("slow-log").steps(steps).create();
    let mut lines = String::new();
    for minute in 1..=60 {
        let _ = writeln!(lines, "minute {minute} of 60");
    }
    app.on_job("test").takes(hours(1)).logs(&lines);
    app
}

#[track_caller]
fn usual(fake: &FakeBuildkite, name: &str) -> PipelineHandle {
    let app = fake.pipeline(name).steps(USUAL).create();
    app.on_job("build").takes(minutes(2));
    app.on_job("test").takes(minutes(5));
    app.on_job("deploy").takes(minutes(1));
    app
}
