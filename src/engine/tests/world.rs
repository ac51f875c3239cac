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
    pub(super) cluster: Option<ClusterSpec>,
    /// The engine's.
    pub(super) seed: u64,
}

#[derive(Debug, Clone)]
pub(super) struct FleetSpec {
    pub(super) kind: Fleet,
    /// Of a fixed fleet.
    pub(super) agents: Vec<(&'static [&'static str], Option<i64>)>,
}

/// A cluster that is there from the start.
#[derive(Debug, Clone)]
pub(super) struct ClusterSpec {
    /// The keys of its queues, the default queue first.
    pub(super) queues: &'static [&'static str],
    pub(super) has_default: bool,
    /// Which pipelines are in it, one bit for each, and which agents of a fixed fleet.
    pub(super) members: u8,
    pub(super) agents: u8,
}

impl ClusterSpec {
    pub(super) fn has_pipeline(&self, place: usize) -> bool {
        place < 8 && self.members >> place & 1 == 1
    }

    pub(super) fn has_agent(&self, place: usize) -> bool {
        place < 8 && self.agents >> place & 1 == 1
    }
}

/// Any world.
pub(super) fn world() -> impl Strategy<Value = World> {
    let actions = prop::collection::vec(action(), 0..=2 * A_LIFE);
    let cluster = prop::option::weighted(0.5, cluster(Temper::Wild));
    of_parts(actions, Temper::Wild, fleet(), cluster)
}

/// A world with the default fleet in which every command ends, and nobody but its builds' creator does anything.
pub(super) fn calm_world() -> impl Strategy<Value = World> {
    let builds = prop::collection::vec(create_build(), 1..=4);
    let cluster = prop::option::weighted(0.3, cluster(Temper::Calm));
    let fleet = Just(FleetSpec::unlimited());
    of_parts(builds, Temper::Calm, fleet, cluster)
}

fn of_parts(
    actions: impl Strategy<Value = Vec<Action>>,
    temper: Temper,
    fleet: impl Strategy<Value = FleetSpec>,
    cluster: impl Strategy<Value = Option<ClusterSpec>>,
) -> impl Strategy<Value = World> {
    let pipelines = prop::collection::vec(attributes::pipeline(temper), 1..=4);
    let parts = (actions, pipelines, fleet, cluster, any::<u64>());
    parts.prop_map(|(actions, pipelines, fleet, cluster, seed)| World {
        actions,
        pipelines,
        fleet,
        cluster,
        seed,
    })
}

/// In a calm world, one that has every queue that a step may name.
fn cluster(temper: Temper) -> impl Strategy<Value = ClusterSpec> {
    const QUEUES: &[&[&str]] = &[&["default", "gpu"], &["main", "gpu", "default"], &["gpu"]];
    let (choice, has_default) = match temper {
        Temper::Calm => (&QUEUES[..2], 1.0),
        Temper::Wild => (QUEUES, 0.8),
    };
    let has_default = prop::bool::weighted(has_default);
    let parts = (select(choice), has_default, any::<u8>(), any::<u8>());
    parts.prop_map(|(queues, has_default, members, agents)| ClusterSpec {
        queues,
        has_default,
        members,
        agents,
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
        let outside = without(&|world| world.cluster = None);
        let outside = self.cluster.iter().map(move |_| outside.clone());
        actions
            .chain(outside)
            .chain(alone)
            .chain(pipelines)
            .chain(steps)
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
        if let Some(cluster) = &self.cluster {
            writeln!(f, "{cluster:?}")?;
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
