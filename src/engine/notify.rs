//! Whom Buildkite would tell: the `notify` of builds, steps and groups, as events. Nothing leaves the fake.
//!
//! Elsewhere: reading `notify` (`crate::pipeline`), webhooks an organization set up.
//! Source: Buildkite docs, "Triggering notifications", the list of events under each service; "Promise job failure".

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::facts::BuildFacts;
use crate::engine::graph::{Class, Group, Placed, StepRun};
use crate::engine::job::{Job, JobKey, State};
use crate::engine::tally::Tally;
use crate::pipeline::{Conditional, EntryPoint, Fact, Facts, Notification, Step};
use crate::vocabulary::event::EventKind;
use crate::vocabulary::states::{BuildState, JobType};

/// What is told of steps and groups.
const STEP_FAILING: &str = "step.failing";
const STEP_FINISHED: &str = "step.finished";

/// What a build or a step does that somebody may want to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    Created,
    Started,
    Blocked,
    Failing,
    Finished,
    Skipped,
}

impl Occasion {
    /// What a build does on entering a state. That it starts is another matter: it may run again.
    pub(super) const fn of(to: BuildState) -> Option<Self> {
        match to {
            BuildState::Scheduled => Some(Self::Created),
            BuildState::Blocked => Some(Self::Blocked),
            BuildState::Failing => Some(Self::Failing),
            BuildState::Passed | BuildState::Failed | BuildState::Canceled | BuildState::NotRun => {
                Some(Self::Finished)
            }
            BuildState::Skipped => Some(Self::Skipped),
            BuildState::Creating | BuildState::Running | BuildState::Canceling => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Created => "build.created",
            Self::Started => "build.started",
            Self::Blocked => "build.blocked",
            Self::Failing => "build.failing",
            Self::Finished => "build.finished",
            Self::Skipped => "build.skipped",
        }
    }
}

/// On what a service tells of a build, in its words.
///
/// Chosen: a blocked build is a finished one to services that know no other word for it, as it is to webhooks; a
/// `PagerDuty` change is none until the build is over.
fn told_by(service: &str, occasion: Occasion) -> Option<&'static str> {
    use Occasion as O;
    let is_told = match service {
        "basecamp_campfire" => matches!(
            occasion,
            O::Created | O::Started | O::Blocked | O::Finished | O::Skipped
        ),
        "webhook" => matches!(occasion, O::Created | O::Started | O::Blocked | O::Finished),
        "pagerduty_change_event" => occasion == O::Finished,
        // E-mail, Slack, GitHub.
        _ if occasion == O::Blocked => return Some(O::Finished.word()),
        _ => matches!(occasion, O::Failing | O::Finished),
    };
    is_told.then(|| occasion.word())
}

impl Engine {
    /// A build did something.
    pub(super) fn notify_of_build(&mut self, key: BuildKey, occasion: Occasion) {
        if self.progress.get(key).notify.is_empty() {
            return;
        }
        let facts = self.facts_of(key);
        let wanted = self.progress.get(key).notify.iter();
        let wanted = wanted.filter(|one| is_meant(one, EntryPoint::BuildNotification, &facts));
        let told = wanted.filter_map(|one| Some((told_by(&one.service, occasion)?, one)));
        let events: Vec<_> = told
            .map(|(event, one)| self.notification(key, None, event, one))
            .collect();
        for event in events {
            self.record(event);
        }
    }

    /// A step has nothing left to do, or so it seems: a retry may have followed at once.
    pub(super) fn notify_of_finished_step(&mut self, key: BuildKey, step: usize) {
        let run = self.step(key, step);
        if run.class == Class::Pending {
            return;
        }
        let mut events = Vec::new();
        if let Some(outcome) = self.outcome(&run.jobs) {
            events.extend(self.told_of_step(key, run, STEP_FINISHED, outcome));
        }
        if let Some(group) = group_to_tell(run) {
            // Several of its steps can end in one change: the last one that is looked at speaks for the group.
            let is_in_group = |step: usize| {
                let other = self.step(key, step).group.as_ref();
                other.is_some_and(|other| other.number == group.number)
            };
            let mut others = self.agenda.finished.iter();
            let is_over = self
                .group(key, group.number)
                .all(|run| run.class != Class::Pending)
                && !others.any(|(build, step)| *build == key && is_in_group(*step));
            let outcome = self.outcome(&self.jobs_of_group(key, group.number));
            if let Some(outcome) = outcome.filter(|_| is_over) {
                events.extend(self.told_of_group(key, group, STEP_FINISHED, outcome));
            }
        }
        for event in events {
            self.record(event);
        }
    }

