//! Reads `$X` and `${X…}`: from text to the tree of `shell`.
//!
//! Elsewhere: what becomes of it (`shell`), escapes (`escape`).
//! Source: buildkite/conditional at af63d27, internal/shell.

use super::escape::unescape;
use super::shell::{Empty, Expansion, Piece, Template};
use super::{ConditionalError, MAX_NESTING};

/// How often a condition may write `${` without an end. Each costs a look at the rest of its string.
const MAX_UNCLOSED: usize = 100;

/// What quotes are inside a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Characters: in a string of the condition.
    /// Chosen: the library stumbles over an apostrophe beside an expansion, as in `"it's $X"`.
    Literal,
    /// Quotes, which are taken away: in the words of `${…}`.
    Removed,
}

/// Reads the expansions of one condition.
#[derive(Debug, Default)]
pub(super) struct Reader {
    unclosed: usize,
}

impl Reader {
    /// Reads a whole text.
    pub(super) fn template(
        &mut self,
        raw: &str,
        quotes: Quotes,
    ) -> Result<Template, ConditionalError> {
        self.nested_template(raw, quotes, 0)
    }

    /// Reads the expansion that begins with the `$` at `start`, and says where it ends; None if there is none.
    pub(super) fn expansion(
        &mut self,
        raw: &str,
        start: usize,
    ) -> Result<Option<(Expansion, usize)>, ConditionalError> {
        self.nested_expansion(raw, start, 0)
    }

    fn nested_template(
        &mut self,
        raw: &str,
        quotes: Quotes,
        depth: usize,
    ) -> Result<Template, ConditionalError> {
        if depth > MAX_NESTING {
            return Err(ConditionalError::too_deep());
        }
        let bytes = raw.as_bytes();
        let mut pieces = vec![];
        let mut text = vec![];
        let mut open = None;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match (open, byte) {
                (Some(quote), _) if quote == byte => {
                    open = None;
                    at += 1;
                }
                (None, b'"' | b'\'') if quotes == Quotes::Removed => {
                    open = Some(byte);
                    at += 1;
                }
                (open, b'\\') => match unescape(raw, at, open) {
                    Ok((escape, end)) => {
                        text.extend(escape);
                        at = end;
                    }
                    Err(why) => {
                        flush(&mut text, &mut pieces);
                        pieces.push(Piece::Wrong(why));
                        return Ok(Template(pieces));
                    }
                },
                (open, b'$') if open != Some(b'\'') => {
                    if bytes.get(at + 1) == Some(&b'$') {
                        text.push(b'$');
                        at += 2;
                    } else if let Some((expansion, end)) = self.nested_expansion(raw, at, depth)? {
                        flush(&mut text, &mut pieces);
                        pieces.push(Piece::Expansion(expansion));
                        at = end;
                    } else {
                        text.push(b'$');
                        at += 1;
                    }
                }
                _ => {
                    text.push(byte);
                    at += 1;
                }
            }
        }
        flush(&mut text, &mut pieces);
        if open.is_some() {
            pieces.push(Piece::Wrong("unterminated shell string".to_owned()));
        }
        Ok(Template(pieces))
    }

    fn nested_expansion(
        &mut self,
        raw: &str,
        start: usize,
        depth: usize,
    ) -> Result<Option<(Expansion, usize)>, ConditionalError> {
        let rest = &raw[start + 1..];
        let Some(inside) = rest.strip_prefix('{') else {
            return Ok(bare(rest).map(|(expansion, length)| (expansion, start + 1 + length)));
        };
        let Some(length) = closing_brace(inside) else {
            self.unclosed += 1;
            if self.unclosed > MAX_UNCLOSED {
                let what = format!("conditions with more than {MAX_UNCLOSED} unclosed `${{`");
                return Err(ConditionalError::unmodelled(what));
            }
            return Ok(None);
        };
        let expansion = self.braced(&inside[..length], depth + 1)?;
        Ok(Some((expansion, start + "${}".len() + length)))
    }

    /// What stands between the braces.
    fn braced(&mut self, inner: &str, depth: usize) -> Result<Expansion, ConditionalError> {
        let wrong = || Expansion::Wrong(format!("invalid shell expansion: ${{{inner}}}"));
        let Some((name, rest)) = split_name(inner) else {
            return Ok(wrong());
        };
        let name = name.to_owned();
        let (empty, sign) = match rest.strip_prefix(':') {
            Some(sign) => (Empty::Unset, sign),
            None => (Empty::Set, rest),
        };
        let mut word = |word: &str| self.nested_template(word, Quotes::Removed, depth);
        Ok(match (sign.as_bytes().first(), empty) {
            (Some(b'?'), _) => Expansion::Required { name, empty },
            (Some(b'-'), _) => {
                let word = word(&sign[1..])?;
                Expansion::Otherwise { name, empty, word }
            }
            (Some(b'+'), _) => {
                let word = word(&sign[1..])?;
                Expansion::Instead { name, empty, word }
            }
            // Behind a colon anything else is an offset, and nothing is a wrong one.
            (_, Empty::Unset) => match split_colons(sign)[..] {
                [offset] => Expansion::Part {
                    name,
                    offset: word(offset)?,
                    length: None,
                },
                [offset, length] => Expansion::Part {
                    name,
                    offset: word(offset)?,
                    length: Some(word(length)?),
                },
                _ => Expansion::Wrong(format!("invalid shell substring: {sign}")),
            },
            (None, Empty::Set) => Expansion::Variable {
                name,
                suffix: String::new(),
            },
            (Some(_), Empty::Set) => wrong(),
        })
    }
}

