//! Pipelines: list, get, create from YAML, delete.
//!
//! Source: Buildkite docs, "Pipelines API".

use crate::engine::commands::{CreatePipeline, DeletePipeline};
use crate::engine::pipeline::{Intermediate, PipelineKey, Settings, Visibility};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::json::{Fields, Json};
use crate::http::pagination::Page;
use crate::http::reply::Reply;
use crate::wire::pipeline::PipelineJson;

/// The most tags a pipeline can have, and the most characters of one.
const MOST_TAGS: usize = 10;
const TAG_LENGTH: usize = 128;

/// Newest first; `name` and `repository` match a part, in any case.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let contains = |text: &str, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| text.to_lowercase().contains(&wanted.to_lowercase()))
    };
    let fits = |key: &PipelineKey| {
        let pipeline = cx.engine.pipeline(*key);
        contains(&pipeline.name, cx.query.last("name"))
            && contains(&pipeline.settings.repository, cx.query.last("repository"))
    };
    let pipelines = &cx.engine.organization(organization).pipelines;
    let mut all: Vec<_> = pipelines.iter().copied().filter(fits).collect();
    all.reverse();
    let view = cx.view();
    let page = Page::of(&cx.query);
    let shown: Vec<_> = page
        .cut(&all)
        .into_iter()
        .map(|key| PipelineJson::new(&view, key))
        .collect();
    Ok(cx.with_link(Cx::show(&view, 200, &shown), page, all.len()))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline()?;
    let view = cx.view();
    Ok(Cx::show(&view, 200, &PipelineJson::new(&view, pipeline)))
}

pub(super) fn create(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let mut body = Fields::parse(&cx.request.body)?;
    refuse_unmodelled(&body)?;
    let name = body.required_text("name");
    let repository = body.required_text("repository");
    let configuration = configuration(&mut body);
    let slug = body.text("slug").filter(|slug| !slug.is_empty());
    let settings = settings(&mut body, repository);
    body.check()?;
    let created_by = Some(cx.engine.token(cx.token).user);
    let pipeline = cx.apply(CreatePipeline {
        organization,
        name,
        slug,
        settings,
        configuration,
        created_by,
    })?;
    let view = cx.view();
    Ok(Cx::show(&view, 201, &PipelineJson::new(&view, pipeline)))
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline()?;
    let Ok(()) = cx.apply(DeletePipeline { pipeline });
    Ok(Reply::new(204))
}

fn configuration(body: &mut Fields) -> String {
    match body.value("configuration") {
        Some(Json::String(text)) if !text.trim().is_empty() => text.clone(),
        Some(_) | None => {
            let code = r#"Step configuration is missing, expected `steps: { yaml: "..." }`"#;
            body.refuse("configuration", code);
            String::new()
        }
    }
}

fn settings(body: &mut Fields, repository: String) -> Settings {
    let defaults = Settings::for_repository(repository);
    let visibility = match body.text("visibility").as_deref() {
        None | Some("private") => Visibility::Private,
        Some("public") => Visibility::Public,
        Some(_) => {
            body.refuse("visibility", "invalid");
            Visibility::Private
        }
    };
    let tags = body.texts("tags").filter(|tags| !tags.is_empty());
    if tags
        .iter()
        .flatten()
        .any(|tag| tag.chars().count() > TAG_LENGTH)
        || tags.as_ref().is_some_and(|tags| tags.len() > MOST_TAGS)
    {
        body.refuse("tags", "invalid");
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Settings {
        description: body.text("description"),
        default_branch: given(body.text("default_branch")).unwrap_or(defaults.default_branch),
        allow_rebuilds: body
            .flag("allow_rebuilds")
            .unwrap_or(defaults.allow_rebuilds),
        visibility,
        tags,
        emoji: given(body.text("emoji")),
        color: given(body.text("color")),
        default_command_step_timeout: body
            .count("default_command_step_timeout")
            .filter(|minutes| *minutes > 0),
        maximum_command_step_timeout: body
            .count("maximum_command_step_timeout")
            .filter(|minutes| *minutes > 0),
        skip_queued: intermediate(body, "skip_queued_branch_builds"),
        cancel_running: intermediate(body, "cancel_running_branch_builds"),
        ..Settings::for_repository(defaults.repository)
    }
}

/// A flag and, beside it, the branches it is limited to.
fn intermediate(body: &mut Fields, field: &str) -> Intermediate {
    let filter = body
        .text(&format!("{field}_filter"))
        .filter(|filter| !filter.is_empty());
    Intermediate {
        is_on: body.flag(field) == Some(true),
        filter,
    }
}

/// Settings that would change what builds do, and that this fake cannot honour yet, are refused rather than stored and
/// forgotten. Clients that always send them with a value that means nothing are let through.
fn refuse_unmodelled(body: &Fields) -> Result<(), ApiError> {
    const FIELDS: [&str; 5] = [
        "branch_configuration",
        "clone_mirror_url",
        "cluster_id",
        "pipeline_template_uuid",
        "provider_settings",
    ];
    let means_something = |field: &&&str| match body.value(field) {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(Json::String(text)) => !text.is_empty(),
        Some(Json::Object(entries)) => !entries.is_empty(),
        Some(Json::Bool(true) | Json::Number(_) | Json::Array(_)) => true,
    };
    if let Some(field) = FIELDS.iter().find(means_something) {
        return Err(ApiError::unmodelled(&format!(
            "the pipeline setting `{field}`"
        )));
    }
    // With both, Buildkite takes the YAML.
    match (body.value("steps"), body.value("configuration")) {
        (Some(_), None) => Err(ApiError::unmodelled("pipelines with visual `steps`")),
        _ => Ok(()),
    }
}
