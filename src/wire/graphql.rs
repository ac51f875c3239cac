//! Jobs as GraphQL shows them, field by field.
//!
//! Source: Buildkite's GraphQL schema, `JobTypeCommand`, `JobStates`.

use crate::engine::job::{Job, JobKey, State};
use crate::pipeline::{CommandStep, Step};
use crate::vocabulary::span::instant;
use crate::wire::{View, graphql_id};

/// What a field of a job holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Text(String),
}

/// A field of a command job; none, if this fake does not know it.
pub(crate) fn command_job(view: &View<'_>, key: JobKey, field: &str) -> Option<Scalar> {
    let job = view.engine.job(key);
    let text = |text: String| Some(Scalar::Text(text));
    let maybe = |text: Option<String>| Some(text.map_or(Scalar::Null, Scalar::Text));
    match field {
        "id" => text(graphql_id("Job", job.id.0)),
        "uuid" => text(job.id.to_string()),
        "state" => text(state(job.state).to_owned()),
        "url" => text(format!("{}#{}", view.build_web_url(job.build), job.id)),
        "label" => maybe(command_step(job).and_then(|step| step.label.clone())),
        "command" => maybe(command_step(job).and_then(|step| step.command.clone())),
        // A number in REST, a text here.
        "exitStatus" => maybe(job.exit.as_ref().map(|exit| exit.status.to_string())),
        "passed" => Some(Scalar::Bool(job.state == State::Passed)),
        "createdAt" => text(instant(job.created_at)),
        "scheduledAt" => text(instant(job.scheduled_at)),
        "runnableAt" => maybe(job.times.runnable_at.map(instant)),
        "startedAt" => maybe(job.times.started_at.map(instant)),
        "finishedAt" => maybe(job.times.finished_at.map(instant)),
        _ => None,
    }
}

fn command_step(job: &Job) -> Option<&CommandStep> {
    match &*job.spec {
        Step::Command(step) => Some(step),
        Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => None,
    }
}

/// GraphQL has the engine's own words, and one for everything that ran to its end.
fn state(state: State) -> &'static str {
    match state {
        State::Pending => "PENDING",
        State::Waiting => "WAITING",
        State::WaitingFailed => "WAITING_FAILED",
        State::Blocked => "BLOCKED",
        State::BlockedFailed => "BLOCKED_FAILED",
        State::Unblocked => "UNBLOCKED",
        State::UnblockedFailed => "UNBLOCKED_FAILED",
        State::Limiting => "LIMITING",
        State::Limited => "LIMITED",
        State::PlatformLimiting => "PLATFORM_LIMITING",
        State::PlatformLimited => "PLATFORM_LIMITED",
        State::Scheduled => "SCHEDULED",
        State::Reserved => "RESERVED",
        State::Assigned => "ASSIGNED",
        State::Accepted => "ACCEPTED",
        State::Running => "RUNNING",
        State::Passed | State::Failed => "FINISHED",
        State::Canceling => "CANCELING",
        State::Canceled => "CANCELED",
        State::TimingOut => "TIMING_OUT",
        State::TimedOut => "TIMED_OUT",
        State::Expired => "EXPIRED",
        State::Skipped => "SKIPPED",
        State::Broken => "BROKEN",
    }
}
