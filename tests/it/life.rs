//! The main job: a client makes a build and polls it while the test moves the clock.

use fake_buildkite::{BuildState, FakeBuildkite, JobState, minutes, seconds};

use crate::support::client;

#[test]
fn a_client_sees_a_build_live() {
    // Given a pipeline whose one job takes three minutes
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes(minutes(3));
    // When a client creates a build
    let client = client(&fake);
    let created = client.create_build("app");
    assert_eq!(created["state"].str(), "scheduled");
    assert_eq!(created["jobs"][0]["state"].str(), "scheduled");
    // Then it sees it run
    fake.advance(seconds(1));
    assert_eq!(client.build("app", 1)["state"].str(), "running");
    fake.advance(minutes(2));
    assert_eq!(client.build("app", 1)["state"].str(), "running");
    // And pass, in no real time
    fake.advance(minutes(1));
    let passed = client.build("app", 1);
    assert_eq!(passed["state"].str(), "passed");
    assert_eq!(passed["started_at"].str(), "2030-01-01T00:00:01.000Z");
    assert_eq!(passed["finished_at"].str(), "2030-01-01T00:03:01.000Z");
    assert_eq!(passed["jobs"][0]["exit_status"].number(), 0);
    assert_eq!(app.build_number(1).job("test").state(), JobState::Passed);
    assert_eq!(app.build_number(1).state(), BuildState::Passed);
}
