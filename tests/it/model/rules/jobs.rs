//! Jobs come and go: agents take them, they end, are tried again, given up and canceled.

use fake_buildkite::{BuildState, JobState, SignalReason};

use super::settling::reopened;
use super::{Due, GRACE, Model, Timer, Verdict};
use crate::model::worlds::{Fleet, Kind, SoftFail, Statuses};

impl Model {
    pub(super) fn arm(&mut self, after: i64, job: (usize, usize), what: Due) {
        self.armed += 1;
        let (due, order) = (self.now + after, self.armed);
        self.timers.push(Timer {
            due,
            order,
            job,
            what,
        });
    }

    pub(super) fn free_agents(&self) -> usize {
        let jobs = self.builds.iter().flat_map(|build| &build.jobs);
        let busy = jobs
            .filter(|job| job.is_on_agent() && !job.is_beside_the_fleet)
            .count();
        match self.fleet {
            Fleet::Unlimited | Fleet::Nobody => usize::MAX,
            Fleet::Fixed(count) => count - self.lost_agents - busy,
        }
    }

    /// Trigger steps act when everything else has settled, in the order in which they came to it.
    pub(super) fn act(&mut self) -> bool {
        if self.to_act.is_empty() {
            if self.to_cancel.is_empty() {
                return false;
            }
            let child = self.to_cancel.remove(0);
            self.cancel_build(child);
            return true;
        }
        let (at, index) = self.to_act.remove(0);
        if self.builds[at].jobs[index].state != JobState::Scheduled {
            return true;
        }
        let job = &mut self.builds[at].jobs[index];
        (job.state, job.started) = (JobState::Running, Some(self.now));
        self.builds[at].started.get_or_insert(self.now);
        let step = self.builds[at].jobs[index].step;
        let kind = &self.builds[at].steps[step].step.kind;
        // One that waits for nothing is over as soon as it has begun: its build ran, and does not notice more in
        // between.
        let is_over = matches!(
            kind,
            Kind::Trigger {
                asynchronous: true,
                ..
            }
        );
        if !is_over {
            self.settle_build(at);
        } else if self.builds[at].state == BuildState::Scheduled {
            self.enter(at, BuildState::Running);
        }
        let leaf = self.pipelines.len() - 1;
        let child = self.make_build(leaf, "main", None, Some((at, index)));
        self.builds[at].jobs[index].child = Some(child);
        if is_over {
            self.end(at, index, JobState::Passed);
        }
        true
    }

    /// The first job in the queue of those whose time has come goes to an agent.
    pub(super) fn hand_out(&mut self) -> bool {
        if self.free_agents() == 0 {
            return false;
        }
        let mut queue = Vec::new();
        for at in 0..self.builds.len() {
            for (index, job) in self.builds[at].jobs.iter().enumerate() {
                if job.is_due && job.state == JobState::Scheduled {
                    queue.push((
                        (-self.priority(at, index), job.scheduled, job.made),
                        (at, index),
                    ));
                }
            }
        }
        queue.sort_unstable();
        let Some(&(_, (at, index))) = queue.first() else {
            return false;
        };
        // The end of the command before its time-out: one that takes exactly as long as it may has made it.
        let script = self.script(at, index);
        self.builds[at].jobs[index].does = Some(script);
        if let Some((after, status)) = script.promise {
            self.arm(after, (at, index), Due::Promise(status));
        }
        if let Some(takes) = script.takes {
            self.arm(takes, (at, index), Due::End);
        }
        self.start(at, index);
        true
    }

    pub(super) fn start(&mut self, at: usize, index: usize) {
        let now = self.now;
        let job = &mut self.builds[at].jobs[index];
        job.state = JobState::Running;
        job.started = Some(now);
        self.builds[at].started.get_or_insert(now);
        if let Some(minutes) = self.timeout(at, index) {
            self.arm(i64::from(minutes) * 60_000, (at, index), Due::TimeOut);
        }
    }

