//! The paths themselves, as one match over their segments for each family of endpoints.

use crate::http::router::Place;
use crate::vocabulary::route::Route;

type Found<'p> = Option<(Route, Place<'p>)>;

pub(super) fn known<'p>(method: &str, segments: &[&'p str]) -> Found<'p> {
    let nowhere = Place::default();
    match segments {
        [] if method == "GET" => Some((Route::Root, nowhere)),
        ["v2", "organizations", organization, rest @ ..] => {
            let at = Place {
                organization,
                ..nowhere
            };
            of_organization(method, rest, at)
        }
        ["v1", "graphql"] if method == "POST" => Some((Route::GraphQl, nowhere)),
        ["v2", rest @ ..] => of_token(method, rest).map(|route| (route, nowhere)),
        ["_artifacts", artifact, _] if method == "GET" => {
            let at = Place {
                artifact,
                ..nowhere
            };
            Some((Route::ArtifactContent, at))
        }
        // No organization has such a name.
        [".well-known", ..] => None,
        [organization, pipeline, rest @ ..] if method == "GET" => {
            let at = Place {
                organization,
                pipeline,
                ..nowhere
            };
            page(rest, at)
        }
        _ => None,
    }
}

/// What is for people to look at, where no endpoint is.
fn page<'p>(rest: &[&'p str], at: Place<'p>) -> Found<'p> {
    Some(match rest {
        [] => (Route::PipelinePage, at),
        ["builds", build] => (Route::BuildPage, Place { build, ..at }),
        ["builds", build, "artifacts", artifact] => {
            let at = Place {
                build,
                artifact,
                ..at
            };
            (Route::ArtifactPage, at)
        }
        _ => return None,
    })
}

/// What is below no organization: whatever the token may see.
fn of_token(method: &str, rest: &[&str]) -> Option<Route> {
    Some(match (method, rest) {
        ("GET", ["meta"]) => Route::GetMeta,
        ("GET", ["user"]) => Route::GetUser,
        ("GET", ["access-token"]) => Route::GetAccessToken,
        ("DELETE", ["access-token"]) => Route::RevokeAccessToken,
        ("GET", ["builds"]) => Route::ListBuilds,
        ("GET", ["organizations"]) => Route::ListOrganizations,
        _ => return None,
    })
}

fn of_organization<'p>(method: &str, rest: &[&'p str], at: Place<'p>) -> Found<'p> {
    Some(match (method, rest) {
        ("GET", []) => (Route::GetOrganization, at),
        ("GET", ["builds"]) => (Route::ListOrganizationBuilds, at),
        ("GET", ["rate_limit"]) => (Route::GetRateLimit, at),
        ("GET", ["emojis"]) => (Route::ListEmojis, at),
        ("GET", ["members"]) => (Route::ListOrganizationMembers, at),
        (method, ["members", member]) => {
            let route = match method {
                "GET" => Route::GetOrganizationMember,
                "PATCH" => Route::UpdateOrganizationMember,
                "DELETE" => Route::RemoveOrganizationMember,
                _ => return None,
            };
            (route, Place { member, ..at })
        }
        (method, ["jobs", job, rest @ ..]) => return of_job(method, rest, Place { job, ..at }),
        ("GET", ["pipelines"]) => (Route::ListPipelines, at),
        ("POST", ["pipelines"]) => (Route::CreatePipeline, at),
        (method, ["pipelines", pipeline, rest @ ..]) => {
            return of_pipeline(method, rest, Place { pipeline, ..at });
        }
        ("GET", ["agents"]) => (Route::ListAgents, at),
        (method, ["agents", agent, rest @ ..]) => {
            let route = match (method, rest) {
                ("GET", []) => Route::GetAgent,
                ("PUT", ["stop"]) => Route::StopAgent,
                ("PUT", ["pause"]) => Route::PauseAgent,
                ("PUT", ["resume"]) => Route::ResumeAgent,
                _ => return None,
            };
            (route, Place { agent, ..at })
        }
        ("GET", ["clusters"]) => (Route::ListClusters, at),
        ("POST", ["clusters"]) => (Route::CreateCluster, at),
        (method, ["clusters", cluster, rest @ ..]) => {
            return of_cluster(method, rest, Place { cluster, ..at });
        }
        ("GET", ["teams"]) => (Route::ListTeams, at),
        ("POST", ["teams"]) => (Route::CreateTeam, at),
        ("POST", ["teams", "enable"]) => (Route::EnableTeams, at),
        (method, ["teams", team, rest @ ..]) => return of_team(method, rest, Place { team, ..at }),
        _ => return None,
    })
}

