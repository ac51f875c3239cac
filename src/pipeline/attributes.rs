//! The attributes of one mapping, read as the types they are meant to have.
//!
//! Interpolation leaves strings behind, so `"3"` is an integer, `"true"` a boolean and `""` not there at all.
//!
//! Elsewhere: which attributes a step has (`properties`).
//! Chosen: the sentences that start with a property and say what it must be. The server refuses these values too,
//! with words nobody has published.

use super::error::{PipelineError, Position};
use super::node::{self, Entry, Node, Value};
use super::properties::is_absent;

/// The attributes of one mapping.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes<'a> {
    /// Where the mapping starts.
    pub(super) at: Position,
    pub(super) entries: &'a [Entry],
}

impl<'a> Attributes<'a> {
    /// The value written under `name`, null and empty ones included.
    pub(super) fn written(&self, name: &str) -> Option<&'a Node> {
        node::value_of(self.entries, name)
    }

    /// The first of `names` that has a value, and its name.
    pub(super) fn first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, &'a Node)> {
        let written = names
            .iter()
            .filter_map(|name| Some((*name, self.written(name)?)));
        let mut present = written.filter(|(_, node)| !is_absent(&node.value));
        present.next()
    }

    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, PipelineError> {
        self.read(names, text)
    }

    /// False unless written.
    pub(super) fn flag(&self, name: &str) -> Result<bool, PipelineError> {
        Ok(self.typed(&[name], boolean)?.unwrap_or(false))
    }

    pub(super) fn integer(&self, names: &[&str]) -> Result<Option<i64>, PipelineError> {
        self.typed(names, integer)
    }

    /// A string, or a list of strings put together with `separator`.
    pub(super) fn joined(
        &self,
        names: &[&str],
        separator: &str,
    ) -> Result<Option<String>, PipelineError> {
        self.read(names, |name, node| joined(name, node, separator))
    }

    /// The first of `names` that has a value, through `read`.
    pub(super) fn read<T>(
        &self,
        names: &[&str],
        read: impl Fn(&str, &Node) -> Result<T, PipelineError>,
    ) -> Result<Option<T>, PipelineError> {
        let found = self.first(names);
        found.map(|(name, node)| read(name, node)).transpose()
    }

    /// The same for what is not mere text, so that what interpolation has still to fill counts as not written.
    pub(super) fn typed<T>(
        &self,
        names: &[&str],
        read: impl Fn(&str, &Node) -> Result<T, PipelineError>,
    ) -> Result<Option<T>, PipelineError> {
        let found = self
            .first(names)
            .filter(|(_, node)| !node.value.is_template());
        found.map(|(name, node)| read(name, node)).transpose()
    }
}

/// Refuses the value of `name`: it must be `wanted`.
pub(super) fn must_be(name: &str, node: &Node, wanted: &str) -> PipelineError {
    PipelineError::invalid(node.at, format_args!("`{name}` must be {wanted}"))
}

pub(super) fn text(name: &str, node: &Node) -> Result<String, PipelineError> {
    node.value
        .text()
        .ok_or_else(|| must_be(name, node, "a string"))
}

pub(super) fn boolean(name: &str, node: &Node) -> Result<bool, PipelineError> {
    as_boolean(&node.value).ok_or_else(|| must_be(name, node, "true or false"))
}

/// A boolean, or the text of one.
pub(super) fn as_boolean(value: &Value) -> Option<bool> {
    if let Value::Bool(value) = value {
        return Some(*value);
    }
    value.string()?.parse().ok()
}

pub(super) fn integer(name: &str, node: &Node) -> Result<i64, PipelineError> {
    number(&node.value).ok_or_else(|| must_be(name, node, "an integer"))
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        // `08` is a float to YAML; as JSON it is an integer again.
        Value::Float(number) => format!("{number}").parse().ok(),
        Value::String(text) => text.parse().ok(),
        Value::Null
        | Value::Bool(_)
        | Value::UInt(_)
        | Value::Timestamp(_)
        | Value::Template(_)
        | Value::Seq(_)
        | Value::Map(_) => None,
    }
}

pub(super) fn joined(name: &str, node: &Node, separator: &str) -> Result<String, PipelineError> {
    Ok(texts(name, node)?.join(separator))
}

pub(super) fn list<'a>(name: &str, node: &'a Node) -> Result<&'a [Node], PipelineError> {
    node.value
        .items()
        .ok_or_else(|| must_be(name, node, "a list"))
}

/// A list, or one item that stands for a list of one.
pub(super) fn one_or_more(node: &Node) -> &[Node] {
    node.value.items().unwrap_or(std::slice::from_ref(node))
}

