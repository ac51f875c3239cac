//! A tree written as YAML again: what is shown of a pipeline that was uploaded.
//!
//! As Ruby writes it, which the server is made of: blocks, lists as far left as the key they are under, quotes where
//! the text would mean something else without. A date is text by then, because it came as JSON.
//!
//! Elsewhere: the same tree as JSON (`json`).

use std::fmt::Write as _;

use super::json::json_string;
use super::node::{Entry, Node, Value};
use super::scalar::{self, Tag};

/// What other readers of YAML take for booleans; Ruby quotes them.
const OLD_BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

impl Value {
    /// The value as YAML, in lines of its own.
    pub(super) fn yaml(&self) -> String {
        let mut text = String::new();
        write_value(&mut text, self, 0);
        text.push('\n');
        text
    }
}

/// Writes from where the line stands, which is `indent` columns in; further lines begin there.
fn write_value(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Map(entries) if !entries.is_empty() => mapping(text, entries, indent),
        Value::Seq(items) if !items.is_empty() => list(text, items, indent),
        Value::Map(_) => text.push_str("{}"),
        Value::Seq(_) => text.push_str("[]"),
        Value::Null => text.push_str("null"),
        Value::Float(number) if !number.is_finite() => text.push_str(match number {
            number if number.is_nan() => ".nan",
            number if number.is_sign_negative() => "-.inf",
            _ => ".inf",
        }),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            text.push_str(&value.json());
        }
        Value::String(string) | Value::Template(string) | Value::Timestamp(string) => {
            if is_block(string) {
                block(text, string, indent);
            } else {
                text.push_str(&in_line(string));
            }
        }
    }
}

fn mapping(text: &mut String, entries: &[Entry], indent: usize) {
    for (n, entry) in entries.iter().enumerate() {
        if n > 0 {
            new_line(text, indent);
        }
        text.push_str(&in_line(&entry.key));
        text.push(':');
        let value = &entry.value.value;
        match value {
            Value::Map(entries) if !entries.is_empty() => {
                new_line(text, indent + 2);
                write_value(text, value, indent + 2);
            }
            Value::Seq(items) if !items.is_empty() => {
                new_line(text, indent);
                write_value(text, value, indent);
            }
            Value::Map(_)
            | Value::Seq(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::Timestamp(_)
            | Value::String(_)
            | Value::Template(_) => {
                text.push(' ');
                write_value(text, value, indent + 2);
            }
        }
    }
}

fn list(text: &mut String, items: &[Node], indent: usize) {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            new_line(text, indent);
        }
        text.push_str("- ");
        write_value(text, &item.value, indent + 2);
    }
}

fn new_line(text: &mut String, indent: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
}

/// Whether a text can be written as a block of lines.
fn is_block(string: &str) -> bool {
    let body = string.strip_suffix('\n').unwrap_or(string);
    let begins_plainly = body.starts_with(|first: char| !first.is_whitespace());
    let is_plain = |character: char| character == '\n' || is_printable(character);
    begins_plainly && !body.ends_with('\n') && string.contains('\n') && string.chars().all(is_plain)
}

fn block(text: &mut String, string: &str, indent: usize) {
    let (body, head) = match string.strip_suffix('\n') {
        Some(body) => (body, "|"),
        None => (string, "|-"),
    };
    text.push_str(head);
    for line in body.split('\n') {
        if line.is_empty() {
            text.push('\n');
        } else {
            new_line(text, indent);
            text.push_str(line);
        }
    }
}

/// In one line: bare, in single quotes, or with escapes.
fn in_line(string: &str) -> String {
    if !string.chars().all(is_printable) {
        return escaped(string);
    }
    if is_bare(string) {
        return string.to_owned();
    }
    format!("'{}'", string.replace('\'', "''"))
}

fn is_bare(string: &str) -> bool {
    let means_itself = matches!(
        scalar::resolve(string, Tag::Implicit),
        Ok(Value::String(same)) if *same == *string
    );
    let begins_plainly = string.starts_with(|first: char| {
        first.is_alphanumeric() || matches!(first, '/' | '.' | '$' | '_' | '(' | '+' | '^' | '~')
    });
    let lower = string.to_ascii_lowercase();
    means_itself
        && begins_plainly
        && !string.ends_with([' ', ':'])
        && !string.contains(": ")
        && !string.contains(" #")
        && !OLD_BOOLEANS.contains(&lower.as_str())
}

