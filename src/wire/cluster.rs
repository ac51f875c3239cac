//! Clusters, their queues, tokens and maintainers as JSON: the same objects alone and in lists.
//!
//! Source: Buildkite docs, "Clusters API", "Queues", "Agent tokens", "Cluster maintainers"; key order from responses
//! recorded in August 2023, with what has come since where the documentation has it.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::engine::cluster::{
    Affinity, ClusterKey, ClusterSettings, ClusterTokenKey, Maintainer, MaintainerKey, QueueAgents,
    QueueKey, Shape,
};
use crate::vocabulary::ids::Kind;
use crate::wire::account::UserJson;
use crate::wire::{Instant, View, graphql_id};

/// Where a pipeline, a build or a job is: a cluster or a queue, by its id and its address. Neither ever changes.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) id: Uuid,
    pub(crate) url: String,
}

impl Place {
    /// None for none, and for a cluster that was deleted.
    pub(crate) fn of_cluster(view: &View<'_>, key: Option<ClusterKey>) -> Option<Self> {
        let key = key?;
        let cluster = view.engine.find_cluster(key)?;
        view.saw(Kind::Cluster, key, 0);
        Some(Self {
            id: cluster.id.0,
            url: view.cluster_url(key),
        })
    }

    pub(crate) fn of_queue(view: &View<'_>, key: Option<QueueKey>) -> Option<Self> {
        let key = key?;
        let queue = view.engine.find_cluster_queue(key)?;
        view.saw(Kind::ClusterQueue, key, 0);
        Some(Self {
            id: queue.id.0,
            url: view.queue_url(key),
        })
    }
}

/// A cluster.
#[derive(Debug, Serialize)]
pub(crate) struct ClusterJson<'e> {
    id: Uuid,
    graphql_id: String,
    default_queue_id: Option<Uuid>,
    name: &'e str,
    description: Option<&'e str>,
    emoji: Option<&'e str>,
    color: Option<&'e str>,
    maintainers: MaintainersJson<'e>,
    url: String,
    web_url: String,
    queues_url: String,
    default_queue_url: Option<String>,
    created_at: Instant,
    created_by: Option<UserJson<'e>>,
    /// Of a cluster with hosted agents, as is the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    hosted_git_mirror_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosted_container_cache_enabled: Option<bool>,
}

#[derive(Debug, Serialize)]
struct MaintainersJson<'e> {
    users: Vec<MaintainerJson<'e>>,
    teams: Vec<MaintainerJson<'e>>,
}

impl<'e> ClusterJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: ClusterKey) -> Self {
        view.saw(Kind::Cluster, key, view.engine.cluster_version(key));
        let engine = view.engine;
        let cluster = engine.cluster(key);
        let ClusterSettings {
            name,
            description,
            emoji,
            color,
        } = &cluster.settings;
        let default_queue = Place::of_queue(view, cluster.default_queue);
        // The first hosted queue makes it a hosted cluster, and that is not written down in the cluster.
        let caches = engine.is_hosted(key).then_some(cluster.caches);
        view.saw_text(if caches.is_some() { "hosted" } else { "" });
        let url = view.cluster_url(key);
        Self {
            id: cluster.id.0,
            graphql_id: graphql_id("Cluster", cluster.id.0),
            default_queue_id: default_queue.as_ref().map(|queue| queue.id),
            name,
            description: description.as_deref(),
            emoji: emoji.as_deref(),
            color: color.as_deref(),
            maintainers: MaintainersJson::new(view, key),
            web_url: view.cluster_web_url(key),
            queues_url: format!("{url}/queues"),
            default_queue_url: default_queue.map(|queue| queue.url),
            url,
            created_at: Instant(cluster.created_at),
            created_by: UserJson::maybe(view, cluster.created_by),
            hosted_git_mirror_enabled: caches.map(|caches| caches.git_mirror),
            hosted_container_cache_enabled: caches.map(|caches| caches.container),
        }
    }
}

