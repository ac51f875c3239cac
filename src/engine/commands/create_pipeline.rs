//! A new pipeline, from YAML, from visual steps or from a template.
//!
//! Source: Buildkite docs, "Pipelines API", sections "Create a YAML pipeline", "Create a visual step pipeline",
//! "Deriving a pipeline slug from the pipeline's name".

use std::sync::Arc;

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::pipeline::{self, Activity, Pipeline, PipelineKey, Settings};
use crate::engine::provider::Provider;
use crate::engine::recipe::{Recipe, RecipeRefused, Source};
use crate::engine::table::Key as _;
use crate::engine::team::TeamKey;
use crate::engine::{Command, Engine};
use crate::pipeline::{Conditional, EntryPoint};
use crate::script::Scripts;
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::{self, Kind, PipelineId};

pub(crate) struct CreatePipeline {
    pub(crate) organization: OrganizationKey,
    pub(crate) name: String,
    /// Derived from the name if absent.
    pub(crate) slug: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) steps: Source,
    /// Of a pipeline with visual steps; the YAML of one says it itself.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) access: Access,
    /// The teams that have it from the beginning.
    pub(crate) teams: Vec<(TeamKey, Access)>,
    pub(crate) created_by: Option<UserKey>,
}

/// What is not accepted of a pipeline, new or changed.
#[derive(Debug)]
pub(crate) enum PipelineRefused {
    /// The name has no letter or digit to make a slug of.
    NameInvalid,
    NameTaken,
    SlugInvalid,
    SlugTaken,
    Steps(RecipeRefused),
    /// The condition that new builds have to meet; the text is Buildkite's.
    FilterCondition(String),
}

impl Command for CreatePipeline {
    type Output = PipelineKey;
    type Refused = PipelineRefused;

    fn apply(self, engine: &mut Engine) -> Result<PipelineKey, PipelineRefused> {
        let slug = engine.free_slug(self.organization, None, &self.name, self.slug.as_deref())?;
        let key = engine.pipelines.next_key();
        let id = PipelineId(engine.mint(Kind::Pipeline, key));
        let recipe = Recipe::read(self.steps, id).map_err(PipelineRefused::Steps)?;
        check_filter_condition(&self.settings)?;
        let ordinal = u64::from(key.row());
        let env = match recipe.source {
            Source::Yaml(_) => recipe.env,
            Source::Visual(_) | Source::Template => Some(self.env),
        };
        let pipeline = Pipeline {
            id,
            organization: self.organization,
            name: self.name,
            slug: Arc::clone(&slug),
            provider: Provider::of(&self.settings.repository),
            settings: self.settings,
            source: recipe.source,
            definition: recipe.definition,
            steps: recipe.steps,
            env,
            notify: recipe.notify,
            created_by: self.created_by,
            created_at: engine.now,
            archived_at: None,
            has_webhook: false,
            access: self.access,
            badge: ids::hex(engine.seed, Kind::Badge, ordinal, 50),
            webhook: ids::hex(engine.seed, Kind::Webhook, ordinal, 50),
        };
        engine.pipelines.push(pipeline);
        engine.activity.push(Activity::default());
        engine.scripts.push(Scripts::new());
        engine.slugs.insert((self.organization, slug), key);
        engine
            .organizations
            .change(self.organization)
            .pipelines
            .push(key);
        for (team, access) in self.teams {
            engine.give_to_team(team, key, access);
        }
        Ok(key)
    }
}

/// A condition is read when it is set, whether it is on or not.
pub(super) fn check_filter_condition(settings: &Settings) -> Result<(), PipelineRefused> {
    let condition = settings.provider.text("filter_condition").unwrap_or("");
    match Conditional::parse(condition, EntryPoint::BuildCondition) {
        Ok(_) => Ok(()),
        Err(error) => Err(PipelineRefused::FilterCondition(error.message().to_owned())),
    }
}

impl Engine {
    /// The slug a pipeline of this name gets, if neither is anybody else's. `own` is the pipeline itself, once it is
    /// there.
    pub(super) fn free_slug(
        &self,
        organization: OrganizationKey,
        own: Option<PipelineKey>,
        name: &str,
        slug: Option<&str>,
    ) -> Result<Arc<str>, PipelineRefused> {
        let others = self.organization(organization).pipelines.iter().copied();
        let mut others = others.filter(|other| Some(*other) != own);
        if others.any(|other| self.pipelines.get(other).name == name) {
            return Err(PipelineRefused::NameTaken);
        }
        let (slug, taken) = match slug {
            Some(slug) if pipeline::is_slug(slug) => (slug.to_owned(), PipelineRefused::SlugTaken),
            Some(_) => return Err(PipelineRefused::SlugInvalid),
            // Chosen: two names that derive the same slug clash like two equal names.
            None => match pipeline::slug_of(name) {
                Some(slug) => (slug, PipelineRefused::NameTaken),
                None => return Err(PipelineRefused::NameInvalid),
            },
        };
        match self.pipeline_by_slug(organization, &slug) {
            Some(other) if Some(other) != own => Err(taken),
            Some(_) | None => Ok(slug.into()),
        }
    }
}
