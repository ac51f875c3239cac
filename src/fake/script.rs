//! Telling jobs what they will do.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::engine::commands::TellScripts;
use crate::engine::pipeline::PipelineKey;
use crate::fake::{PIPELINE_GONE, Tie};
use crate::pipeline::{Definition, Interpolation};
use crate::script::{Act, Attempt, Ending, PickUp, PipelineUpload, RuleKey, Scripts, Takes, When};
use crate::vocabulary::exit::Exit;
use crate::vocabulary::slip::{slip, slip_unless, wording};

/// What the jobs of a step do, attempt by attempt; made by [`PipelineHandle::on_job`](crate::PipelineHandle::on_job).
///
/// Every call takes effect at once, and dropping this changes nothing. What a running command does was decided when it
/// started. A later rule for the same job replaces this one whole; nothing of the two is merged.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, minutes, seconds};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
/// app.on_job("test")
///     .picked_up_after(seconds(30))
///     .takes_between(minutes(2), minutes(4)) // drawn from the seed
///     .logs("compiling\n3 tests failed\n")
///     .exits(1)
///     .then() // every later attempt: retries, and rebuilds of the same build
///     .exits(0);
/// let build = app.create_build();
/// fake.run_until_idle();
/// assert_eq!(build.job("test").log(), "compiling\n3 tests failed\n");
/// ```
#[derive(Debug, Clone)]
pub struct JobScript {
    tie: Tie,
    pipeline: PipelineKey,
    rule: RuleKey,
}

impl JobScript {
    #[track_caller]
    pub(super) fn new(
        tie: Tie,
        pipeline: PipelineKey,
        tell: impl FnOnce(&mut Scripts) -> RuleKey,
    ) -> Self {
        let Ok(rule) = tie.driver().apply(TellScripts { pipeline, tell });
        Self {
            tie,
            pipeline,
            rule,
        }
    }

