//! Builds, along every edge of their diagram: a client looks on, cancels, unblocks and retries.

use fake_buildkite::{Agents, days, seconds};

use crate::story::{Story, usual};

/// A pipeline `lib` that other builds trigger, and the first build of `app`.
fn triggering(steps: &str) -> Story {
    let fake = usual().start();
    fake.pipeline("lib").skip_intermediate_builds().create();
    let app = fake.pipeline("app").steps(steps).create();
    Story::of_first_build(fake, app)
}

#[test]
fn b1_a_build_is_created() {
    // B1 has no state to begin in, and so no row of its own.
    let story = Story::of("C(0)");
    story.put("rebuild").expect(200);
    let events = story.fake.events().to_string();
    for number in [1, 2] {
        let created = format!("2030-01-01T00:00:00.000Z app#{number} created as creating\n");
        assert!(events.contains(&created), "{events}");
    }
    let build = story.client.build("app", 2);
    assert_eq!(build["created_at"].str(), "2030-01-01T00:00:00.000Z");
    assert_eq!(build["scheduled_at"], build["created_at"]);
}

pub(super) fn b2_a_build_is_scheduled_once_its_steps_are_jobs() -> Story {
    let mut story = Story::of("C(0)");
    story.check("scheduled", "scheduled", "");
    story
}

pub(super) fn b3_a_build_of_excluded_steps_alone_does_not_run() -> Story {
    let mut story = Story::told(
        "steps: [{command: make, skip: true}, {command: make, branches: release}]",
        |_| {},
    );
    story.check("broken broken", "not_run", "finished 0");
    story
}

pub(super) fn b3_a_build_whose_only_triggered_build_was_skipped_did_not_run() -> Story {
    let mut story = triggering("steps: [{trigger: lib, key: go}]");
    // When a newer build takes the place of the one it triggered
    story.client.create_build("lib");
    story.check("skipped", "running not_run", "started 0, finished 0");
    story
}

pub(super) fn b4_a_newer_build_skips_one_that_has_not_started() -> Story {
    let fake = usual().agents(Agents::none()).start();
    let app = fake.pipeline("app").skip_intermediate_builds().create();
    let mut story = Story::of_first_build(fake, app);
    story.fake.advance(seconds(4));
    story.client.create_build("app");
    story.check("skipped", "scheduled skipped", "finished 4");
    story
}

pub(super) fn b5_a_build_runs_with_its_first_command() -> Story {
    let mut story = Story::of("C(0) C(0)");
    story.fake.advance(seconds(1));
    story.check("running running", "scheduled running", "started 1");
    story
}

pub(super) fn b5_a_build_runs_with_its_first_trigger_step() -> Story {
    let mut story = triggering("steps: [{trigger: lib}, {command: make}]");
    // Nobody has to pick it up: it runs when the client hears of it.
    story.check("running scheduled", "running", "started 0");
    story
}

pub(super) fn b6_a_build_that_begins_with_a_block_step_is_blocked() -> Story {
    let mut story = Story::of("B C(0)");
    story.check("blocked waiting", "blocked:passed", "finished 0");
    story
}

pub(super) fn b7_a_build_that_has_not_started_is_canceled_at_once() -> Story {
    let mut story = Story::without_agents("C(0) C(0)");
    story.fake.advance(seconds(7));
    story.put("cancel").expect(200);
    story.check("canceled canceled", "scheduled canceled", "finished 7");
    story
}

pub(super) fn b8_a_build_passes_with_its_last_job() -> Story {
    let mut story = Story::of("C(0) C(0,slow)");
    story.run();
    story.check(
        "passed passed",
        "scheduled running passed",
        "started 1, finished 61",
    );
    story
}

pub(super) fn b8_a_build_of_wait_steps_passes_without_having_run() -> Story {
    let mut story = Story::of("W W");
    story.check("passed passed", "passed", "finished 0");
    story
}

pub(super) fn b9_a_build_fails_with_its_last_job() -> Story {
    let mut story = Story::of("C(0) C(1,slow)");
    story.run();
    story.check(
        "passed failed",
        "scheduled running failed",
        "started 1, finished 61",
    );
    story
}

pub(super) fn b9_a_build_whose_only_job_expires_fails_without_having_run() -> Story {
    let mut story = Story::without_agents("C(0)");
    story.fake.advance(days(30));
    story.check("expired", "scheduled failed", "finished 2592000");
    story
}

/// A build that is failing, ten seconds after its first job started.
fn failing() -> Story {
    let mut story = Story::of("C(1) C(0,slow)");
    story.fake.advance(seconds(1));
    story.look();
    story.fake.advance(seconds(10));
    story.check(
        "failed running",
        "scheduled running failing",
        "started 1, failing 11",
    );
    story
}

pub(super) fn b10_a_build_with_a_failure_and_more_to_do_is_failing() -> Story {
    failing()
}

