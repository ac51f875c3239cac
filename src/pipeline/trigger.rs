//! Trigger steps: builds of other pipelines.
//!
//! Elsewhere: creating the build and waiting for it (`engine`).
//! Source: Buildkite docs, "Trigger step", read 2026-08-21.

use super::attributes::{self, Attributes, must_be};
use super::common::Common;
use super::error::PipelineError;
use super::filters::{self, Condition, Filters, IfChangedText};
use super::node::{Entry, Node, Value};
use super::properties::TRIGGERED_BUILD;
use super::skip::{self, SkipReason};
use super::soft_fail::{self, SoftFail};
use super::steps::MAX_JOBS;

/// A step that creates a build of another pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TriggerStep {
    pub(crate) common: Common,
    /// Also the message of the build it creates, unless that has one.
    pub(crate) label: Option<String>,
    /// The slug of the other pipeline.
    pub(crate) pipeline: String,
    pub(crate) build: TriggeredBuild,
    /// Whether the step is over as soon as the build is created.
    pub(crate) is_async: bool,
    pub(crate) soft_fail: SoftFail,
    pub(crate) skip: Option<SkipReason>,
    /// How many builds it creates, if it says so.
    pub(crate) parallelism: Option<u32>,
    pub(crate) condition: Option<Condition>,
    pub(crate) branches: Option<Vec<String>>,
    pub(crate) if_changed: Option<IfChangedText>,
}

/// What the step says about the build it creates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TriggeredBuild {
    /// None for the other pipeline's default branch.
    pub(crate) branch: Option<String>,
    /// None for `HEAD`.
    pub(crate) commit: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) meta_data: Vec<(String, String)>,
}

impl TriggerStep {
    /// The server has a sentence of its own for these. Source: an answer quoted in
    /// wellcomecollection/wellcomecollection.org#9877, 2023.
    pub(super) fn check_no_concurrency(attributes: Attributes<'_>) -> Result<(), PipelineError> {
        let names = ["concurrency", "concurrency_group"];
        match names.into_iter().find_map(|name| attributes.written(name)) {
            Some(node) => {
                let message = "Concurrency cannot be set for steps that trigger builds";
                Err(PipelineError::rejected(node.at, message))
            }
            None => Ok(()),
        }
    }

    /// `attributes` hold known properties only.
    pub(super) fn read(common: Common, attributes: Attributes<'_>) -> Result<Self, PipelineError> {
        let Filters {
            condition,
            branches,
        } = Filters::read(attributes)?;
        let blank = || PipelineError::invalid(attributes.at, "`trigger` can't be blank");
        Ok(Self {
            common,
            label: attributes.text(&["label", "name"])?,
            pipeline: attributes.text(&["trigger"])?.ok_or_else(blank)?,
            build: attributes.read(&["build"], build)?.unwrap_or_default(),
            is_async: attributes.flag("async")?,
            soft_fail: soft_fail::of(attributes)?,
            skip: attributes.typed(&["skip"], skip::skip)?.flatten(),
            parallelism: attributes.typed(&["parallelism"], attributes::at_most(MAX_JOBS))?,
            condition,
            branches,
            if_changed: filters::if_changed(attributes)?,
        })
    }
}

fn build(name: &str, node: &Node) -> Result<TriggeredBuild, PipelineError> {
    let Some(entries) = node.value.entries() else {
        return Err(must_be(name, node, "a mapping"));
    };
    TRIGGERED_BUILD.check(entries)?;
    let attributes = Attributes {
        at: node.at,
        entries,
    };
    Ok(TriggeredBuild {
        branch: attributes.text(&["branch"])?,
        commit: attributes.text(&["commit"])?,
        message: attributes.text(&["message"])?,
        env: attributes.read(&["env"], texts)?.unwrap_or_default(),
        meta_data: attributes.read(&["meta_data"], texts)?.unwrap_or_default(),
    })
}

