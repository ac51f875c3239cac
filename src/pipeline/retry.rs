//! `retry`: which failures are tried again by themselves, and whether a person may.
//!
//! Elsewhere: counting the retries a rule has caused, and making the new job (`engine`).
//! Source: Buildkite docs, "Job retry attributes", read 2026-08-21.

use super::attributes::{self, Attributes, must_be};
use super::error::PipelineError;
use super::node::{Node, Value};

/// How many retries a rule allows that names no number. Source: Buildkite docs, "Automatic retry attributes".
const DEFAULT_LIMIT: u32 = 2;

/// The largest number a rule may name. Source: the same.
const MAX_LIMIT: u32 = 10;

/// What may be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retry {
    /// In the order written; the first that matches decides.
    pub(crate) automatic: Vec<RetryRule>,
    pub(crate) manual: ManualRetry,
}

/// One way to fail, and how often it is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RetryRule {
    pub(crate) exit_status: ExitStatuses,
    pub(crate) signal: Words,
    pub(crate) signal_reason: Words,
    /// Of retries, not of attempts.
    pub(crate) limit: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitStatuses {
    /// Nothing was written: every failure, that of a lost agent (-1) included.
    Unsaid,
    /// `"*"`: 1 to 255.
    Star,
    These(Vec<i32>),
}

/// Signals, or reasons of signals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Words {
    /// `"*"`: any, and none at all.
    Any,
    /// `"none"`: there was none.
    None,
    These(Vec<String>),
}

/// Whether a person may retry the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManualRetry {
    pub(crate) allowed: bool,
    /// Why not.
    pub(crate) reason: Option<String>,
    /// Whether a job that passed may be retried too.
    pub(crate) permit_on_passed: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            automatic: vec![],
            manual: ManualRetry::allowed(true),
        }
    }
}

impl Retry {
    /// The rule that decides about a job that ended so, and its place among the rules.
    pub(crate) fn rule(
        &self,
        exit_status: i32,
        signal: Option<&str>,
        signal_reason: Option<&str>,
    ) -> Option<(usize, &RetryRule)> {
        let mut rules = self.automatic.iter().enumerate();
        rules.find(|(_, rule)| rule.matches(exit_status, signal, signal_reason))
    }
}

impl RetryRule {
    /// Whether all of its conditions hold. Success is never tried again.
    pub(crate) fn matches(
        &self,
        exit_status: i32,
        signal: Option<&str>,
        signal_reason: Option<&str>,
    ) -> bool {
        let status = match &self.exit_status {
            ExitStatuses::Unsaid => true,
            ExitStatuses::Star => (1..=255).contains(&exit_status),
            ExitStatuses::These(statuses) => statuses.contains(&exit_status),
        };
        let signal = signal.map(signal_name);
        let reason = signal_reason.map(str::to_lowercase);
        exit_status != 0 && status && self.signal.hold(signal) && self.signal_reason.hold(reason)
    }

    fn any() -> Self {
        Self {
            exit_status: ExitStatuses::Unsaid,
            signal: Words::Any,
            signal_reason: Words::Any,
            limit: DEFAULT_LIMIT,
        }
    }
}

impl Words {
    fn hold(&self, word: Option<String>) -> bool {
        match self {
            Self::Any => true,
            Self::None => word.is_none(),
            Self::These(words) => word.is_some_and(|word| words.contains(&word)),
        }
    }
}

impl ManualRetry {
    /// Chosen: passed jobs only where that is said; the documentation names no default, the API asks for it.
    fn allowed(allowed: bool) -> Self {
        Self {
            allowed,
            reason: None,
            permit_on_passed: false,
        }
    }
}

/// Signals are compared without `SIG` and without regard to case.
fn signal_name(signal: &str) -> String {
    let name = signal.to_uppercase();
    name.strip_prefix("SIG").unwrap_or(&name).to_owned()
}

pub(super) fn retry(name: &str, node: &Node) -> Result<Retry, PipelineError> {
    let attributes = attributes::mapping(name, node, &["automatic", "manual"])?;
    let by_hand = attributes.typed(&["manual"], manual)?;
    Ok(Retry {
        automatic: attributes
            .typed(&["automatic"], automatic)?
            .unwrap_or_default(),
        manual: by_hand.unwrap_or(ManualRetry::allowed(true)),
    })
}

