//! Builds as JSON.
//!
//! Source: Buildkite docs, "Builds API"; key order from recorded responses.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::engine::build::{Author, Build, BuildKey, PullRequest};
use crate::engine::job::JobKey;
use crate::pipeline::{BlockedState, Step};
use crate::vocabulary::ids::Kind;
use crate::vocabulary::states::{BuildState, JobType};
use crate::wire::account::UserJson;
use crate::wire::cluster::Place;
use crate::wire::job::{self, JobStateCountsJson};
use crate::wire::pipeline;
use crate::wire::shelf::{Part, Piece, Runs};
use crate::wire::text::Text;
use crate::wire::{Pairs, Time, View, graphql_id};

/// Room for what is written of a build with each answer, in bytes: names, counts.
const REST: usize = 1024;

/// Which parts of a build a request asked for.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) without_pipeline: bool,
    pub(crate) jobs: Jobs,
    /// Only Get a build counts.
    pub(crate) with_counts: Option<Attempts>,
    pub(crate) with_test_engine: bool,
    /// Only for who retries failed jobs: how many there were.
    pub(crate) retried_jobs: Option<usize>,
    /// Only for webhooks, once it is finished: its trigger steps, if it has any.
    pub(crate) with_trigger_steps: bool,
}

/// Which jobs.
#[derive(Debug)]
pub(crate) enum Jobs {
    None,
    These(Vec<JobKey>),
    Every(Attempts),
}

impl Default for Jobs {
    fn default() -> Self {
        Self::Every(Attempts::Latest)
    }
}

/// Whether jobs that were retried are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempts {
    Latest,
    All,
}

/// Which build it is.
#[derive(Debug, Serialize)]
struct IdentityJson {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    number: u64,
}

/// How far it is.
#[derive(Debug, Serialize)]
struct StateJson {
    state: &'static str,
    cancel_reason: Option<()>,
    blocked: bool,
    blocked_state: &'static str,
}

/// What it was made with.
#[derive(Debug, Serialize)]
struct HeadJson<'e> {
    message: Option<&'e str>,
    commit: &'e str,
    branch: &'e str,
    tag: Option<&'e str>,
    env: Pairs<'e>,
    source: &'static str,
    author: Option<AuthorJson<'e>>,
    creator: Option<UserJson<'e>>,
    created_at: Time,
    scheduled_at: Time,
}

/// What became of it.
#[derive(Debug, Serialize)]
struct CourseJson<'e> {
    started_at: Option<Time>,
    failing_at: Option<Time>,
    finished_at: Option<Time>,
    meta_data: Pairs<'e>,
}

/// Where it comes from.
#[derive(Debug, Serialize)]
struct OriginJson<'e> {
    pull_request: Option<PullRequestJson<'e>>,
    merge_queue: Option<()>,
    rebuilt_from: Option<RebuiltFromJson>,
    triggered_from: Option<TriggeredFromJson<'e>>,
}

/// Where it runs. It stands behind its pipeline and its jobs.
#[derive(Debug, Serialize)]
struct RearJson {
    cluster_id: Option<Uuid>,
    cluster_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct AuthorJson<'e> {
    username: Option<&'e str>,
    name: Option<&'e str>,
    email: Option<&'e str>,
}

#[derive(Debug, Serialize)]
struct PullRequestJson<'e> {
    id: &'e str,
    base: Option<&'e str>,
    repository: Option<&'e str>,
}

#[derive(Debug, Serialize)]
struct RebuiltFromJson {
    id: Uuid,
    number: u64,
    url: String,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "Buildkite's names")]
struct TriggeredFromJson<'e> {
    build_id: Uuid,
    build_number: u64,
    build_pipeline_slug: &'e str,
}

impl<'e> TriggeredFromJson<'e> {
    /// Nothing, if its pipeline was deleted.
    fn new(view: &View<'e>, job: JobKey) -> Option<Self> {
        let build = view.engine.build(view.engine.find_job(job)?.build);
        Some(Self {
            build_id: build.id.0,
            build_number: build.number,
            build_pipeline_slug: &view.engine.pipeline(build.pipeline).slug,
        })
    }
}

/// Test Engine is not modelled: no build has runs there.
#[derive(Debug, Serialize)]
struct TestEngineJson {
    runs: [(); 0],
}

/// A build, as text.
pub(crate) fn text(view: &View<'_>, key: BuildKey, parts: &Parts) -> Vec<u8> {
    let mut whole = Text::new();
    append(&mut whole, view, key, parts);
    whole.end()
}

