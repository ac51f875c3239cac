//! Which variables of the environment a condition may name, and how it may name them.
//!
//! Elsewhere: their values (`Facts::env`).
//! Source: buildkite/conditional at af63d27, env.go.

use super::ConditionalError;
use super::parser::{Expression, Node};
use crate::vocabulary::likeness;

const PREFIX: &str = "BUILDKITE_";

/// The variables with Buildkite's prefix that a condition may name.
const SUPPORTED: [&str; 38] = [
    "BUILDKITE_BRANCH",
    "BUILDKITE_TAG",
    "BUILDKITE_MESSAGE",
    "BUILDKITE_COMMIT",
    "BUILDKITE_PIPELINE_SLUG",
    "BUILDKITE_PIPELINE_NAME",
    "BUILDKITE_PIPELINE_ID",
    "BUILDKITE_ORGANIZATION_SLUG",
    "BUILDKITE_TRIGGERED_FROM_BUILD_ID",
    "BUILDKITE_TRIGGERED_FROM_BUILD_NUMBER",
    "BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG",
    "BUILDKITE_TRIGGERED_FROM_BUILD_JOB_ID",
    "BUILDKITE_REBUILT_FROM_BUILD_ID",
    "BUILDKITE_REBUILT_FROM_BUILD_NUMBER",
    "BUILDKITE_REPO",
    "BUILDKITE_PULL_REQUEST",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "BUILDKITE_PULL_REQUEST_REPO",
    "BUILDKITE_PULL_REQUEST_USING_MERGE_REFSPEC",
    "BUILDKITE_MERGE_QUEUE_BASE_BRANCH",
    "BUILDKITE_MERGE_QUEUE_BASE_COMMIT",
    "BUILDKITE_GIT_DIFF_BASE",
    "BUILDKITE_GITHUB_ACTION",
    "BUILDKITE_GITHUB_COMMENT_ID",
    "BUILDKITE_GITHUB_DEPLOYMENT_ID",
    "BUILDKITE_GITHUB_DEPLOYMENT_TASK",
    "BUILDKITE_GITHUB_DEPLOYMENT_ENVIRONMENT",
    "BUILDKITE_GITHUB_DEPLOYMENT_PAYLOAD",
    "BUILDKITE_GITHUB_EVENT",
    "BUILDKITE_GITHUB_REVIEW_ID",
    "BUILDKITE_GITHUB_CHECK_RUN_CONCLUSION",
    "BUILDKITE_GITHUB_CHECK_RUN_NAME",
    "BUILDKITE_GITHUB_DEPLOYMENT_STATUS_ENVIRONMENT",
    "BUILDKITE_GITHUB_DEPLOYMENT_STATUS_STATE",
    "BUILDKITE_GITHUB_RELEASE_DRAFT",
    "BUILDKITE_GITHUB_RELEASE_PRERELEASE",
    "BUILDKITE_GITHUB_RELEASE_TAG",
    "BUILDKITE_GITHUB_REVIEW_STATE",
];

/// Cannot be named in a literal, but can be seen: the library says so of the server.
const SEEN_TOO: &str = "BUILDKITE_PULL_REQUEST_LABELS";

/// Checks the arguments of all `env` and `build.env` that are plain strings.
pub(super) fn check(expression: &Expression) -> Result<(), ConditionalError> {
    if let Node::Call {
        function,
        arguments,
    } = &expression.node
    {
        if matches!(&**function, "env" | "build.env") {
            check_call(function, arguments)?;
        }
    }
    expression.parts().try_for_each(check)
}

fn check_call(function: &str, arguments: &[Expression]) -> Result<(), ConditionalError> {
    let [argument] = arguments else {
        let message = format!("{function} expects exactly one argument");
        return Err(ConditionalError::validation(message));
    };
    let Node::Text(text) = &argument.node else {
        return Ok(());
    };
    text.fixed().map_or(Ok(()), check_name)
}

