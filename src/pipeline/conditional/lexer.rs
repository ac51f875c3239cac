//! Conditionals: text -> tokens.
//!
//! What is no token becomes [`Token::Illegal`], and an error only when the parser comes to it: in which place a
//! character is wrong decides what is said about it.
//!
//! Elsewhere: the inside of strings (`shell`) and of regular expressions (`regexp`).
//! Source: buildkite/conditional at af63d27, internal/lexer and internal/token.

use std::ops::Range;

use super::ConditionalError;
use super::escape::unescape;
use super::shell::{Expansion, Template};
use super::shell_reader::{Quotes, Reader};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Illegal(String),
    End,
    Identifier,
    Integer,
    Text(Text),
    Regexp { source: String, flags: String },
    Expansion(Expansion),
    Bang,
    Dot,
    Equal,
    NotEqual,
    Match,
    NotMatch,
    Includes,
    And,
    Or,
    Question,
    Colon,
    Comma,
    LeftParenthesis,
    RightParenthesis,
    LeftBracket,
    RightBracket,
    True,
    False,
    Null,
}

/// A quoted string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// With its escapes read and its dollars as they are.
    written: String,
    /// What it says once the environment is known.
    pub(super) template: Template,
}

/// A token and its place in the text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

impl Text {
    /// The text, if it does not depend on the environment.
    pub(super) fn fixed(&self) -> Option<&str> {
        self.template.is_fixed().then_some(&*self.written)
    }
}

impl Token {
    /// What error messages call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Illegal(_) => "ILLEGAL",
            Self::End => "EOF",
            Self::Identifier => "IDENT",
            Self::Integer => "INT",
            Self::Text(_) => "STRING",
            Self::Regexp { .. } => "REGEXP",
            Self::Expansion(_) => "SHELL",
            Self::Bang => "!",
            Self::Dot => ".",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
            Self::Includes => "includes",
            Self::And => "&&",
            Self::Or => "||",
            Self::Question => "?",
            Self::Colon => ":",
            Self::Comma => ",",
            Self::LeftParenthesis => "(",
            Self::RightParenthesis => ")",
            Self::LeftBracket => "[",
            Self::RightBracket => "]",
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Null => "NULL",
        }
    }
}

impl Placed {
    /// What error messages show of it; `text` is the whole condition.
    pub(super) fn shown<'a>(&'a self, text: &'a str) -> &'a str {
        match &self.token {
            Token::Illegal(shown) => shown,
            Token::Text(shown) => &shown.written,
            Token::Regexp { source, .. } => source,
            Token::End
            | Token::Identifier
            | Token::Integer
            | Token::Expansion(_)
            | Token::Bang
            | Token::Dot
            | Token::Equal
            | Token::NotEqual
            | Token::Match
            | Token::NotMatch
            | Token::Includes
            | Token::And
            | Token::Or
            | Token::Question
            | Token::Colon
            | Token::Comma
            | Token::LeftParenthesis
            | Token::RightParenthesis
            | Token::LeftBracket
            | Token::RightBracket
            | Token::True
            | Token::False
            | Token::Null => &text[self.span.clone()],
        }
    }
}

