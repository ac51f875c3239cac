//! A watcher that asks every five seconds, for ten hours: tokio's clock is paused, and the fake's clock follows it.
//!
//! The watcher is an ordinary async program: it sleeps between two polls, gives every request thirty seconds, and knows
//! nothing of the fake. Whenever everybody sleeps, tokio moves its clock to the next thing due, be it the watcher's
//! next poll or the end of a job. No poll is lost, no time-out fires, and every run is the same.
//!
//! Run it with `cargo run --release --example paused_tokio`, and with a number behind it, such as `-- 100`, to see that
//! many runs compared.

use std::collections::BTreeSet;
use std::time::Duration;

use fake_buildkite::{Clock, FakeBuildkite, Route, hours, minutes};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

const PIPELINE: &str = r#"
steps:
  - label: ":hammer: Build"
    key: build
    command: make
  - label: ":test_tube: Test"
    key: test
    command: make test
    retry: {automatic: {limit: 2}}
    depends_on: build
  - label: ":hourglass: Soak"
    key: soak
    command: make soak
    timeout_in_minutes: 300
    depends_on: test
"#;

const INTERVAL: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let runs = std::env::args().nth(1).map_or(2, |runs| {
        runs.parse().expect("the number of runs, such as 100")
    });
    let began = real_now();
    let mut logs = BTreeSet::new();
    for run in 1..=runs {
        let log = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
            .block_on(ten_hours(run == 1));
        logs.insert(log);
    }
    println!(
        "\n{runs} runs, {} distinct log{}, {:?} of real time each.",
        logs.len(),
        if logs.len() == 1 { "" } else { "s" },
        began.elapsed() / runs
    );
    assert_eq!(logs.len(), 1, "every run is the same");
}

/// One night, and everything that happened in it.
async fn ten_hours(is_told: bool) -> String {
    // Given a Buildkite that goes by the same clock as the program
    let fake = FakeBuildkite::builder()
        .clock(Clock::FollowTokio)
        .on_current_runtime()
        .start();
    let nightly = fake.pipeline("nightly").steps(PIPELINE).create();
    nightly.on_job("build").takes(minutes(38));
    nightly
        .on_job("test")
        .takes_between(minutes(60), minutes(90))
        .exits(1)
        .then() // the automatic retry
        .takes_between(minutes(60), minutes(90));
    nightly.on_job("soak").hangs(); // until its time-out
    let build = nightly.create_build();

    // When the program watches it
    let night = Instant::now();
    let watcher = Watcher::new(&fake.api_url(), fake.token());
    let program = tokio::spawn(watcher.watch(night + hours(10), is_told));
    let polls = program.await.expect("no panic");

    // Then it lost nothing, and neither clock has moved by more than it slept
    let tokio_drift = night.elapsed().abs_diff(hours(10));
    let passed = fake.clock().now() - build.created_at();
    let passed = passed.to_std().expect("it went forward");
    let fake_drift = passed.abs_diff(hours(10));
    fake.requests().to(Route::GetBuild).assert_count(7_201);
    assert_eq!(polls, 7_201);
    assert_eq!((tokio_drift, fake_drift), (Duration::ZERO, Duration::ZERO));
    if is_told {
        println!("\n{}", build.timeline());
        println!(
            "{polls} polls in {} virtual hours; tokio's clock drifted by {tokio_drift:?}, the fake's by {fake_drift:?}.",
            passed.as_secs() / 3_600,
        );
    }
    format!("{}{}", fake.events(), fake.requests())
}

/// The program under test.
struct Watcher {
    http: reqwest::Client,
    build: String,
    token: String,
}

#[derive(Deserialize)]
struct Build {
    state: String,
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    step_key: String,
    state: String,
}

impl Watcher {
    fn new(api: &str, token: &str) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Self {
            http: http.expect("a client"),
            build: format!("{api}organizations/acme/pipelines/nightly/builds/1"),
            token: token.to_owned(),
        }
    }

    /// Polls until then, says what is new, and returns how often it polled.
    async fn watch(self, until: Instant, is_told: bool) -> usize {
        let start = Instant::now();
        let mut last = String::new();
        let mut polls = 0;
        loop {
            let seen = self.poll().await.expect("an answer within thirty seconds");
            polls += 1;
            if is_told && seen != last {
                let seconds = start.elapsed().as_secs();
                let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
                println!("{hours}:{minutes:02}:{:02}  {seen}", seconds % 60);
            }
            last = seen;
            if Instant::now() >= until {
                return polls;
            }
            sleep(INTERVAL).await;
        }
    }

    async fn poll(&self) -> reqwest::Result<String> {
        let request = self.http.get(&self.build).bearer_auth(&self.token);
        let answer = request.send().await?.error_for_status()?;
        let build: Build = answer.json().await?;
        let jobs = build.jobs.iter();
        let jobs = jobs.map(|job| format!("{} {}", job.step_key, job.state));
        let jobs = jobs.collect::<Vec<_>>().join(", ");
        Ok(format!("the build is {}: {jobs}", build.state))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "says how long a run took in real time; nothing depends on it"
)]
fn real_now() -> std::time::Instant {
    std::time::Instant::now()
}
