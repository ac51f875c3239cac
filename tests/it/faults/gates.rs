//! Gates: a request waits before it has any effect, until the test lets it go.

use std::thread::{self, JoinHandle};

use fake_buildkite::{BuildState, FakeBuildkite, Route, millis};

use crate::support::{client, panic_of};

const BUILD: &str = "/organizations/acme/pipelines/app/builds/1";

fn with_build() -> (FakeBuildkite, fake_buildkite::BuildHandle) {
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: make, key: test}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    (fake, build)
}

fn cancels(fake: &FakeBuildkite) -> JoinHandle<u16> {
    let client = client(fake);
    thread::spawn(move || client.put(&format!("{BUILD}/cancel")).status)
}

#[test]
fn what_happens_while_a_request_is_held_happens_before_it() {
    let (fake, build) = with_build();
    let gate = fake.hold(Route::CancelBuild);
    let program = cancels(&fake);
    let request = gate.arrived().blocking();
    assert_eq!((request.method.as_str(), request.status), ("PUT", 0));
    assert_eq!(request.route, Some(Route::CancelBuild));
    assert_eq!(gate.waiting(), 1);
    // It has had no effect, and others are served meanwhile
    assert_eq!(client(&fake).build("app", 1)["state"].str(), "scheduled");
    fake.requests().to(Route::CancelBuild).assert_count(0);
    build.job("test").pass();
    gate.release();
    assert_eq!(program.join().expect("no panic"), 422);
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_gate_holds_the_next_request_and_no_later_one() {
    let (fake, build) = with_build();
    let gate = fake.hold(Route::GetBuild);
    let first = {
        let client = client(&fake);
        thread::spawn(move || client.build("app", 1)["state"].str().to_owned())
    };
    gate.arrived().blocking();
    assert_eq!(client(&fake).build("app", 1)["state"].str(), "scheduled");
    build.job("test").pass();
    drop(gate);
    assert_eq!(first.join().expect("no panic"), "passed");
}

#[test]
fn a_gate_for_every_request_lets_them_go_one_by_one() {
    let (fake, build) = with_build();
    let gate = fake.hold_every(Route::CancelBuild);
    let programs: Vec<_> = (0..3)
        .map(|_| {
            let program = cancels(&fake);
            gate.arrived().blocking();
            program
        })
        .collect();
    assert_eq!(gate.waiting(), 3);
    let mut statuses = Vec::new();
    for (n, program) in programs.into_iter().enumerate() {
        gate.let_one_pass();
        statuses.push(program.join().expect("no panic"));
        assert_eq!(gate.waiting(), 2 - n);
    }
    assert_eq!(statuses, [200, 422, 422]);
    assert!(build.is_finished());
    assert_eq!(
        panic_of(|| gate.let_one_pass()),
        format!(
            "no request to {} waits at this gate; wait for one with `gate.arrived()`",
            Route::CancelBuild
        )
    );
    gate.release();
    assert_eq!(cancels(&fake).join().expect("no panic"), 422);
}

#[test]
fn faults_count_a_held_request_when_it_is_let_go() {
    let (fake, _) = with_build();
    let gate = fake.hold(Route::GetBuild);
    let fault = fake.fault(Route::GetBuild).nth(2).status(502);
    let held = {
        let client = client(&fake);
        thread::spawn(move || client.get(BUILD).status)
    };
    gate.arrived().blocking();
    assert_eq!(client(&fake).get(BUILD).status, 200);
    assert_eq!(fault.hits(), 0);
    gate.release();
    assert_eq!(held.join().expect("no panic"), 502);
}

#[test]
fn a_client_that_gives_up_does_not_undo_its_request() {
    let (fake, build) = with_build();
    let gate = fake.hold(Route::CancelBuild);
    let http = reqwest::blocking::Client::builder().timeout(millis(50));
    let url = format!("{}/v2{BUILD}/cancel", fake.url());
    let given_up = http.build().expect("a client").put(url);
    given_up
        .bearer_auth(fake.token())
        .send()
        .expect_err("a time-out");
    gate.arrived().blocking();
    assert_eq!(build.state(), BuildState::Scheduled);
    gate.release();
    fake.next_request(Route::CancelBuild).blocking();
    assert_eq!(build.state(), BuildState::Canceled);
}

#[test]
fn a_wait_in_vain_says_which_gate() {
    let (fake, _) = with_build();
    let gate = fake.hold(Route::CancelBuild);
    let said = panic_of(|| gate.arrived().within(millis(1)).blocking());
    let expected = format!(
        "waited 1ms in vain for a request to arrive at the gate before {}",
        Route::CancelBuild
    );
    assert!(said.starts_with(&expected), "{said}");
}

#[test]
fn gates_outlive_their_fake_in_peace() {
    let (fake, _) = with_build();
    let gate = fake.hold(Route::CancelBuild);
    drop(fake);
    drop(gate);
}

#[tokio::test(start_paused = true)]
async fn gates_work_on_the_runtime_of_the_test() {
    let fake = FakeBuildkite::builder().on_current_runtime().start();
    let build = fake.pipeline("app").create_build();
    let gate = fake.hold(Route::CancelBuild);
    let url = format!("{}/v2{BUILD}/cancel", fake.url());
    let request = reqwest::Client::new().put(url).bearer_auth(fake.token());
    let program = tokio::spawn(request.send());
    gate.arrived().await;
    fake.run_until_idle();
    gate.release();
    let answer = program.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 422);
    assert_eq!(build.state(), BuildState::Passed);
}
