//! The edge over real sockets. Nothing sleeps; what waits is bounded by a socket's read time-out.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::OnceLock;

use bytes::Bytes;

use super::*;
use crate::http::connection::serve_connection;
use crate::http::reply::{Body, Reply};
use crate::http::request::{Method, Request};

/// Real-time bounds here only guard against hanging.
const GENEROUS: Duration = Duration::from_secs(10);

const GET: &str = "GET / HTTP/1.1\r\nhost: fake.test\r\n\r\n";

fn short() -> Limits {
    Limits {
        body_bytes: 1000,
        discard_bytes: 4 << 20,
        body_timeout: Duration::from_millis(50),
        head_timeout: Duration::from_millis(50),
        ..Limits::default()
    }
}

/// Answers with what it was asked; `/panic` panics.
fn echo(request: Request) -> Reply {
    assert_ne!(request.path, "/panic", "asked to");
    let Request {
        method,
        path,
        query,
        body,
        ..
    } = request;
    let mut reply = Reply::new(200);
    let body = String::from_utf8_lossy(&body);
    reply.body = format!("{method} {path} [{query}] {body}").into();
    reply
}

fn serve(answer: impl Fn(Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(
        FREE_PORT,
        short(),
        Arc::new(move |request| answer(Arc::unwrap_or_clone(request)).into()),
    )
    .expect("a port and a thread")
}

struct Client(TcpStream);

struct Answered {
    head: String,
    body: String,
}

impl Client {
    fn of(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the port is open");
        stream
            .set_read_timeout(Some(GENEROUS))
            .expect("a live socket");
        Self(stream)
    }

    fn send(&mut self, text: impl AsRef<[u8]>) {
        self.0
            .write_all(text.as_ref())
            .expect("the server is reading");
    }

    /// The next reply's head, without the empty line.
    fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap_or_else(|error| {
                let so_far = String::from_utf8_lossy(&head);
                panic!("no whole head ({error}): {so_far:?}")
            });
            head.extend(byte);
        }
        head.truncate(head.len() - 4);
        String::from_utf8(head).expect("a head in ASCII")
    }

    fn reply(&mut self) -> Answered {
        let head = self.head();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a number"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the whole body");
        let body = String::from_utf8(body).expect("a body in UTF-8");
        Answered { head, body }
    }

    fn asks(&mut self, request: impl AsRef<[u8]>) -> Answered {
        self.send(request);
        self.reply()
    }

    /// What still comes until the server closes; a reset is a close, too.
    fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{rest:?}");
        }
        String::from_utf8(rest).expect("text")
    }

    fn assert_closed(&mut self) {
        assert_eq!(self.rest(), "");
    }
}

