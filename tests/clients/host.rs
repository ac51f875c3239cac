//! A fake for a client that lives in another process: `tests/clients/run` starts one of these for every flow.
//!
//! It prints one line of JSON that says where the fake is and what is in it, and serves until its standard input is
//! closed. Then it says on standard error how many requests there were. If the fake failed while it answered, it lists how
//! and exits with 1.

use std::fmt;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use fake_buildkite::{BuildState, Clock, FakeBuildkite, PipelineHandle, Scope, minutes};
use serde_json::{Value, json};

const USER: (&str, &str) = ("Ada Example", "ada@example.com");
const READ_ONLY: &str = "only-for-reading";
const READ_ONLY_SCOPES: [Scope; 2] = [Scope::ReadBuilds, Scope::ReadPipelines];

/// Passes: a job, a wait, a job.
const APP: &str = r#"
steps:
  - label: ":mag: Lint"
    key: lint
    command: make lint
  - wait
  - label: ":test_tube: Test"
    key: test
    command: make test
    agents: { queue: linux }
"#;

/// Fails on the first attempt and passes on every later one.
const FLAKY: &str = r#"
steps:
  - label: "Test"
    key: test
    command: make test
"#;

/// Waits for a person.
const GATE: &str = r#"
steps:
  - label: "Build"
    key: build
    command: make
  - block: "Release?"
    key: release
    fields:
      - text: "Why?"
        key: reason
  - label: "Deploy"
    key: deploy
    command: make deploy
"#;

/// Never ends by itself.
const SLOW: &str = r#"
steps:
  - label: "Soak"
    key: soak
    command: make soak
  - wait
  - label: "Report"
    key: report
    command: make report
"#;

fn main() -> ExitCode {
    // A client that only polls sees every build move.
    let fake = FakeBuildkite::builder()
        .clock(Clock::StepPerPoll)
        .user(USER.0, USER.1)
        .token(READ_ONLY, READ_ONLY_SCOPES)
        .start();
    let history = furnish(&fake);
    let read_only_scopes = READ_ONLY_SCOPES.map(Scope::as_str);
    let about = json!({
        "url": fake.url(),
        "api_url": fake.api_url(),
        "token": fake.token(),
        "read_only_token": READ_ONLY,
        "read_only_scopes": read_only_scopes,
        "organization": fake.organization(),
        "user": { "name": USER.0, "email": USER.1 },
        "history": history,
    });
    match serve(&about) {
        Ok(()) => report(&fake),
        Err(error) => complain(&error),
    }
}

/// Makes the pipelines, and says what is in `history`: the builds, oldest first.
fn furnish(fake: &FakeBuildkite) -> Vec<Value> {
    let history = fake.pipeline("history").create();
    let builds = past(fake, &history);
    fake.pipeline("slow")
        .steps(SLOW)
        .create()
        .on_job("soak")
        .hangs();
    fake.pipeline("gate").steps(GATE).create();
    fake.pipeline("flaky")
        .steps(FLAKY)
        .create()
        .on_job("test")
        .exits(1)
        .then()
        .exits(0);
    fake.pipeline("app")
        .steps(APP)
        .create()
        .on_job("lint")
        .logs("--- Linting\n\u{1b}[32mall <well>\u{1b}[0m\n");
    builds
}

/// 45 builds, ten minutes apart: of three branches in turn, of three releases, passed, failed and canceled.
fn past(fake: &FakeBuildkite, pipeline: &PipelineHandle) -> Vec<Value> {
    const BRANCHES: [&str; 3] = ["main", "feature/login", "feature/logout"];
    let past = (0..45_usize).map(|n| {
        fake.advance(minutes(10));
        let branch = BRANCHES[n % 3];
        let commit = format!("{n:040x}");
        let release = format!("v{}", n / 15);
        let build = pipeline
            .build()
            .branch(branch)
            .commit(&commit)
            .message(format!("Change {n}"))
            .meta_data("release", &release)
            .meta_data("parity", if n % 2 == 0 { "even" } else { "odd" })
            .create();
        let state = match n % 9 {
            4 => {
                build.fail();
                BuildState::Failed
            }
            8 => {
                build.cancel();
                BuildState::Canceled
            }
            _ => {
                build.pass();
                BuildState::Passed
            }
        };
        assert_eq!(build.state(), state, "{}", build.timeline());
        json!({
            "number": build.number(),
            "id": build.id().to_string(),
            "branch": branch,
            "commit": commit,
            "release": release,
            "state": state.to_string(),
            "created_at": build.created_at().to_rfc3339(),
        })
    });
    past.collect()
}

/// Prints the line and waits for the end of standard input.
fn serve(about: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{about}")?;
    out.flush()?;
    io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn report(fake: &FakeBuildkite) -> ExitCode {
    eprintln!("{} requests", fake.requests().len());
    match &fake.failures()[..] {
        [] => ExitCode::SUCCESS,
        failures => complain(&failures.join("\n")),
    }
}

fn complain(what: &dyn fmt::Display) -> ExitCode {
    eprintln!("the fake failed: {what}");
    ExitCode::FAILURE
}