fn is_printable(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn escaped(string: &str) -> String {
    let mut text = String::new();
    for character in json_string(string).chars() {
        if is_printable(character) {
            text.push(character);
        } else {
            write!(text, "\\u{:04x}", u32::from(character)).expect("a String takes everything");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngSeed};

    use super::super::error::Position;
    use super::super::yaml;
    use super::*;

    fn written(text: &str) -> String {
        yaml::load(text).expect("valid").value.yaml()
    }

    #[test]
    fn a_pipeline_looks_as_ruby_writes_it() {
        let text = "steps: [{command: echo hello, agents: {queue: a}, env: {A: '1', B: ''}, artifact_paths: [x/*, '*.log']}, wait, {block: 'Go?: now', fields: [], retry: {}}, {command: \"a\\nb\", if: 'build.branch == \"x\"', skip: null, parallelism: 2, soft_fail: true}]";
        let expected = "\
steps:
- command: echo hello
  agents:
    queue: a
  env:
    A: '1'
    B: ''
  artifact_paths:
  - x/*
  - '*.log'
- wait
- block: 'Go?: now'
  fields: []
  retry: {}
- command: |-
    a
    b
  if: build.branch == \"x\"
  skip: null
  parallelism: 2
  soft_fail: true
";
        assert_eq!(written(text), expected);
        assert_eq!(written(expected), expected);
    }

    #[test]
    fn what_means_something_else_is_quoted() {
        for (text, expected) in [
            ("'yes'", "'yes'\n"),
            ("'010'", "'010'\n"),
            ("'2020-01-01'", "'2020-01-01'\n"),
            ("2020-01-01", "'2020-01-01'\n"),
            ("'~'", "'~'\n"),
            ("'it''s'", "it's\n"),
            ("'''a'''", "'''a'''\n"),
            ("'- a'", "'- a'\n"),
            ("\"a\\tb\"", "\"a\\tb\"\n"),
            ("\"\\x7f\"", "\"\\u007f\"\n"),
            ("\"a\\nb\\n\"", "|\n  a\n  b\n"),
            ("\" a\\nb\"", "\" a\\nb\"\n"),
            ("':ship: it'", "':ship: it'\n"),
            ("Straße 🎉", "Straße 🎉\n"),
            (".inf", ".inf\n"),
            ("1.50", "1.5\n"),
        ] {
            let list = format!("- {text}");
            assert_eq!(written(&list), format!("- {expected}"), "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let texts = prop_oneof![
            "[a-z:#' \"\\-]{0,8}",
            "[ab \n]{0,8}",
            any::<String>(),
            Just("null".to_owned()),
            Just("<<".to_owned()),
            Just("0x1".to_owned()),
        ];
        let texts = texts.prop_filter("YAML has no NUL", |text| !text.contains('\0'));
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            texts.prop_map(|text| Value::String(text.into())),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let node = |value| Node {
                value,
                at: Position { line: 1, column: 1 },
            };
            let items = prop::collection::vec(inner.clone(), 0..4)
                .prop_map(move |items| Value::Seq(items.into_iter().map(node).collect()));
            let entry = move |(key, value): (String, Value)| Entry {
                key: key.into(),
                at: Position { line: 1, column: 1 },
                value: node(value),
            };
            let entries = prop::collection::btree_map("[a-z: #'<\n-]{1,5}", inner, 0..4)
                .prop_map(move |all| Value::Map(all.into_iter().map(entry).collect()));
            prop_oneof![items, entries]
        })
    }

    proptest! {
        #![proptest_config(Config {
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(1),
            ..Config::with_cases(1_000)
        })]

        #[test]
        fn what_is_written_is_read_as_the_same(value in value()) {
            let text = value.yaml();
            let read = yaml::load(&text);
            let read = read.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(read.value.json(), value.json(), "{}", text);
        }
    }
}
