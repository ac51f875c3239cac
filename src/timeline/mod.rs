//! A build over the fake's time: as text, as SVG, and as the page at its `web_url`; and the page of a pipeline.
//!
//! A [`Timeline`] is plain data, taken from the engine at one instant; everything else here only draws it. What is
//! drawn loads nothing (no script, font, picture or stylesheet from anywhere), is light or dark as the reader's system
//! is, and is the same bytes for the same build. Whatever a pipeline's author wrote passes `markup::text` on its way
//! out, and what is Markdown the engine's `markdown`, which lets no markup through.
//!
//! The map: `row` is what is known of one job, `attachments` what else belongs to a build, `marks` how its state looks,
//! `scale` the axis and how spans are said, `markup` what makes a text safe; `text`, `svg`, `page` (a build) and
//! `pipeline` (its builds) are the pictures, in the `frame` of a document.
//!
//! Elsewhere: what is true (`engine`), at which paths the pages are and with which headers (`http::pages`).
//! Not drawn: links to logs of their own. Logs stand on the page instead.

mod attachments;
mod frame;
mod marks;
mod markup;
mod page;
mod pipeline;
mod row;
mod scale;
mod svg;
mod text;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::timeline::attachments::{File, Note};
use crate::timeline::row::{Link, Row};
use crate::vocabulary::event::BuildRef;
use crate::vocabulary::ids::JobId;
use crate::vocabulary::states::BuildState;

pub(crate) use frame::not_found;
pub(crate) use pipeline::page as pipeline_page;

/// A build over the fake's time, as it stood when it was asked for.
///
/// `Display` draws it as text, one line for each job:
///
/// ```
/// use fake_buildkite::{FakeBuildkite, minutes};
///
/// let fake = FakeBuildkite::start();
/// let steps = "steps: [{command: make, key: test}, wait, {command: ship, key: deploy}]";
/// let app = fake.pipeline("app").steps(steps).create();
/// app.on_job("test").takes(minutes(3));
/// app.on_job("deploy").takes(minutes(1));
/// let build = app.create_build();
/// fake.run_until_idle();
/// println!("{}", build.timeline());
/// assert!(build.timeline().to_string().starts_with("app#1 main passed, 0:00:00 to 0:04:02"));
/// ```
///
/// [`svg`](Self::svg) and [`html`](Self::html) draw it for a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    build: BuildRef,
    branch: String,
    state: BuildState,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
    is_over: bool,
    rows: Vec<Row>,
    notes: Vec<Note>,
    files: Vec<File>,
    about: About,
}

/// What the pictures for a browser say of a build besides.
#[derive(Debug, Clone, PartialEq, Eq)]
struct About {
    organization: String,
    pipeline_name: String,
    commit: String,
    message: Option<String>,
    creator: Option<String>,
    source: &'static str,
    pull_request: Option<String>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// What the clock said.
    now: DateTime<Utc>,
    rebuilt_from: Option<Link>,
    triggered_from: Option<Link>,
}

impl Timeline {
    pub(crate) fn of(engine: &Engine, key: BuildKey) -> Self {
        let build = engine.build(key);
        let log_limit = row::log_limit(engine.jobs_of(key).count());
        let rows: Vec<_> = engine
            .jobs_of(key)
            .map(|(job, _)| Row::of(engine, job, log_limit))
            .collect();
        let is_over = build.finished_at.is_some();
        let last = rows.iter().filter_map(|row| row.ended_at).max();
        let ends = build
            .finished_at
            .unwrap_or(engine.now())
            .max(last.unwrap_or(build.created_at));
        Self {
            build: engine.build_ref(key),
            branch: build.head.branch.clone(),
            state: build.state,
            begins: build.created_at,
            ends,
            is_over,
            rows,
            notes: attachments::notes(engine, key),
            files: attachments::files(engine, key),
            about: About::of(engine, key),
        }
    }

    /// The build as SVG: one bar for each attempt of each job over the fake's time.
    ///
    /// Thin lines lead from what a job waited for to where it could run (with many jobs, only while its row is pointed
    /// at or has the focus), and from a job to its retry; block steps are gates, which say who opened them. Each bar
    /// has a tooltip with the job's id, exit status and instants.
    ///
    /// The picture stands alone, scales with the room it is given, and is light or dark as the reader's system is.
    /// Links to triggered builds are paths on the fake's own origin.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, label: Lint & test}]").create_build();
    /// fake.run_until_idle();
    /// let svg = build.timeline().svg();
    /// assert!(svg.starts_with("<svg ") && svg.contains("Lint &amp; test"));
    /// ```
    #[must_use]
    pub fn svg(&self) -> String {
        svg::draw(self, svg::Place::Alone)
    }

