//! Agents as JSON, the way a job shows its own.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::agent::{AgentKey, Contact};
use crate::vocabulary::ids::Kind;
use crate::wire::account::UserJson;
use crate::wire::{Instant, View, graphql_id};

/// The version simulated agents say they have. A literal, so that bodies never change under a test.
const VERSION: &str = "3.115.0";

/// The agent of a job. Its own `job` is null there: Buildkite does not go round in circles.
#[derive(Debug, Serialize)]
pub(crate) struct AgentJson<'e> {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    name: &'e str,
    connection_state: &'static str,
    ip_address: &'static str,
    hostname: &'e str,
    user_agent: String,
    version: &'static str,
    creator: Option<UserJson<'e>>,
    created_at: Instant,
    job: Option<()>,
    last_job_finished_at: Option<Instant>,
    priority: Option<i64>,
    meta_data: &'e [String],
}

impl<'e> AgentJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: AgentKey) -> Self {
        view.saw(Kind::Agent, key, view.engine.agent_version(key));
        let agent = view.engine.agent(key);
        let organization = agent.offer.organization;
        let slug = &view.engine.organization(organization).slug;
        Self {
            id: agent.id,
            graphql_id: graphql_id("Agent", agent.id),
            url: format!(
                "{}/agents/{}",
                view.organization_url(organization),
                agent.id
            ),
            web_url: format!("{}/organizations/{slug}/agents/{}", view.origin, agent.id),
            name: &agent.name,
            connection_state: match agent.contact {
                // Buildkite has not noticed yet.
                Contact::Connected | Contact::Silent(_) => "connected",
                Contact::Lost => "lost",
            },
            ip_address: "127.0.0.1",
            hostname: &agent.name,
            user_agent: format!("buildkite-agent/{VERSION} (linux; amd64)"),
            version: VERSION,
            creator: None,
            created_at: Instant(agent.created_at),
            job: None,
            last_job_finished_at: Instant::maybe(agent.last_job_finished_at),
            priority: agent.priority,
            meta_data: &agent.offer.tags,
        }
    }
}
