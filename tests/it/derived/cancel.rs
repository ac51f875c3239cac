//! Section 9: what newer builds do to older ones, and what a person cancels.

use fake_buildkite::{BuildHandle, PipelineBuilder, PipelineHandle, seconds};

use crate::derived::{by_key, tell_by_key};
use crate::story::{BUILD, Story, instants_of, states, usual};
use crate::support::{Json, world};

/// A pipeline with a setting, whose builds have the steps that name their message.
fn branching(setting: fn(PipelineBuilder) -> PipelineBuilder, steps: &[(&str, &str)]) -> Story {
    let step =
        |(message, step): &(&str, &str)| format!("{{{step}, if: build.message == '{message}'}}");
    let steps: Vec<_> = steps.iter().map(step).collect();
    let steps = steps.join(", ");
    let fake = usual().start();
    let app = setting(fake.pipeline("app").steps(format!("steps: [{steps}]"))).create();
    tell_by_key(&app, &steps);
    // The first build of the story is of no message, and runs nothing.
    Story::of_first_build(fake, app)
}

fn build_of(app: &PipelineHandle, message: &str) -> BuildHandle {
    app.build().message(message).create()
}

fn rest(story: &Story, build: &BuildHandle) -> Json {
    story.client.build("app", build.number())
}

#[test]
fn rule_9_1_a_build_that_waits_for_a_person_is_not_skipped() {
    let story = branching(
        PipelineBuilder::skip_intermediate_builds,
        &[
            ("blocked", "block: Go?, key: gate"),
            ("queued", "command: make, key: idle"),
            ("newer", "command: make"),
        ],
    );
    let blocked = build_of(&story.app, "blocked");
    let queued = build_of(&story.app, "queued");
    story.fake.advance(seconds(3));
    build_of(&story.app, "newer");
    assert_eq!(rest(&story, &queued)["state"].str(), "skipped");
    let shown = rest(&story, &blocked);
    assert!(shown["blocked"].bool());
    let instants = instants_of(&shown, &["started_at", "finished_at"], &shown["created_at"]);
    assert_eq!(instants, "finished 0", "since when it waits");
}

#[test]
fn rule_9_1_a_rebuild_is_a_newer_build_like_any_other() {
    // Given a build that passed, and one that is queued
    let fake = usual().start();
    let app = fake.pipeline("app").skip_intermediate_builds().create();
    let mut story = Story::of_first_build(fake, app);
    story.run();
    let queued = story.app.create_build();
    // When the older one is rebuilt
    story.put("rebuild").expect(200);
    // Then that takes the place of the queued one
    assert_eq!(rest(&story, &queued)["state"].str(), "skipped");
    assert_eq!(story.client.build("app", 3)["state"].str(), "scheduled");
    assert_eq!(story.look()["state"].str(), "passed");
}

#[test]
fn rule_9_2_a_newer_build_that_never_starts_cancels_nobody() {
    let story = branching(
        PipelineBuilder::cancel_intermediate_builds,
        &[
            ("older", "command: make, key: hung"),
            ("newer", "command: make, key: idle"),
        ],
    );
    let older = build_of(&story.app, "older");
    story.fake.advance(seconds(5));
    let newer = build_of(&story.app, "newer");
    story.fake.advance(seconds(60));
    let cancel = BUILD.replace("/builds/1", &format!("/builds/{}/cancel", newer.number()));
    story.client.put(&cancel).expect(200);
    story.fake.advance(seconds(60));
    assert_eq!(rest(&story, &newer)["state"].str(), "canceled");
    assert_eq!(rest(&story, &older)["state"].str(), "running");
}

#[test]
fn rule_9_2_a_newer_build_that_starts_leaves_alone_what_has_not_started() {
    let story = branching(
        PipelineBuilder::cancel_intermediate_builds,
        &[
            ("queued", "command: make, key: idle"),
            ("newer", "command: make"),
        ],
    );
    let queued = build_of(&story.app, "queued");
    let newer = build_of(&story.app, "newer");
    story.fake.run_until_idle();
    assert_eq!(rest(&story, &newer)["state"].str(), "passed");
    assert_eq!(rest(&story, &queued)["state"].str(), "scheduled");
}

