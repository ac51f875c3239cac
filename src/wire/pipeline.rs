//! Pipelines as JSON: the same object alone, in lists, and inside builds.
//!
//! Source: Buildkite docs, "Pipelines API"; key order and defaults from recorded responses.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::engine::change::counts_of;
use crate::engine::pipeline::{Counts, PipelineKey, Visibility};
use crate::engine::recipe::Source;
use crate::pipeline::{Step, VisualScript, VisualStep, VisualTrigger};
use crate::vocabulary::ids::Kind;
use crate::wire::account::UserJson;
use crate::wire::cluster::Place;
use crate::wire::provider::{self, ProviderJson};
use crate::wire::shelf::{Part, Piece, Runs};
use crate::wire::text::Text;
use crate::wire::{Instant, Pairs, View, graphql_id};

/// What comes before how much a pipeline has to do.
#[derive(Debug, Serialize)]
struct FrontJson<'e> {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    name: &'e str,
    description: Option<&'e str>,
    slug: &'e str,
    repository: &'e str,
    cluster_id: Option<Uuid>,
    pipeline_template_uuid: Option<Uuid>,
    branch_configuration: Option<&'e str>,
    /// Chosen: the documentation shows it where an organization has the feature; here once it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    clone_mirror_url: Option<&'e str>,
    default_branch: &'e str,
    skip_queued_branch_builds: bool,
    skip_queued_branch_builds_filter: Option<&'e str>,
    cancel_running_branch_builds: bool,
    cancel_running_branch_builds_filter: Option<&'e str>,
    allow_rebuilds: bool,
    provider: ProviderJson<'e>,
    builds_url: String,
    badge_url: String,
    created_by: Option<UserJson<'e>>,
    created_at: Instant,
    archived_at: Option<Instant>,
    env: Option<Pairs<'e>>,
}

/// How much it has to do.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "Buildkite's names")]
struct CountsJson {
    scheduled_builds_count: usize,
    running_builds_count: usize,
    scheduled_jobs_count: usize,
    running_jobs_count: usize,
    waiting_jobs_count: usize,
}

/// What comes behind.
#[derive(Debug, Serialize)]
struct RearJson<'e> {
    visibility: &'static str,
    tags: Option<&'e [String]>,
    emoji: Option<&'e str>,
    color: Option<&'e str>,
    default_command_step_timeout: Option<u32>,
    maximum_command_step_timeout: Option<u32>,
    /// Only YAML has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<&'e str>,
    steps: Vec<StepJson<'e>>,
    cluster_url: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StepJson<'e> {
    Script {
        name: Option<&'e str>,
        command: Option<&'e str>,
        artifact_paths: Option<&'e str>,
        branch_configuration: Option<Cow<'e, str>>,
        env: Pairs<'e>,
        timeout_in_minutes: Option<u32>,
        agent_query_rules: &'e [String],
        concurrency: Option<u32>,
        parallelism: Option<u32>,
    },
    Waiter,
    Manual {
        label: Option<&'e str>,
    },
    Trigger {
        label: Option<&'e str>,
        pipeline: &'e str,
        build: TriggeredBuildJson<'e>,
        r#async: bool,
        branch_configuration: Option<Cow<'e, str>>,
        concurrency: Option<u32>,
        parallelism: Option<u32>,
    },
}

/// The build a trigger step makes, null where it says nothing.
#[derive(Debug, Serialize)]
struct TriggeredBuildJson<'e> {
    message: Option<&'e str>,
    branch: Option<&'e str>,
    commit: Option<&'e str>,
    env: Option<Pairs<'e>>,
}

/// A pipeline, as text.
pub(crate) fn text(view: &View<'_>, key: PipelineKey) -> Vec<u8> {
    let mut whole = Text::object();
    Written::new(view, key).append(&mut whole);
    whole.end()
}

/// What is shown of a pipeline, ready to be put into a body.
#[derive(Debug)]
pub(crate) struct Written {
    own: Arc<Piece>,
    counts: CountsJson,
}

