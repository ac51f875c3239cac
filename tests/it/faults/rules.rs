//! Which requests a fault comes to, when, and what is said of those that did not come.

use fake_buildkite::{BuildState, EventKind, FakeBuildkite, Route, minutes, seconds};

use crate::support::{client, panic_of};

const APP: &str = "/organizations/acme/pipelines/app";

/// Statuses of so many requests for the user, as their first digits.
fn statuses(fake: &FakeBuildkite, count: usize) -> String {
    let client = client(fake);
    let ask = |_| client.get("/user").status.to_string();
    (0..count).map(|n| ask(n)[..1].to_owned()).collect()
}

#[test]
fn the_fault_comes_when_it_was_ordered_for() {
    let fake = FakeBuildkite::start();
    fake.fault(Route::GetUser).nth(3).status(502);
    assert_eq!(statuses(&fake, 5), "22522");
    fake.fault(Route::GetUser).first(2).status(401);
    assert_eq!(statuses(&fake, 5), "44222");
    fake.fault(Route::GetUser).nth(2).times(2).status(500);
    assert_eq!(statuses(&fake, 5), "25522");
    let always = fake.fault(Route::GetUser).status(503);
    assert_eq!(statuses(&fake, 5), "55555");
    always.lift();
    assert_eq!(statuses(&fake, 5), "22222");
    assert_eq!(always.hits(), 5);
    assert_eq!(fake.verify(), Ok(()));
}

#[test]
fn of_two_faults_for_one_request_the_first_comes_and_both_count() {
    let fake = FakeBuildkite::start();
    let outage = fake.fault(Route::GetUser).first(2).status(503);
    let later = fake.fault(Route::GetUser).nth(3).status(404);
    let lost = fake.fault(Route::GetUser).nth(1).status(404);
    assert_eq!(statuses(&fake, 4), "5542");
    assert_eq!([outage.hits(), later.hits(), lost.hits()], [2, 1, 0]);
    let report = fake.verify().expect_err("one was lost");
    assert!(report.problems[0].contains("never happened"), "{report}");
}

#[test]
fn a_fault_in_its_time_counts_what_comes_in_it() {
    let fake = FakeBuildkite::start();
    let start = fake.clock().now();
    let (from, to) = (start + seconds(10), start + seconds(20));
    fake.fault_any().during(from..to).nth(2).status(500);
    assert_eq!(statuses(&fake, 3), "222");
    fake.advance(seconds(10));
    assert_eq!(statuses(&fake, 3), "252");
    fake.advance(seconds(10));
    assert_eq!(statuses(&fake, 3), "222");
}

#[test]
fn chance_is_the_same_in_every_run_and_another_with_another_seed() {
    let run = |seed| {
        let fake = FakeBuildkite::builder().seed(seed).start();
        fake.fault(Route::GetUser).probability(0.3).status(500);
        statuses(&fake, 40)
    };
    let seen = run(1);
    assert_eq!(seen, run(1));
    assert!(seen.contains('5') && seen.contains('2'), "{seen}");
    assert!((2..10).any(|seed| run(seed) != seen));
    // Nothing is promised, so nothing is missed
    let fake = FakeBuildkite::start();
    fake.fault_any().probability(0.0).times(3).reset();
    assert_eq!(statuses(&fake, 10), "2222222222");
    assert_eq!(fake.verify(), Ok(()));
}

#[test]
fn a_fault_can_be_for_one_build_or_one_job() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: a}, {command: make, key: b}]")
        .create();
    let (one, two) = (app.create_build(), app.create_build());
    fake.run_until_idle();
    let client = client(&fake);
    let fault = fake
        .fault(Route::GetBuild)
        .for_build(&two)
        .first(1)
        .status(500);
    assert_eq!(client.get(&format!("{APP}/builds/1")).status, 200);
    assert_eq!(client.get(&format!("{APP}/builds/2")).status, 500);
    assert_eq!(
        fault.to_string(),
        format!(
            "status 500 for the first request to {} about app#2",
            Route::GetBuild
        )
    );
    fake.fault(Route::RetryJob)
        .for_job(&one.job("b"))
        .first(1)
        .status(500);
    fake.fault(Route::RetryJob)
        .for_build(&two)
        .first(1)
        .status(503);
    let retry = |id| {
        client
            .put(&format!("/organizations/acme/jobs/{id}/retry"))
            .status
    };
    assert_eq!(retry(one.job("b").id()), 500);
    assert_eq!(retry(two.job("a").id()), 503, "found by its job's id alone");
    assert_eq!(
        retry(one.job("a").id()),
        400,
        "passed jobs cannot be retried"
    );
}

