//! One client: a thread with a connection that makes pipelines and builds, looks at them until they are over, and
//! counts.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fake_buildkite::FakeBuildkite;
use serde_json::Value;

use crate::{BUILDS, STEPS, Statuses, main_pipeline};

/// Only guards against hanging.
const GENEROUS: Duration = Duration::from_secs(60);

/// What clients count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    /// As a client expects it, whatever was ordered to go wrong.
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) broken: u64,
    pub(crate) statuses: Statuses,
    pub(crate) made: u64,
    pub(crate) pipelines: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.refused += other.refused;
        self.broken += other.broken;
        self.made += other.made;
        self.pipelines += other.pipelines;
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Said {
    Answered(u16, String),
    /// 429, 502, 503: nobody but a fault says so here.
    Refused,
    /// No whole answer.
    Broken,
}

/// A connection that is made anew when it breaks.
pub(crate) struct Line {
    address: String,
    token: String,
    stream: Option<TcpStream>,
}

impl Line {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self {
            address: url.replace("http://", ""),
            token: token.to_owned(),
            stream: None,
        }
    }

    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        counts: &mut Counts,
    ) -> Said {
        let mut stream = self.stream.take().unwrap_or_else(|| self.connect());
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        stream
            .write_all(text.as_bytes())
            .expect("a connection that is open");
        counts.sent += 1;
        let Ok(Some((status, body, keeps))) = read(&mut stream) else {
            counts.broken += 1;
            return Said::Broken;
        };
        *counts.statuses.entry(status).or_default() += 1;
        self.stream = keeps.then_some(stream);
        if matches!(status, 429 | 502 | 503) {
            counts.refused += 1;
            Said::Refused
        } else {
            counts.answered += 1;
            Said::Answered(status, body)
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the port is open");
        stream.set_nodelay(true).expect("a live socket");
        stream
            .set_read_timeout(Some(GENEROUS))
            .expect("a live socket");
        stream
    }
}

/// A whole answer, and whether the connection is kept for the next; or nothing if it is none.
fn read(stream: &mut TcpStream) -> io::Result<Option<(u16, String, bool)>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    let mut whole = None;
    while whole.is_none_or(|whole| bytes.len() < whole) {
        let count = match stream.read(&mut piece) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                panic!("no answer in {GENEROUS:?}; so far {}", bytes.escape_ascii())
            }
            read => read?,
        };
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece[..count]);
        if !b"HTTP/1.1".starts_with(&bytes[..bytes.len().min(8)]) {
            return Ok(None);
        }
        if whole.is_none()
            && let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&bytes[..end]);
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            whole = Some(end + 4 + length.map_or(0, |length| length.parse().expect("a number")));
        }
    }
    let text = String::from_utf8(bytes).expect("text");
    let status = text.get(9..12).and_then(|status| status.parse().ok());
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let keeps = !head.contains("connection: close");
    Ok(status.map(|status| (status, body.to_owned(), keeps)))
}

/// Makes pipelines, one after the other, with so many builds each, and deletes them; until it is over.
pub(crate) fn run(fake: &FakeBuildkite, number: usize, over: &AtomicBool) -> Counts {
    let mut client = Client {
        line: Line::new(&fake.url(), fake.token()),
        counts: Counts::default(),
        path: format!("/v2/organizations/acme/pipelines/{}", main_pipeline(number)),
    };
    while !over.load(Ordering::Relaxed) {
        let create = serde_json::json!({
            "name": main_pipeline(number),
            "repository": "git@example.com:acme/app.git",
            "configuration": STEPS,
        });
        client.must(
            "POST",
            "/v2/organizations/acme/pipelines",
            &create.to_string(),
            201,
        );
        client.counts.pipelines += 1;
        for build in 1..=BUILDS {
            client.make(build);
            client.see_it_end(build);
            client.look_around(build);
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
        let path = client.path.clone();
        client.must("DELETE", &path, "", 204);
    }
    client.counts
}

struct Client {
    line: Line,
    counts: Counts,
    path: String,
}

impl Client {
    fn ask(&mut self, method: &str, path: &str, body: &str) -> Said {
        self.line.ask(method, path, body, &mut self.counts)
    }

    #[track_caller]
    fn must(&mut self, method: &str, path: &str, body: &str, status: u16) {
        let said = self.ask(method, path, body);
        let is_as_it_must_be = matches!(&said, Said::Answered(found, _) if *found == status);
        assert!(is_as_it_must_be, "{method} {path}: {said:?}");
    }

    /// A build that is the next: one whose answer is lost has been made, and one that is refused has not.
    fn make(&mut self, number: u64) {
        loop {
            let path = format!("{}/builds", self.path);
            match self.ask("POST", &path, r#"{"commit":"HEAD","branch":"main"}"#) {
                Said::Answered(201, body) => {
                    let body: Value = serde_json::from_str(&body).expect("JSON");
                    assert_eq!(body["number"], number, "the number of a build");
                    break;
                }
                Said::Broken => break,
                Said::Refused => {}
                other @ Said::Answered(..) => panic!("a new build: {other:?}"),
            }
        }
        self.counts.made += 1;
    }

    fn see_it_end(&mut self, number: u64) {
        let path = format!("{}/builds/{number}", self.path);
        loop {
            match self.ask("GET", &path, "") {
                Said::Answered(200, body) => {
                    let body: Value = serde_json::from_str(&body).expect("JSON");
                    match body["state"].as_str() {
                        Some("passed") => break,
                        Some("scheduled" | "running") => {}
                        other => panic!("a state of build {number}: {other:?}"),
                    }
                }
                Said::Refused | Said::Broken => {}
                other @ Said::Answered(..) => panic!("build {number}: {other:?}"),
            }
        }
    }

    fn look_around(&mut self, number: u64) {
        let path = format!("{}/builds", self.path);
        match self.ask("GET", &format!("{path}?per_page=100"), "") {
            Said::Answered(200, body) => {
                let body: Value = serde_json::from_str(&body).expect("JSON");
                let count = body.as_array().map_or(0, Vec::len) as u64;
                assert_eq!(count, number, "the builds of a pipeline");
            }
            Said::Refused | Said::Broken => {}
            other @ Said::Answered(..) => panic!("builds: {other:?}"),
        }
        let annotations = format!("{path}/{number}/annotations");
        let body = r#"{"body":"**ok**","context":"ctx"}"#;
        let said = self.ask("POST", &annotations, body);
        assert!(
            matches!(said, Said::Answered(201, _) | Said::Refused),
            "{said:?}"
        );
        match self.ask("GET", &format!("{path}/{}", number + 1), "") {
            Said::Answered(404, _) | Said::Refused | Said::Broken => {}
            other @ Said::Answered(..) => panic!("a build that is not there: {other:?}"),
        }
    }
}