    /// A job failed for good, or promised to: its step and its group are failing, if others of theirs still run.
    pub(super) fn note_failing(&mut self, key: JobKey) {
        let job = self.jobs.get(key);
        let (build, run) = (job.build, self.step_of(job));
        if job.kind != JobType::Script || !self.counts_as_failed(key) {
            return;
        }
        let is_first = |jobs: &[JobKey]| {
            let failed = jobs.iter().filter(|job| self.counts_as_failed(**job));
            failed.count() == 1
        };
        let mut events = Vec::new();
        if run.class == Class::Pending && is_first(&run.jobs) {
            events.extend(self.told_of_step(build, run, STEP_FAILING, Outcome::HardFailed));
        }
        if let Some(group) = group_to_tell(run) {
            let mut inside = self.group(build, group.number);
            let is_pending = inside.any(|run| run.class == Class::Pending);
            if is_pending && is_first(&self.jobs_of_group(build, group.number)) {
                events.extend(self.told_of_group(build, group, STEP_FAILING, Outcome::HardFailed));
            }
        }
        for event in events {
            self.record(event);
        }
    }

    fn counts_as_failed(&self, key: JobKey) -> bool {
        let job = self.jobs.get(key);
        Tally::of(job, self.step_of(job).readiness).hard > 0
    }

    fn group(&self, key: BuildKey, number: usize) -> impl Iterator<Item = &StepRun> {
        let is_inside = move |run: &&StepRun| {
            run.group
                .as_ref()
                .is_some_and(|group| group.number == number)
        };
        self.steps(key).filter(is_inside)
    }

    fn jobs_of_group(&self, key: BuildKey, number: usize) -> Vec<JobKey> {
        self.group(key, number)
            .flat_map(|run| run.jobs.iter().copied())
            .collect()
    }

    fn told_of_step(
        &self,
        key: BuildKey,
        run: &StepRun,
        event: &'static str,
        outcome: Outcome,
    ) -> Vec<EventKind> {
        let Step::Command(command) = &*run.step else {
            return Vec::new();
        };
        let facts = StepFacts {
            id: run.id.to_string(),
            key: run.step.common().key.as_deref(),
            label: run.step.label(),
            kind: "command",
            event,
            outcome,
            build: self.facts_of(key),
        };
        self.told(key, &run.name, event, &command.notify, &facts)
    }

    fn told_of_group(
        &self,
        key: BuildKey,
        group: &Group,
        event: &'static str,
        outcome: Outcome,
    ) -> Vec<EventKind> {
        let of_group = &group.step;
        let facts = StepFacts {
            // Chosen: nothing else shows an id of a group.
            id: String::new(),
            key: of_group.common.key.as_deref(),
            label: of_group.label.as_deref(),
            kind: "group",
            event,
            outcome,
            build: self.facts_of(key),
        };
        let name = facts.key.or(facts.label).unwrap_or("group").into();
        self.told(key, &name, event, &of_group.notify, &facts)
    }

    fn told(
        &self,
        key: BuildKey,
        name: &Arc<str>,
        event: &'static str,
        wanted: &[Notification],
        facts: &StepFacts<'_>,
    ) -> Vec<EventKind> {
        let wanted = wanted
            .iter()
            .filter(|one| is_meant(one, EntryPoint::StepNotification, facts));
        let told = wanted.map(|one| self.notification(key, Some(Arc::clone(name)), event, one));
        told.collect()
    }

    fn notification(
        &self,
        key: BuildKey,
        step: Option<Arc<str>>,
        event: &'static str,
        wanted: &Notification,
    ) -> EventKind {
        EventKind::Notification {
            build: self.build_ref(key),
            step,
            event: event.into(),
            service: wanted.service.as_str().into(),
            configuration: wanted.configuration.0.as_str().into(),
        }
    }

