//! Which steps of a pipeline a build has: `if`, `branches`, `skip`, `if_changed`; and what the build fills in.

use fake_buildkite::{BuildBuilder, BuildSource, BuildState, FakeBuildkite};

use crate::story::{Story, states, text};
use crate::support::{client, world};

/// Whether a step with these attributes is part of such a build: `passed`, or the reason why it is not.
#[track_caller]
fn outcome(attributes: &str, of: impl FnOnce(BuildBuilder) -> BuildBuilder) -> String {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(format!("steps:\n  - command: make\n    {attributes}\n"))
        .create();
    let build = of(app.build()).create();
    fake.run_until_idle();
    let job = &build.all_jobs()[0];
    match job.broken_reason() {
        Some(reason) => {
            assert_eq!(job.state().to_string(), "broken");
            assert_eq!(build.state(), BuildState::NotRun);
            reason
        }
        None => job.state().to_string(),
    }
}

/// The body of a request that creates a pipeline with one step.
fn pipeline_with(attributes: &str) -> String {
    let yaml = format!("steps:\n  - command: make\n    {attributes}\n");
    serde_json::json!({
        "name": "other",
        "cluster_id": null,
        "repository": "git@github.com:acme/other.git",
        "configuration": yaml,
    })
    .to_string()
}

#[test]
fn g19_a_step_that_a_condition_excludes_does_not_hold_back_those_that_depend_on_it() {
    let mut story = Story::told(
        "steps:
           - {command: a, key: a, if: 'build.branch == \"other\"'}
           - {command: b, key: b, depends_on: a}",
        |_| {},
    );
    story.run();
    story.check(
        "broken passed",
        "scheduled running passed",
        "started 1, finished 11",
    );
    let job = story.job("a");
    assert_eq!(job["broken_reason"].str(), "conditional_failed");
    for never in ["runnable_at", "started_at", "finished_at"] {
        assert!(job[never].is_null(), "{never}");
    }
}

#[test]
fn g20_a_build_of_nothing_but_skipped_steps_is_not_run() {
    let mut story = Story::told(
        "steps: [{command: a, key: a, skip: true}, {command: b, key: b, skip: Broken since May}]",
        |_| {},
    );
    story.run();
    assert_eq!(story.jobs(), "broken broken");
    assert_eq!(story.seen(), "not_run");
    assert_eq!(story.build.state(), BuildState::NotRun);
    assert!(story.job("a")["broken_reason"].is_null());
    assert_eq!(story.job("b")["broken_reason"].str(), "Broken since May");
}

#[test]
fn branch_patterns_decide_by_the_branch_of_the_build() {
    let branches = ["main", "features/x", "v1.0", "v1.1", "production"];
    for (patterns, expected) in [
        ("main", [true, false, false, false, false]),
        ("'!production'", [true, true, true, true, false]),
        ("main features/*", [true, true, false, false, false]),
        ("v*.0", [false, false, true, false, false]),
        ("v* !v1.*", [false; 5]),
        ("[main, 'v*.1']", [true, false, false, true, false]),
    ] {
        for (branch, matches) in branches.iter().zip(expected) {
            let expected = if matches { "passed" } else { "branch_mismatch" };
            let found = outcome(&format!("branches: {patterns}"), |build| {
                build.branch(*branch)
            });
            assert_eq!(found, expected, "{branch} of {patterns}");
        }
    }
}

