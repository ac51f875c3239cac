//! Making, changing and deleting a queue of a cluster, and letting it rest.
//!
//! Source: Buildkite docs, "Queues"; "Manage queues", section "Pause and resume a queue".

use std::sync::Arc;

use crate::engine::account::UserKey;
use crate::engine::cluster::{
    Affinity, ClusterKey, Invalid, NotValid, Pause, Queue, QueueAgents, QueueKey, Shape,
};
use crate::engine::{Command, Engine};
use crate::vocabulary::event::EventKind;
use crate::vocabulary::ids::{Kind, QueueId};

pub(crate) struct CreateQueue {
    pub(crate) cluster: ClusterKey,
    pub(crate) key: Arc<str>,
    pub(crate) description: Option<String>,
    pub(crate) affinity: Option<Affinity>,
    pub(crate) hosted: Option<WantedShape>,
    pub(crate) created_by: Option<UserKey>,
}

/// The machines somebody wants for a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct WantedShape {
    pub(crate) name: Option<String>,
    /// What the agents run in. A new queue begins with the default, whatever is asked for.
    pub(crate) image: Option<String>,
}

impl Command for CreateQueue {
    type Output = QueueKey;
    type Refused = NotValid;

    /// Chosen: a cluster's first queue does not become its default queue by itself. That a cluster made over the API
    /// has none is recorded, and that it gets one is nowhere said.
    fn apply(self, engine: &mut Engine) -> Result<QueueKey, NotValid> {
        let mut wrong = Vec::new();
        let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.key.trim().is_empty() {
            wrong.push(Invalid::Blank("Key"));
        } else if !self.key.chars().all(is_legal) {
            wrong.push(Invalid::KeyCharacters);
        } else if engine.queue_by_key(self.cluster, &self.key).is_some() {
            wrong.push(Invalid::Taken("Key"));
        }
        let mut agents = QueueAgents::SelfHosted(self.affinity.unwrap_or(Affinity::PreferWarmest));
        if let Some(WantedShape { name, .. }) = self.hosted {
            let name = name.filter(|name| !name.is_empty());
            match name.as_deref().map(Shape::of) {
                None => wrong.push(Invalid::Blank("Instance shape")),
                Some(None) => wrong.push(Invalid::Malformed("Instance shape")),
                Some(Some(shape)) => agents = QueueAgents::Hosted { shape, image: None },
            }
        }
        if !engine.may_have_another_queue(self.cluster) {
            wrong.push(Invalid::TooManyQueues);
        }
        NotValid::unless_empty(wrong)?;
        let key = engine.clusters.queues.next_key();
        let id = QueueId(engine.mint(Kind::ClusterQueue, key));
        engine.clusters.queues.push(Queue {
            id,
            cluster: self.cluster,
            key: Arc::clone(&self.key),
            description: self.description,
            agents,
            pause: None,
            created_at: engine.now,
            created_by: self.created_by,
        });
        let clusters = &mut engine.clusters;
        clusters.queue_ids.insert(id, key);
        clusters.queues_by_cluster.insert(self.cluster, key);
        clusters.queues_by_key.insert((self.cluster, self.key), key);
        engine.queues_changed();
        Ok(key)
    }
}

pub(crate) struct UpdateQueue {
    pub(crate) queue: QueueKey,
    /// As it is to be, changed or not.
    pub(crate) description: Option<String>,
    /// None leaves it as it is, as does the next.
    pub(crate) affinity: Option<Affinity>,
    pub(crate) hosted: Option<WantedShape>,
}

impl Command for UpdateQueue {
    type Output = ();
    type Refused = NotValid;

    /// Chosen: which agents of one's own are asked first means nothing to a hosted queue, and is ignored there.
    fn apply(self, engine: &mut Engine) -> Result<(), NotValid> {
        let mut agents = engine.cluster_queue(self.queue).agents.clone();
        match (&mut agents, self.hosted) {
            (QueueAgents::SelfHosted(affinity), None) => {
                *affinity = self.affinity.unwrap_or(*affinity);
            }
            (QueueAgents::SelfHosted(_), Some(wanted)) => {
                return Err(Invalid::ShapeChange(wanted.name.unwrap_or_default()).into());
            }
            (QueueAgents::Hosted { .. }, None) => {}
            (QueueAgents::Hosted { shape, image }, Some(wanted)) => {
                let name = wanted.name.unwrap_or_default();
                let is_like = |new: &&Shape| {
                    new.machine == shape.machine && new.architecture == shape.architecture
                };
                let Some(new) = Shape::of(&name).filter(is_like) else {
                    return Err(Invalid::ShapeChange(name).into());
                };
                *shape = new;
                if wanted.image.is_some() && wanted.image != *image {
                    if new.is_mac() {
                        return Err(Invalid::ImageOnMac.into());
                    }
                    *image = wanted.image.filter(|image| !image.is_empty());
                }
            }
        }
        let queue = engine.clusters.queues.change(self.queue);
        queue.description = self.description;
        queue.agents = agents;
        Ok(())
    }
}

/// Jobs that wait in it go on waiting: for one with the same key.
pub(crate) struct DeleteQueue {
    pub(crate) queue: QueueKey,
}

/// Why a queue stays.
///
/// Chosen: as with clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeleteQueueRefused {
    IsDefault,
    HasAgents,
    HasJobs,
}

impl Command for DeleteQueue {
    type Output = ();
    type Refused = DeleteQueueRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), DeleteQueueRefused> {
        use DeleteQueueRefused as R;
        let cluster = engine.cluster_queue(self.queue).cluster;
        if engine.cluster(cluster).default_queue == Some(self.queue) {
            return Err(R::IsDefault);
        }
        if engine.has_jobs_at_work(self.queue) {
            return Err(R::HasJobs);
        }
        if engine.has_agents(self.queue) {
            return Err(R::HasAgents);
        }
        engine.remove_queue(self.queue);
        Ok(())
    }
}

/// It hands out nothing from now on. What is on an agent stays there.
pub(crate) struct PauseQueue {
    pub(crate) queue: QueueKey,
    pub(crate) note: Option<Arc<str>>,
    pub(crate) by: Option<UserKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AlreadyPaused;

impl Command for PauseQueue {
    type Output = ();
    type Refused = AlreadyPaused;

    fn apply(self, engine: &mut Engine) -> Result<(), AlreadyPaused> {
        let Self {
            queue: key,
            note,
            by,
        } = self;
        if engine.cluster_queue(key).pause.is_some() {
            return Err(AlreadyPaused);
        }
        let at = engine.now;
        engine.record(EventKind::QueuePaused {
            queue: engine.queue_ref(key),
            note: note.clone(),
        });
        engine.clusters.queues.change(key).pause = Some(Pause { by, at, note });
        Ok(())
    }
}

/// It hands out again, and at once what waited, in order.
pub(crate) struct ResumeQueue {
    pub(crate) queue: QueueKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPaused;

impl Command for ResumeQueue {
    type Output = ();
    type Refused = NotPaused;

    fn apply(self, engine: &mut Engine) -> Result<(), NotPaused> {
        let key = self.queue;
        if engine.cluster_queue(key).pause.is_none() {
            return Err(NotPaused);
        }
        engine.record(EventKind::QueueResumed {
            queue: engine.queue_ref(key),
        });
        engine.clusters.queues.change(key).pause = None;
        engine.queues_changed();
        Ok(())
    }
}
