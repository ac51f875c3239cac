//! Jobs as JSON, one shape for each type.
//!
//! Source: Buildkite docs, "Jobs API"; key order from recorded responses.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use uuid::Uuid;

use crate::engine::agent::AgentKey;
use crate::engine::build::BuildKey;
use crate::engine::concurrency::concurrency_wait;
use crate::engine::job::{Job, JobKey, RetryType, State};
use crate::engine::table::Key as _;
use crate::pipeline::{CommandStep, Step, TriggerStep};
use crate::vocabulary::ids::Kind;
use crate::vocabulary::states::{JobState, JobType, SignalReason};
use crate::wire::account::UserJson;
use crate::wire::agent;
use crate::wire::cluster::Place;
use crate::wire::shelf::{Part, Piece, Runs};
use crate::wire::text::{Text, json};
use crate::wire::{Audience, Pairs, Time, View, Waiters, graphql_id};

/// A command step's job: which one it is.
#[derive(Debug, Serialize)]
struct IdentityJson<'e> {
    id: Uuid,
    graphql_id: String,
    r#type: &'static str,
    name: Option<&'e str>,
    step_key: Option<&'e str>,
    group_key: Option<&'e str>,
    step: StepJson,
    priority: PriorityJson,
    agent_query_rules: &'e [String],
}

/// Where it is looked at, and what it runs.
#[derive(Debug, Serialize)]
struct AddressesJson<'e> {
    build_url: String,
    web_url: String,
    log_url: String,
    raw_log_url: String,
    artifacts_url: String,
    command: Option<&'e str>,
}

/// How it ended, or will.
#[derive(Debug, Serialize)]
struct EndJson<'e> {
    soft_failed: bool,
    exit_status: Option<i32>,
    signal: Option<&'e str>,
    signal_reason: Option<&'static str>,
    broken_reason: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promised_exit_status: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promised_exit_status_at: Option<Time>,
}

/// How it began.
#[derive(Debug, Serialize)]
struct BeginningJson<'e> {
    artifact_paths: Option<&'e str>,
    created_at: Time,
    scheduled_at: Time,
}

/// What became of it.
#[derive(Debug, Serialize)]
struct CourseJson<'e> {
    runnable_at: Option<Time>,
    concurrency_wait_time_ms: Option<i64>,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    expired_at: Option<Time>,
    retried: bool,
    retried_in_job_id: Option<Uuid>,
    retries_count: Option<u32>,
    retry_source: Option<RetrySourceJson<'e>>,
    retry_type: Option<&'static str>,
}

/// Which of several jobs of its step it is.
#[derive(Debug, Serialize)]
struct VariantJson<'e> {
    parallel_group_index: Option<u32>,
    parallel_group_total: Option<u32>,
    matrix: Option<Pairs<'e>>,
}

/// Where it runs.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "Buildkite's names")]
struct PlacesJson {
    cluster_id: Option<Uuid>,
    cluster_url: Option<String>,
    cluster_queue_id: Option<Uuid>,
    cluster_queue_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct StepJson {
    id: Uuid,
    signature: Option<()>,
}

#[derive(Debug, Serialize)]
struct PriorityJson {
    number: i64,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RetrySourceJson<'e> {
    Rest {
        job_id: Uuid,
        retry_type: &'static str,
    },
    /// Who asked for it only webhooks say.
    Webhook {
        job_id: Uuid,
        retry_type: &'static str,
        retried_by: Option<RetrierJson<'e>>,
    },
}

#[derive(Debug, Serialize)]
struct RetrierJson<'e> {
    name: &'e str,
    email: &'e str,
}

impl<'e> RetrySourceJson<'e> {
    fn new(view: &View<'e>, old: JobKey, kind: RetryType) -> Self {
        let old = view.engine.job(old);
        let (job_id, retry_type) = (old.id.0, kind.word());
        match view.audience {
            Audience::Rest => Self::Rest { job_id, retry_type },
            Audience::Webhook(_) => {
                let by = old.retried.and_then(|retried| retried.by);
                let by = by.map(|user| view.engine.user(user));
                Self::Webhook {
                    job_id,
                    retry_type,
                    retried_by: by.map(|user| RetrierJson {
                        name: &user.name,
                        email: &user.email,
                    }),
                }
            }
        }
    }
}

