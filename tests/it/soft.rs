//! Failures that do not count, and steps that go on regardless: `soft_fail`, `allow_failure`,
//! `allow_dependency_failure`, `continue_on_failure`, `skip`, and keys that no step has.

use fake_buildkite::{FakeBuildkite, FakeBuildkiteBuilder};

use crate::story::Story;

/// Runs these steps, where the key of a command begins with its exit status: `x1`, `x1a`, `x42`; `hung` never ends.
fn run(yaml: &str) -> Story {
    let mut story = Story::told(yaml, |app| {
        for status in [0, 1, 2, 42] {
            for end in ["", "a", "b"] {
                let key = format!("x{status}{end}");
                if has_key(yaml, &key) {
                    app.on_job(&key).exits(status);
                }
            }
        }
        if has_key(yaml, "hung") {
            app.on_job("hung").hangs();
        }
    });
    story.run();
    story
}

/// Whether a step of this YAML has exactly this key.
fn has_key(yaml: &str, key: &str) -> bool {
    let mut keys = yaml.split("key: ").skip(1);
    keys.any(|rest| {
        rest.split([',', '}', '\n', ']'])
            .next()
            .is_some_and(|found| found.trim() == key)
    })
}

/// Runs these steps and asks for their jobs and the last state of the build.
#[track_caller]
fn check(yaml: &str, jobs: &str, state: &str) {
    let mut story = run(yaml);
    assert_eq!(story.jobs(), jobs, "{yaml}");
    assert_eq!(story.seen().split(' ').next_back(), Some(state), "{yaml}");
}

