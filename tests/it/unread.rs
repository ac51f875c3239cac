//! Clients that go before they have read their answer: the record says so.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use fake_buildkite::{FakeBuildkite, PipelineHandle, RequestRecord, Route, hours};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::support::client;

const BUILD: &str = "/v2/organizations/acme/pipelines/app/builds/1";
const GONE: &str = "the client had gone before it had read this answer";
const HINT: &str = "; where a test pauses tokio's clock, time-outs come at once unless the fake is started with \
    `.on_current_runtime()`";

/// Only guards against hanging.
const GENEROUS: Duration = Duration::from_secs(20);

/// A connection on which something was asked and nothing read.
fn ask(fake: &FakeBuildkite, path: &str) -> TcpStream {
    let address = fake.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).expect("an open port");
    stream.set_read_timeout(Some(GENEROUS)).expect("a socket");
    say(&mut stream, fake, path);
    stream
}

fn say(stream: &mut TcpStream, fake: &FakeBuildkite, path: &str) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: fake.test\r\nauthorization: Bearer {}\r\n\r\n",
        fake.token()
    );
    stream
        .write_all(request.as_bytes())
        .expect("an open connection");
}

/// Reads one answer to its end.
fn read(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    let is_whole = |answer: &[u8]| {
        let text = String::from_utf8_lossy(answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return false;
        };
        let length = head.split_once("content-length: ").expect("a length").1;
        let length = length.split("\r\n").next().expect("a line");
        body.len() == length.parse::<usize>().expect("a number")
    };
    while !is_whole(&answer) {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).expect("an answer");
        assert!(count > 0, "the rest is missing");
        answer.extend_from_slice(&some[..count]);
    }
}

/// The requests, once the one with this number is noted as unread.
fn once_noted(
    fake: &Arc<FakeBuildkite>,
    app: &PipelineHandle,
    number: usize,
) -> Vec<RequestRecord> {
    let (own, is_noted) = (Arc::clone(fake), |request: &RequestRecord| {
        request.note.is_some()
    });
    fake.wait_for(app, move |_| {
        own.requests().get(number).is_some_and(is_noted)
    })
    .blocking();
    fake.requests().to_vec()
}

#[test]
fn a_client_that_leaves_without_its_answer_is_noted_with_its_request() {
    // Given somebody who asks, and is answered
    let fake = Arc::new(FakeBuildkite::start());
    let app = fake.pipeline("app").create();
    app.create_build();
    let stream = ask(&fake, BUILD);
    let record = fake.next_request(Route::GetBuild).blocking();
    assert_eq!((record.status, record.note), (200, None));
    // When they go without having read it
    drop(stream);
    // Then the record says so, wherever it is shown, and nothing else is wrong
    let noted = once_noted(&fake, &app, 0);
    assert_eq!(noted[0].note, Some(format!("{GONE}{HINT}")));
    assert_eq!(noted[0].status, 200);
    assert!(fake.requests().to_string().contains(GONE));
    assert!(fake.verify().is_ok());
}

#[test]
fn so_is_one_that_had_gone_when_its_answer_was_ready() {
    let fake = Arc::new(FakeBuildkite::start());
    let app = fake.pipeline("app").create();
    app.create_build();
    let gate = fake.hold(Route::GetBuild);
    let stream = ask(&fake, BUILD);
    gate.arrived().blocking();
    // It closes in good order, as one that says no more and still listens.
    drop(stream);
    gate.release();
    let noted = once_noted(&fake, &app, 0);
    assert!(
        noted[0]
            .note
            .as_deref()
            .is_some_and(|it| it.starts_with(GONE))
    );
}

#[test]
fn whoever_reads_its_answer_is_not_noted_however_it_leaves() {
    let fake = Arc::new(FakeBuildkite::start());
    let app = fake.pipeline("app").create();
    app.create_build();
    // Two on one connection, and then it is closed
    let mut stream = ask(&fake, BUILD);
    read(&mut stream);
    say(&mut stream, &fake, BUILD);
    read(&mut stream);
    drop(stream);
    // One that has no more to say before it is answered
    let mut stream = ask(&fake, BUILD);
    stream
        .shutdown(Shutdown::Write)
        .expect("an open connection");
    read(&mut stream);
    drop(stream);
    // One that does not know of any of this
    drop(client(&fake).build("app", 1));
    // One whose fault it is not
    let fault = fake.fault(Route::GetBuild).first(1).reset();
    drop(ask(&fake, BUILD));
    fake.next_request(Route::GetBuild).blocking();
    fake.wait_for(&app, move |_| fault.hits() == 1).blocking();
    // Until somebody comes after whom all of them are gone
    drop(ask(&fake, BUILD));
    let noted = once_noted(&fake, &app, 5);
    let of_others: Vec<_> = noted[..4].iter().map(|it| it.note.as_deref()).collect();
    assert_eq!(of_others, [None; 4]);
    let reset = noted[4].note.as_deref();
    assert_eq!(reset, Some("fault: connection reset, before its effect"));
}

#[test]
fn a_request_that_has_the_number_of_another_one_is_not_taken_for_it() {
    let fake = Arc::new(FakeBuildkite::start());
    let app = fake.pipeline("app").create();
    app.create_build();
    let start = fake.snapshot();
    let stream = ask(&fake, BUILD);
    fake.next_request(Route::GetBuild).blocking();
    // The fake goes back, somebody else asks, and only then the first one leaves.
    fake.rewind(&start);
    drop(client(&fake).build("app", 1));
    drop(stream);
    drop(ask(&fake, BUILD));
    let noted = once_noted(&fake, &app, 1);
    assert_eq!(noted[0].note, None);
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_before_a_fake_on_a_thread_of_its_own_shows_in_the_record() {
    // Given a fake that a paused clock does not see
    let fake = Arc::new(FakeBuildkite::start());
    let app = fake.pipeline("app").create();
    app.create_build();
    let address = fake.url().replace("http://", "");
    let head = format!(
        "GET {BUILD} HTTP/1.1\r\nauthorization: Bearer {}\r\n\r\n",
        fake.token()
    );
    // When a client gives it an hour, which is over at once, because nothing else is due on the client's runtime
    let gate = fake.hold(Route::GetBuild);
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(&address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.read_u8().await
    };
    assert!(timeout(hours(1), ask).await.is_err());
    gate.arrived().await;
    drop(gate);
    // Then the request came, was answered, and says what became of the answer
    let own = Arc::clone(&fake);
    let noted = move |_: &PipelineHandle| own.requests().iter().any(|it| it.note.is_some());
    fake.wait_for(&app, noted).await;
    let request = fake.requests().only();
    assert_eq!(
        (request.status, request.note),
        (200, Some(format!("{GONE}{HINT}")))
    );
}
