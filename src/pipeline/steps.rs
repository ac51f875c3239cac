//! Nodes -> typed steps, in the order written.
//!
//! Elsewhere: which kind a step is (`kind`), what only one kind has (a file each), what all have (`common`), which
//! jobs a step becomes (`engine`, and `matrix` for the combinations).
//! Source: buildkite/go-pipeline, `steps.go`, at fd45720; server answers quoted in public threads.

use std::collections::BTreeSet;

use super::attributes::Attributes;
use super::command::{CommandStep, Defaults};
use super::common::{Common, KEYS};
use super::error::{PipelineError, StepPlace};
use super::filters::{Condition, Filters, IfChangedText};
use super::group::GroupStep;
use super::kind::{Kind, attribute, recognise};
use super::manual::ManualStep;
use super::node::Node;
use super::skip::SkipReason;
use super::trigger::TriggerStep;

/// How many jobs the steps of one file may become; a single step, too.
/// Chosen: 20 times Buildkite's documented 500 jobs an upload, which not every organization is held to. It keeps a
/// slip of the pen (`parallelism: 1000000000`) from filling the memory.
pub(super) const MAX_JOBS: u32 = 10_000;

/// One item of `steps`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most are commands")]
pub(crate) enum Step {
    Command(CommandStep),
    Wait(WaitStep),
    Block(ManualStep),
    Input(ManualStep),
    Trigger(TriggerStep),
    Group(GroupStep),
}

/// A step that holds back those after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitStep {
    pub(crate) common: Common,
    /// Nothing shows it.
    pub(crate) label: Option<String>,
    pub(crate) continue_on_failure: bool,
    pub(crate) condition: Option<Condition>,
    pub(crate) branches: Option<Vec<String>>,
}

impl Step {
    /// What every step has.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::Command(step) => &step.common,
            Self::Wait(step) => &step.common,
            Self::Block(step) | Self::Input(step) => &step.common,
            Self::Trigger(step) => &step.common,
            Self::Group(step) => &step.common,
        }
    }

    /// As written, matrix and `%n` tokens included.
    pub(crate) fn label(&self) -> Option<&str> {
        match self {
            Self::Command(step) => step.label.as_deref(),
            Self::Wait(step) => step.label.as_deref(),
            Self::Block(step) | Self::Input(step) => step.label.as_deref(),
            Self::Trigger(step) => step.label.as_deref(),
            Self::Group(step) => step.label.as_deref(),
        }
    }

    /// Its own `if`, not that of its group.
    pub(crate) fn condition(&self) -> Option<&Condition> {
        match self {
            Self::Command(step) => step.condition.as_ref(),
            Self::Wait(step) => step.condition.as_ref(),
            Self::Block(step) | Self::Input(step) => step.condition.as_ref(),
            Self::Trigger(step) => step.condition.as_ref(),
            Self::Group(step) => step.condition.as_ref(),
        }
    }

    /// Patterns for the branch; groups have none.
    pub(crate) fn branches(&self) -> Option<&[String]> {
        match self {
            Self::Command(step) => step.branches.as_deref(),
            Self::Wait(step) => step.branches.as_deref(),
            Self::Block(step) | Self::Input(step) => step.branches.as_deref(),
            Self::Trigger(step) => step.branches.as_deref(),
            Self::Group(_) => None,
        }
    }

    /// Patterns for changed files.
    pub(crate) fn if_changed(&self) -> Option<&IfChangedText> {
        match self {
            Self::Command(step) => step.if_changed.as_ref(),
            Self::Trigger(step) => step.if_changed.as_ref(),
            Self::Group(step) => step.if_changed.as_ref(),
            Self::Wait(_) | Self::Block(_) | Self::Input(_) => None,
        }
    }

    /// Why it is skipped, if it is; not whether its group is.
    pub(crate) fn skip(&self) -> Option<&SkipReason> {
        match self {
            Self::Command(step) => step.skip.as_ref(),
            Self::Trigger(step) => step.skip.as_ref(),
            Self::Group(step) => step.skip.as_ref(),
            Self::Wait(_) | Self::Block(_) | Self::Input(_) => None,
        }
    }

    /// How many jobs it becomes, those that will not run included. A group is what its steps are.
    pub(crate) fn job_count(&self) -> usize {
        match self {
            Self::Command(step) => match (&step.matrix, step.parallelism) {
                (Some(matrix), _) => matrix.job_count(),
                (None, parallelism) => parallelism.map_or(1, |jobs| jobs as usize),
            },
            Self::Trigger(step) => step.parallelism.map_or(1, |jobs| jobs as usize),
            Self::Wait(_) | Self::Block(_) | Self::Input(_) => 1,
            Self::Group(step) => step.steps.iter().map(Self::job_count).sum(),
        }
    }
}

