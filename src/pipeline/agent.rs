//! What go-pipeline refuses in a file at all, before an agent sends anything.
//!
//! It is lenient: a step it cannot decode it passes on untouched, so everything inside a step or a group is left to
//! the server's rules (`steps`).
//!
//! Elsewhere: YAML itself (`yaml`), the `$` in the text (`interpolate`).
//! Source: buildkite/go-pipeline at fd45720, and running version 0.18.1.

use super::error::{PipelineError, StepPlace};
use super::node::{Entry, Node, Value, value_of};

/// Refuses a document that go-pipeline refuses.
pub(super) fn check(root: &Node) -> Result<(), PipelineError> {
    if let Some(entries) = root.value.entries() {
        return check_mapping(entries);
    }
    if let Some(items) = root.value.items() {
        return check_steps(items, "unmarshaling steps: ");
    }
    let found = root.value.go_type();
    let why = format!("unsupported type {found}, want either *ordered.Map[string, any] or []any");
    Err(refused(root, &why))
}

/// In the order of the library's own fields. Keys it does not know are ignored: people park anchors there.
fn check_mapping(entries: &[Entry]) -> Result<(), PipelineError> {
    if let Some(node) = value_of(entries, "steps") {
        check_steps(step_items(node)?, "unmarshaling Pipeline: ")?;
    }
    if let Some(node) = value_of(entries, "env") {
        check_env(node)?;
    }
    if let Some(node) = value_of(entries, "secrets") {
        check_secrets(node)?;
    }
    match value_of(entries, "checkout") {
        Some(node) => check_checkout(node),
        None => Ok(()),
    }
}

fn step_items(node: &Node) -> Result<&[Node], PipelineError> {
    if node.value == Value::Null {
        return Ok(&[]);
    }
    // Whatever was found, the library names the type it hoped for.
    let why = "unmarshaling steps: got []interface {}, want a slice ([]any)";
    node.value.items().ok_or_else(|| refused(node, why))
}

/// Refuses what cannot be held as a step at all; `prefix` says how it got there.
fn check_steps(items: &[Node], prefix: &str) -> Result<(), PipelineError> {
    for (index, item) in items.iter().enumerate() {
        if item.value.string().is_some() {
            continue;
        }
        let (at, why) = match (item.value.entries(), item.value_of("type")) {
            (None, _) => {
                let found = item.value.go_type();
                (item.at, format!("unsupported type {found}"))
            }
            (Some(_), Some(kind)) if kind.value.string().is_none() => {
                let (found, text) = (kind.value.go_type(), kind.value.go_text());
                let why = format!("step's `type` key was {found} (value {text}), want string");
                (kind.at, why)
            }
            (Some(_), Some(_) | None) => continue,
        };
        let error = PipelineError::parse(at, format!("{prefix}unmarshaling step: {why}"));
        return Err(error.in_step(StepPlace::of(index, item)));
    }
    Ok(())
}

fn check_env(node: &Node) -> Result<(), PipelineError> {
    if node.value == Value::Null {
        return Ok(());
    }
    let Some(entries) = node.value.entries() else {
        let found = node.value.go_type();
        let why = format!("incompatible types: src type {found}, want *Map[string, any]");
        return Err(refused(node, &why));
    };
    for Entry { key, value, .. } in entries {
        if value.value.text().is_none() {
            let why = why_not_text(&value.value);
            let why = format!("unmarshaling value for key {:?}: {why}", &**key);
            return Err(refused(value, &why));
        }
    }
    Ok(())
}

fn why_not_text(value: &Value) -> String {
    // A list is named after its type in the source, unlike everywhere else.
    let found = match value.items() {
        Some(_) => "[]any",
        None => value.go_type(),
    };
    if value.items().is_some() || value.entries().is_some() {
        return format!("incompatible types: cannot unmarshal {found} into *string");
    }
    format!("cannot unmarshal from src {found}")
}

fn check_secrets(node: &Node) -> Result<(), PipelineError> {
    let found = node.value.go_type();
    if node.value == Value::Null {
        return Err(refused(
            node,
            "unmarshaling secrets: secrets cannot be null",
        ));
    }
    if let Some(items) = node.value.items() {
        return items.iter().try_for_each(check_secret);
    }
    let Some(entries) = node.value.entries() else {
        let why = format!("unmarshaling secrets: got {found}, want []any or map[string]any");
        return Err(refused(node, &why));
    };
    for Entry { key, value, .. } in entries {
        let found = value.value.go_type();
        let why = match value.value.string() {
            None => format!("secret key must be a string, but was {found}"),
            Some("") => "secret key cannot be empty".to_owned(),
            Some(_) if key.is_empty() => "environment variable name cannot be empty".to_owned(),
            Some(_) => continue,
        };
        return Err(refused(value, &format!("unmarshaling secrets: {why}")));
    }
    Ok(())
}