#[test]
fn rule_9_2_a_blocked_build_is_canceled_whatever_it_looks_like() {
    for look in ["passed", "failed", "running"] {
        let gate = format!("block: Go?, key: gate, blocked_state: {look}");
        let story = branching(
            PipelineBuilder::cancel_intermediate_builds,
            &[("blocked", &gate), ("newer", "command: make")],
        );
        let blocked = build_of(&story.app, "blocked");
        assert_eq!(rest(&story, &blocked)["state"].str(), look);
        story.fake.advance(seconds(3));
        build_of(&story.app, "newer");
        // It goes when the newer one starts, and not before
        assert!(rest(&story, &blocked)["blocked"].bool());
        story.fake.advance(seconds(1));
        let shown = rest(&story, &blocked);
        assert_eq!(shown["state"].str(), "canceled");
        assert!(!shown["blocked"].bool());
        assert_eq!(shown["blocked_state"].str(), "");
        let instants = instants_of(&shown, &["finished_at"], &shown["created_at"]);
        assert_eq!(instants, "finished 4");
        assert_eq!(shown["jobs"][0]["state"].str(), "canceled");
    }
}

#[test]
fn rule_9_3_cancel_reaches_what_has_not_finished_and_nothing_else() {
    // Given a build with jobs in every stage
    let mut story = by_key(
        "{command: make, key: good}, {command: make, key: bad, soft_fail: true, retry: {automatic: {limit: 1}}},
         {command: make, key: out, skip: true}, {command: make, key: hung}, {command: make, key: idle},
         {input: Who?, key: done}, {input: Who?, key: open}, wait, {command: make}, {block: Go?}",
    );
    story.put_job("done", "unblock").expect(200);
    story.run();
    assert_eq!(
        story.jobs(),
        "passed failed+soft+retried failed+soft broken running scheduled unblocked blocked waiting waiting blocked"
    );
    // When it is canceled, then those on agents stop, and the rest of what was to come is canceled
    story.put("cancel").expect(200);
    assert_eq!(
        story.jobs(),
        "passed failed+soft+retried failed+soft broken canceling canceled canceled canceled canceled canceled canceled"
    );
    story.run();
    assert_eq!(story.look()["state"].str(), "canceled");
    assert_eq!(story.instants(), "started 1, finished 32");
}

#[test]
fn rule_9_3_what_gave_up_before_the_cancellation_stays_so() {
    let mut story = by_key(
        "{command: make, key: bad}, {command: make, key: after, depends_on: bad}, {block: Go?, key: gate, depends_on: bad},
         {command: make, key: hung, depends_on: []}, {wait: ~, depends_on: hung}",
    );
    story.run();
    let rests = "failed waiting_failed blocked_failed running waiting";
    assert_eq!(story.jobs(), rests);
    story.put("cancel").expect(200);
    story.run();
    assert_eq!(
        story.jobs(),
        "failed waiting_failed blocked_failed canceled canceled"
    );
    assert_eq!(states(&story.build), story.jobs(), "also for handles");
}

#[test]
fn rule_9_3_a_build_that_is_over_is_not_canceled() {
    let story = branching(
        PipelineBuilder::skip_intermediate_builds,
        &[
            ("passed", "command: make"),
            ("failed", "command: make, key: bad"),
            ("not_run", "command: make, skip: true"),
            ("skipped", "command: make, key: idle"),
        ],
    );
    let mut over = Vec::new();
    for message in ["passed", "failed", "not_run", "skipped"] {
        over.push((message, build_of(&story.app, message)));
        story.fake.run_until_idle();
    }
    build_of(&story.app, "passed");
    story.fake.run_until_idle();
    let before = world(&story.fake, &["acme"]);
    for (state, build) in over {
        assert_eq!(rest(&story, &build)["state"].str(), state);
        let cancel = BUILD.replace("/builds/1", &format!("/builds/{}/cancel", build.number()));
        assert_eq!(
            story.client.put(&cancel).message(422),
            "Build can't be canceled because it's already finished.",
            "{state}"
        );
    }
    assert_eq!(world(&story.fake, &["acme"]), before);
}
