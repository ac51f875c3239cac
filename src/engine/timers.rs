//! Due things, in the one order in which they fire: by instant, then by the order in which they were armed; and what
//! each is when it does.

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::agent::{self, AgentKey};
use crate::engine::job::{Event, JobKey};
use crate::engine::schedule::ScheduleKey;
use crate::persistent::Index;
use crate::vocabulary::exit::Exit;

/// Names one armed timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    pub(crate) due: DateTime<Utc>,
    armed: u64,
}

/// Everything that can happen because time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The simulated fleet picks the job up.
    PickUp(JobKey),
    /// The job's command does the next thing its script told it to, before it ends.
    Act(JobKey),
    /// The job's command ends, as its script said when it started.
    End(JobKey),
    /// The job has run as long as it may.
    TimeOut(JobKey),
    /// The agent's patience with a command that was asked to stop is over.
    GraceEnds(JobKey),
    /// No agent took the job in time.
    Expire(JobKey),
    /// The schedule is to make a build.
    Slot(ScheduleKey),
    /// The agent was not heard of for too long.
    LoseAgent(AgentKey),
    /// The agent was paused for long enough.
    Resume(AgentKey),
}

/// What a timer is armed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Job(JobKey),
    Schedule(ScheduleKey),
    Agent(AgentKey),
}

impl Timer {
    /// Whether a build moves forward because of it. Expiry and the loss of an agent are ends of waiting, not progress,
    /// and a schedule moves no build that is there: a world in which nothing else is armed is idle.
    ///
    /// Chosen: neither is the end of a pause. Jobs may wait for it, and what is left to wait for says so; but no clock
    /// should jump over a pause that a test has just begun.
    pub(crate) const fn is_progress(self) -> bool {
        match self {
            Self::PickUp(_)
            | Self::Act(_)
            | Self::End(_)
            | Self::TimeOut(_)
            | Self::GraceEnds(_) => true,
            Self::Expire(_) | Self::Slot(_) | Self::LoseAgent(_) | Self::Resume(_) => false,
        }
    }

    pub(crate) const fn subject(self) -> Subject {
        match self {
            Self::PickUp(job)
            | Self::Act(job)
            | Self::End(job)
            | Self::TimeOut(job)
            | Self::GraceEnds(job)
            | Self::Expire(job) => Subject::Job(job),
            Self::Slot(schedule) => Subject::Schedule(schedule),
            Self::LoseAgent(agent) | Self::Resume(agent) => Subject::Agent(agent),
        }
    }

    /// What it does, for messages.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::PickUp(_) => "is picked up",
            Self::Act(_) => "does what its script says",
            Self::End(_) => "ends",
            Self::LoseAgent(_) => "is lost",
            Self::Resume(_) => "is resumed",
            Self::TimeOut(_) => "times out",
            Self::GraceEnds(_) => "is killed",
            Self::Expire(_) => "expires",
            Self::Slot(_) => "comes due",
        }
    }
}

/// The armed timers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timers {
    queue: Index<TimerKey, Timer>,
    armed: u64,
    /// How many of them are progress, so that asking for idleness costs nothing.
    progress: usize,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            queue: Index::new(),
            armed: 0,
            progress: 0,
        }
    }

    pub(crate) fn arm(&mut self, due: DateTime<Utc>, timer: Timer) -> TimerKey {
        self.armed += 1;
        let key = TimerKey {
            due,
            armed: self.armed,
        };
        self.queue.insert(key, timer);
        self.progress += usize::from(timer.is_progress());
        key
    }

    pub(crate) fn disarm(&mut self, key: TimerKey) {
        if let Some(timer) = self.queue.remove(&key) {
            self.progress -= usize::from(timer.is_progress());
        }
    }

    /// The next due timer, whether progress or not.
    pub(crate) fn first(&self) -> Option<(TimerKey, Timer)> {
        self.queue.first().map(|(key, timer)| (*key, *timer))
    }

    /// The next due timer that moves a build forward.
    pub(crate) fn first_progress(&self) -> Option<(TimerKey, Timer)> {
        if self.progress == 0 {
            return None;
        }
        self.iter().find(|(_, timer)| timer.is_progress())
    }

    pub(crate) fn get(&self, key: TimerKey) -> Option<Timer> {
        self.queue.get(&key).copied()
    }

    /// Whether this timer is armed and moves a build forward.
    pub(crate) fn is_progress(&self, key: TimerKey) -> bool {
        self.queue
            .get(&key)
            .is_some_and(|timer| timer.is_progress())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TimerKey, Timer)> + '_ {
        self.queue.iter().map(|(key, timer)| (*key, *timer))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn progress(&self) -> usize {
        self.progress
    }
}

impl Engine {
    /// Carries out what became due.
    pub(super) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::PickUp(job) => self.pick_up(job),
            Timer::Act(job) => self.act(job),
            Timer::End(job) => self.end(job),
            Timer::TimeOut(job) => self.must_change(job, Event::TimeOut),
            Timer::GraceEnds(job) => self.must_finish(job, Exit::stopped()),
            Timer::Expire(job) => self.must_change(job, Event::Expire),
            Timer::Slot(schedule) => self.come_due(schedule),
            Timer::LoseAgent(agent) => self.lose_agent(agent),
            Timer::Resume(agent) => self.change_agent(agent, agent::Event::Resume),
        }
    }

    fn must_finish(&mut self, job: JobKey, exit: Exit) {
        self.finish(job, exit)
            .unwrap_or_else(|illegal| panic!("a timer outlived its state: {illegal}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::table::Key as _;

    #[test]
    fn timers_of_one_instant_fire_in_the_order_they_were_armed() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("an instant");
        let (a, b, c) = (
            JobKey::from_row(1),
            JobKey::from_row(2),
            JobKey::from_row(3),
        );
        let mut timers = Timers::new();
        timers.arm(at(5), Timer::End(b));
        timers.arm(at(5), Timer::End(a));
        timers.arm(at(1), Timer::Expire(c));
        timers.arm(at(1), Timer::Slot(ScheduleKey::from_row(1)));
        let order: Vec<_> = timers.iter().map(|(_, timer)| timer.subject()).collect();
        let schedule = Subject::Schedule(ScheduleKey::from_row(1));
        let [a, b, c] = [a, b, c].map(Subject::Job);
        assert_eq!(order, [c, schedule, b, a]);
        assert_eq!(
            timers.first_progress().map(|(_, timer)| timer),
            Some(Timer::End(JobKey::from_row(2)))
        );
        let (first, _) = timers.first_progress().expect("armed");
        timers.disarm(first);
        timers.disarm(first);
        assert_eq!(timers.progress(), 1);
    }
}
