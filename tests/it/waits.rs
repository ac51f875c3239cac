//! Waiting in real time: for conditions, and for requests.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use chrono::TimeDelta;
use fake_buildkite::{
    AgentState, Agents, BuildState, Clock, FakeBuildkite, JobHandle, JobState, Route, Wait, agent,
    hours, millis, minutes, seconds,
};

use crate::support::{client, panic_of};

fn current_thread() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// One look, without waiting.
fn look<T>(wait: &mut Wait<T>) -> Option<T> {
    let mut cx = Context::from_waker(Waker::noop());
    match std::pin::pin!(wait).poll(&mut cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

// --- Conditions ------------------------------------------------------------------------------------------------------

#[test]
fn a_condition_is_asked_again_whenever_something_has_changed() {
    // Given a program that runs on its own
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let app = fake.pipeline("app").create();
    let program = thread::spawn({
        let client = client(&fake);
        move || {
            client.create_build("app");
            while client.build("app", 1)["state"].str() != "passed" {}
        }
    });
    // When the test waits for a pipeline, a job and a build, then it sees what the program has brought about
    fake.wait_for(&app, |app| app.builds().len() == 1)
        .blocking();
    let build = app.latest_build();
    let job = build.all_jobs().remove(0);
    fake.wait_for(&job, |job| job.started_at().is_some())
        .blocking();
    fake.wait_for(&build, |build| build.state() == BuildState::Passed)
        .blocking();
    program.join().expect("no panic");
    // And what holds already is not waited for
    let mut again = fake.wait_for(&job, |job| job.state() == JobState::Passed);
    assert_eq!(look(&mut again), Some(()));
}

/// What changes, how, and how that shows.
type Change<'a> = (&'a str, &'a dyn Fn(), fn(&JobHandle) -> bool);

#[test]
fn every_kind_of_change_wakes_whoever_waits() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let job = build.all_jobs().remove(0);
    let changes: [Change; 4] = [
        ("a log", &|| job.append_log("a"), |job| job.log() == "a"),
        ("time", &|| drop(fake.advance(seconds(1))), |job| {
            job.state() == JobState::Running
        }),
        ("a hand", &|| job.fail(1), |job| {
            job.state() == JobState::Failed
        }),
        (
            "a request",
            &|| {
                let path = "/organizations/acme/pipelines/app/builds/1/jobs";
                client(&fake)
                    .put(&format!("{path}/{}/retry", job.id()))
                    .expect(200);
            },
            |job| job.retried_in().is_some(),
        ),
    ];
    for (what, change, condition) in changes {
        let waiting = thread::spawn({
            let mut wait = fake.wait_for(&job, condition);
            assert_eq!(look(&mut wait), None, "{what}");
            move || wait.blocking()
        });
        change();
        assert!(waiting.join().is_ok(), "{what}");
    }
}

#[test]
fn a_condition_may_ask_the_fake_itself() {
    let fake = Arc::new(FakeBuildkite::start());
    let build = fake.pipeline("app").create_build();
    let asked = Arc::clone(&fake);
    let wait = fake.wait_for(&build, move |build| {
        let passed = asked.clock().now() - build.created_at();
        passed >= TimeDelta::seconds(20) && !asked.events().is_empty()
    });
    let waiting = thread::spawn(|| wait.blocking());
    fake.advance(seconds(20));
    // Nothing happened at the twentieth second, so this is what shows it
    build.all_jobs()[0].append_log("done");
    waiting.join().expect("no panic");
}

#[test]
fn waiting_works_in_async_code_beside_the_program() {
    current_thread().block_on(async {
        let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
        let build = fake.pipeline("app").create_build();
        let url = format!("{}builds", fake.api_url());
        let token = fake.token().to_owned();
        let program = tokio::spawn(async move {
            let http = reqwest::Client::new();
            for _ in 0..2 {
                let answer = http.get(&url).bearer_auth(&token).send().await;
                assert_eq!(answer.expect("an answer").status(), 200);
            }
        });
        fake.wait_for(&build, |build| build.is_finished()).await;
        program.await.expect("no panic");
    });
}

#[test]
fn a_condition_that_panics_does_so_where_it_is_waited_for() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let wait = fake.wait_for(&build, |_| panic!("as told"));
    assert_eq!(panic_of(|| wait.blocking()), "as told");
    // And the fake is none the worse for it
    fake.run_until_idle();
    assert!(build.is_finished());
}

// --- Requests --------------------------------------------------------------------------------------------------------

