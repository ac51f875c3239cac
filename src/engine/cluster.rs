//! Clusters: their queues, the tokens of their agents, who maintains them, and which queue a job waits in (`line`).
//!
//! A pipeline is in a cluster or in none. A build stays in the cluster that its pipeline was in when it was made, and
//! its command jobs wait in one of that cluster's queues: the one that their rule `queue=…` names, or the cluster's
//! default queue. A queue whose dispatch is paused hands out nothing; neither does one that is not there.
//!
//! What of all this is not accepted is in `invalid`.
//!
//! Elsewhere: who takes a job from its queue (`dispatch`), what can be asked for (`commands`), the JSON
//! (`wire::cluster`).
//! Source: Buildkite docs, "Clusters API", "Queues", "Agent tokens", "Cluster maintainers", "Manage queues".

mod invalid;
mod line;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::engine::Engine;
use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::agent::Fleet;
use crate::engine::build::is_over;
use crate::engine::finding::{Belongings, ById};
use crate::engine::table::{Table, key};
use crate::engine::team::TeamKey;
use crate::persistent::Index;
use crate::vocabulary::event::QueueRef;
use crate::vocabulary::ids::{ClusterId, ClusterTokenId, QueueId};

pub(crate) use invalid::{Invalid, NotValid};
pub(crate) use line::Line;

key! {
    /// A cluster, by the order of creation.
    ClusterKey
}
key! {
    /// A queue of a cluster, by the order of creation.
    QueueKey
}
key! {
    /// An agent token of a cluster, by the order of creation.
    ClusterTokenKey
}
key! {
    /// That somebody maintains a cluster, by the order of creation.
    MaintainerKey
}

/// How many queues a cluster can have where limits are enforced: 50.
/// Source: Buildkite docs, "Platform limits".
const MOST_QUEUES: usize = 50;

/// Everything there is of clusters.
#[derive(Debug, Clone)]
pub(crate) struct Clusters {
    pub(super) all: Table<ClusterKey, Cluster>,
    pub(super) ids: ById<ClusterId, ClusterKey>,
    pub(super) queues: Table<QueueKey, Queue>,
    pub(super) queue_ids: ById<QueueId, QueueKey>,
    /// Which queues a cluster has, in the order of their creation; likewise its tokens and maintainers.
    pub(super) queues_by_cluster: Belongings<ClusterKey, QueueKey>,
    pub(super) queues_by_key: Index<(ClusterKey, Arc<str>), QueueKey>,
    pub(super) tokens: Table<ClusterTokenKey, ClusterToken>,
    pub(super) token_ids: ById<ClusterTokenId, ClusterTokenKey>,
    pub(super) tokens_by_cluster: Belongings<ClusterKey, ClusterTokenKey>,
    pub(super) maintainers: Table<MaintainerKey, Maintenance>,
    pub(super) maintainers_by_cluster: Belongings<ClusterKey, MaintainerKey>,
}

impl Clusters {
    pub(super) fn new() -> Self {
        Self {
            all: Table::new(),
            ids: ById::new(),
            queues: Table::new(),
            queue_ids: ById::new(),
            queues_by_cluster: Belongings::new(),
            queues_by_key: Index::new(),
            tokens: Table::new(),
            token_ids: ById::new(),
            tokens_by_cluster: Belongings::new(),
            maintainers: Table::new(),
            maintainers_by_cluster: Belongings::new(),
        }
    }

    /// How often clusters and queues were written.
    pub(super) fn writes(&self) -> u64 {
        self.all.writes() + self.queues.writes()
    }

    /// Whether nothing was written to one of two that were the same. The indexes are written with the tables.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.all.writes() == other.all.writes()
            && self.queues.writes() == other.queues.writes()
            && self.tokens.writes() == other.tokens.writes()
            && self.maintainers.writes() == other.maintainers.writes()
    }
}

/// A cluster: agents and pipelines that see nothing of those outside.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) id: ClusterId,
    pub(crate) organization: OrganizationKey,
    pub(crate) settings: ClusterSettings,
    /// Where the jobs go that name none.
    pub(crate) default_queue: Option<QueueKey>,
    pub(crate) caches: HostedCaches,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: Option<UserKey>,
}

/// What can be set on a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterSettings {
    pub(crate) name: Arc<str>,
    pub(crate) description: Option<String>,
    pub(crate) emoji: Option<String>,
    pub(crate) color: Option<String>,
}

/// What a cluster with hosted agents keeps for them. Nothing here goes by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HostedCaches {
    pub(crate) git_mirror: bool,
    pub(crate) container: bool,
}

/// A queue of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) cluster: ClusterKey,
    /// It never changes.
    pub(crate) key: Arc<str>,
    pub(crate) description: Option<String>,
    pub(crate) agents: QueueAgents,
    /// While it is paused.
    pub(crate) pause: Option<Pause>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: Option<UserKey>,
}