impl Answered {
    #[track_caller]
    fn is_an_error(&self, status: u16, text: &str) {
        assert!(
            self.head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{}",
            self.head
        );
        assert!(
            self.head
                .contains("content-type: application/json; charset=utf-8"),
            "{}",
            self.head
        );
        assert_eq!(self.body, format!("{{\"message\":{}}}\n", json(text)));
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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

#[track_caller]
fn assert_stops_in_time(server: Server) {
    let address = server.address();
    let taken = elapsed(|| drop(server));
    assert!(taken < GENEROUS / 5, "{taken:?}");
    assert_refused(address);
}

#[track_caller]
fn assert_refused(address: SocketAddr) {
    let error = TcpStream::connect(address).expect_err("the port is closed");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[cfg(unix)]
#[cfg(unix)]
impl Failing for tokio::net::UnixStream {
    fn failure(&self) -> Option<io::ErrorKind> {
        self.take_error().ok()?.map(|error| error.kind())
    }
}

impl Stream for tokio::net::UnixStream {
    fn is_socket(&self) -> bool {
        false
    }

    fn reset_when_dropped(&mut self) {}
}

// Requests and replies

#[test]
fn a_reply_is_its_own_headers_and_its_length_and_nothing_else() {
    let server = serve(|_| {
        let mut reply = Reply::new(201)
            .with_header("x-b", "1")
            .with_header("X-A", "zwölf")
            .with_header("link", "a")
            .with_header("link", "b");
        reply.body = Bytes::from_static(b"done").into();
        reply
    });
    let mut client = Client::of(&server);
    client.send(GET);
    assert_eq!(
        client.head(),
        "HTTP/1.1 201 Created\r\nx-b: 1\r\nx-a: zwölf\r\nlink: a\r\nlink: b\r\ncontent-length: 4"
    );
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    for path in ["/one", "/two"] {
        let answered = client.asks(format!("GET {path} HTTP/1.1\r\n\r\n"));
        assert_eq!(answered.body, format!("GET {path} [] "));
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    client
        .send("POST /one HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET /two HTTP/1.1\r\n\r\nGET /th");
    assert_eq!(client.reply().body, "POST /one [] abc");
    assert_eq!(client.reply().body, "GET /two [] ");
    assert_eq!(client.asks("ree HTTP/1.1\r\n\r\n").body, "GET /three [] ");
}

#[test]
fn a_request_arrives_as_it_was_sent() {
    let seen = Arc::new(OnceLock::new());
    let server = serve({
        let seen = Arc::clone(&seen);
        move |request| {
            seen.set(request).expect("one request");
            Reply::new(204)
        }
    });
    let answered = Client::of(&server).asks(
        b"PURGE http://fake.test:80/a%2Fb//c?x=%20&y HTTP/1.1\r\nHost: fake.test\r\nX-Raw: \xffa\r\nAccept: a\r\nAccept: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;note\r\nde\r\n0\r\n\r\n",
    );
    assert_eq!(answered.head, "HTTP/1.1 204 No Content");
    let request = seen.get().expect("it came");
    assert_eq!(request.method, Method::Other("PURGE".to_owned()));
    assert_eq!(
        (request.path.as_str(), request.query.as_str()),
        ("/a%2Fb//c", "x=%20&y")
    );
    assert_eq!(request.body, "abcde");
    assert_eq!(request.header("X-Raw"), Some("\u{fffd}a"));
    let names = request.headers.iter().map(|(name, _)| name.as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["host", "x-raw", "accept", "accept", "transfer-encoding"]
    );
}

#[test]
fn head_has_the_length_and_no_body() {
    let server = serve(|request| match request.path.as_str() {
        "/log" => {
            let mut reply = Reply::new(200);
            reply.body = Body::announced(5_000_000_000);
            reply
        }
        _ => Reply::json(200, "{}\n"),
    });
    let mut client = Client::of(&server);
    client.send("HEAD / HTTP/1.1\r\n\r\n");
    assert!(client.head().ends_with("content-length: 3"));
    client.send("HEAD /log HTTP/1.1\r\n\r\n");
    assert!(client.head().ends_with("content-length: 5000000000"));
    assert_eq!(client.asks(GET).body, "{}\n");
}

#[test]
fn a_body_in_pieces_is_one_body() {
    let server = serve(|_| {
        let pieces = ["one ", "", "two ", "three"].map(|it| Bytes::from_static(it.as_bytes()));
        let mut reply = Reply::new(200);
        reply.body = pieces.into_iter().collect();
        reply
    });
    let mut client = Client::of(&server);
    for _ in 0..2 {
        let answered = client.asks(GET);
        assert!(answered.head.ends_with("content-length: 13"));
        assert_eq!(answered.body, "one two three");
    }
    client.send("HEAD / HTTP/1.1\r\n\r\n");
    assert!(client.head().ends_with("content-length: 13"));
}

/// Where `localhost` does not lead to the server.
#[cfg(target_os = "linux")]
#[test]
fn a_second_address_opens_when_it_is_asked_for_and_closes_with_the_first() {
    let mut server = Server::start(
        FREE_PORT,
        short(),
        Arc::new(|request| echo(Arc::unwrap_or_clone(request)).into()),
    )
    .expect("a port and a thread");
    let ask = |server: &Server| {
        let _entered = server.runtime().enter();
        server.names.other_than(&[[9, 9, 9, 9].into()])
    };
    let second = (SECOND, server.address().port());
    let connect = || TcpStream::connect(second);
    connect().expect_err("nobody asked for it");
    assert_eq!(ask(&server).as_deref(), Some("127.0.0.2"));
    assert_eq!(
        server
            .names
            .other_than(&[Ipv4Addr::LOCALHOST.into()])
            .as_deref(),
        Some("localhost")
    );
    let expect_open = || {
        let stream = connect().expect("it is open");
        stream
            .set_read_timeout(Some(GENEROUS))
            .expect("a live socket");
        let answered = Client(stream).asks(GET);
        assert_eq!(answered.body, "GET / [] ");
    };
    expect_open();
    assert_eq!(Client::of(&server).asks(GET).body, "GET / [] ");
    server.close();
    connect().expect_err("closed");
    server.reopen().expect("nobody took the port");
    expect_open();
    assert_eq!(ask(&server).as_deref(), Some("127.0.0.2"));
    expect_open();
    server.stop();
    connect().expect_err("closed for good");
}

/// Where the second address is somebody else's, there is no other name.
#[cfg(target_os = "linux")]
#[test]
fn a_server_without_a_second_address_says_so() {
    let server = serve(echo);
    let _theirs = std::net::TcpListener::bind((SECOND, server.address().port())).expect("free");
    let _entered = server.runtime().enter();
    assert_eq!(server.names.other_than(&[]), None);
    assert_eq!(server.names.other_than(&[]), None);
}

#[test]
fn statuses_without_a_body_keep_the_connection_in_step() {
    let server = serve(|request| {
        let mut reply = Reply::new(request.path[1..].parse().expect("a status"));
        reply.body = Bytes::from_static(b"not to be sent").into();
        reply
    });
    let mut client = Client::of(&server);
    for status in [204, 304] {
        client.send(format!("GET /{status} HTTP/1.1\r\n\r\n"));
        assert!(client.head().starts_with(&format!("HTTP/1.1 {status} ")));
    }
    let answered = client.asks("GET /200 HTTP/1.1\r\n\r\n");
    assert_eq!(answered.body, "not to be sent");
}

#[test]
fn older_and_odder_clients_are_served() {
    let server = serve(echo);
    let mut old = Client::of(&server);
    assert!(
        old.asks("GET / HTTP/1.0\r\n\r\n")
            .head
            .starts_with("HTTP/1.0 200 OK")
    );
    old.assert_closed();

    let mut closing = Client::of(&server);
    let answered = closing.asks("GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
    assert!(answered.head.contains("connection: close"));
    closing.assert_closed();

    let mut half_closed = Client::of(&server);
    half_closed.send("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi");
    half_closed.0.shutdown(Shutdown::Write).expect("open");
    assert_eq!(half_closed.reply().body, "POST / [] hi");
    half_closed.assert_closed();

    let mut upgrading = Client::of(&server);
    for _ in 0..2 {
        let answered = upgrading
            .asks("GET / HTTP/1.1\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\r\n");
        assert_eq!(answered.body, "GET / [] ");
    }
}

// Limits

#[test]
fn a_body_of_exactly_the_limit_is_accepted() {
    let server = serve(|request| Reply::json(200, request.body));
    let body = "x".repeat(1000);
    let mut client = Client::of(&server);
    let declared = format!("POST / HTTP/1.1\r\ncontent-length: 1000\r\n\r\n{body}");
    assert_eq!(client.asks(declared).body, body);
    let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    let answered = client.asks(format!("{chunked}3e8\r\n{body}\r\n0\r\n\r\n"));
    assert_eq!(answered.body, body);
}

const TOO_LARGE: &str = "The request body is larger than the limit of 1000 bytes";

#[test]
fn a_client_that_writes_a_large_body_before_it_reads_sees_the_413() {
    let server = serve(echo);
    // Within what is discarded before the answer, and beyond it.
    for bytes in [1001, 3 << 20, 20 << 20] {
        let mut client = Client::of(&server);
        client.send(format!(
            "POST / HTTP/1.1\r\ncontent-length: {bytes}\r\n\r\n"
        ));
        client.send(vec![b'x'; bytes]);
        client.reply().is_an_error(413, TOO_LARGE);
        client.assert_closed();
    }
    assert_eq!(Client::of(&server).asks(GET).body, "GET / [] ");
}

#[test]
fn a_chunked_body_over_the_limit_is_a_413() {
    let server = serve(echo);
    for chunks in [2, 40, 300] {
        let mut client = Client::of(&server);
        client.send("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n");
        for _ in 0..chunks {
            client.send(format!("10000\r\n{}\r\n", "x".repeat(0x10000)));
        }
        client.send("0\r\n\r\n");
        client.reply().is_an_error(413, TOO_LARGE);
        client.assert_closed();
    }
}

#[test]
fn a_large_body_that_never_ends_is_a_413_all_the_same() {
    let server = serve(echo);
    let mut stalls = Client::of(&server);
    let answered = stalls.asks("POST / HTTP/1.1\r\ncontent-length: 5000\r\n\r\nabc");
    answered.is_an_error(413, TOO_LARGE);
}

#[test]
fn permission_to_send_a_body_is_given_or_refused_at_once() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    client.send("PUT / HTTP/1.1\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue");
    assert_eq!(client.asks("ok").body, "PUT / [] ok");

    client.send("PUT / HTTP/1.1\r\ncontent-length: 5000000\r\nexpect: 100-continue\r\n\r\n");
    client.reply().is_an_error(413, TOO_LARGE);
    client.assert_closed();
}

#[test]
fn a_body_sent_against_the_refusal_does_not_cost_the_client_its_reply() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    client.send("PUT / HTTP/1.1\r\ncontent-length: 3000000\r\nexpect: 100-continue\r\n\r\n");
    client.send(vec![b'x'; 3_000_000]);
    client.reply().is_an_error(413, TOO_LARGE);
}

#[test]
fn a_body_that_stalls_is_a_408() {
    let server = serve(echo);
    for framing in [
        "content-length: 5\r\n\r\nabc",
        "transfer-encoding: chunked\r\n\r\n3\r\na",
    ] {
        let mut client = Client::of(&server);
        client
            .asks(format!("POST / HTTP/1.1\r\n{framing}"))
            .is_an_error(
                408,
                "The rest of the request body did not arrive within 50ms",
            );
        client.assert_closed();
    }
}

#[test]
fn a_body_that_makes_no_sense_is_a_400() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    let answered =
        client.asks("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\n");
    assert!(answered.head.starts_with("HTTP/1.1 400 Bad Request"));
    assert!(
        answered
            .body
            .starts_with("{\"message\":\"The request body could not be read")
    );
    client.assert_closed();
}

#[test]
fn a_half_sent_head_is_given_up() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    client.send("GET / HT");
    client.assert_closed();
    // Also when it is not the first on its connection.
    let mut client = Client::of(&server);
    client.asks(GET);
    client.send("GET / HTTP/1.1\r\nhost");
    client.assert_closed();
}

#[test]
fn a_waiting_connection_outlives_the_time_allowed_for_a_head() {
    let server = serve(echo);
    let mut client = Client::of(&server);
    client.asks(GET);
    let patience = short().head_timeout * 4;
    client.0.set_read_timeout(Some(patience)).expect("open");
    let nothing = client.0.read(&mut [0]).expect_err("nothing to read");
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    client.0.set_read_timeout(Some(GENEROUS)).expect("open");
    assert_eq!(client.asks(GET).body, "GET / [] ");
}

#[test]
fn a_connection_nobody_uses_is_closed() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(30),
        ..Limits::default()
    };
    let server = Server::start(
        FREE_PORT,
        limits,
        Arc::new(|request| echo(Arc::unwrap_or_clone(request)).into()),
    )
    .expect("a port and a thread");
    let mut unused = Client::of(&server);
    let mut used = Client::of(&server);
    used.asks(GET);
    unused.assert_closed();
    used.assert_closed();
}

