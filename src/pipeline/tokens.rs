//! Tokens: `{{matrix}}` in a step's text, and `%n` in the label of a parallel one.
//!
//! Elsewhere: the combinations themselves (`matrix`).
//! Source: Buildkite docs, "Build matrix" and "Parallel builds", read 2026-08-21; buildkite/go-pipeline for the
//! grammar.

use super::command::CommandStep;
use super::json::json_string;
use super::matrix::{Matrix, MatrixJob};

impl MatrixJob {
    /// The step as it is for this combination: command, label, values of `env`, agents and plugins filled in, and the
    /// adjustments applied. A step that is skipped altogether keeps its own reason.
    pub(crate) fn step(&self, step: &CommandStep) -> CommandStep {
        let filled = Matrix::substitute(step, &self.values);
        CommandStep {
            soft_fail: self.soft_fail.clone().unwrap_or(filled.soft_fail),
            skip: filled.skip.or_else(|| self.skip.clone()),
            ..filled
        }
    }
}

impl Matrix {
    /// `step` with its tokens replaced, and no matrix any more. The fields are those the documentation lists; keys,
    /// conditions, dependencies and concurrency groups are not among them.
    fn substitute(step: &CommandStep, values: &[(String, String)]) -> CommandStep {
        let fill = |text: &str| replaced(text, values, str::to_owned);
        let inside_json = |value: &str| {
            let quoted = json_string(value);
            quoted[1..quoted.len() - 1].to_owned()
        };
        let mut step = CommandStep {
            matrix: None,
            ..step.clone()
        };
        step.command = step.command.as_deref().map(fill);
        step.label = step.label.as_deref().map(fill);
        for (_, value) in &mut step.env {
            *value = fill(value);
        }
        for rule in &mut step.agents {
            *rule = fill(rule);
        }
        for plugin in &mut step.plugins {
            plugin.source = fill(&plugin.source);
            plugin.configuration.0 = replaced(&plugin.configuration.0, values, inside_json);
        }
        step
    }
}

/// Every token whose dimension has a value.
/// Chosen: any other token stays; the agent would refuse the job, of the server nothing is known.
fn replaced(text: &str, values: &[(String, String)], show: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let value = token(from).and_then(|(dimension, length)| {
            let (_, value) = values.iter().find(|(name, _)| name == dimension)?;
            Some((value, length))
        });
        rest = if let Some((value, length)) = value {
            out.push_str(&show(value));
            &from[length..]
        } else {
            // One brace only: the next one may begin a token.
            out.push('{');
            &from[1..]
        };
    }
    out.push_str(rest);
    out
}

/// The dimension of the token that `text` begins with, and the token's length.
fn token(text: &str) -> Option<(&str, usize)> {
    let space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
    let rest = text.strip_prefix("{{")?.trim_start_matches(space);
    let rest = rest.strip_prefix("matrix")?;
    let (dimension, rest) = match rest.strip_prefix('.') {
        Some(named) => {
            let part_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            let end = named.find(|c| !part_of_name(c)).filter(|end| *end > 0)?;
            named.split_at(end)
        }
        None => ("", rest),
    };
    let rest = rest.trim_start_matches(space).strip_prefix("}}")?;
    Some((dimension, text.len() - rest.len()))
}

/// The label of one of several parallel jobs. `total` is how many there were when it was created, `total_now` how many
/// there are.
pub(crate) fn parallel_label(label: &str, index: u32, total: u32, total_now: u32) -> String {
    let mut out = String::with_capacity(label.len());
    let mut rest = label;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let number = match rest.as_bytes().get(at + 1) {
            Some(b'n') => Some(index),
            Some(b'N') => Some(index.saturating_add(1)),
            Some(b't') => Some(total),
            Some(b'T') => Some(total_now),
            Some(_) | None => None,
        };
        rest = if let Some(number) = number {
            out.push_str(&number.to_string());
            &rest[at + 2..]
        } else {
            out.push('%');
            &rest[at + 1..]
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::super::matrix::DimensionOrder;
    use super::super::{Pipeline, Step};
    use super::*;

    #[test]
    fn matrix_tokens() {
        let values = [
            ("", "v"),
            ("os", "linux"),
            ("a-b.c", "x"),
            ("m", "{{matrix}}"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (text, expected) in [
            ("{{matrix}}", "v"),
            ("a{{ matrix\t}}b{{matrix.os}}", "avblinux"),
            ("{{matrix.a-b.c}}", "x"),
            ("{{matrix.m}}", "{{matrix}}"),
            ("{{{matrix}}}", "{v}"),
            (
                "{{matrix.none}} {{matrix.}} {{matri}} {{matrix}",
                "{{matrix.none}} {{matrix.}} {{matri}} {{matrix}",
            ),
            (
                "{{ matrix .os }} {{matrix os}}",
                "{{ matrix .os }} {{matrix os}}",
            ),
            ("{{matrix.os", "{{matrix.os"),
            ("é{{", "é{{"),
        ] {
            assert_eq!(
                replaced(text, &values, str::to_owned),
                expected,
                "for {text}"
            );
        }
    }

    #[test]
    fn a_combination_makes_a_step_of_its_own() {
        let text = r#"
steps:
  - command: make {{matrix}}
    label: "{{ matrix }}"
    key: "k"
    if: build.branch == "{{matrix}}"
    concurrency: 1
    concurrency_group: "{{matrix}}"
    env: {A: "{{matrix}}", "{{matrix}}": x}
    agents: {queue: "{{matrix}}"}
    plugins: [{"p#{{matrix}}": {a: "{{matrix}}"}}]
    soft_fail: [{exit_status: 1}]
    matrix:
      setup: ['a"b', c]
      adjustments: [{with: c, skip: later, soft_fail: true}]
"#;
        let mut pipeline = Pipeline::parse(text).expect("valid");
        let Some(Step::Command(step)) = pipeline.steps.pop() else {
            panic!("a command step")
        };
        let jobs = step
            .matrix
            .as_ref()
            .expect("a matrix")
            .jobs(DimensionOrder::Written);
        let [first, second] = [jobs[0].step(&step), jobs[1].step(&step)];
        assert_eq!(first.command.as_deref(), Some(r#"make a"b"#));
        assert_eq!(first.label.as_deref(), Some(r#"a"b"#));
        assert_eq!(
            first.env,
            [("A", r#"a"b"#), ("{{matrix}}", "x")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(first.agents, [r#"queue=a"b"#]);
        assert_eq!(
            first.plugins[0].source,
            r#"github.com/buildkite-plugins/p-buildkite-plugin#a"b"#
        );
        assert_eq!(first.plugins[0].configuration.0, r#"{"a":"a\"b"}"#);
        assert_eq!(first.concurrency.expect("kept").group, "{{matrix}}");
        assert_eq!(
            first.condition.expect("kept").text,
            r#"build.branch == "{{matrix}}""#
        );
        assert_eq!((first.skip, first.matrix), (None, None));
        assert_eq!(format!("{:?}", first.soft_fail), "Statuses([1])");
        assert_eq!(
            format!("{:?} {:?}", second.skip, second.soft_fail),
            r#"Some(SkipReason("later")) Any"#
        );
    }

    #[test]
    fn labels_of_parallel_jobs() {
        for (label, expected) in [
            ("%n of %t", "1 of 3"),
            ("%N/%t (%T)", "2/3 (5)"),
            ("100% %x %", "100% %x %"),
            ("%%n é%é", "%1 é%é"),
        ] {
            assert_eq!(parallel_label(label, 1, 3, 5), expected, "for {label}");
        }
    }
}
