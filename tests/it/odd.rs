//! Odd arguments, and several hands at once: a clear sentence or a sound world, never half a change.

use std::time::Duration;

use fake_buildkite::{
    BuildState, Clock, FakeBuildkite, JobState, Route, Scope, hours, minutes, seconds,
};

use crate::support::{client, panic_of};

#[test]
fn spans_that_no_calendar_holds_are_slips_or_simply_never_come() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    for long in [Duration::from_secs(900_000_000_000_000), Duration::MAX] {
        for message in [
            panic_of(|| app.on_job("test").takes(long)),
            panic_of(|| app.on_job("test").picked_up_after(long)),
        ] {
            assert!(
                message.starts_with("a script names at most a thousand years, and not "),
                "{message}"
            );
        }
        assert!(panic_of(|| fake.advance(long)).starts_with("the calendar ends before"));
        let clock = panic_of(|| FakeBuildkite::builder().clock(Clock::PerRequest(long)));
        assert!(
            clock.starts_with("a request moves the clock by at most a thousand years, and not by "),
            "{clock}"
        );
    }
    let start = panic_of(|| FakeBuildkite::builder().starting_at("+262142-12-31T00:00:00Z"));
    assert_eq!(
        start,
        "a clock starts in the years 0 to 9999, and not at `+262142-12-31T00:00:00Z`"
    );
    // A script at its longest, at the end of the years, is an ordinary one
    let fake = FakeBuildkite::builder()
        .starting_at("9999-12-31T23:59:59Z")
        .start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes(fake_buildkite::days(365_000));
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
    assert_eq!(client(&fake).build("app", 1)["state"].str(), "passed");
}

#[test]
fn several_hands_may_move_the_clock() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::PerRequest(minutes(1)))
        .start();
    let build = fake.pipeline("app").create_build();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..50).for_each(|_| drop(fake.advance(seconds(1)))));
        }
        threads.spawn(|| {
            let client = client(&fake);
            (0..50).for_each(|_| drop(client.build("app", 1)));
        });
    });
    let moved = fake.clock().now() - build.created_at();
    assert!(
        moved >= chrono::TimeDelta::minutes(50),
        "every request moved it: {moved}"
    );
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_request_may_come_between_two_instants_of_an_advance() {
    // Given a build whose next instant is watched by a condition that asks over HTTP
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let client = client(&fake);
    let seen = std::cell::RefCell::new(Vec::new());
    // When the clock runs until it has passed
    fake.run_until(|_| {
        let state = client.build("app", 1)["state"].str().to_owned();
        seen.borrow_mut().push(state.clone());
        state == "passed"
    });
    // Then every state between was there to be seen
    assert_eq!(*seen.borrow(), ["scheduled", "running", "passed"]);
    assert!(build.is_finished());
}

#[test]
fn a_long_row_of_waits_costs_no_more_than_it_must() {
    // Four hundred wait steps wait for some eighty thousand steps before them; each is asked once, at its turn.
    let fake = FakeBuildkite::start();
    let steps = format!(
        "steps:\n  - {{command: make, key: first}}\n{}",
        "  - wait\n".repeat(400)
    );
    let build = fake.pipeline("app").steps(steps).create_build();
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
    assert!(
        build
            .all_jobs()
            .iter()
            .all(|job| job.state() == JobState::Passed)
    );
}

#[test]
fn when_a_job_is_picked_up_may_be_said_until_it_is() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    let started = |build: &fake_buildkite::BuildHandle| {
        let at = build.job("test").started_at().expect("a start");
        (at - build.created_at()).num_seconds()
    };
    // Never, and then after all
    app.on_job("test").never_picked_up();
    let build = app.create_build();
    assert_eq!(fake.run_until_idle().waiting_on.len(), 1);
    app.on_job("test").picked_up_after(seconds(3));
    fake.run_until_idle();
    assert_eq!(started(&build), 3);
    // Soon, and then later
    let build = app.create_build();
    app.on_job("test").picked_up_after(minutes(5));
    fake.run_until_idle();
    assert_eq!(started(&build), 300);
    // Late, and then at once, because that instant has passed
    let build = app.create_build();
    fake.advance(minutes(1));
    app.on_job("test").picked_up_after(seconds(10));
    fake.run_until_idle();
    assert_eq!(started(&build), 60);
    // Soon, and then never: nothing is due any more
    let build = app.create_build();
    app.on_job("test").never_picked_up();
    assert!(fake.step().is_empty());
    assert_eq!(build.job("test").state(), JobState::Scheduled);
}

