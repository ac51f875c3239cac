//! What people and time do.

use fake_buildkite::{BuildState, JobState, JobType, SignalReason};

use super::{Due, GRACE, Model, Timer, UNTIL_LOST};
use crate::model::worlds::{Fleet, Hand, Kind, Manual};

impl Model {
    pub(super) fn can_cancel(&self, at: usize) -> bool {
        use BuildState as B;
        let state = self.builds[at].state;
        !self.is_frozen(at) && matches!(state, B::Scheduled | B::Running | B::Failing | B::Blocked)
    }

    /// Whether it is allowed; nothing happens otherwise.
    pub(crate) fn cancel(&mut self, at: usize) -> bool {
        let can = self.can_cancel(at);
        self.cancel_build(at);
        self.settle_with_agents();
        can
    }

    pub(crate) fn retry_failed(&mut self, at: usize) {
        use JobState as S;
        for index in self.in_order(at) {
            let job = &self.builds[at].jobs[index];
            let is_meant = matches!(
                job.state,
                S::Failed | S::TimedOut | S::Canceled | S::Expired
            );
            if is_meant && self.can_retry(at, index) {
                self.retry(at, index);
            }
        }
        self.settle();
    }

    fn can_retry(&self, at: usize, index: usize) -> bool {
        use JobState as S;
        let job = &self.builds[at].jobs[index];
        let manual = self.command(at, index).map(|command| command.manual);
        let has_ended_badly = matches!(
            job.state,
            S::Failed | S::TimedOut | S::Canceled | S::Expired
        );
        let is_permitted = job.state == S::Passed && manual == Some(Manual::OnPassed);
        let waited_for = self.builds[at]
            .triggered_by
            .is_some_and(|(parent, trigger)| {
                let parent = &self.builds[parent];
                let step = &parent.steps[parent.jobs[trigger].step].step;
                parent.is_to_cancel
                    && matches!(
                        step.kind,
                        Kind::Trigger {
                            asynchronous: false,
                            ..
                        }
                    )
            });
        job.kind == JobType::Script
            && job.is_current()
            && !self.is_frozen(at)
            && !waited_for
            && manual != Some(Manual::Forbidden)
            && (has_ended_badly || is_permitted)
    }

    fn is_possible(&self, at: usize, index: usize, hand: Hand) -> bool {
        use JobState as S;
        let job = &self.builds[at].jobs[index];
        let is_script = job.kind == JobType::Script;
        match hand {
            Hand::Start => is_script && job.state == S::Scheduled,
            Hand::Finish(..) | Hand::Lose => job.is_on_agent(),
            Hand::Cancel => {
                is_script
                    && matches!(
                        job.state,
                        S::Waiting | S::Limited | S::Scheduled | S::Running
                    )
            }
            Hand::TimeOut => is_script && job.state == S::Running,
            Hand::Expire => is_script && job.state == S::Scheduled,
            Hand::Silence => job.is_on_agent() && !job.is_silent,
            Hand::Promise(status) => {
                is_script
                    && !job.is_silent
                    && job.state == S::Running
                    && job.promise.is_none_or(|known| known == status)
            }
            Hand::Unblock => job.state == S::Blocked,
            Hand::Retry => self.can_retry(at, index),
        }
    }

    /// Whether it is possible; nothing happens otherwise.
    pub(crate) fn by_hand(&mut self, at: usize, index: usize, hand: Hand) -> bool {
        if !self.is_possible(at, index, hand) {
            return false;
        }
        let now = self.now;
        match hand {
            Hand::Start => {
                let is_beside_the_fleet = self.free_agents() == 0;
                let job = &mut self.builds[at].jobs[index];
                (job.by_hand, job.is_beside_the_fleet) = (true, is_beside_the_fleet);
                self.start(at, index);
            }
            Hand::Finish(status, reason) => {
                // Its agent was heard of again.
                self.builds[at].jobs[index].is_silent = false;
                self.finish(at, index, (status, reason));
            }
            Hand::Cancel => self.cancel_job(at, index),
            Hand::TimeOut => self.time_out(at, index),
            Hand::Expire => self.end(at, index, JobState::Expired),
            Hand::Silence => self.silence(at, index),
            Hand::Lose => self.lose(at, index),
            Hand::Promise(status) => self.builds[at].jobs[index].promise = Some(status),
            Hand::Unblock => {
                let job = &mut self.builds[at].jobs[index];
                (job.state, job.unblocked) = (JobState::Unblocked, Some(now));
                if self.builds[at].state == BuildState::Blocked {
                    self.enter(at, BuildState::Running);
                }
            }
            Hand::Retry => self.retry(at, index),
        }
        self.settle_with_agents();
        true
    }

