//! Interpolation: whose variables fill the `$` expressions of a file, and which of its strings are filled.
//!
//! Every string, keys included, except `signature` and `secrets`. The agent's order is kept, because the first error
//! is the one that is shown: the file's own `env`, then the steps, then the rest.
//!
//! Elsewhere: the expressions themselves (`expansion`), the fields of steps (`interpolate_steps`).
//! Source: buildkite/go-pipeline, by running version 0.18.1; Buildkite docs, "Environment variables", section
//! "Variable interpolation", read 2026-08-21.

use std::collections::BTreeMap;

use super::error::{PipelineError, Position};
use super::expansion::{Template, Trouble, Variable};
use super::mapping::Renamed;
use super::node::{Entry, Node, Value};

/// How many bytes of text interpolation may produce.
/// Chosen: as many as a document may have; the library has no limit.
const MAX_BYTES: usize = 16 << 20;

/// Who fills the expressions, and from what.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interpolation<'a> {
    /// `buildkite-agent pipeline upload`: every variable, and those the file's own `env` sets from top to bottom.
    Upload {
        /// What the agent's process has.
        environment: &'a BTreeMap<String, String>,
        precedence: Precedence,
    },
    /// The server, for the steps saved with a pipeline: a few variables of its own.
    Configuration {
        environment: &'a BTreeMap<String, String>,
    },
    /// Nobody, as with `--no-interpolation`.
    None,
}

/// Whose value counts when the file's `env` and the agent's process both set a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precedence {
    File,
    /// The agent's option to prefer the runtime environment.
    Runtime,
}

impl<'a> Interpolation<'a> {
    /// An upload with the agent's defaults.
    pub(crate) fn upload(environment: &'a BTreeMap<String, String>) -> Self {
        let precedence = Precedence::File;
        Self::Upload {
            environment,
            precedence,
        }
    }
}

/// What the server fills into the steps saved with a pipeline; besides these, what begins with
/// [`SERVER_VARIABLE_PREFIX`], of which no build here has any.
pub(crate) const SERVER_VARIABLES: [&str; 13] = [
    "BUILDKITE_BRANCH",
    "BUILDKITE_TAG",
    "BUILDKITE_MESSAGE",
    "BUILDKITE_COMMIT",
    "BUILDKITE_PIPELINE_SLUG",
    "BUILDKITE_PIPELINE_NAME",
    "BUILDKITE_PIPELINE_ID",
    "BUILDKITE_ORGANIZATION_SLUG",
    "BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG",
    "BUILDKITE_REPO",
    "BUILDKITE_PULL_REQUEST",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "BUILDKITE_PULL_REQUEST_REPO",
];
const SERVER_VARIABLE_PREFIX: &str = "BUILDKITE_MERGE_QUEUE_";

/// Whether any string or key of the tree holds a `$`.
pub(super) fn has_dollars(node: &Node) -> bool {
    if let Some(items) = node.value.items() {
        return items.iter().any(has_dollars);
    }
    if let Some(entries) = node.value.entries() {
        let within = |entry: &Entry| entry.key.contains('$') || has_dollars(&entry.value);
        return entries.iter().any(within);
    }
    node.value.string().is_some_and(|text| text.contains('$'))
}

/// The tree with every string that holds a `$` marked as one to fill later.
pub(super) fn templates(node: &Node) -> Node {
    let value = match &node.value {
        Value::String(text) if text.contains('$') => Value::Template(text.clone()),
        Value::Seq(items) => Value::Seq(items.iter().map(templates).collect()),
        Value::Map(entries) => {
            let entry = |entry: &Entry| Entry {
                value: templates(&entry.value),
                ..entry.clone()
            };
            Value::Map(entries.iter().map(entry).collect())
        }
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::UInt(_)
        | Value::Float(_)
        | Value::Timestamp(_)
        | Value::String(_)
        | Value::Template(_) => node.value.clone(),
    };
    Node { value, at: node.at }
}

