//! How things look: engine values as the JSON Buildkite sends, fields in its order, `null` where it sends `null`.
//!
//! It changes nothing and knows no HTTP. A shape borrows from the engine and is written once, straight into bytes.
//! Everything a body shows is taken through a [`View`], which remembers the version of each record it was asked for:
//! the fingerprint of a body is the list of what went into it.
//!
//! The map:
//!
//! - The shapes of what there is, each called as in the engine: `account`, `agent`, `annotation`, `artifact`, `build`,
//!   `cluster`, `environment`, `job`, `log`, `pipeline` and its `provider`, `schedule`, `step_upload`, `team`;
//!   `graphql` and `webhook` show some of it in ways of their own.
//! - How bytes come about: `writer` writes a shape, `text` puts a body together, `shelf` keeps what was written, and
//!   `terminal` is a log as HTML.
//!
//! Elsewhere: which shape answers which request (`http::rest`).
//! Source: Buildkite docs, "REST API"; key order from recorded responses.

pub(crate) mod account;
pub(crate) mod agent;
pub(crate) mod annotation;
pub(crate) mod artifact;
pub(crate) mod build;
pub(crate) mod cluster;
pub(crate) mod environment;
pub(crate) mod graphql;
pub(crate) mod job;
pub(crate) mod log;
pub(crate) mod pipeline;
mod provider;
pub(crate) mod schedule;
pub(crate) mod shelf;
pub(crate) mod step_upload;
pub(crate) mod team;
pub(crate) mod terminal;
pub(crate) mod text;
pub(crate) mod webhook;
mod writer;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::engine::Engine;
use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::build::BuildKey;
use crate::engine::cluster::{ClusterKey, QueueKey};
use crate::engine::pipeline::PipelineKey;
use crate::engine::table::Key;
use crate::vocabulary::ids;
use crate::vocabulary::span::with_instant;
use crate::wire::shelf::{Part, Piece, Runs, Shelf, Stamp};

/// What a body is made from, and for whom.
#[derive(Debug)]
pub(crate) struct View<'e> {
    pub(crate) engine: &'e Engine,
    /// Where the client reached the fake, without a slash at the end: every URL begins with it.
    pub(crate) origin: &'e str,
    /// Whether the reader's token may edit pipelines: who may also do so themselves sees their `webhook_url`.
    pub(crate) may_edit: bool,
    /// Who reads it, if it is a user: what they may not do, they are not shown.
    pub(crate) reader: Option<UserKey>,
    /// Whether wait steps show their `state`.
    pub(crate) waiters: Waiters,
    pub(crate) audience: Audience,
    /// A build that does not count yet in the pipeline it is shown with: a new one, in the answer that made it.
    pub(crate) uncounted: Option<BuildKey>,
    /// Where pieces of bodies are kept, if they are.
    pub(crate) shelf: Option<&'e RefCell<Shelf>>,
    seen: Cell<Fingerprint>,
}

/// How wait steps look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Waiters {
    /// Exactly `id`, `graphql_id` and `type`, as recorded.
    #[default]
    AsRecorded,
    /// `state` too.
    WithState,
}

/// Who reads a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Audience {
    #[default]
    Rest,
    /// The receiver of a webhook, who sees the times of builds and jobs in this form.
    Webhook(Times),
}

/// How the times of builds and jobs look in the bodies of webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Times {
    /// `2030-01-01 00:00:11 UTC`, as recorded.
    #[default]
    AsRecorded,
    /// `2030-01-01T00:00:11.000Z`, as in REST.
    Iso,
}

/// Stands for what went into a body: equal fingerprints, equal bodies, unless the world went back and on in another
/// way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u64; 2]);

impl Fingerprint {
    /// Of nothing.
    const START: Self = Self([0; 2]);

    fn with(self, value: u64) -> Self {
        let Self([a, b]) = self;
        Self([
            ids::mix(a ^ value),
            ids::mix(b.rotate_left(17) ^ value.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        ])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0[0], self.0[1])
    }
}

