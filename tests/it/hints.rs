//! What is said of a program that polls in vain, while it does: on standard error, past what keeps a test's own output.

use std::env;
use std::process::Command;

use fake_buildkite::{Clock, FakeBuildkite, FakeBuildkiteBuilder, seconds};

use crate::support::client;

/// Set in a process that runs one of these tests for another's sake.
const ALONE: &str = "FAKE_BUILDKITE_TEST_HINTS";

const BUILD: &str = "/organizations/acme/pipelines/app/builds/1";

const HINT: &str = "fake-buildkite: GET /v2/organizations/acme/pipelines/app/builds/1 was asked for 10 times at \
    2030-01-01T00:00:00.000Z, and nothing happened meanwhile; ";

/// Runs a test again in a process of its own, and returns what that writes to standard error.
#[track_caller]
fn said(name: &str, test: impl FnOnce()) -> Option<String> {
    if env::var_os(ALONE).is_some() {
        test();
        return None;
    }
    let output = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", &format!("hints::{name}")])
        .env(ALONE, "yes")
        .output()
        .expect("a process");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("1 passed"), "{printed}");
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn poll(builder: FakeBuildkiteBuilder, times: usize) -> FakeBuildkite {
    let fake = builder.start();
    let app = fake.pipeline("app").create();
    app.on_job("*").hangs();
    app.create_build();
    let client = client(&fake);
    for _ in 0..times {
        client.get(BUILD).expect(200);
    }
    fake
}

#[test]
fn a_program_that_polls_in_vain_is_told_of_once_while_it_does() {
    let said = said(
        "a_program_that_polls_in_vain_is_told_of_once_while_it_does",
        || {
            let fake = poll(FakeBuildkite::builder(), 25);
            fake.advance(seconds(5));
            let client = client(&fake);
            for _ in 0..25 {
                client.get(BUILD).expect(200);
            }
        },
    );
    let Some(said) = said else { return };
    let wanted = "the clock is Manual: move it with `advance`, or choose `Clock::StepPerPoll`\n";
    assert_eq!(said, format!("{HINT}{wanted}"));
}

#[test]
fn a_program_that_waits_for_a_blocked_build_is_told_of_too() {
    let said = said(
        "a_program_that_waits_for_a_blocked_build_is_told_of_too",
        || {
            let builder = FakeBuildkite::builder().clock(Clock::StepPerPoll);
            let fake = builder.start();
            let steps = "steps: [{block: Ship?, key: gate}, {command: ship, key: ship}]";
            let build = fake.pipeline("app").steps(steps).create_build();
            let client = client(&fake);
            let poll = || drop(client.get(BUILD).expect(200));
            (0..12).for_each(|_| poll());
            assert!(build.is_blocked());
            let noted = fake.requests()[9].note.clone();
            assert!(noted.is_some_and(|note| note.starts_with("seen 10 times at this instant; ")));
            // A build that is over may be looked at as often as somebody likes.
            build.job("gate").unblock();
            while !build.is_finished() {
                poll();
            }
            (0..12).for_each(|_| poll());
            let noted = fake
                .requests()
                .iter()
                .filter(|it| it.note.is_some())
                .count();
            assert_eq!(noted, 1);
        },
    );
    let Some(said) = said else { return };
    let wanted =
        "the build is blocked: it waits for a person, whom the test plays with `unblock`\n";
    assert_eq!(said, format!("{HINT}{wanted}"));
}

#[test]
fn whoever_sees_something_new_or_asks_not_to_be_told_is_not() {
    let said = said(
        "whoever_sees_something_new_or_asks_not_to_be_told_is_not",
        || {
            poll(FakeBuildkite::builder(), 9);
            poll(FakeBuildkite::builder().without_hints(), 25);
            poll(
                FakeBuildkite::builder().clock(Clock::PerRequest(seconds(1))),
                25,
            );
            // Each poll brings the end nearer.
            let fake = FakeBuildkite::start();
            let app = fake.pipeline("app").create();
            app.on_job("*").picked_up_after_polls(1).takes_polls(20);
            app.create_build();
            let client = client(&fake);
            while client.get(BUILD).expect(200)["state"].str() != "passed" {}
            assert!(fake.requests().iter().all(|request| request.note.is_none()));
        },
    );
    let Some(said) = said else { return };
    assert_eq!(said, "");
}

/// There the server writes from the very thread of the test, whose output is kept until it ends.
#[tokio::test]
async fn a_fake_on_the_runtime_of_a_test_says_so_too() {
    let said = said("a_fake_on_the_runtime_of_a_test_says_so_too", || ());
    let Some(said) = said else {
        let fake = FakeBuildkite::builder().on_current_runtime().start();
        fake.pipeline("app").create_build();
        let url = format!("{}/v2{BUILD}", fake.url());
        let http = reqwest::Client::new();
        for _ in 0..12 {
            let answer = http.get(&url).bearer_auth(fake.token()).send().await;
            drop(answer.expect("an answer").bytes().await);
        }
        return;
    };
    assert!(said.starts_with(HINT), "{said}");
}