/// A wait step's job: recorded ones hold nothing but who they are.
#[derive(Debug, Serialize)]
struct WaiterJson {
    id: Uuid,
    graphql_id: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

/// A block or input step's job.
#[derive(Debug, Serialize)]
struct ManualJson<'e> {
    id: Uuid,
    graphql_id: String,
    r#type: &'static str,
    label: &'e str,
    state: &'static str,
    step_key: Option<&'e str>,
    web_url: Option<()>,
    unblocked_by: Option<UserJson<'e>>,
    unblocked_at: Option<Time>,
    unblockable: bool,
    unblock_url: String,
}

/// A trigger step's job.
#[derive(Debug, Serialize)]
struct TriggerJson<'e> {
    id: Uuid,
    graphql_id: String,
    r#type: &'static str,
    name: Option<&'e str>,
    state: &'static str,
    r#async: bool,
    step_key: Option<&'e str>,
    build_url: String,
    web_url: String,
    created_at: Time,
    scheduled_at: Time,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    runnable_at: Option<Time>,
    triggered_build: Option<TriggeredBuildJson>,
    soft_failed: bool,
}

/// The build a trigger job made.
///
/// Chosen: whoever sees the job is told of the build, seen or not, as its id, number and address are of the job's own step;
/// the address answers 404 to those who do not see it. So it is with `triggered_from` on the other side, of which the
/// build's own environment tells as much.
#[derive(Debug, Serialize)]
struct TriggeredBuildJson {
    id: Uuid,
    number: u64,
    url: String,
    web_url: String,
}

impl TriggeredBuildJson {
    /// Nothing, if its pipeline was deleted.
    fn new(view: &View<'_>, key: BuildKey) -> Option<Self> {
        let build = view.engine.find_build(key)?;
        Some(Self {
            id: build.id.0,
            number: build.number,
            url: view.build_url(key),
            web_url: view.build_web_url(key),
        })
    }
}

impl<'e> TriggerJson<'e> {
    fn new(view: &View<'e>, job: &'e Job, step: &'e TriggerStep) -> Self {
        Self {
            id: job.id.0,
            graphql_id: graphql_id("Job", job.id.0),
            r#type: job.kind.as_str(),
            name: step.label.as_deref(),
            state: job.state.reported().as_str(),
            r#async: step.is_async,
            step_key: step.common.key.as_deref(),
            build_url: view.build_url(job.build),
            web_url: format!("{}#{}", view.build_web_url(job.build), job.id),
            created_at: view.instant(job.created_at),
            scheduled_at: view.instant(job.scheduled_at),
            started_at: view.maybe_instant(job.times.started_at),
            finished_at: view.maybe_instant(job.times.finished_at),
            runnable_at: view.maybe_instant(job.times.runnable_at),
            triggered_build: job
                .triggered_build
                .and_then(|build| TriggeredBuildJson::new(view, build)),
            soft_failed: job.soft_failed,
        }
    }
}

/// A job, as text in one run.
pub(crate) fn piece(view: &View<'_>, key: JobKey, job: &Job) -> Arc<Piece> {
    let engine = view.engine;
    let agent = match job.agent {
        Some(agent) => engine.agent_version(agent),
        None => 0,
    };
    let stamp = [engine.job_version(key), agent, engine.places_version()];
    view.piece(Part::Job, key, stamp, || {
        Runs::whole(written(view, key, job, job.agent))
    })
}

/// A job, as text.
pub(crate) fn text(view: &View<'_>, key: JobKey) -> Vec<u8> {
    piece(view, key, view.engine.job(key)).run(0).to_vec()
}

/// The job an agent has; that it is with this agent is not said once more.
pub(crate) fn text_for_agent(view: &View<'_>, key: JobKey) -> Vec<u8> {
    written(view, key, view.engine.job(key), None)
}

