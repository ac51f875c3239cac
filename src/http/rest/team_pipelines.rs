//! The pipelines of a team: list, get, add, update, remove.
//!
//! Administrators change them, and maintainers of the team who may manage the pipeline. A pipeline that somebody does
//! not see is not there for them, here as anywhere.
//! Source: Buildkite docs, "Team pipelines API"; "User and team permissions".

use crate::engine::commands::{AddTeamPipeline, NotAdded, RemoveTeamPipeline, UpdateTeamPipeline};
use crate::engine::pipeline::PipelineKey;
use crate::engine::team::TeamKey;
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::PipelineId;
use crate::wire::team::TeamPipelineJson;

/// Chosen: in the order in which the pipelines came to be.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let team = cx.team()?;
    let pipelines = cx.engine.team(team).pipelines.keys().copied();
    let all: Vec<_> = pipelines.filter(|key| cx.sees(*key)).collect();
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| TeamPipelineJson::new(&view, team, key)))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (team, pipeline) = cx.team_pipeline()?;
    Ok(show(cx, 200, team, pipeline))
}

pub(super) fn add(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let team = cx.team_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let id = body.required_text("pipeline_id");
    let access = body.required_word("access_level", Access::from_word);
    body.check_in_words()?;
    let access = access.expect("one that is not read is refused");
    let id = id.parse().ok().map(PipelineId);
    let of = cx.engine.organization(cx.engine.team(team).organization);
    let pipeline = of.pipelines.iter().copied().find(|key| {
        let found = cx.engine.pipeline(*key).id;
        Some(found) == id && cx.sees(*key)
    });
    let Some(pipeline) = pipeline else {
        return Err(ApiError::not_added("Pipeline", NotAdded::Elsewhere));
    };
    cx.check_gives_access(pipeline)?;
    let added = cx.apply(AddTeamPipeline {
        team,
        pipeline,
        access,
    });
    added.map_err(|refused| ApiError::not_added("Pipeline", refused))?;
    Ok(show(cx, 201, team, pipeline))
}

pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (team, pipeline) = cx.team_pipeline_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let access = body.required_word("access_level", Access::from_word);
    body.check_in_words()?;
    let updated = cx.apply(UpdateTeamPipeline {
        team,
        pipeline,
        access: access.expect("one that is not read is refused"),
    });
    updated.expect("the pipeline was found");
    Ok(show(cx, 200, team, pipeline))
}

pub(super) fn remove(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (team, pipeline) = cx.team_pipeline_to_change()?;
    let removed = cx.apply(RemoveTeamPipeline { team, pipeline });
    removed.expect("the pipeline was found");
    Ok(Reply::new(204))
}

fn show(cx: &Cx<'_>, status: u16, team: TeamKey, pipeline: PipelineKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &TeamPipelineJson::new(&view, team, pipeline))
}

impl Cx<'_> {
    /// The team of the path, and the pipeline of it, if the user sees both.
    fn team_pipeline(&mut self) -> Result<(TeamKey, PipelineKey), ApiError> {
        let team = self.team()?;
        let id = self.place.pipeline.parse().ok().map(PipelineId);
        let mut pipelines = self.engine.team(team).pipelines.keys().copied();
        let found = pipelines.find(|key| {
            let found = self.engine.pipeline(*key).id;
            Some(found) == id && self.sees(*key)
        });
        let pipeline = found.ok_or_else(|| ApiError::not_found("team pipeline"))?;
        Ok((team, pipeline))
    }

    fn team_pipeline_to_change(&mut self) -> Result<(TeamKey, PipelineKey), ApiError> {
        let (team, pipeline) = self.team_pipeline()?;
        self.check_maintains(team)?;
        self.check_gives_access(pipeline)?;
        Ok((team, pipeline))
    }

    /// Whether the user may say which team has what access to a pipeline: administrators, and who may manage it.
    fn check_gives_access(&self, pipeline: PipelineKey) -> Result<(), ApiError> {
        let organization = self.engine.pipeline(pipeline).organization;
        if self.engine.is_admin(organization, self.user) {
            return Ok(());
        }
        self.check_access(pipeline, Access::ManageBuildAndRead)
    }
}
