//! Conditionals: what a checked expression says of a build.
//!
//! `&&`, `||` and `?:` look only at what they need. Null is as good as no.
//!
//! Elsewhere: the values (`Facts`), text with `$` in it (`shell`).
//! Source: buildkite/conditional at af63d27, internal/evaluator, and envNameArg of conditional.go.

use super::parser::{Comparison, Expression, Node};
use super::regexp::Regexp;
use super::variables::Variable;
use super::{ConditionalError, Facts, Value, environment};

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
enum Operand<'a> {
    Null,
    Boolean(bool),
    Number(i64),
    Text(String),
    /// An item may turn out to be null.
    Array(Vec<Option<String>>),
    Regexp(&'a Regexp),
}

/// Yes or no, or why neither.
pub(super) fn evaluate(
    expression: &Expression,
    facts: &impl Facts,
) -> Result<bool, ConditionalError> {
    let value = (Evaluator { facts }).value(expression)?;
    match value {
        Operand::Boolean(answer) => Ok(answer),
        Operand::Null => Ok(false),
        Operand::Number(_) | Operand::Text(_) | Operand::Array(_) | Operand::Regexp(_) => {
            Err(ConditionalError::result(value.name()))
        }
    }
}

impl Operand<'_> {
    /// What error messages call it.
    fn name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Boolean(_) => "BOOLEAN",
            Self::Number(_) => "INTEGER",
            Self::Text(_) => "STRING",
            Self::Array(_) => "ARRAY",
            Self::Regexp(_) => "REGEXP",
        }
    }

    /// The text of what has the type of a string, unless it is null.
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Boolean(_) | Self::Number(_) | Self::Array(_) | Self::Regexp(_) => {
                None
            }
        }
    }

    fn is_yes(&self) -> bool {
        !matches!(self, Self::Null | Self::Boolean(false))
    }
}

impl From<Option<String>> for Operand<'_> {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

struct Evaluator<'a, F> {
    facts: &'a F,
}

impl<'a, F: Facts> Evaluator<'a, F> {
    fn value(&self, expression: &'a Expression) -> Result<Operand<'a>, ConditionalError> {
        match &expression.node {
            Node::Boolean(value) => Ok(Operand::Boolean(*value)),
            Node::Null => Ok(Operand::Null),
            Node::Number(value) => Ok(Operand::Number(*value)),
            Node::Text(text) => {
                let text = text.template.expand(&|name| self.env(name));
                text.map(Operand::Text)
                    .map_err(ConditionalError::evaluation)
            }
            Node::Expansion(expansion) => {
                let text = expansion.expand(&|name| self.env(name));
                text.map(Operand::from)
                    .map_err(ConditionalError::evaluation)
            }
            Node::Regexp(regexp) => Ok(Operand::Regexp(regexp)),
            Node::Variable(name) => Ok(self.variable(name)),
            Node::Call {
                function,
                arguments,
            } => self.call(function, arguments),
            Node::Array(items) => self.array(items),
            Node::Not(operand) => Ok(Operand::Boolean(!self.value(operand)?.is_yes())),
            Node::All(operands) => self.first(operands, |value| !value.is_yes()),
            Node::Any(operands) => self.first(operands, Operand::is_yes),
            Node::Compare(comparison, sides) => {
                let (mut left, mut right) = (self.value(&sides.0)?, self.value(&sides.1)?);
                if is_build_state(&sides.0) {
                    (left, right) = (by_one_name(left), by_one_name(right));
                }
                compare(*comparison, &left, &right).map(Operand::Boolean)
            }
            Node::Choice(parts) => {
                let (condition, consequence, alternative) = &**parts;
                let chosen = if self.value(condition)?.is_yes() {
                    consequence
                } else {
                    alternative
                };
                self.value(chosen)
            }
        }
    }

    /// The first value that settles it, else the last; what comes after is not looked at.
    fn first(
        &self,
        operands: &'a [Expression],
        settles: impl Fn(&Operand<'a>) -> bool,
    ) -> Result<Operand<'a>, ConditionalError> {
        let mut value = Operand::Null;
        for operand in operands {
            value = self.value(operand)?;
            if settles(&value) {
                break;
            }
        }
        Ok(value)
    }

    fn variable(&self, name: &str) -> Operand<'a> {
        let variable = Variable::named(name).expect("the types were checked");
        match variable.seen(self.facts.variable(name)) {
            Value::String(text) => Operand::Text(text),
            Value::Number(number) => Operand::Number(number),
            Value::Bool(value) => Operand::Boolean(value),
            Value::Null => Operand::Null,
            Value::Strings(items) => Operand::Array(items.into_iter().map(Some).collect()),
        }
    }

