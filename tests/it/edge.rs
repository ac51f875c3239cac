//! Bytes that no decent client sends: a clear answer or a closed connection, and nothing changed behind it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use fake_buildkite::{FakeBuildkite, FakeBuildkiteBuilder};

use crate::support::{client, world};

/// Only guards against hanging.
const GENEROUS: Duration = Duration::from_secs(20);

const BUILDS: &str = "/v2/organizations/acme/pipelines/app/builds";
const CREATE: &str = r#"{"commit":"HEAD","branch":"main"}"#;

/// A fake with a build in it, and how it was.
struct Edge {
    fake: FakeBuildkite,
    before: String,
}

impl Edge {
    fn start() -> Self {
        Self::of(FakeBuildkite::builder())
    }

    fn of(builder: FakeBuildkiteBuilder) -> Self {
        let fake = builder.allow_unknown_routes().start();
        fake.pipeline("app").create_build();
        let before = world(&fake, &["acme"]);
        Self { fake, before }
    }

    fn connect(&self) -> TcpStream {
        let url = self.fake.url();
        let address = url.strip_prefix("http://").expect("plain HTTP");
        let stream = TcpStream::connect(address).expect("the port is open");
        stream
            .set_read_timeout(Some(GENEROUS))
            .expect("a live socket");
        stream
    }

    /// What comes back until the fake closes, for bytes after which nothing more is sent.
    fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // The fake may close before all of it is written.
        let _ = stream.write_all(bytes.as_ref());
        let _ = stream.shutdown(Shutdown::Write);
        rest(&mut stream)
    }

    /// The request line and the headers every request here needs.
    fn head(&self, line: &str) -> String {
        format!(
            "{line}\r\nHost: fake.test\r\nAuthorization: Bearer {}\r\n",
            self.fake.token()
        )
    }

    /// Nothing has changed, nothing has failed, and the next client is served.
    #[track_caller]
    fn assert_unmoved(&self) {
        assert_eq!(world(&self.fake, &["acme"]), self.before);
        assert_eq!(self.fake.failures(), [""; 0]);
        client(&self.fake).create_build("app");
        assert_eq!(self.fake.existing_pipeline("app").builds().len(), 2);
    }
}

/// Everything until the connection closes; a reset is a close, too.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8(bytes).expect("text")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// One reply from a connection that stays open: its head and its body.
fn reply(stream: &mut TcpStream) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a whole head");
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("ASCII");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
    stream.read_exact(&mut body).expect("a whole body");
    (head, String::from_utf8(body).expect("UTF-8"))
}

#[test]
fn a_head_that_stops_halfway_is_given_up() {
    let edge = Edge::of(FakeBuildkite::builder().request_timeout(Duration::from_millis(40)));
    let head = edge.head(&format!("POST {BUILDS} HTTP/1.1"));
    for half in ["P", "POST /v2", head.as_str(), &format!("{head}Content-Le")] {
        let mut stream = edge.connect();
        stream.write_all(half.as_bytes()).expect("open");
        assert_eq!(rest(&mut stream), "", "{half}");
    }
    edge.assert_unmoved();
}

#[test]
fn a_body_that_stops_halfway_is_a_408() {
    let edge = Edge::of(FakeBuildkite::builder().request_timeout(Duration::from_millis(40)));
    for framing in [
        format!("Content-Length: {}\r\n\r\n{}", CREATE.len(), &CREATE[..10]),
        format!("Content-Length: {}\r\n\r\n{CREATE}", CREATE.len() + 1),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{CREATE}\r\n",
            CREATE.len()
        ),
    ] {
        let mut stream = edge.connect();
        let request = format!("{}{framing}", edge.head(&format!("POST {BUILDS} HTTP/1.1")));
        stream.write_all(request.as_bytes()).expect("open");
        let answer = rest(&mut stream);
        assert_eq!(status(&answer), "408", "{answer}");
        assert!(body(&answer).starts_with("{\"message\":\""), "{answer}");
        assert!(body(&answer).ends_with("\"}\n"), "{answer}");
    }
    edge.assert_unmoved();
}

