//! Section 8: retries, by rules and by people.

use fake_buildkite::{Agents, agent, seconds};

use crate::derived::{by_key, in_world, runnable, times};
use crate::story::{Story, usual};
use crate::support::Json;

#[test]
fn rule_8_1_the_retry_of_one_job_of_a_matrix_is_that_job_again() {
    let mut story = Story::told(
        "steps:
           - {command: 'make {{matrix.os}}', label: 'On {{matrix.os}}', key: x, priority: 3,
              agents: {os: '{{matrix.os}}'}, matrix: {setup: {os: [linux, mac]}}}",
        |app| {
            app.on_job("On mac").exits(1).then().exits(0);
        },
    );
    story.run();
    assert_eq!(story.jobs(), "passed failed");
    // When the one that failed is retried
    let old = story.look()["jobs"][1].clone();
    let path = format!("/organizations/acme/jobs/{}/retry", old["id"].str());
    let new = story.client.put(&path).expect(200);
    // Then the new one is what the old one was
    for same in [
        "name",
        "command",
        "matrix",
        "agent_query_rules",
        "priority",
        "step",
        "step_key",
        "scheduled_at",
    ] {
        assert_eq!(new[same], old[same], "{same}");
    }
    assert_eq!(new["command"].str(), "make mac");
    assert_eq!(new["matrix"]["os"].str(), "mac");
    assert_eq!(new["agent_query_rules"][0].str(), "os=mac");
    // And the other one has nothing to do with it
    story.run();
    assert_eq!(story.jobs(), "passed failed+retried passed");
}

#[test]
fn rule_8_1_attempts_count_on_whoever_asked_for_them() {
    // Given a job that a rule tried again once, and that a person retries
    let mut story = by_key("{command: make, key: bad, retry: {automatic: {limit: 1}}}");
    story.run();
    story.put_job("bad", "retry").expect(200);
    story.run();
    assert_eq!(story.jobs(), "failed+retried failed+retried failed");
    // Then each says which attempt it is, and how it and its successor came about
    let build = story.look();
    let of = |name: &str| -> Vec<String> {
        let jobs = build["jobs"].items().iter();
        let word = |value: &Json| match value {
            Json::Null => "-".to_owned(),
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            Json::Bool(_) | Json::Array(_) | Json::Object(_) => panic!("no word: {value:?}"),
        };
        jobs.map(|job| word(&job[name])).collect()
    };
    assert_eq!(of("retries_count"), ["-", "1", "2"]);
    assert_eq!(of("retry_type"), ["automatic", "manual", "-"]);
    let source = |n: usize, name: &str| build["jobs"][n]["retry_source"][name].str().to_owned();
    let id = |n: usize| build["jobs"][n]["id"].str().to_owned();
    assert!(build["jobs"][0]["retry_source"].is_null());
    assert_eq!(source(1, "retry_type"), "automatic");
    assert_eq!(source(1, "job_id"), id(0));
    assert_eq!(source(2, "retry_type"), "manual");
    assert_eq!(source(2, "job_id"), id(1));
    assert_eq!(of("retried_in_job_id"), [id(1), id(2), "-".to_owned()]);
}

#[test]
fn rule_8_1_a_retry_goes_before_what_was_scheduled_after_its_original() {
    // Given one agent, a job that failed on it, one that runs on it now, and one that waits for it
    let fleet = Agents::fleet([agent("only")]);
    let mut story = in_world(
        usual().agents(fleet),
        "{command: make, key: bad}, {command: make, key: slow}",
    );
    story.fake.advance(seconds(15));
    let newer = story.fake.pipeline("newer").create_build();
    story.fake.advance(seconds(5));
    assert_eq!(story.jobs(), "failed running");
    // When the first is retried while both wait
    story.put_job("bad", "retry").expect(200);
    story.run();
    // Then it has the agent next, and the one of the newer build after it
    assert_eq!(
        times(&mut story, "bad"),
        "created 20, scheduled 0, runnable 20, started 71, finished 81"
    );
    let started = newer.started_at().expect("it ran") - story.build.created_at();
    assert_eq!(started.num_seconds(), 81);
}

