//! A receiver of webhooks, for tests in which the program under test is not one.
//!
//! Elsewhere: who sends (`webhook`), the server (`http::server`).

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::http::connection::Limits;
use crate::http::reply::{Answering, Reply, Served};
use crate::http::request::Request;
use crate::http::server::{FREE_PORT, Server};
use crate::webhook;

/// A server on a free port of this machine that keeps what webhooks tell it, and answers as the test says. It is gone
/// when it is dropped.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, WebhookEvent, WebhookReceiver, minutes};
///
/// let fake = FakeBuildkite::start();
/// let receiver = WebhookReceiver::start();
/// let events = [WebhookEvent::BuildRunning, WebhookEvent::BuildFinished];
/// fake.webhook(receiver.url()).events(events).token("s3cret").create();
/// fake.pipeline("app").create_build();
/// fake.advance(minutes(1));
/// let got = receiver.received();
/// let told: Vec<_> = got.iter().map(|one| one.event()).collect();
/// assert_eq!(told, ["build.running", "build.finished"]);
/// assert_eq!(got[1].header("x-buildkite-token"), Some("s3cret"));
/// assert_eq!(got[1].json()["build"]["state"], "passed");
/// ```
pub struct WebhookReceiver {
    server: Server,
    got: Arc<Mutex<Vec<Received>>>,
}

/// One request that a [`WebhookReceiver`] got.
///
/// `Debug` shows its body and its headers, but no token.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, WebhookReceiver};
///
/// let fake = FakeBuildkite::start();
/// let receiver = WebhookReceiver::start();
/// fake.webhook(receiver.url()).signed_with("s3cret").create().ping();
/// fake.settled().blocking();
/// let got = receiver.received().remove(0);
/// assert_eq!(got.event(), "ping");
/// assert!(got.header("X-Buildkite-Signature").unwrap().starts_with("timestamp=1893456000,signature="));
/// assert_eq!(got.json()["event"], "ping");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body, as sent: what signatures are made of.
    pub body: Bytes,
}

impl WebhookReceiver {
    /// One that is content with everything.
    ///
    /// # Panics
    ///
    /// If the system has no port, descriptor or thread left.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::answering(|_| 200)
    }

    /// One that answers with the status that the closure says. It may act through the API first, with a blocking client
    /// as well: it has a thread of its own, and the fake's clock waits for it.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite, WebhookEvent, WebhookReceiver, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").exits(1).then().exits(0);
    /// let (jobs, token) = (format!("{}organizations/acme/jobs", fake.api_url()), fake.token().to_owned());
    /// let receiver = WebhookReceiver::answering(move |told| {
    ///     let job = &told.json()["job"];
    ///     if job["state"] == "failed" {
    ///         let url = format!("{jobs}/{}/retry", job["id"].as_str().unwrap());
    ///         reqwest::blocking::Client::new().put(url).bearer_auth(&token).send().unwrap();
    ///     }
    ///     200
    /// });
    /// fake.webhook(receiver.url()).events([WebhookEvent::JobFinished]).create();
    /// let build = app.create_build();
    /// fake.advance(minutes(1));
    /// assert_eq!((build.state(), build.jobs("test").len()), (BuildState::Passed, 2));
    /// ```
    ///
    /// # Panics
    ///
    /// If the system has no port, descriptor or thread left. A panic of the closure is answered with 500, and raised
    /// when the receiver is dropped.
    #[must_use]
    #[track_caller]
    pub fn answering(answer: impl Fn(&Received) -> u16 + Send + Sync + 'static) -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let kept = Arc::clone(&got);
        let serve = move |request: Arc<Request>| {
            let request = Arc::unwrap_or_clone(request);
            let received = Received {
                headers: request.headers,
                body: request.body,
            };
            kept.lock().push(received.clone());
            let answer = Arc::clone(&answer);
            Answering::Waits(Box::pin(async move {
                // Blocking clients work there.
                let said = tokio::task::spawn_blocking(move || answer(&received)).await;
                match said {
                    Ok(status) => Served::from(Reply::new(status)),
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }))
        };
        match Server::start(FREE_PORT, Limits::default(), Arc::new(serve)) {
            Ok(server) => Self { server, got },
            Err(error) => panic!("no receiver of webhooks could be started: {error}"),
        }
    }

    /// Where it is: `http://127.0.0.1:43127/`. Any path below it will do as well.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }

    /// Everything that came, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.got.lock().clone()
    }
}

impl Received {
    /// The value of a header; `name` in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// What it tells: its `X-Buildkite-Event`, or nothing if it has none.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookEvent, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::start();
    /// fake.webhook(receiver.url()).create().ping();
    /// fake.settled().blocking();
    /// assert_eq!(receiver.received()[0].event(), WebhookEvent::Ping.as_str());
    /// ```
    #[must_use]
    pub fn event(&self) -> &str {
        self.header("x-buildkite-event").unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none: it was not a webhook's.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!(
                "the body of `{}` is no JSON ({error}): {}",
                self.event(),
                String::from_utf8_lossy(&self.body)
            ),
        }
    }
}

/// As it would be derived, without the token.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(webhook::shown).collect();
        f.debug_struct("Received")
            .field("headers", &headers)
            .field("body", &self.body)
            .finish()
    }
}

/// `WebhookReceiver(http://127.0.0.1:43127/, 3 received)`.
impl fmt::Debug for WebhookReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.got.lock().len();
        write!(f, "WebhookReceiver({}, {count} received)", self.url())
    }
}

impl Drop for WebhookReceiver {
    /// # Panics
    ///
    /// If its closure did, with what that said, unless the test panics already.
    fn drop(&mut self) {
        self.server.stop();
        if std::thread::panicking() {
            return;
        }
        if let Some(first) = self.server.failures().first() {
            panic!("a receiver of webhooks failed: {first}");
        }
    }
}
