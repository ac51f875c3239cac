//! Webhooks: who wants to be told of what, and what there is to tell, as the world was at that moment.
//!
//! Several transitions follow from one command, and a body shows its own. A world costs nothing to keep, so a notice
//! keeps the one it is about; only while somebody wants it.
//!
//! Elsewhere: what a body looks like (`wire::webhook`), who carries it (`driver::post`, `crate::webhook`).
//! Source: Buildkite docs, "Webhooks"; "Pipelines webhooks".

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::agent::AgentKey;
use crate::engine::build::BuildKey;
use crate::engine::job::{self, JobKey, State};
use crate::engine::table::{Key as _, key};
use crate::vocabulary::event::WebhookRef;
use crate::vocabulary::ids::{self, Kind, WebhookId};
use crate::vocabulary::states::{BuildState, JobType};
use crate::vocabulary::webhook::{WebhookEvent, WebhookEvents};

key! {
    /// A webhook.
    WebhookKey
}

/// A notification service of the kind "Webhook".
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: WebhookId,
    pub(crate) organization: OrganizationKey,
    /// Who made it: the `sender` of every body.
    pub(crate) sender: UserKey,
    pub(crate) url: Arc<str>,
    pub(crate) events: WebhookEvents,
    pub(crate) secret: Secret,
    pub(crate) power: Power,
}

/// How a receiver knows that it is Buildkite who tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Sent along as it is.
    Token(Arc<str>),
    /// The key of a signature.
    Signature(Arc<str>),
}

/// Whether it is told of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Enabled,
    Disabled,
}

/// Something to be told.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) event: WebhookEvent,
    pub(crate) about: About,
    /// As it was right after the transition.
    pub(crate) world: Arc<Engine>,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Build(BuildKey),
    Job(JobKey),
    Agent(AgentKey),
    /// Itself: a ping.
    Webhook(WebhookKey),
}

impl Notice {
    /// Whom it is for.
    pub(crate) fn recipients(&self) -> Vec<WebhookKey> {
        let engine = &*self.world;
        let organization = match self.about {
            About::Build(build) => engine.build(build).organization,
            About::Job(job) => engine.build(engine.job(job).build).organization,
            About::Agent(agent) => engine.agent(agent).offer.organization,
            About::Webhook(webhook) => return vec![webhook],
        };
        let wanting = engine.webhooks.iter().filter(|(_, webhook)| {
            webhook.power == Power::Enabled
                && webhook.events.contains(self.event)
                && organization == webhook.organization
        });
        wanting.map(|(key, _)| key).collect()
    }
}

impl Engine {
    pub(crate) fn add_webhook(&mut self, webhook: impl FnOnce(WebhookId) -> Webhook) -> WebhookKey {
        let id = WebhookId(self.mint(Kind::Service, self.webhooks.next_key()));
        let key = self.webhooks.push(webhook(id));
        self.note_wishes();
        key
    }

    /// A token for the next webhook, if nobody says otherwise.
    pub(crate) fn webhook_token(&self) -> Arc<str> {
        let ordinal = u64::from(self.webhooks.next_key().row());
        ids::hex(self.seed, Kind::Service, ordinal, 32).into()
    }

    pub(crate) fn switch_webhook(&mut self, key: WebhookKey, power: Power) {
        self.webhooks.change(key).power = power;
        self.note_wishes();
    }

    pub(crate) fn remove_webhook(&mut self, key: WebhookKey) {
        self.webhooks.remove(key);
        self.note_wishes();
    }

    pub(crate) fn find_webhook(&self, key: WebhookKey) -> Option<&Webhook> {
        self.webhooks.find(key)
    }

    /// Whether there are any, enabled or not.
    pub(crate) fn has_webhooks(&self) -> bool {
        self.webhooks.iter().next().is_some()
    }

    pub(crate) fn webhook_ref(&self, key: WebhookKey) -> Option<WebhookRef> {
        let id = self.webhooks.find(key)?.id;
        let number = u64::from(key.row()) + 1;
        Some(WebhookRef { number, id })
    }

