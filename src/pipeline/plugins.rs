//! `plugins`: what an agent runs around a command. The server passes them on.
//!
//! Source: buildkite/go-pipeline, by running version 0.18.1; Buildkite docs, "Plugin sources", read 2026-08-21.

use super::attributes::must_be;
use super::error::PipelineError;
use super::json::{Json, json_string};
use super::node::{Node, Value};

/// One plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    /// In full, as the agent writes it.
    pub(crate) source: String,
    /// Null if there is none.
    pub(crate) configuration: Json,
}

impl Plugin {
    fn new(source: &str, configuration: &Value) -> Self {
        let empty = configuration.entries().is_some_and(<[_]>::is_empty);
        let configuration = if empty { &Value::Null } else { configuration };
        Self {
            source: full_source(source),
            configuration: Json::of(configuration),
        }
    }
}

/// The value of `BUILDKITE_PLUGINS`.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the environment of a job is not modelled yet")
)]
pub(crate) fn json(plugins: &[Plugin]) -> String {
    let one = |plugin: &Plugin| {
        let Plugin {
            source,
            configuration,
        } = plugin;
        format!("{{{}:{}}}", json_string(source), configuration.0)
    };
    let all: Vec<String> = plugins.iter().map(one).collect();
    format!("[{}]", all.join(","))
}

/// A list of names and mappings, or one mapping.
pub(super) fn plugins(name: &str, node: &Node) -> Result<Vec<Plugin>, PipelineError> {
    let mut plugins = vec![];
    let items = super::attributes::one_or_more(node);
    for item in items {
        match (&item.value, item.value.string()) {
            (Value::Map(entries), _) => plugins.extend(
                entries
                    .iter()
                    .map(|entry| Plugin::new(&entry.key, &entry.value.value)),
            ),
            (_, Some(source)) if node.value.items().is_some() => {
                plugins.push(Plugin::new(source, &Value::Null));
            }
            (_, Some(_) | None) => return Err(must_be(name, node, "a list of plugins")),
        }
    }
    Ok(plugins)
}

/// `docker#v1` and `org/docker#v1` are short for repositories; anything else is taken as it is.
fn full_source(source: &str) -> String {
    let (path, version) = match source.split_once('#') {
        Some((path, version)) => (path, Some(version)),
        None => (source, None),
    };
    // A colon is a scheme, a drive or a host.
    if source.is_empty() || source.starts_with(['/', '.', '\\']) || path.contains(':') {
        return source.to_owned();
    }
    let segments: Vec<&str> = path.split('/').collect();
    let (owner, name) = match segments.as_slice() {
        [name] => ("buildkite-plugins", name),
        [owner, name] => (*owner, name),
        _ => return source.to_owned(),
    };
    let version = match version {
        Some(version) if !version.is_empty() => format!("#{version}"),
        Some(_) | None => String::new(),
    };
    format!("github.com/{owner}/{name}-buildkite-plugin{version}")
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn plugins_as_an_agent_sees_them() {
        let ours = "github.com/buildkite-plugins";
        for (written, expected) in [
            ("[]", "[]".to_owned()),
            ("[a]", format!(r#"[{{"{ours}/a-buildkite-plugin":null}}]"#)),
            (
                "[{b: {}}, {c: {d: 1.50}, e: [x]}]",
                format!(
                    r#"[{{"{ours}/b-buildkite-plugin":null}},{{"{ours}/c-buildkite-plugin":{{"d":1.5}}}},{{"{ours}/e-buildkite-plugin":["x"]}}]"#
                ),
            ),
            (
                "{a: b, c: ~}",
                format!(
                    r#"[{{"{ours}/a-buildkite-plugin":"b"}},{{"{ours}/c-buildkite-plugin":null}}]"#
                ),
            ),
            (
                "[a/b#v1]",
                r#"[{"github.com/a/b-buildkite-plugin#v1":null}]"#.to_owned(),
            ),
            (
                "[a#v1]",
                format!(r#"[{{"{ours}/a-buildkite-plugin#v1":null}}]"#),
            ),
            (
                "[./x, a/b/c]",
                r#"[{"./x":null},{"a/b/c":null}]"#.to_owned(),
            ),
            (
                "['https://x/y#z', 'git@github.com:a/b.git', '']",
                r#"[{"https://x/y#z":null},{"git@github.com:a/b.git":null},{"":null}]"#.to_owned(),
            ),
            ("a", "! a list of plugins".to_owned()),
            ("[5]", "! a list of plugins".to_owned()),
        ] {
            let node = yaml::load(written).expect("valid YAML");
            let shown = match plugins("plugins", &node) {
                Ok(plugins) => json(&plugins),
                Err(error) => {
                    let prefix = "One of the steps you provided was invalid: `plugins` must be";
                    error.message().replacen(prefix, "!", 1)
                }
            };
            assert_eq!(shown, expected, "for {written}");
        }
    }
}
