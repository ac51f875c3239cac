//! A fake for a client that lives in another process: `tests/clients/run` starts one of these for every flow.
//!
//! It prints one line of JSON that says where the fake is and what is in it, and serves until its standard input is
//! closed. Then it prints another line, with the number of requests and, for every route, how often it was asked for.
//! If the fake failed while it answered, it lists how on standard error and exits with 1.
//!
//! Beside it stands a second one with a clock of its own, for clients that look at everything: see `furnished`.

#[path = "furnished.rs"]
mod furnished;

use std::fmt::{self, Write as _};
use std::io::{self, Read, Write};
use std::process::ExitCode;

use fake_buildkite::{
    Agents, Annotation, AnnotationStyle, BuildHandle, BuildState, Clock, FakeBuildkite, Fault,
    JobScript, PipelineHandle, Received, RequestRecord, Route, Scope, TeamRole, WebhookEvent,
    WebhookReceiver, agent, days, minutes, seconds,
};
use serde_json::{Value, json};

const USER: (&str, &str) = ("Ada Example", "ada@example.com");
const COLLEAGUE: (&str, &str) = ("Grace Example", "grace@example.com");
const READ_ONLY: &str = "only-for-reading";
const READ_ONLY_SCOPES: [Scope; 2] = [Scope::ReadBuilds, Scope::ReadPipelines];

/// Who calls themselves so is sent away the first time: with 429 for the user, with 429 for a new build.
const HASTY: &str = "hasty/1.0";

/// What webhooks are signed with.
const SECRET: &str = "s3cret";

/// Lines of the long log, that of the first job of the pipeline `history`.
const LONG_LOG: usize = 20_000;

/// Passes: a job, a wait, a job that leaves files and says something of its build.
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
    let colleague = hire(&fake);
    let faults = slow_down(&fake);
    let furnished = furnished::furnished();
    let read_only_scopes = READ_ONLY_SCOPES.map(Scope::as_str);
    let about = json!({
        "url": fake.url(),
        "api_url": fake.api_url(),
        "graphql_url": fake.graphql_url(),
        "token": fake.token(),
        "read_only_token": READ_ONLY,
        "read_only_scopes": read_only_scopes,
        "organization": fake.organization(),
        "user": { "name": USER.0, "email": USER.1 },
        "history": history,
        "colleague": colleague,
        "hasty_user_agent": HASTY,
        "long_log_lines": LONG_LOG,
        "webhook_secret": SECRET,
        "deliveries": deliveries(),
        "artifacts": artifacts().map(|(path, content)| json!({ "path": path, "hex": hex(&content) })),
        "furnished": furnished.about,
    });
    let served = serve(&about);
    faults.iter().for_each(Fault::lift); // most flows are not hasty
    match served {
        Ok(()) => report(&[&fake, &furnished.fake]),
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
        .logs("--- Soaking\nstill dry\n")
        .hangs();
    fake.pipeline("gate").steps(GATE).create();
    fake.pipeline("flaky")
        .steps(FLAKY)
        .create()
        .on_job("test")
        .exits(1)
        .then()
        .exits(0);
    let app = fake.pipeline("app").steps(APP).create();
    app.on_job("lint")
        .logs("--- Linting\n\u{1b}[32mall <well>\u{1b}[0m\n");
    leave_traces(app.on_job("test"));
    builds
}

/// Files, and what the command says of its build: two annotations about the build, and the second in two parts.
fn leave_traces(test: JobScript) {
    let test = artifacts().into_iter().fold(test, |test, (path, content)| {
        test.uploads_artifact(path, content)
    });
    let summary = |text| Annotation::new(text).context("summary");
    test.annotates(Annotation::new("Read **this**").priority(7))
        .annotates(summary("- linux passed").style(AnnotationStyle::Success))
        .annotates(summary("- macos passed").append());
}

