//! `secrets`: which secrets an agent fetches into a job's environment.
//!
//! Elsewhere: what the agent refuses at the top of a file (`agent`). Not modelled: the secrets themselves.
//! Source: Buildkite docs, "Buildkite secrets", read 2026-08-21; buildkite/go-pipeline, by running version 0.18.1.

use super::attributes::{self, must_be};
use super::error::PipelineError;
use super::node::{Entry, Node};

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) key: String,
    /// The variable it becomes, if it becomes one.
    pub(crate) environment_variable: Option<String>,
}

/// A list of names or of mappings, or a mapping from variables to names.
pub(super) fn secrets(name: &str, node: &Node) -> Result<Vec<Secret>, PipelineError> {
    if let Some(entries) = node.value.entries() {
        let secret = |Entry { key, value, .. }: &Entry| {
            Ok(Secret {
                key: attributes::text(&format!("{name}.{key}"), value)?,
                environment_variable: Some(key.to_string()),
            })
        };
        return entries.iter().map(secret).collect();
    }
    let items = attributes::list(name, node)?;
    items.iter().map(|item| secret(name, item)).collect()
}

fn secret(name: &str, node: &Node) -> Result<Secret, PipelineError> {
    if let Some(key) = node.value.string() {
        return Ok(Secret {
            key: key.to_owned(),
            environment_variable: Some(key.to_owned()),
        });
    }
    let attributes = attributes::mapping(name, node, &["key", "environment_variable"])?;
    let missing = || must_be(name, node, "a list of secrets, each with a `key`");
    Ok(Secret {
        key: attributes.text(&["key"])?.ok_or_else(missing)?,
        environment_variable: attributes.text(&["environment_variable"])?,
    })
}

/// A step's secrets and the file's; of two for the same variable, the step's.
pub(super) fn merged(own: Vec<Secret>, defaults: &[Secret]) -> Vec<Secret> {
    let named: Vec<Option<String>> = own
        .iter()
        .map(|one| one.environment_variable.clone())
        .collect();
    let free = |secret: &&Secret| {
        secret.environment_variable.is_none() || !named.contains(&secret.environment_variable)
    };
    let mut all: Vec<Secret> = defaults.iter().filter(free).cloned().collect();
    all.extend(own);
    all
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};
    use super::*;

    #[test]
    fn a_steps_secrets_and_the_files() {
        for (file, step, expected) in [
            (
                "[a]",
                "[b, {key: c}, {key: d, environment_variable: E}]",
                "a=a b=b =c E=d",
            ),
            ("{A: x, B: y}", "{A: z}", "B=y A=z"),
            ("[{key: a}]", "[{key: a}]", "=a =a"),
            ("[]", "a", "! `secrets` must be a list"),
            (
                "[]",
                "[{environment_variable: E}]",
                "! `secrets` must be a list of secrets, each with a `key`",
            ),
            (
                "[]",
                "[{name: a}]",
                "! `name` is not a valid property in `secrets`",
            ),
        ] {
            let text = format!("secrets: {file}\nsteps: [{{command: x, secrets: {step}}}]");
            let shown = match Pipeline::parse(&text).map(|mut pipeline| pipeline.steps.pop()) {
                Ok(Some(Step::Command(step))) => {
                    let one = |one: &Secret| {
                        let variable = one.environment_variable.as_deref().unwrap_or_default();
                        format!("{variable}={}", one.key)
                    };
                    let all: Vec<String> = step.secrets.iter().map(one).collect();
                    all.join(" ")
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => error.in_a_table(),
            };
            assert_eq!(shown, expected, "for {text}");
        }
    }
}
