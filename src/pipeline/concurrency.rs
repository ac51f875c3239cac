//! `concurrency`: how many jobs of a group may run at once.
//!
//! Elsewhere: holding them back (`engine`).
//! Source: Buildkite docs, "Controlling concurrency", read 2026-08-21.

use super::attributes::{self, Attributes, must_be};
use super::error::PipelineError;
use super::node::Node;

/// How long the name of a group may be. Source: Buildkite docs, "Platform limits".
const MAX_GROUP: usize = 200;

/// A step's part in a concurrency group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Concurrency {
    /// At least 1.
    pub(crate) limit: u32,
    /// Shared by the whole organization.
    pub(crate) group: String,
    pub(crate) method: ConcurrencyMethod,
}

/// Who is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConcurrencyMethod {
    /// The oldest, even if it cannot run yet.
    Ordered,
    /// Whichever can run.
    Eager,
}

/// All three properties together; none of them is any use alone.
/// Chosen: the sentences. Of the first it is known that it names `concurrency_group_id`.
pub(super) fn read(attributes: Attributes<'_>) -> Result<Option<Concurrency>, PipelineError> {
    let limit = attributes.typed(&["concurrency"], attributes::at_least(1))?;
    let group = attributes.read(&["concurrency_group"], group)?;
    let method = attributes.typed(&["concurrency_method"], method)?;
    let waits = attributes
        .first(&["concurrency"])
        .is_some_and(|(_, node)| node.value.is_template());
    match (limit, group, method) {
        (Some(limit), Some(group), method) => Ok(Some(Concurrency {
            limit,
            group,
            method: method.unwrap_or(ConcurrencyMethod::Ordered),
        })),
        (None, None, None) => Ok(None),
        (None, _, _) if waits => Ok(None),
        (Some(_), None, _) | (None, None, Some(_)) => Err(PipelineError::invalid(
            attributes.at,
            "`concurrency_group_id` can't be blank when `concurrency` or `concurrency_method` is set",
        )),
        (None, Some(_), _) => Err(PipelineError::invalid(
            attributes.at,
            "`concurrency` can't be blank when `concurrency_group` is set",
        )),
    }
}

fn group(name: &str, node: &Node) -> Result<String, PipelineError> {
    let group = attributes::text(name, node)?;
    if group.chars().count() <= MAX_GROUP {
        return Ok(group);
    }
    Err(must_be(
        name,
        node,
        &format!("at most {MAX_GROUP} characters"),
    ))
}

fn method(name: &str, node: &Node) -> Result<ConcurrencyMethod, PipelineError> {
    match node.value.string() {
        Some("ordered") => Ok(ConcurrencyMethod::Ordered),
        Some("eager") => Ok(ConcurrencyMethod::Eager),
        Some(_) | None => Err(must_be(name, node, "ordered or eager")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::check;
    use super::*;

    #[test]
    fn all_or_nothing() {
        let no_group = "! `concurrency_group_id` can't be blank when `concurrency` or `concurrency_method` is set";
        check(
            |step| {
                step.concurrency
                    .map(|one| (one.limit, one.group, one.method))
            },
            &[
                ("env: {}", "None"),
                ("concurrency: ~, concurrency_group: ''", "None"),
                (
                    "concurrency: 1, concurrency_group: g",
                    r#"Some((1, "g", Ordered))"#,
                ),
                (
                    "concurrency: '2', concurrency_group: g, concurrency_method: eager",
                    r#"Some((2, "g", Eager))"#,
                ),
                ("concurrency: 1", no_group),
                ("concurrency_method: eager", no_group),
                (
                    "concurrency_group: g",
                    "! `concurrency` can't be blank when `concurrency_group` is set",
                ),
                (
                    "concurrency: 0, concurrency_group: g",
                    "! `concurrency` must be at least 1",
                ),
                (
                    "concurrency: 1, concurrency_group: g, concurrency_method: fair",
                    "! `concurrency_method` must be ordered or eager",
                ),
                (
                    &format!(
                        "concurrency: 1, concurrency_group: {}",
                        "g".repeat(MAX_GROUP + 1)
                    ),
                    "! `concurrency_group` must be at most 200 characters",
                ),
            ],
        );
    }
}
