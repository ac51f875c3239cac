//! What waits for what: the steps of a build, the edges between them, and when a step may go on.
//!
//! Edges are explicit (`depends_on`, which replaces the rest) or follow from the position between wait and block steps.
//! A step decides once everything it depends on has left [`Class::Pending`]; how many still have not is counted, so that
//! an event costs what it touches and not what the build holds.
//!
//! A group is no step of its own here: its steps know it. Inside, wait and block steps see the group alone; from outside
//! it is one thing.
//!
//! Elsewhere: what the jobs of a step do when it may go on (`engine::settle`), which steps are excluded
//! (`engine::expand`).
//! Not modelled: that a step which depends on one of a concurrency group waits for the rest of the group, too. Taken by
//! its letter, the documented gates (the last step of a group depends on what depends on the first) would never open.
//! Source: Buildkite docs, "Dependencies", "Wait step", "Block step", "Group step", "Defining steps".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::engine::job::{Job, JobKey, State};
use crate::pipeline::{Dependency, GroupStep, Step};
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

/// A step where it stands: at the top of its pipeline, or in a group.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) step: Arc<Step>,
    pub(crate) group: Option<Arc<Group>>,
}

/// The group a step is in.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Which group of the pipeline, from 0.
    pub(crate) number: usize,
    /// Its own attributes; its steps are elsewhere.
    pub(crate) step: GroupStep,
}

/// The steps of a pipeline in their order, out of their groups.
pub(crate) fn place(steps: Vec<Step>) -> Arc<[Placed]> {
    let mut placed = Vec::with_capacity(steps.len());
    let mut groups = 0;
    for step in steps {
        match step {
            Step::Group(mut group) => {
                let inner = std::mem::take(&mut group.steps);
                let group = Arc::new(Group {
                    number: groups,
                    step: group,
                });
                groups += 1;
                let inside = |step| Placed {
                    step: Arc::new(step),
                    group: Some(Arc::clone(&group)),
                };
                placed.extend(inner.into_iter().map(inside));
            }
            step @ (Step::Command(_)
            | Step::Wait(_)
            | Step::Block(_)
            | Step::Input(_)
            | Step::Trigger(_)) => placed.push(Placed {
                step: Arc::new(step),
                group: None,
            }),
        }
    }
    placed.into()
}

/// A step in one build: its place in the graph, and how far it got.
#[derive(Debug, Clone)]
pub(crate) struct StepRun {
    pub(crate) id: Uuid,
    pub(crate) step: Arc<Step>,
    pub(crate) group: Option<Arc<Group>>,
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
    /// Its jobs, oldest first: several for parallelism, a matrix and retries.
    pub(crate) jobs: Vec<JobKey>,
    pub(crate) class: Class,
    /// How many of its edges lead to steps that are [`Class::Pending`].
    pub(crate) pending: usize,
    pub(crate) readiness: Readiness,
}

impl StepRun {
    /// The newest of its jobs. A step whose matrix is empty has none; a block step always has one.
    pub(crate) fn latest(&self) -> JobKey {
        *self
            .jobs
            .last()
            .expect("a step that is asked for its job has one")
    }

