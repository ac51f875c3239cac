//! Builds in the hands of a test.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::build::{Author, Build, BuildKey, Cancellation, Head, PullRequest, put};
use crate::engine::commands::{
    CancelBuild, CancelRefused, CreateBuild, Failure, MakeMove, Move, RebuildBuild, RebuildRefused,
    RetryFailedJobs,
};
use crate::engine::graph::{StepRun, label_of};
use crate::engine::job::JobKey;
use crate::engine::pipeline::PipelineKey;
use crate::fake::choices::listed;
use crate::fake::{Home, JobHandle, PIPELINE_GONE, Tie};
use crate::timeline::Timeline;
use crate::vocabulary::ids::BuildId;
use crate::vocabulary::slip::{slip, slip_unless};
use crate::vocabulary::states::{BuildSource, BuildState};
use crate::wire::View;
use crate::wire::build::reported_state;

/// A build to be; see [`PipelineHandle::build`](crate::PipelineHandle::build).
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").create();
/// let build = app
///     .build()
///     .branch("queue/pr-12")
///     .commit("1234567890123456789012345678901234567890")
///     .message("Fix the fix")
///     .author("Ada", "ada@example.com")
///     .pull_request(12, "main")
///     .env("DEBUG", "1")
///     .meta_data("size", "small")
///     .create();
/// assert_eq!((build.branch(), build.env("DEBUG")), ("queue/pr-12".to_owned(), Some("1".to_owned())));
/// assert_eq!(build.meta_data("size").as_deref(), Some("small"));
///
/// let release = app.build().tag("v1.4.0").create();
/// let url = format!("{}organizations/acme/pipelines/app/builds/{}", fake.api_url(), release.number());
/// let shown = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
/// assert_eq!(shown.json::<serde_json::Value>().unwrap()["tag"], "v1.4.0");
/// ```
///
/// Source: Buildkite docs, "Builds API", section "Create a build".
#[derive(Debug, Clone)]
#[must_use = "the build is made by `create`"]
pub struct BuildBuilder {
    tie: Tie,
    home: Home,
    pipeline: PipelineKey,
    head: Head,
    meta_data: Vec<(String, String)>,
}

impl BuildBuilder {
    pub(super) fn new(tie: Tie, home: Home, pipeline: PipelineKey, branch: String) -> Self {
        let head = Head {
            commit: "HEAD".to_owned(),
            branch,
            tag: None,
            message: None,
            env: Vec::new(),
            source: BuildSource::Api,
            author: None,
            creator: Some(home.user),
            pull_request: None,
            clean_checkout: false,
            rebuilt_from: None,
            triggered_from: None,
            changed_files: None,
        };
        Self {
            tie,
            home,
            pipeline,
            head,
            meta_data: Vec::new(),
        }
    }

    /// The branch; the pipeline's default branch unless a test says otherwise.
    pub fn branch(mut self, branch: impl Into<String>) -> Self {
        self.head.branch = branch.into();
        self
    }

    /// The commit; `HEAD` unless a test says otherwise.
    pub fn commit(mut self, commit: impl Into<String>) -> Self {
        self.head.commit = commit.into();
        self
    }

