//! What must always hold between two commands, computed anew from the jobs themselves.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::agent::{self, AgentKey, Fleet};
use crate::engine::build::{self, BuildKey};
use crate::engine::change::counts_of;
use crate::engine::cluster::Maintainer;
use crate::engine::concurrency::concurrency_of;
use crate::engine::graph::{Because, Class, Edge, Readiness, StepRun, class_of_job};
use crate::engine::job::{Job, State};
use crate::engine::pipeline::Counts;
use crate::engine::schedule;
use crate::engine::tally::Tally;
use crate::engine::timers::{Subject, Timer, TimerKey};
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
    /// Panics with what does not hold.
    pub(crate) fn check_invariants(&self) {
        for build in self.builds() {
            self.check_edges(build);
            self.check_build_and_jobs(build);
        }
        self.check_catalog();
        self.check_whole();
    }

    /// The same, of an engine that held before: builds that nobody wrote to since are left out.
    pub(crate) fn check_changed(&self, before: &Self) {
        for build in self.builds() {
            let is_known = before.builds.find(build).is_some();
            if !is_known || before.steps(build).len() != self.steps(build).len() {
                self.check_edges(build);
            }
            let is_same = is_known
                && self.builds.version(build) == before.builds.version(build)
                && self.progress.version(build) == before.progress.version(build)
                && self
                    .jobs_of(build)
                    .all(|(key, _)| self.jobs.version(key) == before.jobs.version(key));
            if !is_same {
                self.check_build_and_jobs(build);
                self.check_paused(before, build);
            }
        }
        if self.builds.writes() != before.builds.writes() {
            self.check_catalog();
        }
        self.check_handed_out(before);
        self.check_whole();
    }

    /// Panics if anything is different from a clone of this engine. Writing what was there is a difference, too.
    #[expect(clippy::too_many_lines, reason = "every field is named")]
    pub(crate) fn check_same(&self, before: &Self) {
        // Whoever adds a field says here how it is compared.
        let Self {
            seed,
            now,
            revision: _, // a number, and it may count what changed nothing
            organizations,
            users,
            tokens,
            teams,
            pipelines,
            activity,
            scripts,
            slugs,
            builds,
            progress,
            jobs,
            job_ids,
            logs,
            plans,
            judging,
            polls,
            agents,
            idle,
            fleet,
            roster,
            queue,
            timers,
            groups,
            artifacts,
            artifact_ids,
            artifacts_by_build,
            annotations,
            annotation_ids,
            annotations_by_build,
            step_uploads,
            clusters,
            not_triggered,
            steps_created,
            open,
            catalog,
            schedules,
            schedule_ids,
            schedules_by_pipeline,
            ordered_failures,
            webhooks,
            wishes,
            enforces_limits,
            expiry,
            log_form,
            agenda: _, // `check_whole` finds it empty
            events,
            notices,
        } = self;
        let is_same = [
            ("seed", *seed == before.seed),
            ("now", *now == before.now),
            (
                "organizations",
                organizations.writes() == before.organizations.writes(),
            ),
            ("users", users.writes() == before.users.writes()),
            ("tokens", tokens.writes() == before.tokens.writes()),
            ("teams", teams.is_same(&before.teams)),
            ("pipelines", pipelines.writes() == before.pipelines.writes()),
            ("activity", activity.writes() == before.activity.writes()),
            ("scripts", scripts.writes() == before.scripts.writes()),
            ("slugs", *slugs == before.slugs),
            ("builds", builds.writes() == before.builds.writes()),
            ("progress", progress.writes() == before.progress.writes()),
            ("jobs", jobs.writes() == before.jobs.writes()),
            ("job_ids", *job_ids == before.job_ids),
            ("logs", *logs == before.logs),
            ("plans", *plans == before.plans),
            ("judging", *judging == before.judging),
            ("polls", *polls == before.polls),
            ("agents", agents.writes() == before.agents.writes()),
            ("idle", *idle == before.idle),
            ("roster", *roster == before.roster),
            ("fleet", *fleet == before.fleet),
            ("queue", *queue == before.queue),
            ("timers", *timers == before.timers),
            ("groups", *groups == before.groups),
            ("artifacts", artifacts.writes() == before.artifacts.writes()),
            ("artifact_ids", *artifact_ids == before.artifact_ids),
            (
                "artifacts_by_build",
                *artifacts_by_build == before.artifacts_by_build,
            ),
            (
                "annotations",
                annotations.writes() == before.annotations.writes(),
            ),
            ("annotation_ids", *annotation_ids == before.annotation_ids),
            (
                "annotations_by_build",
                *annotations_by_build == before.annotations_by_build,
            ),
            ("step_uploads", step_uploads.is_same(&before.step_uploads)),
            ("clusters", clusters.is_same(&before.clusters)),
            ("not_triggered", *not_triggered == before.not_triggered),
            ("steps_created", *steps_created == before.steps_created),
            ("open", *open == before.open),
            ("catalog", *catalog == before.catalog),
            ("schedules", schedules.writes() == before.schedules.writes()),
            ("schedule_ids", *schedule_ids == before.schedule_ids),
            (
                "schedules_by_pipeline",
                *schedules_by_pipeline == before.schedules_by_pipeline,
            ),
            (
                "ordered_failures",
                *ordered_failures == before.ordered_failures,
            ),
            ("webhooks", webhooks.writes() == before.webhooks.writes()),
            ("wishes", *wishes == before.wishes),
            ("notices", notices.len() == before.notices.len()),
            ("limits", *enforces_limits == before.enforces_limits),
            ("expiry", *expiry == before.expiry),
            ("log_form", *log_form == before.log_form),
            ("events", *events == before.events),
        ];
        for (field, is_same) in is_same {
            assert!(is_same, "a refused command changed the engine's `{field}`");
        }
    }

    fn check_build_and_jobs(&self, build: BuildKey) {
        self.check_graph(build);
        self.check_build(build);
        // A retry opens again what had ended, long after others went on because of that end.
        let has_retries = self.jobs_of(build).any(|(_, job)| job.is_superseded());
        for (key, job) in self.jobs_of(build) {
            self.check_job(job);
            if !has_retries {
                self.check_order(job);
            }
            self.check_times(job);
            self.check_log(key);
            assert_eq!(self.job_by_id(job.id), Some(key), "an id leads to its job");
        }
    }

    /// What no build holds for itself.
    fn check_whole(&self) {
        assert!(
            self.agenda.newer.is_empty()
                && self.agenda.triggers.is_empty()
                && self.agenda.cancels.is_empty()
                && self.agenda.groups.is_empty()
                && self.agenda.steps.is_empty()
                && self.agenda.round.is_empty()
                && self.agenda.finished.is_empty()
                && self.agenda.builds.is_empty()
                && !self.agenda.offer_jobs,
            "something was left undone"
        );
        let open = self
            .builds()
            .filter(|build| !build::is_over(self.builds.get(*build).state));
        assert_eq!(self.all_open_builds(), open.collect::<Vec<_>>());
        assert_eq!(self.slugs.size(), self.pipelines.iter().count());
        for (key, pipeline) in self.pipelines.iter() {
            let mut counts = Counts::default();
            let activity = self.activity.get(key);
            for build in &activity.builds {
                counts.add(counts_of(self.builds.get(*build).state, self.tally(*build)));
            }
            assert_eq!(activity.counts, counts, "the counts of `{}`", pipeline.slug);
            let found = self.pipeline_by_slug(pipeline.organization, &pipeline.slug);
            assert_eq!(found, Some(key), "a slug leads to its pipeline");
        }
        self.check_timers();
        self.check_judging();
        self.check_schedules();
        self.check_groups();
        self.check_agents();
        self.check_artifacts();
        self.check_annotations();
        self.check_step_uploads();
        self.check_clusters();
        self.check_teams();
    }

    /// A queue that is paused, and was before, has handed out nothing meanwhile.
    fn check_paused(&self, before: &Self, build: BuildKey) {
        let is_paused = |engine: &Self, queue| {
            let queue = engine.find_cluster_queue(queue);
            queue.is_some_and(|queue| queue.pause.is_some())
        };
        for (key, job) in self.jobs_of(build) {
            let was_taken = before.jobs.find(key).is_some_and(|old| old.queue.is_some());
            let Some(queue) = job.queue.filter(|_| !was_taken) else {
                continue;
            };
            assert!(
                !is_paused(self, queue) || !is_paused(before, queue),
                "{} was handed out by {}, which is paused",
                self.job_ref(key),
                self.queue_ref(queue)
            );
        }
    }

    /// Every index leads to what it should, and nothing names what is not there.
    fn check_clusters(&self) {
        let tables = &self.clusters;
        for (key, cluster) in tables.all.iter() {
            let found = self.cluster_by_id(cluster.organization, cluster.id);
            assert_eq!(found, Some(key), "an id leads to its cluster");
            if let Some(queue) = cluster.default_queue {
                assert_eq!(self.cluster_queue(queue).cluster, key, "a default queue");
            }
        }
        assert_eq!(tables.ids.size(), tables.all.iter().count());
        for (key, queue) in tables.queues.iter() {
            assert_eq!(self.queue_by_id(queue.cluster, queue.id), Some(key));
            assert_eq!(self.queue_by_key(queue.cluster, &queue.key), Some(key));
            assert!(self.queues_of(queue.cluster).contains(&key));
            assert!(self.find_cluster(queue.cluster).is_some());
        }
        let count = tables.queues.iter().count();
        assert_eq!(tables.queue_ids.size(), count);
        assert_eq!(tables.queues_by_key.size(), count);
        assert_eq!(tables.queues_by_cluster.size(), count);
        for (key, token) in tables.tokens.iter() {
            assert_eq!(self.cluster_token_by_id(token.cluster, token.id), Some(key));
            assert!(self.tokens_of(token.cluster).contains(&key));
        }
        assert_eq!(tables.token_ids.size(), tables.tokens.iter().count());
        assert_eq!(tables.tokens_by_cluster.size(), tables.token_ids.size());
        for (key, maintenance) in tables.maintainers.iter() {
            assert!(self.maintainers_of(maintenance.cluster).contains(&key));
            let organization = self.cluster(maintenance.cluster).organization;
            let is_here = match maintenance.maintainer {
                Maintainer::User(user) => self.is_member(organization, user),
                Maintainer::Team(team) => {
                    let team = self.find_team(team);
                    team.is_some_and(|team| team.organization == organization)
                }
            };
            assert!(is_here, "{maintenance:?} is of somebody who is not there");
        }
        let count = tables.maintainers.iter().count();
        assert_eq!(tables.maintainers_by_cluster.size(), count);
        for (_, pipeline) in self.pipelines.iter() {
            if let Some(cluster) = pipeline.settings.cluster {
                let owner = self.cluster(cluster).organization;
                assert_eq!(owner, pipeline.organization, "the cluster of a pipeline");
            }
        }
        for agent in self.idle.all() {
            let queue = self.agents.get(agent).offer.queue;
            assert!(queue.is_none_or(|queue| self.find_cluster_queue(queue).is_some()));
        }
    }

    /// No member that is no user, and in no team somebody or something that is not of its organization.
    fn check_teams(&self) {
        for (_, organization) in self.organizations.iter() {
            let mut members = organization.members.keys();
            assert!(members.all(|user| self.users.find(*user).is_some()));
        }
        for (_, token) in self.tokens.iter() {
            assert!(self.users.find(token.user).is_some(), "a token has a user");
        }
        assert_eq!(self.teams.all.iter().count(), self.teams.by_id.size());
        for (key, team) in self.teams.all.iter() {
            let name = &team.settings.name;
            assert_eq!(self.team_by_id(team.organization, team.id), Some(key));
            assert_eq!(self.team_by_slug(team.organization, &team.slug), Some(key));
            let mut users = team.members.keys();
            assert!(
                users.all(|user| self.is_member(team.organization, *user)),
                "somebody is in the team `{name}` and not in its organization"
            );
            let mut pipelines = team.pipelines.keys();
            assert!(
                pipelines.all(|key| {
                    let found = self.pipelines.find(*key);
                    found.is_some_and(|pipeline| pipeline.organization == team.organization)
                }),
                "the team `{name}` has a pipeline that is not there"
            );
        }
    }

    /// Whoever got a job since is connected and not paused.
    fn check_handed_out(&self, before: &Self) {
        for (agent, job) in self.roster.at_work.iter() {
            if before.roster.at_work.get(agent) != Some(job) {
                assert_eq!(
                    self.agents.get(*agent).state,
                    agent::State::Connected,
                    "{} got a job",
                    self.agent_ref(*agent)
                );
            }
        }
    }

    /// An agent has at most one job, and has nothing to do exactly if it could take another.
    fn check_agents(&self) {
        let at_work = self
            .jobs
            .iter()
            .filter(|(_, job)| job.state.has_agent() && job.kind == JobType::Script)
            .map(|(key, job)| (job.agent.expect("a job on an agent names it"), key));
        let at_work: Vec<_> = at_work.collect();
        let count = at_work.len();
        let at_work: BTreeMap<_, _> = at_work.into_iter().collect();
        assert_eq!(at_work.len(), count, "an agent has two jobs");
        let known = self.roster.at_work.iter();
        let known: BTreeMap<_, _> = known.map(|(agent, job)| (*agent, *job)).collect();
        for (key, job) in self.jobs.iter() {
            let Some(agent) = job.agent else {
                continue;
            };
            let is_clustered = self.builds.get(job.build).cluster.is_some();
            assert_eq!(job.queue.is_some(), is_clustered, "{}", self.job_ref(key));
            let serves = self.agents.get(agent).offer.queue;
            assert_eq!(serves, job.queue, "the queue of {}", self.job_ref(key));
        }
        self.check_turns();
        assert_eq!(at_work, known, "who has which job");
        let mut idle = 0;
        for (key, agent) in self.agents.iter() {
            assert_eq!(self.roster.ids.get(&agent.id), Some(&key));
            let is_busy = at_work.contains_key(&key);
            let is_free = !is_busy && agent.silence.is_none();
            let takes_jobs = is_free && agent.state == agent::State::Connected;
            assert_eq!(
                self.idle.contains(&agent.offer, key),
                takes_jobs,
                "{agent:?}"
            );
            idle += usize::from(takes_jobs);
            if !agent.state.is_here() {
                assert!(is_free, "one that is gone: {agent:?}");
            }
            if agent.state == agent::State::Stopping {
                assert!(!is_free, "one that has nothing left to do: {agent:?}");
            }
            let went = match agent.state {
                agent::State::Connected | agent::State::Paused(_) | agent::State::Stopping => {
                    (false, false, false)
                }
                agent::State::Stopped => (true, true, false),
                agent::State::Disconnected => (true, false, false),
                agent::State::Lost => (false, false, true),
            };
            let times = (
                agent.disconnected_at.is_some(),
                agent.stopped_at.is_some(),
                agent.lost_at.is_some(),
            );
            assert_eq!(times, went, "{agent:?}");
        }
        assert_eq!(self.idle.all().count(), idle);
        for job in self.waiting_for_agent() {
            assert_eq!(
                self.jobs.get(job).state,
                State::Scheduled,
                "only scheduled jobs wait for an agent"
            );
            let more = self.fleet == Fleet::Fixed && self.more_come_to_wait();
            let waits = !self.is_takeable(job) || more;
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
        for (key, job) in self.jobs.iter() {
            assert_ne!(
                job.state,
                State::Limiting,
                "a job was not told of its group"
            );
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
        for group in self.groups.keys() {
            let next = self.next_in(group);
            assert!(
                next.is_empty(),
                "{next:?} wait although {group:?} has a slot"
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

    /// No job goes on before what it depends on has ended, and ended in a way that lets it.
    fn check_order(&self, job: &Job) {
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
                // An upload since may have made a gate that was passed wait once more, and so what had given up by then, if
                // going on without it was allowed.
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
    fn check_edges(&self, key: BuildKey) {
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

    fn check_times(&self, job: &Job) {
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

    fn check_job(&self, job: &Job) {
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

    /// An enabled schedule has one timer, at the next instant at which its line is due; any other has none.
    fn check_schedules(&self) {
        for (key, schedule) in self.schedules.iter() {
            assert_eq!(self.schedule_by_id(schedule.id), Some(key));
            assert!(self.schedules_of(schedule.pipeline).contains(&key));
            assert!(self.find_pipeline(schedule.pipeline).is_some());
            let armed = self
                .timers
                .iter()
                .filter(|(_, timer)| *timer == Timer::Slot(key));
            let armed: Vec<_> = armed.map(|(key, _)| key).collect();
            let expected = match schedule.state {
                schedule::State::Enabled(timer) => timer,
                schedule::State::Disabled | schedule::State::Failed { .. } => None,
            };
            assert_eq!(
                armed,
                expected.into_iter().collect::<Vec<_>>(),
                "{schedule:?}"
            );
            let due = expected.map(|timer| timer.due);
            assert_eq!(schedule.next_build_at(), due);
            if matches!(schedule.state, schedule::State::Enabled(_)) && due != Some(self.now) {
                let cronline = &schedule.cronline;
                assert_eq!(cronline.next_after(self.now), due, "{schedule:?}");
            }
            for build in &schedule.builds {
                let of = self.builds.get(*build).pipeline;
                assert_eq!(
                    of, schedule.pipeline,
                    "a schedule makes builds of its pipeline"
                );
            }
        }
        assert_eq!(self.schedules.iter().count(), self.schedule_ids.size());
        assert_eq!(
            self.schedules.iter().count(),
            self.schedules_by_pipeline.size()
        );
        let ordered = self.ordered_failures.keys();
        assert!(
            ordered
                .copied()
                .all(|key| self.schedules.find(key).is_some())
        );
    }

    fn check_timers(&self) {
        let mut armed = 0;
        for (key, timer) in self.timers.iter() {
            armed += usize::from(timer.is_progress());
            assert!(key.due >= self.now, "a due timer was passed over");
            let job = match timer.subject() {
                Subject::Job(job) => self.jobs.get(job),
                Subject::Schedule(schedule) => {
                    let known = self.schedules.get(schedule).timer();
                    assert_eq!(known, Some(key), "a timer its schedule does not know");
                    continue;
                }
                Subject::Agent(agent) => {
                    self.check_timer_of_agent(agent, key, timer);
                    continue;
                }
            };
            assert!(job.timers.contains(&key), "a timer its job does not know");
            let fits = match timer {
                Timer::PickUp(_) | Timer::Expire(_) => job.state == State::Scheduled,
                Timer::Act(_) | Timer::End(_) | Timer::TimeOut(_) => job.state == State::Running,
                Timer::GraceEnds(_) => matches!(job.state, State::Canceling | State::TimingOut),
                Timer::Slot(_) | Timer::LoseAgent(_) | Timer::Resume(_) => false,
            };
            assert!(
                fits,
                "{timer:?} is armed for a job in state {:?}",
                job.state
            );
        }
        assert_eq!(self.timers.progress(), armed);
        // However much a command does, its job does not carry along what was done.
        for (_, job) in self
            .jobs
            .iter()
            .filter(|(_, job)| job.state == State::Running)
        {
            let is_armed = |timer: &TimerKey| self.timers.get(*timer).is_some();
            assert!(job.timers.iter().all(is_armed), "a timer that fired stays");
        }
        let timers = self.agents.iter().flat_map(|(_, agent)| {
            let silence = agent.silence.map(|silence| silence.timer);
            let pause = agent.state.pause().map(|pause| pause.timer);
            silence.into_iter().chain(pause)
        });
        for timer in timers {
            assert!(
                self.timers.get(timer).is_some(),
                "an agent's timer is armed"
            );
        }
    }

    fn check_timer_of_agent(&self, agent: AgentKey, key: TimerKey, timer: Timer) {
        let agent = self.agents.get(agent);
        let known = match timer {
            Timer::Resume(_) => agent.state.pause().map(|pause| pause.timer),
            Timer::LoseAgent(_) => agent.silence.map(|silence| silence.timer),
            Timer::PickUp(_)
            | Timer::Act(_)
            | Timer::End(_)
            | Timer::TimeOut(_)
            | Timer::GraceEnds(_)
            | Timer::Expire(_)
            | Timer::Slot(_) => None,
        };
        assert_eq!(known, Some(key), "a timer its agent does not know");
    }
}
