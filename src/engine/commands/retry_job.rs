//! Retry: a new job in the place of one that did not pass.
//!
//! Source: Buildkite docs, "Jobs API", section "Retry a job"; "Retry".

use crate::engine::account::UserKey;
use crate::engine::build::BuildKey;
use crate::engine::graph::Readiness;
use crate::engine::job::{Event, Job, JobKey, Lead, Retried, RetryType, State, Times};
use crate::engine::{Command, Engine};
use crate::pipeline::Step;
use crate::vocabulary::exit::Exit;
use crate::vocabulary::ids::{JobId, Kind};
use crate::vocabulary::states::{BuildState, SignalReason};

pub(crate) struct RetryJob {
    pub(crate) job: JobKey,
    pub(crate) by: UserKey,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RetryRefused {
    BuildCanceled,
    AlreadyRetried,
    /// Its state, or its type, is not one that can be retried.
    NotRetriable,
    /// Its step says no, and perhaps why.
    NotAllowed {
        reason: Option<String>,
    },
    /// A trigger step of a canceled build made its build.
    TriggerCanceled,
}

impl Command for RetryJob {
    type Output = JobKey;
    type Refused = RetryRefused;

    fn apply(self, engine: &mut Engine) -> Result<JobKey, RetryRefused> {
        engine.check_retry(self.job)?;
        Ok(engine.retry(self.job, RetryType::Manual, Some(self.by), None))
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
            BuildState::Canceling | BuildState::Canceled | BuildState::Skipped
        ) {
            return Err(RetryRefused::BuildCanceled);
        }
        if job.is_superseded() {
            return Err(RetryRefused::AlreadyRetried);
        }
        let Step::Command(step) = &*job.spec else {
            return Err(RetryRefused::NotRetriable);
        };
        let manual = &step.retry.manual;
        let ended_badly = matches!(
            job.state,
            State::Failed | State::TimedOut | State::Canceled | State::Expired
        );
        if !(ended_badly || job.state == State::Passed && manual.permit_on_passed) {
            return Err(RetryRefused::NotRetriable);
        }
        if !manual.allowed {
            return Err(RetryRefused::NotAllowed {
                reason: manual.reason.clone(),
            });
        }
        if self.is_triggered_by_canceled(job.build) {
            return Err(RetryRefused::TriggerCanceled);
        }
        Ok(())
    }

    /// Whether a trigger step of a canceled build still stands behind this build.
    fn is_triggered_by_canceled(&self, build: BuildKey) -> bool {
        let job = self
            .builds
            .get(build)
            .head
            .triggered_from
            .and_then(|key| self.jobs.find(key));
        job.is_some_and(|job| {
            let is_sync = matches!(&*job.spec, Step::Trigger(step) if !step.is_async);
            let state = self.builds.get(job.build).state;
            is_sync && matches!(state, BuildState::Canceling | BuildState::Canceled)
        })
    }

    /// Puts a new job in the place of one that ended, and has it go on as far as it can.
    pub(super) fn retry(
        &mut self,
        key: JobKey,
        kind: RetryType,
        by: Option<UserKey>,
        rule: Option<u32>,
    ) -> JobKey {
        let new = self.take_over(key, kind, by, rule);
        self.place_retry(new, kind);
        new
    }

    /// Puts a new job in the place of one that ended, which counts no more from now on.
    pub(super) fn take_over(
        &mut self,
        key: JobKey,
        kind: RetryType,
        by: Option<UserKey>,
        rule: Option<u32>,
    ) -> JobKey {
        let old = self.jobs.get(key).clone();
        let id = JobId(self.mint(Kind::Job, self.jobs.next_key()));
        let retried = Retried {
            into: self.jobs.next_key(),
            kind,
            by,
        };
        self.counted(key, |engine| {
            engine.jobs.change(key).retried = Some(retried);
        });
        self.add_job(Job {
            id,
            state: State::Pending,
            attempt: old.attempt + 1,
            created_at: self.now,
            times: Times::default(),
            exit: None,
            soft_failed: false,
            agent: None,
            queue: None,
            retry_of: Some((key, kind)),
            retry_rule: rule,
            retried: None,
            promise: None,
            lead: Lead::Script,
            history: Vec::new(),
            timers: Vec::new(),
            ..old
        })
    }