/// `X` or `X.y` after a bare `$`, and its length.
fn bare(rest: &str) -> Option<(Expansion, usize)> {
    let (name, behind) = split_name(rest)?;
    let suffix = behind
        .bytes()
        .take_while(|&byte| is_name(byte) || byte == b'.');
    let suffix = &behind[..suffix.count()];
    let length = name.len() + suffix.len();
    let (name, suffix) = (name.to_owned(), suffix.to_owned());
    Some((Expansion::Variable { name, suffix }, length))
}

fn split_name(text: &str) -> Option<(&str, &str)> {
    let first = text.bytes().next()?;
    if !is_name(first) || first.is_ascii_digit() {
        return None;
    }
    Some(text.split_at(text.bytes().take_while(|&byte| is_name(byte)).count()))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where the brace is that closes the one before `inside`.
fn closing_brace(inside: &str) -> Option<usize> {
    let mut depth = 0_usize;
    significant(inside, |byte| match byte {
        Mark::Open => {
            depth += 1;
            false
        }
        Mark::Close if depth == 0 => true,
        Mark::Close => {
            depth -= 1;
            false
        }
        Mark::Colon => false,
    })
}

/// Splits at the colons that stand in no quotes and no braces.
fn split_colons(text: &str) -> Vec<&str> {
    let mut parts = vec![];
    let mut rest = text;
    let mut depth = 0_usize;
    while let Some(colon) = significant(rest, |mark| {
        match mark {
            Mark::Open => depth += 1,
            Mark::Close => depth = depth.saturating_sub(1),
            Mark::Colon => return depth == 0,
        }
        false
    }) {
        parts.push(&rest[..colon]);
        rest = &rest[colon + 1..];
        // More are wrong anyway; this keeps the work small.
        if parts.len() == 3 {
            break;
        }
    }
    parts.push(rest);
    parts
}

enum Mark {
    Open,
    Close,
    Colon,
}

/// Where the first `${`, `}` or `:` is that `stop` stops at. What is escaped or quoted is not asked about; a quote
/// without its pair hides all the rest.
fn significant(text: &str, mut stop: impl FnMut(Mark) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let mark = match byte {
            b'\\' => {
                at += 2;
                continue;
            }
            b'"' | b'\'' => {
                at = closing_quote(bytes, at)? + 1;
                continue;
            }
            b'$' if bytes.get(at + 1) == Some(&b'{') => Mark::Open,
            b'}' => Mark::Close,
            b':' => Mark::Colon,
            _ => {
                at += 1;
                continue;
            }
        };
        let length = if matches!(mark, Mark::Open) { 2 } else { 1 };
        if stop(mark) {
            return Some(at);
        }
        at += length;
    }
    None
}

fn closing_quote(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == bytes[start] => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// Bytes become text as late as this, because `\xc3\xa9` is one character.
fn flush(text: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
    if !text.is_empty() {
        let text = std::mem::take(text);
        pieces.push(Piece::Text(String::from_utf8_lossy(&text).into_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_expansion_ends() {
        for (raw, expected) in [
            ("$", None),
            ("$$", None),
            ("$1", None),
            ("$ a", None),
            ("${", None),
            ("${a", None),
            ("${a-'}", None),
            ("$a", Some("$a")),
            ("$_a1-b", Some("$_a1")),
            ("$a.b.c d", Some("$a.b.c")),
            ("${a}b", Some("${a}")),
            ("${}}", Some("${}")),
            ("${a-${b-}}}", Some("${a-${b-}}")),
            ("${a-\"}\"}}", Some("${a-\"}\"}")),
            ("${a-'\\'}'}}", Some("${a-'\\'}'}")),
            (r"${a-\}}}", Some(r"${a-\}}")),
            ("${a:${b:-1}:${c+2}}", Some("${a:${b:-1}:${c+2}}")),
            ("${é}é", Some("${é}")),
        ] {
            let found = Reader::default().expansion(raw, 0).expect("few and flat");
            assert_eq!(found.map(|(_, end)| &raw[..end]), expected, "for {raw}");
        }
    }

    #[test]
    fn colons_in_quotes_and_braces_split_nothing() {
        for (text, expected) in [
            ("", &[""][..]),
            ("1:2", &["1", "2"]),
            ("${a:-1}:'2:3'", &["${a:-1}", "'2:3'"]),
            (r"1\:2", &[r"1\:2"]),
            ("1:'2:3", &["1", "'2:3"]),
            (":", &["", ""]),
            ("}:1", &["}", "1"]),
        ] {
            assert_eq!(split_colons(text), expected, "for {text}");
        }
    }
}
