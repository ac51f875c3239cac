//! What webhooks tell of.

use std::fmt;

/// Something that Buildkite tells webhooks of; prints as the `X-Buildkite-Event` header has it.
///
/// Every one can be asked for. What this fake sends is what happens in it: builds and jobs move, agents come and go,
/// and a test pings. Nothing in it blocks an agent.
///
/// ```
/// use fake_buildkite::WebhookEvent;
///
/// assert_eq!(WebhookEvent::BuildFinished.to_string(), "build.finished");
/// assert_eq!(WebhookEvent::JobStarted.as_str(), "job.started");
/// let about_jobs = WebhookEvent::ALL.iter().filter(|event| event.as_str().starts_with("job."));
/// assert_eq!(about_jobs.count(), 5);
/// ```
///
/// Source: Buildkite docs, "Pipelines webhooks" and the pages of its events.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WebhookEvent {
    /// The jobs of a new build were made.
    BuildScheduled,
    /// A build runs: for the first time, or again after an unblock or a retry.
    BuildRunning,
    /// A build will fail, and something of it still runs.
    BuildFailing,
    /// A build passed, failed or was canceled, had nothing to run, or waits for a person (`blocked` is true then).
    BuildFinished,
    /// A newer build took the place of one that had not begun.
    BuildSkipped,
    /// A command job waits for an agent.
    JobScheduled,
    /// A command job runs.
    JobStarted,
    /// A command or trigger job is over; once for each attempt.
    JobFinished,
    /// A person unblocked a block or input step.
    JobActivated,
    /// A running job said beforehand how it will exit.
    JobPromisedExitStatus,
    /// An agent connected.
    AgentConnected,
    /// An agent went by itself.
    AgentDisconnected,
    /// An agent was told to stop, and finishes the job it has.
    AgentStopping,
    /// An agent that was told to stop has gone.
    AgentStopped,
    /// Buildkite gave up an agent it did not hear of.
    AgentLost,
    /// An agent came from an address it may not come from. Never sent.
    AgentBlocked,
    /// The webhook is tried out: [`WebhookHandle::ping`](crate::WebhookHandle::ping).
    Ping,
}

impl WebhookEvent {
    /// All of them, in the order of Buildkite's documentation.
    pub const ALL: &'static [Self] = &[
        Self::Ping,
        Self::BuildScheduled,
        Self::BuildRunning,
        Self::BuildFailing,
        Self::BuildFinished,
        Self::BuildSkipped,
        Self::JobScheduled,
        Self::JobStarted,
        Self::JobFinished,
        Self::JobActivated,
        Self::JobPromisedExitStatus,
        Self::AgentConnected,
        Self::AgentDisconnected,
        Self::AgentStopping,
        Self::AgentStopped,
        Self::AgentLost,
        Self::AgentBlocked,
    ];

    /// As Buildkite writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BuildScheduled => "build.scheduled",
            Self::BuildRunning => "build.running",
            Self::BuildFailing => "build.failing",
            Self::BuildFinished => "build.finished",
            Self::BuildSkipped => "build.skipped",
            Self::JobScheduled => "job.scheduled",
            Self::JobStarted => "job.started",
            Self::JobFinished => "job.finished",
            Self::JobActivated => "job.activated",
            Self::JobPromisedExitStatus => "job.promised_exit_status",
            Self::AgentConnected => "agent.connected",
            Self::AgentDisconnected => "agent.disconnected",
            Self::AgentStopping => "agent.stopping",
            Self::AgentStopped => "agent.stopped",
            Self::AgentLost => "agent.lost",
            Self::AgentBlocked => "agent.blocked",
            Self::Ping => "ping",
        }
    }
}

impl fmt::Display for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of them, small enough to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct WebhookEvents(u32);

impl WebhookEvents {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn all() -> Self {
        WebhookEvent::ALL.iter().copied().collect()
    }

    pub(crate) const fn contains(self, event: WebhookEvent) -> bool {
        self.0 & (1 << event as u32) != 0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<WebhookEvent> for WebhookEvents {
    fn from_iter<I: IntoIterator<Item = WebhookEvent>>(events: I) -> Self {
        let bits = events.into_iter().map(|event| 1 << event as u32);
        Self(bits.fold(0, |all, bit: u32| all | bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_what_was_put_into_it() {
        let some: WebhookEvents = [WebhookEvent::Ping, WebhookEvent::JobFinished]
            .into_iter()
            .collect();
        let inside = WebhookEvent::ALL.iter().filter(|it| some.contains(**it));
        assert_eq!(inside.count(), 2);
        let all = WebhookEvents::all();
        assert!(WebhookEvent::ALL.iter().all(|it| all.contains(*it)));
        assert_eq!(some.and(all), all);
        assert_eq!(WebhookEvents::NONE.and(some), some);
    }
}
