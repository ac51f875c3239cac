//! A new build: its steps become jobs, and those that wait for nothing are scheduled at once.
//!
//! Source: Buildkite docs, "Builds API", section "Create a build".

use std::fmt;
use std::sync::Arc;

use crate::engine::build::{Build, BuildKey, Head, Progress};
use crate::engine::change::build_counts;
use crate::engine::expand::{self, Variant};
use crate::engine::facts::{CONFIGURATION_VARIABLES, NewBuild};
use crate::engine::graph::{self, Placed};
use crate::engine::job::{Event, Job, Lead, State, Times};
use crate::engine::pipeline::PipelineKey;
use crate::engine::tally::Tally;
use crate::engine::{Command, Engine};
use crate::pipeline::{ConditionalError, Interpolation, PipelineError, Step};
use crate::vocabulary::event::EventKind;
use crate::vocabulary::ids::{self, BuildId, JobId, Kind};
use crate::vocabulary::states::{BuildState, JobType};

pub(crate) struct CreateBuild {
    pub(crate) pipeline: PipelineKey,
    pub(crate) head: Head,
    pub(crate) meta_data: Vec<(String, String)>,
}

/// Why the steps of a pipeline do not make a build. Nothing of it was made.
#[derive(Debug)]
pub(crate) enum CreateBuildRefused {
    /// The steps, once the build has filled them in.
    Configuration(PipelineError),
    /// A condition failed for this build.
    Condition(ConditionalError),
}

impl fmt::Display for CreateBuildRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(error) => error.fmt(f),
            Self::Condition(error) => f.write_str(error.message()),
        }
    }
}

impl Command for CreateBuild {
    type Output = BuildKey;
    type Refused = CreateBuildRefused;

    fn apply(self, engine: &mut Engine) -> Result<BuildKey, CreateBuildRefused> {
        let outline = engine.outline(&self)?;
        let key = engine.insert_build(self, outline);
        let count = engine.steps(key).len();
        for step in 0..count {
            engine.insert_first_jobs(key, step);
        }
        for step in 0..count {
            engine.place_first_jobs(key, step);
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
        engine.agenda.newer.push_back(key);
        Ok(key)
    }
}

/// What is known of a build before it is made.
struct Outline {
    id: BuildId,
    steps: Arc<[Placed]>,
    /// Why each of them is excluded, if it is.
    excluded: Vec<Option<Arc<str>>>,
}

impl Engine {
    /// The steps as they are for this build, and which of them exclude themselves. Changes nothing.
    fn outline(&self, wanted: &CreateBuild) -> Result<Outline, CreateBuildRefused> {
        let pipeline = self.pipelines.get(wanted.pipeline);
        let id = BuildId(self.mint(Kind::Build, self.builds.next_key()));
        let number = pipeline.last_number + 1;
        let facts = NewBuild {
            engine: self,
            pipeline: wanted.pipeline,
            id,
            number,
            head: &wanted.head,
        };
        let steps = if pipeline.definition.has_dollars() {
            let known = CONFIGURATION_VARIABLES.iter();
            let environment = known
                .filter_map(|name| Some(((*name).to_owned(), facts.builtin(name)?)))
                .collect();
            let how = Interpolation::Configuration {
                environment: &environment,
            };
            let filled_in = pipeline.definition.interpolated(how);
            graph::place(filled_in.map_err(CreateBuildRefused::Configuration)?.steps)
        } else {
            Arc::clone(&pipeline.steps)
        };
        let excluded = steps
            .iter()
            .map(|placed| expand::exclusion(placed, &wanted.head, &facts));
        let excluded = excluded
            .collect::<Result<_, _>>()
            .map_err(CreateBuildRefused::Condition)?;
        Ok(Outline {
            id,
            steps,
            excluded,
        })
    }

    fn insert_build(&mut self, wanted: CreateBuild, outline: Outline) -> BuildKey {
        let CreateBuild {
            pipeline: pipeline_key,
            head,
            meta_data,
        } = wanted;
        let Outline {
            id,
            steps,
            excluded,
        } = outline;
        let (seed, now, first_step) = (self.seed, self.now, self.steps_created);
        let pipeline = self.pipelines.change(pipeline_key);
        pipeline.last_number += 1;
        pipeline.counts.add(build_counts(BuildState::Creating));
        let step_id = |n| ids::mint(seed, Kind::Step, first_step + n as u64, now);
        let plan = graph::plan(&steps, &excluded, step_id);
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
            cancellation: None,
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

    fn insert_first_jobs(&mut self, build: BuildKey, step: usize) {
        let run = self.step(build, step);
        let kind = run.kind;
        // A step that is excluded as a whole has one job to say so.
        let jobs = match run.broken {
            Some(_) => vec![Variant::alone(&run.step)],
            None => expand::variants(&run.step),
        };
        for Variant {
            spec,
            parallel,
            matrix,
            skip,
        } in jobs
        {
            let priority = match &*spec {
                Step::Command(command) => command.priority,
                Step::Wait(_)
                | Step::Block(_)
                | Step::Input(_)
                | Step::Trigger(_)
                | Step::Group(_) => 0,
            };
            let id = JobId(self.mint(Kind::Job, self.jobs.next_key()));
            self.add_job(Job {
                id,
                build,
                step,
                kind,
                spec,
                parallel,
                matrix,
                state: State::Pending,
                attempt: 1,
                created_at: self.now,
                scheduled_at: self.now,
                times: Times::default(),
                exit: None,
                soft_failed: false,
                // Until it is placed: why this one of a matrix is skipped.
                broken_reason: skip,
                priority,
                agent: None,
                unblocked_by: None,
                retry_of: None,
                retry_rule: None,
                retried: None,
                triggered_build: None,
                promise: None,
                lead: Lead::Script,
                history: Vec::new(),
                timers: Vec::new(),
            });
        }
    }

    /// Out of `pending`, as far as that does not depend on other steps.
    fn place_first_jobs(&mut self, build: BuildKey, step: usize) {
        let run = self.step(build, step);
        let (kind, waits) = (run.kind, run.pending > 0 || run.depends_on_missing);
        let of_step = run.broken.clone();
        for job in run.jobs.clone() {
            let reason = of_step
                .clone()
                .or_else(|| self.jobs.get(job).broken_reason.clone());
            if let Some(reason) = reason {
                let reason = Some(reason).filter(|reason| !reason.is_empty());
                self.change_with(job, Event::Break, |job| job.broken_reason = reason)
                    .expect("a pending job can break");
                continue;
            }
            match kind {
                JobType::Manual => self.must_change(job, Event::Block),
                JobType::Script | JobType::Waiter | JobType::Trigger if waits => {
                    self.must_change(job, Event::Wait);
                }
                JobType::Script | JobType::Waiter | JobType::Trigger => {}
            }
        }
        // A matrix without any combination is a step without jobs: nothing to wait for.
        self.reclassify(build, step);
    }
}
