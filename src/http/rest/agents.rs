//! Agents: list, get, stop, pause, resume. Administrators stop, pause and resume, and who maintains the agent's
//! cluster.
//!
//! Source: Buildkite docs, "Agents API".

use crate::engine::Engine;
use crate::engine::agent::{Agent, AgentKey, PAUSE_MINUTES};
use crate::engine::commands::{Force, PauseAgent, ResumeAgent, StopAgent};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::vocabulary::ids::AgentId;
use crate::wire;

/// Those that are here.
///
/// Chosen: newest first, as other lists; the order is not documented.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let all = cx.engine.agents().filter(|(_, agent)| {
        agent.offer.organization == organization
            && agent.state.is_here()
            && is_asked_for(cx.engine, &cx.query, agent)
    });
    let mut all: Vec<_> = all.map(|(key, _)| key).collect();
    all.reverse();
    let view = cx.view();
    Ok(cx.list_of_texts(&view, &all, |key| wire::agent::text(&view, key)))
}

/// Chosen: names are compared whole, as versions are.
fn is_asked_for(engine: &Engine, query: &Query, agent: &Agent) -> bool {
    let is = |key, value: &str| query.last(key).is_none_or(|wanted| wanted == value);
    let queue = agent
        .offer
        .queue
        .and_then(|key| engine.find_cluster_queue(key));
    let queue = queue.map(|queue| queue.id.to_string());
    is("name", &agent.name)
        && is("hostname", &agent.machine.hostname)
        && is("version", &agent.machine.version)
        && is("cluster_queue_id", &queue.unwrap_or_default())
}

/// One that is here or was.
pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let agent = cx.agent()?;
    let view = cx.view();
    Ok(Cx::show_text(&view, 200, wire::agent::text(&view, agent)))
}

pub(super) fn stop(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let agent = cx.agent_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let force = match body.flag("force") {
        None | Some(true) => Force::CancelJob,
        Some(false) => Force::FinishJob,
    };
    body.check()?;
    cx.apply(StopAgent { agent, force })?;
    Ok(Reply::new(204))
}

/// Chosen: a timeout of 0 minutes is none, as the agent's own command has it, and a blank note is none.
pub(super) fn pause(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let agent = cx.agent_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let note = body.text("note").filter(|text| !text.trim().is_empty());
    let minutes = body
        .count("timeout_in_minutes")
        .filter(|minutes| *minutes > 0);
    body.check()?;
    cx.apply(PauseAgent {
        agent,
        by: cx.engine.token(cx.token).user,
        note: note.map(Into::into),
        timeout_in_minutes: minutes.unwrap_or(PAUSE_MINUTES),
    })?;
    Ok(Reply::new(204))
}

pub(super) fn resume(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let agent = cx.agent_to_change()?;
    Fields::parse(&cx.request.body)?;
    cx.apply(ResumeAgent { agent })?;
    Ok(Reply::new(204))
}

impl Cx<'_> {
    /// The agent of the path, if the user may stop, pause and resume it.
    fn agent_to_change(&mut self) -> Result<AgentKey, ApiError> {
        let agent = self.agent()?;
        let offer = &self.engine.agent(agent).offer;
        let queue = offer
            .queue
            .and_then(|key| self.engine.find_cluster_queue(key));
        match queue {
            Some(queue) => self.check_maintains_cluster(queue.cluster)?,
            None => self.check_admin(offer.organization)?,
        }
        Ok(agent)
    }

    /// The agent of the path, if it is of that organization.
    fn agent(&mut self) -> Result<AgentKey, ApiError> {
        let organization = self.organization()?;
        let id = self.place.agent.parse().ok().map(AgentId);
        id.and_then(|id| self.engine.agent_by_id(organization, id))
            .ok_or_else(|| ApiError::not_found("agent"))
    }
}