/// The tree with its strings filled.
pub(super) fn interpolate(root: &Node, how: Interpolation<'_>) -> Result<Node, PipelineError> {
    let (environment, precedence, side) = match how {
        Interpolation::None => return Ok(root.clone()),
        Interpolation::Upload {
            environment,
            precedence,
        } => (environment, precedence, Side::Agent),
        Interpolation::Configuration { environment } => {
            (environment, Precedence::Runtime, Side::Server)
        }
    };
    let mut filler = Filler {
        side,
        precedence,
        environment: environment.clone(),
        bytes_left: MAX_BYTES,
    };
    filler.pipeline(root)
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Agent,
    Server,
}

impl Side {
    /// Only the agent says what it was interpolating.
    pub(super) fn prefix(self, prefix: &'static str) -> &'static str {
        match self {
            Self::Agent => prefix,
            Self::Server => "",
        }
    }
}

pub(super) struct Filler {
    pub(super) side: Side,
    precedence: Precedence,
    environment: BTreeMap<String, String>,
    bytes_left: usize,
}

impl Filler {
    fn pipeline(&mut self, root: &Node) -> Result<Node, PipelineError> {
        let Some(entries) = root.value.entries() else {
            return self.steps(root);
        };
        self.mapping(root, entries, &|key| match key {
            "env" => Part {
                rank: 0,
                prefix: "",
                fill: Filler::environment,
            },
            "steps" => Part {
                rank: 1,
                prefix: "",
                fill: Filler::steps,
            },
            "checkout" => Part {
                rank: 2,
                prefix: "interpolating checkout: ",
                fill: Filler::checkout,
            },
            "secrets" => KEPT,
            _ => Part {
                rank: 3,
                prefix: "",
                fill: Filler::any,
            },
        })
    }

    /// The file's own `env`: each variable is known to those below it, and to the rest of the file.
    fn environment(&mut self, node: &Node) -> Result<Node, PipelineError> {
        let Some(entries) = node.value.entries() else {
            return Ok(node.clone());
        };
        let mut filled = Renamed::new(entries);
        for index in 0..entries.len() {
            let Some(entry) = filled.at(index) else {
                continue;
            };
            let (key, value) = (self.text(&entry.key, entry.at)?, self.any(&entry.value)?);
            let known = self.environment.contains_key(&key);
            if self.side == Side::Agent && !(known && self.precedence == Precedence::Runtime) {
                let text = value.value.text().unwrap_or_default();
                self.environment.insert(key.clone(), text);
            }
            filled.put(index, &key, value);
        }
        Ok(filled.node(node.at))
    }

    /// Whatever it is; strings stay strings.
    pub(super) fn any(&mut self, node: &Node) -> Result<Node, PipelineError> {
        match &node.value {
            Value::String(text) if text.contains('$') => {
                let text = self.text(text, node.at)?;
                Ok(Node {
                    value: Value::String(text.into()),
                    at: node.at,
                })
            }
            Value::Seq(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.any(item)).collect();
                Ok(Node {
                    value: Value::Seq(items?),
                    at: node.at,
                })
            }
            Value::Map(entries) => {
                let part = |_: &str| Part {
                    rank: 0,
                    prefix: "",
                    fill: Filler::any,
                };
                self.mapping(node, entries, &part)
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::Timestamp(_)
            | Value::String(_)
            | Value::Template(_) => Ok(node.clone()),
        }
    }

    /// Keys and values, in the order of their ranks and then as written.
    pub(super) fn mapping(
        &mut self,
        node: &Node,
        entries: &[Entry],
        part: &dyn Fn(&str) -> Part,
    ) -> Result<Node, PipelineError> {
        let parts: Vec<Part> = entries.iter().map(|entry| part(&entry.key)).collect();
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|&index| parts[index].rank);
        let mut filled = Renamed::new(entries);
        for index in order {
            let Some(entry) = filled.at(index) else {
                continue;
            };
            let Part { prefix, fill, .. } = parts[index];
            let prefix = self.side.prefix(prefix);
            let key = self.text(&entry.key, entry.at);
            let key = key.map_err(|error| error.after(prefix))?;
            let value = fill(self, &entry.value).map_err(|error| error.after(prefix))?;
            filled.put(index, &key, value);
        }
        Ok(filled.node(node.at))
    }

