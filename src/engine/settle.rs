//! What follows from a change: dependents go on or give up, and the build becomes what its jobs amount to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::engine::Engine;
use crate::engine::build::{self, BuildKey};
use crate::engine::change::build_counts;
use crate::engine::concurrency::GroupKey;
use crate::engine::graph::Readiness;
use crate::engine::job::{Event, Job, JobKey, State, next};
use crate::engine::notify::Occasion;
use crate::engine::tally::Tally;
use crate::pipeline::{BlockedState, Step};
use crate::vocabulary::event::EventKind;
use crate::vocabulary::states::{BuildState, JobType};

/// What a change made necessary and is not done yet. Empty whenever nobody is inside the engine.
#[derive(Debug, Clone, Default)]
pub(super) struct Agenda {
    /// Steps whose answer may have changed. They are asked in rounds: what a round leads to is for the next one.
    pub(super) steps: Vec<(BuildKey, usize)>,
    /// What is left of a round, in the order in which the steps stand in their builds.
    pub(super) round: VecDeque<(BuildKey, usize)>,
    /// Steps that seem to have nothing left to do.
    pub(super) finished: VecDeque<(BuildKey, usize)>,
    pub(super) builds: BTreeSet<BuildKey>,
    /// New builds, which older ones of their branch may make way for.
    pub(super) newer: VecDeque<BuildKey>,
    /// Trigger jobs whose turn it is.
    pub(super) triggers: VecDeque<JobKey>,
    /// Trigger jobs that were canceled.
    pub(super) cancels: VecDeque<JobKey>,
    /// Concurrency groups in which something changed.
    pub(super) groups: BTreeSet<GroupKey>,
    /// An agent has nothing to do.
    pub(super) offer_jobs: bool,
    /// How many builds were triggered at once.
    pub(super) triggered: usize,
}

impl Engine {
    /// Carries out everything on the agenda, and what that adds to it, until nothing is left.
    ///
    /// It ends: within one instant jobs only move forward along their tables, and the only way back
    /// (`dependency_retried`) needs a retry: a command, or a rule, and rules have limits. New builds come of triggers
    /// alone, which have limits, too.
    pub(super) fn settle(&mut self) {
        loop {
            if let Some((build, step)) = self.agenda.finished.pop_front() {
                self.notify_of_finished_step(build, step);
                continue;
            }
            if let Some((build, step)) = self.next_step() {
                self.look_again(build, step);
                continue;
            }
            if let Some(build) = self.agenda.builds.pop_first() {
                self.settle_build(build);
                continue;
            }
            if let Some(build) = self.agenda.newer.pop_front() {
                self.skip_intermediate(build);
                continue;
            }
            if let Some(job) = self.agenda.triggers.pop_front() {
                self.trigger(job);
                continue;
            }
            if let Some(job) = self.agenda.cancels.pop_front() {
                self.cancel_triggered(job);
                continue;
            }
            if let Some(group) = self.agenda.groups.pop_first() {
                self.admit(&group);
                continue;
            }
            if std::mem::take(&mut self.agenda.offer_jobs) {
                self.offer_jobs();
                continue;
            }
            self.agenda.triggered = 0;
            return;
        }
    }

    /// Asks the steps whose answer may have changed, until no more change.
    pub(crate) fn look_at_steps_again(&mut self) {
        while let Some((build, step)) = self.next_step() {
            self.look_again(build, step);
        }
    }

    /// The next step to ask. Those that can go on at the same time do so in the order in which they stand, whatever
    /// each of them waited for: that order gives the builds of trigger steps their numbers, and makes one job of an
    /// instant due before another.
    fn next_step(&mut self) -> Option<(BuildKey, usize)> {
        if self.agenda.round.is_empty() && !self.agenda.steps.is_empty() {
            let mut round = std::mem::take(&mut self.agenda.steps);
            round.sort_unstable();
            round.dedup();
            if !round
                .iter()
                .all(|(build, step)| self.stands_at_its_number(*build, *step))
            {
                let builds: BTreeSet<_> = round.iter().map(|(build, _)| *build).collect();
                let places: BTreeMap<_, _> = builds
                    .iter()
                    .map(|build| (*build, self.places_of(*build)))
                    .collect();
                round.sort_by_key(|(build, step)| (*build, places[build][*step]));
            }
            self.agenda.round = round.into();
        }
        self.agenda.round.pop_front()
    }

