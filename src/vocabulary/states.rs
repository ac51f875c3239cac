//! The states Buildkite shows, under the names its REST API uses.
//!
//! The machine's own, finer states stay inside `engine`; the one translation is `engine::job::State::reported`.

use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every one there is, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word Buildkite's REST API uses.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }

            /// The other way round: `None` for a word Buildkite does not know.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(super) use words;

words! {
    /// The state of a build.
    ///
    /// ```
    /// use fake_buildkite::BuildState;
    ///
    /// assert_eq!(BuildState::NotRun.as_str(), "not_run");
    /// assert_eq!(BuildState::from_word("passed"), Some(BuildState::Passed));
    /// assert_eq!(BuildState::ALL.first(), Some(&BuildState::Creating));
    /// ```
    ///
    /// Source: Buildkite docs, "Defining steps", section "Build states".
    BuildState {
        /// The record exists, its steps are still being turned into jobs.
        Creating = "creating",
        /// Jobs exist, none has started.
        Scheduled = "scheduled",
        /// At least one job has started and nothing has failed for good.
        Running = "running",
        /// A job has failed for good and others are still active.
        Failing = "failing",
        /// Nothing is active but block or input steps that wait for a person. REST never reports this word as
        /// `state`: it reports `blocked_state` (by default `passed`) and `"blocked": true`. Events and list filters
        /// do use it.
        Blocked = "blocked",
        /// Everything ran, nothing failed for good.
        Passed = "passed",
        /// Nothing is active any more and a job failed for good.
        Failed = "failed",
        /// Cancel was requested, and at least one job is still on an agent.
        Canceling = "canceling",
        /// Cancel is done.
        Canceled = "canceled",
        /// A newer build of the branch replaced it before it started.
        Skipped = "skipped",
        /// Every job was broken or skipped.
        NotRun = "not_run",
    }
}

words! {
    /// The state of a job, as REST reports it.
    ///
    /// A finished job is `passed` or `failed`; a soft failure is `failed` too, with `soft_failed` beside it.
    ///
    /// ```
    /// use fake_buildkite::JobState;
    ///
    /// assert_eq!(JobState::WaitingFailed.as_str(), "waiting_failed");
    /// assert_eq!(JobState::from_word("timed_out"), Some(JobState::TimedOut));
    /// let over = JobState::ALL.iter().filter(|state| state.is_terminal());
    /// assert!(over.clone().any(|state| *state == JobState::Passed) && over.count() < JobState::ALL.len());
    /// ```
    ///
    /// Source: Buildkite docs, "Defining steps", section "Job states".
    JobState {
        /// Just created.
        Pending = "pending",
        /// Something it depends on is not finished.
        Waiting = "waiting",
        /// It will not run: something it needs failed. A retry of that thing opens it again.
        WaitingFailed = "waiting_failed",
        /// A block or input step that waits for a person.
        Blocked = "blocked",
        /// Was `blocked` when the build failed.
        BlockedFailed = "blocked_failed",
        /// A person unblocked it.
        Unblocked = "unblocked",
        /// Was unblocked early, then a step before it failed.
        UnblockedFailed = "unblocked_failed",
        /// Held back by its concurrency group. Accepted as a filter; reported as `scheduled`.
        Limited = "limited",
        /// Waits for an agent.
        Scheduled = "scheduled",
        /// Handed to an agent that has not accepted it yet.
        Assigned = "assigned",
        /// Accepted by an agent that has not started it yet.
        Accepted = "accepted",
        /// Runs on an agent; a trigger job: its build exists.
        Running = "running",
        /// Finished with exit status 0.
        Passed = "passed",
        /// Finished with another exit status, softly or not, or lost with its agent.
        Failed = "failed",
        /// The agent was told to stop it.
        Canceling = "canceling",
        /// Stopped, or never started.
        Canceled = "canceled",
        /// Its time is up; the agent was told to stop it.
        TimingOut = "timing_out",
        /// Stopped because its time was up.
        TimedOut = "timed_out",
        /// Set aside from outside its build.
        Skipped = "skipped",
        /// Excluded by its own configuration.
        Broken = "broken",
        /// No agent picked it up in time.
        Expired = "expired",
    }
}

