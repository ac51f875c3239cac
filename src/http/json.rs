//! JSON bodies of requests, with the order of their keys kept, and a reader that collects what is wrong with them.
//!
//! `serde_json`'s own map sorts its keys or keeps their order as the features of the whole build decide; a test must
//! not see env or meta-data in another order because of some other crate. Nor must it see numbers otherwise: with the
//! feature `arbitrary_precision` they are maps with one entry, and are taken apart here.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::http::error::ApiError;
use crate::wire::graphql::Scalar;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As it was written, as far as it fits: a whole number, or a fraction.
    Number(serde_json::Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The key of the one entry of a number, where `serde_json` has the feature `arbitrary_precision`.
const AS_A_MAP: &str = "$serde_json::private::Number";

/// A number from how it was written, as `serde_json` reads it without that feature.
fn number<E: de::Error>(digits: &str) -> Result<Json, E> {
    if let Ok(value) = digits.parse::<u64>() {
        return Ok(Json::Number(value.into()));
    }
    if let Ok(value) = digits.parse::<i64>() {
        return Ok(Json::Number(value.into()));
    }
    let value = digits.parse().ok().and_then(serde_json::Number::from_f64);
    let value = value.map(Json::Number);
    value.ok_or_else(|| E::custom("number out of range"))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Number(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::String(value.to_owned()))
            }

            fn visit_string<E>(self, value: String) -> Result<Json, E> {
                Ok(Json::String(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut array = Vec::new();
                while let Some(item) = items.next_element()? {
                    array.push(item);
                }
                Ok(Json::Array(array))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut object: Vec<(String, Json)> = Vec::new();
                while let Some((key, value)) = entries.next_entry::<String, Json>()? {
                    object.push((key, value));
                }
                match object.as_slice() {
                    [(key, Json::String(digits))] if key == AS_A_MAP => number(digits),
                    _ => Ok(Json::Object(object)),
                }
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl From<Scalar> for Json {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Text(text) => Self::String(text),
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            // Each kind by itself: with `arbitrary_precision` a number is a shape of its own, which only `serde_json`
            // knows.
            Self::Number(value) => match (value.as_u64(), value.as_i64(), value.as_f64()) {
                (Some(value), _, _) => serializer.serialize_u64(value),
                (None, Some(value), _) => serializer.serialize_i64(value),
                (None, None, value) => value.serialize(serializer),
            },
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

/// Compact.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Json {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// A scalar as a string; `None` for arrays and objects.
    fn scalar(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::String(value) => Some(value.clone()),
            Self::Array(_) | Self::Object(_) => None,
        }
    }
}

/// An object from a request, read field by field. What is wrong is collected, so that one answer names all of it.
#[derive(Debug)]
pub(crate) struct Fields {
    entries: Vec<(String, Json)>,
    wrong: Vec<(String, String)>,
}

impl Fields {
    /// Reads a body, which may be empty. Its content type does not matter: JSON is all the API takes.
    ///
    /// Chosen: the documentation does not say what broken JSON is answered with.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.trim_ascii().is_empty() {
            return Ok(Self {
                entries: Vec::new(),
                wrong: Vec::new(),
            });
        }
        match serde_json::from_slice(body) {
            Ok(Json::Object(entries)) => Ok(Self {
                entries,
                wrong: Vec::new(),
            }),
            Ok(Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) => {
                Err(ApiError::new(
                    400,
                    "Invalid JSON: the request body must be an object",
                ))
            }
            Err(error) => Err(ApiError::new(400, format!("Invalid JSON: {error}"))),
        }
    }

    /// The value of a field; null is the same as absent, and the last of several counts.
    pub(crate) fn value(&self, field: &str) -> Option<&Json> {
        let last = self.entries.iter().rev().find(|(name, _)| name == field);
        last.map(|(_, value)| value)
            .filter(|value| **value != Json::Null)
    }

    /// Whether a field is there at all, be it null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == field)
    }

    /// Notes that a field is not as it should be.
    pub(crate) fn refuse(&mut self, field: &str, code: &str) {
        self.wrong.push((field.to_owned(), code.to_owned()));
    }

    /// One of a few words; another is refused as Rails does.
    pub(crate) fn word<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let word = self.text(field)?;
        let found = read(&word);
        if found.is_none() {
            self.refuse(field, "is not included in the list");
        }
        found
    }

    /// The same, which must be there.
    pub(crate) fn required_word<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if self.value(field).is_none() {
            self.refuse(field, "missing");
        }
        self.word(field, read)
    }

    /// Notes the field as `invalid` unless `read` makes something of it.
    fn read<T>(&mut self, field: &str, read: impl FnOnce(&Json) -> Option<T>) -> Option<T> {
        let value = self.value(field)?;
        let found = read(value);
        if found.is_none() {
            self.refuse(field, "invalid");
        }
        found
    }

    pub(crate) fn text(&mut self, field: &str) -> Option<String> {
        self.read(field, |value| match value {
            Json::String(text) => Some(text.clone()),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
        })
    }

    /// A text that must be there and hold more than white space.
    pub(crate) fn required_text(&mut self, field: &str) -> String {
        if self.value(field).is_none() {
            self.refuse(field, "missing");
            return String::new();
        }
        let text = self.text(field);
        if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            self.refuse(field, "missing");
        }
        text.unwrap_or_default()
    }

    pub(crate) fn flag(&mut self, field: &str) -> Option<bool> {
        self.read(field, |value| match value {
            Json::Bool(flag) => Some(*flag),
            Json::Null | Json::String(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                None
            }
        })
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self, field: &str) -> Option<u32> {
        self.read(field, |value| match value {
            Json::Number(number) => number
                .as_u64()
                .and_then(|number| u32::try_from(number).ok()),
            Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
        })
    }

    /// A whole number, of either sign; what is none is not noted, because who asks has words of their own.
    pub(crate) fn integer(&self, field: &str) -> Option<i64> {
        match self.value(field)? {
            Json::Number(number) => number.as_i64(),
            Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// A text, or a number written as one.
    pub(crate) fn text_or_number(&mut self, field: &str) -> Option<String> {
        self.read(field, |value| match value {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
        })
    }

    pub(crate) fn texts(&mut self, field: &str) -> Option<Vec<String>> {
        self.read(field, |value| match value {
            Json::Array(items) => items.iter().map(Json::scalar).collect(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                None
            }
        })
    }

    /// An object of scalars, each as a string; a repeated key keeps its first place and its last value.
    pub(crate) fn pairs(&mut self, field: &str) -> Vec<(String, String)> {
        let read = |value: &Json| match value {
            Json::Object(entries) => {
                let mut pairs: Vec<(String, String)> = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let value = value.scalar()?;
                    match pairs.iter_mut().find(|(known, _)| known == key) {
                        Some(known) => known.1 = value,
                        None => pairs.push((key.clone(), value)),
                    }
                }
                Some(pairs)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        };
        self.read(field, read).unwrap_or_default()
    }

    /// An object whose values are scalars or lists of them: what a person filled into a form.
    pub(crate) fn answers(&mut self, field: &str) -> Vec<(String, Vec<String>)> {
        let values = |value: &Json| match value {
            Json::Array(items) => items.iter().map(Json::scalar).collect::<Option<Vec<_>>>(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                value.scalar().map(|text| vec![text])
            }
        };
        let read = |value: &Json| match value {
            Json::Object(entries) => entries
                .iter()
                .map(|(key, value)| Some((key.clone(), values(value)?)))
                .collect::<Option<Vec<_>>>(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        };
        self.read(field, read).unwrap_or_default()
    }

    /// An object, to be read by itself.
    pub(crate) fn object(&mut self, field: &str) -> Option<Self> {
        self.read(field, |value| match value {
            Json::Object(entries) => Some(Self {
                entries: entries.clone(),
                wrong: Vec::new(),
            }),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        })
    }

    /// A list of objects, each to be read by itself.
    pub(crate) fn objects(&mut self, field: &str) -> Option<Vec<Self>> {
        let object = |value: &Json| match value {
            Json::Object(entries) => Some(Self {
                entries: entries.clone(),
                wrong: Vec::new(),
            }),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        };
        self.read(field, |value| match value {
            Json::Array(items) => items.iter().map(object).collect(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                None
            }
        })
    }

    /// An id.
    pub(crate) fn id(&mut self, field: &str) -> Option<uuid::Uuid> {
        self.read(field, |value| match value {
            Json::String(text) => text.parse().ok(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
        })
    }

    /// Takes over what was found wrong with an inner object.
    pub(crate) fn absorb(&mut self, field: &str, inner: Self) {
        let wrong = inner
            .wrong
            .into_iter()
            .map(|(name, code)| (format!("{field}.{name}"), code));
        self.wrong.extend(wrong);
    }

    /// Everything was read: refuses the request if anything was wrong.
    pub(crate) fn check(self) -> Result<(), ApiError> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        Err(ApiError::validation(self.wrong))
    }

    /// As [`check`](Self::check), for what is refused in one sentence: `Validation failed: Cronline can't be blank`.
    pub(crate) fn check_in_words(self) -> Result<(), ApiError> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        let reasons: Vec<_> = self
            .wrong
            .iter()
            .map(|(field, code)| match code.as_str() {
                "missing" => format!("{} can't be blank", named(field)),
                "invalid" => format!("{} is invalid", named(field)),
                words => format!("{} {words}", named(field)),
            })
            .collect();
        Err(ApiError::validation_in_words(&reasons))
    }
}

/// A field as Rails names it in a sentence: `access_level` is `Access level`, and `user_id` is `User`.
fn named(field: &str) -> String {
    let field = field.strip_suffix("_id").unwrap_or(field);
    let (first, rest) = field.split_at(1);
    format!("{}{}", first.to_ascii_uppercase(), rest.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        Fields::parse(body.as_bytes()).expect("an object")
    }

    #[test]
    fn what_is_wrong_is_collected() {
        let mut fields =
            fields(r#"{"branch": " ", "message": 3, "env": {"A": [1]}, "flag": "true", "n": -1}"#);
        fields.required_text("commit");
        fields.required_text("branch");
        assert_eq!(fields.text("message"), None);
        assert_eq!(fields.pairs("env"), []);
        assert_eq!(fields.flag("flag"), None);
        assert_eq!(fields.count("n"), None);
        assert_eq!(fields.text("absent"), None);
        let wrong: Vec<_> = fields
            .wrong
            .iter()
            .map(|(field, code)| format!("{field} {code}"))
            .collect();
        assert_eq!(
            wrong,
            [
                "commit missing",
                "branch missing",
                "message invalid",
                "env invalid",
                "flag invalid",
                "n invalid"
            ]
        );
        let refused = fields.check_in_words().expect_err("much is wrong");
        let body = refused.into_reply().body;
        let text = "{\"message\":\"Validation failed: Commit can't be blank, Branch can't be blank, Message is invalid, \
                    Env is invalid, Flag is invalid, N is invalid\"}\n";
        assert_eq!(body, text);
    }

    #[test]
    fn pairs_keep_their_order_and_become_strings() {
        let mut fields = fields(r#"{"env": {"b": 1, "a": true, "c": null, "d": 1.5, "b": "x"}}"#);
        let pairs = fields.pairs("env");
        let flat: Vec<_> = pairs
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(flat, ["b=x", "a=true", "c=", "d=1.5"]);
        assert!(fields.check().is_ok());
    }

    #[test]
    fn numbers_are_the_same_if_another_crate_asks_for_arbitrary_precision() {
        let as_a_map = |digits: &'static str| {
            let entries = std::iter::once((AS_A_MAP, digits));
            Json::deserialize(de::value::MapDeserializer::<_, de::value::Error>::new(
                entries,
            ))
        };
        for digits in [
            "0",
            "18446744073709551615",
            "-9223372036854775808",
            "1.5",
            "-0.25",
            "1e3",
        ] {
            let plain: Json = serde_json::from_str(digits).expect("a number");
            assert_eq!(as_a_map(digits).expect("a number"), plain);
            let written = serde_json::to_string(&plain).expect("json");
            assert_eq!(written.parse::<f64>(), digits.parse::<f64>());
        }
        let refused = as_a_map("1e400").expect_err("too large");
        assert_eq!(refused.to_string(), "number out of range");
    }

    #[test]
    fn only_objects_are_taken() {
        for body in ["[]", "1", "null", "{", "{\"a\":}", "\u{feff}", "nope"] {
            assert!(Fields::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Fields::parse(b"").is_ok());
        assert!(Fields::parse(b" \n").is_ok());
        let deep = "[".repeat(100_000);
        assert!(Fields::parse(deep.as_bytes()).is_err());
    }
}
