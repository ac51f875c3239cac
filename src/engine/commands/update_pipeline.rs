//! Changing a pipeline: its name, its slug and so every URL, its settings, its steps.
//!
//! Source: Buildkite docs, "Pipelines API", section "Update a pipeline".

use std::sync::Arc;

use crate::engine::commands::PipelineRefused;
use crate::engine::commands::create_pipeline::check_filter_condition;
use crate::engine::pipeline::{PipelineKey, Settings};
use crate::engine::provider::Provider;
use crate::engine::recipe::{Recipe, Source};
use crate::engine::{Command, Engine};

pub(crate) struct UpdatePipeline {
    pub(crate) pipeline: PipelineKey,
    pub(crate) name: Option<String>,
    pub(crate) slug: NewSlug,
    /// All of them, changed or not.
    pub(crate) settings: Settings,
    pub(crate) steps: Option<Source>,
    /// Ignored where YAML says it.
    pub(crate) env: Option<Vec<(String, String)>>,
}

/// What becomes of the slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NewSlug {
    /// It follows the name, if that changes.
    Follow,
    /// It is derived from the name, whether that changes or not.
    Derive,
    This(String),
}

#[derive(Debug)]
pub(crate) enum UpdatePipelineRefused {
    Archived,
    /// The steps of a YAML pipeline are changed by its YAML.
    StepsOfYaml,
    /// Without its template the pipeline has no steps.
    StepsMissing,
    Invalid(PipelineRefused),
}

impl From<PipelineRefused> for UpdatePipelineRefused {
    fn from(refused: PipelineRefused) -> Self {
        Self::Invalid(refused)
    }
}

impl Command for UpdatePipeline {
    type Output = ();
    type Refused = UpdatePipelineRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), UpdatePipelineRefused> {
        use UpdatePipelineRefused as R;
        let old = engine.pipelines.get(self.pipeline);
        if old.archived_at.is_some() {
            return Err(R::Archived);
        }
        match (&old.source, &self.steps, self.settings.template) {
            (Source::Yaml(_), Some(Source::Visual(_)), _) => return Err(R::StepsOfYaml),
            (Source::Template, None, None) => return Err(R::StepsMissing),
            (Source::Yaml(_) | Source::Visual(_) | Source::Template, _, _) => {}
        }
        let organization = old.organization;
        let old_slug = Arc::clone(&old.slug);
        let name = self.name.as_deref().unwrap_or(&old.name);
        let slug = match &self.slug {
            NewSlug::Follow if self.name.is_none() => Some(&*old_slug),
            NewSlug::Follow | NewSlug::Derive => None,
            NewSlug::This(slug) => Some(slug.as_str()),
        };
        let slug = engine.free_slug(organization, Some(self.pipeline), name, slug)?;
        let id = old.id;
        let recipe = self.steps.map(|steps| Recipe::read(steps, id)).transpose();
        let recipe = recipe.map_err(PipelineRefused::Steps)?;
        check_filter_condition(&self.settings)?;
        let provider = Provider::of(&self.settings.repository);

        let pipeline = engine.pipelines.change(self.pipeline);
        if pipeline.provider != provider {
            // Chosen: the webhook is in the repository that was.
            pipeline.has_webhook = false;
        }
        pipeline.settings = self.settings;
        pipeline.settings.provider.retain_known(provider.kind);
        pipeline.provider = provider;
        if let Some(name) = self.name {
            pipeline.name = name;
        }
        if let Some(recipe) = recipe {
            let was_yaml = matches!(pipeline.source, Source::Yaml(_));
            let is_yaml = matches!(recipe.source, Source::Yaml(_));
            // Beside visual steps, `env` is a setting of its own: new steps leave it alone.
            if is_yaml || was_yaml {
                pipeline.env = recipe.env;
            }
            pipeline.source = recipe.source;
            pipeline.definition = recipe.definition;
            pipeline.steps = recipe.steps;
            pipeline.notify = recipe.notify;
        }
        if let (Some(env), Source::Visual(_) | Source::Template) = (self.env, &pipeline.source) {
            pipeline.env = Some(env);
        }
        pipeline.slug = Arc::clone(&slug);
        engine.slugs.remove(&(organization, old_slug));
        engine.slugs.insert((organization, slug), self.pipeline);
        Ok(())
    }
}
