//! Visual steps: what people put together on the web, or sent as `steps`, before there was YAML.
//!
//! They are kept as they were given, because that is how they are shown, and become a [`Definition`] like any other, so
//! that builds know nothing of them.
//!
//! Elsewhere: reading them from a request (`http`), showing them (`wire`).
//! Chosen: a build fills in `$` expressions as it does for YAML steps.
//! Source: Buildkite docs, "Pipelines API", section "Create a visual step pipeline".

use std::sync::Arc;

use super::Definition;
use super::error::{PipelineError, Position};
use super::node::{Entry, Node, Value};

/// A step as it was given. Empty texts stay, as the API shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VisualStep {
    Script(VisualScript),
    Waiter,
    Manual { label: Option<String> },
    Trigger(VisualTrigger),
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct VisualScript {
    pub(crate) name: Option<String>,
    pub(crate) command: Option<String>,
    /// Several are joined by `;`.
    pub(crate) artifact_paths: Option<String>,
    /// Branch patterns.
    pub(crate) branch_configuration: Option<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) timeout_in_minutes: Option<u32>,
    pub(crate) agent_query_rules: Vec<String>,
    pub(crate) concurrency: Option<u32>,
    /// Not shown.
    pub(crate) concurrency_group: Option<String>,
    pub(crate) parallelism: Option<u32>,
}

/// A build of another pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct VisualTrigger {
    pub(crate) label: Option<String>,
    /// The slug of the other pipeline.
    pub(crate) pipeline: String,
    pub(crate) message: Option<String>,
    pub(crate) commit: Option<String>,
    pub(crate) branch: Option<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) is_async: bool,
    pub(crate) branch_configuration: Option<String>,
    pub(crate) parallelism: Option<u32>,
}

impl Definition {
    /// What builds are made of from visual steps. `pipeline` is a name that no other pipeline has.
    pub(crate) fn visual(steps: &[VisualStep], pipeline: &str) -> Result<Self, PipelineError> {
        let item = |(n, step): (usize, &VisualStep)| step.node(&format!("{pipeline}/{n}"));
        let items: Vec<_> = steps.iter().enumerate().map(item).collect();
        Self::of(mapping([("steps", Some(node(Value::Seq(items.into()))))]))
    }
}

impl VisualStep {
    /// The same step as YAML has it. `name` is one that no other step has.
    fn node(&self, name: &str) -> Node {
        match self {
            Self::Script(step) => step.node(name),
            Self::Waiter => text("wait"),
            Self::Manual { label } => mapping([
                ("type", Some(text("manual"))),
                ("label", maybe(label.as_deref())),
            ]),
            Self::Trigger(step) => step.node(),
        }
    }
}

impl VisualScript {
    fn node(&self, name: &str) -> Node {
        // Chosen: a limit without a group is the step's own.
        let group = self.concurrency.map(|_| name);
        let group = self.concurrency_group.as_deref().or(group);
        let rules = self.agent_query_rules.iter().map(|rule| text(rule));
        let rules = node(Value::Seq(rules.collect()));
        mapping([
            ("type", Some(text("script"))),
            ("label", maybe(self.name.as_deref())),
            ("command", maybe(self.command.as_deref())),
            ("artifact_paths", maybe(self.artifact_paths.as_deref())),
            ("branches", maybe(self.branch_configuration.as_deref())),
            ("env", pairs(&self.env)),
            ("timeout_in_minutes", self.timeout_in_minutes.map(number)),
            (
                "agents",
                Some(rules).filter(|_| !self.agent_query_rules.is_empty()),
            ),
            ("concurrency", self.concurrency.map(number)),
            ("concurrency_group", maybe(group)),
            ("parallelism", self.parallelism.map(number)),
        ])
    }
}

impl VisualTrigger {
    fn node(&self) -> Node {
        let build = mapping([
            ("message", maybe(self.message.as_deref())),
            ("commit", maybe(self.commit.as_deref())),
            ("branch", maybe(self.branch.as_deref())),
            ("env", pairs(&self.env)),
        ]);
        mapping([
            ("type", Some(text("trigger"))),
            ("label", maybe(self.label.as_deref())),
            ("trigger", maybe(Some(&self.pipeline))),
            ("build", Some(build)),
            ("async", Some(node(Value::Bool(self.is_async)))),
            ("branches", maybe(self.branch_configuration.as_deref())),
            ("parallelism", self.parallelism.map(number)),
        ])
    }
}

