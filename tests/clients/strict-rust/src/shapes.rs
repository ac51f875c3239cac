//! Every resource of the REST API as it is documented, key by key. An unknown key, a missing one and a value of another
//! type are all errors.

use serde::Deserialize;
use serde_json::Value;

use crate::strict::{Id, Map, Maybe, Null, Nullable, Seconds, Sha1, Time};

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$on:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name { $($(#[$on])* pub $field: $type,)* }
        )*
    };
}

macro_rules! words {
    ($($name:ident: $($word:ident)*;)*) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
            #[serde(rename_all = "snake_case")]
            pub enum $name { $($word,)* }
        )*
    };
}

// --- Builds and jobs -------------------------------------------------------------------------------------------------

words! {
    BuildState: Creating Scheduled Running Passed Failing Failed Blocked Canceling Canceled Skipped NotRun;
    Source: Webhook Api Ui TriggerJob Schedule;
    // `finished` and `limited` are never reported.
    ScriptState: Pending Waiting WaitingFailed Scheduled Assigned Accepted Running Passed Failed Canceling Canceled
        TimingOut TimedOut Skipped Broken Expired;
    ManualState: Waiting WaitingFailed Blocked BlockedFailed Unblocked UnblockedFailed Skipped Broken Canceled;
    WaiterState: Waiting WaitingFailed Passed Skipped Broken Canceled;
    RetryType: Manual Automatic;
    SignalReason: AgentStop Cancel ProcessRunError AgentRefused SignatureRejected StackError AgentIncompatible;
}

