//! Changing a schedule, and switching it on and off.
//!
//! Source: Buildkite docs, "Pipeline schedules API", section "Update a pipeline schedule".

use crate::engine::commands::{ScheduleRefused, Switch};
use crate::engine::schedule::{Cronline, ScheduleKey, Settings, State};
use crate::engine::{Command, Engine};

pub(crate) struct UpdateSchedule {
    pub(crate) schedule: ScheduleKey,
    pub(crate) cronline: Option<Cronline>,
    /// All of them, changed or not.
    pub(crate) settings: Settings,
    /// None leaves it as it is.
    pub(crate) switch: Option<Switch>,
}

impl Command for UpdateSchedule {
    type Output = ();
    type Refused = ScheduleRefused;

    /// Chosen: a schedule that failed and is switched off goes on saying why it failed.
    fn apply(self, engine: &mut Engine) -> Result<(), ScheduleRefused> {
        let key = self.schedule;
        let old = engine.schedules.get(key);
        engine.check_schedules_change(old.pipeline)?;
        let old_line = old.cronline.text();
        let new_line = self.cronline.filter(|new| new.text() != old_line);
        let is_moved = new_line.is_some();
        let schedule = engine.schedules.change(key);
        schedule.settings = self.settings;
        if let Some(new) = new_line {
            schedule.cronline = new;
        }
        match (&schedule.state, self.switch) {
            (State::Enabled(_), Some(Switch::On) | None) if is_moved => engine.enable_schedule(key),
            (State::Disabled | State::Failed { .. }, Some(Switch::On)) => {
                engine.enable_schedule(key);
            }
            (State::Enabled(_), Some(Switch::Off)) => {
                engine.disarm_schedule(key);
                engine.schedules.change(key).state = State::Disabled;
            }
            (State::Enabled(_), Some(Switch::On) | None)
            | (State::Disabled | State::Failed { .. }, Some(Switch::Off) | None) => {}
        }
        Ok(())
    }
}
