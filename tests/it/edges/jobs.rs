//! Jobs, along every edge of their four tables.

use fake_buildkite::{Agents, FakeBuildkiteBuilder, PipelineBuilder, days, seconds};

use crate::edges::Told;
use crate::story::{BUILD, Story, usual};

/// A failure, what comes after it, and a retry that passes; run to the end of the failure.
fn fails_once(after: &str) -> Story {
    let mut story = Story::told(
        &format!("steps: [{{command: make, key: bad}}, {after}]"),
        |app| {
            app.on_job("bad").exits(1).then().exits(0);
        },
    );
    story.run();
    story
}

/// Two pipelines: `lib`, whose only job takes ten seconds, and `app`.
fn triggering(steps: &str, set_up: impl FnOnce(PipelineBuilder) -> PipelineBuilder) -> Story {
    let fake = usual().start();
    set_up(
        fake.pipeline("lib")
            .steps("steps: [{command: make, key: make}]"),
    )
    .create();
    let app = fake.pipeline("app").steps(steps).create();
    Story::of_first_build(fake, app)
}

/// The story so far, with the jobs that a client now finds as limited.
fn with_limited(story: &Story, told: &mut Vec<String>) {
    let path = format!("{BUILD}?job_states[]=limited");
    let build = story.client.get(&path).expect(200);
    let jobs = build["jobs"].items().iter();
    told.extend(jobs.map(|job| job["id"].str().to_owned()));
}

/// What a step in the group `g` with limit 1 says of that.
const G: &str = "concurrency: 1, concurrency_group: g";

/// A build that has not started and holds jobs of every kind, for [`Agents::none`].
fn of_everything() -> String {
    format!(
        "steps:
           - {{command: make, key: holder, {G}}}
           - {{command: make, key: limited, {G}}}
           - {{command: make, key: out, skip: true}}
           - {{wait: ~, key: no_wait, if: build.branch != 'main'}}
           - {{trigger: lib, key: no_trigger, skip: true}}
           - {{wait: ~, key: then}}
           - {{command: make, key: later}}
           - {{trigger: lib, key: go}}
           - {{block: Go?, key: gate}}
           - {{input: Who?, key: open}}
           - {{input: Who?, key: no_input, branches: other}}"
    )
}

fn nobody() -> FakeBuildkiteBuilder {
    usual().agents(Agents::none())
}

// --- Commands --------------------------------------------------------------------------------------------------------

pub(super) fn an_excluded_command_is_broken() -> Story {
    let mut story = Story::told("steps: [{command: make, key: out, skip: Later}]", |_| {});
    let job = story.job("out");
    assert_eq!(job["state"].str(), "broken");
    assert_eq!(job["broken_reason"].str(), "Later");
    story
}

pub(super) fn a_command_is_scheduled_handed_out_and_passes() -> Story {
    let mut story = Story::of("C(0)");
    story.run();
    let history: Vec<_> = story.build.job("s1").history();
    let history: Vec<_> = history.iter().map(ToString::to_string).collect();
    assert_eq!(
        history,
        [
            "scheduled at 2030-01-01T00:00:00.000Z",
            "assigned at 2030-01-01T00:00:01.000Z",
            "accepted at 2030-01-01T00:00:01.000Z",
            "running at 2030-01-01T00:00:01.000Z",
            "passed at 2030-01-01T00:00:11.000Z",
        ]
    );
    story
}

pub(super) fn a_command_behind_a_wait_step_waits_for_it() -> Story {
    let mut story = Story::of("C(0) W C(0)");
    story.fake.advance(seconds(11));
    assert_eq!(story.jobs(), "passed passed scheduled");
    story
}

pub(super) fn a_command_in_a_free_group_is_scheduled_through_its_limit() -> Story {
    let mut story = Story::told(&format!("steps: [{{command: make, key: x, {G}}}]"), |_| {});
    let job = story.job("x");
    assert_eq!(job["runnable_at"], job["created_at"]);
    assert_eq!(job["concurrency_wait_time_ms"].number(), 0);
    story
}