fn check_secret(node: &Node) -> Result<(), PipelineError> {
    if node.value.string().is_some() {
        return Ok(());
    }
    if node.value.entries().is_none() {
        let found = node.value.go_type();
        let want = "want string, map[string]any, or *ordered.Map";
        let why = format!("unmarshaling secrets: secret type {found}, {want}");
        return Err(refused(node, &why));
    }
    let key = node.value_of("key").map_or(&Value::Null, |key| &key.value);
    if key.string().is_none_or(str::is_empty) {
        let (found, text) = (key.go_type(), key.go_text());
        let why =
            format!("unmarshaling secret: key must be a non-empty string, but was {found} {text}");
        return Err(refused(node, &why));
    }
    match node.value_of("environment_variable") {
        Some(variable) if variable.value != Value::Null && variable.value.string().is_none() => {
            let found = variable.value.go_type();
            let why = format!(
                "unmarshaling secret: environment_variable must be a string, but was {found}"
            );
            Err(refused(variable, &why))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_checkout(node: &Node) -> Result<(), PipelineError> {
    let why = match &node.value {
        Value::Null | Value::Map(_) => return Ok(()),
        Value::Bool(true) => "unmarshaling checkout: 'checkout: true' is not valid; omit the field or use 'checkout: { skip: false }'".to_owned(),
        Value::Bool(false) => "unmarshaling checkout: 'checkout: false' is not valid; use 'checkout: { skip: true }' to opt out".to_owned(),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Timestamp(_) | Value::String(_) | Value::Template(_) | Value::Seq(_) => {
            let found = node.value.go_type();
            format!("unsupported type for checkout: {found}, want a mapping")
        }
    };
    Err(refused(node, &why))
}

/// What go-pipeline refuses in a file whose top is a mapping.
fn refused(node: &Node, why: &str) -> PipelineError {
    PipelineError::parse(node.at, format!("unmarshaling Pipeline: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn secrets_and_checkouts() {
        for (text, expected) in [
            (
                "secrets: [a, {key: b}, {key: c, environment_variable: D}, '']",
                "",
            ),
            ("secrets: {A: b}", ""),
            ("checkout: ~", ""),
            ("checkout: {depth: 1}", ""),
            ("secrets: ~", "unmarshaling secrets: secrets cannot be null"),
            (
                "secrets: 5",
                "unmarshaling secrets: got int, want []any or map[string]any",
            ),
            (
                "secrets: [5]",
                "unmarshaling secrets: secret type int, want string, map[string]any, or *ordered.Map",
            ),
            (
                "secrets: {A: 5}",
                "unmarshaling secrets: secret key must be a string, but was int",
            ),
            (
                "secrets: {A: ''}",
                "unmarshaling secrets: secret key cannot be empty",
            ),
            (
                "secrets: {'': a}",
                "unmarshaling secrets: environment variable name cannot be empty",
            ),
            (
                "secrets: [{key: 5}]",
                "unmarshaling secret: key must be a non-empty string, but was int 5",
            ),
            (
                "secrets: [{key: a, environment_variable: 5}]",
                "unmarshaling secret: environment_variable must be a string, but was int",
            ),
            (
                "checkout: true",
                "unmarshaling checkout: 'checkout: true' is not valid; omit the field or use 'checkout: { skip: false }'",
            ),
            (
                "checkout: false",
                "unmarshaling checkout: 'checkout: false' is not valid; use 'checkout: { skip: true }' to opt out",
            ),
            (
                "checkout: 5",
                "unsupported type for checkout: int, want a mapping",
            ),
            // Inside a step or a group they only make it one the agent does not know.
            (
                "steps: [{command: x, secrets: ~, checkout: true}, {group: ~, steps: [~]}]",
                "",
            ),
        ] {
            let root = yaml::load(text).expect("valid YAML");
            let shown = match check(&root) {
                Ok(()) => String::new(),
                Err(error) => error.message().replacen("unmarshaling Pipeline: ", "", 1),
            };
            assert_eq!(shown, expected, "for {text}");
        }
    }
}
