//! The machine: everything that is true in the fake, and the only code that changes it.
//!
//! Commands come in through [`Engine::apply`], time through [`Engine::fire_next`]; what happened comes out as events.
//! Both end in `settle`, which carries out every consequence before they return, so that nobody outside ever sees a
//! half-finished change. The engine asks nobody what time it is: `now` is part of its state and moves only when told.
//!
//! Every table is persistent, so a clone is a snapshot and costs nothing.
//!
//! The map:
//!
//! - What there is: [`account`] says who may ask and [`team`] who sees what; [`pipeline`] with its [`provider`],
//!   [`cluster`], [`schedule`], [`build`], [`job`], [`agent`], [`artifact`], [`annotation`] (in [`markdown`]), [`log`],
//!   [`step_upload`], [`webhook`].
//! - How it is kept: [`table`] stores, [`finding`] finds, [`timers`] is what is due.
//! - How a build comes to be: [`recipe`] is what it is made of, [`admission`] which are, [`intermediate`] what it does
//!   to older ones; [`facts`] is what conditions may know, [`expand`] which jobs its steps become; [`grow`] gives it
//!   steps and [`replace`] takes them; [`plan`] says what waits for what, and [`graph`] when a step may go on.
//! - How it goes on: [`change`] makes one job's transition and what belongs to it, [`settle`] follows the consequences,
//!   of which [`trigger`] makes builds; [`tally`] counts, [`catalog`] knows which builds have what.
//! - Who runs jobs: [`fleet`] is how agents come and go, [`concurrency`] whose turn it is, [`dispatch`] which agent
//!   gets which job; [`attempts`] says by which script it goes, [`judging`] if a test is asked, [`environment`] what
//!   its command finds, [`acts`] what that does meanwhile.
//! - Who hears of it: [`notify`] is who would be told, [`webhook`] who is.
//! - From outside: [`commands`] is what can be asked for and [`looks`] what can be looked at; `invariants` is what
//!   must hold whenever somebody looks.

pub(crate) mod account;
pub(crate) mod acts;
pub(crate) mod admission;
pub(crate) mod agent;
pub(crate) mod annotation;
pub(crate) mod artifact;
mod attempts;
pub(crate) mod build;
pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod cluster;
pub(crate) mod commands;
pub(crate) mod concurrency;
mod dispatch;
mod environment;
pub(crate) mod expand;
mod facts;
mod finding;
mod fleet;
pub(crate) mod graph;
mod grow;
mod intermediate;
#[cfg(any(test, fuzzing))]
mod invariants;
pub(crate) mod job;
pub(crate) mod judging;
pub(crate) mod log;
mod looks;
pub(crate) mod markdown;
mod notify;
pub(crate) mod pipeline;
mod plan;
pub(crate) mod provider;
pub(crate) mod recipe;
mod replace;
pub(crate) mod schedule;
mod settle;
pub(crate) mod step_upload;
pub(crate) mod table;
mod tally;
pub(crate) mod team;
#[cfg(test)]
mod tests;
pub(crate) mod timers;
mod trigger;
pub(crate) mod webhook;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::engine::account::{Organization, OrganizationKey, Token, TokenKey, User, UserKey};
use crate::engine::acts::Plan;
use crate::engine::agent::{Agent, AgentKey, Fleet, Idle, Roster};
use crate::engine::annotation::{Annotation, AnnotationKey};
use crate::engine::artifact::{Artifact, ArtifactKey};
use crate::engine::build::{Build, BuildKey, Progress};
use crate::engine::catalog::Catalog;
use crate::engine::change::Expiry;
use crate::engine::cluster::Clusters;
use crate::engine::concurrency::{GroupKey, Place};
use crate::engine::dispatch::Turn;
use crate::engine::finding::{Belongings, ById};
use crate::engine::job::{Job, JobKey};
use crate::engine::judging::Judging;
use crate::engine::log::{Log, LogForm};
use crate::engine::pipeline::{Activity, Pipeline, PipelineKey};
use crate::engine::schedule::{Schedule, ScheduleKey};
use crate::engine::settle::Agenda;
use crate::engine::step_upload::StepUploads;
use crate::engine::table::Table;
use crate::engine::team::Teams;
use crate::engine::timers::{Timer, Timers};
use crate::engine::webhook::{Notice, Webhook, WebhookKey};
use crate::persistent::Index;
use crate::script::Scripts;
use crate::vocabulary::event::{Event, EventKind};
use crate::vocabulary::ids::{self, AnnotationId, ArtifactId, JobId, Kind, ScheduleId};
use crate::vocabulary::webhook::WebhookEvents;