pub(super) fn b11_a_failing_build_runs_when_what_failed_is_retried() -> Story {
    let mut story = failing();
    story.put_job("s1", "retry").expect(200);
    story.check(
        "failed+retried scheduled running",
        "scheduled running failing running",
        "started 1, failing 11",
    );
    story
}

pub(super) fn b12_a_failing_build_fails_when_nothing_is_left_to_do() -> Story {
    let mut story = failing();
    story.run();
    story.check(
        "failed passed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 61",
    );
    story
}

/// A build that waits for a person, since its first job has passed.
fn blocked() -> Story {
    let mut story = Story::of("C(0) B C(0)");
    story.run();
    story.check(
        "passed blocked waiting",
        "scheduled running blocked:passed",
        "started 1, finished 11",
    );
    story
}

pub(super) fn b13_a_build_that_needs_a_person_is_blocked() -> Story {
    blocked()
}

pub(super) fn b14_a_blocked_build_runs_when_a_person_unblocks_it() -> Story {
    let mut story = blocked();
    story.put_job("s2", "unblock").expect(200);
    story.check(
        "passed unblocked scheduled",
        "scheduled running blocked:passed running",
        "started 1",
    );
    story
}

pub(super) fn b15_a_blocked_build_is_canceled_at_once() -> Story {
    let mut story = blocked();
    story.fake.advance(seconds(3));
    story.put("cancel").expect(200);
    story.check(
        "passed canceled canceled",
        "scheduled running blocked:passed canceled",
        "started 1, finished 14",
    );
    story
}

pub(super) fn a_blocked_build_fails_when_what_waits_in_it_is_canceled() -> Story {
    let mut story = blocked();
    story.fake.advance(seconds(3));
    story.build.job("s3").cancel();
    story.check(
        "passed blocked_failed canceled",
        "scheduled running blocked:passed failed",
        "started 1, finished 14",
    );
    story
}

pub(super) fn b16_a_running_build_is_canceling_while_an_agent_stops() -> Story {
    let mut story = Story::of("C(0,slow) C(0,slow)");
    story.fake.advance(seconds(2));
    story.look();
    story.put("cancel").expect(200);
    story.check(
        "canceling canceling",
        "scheduled running canceling",
        "started 1",
    );
    story
}

pub(super) fn b16_a_failing_build_is_canceling_while_an_agent_stops() -> Story {
    let mut story = failing();
    story.put("cancel").expect(200);
    story.check(
        "failed canceling",
        "scheduled running failing canceling",
        "started 1, failing 11",
    );
    story
}

pub(super) fn b16_a_running_build_without_a_job_on_an_agent_is_canceled_at_once() -> Story {
    // Given a build between its first job and its second
    let mut story = Story::of("C(0) W C(0)");
    story.fake.advance(seconds(1));
    story.look();
    story.fake.advance(seconds(10));
    assert_eq!(story.jobs(), "passed passed scheduled");
    story.put("cancel").expect(200);
    story.check(
        "passed passed canceled",
        "scheduled running canceled",
        "started 1, finished 11",
    );
    story
}

pub(super) fn b16_a_failing_build_without_a_job_on_an_agent_is_canceled_at_once() -> Story {
    let mut story = Story::of("C(1) C(0)");
    story.app.on_job("s2").never_picked_up();
    story.run();
    assert_eq!(story.jobs(), "failed scheduled");
    story.put("cancel").expect(200);
    story.check(
        "failed canceled",
        "scheduled running failing canceled",
        "started 1, failing 11, finished 11",
    );
    story
}

pub(super) fn b17_a_canceling_build_is_canceled_with_the_last_report() -> Story {
    // Given two jobs that are stopping, one of them faster
    let mut story = b16_a_running_build_is_canceling_while_an_agent_stops();
    story.fake.advance(seconds(4));
    story.build.job("s1").finish(143);
    assert_eq!(story.look()["state"].str(), "canceling");
    story.run();
    story.check(
        "canceled canceled",
        "scheduled running canceling canceled",
        "started 1, finished 12",
    );
    story
}

pub(super) fn b18_a_passed_build_runs_when_a_job_is_retried() -> Story {
    let mut story = Story::told(
        "steps: [{command: make, key: make, retry: {manual: {permit_on_passed: true}}}]",
        |_| {},
    );
    story.run();
    story.fake.advance(seconds(9));
    story.put_job("make", "retry").expect(200);
    story.check(
        "passed+retried scheduled",
        "scheduled running passed running",
        "started 20",
    );
    story
}

pub(super) fn b19_a_failed_build_runs_when_a_job_is_retried() -> Story {
    let mut story = Story::of("C(1) W C(0)");
    story.run();
    story.fake.advance(seconds(9));
    story.put_job("s1", "retry").expect(200);
    story.check(
        "failed+retried scheduled waiting waiting",
        "scheduled running failed running",
        "started 20",
    );
    story
}
