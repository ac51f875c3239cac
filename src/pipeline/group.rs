//! Group steps: other steps under one label.
//!
//! Elsewhere: what a group's `if` and `skip` do to its steps (`engine`).
//! Source: Buildkite docs, "Group step", read 2026-08-21.

use super::attributes::{self, Attributes};
use super::common::Common;
use super::error::PipelineError;
use super::filters::{self, Condition, IfChangedText};
use super::node::{Node, Value};
use super::notify::{self, Notification};
use super::skip::{self, SkipReason};
use super::steps::{Reading, Step};

/// Steps that are shown, and depended on, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupStep {
    pub(crate) common: Common,
    /// The value of `group`, else the `label` or `name`.
    pub(crate) label: Option<String>,
    pub(crate) skip: Option<SkipReason>,
    pub(crate) condition: Option<Condition>,
    pub(crate) if_changed: Option<IfChangedText>,
    pub(crate) notify: Vec<Notification>,
    /// At least one, and no group.
    pub(crate) steps: Vec<Step>,
}

impl GroupStep {
    /// `attributes` hold known properties only.
    pub(super) fn read(
        common: Common,
        attributes: Attributes<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<Self, PipelineError> {
        let items = items(attributes)?;
        Ok(Self {
            common,
            label: attributes.text(&["group", "label", "name"])?,
            skip: attributes.typed(&["skip"], skip::skip)?.flatten(),
            condition: filters::condition(attributes)?,
            if_changed: filters::if_changed(attributes)?,
            notify: attributes
                .read(&["notify"], notify::on_step)?
                .unwrap_or_default(),
            steps: reading.steps_of_group(items)?,
        })
    }
}

/// Chosen: an empty list is none, as null is.
fn items(attributes: Attributes<'_>) -> Result<&[Node], PipelineError> {
    let steps = attributes.written("steps");
    match steps.filter(|node| node.value != Value::Null) {
        Some(node) => match attributes::list("steps", node)? {
            [] => Err(required(node.at)),
            items => Ok(items),
        },
        None => Err(required(attributes.at)),
    }
}

fn required(at: super::error::Position) -> PipelineError {
    PipelineError::rejected(at, "The `steps` property is required for a group")
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};

    #[test]
    fn groups_and_what_is_in_them() {
        let required = "! The `steps` property is required for a group";
        for (written, expected) in [
            (
                "{group: g, label: l, key: k, skip: s, if: i, depends_on: d, steps: [wait, {command: a, key: b}]}",
                r#"Some("g") Some("k") Some(SkipReason("s")) Some("i") [None, Some("b")]"#,
            ),
            (
                "{group: ~, label: l, name: n, steps: [block]}",
                r#"Some("l") None None None [None]"#,
            ),
            (
                "{group: '', name: n, steps: [block]}",
                r#"Some("n") None None None [None]"#,
            ),
            (
                "{group: ~, notify: [github_check], steps: [{trigger: t}]}",
                "None None None None [None]",
            ),
            ("{group: g}", required),
            ("{group: g, steps: ~}", required),
            ("{group: g, steps: []}", required),
            ("{group: g, steps: a}", "! `steps` must be a list"),
            ("{group: g, steps: [~]}", "! Step is missing a type `null`"),
            (
                "{group: g, steps: [{group: h, steps: [wait]}]}",
                "! a group can't contain another group",
            ),
            (
                "{group: g, key: k, steps: [{command: a, key: k}]}",
                r#"! The key "k" has already been used by another step in this build"#,
            ),
            (
                "{command: a, key: k}, {group: g, steps: [{command: a, key: k}]}",
                r#"! The key "k" has already been used by another step in this build"#,
            ),
            (
                "{group: g, env: {}, steps: [wait]}",
                "! `env` is not a valid property on a step group",
            ),
            (
                "{group: g, branches: main, steps: [wait]}",
                "! `branches` is not a valid property on a step group",
            ),
            (
                "{group: g, step: [wait]}",
                "! `step` is not a valid property on a step group, perhaps you meant `steps`?",
            ),
        ] {
            let shown = match Pipeline::parse(&format!("steps: [{written}]")) {
                Ok(pipeline) => {
                    let Some(Step::Group(group)) = pipeline.steps.last() else {
                        panic!("a group for {written}")
                    };
                    let keys: Vec<_> = group
                        .steps
                        .iter()
                        .map(|step| step.common().key.as_deref())
                        .collect();
                    let condition = group.condition.as_ref().map(|condition| &condition.text);
                    format!(
                        "{:?} {:?} {:?} {condition:?} {keys:?}",
                        group.label, group.common.key, group.skip
                    )
                }
                Err(error) => error.in_a_table(),
            };
            assert_eq!(shown, expected, "for `{written}`");
        }
    }
}
