//! Artifacts in the hands of a test: uploading them, by script and by hand, and reading them.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::artifact::ArtifactKey;
use crate::engine::commands::{MarkArtifact, UploadArtifact};
use crate::fake::choices::listed;
use crate::fake::{BuildHandle, JobHandle, JobScript, NotAtWork};
use crate::script::{Act, ArtifactFile, When};
use crate::vocabulary::ids::{ArtifactId, JobId};
use crate::vocabulary::slip::slip;
use crate::vocabulary::states::ArtifactState;

/// An artifact, as it was when a test asked.
///
/// ```
/// let fake = fake_buildkite::FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: make, key: pack}]").create_build();
/// build.job("pack").start();
/// let artifact = build.job("pack").upload_artifact("dist/app.txt", "hello");
/// assert_eq!((artifact.path.as_str(), &*artifact.content), ("dist/app.txt", &b"hello"[..]));
/// assert_eq!(build.artifacts(), [artifact]);
/// ```
///
/// Source: Buildkite docs, "Artifacts API", section "Artifact data model".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactRecord {
    /// Its id.
    pub id: ArtifactId,
    /// The job that uploaded it.
    pub job_id: JobId,
    /// Where the file was, from the directory of the checkout.
    pub path: String,
    /// What kind of file it is, by the end of its name.
    pub mime_type: String,
    /// How far its upload got: `finished`, unless a test said otherwise.
    pub state: ArtifactState,
    /// SHA-1 of its bytes, in 40 hexadecimal digits.
    pub sha1sum: String,
    /// Its bytes; every copy of them is the same memory.
    pub content: Arc<[u8]>,
}

impl ArtifactRecord {
    fn of(engine: &Engine, key: ArtifactKey) -> Self {
        let artifact = engine.artifact(key);
        let file = &artifact.file;
        Self {
            id: artifact.id,
            job_id: engine.job(artifact.job).id,
            path: file.path.to_string(),
            mime_type: file.mime_type.to_owned(),
            state: artifact.state,
            sha1sum: file.sha1sum.to_string(),
            content: Arc::clone(&file.content),
        }
    }
}

impl JobScript {
    /// The command uploads a file, as the last thing before it ends: text, or any bytes.
    ///
    /// The bytes are kept once, however often the job runs and whoever fetches them.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: pack}]").create();
    /// app.on_job("pack")
    ///     .uploads_artifact("dist/app.tar", vec![0_u8; 1024])
    ///     .uploads_artifact("log/pack.log", "packed\n");
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// let paths: Vec<_> = build.artifacts().into_iter().map(|artifact| artifact.path).collect();
    /// assert_eq!(paths, ["dist/app.tar", "log/pack.log"]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the path names no file.
    #[track_caller]
    pub fn uploads_artifact(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        let act = Act::UploadArtifact(file(path, content));
        self.set(|attempt| attempt.acts.push((When::AtTheEnd, act)))
    }
}

impl JobHandle {
    /// The job uploads a file, as `buildkite-agent artifact upload` does in a command that runs.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: pack}]").create_build();
    /// build.job("pack").start();
    /// build.job("pack").upload_artifact("log/pack.log", "packed\n");
    /// assert_eq!(build.job("pack").artifacts()[0].mime_type, "text/plain");
    /// ```
    ///
    /// # Panics
    ///
    /// If no agent works on the job, or the path names no file.
    #[track_caller]
    pub fn upload_artifact(&self, path: &str, content: impl Into<Vec<u8>>) -> ArtifactRecord {
        match self.try_upload_artifact(path, content) {
            Ok(artifact) => artifact,
            Err(error) => slip!("{error}"),
        }
    }

