//! Agents to be, of a fixed fleet.

use crate::engine::Engine;
use crate::engine::account::OrganizationKey;
use crate::engine::agent::{self, Machine, Newcomer, Offer};
use crate::engine::cluster::QueueKey;
use crate::engine::commands::ConnectAgent;
use crate::fake::choices::listed;
use crate::fake::cluster::queue_from_the_start;
use crate::fake::{AgentHandle, FakeBuildkite, Home};
use crate::vocabulary::slip::{slip, slip_unless};

/// An agent of a fixed fleet, made by [`agent`](fn@agent).
///
/// ```
/// use fake_buildkite::{Agents, FakeBuildkite, agent};
///
/// let mac = agent("mac")
///     .tags(["queue=ios"])
///     .priority(5)
///     .hostname("mac.local")
///     .ip_address("192.0.2.7")
///     .version("3.115.0")
///     .platform("darwin", "arm64")
///     .user_agent("my-agent/1.0");
/// let fake = FakeBuildkite::builder().agents(Agents::fleet([mac])).start();
/// assert_eq!((fake.agent("mac").queue(), fake.agent("mac").hostname()), ("ios".to_owned(), "mac.local".to_owned()));
///
/// let url = format!("{}organizations/acme/agents", fake.api_url());
/// let list = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
/// let shown = &list.json::<serde_json::Value>().unwrap()[0];
/// assert_eq!((&shown["ip_address"], &shown["version"]), (&"192.0.2.7".into(), &"3.115.0".into()));
/// assert_eq!((&shown["user_agent"], &shown["priority"]), (&"my-agent/1.0".into(), &5.into()));
/// ```
///
/// Source: Buildkite docs, "Agents API", section "Agent data model"; "buildkite-agent start" for what an agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an agent works once it is in a fleet"]
pub struct AgentSpec {
    name: String,
    tags: Vec<String>,
    slots: u32,
    priority: Option<i64>,
    organization: Option<String>,
    /// A cluster and a queue of it.
    queue: Option<(String, String)>,
    machine: Machine,
}

/// An agent for [`Agents::fleet`](crate::Agents::fleet), or for [`FakeBuildkite::connect_agent`]: one slot, no tags,
/// and so in the queue `default`.
///
/// ```
/// use fake_buildkite::{Agents, FakeBuildkite, JobState, agent, seconds};
///
/// let fleet = Agents::fleet([agent("deployer").tags(["queue=deploy"]).slots(1)]);
/// let fake = FakeBuildkite::builder().agents(fleet).start();
/// let steps = "steps: [{command: a, key: a, agents: {queue: deploy}}, {command: b, key: b, agents: {queue: deploy}}]";
/// let build = fake.pipeline("app").steps(steps).create_build();
/// fake.advance(seconds(5));
/// assert_eq!(build.job("a").state(), JobState::Running);
/// assert_eq!(build.job("b").state(), JobState::Scheduled, "the one agent is busy");
/// fake.run_until_idle();
/// assert_eq!(build.job("b").state(), JobState::Passed);
/// ```
pub fn agent(name: impl Into<String>) -> AgentSpec {
    let name = name.into();
    AgentSpec {
        machine: Machine::called(&name),
        name,
        tags: Vec::new(),
        slots: 1,
        priority: None,
        organization: None,
        queue: None,
    }
}

impl AgentSpec {
    /// Its tags, each `key=value`. A job goes to an agent whose tags match all of its query rules.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// How many jobs it runs at once: that many agents are spawned, `name-1`, `name-2` and so on.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("box").slots(2)])).start();
    /// let names: Vec<_> = fake.agents().iter().map(|agent| agent.name()).collect();
    /// assert_eq!(names, ["box-1", "box-2"]);
    /// ```
    pub fn slots(mut self, count: u32) -> Self {
        self.slots = count;
        self
    }

