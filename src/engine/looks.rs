//! What anybody may look at. Nothing here changes anything.
//!
//! Elsewhere: what belongs to one kind of thing (its own file).

use std::cmp::Ordering;
use std::sync::Arc;

use crate::engine::account::{Organization, OrganizationKey, Token, TokenKey, User, UserKey};
use crate::engine::build::{Build, BuildKey};
use crate::engine::graph::StepRun;
use crate::engine::job::{Job, JobKey};
use crate::engine::pipeline::{Activity, Pipeline, PipelineKey};
use crate::engine::tally::Tally;
use crate::engine::timers::{Subject, Timer};
use crate::engine::{Engine, graph};
use crate::script::Scripts;
use crate::vocabulary::event::{BuildRef, JobRef};
use crate::vocabulary::ids::{JobId, UserId};

impl Engine {
    pub(crate) fn organizations(&self) -> impl Iterator<Item = (OrganizationKey, &Organization)> {
        self.organizations.iter()
    }

    pub(crate) fn organization(&self, key: OrganizationKey) -> &Organization {
        self.organizations.get(key)
    }

    pub(crate) fn organization_by_slug(&self, slug: &str) -> Option<OrganizationKey> {
        self.organizations
            .iter()
            .find(|(_, organization)| &*organization.slug == slug)
            .map(|(key, _)| key)
    }

    pub(crate) fn user(&self, key: UserKey) -> &User {
        self.users.get(key)
    }

    pub(crate) fn user_by_id(&self, id: UserId) -> Option<UserKey> {
        self.users
            .iter()
            .find(|(_, user)| user.id == id)
            .map(|(key, _)| key)
    }

    pub(crate) fn token(&self, key: TokenKey) -> &Token {
        self.tokens.get(key)
    }

    pub(crate) fn token_by_secret(&self, secret: &str) -> Option<TokenKey> {
        self.tokens
            .iter()
            .find(|(_, token)| token.secret == secret)
            .map(|(key, _)| key)
    }

    pub(crate) fn pipeline(&self, key: PipelineKey) -> &Pipeline {
        self.pipelines.get(key)
    }

    pub(crate) fn find_pipeline(&self, key: PipelineKey) -> Option<&Pipeline> {
        self.pipelines.find(key)
    }

    pub(crate) fn scripts_of(&self, key: PipelineKey) -> &Scripts {
        self.scripts.get(key)
    }

    pub(crate) fn pipeline_version(&self, key: PipelineKey) -> u64 {
        self.pipelines.version(key)
    }

    /// Changes with everything that names and addresses may depend on: which pipelines, clusters and queues there are,
    /// and what is set on them.
    pub(crate) fn places_version(&self) -> u64 {
        self.pipelines.writes() + self.clusters.writes()
    }

    pub(crate) fn activity(&self, key: PipelineKey) -> &Activity {
        self.activity.get(key)
    }

    pub(crate) fn activity_version(&self, key: PipelineKey) -> u64 {
        self.activity.version(key)
    }

    pub(crate) fn pipeline_by_slug(
        &self,
        organization: OrganizationKey,
        slug: &str,
    ) -> Option<PipelineKey> {
        self.slugs.get(&(organization, Arc::from(slug))).copied()
    }

    pub(crate) fn build(&self, key: BuildKey) -> &Build {
        self.builds.get(key)
    }

    pub(crate) fn find_build(&self, key: BuildKey) -> Option<&Build> {
        self.builds.find(key)
    }

    pub(crate) fn build_version(&self, key: BuildKey) -> u64 {
        self.builds.version(key)
    }

