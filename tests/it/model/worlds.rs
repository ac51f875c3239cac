//! What a world is made of, as plain data that can be printed as YAML, walked by two implementations, and made smaller;
//! and random ones, from a seed.

use std::fmt::Write as _;

use fake_buildkite::SignalReason;

use crate::random_requests::Random;

/// Everything a walk needs: pipelines with their scripts, who picks jobs up, and what happens, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) acts: Vec<Act>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fleet {
    Unlimited,
    Nobody,
    Fixed(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipeline {
    pub(super) steps: Vec<Step>,
    /// What the jobs of a step do, by its key: one after the other; the last is also every later one.
    pub(super) scripts: Vec<(String, Vec<Attempt>)>,
    pub(super) skips_intermediate: bool,
    pub(super) cancels_intermediate: bool,
    pub(super) default_timeout: Option<u32>,
    pub(super) maximum_timeout: Option<u32>,
}

/// Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Attempt {
    /// `None`: nobody comes.
    pub(super) pick_up: Option<i64>,
    /// `None`: it hangs.
    pub(super) takes: Option<i64>,
    /// `None`: it loses its agent.
    pub(super) exit: Option<(i32, Option<SignalReason>)>,
    /// It declares after so long that it will end with this status.
    pub(super) promise: Option<(i64, i32)>,
}