#[test]
fn every_request_is_returned_once_and_in_order() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create();
    let client = client(&fake);
    client.create_build("app");
    client.get("/user").expect(200);
    client.create_build("app");
    let next = |route| look(&mut fake.next_request(route)).map(|request| request.status);
    let body = |n| format!(r#"{{"commit":"{n}","branch":"main"}}"#);
    let path = "/organizations/acme/pipelines/app/builds";
    client.post(path, &body(3)).expect(201);
    // Each endpoint has its own order
    assert_eq!(next(Route::GetUser), Some(200));
    assert_eq!(next(Route::GetUser), None);
    assert_eq!(next(Route::CreateBuild), Some(201));
    // A wait that is given up takes nothing
    drop(fake.next_request(Route::CreateBuild));
    let mut two = [0, 1].map(|_| fake.next_request(Route::CreateBuild));
    let commits = two.each_mut().map(|wait| {
        let request = look(wait).expect("a request");
        request.json()["commit"].as_str().map(str::to_owned)
    });
    assert_eq!(commits, ["HEAD", "3"].map(|it| Some(it.to_owned())));
    // What is still to come is waited for
    let waiting = thread::spawn({
        let wait = fake.next_request(Route::CreateBuild);
        move || wait.blocking()
    });
    client.post(path, &body(4)).expect(201);
    let request = waiting.join().expect("no panic");
    assert_eq!(request.json()["commit"], "4");
    // And all of them are still on record
    fake.requests().to(Route::CreateBuild).assert_count(4);
}

#[test]
fn two_that_wait_for_requests_get_different_ones() {
    let fake = FakeBuildkite::start();
    let waiting = [0, 1].map(|_| {
        let wait = fake.next_request(Route::GetUser);
        thread::spawn(move || wait.blocking().query)
    });
    let client = client(&fake);
    client.get("/user?a").expect(200);
    client.get("/user?b").expect(200);
    let mut got = waiting.map(|thread| thread.join().expect("no panic"));
    got.sort();
    assert_eq!(got, ["a", "b"]);
}

// --- In vain ---------------------------------------------------------------------------------------------------------

#[test]
fn waiting_in_vain_says_everything_there_is_to_say() {
    let fake = FakeBuildkite::builder().seed(7).start();
    let app = fake.pipeline("app").create();
    let build = app.create_build();
    fake.advance(seconds(4));
    let (wait, line) = (fake.wait_for(&build, |build| build.is_finished()), line!());
    let file = file!();
    let message = panic_of(|| wait.within(millis(5)).blocking());
    let (head, column) = message.split_once("waits.rs:").expect("where");
    let rest = column.split_once('\n').expect("more lines").1;
    assert_eq!(
        head,
        format!(
            "waited 5ms in vain for app#1 to be as wanted, asked for at {}",
            file.strip_suffix("waits.rs").expect("this file")
        )
    );
    assert!(column.starts_with(&format!("{line}:")), "{message}");
    assert_eq!(
        rest,
        "The clock stands at 2030-01-01T00:00:04.000Z (Manual); the next thing is due at 2030-01-01T00:00:11.000Z, \
         which the clock reaches when the test moves it.\n\
         There were no requests.\n\
         app#1 main running, 0:00:00 to 0:00:04 and on\n  \
         true  running  ········████████████████████████  0:00:01 to 0:00:04\n\
         The seed is 7."
    );
    // The last requests are shown, and what else is known
    for n in 0..12 {
        client(&fake).get(&format!("/user?{n}")).expect(200);
    }
    fake.run_until_idle();
    let message = panic_of(|| {
        fake.next_request(Route::CreateBuild)
            .within(millis(5))
            .blocking()
    });
    let lines: Vec<_> = message.lines().collect();
    assert!(
        lines[0].starts_with(
            "waited 5ms in vain for a request to POST /v2/organizations/{org.slug}/pipelines/"
        ),
        "{message}"
    );
    assert_eq!(
        lines[1],
        "The clock stands at 2030-01-01T00:00:11.000Z (Manual); nothing is due."
    );
    assert_eq!(lines[2], "The last requests:");
    assert_eq!(lines[3], "  2030-01-01T00:00:04.000Z GET /v2/user?2 200");
    assert_eq!(lines[12], "  2030-01-01T00:00:04.000Z GET /v2/user?11 200");
    assert_eq!(lines[13], "The seed is 7.");
    // Jobs are shown with their build, pipelines with their latest ones
    let job = build.all_jobs().remove(0);
    let message = panic_of(|| fake.wait_for(&job, |_| false).within(millis(5)).blocking());
    assert!(message.contains("\napp#1 main passed"), "{message}");
    for _ in 0..5 {
        app.create_build();
    }
    let message = panic_of(|| fake.wait_for(&app, |_| false).within(millis(5)).blocking());
    assert!(
        message.starts_with("waited 5ms in vain for pipeline app to be"),
        "{message}"
    );
    let shown: Vec<_> = message
        .lines()
        .filter(|line| line.starts_with("app#"))
        .collect();
    assert_eq!(shown.len(), 3, "{message}");
}

