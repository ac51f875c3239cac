//! A pipeline upload, as a test describes it.

use std::sync::Arc;

/// What a job uploads: the YAML, and how `buildkite-agent pipeline upload` is called.
///
/// Anything that takes one takes the YAML alone as well.
///
/// ```
/// use fake_buildkite::{BuildState, FakeBuildkite, PipelineUpload};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: generate, key: gen}, {block: Too late?}]").create();
/// app.on_job("gen").uploads(PipelineUpload::yaml("steps: [{command: echo $$HOME, key: echo}]").replacing());
/// let build = app.create_build();
/// fake.run_until_idle();
/// assert_eq!(build.state(), BuildState::Passed, "the block step was replaced before anybody saw it");
/// ```
///
/// Source: Buildkite docs, "buildkite-agent pipeline".
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a job uploads it"]
pub struct PipelineUpload {
    pub(crate) yaml: Arc<str>,
    pub(crate) replaces: bool,
    pub(crate) interpolates: bool,
}

impl PipelineUpload {
    /// The YAML of a pipeline: a mapping with `steps`, or the list alone; several documents are as many uploads.
    pub fn yaml(yaml: impl Into<String>) -> Self {
        Self {
            yaml: yaml.into().into(),
            replaces: false,
            interpolates: true,
        }
    }

    /// As with `--replace`: the steps of the build that have not begun are removed first. Of several documents each
    /// removes what those before it brought, too.
    pub fn replacing(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// As with `--no-interpolation`: `$` stays as it is written. Otherwise the agent fills in `$NAME` and the like from
    /// the job's environment.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, PipelineUpload};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create();
    /// app.on_job("gen").uploads(PipelineUpload::yaml("steps: [{command: echo $HOME}]").without_interpolation());
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.all_jobs()[1].name(), "echo $HOME");
    /// ```
    pub fn without_interpolation(mut self) -> Self {
        self.interpolates = false;
        self
    }
}

impl From<&str> for PipelineUpload {
    fn from(yaml: &str) -> Self {
        Self::yaml(yaml)
    }
}

impl From<String> for PipelineUpload {
    fn from(yaml: String) -> Self {
        Self::yaml(yaml)
    }
}

impl From<&String> for PipelineUpload {
    fn from(yaml: &String) -> Self {
        Self::yaml(yaml.as_str())
    }
}
