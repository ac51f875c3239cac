//! Jobs that upload steps into their own build: where the steps go, what waits for them, and what is refused.

use fake_buildkite::{
    BuildHandle, BuildState, EventKind, FakeBuildkite, JobState, PipelineUpload, UploadStage,
    minutes, seconds,
};

use crate::story::{Story, names, states, text};
use crate::support::{client, panic_of, world};

/// A build whose job `gen` runs in the hands of the test, and the fake it is in.
fn generating(steps: &str) -> (FakeBuildkite, BuildHandle) {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps(format!("steps: [{steps}]"))
        .create_build();
    build.job("gen").start();
    (fake, build)
}

/// The names of all jobs, in the order in which their steps stand.
fn order(build: &BuildHandle) -> String {
    let names: Vec<_> = build
        .all_jobs()
        .iter()
        .map(fake_buildkite::JobHandle::name)
        .collect();
    names.join(" ")
}

const GEN: &str = "{command: generate, key: gen}";

#[test]
fn rule_6_7_uploaded_steps_stand_right_behind_the_step_that_uploaded_them() {
    let (_fake, build) = generating(&format!(
        "{{command: a, key: a}}, {GEN}, {{command: z, key: z}}"
    ));
    build
        .job("gen")
        .upload_pipeline("steps: [{command: x, key: x}, {command: y, key: y}]");
    assert_eq!(order(&build), "a gen x y z");
    // A second upload goes to the same place, and so before the first
    build
        .job("gen")
        .upload_pipeline("steps: [{command: v, key: v}, {command: w, key: w}]");
    assert_eq!(order(&build), "a gen v w x y z");
}

#[test]
fn rule_6_7_every_document_of_a_stream_is_an_upload_of_its_own() {
    let (_fake, build) = generating(GEN);
    build
        .job("gen")
        .upload_pipeline("- {command: a, key: a}\n---\n- {command: b, key: b}\n");
    assert_eq!(order(&build), "gen b a");
}

#[test]
fn a_document_of_a_stream_finds_what_those_before_it_set() {
    // As in the agent, which has one environment for all of them
    let (fake, build) = generating(GEN);
    build.job("gen").upload_pipeline(
        "env: {A: one, B: $A}\nsteps: []\n---\nenv: {A: two}\nsteps: [{command: $A $B, key: x}]\n",
    );
    assert_eq!(command_of(&fake, "x"), "two one");
}

