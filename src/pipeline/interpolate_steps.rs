//! Which fields of a step the agent fills, and in which order: its errors name the field, and the first one is shown.
//!
//! Elsewhere: whose variables these are (`interpolate`).
//! Source: buildkite/go-pipeline, by running version 0.18.1.

use super::error::{PipelineError, StepPlace};
use super::interpolate::{Fill, Filler, KEPT, Part};
use super::node::{Entry, Node, Value, value_of};

impl Filler {
    pub(super) fn steps(&mut self, node: &Node) -> Result<Node, PipelineError> {
        let Some(items) = node.value.items() else {
            return self.any(node);
        };
        let fill = |(index, item)| {
            let filled = self.step(item);
            filled.map_err(|error| error.in_step(StepPlace::of(index, item)))
        };
        let items: Result<_, _> = items.iter().enumerate().map(fill).collect();
        Ok(Node {
            value: Value::Seq(items?),
            at: node.at,
        })
    }

    fn step(&mut self, node: &Node) -> Result<Node, PipelineError> {
        let Some(entries) = node.value.entries() else {
            return self.any(node);
        };
        match known_to_the_agent(entries) {
            Known::Command => self.command_step(node, entries),
            Known::Group => self.mapping(node, entries, &|key| match key {
                "key" => Part {
                    rank: 0,
                    prefix: "",
                    fill: Filler::any,
                },
                "group" => Part {
                    rank: 1,
                    prefix: "",
                    fill: Filler::any,
                },
                "steps" => Part {
                    rank: 2,
                    prefix: "",
                    fill: Filler::steps,
                },
                _ => Part {
                    rank: 3,
                    prefix: "",
                    fill: Filler::any,
                },
            }),
            Known::Other => self.any(node),
        }
    }

    /// Field by field, as the agent does, whose errors name the field.
    fn command_step(&mut self, node: &Node, entries: &[Entry]) -> Result<Node, PipelineError> {
        // An alias is the field only where the field itself is missing.
        let field = |name: &str, aliases: &[&'static str]| {
            let mut names = aliases.iter().copied();
            let found = names.find(|alias| value_of(entries, alias).is_some());
            found == Some(name)
        };
        self.mapping(node, entries, &|key| {
            let (rank, prefix, fill): (u8, _, Fill) = match key {
                _ if field(key, &["commands", "command"]) => {
                    (0, "interpolating command: ", Filler::command)
                }
                "command" => (0, "interpolating command: ", Filler::any),
                _ if field(key, &["label", "name"]) => (1, "interpolating label: ", Filler::any),
                "plugins" => (2, "interpolating plugins: ", Filler::any),
                "cache" => (3, "interpolating cache: ", Filler::cache),
                "checkout" => (4, "interpolating checkout: ", Filler::checkout),
                _ if field(key, &["key", "id", "identifier"]) => {
                    (5, "interpolating key: ", Filler::any)
                }
                "env" => (6, "interpolating env: ", Filler::any),
                "matrix" => (7, "interpolating matrix: ", Filler::any),
                "signature" | "secrets" => return KEPT,
                _ => (8, "interpolating remaining fields: ", Filler::any),
            };
            Part { rank, prefix, fill }
        })
    }

    /// A list of commands is one text by then, so an expression may go over several lines.
    fn command(&mut self, node: &Node) -> Result<Node, PipelineError> {
        let Some(items) = node.value.items() else {
            return self.any(node);
        };
        let lines: Option<Vec<String>> = items.iter().map(|item| item.value.text()).collect();
        match lines {
            Some(lines) => {
                let text = self.text(&lines.join("\n"), node.at)?;
                Ok(Node {
                    value: Value::String(text.into()),
                    at: node.at,
                })
            }
            None => self.any(node),
        }
    }

    fn cache(&mut self, node: &Node) -> Result<Node, PipelineError> {
        let Some(entries) = node.value.entries() else {
            let prefix = self.side.prefix("interpolating cache paths: ");
            return self.any(node).map_err(|error| error.after(prefix));
        };
        self.mapping(node, entries, &|key| {
            let prefix = match key {
                "name" => "interpolating cache name: ",
                "paths" => "interpolating cache paths: ",
                "size" => "interpolating cache size: ",
                _ => "",
            };
            Part {
                rank: 0,
                prefix,
                fill: Filler::any,
            }
        })
    }

