//! `if_changed`: whether a step has to do with the files a build changes.
//!
//! The agent decides this, before it sends a pipeline: a step none of whose patterns match is skipped.
//!
//! Elsewhere: the forms of the attribute in YAML, which files changed (the test says so).
//! Source: Buildkite docs, "Using `if_changed`"; `clicommand/pipeline_upload.go` of buildkite/agent; the glob library
//! it uses, DrJosh9000/zzglob at 4ffabab.

use std::fmt;

/// Which changed files count. A file that is excluded is as good as unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IfChanged {
    include: Vec<Glob>,
    exclude: Vec<Glob>,
}

impl IfChanged {
    /// Reads the patterns. An agent warns of one it cannot read, and leaves the step as if it had none.
    pub(crate) fn parse<'a>(
        include: impl IntoIterator<Item = &'a str>,
        exclude: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, GlobError> {
        Ok(Self {
            include: include
                .into_iter()
                .map(Glob::parse)
                .collect::<Result<_, _>>()?,
            exclude: exclude
                .into_iter()
                .map(Glob::parse)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether a changed file is included and not excluded. Paths are relative to the repository.
    pub(crate) fn matches(&self, changed_files: &[String]) -> bool {
        let any = |globs: &[Glob], file: &str| globs.iter().any(|glob| glob.matches(file));
        changed_files
            .iter()
            .any(|file| !any(&self.exclude, file) && any(&self.include, file))
    }
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GlobError {
    pattern: String,
    why: &'static str,
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pattern, why } = self;
        write!(f, "while parsing glob pattern {pattern:?}: {why}")
    }
}

impl std::error::Error for GlobError {}

/// `*` and `?` stand for anything but `/`, `**` for anything; `**/` also for nothing. `{a,b}` is either, and holds any
/// pattern; `[ab]` is one of the characters, `[^ab]` any other. There are no ranges: `[a-c]` is three characters, one
/// of them the dash. `\` makes the next character ordinary.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Glob {
    /// A machine that is in several states at once. It begins in the first.
    states: Vec<State>,
    end: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// Where each character leads.
    steps: Vec<(Class, usize)>,
    /// Where it is as well, without a character.
    also: Vec<usize>,
}

/// Some characters.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Class {
    Any,
    NoSlash,
    One(char),
    OneOf(Vec<char>),
    NoneOf(Vec<char>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Character(char),
    Question,
    Star,
    DoubleStar,
    OpenBrace,
    CloseBrace,
    Comma,
    Class(Class),
}

impl Glob {
    fn parse(pattern: &str) -> Result<Self, GlobError> {
        let error = |why| GlobError {
            pattern: pattern.to_owned(),
            why,
        };
        let tokens = tokens(pattern).map_err(error)?;
        let tokens = with_optional_directories(&tokens);
        Self::from_tokens(tokens).map_err(error)
    }

    fn from_tokens(tokens: Vec<Token>) -> Result<Self, &'static str> {
        let mut glob = Self {
            states: vec![State::default()],
            end: 0,
        };
        // Of each open brace: where its branches begin and where they end.
        let mut open: Vec<(usize, usize)> = vec![];
        for token in tokens {
            match (token, open.last().copied()) {
                (Token::Star, _) => glob.stay(Class::NoSlash),
                (Token::DoubleStar, _) => glob.stay(Class::Any),
                (Token::OpenBrace, _) => {
                    let after = glob.state();
                    open.push((glob.end, after));
                    glob.branch(open[open.len() - 1].0);
                }
                (Token::Comma, Some((start, after))) => {
                    glob.join(after);
                    glob.branch(start);
                }
                (Token::CloseBrace, Some((_, after))) => {
                    glob.join(after);
                    glob.end = after;
                    open.pop();
                }
                (Token::Comma, None) => glob.step(Class::One(',')),
                (Token::CloseBrace, None) => glob.step(Class::One('}')),
                (Token::Character(character), _) => glob.step(Class::One(character)),
                (Token::Question, _) => glob.step(Class::NoSlash),
                (Token::Class(class), _) => glob.step(class),
            }
        }
        if open.is_empty() {
            return Ok(glob);
        }
        Err("unterminated alternation - missing closing brace")
    }

    fn state(&mut self) -> usize {
        self.states.push(State::default());
        self.states.len() - 1
    }

    fn step(&mut self, class: Class) {
        let next = self.state();
        self.states[self.end].steps.push((class, next));
        self.end = next;
    }

    fn stay(&mut self, class: Class) {
        let here = self.end;
        self.states[here].steps.push((class, here));
    }

    fn branch(&mut self, start: usize) {
        let branch = self.state();
        self.states[start].also.push(branch);
        self.end = branch;
    }

    fn join(&mut self, after: usize) {
        self.states[self.end].also.push(after);
    }

