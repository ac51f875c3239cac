//! Things by the names that others gave them: the program under test, or whoever pulls a lever.

#[cfg(feature = "cli")]
use crate::engine::commands::TellScripts;
#[cfg(feature = "cli")]
use crate::fake::choices::owner;
#[cfg(feature = "cli")]
use crate::fake::pipeline::slugs;
#[cfg(feature = "cli")]
use crate::fake::{BuildHandle, PipelineHandle};
use crate::fake::{FakeBuildkite, JobHandle};
#[cfg(feature = "cli")]
use crate::http::reply::Answering;
#[cfg(feature = "cli")]
use crate::http::request::Request;
#[cfg(feature = "cli")]
use crate::script::Scripts;
#[cfg(feature = "cli")]
use crate::vocabulary::event::BuildRef;
use crate::vocabulary::ids::JobId;
use crate::vocabulary::slip::slip;

impl FakeBuildkite {
    /// The job with this id, which the program under test came by.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let id = build.job("test").id().to_string();
    /// assert_eq!(fake.existing_job(&id).name(), "test");
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn existing_job(&self, id: &str) -> JobHandle {
        let found = self.find_job(id);
        match found {
            Some(found) => found,
            None => slip!("no job with the id `{id}`; `all_jobs()` of a build has those there are"),
        }
    }

    pub(crate) fn find_job(&self, id: &str) -> Option<JobHandle> {
        let id = id.parse().ok().map(JobId)?;
        let key = self.driver.read(|engine| engine.job_by_id(id))?;
        Some(JobHandle::new(self.tie(), self.home, key))
    }

    #[cfg(feature = "cli")]
    /// A pipeline of the fake's own organization.
    pub(crate) fn find_pipeline(&self, slug: &str) -> Option<PipelineHandle> {
        let organization = self.home.organization;
        let find = |engine: &crate::engine::Engine| engine.pipeline_by_slug(organization, slug);
        let key = self.driver.read(find)?;
        Some(PipelineHandle {
            tie: self.tie(),
            home: self.home,
            key,
        })
    }
}

/// For levers.
#[cfg(feature = "cli")]
impl FakeBuildkite {
    /// That there is no pipeline with this slug, and which there are.
    pub(crate) fn no_pipeline(&self, slug: &str) -> String {
        let organization = self.home.organization;
        self.driver.read(|engine| {
            let (owner, known) = (owner(engine, organization), slugs(engine, organization));
            format!("there is no pipeline `{slug}`; {owner} has {known}")
        })
    }

    /// Requests below `/_fake/` are answered by this from now on.
    pub(crate) fn answer_levers(
        &self,
        answer: impl Fn(Request) -> Answering + Send + Sync + 'static,
    ) {
        self.driver.answer_levers(answer);
    }

    /// Something went wrong inside while a lever was pulled.
    pub(crate) fn note_failure(&self, text: String) {
        self.server.note_failure(text);
    }

    /// Requests so far for what nobody serves are forgiven.
    pub(crate) fn forget_unserved(&self) {
        self.driver.forget_unserved();
    }
}

#[cfg(feature = "cli")]
impl JobHandle {
    /// The build it belongs to, as events name it.
    pub(crate) fn build_ref(&self) -> BuildRef {
        self.read(|engine, job| engine.build_ref(job.build))
    }
}

#[cfg(feature = "cli")]
impl PipelineHandle {
    /// What its jobs will do, as told so far.
    pub(crate) fn scripts(&self) -> Scripts {
        self.read(|engine, _| engine.scripts_of(self.key).clone())
    }

    /// What its jobs will do is what was told then, and nothing since.
    pub(crate) fn forget_scripts_since(&self, then: Scripts) {
        let Ok(()) = self.tie.driver().apply(TellScripts {
            pipeline: self.key,
            tell: |scripts: &mut Scripts| *scripts = then,
        });
    }

    pub(crate) fn find_build(&self, number: u64) -> Option<BuildHandle> {
        let find = |engine: &crate::engine::Engine| engine.build_by_number(self.key, number);
        let key = self.tie.driver().read(find)?;
        Some(BuildHandle::new(self.tie.clone(), self.home, key))
    }
}
