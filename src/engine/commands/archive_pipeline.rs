//! Archiving: a pipeline becomes read-only and makes no new builds. What it has stays, and what runs goes on.
//!
//! Source: Buildkite docs, "Pipelines API", sections "Archive a pipeline", "Unarchive a pipeline".

use crate::engine::pipeline::PipelineKey;
use crate::engine::{Command, Engine};

pub(crate) struct ArchivePipeline {
    pub(crate) pipeline: PipelineKey,
}

/// It is archived already.
#[derive(Debug)]
pub(crate) struct ArchiveRefused;

impl Command for ArchivePipeline {
    type Output = ();
    type Refused = ArchiveRefused;

    /// Chosen: builds that are not over do not keep a pipeline from being archived. Its schedules stay as they are, and
    /// are disabled when their next attempt makes no build.
    fn apply(self, engine: &mut Engine) -> Result<(), ArchiveRefused> {
        if engine.pipelines.get(self.pipeline).archived_at.is_some() {
            return Err(ArchiveRefused);
        }
        engine.pipelines.change(self.pipeline).archived_at = Some(engine.now);
        Ok(())
    }
}

pub(crate) struct UnarchivePipeline {
    pub(crate) pipeline: PipelineKey,
}

/// It is not archived.
#[derive(Debug)]
pub(crate) struct UnarchiveRefused;

impl Command for UnarchivePipeline {
    type Output = ();
    type Refused = UnarchiveRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), UnarchiveRefused> {
        if engine.pipelines.get(self.pipeline).archived_at.is_none() {
            return Err(UnarchiveRefused);
        }
        engine.pipelines.change(self.pipeline).archived_at = None;
        Ok(())
    }
}
