//! Regular expressions of conditions: what Buildkite refuses, what this crate cannot honour, and the rest made ready
//! for an engine with linear time.
//!
//! The language is Ruby's: `^` and `$` stand at every line, `.` is for anything but a line feed, classes like `\w` are
//! ASCII.
//! Chosen: lines, because the server is written in Ruby; the library's own engine sees only one line.
//! Source: buildkite/conditional at af63d27, internal/regex.

use regex_lite::{Regex, RegexBuilder};

use super::ConditionalError;

/// How much one compiled expression may take, in bytes.
const SIZE_LIMIT: usize = 1 << 16;

/// How deep groups and repetitions may nest.
const NEST_LIMIT: u32 = 50;

/// A regular expression that can be matched.
#[derive(Debug, Clone)]
pub(super) struct Regexp {
    source: String,
    flags: String,
    regex: Regex,
}

impl Regexp {
    /// Reads what stands between the slashes, and the letters behind them.
    pub(super) fn compile(source: &str, flags: &str) -> Result<Self, ConditionalError> {
        if let Some(flag) = flags.chars().find(|flag| *flag != 'i') {
            let message = format!("unsupported regexp flag: {flag}");
            return Err(ConditionalError::parse(message));
        }
        let ignores_case = !flags.is_empty();
        let pattern = Translator::new(source).translate()?;
        if ignores_case && !source.is_ascii() {
            return Err(unmodelled("a flag `i` beside letters outside ASCII"));
        }
        let regex = RegexBuilder::new(&pattern)
            .case_insensitive(ignores_case)
            .multi_line(true)
            .nest_limit(NEST_LIMIT)
            .size_limit(SIZE_LIMIT)
            .build()
            .map_err(|error| refused(&error.to_string()))?;
        Ok(Self {
            source: source.to_owned(),
            flags: flags.to_owned(),
            regex,
        })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Regexp {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, &self.flags) == (&other.source, &other.flags)
    }
}

/// The engine has limits of its own; everything else it refuses is no regular expression.
fn refused(why: &str) -> ConditionalError {
    if why.contains("nesting") || why.contains("limit") {
        let what = format!("regular expressions nested deeper than {NEST_LIMIT} or this big");
        return ConditionalError::unmodelled(what);
    }
    if why.contains("supported") {
        return unmodelled(&format!("a construct ({why})"));
    }
    ConditionalError::parse(format!("could not parse regexp: {why}"))
}

fn unmodelled(what: &str) -> ConditionalError {
    ConditionalError::unmodelled(format_args!("{what} in a regular expression"))
}

fn unsupported(feature: &str) -> ConditionalError {
    ConditionalError::parse(format!("unsupported regexp feature: {feature}"))
}

/// Walks over a pattern once.
struct Translator<'a> {
    source: &'a str,
    at: usize,
    out: String,
}

