//! A fake whose pages a browser looks at: `tests/browser/run` starts one of these.
//!
//! It prints one line of JSON that says where the fake is, which builds to look at, and what is to be seen of each job;
//! it serves until its standard input is closed. If the fake failed while it answered, or a page moved its clock, it
//! exits with 1.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use fake_buildkite::{
    Agents, Annotation, AnnotationScope, AnnotationStyle, BuildHandle, Clock, FakeBuildkite,
    JobType, agent, hours, minutes, seconds,
};
use serde_json::{Value, json};

/// What a browser would run, or trip over, if it were not escaped.
const HOSTILE: &str =
    "<script>document.title='owned';alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\u{202e}";

const STORY: &str = r#"
steps:
  - { label: ":mag: Lint", key: lint, command: make lint, soft_fail: true }
  - group: "Tests"
    steps:
      - label: "Test on {{matrix}}"
        key: test
        command: make test
        matrix: [linux, macos, windows]
        retry: { automatic: { exit_status: 2, limit: 2 } }
      - { label: "Fuzz", key: fuzz, command: make fuzz, parallelism: 3 }
  - { label: ":hourglass: Soak", key: soak, command: make soak, timeout_in_minutes: 12, soft_fail: true }
  - { label: "Only on tags", key: tags, command: make tags, if: build.tag != null }
  - { block: ":rocket: Release?", key: gate }
  - { trigger: deploy, key: deploy }
  - wait
  - { label: "Announce", key: announce, command: make announce }
  - { label: "Clean up", key: clean, command: make clean, depends_on: announce, allow_dependency_failure: true }
  - { label: "Celebrate", key: celebrate, command: make cake, depends_on: announce }
"#;

fn main() -> ExitCode {
    let fake = FakeBuildkite::builder()
        .clock(Clock::PerRequest(seconds(1)))
        .user("Ada Example", "ada@example.com")
        .agents(Agents::fleet([
            agent("linux").slots(12),
            agent(HOSTILE).tags(["queue=hostile".to_owned(), format!("os={HOSTILE}")]),
        ]))
        .start();
    let builds = [
        ("story", story(&fake)),
        ("blocked", blocked(&fake)),
        ("canceled", canceled(&fake)),
        ("hostile", hostile(&fake)),
        ("large", large(&fake)),
        (
            "empty",
            fake.pipeline("Nothing")
                .steps("steps: [wait]")
                .create_build(),
        ),
        ("running", running(&fake)),
    ];
    let about = json!({
        "url": fake.url(),
        "hostile": HOSTILE,
        "pipeline": fake.existing_pipeline("story").web_url(),
        "hostile_pipeline": fake.existing_pipeline("hostile").web_url(),
        "builds": builds.map(|(name, build)| about(name, &build)),
    });
    let before = fake.clock().now();
    serve(&about).expect("somebody listens");
    eprintln!("{} requests", fake.requests().len());
    let mut failures = fake.failures();
    if fake.clock().now() != before {
        failures.push("a page moved the clock".to_owned());
    }
    for request in fake
        .requests()
        .iter()
        .filter(|request| request.route.is_none())
    {
        failures.push(format!("a page asked for something: {request}"));
    }
    for failure in &failures {
        eprintln!("{failure}");
    }
    ExitCode::from(u8::from(!failures.is_empty()))
}

fn story(fake: &FakeBuildkite) -> BuildHandle {
    let deploy = fake
        .pipeline("Deploy")
        .steps("steps: [{label: Canary, key: canary, command: make canary}, wait, {command: make everywhere}]")
        .create();
    deploy.on_job("canary").takes(minutes(4));
    let app = fake.pipeline("Story").steps(STORY).create();
    app.on_job("lint").takes(minutes(2)).exits(3);
    app.on_job("Test on macos")
        .picked_up_after(minutes(3))
        .takes(minutes(5))
        .logs("running 812 tests\n\u{1b}[31mtest checkout::pays ... FAILED\u{1b}[0m\n")
        .exits(2)
        .then()
        .picked_up_after(minutes(1))
        .takes(minutes(8))
        .exits(0);
    app.on_job("fuzz").takes(minutes(9));
    app.on_job("soak").hangs();
    app.on_job("Test on linux")
        .takes(minutes(6))
        .uploads_artifact("coverage/index.html", "<h1>Coverage</h1>")
        .uploads_artifact(
            "log/very-long-directory-name/with-a-very-long-file-name-in-it.log",
            vec![b'a'; 5_000],
        )
        .annotates(Annotation::new("| a | b |\n| - | - |\n| 1 | 2 |").scope(AnnotationScope::Job));
    app.on_job("announce").takes(minutes(1)).exits(1);
    app.on_job("clean").takes(seconds(90));
    let build = app
        .build()
        .commit("8f0cb1a2d0e6f79a")
        .message("Release 1.4.0\n\nWith everything in it.")
        .create();
    fake.run_until_idle();
    let results = "## Results\n\n**2** of *3* passed, see the [report](https://example.com/report):\n\n- `linux`\n- macos\n\n\
                   ```\ntest checkout::pays ... FAILED\n```\n\n> with a quote\n";
    for (style, context) in [
        (AnnotationStyle::Success, "passed"),
        (AnnotationStyle::Info, "coverage"),
        (AnnotationStyle::Warning, "slow"),
        (AnnotationStyle::Error, "failed"),
    ] {
        build.annotate(Annotation::new(results).context(context).style(style));
    }
    build.annotate(Annotation::new("No style").context("plain"));
    fake.advance(minutes(3));
    build.job("gate").unblock();
    fake.run_until_idle();
    build
}

