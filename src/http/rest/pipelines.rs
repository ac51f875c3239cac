//! Pipelines: list, get, create, update, archive, unarchive, delete, and their webhooks.
//!
//! Elsewhere: what a body says about settings and visual steps (`pipeline_body`).
//!
//! Source: Buildkite docs, "Pipelines API".

use crate::engine::account::OrganizationKey;
use crate::engine::cluster::ClusterKey;
use crate::engine::commands::{
    AddWebhook, ArchivePipeline, CreatePipeline, DeletePipeline, NewSlug, UnarchivePipeline,
    UpdatePipeline,
};
use crate::engine::pipeline::{PipelineKey, Settings};
use crate::engine::recipe::Source;
use crate::engine::team::TeamKey;
use crate::http::error::{ApiError, STEPS_MISSING};
use crate::http::fields::Fields;
use crate::http::json::Json;
use crate::http::reply::Reply;
use crate::http::rest::pipeline_body;
use crate::http::{Clusters, Cx};
use crate::vocabulary::access::Access;
use crate::wire::pipeline;

/// Newest first; `name` and `repository` match a part, in any case.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let contains = |text: &str, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| text.to_lowercase().contains(&wanted.to_lowercase()))
    };
    let fits = |key: &PipelineKey| {
        let pipeline = cx.engine.pipeline(*key);
        cx.sees(*key)
            && contains(&pipeline.name, cx.query.last("name"))
            && contains(&pipeline.settings.repository, cx.query.last("repository"))
    };
    let pipelines = &cx.engine.organization(organization).pipelines;
    let mut all: Vec<_> = pipelines.iter().copied().filter(fits).collect();
    all.reverse();
    let view = cx.view();
    Ok(cx.list_of_texts(&view, &all, |key| pipeline::text(&view, key)))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline()?;
    Ok(show(cx, 200, pipeline))
}

pub(super) fn create(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    if !cx.engine.creates_pipelines(cx.user, organization) {
        return Err(ApiError::forbidden());
    }
    let mut body = Fields::parse(&cx.request.body)?;
    let name = body.required_text("name");
    let repository = body.required_text("repository");
    let slug = body.text("slug").filter(|slug| !slug.is_empty());
    let settings = Settings::for_repository(repository);
    let settings = pipeline_body::settings(cx.engine, organization, &mut body, settings);
    let steps = steps(&mut body);
    let steps = match (steps, settings.template) {
        (Some(steps), _) => steps,
        (None, Some(_)) => Source::Template,
        (None, None) => {
            if !are_there_steps(&body) {
                body.refuse("configuration", STEPS_MISSING);
            }
            Source::Template
        }
    };
    let env = body.pairs("env");
    if cx.options.clusters == Clusters::Required && settings.cluster.is_none() {
        body.refuse("cluster_id", "missing");
    }
    let teams = teams(cx, organization, &mut body);
    body.check()?;
    check_teams(cx, organization, &teams)?;
    check_move(cx, None, settings.cluster)?;
    let created_by = Some(cx.user);
    let pipeline = cx.apply(CreatePipeline {
        organization,
        name,
        slug,
        settings,
        steps,
        env,
        access: Access::ManageBuildAndRead,
        teams,
        created_by,
    })?;
    Ok(show(cx, 201, pipeline))
}

pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline_to(Access::ManageBuildAndRead)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let mut given = |field| {
        let is_given = body.value(field).is_some();
        is_given.then(|| body.required_text(field))
    };
    let (name, repository) = (given("name"), given("repository"));
    let slug = match body.text("slug").filter(|slug| !slug.is_empty()) {
        Some(slug) => NewSlug::This(slug),
        None if body.has("slug") => NewSlug::Derive,
        None => NewSlug::Follow,
    };
    let organization = cx.engine.pipeline(pipeline).organization;
    let mut old = cx.engine.pipeline(pipeline).settings.clone();
    old.repository = repository.unwrap_or(old.repository);
    let settings = pipeline_body::settings(cx.engine, organization, &mut body, old);
    // Teams are read and not heeded: they are not changed here.
    pipeline_body::teams(&mut body);
    let steps = steps(&mut body);
    let env = body.value("env").is_some().then(|| body.pairs("env"));
    body.check()?;
    let cluster = cx.engine.pipeline(pipeline).settings.cluster;
    check_move(cx, cluster, settings.cluster)?;
    cx.apply(UpdatePipeline {
        pipeline,
        name,
        slug,
        settings,
        steps,
        env,
    })?;
    Ok(show(cx, 200, pipeline))
}

