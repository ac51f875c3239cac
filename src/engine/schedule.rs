//! Pipeline schedules: what is stored about them, and what happens when one comes due.
//!
//! An enabled schedule has one armed timer, at the next instant at which its line is due. When that comes, the timer of
//! the instant after it is armed and a build is made at exactly this one; a clock that is moved by a month passes
//! through every instant on the way.
//!
//! An attempt that makes no build disables the schedule, and why is kept until it is enabled again or makes one.
//!
//! Elsewhere: what a line means (`crate::schedule`), what is asked for (`commands`), its JSON (`wire::schedule`).
//! Source: Buildkite docs, "Pipeline schedules API", "Scheduled builds"; that one that fails disables itself is said by
//! staff in buildkite/feedback, issue 61.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::account::UserKey;
use crate::engine::build::{BuildKey, Head};
use crate::engine::commands::CreateBuild;
use crate::engine::pipeline::PipelineKey;
use crate::engine::table::key;
use crate::engine::timers::{Timer, TimerKey};
use crate::engine::{Command as _, Engine};
use crate::persistent::List;
use crate::schedule::{Cron, CronError};
use crate::vocabulary::event::{EventKind, ScheduleRef};
use crate::vocabulary::ids::ScheduleId;
use crate::vocabulary::states::BuildSource;

key! {
    /// A schedule, by the order of creation.
    ScheduleKey
}

/// A schedule of a pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) id: ScheduleId,
    pub(crate) pipeline: PipelineKey,
    pub(crate) cronline: Cronline,
    pub(crate) settings: Settings,
    pub(crate) state: State,
    pub(crate) created_by: Option<UserKey>,
    pub(crate) created_at: DateTime<Utc>,
    /// What it made, in the order of creation.
    pub(crate) builds: List<BuildKey>,
}

/// Whether a schedule makes builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It does when this timer fires. No timer: its line never comes due again before time ends.
    Enabled(Option<TimerKey>),
    /// Somebody switched it off.
    Disabled,
    /// Its latest attempt made no build, and that switched it off.
    Failed {
        message: Arc<str>,
        at: DateTime<Utc>,
    },
}

/// What can be set on a schedule besides its line: mostly what its builds are like.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) label: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) commit: String,
    pub(crate) branch: String,
    pub(crate) env: Vec<(String, String)>,
}

impl Settings {
    /// The commit of builds whose schedule names none.
    pub(crate) const DEFAULT_COMMIT: &str = "HEAD";

    /// Those of a schedule that says nothing.
    ///
    /// Chosen: it takes the default branch its pipeline has at that moment, and keeps it.
    pub(crate) fn for_branch(default_branch: String) -> Self {
        Self {
            label: None,
            message: None,
            commit: Self::DEFAULT_COMMIT.to_owned(),
            branch: default_branch,
            env: Vec::new(),
        }
    }
}

/// A cron line that was read: as it was written, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Cronline {
    text: String,
    cron: Arc<Cron>,
}

impl Cronline {
    /// The error's text completes `Cronline …`.
    pub(crate) fn read(text: String) -> Result<Self, CronError> {
        let cron = Cron::parse(&text)?.into();
        Ok(Self { text, cron })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The first instant after this one at which it is due.
    pub(crate) fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.next_after(after)
    }
}

impl Schedule {
    pub(crate) fn timer(&self) -> Option<TimerKey> {
        match self.state {
            State::Enabled(timer) => timer,
            State::Disabled | State::Failed { .. } => None,
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        match self.state {
            State::Enabled(_) => true,
            State::Disabled | State::Failed { .. } => false,
        }
    }

    pub(crate) fn next_build_at(&self) -> Option<DateTime<Utc>> {
        self.timer().map(|timer| timer.due)
    }

    /// Why and when its latest attempt made no build, if it did not.
    pub(crate) fn failure(&self) -> Option<(&str, DateTime<Utc>)> {
        match &self.state {
            State::Failed { message, at } => Some((message, *at)),
            State::Enabled(_) | State::Disabled => None,
        }
    }
}

impl Engine {
    pub(crate) fn schedule(&self, key: ScheduleKey) -> &Schedule {
        self.schedules.get(key)
    }

    pub(crate) fn find_schedule(&self, key: ScheduleKey) -> Option<&Schedule> {
        self.schedules.find(key)
    }

    pub(crate) fn schedule_version(&self, key: ScheduleKey) -> u64 {
        self.schedules.version(key)
    }

    pub(crate) fn schedule_by_id(&self, id: ScheduleId) -> Option<ScheduleKey> {
        self.schedule_ids.find(id)
    }

