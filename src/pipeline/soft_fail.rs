//! `soft_fail`: failures that do not fail the build.
//!
//! Source: Buildkite docs, "Command step", section "Soft fail attributes", read 2026-08-21.

use super::attributes::{self, Attributes, must_be};
use super::error::PipelineError;
use super::node::{Node, Value};

/// Which exit statuses of a failing job do not fail the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SoftFail {
    Never,
    Any,
    Statuses(Vec<i32>),
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

/// Never, unless written.
pub(super) fn of(attributes: Attributes<'_>) -> Result<SoftFail, PipelineError> {
    let written = attributes.typed(&["soft_fail"], soft_fail)?;
    Ok(written.unwrap_or(SoftFail::Never))
}

pub(super) fn soft_fail(name: &str, node: &Node) -> Result<SoftFail, PipelineError> {
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
    if node.value.is_template() {
        return Ok(SoftFail::Never);
    }
    if node.value == Value::String("*".into()) {
        return Ok(SoftFail::Any);
    }
    match i32::try_from(attributes::integer(name, node)?) {
        Ok(status) => Ok(SoftFail::Statuses(vec![status])),
        Err(_) => Err(must_be(name, node, "a 32-bit integer")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::check;
    use super::*;

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
}