impl<'e> MaintainersJson<'e> {
    fn new(view: &View<'e>, cluster: ClusterKey) -> Self {
        let mut all = Self {
            users: Vec::new(),
            teams: Vec::new(),
        };
        for key in view.engine.maintainers_of(cluster) {
            if !view.engine.sees_maintainer(view.reader, key) {
                continue;
            }
            let mut json = MaintainerJson::new(view, key);
            match (&mut json.actor, view.engine.maintenance(key).maintainer) {
                // Here a team has a name, too.
                (ActorJson::Team { name, .. }, Maintainer::Team(team)) => {
                    *name = Some(&view.engine.team(team).settings.name);
                    all.teams.push(json);
                }
                (ActorJson::User { .. } | ActorJson::Team { .. }, _) => all.users.push(json),
            }
        }
        all
    }
}

/// A maintainer of a cluster.
#[derive(Debug, Serialize)]
pub(crate) struct MaintainerJson<'e> {
    id: Uuid,
    actor: ActorJson<'e>,
}

/// Who it is. Chosen: a team looks as in the examples of "Cluster maintainers"; the one of a cluster shows its name, too.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ActorJson<'e> {
    User {
        id: Uuid,
        graphql_id: String,
        name: &'e str,
        email: &'e str,
        r#type: &'static str,
    },
    Team {
        id: Uuid,
        graphql_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'e str>,
        slug: &'e str,
        r#type: &'static str,
    },
}

impl<'e> MaintainerJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: MaintainerKey) -> Self {
        let version = view.engine.maintenance_version(key);
        view.saw(Kind::ClusterMaintainer, key, version);
        let maintenance = view.engine.maintenance(key);
        Self {
            id: maintenance.id,
            actor: match maintenance.maintainer {
                Maintainer::User(user) => {
                    let user = view.engine.user(user);
                    ActorJson::User {
                        id: user.id.0,
                        graphql_id: graphql_id("User", user.id.0),
                        name: &user.name,
                        email: &user.email,
                        r#type: "user",
                    }
                }
                Maintainer::Team(key) => {
                    view.saw(Kind::Team, key, view.engine.team_version(key));
                    let team = view.engine.team(key);
                    ActorJson::Team {
                        id: team.id.0,
                        graphql_id: graphql_id("Team", team.id.0),
                        name: None,
                        slug: &team.slug,
                        r#type: "team",
                    }
                }
            },
        }
    }
}

/// A queue of a cluster.
#[derive(Debug, Serialize)]
pub(crate) struct QueueJson<'e> {
    id: Uuid,
    graphql_id: String,
    key: &'e str,
    description: Option<&'e str>,
    url: String,
    web_url: String,
    cluster_url: String,
    /// Of a queue with agents of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_agent_affinity: Option<&'static str>,
    dispatch_paused: bool,
    dispatch_paused_by: Option<UserJson<'e>>,
    dispatch_paused_at: Option<Instant>,
    dispatch_paused_note: Option<&'e str>,
    created_at: Instant,
    created_by: Option<UserJson<'e>>,
    /// True, or not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    hosted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosted_agents: Option<HostedAgentsJson<'e>>,
}

#[derive(Debug, Serialize)]
struct HostedAgentsJson<'e> {
    instance_shape: ShapeJson,
    platform_settings: PlatformJson<'e>,
}

#[derive(Debug, Serialize)]
struct ShapeJson {
    machine_type: &'static str,
    architecture: &'static str,
    cpu: u32,
    memory: u32,
    name: &'static str,
}

/// Chosen: empty for a Mac, of which the documentation shows none.
#[derive(Debug, Serialize)]
struct PlatformJson<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    linux: Option<LinuxJson<'e>>,
}

#[derive(Debug, Serialize)]
struct LinuxJson<'e> {
    agent_image_ref: Option<&'e str>,
}

