//! Trigger steps: the build they make, what becomes of it, and what that makes of them.

use fake_buildkite::{BuildHandle, BuildState, FakeBuildkite, PipelineHandle, minutes, seconds};

use crate::story::{instant, states};
use crate::support::{Json, client};

/// A pipeline `app` that triggers `lib` in a step with the key `go` and what else is said of it.
fn pair(step: &str, lib: &str) -> (FakeBuildkite, PipelineHandle, PipelineHandle) {
    let fake = FakeBuildkite::builder().waiters_with_state().start();
    let lib = fake
        .pipeline("lib")
        .steps(format!("steps: [{lib}]"))
        .create();
    let app = fake
        .pipeline("app")
        .steps(format!("steps: [{{trigger: lib, key: go{step}}}]"))
        .create();
    (fake, app, lib)
}

const MAKE: &str = "{command: make, key: make}";

fn rest(fake: &FakeBuildkite, build: &BuildHandle, pipeline: &str) -> Json {
    client(fake).build(pipeline, build.number())
}

#[test]
fn g23_a_trigger_step_waits_for_its_build_and_fails_with_it() {
    // Given a build that will fail
    let (fake, app, lib) = pair("", MAKE);
    lib.on_job("make").exits(1);
    // When another one triggers it
    let build = app.create_build();
    assert_eq!(states(&build), "running");
    assert_eq!(build.state(), BuildState::Running);
    fake.advance(seconds(10));
    assert_eq!(states(&build), "running");
    // Then both fail at the same instant
    fake.run_until_idle();
    assert_eq!(states(&build), "failed");
    assert_eq!(build.state(), BuildState::Failed);
    assert_eq!(build.finished_at(), lib.latest_build().finished_at());
}

#[test]
fn a_trigger_step_passes_with_its_build_and_only_then_lets_others_go_on() {
    let fake = FakeBuildkite::start();
    let lib = fake.pipeline("lib").create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib, key: go}, {command: ship, key: ship, depends_on: go}]")
        .create();
    let build = app.create_build();
    fake.advance(seconds(5));
    assert_eq!(states(&build), "running waiting");
    fake.run_until_idle();
    assert_eq!(states(&build), "passed passed");
    assert_eq!(
        build.job("ship").runnable_at(),
        lib.latest_build().finished_at()
    );
}

#[test]
fn g24_an_async_trigger_step_passes_at_once_whatever_its_build_does() {
    let (fake, app, lib) = pair(", async: true", MAKE);
    lib.on_job("make").exits(1);
    let build = app.create_build();
    assert_eq!(states(&build), "passed");
    assert_eq!(build.state(), BuildState::Passed);
    assert_eq!(lib.latest_build().state(), BuildState::Scheduled);
    fake.run_until_idle();
    assert_eq!(lib.latest_build().state(), BuildState::Failed);
    assert_eq!(build.state(), BuildState::Passed);
    let job = rest(&fake, &build, "app")["jobs"][0].clone();
    assert!(job["async"].bool());
    assert_eq!(job["triggered_build"]["number"].number(), 1);
}

