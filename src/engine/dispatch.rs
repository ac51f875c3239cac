//! Who runs jobs: the simulated fleet takes them, runs their scripts and reports.
//!
//! Elsewhere: what the scripts say (`crate::script`), what an agent is (`agent`), in which queue of a cluster a job
//! waits (`cluster`).
//! Source: Buildkite docs, "Agent life cycle", "Job priority".

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::Engine;
use crate::engine::account::OrganizationKey;
use crate::engine::agent::{self, AgentKey, Fleet, Machine, Newcomer, Offer};
use crate::engine::cluster::{Affinity, Line, QueueAgents};
use crate::engine::graph::StepRun;
use crate::engine::job::{Event, Illegal, JobKey, Lead, State};
use crate::engine::table::Key as _;
use crate::engine::timers::{Timer, TimerKey};
use crate::pipeline::Step;
use crate::script::{Attempt, PickUp, Takes};
use crate::vocabulary::exit::Exit;
use crate::vocabulary::ids;
use crate::vocabulary::states::JobType;

/// A job's place among those that wait for an agent: the highest priority first, then who was scheduled first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    priority: Reverse<i64>,
    scheduled_at: DateTime<Utc>,
    job: JobKey,
}

impl Engine {
    /// Carries out what became due.
    pub(super) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::PickUp(job) => self.pick_up(job),
            Timer::Act(job) => self.act(job),
            Timer::End(job) => self.end(job),
            Timer::TimeOut(job) => self.must_change(job, Event::TimeOut),
            Timer::GraceEnds(job) => self.must_finish(job, Exit::stopped()),
            Timer::Expire(job) => self.must_change(job, Event::Expire),
            Timer::Slot(schedule) => self.come_due(schedule),
            Timer::LoseAgent(agent) => self.lose_agent(agent),
            Timer::Resume(agent) => self.change_agent(agent, agent::Event::Resume),
        }
    }

    fn must_finish(&mut self, job: JobKey, exit: Exit) {
        self.finish(job, exit)
            .unwrap_or_else(|illegal| panic!("a timer outlived its state: {illegal}"));
    }

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
    #[cfg(test)]
    pub(super) fn waiting_for_agent(&self) -> Vec<JobKey> {
        self.queue.iter().map(|(turn, ())| turn.job).collect()
    }

    /// The agent that is asked first for a job: the highest priority, then the one on which a job last passed. Some queues
    /// have retries ask other agents first than the one the job was on.
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

    fn turn(&self, key: JobKey) -> Turn {
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

    pub(super) fn arm_pick_up(&mut self, key: JobKey) {
        let job = self.jobs.get(key);
        if job.kind != JobType::Script || job.lead == Lead::Hand || self.fleet == Fleet::Nobody {
            return;
        }
        let Some(script) = self.script_or_ask(key) else {
            return;
        };
        match script.pick_up {
            PickUp::After(wait) => self.arm_timer(key, self.after(wait), Timer::PickUp(key)),
            PickUp::AfterPolls(polls) => self.wait_for_polls(key, polls),
            PickUp::Never => {}
        }
    }

    /// A job's script may be another one than it was: goes by what it says now.
    pub(crate) fn look_again_when_picked_up(&mut self, key: JobKey) {
        let job = self.jobs.get(key);
        let goes_by_script = job.kind == JobType::Script && job.lead == Lead::Script;
        if job.state != State::Scheduled || !goes_by_script || self.fleet == Fleet::Nobody {
            return;
        }
        self.withdraw_questions(key);
        let pick_up = match self.script_or_ask(key) {
            Some(script) => script.pick_up,
            // Not before the test has answered.
            None => PickUp::Never,
        };
        let is_pick_up =
            |timer: &TimerKey| matches!(self.timers.get(*timer), Some(Timer::PickUp(_)));
        let armed = self.jobs.get(key).timers.iter().copied().find(is_pick_up);
        let was_picked_up = armed.is_none() && self.queue.contains(&self.turn(key));
        let due = match pick_up {
            // An agent may have come for it already and been busy, or sent away because its queue rests.
            PickUp::After(_) | PickUp::AfterPolls(_) if was_picked_up => return,
            PickUp::After(wait) => {
                let since = self.jobs.get(key).times.runnable_at.unwrap_or(self.now);
                Some(
                    since
                        .checked_add_signed(wait)
                        .unwrap_or(DateTime::<Utc>::MAX_UTC)
                        .max(self.now),
                )
            }
            PickUp::AfterPolls(_) | PickUp::Never => None,
        };
        self.polls.remove_mut(&key);
        match pick_up {
            PickUp::AfterPolls(polls) => self.wait_for_polls(key, polls),
            PickUp::After(_) | PickUp::Never => {}
        }
        if !was_picked_up && armed.map(|timer| timer.due) == due {
            return;
        }
        self.leave_queue(key);
        if let Some(timer) = armed {
            self.disarm(timer);
            self.jobs.change(key).timers.retain(|known| *known != timer);
        }
        if let Some(due) = due {
            self.arm_timer(key, due, Timer::PickUp(key));
        }
    }

    /// Starts the command: its log is written as time passes, and it ends when its script says so.
    pub(super) fn arm_script(&mut self, key: JobKey) {
        let job = self.jobs.get(key);
        if job.kind != JobType::Script || job.lead == Lead::Hand {
            return;
        }
        let attempt = self
            .script_or_ask(key)
            .expect("what a job waited for to be picked up is known when it starts");
        self.note_run(key);
        let lane = ids::mix(self.seed ^ ids::mix(u64::from(key.row())));
        let duration = attempt.duration(lane);
        let now = self.now;
        let pause = duration.unwrap_or(TimeDelta::zero())
            / i32::try_from(attempt.log.len().max(1)).unwrap_or(i32::MAX);
        let mut at = now;
        let mut lines = Vec::with_capacity(attempt.log.len());
        for text in attempt.log {
            lines.push((at, text));
            at = at.checked_add_signed(pause).unwrap_or(at);
        }
        self.plan_log(key, lines);
        if let Takes::Polls(polls) = attempt.takes {
            self.wait_for_polls(key, polls);
        }
        self.plan(key, attempt.acts, attempt.ending, duration);
    }

    /// What the script says about this job; `None` if that has to be asked first, which is noted.
    fn script_or_ask(&mut self, key: JobKey) -> Option<Attempt> {
        match self.rule_of(key) {
            Ok(rule) => {
                let number = self.attempt_number(key);
                let pipeline = self.builds.get(self.jobs.get(key).build).pipeline;
                Some(self.scripts.get(pipeline).attempt(rule, number))
            }
            Err(unasked) => {
                self.ask(key, unasked);
                None
            }
        }
    }

    /// Notes that an attempt runs which must.
    fn note_run(&mut self, key: JobKey) {
        let Ok(Some(rule)) = self.rule_of(key) else {
            return;
        };
        let pipeline = self.builds.get(self.jobs.get(key).build).pipeline;
        if self.scripts.get(pipeline).is_owed(rule) {
            let number = self.attempt_number(key);
            self.scripts.change(pipeline).runs(rule, number);
        }
    }

    /// What must run by the test's word and did not, in sentences.
    pub(crate) fn unmet_scripts(&self) -> Vec<String> {
        let all = self.scripts.iter().flat_map(|(pipeline, scripts)| {
            let slug = &self.pipelines.get(pipeline).slug;
            let unmet = scripts.unmet();
            unmet.map(move |sentence| format!("pipeline `{slug}`: {sentence}"))
        });
        all.collect()
    }

    /// Which attempt of its script a job is, from 1.
    pub(super) fn attempt_number(&self, key: JobKey) -> u32 {
        1 + self.earlier_runs(key, self.step_of(self.jobs.get(key)))
    }

    /// How often this step ran before this job: in its build, and in the builds that one was rebuilt from.
    ///
    /// Attempts that never started do not count, so that a build canceled in the queue and rebuilt begins anew.
    fn earlier_runs(&self, key: JobKey, run: &StepRun) -> u32 {
        let job = self.jobs.get(key);
        // Each parallel job and each combination of a matrix counts for itself.
        let ran = |other: &JobKey| {
            let other = self.jobs.get(*other);
            other.times.started_at.is_some()
                && other.parallel == job.parallel
                && other.matrix == job.matrix
        };
        let mut count = run
            .jobs
            .iter()
            .filter(|other| **other < key && ran(other))
            .count();
        let mut ancestor = self.builds.get(job.build).head.rebuilt_from;
        while let Some((key, build)) = ancestor.and_then(|key| Some((key, self.builds.find(key)?)))
        {
            // At the same place, unless uploads came in another order.
            // One that an upload replaced has no jobs.
            let is_same = |other: &&StepRun| other.name == run.name && !other.jobs.is_empty();
            let same = self.progress.get(key).steps.get(job.step);
            let same = same
                .filter(is_same)
                .or_else(|| self.steps(key).find(is_same));
            count += same.map_or(0, |other| other.jobs.iter().filter(|job| ran(job)).count());
            ancestor = build.head.rebuilt_from;
        }
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
