//! One expensive beginning, five endings: a release waits at its gate, and everything that can happen next does, each
//! in a fork of its own.
//!
//! What is tested is the line a chat bot writes about the release. It asks the fork it is given, by REST.
//!
//! Run it with `cargo run --example fork_endings`.

use fake_buildkite::{BuildHandle, FakeBuildkite, days, minutes, seconds};
use serde::Deserialize;

const RELEASE: &str = r#"
steps:
  - { label: ":hammer: Build", key: build, command: make, parallelism: 4 }
  - wait
  - { label: ":test_tube: Test", key: test, command: make test }
  - { block: ":rocket: Release?", key: gate }
  - { label: ":truck: Deploy", key: deploy, command: make deploy }
  - wait
  - { label: ":satellite: Watch", key: watch, command: make watch }
"#;

/// What happens to a release that waits at its gate, what is done to make it happen, and what the bot should say then.
type Ending = (&'static str, fn(&FakeBuildkite, &BuildHandle), &'static str);

const ENDINGS: [Ending; 5] = [
    (
        "somebody lets it go out",
        |fake, release| {
            release.job("gate").unblock();
            fake.run_until_idle();
        },
        "Release 1.4.0 is out.",
    ),
    (
        "nobody comes for a month",
        |fake, _| {
            fake.advance(days(30));
        },
        "Release 1.4.0 waits for somebody to press “Release?”.",
    ),
    (
        "it is called off",
        |fake, release| {
            release.cancel();
            fake.run_until_idle();
        },
        "Release 1.4.0 was called off.",
    ),
    (
        "the deployment fails",
        |fake, release| {
            fake.existing_pipeline("app").on_job("deploy").exits(1);
            release.job("gate").unblock();
            fake.run_until_idle();
        },
        "Release 1.4.0 failed: Deploy.",
    ),
    (
        "the machine that watches goes away",
        |fake, release| {
            release.job("gate").unblock();
            fake.advance(seconds(15));
            release.job("watch").silence_agent();
            fake.advance(minutes(4));
        },
        "Release 1.4.0 failed: Watch.",
    ),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Given a release that has come to its gate
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(RELEASE).create();
    app.on_job("build").takes_between(minutes(10), minutes(30));
    app.on_job("test").takes(minutes(40));
    let release = app.build().message("Release 1.4.0").create();
    fake.run_until_idle();
    assert!(release.is_blocked());
    println!("{}", release.timeline());

    // When it goes on in every way there is
    for (what, happen, expected) in ENDINGS {
        let fork = fake.fork();
        let there = fork.existing_pipeline("app").latest_build();
        happen(&fork, &there);

        // Then the bot says the right thing
        let said = what_to_say(&fork.api_url(), fork.token())?;
        println!("If {what}: {said}");
        assert_eq!(said, expected);
    }

    // And where they all began, nothing has happened
    assert!(release.is_blocked());
    Ok(())
}

#[derive(Deserialize)]
struct Build {
    message: String,
    state: String,
    blocked: bool,
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    name: Option<String>,
    label: Option<String>,
    state: Option<String>,
}

/// The program under test.
fn what_to_say(api: &str, token: &str) -> reqwest::Result<String> {
    let url = format!("{api}organizations/acme/pipelines/app/builds/1");
    let request = reqwest::blocking::Client::new().get(url).bearer_auth(token);
    let build: Build = request.send()?.error_for_status()?.json()?;
    let named = |wanted: &str| {
        let job = build
            .jobs
            .iter()
            .find(|job| job.state.as_deref() == Some(wanted));
        let name = job.and_then(|job| job.name.as_deref().or(job.label.as_deref()));
        // Without the emoji in front.
        name.and_then(|name| name.rsplit(": ").next())
            .unwrap_or("something")
            .to_owned()
    };
    let what = match build.state.as_str() {
        "passed" if build.blocked => {
            format!("waits for somebody to press “{}”", named("blocked"))
        }
        "passed" => "is out".to_owned(),
        "canceled" => "was called off".to_owned(),
        "failed" => format!("failed: {}", named("failed")),
        other => format!("is {other}"),
    };
    Ok(format!("{} {what}.", build.message))
}
