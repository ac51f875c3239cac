//! The life of a world: its actions one after the other, and what is checked on the way.
//!
//! Elsewhere: what must always hold of the engine itself (`engine::invariants`).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::agent::{Machine, Newcomer, Offer};
use crate::engine::build::{BuildKey, is_over};
use crate::engine::cluster::{Affinity, ClusterKey, ClusterSettings, HostedCaches};
use crate::engine::commands::{
    AddMember, Answers, CreateCluster, CreatePipeline, CreateQueue, EnableTeams, Judge,
    TellScripts, UnblockJob, UpdateCluster,
};
use crate::engine::job::{Job, JobKey, State};
use crate::engine::judging::Question;
use crate::engine::pipeline::{PipelineKey, Settings};
use crate::engine::recipe::Source;
use crate::engine::table::Key as _;
use crate::engine::tests::actions::of;
use crate::engine::tests::world::{ClusterSpec, World};
use crate::engine::tests::yaml;
use crate::engine::{Command, Engine};
use crate::script::Scripts;
use crate::vocabulary::access::Access;
use crate::vocabulary::event::{Event, EventKind};
use crate::vocabulary::ids::{BuildId, JobId};
use crate::vocabulary::role::MemberRole;
use crate::vocabulary::states::{BuildState, JobState};

/// A world with more jobs than this is left alone: pipelines that trigger each other can make thousands.
const MANY_JOBS: u32 = 200;

/// A world that lives.
pub(super) struct Life<'w> {
    world: &'w World,
    pub(super) engine: Engine,
    pub(super) user: UserKey,
    /// The pipelines that are there, by their place in the world.
    pipelines: Vec<(usize, PipelineKey)>,
    /// While it is there.
    pub(super) cluster: Option<ClusterKey>,
    heard: Heard,
    log: Log<'w>,
    moves: u64,
}

/// What happened, in words, if somebody wants to know.
pub(super) type Log<'w> = Option<&'w mut Vec<String>>;

impl<'w> Life<'w> {
    pub(super) fn new(world: &'w World, log: Log<'w>) -> Self {
        let mut engine = Engine::new(world.seed, DateTime::UNIX_EPOCH, world.fleet.kind);
        let organization = engine.add_organization("acme", "Acme");
        let cluster = world
            .cluster
            .as_ref()
            .map(|spec| create_cluster(&mut engine, spec));
        for (n, (tags, priority)) in world.fleet.agents.iter().enumerate() {
            // Whatever its tags say.
            let member = world.cluster.as_ref().filter(|spec| spec.has_agent(n));
            let queue = member.and(cluster).and_then(|cluster| {
                let queues = engine.queues_of(cluster);
                queues.get(n % queues.len()).copied()
            });
            let offer = Offer {
                organization,
                queue,
                tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            };
            let name = format!("a{n}");
            engine.add_agent(Newcomer {
                machine: Machine::called(&name),
                name: name.into(),
                offer,
                priority: *priority,
            });
        }
        let user = engine.add_user("A", "a@example.com");
        let mut life = Self {
            world,
            engine,
            user,
            pipelines: Vec::new(),
            cluster,
            heard: Heard::default(),
            log,
            moves: 0,
        };
        for place in 0..world.pipelines.len() {
            life.create_pipeline(place);
        }
        life.enable_teams(organization);
        life
    }

    /// Everybody is in a team that has every pipeline, so that those that go are missed there.
    fn enable_teams(&mut self, organization: OrganizationKey) {
        let user = self.user;
        let role = MemberRole::Admin;
        let added = self.apply(AddMember {
            organization,
            user,
            role,
        });
        added.expect("a new member");
        let by = Some(user);
        let enabled = self.apply(EnableTeams { organization, by });
        enabled.expect("teams are in the plan");
    }

    /// Lives through all actions, with the invariants checked after each; returns how many of them there was something
    /// to do for.
    pub(super) fn live(&mut self) -> u64 {
        for action in &self.world.actions {
            if self.is_crowded() {
                break;
            }
            let before = self.engine.clone();
            action.carry_out(self);
            self.engine.check_changed(&before);
        }
        self.engine.check_invariants();
        self.heard.check(&self.engine);
        self.moves
    }

    /// Applies a command. One that is refused changes nothing.
    pub(super) fn apply<C: Command>(&mut self, command: C) -> Result<C::Output, C::Refused> {
        let before = self.engine.clone();
        match self.engine.apply(command) {
            Ok(applied) => {
                self.hear(&applied.events);
                self.answer_questions();
                Ok(applied.value)
            }
            Err(refused) => {
                self.engine.check_same(&before);
                if let Some(last) = self.log.as_mut().and_then(|log| log.last_mut()) {
                    last.push_str(" (refused)");
                }
                Err(refused)
            }
        }
    }

    pub(super) fn advance(&mut self, by: TimeDelta) {
        let target = self.engine.now() + by;
        while !self.is_crowded() {
            if !self.fire_next(target) {
                self.engine.wait_until(target);
                return;
            }
        }
    }

