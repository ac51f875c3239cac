//! `$X` and `${X…}`: what a condition takes from the environment, bare or inside double quotes, and the escapes there.
//!
//! Read once, with the condition; looked up at each evaluation. What is wrong inside `${…}` is an error only if an
//! evaluation gets there, so it is kept in the tree.
//!
//! Elsewhere: how the text is read (`shell_reader`); which names can be seen (`environment`); the agent's own
//! interpolation, which comes before and differs.
//! Source: buildkite/conditional at af63d27, internal/shell.

/// Text with expansions in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(pub(super) Vec<Piece>);

/// A part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Expansion(Expansion),
    Wrong(String),
}

/// One `$X` or `${X…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expansion {
    /// `$X`, `${X}`; a dot ends the name but not the word, so `$X.y` has a suffix.
    Variable {
        name: String,
        suffix: String,
    },
    /// `${X?}`, `${X:?}`; what follows the sign is not used.
    Required {
        name: String,
        empty: Empty,
    },
    /// `${X-word}`, `${X:-word}`.
    Otherwise {
        name: String,
        empty: Empty,
        word: Template,
    },
    /// `${X+word}`, `${X:+word}`.
    Instead {
        name: String,
        empty: Empty,
        word: Template,
    },
    /// `${X:offset}`, `${X:offset:length}`, counted in characters.
    Part {
        name: String,
        offset: Template,
        length: Option<Template>,
    },
    Wrong(String),
}

/// What an empty value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    Set,
    Unset,
}

/// Where values come from.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Template {
    /// A text in which nothing is looked up.
    pub(super) fn fixed(text: String) -> Self {
        Self(vec![Piece::Text(text)])
    }

    pub(super) fn is_fixed(&self) -> bool {
        let mut pieces = self.0.iter();
        pieces.all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// The text, or why there is none.
    pub(super) fn expand(&self, lookup: Lookup<'_>) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Expansion(piece) => {
                    text.push_str(&piece.expand(lookup)?.unwrap_or_default());
                }
                Piece::Wrong(why) => return Err(why.clone()),
            }
        }
        Ok(text)
    }

    fn expand_integer(&self, lookup: Lookup<'_>) -> Result<i64, String> {
        let text = self.expand(lookup)?;
        let digits = text.trim();
        let wrong = || format!("substring operation requires integer argument, not {digits:?}");
        if digits.starts_with('+') {
            return Err(wrong());
        }
        digits.parse().map_err(|_| wrong())
    }
}

impl Expansion {
    /// The value, None if it is not set, or why there is none.
    pub(super) fn expand(&self, lookup: Lookup<'_>) -> Result<Option<String>, String> {
        let set = |name: &str, empty: Empty| {
            lookup(name).filter(|value| empty == Empty::Set || !value.is_empty())
        };
        match self {
            Self::Variable { name, suffix } if suffix.is_empty() => Ok(lookup(name)),
            Self::Variable { name, suffix } => Ok(Some(lookup(name).unwrap_or_default() + suffix)),
            Self::Required { name, empty } => match set(name, *empty) {
                Some(value) => Ok(Some(value)),
                None => Err(format!("parameter null or not set: {name}")),
            },
            Self::Otherwise { name, empty, word } => match set(name, *empty) {
                Some(value) => Ok(Some(value)),
                None => word.expand(lookup).map(Some),
            },
            Self::Instead { name, empty, word } => match set(name, *empty) {
                Some(_) => word.expand(lookup).map(Some),
                None => Ok(Some(String::new())),
            },
            Self::Part {
                name,
                offset,
                length,
            } => {
                let offset = offset.expand_integer(lookup)?;
                let Some(value) = lookup(name) else {
                    return Ok(None);
                };
                let rest = without_start(&value, offset);
                match length {
                    // Of nothing, no length is asked for.
                    Some(length) if !rest.is_empty() => {
                        let length = length.expand_integer(lookup)?;
                        Ok(Some(start(rest, length).to_owned()))
                    }
                    _ => Ok(Some(rest.to_owned())),
                }
            }
            Self::Wrong(why) => Err(why.clone()),
        }
    }
}

/// All but `offset` characters; a negative offset counts from the end.
fn without_start(value: &str, offset: i64) -> &str {
    let bounded = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
    let skipped = if offset < 0 {
        value.chars().count().saturating_sub(bounded)
    } else {
        bounded
    };
    &value[byte_of(value, skipped)..]
}

