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
use crate::wire::agent;
use crate::wire::build::{self, Jobs, Parts};
use crate::wire::job;
use crate::wire::pipeline;
use crate::wire::text::{Text, json};
use crate::wire::{Audience, Times, View};

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
    match notice.about {
        About::Build(build) => {
            let mut body = Text::object();
            body.member("event", &event);
            let with_steps = notice.event == WebhookEvent::BuildFinished;
            body.member_text("build", &head(view, build, with_steps));
            body.member_text("pipeline", &pipeline_of(view, build));
            body.member("sender", &sender);
            body.end()
        }
        About::Job(job) => {
            let build = engine.job(job).build;
            let mut body = Text::object();
            body.member("event", &event);
            body.member_text("job", &job::text(view, job));
            body.member_text("build", &head(view, build, false));
            body.member_text("pipeline", &pipeline_of(view, build));
            if notice.event == WebhookEvent::JobPromisedExitStatus {
                // Not modelled: a promise has no reason here.
                body.member("promised_exit_status_reason", &());
            }
            body.member("sender", &sender);
            body.end()
        }
        About::Agent(agent) => {
            let mut body = Text::object();
            body.member("event", &event);
            body.member_text("agent", &agent::text(view, agent));
            body.member("sender", &sender);
            body.end()
        }
        About::Webhook(_) => json(&ping(view, webhook, event, sender)),
    }
}

fn pipeline_of(view: &View<'_>, build: BuildKey) -> Vec<u8> {
    pipeline::text(view, view.engine.build(build).pipeline)
}

/// A build without its jobs.
///
/// Chosen: and without the pipeline, which stands beside it.
fn head(view: &View<'_>, key: BuildKey, with_trigger_steps: bool) -> Vec<u8> {
    let parts = Parts {
        without_pipeline: true,
        jobs: Jobs::None,
        with_trigger_steps,
        ..Parts::default()
    };
    build::text(view, key, &parts)
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
