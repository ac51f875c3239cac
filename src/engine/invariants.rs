//! What must always hold between two commands, computed anew from the jobs themselves.

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::change::counts_of;
use crate::engine::concurrency::concurrency_of;
use crate::engine::graph::{self, Class, Readiness};
use crate::engine::job::{Job, State};
use crate::engine::pipeline::Counts;
use crate::engine::tally::Tally;
use crate::engine::timers::Timer;
use crate::vocabulary::states::{BuildState, JobType};

impl Engine {
    /// Panics with what does not hold.
    pub(crate) fn check_invariants(&self) {
        assert!(
            self.agenda.newer.is_empty()
                && self.agenda.triggers.is_empty()
                && self.agenda.cancels.is_empty()
                && self.agenda.groups.is_empty()
                && self.agenda.steps.is_empty()
                && self.agenda.finished.is_empty()
                && self.agenda.builds.is_empty()
                && !self.agenda.offer_jobs,
            "something was left undone"
        );
        for build in self.builds() {
            self.check_graph(build);
            self.check_build(build);
            for (key, job) in self.jobs_of(build) {
                self.check_job(job);
                assert_eq!(self.job_by_id(job.id), Some(key), "an id leads to its job");
            }
        }
        assert_eq!(self.slugs.size(), self.pipelines.iter().count());
        for (key, pipeline) in self.pipelines.iter() {
            let mut counts = Counts::default();
            for build in &pipeline.builds {
                counts.add(counts_of(self.builds.get(*build).state, self.tally(*build)));
            }
            assert_eq!(pipeline.counts, counts, "the counts of `{}`", pipeline.slug);
            let found = self.pipeline_by_slug(pipeline.organization, &pipeline.slug);
            assert_eq!(found, Some(key), "a slug leads to its pipeline");
        }
        self.check_timers();
        self.check_groups();
        let jobs = self.builds().flat_map(|build| self.jobs_of(build));
        let mut busy: Vec<_> = jobs
            .filter(|(_, job)| job.state.has_agent() && job.kind == JobType::Script)
            .map(|(_, job)| job.agent)
            .collect();
        let count = busy.len();
        busy.sort();
        busy.dedup();
        assert_eq!(busy.len(), count, "an agent has two jobs");
        assert!(!busy.contains(&None), "a job on an agent names it");
        for job in self.waiting_for_agent() {
            assert_eq!(
                self.jobs.get(job).state,
                State::Scheduled,
                "only scheduled jobs wait for an agent"
            );
            let waits = self.fitting_agent(job).is_none() || self.more_come_to_wait();
            assert!(
                waits,
                "a job waits while an agent that fits has nothing to do"
            );
        }
    }

    /// In no group more jobs hold a slot than the largest limit among those that hold one.
    fn check_groups(&self) {
        let mut holding: std::collections::BTreeMap<_, Vec<u32>> =
            std::collections::BTreeMap::new();
        for (key, job) in self.builds().flat_map(|build| self.jobs_of(build)) {
            let holds = job.state == State::Scheduled || job.state.has_agent();
            if let (true, Some(group), Some(concurrency)) =
                (holds, self.group_of(key), concurrency_of(job))
            {
                holding.entry(group).or_default().push(concurrency.limit);
            }
        }
        for (group, limits) in holding {
            let most = limits.iter().max().copied().unwrap_or(0) as usize;
            assert!(
                limits.len() <= most,
                "{} jobs hold a slot of {group:?}, of which {most} may",
                limits.len()
            );
        }
    }

    fn check_graph(&self, key: BuildKey) {
        for n in self.progress.get(key).order.iter().copied() {
            let run = self.step(key, n);
            let pending = run
                .edges
                .iter()
                .filter(|edge| self.step(key, edge.on).class == Class::Pending)
                .count();
            assert_eq!(run.pending, pending, "pending dependencies of step {n}");
            let live = run
                .jobs
                .iter()
                .map(|job| self.jobs.get(*job))
                .filter(|job| !job.is_superseded());
            let class = live
                .map(|job| graph::class_of_job(job, run.readiness))
                .max()
                .unwrap_or(Class::Satisfied);
            assert_eq!(run.class, class, "class of step {n}");
            let decided =
                run.decide(|on| (self.step(key, on).class, run.is_held_by(self.step(key, on))));
            assert!(
                run.readiness == decided || run.broken.is_some(),
                "step {n}: {:?}, {decided:?}",
                run.readiness
            );
        }
    }

