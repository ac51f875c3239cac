//! What came of telling somebody.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::vocabulary::span::instant;
use crate::vocabulary::webhook::WebhookEvent;

/// One request that a webhook sent, and what came back; see
/// [`WebhookHandle::deliveries`](crate::WebhookHandle::deliveries).
///
/// Printed for debugging, it does not show the value of the header that carries the webhook's token.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, WebhookEvent, WebhookReceiver};
///
/// let fake = FakeBuildkite::start();
/// let receiver = WebhookReceiver::answering(|_| 500);
/// let webhook = fake.webhook(receiver.url()).events([WebhookEvent::BuildScheduled]).create();
/// fake.pipeline("app").create_build();
/// fake.settled().blocking();
/// let delivery = webhook.deliveries().remove(0);
/// assert_eq!((delivery.event, delivery.status), (WebhookEvent::BuildScheduled, Some(500)));
/// assert_eq!(delivery.header("X-Buildkite-Event"), Some("build.scheduled"));
/// assert_eq!(delivery.json()["build"]["number"], 1);
/// assert!(delivery.failure.is_some());
/// ```
///
/// Source: Buildkite docs, "Pipelines webhooks", section "Request logs".
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// When it was sent, on the fake's clock: the instant in its signature.
    pub at: DateTime<Utc>,
    /// What it told.
    pub event: WebhookEvent,
    /// Names in lower case, in the order sent. `Host` and `Content-Length` are not among them.
    pub headers: Vec<(String, String)>,
    /// The body, as sent.
    pub body: Bytes,
    /// What the receiver answered; none if it did not.
    pub status: Option<u16>,
    /// The first 16 KiB of the body of its answer.
    pub answer: Bytes,
    /// Why it failed, as the second half of a sentence that begins with the receiver; none if it did not.
    pub failure: Option<String>,
}

impl Delivery {
    /// The value of a header; `name` in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("what webhooks send is JSON")
    }
}

/// As it would be derived, without the token.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            event,
            headers,
            body,
            status,
            answer,
            failure,
        } = self;
        let headers: Vec<_> = headers.iter().map(shown).collect();
        f.debug_struct("Delivery")
            .field("at", at)
            .field("event", event)
            .field("headers", &headers)
            .field("body", body)
            .field("status", status)
            .field("answer", answer)
            .field("failure", failure)
            .finish()
    }
}

/// One line: `2030-01-01T00:00:11.000Z build.finished: it answered 200`.
impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: it ", instant(self.at), self.event)?;
        match (&self.failure, self.status) {
            (Some(failure), _) => f.write_str(failure),
            (None, Some(status)) => write!(f, "answered {status}"),
            (None, None) => f.write_str("answered"),
        }
    }
}

/// A header as it may be printed: a token has no business in a log.
pub(crate) fn shown((name, value): &(String, String)) -> (&str, &str) {
    match &**name {
        "x-buildkite-token" => (name, "…"),
        _ => (name, value),
    }
}
