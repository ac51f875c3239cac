//! Reprioritize: another place among those that wait for an agent.
//!
//! Chosen: a command job takes it in any state, because no state is documented to refuse it: one that is not ready yet
//! brings it along, and one that an agent has already only shows it. A retry keeps it.
//! Source: Buildkite docs, "Jobs API", section "Reprioritize a job"; "Job priority".

use crate::engine::job::JobKey;
use crate::engine::{Command, Engine};
use crate::vocabulary::states::JobType;

pub(crate) struct ReprioritizeJob {
    pub(crate) job: JobKey,
    pub(crate) priority: i64,
}

/// Only command jobs have a priority: no agent runs the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoPriority;

impl Command for ReprioritizeJob {
    type Output = ();
    type Refused = NoPriority;

    fn apply(self, engine: &mut Engine) -> Result<(), NoPriority> {
        if engine.jobs.get(self.job).kind != JobType::Script {
            return Err(NoPriority);
        }
        engine.set_priority(self.job, self.priority);
        Ok(())
    }
}
