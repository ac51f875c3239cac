//! What a newer build of a branch does to the older ones.

use fake_buildkite::{BuildHandle, BuildState, FakeBuildkite, PipelineHandle, seconds};

use crate::story::states;
use crate::support::{Json, client};

/// A pipeline with these settings that a client creates.
fn pipeline(fake: &FakeBuildkite, yaml: &str, settings: &str) -> PipelineHandle {
    let body = format!(
        r#"{{"name": "app", "cluster_id": null, "repository": "git@github.com:acme/app.git", "configuration": "{yaml}",
             {settings}}}"#
    );
    client(fake)
        .post("/organizations/acme/pipelines", &body)
        .expect(201);
    fake.existing_pipeline("app")
}

fn on(app: &PipelineHandle, branch: &str) -> BuildHandle {
    app.build().branch(branch).create()
}

const MAKE: &str = "steps: [{command: make, key: make}]";

#[test]
fn without_these_settings_newer_builds_leave_older_ones_alone() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(MAKE).create();
    let (queued, newer) = (app.create_build(), app.create_build());
    fake.advance(seconds(5));
    app.create_build();
    fake.run_until_idle();
    assert_eq!(queued.state(), BuildState::Passed);
    assert_eq!(newer.state(), BuildState::Passed);
}

#[test]
fn a_newer_build_skips_the_older_ones_of_its_branch_that_have_not_started() {
    // Given builds of two branches, one of which runs
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(MAKE)
        .skip_intermediate_builds()
        .create();
    let running = on(&app, "main");
    fake.advance(seconds(5));
    let (queued, other) = (on(&app, "main"), on(&app, "feature"));
    // When there is a newer one
    let newer = on(&app, "main");
    // Then it takes the place of those of its branch that only wait
    assert_eq!(running.state(), BuildState::Running);
    assert_eq!(queued.state(), BuildState::Skipped);
    assert_eq!(states(&queued), "skipped");
    assert_eq!(queued.finished_at(), Some(newer.created_at()));
    assert_eq!(other.state(), BuildState::Scheduled);
    fake.run_until_idle();
    for build in [&running, &other, &newer] {
        assert_eq!(build.state(), BuildState::Passed);
    }
    assert_eq!(queued.state(), BuildState::Skipped);
}

#[test]
fn a_client_sees_a_skipped_build_as_skipped() {
    let fake = FakeBuildkite::start();
    let yaml = "steps: [{command: make}, wait, {command: next}]";
    pipeline(&fake, yaml, r#""skip_queued_branch_builds": true"#);
    let client = client(&fake);
    client.create_build("app");
    client.create_build("app");
    let build = client.build("app", 1);
    assert_eq!(build["state"].str(), "skipped");
    assert!(build["started_at"].is_null());
    assert!(!build["finished_at"].is_null());
    assert_eq!(build["jobs"][0]["state"].str(), "skipped");
    let found = client.get("/builds?state=skipped").expect(200);
    assert_eq!(found.items().len(), 1);
    assert_eq!(found[0]["id"], build["id"]);
}

#[test]
fn the_filter_says_which_branches_skip() {
    for (filter, branch, is_skipped) in [
        ("", "main", true),
        ("main", "main", true),
        ("main", "feature", false),
        ("!main", "main", false),
        ("!main", "feature", true),
        ("release/* main", "release/1", true),
    ] {
        let fake = FakeBuildkite::start();
        let settings = format!(
            r#""skip_queued_branch_builds": true, "skip_queued_branch_builds_filter": "{filter}""#
        );
        let app = pipeline(&fake, MAKE, &settings);
        let older = on(&app, branch);
        on(&app, branch);
        let is_so = older.state() == BuildState::Skipped;
        assert_eq!(is_so, is_skipped, "{branch} of `{filter}`");
    }
}

#[test]
fn a_filter_without_its_setting_does_nothing() {
    let fake = FakeBuildkite::start();
    let settings =
        r#""skip_queued_branch_builds": false, "skip_queued_branch_builds_filter": "main""#;
    let app = pipeline(&fake, MAKE, settings);
    let older = on(&app, "main");
    on(&app, "main");
    assert_eq!(older.state(), BuildState::Scheduled);
}

#[test]
fn a_newer_build_that_starts_cancels_the_older_ones_of_its_branch_that_run() {
    // Given builds of two branches that run
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(MAKE)
        .cancel_intermediate_builds()
        .create();
    app.on_job("make").takes(seconds(60));
    let (older, other) = (on(&app, "main"), on(&app, "feature"));
    fake.advance(seconds(5));
    // When a newer one is created, nothing happens yet
    let newer = on(&app, "main");
    assert_eq!(older.state(), BuildState::Running);
    // When it starts, it cancels the one of its branch
    fake.advance(seconds(1));
    assert_eq!(newer.state(), BuildState::Running);
    assert_eq!(older.state(), BuildState::Canceling);
    assert_eq!(other.state(), BuildState::Running);
    fake.run_until_idle();
    assert_eq!(states(&older), "canceled");
    assert_eq!(older.state(), BuildState::Canceled);
    assert_eq!(newer.state(), BuildState::Passed);
    assert_eq!(other.state(), BuildState::Passed);
}

#[test]
fn builds_that_are_failing_or_blocked_are_canceled_and_finished_ones_are_not() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
               - {command: bad, key: bad, if: build.message == 'failing'}
               - {command: slow, key: slow, if: build.message == 'failing'}
               - {block: Ship?, if: build.message == 'blocked'}
               - {command: make, key: make, if: build.message == 'fine'}",
        )
        .cancel_intermediate_builds()
        .create();
    app.on_job("bad").exits(1);
    app.on_job("slow").hangs();
    let of = |message: &str| app.build().message(message).create();
    let fine = of("fine");
    fake.run_until_idle();
    let failing = of("failing");
    fake.run_until_idle();
    assert_eq!(failing.state(), BuildState::Failing);
    let blocked = of("blocked");
    assert!(blocked.is_blocked());
    of("fine");
    fake.run_until_idle();
    assert_eq!(failing.state(), BuildState::Canceled);
    assert_eq!(blocked.state(), BuildState::Canceled);
    assert_eq!(fine.state(), BuildState::Passed);
}

