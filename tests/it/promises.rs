//! Commands that declare they will fail before they end.

use fake_buildkite::{
    BuildState, EventKind, FakeBuildkite, JobHandle, JobState, Move, minutes, seconds,
};

use crate::story::{Story, states, text};
use crate::support::panic_of;

#[test]
fn rule_5_5_a_promise_makes_the_build_failing_while_the_job_runs() {
    let mut story = Story::told("steps: [{command: make, key: x}]", |app| {
        app.on_job("x")
            .takes(minutes(2))
            .promises_failure_after(minutes(1), 4)
            .exits(4);
    });
    story.run();
    story.check(
        "failed",
        "scheduled running failing failed",
        "started 1, failing 61, finished 121",
    );
    let job = story.job("x");
    assert_eq!(job["promised_exit_status"].number(), 4);
    assert_eq!(
        job["promised_exit_status_at"],
        text("2030-01-01T00:01:01.000Z")
    );
    assert_eq!(job["exit_status"].number(), 4);
    let events = story.fake.events();
    let promises: Vec<_> = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::PromisedFailure { .. }))
        .collect();
    assert_eq!(
        promises[0].to_string(),
        "2030-01-01T00:01:01.000Z app#1 x promised to exit with 4"
    );
    assert_eq!(promises.len(), 1);
}

#[test]
fn rule_5_5_a_job_shows_no_promise_it_did_not_make() {
    let mut story = Story::of("C(1)");
    story.run();
    let job = story.job("s1");
    assert!(
        job.get("promised_exit_status").is_none() && job.get("promised_exit_status_at").is_none()
    );
}

#[test]
fn rule_5_5_a_promise_that_would_be_forgiven_or_tried_again_does_not_count() {
    for (attributes, status) in [
        ("soft_fail: true", 1),
        ("soft_fail: [{exit_status: 3}]", 3),
        ("retry: {automatic: {exit_status: 2}}", 2),
    ] {
        let fake = FakeBuildkite::start();
        let steps = format!("steps: [{{command: make, key: x, {attributes}}}]");
        let build = fake.pipeline("app").steps(steps).create_build();
        build.job("x").start();
        build.job("x").promise_failure(status);
        assert_eq!(build.state(), BuildState::Running, "{attributes}");
        assert_eq!(build.job("x").promised_exit_status(), Some(status));
    }
    // A rule without retries left tries nothing again
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: make, key: x, retry: {automatic: {limit: 1}}}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    build.job("x").fail(1);
    build.job("x").start();
    build.job("x").promise_failure(1);
    assert_eq!(build.state(), BuildState::Failing);
}

#[test]
fn rule_5_5_a_job_keeps_its_promise_if_it_ends_in_a_way_that_counts_for_less() {
    for (attributes, promised, ended, found) in [
        ("", 3, 0, "failed 3"),
        ("", 3, 5, "failed 5"),
        ("soft_fail: [{exit_status: 7}]", 3, 7, "failed 3"),
        ("soft_fail: [{exit_status: 7}]", 7, 0, "failed+soft 7"),
        ("retry: {automatic: {exit_status: 9}}", 3, 9, "failed 3"),
    ] {
        let comma = if attributes.is_empty() { "" } else { ", " };
        let fake = FakeBuildkite::start();
        let steps = format!("steps: [{{command: make, key: x{comma}{attributes}}}]");
        let build = fake.pipeline("app").steps(steps).create_build();
        let job = build.job("x");
        job.start();
        job.promise_failure(promised);
        job.finish(ended);
        let status = job.exit_status().expect("it ended");
        assert_eq!(
            format!("{} {status}", states(&build)),
            found,
            "{promised}, then {ended}: {attributes}"
        );
    }
}

