//! What the jobs of a build amount to: counts kept up to date with every change, and the rule that reads them.
//!
//! Counting instead of looking through all jobs keeps the cost of an event independent of the size of its build; that
//! the counts agree with the jobs is checked by `invariants`.
//!
//! Source: Buildkite docs, "Defining steps", section "Build states".

use crate::engine::graph::Readiness;
use crate::engine::job::{Job, State};
use crate::vocabulary::states::{BuildState, JobState};

/// Counts over the jobs of one build that no retry took the place of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All of them.
    pub(crate) total: usize,
    /// Failed for good.
    pub(crate) hard: usize,
    /// Something will happen to them without a person.
    pub(crate) work: usize,
    /// Block and input steps that were unblocked before what they wait for was there.
    pub(crate) early: usize,
    /// An agent's process belongs to them.
    pub(crate) on_agent: usize,
    pub(crate) waiting: usize,
    /// Block and input steps that wait for a person.
    pub(crate) blocked: usize,
    /// Given up because something else failed, or because what they wait for cannot happen.
    pub(crate) resting: usize,
    /// Broken or skipped: they never counted.
    pub(crate) neutral: usize,
    /// Reported as `scheduled`.
    pub(crate) scheduled: usize,
    /// With an agent, from `assigned` on.
    pub(crate) running: usize,
}

