//! Nodes -> typed steps: which kind a step is, and what every kind has.
//!
//! Elsewhere: what only one kind has (`command`, `manual`), the allowed properties (`properties`).
//! Not modelled: trigger and group steps, which are refused.
//! Source: buildkite/go-pipeline, `steps.go`, at fd45720; buildkite/pipeline-schema for the nested form; server
//! answers quoted in public threads.

use std::collections::BTreeSet;

use super::attributes::{self, Attributes, must_be};
use super::command::{CommandStep, Defaults};
use super::error::{PipelineError, StepPlace};
use super::manual::ManualStep;
use super::node::{Entry, Node, Value};
use super::properties::{self, Properties};

/// How long a key may be. Source: buildkite/pipeline-schema.
const MAX_KEY: usize = 100;

/// One item of `steps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Command(CommandStep),
    Wait(WaitStep),
    Block(ManualStep),
    Input(ManualStep),
}

/// A step that holds back those after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitStep {
    pub(crate) common: Common,
    pub(crate) continue_on_failure: bool,
}

/// What every step has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Common {
    pub(crate) key: Option<String>,
    /// None if nothing was said, so that waits and blocks before it count; empty if it was said to need nothing.
    pub(crate) depends_on: Option<Vec<Dependency>>,
    pub(crate) allow_dependency_failure: bool,
    /// The line its text starts on, counted from 1.
    pub(crate) line: usize,
}

/// A step that must be over first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// Its key; the step may come later, or in a later upload.
    pub(crate) step: String,
    pub(crate) allow_failure: bool,
}

impl Step {
    /// What every step has.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::Command(step) => &step.common,
            Self::Wait(step) => &step.common,
            Self::Block(step) | Self::Input(step) => &step.common,
        }
    }
}

/// The steps in the order written. What go-pipeline refuses anywhere comes before what the server refuses anywhere,
/// as the agent reads the whole file before it sends it.
pub(super) fn read_all(items: &[Node], defaults: &Defaults) -> Result<Vec<Step>, PipelineError> {
    let mut keys = BTreeSet::new();
    let read_one = |(index, item)| {
        let step = read(item, defaults).and_then(|step| match step.common().key.clone() {
            Some(key) if !keys.insert(key.clone()) => Err(used_twice(item, &key)),
            Some(_) | None => Ok(step),
        });
        step.map_err(|error| error.in_step(place(index, item)))
    };
    items.iter().enumerate().map(read_one).collect()
}

/// Refuses what go-pipeline cannot hold as a step at all; `prefix` says how it got there.
pub(super) fn check_shapes(items: &[Node], prefix: &str) -> Result<(), PipelineError> {
    for (index, item) in items.iter().enumerate() {
        if item.value.string().is_some() {
            continue;
        }
        let (at, why) = match (item.value.entries(), item.value_of("type")) {
            (None, _) => {
                let found = item.value.go_type();
                (item.at, format!("unsupported type {found}"))
            }
            (Some(_), Some(kind)) if kind.value.string().is_none() => {
                let (found, text) = (kind.value.go_type(), kind.value.go_text());
                let why = format!("step's `type` key was {found} (value {text}), want string");
                (kind.at, why)
            }
            (Some(_), Some(_) | None) => continue,
        };
        let error = PipelineError::parse(at, format!("{prefix}unmarshaling step: {why}"));
        return Err(error.in_step(place(index, item)));
    }
    Ok(())
}

/// The kinds of step this crate models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Command,
    Wait,
    Block,
    Input,
}

/// What the `type` of a step, a scalar step, or the only key of a nested step stands for.
enum Named {
    Modelled(Kind),
    Trigger,
    Group,
}

impl Named {
    fn by(word: &str) -> Option<Self> {
        match word {
            "command" | "commands" | "script" => Some(Self::Modelled(Kind::Command)),
            "wait" | "waiter" => Some(Self::Modelled(Kind::Wait)),
            "block" | "manual" => Some(Self::Modelled(Kind::Block)),
            "input" => Some(Self::Modelled(Kind::Input)),
            "trigger" => Some(Self::Trigger),
            "group" => Some(Self::Group),
            _ => None,
        }
    }
}