#[test]
fn a_trigger_step_passes_when_nothing_of_its_build_had_to_run() {
    let (_fake, app, lib) = pair("", "{command: make, skip: true}");
    let build = app.create_build();
    assert_eq!(lib.latest_build().state(), BuildState::NotRun);
    assert_eq!(states(&build), "passed");
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_trigger_step_goes_on_waiting_while_its_build_is_blocked() {
    // Given a triggered build that waits for a person
    let (fake, app, lib) = pair("", "{block: Ship?, key: ship}, {command: make, key: make}");
    let build = app.create_build();
    fake.run_until_idle();
    let child = lib.latest_build();
    assert!(child.is_blocked());
    assert_eq!(states(&build), "running");
    fake.advance(minutes(600));
    assert_eq!(build.state(), BuildState::Running, "no timeout applies");
    // When somebody unblocks it, then both go on
    child.job("ship").unblock();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed");
}

#[test]
fn a_triggered_build_that_a_person_cancels_fails_the_step() {
    let (fake, app, lib) = pair("", MAKE);
    lib.on_job("make").hangs();
    let build = app.create_build();
    fake.advance(seconds(5));
    lib.latest_build().cancel();
    assert_eq!(states(&build), "running", "the build is still stopping");
    fake.run_until_idle();
    assert_eq!(lib.latest_build().state(), BuildState::Canceled);
    assert_eq!(states(&build), "failed");
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn a_triggered_build_that_a_newer_one_skips_skips_the_step() {
    // Given a triggered build that is still queued in a pipeline that skips such builds
    let fake = FakeBuildkite::start();
    let lib = fake.pipeline("lib").skip_intermediate_builds().create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib, key: go}, {command: make, key: make}]")
        .create();
    let build = app.create_build();
    assert_eq!(states(&build), "running scheduled");
    // When there is a newer build
    lib.create_build();
    // Then the step is skipped, which harms nothing
    assert_eq!(lib.build_number(1).state(), BuildState::Skipped);
    assert_eq!(states(&build), "skipped scheduled");
    fake.run_until_idle();
    assert_eq!(states(&build), "skipped passed");
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_triggered_build_that_a_newer_one_cancels_skips_the_step() {
    let fake = FakeBuildkite::start();
    let lib = fake
        .pipeline("lib")
        .steps("steps: [{command: make, key: make}]")
        .cancel_intermediate_builds()
        .create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib, key: go}, {command: make, key: make}]")
        .create();
    let build = app.create_build();
    fake.advance(seconds(5));
    lib.create_build();
    fake.run_until_idle();
    assert_eq!(lib.build_number(1).state(), BuildState::Canceled);
    assert_eq!(states(&build), "skipped passed");
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn canceling_a_build_cancels_what_it_waits_for_and_not_what_it_merely_started() {
    // Given a build that triggered two others, one of them async
    let fake = FakeBuildkite::start();
    let (sync, free) = (
        fake.pipeline("sync")
            .steps("steps: [{command: make, key: make}]")
            .create(),
        fake.pipeline("free").create(),
    );
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: sync}, {trigger: free, async: true}]")
        .create();
    let build = app.create_build();
    fake.advance(seconds(5));
    // When it is canceled
    let path = "/organizations/acme/pipelines/app/builds/1/cancel";
    let answer = client(&fake).put(path).expect(200);
    // Then it waits until the triggered build has stopped
    assert_eq!(answer["state"].str(), "canceling");
    assert_eq!(states(&build), "canceling passed");
    assert_eq!(sync.latest_build().state(), BuildState::Canceling);
    fake.run_until_idle();
    assert_eq!(states(&build), "canceled passed");
    assert_eq!(build.state(), BuildState::Canceled);
    assert_eq!(sync.latest_build().state(), BuildState::Canceled);
    assert_eq!(free.latest_build().state(), BuildState::Passed);
}

#[test]
fn a_canceled_trigger_step_waits_for_a_build_that_is_stopping_already() {
    // Given a triggered build that somebody canceled, and whose command still runs
    let (fake, app, lib) = pair("", MAKE);
    let build = app.create_build();
    fake.advance(seconds(5));
    lib.latest_build().cancel();
    assert_eq!(lib.latest_build().state(), BuildState::Canceling);
    // When the build that waits for it is canceled, too
    build.cancel();
    // Then its step ends with the other build, and not before
    assert_eq!(states(&build), "canceling");
    fake.run_until_idle();
    assert_eq!(states(&build), "canceled");
    assert_eq!(build.finished_at(), lib.latest_build().finished_at());
}

#[test]
fn a_step_that_triggers_a_pipeline_nobody_has_fails() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: nowhere, key: go}, wait, {command: make, key: make}]")
        .create();
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(states(&build), "failed waiting_failed waiting_failed");
    assert_eq!(build.state(), BuildState::Failed);
    let job = rest(&fake, &build, "app")["jobs"][0].clone();
    assert!(job["triggered_build"].is_null());
}

#[test]
fn a_pipeline_that_triggers_itself_stops_ten_builds_deep() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: app, key: go}]")
        .create();
    app.create_build();
    fake.run_until_idle();
    let builds = app.builds();
    assert_eq!(builds.len(), 11, "one by hand, and ten below it");
    let all_failed = builds
        .iter()
        .all(|build| build.state() == BuildState::Failed);
    assert!(all_failed);
}

