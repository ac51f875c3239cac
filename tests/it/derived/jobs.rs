//! Sections 4.2 to 5.6: what REST says of jobs, their instants, and how each kind of them ends.

use fake_buildkite::{Agents, seconds};

use crate::derived::{beside_lib, by_key, in_world, runnable, times};
use crate::story::{BUILD, Story, usual};
use crate::support::Json;

/// What a step in the group `g` with limit 1 says of that.
const G: &str = "concurrency: 1, concurrency_group: g";

/// Jobs of every sort: forgiven, running, limited, waiting, excluded.
fn of_many_sorts() -> Story {
    let mut story = by_key(&format!(
        "{{command: make, key: bad, soft_fail: true}}, {{command: make, key: hung, {G}}},
         {{command: make, key: next, {G}}}, {{command: make, key: out, skip: true}}, wait, {{command: make}}"
    ));
    story.run();
    story
}

#[test]
fn rule_4_2_a_build_counts_its_jobs_by_the_words_rest_has_for_them() {
    let mut story = of_many_sorts();
    assert_eq!(
        story.jobs(),
        "failed+soft running scheduled broken waiting waiting"
    );
    let build = story.client.build("app", 1);
    let counts = &build["job_state_counts"];
    assert_eq!(counts["total"].number(), 6);
    let mut states: Vec<_> = counts["states"]
        .entries()
        .iter()
        .map(|(state, count)| format!("{state} {}", count.number()))
        .collect();
    states.sort();
    assert_eq!(
        states,
        [
            "broken 1",
            "failed 1",
            "running 1",
            "scheduled 1",
            "waiting 2"
        ]
    );
}

#[test]
fn rule_4_3_a_limited_job_is_found_as_limited_and_as_scheduled() {
    let story = of_many_sorts();
    let found = |state: &str| -> Vec<(String, String)> {
        let build = story.client.get(&format!("{BUILD}?job_states[]={state}"));
        let build = build.expect(200);
        let jobs = build["jobs"].items().iter();
        let pair = |job: &Json| {
            let [key, state] = ["step_key", "state"].map(|name| job[name].str().to_owned());
            (key, state)
        };
        jobs.map(pair).collect()
    };
    let next = [("next".to_owned(), "scheduled".to_owned())];
    assert_eq!(found("limited"), next);
    assert_eq!(found("scheduled"), next);
    assert_eq!(found("limiting"), []);
}

#[test]
fn rule_4_4_a_step_is_broken_for_the_reason_it_was_excluded() {
    for (excluded, reason) in [
        ("if: build.branch != 'main'", Some("conditional_failed")),
        ("branches: other", Some("branch_mismatch")),
        ("parallelism: 0", Some("parallelism_zero")),
        ("skip: Not on Fridays", Some("Not on Fridays")),
        ("skip: true", None),
    ] {
        let mut story = by_key(&format!(
            "{{command: make, key: out, {excluded}}}, {{command: make, key: after, depends_on: out}}"
        ));
        assert_eq!(story.jobs(), "broken scheduled", "{excluded}");
        let job = story.job("out");
        let shown = (!job["broken_reason"].is_null()).then(|| job["broken_reason"].str());
        assert_eq!(shown, reason, "{excluded}");
        // It was never runnable and never ended, and holds nobody up (rule 6.2)
        assert_eq!(times(&mut story, "out"), "created 0, scheduled 0");
        assert_eq!(runnable(&mut story, "after"), Some(0), "{excluded}");
    }
}

#[test]
fn rule_4_4_what_is_skipped_from_outside_has_ended_also_if_it_was_excluded() {
    let fake = usual().agents(Agents::none()).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: x}, {command: make, key: out, skip: Later}]")
        .skip_intermediate_builds()
        .create();
    let mut story = Story::of_first_build(fake, app);
    story.fake.advance(seconds(5));
    assert_eq!(times(&mut story, "out"), "created 0, scheduled 0");
    // When a newer build takes the place of this one
    story.client.create_build("app");
    // Then both its jobs are skipped (rule 5.1)
    assert_eq!(story.jobs(), "skipped skipped");
    assert_eq!(
        times(&mut story, "out"),
        "created 0, scheduled 0, finished 5"
    );
    assert_eq!(
        times(&mut story, "x"),
        "created 0, scheduled 0, runnable 0, finished 5"
    );
}