    /// Only steps of a build that got more by an upload stand elsewhere.
    fn stands_at_its_number(&self, build: BuildKey, step: usize) -> bool {
        self.progress.get(build).order.get(step) == Some(&step)
    }

    /// Where the steps of a build stand in it, by their numbers. Those that an upload replaced stand nowhere.
    fn places_of(&self, build: BuildKey) -> Vec<usize> {
        let progress = self.progress.get(build);
        let mut places = vec![usize::MAX; progress.steps.len()];
        for (place, step) in progress.order.iter().enumerate() {
            places[*step] = place;
        }
        places
    }

    /// Asks a step whether it may go on now, and moves its jobs if the answer changed.
    fn look_again(&mut self, key: BuildKey, step: usize) {
        let steps = &self.progress.get(key).steps;
        let run = steps.get(step).expect("a step of the build");
        let readiness = run.decide(|on| {
            let on = steps.get(on).expect("edges lead to steps of the build");
            (on.class, run.is_held_by(on))
        });
        // What waits for a key that no step has gives up with its build, and waits again once something else that it
        // waits for is open again.
        let is_open_again = readiness == Readiness::Pending && run.pending > 0;
        if readiness == run.readiness && !is_open_again {
            return;
        }
        self.set_readiness(key, step, readiness);
        for job in self.live_jobs(key, step) {
            if let Some(event) = self.consequence(job, readiness) {
                self.must_change(job, event);
            }
        }
        // An early unblocked step becomes complete without a transition of its own.
        self.reclassify(key, step);
        self.agenda.builds.insert(key);
    }

    /// Writes a step's readiness, which is part of what its jobs count for.
    fn set_readiness(&mut self, key: BuildKey, step: usize, readiness: Readiness) {
        let before = self.step(key, step).readiness;
        for job in self.live_jobs(key, step) {
            let job = self.jobs.get(job);
            self.recount(key, Tally::of(job, before), Tally::of(job, readiness));
        }
        self.change_step(key, step, |run| run.readiness = readiness);
    }

    /// The jobs of a step that no retry took the place of.
    fn live_jobs(&self, key: BuildKey, step: usize) -> Vec<JobKey> {
        let run = self.step(key, step);
        run.jobs
            .iter()
            .copied()
            .filter(|job| !self.jobs.get(*job).is_superseded())
            .collect()
    }

    /// What a job does when its step's readiness becomes this. Jobs that already acted stay as they are.
    fn consequence(&self, key: JobKey, readiness: Readiness) -> Option<Event> {
        let state = self.jobs.get(key).state;
        match readiness {
            Readiness::Satisfied => {
                let goes_on = matches!(state, State::Pending | State::Waiting);
                goes_on.then(|| self.going_on(key))
            }
            Readiness::Failed => {
                let gives_up = matches!(
                    state,
                    State::Pending | State::Waiting | State::Blocked | State::Unblocked
                );
                gives_up.then_some(Event::DependencyFailed)
            }
            Readiness::Pending => state.is_resting().then_some(Event::DependencyRetried),
        }
    }

    /// How a job goes on when nothing it depends on is missing: through its concurrency group, if it has one.
    pub(crate) fn going_on(&self, key: JobKey) -> Event {
        match self.group_of(key) {
            Some(_) => Event::Limit,
            None => Event::Ready,
        }
    }

