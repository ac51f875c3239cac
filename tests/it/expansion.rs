//! From one step to several jobs: matrices and parallelism.

use fake_buildkite::{BuildState, FakeBuildkite, seconds};

use crate::story::{Story, names, states};
use crate::support::{Json, client, panic_of};

/// A build of one step with the key `x`, and what a client sees of it.
fn build_of(step: &str) -> (FakeBuildkite, fake_buildkite::BuildHandle, Json) {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(step).create();
    let build = app.create_build();
    let json = client(&fake).build("app", 1);
    (fake, build, json)
}

#[test]
fn a_matrix_of_one_dimension_makes_a_job_of_each_value() {
    let (fake, build, json) = build_of(
        "steps: [{key: x, label: 'Test {{matrix}}', command: 'make {{ matrix }}', matrix: [b, a, 1, true]}]",
    );
    assert_eq!(names(&json), ["Test b", "Test a", "Test 1", "Test true"]);
    let jobs = json["jobs"].items();
    assert_eq!(jobs[2]["command"].str(), "make 1");
    assert_eq!(jobs[0]["matrix"].keys(), [""]);
    assert_eq!(jobs[2]["matrix"][""].str(), "1");
    assert!(jobs[0]["parallel_group_index"].is_null());
    // All are one step
    assert_eq!(jobs[0]["step"]["id"], jobs[3]["step"]["id"]);
    fake.run_until_idle();
    assert_eq!(states(&build), "passed passed passed passed");
}

#[test]
fn in_a_matrix_the_last_dimension_changes_fastest() {
    let (_fake, _build, json) = build_of(
        "steps:
           - label: '{{matrix.os}} {{matrix.arch}} {{matrix.test}}'
             command: make
             matrix: {setup: {os: [windows, linux], arch: [arm, amd], test: [A, B]}}",
    );
    assert_eq!(
        names(&json),
        [
            "windows arm A",
            "windows arm B",
            "windows amd A",
            "windows amd B",
            "linux arm A",
            "linux arm B",
            "linux amd A",
            "linux amd B",
        ]
    );
    let matrix = &json["jobs"][5]["matrix"];
    assert_eq!(matrix["os"].str(), "linux");
    assert_eq!(matrix["arch"].str(), "arm");
    assert_eq!(matrix["test"].str(), "B");
}

#[test]
fn an_adjustment_skips_forgives_or_adds_a_combination() {
    // Given a matrix in which one combination is skipped, one may fail and one is new
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
               - key: x
                 label: '{{matrix.os}}-{{matrix.arch}}'
                 command: make
                 matrix:
                   setup: {os: [linux, mac], arch: [amd, arm]}
                   adjustments:
                     - {with: {os: linux, arch: arm}, skip: No machine}
                     - {with: {os: mac, arch: amd}, soft_fail: true}
                     - {with: {os: plan9, arch: mips}}",
        )
        .create();
    // When that one fails
    let build = app.create_build();
    fake.advance(seconds(5));
    build.jobs("x")[2].fail(1);
    fake.run_until_idle();
    // Then only the failure that counts would have counted
    let json = client(&fake).build("app", 1);
    assert_eq!(
        names(&json),
        ["linux-amd", "linux-arm", "mac-amd", "mac-arm", "plan9-mips"]
    );
    assert_eq!(states(&build), "passed broken failed+soft passed passed");
    assert_eq!(json["jobs"][1]["broken_reason"].str(), "No machine");
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_partial_adjustment_is_of_every_combination_that_agrees_with_it() {
    let (fake, build, _json) = build_of(
        "steps:
           - key: x
             command: make
             matrix:
               setup: {os: [linux, mac], arch: [amd, arm]}
               adjustments: [{with: {os: mac}, skip: true}, {with: {os: plan9}}]",
    );
    fake.run_until_idle();
    assert_eq!(states(&build), "passed passed broken broken");
}

#[test]
fn a_matrix_whose_combinations_are_all_skipped_is_nothing_to_wait_for() {
    let (fake, build, _json) = build_of(
        "steps:
           - key: x
             command: make
             matrix: {setup: [a, b], adjustments: [{with: a, skip: true}, {with: b, skip: true}]}
           - {command: next, depends_on: x}",
    );
    fake.run_until_idle();
    assert_eq!(states(&build), "broken broken passed");
}

#[test]
fn a_matrix_fills_in_agents_as_well_and_no_key() {
    let (_fake, build, json) = build_of(
        "steps:
           - {key: x, command: 'make {{matrix}}', agents: {queue: '{{matrix}}'}, matrix: [red, blue]}",
    );
    let rules = |n: usize| json["jobs"][n]["agent_query_rules"][0].str().to_owned();
    assert_eq!([rules(0), rules(1)], ["queue=red", "queue=blue"]);
    assert_eq!(json["jobs"][1]["step_key"].str(), "x");
    assert_eq!(build.jobs("x").len(), 2);
}

#[test]
fn a_failure_in_one_combination_stops_those_that_depend_on_the_step() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
               - {key: x, label: 'Test {{matrix}}', command: make, matrix: [a, b]}
               - {key: y, command: next, depends_on: x}",
        )
        .create();
    let build = app.create_build();
    fake.advance(seconds(5));
    build.jobs("x")[1].fail(1);
    fake.run_until_idle();
    assert_eq!(states(&build), "passed failed waiting_failed");
}

