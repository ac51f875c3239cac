//! Trigger jobs: the service makes a build in another pipeline, and the job usually lives as long as that build.
//!
//! No agent is involved, and no time passes: a trigger job that may go on has its build at the same instant.
//! Source: Buildkite docs, "Trigger step".

use crate::engine::build::{BuildKey, Cancellation, Head, put};
use crate::engine::commands::{CancelBuild, CreateBuild};
use crate::engine::job::{Event, JobKey, State};
use crate::engine::{Command as _, Engine};
use crate::pipeline::{Step, TriggerStep};
use crate::vocabulary::states::{BuildSource, BuildState};

/// How many builds may trigger each other in a row: 10.
/// Source: Buildkite docs, "Platform limits".
const MOST_LEVELS: usize = 10;

/// How many builds may be triggered at once, by whatever a command or a due thing leads to.
/// Chosen: pipelines with several steps that trigger each other in a circle would make as many builds as that number to
/// the power of the levels, and fill the memory.
const MOST_AT_ONCE: usize = 10_000;

impl Engine {
    /// What a test has to know that ran into this fake's own limit.
    pub(crate) fn untriggered(&self) -> Option<String> {
        let failed = match self.not_triggered {
            0 => return None,
            1 => "1 trigger step".to_owned(),
            count => format!("{count} trigger steps"),
        };
        Some(format!(
            "{failed} failed where Buildkite would go on: {MOST_AT_ONCE} builds had been triggered at one instant. Do \
             pipelines trigger each other in a circle? Each of its {MOST_LEVELS} levels multiplies the builds by the number of \
             trigger steps"
        ))
    }

    /// Makes the build of a trigger job that may go on.
    pub(super) fn trigger(&mut self, key: JobKey) {
        // Its build may have been canceled meanwhile.
        if self.jobs.get(key).state != State::Scheduled {
            return;
        }
        let Step::Trigger(step) = &*self.jobs.get(key).spec.clone() else {
            unreachable!("only trigger jobs trigger")
        };
        let Some(build) = self.build_to_trigger(key, step) else {
            // Chosen: whatever the reason, REST shows a failed job without an exit status.
            self.must_change(key, Event::Fail);
            return;
        };
        self.change_with(key, Event::Start, |job| job.triggered_build = Some(build))
            .expect("a scheduled trigger job can start");
        if step.is_async {
            self.must_change(key, Event::Succeed);
        }
    }

    fn build_to_trigger(&mut self, key: JobKey, step: &TriggerStep) -> Option<BuildKey> {
        let parent = self.builds.get(self.jobs.get(key).build);
        if self.levels_above(parent.head.triggered_from) >= MOST_LEVELS {
            return None;
        }
        let pipeline = self.pipeline_by_slug(parent.organization, &step.pipeline)?;
        if !self.may_trigger(self.jobs.get(key).build, pipeline) {
            return None;
        }
        if self.agenda.triggered >= MOST_AT_ONCE {
            self.not_triggered += 1;
            return None;
        }
        let wanted = &step.build;
        let mut env = wanted.env.clone();
        if let Some((index, count)) = self.jobs.get(key).parallel {
            put(
                &mut env,
                "BUILDKITE_PARALLEL_JOB".to_owned(),
                index.to_string(),
            );
            put(
                &mut env,
                "BUILDKITE_PARALLEL_JOB_COUNT".to_owned(),
                count.to_string(),
            );
        }
        let default_branch = &self.pipelines.get(pipeline).settings.default_branch;
        let message = wanted.message.clone().or_else(|| step.label.clone());
        let head = Head {
            commit: wanted.commit.clone().unwrap_or_else(|| "HEAD".to_owned()),
            branch: wanted
                .branch
                .clone()
                .unwrap_or_else(|| default_branch.clone()),
            tag: None,
            message: message.filter(|message| !message.is_empty()),
            env,
            source: BuildSource::TriggerJob,
            author: parent.head.author.clone(),
            creator: parent.head.creator,
            pull_request: None,
            clean_checkout: false,
            rebuilt_from: None,
            triggered_from: Some(key),
            changed_files: None,
        };
        self.agenda.triggered += 1;
        CreateBuild {
            pipeline,
            head,
            meta_data: wanted.meta_data.clone(),
        }
        .apply(self)
        .ok()
    }

    fn levels_above(&self, mut from: Option<JobKey>) -> usize {
        let mut levels = 0;
        while let Some(job) = from.and_then(|key| self.jobs.find(key)) {
            levels += 1;
            from = self.builds.get(job.build).head.triggered_from;
        }
        levels
    }

    /// A build ended: tells the job that triggered it and still waits for it.
    pub(super) fn tell_trigger(&mut self, key: BuildKey) {
        let build = self.builds.get(key);
        let Some(job) = build
            .head
            .triggered_from
            .filter(|job| self.jobs.find(*job).is_some())
        else {
            return;
        };
        let state = self.jobs.get(job).state;
        if !matches!(state, State::Running | State::Canceling) {
            return;
        }
        let waits = state == State::Running;
        let by_newer_build = build.cancellation == Some(Cancellation::NewerBuild);
        let event = match build.state {
            BuildState::Passed | BuildState::NotRun => Event::Succeed,
            BuildState::Skipped if waits => Event::Skip,
            BuildState::Canceled if waits && by_newer_build => Event::Skip,
            BuildState::Failed | BuildState::Canceled | BuildState::Skipped => Event::Fail,
            BuildState::Creating
            | BuildState::Scheduled
            | BuildState::Running
            | BuildState::Failing
            | BuildState::Blocked
            | BuildState::Canceling => return,
        };
        self.must_change(job, event);
    }

    /// A trigger job is canceled: so is the build it waits for. If that is over already, so is the job.
    pub(super) fn cancel_triggered(&mut self, key: JobKey) {
        let job = self.jobs.get(key);
        if job.state != State::Canceling {
            return;
        }
        let build = job
            .triggered_build
            .filter(|build| self.builds.find(*build).is_some());
        let canceled = build.map(|build| {
            CancelBuild {
                build,
                cause: Cancellation::Person,
            }
            .apply(self)
        });
        // If it was canceled now, it reports when its jobs have stopped.
        if !matches!(canceled, Some(Ok(()))) {
            let is_stopping =
                build.is_some_and(|build| self.builds.get(build).state == BuildState::Canceling);
            if !is_stopping && self.jobs.get(key).state == State::Canceling {
                self.must_change(key, Event::Fail);
            }
        }
    }
}