#[test]
fn rule_6_1_uploaded_steps_wait_for_the_step_that_uploaded_them_whatever_they_say() {
    let (fake, build) = generating(GEN);
    build.job("gen").upload_pipeline(
        "steps:
           - {command: a, key: a}
           - {command: b, key: b, depends_on: []}
           - {command: c, key: c, depends_on: gen, allow_dependency_failure: true}",
    );
    assert_eq!(states(&build), "running waiting waiting waiting");
    fake.advance(minutes(5));
    let ended = fake.clock().now();
    build.job("gen").pass();
    for key in ["a", "b", "c"] {
        assert_eq!(build.job(key).runnable_at(), Some(ended), "{key}");
    }
    fake.run_until_idle();
    assert_eq!(states(&build), "passed passed passed passed");
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn rule_6_1_what_a_failed_step_uploaded_does_not_run_even_if_it_allows_failures() {
    for failure in ["fail", "cancel", "lost"] {
        let (fake, build) = generating(GEN);
        build.job("gen").upload_pipeline(
            "steps:
               - {command: a, key: a}
               - {command: b, key: b, allow_dependency_failure: true}
               - {wait: ~, continue_on_failure: true}
               - {command: c, key: c}",
        );
        match failure {
            "fail" => build.job("gen").fail(1),
            "cancel" => build.job("gen").cancel(),
            _ => build.job("gen").lose_agent(),
        }
        fake.run_until_idle();
        let uploaded = states(&build);
        let uploaded = uploaded.split_once(' ').expect("several jobs").1;
        assert_eq!(
            uploaded, "waiting_failed waiting_failed waiting_failed waiting_failed",
            "{failure}"
        );
        assert_eq!(build.state(), BuildState::Failed);
    }
}

#[test]
fn rule_6_1_a_soft_failure_and_a_retry_that_passes_let_uploaded_steps_run() {
    // Given two steps that upload and fail, one of them softly, the other once
    let mut story = Story::told(
        "steps:
           - {command: a, key: soft, soft_fail: true}
           - {command: b, key: again, retry: {automatic: true}}",
        |app| {
            app.on_job("soft")
                .uploads("steps: [{command: x, key: x}]")
                .exits(1);
            app.on_job("again")
                .uploads("steps: [{command: y, key: y}]")
                .exits(1)
                .then()
                .exits(0);
        },
    );
    story.run();
    story.check(
        "failed+soft passed failed+retried passed passed",
        "scheduled running passed",
        "started 1, finished 33",
    );
}

#[test]
fn rule_6_3_a_wait_behind_an_upload_waits_for_what_was_uploaded_before_it() {
    let mut story = Story::told(
        "steps: [{command: generate, key: gen}, wait, {command: ship, key: ship}]",
        |app| {
            app.on_job("gen")
                .uploads("steps: [{command: make, key: made}]");
            app.on_job("made").takes(minutes(10));
        },
    );
    story.run();
    // 1 + 10 for `gen`, 1 + 600 for `made`, 1 + 10 for `ship`
    story.check(
        "passed passed passed passed",
        "scheduled running passed",
        "started 1, finished 623",
    );
}

#[test]
fn rule_6_3_a_wait_that_was_uploaded_holds_back_what_stands_behind_it() {
    let mut story = Story::told(
        "steps: [{command: slow, key: slow}, {command: generate, key: gen}, {command: free, key: free}]",
        |app| {
            app.on_job("slow").takes(minutes(1));
            app.on_job("gen")
                .uploads("steps: [wait, {command: make, key: made}]");
        },
    );
    story.run();
    // `free` had begun; `made` waits for all before the wait, `slow` included: 1 + 60, 1 + 10
    story.check(
        "passed passed passed passed passed",
        "scheduled running passed",
        "started 1, finished 72",
    );
}

#[test]
fn rule_6_2_to_depend_on_a_step_is_to_depend_on_all_it_uploads_and_they_upload() {
    let mut story = Story::told(
        "steps: [{command: generate, key: gen}, {command: after, key: after, depends_on: gen}]",
        |app| {
            app.on_job("gen")
                .uploads("steps: [{command: more, key: more}]");
            app.on_job("more")
                .uploads("steps: [{command: last, key: last, depends_on: gen}]");
        },
    );
    story.run();
    // `last` names `gen`, which waits for nothing of what it uploads itself
    let ran = |key: &str| story.build.job(key).started_at().expect("it ran");
    assert!(ran("more") > ran("gen") && ran("last") > ran("more") && ran("after") > ran("last"));
    assert_eq!(states(&story.build), "passed passed passed passed");
}

#[test]
fn rule_6_2_a_later_upload_may_bring_the_step_another_one_waits_for() {
    let mut story = Story::told(
        "steps: [{command: generate, key: gen}, {command: late, key: late, depends_on: made}]",
        |app| {
            app.on_job("gen")
                .uploads("steps: [{command: make, key: made}]");
        },
    );
    assert!(
        story
            .build
            .timeline()
            .to_string()
            .contains("needs `made`, which no step is called")
    );
    story.run();
    story.check(
        "passed passed passed",
        "scheduled running passed",
        "started 1, finished 33",
    );
}

#[test]
fn rule_4_5_uploaded_jobs_are_created_at_the_upload_and_scheduled_when_their_uploader_was() {
    let mut story = Story::told("steps: [{command: generate, key: gen}]", |app| {
        app.on_job("gen")
            .uploads_after(seconds(5), "steps: [{command: make, key: made}]");
    });
    story.run();
    let (uploader, made) = (story.job("gen"), story.job("made"));
    assert_eq!(made["scheduled_at"], uploader["scheduled_at"]);
    assert_eq!(made["created_at"], text("2030-01-01T00:00:06.000Z"));
    assert_eq!(made["runnable_at"], uploader["finished_at"]);
}

#[test]
fn rule_10_1_uploaded_jobs_queue_behind_older_builds_in_their_concurrency_group() {
    // Given two builds; the older one uploads its step of the group after the younger one's was created
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: generate, key: gen}]")
        .create();
    let group = "concurrency: 1, concurrency_group: deploy";
    let direct = fake
        .pipeline("direct")
        .steps(format!("steps: [{{command: a, key: a, {group}}}]"))
        .create();
    let older = app.create_build();
    older.job("gen").start();
    let younger = direct.create_build();
    younger.job("a").start();
    fake.advance(seconds(1));
    older
        .job("gen")
        .upload_pipeline(format!("steps: [{{command: b, key: b, {group}}}]"));
    let last = direct.create_build();
    older.job("gen").pass();
    // Then what was uploaded is behind the one that is there and before the one made later
    younger.job("a").pass();
    assert!(older.job("b").runnable_at().is_some());
    assert_eq!(last.job("a").runnable_at(), None);
}

#[test]
fn rule_10_1_a_gate_that_is_uploaded_before_a_job_lets_others_of_its_group_pass() {
    // Given a build whose deploy waits for what comes before it, and a younger build whose deploy is behind it in the
    // group
    let fake = FakeBuildkite::start();
    let deploy = "{command: deploy, key: deploy, concurrency: 1, concurrency_group: g}";
    let steps = format!("steps: [{GEN}, {{wait: ~, continue_on_failure: true}}, {deploy}]");
    let older = fake.pipeline("app").steps(steps).create_build();
    older.job("gen").start();
    let younger = fake
        .pipeline("other")
        .steps(format!("steps: [{deploy}]"))
        .create_build();
    fake.advance(minutes(1));
    assert_eq!(younger.job("deploy").runnable_at(), None);
    // When a block step comes in front of the older one's
    older.job("gen").upload_pipeline("steps: [{block: Ship?}]");
    // Then it is a member no more until somebody unblocks it
    assert!(younger.job("deploy").runnable_at().is_some());
}