impl JobState {
    /// Whether nothing but a retry follows.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending
            | Self::Waiting
            | Self::WaitingFailed
            | Self::Blocked
            | Self::BlockedFailed
            | Self::UnblockedFailed
            | Self::Limited
            | Self::Scheduled
            | Self::Assigned
            | Self::Accepted
            | Self::Running
            | Self::Canceling
            | Self::TimingOut => false,
            Self::Unblocked
            | Self::Passed
            | Self::Failed
            | Self::Canceled
            | Self::TimedOut
            | Self::Skipped
            | Self::Broken
            | Self::Expired => true,
        }
    }
}

words! {
    /// Whether an agent is connected, as REST reports it in `connection_state`.
    ///
    /// ```
    /// use fake_buildkite::{AgentState, Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// assert_eq!(fake.agent("worker").state(), AgentState::Connected);
    /// assert_eq!(AgentState::Stopping.as_str(), "stopping");
    /// assert_eq!(AgentState::from_word("lost"), Some(AgentState::Lost));
    /// assert_eq!(AgentState::ALL.first(), Some(&AgentState::NeverConnected));
    /// ```
    ///
    /// Source: Buildkite docs, "Agents API", section "Agent data model".
    AgentState {
        /// Registered and not heard of since. No agent of this fake is: each connects when it registers.
        NeverConnected = "never_connected",
        /// Ready for a job, or at work on one. Also one that is paused, and one that fell silent and is not given up
        /// yet.
        Connected = "connected",
        /// It went by itself.
        Disconnected = "disconnected",
        /// It was told to stop, and finishes the job it has.
        Stopping = "stopping",
        /// It went because it was told to.
        Stopped = "stopped",
        /// It was not heard of for three minutes, and given up.
        Lost = "lost",
    }
}

words! {
    /// What kind of job a step becomes.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, JobType};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: make}, wait, {block: Ship?}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// let types = build.all_jobs().into_iter().map(|job| job.job_type());
    /// assert_eq!(types.collect::<Vec<_>>(), [JobType::Script, JobType::Waiter, JobType::Manual]);
    ///
    /// let words: Vec<_> = JobType::ALL.iter().map(|kind| kind.as_str()).collect();
    /// assert_eq!(words, ["script", "waiter", "manual", "trigger"]);
    /// assert_eq!(JobType::from_word("manual"), Some(JobType::Manual));
    /// ```
    ///
    /// Source: Buildkite docs, "Jobs API", field `type`.
    JobType {
        /// A command step: runs on an agent.
        Script = "script",
        /// A wait step.
        Waiter = "waiter",
        /// A block or input step.
        Manual = "manual",
        /// A trigger step: makes a build in another pipeline.
        Trigger = "trigger",
    }
}

words! {
    /// Why the process of a job was ended, or never ran.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, SignalReason, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").cancel();
    /// fake.advance(seconds(10)); // what a command is given to stop
    /// assert_eq!(build.job("test").signal_reason(), Some(SignalReason::Cancel));
    ///
    /// assert_eq!(SignalReason::AgentStop.as_str(), "agent_stop");
    /// assert_eq!(SignalReason::from_word("stack_error"), Some(SignalReason::StackError));
    /// assert_eq!(SignalReason::ALL.len(), 7);
    /// ```
    ///
    /// Source: Buildkite docs, "Retry", section "Signal reason".
    SignalReason {
        /// The agent was stopped, or its machine went away.
        AgentStop = "agent_stop",
        /// The job was canceled, or its time was up.
        Cancel = "cancel",
        /// The process could not be started.
        ProcessRunError = "process_run_error",
        /// The agent would not run it.
        AgentRefused = "agent_refused",
        /// Its signature was wrong.
        SignatureRejected = "signature_rejected",
        /// The stack that should have run it failed.
        StackError = "stack_error",
        /// The agent is too old for it.
        AgentIncompatible = "agent_incompatible",
    }
}

