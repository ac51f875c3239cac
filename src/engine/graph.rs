//! What waits for what: the steps of a build, the edges between them, and when a step may go on.
//!
//! Edges are explicit (`depends_on`, which replaces the rest) or follow from the position between wait and block steps.
//! A step decides once everything it depends on has left [`Class::Pending`]; how many still have not is counted, so that
//! an event costs what it touches and not what the build holds.
//!
//! Elsewhere: what the jobs of a step do when it may go on (`engine::settle`).
//! Source: Buildkite docs, "Dependencies", "Wait step", "Block step", "Defining steps".

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::engine::job::{Job, JobKey, State};
use crate::pipeline::Step;
use crate::vocabulary::states::JobType;

/// What a dependent sees of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Satisfied,
    /// Failed for good, or will not run because something else did.
    Failed,
    /// Canceled or expired: nothing that depends on it runs, whatever it allows.
    Errored,
    /// Something may still happen to it.
    Pending,
}

/// Whether a step may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Pending,
    Satisfied,
    Failed,
}

/// A dependency on another step of the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) on: usize,
    pub(crate) allow_failure: bool,
}

/// A step in one build: its place in the graph, and how far it got.
#[derive(Debug, Clone)]
pub(crate) struct StepRun {
    pub(crate) id: Uuid,
    pub(crate) step: Arc<Step>,
    pub(crate) kind: JobType,
    /// How people call it.
    pub(crate) name: Arc<str>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) dependents: Vec<usize>,
    /// A wait or block step that was not broken: what comes after it waits for it.
    pub(crate) is_barrier: bool,
    /// It depends on a key that no step has.
    pub(crate) depends_on_missing: bool,
    /// Why it is excluded from the start.
    pub(crate) broken: Option<Arc<str>>,
    /// Its attempts, oldest first.
    pub(crate) jobs: Vec<JobKey>,
    pub(crate) class: Class,
    /// How many of its edges lead to steps that are [`Class::Pending`].
    pub(crate) pending: usize,
    pub(crate) readiness: Readiness,
}

impl StepRun {
    /// The attempt that counts.
    pub(crate) fn latest(&self) -> JobKey {
        *self
            .jobs
            .last()
            .expect("every step has a job from the start")
    }

    /// Whether it may go on, given what it depends on.
    ///
    /// A wait step with `continue_on_failure` overlooks failures, but not those of a wait or block step before it, so
    /// that nothing after a failed plain wait runs. For the same reason no wait or block step overlooks them, whatever
    /// it allows, unless it names that step itself.
    pub(crate) fn decide(&self, class_of: impl Fn(usize) -> (Class, bool)) -> Readiness {
        if self.pending > 0 || self.depends_on_missing {
            return Readiness::Pending;
        }
        let common = self.step.common();
        let is_implicit = common.depends_on.is_none();
        let continues = matches!(&*self.step, Step::Wait(wait) if wait.continue_on_failure);
        for edge in &self.edges {
            let (class, is_barrier) = class_of(edge.on);
            let is_scope_over = self.is_barrier && is_implicit && is_barrier;
            let allows = edge.allow_failure || common.allow_dependency_failure || continues;
            let stops = match class {
                Class::Satisfied => false,
                Class::Failed => is_scope_over || !allows,
                Class::Errored | Class::Pending => true,
            };
            if stops {
                return Readiness::Failed;
            }
        }
        Readiness::Satisfied
    }
}

pub(crate) fn kind_of(step: &Step) -> JobType {
    match step {
        Step::Command(_) => JobType::Script,
        Step::Wait(_) => JobType::Waiter,
        Step::Block(_) | Step::Input(_) => JobType::Manual,
    }
}

/// How people call a step: its key, else its label, else the first line of its command, else its type.
pub(crate) fn name_of(step: &Step) -> &str {
    if let Some(key) = &step.common().key {
        return key;
    }
    let label = match step {
        Step::Command(step) => step
            .label
            .as_deref()
            .or_else(|| step.command.as_deref()?.lines().next()),
        Step::Wait(_) => None,
        Step::Block(step) | Step::Input(step) => step.label.as_deref(),
    };
    label
        .filter(|label| !label.is_empty())
        .unwrap_or(match step {
            Step::Command(_) => "command",
            Step::Wait(_) => "wait",
            Step::Block(_) => "block",
            Step::Input(_) => "input",
        })
}

/// Everything a test may call a step: its key, its label, the first line of its command, its type if it has none of
/// these.
pub(crate) fn names_of(step: &Step) -> Vec<&str> {
    let mut names: Vec<&str> = [step.common().key.as_deref(), label_of(step)]
        .into_iter()
        .flatten()
        .collect();
    if let Step::Command(step) = step {
        names.extend(
            step.command
                .as_deref()
                .and_then(|command| command.lines().next()),
        );
    }
    names.push(name_of(step));
    names
}

