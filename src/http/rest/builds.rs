//! Builds: the three lists, get, create, cancel, rebuild, retry failed jobs.
//!
//! Elsewhere: which builds a list shows (`build_lists`).
//! Source: Buildkite docs, "Builds API".

use crate::engine::Engine;
use crate::engine::admission::BranchFilters;
use crate::engine::build::{Author, BuildKey, Cancellation, Head, PullRequest};
use crate::engine::commands::{
    CancelBuild, CreateBuild, Failure, RebuildBuild, RequestBuild, RetryFailedJobs,
};
use crate::engine::job::Job;
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::pagination::Page;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::rest::build_lists::{Filter, Scope, page_of_builds};
use crate::http::rest::jobs::is_in_state;
use crate::vocabulary::access::Access;
use crate::vocabulary::states::{BuildSource, BuildState, JobType};
use crate::wire;
use crate::wire::build::{Attempts, Jobs, Parts};
use crate::wire::text::Text;

pub(super) fn list_all(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    list(cx, Scope::All)
}

pub(super) fn list_of_organization(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    list(cx, Scope::Organization(organization))
}

pub(super) fn list_of_pipeline(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline()?;
    list(cx, Scope::Pipeline(pipeline))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build()?;
    let attempts = attempts(&cx.query);
    let states: Vec<_> = cx.query.all("job_states").collect();
    let jobs = match (cx.query.flag("exclude_jobs"), states.is_empty()) {
        (Some(true), _) => Jobs::None,
        (Some(false) | None, true) => Jobs::Every(attempts),
        (Some(false) | None, false) => {
            let jobs = cx.engine.jobs_of(build).filter(|(_, job)| {
                is_in_state(job, &states) && (attempts == Attempts::All || !job.is_superseded())
            });
            Jobs::These(jobs.map(|(key, _)| key).collect())
        }
    };
    let parts = Parts {
        without_pipeline: cx.query.flag("exclude_pipeline") == Some(true),
        jobs,
        with_counts: Some(attempts),
        with_test_engine: cx.query.flag("include_test_engine") == Some(true),
        ..Parts::default()
    };
    cx.aside
        .polled
        .extend(is_unfinished(cx.engine.build(build).state).then_some(build));
    let view = cx.view();
    let text = wire::build::text(&view, build, &parts);
    Ok(Cx::show_text(&view, 200, text))
}

pub(super) fn create(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let pipeline = cx.pipeline_to(Access::BuildAndRead)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let head = Head {
        commit: body.required_text("commit"),
        branch: body.required_text("branch"),
        tag: None,
        message: body.text("message").filter(|message| !message.is_empty()),
        env: body.pairs("env"),
        source: BuildSource::Api,
        author: author(&mut body),
        creator: Some(cx.user),
        pull_request: pull_request(&mut body),
        clean_checkout: body.flag("clean_checkout") == Some(true),
        rebuilt_from: None,
        triggered_from: None,
        changed_files: None,
    };
    let meta_data = body.pairs("meta_data");
    let branch_filters = match body.flag("ignore_pipeline_branch_filters") {
        Some(true) => BranchFilters::Ignore,
        Some(false) | None => BranchFilters::Apply,
    };
    body.check()?;
    let build = CreateBuild {
        pipeline,
        head,
        meta_data,
    };
    let build = cx.apply(RequestBuild {
        build,
        branch_filters,
    })?;
    Ok(show_new(cx, 201, build))
}

pub(super) fn cancel(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build_to_change()?;
    Fields::parse(&cx.request.body)?;
    cx.apply(CancelBuild {
        build,
        cause: Cancellation::Person,
    })?;
    let view = cx.view();
    let text = wire::build::text(&view, build, &Parts::default());
    Ok(Cx::show_text(&view, 200, text))
}

/// 200 and not 201, although it makes a build.
pub(super) fn rebuild(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build_to_change()?;
    Fields::parse(&cx.request.body)?;
    let by = cx.user;
    let new = cx.apply(RebuildBuild { build, by })?;
    Ok(show_new(cx, 200, new))
}

/// 202: the new jobs are there, and what becomes of them is seen later.
pub(super) fn retry_failed_jobs(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let build = cx.build_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    // Chosen: a list of states, and what else is no text, is refused as any field of the wrong type.
    let states = body.text("states").unwrap_or_default();
    body.check()?;
    let failures = failures(&states)?;
    let by = cx.engine.token(cx.token).user;
    let Ok(retried) = cx.apply(RetryFailedJobs {
        build,
        failures,
        by,
    });
    let view = cx.view();
    let parts = Parts {
        retried_jobs: Some(retried.len()),
        ..Parts::default()
    };
    let text = wire::build::text(&view, build, &parts);
    // No `ETag`: Rack gives one to 200 and 201 alone.
    Ok(Reply::json(202, wire::body_of(text)))
}

/// Which failures to retry, from a text with commas in it. All of them, if it names none.
fn failures(states: &str) -> Result<Vec<Failure>, ApiError> {
    let words = states.split(',').map(str::trim);
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Ok(Failure::ALL.to_vec());
    }
    let known = |word: &str| {
        let mut all = Failure::ALL.iter().copied();
        all.find(|failure| failure.word() == word)
    };
    let unknown: Vec<_> = words.iter().filter(|word| known(word).is_none()).collect();
    if unknown.is_empty() {
        return Ok(words.into_iter().filter_map(known).collect());
    }
    // Chosen: only those that are not valid are named; the documented text is of a request with one.
    let unknown: Vec<&str> = unknown.into_iter().copied().collect();
    let valid: Vec<_> = Failure::ALL.iter().map(|failure| failure.word()).collect();
    Err(ApiError::new(
        400,
        format!(
            "Invalid states: {}. Valid states are {}.",
            unknown.join(", "),
            valid.join(", ")
        ),
    ))
}

