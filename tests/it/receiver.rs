//! A receiver of webhooks: a thread with a socket, and whatever it should answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use crate::support::Json;

/// A server on this machine that takes one request after the other. Its thread ends with the test's process.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Received>>>,
}

/// What came in.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// `POST /hooks HTTP/1.1`
    pub(crate) line: String,
    /// Names as sent.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Closes the connection without an answer.
pub(crate) const SILENCE: u16 = 0;

impl Receiver {
    /// One that is content with everything.
    pub(crate) fn start() -> Self {
        Self::answering(|_| 200)
    }

    /// One that looks at what came and says with which status it answers.
    pub(crate) fn answering(answer: impl FnMut(&Received) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!(
            "http://{}/hooks",
            listener.local_addr().expect("an address")
        );
        let got = Arc::new(Mutex::new(Vec::new()));
        thread::spawn({
            let got = Arc::clone(&got);
            let mut answer = answer;
            move || {
                for stream in listener.incoming() {
                    let stream = stream.expect("a connection");
                    let Some(received) = read(&stream) else {
                        continue;
                    };
                    got.lock().push(received.clone());
                    let status = answer(&received);
                    if status != SILENCE {
                        let text =
                            format!("HTTP/1.1 {status} As Told\r\ncontent-length: 3\r\n\r\nok\n");
                        // A sender that has given up is no matter of the receiver's.
                        let _ = (&stream).write_all(text.as_bytes());
                    }
                }
            }
        });
        Self { url, got }
    }

    /// Everything that came, in order.
    pub(crate) fn got(&self) -> Vec<Received> {
        self.got.lock().clone()
    }

    /// What everything that came says, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.got().iter().map(Received::says).collect()
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The event, and the states that its body shows: `job.finished test failed, 1 running`.
    #[track_caller]
    pub(crate) fn says(&self) -> String {
        let body = self.json();
        let event = body["event"].str();
        let job = body.get("job").map(|job| {
            let key = job.get("step_key").filter(|key| !key.is_null());
            format!("{} {}", key.map_or("?", Json::str), job["state"].str())
        });
        let build = body.get("build").map(|build| {
            let blocked = if build["blocked"].bool() {
                " blocked"
            } else {
                ""
            };
            format!(
                "{} {}{blocked}",
                build["number"].number(),
                build["state"].str()
            )
        });
        let words: Vec<_> = [job, build].into_iter().flatten().collect();
        format!("{event} {}", words.join(", "))
            .trim_end()
            .to_owned()
    }
}

/// A request. None if nothing came.
fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers = lines[1..].iter().map(|line| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_owned(), value.to_owned())
    });
    let headers: Vec<_> = headers.collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received {
        line: lines.remove(0),
        headers,
        body: String::from_utf8(body).expect("UTF-8"),
    })
}