pub(super) fn a_command_in_a_full_group_is_limited_until_a_slot_is_free() -> Told {
    // Given two jobs of a group that takes one at a time
    let mut story = Story::told(
        &format!("steps: [{{command: make, key: x, {G}}}, {{command: make, key: y, {G}}}]"),
        |_| {},
    );
    let mut limited = Vec::new();
    with_limited(&story, &mut limited);
    assert_eq!(limited, [story.build.job("y").id().to_string()]);
    assert!(story.job("y")["runnable_at"].is_null());
    // When the first has ended
    story.fake.advance(seconds(11));
    // Then the second has its slot
    let job = story.job("y");
    assert_eq!(job["runnable_at"].str(), "2030-01-01T00:00:11.000Z");
    assert_eq!(job["concurrency_wait_time_ms"].number(), 11_000);
    Told {
        fake: story.fake,
        limited,
    }
}

pub(super) fn a_command_comes_to_its_group_when_what_it_waits_for_is_there() -> Story {
    let mut story = Story::told(
        &format!("steps: [{{command: make}}, wait, {{command: make, key: x, {G}}}]"),
        |_| {},
    );
    assert!(story.job("x")["concurrency_wait_time_ms"].is_null());
    story.fake.advance(seconds(11));
    // Its wait for the group began with the end of its other wait
    assert_eq!(story.job("x")["concurrency_wait_time_ms"].number(), 0);
    story
}

pub(super) fn a_command_behind_a_failure_gives_up_and_waits_again_after_a_retry() -> Story {
    let mut story = fails_once("{command: make, key: next, depends_on: bad}");
    assert_eq!(story.jobs(), "failed waiting_failed");
    story.put_job("bad", "retry").expect(200);
    assert_eq!(story.jobs(), "failed+retried scheduled waiting");
    story
}

pub(super) fn a_retry_whose_dependency_has_failed_meanwhile_gives_up_at_once() -> Story {
    // Given a job that failed after one that passed, and that one failed at its second attempt
    let mut story = Story::told(
        "steps:
           - {command: make, key: first, retry: {manual: {permit_on_passed: true}}}
           - {command: make, key: second, depends_on: first}",
        |app| {
            app.on_job("first").exits(0).then().exits(1);
            app.on_job("second").exits(1);
        },
    );
    story.run();
    story.put_job("first", "retry").expect(200);
    story.run();
    assert_eq!(story.jobs(), "passed+retried failed failed");
    // When the second is retried, then it cannot run
    let retried = story.put_job("second", "retry").expect(200);
    assert_eq!(retried["state"].str(), "waiting_failed");
    assert!(retried["runnable_at"].is_null());
    story
}

pub(super) fn a_command_that_exits_with_another_status_fails() -> Story {
    let mut story = Story::of("C(3)");
    story.run();
    let job = story.job("s1");
    assert_eq!(job["state"].str(), "failed");
    assert_eq!(job["exit_status"].number(), 3);
    story
}

/// A job that runs without end, since one second.
fn hanging(steps: &str) -> Story {
    let mut story = Story::of(steps);
    story.fake.advance(seconds(1));
    assert_eq!(story.jobs(), "running");
    story
}

pub(super) fn a_running_command_whose_agent_is_lost_fails() -> Story {
    let mut story = hanging("C(hangs)");
    story.build.job("s1").lose_agent();
    story.check(
        "failed",
        "scheduled running failed",
        "started 1, finished 1",
    );
    story
}

fn canceling() -> Story {
    let mut story = hanging("C(hangs)");
    story.build.job("s1").cancel();
    assert_eq!(story.jobs(), "canceling");
    story.fake.advance(seconds(3));
    story
}

pub(super) fn a_canceled_command_is_canceling_until_its_agent_has_stopped_it() -> Story {
    let mut story = canceling();
    story.run();
    assert_eq!(story.jobs(), "canceled");
    assert_eq!(story.job("s1")["signal_reason"].str(), "cancel");
    assert_eq!(story.instants(), "started 1, finished 11");
    story
}

pub(super) fn a_canceled_command_that_ends_well_just_then_is_canceled_all_the_same() -> Story {
    let mut story = canceling();
    story.build.job("s1").finish(0);
    assert_eq!(story.jobs(), "canceled");
    assert_eq!(story.job("s1")["exit_status"].number(), 0);
    assert_eq!(story.instants(), "started 1, finished 4");
    story
}

pub(super) fn a_canceled_command_whose_agent_is_lost_is_canceled() -> Story {
    let mut story = canceling();
    story.build.job("s1").lose_agent();
    assert_eq!(story.jobs(), "canceled");
    assert_eq!(story.job("s1")["exit_status"].number(), -1);
    assert_eq!(story.instants(), "started 1, finished 4");
    story
}

