//! JSON with the order of its keys kept.
//!
//! `serde_json`'s own map sorts its keys or keeps their order as the features of the whole build decide; a test must
//! not see env or meta-data in another order because of some other crate. Nor must it see numbers otherwise: with the
//! feature `arbitrary_precision` they are maps with one entry, and are taken apart here.
//!
//! Elsewhere: reading what a request says (`fields`).

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

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
pub(crate) const AS_A_MAP: &str = "$serde_json::private::Number";

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
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    pub(super) fn as_flag(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Null | Self::String(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => {
                None
            }
        }
    }

    pub(super) fn as_number(&self) -> Option<&serde_json::Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => {
                None
            }
        }
    }

    pub(super) fn entries(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(entries) => Some(entries),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// A scalar as a string; `None` for arrays and objects.
    pub(super) fn scalar(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Number(value) => Some(value.to_string()),
            Self::String(value) => Some(value.clone()),
            Self::Array(_) | Self::Object(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
