//! Clusters in the hands of a test, their queues (`queue`), and those that are there from the start.

mod from_the_start;
mod queue;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::driver::Driver;
use crate::engine::Engine;
use crate::engine::account::OrganizationKey;
use crate::engine::cluster::{
    Cluster, ClusterKey, ClusterSettings, Maintainer, NotValid, QueueKey,
};
use crate::engine::commands::{
    AddMaintainer, CreateCluster, CreateClusterToken, CreateQueue, DeleteCluster,
    DeleteClusterRefused, UpdateCluster,
};
use crate::fake::choices::{listed, owner};
use crate::fake::{
    FakeBuildkite, Home, PipelineBuilder, PipelineHandle, TeamHandle, Tie, UserHandle,
};
use crate::vocabulary::ids::{ClusterId, ClusterTokenId};
use crate::vocabulary::slip::slip;

pub(super) use from_the_start::queue_from_the_start;
pub use queue::QueueHandle;

/// The queue a cluster of a test begins with, unless it names others.
const FIRST_QUEUE: &str = "default";

/// What Buildkite says of that one. Source: a recorded response.
const FIRST_DESCRIPTION: &str = "Automatically created when the cluster was created";

impl FakeBuildkite {
    /// Begins a new cluster; `create` makes it. Like one that is made in the browser it has a queue `default`, which is
    /// its default queue, unless the test says otherwise. A client that makes one over the API gets none.
    ///
    /// Pipelines are put into it with [`PipelineBuilder::cluster`]. The simulated fleet serves every queue.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").queue("deploy").create();
    /// let steps = "steps: [{command: make}, {command: ship, key: ship, agents: {queue: deploy}}]";
    /// let build = fake.pipeline("app").cluster(&linux).steps(steps).create_build();
    ///
    /// linux.queue("deploy").pause();
    /// let idle = fake.run_until_idle();
    /// assert_eq!(idle.waiting_on[0].to_string(), "app#1 ship is scheduled: queue deploy of cluster Linux is paused");
    ///
    /// linux.queue("deploy").resume();
    /// fake.run_until_idle();
    /// assert_eq!(build.state(), BuildState::Passed);
    /// ```
    pub fn cluster(&self, name: impl Into<Arc<str>>) -> ClusterBuilder {
        ClusterBuilder::new(self.tie(), self.home, name.into())
    }

    /// A cluster that is already there, perhaps because the program under test made it.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let url = format!("{}organizations/acme/clusters", fake.api_url());
    /// let create = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token());
    /// create.body(r#"{"name": "Linux"}"#).send().unwrap();
    /// assert!(fake.existing_cluster("Linux").default_queue().is_none());
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none of this name; the message names those that are.
    #[must_use]
    #[track_caller]
    pub fn existing_cluster(&self, name: &str) -> ClusterHandle {
        ClusterHandle::find(&self.tie(), self.home, name)
    }

    /// The queue that an agent which connects later serves: one that is there.
    #[track_caller]
    pub(super) fn cluster_queue_in(
        &self,
        organization: OrganizationKey,
        cluster: &str,
        key: &str,
    ) -> QueueKey {
        let home = Home {
            organization,
            ..self.home
        };
        ClusterHandle::find(&self.tie(), home, cluster)
            .queue(key)
            .key
    }

    /// Every cluster, oldest first, whoever made it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// // … the program under test runs …
    /// assert!(fake.clusters().is_empty());
    /// ```
    #[must_use]
    pub fn clusters(&self) -> Vec<ClusterHandle> {
        ClusterHandle::all(&self.tie(), self.home)
    }
}

fn named(engine: &Engine, organization: OrganizationKey) -> Vec<(Arc<str>, ClusterKey)> {
    let all = engine.clusters_of(organization).into_iter();
    all.map(|key| (Arc::clone(&engine.cluster(key).settings.name), key))
        .collect()
}

/// A cluster to be; see [`FakeBuildkite::cluster`].
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let linux = fake
///     .cluster("Linux")
///     .description("All of it")
///     .emoji(":linux:")
///     .color("#FFE0F1")
///     .queue("deploy")
///     .create();
/// let keys: Vec<_> = linux.queues().iter().map(|queue| queue.key()).collect();
/// assert_eq!(keys, ["default", "deploy"]);
///
/// let url = format!("{}organizations/acme/clusters/{}", fake.api_url(), linux.id());
/// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
/// let shown: serde_json::Value = answer.json().unwrap();
/// assert_eq!((&shown["emoji"], &shown["color"]), (&":linux:".into(), &"#FFE0F1".into()));
/// ```
///
/// Source: Buildkite docs, "Clusters API".
#[derive(Debug, Clone)]
#[must_use = "the cluster is made by `create`"]
pub struct ClusterBuilder {
    tie: Tie,
    home: Home,
    settings: ClusterSettings,
    /// The first is the default queue.
    queues: Vec<(Arc<str>, Option<String>)>,
}