    /// How long an agent takes to pick the job up once it is scheduled; 1 second unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").picked_up_after(minutes(10));
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.job("test").started_at(), Some(build.created_at() + minutes(10)));
    /// ```
    #[track_caller]
    pub fn picked_up_after(self, wait: Duration) -> Self {
        self.set(|attempt| attempt.pick_up = PickUp::After(span(wait)))
    }

    /// No agent ever picks the job up: it stays `scheduled` until the test moves it, or it expires after 30 days.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").never_picked_up();
    /// let build = app.create_build();
    /// let idle = fake.run_until_idle();
    /// assert_eq!(idle.waiting_on[0].to_string(), "app#1 test is scheduled: no agent picks it up");
    /// ```
    #[track_caller]
    pub fn never_picked_up(self) -> Self {
        self.set(|attempt| attempt.pick_up = PickUp::Never)
    }

    /// How long the command runs; 10 seconds unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, minutes, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").takes(minutes(3));
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.finished_at(), Some(build.created_at() + seconds(1) + minutes(3)));
    /// ```
    #[track_caller]
    pub fn takes(self, duration: Duration) -> Self {
        self.set(|attempt| attempt.takes = Takes::Exactly(span(duration)))
    }

    /// The command runs for a time between these, both included, drawn from the fake's seed in whole milliseconds.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").takes_between(minutes(2), minutes(4));
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// let took = build.finished_at().unwrap() - build.started_at().unwrap();
    /// assert!((120..=240).contains(&took.num_seconds()));
    /// ```
    ///
    /// # Panics
    ///
    /// If `least` is more than `most`.
    #[track_caller]
    pub fn takes_between(self, least: Duration, most: Duration) -> Self {
        slip_unless!(
            least <= most,
            "a command cannot take between {least:?} and {most:?}: the shorter time comes first"
        );
        self.set(|attempt| attempt.takes = Takes::Between(span(least), span(most)))
    }

    /// The command runs until its build was shown so often: that many reads of the build, of a list it is in, or of
    /// the log of a job that is not over see it run, and the next one sees what came of it. No time passes meanwhile.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").takes_polls(3);
    /// let build = app.create_build();
    /// fake.advance(seconds(1));
    /// let url = format!("{}organizations/acme/pipelines/app/builds/1", fake.api_url());
    /// for _ in 0..3 {
    ///     assert_eq!(build.job("test").state(), JobState::Running);
    ///     reqwest::blocking::Client::new().get(&url).bearer_auth(fake.token()).send().unwrap();
    /// }
    /// assert_eq!(build.job("test").state(), JobState::Passed);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not at least one.
    #[track_caller]
    pub fn takes_polls(self, polls: u32) -> Self {
        slip_unless!(
            polls > 0,
            "a command that takes no polls takes no time: {}",
            wording("use `takes(seconds(0))`", "that is `\"takes\": 0`")
        );
        self.set(|attempt| attempt.takes = Takes::Polls(polls))
    }

    /// An agent picks the job up when its build was shown so often. Otherwise as [`takes_polls`](Self::takes_polls).
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").picked_up_after_polls(1);
    /// let build = app.create_build();
    /// let url = format!("{}organizations/acme/pipelines/app/builds/1", fake.api_url());
    /// reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(build.job("test").state(), JobState::Running);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not at least one.
    #[track_caller]
    pub fn picked_up_after_polls(self, polls: u32) -> Self {
        slip_unless!(
            polls > 0,
            "an agent that waits for no polls comes at once: {}",
            wording(
                "use `picked_up_after(seconds(0))`",
                "that is `\"picked_up_after\": 0`"
            )
        );
        self.set(|attempt| attempt.pick_up = PickUp::AfterPolls(polls))
    }

    /// The command never ends by itself.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: make, key: test, timeout_in_minutes: 30}]";
    /// let app = fake.pipeline("app").steps(steps).create();
    /// app.on_job("test").hangs();
    /// let build = app.create_build();
    /// fake.advance(minutes(31));
    /// assert_eq!(build.job("test").state(), JobState::TimedOut);
    /// ```
    #[track_caller]
    pub fn hangs(self) -> Self {
        self.set(|attempt| attempt.takes = Takes::Forever)
    }

    /// The exit status of the command; 0, which passes, unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").exits(3);
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!((build.job("test").state(), build.job("test").exit_status()), (JobState::Failed, Some(3)));
    /// ```
    #[track_caller]
    pub fn exits(self, status: i32) -> Self {
        self.exits_with(Exit::status(status))
    }

    /// How the command ends, in more words than an exit status: the signal that ended it, and why.
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
    #[track_caller]
    pub fn exits_with(self, exit: Exit) -> Self {
        self.set(|attempt| attempt.ending = Ending::Exits(exit))
    }

    /// Instead of ending, the command loses touch: when its time is over, its agent is not heard of any more. Three
    /// minutes later Buildkite takes the agent for lost, and the job fails with exit status -1.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, minutes, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").takes(seconds(30)).loses_agent();
    /// let build = app.create_build();
    /// fake.advance(minutes(3));
    /// assert_eq!(build.job("test").state(), JobState::Running, "nobody has noticed yet");
    /// fake.advance(minutes(1));
    /// assert_eq!(build.job("test").exit_status(), Some(-1));
    /// ```
    #[track_caller]
    pub fn loses_agent(self) -> Self {
        self.set(|attempt| attempt.ending = Ending::AgentFallsSilent)
    }

    /// The command uploads steps into its build, as the last thing before it ends. Several uploads happen one after the
    /// other, and the steps of each stand before those of the one before, as on Buildkite.
    ///
    /// An upload that Buildkite refuses, because a key is taken, say, is printed into the job's log, and the command
    /// ends with exit status 1.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: generate, key: gen}, wait, {command: ship, key: ship}]";
    /// let app = fake.pipeline("app").steps(steps).create();
    /// app.on_job("gen").uploads("steps: [{command: make, key: made}]");
    /// app.on_job("made").exits(1); // known, because `gen` uploads it
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// let ship = build.job("ship").state();
    /// assert_eq!(ship, JobState::WaitingFailed, "the wait waits for what was uploaded before it");
    /// ```
    ///
    /// # Panics
    ///
    /// If no agent would read this YAML, or the server would refuse it in any build: the message says why, and where.
    #[track_caller]
    pub fn uploads(self, upload: impl Into<PipelineUpload>) -> Self {
        let upload = checked(upload.into());
        self.set(|attempt| attempt.acts.push((When::AtTheEnd, Act::Upload(upload))))
    }

    /// The command uploads steps this long after it started, if it still runs then. Otherwise as
    /// [`uploads`](Self::uploads).
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobState, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create();
    /// app.on_job("gen").takes(minutes(5)).uploads_after(minutes(1), "steps: [{command: make, key: made}]");
    /// let build = app.create_build();
    /// fake.advance(minutes(2));
    /// assert_eq!(build.all_jobs().len(), 2);
    /// assert_eq!(build.job("gen").state(), JobState::Running);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`uploads`](Self::uploads).
    #[track_caller]
    pub fn uploads_after(self, wait: Duration, upload: impl Into<PipelineUpload>) -> Self {
        let when = When::After(span(wait));
        let upload = checked(upload.into());
        self.set(|attempt| attempt.acts.push((when, Act::Upload(upload))))
    }

    /// The command sets meta-data of its build, as the last thing before it ends.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").sets_meta_data("version", "1.4.0");
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.meta_data("version").as_deref(), Some("1.4.0"));
    /// ```
    #[track_caller]
    pub fn sets_meta_data(self, key: &str, value: &str) -> Self {
        let act = Act::SetMetaData(key.into(), value.into());
        self.set(|attempt| attempt.acts.push((When::AtTheEnd, act)))
    }

    /// The command declares this long after it started that it will end with this exit status, so that its build is
    /// `failing` while it still runs. It ends with that status, if it would count for less otherwise.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite, JobState, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").takes(minutes(5)).promises_failure_after(minutes(1), 2);
    /// let build = app.create_build();
    /// fake.advance(minutes(2));
    /// assert_eq!((build.state(), build.job("test").state()), (BuildState::Failing, JobState::Running));
    /// fake.run_until_idle();
    /// assert_eq!(build.job("test").exit_status(), Some(2));
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is 0: success cannot be promised.
    #[track_caller]
    pub fn promises_failure_after(self, wait: Duration, exit_status: i32) -> Self {
        slip_unless!(
            exit_status != 0,
            "success cannot be promised: 0 is the exit status of a command that passes"
        );
        let when = When::After(span(wait));
        self.set(|attempt| attempt.acts.push((when, Act::PromiseFailure(exit_status))))
    }

    /// What the command prints. Its lines are written evenly over its duration, the first when it starts; those of a
    /// command that is stopped early end there. Called again it adds to the text.
    ///
    /// The text is what the command writes; the API shows it as an agent sends it, with time stamps
    /// ([`raw_log`](crate::JobHandle::raw_log)).
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").takes(seconds(10)).logs("compiling\n3 tests failed\n");
    /// let build = app.create_build();
    /// fake.advance(seconds(2)); // started after one
    /// assert_eq!(build.job("test").log(), "compiling\n");
    /// ```
    #[track_caller]
    pub fn logs(self, text: &str) -> Self {
        self.set(|attempt| {
            attempt
                .log
                .extend(text.split_inclusive('\n').map(Arc::from));
        })
    }

    /// What follows describes the next attempt, which begins as the default script. The last attempt described is also
    /// every later one.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").exits(1).then().exits(0);
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.state(), BuildState::Failed);
    /// build.job("test").retry();
    /// fake.run_until_idle();
    /// assert_eq!(build.state(), BuildState::Passed);
    /// ```
    #[track_caller]
    pub fn then(self) -> Self {
        self.write(Box::new(Scripts::then))
    }

    /// The test depends on it: unless every attempt that is told has run by the end,
    /// [`verify`](crate::FakeBuildkite::verify) fails the test, and names this script. What a job does that was started
    /// by hand does not count.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").exits(1).then().exits(0).must_run();
    /// app.create_build();
    /// fake.run_until_idle();
    /// let report = fake.verify().unwrap_err(); // nobody has retried the job
    /// assert!(report.to_string().contains("the script for `test` must run, and 1 of 2 attempts did"));
    /// ```
    #[track_caller]
    pub fn must_run(self) -> Self {
        self.write(Box::new(Scripts::must_run))
    }

    #[track_caller]
    pub(super) fn set(self, change: impl FnOnce(&mut Attempt)) -> Self {
        self.write(Box::new(|scripts, rule| change(scripts.last_attempt(rule))))
    }

    #[track_caller]
    fn write(self, write: Change<'_>) -> Self {
        let driver = self.tie.driver();
        let (has_pipeline, has_rule) = driver.read(|engine| {
            let has_pipeline = engine.find_pipeline(self.pipeline).is_some();
            let has_rule = has_pipeline && engine.scripts_of(self.pipeline).has(self.rule);
            (has_pipeline, has_rule)
        });
        slip_unless!(has_pipeline, "{PIPELINE_GONE}");
        slip_unless!(
            has_rule,
            "this script is gone: the fake went back to before it was told"
        );
        let Ok(()) = driver.apply(TellScripts {
            pipeline: self.pipeline,
            tell: |scripts: &mut Scripts| write(scripts, self.rule),
        });
        self
    }
}

/// What an option says of a script. Behind a pointer, so that what all of them do is compiled once.
type Change<'c> = Box<dyn FnOnce(&mut Scripts, RuleKey) + 'c>;

/// An upload that can work.
#[track_caller]
fn checked(upload: PipelineUpload) -> PipelineUpload {
    let definitions = Definition::load_all(&upload.yaml);
    let read = definitions.and_then(|all| {
        let read = |one: &Definition| {
            if upload.interpolates {
                one.pipeline()
            } else {
                one.interpolated(Interpolation::None)
            }
        };
        all.iter().map(read).collect::<Result<Vec<_>, _>>()
    });
    match read {
        Ok(_) => upload,
        Err(error) => slip!("nobody can upload this YAML: {error}"),
    }
}

/// The longest time a script may name: a thousand years of 365 days. Enough for every test, and the calendar holds it.
const LONGEST: Duration = crate::vocabulary::span::days(365_000);

#[track_caller]
fn span(duration: Duration) -> TimeDelta {
    slip_unless!(
        duration <= LONGEST,
        "a script names at most a thousand years, and not {duration:?}"
    );
    TimeDelta::from_std(duration).expect("a thousand years fit")
}
