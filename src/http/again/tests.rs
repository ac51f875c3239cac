//! Conversations of which some requests repeat, against the same ones in which none does: hyper answers all of those.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::sync::watch;
use tokio::task::yield_now;

use super::*;
use crate::http::connection::{Limits, Timers, serve_connection};
use crate::http::reply::Reply;

/// Enough for whoever is to go next.
const TURNS: usize = 8;

/// A request: what comes before its last header, and what after it.
type Parts = (&'static str, &'static str);

/// Requests that leave the connection open.
const REQUESTS: &[Parts] = &[
    ("GET /a HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    (
        "GET /a?b=c HTTP/1.1\r\nhost: fake.test\r\nconnection: Keep-Alive\r\n",
        "\r\n",
    ),
    (
        "GET /large HTTP/1.1\r\nhost: fake.test\r\naccept: */*\r\n",
        "\r\n",
    ),
    ("GET /pieces HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    (
        "GET /304 HTTP/1.1\r\nhost: fake.test\r\nif-none-match: x\r\n",
        "\r\n",
    ),
    ("GET /204 HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /404 HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /empty HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /later HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /illegal HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /panic HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("HEAD /a HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("DELETE /a HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    (
        "GET http://fake.test/a HTTP/1.1\r\nhost: fake.test\r\n",
        "\r\n",
    ),
    ("GET /a HTTP/1.1\nhost: fake.test\n", "\n"),
    ("\r\nGET /a HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    (
        "GET /a HTTP/1.1\r\nhost: fake.test\r\ncontent-length: 0\r\n",
        "\r\n",
    ),
    (
        "GET /a HTTP/1.1\r\nhost: fake.test\r\ncontent-length: 5\r\n",
        "\r\nhello",
    ),
    (
        "POST /a HTTP/1.1\r\nhost: fake.test\r\ncontent-length: 26\r\n",
        "\r\nGET / HTTP/1.1\r\nhost: \r\n\r\n",
    ),
    (
        "POST /a HTTP/1.1\r\nhost: fake.test\r\ncontent-length: 0\r\n",
        "\r\n\r\n",
    ),
    (
        "POST /a HTTP/1.1\r\nhost: fake.test\r\ntransfer-encoding: chunked\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
    ),
    (
        "PUT /a HTTP/1.1\r\nhost: fake.test\r\nexpect: 100-continue\r\ncontent-length: 2\r\n",
        "\r\n{}",
    ),
];

/// And those after which it ends.
const LAST: &[Parts] = &[
    (
        "GET /a HTTP/1.1\r\nhost: fake.test\r\nconnection: close\r\n",
        "\r\n",
    ),
    ("GET /closing HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /garbage HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /cut HTTP/1.1\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /a HTTP/1.0\r\nhost: fake.test\r\n", "\r\n"),
    ("GET /a HTTP/1.1\r\nhost fake.test\r\n", "\r\n"),
    ("GET /a HTTP/1.1\r\nhost: fake.test", ""),
];

/// How a conversation is held.
#[derive(Debug, Clone)]
struct Manner {
    /// How many bytes of each request are sent before others take their turns.
    pieces: Vec<usize>,
    /// After how many requests the client waits for the server.
    together: usize,
    /// How much a connection holds.
    room: usize,
    /// How much the client reads before others take their turns.
    sip: usize,
}

/// What answers, and how often a request came that is the very same as one before.
struct Far {
    edge: Arc<Edge>,
    repeated: Arc<AtomicUsize>,
}

fn far() -> Far {
    let repeated = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&repeated);
    let seen: Mutex<Vec<Arc<Request>>> = Mutex::default();
    let answer = move |request: Arc<Request>| {
        let mut seen = seen.lock();
        if seen.iter().any(|one| Arc::ptr_eq(one, &request)) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        let number = seen.len();
        seen.push(Arc::clone(&request));
        drop(seen);
        answer(&request, number)
    };
    let edge = Edge::new(
        Limits::default(),
        Timers::Own,
        Arc::new(answer),
        Arc::default(),
        None,
    );
    Far {
        edge: Arc::new(edge),
        repeated,
    }
}