fn check_name(name: &str) -> Result<(), ConditionalError> {
    // Both functions' errors speak of `env`.
    let message = if name.starts_with('$') {
        let bare = name.replace('$', "");
        let meant = match &*bare {
            "" => String::new(),
            _ => format!(" - did you mean {bare}?"),
        };
        format!("Argument to `env` should not include `$`{meant}")
    } else if !is_name(name) {
        "Argument to `env` should be an environment variable name".to_owned()
    } else if !name.starts_with(PREFIX) || SUPPORTED.contains(&name) {
        return Ok(());
    } else if let Some(meant) = likeness::mistyped(name, SUPPORTED.into_iter()) {
        format!("{name:?} is not a valid environment variable - did you mean {meant:?}?")
    } else {
        unsupported(name)
    };
    Err(ConditionalError::validation(message))
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    !name.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a condition can see the variable at all.
pub(super) fn is_seen(name: &str) -> bool {
    !name.starts_with(PREFIX) || SUPPORTED.contains(&name) || name == SEEN_TOO
}

/// What is said of a variable that a condition cannot see.
pub(super) fn unsupported(name: &str) -> String {
    format!(
        "Interpolation of {name:?} is not supported (see \
         https://buildkite.com/docs/pipelines/environment-variables#variable-interpolation). You can instead \
         interpolate this variable at runtime (see \
         https://buildkite.com/docs/pipelines/environment-variables#runtime-variable-interpolation). If you are \
         still having issues, please contact hello@buildkite.com."
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, check};
    use super::*;

    #[test]
    fn the_names_a_literal_may_have() {
        for name in SUPPORTED {
            for function in ["env", "build.env"] {
                let text = format!("{function}(\"{name}\") == \"main\"");
                let expected = if name == "BUILDKITE_BRANCH" {
                    "true"
                } else {
                    "false"
                };
                check(&[(&text, expected)]);
            }
        }
        all("true", "build.env('FOO_1') == null \n env('foo') == ''");
        let dollar = "Validation: Argument to `env` should not include `$`";
        let meant = |name: &str| format!("{dollar} - did you mean {name}?");
        let no_name = "Validation: Argument to `env` should be an environment variable name";
        let mistyped = |name: &str, meant: &str| {
            format!(
                "Validation: {name:?} is not a valid environment variable - did you mean {meant:?}?"
            )
        };
        check(&[
            ("env('$FOO') == ''", &meant("FOO")),
            (r#"build.env("\$FOO") == '' && nope"#, &meant("FOO")),
            (r#"env("$$FOO") == ''"#, &meant("FOO")),
            ("env('$') == ''", dollar),
            ("env('') == ''", no_name),
            ("env('!') == ''", no_name),
            ("env('FOO-BAR') == ''", no_name),
            ("env('é') == ''", no_name),
            (
                r#"env("BUILDKITE_BRANCHH") == ''"#,
                &mistyped("BUILDKITE_BRANCHH", "BUILDKITE_BRANCH"),
            ),
            (
                "[build.env('BUILDKITE_MESSGE')] == []",
                &mistyped("BUILDKITE_MESSGE", "BUILDKITE_MESSAGE"),
            ),
            (
                "env(env('BUILDKITE_GITHUB_REVIE_STATE')) == ''",
                &mistyped(
                    "BUILDKITE_GITHUB_REVIE_STATE",
                    "BUILDKITE_GITHUB_REVIEW_STATE",
                ),
            ),
            (
                "true ? true : env('BUILDKITE_PULL_REQUEST_LABELS') == ''",
                &mistyped("BUILDKITE_PULL_REQUEST_LABELS", "BUILDKITE_PULL_REQUEST"),
            ),
        ]);
        for name in [
            "BUILDKITE_SOURCE",
            "BUILDKITE_BUILD_NUMBER",
            "BUILDKITE_AGENT_ACCESS_TOKEN",
        ] {
            let text = format!("build.env('{name}') == null");
            check(&[(
                &text,
                &format!(
                    "Validation: Interpolation of \"{name}\" is not supported (see https://buildkite.com/docs/pipelines/environment-variables#variable-interpolation). You can instead interpolate this variable at runtime (see https://buildkite.com/docs/pipelines/environment-variables#runtime-variable-interpolation). If you are still having issues, please contact hello@buildkite.com."
                ),
            )]);
        }
    }

    #[test]
    fn the_number_of_arguments() {
        check(&[
            (
                "env() == ''",
                "Validation: env expects exactly one argument",
            ),
            (
                "!(build.env('A', 'B') == null)",
                "Validation: build.env expects exactly one argument",
            ),
        ]);
    }
}