    /// A job that took the place of another goes on as far as it can.
    pub(super) fn place_retry(&mut self, new: JobKey, kind: RetryType) {
        // First, because the new job may depend on what waits again, for this retry or for one before it in the same
        // command.
        if self.reopen_what_gave_up(new) || kind == RetryType::Manual {
            self.look_at_steps_again();
        }
        if self.jobs.get(new).state == State::Pending {
            let (build, step) = (self.jobs.get(new).build, self.jobs.get(new).step);
            if self.step(build, step).readiness == Readiness::Failed {
                // It is open for a moment all the same, in which what gave up because of the old one waits again: what
                // it comes to may be overlooked where that was not.
                self.reclassify(build, step);
                self.look_at_steps_again();
            }
            let event = match self.step(build, step).readiness {
                Readiness::Satisfied => self.going_on(new),
                Readiness::Pending => Event::Wait,
                Readiness::Failed => Event::DependencyFailed,
            };
            self.must_change(new, event);
        }
    }

    /// A job ended badly: one of its step's rules may try it again at once. Until all of its retries are used up, its
    /// failure does not count.
    pub(crate) fn retry_by_rule(&mut self, key: JobKey) {
        let job = self.jobs.get(key);
        if !matches!(job.state, State::Failed | State::TimedOut) || job.is_superseded() {
            return;
        }
        if matches!(
            self.builds.get(job.build).state,
            BuildState::Canceling | BuildState::Canceled | BuildState::Skipped
        ) {
            return;
        }
        let exit = job.exit.clone();
        if let Some(rule) = exit.and_then(|exit| self.rule_for(key, &exit)) {
            self.retry(key, RetryType::Automatic, None, Some(rule));
        }
    }

    /// Whether a job that ended so would count as failed for good: neither forgiven by its step nor tried again.
    pub(crate) fn is_hard(&self, key: JobKey, exit: &Exit) -> bool {
        let Step::Command(step) = &*self.jobs.get(key).spec else {
            return false;
        };
        exit.status != 0
            && !step.soft_fail.covers(exit.status)
            && self.rule_for(key, exit).is_none()
    }

    /// The rule that tries a job again that ended so, if it has retries left. Each rule counts those it caused.
    fn rule_for(&self, key: JobKey, exit: &Exit) -> Option<u32> {
        let job = self.jobs.get(key);
        let Step::Command(step) = &*job.spec else {
            return None;
        };
        let (number, rule) = step.retry.rule(
            exit.status,
            exit.signal.as_deref(),
            exit.signal_reason.map(SignalReason::as_str),
        )?;
        let number = u32::try_from(number).expect("fewer rules than a file has room for");
        let mut used = u32::from(job.retry_rule == Some(number));
        let mut before = job.retry_of;
        while let Some((key, _)) = before {
            let job = self.jobs.get(key);
            used += u32::from(job.retry_rule == Some(number));
            before = job.retry_of;
        }
        (used < rule.limit).then_some(number)
    }

    /// Jobs that gave up only because the build had failed, and not because of something they depend on, wait again
    /// once nothing in the build is failed for good any more. Whether there were any.
    fn reopen_what_gave_up(&mut self, retried: JobKey) -> bool {
        let build = self.jobs.get(retried).build;
        if self.tally(build).hard > 0 {
            return false;
        }
        let gave_up: Vec<_> = self
            .jobs_of(build)
            .filter(|(_, job)| {
                let readiness = self.step_of(job).readiness;
                job.state.is_resting() && !job.is_superseded() && readiness != Readiness::Failed
            })
            .map(|(key, _)| key)
            .collect();
        for job in &gave_up {
            self.must_change(*job, Event::DependencyRetried);
        }
        !gave_up.is_empty()
    }
}
