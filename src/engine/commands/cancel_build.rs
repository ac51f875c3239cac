//! Cancel: jobs on agents are asked to stop, everything else that was still to come is canceled at once.
//!
//! Source: Buildkite docs, "Builds API", section "Cancel a build".

use crate::engine::build::{self, BuildKey, Cancellation};
use crate::engine::job::{self, Event, JobKey};
use crate::engine::{Command, Engine};
use crate::vocabulary::states::BuildState;

pub(crate) struct CancelBuild {
    pub(crate) build: BuildKey,
    pub(crate) cause: Cancellation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelRefused {
    /// It is over.
    Finished,
    /// Somebody canceled it before, and jobs are still stopping.
    Canceling,
    /// Somebody canceled it before.
    Canceled,
}

impl Command for CancelBuild {
    type Output = ();
    type Refused = CancelRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), CancelRefused> {
        engine.check_cancel(self.build)?;
        engine.builds.change(self.build).cancellation = Some(self.cause);
        // Finished jobs keep their result, and so do those that rest because something failed: both refuse the event.
        let cancelable = |key: &JobKey| {
            let job = engine.jobs.get(*key);
            !job.is_superseded() && job::next(job.kind, job.state, Event::Cancel).is_ok()
        };
        let jobs: Vec<_> = engine
            .jobs_of(self.build)
            .map(|(key, _)| key)
            .filter(cancelable)
            .collect();
        for job in jobs {
            engine.must_change(job, Event::Cancel);
        }
        let event = match engine.tally(self.build).on_agent {
            0 => build::Event::Cancel,
            _ => build::Event::CancelRunning,
        };
        engine.change_build(self.build, event);
        Ok(())
    }
}

impl Engine {
    pub(crate) fn check_cancel(&self, build: BuildKey) -> Result<(), CancelRefused> {
        match self.builds.get(build).state {
            BuildState::Creating
            | BuildState::Scheduled
            | BuildState::Running
            | BuildState::Failing
            | BuildState::Blocked => Ok(()),
            BuildState::Canceling => Err(CancelRefused::Canceling),
            BuildState::Canceled => Err(CancelRefused::Canceled),
            BuildState::Passed | BuildState::Failed | BuildState::Skipped | BuildState::NotRun => {
                Err(CancelRefused::Finished)
            }
        }
    }
}
