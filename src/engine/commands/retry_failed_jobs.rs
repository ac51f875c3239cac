//! Retry failed jobs: a new job in the place of each one of a build that did not end well.
//!
//! Source: Buildkite docs, "Builds API", section "Retry failed jobs for a build".

use std::convert::Infallible;

use crate::engine::account::UserKey;
use crate::engine::build::BuildKey;
use crate::engine::job::{Job, JobKey, RetryType, State};
use crate::engine::{Command, Engine};

/// A way in which a job can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    Canceled,
    Expired,
    /// For good.
    Failed,
    /// However it ended, its step forgives it.
    SoftFailed,
    TimedOut,
}

impl Failure {
    /// In the order of the documentation.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Canceled,
        Self::Expired,
        Self::Failed,
        Self::SoftFailed,
        Self::TimedOut,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::SoftFailed => "soft_failed",
            Self::TimedOut => "timed_out",
        }
    }

    /// Chosen: a job that was forgiven is found as such, and by its state unless that is `failed`, which has a word for
    /// each of both.
    fn is_of(self, job: &Job) -> bool {
        match self {
            Self::Canceled => job.state == State::Canceled,
            Self::Expired => job.state == State::Expired,
            Self::Failed => job.state == State::Failed && !job.soft_failed,
            Self::SoftFailed => job.soft_failed,
            Self::TimedOut => job.state == State::TimedOut,
        }
    }
}

pub(crate) struct RetryFailedJobs {
    pub(crate) build: BuildKey,
    /// Any of these.
    pub(crate) failures: Vec<Failure>,
    pub(crate) by: UserKey,
}

impl Command for RetryFailedJobs {
    /// The new jobs.
    type Output = Vec<JobKey>;
    /// Chosen: only unknown states are documented to be refused. What cannot be retried, as nothing in a canceled build
    /// can, is left as it is, and the answer says how many were.
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<Vec<JobKey>, Infallible> {
        let Self {
            build,
            failures,
            by,
        } = self;
        // All are picked before any is retried: one retry does not decide about another.
        let wanted = |job: &Job| failures.iter().any(|failure| failure.is_of(job));
        let jobs = engine.jobs_of(build).filter(|(_, job)| wanted(job));
        let retryable = jobs.filter(|(key, _)| engine.check_retry(*key).is_ok());
        let jobs: Vec<_> = retryable.map(|(key, _)| key).collect();
        let take_over = |job| engine.take_over(job, RetryType::Manual, Some(by), None);
        let new: Vec<_> = jobs.into_iter().map(take_over).collect();
        // None of the old ones counts any more when the first goes on: it waits for what the last one opens again.
        for job in &new {
            engine.place_retry(*job, RetryType::Manual);
        }
        Ok(new)
    }
}
