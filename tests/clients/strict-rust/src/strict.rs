//! The parts of shapes: each takes what is documented and nothing else.
//!
//! serde takes a missing key for `None` when a field is an `Option`. Here a key that may be null still has to be there
//! ([`Nullable`]), and one that may be missing must not be null ([`Maybe`], with `#[serde(default)]`).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The key is there, and its value may be null.
#[derive(Debug, Clone, PartialEq)]
pub struct Nullable<T>(pub Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By way of a value: serde would hand `None` to an `Option` of a key that is missing.
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self(None)),
            value => T::deserialize(value)
                .map(Some)
                .map(Self)
                .map_err(D::Error::custom),
        }
    }
}

/// The key may be missing; if it is there, it has a value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Maybe<T> {
    #[default]
    Missing,
    There(T),
}

impl<T> Maybe<T> {
    pub fn is_there(&self) -> bool {
        matches!(self, Self::There(_))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::There)
    }
}

/// Always null.
#[derive(Debug, Clone, PartialEq)]
pub struct Null;

impl<'de> Deserialize<'de> for Null {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self),
            value => Err(D::Error::custom(format!("expected null, found {value}"))),
        }
    }
}

pub type Map<V> = BTreeMap<String, V>;

/// A text of which `check` knows what it has to look like.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $picture:literal,)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
            pub struct $name(pub String);

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = String::deserialize(deserializer)?;
                    if looks_like(&text, $picture) {
                        Ok(Self(text))
                    } else {
                        Err(D::Error::custom(format!("{text:?} does not look like {}", $picture)))
                    }
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }
        )*
    };
}

texts! {
    /// A UUID: `x` stands for a hex digit.
    Id: "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    /// An instant to the millisecond, in UTC.
    Time: "0000-00-00T00:00:00.000Z",
    /// An instant to the second, in UTC.
    Seconds: "0000-00-00T00:00:00Z",
    Sha1: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
}

/// `x` stands for a lower-case hex digit, `0` for a digit, everything else for itself.
fn looks_like(text: &str, picture: &str) -> bool {
    let fits = |(found, wanted): (u8, u8)| match wanted {
        b'x' => matches!(found, b'0'..=b'9' | b'a'..=b'f'),
        b'0' => found.is_ascii_digit(),
        _ => found == wanted,
    };
    text.len() == picture.len() && text.bytes().zip(picture.bytes()).all(fits)
}
