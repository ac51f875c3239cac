//! Deleting a pipeline takes its builds, their jobs and its schedules with it, and takes it from its teams.
//!
//! Source: Buildkite docs, "Pipelines API", section "Delete a pipeline".

use std::convert::Infallible;

use crate::engine::annotation::Subject;
use crate::engine::build::BuildKey;
use crate::engine::job::{Event, JobKey, State};
use crate::engine::pipeline::PipelineKey;
use crate::engine::{Command, Engine};

pub(crate) struct DeletePipeline {
    pub(crate) pipeline: PipelineKey,
}

impl Command for DeletePipeline {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        let pipeline = engine.pipelines.get(self.pipeline).clone();
        for schedule in engine.schedules_of(self.pipeline) {
            engine.remove_schedule(schedule);
        }
        engine.forget_team_pipeline(self.pipeline);
        for build in engine.activity.get(self.pipeline).builds.clone().iter() {
            engine.remove_build(*build);
        }
        let organization = engine.organizations.change(pipeline.organization);
        organization.pipelines = organization
            .pipelines
            .iter()
            .copied()
            .filter(|key| *key != self.pipeline)
            .collect();
        let builds = engine
            .organizations
            .get(pipeline.organization)
            .builds
            .clone();
        let kept = builds
            .iter()
            .copied()
            .filter(|key| engine.builds.find(*key).is_some())
            .collect();
        engine.organizations.change(pipeline.organization).builds = kept;
        engine.slugs.remove(&(pipeline.organization, pipeline.slug));
        engine.pipelines.remove(self.pipeline);
        engine.activity.remove(self.pipeline);
        engine.scripts.remove(self.pipeline);
        engine.catalog.forget(self.pipeline);
        Ok(())
    }
}

impl Engine {
    fn remove_build(&mut self, build: BuildKey) {
        self.forget_trigger(build);
        self.remove_step_uploads_of(build);
        let jobs: Vec<_> = self.jobs_of(build).map(|(key, _)| key).collect();
        for key in jobs {
            self.remove_job(key);
        }
        self.remove_annotations_about(Subject::Build(build));
        let pipeline = self.builds.get(build).pipeline;
        self.open.remove(pipeline, build);
        self.builds.remove(build);
        self.progress.remove(build);
    }

    /// Takes a job out of everything but its step and the counts.
    pub(crate) fn remove_job(&mut self, key: JobKey) {
        let job = self.jobs.get(key).clone();
        for timer in job.timers {
            self.disarm(timer);
        }
        if let Some(agent) = job.agent.filter(|_| job.state.has_agent()) {
            self.free_agent(agent);
        }
        self.leave_queue(key);
        self.leave_group(key);
        self.remove_artifacts_of(key);
        self.remove_annotations_about(Subject::Job(key));
        self.job_ids.remove(job.id);
        self.logs.remove(&key);
        self.plans.remove(&key);
        self.polls.remove(&key);
        self.forget_verdicts(key);
        self.jobs.remove(key);
    }

    /// Chosen: a trigger job whose build is gone fails, because nothing will ever tell it how the build ended.
    fn forget_trigger(&mut self, build: BuildKey) {
        let build = self.builds.get(build);
        let Some(key) = build.head.triggered_from else {
            return;
        };
        let waits = self.jobs.find(key).is_some_and(|job| {
            matches!(job.state, State::Running | State::Canceling)
                && self.builds.get(job.build).pipeline != build.pipeline
        });
        if waits {
            self.must_change(key, Event::Fail);
        }
    }
}
