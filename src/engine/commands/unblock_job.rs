//! Unblock: a person lets a block or input step go on.
//!
//! Source: Buildkite docs, "Jobs API", section "Unblock a job"; "Block step".

use crate::engine::account::UserKey;
use crate::engine::job::{Event, JobKey, State};
use crate::engine::{Command, Engine};
use crate::pipeline::{FieldError, Step};
use crate::vocabulary::states::{BuildState, JobType};

pub(crate) struct UnblockJob {
    pub(crate) job: JobKey,
    pub(crate) by: UserKey,
    /// Become meta-data of the build, under their keys; line ends become `\n`.
    pub(crate) answers: Answers,
}

/// What a person filled in.
pub(crate) enum Answers {
    /// A value or several for each key, checked against the step's fields.
    Form(Vec<(String, Vec<String>)>),
    /// Every field's default. By hand a test lets the step go on; what it did not fill in is no reason to refuse.
    Defaults,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnblockRefused {
    NotABlockStep,
    BuildCanceled,
    NotBlocked,
    /// What was filled in does not fit the step's fields.
    Field(FieldError),
}

impl Command for UnblockJob {
    type Output = ();
    type Refused = UnblockRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), UnblockRefused> {
        engine.check_unblock(self.job)?;
        let meta_data = engine.meta_data_of(self.job, self.answers)?;
        let build = engine.jobs.get(self.job).build;
        for (key, value) in meta_data {
            engine.set_meta_data(build, &key, value);
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
    fn meta_data_of(
        &self,
        key: JobKey,
        answers: Answers,
    ) -> Result<Vec<(String, String)>, UnblockRefused> {
        let (Step::Block(step) | Step::Input(step)) = &*self.jobs.get(key).spec else {
            return Ok(Vec::new());
        };
        match answers {
            Answers::Defaults => Ok(step.defaults()),
            Answers::Form(answers) => {
                let mut meta_data = step.check(&answers, fits).map_err(UnblockRefused::Field)?;
                // Chosen: what the form does not ask for is kept all the same; a program may send more than it shows.
                for (key, values) in answers {
                    if !meta_data.iter().any(|(known, _)| *known == key) {
                        meta_data.push((
                            key,
                            values.join("\n").replace("\r\n", "\n").replace('\r', "\n"),
                        ));
                    }
                }
                Ok(meta_data)
            }
        }
    }

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

/// Whether the whole of a text is what a field's `format` says.
///
/// Chosen: a format that this fake cannot read lets everything through, because the form is Buildkite's.
fn fits(format: &str, text: &str) -> bool {
    regex_lite::Regex::new(&format!("^(?:{format})$")).map_or(true, |format| format.is_match(text))
}
