//! Command steps: what a job will run, where, and under which conditions.
//!
//! Elsewhere: recognising one (`kind`), the properties with rules of their own (`retry`, `matrix`, `concurrency`, …),
//! running it (`script`), keeping its promises (`engine`).
//! Source: Buildkite docs, "Command step", read 2026-08-21; buildkite/pipeline-schema.

use super::attributes::{self, Attributes, must_be};
use super::common::Common;
use super::concurrency::{self, Concurrency};
use super::error::PipelineError;
use super::filters::{self, Condition, Filters, IfChangedText};
use super::json::Json;
use super::matrix::{self, Matrix};
use super::node::Node;
use super::notify::{self, Notification};
use super::plugins::{self, Plugin};
use super::retry::{self, Retry};
use super::secrets::{self, Secret};
use super::skip::{self, SkipReason};
use super::soft_fail::{self, SoftFail};
use super::steps::MAX_JOBS;

/// A step that becomes jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandStep {
    pub(crate) common: Common,
    pub(crate) label: Option<String>,
    /// Lines joined by line breaks. None if the step has plugins only; empty if it was written without a value.
    pub(crate) command: Option<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Query rules, `key=value`; the pipeline's unless the step has its own.
    pub(crate) agents: Vec<String>,
    /// Joined by `;`.
    pub(crate) artifact_paths: Option<String>,
    pub(crate) timeout_in_minutes: Option<u32>,
    pub(crate) soft_fail: SoftFail,
    /// The pipeline's unless the step has its own.
    pub(crate) priority: i64,
    /// None if the step runs.
    pub(crate) skip: Option<SkipReason>,
    pub(crate) condition: Option<Condition>,
    pub(crate) branches: Option<Vec<String>>,
    pub(crate) if_changed: Option<IfChangedText>,
    pub(crate) retry: Retry,
    pub(crate) concurrency: Option<Concurrency>,
    /// How many jobs, if it says so; 0 is none at all. Never together with `matrix`.
    pub(crate) parallelism: Option<u32>,
    pub(crate) matrix: Option<Matrix>,
    pub(crate) cancel_on_build_failing: bool,
    pub(crate) notify: Vec<Notification>,
    pub(crate) plugins: Vec<Plugin>,
    /// The pipeline's unless the step has its own.
    pub(crate) image: Option<String>,
    /// The pipeline's and the step's own.
    pub(crate) secrets: Vec<Secret>,
    /// The pipeline's unless the step has its own.
    pub(crate) checkout: Option<Json>,
    /// The pipeline's unless the step has its own.
    pub(crate) cache: Option<Json>,
    pub(crate) signature: Option<Json>,
}

/// What command steps take from the top of the file when they say nothing themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Defaults {
    pub(super) agents: Vec<String>,
    pub(super) priority: i64,
    pub(super) image: Option<String>,
    pub(super) secrets: Vec<Secret>,
    pub(super) checkout: Option<Json>,
    pub(super) cache: Option<Json>,
}

impl CommandStep {
    /// `attributes` hold known properties only.
    pub(super) fn read(
        common: Common,
        attributes: Attributes<'_>,
        defaults: &Defaults,
    ) -> Result<Self, PipelineError> {
        let Filters {
            condition,
            branches,
        } = Filters::read(attributes)?;
        let own_secrets = attributes.read(&["secrets"], secrets::secrets)?;
        let step = Self {
            common,
            label: attributes.text(&["label", "name"])?,
            command: command(attributes)?,
            env: attributes
                .read(&["env"], attributes::text_pairs)?
                .unwrap_or_default(),
            agents: match agents(attributes)? {
                Some(own) => own,
                None => defaults.agents.clone(),
            },
            artifact_paths: attributes.joined(&["artifact_paths", "artifacts"], ";")?,
            timeout_in_minutes: attributes
                .typed(&["timeout_in_minutes", "timeout"], attributes::at_least(1))?,
            soft_fail: soft_fail::of(attributes)?,
            priority: attributes
                .integer(&["priority"])?
                .unwrap_or(defaults.priority),
            skip: attributes.typed(&["skip"], skip::skip)?.flatten(),
            condition,
            branches,
            if_changed: filters::if_changed(attributes)?,
            retry: attributes
                .typed(&["retry"], retry::retry)?
                .unwrap_or_default(),
            concurrency: concurrency::read(attributes)?,
            parallelism: attributes.typed(&["parallelism"], attributes::at_most(MAX_JOBS))?,
            matrix: attributes.typed(&["matrix"], matrix::matrix)?,
            cancel_on_build_failing: attributes.flag("cancel_on_build_failing")?,
            notify: attributes
                .read(&["notify"], notify::on_step)?
                .unwrap_or_default(),
            plugins: attributes
                .read(&["plugins"], plugins::plugins)?
                .unwrap_or_default(),
            image: attributes.text(&["image"])?.or(defaults.image.clone()),
            secrets: secrets::merged(own_secrets.unwrap_or_default(), &defaults.secrets),
            checkout: attributes
                .read(&["checkout"], checkout)?
                .or(defaults.checkout.clone()),
            cache: kept(attributes, "cache")?.or(defaults.cache.clone()),
            signature: kept(attributes, "signature")?,
        };
        match (&step.matrix, step.parallelism) {
            // Chosen: the documentation forbids it and nobody has published the words.
            (Some(_), Some(_)) => Err(PipelineError::invalid(
                attributes.at,
                "`parallelism` can't be used together with `matrix`",
            )),
            (Some(_), None) | (None, _) => Ok(step),
        }
    }
}