impl ClusterBuilder {
    pub(super) fn new(tie: Tie, home: Home, name: Arc<str>) -> Self {
        Self {
            tie,
            home,
            settings: ClusterSettings {
                name,
                description: None,
                emoji: None,
                color: None,
            },
            queues: vec![(FIRST_QUEUE.into(), Some(FIRST_DESCRIPTION.to_owned()))],
        }
    }

    /// The description.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.settings.description = Some(text.into());
        self
    }

    /// The emoji: `:linux:`, or the character itself.
    pub fn emoji(mut self, emoji: impl Into<String>) -> Self {
        self.settings.emoji = Some(emoji.into());
        self
    }

    /// The color behind the emoji: `#FFE0F1`.
    pub fn color(mut self, color: impl Into<String>) -> Self {
        self.settings.color = Some(color.into());
        self
    }

    /// One more queue. The first queue of a cluster is its default queue.
    pub fn queue(mut self, key: impl Into<Arc<str>>) -> Self {
        self.queues.push((key.into(), None));
        self
    }

    /// Forgets the queues so far, the first one included: as a client makes a cluster, or for another default queue.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let bare = fake.cluster("Bare").without_queues().create();
    /// assert!(bare.queues().is_empty() && bare.default_queue().is_none());
    /// let linux = fake.cluster("Linux").without_queues().queue("linux-small").queue("linux-large").create();
    /// assert_eq!(linux.default_queue().unwrap().key(), "linux-small");
    /// ```
    pub fn without_queues(mut self) -> Self {
        self.queues.clear();
        self
    }

    /// Makes the cluster and its queues.
    ///
    /// # Panics
    ///
    /// If Buildkite would not take it: the message says why.
    #[track_caller]
    pub fn create(self) -> ClusterHandle {
        let driver = self.tie.driver();
        let name = Arc::clone(&self.settings.name);
        let by = self.home.user;
        let created = driver.apply(CreateCluster {
            organization: self.home.organization,
            settings: self.settings,
            maintainers: Vec::new(),
            created_by: Some(by),
        });
        let key = match created {
            Ok(key) => key,
            Err(refused) => slip!("Buildkite would not take the cluster `{name}`: {refused}"),
        };
        let cluster = ClusterHandle {
            tie: self.tie,
            home: self.home,
            key,
        };
        let queues = self.queues.into_iter();
        let queues: Vec<_> = queues
            .map(|(key, description)| cluster.make_queue(&key, description))
            .collect();
        if let Some(first) = queues.first() {
            cluster.set_default_queue(first);
        }
        cluster
    }
}

/// A cluster of the fake. Cheap to clone; reads live state.
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let linux = fake.cluster("Linux").description("All of it").create();
/// assert_eq!(linux.default_queue().unwrap().key(), "default");
/// linux.add_queue("gpu");
/// assert_eq!(linux.queues().len(), 2);
/// assert!(!linux.queue("gpu").is_paused());
/// assert_eq!((linux.name(), linux.description().as_deref()), ("Linux".to_owned(), Some("All of it")));
/// assert_eq!(linux.id(), fake.clusters()[0].id());
/// linux.set_default_queue(&linux.queue("gpu"));
/// assert_eq!(linux.default_queue().unwrap().key(), "gpu");
/// ```
///
/// Source: Buildkite docs, "Clusters API"; "Manage clusters".
#[derive(Clone)]
pub struct ClusterHandle {
    tie: Tie,
    home: Home,
    key: ClusterKey,
}

impl ClusterHandle {
    /// The cluster of this name in the organization of `home`.
    #[track_caller]
    pub(super) fn find(tie: &Tie, home: Home, name: &str) -> Self {
        let all = tie.driver().read(|engine| named(engine, home.organization));
        let found = all.iter().find(|(known, _)| &**known == name);
        let Some((_, key)) = found else {
            let known = listed(all.iter().map(|(known, _)| known));
            let owner = tie.driver().read(|engine| owner(engine, home.organization));
            slip!("no cluster `{name}`; {owner} has {known}")
        };
        Self {
            tie: tie.clone(),
            home,
            key: *key,
        }
    }

