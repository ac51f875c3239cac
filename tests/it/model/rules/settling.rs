//! What follows from a change, asked again and again until nothing changes: jobs, trigger jobs, builds, concurrency
//! groups.

use fake_buildkite::{BuildState, JobState, JobType};

use super::{Class, Due, Model, UNTIL_EXPIRED, Verdict};
use crate::model::worlds::Fleet;

impl Model {
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let changed = (0..self.builds.len()).any(|at| self.settle_jobs(at))
                || (0..self.builds.len()).any(|at| self.settle_triggers(at))
                || (0..self.builds.len()).any(|at| self.settle_build(at))
                || self.act()
                || self.settle_limits();
            if !changed {
                return;
            }
        }
        panic!("the model does not settle");
    }

    pub(super) fn is_frozen(&self, at: usize) -> bool {
        let build = &self.builds[at];
        build.is_to_cancel || build.state == BuildState::Skipped
    }

    /// What the jobs of a build do because of what they depend on: all of them once, and not yet what follows from
    /// that.
    fn settle_jobs(&mut self, at: usize) -> bool {
        use JobState as S;
        if self.is_frozen(at) {
            return false;
        }
        let mut changes = Vec::new();
        for index in 0..self.builds[at].jobs.len() {
            let job = self.builds[at].jobs[index].clone();
            if !job.is_current() {
                continue;
            }
            let verdict = self.verdict(at, job.step);
            let next = match (job.state, verdict) {
                (S::Waiting, Verdict::Go) => match job.kind {
                    JobType::Waiter => S::Passed,
                    JobType::Script if self.concurrency(at, index).is_some() => S::Limited,
                    _ => S::Scheduled,
                },
                (S::Waiting, Verdict::Never) => S::WaitingFailed,
                (S::Blocked, Verdict::Never) => S::BlockedFailed,
                (S::Unblocked, Verdict::Never) => S::UnblockedFailed,
                (_, Verdict::Wait) if self.waits_for_a_job(at, job.step) => {
                    match reopened(job.state) {
                        Some(next) => next,
                        None => continue,
                    }
                }
                _ => continue,
            };
            changes.push((index, next));
        }
        for (index, next) in &changes {
            match next {
                S::Scheduled => self.schedule(at, *index),
                S::Passed => {
                    let job = &mut self.builds[at].jobs[*index];
                    (job.state, job.finished) = (S::Passed, Some(self.now));
                }
                next => self.builds[at].jobs[*index].state = *next,
            }
        }
        !changes.is_empty()
    }

    /// What gave up waits again when something that it depends on is open again. Whether anything does.
    pub(super) fn reopen(&mut self, at: usize) -> bool {
        let mut any = false;
        for index in 0..self.builds[at].jobs.len() {
            let job = &self.builds[at].jobs[index];
            if let Some(next) = reopened(job.state)
                && job.is_current()
                && self.verdict(at, job.step) == Verdict::Wait
                && self.waits_for_a_job(at, job.step)
            {
                self.builds[at].jobs[index].state = next;
                any = true;
            }
        }
        any
    }

    /// Whether something it depends on is open: not just a key that nobody has.
    fn waits_for_a_job(&self, at: usize, step: usize) -> bool {
        let dependencies = self.dependencies(at, step);
        let mut on = dependencies.iter().filter_map(|dependency| dependency.on);
        on.any(|on| self.class(at, on) == Class::Pending)
    }

    fn schedule(&mut self, at: usize, index: usize) {
        let now = self.now;
        let job = &mut self.builds[at].jobs[index];
        job.state = JobState::Scheduled;
        job.runnable = Some(now);
        if job.kind == JobType::Trigger {
            self.to_act.push((at, index));
            return;
        }
        // It counts from when the job was made. For one that is too old already it is due at once: when time moves
        // next.
        let expires = (job.created + UNTIL_EXPIRED - now).max(0);
        self.arm(expires, (at, index), Due::Expiry);
        if self.fleet != Fleet::Nobody
            && let Some(wait) = self.script(at, index).pick_up
        {
            self.arm(wait, (at, index), Due::PickUp);
        }
    }

    /// Whether a job stands behind a block or input step that nobody has unblocked.
    fn is_behind_a_person(&self, at: usize, step: usize) -> bool {
        self.dependencies(at, step).iter().any(|dependency| {
            let Some(on) = dependency.on else {
                return false;
            };
            let jobs = &self.builds[at].jobs;
            let is_blocked = jobs
                .iter()
                .any(|job| job.step == on && job.state == JobState::Blocked);
            is_blocked || self.class(at, on) == Class::Pending && self.is_behind_a_person(at, on)
        })
    }

    /// The first job of a concurrency group that may go.
    fn settle_limits(&mut self) -> bool {
        use JobState as S;
        for group in 0..3 {
            let mut queue = Vec::new();
            for at in 0..self.builds.len() {
                for index in self.in_order(at) {
                    let job = &self.builds[at].jobs[index];
                    let is_member = self
                        .concurrency(at, index)
                        .is_some_and(|(_, of)| of == group)
                        && job.is_current()
                        && (job.is_at_work()
                            || job.state == S::Waiting && !self.is_behind_a_person(at, job.step));
                    if is_member {
                        queue.push((at, index));
                    }
                }
            }
            let is_eager = group % 2 == 1;
            if is_eager {
                queue.sort_by_key(|&(at, index)| -self.priority(at, index));
            }
            let is_queued = |&&(at, index): &&(usize, usize)| {
                matches!(self.builds[at].jobs[index].state, S::Waiting | S::Limited)
            };
            let holding = queue.len() - queue.iter().filter(is_queued).count();
            let first = queue.iter().enumerate().find(|(place, (at, index))| {
                let ahead = queue[..*place].iter().filter(is_queued).count();
                let taken = if is_eager { holding } else { holding + ahead };
                let limit = self.concurrency(*at, *index).map_or(0, |(limit, _)| limit);
                self.builds[*at].jobs[*index].state == S::Limited && taken < limit
            });
            if let Some((_, &(at, index))) = first {
                self.schedule(at, index);
                return true;
            }
        }
        false
    }

    fn settle_triggers(&mut self, at: usize) -> bool {
        use BuildState as B;
        use JobState as S;
        for index in 0..self.builds[at].jobs.len() {
            let build = &self.builds[at];
            let job = &build.jobs[index];
            let (Some(child), S::Running | S::Canceling) = (job.child, job.state) else {
                continue;
            };
            let child = &self.builds[child];
            let next = match child.state {
                B::Passed | B::NotRun | B::Failed | B::Canceled | B::Skipped
                    if job.state == S::Canceling =>
                {
                    S::Canceled
                }
                B::Passed | B::NotRun => S::Passed,
                B::Skipped => S::Skipped,
                B::Canceled if child.gave_way => S::Skipped,
                B::Failed | B::Canceled => S::Failed,
                _ => continue,
            };
            self.end(at, index, next);
            return true;
        }
        false
    }
}

/// What a job that gave up is when it need not have.
pub(super) fn reopened(state: JobState) -> Option<JobState> {
    match state {
        JobState::WaitingFailed => Some(JobState::Waiting),
        JobState::BlockedFailed => Some(JobState::Blocked),
        JobState::UnblockedFailed => Some(JobState::Unblocked),
        _ => None,
    }
}
