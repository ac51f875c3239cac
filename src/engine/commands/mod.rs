//! What can be asked for, one command each: it checks everything, then changes, and the engine settles the rest.
//!
//! A refusal is an enum of the command's own with no HTTP in it; status and text are given in `http::error`.

mod add_webhook;
mod annotate;
mod archive_pipeline;
mod by_hand;
mod cancel_build;
mod change_members;
mod change_teams;
mod cluster_maintainers;
mod cluster_queues;
mod cluster_tokens;
mod clusters;
mod create_build;
mod create_pipeline;
mod create_schedule;
mod delete_log;
mod delete_pipeline;
mod delete_schedule;
mod fill_teams;
mod fire_schedule;
mod judge;
mod move_agent;
mod promise_failure;
mod rebuild_build;
mod reprioritize_job;
mod request_build;
mod retry_failed_jobs;
mod retry_job;
mod revoke_token;
mod tell_scripts;
mod unblock_job;
mod update_pipeline;
mod update_schedule;
mod upload_artifact;
mod upload_pipeline;
mod write_log;

pub(crate) use add_webhook::{AddWebhook, AddWebhookRefused};
pub(crate) use annotate::{Annotate, BodyTooLong, DeleteAnnotation};
pub(crate) use archive_pipeline::{
    ArchivePipeline, ArchiveRefused, UnarchivePipeline, UnarchiveRefused,
};
pub use by_hand::Move;
pub(crate) use by_hand::{FinishJob, MakeMove};
pub(crate) use cancel_build::{CancelBuild, CancelRefused};
pub(crate) use change_members::{AddMember, MemberRefused, RemoveMember, UpdateMember};
pub(crate) use change_teams::{
    CreateTeam, DeleteTeam, EnableTeams, NotInPlan, TeamRefused, UpdateTeam,
};
pub(crate) use cluster_maintainers::{AddMaintainer, RemoveMaintainer};
pub(crate) use cluster_queues::{
    AlreadyPaused, CreateQueue, DeleteQueue, DeleteQueueRefused, NotPaused, PauseQueue,
    ResumeQueue, UpdateQueue, WantedShape,
};
pub(crate) use cluster_tokens::{CreateClusterToken, RevokeClusterToken, UpdateClusterToken};
pub(crate) use clusters::{CreateCluster, DeleteCluster, DeleteClusterRefused, UpdateCluster};
pub(crate) use create_build::{CreateBuild, CreateBuildRefused};
pub(crate) use create_pipeline::{CreatePipeline, PipelineRefused};
pub(crate) use create_schedule::{CreateSchedule, ScheduleRefused, Switch};
pub(crate) use delete_log::DeleteLog;
pub(crate) use delete_pipeline::DeletePipeline;
pub(crate) use delete_schedule::DeleteSchedule;
pub(crate) use fill_teams::{
    AddTeamMember, AddTeamPipeline, NotAdded, NotInTeam, RemoveTeamMember, RemoveTeamPipeline,
    UpdateTeamMember, UpdateTeamPipeline,
};
pub(crate) use fire_schedule::FireSchedule;
pub(crate) use judge::Judge;
pub use move_agent::AgentMove;
pub(crate) use move_agent::{
    ConnectAgent, Force, MoveAgent, PauseAgent, PauseRefused, ResumeAgent, ResumeRefused,
    StopAgent, StopRefused,
};
pub(crate) use promise_failure::PromiseFailure;
pub(crate) use rebuild_build::{RebuildBuild, RebuildRefused};
pub(crate) use reprioritize_job::{NoPriority, ReprioritizeJob};
pub(crate) use request_build::{RequestBuild, RequestBuildRefused};
pub(crate) use retry_failed_jobs::{Failure, RetryFailedJobs};
pub(crate) use retry_job::{RetryJob, RetryRefused};
pub(crate) use revoke_token::RevokeToken;
pub(crate) use tell_scripts::TellScripts;
pub(crate) use unblock_job::{Answers, UnblockJob, UnblockRefused};
pub(crate) use update_pipeline::{NewSlug, UpdatePipeline, UpdatePipelineRefused};
pub(crate) use update_schedule::UpdateSchedule;
pub(crate) use upload_artifact::{MarkArtifact, UploadArtifact};
pub(crate) use upload_pipeline::UploadPipeline;
pub(crate) use write_log::{NotRunning, WriteLog};