/// How many jobs a build can have where limits are enforced: 4,000.
/// Source: Buildkite docs, "Platform limits".
const MOST_JOBS: usize = 4_000;

/// How many jobs a build can have in any case.
/// Chosen: it keeps uploads in a circle from filling the memory.
const MOST_JOBS_AT_ALL: usize = 100_000;

/// What came of a command.
#[must_use = "the events must reach the journal"]
#[derive(Debug)]
pub(crate) struct Applied<T> {
    pub(crate) value: T,
    pub(crate) events: Vec<Event>,
}

/// Something that can be asked of the engine. It checks everything first and changes nothing if it refuses.
pub(crate) trait Command {
    type Output;
    type Refused;

    fn apply(self, engine: &mut Engine) -> Result<Self::Output, Self::Refused>;
}

/// The world.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    seed: u64,
    now: DateTime<Utc>,
    /// How often anything was changed: two engines of one history with the same number are the same.
    revision: u64,
    organizations: Table<OrganizationKey, Organization>,
    users: Table<UserKey, User>,
    tokens: Table<TokenKey, Token>,
    teams: Teams,
    pipelines: Table<PipelineKey, Pipeline>,
    /// Row for row beside the pipelines.
    activity: Table<PipelineKey, Activity>,
    /// Row for row beside the pipelines: the test's own, and no part of what Buildkite shows.
    scripts: Table<PipelineKey, Scripts>,
    slugs: Index<(OrganizationKey, Arc<str>), PipelineKey>,
    builds: Table<BuildKey, Build>,
    /// Row for row beside the builds.
    progress: Table<BuildKey, Progress>,
    /// The builds that are not over, so that what looks for work does not look through history.
    open: Belongings<PipelineKey, BuildKey>,
    catalog: Catalog,
    jobs: Table<JobKey, Job>,
    job_ids: ById<JobId, JobKey>,
    /// Of the jobs that have printed something.
    logs: Index<JobKey, Log>,
    /// What the commands that run will still do, and how they will end.
    plans: Index<JobKey, Plan>,
    judging: Judging,
    /// How often the builds of jobs that wait for polls have to be shown until they go on.
    polls: Index<JobKey, u32>,
    agents: Table<AgentKey, Agent>,
    idle: Idle,
    roster: Roster,
    fleet: Fleet,
    /// Jobs that no agent could take yet, in the order in which they are offered.
    queue: Index<Turn, ()>,
    timers: Timers,
    schedules: Table<ScheduleKey, Schedule>,
    schedule_ids: ById<ScheduleId, ScheduleKey>,
    /// Which schedules a pipeline has, in the order of their creation.
    schedules_by_pipeline: Belongings<PipelineKey, ScheduleKey>,
    /// Schedules whose next attempt fails with this message: the test's own, as scripts are.
    ordered_failures: Index<ScheduleKey, Arc<str>>,
    /// Who is in a concurrency group, in the order of its queue.
    groups: Index<GroupKey, Index<Place, ()>>,
    webhooks: Table<WebhookKey, Webhook>,
    /// What any of them wants to be told of.
    wishes: WebhookEvents,
    artifacts: Table<ArtifactKey, Artifact>,
    artifact_ids: ById<ArtifactId, ArtifactKey>,
    /// Which artifacts the jobs of a build have, in the order of their upload.
    artifacts_by_build: Belongings<BuildKey, ArtifactKey>,
    annotations: Table<AnnotationKey, Annotation>,
    annotation_ids: ById<AnnotationId, AnnotationKey>,
    /// Which annotations a build and its jobs have, in the order of their creation.
    annotations_by_build: Belongings<BuildKey, AnnotationKey>,
    step_uploads: StepUploads,
    clusters: Clusters,
    /// How many trigger jobs failed because too many builds were triggered at once.
    not_triggered: usize,
    steps_created: u64,
    /// Whether the platform's documented limits hold, which not every organization is held to.
    enforces_limits: bool,
    expiry: Expiry,
    log_form: LogForm,
    agenda: Agenda,
    events: Vec<Event>,
    /// What there is to tell webhooks, oldest first.
    notices: Vec<Notice>,
}

