//! Which agent gets which job, and when: those that wait have turns, and who has nothing to do is offered what fits.
//!
//! Elsewhere: what an agent is (`agent`) and how it comes and goes (`fleet`), in which queue of a cluster a job waits
//! (`cluster`), what the script of a job says (`attempts`).
//! Source: Buildkite docs, "Agent life cycle", "Job priority".

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::account::OrganizationKey;
use crate::engine::agent::{self, AgentKey, Fleet, Machine, Newcomer, Offer};
use crate::engine::cluster::{Affinity, Line, QueueAgents};
use crate::engine::job::{Event, Illegal, JobKey, State};
use crate::engine::table::Key as _;
use crate::engine::timers::{Timer, TimerKey};
use crate::pipeline::Step;
use crate::script::PickUp;

/// A job's place among those that wait for an agent: the highest priority first, then who was scheduled first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    priority: Reverse<i64>,
    scheduled_at: DateTime<Utc>,
    job: JobKey,
}

impl Engine {
    /// The script may have changed its mind since the job was scheduled.
    pub(super) fn pick_up(&mut self, job: JobKey) {
        let Some(script) = self.script_or_ask(job) else {
            return;
        };
        match script.pick_up {
            // Others may have waited for it to come, and need not now.
            PickUp::Never => self.agenda.offer_jobs |= !self.queue.is_empty(),
            PickUp::After(_) | PickUp::AfterPolls(_) if self.fleet == Fleet::Fixed => {
                self.queue.insert(self.turn(job), ());
                self.agenda.offer_jobs = true;
            }
            // Until its queue hands out again, or is there at all.
            PickUp::After(_) | PickUp::AfterPolls(_) if !self.is_dispatched(job) => {
                self.queue.insert(self.turn(job), ());
            }
            PickUp::After(_) | PickUp::AfterPolls(_) => self.must_hand_out(job),
        }
    }

    fn must_hand_out(&mut self, job: JobKey) {
        self.hand_out(job).unwrap_or_else(|illegal| {
            panic!("a job that waits for an agent refuses one: {illegal}")
        });
    }

    /// Offers the jobs that wait for an agent, in their order, to those that have nothing to do.
    ///
    /// Jobs that come to wait at the same instant are offered together, or the first would take an agent of a fixed
    /// fleet from a more urgent one.
    pub(super) fn offer_jobs(&mut self) {
        if self.fleet == Fleet::Fixed && self.more_come_to_wait() {
            return;
        }
        for (turn, ()) in self.queue.clone().iter() {
            if self.fleet == Fleet::Fixed && self.idle.is_empty() {
                return;
            }
            if self.is_takeable(turn.job) {
                self.must_hand_out(turn.job);
            }
        }
    }

    /// Whether an agent is there for a job that waits for one.
    pub(super) fn is_takeable(&self, job: JobKey) -> bool {
        match self.fleet {
            Fleet::Fixed => self.is_dispatched(job) && self.fitting_agents(job).next().is_some(),
            Fleet::Unlimited => self.is_dispatched(job),
            Fleet::Nobody => false,
        }
    }

    pub(super) fn more_come_to_wait(&self) -> bool {
        let mut due = self
            .timers
            .iter()
            .take_while(|(key, _)| key.due <= self.now);
        due.any(|(_, timer)| matches!(timer, Timer::PickUp(_)))
    }

    /// Disarms a timer of a job. One that would have come to wait at this instant held others back; they need not wait
    /// for it now.
    pub(crate) fn disarm(&mut self, timer: TimerKey) {
        let came = timer.due <= self.now;
        if came && matches!(self.timers.get(timer), Some(Timer::PickUp(_))) {
            self.agenda.offer_jobs |= !self.queue.is_empty();
        }
        self.timers.disarm(timer);
    }

    /// The jobs that no agent could take yet, in their order.
    #[cfg(any(test, fuzzing))]
    pub(super) fn waiting_for_agent(&self) -> Vec<JobKey> {
        self.queue.iter().map(|(turn, ())| turn.job).collect()
    }

    /// The agent that is asked first for a job: the highest priority, then the one on which a job last passed. Some
    /// queues have retries ask other agents first than the one the job was on.
    fn fitting_agent(&self, job: JobKey) -> Option<AgentKey> {
        if !self.is_dispatched(job) {
            return None;
        }
        let line = self.line_of(self.jobs.get(job));
        let avoided = self.agent_to_avoid(job, line);
        self.fitting_agents(job).min_by_key(|agent| {
            let row = self.agents.get(*agent);
            let is_avoided = avoided == Some(*agent);
            let warmth = Reverse(row.last_success_at);
            (is_avoided, Reverse(row.priority), warmth, *agent)
        })
    }

