//! Whom Buildkite would tell, as events: `notify` of builds, steps and groups.

use fake_buildkite::{EventKind, FakeBuildkite, PipelineHandle, minutes};

use crate::support::client;

/// Everything that was told of, in one line each, without its instant.
fn told(fake: &FakeBuildkite) -> Vec<String> {
    let events = fake.events();
    let told = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Notification { .. }));
    let line = |line: String| {
        line.split_once(' ')
            .expect("an instant and the rest")
            .1
            .to_owned()
    };
    told.map(|event| line(event.to_string())).collect()
}

/// Runs one build of this pipeline and returns what was told.
fn run(yaml: &str, set_up: impl FnOnce(&PipelineHandle)) -> Vec<String> {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(yaml).create();
    set_up(&app);
    client(&fake).create_build("app");
    fake.run_until_idle();
    told(&fake)
}

/// One line each: how a build goes, and which of its events each service is told of.
#[test]
fn each_service_is_told_of_the_events_it_is_documented_for() {
    let services = [
        "basecamp_campfire: u",
        "webhook: u",
        "email: a@b.c",
        "slack: '#a'",
        "github_commit_status: {context: c}",
        "github_check: ~",
        "pagerduty_change_event: k",
    ];
    let table = [
        (
            "{command: a}",
            "",
            [
                "created started finished",
                "created started finished",
                "finished",
                "finished",
                "finished",
                "finished",
                "finished",
            ],
        ),
        (
            "{command: a, key: a}, {command: b, key: b}",
            "a",
            [
                "created started finished",
                "created started finished",
                "failing finished",
                "failing finished",
                "failing finished",
                "failing finished",
                "finished",
            ],
        ),
        (
            "{command: a}, {block: b}",
            "",
            [
                "created started blocked",
                "created started blocked",
                "finished",
                "finished",
                "finished",
                "finished",
                "",
            ],
        ),
        (
            "{command: a, skip: true}",
            "",
            [
                "finished", "finished", "finished", "finished", "finished", "finished", "finished",
            ],
        ),
    ];
    for (steps, fails, expected) in table {
        for (service, expected) in services.iter().zip(expected) {
            let told = run(
                &format!("notify: [{{{service}}}]\nsteps: [{steps}]"),
                |app| {
                    if !fails.is_empty() {
                        app.on_job(fails).exits(1);
                        app.on_job("b").takes(minutes(1));
                    }
                },
            );
            let words: Vec<_> = told
                .iter()
                .map(|line| {
                    let event = line.split(' ').nth(1).expect("an event");
                    event.strip_prefix("build.").expect("of a build").to_owned()
                })
                .collect();
            assert_eq!(words.join(" "), expected, "{service} of {steps}");
        }
    }
}

#[test]
fn a_build_starts_once_even_behind_a_block_step_and_when_it_is_retried() {
    let fake = FakeBuildkite::start();
    let yaml = "notify: [{webhook: u}]\nsteps: [{block: b}, {command: a, key: a}]";
    let app = fake.pipeline("app").steps(yaml).create();
    app.on_job("a").exits(1).then().exits(0);
    let build = app.create_build();
    build.job("b").unblock();
    fake.run_until_idle();
    build.job("a").retry();
    fake.run_until_idle();
    let events: Vec<_> = told(&fake)
        .iter()
        .map(|line| line.split(' ').nth(1).expect("an event").to_owned())
        .collect();
    assert_eq!(
        events,
        [
            "build.created",
            "build.blocked",
            "build.started",
            "build.finished",
            "build.finished"
        ]
    );
}

#[test]
fn a_notification_says_who_is_told_what_and_with_which_settings() {
    let told = run(
        "notify: [{slack: {channels: ['#a']}}, github_check]\nsteps: [{command: a}]",
        |_| {},
    );
    assert_eq!(
        told,
        [
            "app#1 build.finished told to slack {\"channels\":[\"#a\"]}",
            "app#1 build.finished told to github_check"
        ]
    );
}

#[test]
fn a_condition_of_a_notification_is_asked_of_the_build_as_it_is() {
    for (condition, exit, expected) in [
        ("build.state == 'passed'", 0, 1),
        ("build.state == 'passed'", 1, 0),
        ("build.state == 'failed'", 1, 1),
        ("build.branch == 'main' && build.source == 'api'", 0, 1),
        ("build.branch =~ /^release/", 0, 0),
    ] {
        let told = run(
            &format!(
                "notify: [{{email: a@b.c, if: \"{condition}\"}}]\nsteps: [{{command: a, key: a}}]"
            ),
            |app| drop(app.on_job("a").exits(exit)),
        );
        assert_eq!(told.len(), expected, "{condition} after {exit}");
    }
}

