//! Which attempt of its script a job is, and what begins with it: the wait for an agent, then the command.
//!
//! Elsewhere: what scripts can say (`crate::script`), which agent comes (`dispatch`), which rule a test's closure
//! chooses (`judging`), what the command does and prints meanwhile (`acts`, `log`).

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::Engine;
use crate::engine::agent::Fleet;
use crate::engine::graph::StepRun;
use crate::engine::job::{JobKey, Lead, State};
use crate::engine::table::Key as _;
use crate::engine::timers::{Timer, TimerKey};
use crate::script::{Attempt, PickUp, Takes};
use crate::vocabulary::ids;
use crate::vocabulary::states::JobType;

impl Engine {
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
        self.polls.remove(&key);
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
    pub(super) fn script_or_ask(&mut self, key: JobKey) -> Option<Attempt> {
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
