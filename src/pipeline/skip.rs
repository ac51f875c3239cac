//! `skip`: steps and matrix combinations that are written and not run.
//!
//! Source: Buildkite docs, "Command step", read 2026-08-21.

use super::attributes::{self, must_be};
use super::error::PipelineError;
use super::node::Node;

/// How long a reason may be. Source: Buildkite docs, "Platform limits".
const MAX_REASON: usize = 70;

/// Why something is skipped; empty if it was just told to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SkipReason(pub(crate) String);

/// True, false or a reason.
pub(super) fn skip(name: &str, node: &Node) -> Result<Option<SkipReason>, PipelineError> {
    match attributes::as_boolean(&node.value) {
        Some(true) => return Ok(Some(SkipReason(String::new()))),
        Some(false) => return Ok(None),
        None => {}
    }
    let Some(reason) = node.value.string() else {
        return Err(must_be(name, node, "true, false or a reason"));
    };
    if reason.chars().count() <= MAX_REASON {
        return Ok(Some(SkipReason(reason.to_owned())));
    }
    let too_long = format_args!(
        "The reason provided to `skip` is too long. The maximum length is {MAX_REASON} characters"
    );
    Err(PipelineError::invalid(node.at, too_long))
}

#[cfg(test)]
mod tests {
    use super::super::command::check;
    use super::*;

    #[test]
    fn skips() {
        let longest = "é".repeat(MAX_REASON);
        let too_long =
            "! The reason provided to `skip` is too long. The maximum length is 70 characters";
        check(
            |step| step.skip.map(|reason| reason.0),
            &[
                ("skip: true", r#"Some("")"#),
                ("skip: 'true'", r#"Some("")"#),
                ("skip: 'false'", "None"),
                ("skip: ''", "None"),
                ("skip: ~", "None"),
                ("skip: later", r#"Some("later")"#),
                (&format!("skip: {longest}"), &format!("Some({longest:?})")),
                (&format!("skip: {longest}x"), too_long),
                ("skip: 5", "! `skip` must be true, false or a reason"),
            ],
        );
    }
}
