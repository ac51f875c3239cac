//! Expansion: the `$` expressions of one string, and what they stand for.
//!
//! Elsewhere: which strings are expanded, and whose variables (`interpolate`).
//! Source: buildkite/interpolate, by running version 0.1.5; the tables in the tests are its answers.

/// How deep defaults may nest in defaults.
/// Chosen: the library has no limit; this bounds every recursion here.
const MAX_NESTING: usize = 100;

/// One string, taken apart.
pub(super) struct Template<'t> {
    pieces: Vec<Piece<'t>>,
}

enum Piece<'t> {
    Text(&'t str),
    Variable {
        /// The whole expression as written.
        source: &'t str,
        name: &'t str,
        operator: Operator<'t>,
    },
}

enum Operator<'t> {
    None,
    /// `:-`
    IfEmpty(Template<'t>),
    /// `-`
    IfUnset(Template<'t>),
    /// `?`
    Required(Template<'t>),
    /// `:offset` and `:offset:length`
    Part {
        offset: i64,
        length: Option<i64>,
    },
}

/// What is known of a variable.
pub(super) enum Variable {
    Set(String),
    Unset,
    /// Somebody else will expand it: it stays as written.
    Foreign,
}

/// Why a string cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// In the library's words, or in those of whoever knows the variables.
    Refused(String),
    TooLong,
}

impl<'t> Template<'t> {
    /// Takes `text` apart, or says what is wrong with it in the library's words.
    pub(super) fn parse(text: &'t str) -> Result<Self, String> {
        let mut parser = Parser {
            text,
            at: 0,
            nesting: 0,
        };
        parser.template(None)
    }

    /// Appends the expanded text to `out`, which may grow to `most` bytes.
    pub(super) fn expand(
        &self,
        lookup: &dyn Fn(&str) -> Result<Variable, String>,
        most: usize,
        out: &mut String,
    ) -> Result<(), Trouble> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => push(out, text, most)?,
                Piece::Variable {
                    source,
                    name,
                    operator,
                } => match lookup(name).map_err(Trouble::Refused)? {
                    Variable::Set(value) => operator.set(&value, lookup, most, out)?,
                    Variable::Unset => operator.unset(name, lookup, most, out)?,
                    Variable::Foreign => push(out, source, most)?,
                },
            }
        }
        Ok(())
    }
}

impl Operator<'_> {
    fn set(
        &self,
        value: &str,
        lookup: &dyn Fn(&str) -> Result<Variable, String>,
        most: usize,
        out: &mut String,
    ) -> Result<(), Trouble> {
        match self {
            Self::IfEmpty(default) if value.is_empty() => default.expand(lookup, most, out),
            Self::Part { offset, length } => push(out, &part(value, *offset, *length), most),
            Self::None | Self::IfEmpty(_) | Self::IfUnset(_) | Self::Required(_) => {
                push(out, value, most)
            }
        }
    }

    fn unset(
        &self,
        name: &str,
        lookup: &dyn Fn(&str) -> Result<Variable, String>,
        most: usize,
        out: &mut String,
    ) -> Result<(), Trouble> {
        match self {
            Self::None | Self::Part { .. } => Ok(()),
            Self::IfEmpty(default) | Self::IfUnset(default) => default.expand(lookup, most, out),
            Self::Required(message) => {
                let mut text = String::new();
                message.expand(lookup, most, &mut text)?;
                let text = if text.is_empty() { "not set" } else { &text };
                Err(Trouble::Refused(format!("${name}: {text}")))
            }
        }
    }
}

fn push(out: &mut String, text: &str, most: usize) -> Result<(), Trouble> {
    if out.len() + text.len() > most {
        return Err(Trouble::TooLong);
    }
    out.push_str(text);
    Ok(())
}

/// Counted in bytes; negative numbers count from the end, and what lies outside is cut off.
fn part(value: &str, offset: i64, length: Option<i64>) -> String {
    let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let from_end = |number: i64| {
        if number < 0 {
            number.saturating_add(size)
        } else {
            number
        }
    };
    let from = from_end(offset).clamp(0, size);
    let to = match length {
        None => size,
        Some(length) if length < 0 => from_end(length).max(from),
        Some(length) => from.saturating_add(length).min(size),
    };
    let index = |number: i64| usize::try_from(number).unwrap_or(value.len());
    // A cut through a character leaves a mark instead of half of it.
    String::from_utf8_lossy(&value.as_bytes()[index(from)..index(to)]).into_owned()
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    nesting: usize,
}

