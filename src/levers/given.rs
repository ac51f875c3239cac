//! What levers are given: JSON bodies, read strictly, because a lever that is misspelled would be a test that lies.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};

use crate::http::AS_A_MAP;
use crate::levers::Refusal;
use crate::vocabulary::exit::Exit;
use crate::vocabulary::likeness::meant;
use crate::vocabulary::route::Route;
use crate::vocabulary::span::span_of;
use crate::vocabulary::states::SignalReason;
use crate::vocabulary::webhook::WebhookEvent;

/// Reads a body, which is an object. None at all is an empty one.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let unread = |why: &dyn fmt::Display| {
        Refusal::new(400, format!("this lever cannot read its body: {why}"))
    };
    let body = match body.trim_ascii() {
        [] => b"{}",
        // An array would do for the fields in their order, and nobody would see what is what.
        body @ [b'{', ..] => body,
        _ => return Err(unread(&"it is a JSON object, or nothing")),
    };
    serde_json::from_slice(body).map_err(|error| unread(&said_of(&error, body)))
}

/// What is wrong with a JSON text, and where.
pub(super) fn said_of(error: &serde_json::Error, text: &[u8]) -> String {
    let said = in_json(&error.to_string());
    // serde names a field that is not known and none whose value is wrong.
    let field = if said.starts_with("invalid ") {
        field_before(text, error.line(), error.column())
    } else {
        None
    };
    match field {
        Some(field) => format!("`{field}`: {said}"),
        None => said,
    }
}

/// The last key of an object that begins before this place, counted from 1.
fn field_before(text: &[u8], line: usize, column: usize) -> Option<String> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let end = (before + column).min(text.len());
    let (mut at, mut field) = (0, None);
    while at < end {
        if text[at] != b'"' {
            at += 1;
            continue;
        }
        let begin = at + 1;
        at = begin;
        while at < text.len() && text[at] != b'"' {
            at += if text[at] == b'\\' { 2 } else { 1 };
        }
        let name = text.get(begin..at)?;
        at += 1;
        let rest = text.get(at..).unwrap_or_default().trim_ascii_start();
        if rest.first() == Some(&b':') {
            field = Some(String::from_utf8_lossy(name).into_owned());
        }
    }
    field
}

/// YAML, as the text that it is.
pub(super) fn yaml<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Reader;

    impl Visitor<'_> for Reader {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the text of a YAML file, such as \"steps: [{command: make}]\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }

    deserializer.deserialize_any(Reader)
}

/// What cannot be read, in words of JSON instead of those of Rust that serde has: `expected u32` says nothing to whoever
/// sent a body from elsewhere.
fn in_json(said: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("u8", "a whole number from 0 to 255"),
        ("u16", "a whole number from 0 to 65535"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("u64", "a whole number that is not negative"),
        ("usize", "a whole number that is not negative"),
        ("i32", "a whole number from -2147483648 to 2147483647"),
        ("i64", "a whole number"),
        ("f64", "a number"),
        ("a sequence", "a list"),
        ("a map", "an object"),
        ("a boolean", "true or false"),
    ];
    let Some((before, rest)) = said.rsplit_once(", expected ") else {
        return said.to_owned();
    };
    let (wanted, place) = match rest.find(" at line ") {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let word = WORDS.iter().find(|(rust, _)| *rust == wanted);
    let word = match word {
        Some((_, json)) => json,
        None if wanted.starts_with("struct ") => "an object",
        None => wanted,
    };
    // What serde calls what it found instead.
    let before = before
        .replace("invalid type: map", "invalid type: an object")
        .replace("invalid type: sequence", "invalid type: a list");
    // Of a long list of fields one is likely.
    let field = before.strip_prefix("unknown field `");
    let field = field.and_then(|field| field.strip_suffix('`'));
    let fields = || wanted.split('`').skip(1).step_by(2);
    let nearest = match field.and_then(|field| meant(field, fields())) {
        Some(nearest) => format!("; nearest: `{nearest}`"),
        None => String::new(),
    };
    format!("{before}, expected {word}{place}{nearest}")
}

/// No body, or an empty object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A span of time: a number of seconds, or a text such as `90s`, `1h30m`, `500ms`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span of time: seconds, or a text such as \"90s\", \"1h30m\", \"500ms\", \"2d\"")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Span, E> {
                Ok(Span(Duration::from_secs(seconds)))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Span, E> {
                let span = Duration::try_from_secs_f64(seconds);
                span.map(Span)
                    .map_err(|_| E::invalid_value(de::Unexpected::Float(seconds), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                span_of(text)
                    .map(Span)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            /// A number, if another crate asks for it to be one: see there.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Span, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((key, digits)) if key == AS_A_MAP => match digits.parse() {
                        Ok(seconds) => self.visit_f64(seconds),
                        Err(_) => Err(de::Error::invalid_value(de::Unexpected::Map, &self)),
                    },
                    _ => Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
                }
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// An endpoint by its name, such as `CreateBuild`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RouteName(pub(super) Route);

impl TryFrom<String> for RouteName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        route(&name).map(Self)
    }
}