#[test]
fn a_client_that_goes_away_halfway_has_asked_for_nothing() {
    let edge = Edge::start();
    let head = edge.head(&format!("POST {BUILDS} HTTP/1.1"));
    for half in [
        String::new(),
        "POST".to_owned(),
        head.clone(),
        format!(
            "{head}Content-Length: {}\r\n\r\n{}",
            CREATE.len(),
            &CREATE[..20]
        ),
        format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{CREATE}",
            CREATE.len()
        ),
    ] {
        let answer = edge.say(half);
        assert!(["", "400"].contains(&status(&answer)), "{answer}");
    }
    edge.assert_unmoved();
}

#[test]
fn a_body_over_the_limit_is_a_413() {
    let edge = Edge::of(FakeBuildkite::builder().body_limit(100));
    let head = edge.head(&format!("POST {BUILDS} HTTP/1.1"));
    let padded = |len: usize| format!("{CREATE}{}", " ".repeat(len - CREATE.len()));
    for len in [101, 5_000, 300_000] {
        let text = padded(len);
        for answer in [
            edge.say(format!("{head}Content-Length: {len}\r\n\r\n{text}")),
            edge.say(format!(
                "{head}Transfer-Encoding: chunked\r\n\r\n{len:x}\r\n{text}\r\n0\r\n\r\n"
            )),
            edge.say(format!(
                "{head}Expect: 100-continue\r\nContent-Length: {len}\r\n\r\n"
            )),
        ] {
            assert_eq!(status(&answer), "413", "{answer}");
            assert_eq!(
                body(&answer),
                "{\"message\":\"The request body is larger than the limit of 100 bytes\"}\n"
            );
        }
    }
    assert_eq!(world(&edge.fake, &["acme"]), edge.before);
    // Exactly the limit is within it.
    let text = padded(100);
    let answer = edge.say(format!("{head}Content-Length: 100\r\n\r\n{text}"));
    assert_eq!(status(&answer), "201");
    assert_eq!(edge.fake.failures(), [""; 0]);
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    let edge = Edge::start();
    let valid = edge.head(&format!("POST {BUILDS} HTTP/1.1"));
    for (bytes, expected) in [
        (b"nonsense\r\n\r\n".to_vec(), "400"),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            "400",
        ),
        (b"\x00\x00\x00\x00".to_vec(), "400"),
        (vec![0xff; 4_096], "400"),
        (b"GET /v2/user HTTP/2.0\r\n\r\n".to_vec(), "400"),
        (b"GET  /v2/user HTTP/1.1\r\n\r\n".to_vec(), "400"),
        (b"\r\n\r\n\r\n\r\n".to_vec(), ""),
        (format!("{valid}no colon\r\n\r\n").into_bytes(), "400"),
        (
            format!("{valid}Content-Length: -5\r\n\r\n{CREATE}").into_bytes(),
            "400",
        ),
        (
            format!("{valid}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{CREATE}").into_bytes(),
            "400",
        ),
        (
            format!("{valid}Transfer-Encoding: chunked\r\n\r\nzz\r\n{CREATE}").into_bytes(),
            "400",
        ),
        (
            format!("{valid}Transfer-Encoding: identity\r\n\r\n{CREATE}").into_bytes(),
            "400",
        ),
    ] {
        let answer = edge.say(&bytes);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(status(&answer), expected, "{shown:?}: {answer}");
    }
    edge.assert_unmoved();
}