impl Tally {
    /// What one job adds. `readiness` is its step's: a step that was unblocked early still waits until what it waits
    /// for is there.
    pub(crate) fn of(job: &Job, readiness: Readiness) -> Self {
        if job.is_superseded() {
            return Self::default();
        }
        let state = job.state;
        let failed_for_good = match state {
            State::Failed | State::TimedOut | State::Canceled => !job.soft_failed,
            State::Expired => true,
            State::Pending
            | State::Waiting
            | State::WaitingFailed
            | State::Blocked
            | State::BlockedFailed
            | State::Unblocked
            | State::UnblockedFailed
            | State::Limiting
            | State::Limited
            | State::PlatformLimiting
            | State::PlatformLimited
            | State::Scheduled
            | State::Reserved
            | State::Assigned
            | State::Accepted
            | State::Running
            | State::Passed
            | State::Canceling
            | State::TimingOut
            | State::Skipped
            | State::Broken => false,
        };
        let promised = job.promise().is_some_and(|promise| promise.is_hard) && state.is_on_agent();
        let is_work = match state {
            State::Limiting
            | State::Limited
            | State::PlatformLimiting
            | State::PlatformLimited
            | State::Scheduled
            | State::Reserved
            | State::Assigned
            | State::Accepted
            | State::Running
            | State::Canceling
            | State::TimingOut => true,
            State::Pending
            | State::Unblocked
            | State::Waiting
            | State::WaitingFailed
            | State::Blocked
            | State::BlockedFailed
            | State::UnblockedFailed
            | State::Passed
            | State::Failed
            | State::Canceled
            | State::TimedOut
            | State::Expired
            | State::Skipped
            | State::Broken => false,
        };
        let one = usize::from;
        Self {
            total: 1,
            hard: one(failed_for_good || promised),
            work: one(is_work),
            early: one(state == State::Unblocked && readiness == Readiness::Pending),
            on_agent: one(state.is_on_agent()),
            waiting: one(matches!(state, State::Pending | State::Waiting)),
            blocked: one(state == State::Blocked),
            resting: one(state.is_resting()),
            neutral: one(matches!(state, State::Broken | State::Skipped)),
            scheduled: one(state.reported() == JobState::Scheduled),
            running: one(state.has_agent()),
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn add(&mut self, other: Self) {
        self.replace(Self::default(), other);
    }

    /// Counts a job as what it is now, and no more as what it was.
    pub(crate) fn replace(&mut self, before: Self, after: Self) {
        let count = |sum: &mut usize, before: usize, after: usize| {
            *sum = (*sum + after)
                .checked_sub(before)
                .expect("a job is taken out of the counts it is in");
        };
        let Self {
            total,
            hard,
            work,
            early,
            on_agent,
            waiting,
            blocked,
            resting,
            neutral,
            scheduled,
            running,
        } = self;
        count(total, before.total, after.total);
        count(hard, before.hard, after.hard);
        count(work, before.work, after.work);
        count(early, before.early, after.early);
        count(on_agent, before.on_agent, after.on_agent);
        count(waiting, before.waiting, after.waiting);
        count(blocked, before.blocked, after.blocked);
        count(resting, before.resting, after.resting);
        count(neutral, before.neutral, after.neutral);
        count(scheduled, before.scheduled, after.scheduled);
        count(running, before.running, after.running);
    }

    /// What a build with these jobs is. The first rule that fits wins.
    ///
    /// `waiting` is not work: once the consequences of a change are carried out, a waiting job waits for work, for a
    /// person, or for a step that does not exist. A build that failed for such a job alone stays failed when the job
    /// has given up: that is all there is to remember it by.
    pub(crate) fn verdict(&self, state: BuildState, has_started: bool) -> BuildState {
        match state {
            BuildState::Skipped | BuildState::Canceled => return state,
            BuildState::Canceling if self.on_agent > 0 => return BuildState::Canceling,
            BuildState::Canceling => return BuildState::Canceled,
            BuildState::Creating
            | BuildState::Scheduled
            | BuildState::Running
            | BuildState::Failing
            | BuildState::Blocked
            | BuildState::Passed
            | BuildState::Failed
            | BuildState::NotRun => {}
        }
        // Chosen: a block step that was unblocked early counts as going on while others are blocked still, although it
        // may wait for one of those. The documentation calls a build blocked that waits for a person, and says nothing
        // of one for which a person has acted already. Without any that is blocked, what it waits for can never come.
        if self.work > 0 || (self.early > 0 && self.blocked > 0) {
            return match (has_started, self.hard) {
                (false, _) => BuildState::Scheduled,
                (true, 0) => BuildState::Running,
                (true, _) => BuildState::Failing,
            };
        }
        if self.hard > 0 || self.resting > 0 || (self.waiting + self.early > 0 && self.blocked == 0)
        {
            return BuildState::Failed;
        }
        if self.blocked > 0 {
            return BuildState::Blocked;
        }
        if self.neutral == self.total {
            return BuildState::NotRun;
        }
        BuildState::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `counts -> verdict`, asked of a running build unless the line says otherwise.
    fn check(lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (left, expected) = line.split_once("->").expect("an arrow");
            let (mut tally, mut state, mut started) = (Tally::default(), BuildState::Running, true);
            for word in left.split_whitespace() {
                match word {
                    "hard" => tally.hard += 1,
                    "work" => tally.work += 1,
                    "on_agent" => tally.on_agent += 1,
                    "waiting" => tally.waiting += 1,
                    "blocked" => tally.blocked += 1,
                    "resting" => tally.resting += 1,
                    "neutral" => tally.neutral += 1,
                    "never_started" => started = false,
                    "done" => {}
                    other => {
                        state = BuildState::from_word(other.trim_start_matches("is_"))
                            .expect("a state");
                        continue;
                    }
                }
                tally.total += usize::from(!word.starts_with("never") && word != "on_agent");
            }
            let found = tally.verdict(state, started);
            assert_eq!(found.as_str(), expected.trim(), "{line}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_wins() {
        check(
            "
            is_skipped work            -> skipped
            is_canceled work           -> canceled
            is_canceling work on_agent -> canceling
            is_canceling work          -> canceled
            never_started work         -> scheduled
            never_started work hard    -> scheduled
            work                       -> running
            work hard waiting          -> failing
            work blocked               -> running
            hard done                  -> failed
            hard blocked               -> failed
            waiting done               -> failed
            resting done               -> failed
            work resting               -> running
            waiting blocked            -> blocked
            blocked done               -> blocked
            neutral neutral            -> not_run
            is_creating                -> not_run
            neutral done               -> passed
            done                       -> passed
            ",
        );
    }
}