/// Two pipelines in a circle, each with so many steps that trigger the other, and one build by hand.
fn circle(steps: usize) -> (FakeBuildkite, usize) {
    let fake = FakeBuildkite::start();
    let all = |other: &str| {
        format!(
            "steps: [{}]",
            vec![format!("{{trigger: {other}}}"); steps].join(",")
        )
    };
    let a = fake.pipeline("a").steps(all("b")).create();
    let b = fake.pipeline("b").steps(all("a")).create();
    a.create_build();
    fake.run_until_idle();
    let builds: Vec<_> = a.builds().into_iter().chain(b.builds()).collect();
    let are_over = builds
        .iter()
        .all(|build| build.state() == BuildState::Failed);
    assert!(are_over, "a circle ends, and ends badly");
    (fake, builds.len())
}

#[test]
fn a_circle_multiplies_at_each_of_ten_levels() {
    let (fake, builds) = circle(2);
    assert_eq!(builds, (1 << 11) - 1);
    assert!(fake.verify().is_ok());
}

#[test]
fn a_circle_that_would_fill_the_memory_is_cut_and_reported() {
    // Three to the power of ten would be 59,049 builds on the lowest level alone.
    let (fake, builds) = circle(3);
    assert_eq!(builds, 10_001, "one by hand, and those that it led to");
    let report = fake.verify().expect_err("a report");
    let [problem] = &report.problems[..] else {
        panic!("{report}")
    };
    let said = "trigger steps failed where Buildkite would go on: 10000 builds had been triggered at one instant. Do \
        pipelines trigger each other in a circle? Each of its 10 levels multiplies the builds by the number of trigger steps";
    assert!(problem.ends_with(said), "{problem}");
    // The next instant has its own builds.
    let free = fake
        .pipeline("free")
        .steps("steps: [{trigger: lib}]")
        .create();
    fake.pipeline("lib").create();
    free.create_build();
    fake.run_until_idle();
    assert_eq!(free.latest_build().state(), BuildState::Passed);
}

#[test]
fn what_a_trigger_step_does_not_say_comes_from_its_label_the_other_pipeline_and_the_parent() {
    // Given a build of its own branch, environment and author, and a pipeline with another default branch
    let fake = FakeBuildkite::start();
    fake.pipeline("lib").default_branch("trunk").create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib, label: Build the library}]")
        .create();
    // When it triggers a build
    let parent = app
        .build()
        .branch("feature")
        .commit("abc123")
        .message("The parent's")
        .env("SECRET", "1")
        .author("Ada", "ada@example.com")
        .meta_data("k", "v")
        .create();
    let (parent, child) = (rest(&fake, &parent, "app"), client(&fake).build("lib", 1));
    // Then only the people are the same
    assert_eq!(child["source"].str(), "trigger_job");
    assert_eq!(child["message"].str(), "Build the library");
    assert_eq!(child["branch"].str(), "trunk");
    assert_eq!(child["commit"].str(), "HEAD");
    assert_eq!(child["env"].entries(), []);
    assert_eq!(child["meta_data"].entries(), []);
    assert_eq!(child["author"]["name"].str(), "Ada");
    assert_eq!(child["author"], parent["author"]);
    assert_eq!(child["creator"], parent["creator"]);
}

#[test]
fn a_trigger_step_says_what_its_build_is_of() {
    let (fake, app, _lib) = pair(
        ", label: Unused, build: {branch: v1, commit: abc, message: Ship it, env: {LEVEL: 3, \
         FROM: $BUILDKITE_BRANCH}, meta_data: {release: '1.0'}}",
        MAKE,
    );
    app.build().branch("feature").create();
    let child = client(&fake).build("lib", 1);
    assert_eq!(child["branch"].str(), "v1");
    assert_eq!(child["commit"].str(), "abc");
    assert_eq!(child["message"].str(), "Ship it");
    assert_eq!(child["env"]["LEVEL"].str(), "3");
    assert_eq!(child["env"]["FROM"].str(), "feature");
    assert_eq!(child["meta_data"]["release"].str(), "1.0");
}

