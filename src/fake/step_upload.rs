//! Step uploads in the hands of a test.

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::step_upload::{Outcome, StepUpload};
use crate::fake::BuildHandle;
use crate::vocabulary::ids::{JobId, StepUploadId};
use crate::vocabulary::states::StepUploadState;

/// What a job uploaded with `buildkite-agent pipeline upload`, and what the server made of it, as it was when a test
/// asked.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, StepUploadState};
///
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create_build();
/// build.job("gen").start();
/// build.job("gen").upload_pipeline("[{command: make, key: one}, {command: make, key: two}]");
/// let refused = build.job("gen").try_upload_pipeline("[{command: make, key: one}]");
/// assert!(refused.is_err(), "the key is taken");
///
/// let [applied, rejected] = &build.step_uploads()[..] else { panic!("both were sent") };
/// assert_eq!((applied.state, applied.created_jobs), (StepUploadState::Applied, Some(2)));
/// assert_eq!(applied.definition_yaml.lines().nth(1), Some("- command: make"));
/// assert_eq!(rejected.state, StepUploadState::Rejected);
/// ```
///
/// Source: buildkite/go-buildkite, `step_uploads.go`; Buildkite's documentation does not have them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepUploadRecord {
    /// Its id.
    pub id: StepUploadId,
    /// The job that uploaded it.
    pub job_id: JobId,
    /// What became of it.
    pub state: StepUploadState,
    /// Whether it was to replace the steps that had not begun.
    pub replaces: bool,
    /// How many jobs the build got by it, those that will not run included; none if it was rejected.
    pub created_jobs: Option<u32>,
    /// Why it was rejected, as the uploading command was told. REST has one sentence for all reasons.
    pub rejection: Option<String>,
    /// When it came.
    pub created_at: DateTime<Utc>,
    /// What was uploaded, with everything filled in, written as YAML again.
    pub definition_yaml: String,
}

impl StepUploadRecord {
    fn of(engine: &Engine, upload: &StepUpload) -> Self {
        let (state, created_jobs, rejection) = match &upload.outcome {
            Outcome::Applied { jobs } => (StepUploadState::Applied, Some(*jobs), None),
            Outcome::Rejected(why) => (StepUploadState::Rejected, None, Some(why.to_string())),
        };
        Self {
            id: upload.id,
            job_id: engine.job(upload.job).id,
            state,
            replaces: upload.replaces,
            created_jobs,
            rejection,
            created_at: upload.created_at,
            definition_yaml: upload.definition.yaml(),
        }
    }
}

impl BuildHandle {
    /// What its jobs uploaded, in the order in which it came; one for each document. What an agent gave up on, because
    /// it cannot read it, was never sent.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create();
    /// app.on_job("gen").uploads("steps: [{command: make}, {command: ship}]");
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.step_uploads()[0].created_jobs, Some(2));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn step_uploads(&self) -> Vec<StepUploadRecord> {
        self.read(|engine, _| {
            let all = engine.step_uploads_of(self.key);
            all.map(|(_, upload)| StepUploadRecord::of(engine, upload))
                .collect()
        })
    }
}
