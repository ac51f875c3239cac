//! What a fake finds, and says at its end.

use fake_buildkite::{Clock, FakeBuildkite, minutes};

use crate::support::{client, panic_of};

#[test]
fn a_test_in_which_everything_was_in_order_ends_quietly() {
    let fake = FakeBuildkite::start();
    client(&fake).get("/user").expect(200);
    // An error Buildkite would give is in order, too
    client(&fake).get("/organizations/nobody").expect(404);
    assert_eq!(fake.verify(), Ok(()));
    drop(fake);
}

#[test]
fn a_request_for_what_nobody_serves_fails_the_test_at_its_end() {
    let said = panic_of(|| {
        let fake = FakeBuildkite::builder().seed(7).start();
        client(&fake).get("/organisations").expect(404);
        client(&fake).get("/organisations").expect(404);
        client(&fake)
            .get("/organizations/acme/audit_events")
            .expect(501);
        fake.advance(minutes(1));
    });
    assert_eq!(
        said,
        "the fake was not used as it should be:\n  \
         GET /v2/organisations is no route of Buildkite's; nearest: GET /v2/organizations\n  \
         GET /v2/organizations/{org.slug}/audit_events is not modelled by this fake\n\
         the clock stands at 2030-01-01T00:01:00.000Z (Manual), the seed is 7; the last requests, newest first:\n  \
         2030-01-01T00:00:00.000Z GET /v2/organizations/acme/audit_events 501 (/v2/organizations/{org.slug}/audit_events is not modelled)\n  \
         2030-01-01T00:00:00.000Z GET /v2/organisations 404 (no such route; nearest: GET /v2/organizations)\n  \
         2030-01-01T00:00:00.000Z GET /v2/organisations 404 (no such route; nearest: GET /v2/organizations)"
    );
}

#[test]
fn what_was_asked_for_once_is_not_said_again_at_the_end() {
    let fake = FakeBuildkite::start();
    client(&fake).get("/nowhere").expect(404);
    let report = fake.verify().expect_err("an unknown route");
    assert_eq!(
        report.problems,
        ["GET /v2/nowhere is no route of Buildkite's; nearest: GET /v2/user"]
    );
    assert!(
        report
            .to_string()
            .contains("the last requests, newest first:"),
        "{report}"
    );
}

#[test]
fn a_test_that_fails_already_is_not_failed_twice() {
    let said = panic_of(|| {
        let fake = FakeBuildkite::start();
        client(&fake).get("/nowhere").expect(404);
        panic!("the test's own words");
    });
    assert_eq!(said, "the test's own words");
}

#[test]
fn unknown_routes_can_be_allowed_by_name() {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    client(&fake).get("/nowhere").expect(404);
    client(&fake).get("/organizations/acme/portals").expect(501);
    assert_eq!(fake.verify(), Ok(()));
}

#[test]
fn what_went_wrong_inside_is_reported_whatever_is_allowed() {
    let fake = FakeBuildkite::builder()
        .allow_unknown_routes()
        .clock(Clock::PerRequest(minutes(1)))
        .event_limit(1)
        .start();
    fake.pipeline("app").create_build();
    client(&fake).get("/user").expect(500);
    let report = fake.verify().expect_err("a failure inside");
    assert!(
        report.problems[0].starts_with("inside the fake: the clock stopped at"),
        "{report}"
    );
}

#[test]
fn going_back_does_not_undo_what_was_found() {
    let fake = FakeBuildkite::start();
    let before = fake.snapshot();
    client(&fake).get("/nowhere").expect(404);
    fake.rewind(&before);
    assert!(fake.verify().is_err());
    // A fork begins without
    assert_eq!(fake.fork().verify(), Ok(()));
}

#[test]
fn a_report_names_a_few_and_long_paths_in_part() {
    let fake = FakeBuildkite::start();
    for n in 0..30 {
        client(&fake)
            .get(&format!("/{n}/{}", "x".repeat(1_000)))
            .expect(404);
    }
    let report = fake.verify().expect_err("unknown routes");
    assert_eq!(report.problems.len(), 20);
    assert!(
        report.problems.iter().all(|problem| problem.len() < 300),
        "{report}"
    );
}

#[test]
fn a_failure_that_was_ordered_and_never_came_is_reported() {
    let fake = FakeBuildkite::start();
    let nightly = fake
        .pipeline("app")
        .create()
        .schedule("@daily")
        .label("Nightly")
        .create();
    nightly.fail_next("no team");
    let report = fake.verify().expect_err("an unused failure");
    assert_eq!(
        report.problems,
        ["schedule `Nightly` of `app` was told to fail the next time, and there was none"]
    );
    fake.advance(fake_buildkite::days(1));
    assert_eq!(fake.verify(), Ok(()));
}

#[test]
fn what_is_found_after_it_was_asked_for_fails_the_test_all_the_same() {
    let fake = FakeBuildkite::start();
    assert_eq!(fake.verify(), Ok(()));
    client(&fake).get("/nowhere").expect(404);
    let said = panic_of(move || drop(fake));
    assert!(
        said.contains("GET /v2/nowhere is no route of Buildkite's"),
        "{said}"
    );
}

#[test]
fn a_script_that_must_run_and_did_not_is_reported_until_it_has() {
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: make, key: test}, {command: lint, key: lint}]";
    let app = fake.pipeline("app").steps(steps).create();
    app.on_job("test").exits(1).then().exits(0).must_run();
    app.on_job_when(|job| job.attempt() > 1).exits(0).must_run();
    app.on_job("lint").exits(0);
    let problems = || match fake.verify() {
        Ok(()) => Vec::new(),
        Err(report) => report.problems,
    };
    let asked = "pipeline `app`: the script of `on_job_when(..)` must run, and 0 of 1 attempt did";
    let named = |ran: usize| {
        format!("pipeline `app`: the script for `test` must run, and {ran} of 2 attempts did")
    };
    assert_eq!(problems(), [named(0), asked.to_owned()]);
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(problems(), [named(1), asked.to_owned()]);
    build.job("test").retry();
    fake.run_until_idle();
    assert_eq!(
        problems(),
        [named(1)],
        "the later rule took the second attempt"
    );
    app.on_job("test").exits(0);
    let here = fake.snapshot();
    fake.existing_pipeline("app").archive();
    assert_eq!(problems(), [named(1)]);
    fake.rewind(&here);
    assert_eq!(problems(), [named(1)]);
}
