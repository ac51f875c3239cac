//! Artifacts as JSON: the same object alone and in lists.
//!
//! Source: Buildkite docs, "Artifacts API", section "Artifact data model"; recorded in 2023.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::artifact::ArtifactKey;
use crate::vocabulary::ids::Kind;
use crate::wire::View;

/// An artifact.
#[derive(Debug, Serialize)]
pub(crate) struct ArtifactJson<'e> {
    id: Uuid,
    job_id: Uuid,
    url: String,
    download_url: String,
    state: &'static str,
    path: &'e str,
    dirname: &'e str,
    filename: &'e str,
    mime_type: &'e str,
    file_size: usize,
    /// Deprecated; recorded as null since 2023.
    glob_path: Option<()>,
    original_path: Option<()>,
    sha1sum: &'e str,
}

/// Where an artifact can be fetched.
#[derive(Debug, Serialize)]
pub(crate) struct DownloadJson<'a> {
    pub(crate) url: &'a str,
}

impl<'e> ArtifactJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: ArtifactKey) -> Self {
        view.saw(Kind::Artifact, key, view.engine.artifact_version(key));
        let artifact = view.engine.artifact(key);
        let job = view.engine.job(artifact.job);
        let url = format!(
            "{}/jobs/{}/artifacts/{}",
            view.build_url(job.build),
            job.id,
            artifact.id
        );
        let file = &artifact.file;
        Self {
            id: artifact.id.0,
            job_id: job.id.0,
            download_url: format!("{url}/download"),
            url,
            state: artifact.state.as_str(),
            path: &file.path,
            dirname: file.dirname(),
            filename: file.filename(),
            mime_type: file.mime_type,
            file_size: file.content.len(),
            glob_path: None,
            original_path: None,
            sha1sum: &file.sha1sum,
        }
    }
}
