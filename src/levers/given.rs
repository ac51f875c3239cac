//! What levers are given: JSON bodies, read strictly, because a lever that is misspelled would be a test that lies.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};

use crate::levers::Refusal;
use crate::vocabulary::exit::Exit;
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
    serde_json::from_slice(body).map_err(|error| unread(&error))
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

        impl Visitor<'_> for Reader {
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
    let mut all = Route::ALL.iter().copied();
    all.find(|route| format!("{route:?}") == name)
        .ok_or_else(|| {
            let known: Vec<_> = Route::ALL
                .iter()
                .map(|route| format!("{route:?}"))
                .collect();
            format!("there is no route `{name}`; there are {}", known.join(", "))
        })
}

/// What a webhook may be told, by its name, such as `build.finished`.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventName(pub(super) WebhookEvent);

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let mut all = WebhookEvent::ALL.iter().copied();
        let found = all.find(|event| event.as_str() == name);
        found.map(Self).ok_or_else(|| {
            let known: Vec<_> = WebhookEvent::ALL.iter().map(|it| it.as_str()).collect();
            de::Error::custom(format!(
                "there is no event `{name}`; there are {}",
                known.join(", ")
            ))
        })
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
    let found = all.iter().copied().find(|one| one.to_string() == name);
    found.ok_or_else(|| {
        let known: Vec<_> = all.iter().map(ToString::to_string).collect();
        let known = known.join(", ");
        de::Error::custom(format!("there is no {what} `{name}`; there are {known}"))
    })
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