impl<'de> Deserialize<'de> for RouteName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The endpoint with this name.
pub(super) fn route(name: &str) -> Result<Route, String> {
    one_of("route", name, Route::ALL, |route| format!("{route:?}"))
}

/// One of several things, by its name.
pub(super) fn one_of<T: Copy>(
    what: &str,
    name: &str,
    all: &[T],
    name_of: impl Fn(T) -> String,
) -> Result<T, String> {
    let names: Vec<_> = all.iter().map(|one| name_of(*one)).collect();
    if let Some(found) = names.iter().position(|known| known == name) {
        return Ok(all[found]);
    }
    let nearest = match meant(name, names.iter().map(String::as_str)) {
        Some(nearest) => format!("; nearest: `{nearest}`"),
        None => String::new(),
    };
    let known = names.join(", ");
    Err(format!(
        "there is no {what} `{name}`{nearest}; there are {known}"
    ))
}

/// What a webhook may be told, by its name, such as `build.finished`.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventName(pub(super) WebhookEvent);

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = one_of("event", &name, WebhookEvent::ALL, |event| {
            event.as_str().to_owned()
        });
        found.map(Self).map_err(de::Error::custom)
    }
}

/// How a command ends.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExitGiven {
    #[serde(default)]
    pub(super) exit_status: i32,
    pub(super) signal: Option<String>,
    pub(super) signal_reason: Option<ReasonName>,
}

impl ExitGiven {
    pub(super) fn exit(&self) -> Exit {
        exit(self.exit_status, self.signal.as_deref(), self.signal_reason)
    }
}

pub(super) fn exit(status: i32, signal: Option<&str>, reason: Option<ReasonName>) -> Exit {
    let mut exit = Exit::status(status);
    if let Some(signal) = signal {
        exit = exit.signal(signal);
    }
    if let Some(ReasonName(reason)) = reason {
        exit = exit.reason(reason);
    }
    exit
}

/// Why a command was ended by a signal, as Buildkite writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReasonName(SignalReason);

impl<'de> Deserialize<'de> for ReasonName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named(deserializer, "signal reason", SignalReason::ALL).map(Self)
    }
}

/// One of several things, by the word it prints as.
pub(super) fn named<'de, D: Deserializer<'de>, T: Copy + fmt::Display>(
    deserializer: D,
    what: &str,
    all: &[T],
) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    one_of(what, &name, all, |one| one.to_string()).map_err(de::Error::custom)
}

/// An instant, as RFC 3339 has it.
pub(super) fn instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| {
        de::Error::custom(format!(
            "`{text}` is no instant like `2030-01-01T00:00:00Z`: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_seconds_or_a_text() {
        let read = |text| serde_json::from_str::<Span>(text).map(|span| span.0.as_millis());
        assert_eq!(read("90").expect("seconds"), 90_000);
        assert_eq!(read("0.25").expect("seconds"), 250);
        assert!(read("-1").is_err() && read("1e300").is_err() && read("true").is_err());
        assert!(read("{}").is_err() && read("{\"by\": \"1\"}").is_err());
        let read = |digits: &'static str| {
            let entries = std::iter::once((AS_A_MAP, digits));
            Span::deserialize(de::value::MapDeserializer::<_, de::value::Error>::new(
                entries,
            ))
        };
        assert_eq!(read("0.25"), Ok(Span(Duration::from_millis(250))));
        assert!(read("-1").is_err());
    }

    #[test]
    fn the_field_of_a_wrong_value_is_named() {
        let text = br#"{"a": "x: \"y\":", "b" : {"c": [1, true]},
            "d": null}"#;
        let field = |line, column| field_before(text, line, column);
        assert_eq!(field(1, 1), None);
        assert_eq!(field(1, 12).as_deref(), Some("a"));
        assert_eq!(field(1, 40).as_deref(), Some("c"));
        assert_eq!(field(2, 21).as_deref(), Some("d"));
        assert_eq!(field(9, 99).as_deref(), Some("d"));
        let refused = read::<ExitGiven>(br#"{"signal": "x", "exit_status": "1"}"#);
        assert_eq!(
            refused.expect_err("a text").message,
            "this lever cannot read its body: `exit_status`: invalid type: string \"1\", expected a whole number from \
             -2147483648 to 2147483647 at line 1 column 34"
        );
    }

    #[test]
    fn what_is_misspelled_is_refused_with_the_choices() {
        let refused = read::<ExitGiven>(br#"{"exitstatus": 1}"#).expect_err("misspelled");
        assert_eq!(refused.status, 400);
        assert!(
            refused.message.contains("`exit_status`"),
            "{}",
            refused.message
        );
        assert!(
            route("CreateBuilds")
                .expect_err("none")
                .contains("CreateBuild, ")
        );
        assert!(read::<Nothing>(b"").is_ok() && read::<Nothing>(b"[]").is_err());
    }
}
