//! Pipeline schedules as JSON: the same object alone and in lists.
//!
//! Source: Buildkite docs, "Pipeline schedules API", section "Pipeline schedule data model" and its examples.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::schedule::{ScheduleKey, Settings};
use crate::vocabulary::ids::Kind;
use crate::wire::account::UserJson;
use crate::wire::{Instant, Pairs, View, graphql_id};

/// A schedule.
#[derive(Debug, Serialize)]
pub(crate) struct ScheduleJson<'e> {
    id: Uuid,
    graphql_id: String,
    url: String,
    label: Option<&'e str>,
    cronline: &'e str,
    message: Option<&'e str>,
    commit: &'e str,
    branch: &'e str,
    /// Chosen: an empty object for none.
    env: Pairs<'e>,
    enabled: bool,
    next_build_at: Option<Instant>,
    failed_message: Option<&'e str>,
    failed_at: Option<Instant>,
    created_at: Instant,
    created_by: Option<UserJson<'e>>,
    pipeline: PipelineRefJson<'e>,
}

/// The pipeline it belongs to.
#[derive(Debug, Serialize)]
struct PipelineRefJson<'e> {
    id: Uuid,
    slug: &'e str,
    url: String,
}

impl<'e> ScheduleJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: ScheduleKey) -> Self {
        view.saw(Kind::Schedule, key, view.engine.schedule_version(key));
        let schedule = view.engine.schedule(key);
        let pipeline = view.engine.pipeline(schedule.pipeline);
        // All that is shown of the pipeline that can change.
        view.saw_text(&pipeline.slug);
        let pipeline_url = view.pipeline_url(schedule.pipeline);
        let Settings {
            label,
            message,
            commit,
            branch,
            env,
        } = &schedule.settings;
        let failure = schedule.failure();
        Self {
            id: schedule.id.0,
            graphql_id: graphql_id("PipelineSchedule", schedule.id.0),
            url: format!("{pipeline_url}/schedules/{}", schedule.id),
            label: label.as_deref(),
            cronline: schedule.cronline.text(),
            message: message.as_deref(),
            commit,
            branch,
            env: Pairs(env),
            enabled: schedule.is_enabled(),
            next_build_at: Instant::maybe(schedule.next_build_at()),
            failed_message: failure.map(|(message, _)| message),
            failed_at: failure.map(|(_, at)| Instant(at)),
            created_at: Instant(schedule.created_at),
            created_by: UserJson::maybe(view, schedule.created_by),
            pipeline: PipelineRefJson {
                id: pipeline.id.0,
                slug: &pipeline.slug,
                url: pipeline_url,
            },
        }
    }
}
