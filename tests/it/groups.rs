//! Group steps: one thing from outside, a scope of its own inside.

use fake_buildkite::{BuildState, FakeBuildkite, seconds};

use crate::story::{Story, states};
use crate::support::client;

fn story(yaml: &str) -> Story {
    Story::told(yaml, |app| {
        if yaml.contains("key: bad") {
            app.on_job("bad").exits(1);
        }
        if yaml.contains("key: slow") {
            app.on_job("slow").takes(seconds(60));
        }
    })
}

#[test]
fn groups_after_each_other_run_at_the_same_time() {
    let mut story = story(
        "steps:
           - {group: One, steps: [{command: a}]}
           - {group: Two, steps: [{command: b}, {command: c}]}
           - {command: d}",
    );
    story.fake.advance(seconds(1));
    assert_eq!(story.jobs(), "running running running running");
}

#[test]
fn a_wait_inside_a_group_holds_back_that_group_alone() {
    let mut story = story(
        "steps:
           - {command: outside, key: slow}
           - group: One
             steps: [{command: a}, wait, {command: b}]
           - {command: c}",
    );
    story.fake.advance(seconds(1));
    assert_eq!(story.jobs(), "running running waiting waiting running");
    // It waits neither for what is before the group nor does what follows wait for it
    story.fake.advance(seconds(11));
    assert_eq!(story.jobs(), "running passed passed running passed");
}

#[test]
fn a_wait_outside_waits_for_the_whole_group() {
    let mut story = story(
        "steps:
           - {group: One, steps: [{command: a}, {command: b, key: slow}]}
           - wait
           - {group: Two, steps: [{command: c}, {command: d}]}",
    );
    story.fake.advance(seconds(30));
    assert_eq!(story.jobs(), "passed running waiting waiting waiting");
    story.fake.advance(seconds(32));
    assert_eq!(story.jobs(), "passed passed passed running running");
}

#[test]
fn a_block_inside_a_group_stops_that_group_alone() {
    let mut story = story(
        "steps:
           - group: One
             steps: [{block: Ship?, key: gate}, {command: a}]
           - {group: Two, steps: [{command: b}]}
           - {command: c}",
    );
    story.run();
    assert_eq!(story.jobs(), "blocked waiting passed passed");
    assert!(story.build.is_blocked());
    story.build.job("gate").unblock();
    story.run();
    assert_eq!(story.jobs(), "unblocked passed passed passed");
}

#[test]
fn to_depend_on_a_group_is_to_depend_on_all_of_its_steps() {
    let mut story = story(
        "steps:
           - {group: One, key: one, steps: [{command: a}, {command: b, key: slow}]}
           - {command: c, depends_on: one}",
    );
    story.fake.advance(seconds(30));
    assert_eq!(story.jobs(), "passed running waiting");
    story.run();
    assert_eq!(story.jobs(), "passed passed passed");
}

#[test]
fn a_failure_in_a_group_stops_those_that_depend_on_the_group() {
    let mut story = story(
        "steps:
           - {group: One, key: one, steps: [{command: a}, {command: b, key: bad}]}
           - {command: c, depends_on: one}
           - {command: d, depends_on: [{step: one, allow_failure: true}]}",
    );
    story.run();
    assert_eq!(story.jobs(), "passed failed waiting_failed passed");
}

#[test]
fn what_a_group_depends_on_each_of_its_steps_does_besides_its_own() {
    let mut story = story(
        "steps:
           - {command: first, key: first}
           - {command: second, key: slow}
           - group: One
             depends_on: first
             steps: [{command: a}, {command: b, depends_on: slow}]",
    );
    assert_eq!(story.jobs(), "scheduled scheduled waiting waiting");
    story.fake.advance(seconds(12));
    assert_eq!(story.jobs(), "passed running running waiting");
    story.run();
    assert_eq!(story.jobs(), "passed passed passed passed");
}

#[test]
fn a_group_that_allows_failures_lets_its_steps_run_after_one() {
    let mut story = story(
        "steps:
           - {command: first, key: bad}
           - {group: One, depends_on: bad, allow_dependency_failure: true, steps: [{command: a}]}
           - {group: Two, depends_on: bad, steps: [{command: b}]}",
    );
    story.run();
    assert_eq!(story.jobs(), "failed passed waiting_failed");
}

#[test]
fn the_condition_of_a_group_and_those_of_its_steps_both_have_to_hold() {
    let mut story = story(
        r#"steps:
           - group: Off
             if: build.branch == "other"
             steps: [{command: a}, {command: b, if: build.branch == "main"}]
           - group: On
             if: build.branch == "main"
             steps: [{command: c}, {command: d, if: build.branch == "other"}]"#,
    );
    story.run();
    assert_eq!(story.jobs(), "broken broken passed broken");
    let reasons: Vec<_> = story
        .build
        .all_jobs()
        .iter()
        .map(|job| job.broken_reason().unwrap_or_default())
        .collect();
    let failed = "conditional_failed";
    assert_eq!(reasons, [failed, failed, "", failed]);
}

#[test]
fn a_skipped_group_skips_all_of_its_steps_with_its_reason() {
    let mut story = story(
        "steps:
           - {group: Off, skip: Not today, steps: [{command: a}, {command: b}]}
           - {command: c}",
    );
    story.run();
    assert_eq!(story.jobs(), "broken broken passed");
    let build = story.look();
    assert_eq!(build["jobs"][0]["broken_reason"].str(), "Not today");
    assert_eq!(build["jobs"][1]["broken_reason"].str(), "Not today");
}

#[test]
fn jobs_say_which_group_they_are_in() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app")
        .steps(
            "steps:
               - {group: Named, key: g, steps: [{command: a}]}
               - {group: Nameless, steps: [{command: b}]}
               - {command: c}",
        )
        .create_build();
    let jobs = client(&fake).build("app", 1)["jobs"].clone();
    assert_eq!(jobs[0]["group_key"].str(), "g");
    assert!(jobs[1]["group_key"].is_null());
    assert!(jobs[2]["group_key"].is_null());
}

#[test]
fn nothing_in_a_failed_group_keeps_the_next_group_from_running() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
               - {group: One, steps: [{command: a, key: bad}, wait, {command: b}]}
               - {group: Two, steps: [{command: c}, wait, {command: d}]}",
        )
        .create();
    app.on_job("bad").exits(1);
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(
        states(&build),
        "failed waiting_failed waiting_failed passed passed passed"
    );
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn a_failed_wait_inside_a_group_is_none_of_the_steps_outside() {
    let mut story = Story::told(
        "steps:
           - group: G
             steps: [{command: a, key: a}, wait, {command: b, key: b}]
           - {wait: ~, continue_on_failure: true}
           - {command: c, key: c}",
        |app| {
            app.on_job("a").exits(1);
        },
    );
    story.run();
    assert_eq!(story.build.job("b").state().to_string(), "waiting_failed");
    assert_eq!(story.build.job("c").state().to_string(), "passed");
}

#[test]
fn the_first_reason_to_skip_is_the_one_shown() {
    let yaml = "steps: [{group: G, skip: true, steps: [{command: a, key: a, skip: because}]}]";
    let story = Story::told(yaml, |_| {});
    let reason = story.build.job("a").broken_reason();
    assert_eq!(reason.as_deref(), Some("because"));
}