    /// As [`upload_artifact`](Self::upload_artifact), for a test that wants to see it refused.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: pack}]").create_build();
    /// assert!(build.job("pack").try_upload_artifact("app.tar", "").is_err(), "it does not run yet");
    /// build.job("pack").start();
    /// assert_eq!(build.job("pack").try_upload_artifact("app.tar", "").unwrap().path, "app.tar");
    /// ```
    ///
    /// # Errors
    ///
    /// If no agent works on the job. Nothing has changed then.
    ///
    /// # Panics
    ///
    /// If the path names no file.
    #[track_caller]
    pub fn try_upload_artifact(
        &self,
        path: &str,
        content: impl Into<Vec<u8>>,
    ) -> Result<ArtifactRecord, NotAtWork> {
        let file = file(path, content);
        // Looked up first, so that a job that is gone is said to be gone.
        let refusal = self.not_at_work("upload an artifact");
        let uploaded = self.tie.driver().apply(UploadArtifact {
            job: self.key,
            file,
        });
        match uploaded {
            Ok(key) => Ok(self.read(|engine, _| ArtifactRecord::of(engine, key))),
            Err(_) => Err(refusal),
        }
    }

    /// Its artifacts, in the order in which they were uploaded.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: pack}]").create();
    /// app.on_job("pack").uploads_artifact("app.tar", "bytes");
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(&*build.job("pack").artifacts()[0].content, b"bytes");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn artifacts(&self) -> Vec<ArtifactRecord> {
        self.read(|engine, _| {
            let all = engine.artifacts_of_job(self.key);
            all.map(|(key, _)| ArtifactRecord::of(engine, key))
                .collect()
        })
    }

    /// The upload of its latest artifact with this path came to something else than `finished`: it is still on its way
    /// (`new`), it failed (`error`), or its time is over (`expired`). With `deleted` it is gone, as if somebody had
    /// deleted it.
    ///
    /// ```
    /// use fake_buildkite::{ArtifactState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: pack}]").create_build();
    /// let job = build.job("pack");
    /// job.start();
    /// job.upload_artifact("app.tar", "");
    /// job.mark_artifact("app.tar", ArtifactState::Expired);
    /// assert_eq!(job.artifacts()[0].state, ArtifactState::Expired);
    /// ```
    ///
    /// # Panics
    ///
    /// If it has no such artifact.
    #[track_caller]
    pub fn mark_artifact(&self, path: &str, state: ArtifactState) {
        let found = self.read(|engine, _| {
            let all: Vec<_> = engine.artifacts_of_job(self.key).collect();
            let mut with_path = all.iter().rev();
            let with_path = with_path.find(|(_, artifact)| *artifact.file.path == *path);
            with_path.map(|(key, _)| *key).ok_or_else(|| {
                let paths = all.iter().map(|(_, artifact)| &artifact.file.path);
                format!(
                    "no artifact `{path}` of {}; it has {}",
                    engine.job_ref(self.key),
                    listed(paths)
                )
            })
        });
        let artifact = match found {
            Ok(artifact) => artifact,
            Err(message) => slip!("{message}"),
        };
        let Ok(()) = self.tie.driver().apply(MarkArtifact { artifact, state });
    }
}

impl BuildHandle {
    /// The artifacts of all its jobs, in the order in which they were uploaded.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: a, key: a}, {command: b, key: b}]").create();
    /// app.on_job("a").uploads_artifact("a.log", "");
    /// app.on_job("b").uploads_artifact("b.log", "");
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// let paths: Vec<_> = build.artifacts().into_iter().map(|one| one.path).collect();
    /// assert_eq!(paths, ["a.log", "b.log"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn artifacts(&self) -> Vec<ArtifactRecord> {
        self.read(|engine, _| {
            let all = engine.artifacts_of_build(self.key);
            all.map(|(key, _)| ArtifactRecord::of(engine, key))
                .collect()
        })
    }
}

#[track_caller]
fn file(path: &str, content: impl Into<Vec<u8>>) -> ArtifactFile {
    match ArtifactFile::new(path, content.into().into()) {
        Some(file) => file,
        None => slip!("`{path}` is the path of no file: nothing can be uploaded from there"),
    }
}