#[test]
fn rule_10_2_a_matrix_that_was_uploaded_has_its_dimensions_in_alphabetical_order() {
    let matrix = "{command: make, label: '{{matrix.os}} {{matrix.arch}}', matrix: {setup: {os: [l, w], arch: [a, b]}}}";
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(format!("steps: [{GEN}, {matrix}]"))
        .create();
    let build = app.create_build();
    build.job("gen").start();
    build
        .job("gen")
        .upload_pipeline(format!("steps: [{matrix}]"));
    let json = client(&fake).build("app", 1);
    let labels: Vec<_> = json["jobs"].items()[1..]
        .iter()
        .map(|job| job["name"].str())
        .collect();
    assert_eq!(
        labels,
        ["l a", "w a", "l b", "w b", "l a", "l b", "w a", "w b"]
    );
}

#[test]
fn an_upload_is_interpolated_from_the_environment_of_its_job() {
    let fake = FakeBuildkite::start();
    let steps = "env: {A: pipeline, B: pipeline, C: pipeline}\nsteps: [{command: generate, key: gen, env: {C: step}}]";
    let build = fake
        .pipeline("app")
        .steps(steps)
        .create()
        .build()
        .branch("feature")
        .env("B", "build")
        .create();
    build.job("gen").start();
    let labels = "steps: [{command: $A $B $C, label: '$BUILDKITE_BRANCH of ${BUILDKITE_PIPELINE_SLUG} #$BUILDKITE_BUILD_NUMBER by $BUILDKITE_STEP_KEY, $$NOT', key: 'made-${X:-y}'}]";
    build.job("gen").upload_pipeline(labels);
    let json = client(&fake).build("app", 1);
    assert_eq!(names_behind(&json), ["feature of app #1 by gen, $NOT"]);
    assert_eq!(json["jobs"][1]["command"].str(), "pipeline build step");
    assert_eq!(json["jobs"][1]["step_key"].str(), "made-y");
    // A file's own env counts for the rest of the file, and for its steps below their own
    let file = "env: {A: file, D: file}\nsteps: [{command: $A, key: own, env: {D: '$D and step'}}]";
    build.job("gen").upload_pipeline(file);
    build.job("gen").pass();
    build.job("own").start();
    build
        .job("own")
        .upload_pipeline("steps: [{command: '$A, $D', key: inner}]");
    assert_eq!(command_of(&fake, "own"), "file");
    assert_eq!(command_of(&fake, "inner"), "file, file and step");
    // Without interpolation nothing is touched
    build.job("own").upload_pipeline(
        PipelineUpload::yaml("steps: [{command: $A $$B, key: raw}]").without_interpolation(),
    );
    assert_eq!(command_of(&fake, "raw"), "$A $$B");
}

fn names_behind(build: &crate::support::Json) -> Vec<&str> {
    let jobs = build["jobs"].items()[1..].iter();
    jobs.map(|job| job["name"].str()).collect()
}

fn command_of(fake: &FakeBuildkite, key: &str) -> String {
    let build = client(fake).build("app", 1);
    let found = build["jobs"]
        .items()
        .iter()
        .find(|job| job["step_key"] == text(key));
    found.expect("a job")["command"].str().to_owned()
}

#[test]
fn an_upload_finds_the_variables_a_recorded_job_had() {
    // In the recorded order; what is not here is only there for some jobs
    let recorded = "CI BUILDKITE BUILDKITE_ORGANIZATION_SLUG BUILDKITE_PIPELINE_SLUG BUILDKITE_PIPELINE_NAME BUILDKITE_PIPELINE_ID BUILDKITE_PIPELINE_PROVIDER BUILDKITE_PIPELINE_DEFAULT_BRANCH BUILDKITE_REPO BUILDKITE_BUILD_ID BUILDKITE_BUILD_NUMBER BUILDKITE_BUILD_URL BUILDKITE_BRANCH BUILDKITE_TAG BUILDKITE_COMMIT BUILDKITE_MESSAGE BUILDKITE_SOURCE BUILDKITE_BUILD_AUTHOR BUILDKITE_BUILD_AUTHOR_EMAIL BUILDKITE_BUILD_CREATOR BUILDKITE_BUILD_CREATOR_EMAIL BUILDKITE_REBUILT_FROM_BUILD_ID BUILDKITE_REBUILT_FROM_BUILD_NUMBER BUILDKITE_PULL_REQUEST BUILDKITE_PULL_REQUEST_BASE_BRANCH BUILDKITE_PULL_REQUEST_REPO BUILDKITE_TRIGGERED_FROM_BUILD_ID BUILDKITE_TRIGGERED_FROM_BUILD_NUMBER BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG BUILDKITE_JOB_ID BUILDKITE_LABEL BUILDKITE_COMMAND BUILDKITE_ARTIFACT_PATHS BUILDKITE_RETRY_COUNT BUILDKITE_TIMEOUT BUILDKITE_STEP_KEY BUILDKITE_STEP_ID BUILDKITE_PROJECT_SLUG BUILDKITE_PROJECT_PROVIDER BUILDKITE_SCRIPT_PATH BUILDKITE_AGENT_ID BUILDKITE_AGENT_NAME BUILDKITE_AGENT_META_DATA_QUEUE BUILDKITE_STEP_IDENTIFIER";
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: generate, key: gen, timeout_in_minutes: 5, parallelism: 1, retry: {automatic: true}}]";
    let build = fake
        .pipeline("app")
        .steps(steps)
        .create()
        .build()
        .message("Try")
        .create();
    build.job("gen").fail(1);
    build.job("gen").start();
    // `?` refuses a variable that is not set, empty ones pass
    let all = format!("${{{}?}}", recorded.replace(' ', "?}${"));
    build
        .job("gen")
        .upload_pipeline(format!("steps: [{{command: '{all}', key: all}}]"));
    let some = "$BUILDKITE_RETRY_COUNT $BUILDKITE_TIMEOUT $BUILDKITE_PULL_REQUEST $BUILDKITE_PARALLEL_JOB_COUNT $BUILDKITE_AGENT_META_DATA_QUEUE $BUILDKITE_PROJECT_SLUG $BUILDKITE_MESSAGE $BUILDKITE_SOURCE";
    build
        .job("gen")
        .upload_pipeline(format!("steps: [{{command: '{some}', key: some}}]"));
    assert_eq!(
        command_of(&fake, "some"),
        "1 5 false 1 default acme/app Try api"
    );
}