    /// Whether anybody is told of anything.
    pub(crate) fn tells_somebody(&self) -> bool {
        self.wishes != WebhookEvents::NONE
    }

    /// Tells one webhook of itself, whatever it wants to be told of.
    pub(crate) fn ping(&mut self, key: WebhookKey) {
        self.write_notice(WebhookEvent::Ping, About::Webhook(key));
    }

    /// What there is to tell since this was last asked.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn note_wishes(&mut self) {
        let enabled = self
            .webhooks
            .iter()
            .filter(|(_, webhook)| webhook.power == Power::Enabled);
        let wishes = enabled.fold(WebhookEvents::NONE, |all, (_, webhook)| {
            all.and(webhook.events)
        });
        self.wishes = wishes;
    }

    /// Keeps the world as it is, if anybody wants to hear of this.
    pub(super) fn notice(&mut self, event: WebhookEvent, about: About) {
        if self.wishes.contains(event) {
            self.write_notice(event, about);
        }
    }

    fn write_notice(&mut self, event: WebhookEvent, about: About) {
        // What is on its way out is no part of the world.
        let notices = self.take_notices();
        let events = std::mem::take(&mut self.events);
        let world = Arc::new(self.clone());
        self.events = events;
        self.notices = notices;
        self.notices.push(Notice {
            event,
            about,
            world,
        });
    }

    pub(super) fn notice_build(&mut self, key: BuildKey, to: BuildState) {
        let event = match to {
            BuildState::Scheduled => WebhookEvent::BuildScheduled,
            BuildState::Running => WebhookEvent::BuildRunning,
            BuildState::Failing => WebhookEvent::BuildFailing,
            BuildState::Blocked
            | BuildState::Passed
            | BuildState::Failed
            | BuildState::Canceled
            | BuildState::NotRun => WebhookEvent::BuildFinished,
            BuildState::Skipped => WebhookEvent::BuildSkipped,
            BuildState::Creating | BuildState::Canceling => return,
        };
        self.notice(event, About::Build(key));
    }

    pub(super) fn notice_job(&mut self, key: JobKey, cause: job::Event, to: State) {
        if !self.tells_somebody() {
            return;
        }
        if let Some(event) = event_of_job(self.jobs.get(key).kind, cause, to) {
            self.notice(event, About::Job(key));
        }
    }
}

/// What is told when a job enters a state.
fn event_of_job(kind: JobType, cause: job::Event, to: State) -> Option<WebhookEvent> {
    match (kind, to) {
        (JobType::Script, State::Scheduled) => Some(WebhookEvent::JobScheduled),
        (JobType::Script, State::Running) => Some(WebhookEvent::JobStarted),
        (
            JobType::Script | JobType::Trigger,
            State::Passed
            | State::Failed
            | State::Canceled
            | State::TimedOut
            | State::Expired
            | State::Skipped
            | State::Broken,
        ) => Some(WebhookEvent::JobFinished),
        // Not when it comes back from `unblocked_failed`: nobody does anything then.
        (JobType::Manual, State::Unblocked) => {
            (cause == job::Event::Unblock).then_some(WebhookEvent::JobActivated)
        }
        (
            JobType::Script | JobType::Trigger | JobType::Manual | JobType::Waiter,
            State::Pending
            | State::Waiting
            | State::WaitingFailed
            | State::Blocked
            | State::BlockedFailed
            | State::Unblocked
            | State::UnblockedFailed
            | State::Limiting
            | State::Limited
            | State::PlatformLimiting
            | State::PlatformLimited
            | State::Scheduled
            | State::Reserved
            | State::Assigned
            | State::Accepted
            | State::Running
            | State::Passed
            | State::Failed
            | State::Canceling
            | State::Canceled
            | State::TimingOut
            | State::TimedOut
            | State::Expired
            | State::Skipped
            | State::Broken,
        ) => None,
    }
}
