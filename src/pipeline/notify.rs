//! `notify`: whom to tell. Read, and kept for whoever acts on it.
//!
//! Elsewhere: the conditions (`conditional`). Not modelled: sending anything anywhere.
//! Source: Buildkite docs, "Triggering notifications", read 2026-08-21.

use super::attributes::{self, Attributes, must_be};
use super::error::PipelineError;
use super::filters::{self, Condition};
use super::json::Json;
use super::node::{Node, Value};

/// One message to one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    /// As Buildkite names it: `slack`, `email`, …
    pub(crate) service: String,
    /// What the service is told; null if nothing.
    pub(crate) configuration: Json,
    pub(crate) condition: Option<Condition>,
}

const STEP_SERVICES: [&str; 4] = [
    "slack",
    "basecamp_campfire",
    "github_commit_status",
    "github_check",
];
const BUILD_SERVICES: [&str; 7] = [
    "slack",
    "basecamp_campfire",
    "github_commit_status",
    "github_check",
    "email",
    "webhook",
    "pagerduty_change_event",
];

/// The list of a step or a group.
pub(super) fn on_step(name: &str, node: &Node) -> Result<Vec<Notification>, PipelineError> {
    notifications(name, node, &STEP_SERVICES)
}

/// The list at the top of a file.
pub(super) fn on_build(name: &str, node: &Node) -> Result<Vec<Notification>, PipelineError> {
    notifications(name, node, &BUILD_SERVICES)
}

fn notifications(
    name: &str,
    node: &Node,
    services: &[&str],
) -> Result<Vec<Notification>, PipelineError> {
    let items = attributes::list(name, node)?;
    items
        .iter()
        .map(|item| notification(name, item, services))
        .collect()
}

/// A service by its name alone, or one key that names it.
fn notification(name: &str, node: &Node, services: &[&str]) -> Result<Notification, PipelineError> {
    let wanted = format!("a list of notifications: {}", services.join(", "));
    let unknown = || must_be(name, node, &wanted);
    let known = |service: &str| services.contains(&service);
    if let Some(service) = node.value.string().filter(|service| known(service)) {
        return Ok(Notification {
            service: service.to_owned(),
            configuration: Json::of(&Value::Null),
            condition: None,
        });
    }
    let entries = node.value.entries().ok_or_else(unknown)?;
    let mut rest = entries.iter().filter(|entry| &*entry.key != "if");
    match (rest.next(), rest.next()) {
        (Some(entry), None) if known(&entry.key) => Ok(Notification {
            service: entry.key.to_string(),
            configuration: Json::of(&entry.value.value),
            condition: filters::condition(Attributes {
                at: node.at,
                entries,
            })?,
        }),
        (_, Some(_)) | (Some(_) | None, None) => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pipeline;

    #[test]
    fn notifications_of_builds_and_steps() {
        let step = "! One of the steps you provided was invalid: `notify` must be a list of notifications: slack, basecamp_campfire, github_commit_status, github_check";
        let build = format!("{step}, email, webhook, pagerduty_change_event");
        for (text, expected) in [
            (
                "notify: [github_check, {email: a@b.c, if: x}, {slack: {channels: ['#a']}}]",
                r##"github_check null None; email "a@b.c" Some("x"); slack {"channels":["#a"]} None"##,
            ),
            (
                "notify: [{github_commit_status: ~}]",
                "github_commit_status null None",
            ),
            ("notify: ~", ""),
            ("notify: []", ""),
            ("notify: [x]", &build),
            ("notify: [{if: x}]", &build),
            ("notify: [{slack: a, email: b}]", &build),
            (
                "notify: {slack: a}",
                "! One of the steps you provided was invalid: `notify` must be a list",
            ),
            ("steps: [{command: a, notify: [{email: b}]}]", step),
            ("steps: [{command: a, notify: [{slack: b}]}]", ""),
        ] {
            let shown = match Pipeline::parse(text) {
                Ok(pipeline) => {
                    let one = |one: &super::Notification| {
                        let condition = one.condition.as_ref().map(|condition| &condition.text);
                        format!("{} {} {condition:?}", one.service, one.configuration.0)
                    };
                    let all: Vec<String> = pipeline.notify.iter().map(one).collect();
                    all.join("; ")
                }
                Err(error) => format!("! {}", error.message()),
            };
            assert_eq!(shown, expected, "for {text}");
        }
    }
}
