//! Deleting a schedule. The builds it made stay.
//!
//! Source: Buildkite docs, "Pipeline schedules API", section "Delete a pipeline schedule".

use std::convert::Infallible;

use crate::engine::schedule::ScheduleKey;
use crate::engine::{Command, Engine};

pub(crate) struct DeleteSchedule {
    pub(crate) schedule: ScheduleKey,
}

impl Command for DeleteSchedule {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        engine.remove_schedule(self.schedule);
        Ok(())
    }
}