    /// Brings the state of a build in line with its jobs.
    fn settle_build(&mut self, key: BuildKey) {
        let build = self.builds.get(key);
        let verdict = self
            .tally(key)
            .verdict(build.state, build.started_at.is_some());
        // Its jobs may have started and ended in one instant; it ran all the same.
        if build.state == BuildState::Scheduled && build.started_at.is_some() {
            self.change_build(key, build::Event::Start);
        }
        for event in path(self.builds.get(key).state, verdict) {
            self.change_build(key, *event);
        }
        if self.builds.get(key).state == BuildState::Failed {
            self.give_up(key);
        }
    }

    /// In a failed build nothing waits any more: neither for a step that does not exist, nor for a person.
    fn give_up(&mut self, key: BuildKey) {
        let tally = self.tally(key);
        if tally.waiting == 0 && tally.early == 0 && tally.blocked == 0 {
            return;
        }
        let waiting: Vec<_> = self
            .jobs_of(key)
            .filter(|(_, job)| {
                let waits = matches!(job.state, State::Waiting | State::Blocked)
                    || job.state == State::Unblocked
                        && self.step_of(job).readiness == Readiness::Pending;
                waits && !job.is_superseded()
            })
            .map(|(key, _)| key)
            .collect();
        for job in waiting {
            self.must_change(job, Event::DependencyFailed);
        }
    }

    /// Makes one transition of a build, with its times and counts.
    pub(super) fn change_build(&mut self, key: BuildKey, event: build::Event) {
        let from = self.builds.get(key).state;
        let to = build::next(from, event).unwrap_or_else(|| {
            panic!("the engine asked a build in state `{from}` for an illegal {event:?}")
        });
        #[cfg(test)]
        crate::engine::tests::took(|| format!("build {from} {} -> {to}", event.word()));
        let now = self.now;
        let look = (to == BuildState::Blocked)
            .then(|| self.blocked_by(key))
            .flatten();
        let looks_running = look.is_some_and(|(_, look)| look == Some(BlockedState::Running));
        let before = self.phase(key);
        let build = self.builds.change(key);
        let begins = to == BuildState::Running
            && (from == BuildState::Scheduled
                || from == BuildState::Blocked && build.started_at.is_none());
        build.state = to;
        match to {
            // The block step asked to look as if the build were still running.
            BuildState::Blocked if looks_running => {}
            BuildState::Passed
            | BuildState::Failed
            | BuildState::Blocked
            | BuildState::Canceled
            | BuildState::Skipped
            | BuildState::NotRun => build.finished_at = Some(now),
            BuildState::Running => {
                build.finished_at = None;
                if matches!(from, BuildState::Passed | BuildState::Failed)
                    || build.started_at.is_none()
                {
                    build.started_at = Some(now);
                }
            }
            BuildState::Failing => build.failing_at = build.failing_at.or(Some(now)),
            BuildState::Creating | BuildState::Scheduled | BuildState::Canceling => {}
        }
        let pipeline = build.pipeline;
        self.recatalogue(key, before);
        if build::is_over(to) {
            self.open.remove(pipeline, key);
        } else {
            self.open.insert(pipeline, key);
        }
        self.recount_pipeline(pipeline, build_counts(from), build_counts(to));
        self.record(EventKind::Build {
            build: self.build_ref(key),
            from: Some(from),
            to,
        });
        self.notice_build(key, to);
        let occasion = if begins {
            Some(Occasion::Started)
        } else {
            Occasion::of(to)
        };
        if let Some(occasion) = occasion {
            self.notify_of_build(key, occasion);
        }
        self.agenda.builds.insert(key);
        if to == BuildState::Failing {
            self.cancel_on_failing(key);
        }
        if begins {
            self.cancel_intermediate(key);
        }
        self.tell_trigger(key);
    }