#[test]
fn a_head_that_is_too_large_is_a_431() {
    let server = serve(echo);
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(101));
    for head in [long, many] {
        let mut client = Client::of(&server);
        client.send(head);
        assert_eq!(
            client.head(),
            "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0"
        );
        client.assert_closed();
    }
    let enough = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert_eq!(Client::of(&server).asks(enough).body, "GET / [] ");
}

#[test]
fn malformed_input_is_refused_and_the_next_client_is_served() {
    let server = serve(echo);
    for (input, outcome) in [
        ("nonsense\r\n\r\n", "400"),
        ("GET\r\n\r\n", "400"),
        ("GET / HTTP/3.0\r\n\r\n", "400"),
        ("GET /a b HTTP/1.1\r\n\r\n", "400"),
        ("G\u{e9}T / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n: empty\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nx: a\r\n folded\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nx: \0\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", "400"),
        (
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "400",
        ),
        ("POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", "400"),
        (
            "POST / HTTP/1.1\r\ncontent-length: 18446744073709551615\r\n\r\n",
            "431",
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        ("\u{16}\u{3}\u{1}\u{0}\u{5}hello", "400"),
        ("\r\n\r\n\r\n", ""),
        ("", ""),
    ] {
        let mut client = Client::of(&server);
        client.send(input);
        client.0.shutdown(Shutdown::Write).expect("open");
        let rest = client.rest();
        let status = rest.split(' ').nth(1).unwrap_or_default();
        assert_eq!(status, outcome, "{input:?}: {rest:?}");
    }
    assert_eq!(Client::of(&server).asks(GET).body, "GET / [] ");
    assert_eq!(server.failures(), [""; 0]);
}

#[test]
fn abandoned_connections_leave_room_for_the_next() {
    let server = serve(echo);
    for begun in [
        "",
        "GET",
        GET,
        "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nab",
    ] {
        for _ in 0..250 {
            Client::of(&server).send(begun);
        }
    }
    assert_eq!(Client::of(&server).asks(GET).body, "GET / [] ");
}

// Our own slips

#[test]
fn a_panic_is_told_to_the_client_and_kept_for_the_report() {
    let server = serve(|request| match request.path.as_str() {
        "/text" => panic!("no build 7"),
        "/string" => panic!("no build {}", request.query),
        "/other" => std::panic::panic_any(7),
        _ => echo(request),
    });
    let mut client = Client::of(&server);
    for (path, text) in [
        ("/text", "no build 7"),
        ("/string?8", "no build 8"),
        ("/other", "a panic without a text"),
    ] {
        client
            .asks(format!("GET {path} HTTP/1.1\r\n\r\n"))
            .is_an_error(500, text);
    }
    assert_eq!(client.asks(GET).body, "GET / [] ");
    assert_eq!(
        server.failures(),
        ["no build 7", "no build 8", "a panic without a text"]
    );
}

#[test]
fn a_reply_that_http_cannot_carry_is_a_500_that_says_so() {
    let server = serve(|request| match request.path.as_str() {
        "/value" => Reply::new(200).with_header("x-note", "a\r\nset-cookie: b"),
        "/zero" => Reply::new(200).with_header("x-note", "a\0"),
        "/name" => Reply::new(200).with_header("x note", "a"),
        "/length" => Reply::new(200).with_header("Content-Length", "5"),
        "/status" => Reply::new(100),
        "/nothing" => {
            let mut reply = Reply::new(200);
            reply.body = Body::announced(7);
            reply
        }
        _ => Reply::new(1000),
    });
    let mut client = Client::of(&server);
    let texts = [
        (
            "/nothing",
            "A reply announces a body of 7 bytes and does not have it",
        ),
        (
            "/value",
            "The header x-note of a reply cannot have the value \"a\\r\\nset-cookie: b\"",
        ),
        (
            "/zero",
            "The header x-note of a reply cannot have the value \"a\\0\"",
        ),
        ("/name", "A reply cannot have a header named \"x note\""),
        (
            "/length",
            "A reply cannot set content-length: the edge does",
        ),
        (
            "/status",
            "A reply cannot have the status 100: it is not between 200 and 999",
        ),
        (
            "/else",
            "A reply cannot have the status 1000: it is not between 200 and 999",
        ),
    ];
    for (path, text) in texts {
        client
            .asks(format!("GET {path} HTTP/1.1\r\n\r\n"))
            .is_an_error(500, text);
    }
    assert_eq!(server.failures(), texts.map(|(_, text)| text));
}

// The end

#[test]
fn a_server_is_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Server>();
}