/// What the steps read so far leave to those after them.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    defaults: &'a Defaults,
    keys: BTreeSet<String>,
    jobs: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn new(defaults: &'a Defaults) -> Self {
        Self {
            defaults,
            keys: BTreeSet::new(),
            jobs: 0,
        }
    }

    /// The steps of the file in the order written.
    pub(super) fn steps(&mut self, items: &[Node]) -> Result<Vec<Step>, PipelineError> {
        self.read_all(items, Self::step)
    }

    /// The steps of a group.
    pub(super) fn steps_of_group(&mut self, items: &[Node]) -> Result<Vec<Step>, PipelineError> {
        self.read_all(items, |reading, item| {
            let (kind, attributes) = recognise(item)?;
            if kind == Kind::Group {
                // Chosen: that it is refused is documented, in which words is not.
                return Err(PipelineError::invalid(
                    item.at,
                    "a group can't contain another group",
                ));
            }
            reading.step_of(kind, item, attributes)
        })
    }

    fn read_all(
        &mut self,
        items: &[Node],
        mut read: impl FnMut(&mut Self, &Node) -> Result<Step, PipelineError>,
    ) -> Result<Vec<Step>, PipelineError> {
        let one = |(index, item)| {
            read(self, item)
                .map_err(|error: PipelineError| error.in_step(StepPlace::of(index, item)))
        };
        items.iter().enumerate().map(one).collect()
    }

    fn step(&mut self, item: &Node) -> Result<Step, PipelineError> {
        let (kind, attributes) = recognise(item)?;
        self.step_of(kind, item, attributes)
    }

    fn step_of(
        &mut self,
        kind: Kind,
        item: &Node,
        attributes: Attributes<'_>,
    ) -> Result<Step, PipelineError> {
        if kind == Kind::Trigger {
            TriggerStep::check_no_concurrency(attributes)?;
        }
        kind.properties().check(attributes.entries)?;
        let common = Common::read(attributes)?;
        self.note_key(item, common.key.as_deref())?;
        let step = match kind {
            Kind::Command => {
                CommandStep::read(common, attributes, self.defaults).map(Step::Command)
            }
            Kind::Wait => wait(common, attributes).map(Step::Wait),
            Kind::Block => ManualStep::read(common, attributes, "block").map(Step::Block),
            Kind::Input => ManualStep::read(common, attributes, "input").map(Step::Input),
            Kind::Trigger => TriggerStep::read(common, attributes).map(Step::Trigger),
            Kind::Group => GroupStep::read(common, attributes, self).map(Step::Group),
        }?;
        if kind != Kind::Group {
            self.jobs += step.job_count();
        }
        if self.jobs > MAX_JOBS as usize {
            let message = format!("The steps of this pipeline become more than {MAX_JOBS} jobs");
            return Err(PipelineError::rejected(item.at, message));
        }
        Ok(step)
    }

    /// A key is used once in a build, and a group's is one of them.
    fn note_key(&mut self, item: &Node, key: Option<&str>) -> Result<(), PipelineError> {
        let Some(key) = key else { return Ok(()) };
        let node = KEYS.into_iter().find_map(|name| attribute(item, name));
        if node.is_some_and(|node| node.value.is_template()) || self.keys.insert(key.to_owned()) {
            return Ok(());
        }
        let message =
            format!("The key \"{key}\" has already been used by another step in this build");
        let at = node.map_or(item.at, |node| node.at);
        Err(PipelineError::rejected(at, message))
    }
}

fn wait(common: Common, attributes: Attributes<'_>) -> Result<WaitStep, PipelineError> {
    let Filters {
        condition,
        branches,
    } = Filters::read(attributes)?;
    Ok(WaitStep {
        common,
        label: attributes.text(&["wait", "label", "name"])?,
        continue_on_failure: attributes.flag("continue_on_failure")?,
        condition,
        branches,
    })
}

