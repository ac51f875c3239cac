//! Builds as typed shapes that own everything they show: what a server would serialise that keeps its answers ready made
//! as values, with URLs as text.
//!
//! The fields stand in the order of the fake's own bodies, so that the bytes come out equal.

#![allow(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "the names and kinds are the API's"
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// What a body is read into, and written from again.
pub(crate) trait Shape:
    Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static
{
}

impl Shape for Build {}
impl Shape for Vec<Build> {}

/// A server's answer that is written anew for each request.
///
/// # Panics
/// If it is not byte for byte the body that was read.
pub(crate) fn serialiser<T: Shape>(body: &Bytes) -> impl Fn() -> Bytes + Send + Sync + 'static {
    let shape: T = serde_json::from_slice(body).expect("the shape of the body");
    let write = move || {
        let mut text = serde_json::to_vec(&shape).expect("plain values");
        text.push(b'\n');
        Bytes::from(text)
    };
    assert!(write() == *body, "the typed body is another one");
    write
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Build {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    number: i64,
    state: String,
    cancel_reason: Option<String>,
    blocked: bool,
    blocked_state: String,
    message: Option<String>,
    commit: String,
    branch: String,
    tag: Option<String>,
    env: BTreeMap<String, String>,
    source: String,
    author: Option<String>,
    creator: Person,
    created_at: Time,
    scheduled_at: Option<Time>,
    started_at: Option<Time>,
    failing_at: Option<Time>,
    finished_at: Option<Time>,
    meta_data: BTreeMap<String, String>,
    pull_request: Option<String>,
    merge_queue: Option<String>,
    rebuilt_from: Option<String>,
    triggered_from: Option<String>,
    pipeline: Pipeline,
    jobs: Vec<Job>,
    cluster_id: Option<String>,
    cluster_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_state_counts: Option<StateCounts>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Job {
    id: Uuid,
    graphql_id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    step_key: String,
    group_key: Option<String>,
    step: StepRef,
    priority: Priority,
    agent_query_rules: Vec<String>,
    state: String,
    build_url: String,
    web_url: String,
    log_url: String,
    raw_log_url: String,
    artifacts_url: String,
    command: String,
    soft_failed: bool,
    exit_status: Option<i64>,
    signal: Option<String>,
    signal_reason: Option<String>,
    broken_reason: Option<String>,
    artifact_paths: Option<String>,
    created_at: Time,
    scheduled_at: Option<Time>,
    runnable_at: Option<Time>,
    concurrency_wait_time_ms: Option<String>,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    expired_at: Option<Time>,
    retried: bool,
    retried_in_job_id: Option<String>,
    retries_count: Option<String>,
    retry_source: Option<String>,
    retry_type: Option<String>,
    parallel_group_index: Option<String>,
    parallel_group_total: Option<String>,
    matrix: Option<String>,
    agent: Option<Agent>,
    retried_by: Option<String>,
    cluster_id: Option<String>,
    cluster_url: Option<String>,
    cluster_queue_id: Option<String>,
    cluster_queue_url: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Agent {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    name: String,
    connection_state: String,
    ip_address: String,
    hostname: String,
    user_agent: String,
    version: String,
    creator: Option<String>,
    created_at: Time,
    job: Option<String>,
    last_job_finished_at: Option<Time>,
    priority: i64,
    meta_data: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Priority {
    number: i64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StepRef {
    id: Uuid,
    signature: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Pipeline {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    name: String,
    description: Option<String>,
    slug: String,
    repository: String,
    cluster_id: Option<String>,
    pipeline_template_uuid: Option<String>,
    branch_configuration: Option<String>,
    default_branch: String,
    skip_queued_branch_builds: bool,
    skip_queued_branch_builds_filter: Option<String>,
    cancel_running_branch_builds: bool,
    cancel_running_branch_builds_filter: Option<String>,
    allow_rebuilds: bool,
    provider: Provider,
    builds_url: String,
    badge_url: String,
    created_by: Person,
    created_at: Time,
    archived_at: Option<Time>,
    env: Option<String>,
    scheduled_builds_count: i64,
    running_builds_count: i64,
    scheduled_jobs_count: i64,
    running_jobs_count: i64,
    waiting_jobs_count: i64,
    visibility: String,
    tags: Option<String>,
    emoji: Option<String>,
    color: Option<String>,
    default_command_step_timeout: Option<String>,
    maximum_command_step_timeout: Option<String>,
    configuration: String,
    steps: Vec<Step>,
    cluster_url: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Step {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    command: String,
    artifact_paths: Option<String>,
    branch_configuration: Option<String>,
    env: BTreeMap<String, String>,
    timeout_in_minutes: Option<String>,
    agent_query_rules: Vec<String>,
    concurrency: Option<String>,
    parallelism: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Provider {
    id: String,
    settings: Settings,
    webhook_url: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Settings {
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
    trigger_mode: String,
    use_step_key_as_commit_status: bool,
    repository: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Person {
    id: Uuid,
    graphql_id: String,
    name: String,
    email: String,
    avatar_url: String,
    created_at: Time,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StateCounts {
    total: u64,
    states: BTreeMap<String, u64>,
}

/// An instant, written as the API does: with milliseconds.
pub(crate) struct Time(DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let instant = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(instant))
    }
}