    /// Every cluster of the organization of `home`, oldest first.
    #[track_caller]
    pub(super) fn all(tie: &Tie, home: Home) -> Vec<Self> {
        let driver = tie.driver();
        let keys = driver.read(|engine| engine.clusters_of(home.organization));
        keys.into_iter()
            .map(|key| Self {
                tie: tie.clone(),
                home,
                key,
            })
            .collect()
    }

    /// Its id.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> ClusterId {
        self.read(|_, cluster| cluster.id)
    }

    /// Its name.
    #[must_use]
    #[track_caller]
    pub fn name(&self) -> String {
        self.read(|_, cluster| cluster.settings.name.to_string())
    }

    /// Its description.
    #[must_use]
    #[track_caller]
    pub fn description(&self) -> Option<String> {
        self.read(|_, cluster| cluster.settings.description.clone())
    }

    /// The queue of the jobs that name none.
    #[must_use]
    #[track_caller]
    pub fn default_queue(&self) -> Option<QueueHandle> {
        let key = self.read(|_, cluster| cluster.default_queue)?;
        Some(self.handle(key))
    }

    /// Its queues, oldest first.
    #[must_use]
    #[track_caller]
    pub fn queues(&self) -> Vec<QueueHandle> {
        let keys = self.read(|engine, _| engine.queues_of(self.key));
        keys.into_iter().map(|key| self.handle(key)).collect()
    }

    /// One of its queues.
    ///
    /// # Panics
    ///
    /// If it has none with this key; the message names those it has.
    ///
    /// ```should_panic
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// // no queue `gpu` in cluster `Linux`; it has `default`, `deploy`
    /// fake.cluster("Linux").queue("deploy").create().queue("gpu");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn queue(&self, key: &str) -> QueueHandle {
        let found = self.read(|engine, _| engine.queue_by_key(self.key, key));
        let Some(found) = found else {
            let known = listed(self.queues().iter().map(QueueHandle::key));
            slip!(
                "no queue `{key}` in cluster `{}`; it has {known}",
                self.name()
            )
        };
        self.handle(found)
    }

    /// Makes one more queue.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// assert_eq!(linux.add_queue("gpu").key(), "gpu");
    /// assert_eq!(linux.queues().len(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If Buildkite would not take it: a key is used once, and has letters, digits, hyphens and underscores.
    #[track_caller]
    pub fn add_queue(&self, key: impl Into<Arc<str>>) -> QueueHandle {
        self.make_queue(&key.into(), None)
    }

    #[track_caller]
    fn make_queue(&self, key: &Arc<str>, description: Option<String>) -> QueueHandle {
        let name = self.name();
        let created = self.tie.driver().apply(CreateQueue {
            cluster: self.key,
            key: Arc::clone(key),
            description,
            affinity: None,
            hosted: None,
            created_by: Some(self.home.user),
        });
        match created {
            Ok(key) => self.handle(key),
            Err(refused) => {
                slip!("Buildkite would not take the queue `{key}` of cluster `{name}`: {refused}")
            }
        }
    }

    /// The jobs that name no queue go to this one from now on, those that wait included.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").queue("large").create();
    /// let build = fake.pipeline("app").cluster(&linux).steps("steps: [{command: make, key: test}]").create_build();
    /// assert_eq!(build.job("test").queue().unwrap().key(), "default");
    /// linux.set_default_queue(&linux.queue("large"));
    /// assert_eq!(build.job("test").queue().unwrap().key(), "large");
    /// ```
    ///
    /// # Panics
    ///
    /// If it is a queue of another cluster.
    #[track_caller]
    pub fn set_default_queue(&self, queue: &QueueHandle) {
        self.tie
            .must_be(&queue.tie, || format!("queue `{}`", queue.key()));
        let (name, settings, caches) = self.read(|_, cluster| {
            let name = cluster.settings.name.to_string();
            (name, cluster.settings.clone(), cluster.caches)
        });
        let changed = self.tie.driver().apply(UpdateCluster {
            cluster: self.key,
            settings,
            default_queue: Some(queue.id()),
            caches,
        });
        if let Err(NotValid(_)) = changed {
            slip!(
                "queue `{}` is of another cluster than `{name}`",
                queue.key()
            )
        }
    }

    /// Makes an agent token, and returns its value: 24 letters and digits from the seed. Clients see the token, and
    /// never again what it is.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// let value = linux.add_token("Packet agents");
    /// assert_eq!(value.len(), 24);
    /// assert_eq!(linux.tokens()[0].description, "Packet agents");
    /// ```
    ///
    /// # Panics
    ///
    /// If the description is blank.
    #[track_caller]
    pub fn add_token(&self, description: impl Into<String>) -> String {
        let (name, description) = (self.name(), description.into());
        let driver = self.tie.driver();
        let created = driver.apply(CreateClusterToken {
            cluster: self.key,
            description: description.clone(),
            allowed_ip_addresses: None,
            expires_at: None,
            created_by: Some(self.home.user),
        });
        match created {
            Ok(key) => driver.read(|engine| engine.cluster_token(key).secret.to_string()),
            Err(refused) => {
                slip!(
                    "Buildkite would not take the token `{description}` of cluster `{name}`: {refused}"
                )
            }
        }
    }

    /// Its agent tokens, oldest first.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// assert!(linux.tokens().is_empty());
    /// linux.add_token("Packet agents");
    /// assert_eq!(linux.tokens()[0].description, "Packet agents");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn tokens(&self) -> Vec<ClusterTokenRecord> {
        self.read(|engine, _| {
            let keys = engine.tokens_of(self.key).into_iter();
            keys.map(|key| {
                let token = engine.cluster_token(key);
                ClusterTokenRecord {
                    id: token.id,
                    description: token.description.clone(),
                    allowed_ip_addresses: token.allowed_ip_addresses.clone(),
                    expires_at: token.expires_at,
                }
            })
            .collect()
        })
    }

    /// The users who maintain it, in the order in which they became it. Teams may, too:
    /// [`maintaining_teams`](Self::maintaining_teams).
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// linux.add_maintainer(&fake.user());
    /// assert_eq!(linux.maintainers()[0].id(), fake.user_id());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn maintainers(&self) -> Vec<UserHandle> {
        let all = self.all_maintainers().into_iter();
        all.filter_map(|one| match one {
            Maintainer::User(user) => Some(UserHandle::new(self.tie.clone(), user)),
            Maintainer::Team(_) => None,
        })
        .collect()
    }

    /// The teams that maintain it, in the order in which they became it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// linux.add_maintaining_team(&fake.team("Platform").create());
    /// assert_eq!(linux.maintaining_teams()[0].name(), "Platform");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn maintaining_teams(&self) -> Vec<TeamHandle> {
        let all = self.all_maintainers().into_iter();
        all.filter_map(|one| match one {
            Maintainer::Team(team) => Some(TeamHandle::new(self.tie.clone(), self.home, team)),
            Maintainer::User(_) => None,
        })
        .collect()
    }

    /// Makes a user a maintainer of it.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// linux.add_maintainer(&fake.add_user("Ada", "ada@example.com"));
    /// linux.add_maintaining_team(&fake.team("Platform").create());
    /// assert_eq!(linux.maintainers()[0].name(), "Ada");
    /// assert_eq!(linux.maintaining_teams()[0].slug(), "platform");
    /// ```
    ///
    /// # Panics
    ///
    /// If they maintain it already, or are no member of its organization.
    #[track_caller]
    pub fn add_maintainer(&self, user: &UserHandle) {
        self.tie.must_be(&user.tie, || user.email());
        self.add(Maintainer::User(user.key), &user.email());
    }

    /// Makes a team a maintainer of it: see [`add_maintainer`](Self::add_maintainer).
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// linux.add_maintaining_team(&fake.team("Platform").create());
    /// assert_eq!(linux.maintaining_teams().len(), 1);
    /// assert!(linux.maintainers().is_empty(), "teams stand apart");
    /// ```
    ///
    /// # Panics
    ///
    /// If it maintains it already, or is of another organization.
    #[track_caller]
    pub fn add_maintaining_team(&self, team: &TeamHandle) {
        self.tie.must_be(&team.tie, || team.slug());
        self.add(Maintainer::Team(team.key), &team.slug());
    }

    #[track_caller]
    fn add(&self, maintainer: Maintainer, who: &str) {
        let name = self.name();
        let added = self.tie.driver().apply(AddMaintainer {
            cluster: self.key,
            maintainer,
        });
        if let Err(refused) = added {
            slip!("`{who}` does not become a maintainer of cluster `{name}`: {refused}");
        }
    }

    #[track_caller]
    fn all_maintainers(&self) -> Vec<Maintainer> {
        self.read(|engine, _| {
            let keys = engine.maintainers_of(self.key).into_iter();
            keys.map(|key| engine.maintenance(key).maintainer).collect()
        })
    }

    /// Deletes it with its queues and tokens. This handle leads nowhere then.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.cluster("Linux").create().delete();
    /// assert!(fake.clusters().is_empty());
    /// ```
    ///
    /// # Panics
    ///
    /// If a pipeline is in it, a build in it is not over, or an agent of a fixed fleet serves one of its queues.
    #[track_caller]
    pub fn delete(&self) {
        let name = self.name();
        let deleted = self.tie.driver().apply(DeleteCluster { cluster: self.key });
        let why = match deleted {
            Ok(()) => return,
            Err(DeleteClusterRefused::Pipelines) => "has pipelines",
            Err(DeleteClusterRefused::Builds) => "has builds that are not over",
            Err(DeleteClusterRefused::Agents) => "has agents",
        };
        slip!("cluster `{name}` {why}, and so is not deleted")
    }

    fn handle(&self, key: QueueKey) -> QueueHandle {
        QueueHandle {
            tie: self.tie.clone(),
            home: self.home,
            key,
        }
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Engine, &Cluster) -> T) -> T {
        let driver = self.tie.driver();
        let found = driver.read(|engine| Some(look(engine, engine.find_cluster(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!(
                "this cluster is gone: it was deleted, or the fake went back to before it was made"
            ),
        }
    }
}

/// `ClusterHandle(Linux)`.
impl fmt::Debug for ClusterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.tie.alive().and_then(|driver: Arc<Driver>| {
            driver.read(|engine| Some(engine.find_cluster(self.key)?.settings.name.to_string()))
        });
        write!(f, "ClusterHandle({})", name.as_deref().unwrap_or("gone"))
    }
}