/// What the job `test` of the pipeline `app` uploads: a text, and bytes that are none.
fn artifacts() -> [(&'static str, Vec<u8>); 2] {
    let bytes = (0..=u8::MAX).cycle().take(3000).collect();
    [
        ("log/test.log", b"3 tests passed\n".to_vec()),
        ("dist/app.bin", bytes),
    ]
}

/// What webhooks said of one build, from its agent's coming to its agent's going: another fake's, because a client that
/// looks at them need not be a server. That one has a clock that stands where it is put, so it is the same in every
/// run.
fn deliveries() -> Vec<Value> {
    let fake = FakeBuildkite::builder()
        .user(USER.0, USER.1)
        .agents(Agents::fleet([]))
        .start();
    let receiver = WebhookReceiver::start();
    let webhook = fake.webhook(receiver.url()).signed_with(SECRET);
    let webhook = webhook.events(WebhookEvent::ALL.iter().copied()).create();
    webhook.ping();
    let agent = fake.connect_agent(agent("porter"));
    let app = fake.pipeline("app").steps(FLAKY).create();
    app.on_job("test").exits(1);
    app.create_build();
    fake.run_until_idle();
    agent.stop();
    fake.settled().blocking();
    let told = |one: &Received| {
        json!({
            "event": one.event(),
            "signature": one.header("x-buildkite-signature"),
            "body": String::from_utf8_lossy(&one.body),
        })
    };
    receiver.received().iter().map(told).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}

/// Another member, with a token that nobody else needs, and a team of both.
fn hire(fake: &FakeBuildkite) -> Value {
    let colleague = fake.add_user(COLLEAGUE.0, COLLEAGUE.1);
    let token = colleague.token(Scope::ALL.iter().copied());
    token.expires_in(days(90));
    let team = fake
        .team("Platform")
        .description("Who keeps it running")
        .default_member_role(TeamRole::Member)
        .create();
    team.add_maintainer(&fake.user());
    team.add_member(&colleague);
    json!({
        "id": colleague.id().to_string(),
        "name": COLLEAGUE.0,
        "email": COLLEAGUE.1,
        "token": token.secret(),
        "expires_at": token.expires_at().map(|at| at.to_rfc3339()),
        "team": { "id": team.id().to_string(), "name": team.name(), "slug": team.slug() },
    })
}

/// Sends hasty clients away, once with each answer. They need not wait: clients wait in real time.
fn slow_down(fake: &FakeBuildkite) -> [Fault; 2] {
    let is_hasty = |request: &RequestRecord| request.header("user-agent") == Some(HASTY);
    [Route::GetUser, Route::CreateBuild].map(|route| {
        let first = fake.fault(route).matching(is_hasty).first(1);
        first.rate_limited_for(seconds(0))
    })
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
        match n {
            0 => print_much(&build),
            1 => upload_steps(&build),
            _ => {}
        }
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

/// The first job runs and prints many lines.
fn print_much(build: &BuildHandle) {
    let job = build.job("true"); // the command of a pipeline that was given no steps
    job.start();
    let lines = (1..=LONG_LOG).map(|n| format!("line {n} of {LONG_LOG}\n"));
    job.write_log(&lines.collect::<String>());
}

/// The second uploads a step into its build.
fn upload_steps(build: &BuildHandle) {
    let job = build.job("true");
    job.start();
    job.upload_pipeline("steps: [{command: tidy, key: tidy}]");
}

/// Prints the line and waits for the end of standard input.
fn serve(about: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{about}")?;
    out.flush()?;
    io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Prints how often each route, in their order, was asked for by requests that were not refused.
fn report(fakes: &[&FakeBuildkite]) -> ExitCode {
    let requests: Vec<_> = fakes
        .iter()
        .flat_map(|fake| fake.requests().to_vec())
        .collect();
    let calls = |route| {
        let to_it = requests.iter().filter(|one| one.route == Some(route));
        to_it.filter(|one| one.status < 400).count()
    };
    let told = |route: Route| {
        json!({
            "route": format!("{route:?}"),
            "endpoint": route.to_string(),
            "calls": calls(route),
        })
    };
    let routes: Vec<_> = Route::ALL.iter().map(|route| told(*route)).collect();
    println!(
        "{}",
        json!({ "requests": requests.len(), "routes": routes })
    );
    let failures: Vec<String> = fakes.iter().flat_map(|fake| fake.failures()).collect();
    match &failures[..] {
        [] => ExitCode::SUCCESS,
        failures => complain(&failures.join("\n")),
    }
}

fn complain(what: &dyn fmt::Display) -> ExitCode {
    eprintln!("the fake failed: {what}");
    ExitCode::FAILURE
}