    /// The message; none unless a test says otherwise.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.head.message = Some(message.into());
        self
    }

    /// The tag.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.head.tag = Some(tag.into());
        self
    }

    /// What made the build; the API unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{BuildSource, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").create().build().source(BuildSource::Webhook).create();
    /// assert_eq!(build.source(), BuildSource::Webhook);
    /// ```
    pub fn source(mut self, source: BuildSource) -> Self {
        self.head.source = source;
        self
    }

    /// Who wrote the commit.
    pub fn author(mut self, name: impl Into<String>, email: impl Into<String>) -> Self {
        self.head.author = Some(Author {
            username: None,
            name: Some(name.into()),
            email: Some(email.into()),
        });
        self
    }

    /// The pull request it is for, with its base branch.
    pub fn pull_request(mut self, number: u64, base: impl Into<String>) -> Self {
        self.head.pull_request = Some(PullRequest {
            id: number.to_string(),
            base: Some(base.into()),
            repository: None,
            labels: Vec::new(),
        });
        self
    }

    /// One more variable of its environment, or another value for one.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        put(&mut self.head.env, name.into(), value.into());
        self
    }

    /// One more entry of its meta-data, or another value for one.
    pub fn meta_data(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        put(&mut self.meta_data, key.into(), value.into());
        self
    }

    /// The files that changed, which `if_changed` looks at. Without them every step with `if_changed` runs.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make docs, if_changed: 'docs/**'}]").create();
    /// let build = app.build().changed_files(["src/main.rs"]).create();
    /// assert_eq!(build.state(), fake_buildkite::BuildState::NotRun);
    /// ```
    pub fn changed_files<T: Into<String>>(mut self, files: impl IntoIterator<Item = T>) -> Self {
        self.head.changed_files = Some(files.into_iter().map(Into::into).collect());
        self
    }

    /// Makes the build.
    ///
    /// # Panics
    ///
    /// If its branch or commit is blank, which Buildkite refuses, or its pipeline was archived or deleted meanwhile.
    #[track_caller]
    pub fn create(self) -> BuildHandle {
        slip_unless!(
            !self.head.branch.trim().is_empty(),
            "a build needs a branch, and `{}` is blank",
            self.head.branch
        );
        slip_unless!(
            !self.head.commit.trim().is_empty(),
            "a build needs a commit, and `{}` is blank",
            self.head.commit
        );
        let Self {
            tie,
            home,
            pipeline,
            head,
            meta_data,
        } = self;
        let driver = tie.driver();
        let is_there = driver.read(|engine| engine.find_pipeline(pipeline).is_some());
        slip_unless!(is_there, "{PIPELINE_GONE}");
        let created = driver.apply(CreateBuild {
            pipeline,
            head,
            meta_data,
        });
        let key = match created {
            Ok(key) => key,
            Err(refused) => slip!("this pipeline makes no build: {refused}"),
        };
        BuildHandle::new(tie, home, key)
    }
}

/// A build of the fake. Cheap to clone; reads live state.
///
/// ```
/// use fake_buildkite::{BuildSource, BuildState, FakeBuildkite, seconds};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
/// let build = app.build().commit("0123abc").message("Fix it").env("DEBUG", "1").meta_data("size", "small").create();
/// assert_eq!((build.number(), build.state(), build.source()), (1, BuildState::Scheduled, BuildSource::Api));
/// assert_eq!((build.branch(), build.commit()), ("main".to_owned(), "0123abc".to_owned()));
/// assert_eq!(build.message().as_deref(), Some("Fix it"));
/// assert_eq!((build.env("DEBUG"), build.meta_data("size")), (Some("1".to_owned()), Some("small".to_owned())));
///
/// fake.advance(seconds(5));
/// build.job("test").fail(1);
/// assert!(build.is_finished() && !build.is_blocked());
/// assert_eq!(build.started_at(), Some(build.created_at() + seconds(1)));
/// assert_eq!((build.failing_at(), build.finished_at()), (None, Some(fake.clock().now())));
/// build.job("test").retry().pass();
/// assert_eq!((build.state(), build.jobs("test").len()), (BuildState::Passed, 2));
/// ```
///
/// Source: Buildkite docs, "Builds API"; "Defining steps", section "Build states".
#[derive(Clone)]
pub struct BuildHandle {
    pub(super) tie: Tie,
    home: Home,
    pub(super) key: BuildKey,
}

impl BuildHandle {
    pub(super) fn new(tie: Tie, home: Home, key: BuildKey) -> Self {
        Self { tie, home, key }
    }

    /// Its number in its pipeline.
    #[must_use]
    #[track_caller]
    pub fn number(&self) -> u64 {
        self.read(|_, build| build.number)
    }

