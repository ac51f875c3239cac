//! Rebuild: a new build of the same commit, branch, message, env and pull request.
//!
//! Source: Buildkite docs, "Builds API", section "Rebuild a build".

use crate::engine::account::UserKey;
use crate::engine::build::{BuildKey, Head};
use crate::engine::commands::{CreateBuild, CreateBuildRefused};
use crate::engine::{Command, Engine};
use crate::vocabulary::states::BuildSource;

pub(crate) struct RebuildBuild {
    pub(crate) build: BuildKey,
    pub(crate) by: UserKey,
}

#[derive(Debug)]
pub(crate) enum RebuildRefused {
    /// The pipeline's `allow_rebuilds` is off.
    NotAllowed,
    /// Its steps do not make a build any more.
    Create(CreateBuildRefused),
}

impl Command for RebuildBuild {
    type Output = BuildKey;
    type Refused = RebuildRefused;

    /// Chosen: a build in any state can be rebuilt, also one that still runs.
    fn apply(self, engine: &mut Engine) -> Result<BuildKey, RebuildRefused> {
        let original = engine.builds.get(self.build);
        let pipeline = original.pipeline;
        if !engine.pipelines.get(pipeline).settings.allow_rebuilds {
            return Err(RebuildRefused::NotAllowed);
        }
        let head = Head {
            source: BuildSource::Api,
            author: None,
            creator: Some(self.by),
            rebuilt_from: Some(self.build),
            triggered_from: None,
            ..Head::clone(&original.head)
        };
        let wanted = CreateBuild {
            pipeline,
            head,
            meta_data: Vec::new(),
        };
        wanted.apply(engine).map_err(RebuildRefused::Create)
    }
}
