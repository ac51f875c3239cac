//! What holds in a build: of its steps and what they wait for, of its jobs, and of its own state.

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::build::{self, BuildKey};
use crate::engine::graph::{Because, Class, Edge, Readiness, StepRun, class_of_job};
use crate::engine::job::{Job, State};
use crate::engine::tally::Tally;
use crate::pipeline::Step;
use crate::vocabulary::states::{BuildState, JobState, JobType};

/// Whether a step may go on when what it depends on is like this: said once more, in other words than the graph's.
fn lets_on(run: &StepRun, edge: &Edge, on: &StepRun, class: Class) -> bool {
    let own = run.step.common();
    let of_group = run.group.as_ref().map(|group| &group.step.common);
    let continues = matches!(&*run.step, Step::Wait(wait) if wait.continue_on_failure);
    let of_all = own.allow_dependency_failure
        || of_group.is_some_and(|group| group.allow_dependency_failure);
    let overlooks = match edge.why {
        Because::Uploaded => false,
        Because::Depends {
            allow_failure: Some(false),
        } => continues,
        Because::Depends {
            allow_failure: Some(true),
        } => true,
        Because::Depends {
            allow_failure: None,
        } => of_all || continues,
    };
    // Nothing gets around a gate that failed but what names it.
    let is_next_gate = run.is_barrier && own.depends_on.is_none() && run.is_held_by(on);
    match class {
        Class::Satisfied => true,
        Class::Failed => overlooks && !is_next_gate,
        Class::Errored | Class::Pending => false,
    }
}