impl Attempt {
    pub(super) const DEFAULT: Self = Self {
        pick_up: Some(1000),
        takes: Some(10_000),
        exit: Some((0, None)),
        promise: None,
    };
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) key: String,
    pub(super) depends_on: Option<Vec<(String, Option<bool>)>>,
    pub(super) allow_dependency_failure: bool,
    pub(super) condition: Option<Condition>,
    pub(super) branches: Option<&'static str>,
    pub(super) skip: bool,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Command(Box<Command>),
    Wait {
        continue_on_failure: bool,
    },
    Block {
        blocked_state: Option<&'static str>,
    },
    Input,
    /// Of the last pipeline of the world, which triggers nothing.
    Trigger {
        asynchronous: bool,
        soft_fail: bool,
    },
    Group(Vec<Step>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Command {
    pub(super) soft_fail: SoftFail,
    pub(super) automatic: Vec<Rule>,
    pub(super) manual: Manual,
    pub(super) parallelism: Option<usize>,
    pub(super) matrix: Option<usize>,
    /// A limit, and the group by its number. Odd groups are eager.
    pub(super) concurrency: Option<(usize, usize)>,
    pub(super) timeout: Option<u32>,
    pub(super) cancel_on_build_failing: bool,
    pub(super) priority: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum SoftFail {
    #[default]
    No,
    Always,
    Statuses(Vec<i32>),
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Manual {
    #[default]
    Default,
    Forbidden,
    OnPassed,
}

/// A rule for automatic retries; what it does not name, it does not ask for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) exit_status: Statuses,
    /// `Some(None)` is `none`.
    pub(super) reason: Option<Option<SignalReason>>,
    pub(super) limit: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Statuses {
    Unsaid,
    /// `"*"`
    Any,
    These(Vec<i32>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Condition {
    BranchIs(&'static str),
    BranchIsNot(&'static str),
    BranchBeginsWith(&'static str),
    NumberIs(u64),
    And(&'static str, u64),
    OrNot(&'static str, u64),
}

/// Builds and jobs are numbers that are taken modulo how many there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Act {
    Create(usize, &'static str),
    Rebuild(usize),
    Cancel(usize),
    RetryFailed(usize),
    By(usize, usize, Hand),
    Advance(i64),
    RunUntilIdle,
    Snapshot,
    Rewind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Hand {
    Start,
    Finish(i32, Option<SignalReason>),
    Cancel,
    TimeOut,
    Expire,
    Silence,
    Lose,
    Promise(i32),
    Unblock,
    Retry,
}

pub(super) const BRANCHES: &[&str] = &["main", "main", "feature/x", "release"];

// --- YAML ------------------------------------------------------------------------------------------------------------

impl Condition {
    fn text(self) -> String {
        match self {
            Self::BranchIs(name) => format!(r#"build.branch == "{name}""#),
            Self::BranchIsNot(name) => format!(r#"build.branch != "{name}""#),
            Self::BranchBeginsWith(name) => format!("build.branch =~ /^{name}/"),
            Self::NumberIs(number) => format!("build.number == {number}"),
            Self::And(name, number) => {
                format!(r#"build.branch == "{name}" && build.number == {number}"#)
            }
            Self::OrNot(name, number) => {
                format!(r#"build.branch == "{name}" || !(build.number == {number})"#)
            }
        }
    }

    pub(super) fn holds(self, branch: &str, number: u64) -> bool {
        match self {
            Self::BranchIs(name) => branch == name,
            Self::BranchIsNot(name) => branch != name,
            Self::BranchBeginsWith(name) => branch.starts_with(name),
            Self::NumberIs(least) => number == least,
            Self::And(name, least) => branch == name && number == least,
            Self::OrNot(name, least) => branch == name || number != least,
        }
    }
}

impl Pipeline {
    pub(super) fn yaml(&self) -> String {
        let mut text = "steps:\n".to_owned();
        for step in &self.steps {
            step.write(&mut text, "");
        }
        text
    }
}

impl Step {
    fn write(&self, text: &mut String, indent: &str) {
        let mut line = vec![match &self.kind {
            Kind::Command(_) => format!("command: make {}", self.key),
            Kind::Wait { .. } => "wait: ~".to_owned(),
            Kind::Block { .. } => format!("block: Block {}", self.key),
            Kind::Input => format!("input: Input {}", self.key),
            Kind::Trigger { .. } => "trigger: leaf".to_owned(),
            Kind::Group(_) => format!("group: Group {}", self.key),
        }];
        line.push(format!("key: {}", self.key));
        if let Some(dependencies) = &self.depends_on {
            let one = |(key, allow): &(String, Option<bool>)| match allow {
                None => key.clone(),
                Some(allow) => format!("{{step: {key}, allow_failure: {allow}}}"),
            };
            let all: Vec<_> = dependencies.iter().map(one).collect();
            line.push(format!("depends_on: [{}]", all.join(", ")));
        }
        if self.allow_dependency_failure {
            line.push("allow_dependency_failure: true".to_owned());
        }
        if let Some(condition) = self.condition {
            line.push(format!("if: '{}'", condition.text()));
        }
        if let Some(branches) = self.branches {
            line.push(format!("branches: '{branches}'"));
        }
        if self.skip {
            line.push("skip: true".to_owned());
        }
        match &self.kind {
            Kind::Command(command) => command.write(&mut line),
            Kind::Wait {
                continue_on_failure,
            } => line.extend(continue_on_failure.then(|| "continue_on_failure: true".to_owned())),
            Kind::Block { blocked_state } => {
                line.extend(blocked_state.map(|state| format!("blocked_state: {state}")));
            }
            Kind::Trigger {
                asynchronous,
                soft_fail,
            } => {
                line.extend(asynchronous.then(|| "async: true".to_owned()));
                line.extend(soft_fail.then(|| "soft_fail: true".to_owned()));
            }
            Kind::Input | Kind::Group(_) => {}
        }
        if let Kind::Group(children) = &self.kind {
            for (at, attribute) in line.iter().enumerate() {
                let dash = if at == 0 { "-" } else { " " };
                writeln!(text, "{indent}  {dash} {attribute}").expect("a string");
            }
            writeln!(text, "{indent}    steps:").expect("a string");
            for child in children {
                child.write(text, "    ");
            }
        } else {
            writeln!(text, "{indent}  - {{{}}}", line.join(", ")).expect("a string");
        }
    }
}

impl Command {
    fn write(&self, line: &mut Vec<String>) {
        match &self.soft_fail {
            SoftFail::No => {}
            SoftFail::Always => line.push("soft_fail: true".to_owned()),
            SoftFail::Statuses(all) => {
                let all: Vec<_> = all
                    .iter()
                    .map(|one| format!("{{exit_status: {one}}}"))
                    .collect();
                line.push(format!("soft_fail: [{}]", all.join(", ")));
            }
        }
        let mut retry = Vec::new();
        match self.manual {
            Manual::Default => {}
            Manual::Forbidden => retry.push("manual: {allowed: false, reason: No}".to_owned()),
            Manual::OnPassed => retry.push("manual: {permit_on_passed: true}".to_owned()),
        }
        if !self.automatic.is_empty() {
            let rules: Vec<_> = self.automatic.iter().map(Rule::text).collect();
            retry.push(format!("automatic: [{}]", rules.join(", ")));
        }
        if !retry.is_empty() {
            line.push(format!("retry: {{{}}}", retry.join(", ")));
        }
        if let Some(count) = self.parallelism {
            line.push(format!("parallelism: {count}"));
        }
        if let Some(count) = self.matrix {
            let all: Vec<_> = (0..count).map(|value| format!("m{value}")).collect();
            line[0].push_str(" {{matrix}}");
            line[0] = line[0].replacen("command: ", "command: '", 1) + "'";
            line.push(format!("matrix: [{}]", all.join(", ")));
        }
        if let Some((limit, group)) = self.concurrency {
            let method = if group % 2 == 1 {
                ", concurrency_method: eager"
            } else {
                ""
            };
            line.push(format!(
                "concurrency: {limit}, concurrency_group: g{group}{method}"
            ));
        }
        line.extend(
            self.timeout
                .map(|minutes| format!("timeout_in_minutes: {minutes}")),
        );
        if self.cancel_on_build_failing {
            line.push("cancel_on_build_failing: true".to_owned());
        }
        line.extend(
            self.priority
                .map(|priority| format!("priority: {priority}")),
        );
    }
}

impl Rule {
    fn text(&self) -> String {
        let mut said = Vec::new();
        match &self.exit_status {
            Statuses::Unsaid => {}
            Statuses::Any => said.push("exit_status: \"*\"".to_owned()),
            Statuses::These(all) => {
                let all: Vec<_> = all.iter().map(i32::to_string).collect();
                said.push(format!("exit_status: [{}]", all.join(", ")));
            }
        }
        match self.reason {
            None => {}
            Some(None) => said.push("signal_reason: none".to_owned()),
            Some(Some(reason)) => said.push(format!("signal_reason: {reason}")),
        }
        said.extend(self.limit.map(|limit| format!("limit: {limit}")));
        format!("{{{}}}", said.join(", "))
    }
}

// --- Random worlds ---------------------------------------------------------------------------------------------------

/// A world; the same for the same seed.
pub(super) fn random(seed: u64) -> World {
    let mut random = Random::new(seed);
    let random = &mut random;
    let fleet = match random.below(6) {
        0..3 => Fleet::Unlimited,
        3 => Fleet::Nobody,
        _ => Fleet::Fixed(1 + random.below(3)),
    };
    let mut pipelines: Vec<_> = (0..=random.below(2))
        .map(|_| pipeline(random, true))
        .collect();
    // The last is what trigger steps trigger.
    pipelines.push(pipeline(random, false));
    let mut acts = vec![Act::Create(0, "main")];
    for _ in 0..8 + random.below(25) {
        acts.push(act(random));
    }
    World {
        fleet,
        pipelines,
        acts,
    }
}

fn pipeline(random: &mut Random, is_root: bool) -> Pipeline {
    let most = if is_root { 8 } else { 3 };
    let mut maker = Maker {
        random,
        keys: Vec::new(),
        made: 0,
        is_root,
    };
    let steps: Vec<_> = (0..=maker.random.below(most))
        .map(|_| maker.step(true))
        .collect();
    let keys = maker.keys;
    let mut scripts = Vec::new();
    for (key, is_command) in keys {
        if is_command && !random.once_in(4) {
            let attempts = (0..=random.below(3)).map(|_| attempt(random)).collect();
            scripts.push((key, attempts));
        }
    }
    Pipeline {
        steps,
        scripts,
        skips_intermediate: random.once_in(4),
        cancels_intermediate: random.once_in(4),
        default_timeout: random.once_in(8).then(|| 1 + short(random, 3)),
        maximum_timeout: random.once_in(10).then(|| 1 + short(random, 2)),
    }
}

fn short(random: &mut Random, end: usize) -> u32 {
    u32::try_from(random.below(end)).expect("a small number")
}

/// Some times are round, so that things happen at the same instant, and some are odd.
fn span(random: &mut Random) -> i64 {
    match random.below(5) {
        0 => 10_000,
        1 => *random.of(&[0, 1000, 9000, 20_000, 60_000, 180_000]),
        _ => i64::try_from(random.below(150_000)).expect("a small number"),
    }
}

fn exit(random: &mut Random) -> (i32, Option<SignalReason>) {
    match random.below(10) {
        0..5 => (0, None),
        5..7 => (1, None),
        7 => (*random.of(&[2, 42, 255]), None),
        8 => (-1, Some(SignalReason::AgentStop)),
        _ => (-1, None),
    }
}

fn attempt(random: &mut Random) -> Attempt {
    Attempt {
        pick_up: match random.below(10) {
            0 => None,
            1..4 => Some(span(random) / 4),
            _ => Some(1000),
        },
        takes: (!random.once_in(10)).then(|| span(random)),
        exit: (!random.once_in(10)).then(|| exit(random)),
        promise: random
            .once_in(10)
            .then(|| (span(random) / 2, *random.of(&[1, 2, 42]))),
    }
}

fn act(random: &mut Random) -> Act {
    let mut number = || random.below(60);
    let (build, job) = (number(), number());
    match random.below(32) {
        0..3 => {
            let branch: &&str = random.of(BRANCHES);
            Act::Create(build, branch)
        }
        3 => Act::Rebuild(build),
        4 => Act::Cancel(build),
        5 => Act::RetryFailed(build),
        6 => Act::RunUntilIdle,
        7 => Act::Snapshot,
        8 => Act::Rewind,
        9..18 => Act::Advance(if random.once_in(40) {
            31 * 86_400_000
        } else {
            span(random)
        }),
        _ => Act::By(build, job, hand(random)),
    }
}

fn hand(random: &mut Random) -> Hand {
    match random.below(20) {
        0..4 => Hand::Start,
        4..7 => {
            let (status, reason) = exit(random);
            Hand::Finish(status, reason)
        }
        7..9 => Hand::Cancel,
        9 => Hand::TimeOut,
        10 => Hand::Expire,
        11 => Hand::Silence,
        12 => Hand::Lose,
        13 => Hand::Promise(*random.of(&[1, 2, 42])),
        14..17 => Hand::Unblock,
        _ => Hand::Retry,
    }
}

struct Maker<'a> {
    random: &'a mut Random,
    /// Of what was made, and whether it is a command step.
    keys: Vec<(String, bool)>,
    made: usize,
    is_root: bool,
}

impl Maker<'_> {
    fn step(&mut self, may_group: bool) -> Step {
        let drawn = self
            .random
            .below(if may_group && self.is_root { 22 } else { 19 });
        let depends_on = self.depends_on();
        let key = format!("s{}", self.made);
        self.made += 1;
        let is_command = drawn < 10;
        let kind = match drawn {
            _ if is_command => Kind::Command(Box::new(self.command())),
            10..13 => Kind::Wait {
                continue_on_failure: self.random.once_in(3),
            },
            13..15 | 18 => Kind::Block {
                blocked_state: self
                    .random
                    .of(&[None, None, Some("failed"), Some("running")])
                    .to_owned(),
            },
            15 => Kind::Input,
            16..18 if self.is_root => Kind::Trigger {
                asynchronous: self.random.once_in(3),
                soft_fail: self.random.once_in(4),
            },
            16..18 => Kind::Input,
            _ => Kind::Group(
                (0..=self.random.below(3))
                    .map(|_| self.step(false))
                    .collect(),
            ),
        };
        self.keys.push((key.clone(), is_command));
        let is_group = matches!(kind, Kind::Group(_));
        let random = &mut *self.random;
        let condition = random.once_in(7).then(|| condition(random));
        // A step has one or the other.
        let may_branch = condition.is_none() && !is_group;
        Step {
            key,
            depends_on,
            allow_dependency_failure: random.once_in(6),
            condition,
            branches: (may_branch && random.once_in(10))
                .then(|| *random.of(&["main", "!main", "feature/*", "main release"])),
            skip: random.once_in(25)
                && !matches!(kind, Kind::Wait { .. } | Kind::Block { .. } | Kind::Input),
            kind,
        }
    }

    /// On what was made before, so that there are no circles; now and then on what nobody made.
    fn depends_on(&mut self) -> Option<Vec<(String, Option<bool>)>> {
        let random = &mut *self.random;
        if !random.once_in(4) {
            return None;
        }
        let mut all = Vec::new();
        for _ in 0..random.below(3) {
            let key = if self.keys.is_empty() || random.once_in(30) {
                "nope".to_owned()
            } else {
                random.of(&self.keys).0.clone()
            };
            if all.iter().any(|(known, _)| *known == key) {
                continue;
            }
            all.push((key, *random.of(&[None, None, Some(true), Some(false)])));
        }
        Some(all)
    }

    fn command(&mut self) -> Command {
        let random = &mut *self.random;
        let parallelism = random.once_in(8).then(|| random.below(4));
        let concurrency = random
            .once_in(4)
            .then(|| (1 + random.below(2), random.below(3)));
        Command {
            soft_fail: match random.below(8) {
                0 => SoftFail::Always,
                1 => SoftFail::Statuses(
                    (0..=random.below(2))
                        .map(|_| *random.of(&[1, 2, 42, -1]))
                        .collect(),
                ),
                _ => SoftFail::No,
            },
            automatic: if random.once_in(4) {
                (0..=random.below(2)).map(|_| rule(random)).collect()
            } else {
                Vec::new()
            },
            manual: *random.of(&[
                Manual::Default,
                Manual::Default,
                Manual::Default,
                Manual::OnPassed,
                Manual::Forbidden,
            ]),
            parallelism,
            matrix: (parallelism.is_none() && random.once_in(10)).then(|| 1 + random.below(3)),
            concurrency,
            timeout: random.once_in(6).then(|| 1 + short(random, 2)),
            cancel_on_build_failing: random.once_in(8),
            priority: random.once_in(5).then(|| *random.of(&[-1, 1, 2])),
        }
    }
}

fn rule(random: &mut Random) -> Rule {
    Rule {
        exit_status: match random.below(4) {
            0 => Statuses::Unsaid,
            1 => Statuses::Any,
            _ => Statuses::These(
                (0..=random.below(2))
                    .map(|_| *random.of(&[1, 2, 42, -1]))
                    .collect(),
            ),
        },
        reason: random.once_in(4).then(|| {
            *random.of(&[
                None,
                Some(SignalReason::AgentStop),
                Some(SignalReason::Cancel),
            ])
        }),
        limit: random.once_in(2).then(|| short(random, 3)),
    }
}

fn condition(random: &mut Random) -> Condition {
    let branch = *random.of(&["main", "release"]);
    let number = 1 + u64::from(short(random, 2));
    match random.below(6) {
        0 => Condition::BranchIs(branch),
        1 => Condition::BranchIsNot(branch),
        2 => Condition::BranchBeginsWith("feat"),
        3 => Condition::NumberIs(number),
        4 => Condition::And(branch, number),
        _ => Condition::OrNot(branch, number),
    }
}