impl Written {
    pub(crate) fn new(view: &View<'_>, key: PipelineKey) -> Self {
        let own = own_piece(view, key);
        let engine = view.engine;
        view.saw(Kind::Pipeline, key, engine.activity_version(key));
        let mut counts = engine.activity(key).counts;
        if let Some(build) = view.uncounted {
            let state = engine.build(build).state;
            counts.replace(counts_of(state, engine.tally(build)), Counts::default());
        }
        let counts = CountsJson {
            scheduled_builds_count: counts.scheduled_builds,
            running_builds_count: counts.running_builds,
            scheduled_jobs_count: counts.scheduled_jobs,
            running_jobs_count: counts.running_jobs,
            waiting_jobs_count: counts.waiting_jobs,
        };
        Self { own, counts }
    }

    /// How many bytes it is, but for its counts.
    pub(crate) fn len(&self) -> usize {
        self.own.len()
    }

    /// Its members, into an object that is open.
    pub(crate) fn append(&self, whole: &mut Text) {
        whole.members(self.own.run(0));
        whole.members_of(&self.counts);
        whole.members(self.own.run(1));
    }
}

/// All of a pipeline but its counts.
fn own_piece(view: &View<'_>, key: PipelineKey) -> Arc<Piece> {
    let engine = view.engine;
    let stamp = [
        engine.pipeline_version(key),
        u64::from(provider::is_edited_by_reader(view, key)),
        engine.places_version(),
    ];
    view.piece(Part::Pipeline, key, stamp, || {
        view.saw(Kind::Pipeline, key, engine.pipeline_version(key));
        let front = Runs::default().with(&FrontJson::new(view, key));
        front.with(&RearJson::new(view, key))
    })
}

impl<'e> FrontJson<'e> {
    fn new(view: &View<'e>, key: PipelineKey) -> Self {
        let pipeline = view.engine.pipeline(key);
        let settings = &pipeline.settings;
        let url = view.pipeline_url(key);
        let cluster = Place::of_cluster(view, settings.cluster);
        Self {
            id: pipeline.id.0,
            graphql_id: graphql_id("Pipeline", pipeline.id.0),
            web_url: view.pipeline_web_url(key),
            name: &pipeline.name,
            description: settings.description.as_deref(),
            slug: &pipeline.slug,
            repository: &settings.repository,
            cluster_id: cluster.map(|cluster| cluster.id),
            pipeline_template_uuid: settings.template,
            branch_configuration: settings.branch_configuration.as_deref(),
            clone_mirror_url: settings.clone_mirror_url.as_deref(),
            default_branch: &settings.default_branch,
            skip_queued_branch_builds: settings.skip_queued.is_on,
            skip_queued_branch_builds_filter: settings.skip_queued.filter.as_deref(),
            cancel_running_branch_builds: settings.cancel_running.is_on,
            cancel_running_branch_builds_filter: settings.cancel_running.filter.as_deref(),
            allow_rebuilds: settings.allow_rebuilds,
            provider: ProviderJson::new(view, key),
            builds_url: format!("{url}/builds"),
            badge_url: format!("https://badge.buildkite.com/{}.svg", pipeline.badge),
            created_by: UserJson::maybe(view, pipeline.created_by),
            created_at: Instant(pipeline.created_at),
            archived_at: Instant::maybe(pipeline.archived_at),
            env: pipeline.env.as_deref().map(Pairs),
            url,
        }
    }
}