    fn time_out(&mut self, at: usize, index: usize) {
        self.builds[at].jobs[index].state = JobState::TimingOut;
        self.arm(GRACE, (at, index), Due::GraceEnds);
    }

    fn silence(&mut self, at: usize, index: usize) {
        self.builds[at].jobs[index].is_silent = true;
        self.arm(UNTIL_LOST, (at, index), Due::Lost);
    }

    /// What is due by then, one by one, each at its own instant.
    pub(crate) fn advance(&mut self, by: i64) {
        let target = self.now + by;
        while let Some(next) = self.next_timer(|timer| timer.due <= target) {
            self.fire(&next);
            self.hand_out_all();
        }
        self.now = target;
    }

    /// Until nothing moves a build forward by itself.
    pub(crate) fn run_until_idle(&mut self) {
        while let Some(next) =
            self.next_timer(|timer| !matches!(timer.what, Due::Lost | Due::Expiry))
        {
            let due = next.due;
            while let Some(first) = self.next_timer(|timer| timer.due <= due) {
                self.fire(&first);
                self.hand_out_all();
            }
        }
    }

    fn settle_with_agents(&mut self) {
        self.settle();
        self.hand_out_all();
    }

    /// All agents that are free take what there is; only then follows what follows. A fleet waits for all jobs that
    /// come to be ready at an instant, so that the first of them is the first in the queue.
    fn hand_out_all(&mut self) {
        let now = self.now;
        let more_come = |timer: &Timer| timer.due <= now && timer.what == Due::PickUp;
        if matches!(self.fleet, Fleet::Fixed(_)) && self.next_timer(more_come).is_some() {
            return;
        }
        let mut any = false;
        while self.hand_out() {
            any = true;
        }
        if any {
            self.settle_with_agents();
        }
    }

    fn next_timer(&self, is_meant: impl Fn(&Timer) -> bool) -> Option<Timer> {
        let meant = self
            .timers
            .iter()
            .filter(|timer| self.is_live(timer) && is_meant(timer));
        meant.min_by_key(|timer| (timer.due, timer.order)).cloned()
    }

    /// Whether it still means something.
    fn is_live(&self, timer: &Timer) -> bool {
        use JobState as S;
        let (at, index) = timer.job;
        let job = &self.builds[at].jobs[index];
        match timer.what {
            Due::PickUp => job.state == S::Scheduled,
            Due::Promise(_) => !job.by_hand && !job.is_silent && job.state == S::Running,
            // A command that is told to stop takes all the time it is given, and does nothing else.
            Due::End => !job.by_hand && !job.is_silent && job.state == S::Running,
            Due::TimeOut => job.state == S::Running,
            Due::GraceEnds => !job.is_silent && matches!(job.state, S::Canceling | S::TimingOut),
            Due::Lost => job.is_silent && job.is_on_agent(),
            Due::Expiry => job.state == S::Scheduled,
        }
    }

    fn fire(&mut self, timer: &Timer) {
        self.now = self.now.max(timer.due);
        let (at, index) = timer.job;
        self.timers.retain(|one| one.order != timer.order);
        match timer.what {
            // It is one of those that can be handed out now.
            Due::PickUp => {
                let still_comes = self.script(at, index).pick_up.is_some();
                self.builds[at].jobs[index].is_due = still_comes;
            }
            Due::End => match self.builds[at].jobs[index].does.and_then(|does| does.exit) {
                Some(exit) => self.finish(at, index, exit),
                None => self.silence(at, index),
            },
            Due::Promise(status) => {
                self.builds[at].jobs[index].promise.get_or_insert(status);
            }
            Due::TimeOut => self.time_out(at, index),
            Due::GraceEnds => self.finish(at, index, (-1, Some(SignalReason::Cancel))),
            Due::Lost => self.lose(at, index),
            Due::Expiry => self.end(at, index, JobState::Expired),
        }
        self.settle();
    }
}
