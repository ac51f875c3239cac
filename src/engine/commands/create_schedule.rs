//! A new schedule of a pipeline.
//!
//! Source: Buildkite docs, "Pipeline schedules API", section "Create a pipeline schedule".

use crate::engine::account::UserKey;
use crate::engine::pipeline::PipelineKey;
use crate::engine::schedule::{Cronline, Schedule, ScheduleKey, Settings, State};
use crate::engine::{Command, Engine};
use crate::persistent::List;
use crate::vocabulary::ids::{Kind, ScheduleId};

pub(crate) struct CreateSchedule {
    pub(crate) pipeline: PipelineKey,
    pub(crate) cronline: Cronline,
    pub(crate) settings: Settings,
    pub(crate) switch: Switch,
    pub(crate) created_by: Option<UserKey>,
}

/// Whether a schedule is to make builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

/// Its pipeline is archived, and so read-only.
///
/// Chosen: the schedules of an archived pipeline can be looked at and deleted, as the pipeline itself.
#[derive(Debug)]
pub(crate) struct ScheduleRefused;

impl Command for CreateSchedule {
    type Output = ScheduleKey;
    type Refused = ScheduleRefused;

    fn apply(self, engine: &mut Engine) -> Result<ScheduleKey, ScheduleRefused> {
        engine.check_schedules_change(self.pipeline)?;
        let key = engine.schedules.next_key();
        let id = ScheduleId(engine.mint(Kind::Schedule, key));
        engine.schedules.push(Schedule {
            id,
            pipeline: self.pipeline,
            cronline: self.cronline,
            settings: self.settings,
            state: State::Disabled,
            created_by: self.created_by,
            created_at: engine.now,
            builds: List::new(),
        });
        engine.schedule_ids.insert(id, key);
        engine.schedules_by_pipeline.insert(self.pipeline, key);
        match self.switch {
            Switch::On => engine.enable_schedule(key),
            Switch::Off => {}
        }
        Ok(key)
    }
}

impl Engine {
    pub(super) fn check_schedules_change(
        &self,
        pipeline: PipelineKey,
    ) -> Result<(), ScheduleRefused> {
        match self.pipelines.get(pipeline).archived_at {
            Some(_) => Err(ScheduleRefused),
            None => Ok(()),
        }
    }
}
