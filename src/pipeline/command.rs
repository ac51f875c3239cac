//! Command steps: what a job will run, where, and which of its failures count.
//!
//! Elsewhere: recognising one (`steps`), running it (`script`), keeping its promises (`engine`).
//! Not modelled: conditions, matrices, parallelism, concurrency groups, retry rules (refused in `properties`).
//! Source: Buildkite docs, "Command step", read 2026-08-21; buildkite/pipeline-schema.

use super::attributes::{self, Attributes, must_be};
use super::error::PipelineError;
use super::node::{Node, Value};
use super::steps::Common;

/// How long the reason of a skipped step may be. Source: Buildkite docs, "Platform limits".
const MAX_SKIP_REASON: usize = 70;

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
}

/// Which exit statuses of a failing job do not fail the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SoftFail {
    Never,
    Any,
    Statuses(Vec<i32>),
}

/// Why a step is skipped; empty if it was just told to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SkipReason(pub(crate) String);

/// What command steps take from the top of the file when they say nothing themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Defaults {
    pub(super) agents: Vec<String>,
    pub(super) priority: i64,
}

impl CommandStep {
    /// `attributes` hold known properties only.
    pub(super) fn read(
        common: Common,
        attributes: Attributes<'_>,
        defaults: &Defaults,
    ) -> Result<Self, PipelineError> {
        Ok(Self {
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
            timeout_in_minutes: attributes.read(&["timeout_in_minutes", "timeout"], minutes)?,
            soft_fail: attributes
                .read(&["soft_fail"], soft_fail)?
                .unwrap_or(SoftFail::Never),
            priority: attributes
                .integer(&["priority"])?
                .unwrap_or(defaults.priority),
            skip: attributes.read(&["skip"], skip)?.flatten(),
        })
    }
}

impl SoftFail {
    /// Whether a job that ended with `exit_status` failed softly. Success is no failure of any kind.
    pub(crate) fn covers(&self, exit_status: i32) -> bool {
        match self {
            Self::Never => false,
            Self::Any => exit_status != 0,
            Self::Statuses(statuses) => exit_status != 0 && statuses.contains(&exit_status),
        }
    }

    /// Both rules together.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Never, only) | (only, Self::Never) => only,
            (Self::Statuses(mut statuses), Self::Statuses(more)) => {
                statuses.extend(more);
                Self::Statuses(statuses)
            }
        }
    }
}

