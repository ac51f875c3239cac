//! Query strings the way Rails reads them: `key=a`, `key[]=a&key[]=b`, `key[name]=a`.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What is written as it is in a query: letters, digits and `-_.~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A decoded query string, in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    /// Every key, as often as it is there.
    #[cfg(feature = "cli")]
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// Every value of `key` or `key[]`; an empty value is the same as none.
    pub(crate) fn all<'q>(&'q self, key: &'q str) -> impl Iterator<Item = &'q str> {
        let named = move |(name, value): &'q (String, String)| {
            let is_key = name == key || name.strip_suffix("[]") == Some(key);
            (is_key && !value.is_empty()).then_some(value.as_str())
        };
        self.0.iter().filter_map(named)
    }

    /// The last value of `key`: the one Rails keeps.
    pub(crate) fn last<'q>(&'q self, key: &'q str) -> Option<&'q str> {
        self.all(key).last()
    }

    /// Whether a flag is set; `None` if it is absent or neither true nor false.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.last(key)?.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// The entries `map[name]=value`, by name.
    pub(crate) fn map<'q>(&'q self, map: &'q str) -> impl Iterator<Item = (&'q str, &'q str)> {
        self.0.iter().filter_map(move |(name, value)| {
            let inner = name
                .strip_prefix(map)?
                .strip_prefix('[')?
                .strip_suffix(']')?;
            (!inner.is_empty() && !value.is_empty()).then_some((inner, value.as_str()))
        })
    }

    /// The same query with `key` set to `value`, keys in alphabetical order.
    pub(crate) fn with(&self, key: &str, value: &str) -> String {
        self.with_all(&[(key, Some(value))])
    }

    /// The same query with each of these keys set to its value, or left out; keys in alphabetical order.
    pub(crate) fn with_all(&self, changes: &[(&str, Option<&str>)]) -> String {
        let mut pairs: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let is_kept = |known: &str| {
            let name = known.strip_suffix("[]").unwrap_or(known);
            changes.iter().all(|(key, _)| name != *key)
        };
        pairs.retain(|(known, _)| is_kept(known));
        let set = changes
            .iter()
            .filter_map(|(key, value)| Some((*key, (*value)?)));
        pairs.extend(set);
        pairs.sort_by_key(|(key, _)| *key);
        let mut text = String::new();
        for (key, value) in pairs {
            let separator = if text.is_empty() { "" } else { "&" };
            let (key, value) = (
                utf8_percent_encode(key, ESCAPED),
                utf8_percent_encode(value, ESCAPED),
            );
            write!(text, "{separator}{key}={value}").expect("a String takes everything");
        }
        text
    }
}

fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// An ISO 8601 instant: with an offset, `Z` or nothing (UTC), with or without a fraction, or a date alone.
///
/// A `+` of an offset that was not escaped arrives as a space.
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    // chrono takes years of any length and with a sign; ISO 8601 has four digits, unless both sides agree on more.
    let year = text.split('-').next().unwrap_or_default();
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(&text.replace(' ', "+")) {
        return Some(at.to_utc());
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let without_zone = text.trim_end_matches(" UTC").replace(' ', "T");
    if let Ok(at) = NaiveDateTime::parse_from_str(&without_zone, "%Y-%m-%dT%H:%M:%S%.f") {
        return Some(at.and_utc());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_time(chrono::NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_and_without_brackets_is_the_same_list() {
        let query = Query::parse("state=a&state[]=b&state%5B%5D=c&state[]=&other=d&state");
        assert_eq!(query.all("state").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(query.last("state"), Some("c"));
        assert_eq!(query.last("missing"), None);
    }

    #[test]
    fn flags_take_any_case_and_nothing_else() {
        let flag = |text: &str| Query::parse(text).flag("f");
        assert_eq!(
            [flag("f=True"), flag("f=1"), flag("f=FALSE"), flag("f=0")],
            [Some(true), Some(true), Some(false), Some(false)]
        );
        assert_eq!([flag("f=yes"), flag("f="), flag("")], [None, None, None]);
    }

    #[test]
    fn maps_and_escapes() {
        let query = Query::parse("meta_data[a+b]=1%262&meta_data%5Bc%5D=%FF&meta_data[]=x");
        assert_eq!(
            query.map("meta_data").collect::<Vec<_>>(),
            [("a b", "1&2"), ("c", "\u{fffd}")]
        );
    }

    #[test]
    fn a_rewritten_query_is_sorted_and_escaped() {
        let query = Query::parse("state[]=running&page=3&branch=a b/c&state[]=failed");
        assert_eq!(
            query.with("page", "4"),
            "branch=a%20b%2Fc&page=4&state%5B%5D=running&state%5B%5D=failed"
        );
        let query = Query::parse("page[]=1&after=a&x=1&after[]=b");
        let changed = query.with_all(&[("before", Some("c")), ("after", None)]);
        assert_eq!(changed, "before=c&page%5B%5D=1&x=1");
    }

    #[test]
    fn instants_come_in_many_forms() {
        let same = [
            "2030-01-01T10:00:00Z",
            "2030-01-01T10:00:00.000Z",
            "2030-01-01T12:00:00+02:00",
            "2030-01-01T12:00:00 02:00",
            "2030-01-01T10:00:00",
            "2030-01-01 10:00:00 UTC",
        ];
        for text in same {
            assert_eq!(instant(text), instant(same[0]), "{text}");
            assert!(instant(text).is_some(), "{text}");
        }
        assert_eq!(instant("2030-01-01"), instant("2030-01-01T00:00:00Z"));
        for text in [
            "",
            "yesterday",
            "2030-13-01",
            "10:00",
            "-060-01-01",
            "99-01-01",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