/// The keys that tell the kind of a step without a `type`; the first that is there wins.
const TELLING_KEYS: [&str; 10] = [
    "command", "commands", "plugins", "wait", "waiter", "block", "input", "manual", "trigger",
    "group",
];

fn read(item: &Node, defaults: &Defaults) -> Result<Step, PipelineError> {
    let (kind, attributes) = recognise(item)?;
    kind.properties().check(attributes.entries)?;
    let common = common(attributes)?;
    match kind {
        Kind::Command => CommandStep::read(common, attributes, defaults).map(Step::Command),
        Kind::Wait => wait(common, attributes).map(Step::Wait),
        Kind::Block => ManualStep::read(common, attributes, "block").map(Step::Block),
        Kind::Input => ManualStep::read(common, attributes, "input").map(Step::Input),
    }
}

fn recognise(item: &Node) -> Result<(Kind, Attributes<'_>), PipelineError> {
    let Some(entries) = item.value.entries() else {
        return recognise_scalar(item);
    };
    let attributes = Attributes {
        at: item.at,
        entries,
    };
    if let Some(kind) = item.value_of("type") {
        return Ok((kind_by_type(kind)?, attributes));
    }
    if let Some((word, nested)) = nested(entries) {
        return Ok((modelled(word, item)?, nested));
    }
    let telling = TELLING_KEYS
        .into_iter()
        .find(|key| item.value_of(key).is_some());
    match telling {
        Some("plugins") => Ok((Kind::Command, attributes)),
        Some(key) => Ok((modelled(key, item)?, attributes)),
        None => Err(missing_type(item)),
    }
}

fn recognise_scalar(item: &Node) -> Result<(Kind, Attributes<'_>), PipelineError> {
    let none = Attributes {
        at: item.at,
        entries: &[],
    };
    match item.value.string() {
        Some(word @ ("wait" | "waiter" | "block" | "input" | "manual")) => {
            Ok((modelled(word, item)?, none))
        }
        Some(_) | None => Err(missing_type(item)),
    }
}

/// The older form: one key that names the kind, and under it the attributes.
fn nested(entries: &[Entry]) -> Option<(&str, Attributes<'_>)> {
    let [entry] = entries else { return None };
    let inner = entry.value.value.entries()?;
    Named::by(&entry.key)?;
    let attributes = Attributes {
        at: entry.value.at,
        entries: inner,
    };
    Some((&entry.key, attributes))
}

fn kind_by_type(node: &Node) -> Result<Kind, PipelineError> {
    let word = attributes::text("type", node)?;
    match Named::by(&word) {
        Some(Named::Modelled(kind)) => Ok(kind),
        Some(Named::Trigger) => Err(PipelineError::unmodelled(node.at, "`trigger` steps")),
        Some(Named::Group) => {
            let message = "`type` is not a valid property on a step group";
            Err(PipelineError::rejected(node.at, message))
        }
        None => Err(PipelineError::invalid(
            node.at,
            "can't be blank, The step type supplied is not supported",
        )),
    }
}

fn modelled(word: &str, item: &Node) -> Result<Kind, PipelineError> {
    match Named::by(word) {
        Some(Named::Modelled(kind)) => Ok(kind),
        Some(Named::Trigger | Named::Group) => Err(PipelineError::unmodelled(
            item.at,
            format_args!("`{word}` steps"),
        )),
        None => Err(missing_type(item)),
    }
}

/// Chosen: the same sentence for a string that names no step, of which no answer has been seen.
fn missing_type(item: &Node) -> PipelineError {
    let json = item.value.json();
    PipelineError::rejected(item.at, format!("Step is missing a type `{json}`"))
}

impl Kind {
    fn properties(self) -> &'static Properties {
        match self {
            Self::Command => &properties::COMMAND,
            Self::Wait => &properties::WAIT,
            Self::Block => &properties::BLOCK,
            Self::Input => &properties::INPUT,
        }
    }
}

fn wait(common: Common, attributes: Attributes<'_>) -> Result<WaitStep, PipelineError> {
    attributes.text(&["wait"])?;
    Ok(WaitStep {
        common,
        continue_on_failure: attributes.flag("continue_on_failure")?,
    })
}