/// The label of a step, if it has one.
pub(crate) fn label_of(step: &Step) -> Option<&str> {
    match step {
        Step::Command(step) => step.label.as_deref(),
        Step::Wait(_) => None,
        Step::Block(step) | Step::Input(step) => step.label.as_deref(),
    }
}

/// What one job means for those that depend on its step.
pub(crate) fn class_of_job(job: &Job, readiness: Readiness) -> Class {
    match job.state {
        State::Passed | State::Broken | State::Skipped => Class::Satisfied,
        State::Failed | State::TimedOut | State::Canceled if job.soft_failed => Class::Satisfied,
        State::Failed
        | State::TimedOut
        | State::WaitingFailed
        | State::BlockedFailed
        | State::UnblockedFailed => Class::Failed,
        State::Canceled | State::Expired => Class::Errored,
        // Unblocked early: complete only when what it waits for is.
        State::Unblocked if readiness == Readiness::Satisfied => Class::Satisfied,
        State::Unblocked
        | State::Pending
        | State::Waiting
        | State::Blocked
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
        | State::TimingOut => Class::Pending,
    }
}

/// The steps of a new build, with their edges. `id` names the step of an index.
pub(crate) fn plan(steps: &[Arc<Step>], id: impl Fn(usize) -> Uuid) -> Vec<StepRun> {
    let broken: Vec<_> = broken_reasons(steps);
    let is_barrier =
        |n: usize| broken[n].is_none() && matches!(&*steps[n], Step::Wait(_) | Step::Block(_));
    let by_key: BTreeMap<&str, usize> = steps
        .iter()
        .enumerate()
        .filter_map(|(n, step)| Some((step.common().key.as_deref()?, n)))
        .collect();

    let mut runs: Vec<StepRun> = Vec::with_capacity(steps.len());
    let mut last_barrier = None;
    for (n, step) in steps.iter().enumerate() {
        let (edges, depends_on_missing) = match &step.common().depends_on {
            Some(named) => explicit(named, &by_key),
            None => (implicit(steps, n, last_barrier), false),
        };
        if is_barrier(n) {
            last_barrier = Some(n);
        }
        runs.push(StepRun {
            id: id(n),
            step: Arc::clone(step),
            kind: kind_of(step),
            name: name_of(step).into(),
            pending: edges.len(),
            edges,
            dependents: Vec::new(),
            is_barrier: is_barrier(n),
            depends_on_missing,
            broken: broken[n].clone(),
            jobs: Vec::new(),
            class: Class::Pending,
            readiness: Readiness::Pending,
        });
    }
    for n in 0..runs.len() {
        for edge in runs[n].edges.clone() {
            runs[edge.on].dependents.push(n);
        }
    }
    runs
}

fn explicit(
    named: &[crate::pipeline::Dependency],
    by_key: &BTreeMap<&str, usize>,
) -> (Vec<Edge>, bool) {
    let mut edges: Vec<Edge> = Vec::with_capacity(named.len());
    let mut missing = false;
    for dependency in named {
        match by_key.get(dependency.step.as_str()) {
            Some(on) => edges.push(Edge {
                on: *on,
                allow_failure: dependency.allow_failure,
            }),
            None => missing = true,
        }
    }
    (edges, missing)
}

/// A wait or block step waits for everything before it, an input step for nothing, any other step for the nearest wait
/// or block step before it. Nothing waits for an input step unless it names it.
fn implicit(steps: &[Arc<Step>], n: usize, last_barrier: Option<usize>) -> Vec<Edge> {
    let edge = |on| Edge {
        on,
        allow_failure: false,
    };
    match &*steps[n] {
        Step::Input(_) => Vec::new(),
        Step::Command(_) => last_barrier.map(edge).into_iter().collect(),
        Step::Wait(_) | Step::Block(_) => (0..n)
            .filter(|before| !matches!(&*steps[*before], Step::Input(_)))
            .map(edge)
            .collect(),
    }
}

/// Why steps are excluded from the start: what they say themselves, and waits beside a block that stays.
fn broken_reasons(steps: &[Arc<Step>]) -> Vec<Option<Arc<str>>> {
    let own: Vec<Option<Arc<str>>> = steps
        .iter()
        .map(|step| match &**step {
            Step::Command(step) => step.skip.as_ref().map(|skip| skip.0.as_str().into()),
            Step::Wait(_) | Step::Block(_) | Step::Input(_) => None,
        })
        .collect();
    let is_block = |n: usize| {
        steps
            .get(n)
            .is_some_and(|step| matches!(&**step, Step::Block(_)))
            && own[n].is_none()
    };
    own.iter()
        .enumerate()
        .map(|(n, reason)| {
            let beside_block = matches!(&*steps[n], Step::Wait(_))
                && (is_block(n + 1) || (n > 0 && is_block(n - 1)));
            reason
                .clone()
                .or_else(|| beside_block.then(|| "optimizer_removed".into()))
        })
        .collect()
}
