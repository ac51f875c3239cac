//! One job's transition and everything that belongs to it: times, history, timers, counts, its step's class.
//!
//! This is the only place where a job's state is written. What follows for other jobs and for the build is put on the
//! agenda and done in `settle`.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::graph::{self, Class};
use crate::engine::job::{self, Illegal, Job, JobKey, Moment, State};
use crate::engine::pipeline::{Counts, PipelineKey};
use crate::engine::tally::Tally;
use crate::engine::timers::Timer;
use crate::pipeline::{SoftFail, Step};
use crate::vocabulary::event::EventKind;
use crate::vocabulary::exit::Exit;
use crate::vocabulary::states::{BuildState, JobType};

/// How long a command may keep running once it was asked to stop: 10 seconds. Then the agent kills it and reports.
/// Source: Buildkite docs, "Build timeouts", section "Command timeouts".
///
/// Chosen: a simulated command uses all of it, even one whose script would have ended it sooner. How a command takes
/// the signal is nowhere in its script, and one length for all lets `canceling` and `timing_out` be seen; what ends
/// sooner a test ends by hand.
const CANCEL_GRACE_PERIOD: TimeDelta = TimeDelta::seconds(10);

/// How long a job may wait for an agent, from its creation: 30 days.
/// Source: Buildkite docs, "Build timeouts", section "Scheduled job expiry".
const JOB_EXPIRY: TimeDelta = TimeDelta::days(30);

/// When a job that waited too long expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// At that instant.
    Exact,
    /// When the service next looks: at the fifth minute of an hour.
    Hourly,
}

