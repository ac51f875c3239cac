//! Artifacts: list of a build or a job, get, download, delete.
//!
//! Elsewhere: the bytes themselves (`http::downloads`).
//! Source: Buildkite docs, "Artifacts API".

use crate::engine::artifact::{Artifact, ArtifactKey};
use crate::engine::commands::MarkArtifact;
use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::{Cx, downloads};
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::ArtifactId;
use crate::vocabulary::states::ArtifactState;
use crate::vocabulary::wildcard;
use crate::wire;
use crate::wire::artifact::{ArtifactJson, DownloadJson};

/// Chosen: in the order of their upload.
pub(super) fn list_of_build(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build()?;
    let filter = Filter::of(&cx.query)?;
    let all = cx.engine.artifacts_of_build(build);
    let all: Vec<_> = all.filter(|entry| filter.fits(entry)).collect();
    Ok(list(cx, &all))
}

pub(super) fn list_of_job(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job()?;
    let filter = Filter::of(&cx.query)?;
    let all = cx.engine.artifacts_of_job(job);
    let all: Vec<_> = all.filter(|entry| filter.fits(entry)).collect();
    Ok(list(cx, &all))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let artifact = cx.artifact()?;
    let view = cx.view();
    Ok(Cx::show(&view, 200, &ArtifactJson::new(&view, artifact)))
}

/// Where the bytes are, for a minute: in the body as in the header.
///
/// Chosen: what is not `finished` cannot be found, because there is nothing to fetch.
pub(super) fn download(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let artifact = cx.artifact()?;
    let state = cx.engine.artifact(artifact).state;
    if state != ArtifactState::Finished {
        cx.aside.note = Some(format!("this artifact is `{state}`"));
        return Err(ApiError::not_found("artifact"));
    }
    let (origin, note) = downloads::origin(&cx.origin, cx.request);
    cx.aside.note = note;
    let url = format!("{origin}{}", downloads::path_to(cx.engine, artifact));
    let reply = Reply::json(302, wire::body(&DownloadJson { url: &url }));
    Ok(reply.with_header("location", url))
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let artifact = cx.artifact()?;
    let build = cx.engine.job(cx.engine.artifact(artifact).job).build;
    cx.check_access(cx.engine.build(build).pipeline, Access::BuildAndRead)?;
    let Ok(()) = cx.apply(MarkArtifact {
        artifact,
        state: ArtifactState::Deleted,
    });
    Ok(Reply::new(204))
}

fn list(cx: &Cx<'_>, all: &[(ArtifactKey, &Artifact)]) -> Reply {
    let view = cx.view();
    cx.list(&view, all, |(key, _)| ArtifactJson::new(&view, key))
}

/// The filters of a list: both have to fit.
struct Filter {
    state: Option<ArtifactState>,
    path: Option<String>,
}

impl Filter {
    fn of(query: &Query) -> Result<Self, ApiError> {
        let state = match query.last("state") {
            None => None,
            // Chosen: that it is a 422 is documented, in which words is not.
            Some(word) => Some(ArtifactState::from_word(word).ok_or_else(|| {
                ApiError::new(422, format!("{word} is not a valid artifact state"))
            })?),
        };
        Ok(Self {
            state,
            path: query.last("path").map(str::to_owned),
        })
    }

    fn fits(&self, (_, artifact): &(ArtifactKey, &Artifact)) -> bool {
        let fits_path = |path: &String| wildcard::matches(path, &artifact.file.path);
        self.state.is_none_or(|state| state == artifact.state)
            && self.path.as_ref().is_none_or(fits_path)
    }
}

impl Cx<'_> {
    /// The artifact of the path, if it is of the job that the path says.
    fn artifact(&mut self) -> Result<ArtifactKey, ApiError> {
        let job = self.job()?;
        let id = self.place.artifact.parse().ok().map(ArtifactId);
        let found = id.and_then(|id| self.engine.artifact_by_id(id));
        found
            .filter(|key| self.engine.artifact(*key).job == job)
            .ok_or_else(|| ApiError::not_found("artifact"))
    }
}
