//! Retry: a new job in the place of one that did not pass.
//!
//! Source: Buildkite docs, "Jobs API", section "Retry a job"; "Retry".

use crate::engine::account::UserKey;
use crate::engine::graph::Readiness;
use crate::engine::job::{Event, Job, JobKey, Lead, Retried, RetryType, State, Times};
use crate::engine::{Command, Engine};
use crate::vocabulary::ids::{JobId, Kind};
use crate::vocabulary::states::{BuildState, JobType};

pub(crate) struct RetryJob {
    pub(crate) job: JobKey,
    pub(crate) by: UserKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryRefused {
    BuildCanceled,
    AlreadyRetried,
    /// Its state, or its type, is not one that can be retried.
    NotRetriable,
}

impl Command for RetryJob {
    type Output = JobKey;
    type Refused = RetryRefused;

    fn apply(self, engine: &mut Engine) -> Result<JobKey, RetryRefused> {
        engine.check_retry(self.job)?;
        let old = engine.jobs.get(self.job).clone();
        let id = JobId(engine.mint(Kind::Job, engine.jobs.next_key()));
        let kind = RetryType::Manual;
        let retried = Retried {
            into: engine.jobs.next_key(),
            kind,
            by: self.by,
        };
        engine.counted(self.job, |engine| {
            engine.jobs.change(self.job).retried = Some(retried);
        });
        let new = engine.add_job(Job {
            id,
            state: State::Pending,
            attempt: old.attempt + 1,
            created_at: engine.now,
            times: Times::default(),
            exit: None,
            soft_failed: false,
            agent: None,
            retry_of: Some((self.job, kind)),
            retried: None,
            lead: Lead::Script,
            history: Vec::new(),
            timers: Vec::new(),
            ..old
        });
        let readiness = engine.step_of(engine.jobs.get(new)).readiness;
        engine.must_change(
            new,
            match readiness {
                Readiness::Satisfied => Event::Ready,
                Readiness::Pending => Event::Wait,
                Readiness::Failed => Event::DependencyFailed,
            },
        );
        engine.reopen_what_gave_up(new);
        Ok(new)
    }
}

impl Engine {
    /// In the order in which Buildkite would look.
    ///
    /// Chosen: an expired job can be retried alone too, because retrying all failed jobs of a build includes it.
    pub(crate) fn check_retry(&self, key: JobKey) -> Result<(), RetryRefused> {
        let job = self.jobs.get(key);
        if matches!(
            self.builds.get(job.build).state,
            BuildState::Canceling | BuildState::Canceled
        ) {
            return Err(RetryRefused::BuildCanceled);
        }
        if job.is_superseded() {
            return Err(RetryRefused::AlreadyRetried);
        }
        let ended_badly = matches!(
            job.state,
            State::Failed | State::TimedOut | State::Canceled | State::Expired
        );
        if job.kind != JobType::Script || !ended_badly {
            return Err(RetryRefused::NotRetriable);
        }
        Ok(())
    }

    /// Jobs that gave up only because the build had failed, and not because of something they depend on, wait again once
    /// nothing in the build is failed for good any more.
    fn reopen_what_gave_up(&mut self, retried: JobKey) {
        let build = self.jobs.get(retried).build;
        if self.tally(build).hard > 0 {
            return;
        }
        let gave_up: Vec<_> = self
            .jobs_of(build)
            .filter(|(_, job)| {
                let readiness = self.step_of(job).readiness;
                job.state.is_resting() && !job.is_superseded() && readiness != Readiness::Failed
            })
            .map(|(key, _)| key)
            .collect();
        for job in gave_up {
            self.must_change(job, Event::DependencyRetried);
        }
    }
}
