//! A build gets steps: those it begins with, and those a job uploads later. Each becomes its jobs, and those that wait
//! for nothing go on at once.
//!
//! Elsewhere: which steps exclude themselves (`expand`), what waits for what (`plan`), the checks before
//! (`commands::create_build`, `commands::upload_pipeline`).

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::expand::{self, Variant};
use crate::engine::graph::{Placed, StepRun, Upload};
use crate::engine::job::{Event, Job, JobKey, Lead, State, Times, USUAL_HISTORY};
use crate::engine::plan;
use crate::pipeline::{DimensionOrder, Step};
use crate::vocabulary::ids::{self, JobId, Kind};
use crate::vocabulary::states::JobType;

/// Steps a build is about to get.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    pub(crate) steps: Arc<[Placed]>,
    /// Why each of them excludes itself, if it does.
    pub(crate) excluded: Vec<Option<Arc<str>>>,
    /// The job that brings them, if they do not come with the build.
    pub(crate) uploaded_by: Option<JobKey>,
    /// How many steps of the build stand before them.
    pub(crate) place: usize,
}

impl Engine {
    /// Adds steps and their jobs. Everything was checked before.
    pub(crate) fn grow(&mut self, build: BuildKey, growth: &Growth) {
        let (new, changed) = self.insert_steps(build, growth);
        for step in new.clone() {
            self.insert_first_jobs(build, step, growth.uploaded_by);
        }
        for step in new.clone() {
            self.place_first_jobs(build, step);
        }
        // On the agenda are the steps that wait for nothing, and those that wait for more than they did.
        let waits_for_nothing = |step: &usize| {
            let run = self.step(build, *step);
            run.pending == 0 && run.broken.is_none()
        };
        let free: Vec<_> = new.clone().filter(waits_for_nothing).collect();
        let older = changed.into_iter().filter(|step| !new.contains(step));
        let agenda: Vec<_> = free
            .into_iter()
            .chain(older)
            .map(|step| (build, step))
            .collect();
        self.agenda.steps.extend(agenda);
        self.agenda.builds.insert(build);
        if growth.uploaded_by.is_some() {
            // A gate that came in front of a job puts it behind others of its group.
            self.rejoin_groups(build);
        }
    }

    /// Returns the numbers of the new steps, and of all that wait for something else than before.
    fn insert_steps(
        &mut self,
        key: BuildKey,
        growth: &Growth,
    ) -> (std::ops::Range<usize>, Vec<usize>) {
        let (seed, now, minted) = (self.seed, self.now, self.steps_created);
        let upload = growth.uploaded_by.map(|job| Upload {
            step: self.jobs.get(job).step,
            job,
            at: now,
        });
        let progress = self.progress.get(key);
        let mut steps = progress.steps.clone();
        let mut order: Vec<usize> = progress.order.to_vec();
        let beside = |place: Option<usize>| steps.get(*order.get(place?)?);
        let before = beside(growth.place.checked_sub(1));
        let after = beside(Some(growth.place));
        let broken = plan::without_needless_waits(&growth.steps, &growth.excluded, before, after);
        let first = steps.len();
        for (n, (placed, broken)) in growth.steps.iter().zip(broken).enumerate() {
            let id = ids::mint(seed, Kind::Step, minted + n as u64, now);
            steps.push(StepRun::new(id, placed, broken, upload));
        }
        let new = first..steps.len();
        order.splice(growth.place..growth.place, new.clone());
        let changed = plan::relink(&mut steps, &order);
        self.steps_created += new.len() as u64;
        let progress = self.progress.change(key);
        progress.steps = steps;
        progress.order = order.into();
        (new, changed)
    }

    fn insert_first_jobs(&mut self, build: BuildKey, step: usize, uploaded_by: Option<JobKey>) {
        let run = self.step(build, step);
        let kind = run.kind;
        // The agent keeps the dimensions of a matrix in a map and sends them sorted; the server takes them as written.
        let order = match uploaded_by {
            Some(_) => DimensionOrder::Alphabetical,
            None => DimensionOrder::Written,
        };
        // A step that is excluded as a whole has one job to say so.
        let jobs = match run.broken {
            Some(_) => vec![Variant::alone(&run.step)],
            None => expand::variants(&run.step, order),
        };
        let scheduled_at = uploaded_by.map_or(self.now, |job| self.jobs.get(job).scheduled_at);
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
                scheduled_at,
                times: Times::default(),
                exit: None,
                soft_failed: false,
                // Until it is placed: why this one of a matrix is skipped.
                broken_reason: skip,
                priority,
                agent: None,
                queue: None,
                unblocked_by: None,
                retry_of: None,
                retry_rule: None,
                retried: None,
                triggered_build: None,
                promise: None,
                lead: Lead::Script,
                history: Vec::with_capacity(USUAL_HISTORY),
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