fn automatic(name: &str, node: &Node) -> Result<Vec<RetryRule>, PipelineError> {
    match attributes::as_boolean(&node.value) {
        Some(true) => return Ok(vec![RetryRule::any()]),
        Some(false) => return Ok(vec![]),
        None => {}
    }
    if node.value.items().is_none() && node.value.entries().is_none() {
        return Err(must_be(
            name,
            node,
            "true, false, a rule or a list of rules",
        ));
    }
    let rules = attributes::one_or_more(node).iter();
    rules.map(|rule| self::rule(name, rule)).collect()
}

fn rule(name: &str, node: &Node) -> Result<RetryRule, PipelineError> {
    let known = ["exit_status", "signal", "signal_reason", "limit"];
    let attributes = attributes::mapping(name, node, &known)?;
    let words = |name: &'static str, canonical: fn(&str) -> String| {
        let words = attributes.typed(&[name], |name, node| words(name, node, canonical))?;
        Ok::<_, PipelineError>(words.unwrap_or(Words::Any))
    };
    Ok(RetryRule {
        exit_status: exit_status(attributes)?,
        signal: words("signal", signal_name)?,
        signal_reason: words("signal_reason", str::to_lowercase)?,
        limit: attributes
            .typed(&["limit"], attributes::at_most(MAX_LIMIT))?
            .unwrap_or(DEFAULT_LIMIT),
    })
}

fn exit_status(attributes: Attributes<'_>) -> Result<ExitStatuses, PipelineError> {
    let written = attributes.typed(&["exit_status"], |name, node| {
        let mut statuses = vec![];
        for item in attributes::one_or_more(node) {
            if item.value == Value::String("*".into()) {
                return Ok(ExitStatuses::Star);
            }
            if !item.value.is_template() {
                let status = i32::try_from(attributes::integer(name, item)?);
                statuses.push(status.map_err(|_| must_be(name, item, "a 32-bit integer"))?);
            }
        }
        Ok(ExitStatuses::These(statuses))
    })?;
    Ok(written.unwrap_or(ExitStatuses::Unsaid))
}

/// Chosen: words nobody has heard of are taken; there have been new ones.
fn words(name: &str, node: &Node, canonical: fn(&str) -> String) -> Result<Words, PipelineError> {
    let written = attributes::texts(name, node)?;
    if written.iter().any(|word| word == "*") {
        return Ok(Words::Any);
    }
    if written == ["none"] {
        return Ok(Words::None);
    }
    let these = written.iter().map(|word| canonical(word));
    Ok(Words::These(these.collect()))
}

