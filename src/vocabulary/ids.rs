//! Ids, and how they come about: every id is a function of (seed, kind, ordinal) and the fake's clock.
//!
//! They are not drawn from a random stream, so that making one more thing somewhere never renames another.
//! Layout: UUID version 7, 48 bits of the fake's clock in milliseconds, the rest mixed.

use std::fmt::{self, Write as _};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What an id is for; part of the mix, so that the first job and the first build never share an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Organization,
    User,
    Token,
    Pipeline,
    Build,
    Step,
    Job,
    Agent,
    Request,
    Badge,
    Webhook,
    Schedule,
    Fault,
    /// A notification service; what the documentation calls a webhook.
    Service,
    Artifact,
    Annotation,
    Download,
    StepUpload,
    Cluster,
    ClusterQueue,
    ClusterToken,
    ClusterMaintainer,
    Team,
}

/// Makes the id of the `ordinal`-th thing of a kind, created at `at`.
pub(crate) fn mint(seed: u64, kind: Kind, ordinal: u64, at: DateTime<Utc>) -> Uuid {
    // A clock before 1970 has no place in the 48 bits of a version 7 id; the order of such ids means nothing.
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    let random = lanes(seed, kind, ordinal);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&random[0].to_be_bytes()[..2]);
    bytes[8..].copy_from_slice(&random[1].to_be_bytes());
    uuid::Builder::from_bytes(bytes)
        .with_version(uuid::Version::SortRand)
        .with_variant(uuid::Variant::RFC4122)
        .into_uuid()
}

/// `digits` hexadecimal digits that look drawn and never change: tokens, badge and webhook addresses.
pub(crate) fn hex(seed: u64, kind: Kind, ordinal: u64, digits: usize) -> String {
    let [mut state, _] = lanes(seed, kind, ordinal);
    let mut text = String::with_capacity(digits + 16);
    while text.len() < digits {
        state = mix(state);
        write!(text, "{state:016x}").expect("a String takes everything");
    }
    text.truncate(digits);
    text
}

/// `count` letters and digits that look drawn and never change: what agents connect with.
pub(crate) fn letters(seed: u64, kind: Kind, ordinal: u64, count: usize) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let [mut state, _] = lanes(seed, kind, ordinal);
    let letter = |_| {
        state = mix(state);
        char::from(LETTERS[usize::try_from(state % 62).expect("less than 62")])
    };
    (0..count).map(letter).collect()
}

/// A number from 0 to 1, without 1, that looks drawn: the `draw`-th in a lane of its own.
pub(crate) fn chance(seed: u64, kind: Kind, lane: u64, draw: u64) -> f64 {
    let [state, _] = lanes(mix(seed) ^ lane, kind, draw);
    // The 53 bits that a float holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let numerator = (state >> 11) as f64;
    numerator / 9_007_199_254_740_992.0
}

fn lanes(seed: u64, kind: Kind, ordinal: u64) -> [u64; 2] {
    let lane = mix(mix(seed ^ mix(kind as u64 + 1)) ^ ordinal);
    [lane, mix(lane)]
}

