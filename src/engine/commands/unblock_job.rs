//! Unblock: a person lets a block or input step go on.
//!
//! Source: Buildkite docs, "Jobs API", section "Unblock a job"; "Block step".

use crate::engine::account::UserKey;
use crate::engine::job::{Event, JobKey, State};
use crate::engine::{Command, Engine};
use crate::vocabulary::states::{BuildState, JobType};

pub(crate) struct UnblockJob {
    pub(crate) job: JobKey,
    pub(crate) by: UserKey,
    /// Become meta-data of the build, under their keys; line ends become `\n`.
    pub(crate) fields: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnblockRefused {
    NotABlockStep,
    BuildCanceled,
    NotBlocked,
}

impl Command for UnblockJob {
    type Output = ();
    type Refused = UnblockRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), UnblockRefused> {
        engine.check_unblock(self.job)?;
        let build = engine.jobs.get(self.job).build;
        if !self.fields.is_empty() {
            let meta_data = &mut engine.builds.change(build).meta_data;
            for (key, value) in self.fields {
                let value = value.replace("\r\n", "\n").replace('\r', "\n");
                match meta_data.iter_mut().find(|(known, _)| *known == key) {
                    Some(known) => known.1 = value,
                    None => meta_data.push((key, value)),
                }
            }
        }
        let by = self.by;
        engine
            .change_with(self.job, Event::Unblock, |job| job.unblocked_by = Some(by))
            .expect("a blocked job can be unblocked");
        // A person acted: a blocked build goes on, even if nothing is left to run.
        if engine.builds.get(build).state == BuildState::Blocked {
            engine.change_build(build, crate::engine::build::Event::Resume);
        }
        Ok(())
    }
}

impl Engine {
    pub(crate) fn check_unblock(&self, key: JobKey) -> Result<(), UnblockRefused> {
        let job = self.jobs.get(key);
        if job.kind != JobType::Manual {
            return Err(UnblockRefused::NotABlockStep);
        }
        if matches!(
            self.builds.get(job.build).state,
            BuildState::Canceling | BuildState::Canceled
        ) {
            return Err(UnblockRefused::BuildCanceled);
        }
        if job.state != State::Blocked {
            return Err(UnblockRefused::NotBlocked);
        }
        Ok(())
    }
}