impl<'t> Parser<'t> {
    /// Up to `stop`, which is not taken, or to the end.
    fn template(&mut self, stop: Option<char>) -> Result<Template<'t>, String> {
        let mut pieces = vec![];
        while let Some(next) = self.peek() {
            if Some(next) == stop {
                break;
            }
            let rest = &self.text[self.at..];
            if rest.starts_with(r"\\") || rest.starts_with("$(") {
                pieces.push(Piece::Text(&rest[..2]));
                self.at += 2;
            } else if rest.starts_with(r"\$") || rest.starts_with("$$") {
                pieces.push(Piece::Text("$"));
                self.at += 2;
            } else if next == '$' && rest.len() > 1 {
                pieces.push(self.variable()?);
            } else {
                let first = next.len_utf8();
                let plain = |c: char| c != '$' && c != '\\' && Some(c) != stop;
                let length = rest[first..]
                    .find(|c| !plain(c))
                    .unwrap_or(rest.len() - first);
                pieces.push(Piece::Text(&rest[..first + length]));
                self.at += first + length;
            }
        }
        Ok(Template { pieces })
    }

    /// At a `$` that is not the last character.
    fn variable(&mut self) -> Result<Piece<'t>, String> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some('{') => self.at += 1,
            Some(letter) if letter.is_alphabetic() => {
                let name = self.name()?;
                let source = &self.text[start..self.at];
                return Ok(Piece::Variable {
                    source,
                    name,
                    operator: Operator::None,
                });
            }
            Some(_) | None => return Ok(Piece::Text("$")),
        }
        let name = self.name()?;
        let operator = match self.take() {
            Some('}') => Operator::None,
            Some(sign @ (':' | '?' | '-')) => {
                let operator = self.operator(sign)?;
                match self.take() {
                    Some('}') => operator,
                    other => {
                        let found = shown(other);
                        return Err(format!(
                            "Expected brace expansion to end with }}, got {found}"
                        ));
                    }
                }
            }
            other => return Err(format!("Expected an operator, got {}", shown(other))),
        };
        let source = &self.text[start..self.at];
        Ok(Piece::Variable {
            source,
            name,
            operator,
        })
    }

    fn operator(&mut self, sign: char) -> Result<Operator<'t>, String> {
        if sign == ':' && self.peek() != Some('-') {
            return self.part();
        }
        if sign == ':' {
            self.at += 1;
        }
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(format!("exceeded max depth of {MAX_NESTING}"));
        }
        let content = self.template(Some('}'))?;
        self.nesting -= 1;
        Ok(match sign {
            ':' => Operator::IfEmpty(content),
            '-' => Operator::IfUnset(content),
            _ => Operator::Required(content),
        })
    }

    fn part(&mut self) -> Result<Operator<'t>, String> {
        let offset = number(self.until(&[':', '}']), "offset")?;
        if self.peek() == Some('}') {
            return Ok(Operator::Part {
                offset,
                length: None,
            });
        }
        self.take();
        let length = Some(number(self.until(&['}']), "length")?);
        Ok(Operator::Part { offset, length })
    }

    fn name(&mut self) -> Result<&'t str, String> {
        let first = self.peek();
        if !first.is_some_and(char::is_alphabetic) {
            let found = shown(first);
            return Err(format!(
                "Expected identifier to start with a letter, got {found}"
            ));
        }
        let rest = &self.text[self.at..];
        let part_of_name = |c: char| c.is_alphabetic() || c.is_numeric() || c == '_';
        let length = rest.find(|c| !part_of_name(c)).unwrap_or(rest.len());
        self.at += length;
        Ok(&rest[..length])
    }

    fn until(&mut self, stops: &[char]) -> &'t str {
        let rest = &self.text[self.at..];
        let length = rest.find(stops).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }
}

/// A character as the library prints it; the end of the text is one that cannot be.
fn shown(character: Option<char>) -> char {
    character.unwrap_or('\u{fffd}')
}

