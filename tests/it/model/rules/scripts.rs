//! What the step of a job says of it, and what its script does.

use super::Model;
use crate::model::worlds::{Attempt, Command, Kind};

impl Model {
    pub(super) fn command(&self, at: usize, index: usize) -> Option<&Command> {
        let build = &self.builds[at];
        match &build.steps[build.jobs[index].step].step.kind {
            Kind::Command(command) => Some(command),
            _ => None,
        }
    }

    pub(super) fn concurrency(&self, at: usize, index: usize) -> Option<(usize, usize)> {
        self.command(at, index)?.concurrency
    }

    pub(super) fn priority(&self, at: usize, index: usize) -> i64 {
        self.command(at, index)
            .and_then(|command| command.priority)
            .unwrap_or(0)
    }

    /// Which attempt of its script it is: one more with each that has started, in this build and in those it was
    /// rebuilt from.
    fn attempts_before(&self, at: usize, index: usize) -> usize {
        let build = &self.builds[at];
        let job = &build.jobs[index];
        let before = match (job.retry_of, build.rebuilt_from) {
            (Some(before), _) => Some((at, before)),
            (None, Some(older)) => {
                let jobs = &self.builds[older].jobs;
                let same = |before: &usize| {
                    let before = &jobs[*before];
                    before.step == job.step && before.index == job.index && before.is_current()
                };
                (0..jobs.len()).find(same).map(|before| (older, before))
            }
            (None, None) => None,
        };
        before.map_or(0, |(at, index)| {
            let has_started = self.builds[at].jobs[index].started.is_some();
            self.attempts_before(at, index) + usize::from(has_started)
        })
    }

    pub(super) fn script(&self, at: usize, index: usize) -> Attempt {
        let build = &self.builds[at];
        let key = &build.steps[build.jobs[index].step].step.key;
        let scripts = &self.pipelines[build.pipeline].scripts;
        let Some((_, attempts)) = scripts.iter().find(|(of, _)| of == key) else {
            return Attempt::DEFAULT;
        };
        attempts[self.attempts_before(at, index).min(attempts.len() - 1)]
    }
}
