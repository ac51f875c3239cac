//! Jobs in the hands of a test.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::commands::{
    Answers, FinishJob, MakeMove, Move, NoPriority, ReprioritizeJob, UnblockJob, UnblockRefused,
    UploadPipeline,
};
use crate::engine::job::{Job, JobKey, State};
use crate::fake::{BuildHandle, Home, IllegalMove, NotAtWork, Tie, UploadError, UploadStage};
use crate::script::{JobView, PipelineUpload};
use crate::vocabulary::exit::Exit;
use crate::vocabulary::ids::JobId;
use crate::vocabulary::slip::{slip, slip_unless};
use crate::vocabulary::span::instant;
use crate::vocabulary::states::{JobState, JobType, SignalReason};

/// A job of the fake: one attempt of one step. Cheap to clone; reads live state.
///
/// Moves made by hand happen at once, at the instant the clock shows. Its
/// script does not touch it any more once the test has started or finished it.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, JobState, JobType, seconds};
///
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
/// let job = build.job("test");
/// assert_eq!((job.name(), job.build().number()), ("test".to_owned(), 1));
/// assert_eq!((job.job_type(), job.attempt(), job.priority()), (JobType::Script, 1, 0));
/// job.start();
/// fake.advance(seconds(90));
/// job.fail(2);
/// assert_eq!((job.state(), job.exit_status(), job.soft_failed()), (JobState::Failed, Some(2), false));
/// assert_eq!((job.signal(), job.signal_reason()), (None, None));
/// assert_eq!(job.history().last().unwrap().to_string(), "failed at 2030-01-01T00:01:30.000Z");
/// assert_eq!((job.runnable_at(), job.started_at()), (Some(job.created_at()), Some(job.created_at())));
/// assert_eq!(job.finished_at(), Some(fake.clock().now()));
///
/// let again = job.retry(); // another job, in its place
/// assert_eq!(job.retried_in().unwrap().id(), again.id());
/// ```
///
/// Source: Buildkite docs, "Jobs API"; "Defining steps", section "Job states".
#[derive(Clone)]
pub struct JobHandle {
    pub(super) tie: Tie,
    pub(super) home: Home,
    pub(super) key: JobKey,
}

/// One entry of a job's history.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, JobState};
///
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
/// fake.run_until_idle();
/// let history = build.job("test").history();
/// let first = history[0];
/// assert_eq!((first.at, first.state), (build.created_at(), JobState::Scheduled));
/// assert_eq!(first.to_string(), "scheduled at 2030-01-01T00:00:00.000Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// When it entered the state.
    pub at: DateTime<Utc>,
    /// The state, as REST reports it.
    pub state: JobState,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.state, instant(self.at))
    }
}

impl JobHandle {
    pub(super) fn new(tie: Tie, home: Home, key: JobKey) -> Self {
        Self { tie, home, key }
    }

    /// The build it belongs to.
    #[must_use]
    #[track_caller]
    pub fn build(&self) -> BuildHandle {
        let build = self.read(|_, job| job.build);
        BuildHandle::new(self.tie.clone(), self.home, build)
    }

    /// With its build and its attempt: `app#1 test (attempt 2)`.
    #[track_caller]
    pub(super) fn full_name(&self) -> String {
        self.read(|engine, _| engine.job_ref(self.key).to_string())
    }

    /// That no agent works on it, should somebody try something that takes one.
    #[track_caller]
    pub(super) fn not_at_work(&self, tried: &'static str) -> NotAtWork {
        self.read(|engine, job| NotAtWork {
            job: engine.job_ref(self.key),
            tried,
            state: job.state.reported(),
        })
    }

