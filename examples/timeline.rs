//! A release as a picture: tests that fail and are retried, a matrix, a gate, a triggered build, and what did not go
//! well.
//!
//! It prints the timeline of the build as text, and writes the page that a fake serves at the build's `web_url` into a
//! file, for a browser.
//!
//! Run it with `cargo run --example timeline`.

use fake_buildkite::{BuildState, FakeBuildkite, minutes, seconds};

const RELEASE: &str = r#"
steps:
  - label: ":mag: Lint"
    key: lint
    command: make lint
    soft_fail: true
  - group: "Tests"
    steps:
      - label: "Test on {{matrix}}"
        key: test
        command: make test
        matrix: [linux, macos, windows]
        retry: { automatic: { exit_status: 2, limit: 2 } }
      - label: "Fuzz"
        key: fuzz
        command: make fuzz
        parallelism: 3
  - label: ":hourglass: Soak"
    key: soak
    command: make soak
    timeout_in_minutes: 20
    soft_fail: true
  - label: "Only on tags"
    key: tags
    command: make tags
    if: build.tag != null
  - block: ":rocket: Release?"
    key: gate
  - trigger: deploy
    key: deploy
  - wait
  - label: "Announce"
    key: announce
    command: make announce
    retry: { automatic: { exit_status: 1, limit: 1 } }
"#;

const DEPLOY: &str = r#"
steps:
  - { label: "Canary", key: canary, command: make canary }
  - wait
  - { label: "Everywhere", key: everywhere, command: make everywhere }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Given two pipelines, and what their jobs will do
    let fake = FakeBuildkite::builder()
        .user("Ada Example", "ada@example.com")
        .start();
    let deploy = fake.pipeline("Deploy").steps(DEPLOY).create();
    deploy.on_job("canary").takes(minutes(4));
    deploy.on_job("everywhere").takes(minutes(6));
    let release = fake.pipeline("Release").steps(RELEASE).create();
    release
        .on_job("lint")
        .takes(minutes(2))
        .logs("src/cart.rs:12: unused variable\n")
        .exits(3);
    release.on_job("Test on linux").takes(minutes(6));
    release
        .on_job("Test on macos")
        .picked_up_after(minutes(3))
        .takes(minutes(5))
        .logs("running 812 tests\ntest checkout::pays ... FAILED\n")
        .exits(2)
        .then()
        .picked_up_after(minutes(1))
        .takes(minutes(8))
        .exits(0);
    release.on_job("Test on windows").takes(minutes(11));
    release.on_job("fuzz").takes(minutes(9));
    release.on_job("soak").hangs();
    release
        .on_job("announce")
        .takes(seconds(40))
        .logs("mail server: connection refused\n")
        .exits(1);

    // When somebody releases
    let build = release
        .build()
        .commit("8f0cb1a2d0e6f7")
        .message("Release 1.4.0")
        .create();
    fake.run_until_idle();
    fake.advance(minutes(7)); // nobody is at their desk
    build.job("gate").unblock();
    fake.run_until_idle();

    // Then the pictures show it
    assert_eq!(build.state(), BuildState::Failed);
    println!("{}", build.timeline());
    let file = std::env::temp_dir().join("fake-buildkite-timeline.html");
    std::fs::write(&file, build.timeline().html())?;
    println!("The same for a browser: {}", file.display());
    Ok(())
}