    /// The page that the fake serves at the build's [`web_url`](crate::BuildHandle::web_url), as one file: for a test
    /// that fails where nobody can look at a running fake.
    ///
    /// Of each job's log the last 64 KiB are there, of all logs together the last 4 MiB. Annotations are there in full,
    /// but for pictures, of which only the description is. Links to artifacts lead to the running fake.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// build.pass();
    /// assert!(build.timeline().html().starts_with("<!doctype html>"));
    /// ```
    #[must_use]
    pub fn html(&self) -> String {
        page::of_build(self)
    }

    /// Whether time adds nothing to it. A blocked build has an end for the API, and waits on for a person.
    fn is_finished(&self) -> bool {
        match self.state {
            BuildState::Passed
            | BuildState::Failed
            | BuildState::Canceled
            | BuildState::Skipped
            | BuildState::NotRun => true,
            BuildState::Creating
            | BuildState::Scheduled
            | BuildState::Running
            | BuildState::Failing
            | BuildState::Blocked
            | BuildState::Canceling => false,
        }
    }

    /// To where the pictures for a browser go: the end of what is over, else now.
    fn until(&self) -> DateTime<Utc> {
        let last = self.rows.iter().filter_map(|row| row.over_at).max();
        let last = last.unwrap_or(self.begins);
        match self.about.finished_at {
            Some(finished) if self.is_finished() => finished.max(last),
            None if self.is_finished() => last,
            Some(_) | None => self.about.now.max(last),
        }
    }
}

/// Where the rows of a timeline are.
#[derive(Debug)]
struct Index {
    /// Each row followed by its retries.
    in_chains: Vec<usize>,
    by_id: BTreeMap<JobId, usize>,
    by_step: BTreeMap<usize, Vec<usize>>,
}

impl Index {
    fn of(timeline: &Timeline) -> Self {
        let rows = &timeline.rows;
        let by_id: BTreeMap<_, _> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| (row.id, at))
            .collect();
        let mut by_step: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut in_chains = Vec::with_capacity(rows.len());
        for (at, row) in rows.iter().enumerate() {
            by_step.entry(row.step).or_default().push(at);
            let mut next = Some(at).filter(|_| row.retry_of.is_none());
            while let Some(at) = next {
                in_chains.push(at);
                let retried = rows[at].retried.as_ref();
                next = retried.and_then(|retried| by_id.get(&retried.into).copied());
            }
        }
        Self {
            in_chains,
            by_id,
            by_step,
        }
    }

    /// The row of a step that let those go on that depend on it: of those over by `when`, the one that was over last;
    /// else the latest.
    fn row_of_step(
        &self,
        timeline: &Timeline,
        step: usize,
        when: Option<DateTime<Utc>>,
    ) -> Option<usize> {
        let of_step = self.by_step.get(&step)?;
        let over_at = |at: &usize| timeline.rows[*at].over_at;
        let in_time = of_step.iter().copied();
        let in_time = in_time.filter(|at| over_at(at).is_some() && over_at(at) <= when);
        in_time.max_by_key(over_at).or(of_step.last().copied())
    }
}

impl About {
    fn of(engine: &Engine, key: BuildKey) -> Self {
        let build = engine.build(key);
        let head = &*build.head;
        let rebuilt_from = head.rebuilt_from;
        let triggered_from = head.triggered_from.and_then(|job| engine.find_job(job));
        Self {
            organization: engine.organization(build.organization).slug.to_string(),
            pipeline_name: engine.pipeline(build.pipeline).name.clone(),
            commit: head.commit.clone(),
            message: head.message.clone(),
            creator: head.creator.map(|user| engine.user(user).name.clone()),
            source: head.source.as_str(),
            pull_request: head.pull_request.as_ref().map(|request| request.id.clone()),
            started_at: build.started_at,
            finished_at: build.finished_at,
            now: engine.now(),
            rebuilt_from: rebuilt_from.and_then(|build| Link::to_build(engine, build)),
            triggered_from: triggered_from.and_then(|job| Link::to_build(engine, job.build)),
        }
    }
}
