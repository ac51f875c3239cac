//! Conditionals: the language of `if`, from text to yes or no.
//!
//! Text -> tokens (`lexer`, `shell_reader`) -> tree (`parser`, `regexp`) -> checks (`types`, `environment`) -> answer
//! (`eval`, `shell`).
//! Everything that can be wrong without knowing a build is found by [`Conditional::parse`].
//!
//! Elsewhere: what a build's variables and environment are (whoever implements [`Facts`]).
//! Not modelled, and refused: regular expressions beyond `regexp`, nesting deeper than [`MAX_NESTING`].
//! Source: Buildkite docs, "Using conditionals"; buildkite/conditional at af63d27; server answers quoted in public
//! threads.

mod environment;
mod escape;
mod eval;
mod lexer;
mod parser;
mod regexp;
mod shell;
mod shell_reader;
mod types;
mod variables;

use std::fmt;

/// How deep parentheses, operators and `${…}` may nest. The functions here call themselves once per level.
/// Chosen: no limit of Buildkite's is known; nothing real comes near this.
const MAX_NESTING: usize = 64;

/// The longest condition that is read, in bytes.
/// Chosen: bounds the memory regular expressions may take; nothing real comes near this.
const MAX_LENGTH: usize = 1 << 16;

/// Where a condition stands, which decides what it may name and what becomes of its failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryPoint {
    /// The `if` of a step, or a pipeline's filter for webhooks. No `step.*`; a failed evaluation is an error.
    BuildCondition,
    /// The `if` of a build's notification. No `step.*`; a failed evaluation means no.
    BuildNotification,
    /// The `if` of a step's notification. A failed evaluation means no.
    StepNotification,
}

/// What a condition may ask.
pub(crate) trait Facts {
    /// The value of a variable Buildkite has, [`Value::Null`] if this build has none. Never asked for another name,
    /// and for `step.*` only in a [`EntryPoint::StepNotification`]. Text that Buildkite treats as null when it is
    /// blank need not be looked after.
    fn variable(&self, name: &str) -> Value;

    /// A variable of the environment: the build's own above its pipeline's, Buildkite's above both.
    fn env(&self, name: &str) -> Option<String>;
}

/// The value of a variable. Enumerations are strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    String(String),
    Number(i64),
    Bool(bool),
    Null,
    Strings(Vec<String>),
}

/// A condition that parsed and whose types fit.
#[derive(Debug, Clone)]
pub(crate) struct Conditional {
    text: String,
    entry_point: EntryPoint,
    /// None for blank text.
    expression: Option<parser::Expression>,
}

impl Conditional {
    /// Reads a condition and checks all of it, also what an evaluation would skip.
    pub(crate) fn parse(text: &str, entry_point: EntryPoint) -> Result<Self, ConditionalError> {
        let conditional = |expression| Self {
            text: text.to_owned(),
            entry_point,
            expression,
        };
        if text.trim().is_empty() {
            return Ok(conditional(None));
        }
        if text.len() > MAX_LENGTH {
            let what = format!("conditions longer than {MAX_LENGTH} bytes");
            return Err(ConditionalError::unmodelled(what));
        }
        let expression = parser::parse(text)?;
        types::check_entry_point(&expression, entry_point)?;
        environment::check(&expression)?;
        types::check(&expression, text)?;
        Ok(conditional(Some(expression)))
    }

    /// The answer. Blank text says yes.
    /// Chosen: the library has no answer for a blank step condition; elsewhere Buildkite takes an empty attribute for
    /// an absent one.
    pub(crate) fn evaluate(&self, facts: &impl Facts) -> Result<bool, ConditionalError> {
        let Some(expression) = &self.expression else {
            return Ok(true);
        };
        let answer = eval::evaluate(expression, facts);
        match self.entry_point {
            EntryPoint::BuildCondition => answer,
            EntryPoint::BuildNotification | EntryPoint::StepNotification => {
                Ok(answer.unwrap_or(false))
            }
        }
    }

    /// As it was written.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Text and place decide all the rest.
impl PartialEq for Conditional {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.entry_point) == (&other.text, other.entry_point)
    }
}

impl Eq for Conditional {}

