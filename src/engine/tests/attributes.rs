//! What random pipelines are drawn from: every attribute of every kind of step, each with values that matter.
//!
//! A table has one line for what is drawn together: how often in a hundred, and the choices, the plainest first,
//! because that is where shrinking ends.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Select, select};

use chrono::TimeDelta;

use crate::engine::tests::yaml::{
    Back, Dependency, DependsOn, Kind, PipelineSpec, SettingsSpec, StepSpec,
};
use crate::script::{Act, Attempt, Ending, PickUp, PipelineUpload, Takes, When};
use crate::vocabulary::exit::Exit;

type Table = &'static [(u32, &'static [&'static str])];

const FILTER: (u32, &[&str]) = (
    15,
    &[
        "if: build.branch == 'main'",
        "if: build.branch != 'main'",
        "if: build.number != 2",
        "if: 'false'",
        "if: build.source == 'trigger_job' || build.message =~ /deploy/",
        "if: build.tag == null && build.env('DEPLOY') != 'no'",
        "branches: main",
        "branches: '!main'",
        "branches: [feature/*, release]",
    ],
);

const IF_CHANGED: (u32, &[&str]) = (
    6,
    &[
        "if_changed: 'src/**'",
        "if_changed: [README.md, '*.rs']",
        "if_changed: {include: '**', exclude: 'docs/**'}",
    ],
);

const SKIP: (u32, &[&str]) = (
    6,
    &["skip: not today", "skip: true", "skip: false", "skip: ''"],
);

const ALLOW_DEPENDENCY_FAILURE: (u32, &[&str]) = (
    12,
    &[
        "allow_dependency_failure: true",
        "allow_dependency_failure: 'true'",
        "allow_dependency_failure: false",
    ],
);

const COMMAND: Table = &[
    FILTER,
    IF_CHANGED,
    SKIP,
    ALLOW_DEPENDENCY_FAILURE,
    (
        20,
        &[
            "parallelism: 2",
            "parallelism: 0",
            "parallelism: 1",
            "parallelism: 3, label: 'Part %n of %t'",
            "matrix: [a, b]",
            "matrix: [a, b], label: 'Build {{matrix}}', env: {FOR: '{{matrix}}'}",
            "matrix: {setup: [a, b, 3], adjustments: [{with: b, skip: true}, {with: 3, soft_fail: true}]}",
            "matrix: {setup: {os: [linux, mac], arch: [arm, x86]}, adjustments: [{with: {os: mac, arch: x86}, skip: no such thing}, {with: {os: bsd, arch: arm}, soft_fail: [{exit_status: 1}]}]}, label: '{{matrix.os}} {{matrix.arch}}'",
            "matrix: {setup: []}",
        ],
    ),
    (
        20,
        &[
            "concurrency: 1, concurrency_group: g0",
            "concurrency: 2, concurrency_group: g0",
            "concurrency: 1, concurrency_group: g1",
            "concurrency: 1, concurrency_group: g0, concurrency_method: ordered",
            "concurrency: 1, concurrency_group: g0, concurrency_method: eager",
            "concurrency: 2, concurrency_group: g1, concurrency_method: eager",
        ],
    ),
    (10, &["priority: 1", "priority: -1", "priority: '5'"]),
    (
        20,
        &[
            "retry: {automatic: true}",
            "retry: {automatic: false}",
            "retry: {automatic: {limit: 1}}",
            "retry: {automatic: {limit: 0}}",
            "retry: {automatic: [{exit_status: 1, limit: 2}, {exit_status: '*', limit: 1}]}",
            "retry: {automatic: [{exit_status: [1, 2], signal: none, signal_reason: none}]}",
            "retry: {automatic: [{exit_status: -1, signal: '*', signal_reason: cancel, limit: 1}]}",
            "retry: {automatic: [{signal: SIGTERM, limit: 10}]}",
            "retry: {manual: false}",
            "retry: {manual: {allowed: false, reason: by hand only, permit_on_passed: false}}",
            "retry: {manual: {permit_on_passed: true}}",
            "retry: {automatic: {limit: 2}, manual: {permit_on_passed: 'true'}}",
        ],
    ),
    (
        15,
        &[
            "soft_fail: true",
            "soft_fail: false",
            "soft_fail: 'true'",
            "soft_fail: [{exit_status: 2}]",
            "soft_fail: [{exit_status: '*'}]",
            "soft_fail: [{exit_status: 1}, {exit_status: -1}]",
        ],
    ),
    (
        15,
        &[
            "timeout_in_minutes: 1",
            "timeout_in_minutes: '2'",
            "timeout: 3",
        ],
    ),
    (
        8,
        &[
            "cancel_on_build_failing: true",
            "cancel_on_build_failing: 'false'",
        ],
    ),
    (
        4,
        &[
            "agents: {queue: gpu}",
            "agents: ['os=linux']",
            "agent_query_rules: ['docker=*', 'queue=default']",
        ],
    ),
    (4, &["name: Unit", "name: '$BUILDKITE_BRANCH'"]),
    (3, &["artifact_paths: 'a/*;b'", "artifacts: [a, b]"]),
    (
        3,
        &[
            "notify: [github_check]",
            "notify: [{slack: '#a', if: 'build.branch == \"main\"'}]",
            "notify: [{basecamp_campfire: u}, {github_commit_status: {context: c}}]",
        ],
    ),
    (3, &["image: 'alpine:3'"]),
    (
        3,
        &[
            "secrets: [A]",
            "secrets: {A: b}",
            "secrets: [{key: a, environment_variable: A}]",
        ],
    ),
    (
        3,
        &["cache: a", "cache: false", "cache: {name: n, paths: [a]}"],
    ),
    (
        3,
        &["checkout: {skip: true}", "checkout: {depth: 1, lfs: false}"],
    ),
    (
        2,
        &["signature: {algorithm: a, signed_fields: [command], value: v}"],
    ),
];

const WAIT: Table = &[
    FILTER,
    ALLOW_DEPENDENCY_FAILURE,
    (
        35,
        &[
            "continue_on_failure: true",
            "continue_on_failure: 'true'",
            "continue_on_failure: false",
        ],
    ),
    (4, &["label: unseen"]),
];

const MANUAL: Table = &[
    FILTER,
    ALLOW_DEPENDENCY_FAILURE,
    (
        25,
        &[
            "blocked_state: passed",
            "blocked_state: failed",
            "blocked_state: running",
        ],
    ),
    (
        30,
        &[
            "fields: []",
            "fields: [{text: Name, key: name, required: false}]",
            "fields: [{text: Name, key: name, default: v1, format: 'v[0-9]+', hint: a version}]",
            "fields: [{select: Where, key: region, options: [{label: Here, value: eu}, {label: There, value: us, hint: far, required: false}]}]",
            "fields: [{select: Where, key: region, multiple: true, required: false, default: [eu, us], options: [{label: Here, value: eu}, {label: There, value: us}]}, {text: Name, key: name, required: 'true'}]",
        ],
    ),
    (4, &["prompt: 'Sure?'"]),
    (4, &["submit: Go"]),
    (4, &["allowed_teams: deployers", "allowed_teams: [a, b]"]),
];

const TRIGGER: Table = &[
    FILTER,
    IF_CHANGED,
    SKIP,
    ALLOW_DEPENDENCY_FAILURE,
    (25, &["async: true", "async: 'true'", "async: false"]),
    (
        25,
        &[
            "build: {}",
            "build: {branch: feature/x}",
            "build: {branch: main, commit: abc, message: deploy, env: {DEPLOY: 'no', N: 1}, meta_data: {a: b}}",
        ],
    ),
    (
        15,
        &[
            "soft_fail: true",
            "soft_fail: [{exit_status: '*'}]",
            "soft_fail: false",
        ],
    ),
    (15, &["parallelism: 2", "parallelism: 0", "parallelism: 1"]),
    (4, &["label: Deploy"]),
];

const GROUP: Table = &[
    (15, &["if: build.branch == 'main'", "if: build.number != 1"]),
    IF_CHANGED,
    SKIP,
    ALLOW_DEPENDENCY_FAILURE,
    (4, &["label: unseen"]),
    (3, &["notify: [github_check]"]),
];

const TOP: Table = &[
    (
        8,
        &[
            "env: {DEPLOY: 'yes'}",
            "env: {DEPLOY: '${BUILDKITE_BRANCH}'}",
            "env: {DEPLOY: '${NOT_THERE?has to be said}'}",
        ],
    ),
    (4, &["agents: {queue: default}", "agents: ['os=*']"]),
    (6, &["priority: 2"]),
    (
        4,
        &[
            "notify: [{email: a@example.com, if: build.state == 'failed'}]",
            "notify: [github_check, {webhook: 'https://example.com'}]",
        ],
    ),
    (3, &["image: alpine"]),
    (3, &["secrets: [A, B]"]),
    (3, &["cache: [a]"]),
    (3, &["checkout: {depth: 1}"]),
    (3, &["x-parked: {a: b}"]),
];

/// What the commands of a world may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    /// Hang, and never be picked up.
    Wild,
    /// Every command ends.
    Calm,
}