/// The same behind what there is.
pub(crate) fn append(whole: &mut Text, view: &View<'_>, key: BuildKey, parts: &Parts) {
    let own = own_piece(view, key);
    let engine = view.engine;
    let build = engine.build(key);
    let pipeline = (!parts.without_pipeline).then(|| pipeline::Written::new(view, build.pipeline));
    let jobs = Gathered::of(view, key, parts);
    let of_pipeline = pipeline.as_ref().map_or(0, pipeline::Written::len);
    let own_len = own.len();
    whole.reserve(own_len + of_pipeline + jobs.len + REST);
    whole.open_object();
    whole.members(own.run(0));
    if let Some(pipeline) = pipeline {
        whole.open_member("pipeline");
        pipeline.append(whole);
        whole.close();
    }
    if !matches!(parts.jobs, Jobs::None) {
        whole.open_array("jobs");
        for piece in &jobs.pieces {
            whole.item(piece.run(0));
        }
        whole.close();
    }
    whole.members(own.run(1));
    if parts.with_counts.is_some() {
        whole.member("job_state_counts", &jobs.counts);
    }
    if parts.with_test_engine {
        whole.member("test_engine", &TestEngineJson { runs: [] });
    }
    if let Some(count) = parts.retried_jobs {
        whole.member("retried_jobs_count", &count);
    }
    if parts.with_trigger_steps {
        let steps = trigger_steps(view, key);
        if !steps.is_empty() {
            whole.member("steps", &steps);
        }
    }
    whole.close();
}

/// The jobs a request asked for, and how many there are.
struct Gathered {
    pieces: Vec<Arc<Piece>>,
    /// How many bytes they are.
    len: usize,
    counts: JobStateCountsJson,
}

impl Gathered {
    /// In one go over the jobs of the build.
    fn of(view: &View<'_>, key: BuildKey, parts: &Parts) -> Self {
        let engine = view.engine;
        let mut this = Self {
            pieces: Vec::new(),
            len: 0,
            counts: JobStateCountsJson::new(),
        };
        let every = match &parts.jobs {
            Jobs::None => None,
            Jobs::Every(attempts) => Some(*attempts),
            Jobs::These(keys) => {
                for key in keys {
                    this.add(job::piece(view, *key, engine.job(*key)));
                }
                None
            }
        };
        if every.is_none() && parts.with_counts.is_none() {
            return this;
        }
        for step in engine.steps(key) {
            for key in &*step.jobs {
                let job = engine.job(*key);
                let is_among = |attempts: Option<Attempts>| {
                    attempts.is_some_and(|attempts| attempts.show(job.is_superseded()))
                };
                let is_shown = is_among(every);
                if is_shown {
                    this.add(job::piece(view, *key, job));
                }
                if is_among(parts.with_counts) {
                    this.counts.add(job);
                    // Its piece says so, too.
                    if !is_shown {
                        view.saw(Kind::Job, *key, engine.job_version(*key));
                    }
                }
            }
        }
        this
    }

    fn add(&mut self, piece: Arc<Piece>) {
        // And the comma behind it.
        self.len += piece.len() + 1;
        self.pieces.push(piece);
    }
}

/// All of a build but its pipeline and its jobs.
fn own_piece(view: &View<'_>, key: BuildKey) -> Arc<Piece> {
    let engine = view.engine;
    let build = engine.build(key);
    let is_blocked = build.state == BuildState::Blocked;
    let blocked_by = is_blocked.then(|| engine.blocked_by(key)).flatten();
    let gate = blocked_by.map(|(gate, _)| gate);
    let stamp = [
        engine.build_version(key),
        gate.map_or(0, |gate| engine.job_version(gate)),
        engine.places_version(),
    ];
    view.piece(Part::Build, key, stamp, || {
        view.saw(Kind::Build, key, engine.build_version(key));
        if let Some(gate) = gate {
            view.saw(Kind::Job, gate, engine.job_version(gate));
        }
        let frame = frame(view, key);
        let mut front = Text::new();
        front.reserve(frame.len() + REST);
        front.members(frame.run(0));
        front.members_of(&StateJson::of(build, engine.blocked_state_of(key)));
        front.members(frame.run(1));
        front.members_of(&CourseJson {
            started_at: view.maybe_instant(build.started_at),
            failing_at: view.maybe_instant(build.failing_at),
            finished_at: view.maybe_instant(build.finished_at),
            meta_data: Pairs(&build.meta_data),
        });
        front.members(frame.run(2));
        Runs::whole(front.end()).and(frame.run(3))
    })
}

