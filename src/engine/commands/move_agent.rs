//! What people and tests do to agents: stop, pause, resume, and what befalls them.
//!
//! Source: Buildkite docs, "Agents API".

use std::fmt;
use std::sync::Arc;

use crate::engine::account::UserKey;
use crate::engine::agent::{AgentKey, Event, Newcomer, PAUSE_MINUTES, State};
use crate::engine::build::Cancellation;
use crate::engine::commands::CancelBuild;
use crate::engine::{Command, Engine};
use crate::vocabulary::event::EventKind;

/// Something a test does to an agent by hand; prints as the method of [`AgentHandle`](crate::AgentHandle) that does it.
///
/// ```
/// use fake_buildkite::{AgentMove, Agents, FakeBuildkite, agent};
///
/// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
/// let worker = fake.agent("worker");
/// assert!(worker.try_move(AgentMove::Resume).is_err(), "it is not paused");
/// worker.try_move(AgentMove::Pause).unwrap();
/// worker.try_move(AgentMove::Resume).unwrap();
/// ```
///
/// Source: Buildkite docs, "Agents API".
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentMove {
    /// Somebody stops it: the build of the job it has is canceled, and when the command has ended it goes. One that is
    /// stopping already is stopped so, too: it does not finish the job it has.
    Stop,
    /// Somebody stops it: it finishes the job it has, and goes.
    StopGracefully,
    /// Somebody pauses it, for Buildkite's usual 5 minutes: it finishes the job it has, and is given no other.
    Pause,
    /// Somebody ends the pause.
    Resume,
    /// It goes by itself, at once: the command it runs ends with exit status -1, because its agent stopped.
    Disconnect,
    /// It is not heard of from now on. Buildkite takes it for lost 3 minutes later.
    Silence,
    /// Buildkite takes it for lost: the job it has fails with exit status -1.
    Lose,
}

impl AgentMove {
    /// Every one there is.
    ///
    /// ```
    /// use fake_buildkite::{AgentMove, Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// let worker = fake.agent("worker");
    /// worker.disconnect();
    /// assert!(AgentMove::ALL.iter().all(|wanted| worker.try_move(*wanted).is_err()), "it is gone");
    /// ```
    pub const ALL: &'static [Self] = &[
        Self::Stop,
        Self::StopGracefully,
        Self::Pause,
        Self::Resume,
        Self::Disconnect,
        Self::Silence,
        Self::Lose,
    ];
}

impl fmt::Display for AgentMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop()",
            Self::StopGracefully => "stop_gracefully()",
            Self::Pause => "pause()",
            Self::Resume => "resume()",
            Self::Disconnect => "disconnect()",
            Self::Silence => "silence()",
            Self::Lose => "lose()",
        })
    }
}

pub(crate) struct MoveAgent {
    pub(crate) agent: AgentKey,
    pub(crate) wanted: AgentMove,
    /// In whose name, where it takes a person.
    pub(crate) by: UserKey,
}

const CHECKED: &str = "a move found possible is possible";

impl Command for MoveAgent {
    type Output = ();
    /// What would have been possible instead.
    type Refused = Vec<AgentMove>;

    fn apply(self, engine: &mut Engine) -> Result<(), Vec<AgentMove>> {
        let Self { agent, wanted, by } = self;
        if !engine.is_possible_for(agent, wanted) {
            let all = AgentMove::ALL.iter().copied();
            return Err(all
                .filter(|other| engine.is_possible_for(agent, *other))
                .collect());
        }
        let stop = |engine: &mut Engine, force| {
            StopAgent { agent, force }.apply(engine).expect(CHECKED);
        };
        match wanted {
            AgentMove::Stop => stop(engine, Force::CancelJob),
            AgentMove::StopGracefully => stop(engine, Force::FinishJob),
            AgentMove::Pause => engine.pause_agent(agent, PAUSE_MINUTES, None, Some(by)),
            AgentMove::Resume => engine.change_agent(agent, Event::Resume),
            AgentMove::Disconnect => engine.disconnect_agent(agent),
            AgentMove::Silence => engine.silence_agent(agent),
            AgentMove::Lose => engine.lose_agent(agent),
        }
        Ok(())
    }
}

