//! A webhook in the pipeline's repository, which tells Buildkite of pushes.
//!
//! Nothing is pushed in the fake, so all that follows is that a second one is refused.
//! Source: Buildkite docs, "Pipelines API", section "Add a webhook".

use crate::engine::pipeline::PipelineKey;
use crate::engine::provider::ProviderKind;
use crate::engine::{Command, Engine};

pub(crate) struct AddWebhook {
    pub(crate) pipeline: PipelineKey,
}

#[derive(Debug)]
pub(crate) enum AddWebhookRefused {
    /// Buildkite makes webhooks through its GitHub app, so at GitHub and nowhere else.
    NotSupported,
    /// There is one already, or the pipeline is read-only.
    NotCreated,
}

impl Command for AddWebhook {
    type Output = ();
    type Refused = AddWebhookRefused;

    /// Chosen: an archived pipeline gets none.
    fn apply(self, engine: &mut Engine) -> Result<(), AddWebhookRefused> {
        let pipeline = engine.pipelines.get(self.pipeline);
        if pipeline.provider.kind != ProviderKind::GitHub {
            return Err(AddWebhookRefused::NotSupported);
        }
        if pipeline.has_webhook || pipeline.archived_at.is_some() {
            return Err(AddWebhookRefused::NotCreated);
        }
        engine.pipelines.change(self.pipeline).has_webhook = true;
        Ok(())
    }
}