#[test]
fn a_log_can_be_written_to_after_its_job_has_ended() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes(seconds(10)).logs("one\ntwo\n");
    let build = app.create_build();
    fake.advance(seconds(3));
    build.job("test").finish(0);
    fake.advance(hours(1));
    build.job("test").append_log("late\n");
    assert_eq!(
        build.job("test").log(),
        "one\nlate\n",
        "the script's second line never came"
    );
}

#[test]
fn named_values_are_there_once() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let build = app
        .build()
        .env("A", "1")
        .env("B", "2")
        .env("A", "3")
        .meta_data("k", "1")
        .meta_data("k", "2")
        .create();
    let shown = client(&fake).build("app", 1);
    assert_eq!(format!("{:?}", shown["env"]), r#"{"A": "3", "B": "2"}"#);
    assert_eq!(build.meta_data("k").as_deref(), Some("2"));
    assert_eq!(
        panic_of(|| app.build().branch(" ").create()),
        "a build needs a branch, and ` ` is blank"
    );
    assert_eq!(
        panic_of(|| app.build().commit("").create()),
        "a build needs a commit, and `` is blank"
    );
}

#[test]
fn a_builder_takes_no_contradictions() {
    let builder = FakeBuildkite::builder;
    let twice = panic_of(|| builder().organization("acme").organization("acme"));
    assert_eq!(twice, "there is an organization `acme` already");
    assert_eq!(
        panic_of(|| builder().token(" ", [])),
        "an empty token lets nobody in"
    );
    let twice = panic_of(|| builder().token("t", [Scope::ReadBuilds]).token("t", []));
    assert_eq!(twice, "this token was given twice");
}

#[test]
fn numbers_are_written_as_numbers_are() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create_build();
    let client = client(&fake);
    for odd in ["+1", "01", "1.0", "%31x", "1%20", "0", "-1"] {
        let answer = client.get(&format!("/organizations/acme/pipelines/app/builds/{odd}"));
        assert_eq!(answer.message(404), "No build found", "{odd}");
    }
    assert_eq!(client.build("app", 1)["number"].number(), 1);
}

#[test]
fn notes_say_what_was_odd_about_a_request() {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    fake.pipeline("app").create_build();
    let client = client(&fake);
    let note = |path: &str| {
        client.get(path);
        fake.requests()
            .last()
            .and_then(|request| request.note.clone())
            .unwrap_or_default()
    };
    let builds = "/organizations/acme/pipelines/app/builds";
    assert_eq!(
        note("/organizations/acme/pipelines/ap"),
        "there is no such pipeline; this fake has `app`"
    );
    assert_eq!(
        note("/organizations/acm/builds"),
        "there is no such organization; this fake has `acme`"
    );
    assert_eq!(
        note(&format!("{builds}/7")),
        "there is no such build; the pipeline has got as far as number 1"
    );
    assert_eq!(
        note("/organizations/acme/audit_events"),
        "/v2/organizations/{org.slug}/audit_events is not modelled"
    );
    assert!(note("/usr").starts_with("no such route; nearest: GET /v2/user"));
    let without_version = note(&format!("{}/organizations/acme/builds", fake.url()));
    assert!(
        without_version.ends_with("; `/v2` is missing: give the program the `api_url`"),
        "{without_version}"
    );
    // A poller that waits in vain is told so
    let polls: Vec<_> = (0..10).map(|_| note(&format!("{builds}/1"))).collect();
    assert!(polls[..9].iter().all(String::is_empty), "{polls:?}");
    assert_eq!(
        polls[9],
        "poll 10 at this instant; the clock is Manual: move it with `advance`, or choose `Clock::StepPerPoll`"
    );
    fake.advance(seconds(1));
    assert_eq!(note(&format!("{builds}/1")), "");
    fake.requests().to(Route::GetBuild).assert_count(12);
}

#[test]
fn handles_show_what_they_are_on() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}, {command: b, depends_on: tset}]")
        .create();
    let build = app.create_build();
    assert_eq!(
        format!("{app:?} {build:?}"),
        "PipelineHandle(app) BuildHandle(app#1 scheduled)"
    );
    build.job("test").fail(1);
    let job = build.job("test").retry();
    assert_eq!(
        format!("{job:?}"),
        "JobHandle(app#1 test (attempt 2) scheduled)"
    );
    let timeline = build.timeline().to_string();
    assert!(
        timeline.contains("needs `tset`, which no step is called"),
        "{timeline}"
    );
    drop(fake);
    assert_eq!(
        format!("{app:?} {build:?} {job:?}"),
        "PipelineHandle(gone) BuildHandle(gone) JobHandle(gone)"
    );
}