impl<'a> Translator<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            at: 0,
            out: String::new(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Goes over `length` bytes and says `out` instead.
    fn put(&mut self, length: usize, out: &str) {
        self.at += length;
        self.out.push_str(out);
    }

    fn keep(&mut self, length: usize) {
        let rest = self.rest();
        self.put(length, &rest[..length]);
    }

    fn translate(mut self) -> Result<String, ConditionalError> {
        while let Some(next) = self.rest().chars().next() {
            match next {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group()?,
                '{' => self.brace()?,
                '?' | '*' | '+' => self.repetition(next)?,
                _ => self.keep(next.len_utf8()),
            }
        }
        Ok(self.out)
    }

    fn repetition(&mut self, sign: char) -> Result<(), ConditionalError> {
        let feature = match sign {
            '?' => "zero_or_one_possessive",
            '*' => "zero_or_more_possessive",
            _ => "one_or_more_possessive",
        };
        if self.rest()[1..].starts_with('+') {
            return Err(unsupported(feature));
        }
        self.keep(1);
        Ok(())
    }

    /// A brace that counts nothing is a character.
    fn brace(&mut self) -> Result<(), ConditionalError> {
        let rest = self.rest();
        let inside = rest[1..].bytes();
        let inside = inside.take_while(|byte| byte.is_ascii_digit() || *byte == b',');
        let inside = &rest[1..=inside.count()];
        let length = inside.len() + 2;
        let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
        let counts = rest.as_bytes().get(length - 1) == Some(&b'}')
            && !most.contains(',')
            && !(least.is_empty() && most.is_empty());
        if !counts {
            self.put(1, r"\{");
            return Ok(());
        }
        if rest[length..].starts_with('+') && !least.is_empty() {
            return Err(unsupported("bounded_possessive"));
        }
        if least.is_empty() {
            self.put(length, &format!("{{0,{most}}}"));
        } else {
            self.keep(length);
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), ConditionalError> {
        let rest = self.rest();
        if !rest.starts_with("(?") {
            self.keep(1);
            return Ok(());
        }
        for (beginning, feature) in [
            ("(?<=", "lookbehind"),
            ("(?<!", "nlookbehind"),
            ("(?>", "atomic"),
            ("(?<", "named_ab"),
            ("(?P<", "named_ab"),
            ("(?'", "named_sq"),
            ("(?(", "condition_open"),
        ] {
            if rest.starts_with(beginning) {
                return Err(unsupported(feature));
            }
        }
        if rest.starts_with("(?#") {
            // The first parenthesis ends a comment, escaped or not.
            let Some(end) = rest.find(')') else {
                return Err(refused("found a comment without its end"));
            };
            self.at += end + 1;
            return Ok(());
        }
        for (beginning, what) in [
            ("(?=", "a lookahead"),
            ("(?!", "a negative lookahead"),
            ("(?~", "an absence operator"),
        ] {
            if rest.starts_with(beginning) {
                return Err(unmodelled(what));
            }
        }
        self.put(2, "(?");
        // Options, up to the colon or the end of the group.
        while let Some(option) = self.rest().chars().next() {
            match option {
                'i' | '-' => self.keep(1),
                'm' => self.put(1, "s"),
                ':' | ')' => {
                    self.keep(1);
                    break;
                }
                _ => return Err(unmodelled(&format!("the option `{option}`"))),
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), ConditionalError> {
        let Some(next) = self.rest()[1..].chars().next() else {
            return Err(refused("found a backslash at the end"));
        };
        let length = 1 + next.len_utf8();
        match next {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'B' | 'A' | 'z' | 'a' | 'f' | 't' | 'n' | 'r'
            | 'v' | 'x' | 'u' => self.keep(length),
            // Not the engine's own `\b{start}`.
            'b' => self.put(length, r"(?:\b)"),
            '1'..='9' => return Err(unmodelled("a reference to a group")),
            _ if next.is_ascii_alphanumeric() => {
                return Err(unmodelled(&format!("`\\{next}`")));
            }
            // The engine has a meaning for `\<` and `\>`; here they are characters.
            '<' | '>' => self.put(length, next.encode_utf8(&mut [0; 4])),
            _ if next.is_ascii_punctuation() => self.keep(length),
            _ => self.put(length, next.encode_utf8(&mut [0; 4])),
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), ConditionalError> {
        self.keep(1);
        if self.rest().starts_with('^') {
            self.keep(1);
        }
        if self.rest().starts_with(']') {
            self.put(1, r"\]");
        }
        while let Some(next) = self.rest().chars().next() {
            let rest = self.rest();
            match next {
                ']' => {
                    self.keep(1);
                    return Ok(());
                }
                '\\' if rest.starts_with(r"\b") => {
                    // In a class it is the backspace.
                    self.put(2, r"\x08");
                }
                '\\' => self.escape()?,
                '[' if rest.starts_with("[:") => match rest.find(":]") {
                    Some(end) => self.keep(end + 2),
                    None => return Err(unmodelled("a class in a class")),
                },
                '[' => return Err(unmodelled("a class in a class")),
                '&' if rest.starts_with("&&") => {
                    return Err(unmodelled("an intersection of classes"));
                }
                // The engine has a meaning for two of these.
                '~' => self.put(1, r"\~"),
                _ => self.keep(next.len_utf8()),
            }
        }
        Err(refused("found a class without its end"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, check};
    use super::*;

    #[test]
    fn what_matches() {
        for (source, flags, text, expected) in [
            ("^v[0-9]+\\.0$", "", "v12.0", true),
            ("^v[0-9]+\\.0$", "", "v12.1", false),
            ("\\[skip tests\\]", "", "[SKIP TESTS]", false),
            ("\\[skip tests\\]", "i", "[SKIP TESTS]", true),
            ("features\\/", "", "features/x", true),
            ("fee\\$", "", "fee$", true),
            ("fee\\$", "", "fee", false),
            ("^b$", "", "a\nb\nc", true),
            ("\\Ab\\z", "", "a\nb\nc", false),
            ("a.c", "", "a\nc", false),
            ("(?m)a.c", "", "a\nc", true),
            ("(?m-i:a.)c", "", "a\nc", true),
            ("(?i)ABC", "", "abc", true),
            ("a(?#(?<=\\)b", "", "ab", true),
            ("^v[[:digit:]]+$", "", "v123", true),
            ("[[:digit:](?<=]", "", "?", true),
            ("[(?<=]", "", "?", true),
            ("[](?<=]", "", "]", true),
            ("[^]a]", "", "]a", false),
            ("^[\\b]$", "", "\u{8}", true),
            ("[\\]x]+", "", "]x", true),
            ("[a~~b]", "", "~", true),
            ("^}}}+$", "", "}}}}", true),
            ("^\\{1,3\\}\\+$", "", "{1,3}+", true),
            ("^{{x}}$", "", "{{x}}", true),
            ("^a{2}$", "", "aa", true),
            ("^a{2,}$", "", "aaa", true),
            ("^a{,2}$", "", "aaa", false),
            ("^a{,2}$", "", "aa", true),
            ("^a{,}$", "", "a{,}", true),
            ("^a{1,2,3}$", "", "a{1,2,3}", true),
            ("^a{", "", "a{", true),
            ("^a{1é", "", "a{1é", true),
            ("a+?b*?c??", "", "ab", true),
            ("\\<b\\>", "", "b", false),
            ("\\<b\\>", "", "<b>", true),
            ("\\bb\\b", "", "a b c", true),
            ("\\é\\-\\_\\%", "", "é-_%", true),
            ("\\x41\\u0042\\t", "", "AB\t", true),
            ("größe", "", "größe", true),
        ] {
            let regexp = Regexp::compile(source, flags).expect(source);
            assert_eq!(
                regexp.is_match(text),
                expected,
                "/{source}/{flags} {text:?}"
            );
        }
    }

    #[test]
    fn what_buildkite_refuses() {
        for (source, feature) in [
            ("(?<=a)b", "lookbehind"),
            ("(?<!a)b", "nlookbehind"),
            ("(?>a*)a", "atomic"),
            ("(?<name>a)", "named_ab"),
            ("(?P<name>a)", "named_ab"),
            ("(?'name'a)", "named_sq"),
            ("(?(1)a|b)", "condition_open"),
            ("a?+", "zero_or_one_possessive"),
            ("a*+", "zero_or_more_possessive"),
            ("a++", "one_or_more_possessive"),
            ("a{1,3}+", "bounded_possessive"),
            ("a{3}+", "bounded_possessive"),
            ("a{2,}+", "bounded_possessive"),
            ("a(?#\\)(?<name>b)", "named_ab"),
        ] {
            let refused = Regexp::compile(source, "").expect_err(source);
            assert_eq!(refused, unsupported(feature), "/{source}/");
        }
        check(&[
            ("'a' =~ /a/g", "Parse: unsupported regexp flag: g"),
            ("'a' =~ /a/igm", "Parse: unsupported regexp flag: g"),
            ("'a' =~ /a/I", "Parse: unsupported regexp flag: I"),
            (
                "'a' =~ /(?<=a)/ && nope",
                "Parse: unsupported regexp feature: lookbehind",
            ),
        ]);
        for source in [
            "(a", "a)", "[a", "*", "{3}", "a{3,2}", "[b-a]", "\\", "(?#a",
        ] {
            let refused = Regexp::compile(source, "").expect_err(source);
            assert_eq!(refused.kind(), super::super::ErrorKind::Parse, "/{source}/");
            assert!(refused.message().starts_with("could not parse regexp: "));
        }
    }

    #[test]
    fn what_is_not_modelled_is_named() {
        for (source, what) in [
            ("a(?=b)", "a lookahead"),
            ("a(?!b)", "a negative lookahead"),
            ("(?~a)", "an absence operator"),
            ("(?x)a", "the option `x`"),
            ("(a)\\1", "a reference to a group"),
            ("\\k<a>", "`\\k`"),
            ("\\p{Alpha}", "`\\p`"),
            ("\\h", "`\\h`"),
            ("\\Z", "`\\Z`"),
            ("\\R", "`\\R`"),
            ("\\0", "`\\0`"),
            ("[a[b]]", "a class in a class"),
            ("[a&&b]", "an intersection of classes"),
        ] {
            let refused = Regexp::compile(source, "").expect_err(source);
            assert_eq!(refused, unmodelled(what), "/{source}/");
        }
        let big = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        for (source, flags) in [
            ("é", "i"),
            ("a{1000}{1000}", ""),
            (&*big, ""),
            ("[a--b]", ""),
            ("[[:x:]]", ""),
        ] {
            let refused = Regexp::compile(source, flags).expect_err(source);
            assert_eq!(
                refused.kind(),
                super::super::ErrorKind::Unmodelled,
                "/{source}/"
            );
        }
    }

    #[test]
    fn they_are_equal_by_text() {
        all(
            "true",
            "/a/ == /a/ \n /a/i != /a/ \n /a/ != /b/ \n /a/ != null",
        );
    }
}
