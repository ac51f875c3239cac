//! Answers: what a person filled in, checked against the fields and made into meta-data.
//!
//! Elsewhere: the fields (`manual`), regular expressions (the caller brings them).
//! Source: Buildkite docs, "Block step", sections on input attributes, read 2026-08-21.
//! Chosen: the sentences; in which words the server refuses is not documented.

use std::fmt;

use super::manual::{Field, FieldKind, ManualStep};

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// A required field was left empty.
    Missing { key: String },
    /// A text field was given several values, or a select field that takes one.
    TooMany { key: String },
    /// Not among the options.
    NotAnOption { key: String, value: String },
    /// Not what the field's `format` asks for.
    Malformed { key: String, format: String },
}

impl ManualStep {
    /// The meta-data that `answers`, one or more values for a field, become: one pair for every field, in the order of
    /// the fields. `fits` tells whether the whole of a text matches a regular expression.
    ///
    /// Answers to fields that do not exist are not looked at.
    /// Chosen: a field that was not answered takes its default, as the form shows it filled in; an optional text that
    /// is left empty need not have the format.
    pub(crate) fn check(
        &self,
        answers: &[(String, Vec<String>)],
        mut fits: impl FnMut(&str, &str) -> bool,
    ) -> Result<Vec<(String, String)>, FieldError> {
        let one = |field: &Field| {
            let given = answers.iter().rev().find(|(key, _)| *key == field.key);
            let values = given.map(|(_, values)| values.as_slice());
            Ok((field.key.clone(), field.check(values, &mut fits)?))
        };
        self.fields.iter().map(one).collect()
    }

    /// The meta-data of a form that nobody filled in: the defaults. Required fields without one are missing.
    pub(crate) fn defaults(&self) -> Vec<(String, String)> {
        let one = |field: &Field| {
            let value = field.check(None, &mut |_, _| true).ok()?;
            Some((field.key.clone(), value))
        };
        self.fields.iter().filter_map(one).collect()
    }
}

impl Field {
    fn check(
        &self,
        given: Option<&[String]>,
        fits: &mut impl FnMut(&str, &str) -> bool,
    ) -> Result<String, FieldError> {
        match &self.kind {
            FieldKind::Text { default, format } => {
                let values = given.unwrap_or(default.as_slice());
                let text = self
                    .single(values)?
                    .replace("\r\n", "\n")
                    .replace('\r', "\n");
                self.check_filled(&text)?;
                match format {
                    Some(format) if !text.is_empty() && !fits(format, &text) => {
                        Err(FieldError::Malformed {
                            key: self.key.clone(),
                            format: format.clone(),
                        })
                    }
                    Some(_) | None => Ok(text),
                }
            }
            FieldKind::Select {
                default,
                options,
                multiple,
            } => {
                let values = given.unwrap_or(default);
                let joined = match multiple {
                    true => values.join("\n"),
                    false => self.single(values)?.to_owned(),
                };
                let offered =
                    |value: &&String| !options.iter().any(|option| option.value == **value);
                match values.iter().find(offered) {
                    // An empty answer is no choice, unless it is one of the options.
                    Some(value) if !value.is_empty() => Err(FieldError::NotAnOption {
                        key: self.key.clone(),
                        value: value.clone(),
                    }),
                    None if !values.is_empty() => Ok(joined),
                    Some(_) | None => self.check_filled(&joined).map(|()| joined),
                }
            }
        }
    }

    fn single<'a>(&self, values: &'a [String]) -> Result<&'a str, FieldError> {
        match values {
            [] => Ok(""),
            [value] => Ok(value),
            _ => Err(FieldError::TooMany {
                key: self.key.clone(),
            }),
        }
    }

    fn check_filled(&self, text: &str) -> Result<(), FieldError> {
        if text.is_empty() && self.required {
            let key = self.key.clone();
            return Err(FieldError::Missing { key });
        }
        Ok(())
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { key } => write!(f, "The field `{key}` is required"),
            Self::TooMany { key } => write!(f, "The field `{key}` takes one value"),
            Self::NotAnOption { key, value } => {
                write!(f, "`{value}` is not an option of the field `{key}`")
            }
            Self::Malformed { key, format } => {
                write!(f, "The field `{key}` must match the format `{format}`")
            }
        }
    }
}

impl std::error::Error for FieldError {}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Step};

    #[test]
    fn answers_become_meta_data() {
        let text = r#"
- block: x
  fields:
    - {text: Name, key: name, format: "[a-z\n]+"}
    - {text: Note, key: note, required: false, format: "[a-z]+"}
    - {text: Level, key: level, default: 5}
    - {select: One, key: one, default: a, options: [{label: A, value: a}, {label: B, value: b}, {label: None, value: ""}]}
    - {select: Many, key: many, multiple: true, required: false, options: [{label: A, value: a}, {label: B, value: b}]}
"#;
        let mut pipeline = Pipeline::parse(text).expect("valid");
        let Some(Step::Block(step)) = pipeline.steps.pop() else {
            panic!("a block step")
        };
        #[expect(clippy::type_complexity, reason = "keys with values")]
        let cases: [(&[(&str, &[&str])], &str); 13] = [
            (&[("name", &["x"])], "name=x note= level=5 one=a many="),
            (
                &[("name", &["x\r\ny\rz"])],
                "name=x\ny\nz note= level=5 one=a many=",
            ),
            (
                &[
                    ("name", &["x"]),
                    ("note", &["n"]),
                    ("level", &["6"]),
                    ("one", &["b"]),
                    ("many", &["b", "a"]),
                ],
                "name=x note=n level=6 one=b many=b\na",
            ),
            (
                &[("name", &["x"]), ("one", &[""])],
                "name=x note= level=5 one= many=",
            ),
            (
                &[("name", &["x"]), ("other", &["y"])],
                "name=x note= level=5 one=a many=",
            ),
            (
                &[("name", &["x"]), ("many", &[])],
                "name=x note= level=5 one=a many=",
            ),
            (&[], "! The field `name` is required"),
            (&[("name", &[""])], "! The field `name` is required"),
            (
                &[("name", &["x", "y"])],
                "! The field `name` takes one value",
            ),
            (
                &[("name", &["X"])],
                "! The field `name` must match the format `[a-z\n]+`",
            ),
            (
                &[("name", &["x"]), ("one", &["c"])],
                "! `c` is not an option of the field `one`",
            ),
            (
                &[("name", &["x"]), ("one", &["a", "b"])],
                "! The field `one` takes one value",
            ),
            (
                &[("name", &["x"]), ("many", &["a", "c"])],
                "! `c` is not an option of the field `many`",
            ),
        ];
        for (answers, expected) in cases {
            let answers: Vec<(String, Vec<String>)> = answers
                .iter()
                .map(|(key, values)| {
                    (
                        (*key).to_owned(),
                        values.iter().map(|one| (*one).to_owned()).collect(),
                    )
                })
                .collect();
            let lowercase =
                |_: &str, text: &str| text.chars().all(|c| c.is_lowercase() || c == '\n');
            let shown = match step.check(&answers, lowercase) {
                Ok(pairs) => {
                    let pairs: Vec<String> = pairs
                        .iter()
                        .map(|(key, value)| format!("{key}={value}"))
                        .collect();
                    pairs.join(" ")
                }
                Err(error) => format!("! {error}"),
            };
            assert_eq!(shown, expected, "for {answers:?}");
        }
    }
}