    pub(super) fn run_until_idle(&mut self) {
        let far = self.engine.now() + TimeDelta::days(60);
        while self.engine.timers().first_progress().is_some()
            && !self.is_crowded()
            && self.fire_next(far)
        {}
    }

    /// Runs until nothing is left to happen, a person letting every block and input step go on.
    pub(super) fn unblock_all(&mut self) {
        loop {
            self.run_until_idle();
            let mut jobs = self.engine.jobs.iter();
            let blocked = jobs.find(|(_, job)| job.state == State::Blocked);
            let Some(job) = blocked.map(|(key, _)| key) else {
                return;
            };
            drop(jobs);
            self.say(|life| format!("unblock {}", life.name_of_job(job)));
            let (by, answers) = (self.user, Answers::Defaults);
            let unblocked = self.apply(UnblockJob { job, by, answers });
            assert_eq!(unblocked, Ok(()), "a blocked job can be unblocked");
        }
    }

    /// Nothing is left to happen: every build has come to its end.
    ///
    /// But for those in which a job waits for its concurrency group, and those whose trigger jobs wait for these: a
    /// step that itself waits for a later one of its group keeps its place ahead of that one, and neither goes on.
    pub(super) fn check_over(&self) {
        if self.is_crowded() {
            return;
        }
        for build in self.engine.builds() {
            let state = self.engine.build(build).state;
            let waits = |(_, job): (JobKey, &Job)| {
                let goes_on = |build| !is_over(self.engine.build(build).state);
                let is_triggering = job.state == State::Running;
                job.state == State::Limited
                    || is_triggering && job.triggered_build.is_some_and(goes_on)
            };
            assert!(
                is_over(state) || self.engine.jobs_of(build).any(waits),
                "{} stays {state}",
                self.engine.build_ref(build)
            );
        }
    }

    fn fire_next(&mut self, until: DateTime<Utc>) -> bool {
        let before = self.engine.clone();
        let mut events = Vec::new();
        if self.engine.fire_next(until, &mut events).is_none() {
            return false;
        }
        assert!(self.engine.now() >= before.now(), "time does not go back");
        self.hear(&events);
        self.engine.check_changed(&before);
        self.answer_questions();
        true
    }

    /// As the driver does: before anything else happens.
    fn answer_questions(&mut self) {
        while let Some(question) = self.engine.question() {
            let verdict = question.predicate.holds(&question.view);
            let Question { job, rule, .. } = question;
            let before = self.engine.clone();
            let Ok(applied) = self.engine.apply(Judge { job, rule, verdict });
            self.hear(&applied.events);
            self.engine.check_changed(&before);
        }
    }

    fn is_crowded(&self) -> bool {
        self.engine.jobs.next_key().row() > MANY_JOBS
    }

    fn create_pipeline(&mut self, place: usize) {
        let spec = &self.world.pipelines[place];
        let (organization, _) = self.engine.organizations().next().expect("one");
        let member = self.world.cluster.as_ref();
        let member = member.filter(|cluster| cluster.has_pipeline(place));
        let settings = Settings {
            cluster: member.and(self.cluster),
            ..spec.settings()
        };
        let created = self.apply(CreatePipeline {
            organization,
            name: yaml::name_of(place, 0),
            slug: None,
            settings,
            steps: Source::Yaml(spec.yaml(place)),
            env: Vec::new(),
            access: Access::ManageBuildAndRead,
            teams: Vec::new(),
            created_by: None,
        });
        let key = created.unwrap_or_else(|refused| panic!("{refused:?}"));
        let Ok(()) = self.apply(TellScripts {
            pipeline: key,
            tell: |scripts: &mut Scripts| spec.tell(scripts),
        });
        self.pipelines.push((place, key));
    }

    /// One that was deleted comes back; one that is there is refused.
    pub(super) fn create_pipeline_again(&mut self, pick: u16) {
        let places: Vec<_> = (0..self.world.pipelines.len()).collect();
        let Some(place) = of(&places, pick) else {
            return;
        };
        self.say(|_| format!("create {}", yaml::name_of(place, 0)));
        if !self.pipelines.iter().any(|(known, _)| *known == place) {
            self.create_pipeline(place);
            return;
        }
        // Its name is free again if it was renamed meanwhile.
        let before = self.engine.clone();
        let (organization, _) = self.engine.organizations().next().expect("one");
        let again = self.apply(CreatePipeline {
            organization,
            name: yaml::name_of(place, 0),
            slug: None,
            settings: self.world.pipelines[place].settings(),
            steps: Source::Yaml("steps: []".to_owned()),
            env: Vec::new(),
            access: Access::ManageBuildAndRead,
            teams: Vec::new(),
            created_by: None,
        });
        let name = yaml::name_of(place, 0);
        let is_free = before
            .pipelines
            .iter()
            .all(|(_, pipeline)| pipeline.name != name && *pipeline.slug != name);
        assert_eq!(again.is_ok(), is_free, "a name is used once");
        if let Ok(key) = again {
            self.pipelines.push((place, key));
        }
    }

    pub(super) fn pick_pipeline(&self, pick: u16) -> Option<(String, PipelineKey)> {
        let (place, key) = of(&self.pipelines, pick)?;
        Some((yaml::name_of(place, 0), key))
    }