    /// The schedules of a pipeline, oldest first.
    pub(crate) fn schedules_of(&self, pipeline: PipelineKey) -> Vec<ScheduleKey> {
        self.schedules_by_pipeline.of(pipeline).collect()
    }

    pub(crate) fn schedule_ref(&self, key: ScheduleKey) -> ScheduleRef {
        let schedule = self.schedules.get(key);
        let label = schedule.settings.label.as_deref();
        ScheduleRef {
            pipeline: Arc::clone(&self.pipelines.get(schedule.pipeline).slug),
            name: label.unwrap_or(schedule.cronline.text()).into(),
            id: schedule.id,
        }
    }

    /// The next attempt makes no build, and this is why. Told again before that, the last words count.
    pub(crate) fn order_failure(&mut self, key: ScheduleKey, message: Arc<str>) {
        self.ordered_failures.insert(key, message);
    }

    /// The schedules that were told to fail, and had no occasion to.
    pub(crate) fn unused_failures(&self) -> Vec<String> {
        let schedules = self.ordered_failures.keys();
        schedules
            .map(|key| self.schedule_ref(*key))
            .map(|schedule| format!("`{}` of `{}`", schedule.name, schedule.pipeline))
            .collect()
    }

    /// A slot: the one after it is armed, and a build is made.
    pub(super) fn come_due(&mut self, key: ScheduleKey) {
        self.enable_schedule(key);
        // Whether there is one is told by the events.
        let _ = self.attempt(key);
    }

    /// Makes a build at this instant, or notes why not. Slots are what they were, unless it fails.
    ///
    /// Chosen: the settings that say which builds clients may ask for are not asked, see `admission`.
    pub(super) fn attempt(&mut self, key: ScheduleKey) -> Result<BuildKey, Arc<str>> {
        let told = self.events.len();
        match self.build_of(key) {
            Ok(build) => {
                let fired = EventKind::ScheduleFired {
                    schedule: self.schedule_ref(key),
                    build: self.build_ref(build),
                };
                self.record(fired);
                // Before what it led to.
                self.events[told..].rotate_right(1);
                let schedule = self.schedules.change(key);
                schedule.builds.push(build);
                // Only one fired by hand can be in this state.
                if let State::Failed { .. } = schedule.state {
                    schedule.state = State::Disabled;
                }
                Ok(build)
            }
            Err(message) => {
                self.record(EventKind::ScheduleFailed {
                    schedule: self.schedule_ref(key),
                    message: Arc::clone(&message),
                });
                self.disarm_schedule(key);
                self.schedules.change(key).state = State::Failed {
                    message: Arc::clone(&message),
                    at: self.now,
                };
                Err(message)
            }
        }
    }

    fn build_of(&mut self, key: ScheduleKey) -> Result<BuildKey, Arc<str>> {
        if let Some(message) = self.ordered_failures.get(&key).cloned() {
            self.ordered_failures.remove(&key);
            return Err(message);
        }
        let schedule = self.schedules.get(key);
        let settings = &schedule.settings;
        let head = Head {
            commit: settings.commit.clone(),
            branch: settings.branch.clone(),
            tag: None,
            // Chosen: a schedule without a message has nothing else to say; the documentation is silent.
            message: settings
                .message
                .as_ref()
                .or(settings.label.as_ref())
                .cloned(),
            env: settings.env.clone(),
            source: BuildSource::Schedule,
            author: None,
            creator: schedule.created_by,
            pull_request: None,
            clean_checkout: false,
            rebuilt_from: None,
            triggered_from: None,
            changed_files: None,
        };
        let wanted = CreateBuild {
            pipeline: schedule.pipeline,
            head,
            meta_data: Vec::new(),
        };
        let made = wanted.apply(self);
        made.map_err(|refused| refused.as_buildkite_says().into())
    }

    /// Arms the timer of the first slot after now, in the place of any other.
    pub(super) fn enable_schedule(&mut self, key: ScheduleKey) {
        self.disarm_schedule(key);
        let next = self.schedules.get(key).cronline.next_after(self.now);
        let timer = next.map(|due| self.timers.arm(due, Timer::Slot(key)));
        self.schedules.change(key).state = State::Enabled(timer);
    }

    pub(super) fn disarm_schedule(&mut self, key: ScheduleKey) {
        if let Some(timer) = self.schedules.get(key).timer() {
            self.timers.disarm(timer);
        }
    }

    /// Its builds stay.
    pub(super) fn remove_schedule(&mut self, key: ScheduleKey) {
        self.disarm_schedule(key);
        let Schedule { id, pipeline, .. } = *self.schedules.get(key);
        self.schedule_ids.remove(id);
        self.schedules_by_pipeline.remove(pipeline, key);
        self.ordered_failures.remove(&key);
        self.schedules.remove(key);
    }
}
