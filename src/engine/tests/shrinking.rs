//! Worlds from seeds: the same seed is the same world, and one that fails shrinks before it is shown.
//!
//! proptest draws and shrinks; which worlds there are and what is printed is decided here. Nothing is written to files:
//! what brings a failure back is its seed.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::engine::tests::life::Log;
use crate::engine::tests::world::World;
use crate::vocabulary::ids;

/// How many worlds are tried to find a smaller one.
const MOST_TRIES: usize = 20_000;

/// What is promised of every world; panics where it does not hold, else says how many moves were made.
pub(super) type Promise = fn(&World, Log<'_>) -> u64;

/// Checks one world. If it fails, the answer is what to print.
pub(super) fn check(
    seed: u64,
    worlds: impl Strategy<Value = World>,
    promise: Promise,
    test: &str,
) -> Result<u64, String> {
    let mut tree = worlds
        .new_tree(&mut runner(seed))
        .expect("no strategy here refuses what it drew");
    let mut smallest = tree.current();
    if let Ok(moves) = caught(|| promise(&smallest, None)) {
        return Ok(moves);
    }
    let mut tries = 0;
    let mut has_next = tree.simplify();
    while has_next && tries < MOST_TRIES {
        tries += 1;
        let world = tree.current();
        has_next = if caught(|| promise(&world, None)).is_err() {
            smallest = world;
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    // While it still had much in it, more seemed to be needed than is.
    loop {
        let fails = |world: &World| caught(|| promise(world, None)).is_err();
        let less = smallest.with_less().find(fails);
        match less {
            Some(world) => smallest = world,
            None => break,
        }
    }
    let mut log = Vec::new();
    let failure = match caught(|| promise(&smallest, Some(&mut log))) {
        Ok(_) => "nothing: the same world was different when it was lived again".to_owned(),
        Err(failure) => failure,
    };
    let lines = log.iter().enumerate();
    let log: Vec<_> = lines
        .map(|(n, line)| format!("  {}. {line}\n", n + 1))
        .collect();
    Err(format!(
        "a promise is broken in world {seed}: {failure}\n\n\
         the smallest world found, after {tries} tries:\n{smallest}\
         what happened, up to the failure:\n{}\n\
         again with\n  FAKE_BUILDKITE_SEED={seed} FAKE_BUILDKITE_MOVES=1 cargo test --lib engine::tests::{test}\n",
        log.concat(),
    ))
}

/// The world of a seed.
pub(super) fn world_of(seed: u64, worlds: impl Strategy<Value = World>) -> World {
    let tree = worlds.new_tree(&mut runner(seed));
    tree.expect("no strategy here refuses what it drew")
        .current()
}

/// A number from the environment.
pub(super) fn from_environment(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is `{text}`, and should be a number")),
    }
}

fn runner(seed: u64) -> TestRunner {
    // Mixed, because what this generator draws first is close for numbers that are close, and none is not allowed.
    let halves = [ids::mix(seed), ids::mix(!seed)];
    let bytes: Vec<_> = halves.into_iter().flat_map(u64::to_le_bytes).collect();
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &bytes))
}

thread_local! {
    /// What the last caught panic of this thread said; nothing unless panics are being caught.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs something that may panic, without a word of it being printed: a world is lived thousands of times while it
/// shrinks.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let is_caught = CAUGHT.with_borrow_mut(|caught| {
                let said = caught.as_mut()?;
                *said = panic.to_string();
                Some(())
            });
            if is_caught.is_none() {
                print(panic);
            }
        }));
    });
    CAUGHT.set(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    let said = CAUGHT.take().unwrap_or_default();
    result.map_err(|_| said)
}
