//! What every step has: a key, and the steps it comes after.
//!
//! Elsewhere: whether two steps of a file have the same key (`steps`), what dependencies do (`engine`).
//! Source: Buildkite docs, "Managing step dependencies", read 2026-08-21; buildkite/pipeline-schema.

use super::attributes::{self, Attributes, must_be};
use super::error::PipelineError;
use super::node::{Node, Value};

/// How long a key may be. Source: buildkite/pipeline-schema.
const MAX_KEY: usize = 100;

/// What every step has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Common {
    pub(crate) key: Option<String>,
    /// None if nothing was said, so that waits and blocks before it count; empty if it was said to need nothing.
    pub(crate) depends_on: Option<Vec<Dependency>>,
    pub(crate) allow_dependency_failure: bool,
    /// The line its text starts on, counted from 1.
    pub(crate) line: usize,
}

/// A step that must be over first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// Its key; the step may come later, or in a later upload.
    pub(crate) step: String,
    /// What was said of this one; it wins over what its step allows of all.
    pub(crate) allow_failure: Option<bool>,
}

impl Common {
    /// `attributes` hold known properties only.
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, PipelineError> {
        Ok(Self {
            key: attributes.read(&KEYS, key)?,
            depends_on: depends_on(attributes)?,
            allow_dependency_failure: attributes.flag("allow_dependency_failure")?,
            line: attributes.at.line,
        })
    }
}

/// The names a key may go by.
pub(super) const KEYS: [&str; 3] = ["key", "id", "identifier"];