pub(super) fn archive(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline_to(Access::ManageBuildAndRead)?;
    Fields::parse(&cx.request.body)?;
    cx.apply(ArchivePipeline { pipeline })?;
    Ok(show(cx, 200, pipeline))
}

pub(super) fn unarchive(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline_to(Access::ManageBuildAndRead)?;
    Fields::parse(&cx.request.body)?;
    cx.apply(UnarchivePipeline { pipeline })?;
    Ok(show(cx, 200, pipeline))
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline_to(Access::ManageBuildAndRead)?;
    let Ok(()) = cx.apply(DeletePipeline { pipeline });
    Ok(Reply::new(204))
}

/// The answer is empty, and was recorded with this content type.
pub(super) fn add_webhook(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline_to(Access::ManageBuildAndRead)?;
    Fields::parse(&cx.request.body)?;
    cx.apply(AddWebhook { pipeline })?;
    Ok(Reply::new(201).with_header("content-type", "text/html"))
}

fn show(cx: &Cx<'_>, status: u16, key: PipelineKey) -> Reply {
    let view = cx.view();
    Cx::show_text(&view, status, pipeline::text(&view, key))
}

/// The teams that are to have a new pipeline. Chosen: as long as teams are not enabled, those that are not there are
/// left out, as the documentation says of the whole field; then they are wrong.
fn teams(cx: &Cx<'_>, organization: OrganizationKey, body: &mut Fields) -> Vec<(TeamKey, Access)> {
    let mut teams = Vec::new();
    for (id, access) in pipeline_body::teams(body) {
        let found = cx.engine.team_by_id(organization, id);
        match found.filter(|team| cx.engine.sees_team(cx.user, *team)) {
            Some(team) => teams.push((team, access)),
            None if cx.engine.are_teams_enabled(organization) => body.refuse("teams", "invalid"),
            None => {}
        }
    }
    teams
}

/// With teams, who is no administrator makes pipelines in teams, and only in those that let them.
fn check_teams(
    cx: &Cx<'_>,
    organization: OrganizationKey,
    teams: &[(TeamKey, Access)],
) -> Result<(), ApiError> {
    let is_free =
        cx.engine.is_admin(organization, cx.user) || !cx.engine.are_teams_enabled(organization);
    let mut refusing = teams
        .iter()
        .filter(|(team, _)| !cx.engine.creates_in_team(cx.user, *team));
    if is_free || (!teams.is_empty() && refusing.next().is_none()) {
        return Ok(());
    }
    Err(ApiError::forbidden())
}

/// Who puts a pipeline into a cluster or takes it out maintains that cluster; who moves it from one to another, both.
/// Administrators do. A cluster that is named and is the pipeline's own already is no move.
///
/// Chosen: after the body, which says the cluster. A new pipeline that names none is made in none, and anybody may who
/// may make pipelines.
/// Source: Buildkite docs, "Manage clusters", sections "Manage maintainers on a cluster" and "Move a pipeline".
fn check_move(
    cx: &Cx<'_>,
    from: Option<ClusterKey>,
    to: Option<ClusterKey>,
) -> Result<(), ApiError> {
    if from == to {
        return Ok(());
    }
    // One that is gone has no maintainers.
    let concerned = [from, to].into_iter().flatten();
    for cluster in concerned.filter(|key| cx.engine.find_cluster(*key).is_some()) {
        cx.check_maintains_cluster(cluster)?;
    }
    Ok(())
}

/// Whether steps were given, right or wrong.
fn are_there_steps(body: &Fields) -> bool {
    let none = Json::Array(Vec::new());
    body.value("configuration").is_some() || body.value("steps").is_some_and(|steps| *steps != none)
}

/// The steps a request brings: with both kinds, Buildkite takes the YAML.
///
/// Chosen: YAML that is there and blank is refused, also when a template is given.
fn steps(body: &mut Fields) -> Option<Source> {
    match body.value("configuration") {
        Some(Json::String(text)) if !text.trim().is_empty() => Some(Source::Yaml(text.clone())),
        Some(_) => {
            body.refuse("configuration", STEPS_MISSING);
            None
        }
        None => pipeline_body::steps(body).map(|steps| Source::Visual(steps.into())),
    }
}
