//! A new build: its steps become jobs, and those that wait for nothing are scheduled at once.
//!
//! Source: Buildkite docs, "Builds API", section "Create a build".

use std::fmt;
use std::sync::Arc;

use crate::engine::admission::Closed;
use crate::engine::build::{Build, BuildKey, Head, Progress};
use crate::engine::change::build_counts;
use crate::engine::expand;
use crate::engine::facts::BuildFacts;
use crate::engine::graph;
use crate::engine::grow::Growth;
use crate::engine::pipeline::PipelineKey;
use crate::engine::{Command, Engine};
use crate::pipeline::{
    ConditionalError, Interpolation, Notification, Pipeline, PipelineError, SERVER_VARIABLES,
};
use crate::vocabulary::event::EventKind;
use crate::vocabulary::ids::{BuildId, Kind};
use crate::vocabulary::states::BuildState;

pub(crate) struct CreateBuild {
    pub(crate) pipeline: PipelineKey,
    pub(crate) head: Head,
    pub(crate) meta_data: Vec<(String, String)>,
}

/// Why the steps of a pipeline do not make a build. Nothing of it was made.
#[derive(Debug)]
pub(crate) enum CreateBuildRefused {
    /// The steps, once the build has filled them in.
    Configuration(PipelineError),
    /// A condition failed for this build.
    Condition(ConditionalError),
    /// A limit of the platform, in a sentence.
    Limit(String),
    /// A step names a queue that its cluster does not have, in a sentence.
    Queue(String),
    /// The pipeline makes no builds.
    Closed(Closed),
}

impl CreateBuildRefused {
    /// What Buildkite says of it: to who asked, and as the `failed_message` of a schedule.
    pub(crate) fn as_buildkite_says(&self) -> String {
        match self {
            Self::Configuration(error) => error.message().to_owned(),
            // Chosen: whether the server says more than what failed is not known.
            Self::Condition(error) => format!("`if` expression failed: {}", error.message()),
            Self::Limit(sentence) | Self::Queue(sentence) => sentence.clone(),
            // Chosen: that it runs no new builds is documented, in which words is not.
            Self::Closed(Closed::Archived) => {
                "Cannot create builds on an archived pipeline".to_owned()
            }
            Self::Closed(Closed::Template) => {
                "fake-buildkite does not model builds of a pipeline with a pipeline template yet"
                    .to_owned()
            }
        }
    }
}

impl From<Closed> for CreateBuildRefused {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl fmt::Display for CreateBuildRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(error) => error.fmt(f),
            Self::Condition(error) => f.write_str(error.message()),
            Self::Limit(sentence) | Self::Queue(sentence) => f.write_str(sentence),
            Self::Closed(Closed::Archived) => f.write_str("the pipeline is archived"),
            Self::Closed(Closed::Template) => {
                f.write_str("the steps come from a template, which is not modelled")
            }
        }
    }
}

impl Command for CreateBuild {
    type Output = BuildKey;
    type Refused = CreateBuildRefused;

    fn apply(self, engine: &mut Engine) -> Result<BuildKey, CreateBuildRefused> {
        engine.check_open(self.pipeline)?;
        let Outline { id, growth, notify } = engine.outline(&self)?;
        let key = engine.insert_build(self, id, notify);
        engine.grow(key, &growth);
        engine.agenda.newer.push_back(key);
        Ok(key)
    }
}

/// What is known of a build before it is made.
struct Outline {
    id: BuildId,
    growth: Growth,
    notify: Vec<Notification>,
}

impl Engine {
    /// The steps as they are for this build, and which of them exclude themselves. Changes nothing.
    fn outline(&self, wanted: &CreateBuild) -> Result<Outline, CreateBuildRefused> {
        let pipeline = self.pipelines.get(wanted.pipeline);
        let id = BuildId(self.mint(Kind::Build, self.builds.next_key()));
        let number = self.activity.get(wanted.pipeline).last_number + 1;
        let facts = BuildFacts {
            engine: self,
            pipeline: wanted.pipeline,
            id,
            number,
            head: &wanted.head,
            state: BuildState::Creating,
        };
        let filled_in = if pipeline.definition.has_dollars() {
            let known = SERVER_VARIABLES.iter();
            let environment = known
                .filter_map(|name| Some(((*name).to_owned(), facts.builtin(name)?)))
                .collect();
            let how = Interpolation::Configuration {
                environment: &environment,
            };
            Some(pipeline.definition.interpolated(how))
        } else if self.enforces_limits {
            Some(pipeline.definition.pipeline())
        } else {
            None
        };
        let filled_in = filled_in
            .transpose()
            .map_err(CreateBuildRefused::Configuration)?;
        let beyond = filled_in.as_ref().filter(|_| self.enforces_limits);
        if let Some(sentence) = beyond.and_then(Pipeline::beyond_limits) {
            return Err(CreateBuildRefused::Limit(sentence));
        }
        let (steps, notify) = match filled_in {
            Some(filled_in) => (graph::place(filled_in.steps, 0).into(), filled_in.notify),
            None => (Arc::clone(&pipeline.steps), pipeline.notify.clone()),
        };
        self.check_queues(pipeline.settings.cluster, steps.iter())
            .map_err(CreateBuildRefused::Queue)?;
        let excluded = steps
            .iter()
            .map(|placed| expand::exclusion(placed, &wanted.head, &facts));
        let excluded = excluded
            .collect::<Result<_, _>>()
            .map_err(CreateBuildRefused::Condition)?;
        let growth = Growth {
            steps,
            excluded,
            uploaded_by: None,
            place: 0,
        };
        Ok(Outline { id, growth, notify })
    }

    fn insert_build(
        &mut self,
        wanted: CreateBuild,
        id: BuildId,
        notify: Vec<Notification>,
    ) -> BuildKey {
        let CreateBuild {
            pipeline: pipeline_key,
            head,
            meta_data,
        } = wanted;
        let now = self.now;
        let activity = self.activity.change(pipeline_key);
        activity.last_number += 1;
        activity.counts.add(build_counts(BuildState::Creating));
        activity.builds.push(self.builds.next_key());
        let number = activity.last_number;
        let pipeline = self.pipelines.get(pipeline_key);
        let (organization, cluster) = (pipeline.organization, pipeline.settings.cluster);
        let key = self.builds.push(Build {
            id,
            organization,
            pipeline: pipeline_key,
            cluster,
            number,
            head: Arc::new(head),
            meta_data,
            state: BuildState::Creating,
            cancellation: None,
            created_at: now,
            scheduled_at: now,
            started_at: None,
            failing_at: None,
            finished_at: None,
        });
        self.progress.push(Progress {
            notify,
            ..Progress::default()
        });
        self.open.insert(pipeline_key, key);
        self.catalogue(key);
        self.organizations.change(organization).builds.push(key);
        self.record(EventKind::Build {
            build: self.build_ref(key),
            from: None,
            to: BuildState::Creating,
        });
        key
    }
}