words! {
    /// What made a build.
    ///
    /// ```
    /// use fake_buildkite::{BuildSource, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// assert_eq!(app.create_build().source(), BuildSource::Api);
    /// assert_eq!(app.build().source(BuildSource::Ui).create().source(), BuildSource::Ui);
    ///
    /// assert_eq!(BuildSource::TriggerJob.as_str(), "trigger_job");
    /// assert_eq!(BuildSource::from_word("schedule"), Some(BuildSource::Schedule));
    /// assert_eq!(BuildSource::ALL.len(), 5);
    /// ```
    ///
    /// Source: Buildkite docs, "Builds API", field `source`.
    BuildSource {
        /// A push or a pull request.
        Webhook = "webhook",
        /// The REST API.
        Api = "api",
        /// A person in the web interface.
        Ui = "ui",
        /// A trigger step of another build.
        TriggerJob = "trigger_job",
        /// A pipeline schedule.
        Schedule = "schedule",
    }
}

words! {
    /// How far the upload of an artifact got.
    ///
    /// ```
    /// use fake_buildkite::ArtifactState;
    ///
    /// assert_eq!(ArtifactState::from_word("finished"), Some(ArtifactState::Finished));
    /// let words: Vec<_> = ArtifactState::ALL.iter().map(|state| state.as_str()).collect();
    /// assert_eq!(words, ["new", "error", "finished", "deleted", "expired"]);
    /// ```
    ///
    /// Source: Buildkite docs, "Artifacts API", section "Artifact data model".
    ArtifactState {
        /// The agent has told of it, and not yet sent it.
        New = "new",
        /// It could not be sent.
        Error = "error",
        /// It is there.
        Finished = "finished",
        /// Somebody deleted it.
        Deleted = "deleted",
        /// It was kept as long as artifacts are.
        Expired = "expired",
    }
}

words! {
    /// How an annotation looks.
    ///
    /// ```
    /// use fake_buildkite::AnnotationStyle;
    ///
    /// assert_eq!(AnnotationStyle::from_word("error"), Some(AnnotationStyle::Error));
    /// let words: Vec<_> = AnnotationStyle::ALL.iter().map(|style| style.as_str()).collect();
    /// assert_eq!(words, ["success", "info", "warning", "error"]);
    /// ```
    ///
    /// Source: Buildkite docs, "Annotations API", section "Annotation data model".
    AnnotationStyle {
        /// Green.
        Success = "success",
        /// Blue.
        Info = "info",
        /// Yellow.
        Warning = "warning",
        /// Red.
        Error = "error",
    }
}

words! {
    /// What an annotation is about.
    ///
    /// ```
    /// use fake_buildkite::AnnotationScope;
    ///
    /// assert_eq!(AnnotationScope::default(), AnnotationScope::Build);
    /// assert_eq!(AnnotationScope::from_word("job"), Some(AnnotationScope::Job));
    /// assert_eq!(AnnotationScope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["build", "job"]);
    /// ```
    ///
    /// Source: Buildkite docs, "Annotations API", section "Annotation data model".
    AnnotationScope {
        /// The build.
        Build = "build",
        /// One job of it.
        Job = "job",
    }
}

words! {
    /// What became of a step upload.
    ///
    /// ```
    /// use fake_buildkite::StepUploadState;
    ///
    /// assert_eq!(StepUploadState::from_word("applied"), Some(StepUploadState::Applied));
    /// let words: Vec<_> = StepUploadState::ALL.iter().map(|state| state.as_str()).collect();
    /// assert_eq!(words, ["applied", "rejected"]);
    /// ```
    ///
    /// Source: buildkite/go-buildkite, `step_uploads_test.go`.
    StepUploadState {
        /// Its steps are in the build.
        Applied = "applied",
        /// It broke a rule, and nothing of it is in the build.
        Rejected = "rejected",
    }
}

/// As `buildkite-agent annotate` has it.
impl Default for AnnotationScope {
    fn default() -> Self {
        Self::Build
    }
}