impl Defaults {
    /// Reads them from the top-level mapping.
    pub(super) fn read(top: Attributes<'_>) -> Result<Self, PipelineError> {
        Ok(Self {
            agents: agents(top)?.unwrap_or_default(),
            priority: top.integer(&["priority"])?.unwrap_or(0),
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

fn minutes(name: &str, node: &Node) -> Result<u32, PipelineError> {
    let minutes = u32::try_from(attributes::integer(name, node)?).ok();
    let positive = minutes.filter(|minutes| *minutes > 0);
    positive.ok_or_else(|| must_be(name, node, "at least 1"))
}

fn soft_fail(name: &str, node: &Node) -> Result<SoftFail, PipelineError> {
    if let Value::Seq(rules) = &node.value {
        return rules.iter().try_fold(SoftFail::Never, |so_far, rule| {
            Ok(so_far.or(exit_status(name, rule)?))
        });
    }
    match attributes::as_boolean(&node.value) {
        Some(true) => Ok(SoftFail::Any),
        Some(false) => Ok(SoftFail::Never),
        None => Err(must_be(
            name,
            node,
            "true, false or a list of exit statuses",
        )),
    }
}

/// One `exit_status: 3` or `exit_status: "*"`.
fn exit_status(name: &str, rule: &Node) -> Result<SoftFail, PipelineError> {
    let rule_attributes = attributes::mapping(name, rule, &["exit_status"])?;
    let Some((name, node)) = rule_attributes.first(&["exit_status"]) else {
        return Err(must_be(
            name,
            rule,
            "true, false or a list of exit statuses",
        ));
    };
    if node.value == Value::String("*".into()) {
        return Ok(SoftFail::Any);
    }
    match i32::try_from(attributes::integer(name, node)?) {
        Ok(status) => Ok(SoftFail::Statuses(vec![status])),
        Err(_) => Err(must_be(name, node, "a 32-bit integer")),
    }
}

fn skip(name: &str, node: &Node) -> Result<Option<SkipReason>, PipelineError> {
    match attributes::as_boolean(&node.value) {
        Some(true) => return Ok(Some(SkipReason(String::new()))),
        Some(false) => return Ok(None),
        None => {}
    }
    let Some(reason) = node.value.string() else {
        return Err(must_be(name, node, "true, false or a reason"));
    };
    if reason.chars().count() <= MAX_SKIP_REASON {
        return Ok(Some(SkipReason(reason.to_owned())));
    }
    let too_long = format_args!(
        "The reason provided to `skip` is too long. The maximum length is {MAX_SKIP_REASON} characters"
    );
    Err(PipelineError::invalid(node.at, too_long))
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};
    use super::*;

    /// Each case: a step in flow style after `command: x`, and a part of what it becomes.
    fn check<T: std::fmt::Debug>(part: fn(CommandStep) -> T, cases: &[(&str, &str)]) {
        for (written, expected) in cases {
            let text =
                format!("agents: {{queue: top}}\npriority: 7\nsteps: [{{command: x, {written}}}]");
            let shown = match Pipeline::parse(&text).map(|pipeline| pipeline.steps) {
                Ok(mut steps) => match steps.pop() {
                    Some(Step::Command(step)) => format!("{:?}", part(step)),
                    Some(Step::Wait(_) | Step::Block(_) | Step::Input(_)) | None => {
                        "another step".to_owned()
                    }
                },
                Err(error) => {
                    let message = error.message();
                    let prefix = "One of the steps you provided was invalid: ";
                    format!("! {}", message.strip_prefix(prefix).unwrap_or(message))
                }
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
    fn soft_failures() {
        let list = "! `soft_fail` must be true, false or a list of exit statuses";
        check(
            |step| step.soft_fail,
            &[
                ("soft_fail: true", "Any"),
                ("soft_fail: 'true'", "Any"),
                ("soft_fail: 'false'", "Never"),
                ("soft_fail: ''", "Never"),
                ("soft_fail: []", "Never"),
                (
                    "soft_fail: [{exit_status: 1}, {exit_status: '2'}]",
                    "Statuses([1, 2])",
                ),
                (
                    "soft_fail: [{exit_status: 1}, {exit_status: '*'}, {exit_status: 2}]",
                    "Any",
                ),
                ("soft_fail: [{}]", list),
                ("soft_fail: 1", list),
                ("soft_fail: [1]", "! `soft_fail` must be a mapping"),
                (
                    "soft_fail: [{exit_status: [1]}]",
                    "! `exit_status` must be an integer",
                ),
                (
                    "soft_fail: [{exit_status: 3000000000}]",
                    "! `exit_status` must be a 32-bit integer",
                ),
                (
                    "soft_fail: [{exit: 1}]",
                    "! `exit` is not a valid property in `soft_fail`",
                ),
            ],
        );
        for (soft_fail, zero, one, two) in [
            (SoftFail::Never, false, false, false),
            (SoftFail::Any, false, true, true),
            (SoftFail::Statuses(vec![0, 2]), false, false, true),
        ] {
            let covered = [0, 1, 2].map(|status| soft_fail.covers(status));
            assert_eq!(covered, [zero, one, two], "{soft_fail:?}");
        }
    }

    #[test]
    fn skips() {
        let longest = "é".repeat(MAX_SKIP_REASON);
        let too_long =
            "! The reason provided to `skip` is too long. The maximum length is 70 characters";
        check(
            |step| step.skip.map(|reason| reason.0),
            &[
                ("skip: true", r#"Some("")"#),
                ("skip: 'true'", r#"Some("")"#),
                ("skip: 'false'", "None"),
                ("skip: ''", "None"),
                ("skip: ~", "None"),
                ("skip: later", r#"Some("later")"#),
                (&format!("skip: {longest}"), &format!("Some({longest:?})")),
                (&format!("skip: {longest}x"), too_long),
                ("skip: 5", "! `skip` must be true, false or a reason"),
            ],
        );
    }
}
