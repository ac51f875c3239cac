//! Agents come, work, pause, fall silent and go: the one place where an agent's state is written, and what follows from
//! it.
//!
//! Elsewhere: which transitions there are (`agent`), which job goes to which agent (`dispatch`).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::Engine;
use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::agent::{
    self, AGENT_LOSS, Agent, AgentKey, Event, Fleet, Newcomer, Pause, Silence, State,
};
use crate::engine::job::{self, JobKey};
use crate::engine::timers::Timer;
use crate::engine::webhook::About;
use crate::vocabulary::event::{AgentRef, EventKind};
use crate::vocabulary::exit::Exit;
use crate::vocabulary::ids::{AgentId, Kind};
use crate::vocabulary::states::{AgentState, SignalReason};
use crate::vocabulary::webhook::WebhookEvent;

impl Engine {
    // --- Reading -----------------------------------------------------------------------------------------------------

    pub(crate) fn agent(&self, key: AgentKey) -> &Agent {
        self.agents.get(key)
    }

    pub(crate) fn find_agent(&self, key: AgentKey) -> Option<&Agent> {
        self.agents.find(key)
    }

    pub(crate) fn agent_version(&self, key: AgentKey) -> u64 {
        self.agents.version(key)
    }

    /// Every agent there ever was, in the order in which they connected.
    pub(crate) fn agents(&self) -> impl Iterator<Item = (AgentKey, &Agent)> {
        self.agents.iter()
    }

    /// An agent of an organization.
    pub(crate) fn agent_by_id(&self, of: OrganizationKey, id: AgentId) -> Option<AgentKey> {
        let key = self.roster.ids.find(id)?;
        (self.agents.get(key).offer.organization == of).then_some(key)
    }

    /// What an agent works on.
    pub(crate) fn job_of_agent(&self, key: AgentKey) -> Option<JobKey> {
        self.roster.at_work.get(&key).copied()
    }

    pub(crate) fn agent_ref(&self, key: AgentKey) -> AgentRef {
        let agent = self.agents.get(key);
        AgentRef {
            name: Arc::clone(&agent.name),
            id: agent.id,
        }
    }

    /// Whether agents that are there and no others run jobs.
    pub(crate) fn has_fixed_fleet(&self) -> bool {
        self.fleet == Fleet::Fixed
    }

    /// Whether the agent of a job is not heard of.
    pub(crate) fn is_silent(&self, key: JobKey) -> bool {
        self.jobs.get(key).state.has_agent() && self.silent_since(key).is_some()
    }

    /// Since when the agent of a job is not heard of.
    pub(super) fn silent_since(&self, key: JobKey) -> Option<DateTime<Utc>> {
        let agent = self.agents.get(self.jobs.get(key).agent?);
        agent.silence.map(|silence| silence.since)
    }

    // --- Coming and going --------------------------------------------------------------------------------------------

    pub(crate) fn connect_agent(&mut self, newcomer: Newcomer) -> AgentKey {
        let Newcomer {
            name,
            offer,
            priority,
            machine,
        } = newcomer;
        let id = AgentId(self.mint(Kind::Agent, self.agents.next_key()));
        let key = self.agents.push(Agent {
            id,
            name,
            offer,
            priority,
            machine: Arc::new(machine),
            state: State::Connected,
            silence: None,
            stands_in: false,
            created_at: self.now,
            disconnected_at: None,
            lost_at: None,
            stopped_at: None,
            last_job_finished_at: None,
            last_success_at: None,
        });
        self.roster.ids.insert(id, key);
        self.notice(WebhookEvent::AgentConnected, About::Agent(key));
        key
    }

    /// One more agent of a fixed fleet, with nothing to do yet.
    pub(crate) fn add_agent(&mut self, newcomer: Newcomer) -> AgentKey {
        let key = self.connect_agent(newcomer);
        self.find_work(key);
        key
    }

    /// Makes one transition that this engine has found legal, with its times and timers.
    pub(crate) fn change_agent(&mut self, key: AgentKey, event: Event) {
        let agent = self.agents.get(key);
        let (from, had_pause) = (agent.state.reported(), agent.state.pause().cloned());
        #[cfg(test)]
        let words = (agent.state.word(), event.word());
        let to = agent::next(&agent.state, event)
            .unwrap_or_else(|| panic!("the engine asked {agent:?} for an illegal transition"));
        #[cfg(test)]
        crate::engine::tests::took(|| format!("agent {} {} -> {}", words.0, words.1, to.word()));
        let is_paused = to.pause().is_some();
        let now = self.now;
        let row = self.agents.change(key);
        match to {
            State::Connected | State::Paused(_) | State::Stopping => {}
            // Chosen: one that stopped has disconnected, too.
            State::Stopped => {
                row.stopped_at = Some(now);
                row.disconnected_at = Some(now);
            }
            State::Disconnected => row.disconnected_at = Some(now),
            State::Lost => row.lost_at = Some(now),
        }
        row.state = to;
        let to = row.state.reported();
        if let Some(pause) = &had_pause {
            self.timers.disarm(pause.timer);
        }
        let agent = self.agent_ref(key);
        if from != to {
            let from = Some(from);
            self.record(EventKind::Agent { agent, from, to });
            self.notice_agent(key, to);
        } else if is_paused {
            self.record(EventKind::AgentPaused { agent });
        } else {
            self.record(EventKind::AgentResumed { agent });
        }
        self.find_work(key);
    }

