//! Pipelines: text -> typed steps, with Buildkite's own refusals.
//!
//! Two readers are acted out, one after the other: the agent's (YAML and go-pipeline), which fails before anything is
//! sent, and the server's, which answers 422. A third refusal is this crate's: what Buildkite would honour and it
//! cannot yet.
//!
//! Elsewhere: what steps do once they are jobs (`engine`), how a refusal travels (`http`).
//! Not modelled yet, and refused: trigger and group steps, conditions, branches, matrices, parallelism, concurrency,
//! retry rules. Not done here: `$` interpolation; text stays as written.
//! Source: Buildkite docs, "Defining steps", read 2026-08-21; buildkite/go-pipeline at fd45720.

mod attributes;
mod command;
mod error;
mod manual;
mod mapping;
mod node;
mod properties;
mod scalar;
mod steps;
mod syntax;
mod yaml;

use attributes::Attributes;
use command::Defaults;
use node::{Entry, Node, Value};

pub(crate) use command::{CommandStep, SoftFail};
pub(crate) use error::{PipelineError, Refusal};
pub(crate) use manual::BlockedState;
pub(crate) use steps::{Dependency, Step};

/// What a pipeline file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) steps: Vec<Step>,
    /// In the order written, which interpolation follows. None without the key, and for null.
    pub(crate) env: Option<Vec<(String, String)>>,
}

impl Pipeline {
    /// Reads the first document of `text`: a mapping with `steps`, or the list of steps alone.
    pub(crate) fn parse(text: &str) -> Result<Self, PipelineError> {
        let root = yaml::load(text)?;
        if let Some(entries) = root.value.entries() {
            let at = root.at;
            return Self::from_mapping(Attributes { at, entries });
        }
        if let Some(items) = root.value.items() {
            steps::check_shapes(items, "unmarshaling steps: ")?;
            let steps = steps::read_all(items, &Defaults::default())?;
            return Ok(Self { steps, env: None });
        }
        let found = root.value.go_type();
        let why =
            format!("unsupported type {found}, want either *ordered.Map[string, any] or []any");
        Err(refused(&root, &why))
    }

