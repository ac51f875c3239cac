//! Annotations: list, create, delete; of a build, and of a job.
//!
//! Source: Buildkite docs, "Annotations API".

use crate::engine::annotation::{Annotation, AnnotationKey, Subject};
use crate::engine::commands::{Annotate, DeleteAnnotation};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::script;
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::AnnotationId;
use crate::vocabulary::states::AnnotationStyle;
use crate::wire::annotation::{AnnotationJson, Bodies};

/// Chosen: oldest first.
pub(super) fn list_of_build(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build()?;
    let about_build = |annotation: &Annotation| annotation.is_about(Subject::Build(build));
    let fits: &dyn Fn(&Annotation) -> bool = match cx.query.last("scope") {
        Some("all") => &|_| true,
        Some("job") => &|annotation| !about_build(annotation),
        None | Some("build") => &about_build,
        // Chosen: nothing has a scope that there is not.
        Some(_) => &|_| false,
    };
    let all = cx.engine.annotations_in(build);
    let all: Vec<_> = all
        .filter(|(_, annotation)| fits(annotation))
        .map(|(key, _)| key)
        .collect();
    Ok(list(cx, &all))
}

pub(super) fn list_of_job(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job()?;
    let all = cx.engine.annotations_about(Subject::Job(job));
    let all: Vec<_> = all.map(|(key, _)| key).collect();
    Ok(list(cx, &all))
}

pub(super) fn create_for_build(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build()?;
    create(cx, Subject::Build(build))
}

pub(super) fn create_for_job(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job()?;
    create(cx, Subject::Job(job))
}

pub(super) fn delete_of_build(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build()?;
    delete(cx, Subject::Build(build))
}

pub(super) fn delete_of_job(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job()?;
    delete(cx, Subject::Job(job))
}

fn list(cx: &Cx<'_>, all: &[AnnotationKey]) -> Reply {
    let bodies = match cx.query.flag("omit_body") {
        Some(true) => Bodies::Omitted,
        Some(false) | None => Bodies::Shown,
    };
    let view = cx.view();
    cx.list(&view, all, |key| AnnotationJson::new(&view, key, bodies))
}

/// 201 also for one that replaces another or adds to it. Chosen: the documentation knows no other status.
fn create(cx: &mut Cx<'_>, subject: Subject) -> Result<Reply, ApiError> {
    check_access(cx, subject)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let mut annotation = script::Annotation::new(body.required_text("body"));
    if let Some(context) = body.text("context") {
        annotation = annotation.context(context);
    }
    if let Some(word) = body.text("style") {
        annotation.style = AnnotationStyle::from_word(&word);
        if annotation.style.is_none() {
            body.refuse("style", "invalid");
        }
    }
    if let Some(priority) = body.count("priority") {
        annotation.priority = u8::try_from(priority)
            .ok()
            .filter(|priority| (1..=10).contains(priority));
        if annotation.priority.is_none() {
            body.refuse("priority", "invalid");
        }
    }
    annotation.appends = body.flag("append") == Some(true);
    body.check()?;
    let key = cx.apply(Annotate {
        subject,
        annotation,
    })?;
    let view = cx.view();
    let shape = AnnotationJson::new(&view, key, Bodies::Shown);
    Ok(Cx::show(&view, 201, &shape))
}

/// Chosen: what is about a job is not found below its build, nor the other way round.
fn delete(cx: &mut Cx<'_>, subject: Subject) -> Result<Reply, ApiError> {
    let id = cx.place.annotation.parse().ok().map(AnnotationId);
    let found = id.and_then(|id| cx.engine.annotation_by_id(id));
    let annotation = found
        .filter(|key| cx.engine.annotation(*key).is_about(subject))
        .ok_or_else(|| ApiError::not_found("annotation"))?;
    check_access(cx, subject)?;
    let Ok(()) = cx.apply(DeleteAnnotation { annotation });
    Ok(Reply::new(204))
}

fn check_access(cx: &Cx<'_>, subject: Subject) -> Result<(), ApiError> {
    let build = match subject {
        Subject::Build(build) => build,
        Subject::Job(job) => cx.engine.job(job).build,
    };
    cx.check_access(cx.engine.build(build).pipeline, Access::BuildAndRead)
}
