//! Values kept as JSON: what no rule here looks into, and what error texts quote.
//!
//! Elsewhere: the texts of scalars (`scalar`).

use std::fmt::Write as _;

use super::node::Value;
use super::scalar::shortest;

/// Compact JSON, keys in written order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Json(pub(crate) String);

impl Json {
    pub(super) fn of(value: &Value) -> Self {
        Self(value.json())
    }
}

impl Value {
    /// The value as compact JSON, keys in written order.
    /// Chosen: dates stay as written, and what JSON cannot hold (infinity) is null.
    pub(super) fn json(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(number) => number.to_string(),
            Self::UInt(number) => number.to_string(),
            Self::Float(number) if number.is_finite() => shortest(*number, -6..21),
            Self::Null | Self::Float(_) => "null".to_owned(),
            Self::String(text) | Self::Template(text) | Self::Timestamp(text) => json_string(text),
            Self::Seq(items) => {
                let items: Vec<String> = items.iter().map(|item| item.value.json()).collect();
                format!("[{}]", items.join(","))
            }
            Self::Map(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|entry| {
                        format!("{}:{}", json_string(&entry.key), entry.value.value.json())
                    })
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }
}

/// `text` as a JSON string, quotes included.
pub(super) fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn every_value_has_a_json() {
        for (written, json) in [
            (
                "{b: [1, 1.50, ~, true], a: 2020-01-01}",
                r#"{"b":[1,1.5,null,true],"a":"2020-01-01"}"#,
            ),
            ("\"\\x01\\t\\\"<\\\\\"", r#""\u0001\t\"<\\""#),
            ("[1e20, 1e21, .inf]", "[100000000000000000000,1e+21,null]"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let node = yaml::load(written).expect("valid");
            assert_eq!(Json::of(&node.value).0, json, "for {written}");
        }
    }
}
