//! What requests say about a pipeline: its settings over those it has, and visual steps.
//!
//! Creating and changing read alike. A field that is absent leaves the setting alone; null, and most empty texts, take
//! it back.
//! Elsewhere: the two handlers (`pipelines`), rules between settings and pipelines (`engine::commands`).
//! Source: Buildkite docs, "Pipelines API".

use uuid::Uuid;

use crate::engine::Engine;
use crate::engine::account::OrganizationKey;
use crate::engine::cluster::ClusterKey;
use crate::engine::pipeline::{Intermediate, Settings, Visibility};
use crate::engine::provider::{Provider, Takes, Value};
use crate::http::fields::Fields;
use crate::http::json::Json;
use crate::pipeline::{VisualScript, VisualStep, VisualTrigger};
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::{ClusterId, TeamId};

/// The most tags a pipeline can have, and the most characters of one.
const MOST_TAGS: usize = 10;
const TAG_LENGTH: usize = 128;

/// The settings a request asks for; those it does not speak of are as in `settings`.
pub(super) fn settings(
    engine: &Engine,
    organization: OrganizationKey,
    body: &mut Fields,
    settings: Settings,
) -> Settings {
    let kind = Provider::of(&settings.repository).kind;
    let mut new = settings;
    if body.has("description") {
        new.description = body.text("description");
    }
    if body.has("branch_configuration") {
        new.branch_configuration = body.text("branch_configuration");
    }
    if body.has("default_branch") {
        let given = text(body, "default_branch");
        new.default_branch = given.unwrap_or_else(|| Settings::DEFAULT_BRANCH.to_owned());
    }
    new.allow_rebuilds = body.flag("allow_rebuilds").unwrap_or(new.allow_rebuilds);
    new.visibility = visibility(body).unwrap_or(new.visibility);
    if body.has("tags") {
        new.tags = tags(body);
    }
    for (field, setting) in [("emoji", &mut new.emoji), ("color", &mut new.color)] {
        if body.has(field) {
            *setting = text(body, field);
        }
    }
    for (field, setting) in [
        (
            "default_command_step_timeout",
            &mut new.default_command_step_timeout,
        ),
        (
            "maximum_command_step_timeout",
            &mut new.maximum_command_step_timeout,
        ),
    ] {
        if body.has(field) {
            *setting = body.count(field).filter(|minutes| *minutes > 0);
        }
    }
    intermediate(body, "skip_queued_branch_builds", &mut new.skip_queued);
    intermediate(
        body,
        "cancel_running_branch_builds",
        &mut new.cancel_running,
    );
    if body.has("clone_mirror_url") {
        new.clone_mirror_url = clone_mirror_url(body);
    }
    if body.has("cluster_id") {
        new.cluster = cluster(engine, organization, body);
    }
    if body.has("pipeline_template_uuid") {
        new.template = id(body, "pipeline_template_uuid");
    }
    if let Some(mut given) = body.object("provider_settings") {
        for setting in kind.settings() {
            if !given.has(setting.name) {
                continue;
            }
            let value = match setting.takes {
                Takes::Flag => given.flag(setting.name).map(Value::Flag),
                Takes::Text => given.text(setting.name).map(Value::Text),
                Takes::Word(words) => word(&mut given, setting.name, words).map(Value::Text),
            };
            new.provider.set(setting.name, value);
        }
        body.absorb("provider_settings", given);
    }
    new
}

/// The teams a request gives a pipeline to, each with its level: a mapping, or a list for full access, as in
/// `team_uuids`, which is the older name.
pub(super) fn teams(body: &mut Fields) -> Vec<(TeamId, Access)> {
    let mut teams = Vec::new();
    for field in ["team_uuids", "teams"] {
        let team = |text: &str| text.parse().ok().map(TeamId);
        let given: Option<Vec<_>> = match body.value(field) {
            None => continue,
            Some(Json::Array(given)) => {
                let all = given
                    .iter()
                    .map(|id| Some((team(id.as_text()?)?, Access::ManageBuildAndRead)));
                all.collect()
            }
            Some(Json::Object(given)) if field == "teams" => {
                let all = given.iter().map(|(id, level)| {
                    let level = Access::from_word(level.as_text()?)?;
                    Some((team(id)?, level))
                });
                all.collect()
            }
            Some(
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_),
            ) => None,
        };
        match given {
            Some(given) => teams.extend(given),
            None => body.refuse(field, "invalid"),
        }
    }
    teams
}

/// A text that says something.
fn text(body: &mut Fields, field: &str) -> Option<String> {
    body.text(field).filter(|text| !text.is_empty())
}

/// An id; an empty text is none, because clients send it.
fn id(body: &mut Fields, field: &str) -> Option<Uuid> {
    match body.value(field) {
        Some(Json::String(text)) if text.is_empty() => None,
        Some(_) | None => body.id(field),
    }
}

