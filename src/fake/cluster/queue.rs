//! Queues of clusters in the hands of a test.
//!
//! Elsewhere: how they are made (`cluster`).

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::driver::Driver;
use crate::engine::Engine;
use crate::engine::cluster::{Queue, QueueKey};
use crate::engine::commands::{
    AlreadyPaused, DeleteQueue, DeleteQueueRefused, NotPaused, PauseQueue, ResumeQueue,
};
use crate::fake::{ClusterHandle, Home, JobHandle, Tie};
use crate::vocabulary::ids::QueueId;
use crate::vocabulary::slip::slip;

/// A queue of a cluster. Cheap to clone; reads live state.
///
/// While it is paused it hands out nothing; what is on an agent goes on. Resumed, it hands out at once what waited, in
/// order:
///
/// ```
/// use fake_buildkite::{FakeBuildkite, JobState, minutes};
///
/// let fake = FakeBuildkite::start();
/// let linux = fake.cluster("Linux").create();
/// let queue = linux.queue("default");
/// queue.pause_with_note("Out of disk space");
/// let build = fake.pipeline("app").cluster(&linux).steps("steps: [{command: make, key: make}]").create_build();
/// fake.advance(minutes(10));
/// assert_eq!(build.job("make").state(), JobState::Scheduled);
/// assert_eq!(queue.waiting_jobs().len(), 1);
///
/// queue.resume();
/// assert_eq!(build.job("make").state(), JobState::Running);
/// let told: Vec<_> = fake.events().iter().map(ToString::to_string).filter(|line| line.contains("queue")).collect();
/// assert_eq!(told, [
///     "2030-01-01T00:00:00.000Z queue default of cluster Linux paused: Out of disk space",
///     "2030-01-01T00:10:00.000Z queue default of cluster Linux resumed",
/// ]);
/// assert_eq!((queue.key(), queue.cluster().name()), ("default".to_owned(), "Linux".to_owned()));
/// assert_eq!((queue.id(), queue.is_paused()), (linux.default_queue().unwrap().id(), false));
/// ```
///
/// Source: Buildkite docs, "Queues"; "Manage queues", section "Pause and resume a queue".
#[derive(Clone)]
pub struct QueueHandle {
    pub(in crate::fake) tie: Tie,
    pub(super) home: Home,
    pub(super) key: QueueKey,
}