impl<'e> RearJson<'e> {
    fn new(view: &View<'e>, key: PipelineKey) -> Self {
        let pipeline = view.engine.pipeline(key);
        let settings = &pipeline.settings;
        Self {
            visibility: match settings.visibility {
                Visibility::Private => "private",
                Visibility::Public => "public",
            },
            tags: settings.tags.as_deref(),
            emoji: settings.emoji.as_deref(),
            color: settings.color.as_deref(),
            default_command_step_timeout: settings.default_command_step_timeout,
            maximum_command_step_timeout: settings.maximum_command_step_timeout,
            configuration: match &pipeline.source {
                Source::Yaml(text) => Some(text),
                Source::Visual(_) | Source::Template => None,
            },
            steps: match &pipeline.source {
                Source::Visual(steps) => steps.iter().map(StepJson::visual).collect(),
                Source::Yaml(_) | Source::Template => {
                    let steps = pipeline.steps.iter();
                    steps.map(|placed| StepJson::new(&placed.step)).collect()
                }
            },
            cluster_url: Place::of_cluster(view, settings.cluster).map(|cluster| cluster.url),
        }
    }
}

impl<'e> StepJson<'e> {
    fn new(step: &'e Step) -> Self {
        match step {
            Step::Command(step) => Self::Script {
                name: step.label.as_deref(),
                command: step.command.as_deref(),
                artifact_paths: step.artifact_paths.as_deref(),
                branch_configuration: step
                    .branches
                    .as_ref()
                    .map(|patterns| patterns.join(" ").into()),
                env: Pairs(&step.env),
                timeout_in_minutes: step.timeout_in_minutes,
                agent_query_rules: &step.agents,
                concurrency: step
                    .concurrency
                    .as_ref()
                    .map(|concurrency| concurrency.limit),
                parallelism: step.parallelism,
            },
            Step::Wait(_) => Self::Waiter,
            Step::Block(step) | Step::Input(step) => Self::Manual {
                label: step.label.as_deref(),
            },
            Step::Trigger(step) => Self::Trigger {
                label: step.label.as_deref(),
                pipeline: &step.pipeline,
                build: TriggeredBuildJson {
                    message: step.build.message.as_deref(),
                    branch: step.build.branch.as_deref(),
                    commit: step.build.commit.as_deref(),
                    env: (!step.build.env.is_empty()).then_some(Pairs(&step.build.env)),
                },
                r#async: step.is_async,
                branch_configuration: step
                    .branches
                    .as_ref()
                    .map(|patterns| patterns.join(" ").into()),
                concurrency: None,
                parallelism: step.parallelism,
            },
            Step::Group(_) => unreachable!("groups are taken apart when a pipeline is stored"),
        }
    }

    /// As it was given: empty texts stay empty texts.
    fn visual(step: &'e VisualStep) -> Self {
        match step {
            VisualStep::Script(step) => {
                let VisualScript {
                    name,
                    command,
                    artifact_paths,
                    branch_configuration,
                    env,
                    timeout_in_minutes,
                    agent_query_rules,
                    concurrency,
                    concurrency_group: _,
                    parallelism,
                } = step;
                Self::Script {
                    name: name.as_deref(),
                    command: command.as_deref(),
                    artifact_paths: artifact_paths.as_deref(),
                    branch_configuration: branch_configuration.as_deref().map(Cow::Borrowed),
                    env: Pairs(env),
                    timeout_in_minutes: *timeout_in_minutes,
                    agent_query_rules,
                    concurrency: *concurrency,
                    parallelism: *parallelism,
                }
            }
            VisualStep::Waiter => Self::Waiter,
            VisualStep::Manual { label } => Self::Manual {
                label: label.as_deref(),
            },
            VisualStep::Trigger(step) => {
                let VisualTrigger {
                    label,
                    pipeline,
                    message,
                    commit,
                    branch,
                    env,
                    is_async,
                    branch_configuration,
                    parallelism,
                } = step;
                Self::Trigger {
                    label: label.as_deref(),
                    pipeline,
                    build: TriggeredBuildJson {
                        message: message.as_deref(),
                        branch: branch.as_deref(),
                        commit: commit.as_deref(),
                        env: (!env.is_empty()).then_some(Pairs(env)),
                    },
                    r#async: *is_async,
                    branch_configuration: branch_configuration.as_deref().map(Cow::Borrowed),
                    concurrency: None,
                    parallelism: *parallelism,
                }
            }
        }
    }
}
