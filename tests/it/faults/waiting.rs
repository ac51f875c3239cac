//! Answers and requests that are late: by the fake's clock, whatever moves it.

use std::thread;
use std::time::Duration;

use fake_buildkite::{BuildState, Clock, FakeBuildkite, Route, hours, seconds};

use crate::support::client;

const BUILD: &str = "/organizations/acme/pipelines/app/builds/1";

#[test]
fn a_late_answer_was_true_when_it_was_asked_for() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create_build();
    fake.fault(Route::GetBuild).first(1).delay(seconds(30));
    let late = {
        let client = client(&fake);
        thread::spawn(move || client.get(BUILD))
    };
    let request = fake.next_request(Route::GetBuild).blocking();
    let note = "fault: delayed by 30s, after its effect";
    assert_eq!((request.status, request.note.as_deref()), (200, Some(note)));
    fake.advance(seconds(29));
    // Others are served meanwhile
    assert_eq!(client(&fake).build("app", 1)["state"].str(), "passed");
    assert!(!late.is_finished());
    fake.advance(seconds(1));
    let late = late.join().expect("no panic");
    assert_eq!(late.json()["state"].str(), "scheduled");
    assert_eq!(late.header("date"), Some("Tue, 01 Jan 2030 00:00:00 GMT"));
}

#[test]
fn a_late_request_finds_what_is_there_when_it_arrives() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let fault = fake.fault(Route::CancelBuild).first(1);
    let fault = fault.before_effect().delay(seconds(5));
    let program = {
        let client = client(&fake);
        thread::spawn(move || client.put(&format!("{BUILD}/cancel")).status)
    };
    let app = fake.existing_pipeline("app");
    let watched = fault.clone();
    fake.wait_for(&app, move |_| watched.hits() == 1).blocking();
    assert_eq!(build.state(), BuildState::Scheduled);
    fake.advance(seconds(2));
    assert_eq!(build.state(), BuildState::Running);
    fake.advance(seconds(3));
    assert_eq!(program.join().expect("no panic"), 200);
    assert_ne!(build.state(), BuildState::Running);
    let request = fake.requests().to(Route::CancelBuild).only();
    assert_eq!(request.at, fake.clock().now());
    let note = "fault: delayed by 5s, before its effect";
    assert_eq!(request.note.as_deref(), Some(note));
}

#[test]
fn where_time_passes_with_requests_a_late_one_takes_its_time() {
    for clock in [Clock::StepPerPoll, Clock::PerRequest(seconds(1))] {
        let fake = FakeBuildkite::builder().clock(clock).start();
        let build = fake.pipeline("app").create_build();
        let start = fake.clock().now();
        fake.fault(Route::GetUser).first(1).delay(seconds(30));
        client(&fake).get("/user").expect(200);
        assert!(fake.clock().now() >= start + seconds(30), "{clock}");
        assert!(build.is_finished(), "{clock}");
        let before = fake.clock().now();
        let fault = fake.fault(Route::GetBuild).first(1).before_effect();
        fault.delay(seconds(30));
        let late = client(&fake).get(BUILD);
        assert_eq!(late.json()["state"].str(), "passed", "{clock}");
        let request = fake.requests().to(Route::GetBuild).only();
        assert_eq!(request.at, before + seconds(30), "{clock}");
    }
}

#[test]
fn real_time_brings_late_answers_too() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::Wall { speed: 10_000.0 })
        .start();
    fake.fault(Route::GetUser).first(1).delay(hours(1));
    let fault = fake.fault(Route::GetUser).nth(2).before_effect();
    fault.delay(hours(1));
    let start = fake.clock().now();
    client(&fake).get("/user").expect(200);
    let first = fake.clock().now();
    client(&fake).get("/user").expect(200);
    assert!(first >= start + hours(1));
    assert!(fake.clock().now() >= first + hours(1));
}

#[tokio::test(start_paused = true)]
async fn tokios_paused_clock_brings_late_answers_to_the_instant() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::FollowTokio)
        .on_current_runtime()
        .start();
    fake.fault(Route::GetUser).first(1).delay(seconds(30));
    fake.fault(Route::GetUser).nth(2).delay(seconds(90));
    let fault = fake.fault(Route::GetUser).nth(3).before_effect();
    fault.delay(hours(5));
    let url = format!("{}user", fake.api_url());
    let ask = async |patience: Duration| {
        let http = reqwest::Client::builder().timeout(patience).build();
        let request = http.expect("a client").get(&url);
        request.bearer_auth(fake.token()).send().await
    };
    let start = tokio::time::Instant::now();
    ask(seconds(60)).await.expect("an answer in time");
    assert_eq!(start.elapsed(), seconds(30));
    let late = ask(seconds(60)).await.expect_err("no answer in time");
    assert!(late.is_timeout());
    assert_eq!(start.elapsed(), seconds(90));
    ask(hours(6)).await.expect("an answer in time");
    assert_eq!(start.elapsed(), seconds(90) + hours(5));
}

#[test]
fn going_back_leaves_what_waits_alone() {
    let fake = FakeBuildkite::start();
    let before = fake.snapshot();
    fake.advance(seconds(10));
    fake.fault(Route::GetUser).first(1).delay(seconds(5));
    let late = {
        let client = client(&fake);
        thread::spawn(move || client.get("/user").status)
    };
    fake.next_request(Route::GetUser).blocking();
    fake.rewind(&before);
    fake.advance(seconds(14));
    assert_eq!(client(&fake).get("/user").status, 200);
    assert!(!late.is_finished());
    fake.advance(seconds(1));
    assert_eq!(late.join().expect("no panic"), 200);
}