/// An agent token of a cluster, as it was when it was looked at. Its value is told once, by what makes it.
///
/// ```
/// let fake = fake_buildkite::FakeBuildkite::start();
/// let linux = fake.cluster("Linux").create();
/// linux.add_token("Packet agents");
/// let token = &linux.tokens()[0];
/// assert_eq!((token.description.as_str(), token.expires_at), ("Packet agents", None));
/// assert_eq!(token.allowed_ip_addresses, None);
/// ```
///
/// Source: Buildkite docs, "Agent tokens".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterTokenRecord {
    /// Its id.
    pub id: ClusterTokenId,
    /// What it is for.
    pub description: String,
    /// From where it can be used, as it was given: ranges of addresses. None is from everywhere.
    pub allowed_ip_addresses: Option<String>,
    /// When it ends, if it does.
    pub expires_at: Option<DateTime<Utc>>,
}

impl PipelineBuilder {
    /// It is in this cluster, and so are its builds; in none unless a test says otherwise.
    ///
    /// Their command jobs wait in the queue that their `agents: {queue: …}` names, or else in the cluster's default
    /// queue. A build with a step that names a queue which is not there is refused, as Buildkite refuses such an
    /// upload. Without a default queue, jobs that name none wait until there is one.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").queue("deploy").create();
    /// let steps = "steps: [{command: make, key: make}, {command: ship, key: ship, agents: {queue: deploy}}]";
    /// let build = fake.pipeline("app").cluster(&linux).steps(steps).create_build();
    /// let queues = ["make", "ship"].map(|name| build.job(name).queue().unwrap().key());
    /// assert_eq!(queues, ["default", "deploy"]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the cluster belongs to another fake, or is gone.
    #[track_caller]
    pub fn cluster(mut self, cluster: &ClusterHandle) -> Self {
        self.tie
            .must_be(&cluster.tie, || format!("cluster `{}`", cluster.name()));
        cluster.read(|_, _| ());
        self.settings.cluster = Some(cluster.key);
        self
    }
}

impl PipelineHandle {
    /// The cluster it is in, if it is in one.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// let app = fake.pipeline("app").cluster(&linux).create();
    /// assert_eq!(app.cluster().unwrap().name(), "Linux");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn cluster(&self) -> Option<ClusterHandle> {
        let key = self.read(|_, pipeline| pipeline.settings.cluster)?;
        Some(ClusterHandle {
            tie: self.tie.clone(),
            home: self.home,
            key,
        })
    }
}
