//! Nobody answers: stopped and started again, a port that never opens, and the end with everybody still connected.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use fake_buildkite::{Clock, FakeBuildkite, Route, hours, seconds};

use crate::support::client;

/// Only guards against hanging.
const GENEROUS: Duration = Duration::from_secs(20);

fn address(url: &str) -> &str {
    url.strip_prefix("http://").expect("plain HTTP")
}

fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(address(url)).expect("the port is open");
    stream
        .set_read_timeout(Some(GENEROUS))
        .expect("a live socket");
    stream
}

#[track_caller]
fn assert_refused(url: &str) {
    let error = TcpStream::connect(address(url)).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// What still comes until the connection ends; a reset is an end, too.
#[track_caller]
fn assert_ended(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    assert_eq!(rest.escape_ascii().to_string(), "");
}

#[test]
fn a_stopped_fake_refuses_and_a_restarted_one_goes_on_at_the_same_port() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let (url, client) = (fake.url(), client(&fake));
    client.build("app", 1);
    let mut idle = connect(&url);
    for _ in 0..3 {
        fake.stop();
        fake.stop();
        assert_refused(&url);
        assert_ended(&mut idle);
        // The world goes on
        fake.advance(seconds(1));
        fake.restart();
        assert_eq!(fake.url(), url);
        idle = connect(&url);
        assert_eq!(client.build("app", 1)["id"].str(), build.id().to_string());
    }
    assert_eq!(client.build("app", 1)["state"].str(), "running");
    // Without a stop before, everybody loses their connection
    fake.restart();
    assert_ended(&mut idle);
    client.build("app", 1);
    fake.requests().to(Route::GetBuild).assert_count(6);
    assert_eq!(fake.failures(), [""; 0]);
}

#[test]
fn nobody_else_gets_the_port_of_a_stopped_fake() {
    let fake = FakeBuildkite::start();
    fake.stop();
    let others: Vec<_> = (0..500)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
        .collect();
    for other in &others {
        let other = other.local_addr().expect("an address").to_string();
        assert_ne!(other, address(&fake.url()));
    }
    drop(others);
    fake.restart();
    client(&fake).get("/user").expect(200);
}

#[test]
fn a_fake_may_end_while_it_is_stopped() {
    let fake = FakeBuildkite::start();
    let url = fake.url();
    fake.stop();
    drop(fake);
    assert_refused(&url);
}

#[test]
fn a_clock_that_moves_by_itself_goes_on_during_an_outage() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::Wall { speed: 10_000.0 })
        .start();
    let build = fake.pipeline("app").create_build();
    fake.stop();
    fake.wait_for(&build, |build| build.is_finished())
        .blocking();
    fake.restart();
    client(&fake).build("app", 1);
    fake.fault(Route::GetUser).first(1).delay(hours(1));
    client(&fake).get("/user").expect(200);
}

#[tokio::test(start_paused = true)]
async fn a_fake_on_the_runtime_of_the_test_can_be_stopped_and_restarted() {
    let fake = FakeBuildkite::builder().on_current_runtime().start();
    let url = format!("{}user", fake.api_url());
    let http = reqwest::Client::new();
    let ask = async || http.get(&url).bearer_auth(fake.token()).send().await;
    for _ in 0..3 {
        assert_eq!(ask().await.expect("an answer").status(), 200);
        fake.stop();
        #[cfg(target_os = "linux")]
        assert_refused(&fake.url());
        tokio::task::yield_now().await;
        assert!(ask().await.is_err());
        fake.restart();
    }
    // Between the two nobody had the chance to notice
    fake.stop();
    fake.restart();
    let answer = reqwest::Client::new().get(&url).send().await;
    assert_eq!(answer.expect("an answer").status(), 401);
}

#[test]
fn a_dead_url_refuses_for_as_long_as_the_fake_lives() {
    let fake = FakeBuildkite::start();
    let dead = fake.dead_url();
    assert_eq!(fake.dead_url(), dead);
    assert_ne!(dead, fake.url());
    for _ in 0..3 {
        assert_refused(&dead);
    }
    let taken = TcpListener::bind(address(&dead)).expect_err("it is kept");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    let error = reqwest::blocking::get(&dead).expect_err("nobody is there");
    assert!(error.is_connect());
}