/// A new build does not count in its own pipeline yet, in the answer that made it.
fn show_new(cx: &Cx<'_>, status: u16, build: BuildKey) -> Reply {
    let mut view = cx.view();
    view.uncounted = Some(build);
    view.saw_text("uncounted");
    let text = wire::build::text(&view, build, &Parts::default());
    Cx::show_text(&view, status, text)
}

/// An author without anything in it is no author: some clients always send one.
fn author(body: &mut Fields) -> Option<Author> {
    let mut given = body.object("author")?;
    let read = |given: &mut Fields, field| given.text(field).filter(|text| !text.is_empty());
    let author = Author {
        username: read(&mut given, "username"),
        name: read(&mut given, "name"),
        email: read(&mut given, "email"),
    };
    body.absorb("author", given);
    let is_empty = author.username.is_none() && author.name.is_none() && author.email.is_none();
    (!is_empty).then_some(author)
}

/// Chosen: 0 is no pull request: a client that always sends the number sends 0 without one.
fn pull_request(body: &mut Fields) -> Option<PullRequest> {
    let id = body
        .text_or_number("pull_request_id")
        .filter(|id| !id.is_empty() && id != "0");
    let base = body
        .text("pull_request_base_branch")
        .filter(|text| !text.is_empty());
    let repository = body
        .text("pull_request_repository")
        .filter(|text| !text.is_empty());
    let labels = body.texts("pull_request_labels").unwrap_or_default();
    Some(PullRequest {
        id: id?,
        base,
        repository,
        labels,
    })
}

fn list(cx: &mut Cx<'_>, scope: Scope) -> Result<Reply, ApiError> {
    let filter = Filter::of(cx.engine, &cx.query)?;
    let page = Page::of(&cx.query);
    let (shown, total) = page_of_builds(cx, scope, &filter, page);
    let unfinished = shown
        .iter()
        .filter(|key| is_unfinished(cx.engine.build(**key).state));
    cx.aside.polled = unfinished.copied().collect();
    let paused = paused(&cx.query);
    let attempts = attempts(&cx.query);
    let view = cx.view();
    let mut builds = Text::array();
    for build in shown {
        let parts = Parts {
            without_pipeline: cx.query.flag("exclude_pipeline") == Some(true),
            jobs: match (cx.query.flag("exclude_jobs"), paused) {
                (Some(true), _) => Jobs::None,
                (Some(false) | None, Paused::Include) => Jobs::Every(attempts),
                (Some(false) | None, Paused::Exclude) => {
                    let jobs = cx.engine.jobs_of(build).filter(|(_, job)| {
                        attempts.show(job.is_superseded()) && !is_on_paused_queue(cx.engine, job)
                    });
                    Jobs::These(jobs.map(|(key, _)| key).collect())
                }
            },
            ..Parts::default()
        };
        wire::build::append(&mut builds, &view, build, &parts);
    }
    let reply = Cx::show_text(&view, 200, builds.end());
    Ok(cx.with_link(reply, page, total))
}

fn attempts(query: &Query) -> Attempts {
    match query.flag("include_retried_jobs") {
        Some(true) => Attempts::All,
        Some(false) | None => Attempts::Latest,
    }
}

/// What becomes of jobs on paused queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paused {
    Include,
    Exclude,
}

pub(super) fn paused(query: &Query) -> Paused {
    match query.flag("include_paused") {
        Some(false) => Paused::Exclude,
        Some(true) | None => Paused::Include,
    }
}

/// Whether all command jobs of a build are on paused queues.
///
/// Chosen: other jobs are on no queue and say nothing, or a wait step would keep every build in the list; so does a
/// build that has no others. Jobs that are over are looked at, too.
pub(super) fn is_paused(engine: &Engine, build: BuildKey) -> bool {
    let jobs = engine.jobs_of(build).map(|(_, job)| job);
    let mut jobs = jobs
        .filter(|job| job.kind == JobType::Script && !job.is_superseded())
        .peekable();
    jobs.peek().is_some() && jobs.all(|job| is_on_paused_queue(engine, job))
}

fn is_on_paused_queue(engine: &Engine, job: &Job) -> bool {
    let queue = engine.queue_of(job);
    queue.is_some_and(|queue| engine.cluster_queue(queue).pause.is_some())
}

/// Whether looking at it again may show something else without anybody acting.
pub(super) fn is_unfinished(state: BuildState) -> bool {
    match state {
        BuildState::Creating
        | BuildState::Scheduled
        | BuildState::Running
        | BuildState::Failing
        | BuildState::Canceling => true,
        BuildState::Blocked
        | BuildState::Passed
        | BuildState::Failed
        | BuildState::Canceled
        | BuildState::Skipped
        | BuildState::NotRun => false,
    }
}

impl Cx<'_> {
    fn build_to_change(&mut self) -> Result<BuildKey, ApiError> {
        let build = self.build()?;
        self.check_access(self.engine.build(build).pipeline, Access::BuildAndRead)?;
        Ok(build)
    }
}