#[test]
fn a_head_without_end_is_a_431() {
    let edge = Edge::start();
    let head = edge.head("GET /v2/user HTTP/1.1");
    let long = "x".repeat(200_000);
    let many = "X-Many: y\r\n".repeat(101);
    for headers in [format!("X-Long: {long}\r\n"), many] {
        let answer = edge.say(format!("{head}{headers}\r\n"));
        assert_eq!(status(&answer), "431", "{answer}");
    }
    // Long, and within what is read.
    let long = "x".repeat(30_000);
    let answer = edge.say(format!("{head}X-Long: {long}\r\n\r\n"));
    assert_eq!(status(&answer), "200");
    edge.assert_unmoved();
}

#[test]
fn very_long_paths_are_no_route_or_too_long() {
    let edge = Edge::start();
    for (len, expected) in [
        (5_000, "404"),
        (60_000, "404"),
        (66_000, "414"),
        (500_000, "431"),
    ] {
        for path in [
            "a".repeat(len),
            "/a".repeat(len / 2),
            "/%2e".repeat(len / 4),
        ] {
            let answer = edge.say(format!(
                "{}\r\n",
                edge.head(&format!("GET /v2/{path} HTTP/1.1"))
            ));
            let found = status(&answer);
            let is_clear =
                found == expected || (len > 60_000 && ["414", "431", "400"].contains(&found));
            assert!(is_clear, "{len}: {found}");
        }
        let place = "o".repeat(len.min(60_000));
        let path = format!("/v2/organizations/{place}");
        let answer = edge.say(format!(
            "{}\r\n",
            edge.head(&format!("GET {path} HTTP/1.1"))
        ));
        assert_eq!(body(&answer), "{\"message\":\"No organization found\"}\n");
    }
    edge.assert_unmoved();
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let edge = Edge::start();
    let mut stream = edge.connect();
    let get = format!("{}\r\n", edge.head(&format!("GET {BUILDS} HTTP/1.1")));
    let post = format!(
        "{}Content-Length: {}\r\n\r\n{CREATE}",
        edge.head(&format!("POST {BUILDS} HTTP/1.1")),
        CREATE.len()
    );
    let unknown = format!("{}\r\n", edge.head("GET /nonsense HTTP/1.1"));
    stream
        .write_all(format!("{get}{post}{unknown}{get}{post}{get}").as_bytes())
        .expect("open");
    let count = |body: &str| body.matches("\"rebuilt_from\":").count();
    for (expected_status, builds) in [
        ("200", 1),
        ("201", 1),
        ("404", 0),
        ("200", 2),
        ("201", 1),
        ("200", 3),
    ] {
        let (head, body) = reply(&mut stream);
        assert_eq!(
            (status(&head), count(&body)),
            (expected_status, builds),
            "{body}"
        );
    }
    assert_eq!(edge.fake.failures(), [""; 0]);
}

#[test]
fn an_absolute_target_means_its_path() {
    let edge = Edge::start();
    for target in [
        "http://fake.test/v2/user",
        "http://elsewhere.test:81/v2/user?x=1",
        "https://fake.test/v2/user",
    ] {
        let answer = edge.say(format!(
            "{}\r\n",
            edge.head(&format!("GET {target} HTTP/1.1"))
        ));
        assert_eq!(status(&answer), "200", "{answer}");
        assert!(body(&answer).contains("\"email\":"), "{answer}");
    }
    let answer = edge.say(format!("{}\r\n", edge.head("OPTIONS * HTTP/1.1")));
    assert_eq!(status(&answer), "200");
    let answer = edge.say(format!(
        "{}\r\n",
        edge.head("CONNECT fake.test:80 HTTP/1.1")
    ));
    assert_eq!(status(&answer), "404", "{answer}");
    edge.assert_unmoved();
}

#[test]
fn http_1_0_is_served_and_closed() {
    let edge = Edge::start();
    let mut stream = edge.connect();
    let request = format!(
        "GET /v2/user HTTP/1.0\r\nAuthorization: Bearer {}\r\n\r\n",
        edge.fake.token()
    );
    stream.write_all(request.as_bytes()).expect("open");
    // Closed by the fake: this side still is open.
    let answer = rest(&mut stream);
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(body(&answer).ends_with("}\n"));
    edge.assert_unmoved();
}