impl Engine {
    pub(super) fn check_graph(&self, key: BuildKey) {
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
                .map(|job| class_of_job(job, run.readiness))
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

    pub(super) fn check_build(&self, key: BuildKey) {
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
        if build::is_over(build.state) {
            assert_eq!(tally.work, 0, "a finished build has no active job");
            assert_eq!(tally.on_agent, 0, "a finished build has no job on an agent");
            assert!(build.finished_at.is_some(), "a finished build says when");
            for (_, job) in self.jobs_of(key) {
                let is_active = class_of_job(job, self.step_of(job).readiness) == Class::Pending;
                // What a person unblocked before its time stays so when the build is skipped.
                let was_early = job.state == State::Unblocked && build.state == BuildState::Skipped;
                assert!(
                    !is_active || was_early,
                    "a job is {} in {}, which is {}",
                    job.state.word(),
                    self.build_ref(key),
                    build.state
                );
            }
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
        // A build that is opened again starts anew, and was failing before.
        let times = [
            Some(build.created_at),
            build.started_at,
            build.finished_at,
            Some(self.now),
        ];
        assert!(
            times.into_iter().flatten().is_sorted(),
            "the times of a build are in order: {build:?}"
        );
        let failing = build.failing_at.unwrap_or(self.now);
        assert!(
            (build.created_at..=self.now).contains(&failing),
            "a build fails while it is there: {build:?}"
        );
        assert!(build.scheduled_at <= build.created_at);
    }

    pub(super) fn check_job(&self, job: &Job) {
        let run = self.step_of(job);
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

    /// No job goes on before what it depends on has ended, and ended in a way that lets it.
    pub(super) fn check_order(&self, job: &Job) {
        let is_past = match job.kind {
            JobType::Script | JobType::Trigger => matches!(
                job.state,
                State::Scheduled | State::Assigned | State::Accepted
            ),
            JobType::Waiter => job.state == State::Passed,
            JobType::Manual => false,
        };
        if !is_past && job.times.started_at.is_none() {
            return;
        }
        let came = job.times.runnable_at.or(job.times.finished_at);
        let came = came.expect("a job that went on says when it could");
        let run = self.step_of(job);
        // What it named may have been replaced since.
        let has_uploads = self.progress.get(job.build).uploads > 0;
        let is_whole = has_uploads || !run.depends_on_missing;
        assert!(is_whole, "{} went on without", run.name);
        for edge in &*run.edges {
            let on = self.step(job.build, edge.on);
            // What is uploaded before a step that went on, if only to wait for its group, comes too late for it.
            let ready = job.times.limited_at.unwrap_or(came);
            if on.upload().is_some_and(|upload| upload.at >= ready) {
                continue;
            }
            for before in on.jobs.iter().map(|key| self.jobs.get(*key)) {
                // What was broken all along ends once more with a build that is skipped.
                if before.state == State::Skipped {
                    continue;
                }
                // A gate that was passed can still be canceled with its build.
                let passed = before.times.unblocked_at;
                let ended = passed.or(before.times.finished_at);
                assert!(
                    ended.is_none_or(|ended| ended <= came),
                    "{} went on before {} ended",
                    run.name,
                    on.name
                );
                let class = class_of_job(before, on.readiness);
                let lets =
                    lets_on(run, edge, on, class) || passed.is_some() && class == Class::Errored;
                // An upload since may have made a gate that was passed wait once more, and so what had given up by
                // then, if going on without it was allowed.
                let had_given_up = lets_on(run, edge, on, Class::Failed)
                    && before.history.iter().any(|moment| {
                        moment.at <= came
                            && matches!(
                                moment.state,
                                JobState::WaitingFailed
                                    | JobState::BlockedFailed
                                    | JobState::UnblockedFailed
                            )
                    });
                let waits_again =
                    (passed.is_some() || had_given_up) && on.readiness == Readiness::Pending;
                assert!(
                    lets || waits_again && self.has_upload_since(job.build, ready),
                    "{} went on although {} is {}",
                    run.name,
                    on.name,
                    before.state.word()
                );
            }
        }
    }

    fn has_upload_since(&self, build: BuildKey, instant: DateTime<Utc>) -> bool {
        let mut uploads = self.steps(build).filter_map(StepRun::upload);
        uploads.any(|upload| upload.at >= instant)
    }

    /// The edges of a step are those its text and its place ask for.
    pub(super) fn check_edges(&self, key: BuildKey) {
        let runs: Vec<_> = self.steps(key).collect();
        let order = &self.progress.get(key).order;
        let group_of = |run: &StepRun| run.group.as_ref().map(|group| group.number);
        for (n, run) in runs.iter().enumerate() {
            let has_edge = |on: usize| run.edges.iter().any(|edge| edge.on == order[on]);
            if let Some(upload) = run.upload() {
                let on = order.iter().position(|step| *step == upload.step);
                let on = on.expect("what uploads has begun, and stays");
                assert!(
                    has_edge(on),
                    "{} does not wait for what uploaded it",
                    run.name
                );
            }
            let of_group = run.group.as_ref().map(|group| &group.step.common);
            let own = run.step.common();
            for common in of_group.into_iter().chain([own]) {
                for named in common.depends_on.iter().flatten() {
                    let is_meant = |other: &StepRun| {
                        let group = other.group.as_ref().map(|group| &group.step.common);
                        [Some(other.step.common()), group]
                            .into_iter()
                            .flatten()
                            .any(|common| common.key.as_deref() == Some(&named.step))
                    };
                    for (on, other) in runs.iter().enumerate().filter(|(_, run)| is_meant(run)) {
                        assert!(
                            has_edge(on),
                            "{} does not wait for {}",
                            run.name,
                            other.name
                        );
                    }
                }
            }
            if own.depends_on.is_some() || matches!(&*run.step, Step::Input(_)) {
                continue;
            }
            let is_gate = matches!(&*run.step, Step::Wait(_) | Step::Block(_));
            let scope = |other: &StepRun| {
                let is_in = group_of(other) == group_of(run);
                is_in || is_gate && run.group.is_none()
            };
            let before = runs[..n].iter().enumerate().rev();
            let mut before = before.filter(|(_, other)| scope(other));
            if is_gate {
                for (on, other) in before {
                    let is_free = matches!(&*other.step, Step::Input(_));
                    assert!(
                        is_free || has_edge(on),
                        "{} does not wait for {}",
                        run.name,
                        other.name
                    );
                }
            } else if let Some((on, gate)) = before.find(|(_, other)| other.is_barrier) {
                assert!(has_edge(on), "{} does not wait for {}", run.name, gate.name);
            }
        }
    }

    pub(super) fn check_times(&self, job: &Job) {
        let times = &job.times;
        let in_order = |times: &[Option<DateTime<Utc>>]| times.iter().flatten().is_sorted();
        let (created, now) = (Some(job.created_at), Some(self.now));
        let is_ordered = in_order(&[
            created,
            times.limited_at,
            times.runnable_at,
            times.started_at,
            times.finished_at,
            now,
        ]) && in_order(&[created, times.unblocked_at, now])
            && in_order(&[created, job.promise().map(|promise| promise.at), now])
            && in_order(&[times.expired_at, times.finished_at]);
        assert!(is_ordered, "the times of a job are in order: {job:?}");
        assert!(job.scheduled_at <= job.created_at);
        assert!(self.builds.get(job.build).created_at <= job.created_at);
        let history = &job.history;
        assert!(
            history.is_sorted_by_key(|moment| moment.at),
            "a history is in order: {job:?}"
        );
        assert_eq!(
            history.last().map(|moment| moment.state),
            Some(job.state.reported()),
            "a history ends with what is"
        );
    }
}