#[test]
fn a_condition_knows_the_build_that_is_being_created() {
    let of = |build: BuildBuilder| {
        build
            .branch("feature/x")
            .message("Fix: the [release]")
            .tag("v1")
            .env("DEPLOY", "yes")
            .source(BuildSource::Schedule)
            .pull_request(7, "main")
            .author("Ada", "ada@example.com")
    };
    for (condition, holds) in [
        (r#"build.branch == "feature/x""#, true),
        (r"build.branch =~ /^feature\//", true),
        (r"build.branch !~ /^feature\//", false),
        (r"build.message =~ /\[RELEASE\]/i", true),
        (r"build.message =~ /\[RELEASE\]/", false),
        (r"build.tag != null", true),
        (r#"build.env("DEPLOY") == "yes""#, true),
        (r#"build.env("OTHER") == null"#, true),
        (r#"build.source == "schedule""#, true),
        (r#"build.source == "webhook""#, false),
        (r#"build.pull_request.id == "7""#, true),
        (r#"build.pull_request.base_branch == "main""#, true),
        (r"build.pull_request.id == null", false),
        (r"build.author.email =~ /@example\.com/", true),
        (r#"build.number == 1 && pipeline.slug == "app""#, true),
        (r"!(build.number == 1)", false),
        (
            r#"organization.slug == "acme" ? build.number == 2 : true"#,
            false,
        ),
    ] {
        let expected = if holds {
            "passed"
        } else {
            "conditional_failed"
        };
        let quoted = format!("if: |\n      {condition}");
        assert_eq!(outcome(&quoted, of), expected, "{condition}");
    }
}

#[test]
fn what_a_build_does_not_have_is_null_to_a_condition() {
    for nothing in [
        "build.tag",
        "build.message",
        "build.pull_request.id",
        "build.pull_request.base_branch",
    ] {
        let found = outcome(&format!("if: {nothing} == null"), |build| build.message(""));
        assert_eq!(found, "passed", "{nothing}");
    }
}

#[test]
fn a_client_gives_a_build_what_its_conditions_ask_for() {
    // Given a pipeline whose steps ask for the environment, a pull request and the source
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            r#"steps:
                 - {command: a, if: 'build.env("DEPLOY") == "yes"'}
                 - {command: b, if: 'build.pull_request.id == "42"'}
                 - {command: c, if: 'build.source == "api"'}
                 - {command: d, if: 'build.pull_request.labels includes "urgent"'}"#,
        )
        .create();
    let create = |body: &str| {
        let path = "/organizations/acme/pipelines/app/builds";
        client(&fake).post(path, body).expect(201)
    };
    // When clients create builds with and without them
    create(r#"{"commit":"HEAD","branch":"main"}"#);
    create(
        r#"{"commit":"HEAD","branch":"main","env":{"DEPLOY":"yes"},"pull_request_id":42,
            "pull_request_base_branch":"main","pull_request_labels":["urgent","x"]}"#,
    );
    fake.run_until_idle();
    // Then each has its own steps
    let with = |number| states(&app.build_number(number));
    assert_eq!(with(1), "broken broken passed broken");
    assert_eq!(with(2), "passed passed passed passed");
}

#[test]
fn if_changed_compares_with_the_files_a_test_names() {
    let files = |files: &'static [&'static str]| {
        move |build: BuildBuilder| build.changed_files(files.iter().copied())
    };
    let unchanged = "if_changed matched no unexcluded changed files in this build";
    for (globs, changed, expected) in [
        ("'**/*.rs'", &["src/a/b.rs"][..], "passed"),
        ("'**/*.rs'", &["README.md"], unchanged),
        ("'**/*.rs'", &[], unchanged),
        ("'src/*.{rs,toml}'", &["src/x.toml"], "passed"),
        ("[docs/**, api/**]", &["api/v1/x.yml"], "passed"),
        (
            "{include: '**', exclude: docs/**}",
            &["docs/x.md"],
            unchanged,
        ),
        (
            "{include: '**', exclude: docs/**}",
            &["docs/x.md", "x.rs"],
            "passed",
        ),
    ] {
        let found = outcome(&format!("if_changed: {globs}"), files(changed));
        assert_eq!(found, expected, "{globs} of {changed:?}");
    }
    // Nothing is known of a build whose files nobody named
    assert_eq!(outcome("if_changed: nowhere/**", |build| build), "passed");
}

#[test]
fn a_condition_that_cannot_hold_is_refused_when_the_pipeline_is_created() {
    let fake = FakeBuildkite::start();
    let before = world(&fake, &["acme"]);
    for (condition, expected) in [
        ("build.branch", "expected boolean result, got string"),
        ("foo == 1", "`foo` is not a variable"),
        (
            "build.state == \"finished\"",
            "\"finished\" is not a valid `build.state`",
        ),
        (
            "build.number == \"1\"",
            "unexpected type: expected number or null but found string",
        ),
        ("build.number > 1", "unexpected token after expression"),
    ] {
        let body = pipeline_with(&format!("if: '{condition}'"));
        let answer = client(&fake).post("/organizations/acme/pipelines", &body);
        assert_eq!(answer.status, 422, "{condition}: {}", answer.text);
        let said = answer.json();
        let said = format!("{said:?}").replace("\\\"", "\"");
        assert!(said.contains(expected), "{condition}: {said}");
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_condition_of_a_group_is_checked_as_well() {
    let fake = FakeBuildkite::start();
    let body = serde_json::json!({
        "name": "other",
        "cluster_id": null,
        "repository": "git@github.com:acme/other.git",
        "configuration": "steps: [{group: One, if: nonsense, steps: [{command: a}]}]",
    });
    let answer = client(&fake).post("/organizations/acme/pipelines", &body.to_string());
    assert_eq!(answer.status, 422, "{}", answer.text);
}

#[test]
fn labels_and_commands_are_filled_in_with_what_the_build_is_of() {
    // Given steps with variables
    let fake = FakeBuildkite::start();
    fake.pipeline("app")
        .steps(
            r#"steps:
                 - {label: "Test $BUILDKITE_BRANCH", command: "make ${BUILDKITE_COMMIT:0:3} of $BUILDKITE_PIPELINE_SLUG", key: a}
                 - {label: "${BUILDKITE_TAG:-untagged}", command: 'echo $$HOME', key: b}
                 - {block: "Ship $BUILDKITE_MESSAGE?", key: c}"#,
        )
        .create();
    let path = "/organizations/acme/pipelines/app/builds";
    let create = |branch: &str| {
        let body = format!(r#"{{"commit":"abcdef","branch":"{branch}","message":"Say hi"}}"#);
        client(&fake).post(path, &body).expect(201)["jobs"].clone()
    };
    // When builds of different branches are created, then each has its own
    for branch in ["main", "feature"] {
        let jobs = create(branch);
        assert_eq!(jobs[0]["name"], text(&format!("Test {branch}")));
        assert_eq!(jobs[0]["command"].str(), "make abc of app");
        assert_eq!(jobs[1]["name"].str(), "untagged");
        assert_eq!(jobs[1]["command"].str(), "echo $HOME");
        assert_eq!(jobs[2]["label"].str(), "Ship Say hi?");
    }
}

#[test]
fn a_variable_that_cannot_be_filled_in_makes_no_build() {
    // Given a pipeline with a variable that is only known while a job runs
    let fake = FakeBuildkite::start();
    let body = pipeline_with("label: $BUILDKITE_AGENT_NAME");
    let pipelines = "/organizations/acme/pipelines";
    client(&fake).post(pipelines, &body).expect(201);
    // When a client asks for a build of it
    let before = world(&fake, &["acme"]);
    let path = format!("{pipelines}/other/builds");
    let refused = client(&fake).post(&path, r#"{"commit":"HEAD","branch":"main"}"#);
    // Then there is none
    let message = refused.message(422);
    let expected = "Interpolation of \"BUILDKITE_AGENT_NAME\" is not supported";
    assert!(message.contains(expected), "{message}");
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_condition_is_asked_once_and_a_rebuild_asks_again() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a, if: build.number == 1}, {command: b}]")
        .create();
    let first = app.create_build();
    fake.run_until_idle();
    let second = first.rebuild();
    fake.run_until_idle();
    assert_eq!(states(&first), "passed passed");
    assert_eq!(states(&second), "broken passed");
    let again = client(&fake).build("app", 2);
    assert_eq!(
        again["jobs"][0]["broken_reason"].str(),
        "conditional_failed"
    );
}