#[test]
fn the_filter_says_which_branches_cancel() {
    for (filter, branch, is_canceled) in [
        ("", "main", true),
        ("main", "feature", false),
        ("!main", "main", false),
        ("!main", "feature", true),
    ] {
        let fake = FakeBuildkite::start();
        let settings = format!(
            r#""cancel_running_branch_builds": true, "cancel_running_branch_builds_filter": "{filter}""#
        );
        let app = pipeline(&fake, MAKE, &settings);
        let older = on(&app, branch);
        fake.advance(seconds(5));
        on(&app, branch);
        fake.run_until_idle();
        let is_so = older.state() == BuildState::Canceled;
        assert_eq!(is_so, is_canceled, "{branch} of `{filter}`");
    }
}

#[test]
fn a_build_that_is_reopened_while_a_newer_one_runs_goes_on() {
    // Given a failed build, and a newer one that runs
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(MAKE)
        .cancel_intermediate_builds()
        .create();
    app.on_job("make").exits(1).then().exits(0);
    let older = app.create_build();
    fake.run_until_idle();
    app.create_build();
    fake.advance(seconds(5));
    // When somebody retries the older one, then both run
    older.job("make").retry();
    fake.run_until_idle();
    assert_eq!(older.state(), BuildState::Passed);
}

#[test]
fn a_build_that_is_reopened_before_a_newer_one_starts_is_canceled() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(MAKE)
        .cancel_intermediate_builds()
        .create();
    app.on_job("make").exits(1).then().hangs();
    let older = app.create_build();
    fake.run_until_idle();
    older.job("make").retry();
    fake.advance(seconds(5));
    assert_eq!(older.state(), BuildState::Running);
    app.create_build();
    fake.run_until_idle();
    assert_eq!(older.state(), BuildState::Canceled);
    assert_eq!(states(&older), "failed+retried canceled");
}

#[test]
fn a_pipeline_says_which_of_these_settings_it_has() {
    let fake = FakeBuildkite::start();
    pipeline(
        &fake,
        MAKE,
        r#""skip_queued_branch_builds": true, "skip_queued_branch_builds_filter": "main",
           "cancel_running_branch_builds": true, "cancel_running_branch_builds_filter": "!main""#,
    );
    let shown = client(&fake)
        .get("/organizations/acme/pipelines/app")
        .expect(200);
    assert_eq!(shown["skip_queued_branch_builds"], Json::Bool(true));
    assert_eq!(shown["skip_queued_branch_builds_filter"].str(), "main");
    assert_eq!(shown["cancel_running_branch_builds"], Json::Bool(true));
    assert_eq!(shown["cancel_running_branch_builds_filter"].str(), "!main");
}

#[test]
fn a_build_that_fails_cancels_the_steps_that_asked_for_it() {
    // Given a step that does not want to go on in a failing build, one that does not mind, and a failure
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
               - {command: bad, key: bad}
               - {command: long, key: runs, cancel_on_build_failing: true}
               - {command: later, key: waits, cancel_on_build_failing: true, depends_on: stays}
               - {command: long, key: stays}",
        )
        .create();
    app.on_job("bad").exits(1);
    app.on_job("runs").hangs();
    app.on_job("stays").takes(seconds(60));
    let build = app.create_build();
    fake.advance(seconds(11));
    // Then those that asked for it stop, and the build fails
    assert_eq!(build.state(), BuildState::Failing);
    assert_eq!(states(&build), "failed canceling canceled running");
    fake.run_until_idle();
    assert_eq!(states(&build), "failed canceled canceled passed");
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn a_build_that_begins_with_a_block_step_cancels_older_ones_once_it_goes_on() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{block: Go?}, {command: make, key: make}]")
        .cancel_intermediate_builds()
        .create();
    app.on_job("make").hangs();
    let older = app.create_build();
    older.job("Go?").unblock();
    fake.advance(seconds(20));
    let newer = app.create_build();
    fake.advance(seconds(20));
    assert_eq!(older.state(), BuildState::Running);
    newer.job("Go?").unblock();
    fake.advance(seconds(30));
    assert_eq!(older.state(), BuildState::Canceled);
    assert_eq!(newer.state(), BuildState::Running);
}

#[test]
fn no_job_of_a_skipped_build_can_be_retried() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}, {command: b, key: b}]")
        .skip_intermediate_builds()
        .create();
    app.on_job("*").never_picked_up();
    let older = app.create_build();
    older.job("a").cancel();
    app.create_build();
    assert_eq!(older.state(), BuildState::Skipped);
    let id = older.job("a").id();
    let path = format!("/organizations/acme/pipelines/app/builds/1/jobs/{id}/retry");
    assert_eq!(client(&fake).put(&path).status, 422);
    assert_eq!(states(&older), "canceled skipped");
}
