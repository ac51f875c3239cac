//! Agents: who runs jobs, and every state one can be in. The default fleet is simulated and has no end.
//!
//! Elsewhere: which jobs it may run (`rules`), and who of them has none (`idle`); which job goes to which agent
//! (`dispatch`); what follows from a transition (`fleet`).
//! Not modelled: `never_connected`. Agents are registered and connect in one instant.
//! Source: Buildkite docs, "Agents API"; "Agent life cycle"; "Pause and resume an agent"; "Agent webhook events".

mod idle;
mod rules;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::cluster::QueueKey;
use crate::engine::finding::ById;
use crate::engine::job::JobKey;
use crate::engine::table::key;
use crate::engine::timers::TimerKey;
use crate::persistent::Index;
use crate::vocabulary::ids::AgentId;
use crate::vocabulary::states::AgentState;

pub(crate) use idle::Idle;
pub(crate) use rules::{fits, fits_in_queue, is_queue, tags_for, tags_in_queue};

key! {
    /// An agent, by the order of creation.
    AgentKey
}

/// How long an agent may be silent before Buildkite takes it for lost: 3 minutes.
/// Source: Buildkite docs, "Agent life cycle".
///
/// Chosen: it is lost at that instant. The service looks for silent agents within the minute that follows.
pub(crate) const AGENT_LOSS: TimeDelta = TimeDelta::minutes(3);

/// How long a pause lasts if nobody says otherwise: 5 minutes.
/// Source: Buildkite docs, "Pause and resume an agent".
pub(crate) const PAUSE_MINUTES: u32 = 5;

/// The version agents have unless a test says otherwise. A literal, so that bodies never change under a test.
const VERSION: &str = "3.115.0";

/// What Buildkite knows of an agent's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Connected,
    /// Connected, finishing the job it has, and given no other until somebody or the clock resumes it.
    Paused(Pause),
    /// Told to stop: it finishes the job it has, takes no other, and goes.
    Stopping,
    /// It went because it was told to.
    Stopped,
    /// It went by itself.
    Disconnected,
    /// Not heard of for too long, and given up.
    Lost,
}

/// A pause that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) since: DateTime<Utc>,
    pub(crate) by: Option<UserKey>,
    pub(crate) note: Option<Arc<str>>,
    pub(crate) timeout_in_minutes: u32,
    /// Ends it.
    pub(crate) timer: TimerKey,
}

/// Everything that can happen to an agent, apart from jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody pauses it.
    Pause(Pause),
    /// Somebody resumes it, or the pause is over.
    Resume,
    /// Somebody tells it to stop.
    Stop,
    /// It goes, and says so.
    Leave,
    /// Buildkite gives it up.
    Lose,
}

/// The state an agent is in after `event`; `None` is a refusal.
///
/// Chosen: one that is stopping is not connected any more, and so is neither stopped again nor paused; and a pause ends
/// when its agent is told to stop. That a forced stop of one that is stopping cancels its job is no transition: it goes
/// on stopping (`commands::move_agent`).
pub(crate) fn next(state: &State, event: Event) -> Option<State> {
    use {Event as E, State as S};
    match (state, event) {
        (S::Connected, E::Pause(pause)) => Some(S::Paused(pause)),
        (S::Paused(_), E::Resume) => Some(S::Connected),
        (S::Connected | S::Paused(_), E::Stop) => Some(S::Stopping),
        (S::Connected | S::Paused(_), E::Leave) => Some(S::Disconnected),
        (S::Stopping, E::Leave) => Some(S::Stopped),
        (S::Connected | S::Paused(_) | S::Stopping, E::Lose) => Some(S::Lost),
        (S::Paused(_) | S::Stopping, E::Pause(_))
        | (S::Connected | S::Stopping, E::Resume)
        | (S::Stopping, E::Stop)
        | (
            S::Stopped | S::Disconnected | S::Lost,
            E::Pause(_) | E::Resume | E::Stop | E::Leave | E::Lose,
        ) => None,
    }
}

#[cfg(test)]
impl State {
    /// As the table calls it.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Paused(_) => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Disconnected => "disconnected",
            Self::Lost => "lost",
        }
    }
}