#[test]
fn rule_4_5_a_job_is_scheduled_when_it_is_made_and_runnable_when_it_may_go_on() {
    let mut story = Story::of("C(0) W C(0)");
    story.run();
    assert_eq!(
        times(&mut story, "s3"),
        "created 0, scheduled 0, runnable 11, started 12, finished 22"
    );
}

#[test]
fn rule_4_5_a_job_that_is_canceled_before_it_may_go_on_has_an_end_and_nothing_else() {
    let mut story = Story::of("C(hangs) W C(0)");
    story.fake.advance(seconds(5));
    story.put("cancel").expect(200);
    assert_eq!(
        times(&mut story, "s3"),
        "created 0, scheduled 0, finished 5"
    );
    for nothing in ["exit_status", "signal_reason", "agent", "expired_at"] {
        assert!(story.job("s3")[nothing].is_null(), "{nothing}");
    }
}

#[test]
fn rule_4_5_an_unblock_that_is_lost_keeps_its_instant_and_its_person() {
    let mut story = Story::of("C(1,slow) B");
    story.fake.advance(seconds(5));
    let unblocked = story.put_job("s2", "unblock").expect(200);
    story.run();
    let job = story.job("s2");
    assert_eq!(job["state"].str(), "unblocked_failed");
    assert_eq!(job["unblocked_at"].str(), "2030-01-01T00:00:05.000Z");
    assert_eq!(job["unblocked_by"], unblocked["unblocked_by"]);
    assert!(!job["unblocked_by"].is_null());
    assert!(!job["unblockable"].bool());
}

#[test]
fn rule_5_1_a_job_that_is_canceled_while_it_waits_is_over_at_once_and_counts() {
    let mut story =
        by_key("{command: make, key: slow}, {command: make, key: after, depends_on: slow}");
    story.fake.advance(seconds(5));
    story.look();
    story.build.job("after").cancel();
    assert_eq!(
        times(&mut story, "after"),
        "created 0, scheduled 0, finished 5"
    );
    story.run();
    story.check(
        "passed canceled",
        "scheduled running failing failed",
        "started 1, failing 5, finished 61",
    );
}

#[test]
fn rule_5_2_a_wait_step_whose_predecessors_are_excluded_passes_at_once() {
    let mut story = by_key(
        "{command: make, key: out, skip: true}, {block: Go?, key: gate, branches: other},
         {command: make, key: gone, if: build.branch != 'main'}, wait, {command: make, key: after}",
    );
    assert_eq!(story.jobs(), "broken broken broken passed scheduled");
    assert_eq!(runnable(&mut story, "after"), Some(0));
}

#[test]
fn rule_5_3_an_early_unblock_survives_a_soft_failure() {
    let mut story = Story::of("C(1,soft) B C(0)");
    story.put_job("s2", "unblock").expect(200);
    story.run();
    story.check(
        "failed+soft unblocked passed",
        "scheduled running passed",
        "started 1, finished 22",
    );
}

#[test]
fn rule_5_3_an_unblocked_step_is_canceled_with_its_build() {
    let mut story = Story::of("B C(0,slow)");
    story.put_job("s1", "unblock").expect(200);
    story.fake.advance(seconds(5));
    story.put("cancel").expect(200);
    assert_eq!(story.jobs(), "canceled canceling");
    story.run();
    story.check(
        "canceled canceled",
        "blocked:passed canceling canceled",
        "started 0, finished 15",
    );
}

