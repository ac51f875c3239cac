//! Settings of pipelines act: which builds they refuse, in which order and with which words, and what they do to
//! others.
//!
//! Elsewhere: setting them (`pipelines`), intermediate builds in every situation (`intermediate`).

use fake_buildkite::{
    BuildSource, BuildState, FakeBuildkite, JobState, PipelineHandle, minutes, seconds,
};

use crate::support::{Answer, Client, client, world};

const APP: &str = "/organizations/acme/pipelines/app";
const DISABLED: &str = "Branches have been disabled for this pipeline";
const NO_BRANCH: &str = "Branch does not match the pipeline's branch filter";
const NO_MATCH: &str = "Build does not match the pipeline's filter condition";

fn start() -> (FakeBuildkite, Client, PipelineHandle) {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: make}]")
        .create();
    let client = client(&fake);
    (fake, client, app)
}

fn set(client: &Client, settings: &str) {
    client.patch(APP, settings).expect(200);
}

fn build(client: &Client, branch: &str, rest: &str) -> Answer {
    let body = format!(r#"{{"commit":"HEAD","branch":"{branch}"{rest}}}"#);
    client.post(&format!("{APP}/builds"), &body)
}

#[track_caller]
fn assert_refused(answer: &Answer, message: &str) {
    assert_eq!(answer.message(422), message);
    assert_eq!(answer.json().keys(), ["message"]);
}

const IGNORE: &str = r#","ignore_pipeline_branch_filters":true"#;

#[test]
fn the_branch_filter_limits_what_is_built() {
    let (fake, client, _app) = start();
    set(
        &client,
        r#"{"branch_configuration":"main release/* !release/old"}"#,
    );
    build(&client, "main", "").expect(201);
    build(&client, "release/1", "").expect(201);
    let before = world(&fake, &["acme"]);
    for branch in ["feature", "release/old", "mai"] {
        assert_refused(&build(&client, branch, ""), NO_BRANCH);
    }
    assert_eq!(world(&fake, &["acme"]), before);
    // Unless the filter is ignored, or the build is of a pull request.
    build(&client, "feature", IGNORE).expect(201);
    build(&client, "feature", r#","pull_request_id":1"#).expect(201);
    for everything in ["null", "\"\"", "\"*\""] {
        set(
            &client,
            &format!("{{\"branch_configuration\":{everything}}}"),
        );
        build(&client, "feature", "").expect(201);
    }
}

#[test]
fn branches_can_be_disabled() {
    for settings in [
        r#"{"trigger_mode":"none"}"#,
        r#"{"build_branches":false}"#,
        r#"{"trigger_mode":"none","build_branches":false}"#,
    ] {
        let (fake, client, _app) = start();
        set(&client, &format!("{{\"provider_settings\":{settings}}}"));
        let before = world(&fake, &["acme"]);
        assert_refused(&build(&client, "main", ""), DISABLED);
        assert_refused(&build(&client, "main", r#","pull_request_id":1"#), DISABLED);
        assert_eq!(world(&fake, &["acme"]), before);
        build(&client, "main", IGNORE).expect(201);
        set(
            &client,
            r#"{"provider_settings":{"trigger_mode":"code","build_branches":true}}"#,
        );
        build(&client, "main", "").expect(201);
    }
    // The other modes concern GitHub.
    for mode in ["deployment", "fork"] {
        let (_fake, client, _app) = start();
        set(
            &client,
            &format!(r#"{{"provider_settings":{{"trigger_mode":"{mode}"}}}}"#),
        );
        build(&client, "main", "").expect(201);
    }
}

#[test]
fn the_filter_condition_is_asked_when_it_is_on() {
    let (fake, client, _app) = start();
    let condition = r#"{"provider_settings":{"filter_condition":"build.pull_request.base_branch =~ /main/ || build.message == 'go' || build.env('GO') == '1'"}}"#;
    set(&client, condition);
    build(&client, "main", "").expect(201);
    set(&client, r#"{"provider_settings":{"filter_enabled":true}}"#);
    let before = world(&fake, &["acme"]);
    assert_refused(&build(&client, "main", ""), NO_MATCH);
    assert_refused(&build(&client, "main", IGNORE), NO_MATCH);
    assert_refused(&build(&client, "main", r#","message":"stop""#), NO_MATCH);
    assert_eq!(world(&fake, &["acme"]), before);
    for rest in [
        r#","message":"go""#,
        r#","env":{"GO":"1"}"#,
        r#","pull_request_id":1,"pull_request_base_branch":"main""#,
    ] {
        build(&client, "x", rest).expect(201);
    }
    // A blank one says yes; one that fails says how.
    set(&client, r#"{"provider_settings":{"filter_condition":" "}}"#);
    build(&client, "main", "").expect(201);
    set(
        &client,
        r#"{"provider_settings":{"filter_condition":"${nowhere?} == 'x'"}}"#,
    );
    let failed = build(&client, "main", "").message(422);
    assert!(
        failed.contains("parameter null or not set: nowhere"),
        "{failed}"
    );
}

#[test]
fn refusals_come_in_this_order() {
    let (_fake, client, app) = start();
    set(
        &client,
        r#"{"branch_configuration":"main","provider_settings":{"trigger_mode":"none","filter_enabled":true,"filter_condition":"false"}}"#,
    );
    app.archive();
    assert_eq!(
        client.post(&format!("{APP}/builds"), "{}").message(422),
        "Validation Failed"
    );
    assert_refused(
        &build(&client, "x", ""),
        "Cannot create builds on an archived pipeline",
    );
    app.unarchive();
    assert_refused(&build(&client, "x", ""), DISABLED);
    set(&client, r#"{"provider_settings":{"trigger_mode":"code"}}"#);
    assert_refused(&build(&client, "x", ""), NO_BRANCH);
    assert_refused(&build(&client, "main", ""), NO_MATCH);
    assert_refused(&build(&client, "x", IGNORE), NO_MATCH);
    set(&client, r#"{"provider_settings":{"filter_enabled":false}}"#);
    build(&client, "main", "").expect(201);
}

#[test]
fn what_does_not_come_from_outside_is_let_through() {
    // Given a pipeline that refuses everything
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .without_branch_builds()
        .branch_configuration("main")
        .filter_condition("false")
        .create();
    let client = client(&fake);
    assert_refused(&build(&client, "main", ""), DISABLED);
    // Then hands, rebuilds and trigger steps still make builds
    for source in [BuildSource::Ui, BuildSource::Webhook, BuildSource::Api] {
        app.build().branch("x").source(source).create();
    }
    client.put(&format!("{APP}/builds/1/rebuild")).expect(200);
    let caller = fake
        .pipeline("caller")
        .steps("steps: [{trigger: app}]")
        .create_build();
    fake.run_until_idle();
    assert_eq!(caller.state(), BuildState::Passed);
    assert_eq!(app.builds().len(), 5);
}

#[test]
fn intermediate_builds_follow_the_changed_settings() {
    use BuildState::{Canceled, Passed};

    let (fake, client, app) = start();
    let state = |number| app.build_number(number).state();
    build(&client, "main", "").expect(201);
    build(&client, "x", "").expect(201);
    set(
        &client,
        r#"{"skip_queued_branch_builds":true,"skip_queued_branch_builds_filter":"!main"}"#,
    );
    build(&client, "main", "").expect(201);
    build(&client, "x", "").expect(201);
    assert_eq!(
        (state(1), state(2)),
        (BuildState::Scheduled, BuildState::Skipped)
    );
    fake.advance(seconds(2));
    set(
        &client,
        r#"{"cancel_running_branch_builds":true,"cancel_running_branch_builds_filter":"main"}"#,
    );
    build(&client, "main", "").expect(201);
    build(&client, "x", "").expect(201);
    fake.run_until_idle();
    let states = [1, 3, 4, 5, 6].map(state);
    assert_eq!(states, [Canceled, Canceled, Passed, Passed, Passed]);
}

#[test]
fn rebuilds_can_be_disabled() {
    let (_fake, client, _app) = start();
    build(&client, "main", "").expect(201);
    set(&client, r#"{"allow_rebuilds":false}"#);
    let refused = client.put(&format!("{APP}/builds/1/rebuild"));
    assert_refused(&refused, "Rebuilds have been disabled for this pipeline");
    set(&client, r#"{"allow_rebuilds":true}"#);
    client.put(&format!("{APP}/builds/1/rebuild")).expect(200);
}

#[test]
fn commands_are_held_to_the_default_and_the_maximum() {
    use JobState::{Running, TimedOut};

    let (fake, client, app) = start();
    let long = "steps: [{command: a, key: long, timeout_in_minutes: 60}, {command: b, key: none}]";
    set(&client, &format!(r#"{{"configuration":"{long}"}}"#));
    app.on_job("*").hangs();
    let ended = |settings: &str, after| {
        set(&client, settings);
        let build = app.create_build();
        fake.advance(minutes(after) + seconds(5));
        ["long", "none"].map(|key| build.job(key).state())
    };
    assert_eq!(ended("{}", 30), [Running, Running]);
    assert_eq!(
        ended(r#"{"default_command_step_timeout":10}"#, 11),
        [Running, TimedOut]
    );
    assert_eq!(
        ended(r#"{"maximum_command_step_timeout":5}"#, 6),
        [TimedOut, TimedOut]
    );
    let back = r#"{"default_command_step_timeout":null,"maximum_command_step_timeout":null}"#;
    assert_eq!(ended(back, 30), [Running, Running]);
}

#[test]
fn the_counts_of_a_pipeline_are_live() {
    let (fake, client, _app) = start();
    let counts = || {
        let app = client.get(APP).expect(200);
        let names = [
            "scheduled_builds",
            "running_builds",
            "scheduled_jobs",
            "running_jobs",
            "waiting_jobs",
        ];
        names.map(|name| app[&*format!("{name}_count")].number())
    };
    set(
        &client,
        r#"{"configuration":"steps: [{command: a}, wait, {command: b}]"}"#,
    );
    assert_eq!(counts(), [0; 5]);
    build(&client, "main", "").expect(201);
    assert_eq!(counts(), [1, 0, 1, 0, 2]);
    fake.advance(seconds(2));
    assert_eq!(counts(), [0, 1, 0, 1, 2]);
    fake.run_until_idle();
    assert_eq!(counts(), [0; 5]);
}
