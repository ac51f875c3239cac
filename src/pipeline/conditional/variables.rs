//! The variables of conditionals, and the types there are.
//!
//! Elsewhere: their values (`Facts`), how types go together (`types`).
//! Source: buildkite/conditional at af63d27, assignments.go.

use super::Value;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    String,
    /// As a string, but one of a few, and not to be mixed with others.
    Enumeration(&'static Enumeration),
    Number,
    Boolean,
    Null,
    Strings,
    Regexp,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Enumeration {
    name: &'static str,
    pub(super) members: &'static [&'static str],
}

/// A variable Buildkite has.
#[derive(Debug)]
pub(super) struct Variable {
    name: &'static str,
    pub(super) r#type: Type,
    blank: Blank,
}

/// What blank text is in a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blank {
    Text,
    Null,
}

static BUILD_STATE: Enumeration = Enumeration {
    name: "build state",
    members: &[
        "creating",
        "started",
        "running",
        "scheduled",
        "blocked",
        "passed",
        "failing",
        "failed",
        "canceling",
        "canceled",
        "skipped",
        "not_run",
    ],
};
static BUILD_BLOCKED_STATE: Enumeration = Enumeration {
    name: "build blocked state",
    members: &["failed", "passed", "running"],
};
static BUILD_SOURCE: Enumeration = Enumeration {
    name: "build source",
    members: &[
        "api",
        "ui",
        "webhook",
        "trigger_job",
        "schedule",
        "pipeline_trigger",
    ],
};
static STEP_TYPE: Enumeration = Enumeration {
    name: "step type",
    members: &["command", "wait", "input", "trigger", "group"],
};
static STEP_STATE: Enumeration = Enumeration {
    name: "step state",
    members: &[
        "ignored",
        "waiting_for_dependencies",
        "ready",
        "waiting_for_input",
        "running",
        "failing",
        "canceled",
        "finished",
    ],
};
static STEP_OUTCOME: Enumeration = Enumeration {
    name: "step outcome",
    members: &["neutral", "passed", "soft_failed", "hard_failed", "errored"],
};

const fn variable(name: &'static str, r#type: Type) -> Variable {
    Variable {
        name,
        r#type,
        blank: Blank::Text,
    }
}

const fn text(name: &'static str) -> Variable {
    variable(name, Type::String)
}

/// Text that is null when it is blank.
const fn presence(name: &'static str) -> Variable {
    Variable {
        name,
        r#type: Type::String,
        blank: Blank::Null,
    }
}

const fn boolean(name: &'static str) -> Variable {
    variable(name, Type::Boolean)
}

static VARIABLES: [Variable; 49] = [
    text("build.id"),
    variable("build.state", Type::Enumeration(&BUILD_STATE)),
    boolean("build.fixed"),
    variable(
        "build.blocked_state",
        Type::Enumeration(&BUILD_BLOCKED_STATE),
    ),
    variable("build.source", Type::Enumeration(&BUILD_SOURCE)),
    text("build.source_event"),
    text("build.source_action"),
    text("build.branch"),
    presence("build.tag"),
    presence("build.message"),
    text("build.commit"),
    variable("build.number", Type::Number),
    text("build.creator.id"),
    text("build.creator.name"),
    text("build.creator.email"),
    variable("build.creator.teams", Type::Strings),
    boolean("build.creator.verified"),
    text("build.author.id"),
    presence("build.author.name"),
    presence("build.author.email"),
    variable("build.author.teams", Type::Strings),
    text("build.scm.author.name"),
    text("build.scm.author.email"),
    text("build.scm.committer.name"),
    text("build.scm.committer.email"),
    text("build.pull_request.id"),
    text("build.pull_request.base_branch"),
    boolean("build.pull_request.draft"),
    text("build.pull_request.label"),
    variable("build.pull_request.labels", Type::Strings),
    text("build.pull_request.repository"),
    boolean("build.pull_request.repository.fork"),
    text("build.merge_queue.base_branch"),
    text("build.merge_queue.base_commit"),
    text("pipeline.id"),
    text("pipeline.slug"),
    presence("pipeline.default_branch"),
    presence("pipeline.repository"),
    // Documented for notifications, but there everywhere.
    boolean("pipeline.started_passing"),
    boolean("pipeline.started_failing"),
    boolean("pipeline.next_finished_build_exists"),
    text("organization.id"),
    text("organization.slug"),
    // For steps only; `check_entry_point` refuses them elsewhere.
    text("step.id"),
    text("step.key"),
    variable("step.type", Type::Enumeration(&STEP_TYPE)),
    text("step.label"),
    variable("step.state", Type::Enumeration(&STEP_STATE)),
    variable("step.outcome", Type::Enumeration(&STEP_OUTCOME)),
];

