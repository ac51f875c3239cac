//! Sections 6.3 to 6.8: wait and block steps, groups, and what is forgiven.

use fake_buildkite::seconds;

use crate::derived::{beside_lib, by_key, runnable};
use crate::story::Story;

#[test]
fn rule_6_3_a_barrier_that_is_excluded_is_none() {
    for barrier in [
        "{wait: ~, if: build.branch != 'main'}",
        "{wait: ~, branches: other}",
        "{block: Go?, branches: other}",
        "{block: Go?, if: build.branch != 'main'}",
    ] {
        let mut story = by_key(&format!(
            "{{command: make, key: hung}}, {barrier}, {{command: make, key: after}}"
        ));
        assert_eq!(story.jobs(), "scheduled broken scheduled", "{barrier}");
        assert_eq!(runnable(&mut story, "after"), Some(0), "{barrier}");
    }
}

#[test]
fn rule_6_3_1_a_step_depends_on_the_nearest_barrier_and_not_on_those_before_it() {
    // Given a block step that nobody unblocks, and a wait step behind it that does not wait for it
    let mut story = by_key(
        "{block: Go?, key: gate}, {command: make, key: fast, depends_on: []}, {wait: ~, depends_on: fast},
         {command: make, key: after}",
    );
    story.run();
    assert_eq!(runnable(&mut story, "after"), Some(11));
    story.check(
        "blocked passed passed passed",
        "scheduled running blocked:passed",
        "started 1, finished 22",
    );
}

#[test]
fn rule_6_3_3_a_block_step_waits_for_everything_before_it_also_for_what_waits_for_nothing() {
    let mut story = by_key(
        "{command: make, key: fast}, wait, {command: make, key: slow, depends_on: []}, {block: Go?, key: gate},
         {command: make, key: after}",
    );
    story.put_job("gate", "unblock").expect(200);
    story.fake.advance(seconds(30));
    assert_eq!(story.jobs(), "passed passed running unblocked waiting");
    story.run();
    assert_eq!(runnable(&mut story, "after"), Some(61));
    assert_eq!(story.seen(), "scheduled running passed");
}

#[test]
fn rule_6_3_3_a_wait_step_waits_for_a_synchronous_trigger_step_and_not_for_an_asynchronous_one() {
    for (is_async, expected) in [(false, 61), (true, 0)] {
        let mut story = beside_lib(
            "{command: make, key: slow}",
            &format!("{{trigger: lib, async: {is_async}}}, wait, {{command: make, key: after}}"),
        );
        story.run();
        assert_eq!(
            runnable(&mut story, "after"),
            Some(expected),
            "async {is_async}"
        );
        assert_eq!(story.jobs(), "passed passed passed");
    }
}

#[test]
fn rule_6_3_3_a_wait_step_waits_for_a_block_step_before_it() {
    let mut story = by_key(
        "{block: Go?, key: gate}, {command: make, key: free, depends_on: []}, wait, {command: make, key: after}",
    );
    story.run();
    story.check(
        "blocked passed waiting waiting",
        "scheduled running blocked:passed",
        "started 1, finished 11",
    );
    story.put_job("gate", "unblock").expect(200);
    assert_eq!(story.jobs(), "unblocked passed passed scheduled");
}

#[test]
fn rule_6_3_4_an_input_step_in_a_group_holds_no_wait_step_up() {
    let mut story = by_key(
        "{group: G, steps: [{input: Who?, key: who}, {command: make}]}, wait, {command: make, key: after}",
    );
    story.run();
    assert_eq!(runnable(&mut story, "after"), Some(11));
    story.check(
        "blocked passed passed passed",
        "scheduled running blocked:passed",
        "started 1, finished 22",
    );
}

#[test]
fn rule_6_4_1_nothing_continues_behind_a_wait_step_that_gave_up() {
    let mut story = Story::of("C(hangs) Wc C(0) Wc C(0)");
    story.fake.advance(seconds(5));
    story.build.job("s1").cancel();
    story.run();
    story.check(
        "canceled waiting_failed waiting_failed waiting_failed waiting_failed",
        "scheduled running failed",
        "started 1, finished 15",
    );
}

#[test]
fn rule_6_4_1_a_wait_step_that_gave_up_outweighs_that_a_later_one_continues() {
    // Given a wait step that gives up, and one after it that overlooks failures
    let mut story = by_key(
        "{command: make, key: bad}, wait, {command: make, key: free, depends_on: []},
         {wait: ~, continue_on_failure: true}, {command: make, key: last}",
    );
    story.run();
    // Then that one gives up as well: the first is no failure it may overlook
    story.check(
        "failed waiting_failed passed waiting_failed waiting_failed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 11",
    );
}

