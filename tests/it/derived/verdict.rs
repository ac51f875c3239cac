//! Section 7: what the jobs of a build amount to. The first rule that fits wins.

use fake_buildkite::{Agents, days, seconds};

use crate::derived::by_key;
use crate::story::{Story, usual};

#[test]
fn rule_7_1_nothing_happens_any_more_in_a_build_that_was_canceled_or_skipped() {
    let fake = usual().agents(Agents::none()).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make}, wait, {command: make}, {input: Who?}]")
        .skip_intermediate_builds()
        .create();
    let mut story = Story::of_first_build(fake, app);
    story.client.create_build("app");
    story
        .client
        .put("/organizations/acme/pipelines/app/builds/2/cancel")
        .expect(200);
    // Not even what would have expired does
    assert!(story.fake.advance(days(31)).is_empty());
    story.check(&["skipped"; 4].join(" "), "scheduled skipped", "finished 0");
    assert_eq!(story.client.build("app", 2)["state"].str(), "canceled");
}

#[test]
fn rule_7_2_a_job_that_is_timing_out_holds_up_the_cancellation_and_keeps_its_reason() {
    let mut story = Story::of("C(hangs,limit)");
    story.fake.advance(seconds(1));
    story.look();
    story.fake.advance(seconds(64));
    assert_eq!(story.jobs(), "timing_out");
    // When the build is canceled while the job is being stopped for its time
    story.put("cancel").expect(200);
    assert_eq!(story.jobs(), "timing_out");
    story.run();
    // Then it ends as it would have, and the build is canceled then
    story.check(
        "timed_out",
        "scheduled running canceling canceled",
        "started 1, finished 71",
    );
}

#[test]
fn rule_7_2_a_failing_build_that_is_canceled_does_not_fail() {
    let mut story = Story::of("C(1) C(hangs)");
    story.run();
    story.fake.advance(seconds(4));
    story.put("cancel").expect(200);
    story.run();
    story.check(
        "failed canceled",
        "scheduled running failing canceling canceled",
        "started 1, failing 11, finished 25",
    );
}

#[test]
fn rule_7_2_a_canceled_build_is_canceled_however_its_last_job_ends() {
    let ends: [fn(&Story); 4] = [
        |story| story.build.job("s1").finish(0),
        |story| story.build.job("s1").finish(1),
        |story| story.build.job("s1").lose_agent(),
        |story| {
            story.fake.advance(seconds(3));
        },
    ];
    for (n, end) in ends.into_iter().enumerate() {
        let mut story = Story::of("C(hangs)");
        story.run();
        story.put("cancel").expect(200);
        story.fake.advance(seconds(7));
        assert_eq!(story.look()["state"].str(), "canceling");
        end(&story);
        let finished = if n == 3 { 11 } else { 8 };
        story.check(
            "canceled",
            "scheduled running canceling canceled",
            &format!("started 1, finished {finished}"),
        );
    }
}

#[test]
fn rule_7_3_a_job_that_waits_for_a_person_is_no_work() {
    let mut story = by_key(
        "{command: make}, {input: Who?, key: who}, {command: make, depends_on: who}, {wait: ~, depends_on: who}",
    );
    story.run();
    story.check(
        "passed blocked waiting waiting",
        "scheduled running blocked:passed",
        "started 1, finished 11",
    );
}

#[test]
fn rule_7_3_a_step_that_was_unblocked_before_its_turn_is_work() {
    // Given two block steps, one behind the other
    let mut story = Story::of("B B C(0)");
    story.look();
    // When the second is unblocked first, then the build runs, although nothing can happen without a person
    story.put_job("s2", "unblock").expect(200);
    story.check(
        "blocked unblocked waiting",
        "blocked:passed running",
        "started 0",
    );
    // When the first is unblocked too, then nothing holds it up any more
    story.fake.advance(seconds(5));
    story.put_job("s1", "unblock").expect(200);
    assert_eq!(story.jobs(), "unblocked unblocked scheduled");
    story.run();
    story.check(
        "unblocked unblocked passed",
        "blocked:passed running passed",
        "started 0, finished 16",
    );
}

#[test]
fn rule_7_4a_a_build_in_which_nothing_started_stays_scheduled_whatever_failed() {
    type End = fn(&Story);
    let ends: [(End, &str); 2] = [
        (|story| story.build.job("s1").expire(), "expired"),
        (|story| story.build.job("s1").cancel(), "canceled"),
    ];
    for (end, word) in ends {
        // Given a build whose first job ended before it started
        let mut story = Story::without_agents("C(0) C(0)");
        end(&story);
        story.check(&format!("{word} scheduled"), "scheduled", "");
        // When the second one starts a minute later, then the build runs and is failing at once (rule 7.4b)
        story.fake.advance(seconds(60));
        story.build.job("s2").start();
        story.check(
            &format!("{word} running"),
            "scheduled failing",
            "started 60, failing 60",
        );
        let events = story.fake.events().to_string();
        let last: Vec<_> = events.lines().rev().take(2).collect();
        assert_eq!(
            last,
            [
                "2030-01-01T00:01:00.000Z app#1 running -> failing",
                "2030-01-01T00:01:00.000Z app#1 scheduled -> running",
            ]
        );
    }
}

