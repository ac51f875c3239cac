//! Which jobs a rule is for: those called so, or those of which something is true.
//!
//! What a test's own closure says is found out by the `driver`, while nothing is locked; here it is only kept.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::vocabulary::wildcard;

/// Which jobs a rule is for.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// Those with such a name, in which `*` stands for anything.
    Called(Arc<str>),
    /// Those of which the test says so.
    When(Predicate),
}

/// As a sentence names the script, whether it was told in Rust or in JSON.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Called(name) => write!(f, "the script for `{name}`"),
            Self::When(_) => f.write_str("the script of `on_job_when(..)`"),
        }
    }
}

/// Whether a job called so is what a name means: any of its names, in which `*` stands for anything.
pub(crate) fn is_meant(wanted: &str, names: &[&str]) -> bool {
    names.iter().any(|name| wildcard::matches(wanted, name))
}

/// A test's own word on which jobs a rule is for.
#[derive(Clone)]
pub(crate) struct Predicate(Arc<dyn Fn(&JobView) -> bool + Send + Sync>);

impl Predicate {
    pub(crate) fn new(holds: impl Fn(&JobView) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(holds))
    }

    /// Runs the test's code. Nothing may be locked.
    pub(crate) fn holds(&self, job: &JobView) -> bool {
        (self.0)(job)
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Predicate(..)")
    }
}

/// A job as it was when [`PipelineHandle::on_job_when`](crate::PipelineHandle::on_job_when) showed it, waiting to be picked up,
/// or a test asked for its [`view`](crate::JobHandle::view): plain data, which asks nothing of the fake.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, JobState};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make, key: test, parallelism: 3}]").create();
/// app.on_job_when(|job| job.env("BUILDKITE_PARALLEL_JOB") == Some("1") && job.attempt() == 1).exits(1);
/// let build = app.create_build();
/// fake.run_until_idle();
/// let states: Vec<_> = build.jobs("test").iter().map(|job| job.state()).collect();
/// assert_eq!(states, [JobState::Passed, JobState::Failed, JobState::Passed]);
///
/// let deploy = fake.pipeline("deploy").steps("steps: [{command: make ship, label: Ship, key: ship}]").create();
/// deploy.on_job_when(|job| {
///     (job.key(), job.label(), job.command()) == (Some("ship"), Some("Ship"), Some("make ship"))
///         && (job.build_number(), job.meta_data("dry-run")) == (1, Some("true"))
/// }).exits(3);
/// let build = deploy.build().meta_data("dry-run", "true").create();
/// fake.run_until_idle();
/// assert_eq!(build.job("ship").exit_status(), Some(3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) build_number: u64,
    pub(crate) attempt: u32,
    pub(crate) matrix: Vec<(String, String)>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) meta_data: BTreeMap<String, String>,
}

impl JobView {
    /// How people call it, as [`JobHandle::name`](crate::JobHandle::name) does and as it stands in every event: its step's
    /// key, else its label, else its command's first line; one of several jobs of a matrix or a parallel step is called by
    /// its own label first. What Buildkite's API calls `name` is the [`label`](Self::label) alone.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make test, key: test, label: Test}, {command: make lint}]").create();
    /// app.on_job_when(|job| ["test", "make lint"].contains(&job.name())).exits(2);
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert!(build.all_jobs().iter().all(|job| job.exit_status() == Some(2)));
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `key` of its step.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The label, with what parallelism and a matrix filled in: what Buildkite's API calls `name`.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// The whole command, with what parallelism and a matrix filled in.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.command.as_deref()
    }

    /// The number of its build.
    #[must_use]
    pub fn build_number(&self) -> u64 {
        self.build_number
    }

    /// How often this job has run before, counted as [`JobScript::then`](crate::JobScript::then) does, and one: 1 for
    /// the first attempt.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What a matrix step's job has for this dimension. A matrix that is a plain list has one dimension, `""`.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = r#"steps: [{command: "make {{matrix.os}}", key: test, matrix: {setup: {os: [linux, macos]}}}]"#;
    /// let app = fake.pipeline("app").steps(steps).create();
    /// app.on_job_when(|job| job.matrix("os") == Some("macos")).exits(1);
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// let states: Vec<_> = build.jobs("test").iter().map(|job| job.state()).collect();
    /// assert_eq!(states, [JobState::Passed, JobState::Failed]);
    /// ```
    #[must_use]
    pub fn matrix(&self, dimension: &str) -> Option<&str> {
        let found = self.matrix.iter().find(|(name, _)| name == dimension);
        found.map(|(_, value)| value.as_str())
    }

    /// A variable of its environment, Buildkite's own included: `BUILDKITE_BRANCH`, `BUILDKITE_MESSAGE`,
    /// `BUILDKITE_PARALLEL_JOB`.
    #[must_use]
    pub fn env(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// Meta-data of its build, as it was then.
    #[must_use]
    pub fn meta_data(&self, key: &str) -> Option<&str> {
        self.meta_data.get(key).map(String::as_str)
    }
}