    pub(super) fn text(&mut self, text: &str, at: Position) -> Result<String, PipelineError> {
        if !text.contains('$') {
            return Ok(text.to_owned());
        }
        let template = match (Template::parse(text), self.side) {
            (Ok(template), _) => template,
            (Err(why), Side::Agent) => return Err(PipelineError::parse(at, why)),
            // Chosen: the server acts on what it knows; a shell may still make sense of the rest.
            (Err(_), Side::Server) => return Ok(text.to_owned()),
        };
        let mut out = String::new();
        let expanded = template.expand(&|name| self.variable(name), self.bytes_left, &mut out);
        match (expanded, self.side) {
            (Ok(()), _) => {
                self.bytes_left -= out.len();
                Ok(out)
            }
            (Err(Trouble::Refused(why)), Side::Agent) => Err(PipelineError::parse(at, why)),
            (Err(Trouble::Refused(why)), Side::Server) => Err(PipelineError::rejected(at, why)),
            (Err(Trouble::TooLong), _) => {
                let message = format!(
                    "document is too large: more than {MAX_BYTES} bytes of text once it is interpolated"
                );
                Err(PipelineError::parse(at, message))
            }
        }
    }

    fn variable(&self, name: &str) -> Result<Variable, String> {
        let value = || match self.environment.get(name) {
            Some(value) => Variable::Set(value.clone()),
            None => Variable::Unset,
        };
        let servers =
            || SERVER_VARIABLES.contains(&name) || name.starts_with(SERVER_VARIABLE_PREFIX);
        match self.side {
            Side::Agent => Ok(value()),
            Side::Server if servers() => Ok(value()),
            Side::Server if name.starts_with("BUILDKITE_") => Err(not_supported(name)),
            // Chosen: untouched, so that the shell of the job expands it. The documentation only says that the server
            // does not; leaving nothing would break `echo $HOME` in saved steps.
            Side::Server => Ok(Variable::Foreign),
        }
    }
}

/// The server's words. Source: buildkite/conditional, which knows the same list.
fn not_supported(name: &str) -> String {
    const PAGE: &str = "https://buildkite.com/docs/pipelines/environment-variables";
    format!(
        "Interpolation of \"{name}\" is not supported (see {PAGE}#variable-interpolation). You can instead interpolate this variable at runtime (see {PAGE}#runtime-variable-interpolation). If you are still having issues, please contact hello@buildkite.com."
    )
}

pub(super) type Fill = fn(&mut Filler, &Node) -> Result<Node, PipelineError>;

/// How one entry of a mapping is filled.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) rank: u8,
    /// What its errors start with.
    pub(super) prefix: &'static str,
    pub(super) fill: Fill,
}