#[test]
fn stopping_closes_the_port_and_every_idle_connection_and_may_be_repeated() {
    let mut server = serve(echo);
    let mut unused = Client::of(&server);
    let mut used = Client::of(&server);
    used.asks(GET);
    let address = server.address();
    let taken = elapsed(|| server.stop());
    assert!(taken < GENEROUS / 5, "{taken:?}");
    assert_refused(address);
    used.assert_closed();
    unused.assert_closed();
    server.stop();
    assert_eq!(server.address(), address);
}

#[test]
fn stopping_gives_up_what_is_half_done() {
    let answer = |_| Reply::json(200, vec![b'x'; 64 << 20]);
    let server = Server::start(
        FREE_PORT,
        Limits::default(),
        Arc::new(move |request| answer(Arc::unwrap_or_clone(request)).into()),
    )
    .expect("a port and a thread");
    let mut clients = [
        "GET / HT",
        "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nab",
        GET,
    ]
    .map(|begun| (begun, Client::of(&server)));
    for (begun, client) in &mut clients {
        client.send(*begun);
    }
    // The reply is on its way, and far larger than any socket buffer.
    clients[2].1.head();
    assert_stops_in_time(server);
    clients[0].1.assert_closed();
    clients[1].1.assert_closed();
    assert!(clients[2].1.rest().len() < 64 << 20);
}

