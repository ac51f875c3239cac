//! A bot that retries what the infrastructure broke, and only that, against five ways in which a job can go wrong.
//!
//! The scripts make each of them happen on purpose: a test that fails, a machine that goes away, a process that is
//! killed, a registry that never comes back, a command that hangs. The bot is given a URL and a token, as in
//! production.
//!
//! Run it with `cargo run --example retry_bot`.

use fake_buildkite::{BuildState, Exit, FakeBuildkite, JobState, Route, minutes, seconds};
use serde::Deserialize;

const CHECKS: &str = r#"
steps:
  - { label: ":bug: A real bug", key: bug, command: make test }
  - { label: ":zap: Machine goes away", key: lost, command: make integration }
  - { label: ":elephant: Out of memory", key: memory, command: make link }
  - { label: ":package: Registry is down", key: registry, command: make publish }
  - { label: ":sleeping: Hangs", key: hangs, command: make soak, timeout_in_minutes: 15 }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Given a build in which everything goes wrong, each thing in its own way
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(CHECKS).create();
    app.on_job("bug").takes(minutes(3)).exits(1);
    app.on_job("lost")
        .takes(minutes(2))
        .loses_agent() // three minutes later Buildkite gives up on it
        .then()
        .takes(minutes(4));
    app.on_job("memory")
        .takes(minutes(6))
        .exits_with(Exit::status(-1).signal("SIGKILL"))
        .then()
        .takes(minutes(6));
    app.on_job("registry").takes(minutes(1)).exits(75); // every time
    app.on_job("hangs").hangs();
    let build = app.create_build();

    // When the bot looks at it every minute
    let bot = RetryBot {
        http: reqwest::blocking::Client::new(),
        build: format!(
            "{}organizations/acme/pipelines/app/builds/1",
            fake.api_url()
        ),
        token: fake.token().to_owned(),
    };
    for minute in 1..=30 {
        fake.advance(minutes(1));
        for done in bot.tick()? {
            println!("after {minute:2} minutes  {done}");
        }
    }
    fake.advance(seconds(10)); // what timed out is given ten seconds to stop

    // Then it retried what was not the code's fault, and never more than twice
    println!("\n{}", build.timeline());
    let states = ["bug", "lost", "memory", "registry", "hangs"].map(|key| {
        let attempts = build.jobs(key);
        (attempts.len(), attempts[attempts.len() - 1].state())
    });
    let expected = [
        (1, JobState::Failed),
        (2, JobState::Passed),
        (2, JobState::Passed),
        (3, JobState::Failed),
        (1, JobState::TimedOut),
    ];
    assert_eq!(states, expected);
    assert_eq!(build.state(), BuildState::Failed);
    fake.requests().to(Route::RetryJob).assert_count(4);
    println!("Four retries, none of them for the bug.");
    Ok(())
}

/// The program under test.
struct RetryBot {
    http: reqwest::blocking::Client,
    build: String,
    token: String,
}

#[derive(Deserialize)]
struct Build {
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    id: String,
    name: String,
    state: String,
    exit_status: Option<i32>,
    retried: bool,
    retries_count: Option<u32>,
}

impl Job {
    /// Whether the infrastructure did it: the agent was lost or the process killed, or the command says so.
    fn is_worth_another_try(&self) -> bool {
        let is_infrastructure = matches!(self.exit_status, Some(-1 | 75));
        let tries = self.retries_count.unwrap_or(0);
        self.state == "failed" && !self.retried && is_infrastructure && tries < 2
    }
}

impl RetryBot {
    /// Retries what is worth it. Says what it did.
    fn tick(&self) -> reqwest::Result<Vec<String>> {
        let request = self.http.get(&self.build).bearer_auth(&self.token);
        let build: Build = request.send()?.error_for_status()?.json()?;
        let mut done = Vec::new();
        for job in build.jobs.iter().filter(|job| job.is_worth_another_try()) {
            let url = format!("{}/jobs/{}/retry", self.build, job.id);
            let request = self.http.put(url).bearer_auth(&self.token);
            request.send()?.error_for_status()?;
            let status = job.exit_status.unwrap_or_default();
            done.push(format!("{} ended with {status}: again", job.name));
        }
        Ok(done)
    }
}