#[cfg(test)]
impl Event {
    /// As the table calls it.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Pause(_) => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Leave => "leave",
            Self::Lose => "lose",
        }
    }
}

impl State {
    /// What REST shows.
    pub(crate) const fn reported(&self) -> AgentState {
        match self {
            // That it is paused stands beside it.
            Self::Connected | Self::Paused(_) => AgentState::Connected,
            Self::Stopping => AgentState::Stopping,
            Self::Stopped => AgentState::Stopped,
            Self::Disconnected => AgentState::Disconnected,
            Self::Lost => AgentState::Lost,
        }
    }

    /// Whether it still speaks with Buildkite, or seems to.
    pub(crate) const fn is_here(&self) -> bool {
        match self {
            Self::Connected | Self::Paused(_) | Self::Stopping => true,
            Self::Stopped | Self::Disconnected | Self::Lost => false,
        }
    }

    pub(crate) const fn pause(&self) -> Option<&Pause> {
        match self {
            Self::Paused(pause) => Some(pause),
            Self::Connected | Self::Stopping | Self::Stopped | Self::Disconnected | Self::Lost => {
                None
            }
        }
    }
}

/// That an agent is not heard of, and Buildkite has not noticed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) since: DateTime<Utc>,
    /// Ends in its loss.
    pub(crate) timer: TimerKey,
}

/// Whose jobs an agent runs, and which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offer {
    pub(crate) organization: OrganizationKey,
    /// The queue of a cluster it serves, and no other; none outside of clusters.
    pub(crate) queue: Option<QueueKey>,
    /// `key=value`, the way it registered.
    pub(crate) tags: Arc<[String]>,
}

/// What an agent says about itself and where it runs when it registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) hostname: String,
    pub(crate) ip_address: String,
    pub(crate) version: String,
    /// What agents send, made from the others, unless a test says otherwise.
    pub(crate) user_agent: Option<String>,
    pub(crate) os_id: String,
    pub(crate) arch: String,
}

impl Machine {
    pub(crate) fn called(hostname: &str) -> Self {
        Self {
            hostname: hostname.to_owned(),
            ip_address: "127.0.0.1".to_owned(),
            version: VERSION.to_owned(),
            user_agent: None,
            os_id: "linux".to_owned(),
            arch: "amd64".to_owned(),
        }
    }

    pub(crate) fn user_agent(&self) -> String {
        match &self.user_agent {
            Some(text) => text.clone(),
            None => format!(
                "buildkite-agent/{} ({}; {})",
                self.version, self.os_id, self.arch
            ),
        }
    }
}

/// An agent that is going to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Newcomer {
    pub(crate) name: Arc<str>,
    pub(crate) offer: Offer,
    /// Higher first; an agent without one comes last.
    pub(crate) priority: Option<i64>,
    pub(crate) machine: Machine,
}

/// An agent. One runs one job at a time; which one, [`Roster`] says.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) name: Arc<str>,
    pub(crate) offer: Offer,
    pub(crate) priority: Option<i64>,
    pub(crate) machine: Arc<Machine>,
    pub(crate) state: State,
    pub(crate) silence: Option<Silence>,
    /// Made up for one job that a test started by hand while no agent of a fixed fleet was free: it goes when the job
    /// has ended, or the fleet would have grown.
    pub(crate) stands_in: bool,
    /// When it registered, and connected.
    pub(crate) created_at: DateTime<Utc>,
    /// When it went, told to or not.
    pub(crate) disconnected_at: Option<DateTime<Utc>>,
    pub(crate) lost_at: Option<DateTime<Utc>>,
    pub(crate) stopped_at: Option<DateTime<Utc>>,
    pub(crate) last_job_finished_at: Option<DateTime<Utc>>,
    /// When a job last passed on it: between equals the one that succeeded last is asked first.
    pub(crate) last_success_at: Option<DateTime<Utc>>,
}

impl Agent {
    /// The queue its tags name. One without such a tag is in `default`.
    pub(crate) fn queue(&self) -> &str {
        let mut tags = self.offer.tags.iter();
        tags.find_map(|tag| tag.strip_prefix("queue="))
            .unwrap_or("default")
    }
}