    /// Takes as long as the path times the pattern at most.
    fn matches(&self, path: &str) -> bool {
        let mut current = vec![];
        let mut is_in = vec![false; self.states.len()];
        self.enter(0, &mut current, &mut is_in);
        for character in path.chars() {
            let mut next = vec![];
            is_in.fill(false);
            for &state in &current {
                for (class, after) in &self.states[state].steps {
                    if class.contains(character) {
                        self.enter(*after, &mut next, &mut is_in);
                    }
                }
            }
            current = next;
        }
        is_in[self.end]
    }

    fn enter(&self, state: usize, current: &mut Vec<usize>, is_in: &mut [bool]) {
        let mut entered = vec![state];
        while let Some(state) = entered.pop() {
            if !is_in[state] {
                is_in[state] = true;
                current.push(state);
                entered.extend(&self.states[state].also);
            }
        }
    }
}

impl Class {
    fn contains(&self, character: char) -> bool {
        match self {
            Self::Any => true,
            Self::NoSlash => character != '/',
            Self::One(one) => character == *one,
            Self::OneOf(some) => some.contains(&character),
            Self::NoneOf(some) => !some.contains(&character),
        }
    }
}

fn tokens(pattern: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = vec![];
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '\\' => Token::Character(characters.next().unwrap_or('\\')),
            '*' => match characters.next_if_eq(&'*') {
                Some(_) => Token::DoubleStar,
                None => Token::Star,
            },
            '?' => Token::Question,
            '{' => Token::OpenBrace,
            '}' => Token::CloseBrace,
            ',' => Token::Comma,
            // At the very end it opens nothing.
            '[' if characters.peek().is_some() => Token::Class(class(&mut characters)?),
            other => Token::Character(other),
        });
    }
    Ok(tokens)
}

fn class(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Class, &'static str> {
    let negated = characters.next_if_eq(&'^').is_some();
    let mut some = vec![];
    loop {
        match characters.next() {
            Some(']') => break,
            Some('\\') => some.push(characters.next().unwrap_or('\\')),
            Some(character) => some.push(character),
            None if negated => {
                return Err("unterminated negated char class - missing closing square bracket");
            }
            None => return Err("unterminated char class - missing closing square bracket"),
        }
    }
    Ok(if negated {
        Class::NoneOf(some)
    } else {
        Class::OneOf(some)
    })
}