fn of_pipeline<'p>(method: &str, rest: &[&'p str], at: Place<'p>) -> Found<'p> {
    Some(match (method, rest) {
        ("GET", []) => (Route::GetPipeline, at),
        ("PATCH", []) => (Route::UpdatePipeline, at),
        ("DELETE", []) => (Route::DeletePipeline, at),
        ("POST", ["archive"]) => (Route::ArchivePipeline, at),
        ("POST", ["unarchive"]) => (Route::UnarchivePipeline, at),
        ("POST", ["webhook"]) => (Route::AddWebhook, at),
        ("GET", ["schedules"]) => (Route::ListSchedules, at),
        ("POST", ["schedules"]) => (Route::CreateSchedule, at),
        (method, ["schedules", schedule]) => {
            let route = match method {
                "GET" => Route::GetSchedule,
                "PUT" | "PATCH" => Route::UpdateSchedule,
                "DELETE" => Route::DeleteSchedule,
                _ => return None,
            };
            (route, Place { schedule, ..at })
        }
        ("GET", ["builds"]) => (Route::ListPipelineBuilds, at),
        ("POST", ["builds"]) => (Route::CreateBuild, at),
        (method, ["builds", build, "jobs", job, rest @ ..]) => {
            return of_job(method, rest, Place { build, job, ..at });
        }
        (method, ["builds", build, rest @ ..]) => {
            return of_build(method, rest, Place { build, ..at });
        }
        _ => return None,
    })
}

fn of_build<'p>(method: &str, rest: &[&'p str], at: Place<'p>) -> Found<'p> {
    Some(match (method, rest) {
        ("GET", []) => (Route::GetBuild, at),
        ("PUT", ["cancel"]) => (Route::CancelBuild, at),
        ("PUT", ["rebuild"]) => (Route::RebuildBuild, at),
        ("PUT", ["retry_failed_jobs"]) => (Route::RetryFailedJobs, at),
        ("GET", ["step-uploads"]) => (Route::ListStepUploads, at),
        ("GET", ["step-uploads", step_upload]) => {
            (Route::GetStepUpload, Place { step_upload, ..at })
        }
        ("GET", ["jobs"]) => (Route::ListJobs, at),
        ("GET", ["artifacts"]) => (Route::ListBuildArtifacts, at),
        ("GET", ["annotations"]) => (Route::ListBuildAnnotations, at),
        ("POST", ["annotations"]) => (Route::CreateBuildAnnotation, at),
        ("DELETE", ["annotations", annotation]) => {
            (Route::DeleteBuildAnnotation, Place { annotation, ..at })
        }
        _ => return None,
    })
}

/// What is below a job, whether the path names its build or not.
fn of_job<'p>(method: &str, rest: &[&'p str], at: Place<'p>) -> Found<'p> {
    Some(match (method, rest) {
        ("GET", []) => (Route::GetJob, at),
        ("PUT", ["retry"]) => (Route::RetryJob, at),
        ("PUT", ["reprioritize"]) => (Route::ReprioritizeJob, at),
        ("PUT", ["unblock"]) => (Route::UnblockJob, at),
        ("GET", ["log"]) => (Route::GetJobLog, at),
        ("GET", ["log.txt"]) => (Route::GetJobLogText, at),
        ("GET", ["log.html"]) => (Route::GetJobLogHtml, at),
        ("DELETE", ["log"]) => (Route::DeleteJobLog, at),
        ("GET", ["env"]) => (Route::GetJobEnv, at),
        ("GET", ["env.txt"]) => (Route::GetJobEnvText, at),
        ("GET", ["artifacts"]) => (Route::ListJobArtifacts, at),
        ("GET", ["artifacts", artifact]) => (Route::GetArtifact, Place { artifact, ..at }),
        ("GET", ["artifacts", artifact, "download"]) => {
            (Route::DownloadArtifact, Place { artifact, ..at })
        }
        ("DELETE", ["artifacts", artifact]) => (Route::DeleteArtifact, Place { artifact, ..at }),
        ("GET", ["annotations"]) => (Route::ListJobAnnotations, at),
        ("POST", ["annotations"]) => (Route::CreateJobAnnotation, at),
        ("DELETE", ["annotations", annotation]) => {
            (Route::DeleteJobAnnotation, Place { annotation, ..at })
        }
        _ => return None,
    })
}

