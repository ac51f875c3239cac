//! What a test is told when it asks for something by hand that cannot be.

use std::fmt;

use crate::engine::commands::{AgentMove, Move};
use crate::fake::Moment;
use crate::vocabulary::event::{AgentRef, JobRef};
use crate::vocabulary::slip::wording;
use crate::vocabulary::states::{AgentState, JobState};

/// A move by hand that the job cannot make, with its history and the moves it can.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, Move};
///
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
/// let illegal = build.job("test").try_move(Move::TimeOut).unwrap_err();
/// assert_eq!(illegal.to_string(), "\
/// app#1 test cannot make the move `time_out()`: it is scheduled
///   history: scheduled at 2030-01-01T00:00:00.000Z
///   possible now: start(), cancel(), expire()");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IllegalMove {
    /// Which job.
    pub job: JobRef,
    /// What was tried.
    pub tried: Move,
    /// The state the job is in.
    pub state: JobState,
    /// How it got there.
    pub history: Vec<Moment>,
    /// What would have been possible.
    pub possible: Vec<Move>,
    /// Why no agent comes for it, if it waits for one: its queue is paused, or not there.
    pub held: Option<String>,
}

impl fmt::Display for IllegalMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cannot make the move `{}`: it is {}",
            self.job,
            called(&self.tried.to_string()),
            self.state
        )?;
        if let Some(held) = &self.held {
            write!(f, ", and {held}")?;
        }
        writeln!(f)?;
        let history: Vec<_> = self.history.iter().map(ToString::to_string).collect();
        writeln!(f, "  history: {}", history.join(", "))?;
        // Any status is possible where one is.
        let name = |wanted: &Move| match wanted {
            Move::Finish { .. } => "finish(..)".to_owned(),
            Move::PromiseFailure { .. } => "promise_failure(..)".to_owned(),
            Move::Start
            | Move::Cancel
            | Move::TimeOut
            | Move::Expire
            | Move::SilenceAgent
            | Move::LoseAgent
            | Move::Unblock
            | Move::Retry => wanted.to_string(),
        };
        let possible = self.possible.iter().map(|wanted| called(&name(wanted)));
        let possible: Vec<_> = possible.collect();
        let possible = if possible.is_empty() {
            "nothing".to_owned()
        } else {
            possible.join(", ")
        };
        write!(f, "  possible now: {possible}")
    }
}

/// A move as a call, or as the lever of this name.
fn called(call: &str) -> String {
    let lever = call.split('(').next().unwrap_or_default();
    wording(call, lever).to_owned()
}

impl std::error::Error for IllegalMove {}

/// A move by hand that the agent cannot make, with those it can; see
/// [`AgentHandle::try_move`](crate::AgentHandle::try_move).
///
/// ```
/// use fake_buildkite::{AgentMove, AgentState, Agents, FakeBuildkite, agent};
///
/// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
/// fake.agent("worker").disconnect();
/// let illegal = fake.agent("worker").try_move(AgentMove::Pause).unwrap_err();
/// assert_eq!((illegal.tried, illegal.state), (AgentMove::Pause, AgentState::Disconnected));
/// assert_eq!(illegal.to_string(), "\
/// agent worker cannot make the move `pause()`: it is disconnected
///   possible now: nothing");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IllegalAgentMove {
    /// Which agent.
    pub agent: AgentRef,
    /// What was tried.
    pub tried: AgentMove,
    /// The state the agent is in.
    pub state: AgentState,
    /// Whether it is paused.
    pub is_paused: bool,
    /// What would have been possible.
    pub possible: Vec<AgentMove>,
}

impl fmt::Display for IllegalAgentMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agent,
            tried,
            state,
            ..
        } = self;
        let paused = if self.is_paused { " and paused" } else { "" };
        writeln!(
            f,
            "{agent} cannot make the move `{tried}`: it is {state}{paused}"
        )?;
        let possible: Vec<_> = self.possible.iter().map(ToString::to_string).collect();
        let possible = if possible.is_empty() {
            "nothing".to_owned()
        } else {
            possible.join(", ")
        };
        write!(f, "  possible now: {possible}")
    }
}

impl std::error::Error for IllegalAgentMove {}

/// An upload of a pipeline that was refused.
///
/// ```
/// let fake = fake_buildkite::FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create_build();
/// build.job("gen").start();
/// let refused = build.job("gen").try_upload_pipeline("steps: [{command: make, key: gen}]").unwrap_err();
/// assert_eq!(refused.to_string(), "\
/// app#1 gen cannot upload this pipeline: The key \"gen\" has already been used by another step in this build");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadError {
    /// The job that tried.
    pub job: JobRef,
    /// Who refused.
    pub by: UploadStage,
    /// Why, in Buildkite's words where they are known.
    pub message: String,
}

/// How far an upload came before it was refused.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, UploadStage};
///
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: generate, key: gen}]").create_build();
/// build.job("gen").start();
/// let refused_by = |yaml: &str| build.job("gen").try_upload_pipeline(yaml).unwrap_err().by;
/// assert_eq!(refused_by("steps: [{command: a"), UploadStage::Agent);
/// assert_eq!(refused_by("steps: [{command: a, key: gen}]"), UploadStage::Server);
/// assert_eq!(build.step_uploads().len(), 1, "the agent sent one");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadStage {
    /// The agent gave up before it sent anything: no agent works on the job, or it cannot read the YAML.
    Agent,
    /// The server rejected it.
    Server,
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cannot upload this pipeline: {}",
            self.job, self.message
        )
    }
}

impl std::error::Error for UploadError {}

/// Something that only a command on an agent can do, and no agent works on the job: it does not run, or its agent is
/// not heard of.
///
/// ```
/// let fake = fake_buildkite::FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
/// let refused = build.job("test").try_upload_artifact("a.log", "").unwrap_err();
/// assert_eq!(refused.to_string(), "app#1 test cannot upload an artifact: no agent works on the job; it is scheduled");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAtWork {
    /// The job.
    pub job: JobRef,
    /// What it cannot do.
    pub tried: &'static str,
    /// The state it is in.
    pub state: JobState,
}

impl fmt::Display for NotAtWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cannot {}: no agent works on the job; it is {}",
            self.job, self.tried, self.state
        )
    }
}

impl std::error::Error for NotAtWork {}
