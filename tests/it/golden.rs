//! Golden scenarios: how builds end, and what a client sees on the way.
//!
//! A client makes the build, looks after everything that happens, and cancels, unblocks and retries. The shorthand is
//! [`Story`]'s. By default a job is picked up after one second and runs ten.

use fake_buildkite::{JobState, days, seconds};

use crate::story::Story;

#[test]
fn g1_a_build_passes() {
    let mut story = Story::of("C(0)");
    story.run();
    story.check(
        "passed",
        "scheduled running passed",
        "started 1, finished 11",
    );
}

#[test]
fn g2_the_only_failure_ends_the_build_without_failing_first() {
    let mut story = Story::of("C(1)");
    story.run();
    story.check(
        "failed",
        "scheduled running failed",
        "started 1, finished 11",
    );
}

#[test]
fn g3_a_failure_beside_a_job_that_runs_makes_the_build_failing() {
    let mut story = Story::of("C(1) C(0,slow)");
    story.run();
    story.check(
        "failed passed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 61",
    );
}

#[test]
fn g4_nothing_runs_after_a_wait_behind_a_failure() {
    let mut story = Story::of("C(1) W C(0)");
    story.run();
    story.check(
        "failed waiting_failed waiting_failed",
        "scheduled running failed",
        "started 1, finished 11",
    );
}

#[test]
fn g5_a_wait_that_continues_on_failure_lets_its_section_run_and_no_later_one() {
    let mut story = Story::of("C(1) Wc C(0) W C(0)");
    story.run();
    story.check(
        "failed passed passed waiting_failed waiting_failed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 22",
    );
}

#[test]
fn g6_nothing_after_a_failed_wait_continues() {
    let mut story = Story::of("C(1) W C(0) Wc C(0)");
    story.run();
    story.check(
        "failed waiting_failed waiting_failed waiting_failed waiting_failed",
        "scheduled running failed",
        "started 1, finished 11",
    );
}

#[test]
fn g7_waits_that_continue_on_failure_follow_each_other() {
    let mut story = Story::of("C(1) Wc C(0) C(0) Wc C(0)");
    story.run();
    story.check(
        "failed passed passed passed passed passed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 33",
    );
}

#[test]
fn g8_nothing_continues_after_a_canceled_job() {
    // Given a job that runs
    let mut story = Story::of("C(hangs) Wc C(0)");
    story.run();
    // When somebody cancels it
    story.build.job("s1").cancel();
    assert_eq!(story.jobs(), "canceling waiting waiting");
    // Then even a wait that continues on failure stops
    story.run();
    story.check(
        "canceled waiting_failed waiting_failed",
        "scheduled running failed",
        "started 1, finished 11",
    );
}

#[test]
fn g9_a_soft_failure_stops_nothing() {
    let mut story = Story::of("C(1,soft) W C(0)");
    story.run();
    story.check(
        "failed+soft passed passed",
        "scheduled running passed",
        "started 1, finished 22",
    );
}

#[test]
fn g10_a_block_step_stops_the_build_until_a_person_acts() {
    let mut story = Story::of("C(0) B C(0)");
    story.run();
    story.check(
        "passed blocked waiting",
        "scheduled running blocked:passed",
        "started 1, finished 11",
    );
    assert_eq!(story.look()["blocked_state"].str(), "");
    let last = story.fake.events().last().expect("an event").to_string();
    assert_eq!(last, "2030-01-01T00:00:11.000Z app#1 running -> blocked");
}

#[test]
fn g11_an_unblocked_build_goes_on() {
    // Given a blocked build
    let mut story = Story::of("C(0) B C(0)");
    story.run();
    // When a person unblocks it a minute later
    story.fake.advance(seconds(60));
    story.put_job("s2", "unblock").expect(200);
    assert_eq!(story.instants(), "started 1");
    // Then the rest runs
    story.run();
    story.check(
        "passed unblocked passed",
        "scheduled running blocked:passed running passed",
        "started 1, finished 82",
    );
}

#[test]
fn g12_a_block_step_behind_a_failure_is_given_up() {
    let mut story = Story::of("C(1) B");
    story.run();
    story.check(
        "failed blocked_failed",
        "scheduled running failed",
        "started 1, finished 11",
    );
    assert!(!story.job("s2")["unblockable"].bool());
}

#[test]
fn g13_a_build_that_was_unblocked_early_is_never_blocked() {
    // Given a block step whose predecessor runs
    let mut story = Story::of("C(0,slow) B C(0)");
    story.fake.advance(seconds(5));
    // When a person unblocks it early
    story.put_job("s2", "unblock").expect(200);
    assert_eq!(story.jobs(), "running unblocked waiting");
    // Then the build never stops there
    story.run();
    story.check(
        "passed unblocked passed",
        "scheduled running passed",
        "started 1, finished 72",
    );
    let events = story.fake.events().to_string();
    assert!(!events.contains("running -> blocked"), "{events}");
}