#[test]
fn what_the_answer_holds_is_released_by_the_time_stop_returns() {
    let held = Arc::new(());
    let mut server = serve({
        let held = Arc::clone(&held);
        move |_| Reply::json(200, format!("{}", Arc::strong_count(&held)))
    });
    let mut client = Client::of(&server);
    client.asks(GET);
    client.send("GET / HT");
    server.stop();
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn an_answer_that_hangs_does_not_hold_up_the_stop() {
    let (release, hold) = mpsc::channel::<()>();
    let (entered, enter) = mpsc::channel();
    let hold = Mutex::new(hold);
    let server = serve(move |request| {
        entered.send(()).expect("the test listens");
        let _ = hold.lock().recv();
        echo(request)
    });
    let mut client = Client::of(&server);
    client.send(GET);
    enter.recv().expect("the answer begins");
    let address = server.address();
    let taken = elapsed(|| drop(server));
    assert!(taken < GENEROUS / 5, "{taken:?}");
    if cfg!(target_os = "linux") {
        assert_refused(address);
    }
    // Once it comes back the thread ends, and with it the connection.
    drop(release);
    client.reply();
    client.assert_closed();
}

#[test]
fn a_server_can_be_stopped_by_its_own_answer() {
    let slot: Arc<Mutex<Option<Server>>> = Arc::default();
    let server = serve({
        let slot = Arc::clone(&slot);
        move |request| {
            drop(slot.lock().take());
            echo(request)
        }
    });
    let address = server.address();
    let mut client = Client::of(&server);
    *slot.lock() = Some(server);
    let answered = client.asks(GET);
    assert_eq!(answered.body, "GET / [] ");
    client.assert_closed();
    assert_refused(address);
}

#[test]
fn a_server_can_be_dropped_by_another_thread_and_while_panicking() {
    let server = serve(echo);
    let address = server.address();
    let outcome = thread::spawn(move || {
        let _server = server;
        panic!("as a failing test does");
    })
    .join();
    outcome.expect_err("it panicked");
    assert_refused(address);
}

#[test]
fn a_server_starts_and_ends_inside_async_code() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        // Far more often than tokio's budget of a task allows awaits.
        for _ in 0..300 {
            let server = serve(echo);
            let mut client = Client::of(&server);
            client.asks(GET);
            assert_stops_in_time(server);
            client.assert_closed();
        }
        // What is left of a start that the system refused halfway.
        drop(OwnRuntime::new().expect("a runtime"));
    });
}

