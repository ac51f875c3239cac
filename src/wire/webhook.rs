//! What webhooks are told, as JSON.
//!
//! Builds and jobs look as in REST, but for their times and what only webhooks say; a build is shown without its jobs.
//! Source: Buildkite docs, "Pipelines webhooks" and the pages of its events.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::build::BuildKey;
use crate::engine::webhook::{About, Notice, Webhook, WebhookKey};
use crate::vocabulary::webhook::WebhookEvent;
use crate::wire::account::OrganizationJson;
use crate::wire::agent::AgentJson;
use crate::wire::build::{BuildJson, Jobs, Parts};
use crate::wire::job::JobJson;
use crate::wire::pipeline::PipelineJson;
use crate::wire::{Audience, Times, View};

#[derive(Debug, Serialize)]
struct BuildEventJson<'e> {
    event: &'static str,
    build: BuildJson<'e>,
    pipeline: PipelineJson<'e>,
    sender: SenderJson<'e>,
}

#[derive(Debug, Serialize)]
struct JobEventJson<'e> {
    event: &'static str,
    job: JobJson<'e>,
    build: BuildJson<'e>,
    pipeline: PipelineJson<'e>,
    /// Not modelled: a promise has no reason here. Null, and only where somebody promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    promised_exit_status_reason: Option<()>,
    sender: SenderJson<'e>,
}

#[derive(Debug, Serialize)]
struct AgentEventJson<'e> {
    event: &'static str,
    agent: AgentJson<'e>,
    sender: SenderJson<'e>,
}

#[derive(Debug, Serialize)]
struct PingJson<'e> {
    event: &'static str,
    service: ServiceJson<'e>,
    organization: OrganizationJson<'e>,
    sender: SenderJson<'e>,
}

#[derive(Debug, Serialize)]
struct ServiceJson<'e> {
    id: Uuid,
    provider: &'static str,
    settings: ServiceSettingsJson<'e>,
}

#[derive(Debug, Serialize)]
struct ServiceSettingsJson<'e> {
    url: &'e str,
}

/// The user who made the webhook.
#[derive(Debug, Serialize)]
struct SenderJson<'e> {
    id: Uuid,
    name: &'e str,
}

impl<'e> SenderJson<'e> {
    fn new(view: &View<'e>, webhook: &Webhook) -> Self {
        let user = view.engine.user(webhook.sender);
        Self {
            id: user.id.0,
            name: &user.name,
        }
    }
}

/// A notice as this webhook is told of it.
///
/// Chosen: no newline at the end, unlike REST; nothing is documented, and signatures are over whatever is sent.
pub(crate) fn body(notice: &Notice, to: WebhookKey, origin: &str, times: Times) -> Vec<u8> {
    let engine = &*notice.world;
    let webhook = engine
        .find_webhook(to)
        .expect("who is told of something was there when it happened");
    let mut view = View::new(engine, origin);
    view.audience = Audience::Webhook(times);
    let view = &view;
    let event = notice.event.as_str();
    let sender = SenderJson::new(view, webhook);
    let shape = match notice.about {
        About::Build(build) => serde_json::to_vec(&BuildEventJson {
            event,
            build: if notice.event == WebhookEvent::BuildFinished {
                head(view, build).with_trigger_steps(view, build)
            } else {
                head(view, build)
            },
            pipeline: PipelineJson::new(view, engine.build(build).pipeline),
            sender,
        }),
        About::Job(job) => {
            let build = engine.job(job).build;
            let is_promise = notice.event == WebhookEvent::JobPromisedExitStatus;
            serde_json::to_vec(&JobEventJson {
                event,
                job: JobJson::new(view, job),
                build: head(view, build),
                pipeline: PipelineJson::new(view, engine.build(build).pipeline),
                promised_exit_status_reason: is_promise.then_some(()),
                sender,
            })
        }
        About::Agent(agent) => serde_json::to_vec(&AgentEventJson {
            event,
            agent: AgentJson::new(view, agent),
            sender,
        }),
        About::Webhook(_) => serde_json::to_vec(&ping(view, webhook, event, sender)),
    };
    shape.expect("our shapes have string keys and finite numbers")
}

/// A build without its jobs.
///
/// Chosen: and without the pipeline, which stands beside it.
fn head<'e>(view: &View<'e>, build: BuildKey) -> BuildJson<'e> {
    let parts = Parts {
        without_pipeline: true,
        jobs: Jobs::None,
        ..Parts::default()
    };
    BuildJson::new(view, build, &parts)
}

fn ping<'e>(
    view: &View<'e>,
    webhook: &'e Webhook,
    event: &'static str,
    sender: SenderJson<'e>,
) -> PingJson<'e> {
    PingJson {
        event,
        service: ServiceJson {
            id: webhook.id.0,
            provider: "webhook",
            settings: ServiceSettingsJson { url: &webhook.url },
        },
        organization: OrganizationJson::new(view, webhook.organization),
        sender,
    }
}
