//! The pipeline uploads of a build: list, get.
//!
//! Not modelled: 410 for builds past their maximum lifetime, which is nowhere said to be how long.
//! Source: buildkite/go-buildkite, `step_uploads.go`; Buildkite's documentation does not have them.

use crate::engine::build::BuildKey;
use crate::engine::step_upload::StepUploadKey;
use crate::engine::table::Key as _;
use crate::http::Cx;
use crate::http::cursor::{ListId, Window};
use crate::http::error::ApiError;
use crate::http::reply::Reply;
use crate::vocabulary::ids::{JobId, Kind, StepUploadId};
use crate::wire::step_upload::StepUploadJson;

/// Newest first, without what was uploaded. Chosen: a job that uploaded nothing, or that is none, fits no upload.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build()?;
    let of = cx.engine.build(build).id.0;
    let list = ListId::new(cx.engine.seed(), Kind::StepUpload, of);
    let window = Window::of(&cx.query, list)?;
    let sources = cx.query.map("filter");
    let source = sources.filter(|(name, _)| *name == "source_job_id").last();
    let source = source.map(|(_, id)| {
        let id = id.parse().ok().map(JobId);
        id.and_then(|id| cx.engine.job_by_id(id))
    });
    let all = cx.engine.step_uploads_of(build);
    let fitting = all.filter(|(_, upload)| source.is_none_or(|source| source == Some(upload.job)));
    // The newest has the first place.
    let place = |key: StepUploadKey| u64::from(u32::MAX - key.row());
    let mut all: Vec<_> = fitting.map(|(key, _)| (place(key), key)).collect();
    all.reverse();
    let view = cx.view();
    Ok(cx.list_by_cursor(&view, &window, &all, |key| StepUploadJson::new(&view, key)))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build()?;
    let upload = cx.step_upload_of(build)?;
    let view = cx.view();
    Ok(Cx::show(&view, 200, &StepUploadJson::whole(&view, upload)))
}

impl Cx<'_> {
    /// The upload of the path, if it is of this build. Chosen: the text, after all others.
    fn step_upload_of(&self, build: BuildKey) -> Result<StepUploadKey, ApiError> {
        let id = self.place.step_upload.parse().ok().map(StepUploadId);
        let found = id.and_then(|id| self.engine.step_upload_by_id(id));
        let build_of = |key| self.engine.job(self.engine.step_upload(key).job).build;
        found
            .filter(|key| build_of(*key) == build)
            .ok_or_else(|| ApiError::not_found("step upload"))
    }
}