impl Defaults {
    /// Reads them from the top-level mapping.
    pub(super) fn read(top: Attributes<'_>) -> Result<Self, PipelineError> {
        Ok(Self {
            agents: agents(top)?.unwrap_or_default(),
            priority: top.integer(&["priority"])?.unwrap_or(0),
            image: top.text(&["image"])?,
            secrets: top
                .read(&["secrets"], secrets::secrets)?
                .unwrap_or_default(),
            checkout: top.read(&["checkout"], checkout)?,
            cache: kept(top, "cache")?,
        })
    }
}

fn command(attributes: Attributes<'_>) -> Result<Option<String>, PipelineError> {
    let written = ["commands", "command"].into_iter().find_map(|name| {
        let node = attributes.written(name)?;
        Some(attributes::joined(name, node, "\n"))
    });
    written.transpose()
}

fn agents(attributes: Attributes<'_>) -> Result<Option<Vec<String>>, PipelineError> {
    attributes.read(&["agents", "agent_query_rules"], query_rules)
}

/// Chosen: only a mapping, as for the agent; it would pass anything else on, and what the server says is not known.
fn checkout(name: &str, node: &Node) -> Result<Json, PipelineError> {
    match node.value.entries() {
        Some(_) => Ok(Json::of(&node.value)),
        None => Err(must_be(name, node, "a mapping")),
    }
}

fn kept(attributes: Attributes<'_>, name: &str) -> Result<Option<Json>, PipelineError> {
    attributes.read(&[name], |_, node| Ok(Json::of(&node.value)))
}

fn query_rules(name: &str, node: &Node) -> Result<Vec<String>, PipelineError> {
    if node.value.entries().is_some() {
        let pairs = attributes::text_pairs(name, node)?.into_iter();
        return Ok(pairs.map(|(key, value)| format!("{key}={value}")).collect());
    }
    if let Some(rules) = node.value.items() {
        return rules
            .iter()
            .map(|rule| attributes::text(name, rule))
            .collect();
    }
    let rule = node.value.string();
    let wanted = "a mapping or a list of key=value";
    Ok(vec![
        rule.ok_or_else(|| must_be(name, node, wanted))?.to_owned(),
    ])
}

