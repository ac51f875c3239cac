//! Block and input steps: where a person is asked, and for what.
//!
//! Elsewhere: recognising one (`kind`), asking (`engine`), checking what was answered (`answers`).
//! Not modelled: that only members of `allowed_teams` may answer.
//! Source: Buildkite docs, "Block step" and "Input step", read 2026-08-21; buildkite/pipeline-schema.

use super::attributes::{self, Attributes, must_be};
use super::common::Common;
use super::error::PipelineError;
use super::filters::{Condition, Filters};
use super::node::Node;

/// How many teams a step may name. Source: Buildkite docs, "Platform limits".
const MAX_TEAMS: usize = 100;

/// A step that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManualStep {
    pub(crate) common: Common,
    /// None if nothing was written, as in a bare `block`.
    pub(crate) label: Option<String>,
    pub(crate) prompt: Option<String>,
    /// What the button says; `Continue` if nothing was written.
    pub(crate) submit: Option<String>,
    /// Slugs or ids; empty for everybody.
    pub(crate) allowed_teams: Vec<String>,
    /// None if unset, which acts as passed.
    pub(crate) blocked_state: Option<BlockedState>,
    pub(crate) fields: Vec<Field>,
    pub(crate) condition: Option<Condition>,
    pub(crate) branches: Option<Vec<String>>,
}

/// What a build is said to be while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockedState {
    Passed,
    Failed,
    Running,
}

impl BlockedState {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Running => "running",
        }
    }
}

/// One thing a person fills in; it becomes meta-data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// The meta-data key.
    pub(crate) key: String,
    pub(crate) label: Option<String>,
    pub(crate) hint: Option<String>,
    pub(crate) required: bool,
    pub(crate) kind: FieldKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Text {
        default: Option<String>,
        /// A regular expression for the whole answer, as written.
        format: Option<String>,
    },
    Select {
        /// Values chosen beforehand; at most one unless `multiple`.
        default: Vec<String>,
        /// At least one.
        options: Vec<SelectOption>,
        multiple: bool,
    },
}

/// One choice of a select field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SelectOption {
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) hint: Option<String>,
    pub(crate) required: bool,
}

const TEXT_FIELD: [&str; 6] = ["text", "key", "hint", "required", "default", "format"];
const SELECT_FIELD: [&str; 7] = [
    "select", "key", "hint", "required", "default", "options", "multiple",
];
const OPTION: [&str; 4] = ["label", "value", "hint", "required"];

impl ManualStep {
    /// `attributes` hold known properties only; `label` is the property that names the step first.
    pub(super) fn read(
        common: Common,
        attributes: Attributes<'_>,
        label: &str,
    ) -> Result<Self, PipelineError> {
        let Filters {
            condition,
            branches,
        } = Filters::read(attributes)?;
        Ok(Self {
            common,
            label: attributes.text(&[label, "label", "name"])?,
            prompt: attributes.text(&["prompt"])?,
            submit: attributes.text(&["submit"])?,
            allowed_teams: attributes
                .read(&["allowed_teams"], allowed_teams)?
                .unwrap_or_default(),
            blocked_state: attributes.typed(&["blocked_state"], blocked_state)?,
            fields: attributes.read(&["fields"], fields)?.unwrap_or_default(),
            condition,
            branches,
        })
    }
}

fn allowed_teams(name: &str, node: &Node) -> Result<Vec<String>, PipelineError> {
    let teams = attributes::texts(name, node)?;
    if teams.len() <= MAX_TEAMS {
        return Ok(teams);
    }
    Err(must_be(name, node, &format!("at most {MAX_TEAMS} teams")))
}

fn blocked_state(name: &str, node: &Node) -> Result<BlockedState, PipelineError> {
    match attributes::text(name, node)?.as_str() {
        "passed" => Ok(BlockedState::Passed),
        "failed" => Ok(BlockedState::Failed),
        "running" => Ok(BlockedState::Running),
        _ => Err(must_be(name, node, "passed, failed or running")),
    }
}

fn fields(name: &str, node: &Node) -> Result<Vec<Field>, PipelineError> {
    let fields = attributes::list(name, node)?;
    fields
        .iter()
        .map(|field| self::field(name, field))
        .collect()
}