fn common(attributes: Attributes<'_>) -> Result<Common, PipelineError> {
    Ok(Common {
        key: attributes.read(&["key", "id", "identifier"], key)?,
        depends_on: depends_on(attributes)?,
        allow_dependency_failure: attributes.flag("allow_dependency_failure")?,
        line: attributes.at.line,
    })
}

fn key(name: &str, node: &Node) -> Result<String, PipelineError> {
    let key = attributes::text(name, node)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-:${}.,".contains(c);
    if is_uuid(&key) {
        let reason = "Step keys can't have the same pattern as a UUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)";
        return Err(PipelineError::invalid(node.at, reason));
    }
    if key.len() > MAX_KEY {
        return Err(must_be(
            name,
            node,
            &format!("at most {MAX_KEY} characters"),
        ));
    }
    if !key.chars().all(allowed) {
        let wanted = "made of letters, digits and the characters _ - : $ { } . ,";
        return Err(must_be(name, node, wanted));
    }
    Ok(key)
}

fn is_uuid(key: &str) -> bool {
    let groups: Vec<&str> = key.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && key
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn depends_on(attributes: Attributes<'_>) -> Result<Option<Vec<Dependency>>, PipelineError> {
    let Some(node) = attributes.written("depends_on") else {
        return Ok(None);
    };
    match &node.value {
        Value::Null => Ok(Some(vec![])),
        Value::Seq(items) => items
            .iter()
            .map(dependency)
            .collect::<Result<_, _>>()
            .map(Some),
        // What interpolation leaves of an unset variable says nothing.
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(_) | Value::Int(_) | Value::Float(_) => Ok(Some(vec![dependency(node)?])),
        Value::Bool(_) | Value::UInt(_) | Value::Timestamp(_) | Value::Map(_) => {
            Err(must_be("depends_on", node, "a step key or a list of them"))
        }
    }
}

fn dependency(node: &Node) -> Result<Dependency, PipelineError> {
    let name = "depends_on";
    if node.value.entries().is_some() {
        let attributes = attributes::mapping(name, node, &["step", "allow_failure"])?;
        let allow_failure = attributes.flag("allow_failure")?;
        return match attributes.text(&["step"])? {
            Some(step) => Ok(Dependency {
                step,
                allow_failure,
            }),
            None => Err(must_be(name, node, "a step key or a list of them")),
        };
    }
    match node.value.text() {
        Some(step) if !step.is_empty() => Ok(Dependency {
            step,
            allow_failure: false,
        }),
        Some(_) | None => Err(must_be(name, node, "a step key or a list of them")),
    }
}

fn used_twice(item: &Node, key: &str) -> PipelineError {
    let message = format!("The key \"{key}\" has already been used by another step in this build");
    let node = ["key", "id", "identifier"]
        .into_iter()
        .find_map(|name| attribute(item, name));
    PipelineError::rejected(node.map_or(item.at, |node| node.at), message)
}

/// Where a step is, for its errors; told from its text, as it may not be a step at all.
fn place(index: usize, item: &Node) -> StepPlace {
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
    StepPlace { index, name }
}

/// An attribute of a step in either form.
fn attribute<'a>(item: &'a Node, name: &str) -> Option<&'a Node> {
    match item.value.entries().and_then(nested) {
        Some((_, attributes)) => attributes.written(name),
        None => item.value_of(name),
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
    fn what_this_fake_cannot_honour() {
        let not = |what: &str| format!("Unmodelled This fake does not model {what} yet");
        for written in [
            "{trigger: a}",
            "{type: trigger, trigger: a}",
            "{trigger: {trigger: a}}",
        ] {
            check(kind, &[(written, &not("`trigger` steps"))]);
        }
        for written in [
            "{group: a, steps: []}",
            "{group: ~}",
            "{group: {steps: []}}",
        ] {
            check(kind, &[(written, &not("`group` steps"))]);
        }
        for name in [
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
        ] {
            let written = format!("{{command: a, {name}: 1}}");
            check(
                kind,
                &[(&written, &not(&format!("`{name}` on the `command` step")))],
            );
        }
        for (step, name) in [
            ("wait", "if"),
            ("wait", "branches"),
            ("block", "if"),
            ("input", "branches"),
        ] {
            let written = format!("{{{step}: a, {name}: x}}");
            check(
                kind,
                &[(&written, &not(&format!("`{name}` on the `{step}` step")))],
            );
        }
    }

    #[test]
    fn keys() {
        let uuid = "01234567-89ab-cdef-ABCD-0123456789ab";
        let invalid = "Rejected One of the steps you provided was invalid: ";
        let characters = format!(
            "{invalid}`key` must be made of letters, digits and the characters _ - : $ {{ }} . ,"
        );
        check(
            |step| step.common().key.clone(),
            &[
                ("{command: a}", "Some(None)"),
                (
                    "{command: a, key: k, id: i, identifier: j}",
                    r#"Some(Some("k"))"#,
                ),
                (
                    "{command: a, key: ~, id: i, identifier: j}",
                    r#"Some(Some("i"))"#,
                ),
                ("{wait: ~, identifier: j}", r#"Some(Some("j"))"#),
                ("{block: {key: k}}", r#"Some(Some("k"))"#),
                ("{command: a, key: 1.50}", r#"Some(Some("1.5"))"#),
                (
                    "{command: a, key: 'a_-:${}.,Z'}",
                    r#"Some(Some("a_-:${}.,Z"))"#,
                ),
                ("{command: a, key: a+b}", &characters),
                ("{command: a, key: a b}", &characters),
                (
                    "{command: a, key: [a]}",
                    &format!("{invalid}`key` must be a string"),
                ),
                (
                    &format!("{{command: a, key: {}}}", "x".repeat(101)),
                    &format!("{invalid}`key` must be at most 100 characters"),
                ),
                (
                    &format!("{{command: a, key: {uuid}}}"),
                    &format!(
                        "{invalid}Step keys can't have the same pattern as a UUID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)"
                    ),
                ),
                (
                    "{command: a, key: k}, {wait: {id: k}}",
                    r#"Rejected The key "k" has already been used by another step in this build"#,
                ),
            ],
        );
    }

    #[test]
    fn dependencies() {
        let invalid = "Rejected One of the steps you provided was invalid: ";
        let list = format!("{invalid}`depends_on` must be a step key or a list of them");
        check(
            |step| {
                let common = step.common().clone();
                let pair = |one: Dependency| (one.step, one.allow_failure);
                let pairs = |list: Vec<Dependency>| list.into_iter().map(pair).collect();
                let depends_on: Option<Vec<(String, bool)>> = common.depends_on.map(pairs);
                (depends_on, common.allow_dependency_failure)
            },
            &[
                ("wait", "Some((None, false))"),
                ("{wait: ~, depends_on: ~}", "Some((Some([]), false))"),
                ("{wait: ~, depends_on: []}", "Some((Some([]), false))"),
                ("{wait: ~, depends_on: ''}", "Some((None, false))"),
                (
                    "{wait: ~, depends_on: a, allow_dependency_failure: 'true'}",
                    r#"Some((Some([("a", false)]), true))"#,
                ),
                (
                    "{block: b, depends_on: [a, {step: b}, {step: c, allow_failure: 'true'}]}",
                    r#"Some((Some([("a", false), ("b", false), ("c", true)]), false))"#,
                ),
                (
                    "{command: a, depends_on: 5}",
                    r#"Some((Some([("5", false)]), false))"#,
                ),
                ("{command: a, depends_on: {step: a}}", &list),
                ("{command: a, depends_on: [{allow_failure: true}]}", &list),
                ("{command: a, depends_on: ['']}", &list),
                ("{command: a, depends_on: [[a]]}", &list),
                ("{command: a, depends_on: true}", &list),
                (
                    "{command: a, depends_on: [{step: a, soft: true}]}",
                    &format!("{invalid}`soft` is not a valid property in `depends_on`"),
                ),
            ],
        );
    }

    #[test]
    fn a_wait_may_go_on_after_failures() {
        fn part(step: Step) -> Option<bool> {
            match step {
                Step::Wait(step) => Some(step.continue_on_failure),
                Step::Command(_) | Step::Block(_) | Step::Input(_) => None,
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
                "- wait\n- key: k\n  block: b\n  if: c\n",
                Refusal::Unmodelled,
                r#"This fake does not model `if` on the `block` step yet (line 4, column 3, step 2 "k")"#,
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