/// A string, or a list of strings.
pub(super) fn texts(name: &str, node: &Node) -> Result<Vec<String>, PipelineError> {
    let texts = one_or_more(node).iter().map(|item| item.value.text());
    let wanted = || must_be(name, node, "a string or a list of strings");
    texts.collect::<Option<_>>().ok_or_else(wanted)
}

/// A whole number no smaller than `least`.
pub(super) fn at_least(least: u32) -> impl Fn(&str, &Node) -> Result<u32, PipelineError> {
    move |name, node| {
        let number = u32::try_from(integer(name, node)?).ok();
        let number = number.filter(|number| *number >= least);
        number.ok_or_else(|| must_be(name, node, &format!("at least {least}")))
    }
}

/// A whole number no larger than `most`.
pub(super) fn at_most(most: u32) -> impl Fn(&str, &Node) -> Result<u32, PipelineError> {
    move |name, node| {
        let number = u32::try_from(integer(name, node)?).ok();
        let number = number.filter(|number| *number <= most);
        number.ok_or_else(|| must_be(name, node, &format!("from 0 to {most}")))
    }
}

/// The mapping at `node`, none of whose keys is outside `known`.
pub(super) fn mapping<'a>(
    name: &str,
    node: &'a Node,
    known: &[&str],
) -> Result<Attributes<'a>, PipelineError> {
    let Some(entries) = node.value.entries() else {
        return Err(must_be(name, node, "a mapping"));
    };
    if let Some(entry) = entries.iter().find(|entry| !known.contains(&&*entry.key)) {
        let reason = format_args!("`{}` is not a valid property in `{name}`", entry.key);
        return Err(PipelineError::invalid(entry.at, reason));
    }
    Ok(Attributes {
        at: node.at,
        entries,
    })
}

/// Key and text of every entry; null is empty text. What the agent cannot make a string of is refused even where it
/// passes it on: large integers and dates.
pub(super) fn text_pairs(name: &str, node: &Node) -> Result<Vec<(String, String)>, PipelineError> {
    let Some(entries) = node.value.entries() else {
        return Err(must_be(name, node, "a mapping"));
    };
    let pair = |entry: &Entry| {
        let text = entry.value.value.text().ok_or_else(|| {
            let name = format!("{name}.{}", entry.key);
            must_be(&name, &entry.value, "a string")
        })?;
        Ok((entry.key.to_string(), text))
    };
    entries.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn check<T: std::fmt::Debug>(
        read: fn(&str, &Node) -> Result<T, PipelineError>,
        cases: &[(&str, &str)],
    ) {
        for (written, expected) in cases {
            let node = yaml::load(written).expect("valid");
            let shown = match read("x", &node) {
                Ok(value) => format!("{value:?}"),
                Err(error) => {
                    let prefix = "One of the steps you provided was invalid: `x` must be ";
                    let reason = error.message().strip_prefix(prefix).expect("the prefix");
                    format!("! {reason}")
                }
            };
            assert_eq!(shown, *expected, "for `{written}`");
        }
    }

    #[test]
    fn booleans() {
        check(
            boolean,
            &[
                ("true", "true"),
                ("'false'", "false"),
                ("yes", "! true or false"),
                ("1", "! true or false"),
                ("[true]", "! true or false"),
            ],
        );
    }

    #[test]
    fn integers() {
        check(
            integer,
            &[
                ("3", "3"),
                ("'-3'", "-3"),
                ("08", "8"),
                ("1e3", "1000"),
                ("1.5", "! an integer"),
                (".inf", "! an integer"),
                ("1e30", "! an integer"),
                ("three", "! an integer"),
                ("true", "! an integer"),
                ("9223372036854775808", "! an integer"),
            ],
        );
    }

    #[test]
    fn strings_and_lists_of_them() {
        check(
            text,
            &[
                ("1.50", "\"1.5\""),
                ("[a]", "! a string"),
                ("2020-01-01", "! a string"),
            ],
        );
        check(
            |name, node| joined(name, node, ";"),
            &[
                ("a", "\"a\""),
                ("[a, 1, ~, true]", "\"a;1;;true\""),
                ("[]", "\"\""),
                ("[[a]]", "! a string or a list of strings"),
                ("{a: b}", "! a string or a list of strings"),
            ],
        );
        check(
            text_pairs,
            &[
                ("{a: 1, b: ~}", r#"[("a", "1"), ("b", "")]"#),
                ("[a]", "! a mapping"),
            ],
        );
    }
}