fn blocked(fake: &FakeBuildkite) -> BuildHandle {
    let app = fake.existing_pipeline("story");
    let build = app
        .build()
        .branch("feature/cart")
        .message("Try it")
        .create();
    fake.run_until_idle();
    fake.advance(hours(1));
    build
}

fn canceled(fake: &FakeBuildkite) -> BuildHandle {
    let build = fake.existing_pipeline("story").create_build();
    fake.advance(minutes(4));
    build.cancel();
    fake.advance(minutes(1));
    build
}

fn running(fake: &FakeBuildkite) -> BuildHandle {
    let build = fake
        .existing_pipeline("story")
        .build()
        .message("On its way")
        .create();
    fake.advance(minutes(10));
    build
}

fn hostile(fake: &FakeBuildkite) -> BuildHandle {
    let name = serde_json::to_string(HOSTILE).expect("a string");
    let steps = format!(
        "steps: [{{group: {name}, steps: [{{label: {name}, command: make, agents: {{queue: hostile}}}}]}}, {{block: {name}}}, \
         {{label: x, command: {name}, if: 'false'}}]"
    );
    let app = fake.pipeline("hostile").steps(steps).create();
    app.on_job("make")
        .logs(HOSTILE)
        .uploads_artifact(&format!("{HOSTILE}/{HOSTILE}"), HOSTILE)
        .annotates(Annotation::new(HOSTILE).context(HOSTILE))
        .annotates(
            Annotation::new(format!("[a](javascript:alert(3)) ![b](x)\n\n# {HOSTILE}"))
                .context("markdown"),
        );
    let build = app
        .build()
        .branch(HOSTILE)
        .commit(HOSTILE)
        .message(HOSTILE)
        .author(HOSTILE, HOSTILE)
        .env(HOSTILE, HOSTILE)
        .meta_data(HOSTILE, HOSTILE)
        .create();
    fake.run_until_idle();
    build
}

/// Two hundred jobs for twelve agents.
fn large(fake: &FakeBuildkite) -> BuildHandle {
    let shard = |n| format!("- {{label: 'Shard {n}', key: shard-{n}, command: make shard}}\n");
    let shards = (1..=98).map(shard).collect::<Vec<_>>().concat();
    let steps = format!(
        "steps:\n- {{command: make, key: build}}\n- wait\n{shards}- wait\n- {{label: Report, command: report, parallelism: 99}}\n"
    );
    let app = fake.pipeline("Large").steps(steps).create();
    for n in 1..=98 {
        app.on_job(&format!("shard-{n}"))
            .takes(seconds(40 + n * 37 % 300));
    }
    app.on_job("shard-41").exits(1).then().exits(0);
    app.on_job("Report").takes(seconds(20));
    let build = app.create_build();
    fake.run_until_idle();
    build.job("shard-41").retry();
    fake.run_until_idle();
    build
}

/// What is to be seen of a build.
fn about(name: &str, build: &BuildHandle) -> Value {
    let jobs = build.all_jobs();
    let jobs = jobs.iter().map(|job| {
        json!({
            "id": job.id().to_string(),
            "name": job.name(),
            "attempt": job.attempt(),
            "state": job.state().as_str(),
            "soft_failed": job.soft_failed(),
            "agent": job.agent().map(|agent| agent.name()),
            "is_waiter": job.job_type() == JobType::Waiter,
        })
    });
    json!({
        "name": name,
        "url": build.web_url(),
        "title": format!("{}#{}", build.web_url().rsplit('/').nth(2).expect("a slug"), build.number()),
        "jobs": jobs.collect::<Vec<_>>(),
        "svg": build.timeline().svg(),
    })
}

/// Prints the line and waits for the end of standard input.
fn serve(about: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{about}")?;
    out.flush()?;
    io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}
