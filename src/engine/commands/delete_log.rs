//! Deleting a job's log: it is empty then. A command that still runs goes on printing.
//!
//! Source: Buildkite docs, "Jobs API", section "Delete a job's log output".

use std::convert::Infallible;

use crate::engine::job::JobKey;
use crate::engine::{Command, Engine};

pub(crate) struct DeleteLog {
    pub(crate) job: JobKey,
}

impl Command for DeleteLog {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        engine.empty_log(self.job);
        Ok(())
    }
}