/// How many clients of each of eight kinds: 104 in all.
const OF_EACH: usize = 13;

/// Everybody sees the end of their connection, whatever came before it.
fn assert_gone(streams: Vec<TcpStream>) {
    for mut stream in streams {
        if let Err(error) = stream.read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
    }
}

/// So many clients of each kind, and what they are in the middle of.
fn crowd(fake: &FakeBuildkite, of_each: usize) -> Vec<TcpStream> {
    let ask = |path: &str| {
        format!(
            "GET /v2/{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n",
            fake.token()
        )
    };
    let kinds = [
        String::new(),
        ask("user"),
        "POST /v2/user HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc".to_owned(),
        ask("builds") + "\r\n",                       // held
        ask("organizations") + "\r\n",                // stalled
        ask("access-token") + "\r\n",                 // late
        ask("organizations/acme") + "\r\n",           // half closed
        ask("organizations/acme/pipelines") + "\r\n", // slow
    ];
    let mut streams = Vec::new();
    for _ in 0..of_each {
        for text in &kinds {
            let mut stream = connect(&fake.url());
            stream.write_all(text.as_bytes()).expect("open");
            streams.push(stream);
        }
    }
    streams
}

/// Faults and a gate for a crowd.
fn trouble(fake: &FakeBuildkite) -> fake_buildkite::Gate {
    fake.fault(Route::ListOrganizations).stall();
    fake.fault(Route::GetAccessToken).delay(hours(1));
    fake.fault(Route::GetOrganization).half_close();
    fake.fault(Route::ListPipelines).slow_body(2, seconds(10));
    fake.hold_every(Route::ListBuilds)
}

#[test]
fn the_port_is_closed_and_everybody_gone_whatever_they_were_at() {
    let fake = FakeBuildkite::start();
    let gate = trouble(&fake);
    let url = fake.url();
    let arrive = || {
        let streams = crowd(&fake, OF_EACH);
        for _ in 0..OF_EACH {
            gate.arrived().blocking();
            for route in [
                Route::ListOrganizations,
                Route::GetAccessToken,
                Route::GetOrganization,
                Route::ListPipelines,
            ] {
                fake.next_request(route).blocking();
            }
        }
        streams
    };
    // What is promised is a tenth of a second; a machine may be busy
    let streams = arrive();
    let took = elapsed(|| fake.stop());
    println!("stopped in {took:?}, with {} clients", streams.len());
    assert!(took < GENEROUS / 10, "{took:?}");
    assert_refused(&url);
    assert_gone(streams);
    fake.restart();
    let streams = arrive();
    let took = elapsed(|| drop(fake));
    println!("dropped in {took:?}, with {} clients", streams.len());
    assert!(took < GENEROUS / 10, "{took:?}");
    assert_refused(&url);
    assert_gone(streams);
    drop(gate);
}

#[tokio::test]
async fn a_crowd_on_the_runtime_of_the_test_is_seen_off_as_well() {
    let fake = FakeBuildkite::builder().on_current_runtime().start();
    let gate = trouble(&fake);
    let url = fake.url();
    let streams = crowd(&fake, OF_EACH);
    for _ in 0..OF_EACH {
        gate.arrived().await;
        fake.next_request(Route::ListPipelines).await;
    }
    drop(fake);
    #[cfg(target_os = "linux")]
    assert_refused(&url);
    let gone = tokio::task::spawn_blocking(move || assert_gone(streams));
    gone.await.expect("everybody is gone");
    assert_refused(&url);
    drop(gate);
}

#[allow(
    clippy::disallowed_methods,
    reason = "measures real time; nothing of the fake reads it"
)]
fn elapsed(work: impl FnOnce()) -> Duration {
    let start = std::time::Instant::now();
    work();
    start.elapsed()
}
