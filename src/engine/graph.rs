//! What waits for what: the steps of a build, the edges between them, and when a step may go on.
//!
//! A step decides once everything it depends on has left [`Class::Pending`]; how many still have not is counted, so
//! that an event costs what it touches and not what the build holds.
//!
//! A group is no step of its own here: its steps know it. Inside, wait and block steps see the group alone; from
//! outside it is one thing.
//!
//! Elsewhere: how edges follow from what the steps say and where they stand (`engine::plan`), what the jobs of a step
//! do when it may go on (`engine::settle`), which steps are excluded (`engine::expand`).
//! Source: Buildkite docs, "Dependencies", "Wait step", "Block step", "Group step", "Defining steps".

use std::sync::Arc;

use chrono::{DateTime, Utc};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::engine::job::{Job, JobKey, State};
use crate::pipeline::{GroupStep, Step};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) on: usize,
    pub(crate) why: Because,
}

/// Why a step waits for another, and so which failures it overlooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Because {
    /// It says so, or its place does.
    Depends {
        /// What the dependency says of itself. It wins over what its step allows of all.
        allow_failure: Option<bool>,
    },
    /// The other one uploaded it: that has to pass, whatever the step allows.
    Uploaded,
}

/// Where a step came from, if not from its pipeline's own steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Upload {
    /// The step that uploaded it, and the job that did so.
    pub(crate) step: usize,
    pub(crate) job: JobKey,
    pub(crate) at: DateTime<Utc>,
}

/// A step where it stands: at the top of its pipeline, or in a group.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) step: Arc<Step>,
    /// How people call it.
    pub(crate) name: Arc<str>,
    pub(crate) group: Option<Arc<Group>>,
}

impl Placed {
    fn new(step: Step, group: Option<Arc<Group>>) -> Self {
        Self {
            name: name_of(&step).into(),
            step: Arc::new(step),
            group,
        }
    }
}

/// The group a step is in.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Which group of the pipeline, from 0.
    pub(crate) number: usize,
    /// Its own attributes; its steps are elsewhere.
    pub(crate) step: GroupStep,
}

/// The steps of a pipeline in their order, out of their groups. Groups are numbered from `groups`.
pub(crate) fn place(steps: Vec<Step>, mut groups: usize) -> Vec<Placed> {
    let mut placed = Vec::with_capacity(steps.len());
    for step in steps {
        match step {
            Step::Group(mut group) => {
                let inner = std::mem::take(&mut group.steps);
                let group = Arc::new(Group {
                    number: groups,
                    step: group,
                });
                groups += 1;
                let inside = |step| Placed::new(step, Some(Arc::clone(&group)));
                placed.extend(inner.into_iter().map(inside));
            }
            step @ (Step::Command(_)
            | Step::Wait(_)
            | Step::Block(_)
            | Step::Input(_)
            | Step::Trigger(_)) => placed.push(Placed::new(step, None)),
        }
    }
    placed
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
    /// Few steps have one.
    upload: Option<Arc<Upload>>,
    pub(crate) edges: Arc<[Edge]>,
    pub(crate) dependents: Arc<[usize]>,
    /// A wait or block step that was not broken: what comes after it waits for it.
    pub(crate) is_barrier: bool,
    /// It depends on a key that no step has.
    pub(crate) depends_on_missing: bool,
    /// Why it is excluded from the start.
    pub(crate) broken: Option<Arc<str>>,
    /// Its jobs, oldest first: several for parallelism, a matrix and retries.
    pub(crate) jobs: SmallVec<[JobKey; 4]>,
    pub(crate) class: Class,
    /// How many of its edges lead to steps that are [`Class::Pending`].
    pub(crate) pending: usize,
    pub(crate) readiness: Readiness,
}

impl StepRun {
    /// A step nothing is known of yet but what it says: without edges, and without jobs.
    pub(crate) fn new(
        id: Uuid,
        placed: &Placed,
        broken: Option<Arc<str>>,
        upload: Option<Upload>,
    ) -> Self {
        let Placed { step, name, group } = placed;
        let can_hold = matches!(&**step, Step::Wait(_) | Step::Block(_));
        Self {
            id,
            step: Arc::clone(step),
            group: group.clone(),
            kind: kind_of(step),
            name: Arc::clone(name),
            upload: upload.map(Arc::new),
            edges: Arc::default(),
            dependents: Arc::default(),
            is_barrier: can_hold && broken.is_none(),
            depends_on_missing: false,
            broken,
            jobs: SmallVec::new(),
            class: Class::Pending,
            pending: 0,
            readiness: Readiness::Pending,
        }
    }

    /// Where it came from, if not from its pipeline's own steps.
    pub(crate) fn upload(&self) -> Option<Upload> {
        self.upload.as_deref().copied()
    }

    /// The newest of its jobs. A step whose matrix is empty has none; a block step always has one.
    pub(crate) fn latest(&self) -> JobKey {
        *self
            .jobs
            .last()
            .expect("a step that is asked for its job has one")
    }

    /// The key of the group it is in.
    pub(crate) fn group_key(&self) -> Option<&str> {
        self.group.as_ref()?.step.common.key.as_deref()
    }

    /// Whether somebody is to be told how it ends.
    pub(crate) fn wants_notices(&self) -> bool {
        let own = matches!(&*self.step, Step::Command(step) if !step.notify.is_empty());
        own || self
            .group
            .as_ref()
            .is_some_and(|group| !group.step.notify.is_empty())
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
        for edge in &*self.edges {
            let (class, is_barrier) = class_of(edge.on);
            let is_scope_over = self.is_barrier && is_implicit && is_barrier;
            let allows = match edge.why {
                Because::Depends { allow_failure } => {
                    allow_failure.unwrap_or(allows_all) || continues
                }
                Because::Uploaded => false,
            };
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