    /// A pipeline was deleted.
    pub(super) fn forget(&mut self, pipeline: PipelineKey) {
        self.pipelines.retain(|(_, known)| *known != pipeline);
        self.heard.forget(&self.engine);
    }

    fn hear(&mut self, events: &[Event]) {
        self.heard.hear(events);
        // An upload may have replaced steps, and no event tells of that.
        let is_upload = |event: &Event| matches!(event.kind, EventKind::PipelineUploaded { .. });
        if events.iter().any(is_upload) {
            self.heard.forget(&self.engine);
        }
    }

    /// The file of a pipeline of the world, its keys beginning with a number.
    pub(super) fn file(&self, pick: u16, first: usize) -> Option<String> {
        let places: Vec<_> = (0..self.world.pipelines.len()).collect();
        let place = of(&places, pick)?;
        Some(self.world.pipelines[place].yaml_from(place, first))
    }

    /// Something is going to happen.
    pub(super) fn say(&mut self, what: impl FnOnce(&Self) -> String) {
        self.moves += 1;
        let text = self.log.is_some().then(|| what(self));
        if let Some(log) = &mut self.log {
            log.extend(text);
        }
    }

    pub(super) fn name_of_build(&self, build: BuildKey) -> String {
        self.engine.build_ref(build).to_string()
    }

    pub(super) fn name_of_job(&self, job: JobKey) -> String {
        self.engine.job_ref(job).to_string()
    }
}

/// The cluster of a world, which nobody has heard of yet.
fn create_cluster(engine: &mut Engine, spec: &ClusterSpec) -> ClusterKey {
    let (organization, _) = engine.organizations().next().expect("one");
    let settings = ClusterSettings {
        name: "c".into(),
        description: None,
        emoji: None,
        color: None,
    };
    let created = engine.apply(CreateCluster {
        organization,
        settings: settings.clone(),
        maintainers: Vec::new(),
        created_by: None,
    });
    let cluster = created.expect("a cluster").value;
    for key in spec.queues {
        let created = engine.apply(create_queue(cluster, key));
        let _ = created.expect("a queue");
    }
    if spec.has_default {
        let first = engine.queues_of(cluster)[0];
        let updated = engine.apply(UpdateCluster {
            cluster,
            settings,
            default_queue: Some(engine.cluster_queue(first).id),
            caches: HostedCaches::default(),
        });
        let _ = updated.expect("a default queue");
    }
    cluster
}

pub(super) fn create_queue(cluster: ClusterKey, key: &str) -> CreateQueue {
    CreateQueue {
        cluster,
        key: key.into(),
        description: None,
        affinity: Some(Affinity::PreferDifferent),
        hosted: None,
        created_by: None,
    }
}

/// What the events have told so far.
#[derive(Default)]
struct Heard {
    builds: BTreeMap<BuildId, BuildState>,
    jobs: BTreeMap<JobId, JobState>,
}

impl Heard {
    /// An event says what changed, never that nothing did, and begins where the one before it ended.
    fn hear(&mut self, events: &[Event]) {
        for event in events {
            match &event.kind {
                EventKind::Build { build, from, to } => {
                    assert_ne!(*from, Some(*to), "{event}");
                    assert_eq!(self.builds.insert(build.id, *to), *from, "{event}");
                }
                EventKind::Job { job, from, to } => {
                    assert_ne!(*from, Some(*to), "{event}");
                    assert_ne!(*to, JobState::Limited, "{event}");
                    assert_eq!(self.jobs.insert(job.id, *to), *from, "{event}");
                }
                EventKind::PipelineUploaded { .. }
                | EventKind::PromisedFailure { .. }
                | EventKind::ArtifactUploaded { .. }
                | EventKind::Annotated { .. }
                | EventKind::Notification { .. }
                | EventKind::ScheduleFired { .. }
                | EventKind::ScheduleFailed { .. }
                | EventKind::QueuePaused { .. }
                | EventKind::QueueResumed { .. }
                | EventKind::Agent { .. }
                | EventKind::AgentPaused { .. }
                | EventKind::AgentResumed { .. }
                | EventKind::WebhookDelivered { .. }
                | EventKind::WebhookFailed { .. }
                | EventKind::Fault { .. } => {}
            }
        }
    }

    fn forget(&mut self, engine: &Engine) {
        let builds: Vec<_> = engine.builds().map(|key| engine.build(key).id).collect();
        self.builds.retain(|id, _| builds.contains(id));
        self.jobs.retain(|id, _| engine.job_by_id(*id).is_some());
    }

    /// The events told everything there is to see.
    fn check(&self, engine: &Engine) {
        let builds = engine.builds().map(|key| engine.build(key));
        let builds: BTreeMap<_, _> = builds.map(|build| (build.id, build.state)).collect();
        assert_eq!(self.builds, builds, "the builds that events tell of");
        let jobs = engine.builds().flat_map(|build| engine.jobs_of(build));
        let jobs: BTreeMap<_, _> = jobs
            .map(|(_, job)| (job.id, job.state.reported()))
            .collect();
        assert_eq!(self.jobs, jobs, "the jobs that events tell of");
    }
}