pub(super) fn pipeline(temper: Temper) -> impl Strategy<Value = PipelineSpec> {
    let steps = prop::collection::vec(step(temper, true), 0..=7);
    (steps, attributes(TOP), settings()).prop_map(|(steps, top, settings)| PipelineSpec {
        settings,
        top,
        steps,
    })
}

fn settings() -> impl Strategy<Value = SettingsSpec> {
    let filter = || {
        option::weighted(
            0.25,
            select(&["", "main", "!main", "feature/* release"][..]),
        )
    };
    let limit = || option::weighted(0.15, 1_u32..=5);
    let branch = prop_oneof![9 => Just("main"), 1 => Just("feature/x")];
    (
        branch,
        prop_oneof![9 => Just(true), 1 => Just(false)],
        limit(),
        limit(),
        filter(),
        filter(),
    )
        .prop_map(
            |(
                default_branch,
                allow_rebuilds,
                default_timeout,
                maximum_timeout,
                skip_queued,
                cancel_running,
            )| {
                SettingsSpec {
                    default_branch,
                    allow_rebuilds,
                    default_timeout,
                    maximum_timeout,
                    skip_queued,
                    cancel_running,
                }
            },
        )
}

fn step(temper: Temper, groups: bool) -> BoxedStrategy<StepSpec> {
    let script = prop_oneof![
        3 => Just(Vec::new()),
        2 => prop::collection::vec(attempt(temper), 1..=3),
    ];
    let command = one(Just(Kind::Command), COMMAND, script.clone());
    let plugins = one(Just(Kind::Plugins), COMMAND, script);
    let plain = |kind: Kind, table| one(Just(kind), table, Just(Vec::new()));
    // One that triggers itself is circle enough: those of several pipelines make as many builds at one instant as the
    // branches of a tree ten levels deep.
    let trigger = prop_oneof![30 => Just(1), 8 => Just(2), 1 => Just(0)];
    let trigger = one(trigger.prop_map(Kind::Trigger), TRIGGER, Just(Vec::new()));
    let bare =
        select(&["wait", "waiter", "block", "manual", "input"][..]).prop_map(|word| StepSpec {
            kind: Kind::Bare(word),
            key: None,
            depends_on: None,
            attributes: Vec::new(),
            script: Vec::new(),
        });
    let steps = prop_oneof![
        48 => command,
        2 => plugins,
        14 => plain(Kind::Wait, WAIT),
        10 => plain(Kind::Block, MANUAL),
        6 => plain(Kind::Input, MANUAL),
        10 => trigger,
        4 => bare,
    ];
    if !groups {
        return steps.boxed();
    }
    let inner = prop::collection::vec(step(temper, false), 1..=4);
    let group = one(inner.prop_map(Kind::Group), GROUP, Just(Vec::new()));
    prop_oneof![90 => steps, 10 => group].boxed()
}