#[test]
fn predicates_see_the_request_and_hold_no_lock() {
    let fake = std::sync::Arc::new(FakeBuildkite::start());
    let app = fake.pipeline("app").create();
    let handle = app.clone();
    let fault = fake
        .fault_any()
        .matching(|request| request.route == Some(Route::CreateBuild) && request.status == 0)
        .matching(move |request| {
            assert_eq!(
                request.header("authorization"),
                None,
                "secrets are not shown"
            );
            // Asks the fake itself, which would hang if its lock were held
            request.json()["branch"] == "main" && handle.builds().len() == 1
        })
        .nth(1)
        .status(500);
    let client = client(&fake);
    assert_eq!(client.create_build("app")["number"].number(), 1);
    let body = r#"{"commit":"HEAD","branch":"main"}"#;
    assert_eq!(client.post(&format!("{APP}/builds"), body).status, 500);
    assert_eq!(client.create_build("app")["number"].number(), 2);
    assert_eq!(fault.hits(), 1);
}

#[test]
fn errors_speak_as_buildkite_does() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create();
    let client = client(&fake);
    let build = format!("{APP}/builds/1");
    let table = [
        (
            401,
            build.as_str(),
            "Authentication required. Please supply a valid API Access Token: https://buildkite.com/docs/apis/rest-api#authentication",
        ),
        (403, &build, "Forbidden"),
        (404, &build, "No build found"),
        (404, APP, "No pipeline found"),
        (404, "/organizations/acme", "No organization found"),
        (500, &build, "Internal Server Error"),
        (502, &build, "Bad Gateway"),
        (503, &build, "Service Unavailable"),
        (504, &build, "Gateway Timeout"),
    ];
    for (status, path, message) in table {
        fake.fault_any().first(1).status(status);
        let answer = client.get(path);
        assert_eq!(answer.message(status), message);
        assert_eq!(
            answer.header("content-type"),
            Some("application/json; charset=utf-8")
        );
        assert!(answer.header("x-request-id").is_some());
    }
}

#[test]
fn a_request_has_its_effect_or_not_as_the_test_says() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let http = reqwest::blocking::Client::new();
    let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    let body = r#"{"commit":"HEAD","branch":"main"}"#;
    let create = || http.post(&url).bearer_auth(fake.token()).body(body).send();
    let builds = || app.builds().len();

    fake.fault(Route::CreateBuild).first(1).reset();
    create().expect_err("a reset");
    assert_eq!(builds(), 0, "lost on the way there");
    fake.fault(Route::CreateBuild)
        .first(1)
        .after_effect()
        .reset();
    create().expect_err("a reset");
    assert_eq!(builds(), 1, "lost on the way back");
    fake.fault(Route::CreateBuild).first(1).status(504);
    assert_eq!(create().expect("an answer").status(), 504);
    assert_eq!(builds(), 1);
    fake.fault(Route::CreateBuild)
        .first(1)
        .after_effect()
        .status(504);
    assert_eq!(create().expect("an answer").status(), 504);
    assert_eq!(builds(), 2);
    fake.fault(Route::CreateBuild).first(1).truncate_after(20);
    let cut_off = create().expect("a head");
    assert_eq!(cut_off.status(), 201);
    cut_off.text().expect_err("a part of a body");
    assert_eq!(builds(), 3);
    for after in [false, true] {
        let fault = fake.fault(Route::CreateBuild).first(1);
        if after {
            fault.after_effect().half_close()
        } else {
            fault.before_effect().half_close()
        };
        create().expect_err("no answer");
    }
    assert_eq!(builds(), 4);
    assert_eq!(fake.verify(), Ok(()));
}

#[test]
fn a_fault_is_an_event_and_noted_with_its_request() {
    let fake = FakeBuildkite::start();
    fake.fault(Route::GetUser).first(1).reset();
    fake.fault(Route::GetUser).nth(2).after_effect().status(502);
    let http = reqwest::blocking::Client::new();
    let url = format!("{}user", fake.api_url());
    http.get(&url)
        .bearer_auth(fake.token())
        .send()
        .expect_err("a reset");
    http.get(&url)
        .bearer_auth(fake.token())
        .send()
        .expect("an answer");
    assert_eq!(
        fake.events().to_string().trim_end(),
        "2030-01-01T00:00:00.000Z GET /v2/user fault: connection reset, before its effect\n\
         2030-01-01T00:00:00.000Z GET /v2/user fault: status 502, after its effect"
    );
    assert!(
        matches!(&fake.events()[0].kind, EventKind::Fault { request, .. } if &**request == "GET /v2/user")
    );
    assert_eq!(fake.events()[0].build(), None);
    assert_eq!(
        fake.requests().to(Route::GetUser).to_string(),
        "2030-01-01T00:00:00.000Z GET /v2/user 0 (fault: connection reset, before its effect)\n\
         2030-01-01T00:00:00.000Z GET /v2/user 502 (fault: status 502, after its effect)\n"
    );
}