fn written(view: &View<'_>, key: JobKey, job: &Job, agent: Option<AgentKey>) -> Vec<u8> {
    view.saw(Kind::Job, key, view.engine.job_version(key));
    match &*job.spec {
        Step::Command(_) => script(view, key, job, agent),
        Step::Trigger(step) => json(&TriggerJson::new(view, job, step)),
        Step::Group(_) => unreachable!("groups are taken apart before there is a build"),
        Step::Wait(_) => json(&WaiterJson {
            id: job.id.0,
            graphql_id: graphql_id("Job", job.id.0),
            r#type: JobType::Waiter.as_str(),
            state: (view.waiters == Waiters::WithState).then(|| job.state.reported().as_str()),
        }),
        Step::Block(step) | Step::Input(step) => json(&ManualJson {
            id: job.id.0,
            graphql_id: graphql_id("Job", job.id.0),
            r#type: JobType::Manual.as_str(),
            // Never null: clients decode it as a string.
            label: step.label.as_deref().unwrap_or_default(),
            state: job.state.reported().as_str(),
            step_key: step.common.key.as_deref(),
            web_url: None,
            unblocked_by: UserJson::maybe(view, job.unblocked_by),
            unblocked_at: view.maybe_instant(job.times.unblocked_at),
            unblockable: job.state == State::Blocked,
            unblock_url: format!("{}/jobs/{}/unblock", view.build_url(job.build), job.id),
        }),
    }
}

/// A command step's job: what lasts of it, and between it what does not.
fn script(view: &View<'_>, key: JobKey, job: &Job, agent: Option<AgentKey>) -> Vec<u8> {
    let frame = frame(view, key, job);
    let mut whole = Text::object();
    whole.members(frame.run(0));
    whole.member("state", &job.state.reported().as_str());
    whole.members(frame.run(1));
    whole.members_of(&EndJson::new(view, job));
    whole.members(frame.run(2));
    whole.members_of(&CourseJson::new(view, job));
    whole.members(frame.run(3));
    match agent {
        Some(agent) => {
            whole.open_member("agent");
            agent::append_of_job(&mut whole, view, agent);
            whole.close();
        }
        None => whole.member_text("agent", b"null"),
    }
    let retried_by = job.retried.and_then(|retried| retried.by);
    whole.member("retried_by", &UserJson::maybe(view, retried_by));
    whole.members(frame.run(4));
    whole.end()
}

/// What lasts of a command step's job.
fn frame(view: &View<'_>, key: JobKey, job: &Job) -> Arc<Piece> {
    let stamp = [
        view.engine.places_version(),
        job.queue.map_or(0, |queue| u64::from(queue.row()) + 1),
        u64::from_ne_bytes(job.priority.to_ne_bytes()),
    ];
    view.piece(Part::JobFrame, key, stamp, || {
        let Step::Command(step) = &*job.spec else {
            unreachable!("other jobs have no frame");
        };
        let runs = Runs::default().with(&IdentityJson::new(view, job, step));
        let runs = runs.with(&AddressesJson::new(view, job, step));
        let runs = runs.with(&BeginningJson {
            artifact_paths: step.artifact_paths.as_deref(),
            created_at: view.instant(job.created_at),
            scheduled_at: view.instant(job.scheduled_at),
        });
        let runs = runs.with(&VariantJson {
            parallel_group_index: job.parallel.map(|(index, _)| index),
            parallel_group_total: job.parallel.map(|(_, total)| total),
            matrix: job.matrix.as_deref().map(Pairs),
        });
        runs.with(&PlacesJson::new(view, job))
    })
}

impl<'e> IdentityJson<'e> {
    fn new(view: &View<'e>, job: &'e Job, step: &'e CommandStep) -> Self {
        let run = view.engine.step_of(job);
        Self {
            id: job.id.0,
            graphql_id: graphql_id("Job", job.id.0),
            r#type: job.kind.as_str(),
            name: step.label.as_deref(),
            step_key: step.common.key.as_deref(),
            group_key: run
                .group
                .as_ref()
                .and_then(|group| group.step.common.key.as_deref()),
            step: StepJson {
                id: run.id,
                signature: None,
            },
            priority: PriorityJson {
                number: job.priority,
            },
            agent_query_rules: &step.agents,
        }
    }
}

