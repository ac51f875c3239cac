//! The `provider` of a pipeline: where its repository lives and what is set for that place.
//!
//! Clients fail without `settings`, whatever is in it, so it is always there.
//! Source: Buildkite docs, "Pipelines API", section "Provider settings properties"; key order from recorded responses.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::engine::pipeline::{Pipeline, PipelineKey};
use crate::engine::provider::{Preset, Value};
use crate::vocabulary::access::Access;
use crate::wire::View;

#[derive(Debug, serde::Serialize)]
pub(crate) struct ProviderJson<'e> {
    id: &'static str,
    settings: SettingsJson<'e>,
    webhook_url: String,
}

impl<'e> ProviderJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: PipelineKey) -> Self {
        let pipeline = view.engine.pipeline(key);
        // Everybody else sees an empty string.
        let webhook_url = if is_edited_by_reader(view, key) {
            view.saw_text("webhook_url");
            format!("https://webhook.buildkite.com/deliver/{}", pipeline.webhook)
        } else {
            String::new()
        };
        Self {
            id: pipeline.provider.kind.word(),
            settings: SettingsJson(pipeline),
            webhook_url,
        }
    }
}

/// Whether the reader may edit a pipeline, and has a token that may.
pub(super) fn is_edited_by_reader(view: &View<'_>, key: PipelineKey) -> bool {
    let access = match view.reader {
        Some(reader) => view.engine.access_of(reader, key),
        None => Some(view.engine.pipeline(key).access),
    };
    view.may_edit && access == Some(Access::ManageBuildAndRead)
}

/// Every setting of the kind of place that was given or has a default, and the repository.
#[derive(Debug)]
struct SettingsJson<'e>(&'e Pipeline);

impl Serialize for SettingsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(pipeline) = self;
        let given = &pipeline.settings.provider;
        let mut map = serializer.serialize_map(None)?;
        for setting in pipeline.provider.kind.settings() {
            let name = setting.name;
            match (given.get(name), setting.default) {
                (Some(Value::Flag(flag)), _) => map.serialize_entry(name, flag)?,
                (Some(Value::Text(text)), _) => map.serialize_entry(name, text)?,
                (None, Some(Preset::Flag(flag))) => map.serialize_entry(name, &flag)?,
                (None, Some(Preset::Word(word))) => map.serialize_entry(name, word)?,
                (None, None) => {}
            }
        }
        map.serialize_entry("repository", &pipeline.provider.repository)?;
        map.end()
    }
}