/// Who has which job, and who has which id.
///
/// Beside the agents and not in them: a job shows its agent as it is and not what it works on, and does not change when
/// it takes another one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Roster {
    pub(crate) at_work: Index<AgentKey, JobKey>,
    pub(crate) ids: ById<AgentId, AgentKey>,
}

impl Roster {
    pub(crate) fn new() -> Self {
        Self {
            at_work: Index::new(),
            ids: ById::new(),
        }
    }
}

/// Who picks up jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fleet {
    /// As many agents as there are jobs, for any query rules.
    Unlimited,
    /// The agents that are there and no others: jobs wait for one that fits.
    Fixed,
    /// Nobody: jobs stay `scheduled` until the test moves them, or they expire.
    Nobody,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;
    use crate::engine::table::Key as _;
    use crate::engine::timers::{Timer, Timers};

    fn pause() -> Pause {
        let since = DateTime::UNIX_EPOCH;
        Pause {
            since,
            by: None,
            note: None,
            timeout_in_minutes: PAUSE_MINUTES,
            timer: Timers::new().arm(since, Timer::Resume(AgentKey::from_row(0))),
        }
    }

    fn state(word: &str) -> State {
        match word {
            "connected" => State::Connected,
            "paused" => State::Paused(pause()),
            "stopping" => State::Stopping,
            "stopped" => State::Stopped,
            "disconnected" => State::Disconnected,
            "lost" => State::Lost,
            other => panic!("no state is called `{other}`"),
        }
    }

    fn event(word: &str) -> Event {
        match word {
            "pause" => Event::Pause(pause()),
            "resume" => Event::Resume,
            "stop" => Event::Stop,
            "leave" => Event::Leave,
            "lose" => Event::Lose,
            other => panic!("no event is called `{other}`"),
        }
    }

    const TABLE: &str = include_str!("agent/transitions.md");

    #[test]
    fn every_pair_of_state_and_event_is_what_the_printed_table_says() {
        const STATES: [&str; 6] = [
            "connected",
            "paused",
            "stopping",
            "stopped",
            "disconnected",
            "lost",
        ];
        const EVENTS: [&str; 5] = ["pause", "resume", "stop", "leave", "lose"];
        let table = TABLE.split("```").nth(1).expect("a table");
        let (mut moves, mut decided) = (BTreeMap::new(), Vec::new());
        for line in table.lines().skip(1) {
            if let Some(states) = line.strip_suffix("refuse everything else") {
                decided.extend(states.split_whitespace());
                continue;
            }
            let (left, to) = line.split_once("->").expect("a row has an arrow");
            let mut words: Vec<_> = left.split_whitespace().collect();
            let event = words.pop().expect("an event");
            for from in words {
                let known = moves.insert((from, event), state(to.trim()));
                assert_eq!(known, None, "decided twice: {line}");
            }
        }
        for from in STATES {
            assert!(
                decided.contains(&from),
                "the table does not say what `{from}` refuses"
            );
            for word in EVENTS {
                let expected = moves.remove(&(from, word));
                assert_eq!(next(&state(from), event(word)), expected, "{from} {word}");
            }
        }
        assert!(moves.is_empty(), "rows of nothing: {moves:?}");
    }

    #[test]
    fn an_agent_is_in_the_queue_its_tags_name() {
        let machine = Machine::called("box");
        assert_eq!(
            machine.user_agent(),
            "buildkite-agent/3.115.0 (linux; amd64)"
        );
        for (tags, queue) in [
            (&["os=linux"][..], "default"),
            (&["os=linux", "queue=gpu"], "gpu"),
        ] {
            let agent = Agent {
                id: AgentId(Uuid::nil()),
                name: "box".into(),
                offer: Offer {
                    organization: OrganizationKey::from_row(0),
                    queue: None,
                    tags: tags.iter().map(ToString::to_string).collect(),
                },
                priority: None,
                machine: Arc::new(machine.clone()),
                state: State::Connected,
                silence: None,
                stands_in: false,
                created_at: DateTime::UNIX_EPOCH,
                disconnected_at: None,
                lost_at: None,
                stopped_at: None,
                last_job_finished_at: None,
                last_success_at: None,
            };
            assert_eq!(agent.queue(), queue);
        }
    }
}