#[test]
fn parent_and_child_name_each_other() {
    let (fake, app, lib) = pair(", label: Library", MAKE);
    lib.create_build();
    let build = app.create_build();
    let (parent, child) = (client(&fake).build("app", 1), client(&fake).build("lib", 2));
    let from = &child["triggered_from"];
    assert_eq!(from["build_id"], parent["id"]);
    assert_eq!(from["build_number"].number(), 1);
    assert_eq!(from["build_pipeline_slug"].str(), "app");
    assert!(parent["triggered_from"].is_null());
    let job = &parent["jobs"][0];
    assert_eq!(job["type"].str(), "trigger");
    assert_eq!(job["name"].str(), "Library");
    assert_eq!(job["step_key"].str(), "go");
    let triggered = &job["triggered_build"];
    assert_eq!(triggered["id"], child["id"]);
    assert_eq!(triggered["number"].number(), 2);
    assert_eq!(triggered["url"], child["url"]);
    assert_eq!(triggered["web_url"], child["web_url"]);
    // The link leads to the child
    let followed = client(&fake).get(triggered["url"].str()).expect(200);
    assert_eq!(followed["id"], child["id"]);
    assert_eq!(instant(&job["started_at"]), build.created_at());
}

#[test]
fn a_soft_trigger_step_forgives_its_build() {
    let (fake, app, lib) = pair(", soft_fail: true", MAKE);
    lib.on_job("make").exits(1);
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(states(&build), "failed+soft");
    assert_eq!(build.state(), BuildState::Passed);
    let job = rest(&fake, &build, "app")["jobs"][0].clone();
    assert!(job["soft_failed"].bool());
}

#[test]
fn a_parallel_trigger_step_makes_as_many_builds_and_fails_with_any_of_them() {
    let (fake, app, lib) = pair(", parallelism: 3", MAKE);
    let build = app.create_build();
    assert_eq!(states(&build), "running running running");
    assert_eq!(lib.builds().len(), 3);
    fake.advance(seconds(5));
    lib.build_number(2).fail();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed failed passed");
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn a_retry_in_the_triggered_build_does_not_bring_the_failed_step_back() {
    let (fake, app, lib) = pair("", MAKE);
    lib.on_job("make").exits(1).then().exits(0);
    let build = app.create_build();
    fake.run_until_idle();
    lib.latest_build().job("make").retry();
    fake.run_until_idle();
    assert_eq!(lib.latest_build().state(), BuildState::Passed);
    assert_eq!(states(&build), "failed");
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn a_step_whose_build_is_refused_by_its_own_condition_fails() {
    // Given a pipeline whose steps cannot be filled in
    let (_fake, app, lib) = pair("", "{command: make, label: $BUILDKITE_AGENT_NAME}");
    let build = app.create_build();
    assert_eq!(lib.builds().len(), 0);
    assert_eq!(states(&build), "failed");
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn a_trigger_step_behind_a_failure_makes_no_build() {
    let fake = FakeBuildkite::start();
    let lib = fake.pipeline("lib").create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: make}, wait, {trigger: lib}]")
        .create();
    app.on_job("make").exits(1);
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(states(&build), "failed waiting_failed waiting_failed");
    assert_eq!(lib.builds().len(), 0);
}

#[test]
fn a_build_that_is_triggered_knows_by_whom_in_its_configuration() {
    let (fake, app, _lib) = pair(
        "",
        "{label: From $BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG, command: make, \
         if: build.source == 'trigger_job'}",
    );
    app.create_build();
    let child = client(&fake).build("lib", 1);
    assert_eq!(child["jobs"][0]["name"].str(), "From app");
    assert_eq!(child["jobs"][0]["state"].str(), "scheduled");
}

#[test]
fn a_build_whose_triggered_build_was_skipped_did_not_run() {
    // Given a pipeline that skips builds that still wait for an agent
    let fake = FakeBuildkite::start();
    let lib = fake
        .pipeline("lib")
        .steps("steps: [{command: make, key: make}]")
        .skip_intermediate_builds()
        .create();
    lib.on_job("make").never_picked_up();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib}, {command: never, if: 'false'}]")
        .create();
    // When it is triggered twice, then the first trigger is skipped with its build, and nothing else was to be done
    let older = app.create_build();
    app.create_build();
    assert_eq!(states(&older), "skipped broken");
    assert_eq!(older.state(), BuildState::NotRun);
}

