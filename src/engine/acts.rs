//! What a command does while it runs, beyond printing: it uploads steps and files, it annotates its build, it promises
//! to fail, its agent falls silent; and how it ends.
//!
//! Elsewhere: what scripts can tell (`crate::script`), when a command starts (`attempts`), the same things by hand
//! (`commands`).

use std::collections::VecDeque;

use chrono::TimeDelta;

use crate::engine::agent::AgentKey;
use crate::engine::annotation::Subject;
use crate::engine::build::BuildKey;
use crate::engine::commands::{Annotate, PromiseFailure, UploadArtifact, UploadPipeline};
use crate::engine::job::{JobKey, State};
use crate::engine::timers::Timer;
use crate::engine::{Command, Engine};
use crate::script::{Act, Ending, When};
use crate::vocabulary::exit::Exit;
use crate::vocabulary::states::AnnotationScope;

/// What a command that runs will still do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In the order in which their timers fire.
    acts: VecDeque<Act>,
    /// Before it ends, whenever that is.
    last: Vec<Act>,
    ending: Ending,
}

/// Builds that are not over were shown.
pub(crate) struct Poll {
    pub(crate) builds: Vec<BuildKey>,
}

impl Command for Poll {
    type Output = ();
    type Refused = std::convert::Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Self::Refused> {
        for build in self.builds {
            let is_of_build = |(job, _): &(&JobKey, &u32)| engine.jobs.get(**job).build == build;
            let waiting: Vec<_> = engine
                .polls
                .iter()
                .filter(is_of_build)
                .map(|(job, left)| (*job, *left))
                .collect();
            for (job, left) in waiting {
                if left > 1 {
                    engine.polls.insert(job, left - 1);
                    continue;
                }
                engine.polls.remove(&job);
                if engine.jobs.get(job).state == State::Scheduled {
                    engine.pick_up(job);
                } else {
                    engine.end(job);
                }
            }
        }
        Ok(())
    }
}

impl Engine {
    pub(super) fn wait_for_polls(&mut self, key: JobKey, polls: u32) {
        self.polls.insert(key, polls.max(1));
    }

    /// Whether it makes a difference that a build is shown.
    pub(crate) fn is_waiting_for_polls(&self) -> bool {
        !self.polls.is_empty()
    }

    /// How many more times the build of a job has to be shown until it goes on, if that is what it waits for.
    pub(crate) fn polls_left(&self, key: JobKey) -> Option<u32> {
        self.polls.get(&key).copied()
    }

    /// A command starts: what it will do until it ends, and when, if time decides.
    pub(super) fn plan(
        &mut self,
        key: JobKey,
        acts: Vec<(When, Act)>,
        ending: Ending,
        duration: Option<TimeDelta>,
    ) {
        let mut timed = Vec::new();
        let mut last = Vec::new();
        for (when, act) in acts {
            match (when, duration) {
                (When::After(wait), _) => timed.push((self.after(wait), act)),
                (When::AtTheEnd, _) => last.push(act),
            }
        }
        // Those of one instant stay in the order in which they were told.
        timed.sort_by_key(|(due, _)| *due);
        // Before the end, so that what is due with it is still done.
        for (due, _) in &timed {
            self.arm_timer(key, *due, Timer::Act(key));
        }
        if let Some(duration) = duration {
            self.arm_timer(key, self.after(duration), Timer::End(key));
        }
        let acts = timed.into_iter().map(|(_, act)| act).collect();
        self.plans.insert(key, Plan { acts, last, ending });
    }

    /// The next thing a job's script told its command to do.
    pub(super) fn act(&mut self, key: JobKey) {
        let plan = self
            .plans
            .get_mut(&key)
            .expect("a command that runs has a plan");
        let act = plan
            .acts
            .pop_front()
            .expect("a timer is armed for every act");
        self.forget_fired_timers(key);
        self.carry_out(key, act);
    }

    /// A job's command ends, as its script said.
    pub(super) fn end(&mut self, key: JobKey) {
        let plan = self
            .plans
            .get(&key)
            .expect("a command that runs has a plan")
            .clone();
        for act in plan.last {
            self.carry_out(key, act);
            // An upload that is refused ends its command.
            if self.jobs.get(key).state != State::Running {
                return;
            }
        }
        match plan.ending {
            Ending::Exits(exit) => self.finish(key, exit).expect("a command that runs can end"),
            Ending::AgentFallsSilent => self.silence_agent(self.agent_of(key)),
        }
    }

    fn carry_out(&mut self, key: JobKey, act: Act) {
        match act {
            Act::Upload(upload) => {
                let uploaded = UploadPipeline { job: key, upload }.apply(self);
                if let Err(refused) | Ok(Err(refused)) = uploaded {
                    // As the agent does: it says why and ends with status 1, and the command with it.
                    let said = format!("{}\n", refused.as_the_agent_says());
                    self.append_log(key, &said);
                    self.finish(key, Exit::status(1))
                        .expect("an acting command runs");
                }
            }
            // Chosen: a second promise changes nothing, and the command goes on.
            Act::PromiseFailure(exit_status) => {
                let promise = PromiseFailure {
                    job: key,
                    exit_status,
                };
                let _ = promise.apply(self);
            }
            Act::SetMetaData(name, value) => {
                let build = self.jobs.get(key).build;
                self.set_meta_data(build, &name, value.to_string());
            }
            Act::UploadArtifact(file) => {
                UploadArtifact { job: key, file }
                    .apply(self)
                    .expect("an acting command runs");
            }
            Act::Annotate(annotation) => {
                let subject = match annotation.scope {
                    AnnotationScope::Build => Subject::Build(self.jobs.get(key).build),
                    AnnotationScope::Job => Subject::Job(key),
                };
                // Chosen: one that has become too long stays as it is, and the command goes on.
                let _ = Annotate {
                    subject,
                    annotation,
                }
                .apply(self);
            }
        }
    }

    /// What the command of a job does reaches nobody from now on.
    pub(super) fn cut_off(&mut self, key: JobKey) {
        self.plans.remove(&key);
        self.polls.remove(&key);
        for timer in self.jobs.get(key).timers.clone() {
            if !matches!(self.timers.get(timer), Some(Timer::TimeOut(_))) {
                self.timers.disarm(timer);
            }
        }
        self.forget_fired_timers(key);
        self.cut_log(key);
    }

    /// The agent a job is with.
    #[track_caller]
    pub(super) fn agent_of(&self, key: JobKey) -> AgentKey {
        let agent = self.jobs.get(key).agent;
        agent.expect("a job with an agent names it")
    }

    /// A timer that fired without a transition stays on its job's list otherwise.
    fn forget_fired_timers(&mut self, key: JobKey) {
        let timers = &self.timers;
        self.jobs
            .change(key)
            .timers
            .retain(|timer| timers.get(*timer).is_some());
    }
}
