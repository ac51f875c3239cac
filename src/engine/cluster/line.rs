//! Where a command job waits for an agent, and why nobody comes for it there.
//!
//! Elsewhere: what queues are (`cluster`), who takes a job from one (`dispatch`).
//! Source: Buildkite docs, "Queues", "Manage queues".

use crate::engine::Engine;
use crate::engine::cluster::{ClusterKey, QueueKey};
use crate::engine::graph::Placed;
use crate::engine::job::{Job, JobKey, State};
use crate::pipeline::Step;
use crate::vocabulary::states::JobType;

/// Where a command job waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Outside of every cluster, where tags alone count.
    Unclustered,
    Queue(QueueKey),
    /// Nowhere: its cluster has no such queue, and no agent can come for it.
    Nowhere,
}

/// The queue that query rules name. A rule that asks for any queue names none.
///
/// Chosen: of several the first. No agent of a cluster is in two.
fn queue_in(rules: &[String]) -> Option<&str> {
    let mut named = rules.iter().filter_map(|rule| rule.strip_prefix("queue="));
    named.find(|name| !matches!(*name, "" | "*"))
}

impl Engine {
    /// The cluster of a build, unless it is gone.
    pub(crate) fn cluster_of(&self, job: &Job) -> Option<ClusterKey> {
        let cluster = self.builds.get(job.build).cluster?;
        self.find_cluster(cluster).map(|_| cluster)
    }

    /// The queue a command job is shown with: the one an agent took it from, and before that the one it would be.
    ///
    /// Chosen: a queue that was deleted is not shown any more.
    pub(crate) fn queue_of(&self, job: &Job) -> Option<QueueKey> {
        if let Some(queue) = job.queue {
            return self.find_cluster_queue(queue).map(|_| queue);
        }
        match self.line_of(job) {
            Line::Queue(queue) => Some(queue),
            Line::Unclustered | Line::Nowhere => None,
        }
    }

    /// Where a job waits for an agent, as its cluster is now.
    ///
    /// Chosen: a build stays in the cluster it was made in when its pipeline moves to another. If that is gone, nobody
    /// comes for its jobs.
    pub(in crate::engine) fn line_of(&self, job: &Job) -> Line {
        let rules = match &*job.spec {
            Step::Command(step) => &step.agents[..],
            Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => {
                return Line::Unclustered;
            }
        };
        let Some(cluster) = self.builds.get(job.build).cluster else {
            return Line::Unclustered;
        };
        let queue = self
            .find_cluster(cluster)
            .and_then(|found| match queue_in(rules) {
                Some(key) => self.queue_by_key(cluster, key),
                None => found.default_queue,
            });
        queue.map_or(Line::Nowhere, Line::Queue)
    }

    /// Whether an agent may come for a job at all.
    pub(in crate::engine) fn is_dispatched(&self, job: JobKey) -> bool {
        match self.line_of(self.jobs.get(job)) {
            Line::Unclustered => true,
            Line::Queue(queue) => self.cluster_queue(queue).pause.is_none(),
            Line::Nowhere => false,
        }
    }

    /// Why no agent comes for a job, whoever is there: the second half of a sentence that begins with the job's state.
    pub(crate) fn why_not_dispatched(&self, key: JobKey) -> Option<String> {
        let job = self.jobs.get(key);
        match self.line_of(job) {
            Line::Unclustered => None,
            Line::Queue(queue) => {
                let note = match self.cluster_queue(queue).pause.as_ref()?.note.as_deref() {
                    Some(note) => format!(" ({note})"),
                    None => String::new(),
                };
                Some(format!("{} is paused{note}", self.queue_ref(queue)))
            }
            Line::Nowhere => {
                let cluster = self.builds.get(job.build).cluster?;
                let Some(cluster) = self.find_cluster(cluster) else {
                    return Some("its cluster was deleted".to_owned());
                };
                let name = &cluster.settings.name;
                let rules = match &*job.spec {
                    Step::Command(step) => queue_in(&step.agents),
                    Step::Wait(_)
                    | Step::Block(_)
                    | Step::Input(_)
                    | Step::Trigger(_)
                    | Step::Group(_) => None,
                };
                Some(match rules {
                    Some(key) => format!("cluster {name} has no queue {key}"),
                    None => format!("it names no queue, and cluster {name} has no default queue"),
                })
            }
        }
    }

    /// The jobs that wait in a queue for an agent, in the order of their creation.
    pub(crate) fn waiting_in(&self, queue: QueueKey) -> Vec<JobKey> {
        let open = self.all_open_builds().into_iter();
        let jobs = open.flat_map(|build| self.jobs_of(build));
        let waiting = jobs.filter(|(_, job)| {
            job.kind == JobType::Script
                && job.state == State::Scheduled
                && self.line_of(job) == Line::Queue(queue)
        });
        let mut waiting: Vec<_> = waiting.map(|(key, _)| key).collect();
        waiting.sort_unstable();
        waiting
    }

    /// Steps that name a queue which the cluster does not have are not taken: the first of them, in Buildkite's words.
    ///
    /// What a matrix fills in is not known yet; a job that names no queue waits for a default queue.
    ///
    /// Chosen: the service says so of uploads. That it says the same when a build is made of a pipeline's own steps is
    /// inferred; a build of which nothing is known would be worse.
    pub(in crate::engine) fn check_queues<'s>(
        &self,
        cluster: Option<ClusterKey>,
        steps: impl IntoIterator<Item = &'s Placed>,
    ) -> Result<(), String> {
        let Some((key, cluster)) = cluster.and_then(|key| Some((key, self.find_cluster(key)?)))
        else {
            return Ok(());
        };
        for placed in steps {
            let Step::Command(step) = &*placed.step else {
                continue;
            };
            let Some(queue) = queue_in(&step.agents).filter(|queue| !queue.contains("{{")) else {
                continue;
            };
            if self.queue_by_key(key, queue).is_none() {
                let name = &cluster.settings.name;
                return Err(format!(
                    "Queue '{queue}' does not exist in the '{name}' cluster"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_one_queue_or_none() {
        for (rules, expected) in [
            ("", None),
            ("os=linux", None),
            ("queue=deploy", Some("deploy")),
            ("os=linux queue=deploy", Some("deploy")),
            ("queue=*", None),
            ("queue", None),
            ("queue=", None),
            ("queue=* queue=b queue=c", Some("b")),
            ("queues=a", None),
        ] {
            let rules: Vec<_> = rules.split_whitespace().map(str::to_owned).collect();
            assert_eq!(queue_in(&rules), expected, "{rules:?}");
        }
    }
}