fn field(name: &str, node: &Node) -> Result<Field, PipelineError> {
    if node.value_of("select").is_some() {
        let attributes = attributes::mapping(name, node, &SELECT_FIELD)?;
        return finish_field(name, attributes, "select", select_kind(attributes)?);
    }
    let attributes = attributes::mapping(name, node, &TEXT_FIELD)?;
    if attributes.written("text").is_none() {
        return Err(must_be(name, node, "a list of text and select fields"));
    }
    let kind = FieldKind::Text {
        default: attributes.text(&["default"])?,
        format: attributes.text(&["format"])?,
    };
    finish_field(name, attributes, "text", kind)
}

fn select_kind(attributes: Attributes<'_>) -> Result<FieldKind, PipelineError> {
    let options = attributes.read(&["options"], |name, node| {
        let options = attributes::list(name, node)?;
        options
            .iter()
            .map(|option| select_option(name, option))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let default = attributes.read(&["default"], |name, node| {
        let values = node.value.items().unwrap_or(std::slice::from_ref(node));
        let texts = values.iter().map(|value| attributes::text(name, value));
        texts.collect::<Result<Vec<_>, _>>()
    })?;
    let multiple = attributes.flag("multiple")?;
    let default = default.unwrap_or_default();
    if default.len() > 1 && !multiple {
        return Err(PipelineError::invalid(
            attributes.at,
            "`default` of a select field must be a string unless it is `multiple`",
        ));
    }
    match options {
        Some(options) if !options.is_empty() => Ok(FieldKind::Select {
            default,
            options,
            multiple,
        }),
        Some(_) | None => Err(PipelineError::invalid(
            attributes.at,
            "`options` of a select field can't be blank",
        )),
    }
}

fn select_option(name: &str, node: &Node) -> Result<SelectOption, PipelineError> {
    let attributes = attributes::mapping(name, node, &OPTION)?;
    // An empty value is a choice like any other ("none of these").
    let text = |property: &str| {
        let node = attributes.written(property).ok_or_else(|| {
            let reason = format_args!("`{property}` of an option can't be blank");
            PipelineError::invalid(attributes.at, reason)
        })?;
        attributes::text(property, node)
    };
    Ok(SelectOption {
        label: text("label")?,
        value: text("value")?,
        hint: attributes.text(&["hint"])?,
        required: required(attributes)?,
    })
}

fn finish_field(
    name: &str,
    attributes: Attributes<'_>,
    label: &str,
    kind: FieldKind,
) -> Result<Field, PipelineError> {
    let Some((_, key)) = attributes.first(&["key"]) else {
        let reason = format_args!("`key` of an item in `{name}` can't be blank");
        return Err(PipelineError::invalid(attributes.at, reason));
    };
    Ok(Field {
        key: field_key(key)?,
        label: attributes.text(&[label])?,
        hint: attributes.text(&["hint"])?,
        required: required(attributes)?,
        kind,
    })
}

/// True unless written.
fn required(attributes: Attributes<'_>) -> Result<bool, PipelineError> {
    Ok(attributes
        .typed(&["required"], attributes::boolean)?
        .unwrap_or(true))
}

/// Chosen: underscores too, and a sentence that does not mention them; it is older than they are.
fn field_key(node: &Node) -> Result<String, PipelineError> {
    let key = attributes::text("key", node)?;
    if node.value.is_template() {
        return Ok(key);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-');
    if key.chars().all(allowed) {
        return Ok(key);
    }
    let message = "`key` may only contain alphanumeric characters, slashes or dashes";
    Err(PipelineError::rejected(node.at, message))
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};
    use super::*;

    /// Each case: a block step in flow style, and a part of what it becomes.
    fn check<T: std::fmt::Debug>(part: fn(ManualStep) -> T, cases: &[(&str, &str)]) {
        for (written, expected) in cases {
            let shown = match Pipeline::parse(&format!("steps: [{{{written}}}]"))
                .map(|pipeline| pipeline.steps)
            {
                Ok(mut steps) => match steps.pop() {
                    Some(Step::Block(step) | Step::Input(step)) => format!("{:?}", part(step)),
                    Some(Step::Command(_) | Step::Wait(_) | Step::Trigger(_) | Step::Group(_))
                    | None => "another step".to_owned(),
                },
                Err(error) => error.in_a_table(),
            };
            assert_eq!(shown, *expected, "for `{written}`");
        }
    }

    #[test]
    fn labels_prompts_and_states() {
        check(
            |step| (step.label, step.prompt, step.blocked_state),
            &[
                ("block: Go?", r#"(Some("Go?"), None, None)"#),
                ("input: Go?, label: l", r#"(Some("Go?"), None, None)"#),
                ("block: ~, label: l, name: n", r#"(Some("l"), None, None)"#),
                ("type: block, name: n", r#"(Some("n"), None, None)"#),
                (
                    "block: x, prompt: p, blocked_state: failed",
                    r#"(Some("x"), Some("p"), Some(Failed))"#,
                ),
                (
                    "block: x, blocked_state: running",
                    r#"(Some("x"), None, Some(Running))"#,
                ),
                (
                    "input: x, blocked_state: passed",
                    r#"(Some("x"), None, Some(Passed))"#,
                ),
                (
                    "block: x, submit: s, allowed_teams: [a], blocked_state: ''",
                    r#"(Some("x"), None, None)"#,
                ),
                (
                    "block: x, blocked_state: blocked",
                    "! `blocked_state` must be passed, failed or running",
                ),
                ("block: [x], label: l", "! `block` must be a string"),
            ],
        );
    }

    #[test]
    fn teams_buttons_and_filters() {
        let many = format!("block: x, allowed_teams: {:?}", vec!["t"; 101]);
        check(
            |step| (step.allowed_teams, step.submit, step.branches),
            &[
                ("block: x", "([], None, None)"),
                (
                    "block: x, allowed_teams: a, submit: Go",
                    r#"(["a"], Some("Go"), None)"#,
                ),
                (
                    "input: x, allowed_teams: [a, b], branches: m",
                    r#"(["a", "b"], None, Some(["m"]))"#,
                ),
                (&many, "! `allowed_teams` must be at most 100 teams"),
            ],
        );
    }

    #[test]
    fn text_fields() {
        check(
            |mut step| step.fields.pop(),
            &[
                ("block: x, fields: ~", "None"),
                (
                    "block: x, fields: [{text: Name, key: a/b_c-1}]",
                    r#"Some(Field { key: "a/b_c-1", label: Some("Name"), hint: None, required: true, kind: Text { default: None, format: None } })"#,
                ),
                (
                    "block: x, fields: [{text: Name, key: k, hint: h, required: 'false', default: 5, format: '[0-9]+'}]",
                    r#"Some(Field { key: "k", label: Some("Name"), hint: Some("h"), required: false, kind: Text { default: Some("5"), format: Some("[0-9]+") } })"#,
                ),
                (
                    "block: x, fields: [{text: Name}]",
                    "! `key` of an item in `fields` can't be blank",
                ),
                (
                    "block: x, fields: [{text: Name, key: a.b}]",
                    "! `key` may only contain alphanumeric characters, slashes or dashes",
                ),
                (
                    "block: x, fields: [{key: k}]",
                    "! `fields` must be a list of text and select fields",
                ),
                ("block: x, fields: [a]", "! `fields` must be a mapping"),
                (
                    "block: x, fields: {text: a, key: k}",
                    "! `fields` must be a list",
                ),
                (
                    "block: x, fields: [{text: a, key: k, multiple: true}]",
                    "! `multiple` is not a valid property in `fields`",
                ),
                (
                    "block: x, fields: [{text: a, key: k, required: maybe}]",
                    "! `required` must be true or false",
                ),
            ],
        );
    }

    #[test]
    fn select_fields() {
        check(
            |mut step| step.fields.pop().map(|field| field.kind),
            &[
                (
                    "input: x, fields: [{select: S, key: k, default: 1, options: [{label: One, value: 1}]}]",
                    r#"Some(Select { default: ["1"], options: [SelectOption { label: "One", value: "1", hint: None, required: true }], multiple: false })"#,
                ),
                (
                    "input: x, fields: [{select: S, key: k, multiple: true, default: [a, ''], options: [{label: L, value: '', hint: h, required: false}]}]",
                    r#"Some(Select { default: ["a", ""], options: [SelectOption { label: "L", value: "", hint: Some("h"), required: false }], multiple: true })"#,
                ),
                (
                    "input: x, fields: [{select: S, key: k}]",
                    "! `options` of a select field can't be blank",
                ),
                (
                    "input: x, fields: [{select: S, key: k, options: []}]",
                    "! `options` of a select field can't be blank",
                ),
                (
                    "input: x, fields: [{select: S, key: k, options: [{label: L}]}]",
                    "! `value` of an option can't be blank",
                ),
                (
                    "input: x, fields: [{select: S, key: k, default: [a, b], options: [{label: L, value: a}]}]",
                    "! `default` of a select field must be a string unless it is `multiple`",
                ),
                (
                    "input: x, fields: [{select: S, key: k, format: x, options: [{label: L, value: a}]}]",
                    "! `format` is not a valid property in `fields`",
                ),
            ],
        );
    }
}