impl QueueHandle {
    /// Its id.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> QueueId {
        self.read(|_, queue| queue.id)
    }

    /// Its key: what steps name it by.
    #[must_use]
    #[track_caller]
    pub fn key(&self) -> String {
        self.read(|_, queue| queue.key.to_string())
    }

    /// Its description.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").queue("deploy").create();
    /// let first = linux.queue("default").description();
    /// assert_eq!(first.as_deref(), Some("Automatically created when the cluster was created"));
    /// assert_eq!(linux.queue("deploy").description(), None);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn description(&self) -> Option<String> {
        self.read(|_, queue| queue.description.clone())
    }

    /// Its cluster.
    #[must_use]
    #[track_caller]
    pub fn cluster(&self) -> ClusterHandle {
        ClusterHandle {
            tie: self.tie.clone(),
            home: self.home,
            key: self.read(|_, queue| queue.cluster),
        }
    }

    /// It hands out nothing from now on.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// linux.queue("default").pause();
    /// let app = fake.pipeline("app").cluster(&linux).create();
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.all_jobs()[0].started_at(), None);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is paused already.
    #[track_caller]
    pub fn pause(&self) {
        self.pause_because(None);
    }

    /// As [`pause`](Self::pause), and says why: clients see it as `dispatch_paused_note`.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let queue = fake.cluster("Linux").create().queue("default");
    /// queue.pause_with_note("Out of disk space");
    /// assert_eq!(queue.paused_note().as_deref(), Some("Out of disk space"));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is paused already.
    #[track_caller]
    pub fn pause_with_note(&self, note: impl Into<Arc<str>>) {
        self.pause_because(Some(note.into()));
    }

    #[track_caller]
    fn pause_because(&self, note: Option<Arc<str>>) {
        let name = self.name();
        let paused = self.tie.driver().apply(PauseQueue {
            queue: self.key,
            note,
            by: Some(self.home.user),
        });
        if let Err(AlreadyPaused) = paused {
            slip!("{name} is paused already")
        }
    }

    /// It hands out again, and at once what waited, in order.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let queue = fake.cluster("Linux").create().queue("default");
    /// queue.pause();
    /// queue.resume();
    /// assert!(!queue.is_paused());
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not paused.
    #[track_caller]
    pub fn resume(&self) {
        let name = self.name();
        let resumed = self.tie.driver().apply(ResumeQueue { queue: self.key });
        if let Err(NotPaused) = resumed {
            slip!("{name} is not paused")
        }
    }

    /// Whether its dispatch is paused.
    #[must_use]
    #[track_caller]
    pub fn is_paused(&self) -> bool {
        self.read(|_, queue| queue.pause.is_some())
    }

    /// Since when it is paused, if it is.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let queue = fake.cluster("Linux").create().queue("default");
    /// assert_eq!(queue.paused_at(), None);
    /// queue.pause();
    /// fake.advance(minutes(5));
    /// assert_eq!(queue.paused_at(), Some(fake.clock().now() - minutes(5)));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn paused_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, queue| Some(queue.pause.as_ref()?.at))
    }

    /// Why it is paused, if it is and somebody said so.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let queue = fake.cluster("Linux").create().queue("default");
    /// queue.pause();
    /// assert!(queue.is_paused() && queue.paused_note().is_none(), "nobody said why");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn paused_note(&self) -> Option<String> {
        self.read(|_, queue| queue.pause.as_ref()?.note.as_deref().map(str::to_owned))
    }

    /// The jobs that wait in it for an agent, in the order of their creation.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").create();
    /// let steps = "steps: [{command: a, key: a}, {command: b, key: b}]";
    /// fake.pipeline("app").cluster(&linux).steps(steps).create_build();
    /// let names: Vec<_> = linux.queue("default").waiting_jobs().iter().map(|job| job.name()).collect();
    /// assert_eq!(names, ["a", "b"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn waiting_jobs(&self) -> Vec<JobHandle> {
        let keys = self.read(|engine, _| engine.waiting_in(self.key));
        keys.into_iter()
            .map(|key| JobHandle::new(self.tie.clone(), self.home, key))
            .collect()
    }

    /// Deletes it. Jobs that wait in it go on waiting, for one with the same key; this handle leads nowhere then.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").queue("deploy").create();
    /// linux.queue("deploy").delete();
    /// assert_eq!(linux.queues().len(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is the default queue of its cluster, has a job on an agent, or an agent of a fixed fleet.
    #[track_caller]
    pub fn delete(&self) {
        let name = self.name();
        let deleted = self.tie.driver().apply(DeleteQueue { queue: self.key });
        let why = match deleted {
            Ok(()) => return,
            Err(DeleteQueueRefused::IsDefault) => "is the default queue",
            Err(DeleteQueueRefused::HasJobs) => "has a job on an agent",
            Err(DeleteQueueRefused::HasAgents) => "has agents",
        };
        slip!("{name} {why}, and so is not deleted")
    }

    #[track_caller]
    pub(in crate::fake) fn name(&self) -> String {
        self.read(|engine, _| engine.queue_ref(self.key).to_string())
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Engine, &Queue) -> T) -> T {
        let driver = self.tie.driver();
        let found = driver.read(|engine| Some(look(engine, engine.find_cluster_queue(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!(
                "this queue is gone: it, or its cluster, was deleted, or the fake went back to before it was made"
            ),
        }
    }
}

/// `QueueHandle(queue deploy of cluster Linux)`.
impl fmt::Debug for QueueHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.tie.alive().and_then(|driver: Arc<Driver>| {
            driver.read(|engine| {
                engine.find_cluster_queue(self.key)?;
                Some(engine.queue_ref(self.key).to_string())
            })
        });
        write!(f, "QueueHandle({})", name.as_deref().unwrap_or("gone"))
    }
}

impl JobHandle {
    /// The queue an agent took it from, and before that the one it waits in, or would. None outside of clusters, if its
    /// cluster does not have the queue, and for what is no command job.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let linux = fake.cluster("Linux").queue("deploy").create();
    /// let steps = "steps: [{command: ship, key: ship, agents: {queue: deploy}}]";
    /// let build = fake.pipeline("app").cluster(&linux).steps(steps).create_build();
    /// assert_eq!(build.job("ship").queue().unwrap().key(), "deploy");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn queue(&self) -> Option<QueueHandle> {
        let key = self.read(Engine::queue_of)?;
        Some(QueueHandle {
            tie: self.tie.clone(),
            home: self.home,
            key,
        })
    }
}