fn one(
    kind: impl Strategy<Value = Kind> + 'static,
    table: Table,
    script: impl Strategy<Value = Vec<Attempt>> + 'static,
) -> BoxedStrategy<StepSpec> {
    let key = select(&["key", "key", "key", "id", "identifier"][..]);
    (
        kind,
        option::weighted(0.9, key),
        option::weighted(0.25, depends_on()),
        attributes(table),
        script,
    )
        .prop_map(|(kind, key, depends_on, attributes, script)| StepSpec {
            kind,
            key,
            depends_on,
            attributes,
            script,
        })
        .boxed()
}

/// Some lines of a table, one choice of each.
fn attributes(table: Table) -> impl Strategy<Value = Vec<&'static str>> {
    let line = |(percent, choices): &(u32, &'static [&'static str])| {
        let choices: Select<&'static str> = select(*choices);
        option::weighted(f64::from(*percent) / 100.0, choices)
    };
    let lines: Vec<_> = table.iter().map(line).collect();
    lines.prop_map(|drawn| drawn.into_iter().flatten().collect())
}

fn depends_on() -> impl Strategy<Value = DependsOn> {
    let allow = option::of(select(&["true", "false", "'true'"][..]));
    let dependency = (back(), allow).prop_map(|(step, allow_failure)| Dependency {
        step,
        allow_failure,
    });
    prop_oneof![
        1 => Just(DependsOn::Null),
        3 => back().prop_map(DependsOn::Text),
        5 => prop::collection::vec(dependency, 0..=3).prop_map(DependsOn::List),
    ]
}

