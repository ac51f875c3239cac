//! Pipelines: text -> typed steps, with Buildkite's own refusals.
//!
//! Two readers are acted out, one after the other: the agent's (YAML and go-pipeline), which fails before anything is
//! sent, and the server's, which answers 422. Between them `$` expressions are filled in.
//!
//! The map:
//!
//! - From text to a tree: `yaml` reads, with `scalar`, `mapping` and `syntax`; `node` is the tree. `agent` refuses what
//!   no agent reads, `definition` keeps it, `interpolate` fills it, with `expansion` and `interpolate_steps`. `json` is
//!   what is kept of it as it came, and `written` the tree as YAML again.
//! - From a tree to steps: `steps`, by their `kind` and its `properties`; `command`, `manual`, `trigger` and `group`
//!   are kinds, `common` what all of them have, `attributes` how one is read.
//! - Attributes with a file of their own: `branches`, `concurrency`, `conditional` (the language of `if`), `filters`,
//!   `if_changed`, `matrix` and its `tokens`, `notify`, `plugins`, `retry`, `secrets`, `skip`, `soft_fail`.
//! - Besides: `answers` is what people fill into a step, `visual` steps from before YAML, `limits` what some
//!   organizations are held to, `error` every refusal; `corpus` tries real files.
//!
//! Elsewhere: what steps do once they are jobs (`engine`), how a refusal travels (`http`). Merging a group's `if` and
//! `skip` into its steps, and what `if`, `branches` and `if_changed` mean, are not done here.
//! Not modelled, and refused: `!!binary`.
//! Source: Buildkite docs, "Defining steps", read 2026-08-21; buildkite/go-pipeline at fd45720.

mod agent;
mod answers;
mod attributes;
mod branches;
mod command;
mod common;
mod concurrency;
mod conditional;
#[cfg(test)]
mod corpus;
mod definition;
mod error;
mod expansion;
mod filters;
mod group;
mod if_changed;
mod interpolate;
mod interpolate_steps;
mod json;
mod kind;
mod limits;
mod manual;
mod mapping;
mod matrix;
mod node;
mod notify;
mod plugins;
mod properties;
mod retry;
mod scalar;
mod secrets;
mod skip;
mod soft_fail;
mod steps;
mod syntax;
mod tokens;
mod trigger;
mod visual;
mod written;
mod yaml;

use attributes::Attributes;
use command::Defaults;
use node::{Node, Value};
use steps::Reading;

pub(crate) use answers::FieldError;
pub(crate) use branches::BranchPatterns;
pub(crate) use command::CommandStep;
pub(crate) use common::Dependency;
pub(crate) use concurrency::{Concurrency, ConcurrencyMethod};
pub(crate) use conditional::{Conditional, ConditionalError, EntryPoint, Facts, Value as Fact};
pub(crate) use definition::{Definition, Sent};
pub(crate) use error::{PipelineError, Refusal};
pub(crate) use filters::IfChangedText;
pub(crate) use group::GroupStep;
pub(crate) use if_changed::IfChanged;
pub(crate) use interpolate::{Interpolation, SERVER_VARIABLES};
pub(crate) use manual::BlockedState;
pub(crate) use matrix::{DimensionOrder, MatrixJob};
pub(crate) use notify::Notification;
pub(crate) use skip::SkipReason;
pub(crate) use soft_fail::SoftFail;
pub(crate) use steps::Step;
pub(crate) use tokens::parallel_label;
pub(crate) use trigger::TriggerStep;
pub(crate) use visual::{VisualScript, VisualStep, VisualTrigger};

/// What a pipeline file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    pub(crate) steps: Vec<Step>,
    /// In the order written. None without the key, and for null.
    pub(crate) env: Option<Vec<(String, String)>>,
    /// Of the build.
    pub(crate) notify: Vec<Notification>,
}

impl Pipeline {
    /// The first document of `text`, its `$` expressions left alone.
    #[cfg(test)]
    pub(crate) fn parse(text: &str) -> Result<Self, PipelineError> {
        Definition::load(text)?.interpolated(Interpolation::None)
    }

