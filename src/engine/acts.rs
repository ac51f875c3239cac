//! What a command does while it runs, beyond printing: it uploads steps, it promises to fail, its agent falls silent.
//!
//! Elsewhere: what scripts can tell (`crate::script`), when a command ends (`dispatch`), the same things by hand
//! (`commands`).

use chrono::{DateTime, Utc};

use crate::engine::agent::{AGENT_LOSS, Contact};
use crate::engine::commands::{PromiseFailure, UploadPipeline};
use crate::engine::job::{Event, Exit, JobKey};
use crate::engine::timers::Timer;
use crate::engine::{Command as _, Engine};
use crate::script::Act;

impl Engine {
    /// The next thing a job's script told its command to do.
    pub(super) fn act(&mut self, key: JobKey) {
        let acts = self
            .acts
            .get_mut(&key)
            .expect("a timer is armed for every act");
        let act = acts.pop_front().expect("a timer is armed for every act");
        self.forget_fired_timers(key);
        match act {
            Act::Upload(upload) => {
                let refused = UploadPipeline { job: key, upload }.apply(self).err();
                if let Some(refused) = refused {
                    // As the agent does: it says why and ends with status 1, and the command with it.
                    self.append_log(
                        key,
                        self.now,
                        format!("{}\n", refused.as_the_agent_says()).into(),
                    );
                    self.finish(key, Exit::with_status(1))
                        .expect("an acting command runs");
                }
            }
            // Chosen: a second promise changes nothing, and the command goes on.
            Act::PromiseFailure(exit_status) => {
                let _ = PromiseFailure {
                    job: key,
                    exit_status,
                }
                .apply(self);
            }
        }
    }

    /// The agent of a job is not heard of any more. Nothing changes for the job until Buildkite notices, but what its
    /// command does reaches nobody; its time can still be up.
    pub(crate) fn fall_silent(&mut self, key: JobKey) {
        let agent = self
            .jobs
            .get(key)
            .agent
            .expect("a job with an agent names it");
        self.agents.change(agent).contact = Contact::Silent(self.now);
        self.acts.remove_mut(&key);
        for timer in self.jobs.get(key).timers.clone() {
            if !matches!(self.timers.get(timer), Some(Timer::TimeOut(_))) {
                self.timers.disarm(timer);
            }
        }
        self.forget_fired_timers(key);
        self.cut_log(key);
        self.arm_timer(key, self.after(AGENT_LOSS), Timer::LoseAgent(key));
    }

    /// Whether the agent of a job is not heard of.
    pub(crate) fn is_silent(&self, key: JobKey) -> bool {
        self.jobs.get(key).state.has_agent() && self.silent_since(key).is_some()
    }

    /// Since when the agent of a job is not heard of.
    pub(super) fn silent_since(&self, key: JobKey) -> Option<DateTime<Utc>> {
        match self.agents.get(self.jobs.get(key).agent?).contact {
            Contact::Silent(since) => Some(since),
            Contact::Connected | Contact::Lost => None,
        }
    }

    /// The agent of a job reports.
    pub(super) fn hear_of_agent(&mut self, key: JobKey) {
        if self.silent_since(key).is_some() {
            let agent = self.jobs.get(key).agent.expect("it is silent");
            self.agents.change(agent).contact = Contact::Connected;
        }
    }

    /// A timer that fired without a transition stays on its job's list otherwise.
    fn forget_fired_timers(&mut self, key: JobKey) {
        let timers = &self.timers;
        self.jobs
            .change(key)
            .timers
            .retain(|timer| timers.get(*timer).is_some());
    }

    /// Buildkite gives up the agent of a job.
    pub(crate) fn lose_agent(&mut self, key: JobKey) {
        let agent = self
            .jobs
            .get(key)
            .agent
            .expect("a job with an agent names it");
        self.agents.change(agent).contact = Contact::Lost;
        self.change_with(key, Event::LoseAgent, |job| {
            job.exit = Some(Exit::with_status(-1));
        })
        .expect("a job with an agent can lose it");
    }
}
