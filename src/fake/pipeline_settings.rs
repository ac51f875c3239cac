//! Pipelines in the hands of a test: their settings, and the archive.
//!
//! Elsewhere: everything else about them (`pipeline`). What only a client would set is set over REST.

use crate::engine::commands::{
    ArchivePipeline, ArchiveRefused, UnarchivePipeline, UnarchiveRefused,
};
use crate::engine::pipeline::Visibility;
use crate::engine::provider::Value;
use crate::fake::{PipelineBuilder, PipelineHandle};
use crate::vocabulary::access::Access;
use crate::vocabulary::slip::slip;

impl PipelineBuilder {
    /// The branches it builds, as patterns with white space between: a build of another one is refused to clients,
    /// unless they ask to ignore the filter or it is for a pull request. Builds a test makes by hand are let through.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.pipeline("app").branch_configuration("main release/* !release/old").create();
    /// let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    /// let build = r#"{"commit":"HEAD","branch":"feature"}"#;
    /// let answer = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).body(build).send().unwrap();
    /// assert_eq!(answer.status(), 422);
    /// ```
    pub fn branch_configuration(mut self, patterns: impl Into<String>) -> Self {
        self.settings.branch_configuration = Some(patterns.into());
        self
    }

    /// Nothing is built because of a branch, as with the trigger mode `none`: clients are told that branches have been
    /// disabled, unless they ask to ignore branch filters.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.pipeline("app").without_branch_builds().create();
    /// let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    /// let build = r#"{"commit":"HEAD","branch":"main"}"#;
    /// let answer = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).body(build).send().unwrap();
    /// assert_eq!(answer.status(), 422);
    /// ```
    pub fn without_branch_builds(mut self) -> Self {
        let value = Value::Text("none".to_owned());
        self.settings.provider.set("trigger_mode", Some(value));
        self
    }

    /// The condition that builds have to meet which clients ask for, in the language of a step's `if`.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.pipeline("app").filter_condition("build.message !~ /skip ci/").create();
    /// let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    /// let build = r#"{"commit":"HEAD","branch":"main","message":"Typo (skip ci)"}"#;
    /// let answer = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).body(build).send().unwrap();
    /// assert!(answer.text().unwrap().contains("Build does not match the pipeline's filter condition"));
    /// ```
    pub fn filter_condition(mut self, condition: impl Into<String>) -> Self {
        let settings = &mut self.settings.provider;
        settings.set("filter_condition", Some(Value::Text(condition.into())));
        settings.set("filter_enabled", Some(Value::Flag(true)));
        self
    }

    /// How many minutes a command may run whose step says nothing.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").default_timeout(5).create();
    /// app.on_job("test").hangs();
    /// let build = app.create_build();
    /// fake.advance(minutes(6));
    /// assert_eq!(build.job("test").state(), JobState::TimedOut);
    /// ```
    pub fn default_timeout(mut self, minutes: u32) -> Self {
        self.settings.default_command_step_timeout = Some(minutes);
        self
    }

    /// How many minutes a command may run at most, whatever its step says.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: make, key: test, timeout_in_minutes: 60}]";
    /// let app = fake.pipeline("app").steps(steps).maximum_timeout(5).create();
    /// app.on_job("test").hangs();
    /// let build = app.create_build();
    /// fake.advance(minutes(6));
    /// assert_eq!(build.job("test").state(), JobState::TimedOut);
    /// ```
    pub fn maximum_timeout(mut self, minutes: u32) -> Self {
        self.settings.maximum_command_step_timeout = Some(minutes);
        self
    }

    /// The tags.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.pipeline("app").tags(["team:web", "go"]).create();
    /// let url = format!("{}organizations/acme/pipelines/app", fake.api_url());
    /// let app = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(app.json::<serde_json::Value>().unwrap()["tags"], serde_json::json!(["team:web", "go"]));
    /// ```
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.settings.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Everybody can see it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.pipeline("app").public().create();
    /// let url = format!("{}organizations/acme/pipelines/app", fake.api_url());
    /// let app = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(app.json::<serde_json::Value>().unwrap()["visibility"], "public");
    /// ```
    pub fn public(mut self) -> Self {
        self.settings.visibility = Visibility::Public;
        self
    }

    /// What the fake's user may do with it, everything unless a test says otherwise: what goes beyond is answered with
    /// 403 and `Forbidden`. Handles may do everything.
    ///
    /// ```
    /// use fake_buildkite::{Access, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let docs = fake.pipeline("docs").access(Access::BuildAndRead).create();
    /// assert_eq!(fake.user().access_to(&docs), Some(Access::BuildAndRead));
    /// docs.archive(); // a handle may
    /// assert!(docs.is_archived());
    /// ```
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }
}

impl PipelineHandle {
    /// Archives it: it becomes read-only and makes no new builds. What it has stays, and what runs goes on.
    ///
    /// # Panics
    ///
    /// If it is archived already.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// app.archive();
    /// assert!(app.is_archived());
    /// app.unarchive();
    /// assert!(!app.is_archived());
    /// ```
    #[track_caller]
    pub fn archive(&self) {
        let slug = self.slug();
        let pipeline = self.key;
        if let Err(ArchiveRefused) = self.tie.driver().apply(ArchivePipeline { pipeline }) {
            slip!("pipeline `{slug}` is archived already")
        }
    }

    /// Takes it out of the archive.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// app.archive();
    /// app.unarchive();
    /// assert_eq!(app.create_build().number(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not archived.
    #[track_caller]
    pub fn unarchive(&self) {
        let slug = self.slug();
        let pipeline = self.key;
        if let Err(UnarchiveRefused) = self.tie.driver().apply(UnarchivePipeline { pipeline }) {
            slip!("pipeline `{slug}` is not archived")
        }
    }

    /// Whether it is archived.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let url = format!("{}organizations/acme/pipelines/app/archive", fake.api_url());
    /// reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).send().unwrap();
    /// assert!(app.is_archived());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_archived(&self) -> bool {
        self.read(|_, pipeline| pipeline.archived_at.is_some())
    }
}