/// In the words of the function that reads numbers there.
fn number(text: &str, what: &str) -> Result<i64, String> {
    let digits = text.trim();
    digits.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let why = if matches!(error.kind(), PosOverflow | NegOverflow) {
            "value out of range"
        } else {
            "invalid syntax"
        };
        format!("Unable to parse {what}: strconv.Atoi: parsing {digits:?}: {why}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str, most: usize) -> Result<String, Trouble> {
        let lookup = |name: &str| {
            Ok(match name {
                "A" => Variable::Set("abcdef".to_owned()),
                "E" => Variable::Set(String::new()),
                "U" => Variable::Set("é1".to_owned()),
                "F" => Variable::Foreign,
                "R" => return Err("no R".to_owned()),
                _ => Variable::Unset,
            })
        };
        let mut out = String::new();
        let template = Template::parse(text).map_err(Trouble::Refused)?;
        template.expand(&lookup, most, &mut out)?;
        Ok(out)
    }

    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let shown = match expand(text, 1000) {
                Ok(out) => out,
                Err(Trouble::Refused(why)) => format!("! {why}"),
                Err(Trouble::TooLong) => "! too long".to_owned(),
            };
            assert_eq!(shown, *expected, "for {text:?}");
        }
    }

    #[test]
    fn what_expressions_stand_for() {
        check(&[
            ("", ""),
            ("plain é", "plain é"),
            ("$A", "abcdef"),
            ("${A}", "abcdef"),
            ("$A_", ""),
            ("x$A.y", "xabcdef.y"),
            ("$é", ""),
            ("%${A}", "%abcdef"),
            ("${A:-x}", "abcdef"),
            ("${E:-x}", "x"),
            ("${E-x}", ""),
            ("${N-x}", "x"),
            ("${N:-${E:-y}}", "y"),
            ("${N:-a}b}", "ab}"),
            ("${N:-$}", "$"),
            (r"${N:-\\}}", r"\\}"),
            ("${N:-$(x)}", "$(x)"),
            (r"x${N:-\$A}y", "x$Ay"),
            ("${A:1}", "bcdef"),
            ("${A:1:2}", "bc"),
            ("${A: -2}", "ef"),
            ("${A:-2}", "abcdef"),
            ("${A:9}", ""),
            ("${A:2:-1}", "cde"),
            ("${A:4:-4}", ""),
            ("${A: -9:2}", "ab"),
            ("${A:1:99}", "bcdef"),
            ("${A:+1}", "bcdef"),
            ("${A: 1 : 2 }", "bc"),
            ("${A:9223372036854775807:9223372036854775807}", ""),
            ("${U:1}", "\u{fffd}1"),
            ("${N:1}", ""),
            ("${E?}", ""),
        ]);
    }

    #[test]
    fn dollars_that_stay() {
        check(&[
            ("$$A", "$A"),
            (r"\$A", "$A"),
            ("$$", "$"),
            ("$$$A", "$abcdef"),
            ("$$$$A", "$$A"),
            (r"\\$A", r"\\abcdef"),
            (r"\x", r"\x"),
            ("$(x)", "$(x)"),
            ("$ ", "$ "),
            ("$1", "$1"),
            ("$_X", "$_X"),
            ("$", "$"),
            ("a$", "a$"),
            ("$F ${F} ${F:-$A} ${F?x}", "$F ${F} ${F:-$A} ${F?x}"),
        ]);
    }

    #[test]
    fn what_is_refused() {
        let number = "strconv.Atoi: parsing";
        check(&[
            ("${N?m}", "! $N: m"),
            ("${N?}", "! $N: not set"),
            ("${N?$A x}", "! $N: abcdef x"),
            ("${N?$}", "! $N: $"),
            ("${N?$$}", "! $N: $"),
            ("$R", "! no R"),
            (
                "${_X}",
                "! Expected identifier to start with a letter, got _",
            ),
            (
                "${{X}}",
                "! Expected identifier to start with a letter, got {",
            ),
            ("${}", "! Expected identifier to start with a letter, got }"),
            (
                "${",
                "! Expected identifier to start with a letter, got \u{fffd}",
            ),
            ("${FOO", "! Expected an operator, got \u{fffd}"),
            ("${A!x}", "! Expected an operator, got !"),
            ("${A ?}", "! Expected an operator, got  "),
            (
                "${A:-x",
                "! Expected brace expansion to end with }, got \u{fffd}",
            ),
            (
                "${X:?m}",
                &format!("! Unable to parse offset: {number} \"?m\": invalid syntax"),
            ),
            (
                "${X:+m}",
                &format!("! Unable to parse offset: {number} \"+m\": invalid syntax"),
            ),
            (
                "${A:}",
                &format!("! Unable to parse offset: {number} \"\": invalid syntax"),
            ),
            (
                "${A:99999999999999999999}",
                &format!(
                    "! Unable to parse offset: {number} \"99999999999999999999\": value out of range"
                ),
            ),
            (
                "${A:1:x}",
                &format!("! Unable to parse length: {number} \"x\": invalid syntax"),
            ),
            (
                "${A:1",
                &format!("! Unable to parse length: {number} \"\": invalid syntax"),
            ),
            // The whole text is taken apart before anything is expanded.
            (
                "${N?m} ${_X}",
                "! Expected identifier to start with a letter, got _",
            ),
        ]);
    }

    #[test]
    fn growth_and_nesting_are_bounded() {
        assert_eq!(expand("$A$A", 12), Ok("abcdefabcdef".to_owned()));
        assert_eq!(expand("$A$A", 11), Err(Trouble::TooLong));
        let deep = format!("{}{}", "${N:-".repeat(100_000), "}".repeat(100_000));
        assert_eq!(
            expand(&deep, 9),
            Err(Trouble::Refused("exceeded max depth of 100".to_owned()))
        );
    }
}