    /// Steps that asked for it do not go on in a build that is failing. The job that promised to fail does: it makes
    /// the others end, not itself.
    fn cancel_on_failing(&mut self, key: BuildKey) {
        let wants =
            |job: &Job| matches!(&*job.spec, Step::Command(step) if step.cancel_on_build_failing);
        let promised = |job: &Job| job.promise().is_some_and(|promise| promise.is_hard);
        let jobs = self
            .jobs_of(key)
            .filter(|(_, job)| wants(job) && !job.is_superseded() && !promised(job));
        let jobs: Vec<_> = jobs
            .filter(|(_, job)| next(job.kind, job.state, Event::Cancel).is_ok())
            .map(|(key, _)| key)
            .collect();
        for job in jobs {
            self.must_change(job, Event::Cancel);
        }
    }

    /// The first block or input step that waits for a person, and what it says a blocked build looks like.
    pub(crate) fn blocked_by(&self, key: BuildKey) -> Option<(JobKey, Option<BlockedState>)> {
        let gates = self.steps(key).filter(|run| run.kind == JobType::Manual);
        let mut blocked = gates.filter(|run| self.jobs.get(run.latest()).state == State::Blocked);
        blocked.next().map(|run| {
            let look = match &*run.step {
                Step::Block(step) | Step::Input(step) => step.blocked_state,
                Step::Command(_) | Step::Wait(_) | Step::Trigger(_) | Step::Group(_) => None,
            };
            (run.latest(), look)
        })
    }

    /// What a build looks like while it is blocked, if its block step says so; nothing for any other build.
    pub(crate) fn blocked_state_of(&self, key: BuildKey) -> Option<BlockedState> {
        match self.builds.get(key).state {
            BuildState::Blocked => self.blocked_by(key)?.1,
            BuildState::Creating
            | BuildState::Scheduled
            | BuildState::Running
            | BuildState::Failing
            | BuildState::Passed
            | BuildState::Failed
            | BuildState::Canceling
            | BuildState::Canceled
            | BuildState::Skipped
            | BuildState::NotRun => None,
        }
    }
}

/// The events that lead a build from its state to what its jobs amount to.
///
/// Chosen: a build that has work again runs first, even if it is failing in the same instant, so that every re-opening
/// can be seen.
fn path(from: BuildState, to: BuildState) -> &'static [build::Event] {
    use BuildState as S;
    use build::Event as E;
    match (from, to) {
        (S::Creating | S::Scheduled | S::Running, S::NotRun) => &[E::NothingToRun],
        // Whatever else it is, it is scheduled first; the agenda asks again.
        (S::Creating, _) => &[E::JobsCreated],
        (S::Scheduled, S::Running) => &[E::Start],
        (S::Scheduled, S::Failing) => &[E::Start, E::FailEarly],
        (S::Running, S::Failing) => &[E::FailEarly],
        // A build that ended before anything started (all expired, say) runs all the same: no edge leads back to
        // `scheduled`.
        (S::Failing | S::Passed | S::Failed | S::Blocked, S::Running)
        | (S::Passed | S::Failed | S::Blocked, S::Scheduled) => &[E::Resume],
        (S::Passed | S::Failed | S::Blocked, S::Failing) => &[E::Resume, E::FailEarly],
        (S::Scheduled | S::Running, S::Blocked) => &[E::Block],
        (S::Failing | S::Passed | S::Failed, S::Blocked) => &[E::Resume, E::Block],
        (S::Scheduled | S::Running, S::Passed) => &[E::Pass],
        (S::Failing | S::Failed | S::Blocked, S::Passed) => &[E::Resume, E::Pass],
        // A build that waits for a person fails as it stands, when what waited for that person is canceled.
        (S::Scheduled | S::Running | S::Failing | S::Blocked, S::Failed) => &[E::Fail],
        (S::Passed, S::Failed) => &[E::Resume, E::Fail],
        (S::Canceling, S::Canceled) => &[E::LastJobReported],
        (from, to) if from == to => &[],
        (from, to) => panic!("the jobs of a build in state `{from}` cannot amount to `{to}`"),
    }
}
