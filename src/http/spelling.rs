//! Header names and values as HTTP has them. What every reply says is looked at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};

use crate::http::reply::Value;

/// How many of the values that are shared are kept: the last 8.
const SHARED: usize = 8;

/// The spellings that are known.
#[derive(Debug, Default)]
pub(super) struct Spelling {
    names: BTreeMap<&'static str, HeaderName>,
    fixed: BTreeMap<&'static str, HeaderValue>,
    shared: Vec<(Arc<str>, HeaderValue)>,
}

impl Spelling {
    /// None, if HTTP has no such name.
    pub(super) fn name(&mut self, name: &Cow<'static, str>) -> Option<HeaderName> {
        let Cow::Borrowed(fixed) = name else {
            return HeaderName::from_bytes(name.as_bytes()).ok();
        };
        if let Some(known) = self.names.get(fixed) {
            return Some(known.clone());
        }
        let legal = HeaderName::from_bytes(fixed.as_bytes()).ok()?;
        self.names.insert(fixed, legal.clone());
        Some(legal)
    }

    /// None, if HTTP has no such value.
    pub(super) fn value(&mut self, value: &Value) -> Option<HeaderValue> {
        match value {
            Value::Own(text) => HeaderValue::from_bytes(text.as_bytes()).ok(),
            Value::Fixed(fixed) => {
                if let Some(known) = self.fixed.get(fixed) {
                    return Some(known.clone());
                }
                let legal = HeaderValue::from_bytes(fixed.as_bytes()).ok()?;
                self.fixed.insert(fixed, legal.clone());
                Some(legal)
            }
            Value::Shared(text) => {
                let mut shared = self.shared.iter();
                if let Some((_, known)) = shared.find(|(known, _)| Arc::ptr_eq(known, text)) {
                    return Some(known.clone());
                }
                let legal = HeaderValue::from_bytes(text.as_bytes()).ok()?;
                self.shared.truncate(SHARED - 1);
                self.shared.insert(0, (Arc::clone(text), legal.clone()));
                Some(legal)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_is_the_same_whether_it_is_known_or_not() {
        let mut spelling = Spelling::default();
        let shared: Arc<str> = "a,b".into();
        for _ in 0..2 {
            for name in [Cow::Borrowed("vary"), Cow::Owned("vary".to_owned())] {
                assert_eq!(spelling.name(&name), Some(HeaderName::from_static("vary")));
            }
            for value in [
                Value::Fixed("a,b"),
                Value::Own("a,b".to_owned()),
                Value::Shared(Arc::clone(&shared)),
            ] {
                let expected = Some(HeaderValue::from_static("a,b"));
                assert_eq!(spelling.value(&value), expected);
            }
            assert_eq!(spelling.name(&Cow::Borrowed("a b")), None);
            assert_eq!(spelling.value(&Value::Fixed("a\nb")), None);
            assert_eq!(spelling.value(&Value::Own("a\nb".to_owned())), None);
        }
    }

    #[test]
    fn the_last_shared_values_are_known_and_no_more() {
        let mut spelling = Spelling::default();
        for n in 0..20 {
            spelling.value(&Value::Shared(n.to_string().into()));
        }
        assert_eq!(spelling.shared.len(), SHARED);
        assert_eq!(&*spelling.shared[0].0, "19");
    }
}
