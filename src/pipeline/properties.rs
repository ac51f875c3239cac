//! Which properties each kind of step has, which of them this crate honours, and what a misspelt one was meant to be.
//!
//! Elsewhere: what their values must be (`command`, `manual`, `steps`).
//! Source: the attribute tables of the Buildkite docs and of buildkite/pipeline-schema; server answers quoted in
//! public threads for the two sentences.

use super::error::PipelineError;
use super::node::{Entry, Value};

/// The properties of one kind of step.
#[derive(Debug)]
pub(super) struct Properties {
    /// What the server calls the step.
    step: &'static str,
    /// Read, or accepted because nothing here depends on them.
    accepted: &'static [&'static str],
    /// Buildkite acts on them and this crate does not yet.
    later: &'static [&'static str],
}

const SHARED: [&str; 8] = [
    "key",
    "identifier",
    "id",
    "label",
    "name",
    "type",
    "depends_on",
    "allow_dependency_failure",
];

pub(super) const COMMAND: Properties = Properties {
    step: "command",
    accepted: &[
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
        "plugins",
        "image",
        "secrets",
        "checkout",
        "cache",
        "notify",
        "signature",
    ],
    later: &[
        "if",
        "if_changed",
        "branches",
        "matrix",
        "parallelism",
        "concurrency",
        "concurrency_group",
        "concurrency_method",
        "retry",
        "cancel_on_build_failing",
    ],
};

pub(super) const WAIT: Properties = Properties {
    step: "wait",
    accepted: &["wait", "continue_on_failure"],
    later: &["if", "branches"],
};

pub(super) const BLOCK: Properties = Properties {
    step: "block",
    accepted: &[
        "block",
        "prompt",
        "submit",
        "fields",
        "blocked_state",
        "allowed_teams",
    ],
    later: &["if", "branches"],
};

pub(super) const INPUT: Properties = Properties {
    step: "input",
    accepted: &[
        "input",
        "prompt",
        "submit",
        "fields",
        "blocked_state",
        "allowed_teams",
    ],
    later: &["if", "branches"],
};

impl Properties {
    /// Refuses the first entry that is not among these properties, or that would be ignored.
    pub(super) fn check(&self, entries: &[Entry]) -> Result<(), PipelineError> {
        entries.iter().try_for_each(|entry| self.check_one(entry))
    }

    fn check_one(&self, entry: &Entry) -> Result<(), PipelineError> {
        let name = &*entry.key;
        if SHARED.contains(&name) || self.accepted.contains(&name) {
            return Ok(());
        }
        let step = self.step;
        if self.later.contains(&name) {
            // Without a value it says nothing, so nothing is ignored.
            if is_absent(&entry.value.value) {
                return Ok(());
            }
            let what = format!("`{name}` on the `{step}` step");
            return Err(PipelineError::unmodelled(entry.at, what));
        }
        let all = SHARED.iter().chain(self.accepted).chain(self.later);
        let ending = match nearest(name, all.copied()) {
            Some(meant) => format!(", perhaps you meant `{meant}`?"),
            None => ". Please check the documentation to get a full list of supported properties."
                .to_owned(),
        };
        let message = format!("`{name}` is not a valid property on the `{step}` step{ending}");
        Err(PipelineError::rejected(entry.at, message))
    }
}

/// Null, and the empty string that interpolation leaves behind, count as not written.
pub(super) fn is_absent(value: &Value) -> bool {
    *value == Value::Null || matches!(value, Value::String(text) if text.is_empty())
}

/// The known name most like `name`, if one is like it at all; of two alike the first.
/// Chosen: the measure and the thresholds of Ruby's own "did you mean", as the server is written in Ruby.
fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let threshold = if name.chars().count() > 3 {
        0.834
    } else {
        0.77
    };
    let mut best = None;
    let mut best_score = threshold;
    for candidate in known {
        let score = jaro_winkler(name, candidate);
        if score > best_score {
            (best, best_score) = (Some(candidate), score);
        }
    }
    best
}

/// Jaro similarity, raised for a common beginning of up to four characters. 0 is unlike, 1 is equal.
fn jaro_winkler(left: &str, right: &str) -> f64 {
    let jaro = jaro(left, right);
    if jaro <= 0.7 {
        return jaro;
    }
    let common = left.chars().zip(right.chars()).take(4);
    let prefix = common
        .take_while(|(left, right)| left == right)
        .fold(0.0, |length, _| length + 1.0);
    jaro + prefix * 0.1 * (1.0 - jaro)
}

#[allow(clippy::cast_precision_loss)] // names are short
fn jaro(left: &str, right: &str) -> f64 {
    // Longer ones resemble no property; this bounds the quadratic work.
    let left: Vec<char> = left.chars().take(100).collect();
    let right: Vec<char> = right.chars().collect();
    let reach = (left.len().max(right.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; right.len()];
    let mut matched_left = vec![];
    for (at, character) in left.iter().enumerate() {
        let window = at.saturating_sub(reach)..(at + reach + 1).min(right.len());
        if let Some(other) = window
            .into_iter()
            .find(|&other| !taken[other] && right[other] == *character)
        {
            taken[other] = true;
            matched_left.push(character);
        }
    }
    if matched_left.is_empty() {
        return 0.0;
    }
    let matched_right = right.iter().zip(&taken).filter(|(_, taken)| **taken);
    let moved = matched_left
        .iter()
        .zip(matched_right)
        .filter(|(left, (right, _))| **left != *right);
    let transpositions = moved.count() as f64 / 2.0;
    let matches = matched_left.len() as f64;
    (matches / left.len() as f64
        + matches / right.len() as f64
        + (matches - transpositions) / matches)
        / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_has_its_known_values() {
        for (left, right, expected) in [
            ("martha", "marhta", 0.961),
            ("dwayne", "duane", 0.840),
            ("dixon", "dicksonx", 0.813),
            ("agent", "agents", 0.967),
            ("same", "same", 1.0),
            ("", "x", 0.0),
            ("abc", "xyz", 0.0),
        ] {
            let found = jaro_winkler(left, right);
            assert!((found - expected).abs() < 0.001, "{left} {right}: {found}");
        }
    }

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
        ] {
            let all = SHARED
                .iter()
                .chain(properties.accepted)
                .chain(properties.later);
            assert_eq!(
                nearest(name, all.copied()),
                meant,
                "{name} on {}",
                properties.step
            );
        }
    }
}
