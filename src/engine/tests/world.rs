//! Worlds as plain values: what one is set up with, and what is going to happen in it.
//!
//! Elsewhere: living through it (`life`).

use std::fmt;

use proptest::prelude::*;
use proptest::sample::select;

use crate::engine::agent::Fleet;
use crate::engine::tests::actions::{Action, action, create_build};
use crate::engine::tests::attributes::{self, Temper};
use crate::engine::tests::yaml::{self, PipelineSpec};

/// How many actions a world lives through on average.
const A_LIFE: usize = 60;

/// Everything that makes a world what it is.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) actions: Vec<Action>,
    pub(super) pipelines: Vec<PipelineSpec>,
    pub(super) fleet: FleetSpec,
    /// The engine's.
    pub(super) seed: u64,
}

#[derive(Debug, Clone)]
pub(super) struct FleetSpec {
    pub(super) kind: Fleet,
    /// Of a fixed fleet.
    pub(super) agents: Vec<(&'static [&'static str], Option<i64>)>,
}

/// Any world.
pub(super) fn world() -> impl Strategy<Value = World> {
    let actions = prop::collection::vec(action(), 0..=2 * A_LIFE);
    of_parts(actions, Temper::Wild, fleet())
}

/// A world with the default fleet in which every command ends, and nobody but its builds' creator does anything.
pub(super) fn calm_world() -> impl Strategy<Value = World> {
    let builds = prop::collection::vec(create_build(), 1..=4);
    of_parts(builds, Temper::Calm, Just(FleetSpec::unlimited()))
}

fn of_parts(
    actions: impl Strategy<Value = Vec<Action>>,
    temper: Temper,
    fleet: impl Strategy<Value = FleetSpec>,
) -> impl Strategy<Value = World> {
    let pipelines = prop::collection::vec(attributes::pipeline(temper), 1..=4);
    (actions, pipelines, fleet, any::<u64>()).prop_map(|(actions, pipelines, fleet, seed)| World {
        actions,
        pipelines,
        fleet,
        seed,
    })
}

fn fleet() -> impl Strategy<Value = FleetSpec> {
    const TAGS: &[&[&str]] = &[&[], &["queue=gpu"], &["os=linux", "queue=default"]];
    let agent = (
        select(TAGS),
        prop::option::weighted(0.2, select(&[1_i64, -1][..])),
    );
    prop_oneof![
        2 => Just(FleetSpec::unlimited()),
        1 => prop::collection::vec(agent, 1..=3).prop_map(|agents| FleetSpec {
            kind: Fleet::Fixed,
            agents,
        }),
        1 => Just(FleetSpec { kind: Fleet::Nobody, agents: Vec::new() }),
    ]
}

impl FleetSpec {
    fn unlimited() -> Self {
        Self {
            kind: Fleet::Unlimited,
            agents: Vec::new(),
        }
    }
}

impl World {
    /// This world with one thing taken out, each in turn.
    pub(super) fn with_less(&self) -> impl Iterator<Item = Self> {
        let without = |change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            world
        };
        let actions = (0..self.actions.len()).map(move |n| {
            without(&|world| {
                world.actions.remove(n);
            })
        });
        let pipelines = (0..self.pipelines.len()).filter(|_| self.pipelines.len() > 1);
        let pipelines = pipelines.map(move |n| {
            without(&|world| {
                world.pipelines.remove(n);
            })
        });
        // Actions pick another pipeline when one is gone; with one left there is nothing to pick.
        let alone = (0..self.pipelines.len()).filter(|_| self.pipelines.len() > 2);
        let alone = alone.map(move |n| {
            without(&|world| {
                world.pipelines = vec![self.pipelines[n].clone()];
            })
        });
        let steps = (0..self.pipelines.len()).flat_map(move |n| {
            (0..self.pipelines[n].steps.len()).map(move |step| {
                without(&|world| {
                    world.pipelines[n].steps.remove(step);
                })
            })
        });
        actions.chain(alone).chain(pipelines).chain(steps)
    }
}

/// What a world is set up with; what happens in it only its life can tell.
impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FleetSpec { kind, agents } = &self.fleet;
        writeln!(f, "fleet: {kind:?}")?;
        for (tags, priority) in agents {
            writeln!(f, "agent: {tags:?}, priority {priority:?}")?;
        }
        for (n, pipeline) in self.pipelines.iter().enumerate() {
            let name = yaml::name_of(n, 0);
            writeln!(f, "pipeline {name}{}:", pipeline.settings)?;
            write!(f, "{}", pipeline.yaml(n))?;
            for line in pipeline.told() {
                writeln!(f, "script of {line}")?;
            }
        }
        Ok(())
    }
}
