//! Taking steps out of a build for others that replace them: those of which nothing has begun.
//!
//! A removed step keeps its number, and nothing waits for it any more: what is left is linked anew.
//!
//! Elsewhere: who asks for it (`commands::upload_pipeline`).
//! Source: Buildkite docs, "pipeline upload", option `--replace`.

use std::sync::Arc;

use crate::engine::build::BuildKey;
use crate::engine::graph::Class;
use crate::engine::job::{JobKey, State};
use crate::engine::tally::Tally;
use crate::engine::{Engine, plan};

impl Engine {
    /// Whether nothing of a step has begun, ended, or been decided by a person. A matrix may skip some of its jobs.
    pub(super) fn is_pending_step(&self, build: BuildKey, step: usize) -> bool {
        let jobs = &self.step(build, step).jobs;
        let is_pending = |key: &JobKey| {
            let job = self.jobs.get(*key);
            let has_not_begun = match job.state {
                State::Pending
                | State::Waiting
                | State::WaitingFailed
                | State::Blocked
                | State::BlockedFailed
                | State::Limiting
                | State::Limited
                | State::PlatformLimiting
                | State::PlatformLimited
                | State::Scheduled
                | State::Reserved => true,
                State::Unblocked
                | State::UnblockedFailed
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
                | State::Broken => false,
            };
            has_not_begun && job.attempt == 1
        };
        let is_skipped = |key: &JobKey| self.jobs.get(*key).state == State::Broken;
        jobs.iter().any(is_pending) && jobs.iter().all(|job| is_pending(job) || is_skipped(job))
    }

    /// Takes the steps out of a build of which nothing has begun.
    pub(super) fn remove_pending_steps(&mut self, build: BuildKey) {
        let order = Arc::clone(&self.progress.get(build).order);
        let (gone, kept): (Vec<usize>, Vec<usize>) = order
            .iter()
            .partition(|step| self.is_pending_step(build, **step));
        for step in gone {
            for key in self.step(build, step).jobs.clone() {
                let job = self.jobs.get(key);
                let counted = Tally::of(job, self.step_of(job).readiness);
                self.recount(build, counted, Tally::default());
                self.remove_job(key);
            }
            self.change_step(build, step, |run| {
                run.jobs.clear();
                run.class = Class::Satisfied;
            });
        }
        let mut steps = self.progress.get(build).steps.clone();
        let changed = plan::relink(&mut steps, &kept);
        let progress = self.progress.change(build);
        progress.steps = steps;
        progress.order = kept.into();
        self.agenda
            .steps
            .extend(changed.into_iter().map(|step| (build, step)));
    }
}
