//! What a build amounts to, and what comes of that.

use fake_buildkite::{BuildState, JobState};

use super::{Job, Model, Verdict};

impl Model {
    /// Whether anything goes on in a build. What waits does not count: it waits for something that does, or for a
    /// person, or for what nobody has. What was unblocked early does, by the letter, while somebody can still act.
    fn has_work(&self, at: usize) -> bool {
        let current = self.builds[at].jobs.iter().filter(|job| job.is_current());
        let current: Vec<_> = current.collect();
        let is_early = |job: &Job| {
            job.state == JobState::Unblocked && self.verdict(at, job.step) == Verdict::Wait
        };
        current.iter().any(|job| job.is_at_work())
            || current.iter().any(|job| job.state == JobState::Blocked)
                && current.iter().any(|job| is_early(job))
    }

    pub(super) fn has_failed(&self, at: usize) -> bool {
        use JobState as S;
        let build = &self.builds[at];
        build
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.is_current())
            .any(|(index, job)| match job.state {
                S::Failed | S::TimedOut | S::Canceled => !job.soft_failed,
                S::Expired => true,
                // Also when it is being stopped: a build does not recover by that.
                S::Running | S::TimingOut | S::Canceling => self.has_promised(at, index),
                _ => false,
            })
    }

    fn has_promised(&self, at: usize, index: usize) -> bool {
        let promise = self.builds[at].jobs[index].promise;
        promise.is_some_and(|status| self.weight(at, index, (status, None)) == 2)
    }

    /// What a build amounts to.
    pub(super) fn settle_build(&mut self, at: usize) -> bool {
        use BuildState as B;
        use JobState as S;
        let build = &self.builds[at];
        if matches!(build.state, B::Skipped | B::Canceled) {
            return false;
        }
        let current: Vec<_> = build.jobs.iter().filter(|job| job.is_current()).collect();
        let has = |state: S| current.iter().any(|job| job.state == state);
        let next = if build.is_to_cancel {
            let is_busy = has(S::Canceling) || has(S::Running) || has(S::TimingOut);
            if is_busy { B::Canceling } else { B::Canceled }
        } else if self.has_work(at) {
            let was_at_rest = matches!(build.state, B::Passed | B::Failed | B::Blocked);
            if build.started.is_none() && !was_at_rest && build.state == B::Scheduled {
                B::Scheduled
            } else if self.has_failed(at) {
                B::Failing
            } else {
                B::Running
            }
        } else if self.has_failed(at) || !has(S::Blocked) && self.is_stuck(at) {
            B::Failed
        } else if has(S::Blocked) {
            B::Blocked
        } else if current
            .iter()
            .all(|job| matches!(job.state, S::Broken | S::Skipped))
        {
            B::NotRun
        } else {
            B::Passed
        };
        if next == build.state {
            return next == B::Failed && self.give_up(at);
        }
        // What ended otherwise went on in between. A build that waits for a person can fail without having done so.
        let is_at_rest = |state| matches!(state, B::Passed | B::Failed | B::Blocked);
        let before = self.builds[at].state;
        if is_at_rest(before) && is_at_rest(next) && (before, next) != (B::Blocked, B::Failed) {
            self.enter(at, B::Running);
        }
        self.enter(at, next);
        true
    }

    /// Whether a job waits for what nobody has, or was given up for that.
    fn is_stuck(&self, at: usize) -> bool {
        use JobState as S;
        let mut jobs = self.builds[at].jobs.iter().filter(|job| job.is_current());
        jobs.any(|job| match job.state {
            S::Waiting => true,
            S::WaitingFailed | S::BlockedFailed | S::Unblocked | S::UnblockedFailed => {
                self.verdict(at, job.step) == Verdict::Wait
            }
            _ => false,
        })
    }

    pub(super) fn enter(&mut self, at: usize, next: BuildState) {
        use BuildState as B;
        use JobState as S;
        let now = self.now;
        let before = self.builds[at].state;
        self.builds[at].state = next;
        let shown_as = self.reported(at);
        // It did when its first job started, or else it does when a person has acted.
        let begins = before == B::Scheduled && matches!(next, B::Running | B::Failing)
            || before == B::Blocked && next == B::Running && self.builds[at].started.is_none();
        let build = &mut self.builds[at];
        match next {
            B::Running | B::Failing => {
                build.finished = None;
                if matches!(before, B::Passed | B::Failed) || build.started.is_none() {
                    build.started = Some(now);
                }
            }
            B::Canceling => {}
            B::Blocked if shown_as == B::Running => {}
            _ => build.finished = Some(now),
        }
        if next == B::Failed {
            self.give_up(at);
        }
        if begins {
            self.cancel_older(at);
        }
        if next == B::Failing {
            self.builds[at].failing.get_or_insert(now);
            for index in 0..self.builds[at].jobs.len() {
                let asks = self
                    .command(at, index)
                    .is_some_and(|command| command.cancel_on_build_failing);
                let job = &self.builds[at].jobs[index];
                let can = matches!(
                    job.state,
                    S::Waiting | S::Limited | S::Scheduled | S::Running
                );
                // One that promised to fail ends the others, not itself.
                if asks && can && job.is_current() && !self.has_promised(at, index) {
                    self.cancel_job(at, index);
                }
            }
        }
    }

    /// In a failed build nothing waits any more. Whether anything did.
    fn give_up(&mut self, at: usize) -> bool {
        use JobState as S;
        let count = self.builds[at].jobs.len();
        let next = |index: usize| {
            let job = &self.builds[at].jobs[index];
            match job.state {
                _ if !job.is_current() => None,
                S::Waiting => Some(S::WaitingFailed),
                S::Blocked => Some(S::BlockedFailed),
                S::Unblocked if self.verdict(at, job.step) == Verdict::Wait => {
                    Some(S::UnblockedFailed)
                }
                _ => None,
            }
        };
        let all: Vec<_> = (0..count).map(next).collect();
        for (index, next) in all.iter().enumerate() {
            if let Some(next) = next {
                self.builds[at].jobs[index].state = *next;
            }
        }
        all.iter().any(Option::is_some)
    }

    fn cancel_older(&mut self, at: usize) {
        use BuildState as B;
        let pipeline = self.builds[at].pipeline;
        if !self.pipelines[pipeline].cancels_intermediate {
            return;
        }
        for older in 0..at {
            let is_meant = self.builds[older].pipeline == pipeline
                && self.builds[older].branch == self.builds[at].branch
                && matches!(
                    self.builds[older].state,
                    B::Running | B::Failing | B::Blocked
                );
            if is_meant {
                self.builds[older].gave_way = true;
                self.cancel_build(older);
            }
        }
    }
}
