//! Webhooks in the hands of a test.

use std::fmt;
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::webhook::{Power, Secret, Webhook, WebhookKey};
use crate::fake::{FakeBuildkite, Home, Tie};
use crate::vocabulary::ids::WebhookId;
use crate::vocabulary::slip::{slip, slip_unless};
use crate::vocabulary::webhook::{WebhookEvent, WebhookEvents};
use crate::webhook::{Delivery, Target};

/// A webhook to be; see [`FakeBuildkite::webhook`].
///
/// ```
/// use fake_buildkite::{FakeBuildkite, WebhookEvent, WebhookReceiver};
///
/// let fake = FakeBuildkite::start();
/// let receiver = WebhookReceiver::start();
/// let plain = fake.webhook(receiver.url()).events([WebhookEvent::BuildScheduled]).token("s3cret").create();
/// let signed = fake.webhook(receiver.url()).events([]).signed_with("s3cret").create();
/// fake.pipeline("app").create_build();
/// fake.settled().blocking();
/// assert_eq!((plain.deliveries().len(), signed.deliveries().len()), (1, 0));
/// assert_eq!(receiver.received()[0].header("X-Buildkite-Token"), Some("s3cret"));
/// ```
///
/// Source: Buildkite docs, "Pipelines webhooks".
#[derive(Clone)]
#[must_use = "the webhook is made by `create`"]
pub struct WebhookBuilder {
    tie: Tie,
    home: Home,
    url: String,
    events: WebhookEvents,
    secret: Option<Secret>,
}

impl FakeBuildkite {
    /// Begins a webhook of the organization; `create` makes it. It is told of every event, with a token of its own,
    /// unless [`events`](WebhookBuilder::events) and [`token`](WebhookBuilder::token) or
    /// [`signed_with`](WebhookBuilder::signed_with) say otherwise.
    ///
    /// The receiver is a server of the test or of the program under test, on this machine: the address is plain
    /// `http://`, its host `localhost`, `127.0.0.1` or `[::1]`, or one that the builder
    /// [allowed](crate::FakeBuildkiteBuilder::allow_webhook_host).
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookEvent, seconds};
    ///
    /// # let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// # let url = format!("http://{}/hooks", receiver.local_addr().unwrap());
    /// # std::thread::spawn(move || {
    /// #     use std::io::{Read as _, Write as _};
    /// #     for stream in receiver.incoming() {
    /// #         let mut stream = stream.unwrap();
    /// #         let (mut request, mut byte) = (Vec::new(), [0]);
    /// #         while !request.ends_with(b"\r\n\r\n") {
    /// #             stream.read_exact(&mut byte).unwrap();
    /// #             request.push(byte[0]);
    /// #         }
    /// #         let head = String::from_utf8_lossy(&request).to_lowercase();
    /// #         let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    /// #         stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    /// #         stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    /// #     }
    /// # });
    /// let fake = FakeBuildkite::start();
    /// let webhook = fake.webhook(&url).events([WebhookEvent::BuildFinished]).token("s3cret").create();
    /// fake.pipeline("app").create_build();
    /// fake.advance(seconds(11)); // returns after the receiver has answered
    ///
    /// let told = webhook.deliveries().remove(0);
    /// assert_eq!(told.to_string(), "2030-01-01T00:00:11.000Z build.finished: it answered 200");
    /// assert_eq!(told.header("X-Buildkite-Token"), Some("s3cret"));
    /// assert_eq!(told.json()["build"]["state"], "passed");
    /// ```
    pub fn webhook(&self, url: impl Into<String>) -> WebhookBuilder {
        WebhookBuilder::new(self.tie(), self.home, url.into())
    }
}

impl WebhookBuilder {
    pub(super) fn new(tie: Tie, home: Home, url: String) -> Self {
        Self {
            tie,
            home,
            url,
            events: WebhookEvents::all(),
            secret: None,
        }
    }

    /// What it is told of, and nothing else.
    pub fn events(mut self, events: impl IntoIterator<Item = WebhookEvent>) -> Self {
        self.events = events.into_iter().collect();
        self
    }