    /// What these jobs amount to. Nothing for a step that was left out, or never had its turn.
    fn outcome(&self, jobs: &[JobKey]) -> Option<Outcome> {
        let jobs = jobs
            .iter()
            .map(|key| self.jobs.get(*key))
            .filter(|job| !job.is_superseded());
        jobs.filter_map(Outcome::of).max()
    }
}

/// What a step came to, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Passed,
    SoftFailed,
    HardFailed,
    /// Timed out, canceled or expired.
    Errored,
    Canceled,
}

impl Outcome {
    fn of(job: &Job) -> Option<Self> {
        match job.state {
            State::Passed | State::Unblocked => Some(Self::Passed),
            State::Failed | State::TimedOut | State::Canceled if job.soft_failed => {
                Some(Self::SoftFailed)
            }
            State::Failed => Some(Self::HardFailed),
            State::TimedOut | State::Expired => Some(Self::Errored),
            State::Canceled => Some(Self::Canceled),
            State::Pending
            | State::Waiting
            | State::WaitingFailed
            | State::Blocked
            | State::BlockedFailed
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
            | State::Canceling
            | State::TimingOut
            | State::Skipped
            | State::Broken => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::SoftFailed => "soft_failed",
            Self::HardFailed => "hard_failed",
            Self::Errored | Self::Canceled => "errored",
        }
    }
}

/// A step or a group, as far as the condition of its notification can ask about it.
struct StepFacts<'e> {
    id: String,
    key: Option<&'e str>,
    label: Option<&'e str>,
    kind: &'static str,
    event: &'static str,
    outcome: Outcome,
    /// The build it is in.
    build: BuildFacts<'e>,
}

impl StepFacts<'_> {
    fn state(&self) -> &'static str {
        match (self.event, self.outcome) {
            (STEP_FAILING, _) => "failing",
            (_, Outcome::Canceled) => "canceled",
            _ => "finished",
        }
    }
}

impl Facts for StepFacts<'_> {
    fn variable(&self, name: &str) -> Fact {
        let text = |text: &str| Fact::String(text.to_owned());
        match name {
            "step.id" => text(&self.id),
            "step.key" => self.key.map_or(Fact::Null, text),
            "step.label" => self.label.map_or(Fact::Null, text),
            "step.type" => text(self.kind),
            "step.state" => text(self.state()),
            "step.outcome" => text(self.outcome.word()),
            // A step cannot know these, say the docs.
            "build.state" | "pipeline.started_passing" | "pipeline.started_failing" => Fact::Null,
            of_build => self.build.variable(of_build),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.build.env(name)
    }
}

/// The group a step is in, if somebody is to be told of it.
fn group_to_tell(run: &StepRun) -> Option<&Group> {
    let group = run.group.as_deref()?;
    (!group.step.notify.is_empty()).then_some(group)
}

/// Which notifications have a condition that cannot be read: Buildkite refuses the first, in this sentence.
///
/// Steps in their groups; `is_filled_in` unless `$` expressions are still to be filled in, which may change what is
/// read.
pub(super) fn refused_condition(
    of_build: &[Notification],
    steps: &[Placed],
    is_filled_in: bool,
) -> Option<String> {
    let of_build = of_build
        .iter()
        .map(|one| (one, EntryPoint::BuildNotification));
    let of_steps = steps.iter().flat_map(|Placed { step, group, .. }| {
        let own: &[Notification] = match &**step {
            Step::Command(step) => &step.notify,
            Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => {
                &[]
            }
        };
        let of_group = group.iter().flat_map(|group| &group.step.notify);
        of_group.chain(own)
    });
    let of_steps = of_steps.map(|one| (one, EntryPoint::StepNotification));
    of_build.chain(of_steps).find_map(|(one, entry)| {
        let text = &one.condition.as_ref()?.text;
        if !is_filled_in && text.contains('$') {
            return None;
        }
        let error = Conditional::parse(text, entry).err()?;
        Some(format!(
            "The `{}` notification is invalid: `if` expression failed to parse: {}",
            one.service,
            error.message()
        ))
    })
}

/// Whether a notification's condition, if it has one, holds. One that cannot be read or evaluated does not.
fn is_meant(wanted: &Notification, entry: EntryPoint, facts: &impl Facts) -> bool {
    let Some(condition) = &wanted.condition else {
        return true;
    };
    Conditional::parse(&condition.text, entry)
        .and_then(|condition| condition.evaluate(facts))
        .unwrap_or(false)
}