fn key(name: &str, node: &Node) -> Result<String, PipelineError> {
    let key = attributes::text(name, node)?;
    if node.value.is_template() {
        return Ok(key);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-:${}.,".contains(c);
    if is_uuid(&key) {
        let reason = "Step keys can't have the same pattern as a UUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)";
        return Err(PipelineError::invalid(node.at, reason));
    }
    if key.chars().count() > MAX_KEY {
        return Err(must_be(
            name,
            node,
            &format!("at most {MAX_KEY} characters"),
        ));
    }
    if !key.chars().all(allowed) {
        let wanted = "made of letters, digits and the characters _ - : $ { } . ,";
        return Err(must_be(name, node, wanted));
    }
    Ok(key)
}

fn is_uuid(key: &str) -> bool {
    let groups: Vec<&str> = key.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && key
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn depends_on(attributes: Attributes<'_>) -> Result<Option<Vec<Dependency>>, PipelineError> {
    let Some(node) = attributes.written("depends_on") else {
        return Ok(None);
    };
    match &node.value {
        Value::Null => Ok(Some(vec![])),
        Value::Seq(items) => items
            .iter()
            .map(dependency)
            .collect::<Result<_, _>>()
            .map(Some),
        // What interpolation leaves of an unset variable says nothing.
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(_) | Value::Template(_) | Value::Int(_) | Value::Float(_) => {
            Ok(Some(vec![dependency(node)?]))
        }
        Value::Bool(_) | Value::UInt(_) | Value::Timestamp(_) | Value::Map(_) => {
            Err(must_be("depends_on", node, "a step key or a list of them"))
        }
    }
}

fn dependency(node: &Node) -> Result<Dependency, PipelineError> {
    let name = "depends_on";
    if node.value.entries().is_some() {
        let attributes = attributes::mapping(name, node, &["step", "allow_failure"])?;
        let allow_failure = attributes.typed(&["allow_failure"], attributes::boolean)?;
        return match attributes.text(&["step"])? {
            Some(step) => Ok(Dependency {
                step,
                allow_failure,
            }),
            None => Err(must_be(name, node, "a step key or a list of them")),
        };
    }
    match node.value.text() {
        Some(step) if !step.is_empty() => Ok(Dependency {
            step,
            allow_failure: None,
        }),
        Some(_) | None => Err(must_be(name, node, "a step key or a list of them")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};
    use super::*;

    /// Each case: one step in flow style, and its kind and some of its parts, or who refuses it and why.
    fn check<T: std::fmt::Debug>(part: fn(Step) -> T, cases: &[(&str, &str)]) {
        for (written, expected) in cases {
            let shown = match Pipeline::parse(&format!("steps: [{written}]")) {
                Ok(mut pipeline) => format!("{:?}", pipeline.steps.pop().map(part)),
                Err(error) => format!("{:?} {}", error.refusal(), error.message()),
            };
            assert_eq!(shown, *expected, "for `{written}`");
        }
    }

    #[test]
    fn keys() {
        let uuid = "01234567-89ab-cdef-ABCD-0123456789ab";
        let invalid = "Rejected One of the steps you provided was invalid: ";
        let characters = format!(
            "{invalid}`key` must be made of letters, digits and the characters _ - : $ {{ }} . ,"
        );
        check(
            |step| step.common().key.clone(),
            &[
                ("{command: a}", "Some(None)"),
                (
                    "{command: a, key: k, id: i, identifier: j}",
                    r#"Some(Some("k"))"#,
                ),
                (
                    "{command: a, key: ~, id: i, identifier: j}",
                    r#"Some(Some("i"))"#,
                ),
                ("{wait: ~, identifier: j}", r#"Some(Some("j"))"#),
                ("{block: {key: k}}", r#"Some(Some("k"))"#),
                ("{command: a, key: 1.50}", r#"Some(Some("1.5"))"#),
                (
                    "{command: a, key: 'a_-:${}.,Z'}",
                    r#"Some(Some("a_-:${}.,Z"))"#,
                ),
                ("{command: a, key: a+b}", &characters),
                ("{command: a, key: a b}", &characters),
                (
                    "{command: a, key: [a]}",
                    &format!("{invalid}`key` must be a string"),
                ),
                (
                    &format!("{{command: a, key: {}}}", "x".repeat(101)),
                    &format!("{invalid}`key` must be at most 100 characters"),
                ),
                (
                    &format!("{{command: a, key: {uuid}}}"),
                    &format!(
                        "{invalid}Step keys can't have the same pattern as a UUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)"
                    ),
                ),
                (
                    "{command: a, key: k}, {wait: {id: k}}",
                    r#"Rejected The key "k" has already been used by another step in this build"#,
                ),
            ],
        );
    }

    #[test]
    fn dependencies() {
        let invalid = "Rejected One of the steps you provided was invalid: ";
        let list = format!("{invalid}`depends_on` must be a step key or a list of them");
        check(
            |step| {
                let common = step.common().clone();
                let pair = |one: Dependency| (one.step, one.allow_failure);
                let pairs = |list: Vec<Dependency>| list.into_iter().map(pair).collect();
                let depends_on: Option<Vec<(String, Option<bool>)>> = common.depends_on.map(pairs);
                (depends_on, common.allow_dependency_failure)
            },
            &[
                ("wait", "Some((None, false))"),
                ("{wait: ~, depends_on: ~}", "Some((Some([]), false))"),
                ("{wait: ~, depends_on: []}", "Some((Some([]), false))"),
                ("{wait: ~, depends_on: ''}", "Some((None, false))"),
                (
                    "{wait: ~, depends_on: a, allow_dependency_failure: 'true'}",
                    r#"Some((Some([("a", None)]), true))"#,
                ),
                (
                    "{block: b, depends_on: [a, {step: b, allow_failure: false}, {step: c, allow_failure: 'true'}]}",
                    r#"Some((Some([("a", None), ("b", Some(false)), ("c", Some(true))]), false))"#,
                ),
                (
                    "{block: b, depends_on: [{step: a}, {step: b, allow_failure: ''}]}",
                    r#"Some((Some([("a", None), ("b", None)]), false))"#,
                ),
                (
                    "{command: a, depends_on: 5}",
                    r#"Some((Some([("5", None)]), false))"#,
                ),
                ("{command: a, depends_on: {step: a}}", &list),
                ("{command: a, depends_on: [{allow_failure: true}]}", &list),
                ("{command: a, depends_on: ['']}", &list),
                ("{command: a, depends_on: [[a]]}", &list),
                ("{command: a, depends_on: true}", &list),
                (
                    "{command: a, depends_on: [{step: a, soft: true}]}",
                    &format!("{invalid}`soft` is not a valid property in `depends_on`"),
                ),
            ],
        );
    }
}
