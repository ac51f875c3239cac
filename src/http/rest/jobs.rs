//! Jobs: the list of a build, get, retry, reprioritize, unblock; all but the list below the build or below the
//! organization.
//!
//! Source: Buildkite docs, "Jobs API".

use crate::engine::Engine;
use crate::engine::commands::{Answers, ReprioritizeJob, RetryJob, UnblockJob};
use crate::engine::job::{Job, JobKey, State};
use crate::engine::table::Key as _;
use crate::http::Cx;
use crate::http::cursor::{ListId, Window};
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::rest::builds::is_unfinished;
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::{JobId, Kind, UserId};
use crate::vocabulary::states::JobState;
use crate::wire::job;

/// Oldest first.
///
/// Chosen: that is the order of the steps, until an upload or a retry makes more; what comes while somebody pages comes
/// at the end, where they will see it.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build()?;
    let filter = Filter::of(&cx.query)?;
    let of = cx.engine.build(build).id.0;
    let window = Window::of(&cx.query, ListId::new(cx.engine.seed(), Kind::Job, of))?;
    let jobs = cx.engine.jobs_of(build);
    let fitting = jobs.filter(|(_, job)| filter.fits(cx.engine, job));
    let mut all: Vec<_> = fitting
        .map(|(key, _)| (u64::from(key.row()), key))
        .collect();
    all.sort_unstable();
    cx.aside
        .polled
        .extend(is_unfinished(cx.engine.build(build).state).then_some(build));
    let view = cx.view();
    let shape = |key| job::text(&view, key);
    Ok(cx.list_of_texts_by_cursor(&view, &window, &all, shape))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job()?;
    cx.polls(job);
    Ok(show(cx, job))
}

/// Answers with the new job.
pub(super) fn retry(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job_to_change()?;
    Fields::parse(&cx.request.body)?;
    let by = cx.user;
    let new = cx.apply(RetryJob { job, by })?;
    Ok(show(cx, new))
}

/// Chosen: a number with a fraction, `5.0` too, and a number written as text are no integers.
pub(super) fn reprioritize(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job_to_change()?;
    let body = Fields::parse(&cx.request.body)?;
    let priority = body.integer("priority");
    let priority = priority.ok_or_else(|| ApiError::new(400, "Priority must be an integer"))?;
    cx.apply(ReprioritizeJob { job, priority })?;
    Ok(show(cx, job))
}

pub(super) fn unblock(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let unblocker = body.text("unblocker");
    let answers = Answers::Form(body.answers("fields"));
    body.check()?;
    // What the job is comes before who unblocks it: an unknown person does not make a command step a block step.
    cx.engine.check_unblock(job)?;
    let by = match unblocker {
        None => cx.user,
        Some(id) => {
            let id = id.parse().ok().map(UserId);
            let known = id.and_then(|id| cx.engine.user_by_id(id));
            let build = cx.engine.job(job).build;
            let organization = cx.engine.build(build).organization;
            let known = known.filter(|user| cx.engine.is_member(organization, *user));
            known.ok_or_else(|| {
                ApiError::new(
                    422,
                    "Unblocker is not a valid user id for this organization",
                )
            })?
        }
    };
    cx.apply(UnblockJob { job, by, answers })?;
    Ok(show(cx, job))
}

fn show(cx: &Cx<'_>, key: JobKey) -> Reply {
    let view = cx.view();
    Cx::show_text(&view, 200, job::text(&view, key))
}

/// Whether a job is among those in one of these states, by their words.
///
/// One that runs and promised to fail is looked for among the failed ones, although it reads `running`; one that waits
/// for its concurrency group reads `scheduled`, and can still be asked for as what it is.
pub(super) fn is_in_state(job: &Job, words: &[&str]) -> bool {
    let is_named = |state: JobState| words.contains(&state.as_str());
    if job.promises_hard_failure() {
        return is_named(JobState::Failed);
    }
    is_named(job.state.reported()) || job.state == State::Limited && is_named(JobState::Limited)
}

/// The filters of the list: all of them have to fit.
struct Filter<'q> {
    states: Vec<&'q str>,
    step_key: Option<&'q str>,
    group_key: Option<&'q str>,
    with_retried: bool,
}

impl<'q> Filter<'q> {
    fn of(query: &'q Query) -> Result<Self, ApiError> {
        let states: Vec<_> = query.all("state").collect();
        let is_unknown = |word: &&&str| JobState::from_word(word).is_none();
        // Chosen: the text; that it is a 400 is documented.
        if let Some(word) = states.iter().find(is_unknown) {
            return Err(ApiError::new(
                400,
                format!("{word} is not a valid job state"),
            ));
        }
        Ok(Self {
            states,
            step_key: query.last("step_key"),
            group_key: query.last("group_key"),
            with_retried: query.flag("include_retried_jobs") != Some(false),
        })
    }

    fn fits(&self, engine: &Engine, job: &Job) -> bool {
        let step = engine.step_of(job);
        let is_wanted = |wanted: Option<&str>, key: Option<&str>| wanted.is_none() || wanted == key;
        (self.states.is_empty() || is_in_state(job, &self.states))
            && is_wanted(self.step_key, step.step.common().key.as_deref())
            && is_wanted(self.group_key, step.group_key())
            && (self.with_retried || !job.is_superseded())
    }
}

impl Cx<'_> {
    /// A job was shown: a poll, unless nothing more happens to it.
    pub(super) fn polls(&mut self, job: JobKey) {
        let of = self.engine.job(job);
        let goes_on = !of.state.reported().is_terminal();
        if goes_on && is_unfinished(self.engine.build(of.build).state) {
            self.aside.polled.push(of.build);
        }
    }

    fn job_to_change(&mut self) -> Result<JobKey, ApiError> {
        let job = self.job()?;
        let build = self.engine.job(job).build;
        self.check_access(self.engine.build(build).pipeline, Access::BuildAndRead)?;
        Ok(job)
    }

    /// The job of the path, if it is where the path says.
    pub(super) fn job(&mut self) -> Result<JobKey, ApiError> {
        let organization = self.organization()?;
        let build = if self.place.build.is_empty() {
            None
        } else {
            Some(self.build()?)
        };
        let id = self.place.job.parse().ok().map(JobId);
        let key = id.and_then(|id| self.engine.job_by_id(id)).filter(|key| {
            let of = self.engine.job(*key).build;
            build.is_none_or(|build| build == of)
                && self.engine.build(of).organization == organization
                && self.sees(self.engine.build(of).pipeline)
        });
        key.ok_or_else(|| ApiError::not_found("job"))
    }
}