/// A cluster of the organization.
///
/// Chosen: the code; another id is no cluster's.
fn cluster(
    engine: &Engine,
    organization: OrganizationKey,
    body: &mut Fields,
) -> Option<ClusterKey> {
    let id = ClusterId(id(body, "cluster_id")?);
    let found = engine.cluster_by_id(organization, id);
    if found.is_none() {
        body.refuse("cluster_id", "invalid");
    }
    found
}

fn word(body: &mut Fields, field: &str, words: &[&str]) -> Option<String> {
    let given = body.text(field)?;
    if words.contains(&given.as_str()) {
        return Some(given);
    }
    body.refuse(field, "invalid");
    None
}

fn visibility(body: &mut Fields) -> Option<Visibility> {
    match word(body, "visibility", &["private", "public"])?.as_str() {
        "public" => Some(Visibility::Public),
        _ => Some(Visibility::Private),
    }
}

fn tags(body: &mut Fields) -> Option<Vec<String>> {
    let tags = body.texts("tags")?;
    let is_long = |tag: &String| tag.chars().count() > TAG_LENGTH;
    if tags.len() > MOST_TAGS || tags.iter().any(is_long) {
        body.refuse("tags", "invalid");
    }
    Some(tags)
}

/// A flag and, beside it, the branches it is limited to.
fn intermediate(body: &mut Fields, field: &str, setting: &mut Intermediate) {
    setting.is_on = body.flag(field).unwrap_or(setting.is_on);
    let filter = format!("{field}_filter");
    if body.has(&filter) {
        setting.filter = text(body, &filter);
    }
}

/// Chosen: the code. That it must hold no credentials, query or fragment is documented.
fn clone_mirror_url(body: &mut Fields) -> Option<String> {
    let url = text(body, "clone_mirror_url")?;
    let host = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next());
    if url.contains(['?', '#']) || host.is_some_and(|host| host.contains('@')) {
        body.refuse("clone_mirror_url", "invalid");
    }
    Some(url)
}

/// Visual steps; none for an empty list.
pub(super) fn steps(body: &mut Fields) -> Option<Vec<VisualStep>> {
    let given = body.objects("steps").filter(|steps| !steps.is_empty())?;
    let mut steps = Vec::with_capacity(given.len());
    for (n, mut one) in given.into_iter().enumerate() {
        steps.extend(step(&mut one));
        body.absorb(&format!("steps[{n}]"), one);
    }
    Some(steps)
}

fn step(body: &mut Fields) -> Option<VisualStep> {
    match body.required_text("type").as_str() {
        "script" => Some(VisualStep::Script(script(body))),
        "waiter" => Some(VisualStep::Waiter),
        "manual" => Some(VisualStep::Manual {
            label: body.text("label"),
        }),
        "trigger" => Some(VisualStep::Trigger(trigger(body))),
        "" => None,
        _ => {
            // Chosen: the words that go with YAML.
            body.refuse("type", "The step type supplied is not supported");
            None
        }
    }
}

fn script(body: &mut Fields) -> VisualScript {
    VisualScript {
        name: body.text("name"),
        command: body.text("command"),
        artifact_paths: body.text("artifact_paths"),
        branch_configuration: body.text("branch_configuration"),
        env: body.pairs("env"),
        timeout_in_minutes: positive(body, "timeout_in_minutes"),
        agent_query_rules: body.texts("agent_query_rules").unwrap_or_default(),
        concurrency: positive(body, "concurrency"),
        concurrency_group: body.text("concurrency_group"),
        parallelism: positive(body, "parallelism"),
    }
}

fn positive(body: &mut Fields, field: &str) -> Option<u32> {
    body.count(field).filter(|count| *count > 0)
}

/// Chosen: the keys of the answer are understood, too, so that steps that were got can be sent back.
fn trigger(body: &mut Fields) -> VisualTrigger {
    let mut build = body.object("build");
    let mut of_build = |given: Option<String>, field: &str| {
        given.or_else(|| build.as_mut().and_then(|build| build.text(field)))
    };
    let message = body.text("trigger_message");
    let commit = body.text("trigger_commit");
    let branch = body.text("trigger_branch");
    let trigger = VisualTrigger {
        label: body.text("label"),
        pipeline: body
            .text("trigger_project_slug")
            .or_else(|| body.text("pipeline"))
            .unwrap_or_default(),
        message: of_build(message, "message"),
        commit: of_build(commit, "commit"),
        branch: of_build(branch, "branch"),
        env: match build.as_mut() {
            Some(build) if !body.has("trigger_env") => build.pairs("env"),
            Some(_) | None => body.pairs("trigger_env"),
        },
        is_async: body.flag("trigger_async").or_else(|| body.flag("async")) == Some(true),
        branch_configuration: body.text("branch_configuration"),
        parallelism: positive(body, "parallelism"),
    };
    if let Some(build) = build {
        body.absorb("build", build);
    }
    trigger
}