    fn check_build(&self, key: BuildKey) {
        let build = self.builds.get(key);
        let mut tally = Tally::default();
        for (_, job) in self.jobs_of(key) {
            tally.add(Tally::of(job, self.step_of(job).readiness));
        }
        assert_eq!(
            self.tally(key),
            tally,
            "the tally of {}",
            self.build_ref(key)
        );
        let verdict = tally.verdict(build.state, build.started_at.is_some());
        assert_eq!(
            build.state,
            verdict,
            "{} with {tally:?}",
            self.build_ref(key)
        );
        let is_over = !matches!(
            build.state,
            BuildState::Creating
                | BuildState::Scheduled
                | BuildState::Running
                | BuildState::Failing
                | BuildState::Canceling
                | BuildState::Blocked
        );
        if is_over {
            assert_eq!(tally.work, 0, "a finished build has no active job");
            assert_eq!(tally.on_agent, 0, "a finished build has no job on an agent");
            assert!(build.finished_at.is_some(), "a finished build says when");
        } else if build.state != BuildState::Blocked {
            assert_eq!(build.finished_at, None, "a build that goes on has no end");
        }
        if build.state == BuildState::Failed {
            assert_eq!(
                (tally.waiting, tally.blocked),
                (0, 0),
                "nothing waits in a failed build"
            );
        }
        assert!(build.created_at <= build.started_at.unwrap_or(build.created_at));
        if let (Some(started), Some(finished)) = (build.started_at, build.finished_at) {
            assert!(
                started <= finished,
                "{} ends before it starts",
                self.build_ref(key)
            );
        }
    }

    fn check_job(&self, job: &Job) {
        let run = self.step_of(job);
        let has_run = job.times.started_at.is_some();
        let began = has_run
            || matches!(
                job.state,
                State::Scheduled | State::Assigned | State::Accepted
            );
        // A retry opens again what had ended, long after others went on because of that end.
        let has_retries = self.jobs_of(job.build).any(|(_, job)| job.is_superseded());
        if job.kind == JobType::Script && began && !has_retries {
            let came = job
                .times
                .runnable_at
                .expect("a job that went on was runnable");
            for edge in &run.edges {
                let on = self.step(job.build, edge.on);
                let before = self.jobs.get(on.jobs[0]);
                // A gate that was passed can still be canceled with its build.
                let ended = before.times.unblocked_at.or(before.times.finished_at);
                assert!(
                    ended.is_none_or(|ended| ended <= came),
                    "{} went on before {} ended",
                    run.name,
                    on.name
                );
                assert_ne!(
                    on.class,
                    Class::Pending,
                    "{} went on before {} ended",
                    run.name,
                    on.name
                );
            }
        }
        let times = [
            Some(job.created_at),
            job.times.runnable_at,
            job.times.started_at,
            job.times.finished_at,
        ];
        let times: Vec<_> = times.into_iter().flatten().collect();
        assert!(
            times.is_sorted(),
            "the times of a job are in order: {job:?}"
        );
        assert!(job.scheduled_at <= job.created_at);
        assert!(
            job.exit.is_none() || job.kind == JobType::Script,
            "only commands exit"
        );
        if job.state.is_on_agent() && job.kind == JobType::Script {
            assert!(job.agent.is_some(), "a job on an agent names it");
        }
        if job.state == State::Passed && job.kind == JobType::Script {
            assert_eq!(job.exit.as_ref().map(|exit| exit.status), Some(0));
        }
        if run.readiness == Readiness::Pending && !job.is_superseded() && job.attempt == 1 {
            assert_ne!(job.state, State::Pending, "no job is left `pending`");
        }
    }

    fn check_timers(&self) {
        let mut armed = 0;
        for (key, timer) in self.timers.iter() {
            armed += usize::from(timer.is_progress());
            assert!(key.due >= self.now, "a due timer was passed over");
            let job = self.jobs.get(timer.job());
            assert!(job.timers.contains(&key), "a timer its job does not know");
            let fits = match timer {
                Timer::PickUp(_) | Timer::Expire(_) => job.state == State::Scheduled,
                Timer::Act(_) | Timer::Exit(..) | Timer::Silence(_) | Timer::TimeOut(_) => {
                    job.state == State::Running
                }
                Timer::LoseAgent(_) => job.state.has_agent(),
                Timer::GraceEnds(_) => matches!(job.state, State::Canceling | State::TimingOut),
            };
            assert!(
                fits,
                "{timer:?} is armed for a job in state {:?}",
                job.state
            );
        }
        assert_eq!(self.timers.progress(), armed);
    }
}