#[test]
fn a_poll_that_never_arrives_is_no_poll() {
    let fake = FakeBuildkite::builder()
        .clock(fake_buildkite::Clock::StepPerPoll)
        .start();
    let build = fake.pipeline("app").create_build();
    let client = client(&fake);
    fake.fault(Route::GetBuild).first(3).status(502);
    for _ in 0..3 {
        client.get(&format!("{APP}/builds/1")).expect(502);
    }
    assert_eq!(build.state(), BuildState::Scheduled);
    fake.fault(Route::GetBuild)
        .first(2)
        .after_effect()
        .status(502);
    for _ in 0..2 {
        client.get(&format!("{APP}/builds/1")).expect(502);
    }
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn pages_are_looked_at_in_peace() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let outage = fake.fault_any().status(503);
    let look = || client(&fake).get(&build.web_url()).status;
    assert_eq!(look(), 200);
    assert_eq!(outage.hits(), 0);
    fake.fault(Route::BuildPage).first(1).status(500);
    assert_eq!(look(), 500);
}

#[test]
fn faults_and_their_counters_belong_to_the_world() {
    let fake = FakeBuildkite::start();
    let third = fake.fault(Route::GetUser).nth(3).status(502);
    assert_eq!(statuses(&fake, 2), "22");
    let before = fake.snapshot();
    assert_eq!(statuses(&fake, 2), "52");
    assert_eq!(third.hits(), 1);
    fake.rewind(&before);
    assert_eq!(third.hits(), 0);
    let fork = fake.fork();
    assert_eq!(statuses(&fake, 2), "52");
    assert_eq!(statuses(&fork, 2), "52");
    // One that was ordered later is undone, too
    fake.rewind(&before);
    let later = fake.fault_any().status(500);
    fake.rewind(&before);
    assert_eq!(statuses(&fake, 2), "52");
    assert_eq!(later.hits(), 0);
    later.lift();
}

#[test]
fn faults_that_never_came_fail_the_test_by_name() {
    let line = line!() + 3;
    let said = panic_of(|| {
        let fake = FakeBuildkite::start();
        fake.fault(Route::CancelBuild).nth(3).status(502);
        fake.fault(Route::GetUser).first(3).rate_limited();
        fake.fault_any().always().probability(0.0).stall();
        fake.fault_any().nth(9).reset().lift();
        client(&fake).get("/user").expect(429);
        client(&fake).get("/organizations").expect(200);
    });
    assert_eq!(
        said,
        format!(
            "the fake was not used as it should be:\n  \
             the fault ordered at {file}:{line} never happened: status 502 for request 3 to {cancel}; no such request came\n  \
             the fault ordered at {file}:{} happened 1 of 3 times: rate limited for the first 3 requests to GET /v2/user; \
             1 such request came\n\
             the clock stands at 2030-01-01T00:00:00.000Z (Manual), the seed is 0; the last requests, newest first:\n  \
             2030-01-01T00:00:00.000Z GET /v2/organizations 200\n  \
             2030-01-01T00:00:00.000Z GET /v2/user 429 (fault: rate limited, before its effect)",
            line + 1,
            file = file!(),
            cancel = Route::CancelBuild,
        )
    );
}

#[test]
fn slips_are_told_at_once() {
    let fake = FakeBuildkite::start();
    let now = fake.clock().now();
    let fault = || fake.fault(Route::GetUser);
    let table: [(&str, &dyn Fn()); 13] = [
        ("requests are counted from 1: there is no 0th", &|| {
            drop(fault().nth(0));
        }),
        ("a fault that comes 0 times is none", &|| {
            drop(fault().first(0));
        }),
        ("a probability is between 0 and 1, and 1.5 is not", &|| {
            drop(fault().probability(1.5));
        }),
        ("a probability is between 0 and 1, and NaN is not", &|| {
            drop(fault().probability(f64::NAN));
        }),
        (
            "no request can come between 2030-01-01T00:00:00.000Z and 2030-01-01T00:00:00.000Z: the end has to be later than the beginning",
            &|| drop(fault().during(now..now)),
        ),
        (
            "200 is no status of an error; `.answers(200, body)` answers with anything",
            &|| drop(fault().status(200)),
        ),
        (
            "100 is no status of an answer: those are between 200 and 599",
            &|| drop(fault().answers(100, "")),
        ),
        (
            "a rate limit is reset after whole seconds, and 1.5s are not",
            &|| {
                drop(fault().rate_limited_for(fake_buildkite::millis(1_500)));
            },
        ),
        (
            "a content-length that is off by 0 is right: say by how many bytes it should be more, or less",
            &|| {
                drop(fault().wrong_content_length(0));
            },
        ),
        ("a body comes in 2 to 1000 pieces, not in 1", &|| {
            drop(fault().slow_body(1, seconds(0)));
        }),
        (
            "2 pauses of 60s are 120s of real time, and 10s are the limit",
            &|| drop(fault().slow_body(3, minutes(1))),
        ),
        (
            "no fault `rate limited` like this: a request over the rate limit has no effect",
            &|| {
                drop(fault().after_effect().rate_limited());
            },
        ),
        (
            "no fault `cut off after 1 bytes of the body` like this: an answer can be spoiled only once there is one, after the effect",
            &|| drop(fault().before_effect().truncate_after(1)),
        ),
    ];
    for (text, slip) in table {
        assert_eq!(panic_of(slip), text);
    }
    assert_eq!(fake.verify(), Ok(()));
}
