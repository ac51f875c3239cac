//! What levers answer with, in short; the whole of a build is what the API shows.

use serde::Serialize;
use serde_json::{Value, json};

use crate::fake::{BuildHandle, FakeBuildkite, JobHandle, PipelineHandle};
use crate::journal::RequestRecord;
use crate::script::JobView;
use crate::vocabulary::event::{BuildRef, Event};
use crate::vocabulary::span::instant;
use crate::webhook::Delivery;

/// A fake that just started, as one line for whoever waits for it.
#[derive(Debug, Serialize)]
pub(super) struct About {
    pub(super) url: String,
    pub(super) api_url: String,
    pub(super) graphql_url: String,
    pub(super) levers_url: String,
    pub(super) token: String,
    pub(super) organization: String,
    pub(super) now: String,
    pub(super) clock: String,
}

impl About {
    pub(super) fn new(fake: &FakeBuildkite) -> Self {
        Self {
            url: fake.url(),
            api_url: fake.api_url(),
            graphql_url: fake.graphql_url(),
            levers_url: format!("{}/_fake/", fake.url()),
            token: fake.token().to_owned(),
            organization: fake.organization(),
            now: instant(fake.clock().now()),
            clock: fake.clock().mode().spelled(),
        }
    }
}

pub(super) fn clock(fake: &FakeBuildkite) -> Value {
    let clock = fake.clock();
    json!({ "now": instant(clock.now()), "mode": clock.mode().spelled() })
}

/// What came of moving the clock.
pub(super) fn moved<'e>(
    fake: &FakeBuildkite,
    events: impl IntoIterator<Item = &'e Event>,
) -> Value {
    let events: Vec<_> = events.into_iter().map(event).collect();
    json!({ "now": instant(fake.clock().now()), "events": events })
}

fn build_ref(build: &BuildRef) -> Value {
    json!({
        "pipeline": &*build.pipeline,
        "number": build.number,
        "id": build.id.to_string(),
    })
}

pub(super) fn event(event: &Event) -> Value {
    let build = event.build().map(build_ref);
    let job = event.job().map(|job| {
        json!({
            "id": job.id.to_string(),
            "name": &*job.name,
            "attempt": job.attempt,
        })
    });
    json!({ "at": instant(event.at), "text": event.to_string(), "build": build, "job": job })
}

pub(super) fn request(request: &RequestRecord) -> Value {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| [name, value])
        .collect();
    json!({
        "at": instant(request.at),
        "text": request.to_string(),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "route": request.route.map(|route| format!("{route:?}")),
        "headers": headers,
        "body": String::from_utf8_lossy(&request.body),
        "status": request.status,
        "note": request.note,
    })
}

pub(super) fn pipeline(pipeline: &PipelineHandle) -> Value {
    json!({
        "slug": pipeline.slug(),
        "name": pipeline.name(),
        "id": pipeline.id().to_string(),
        "web_url": pipeline.web_url(),
    })
}

pub(super) fn build(build: &BuildHandle) -> Value {
    let jobs: Vec<_> = build.all_jobs().iter().map(job).collect();
    json!({
        "number": build.number(),
        "id": build.id().to_string(),
        "state": build.state().as_str(),
        "blocked": build.is_blocked(),
        "finished": build.is_finished(),
        "web_url": build.web_url(),
        "jobs": jobs,
    })
}

pub(super) fn job(job: &JobHandle) -> Value {
    job_like(job, &job.view())
}

/// By whichever of its names somebody knows it.
fn job_like(job: &JobHandle, view: &JobView) -> Value {
    json!({
        "id": job.id().to_string(),
        "name": view.name,
        "step_key": view.key,
        "label": view.label,
        "command": view.command,
        "matrix": object(&view.matrix),
        "type": job.job_type().as_str(),
        "state": job.state().as_str(),
        "attempt": job.attempt(),
        "exit_status": job.exit_status(),
    })
}

fn object<'p>(pairs: impl IntoIterator<Item = &'p (String, String)>) -> Value {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .collect()
}

/// A job with all that is known of it, and how it got there.
pub(super) fn job_with_history(handle: &JobHandle) -> Value {
    let history: Vec<_> = handle
        .history()
        .iter()
        .map(|moment| json!({ "at": instant(moment.at), "state": moment.state.as_str() }))
        .collect();
    let view = handle.view();
    let mut shown = job_like(handle, &view);
    shown["build"] = build_ref(&handle.build_ref());
    shown["env"] = json!(view.environment);
    shown["meta_data"] = json!(view.meta_data);
    shown["history"] = history.into();
    shown["log"] = handle.log().into();
    shown
}

pub(super) fn delivery(delivery: &Delivery) -> Value {
    let headers: Vec<_> = delivery
        .headers
        .iter()
        .map(|(name, value)| [name, value])
        .collect();
    json!({
        "at": instant(delivery.at),
        "event": delivery.event.as_str(),
        "headers": headers,
        "body": delivery.json(),
        "status": delivery.status,
        "failure": delivery.failure,
    })
}
