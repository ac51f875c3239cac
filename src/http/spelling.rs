//! The headers of replies as HTTP has them.
//!
//! Replies resemble each other: most have the same names in the same order, and most of the values, too. So the last
//! sets of headers are kept, and of a reply that has the names of one of them only the values are looked at that
//! differ. All fakes of a process share them: they are about text alone, and the first answer of a fake resembles that
//! of the one before it.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;

use crate::http::reply::Value;

/// How many sets of headers are kept: the last 32. All answers that go well, and their refusals, are about twenty.
const SETS: usize = 32;

/// What is known in this process.
static KNOWN: Mutex<Spelling> = Mutex::new(Spelling { sets: Vec::new() });

/// The headers of a reply, or why HTTP has no such header.
pub(super) fn headers(headers: Vec<(Cow<'static, str>, Value)>) -> Result<HeaderMap, String> {
    spelled(&KNOWN, headers)
}

/// The sets of headers that are known.
#[derive(Debug, Default)]
struct Spelling {
    sets: Vec<Arc<Set>>,
}

/// Headers with different names, in both forms and in the same order.
#[derive(Debug)]
struct Set {
    names: Vec<&'static str>,
    values: Vec<Value>,
    map: HeaderMap,
}

fn spelled(
    spelling: &Mutex<Spelling>,
    headers: Vec<(Cow<'static, str>, Value)>,
) -> Result<HeaderMap, String> {
    // Held for no longer than that: fakes of other tests wait for it.
    let known = spelling.lock().find(&headers);
    if let Some(set) = known {
        return set.with_values_of(&headers);
    }
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in &headers {
        map.append(spelled_name(name)?, spelled_value(name, value)?);
    }
    if let Some(set) = Set::new(headers, &map) {
        spelling.lock().keep(set);
    }
    Ok(map)
}

impl Spelling {
    fn find(&self, headers: &[(Cow<'static, str>, Value)]) -> Option<Arc<Set>> {
        let mut sets = self.sets.iter();
        sets.find(|set| set.has_names_of(headers)).map(Arc::clone)
    }

    fn keep(&mut self, set: Set) {
        self.sets.truncate(SETS - 1);
        self.sets.insert(0, Arc::new(set));
    }
}

impl Set {
    /// None, if names are repeated or are not the same in every reply, or if the map has an order of its own.
    fn new(headers: Vec<(Cow<'static, str>, Value)>, map: &HeaderMap) -> Option<Self> {
        let mut in_order = headers.iter().zip(map.keys());
        let is_same = in_order.all(|((name, _), known)| *known.as_str() == **name);
        if map.keys_len() != headers.len() || !is_same {
            return None;
        }
        let mut names = Vec::with_capacity(headers.len());
        let mut values = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let Cow::Borrowed(name) = name else {
                return None;
            };
            names.push(name);
            values.push(value);
        }
        Some(Self {
            names,
            values,
            map: map.clone(),
        })
    }

    fn has_names_of(&self, headers: &[(Cow<'static, str>, Value)]) -> bool {
        let is_same = |(known, (name, _)): (&&'static str, &(Cow<'static, str>, Value))| match name
        {
            Cow::Borrowed(name) => std::ptr::eq::<str>(*known, *name),
            Cow::Owned(_) => false,
        };
        self.names.len() == headers.len() && self.names.iter().zip(headers).all(is_same)
    }

    fn with_values_of(&self, headers: &[(Cow<'static, str>, Value)]) -> Result<HeaderMap, String> {
        let mut map = self.map.clone();
        for ((known, (name, value)), slot) in self.values.iter().zip(headers).zip(map.values_mut())
        {
            if !is_same(known, value) {
                *slot = spelled_value(name, value)?;
            }
        }
        Ok(map)
    }
}

/// Whether two values are the same text: as a rule they are the same place.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Fixed(one), Value::Fixed(other)) if std::ptr::eq::<str>(*one, *other) => true,
        (Value::Shared(one), Value::Shared(other)) if Arc::ptr_eq(one, other) => true,
        _ => **one == **other,
    }
}

pub(super) fn spelled_name(name: &str) -> Result<HeaderName, String> {
    let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(format!("A reply cannot have a header named {name:?}"));
    };
    if known == header::CONTENT_LENGTH || known == header::TRANSFER_ENCODING {
        return Err(format!("A reply cannot set {known}: the edge does"));
    }
    Ok(known)
}

pub(super) fn spelled_value(name: &str, value: &Value) -> Result<HeaderValue, String> {
    let text = &**value;
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        let name = name.to_lowercase();
        format!("The header {name} of a reply cannot have the value {text:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(name: &'static str, value: impl Into<Value>) -> (Cow<'static, str>, Value) {
        (Cow::Borrowed(name), value.into())
    }

    fn written(map: &HeaderMap) -> Vec<(String, String)> {
        let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
        map.iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    }

    #[test]
    fn headers_are_the_same_whether_their_names_are_known_or_not() {
        let shared: Arc<str> = "read,write".into();
        let spelling = Mutex::new(Spelling::default());
        for date in ["monday", "monday", "tuesday"] {
            let headers = vec![
                fixed("vary", "Accept"),
                fixed("x-scopes", Arc::clone(&shared)),
                fixed("date", date.to_owned()),
            ];
            let fresh = spelled(&Mutex::default(), headers.clone());
            let known = spelled(&spelling, headers);
            assert_eq!(
                written(&known.clone().expect("legal")),
                written(&fresh.expect("legal"))
            );
            assert_eq!(known.expect("legal")["date"], date);
        }
        assert_eq!(spelling.lock().sets.len(), 1);
    }

    #[test]
    fn what_is_no_header_is_refused_in_a_known_set_too() {
        let spelling = Mutex::new(Spelling::default());
        spelled(&spelling, vec![fixed("date", "monday")]).expect("legal");
        let refused = spelled(&spelling, vec![fixed("date", "mon\nday".to_owned())]);
        let expected = "The header date of a reply cannot have the value \"mon\\nday\"";
        assert_eq!(refused.expect_err("a line break"), expected);
        let refused = spelled(&spelling, vec![fixed("da te", "monday")]);
        let expected = "A reply cannot have a header named \"da te\"";
        assert_eq!(refused.expect_err("a space"), expected);
        let refused = spelled(&spelling, vec![fixed("content-length", "1")]);
        let expected = "A reply cannot set content-length: the edge does";
        assert_eq!(refused.expect_err("a length"), expected);
    }

    #[test]
    fn repeated_names_are_kept_apart_and_the_last_sets_are_known() {
        let spelling = Mutex::new(Spelling::default());
        for _ in 0..2 {
            let twice = vec![fixed("link", "a"), fixed("link", "b")];
            let map = spelled(&spelling, twice).expect("legal");
            assert_eq!(map.get_all("link").iter().count(), 2);
        }
        assert!(spelling.lock().sets.is_empty());
        let owned = vec![(Cow::Owned("x-a".to_owned()), Value::Fixed("a"))];
        spelled(&spelling, owned).expect("legal");
        assert!(spelling.lock().sets.is_empty());
        let repeated = "a".repeat(SETS + 2);
        for length in 1..=repeated.len() {
            let name: &'static str = repeated[..length].to_owned().leak();
            spelled(&spelling, vec![fixed(name, "x")]).expect("legal");
        }
        let sets = &spelling.lock().sets;
        assert_eq!(sets.len(), SETS);
        assert_eq!(sets[0].names, [repeated]);
    }
}