impl<'e> View<'e> {
    pub(crate) fn new(engine: &'e Engine, origin: &'e str) -> Self {
        let view = Self {
            engine,
            origin,
            may_edit: true,
            reader: None,
            waiters: Waiters::default(),
            audience: Audience::default(),
            uncounted: None,
            shelf: None,
            seen: Cell::new(Fingerprint([engine.seed(), !engine.seed()])),
        };
        view.saw_text(origin);
        view
    }

    /// Records that a record of this kind, in this version, went into the body.
    pub(crate) fn saw<K: Key>(&self, kind: ids::Kind, key: K, version: u64) {
        let seen = self
            .seen
            .get()
            .with(kind as u64)
            .with(u64::from(key.row()))
            .with(version);
        self.seen.set(seen);
    }

    /// A part of a body: the one that is kept, if it is as these versions say, or a new one.
    pub(crate) fn piece<K: Key>(
        &self,
        part: Part,
        key: K,
        stamp: Stamp,
        render: impl FnOnce() -> Runs,
    ) -> Arc<Piece> {
        let piece = if let Some(piece) = self.kept(part, key, stamp) {
            piece
        } else {
            let outside = self.seen.replace(Fingerprint::START);
            let runs = render();
            let piece = Arc::new(Piece::new(stamp, runs, self.seen.replace(outside)));
            if let Some(shelf) = self.shelf {
                shelf.borrow_mut().put(part, key, Arc::clone(&piece));
            }
            piece
        };
        let Fingerprint([a, b]) = piece.seen;
        self.seen.set(self.seen.get().with(a).with(b));
        piece
    }

    fn kept<K: Key>(&self, part: Part, key: K, stamp: Stamp) -> Option<Arc<Piece>> {
        self.shelf?.borrow().find(part, key, stamp)
    }

    /// Whether the reader sees a build where it is a part of something else. Not asked of what a trigger step names:
    /// see `TriggeredBuildJson`.
    pub(crate) fn sees_build(&self, key: BuildKey) -> bool {
        let pipeline = self.engine.build(key).pipeline;
        let access = |reader| self.engine.access_of(reader, pipeline);
        self.reader.is_none_or(|reader| access(reader).is_some())
    }

    /// Records something else that the body depends on.
    pub(crate) fn saw_text(&self, text: &str) {
        let mut seen = self.seen.get().with(text.len() as u64);
        let mut rest = text.as_bytes();
        while let Some(eight) = rest.first_chunk() {
            seen = seen.with(u64::from_le_bytes(*eight));
            rest = &rest[8..];
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            seen = seen.with(u64::from_le_bytes(last));
        }
        self.seen.set(seen);
    }

    /// An instant of a build or a job.
    pub(crate) fn instant(&self, at: DateTime<Utc>) -> Time {
        match self.audience {
            Audience::Rest | Audience::Webhook(Times::Iso) => Time::Iso(Instant(at)),
            Audience::Webhook(Times::AsRecorded) => Time::Spaced(at),
        }
    }

    pub(crate) fn maybe_instant(&self, at: Option<DateTime<Utc>>) -> Option<Time> {
        at.map(|at| self.instant(at))
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.seen.get()
    }

    pub(crate) fn organization_url(&self, key: OrganizationKey) -> String {
        format!(
            "{}/v2/organizations/{}",
            self.origin,
            self.engine.organization(key).slug
        )
    }

    pub(crate) fn pipeline_url(&self, key: PipelineKey) -> String {
        let pipeline = self.engine.pipeline(key);
        // Slugs change, and then so does every URL below.
        self.saw_text(&pipeline.slug);
        let organization = &self.engine.organization(pipeline.organization).slug;
        format!(
            "{}/v2/organizations/{organization}/pipelines/{}",
            self.origin, pipeline.slug
        )
    }

