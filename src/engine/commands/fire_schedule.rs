//! A schedule makes a build now, because the test says so.
//!
//! Chosen: enabled or not, and its slots stay where they are. Otherwise it is an attempt like any other.

use std::convert::Infallible;
use std::sync::Arc;

use crate::engine::build::BuildKey;
use crate::engine::schedule::ScheduleKey;
use crate::engine::{Command, Engine};

pub(crate) struct FireSchedule {
    pub(crate) schedule: ScheduleKey,
}

impl Command for FireSchedule {
    /// The build, or why there is none. That changes the schedule, so it is no refusal.
    type Output = Result<BuildKey, Arc<str>>;
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<Self::Output, Infallible> {
        Ok(engine.attempt(self.schedule))
    }
}
