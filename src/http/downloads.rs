//! The bytes of artifacts, at addresses that need no token, can be used for a minute and cannot be guessed.
//!
//! Like the storage behind Buildkite they are at another host than the API, and refuse a token: a client that sends its
//! token along with a redirect gives it away, and a test is the place to notice. What an address says is signed, so that
//! nothing has to be kept for it.
//!
//! Not modelled: ranges, conditional requests.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::Engine;
use crate::engine::artifact::ArtifactKey;
use crate::engine::table::Key as _;
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::http::router::Place;
use crate::vocabulary::ids::{self, ArtifactId, Kind};
use crate::vocabulary::states::ArtifactState;

/// How long an address is good for: 60 seconds of the fake's clock.
/// Source: Buildkite docs, "Artifacts API", section "Download an artifact".
const GOOD_FOR: TimeDelta = TimeDelta::seconds(60);

/// What is written as it is in a path: letters, digits and `-_.~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A file may be a page with scripts; they run, and reach nothing of the fake.
const POLICY: &str = "sandbox allow-scripts";

/// The host for bytes, seen from an origin of the API; and what a test should know if it is no other.
pub(super) fn origin(api: &str) -> (String, Option<String>) {
    for (here, there) in [("127.0.0.1", "localhost"), ("localhost", "127.0.0.1")] {
        let rest = api
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_prefix(here));
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(':')) {
            return (format!("http://{there}{rest}"), None);
        }
    }
    let note = "the download is at the origin of the API, because that has no second name";
    (api.to_owned(), Some(note.to_owned()))
}

/// From now on, for a minute.
pub(super) fn path_to(engine: &Engine, key: ArtifactKey) -> String {
    let artifact = engine.artifact(key);
    let expires = engine.after(GOOD_FOR).timestamp_millis();
    let filename = utf8_percent_encode(artifact.file.filename(), ESCAPED);
    let signature = signature(engine, key, expires);
    format!(
        "/_artifacts/{}/{filename}?expires={expires}&signature={signature}",
        artifact.id
    )
}

/// The bytes, and a note if they were refused.
///
/// Chosen: status and texts of every refusal. The real storage answers in XML of its own.
pub(super) fn answer(
    engine: &Engine,
    request: &Request,
    place: Place<'_>,
) -> (Reply, Option<String>) {
    let refuse = |status, message: &str| {
        let reply = ApiError::new(status, message).into_reply();
        (reply, Some(message.to_owned()))
    };
    if request.header("authorization").is_some() {
        return refuse(
            400,
            "An artifact's bytes are fetched without an Authorization header: do not send the API access token to the \
             host that a download redirects to",
        );
    }
    let id = place.artifact.parse().ok().map(ArtifactId);
    let key = id.and_then(|id| engine.artifact_by_id(id));
    let is_there = |key: &ArtifactKey| engine.artifact(*key).state == ArtifactState::Finished;
    let Some(key) = key.filter(is_there) else {
        return refuse(404, "No artifact found");
    };
    let query = Query::parse(&request.query);
    let expires = query.last("expires").and_then(|text| text.parse().ok());
    let Some(expires) = expires.filter(|expires| {
        query.last("signature") == Some(signature(engine, key, *expires).as_str())
    }) else {
        return refuse(403, "The signature of this URL is missing or wrong");
    };
    let expires = DateTime::<Utc>::from_timestamp_millis(expires);
    if expires.is_none_or(|expires| engine.now() >= expires) {
        return refuse(403, "This URL has expired");
    }
    let file = &engine.artifact(key).file;
    let mut reply = Reply::new(200)
        .with_header("content-type", file.mime_type)
        .with_header("content-security-policy", POLICY)
        .with_header("x-content-type-options", "nosniff")
        .with_header("cache-control", "no-store");
    reply.body = Bytes::from_owner(std::sync::Arc::clone(&file.content)).into();
    (reply, None)
}

/// From the seed's lane, so that the same run gives the same address.
fn signature(engine: &Engine, key: ArtifactKey, expires: i64) -> String {
    let lane = ids::mix(u64::from(key.row())) ^ u64::from_be_bytes(expires.to_be_bytes());
    ids::hex(engine.seed(), Kind::Download, lane, 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_host_is_the_other_name_of_the_loopback_device() {
        let table = [
            ("http://127.0.0.1:80", "http://localhost:80", true),
            ("http://localhost:80", "http://127.0.0.1:80", true),
            ("http://localhost", "http://127.0.0.1", true),
            ("http://localhost.test", "http://localhost.test", false),
            ("http://fake.test", "http://fake.test", false),
            ("https://localhost", "https://localhost", false),
        ];
        for (api, expected, is_other) in table {
            let (found, note) = origin(api);
            assert_eq!((found.as_str(), note.is_none()), (expected, is_other));
        }
    }
}