/// The agent leaves these values alone, so every scalar has a text here.
/// Chosen: dates as written.
fn texts(name: &str, node: &Node) -> Result<Vec<(String, String)>, PipelineError> {
    let Some(entries) = node.value.entries() else {
        return Err(must_be(name, node, "a mapping"));
    };
    let pair = |Entry { key, value, .. }: &Entry| {
        let kept = matches!(value.value, Value::UInt(_) | Value::Timestamp(_));
        let text = if kept {
            value.value.key_text()
        } else {
            value.value.text()
        };
        let wanted = || must_be(&format!("{name}.{key}"), value, "a string");
        Ok((key.to_string(), text.ok_or_else(wanted)?))
    };
    entries.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};
    use super::*;

    /// Each case: what a trigger step also has, and a part of what it becomes.
    fn check<T: std::fmt::Debug>(part: fn(TriggerStep) -> T, cases: &[(&str, &str)]) {
        for (written, expected) in cases {
            let text = format!("steps: [{{trigger: t, {written}}}]");
            let shown = match Pipeline::parse(&text).map(|mut pipeline| pipeline.steps.pop()) {
                Ok(Some(Step::Trigger(step))) => format!("{:?}", part(step)),
                Ok(other) => panic!("{other:?}"),
                Err(error) => error.in_a_table(),
            };
            assert_eq!(shown, *expected, "for `{written}`");
        }
    }

    #[test]
    fn what_a_trigger_step_says() {
        check(
            |step| {
                (
                    step.pipeline,
                    step.label,
                    step.is_async,
                    step.soft_fail,
                    step.parallelism,
                )
            },
            &[
                ("name: n", r#"("t", Some("n"), false, Never, None)"#),
                (
                    "label: l, async: 'true', soft_fail: true, parallelism: '3'",
                    r#"("t", Some("l"), true, Any, Some(3))"#,
                ),
                ("trigger: ''", "! `trigger` can't be blank"),
                ("trigger: [a]", "! `trigger` must be a string"),
                ("async: maybe", "! `async` must be true or false"),
                (
                    "parallelism: 1000000000",
                    "! `parallelism` must be from 0 to 10000",
                ),
                (
                    "concurrency: 1",
                    "! Concurrency cannot be set for steps that trigger builds",
                ),
                (
                    "command: x",
                    // The key `command` tells first.
                    "! `trigger` is not a valid property on the `command` step. Please check the documentation to get a full list of supported properties.",
                ),
            ],
        );
        check(
            |step| {
                (
                    step.skip,
                    step.condition.map(|condition| condition.text),
                    step.branches,
                )
            },
            &[
                (
                    "skip: s, branches: main",
                    r#"(Some(SkipReason("s")), None, Some(["main"]))"#,
                ),
                ("if: x", r#"(None, Some("x"), None)"#),
            ],
        );
    }

    #[test]
    fn the_build_it_creates() {
        check(
            |step| (step.build.branch, step.build.commit, step.build.message),
            &[
                ("build: ~", "(None, None, None)"),
                (
                    "build: {branch: b, commit: 08, message: m}",
                    r#"(Some("b"), Some("8"), Some("m"))"#,
                ),
                (
                    "build: {type: x}",
                    "! `type` is not a valid property on the `build` configuration on a `trigger` step.",
                ),
                (
                    "build: {metadata: x}",
                    "! `metadata` is not a valid property on the `build` configuration on a `trigger` step, perhaps you meant `meta_data`?",
                ),
                ("build: x", "! `build` must be a mapping"),
            ],
        );
        check(
            |step| (step.build.env, step.build.meta_data),
            &[
                (
                    "build: {env: {A: 1, B: true, C: ~}, meta_data: {d: 9223372036854775808, e: 2020-01-01}}",
                    r#"([("A", "1"), ("B", "true"), ("C", "")], [("d", "9223372036854775808"), ("e", "2020-01-01")])"#,
                ),
                ("build: {env: {A: [1]}}", "! `env.A` must be a string"),
            ],
        );
    }
}