#[test]
fn what_excludes_a_step_is_asked_of_the_running_build_when_it_is_uploaded() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(format!("steps: [{GEN}]"))
        .create();
    let build = app.build().changed_files(["docs/a.md"]).create();
    build.job("gen").start();
    build.job("gen").upload_pipeline(
        "steps:
           - {command: a, key: a, if: build.state == 'started'}
           - {command: b, key: b, if: build.state == 'running'}
           - {command: c, key: c, if: build.state == 'creating'}
           - {command: d, key: d, branches: other}
           - {command: e, key: e, skip: not now}
           - {command: f, key: f, if_changed: src/**}
           - {command: g, key: g, if_changed: docs/**}
           - {group: g, if: build.branch != 'main', steps: [{command: h, key: h}]}",
    );
    let reasons: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"]
        .iter()
        .map(|key| build.job(key).broken_reason().unwrap_or_default())
        .collect();
    assert_eq!(
        reasons,
        [
            "",
            "",
            "conditional_failed",
            "branch_mismatch",
            "not now",
            "if_changed matched no unexcluded changed files in this build",
            "",
            "conditional_failed"
        ]
    );
}

#[test]
fn an_uploaded_wait_beside_a_block_step_is_dropped() {
    let (_fake, build) = generating(&format!("{GEN}, {{block: Ship?, key: ship}}"));
    build
        .job("gen")
        .upload_pipeline("steps: [{command: a, key: a}, {wait: ~, key: w}]");
    assert_eq!(
        build.job("w").broken_reason().as_deref(),
        Some("optimizer_removed")
    );
}

#[test]
fn an_uploaded_block_step_can_be_unblocked_at_once_and_opens_when_its_uploader_has_passed() {
    let (fake, build) = generating(GEN);
    build
        .job("gen")
        .upload_pipeline("steps: [{block: Ship?}, {command: ship, key: ship}]");
    assert_eq!(states(&build), "running blocked waiting");
    build.job("Ship?").unblock();
    assert_eq!(states(&build), "running unblocked waiting");
    build.job("gen").pass();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed unblocked passed");
}

#[test]
fn an_uploaded_trigger_step_makes_its_build() {
    let mut story = Story::told("steps: [{command: generate, key: gen}]", |app| {
        app.on_job("gen").uploads("steps: [{trigger: app, async: true, if: build.number < 0, key: no}, {trigger: other, key: yes}]".replace("build.number < 0", "build.number == 0").as_str());
    });
    let other = story.fake.pipeline("other").create();
    story.run();
    assert_eq!(other.builds().len(), 1);
    assert_eq!(states(&story.build), "passed broken passed");
}

// --- Groups ----------------------------------------------------------------------------------------------------------

#[test]
fn rule_6_6_a_group_is_merged_if_its_uploader_is_in_one_of_the_same_label_and_it_comes_first() {
    let (fake, build) = generating(&format!(
        "{{group: Setup, key: setup, steps: [{GEN}, {{command: b, key: b}}]}}, {{command: z, key: z, depends_on: setup}}"
    ));
    build.job("gen").upload_pipeline(
        "steps:
           - {group: Setup, steps: [{command: m, key: m}]}
           - {group: Setup, key: second, steps: [{command: n, key: n}]}",
    );
    assert_eq!(
        order(&build),
        "gen m b n z",
        "the merged steps are inside, the rest is behind the group"
    );
    let groups: Vec<_> = client(&fake).build("app", 1)["jobs"]
        .items()
        .iter()
        .map(|job| job["group_key"].clone())
        .collect();
    let setup = || text("setup");
    assert_eq!(groups[..4], [setup(), setup(), setup(), text("second")]);
}

#[test]
fn rule_6_6_a_group_of_the_same_label_stays_alone_if_its_uploader_is_in_none() {
    let (fake, build) = generating(&format!(
        "{GEN}, {{group: Setup, key: setup, steps: [{{command: b, key: b}}]}}"
    ));
    build
        .job("gen")
        .upload_pipeline("steps: [{group: Setup, key: other, steps: [{command: m, key: m}]}]");
    assert_eq!(order(&build), "gen m b");
    assert_eq!(
        client(&fake).build("app", 1)["jobs"][1]["group_key"],
        text("other")
    );
}

#[test]
fn rule_6_4_what_a_step_inside_a_group_uploads_is_waited_for_outside_and_by_waits_inside() {
    let mut story = Story::told(
        "steps:
           - group: g
             steps: [{command: generate, key: gen}, wait, {command: inner, key: inner}]
           - wait
           - {command: outer, key: outer}",
        |app| {
            app.on_job("gen")
                .uploads("steps: [{command: make, key: made}]");
        },
    );
    story.run();
    let ran = |key: &str| story.build.job(key).started_at().expect("it ran");
    assert!(
        ran("inner") > ran("made") && ran("outer") > ran("inner"),
        "{}",
        story.build.timeline()
    );
    assert_eq!(story.build.state(), BuildState::Passed);
}

#[test]
fn rule_6_6_groups_of_two_documents_are_two_groups() {
    // Given a job that uploads a stream: a group with a wait step, and another group
    let (_fake, build) = generating(GEN);
    build.job("gen").upload_pipeline(
        "- {group: A, steps: [{command: a, key: a}, wait, {command: b, key: b}]}\n---\n\
         - {group: B, steps: [{command: c, key: c}]}\n",
    );
    build.job("gen").pass();
    // When all before the wait step has passed
    build.job("a").pass();
    // Then what is behind it does not wait for the other group
    assert_eq!(build.job("c").state(), JobState::Scheduled);
    assert_eq!(build.job("b").state(), JobState::Scheduled);
}

#[test]
fn rule_6_6_a_merged_group_may_have_the_key_of_the_other_and_of_no_other_step() {
    let (_fake, build) = generating(&format!(
        "{{group: Setup, key: setup, steps: [{GEN}]}}, {{command: z, key: z}}"
    ));
    let upload = |key: &str| {
        let yaml = format!("steps: [{{group: Setup, key: {key}, steps: [{{command: m}}]}}]");
        build.job("gen").try_upload_pipeline(yaml)
    };
    let refused = upload("z").expect_err("the key of another step");
    assert_eq!(
        refused.message,
        "The key \"z\" has already been used by another step in this build"
    );
    assert_eq!(upload("setup"), Ok(()));
}

// --- Replacing -------------------------------------------------------------------------------------------------------

#[test]
fn rule_6_7_replace_removes_what_has_not_begun_and_keeps_the_rest() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
               - {command: done, key: done}
               - {command: runs, key: runs}
               - {command: generate, key: gen}
               - {command: queued, key: queued}
               - wait
               - {command: mid, key: mid}
               - {block: Ship?, key: ship}
               - {command: last, key: last, concurrency: 1, concurrency_group: g}",
        )
        .create();
    app.on_job("queued").never_picked_up();
    let build = app.create_build();
    build.job("done").pass();
    build.job("runs").start();
    build.job("gen").start();
    let gone = build.job("last");
    let removed = gone.id();
    build
        .job("gen")
        .upload_pipeline(PipelineUpload::yaml("steps: [{command: new, key: last}]").replacing());
    assert_eq!(order(&build), "done runs gen last", "its key is free again");
    build.job("runs").pass();
    build.job("gen").pass();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed passed passed passed");
    assert_eq!(build.state(), BuildState::Passed);
    // The removed job is nowhere any more
    assert_eq!(
        panic_of(|| gone.state()),
        "this job is gone: its pipeline was deleted, an upload replaced its step, or the fake went back to before it was made"
    );
    let jobs = format!("/organizations/acme/jobs/{removed}/retry");
    assert_eq!(client(&fake).put(&jobs).status, 404);
    let counts = client(&fake)
        .get("/organizations/acme/pipelines/app")
        .expect(200);
    assert_eq!(
        counts["waiting_jobs_count"].number() + counts["scheduled_jobs_count"].number(),
        0
    );
}

#[test]
fn rule_6_7_replace_with_nothing_leaves_what_has_begun() {
    let (fake, build) = generating(&format!("{GEN}, wait, {{command: ship, key: ship}}"));
    build
        .job("gen")
        .upload_pipeline(PipelineUpload::yaml("steps: []").replacing());
    assert_eq!(order(&build), "gen");
    build.job("gen").pass();
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn rule_6_7_replace_keeps_a_step_of_which_one_job_has_begun() {
    let (fake, build) = generating(&format!(
        "{GEN}, {{command: p, key: p, parallelism: 3}}, wait, {{trigger: app, key: t}}, {{block: Ship?}}, {{command: z, key: z, depends_on: p}}"
    ));
    build.jobs("p")[1].start();
    build
        .job("gen")
        .upload_pipeline(PipelineUpload::yaml("steps: [{command: n, key: z}]").replacing());
    assert_eq!(order(&build), "gen z p p p");
    build.jobs("p")[1].pass();
    build.job("gen").pass();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed passed passed passed passed");
}

#[test]
fn rule_6_7_replace_removes_a_matrix_of_which_some_is_skipped_and_keeps_what_is_skipped_whole() {
    let (_fake, build) = generating(&format!(
        "{GEN}, {{command: '{{{{matrix}}}}', key: m, matrix: {{setup: [a, b], adjustments: [{{with: a, skip: true}}]}}}}, {{command: s, key: s, skip: true}}"
    ));
    assert_eq!(states(&build), "running broken scheduled broken");
    build
        .job("gen")
        .upload_pipeline(PipelineUpload::yaml("steps: [{command: n, key: m}]").replacing());
    assert_eq!(order(&build), "gen m s");
}

#[test]
fn rule_6_7_every_document_of_a_stream_replaces_those_before_it() {
    // As in the agent, which asks for it with each of them
    let (_fake, build) = generating(&format!("{GEN}, {{command: z, key: z}}"));
    let stream =
        "- {command: a, key: a}\n- {command: s, key: s, skip: true}\n---\n- {command: b, key: a}\n";
    build
        .job("gen")
        .upload_pipeline(PipelineUpload::yaml(stream).replacing());
    assert_eq!(order(&build), "gen a s");
    let again = "- {command: c, key: c, skip: true}\n---\n- {command: d, key: c}\n";
    let refused = build
        .job("gen")
        .try_upload_pipeline(PipelineUpload::yaml(again).replacing());
    assert_eq!(
        refused.expect_err("a step that is skipped stays").message,
        "The key \"c\" has already been used by another step in this build"
    );
}

#[test]
fn replacing_makes_retries_of_an_uploader_safe() {
    // As the docs recommend it
    let replacing = || {
        PipelineUpload::yaml("steps: [{command: a, key: a}, wait, {command: z, key: z}]")
            .replacing()
    };
    let mut story = Story::told(
        "steps: [{command: generate, key: gen, retry: {automatic: true}}]",
        |app| {
            app.on_job("gen")
                .uploads(replacing())
                .exits(1)
                .then()
                .uploads(replacing());
        },
    );
    story.run();
    assert_eq!(story.jobs(), "failed+retried passed passed passed passed");
    assert_eq!(story.build.state(), BuildState::Passed);
}

#[test]
fn what_an_upload_replaces_does_not_count_against_its_limits() {
    let fake = FakeBuildkite::builder().enforce_limits().start();
    let steps = format!("steps: [{GEN}]");
    let build = fake.pipeline("app").steps(steps).create_build();
    build.job("gen").start();
    let jobs = "steps: [{command: x, parallelism: 500}]";
    for _ in 0..7 {
        build.job("gen").upload_pipeline(jobs);
    }
    assert!(build.job("gen").try_upload_pipeline(jobs).is_err());
    build
        .job("gen")
        .upload_pipeline(PipelineUpload::yaml(jobs).replacing());
    assert_eq!(build.all_jobs().len(), 501);
}

// --- Refusals --------------------------------------------------------------------------------------------------------

#[test]
fn an_upload_is_refused_whole_and_changes_nothing() {
    for (yaml, by, message) in [
        (
            "steps: [{command: x, key: gen}]",
            UploadStage::Server,
            "The key \"gen\" has already been used by another step in this build",
        ),
        (
            "steps: [{command: x, key: a}]\n---\nsteps: [{command: y, key: a}]",
            UploadStage::Server,
            "The key \"a\" has already been used by another step in this build",
        ),
        (
            "steps: [{command: x, key: inside}]",
            UploadStage::Server,
            "The key \"inside\" has already been used by another step in this build",
        ),
        (
            "steps: [{command: x, key: group}]",
            UploadStage::Server,
            "The key \"group\" has already been used by another step in this build",
        ),
        (
            "steps: [{command: x}, {command: y, agent: z}]",
            UploadStage::Server,
            "`agent` is not a valid property on the `command` step, perhaps you meant `agents`? (line 1, column 36, step 2)",
        ),
        (
            "steps: {a: b}",
            UploadStage::Agent,
            "unmarshaling Pipeline: unmarshaling steps: got []interface {}, want a slice ([]any) (line 1, column 8)",
        ),
        (
            "steps: [{command: '${A?not there}'}]",
            UploadStage::Agent,
            "interpolating command: $A: not there (line 1, column 19, step 1)",
        ),
        (
            "steps: [{command: a, if: build.branch}]",
            UploadStage::Server,
            "expected boolean result, got string",
        ),
        (
            "notify: [{slack: a, if: build.state == 'finished'}]\nsteps: [{command: a}]",
            UploadStage::Server,
            "The `slack` notification is invalid: `if` expression failed to parse: \"finished\" is not a valid `build.state` (line 1, column 16-25)",
        ),
        (
            "steps: [{group: g, notify: [{slack: a, if: step.outcome == 'bad'}], steps: [{command: a}]}]",
            UploadStage::Server,
            "The `slack` notification is invalid: `if` expression failed to parse: \"bad\" is not a valid `step.outcome` (line 1, column 17-21)",
        ),
    ] {
        let (fake, build) = generating(&format!(
            "{GEN}, {{group: g, key: group, steps: [{{command: i, key: inside}}]}}"
        ));
        let before = world(&fake, &["acme"]);
        let refused = build.job("gen").try_upload_pipeline(yaml).expect_err(yaml);
        assert_eq!(
            (refused.message.as_str(), refused.by),
            (message, by),
            "{yaml}"
        );
        assert_eq!(
            refused.to_string(),
            format!("app#1 gen cannot upload this pipeline: {message}")
        );
        assert_eq!(world(&fake, &["acme"]), before, "{yaml}");
    }
}

#[test]
fn only_a_job_on_an_agent_in_a_running_build_can_upload() {
    let upload = "steps: [{command: x}]";
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(format!("steps: [{GEN}, wait]"))
        .create();
    let refused = |build: &BuildHandle| {
        build
            .job("gen")
            .try_upload_pipeline(upload)
            .expect_err("refused")
    };
    // Before it runs, and after
    let build = app.create_build();
    assert_eq!(
        panic_of(|| build.job("gen").upload_pipeline(upload)),
        "app#1 gen cannot upload this pipeline: no agent works on the job"
    );
    assert_eq!(refused(&build).by, UploadStage::Agent);
    build.job("gen").pass();
    assert_eq!(refused(&build).message, "no agent works on the job");
    // While nobody hears of its agent
    let build = app.create_build();
    build.job("gen").start();
    build.job("gen").silence_agent();
    assert_eq!(refused(&build).message, "no agent works on the job");
    // While its build is being canceled
    let build = app.create_build();
    build.job("gen").start();
    build.cancel();
    let error = refused(&build);
    assert_eq!(
        error.message,
        "You can only change the pipeline of a running build"
    );
    assert_eq!(error.by, UploadStage::Server);
    // A job that is being stopped can still upload in a build that goes on
    let build = app.create_build();
    build.job("gen").start();
    build.job("gen").time_out();
    build.job("gen").upload_pipeline(upload);
    build.job("gen").finish(0);
    fake.run_until_idle();
    assert_eq!(states(&build), "passed passed passed");
    // A failing build can get steps as well
    let two = fake
        .pipeline("two")
        .steps(format!("steps: [{GEN}, {{command: a, key: a}}]"))
        .create_build();
    two.job("gen").start();
    two.job("a").fail(1);
    assert_eq!(two.state(), BuildState::Failing);
    two.job("gen").upload_pipeline(upload);
    assert_eq!(two.job("x").state(), JobState::Waiting);
}

#[test]
fn a_scripted_upload_that_is_refused_fails_its_command_and_says_why_in_the_log() {
    let mut story = Story::told(
        "steps: [{command: generate, key: gen}, {command: a, key: a}]",
        |app| {
            app.on_job("gen")
                .takes(minutes(1))
                .logs("generating\n")
                .uploads("steps: [{command: b, key: a}]");
        },
    );
    story.run();
    story.check(
        "failed passed",
        "scheduled running failed",
        "started 1, finished 61",
    );
    assert_eq!(
        story.build.job("gen").log(),
        "generating\npipeline upload rejected: The key \"a\" has already been used by another step in this build\n"
    );
    assert_eq!(story.build.job("gen").exit_status(), Some(1));
}

#[test]
fn a_scripted_upload_that_nobody_could_make_is_a_slip() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(format!("steps: [{GEN}]"))
        .create();
    assert_eq!(
        panic_of(|| app.on_job("gen").uploads("steps: [{comand: a}]")),
        "nobody can upload this YAML: Step is missing a type `{\"comand\":\"a\"}` (line 1, column 9, step 1)"
    );
    assert_eq!(
        panic_of(|| app.on_job("made")),
        "no step of pipeline `app` is called `made`; its command steps are `gen`. If a job will upload such a step, tell \
         its script first (`uploads(..)`), or use `on_uploaded_job`"
    );
    app.on_job("gen")
        .uploads("steps: [{group: g, steps: [{label: 'Make', command: m}]}]");
    app.on_job("Make").exits(3);
}

#[test]
fn an_upload_that_uploads_itself_ends_at_the_limit_of_uploads() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: again, label: again}]")
        .create();
    app.on_job("again")
        .takes(seconds(1))
        .uploads("steps: [{command: again, label: again}]");
    let build = app.create_build();
    fake.run_until_idle();
    let jobs = build.all_jobs();
    assert_eq!(jobs.len(), 501);
    let last = jobs
        .iter()
        .find(|job| job.state() == JobState::Failed)
        .expect("one failed");
    assert_eq!(
        last.log(),
        "pipeline upload rejected: 501 pipeline uploads in one build, of which 500 are allowed\n"
    );
}

#[test]
fn documented_limits_hold_where_a_fake_enforces_them() {
    let fake = FakeBuildkite::builder().enforce_limits().start();
    let app = fake
        .pipeline("app")
        .steps(format!("steps: [{GEN}]"))
        .create();
    let build = app.create_build();
    build.job("gen").start();
    let jobs = |count: u32| format!("steps: [{{command: x, parallelism: {count}}}]");
    for _ in 0..7 {
        build.job("gen").upload_pipeline(jobs(500));
    }
    let refused = build
        .job("gen")
        .try_upload_pipeline(jobs(500))
        .expect_err("too many");
    assert_eq!(
        refused.message,
        "4001 jobs in one build, of which 4000 are allowed"
    );
    build.job("gen").upload_pipeline(jobs(499));
    // A pipeline's own steps are held to them as well
    let big = fake.pipeline("big").steps(jobs(501)).create();
    let refused = client(&fake).post(
        "/organizations/acme/pipelines/big/builds",
        r#"{"commit":"a","branch":"b"}"#,
    );
    assert_eq!(
        refused.message(422),
        "501 jobs in one upload, of which 500 are allowed"
    );
    assert!(big.builds().is_empty());
}

// --- Events, retries, rebuilds ---------------------------------------------------------------------------------------

#[test]
fn an_upload_is_an_event_and_what_it_brings_is_seen_at_once() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(format!("steps: [{GEN}]"))
        .create();
    app.on_job("gen")
        .uploads_after(seconds(3), "steps: [wait, {command: a, key: a}]");
    app.create_build();
    fake.advance(seconds(1));
    let happened = fake.advance(seconds(3)).to_string();
    assert_eq!(
        happened,
        "2030-01-01T00:00:04.000Z app#1 gen uploaded 2 steps\n\
         2030-01-01T00:00:04.000Z app#1 wait created as waiting\n\
         2030-01-01T00:00:04.000Z app#1 a created as waiting\n"
    );
    let events = fake.events();
    let uploaded = events
        .iter()
        .find(|event| matches!(event.kind, EventKind::PipelineUploaded { .. }));
    let uploaded = uploaded.expect("an upload");
    assert_eq!(uploaded.job().expect("a job").name.as_ref(), "gen");
    assert_eq!(uploaded.build().map(|build| build.number), Some(1));
}

#[test]
fn a_passed_uploader_that_is_retried_uploads_the_same_keys_again_and_fails() {
    let mut story = Story::told(
        "steps: [{command: generate, key: gen, retry: {manual: {permit_on_passed: true}}}]",
        |app| {
            app.on_job("gen").uploads("steps: [{command: a, key: a}]");
        },
    );
    story.run();
    assert_eq!(story.put_job("gen", "retry").status, 200);
    story.run();
    assert_eq!(story.jobs(), "passed+retried failed passed");
    // Unless it replaces what was there: nothing pending is, so the key stays taken
    assert!(
        story
            .build
            .job("gen")
            .log()
            .contains("The key \"a\" has already been used")
    );
}

#[test]
fn a_rebuilt_build_uploads_anew_and_scripts_count_its_attempts() {
    let mut story = Story::told("steps: [{command: generate, key: gen}]", |app| {
        app.on_job("gen")
            .uploads("steps: [{command: a, key: a}]")
            .then()
            .uploads("steps: [{command: z, key: z}, {command: a, key: a}]");
        app.on_job("a").exits(1).then().exits(0);
    });
    story.run();
    assert_eq!(story.jobs(), "passed failed");
    assert_eq!(story.put("rebuild").status, 200);
    story.run();
    assert_eq!(states(&story.app.build_number(2)), "passed passed passed");
}

#[test]
fn a_client_sees_the_uploaded_jobs_where_they_stand() {
    let mut story = Story::told(
        "steps: [{command: g, label: Generate, key: gen}, {command: l, label: Last}]",
        |app| {
            app.on_job("gen")
                .uploads("steps: [{command: a, label: First}, {command: b, label: Second}]");
        },
    );
    story.run();
    let build = story.look();
    assert_eq!(names(&build), ["Generate", "First", "Second", "Last"]);
    assert_eq!(build["job_state_counts"]["total"].number(), 4);
}

#[test]
fn a_step_that_took_the_place_of_another_goes_on_with_its_script_when_it_is_rebuilt() {
    // Given a build whose `last` was replaced by another of that name, which failed
    let fake = FakeBuildkite::start();
    let steps = format!("steps: [{GEN}, wait, {{command: l, key: last}}]");
    let app = fake.pipeline("app").steps(steps).create();
    app.on_job("gen")
        .uploads(PipelineUpload::yaml("steps: [{command: n, key: last}]").replacing())
        .then();
    app.on_job("last").exits(1).then().exits(0);
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed failed");
    // When it is rebuilt, and nothing is replaced
    let again = build.rebuild();
    fake.run_until_idle();
    // Then that was the second attempt
    assert_eq!(states(&again), "passed passed passed");
}

#[test]
fn every_job_of_a_parallel_or_matrix_step_can_upload() {
    for several in ["parallelism: 3", "matrix: [x, y, z]"] {
        let steps =
            format!("steps: [{{command: g, key: gen, {several}}}, wait, {{command: z, key: z}}]");
        let mut story = Story::told(&steps, |app| {
            app.on_job("gen").uploads("steps: [{command: m, label: m}]");
        });
        story.run();
        assert_eq!(order(&story.build), "gen gen gen m m m wait z");
        assert_eq!(story.build.state(), BuildState::Passed, "{several}");
    }
}

#[test]
fn rule_6_2_what_had_given_up_waits_again_behind_an_uploaded_barrier_and_who_went_on_without_it_stays()
 {
    // Given a step that has given up, and one that was allowed to go on without it
    let (fake, build) = generating(&format!(
        "{GEN}, {{group: G, steps: [{{command: bad, key: bad}}, wait, {{command: rest, key: rest}}]}}, \
         {{command: after, key: after, depends_on: [{{step: rest, allow_failure: true}}]}}"
    ));
    build.job("bad").fail(1);
    build.job("after").start();
    assert_eq!(build.job("rest").state(), JobState::WaitingFailed);

    // When a barrier is uploaded in front of the group
    build
        .job("gen")
        .upload_pipeline("steps: [{command: new, key: new}, wait]");

    // Then the one waits for that, and gives up once more; the other is not touched
    assert_eq!(build.job("rest").state(), JobState::Waiting);
    assert_eq!(build.job("after").state(), JobState::Running);
    build.job("gen").pass();
    build.job("after").pass();
    fake.run_until_idle();
    assert_eq!(build.job("new").state(), JobState::Passed);
    assert_eq!(build.job("rest").state(), JobState::WaitingFailed);
    assert_eq!(build.jobs("after").len(), 1);
    assert_eq!(build.state(), BuildState::Failed);
}