impl Variable {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        VARIABLES.iter().find(|variable| variable.name == name)
    }

    /// What an evaluation sees of a fact.
    pub(super) fn seen(&self, value: Value) -> Value {
        let fits = match (&value, self.r#type) {
            (Value::String(_), Type::String)
            | (Value::Number(_), Type::Number)
            | (Value::Bool(_), Type::Boolean)
            | (Value::Strings(_), Type::Strings)
            | (Value::Null, _) => true,
            (Value::String(member), Type::Enumeration(enumeration)) => {
                enumeration.members.contains(&&**member)
            }
            (
                Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Strings(_),
                Type::String
                | Type::Enumeration(_)
                | Type::Number
                | Type::Boolean
                | Type::Null
                | Type::Strings
                | Type::Regexp,
            ) => false,
        };
        let (name, described) = (self.name, self.r#type.describe());
        assert!(fits, "`{name}` is a {described}, not {value:?}");
        let is_blank = matches!(&value, Value::String(text) if text.trim().is_empty());
        if is_blank && self.blank == Blank::Null {
            return Value::Null;
        }
        value
    }
}

impl Type {
    pub(super) fn describe(self) -> String {
        match self {
            Self::String => "string".to_owned(),
            Self::Enumeration(Enumeration { name, .. }) => format!("{name} enumeration value"),
            Self::Number => "number".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Strings => "string array".to_owned(),
            Self::Regexp => "regular expression".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Conditional, EntryPoint, Facts};
    use super::*;

    /// A build whose every variable is the same.
    struct Everywhere(Value);

    impl Facts for Everywhere {
        fn variable(&self, _name: &str) -> Value {
            self.0.clone()
        }

        fn env(&self, _name: &str) -> Option<String> {
            None
        }
    }

    fn ask(text: &str, value: Value) -> bool {
        let conditional = Conditional::parse(text, EntryPoint::StepNotification).expect(text);
        conditional.evaluate(&Everywhere(value)).expect(text)
    }

    #[test]
    fn every_variable_may_be_null() {
        for variable in &VARIABLES {
            let text = format!("{} == null", variable.name);
            assert!(ask(&text, Value::Null), "{text}");
            let twin = Variable::named(variable.name).expect("it is in the table");
            assert!(std::ptr::eq(twin, variable), "{text}: it is there twice");
        }
    }

    #[test]
    fn some_text_is_null_when_it_is_blank() {
        let blank_is_null: Vec<&str> = VARIABLES
            .iter()
            .filter(|variable| variable.r#type == Type::String)
            .map(|variable| variable.name)
            .filter(|name| ask(&format!("{name} == null"), Value::String(" \n".to_owned())))
            .collect();
        assert_eq!(
            blank_is_null,
            [
                "build.tag",
                "build.message",
                "build.author.name",
                "build.author.email",
                "pipeline.default_branch",
                "pipeline.repository",
            ]
        );
    }

    #[test]
    fn every_member_of_an_enumeration_can_be_asked_for() {
        for variable in &VARIABLES {
            let Type::Enumeration(enumeration) = variable.r#type else {
                continue;
            };
            for member in enumeration.members {
                let text = format!("{} == '{member}'", variable.name);
                assert!(ask(&text, Value::String((*member).to_owned())), "{text}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "`build.number` is a number, not String(\"5\")")]
    fn facts_have_the_type_of_their_variable() {
        ask("build.number == 5", Value::String("5".to_owned()));
    }

    #[test]
    #[should_panic(
        expected = "`build.state` is a build state enumeration value, not String(\"done\")"
    )]
    fn facts_are_members_of_their_enumeration() {
        ask("build.state == null", Value::String("done".to_owned()));
    }
}