/// There is no text that a place could be in.
const NOWHERE: Position = Position { line: 1, column: 1 };

fn node(value: Value) -> Node {
    Node { value, at: NOWHERE }
}

fn text(text: &str) -> Node {
    node(Value::String(text.into()))
}

/// Empty is the same as absent.
fn maybe(value: Option<&str>) -> Option<Node> {
    value.filter(|value| !value.is_empty()).map(text)
}

fn number(number: u32) -> Node {
    node(Value::Int(number.into()))
}

fn pairs(pairs: &[(String, String)]) -> Option<Node> {
    let entries = pairs.iter().map(|(key, value)| entry(key, text(value)));
    let entries: Arc<[Entry]> = entries.collect();
    (!entries.is_empty()).then(|| node(Value::Map(entries)))
}

fn mapping<const N: usize>(entries: [(&str, Option<Node>); N]) -> Node {
    let entries = entries.into_iter();
    let entries = entries.filter_map(|(key, value)| Some(entry(key, value?)));
    node(Value::Map(entries.collect()))
}

fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.into(),
        at: NOWHERE,
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> String {
        let pipeline = Definition::load(text).expect("YAML").pipeline();
        shown(&pipeline.map(|pipeline| pipeline.steps))
    }

    fn visual(steps: &[VisualStep]) -> String {
        let pipeline = Definition::visual(steps, "x").expect("steps").pipeline();
        shown(&pipeline.map(|pipeline| pipeline.steps))
    }

    /// Without the lines that steps are on.
    fn shown(steps: &Result<Vec<super::super::Step>, PipelineError>) -> String {
        let text = format!("{steps:?}");
        text.split("line: ")
            .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()))
            .collect()
    }

    #[test]
    fn a_visual_step_is_the_step_that_yaml_has() {
        let some = |text: &str| Some(text.to_owned());
        let script = VisualScript {
            name: some("Build"),
            command: some("make"),
            artifact_paths: some("log/*;out"),
            branch_configuration: some("main !x"),
            env: vec![("A".to_owned(), "1".to_owned())],
            timeout_in_minutes: Some(10),
            agent_query_rules: vec!["aws=true".to_owned()],
            concurrency: Some(1),
            concurrency_group: some("deploy"),
            parallelism: Some(2),
        };
        let trigger = VisualTrigger {
            label: some("Ship"),
            pipeline: "deploy".to_owned(),
            message: some("Go"),
            commit: some("HEAD"),
            branch: some("main"),
            env: vec![("B".to_owned(), "2".to_owned())],
            is_async: true,
            branch_configuration: some("main"),
            parallelism: None,
        };
        let steps = [
            VisualStep::Script(script),
            VisualStep::Waiter,
            VisualStep::Manual { label: some("Ok?") },
            VisualStep::Script(VisualScript::default()),
            VisualStep::Manual { label: some("") },
            VisualStep::Script(VisualScript {
                command: some("one by one"),
                concurrency: Some(1),
                ..VisualScript::default()
            }),
            VisualStep::Trigger(trigger),
        ];
        let expected = "
- {label: Build, command: make, artifact_paths: [log/*, out], branches: 'main !x', env: {A: '1'}, timeout_in_minutes: 10, agents: {aws: 'true'}, concurrency: 1, concurrency_group: deploy, parallelism: 2}
- wait
- block: Ok?
- type: script
- block
- {command: one by one, concurrency: 1, concurrency_group: x/5}
- {trigger: deploy, label: Ship, async: true, branches: main, build: {message: Go, commit: HEAD, branch: main, env: {B: '2'}}}
";
        assert_eq!(visual(&steps), yaml(expected));
    }

    #[test]
    fn a_trigger_needs_a_pipeline() {
        let refused = visual(&[VisualStep::Trigger(VisualTrigger::default())]);
        assert!(refused.contains("`trigger` can't be blank"), "{refused}");
    }
}