impl<'e> HostedAgentsJson<'e> {
    fn new(shape: &Shape, image: Option<&'e str>) -> Self {
        Self {
            instance_shape: ShapeJson {
                machine_type: shape.machine,
                architecture: shape.architecture,
                cpu: shape.cpu,
                memory: shape.memory,
                name: shape.name,
            },
            platform_settings: PlatformJson {
                linux: (!shape.is_mac()).then_some(LinuxJson {
                    agent_image_ref: image,
                }),
            },
        }
    }
}

impl<'e> QueueJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: QueueKey) -> Self {
        view.saw(
            Kind::ClusterQueue,
            key,
            view.engine.cluster_queue_version(key),
        );
        let queue = view.engine.cluster_queue(key);
        let pause = queue.pause.as_ref();
        let web_url = view.cluster_web_url(queue.cluster);
        let (affinity, hosted_agents) = match &queue.agents {
            QueueAgents::SelfHosted(affinity) => (Some(affinity), None),
            QueueAgents::Hosted { shape, image } => {
                (None, Some(HostedAgentsJson::new(shape, image.as_deref())))
            }
        };
        Self {
            id: queue.id.0,
            graphql_id: graphql_id("ClusterQueue", queue.id.0),
            key: &queue.key,
            description: queue.description.as_deref(),
            url: view.queue_url(key),
            web_url: format!("{web_url}/queues/{}", queue.id),
            cluster_url: view.cluster_url(queue.cluster),
            retry_agent_affinity: affinity.copied().map(Affinity::word),
            dispatch_paused: pause.is_some(),
            dispatch_paused_by: UserJson::maybe(view, pause.and_then(|pause| pause.by)),
            dispatch_paused_at: Instant::maybe(pause.map(|pause| pause.at)),
            dispatch_paused_note: pause.and_then(|pause| pause.note.as_deref()),
            created_at: Instant(queue.created_at),
            created_by: UserJson::maybe(view, queue.created_by),
            hosted: hosted_agents.is_some().then_some(true),
            hosted_agents,
        }
    }
}

/// An agent token of a cluster.
#[derive(Debug, Serialize)]
pub(crate) struct ClusterTokenJson<'e> {
    id: Uuid,
    graphql_id: String,
    description: &'e str,
    url: String,
    cluster_url: String,
    created_at: Instant,
    created_by: Option<UserJson<'e>>,
    /// Only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'e str>,
    allowed_ip_addresses: Option<&'e str>,
    expires_at: Option<Seconds>,
}

/// Whether a token's value is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret {
    Told,
    Kept,
}

/// An instant to the second, as the examples of tokens have it: `2026-01-01T00:00:00Z`.
#[derive(Debug)]
struct Seconds(DateTime<Utc>);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.format("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl<'e> ClusterTokenJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: ClusterTokenKey, secret: Secret) -> Self {
        let version = view.engine.cluster_token_version(key);
        view.saw(Kind::ClusterToken, key, version);
        let token = view.engine.cluster_token(key);
        let cluster_url = view.cluster_url(token.cluster);
        Self {
            id: token.id.0,
            graphql_id: graphql_id("ClusterToken", token.id.0),
            description: &token.description,
            url: format!("{cluster_url}/tokens/{}", token.id),
            cluster_url,
            created_at: Instant(token.created_at),
            created_by: UserJson::maybe(view, token.created_by),
            token: match secret {
                Secret::Told => Some(&token.secret),
                Secret::Kept => None,
            },
            allowed_ip_addresses: token.allowed_ip_addresses.as_deref(),
            expires_at: token.expires_at.map(Seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token_has_no_decimals() {
        let at = DateTime::from_timestamp(1_893_456_000, 1_999_999).expect("an instant");
        let json = serde_json::to_string(&Seconds(at)).expect("json");
        assert_eq!(json, "\"2030-01-01T00:00:00Z\"");
    }
}