    /// Between agents that fit, the one with the higher priority is asked first; one without comes last.
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = Some(priority);
        self
    }

    /// The slug of the organization whose jobs it runs: the first one unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent};
    ///
    /// let fleet = Agents::fleet([agent("ours"), agent("theirs").organization("initech")]);
    /// let fake = FakeBuildkite::builder().organization("acme").organization("initech").agents(fleet).start();
    /// assert_eq!(fake.agent("theirs").organization(), "initech");
    /// ```
    pub fn organization(mut self, slug: impl Into<String>) -> Self {
        self.organization = Some(slug.into());
        self
    }

    /// It serves this queue of this cluster and no other, and is outside of clusters otherwise. In a fleet that a fake
    /// starts with, both are there from the start: the cluster's first queue is its default queue, as with
    /// [`FakeBuildkite::cluster`].
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, JobState, agent, minutes};
    ///
    /// let fleet = Agents::fleet([agent("mac-mini").cluster_queue("Macs", "default")]);
    /// let fake = FakeBuildkite::builder().agents(fleet).start();
    /// let macs = fake.existing_cluster("Macs");
    /// let inside = fake.pipeline("inside").cluster(&macs).steps("steps: [{command: make, key: make}]").create_build();
    /// let outside = fake.pipeline("outside").steps("steps: [{command: make, key: make}]").create_build();
    /// fake.advance(minutes(1));
    /// assert_eq!(inside.job("make").state(), JobState::Passed);
    /// assert_eq!(outside.job("make").state(), JobState::Scheduled);
    /// ```
    pub fn cluster_queue(mut self, cluster: impl Into<String>, queue: impl Into<String>) -> Self {
        self.queue = Some((cluster.into(), queue.into()));
        self
    }

    /// The name of the machine it runs on: its own name unless a test says otherwise.
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.machine.hostname = hostname.into();
        self
    }

    /// The address it connects from: `127.0.0.1` unless a test says otherwise.
    pub fn ip_address(mut self, ip_address: impl Into<String>) -> Self {
        self.machine.ip_address = ip_address.into();
        self
    }

    /// The version of the agent, such as `3.115.0`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.machine.version = version.into();
        self
    }

    /// The system and the architecture it runs on: `linux` and `amd64` unless a test says otherwise.
    pub fn platform(mut self, os_id: impl Into<String>, arch: impl Into<String>) -> Self {
        self.machine.os_id = os_id.into();
        self.machine.arch = arch.into();
        self
    }

    /// What it says it is, instead of `buildkite-agent/3.115.0 (linux; amd64)` with its own version and platform.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.machine.user_agent = Some(user_agent.into());
        self
    }

    /// Connects as a part of the fleet that a fake starts with.
    ///
    /// # Panics
    ///
    /// If there is no such organization.
    #[track_caller]
    pub(super) fn connect(self, engine: &mut Engine, home: Home) {
        let organization = self.organization_in(engine, home);
        let home = Home {
            organization,
            ..home
        };
        let named = self.queue.as_ref();
        let queue = named.map(|(cluster, key)| queue_from_the_start(engine, home, cluster, key));
        for newcomer in self.newcomers(organization, queue) {
            engine.add_agent(newcomer);
        }
    }

    #[track_caller]
    fn organization_in(&self, engine: &Engine, home: Home) -> OrganizationKey {
        let Some(slug) = &self.organization else {
            return home.organization;
        };
        engine.organization_by_slug(slug).unwrap_or_else(|| {
            let known = engine.organizations().map(|(_, known)| &known.slug);
            slip!(
                "no organization `{slug}` for the agent `{}`; this fake has {}",
                self.name,
                listed(known)
            )
        })
    }

    /// One for each slot.
    fn newcomers(self, organization: OrganizationKey, queue: Option<QueueKey>) -> Vec<Newcomer> {
        let mut tags = self.tags;
        if let Some((_, key)) = &self.queue {
            // In a cluster an agent is in one queue.
            tags.retain(|tag| !agent::is_queue(tag));
            tags.insert(0, format!("queue={key}"));
        }
        let offer = Offer {
            organization,
            queue,
            tags: tags.into(),
        };
        let newcomer = |slot| Newcomer {
            name: match self.slots {
                1 => self.name.as_str().into(),
                _ => format!("{}-{slot}", self.name).into(),
            },
            offer: offer.clone(),
            priority: self.priority,
            machine: self.machine.clone(),
        };
        (1..=self.slots).map(newcomer).collect()
    }
}

impl FakeBuildkite {
    /// One more agent connects, to a fake with a [fixed fleet](crate::Agents::fleet).
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, JobState, agent, minutes};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([])).start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// fake.advance(minutes(10));
    /// assert_eq!(build.job("test").state(), JobState::Scheduled, "there is nobody");
    /// let late = fake.connect_agent(agent("late"));
    /// assert_eq!(build.job("test").state(), JobState::Running);
    /// assert_eq!(late.job().unwrap().id(), build.job("test").id());
    /// ```
    ///
    /// # Panics
    ///
    /// If the fleet of this fake is not fixed, if there is no such organization or no such queue of a cluster, or if
    /// the agent has not exactly one slot.
    #[track_caller]
    pub fn connect_agent(&self, spec: AgentSpec) -> AgentHandle {
        slip_unless!(
            self.driver.read(Engine::has_fixed_fleet),
            "no agent `{}` can connect: the fleet of this fake is not fixed; start it with `.agents(Agents::fleet([..]))`",
            spec.name
        );
        slip_unless!(
            spec.slots == 1,
            "agents connect one by one: `{}` has {} slots",
            spec.name,
            spec.slots
        );
        let organization = self
            .driver
            .read(|engine| spec.organization_in(engine, self.home));
        let named = spec.queue.as_ref();
        let queue = named.map(|(cluster, key)| self.cluster_queue_in(organization, cluster, key));
        let newcomer = spec.newcomers(organization, queue).remove(0);
        let Ok(key) = self.driver.apply(ConnectAgent { newcomer });
        AgentHandle::new(self.tie(), self.home, key)
    }
}
