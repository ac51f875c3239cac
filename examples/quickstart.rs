//! A release bot meets a flaky test: three virtual hours in no real time.
//!
//! The bot is an ordinary program that talks to Buildkite's REST API. It creates a build, polls it every five minutes,
//! retries what failed, presses the button that lets the release go out, and stops when the build is green. It knows
//! nothing of the fake: it is given a URL and a token, as it would be in production.
//!
//! Run it with `cargo run --example quickstart`.

use fake_buildkite::{BuildState, FakeBuildkite, Route, hours, minutes, seconds};
use serde::Deserialize;

const PIPELINE: &str = r#"
steps:
  - label: ":hammer: Build"
    key: build
    command: make
  - label: ":test_tube: Test"
    key: test
    command: make test
    timeout_in_minutes: 90
  - wait
  - label: ":package: Package"
    key: package
    command: make package
  - block: ":rocket: Release?"
    key: release
  - label: ":truck: Deploy"
    key: deploy
    command: make deploy
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Given a Buildkite of our own, and what its jobs will do
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(PIPELINE).create();
    app.on_job("build").takes(minutes(12));
    app.on_job("test")
        .takes(minutes(47))
        .logs("running 812 tests\ntest checkout::pays ... FAILED\n")
        .exits(1)
        .then() // the retry, and whatever comes after it
        .takes(minutes(44))
        .exits(0);
    app.on_job("package").takes(minutes(9));
    app.on_job("deploy").takes(minutes(25));

    // When the bot works through the afternoon
    let mut bot = ReleaseBot::new(&fake.url(), fake.token());
    bot.start_release()?;
    let build = app.latest_build();
    let until = fake.clock().now() + hours(3);
    let mut last = None;
    while fake.clock().now() < until {
        fake.advance(minutes(5));
        let report = bot.tick()?;
        if last.as_ref() != Some(&report) {
            println!("{}  the bot {report}", fake.clock().now().format("%H:%M"));
            println!("{}", build.timeline());
            last = Some(report);
        }
    }

    // Then the release is out
    assert_eq!(build.state(), BuildState::Passed);
    assert_eq!(build.jobs("test").len(), 2, "the flaky test ran twice");
    fake.requests().to(Route::CreateBuild).assert_count(1);
    fake.requests().to(Route::RetryJob).assert_count(1);
    fake.requests().to(Route::UnblockJob).assert_count(1);
    let took = build.finished_at().expect("an end") - build.created_at();
    println!(
        "Released after {} virtual minutes and {} polls.",
        took.num_minutes(),
        fake.requests().to(Route::GetBuild).len(),
    );

    // And the same afternoon can go wrong in another way: somebody cancels
    let second = build.rebuild();
    fake.advance(minutes(10));
    second.cancel();
    fake.advance(seconds(10)); // what runs is given ten seconds to stop
    assert_eq!(second.state(), BuildState::Canceled);
    println!("\n{}", second.timeline());
    Ok(())
}

/// The program under test.
struct ReleaseBot {
    http: reqwest::blocking::Client,
    builds: String,
    token: String,
    number: Option<u64>,
}

#[derive(Deserialize)]
struct Build {
    number: u64,
    state: String,
    blocked: bool,
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    id: String,
    r#type: String,
    name: Option<String>,
    label: Option<String>,
    state: Option<String>,
}

impl ReleaseBot {
    fn new(buildkite: &str, token: &str) -> Self {
        Self {
            http: reqwest::blocking::Client::new(),
            builds: format!("{buildkite}/v2/organizations/acme/pipelines/app/builds"),
            token: token.to_owned(),
            number: None,
        }
    }

    fn start_release(&mut self) -> reqwest::Result<()> {
        let body =
            serde_json::json!({ "commit": "HEAD", "branch": "main", "message": "Release 1.4.0" });
        let request = self
            .http
            .post(&self.builds)
            .bearer_auth(&self.token)
            .json(&body);
        let build: Build = request.send()?.error_for_status()?.json()?;
        self.number = Some(build.number);
        Ok(())
    }

    /// One look at the build, and one action if it needs one. Says what it saw and did.
    fn tick(&self) -> reqwest::Result<String> {
        let Some(number) = self.number else {
            return Ok("has nothing to do".to_owned());
        };
        let url = format!("{}/{number}", self.builds);
        let build: Build = self
            .http
            .get(&url)
            .bearer_auth(&self.token)
            .send()?
            .error_for_status()?
            .json()?;
        if let Some(failed) = build
            .jobs
            .iter()
            .find(|job| job.state.as_deref() == Some("failed"))
        {
            self.put(&format!("{url}/jobs/{}/retry", failed.id))?;
            return Ok(format!(
                "retries {}",
                failed.name.as_deref().unwrap_or("a job")
            ));
        }
        if build.blocked {
            let is_gate =
                |job: &&Job| job.r#type == "manual" && job.state.as_deref() == Some("blocked");
            if let Some(gate) = build.jobs.iter().find(is_gate) {
                self.put(&format!("{url}/jobs/{}/unblock", gate.id))?;
                return Ok(format!(
                    "unblocks {}",
                    gate.label.as_deref().unwrap_or("a gate")
                ));
            }
        }
        Ok(format!("sees build {number} {}", build.state))
    }

    fn put(&self, url: &str) -> reqwest::Result<()> {
        self.http
            .put(url)
            .bearer_auth(&self.token)
            .send()?
            .error_for_status()?;
        Ok(())
    }
}