fn timing_out() -> Story {
    let mut story = hanging("C(hangs,limit)");
    story.fake.advance(seconds(60));
    assert_eq!(story.jobs(), "timing_out");
    story.fake.advance(seconds(3));
    story
}

pub(super) fn a_command_whose_time_is_up_is_stopped_and_timed_out() -> Story {
    let mut story = timing_out();
    story.run();
    assert_eq!(story.jobs(), "timed_out");
    assert_eq!(story.instants(), "started 1, finished 71");
    story
}

pub(super) fn a_command_that_ends_well_while_it_is_stopped_passes() -> Story {
    let mut story = timing_out();
    story.build.job("s1").finish(0);
    assert_eq!(story.jobs(), "passed");
    assert_eq!(story.instants(), "started 1, finished 64");
    story
}

pub(super) fn a_command_whose_time_is_up_and_whose_agent_is_lost_is_timed_out() -> Story {
    let mut story = timing_out();
    story.build.job("s1").lose_agent();
    assert_eq!(story.jobs(), "timed_out");
    let job = story.job("s1");
    assert_eq!(job["exit_status"].number(), -1);
    assert!(job["signal_reason"].is_null());
    story
}

pub(super) fn a_command_that_nobody_picks_up_expires() -> Story {
    let mut story = Story::without_agents("C(0)");
    story.fake.advance(days(30));
    assert_eq!(story.jobs(), "expired");
    story
}

/// A build of everything that was canceled before it started, and the jobs that were limited then.
fn canceled() -> Told {
    let mut story = Story::begin(nobody(), &of_everything(), |_| {});
    let mut limited = Vec::new();
    with_limited(&story, &mut limited);
    story.put_job("open", "unblock").expect(200);
    story.fake.advance(seconds(5));
    story.put("cancel").expect(200);
    story.check(
        "canceled canceled broken broken broken canceled canceled canceled canceled canceled broken",
        "scheduled canceled",
        "finished 5",
    );
    Told {
        fake: story.fake,
        limited,
    }
}

pub(super) fn commands_that_are_with_no_agent_are_canceled_with_their_build() -> Told {
    canceled()
}

pub(super) fn a_command_can_be_canceled_at_the_instant_it_comes_to_its_group() -> Story {
    // Given a step in a free group that comes after a failure it allows, and does not want to run in a failing build
    let mut story = Story::told(
        &format!(
            "steps:
               - {{command: make, key: bad}}
               - {{command: make, key: slow}}
               - {{command: make, key: x, {G}, depends_on: bad, allow_dependency_failure: true,
                  cancel_on_build_failing: true}}"
        ),
        |app| {
            app.on_job("bad").exits(1);
            app.on_job("slow").hangs();
        },
    );
    // When the failure makes the build failing in the same instant
    story.run();
    // Then the step never gets its slot
    assert_eq!(story.jobs(), "failed running canceled");
    let job = story.job("x");
    assert!(job["runnable_at"].is_null());
    assert_eq!(job["finished_at"].str(), "2030-01-01T00:00:11.000Z");
    story
}

/// A build of everything that a newer one skipped, and the jobs that were limited then.
fn skipped() -> Told {
    let fake = nobody().start();
    let app = fake
        .pipeline("app")
        .steps(of_everything())
        .skip_intermediate_builds()
        .create();
    let mut story = Story::of_first_build(fake, app);
    let mut limited = Vec::new();
    with_limited(&story, &mut limited);
    story.fake.advance(seconds(5));
    story.client.create_build("app");
    story.check(
        &["skipped"; 11].join(" "),
        "scheduled skipped",
        "finished 5",
    );
    Told {
        fake: story.fake,
        limited,
    }
}

pub(super) fn commands_are_skipped_with_their_build() -> Told {
    skipped()
}

/// A build that triggers two builds of `lib` in one instant, the second of which skips the first.
fn skipped_as_it_is_made(steps: &str) -> Story {
    let fake = nobody().start();
    fake.pipeline("other").create();
    fake.pipeline("lib")
        .steps(format!("steps: [{steps}, {{command: make, key: make}}]"))
        .skip_intermediate_builds()
        .create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib, parallelism: 2}]")
        .create();
    let mut story = Story::of_first_build(fake, app);
    story.check("skipped running", "running", "started 0");
    let first = story.client.build("lib", 1);
    assert_eq!(first["state"].str(), "skipped");
    assert_eq!(first["jobs"][0]["state"].str(), "skipped");
    assert_eq!(first["jobs"][0]["finished_at"], first["created_at"]);
    story
}