    /// The agents that have nothing to do and may run a job. Those of one offer all may, or none of them.
    fn fitting_agents(&self, job: JobKey) -> impl Iterator<Item = AgentKey> + '_ {
        let offers = self.idle.by_offer();
        let fitting = offers.filter(move |(offer, _)| self.is_fit(offer, job));
        fitting.flat_map(|(_, agents)| agents)
    }

    /// The agent of the job this one retries, in a queue that prefers another.
    ///
    /// Source: Buildkite docs, "Queues", property `retry_agent_affinity`.
    fn agent_to_avoid(&self, job: JobKey, line: Line) -> Option<AgentKey> {
        let Line::Queue(queue) = line else {
            return None;
        };
        match self.cluster_queue(queue).agents {
            QueueAgents::SelfHosted(Affinity::PreferDifferent) => {}
            QueueAgents::SelfHosted(Affinity::PreferWarmest) | QueueAgents::Hosted { .. } => {
                return None;
            }
        }
        let (before, _) = self.jobs.get(job).retry_of?;
        self.jobs.find(before)?.agent
    }

    /// Whether an agent may run a job, as far as what it offers goes.
    fn is_fit(&self, offer: &Offer, job: JobKey) -> bool {
        let rules = self.rules_of(job);
        offer.organization == self.organization_of(job)
            && match (self.line_of(self.jobs.get(job)), offer.queue) {
                (Line::Unclustered, None) => agent::fits(rules, &offer.tags),
                (Line::Queue(queue), Some(own)) => {
                    queue == own && agent::fits_in_queue(rules, &offer.tags)
                }
                (Line::Unclustered, Some(_)) | (Line::Queue(_), None) | (Line::Nowhere, _) => false,
            }
    }

    /// A paused agent of a fixed fleet that could run a job which waits for one.
    pub(crate) fn paused_agent_for(&self, job: JobKey) -> Option<AgentKey> {
        if !self.queue.contains(&self.turn(job)) {
            return None;
        }
        let mut paused = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.state.pause().is_some());
        paused
            .find(|(_, agent)| self.is_fit(&agent.offer, job))
            .map(|(agent, _)| agent)
    }

    fn organization_of(&self, job: JobKey) -> OrganizationKey {
        self.builds.get(self.jobs.get(job).build).organization
    }

    fn rules_of(&self, job: JobKey) -> &[String] {
        match &*self.jobs.get(job).spec {
            Step::Command(step) => &step.agents[..],
            Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => {
                &[]
            }
        }
    }

    pub(super) fn turn(&self, key: JobKey) -> Turn {
        let job = self.jobs.get(key);
        Turn {
            priority: Reverse(job.priority),
            scheduled_at: job.scheduled_at,
            job: key,
        }
    }

    /// A job that does not wait for an agent any more has no turn.
    pub(super) fn leave_queue(&mut self, job: JobKey) {
        self.queue.remove(&self.turn(job));
    }

    /// A job that waits for an agent waits in another place from now on; nobody else's changes.
    pub(super) fn set_priority(&mut self, key: JobKey, priority: i64) {
        let turn = self.turn(key);
        let waits = self.queue.contains(&turn);
        if waits {
            self.queue.remove(&turn);
        }
        self.jobs.change(key).priority = priority;
        if waits {
            self.queue.insert(self.turn(key), ());
        }
    }

    /// Every job that waits has the place that is its own now.
    #[cfg(any(test, fuzzing))]
    pub(super) fn check_turns(&self) {
        for (turn, ()) in self.queue.iter() {
            assert_eq!(*turn, self.turn(turn.job), "a job waits in its place");
        }
    }

    /// Gives a job to an agent, which accepts and starts it in the same instant.
    pub(crate) fn hand_out(&mut self, key: JobKey) -> Result<(), Illegal> {
        // By hand a job can be anywhere between waiting for an agent and running.
        if matches!(self.jobs.get(key).state, State::Scheduled | State::Reserved) {
            let queue = match self.line_of(self.jobs.get(key)) {
                Line::Queue(queue) => Some(queue),
                Line::Unclustered | Line::Nowhere => None,
            };
            let agent = self.take_agent(key);
            self.put_to_work(agent, key);
            self.change_with(key, Event::Assign, |job| {
                job.agent = Some(agent);
                job.queue = queue;
            })?;
        }
        self.hear_of_agent(key);
        if self.jobs.get(key).state == State::Assigned {
            self.change(key, Event::Accept)?;
        }
        self.change(key, Event::Start)
    }

    /// The agent for a job. Made up if there is none that fits, which only a test that starts a job by hand can see in
    /// a fixed fleet.
    fn take_agent(&mut self, job: JobKey) -> AgentKey {
        if self.fleet == Fleet::Fixed {
            if let Some(agent) = self.fitting_agent(job) {
                let offer = self.agents.get(agent).offer.clone();
                self.idle.remove(&offer, agent);
                return agent;
            }
        }
        let rules = self.rules_of(job);
        let (queue, tags) = match self.line_of(self.jobs.get(job)) {
            Line::Queue(queue) => {
                let key = &self.cluster_queue(queue).key;
                (Some(queue), agent::tags_in_queue(rules, key))
            }
            Line::Unclustered | Line::Nowhere => (None, agent::tags_for(rules)),
        };
        let offer = Offer {
            organization: self.organization_of(job),
            queue,
            tags,
        };
        self.idle.take(&offer).unwrap_or_else(|| {
            let name = format!("fake-agent-{}", self.agents.next_key().row() + 1);
            let agent = self.connect_agent(Newcomer {
                machine: Machine::called(&name),
                name: name.into(),
                offer,
                priority: Some(0),
            });
            self.agents.change(agent).stands_in = self.fleet == Fleet::Fixed;
            agent
        })
    }

    /// Lets go of the agent of a job whose new state needs none. The job goes on naming it, unless it goes back into
    /// the queue.
    pub(super) fn release_agent(&mut self, key: JobKey, from: State, to: State) {
        let Some(agent) = self
            .jobs
            .get(key)
            .agent
            .filter(|_| from.has_agent() && !to.has_agent())
        else {
            return;
        };
        let now = self.now;
        let row = self.agents.change(agent);
        row.last_job_finished_at = Some(now);
        if to == State::Passed {
            row.last_success_at = Some(now);
        }
        self.free_agent(agent);
        if to == State::Scheduled {
            let job = self.jobs.change(key);
            job.agent = None;
            job.queue = None;
        }
    }
}