#[test]
fn rule_8_2_nothing_is_tried_again_in_a_build_that_is_being_canceled() {
    // Given a job whose time is up and that would be tried again
    let mut story = by_key(
        "{command: make, key: hung, timeout_in_minutes: 1, retry: {automatic: [{signal_reason: cancel}]}}",
    );
    story.fake.advance(seconds(61));
    assert_eq!(story.jobs(), "timing_out");
    // When the build is canceled before it has stopped
    story.put("cancel").expect(200);
    story.run();
    // Then it is not
    story.check(
        "timed_out",
        "scheduled running canceling canceled",
        "started 1, finished 71",
    );
}

#[test]
fn rule_8_2_a_failing_build_goes_on_trying() {
    let mut story = Story::told(
        "steps: [{command: make, key: bad}, {command: make, key: flaky, retry: {automatic: true}}]",
        |app| {
            app.on_job("bad").exits(1);
            app.on_job("flaky")
                .takes(seconds(20))
                .exits(1)
                .then()
                .takes(seconds(20))
                .exits(0);
        },
    );
    story.run();
    story.check(
        "failed failed+retried passed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 42",
    );
}

#[test]
fn rule_8_2_what_allows_a_failure_waits_for_the_last_attempt() {
    let mut story = by_key(
        "{command: make, key: bad, retry: {automatic: {limit: 2}}},
         {command: make, key: after, depends_on: [{step: bad, allow_failure: true}]},
         {wait: ~, continue_on_failure: true}, {command: make, key: last}",
    );
    story.run();
    assert_eq!(runnable(&mut story, "after"), Some(33));
    assert_eq!(runnable(&mut story, "last"), Some(44));
    story.check(
        "failed+retried failed+retried failed passed passed passed",
        "scheduled running failing failed",
        "started 1, failing 33, finished 55",
    );
}

#[test]
fn rule_8_2_a_rule_counts_along_the_attempts_of_one_job() {
    // Given a step of two jobs whose rule allows one retry
    let mut story =
        by_key("{command: make, key: bad, parallelism: 2, retry: {automatic: {limit: 1}}}");
    story.run();
    // Then each of them has one
    assert_eq!(story.jobs(), "failed+retried failed+retried failed failed");
    let build = story.look();
    let indices: Vec<_> = build["jobs"]
        .items()
        .iter()
        .map(|job| job["parallel_group_index"].number())
        .collect();
    assert_eq!(indices, [0, 1, 0, 1]);
    assert_eq!(story.instants(), "started 1, failing 22, finished 22");
}

#[test]
fn rule_8_3_a_canceled_job_can_be_retried_once_its_agent_has_stopped_it() {
    let mut story = Story::of("C(hangs) C(0,slow)");
    story.fake.advance(seconds(5));
    story.build.job("s1").cancel();
    story.fake.advance(seconds(9));
    assert_eq!(
        story.put_job("s1", "retry").message(400),
        "Only failed, timed out or canceled jobs can be retried"
    );
    story.fake.advance(seconds(1));
    assert_eq!(story.look()["state"].str(), "failing");
    let new = story.put_job("s1", "retry").expect(200);
    assert_eq!(new["state"].str(), "scheduled");
    assert_eq!(story.look()["state"].str(), "running");
    assert_eq!(story.jobs(), "canceled+retried scheduled running");
}

#[test]
fn rule_8_3_a_job_that_passed_and_fails_at_a_retry_undoes_nothing_that_ran() {
    // Given two jobs that passed, one after the other
    let mut story = Story::told(
        "steps:
           - {command: make, key: first, retry: {manual: {permit_on_passed: true}}}
           - wait
           - {command: make, key: second}",
        |app| {
            app.on_job("first").exits(0).then().exits(1);
        },
    );
    story.run();
    assert_eq!(story.jobs(), "passed passed passed");
    // When the first is retried and fails
    story.put_job("first", "retry").expect(200);
    story.run();
    // Then the build has failed, and the second ran when it did
    story.check(
        "passed+retried failed passed passed",
        "scheduled running passed running failed",
        "started 22, finished 33",
    );
    assert_eq!(
        times(&mut story, "second"),
        "created 0, scheduled 0, runnable 11, started 12, finished 22"
    );
}
