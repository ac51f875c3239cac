//! Random worlds: pipelines, commands and time from a printed seed, with the invariants checked after every move.
//!
//! A world is a plain value, so that one that breaks a promise can shrink: what is printed is the smallest that still
//! does. World `n` of a run has the seed `FAKE_BUILDKITE_SEED + n`, and is the same in every run and on every machine.
//! `FAKE_BUILDKITE_MOVES` says how many moves a run makes.
//!
//! The map: `world` is one world, `life` what is checked while it lives, `actions` what happens in it, `yaml` its
//! pipelines, `attributes` what those are drawn from, `shrinking` how worlds come from seeds, `walked` which
//! transitions they see; `engine::invariants` says what must always hold.

mod actions;
mod attributes;
mod life;
mod shrinking;
mod walked;
mod world;
mod yaml;

use proptest::prelude::Strategy;

use crate::engine::tests::life::{Life, Log};
use crate::engine::tests::shrinking::{Promise, check, from_environment, world_of};
use crate::engine::tests::world::{World, calm_world, world};

use walked::Walked;
pub(super) use walked::took;

/// How many moves a run makes unless `FAKE_BUILDKITE_MOVES` says otherwise.
const MOVES: u64 = 100_000;

/// How many worlds live side by side. Fixed, so that a run is the same on every machine.
const LANES: u64 = 2;

/// Lives through worlds until enough moves were made, and says which transitions they took.
fn check_worlds<S: Strategy<Value = World>>(
    worlds: fn() -> S,
    promise: Promise,
    moves: u64,
    test: &str,
) -> Walked {
    let seed = from_environment("FAKE_BUILDKITE_SEED", 0);
    // Each lane makes its share of the moves, and stops at its first failure.
    let lane = |first: u64| {
        let (mut seed, mut made) = (seed + first, 0);
        walked::begin();
        while made < moves.div_ceil(LANES) {
            match check(seed, worlds(), promise, test) {
                Ok(moves) => made += moves.max(1),
                Err(report) => return Err((seed, report)),
            }
            seed += LANES;
        }
        Ok(walked::end())
    };
    let lived: Vec<_> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|first| scope.spawn(move || lane(first)))
            .collect();
        let lanes = lanes.into_iter();
        let ended = lanes.map(|lane| lane.join().expect("failures are caught"));
        ended.collect()
    });
    if let Some((_, report)) = lived.iter().filter_map(|lane| lane.as_ref().err()).min() {
        panic!("{report}");
    }
    let mut walked = Walked::new();
    for (row, times) in lived.into_iter().flatten().flatten() {
        *walked.entry(row).or_default() += times;
    }
    walked
}

#[test]
fn random_worlds_keep_the_invariants() {
    fn promise(world: &World, log: Log<'_>) -> u64 {
        Life::new(world, log).live()
    }
    let moves = from_environment("FAKE_BUILDKITE_MOVES", MOVES);
    let walked = check_worlds(world, promise, moves, "random_worlds");
    if moves == MOVES && from_environment("FAKE_BUILDKITE_SEED", 0) == 0 {
        walked::compare(&walked);
    }
}

#[test]
fn every_job_of_every_build_ends_with_the_default_fleet() {
    /// What waits for a person is unblocked as soon as nothing else happens.
    fn promise(world: &World, log: Log<'_>) -> u64 {
        let mut life = Life::new(world, log);
        let moves = life.live();
        life.unblock_all();
        life.check_over();
        moves
    }
    // Few, because there are few in such a world, and a long time in each.
    let moves = from_environment("FAKE_BUILDKITE_MOVES", MOVES).div_ceil(50);
    let _ = check_worlds(calm_world, promise, moves, "every_job");
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let lived = |seed| {
        let world = world_of(seed, world());
        let mut life = Life::new(&world, None);
        life.live();
        format!("{:?}", life.engine)
    };
    for seed in 0..20 {
        assert_eq!(lived(seed), lived(seed));
    }
    assert_ne!(lived(7), lived(8));
}