    /// Whether a failure of `on` stops whatever comes after it: a barrier of the same scope or of the one around it.
    pub(crate) fn is_held_by(&self, on: &Self) -> bool {
        let group = |run: &Self| run.group.as_ref().map(|group| group.number);
        on.is_barrier && (on.group.is_none() || group(on) == group(self))
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
        let of_group = self
            .group
            .as_ref()
            .is_some_and(|group| group.step.common.allow_dependency_failure);
        let allows_all = common.allow_dependency_failure || of_group;
        let is_implicit = common.depends_on.is_none();
        let continues = matches!(&*self.step, Step::Wait(wait) if wait.continue_on_failure);
        for edge in &self.edges {
            let (class, is_barrier) = class_of(edge.on);
            let is_scope_over = self.is_barrier && is_implicit && is_barrier;
            let allows = edge.allow_failure || allows_all || continues;
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
        Step::Trigger(_) => JobType::Trigger,
        Step::Group(_) => unreachable!("groups are taken apart before there is a build"),
    }
}

/// How people call a step: its key, else its label, else the first line of its command, else its type.
pub(crate) fn name_of(step: &Step) -> &str {
    if let Some(key) = &step.common().key {
        return key;
    }
    let other = match step {
        Step::Command(step) => step
            .command
            .as_deref()
            .and_then(|command| command.lines().next()),
        Step::Trigger(step) => Some(step.pipeline.as_str()),
        Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Group(_) => None,
    };
    let name = [label_of(step), other]
        .into_iter()
        .flatten()
        .find(|name| !name.is_empty());
    name.unwrap_or(match step {
        Step::Command(_) => "command",
        Step::Wait(_) => "wait",
        Step::Block(_) => "block",
        Step::Input(_) => "input",
        Step::Trigger(_) => "trigger",
        Step::Group(_) => "group",
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

/// The label REST shows of a step, if it has one. A wait step's is nowhere to be seen.
pub(crate) fn label_of(step: &Step) -> Option<&str> {
    match step {
        Step::Wait(_) => None,
        Step::Command(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => {
            step.label()
        }
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

/// The steps of a new build, with their edges. `own` says which steps exclude themselves, `id` names the step of an
/// index.
pub(crate) fn plan(
    placed: &[Placed],
    own: &[Option<Arc<str>>],
    id: impl Fn(usize) -> Uuid,
) -> Vec<StepRun> {
    let broken = without_needless_waits(placed, own);
    let scope = Scope::new(placed, &broken);
    let mut runs: Vec<StepRun> = Vec::with_capacity(placed.len());
    for (n, Placed { step, group }) in placed.iter().enumerate() {
        let (edges, depends_on_missing) = scope.edges(n);
        runs.push(StepRun {
            id: id(n),
            step: Arc::clone(step),
            group: group.clone(),
            kind: kind_of(step),
            name: name_of(step).into(),
            pending: edges.len(),
            edges,
            dependents: Vec::new(),
            is_barrier: scope.is_barrier(n),
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

/// What the edges of a step are read from.
struct Scope<'p> {
    placed: &'p [Placed],
    broken: &'p [Option<Arc<str>>],
    /// The steps a key stands for: one, or all of a group.
    by_key: BTreeMap<&'p str, Vec<usize>>,
}

impl<'p> Scope<'p> {
    fn new(placed: &'p [Placed], broken: &'p [Option<Arc<str>>]) -> Self {
        let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (n, one) in placed.iter().enumerate() {
            let of_group = one
                .group
                .as_ref()
                .and_then(|group| group.step.common.key.as_deref());
            for key in [one.step.common().key.as_deref(), of_group]
                .into_iter()
                .flatten()
            {
                by_key.entry(key).or_default().push(n);
            }
        }
        Self {
            placed,
            broken,
            by_key,
        }
    }

    fn is_barrier(&self, n: usize) -> bool {
        self.broken[n].is_none() && matches!(&*self.placed[n].step, Step::Wait(_) | Step::Block(_))
    }

    fn group_of(&self, n: usize) -> Option<usize> {
        self.placed[n].group.as_ref().map(|group| group.number)
    }

    /// The edges of a step, and whether it names a key that no step has.
    ///
    /// What a group depends on, each of its steps does; a step's own `depends_on` comes on top.
    fn edges(&self, n: usize) -> (Vec<Edge>, bool) {
        let of_group = self.placed[n]
            .group
            .as_ref()
            .and_then(|group| group.step.common.depends_on.as_ref());
        let own = self.placed[n].step.common().depends_on.as_ref();
        let (mut edges, mut missing) = self.named(of_group.map_or(&[], Vec::as_slice));
        match own {
            Some(named) => {
                let (more, also_missing) = self.named(named);
                edges.extend(more);
                missing |= also_missing;
            }
            None => edges.extend(self.implicit(n, of_group.is_some())),
        }
        // A step that waits for itself, or twice for the same, waits for it once.
        let mut seen = BTreeSet::new();
        edges.retain(|edge| seen.insert((edge.on, edge.allow_failure)));
        (edges, missing)
    }

    fn named(&self, named: &[Dependency]) -> (Vec<Edge>, bool) {
        let mut edges = Vec::with_capacity(named.len());
        let mut missing = false;
        for dependency in named {
            match self.by_key.get(dependency.step.as_str()) {
                Some(steps) => {
                    edges.extend(steps.iter().map(|on| Edge {
                        on: *on,
                        allow_failure: dependency.allow_failure,
                    }));
                }
                None => missing = true,
            }
        }
        (edges, missing)
    }

    /// A wait or block step waits for everything before it in its scope, an input step for nothing, any other step for
    /// the nearest wait or block step before it. Nothing waits for an input step unless it names it.
    ///
    /// The steps of a group that names no dependencies wait for the nearest wait or block step before the group, too.
    fn implicit(&self, n: usize, group_depends: bool) -> Vec<Edge> {
        let edge = |on| Edge {
            on,
            allow_failure: false,
        };
        let step = &*self.placed[n].step;
        if matches!(step, Step::Input(_)) {
            return Vec::new();
        }
        let group = self.group_of(n);
        let mut edges: Vec<Edge> = Vec::new();
        if group.is_some() && !group_depends {
            edges.extend(
                (0..n)
                    .rev()
                    .find(|before| self.group_of(*before).is_none() && self.is_barrier(*before))
                    .map(edge),
            );
        }
        let in_scope = |before: &usize| group.is_none() || self.group_of(*before) == group;
        if matches!(step, Step::Wait(_) | Step::Block(_)) {
            let counts = |before: &usize| !matches!(&*self.placed[*before].step, Step::Input(_));
            edges.extend((0..n).filter(in_scope).filter(counts).map(edge));
        } else {
            // A barrier inside another group is none of the outer scope's.
            let is_mine =
                |before: &usize| self.group_of(*before) == group && self.is_barrier(*before);
            edges.extend((0..n).rev().find(is_mine).map(edge));
        }
        edges
    }
}

/// Adds the waits beside a block step that stays: the block waits for the same.
fn without_needless_waits(placed: &[Placed], own: &[Option<Arc<str>>]) -> Vec<Option<Arc<str>>> {
    let same_scope = |a: usize, b: usize| {
        let group = |n: usize| placed[n].group.as_ref().map(|group| group.number);
        group(a) == group(b)
    };
    let is_block = |n: usize, beside: usize| {
        placed
            .get(n)
            .is_some_and(|one| matches!(&*one.step, Step::Block(_)))
            && own[n].is_none()
            && same_scope(n, beside)
    };
    let reason = |n: usize| {
        let is_wait = matches!(&*placed[n].step, Step::Wait(_));
        let needless = is_wait && (is_block(n + 1, n) || (n > 0 && is_block(n - 1, n)));
        own[n]
            .clone()
            .or_else(|| needless.then(|| "optimizer_removed".into()))
    };
    (0..placed.len()).map(reason).collect()
}
