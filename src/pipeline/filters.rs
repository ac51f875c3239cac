//! What decides, once and before anything runs, whether a step takes part: `if`, `branches` and `if_changed`, as text.
//!
//! Elsewhere: what the texts mean (`conditional`, `branches`, `if_changed`), `skip` (a file of its own).
//! Source: Buildkite docs, "Using conditionals" and "Branch configuration", read 2026-08-21.

use super::attributes::{self, Attributes, must_be};
use super::error::{PipelineError, Position};
use super::node::Node;

/// An `if`, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) text: String,
    pub(crate) at: Position,
}

/// The patterns of an `if_changed`, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IfChangedText {
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
}

/// `if` or `branches`; a step has one of them at most.
#[derive(Debug)]
pub(super) struct Filters {
    pub(super) condition: Option<Condition>,
    pub(super) branches: Option<Vec<String>>,
}

impl Filters {
    pub(super) fn read(attributes: Attributes<'_>) -> Result<Self, PipelineError> {
        let condition = condition(attributes)?;
        let branches = attributes.read(&["branches"], branches)?;
        match (condition, branches) {
            // Chosen: the documentation forbids it and nobody has published the words.
            (Some(condition), Some(branches)) if !branches.is_empty() => Err(
                PipelineError::invalid(condition.at, "`branches` can't be used together with `if`"),
            ),
            (condition, branches) => Ok(Self {
                condition,
                branches: branches.filter(|patterns| !patterns.is_empty()),
            }),
        }
    }
}

/// The `if`, unless it is blank.
pub(super) fn condition(attributes: Attributes<'_>) -> Result<Option<Condition>, PipelineError> {
    let condition = attributes.read(&["if"], |name, node| {
        let text = attributes::text(name, node)?;
        Ok(Condition { text, at: node.at })
    })?;
    Ok(condition.filter(|condition| !condition.text.trim().is_empty()))
}

/// The patterns one by one, however they are spread over strings.
fn branches(name: &str, node: &Node) -> Result<Vec<String>, PipelineError> {
    let texts = attributes::texts(name, node)?;
    let patterns = texts.iter().flat_map(|text| text.split_whitespace());
    Ok(patterns.map(str::to_owned).collect())
}

/// Chosen: accepted wherever the steps come from, although only the agent acts on it: a test that saves steps as
/// configuration would otherwise have to leave it out.
pub(super) fn if_changed(
    attributes: Attributes<'_>,
) -> Result<Option<IfChangedText>, PipelineError> {
    attributes.read(&["if_changed"], |name, node| {
        if node.value.entries().is_none() {
            let (include, exclude) = (attributes::texts(name, node)?, vec![]);
            return Ok(IfChangedText { include, exclude });
        }
        let patterns = attributes::mapping(name, node, &["include", "exclude"])?;
        let include = patterns.read(&["include"], attributes::texts)?;
        let wanted = "a pattern, a list of patterns or a mapping with `include`";
        Ok(IfChangedText {
            include: include.ok_or_else(|| must_be(name, node, wanted))?,
            exclude: patterns
                .read(&["exclude"], attributes::texts)?
                .unwrap_or_default(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};

    /// Each case: what a command step also has, and its condition, branches and changed files, or why not.
    #[test]
    fn filters_are_kept_as_text() {
        let patterns =
            "`if_changed` must be a pattern, a list of patterns or a mapping with `include`";
        for (written, expected) in [
            (
                "if: build.tag == 'x'",
                r#"Some("build.tag == 'x'") None None"#,
            ),
            ("if: ' '", "None None None"),
            ("if: false, branches: ''", r#"Some("false") None None"#),
            (
                "branches: 'main  release/*'",
                r#"None Some(["main", "release/*"]) None"#,
            ),
            (
                "branches: [main, '!a !b', 5]",
                r#"None Some(["main", "!a", "!b", "5"]) None"#,
            ),
            ("branches: []", "None None None"),
            (
                "if: x, branches: main",
                "! `branches` can't be used together with `if`",
            ),
            (
                "branches: {a: b}",
                "! `branches` must be a string or a list of strings",
            ),
            ("if: [a]", "! `if` must be a string"),
            ("if_changed: '**.go'", r#"None None Some((["**.go"], []))"#),
            ("if_changed: [a, b]", r#"None None Some((["a", "b"], []))"#),
            (
                "if_changed: {include: a, exclude: [b, c]}",
                r#"None None Some((["a"], ["b", "c"]))"#,
            ),
            ("if_changed: {exclude: b}", &format!("! {patterns}")),
            (
                "if_changed: {includes: b}",
                "! `includes` is not a valid property in `if_changed`",
            ),
        ] {
            let shown = match Pipeline::parse(&format!("steps: [{{command: x, {written}}}]")) {
                Ok(pipeline) => {
                    let step: &Step = &pipeline.steps[0];
                    let condition = step.condition().map(|condition| &condition.text);
                    let changed = step.if_changed().map(|one| (&one.include, &one.exclude));
                    format!("{condition:?} {:?} {changed:?}", step.branches())
                }
                Err(error) => error.in_a_table(),
            };
            assert_eq!(shown, expected, "for `{written}`");
        }
    }
}
