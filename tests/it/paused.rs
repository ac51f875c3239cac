//! A clock that goes by tokio's, and fakes that run on the runtime of a test.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use fake_buildkite::{
    Agents, Clock, FakeBuildkite, JobState, Route, agent, days, hours, millis, minutes, seconds,
};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{client, panic_of};

/// How often the ten hours are watched: `FAKE_BUILDKITE_RUNS=100 cargo test --release ten_hours` takes a minute.
const RUNS: &str = "FAKE_BUILDKITE_RUNS";

fn following() -> FakeBuildkite {
    FakeBuildkite::builder()
        .clock(Clock::FollowTokio)
        .on_current_runtime()
        .start()
}

fn current_thread() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

fn at(seconds: i64) -> DateTime<Utc> {
    let epoch: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().expect("an instant");
    epoch + TimeDelta::seconds(seconds)
}

/// One connection of an async client.
struct Talk {
    http: SendRequest<Full<Bytes>>,
    token: String,
}

impl Talk {
    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        token: &str,
    ) -> Self {
        let (http, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        Self {
            http,
            token: token.to_owned(),
        }
    }

    async fn by_socket(fake: &FakeBuildkite) -> Self {
        let url = fake.url();
        let address = url.strip_prefix("http://").expect("plain HTTP");
        let stream = TcpStream::connect(address).await.expect("an open port");
        Self::over(stream, fake.token()).await
    }

    async fn in_memory(fake: &FakeBuildkite) -> Self {
        Self::over(fake.connect(), fake.token()).await
    }

    /// Status and body.
    async fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("/v2{path}"))
            .header("host", "fake.test")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Full::from(body.to_owned()));
        let request = request.expect("a request");
        let answer = self.http.send_request(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body");
        let body = String::from_utf8(body.to_bytes().to_vec()).expect("text");
        (status, body)
    }

    async fn create_build(&mut self, pipeline: &str) {
        let path = format!("/organizations/acme/pipelines/{pipeline}/builds");
        let (status, body) = self
            .ask("POST", &path, r#"{"commit":"HEAD","branch":"main"}"#)
            .await;
        assert_eq!(status, 201, "{body}");
    }

    /// The state of the first build of a pipeline.
    async fn state(&mut self, pipeline: &str) -> String {
        let path = format!("/organizations/acme/pipelines/{pipeline}/builds/1");
        let (status, body) = self.ask("GET", &path, "").await;
        assert_eq!(status, 200, "{body}");
        // The first in the body is the build's. Reading all of it takes longer than making it.
        let (_, rest) = body.split_once("\"state\":\"").expect("a state");
        rest.split('"').next().expect("an end").to_owned()
    }
}

// --- Hours in no time ------------------------------------------------------------------------------------------------

/// Polls every five seconds for ten hours, thirty seconds of patience each; returns everything that happened.
async fn ten_hours() -> String {
    // Given a job that fails now and then, and is retried, all night
    let fake = following();
    let steps = "steps: [{command: make soak, key: soak, retry: {automatic: {limit: 10}}}]";
    let app = fake.pipeline("app").steps(steps).create();
    let soak = app.on_job("soak");
    let soak = soak.takes_between(minutes(50), minutes(90)).exits(1);
    soak.then()
        .takes_between(minutes(1), hours(4))
        .exits(1)
        .then()
        .hangs();
    // When a program polls it
    let night = Instant::now();
    let mut talk = Talk::by_socket(&fake).await;
    talk.create_build("app").await;
    let build = app.latest_build();
    let mut polls = 0;
    loop {
        let state = timeout(seconds(30), talk.state("app")).await;
        assert_eq!(
            state.as_deref(),
            Ok(if polls == 0 { "scheduled" } else { "running" })
        );
        polls += 1;
        if night.elapsed() >= hours(10) {
            break;
        }
        sleep(seconds(5)).await;
    }
    // Then no poll was lost and no clock has moved on its own
    assert_eq!(polls, 7_201);
    fake.requests().to(Route::GetBuild).assert_count(7_201);
    assert_eq!(night.elapsed(), hours(10));
    assert_eq!(fake.clock().now(), at(36_000));
    // And what happened between two polls happened at its own instant
    let attempts = build.jobs("soak");
    assert_eq!(attempts.len(), 3);
    assert_eq!(attempts[0].started_at(), Some(at(1)));
    for (one, next) in attempts.iter().zip(&attempts[1..]) {
        let ended = one.finished_at().expect("it failed");
        assert_eq!(next.started_at(), Some(ended + TimeDelta::seconds(1)));
    }
    format!("{}{}", fake.events(), fake.requests())
}

