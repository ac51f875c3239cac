//! Annotations as JSON: the same object alone and in lists.
//!
//! Source: Buildkite docs, "Annotations API", section "Annotation data model"; key order as recorded in 2023.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::annotation::AnnotationKey;
use crate::engine::markdown;
use crate::vocabulary::ids::Kind;
use crate::vocabulary::states::AnnotationStyle;
use crate::wire::{Instant, View};

/// An annotation.
#[derive(Debug, Serialize)]
pub(crate) struct AnnotationJson<'e> {
    id: Uuid,
    context: &'e str,
    style: Option<&'static str>,
    scope: &'static str,
    job_id: Option<Uuid>,
    priority: u8,
    created_at: Instant,
    updated_at: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_html: Option<String>,
}

/// Whether a list shows what its annotations say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bodies {
    Shown,
    Omitted,
}

impl<'e> AnnotationJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: AnnotationKey, bodies: Bodies) -> Self {
        view.saw(Kind::Annotation, key, view.engine.annotation_version(key));
        let annotation = view.engine.annotation(key);
        Self {
            id: annotation.id.0,
            context: &annotation.context,
            style: annotation.style.map(AnnotationStyle::as_str),
            scope: annotation.scope().as_str(),
            job_id: annotation.job.map(|job| view.engine.job(job).id.0),
            priority: annotation.priority,
            created_at: Instant(annotation.created_at),
            updated_at: Instant(annotation.updated_at),
            body_html: match bodies {
                Bodies::Shown => Some(markdown::for_api(&annotation.body)),
                Bodies::Omitted => None,
            },
        }
    }
}