shapes! {
    User { id: Id, graphql_id: String, name: String, email: String, avatar_url: String, created_at: Time, }
    /// Who made the commit: by name and address if anybody said so.
    Author { username: Nullable<String>, name: Nullable<String>, email: Nullable<String>, }
    PullRequest { id: String, base: Nullable<String>, repository: Nullable<String>, }
    MergeQueue { base_branch: String, }
    RebuiltFrom { id: Id, number: u64, url: String, }
    TriggeredFrom { build_id: Id, build_number: u64, build_pipeline_slug: String, }
    TriggeredBuild { id: Id, number: u64, url: String, web_url: String, }
    JobStateCounts { total: u64, states: Map<u64>, }
    TestEngine { runs: Vec<TestEngineRun>, }
    TestEngineRun { id: Id, suite: Suite, }
    Suite { id: Id, slug: String, }

    Build {
        id: Id,
        graphql_id: String,
        url: String,
        web_url: String,
        number: u64,
        state: BuildState,
        cancel_reason: Nullable<String>,
        blocked: bool,
        blocked_state: String,
        message: Nullable<String>,
        commit: String,
        branch: String,
        tag: Nullable<String>,
        env: Map<Value>,
        source: Source,
        author: Nullable<Author>,
        creator: Nullable<User>,
        created_at: Time,
        scheduled_at: Nullable<Time>,
        started_at: Nullable<Time>,
        failing_at: Nullable<Time>,
        finished_at: Nullable<Time>,
        meta_data: Map<String>,
        pull_request: Nullable<PullRequest>,
        merge_queue: Nullable<MergeQueue>,
        rebuilt_from: Nullable<RebuiltFrom>,
        triggered_from: Nullable<TriggeredFrom>,
        /// Unless it is left out on demand.
        #[serde(default)]
        pipeline: Maybe<Pipeline>,
        /// Unless they are left out on demand.
        #[serde(default)]
        jobs: Maybe<Vec<Job>>,
        cluster_id: Nullable<Id>,
        cluster_url: Nullable<String>,
        /// Of one build.
        #[serde(default)]
        job_state_counts: Maybe<JobStateCounts>,
        /// On demand.
        #[serde(default)]
        test_engine: Maybe<TestEngine>,
        /// Of who retries failed jobs.
        #[serde(default)]
        retried_jobs_count: Maybe<u64>,
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Job {
    Script(Box<Script>),
    Waiter(Waiter),
    Manual(Box<Manual>),
    Trigger(Box<Trigger>),
}

shapes! {
    StepInfo { id: Id, signature: Nullable<Signature>, }
    Signature { value: String, algorithm: String, signed_fields: Vec<String>, }
    RetrySource { job_id: Id, retry_type: RetryType, }
    Priority { number: i64, }

    Script {
        id: Id,
        graphql_id: String,
        name: Nullable<String>,
        step_key: Nullable<String>,
        group_key: Nullable<String>,
        step: Nullable<StepInfo>,
        priority: Priority,
        agent_query_rules: Vec<String>,
        state: ScriptState,
        build_url: String,
        web_url: String,
        log_url: String,
        raw_log_url: String,
        artifacts_url: String,
        command: Nullable<String>,
        soft_failed: bool,
        exit_status: Nullable<i32>,
        signal: Nullable<String>,
        signal_reason: Nullable<SignalReason>,
        broken_reason: Nullable<String>,
        /// Once it has promised to fail.
        #[serde(default)]
        promised_exit_status: Maybe<i32>,
        #[serde(default)]
        promised_exit_status_at: Maybe<Time>,
        artifact_paths: Nullable<String>,
        agent: Nullable<Box<EmbeddedAgent>>,
        created_at: Time,
        scheduled_at: Nullable<Time>,
        runnable_at: Nullable<Time>,
        concurrency_wait_time_ms: Nullable<u64>,
        started_at: Nullable<Time>,
        finished_at: Nullable<Time>,
        expired_at: Nullable<Time>,
        retried: bool,
        retried_in_job_id: Nullable<Id>,
        retries_count: Nullable<u32>,
        retry_source: Nullable<RetrySource>,
        retry_type: Nullable<RetryType>,
        retried_by: Nullable<User>,
        parallel_group_index: Nullable<u32>,
        parallel_group_total: Nullable<u32>,
        matrix: Nullable<Map<String>>,
        cluster_id: Nullable<Id>,
        cluster_url: Nullable<String>,
        cluster_queue_id: Nullable<Id>,
        cluster_queue_url: Nullable<String>,
    }

    Waiter {
        id: Id,
        graphql_id: String,
        /// Responses that were recorded have no state.
        #[serde(default)]
        state: Maybe<WaiterState>,
    }

    Manual {
        id: Id,
        graphql_id: String,
        label: String,
        state: ManualState,
        step_key: Nullable<String>,
        web_url: Null,
        unblocked_by: Nullable<User>,
        unblocked_at: Nullable<Time>,
        unblockable: bool,
        unblock_url: String,
    }

    Trigger {
        id: Id,
        graphql_id: String,
        name: Nullable<String>,
        step_key: Nullable<String>,
        state: ScriptState,
        r#async: bool,
        soft_failed: bool,
        triggered_build: Nullable<TriggeredBuild>,
        web_url: Nullable<String>,
        build_url: Nullable<String>,
        created_at: Time,
        scheduled_at: Nullable<Time>,
        runnable_at: Nullable<Time>,
        started_at: Nullable<Time>,
        finished_at: Nullable<Time>,
    }

    JobsPage { items: Vec<Job>, links: Links, }
    Links {
        #[serde(rename = "self")]
        here: String,
        #[serde(default)]
        next: Maybe<String>,
        #[serde(default)]
        prev: Maybe<String>,
        #[serde(default)]
        first: Maybe<String>,
    }
    Log { url: String, content: String, size: usize, header_times: Vec<u64>, }
    Env { env: Map<String>, }
    StepUpload {
        uuid: Id,
        graphql_id: String,
        state: UploadState,
        source: String,
        source_job_id: Id,
        replace_existing_steps: bool,
        created_jobs_count: Nullable<u32>,
        rejection_type: Nullable<String>,
        message: Nullable<String>,
        url: String,
        created_at: Time,
        processed_at: Nullable<Time>,
        /// The definition: of one upload.
        #[serde(default)]
        definition_bytes: Maybe<u64>,
        #[serde(default)]
        definition_yaml: Maybe<Nullable<String>>,
        #[serde(default)]
        definition_yaml_omitted: Maybe<bool>,
    }
    StepUploadsPage { items: Vec<StepUpload>, links: Links, }
}

words! {
    UploadState: Pending Applied Rejected;
}

impl Build {
    pub fn jobs(&self) -> &[Job] {
        match &self.jobs {
            Maybe::There(jobs) => jobs,
            Maybe::Missing => panic!("{} came without its jobs", self.url),
        }
    }
}

impl Job {
    pub fn id(&self) -> &Id {
        match self {
            Self::Script(job) => &job.id,
            Self::Waiter(job) => &job.id,
            Self::Manual(job) => &job.id,
            Self::Trigger(job) => &job.id,
        }
    }

    /// Its type and state.
    pub fn state(&self) -> String {
        match self {
            Self::Script(job) => format!("script {:?}", job.state),
            Self::Waiter(_) => "waiter".to_owned(),
            Self::Manual(job) => format!("manual {:?}", job.state),
            Self::Trigger(job) => format!("trigger {:?}", job.state),
        }
    }
}

// --- Agents, artifacts, annotations ----------------------------------------------------------------------------------

words! {
    ConnectionState: NeverConnected Connected Disconnected Stopping Stopped Lost;
    ArtifactState: New Error Finished Deleted Expired;
    Style: Success Info Warning Error;
    Scope: Build Job;
}

shapes! {
    Agent {
        id: Id,
        graphql_id: String,
        url: String,
        web_url: String,
        name: String,
        connection_state: ConnectionState,
        hostname: String,
        ip_address: String,
        user_agent: String,
        version: String,
        os_id: Nullable<String>,
        arch: Nullable<String>,
        queue: Nullable<String>,
        creator: Nullable<User>,
        created_at: Time,
        connected_at: Nullable<Time>,
        disconnected_at: Nullable<Time>,
        lost_at: Nullable<Time>,
        stopped_at: Nullable<Time>,
        job: Nullable<Job>,
        last_job_finished_at: Nullable<Time>,
        priority: Nullable<i64>,
        meta_data: Vec<String>,
        paused: bool,
        paused_at: Nullable<Time>,
        paused_by: Nullable<User>,
        paused_note: Nullable<String>,
        paused_timeout_in_minutes: Nullable<u32>,
    }
    /// An agent where its job is shown.
    EmbeddedAgent {
        id: Id,
        graphql_id: String,
        url: String,
        web_url: String,
        name: String,
        connection_state: ConnectionState,
        ip_address: String,
        hostname: String,
        user_agent: String,
        version: String,
        creator: Nullable<User>,
        created_at: Time,
        job: Null,
        last_job_finished_at: Nullable<Time>,
        priority: Nullable<i64>,
        meta_data: Vec<String>,
    }
    Artifact {
        id: Id,
        job_id: Id,
        url: String,
        download_url: String,
        state: ArtifactState,
        path: String,
        dirname: String,
        filename: String,
        mime_type: String,
        file_size: usize,
        glob_path: Null,
        original_path: Null,
        sha1sum: Sha1,
    }
    Download { url: String, }
    Annotation {
        id: Id,
        context: String,
        style: Nullable<Style>,
        scope: Scope,
        job_id: Nullable<Id>,
        priority: u8,
        /// Unless it is left out on demand.
        #[serde(default)]
        body_html: Maybe<String>,
        created_at: Time,
        updated_at: Time,
    }
}

// --- Pipelines and schedules -----------------------------------------------------------------------------------------

words! {
    Visibility: Private Public;
    TriggerMode: Code Deployment Fork None;
    MatchMode: Exact Contains;
}

shapes! {
    Pipeline {
        id: Id,
        graphql_id: String,
        url: String,
        web_url: String,
        name: String,
        description: Nullable<String>,
        slug: String,
        repository: String,
        cluster_id: Nullable<Id>,
        pipeline_template_uuid: Nullable<Id>,
        branch_configuration: Nullable<String>,
        /// Where clones are mirrored.
        #[serde(default)]
        clone_mirror_url: Maybe<Nullable<String>>,
        default_branch: String,
        skip_queued_branch_builds: bool,
        skip_queued_branch_builds_filter: Nullable<String>,
        cancel_running_branch_builds: bool,
        cancel_running_branch_builds_filter: Nullable<String>,
        allow_rebuilds: bool,
        provider: Provider,
        builds_url: String,
        badge_url: String,
        created_by: Nullable<User>,
        created_at: Time,
        archived_at: Nullable<Time>,
        env: Nullable<Map<String>>,
        scheduled_builds_count: u64,
        running_builds_count: u64,
        scheduled_jobs_count: u64,
        running_jobs_count: u64,
        waiting_jobs_count: u64,
        visibility: Visibility,
        tags: Nullable<Vec<String>>,
        emoji: Nullable<String>,
        color: Nullable<String>,
        default_command_step_timeout: Nullable<u32>,
        maximum_command_step_timeout: Nullable<u32>,
        /// Of pipelines in YAML.
        #[serde(default)]
        configuration: Maybe<String>,
        steps: Vec<Step>,
        cluster_url: Nullable<String>,
    }
    PipelineRef { id: Id, slug: String, url: String, }
    RawProvider { id: String, settings: Value, webhook_url: String, }
}

/// What the settings are depends on whose they are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "RawProvider")]
pub struct Provider {
    pub id: String,
    pub settings: Settings,
    pub webhook_url: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Settings {
    GitHub(Box<GitHubSettings>),
    Bitbucket(Box<BitbucketSettings>),
    BitbucketServer(BitbucketServerSettings),
    GitLab(GitLabSettings),
    /// A server that is nobody's.
    Plain(PlainSettings),
}

impl TryFrom<RawProvider> for Provider {
    type Error = String;

    fn try_from(raw: RawProvider) -> Result<Self, String> {
        fn decode<T: serde::de::DeserializeOwned>(settings: Value) -> Result<T, String> {
            T::deserialize(settings).map_err(|error| format!("provider.settings: {error}"))
        }
        let settings = match raw.id.as_str() {
            "github" | "github_enterprise" => Settings::GitHub(decode(raw.settings)?),
            "bitbucket" => Settings::Bitbucket(decode(raw.settings)?),
            "bitbucket_server" => Settings::BitbucketServer(decode(raw.settings)?),
            "gitlab" | "gitlab_ee" => Settings::GitLab(decode(raw.settings)?),
            "private_git" | "unknown" => Settings::Plain(decode(raw.settings)?),
            other => return Err(format!("no provider is called {other:?}")),
        };
        Ok(Self {
            id: raw.id,
            settings,
            webhook_url: raw.webhook_url,
        })
    }
}

shapes! {
    GitHubSettings {
        trigger_mode: TriggerMode,
        build_pull_requests: bool,
        pull_request_branch_filter_enabled: bool,
        #[serde(default)]
        pull_request_branch_filter_configuration: Maybe<Nullable<String>>,
        skip_builds_for_existing_commits: bool,
        skip_pull_request_builds_for_existing_commits: bool,
        build_pull_request_ready_for_review: bool,
        build_pull_request_labels_changed: bool,
        build_pull_request_base_branch_changed: bool,
        build_pull_request_forks: bool,
        prefix_pull_request_fork_branch_names: bool,
        build_branches: bool,
        build_tags: bool,
        cancel_deleted_branch_builds: bool,
        publish_commit_status: bool,
        publish_commit_status_per_step: bool,
        separate_pull_request_statuses: bool,
        publish_blocked_as_pending: bool,
        use_step_key_as_commit_status: bool,
        filter_enabled: bool,
        #[serde(default)]
        filter_condition: Maybe<Nullable<String>>,
        repository: String,
        build_merge_group_checks_requested: bool,
        // From here on only once they are set.
        #[serde(default)]
        ignore_default_branch_pull_requests: Maybe<bool>,
        #[serde(default)]
        build_pull_request_stacks: Maybe<bool>,
        #[serde(default)]
        build_pull_request_reopened: Maybe<bool>,
        #[serde(default)]
        build_pull_request_edited: Maybe<bool>,
        #[serde(default)]
        build_pull_request_converted_to_draft: Maybe<bool>,
        #[serde(default)]
        build_pull_request_review_requested: Maybe<bool>,
        #[serde(default)]
        build_check_run_completed: Maybe<bool>,
        #[serde(default)]
        build_pull_request_review_submitted: Maybe<bool>,
        #[serde(default)]
        build_pull_request_review_dismissed: Maybe<bool>,
        #[serde(default)]
        build_release_published: Maybe<bool>,
        #[serde(default)]
        build_release_created: Maybe<bool>,
        #[serde(default)]
        build_release_released: Maybe<bool>,
        #[serde(default)]
        build_issue_comment_created: Maybe<bool>,
        #[serde(default)]
        build_deployment_status_created: Maybe<bool>,
        #[serde(default)]
        build_pull_request_review_comment_created: Maybe<bool>,
        #[serde(default)]
        build_pull_request_dequeued: Maybe<bool>,
        #[serde(default)]
        build_create_event: Maybe<bool>,
        #[serde(default)]
        cancel_when_merge_group_destroyed: Maybe<bool>,
        #[serde(default)]
        use_merge_group_base_commit_for_git_diff_base: Maybe<bool>,
        #[serde(default)]
        build_pull_request_merge_commits: Maybe<bool>,
        #[serde(default)]
        skip_builds_for_closed_pull_requests: Maybe<bool>,
        #[serde(default)]
        prevent_custom_statuses_from_using_buildkite_prefix: Maybe<bool>,
        #[serde(default)]
        github_workflow_access_tokens_enabled: Maybe<bool>,
        #[serde(default)]
        issue_comment_command_word: Maybe<String>,
        #[serde(default)]
        review_comment_command_word: Maybe<String>,
        #[serde(default)]
        issue_comment_match_mode: Maybe<MatchMode>,
        #[serde(default)]
        review_comment_match_mode: Maybe<MatchMode>,
    }
    BitbucketSettings {
        build_pull_requests: bool,
        build_branches: bool,
        build_tags: bool,
        pull_request_branch_filter_enabled: bool,
        #[serde(default)]
        pull_request_branch_filter_configuration: Maybe<Nullable<String>>,
        skip_pull_request_builds_for_existing_commits: bool,
        publish_commit_status: bool,
        publish_commit_status_per_step: bool,
        #[serde(default)]
        ignore_default_branch_pull_requests: Maybe<bool>,
        filter_enabled: bool,
        #[serde(default)]
        filter_condition: Maybe<Nullable<String>>,
        repository: String,
        cancel_deleted_branch_builds: bool,
        skip_builds_for_existing_commits: bool,
    }
    BitbucketServerSettings {
        build_branches: bool,
        build_pull_requests: bool,
        build_tags: bool,
        filter_enabled: bool,
        #[serde(default)]
        filter_condition: Maybe<Nullable<String>>,
        repository: String,
    }
    GitLabSettings {
        build_branches: bool,
        build_tags: bool,
        build_pull_requests: bool,
        build_pull_request_merge: bool,
        build_pull_request_base_branch_changed: bool,
        publish_commit_status: bool,
        filter_enabled: bool,
        #[serde(default)]
        filter_condition: Maybe<Nullable<String>>,
        repository: String,
    }
    PlainSettings {
        filter_enabled: bool,
        #[serde(default)]
        filter_condition: Maybe<Nullable<String>>,
        repository: String,
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Step {
    Script(ScriptStep),
    Waiter(WaiterStep),
    Manual(ManualStep),
    Trigger(TriggerStep),
}

shapes! {
    ScriptStep {
        name: Nullable<String>,
        command: Nullable<String>,
        artifact_paths: Nullable<String>,
        branch_configuration: Nullable<String>,
        env: Map<String>,
        timeout_in_minutes: Nullable<u32>,
        agent_query_rules: Vec<String>,
        concurrency: Nullable<u32>,
        parallelism: Nullable<u32>,
    }
    WaiterStep {}
    ManualStep { label: Nullable<String>, }
    TriggerStep {
        label: Nullable<String>,
        pipeline: String,
        build: TriggerStepBuild,
        r#async: bool,
        branch_configuration: Nullable<String>,
        concurrency: Nullable<u32>,
        parallelism: Nullable<u32>,
    }
    TriggerStepBuild {
        message: Nullable<String>,
        branch: Nullable<String>,
        commit: Nullable<String>,
        env: Nullable<Map<String>>,
    }
    Schedule {
        id: Id,
        graphql_id: String,
        url: String,
        label: Nullable<String>,
        cronline: String,
        message: Nullable<String>,
        commit: String,
        branch: String,
        env: Map<String>,
        enabled: bool,
        next_build_at: Nullable<Time>,
        failed_message: Nullable<String>,
        failed_at: Nullable<Time>,
        created_at: Time,
        created_by: Nullable<User>,
        pipeline: PipelineRef,
    }
}

// --- Clusters --------------------------------------------------------------------------------------------------------

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Affinity {
    PreferWarmest,
    PreferDifferent,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    User(UserActor),
    Team(TeamActor),
}

shapes! {
    Cluster {
        id: Id,
        graphql_id: String,
        default_queue_id: Nullable<Id>,
        name: String,
        description: Nullable<String>,
        emoji: Nullable<String>,
        color: Nullable<String>,
        maintainers: Maintainers,
        url: String,
        web_url: String,
        default_queue_url: Nullable<String>,
        queues_url: String,
        created_at: Time,
        created_by: Nullable<User>,
        /// Of hosted clusters.
        #[serde(default)]
        hosted_git_mirror_enabled: Maybe<bool>,
        #[serde(default)]
        hosted_container_cache_enabled: Maybe<bool>,
    }
    Maintainers { users: Vec<Maintainer>, teams: Vec<Maintainer>, }
    Maintainer { id: Id, actor: Actor, }
    UserActor { id: Id, graphql_id: String, name: String, email: String, }
    TeamActor {
        id: Id,
        graphql_id: String,
        slug: String,
        #[serde(default)]
        name: Maybe<String>,
    }
    Queue {
        id: Id,
        graphql_id: String,
        key: String,
        description: Nullable<String>,
        url: String,
        web_url: String,
        cluster_url: String,
        /// Of queues whose agents are one's own.
        #[serde(default)]
        retry_agent_affinity: Maybe<Affinity>,
        dispatch_paused: bool,
        dispatch_paused_by: Nullable<User>,
        dispatch_paused_at: Nullable<Time>,
        dispatch_paused_note: Nullable<String>,
        created_at: Time,
        created_by: Nullable<User>,
        /// Of hosted queues.
        #[serde(default)]
        hosted: Maybe<bool>,
        #[serde(default)]
        hosted_agents: Maybe<HostedAgents>,
    }
    HostedAgents { instance_shape: InstanceShape, platform_settings: Platform, }
    InstanceShape { machine_type: String, architecture: String, cpu: u32, memory: u32, name: String, }
    Platform {
        #[serde(default)]
        linux: Maybe<LinuxPlatform>,
    }
    LinuxPlatform { agent_image_ref: Nullable<String>, }
    ClusterToken {
        id: Id,
        graphql_id: String,
        description: String,
        allowed_ip_addresses: Nullable<String>,
        expires_at: Nullable<Seconds>,
        url: String,
        cluster_url: String,
        created_at: Time,
        created_by: Nullable<User>,
        /// For who makes it.
        #[serde(default)]
        token: Maybe<String>,
    }
}

// --- Organizations, users, teams -------------------------------------------------------------------------------------

words! {
    MemberRole: Admin Member;
    SsoMode: Required Optional;
    Privacy: Visible Secret;
    TeamRole: Member Maintainer;
    Access: ReadOnly BuildAndRead ManageBuildAndRead;
}

shapes! {
    AccessToken {
        uuid: Id,
        scopes: Vec<String>,
        description: Nullable<String>,
        created_at: Time,
        expires_at: Nullable<Time>,
        user: TokenUser,
    }
    TokenUser { email: String, name: String, }
    Organization {
        id: Id,
        graphql_id: String,
        url: String,
        web_url: String,
        name: String,
        slug: String,
        pipelines_url: String,
        agents_url: String,
        emojis_url: String,
        created_at: Time,
    }
    Member {
        id: Id,
        name: String,
        email: String,
        role: MemberRole,
        /// For administrators, and of oneself.
        #[serde(default)]
        sso_mode: Maybe<SsoMode>,
    }
    RateLimits { scopes: RateLimitScopes, }
    RateLimitScopes { rest: RateLimit, graphql: RateLimit, }
    RateLimit { limit: u64, current: u64, reset: u64, reset_at: Seconds, enforced: bool, }
    Meta { webhook_ips: Vec<String>, }
    Root { message: String, timestamp: u64, }
    Emoji {
        name: String,
        url: String,
        /// If it has any.
        #[serde(default)]
        aliases: Maybe<Vec<String>>,
    }
    Team {
        id: Id,
        graphql_id: String,
        name: String,
        slug: String,
        description: String,
        privacy: Privacy,
        default: bool,
        created_at: Time,
        created_by: Nullable<User>,
        default_member_role: TeamRole,
        members_can_create_pipelines: bool,
        members_can_create_suites: bool,
        members_can_create_registries: bool,
        members_can_destroy_registries: bool,
        members_can_destroy_packages: bool,
    }
    TeamMember { role: TeamRole, created_at: Time, user_id: Id, user_name: String, }
    TeamPipeline { access_level: Access, created_at: Time, pipeline_id: Id, pipeline_url: String, }
}

// --- Refusals --------------------------------------------------------------------------------------------------------

shapes! {
    Refusal { message: String, }
    Invalid { message: String, errors: Vec<FieldError>, }
    FieldError { field: String, code: String, }
}