pub(super) fn a_command_can_be_skipped_at_the_instant_it_comes_to_its_group() -> Story {
    let story = skipped_as_it_is_made(&format!("{{command: make, {G}}}"));
    let first = story.client.build("lib", 1);
    assert!(first["jobs"][0]["runnable_at"].is_null());
    story
}

// --- Wait steps ------------------------------------------------------------------------------------------------------

pub(super) fn a_wait_step_beside_a_block_step_is_broken() -> Story {
    let mut story = Story::of("C(0) W B");
    assert_eq!(story.jobs(), "scheduled broken blocked");
    story
}

pub(super) fn a_wait_step_waits_for_what_is_before_it() -> Story {
    let mut story = Story::of("C(0) W");
    assert_eq!(story.jobs(), "scheduled waiting");
    story.fake.advance(seconds(11));
    assert_eq!(story.jobs(), "passed passed");
    story
}

pub(super) fn a_wait_step_behind_nothing_passes_at_once() -> Story {
    let mut story = Story::of("W C(0)");
    assert_eq!(story.jobs(), "passed scheduled");
    story
}

pub(super) fn a_wait_step_behind_a_failure_gives_up_and_waits_again_after_a_retry() -> Story {
    let mut story = fails_once("wait");
    assert_eq!(story.jobs(), "failed waiting_failed");
    story.put_job("bad", "retry").expect(200);
    assert_eq!(story.jobs(), "failed+retried scheduled waiting");
    story
}

pub(super) fn a_wait_step_is_canceled_with_its_build() -> Told {
    canceled()
}

pub(super) fn wait_steps_are_skipped_with_their_build() -> Told {
    skipped()
}

// --- Block and input steps -------------------------------------------------------------------------------------------

pub(super) fn an_excluded_block_step_is_broken() -> Story {
    let mut story = Story::told(
        "steps: [{block: Go?, key: gate, branches: other}, {command: make}]",
        |_| {},
    );
    assert_eq!(story.jobs(), "broken scheduled");
    assert!(!story.job("gate")["unblockable"].bool());
    story
}

pub(super) fn a_block_step_is_blocked_until_a_person_unblocks_it() -> Story {
    let mut story = Story::of("B");
    assert!(story.job("s1")["unblockable"].bool());
    story.put_job("s1", "unblock").expect(200);
    assert_eq!(story.jobs(), "unblocked");
    story
}

pub(super) fn a_block_step_behind_a_failure_gives_up_and_is_blocked_again_after_a_retry() -> Story {
    let mut story = fails_once("{block: Go?, key: gate}");
    assert_eq!(story.jobs(), "failed blocked_failed");
    story.put_job("bad", "retry").expect(200);
    assert_eq!(story.jobs(), "failed+retried scheduled blocked");
    assert!(story.job("gate")["unblockable"].bool());
    story
}

pub(super) fn an_early_unblock_is_lost_with_a_failure_and_comes_back_with_a_retry() -> Story {
    let mut story = Story::of("C(1) B");
    story.put_job("s2", "unblock").expect(200);
    story.run();
    assert_eq!(story.jobs(), "failed unblocked_failed");
    story.put_job("s1", "retry").expect(200);
    assert_eq!(story.jobs(), "failed+retried scheduled unblocked");
    story
}

pub(super) fn block_steps_are_canceled_with_their_build() -> Told {
    canceled()
}

pub(super) fn block_steps_are_skipped_with_their_build() -> Told {
    skipped()
}

// --- Trigger steps ---------------------------------------------------------------------------------------------------

pub(super) fn an_excluded_trigger_step_is_broken() -> Story {
    let mut story = triggering(
        "steps: [{trigger: lib, key: go, if: build.branch != 'main'}]",
        |lib| lib,
    );
    assert_eq!(story.jobs(), "broken");
    assert!(story.job("go")["triggered_build"].is_null());
    story
}

pub(super) fn a_trigger_step_makes_its_build_and_passes_with_it() -> Story {
    let mut story = triggering("steps: [{trigger: lib, key: go}]", |lib| lib);
    assert_eq!(story.jobs(), "running");
    story.run();
    story.check("passed", "running passed", "started 0, finished 11");
    story
}