    pub(crate) fn cluster_url(&self, key: ClusterKey) -> String {
        let cluster = self.engine.cluster(key);
        let organization = self.organization_url(cluster.organization);
        format!("{organization}/clusters/{}", cluster.id)
    }

    pub(crate) fn cluster_web_url(&self, key: ClusterKey) -> String {
        let cluster = self.engine.cluster(key);
        let organization = &self.engine.organization(cluster.organization).slug;
        format!(
            "{}/organizations/{organization}/clusters/{}",
            self.origin, cluster.id
        )
    }

    pub(crate) fn queue_url(&self, key: QueueKey) -> String {
        let queue = self.engine.cluster_queue(key);
        format!("{}/queues/{}", self.cluster_url(queue.cluster), queue.id)
    }

    pub(crate) fn pipeline_web_url(&self, key: PipelineKey) -> String {
        let pipeline = self.engine.pipeline(key);
        self.saw_text(&pipeline.slug);
        format!(
            "{}/{}/{}",
            self.origin,
            self.engine.organization(pipeline.organization).slug,
            pipeline.slug
        )
    }

    pub(crate) fn build_url(&self, key: BuildKey) -> String {
        let build = self.engine.build(key);
        format!(
            "{}/builds/{}",
            self.pipeline_url(build.pipeline),
            build.number
        )
    }

    pub(crate) fn build_web_url(&self, key: BuildKey) -> String {
        let build = self.engine.build(key);
        format!(
            "{}/builds/{}",
            self.pipeline_web_url(build.pipeline),
            build.number
        )
    }
}

/// A body as Buildkite sends it: compact, one newline at the end.
pub(crate) fn body(shape: &impl Serialize) -> Vec<u8> {
    body_of(text::json(shape))
}

/// The same of what is text already.
pub(crate) fn body_of(mut text: Vec<u8>) -> Vec<u8> {
    text.push(b'\n');
    text
}

/// An instant as REST writes it: UTC, three decimals, `Z`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant(pub(crate) DateTime<Utc>);

impl Instant {
    pub(crate) fn maybe(at: Option<DateTime<Utc>>) -> Option<Self> {
        at.map(Self)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_instant(self.0, |text| serializer.serialize_str(text))
    }
}

/// An instant of a build or a job, as its reader has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Time {
    Iso(Instant),
    /// To the second, with spaces and the name of the zone.
    Spaced(DateTime<Utc>),
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Iso(instant) => instant.serialize(serializer),
            Self::Spaced(at) => serializer.collect_str(&at.format("%Y-%m-%d %H:%M:%S UTC")),
        }
    }
}

/// Pairs as a JSON object, in their own order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairs<'a>(pub(crate) &'a [(String, String)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The id of the same thing in the GraphQL API: base64 of `Type---uuid`.
pub(crate) fn graphql_id(kind: &str, id: Uuid) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{kind}---{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphql_ids_are_those_of_the_documentation() {
        let id = "b3a1e9f2-7c4d-4f1a-9e6c-2d8a5f7b1c3d"
            .parse()
            .expect("a uuid");
        let expected =
            "UGlwZWxpbmVTY2hlZHVsZS0tLWIzYTFlOWYyLTdjNGQtNGYxYS05ZTZjLTJkOGE1ZjdiMWMzZA==";
        assert_eq!(graphql_id("PipelineSchedule", id), expected);
    }

    #[test]
    fn a_body_is_compact_leaves_slashes_alone_and_ends_in_one_newline() {
        let text =
            String::from_utf8(body(&Pairs(&[("a/b".into(), "<ü>&\"".into())]))).expect("utf-8");
        assert_eq!(text, "{\"a/b\":\"<ü>&\\\"\"}\n");
    }

    #[test]
    fn instants_have_three_decimals() {
        let at = DateTime::from_timestamp(1_893_456_000, 1_999_999).expect("an instant");
        assert_eq!(
            serde_json::to_string(&Instant(at)).expect("json"),
            "\"2030-01-01T00:00:00.001Z\""
        );
    }
}
