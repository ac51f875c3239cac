//! A receiver of webhooks that believes nobody: it verifies signatures before it acts, and retries what failed.
//!
//! The receiver is an ordinary program. It listens on a port, checks `X-Buildkite-Signature` in constant time and
//! refuses what is older than five minutes, as Buildkite's documentation asks for. The fake's clock is the one in the
//! signature, so the receiver takes its time from there.
//!
//! Run it with `cargo run --example webhook_receiver`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;

use fake_buildkite::{BuildState, FakeBuildkite, WebhookEvent, days, minutes};
use serde::Deserialize;

const TOKEN: &str = "keep-this-to-yourself";

/// How old a signature may be, in seconds: five minutes.
const TOLERANCE: i64 = 5 * 60;

const PIPELINE: &str = "
steps:
  - { command: make test, key: test }
  - { command: make docs, key: docs }
";

fn main() {
    // Given a build that fails at first
    let fake = Arc::new(FakeBuildkite::start());
    let app = fake.pipeline("app").steps(PIPELINE).create();
    app.on_job("test")
        .takes(minutes(2))
        .exits(1)
        .then()
        .exits(0);
    app.on_job("docs").takes(minutes(30));

    // And a receiver that retries failed jobs
    let (url, heard) = start_receiver(&fake);
    let webhook = fake.webhook(url).signed_with(TOKEN).events([
        WebhookEvent::BuildRunning,
        WebhookEvent::BuildFailing,
        WebhookEvent::BuildFinished,
        WebhookEvent::JobFinished,
    ]);
    let webhook = webhook.create();

    // When a day passes, at once
    let build = app.create_build();
    fake.advance(days(1));

    // Then the receiver acted when it heard of the failure, in the third minute
    for line in heard.try_iter() {
        println!("{line}");
    }
    println!("\n{}", build.timeline());
    assert_eq!(build.state(), BuildState::Passed);

    // A delivery that somebody recorded and sends again is too old by now, and one that was changed does not fit
    let recorded = webhook.deliveries().remove(0);
    let header = recorded.header("x-buildkite-signature").expect("signed");
    let now = fake.clock().now().timestamp();
    let changed = [&recorded.body[..], b" "].concat();
    for (what, body, now) in [
        (
            "the recorded delivery, a day later",
            &recorded.body[..],
            now,
        ),
        (
            "the recorded delivery, at its time",
            &recorded.body[..],
            recorded.at.timestamp(),
        ),
        ("a changed one", &changed[..], recorded.at.timestamp()),
    ] {
        match verify(header, body, now) {
            Ok(()) => println!("{what}: accepted"),
            Err(why) => println!("{what}: {why}"),
        }
    }
}

// --- The program -----------------------------------------------------------------------------------------------------

/// What the receiver reads of a body.
#[derive(Deserialize)]
struct Notice {
    event: String,
    build: Build,
    job: Option<Job>,
}

#[derive(Deserialize)]
struct Build {
    url: String,
    number: u64,
    state: String,
}

#[derive(Deserialize)]
struct Job {
    id: String,
    step_key: String,
    state: String,
}

/// Listens on a port of its own; what it hears and does comes out of the channel.
fn start_receiver(fake: &Arc<FakeBuildkite>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let (says, heard) = mpsc::channel();
    let buildkite = reqwest::blocking::Client::new();
    let token = fake.token().to_owned();
    // Held loosely: the fake is to be gone when the test lets go of it.
    let fake = Arc::downgrade(fake);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (signature, body) = read(&stream);
            let Some(now) = fake.upgrade().map(|fake| fake.clock().now()) else {
                return;
            };
            let status = if verify(&signature, &body, now.timestamp()).is_ok() {
                let notice: Notice = serde_json::from_slice(&body).expect("as documented");
                let _ = says.send(format!("{}  {}", now.format("%H:%M:%S"), sentence(&notice)));
                if let Some(job) = notice.job.filter(|job| job.state == "failed") {
                    let url = format!("{}/jobs/{}/retry", notice.build.url, job.id);
                    let answer = buildkite.put(url).bearer_auth(&token).send();
                    let status = answer.expect("an answer").status();
                    let _ = says.send(format!("          retried {}: {status}", job.step_key));
                }
                "200 OK"
            } else {
                "401 Unauthorized"
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            // A sender that has given up is no matter of ours.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, heard)
}

fn sentence(notice: &Notice) -> String {
    let Notice { event, build, job } = notice;
    let build = format!("build {} is {}", build.number, build.state);
    match job {
        Some(job) => format!("{event:14} {} {}, {build}", job.step_key, job.state),
        None => format!("{event:14} {build}"),
    }
}

/// Whether the sender knows the token, and sends now and not again.
fn verify(header: &str, body: &[u8], now: i64) -> Result<(), &'static str> {
    let part = |name: &str| {
        let mut parts = header
            .split(',')
            .filter_map(|part| part.trim().split_once('='));
        parts
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    };
    let (Some(timestamp), Some(signature)) = (part("timestamp"), part("signature")) else {
        return Err("not signed");
    };
    let message = [timestamp.as_bytes(), b".", body].concat();
    let expected = hmac_sha256::HMAC::mac(&message, TOKEN.as_bytes());
    let expected = expected.map(|byte| format!("{byte:02x}")).concat();
    if !same(expected.as_bytes(), signature.as_bytes()) {
        return Err("the signature does not fit");
    }
    // After the signature: nobody learns anything from what is not signed.
    let sent: i64 = timestamp.parse().map_err(|_| "no timestamp")?;
    if (now - sent).abs() > TOLERANCE {
        return Err("too old");
    }
    Ok(())
}

/// Compares without saying where the difference is by how long it takes.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}

/// The signature and the body of a request. Use a framework where there is one.
fn read(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut signature, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        match line.trim_end().split_once(": ") {
            Some(("x-buildkite-signature", value)) => value.clone_into(&mut signature),
            Some(("content-length", value)) => length = value.parse().expect("a number"),
            None if line.trim_end().is_empty() => break,
            Some(_) | None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (signature, body)
}