    fn notice_agent(&mut self, key: AgentKey, to: AgentState) {
        let event = match to {
            AgentState::Connected => WebhookEvent::AgentConnected,
            AgentState::Disconnected => WebhookEvent::AgentDisconnected,
            AgentState::Stopping => WebhookEvent::AgentStopping,
            AgentState::Stopped => WebhookEvent::AgentStopped,
            AgentState::Lost => WebhookEvent::AgentLost,
            AgentState::NeverConnected => return,
        };
        self.notice(event, About::Agent(key));
    }

    /// Looks at what an agent does next: one that has no job takes one, or goes if it was told to or was there
    /// for its job alone.
    ///
    /// Chosen: one that has nothing to do goes at the instant at which it is told. A real one hears of it when it next
    /// asks for work.
    pub(crate) fn find_work(&mut self, key: AgentKey) {
        let agent = self.agents.get(key);
        let offer = agent.offer.clone();
        let is_free = agent.silence.is_none() && !self.roster.at_work.contains(&key);
        match agent.state {
            State::Connected if is_free && agent.stands_in => self.change_agent(key, Event::Leave),
            State::Connected if is_free => {
                self.idle.add(offer, key);
                // Where there is no end of agents, none of them is waited for.
                self.agenda.offer_jobs |= self.fleet == Fleet::Fixed && !self.queue.is_empty();
            }
            State::Stopping if is_free => self.change_agent(key, Event::Leave),
            State::Connected
            | State::Paused(_)
            | State::Stopping
            | State::Stopped
            | State::Disconnected
            | State::Lost => self.idle.remove(&offer, key),
        }
    }

    /// An agent gets a job.
    pub(super) fn put_to_work(&mut self, key: AgentKey, job: JobKey) {
        self.roster.at_work.insert(key, job);
    }

    /// An agent has no job any more. One that said so is heard of again.
    pub(crate) fn free_agent(&mut self, key: AgentKey) {
        self.roster.at_work.remove(&key);
        self.hear_of(key);
        self.find_work(key);
    }

    // --- What people do ----------------------------------------------------------------------------------------------

    /// Pauses an agent that is connected, for so many minutes.
    pub(crate) fn pause_agent(
        &mut self,
        key: AgentKey,
        minutes: u32,
        note: Option<Arc<str>>,
        by: Option<UserKey>,
    ) {
        let due = self.after(TimeDelta::minutes(i64::from(minutes)));
        let pause = Pause {
            since: self.now,
            by,
            note,
            timeout_in_minutes: minutes,
            timer: self.timers.arm(due, Timer::Resume(key)),
        };
        self.change_agent(key, Event::Pause(pause));
    }

    // --- What agents do ----------------------------------------------------------------------------------------------

    /// An agent goes by itself, and takes the command it runs with it.
    ///
    /// Chosen: as one that is told by its machine to go at once. One that waits for the end of its job first cannot be
    /// told from one that goes after it.
    pub(crate) fn disconnect_agent(&mut self, key: AgentKey) {
        if let Some(job) = self.job_of_agent(key) {
            let is_stopping = matches!(
                self.jobs.get(job).state,
                job::State::Canceling | job::State::TimingOut
            );
            let exit = if is_stopping {
                Exit::stopped()
            } else {
                Exit::status(-1).reason(SignalReason::AgentStop)
            };
            self.finish(job, exit)
                .expect("an agent that has a job runs its command");
        }
        self.hear_of(key);
        // One that was stopping has gone with the end of its job.
        if self.agents.get(key).state.is_here() {
            self.change_agent(key, Event::Leave);
        }
    }

    /// An agent is not heard of any more. Nothing changes for its job until Buildkite notices, but what the command
    /// does reaches nobody; its time can still be up.
    pub(crate) fn silence_agent(&mut self, key: AgentKey) {
        let silence = Silence {
            since: self.now,
            timer: self
                .timers
                .arm(self.after(AGENT_LOSS), Timer::LoseAgent(key)),
        };
        self.agents.change(key).silence = Some(silence);
        if let Some(job) = self.job_of_agent(key) {
            self.cut_off(job);
        }
        self.find_work(key);
    }

    /// The agent of a job reports.
    pub(super) fn hear_of_agent(&mut self, key: JobKey) {
        if let Some(agent) = self.jobs.get(key).agent {
            self.hear_of(agent);
        }
    }

    fn hear_of(&mut self, key: AgentKey) {
        if let Some(silence) = self.agents.get(key).silence {
            self.timers.disarm(silence.timer);
            self.agents.change(key).silence = None;
        }
    }

    /// Buildkite gives an agent up, and with it the job it has.
    pub(crate) fn lose_agent(&mut self, key: AgentKey) {
        self.hear_of(key);
        self.change_agent(key, Event::Lose);
        if let Some(job) = self.job_of_agent(key) {
            self.change_with(job, job::Event::LoseAgent, |job| {
                job.exit = Some(Exit::status(-1));
            })
            .expect("a job with an agent can lose it");
        }
    }
}