#[cfg(unix)]
#[test]
fn any_stream_can_be_served() {
    let (mut client, served) = std::os::unix::net::UnixStream::pair().expect("a pair");
    served.set_nonblocking(true).expect("open");
    client.write_all(GET.as_bytes()).expect("open");
    client.shutdown(Shutdown::Write).expect("open");
    let edge = Arc::new(Edge::new(
        Limits::default(),
        Timers::Own,
        Arc::new(|request| echo(Arc::unwrap_or_clone(request)).into()),
        Arc::default(),
        None,
    ));
    let (_stop, stopping) = watch::channel(());
    let runtime = OwnRuntime::new().expect("a runtime");
    let client = runtime.get().block_on(async {
        let served = tokio::net::UnixStream::from_std(served).expect("in a runtime");
        let lingering = thread::spawn(move || {
            let mut reply = String::new();
            client.read_to_string(&mut reply).expect("a reply");
            reply
        });
        serve_connection(Box::new(served), edge, stopping).await;
        lingering
    });
    let reply = client.join().expect("no panic");
    assert!(reply.ends_with("\r\n\r\nGET / [] "), "{reply}");
}

// What only a process of its own can tell

#[cfg(target_os = "linux")]
mod alone {
    use std::fs::{self, File};
    use std::process::Command;