    /// Sends this token along, in `X-Buildkite-Token`.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.secret = Some(Secret::Token(token.into().into()));
        self
    }

    /// Signs with this token, in `X-Buildkite-Signature`, instead of sending it:
    /// `timestamp=1893456000,signature=…`, which is the HMAC-SHA256 of the timestamp, a dot and the body. The timestamp
    /// is the instant of the fake's clock at which the request is sent.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::start();
    /// fake.webhook(receiver.url()).signed_with("s3cret").create().ping();
    /// fake.settled().blocking();
    /// let got = receiver.received().remove(0);
    /// assert!(got.header("X-Buildkite-Signature").unwrap().starts_with("timestamp=1893456000,signature="));
    /// assert_eq!(got.header("X-Buildkite-Token"), None);
    /// ```
    pub fn signed_with(mut self, token: impl Into<String>) -> Self {
        self.secret = Some(Secret::Signature(token.into().into()));
        self
    }

    /// Makes the webhook.
    ///
    /// # Panics
    ///
    /// If nothing may be sent to its address; the message names the host and the choices. If its token is empty, or
    /// cannot stand in a header.
    #[track_caller]
    pub fn create(self) -> WebhookHandle {
        let driver = self.tie.driver();
        if let Err(why) = Target::parse(&self.url, &driver.posting().hosts) {
            slip!("{why}");
        }
        if let Some(Secret::Token(text) | Secret::Signature(text)) = &self.secret {
            let can_stand = |c: char| c.is_ascii_graphic() || c == ' ';
            slip_unless!(
                !text.trim().is_empty(),
                "an empty token proves nothing: give it one, or leave `token` and `signed_with` out for one of the fake's own"
            );
            // Not with its text, which has no business in a log.
            if let Some(c) = text.chars().find(|&c| !can_stand(c)) {
                slip!(
                    "this token has {c:?} in it, which cannot stand in a header: letters, digits and punctuation of ASCII can"
                );
            }
        }
        let Self {
            tie,
            home,
            url,
            events,
            secret,
        } = self;
        let key = driver.set(|engine| {
            let token = engine.webhook_token();
            engine.add_webhook(|id| Webhook {
                id,
                organization: home.organization,
                sender: home.user,
                url: url.into(),
                events,
                secret: secret.unwrap_or(Secret::Token(token)),
                power: Power::Enabled,
            })
        });
        driver.start_posting();
        WebhookHandle { tie, key }
    }
}

/// Its token has no business in a log.
impl fmt::Debug for WebhookBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookBuilder")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A webhook; made by [`FakeBuildkite::webhook`]. Cheap to clone; it reads what is true now.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, WebhookEvent, WebhookReceiver};
///
/// let fake = FakeBuildkite::start();
/// let receiver = WebhookReceiver::start();
/// let webhook = fake.webhook(receiver.url()).events([WebhookEvent::BuildScheduled]).create();
/// webhook.ping();
/// webhook.disable();
/// fake.pipeline("app").create_build(); // nobody is told
/// fake.settled().blocking();
/// let told: Vec<_> = webhook.deliveries().iter().map(|one| one.event).collect();
/// assert_eq!(told, [WebhookEvent::Ping]);
/// assert_eq!((webhook.url(), webhook.token().is_empty()), (receiver.url(), false));
/// ```
///
/// Source: Buildkite docs, "Pipelines webhooks".
#[derive(Debug, Clone)]
pub struct WebhookHandle {
    tie: Tie,
    key: WebhookKey,
}