/// That a queue hands out nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) by: Option<UserKey>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) note: Option<Arc<str>>,
}

/// Whose agents serve a queue. It stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueueAgents {
    SelfHosted(Affinity),
    Hosted {
        shape: &'static Shape,
        /// What the agents run in, if it is not the default.
        image: Option<String>,
    },
}

/// Which agent is asked first for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affinity {
    PreferWarmest,
    PreferDifferent,
}

impl Affinity {
    pub(crate) const ALL: &[Self] = &[Self::PreferWarmest, Self::PreferDifferent];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::PreferWarmest => "prefer-warmest",
            Self::PreferDifferent => "prefer-different",
        }
    }
}

/// The machine of a hosted agent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) machine: &'static str,
    pub(crate) architecture: &'static str,
    pub(crate) cpu: u32,
    /// In GB.
    pub(crate) memory: u32,
}

/// Source: Buildkite docs, "Queues", sections "Instance shape values for Linux" and "Instance shape values for macOS".
#[rustfmt::skip]
const SHAPES: &[Shape] = &[
    Shape { name: "LINUX_AMD64_2X4", machine: "linux", architecture: "amd64", cpu: 2, memory: 4 },
    Shape { name: "LINUX_AMD64_4X16", machine: "linux", architecture: "amd64", cpu: 4, memory: 16 },
    Shape { name: "LINUX_AMD64_8X32", machine: "linux", architecture: "amd64", cpu: 8, memory: 32 },
    Shape { name: "LINUX_AMD64_16X64", machine: "linux", architecture: "amd64", cpu: 16, memory: 64 },
    Shape { name: "LINUX_AMD64_32X128", machine: "linux", architecture: "amd64", cpu: 32, memory: 128 },
    Shape { name: "LINUX_AMD64_64X256", machine: "linux", architecture: "amd64", cpu: 64, memory: 256 },
    Shape { name: "LINUX_ARM64_2X4", machine: "linux", architecture: "arm64", cpu: 2, memory: 4 },
    Shape { name: "LINUX_ARM64_4X16", machine: "linux", architecture: "arm64", cpu: 4, memory: 16 },
    Shape { name: "LINUX_ARM64_8X32", machine: "linux", architecture: "arm64", cpu: 8, memory: 32 },
    Shape { name: "LINUX_ARM64_16X64", machine: "linux", architecture: "arm64", cpu: 16, memory: 64 },
    Shape { name: "LINUX_ARM64_32X128", machine: "linux", architecture: "arm64", cpu: 32, memory: 128 },
    Shape { name: "LINUX_ARM64_64X256", machine: "linux", architecture: "arm64", cpu: 64, memory: 256 },
    Shape { name: "MACOS_ARM64_M4_6X28", machine: "macos", architecture: "arm64", cpu: 6, memory: 28 },
    Shape { name: "MACOS_ARM64_M4_12X56", machine: "macos", architecture: "arm64", cpu: 12, memory: 56 },
];

impl Shape {
    pub(crate) fn of(name: &str) -> Option<&'static Self> {
        SHAPES.iter().find(|shape| shape.name == name)
    }

    pub(crate) fn is_mac(&self) -> bool {
        self.machine == "macos"
    }
}

/// An agent token of a cluster. Nothing here connects with one.
#[derive(Clone)]
pub(crate) struct ClusterToken {
    pub(crate) id: ClusterTokenId,
    pub(crate) cluster: ClusterKey,
    /// Told once, to whom made it.
    pub(crate) secret: Arc<str>,
    pub(crate) description: String,
    /// As it was given; none is everybody.
    pub(crate) allowed_ip_addresses: Option<String>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: Option<UserKey>,
}

// By hand: a secret has no business in a log.
impl std::fmt::Debug for ClusterToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterToken")
            .field("id", &self.id)
            .field("cluster", &self.cluster)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

/// That somebody maintains a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Maintenance {
    pub(crate) id: Uuid,
    pub(crate) cluster: ClusterKey,
    pub(crate) maintainer: Maintainer,
}

/// Who maintains a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maintainer {
    User(UserKey),
    Team(TeamKey),
}

// --- Reading ---------------------------------------------------------------------------------------------------------

impl Engine {
    pub(crate) fn cluster(&self, key: ClusterKey) -> &Cluster {
        self.clusters.all.get(key)
    }

    pub(crate) fn find_cluster(&self, key: ClusterKey) -> Option<&Cluster> {
        self.clusters.all.find(key)
    }

    pub(crate) fn cluster_version(&self, key: ClusterKey) -> u64 {
        self.clusters.all.version(key)
    }