#[test]
fn rule_5_5_the_same_promise_twice_is_one_and_another_is_refused() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: x}]")
        .create_build();
    let job = build.job("x");
    let promise = |exit_status| job.try_move(Move::PromiseFailure { exit_status }).is_ok();
    assert!(!promise(1), "it does not run");
    job.start();
    fake.advance(seconds(1));
    assert!(promise(1), "the first");
    let events = fake.events().len();
    assert!(promise(1), "the same again");
    assert_eq!(fake.events().len(), events, "nothing happened");
    assert!(!promise(2), "another");
    assert_eq!(
        panic_of(|| job.promise_failure(0)),
        "success cannot be promised: 0 is the exit status of a command that passes"
    );
    assert!(!promise(0));
}

#[test]
fn rule_5_5_a_promise_cancels_the_steps_that_end_with_a_failing_build() {
    let mut story = Story::told(
        "steps: [{command: test, key: test}, {command: diff, key: diff, cancel_on_build_failing: true}]",
        |app| {
            app.on_job("test")
                .takes(minutes(5))
                .promises_failure_after(minutes(1), 1)
                .exits(1);
            app.on_job("diff").takes(minutes(5));
        },
    );
    story.run();
    story.check(
        "failed canceled",
        "scheduled running failing failed",
        "started 1, failing 61, finished 301",
    );
}

#[test]
fn rule_5_5_job_filters_count_a_promise_as_a_failure() {
    let mut story = Story::told(
        "steps: [{command: a, key: a}, {command: b, key: b}]",
        |app| {
            app.on_job("a")
                .takes(minutes(5))
                .promises_failure_after(seconds(1), 1);
        },
    );
    story.fake.advance(seconds(3));
    let with = |state: &str| {
        let path = format!("{}?job_states[]={state}", crate::story::BUILD);
        let build = story.client.get(&path).expect(200);
        let jobs = build["jobs"].items().iter();
        jobs.map(|job| format!("{} {}", job["step_key"].str(), job["state"].str()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(with("failed"), "a running");
    assert_eq!(with("running"), "b running");
    story.run();
    assert_eq!(story.build.job("a").state(), JobState::Failed);
}

#[test]
fn rule_b11_a_promise_that_ends_with_its_job_leaves_a_build_that_can_run_again() {
    // Given a build that is failing for a promise alone
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: a, key: a}, {command: b, key: b}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    for key in ["a", "b"] {
        build.job(key).start();
    }
    build.job("a").promise_failure(1);
    assert_eq!(build.state(), BuildState::Failing);
    // When that job fails and somebody retries it while the other runs
    build.job("a").finish(1);
    build.job("a").retry();
    // Then nothing is failed any more, and the new attempt promised nothing
    assert_eq!(build.state(), BuildState::Running);
    assert_eq!(build.job("a").promised_exit_status(), None);
}

#[test]
fn rule_5_5_a_promise_ends_the_other_jobs_of_a_failing_build_and_not_the_one_that_made_it() {
    // Given two jobs that do not go on in a failing build
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: a, key: a, cancel_on_build_failing: true, parallelism: 2}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    let jobs = build.jobs("a");
    jobs.iter().for_each(JobHandle::start);
    // When one of them promises to fail
    jobs[0].promise_failure(1);
    // Then it goes on: "other running jobs … can be canceled before the declaring job exits"
    assert_eq!(
        (jobs[0].state(), jobs[1].state()),
        (JobState::Running, JobState::Canceling)
    );
}

#[test]
fn rule_5_5_a_promise_is_kept_against_a_rule_that_asks_what_stopped_the_command() {
    // Given a promise that no rule forgives, of a command that is then stopped, which a rule would try again
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: a, key: a, retry: {automatic: [{signal_reason: cancel}]}}, {command: b, key: b}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    for key in ["a", "b"] {
        build.job(key).start();
    }
    build.job("a").promise_failure(1);
    assert_eq!(build.state(), BuildState::Failing);
    build.job("a").time_out();
    build.job("a").finish(3);
    assert_eq!(build.all_jobs().len(), 2, "it is not tried again");
    assert_eq!(build.job("a").exit_status(), Some(1));
    assert_eq!(build.state(), BuildState::Failing);
}