/// The first `length` characters; a negative length leaves out as many at the end.
fn start(value: &str, length: i64) -> &str {
    let bounded = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    let taken = if length < 0 {
        value.chars().count().saturating_sub(bounded)
    } else {
        bounded
    };
    &value[..byte_of(value, taken)]
}

fn byte_of(value: &str, character: usize) -> usize {
    let mut characters = value.char_indices();
    characters.nth(character).map_or(value.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, check};

    #[test]
    fn values_from_the_environment() {
        all(
            "true",
            r#"
            $branch == "main"
            $branch.deploy == "main.deploy"
            $nowhere.deploy == ".deploy"
            ${branch} == "main"
            ${nowhere} == null
            $nowhere == null
            $empty == ""
            "$nowhere" == ""
            "${branch}-$two.$" == "main-2.$"
            "$branch.x" == "main.x"
            ${branch-xx} == "main"
            ${nowhere-xx} == "xx"
            ${empty-xx} == ""
            ${empty:-xx} == "xx"
            ${branch:-xx} == "main"
            ${branch+xx} == "xx"
            ${nowhere+xx} == ""
            ${empty+xx} == "xx"
            ${empty:+xx} == ""
            ${branch?} == "main"
            ${branch:?why} == "main"
            ${empty?} == ""
            ${nowhere-} == ""
            "#,
        );
    }

    #[test]
    fn words_are_read_like_strings() {
        all(
            "true",
            r#"
            ${nowhere-"${branch}"} == "main"
            ${nowhere-${nothing:-$branch}!} == "main!"
            ${nowhere-"}"} == "}"
            ${nowhere-'}'} == "}"
            ${nowhere-'quoted fallback'} == "quoted fallback"
            ${nowhere-'$branch'} == '$branch'
            ${nowhere-'a\'b\n'} == 'a\'b\n'
            ${nowhere-"a'b"} == "a'b"
            ${nowhere-\x41\svalue} == "A value"
            ${nowhere-a$$b$} == 'a$b$'
            ${nowhere-\}} == "}"
            "x${nowhere-\xc3\xa9}" == "xé"
            "#,
        );
    }

    #[test]
    fn parts_of_values() {
        all(
            "true",
            r#"
            ${branch:1:2} == "ai"
            ${branch:2} == "in"
            ${branch:0} == "main"
            ${branch: -1} == "n"
            ${branch: -9} == "main"
            ${branch:1:-1} == "ai"
            ${branch:3:-3} == ""
            ${branch:2:$two} == "in"
            ${branch:2:99} == "in"
            ${branch:25:2} == ""
            ${branch:25:$tag} == ""
            ${branch:${empty:-1}:${two+2}} == "ai"
            ${branch:9223372036854775807:9223372036854775807} == ""
            ${branch:-9223372036854775808} == "main"
            ${word:2:1} == "ö"
            ${nowhere:1} == null
            "#,
        );
    }

    #[test]
    fn expansions_that_fail_fail_when_they_are_reached() {
        let integer = |found: &str| {
            format!("Evaluation: substring operation requires integer argument, not {found:?}")
        };
        check(&[
            (
                r#"${nowhere:?} == "x""#,
                "Evaluation: parameter null or not set: nowhere",
            ),
            (
                r#""a ${empty:?why} b" == "x""#,
                "Evaluation: parameter null or not set: empty",
            ),
            (r#"false && ${nowhere:?} == "x""#, "false"),
            (r#"true || ${nowhere:?} == "x""#, "true"),
            (r#"${branch:3:$tag} == """#, &integer("foo")),
            (r#"${nowhere:} == """#, &integer("")),
            (r#"${branch:+1:+1} == "+1:+1""#, "false"),
            (r#"${branch: +1} == """#, &integer("+1")),
            (
                r#"${branch:99999999999999999999} == """#,
                &integer("99999999999999999999"),
            ),
            (
                r#"${branch:1:2:3} == """#,
                "Evaluation: invalid shell substring: 1:2:3",
            ),
            (
                r#"${branch:1:2:3:4:5} == """#,
                "Evaluation: invalid shell substring: 1:2:3:4:5",
            ),
            (r#"${1} == """#, "Evaluation: invalid shell expansion: ${1}"),
            (r#"${} == """#, "Evaluation: invalid shell expansion: ${}"),
            (
                r#"${branch!x} == """#,
                "Evaluation: invalid shell expansion: ${branch!x}",
            ),
            (
                r#"${nowhere-\400} == """#,
                r"Evaluation: octal escape out of range: \400",
            ),
            (r#"${branch-\400} == "main""#, "true"),
        ]);
    }
}