    /// A cluster of this organization.
    pub(crate) fn cluster_by_id(
        &self,
        organization: OrganizationKey,
        id: ClusterId,
    ) -> Option<ClusterKey> {
        let found = self.clusters.ids.find(id);
        found.filter(|key| self.cluster(*key).organization == organization)
    }

    /// The clusters of an organization, oldest first.
    pub(crate) fn clusters_of(&self, organization: OrganizationKey) -> Vec<ClusterKey> {
        let all = self.clusters.all.iter();
        all.filter(|(_, cluster)| cluster.organization == organization)
            .map(|(key, _)| key)
            .collect()
    }

    pub(crate) fn cluster_queue(&self, key: QueueKey) -> &Queue {
        self.clusters.queues.get(key)
    }

    pub(crate) fn find_cluster_queue(&self, key: QueueKey) -> Option<&Queue> {
        self.clusters.queues.find(key)
    }

    pub(crate) fn cluster_queue_version(&self, key: QueueKey) -> u64 {
        self.clusters.queues.version(key)
    }

    pub(crate) fn queue_by_id(&self, cluster: ClusterKey, id: QueueId) -> Option<QueueKey> {
        let found = self.clusters.queue_ids.find(id);
        found.filter(|key| self.cluster_queue(*key).cluster == cluster)
    }

    pub(crate) fn queue_by_key(&self, cluster: ClusterKey, key: &str) -> Option<QueueKey> {
        let all = &self.clusters.queues_by_key;
        all.get(&(cluster, Arc::from(key))).copied()
    }

    /// Whether any queue hands out no jobs.
    pub(crate) fn has_paused_queues(&self) -> bool {
        let mut queues = self.clusters.queues.iter();
        queues.any(|(_, queue)| queue.pause.is_some())
    }

    /// The queues of a cluster, oldest first.
    pub(crate) fn queues_of(&self, cluster: ClusterKey) -> Vec<QueueKey> {
        self.clusters.queues_by_cluster.of(cluster).collect()
    }

    pub(crate) fn cluster_token(&self, key: ClusterTokenKey) -> &ClusterToken {
        self.clusters.tokens.get(key)
    }

    pub(crate) fn cluster_token_version(&self, key: ClusterTokenKey) -> u64 {
        self.clusters.tokens.version(key)
    }

    pub(crate) fn cluster_token_by_id(
        &self,
        cluster: ClusterKey,
        id: ClusterTokenId,
    ) -> Option<ClusterTokenKey> {
        let found = self.clusters.token_ids.find(id);
        found.filter(|key| self.cluster_token(*key).cluster == cluster)
    }

    /// The agent tokens of a cluster, oldest first.
    pub(crate) fn tokens_of(&self, cluster: ClusterKey) -> Vec<ClusterTokenKey> {
        self.clusters.tokens_by_cluster.of(cluster).collect()
    }

    pub(crate) fn maintenance(&self, key: MaintainerKey) -> &Maintenance {
        self.clusters.maintainers.get(key)
    }

    pub(crate) fn maintenance_version(&self, key: MaintainerKey) -> u64 {
        self.clusters.maintainers.version(key)
    }

    /// The maintainers of a cluster, in the order in which they became it.
    pub(crate) fn maintainers_of(&self, cluster: ClusterKey) -> Vec<MaintainerKey> {
        self.clusters.maintainers_by_cluster.of(cluster).collect()
    }

    /// Whether somebody is shown a maintainer. `None` is nobody in particular, who is shown everything.
    ///
    /// Chosen: a secret team that maintains a cluster is as secret there as elsewhere.
    pub(crate) fn sees_maintainer(&self, reader: Option<UserKey>, key: MaintainerKey) -> bool {
        match (reader, self.maintenance(key).maintainer) {
            (Some(reader), Maintainer::Team(team)) => self.sees_team(reader, team),
            (Some(_), Maintainer::User(_)) | (None, _) => true,
        }
    }

    /// Whether a user may change a cluster, what is in it, and the agents that serve its queues: administrators, and
    /// who maintains it.
    ///
    /// Chosen: a team maintains it whether teams decide who sees pipelines or not.
    /// Source: Buildkite docs, "Manage clusters", section "Manage maintainers on a cluster".
    pub(crate) fn maintains_cluster(&self, user: UserKey, cluster: ClusterKey) -> bool {
        let is_user = |key: MaintainerKey| match self.maintenance(key).maintainer {
            Maintainer::User(known) => known == user,
            Maintainer::Team(team) => self.team(team).members.contains(&user),
        };
        self.is_admin(self.cluster(cluster).organization, user)
            || self.maintainers_of(cluster).into_iter().any(is_user)
    }

    pub(crate) fn queue_ref(&self, key: QueueKey) -> QueueRef {
        let queue = self.cluster_queue(key);
        QueueRef {
            cluster: Arc::clone(&self.cluster(queue.cluster).settings.name),
            key: Arc::clone(&queue.key),
            id: queue.id,
        }
    }