impl Expiry {
    fn of(self, created_at: DateTime<Utc>) -> DateTime<Utc> {
        let exact = created_at.checked_add_signed(JOB_EXPIRY);
        let due = match self {
            Self::Exact => exact,
            Self::Hourly => exact.and_then(next_sweep),
        };
        due.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// The first fifth minute of an hour at or after an instant.
fn next_sweep(from: DateTime<Utc>) -> Option<DateTime<Utc>> {
    const HOUR: i64 = 3_600_000;
    const SWEEP: i64 = 5 * 60_000;
    let since = (from.timestamp_millis() - SWEEP).rem_euclid(HOUR);
    let wait = if since == 0 { 0 } else { HOUR - since };
    from.checked_add_signed(TimeDelta::milliseconds(wait))
}

impl Engine {
    /// Makes a transition that carries nothing with it.
    pub(crate) fn change(&mut self, key: JobKey, event: job::Event) -> Result<(), Illegal> {
        self.change_with(key, event, |_| {})
    }

    /// Makes a transition, writing `details` in the same change. A refusal writes nothing.
    pub(crate) fn change_with(
        &mut self,
        key: JobKey,
        event: job::Event,
        details: impl FnOnce(&mut Job),
    ) -> Result<(), Illegal> {
        let job = self.jobs.get(key);
        let to = job::next(job.kind, job.state, event)?;
        #[cfg(test)]
        crate::engine::tests::took(|| {
            let (from, event, to) = (job.state.word(), event.word(), to.word());
            format!("{} {from} {event} -> {to}", job.kind)
        });
        let (from, build, step) = (job.state, job.build, job.step);
        let is_new = job.history.is_empty();
        let now = self.now;
        let seen = is_new || from.reported() != to.reported();
        let mut armed = Vec::new();
        self.counted(key, |engine| {
            let job = engine.jobs.change(key);
            armed = std::mem::take(&mut job.timers);
            job.state = to;
            details(job);
            stamp(job, to, now);
            if seen {
                job.history.push(Moment {
                    at: now,
                    state: to.reported(),
                });
            }
        });
        for timer in armed {
            self.disarm(timer);
        }
        let soft_failed = self.is_soft_failure(key);
        if soft_failed != self.jobs.get(key).soft_failed {
            self.counted(key, |engine| {
                engine.jobs.change(key).soft_failed = soft_failed;
            });
        }

        if seen {
            self.record(EventKind::Job {
                job: self.job_ref(key),
                from: (!is_new).then(|| from.reported()),
                to: to.reported(),
            });
        }
        self.notice_job(key, event, to);
        if to == State::Running && self.builds.get(build).started_at.is_none() {
            self.builds.change(build).started_at = Some(now);
        }
        if from == State::Scheduled {
            self.leave_queue(key);
            self.withdraw_questions(key);
        }
        self.polls.remove(&key);
        if from == State::Running {
            self.plans.remove(&key);
        }
        if from.is_on_agent() && !to.is_on_agent() {
            self.cut_log(key);
        }
        self.release_agent(key, from, to);
        self.arm(key, to);
        self.keep_place(key);
        self.note_trigger(key, to);
        if to == State::Unblocked {
            self.rejoin_groups(build);
        }
        self.reclassify(build, step);
        self.agenda.builds.insert(build);
        self.retry_by_rule(key);
        // A promise was told of when it was made.
        if self
            .jobs
            .get(key)
            .promise()
            .is_none_or(|promise| !promise.is_hard)
        {
            self.note_failing(key);
        }
        Ok(())
    }

    /// What the service itself does about a trigger job in this state.
    fn note_trigger(&mut self, key: JobKey, to: State) {
        if self.jobs.get(key).kind != JobType::Trigger {
            return;
        }
        if to == State::Scheduled {
            self.agenda.triggers.push_back(key);
        } else if to == State::Canceling {
            self.agenda.cancels.push_back(key);
        }
    }

    /// Makes a transition that this engine has already found legal.
    pub(crate) fn must_change(&mut self, key: JobKey, event: job::Event) {
        self.change(key, event).unwrap_or_else(|illegal| {
            panic!("the engine asked for an illegal transition: {illegal}")
        });
    }

    /// The command of a job ended, and its agent reports.
    ///
    /// A job that promised to fail keeps the promise: if it ends in a way that counts for less, it ends with the status
    /// it promised.
    pub(crate) fn finish(&mut self, key: JobKey, mut exit: Exit) -> Result<(), Illegal> {
        if let Some(promise) = self.jobs.get(key).promise() {
            if exit.status == 0 || promise.is_hard && !self.is_hard(key, &exit) {
                exit.status = promise.exit_status;
            }
            // A rule may ask for what stopped the command, and not for its status.
            if promise.is_hard && !self.is_hard(key, &exit) {
                exit = Exit::status(promise.exit_status);
            }
        }
        let event = if exit.status == 0 {
            job::Event::Succeed
        } else {
            job::Event::Fail
        };
        let job = self.jobs.get(key);
        job::next(job.kind, job.state, event)?;
        self.hear_of_agent(key);
        self.change_with(key, event, |job| job.exit = Some(exit))
    }

    /// Writes something about a job that may change what it counts for.
    pub(crate) fn counted(&mut self, key: JobKey, write: impl FnOnce(&mut Self)) {
        let job = self.jobs.get(key);
        let build = job.build;
        let readiness = self.step_of(job).readiness;
        let before = Tally::of(job, readiness);
        write(self);
        let after = Tally::of(self.jobs.get(key), readiness);
        self.recount(build, before, after);
    }

    /// Replaces one job's part of the counts.
    pub(crate) fn recount(&mut self, key: BuildKey, before: Tally, after: Tally) {
        if before == after {
            return;
        }
        self.progress.change(key).tally.replace(before, after);
        let pipeline = self.builds.get(key).pipeline;
        self.recount_pipeline(pipeline, job_counts(before), job_counts(after));
    }

    /// Replaces a part of what a pipeline shows of its builds and jobs.
    pub(crate) fn recount_pipeline(&mut self, key: PipelineKey, before: Counts, after: Counts) {
        if before == after {
            return;
        }
        self.activity.change(key).counts.replace(before, after);
    }

    /// Adds a job to its step, its build and their counts. It has no state anyone saw until its first transition.
    pub(crate) fn add_job(&mut self, job: Job) -> JobKey {
        let (build, step, id) = (job.build, job.step, job.id);
        let key = self.jobs.push(job);
        self.job_ids.insert(id, key);
        self.change_step(build, step, |step| step.jobs.push(key));
        let readiness = self.step_of(self.jobs.get(key)).readiness;
        let counted = Tally::of(self.jobs.get(key), readiness);
        self.recount(build, Tally::default(), counted);
        key
    }

    pub(crate) fn change_step(
        &mut self,
        build: BuildKey,
        step: usize,
        write: impl FnOnce(&mut graph::StepRun),
    ) {
        let steps = &mut self.progress.change(build).steps;
        let step = steps.get_mut(step).expect("a step of the build");
        write(step);
    }

    /// Looks again at what a step means for its dependents, and tells them if that changed.
    pub(crate) fn reclassify(&mut self, build: BuildKey, step: usize) {
        let run = self.step(build, step);
        let classes = run
            .jobs
            .iter()
            .map(|key| self.jobs.get(*key))
            .filter(|job| !job.is_superseded());
        let class = classes
            .map(|job| graph::class_of_job(job, run.readiness))
            .max()
            .unwrap_or(Class::Satisfied);
        let before = run.class;
        if class == before {
            return;
        }
        let dependents = Arc::clone(&run.dependents);
        self.change_step(build, step, |run| run.class = class);
        if before == Class::Pending && self.step(build, step).wants_notices() {
            self.agenda.finished.push_back((build, step));
        }
        if class == Class::Pending {
            // Open again: what waits for it may be behind a block step once more.
            self.rejoin_groups(build);
        }
        for dependent in dependents.iter().copied() {
            let waited_for = self.step(build, dependent).pending;
            let waits_for = match (before, class) {
                (Class::Pending, _) => waited_for - 1,
                (_, Class::Pending) => waited_for + 1,
                (Class::Satisfied | Class::Failed | Class::Errored, _) => waited_for,
            };
            self.change_step(build, dependent, |run| run.pending = waits_for);
            // In between its answer is the same: it waits.
            if waits_for == 0 || waited_for == 0 {
                self.agenda.steps.push((build, dependent));
            }
        }
    }

    /// Arms what belongs to a state.
    fn arm(&mut self, key: JobKey, state: State) {
        if self.jobs.get(key).kind != JobType::Script {
            return;
        }
        match state {
            State::Scheduled => {
                let expiry = self.expiry.of(self.jobs.get(key).created_at).max(self.now);
                self.arm_timer(key, expiry, Timer::Expire(key));
                self.arm_pick_up(key);
            }
            State::Running => {
                // The end of the command first: one that takes exactly as long as it may has made it.
                self.arm_script(key);
                if let Some(limit) = self.timeout_of(key) {
                    self.arm_timer(key, self.after(limit), Timer::TimeOut(key));
                }
            }
            // Nobody reports for an agent that is silent, until Buildkite gives it up.
            State::Canceling | State::TimingOut => {
                if !self.is_silent(key) {
                    self.arm_timer(key, self.after(CANCEL_GRACE_PERIOD), Timer::GraceEnds(key));
                }
            }
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
            | State::Reserved
            | State::Assigned
            | State::Accepted
            | State::Passed
            | State::Failed
            | State::Canceled
            | State::TimedOut
            | State::Expired
            | State::Skipped
            | State::Broken => {}
        }
    }

    pub(crate) fn arm_timer(&mut self, key: JobKey, due: DateTime<Utc>, timer: Timer) {
        let armed = self.timers.arm(due, timer);
        self.jobs.change(key).timers.push(armed);
    }

    /// How long a job may run: what its step says, else the pipeline's default, capped by the pipeline's maximum.
    pub(crate) fn timeout_of(&self, key: JobKey) -> Option<TimeDelta> {
        let job = self.jobs.get(key);
        let Step::Command(step) = &*job.spec else {
            return None;
        };
        let settings = &self
            .pipelines
            .get(self.builds.get(job.build).pipeline)
            .settings;
        let wanted = step
            .timeout_in_minutes
            .or(settings.default_command_step_timeout);
        let minutes = match (wanted, settings.maximum_command_step_timeout) {
            (Some(wanted), Some(most)) => wanted.min(most),
            (wanted, most) => wanted.or(most)?,
        };
        Some(TimeDelta::minutes(i64::from(minutes)))
    }

    /// Whether the step forgives what its job came to.
    ///
    /// Chosen: a canceled job is forgiven by `soft_fail: true`, a timed-out one by its exit status, an expired one
    /// never.
    fn is_soft_failure(&self, key: JobKey) -> bool {
        let job = self.jobs.get(key);
        let soft_fail = match &*job.spec {
            Step::Command(step) => &step.soft_fail,
            Step::Trigger(step) => &step.soft_fail,
            Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Group(_) => return false,
        };
        let status = job.exit.as_ref().map(|exit| exit.status);
        match job.state {
            State::Failed | State::TimedOut => {
                match status {
                    Some(status) => soft_fail.covers(status),
                    // A trigger job has no exit status.
                    None => job.kind == JobType::Trigger && *soft_fail == SoftFail::Any,
                }
            }
            State::Canceled => *soft_fail == SoftFail::Any,
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
            | State::Expired
            | State::Skipped
            | State::Broken => false,
        }
    }
}

/// The instants that belong to a state, in one place.
fn stamp(job: &mut Job, to: State, now: DateTime<Utc>) {
    let times = &mut job.times;
    match to {
        State::Limiting => times.limited_at = times.limited_at.or(Some(now)),
        State::Scheduled => times.runnable_at = Some(now),
        State::Running => times.started_at = Some(now),
        State::Passed | State::Failed | State::Canceled | State::TimedOut | State::Skipped => {
            times.finished_at = Some(now);
        }
        State::Expired => {
            times.expired_at = Some(now);
            times.finished_at = Some(now);
        }
        State::Unblocked => times.unblocked_at = times.unblocked_at.or(Some(now)),
        State::Pending
        | State::Waiting
        | State::WaitingFailed
        | State::Blocked
        | State::BlockedFailed
        | State::UnblockedFailed
        | State::Limited
        | State::PlatformLimiting
        | State::PlatformLimited
        | State::Reserved
        | State::Assigned
        | State::Accepted
        | State::Canceling
        | State::TimingOut
        | State::Broken => {}
    }
}

fn job_counts(tally: Tally) -> Counts {
    Counts {
        scheduled_jobs: tally.scheduled,
        running_jobs: tally.running,
        waiting_jobs: tally.waiting,
        ..Counts::default()
    }
}

/// What a build in this state adds to its pipeline's counts of builds.
pub(crate) fn build_counts(state: BuildState) -> Counts {
    let (scheduled_builds, running_builds) = match state {
        BuildState::Creating | BuildState::Scheduled => (1, 0),
        // Recorded: a build that is being canceled counts as running.
        BuildState::Running | BuildState::Failing | BuildState::Canceling => (0, 1),
        BuildState::Blocked
        | BuildState::Passed
        | BuildState::Failed
        | BuildState::Canceled
        | BuildState::Skipped
        | BuildState::NotRun => (0, 0),
    };
    Counts {
        scheduled_builds,
        running_builds,
        ..Counts::default()
    }
}

/// Everything a build adds to its pipeline's counts.
pub(crate) fn counts_of(state: BuildState, tally: Tally) -> Counts {
    let mut counts = build_counts(state);
    counts.add(job_counts(tally));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_comes_at_the_fifth_minute_of_an_hour() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        for (created, expires) in [
            ("2030-01-01T00:00:00Z", "2030-01-31T00:05:00Z"),
            ("2030-01-01T00:05:00Z", "2030-01-31T00:05:00Z"),
            ("2030-01-01T00:05:00.001Z", "2030-01-31T01:05:00Z"),
            ("1969-06-01T23:59:59Z", "1969-07-02T00:05:00Z"),
        ] {
            assert_eq!(Expiry::Hourly.of(at(created)), at(expires), "{created}");
        }
        assert_eq!(
            Expiry::Hourly.of(DateTime::<Utc>::MAX_UTC),
            DateTime::<Utc>::MAX_UTC
        );
        assert_eq!(
            Expiry::Exact.of(at("2030-01-01T00:00:00Z")),
            at("2030-01-31T00:00:00Z")
        );
    }
}
