//! Sections 6.1 and 6.2: what a step depends on, and what that has to come to.

use fake_buildkite::{Move, seconds};

use crate::derived::{beside_lib, by_key, runnable};
use crate::story::Story;

#[test]
fn rule_6_1_a_trigger_step_that_names_its_dependencies_ignores_the_wait_before_it() {
    let mut story = beside_lib(
        "{command: make}",
        "{command: make, key: hung}, wait, {trigger: lib, key: go, depends_on: []}, {trigger: lib, key: behind}",
    );
    assert_eq!(story.jobs(), "scheduled waiting running waiting");
    story.run();
    assert_eq!(story.jobs(), "running waiting passed waiting");
}

#[test]
fn rule_6_1_a_wait_step_that_names_its_dependencies_waits_for_those_alone() {
    let mut story = by_key(
        "{command: make, key: fast}, {command: make, key: slow}, {wait: ~, depends_on: fast}, {command: make, key: after}",
    );
    story.fake.advance(seconds(30));
    assert_eq!(story.jobs(), "passed running passed passed");
    // What comes after it waits for it as for any other
    assert_eq!(runnable(&mut story, "after"), Some(11));
}

#[test]
fn rule_6_2_the_worst_of_a_steps_jobs_decides() {
    let ends = [
        ([0, 0, 0], "passed"),
        ([0, 1, 0], "passed"),
        ([1, 1, 1], "passed"),
        // Canceled is worse than failed: no allowance covers it
        ([0, 1, CANCEL], "waiting_failed"),
        ([CANCEL, 0, 0], "waiting_failed"),
    ];
    for (ends, expected) in ends {
        // Given a step of three jobs, and one that allows it to fail
        let mut story = Story::told(
            "steps:
               - {command: make, key: many, parallelism: 3}
               - {command: make, key: lenient, depends_on: [{step: many, allow_failure: true}]}",
            |app| {
                app.on_job("many").hangs();
            },
        );
        story.run();
        // When they end one after the other, then it decides after the last
        for (job, status) in story.build.jobs("many").iter().zip(ends) {
            assert_eq!(story.build.job("lenient").state().as_str(), "waiting");
            if status == CANCEL {
                job.try_move(Move::Cancel).expect("a running job");
                job.lose_agent();
            } else {
                job.finish(status);
            }
        }
        story.run();
        assert_eq!(story.job("lenient")["state"].str(), expected, "{ends:?}");
    }
}

/// In place of an exit status: the job is canceled.
const CANCEL: i32 = -2;

#[test]
fn rule_6_2_each_dependency_is_judged_by_its_own_allowance() {
    let check = |dependencies: &str, expected: &str| {
        let mut story = by_key(&format!(
            "{{command: make, key: bad1}}, {{command: make, key: bad2}}, {{command: make, key: good}},
             {{command: make, key: after, depends_on: [{dependencies}]}}"
        ));
        story.run();
        assert_eq!(
            story.job("after")["state"].str(),
            expected,
            "{dependencies}"
        );
    };
    let [allowed1, allowed2] = [1, 2].map(|n| format!("{{step: bad{n}, allow_failure: true}}"));
    check(&format!("{allowed1}, good"), "passed");
    check(&format!("{allowed1}, {allowed2}"), "passed");
    check(&format!("{allowed1}, bad2"), "waiting_failed");
    check(&format!("bad1, {allowed2}, good"), "waiting_failed");
}

#[test]
fn rule_6_2_what_a_dependency_says_of_itself_wins_over_what_its_step_allows() {
    let check = |dependency: &str, expected: &str| {
        let mut story = by_key(&format!(
            "{{command: make, key: bad}},
             {{command: make, key: after, allow_dependency_failure: true, depends_on: [{dependency}]}}"
        ));
        story.run();
        assert_eq!(story.job("after")["state"].str(), expected, "{dependency}");
    };
    check("bad", "passed");
    check("{step: bad}", "passed");
    check("{step: bad, allow_failure: true}", "passed");
    check("{step: bad, allow_failure: false}", "waiting_failed");
}

#[test]
fn rule_6_2_a_canceled_job_that_was_retried_stops_nobody() {
    // Given a build that failed because somebody canceled a job
    let mut story = Story::told(
        "steps: [{command: make, key: x}, {command: make, key: after, depends_on: x}]",
        |app| {
            app.on_job("x").hangs().then().exits(0);
        },
    );
    story.fake.advance(seconds(5));
    story.build.job("x").cancel();
    story.run();
    assert_eq!(story.jobs(), "canceled waiting_failed");
    // When that job is retried and passes, then what depends on it runs
    story.put_job("x", "retry").expect(200);
    story.run();
    story.check(
        "canceled+retried passed passed",
        "scheduled running failed running passed",
        "started 15, finished 37",
    );
}

#[test]
fn rule_6_2_a_group_that_is_excluded_as_a_whole_is_satisfied() {
    let mut story = by_key(
        "{group: Out, key: out, if: build.branch != 'main', steps: [{command: make}, wait, {command: make}]},
         {command: make, key: after, depends_on: out}",
    );
    assert_eq!(story.jobs(), "broken broken broken scheduled");
    assert_eq!(runnable(&mut story, "after"), Some(0));
}

#[test]
fn rule_6_2_a_step_may_depend_on_one_that_is_written_after_it() {
    let mut story =
        by_key("{command: make, key: first, depends_on: second}, {command: make, key: second}");
    assert_eq!(story.jobs(), "waiting scheduled");
    story.run();
    assert_eq!(runnable(&mut story, "first"), Some(11));
    story.check(
        "passed passed",
        "scheduled running passed",
        "started 1, finished 22",
    );
}

#[test]
fn rule_6_2_a_step_that_depends_on_itself_never_runs() {
    let mut story = by_key("{command: make, key: self, depends_on: self}");
    story.check("waiting_failed", "failed", "finished 0");
}

#[test]
fn rule_6_2_a_key_is_used_once_in_a_build_also_by_groups() {
    for steps in [
        "{command: make, key: x}, {command: make, key: x}",
        "{group: G, key: x, steps: [{command: make}]}, {command: make, key: x}",
        "{group: G, key: x, steps: [{command: make, key: x}]}",
        "{group: G, steps: [{command: make, key: x}]}, {group: H, steps: [{wait: ~, key: x}]}",
    ] {
        let story = by_key("{command: make}");
        let body = serde_json::json!({
            "name": "other",
            "repository": "git@github.com:acme/app.git",
            "configuration": format!("steps: [{steps}]"),
        });
        let path = "/organizations/acme/pipelines";
        let refused = story.client.post(path, &body.to_string()).expect(422);
        let error = &refused["errors"][0];
        assert_eq!(error["field"].str(), "configuration");
        assert!(
            error["code"]
                .str()
                .contains(r#"The key "x" has already been used by another step in this build"#),
            "{steps}: {error:?}"
        );
    }
}
