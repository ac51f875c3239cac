//! A second opinion: the rules of builds written again, plainly and from the documentation alone, and random pipelines,
//! scripts and commands walked in both, compared after every command.
//!
//! In: command, wait, block, input, trigger and group steps; `depends_on`, `allow_failure`, `allow_dependency_failure`,
//! `continue_on_failure`; `if`, `branches`, `skip`; `soft_fail`; automatic and manual retries; parallelism and
//! one-dimensional matrices; concurrency groups, ordered and eager, across builds; time-outs with their defaults and
//! maxima, expiry, grace; promised failures; `cancel_on_build_failing`; `blocked_state`; intermediate builds; rebuilds;
//! priorities and fleets of agents; silent and lost agents; time; snapshots. Compared are every build (state as shown,
//! blocked, times) and every job (order, state, attempt, exit, `soft_failed`, who retried it, `broken_reason`, promise,
//! times).
//!
//! Out: uploaded steps, fields of block steps, circles of dependencies, clusters and queues, query rules, schedules,
//! conditions beyond a few forms, triggers of triggers, what notifications say, and what only REST shows.
//!
//! What worlds are made of, and how they come of a seed: `worlds`. What the documentation says happens in them:
//! `rules`. Both walks, and what they have to agree on: `compare`. A world in which they do not, with all left out that
//! has no part in it: `smaller`.
//!
//! World `n` of a run has the seed `FAKE_BUILDKITE_SEED + n`; `FAKE_BUILDKITE_WORLDS` says how many a run walks. Tens
//! of thousands are for a release build:
//!
//! ```text
//! FAKE_BUILDKITE_WORLDS=50000 FAKE_BUILDKITE_SEED=0 cargo test --release --test it model:: -- --nocapture
//! ```

#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::match_same_arms,
    clippy::struct_excessive_bools,
    clippy::option_option,
    reason = "rules read as the documentation lists them"
)]

mod compare;
mod rules;
mod smaller;
mod worlds;

use crate::random_requests::number;
use compare::{Ground, Seen, report, walk};
use smaller::shrink;

/// How many worlds a run walks unless `FAKE_BUILDKITE_WORLDS` says otherwise.
const WORLDS: u64 = 200;

/// How many worlds that differ a run shows; then it ends.
const SHOWN: usize = 10;

#[test]
fn random_worlds_are_what_a_naive_model_says_they_are() {
    let first = number("FAKE_BUILDKITE_SEED", 0);
    let ground = Ground::new();
    let mut counts = Seen::default();
    let mut reports = Vec::new();
    for seed in first..first + number("FAKE_BUILDKITE_WORLDS", WORLDS) {
        let world = worlds::random(seed);
        if let Err(difference) = walk(&ground, &world, &mut counts) {
            let (world, difference) = shrink(&ground, &world, difference);
            reports.push(report(seed, &world, &difference));
            if reports.len() == SHOWN {
                break;
            }
        }
    }
    assert!(reports.is_empty(), "{}", reports.join("\n"));
    // Otherwise the worlds are about nothing.
    assert!(counts.allowed > counts.refused, "{counts:?}");
    println!("{counts:#?}");
}
