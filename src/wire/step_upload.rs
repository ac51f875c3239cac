//! Step uploads as JSON: alone with what was uploaded, in lists without.
//!
//! Source: buildkite/go-buildkite, `step_uploads.go` and its test.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::step_upload::{Outcome, StepUploadKey};
use crate::vocabulary::ids::Kind;
use crate::vocabulary::states::StepUploadState;
use crate::wire::{Time, View, graphql_id};

/// What is said of every upload that was rejected; which rule it broke only the uploading command is told.
const REJECTED: &str =
    "The step upload was rejected. Check the pipeline upload command output for details.";

/// A step upload.
#[derive(Debug, Serialize)]
pub(crate) struct StepUploadJson {
    uuid: Uuid,
    graphql_id: String,
    state: &'static str,
    source: &'static str,
    source_job_id: Uuid,
    replace_existing_steps: bool,
    created_jobs_count: Option<u32>,
    rejection_type: Option<&'static str>,
    message: Option<&'static str>,
    url: String,
    created_at: Time,
    processed_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition_yaml: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition_yaml_omitted: Option<bool>,
}

impl StepUploadJson {
    /// As in a list.
    ///
    /// Chosen: `validation_error` is the one kind of rejection that is known, whatever the rule; and an upload is processed
    /// at the instant at which it comes.
    pub(crate) fn new(view: &View<'_>, key: StepUploadKey) -> Self {
        view.saw(Kind::StepUpload, key, view.engine.step_upload_version(key));
        let upload = view.engine.step_upload(key);
        let job = view.engine.job(upload.job);
        let (state, created_jobs_count, is_rejected) = match upload.outcome {
            Outcome::Applied { jobs } => (StepUploadState::Applied, Some(jobs), false),
            Outcome::Rejected(_) => (StepUploadState::Rejected, None, true),
        };
        Self {
            uuid: upload.id.0,
            graphql_id: graphql_id("BuildStepUpload", upload.id.0),
            state: state.as_str(),
            source: "job",
            source_job_id: job.id.0,
            replace_existing_steps: upload.replaces,
            created_jobs_count,
            rejection_type: is_rejected.then_some("validation_error"),
            message: is_rejected.then_some(REJECTED),
            url: format!("{}/step-uploads/{}", view.build_url(job.build), upload.id),
            created_at: view.instant(upload.created_at),
            processed_at: Some(view.instant(upload.created_at)),
            definition_bytes: None,
            definition_yaml: None,
            definition_yaml_omitted: None,
        }
    }

    /// With what was uploaded.
    ///
    /// Chosen: all of it, however long: above which length it is left out is not known.
    pub(crate) fn whole(view: &View<'_>, key: StepUploadKey) -> Self {
        let definition = &view.engine.step_upload(key).definition;
        Self {
            definition_bytes: Some(definition.size()),
            definition_yaml: Some(definition.yaml()),
            definition_yaml_omitted: Some(false),
            ..Self::new(view, key)
        }
    }
}