fn of_cluster<'p>(method: &str, rest: &[&'p str], at: Place<'p>) -> Found<'p> {
    Some(match (method, rest) {
        ("GET", []) => (Route::GetCluster, at),
        ("PUT" | "PATCH", []) => (Route::UpdateCluster, at),
        ("DELETE", []) => (Route::DeleteCluster, at),
        ("GET", ["queues"]) => (Route::ListClusterQueues, at),
        ("POST", ["queues"]) => (Route::CreateClusterQueue, at),
        (method, ["queues", queue, rest @ ..]) => {
            let route = match (method, rest) {
                ("GET", []) => Route::GetClusterQueue,
                ("PUT" | "PATCH", []) => Route::UpdateClusterQueue,
                ("DELETE", []) => Route::DeleteClusterQueue,
                ("POST", ["pause_dispatch"]) => Route::PauseQueueDispatch,
                ("POST", ["resume_dispatch"]) => Route::ResumeQueueDispatch,
                _ => return None,
            };
            (route, Place { queue, ..at })
        }
        ("GET", ["tokens"]) => (Route::ListClusterTokens, at),
        ("POST", ["tokens"]) => (Route::CreateClusterToken, at),
        (method, ["tokens", token]) => {
            let route = match method {
                "GET" => Route::GetClusterToken,
                "PUT" | "PATCH" => Route::UpdateClusterToken,
                "DELETE" => Route::RevokeClusterToken,
                _ => return None,
            };
            (route, Place { token, ..at })
        }
        ("GET", ["maintainers"]) => (Route::ListClusterMaintainers, at),
        ("POST", ["maintainers"]) => (Route::AddClusterMaintainer, at),
        ("GET", ["maintainers", maintainer]) => {
            (Route::GetClusterMaintainer, Place { maintainer, ..at })
        }
        ("DELETE", ["maintainers", maintainer]) => {
            (Route::RemoveClusterMaintainer, Place { maintainer, ..at })
        }
        _ => return None,
    })
}

fn of_team<'p>(method: &str, rest: &[&'p str], at: Place<'p>) -> Found<'p> {
    Some(match (method, rest) {
        ("GET", []) => (Route::GetTeam, at),
        ("PATCH", []) => (Route::UpdateTeam, at),
        ("DELETE", []) => (Route::DeleteTeam, at),
        ("GET", ["members"]) => (Route::ListTeamMembers, at),
        ("POST", ["members"]) => (Route::AddTeamMember, at),
        (method, ["members", member]) => {
            let route = match method {
                "GET" => Route::GetTeamMember,
                "PATCH" => Route::UpdateTeamMember,
                "DELETE" => Route::RemoveTeamMember,
                _ => return None,
            };
            (route, Place { member, ..at })
        }
        ("GET", ["pipelines"]) => (Route::ListTeamPipelines, at),
        ("POST", ["pipelines"]) => (Route::AddTeamPipeline, at),
        (method, ["pipelines", pipeline]) => {
            let route = match method {
                "GET" => Route::GetTeamPipeline,
                "PATCH" => Route::UpdateTeamPipeline,
                "DELETE" => Route::RemoveTeamPipeline,
                _ => return None,
            };
            (route, Place { pipeline, ..at })
        }
        _ => return None,
    })
}
