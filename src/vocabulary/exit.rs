//! How a command ended.

use std::sync::Arc;

use crate::vocabulary::states::SignalReason;

/// How a command ended, for scripts and moves by hand that say more than an exit status.
///
/// ```
/// use fake_buildkite::{Exit, FakeBuildkite, SignalReason};
///
/// let fake = FakeBuildkite::start();
/// let steps = "steps: [{command: make, key: test, retry: {automatic: {signal_reason: agent_stop}}}]";
/// let app = fake.pipeline("app").steps(steps).create();
/// app.on_job("test").exits_with(Exit::status(-1).signal("SIGTERM").reason(SignalReason::AgentStop)).then().exits(0);
/// let build = app.create_build();
/// fake.run_until_idle();
/// assert_eq!(build.jobs("test").len(), 2, "the rule tried it again");
/// ```
///
/// Source: Buildkite docs, "Retry", section "Signal reason".
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a command ends with it"]
pub struct Exit {
    pub(crate) status: i32,
    pub(crate) signal: Option<Arc<str>>,
    pub(crate) signal_reason: Option<SignalReason>,
}

impl Exit {
    /// With this exit status: 0 passes. -1 is what a process leaves that a signal ended, or an agent that was lost.
    ///
    /// ```
    /// use fake_buildkite::{Exit, FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").finish_with(Exit::status(0));
    /// assert_eq!(build.job("test").state(), JobState::Passed);
    /// ```
    pub const fn status(status: i32) -> Self {
        Self {
            status,
            signal: None,
            signal_reason: None,
        }
    }

    /// The signal that ended the process, such as `SIGKILL`.
    pub fn signal(mut self, name: &str) -> Self {
        self.signal = Some(name.into());
        self
    }

    /// Why the process was ended, or never ran.
    pub const fn reason(mut self, reason: SignalReason) -> Self {
        self.signal_reason = Some(reason);
        self
    }

    /// The agent had to stop the process: the way jobs end that are canceled or time out.
    pub(crate) const fn stopped() -> Self {
        Self::status(-1).reason(SignalReason::Cancel)
    }
}