#[test]
fn urls_lead_to_the_host_that_was_asked_or_to_the_fake_itself() {
    let edge = Edge::start();
    let token = edge.fake.token();
    for (host, origin) in [
        (
            "Host: buildkite.test:81\r\n",
            "http://buildkite.test:81".to_owned(),
        ),
        ("Host: localhost\r\n", "http://localhost".to_owned()),
        ("", edge.fake.url()),
    ] {
        for version in ["1.0", "1.1"] {
            let answer = edge.say(format!(
                "GET /v2/organizations/acme HTTP/{version}\r\n{host}Authorization: Bearer {token}\r\n\r\n"
            ));
            assert_eq!(status(&answer), "200");
            let url = format!("\"url\":\"{origin}/v2/organizations/acme\"");
            assert!(body(&answer).contains(&url), "{host:?}: {answer}");
        }
    }
    edge.assert_unmoved();
}

#[test]
fn bytes_that_are_not_utf_8_are_taken_for_what_they_can_be() {
    let edge = Edge::start();
    let token = edge.fake.token();
    let ask = |parts: &[&[u8]]| edge.say(parts.concat());
    let auth = format!("Authorization: Bearer {token}\r\n\r\n");
    let odd_header = ask(&[
        b"GET /v2/user HTTP/1.1\r\nHost: a\r\nX-Odd: \xff\xfe\r\n",
        auth.as_bytes(),
    ]);
    assert_eq!(status(&odd_header), "200");
    let odd_token =
        ask(&[b"GET /v2/user HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\r\n\r\n"]);
    assert_eq!(status(&odd_token), "401");
    let odd_host = ask(&[
        b"GET /v2/builds?per_page=1 HTTP/1.1\r\nHost: \xff\xfe\r\n",
        auth.as_bytes(),
    ]);
    assert_eq!(status(&odd_host), "200", "{odd_host}");
    for path in [
        &b"/v2/organizations/%ff%fe"[..],
        b"/v2/organizations/%00",
        b"/v2/organizations/%",
    ] {
        let escaped = ask(&[b"GET ", path, b" HTTP/1.1\r\nHost: a\r\n", auth.as_bytes()]);
        assert_eq!(body(&escaped), "{\"message\":\"No organization found\"}\n");
    }
    let raw = ask(&[
        b"GET /v2/organizations/\xff HTTP/1.1\r\nHost: a\r\n",
        auth.as_bytes(),
    ]);
    assert!(["400", "404"].contains(&status(&raw)), "{raw}");
    let query = ask(&[
        b"GET /v2/builds?branch=%ff&%fe=%&per_page=1 HTTP/1.1\r\nHost: a\r\n",
        auth.as_bytes(),
    ]);
    assert_eq!((status(&query), body(&query)), ("200", "[]\n"));
    let unescaped = [b"{\"commit\":\"\xff\",\"branch\":\"main\"}".as_slice()].concat();
    let head = format!(
        "POST {BUILDS} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n",
        unescaped.len()
    );
    let broken = ask(&[head.as_bytes(), auth.as_bytes(), &unescaped]);
    assert_eq!(status(&broken), "400", "{broken}");
    edge.assert_unmoved();
}

#[test]
fn a_body_nested_without_end_is_a_400() {
    let edge = Edge::start();
    for opening in ["[", "{\"a\":", "{\"env\":["] {
        let text = format!(
            "{{\"commit\":\"a\",\"branch\":\"b\",\"x\":{}",
            opening.repeat(200_000)
        );
        let head = edge.head(&format!("POST {BUILDS} HTTP/1.1"));
        let answer = edge.say(format!(
            "{head}Content-Length: {}\r\n\r\n{text}",
            text.len()
        ));
        assert_eq!(status(&answer), "400", "{answer}");
    }
    edge.assert_unmoved();
}