    pub(super) fn checkout(&mut self, node: &Node) -> Result<Node, PipelineError> {
        let Some(entries) = node.value.entries() else {
            return self.any(node);
        };
        self.mapping(node, entries, &|key| match key {
            "flags" => Part {
                rank: 0,
                prefix: "",
                fill: Filler::checkout_flags,
            },
            _ => Part {
                rank: 1,
                prefix: "",
                fill: Filler::any,
            },
        })
    }

    fn checkout_flags(&mut self, node: &Node) -> Result<Node, PipelineError> {
        let Some(entries) = node.value.entries() else {
            return self.any(node);
        };
        self.mapping(node, entries, &|key| {
            let prefix = match key {
                "clone" => "interpolating checkout.flags.clone: ",
                "fetch" => "interpolating checkout.flags.fetch: ",
                "checkout" => "interpolating checkout.flags.checkout: ",
                "clean" => "interpolating checkout.flags.clean: ",
                _ => "",
            };
            Part {
                rank: 0,
                prefix,
                fill: Filler::any,
            }
        })
    }
}

/// Which steps the agent has fields for.
enum Known {
    Command,
    Group,
    Other,
}

fn known_to_the_agent(entries: &[Entry]) -> Known {
    let has = |key: &str| value_of(entries, key).is_some();
    let any = |keys: &[&str]| keys.iter().any(|key| has(key));
    let nested =
        |key: &str| value_of(entries, key).is_some_and(|node| node.value.entries().is_some());
    if nested("command") || nested("commands") {
        return Known::Other;
    }
    let kind = value_of(entries, "type").and_then(|kind| kind.value.string());
    match kind {
        Some("command" | "script") => Known::Command,
        Some("group") => Known::Group,
        None if any(&["command", "commands", "plugins"]) => Known::Command,
        None if has("group")
            && !any(&["wait", "waiter", "block", "input", "manual", "trigger"]) =>
        {
            Known::Group
        }
        Some(_) | None => Known::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::interpolate::{Interpolation, interpolate};
    use super::super::yaml;

    fn check(text: &str, expected: &str) {
        let root = yaml::load(text).expect("valid YAML");
        let nothing = BTreeMap::new();
        let shown = match interpolate(&root, Interpolation::upload(&nothing)) {
            Ok(node) => node.value.json(),
            Err(error) => format!("{:?} {}", error.refusal(), error.message()),
        };
        assert_eq!(shown, expected, "for {text}");
    }

    #[test]
    fn an_error_names_the_field() {
        let cases = [
            ("command: '${X?}'", "interpolating command: "),
            (
                "commands: [a, '${X?}'], command: b",
                "interpolating command: ",
            ),
            ("command: a, name: '${X?}'", "interpolating label: "),
            (
                "command: a, label: b, name: '${X?}'",
                "interpolating remaining fields: ",
            ),
            ("command: a, id: '${X?}'", "interpolating key: "),
            (
                "command: a, key: b, id: '${X?}'",
                "interpolating remaining fields: ",
            ),
            ("command: a, env: {'${X?}': b}", "interpolating env: "),
            ("command: a, matrix: ['${X?}']", "interpolating matrix: "),
            ("command: a, plugins: ['${X?}']", "interpolating plugins: "),
            (
                "command: a, cache: '${X?}'",
                "interpolating cache: interpolating cache paths: ",
            ),
            (
                "command: a, cache: {name: '${X?}'}",
                "interpolating cache: interpolating cache name: ",
            ),
            (
                "command: a, checkout: {flags: {clone: '${X?}'}}",
                "interpolating checkout: interpolating checkout.flags.clone: ",
            ),
            (
                "command: a, if: '${X?}'",
                "interpolating remaining fields: ",
            ),
            // The command is looked at before the condition.
            ("if: '${Y?}', command: '${X?}'", "interpolating command: "),
            ("command: {command: '${X?}'}", ""),
            ("block: '${X?}'", ""),
            ("type: wait, label: '${X?}'", ""),
            ("group: '${X?}', steps: []", ""),
            (
                "group: '${Y}', steps: [{command: '${X?}'}]",
                "interpolating command: ",
            ),
        ];
        for (step, prefix) in cases {
            let (text, expected) = (
                format!("[{{{step}}}]"),
                format!("Parse {prefix}$X: not set"),
            );
            check(&text, &expected);
        }
        check("env: {A: '${X?}'}", "Parse $X: not set");
        check(
            "{agents: {a: '${Y?}'}, steps: [wait, {command: '${X?}'}]}",
            "Parse interpolating command: $X: not set",
        );
        check(
            "['${{X}}']",
            "Parse Expected identifier to start with a letter, got {",
        );
    }
}