/// Not filled at all: `signature` by intention, `secrets` because the library's loop works on copies of them.
pub(super) const KEPT: Part = Part {
    rank: 9,
    prefix: "",
    fill: |_, node| Ok(node.clone()),
};

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn environment() -> BTreeMap<String, String> {
        [
            ("A", "a"),
            ("B", "b b"),
            ("BUILDKITE_BRANCH", "main"),
            ("BUILDKITE_BUILD_NUMBER", "7"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Each case: a file, and what it becomes as JSON, or who refuses it and why.
    fn check(how: Interpolation<'_>, cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let root = yaml::load(text).expect("valid YAML");
            let shown = match interpolate(&root, how) {
                Ok(node) => node.value.json(),
                Err(error) => format!("{:?} {}", error.refusal(), error.message()),
            };
            assert_eq!(shown, *expected, "for {text}");
        }
    }

    #[test]
    fn an_upload_fills_every_string_and_key() {
        check(
            Interpolation::upload(&environment()),
            &[
                (
                    "{x: $A, $A: [$A, {y$A: 5}], z: 1.50}",
                    r#"{"x":"a","a":["a",{"ya":5}],"z":1.5}"#,
                ),
                (
                    "[wait, $A, {wait: ~, if: $A =~ /x$$/}]",
                    r#"["wait","a",{"wait":null,"if":"a =~ /x$/"}]"#,
                ),
                ("[{commands: [x, '$A', 5]}]", r#"[{"commands":"x\na\n5"}]"#),
                ("[{command: ['${N:-x', 'y}']}]", r#"[{"command":"x\ny"}]"#),
                (
                    "[{command: $A, signature: {value: $A}, secrets: [$A]}]",
                    r#"[{"command":"a","signature":{"value":"$A"},"secrets":["$A"]}]"#,
                ),
                ("{secrets: [$A]}", r#"{"secrets":["$A"]}"#),
                (
                    "[{block: $A, fields: [{text: $B, key: k$A}]}]",
                    r#"[{"block":"a","fields":[{"text":"b b","key":"ka"}]}]"#,
                ),
                (
                    "[{group: $A, steps: [{command: $B, matrix: [$A]}]}]",
                    r#"[{"group":"a","steps":[{"command":"b b","matrix":["a"]}]}]"#,
                ),
                // A key that becomes another one replaces it.
                ("{m: {a: 1, x: 2, $A: 3}}", r#"{"m":{"x":2,"a":3}}"#),
                ("{m: {$A: 1, a: 2}}", r#"{"m":{"a":1}}"#),
            ],
        );
    }

    #[test]
    fn the_files_own_env_comes_first() {
        let environment = environment();
        let text = "{x: $A $C, env: {C: $A, A: '${C}2', $A: n}, steps: [$A]}";
        check(
            Interpolation::upload(&environment),
            &[
                (
                    text,
                    r#"{"x":"a2 a","env":{"C":"a","A":"a2","a2":"n"},"steps":["a2"]}"#,
                ),
                (
                    "env: {A: 5, X: ~}\nx: $A$X",
                    r#"{"env":{"A":5,"X":null},"x":"5"}"#,
                ),
            ],
        );
        let runtime = Interpolation::Upload {
            environment: &environment,
            precedence: Precedence::Runtime,
        };
        check(
            runtime,
            &[(
                text,
                r#"{"x":"a a","env":{"C":"a","A":"a2","a":"n"},"steps":["a"]}"#,
            )],
        );
        check(Interpolation::None, &[("{x: $$A}", r#"{"x":"$$A"}"#)]);
    }

    #[test]
    fn the_server_knows_a_few_variables_only() {
        check(
            Interpolation::Configuration {
                environment: &environment(),
            },
            &[
                ("[$BUILDKITE_BRANCH]", r#"["main"]"#),
                ("['${BUILDKITE_TAG:-none}']", r#"["none"]"#),
                ("['a${BUILDKITE_MERGE_QUEUE_BASE_BRANCH}']", r#"["a"]"#),
                (
                    "['$A ${B:-$A} $$A ${{X}}']",
                    r#"["$A ${B:-$A} $$A ${{X}}"]"#,
                ),
                ("['$A ${B:-$A} $$A']", r#"["$A ${B:-$A} $A"]"#),
                (
                    "{env: {BUILDKITE_TAG: x}, y: $BUILDKITE_TAG}",
                    r#"{"env":{"BUILDKITE_TAG":"x"},"y":""}"#,
                ),
                (
                    "[{command: $BUILDKITE_BUILD_NUMBER}]",
                    "Rejected Interpolation of \"BUILDKITE_BUILD_NUMBER\" is not supported (see https://buildkite.com/docs/pipelines/environment-variables#variable-interpolation). You can instead interpolate this variable at runtime (see https://buildkite.com/docs/pipelines/environment-variables#runtime-variable-interpolation). If you are still having issues, please contact hello@buildkite.com.",
                ),
            ],
        );
    }

    #[test]
    fn what_grows_too_large_is_refused() {
        let doubled = |n: u32| format!("  V{n}: $V{m}$V{m}\n", m = n - 1);
        let text: String = (1..40).map(doubled).collect();
        let root = yaml::load(&format!("env:\n  V0: xxxxxxxx\n{text}")).expect("valid YAML");
        let error =
            interpolate(&root, Interpolation::upload(&BTreeMap::new())).expect_err("too large");
        assert_eq!(
            error.message(),
            "document is too large: more than 16777216 bytes of text once it is interpolated"
        );
    }
}