#[test]
fn a_parallel_step_makes_as_many_jobs_that_know_their_number() {
    let (fake, build, json) = build_of("steps: [{key: x, command: make, parallelism: 3}]");
    let numbers: Vec<_> = json["jobs"]
        .items()
        .iter()
        .map(|job| {
            let number = |key: &str| job[key].number();
            (
                number("parallel_group_index"),
                number("parallel_group_total"),
            )
        })
        .collect();
    assert_eq!(numbers, [(0, 3), (1, 3), (2, 3)]);
    assert!(json["jobs"][0]["matrix"].is_null());
    assert!(json["jobs"][0]["name"].is_null());
    assert_eq!(build.jobs("x").len(), 3);
    fake.run_until_idle();
    assert_eq!(states(&build), "passed passed passed");
}

#[test]
fn labels_of_a_parallel_step_count_from_zero_or_one() {
    for (label, expected) in [
        ("'Test %n of %t'", ["Test 0 of 2", "Test 1 of 2"]),
        ("'Test %N/%T'", ["Test 1/2", "Test 2/2"]),
        ("Test", ["Test", "Test"]),
    ] {
        let yaml = format!("steps: [{{label: {label}, command: make, parallelism: 2}}]");
        let (_fake, _build, json) = build_of(&yaml);
        assert_eq!(names(&json), expected, "{label}");
    }
}

#[test]
fn one_parallel_job_is_a_parallel_group_of_one() {
    let (_fake, _build, json) = build_of("steps: [{command: make, parallelism: 1}]");
    assert_eq!(json["jobs"].items().len(), 1);
    assert_eq!(json["jobs"][0]["parallel_group_index"].number(), 0);
    assert_eq!(json["jobs"][0]["parallel_group_total"].number(), 1);
}

#[test]
fn a_parallelism_of_zero_runs_nothing_and_holds_nothing_back() {
    let (fake, build, json) =
        build_of("steps: [{key: x, command: make, parallelism: 0}, wait, {key: y, command: next}]");
    let job = &json["jobs"][0];
    assert_eq!(job["state"].str(), "broken");
    assert_eq!(job["broken_reason"].str(), "parallelism_zero");
    fake.run_until_idle();
    assert_eq!(build.job("y").state().to_string(), "passed");
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_retried_parallel_job_keeps_its_number() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{key: x, label: 'Test %N', command: make, parallelism: 2}]")
        .create();
    let build = app.create_build();
    fake.advance(seconds(5));
    build.jobs("x")[1].fail(1);
    fake.run_until_idle();
    assert_eq!(states(&build), "passed failed");
    build.jobs("x")[1].retry();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed failed+retried passed");
    let jobs = client(&fake).build("app", 1)["jobs"].clone();
    assert_eq!(jobs.items().len(), 2);
    assert_eq!(jobs[1]["name"].str(), "Test 2");
    assert_eq!(jobs[1]["parallel_group_index"].number(), 1);
    assert_eq!(jobs[1]["parallel_group_total"].number(), 2);
}

#[test]
fn a_script_tells_one_job_of_a_step_by_the_label_it_ends_up_with() {
    // Given a matrix and a parallel step
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
               - {key: x, label: 'Test {{matrix}}', command: make, matrix: [a, b]}
               - {key: y, label: 'Shard %N', command: make, parallelism: 2}",
        )
        .create();
    // When a script is for one job of each
    app.on_job("Test b").exits(1);
    app.on_job("Shard 1").exits(2).then().exits(0);
    let build = app.create_build();
    fake.run_until_idle();
    // Then the others do not follow it
    assert_eq!(states(&build), "passed failed failed passed");
    build.jobs("y")[0].retry();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed failed failed+retried passed passed");
}

#[test]
fn several_jobs_of_one_step_are_told_apart_by_their_labels() {
    let yaml =
        r#"steps: [{label: "Test {{matrix}}", key: test, command: make, matrix: [linux, macos]}]"#;
    let story = Story::told(yaml, |_| {});
    assert_eq!(story.build.jobs("test").len(), 2);
    story.build.job("Test macos").fail(1);
    let timeline = story.build.timeline().to_string();
    assert!(timeline.contains("Test macos  failed"), "{timeline}");
    let events = story.fake.events().to_string();
    assert!(events.contains("app#1 Test macos "), "{events}");
    assert_eq!(
        panic_of(|| story.build.job("test")),
        "2 jobs are called `test` in app#1: take one of `jobs(\"test\")`, which has them in their order; its jobs are `Test linux`, `Test macos`"
    );
    // A retry takes the place of its job.
    story.build.job("Test macos").retry();
    assert_eq!(story.build.jobs("test").len(), 3);
    assert_eq!(story.build.job("Test macos").attempt(), 2);
}

#[test]
fn a_step_with_an_empty_matrix_has_no_job_to_ask_for() {
    let story = Story::told(
        "steps: [{command: a, key: a, matrix: []}, {command: b}]",
        |_| {},
    );
    assert_eq!(
        panic_of(|| story.build.job("a")),
        "no job `a` in app#1; it has `b`"
    );
}

#[test]
fn a_script_is_for_the_name_a_build_fills_in() {
    let story = Story::told(
        "steps: [{label: Test $BUILDKITE_BRANCH, command: make}, {label: Lint, command: lint}]",
        |app| {
            app.on_job("Test main").exits(3);
        },
    );
    story.fake.run_until_idle();
    assert_eq!(story.build.job("Test main").exit_status(), Some(3));
    assert_eq!(story.build.job("Lint").exit_status(), Some(0));
}