/// Mostly one before, sometimes the step itself, one after it, or none.
fn back() -> impl Strategy<Value = Back> {
    prop_oneof![16 => 1_i8..=4, 3 => -3_i8..=0, 1 => Just(100)]
}

fn attempt(temper: Temper) -> impl Strategy<Value = Attempt> {
    let (endless, by_polls, never, silent) = match temper {
        Temper::Wild => (
            Takes::Forever,
            Takes::Polls(2),
            PickUp::Never,
            Ending::AgentFallsSilent,
        ),
        Temper::Calm => (
            Takes::Exactly(TimeDelta::zero()),
            Takes::Exactly(TimeDelta::zero()),
            PickUp::After(TimeDelta::zero()),
            Ending::Exits(Exit::status(0)),
        ),
    };
    let takes = prop_oneof![
        4 => (0_i64..200).prop_map(|seconds| Takes::Exactly(TimeDelta::seconds(seconds))),
        1 => Just(Takes::Between(TimeDelta::zero(), TimeDelta::minutes(3))),
        1 => Just(endless),
        1 => Just(by_polls),
    ];
    let pick_up = prop_oneof![
        8 => Just(PickUp::After(TimeDelta::seconds(1))),
        1 => (0_i64..100).prop_map(|seconds| PickUp::After(TimeDelta::seconds(seconds))),
        1 => Just(never),
    ];
    let log = prop_oneof![9 => Just(Vec::new()), 1 => Just(vec!["a\n".into(), "b\n".into()])];
    let exits = prop_oneof![1 => Just(0), 1 => -1..=3]
        .prop_map(|status| Ending::Exits(Exit::status(status)));
    let ending = prop_oneof![
        9 => exits,
        1 => Just(silent),
    ];
    let acts = prop_oneof![
        6 => Just(Vec::new()),
        1 => prop::collection::vec((when(), act()), 1..=2),
    ];
    (pick_up, takes, ending, acts, log).prop_map(|(pick_up, takes, ending, acts, log)| Attempt {
        pick_up,
        takes,
        ending,
        acts,
        log,
    })
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        2 => Just(When::AtTheEnd),
        1 => (0_i64..100).prop_map(|seconds| When::After(TimeDelta::seconds(seconds))),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    const UPLOADS: &[&str] = &[
        "- {command: up}",
        "- wait\n- {command: up, soft_fail: true}",
        "- {block: Up?}\n- {command: up}",
        "- {group: Part 0, steps: [{command: up, key: up}]}",
        "- {command: up, depends_on: k1}\n---\n- {command: up, depends_on: []}",
    ];
    let upload = (select(UPLOADS), any::<bool>()).prop_map(|(yaml, replaces)| {
        let upload = PipelineUpload::yaml(yaml);
        Act::Upload(if replaces { upload.replacing() } else { upload })
    });
    prop_oneof![2 => upload, 1 => (1..=3).prop_map(Act::PromiseFailure)]
}