#[test]
fn g14_an_early_unblock_is_lost_when_something_before_it_fails() {
    let mut story = Story::of("C(1,slow) B C(0)");
    story.fake.advance(seconds(5));
    story.put_job("s2", "unblock").expect(200);
    story.run();
    story.check(
        "failed unblocked_failed waiting_failed",
        "scheduled running failed",
        "started 1, finished 61",
    );
}

#[test]
fn g15_an_open_input_step_blocks_the_build() {
    let mut story = Story::of("C(0) I");
    story.run();
    story.check(
        "passed blocked",
        "scheduled running blocked:passed",
        "started 1, finished 11",
    );
}

#[test]
fn g16_an_open_input_step_is_given_up_when_the_build_fails() {
    let mut story = Story::of("C(1) I");
    story.run();
    story.check(
        "failed blocked_failed",
        "scheduled running failed",
        "started 1, finished 11",
    );
}

#[test]
fn g22_a_retry_opens_a_failed_build_again() {
    // Given a build that was failing before it failed
    let mut story = Story::of("C(1) C(0,slow) W C(0)");
    story.app.on_job("s1").exits(1).then().exits(0);
    story.run();
    story.check(
        "failed passed waiting_failed waiting_failed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 61",
    );
    // When somebody retries what failed a minute later
    story.fake.advance(seconds(60));
    story.put_job("s1", "retry").expect(200);
    assert_eq!(
        story.jobs(),
        "failed+retried scheduled passed waiting waiting"
    );
    // Then everything after it runs, and only `failing_at` remembers
    story.run();
    story.check(
        "failed+retried passed passed passed passed",
        "scheduled running failing failed running passed",
        "started 121, failing 11, finished 143",
    );
}

#[test]
fn g22_a_build_that_was_never_failing_does_not_become_so_by_a_retry() {
    let mut story = Story::of("C(1) W C(0)");
    story.app.on_job("s1").exits(1).then().exits(0);
    story.run();
    story.put_job("s1", "retry").expect(200);
    story.run();
    story.check(
        "failed+retried passed passed passed",
        "scheduled running failed running passed",
        "started 11, finished 33",
    );
}

#[test]
fn g25_canceling_a_build_waits_for_its_running_jobs() {
    let mut story = Story::of("C(0,slow) W C(0)");
    story.fake.advance(seconds(5));
    story.look();
    let canceled = story.put("cancel").expect(200);
    assert_eq!(canceled["state"].str(), "canceling");
    assert!(canceled["finished_at"].is_null());
    assert_eq!(story.jobs(), "canceling canceled canceled");
    story.run();
    story.check(
        "canceled canceled canceled",
        "scheduled running canceling canceled",
        "started 1, finished 15",
    );
    let job = story.job("s1");
    assert_eq!(job["exit_status"].number(), -1);
    assert_eq!(job["signal_reason"].str(), "cancel");
}

#[test]
fn g26_a_scheduled_build_is_canceled_at_once() {
    let mut story = Story::of("C(0) W C(0)");
    let canceled = story.put("cancel").expect(200);
    assert_eq!(canceled["state"].str(), "canceled");
    story.run();
    story.check(
        "canceled canceled canceled",
        "scheduled canceled",
        "finished 0",
    );
}

#[test]
fn g28_a_command_that_takes_too_long_is_stopped_and_timed_out() {
    // Given a command that may take a minute and never ends
    let mut story = Story::of("C(hangs,limit)");
    story.fake.advance(seconds(1));
    story.look();
    // When the minute is over
    story.fake.advance(seconds(60));
    // Then its agent has ten seconds to stop it
    assert_eq!(story.jobs(), "timing_out");
    story.run();
    story.check(
        "timed_out",
        "scheduled running failed",
        "started 1, finished 71",
    );
    let job = story.job("s1");
    assert_eq!(job["exit_status"].number(), -1);
    assert_eq!(job["signal_reason"].str(), "cancel");
}

#[test]
fn g29_a_job_that_nobody_picks_up_expires_after_thirty_days() {
    let mut story = Story::without_agents("C(0)");
    story.fake.advance(days(30).saturating_sub(seconds(1)));
    assert_eq!(story.jobs(), "scheduled");
    story.fake.advance(seconds(1));
    story.check("expired", "scheduled failed", "finished 2592000");
    let job = story.job("s1");
    assert_eq!(job["expired_at"], job["finished_at"]);
    assert!(job["exit_status"].is_null());
    assert_eq!(story.build.job("s1").state(), JobState::Expired);
}
