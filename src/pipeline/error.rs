//! Why a pipeline was not taken: whose refusal it is, its exact text, and where in the file it points.
//!
//! Elsewhere: who raises it (every file beside this one), the HTTP status it becomes (`http`).
//! Source: the errors of buildkite/go-pipeline at fd45720, and server answers quoted in public threads.

use std::fmt;

/// A place in the text, both numbers counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Who says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// YAML or go-pipeline does: an agent fails before it sends anything.
    Parse,
    /// Buildkite's server does, with status 422.
    Rejected,
    /// Buildkite would take it; this crate cannot honour it and says so rather than ignore it.
    Unmodelled,
}

/// The step an error is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StepPlace {
    /// Of the group it is in, if it is in one.
    pub(crate) group: Option<usize>,
    /// Counted from 0, as in the list.
    pub(crate) index: usize,
    /// Its key, else its label, as written.
    pub(crate) name: Option<String>,
}

/// A pipeline that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PipelineError {
    refusal: Refusal,
    message: String,
    position: Position,
    step: Option<StepPlace>,
}

/// How the server begins when a step does not validate.
const INVALID: &str = "One of the steps you provided was invalid: ";

impl PipelineError {
    pub(super) fn parse(position: Position, message: impl Into<String>) -> Self {
        Self::new(Refusal::Parse, position, message.into())
    }

    pub(super) fn rejected(position: Position, message: impl Into<String>) -> Self {
        Self::new(Refusal::Rejected, position, message.into())
    }

    /// The step was understood, but its model does not validate: the server's prefix, then `reason`.
    pub(super) fn invalid(position: Position, reason: impl fmt::Display) -> Self {
        let message = format!("{INVALID}{reason}");
        Self::new(Refusal::Rejected, position, message)
    }

    pub(super) fn unmodelled(position: Position, what: impl fmt::Display) -> Self {
        let message = format!("This fake does not model {what} yet");
        Self::new(Refusal::Unmodelled, position, message)
    }

    /// As the tables of tests show a refusal: the reason alone.
    #[cfg(test)]
    pub(super) fn in_a_table(&self) -> String {
        let reason = self.message.strip_prefix(INVALID);
        format!("! {}", reason.unwrap_or(&self.message))
    }

    fn new(refusal: Refusal, position: Position, message: String) -> Self {
        Self {
            refusal,
            message,
            position,
            step: None,
        }
    }

    /// Inside a group the inner step is the one to name.
    pub(super) fn in_step(self, step: StepPlace) -> Self {
        let step = match self.step {
            Some(inner) => StepPlace {
                group: Some(step.index),
                ..inner
            },
            None => step,
        };
        Self {
            step: Some(step),
            ..self
        }
    }

    /// The same refusal, its text after `prefix`.
    pub(super) fn after(self, prefix: &str) -> Self {
        Self {
            message: format!("{prefix}{}", self.message),
            ..self
        }
    }

    /// Who says no.
    pub(crate) fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// Buildkite's words and nothing else (ours, if the refusal is ours).
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A property name may hold a line break; the line must stay one.
        let message = self.message.replace('\n', "\\n");
        let Position { line, column } = self.position;
        write!(f, "{message} (line {line}, column {column}")?;
        match &self.step {
            Some(step) => write!(f, ", {step})"),
            None => f.write_str(")"),
        }
    }
}

impl std::error::Error for PipelineError {}

impl fmt::Display for StepPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("step ")?;
        if let Some(group) = self.group {
            write!(f, "{}.", group + 1)?;
        }
        write!(f, "{}", self.index + 1)?;
        match &self.name {
            Some(name) => write!(f, " {name:?}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Position = Position { line: 3, column: 5 };

    fn second(name: Option<&str>) -> StepPlace {
        StepPlace {
            group: None,
            index: 1,
            name: name.map(str::to_owned),
        }
    }

    #[test]
    fn an_error_is_one_line_and_its_message_is_bare() {
        let plain = PipelineError::parse(HERE, "EOF");
        let inside = PipelineError::rejected(HERE, "a\nb").in_step(second(Some("x\ny")));
        let group = StepPlace {
            index: 2,
            ..second(None)
        };
        let child = PipelineError::rejected(HERE, "x")
            .in_step(second(Some("y")))
            .in_step(group);
        let nameless = PipelineError::unmodelled(HERE, "`trigger` steps").in_step(second(None));
        for (error, message, shown) in [
            (plain, "EOF", "EOF (line 3, column 5)"),
            (inside, "a\nb", r#"a\nb (line 3, column 5, step 2 "x\ny")"#),
            (child, "x", r#"x (line 3, column 5, step 3.2 "y")"#),
            (
                nameless,
                "This fake does not model `trigger` steps yet",
                "This fake does not model `trigger` steps yet (line 3, column 5, step 2)",
            ),
        ] {
            assert_eq!(error.message(), message);
            assert_eq!(error.to_string(), shown);
        }
    }
}
