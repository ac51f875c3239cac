//! A new pipeline from YAML.
//!
//! Source: Buildkite docs, "Pipelines API", section "Create a YAML pipeline".

use std::sync::Arc;

use rpds::VectorSync;

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::graph::{self, Placed};
use crate::engine::pipeline::{self, Counts, Pipeline, PipelineKey, Provider, Settings};
use crate::engine::table::Key as _;
use crate::engine::{Command, Engine};
use crate::pipeline::{Conditional, Definition, EntryPoint, PipelineError};
use crate::script::Scripts;
use crate::vocabulary::ids::{self, Kind, PipelineId};

pub(crate) struct CreatePipeline {
    pub(crate) organization: OrganizationKey,
    pub(crate) name: String,
    /// Derived from the name if absent.
    pub(crate) slug: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) configuration: String,
    pub(crate) created_by: Option<UserKey>,
}

#[derive(Debug)]
pub(crate) enum CreatePipelineRefused {
    /// The name has no letter or digit to make a slug of.
    NameInvalid,
    NameTaken,
    SlugInvalid,
    SlugTaken,
    Configuration(PipelineError),
    /// A condition of a step; the text is Buildkite's.
    Condition(String),
}

/// Conditions are read when a pipeline is saved; what they say is asked of every build.
fn check_conditions(steps: &[Placed]) -> Result<(), CreatePipelineRefused> {
    for Placed { step, group } in steps {
        let of_group = group
            .as_ref()
            .and_then(|group| group.step.condition.as_ref());
        for condition in [of_group, step.condition()].into_iter().flatten() {
            // What a build fills in is checked with the build.
            if condition.text.contains('$') {
                continue;
            }
            if let Err(error) = Conditional::parse(&condition.text, EntryPoint::BuildCondition) {
                return Err(CreatePipelineRefused::Condition(format!(
                    "`if` expression failed to parse: {}",
                    error.message()
                )));
            }
        }
    }
    Ok(())
}

impl Command for CreatePipeline {
    type Output = PipelineKey;
    type Refused = CreatePipelineRefused;

    fn apply(self, engine: &mut Engine) -> Result<PipelineKey, CreatePipelineRefused> {
        let slug = self.checked_slug(engine)?;
        let definition =
            Definition::load(&self.configuration).map_err(CreatePipelineRefused::Configuration)?;
        let shown = definition
            .pipeline()
            .map_err(CreatePipelineRefused::Configuration)?;
        let steps: Arc<[Placed]> = graph::place(shown.steps, 0).into();
        check_conditions(&steps)?;
        let key = engine.pipelines.next_key();
        let ordinal = u64::from(key.row());
        let pipeline = Pipeline {
            id: PipelineId(engine.mint(Kind::Pipeline, key)),
            organization: self.organization,
            name: self.name,
            slug: Arc::clone(&slug),
            provider: Provider::of(&self.settings.repository),
            settings: self.settings,
            configuration: self.configuration,
            definition: Arc::new(definition),
            steps,
            env: shown.env,
            notify: shown.notify,
            created_by: self.created_by,
            created_at: engine.now,
            badge: ids::hex(engine.seed, Kind::Badge, ordinal, 50),
            webhook: ids::hex(engine.seed, Kind::Webhook, ordinal, 50),
            last_number: 0,
            builds: VectorSync::new_sync(),
            counts: Counts::default(),
        };
        engine.pipelines.push(pipeline);
        engine.scripts.push(Scripts::new());
        engine.slugs.insert_mut((self.organization, slug), key);
        engine
            .organizations
            .change(self.organization)
            .pipelines
            .push_back_mut(key);
        Ok(key)
    }
}

impl CreatePipeline {
    fn checked_slug(&self, engine: &Engine) -> Result<Arc<str>, CreatePipelineRefused> {
        let mut others = engine.organization(self.organization).pipelines.iter();
        if others.any(|other| engine.pipelines.get(*other).name == self.name) {
            return Err(CreatePipelineRefused::NameTaken);
        }
        let (slug, taken) = match &self.slug {
            Some(slug) if pipeline::is_slug(slug) => {
                (slug.clone(), CreatePipelineRefused::SlugTaken)
            }
            Some(_) => return Err(CreatePipelineRefused::SlugInvalid),
            // Chosen: two names that derive the same slug clash like two equal names.
            None => match pipeline::slug_of(&self.name) {
                Some(slug) => (slug, CreatePipelineRefused::NameTaken),
                None => return Err(CreatePipelineRefused::NameInvalid),
            },
        };
        match engine.pipeline_by_slug(self.organization, &slug) {
            None => Ok(slug.into()),
            Some(_) => Err(taken),
        }
    }
}
