//! What a newer build of a branch does to the older ones: those still queued are skipped, those that run are canceled,
//! each if the pipeline says so.
//!
//! Source: Buildkite docs, "Skipping builds", "Canceling builds".

use crate::engine::Command as _;
use crate::engine::Engine;
use crate::engine::build::{self, BuildKey, Cancellation};
use crate::engine::commands::CancelBuild;
use crate::engine::job::{self, Event};
use crate::engine::pipeline::Intermediate;
use crate::pipeline::BranchPatterns;
use crate::vocabulary::states::BuildState;

impl Engine {
    /// A build was created: older ones of its branch that have not started are skipped.
    pub(crate) fn skip_intermediate(&mut self, newer: BuildKey) {
        let settings = |engine: &Self| {
            engine
                .pipelines
                .get(engine.builds.get(newer).pipeline)
                .settings
                .skip_queued
                .clone()
        };
        for build in self.older_of_branch(newer, &settings(self)) {
            if matches!(
                self.builds.get(build).state,
                BuildState::Creating | BuildState::Scheduled
            ) {
                self.skip_build(build);
            }
        }
    }

    /// A build began to run: older ones of its branch that have started, or wait for a person, are canceled.
    ///
    /// Chosen: when it begins to run, because until then it may be skipped itself. All blocked builds are meant,
    /// whatever they look like.
    pub(super) fn cancel_intermediate(&mut self, newer: BuildKey) {
        let settings = |engine: &Self| {
            engine
                .pipelines
                .get(engine.builds.get(newer).pipeline)
                .settings
                .cancel_running
                .clone()
        };
        for build in self.older_of_branch(newer, &settings(self)) {
            let runs = matches!(
                self.builds.get(build).state,
                BuildState::Running | BuildState::Failing | BuildState::Blocked
            );
            if runs {
                let canceled = CancelBuild {
                    build,
                    cause: Cancellation::NewerBuild,
                }
                .apply(self);
                canceled.expect("a build that runs or is blocked can be canceled");
            }
        }
    }

    /// The older builds of the same pipeline and branch that are not over, if the setting is on and its filter lets the
    /// branch through.
    fn older_of_branch(&self, newer: BuildKey, setting: &Intermediate) -> Vec<BuildKey> {
        let build = self.builds.get(newer);
        let branch = &build.head.branch;
        let filter = setting.filter.as_deref().unwrap_or_default();
        if !setting.is_on || !BranchPatterns::parse([filter]).matches(branch) {
            return Vec::new();
        }
        self.open_builds(build.pipeline)
            .filter(|key| *key < newer && self.builds.get(*key).head.branch == *branch)
            .collect()
    }

    fn skip_build(&mut self, key: BuildKey) {
        let can_skip = |job: &job::Job| job::next(job.kind, job.state, Event::Skip).is_ok();
        let jobs: Vec<_> = self
            .jobs_of(key)
            .filter(|(_, job)| can_skip(job))
            .map(|(key, _)| key)
            .collect();
        for job in jobs {
            self.must_change(job, Event::Skip);
        }
        self.change_build(key, build::Event::Skip);
    }
}