impl Engine {
    pub(crate) fn is_possible_for(&self, agent: AgentKey, wanted: AgentMove) -> bool {
        let agent = self.agent(agent);
        match wanted {
            AgentMove::StopGracefully => {
                matches!(agent.state, State::Connected | State::Paused(_))
            }
            AgentMove::Pause => agent.state == State::Connected,
            AgentMove::Resume => agent.state.pause().is_some(),
            AgentMove::Stop | AgentMove::Disconnect | AgentMove::Lose => agent.state.is_here(),
            AgentMove::Silence => agent.state.is_here() && agent.silence.is_none(),
        }
    }
}

/// What becomes of the job of an agent that is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    /// It is canceled with its build.
    CancelJob,
    /// It goes on to its end.
    FinishJob,
}

pub(crate) struct StopAgent {
    pub(crate) agent: AgentKey,
    pub(crate) force: Force,
}

/// It is not connected, or it is stopping already and its job was not to be canceled now either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StopRefused;

impl Command for StopAgent {
    type Output = ();
    type Refused = StopRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), StopRefused> {
        let Self { agent, force } = self;
        let wanted = match force {
            Force::CancelJob => AgentMove::Stop,
            Force::FinishJob => AgentMove::StopGracefully,
        };
        if !engine.is_possible_for(agent, wanted) {
            return Err(StopRefused);
        }
        // Chosen: who was patient first may be impatient later, as in the browser, where an agent that is stopping can
        // be stopped by force. The documentation's "connected" leaves open which of the two it means. Once more by
        // force is no mistake, and does nothing.
        if engine.agent(agent).state != State::Stopping {
            engine.change_agent(agent, Event::Stop);
        }
        if let (Force::CancelJob, Some(job)) = (force, engine.job_of_agent(agent)) {
            // Refused only if somebody has canceled the build already, and the job with it.
            let _ = CancelBuild {
                build: engine.job(job).build,
                cause: Cancellation::Person,
            }
            .apply(engine);
        }
        Ok(())
    }
}

pub(crate) struct PauseAgent {
    pub(crate) agent: AgentKey,
    pub(crate) by: UserKey,
    pub(crate) note: Option<Arc<str>>,
    pub(crate) timeout_in_minutes: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PauseRefused {
    AlreadyPaused,
    NotConnected,
}

impl Command for PauseAgent {
    type Output = ();
    type Refused = PauseRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), PauseRefused> {
        match engine.agent(self.agent).state {
            State::Connected => {}
            State::Paused(_) => return Err(PauseRefused::AlreadyPaused),
            State::Stopping | State::Stopped | State::Disconnected | State::Lost => {
                return Err(PauseRefused::NotConnected);
            }
        }
        engine.pause_agent(
            self.agent,
            self.timeout_in_minutes,
            self.note,
            Some(self.by),
        );
        Ok(())
    }
}

pub(crate) struct ResumeAgent {
    pub(crate) agent: AgentKey,
}

/// It is not paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResumeRefused;

impl Command for ResumeAgent {
    type Output = ();
    type Refused = ResumeRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), ResumeRefused> {
        if !engine.is_possible_for(self.agent, AgentMove::Resume) {
            return Err(ResumeRefused);
        }
        engine.change_agent(self.agent, Event::Resume);
        Ok(())
    }
}

/// One more agent for a fixed fleet.
pub(crate) struct ConnectAgent {
    pub(crate) newcomer: Newcomer,
}

impl Command for ConnectAgent {
    type Output = AgentKey;
    type Refused = std::convert::Infallible;

    fn apply(self, engine: &mut Engine) -> Result<AgentKey, Self::Refused> {
        let key = engine.connect_agent(self.newcomer);
        let agent = engine.agent_ref(key);
        let to = engine.agent(key).state.reported();
        engine.record(EventKind::Agent {
            agent,
            from: None,
            to,
        });
        engine.find_work(key);
        Ok(key)
    }
}