/// All tokens, [`Token::End`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ConditionalError> {
    let mut lexer = Lexer {
        text,
        at: 0,
        reader: Reader::default(),
    };
    let mut tokens = vec![];
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let token = lexer.token()?;
        let ended = token == Token::End;
        let span = start..lexer.at;
        tokens.push(Placed { token, span });
        if ended {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    reader: Reader,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Goes over the bytes that `belongs` says yes to, and gives them back.
    fn run(&mut self, belongs: fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|&byte| belongs(byte)).count();
        self.at += length;
        &rest[..length]
    }

    fn skip_blanks(&mut self) {
        loop {
            self.run(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.run(|byte| byte != b'\n');
        }
    }

    fn token(&mut self) -> Result<Token, ConditionalError> {
        const PAIRS: [(&str, Token); 6] = [
            ("==", Token::Equal),
            ("=~", Token::Match),
            ("!=", Token::NotEqual),
            ("!~", Token::NotMatch),
            ("&&", Token::And),
            ("||", Token::Or),
        ];
        let rest = self.rest();
        for (pair, token) in PAIRS {
            if rest.starts_with(pair) {
                self.at += pair.len();
                return Ok(token);
            }
        }
        let Some(first) = rest.chars().next() else {
            return Ok(Token::End);
        };
        let single = match first {
            'a'..='z' | 'A'..='Z' | '_' => return Ok(self.word()),
            '0'..='9' => {
                self.run(|byte| byte.is_ascii_digit());
                return Ok(Token::Integer);
            }
            '"' | '\'' => return self.quoted(),
            '/' => return Ok(self.regexp()),
            '$' => return self.expansion(),
            '!' => Token::Bang,
            '.' => Token::Dot,
            '?' => Token::Question,
            ':' => Token::Colon,
            ',' => Token::Comma,
            '(' => Token::LeftParenthesis,
            ')' => Token::RightParenthesis,
            '[' => Token::LeftBracket,
            ']' => Token::RightBracket,
            other => Token::Illegal(other.to_string()),
        };
        self.at += first.len_utf8();
        Ok(single)
    }

    fn word(&mut self) -> Token {
        match self.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')) {
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            "includes" => Token::Includes,
            _ => Token::Identifier,
        }
    }

    fn quoted(&mut self) -> Result<Token, ConditionalError> {
        let rest = self.rest();
        let quote = rest.as_bytes()[0];
        let mut written = vec![];
        let mut at = 1;
        loop {
            match rest.as_bytes().get(at) {
                None => return Ok(self.illegal(1)),
                Some(&byte) if byte == quote => break,
                Some(b'\\') => match unescape(rest, at, Some(quote)) {
                    Ok((escape, end)) => {
                        written.extend(escape);
                        at = end;
                    }
                    Err(_) => return Ok(self.illegal(1)),
                },
                Some(&byte) => {
                    written.push(byte);
                    at += 1;
                }
            }
        }
        self.at += at + 1;
        let written = String::from_utf8_lossy(&written).into_owned();
        let template = match quote {
            b'"' => self.reader.template(&rest[1..at], Quotes::Literal)?,
            _ => Template::fixed(written.clone()),
        };
        Ok(Token::Text(Text { written, template }))
    }

    fn regexp(&mut self) -> Token {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'/' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let Some(length) = end else {
            return self.illegal(1);
        };
        self.at += length + 2;
        let flags = self.run(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        Token::Regexp {
            source: rest[1..=length].to_owned(),
            flags: flags.to_owned(),
        }
    }

    fn expansion(&mut self) -> Result<Token, ConditionalError> {
        match self.reader.expansion(self.text, self.at)? {
            Some((expansion, end)) => {
                self.at = end;
                Ok(Token::Expansion(expansion))
            }
            // The library takes the character behind it along; after an open brace it cannot know where to go on.
            None => match self.rest()[1..].chars().next() {
                None | Some('{') => Ok(self.illegal(0)),
                Some(behind) => {
                    let length = 1 + behind.len_utf8();
                    let illegal = self.rest()[..length].to_owned();
                    self.at += length;
                    Ok(Token::Illegal(illegal))
                }
            },
        }
    }

    /// All the rest is of no use; it is shown without its first `hidden` bytes.
    fn illegal(&mut self, hidden: usize) -> Token {
        let illegal = self.rest()[hidden..].to_owned();
        self.at = self.text.len();
        Token::Illegal(illegal)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check as check_answers;
    use super::*;

    /// Each case: a text, and its tokens with what is shown of them.
    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let tokens = tokens(text).expect("there are few expansions");
            let shown: Vec<String> = tokens
                .iter()
                .map(|placed| format!("{} {}", placed.token.name(), placed.shown(text)))
                .collect();
            assert_eq!(
                shown.join(" · "),
                format!("{expected} · EOF "),
                "for {text}"
            );
        }
    }

    #[test]
    fn texts_and_their_tokens() {
        check(&[
            ("true false null", "TRUE true · FALSE false · NULL null"),
            (r#""true""#, "STRING true"),
            ("build.branch", "IDENT build.branch"),
            (
                "_a.b1 nulls includes.x",
                "IDENT _a.b1 · IDENT nulls · IDENT includes.x",
            ),
            ("a..b a.", "IDENT a..b · IDENT a."),
            ("12 012", "INT 12 · INT 012"),
            ("1a", "INT 1 · IDENT a"),
            ("0x1F", "INT 0 · IDENT x1F"),
            ("-1", "ILLEGAL - · INT 1"),
            ("a==b!=c", "IDENT a · == == · IDENT b · != != · IDENT c"),
            ("a=~b!~c", "IDENT a · =~ =~ · IDENT b · !~ !~ · IDENT c"),
            (
                "!a&&b||c",
                "! ! · IDENT a · && && · IDENT b · || || · IDENT c",
            ),
            ("a ? b : c", "IDENT a · ? ? · IDENT b · : : · IDENT c"),
            (
                "f(a, [b])",
                "IDENT f · ( ( · IDENT a · , , · [ [ · IDENT b · ] ] · ) )",
            ),
            ("a includes b", "IDENT a · includes includes · IDENT b"),
            (".a", ". . · IDENT a"),
            (
                "= & | @ > #",
                "ILLEGAL = · ILLEGAL & · ILLEGAL | · ILLEGAL @ · ILLEGAL > · ILLEGAL #",
            ),
            ("é\u{0}", "ILLEGAL é · ILLEGAL \u{0}"),
            ("a // b\n// c\r\n\t d //", "IDENT a · IDENT d"),
            ("/a b/i", "REGEXP a b"),
            (r"/a\/b\\/x", r"REGEXP a\/b\\"),
            ("/a", "ILLEGAL a"),
            (r"/a\/", r"ILLEGAL a\/"),
            ("$a.b$c", "SHELL $a.b · SHELL $c"),
            ("${a:-}}", "SHELL ${a:-} · ILLEGAL }"),
            (r#"${a-"}"} b"#, r#"SHELL ${a-"}"} · IDENT b"#),
            ("${a b", "ILLEGAL ${a b"),
            ("$$a $", "ILLEGAL $$ · IDENT a · ILLEGAL $"),
            ("$é", "ILLEGAL $é"),
            ("'a", "ILLEGAL a"),
            (r#""a\"#, r"ILLEGAL a\"),
            (r#""a\400" b"#, r#"ILLEGAL a\400" b"#),
            (r#""a'b" 'a"b'"#, r#"STRING a'b · STRING a"b"#),
            (r#""$a$$""#, "STRING $a$$"),
        ]);
    }

    #[test]
    fn the_end_has_a_place() {
        let tokens = tokens("a ").expect("it is fine");
        let spans: Vec<_> = tokens.into_iter().map(|placed| placed.span).collect();
        assert_eq!(spans, [0..1, 2..2]);
    }

    #[test]
    fn strings_say_what_their_escapes_mean() {
        check_answers(&[
            ("'it\\'s' == \"it's\"", "true"),
            (r"'\n' == '\\n'", "true"),
            (r#"'\n' == "\\n""#, "true"),
            ("\"line\\nfeed\" == \"line\nfeed\"", "true"),
            ("'${branch}$$' == \"\\${branch}\\$$$\"", "true"),
            (r#""'${branch}'" == "'main'""#, "true"),
            (r#""it's $branch" == "it's main""#, "true"),
            (r#""cost $$5" == "cost $5""#, "true"),
            (r#""$5 $ $" == '$5 $ $'"#, "true"),
            (r#""C:\\${branch}" == 'C:\main'"#, "true"),
            (r#""\\\$branch" == '\$branch'"#, "true"),
            (r#""${branch" == '${branch'"#, "true"),
        ]);
    }
}
