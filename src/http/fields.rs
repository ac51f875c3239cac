//! What a request says in its body, read field by field, with all that is wrong with it in one answer.
//!
//! Elsewhere: JSON itself (`json`), what is said of pipelines (`rest::pipeline_body`).

use uuid::Uuid;

use crate::http::error::ApiError;
use crate::http::json::Json;

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
            return Ok(Self::of(Vec::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Json::Object(entries)) => Ok(Self::of(entries)),
            Ok(Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) => {
                Err(ApiError::new(
                    400,
                    "Invalid JSON: the request body must be an object",
                ))
            }
            Err(error) => Err(ApiError::new(400, format!("Invalid JSON: {error}"))),
        }
    }

    fn of(entries: Vec<(String, Json)>) -> Self {
        Self {
            entries,
            wrong: Vec::new(),
        }
    }

    /// A value that is an object.
    fn inside(value: &Json) -> Option<Self> {
        Some(Self::of(value.entries()?.to_vec()))
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
        self.read(field, |value| value.as_text().map(str::to_owned))
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
        self.read(field, Json::as_flag)
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self, field: &str) -> Option<u32> {
        self.read(field, |value| value.as_number()?.as_u64()?.try_into().ok())
    }

    /// A whole number, of either sign; what is none is not noted, because who asks has words of their own.
    pub(crate) fn integer(&self, field: &str) -> Option<i64> {
        self.value(field)?.as_number()?.as_i64()
    }

    /// A text, or a number written as one.
    pub(crate) fn text_or_number(&mut self, field: &str) -> Option<String> {
        self.read(field, |value| {
            let text = value.as_text().map(str::to_owned);
            text.or_else(|| value.as_number().map(ToString::to_string))
        })
    }

    pub(crate) fn texts(&mut self, field: &str) -> Option<Vec<String>> {
        self.read(field, |value| {
            value.items()?.iter().map(Json::scalar).collect()
        })
    }

    /// An object of scalars, each as a string; a repeated key keeps its first place and its last value.
    pub(crate) fn pairs(&mut self, field: &str) -> Vec<(String, String)> {
        let read = |value: &Json| {
            let entries = value.entries()?;
            let mut pairs: Vec<(String, String)> = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let value = value.scalar()?;
                match pairs.iter_mut().find(|(known, _)| known == key) {
                    Some(known) => known.1 = value,
                    None => pairs.push((key.clone(), value)),
                }
            }
            Some(pairs)
        };
        self.read(field, read).unwrap_or_default()
    }

    /// An object whose values are scalars or lists of them: what a person filled into a form.
    pub(crate) fn answers(&mut self, field: &str) -> Vec<(String, Vec<String>)> {
        let values = |value: &Json| match value.items() {
            Some(items) => items.iter().map(Json::scalar).collect::<Option<Vec<_>>>(),
            None => value.scalar().map(|text| vec![text]),
        };
        let read = |value: &Json| {
            let entries = value.entries()?.iter();
            let read = entries.map(|(key, value)| Some((key.clone(), values(value)?)));
            read.collect::<Option<Vec<_>>>()
        };
        self.read(field, read).unwrap_or_default()
    }

    /// An object, to be read by itself.
    pub(crate) fn object(&mut self, field: &str) -> Option<Self> {
        self.read(field, Self::inside)
    }

    /// A list of objects, each to be read by itself.
    pub(crate) fn objects(&mut self, field: &str) -> Option<Vec<Self>> {
        self.read(field, |value| {
            value.items()?.iter().map(Self::inside).collect()
        })
    }

    /// An id.
    pub(crate) fn id(&mut self, field: &str) -> Option<Uuid> {
        self.read(field, |value| value.as_text()?.parse().ok())
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