    /// Its state, as REST reports it.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// assert_eq!(build.job("test").state(), JobState::Scheduled);
    /// fake.advance(seconds(1));
    /// assert_eq!(build.job("test").state(), JobState::Running);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn state(&self) -> JobState {
        self.read(|_, job| job.state.reported())
    }

    /// Its id.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> JobId {
        self.read(|_, job| job.id)
    }

    /// What kind of job it is.
    #[must_use]
    #[track_caller]
    pub fn job_type(&self) -> JobType {
        self.read(|_, job| job.kind)
    }

    /// How people call it: its step's key, else its label, else its command's first line, else what kind of step it is,
    /// such as `wait`. One of several jobs of a matrix or a parallel step is called by its own label first.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let steps = "[{command: make, key: test, label: Test}, {command: make, label: Lint}, {command: make}, wait]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// let names: Vec<_> = build.all_jobs().iter().map(|job| job.name()).collect();
    /// assert_eq!(names, ["test", "Lint", "make", "wait"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn name(&self) -> String {
        self.read(|engine, job| engine.name_of(job).to_string())
    }

    /// Everything that sets it apart from others, as plain data: its step's key, its label and command with everything filled
    /// in, its place in a matrix, its environment.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: make, key: test, label: 'Test {{matrix}}', matrix: [linux, macos]}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// let macos = build.all_jobs().into_iter().find(|job| job.view().matrix("") == Some("macos")).unwrap();
    /// assert_eq!(macos.view().label(), Some("Test macos"));
    /// assert_eq!(macos.view().env("BUILDKITE_BRANCH"), Some("main"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn view(&self) -> JobView {
        self.read(|engine, _| engine.view_of(self.key))
    }

    /// Which attempt of its step it is: 1, and one more with each retry.
    #[must_use]
    #[track_caller]
    pub fn attempt(&self) -> u32 {
        self.read(|_, job| job.attempt)
    }

    /// Its exit status, once it ended. -1 if its agent was lost, or killed the command.
    #[must_use]
    #[track_caller]
    pub fn exit_status(&self) -> Option<i32> {
        self.read(|_, job| job.exit.as_ref().map(|exit| exit.status))
    }

    /// The signal that ended its command, if one did.
    ///
    /// ```
    /// use fake_buildkite::{Exit, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").exits_with(Exit::status(-1).signal("SIGKILL"));
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.job("test").signal().as_deref(), Some("SIGKILL"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn signal(&self) -> Option<String> {
        self.read(|_, job| job.exit.as_ref()?.signal.as_deref().map(str::to_owned))
    }

    /// Why its command was ended, or never ran, if something did that.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, SignalReason, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").time_out();
    /// fake.advance(seconds(10));
    /// assert_eq!(build.job("test").signal_reason(), Some(SignalReason::Cancel));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn signal_reason(&self) -> Option<SignalReason> {
        self.read(|_, job| job.exit.as_ref()?.signal_reason)
    }

    /// Whether it failed in a way its step forgives.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test, soft_fail: true}]").create_build();
    /// build.job("test").fail(1);
    /// assert!(build.job("test").soft_failed());
    /// assert_eq!(build.state(), fake_buildkite::BuildState::Passed);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn soft_failed(&self) -> bool {
        self.read(|_, job| job.soft_failed)
    }

    /// Its priority among the jobs that wait for an agent: 0, if nobody said otherwise; the highest is first.
    #[must_use]
    #[track_caller]
    pub fn priority(&self) -> i64 {
        self.read(|_, job| job.priority)
    }

    /// Changes its priority, as somebody in the web interface would. A job that waits for an agent moves to another
    /// place in the queue; for one that has an agent already it changes nothing but what is shown.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, JobState, agent, seconds};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("a")])).start();
    /// let steps = "steps: [{command: a, key: a}, {command: b, key: b}, {command: c, key: c}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// fake.advance(seconds(1)); // the only agent takes `a`
    /// build.job("c").reprioritize(5);
    /// fake.advance(seconds(10)); // it takes the next
    /// assert_eq!(build.job("c").state(), JobState::Running);
    /// assert_eq!(build.job("b").state(), JobState::Scheduled);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is no command job: no agent runs the others.
    #[track_caller]
    pub fn reprioritize(&self, priority: i64) {
        let (name, kind) = self.read(|engine, job| (engine.job_ref(self.key), job.kind));
        let changed = self.tie.driver().apply(ReprioritizeJob {
            job: self.key,
            priority,
        });
        if let Err(NoPriority) = changed {
            slip!(
                "{name} has no priority: it is a {kind} job, and only script jobs wait for agents"
            );
        }
    }

    /// When it was created; a retry is created when somebody retries.
    #[must_use]
    #[track_caller]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.read(|_, job| job.created_at)
    }

    /// When a person unblocked it.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{block: Release?}]").create_build();
    /// fake.advance(minutes(5));
    /// build.job("Release?").unblock();
    /// assert_eq!(build.job("Release?").unblocked_at(), Some(build.created_at() + minutes(5)));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn unblocked_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, job| job.times.unblocked_at)
    }

    /// Why it is `broken`, if it is.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: make, key: test, if: build.branch == 'release'}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// assert_eq!(build.job("test").state(), JobState::Broken);
    /// assert!(build.job("test").broken_reason().is_some());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn broken_reason(&self) -> Option<String> {
        self.read(|_, job| job.broken_reason.as_ref().map(ToString::to_string))
    }

    /// The job that took its place when it was retried.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let steps = "steps: [{command: make, key: test, retry: {automatic: true}}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// let first = build.job("test");
    /// first.fail(1);
    /// assert_eq!(first.retried_in().unwrap().attempt(), 2);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn retried_in(&self) -> Option<Self> {
        let into = self.read(|_, job| job.retried.map(|retried| retried.into));
        into.map(|key| Self {
            key,
            ..self.clone()
        })
    }

    /// When it could first be handed to an agent.
    #[must_use]
    #[track_caller]
    pub fn runnable_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, job| job.times.runnable_at)
    }

    /// When it started.
    #[must_use]
    #[track_caller]
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, job| job.times.started_at)
    }

    /// When it ended.
    #[must_use]
    #[track_caller]
    pub fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, job| job.times.finished_at)
    }

    /// Every state it was in, oldest first, as REST reported it.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").finish(0);
    /// let states: Vec<_> = build.job("test").history().iter().map(|moment| moment.state).collect();
    /// assert_eq!((states.first(), states.last()), (Some(&JobState::Scheduled), Some(&JobState::Passed)));
    /// assert!(states.contains(&JobState::Running));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn history(&self) -> Vec<Moment> {
        self.read(|_, job| history_of(job))
    }

    /// Makes a move by hand, and returns the job it led to: a retry makes a new one, everything else is this one.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, Move};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let job = build.job("test");
    /// assert!(job.try_move(Move::Retry).is_err(), "it has not run");
    /// job.try_move(Move::Start).unwrap();
    /// job.try_move(Move::Finish { exit_status: 1 }).unwrap();
    /// let again = job.try_move(Move::Retry).unwrap();
    /// assert_eq!((job.state(), again.state()), (JobState::Failed, JobState::Scheduled));
    /// ```
    ///
    /// # Errors
    ///
    /// If the job cannot make this move where it is; nothing has changed then.
    #[track_caller]
    #[expect(clippy::result_large_err, reason = "made once, for a test that fails")]
    pub fn try_move(&self, wanted: Move) -> Result<Self, IllegalMove> {
        // Looked up first, so that a job that is gone is said to be gone.
        let job = self.read(|engine, _| engine.job_ref(self.key));
        let driver = self.tie.driver();
        match driver.apply(MakeMove {
            job: self.key,
            wanted,
            by: self.home.user,
        }) {
            Ok(key) => Ok(Self {
                key,
                ..self.clone()
            }),
            Err(possible) => {
                let (state, history, held) = self.read(|engine, job| {
                    let waits = job.state == State::Scheduled && wanted == Move::Start;
                    let held = waits.then(|| engine.why_not_dispatched(self.key)).flatten();
                    (job.state.reported(), history_of(job), held)
                });
                Err(IllegalMove {
                    job,
                    held,
                    tried: wanted,
                    state,
                    history,
                    possible,
                })
            }
        }
    }

    /// An agent takes the job and starts it.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, hours};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// fake.advance(hours(1));
    /// assert_eq!(build.job("test").state(), JobState::Running, "it ends by hand, too");
    /// ```
    ///
    /// # Panics
    ///
    /// If the job is not waiting for an agent.
    #[track_caller]
    pub fn start(&self) {
        self.must_move(Move::Start);
    }

    /// The command ends with this exit status: 0 passes, everything else fails.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").finish(2);
    /// assert_eq!((build.job("test").state(), build.job("test").exit_status()), (JobState::Failed, Some(2)));
    /// ```
    ///
    /// # Panics
    ///
    /// If it does not run.
    #[track_caller]
    pub fn finish(&self, exit_status: i32) {
        self.must_move(Move::Finish { exit_status });
    }

    /// The command ends in a way that says more than an exit status.
    ///
    /// ```
    /// use fake_buildkite::{Exit, FakeBuildkite, SignalReason};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").finish_with(Exit::status(-1).reason(SignalReason::AgentStop));
    /// assert_eq!(build.job("test").signal_reason(), Some(SignalReason::AgentStop));
    /// ```
    ///
    /// # Panics
    ///
    /// If it does not run.
    #[track_caller]
    pub fn finish_with(&self, exit: Exit) {
        let wanted = Move::Finish {
            exit_status: exit.status,
        };
        self.read(|_, _| ());
        if self
            .tie
            .driver()
            .apply(FinishJob {
                job: self.key,
                exit,
            })
            .is_err()
        {
            // The same move says why not.
            self.must_move(wanted);
        }
    }

    /// The command ends with exit status 0; it is started first if it waits for an agent.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").pass();
    /// assert_eq!(build.job("test").exit_status(), Some(0));
    /// ```
    ///
    /// # Panics
    ///
    /// If the job neither runs nor waits for an agent.
    #[track_caller]
    pub fn pass(&self) {
        self.run_to(0);
    }

    /// The command ends with an exit status other than 0; it is started first if it waits for an agent.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").fail(2);
    /// assert_eq!(build.job("test").exit_status(), Some(2));
    /// ```
    ///
    /// # Panics
    ///
    /// If the job neither runs nor waits for an agent, or if the status is 0.
    #[track_caller]
    pub fn fail(&self, exit_status: i32) {
        slip_unless!(
            exit_status != 0,
            "a command that exits with 0 passes: use `pass()`"
        );
        self.run_to(exit_status);
    }

    /// Somebody cancels this job alone. On an agent it is `canceling` for the 10 seconds a command is given to stop;
    /// then the command is killed. Its script does nothing more meanwhile, but a test can have it [end](Self::finish)
    /// sooner.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").cancel();
    /// assert_eq!(build.job("test").state(), JobState::Canceling);
    /// fake.advance(seconds(10));
    /// assert_eq!(build.job("test").state(), JobState::Canceled);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is over already, or being canceled.
    #[track_caller]
    pub fn cancel(&self) {
        self.must_move(Move::Cancel);
    }

    /// The job's time is up, whatever its limit says: it is `timing_out` for the 10 seconds a command is given to stop;
    /// then the command is killed. Its script does nothing more meanwhile, but a test can have it [end](Self::finish)
    /// sooner.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").time_out();
    /// assert_eq!(build.job("test").state(), JobState::TimingOut);
    /// fake.advance(seconds(10));
    /// assert_eq!(build.job("test").state(), JobState::TimedOut);
    /// ```
    ///
    /// # Panics
    ///
    /// If it does not run.
    #[track_caller]
    pub fn time_out(&self) {
        self.must_move(Move::TimeOut);
    }

    /// No agent took the job in time.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").expire();
    /// assert_eq!(build.job("test").state(), fake_buildkite::JobState::Expired);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not waiting for an agent.
    #[track_caller]
    pub fn expire(&self) {
        self.must_move(Move::Expire);
    }

    /// The job's agent is not heard of from now on: nothing its command does arrives, and 3 minutes later Buildkite
    /// takes it for lost. Starting or finishing the job by hand means that it was heard of again.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, minutes, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").silence_agent();
    /// fake.advance(minutes(3) - seconds(1));
    /// assert_eq!(build.job("test").state(), JobState::Running);
    /// fake.advance(seconds(1));
    /// assert_eq!((build.job("test").state(), build.job("test").exit_status()), (JobState::Failed, Some(-1)));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not with an agent, or its agent is silent already.
    #[track_caller]
    pub fn silence_agent(&self) {
        self.must_move(Move::SilenceAgent);
    }

    /// The command declares that it will end with this exit status, and goes on: its build is `failing` already, unless
    /// the failure would be forgiven or tried again.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let job = build.job("test");
    /// job.start();
    /// job.promise_failure(2);
    /// assert_eq!((job.state(), job.promised_exit_status()), (JobState::Running, Some(2)));
    /// assert_eq!(build.state(), BuildState::Failing);
    /// assert_eq!(build.failing_at(), Some(fake.clock().now()));
    /// ```
    ///
    /// # Panics
    ///
    /// If it does not run, if it promised something else before, or if the status is 0.
    #[track_caller]
    pub fn promise_failure(&self, exit_status: i32) {
        slip_unless!(
            exit_status != 0,
            "success cannot be promised: 0 is the exit status of a command that passes"
        );
        self.must_move(Move::PromiseFailure { exit_status });
    }

    /// What it promised to end with, if it did.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// assert_eq!(build.job("test").promised_exit_status(), None);
    /// build.job("test").promise_failure(2);
    /// assert_eq!(build.job("test").promised_exit_status(), Some(2));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn promised_exit_status(&self) -> Option<i32> {
        self.read(|_, job| job.promise().map(|promise| promise.exit_status))
    }

    /// The job uploads steps into its build, as `buildkite-agent pipeline upload` does in a command that runs.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create_build();
    /// build.job("gen").start();
    /// build.job("gen").upload_pipeline("steps: [{command: make, key: made}]");
    /// assert_eq!(build.job("made").state(), fake_buildkite::JobState::Waiting, "until `gen` has passed");
    /// ```
    ///
    /// # Panics
    ///
    /// If it cannot; the message says why.
    #[track_caller]
    pub fn upload_pipeline(&self, upload: impl Into<PipelineUpload>) {
        if let Err(error) = self.try_upload_pipeline(upload) {
            slip!("{error}");
        }
    }

    /// As [`upload_pipeline`](Self::upload_pipeline), for a test that wants to see it refused.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, UploadStage};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create_build();
    /// build.job("gen").start();
    /// let refused = build.job("gen").try_upload_pipeline("steps: [{command: make, key: gen}]").unwrap_err();
    /// assert_eq!(refused.by, UploadStage::Server);
    /// build.job("gen").try_upload_pipeline("steps: [{command: make, key: made}]").unwrap();
    /// assert_eq!(build.all_jobs().len(), 2);
    /// ```
    ///
    /// # Errors
    ///
    /// If no agent works on the job, if the agent cannot read the YAML, or if the server rejects it. Nothing has
    /// changed then.
    #[track_caller]
    pub fn try_upload_pipeline(
        &self,
        upload: impl Into<PipelineUpload>,
    ) -> Result<(), UploadError> {
        let job = self.read(|engine, _| engine.job_ref(self.key));
        let upload = UploadPipeline {
            job: self.key,
            upload: upload.into(),
        };
        match self.tie.driver().apply(upload) {
            Ok(Ok(_)) => Ok(()),
            Err(refused) | Ok(Err(refused)) => Err(UploadError {
                job,
                by: if refused.is_the_agents() {
                    UploadStage::Agent
                } else {
                    UploadStage::Server
                },
                message: refused.to_string(),
            }),
        }
    }

    /// The job's agent is not heard of any more: the job fails with exit status -1, and the agent takes no other job.
    ///
    /// ```
    /// use fake_buildkite::{AgentState, FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let job = build.job("test");
    /// job.start();
    /// job.lose_agent();
    /// assert_eq!((job.state(), job.exit_status()), (JobState::Failed, Some(-1)));
    /// assert_eq!(job.agent().unwrap().state(), AgentState::Lost);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not with an agent.
    #[track_caller]
    pub fn lose_agent(&self) {
        self.must_move(Move::LoseAgent);
    }

    /// A person unblocks a block or input step. Its fields take their defaults; required ones may be missing.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{block: Release?}]").create_build();
    /// build.job("Release?").unblock();
    /// assert_eq!(build.job("Release?").unblocked_at(), Some(fake.clock().now()));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not blocked.
    #[track_caller]
    pub fn unblock(&self) {
        self.must_move(Move::Unblock);
    }

    /// A person unblocks a block or input step and fills in its fields, which become meta-data of the build.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{block: Release?}]").create_build();
    /// build.job("Release?").unblock_with([("version", "1.4.0")]);
    /// assert_eq!(build.meta_data("version").as_deref(), Some("1.4.0"));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not blocked, or the fields do not fit the step's.
    #[track_caller]
    pub fn unblock_with<K: Into<String>, V: Into<String>>(
        &self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) {
        let answers = fields
            .into_iter()
            .map(|(key, value)| (key.into(), vec![value.into()]));
        let answers = Answers::Form(answers.collect());
        self.read(|_, _| ());
        let unblocked = self.tie.driver().apply(UnblockJob {
            job: self.key,
            by: self.home.user,
            answers,
        });
        match unblocked {
            Ok(()) => {}
            Err(UnblockRefused::Field(error)) => slip!("this form cannot be sent: {error}"),
            // The same move without the form says why not.
            Err(_) => self.unblock(),
        }
    }

    /// Somebody retries the job: returns the new job that takes its place.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").fail(1);
    /// let again = build.job("test").retry();
    /// assert_eq!((again.attempt(), build.state()), (2, BuildState::Running));
    /// ```
    ///
    /// # Panics
    ///
    /// If Buildkite would refuse: only failed, timed out, canceled and expired jobs can be retried, and passed ones if
    /// their step says `permit_on_passed`; each once, none in a canceled build, and none whose step forbids it.
    #[track_caller]
    pub fn retry(&self) -> Self {
        self.must_move(Move::Retry)
    }

    #[track_caller]
    fn run_to(&self, exit_status: i32) {
        let waits = self.read(|_, job| {
            matches!(
                job.state,
                State::Scheduled | State::Reserved | State::Assigned | State::Accepted
            )
        });
        if waits {
            self.start();
        }
        self.finish(exit_status);
    }

    #[track_caller]
    fn must_move(&self, wanted: Move) -> Self {
        match self.try_move(wanted) {
            Ok(job) => job,
            Err(illegal) => slip!("{illegal}"),
        }
    }

    #[track_caller]
    pub(super) fn read<T>(&self, look: impl FnOnce(&Engine, &Job) -> T) -> T {
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_job(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!(
                "this job is gone: its pipeline was deleted, an upload replaced its step, or the fake went back to before it was made"
            ),
        }
    }
}

fn history_of(job: &Job) -> Vec<Moment> {
    job.history
        .iter()
        .map(|moment| Moment {
            at: moment.at,
            state: moment.state,
        })
        .collect()
}

/// `JobHandle(app#1 test (attempt 2) failed)`.
impl fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.tie.alive().and_then(|driver| {
            driver.read(|engine| {
                let job = engine.find_job(self.key)?;
                Some(format!(
                    "{} {}",
                    engine.job_ref(self.key),
                    job.state.reported()
                ))
            })
        });
        write!(f, "JobHandle({})", shown.as_deref().unwrap_or("gone"))
    }
}