    fn timeout(&self, at: usize, index: usize) -> Option<u32> {
        let pipeline = &self.pipelines[self.builds[at].pipeline];
        let own = self.command(at, index).and_then(|command| command.timeout);
        let asked = own.or(pipeline.default_timeout);
        match (asked, pipeline.maximum_timeout) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        }
    }

    /// How much an ending counts: nothing, a failure that is forgiven or tried again, or a failure.
    pub(super) fn weight(&self, at: usize, index: usize, exit: (i32, Option<SignalReason>)) -> u8 {
        if exit.0 == 0 {
            0
        } else if self.is_soft(at, index, Some(exit.0)) || self.rule_for(at, index, exit).is_some()
        {
            1
        } else {
            2
        }
    }

    fn is_soft(&self, at: usize, index: usize, status: Option<i32>) -> bool {
        let build = &self.builds[at];
        match &build.steps[build.jobs[index].step].step.kind {
            Kind::Command(command) => match &command.soft_fail {
                SoftFail::No => false,
                SoftFail::Always => true,
                SoftFail::Statuses(all) => status.is_some_and(|status| all.contains(&status)),
            },
            Kind::Trigger { soft_fail, .. } => *soft_fail,
            _ => false,
        }
    }

    /// The first rule that fits decides, also if it has no retry left.
    fn rule_for(
        &self,
        at: usize,
        index: usize,
        exit: (i32, Option<SignalReason>),
    ) -> Option<usize> {
        let (status, reason) = exit;
        let rules = &self.command(at, index)?.automatic;
        let rule = rules.iter().position(|rule| {
            let status_fits = match &rule.exit_status {
                Statuses::Unsaid => status != 0,
                Statuses::Any => status > 0,
                Statuses::These(all) => all.contains(&status),
            };
            status_fits && rule.reason.is_none_or(|asked| asked == reason)
        })?;
        let mut used = 0;
        let jobs = &self.builds[at].jobs;
        let mut earlier = jobs[index].retry_of;
        while let Some(before) = earlier {
            used += u32::from(jobs[before].retried_by_rule == Some(rule));
            earlier = jobs[before].retry_of;
        }
        (used < rules[rule].limit.unwrap_or(2)).then_some(rule)
    }

    /// The agent of a job reports how its command ended.
    pub(super) fn finish(&mut self, at: usize, index: usize, exit: (i32, Option<SignalReason>)) {
        use JobState as S;
        let job = &self.builds[at].jobs[index];
        let is_stopped = matches!(job.state, S::Canceling | S::TimingOut);
        let reason = exit.1.or(is_stopped.then_some(SignalReason::Cancel));
        let mut exit = (exit.0, reason);
        if let Some(status) = job.promise {
            // What it promised counts; why it ended is another matter, unless that alone would be forgiven.
            let promised = self.weight(at, index, (status, None));
            if self.weight(at, index, exit) < promised {
                exit.0 = status;
            }
            if self.weight(at, index, exit) < promised {
                exit.1 = None;
            }
        }
        self.finish_with(at, index, exit);
    }

    fn finish_with(&mut self, at: usize, index: usize, exit: (i32, Option<SignalReason>)) {
        use JobState as S;
        let job = &self.builds[at].jobs[index];
        let next = match (job.state, exit.0) {
            (S::Canceling, _) => S::Canceled,
            (_, 0) => S::Passed,
            (S::TimingOut, _) => S::TimedOut,
            _ => S::Failed,
        };
        self.builds[at].jobs[index].exit = Some(exit);
        self.end(at, index, next);
        if matches!(next, S::Failed | S::TimedOut)
            && !self.is_frozen(at)
            && let Some(rule) = self.rule_for(at, index, exit)
        {
            self.builds[at].jobs[index].retried_by_rule = Some(rule);
            self.try_again(at, index);
        }
    }

    pub(super) fn end(&mut self, at: usize, index: usize, next: JobState) {
        use JobState as S;
        let status = self.builds[at].jobs[index].exit.map(|(status, _)| status);
        let is_failure = matches!(next, S::Failed | S::TimedOut | S::Canceled);
        // What was canceled did not end with a status of its own.
        let status = status.filter(|_| next != S::Canceled);
        let soft_failed = is_failure && self.is_soft(at, index, status);
        let now = self.now;
        let job = &mut self.builds[at].jobs[index];
        job.soft_failed = soft_failed;
        job.state = next;
        job.finished = Some(now);
    }

    fn try_again(&mut self, at: usize, index: usize) {
        let new = self.builds[at].jobs.len();
        let build = self.builds[at].clone();
        let old = &build.jobs[index];
        let mut job = self.new_job(&build, old.step, old.index);
        job.scheduled = old.scheduled;
        job.attempt = old.attempt + 1;
        job.retry_of = Some(index);
        self.builds[at].jobs.push(job);
        self.builds[at].jobs[index].retried_in = Some(new);
    }

    /// A build that was at rest is open again, and what gave up only because the build had failed is so, too, unless
    /// something is still failed.
    pub(super) fn retry(&mut self, at: usize, index: usize) {
        self.try_again(at, index);
        // What waits for it waits again before anything else happens, and so does what waits for that.
        while self.reopen(at) {}
        if self.has_failed(at) {
            return;
        }
        for index in 0..self.builds[at].jobs.len() {
            let job = &self.builds[at].jobs[index];
            if job.is_current() && self.verdict(at, job.step) != Verdict::Never {
                let job = &mut self.builds[at].jobs[index];
                job.state = reopened(job.state).unwrap_or(job.state);
            }
        }
    }

    pub(super) fn lose(&mut self, at: usize, index: usize) {
        // Nobody reports: neither why it ended, nor against what was promised.
        self.lost_agents += usize::from(!self.builds[at].jobs[index].is_beside_the_fleet);
        self.finish_with(at, index, (-1, None));
    }

    pub(super) fn cancel_job(&mut self, at: usize, index: usize) {
        let job = &mut self.builds[at].jobs[index];
        if job.state != JobState::Running {
            self.end(at, index, JobState::Canceled);
        } else if let Some(child) = job.child {
            job.state = JobState::Canceling;
            self.to_cancel.push(child);
        } else {
            job.state = JobState::Canceling;
            self.arm(GRACE, (at, index), Due::GraceEnds);
        }
    }

    pub(super) fn cancel_build(&mut self, at: usize) {
        use JobState as S;
        if !self.can_cancel(at) {
            return;
        }
        self.builds[at].is_to_cancel = true;
        for index in 0..self.builds[at].jobs.len() {
            let job = &self.builds[at].jobs[index];
            let is_open =
                job.is_at_work() || matches!(job.state, S::Waiting | S::Blocked | S::Unblocked);
            let is_ending = matches!(job.state, S::Canceling | S::TimingOut);
            if is_open && !is_ending {
                self.cancel_job(at, index);
            }
        }
    }
}
