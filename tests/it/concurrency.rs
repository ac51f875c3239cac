//! Concurrency groups: one queue for a whole organization.

use fake_buildkite::{FakeBuildkite, JobState, PipelineHandle, minutes, seconds};

use crate::story::{Story, states};
use crate::support::client;

/// A pipeline of one command in the group `g`, and what else is said of it.
fn member(fake: &FakeBuildkite, name: &str, limit: u32, extra: &str) -> PipelineHandle {
    fake.pipeline(name)
        .steps(format!(
            "steps: [{{key: x, command: make, concurrency: {limit}, concurrency_group: g{extra}}}]"
        ))
        .create()
}

/// What a step in the group `g` with limit 1 says of that.
const G: &str = "concurrency: 1, concurrency_group: g";

#[test]
fn g27_the_second_job_of_a_group_waits_until_the_first_has_ended() {
    // Given two builds of a pipeline whose job is alone in its group
    let fake = FakeBuildkite::start();
    let app = member(&fake, "app", 1, "");
    let (first, second) = (app.create_build(), app.create_build());
    fake.advance(seconds(1));
    // Then the second is limited: scheduled, but not runnable
    assert_eq!(states(&first), "running");
    assert_eq!(states(&second), "scheduled");
    assert_eq!(second.job("x").runnable_at(), None);
    let limited = client(&fake).build("app", 2)["jobs"][0].clone();
    assert_eq!(limited["state"].str(), "scheduled");
    assert!(limited["runnable_at"].is_null());
    assert!(limited["concurrency_wait_time_ms"].is_null());
    // When the first ends, then the second goes on at once
    fake.run_until_idle();
    assert_eq!(second.job("x").runnable_at(), first.job("x").finished_at());
    assert_eq!(states(&second), "passed");
}

#[test]
fn jobs_say_how_long_they_waited_for_their_group() {
    let fake = FakeBuildkite::start();
    let app = member(&fake, "app", 1, "");
    let free = fake.pipeline("free").create();
    for build in [&app, &app] {
        build.create_build();
    }
    free.create_build();
    fake.run_until_idle();
    let client = client(&fake);
    let waited = |pipeline: &str, number| {
        client.build(pipeline, number)["jobs"][0]["concurrency_wait_time_ms"].clone()
    };
    assert_eq!(waited("app", 1).number(), 0);
    assert_eq!(waited("app", 2).number(), 11_000);
    assert!(waited("free", 1).is_null());
}

#[test]
fn a_group_reaches_across_pipelines_and_each_job_brings_its_own_limit() {
    let fake = FakeBuildkite::start();
    let one = member(&fake, "one", 1, "").create_build();
    let two = member(&fake, "two", 2, "").create_build();
    let again = member(&fake, "again", 2, "").create_build();
    fake.advance(seconds(1));
    assert_eq!(
        [states(&one), states(&two), states(&again)],
        ["running", "running", "scheduled"]
    );
    fake.run_until_idle();
    assert_eq!(
        again.job("x").runnable_at(),
        one.job("x").finished_at(),
        "the earlier of the two"
    );
}

#[test]
fn groups_with_different_names_have_nothing_to_do_with_each_other() {
    let mut story = Story::told(
        "steps:
           - {command: a, concurrency: 1, concurrency_group: g}
           - {command: b, concurrency: 1, concurrency_group: h}
           - {command: c, concurrency: 1, concurrency_group: g}",
        |_| {},
    );
    story.fake.advance(seconds(1));
    assert_eq!(story.jobs(), "running running scheduled");
}

