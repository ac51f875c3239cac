//! Which builds a pipeline's settings let in.
//!
//! Two questions: whether the pipeline makes builds at all, asked of every build; and whether it makes this one, asked
//! of builds that come from outside.
//!
//! Chosen: the second is not asked of rebuilds, schedules, trigger steps and builds a test makes by hand. The
//! documented settings speak of what is pushed, and of the API; pipelines that nothing but a trigger step starts are
//! common, with `trigger_mode` set to `none`.
//! Elsewhere: what a new build does to older ones (`intermediate`).
//! Source: Buildkite docs, "Builds API", section "Create a build"; "Branch configuration"; "Using conditionals".

use crate::engine::Engine;
use crate::engine::build::Head;
use crate::engine::facts::BuildFacts;
use crate::engine::pipeline::PipelineKey;
use crate::pipeline::{BranchPatterns, Conditional, ConditionalError, EntryPoint};
use crate::vocabulary::ids::{BuildId, Kind};
use crate::vocabulary::states::BuildState;

/// Why a pipeline makes no builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    Archived,
    /// Its steps are those of a template, which is not modelled.
    Template,
}

/// Why a pipeline does not make this build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    /// Nothing is built because something was pushed to a branch.
    BranchesDisabled,
    /// Its branch is none of those the pipeline builds.
    Branch,
    /// The filter condition says no.
    Condition,
    /// The filter condition failed.
    ConditionFailed(ConditionalError),
}

/// Whether the settings that speak of branches count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BranchFilters {
    Apply,
    Ignore,
}

impl Engine {
    pub(crate) fn check_open(&self, pipeline: PipelineKey) -> Result<(), Closed> {
        let pipeline = self.pipelines.get(pipeline);
        if pipeline.archived_at.is_some() {
            return Err(Closed::Archived);
        }
        match pipeline.settings.template {
            Some(_) => Err(Closed::Template),
            None => Ok(()),
        }
    }

    pub(super) fn check_admission(
        &self,
        pipeline: PipelineKey,
        head: &Head,
        filters: BranchFilters,
    ) -> Result<(), NotAdmitted> {
        let settings = &self.pipelines.get(pipeline).settings;
        if filters == BranchFilters::Apply {
            let is_off = settings.provider.text("trigger_mode") == Some("none")
                || !settings.provider.flag("build_branches", true);
            if is_off {
                return Err(NotAdmitted::BranchesDisabled);
            }
            let patterns = settings.branch_configuration.as_deref().unwrap_or_default();
            let is_wanted = BranchPatterns::parse([patterns]).matches(&head.branch);
            if !is_wanted && head.pull_request.is_none() {
                return Err(NotAdmitted::Branch);
            }
        }
        match settings.provider.text("filter_condition") {
            Some(condition) if settings.provider.flag("filter_enabled", false) => {
                self.check_condition(pipeline, head, condition)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_condition(
        &self,
        pipeline: PipelineKey,
        head: &Head,
        condition: &str,
    ) -> Result<(), NotAdmitted> {
        let facts = BuildFacts {
            engine: self,
            pipeline,
            id: BuildId(self.mint(Kind::Build, self.builds.next_key())),
            number: self.activity.get(pipeline).last_number + 1,
            head,
            state: BuildState::Creating,
        };
        let answer = Conditional::parse(condition, EntryPoint::BuildCondition)
            .and_then(|condition| condition.evaluate(&facts));
        match answer {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotAdmitted::Condition),
            Err(error) => Err(NotAdmitted::ConditionFailed(error)),
        }
    }
}