/// What is wrong with a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// It is not of the language.
    Parse,
    /// It names what is not there, or its types do not fit.
    Validation,
    /// It is fine, but says something else than yes or no.
    Result,
    /// It failed for this build.
    Evaluation,
    /// Buildkite would take it; this crate cannot honour it and says so.
    Unmodelled,
}

/// A condition that was refused, or that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConditionalError {
    kind: ErrorKind,
    message: String,
}

impl ConditionalError {
    fn parse(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Parse, message.into())
    }

    fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message.into())
    }

    fn result(found: &str) -> Self {
        let message = format!("expected boolean result, got {found}");
        Self::new(ErrorKind::Result, message)
    }

    fn evaluation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Evaluation, message.into())
    }

    fn unmodelled(what: impl fmt::Display) -> Self {
        let message = format!("This fake does not model {what} yet");
        Self::new(ErrorKind::Unmodelled, message)
    }

    fn too_deep() -> Self {
        Self::unmodelled(format_args!(
            "conditions nested deeper than {MAX_NESTING} levels"
        ))
    }

    fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message }
    }

    /// What is wrong.
    #[cfg(test)]
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Buildkite's words, without what it puts before them (ours, if the refusal is ours).
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConditionalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConditionalError {}

/// What the tests of this room share: a build, and conditions asked of it.
#[cfg(test)]
mod testing {
    use super::*;

    /// A build of `main` that passed.
    pub(super) struct Build;

    impl Facts for Build {
        fn variable(&self, name: &str) -> Value {
            let text = |text: &str| Value::String(text.to_owned());
            match name {
                "build.branch" => text("main"),
                "build.message" => text("Fix it\nskip tests\n"),
                "build.tag" => text(" \n"),
                "build.number" => Value::Number(5),
                "build.state" => text("passed"),
                "build.source" => text("webhook"),
                "build.creator.teams" => Value::Strings(vec!["deploy".into(), "web".into()]),
                "build.author.teams" => Value::Strings(vec![]),
                "pipeline.started_passing" => Value::Bool(true),
                "pipeline.started_failing" => Value::Bool(false),
                "step.outcome" => text("soft_failed"),
                _ => Value::Null,
            }
        }

        fn env(&self, name: &str) -> Option<String> {
            let value = match name {
                "branch" | "BUILDKITE_BRANCH" => "main",
                "empty" | "BUILDKITE_TAG" => "",
                "tag" => "foo",
                "two" => "2",
                "word" => "größe",
                "state" => "passed",
                "odd-name" => "odd",
                "name_of_branch" => "branch",
                "name_of_odd" => "odd-name",
                "name_of_labels" => "BUILDKITE_PULL_REQUEST_LABELS",
                "name_of_secret" => "BUILDKITE_AGENT_ACCESS_TOKEN",
                "BUILDKITE_AGENT_ACCESS_TOKEN" => "secret",
                "BUILDKITE_PULL_REQUEST_LABELS" => "bug,deploy",
                _ => return None,
            };
            Some(value.to_owned())
        }
    }

    /// `true`, `false`, or whose error it is and which.
    pub(super) fn answer(text: &str, entry_point: EntryPoint) -> String {
        let answer = Conditional::parse(text, entry_point)
            .and_then(|conditional| conditional.evaluate(&Build));
        match answer {
            Ok(answer) => answer.to_string(),
            Err(error) => format!("{:?}: {error}", error.kind()),
        }
    }

