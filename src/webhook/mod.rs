//! Telling somebody outside: where a webhook goes, what is sent there, and what came of it.
//!
//! The map: `target` is where one goes, `send` the request, `delivery` what came of it.
//!
//! Elsewhere: what there is to tell (`engine::webhook`), how it looks (`wire::webhook`), when it is sent
//! (`driver::post`).
//! Source: Buildkite docs, "Pipelines webhooks", sections "HTTP headers" and "Webhook signature".

mod delivery;
mod send;
mod target;

use std::fmt::Write as _;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::vocabulary::webhook::WebhookEvent;

pub(crate) use delivery::shown;
pub(crate) use send::{Answer, send};
pub(crate) use target::Target;

pub use delivery::Delivery;

/// What the service calls itself.
/// Chosen: the documentation does not say; this is what receivers have seen.
const USER_AGENT: &str = "Buildkite-Request";

/// How a receiver knows who sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof<'a> {
    Token(&'a str),
    Signature { key: &'a str, at: DateTime<Utc> },
}

/// One request to a receiver.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) target: Target,
    /// In the order sent, without those that HTTP itself needs.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Parcel {
    pub(crate) fn new(
        target: Target,
        event: WebhookEvent,
        body: Vec<u8>,
        proof: Proof<'_>,
    ) -> Self {
        let proof = match proof {
            Proof::Token(token) => ("x-buildkite-token", token.to_owned()),
            Proof::Signature { key, at } => ("x-buildkite-signature", sign(key, at, &body)),
        };
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("user-agent", USER_AGENT.to_owned()),
            ("x-buildkite-event", event.to_string()),
            proof,
        ];
        Self {
            target,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            body: body.into(),
        }
    }
}

/// The value of `X-Buildkite-Signature`: the instant of sending, and what proves it and the body.
fn sign(key: &str, at: DateTime<Utc>, body: &[u8]) -> String {
    let timestamp = at.timestamp();
    let mut message = format!("{timestamp}.").into_bytes();
    message.extend_from_slice(body);
    let mut text = format!("timestamp={timestamp},signature=");
    for byte in hmac_sha256::HMAC::mac(&message, key.as_bytes()) {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac`.
    #[test]
    fn a_signature_is_that_of_the_timestamp_a_dot_and_the_body() {
        let at = DateTime::from_timestamp(1_619_071_700, 999_000_000).expect("an instant");
        assert_eq!(
            sign("s3cret", at, br#"{"event":"ping"}"#),
            "timestamp=1619071700,signature=1a8f545083d45bec707d089d226af7524170c17ee29c1c58e6981bee26e49227"
        );
    }
}
