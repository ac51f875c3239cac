//! Conditionals: whether the names of an expression exist and its types fit.
//!
//! A variable keeps its type whether a build has a value for it or not, and both sides of `&&` and `||` are checked,
//! whatever an evaluation would skip.
//!
//! Elsewhere: the variables (`variables`), names of the environment (`environment`).
//! Source: buildkite/conditional at af63d27, typecheck.go.

use std::ops::Range;

use super::parser::{Comparison, Expression, Node};
use super::variables::{Enumeration, Type, Variable};
use super::{ConditionalError, EntryPoint};
use crate::vocabulary::likeness;

/// Refuses `step.*` where there is no step, before any other check.
pub(super) fn check_entry_point(
    expression: &Expression,
    entry_point: EntryPoint,
) -> Result<(), ConditionalError> {
    let name = match entry_point {
        EntryPoint::BuildCondition => "build_condition",
        EntryPoint::BuildNotification => "build_notification",
        EntryPoint::StepNotification => return Ok(()),
    };
    if names_step(expression) {
        let message = format!("step variables are not available for entry point {name:?}");
        return Err(ConditionalError::validation(message));
    }
    Ok(())
}

fn names_step(expression: &Expression) -> bool {
    let is_step = match &expression.node {
        Node::Variable(name) | Node::Call { function: name, .. } => {
            name == "step" || name.starts_with("step.")
        }
        Node::Boolean(_)
        | Node::Null
        | Node::Number(_)
        | Node::Text(_)
        | Node::Regexp(_)
        | Node::Expansion(_)
        | Node::Array(_)
        | Node::Not(_)
        | Node::All(_)
        | Node::Any(_)
        | Node::Compare(..)
        | Node::Choice(_) => false,
    };
    is_step || expression.parts().any(names_step)
}

/// Refuses an expression that names what is not there, whose types do not fit, or that says neither yes nor no.
pub(super) fn check(expression: &Expression, text: &str) -> Result<(), ConditionalError> {
    let found = (Checker { text }).check(expression)?;
    if found == Type::Boolean {
        return Ok(());
    }
    Err(ConditionalError::result(&found.describe()))
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn check(&self, expression: &Expression) -> Result<Type, ConditionalError> {
        match &expression.node {
            Node::Boolean(_) => Ok(Type::Boolean),
            Node::Null => Ok(Type::Null),
            Node::Number(_) => Ok(Type::Number),
            Node::Text(_) | Node::Expansion(_) => Ok(Type::String),
            Node::Regexp(_) => Ok(Type::Regexp),
            Node::Variable(name) => match Variable::named(name) {
                Some(variable) => Ok(variable.r#type),
                None => Err(ConditionalError::validation(format!(
                    "`{name}` is not a variable"
                ))),
            },
            Node::Call {
                function,
                arguments,
            } => self.call(function, arguments),
            Node::Array(items) => {
                for item in items {
                    self.check(item)?.expect(&[Type::String])?;
                }
                Ok(Type::Strings)
            }
            Node::Not(operand) => self.all_boolean(std::slice::from_ref(&**operand)),
            Node::All(operands) | Node::Any(operands) => self.all_boolean(operands),
            Node::Compare(comparison, sides) => {
                self.compare(*comparison, &sides.0, &sides.1)?;
                Ok(Type::Boolean)
            }
            Node::Choice(parts) => {
                let (condition, consequence, alternative) = &**parts;
                self.check(condition)?.expect(&[Type::Boolean])?;
                self.common(consequence, alternative)
            }
        }
    }

    fn all_boolean(&self, operands: &[Expression]) -> Result<Type, ConditionalError> {
        for operand in operands {
            self.check(operand)?.expect(&[Type::Boolean])?;
        }
        Ok(Type::Boolean)
    }

    fn call(&self, function: &str, arguments: &[Expression]) -> Result<Type, ConditionalError> {
        if !matches!(function, "env" | "build.env") {
            let message = format!("`{function}` is not a function");
            return Err(ConditionalError::validation(message));
        }
        for argument in arguments {
            let found = self.check(argument)?;
            // Here, and here only, an enumeration is as good as a string.
            if !matches!(found, Type::String | Type::Enumeration(_)) {
                return Err(unexpected("string", found));
            }
        }
        Ok(Type::String)
    }

    fn compare(
        &self,
        comparison: Comparison,
        left: &Expression,
        right: &Expression,
    ) -> Result<(), ConditionalError> {
        match comparison {
            Comparison::Equal | Comparison::NotEqual => self.common(left, right).map(drop),
            Comparison::Match | Comparison::NotMatch => {
                self.check(left)?.expect(&[Type::String, Type::Null])?;
                self.check(right)?.expect(&[Type::Regexp])
            }
            Comparison::Includes => {
                self.check(left)?.expect(&[Type::Strings, Type::Null])?;
                let found = self.check(right)?;
                if matches!(found, Type::String | Type::Regexp | Type::Null) {
                    return Ok(());
                }
                // The one list with a comma before its "or".
                Err(unexpected("string, regular expression, or null", found))
            }
        }
    }

    /// The type that both have, or the one beside a null.
    fn common(&self, left: &Expression, right: &Expression) -> Result<Type, ConditionalError> {
        let found = (self.check(left)?, self.check(right)?);
        match found {
            (Type::Null, one) | (one, Type::Null) => Ok(one),
            (left, right) if left == Type::Strings || right == Type::Strings => {
                if left == right {
                    return Ok(left);
                }
                Err(unexpected(&left.describe(), right))
            }
            (Type::Enumeration(enumeration), found) => {
                found.expect(&[Type::String, Type::Null])?;
                self.check_member(enumeration, left, right)?;
                Ok(Type::Enumeration(enumeration))
            }
            (left, right) => {
                right.expect(&[left, Type::Null])?;
                Ok(left)
            }
        }
    }

    fn check_member(
        &self,
        enumeration: &Enumeration,
        left: &Expression,
        right: &Expression,
    ) -> Result<(), ConditionalError> {
        let Node::Text(text) = &right.node else {
            return Ok(());
        };
        let members = enumeration.members;
        let Some(written) = text.fixed().filter(|text| !members.contains(text)) else {
            return Ok(());
        };
        let variable = &self.text[left.span.clone()];
        // Seen in the server's answers: a place without a suggestion, and a suggestion without a place.
        let ending = match likeness::mistyped(written, members.iter().copied()) {
            Some(meant) => format!(" — did you mean {meant:?}?"),
            None => self.place(&right.span),
        };
        let message = format!("{written:?} is not a valid `{variable}`{ending}");
        Err(ConditionalError::validation(message))
    }

    /// Counted in characters from 1, with both ends.
    /// Chosen: nothing for a string with line breaks in it, whose form is not known.
    fn place(&self, span: &Range<usize>) -> String {
        let before = &self.text[..span.start];
        let inside = &self.text[span.clone()];
        if inside.contains('\n') {
            return String::new();
        }
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |line_feed| line_feed + 1);
        let first = before[start..].chars().count() + 1;
        let last = first + inside.chars().count() - 1;
        format!(" (line {line}, column {first}-{last})")
    }
}