#[test]
fn rule_5_3_an_input_step_with_dependencies_is_complete_only_after_them() {
    let mut story = by_key(
        "{command: make, key: slow}, {input: Who?, key: who, depends_on: slow},
         {command: make, key: after, depends_on: who}",
    );
    // It can be unblocked from the start, and what depends on it waits all the same
    story.put_job("who", "unblock").expect(200);
    story.fake.advance(seconds(30));
    assert_eq!(story.jobs(), "running unblocked waiting");
    story.run();
    assert_eq!(runnable(&mut story, "after"), Some(61));
    story.check(
        "passed unblocked passed",
        "scheduled running passed",
        "started 1, finished 72",
    );
}

#[test]
fn rule_5_4_a_trigger_step_waits_for_the_end_of_its_build_and_not_for_its_first_failure() {
    let mut story = beside_lib(
        "{command: make, key: bad}, {command: make, key: slow}",
        "{trigger: lib, key: go}",
    );
    story.fake.advance(seconds(20));
    assert_eq!(story.client.build("lib", 1)["state"].str(), "failing");
    assert_eq!(story.look()["state"].str(), "running");
    story.run();
    story.check("failed", "running failed", "started 0, finished 61");
}

#[test]
fn rule_5_4_a_trigger_step_fails_at_once_when_a_person_cancels_its_blocked_build() {
    let mut story = beside_lib("{block: Go?}", "{trigger: lib, key: go}, {command: make}");
    story.fake.advance(seconds(4));
    let cancel = "/organizations/acme/pipelines/lib/builds/1/cancel";
    story.client.put(cancel).expect(200);
    assert_eq!(story.jobs(), "failed running");
    story.run();
    story.check(
        "failed passed",
        "running failing failed",
        "started 0, failing 4, finished 11",
    );
}

#[test]
fn rule_5_4_builds_of_one_parallel_step_skip_each_other_and_harm_nothing() {
    // Given a pipeline that keeps only the newest of its queued builds
    let fake = usual().start();
    fake.pipeline("lib").skip_intermediate_builds().create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib, key: go, parallelism: 3}, {command: make, depends_on: go, key: after}]")
        .create();
    // When a step triggers three builds of it in one instant
    let mut story = Story::of_first_build(fake, app);
    assert_eq!(story.jobs(), "skipped skipped running waiting");
    // Then the last one decides
    story.run();
    story.check(
        "skipped skipped passed passed",
        "running passed",
        "started 0, finished 22",
    );
}

#[test]
fn rule_5_6_the_exit_status_and_the_reason_say_how_a_job_ended() {
    type End = fn(&mut Story);
    let ends: [(&str, End, &str); 8] = [
        ("passed", |story| story.build.job("x").finish(0), "0 -"),
        ("failed", |story| story.build.job("x").finish(3), "3 -"),
        ("failed", |story| story.build.job("x").finish(255), "255 -"),
        ("failed", |story| story.build.job("x").lose_agent(), "-1 -"),
        (
            "canceled",
            |story| {
                story.build.job("x").cancel();
                story.run();
            },
            "-1 cancel",
        ),
        (
            "canceled",
            |story| {
                story.build.job("x").cancel();
                story.build.job("x").finish(143);
            },
            "143 cancel",
        ),
        (
            "timed_out",
            |story| {
                story.build.job("x").time_out();
                story.run();
            },
            "-1 cancel",
        ),
        ("expired", |story| story.build.job("y").expire(), "- -"),
    ];
    for (state, end, expected) in ends {
        let mut story = in_world(
            usual().agents(Agents::none()),
            "{command: make, key: x}, {command: make, key: y}",
        );
        story.build.job("x").start();
        end(&mut story);
        let job = story.job(if state == "expired" { "y" } else { "x" });
        assert_eq!(job["state"].str(), state);
        let (status, reason) = (&job["exit_status"], &job["signal_reason"]);
        let status = (!status.is_null()).then(|| status.number().to_string());
        let reason = (!reason.is_null()).then(|| reason.str());
        let shown = format!(
            "{} {}",
            status.as_deref().unwrap_or("-"),
            reason.unwrap_or("-")
        );
        assert_eq!(shown, expected, "{state}");
    }
}