impl Engine {
    pub(crate) fn new(seed: u64, now: DateTime<Utc>, fleet: Fleet) -> Self {
        Self {
            seed,
            now,
            revision: 0,
            organizations: Table::new(),
            users: Table::new(),
            tokens: Table::new(),
            teams: Teams::new(),
            pipelines: Table::new(),
            activity: Table::new(),
            scripts: Table::new(),
            slugs: Index::new(),
            builds: Table::new(),
            progress: Table::new(),
            open: Belongings::new(),
            catalog: Catalog::new(),
            jobs: Table::new(),
            job_ids: ById::new(),
            logs: Index::new(),
            plans: Index::new(),
            judging: Judging::new(),
            polls: Index::new(),
            agents: Table::new(),
            idle: Idle::new(),
            roster: Roster::new(),
            fleet,
            queue: Index::new(),
            timers: Timers::new(),
            schedules: Table::new(),
            schedule_ids: ById::new(),
            schedules_by_pipeline: Belongings::new(),
            ordered_failures: Index::new(),
            groups: Index::new(),
            webhooks: Table::new(),
            wishes: WebhookEvents::NONE,
            artifacts: Table::new(),
            artifact_ids: ById::new(),
            artifacts_by_build: Belongings::new(),
            annotations: Table::new(),
            annotation_ids: ById::new(),
            annotations_by_build: Belongings::new(),
            step_uploads: StepUploads::new(),
            clusters: Clusters::new(),
            not_triggered: 0,
            steps_created: 0,
            enforces_limits: false,
            expiry: Expiry::Exact,
            log_form: LogForm::default(),
            agenda: Agenda::default(),
            events: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Carries out a command and everything that follows from it at this instant.
    pub(crate) fn apply<C: Command>(
        &mut self,
        command: C,
    ) -> Result<Applied<C::Output>, C::Refused> {
        let value = command.apply(self)?;
        self.revision += 1;
        self.settle();
        Ok(Applied {
            value,
            events: std::mem::take(&mut self.events),
        })
    }

    /// Fires the next timer that is due at or before `until`, at its own instant. `None` if there is none; the clock
    /// has not moved then. What happened comes behind the events that are there.
    pub(crate) fn fire_next(
        &mut self,
        until: DateTime<Utc>,
        events: &mut Vec<Event>,
    ) -> Option<Timer> {
        let (key, timer) = self.timers.first().filter(|(key, _)| key.due <= until)?;
        self.now = self.now.max(key.due);
        self.timers.disarm(key);
        self.revision += 1;
        self.fire(timer);
        self.settle();
        events.append(&mut self.events);
        Some(timer)
    }

    /// Lets time pass in which nothing is due.
    pub(crate) fn wait_until(&mut self, instant: DateTime<Utc>) {
        assert!(
            self.timers.first().is_none_or(|(key, _)| key.due > instant),
            "due timers fire before time passes them"
        );
        assert!(instant >= self.now, "time does not go back");
        self.now = instant;
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The instant `by` from now, or the last one there is: whatever a test says, arming a timer never fails.
    pub(crate) fn after(&self, by: TimeDelta) -> DateTime<Utc> {
        self.now
            .checked_add_signed(by)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// For who changes something of it without a command.
    pub(crate) fn revise(&mut self) {
        self.revision += 1;
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    // --- Setting up --------------------------------------------------------------------------------------------------

    pub(crate) fn enforce_limits(&mut self) {
        self.enforces_limits = true;
    }

    pub(crate) fn expire_hourly(&mut self) {
        self.expiry = Expiry::Hourly;
    }

    /// How many jobs a build can have, retries included.
    pub(crate) fn most_jobs(&self) -> usize {
        if self.enforces_limits {
            MOST_JOBS
        } else {
            MOST_JOBS_AT_ALL
        }
    }

    fn mint<K: table::Key>(&self, kind: Kind, key: K) -> Uuid {
        ids::mint(self.seed, kind, u64::from(key.row()), self.now)
    }

    fn record(&mut self, kind: EventKind) {
        self.events.push(Event { at: self.now, kind });
    }
}