impl Type {
    /// Refuses all but the `expected`.
    fn expect(self, expected: &[Self]) -> Result<(), ConditionalError> {
        if expected.contains(&self) {
            return Ok(());
        }
        let names: Vec<String> = expected.iter().map(|one| one.describe()).collect();
        let expected = match &names[..] {
            [names @ .., last] if !names.is_empty() => format!("{} or {last}", names.join(", ")),
            names => names.concat(),
        };
        Err(unexpected(&expected, self))
    }
}

fn unexpected(expected: &str, found: Type) -> ConditionalError {
    let found = found.describe();
    ConditionalError::validation(format!(
        "unexpected type: expected {expected} but found {found}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, check};

    #[test]
    fn names_that_do_not_exist() {
        check(&[
            ("foo == 'x'", "Validation: `foo` is not a variable"),
            (
                "false && missing.value == 'x'",
                "Validation: `missing.value` is not a variable",
            ),
            ("true || missing", "Validation: `missing` is not a variable"),
            (
                "true ? true : missing",
                "Validation: `missing` is not a variable",
            ),
            (
                "pipeline.name == 'x'",
                "Validation: `pipeline.name` is not a variable",
            ),
            (
                "build.meta_data == 'x'",
                "Validation: `build.meta_data` is not a variable",
            ),
            ("env == 'x'", "Validation: `env` is not a variable"),
            ("foo() == 'x'", "Validation: `foo` is not a function"),
            (
                "build.branch('x')",
                "Validation: `build.branch` is not a function",
            ),
        ]);
    }

    #[test]
    fn the_result_is_a_boolean() {
        for (text, found) in [
            ("'text'", "string"),
            ("$branch", "string"),
            ("build.branch", "string"),
            ("env('A')", "string"),
            ("null", "null"),
            ("true ? null : null", "null"),
            ("5", "number"),
            ("[]", "string array"),
            ("/a/", "regular expression"),
            ("build.state", "build state enumeration value"),
        ] {
            let expected = format!("Result: expected boolean result, got {found}");
            check(&[(text, &expected)]);
        }
        all(
            "false",
            "build.fixed \n true ? null : true \n false ? true : null",
        );
    }

    #[test]
    fn types_that_do_not_fit() {
        for (text, expected, found) in [
            ("!'a'", "boolean", "string"),
            ("!null", "boolean", "null"),
            ("!build.branch =~ 'x'", "regular expression", "string"),
            ("'a' && true", "boolean", "string"),
            ("true && 1", "boolean", "number"),
            ("true && true && []", "boolean", "string array"),
            ("false || null", "boolean", "null"),
            (
                "true || build.state",
                "boolean",
                "build state enumeration value",
            ),
            ("'a' ? true : true", "boolean", "string"),
            ("(true ? 'a' : 1) == null", "string or null", "number"),
            ("build.number == 'one'", "number or null", "string"),
            ("'one' == 1", "string or null", "number"),
            ("true == 'true'", "boolean or null", "string"),
            ("'a' == /a/", "string or null", "regular expression"),
            ("/a/ == 'a'", "regular expression or null", "string"),
            ("'a' == []", "string", "string array"),
            ("[] == 'a'", "string array", "string"),
            (
                "[] != build.state",
                "string array",
                "build state enumeration value",
            ),
            (
                "build.state == []",
                "build state enumeration value",
                "string array",
            ),
            (
                "'passed' == build.state",
                "string or null",
                "build state enumeration value",
            ),
            (
                "build.state == build.state",
                "string or null",
                "build state enumeration value",
            ),
            ("build.state == 5", "string or null", "number"),
            (
                "build.state =~ /a/",
                "string or null",
                "build state enumeration value",
            ),
            ("true =~ /a/", "string or null", "boolean"),
            ("'a' =~ 'a'", "regular expression", "string"),
            ("'a' !~ null", "regular expression", "null"),
            ("'a' includes 'a'", "string array or null", "string"),
            (
                "[] includes 1",
                "string, regular expression, or null",
                "number",
            ),
            (
                "['passed'] includes build.state",
                "string, regular expression, or null",
                "build state enumeration value",
            ),
            (
                "[build.state] == []",
                "string",
                "build state enumeration value",
            ),
            ("[1] == []", "string", "number"),
            ("[null] == []", "string", "null"),
            ("[[]] == []", "string", "string array"),
            ("env(1) == ''", "string", "number"),
            ("env(null) == ''", "string", "null"),
            ("build.env(true) == ''", "string", "boolean"),
            (
                "build.blocked_state =~ /a/",
                "string or null",
                "build blocked state enumeration value",
            ),
            (
                "build.source =~ /a/",
                "string or null",
                "build source enumeration value",
            ),
        ] {
            let expected =
                format!("Validation: unexpected type: expected {expected} but found {found}");
            check(&[(text, &expected)]);
        }
    }

    #[test]
    fn types_that_fit() {
        all(
            "true",
            r#"
            null == null
            null == build.tag
            build.tag == null
            build.state != null
            build.number == 5
            build.number != null
            env(build.state) == ""
            (true ? build.creator.teams : ["x"]) includes "deploy"
            (true ? /ma/ : /x/) == /ma/
            build.branch =~ (true ? /ma/ : null)
            (false ? null : build.state) == "passed"
            "#,
        );
    }

    #[test]
    fn enumerations_have_members() {
        all(
            "true",
            r#"
            build.state == "passed"
            build.state == 'passed'
            build.state != "failed"
            build.state == "$state"
            build.state == "${STATE:-passed}"
            build.state == $state
            build.state == env("state")
            build.source == "webhook"
            build.blocked_state == null
            "#,
        );
        check(&[
            // These two were seen from the server.
            (
                "build.state == 'finished'",
                "Validation: \"finished\" is not a valid `build.state` (line 1, column 16-25)",
            ),
            (
                "build.state == \"fixed\"",
                "Validation: \"fixed\" is not a valid `build.state` — did you mean \"failed\"?",
            ),
            (
                "true &&\n  !(build.source != \"élan\")",
                "Validation: \"élan\" is not a valid `build.source` (line 2, column 21-26)",
            ),
            (
                "(true ? build.state : null) == 'x' ",
                "Validation: \"x\" is not a valid `true ? build.state : null` (line 1, column 32-34)",
            ),
            (
                "build.state == 'a\nb'",
                "Validation: \"a\\nb\" is not a valid `build.state`",
            ),
            (
                "build.state == \"$$passed\"",
                "Validation: \"$$passed\" is not a valid `build.state` — did you mean \"passed\"?",
            ),
            (
                "build.state == \"started_failing\"",
                "Validation: \"started_failing\" is not a valid `build.state` (line 1, column 16-32)",
            ),
            // Only a variable is held against its members.
            ("(true ? 'x' : null) == 'y'", "false"),
        ]);
    }
}