impl WebhookHandle {
    /// Its id: `service.id` in the body of a ping.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::start();
    /// let (first, second) = (fake.webhook(receiver.url()).create(), fake.webhook(receiver.url()).create());
    /// assert_ne!(first.id(), second.id());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> WebhookId {
        self.read(|webhook| webhook.id)
    }

    /// Where it goes.
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> String {
        self.read(|webhook| webhook.url.to_string())
    }

    /// The token it sends, or signs with.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let webhook = fake.webhook("http://127.0.0.1:9/hooks").token("s3cret").create();
    /// assert_eq!(webhook.token(), "s3cret");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn token(&self) -> String {
        self.read(|webhook| match &webhook.secret {
            Secret::Token(text) | Secret::Signature(text) => text.to_string(),
        })
    }

    /// The last 20 requests it sent, oldest first, with what came back: as many as Buildkite keeps. Every one is an
    /// event, too: [`EventKind::WebhookDelivered`](crate::EventKind::WebhookDelivered) and
    /// [`WebhookFailed`](crate::EventKind::WebhookFailed). One is here when its answer has been read, which
    /// [`settled`](crate::FakeBuildkite::settled) waits for.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::answering(|_| 503);
    /// let webhook = fake.webhook(receiver.url()).create();
    /// webhook.ping();
    /// fake.settled().blocking();
    /// assert_eq!(webhook.deliveries()[0].status, Some(503));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.tie.driver().deliveries(self.key)
    }

    /// Tries it out: sends a `ping`, whatever events it is for. A ping goes out like everything else, in its turn; a
    /// webhook that is disabled gets it as well.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::start();
    /// fake.webhook(receiver.url()).create().ping();
    /// fake.settled().blocking();
    /// assert_eq!(receiver.received()[0].event(), "ping");
    /// ```
    #[track_caller]
    pub fn ping(&self) {
        let key = self.key;
        self.must_be_there();
        self.tie.driver().set(|engine| engine.ping(key));
    }

    /// Tells it of nothing from now on, but of what happened before.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::start();
    /// fake.webhook(receiver.url()).create().disable();
    /// fake.pipeline("app").create_build();
    /// fake.settled().blocking();
    /// assert!(receiver.received().is_empty());
    /// ```
    #[track_caller]
    pub fn disable(&self) {
        self.switch(Power::Disabled);
    }

    /// Tells it again, of what happens from now on.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookEvent, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::start();
    /// let webhook = fake.webhook(receiver.url()).events([WebhookEvent::BuildScheduled]).create();
    /// webhook.disable();
    /// let app = fake.pipeline("app").create();
    /// app.create_build();
    /// webhook.enable();
    /// app.create_build();
    /// fake.settled().blocking();
    /// let told: Vec<_> = receiver.received().iter().map(|one| one.json()["build"]["number"].clone()).collect();
    /// assert_eq!(told, [2]);
    /// ```
    #[track_caller]
    pub fn enable(&self) {
        self.switch(Power::Enabled);
    }

    /// Removes it, and what it was still to be told. Its handles are handles on nothing then.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::start();
    /// fake.webhook(receiver.url()).create().delete();
    /// fake.pipeline("app").create_build();
    /// fake.settled().blocking();
    /// assert!(receiver.received().is_empty());
    /// ```
    #[track_caller]
    pub fn delete(&self) {
        self.must_be_there();
        self.tie.driver().remove_webhook(self.key);
    }

    #[track_caller]
    fn switch(&self, power: Power) {
        let key = self.key;
        self.must_be_there();
        self.tie
            .driver()
            .set(|engine| engine.switch_webhook(key, power));
    }

    #[track_caller]
    fn must_be_there(&self) {
        self.read(|_| ());
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Webhook) -> T) -> T {
        let key = self.key;
        let value = self
            .tie
            .driver()
            .read(|engine: &Engine| engine.find_webhook(key).map(look));
        match value {
            Some(value) => value,
            None => slip!(
                "this webhook is gone: it was deleted, or the fake went back to before it was made"
            ),
        }
    }
}

/// That it is the same one, whatever became of it.
impl PartialEq for WebhookHandle {
    fn eq(&self, other: &Self) -> bool {
        let (own, its) = (self.tie.alive(), other.tie.alive());
        self.key == other.key
            && matches!((own, its), (Some(own), Some(its)) if Arc::ptr_eq(&own, &its))
    }
}