impl<'e> AddressesJson<'e> {
    fn new(view: &View<'e>, job: &'e Job, step: &'e CommandStep) -> Self {
        let build_url = view.build_url(job.build);
        let url = format!("{build_url}/jobs/{}", job.id);
        Self {
            web_url: format!("{}#{}", view.build_web_url(job.build), job.id),
            log_url: format!("{url}/log"),
            raw_log_url: format!("{url}/log.txt"),
            artifacts_url: format!("{url}/artifacts"),
            build_url,
            command: step.command.as_deref(),
        }
    }
}

impl<'e> EndJson<'e> {
    fn new(view: &View<'e>, job: &'e Job) -> Self {
        let exit = job.exit.as_ref();
        let promise = job.promise();
        Self {
            soft_failed: job.soft_failed,
            exit_status: exit.map(|exit| exit.status),
            signal: exit.and_then(|exit| exit.signal.as_deref()),
            signal_reason: exit
                .and_then(|exit| exit.signal_reason)
                .map(SignalReason::as_str),
            broken_reason: job.broken_reason.as_deref(),
            promised_exit_status: promise.map(|promise| promise.exit_status),
            promised_exit_status_at: promise.map(|promise| view.instant(promise.at)),
        }
    }
}

impl<'e> CourseJson<'e> {
    fn new(view: &View<'e>, job: &'e Job) -> Self {
        let engine = view.engine;
        Self {
            runnable_at: view.maybe_instant(job.times.runnable_at),
            concurrency_wait_time_ms: concurrency_wait(job),
            started_at: view.maybe_instant(job.times.started_at),
            finished_at: view.maybe_instant(job.times.finished_at),
            expired_at: view.maybe_instant(job.times.expired_at),
            retried: job.is_superseded(),
            retried_in_job_id: job.retried.map(|retried| engine.job(retried.into).id.0),
            // Null for a first attempt, not 0.
            retries_count: (job.attempt > 1).then(|| job.attempt - 1),
            retry_source: job
                .retry_of
                .map(|(old, kind)| RetrySourceJson::new(view, old, kind)),
            retry_type: job.retried.map(|retried| retried.kind.word()),
        }
    }
}

impl PlacesJson {
    fn new(view: &View<'_>, job: &Job) -> Self {
        let cluster = Place::of_cluster(view, view.engine.cluster_of(job));
        let queue = Place::of_queue(view, view.engine.queue_of(job));
        Self {
            cluster_id: cluster.as_ref().map(|cluster| cluster.id),
            cluster_url: cluster.map(|cluster| cluster.url),
            cluster_queue_id: queue.as_ref().map(|queue| queue.id),
            cluster_queue_url: queue.map(|queue| queue.url),
        }
    }
}

/// How many jobs of a build are in which state, over all its jobs whatever a request filters.
#[derive(Debug)]
pub(crate) struct JobStateCountsJson {
    total: usize,
    /// By state, in the order of the documentation; only states that occur are shown.
    states: StatesJson,
}

#[derive(Debug)]
struct StatesJson([usize; JobState::ALL.len()]);

impl JobStateCountsJson {
    pub(crate) fn new() -> Self {
        Self {
            total: 0,
            states: StatesJson([0; JobState::ALL.len()]),
        }
    }

    pub(crate) fn add(&mut self, job: &Job) {
        self.total += 1;
        self.states.0[job.state.reported() as usize] += 1;
    }
}

impl Serialize for JobStateCountsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("JobStateCounts", 2)?;
        map.serialize_field("total", &self.total)?;
        map.serialize_field("states", &self.states)?;
        map.end()
    }
}

impl Serialize for StatesJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("States", self.0.len())?;
        for state in JobState::ALL {
            let count = self.0[*state as usize];
            if count > 0 {
                map.serialize_field(state.as_str(), &count)?;
            }
        }
        map.end()
    }
}