#[test]
fn a_limit_is_real_time_whatever_tokio_says() {
    // Given a paused clock on which hours pass at once
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let fake = FakeBuildkite::builder()
            .clock(Clock::FollowTokio)
            .on_current_runtime()
            .start();
        let app = fake.pipeline("app").create();
        app.on_job("*").takes(hours(500));
        let build = app.create_build();
        // Then ten seconds are not over because of that
        fake.wait_for(&build, |build| build.is_finished()).await;
        // And they end when nothing else does: no timer is left that the clock could go to
        let wait = fake.wait_for(&build, |_| false).within(millis(5));
        let failed = tokio::spawn(wait).await.expect_err("in vain");
        assert!(failed.is_panic());
    });
}

#[test]
fn waiting_for_a_fake_that_goes_away_ends() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let wait = fake.wait_for(&build, |build| build.is_finished());
    let waiting = thread::spawn(move || panic_of(|| wait.within(minutes(10)).blocking()));
    drop(fake);
    let message = waiting.join().expect("no panic that is not caught");
    assert!(
        message.starts_with("the FakeBuildkite this handle belongs to is gone"),
        "{message}"
    );
}

#[test]
fn blocking_is_refused_where_it_would_stop_the_program() {
    let refused = "`.blocking()` on a current-thread runtime would stop the program under test, which runs on this very \
         thread: `.await` it instead";
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let wait = || fake.wait_for(&build, |_| true);
    current_thread().block_on(async {
        assert_eq!(panic_of(|| wait().blocking()), refused);
        wait().await;
    });
    // On a runtime of many threads the program goes on meanwhile
    let many = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    many.block_on(async { wait().blocking() });
    // And in plain tests
    wait().blocking();
}

#[test]
fn a_wait_can_be_sent_away() {
    fn is_send<T: Send + 'static>(_: &T) {}
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    is_send(&fake.next_request(Route::GetUser));
    is_send(&fake.wait_for(&app, |_| true));
    let shown = format!("{:?}", fake.next_request(Route::GetUser).within(minutes(1)));
    assert!(shown.contains("limit: 60s"), "{shown}");
}

#[test]
fn an_agent_and_a_queue_are_waited_for_and_say_how_they_are() {
    // Given a program that stops an agent and pauses a queue
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([
            agent("worker").cluster_queue("Linux", "deploy")
        ]))
        .start();
    let worker = fake.agent("worker");
    let linux = fake.existing_cluster("Linux");
    let queue = linux.queue("deploy");
    let app = fake.pipeline("app").cluster(&linux).create();
    app.create_build();
    fake.advance(seconds(2));
    app.create_build();
    // When it does not
    let message = panic_of(|| {
        fake.wait_for(&worker, |_| false)
            .within(millis(5))
            .blocking();
    });
    assert!(message.starts_with("waited 5ms in vain for agent worker to be as wanted"));
    let end = "\nit is connected, and has app#1 true\nThe seed is 0.";
    assert!(message.ends_with(end), "{message}");
    let message = panic_of(|| {
        fake.wait_for(&queue, |_| false)
            .within(millis(5))
            .blocking();
    });
    let start = "waited 5ms in vain for queue deploy of cluster Linux to be as wanted";
    assert!(message.starts_with(start), "{message}");
    let end = "\nit is not paused; jobs that wait in it: 1\nThe seed is 0.";
    assert!(message.ends_with(end), "{message}");
    // And when it does
    let program = thread::spawn({
        let client = client(&fake);
        let acme = "/organizations/acme";
        let stop = format!("{acme}/agents/{}/stop", worker.id());
        let queues = format!("{acme}/clusters/{}/queues", linux.id());
        let pause = format!("{queues}/{}/pause_dispatch", queue.id());
        move || (client.post(&pause, "").status, client.put(&stop).status)
    });
    fake.wait_for(&queue, |queue| queue.is_paused()).blocking();
    fake.wait_for(&worker, |worker| worker.state() == AgentState::Stopping)
        .blocking();
    assert_eq!(program.join().expect("statuses"), (200, 204));
    // And not one of another fake
    let other = fake.fork();
    let message = panic_of(|| drop(other.wait_for(&worker, |_| true)));
    assert!(message.starts_with("agent worker belongs to another fake"));
    let message = panic_of(|| drop(other.wait_for(&queue, |_| true)));
    assert!(message.starts_with("queue deploy of cluster Linux belongs to another fake"));
}