/// `**/` at the beginning and `/**/` anywhere also match where no directory is: they become `{,**/}` and `/{,**/}`.
fn with_optional_directories(tokens: &[Token]) -> Vec<Token> {
    const SLASH: Token = Token::Character('/');
    const OPTIONAL: [Token; 5] = [
        Token::OpenBrace,
        Token::Comma,
        Token::DoubleStar,
        SLASH,
        Token::CloseBrace,
    ];
    let mut replaced = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    match rest {
        [Token::DoubleStar, SLASH, behind @ ..] => {
            replaced.extend(OPTIONAL);
            rest = behind;
        }
        // A home directory, where nothing of a repository is.
        [Token::Character('~'), SLASH, ..] => replaced.push(Token::Class(Class::OneOf(vec![]))),
        _ => {}
    }
    while let [first, behind @ ..] = rest {
        replaced.push(first.clone());
        rest = behind;
        // The slash at the end is used up: of `/**/**/` the second `**/` stays as it is.
        if let ([SLASH, ..], [Token::DoubleStar, SLASH, behind @ ..]) =
            (std::slice::from_ref(first), rest)
        {
            replaced.extend(OPTIONAL);
            rest = behind;
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn patterns_and_paths() {
        for (pattern, path, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/", false),
            ("a/b", "a", false),
            ("", "", true),
            ("", "a", false),
            ("a*b", "ab", true),
            ("a*b", "acccccb", true),
            ("a*b", "abc", false),
            ("a*b", "a/b", false),
            ("*", "abcde", true),
            ("*", "", true),
            ("*", "abc/", false),
            ("*.go", "main.go", true),
            ("*.go", "cmd/main.go", false),
            ("a?b", "acb", true),
            ("a?b", "aéb", true),
            ("a?b", "accb", false),
            ("a?b", "a/b", false),
            ("a**b", "a/c/b", true),
            ("a**b", "a/b/c", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/c/d/e/f/b", true),
            ("a/**/b", "ab", false),
            ("a/**/b", "a/b/c", false),
            ("a/**/**/b", "a/c/d/b", true),
            ("**/b", "b", true),
            ("**/b", "a/c/b", true),
            ("**/b", "ab", false),
            ("**/*.md", "README.md", true),
            ("**/*", "a/b", true),
            ("**/*", "a", true),
            ("**", "a/b/", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("***", "a/b", true),
            (".github/**", ".github/workflows/x.yml", true),
            ("a/{b,c}/d", "a/c/d", true),
            ("a/{b,c}/d", "a/w/d", false),
            ("{a,b*}", "bc", true),
            ("{a,b*}", "ac", false),
            ("{a,b*}", "bcc/cc", false),
            ("{a,b**}", "bcc/cc", true),
            ("{a,{b,c}x}y", "cxy", true),
            ("{a,{b,c}x}y", "cy", false),
            ("{a/b,c}", "a/b", true),
            ("{a/,}**/b", "a/b", true),
            ("{,a}{,a}{,a}b", "b", true),
            ("{,a}{,a}{,a}b", "aaab", true),
            ("{,a}{,a}{,a}b", "aaaab", false),
            ("*{a,b}*{c,d}", "xaxc", true),
            ("a,b}", "a,b}", true),
            (r"\{a,b\}", "{a,b}", true),
            (r"{a\,b,c}", "a,b", true),
            ("a/[bc]/d", "a/b/d", true),
            ("a/[bc]/d", "a/x/d", false),
            ("a/[^bc]/d", "a/x/d", true),
            ("a/[^bc]/d", "a/c/d", false),
            ("[a-c]", "b", false),
            ("[a-c]", "-", true),
            ("[*?{]", "?", true),
            ("[*?{]", "x", false),
            ("[a^]", "^", true),
            (r"[\]]", "]", true),
            ("[]", "", false),
            ("[^]", "x", true),
            ("a]", "a]", true),
            ("a[", "a[", true),
            (r"a\", r"a\", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("~/a", "~/a", false),
            ("a/~/b", "a/~/b", true),
            ("größe*", "größer", true),
            ("A", "a", false),
        ] {
            let glob = Glob::parse(pattern).expect(pattern);
            assert_eq!(glob.matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_that_cannot_be_read() {
        let brace = "unterminated alternation - missing closing brace";
        let bracket = "unterminated char class - missing closing square bracket";
        let negated = "unterminated negated char class - missing closing square bracket";
        for (pattern, why) in [
            ("{a", brace),
            ("{a,{b}", brace),
            ("{a[}]", brace),
            ("a[b", bracket),
            (r"[\", bracket),
            ("[^", negated),
            ("[^a", negated),
        ] {
            let expected = format!("while parsing glob pattern {pattern:?}: {why}");
            let included = IfChanged::parse([pattern], []).expect_err(pattern);
            let excluded = IfChanged::parse(["a"], ["b", pattern]).expect_err(pattern);
            assert_eq!(included.to_string(), expected);
            assert_eq!(excluded, included);
        }
    }

    #[test]
    fn a_file_must_be_included_and_not_excluded() {
        for (include, exclude, changed, expected) in [
            ("**", "", "a", true),
            ("**", "", "", false),
            ("", "", "a", false),
            ("", "a", "b", false),
            ("src/** docs/**", "", "README.md docs/a", true),
            ("src/** docs/**", "", "README.md", false),
            ("**/*", ".github/**", ".github/x", false),
            ("**/*", ".github/**", ".github/x a", true),
            ("*.md", "README.md b*", "README.md b.md", false),
            ("*.md", "README.md b*", "README.md c.md", true),
        ] {
            let (includes, excludes) = (files(include), files(exclude));
            let if_changed = IfChanged::parse(
                includes.iter().map(String::as_str),
                excludes.iter().map(String::as_str),
            );
            let matches = if_changed.expect("all are fine").matches(&files(changed));
            assert_eq!(matches, expected, "{include} but {exclude}: {changed}");
        }
    }

    #[test]
    fn hostile_patterns_take_their_time_and_no_more() {
        let stars = "*a".repeat(500);
        let path = "a".repeat(2_000);
        assert!(
            !Glob::parse(&format!("{stars}b"))
                .expect("it is fine")
                .matches(&path)
        );
        let braces = format!("{}{}", "{a,".repeat(20_000), "}".repeat(20_000));
        assert!(Glob::parse(&braces).expect("it is fine").matches(""));
    }

    #[test]
    fn random_patterns_never_panic() {
        const PIECES: [&str; 16] = [
            "*", "**", "?", "{", "}", ",", "[", "[^", "]", "\\", "/", "~", "a", "b", "é", "-",
        ];
        let mut state = 1_u64;
        let mut below = |bound: usize| {
            // Knuth's MMIX constants.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % bound
        };
        let (mut matching, mut refused) = (0, 0);
        for _ in 0..50_000 {
            let mut text =
                || -> String { (0..below(9)).map(|_| PIECES[below(PIECES.len())]).collect() };
            let (pattern, path) = (text(), text());
            match IfChanged::parse([pattern.as_str()], []) {
                Ok(if_changed) => matching += usize::from(if_changed.matches(&[path])),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().starts_with("while parsing"));
                }
            }
        }
        assert!(matching > 100 && refused > 1_000, "{matching} {refused}");
    }
}
