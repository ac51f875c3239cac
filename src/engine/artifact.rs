//! Artifacts: the files that jobs uploaded.
//!
//! Elsewhere: how one is uploaded (`commands::upload_artifact`), its JSON (`wire::artifact`), how its bytes are fetched
//! (`http::downloads`).
//! Not modelled: the life of an upload. An artifact is `finished` when it comes, until a test says otherwise.
//! Source: Buildkite docs, "Artifacts API".

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::job::JobKey;
use crate::engine::table::key;
use crate::script::ArtifactFile;
use crate::vocabulary::ids::ArtifactId;
use crate::vocabulary::states::ArtifactState;

key! {
    /// An artifact, by the order of upload.
    ArtifactKey
}

/// A file that a job uploaded. A deleted one has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Artifact {
    pub(crate) id: ArtifactId,
    pub(crate) job: JobKey,
    pub(crate) state: ArtifactState,
    pub(crate) file: ArtifactFile,
}

impl Engine {
    pub(crate) fn artifact(&self, key: ArtifactKey) -> &Artifact {
        self.artifacts.get(key)
    }

    pub(crate) fn artifact_version(&self, key: ArtifactKey) -> u64 {
        self.artifacts.version(key)
    }

    pub(crate) fn artifact_by_id(&self, id: ArtifactId) -> Option<ArtifactKey> {
        self.artifact_ids.find(id)
    }

    /// Those of a build, in the order of their upload.
    pub(crate) fn artifacts_of_build(
        &self,
        build: BuildKey,
    ) -> impl Iterator<Item = (ArtifactKey, &Artifact)> {
        self.artifacts_by_build
            .of(build)
            .map(|key| (key, self.artifacts.get(key)))
    }

    /// Those of a job, in the order of their upload.
    pub(crate) fn artifacts_of_job(
        &self,
        job: JobKey,
    ) -> impl Iterator<Item = (ArtifactKey, &Artifact)> {
        let all = self.artifacts_of_build(self.jobs.get(job).build);
        all.filter(move |(_, artifact)| artifact.job == job)
    }

    pub(super) fn remove_artifact(&mut self, key: ArtifactKey) {
        let Artifact { id, job, .. } = *self.artifacts.get(key);
        let build = self.jobs.get(job).build;
        self.artifact_ids.remove(id);
        self.artifacts_by_build.remove(build, key);
        self.artifacts.remove(key);
    }

    pub(super) fn remove_artifacts_of(&mut self, job: JobKey) {
        let all: Vec<_> = self.artifacts_of_job(job).map(|(key, _)| key).collect();
        for key in all {
            self.remove_artifact(key);
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check_artifacts(&self) {
        let count = self.artifacts.iter().count();
        assert_eq!(self.artifact_ids.len(), count);
        assert_eq!(self.artifacts_by_build.len(), count);
        for (key, artifact) in self.artifacts.iter() {
            assert_eq!(self.artifact_by_id(artifact.id), Some(key));
            let build = self.jobs.get(artifact.job).build;
            assert!(self.artifacts_by_build.contains(build, key));
            assert_ne!(artifact.state, ArtifactState::Deleted, "it has no row");
        }
    }
}