impl StepPlace {
    /// Where a step is, told from its text, as it may not be a step at all.
    pub(super) fn of(index: usize, item: &Node) -> Self {
        let names = [
            "key",
            "id",
            "identifier",
            "label",
            "name",
            "block",
            "input",
            "wait",
            "group",
            "trigger",
        ];
        let texts = names
            .into_iter()
            .filter_map(|name| attribute(item, name)?.value.text());
        let name = texts.into_iter().find(|text| !text.is_empty());
        Self {
            group: None,
            index,
            name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pipeline, Refusal};
    use super::*;

    /// Each case: one step in flow style, and its kind and some of its parts, or who refuses it and why.
    fn check<T: std::fmt::Debug>(part: fn(Step) -> T, cases: &[(&str, &str)]) {
        for (written, expected) in cases {
            let shown = match Pipeline::parse(&format!("steps: [{written}]")) {
                Ok(mut pipeline) => format!("{:?}", pipeline.steps.pop().map(part)),
                Err(error) => format!("{:?} {}", error.refusal(), error.message()),
            };
            assert_eq!(shown, *expected, "for `{written}`");
        }
    }

    fn kind(step: Step) -> (&'static str, Option<String>) {
        match step {
            Step::Command(step) => ("command", step.command),
            Step::Wait(_) => ("wait", None),
            Step::Block(step) => ("block", step.label),
            Step::Input(step) => ("input", step.label),
            Step::Trigger(step) => ("trigger", Some(step.pipeline)),
            Step::Group(step) => ("group", step.label),
        }
    }

    #[test]
    fn every_form_of_every_kind() {
        check(
            kind,
            &[
                ("wait", r#"Some(("wait", None))"#),
                ("waiter", r#"Some(("wait", None))"#),
                ("block", r#"Some(("block", None))"#),
                ("manual", r#"Some(("block", None))"#),
                ("input", r#"Some(("input", None))"#),
                ("{command: a}", r#"Some(("command", Some("a")))"#),
                ("{command: ~}", r#"Some(("command", Some("")))"#),
                (
                    "{commands: [a, b], command: c}",
                    r#"Some(("command", Some("a\nb")))"#,
                ),
                ("{plugins: [docker]}", r#"Some(("command", None))"#),
                ("{type: script}", r#"Some(("command", None))"#),
                (
                    "{type: command, command: a}",
                    r#"Some(("command", Some("a")))"#,
                ),
                (
                    "{type: commands, commands: a}",
                    r#"Some(("command", Some("a")))"#,
                ),
                ("{command: {command: a}}", r#"Some(("command", Some("a")))"#),
                (
                    "{commands: {command: a}}",
                    r#"Some(("command", Some("a")))"#,
                ),
                ("{script: {command: a}}", r#"Some(("command", Some("a")))"#),
                ("{wait: ~}", r#"Some(("wait", None))"#),
                ("{wait: text, name: n}", r#"Some(("wait", None))"#),
                ("{type: waiter}", r#"Some(("wait", None))"#),
                (
                    "{waiter: {continue_on_failure: true}}",
                    r#"Some(("wait", None))"#,
                ),
                ("{block: b}", r#"Some(("block", Some("b")))"#),
                ("{block: {label: b}}", r#"Some(("block", Some("b")))"#),
                ("{type: manual, label: b}", r#"Some(("block", Some("b")))"#),
                ("{input: i}", r#"Some(("input", Some("i")))"#),
                ("{type: input, label: i}", r#"Some(("input", Some("i")))"#),
                ("{input: {name: i}}", r#"Some(("input", Some("i")))"#),
                ("{trigger: t}", r#"Some(("trigger", Some("t")))"#),
                ("{trigger: {trigger: t}}", r#"Some(("trigger", Some("t")))"#),
                (
                    "{type: trigger, trigger: t}",
                    r#"Some(("trigger", Some("t")))"#,
                ),
                ("{group: g, steps: [wait]}", r#"Some(("group", Some("g")))"#),
                (
                    "{command: a, plugins: [], image: i, secrets: [s], checkout: {skip: true}, cache: c, notify: [], signature: {}}",
                    r#"Some(("command", Some("a")))"#,
                ),
                (
                    "{command: a, if: ~, retry: ~, branches: ''}",
                    r#"Some(("command", Some("a")))"#,
                ),
            ],
        );
    }

    #[test]
    fn what_the_agent_refuses() {
        let inside = "Parse unmarshaling Pipeline: unmarshaling step: ";
        check(
            kind,
            &[
                ("~", &format!("{inside}unsupported type <nil>")),
                ("5", &format!("{inside}unsupported type int")),
                (
                    "[wait]",
                    &format!("{inside}unsupported type []interface {{}}"),
                ),
                ("2020-01-01", &format!("{inside}unsupported type time.Time")),
                (
                    "{type: 3}",
                    &format!("{inside}step's `type` key was int (value 3), want string"),
                ),
                (
                    "{type: ~}",
                    &format!("{inside}step's `type` key was <nil> (value <nil>), want string"),
                ),
                (
                    "{type: 1.50}",
                    &format!("{inside}step's `type` key was float64 (value 1.5), want string"),
                ),
                (
                    "{type: [a, true]}",
                    &format!(
                        "{inside}step's `type` key was []interface {{}} (value [a true]), want string"
                    ),
                ),
                (
                    "{command: a, agent: b}, ~",
                    &format!("{inside}unsupported type <nil>"),
                ),
            ],
        );
    }

    #[test]
    fn what_the_server_refuses() {
        let see = "Please check the documentation to get a full list of supported properties.";
        check(
            kind,
            &[
                (
                    "{name: foo}",
                    r#"Rejected Step is missing a type `{"name":"foo"}`"#,
                ),
                (
                    "{script: make}",
                    r#"Rejected Step is missing a type `{"script":"make"}`"#,
                ),
                ("{}", "Rejected Step is missing a type `{}`"),
                (
                    "catawumpus",
                    r#"Rejected Step is missing a type `"catawumpus"`"#,
                ),
                (
                    "{type: mystery}",
                    "Rejected One of the steps you provided was invalid: can't be blank, The step type supplied is not supported",
                ),
                (
                    "{type: group}",
                    "Rejected `type` is not a valid property on a step group",
                ),
                (
                    "{command: a, agent: b}",
                    "Rejected `agent` is not a valid property on the `command` step, perhaps you meant `agents`?",
                ),
                (
                    "{command: a, expeditor: b}",
                    &format!(
                        "Rejected `expeditor` is not a valid property on the `command` step. {see}"
                    ),
                ),
                (
                    "{waiter: foobarbaz}",
                    "Rejected `waiter` is not a valid property on the `wait` step, perhaps you meant `wait`?",
                ),
                (
                    "{wait: ~, env: {}}",
                    &format!("Rejected `env` is not a valid property on the `wait` step. {see}"),
                ),
                (
                    "{wait: ~, concurrency: 1}",
                    &format!(
                        "Rejected `concurrency` is not a valid property on the `wait` step. {see}"
                    ),
                ),
                (
                    "{command: a, parallelism: 9999}, wait, wait",
                    "Rejected The steps of this pipeline become more than 10000 jobs",
                ),
                (
                    "{group: g, type: group, steps: [wait]}",
                    "Rejected `type` is not a valid property on a step group",
                ),
                (
                    "{group: {steps: [wait]}}",
                    "Rejected The `steps` property is required for a group",
                ),
                (
                    "{manual: x}",
                    &format!(
                        "Rejected `manual` is not a valid property on the `block` step. {see}"
                    ),
                ),
                (
                    "{block: x, skip: true}",
                    &format!("Rejected `skip` is not a valid property on the `block` step. {see}"),
                ),
                (
                    "{input: x, soft_fail: true}",
                    &format!(
                        "Rejected `soft_fail` is not a valid property on the `input` step. {see}"
                    ),
                ),
                (
                    "{wait: [a], key: b}",
                    "Rejected One of the steps you provided was invalid: `wait` must be a string",
                ),
            ],
        );
    }

    #[test]
    fn a_wait_may_go_on_after_failures() {
        fn part(step: Step) -> Option<bool> {
            match step {
                Step::Wait(step) => Some(step.continue_on_failure),
                Step::Command(_)
                | Step::Block(_)
                | Step::Input(_)
                | Step::Trigger(_)
                | Step::Group(_) => None,
            }
        }
        check(
            part,
            &[
                ("wait", "Some(Some(false))"),
                ("{wait: ~, continue_on_failure: true}", "Some(Some(true))"),
                ("{wait: {continue_on_failure: 'true'}}", "Some(Some(true))"),
                (
                    "{wait: ~, continue_on_failure: maybe}",
                    "Rejected One of the steps you provided was invalid: `continue_on_failure` must be true or false",
                ),
            ],
        );
    }

    #[test]
    fn an_error_names_its_step_and_place() {
        for (text, refusal, shown) in [
            (
                "steps:\n  - command: a\n  - label: Tests\n    command: b\n    agent: c\n",
                Refusal::Rejected,
                r#"`agent` is not a valid property on the `command` step, perhaps you meant `agents`? (line 5, column 5, step 2 "Tests")"#,
            ),
            (
                "- wait\n- key: k\n  block: b\n  skip: c\n",
                Refusal::Rejected,
                r#"`skip` is not a valid property on the `block` step. Please check the documentation to get a full list of supported properties. (line 4, column 3, step 2 "k")"#,
            ),
            (
                "- wait\n- group: g\n  steps:\n  - wait\n  - label: l\n",
                Refusal::Rejected,
                r#"Step is missing a type `{"label":"l"}` (line 5, column 5, step 2.2 "l")"#,
            ),
            (
                "steps:\n- wait\n- ~\n",
                Refusal::Parse,
                "unmarshaling Pipeline: unmarshaling step: unsupported type <nil> (line 3, column 3, step 2)",
            ),
            (
                "- {wait: ~, key: k}\n- command:\n    id: k\n",
                Refusal::Rejected,
                r#"The key "k" has already been used by another step in this build (line 3, column 9, step 2 "k")"#,
            ),
        ] {
            let error = Pipeline::parse(text).expect_err("refused");
            assert_eq!(
                (error.refusal(), error.to_string()),
                (refusal, shown.to_owned())
            );
        }
    }
}