/// What lasts of a build.
fn frame(view: &View<'_>, key: BuildKey) -> Arc<Piece> {
    let stamp = [view.engine.places_version(), 0, 0];
    view.piece(Part::BuildFrame, key, stamp, || {
        let build = view.engine.build(key);
        let head = &*build.head;
        let identity = Runs::default().with(&IdentityJson {
            id: build.id.0,
            graphql_id: graphql_id("Build", build.id.0),
            url: view.build_url(key),
            web_url: view.build_web_url(key),
            number: build.number,
        });
        let head_of = identity.with(&HeadJson {
            message: head.message.as_deref(),
            commit: &head.commit,
            branch: &head.branch,
            tag: head.tag.as_deref(),
            env: Pairs(&head.env),
            source: head.source.as_str(),
            author: head.author.as_ref().map(AuthorJson::new),
            creator: UserJson::maybe(view, head.creator),
            created_at: view.instant(build.created_at),
            scheduled_at: view.instant(build.scheduled_at),
        });
        let origin = head_of.with(&OriginJson {
            pull_request: head.pull_request.as_ref().map(PullRequestJson::new),
            merge_queue: None,
            rebuilt_from: head
                .rebuilt_from
                .and_then(|from| RebuiltFromJson::new(view, from)),
            triggered_from: head
                .triggered_from
                .and_then(|job| TriggeredFromJson::new(view, job)),
        });
        let cluster = Place::of_cluster(view, build.cluster);
        origin.with(&RearJson {
            cluster_id: cluster.as_ref().map(|cluster| cluster.id),
            cluster_url: cluster.map(|cluster| cluster.url),
        })
    })
}

/// A trigger step, in the body that says its build is finished.
///
/// Chosen: the documentation shows `type` and `async`, and leaves out what else there is.
#[derive(Debug, Serialize)]
struct TriggerStepJson<'e> {
    r#type: &'static str,
    name: Option<&'e str>,
    step_key: Option<&'e str>,
    r#async: bool,
}

fn trigger_steps<'e>(view: &View<'e>, key: BuildKey) -> Vec<TriggerStepJson<'e>> {
    let steps = view.engine.steps(key).filter_map(|run| match &*run.step {
        Step::Trigger(step) => Some(TriggerStepJson {
            r#type: JobType::Trigger.as_str(),
            name: step.label.as_deref(),
            step_key: step.common.key.as_deref(),
            r#async: step.is_async,
        }),
        Step::Command(_) | Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Group(_) => None,
    });
    steps.collect()
}

impl Attempts {
    pub(crate) fn show(self, is_superseded: bool) -> bool {
        self == Self::All || !is_superseded
    }
}

impl StateJson {
    /// How REST puts a build's state: never `blocked`, but what its block step says it should look like.
    ///
    /// Chosen: `blocked_state` is empty when the step sets none.
    fn of(build: &Build, look: Option<BlockedState>) -> Self {
        let state = reported_state(build.state, look).as_str();
        let blocked = build.state == BuildState::Blocked;
        Self {
            state,
            cancel_reason: None,
            blocked,
            blocked_state: if blocked && look.is_some() { state } else { "" },
        }
    }
}

/// The state REST reports; `look` is the `blocked_state` of the step that blocks the build.
pub(crate) fn reported_state(state: BuildState, look: Option<BlockedState>) -> BuildState {
    match (state, look) {
        (BuildState::Blocked, None | Some(BlockedState::Passed)) => BuildState::Passed,
        (BuildState::Blocked, Some(BlockedState::Failed)) => BuildState::Failed,
        (BuildState::Blocked, Some(BlockedState::Running)) => BuildState::Running,
        (state, _) => state,
    }
}

impl<'e> AuthorJson<'e> {
    fn new(author: &'e Author) -> Self {
        Self {
            username: author.username.as_deref(),
            name: author.name.as_deref(),
            email: author.email.as_deref(),
        }
    }
}

impl<'e> PullRequestJson<'e> {
    fn new(pull_request: &'e PullRequest) -> Self {
        Self {
            id: &pull_request.id,
            base: pull_request.base.as_deref(),
            repository: pull_request.repository.as_deref(),
        }
    }
}

impl RebuiltFromJson {
    fn new(view: &View<'_>, key: BuildKey) -> Option<Self> {
        let build = view.engine.find_build(key)?;
        Some(Self {
            id: build.id.0,
            number: build.number,
            url: view.build_url(key),
        })
    }
}