/// Says of each request which one it is, so that one too many, or one too few, is seen.
fn answer(request: &Request, number: usize) -> Answering {
    let Request {
        method,
        path,
        query,
        body,
        ..
    } = request;
    let text = format!("{number} {method} {path} {query} {body:?}\n");
    let mut reply = Reply::new(200)
        .with_header("x-number", number.to_string())
        .with_header("vary", "Accept");
    match path.as_str() {
        "/large" => reply.body = text.repeat(3_000).into(),
        "/pieces" => {
            let lines = vec![bytes::Bytes::from(text); 200];
            reply.body = lines.into_iter().collect();
        }
        "/304" => reply.status = 304,
        "/204" => reply.status = 204,
        "/empty" => {}
        "/404" => {
            reply.status = 404;
            reply.body = text.into();
        }
        "/illegal" => reply = reply.with_header("x-text", format!("{number}\n")),
        "/closing" => {
            reply.body = text.into();
            reply = reply.closing();
        }
        "/panic" => panic!("asked to, {number}"),
        _ => reply.body = text.into(),
    }
    let delivery = match path.as_str() {
        "/garbage" => Delivery::Garbage,
        "/cut" => Delivery::Truncated { bytes: 3 },
        _ => Delivery::Whole,
    };
    let served = Served {
        delivery,
        ..reply.into()
    };
    if path == "/later" {
        return Answering::Waits(Box::pin(async {
            yield_now().await;
            served
        }));
    }
    Answering::Now(served)
}

/// Everything that comes back when these requests are sent.
fn talk(far: &Far, requests: &[Vec<u8>], manner: &Manner) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let Manner {
        pieces,
        together,
        room,
        sip,
    } = manner;
    runtime.block_on(async {
        let (_stop, stopping) = watch::channel(());
        let (client, served) = duplex(*room);
        let served = serve_connection(Box::new(served), Arc::clone(&far.edge), stopping);
        let (mut incoming, mut outgoing) = tokio::io::split(client);
        let writing = async {
            let mut pieces = pieces.iter().cycle();
            for (n, request) in requests.iter().enumerate() {
                let mut rest = &request[..];
                while !rest.is_empty() {
                    let most = *pieces.next().expect("there is one");
                    let (piece, after) = rest.split_at(most.min(rest.len()));
                    // The other side may have had enough.
                    if outgoing.write_all(piece).await.is_err() {
                        return;
                    }
                    rest = after;
                    if !rest.is_empty() {
                        turns(1).await;
                    }
                }
                if n % together == together - 1 {
                    turns(TURNS).await;
                }
            }
            let _ = outgoing.shutdown().await;
        };
        let reading = async {
            let mut all = Vec::new();
            let mut some = vec![0; *sip];
            while let Ok(count @ 1..) = incoming.read(&mut some).await {
                all.extend_from_slice(&some[..count]);
                turns(1).await;
            }
            all
        };
        let all = async { tokio::join!(served, writing, reading).2 };
        let ages = Duration::from_secs(100_000);
        tokio::time::timeout(ages, all).await.expect("it ends")
    })
}

async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

fn repeating(parts: &[Parts]) -> Vec<Vec<u8>> {
    let request = |(first, last): &Parts| [first.as_bytes(), last.as_bytes()].concat();
    parts.iter().map(request).collect()
}

/// The same, each with a number of its own, which nobody answers to.
fn differing(parts: &[Parts]) -> Vec<Vec<u8>> {
    let request = |(n, (first, last)): (usize, &Parts)| {
        let end = if first.ends_with("\r\n") || !first.ends_with('\n') {
            "\r\n"
        } else {
            "\n"
        };
        match first.strip_suffix(end) {
            Some(first) => format!("{first}{end}x-n: {n}{end}{last}").into_bytes(),
            None => format!("{first}{last}").into_bytes(),
        }
    };
    parts.iter().enumerate().map(request).collect()
}

/// What comes back, which must be the same whether requests repeat or not; and how many went past hyper.
fn same(parts: &[Parts], manner: &Manner) -> (String, usize) {
    let (known, fresh) = (far(), far());
    let one = talk(&known, &repeating(parts), manner);
    let other = talk(&fresh, &differing(parts), manner);
    let (one, other) = (
        String::from_utf8_lossy(&one).into_owned(),
        String::from_utf8_lossy(&other).into_owned(),
    );
    assert!(one == other, "{parts:?} {manner:?}\n{one}\n---\n{other}");
    assert_eq!(known.edge.failures.texts(), fresh.edge.failures.texts());
    assert_eq!(fresh.repeated.load(Ordering::SeqCst), 0);
    (one, known.repeated.load(Ordering::SeqCst))
}

/// As a client does that polls.
fn polling() -> Manner {
    Manner {
        pieces: vec![usize::MAX],
        together: 1,
        room: 1 << 20,
        sip: 1 << 20,
    }
}