    /// By the server's rules; the agent's were asked before. What the agent refuses in the file it also refuses after
    /// interpolation, because that leaves every type as it is.
    fn read(root: &Node) -> Result<Self, PipelineError> {
        let top = Attributes {
            at: root.at,
            entries: root.value.entries().unwrap_or(&[]),
        };
        let items = match root.value.items() {
            Some(items) => items,
            None => top
                .written("steps")
                .and_then(|node| node.value.items())
                .unwrap_or(&[]),
        };
        let defaults = Defaults::read(top)?;
        Ok(Self {
            steps: Reading::new(&defaults).steps(items)?,
            env: top.written("env").map(env).transpose()?.flatten(),
            notify: top.read(&["notify"], notify::on_build)?.unwrap_or_default(),
        })
    }

    /// Every step, those of a group after it.
    pub(crate) fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flat_map(|step| {
            let children: &[Step] = match step {
                Step::Group(group) => &group.steps,
                Step::Command(_)
                | Step::Wait(_)
                | Step::Block(_)
                | Step::Input(_)
                | Step::Trigger(_) => &[],
            };
            std::iter::once(step).chain(children)
        })
    }

    /// How many jobs its steps become, those that will not run included.
    pub(crate) fn job_count(&self) -> usize {
        self.steps.iter().map(Step::job_count).sum()
    }
}

fn env(node: &Node) -> Result<Option<Vec<(String, String)>>, PipelineError> {
    if node.value == Value::Null {
        return Ok(None);
    }
    attributes::text_pairs("env", node).map(Some)
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
                "base: &b {command: a}\nname: n\nnotify: [github_check]\nretry: 1\nsteps:\n  - <<: *b\n    label: l\n",
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
    fn defaults_reach_the_steps_without_their_own() {
        let text = "{image: i, checkout: {depth: 1}, cache: c, secrets: [s], steps: [{command: a}, {group: g, steps: [{command: b, image: j}]}]}";
        let pipeline = Pipeline::parse(text).expect("valid");
        let (Step::Command(first), Step::Group(group)) = (&pipeline.steps[0], &pipeline.steps[1])
        else {
            panic!("a command and a group")
        };
        let Step::Command(second) = &group.steps[0] else {
            panic!("a command")
        };
        for (step, image) in [(first, "i"), (second, "j")] {
            let checkout = step.checkout.as_ref().map(|json| json.0.as_str());
            assert_eq!(
                (step.image.as_deref(), checkout),
                (Some(image), Some(r#"{"depth":1}"#))
            );
            assert_eq!((step.cache.is_some(), step.secrets.len()), (true, 1));
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one long table")]
    fn garbage_never_panics() {
        const PIECES: [&str; 62] = [
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
            "group",
            "steps: [",
            "trigger",
            "matrix",
            "setup",
            "adjustments",
            "with",
            "retry",
            "automatic",
            "if",
            "${A:-",
            "$A",
            "${A:1",
            "{{matrix}}",
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
                let environment = [("A".to_owned(), "é b".to_owned())].into();
                let refused = |error: PipelineError| {
                    assert!(!error.message().is_empty() && !error.to_string().contains('\n'));
                };
                let definition = match Definition::load(&text) {
                    Ok(definition) => definition,
                    Err(error) => {
                        refused(error);
                        continue;
                    }
                };
                let read = [
                    definition.pipeline(),
                    definition.interpolated(Interpolation::None),
                    definition.interpolated(Interpolation::upload(&environment)),
                    definition.interpolated(Interpolation::Configuration {
                        environment: &environment,
                    }),
                ];
                for pipeline in read {
                    match pipeline {
                        Ok(pipeline) => taken += pipeline.job_count().min(1),
                        Err(error) => refused(error),
                    }
                }
            }
        }
        assert!(taken > 100, "only {taken} were pipelines at all");
    }
}
