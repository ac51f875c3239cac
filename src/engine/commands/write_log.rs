//! What a running command prints, said by hand.

use crate::engine::job::JobKey;
use crate::engine::{Command, Engine};
use crate::vocabulary::states::JobType;

pub(crate) struct WriteLog<'t> {
    pub(crate) job: JobKey,
    pub(crate) text: &'t str,
}

/// No command runs, or nobody hears what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotRunning;

impl Command for WriteLog<'_> {
    type Output = ();
    type Refused = NotRunning;

    fn apply(self, engine: &mut Engine) -> Result<(), NotRunning> {
        let job = engine.jobs.get(self.job);
        // A command that was asked to stop still runs, and prints.
        let runs = job.kind == JobType::Script && job.state.has_command();
        if !runs || engine.is_silent(self.job) {
            return Err(NotRunning);
        }
        engine.append_log(self.job, self.text);
        Ok(())
    }
}
