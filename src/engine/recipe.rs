//! What a pipeline makes its builds of: steps as they were given, read and checked before anything is stored.
//!
//! Elsewhere: the steps of one build (`commands::create_build`), visual steps and their translation
//! (`crate::pipeline::visual`).
//! Source: Buildkite docs, "Pipelines API", "Create a YAML pipeline", "Create a visual step pipeline".

use std::fmt;
use std::sync::Arc;

use crate::engine::graph::{self, Placed};
use crate::engine::notify;
use crate::pipeline::{
    Conditional, Definition, EntryPoint, Notification, PipelineError, VisualStep,
};
use crate::vocabulary::ids::PipelineId;

/// What steps are given as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// YAML, byte for byte.
    Yaml(String),
    Visual(Arc<[VisualStep]>),
    /// Whatever the pipeline's template says.
    Template,
}

/// Steps that are fit to be stored with a pipeline.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) source: Source,
    pub(crate) definition: Arc<Definition>,
    /// As written, out of their groups.
    pub(crate) steps: Arc<[Placed]>,
    /// What the steps themselves say about the environment.
    pub(crate) env: Option<Vec<(String, String)>>,
    /// Whom to tell of its builds.
    pub(crate) notify: Vec<Notification>,
}

/// Why steps are not stored.
#[derive(Debug)]
pub(crate) enum RecipeRefused {
    Configuration(PipelineError),
    Visual(PipelineError),
    /// A condition of a step; the text is Buildkite's.
    Condition(String),
}

impl fmt::Display for RecipeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(error) | Self::Visual(error) => error.fmt(f),
            Self::Condition(text) => f.write_str(text),
        }
    }
}

impl Recipe {
    /// Of the pipeline with this id.
    pub(crate) fn read(source: Source, pipeline: PipelineId) -> Result<Self, RecipeRefused> {
        let pipeline = pipeline.to_string();
        let visual = |steps| Definition::visual(steps, &pipeline).map_err(RecipeRefused::Visual);
        let definition = match &source {
            Source::Yaml(text) => Definition::load(text).map_err(RecipeRefused::Configuration)?,
            Source::Visual(steps) => visual(steps)?,
            Source::Template => visual(&[])?,
        };
        let refused = match source {
            Source::Yaml(_) => RecipeRefused::Configuration,
            Source::Visual(_) | Source::Template => RecipeRefused::Visual,
        };
        let shown = definition.pipeline().map_err(refused)?;
        let steps: Arc<[Placed]> = graph::place(shown.steps, 0).into();
        check_conditions(&steps)?;
        if let Some(sentence) = notify::refused_condition(&shown.notify, &steps, false) {
            return Err(RecipeRefused::Condition(sentence));
        }
        Ok(Self {
            definition: Arc::new(definition),
            steps,
            notify: shown.notify,
            env: match source {
                Source::Yaml(_) => shown.env,
                Source::Visual(_) | Source::Template => Some(Vec::new()),
            },
            source,
        })
    }
}

/// Conditions are read when a pipeline is saved; what they say is asked of every build.
fn check_conditions(steps: &[Placed]) -> Result<(), RecipeRefused> {
    for Placed { step, group, .. } in steps {
        let of_group = group
            .as_ref()
            .and_then(|group| group.step.condition.as_ref());
        for condition in [of_group, step.condition()].into_iter().flatten() {
            // What a build fills in is checked with the build.
            if condition.text.contains('$') {
                continue;
            }
            if let Err(error) = Conditional::parse(&condition.text, EntryPoint::BuildCondition) {
                return Err(RecipeRefused::Condition(format!(
                    "`if` expression failed to parse: {}",
                    error.message()
                )));
            }
        }
    }
    Ok(())
}