    /// All builds, oldest first.
    pub(crate) fn builds(&self) -> impl DoubleEndedIterator<Item = BuildKey> + '_ {
        self.builds.iter().map(|(key, _)| key)
    }

    /// The builds of a pipeline that are not over, oldest first.
    pub(crate) fn open_builds(&self, pipeline: PipelineKey) -> impl Iterator<Item = BuildKey> + '_ {
        self.open.of(pipeline)
    }

    /// All builds that are not over, oldest first.
    pub(crate) fn all_open_builds(&self) -> Vec<BuildKey> {
        let mut all: Vec<_> = self.open.all().collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn build_by_number(&self, pipeline: PipelineKey, number: u64) -> Option<BuildKey> {
        let builds = &self.activity.get(pipeline).builds;
        // Numbers only ever grow, so the list is sorted by them.
        let (mut low, mut high) = (0, builds.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let key = *builds.get(middle)?;
            match self.builds.get(key).number.cmp(&number) {
                Ordering::Equal => return Some(key),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(crate) fn job(&self, key: JobKey) -> &Job {
        self.jobs.get(key)
    }

    pub(crate) fn find_job(&self, key: JobKey) -> Option<&Job> {
        self.jobs.find(key)
    }

    pub(crate) fn job_version(&self, key: JobKey) -> u64 {
        self.jobs.version(key)
    }

    pub(crate) fn job_by_id(&self, id: JobId) -> Option<JobKey> {
        self.job_ids.find(id)
    }

    /// Every attempt of every step, in the order of the steps.
    pub(crate) fn jobs_of(&self, build: BuildKey) -> impl Iterator<Item = (JobKey, &Job)> {
        let steps = self.steps(build);
        steps
            .flat_map(|step| step.jobs.iter())
            .map(|key| (*key, self.jobs.get(*key)))
    }

    pub(crate) fn build_ref(&self, key: BuildKey) -> BuildRef {
        let build = self.builds.get(key);
        let slug = &self.pipelines.get(build.pipeline).slug;
        BuildRef {
            pipeline: Arc::clone(slug),
            number: build.number,
            id: build.id,
        }
    }

    pub(crate) fn job_ref(&self, key: JobKey) -> JobRef {
        let job = self.jobs.get(key);
        let name = self.name_of(job);
        JobRef {
            build: self.build_ref(job.build),
            name,
            attempt: job.attempt,
            id: job.id,
        }
    }

    /// What happens when a timer fires, as a sentence without an end.
    pub(crate) fn describe(&self, timer: Timer) -> String {
        match timer.subject() {
            Subject::Job(job) => {
                let job = self.job_ref(job);
                format!("{} {} {}", job.build, job.name, timer.word())
            }
            Subject::Schedule(schedule) => {
                format!("{} {}", self.schedule_ref(schedule), timer.word())
            }
            Subject::Agent(agent) => format!("{} {}", self.agent_ref(agent), timer.word()),
        }
    }

    /// How people call a job: as its step, and one of several by what its own label became.
    pub(crate) fn name_of(&self, job: &Job) -> Arc<str> {
        let step = self.step_of(job);
        if Arc::ptr_eq(&job.spec, &step.step) {
            return Arc::clone(&step.name);
        }
        let label = graph::label_of(&job.spec).filter(|label| !label.is_empty());
        label.unwrap_or_else(|| graph::name_of(&job.spec)).into()
    }

    pub(crate) fn step_of(&self, job: &Job) -> &StepRun {
        self.step(job.build, job.step)
    }

    /// A step of a build that is known to have it.
    #[track_caller]
    pub(crate) fn step(&self, build: BuildKey, step: usize) -> &StepRun {
        let steps = &self.progress.get(build).steps;
        steps.get(step).expect("a step of the build")
    }

    /// The steps of a build in the order in which they stand.
    pub(crate) fn steps(&self, build: BuildKey) -> impl ExactSizeIterator<Item = &StepRun> {
        let progress = self.progress.get(build);
        let order = progress.order.iter();
        order.map(|step| progress.steps.get(*step).expect("a step of the build"))
    }

    pub(crate) fn tally(&self, build: BuildKey) -> Tally {
        self.progress.get(build).tally
    }
}