#[test]
fn a_poll_goes_past_hyper_and_its_answer_is_the_same() {
    for parts in &REQUESTS[..11] {
        let (all, beside) = same(&[*parts; 5], &polling());
        assert_eq!(all.matches("HTTP/1.1 ").count(), 5, "{all}");
        // Its own hyper has to see first.
        assert_eq!(beside, 4, "{parts:?}");
    }
}

#[test]
fn what_has_a_say_in_the_connection_or_a_body_never_goes_past() {
    for parts in &REQUESTS[11..] {
        let is_absolute = parts.0.starts_with("GET http:");
        let (all, beside) = same(&[*parts; 3], &polling());
        assert!(all.matches("x-number: ").count() == 3, "{all}");
        assert_eq!(beside, if is_absolute { 2 } else { 0 }, "{parts:?}");
    }
}

#[test]
fn polls_go_past_again_after_a_request_with_a_body_whose_length_is_told() {
    let (poll, post, chunked) = (REQUESTS[0], REQUESTS[18], REQUESTS[20]);
    assert!(post.0.starts_with("POST") && chunked.0.contains("chunked"));
    let (_, beside) = same(&[poll, poll, post, poll, post, post, poll], &polling());
    assert_eq!(beside, 3);
    let in_two = Manner {
        pieces: vec![80],
        ..polling()
    };
    let (_, beside) = same(&[poll, post, poll, post, poll], &in_two);
    assert_eq!(beside, 2);
    // An empty line that belongs to no request.
    let (_, beside) = same(&[poll, poll, REQUESTS[19], poll, poll], &polling());
    assert_eq!(beside, 1);
    // Nobody counts chunks: where the next request begins is not certain any more.
    let (_, beside) = same(&[poll, poll, chunked, poll, poll], &polling());
    assert_eq!(beside, 1);
}

#[test]
fn a_poll_waits_until_what_hyper_has_to_say_is_written() {
    let (poll, large) = (REQUESTS[0], REQUESTS[2]);
    let slow = Manner {
        room: 500,
        sip: 100,
        ..polling()
    };
    let (_, beside) = same(&[poll, poll, large, poll, poll], &slow);
    assert!(beside >= 1, "{beside}");
}

#[test]
fn of_many_different_requests_the_last_are_known() {
    let others = [0, 1, 2, 3, 4].map(|at| REQUESTS[at]);
    let twice: Vec<Parts> = others.into_iter().chain(others).collect();
    assert_eq!(same(&twice, &polling()).1, 0, "each drove another one out");
    let few: Vec<Parts> = others[1..].iter().chain(&others[1..]).copied().collect();
    assert_eq!(same(&few, &polling()).1, super::REQUESTS);
}

#[test]
fn a_head_is_what_ends_with_an_empty_line_and_nothing_that_is_read_in_two_ways() {
    let table: [(&str, Option<usize>); 10] = [
        ("", None),
        ("\r\n", None),
        ("\r\n\r\n", None),
        ("GET / HTTP/1.1\r\n", None),
        ("GET / HTTP/1.1\r\n\r\n", Some(18)),
        ("GET / HTTP/1.1\r\na: b\r\n\r\nGET /", Some(24)),
        ("GET / HTTP/1.1\n\n", None),
        ("GET / HTTP/1.1\r\na: b\n\r\n", None),
        ("GET / HTTP/1.1\r\na: b\r\n\n", None),
        ("GET / HTTP/1.1\n\r\n\r\n", None),
    ];
    for (bytes, length) in table {
        assert_eq!(head_of(bytes.as_bytes()), length, "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(400)
    })]

    #[test]
    fn whatever_is_said_and_however_the_answers_are_those_of_hyper(
        few in prop::collection::vec(0..REQUESTS.len(), 1..4),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
        last in prop::option::of(0..LAST.len()),
        pieces in prop::collection::vec(prop_oneof![3 => Just(usize::MAX), 1 => 1..60_usize], 1..4),
        together in 1..4_usize,
        room in prop_oneof![Just(1 << 20), 200..2_000_usize],
        sip in prop_oneof![Just(1 << 20), 50..5_000_usize],
    ) {
        let turns = turns.iter().map(|turn| REQUESTS[few[turn.index(few.len())]]);
        let parts: Vec<Parts> = turns.chain(last.map(|at| LAST[at])).collect();
        same(&parts, &Manner { pieces, together, room, sip });
    }
}