#[test]
fn a_pipeline_starts_failing_and_passing_again_once() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "notify:
  - {slack: broke, if: pipeline.started_failing}
  - {slack: mended, if: pipeline.started_passing}
  - {slack: fixed, if: build.fixed}
steps: [{command: a, key: a}]",
        )
        .create();
    let told_of = |exit: i32, branch: &str| {
        let before = told(&fake).len();
        app.on_job("a").exits(exit);
        app.build().branch(branch).create();
        fake.run_until_idle();
        let told = told(&fake);
        let words = told[before..]
            .iter()
            .map(|line| line.rsplit(' ').next().expect("a word").to_owned());
        words.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told_of(0, "main"), "", "the first build is no change");
    assert_eq!(told_of(1, "main"), "\"broke\"");
    assert_eq!(told_of(1, "main"), "");
    assert_eq!(told_of(0, "other"), "", "another branch has its own story");
    assert_eq!(told_of(0, "main"), "\"mended\" \"fixed\"");
    assert_eq!(told_of(0, "main"), "");
}

#[test]
fn a_step_is_told_of_when_it_is_failing_and_when_it_is_finished() {
    let notify = "notify: [{slack: s}]";
    // One job: it is never failing
    let told = run(
        &format!("steps: [{{command: a, key: a, {notify}}}]"),
        |app| drop(app.on_job("a").exits(1)),
    );
    assert_eq!(told, ["app#1 a step.finished told to slack \"s\""]);
    // Several: the first that fails for good makes it failing
    let told = run(
        &format!("steps: [{{command: 'a {{{{matrix}}}}', key: a, matrix: [1, 2, 3], {notify}}}]"),
        |app| {
            app.on_job("a 1").exits(1);
            app.on_job("a 2").exits(1).takes(minutes(1));
            app.on_job("a 3").takes(minutes(2));
        },
    );
    assert_eq!(
        told,
        [
            "app#1 a step.failing told to slack \"s\"",
            "app#1 a step.finished told to slack \"s\""
        ]
    );
    // A promise makes it failing, and the failure itself does not again
    let told = run(
        &format!("steps: [{{command: a, key: a, {notify}}}]"),
        |app| {
            app.on_job("a").promises_failure_after(minutes(0), 1);
        },
    );
    assert_eq!(
        told,
        [
            "app#1 a step.failing told to slack \"s\"",
            "app#1 a step.finished told to slack \"s\""
        ]
    );
    // What is tried again at once has not finished
    let retry = "retry: {automatic: {limit: 2}}";
    let told = run(
        &format!("steps: [{{command: a, key: a, {retry}, {notify}}}]"),
        |app| {
            app.on_job("a").exits(1).then().exits(0);
        },
    );
    assert_eq!(told, ["app#1 a step.finished told to slack \"s\""]);
    // What never had its turn is not told of
    let steps = format!(
        "steps: [{{command: a, key: a}}, wait, {{command: b, {notify}}}, {{command: c, skip: true, {notify}}}]"
    );
    let told = run(&steps, |app| drop(app.on_job("a").exits(1)));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn a_condition_of_a_steps_notification_asks_how_it_ended() {
    for (condition, attributes, exit, expected) in [
        ("step.outcome == 'hard_failed'", "", 1, 1),
        ("step.outcome == 'hard_failed'", "", 0, 0),
        (
            "step.outcome == 'passed' && step.state == 'finished'",
            "",
            0,
            1,
        ),
        ("step.outcome == 'soft_failed'", ", soft_fail: true", 1, 1),
        ("step.key == 'a' && step.type == 'command'", "", 0, 1),
        ("step.label == 'b'", "", 0, 0),
    ] {
        let told = run(
            &format!(
                "steps: [{{command: a, key: a{attributes}, notify: [{{slack: s, if: \"{condition}\"}}]}}]"
            ),
            |app| drop(app.on_job("a").exits(exit)),
        );
        assert_eq!(told.len(), expected, "{condition} after {exit}");
    }
}

#[test]
fn a_group_is_told_of_as_one_thing() {
    let yaml = "steps: [{group: Tests, notify: [{slack: s}, {slack: bad, if: step.outcome == 'hard_failed'}], steps: [{command: a, key: a}, {command: b, key: b}]}]";
    let told = run(yaml, |app| drop(app.on_job("b").takes(minutes(1))));
    assert_eq!(told, ["app#1 Tests step.finished told to slack \"s\""]);
    let told = run(yaml, |app| {
        app.on_job("a").exits(1);
        app.on_job("b").takes(minutes(1));
    });
    assert_eq!(
        told,
        [
            "app#1 Tests step.failing told to slack \"s\"",
            "app#1 Tests step.failing told to slack \"bad\"",
            "app#1 Tests step.finished told to slack \"s\"",
            "app#1 Tests step.finished told to slack \"bad\""
        ]
    );
}

#[test]
fn an_upload_adds_to_who_is_told_of_its_build() {
    let told = run("steps: [{command: generate, key: gen}]", |app| {
        app.on_job("gen")
            .uploads("notify: [{email: a@b.c}]\nsteps: [{command: a}]");
    });
    assert_eq!(told, ["app#1 build.finished told to email \"a@b.c\""]);
}

#[test]
fn a_group_that_an_upload_is_merged_with_is_told_of_when_all_of_it_is_over() {
    let yaml =
        "steps: [{group: Setup, notify: [{slack: s}], steps: [{command: generate, key: gen}]}]";
    let told = run(yaml, |app| {
        drop(
            app.on_job("gen")
                .uploads("steps: [{group: Setup, steps: [{command: m}]}]"),
        );
    });
    assert_eq!(told, ["app#1 Setup step.finished told to slack \"s\""]);
}

#[test]
fn a_group_whose_steps_end_in_one_instant_is_told_of_once() {
    let fake = FakeBuildkite::start();
    let steps = "steps: [{group: Tests, notify: [{slack: s, if: step.state != 'failing'}], steps: [{command: a}, {command: b}]}]";
    fake.pipeline("app").steps(steps).create_build().cancel();
    assert_eq!(
        told(&fake),
        ["app#1 Tests step.finished told to slack \"s\""]
    );
}

#[test]
fn a_group_is_over_whatever_becomes_of_one_that_an_upload_brought() {
    let fake = FakeBuildkite::start();
    let steps = "steps: [{group: First, notify: [{slack: s}], steps: [{command: a, key: a}]}, {command: up, key: up}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    let up = build.job("up");
    up.start();
    up.upload_pipeline("steps: [{group: Second, steps: [{command: b, key: b}]}]");
    build.job("a").start();
    build.job("a").finish(0);
    assert_eq!(
        told(&fake),
        ["app#1 First step.finished told to slack \"s\""]
    );
}

#[test]
fn a_notification_can_ask_whether_a_newer_build_ended_first() {
    let fake = FakeBuildkite::start();
    let steps =
        "notify: [{email: a@b.c, if: pipeline.next_finished_build_exists}]\nsteps: [{command: a}]";
    let app = fake.pipeline("app").steps(steps).create();
    let (older, newer) = (app.create_build(), app.create_build());
    newer.pass();
    assert!(told(&fake).is_empty(), "none is newer");
    older.pass();
    assert_eq!(
        told(&fake),
        ["app#1 build.finished told to email \"a@b.c\""]
    );
}

#[test]
fn a_condition_of_a_steps_notification_asks_of_its_build_as_well_but_not_for_its_state() {
    for (condition, expected) in [
        ("build.branch == 'main'", 1),
        ("build.branch == 'main' && step.outcome == 'passed'", 1),
        ("build.branch != 'main'", 0),
        ("build.env('X') == null", 1),
        ("build.state == null", 1),
        ("pipeline.slug == 'app'", 1),
        ("pipeline.started_passing", 0),
    ] {
        let yaml = format!("steps: [{{command: a, notify: [{{slack: s, if: \"{condition}\"}}]}}]");
        assert_eq!(run(&yaml, |_| ()).len(), expected, "{condition}");
    }
}

#[test]
fn a_pipeline_is_not_saved_with_a_condition_of_a_notification_that_cannot_be_read() {
    let fake = FakeBuildkite::start();
    let create = |condition: &str| {
        let steps = format!("notify: [{{webhook: u, if: {condition}}}]\\nsteps: [{{command: a}}]");
        let body = format!(
            r#"{{"name":"app","repository":"git@github.com:acme/app.git","configuration":"{steps}"}}"#
        );
        client(&fake).post("/organizations/acme/pipelines", &body)
    };
    let refused = create("build.state == 'finished'");
    assert_eq!(refused.status, 422);
    assert!(
        refused
            .text
            .contains("The `webhook` notification is invalid: `if` expression failed to parse"),
        "{}",
        refused.text
    );
    assert_eq!(create("build.state == 'passed'").status, 201);
}
