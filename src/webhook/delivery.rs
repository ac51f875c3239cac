//! What came of telling somebody.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::vocabulary::span::instant;
use crate::vocabulary::webhook::WebhookEvent;

/// One request that a webhook sent, and what came back; see [`WebhookHandle::deliveries`](crate::WebhookHandle::deliveries).
#[derive(Debug, Clone, PartialEq, Eq)]
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
