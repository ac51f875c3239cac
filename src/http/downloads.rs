//! The bytes of artifacts, at addresses that need no token, can be used for a minute and cannot be guessed.
//!
//! Like the storage behind Buildkite they are at another host than the API, and refuse a token: a client that sends its
//! token along with a redirect gives it away, and a test is the place to notice. What an address says is signed, so
//! that nothing has to be kept for it.
//!
//! Parts are served like there, a single range at a time, and nothing is copied.
//!
//! Not modelled: conditional requests, but for `If-Range`.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::Engine;
use crate::engine::artifact::ArtifactKey;
use crate::engine::table::Key as _;
use crate::http::Options;
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::request::{Method, Request, Via};
use crate::http::router::Place;
use crate::script::ArtifactFile;
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
pub(super) fn origin(api: &str, request: &Request) -> (String, Option<String>) {
    if let Some(other) = request.via.other_origin(api) {
        return (other, None);
    }
    let note = match request.via {
        Via::Memory => {
            "the download is at the origin of the API: a connection in memory leads nowhere else"
        }
        Via::Socket(_) => {
            "the download is at the origin of the API, because that has no second name"
        }
    };
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
    options: &Options,
    request: &Request,
    place: Place<'_>,
) -> (Reply, Option<String>) {
    let refuse = |status, message: &str| {
        let reply = ApiError::new(status, message).into_reply();
        (reply, Some(message.to_owned()))
    };
    let brings_token = request.header("authorization").is_some();
    // Chosen: where there is no other host, a client that follows a redirect does nothing wrong.
    let (_, is_no_other) = origin(&options.origin_for(request), request);
    if brings_token && is_no_other.is_none() {
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
    let note = is_no_other.filter(|_| brings_token);
    let note = note.map(|note| format!("a token came along; {note}"));
    (content(&engine.artifact(key).file, request), note)
}

/// A file, or the part of it that is asked for.
///
/// Chosen: the `ETag` is the SHA-1 sum, because that is known; the real storage takes another.
pub(crate) fn content(file: &ArtifactFile, request: &Request) -> Reply {
    let whole = Bytes::from_owner(Arc::clone(&file.content));
    let size = whole.len();
    let tag = format!("\"{}\"", file.sha1sum);
    // A range is one of a body, and HEAD has none; and it is one of the file that the client has in mind.
    let range = request
        .header("range")
        .filter(|_| request.method == Method::Get)
        .filter(|_| request.header("if-range").is_none_or(|of| of.trim() == tag));
    let (status, body) = match range.map_or(Asked::Whole, |range| Asked::of(range, size)) {
        Asked::Whole => (Reply::new(200), whole),
        Asked::Part { from, to } => {
            let range = format!("bytes {from}-{}/{size}", to - 1);
            let reply = Reply::new(206).with_header("content-range", range);
            (reply, whole.slice(from..to))
        }
        Asked::Nothing => {
            let refused = ApiError::new(416, "The requested range is not satisfiable");
            let reply = refused.into_reply();
            return reply.with_header("content-range", format!("bytes */{size}"));
        }
    };
    let mut reply = status
        .with_header("content-type", file.mime_type)
        .with_header("accept-ranges", "bytes")
        .with_header("etag", tag)
        .with_header("content-security-policy", POLICY)
        .with_header("x-content-type-options", "nosniff")
        .with_header("cache-control", "no-store");
    reply.body = body.into();
    reply
}

/// What a `Range` asks for of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Also where it is none that can be understood, as HTTP has it.
    Whole,
    Part {
        from: usize,
        /// Not included.
        to: usize,
    },
    /// What is not there.
    Nothing,
}

impl Asked {
    /// Chosen: several ranges at once are not understood, as by the storage behind Buildkite.
    fn of(range: &str, size: usize) -> Self {
        let unit = range.trim().split_once('=');
        let Some((_, range)) = unit.filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes")) else {
            return Self::Whole;
        };
        let Some((first, last)) = range.trim().split_once('-') else {
            return Self::Whole;
        };
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(first) || !are_digits(last) {
            return Self::Whole;
        }
        // More than can be counted is beyond every end.
        let number = |text: &str| text.parse().unwrap_or(usize::MAX);
        let (from, to) = match (first, last) {
            ("", "") => return Self::Whole,
            ("", last) => (size.saturating_sub(number(last)), size),
            (first, "") => (number(first), size),
            (first, last) if number(last) < number(first) => return Self::Whole,
            (first, last) => (number(first), number(last).saturating_add(1).min(size)),
        };
        if from < to {
            Self::Part { from, to }
        } else {
            Self::Nothing
        }
    }
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
    fn one_range_is_understood_and_what_is_none_is_the_whole() {
        let part = |from, to| Asked::Part { from, to };
        let table = [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-4", part(2, 5)),
            ("bytes=2-99", part(2, 10)),
            ("bytes=0-", part(0, 10)),
            ("bytes=9-", part(9, 10)),
            ("bytes=-1", part(9, 10)),
            ("bytes=-10", part(0, 10)),
            ("bytes=-99999999999999999999999999", part(0, 10)),
            ("Bytes = 1-1", Asked::Whole),
            ("BYTES=1-1", part(1, 2)),
            ("bytes=3-99999999999999999999999999", part(3, 10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=10-12", Asked::Nothing),
            ("bytes=99999999999999999999999999-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=4-2", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=1", Asked::Whole),
            ("bytes=1-2,4-5", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=--2", Asked::Whole),
            ("lines=1-2", Asked::Whole),
            ("", Asked::Whole),
        ];
        for (range, expected) in table {
            assert_eq!(Asked::of(range, 10), expected, "{range}");
        }
        for range in ["bytes=0-", "bytes=-5", "bytes=0-0"] {
            assert_eq!(Asked::of(range, 0), Asked::Nothing, "of nothing: {range}");
        }
    }
}