    fn array(&self, items: &'a [Expression]) -> Result<Operand<'a>, ConditionalError> {
        let items = items.iter().map(|item| Ok(self.value(item)?.into_text()));
        let items: Result<_, _> = items.collect();
        items.map(Operand::Array)
    }

    fn call(
        &self,
        function: &str,
        arguments: &'a [Expression],
    ) -> Result<Operand<'a>, ConditionalError> {
        let argument = arguments.first().expect("the arguments were checked");
        let wrong = |why: &str| Err(ConditionalError::evaluation(why));
        let Some(name) = self.value(argument)?.into_text() else {
            return wrong("env argument must be a string");
        };
        if name.is_empty() {
            return wrong("env argument should be an environment variable name");
        }
        if !environment::is_seen(&name) {
            return wrong(&environment::unsupported(&name));
        }
        let value = self.env(&name);
        Ok(match function {
            "env" => Operand::Text(value.unwrap_or_default()),
            _ => Operand::from(value),
        })
    }

    /// Of Buildkite's own variables some cannot be seen, even where a build sets them.
    fn env(&self, name: &str) -> Option<String> {
        if !environment::is_seen(name) {
            return None;
        }
        self.facts.env(name)
    }
}

/// A running build goes by two names in conditions, `started` and `running`.
fn is_build_state(expression: &Expression) -> bool {
    matches!(&expression.node, Node::Variable(name) if name == "build.state")
}

