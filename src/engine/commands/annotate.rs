//! Somebody annotates a build or a job; somebody deletes an annotation.
//!
//! Source: Buildkite docs, "Annotations API"; "buildkite-agent annotate".

use std::convert::Infallible;
use std::sync::Arc;

use crate::engine::annotation::{Annotation, AnnotationKey, DEFAULT_PRIORITY, MOST_BODY, Subject};
use crate::engine::{Command, Engine};
use crate::script;
use crate::vocabulary::event::EventKind;
use crate::vocabulary::ids::{AnnotationId, Kind};

/// What the annotation says of its own scope does not matter: `subject` decides.
pub(crate) struct Annotate {
    pub(crate) subject: Subject,
    pub(crate) annotation: script::Annotation,
}

/// Its body would be longer than a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyTooLong;

impl Command for Annotate {
    type Output = AnnotationKey;
    type Refused = BodyTooLong;

    fn apply(self, engine: &mut Engine) -> Result<AnnotationKey, BodyTooLong> {
        let Self {
            subject,
            annotation: new,
        } = self;
        let build = engine.build_of_subject(subject);
        let known = engine
            .annotations_about(subject)
            .find(|(_, known)| known.context == new.context);
        let body = match known {
            // Documented of the agent: without a body, the style alone changes.
            Some((_, known)) if new.body.is_empty() => Arc::clone(&known.body),
            // Chosen: on a new line, so that rows can be added to a table and items to a list.
            Some((_, known)) if new.appends && !known.body.is_empty() => {
                format!("{}\n{}", known.body, new.body).into()
            }
            Some(_) | None => new.body,
        };
        if body.len() > MOST_BODY {
            return Err(BodyTooLong);
        }
        let now = engine.now;
        let key = if let Some(key) = known.map(|(key, _)| key) {
            let known = engine.annotations.change(key);
            known.body = body;
            // Chosen: what is not said again stays.
            known.style = new.style.or(known.style);
            known.priority = new.priority.unwrap_or(known.priority);
            known.updated_at = now;
            key
        } else {
            let id = AnnotationId(engine.mint(Kind::Annotation, engine.annotations.next_key()));
            let key = engine.annotations.push(Annotation {
                id,
                build,
                job: match subject {
                    Subject::Build(_) => None,
                    Subject::Job(job) => Some(job),
                },
                context: Arc::clone(&new.context),
                style: new.style,
                priority: new.priority.unwrap_or(DEFAULT_PRIORITY),
                body,
                created_at: now,
                updated_at: now,
            });
            engine.annotation_ids.insert(id, key);
            engine.annotations_by_build.insert(build, key);
            key
        };
        engine.record(EventKind::Annotated {
            build: engine.build_ref(build),
            job: match subject {
                Subject::Build(_) => None,
                Subject::Job(job) => Some(engine.job_ref(job)),
            },
            context: new.context,
        });
        Ok(key)
    }
}

pub(crate) struct DeleteAnnotation {
    pub(crate) annotation: AnnotationKey,
}

impl Command for DeleteAnnotation {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        engine.remove_annotation(self.annotation);
        Ok(())
    }
}
