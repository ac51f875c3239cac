//! What must always hold between two commands, computed anew from the jobs themselves: in each build (`builds`), and
//! beyond them (`world`).

mod builds;
mod world;

use crate::engine::Engine;
use crate::engine::agent;
use crate::engine::build::{self, BuildKey};
use crate::engine::change::counts_of;
use crate::engine::pipeline::Counts;

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
        assert_eq!(self.slugs.len(), self.pipelines.iter().count());
        for (key, pipeline) in self.pipelines.iter() {
            let mut counts = Counts::default();
            let activity = self.activity.get(key);
            for build in activity.builds.iter() {
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
}
