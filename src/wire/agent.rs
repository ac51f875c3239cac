//! Agents as JSON: whole, and the way a job shows its own.
//!
//! Source: Buildkite docs, "Agents API", section "Agent data model" and its examples; go-buildkite, `agents.go`, for what is
//! said of pauses. Where the examples and recorded responses order keys in different ways, as recorded.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::agent::{Agent, AgentKey};
use crate::vocabulary::ids::Kind;
use crate::wire::account::UserJson;
use crate::wire::job::JobJson;
use crate::wire::{Instant, View, graphql_id};

/// An agent.
#[derive(Debug, Serialize)]
pub(crate) struct AgentJson<'e> {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    name: &'e str,
    connection_state: &'static str,
    ip_address: &'e str,
    hostname: &'e str,
    user_agent: String,
    version: &'e str,
    #[serde(flatten)]
    place: Option<PlaceJson<'e>>,
    creator: Option<UserJson<'e>>,
    created_at: Instant,
    #[serde(flatten)]
    times: Option<TimesJson>,
    job: Option<Box<JobJson<'e>>>,
    last_job_finished_at: Option<Instant>,
    priority: Option<i64>,
    meta_data: &'e [String],
    #[serde(flatten)]
    pause: Option<PauseJson<'e>>,
}

/// Where it runs.
#[derive(Debug, Serialize)]
struct PlaceJson<'e> {
    os_id: &'e str,
    arch: &'e str,
    queue: &'e str,
}

/// When it came and went.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "Buildkite's own names")]
struct TimesJson {
    connected_at: Option<Instant>,
    disconnected_at: Option<Instant>,
    lost_at: Option<Instant>,
    stopped_at: Option<Instant>,
}

/// Whether it is given jobs.
#[derive(Debug, Serialize)]
struct PauseJson<'e> {
    paused: bool,
    paused_at: Option<Instant>,
    paused_by: Option<UserJson<'e>>,
    paused_note: Option<&'e str>,
    paused_timeout_in_minutes: Option<u32>,
}

impl<'e> AgentJson<'e> {
    /// An agent with the job it has.
    ///
    /// Chosen: to whoever does not see the job's pipeline, the agent looks as if it had none.
    pub(crate) fn new(view: &View<'e>, key: AgentKey) -> Self {
        let agent = view.engine.agent(key);
        let pause = agent.state.pause();
        let job = view.engine.job_of_agent(key);
        let job = job.filter(|job| view.sees_build(view.engine.job(*job).build));
        Self {
            place: Some(PlaceJson {
                os_id: &agent.machine.os_id,
                arch: &agent.machine.arch,
                queue: agent.queue(),
            }),
            times: Some(TimesJson {
                connected_at: Some(Instant(agent.created_at)),
                disconnected_at: Instant::maybe(agent.disconnected_at),
                lost_at: Instant::maybe(agent.lost_at),
                stopped_at: Instant::maybe(agent.stopped_at),
            }),
            job: job.map(|job| Box::new(JobJson::of_agent(view, job))),
            pause: Some(PauseJson {
                paused: pause.is_some(),
                paused_at: pause.map(|pause| Instant(pause.since)),
                paused_by: UserJson::maybe(view, pause.and_then(|pause| pause.by)),
                paused_note: pause.and_then(|pause| pause.note.as_deref()),
                paused_timeout_in_minutes: pause.map(|pause| pause.timeout_in_minutes),
            }),
            ..Self::of_job(view, key)
        }
    }

    /// The agent of a job. Its own `job` is null there: Buildkite does not go round in circles.
    pub(crate) fn of_job(view: &View<'e>, key: AgentKey) -> Self {
        view.saw(Kind::Agent, key, view.engine.agent_version(key));
        let agent = view.engine.agent(key);
        Self {
            id: agent.id.0,
            graphql_id: graphql_id("Agent", agent.id.0),
            url: format!(
                "{}/agents/{}",
                view.organization_url(agent.offer.organization),
                agent.id
            ),
            web_url: web_url(view, agent),
            name: &agent.name,
            connection_state: agent.state.reported().as_str(),
            ip_address: &agent.machine.ip_address,
            hostname: &agent.machine.hostname,
            user_agent: agent.machine.user_agent(),
            version: &agent.machine.version,
            place: None,
            creator: None,
            created_at: Instant(agent.created_at),
            times: None,
            job: None,
            last_job_finished_at: Instant::maybe(agent.last_job_finished_at),
            priority: agent.priority,
            meta_data: &agent.offer.tags,
            pause: None,
        }
    }
}

/// Where people look at an agent: below its queue, if it serves one of a cluster.
fn web_url(view: &View<'_>, agent: &Agent) -> String {
    let queue = agent.offer.queue;
    if let Some((key, queue)) =
        queue.and_then(|key| Some((key, view.engine.find_cluster_queue(key)?)))
    {
        view.saw(Kind::ClusterQueue, key, 0);
        let cluster = view.cluster_web_url(queue.cluster);
        return format!("{cluster}/queues/{}/agents/{}", queue.id, agent.id);
    }
    let slug = &view.engine.organization(agent.offer.organization).slug;
    format!("{}/organizations/{slug}/agents/{}", view.origin, agent.id)
}
