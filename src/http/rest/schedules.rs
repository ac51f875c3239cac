//! Pipeline schedules: list, get, create, update, delete.
//!
//! Source: Buildkite docs, "Pipeline schedules API".

use crate::engine::commands::{CreateSchedule, DeleteSchedule, Switch, UpdateSchedule};
use crate::engine::pipeline::PipelineKey;
use crate::engine::schedule::{Cronline, ScheduleKey, Settings};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::ScheduleId;
use crate::wire::schedule::ScheduleJson;

/// Newest first.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline()?;
    let mut all = cx.engine.schedules_of(pipeline);
    all.reverse();
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| ScheduleJson::new(&view, key)))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let schedule = cx.schedule()?;
    Ok(show(cx, 200, schedule))
}

pub(super) fn create(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline_to(Access::ManageBuildAndRead)?;
    let branch = cx.default_branch(pipeline);
    let mut body = Fields::parse(&cx.request.body)?;
    let cronline = cronline(&mut body);
    let settings = settings(&mut body, Settings::for_branch(branch.clone()), branch);
    let switch = switch(&mut body).unwrap_or(Switch::On);
    body.check_in_words()?;
    let cronline = cronline.expect("one that is not read is refused");
    let created_by = Some(cx.user);
    let schedule = cx.apply(CreateSchedule {
        pipeline,
        cronline,
        settings,
        switch,
        created_by,
    })?;
    Ok(show(cx, 201, schedule))
}

/// What is not sent stays. Chosen: null, and what is blank, takes it back to what a new schedule has; a cron line
/// cannot be taken back.
pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let schedule = cx.schedule_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let cronline = if body.has("cronline") {
        cronline(&mut body)
    } else {
        None
    };
    let old = cx.engine.schedule(schedule);
    let branch = cx.default_branch(old.pipeline);
    let settings = settings(&mut body, old.settings.clone(), branch);
    let switch = switch(&mut body);
    body.check_in_words()?;
    cx.apply(UpdateSchedule {
        schedule,
        cronline,
        settings,
        switch,
    })?;
    Ok(show(cx, 200, schedule))
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let schedule = cx.schedule_to_change()?;
    let Ok(()) = cx.apply(DeleteSchedule { schedule });
    Ok(Reply::new(204))
}

fn show(cx: &Cx<'_>, status: u16, schedule: ScheduleKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &ScheduleJson::new(&view, schedule))
}

/// The settings a request asks for; those it does not speak of are as in `settings`.
fn settings(body: &mut Fields, settings: Settings, default_branch: String) -> Settings {
    let mut new = settings;
    if body.has("label") {
        new.label = text(body, "label");
    }
    if body.has("message") {
        new.message = text(body, "message");
    }
    if body.has("commit") {
        let given = text(body, "commit");
        new.commit = given.unwrap_or_else(|| Settings::DEFAULT_COMMIT.to_owned());
    }
    if body.has("branch") {
        new.branch = text(body, "branch").unwrap_or(default_branch);
    }
    if body.has("env") {
        new.env = body.pairs("env");
    }
    new
}

/// A text that says something.
fn text(body: &mut Fields, field: &str) -> Option<String> {
    body.text(field).filter(|text| !text.trim().is_empty())
}

fn switch(body: &mut Fields) -> Option<Switch> {
    let is_on = body.flag("enabled")?;
    Some(if is_on { Switch::On } else { Switch::Off })
}

/// None, and refused, if it is missing or no cron line.
fn cronline(body: &mut Fields) -> Option<Cronline> {
    let text = body.required_text("cronline");
    if text.trim().is_empty() {
        return None;
    }
    match Cronline::read(text) {
        Ok(cronline) => Some(cronline),
        Err(error) => {
            body.refuse("cronline", &error.to_string());
            None
        }
    }
}

impl Cx<'_> {
    fn default_branch(&self, pipeline: PipelineKey) -> String {
        self.engine
            .pipeline(pipeline)
            .settings
            .default_branch
            .clone()
    }

    /// The schedule of the path, if it is where the path says.
    fn schedule(&mut self) -> Result<ScheduleKey, ApiError> {
        let pipeline = self.pipeline()?;
        let id = self.place.schedule.parse().ok().map(ScheduleId);
        let found = id.and_then(|id| self.engine.schedule_by_id(id));
        found
            .filter(|key| self.engine.schedule(*key).pipeline == pipeline)
            .ok_or_else(|| ApiError::not_found("pipeline schedule"))
    }

    fn schedule_to_change(&mut self) -> Result<ScheduleKey, ApiError> {
        let schedule = self.schedule()?;
        let pipeline = self.engine.schedule(schedule).pipeline;
        self.check_access(pipeline, Access::ManageBuildAndRead)?;
        Ok(schedule)
    }
}