#[test]
fn rule_6_4_2_a_cancellation_outweighs_failures_that_may_be_overlooked() {
    let end = |cancels: bool| {
        let mut story = Story::of("C(1) C(hangs) Wc C(0)");
        story.fake.advance(seconds(20));
        assert_eq!(story.jobs(), "failed running waiting waiting");
        if cancels {
            story.build.job("s2").cancel();
        } else {
            story.build.job("s2").finish(1);
        }
        story.run();
        story.jobs()
    };
    assert_eq!(end(false), "failed failed passed passed");
    assert_eq!(end(true), "failed canceled waiting_failed waiting_failed");
}

#[test]
fn rule_6_4_3_a_step_that_gave_up_is_a_failure_that_a_wait_step_may_overlook() {
    let end = |wait: &str| {
        let mut story = by_key(&format!(
            "{{command: make, key: bad}}, {{command: make, depends_on: bad}}, {wait}, {{command: make}}"
        ));
        story.run();
        story.jobs()
    };
    assert_eq!(
        end("{wait: ~, continue_on_failure: true}"),
        "failed waiting_failed passed passed"
    );
    assert_eq!(
        end("wait"),
        "failed waiting_failed waiting_failed waiting_failed"
    );
}

#[test]
fn rule_6_5_no_step_blocks_after_a_failure_that_a_wait_step_overlooked() {
    let mut story = Story::of("C(1) Wc C(0) B C(0)");
    story.run();
    story.check(
        "failed passed passed blocked_failed waiting_failed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 22",
    );
}

#[test]
fn rule_6_5_a_wait_step_beside_a_block_step_that_is_excluded_stays() {
    let mut story = by_key(
        "{command: make, key: bad}, {wait: ~, continue_on_failure: true}, {block: Go?, branches: other},
         {command: make, key: after}",
    );
    story.run();
    assert_eq!(story.jobs(), "failed passed broken passed");
    assert_eq!(runnable(&mut story, "after"), Some(11));
}

#[test]
fn rule_6_6_what_a_group_depends_on_replaces_the_barrier_before_it() {
    let mut story = by_key(
        "{command: make, key: fast}, {command: make, key: slow}, wait,
         {group: Named, depends_on: fast, steps: [{command: make, key: named}]},
         {group: Plain, steps: [{command: make, key: plain}]}",
    );
    story.run();
    assert_eq!(runnable(&mut story, "named"), Some(11));
    assert_eq!(runnable(&mut story, "plain"), Some(61));
}

#[test]
fn rule_6_6_groups_behind_a_block_step_go_on_together() {
    let mut story = by_key(
        "{block: Go?, key: gate}, {group: A, steps: [{command: make, key: a}, wait, {command: make, key: b}]},
         {group: B, steps: [{command: make, key: c}]}",
    );
    assert_eq!(story.jobs(), "blocked waiting waiting waiting waiting");
    story.fake.advance(seconds(7));
    story.put_job("gate", "unblock").expect(200);
    story.run();
    let at = ["a", "b", "c"].map(|key| runnable(&mut story, key));
    assert_eq!(at, [Some(7), Some(18), Some(7)]);
}

#[test]
fn rule_6_6_a_group_without_steps_or_in_a_group_is_refused() {
    for (steps, why) in [
        (
            "{group: G, steps: []}",
            "The `steps` property is required for a group",
        ),
        ("{group: G}", "The `steps` property is required for a group"),
        (
            "{group: G, steps: [{group: H, steps: [{command: make}]}]}",
            "a group can't contain another group",
        ),
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
        assert_eq!(error["field"].str(), "configuration", "{steps}");
        assert!(error["code"].str().contains(why), "{steps}: {error:?}");
        assert_eq!(story.client.get(&format!("{path}/other")).status, 404);
    }
}

#[test]
fn rule_6_8_each_attempt_is_forgiven_by_its_own_status() {
    let mut story = Story::told(
        "steps: [{command: make, key: x, soft_fail: [{exit_status: 2}]}]",
        |app| {
            app.on_job("x").exits(1).then().exits(2);
        },
    );
    story.run();
    story.put_job("x", "retry").expect(200);
    story.run();
    story.check(
        "failed+retried failed+soft",
        "scheduled running failed running passed",
        "started 11, finished 22",
    );
}