#[cfg(test)]
pub(super) use tests::check;

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};
    use super::*;

    /// Each case: a step in flow style after `command: x`, and a part of what it becomes.
    pub(in super::super) fn check<T: std::fmt::Debug>(
        part: fn(CommandStep) -> T,
        cases: &[(&str, &str)],
    ) {
        for (written, expected) in cases {
            let text =
                format!("agents: {{queue: top}}\npriority: 7\nsteps: [{{command: x, {written}}}]");
            let shown = match Pipeline::parse(&text).map(|pipeline| pipeline.steps) {
                Ok(mut steps) => match steps.pop() {
                    Some(Step::Command(step)) => format!("{:?}", part(step)),
                    Some(
                        Step::Wait(_)
                        | Step::Block(_)
                        | Step::Input(_)
                        | Step::Trigger(_)
                        | Step::Group(_),
                    )
                    | None => "another step".to_owned(),
                },
                Err(error) => error.in_a_table(),
            };
            assert_eq!(shown, *expected, "for `{written}`");
        }
    }

    #[test]
    fn commands_and_labels() {
        check(
            |step| (step.command.unwrap_or("none".to_owned()), step.label),
            &[
                ("label: l, name: n", r#"("x", Some("l"))"#),
                ("label: ~, name: n", r#"("x", Some("n"))"#),
                ("label: ''", r#"("x", None)"#),
                ("label: 1.50", r#"("x", Some("1.5"))"#),
                ("commands: [a, 1, ~, true]", r#"("a\n1\n\ntrue", None)"#),
                ("commands: ~", r#"("", None)"#),
                ("commands: []", r#"("", None)"#),
                (
                    "commands: [[a]]",
                    "! `commands` must be a string or a list of strings",
                ),
                (
                    "commands: {a: b}",
                    "! `commands` must be a string or a list of strings",
                ),
                (
                    "commands: 2020-01-01",
                    "! `commands` must be a string or a list of strings",
                ),
                ("label: [a]", "! `label` must be a string"),
                ("label: 9223372036854775808", "! `label` must be a string"),
            ],
        );
    }

    #[test]
    fn agents_are_the_steps_own_or_the_pipelines() {
        check(
            |step| step.agents,
            &[
                ("env: {}", r#"["queue=top"]"#),
                ("agents: ~", r#"["queue=top"]"#),
                ("agents: ''", r#"["queue=top"]"#),
                ("agents: []", "[]"),
                ("agents: {}", "[]"),
                (
                    "agents: {queue: a, docker: true, os: ~}",
                    r#"["queue=a", "docker=true", "os="]"#,
                ),
                ("agents: [queue=a, b=c]", r#"["queue=a", "b=c"]"#),
                ("agents: queue=a", r#"["queue=a"]"#),
                ("agent_query_rules: [queue=a]", r#"["queue=a"]"#),
                ("agents: [a=b], agent_query_rules: [queue=a]", r#"["a=b"]"#),
                ("agents: [{queue: a}]", "! `agents` must be a string"),
                ("agents: {queue: [a]}", "! `agents.queue` must be a string"),
                (
                    "agents: 5",
                    "! `agents` must be a mapping or a list of key=value",
                ),
            ],
        );
    }

    #[test]
    fn environment_and_artifacts() {
        check(
            |step| step.env,
            &[
                ("env: {B: 1e3, A: ~}", r#"[("B", "1000"), ("A", "")]"#),
                ("env: ~", "[]"),
                ("env: {A: [1]}", "! `env.A` must be a string"),
                ("env: {A: 2020-01-01}", "! `env.A` must be a string"),
                ("env: text", "! `env` must be a mapping"),
            ],
        );
        check(
            |step| step.artifact_paths,
            &[
                ("artifact_paths: a;b", r#"Some("a;b")"#),
                ("artifact_paths: [a, b]", r#"Some("a;b")"#),
                ("artifacts: a", r#"Some("a")"#),
                ("artifacts: a, artifact_paths: b", r#"Some("b")"#),
                ("artifact_paths: ~", "None"),
                (
                    "artifact_paths: {a: b}",
                    "! `artifact_paths` must be a string or a list of strings",
                ),
            ],
        );
    }

    #[test]
    fn numbers() {
        check(
            |step| (step.timeout_in_minutes, step.priority),
            &[
                ("priority: -1", "(None, -1)"),
                ("priority: ''", "(None, 7)"),
                ("timeout: '3'", "(Some(3), 7)"),
                ("timeout: 4, timeout_in_minutes: 3", "(Some(3), 7)"),
                (
                    "timeout_in_minutes: 0",
                    "! `timeout_in_minutes` must be at least 1",
                ),
                (
                    "timeout_in_minutes: 5000000000",
                    "! `timeout_in_minutes` must be at least 1",
                ),
                (
                    "timeout_in_minutes: soon",
                    "! `timeout_in_minutes` must be an integer",
                ),
                ("priority: high", "! `priority` must be an integer"),
            ],
        );
    }

    #[test]
    fn what_is_only_passed_on() {
        check(
            |step| {
                (
                    step.image,
                    step.checkout,
                    step.cache,
                    step.signature,
                    step.cancel_on_build_failing,
                )
            },
            &[
                ("env: {}", "(None, None, None, None, false)"),
                (
                    "image: i, checkout: {depth: 1}, cache: [a], signature: {value: v}, cancel_on_build_failing: 'true'",
                    r#"(Some("i"), Some(Json("{\"depth\":1}")), Some(Json("[\"a\"]")), Some(Json("{\"value\":\"v\"}")), true)"#,
                ),
                ("checkout: true", "! `checkout` must be a mapping"),
            ],
        );
    }
}
