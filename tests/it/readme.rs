//! The picture in README.md is what the crate draws.

use std::env;
use std::path::Path;

use fake_buildkite::{BuildState, FakeBuildkite, minutes};

const PICTURE: &str = "examples/release.svg";

const STEPS: &str = r#"
steps:
  - { label: ":mag: Lint", key: lint, command: make lint, soft_fail: true }
  - { label: ":test_tube: Test {{matrix}}", key: test, command: make test, matrix: [linux, macos] }
  - wait
  - { block: ":rocket: Release?", key: gate }
  - { label: ":package: Publish", key: publish, command: make publish }
  - wait
  - { label: ":mega: Announce", key: announce, command: make announce }
"#;

#[test]
fn the_picture_in_the_readme_is_the_one_that_is_drawn() {
    // Given a release of which a test is flaky
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(STEPS).create();
    app.on_job("lint").takes(minutes(2)).exits(1);
    app.on_job(":test_tube: Test linux").takes(minutes(14));
    let macos = app.on_job(":test_tube: Test macos").takes(minutes(9));
    macos.exits(1).then().takes(minutes(11)).exits(0);
    app.on_job("publish").takes(minutes(6));
    app.on_job("announce").takes(minutes(1));
    let build = app.build().branch("main").message("Release 1.4.0").create();

    // When somebody retries it, and then releases
    fake.advance(minutes(12));
    build.job(":test_tube: Test macos").retry();
    fake.run_until_idle();
    fake.advance(minutes(5));
    build.job("gate").unblock();
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);

    // Then it looks like this
    let drawn = build.timeline().svg();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PICTURE);
    if env::var_os("FAKE_BUILDKITE_WRITE").is_some() {
        std::fs::write(&path, &drawn).expect("a picture");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == drawn,
        "{PICTURE} is out of date: FAKE_BUILDKITE_WRITE=1 cargo test --test it readme"
    );
    let readme = include_str!("../../README.md");
    assert!(readme.contains(PICTURE));
}
