//! Step uploads: what jobs uploaded into their builds, and what the server made of it.
//!
//! Those an agent gave up on were never sent, and are not here.
//!
//! Elsewhere: how one comes about (`commands::upload_pipeline`), its JSON (`wire::step_upload`).
//! Not modelled: the maximum lifetime of a build, after which nobody can ask for its uploads: how long that is is not
//! documented.
//! Source: buildkite/go-buildkite, `step_uploads.go`; Buildkite's documentation does not have them.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::finding::{Belongings, ById};
use crate::engine::job::JobKey;
use crate::engine::table::{Table, key};
use crate::pipeline::Sent;
use crate::vocabulary::ids::{Kind, StepUploadId};

key! {
    /// A step upload, by the order in which they came.
    StepUploadKey
}

/// One document that a job uploaded. It never changes: the server looks at it as it comes.
#[derive(Debug, Clone)]
pub(crate) struct StepUpload {
    pub(crate) id: StepUploadId,
    pub(crate) job: JobKey,
    /// Whether it was to take the place of what had not begun.
    pub(crate) replaces: bool,
    pub(crate) outcome: Outcome,
    pub(crate) definition: Sent,
    pub(crate) created_at: DateTime<Utc>,
}

/// What the server made of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It became so many jobs, those that will not run included.
    Applied { jobs: u32 },
    /// And why, as the uploading command was told.
    Rejected(Arc<str>),
}

/// All of them.
#[derive(Debug, Clone)]
pub(super) struct StepUploads {
    rows: Table<StepUploadKey, StepUpload>,
    ids: ById<StepUploadId, StepUploadKey>,
    /// In the order in which they came.
    by_build: Belongings<BuildKey, StepUploadKey>,
}

impl StepUploads {
    pub(super) fn new() -> Self {
        Self {
            rows: Table::new(),
            ids: ById::new(),
            by_build: Belongings::new(),
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.rows.writes() == other.rows.writes()
            && self.ids == other.ids
            && self.by_build == other.by_build
    }
}

impl Engine {
    pub(crate) fn step_upload(&self, key: StepUploadKey) -> &StepUpload {
        self.step_uploads.rows.get(key)
    }

    pub(crate) fn step_upload_version(&self, key: StepUploadKey) -> u64 {
        self.step_uploads.rows.version(key)
    }

    pub(crate) fn step_upload_by_id(&self, id: StepUploadId) -> Option<StepUploadKey> {
        self.step_uploads.ids.find(id)
    }

    /// Those of a build, in the order in which they came.
    pub(crate) fn step_uploads_of(
        &self,
        build: BuildKey,
    ) -> impl Iterator<Item = (StepUploadKey, &StepUpload)> {
        self.step_uploads
            .by_build
            .of(build)
            .map(|key| (key, self.step_uploads.rows.get(key)))
    }

    /// Keeps in mind what a job uploaded at this instant.
    pub(super) fn keep_step_upload(
        &mut self,
        job: JobKey,
        replaces: bool,
        definition: Sent,
        outcome: Outcome,
    ) {
        let build = self.jobs.get(job).build;
        let id = StepUploadId(self.mint(Kind::StepUpload, self.step_uploads.rows.next_key()));
        let key = self.step_uploads.rows.push(StepUpload {
            id,
            job,
            replaces,
            outcome,
            definition,
            created_at: self.now,
        });
        self.step_uploads.ids.insert(id, key);
        self.step_uploads.by_build.insert(build, key);
    }

    pub(super) fn remove_step_uploads_of(&mut self, build: BuildKey) {
        let all: Vec<_> = self
            .step_uploads_of(build)
            .map(|(key, upload)| (key, upload.id))
            .collect();
        for (key, id) in all {
            self.step_uploads.ids.remove(id);
            self.step_uploads.by_build.remove(build, key);
            self.step_uploads.rows.remove(key);
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check_step_uploads(&self) {
        let count = self.step_uploads.rows.iter().count();
        assert_eq!(self.step_uploads.ids.len(), count);
        assert_eq!(self.step_uploads.by_build.len(), count);
        for (key, upload) in self.step_uploads.rows.iter() {
            assert_eq!(self.step_upload_by_id(upload.id), Some(key));
            let job = self.jobs.get(upload.job);
            assert!(self.step_uploads.by_build.contains(job.build, key));
            assert!(
                job.times
                    .started_at
                    .is_some_and(|at| at <= upload.created_at),
                "only a job that began uploads anything"
            );
        }
        for build in self.builds() {
            let all = self.step_uploads_of(build);
            let applied =
                all.filter(|(_, upload)| matches!(upload.outcome, Outcome::Applied { .. }));
            let counted = self.progress.get(build).uploads;
            assert_eq!(applied.count(), counted, "every upload is kept");
        }
    }
}