#[test]
fn ten_hours_of_polling_lose_no_poll_and_are_the_same_in_every_run() {
    let runs = std::env::var(RUNS).map_or(2, |runs| runs.parse().expect("a number"));
    let told = |_| {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(ten_hours())
    };
    let logs: BTreeSet<_> = (0..runs).map(told).collect();
    assert_eq!(logs.len(), 1, "one log in {runs} runs");
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_client_with_its_pool_and_time_outs_does_as_well() {
    let fake = following();
    let app = fake.pipeline("app").create();
    app.on_job("*").takes(minutes(59));
    app.create_build();
    let start = Instant::now();
    let http = reqwest::Client::builder().timeout(seconds(30)).build();
    let http = http.expect("a client");
    let url = format!(
        "{}organizations/acme/pipelines/app/builds/1",
        fake.api_url()
    );
    let mut polls = 0;
    loop {
        let answer = http.get(&url).bearer_auth(fake.token()).send().await;
        let body = answer.expect("in time").text().await.expect("a body");
        polls += 1;
        if body.contains("\"finished_at\":\"2030-") {
            break;
        }
        // Longer than the pool keeps a connection, now and then
        sleep(if polls % 10 == 0 {
            seconds(100)
        } else {
            seconds(5)
        })
        .await;
    }
    // 59:01 is over in the 25th round of ten polls
    assert_eq!(start.elapsed(), 25 * (9 * seconds(5) + seconds(100)));
    assert_eq!(polls, 251);
    assert_eq!(
        fake.clock().now() - at(0),
        TimeDelta::from_std(start.elapsed()).expect("short")
    );
    fake.requests().to(Route::GetBuild).assert_count(polls);
}

#[tokio::test(start_paused = true)]
async fn many_impatient_clients_at_once_lose_nothing() {
    let fake = Arc::new(following());
    fake.pipeline("app").create_build();
    let start = Instant::now();
    let clients: Vec<_> = (0..20)
        .map(|n| {
            let fake = Arc::clone(&fake);
            tokio::spawn(async move {
                let mut talk = if n % 2 == 0 {
                    Talk::by_socket(&fake).await
                } else {
                    Talk::in_memory(&fake).await
                };
                for _ in 0..20 {
                    let state = timeout(millis(50), talk.state("app")).await;
                    assert_eq!(state.as_deref(), Ok("scheduled"), "in time");
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("no panic");
    }
    fake.requests().assert_count(400);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

// --- Due things ------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn everything_happens_at_its_own_instant_however_far_time_goes_at_once() {
    let told = async |jumps: bool| {
        let pass = async |by| {
            if jumps {
                tokio::time::advance(by).await;
            } else {
                sleep(by).await;
            }
        };
        let fake = following();
        let app = fake.pipeline("app").create();
        app.on_job("*").takes(minutes(7));
        app.create_build();
        pass(seconds(30)).await;
        app.create_build();
        pass(days(1)).await;
        assert_eq!(fake.clock().now(), at(86_430));
        fake.events().to_string()
    };
    let slept = told(false).await;
    assert!(slept.contains("2030-01-01T00:07:01.000Z app#1 running -> passed"));
    assert!(slept.contains("2030-01-01T00:07:31.000Z app#2 running -> passed"));
    // tokio's own jump passes over everything in between; the fake does not
    assert_eq!(told(true).await, slept);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_happens_without_anybody_asking() {
    let fake = following();
    let start = Instant::now();
    // Given something that is due in thirty days, so that the fake sleeps until then
    let slow = fake.pipeline("slow").create();
    slow.on_job("*").never_picked_up();
    let late = slow.create_build();
    sleep(seconds(1)).await;
    // When something is armed that is due earlier, then that happens at its time
    let early = fake.pipeline("app").create_build();
    fake.wait_for(&early, |build| build.is_finished()).await;
    assert_eq!(start.elapsed(), seconds(12));
    fake.wait_for(&late, |build| {
        build.all_jobs()[0].state() == JobState::Expired
    })
    .await;
    assert_eq!(start.elapsed(), days(30));
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_sees_what_is_due_by_now() {
    let fake = Arc::new(following());
    let build = fake.pipeline("app").create_build();
    let ends = tokio::spawn({
        let build = build.clone();
        // Due at the same instant as the end of the job, and armed before it
        let ends = sleep(seconds(11));
        async move {
            ends.await;
            build.is_finished()
        }
    });
    assert!(ends.await.expect("no panic"));
    // From any thread
    let seen = |fake: Arc<FakeBuildkite>| move || fake.clock().now();
    sleep(millis(500)).await;
    let now = at(11) + TimeDelta::milliseconds(500);
    assert_eq!(fake.clock().now(), now);
    let blocking = tokio::task::spawn_blocking(seen(Arc::clone(&fake)));
    assert_eq!(blocking.await.expect("no panic"), now);
    let other = std::thread::spawn(seen(Arc::clone(&fake)));
    assert_eq!(other.join().expect("no panic"), now);
    // And commands come after what was due
    sleep(days(1)).await;
    let next = build.rebuild();
    assert_eq!(next.created_at(), now + TimeDelta::days(1));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_polls_without_a_pause_is_told_why_nothing_changes() {
    let fake = following();
    fake.pipeline("app").create_build();
    let mut talk = Talk::in_memory(&fake).await;
    for _ in 0..10 {
        talk.state("app").await;
    }
    let note = fake.requests().last().and_then(|last| last.note.clone());
    assert_eq!(
        note.as_deref(),
        Some("poll 10 at this instant; tokio's clock stands still: sleep between two polls")
    );
}

#[tokio::test(start_paused = true)]
async fn more_than_may_happen_at_once_is_said_to_everybody() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::FollowTokio)
        .on_current_runtime()
        .event_limit(3)
        .start();
    let steps = "steps: [{command: make, parallelism: 4}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    // When time passes and nobody looks
    sleep(seconds(1)).await;
    sleep(seconds(1)).await;
    // Then everybody who looks later hears of it
    let expected = "the clock stopped at 2030-01-01T00:00:01.000Z after 3 due things in one call";
    for _ in 0..2 {
        let message = panic_of(|| build.state());
        assert!(message.starts_with(expected), "{message}");
    }
    let (status, body) = Talk::in_memory(&fake).await.ask("GET", "/user", "").await;
    assert_eq!(status, 500);
    assert!(body.contains(expected), "{body}");
    assert_eq!(fake.failures().len(), 1);
    let report = fake.verify().expect_err("it is over");
    assert!(report.problems[0].starts_with(expected), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_follows_is_moved_by_nobody_else() {
    let fake = following();
    let expected = "no test moves the clock while it is FollowTokio: tokio's clock moves it; let time pass with \
        `tokio::time::sleep(..)`, or wait with `fake.wait_for(..)`";
    assert_eq!(panic_of(|| fake.advance(seconds(1))), expected);
    assert_eq!(panic_of(|| fake.advance_to(at(1))), expected);
    assert_eq!(panic_of(|| fake.step()), expected);
    assert_eq!(panic_of(|| fake.run_until_idle()), expected);
    assert_eq!(panic_of(|| fake.run_until(|_| true)), expected);
    assert_eq!(fake.clock().now(), at(0));
    assert_eq!(fake.clock().mode(), Clock::FollowTokio);
}

// --- Where it runs ---------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_clock_that_follows_and_a_thread_of_its_own_do_not_go_together() {
    let naive = || FakeBuildkite::builder().clock(Clock::FollowTokio).start();
    assert_eq!(
        panic_of(naive),
        "`Clock::FollowTokio` needs `.on_current_runtime()`: a paused clock does not see a server on a thread of its \
         own, and jumps while a request is on its way there"
    );
}

#[test]
fn the_current_runtime_is_one_that_is_there() {
    for clock in [Clock::Manual, Clock::FollowTokio] {
        let builder = FakeBuildkite::builder().clock(clock).on_current_runtime();
        assert_eq!(
            panic_of(|| builder.start()),
            "`.on_current_runtime()` needs a tokio runtime around `start`, and there is none here; start inside \
             `#[tokio::test]` or `block_on`, or leave it out and the fake runs on a thread of its own"
        );
    }
}

#[test]
fn a_runtime_that_lacks_something_says_what() {
    let start = |builder: &mut Builder| {
        let runtime = builder.build().expect("a runtime");
        panic_of(|| runtime.block_on(async { following() }))
    };
    let message = start(Builder::new_current_thread().enable_io());
    assert!(message.contains("enable_time"), "{message}");
    let message = start(Builder::new_current_thread().enable_time());
    assert!(message.contains("enable_io"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_of_many_threads_hosts_a_fake_with_any_clock() {
    let fake = FakeBuildkite::builder().on_current_runtime().start();
    let app = fake.pipeline("app").create();
    // Given an async program, and a blocking one
    let mut talk = Talk::by_socket(&fake).await;
    talk.create_build("app").await;
    let fake = Arc::new(fake);
    let blocking = Arc::clone(&fake);
    let ask = move || client(&blocking).build("app", 1)["state"].str().to_owned();
    let asked = tokio::task::spawn_blocking(ask.clone()).await;
    assert_eq!(asked.expect("no panic"), "scheduled");
    // When the test moves the clock, then both see it
    fake.advance(seconds(11));
    assert!(app.latest_build().is_finished());
    assert_eq!(talk.state("app").await, "passed");
    let asked = tokio::task::spawn_blocking(ask).await;
    assert_eq!(asked.expect("no panic"), "passed");
}

#[tokio::test(start_paused = true)]
async fn a_clock_the_test_moves_does_not_go_with_tokio() {
    let fake = FakeBuildkite::builder().on_current_runtime().start();
    fake.pipeline("app").create_build();
    let mut talk = Talk::by_socket(&fake).await;
    sleep(days(1)).await;
    assert_eq!(talk.state("app").await, "scheduled");
    fake.advance(seconds(11));
    assert_eq!(talk.state("app").await, "passed");
    assert_eq!(fake.clock().now(), at(11));
}

#[test]
fn a_fake_outlives_the_runtime_it_runs_on() {
    let fake = current_thread().block_on(async {
        let fake = following();
        fake.pipeline("app").create_build();
        fake
    });
    // It answers nobody any more, and is still there
    let url = fake.url();
    let address = url.strip_prefix("http://").expect("plain HTTP");
    std::net::TcpStream::connect(address).expect_err("the port is closed");
    current_thread().block_on(async {
        let end = fake.connect().read(&mut [0]).await;
        assert_eq!(end.expect("an end"), 0);
    });
    assert_eq!(fake.existing_pipeline("app").builds().len(), 1);
    assert!(fake.clock().now() >= at(0));
}

#[tokio::test]
async fn a_fake_on_a_runtime_is_gone_when_it_is_dropped() {
    let fake = following();
    let build = fake.pipeline("app").create_build();
    let mut talk = Talk::by_socket(&fake).await;
    talk.state("app").await;
    drop(fake);
    assert!(
        panic_of(|| build.state()).starts_with("the FakeBuildkite this handle belongs to is gone")
    );
    while !talk.http.is_closed() {
        tokio::task::yield_now().await;
    }
}

// --- In memory -------------------------------------------------------------------------------------------------------

#[test]
fn a_connection_in_memory_is_served_as_one_over_a_socket() {
    let own_thread = FakeBuildkite::builder();
    let on_runtime = FakeBuildkite::builder().on_current_runtime();
    for builder in [own_thread, on_runtime] {
        current_thread().block_on(async {
            let fake = builder.allow_unknown_routes().start();
            fake.pipeline("app").create();
            let mut talk = Talk::in_memory(&fake).await;
            talk.create_build("app").await;
            let path = "/organizations/acme/pipelines/app/builds/1";
            let (status, in_memory) = talk.ask("GET", path, "").await;
            assert_eq!(status, 200);
            let mut by_socket = Talk::by_socket(&fake).await;
            assert_eq!(
                by_socket.ask("GET", path, "").await,
                (200, in_memory.clone())
            );
            // URLs begin where the client says it is
            let expected = format!("\"url\":\"http://fake.test/v2{path}\"");
            assert!(in_memory.contains(&expected), "{in_memory}");
            // Large bodies pass in both directions
            let large = "x".repeat(1 << 20);
            let (status, body) = talk.ask("POST", path, &large).await;
            assert_eq!(status, 404, "{body}");
            assert_eq!(fake.requests().last().map(|last| last.status), Some(404));
            let (status, body) = talk.ask("POST", path, &large.repeat(9)).await;
            assert_eq!(status, 413, "{body}");
            // And it ends with the fake
            let mut unused = fake.connect();
            drop(fake);
            assert_eq!(unused.read(&mut [0]).await.expect("an end"), 0);
        });
    }
}

#[test]
fn many_connections_in_memory_cost_no_descriptors() {
    let fake = FakeBuildkite::start();
    current_thread().block_on(async {
        let mut talks = Vec::new();
        for _ in 0..2_000 {
            talks.push(Talk::in_memory(&fake).await);
        }
        for talk in &mut talks {
            assert_eq!(talk.ask("GET", "/user", "").await.0, 200);
        }
    });
    fake.requests().assert_count(2_000);
}

#[tokio::test(start_paused = true)]
async fn the_pause_of_an_agent_ends_when_tokio_s_clock_is_there() {
    // Given an agent that a program pauses for an hour, and a job
    let fake = FakeBuildkite::builder()
        .clock(Clock::FollowTokio)
        .on_current_runtime()
        .agents(Agents::fleet([agent("worker")]))
        .start();
    let build = fake.pipeline("app").create_build();
    let worker = fake.agent("worker");
    let path = format!("/organizations/acme/agents/{}", worker.id());
    let mut talk = Talk::by_socket(&fake).await;
    let (status, _) = talk
        .ask(
            "PUT",
            &format!("{path}/pause"),
            r#"{"timeout_in_minutes":60}"#,
        )
        .await;
    assert_eq!(status, 204);
    let until = worker.paused_until().expect("an end");
    assert_eq!(until, at(3600));
    // When the program sleeps until just before
    sleep(minutes(59) + millis(59_999)).await;
    let (_, body) = talk.ask("GET", &path, "").await;
    assert!(body.contains("\"paused\":true"), "{body}");
    assert_eq!(talk.state("app").await, "scheduled");
    // And past it, whoever asks
    sleep(minutes(5)).await;
    let (_, body) = talk.ask("GET", &path, "").await;
    assert!(body.contains("\"paused\":false"), "{body}");
    // Then it was over at its own instant, and the job went on from there
    assert_eq!(build.started_at(), Some(until));
    assert_eq!(build.finished_at(), Some(until + TimeDelta::seconds(10)));
}