fn manual(name: &str, node: &Node) -> Result<ManualRetry, PipelineError> {
    if let Some(allowed) = attributes::as_boolean(&node.value) {
        return Ok(ManualRetry::allowed(allowed));
    }
    if node.value.entries().is_none() {
        return Err(must_be(name, node, "true, false or a mapping"));
    }
    let known = ["allowed", "reason", "permit_on_passed"];
    let attributes = attributes::mapping(name, node, &known)?;
    let allowed = attributes.typed(&["allowed"], attributes::boolean)?;
    Ok(ManualRetry {
        allowed: allowed.unwrap_or(true),
        reason: attributes.text(&["reason"])?,
        permit_on_passed: attributes.flag("permit_on_passed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::command::check;
    use super::super::yaml;
    use super::*;

    #[test]
    fn automatic_rules() {
        let any = "RetryRule { exit_status: Unsaid, signal: Any, signal_reason: Any, limit: 2 }";
        let one = |what: &str| format!("[{}]", any.replacen("exit_status: Unsaid", what, 1));
        check(
            |step| step.retry.automatic,
            &[
                ("retry: ~", "[]"),
                ("retry: {automatic: true}", &format!("[{any}]")),
                ("retry: {automatic: 'true'}", &format!("[{any}]")),
                ("retry: {automatic: 'false'}", "[]"),
                ("retry: {automatic: []}", "[]"),
                (
                    "retry: {automatic: {exit_status: '*'}}",
                    &one("exit_status: Star"),
                ),
                (
                    "retry: {automatic: {exit_status: -1}}",
                    &one("exit_status: These([-1])"),
                ),
                (
                    "retry: {automatic: [{exit_status: [1, '2']}]}",
                    &one("exit_status: These([1, 2])"),
                ),
                (
                    "retry: {automatic: [{limit: '0', signal: [sigkill, TERM], signal_reason: none}, {limit: 10}]}",
                    r#"[RetryRule { exit_status: Unsaid, signal: These(["KILL", "TERM"]), signal_reason: None, limit: 0 }, RetryRule { exit_status: Unsaid, signal: Any, signal_reason: Any, limit: 10 }]"#,
                ),
                (
                    "retry: {automatic: {limit: 11}}",
                    "! `limit` must be from 0 to 10",
                ),
                (
                    "retry: {automatic: {limit: -1}}",
                    "! `limit` must be from 0 to 10",
                ),
                (
                    "retry: {automatic: {exit_status: a}}",
                    "! `exit_status` must be an integer",
                ),
                (
                    "retry: {automatic: {exit: 1}}",
                    "! `exit` is not a valid property in `automatic`",
                ),
                (
                    "retry: {automatic: 5}",
                    "! `automatic` must be true, false, a rule or a list of rules",
                ),
                ("retry: {automatic: [1]}", "! `automatic` must be a mapping"),
                (
                    "retry: {auto: true}",
                    "! `auto` is not a valid property in `retry`",
                ),
                ("retry: true", "! `retry` must be a mapping"),
            ],
        );
    }

    #[test]
    fn manual_retries() {
        check(
            |step| {
                let manual = step.retry.manual;
                (manual.allowed, manual.reason, manual.permit_on_passed)
            },
            &[
                ("env: {}", "(true, None, false)"),
                ("retry: {manual: false}", "(false, None, false)"),
                ("retry: {manual: 'false'}", "(false, None, false)"),
                (
                    "retry: {manual: {permit_on_passed: true}}",
                    "(true, None, true)",
                ),
                (
                    "retry: {manual: {allowed: false, reason: r}}",
                    r#"(false, Some("r"), false)"#,
                ),
                (
                    "retry: {manual: 5}",
                    "! `manual` must be true, false or a mapping",
                ),
                (
                    "retry: {manual: {reasons: r}}",
                    "! `reasons` is not a valid property in `manual`",
                ),
            ],
        );
    }

    #[test]
    fn which_failures_a_rule_is_about() {
        let (killed, cancel) = (Some("SIGKILL"), Some("cancel"));
        for (rules, exit_status, signal, reason, expected) in [
            ("true", 1, None, None, Some(0)),
            ("true", -1, None, Some("agent_stop"), Some(0)),
            ("true", 0, None, None, None),
            ("{exit_status: '*'}", 255, killed, cancel, Some(0)),
            ("{exit_status: '*'}", -1, None, None, None),
            ("{exit_status: '*'}", 256, None, None, None),
            (
                "[{exit_status: 1}, {exit_status: [2, -1]}]",
                -1,
                None,
                None,
                Some(1),
            ),
            (
                "[{exit_status: 1, limit: 0}, {exit_status: '*'}]",
                1,
                None,
                None,
                Some(0),
            ),
            ("{signal: kill}", 1, killed, None, Some(0)),
            ("{signal: kill}", 1, None, None, None),
            ("{signal: none}", 1, None, None, Some(0)),
            ("{signal: none}", 1, killed, None, None),
            (
                "{signal: '*', signal_reason: none}",
                1,
                killed,
                cancel,
                None,
            ),
            (
                "{signal_reason: [Cancel, agent_stop]}",
                1,
                None,
                cancel,
                Some(0),
            ),
            (
                "{signal_reason: cancel, exit_status: 2}",
                1,
                None,
                cancel,
                None,
            ),
        ] {
            let node = yaml::load(&format!("automatic: {rules}")).expect("valid YAML");
            let retry = retry("retry", &node).expect("valid");
            let found = retry
                .rule(exit_status, signal, reason)
                .map(|(place, _)| place);
            assert_eq!(
                found, expected,
                "{rules} {exit_status} {signal:?} {reason:?}"
            );
        }
    }
}
