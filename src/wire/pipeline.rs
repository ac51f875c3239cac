//! Pipelines as JSON: the same object alone, in lists, and inside builds.
//!
//! Source: Buildkite docs, "Pipelines API"; key order and defaults from recorded responses.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::engine::change::counts_of;
use crate::engine::pipeline::{Pipeline, PipelineKey, ProviderKind, Visibility};
use crate::pipeline::Step;
use crate::vocabulary::ids::Kind;
use crate::wire::account::UserJson;
use crate::wire::{Instant, Pairs, View, graphql_id};

/// A pipeline.
#[derive(Debug, Serialize)]
pub(crate) struct PipelineJson<'e> {
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
    scheduled_builds_count: usize,
    running_builds_count: usize,
    scheduled_jobs_count: usize,
    running_jobs_count: usize,
    waiting_jobs_count: usize,
    visibility: &'static str,
    tags: Option<&'e [String]>,
    emoji: Option<&'e str>,
    color: Option<&'e str>,
    default_command_step_timeout: Option<u32>,
    maximum_command_step_timeout: Option<u32>,
    configuration: &'e str,
    steps: Vec<StepJson<'e>>,
    cluster_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct ProviderJson<'e> {
    id: &'static str,
    settings: SettingsJson<'e>,
    webhook_url: String,
}

/// A provider's settings: clients fail without the object, whatever is in it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum SettingsJson<'e> {
    GitHub(GitHubSettingsJson<'e>),
    Other(BTreeMap<&'static str, &'e str>),
}

/// The settings a new GitHub pipeline has.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "Buildkite's own shape")]
struct GitHubSettingsJson<'e> {
    build_branches: bool,
    build_merge_group_checks_requested: bool,
    build_pull_request_base_branch_changed: bool,
    build_pull_request_forks: bool,
    build_pull_request_labels_changed: bool,
    build_pull_request_ready_for_review: bool,
    build_pull_requests: bool,
    build_tags: bool,
    cancel_deleted_branch_builds: bool,
    filter_enabled: bool,
    prefix_pull_request_fork_branch_names: bool,
    publish_blocked_as_pending: bool,
    publish_commit_status_per_step: bool,
    publish_commit_status: bool,
    pull_request_branch_filter_enabled: bool,
    separate_pull_request_statuses: bool,
    skip_builds_for_existing_commits: bool,
    skip_pull_request_builds_for_existing_commits: bool,
    trigger_mode: &'static str,
    use_step_key_as_commit_status: bool,
    repository: &'e str,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum StepJson<'e> {
    Script {
        name: Option<&'e str>,
        command: Option<&'e str>,
        artifact_paths: Option<&'e str>,
        branch_configuration: Option<String>,
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
        branch_configuration: Option<String>,
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

impl<'e> PipelineJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: PipelineKey) -> Self {
        view.saw(Kind::Pipeline, key, view.engine.pipeline_version(key));
        let pipeline = view.engine.pipeline(key);
        let settings = &pipeline.settings;
        let url = view.pipeline_url(key);
        let mut counts = pipeline.counts;
        if let Some(build) = view.uncounted {
            let state = view.engine.build(build).state;
            counts.subtract(counts_of(state, view.engine.tally(build)));
        }
        Self {
            id: pipeline.id.0,
            graphql_id: graphql_id("Pipeline", pipeline.id.0),
            web_url: view.pipeline_web_url(key),
            name: &pipeline.name,
            description: settings.description.as_deref(),
            slug: &pipeline.slug,
            repository: &settings.repository,
            cluster_id: None,
            pipeline_template_uuid: None,
            branch_configuration: None,
            default_branch: &settings.default_branch,
            skip_queued_branch_builds: settings.skip_queued.is_on,
            skip_queued_branch_builds_filter: settings.skip_queued.filter.as_deref(),
            cancel_running_branch_builds: settings.cancel_running.is_on,
            cancel_running_branch_builds_filter: settings.cancel_running.filter.as_deref(),
            allow_rebuilds: settings.allow_rebuilds,
            provider: ProviderJson::new(view, pipeline),
            builds_url: format!("{url}/builds"),
            badge_url: format!("https://badge.buildkite.com/{}.svg", pipeline.badge),
            created_by: UserJson::maybe(view, pipeline.created_by),
            created_at: Instant(pipeline.created_at),
            archived_at: None,
            env: pipeline.env.as_deref().map(Pairs),
            scheduled_builds_count: counts.scheduled_builds,
            running_builds_count: counts.running_builds,
            scheduled_jobs_count: counts.scheduled_jobs,
            running_jobs_count: counts.running_jobs,
            waiting_jobs_count: counts.waiting_jobs,
            visibility: match settings.visibility {
                Visibility::Private => "private",
                Visibility::Public => "public",
            },
            tags: settings.tags.as_deref(),
            emoji: settings.emoji.as_deref(),
            color: settings.color.as_deref(),
            default_command_step_timeout: settings.default_command_step_timeout,
            maximum_command_step_timeout: settings.maximum_command_step_timeout,
            configuration: &pipeline.configuration,
            steps: pipeline
                .steps
                .iter()
                .map(|placed| StepJson::new(&placed.step))
                .collect(),
            cluster_url: None,
            url,
        }
    }
}

impl<'e> ProviderJson<'e> {
    fn new(view: &View<'e>, pipeline: &'e Pipeline) -> Self {
        let repository = pipeline.provider.repository.as_str();
        let (id, settings) = match pipeline.provider.kind {
            ProviderKind::GitHub => (
                "github",
                SettingsJson::GitHub(GitHubSettingsJson::defaults(repository)),
            ),
            ProviderKind::GitLab => ("gitlab", SettingsJson::only(repository)),
            ProviderKind::Bitbucket => ("bitbucket", SettingsJson::only(repository)),
            ProviderKind::PrivateGit => ("private_git", SettingsJson::only(repository)),
        };
        // Buildkite shows it to those who may edit the pipeline, and an empty string to everybody else.
        let webhook_url = if view.may_edit {
            format!("https://webhook.buildkite.com/deliver/{}", pipeline.webhook)
        } else {
            String::new()
        };
        Self {
            id,
            settings,
            webhook_url,
        }
    }
}

impl<'e> SettingsJson<'e> {
    fn only(repository: &'e str) -> Self {
        Self::Other(BTreeMap::from([("repository", repository)]))
    }
}

impl<'e> GitHubSettingsJson<'e> {
    fn defaults(repository: &'e str) -> Self {
        Self {
            build_branches: true,
            build_merge_group_checks_requested: false,
            build_pull_request_base_branch_changed: false,
            build_pull_request_forks: false,
            build_pull_request_labels_changed: false,
            build_pull_request_ready_for_review: false,
            build_pull_requests: true,
            build_tags: false,
            cancel_deleted_branch_builds: false,
            filter_enabled: false,
            prefix_pull_request_fork_branch_names: true,
            publish_blocked_as_pending: false,
            publish_commit_status_per_step: false,
            publish_commit_status: true,
            pull_request_branch_filter_enabled: false,
            separate_pull_request_statuses: false,
            skip_builds_for_existing_commits: false,
            skip_pull_request_builds_for_existing_commits: true,
            trigger_mode: "code",
            use_step_key_as_commit_status: false,
            repository,
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
                branch_configuration: step.branches.as_ref().map(|patterns| patterns.join(" ")),
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
                branch_configuration: step.branches.as_ref().map(|patterns| patterns.join(" ")),
                concurrency: None,
                parallelism: step.parallelism,
            },
            Step::Group(_) => unreachable!("groups are taken apart when a pipeline is stored"),
        }
    }
}