#[test]
fn soft_fail_forgives_the_statuses_it_names() {
    let soft = |key: &str, soft_fail: &str, jobs: &str, state: &str| {
        let yaml = format!("steps: [{{command: make, key: {key}, soft_fail: {soft_fail}}}]");
        check(&yaml, jobs, state);
    };
    soft("x1", "true", "failed+soft", "passed");
    soft("x42", "true", "failed+soft", "passed");
    soft("x0", "true", "passed", "passed");
    soft("x1", "false", "failed", "failed");
    soft("x42", "[{exit_status: 42}]", "failed+soft", "passed");
    soft("x1", "[{exit_status: 42}]", "failed", "failed");
    soft("x0", "[{exit_status: 42}]", "passed", "passed");
    soft(
        "x2",
        "[{exit_status: 1}, {exit_status: 2}]",
        "failed+soft",
        "passed",
    );
    soft("x42", r#"[{exit_status: "*"}]"#, "failed+soft", "passed");
    soft("x0", r#"[{exit_status: "*"}]"#, "passed", "passed");
}

#[test]
fn a_soft_failure_never_makes_a_build_failing() {
    let mut story = Story::of("C(1,soft) C(0,slow)");
    story.run();
    story.check(
        "failed+soft passed",
        "scheduled running passed",
        "started 1, finished 61",
    );
    assert!(story.job("s1")["soft_failed"].bool());
    assert!(story.build.job("s1").soft_failed());
    assert!(!story.job("s2")["soft_failed"].bool());
}

#[test]
fn a_canceled_job_of_a_soft_step_does_not_fail_the_build() {
    let cancel = |soft_fail: &str, jobs: &str, state: &str| {
        let mut story = run(&format!(
            "steps:
              - {{command: make, key: hung, soft_fail: {soft_fail}}}
              - wait
              - {{command: make, key: x0}}"
        ));
        story.build.job("hung").cancel();
        story.run();
        assert_eq!(story.jobs(), jobs, "{soft_fail}");
        assert_eq!(story.look()["state"].str(), state, "{soft_fail}");
    };
    cancel("true", "canceled+soft passed passed", "passed");
    let star = r#"[{exit_status: "*"}]"#;
    cancel(star, "canceled+soft passed passed", "passed");
    let given_up = "canceled waiting_failed waiting_failed";
    cancel("false", given_up, "failed");
    cancel("[{exit_status: 1}]", given_up, "failed");
}

#[test]
fn a_job_canceled_before_it_starts_is_forgiven_as_well() {
    let mut story = Story::told(
        "steps: [{command: make, key: soft, soft_fail: true}]",
        |_| {},
    );
    story.build.job("soft").cancel();
    story.check("canceled+soft", "scheduled passed", "finished 0");
}

#[test]
fn a_timed_out_job_is_forgiven_by_its_exit_status() {
    let time_out = |soft_fail: &str, jobs: &str, state: &str| {
        let yaml = format!(
            "steps: [{{command: make, key: hung, timeout_in_minutes: 1, soft_fail: {soft_fail}}}]"
        );
        check(&yaml, jobs, state);
    };
    time_out("true", "timed_out+soft", "passed");
    time_out(r#"[{exit_status: "*"}]"#, "timed_out+soft", "passed");
    time_out("[{exit_status: -1}]", "timed_out+soft", "passed");
    time_out("[{exit_status: 1}]", "timed_out", "failed");
    time_out("false", "timed_out", "failed");
}

#[test]
fn an_expired_job_is_never_forgiven() {
    let mut story = Story::told(
        "steps: [{command: make, key: soft, soft_fail: true}]",
        |_| {},
    );
    story.build.job("soft").expire();
    story.check("expired", "scheduled failed", "finished 0");
}

#[test]
fn an_agent_lost_is_a_failure_with_a_status_of_its_own() {
    let mut story = run("steps: [{command: make, key: hung, soft_fail: [{exit_status: -1}]}]");
    story.build.job("hung").lose_agent();
    assert_eq!(story.jobs(), "failed+soft");
    assert_eq!(story.job("hung")["exit_status"].number(), -1);
}

#[test]
fn waits_decide_by_what_is_before_them() {
    let waits = |steps: &str, jobs: &str, state: &str| {
        let mut story = Story::of(steps);
        story.run();
        assert_eq!(story.jobs(), jobs, "{steps}");
        assert_eq!(story.look()["state"].str(), state, "{steps}");
    };
    // Soft failures do not count, for any wait
    waits("C(1,soft) W C(0)", "failed+soft passed passed", "passed");
    waits("C(1,soft) Wc C(0)", "failed+soft passed passed", "passed");
    // A failure stays one for every later plain wait
    waits(
        "C(1) Wc C(0) Wc C(0) W C(0)",
        "failed passed passed passed passed waiting_failed waiting_failed",
        "failed",
    );
    // A wait that continues has nothing to overlook, and a later failure is like any other
    waits(
        "C(0) Wc C(1) W C(0)",
        "passed passed failed waiting_failed waiting_failed",
        "failed",
    );
    waits(
        "C(0) W C(1) Wc C(0)",
        "passed passed failed passed passed",
        "failed",
    );
    // Waits side by side
    waits(
        "C(1) W Wc C(0)",
        "failed waiting_failed waiting_failed waiting_failed",
        "failed",
    );
    waits(
        "C(1) Wc W C(0)",
        "failed passed waiting_failed waiting_failed",
        "failed",
    );
    // Without anything before it a wait passes at once
    waits("W C(0)", "passed passed", "passed");
    waits("W", "passed", "passed");
    // A timed-out job is a failure that can be overlooked
    waits(
        "C(hangs,limit) Wc C(0)",
        "timed_out passed passed",
        "failed",
    );
    waits(
        "C(hangs,limit) W C(0)",
        "timed_out waiting_failed waiting_failed",
        "failed",
    );
}

#[test]
fn a_wait_does_not_overlook_an_expired_job() {
    let mut story = Story::without_agents("C(0) Wc C(0)");
    story.build.job("s1").expire();
    assert_eq!(story.jobs(), "expired waiting_failed waiting_failed");
    assert_eq!(story.look()["state"].str(), "failed");
}

#[test]
fn a_wait_waits_for_everything_before_it_also_before_earlier_waits() {
    // Given a job without dependencies, further down, that runs longer than anything
    let mut story = Story::told(
        "steps:
          - {command: make, key: quick}
          - wait
          - {command: make, key: slow, depends_on: []}
          - {command: make, key: after}
          - wait
          - {command: make, key: last}",
        |app| {
            app.on_job("slow").takes(fake_buildkite::minutes(5));
        },
    );
    assert_eq!(
        story.jobs(),
        "scheduled waiting scheduled waiting waiting waiting"
    );
    story.fake.advance(fake_buildkite::minutes(2));
    assert_eq!(story.jobs(), "passed passed running passed waiting waiting");
    story.run();
    assert_eq!(story.jobs(), "passed passed passed passed passed passed");
}

#[test]
fn a_dependent_goes_on_only_if_it_may() {
    let after = |first: &str, dependent: &str, jobs: &str, state: &str| {
        let yaml = format!(
            "steps:
              - {{command: make, {first}}}
              - {{command: make, {dependent}}}"
        );
        check(&yaml, jobs, state);
    };
    let allowed = "depends_on: [{step: x1, allow_failure: true}]";
    let refused = "depends_on: [{step: x1, allow_failure: false}]";
    after(
        "key: x1",
        "depends_on: x1",
        "failed waiting_failed",
        "failed",
    );
    after("key: x1", refused, "failed waiting_failed", "failed");
    // The build has failed all the same
    after("key: x1", allowed, "failed passed", "failed");
    after(
        "key: x1",
        "depends_on: x1, allow_dependency_failure: true",
        "failed passed",
        "failed",
    );
    // What a dependency says of itself wins
    let strict = format!("{refused}, allow_dependency_failure: true");
    after("key: x1", &strict, "failed waiting_failed", "failed");
    after("key: x0", "depends_on: x0", "passed passed", "passed");
    after(
        "key: x1, soft_fail: true",
        "depends_on: x1",
        "failed+soft passed",
        "passed",
    );
    // A time-out is a failure
    let limited = "key: hung, timeout_in_minutes: 1";
    after(
        limited,
        "depends_on: hung",
        "timed_out waiting_failed",
        "failed",
    );
    after(
        limited,
        "depends_on: [{step: hung, allow_failure: true}]",
        "timed_out passed",
        "failed",
    );
    after(
        limited,
        "depends_on: hung, allow_dependency_failure: true",
        "timed_out passed",
        "failed",
    );
}

#[test]
fn nothing_that_depends_on_a_canceled_or_expired_job_runs() {
    let yaml = "steps:
          - {command: make, key: hung}
          - {command: make, key: plain, depends_on: hung}
          - {command: make, key: lenient, depends_on: [{step: hung, allow_failure: true}]}
          - {command: make, key: careless, depends_on: hung, allow_dependency_failure: true}";
    let mut canceled = run(yaml);
    canceled.build.job("hung").cancel();
    canceled.run();
    assert_eq!(
        canceled.jobs(),
        "canceled waiting_failed waiting_failed waiting_failed"
    );
    let mut expired = Story::told(yaml, |_| {});
    expired.build.job("hung").expire();
    expired.run();
    assert_eq!(
        expired.jobs(),
        "expired waiting_failed waiting_failed waiting_failed"
    );
}

#[test]
fn a_step_that_gave_up_counts_as_failed_for_its_dependents() {
    // G17, and one more step behind the one that gave up
    let mut story = run("steps:
          - {command: make, key: x1}
          - {command: make, key: b, depends_on: x1}
          - {command: make, key: c, depends_on: [{step: x1, allow_failure: true}]}
          - {command: make, key: d, depends_on: [{step: b, allow_failure: true}]}
          - {command: make, key: e, depends_on: b}");
    story.check(
        "failed waiting_failed passed passed waiting_failed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 22",
    );
}

#[test]
fn a_step_decides_once_all_it_depends_on_is_over() {
    let mut story = run("steps:
          - {command: make, key: x1}
          - {command: make, key: hung}
          - {command: make, key: both, depends_on: [x1, hung]}");
    assert_eq!(story.jobs(), "failed running waiting");
    story.build.job("hung").pass();
    assert_eq!(story.jobs(), "failed passed waiting_failed");
}

#[test]
fn explicit_dependencies_replace_those_of_position() {
    check(
        "steps:
          - {command: make, key: x1}
          - wait
          - {command: make, key: x0, depends_on: []}
          - {command: make, key: x0a, depends_on: ~}
          - {command: make, key: x0b, depends_on: x0}
          - {command: make, key: behind}",
        "failed waiting_failed passed passed passed waiting_failed",
        "failed",
    );
}

#[test]
fn a_step_that_depends_on_a_missing_one_never_runs_and_fails_the_build() {
    // G18, alone and beside steps that run
    let mut alone = run("steps: [{command: make, depends_on: nope}]");
    alone.check("waiting_failed", "failed", "finished 0");
    let mut story = run("steps:
          - {command: make, key: x0}
          - {command: make, key: lost, depends_on: [x0, nope]}
          - {command: make, key: lenient, depends_on: [{step: nope, allow_failure: true}]}
          - wait
          - {command: make, key: x0a}");
    story.check(
        "passed waiting_failed waiting_failed waiting_failed waiting_failed",
        "scheduled running failed",
        "started 1, finished 11",
    );
}

#[test]
fn steps_that_depend_on_each_other_never_run_and_fail_the_build() {
    let mut story = run("steps:
          - {command: make, key: x0}
          - {command: make, key: a, depends_on: b}
          - {command: make, key: b, depends_on: a}");
    story.check(
        "passed waiting_failed waiting_failed",
        "scheduled running failed",
        "started 1, finished 11",
    );
}

#[test]
fn a_skipped_step_is_broken_and_holds_nobody_up() {
    let mut story = run(r#"steps:
          - {command: make, key: out, skip: true}
          - {command: make, key: why, skip: "Not on Fridays"}
          - {command: make, key: in, skip: false}
          - wait
          - {command: make, key: x0, depends_on: out}"#);
    story.check(
        "broken broken passed passed passed",
        "scheduled running passed",
        "started 1, finished 11",
    );
    let out = story.job("out");
    assert!(out["broken_reason"].is_null());
    for never in ["runnable_at", "started_at", "finished_at", "exit_status"] {
        assert!(out[never].is_null(), "{never}");
    }
    assert_eq!(story.job("why")["broken_reason"].str(), "Not on Fridays");
    assert!(story.job("in")["broken_reason"].is_null());
}

#[test]
fn a_build_of_skipped_steps_alone_is_not_run() {
    // G20
    let mut story = run("steps: [{command: make, skip: true}, {command: make, skip: Later}]");
    story.check("broken broken", "not_run", "finished 0");
    // It is over
    let refused = story.put("cancel").message(422);
    assert_eq!(
        refused,
        "Build can't be canceled because it's already finished."
    );
}

#[test]
fn a_wait_among_skipped_steps_makes_the_build_pass() {
    // A waiter that passed is neither broken nor skipped.
    check(
        "steps: [{command: make, skip: true}, wait]",
        "broken passed",
        "passed",
    );
}

#[test]
fn a_wait_step_shows_nothing_but_who_it_is_unless_a_test_wants_its_state() {
    let waiter = |fake: FakeBuildkiteBuilder| {
        let story = Story::begin(fake, "steps: [{wait: ~, key: wait}]", |_| {});
        story.client.build("app", 1)["jobs"][0].clone()
    };
    let plain = waiter(FakeBuildkite::builder());
    assert_eq!(plain.keys(), ["id", "graphql_id", "type"]);
    let with_state = waiter(FakeBuildkite::builder().waiters_with_state());
    assert_eq!(with_state.keys(), ["id", "graphql_id", "type", "state"]);
    assert_eq!(with_state["state"].str(), "passed");
}
