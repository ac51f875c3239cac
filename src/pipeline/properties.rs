//! Which properties each kind of step has, and what the server says to any other.
//!
//! Elsewhere: what their values must be (`command`, `manual`, `trigger`, `group`), which name a wrong one resembles (`vocabulary::likeness`).
//! Source: the attribute tables of the Buildkite docs and of buildkite/pipeline-schema; server answers quoted in
//! public threads for the sentences.

use super::error::PipelineError;
use super::node::{Entry, Value};
use crate::vocabulary::likeness::mistyped;

/// The properties of one kind of mapping.
#[derive(Debug)]
pub(super) struct Properties {
    /// What the server calls the mapping.
    place: &'static str,
    known: &'static [&'static [&'static str]],
    /// How the sentence ends if nothing similar is known.
    ending: &'static str,
}

const SEE: &str = ". Please check the documentation to get a full list of supported properties.";

const STEP: &[&str] = &[
    "key",
    "identifier",
    "id",
    "label",
    "name",
    "depends_on",
    "allow_dependency_failure",
];
const FILTERS: &[&str] = &["if", "branches"];
const ASKING: &[&str] = &[
    "prompt",
    "submit",
    "fields",
    "blocked_state",
    "allowed_teams",
];

pub(super) const COMMAND: Properties = Properties {
    place: "the `command` step",
    known: &[
        STEP,
        &["type"],
        FILTERS,
        &[
            "command",
            "commands",
            "agents",
            "agent_query_rules",
            "env",
            "artifact_paths",
            "artifacts",
            "timeout_in_minutes",
            "timeout",
            "soft_fail",
            "priority",
            "skip",
            "if_changed",
            "matrix",
            "parallelism",
            "concurrency",
            "concurrency_group",
            "concurrency_method",
            "retry",
            "cancel_on_build_failing",
            "plugins",
            "image",
            "secrets",
            "checkout",
            "cache",
            "notify",
            "signature",
        ],
    ],
    ending: SEE,
};

pub(super) const WAIT: Properties = Properties {
    place: "the `wait` step",
    known: &[STEP, &["type"], FILTERS, &["wait", "continue_on_failure"]],
    ending: SEE,
};

pub(super) const BLOCK: Properties = Properties {
    place: "the `block` step",
    known: &[STEP, &["type"], FILTERS, &["block"], ASKING],
    ending: SEE,
};

pub(super) const INPUT: Properties = Properties {
    place: "the `input` step",
    known: &[STEP, &["type"], FILTERS, &["input"], ASKING],
    ending: SEE,
};

pub(super) const TRIGGER: Properties = Properties {
    place: "the `trigger` step",
    known: &[
        STEP,
        &["type"],
        FILTERS,
        &[
            "trigger",
            "build",
            "async",
            "soft_fail",
            "skip",
            "parallelism",
            "if_changed",
        ],
    ],
    ending: SEE,
};

/// What a trigger step says about the build it creates.
pub(super) const TRIGGERED_BUILD: Properties = Properties {
    place: "the `build` configuration on a `trigger` step",
    known: &[&["branch", "commit", "message", "env", "meta_data"]],
    ending: ".",
};

/// No `type`: of the steps with a `group`, only that key tells.
pub(super) const GROUP: Properties = Properties {
    place: "a step group",
    known: &[
        STEP,
        &["group", "steps", "if", "if_changed", "skip", "notify"],
    ],
    ending: "",
};

impl Properties {
    /// Refuses the first entry that is not among these properties.
    pub(super) fn check(&self, entries: &[Entry]) -> Result<(), PipelineError> {
        entries.iter().try_for_each(|entry| self.check_one(entry))
    }

    fn check_one(&self, entry: &Entry) -> Result<(), PipelineError> {
        let name = &*entry.key;
        if self.names().any(|known| known == name) {
            return Ok(());
        }
        let place = self.place;
        let ending = match mistyped(name, self.names()) {
            Some(meant) => format!(", perhaps you meant `{meant}`?"),
            None => self.ending.to_owned(),
        };
        let message = format!("`{name}` is not a valid property on {place}{ending}");
        Err(PipelineError::rejected(entry.at, message))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().copied().flatten().copied()
    }
}

/// Null, and the empty string that interpolation leaves behind, count as not written.
pub(super) fn is_absent(value: &Value) -> bool {
    *value == Value::Null || matches!(value, Value::String(text) if text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_miss_has_a_suggestion() {
        for (properties, name, meant) in [
            (&COMMAND, "agent", Some("agents")),
            (&COMMAND, "artifacts_path", Some("artifact_paths")),
            (&COMMAND, "depend_on", Some("depends_on")),
            (&COMMAND, "comand", Some("command")),
            (&COMMAND, "expeditor", None),
            (&COMMAND, "continue_on_failure", None),
            (&COMMAND, "", None),
            (&WAIT, "waiter", Some("wait")),
            (&WAIT, "env", None),
            (&WAIT, "concurrency", None),
            (&BLOCK, "manual", None),
            (&BLOCK, "skip", None),
            (&INPUT, "field", Some("fields")),
            (&TRIGGER, "builds", Some("build")),
            (&TRIGGER, "env", None),
            (&TRIGGERED_BUILD, "metadata", Some("meta_data")),
            (&TRIGGERED_BUILD, "type", None),
            (&GROUP, "step", Some("steps")),
            (&GROUP, "type", None),
            (&GROUP, "env", None),
        ] {
            assert_eq!(
                mistyped(name, properties.names()),
                meant,
                "{name} on {}",
                properties.place
            );
        }
    }
}