    /// Each case: the `if` of a step, and the answer.
    pub(super) fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let answer = answer(text, EntryPoint::BuildCondition);
            assert_eq!(answer, *expected, "for {text}");
        }
    }

    /// Each line: an `if`; all have the same answer.
    pub(super) fn all(expected: &str, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            check(&[(line, expected)]);
        }
    }

    /// Numbers that look random and are the same in every run.
    pub(super) fn numbers() -> impl FnMut(usize) -> usize {
        let mut state = 1_u64;
        move |bound| {
            // Knuth's MMIX constants.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % bound
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    const EVERYWHERE: [EntryPoint; 3] = [
        EntryPoint::BuildCondition,
        EntryPoint::BuildNotification,
        EntryPoint::StepNotification,
    ];

    #[test]
    fn blank_text_says_yes_everywhere() {
        for entry_point in EVERYWHERE {
            for text in ["", "  \n\t"] {
                assert_eq!(answer(text, entry_point), "true");
            }
            assert_eq!(answer("// why not", entry_point), "Parse: empty expression");
        }
    }

    #[test]
    fn only_a_steps_notification_knows_its_step() {
        let refused = |entry_point| {
            format!(
                "Validation: step variables are not available for entry point \"{entry_point}\""
            )
        };
        for text in [
            r#"step.outcome == "soft_failed""#,
            // Comes before everything else that is wrong.
            r#"nonsense == ["x"] || !(step.outcome == "soft_failed")"#,
            "step",
            "step.nonsense() == null",
        ] {
            let [build, notification, step] = EVERYWHERE.map(|place| answer(text, place));
            assert_eq!(build, refused("build_condition"));
            assert_eq!(notification, refused("build_notification"));
            assert!(!step.contains("entry point"), "{step}");
        }
        let outcome = r#"step.outcome == "soft_failed" && step.key == null"#;
        assert_eq!(answer(outcome, EntryPoint::StepNotification), "true");
        let unknown = answer("step.name == null", EntryPoint::StepNotification);
        assert_eq!(unknown, "Validation: `step.name` is not a variable");
    }

    #[test]
    fn a_failed_evaluation_is_a_notifications_no() {
        for (text, failure) in [
            (
                r#"${nowhere?} == "x""#,
                "Evaluation: parameter null or not set: nowhere",
            ),
            (
                r#"[build.tag] includes "x""#,
                "Evaluation: type mismatch at index 0 in array: NULL vs STRING",
            ),
        ] {
            let answers = EVERYWHERE.map(|place| answer(text, place));
            assert_eq!(answers, [failure, "false", "false"]);
        }
        // What is wrong from the start is an error for all.
        for entry_point in EVERYWHERE {
            let expected = "Validation: `nope` is not a variable";
            assert_eq!(answer("nope", entry_point), expected);
        }
    }

    #[test]
    fn conditions_are_equal_by_text_and_place() {
        let [build, notification, _] =
            EVERYWHERE.map(|place| Conditional::parse(" true", place).expect("it is fine"));
        assert_eq!(build, build.clone());
        assert_ne!(build, notification);
        assert_eq!(build.text(), " true");
    }

    /// From the docs and from public repositories.
    #[test]
    fn conditions_people_write() {
        all(
            "true",
            r#"
            build.branch == "main" || build.branch == "production"
            build.branch != "production"
            build.branch == 'main'
            build.branch =~ /^((main)|([0-9]+\.[0-9]+))$/ && (build.state == "failed" || pipeline.started_passing)
            build.branch !~ /pre/i
            build.branch =~ /^(main|.*-.*-stable|v\d+)$/
            build.message =~ /skip tests/
            build.message !~ /\[skip tests\]/i
            build.tag == null
            build.pull_request.id == null && build.source != "schedule"
            build.source == "webhook" && build.source_event == null
            build.creator.teams includes "deploy"
            build.creator.teams includes /^we/
            build.creator.teams == ["deploy", "web"] && build.author.teams == []
            !build.pull_request.draft
            !build.env("NIGHTLY") =~ /y/
            !build.pull_request.labels includes "skip-ci"
            !((build.source == "api" && build.branch == "main") || build.source == "schedule")
            build.env("NIGHTLY") == null && build.env("STAGED_BINARIES") == null && ( build.env("SKIP") == null || build.message =~ /gpu/i )
            build.pull_request.repository.fork != true
            "${TPU_VERSION:-tpu6e}" == "tpu6e"
            build.env("BUILDKITE_TAG") == '' && build.env("BUILDKITE_BRANCH") == 'main'
            ["main", "staging"] includes build.branch
            build.pull_request.id == null ? build.branch == "main" : false
            build.merge_queue.base_branch == null
            "#,
        );
        all(
            "false",
            r#"
            build.tag =~ /^v[0-9]+/
            build.env("BUILDKITE_TAG") =~ /^v[0-9]+\.0$/
            build.branch =~ /^features\//
            build.fixed
            build.pull_request.draft
            pipeline.started_failing || build.pull_request.draft
            build.branch == "main" && build.tag != null
            "#,
        );
        check(&[(
            "\n// Not when the message says so\n// and only here\nbuild.branch == \"main\" // really\n && true\n",
            "true",
        )]);
    }

    #[test]
    fn everything_is_bounded() {
        let deep =
            "Unmodelled: This fake does not model conditions nested deeper than 64 levels yet";
        let repeated = |before: &str, count, inside: &str, after: &str| {
            format!("{}{inside}{}", before.repeat(count), after.repeat(count))
        };
        for (before, after) in [
            ("(", ")"),
            ("!", ""),
            ("true == ", ""),
            ("", " == true"),
            ("[", "] == []"),
            ("env(", ")"),
            ("true ? ", " : true"),
            ("true ? true : ", ""),
        ] {
            for count in [65, 10_000] {
                let text = repeated(before, count, "true", after);
                // Longer ones are not read at all.
                if text.len() <= MAX_LENGTH {
                    check(&[(&text, deep)]);
                }
            }
        }
        check(&[
            (&repeated("(", 60, "true", ")"), "true"),
            (&repeated("!", 60, "true", ""), "true"),
            (&repeated("true && ", 8_000, "true", ""), "true"),
            (&repeated("false || ", 7_000, "false", ""), "false"),
            (
                &format!("{} == \"x\"", repeated("${a-", 60, "${a?}", "}")),
                "Evaluation: parameter null or not set: a",
            ),
            (
                &format!("{} == \"x\"", repeated("${a-", 60, "x", "}")),
                "true",
            ),
            (&repeated("${a-", 65, "x", "}"), deep),
            (
                &repeated("\"${a-", 1, &repeated("${a-", 65, "x", "}"), "}\""),
                deep,
            ),
            (
                &format!("\"{}\" == ''", "${".repeat(30_000)),
                "Unmodelled: This fake does not model conditions with more than 100 unclosed `${` yet",
            ),
            (
                &" true".repeat(20_000),
                "Unmodelled: This fake does not model conditions longer than 65536 bytes yet",
            ),
        ]);
    }

    #[test]
    fn garbage_never_panics() {
        const PIECES: &str = r#"build.branch build.state build.creator.teams build.number build.fixed step.outcome
            pipeline.started_passing env( build.env( ( ) [ ] , ? : || && == != =~ !~ ! includes true false null
            "main" 'main' "$branch" "${a:-x}" "passed" $branch ${branch} ${a?} ${branch:1:2} ${ } $ $$ /main/ /a(b/i /[/ /
            // 5 08 99999999999999999999 a..b . .. \ " ' \x41 \400 \q é # @ > = & | x FOO BUILDKITE_BRANCHH -1
            "BUILDKITE_BRANCH" "FOO" "$FOO" (?= (?<a>) *+ {2} {2}+ [[:digit:]] \b {,3} i m - ~"#;
        let pieces: Vec<&str> = PIECES.split_whitespace().collect();
        let mut below = numbers();
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let gap = [" ", "", "\n"][below(3)];
            let words: Vec<&str> = (0..=below(8))
                .map(|_| pieces[below(pieces.len())])
                .collect();
            let words = words.join(gap);
            for text in [
                format!("/{words}/ == /x/"),
                format!("\"{words}\" == ''"),
                words,
            ] {
                match answer(&text, EVERYWHERE[below(3)]).as_str() {
                    "true" | "false" => taken += 1,
                    error => {
                        refused += 1;
                        assert!(error.contains(": "));
                    }
                }
            }
        }
        assert!(taken > 300 && refused > 1_000, "{taken} {refused}");
        for _ in 0..20_000 {
            let text: String = (0..below(20))
                .map(|_| char::from_u32(u32::try_from(below(0x250)).expect("small")).expect("low"))
                .collect();
            answer(&text, EntryPoint::StepNotification);
            answer(
                &format!("\"{text}\" =~ /{text}/i"),
                EntryPoint::StepNotification,
            );
        }
    }
}
