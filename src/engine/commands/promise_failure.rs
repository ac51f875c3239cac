//! A running command declares that it will fail, so that its build can be `failing` before it ends.
//!
//! Source: Buildkite docs, "Promise job failure"; the agent API's refusals.

use crate::engine::job::{JobKey, Promise, State};
use crate::engine::webhook::About;
use crate::engine::{Command, Engine};
use crate::vocabulary::event::EventKind;
use crate::vocabulary::exit::Exit;
use crate::vocabulary::states::JobType;
use crate::vocabulary::webhook::WebhookEvent;

pub(crate) struct PromiseFailure {
    pub(crate) job: JobKey,
    pub(crate) exit_status: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromiseRefused {
    /// Or nobody hears what its command says.
    NotRunning,
    /// Success cannot be promised.
    Zero,
    /// It promised another exit status before.
    Different,
}

impl Command for PromiseFailure {
    type Output = ();
    type Refused = PromiseRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), PromiseRefused> {
        let Self { job, exit_status } = self;
        engine.check_promise(job, exit_status)?;
        // The same promise twice is one.
        if engine.jobs.get(job).promise.is_some() {
            return Ok(());
        }
        let promise = Promise {
            exit_status,
            at: engine.now,
            is_hard: engine.is_hard(job, &Exit::status(exit_status)),
        };
        engine.counted(job, |engine| {
            engine.jobs.change(job).promise = Some(promise.into());
        });
        engine.record(EventKind::PromisedFailure {
            job: engine.job_ref(job),
            exit_status,
        });
        engine.notice(WebhookEvent::JobPromisedExitStatus, About::Job(job));
        engine.note_failing(job);
        engine.agenda.builds.insert(engine.jobs.get(job).build);
        Ok(())
    }
}

impl Engine {
    pub(crate) fn check_promise(
        &self,
        key: JobKey,
        exit_status: i32,
    ) -> Result<(), PromiseRefused> {
        let job = self.jobs.get(key);
        if job.kind != JobType::Script || job.state != State::Running || self.is_silent(key) {
            return Err(PromiseRefused::NotRunning);
        }
        if exit_status == 0 {
            return Err(PromiseRefused::Zero);
        }
        match job.promise() {
            Some(promise) if promise.exit_status != exit_status => Err(PromiseRefused::Different),
            Some(_) | None => Ok(()),
        }
    }
}
