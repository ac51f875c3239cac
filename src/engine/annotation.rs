//! Annotations: what is said of a build or of one of its jobs, in Markdown.
//!
//! Elsewhere: how one is made (`commands::annotate`), its JSON (`wire::annotation`), its HTML (`markdown`).
//! Source: Buildkite docs, "Annotations API", "buildkite-agent annotate".

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::job::JobKey;
use crate::engine::table::key;
use crate::vocabulary::ids::AnnotationId;
use crate::vocabulary::states::{AnnotationScope, AnnotationStyle};

key! {
    /// An annotation, by the order of creation.
    AnnotationKey
}

/// The priority of an annotation that names none: 3.
/// Source: Buildkite docs, "buildkite-agent annotate".
pub(crate) const DEFAULT_PRIORITY: u8 = 3;

/// How long a body can be, what was appended included: 1 MiB.
/// Source: Buildkite docs, "buildkite-agent annotate".
pub(crate) const MOST_BODY: usize = 1 << 20;

/// What an annotation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Build(BuildKey),
    Job(JobKey),
}

/// An annotation. One that was deleted has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Annotation {
    pub(crate) id: AnnotationId,
    pub(crate) build: BuildKey,
    /// The job it is about; none if it is about the build.
    pub(crate) job: Option<JobKey>,
    pub(crate) context: Arc<str>,
    pub(crate) style: Option<AnnotationStyle>,
    pub(crate) priority: u8,
    /// Markdown.
    pub(crate) body: Arc<str>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl Annotation {
    pub(crate) fn scope(&self) -> AnnotationScope {
        match self.job {
            None => AnnotationScope::Build,
            Some(_) => AnnotationScope::Job,
        }
    }

    pub(crate) fn is_about(&self, subject: Subject) -> bool {
        match subject {
            Subject::Build(build) => self.build == build && self.job.is_none(),
            Subject::Job(job) => self.job == Some(job),
        }
    }
}

impl Engine {
    pub(crate) fn annotation(&self, key: AnnotationKey) -> &Annotation {
        self.annotations.get(key)
    }

    pub(crate) fn annotation_version(&self, key: AnnotationKey) -> u64 {
        self.annotations.version(key)
    }

    pub(crate) fn annotation_by_id(&self, id: AnnotationId) -> Option<AnnotationKey> {
        self.annotation_ids.find(id)
    }

    /// Those of a build and of its jobs, oldest first.
    pub(crate) fn annotations_in(
        &self,
        build: BuildKey,
    ) -> impl Iterator<Item = (AnnotationKey, &Annotation)> {
        self.annotations_by_build
            .of(build)
            .map(|key| (key, self.annotations.get(key)))
    }

    /// Those about a build alone, or about a job, oldest first.
    pub(crate) fn annotations_about(
        &self,
        subject: Subject,
    ) -> impl Iterator<Item = (AnnotationKey, &Annotation)> {
        self.annotations_in(self.build_of_subject(subject))
            .filter(move |(_, annotation)| annotation.is_about(subject))
    }

    pub(super) fn build_of_subject(&self, subject: Subject) -> BuildKey {
        match subject {
            Subject::Build(build) => build,
            Subject::Job(job) => self.jobs.get(job).build,
        }
    }

    pub(super) fn remove_annotation(&mut self, key: AnnotationKey) {
        let Annotation { id, build, .. } = *self.annotations.get(key);
        self.annotation_ids.remove(id);
        self.annotations_by_build.remove(build, key);
        self.annotations.remove(key);
    }

    pub(super) fn remove_annotations_about(&mut self, subject: Subject) {
        let all: Vec<_> = self
            .annotations_about(subject)
            .map(|(key, _)| key)
            .collect();
        for key in all {
            self.remove_annotation(key);
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check_annotations(&self) {
        let count = self.annotations.iter().count();
        assert_eq!(self.annotation_ids.len(), count);
        assert_eq!(self.annotations_by_build.len(), count);
        for (key, annotation) in self.annotations.iter() {
            assert_eq!(self.annotation_by_id(annotation.id), Some(key));
            assert!(self.annotations_by_build.contains(annotation.build, key));
            let subject = match annotation.job {
                None => Subject::Build(annotation.build),
                Some(job) => Subject::Job(job),
            };
            assert_eq!(self.build_of_subject(subject), annotation.build);
            let with_context = self
                .annotations_about(subject)
                .filter(|(_, other)| other.context == annotation.context);
            assert_eq!(with_context.count(), 1, "a context has one annotation");
            assert!(annotation.created_at <= annotation.updated_at);
            assert!(annotation.body.len() <= MOST_BODY);
        }
    }
}