/// One step of the splitmix64 sequence: a bijection in which every input bit reaches every output bit.
pub(crate) fn mix(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) Uuid);

        impl $name {
            /// The id as a plain UUID.
            ///
            /// ```
            /// let fake = fake_buildkite::FakeBuildkite::start();
            /// let id = fake.pipeline("app").create().id();
            /// assert_eq!(id.as_uuid().to_string(), id.to_string());
            /// ```
            #[must_use]
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id! {
    /// The id of a pipeline; prints as Buildkite writes it.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// assert_eq!(app.id(), fake.existing_pipeline("app").id());
    /// assert_eq!(app.id().to_string().len(), 36);
    /// ```
    PipelineId
}
id! {
    /// The id of a build, unique everywhere. A build's *number* is unique in its pipeline only.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let (app, docs) = (fake.pipeline("app").create_build(), fake.pipeline("docs").create_build());
    /// assert_eq!(app.number(), docs.number());
    /// assert_ne!(app.id(), docs.id());
    /// ```
    BuildId
}
id! {
    /// The id of a user: what the `creator` filter of build lists takes.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// fake.pipeline("app").create_build(); // made by the user of the fake
    /// let of = |user: &fake_buildkite::UserHandle| {
    ///     let url = format!("{}builds?creator={}", fake.api_url(), user.id());
    ///     let list = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    ///     list.json::<serde_json::Value>().unwrap().as_array().unwrap().len()
    /// };
    /// assert_eq!((of(&fake.user()), of(&ada)), (1, 0));
    /// ```
    UserId
}
id! {
    /// The id of a job. A retry is a new job with an id of its own.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").fail(1);
    /// let first = build.job("test").id();
    /// assert_ne!(build.job("test").retry().id(), first);
    /// ```
    JobId
}
id! {
    /// The id of a pipeline schedule; its address in the REST API.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let nightly = fake.pipeline("app").create().schedule("@daily").create();
    /// let url = format!("{}organizations/acme/pipelines/app/schedules/{}", fake.api_url(), nightly.id());
    /// let shown = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(shown.json::<serde_json::Value>().unwrap()["cronline"], "@daily");
    /// ```
    ScheduleId
}
id! {
    /// The id of a webhook, which Buildkite calls a notification service.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let receiver = WebhookReceiver::start();
    /// let webhook = fake.webhook(receiver.url()).create();
    /// webhook.ping();
    /// fake.settled().blocking();
    /// assert_eq!(receiver.received()[0].json()["service"]["id"], webhook.id().to_string());
    /// ```
    WebhookId
}
id! {
    /// The id of an artifact; its address in the REST API.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: pack}]").create_build();
    /// build.job("pack").start();
    /// let artifact = build.job("pack").upload_artifact("app.tar", "");
    /// assert_eq!(build.artifacts()[0].id, artifact.id);
    /// ```
    ArtifactId
}
id! {
    /// The id of an annotation; its address in the REST API. An annotation that is replaced keeps it.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// let first = build.annotate("1 test failed");
    /// assert_eq!(build.annotate("2 tests failed").id, first.id);
    /// ```
    AnnotationId
}
id! {
    /// The id of a cluster; its address in the REST API.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// let url = format!("{}organizations/acme/clusters/{}", fake.api_url(), linux.id());
    /// let shown = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(shown.json::<serde_json::Value>().unwrap()["name"], "Linux");
    /// ```
    ClusterId
}
id! {
    /// The id of a queue of a cluster; its address in the REST API, and what jobs name it by.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// let build = fake.pipeline("app").cluster(&linux).steps("steps: [{command: make, key: test}]").create_build();
    /// assert_eq!(build.job("test").queue().unwrap().id(), linux.queue("default").id());
    /// ```
    QueueId
}
id! {
    /// The id of an agent token of a cluster; its address in the REST API, and no secret.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// let secret = linux.add_token("Packet agents");
    /// assert_ne!(linux.tokens()[0].id.to_string(), secret);
    /// ```
    ClusterTokenId
}

id! {
    /// The id of a step upload; its address in the REST API.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create_build();
    /// build.job("gen").start();
    /// build.job("gen").upload_pipeline("[{command: make}]");
    /// let id = build.step_uploads()[0].id;
    /// let url = format!("{}organizations/acme/pipelines/app/builds/1/step-uploads/{id}", fake.api_url());
    /// assert_eq!(reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap().status(), 200);
    /// ```
    StepUploadId
}

id! {
    /// The id of a team; its address in the REST API, and what names it when a pipeline is made.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let platform = fake.team("Platform").create();
    /// let url = format!("{}organizations/acme/teams/{}", fake.api_url(), platform.id());
    /// let shown = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(shown.json::<serde_json::Value>().unwrap()["slug"], "platform");
    /// ```
    TeamId
}

id! {
    /// The id of an agent; its address in the REST API.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let url = format!("{}organizations/acme/agents/{}", fake.api_url(), fake.agent("worker").id());
    /// let shown = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(shown.json::<serde_json::Value>().unwrap()["name"], "worker");
    /// ```
    AgentId
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).expect("a representable instant")
    }

    #[test]
    fn an_id_is_a_version_7_uuid_that_starts_with_the_clock() {
        let id = mint(1, Kind::Job, 0, at(0x0123_4567_89ab));
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert!(id.to_string().starts_with("01234567-89ab-7"), "{id}");
    }

    #[test]
    fn seed_kind_and_ordinal_each_change_the_id() {
        let id = |seed, kind, ordinal| mint(seed, kind, ordinal, at(1_000));
        let all = [
            id(1, Kind::Job, 0),
            id(2, Kind::Job, 0),
            id(1, Kind::Build, 0),
            id(1, Kind::Job, 1),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all[n + 1..].iter().all(|other| other != one), "{all:?}");
        }
        assert_eq!(id(1, Kind::Job, 0), all[0]);
    }

    #[test]
    fn a_clock_before_1970_still_gives_a_version_7_id() {
        assert_eq!(mint(1, Kind::Job, 0, at(-5)).get_version_num(), 7);
    }

    #[test]
    fn hex_has_the_length_asked_for() {
        assert_eq!(hex(1, Kind::Badge, 3, 50).len(), 50);
        assert_ne!(hex(1, Kind::Badge, 3, 50), hex(1, Kind::Webhook, 3, 50));
    }

    #[test]
    fn letters_are_as_many_as_asked_for_and_differ() {
        let token = |ordinal| letters(1, Kind::ClusterToken, ordinal, 24);
        assert_eq!(token(0).len(), 24);
        assert!(token(0).chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(token(0), token(1));
    }
}
