//! Which script a job goes by, when a test's own closure has a word in it.
//!
//! The closure may do anything, so nobody here calls it: a job it is needed for waits among the open questions, with
//! nothing armed, until a [`Judge`](super::commands::Judge) brings the answer. That happens at the same instant.
//!
//! Elsewhere: who asks (`driver`), what the rules say (`crate::script`).

use crate::engine::Engine;
use crate::engine::graph;
use crate::engine::job::JobKey;
#[cfg(any(test, fuzzing))]
use crate::engine::job::{Lead, State};
#[cfg(any(test, fuzzing))]
use crate::engine::timers::Timer;
use crate::persistent::Index;
use crate::pipeline::Step;
use crate::script::{JobView, Predicate, RuleKey};

/// What was asked, and what has still to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judging {
    pub(super) verdicts: Index<(JobKey, RuleKey), bool>,
    pub(super) open: Index<(JobKey, RuleKey), ()>,
}

impl Judging {
    pub(super) fn new() -> Self {
        Self {
            verdicts: Index::new(),
            open: Index::new(),
        }
    }
}

/// What has to be asked of the test.
pub(crate) struct Question {
    pub(crate) job: JobKey,
    pub(crate) rule: RuleKey,
    pub(crate) predicate: Predicate,
    pub(crate) view: JobView,
}

impl Engine {
    /// The first open question, if there is one.
    pub(crate) fn question(&self) -> Option<Question> {
        let (&(job, rule), ()) = self.judging.open.first()?;
        let pipeline = self.builds.get(self.jobs.get(job).build).pipeline;
        let predicate = self.scripts.get(pipeline).predicate(rule);
        Some(Question {
            job,
            rule,
            predicate: predicate.expect("only predicates are asked").clone(),
            view: self.view_of(job),
        })
    }

    /// Takes the answer to a question. Somebody else may have answered it meanwhile, or it may not matter any more.
    pub(super) fn judge(&mut self, job: JobKey, rule: RuleKey, verdict: bool) {
        if !self.judging.open.contains(&(job, rule)) {
            return;
        }
        self.judging.open.remove(&(job, rule));
        self.judging.verdicts.insert((job, rule), verdict);
        self.look_again_when_picked_up(job);
        // Others may have waited for it to come, which it need not do with this answer.
        self.agenda.offer_jobs |= !self.queue.is_empty();
    }

    /// Which rule a job goes by; an error is one that has to be asked first.
    pub(super) fn rule_of(&self, key: JobKey) -> Result<Option<RuleKey>, RuleKey> {
        let job = self.jobs.get(key);
        let scripts = self.scripts.get(self.builds.get(job.build).pipeline);
        if scripts.are_default() {
            return Ok(None);
        }
        // What a matrix or parallelism filled in counts as well.
        let mut names = graph::names_of(&self.step_of(job).step);
        names.extend(graph::names_of(&job.spec));
        scripts.rule_for(&names, |rule| {
            self.judging.verdicts.get(&(key, rule)).copied()
        })
    }

    /// Notes that a job cannot go on before a rule was asked.
    pub(super) fn ask(&mut self, job: JobKey, rule: RuleKey) {
        self.judging.open.insert((job, rule), ());
    }

    /// A job that does not wait to be picked up any more has nothing to ask.
    pub(super) fn withdraw_questions(&mut self, job: JobKey) {
        if self.judging.open.is_empty() {
            return;
        }
        let own = self
            .judging
            .open
            .iter_from(&(job, RuleKey::FIRST))
            .map(|(own, ())| *own);
        for question in own.take_while(|(of, _)| *of == job).collect::<Vec<_>>() {
            self.judging.open.remove(&question);
        }
    }

    pub(super) fn forget_verdicts(&mut self, job: JobKey) {
        self.withdraw_questions(job);
        let own = self
            .judging
            .verdicts
            .iter_from(&(job, RuleKey::FIRST))
            .map(|(own, _)| *own);
        for known in own.take_while(|(of, _)| *of == job).collect::<Vec<_>>() {
            self.judging.verdicts.remove(&known);
        }
    }

    /// A job that waits for an answer waits for nothing else.
    #[cfg(any(test, fuzzing))]
    pub(super) fn check_judging(&self) {
        for (key, rule) in self.judging.open.keys() {
            let job = self.jobs.get(*key);
            assert_eq!((job.state, job.lead), (State::Scheduled, Lead::Script));
            assert!(!self.waiting_for_agent().contains(key), "asked and offered");
            let is_pick_up = |timer| self.timers.get(timer) == Some(Timer::PickUp(*key));
            assert!(!job.timers.iter().any(|timer| is_pick_up(*timer)));
            assert!(!self.judging.verdicts.contains(&(*key, *rule)));
        }
        let mut known = self.judging.verdicts.keys();
        assert!(known.all(|(job, _)| self.jobs.find(*job).is_some()));
    }

    /// A job as closures are shown it.
    pub(crate) fn view_of(&self, key: JobKey) -> JobView {
        let job = self.jobs.get(key);
        let build = self.builds.get(job.build);
        let command = match &*job.spec {
            Step::Command(step) => step.command.clone(),
            Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => {
                None
            }
        };
        JobView {
            name: self.name_of(job).to_string(),
            key: job.spec.common().key.clone(),
            label: graph::label_of(&job.spec).map(str::to_owned),
            command,
            build_number: build.number,
            attempt: self.attempt_number(key),
            matrix: job
                .matrix
                .iter()
                .flat_map(|all| all.iter().cloned())
                .collect(),
            environment: self.environment_of(key).into_iter().collect(),
            meta_data: build.meta_data.iter().cloned().collect(),
        }
    }
}
