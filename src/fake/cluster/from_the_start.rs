//! Clusters and queues that a fake starts with, because an agent of its fleet serves them.

use crate::engine::cluster::{Cluster, ClusterSettings, QueueKey};
use crate::engine::commands::{CreateCluster, CreateQueue, UpdateCluster};
use crate::engine::{Command, Engine};
use crate::fake::Home;
use crate::fake::cluster::named;
use crate::vocabulary::slip::slip;

/// The queue that an agent of a fixed fleet serves: made, and its cluster with it, unless another agent of the fleet
/// serves it, too.
#[track_caller]
pub(in crate::fake) fn queue_from_the_start(
    engine: &mut Engine,
    home: Home,
    cluster: &str,
    key: &str,
) -> QueueKey {
    let by = Some(home.user);
    let all = named(engine, home.organization);
    let known = all.into_iter().find(|(name, _)| &**name == cluster);
    let owner = match known {
        Some((_, key)) => Ok(key),
        None => create(
            engine,
            CreateCluster {
                organization: home.organization,
                settings: ClusterSettings {
                    name: cluster.into(),
                    description: None,
                    emoji: None,
                    color: None,
                },
                maintainers: Vec::new(),
                created_by: by,
            },
        ),
    };
    let made = owner.and_then(|owner| {
        if let Some(queue) = engine.queue_by_key(owner, key) {
            return Ok(queue);
        }
        let queue = create(
            engine,
            CreateQueue {
                cluster: owner,
                key: key.into(),
                description: None,
                affinity: None,
                hosted: None,
                created_by: by,
            },
        )?;
        let Cluster {
            settings, caches, ..
        } = engine.cluster(owner).clone();
        if engine.queues_of(owner).len() == 1 {
            let default_queue = Some(engine.cluster_queue(queue).id);
            create(
                engine,
                UpdateCluster {
                    cluster: owner,
                    settings,
                    default_queue,
                    caches,
                },
            )?;
        }
        Ok(queue)
    });
    match made {
        Ok(queue) => queue,
        Err(refused) => {
            slip!("Buildkite would not take the queue `{key}` of cluster `{cluster}`: {refused}")
        }
    }
}

/// In a world that nobody looks at yet.
fn create<C: Command>(engine: &mut Engine, command: C) -> Result<C::Output, C::Refused> {
    engine.apply(command).map(|applied| applied.value)
}
