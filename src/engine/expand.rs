//! From a pipeline's steps to the jobs of one build: which steps exclude themselves, and how many jobs the others make.
//!
//! Elsewhere: reading conditions and matrices (`crate::pipeline`), what waits for what (`graph`).
//! Source: Buildkite docs, "Using conditionals", "Build matrix", "Parallel builds", "Group step".

use std::sync::Arc;

use crate::engine::build::Head;
use crate::engine::graph::{Group, Placed};
use crate::pipeline::{
    BranchPatterns, CommandStep, Conditional, ConditionalError, DimensionOrder, EntryPoint, Facts,
    IfChanged, IfChangedText, SkipReason, Step, TriggerStep, parallel_label,
};

/// What an agent says of a step none of whose files changed.
const NO_FILE_CHANGED: &str = "if_changed matched no unexcluded changed files in this build";

/// One job to be.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    /// The step as it is for this job: matrix and parallel tokens filled in.
    pub(crate) spec: Arc<Step>,
    /// Which of how many, from 0.
    pub(crate) parallel: Option<(u32, u32)>,
    pub(crate) matrix: Option<Arc<[(String, String)]>>,
    /// Why this one of them is skipped.
    pub(crate) skip: Option<Arc<str>>,
}

impl Variant {
    /// The step's only job.
    pub(crate) fn alone(step: &Arc<Step>) -> Self {
        Self {
            spec: Arc::clone(step),
            parallel: None,
            matrix: None,
            skip: None,
        }
    }
}

/// Why a step is excluded from a build: by its own configuration, or by its group's.
pub(crate) fn exclusion(
    placed: &Placed,
    head: &Head,
    facts: &impl Facts,
) -> Result<Option<Arc<str>>, ConditionalError> {
    let step = &*placed.step;
    let group = placed.group.as_deref().map(|Group { step, .. }| step);
    // The first that gives a reason speaks for both.
    let skips = [group.and_then(|group| group.skip.as_ref()), step.skip()];
    let skips = skips.into_iter().flatten();
    if let Some(SkipReason(reason)) = skips.min_by_key(|SkipReason(reason)| reason.is_empty()) {
        return Ok(Some(reason.as_str().into()));
    }
    if let Some(patterns) = step.branches() {
        if !BranchPatterns::parse(patterns.iter().map(String::as_str)).matches(&head.branch) {
            return Ok(Some("branch_mismatch".into()));
        }
    }
    // A group's condition and its step's own both have to hold.
    let conditions = [
        group.and_then(|group| group.condition.as_ref()),
        step.condition(),
    ];
    for condition in conditions.into_iter().flatten() {
        if !Conditional::parse(&condition.text, EntryPoint::BuildCondition)?.evaluate(facts)? {
            return Ok(Some("conditional_failed".into()));
        }
    }
    let globs = [
        group.and_then(|group| group.if_changed.as_ref()),
        step.if_changed(),
    ];
    if globs
        .into_iter()
        .flatten()
        .any(|globs| is_unchanged(globs, head))
    {
        return Ok(Some(NO_FILE_CHANGED.into()));
    }
    let parallelism = match step {
        Step::Command(step) => step.parallelism,
        Step::Trigger(step) => step.parallelism,
        Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Group(_) => None,
    };
    Ok((parallelism == Some(0)).then(|| "parallelism_zero".into()))
}

/// Chosen: without a list of changed files from the test nothing is known about them, and the step runs.
fn is_unchanged(globs: &IfChangedText, head: &Head) -> bool {
    let Some(files) = &head.changed_files else {
        return false;
    };
    let texts = |list: &'_ [String]| list.to_vec();
    let (include, exclude) = (texts(&globs.include), texts(&globs.exclude));
    let parsed = IfChanged::parse(
        include.iter().map(String::as_str),
        exclude.iter().map(String::as_str),
    );
    parsed.is_ok_and(|globs| !globs.matches(files))
}

/// The jobs a step makes.
pub(crate) fn variants(step: &Arc<Step>, order: DimensionOrder) -> Vec<Variant> {
    match &**step {
        Step::Command(CommandStep {
            matrix: Some(matrix),
            ..
        }) => {
            let Step::Command(command) = &**step else {
                unreachable!("matched above")
            };
            let jobs = matrix.jobs(order);
            let variant = |job: crate::pipeline::MatrixJob| {
                let spec = job.step(command);
                Variant {
                    skip: job
                        .skip
                        .as_ref()
                        .map(|SkipReason(reason)| reason.as_str().into()),
                    spec: Arc::new(Step::Command(CommandStep { skip: None, ..spec })),
                    parallel: None,
                    matrix: Some(job.values.into()),
                }
            };
            jobs.into_iter().map(variant).collect()
        }
        Step::Command(CommandStep {
            parallelism: Some(total),
            ..
        })
        | Step::Trigger(TriggerStep {
            parallelism: Some(total),
            ..
        }) if *total > 0 => {
            let one = |index| Variant {
                spec: parallel_spec(step, index, *total),
                parallel: Some((index, *total)),
                ..Variant::alone(step)
            };
            (0..*total).map(one).collect()
        }
        Step::Command(_)
        | Step::Wait(_)
        | Step::Block(_)
        | Step::Input(_)
        | Step::Trigger(_)
        | Step::Group(_) => {
            vec![Variant::alone(step)]
        }
    }
}

/// Shares the step unless its label tells the jobs apart.
fn parallel_spec(step: &Arc<Step>, index: u32, total: u32) -> Arc<Step> {
    let label = step.label().filter(|label| label.contains('%'));
    let Some(label) = label.map(|label| parallel_label(label, index, total, total)) else {
        return Arc::clone(step);
    };
    match &**step {
        Step::Command(command) => Arc::new(Step::Command(CommandStep {
            label: Some(label),
            ..command.clone()
        })),
        Step::Trigger(trigger) => Arc::new(Step::Trigger(TriggerStep {
            label: Some(label),
            ..trigger.clone()
        })),
        Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Group(_) => Arc::clone(step),
    }
}
