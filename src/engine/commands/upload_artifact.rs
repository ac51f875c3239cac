//! A job uploads a file; somebody deletes one, or says that its upload came to something else.
//!
//! Source: Buildkite docs, "Artifacts API"; "buildkite-agent artifact".

use std::convert::Infallible;
use std::sync::Arc;

use crate::engine::artifact::{Artifact, ArtifactKey};
use crate::engine::job::{JobKey, State};
use crate::engine::{Command, Engine};
use crate::script::ArtifactFile;
use crate::vocabulary::event::EventKind;
use crate::vocabulary::ids::{ArtifactId, Kind};
use crate::vocabulary::states::ArtifactState;

/// No agent works on a job, so nobody can do anything in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAtWork;

/// Two files with the same path are two artifacts, as on Buildkite.
pub(crate) struct UploadArtifact {
    pub(crate) job: JobKey,
    pub(crate) file: ArtifactFile,
}

impl Command for UploadArtifact {
    type Output = ArtifactKey;
    type Refused = NotAtWork;

    fn apply(self, engine: &mut Engine) -> Result<ArtifactKey, NotAtWork> {
        let Self { job, file } = self;
        engine.check_at_work(job)?;
        let id = ArtifactId(engine.mint(Kind::Artifact, engine.artifacts.next_key()));
        let path = Arc::clone(&file.path);
        let key = engine.artifacts.push(Artifact {
            id,
            job,
            state: ArtifactState::Finished,
            file,
        });
        let build = engine.jobs.get(job).build;
        engine.artifact_ids.insert(id, key);
        engine.artifacts_by_build.insert(build, key);
        engine.record(EventKind::ArtifactUploaded {
            job: engine.job_ref(job),
            path,
        });
        Ok(key)
    }
}

/// `deleted` is the end of it: it is in no list any more.
pub(crate) struct MarkArtifact {
    pub(crate) artifact: ArtifactKey,
    pub(crate) state: ArtifactState,
}

impl Command for MarkArtifact {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        let Self { artifact, state } = self;
        match state {
            ArtifactState::Deleted => engine.remove_artifact(artifact),
            ArtifactState::New
            | ArtifactState::Error
            | ArtifactState::Finished
            | ArtifactState::Expired => engine.artifacts.change(artifact).state = state,
        }
        Ok(())
    }
}

impl Engine {
    /// Whether a command runs on an agent that is heard of.
    pub(crate) fn check_at_work(&self, key: JobKey) -> Result<(), NotAtWork> {
        let job = self.jobs.get(key);
        let is_at_work = job.state.is_on_agent() && job.state != State::Accepted;
        if is_at_work && job.agent.is_some() && !self.is_silent(key) {
            Ok(())
        } else {
            Err(NotAtWork)
        }
    }
}
