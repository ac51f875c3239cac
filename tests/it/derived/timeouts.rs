//! Section 11: how long jobs may run, and how long they may wait for an agent.

use fake_buildkite::{days, hours, minutes, seconds};

use crate::derived::{by_key, times};
use crate::story::{Story, usual};
use crate::support::client;

#[test]
fn rule_11_1_each_attempt_has_the_whole_time() {
    let mut story =
        by_key("{command: make, key: hung, timeout_in_minutes: 1, retry: {automatic: {limit: 1}}}");
    story.run();
    assert_eq!(
        times(&mut story, "hung"),
        "created 71, scheduled 0, runnable 71, started 72, finished 142"
    );
    story.check(
        "timed_out+retried timed_out",
        "scheduled running failed",
        "started 1, finished 142",
    );
}

#[test]
fn rule_11_1_a_job_that_is_timing_out_leaves_its_build_running_until_it_has_stopped() {
    let mut story = Story::of("C(hangs,limit) C(hangs)");
    story.fake.advance(seconds(65));
    assert_eq!(story.jobs(), "timing_out running");
    assert_eq!(story.look()["state"].str(), "running");
    story.fake.advance(seconds(6));
    assert_eq!(story.jobs(), "timed_out running");
    assert_eq!(story.look()["state"].str(), "failing");
    assert_eq!(story.instants(), "started 1, failing 71");
}

#[test]
fn rule_11_2_what_a_pipeline_allows_its_commands_is_not_for_other_steps() {
    // Given a pipeline whose commands may take a minute, and that triggers one whose commands may take for ever
    let fake = usual().start();
    let lib = fake
        .pipeline("lib")
        .steps("steps: [{command: make, key: make}]")
        .create();
    lib.on_job("make").hangs();
    let body = serde_json::json!({
        "name": "app",
        "repository": "git@github.com:acme/app.git",
        "configuration": "steps: [{trigger: lib, key: go}, {input: Who?, key: who}, wait, {command: make, key: late}]",
        "default_command_step_timeout": 1,
        "maximum_command_step_timeout": 1,
    });
    let pipelines = "/organizations/acme/pipelines";
    client(&fake).post(pipelines, &body.to_string()).expect(201);
    let app = fake.existing_pipeline("app");
    app.on_job("late").hangs();
    let mut story = Story::of_first_build(fake, app);
    // When hours pass, then nothing has timed out
    story.fake.advance(hours(10));
    assert_eq!(story.jobs(), "running blocked waiting waiting");
    // But a command does, after its minute
    lib.latest_build().job("make").pass();
    story.run();
    assert_eq!(
        times(&mut story, "late"),
        "created 0, scheduled 0, runnable 36000, started 36001, finished 36071"
    );
    assert_eq!(story.jobs(), "passed blocked_failed passed timed_out");
}

#[test]
fn rule_11_3_a_job_that_started_in_time_does_not_expire() {
    let mut story = Story::told("steps: [{command: make, key: x}]", |app| {
        app.on_job("x")
            .picked_up_after(days(30).saturating_sub(seconds(1)))
            .takes(days(10));
    });
    story.run();
    story.check(
        "passed",
        "scheduled running passed",
        "started 2591999, finished 3455999",
    );
    assert!(story.job("x")["expired_at"].is_null());
}

#[test]
fn rule_11_3_only_what_waits_for_an_agent_expires() {
    // Given jobs that wait for another job, for their group, for a person, and for an agent
    let group = "concurrency: 1, concurrency_group: g";
    let mut story = by_key(&format!(
        "{{command: make, key: hung, {group}}}, {{command: make, key: limited, {group}}}, {{input: Who?, key: who}},
         {{command: make, key: waits, depends_on: hung}}, {{command: make, key: idle}}"
    ));
    story.fake.advance(days(30).saturating_sub(minutes(1)));
    assert_eq!(story.jobs(), "running scheduled blocked waiting scheduled");
    // When thirty days have passed, then only the last one is too late
    story.fake.advance(days(2));
    assert_eq!(story.jobs(), "running scheduled blocked waiting expired");
    assert!(story.job("limited")["runnable_at"].is_null());
    assert_eq!(story.instants(), "started 1, failing 2592000");
}