fn by_one_name(state: Operand<'_>) -> Operand<'_> {
    if state == Operand::Text("started".to_owned()) {
        return Operand::Text("running".to_owned());
    }
    state
}

fn compare(
    comparison: Comparison,
    left: &Operand<'_>,
    right: &Operand<'_>,
) -> Result<bool, ConditionalError> {
    match comparison {
        Comparison::Equal => Ok(left == right),
        Comparison::NotEqual => Ok(left != right),
        Comparison::Match => matches(left, right, "=~"),
        Comparison::NotMatch => matches(left, right, "!~").map(|matches| !matches),
        Comparison::Includes => includes(left, right),
    }
}

fn matches(left: &Operand<'_>, right: &Operand<'_>, sign: &str) -> Result<bool, ConditionalError> {
    match (left, right) {
        (Operand::Text(text), Operand::Regexp(regexp)) => Ok(regexp.is_match(text)),
        (Operand::Null, Operand::Regexp(_)) => Ok(false),
        // A choice between regular expressions may come to null.
        _ => {
            let (left, right) = (left.name(), right.name());
            let message = format!("type mismatch: {left} {sign} {right}");
            Err(ConditionalError::evaluation(message))
        }
    }
}

/// Stops at the first item that is it, so an unfit one behind it does no harm.
fn includes(left: &Operand<'_>, right: &Operand<'_>) -> Result<bool, ConditionalError> {
    let Operand::Array(items) = left else {
        return Ok(false);
    };
    if *right == Operand::Null {
        return Ok(false);
    }
    for (index, item) in items.iter().enumerate() {
        let Some(item) = item else {
            let message = format!("type mismatch at index {index} in array: NULL vs STRING");
            return Err(ConditionalError::evaluation(message));
        };
        let is_it = match right {
            Operand::Text(text) => item == text,
            Operand::Regexp(regexp) => regexp.is_match(item),
            Operand::Null | Operand::Boolean(_) | Operand::Number(_) | Operand::Array(_) => false,
        };
        if is_it {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, check};

    #[test]
    fn comparisons() {
        all(
            "true",
            r#"
            1 == 1
            1 != 2
            'a' == "a"
            'a' != 'A'
            true == true
            true != false
            ["a"] == ["a"]
            [] == []
            ["a"] != ["a", "b"]
            ["a", "b"] != ["b", "a"]
            null == null
            build.creator.teams == ["deploy", "web"]
            build.author.teams != null
            [build.tag] == [build.tag]
            ["eggs", "ham"] includes "ham"
            ["eggs", "ham"] includes /^h/
            null !~ /a/
            build.tag !~ /a/
            (1 == 1) == (2 == 2)
            "#,
        );
        all(
            "false",
            r#"
            1 == 2
            true == null
            null != null
            ["a"] == null
            null == ["a"]
            ["a"] includes "b"
            ["a"] includes null
            [] includes "a"
            null includes "a"
            build.pull_request.labels includes "a"
            null =~ /a/
            build.tag =~ /a/
            null == /a/
            "#,
        );
    }

    #[test]
    fn logic_looks_at_what_it_needs() {
        all(
            "true",
            r#"
            true
            !false
            true || false && false
            true || ${nowhere:?} == "x"
            false || true || ${nowhere:?} == "x"
            1 == 2 ? ${nowhere:?} == "x" : 5 == 5
            false ? true : false ? true : true
            !build.fixed
            (build.fixed && true) == null
            (build.fixed || null == 1) == false
            build.fixed == null ? true : build.fixed
            "#,
        );
        all(
            "false",
            r#"
            (true || false) && false
            false && ${nowhere:?} == "x"
            true && false && ${nowhere:?} == "x"
            1 == 1 ? 3 == 4 : ${nowhere:?} == "x"
            build.fixed
            build.fixed || false
            build.fixed && true
            build.fixed != null && build.fixed
            "#,
        );
    }

    #[test]
    fn the_environment() {
        all(
            "true",
            r#"
            env("nowhere") == ""
            build.env("nowhere") == null
            env("empty") == "" && build.env("empty") == ""
            env("branch") == "main" && build.env("branch") == "main"
            env("$name_of_branch") == "main"
            build.env("BUILDKITE_${nowhere-BRANCH}") == "main"
            env(env("name_of_odd")) == "odd"
            env(env("name_of_labels")) == "bug,deploy"
            $BUILDKITE_BRANCH == "main"
            $BUILDKITE_PULL_REQUEST_LABELS == "bug,deploy"
            $BUILDKITE_AGENT_ACCESS_TOKEN == null
            "$BUILDKITE_AGENT_ACCESS_TOKEN" == ""
            "#,
        );
    }

    #[test]
    fn evaluations_that_fail() {
        let unsupported = super::environment::unsupported("BUILDKITE_AGENT_ACCESS_TOKEN");
        let no_name = "Evaluation: env argument should be an environment variable name";
        let null_item = "Evaluation: type mismatch at index 0 in array: NULL vs STRING";
        check(&[
            (
                "build.env(env('name_of_secret')) == null",
                &format!("Evaluation: {unsupported}"),
            ),
            ("env(env('nowhere')) == ''", no_name),
            (
                "env('$nowhere') == ''",
                "Validation: Argument to `env` should not include `$` - did you mean nowhere?",
            ),
            ("env(\"$nowhere\") == ''", no_name),
            (
                "env(build.tag) == ''",
                "Evaluation: env argument must be a string",
            ),
            ("[build.tag] includes 'x'", null_item),
            ("[build.env('nowhere')] includes /x/", null_item),
            ("[$nowhere] includes 'x'", null_item),
            ("['x', $nowhere] includes 'x'", "true"),
            (
                "['y', $nowhere] includes 'x'",
                "Evaluation: type mismatch at index 1 in array: NULL vs STRING",
            ),
            ("[$nowhere] includes null", "false"),
            (
                "'a' =~ (true ? null : /a/)",
                "Evaluation: type mismatch: STRING =~ NULL",
            ),
            (
                "null !~ (true ? null : /a/)",
                "Evaluation: type mismatch: NULL !~ NULL",
            ),
        ]);
    }
}
