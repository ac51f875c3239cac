//! A client that polls with the same bytes again and again, beside one of which each request differs in a header that
//! nobody answers to: what they get, and what is kept of it, is the same.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use fake_buildkite::{Clock, FakeBuildkite, Route, minutes, seconds};

const BUILD: &str = "/v2/organizations/acme/pipelines/app/builds/1";

/// Only guards against hanging.
const GENEROUS: Duration = Duration::from_secs(20);

/// One connection to a fake with a build of two jobs.
struct Poller {
    fake: FakeBuildkite,
    stream: TcpStream,
    /// Whether its requests differ.
    differs: bool,
    asked: usize,
}

/// One whose requests repeat, and one whose requests do not.
fn both(clock: Clock) -> [Poller; 2] {
    [false, true].map(|differs| {
        let fake = FakeBuildkite::builder()
            .origin("http://fake.test")
            .clock(clock)
            .enforce_rate_limits()
            .rate_limit(8, 200)
            .start();
        let app = fake
            .pipeline("app")
            .steps("steps: [{command: make, key: x}, wait, {command: ship, key: y}]")
            .create();
        app.on_job("x").takes(seconds(20));
        app.create_build();
        let stream = connect(&fake);
        Poller {
            fake,
            stream,
            differs,
            asked: 0,
        }
    })
}

fn connect(fake: &FakeBuildkite) -> TcpStream {
    let address = fake.url().replace("http://", "");
    let stream = TcpStream::connect(address).expect("an open port");
    stream.set_read_timeout(Some(GENEROUS)).expect("a socket");
    stream
}

impl Poller {
    /// What comes back: the head, and the body.
    fn ask(&mut self, path: &str, header: &str) -> (String, String) {
        self.asked += 1;
        let other = if self.differs {
            format!("x-n: {}\r\n", self.asked)
        } else {
            String::new()
        };
        let token = self.fake.token();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: fake.test\r\nauthorization: Bearer {token}\r\n{header}{other}\r\n"
        );
        self.stream.write_all(request.as_bytes()).expect("open");
        self.answer()
    }

    fn answer(&mut self) -> (String, String) {
        let mut all = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&all);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .split_once("content-length: ")
                    .map_or("0", |(_, rest)| rest);
                let length = length.split("\r\n").next().expect("a line");
                if body.len() == length.parse::<usize>().expect("a number") {
                    return (head.to_owned(), body.to_owned());
                }
            }
            let mut some = [0; 4096];
            let Ok(count @ 1..) = self.stream.read(&mut some) else {
                // A fault has ended it.
                self.stream = connect(&self.fake);
                let all = String::from_utf8_lossy(&all).into_owned();
                return (all, "ended".to_owned());
            };
            all.extend_from_slice(&some[..count]);
        }
    }

    /// The record, without what was made to differ.
    fn record(&self) -> Vec<String> {
        let requests = self.fake.requests().to_vec().into_iter();
        let without = requests.map(|mut request| {
            request.headers.retain(|(name, _)| name != "x-n");
            format!("{request} {request:?}")
        });
        without.collect()
    }
}

/// What both get, which must be the same.
fn same<T: PartialEq + std::fmt::Debug>(
    pair: &mut [Poller; 2],
    act: impl Fn(&mut Poller) -> T,
) -> T {
    let [one, other] = pair.each_mut().map(act);
    assert_eq!(one, other);
    assert_eq!(pair[0].record(), pair[1].record());
    one
}

fn polls(pair: &mut [Poller; 2], header: &str) -> [String; 3] {
    [(); 3].map(|()| same(pair, |poller| poller.ask(BUILD, header)).0)
}

#[test]
fn who_polls_with_the_same_bytes_gets_what_others_get() {
    let mut pair = both(Clock::Manual);
    // While nothing changes only the request's own headers do
    let [first, second, _] = polls(&mut pair, "");
    assert!(first.contains("ratelimit-user-remaining: 7") && second.contains("remaining: 6"));
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
    // What happens meanwhile is seen at once
    same(&mut pair, |poller| poller.fake.advance(seconds(10)).len());
    let [running, ..] = polls(&mut pair, "");
    assert_ne!(running, first);
    // Who asks too often is sent away, until the minute is over
    let [.., refused] = polls(&mut pair, "");
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    same(&mut pair, |poller| poller.fake.advance(minutes(1)).len());
    let [ended, ..] = polls(&mut pair, "");
    // Who has it is spared it
    let (_, tag) = ended.split_once("etag: ").expect("one");
    let tag = tag.split("\r\n").next().expect("a line");
    let [spared, ..] = polls(&mut pair, &format!("if-none-match: {tag}\r\n"));
    assert!(
        spared.starts_with("HTTP/1.1 304 Not Modified\r\n"),
        "{spared}"
    );
    // And a page, a list, and what is not there
    same(&mut pair, |poller| poller.fake.advance(minutes(1)).len());
    for path in [
        "/v2/builds",
        "/acme/app/builds/1",
        "/v2/organizations/acme/pipelines/none",
    ] {
        for _ in 0..2 {
            same(&mut pair, |poller| poller.ask(path, ""));
        }
    }
}

#[test]
fn faults_come_to_polls_that_repeat_too() {
    let mut pair = both(Clock::Manual);
    polls(&mut pair, "");
    for poller in &pair {
        poller.fake.fault(Route::GetBuild).first(1).status(502);
        poller.fake.fault(Route::GetBuild).nth(2).reset();
    }
    let (failed, _) = same(&mut pair, |poller| poller.ask(BUILD, ""));
    assert!(failed.starts_with("HTTP/1.1 502 "), "{failed}");
    let (reset, end) = same(&mut pair, |poller| poller.ask(BUILD, ""));
    assert_eq!((reset.as_str(), end.as_str()), ("", "ended"));
    polls(&mut pair, "");
}

#[test]
fn a_poll_that_repeats_is_held_at_a_gate_and_moves_a_clock() {
    let mut pair = both(Clock::StepPerPoll);
    polls(&mut pair, "");
    let now = same(&mut pair, |poller| poller.fake.clock().now());
    polls(&mut pair, "");
    assert_ne!(same(&mut pair, |poller| poller.fake.clock().now()), now);
    let held = same(&mut pair, |poller| {
        let gate = poller.fake.hold(Route::GetBuild);
        let token = poller.fake.token();
        let other = if poller.differs { "x-n: 0\r\n" } else { "" };
        let request = format!(
            "GET {BUILD} HTTP/1.1\r\nhost: fake.test\r\nauthorization: Bearer {token}\r\n{other}\r\n"
        );
        poller.stream.write_all(request.as_bytes()).expect("open");
        gate.arrived().blocking();
        gate.release();
        poller.answer()
    });
    assert!(held.0.starts_with("HTTP/1.1 200 "), "{held:?}");
}
