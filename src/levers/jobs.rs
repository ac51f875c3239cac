//! Jobs by hand, and what their commands do while they run.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::engine::commands::Move;
use crate::levers::given::ExitGiven;
use crate::levers::script::{AnnotationGiven, ArtifactGiven, UploadGiven};
use crate::levers::shown::job_with_history;
use crate::levers::{Outcome, Pull, Refusal, done, shown};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promised {
    exit_status: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed {
    text: String,
}

impl Pull<'_> {
    pub(super) fn show_job(&self) -> Outcome {
        Ok(shown(200, &job_with_history(&self.job()?)))
    }

    pub(super) fn move_job(&self, wanted: Move) -> Outcome {
        self.nothing()?;
        self.make(wanted)
    }

    fn make(&self, wanted: Move) -> Outcome {
        let moved = self.job()?.try_move(wanted);
        let moved = moved.map_err(|illegal| Refusal::slip(&illegal))?;
        Ok(shown(200, &job_with_history(&moved)))
    }

    pub(super) fn finish_job(&self) -> Outcome {
        let job = self.job()?;
        job.finish_with(self.body::<ExitGiven>()?.exit());
        Ok(shown(200, &job_with_history(&job)))
    }

    pub(super) fn promise_failure(&self) -> Outcome {
        let Promised { exit_status } = self.body()?;
        self.make(Move::PromiseFailure { exit_status })
    }

    pub(super) fn unblock_job(&self) -> Outcome {
        let form: Form = self.body()?;
        if form.fields.is_empty() {
            return self.make(Move::Unblock);
        }
        let job = self.job()?;
        job.unblock_with(form.fields);
        Ok(shown(200, &job_with_history(&job)))
    }

    pub(super) fn write_log(&self) -> Outcome {
        let job = self.job()?;
        job.write_log(&self.body::<Printed>()?.text);
        Ok(done())
    }

    pub(super) fn upload_artifact(&self) -> Outcome {
        let job = self.job()?;
        let given: ArtifactGiven = self.body()?;
        let made = job.try_upload_artifact(&given.path, given.content()?);
        let made = made.map_err(|refused| Refusal::slip(&refused))?;
        Ok(shown(201, &json!({ "id": made.id.to_string() })))
    }

    pub(super) fn annotate(&self) -> Outcome {
        let job = self.job()?;
        let made = job.try_annotate(self.body::<AnnotationGiven>()?.annotation());
        let made = made.map_err(|refused| Refusal::slip(&refused))?;
        Ok(shown(201, &json!({ "id": made.id.to_string() })))
    }

    pub(super) fn upload_pipeline(&self) -> Outcome {
        let job = self.job()?;
        let given: UploadGiven = self.body()?;
        if given.after.is_some() {
            let message = "by hand an upload is made at once: leave `after` out";
            return Err(Refusal::new(400, message));
        }
        let made = job.try_upload_pipeline(given.upload());
        made.map_err(|refused| Refusal::slip(&refused))?;
        Ok(done())
    }
}
