//! A new build: its steps become jobs, and those that wait for nothing are scheduled at once.
//!
//! Source: Buildkite docs, "Builds API", section "Create a build".

use std::convert::Infallible;
use std::sync::Arc;

use crate::engine::build::{Build, BuildKey, Head, Progress};
use crate::engine::change::build_counts;
use crate::engine::graph;
use crate::engine::job::{Event, Job, Lead, State, Times};
use crate::engine::pipeline::PipelineKey;
use crate::engine::tally::Tally;
use crate::engine::{Command, Engine};
use crate::pipeline::Step;
use crate::vocabulary::event::EventKind;
use crate::vocabulary::ids::{self, BuildId, JobId, Kind};
use crate::vocabulary::states::{BuildState, JobType};

pub(crate) struct CreateBuild {
    pub(crate) pipeline: PipelineKey,
    pub(crate) head: Head,
    pub(crate) meta_data: Vec<(String, String)>,
}

impl Command for CreateBuild {
    type Output = BuildKey;
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<BuildKey, Infallible> {
        let key = engine.insert_build(self);
        let count = engine.steps(key).len();
        for step in 0..count {
            engine.insert_first_job(key, step);
        }
        for step in 0..count {
            engine.place_first_job(key, step);
        }
        // The agenda begins with the steps that wait for nothing.
        let waits_for_nothing = |step: &usize| {
            let run = engine.step(key, *step);
            run.pending == 0 && run.broken.is_none()
        };
        let free: Vec<_> = (0..count)
            .filter(waits_for_nothing)
            .map(|step| (key, step))
            .collect();
        engine.agenda.steps.extend(free);
        engine.agenda.builds.insert(key);
        Ok(key)
    }
}

impl Engine {
    fn insert_build(&mut self, wanted: CreateBuild) -> BuildKey {
        let CreateBuild {
            pipeline: pipeline_key,
            head,
            meta_data,
        } = wanted;
        let id = BuildId(self.mint(Kind::Build, self.builds.next_key()));
        let (seed, now, first_step) = (self.seed, self.now, self.steps_created);
        let pipeline = self.pipelines.change(pipeline_key);
        pipeline.last_number += 1;
        pipeline.counts.add(build_counts(BuildState::Creating));
        let plan = graph::plan(&pipeline.steps, |n| {
            ids::mint(seed, Kind::Step, first_step + n as u64, now)
        });
        self.steps_created += plan.len() as u64;
        let organization = pipeline.organization;
        let key = self.builds.push(Build {
            id,
            organization,
            pipeline: pipeline_key,
            number: pipeline.last_number,
            head: Arc::new(head),
            meta_data,
            state: BuildState::Creating,
            created_at: now,
            scheduled_at: now,
            started_at: None,
            failing_at: None,
            finished_at: None,
        });
        let steps = plan.into_iter().map(Arc::new).collect();
        self.progress.push(Progress {
            steps,
            tally: Tally::default(),
        });
        pipeline.builds.push_back_mut(key);
        self.organizations
            .change(organization)
            .builds
            .push_back_mut(key);
        self.record(EventKind::Build {
            build: self.build_ref(key),
            from: None,
            to: BuildState::Creating,
        });
        key
    }

    fn insert_first_job(&mut self, build: BuildKey, step: usize) {
        let run = self.step(build, step);
        let (kind, priority) = match &*run.step {
            Step::Command(command) => (run.kind, command.priority),
            Step::Wait(_) | Step::Block(_) | Step::Input(_) => (run.kind, 0),
        };
        let id = JobId(self.mint(Kind::Job, self.jobs.next_key()));
        self.add_job(Job {
            id,
            build,
            step,
            kind,
            state: State::Pending,
            attempt: 1,
            created_at: self.now,
            scheduled_at: self.now,
            times: Times::default(),
            exit: None,
            soft_failed: false,
            broken_reason: None,
            priority,
            agent: None,
            unblocked_by: None,
            retry_of: None,
            retried: None,
            lead: Lead::Script,
            history: Vec::new(),
            timers: Vec::new(),
        });
    }

    /// Out of `pending`, as far as that does not depend on other steps.
    fn place_first_job(&mut self, build: BuildKey, step: usize) {
        let run = self.step(build, step);
        let job = run.latest();
        if let Some(reason) = run.broken.clone() {
            let reason = Some(reason).filter(|reason| !reason.is_empty());
            self.change_with(job, Event::Break, |job| job.broken_reason = reason)
                .expect("a pending job can break");
            return;
        }
        match run.kind {
            JobType::Manual => self.must_change(job, Event::Block),
            JobType::Script | JobType::Waiter | JobType::Trigger => {
                if run.pending > 0 || run.depends_on_missing {
                    self.must_change(job, Event::Wait);
                }
            }
        }
    }
}
