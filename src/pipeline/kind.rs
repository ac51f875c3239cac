//! Recognising steps: which kind one is, and where its attributes are.
//!
//! Elsewhere: reading them (`steps`), and what else a step may have (`properties`).
//! Source: buildkite/go-pipeline, `steps.go`, at fd45720; buildkite/pipeline-schema for the nested form; server
//! answers quoted in public threads.

use super::attributes::{self, Attributes};
use super::error::PipelineError;
use super::node::{Entry, Node};
use super::properties::{self, Properties};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    Wait,
    Block,
    Input,
    Trigger,
    Group,
}

/// The keys that tell the kind of a step without a `type`; the first that is there wins.
const TELLING_KEYS: [&str; 10] = [
    "command", "commands", "plugins", "wait", "waiter", "block", "input", "manual", "trigger",
    "group",
];

/// The kind of a step and its attributes, whose names are not checked.
pub(super) fn recognise(item: &Node) -> Result<(Kind, Attributes<'_>), PipelineError> {
    let Some(entries) = item.value.entries() else {
        return recognise_scalar(item);
    };
    let attributes = Attributes {
        at: item.at,
        entries,
    };
    if let Some(kind) = item.value_of("type") {
        return Ok((by_type(kind)?, attributes));
    }
    if let Some((kind, nested)) = nested(entries) {
        return Ok((kind, nested));
    }
    let telling = TELLING_KEYS
        .into_iter()
        .find(|key| item.value_of(key).is_some());
    match telling {
        Some("plugins") => Ok((Kind::Command, attributes)),
        Some(key) => match Kind::named(key) {
            Some(kind) => Ok((kind, attributes)),
            None => Err(missing_type(item)),
        },
        None => Err(missing_type(item)),
    }
}

/// An attribute of a step in either form.
pub(super) fn attribute<'a>(item: &'a Node, name: &str) -> Option<&'a Node> {
    match item.value.entries().and_then(nested) {
        Some((_, attributes)) => attributes.written(name),
        None => item.value_of(name),
    }
}

fn recognise_scalar(item: &Node) -> Result<(Kind, Attributes<'_>), PipelineError> {
    let none = Attributes {
        at: item.at,
        entries: &[],
    };
    match item.value.string() {
        Some("wait" | "waiter") => Ok((Kind::Wait, none)),
        Some("block" | "manual") => Ok((Kind::Block, none)),
        Some("input") => Ok((Kind::Input, none)),
        Some(_) | None => Err(missing_type(item)),
    }
}

/// The older form: one key that names the kind, and under it the attributes.
fn nested(entries: &[Entry]) -> Option<(Kind, Attributes<'_>)> {
    let [entry] = entries else { return None };
    let inner = entry.value.value.entries()?;
    let kind = Kind::named(&entry.key).filter(|kind| *kind != Kind::Group)?;
    let attributes = Attributes {
        at: entry.value.at,
        entries: inner,
    };
    Some((kind, attributes))
}

fn by_type(node: &Node) -> Result<Kind, PipelineError> {
    match Kind::named(&attributes::text("type", node)?) {
        Some(Kind::Group) => {
            let message = "`type` is not a valid property on a step group";
            Err(PipelineError::rejected(node.at, message))
        }
        Some(kind) => Ok(kind),
        None => {
            let reason = "can't be blank, The step type supplied is not supported";
            Err(PipelineError::invalid(node.at, reason))
        }
    }
}

/// Chosen: the same sentence for a string that names no step, of which no answer has been seen.
fn missing_type(item: &Node) -> PipelineError {
    let json = item.value.json();
    PipelineError::rejected(item.at, format!("Step is missing a type `{json}`"))
}

impl Kind {
    /// What a `type`, or the only key of a nested step, stands for.
    fn named(word: &str) -> Option<Self> {
        match word {
            "command" | "commands" | "script" => Some(Self::Command),
            "wait" | "waiter" => Some(Self::Wait),
            "block" | "manual" => Some(Self::Block),
            "input" => Some(Self::Input),
            "trigger" => Some(Self::Trigger),
            "group" => Some(Self::Group),
            _ => None,
        }
    }

    pub(super) fn properties(self) -> &'static Properties {
        match self {
            Self::Command => &properties::COMMAND,
            Self::Wait => &properties::WAIT,
            Self::Block => &properties::BLOCK,
            Self::Input => &properties::INPUT,
            Self::Trigger => &properties::TRIGGER,
            Self::Group => &properties::GROUP,
        }
    }
}