    use super::*;

    const ALONE: &str = "FAKE_BUILDKITE_TEST_ALONE";

    /// Runs a test again in a process where nothing else opens descriptors or threads, and where the former are few.
    fn alone(name: &str, descriptors: u32, test: impl FnOnce()) {
        if std::env::var_os(ALONE).is_some() {
            return test();
        }
        let (_, module) = module_path!()
            .split_once("::")
            .expect("a path of a module inside the crate");
        let output = Command::new("sh")
            .args(["-c", "ulimit -n $1 && shift && exec \"$@\"", "sh"])
            .arg(descriptors.to_string())
            .arg(std::env::current_exe().expect("this test"))
            .args(["--exact", &format!("{module}::{name}"), "--nocapture"])
            .env(ALONE, "yes")
            .output()
            .expect("a shell");
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(printed.contains("1 passed"), "{printed}\n{errors}");
    }

    fn descriptors() -> usize {
        fs::read_dir("/proc/self/fd").expect("/proc").count()
    }

    /// The `stat` lines of the servers' threads.
    fn threads() -> Vec<String> {
        fs::read_dir("/proc/self/task")
            .expect("/proc")
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok())
            .filter(|stat| stat.contains(THREAD_NAME))
            .collect()
    }

    #[test]
    fn two_thousand_servers_leave_no_thread_and_no_descriptor() {
        alone(
            "two_thousand_servers_leave_no_thread_and_no_descriptor",
            256,
            || {
                let before = descriptors();
                for n in 0..2000 {
                    let server = serve(echo);
                    let mut client = Client::of(&server);
                    if n % 2 == 0 {
                        client.asks(GET);
                    }
                }
                assert_eq!(descriptors(), before);
                assert_eq!(threads(), [""; 0]);
            },
        );
    }

    #[test]
    fn a_server_costs_one_thread_and_four_descriptors() {
        alone(
            "a_server_costs_one_thread_and_four_descriptors",
            256,
            || {
                let before = descriptors();
                let server = serve(echo);
                assert_eq!(descriptors(), before + 4);
                // Its connections come on top and go again: a reply to a later one shows that the earlier are gone.
                for _ in 0..200 {
                    Client::of(&server).asks(GET);
                }
                assert!(descriptors() < before + 4 + 20);
                assert_eq!(threads().len(), 1);
            },
        );
    }

    #[test]
    fn running_out_of_descriptors_delays_a_client_and_nothing_else() {
        alone(
            "running_out_of_descriptors_delays_a_client_and_nothing_else",
            64,
            || {
                let server = serve(echo);
                let mut hoard = Vec::new();
                while let Ok(file) = File::open("/dev/null") {
                    hoard.push(file);
                }
                // Room for the client's end; the server's has none.
                hoard.pop();
                let mut client = Client::of(&server);
                client.send(GET);
                let wait = Duration::from_millis(300);
                client.0.set_read_timeout(Some(wait)).expect("open");
                let nothing = client.0.read(&mut [0]).expect_err("no reply yet");
                assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
                drop(hoard);
                client.0.set_read_timeout(Some(GENEROUS)).expect("open");
                assert_eq!(client.reply().body, "GET / [] ");
                // It waited rather than spun: user and system time are fields 14 and 15, in hundredths of a second.
                let stat = threads().pop().expect("the thread");
                let ticks: u32 = stat
                    .split_whitespace()
                    .skip(13)
                    .take(2)
                    .map(|ticks| ticks.parse::<u32>().expect("a number"))
                    .sum();
                assert!(ticks < 15, "{stat}");
            },
        );
    }
}