#[test]
fn groups_of_two_organizations_are_two_groups() {
    let fake = FakeBuildkite::builder()
        .organization("acme")
        .organization("other")
        .start();
    let client = client(&fake);
    for organization in ["acme", "other"] {
        let body = serde_json::json!({
            "name": "app",
            "cluster_id": null,
            "repository": "git@github.com:acme/app.git",
            "configuration": format!("steps: [{{command: make, {G}}}]"),
        });
        let path = format!("/organizations/{organization}/pipelines");
        client.post(&path, &body.to_string()).expect(201);
        let path = format!("{path}/app/builds");
        client
            .post(&path, r#"{"commit":"HEAD","branch":"main"}"#)
            .expect(201);
    }
    fake.advance(seconds(1));
    for organization in ["acme", "other"] {
        let path = format!("/organizations/{organization}/pipelines/app/builds/1");
        let build = client.get(&path).expect(200);
        assert_eq!(build["jobs"][0]["state"].str(), "running", "{organization}");
    }
}

#[test]
fn a_job_that_waits_for_other_things_keeps_its_place_in_an_ordered_group() {
    // Given an older build whose member waits for another step
    let fake = FakeBuildkite::start();
    let older = fake
        .pipeline("older")
        .steps(format!(
            "steps: [{{command: first, key: first}}, wait, {{command: x, key: x, {G}}}]"
        ))
        .create_build();
    let newer = member(&fake, "newer", 1, "").create_build();
    // Then the newer one does not overtake it
    fake.advance(seconds(5));
    assert_eq!(states(&older), "running waiting waiting");
    assert_eq!(states(&newer), "scheduled");
    fake.run_until_idle();
    assert_eq!(newer.job("x").runnable_at(), older.job("x").finished_at());
}

#[test]
fn an_eager_job_overtakes_those_that_wait_for_other_things() {
    let fake = FakeBuildkite::start();
    let older = fake
        .pipeline("older")
        .steps(format!(
            "steps: [{{command: first, key: first}}, wait, {{command: x, key: x, {G}}}]"
        ))
        .create_build();
    let newer = member(&fake, "newer", 1, ", concurrency_method: eager").create_build();
    fake.advance(seconds(5));
    assert_eq!(states(&newer), "running");
    fake.run_until_idle();
    assert_eq!(
        older.job("x").runnable_at(),
        newer
            .job("x")
            .finished_at()
            .max(older.job("first").finished_at())
    );
}

#[test]
fn of_eager_jobs_the_most_urgent_goes_first() {
    let fake = FakeBuildkite::start();
    let eager = |name: &str, priority: i64| {
        let extra = format!(", concurrency_method: eager, priority: {priority}");
        member(&fake, name, 1, &extra).create_build()
    };
    let holder = eager("holder", 0);
    let (low, high) = (eager("low", -1), eager("high", 5));
    fake.run_until_idle();
    assert_eq!(high.job("x").runnable_at(), holder.job("x").finished_at());
    assert_eq!(low.job("x").runnable_at(), high.job("x").finished_at());
}

#[test]
fn of_ordered_jobs_the_first_goes_first_however_urgent_the_others_are() {
    let fake = FakeBuildkite::start();
    let ordered = |name: &str, priority: i64| {
        member(&fake, name, 1, &format!(", priority: {priority}")).create_build()
    };
    let holder = ordered("holder", 0);
    let (low, high) = (ordered("low", -1), ordered("high", 5));
    fake.run_until_idle();
    assert_eq!(low.job("x").runnable_at(), holder.job("x").finished_at());
    assert_eq!(high.job("x").runnable_at(), low.job("x").finished_at());
}

#[test]
fn an_opening_and_a_closing_step_keep_builds_apart() {
    // Given a gate around two steps that are in no group themselves
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(format!(
            "steps:
               - {{command: open, key: open, {G}}}
               - wait
               - {{command: a, key: a}}
               - {{command: b, key: b}}
               - wait
               - {{command: close, key: close, {G}}}"
        ))
        .create();
    app.on_job("b").takes(minutes(5));
    // When two builds arrive
    let (first, second) = (app.create_build(), app.create_build());
    fake.advance(minutes(2));
    // Then the second waits at the gate for as long as the first is behind it
    assert_eq!(
        states(&first),
        "passed passed passed running waiting waiting"
    );
    assert_eq!(
        states(&second),
        "scheduled waiting waiting waiting waiting waiting"
    );
    fake.run_until_idle();
    assert_eq!(
        second.job("open").runnable_at(),
        first.job("close").finished_at()
    );
    assert_eq!(states(&second), "passed passed passed passed passed passed");
}

#[test]
fn a_job_behind_a_block_step_is_no_member_until_somebody_unblocks_it() {
    // Given an older build whose member is behind a block step
    let fake = FakeBuildkite::start();
    let older = fake
        .pipeline("older")
        .steps(format!("steps: [{{block: Go?, key: gate}}, {{command: first, key: first}}, wait, {{command: x, key: x, {G}}}]"))
        .create_build();
    let newer = member(&fake, "newer", 1, "").create_build();
    // Then newer ones pass it
    fake.run_until_idle();
    assert_eq!(states(&newer), "passed");
    // When somebody unblocks it, then it takes its old place in front of those that come after
    older.job("gate").unblock();
    let last = fake.existing_pipeline("newer").create_build();
    fake.advance(seconds(5));
    assert_eq!(states(&last), "scheduled");
    fake.run_until_idle();
    assert_eq!(last.job("x").runnable_at(), older.job("x").finished_at());
}

#[test]
fn a_job_is_no_member_again_when_the_block_step_before_it_waits_once_more() {
    // Given a deploy that went past a block step which gave up: it keeps its place, and others wait behind it
    let fake = FakeBuildkite::start();
    let gated = fake
        .pipeline("gated")
        .steps(format!(
            "
            steps:
              - {{key: test, command: make}}
              - {{key: gate, block: Release?}}
              - {{key: report, command: make, allow_dependency_failure: true}}
              - {{key: deploy, command: make, depends_on: report, {G}}}
            "
        ))
        .create_build();
    gated.job("test").cancel();
    let other = member(&fake, "other", 1, "").create_build();
    assert_eq!(other.job("x").runnable_at(), None);
    // When a retry brings the block step back
    let retry = gated.job("test").retry();
    // Then the deploy is behind it, and the others need not wait for that
    assert_eq!(gated.job("gate").state(), JobState::Blocked);
    assert_eq!(other.job("x").runnable_at(), Some(retry.created_at()));
}

#[test]
fn a_job_that_is_canceled_frees_its_slot_when_it_has_stopped() {
    let fake = FakeBuildkite::start();
    let app = member(&fake, "app", 1, "");
    app.on_job("x").hangs();
    let (first, second) = (app.create_build(), app.create_build());
    let third = app.create_build();
    fake.advance(seconds(5));
    // One that only waits leaves the queue at once
    second.job("x").cancel();
    assert_eq!(second.job("x").state(), JobState::Canceled);
    assert_eq!(states(&third), "scheduled");
    // One that runs keeps its slot until it has stopped
    first.cancel();
    assert_eq!(states(&first), "canceling");
    assert_eq!(third.job("x").runnable_at(), None);
    fake.advance(seconds(10));
    assert_eq!(states(&first), "canceled");
    assert_eq!(third.job("x").runnable_at(), first.job("x").finished_at());
    fake.advance(seconds(1));
    assert_eq!(states(&third), "running");
}

#[test]
fn a_failed_job_frees_its_slot_and_its_retry_keeps_its_place() {
    // Given three builds in a group of one, the first of which fails once
    let fake = FakeBuildkite::start();
    let flaky = member(&fake, "flaky", 1, ", retry: {automatic: true}");
    flaky.on_job("x").exits(1).then().exits(0);
    let flaky = flaky.create_build();
    let other = member(&fake, "other", 1, "").create_build();
    fake.run_until_idle();
    // Then the retry comes before those that were queued behind it
    assert_eq!(states(&flaky), "failed+retried passed");
    assert_eq!(other.job("x").runnable_at(), flaky.job("x").finished_at());
}

#[test]
fn a_whole_matrix_shares_its_group() {
    let mut story = Story::told(
        &format!(
            "steps: [{{command: 'make {{{{matrix}}}}', matrix: [a, b, c], {}}}]",
            G.replace('1', "2")
        ),
        |_| {},
    );
    story.fake.advance(seconds(1));
    assert_eq!(story.jobs(), "running running scheduled");
    story.run();
    story.check(
        "passed passed passed",
        "scheduled running passed",
        "started 1, finished 22",
    );
}