    /// Keys it does not know are ignored: people park anchors there.
    fn from_mapping(top: Attributes<'_>) -> Result<Self, PipelineError> {
        let items = match top.written("steps") {
            Some(node) => step_items(node)?,
            None => &[],
        };
        steps::check_shapes(items, "unmarshaling Pipeline: ")?;
        let env = top.written("env").map(env).transpose()?.flatten();
        if let Some(secrets) = top.written("secrets") {
            if secrets.value == Value::Null {
                return Err(refused(
                    secrets,
                    "unmarshaling secrets: secrets cannot be null",
                ));
            }
        }
        let steps = steps::read_all(items, &Defaults::read(top)?)?;
        Ok(Self { steps, env })
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

fn env(node: &Node) -> Result<Option<Vec<(String, String)>>, PipelineError> {
    if node.value == Value::Null {
        return Ok(None);
    }
    let Some(entries) = node.value.entries() else {
        let found = node.value.go_type();
        let why = format!("incompatible types: src type {found}, want *Map[string, any]");
        return Err(refused(node, &why));
    };
    let pair = |entry: &Entry| {
        let text = entry.value.value.text().ok_or_else(|| {
            let why = why_not_text(&entry.value.value);
            let why = format!("unmarshaling value for key {:?}: {why}", &*entry.key);
            refused(&entry.value, &why)
        })?;
        Ok((entry.key.to_string(), text))
    };
    entries.iter().map(pair).collect::<Result<_, _>>().map(Some)
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

/// What go-pipeline refuses in a file whose top is a mapping.
fn refused(node: &Node, why: &str) -> PipelineError {
    PipelineError::parse(node.at, format!("unmarshaling Pipeline: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each case: a file, and its number of steps and its `env`, or who refuses it and why.
    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let shown = match Pipeline::parse(text) {
                Ok(pipeline) => format!("{} {:?}", pipeline.steps.len(), pipeline.env),
                Err(error) => format!("{:?} {}", error.refusal(), error.message()),
            };
            assert_eq!(shown, *expected, "for {text:?}");
        }
    }

    #[test]
    fn the_top_of_a_file() {
        let unsupported = |found: &str| {
            format!(
                "Parse unmarshaling Pipeline: unsupported type {found}, want either *ordered.Map[string, any] or []any"
            )
        };
        let no_list = "Parse unmarshaling Pipeline: unmarshaling steps: got []interface {}, want a slice ([]any)";
        check(&[
            ("steps: [wait, wait]", "2 None"),
            ("- wait\n- block\n", "2 None"),
            (r#"{"steps": [{"command": "a"}]}"#, "1 None"),
            ("steps: ~", "0 None"),
            ("steps: []", "0 None"),
            ("{}", "0 None"),
            (
                "base: &b {command: a}\nname: n\nnotify: [x]\nretry: 1\nsteps:\n  - <<: *b\n    label: l\n",
                "1 None",
            ),
            ("steps: [wait]\n---\nsteps: [nonsense]\n", "1 None"),
            ("foo", &unsupported("string")),
            ("5", &unsupported("int")),
            ("---\n", &unsupported("<nil>")),
            ("", "Parse EOF"),
            ("steps: {a: b}", no_list),
            ("steps: text", no_list),
            (
                "- ~",
                "Parse unmarshaling steps: unmarshaling step: unsupported type <nil>",
            ),
            (
                "a: b: c",
                "Parse line 1: mapping values are not allowed in this context",
            ),
            (
                "secrets: ~",
                "Parse unmarshaling Pipeline: unmarshaling secrets: secrets cannot be null",
            ),
        ]);
    }

    #[test]
    fn the_pipelines_own_environment() {
        let value = "Parse unmarshaling Pipeline: unmarshaling value for key \"A\": ";
        let whole = "Parse unmarshaling Pipeline: incompatible types: src type ";
        check(&[
            (
                "env: {B: yes, A: 1.50, C: ~}",
                r#"0 Some([("B", "yes"), ("A", "1.5"), ("C", "")])"#,
            ),
            ("env: ~", "0 None"),
            ("env: {}", "0 Some([])"),
            (
                "env: {A: [1]}",
                &format!("{value}incompatible types: cannot unmarshal []any into *string"),
            ),
            (
                "env: {A: {b: c}}",
                &format!(
                    "{value}incompatible types: cannot unmarshal *ordered.Map[string,interface {{}}] into *string"
                ),
            ),
            (
                "env: {A: 2020-01-01}",
                &format!("{value}cannot unmarshal from src time.Time"),
            ),
            (
                "env: {A: 9223372036854775808}",
                &format!("{value}cannot unmarshal from src uint64"),
            ),
            (
                "env: text",
                &format!("{whole}string, want *Map[string, any]"),
            ),
            (
                "env: [a]",
                &format!("{whole}[]interface {{}}, want *Map[string, any]"),
            ),
            // The agent stops before the server sees the unknown property.
            (
                "{steps: [{command: a, agent: b}], env: 5}",
                &format!("{whole}int, want *Map[string, any]"),
            ),
        ]);
    }

    #[test]
    fn defaults_for_command_steps() {
        let invalid = "Rejected One of the steps you provided was invalid: ";
        check(&[
            ("{agents: queue=a, priority: '2', steps: [wait]}", "1 None"),
            (
                "priority: high",
                &format!("{invalid}`priority` must be an integer"),
            ),
            (
                "agents: [[a]]",
                &format!("{invalid}`agents` must be a string"),
            ),
        ]);
    }

    #[test]
    fn garbage_never_panics() {
        const PIECES: [&str; 48] = [
            "steps",
            ":",
            ": ",
            "\n",
            "\n  ",
            "\n    ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            ",",
            "wait",
            "block",
            "input",
            "command",
            "type",
            "key",
            "&a ",
            "*a",
            "*a ",
            "<<: ",
            "? ",
            "|",
            ">",
            "'",
            "\"",
            "#",
            "%",
            "!!int ",
            "!x ",
            "~",
            "0x",
            "08",
            "1e3",
            "-",
            "2020-01-01",
            "é",
            "\u{0}",
            "\t",
            "\u{feff}",
            "---\n",
            "...\n",
            "fields",
            "options",
            "depends_on",
            "\\",
            "env",
        ];
        let mut state = 1_u64;
        let mut below = |bound: usize| {
            // Knuth's MMIX constants.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % bound
        };
        let mut taken = 0;
        for _ in 0..20_000 {
            let text: String = (0..=below(30))
                .map(|_| PIECES[below(PIECES.len())])
                .collect();
            for text in [
                text.clone(),
                format!("steps:\n  - {text}"),
                format!("steps: [{{{text}}}]"),
            ] {
                match Pipeline::parse(&text) {
                    Ok(_) => taken += 1,
                    Err(error) => {
                        assert!(!error.message().is_empty() && !error.to_string().contains('\n'));
                    }
                }
            }
        }
        assert!(taken > 100, "only {taken} were pipelines at all");
    }
}