#[test]
fn a_pipeline_that_triggers_itself_does_not_skip_the_build_that_did() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: app, if: build.source != 'trigger_job'}, {command: make}]")
        .skip_intermediate_builds()
        .create();
    let outer = app.create_build();
    fake.run_until_idle();
    assert_eq!(states(&outer), "passed passed");
    assert_eq!(states(&app.build_number(2)), "broken passed");
}

#[test]
fn pipelines_that_trigger_each_other_cancel_only_older_builds() {
    let fake = FakeBuildkite::start();
    fake.pipeline("lib")
        .steps("steps: [{trigger: app}]")
        .create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib}]")
        .cancel_intermediate_builds()
        .create();
    let build = app.create_build();
    fake.run_until_idle();
    assert!(build.is_finished());
}

#[test]
fn a_build_that_only_triggers_others_ran_all_the_same() {
    let (fake, app, _) = pair(", async: true", MAKE);
    let build = app.create_build();
    assert_eq!(build.state(), BuildState::Passed);
    let events = fake.events().to_string();
    assert!(events.contains("app#1 scheduled -> running"), "{events}");
}

#[test]
fn steps_that_can_go_on_at_the_same_time_trigger_their_builds_in_the_order_in_which_they_stand() {
    let cases = [
        // From the start: one waits for nothing, one for a step that is left out.
        "[{trigger: lib, label: first},
          {command: make, key: never, if: 'false'},
          {trigger: lib, label: second, depends_on: never}]",
        // Later: what the second waits for comes before what the first waits for.
        "[{command: make, key: make},
          {wait: ~, key: early, depends_on: make},
          {wait: ~, key: late, depends_on: make},
          {trigger: lib, label: first, depends_on: late},
          {trigger: lib, label: second, depends_on: early}]",
    ];
    for steps in cases {
        let fake = FakeBuildkite::start();
        let lib = fake.pipeline("lib").create();
        let app = fake.pipeline("app").steps(format!("steps: {steps}"));
        app.create().create_build();
        fake.run_until_idle();
        // A label is the default message.
        let message = |number| lib.build_number(number).message();
        assert_eq!(message(1).as_deref(), Some("first"), "{steps}");
        assert_eq!(message(2).as_deref(), Some("second"), "{steps}");
    }
}

#[test]
fn parallel_triggers_are_told_apart_by_their_labels() {
    let (_fake, app, lib) = pair(", parallelism: 2, label: 'Lib %N of %t'", MAKE);
    let build = app.create_build();
    let names: Vec<_> = build
        .all_jobs()
        .iter()
        .map(fake_buildkite::JobHandle::name)
        .collect();
    assert_eq!(names, ["Lib 1 of 2", "Lib 2 of 2"]);
    assert_eq!(
        lib.build_number(2).message().as_deref(),
        Some("Lib 2 of 2"),
        "a label is the default message"
    );
}

#[test]
fn parallel_triggers_tell_their_builds_which_they_are() {
    let (fake, app, lib) = pair(", parallelism: 2", MAKE);
    app.create_build();
    for (n, build) in (0..).zip(lib.builds()) {
        let env = &rest(&fake, &build, "lib")["env"];
        assert_eq!(env["BUILDKITE_PARALLEL_JOB"].str(), n.to_string());
        assert_eq!(env["BUILDKITE_PARALLEL_JOB_COUNT"].str(), "2");
    }
}

#[test]
fn a_trigger_fails_when_the_pipeline_it_waits_for_is_deleted() {
    let (fake, app, lib) = pair("", MAKE);
    lib.on_job("make").hangs();
    let build = app.create_build();
    fake.advance(minutes(1));
    let gone = client(&fake).delete("/organizations/acme/pipelines/lib");
    assert_eq!(gone.status, 204);
    assert_eq!(build.job("go").state().to_string(), "failed");
    assert_eq!(build.state(), BuildState::Failed);
}
