//! A build that is asked for from outside: the pipeline's settings may say no.
//!
//! Source: Buildkite docs, "Builds API", section "Create a build".

use crate::engine::admission::{BranchFilters, NotAdmitted};
use crate::engine::build::BuildKey;
use crate::engine::commands::{CreateBuild, CreateBuildRefused};
use crate::engine::{Command, Engine};

pub(crate) struct RequestBuild {
    pub(crate) build: CreateBuild,
    pub(crate) branch_filters: BranchFilters,
}

#[derive(Debug)]
pub(crate) enum RequestBuildRefused {
    NotAdmitted(NotAdmitted),
    Create(CreateBuildRefused),
}

impl Command for RequestBuild {
    type Output = BuildKey;
    type Refused = RequestBuildRefused;

    fn apply(self, engine: &mut Engine) -> Result<BuildKey, RequestBuildRefused> {
        use RequestBuildRefused as R;
        let CreateBuild { pipeline, head, .. } = &self.build;
        // That an archived pipeline is closed comes before what it would let in.
        let open = engine.check_open(*pipeline);
        open.map_err(|closed| R::Create(closed.into()))?;
        let admitted = engine.check_admission(*pipeline, head, self.branch_filters);
        admitted.map_err(R::NotAdmitted)?;
        self.build.apply(engine).map_err(R::Create)
    }
}