    /// Its id.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// let url = format!("{}organizations/acme/pipelines/app/builds/1", fake.api_url());
    /// let shown = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(shown.json::<serde_json::Value>().unwrap()["id"], build.id().to_string());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> BuildId {
        self.read(|_, build| build.id)
    }

    /// Its state, as REST reports it: a blocked build is what its block step says it looks like, by default `passed`;
    /// see [`is_blocked`](Self::is_blocked).
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{block: Release?, blocked_state: running}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// assert_eq!((build.state(), build.is_blocked()), (BuildState::Running, true));
    /// build.job("Release?").unblock();
    /// assert_eq!((build.state(), build.is_blocked()), (BuildState::Passed, false));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn state(&self) -> BuildState {
        self.read(|engine, build| reported_state(build.state, engine.blocked_state_of(self.key)))
    }

    /// Whether nothing is active in it but steps that wait for a person.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let steps = "steps: [{command: make, key: test}, {block: Release?}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// assert!(!build.is_blocked(), "its job comes first");
    /// fake.run_until_idle();
    /// assert!(build.is_blocked());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_blocked(&self) -> bool {
        self.read(|_, build| build.state == BuildState::Blocked)
    }

    /// Whether it has an end, and is not just blocked. A retry can open it again.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{block: Release?}]").create_build();
    /// assert!(build.is_blocked() && !build.is_finished());
    /// build.cancel();
    /// assert!(build.is_finished());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        let over = [
            BuildState::Passed,
            BuildState::Failed,
            BuildState::Canceled,
            BuildState::Skipped,
            BuildState::NotRun,
        ];
        self.read(|_, build| over.contains(&build.state))
    }

    /// Its branch.
    #[must_use]
    #[track_caller]
    pub fn branch(&self) -> String {
        self.read(|_, build| build.head.branch.clone())
    }

    /// Its commit, as it was asked for.
    #[must_use]
    #[track_caller]
    pub fn commit(&self) -> String {
        self.read(|_, build| build.head.commit.clone())
    }

    /// Its message, if it has one.
    #[must_use]
    #[track_caller]
    pub fn message(&self) -> Option<String> {
        self.read(|_, build| build.head.message.clone())
    }

    /// What made it.
    #[must_use]
    #[track_caller]
    pub fn source(&self) -> BuildSource {
        self.read(|_, build| build.head.source)
    }

    /// The value of a variable it was asked to have in its environment.
    #[must_use]
    #[track_caller]
    pub fn env(&self, name: &str) -> Option<String> {
        self.read(|_, build| {
            let mut env = build.head.env.iter();
            let found = env.find(|(known, _)| known == name)?;
            Some(found.1.clone())
        })
    }

    /// The value of one of its meta-data.
    #[must_use]
    #[track_caller]
    pub fn meta_data(&self, key: &str) -> Option<String> {
        self.read(|_, build| {
            build
                .meta_data
                .iter()
                .find(|(known, _)| known == key)
                .map(|(_, value)| value.clone())
        })
    }

    /// When it was created.
    #[must_use]
    #[track_caller]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.read(|_, build| build.created_at)
    }

    /// When its first job started; after a retry, when it was opened again.
    #[must_use]
    #[track_caller]
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, build| build.started_at)
    }

    /// When it was first `failing`. A retry does not clear it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let steps = "steps: [{command: a, key: a}, {command: b, key: b}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// build.job("b").start();
    /// build.job("a").fail(1);
    /// assert_eq!(build.failing_at(), Some(fake.clock().now()), "`b` runs still");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn failing_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, build| build.failing_at)
    }

    /// When it ended, or was blocked.
    #[must_use]
    #[track_caller]
    pub fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, build| build.finished_at)
    }

    /// The job of the step with this key, else with this label, else the one of several jobs of a step that is called
    /// so; its latest attempt.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let steps = r#"steps: [{label: "Test {{matrix}}", key: test, command: make, matrix: [linux, macos]}]"#;
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// build.job("Test macos").fail(1);
    /// assert_eq!(build.jobs("test").len(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If no job or more than one is called so; the message names those there are.
    #[must_use]
    #[track_caller]
    pub fn job(&self, name: &str) -> JobHandle {
        let found = self.read(|engine, _| {
            let mut called_so = self.matching_jobs(engine, name);
            called_so.retain(|key| !engine.job(*key).is_superseded());
            match called_so[..] {
                [job] => Ok(job),
                _ => Err(self.not_one(engine, name, called_so.len())),
            }
        });
        match found {
            Ok(key) => self.handle(key),
            Err(message) => slip!("{message}"),
        }
    }

    /// Every job, and every attempt, of every step with this key, else with this label, oldest first.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").fail(1);
    /// build.job("test").retry();
    /// let attempts: Vec<_> = build.jobs("test").iter().map(|job| job.attempt()).collect();
    /// assert_eq!(attempts, [1, 2]);
    /// ```
    ///
    /// # Panics
    ///
    /// If no step is called so; the message names those there are.
    #[must_use]
    #[track_caller]
    pub fn jobs(&self, name: &str) -> Vec<JobHandle> {
        let found = self.read(|engine, _| {
            let keys = self.matching_jobs(engine, name);
            if keys.is_empty() {
                return Err(self.not_one(engine, name, 0));
            }
            Ok(keys)
        });
        match found {
            Ok(keys) => keys.into_iter().map(|key| self.handle(key)).collect(),
            Err(message) => slip!("{message}"),
        }
    }

    /// Every job of the build in the order of its steps, retried ones included.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make}, wait, {block: Ship?}]").create_build();
    /// let names: Vec<_> = build.all_jobs().iter().map(|job| job.name()).collect();
    /// assert_eq!(names, ["make", "wait", "Ship?"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn all_jobs(&self) -> Vec<JobHandle> {
        let keys: Vec<_> =
            self.read(|engine, _| engine.jobs_of(self.key).map(|(key, _)| key).collect());
        keys.into_iter().map(|key| self.handle(key)).collect()
    }

    /// Cancels the build, as somebody in the web interface would.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// fake.advance(seconds(5));
    /// build.cancel();
    /// assert_eq!(build.state(), BuildState::Canceling, "its command has ten seconds to stop");
    /// fake.advance(seconds(10));
    /// assert_eq!(build.state(), BuildState::Canceled);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is over already, or being canceled.
    #[track_caller]
    pub fn cancel(&self) {
        // Looked up first, so that a build that is gone is said to be gone.
        self.read(|_, _| ());
        let refused = self.tie.driver().apply(CancelBuild {
            build: self.key,
            cause: Cancellation::Person,
        });
        if let Err(refused) = refused {
            let why = match refused {
                CancelRefused::Finished => "it is finished",
                CancelRefused::Canceling => "it is already being canceled",
                CancelRefused::Canceled => "it has already been canceled",
            };
            slip!(
                "{} cannot be canceled: {why}\n{}",
                self.name(),
                self.timeline()
            );
        }
    }

    /// Retries every job that did not end well and can be retried, as somebody in the web interface would: those that
    /// failed, forgiven or not, were canceled, timed out or expired. Gives the new jobs, in the order of their steps;
    /// none, if nothing can be retried, as in a canceled build.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: a, key: a}, {command: b, key: b}, {command: c, key: c}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// build.job("a").fail(1);
    /// build.job("b").cancel();
    /// build.job("c").pass();
    /// assert_eq!(build.state(), BuildState::Failed);
    ///
    /// let retried: Vec<_> = build.retry_failed_jobs().iter().map(|job| job.name()).collect();
    /// assert_eq!(retried, ["a", "b"]);
    /// assert_eq!(build.state(), BuildState::Running);
    /// ```
    #[track_caller]
    pub fn retry_failed_jobs(&self) -> Vec<JobHandle> {
        self.read(|_, _| ());
        let Ok(retried) = self.tie.driver().apply(RetryFailedJobs {
            build: self.key,
            failures: Failure::ALL.to_vec(),
            by: self.home.user,
        });
        retried.into_iter().map(|key| self.handle(key)).collect()
    }

    /// Makes a new build of the same commit, branch, message, env and pull request.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").create().build().branch("feature").create();
    /// fake.run_until_idle();
    /// let again = build.rebuild();
    /// assert_eq!((again.number(), again.branch(), again.is_finished()), (2, "feature".to_owned(), false));
    /// ```
    ///
    /// # Panics
    ///
    /// If its pipeline does not allow rebuilds.
    #[track_caller]
    pub fn rebuild(&self) -> Self {
        self.read(|_, _| ());
        match self.tie.driver().apply(RebuildBuild {
            build: self.key,
            by: self.home.user,
        }) {
            Ok(key) => Self {
                key,
                ..self.clone()
            },
            Err(RebuildRefused::Create(refused)) => {
                slip!("{} makes no other build: {refused}", self.name())
            }
            Err(RebuildRefused::NotAllowed) => {
                slip!("the pipeline of {} does not allow rebuilds", self.name())
            }
        }
    }

    /// Lets everything that is left pass, by hand and at this instant: jobs start and exit with 0, blocked steps are
    /// unblocked.
    ///
    /// # Panics
    ///
    /// If the build has not passed then, because something in it failed before or it was canceled.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: make}, {block: Ship?}, {command: ship}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// build.pass();
    /// assert_eq!(build.state(), BuildState::Passed);
    /// ```
    #[track_caller]
    pub fn pass(&self) {
        while let Some((job, wanted)) = self.next_move() {
            self.make_move(job, wanted);
        }
        let is = self.state();
        slip_unless!(
            is == BuildState::Passed,
            "{} cannot pass any more: it is {is}\n{}",
            self.name(),
            self.timeline()
        );
    }

    /// Lets the next job that can run fail with exit status 1, and everything that can still run after that pass, by
    /// hand and at this instant. Blocked steps stay as they are.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: a, key: a}, {command: b, key: b}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// build.fail();
    /// assert_eq!(build.state(), BuildState::Failed);
    /// assert_eq!((build.job("a").state(), build.job("b").state()), (JobState::Failed, JobState::Passed));
    /// ```
    ///
    /// # Panics
    ///
    /// If no job can run, or the build has not failed then: its step may forgive the failure.
    #[track_caller]
    pub fn fail(&self) {
        let mut has_failed = false;
        while let Some((job, wanted)) = self
            .next_move()
            .filter(|(_, wanted)| *wanted != Move::Unblock)
        {
            let ends = matches!(wanted, Move::Finish { .. });
            let wanted = if ends && !has_failed {
                Move::Finish { exit_status: 1 }
            } else {
                wanted
            };
            has_failed |= ends;
            self.make_move(job, wanted);
        }
        slip_unless!(
            has_failed,
            "no job of {} can run and fail\n{}",
            self.name(),
            self.timeline()
        );
        let is = self.state();
        let forgiven = "its step forgives the failure, or it was being canceled";
        slip_unless!(
            is == BuildState::Failed,
            "{} does not fail by that, it is {is}: {forgiven}\n{}",
            self.name(),
            self.timeline()
        );
    }

    /// Its page, for a browser: the timeline, every job with what it waited for, and the logs. It needs no token and
    /// shows the build as it stands when it is loaded.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// assert_eq!(build.web_url(), format!("{}/acme/app/builds/1", fake.url()));
    /// let page = reqwest::blocking::get(build.web_url()).unwrap().text().unwrap();
    /// assert!(page.contains("<title>app#1 scheduled</title>"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn web_url(&self) -> String {
        let driver = self.tie.driver();
        self.read(|engine, _| View::new(engine, driver.origin()).build_web_url(self.key))
    }

    /// The build over the fake's time: text when it is printed, and [`svg`](Timeline::svg) or [`html`](Timeline::html)
    /// for a browser.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// fake.run_until_idle();
    /// assert!(build.timeline().to_string().starts_with("app#1 main passed"));
    /// assert!(build.timeline().svg().starts_with("<svg"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn timeline(&self) -> Timeline {
        self.read(|engine, _| Timeline::of(engine, self.key))
    }

    /// What moves the build towards its end by hand, if anything does: running jobs first, then those that can start,
    /// then blocked steps.
    #[track_caller]
    fn next_move(&self) -> Option<(JobKey, Move)> {
        const IN_ORDER: [Move; 3] = [Move::Finish { exit_status: 0 }, Move::Start, Move::Unblock];
        self.read(|engine, _| {
            IN_ORDER.into_iter().find_map(|wanted| {
                let job = engine.jobs_of(self.key).map(|(key, _)| key);
                let job = job.filter(|key| !engine.job(*key).is_superseded());
                job.map(|key| (key, engine.possible_moves(key)))
                    .find(|(_, moves)| moves.contains(&wanted))
                    .map(|(key, _)| (key, wanted))
            })
        })
    }

    #[track_caller]
    fn make_move(&self, job: JobKey, wanted: Move) {
        let by = self.home.user;
        self.tie
            .driver()
            .apply(MakeMove { job, wanted, by })
            .expect("a possible move");
    }

    /// All attempts of the jobs of the steps with this key, else with this label, else called so in events; else of the
    /// jobs called so. Oldest first.
    fn matching_jobs(&self, engine: &Engine, name: &str) -> Vec<JobKey> {
        let fits: [fn(&StepRun) -> Option<&str>; 3] = [
            |step| step.step.common().key.as_deref(),
            |step| label_of(&step.step),
            |step| Some(&step.name),
        ];
        let of_steps = |word: fn(&StepRun) -> Option<&str>| -> Vec<JobKey> {
            let steps = engine.steps(self.key);
            let called_so = steps.filter(|step| word(step) == Some(name));
            called_so.flat_map(|step| step.jobs.clone()).collect()
        };
        let found = fits.into_iter().map(of_steps);
        let found = found.into_iter().find(|jobs| !jobs.is_empty());
        found.unwrap_or_else(|| {
            let jobs = engine.jobs_of(self.key);
            let called_so = jobs.filter(|(_, job)| *engine.name_of(job) == *name);
            called_so.map(|(key, _)| key).collect()
        })
    }

    /// Why `name` does not say which job is meant.
    fn not_one(&self, engine: &Engine, name: &str, count: usize) -> String {
        let build = engine.build_ref(self.key);
        let mut names = Vec::new();
        for (_, job) in engine.jobs_of(self.key) {
            let name = engine.name_of(job);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let names = listed(names);
        match count {
            0 => format!("no job `{name}` in {build}; it has {names}"),
            several => format!(
                "{several} jobs are called `{name}` in {build}: take one of `jobs(\"{name}\")`, which has them in their order; its jobs are {names}"
            ),
        }
    }

    fn handle(&self, key: JobKey) -> JobHandle {
        JobHandle::new(self.tie.clone(), self.home, key)
    }

    #[track_caller]
    pub(super) fn name(&self) -> String {
        self.read(|engine, _| engine.build_ref(self.key).to_string())
    }

    #[track_caller]
    pub(super) fn read<T>(&self, look: impl FnOnce(&Engine, &Build) -> T) -> T {
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_build(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!(
                "this build is gone: its pipeline was deleted, or the fake went back to before it was made"
            ),
        }
    }
}

/// `BuildHandle(app#1 running)`.
impl fmt::Debug for BuildHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.tie.alive().and_then(|driver| {
            driver.read(|engine| {
                let build = engine.find_build(self.key)?;
                let state = reported_state(build.state, engine.blocked_state_of(self.key));
                Some(format!("{} {state}", engine.build_ref(self.key)))
            })
        });
        write!(f, "BuildHandle({})", shown.as_deref().unwrap_or("gone"))
    }
}
