//! Agents as JSON: whole, and the way a job shows its own.
//!
//! Source: Buildkite docs, "Agents API", section "Agent data model" and its examples; go-buildkite, `agents.go`, for what is
//! said of pauses. Where the examples and recorded responses order keys in different ways, as recorded.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::engine::agent::{Agent, AgentKey};
use crate::vocabulary::ids::Kind;
use crate::wire::account::UserJson;
use crate::wire::job;
use crate::wire::shelf::{Part, Piece, Runs};
use crate::wire::text::Text;
use crate::wire::{Instant, View, graphql_id};

/// Who it is.
#[derive(Debug, Serialize)]
struct IdentityJson<'e> {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    name: &'e str,
}

/// What runs it.
#[derive(Debug, Serialize)]
struct MachineJson<'e> {
    ip_address: &'e str,
    hostname: &'e str,
    user_agent: String,
    version: &'e str,
}

/// Where it runs.
#[derive(Debug, Serialize)]
struct PlaceJson<'e> {
    os_id: &'e str,
    arch: &'e str,
    queue: &'e str,
}

/// Whose it is.
#[derive(Debug, Serialize)]
struct OriginJson<'e> {
    creator: Option<UserJson<'e>>,
    created_at: Instant,
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

/// Which jobs it takes.
#[derive(Debug, Serialize)]
struct OfferJson<'e> {
    priority: Option<i64>,
    meta_data: &'e [String],
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

/// An agent with the job it has, as text.
///
/// Chosen: to whoever does not see the job's pipeline, the agent looks as if it had none.
pub(crate) fn text(view: &View<'_>, key: AgentKey) -> Vec<u8> {
    let agent = view.engine.agent(key);
    let pause = agent.state.pause();
    let job = view.engine.job_of_agent(key);
    let job = job.filter(|job| view.sees_build(view.engine.job(*job).build));
    let frame = frame(view, key);
    let mut whole = Text::object();
    append_head(&mut whole, agent, &frame);
    whole.members_of(&PlaceJson {
        os_id: &agent.machine.os_id,
        arch: &agent.machine.arch,
        queue: agent.queue(),
    });
    whole.members(frame.run(2));
    whole.members_of(&TimesJson {
        connected_at: Some(Instant(agent.created_at)),
        disconnected_at: Instant::maybe(agent.disconnected_at),
        lost_at: Instant::maybe(agent.lost_at),
        stopped_at: Instant::maybe(agent.stopped_at),
    });
    match job {
        Some(job) => whole.member_text("job", &job::text_for_agent(view, job)),
        None => whole.member_text("job", b"null"),
    }
    append_tail(&mut whole, agent, &frame);
    whole.members_of(&PauseJson {
        paused: pause.is_some(),
        paused_at: pause.map(|pause| Instant(pause.since)),
        paused_by: UserJson::maybe(view, pause.and_then(|pause| pause.by)),
        paused_note: pause.and_then(|pause| pause.note.as_deref()),
        paused_timeout_in_minutes: pause.map(|pause| pause.timeout_in_minutes),
    });
    whole.end()
}

/// The members of the agent of a job, into an object that is open. Its own `job` is null there: Buildkite does not go round
/// in circles.
pub(crate) fn append_of_job(whole: &mut Text, view: &View<'_>, key: AgentKey) {
    let agent = view.engine.agent(key);
    let frame = frame(view, key);
    append_head(whole, agent, &frame);
    whole.members(frame.run(2));
    whole.member_text("job", b"null");
    append_tail(whole, agent, &frame);
}

fn append_head(whole: &mut Text, agent: &Agent, frame: &Piece) {
    whole.members(frame.run(0));
    whole.member("connection_state", &agent.state.reported().as_str());
    whole.members(frame.run(1));
}

fn append_tail(whole: &mut Text, agent: &Agent, frame: &Piece) {
    let last = Instant::maybe(agent.last_job_finished_at);
    whole.member("last_job_finished_at", &last);
    whole.members(frame.run(3));
}

/// What lasts of an agent, and that it was looked at in this version: what agents register with they keep.
fn frame(view: &View<'_>, key: AgentKey) -> Arc<Piece> {
    let engine = view.engine;
    view.saw(Kind::Agent, key, engine.agent_version(key));
    let stamp = [engine.places_version(), 0, 0];
    view.piece(Part::AgentFrame, key, stamp, || {
        let agent = engine.agent(key);
        let identity = Runs::default().with(&IdentityJson {
            id: agent.id.0,
            graphql_id: graphql_id("Agent", agent.id.0),
            url: format!(
                "{}/agents/{}",
                view.organization_url(agent.offer.organization),
                agent.id
            ),
            web_url: web_url(view, agent),
            name: &agent.name,
        });
        let machine = identity.with(&MachineJson {
            ip_address: &agent.machine.ip_address,
            hostname: &agent.machine.hostname,
            user_agent: agent.machine.user_agent(),
            version: &agent.machine.version,
        });
        let origin = machine.with(&OriginJson {
            creator: None,
            created_at: Instant(agent.created_at),
        });
        origin.with(&OfferJson {
            priority: agent.priority,
            meta_data: &agent.offer.tags,
        })
    })
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