    /// Whether Buildkite provides agents for a cluster.
    pub(crate) fn is_hosted(&self, cluster: ClusterKey) -> bool {
        let hosted = |queue| match self.cluster_queue(queue).agents {
            QueueAgents::SelfHosted(_) => false,
            QueueAgents::Hosted { .. } => true,
        };
        self.queues_of(cluster).into_iter().any(hosted)
    }

    /// How many more queues a cluster can have.
    pub(super) fn may_have_another_queue(&self, cluster: ClusterKey) -> bool {
        !self.enforces_limits || self.queues_of(cluster).len() < MOST_QUEUES
    }
}

// --- Taking away -----------------------------------------------------------------------------------------------------

impl Engine {
    /// The queues of a cluster are not what they were: somebody may come now for jobs that waited.
    pub(super) fn queues_changed(&mut self) {
        self.agenda.offer_jobs |= !self.queue.is_empty();
    }

    /// Whether an agent of this queue works, or is one of a fixed fleet and so stays.
    pub(super) fn has_agents(&self, queue: QueueKey) -> bool {
        let mut agents = self.agents.iter();
        self.fleet == Fleet::Fixed
            && agents.any(|(_, agent)| agent.offer.queue == Some(queue) && agent.state.is_here())
    }

    /// Whether a job of this queue is on an agent.
    pub(super) fn has_jobs_at_work(&self, queue: QueueKey) -> bool {
        let open = self.all_open_builds().into_iter();
        let mut jobs = open.flat_map(|build| self.jobs_of(build));
        jobs.any(|(_, job)| job.state.has_agent() && job.queue == Some(queue))
    }

    pub(super) fn has_pipelines(&self, cluster: ClusterKey) -> bool {
        let mut pipelines = self.pipelines.iter();
        pipelines.any(|(_, pipeline)| pipeline.settings.cluster == Some(cluster))
    }

    /// Whether a build that is in this cluster is not over.
    pub(super) fn has_open_builds(&self, cluster: ClusterKey) -> bool {
        let mut open = self.all_open_builds().into_iter();
        open.any(|build| {
            let build = self.builds.get(build);
            build.cluster == Some(cluster) && !is_over(build.state)
        })
    }

    /// Takes a queue away. Simulated agents that served it go.
    pub(super) fn remove_queue(&mut self, key: QueueKey) {
        let serving = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.offer.queue == Some(key) && agent.state.is_here());
        let serving: Vec<_> = serving.map(|(agent, _)| agent).collect();
        for agent in serving {
            self.disconnect_agent(agent);
        }
        let Queue {
            id,
            cluster,
            key: name,
            ..
        } = self.cluster_queue(key).clone();
        if self.cluster(cluster).default_queue == Some(key) {
            self.clusters.all.change(cluster).default_queue = None;
        }
        self.clusters.queue_ids.remove(id);
        self.clusters.queues_by_key.remove(&(cluster, name));
        self.clusters.queues_by_cluster.remove(cluster, key);
        self.clusters.queues.remove(key);
    }

    pub(super) fn remove_cluster_token(&mut self, key: ClusterTokenKey) {
        let ClusterToken { id, cluster, .. } = *self.cluster_token(key);
        self.clusters.token_ids.remove(id);
        self.clusters.tokens_by_cluster.remove(cluster, key);
        self.clusters.tokens.remove(key);
    }

    pub(super) fn remove_maintainer(&mut self, key: MaintainerKey) {
        let cluster = self.maintenance(key).cluster;
        self.clusters.maintainers_by_cluster.remove(cluster, key);
        self.clusters.maintainers.remove(key);
    }

    /// Somebody is not there any more, or not in the organization: they maintain none of its clusters.
    pub(super) fn stop_maintaining(&mut self, organization: OrganizationKey, who: Maintainer) {
        let all = self.clusters.maintainers.iter();
        let all = all.filter(|(_, maintenance)| {
            let owner = self.cluster(maintenance.cluster).organization;
            maintenance.maintainer == who && owner == organization
        });
        let all: Vec<_> = all.map(|(key, _)| key).collect();
        for key in all {
            self.remove_maintainer(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_say_what_their_names_say() {
        for shape in SHAPES {
            let machine = shape.machine.to_uppercase();
            let architecture = shape.architecture.to_uppercase();
            let size = format!("{}X{}", shape.cpu, shape.memory);
            assert!(
                shape
                    .name
                    .starts_with(&format!("{machine}_{architecture}_"))
            );
            assert!(shape.name.ends_with(&format!("_{size}")), "{}", shape.name);
            assert_eq!(Shape::of(shape.name), Some(shape));
        }
        assert_eq!(Shape::of("linux_amd64_2x4"), None);
    }
}