#[test]
fn rule_7_5_a_job_that_expired_outweighs_an_open_step() {
    let mut story = Story::without_agents("C(0) I");
    story.look();
    story.build.job("s1").expire();
    story.check("expired blocked_failed", "scheduled failed", "finished 0");
}

#[test]
fn rule_7_6_a_soft_failure_does_not_outweigh_an_open_step() {
    let mut story = Story::of("C(1,soft) C(hangs,soft) C(hangs,soft,limit) I");
    story.fake.advance(seconds(5));
    story.build.job("s2").cancel();
    story.run();
    story.check(
        "failed+soft canceled+soft timed_out+soft blocked",
        "scheduled running blocked:passed",
        "started 1, finished 71",
    );
}

#[test]
fn rule_7_7_a_build_without_jobs_does_not_run() {
    let mut story = by_key("");
    story.check("", "not_run", "finished 0");
    let build = story.look();
    assert!(build["started_at"].is_null());
    assert_eq!(build["job_state_counts"]["total"].number(), 0);
    assert_eq!(
        story.put("cancel").message(422),
        "Build can't be canceled because it's already finished."
    );
}

#[test]
fn rule_7_8_what_was_excluded_or_skipped_is_harmless_beside_what_passed() {
    let fake = usual().start();
    fake.pipeline("lib").skip_intermediate_builds().create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib}, {command: make}, {command: make, skip: true}]")
        .create();
    let mut story = Story::of_first_build(fake, app);
    story.client.create_build("lib");
    story.run();
    story.check(
        "skipped passed broken",
        "running passed",
        "started 0, finished 11",
    );
}

/// A build in which one job fails, one hangs, and some ask to be canceled then.
fn with_steps_that_do_not_go_on(soft_fail: bool) -> Story {
    let cancel = "cancel_on_build_failing: true";
    let mut story = by_key(&format!(
        "{{command: make, key: bad, soft_fail: {soft_fail}}}, {{command: make, key: hung}},
         {{command: make, key: idle, {cancel}, concurrency: 1, concurrency_group: g}},
         {{command: make, key: limited, {cancel}, concurrency: 1, concurrency_group: g}},
         {{command: make, key: hung2, {cancel}}}, {{command: make, key: idle2}}"
    ));
    story.run();
    story
}

#[test]
fn rule_7_a_build_that_becomes_failing_cancels_the_steps_that_asked_for_it_wherever_they_are() {
    let mut story = with_steps_that_do_not_go_on(false);
    assert_eq!(
        story.jobs(),
        "failed running canceled canceled canceled scheduled"
    );
    let finished = |story: &mut Story, key: &str| story.job(key)["finished_at"].str().to_owned();
    assert_eq!(finished(&mut story, "idle"), "2030-01-01T00:00:11.000Z");
    assert_eq!(finished(&mut story, "limited"), "2030-01-01T00:00:11.000Z");
    assert_eq!(finished(&mut story, "hung2"), "2030-01-01T00:00:21.000Z");
    // And the build fails, and is not canceled
    story.build.job("hung").pass();
    story.build.job("idle2").pass();
    story.check(
        "failed passed canceled canceled canceled passed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 21",
    );
}

#[test]
fn rule_7_a_soft_failure_cancels_none_of_the_steps_that_asked_for_it() {
    let mut story = with_steps_that_do_not_go_on(true);
    assert_eq!(
        story.jobs(),
        "failed+soft running scheduled scheduled running scheduled"
    );
    assert_eq!(story.seen(), "scheduled running");
}

#[test]
fn rule_7_a_step_that_was_let_on_after_a_failure_leaves_the_build_failing() {
    // Given every way to go on after a failure
    for after in [
        "{wait: ~, continue_on_failure: true}, {command: make, key: slow}",
        "{command: make, key: slow, depends_on: [{step: bad, allow_failure: true}]}",
        "{command: make, key: slow, depends_on: bad, allow_dependency_failure: true}",
    ] {
        let mut story = by_key(&format!("{{command: make, key: bad}}, {after}"));
        story.run();
        // Then what goes on passes, and the build fails all the same
        assert_eq!(story.job("slow")["state"].str(), "passed", "{after}");
        assert_eq!(story.seen(), "scheduled running failing failed", "{after}");
        assert_eq!(
            story.instants(),
            "started 1, failing 11, finished 72",
            "{after}"
        );
    }
}