pub(super) fn a_trigger_step_behind_a_wait_step_waits_for_it() -> Story {
    let mut story = triggering(
        "steps: [{command: make}, wait, {trigger: lib, key: go}]",
        |lib| lib,
    );
    assert_eq!(story.jobs(), "scheduled waiting waiting");
    story.fake.advance(seconds(11));
    let job = story.job("go");
    assert_eq!(job["state"].str(), "running");
    assert_eq!(job["runnable_at"].str(), "2030-01-01T00:00:11.000Z");
    story
}

pub(super) fn a_trigger_step_behind_a_failure_gives_up_and_waits_again_after_a_retry() -> Story {
    let mut story = fails_once("{trigger: lib, key: go, depends_on: bad}");
    assert_eq!(story.jobs(), "failed waiting_failed");
    story.put_job("bad", "retry").expect(200);
    assert_eq!(story.jobs(), "failed+retried scheduled waiting");
    story
}

pub(super) fn a_trigger_step_for_a_pipeline_nobody_has_fails() -> Story {
    let mut story = triggering("steps: [{trigger: nowhere, key: go}]", |lib| lib);
    let job = story.job("go");
    assert_eq!(job["state"].str(), "failed");
    assert!(job["started_at"].is_null());
    assert_eq!(job["finished_at"], job["created_at"]);
    story
}

pub(super) fn a_trigger_step_fails_with_its_build() -> Story {
    let mut story = triggering("steps: [{trigger: lib, key: go}]", |lib| lib);
    story.fake.existing_pipeline("lib").on_job("make").exits(1);
    story.run();
    story.check("failed", "running failed", "started 0, finished 11");
    story
}

pub(super) fn a_trigger_step_is_canceling_until_its_build_has_stopped() -> Story {
    let mut story = triggering("steps: [{trigger: lib, key: go}]", |lib| lib);
    story.fake.advance(seconds(5));
    story.put("cancel").expect(200);
    assert_eq!(story.jobs(), "canceling");
    story.run();
    story.check(
        "canceled",
        "running canceling canceled",
        "started 0, finished 15",
    );
    story
}

pub(super) fn a_trigger_step_that_waits_is_canceled_with_its_build() -> Told {
    canceled()
}

pub(super) fn a_trigger_step_can_be_canceled_before_it_makes_its_build() -> Story {
    // Given a build that waits for another one of its own pipeline and branch, which is still queued
    let fake = nobody().start();
    fake.pipeline("lib").create();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
               - {trigger: app, key: go, if: build.message == null, build: {message: child, branch: main}}
               - {trigger: lib, key: then, if: build.message == null, depends_on: go}
               - {command: make, key: queued, if: build.message == 'child'}
               - {trigger: lib, key: first, if: build.message == 'newer'}",
        )
        .skip_intermediate_builds()
        .cancel_intermediate_builds()
        .create();
    let mut story = Story::of_first_build(fake, app);
    assert_eq!(story.jobs(), "running waiting broken broken");
    // When a newer one skips the queued one, which lets the next step go on, and begins to run, which cancels the build
    let newer = r#"{"commit":"HEAD","branch":"main","message":"newer"}"#;
    let builds = "/organizations/acme/pipelines/app/builds";
    story.client.post(builds, newer).expect(201);
    // Then the next step makes no build any more
    story.check(
        "skipped canceled broken broken",
        "running canceled",
        "started 0, finished 0",
    );
    let job = story.job("then");
    assert_eq!(job["runnable_at"], job["finished_at"]);
    assert!(job["triggered_build"].is_null());
    assert_eq!(story.fake.existing_pipeline("lib").builds().len(), 1);
    story
}

pub(super) fn trigger_steps_are_skipped_with_their_build() -> Told {
    skipped()
}

pub(super) fn a_trigger_step_can_be_skipped_before_it_makes_its_build() -> Story {
    let story = skipped_as_it_is_made("{trigger: other}");
    // Only the second build has made one
    assert_eq!(story.fake.existing_pipeline("other").builds().len(), 1);
    story
}

pub(super) fn a_trigger_step_is_skipped_with_the_build_it_made() -> Story {
    let mut story = triggering(
        "steps: [{trigger: lib, key: go}]",
        PipelineBuilder::skip_intermediate_builds,
    );
    story.client.create_build("lib");
    assert_eq!(story.jobs(), "skipped");
    let job = story.job("go");
    assert_eq!(job["finished_at"], job["started_at"]);
    story
}
