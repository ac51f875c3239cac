//! The endpoints this fake serves, by name. How a path is taken apart is `http::router`'s.

use std::fmt;

use crate::vocabulary::scope::Scope;

macro_rules! routes {
    ($($(#[$doc:meta])* $variant:ident = $method:literal $path:literal $scope:expr,)*) => {
        /// An endpoint this fake serves: what assertions about requests are made of.
        ///
        /// ```
        /// use fake_buildkite::{Route, Scope};
        ///
        /// let route = Route::CancelBuild;
        /// assert_eq!(route.to_string(),
        ///     "PUT /v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/cancel");
        /// assert!(route.path().ends_with("/cancel"));
        /// assert_eq!(route.scope(), Some(Scope::WriteBuilds));
        /// assert!(Route::ALL.contains(&route));
        /// ```
        ///
        /// Source: Buildkite docs, "REST API", every page.
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Route {
            $(
                $(#[$doc])*
                #[doc = concat!("\n\n`", $method, " ", $path, "`")]
                $variant,
            )*
        }

        impl Route {
            /// Every endpoint, roughly in the order of the documentation, then the pages and the bytes of artifacts.
            pub const ALL: &'static [Route] = &[$(Route::$variant),*];

            /// The HTTP method.
            ///
            /// ```
            /// use fake_buildkite::Route;
            ///
            /// let of_builds = Route::ALL.iter().filter(|route| route.path() == Route::CreateBuild.path());
            /// let methods: Vec<_> = of_builds.map(|route| route.method()).collect();
            /// assert_eq!(methods, ["GET", "POST"]);
            /// ```
            #[must_use]
            pub const fn method(self) -> &'static str {
                match self {
                    $(Route::$variant => $method,)*
                }
            }

            /// The path, with its variable parts named as in Buildkite's documentation.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self {
                    $(Route::$variant => $path,)*
                }
            }

            /// The scope a token needs, if any.
            #[must_use]
            pub const fn scope(self) -> Option<Scope> {
                match self {
                    $(Route::$variant => $scope,)*
                }
            }
        }
    };
}

routes! {
    /// A sign of life. Needs no token.
    Root = "GET" "/" None,
    /// The user behind the token.
    GetUser = "GET" "/v2/user" Some(Scope::ReadUser),
    /// The token itself.
    GetAccessToken = "GET" "/v2/access-token" None,
    /// Revokes the token itself: whoever comes with it afterwards is answered with 401.
    RevokeAccessToken = "DELETE" "/v2/access-token" None,
    /// Facts about the service itself. Needs no token.
    GetMeta = "GET" "/v2/meta" None,
    /// The organizations the token was granted.
    ListOrganizations = "GET" "/v2/organizations" Some(Scope::ReadOrganizations),
    /// One organization.
    GetOrganization = "GET" "/v2/organizations/{org.slug}" Some(Scope::ReadOrganizations),
    /// How much of its rate limits an organization has used. Buildkite's page names a scope that no token can have, so
    /// any token of the organization may ask.
    GetRateLimit = "GET" "/v2/organizations/{org.slug}/rate_limit" None,
    /// The emojis of an organization.
    ListEmojis = "GET" "/v2/organizations/{org.slug}/emojis" None,
    /// The members of an organization.
    ListOrganizationMembers = "GET" "/v2/organizations/{org.slug}/members" Some(Scope::ReadOrganizations),
    /// One member of an organization.
    GetOrganizationMember = "GET" "/v2/organizations/{org.slug}/members/{user.uuid}" Some(Scope::ReadOrganizations),
    /// Changes what a member of an organization may do.
    UpdateOrganizationMember = "PATCH" "/v2/organizations/{org.slug}/members/{user.uuid}"
        Some(Scope::WriteOrganizations),
    /// Takes a user out of an organization.
    RemoveOrganizationMember = "DELETE" "/v2/organizations/{org.slug}/members/{user.uuid}"
        Some(Scope::WriteOrganizations),
    /// Every build of every organization of the token.
    ListBuilds = "GET" "/v2/builds" Some(Scope::ReadBuilds),
    /// Every build of an organization.
    ListOrganizationBuilds = "GET" "/v2/organizations/{org.slug}/builds" Some(Scope::ReadBuilds),
    /// Every build of a pipeline.
    ListPipelineBuilds = "GET" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds" Some(Scope::ReadBuilds),
    /// One build.
    GetBuild = "GET" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}"
        Some(Scope::ReadBuilds),
    /// Makes a build.
    CreateBuild = "POST" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds" Some(Scope::WriteBuilds),
    /// Cancels a build.
    CancelBuild = "PUT" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/cancel"
        Some(Scope::WriteBuilds),
    /// Makes a new build from an old one.
    RebuildBuild = "PUT" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/rebuild"
        Some(Scope::WriteBuilds),
    /// Retries every failed job of a build.
    RetryFailedJobs = "PUT"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/retry_failed_jobs"
        Some(Scope::WriteBuilds),
    /// The pipeline uploads of a build.
    ListStepUploads = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/step-uploads"
        Some(Scope::ReadBuilds),
    /// One pipeline upload, with its definition.
    GetStepUpload = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/step-uploads/{uuid}"
        Some(Scope::ReadBuilds),
    /// The jobs of a build, by cursor.
    ListJobs = "GET" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs"
        Some(Scope::ReadBuilds),
    /// One job; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}`.
    GetJob = "GET" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}"
        Some(Scope::ReadBuilds),
    /// Retries a job; also served at `PUT /v2/organizations/{org.slug}/jobs/{job.id}/retry`.
    RetryJob = "PUT" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/retry"
        Some(Scope::WriteBuilds),
    /// Changes the priority of a job; also served at `PUT /v2/organizations/{org.slug}/jobs/{job.id}/reprioritize`.
    ReprioritizeJob = "PUT"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/reprioritize"
        Some(Scope::WriteBuilds),
    /// Unblocks a block or input step; also served at `PUT /v2/organizations/{org.slug}/jobs/{job.id}/unblock`.
    UnblockJob = "PUT"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/unblock"
        Some(Scope::WriteBuilds),
    /// A job's log, in the form the client accepts: JSON, text or HTML; also served at
    /// `GET /v2/organizations/{org.slug}/jobs/{job.id}/log`.
    GetJobLog = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/log"
        Some(Scope::ReadBuildLogs),
    /// A job's raw log, where its `raw_log_url` leads; also served at
    /// `GET /v2/organizations/{org.slug}/jobs/{job.id}/log.txt`.
    GetJobLogText = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/log.txt"
        Some(Scope::ReadBuildLogs),
    /// A job's log as HTML; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}/log.html`.
    GetJobLogHtml = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/log.html"
        Some(Scope::ReadBuildLogs),
    /// Empties a job's log; also served at `DELETE /v2/organizations/{org.slug}/jobs/{job.id}/log`.
    DeleteJobLog = "DELETE"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/log"
        Some(Scope::WriteBuildLogs),
    /// The environment of a job, in the form the client accepts: JSON or text; also served at
    /// `GET /v2/organizations/{org.slug}/jobs/{job.id}/env`.
    GetJobEnv = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/env"
        Some(Scope::ReadJobEnv),
    /// The environment of a job as lines; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}/env.txt`.
    GetJobEnvText = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/env.txt"
        Some(Scope::ReadJobEnv),
    /// The pipelines of an organization.
    ListPipelines = "GET" "/v2/organizations/{org.slug}/pipelines" Some(Scope::ReadPipelines),
    /// One pipeline.
    GetPipeline = "GET" "/v2/organizations/{org.slug}/pipelines/{slug}" Some(Scope::ReadPipelines),
    /// Makes a pipeline.
    CreatePipeline = "POST" "/v2/organizations/{org.slug}/pipelines" Some(Scope::WritePipelines),
    /// Changes a pipeline.
    UpdatePipeline = "PATCH" "/v2/organizations/{org.slug}/pipelines/{slug}" Some(Scope::WritePipelines),
    /// Makes a pipeline read-only.
    ArchivePipeline = "POST" "/v2/organizations/{org.slug}/pipelines/{slug}/archive" Some(Scope::WritePipelines),
    /// Takes a pipeline out of the archive.
    UnarchivePipeline = "POST" "/v2/organizations/{org.slug}/pipelines/{slug}/unarchive" Some(Scope::WritePipelines),
    /// Deletes a pipeline with its builds.
    DeletePipeline = "DELETE" "/v2/organizations/{org.slug}/pipelines/{slug}" Some(Scope::WritePipelines),
    /// Makes a webhook in a pipeline's repository.
    AddWebhook = "POST" "/v2/organizations/{org.slug}/pipelines/{slug}/webhook" Some(Scope::WritePipelines),
    /// The schedules of a pipeline.
    ListSchedules = "GET" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/schedules" Some(Scope::ReadPipelines),
    /// One schedule.
    GetSchedule = "GET" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/schedules/{id}"
        Some(Scope::ReadPipelines),
    /// Makes a schedule.
    CreateSchedule = "POST" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/schedules"
        Some(Scope::WritePipelines),
    /// Changes a schedule; also served as `PATCH`.
    UpdateSchedule = "PUT" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/schedules/{id}"
        Some(Scope::WritePipelines),
    /// Deletes a schedule. Its builds stay.
    DeleteSchedule = "DELETE" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/schedules/{id}"
        Some(Scope::WritePipelines),
    /// The artifacts of a build.
    ListBuildArtifacts = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/artifacts"
        Some(Scope::ReadArtifacts),
    /// The artifacts of a job; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}/artifacts`.
    ListJobArtifacts = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/artifacts"
        Some(Scope::ReadArtifacts),
    /// One artifact; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}/artifacts/{id}`.
    GetArtifact = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/artifacts/{id}"
        Some(Scope::ReadArtifacts),
    /// Where the bytes of an artifact are; also served at
    /// `GET /v2/organizations/{org.slug}/jobs/{job.id}/artifacts/{id}/download`.
    DownloadArtifact = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/artifacts/{id}/download"
        Some(Scope::ReadArtifacts),
    /// Deletes an artifact; also served at `DELETE /v2/organizations/{org.slug}/jobs/{job.id}/artifacts/{id}`.
    DeleteArtifact = "DELETE"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/artifacts/{id}"
        Some(Scope::WriteArtifacts),
    /// The annotations of a build.
    ListBuildAnnotations = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/annotations"
        Some(Scope::ReadBuilds),
    /// Annotates a build.
    CreateBuildAnnotation = "POST"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/annotations"
        Some(Scope::WriteBuilds),
    /// Deletes an annotation of a build.
    DeleteBuildAnnotation = "DELETE"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/annotations/{annotation.uuid}"
        Some(Scope::WriteBuilds),
    /// The annotations of a job; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}/annotations`.
    ListJobAnnotations = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/annotations"
        Some(Scope::ReadBuilds),
    /// Annotates a job; also served at `POST /v2/organizations/{org.slug}/jobs/{job.id}/annotations`.
    CreateJobAnnotation = "POST"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/annotations"
        Some(Scope::WriteBuilds),
    /// Deletes an annotation of a job; also served at
    /// `DELETE /v2/organizations/{org.slug}/jobs/{job.id}/annotations/{annotation.uuid}`.
    DeleteJobAnnotation = "DELETE"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/annotations/{annotation.uuid}"
        Some(Scope::WriteBuilds),
    /// The agents of an organization that are connected.
    ListAgents = "GET" "/v2/organizations/{org.slug}/agents" Some(Scope::ReadAgents),
    /// One agent, connected or not.
    GetAgent = "GET" "/v2/organizations/{org.slug}/agents/{id}" Some(Scope::ReadAgents),
    /// Tells an agent to stop, with its job or after it.
    StopAgent = "PUT" "/v2/organizations/{org.slug}/agents/{id}/stop" Some(Scope::WriteAgents),
    /// Lets an agent take no new job.
    PauseAgent = "PUT" "/v2/organizations/{org.slug}/agents/{id}/pause" Some(Scope::WriteAgents),
    /// Lets a paused agent take jobs again.
    ResumeAgent = "PUT" "/v2/organizations/{org.slug}/agents/{id}/resume" Some(Scope::WriteAgents),
    /// The clusters of an organization.
    ListClusters = "GET" "/v2/organizations/{org.slug}/clusters" Some(Scope::ReadClusters),
    /// One cluster.
    GetCluster = "GET" "/v2/organizations/{org.slug}/clusters/{id}" Some(Scope::ReadClusters),
    /// Makes a cluster.
    CreateCluster = "POST" "/v2/organizations/{org.slug}/clusters" Some(Scope::WriteClusters),
    /// Changes a cluster; also served as `PATCH`.
    UpdateCluster = "PUT" "/v2/organizations/{org.slug}/clusters/{id}" Some(Scope::WriteClusters),
    /// Deletes a cluster with its queues and tokens.
    DeleteCluster = "DELETE" "/v2/organizations/{org.slug}/clusters/{id}" Some(Scope::WriteClusters),
    /// The queues of a cluster.
    ListClusterQueues = "GET" "/v2/organizations/{org.slug}/clusters/{cluster.id}/queues" Some(Scope::ReadClusters),
    /// One queue of a cluster.
    GetClusterQueue = "GET" "/v2/organizations/{org.slug}/clusters/{cluster.id}/queues/{id}" Some(Scope::ReadClusters),
    /// Makes a queue in a cluster.
    CreateClusterQueue = "POST" "/v2/organizations/{org.slug}/clusters/{cluster.id}/queues" Some(Scope::WriteClusters),
    /// Changes a queue of a cluster; also served as `PATCH`.
    UpdateClusterQueue = "PUT" "/v2/organizations/{org.slug}/clusters/{cluster.id}/queues/{id}" Some(Scope::WriteClusters),
    /// Deletes a queue of a cluster.
    DeleteClusterQueue = "DELETE" "/v2/organizations/{org.slug}/clusters/{cluster.id}/queues/{id}" Some(Scope::WriteClusters),
    /// Lets a queue hand out no jobs.
    PauseQueueDispatch = "POST" "/v2/organizations/{org.slug}/clusters/{cluster.id}/queues/{id}/pause_dispatch" Some(Scope::WriteClusters),
    /// Lets a paused queue hand out jobs again.
    ResumeQueueDispatch = "POST" "/v2/organizations/{org.slug}/clusters/{cluster.id}/queues/{id}/resume_dispatch" Some(Scope::WriteClusters),
    /// The agent tokens of a cluster.
    ListClusterTokens = "GET" "/v2/organizations/{org.slug}/clusters/{cluster.id}/tokens" Some(Scope::ReadClusters),
    /// One agent token of a cluster.
    GetClusterToken = "GET" "/v2/organizations/{org.slug}/clusters/{cluster.id}/tokens/{id}" Some(Scope::ReadClusters),
    /// Makes an agent token for a cluster, and is the only one to tell it.
    CreateClusterToken = "POST" "/v2/organizations/{org.slug}/clusters/{cluster.id}/tokens" Some(Scope::WriteClusters),
    /// Changes an agent token of a cluster; also served as `PATCH`.
    UpdateClusterToken = "PUT" "/v2/organizations/{org.slug}/clusters/{cluster.id}/tokens/{id}" Some(Scope::WriteClusters),
    /// Revokes an agent token of a cluster.
    RevokeClusterToken = "DELETE" "/v2/organizations/{org.slug}/clusters/{cluster.id}/tokens/{id}" Some(Scope::WriteClusters),
    /// Who maintains a cluster.
    ListClusterMaintainers = "GET" "/v2/organizations/{org.slug}/clusters/{cluster.id}/maintainers" Some(Scope::ReadClusters),
    /// One maintainer of a cluster.
    GetClusterMaintainer = "GET" "/v2/organizations/{org.slug}/clusters/{cluster.id}/maintainers/{id}" Some(Scope::ReadClusters),
    /// Makes a user or a team a maintainer of a cluster.
    AddClusterMaintainer = "POST" "/v2/organizations/{org.slug}/clusters/{cluster.id}/maintainers" Some(Scope::WriteClusters),
    /// Takes a maintainer from a cluster.
    RemoveClusterMaintainer = "DELETE" "/v2/organizations/{org.slug}/clusters/{cluster.id}/maintainers/{id}" Some(Scope::WriteClusters),
    /// The teams of an organization.
    ListTeams = "GET" "/v2/organizations/{org.slug}/teams" Some(Scope::ReadTeams),
    /// One team.
    GetTeam = "GET" "/v2/organizations/{org.slug}/teams/{team.uuid}" Some(Scope::ReadTeams),
    /// Makes a team.
    CreateTeam = "POST" "/v2/organizations/{org.slug}/teams" Some(Scope::WriteTeams),
    /// Changes a team.
    UpdateTeam = "PATCH" "/v2/organizations/{org.slug}/teams/{team.uuid}" Some(Scope::WriteTeams),
    /// Deletes a team.
    DeleteTeam = "DELETE" "/v2/organizations/{org.slug}/teams/{team.uuid}" Some(Scope::WriteTeams),
    /// Lets teams decide who sees what in an organization.
    EnableTeams = "POST" "/v2/organizations/{org.slug}/teams/enable" Some(Scope::WriteTeams),
    /// The members of a team.
    ListTeamMembers = "GET" "/v2/organizations/{org.slug}/teams/{team.uuid}/members" Some(Scope::ReadTeams),
    /// One member of a team.
    GetTeamMember = "GET" "/v2/organizations/{org.slug}/teams/{team.uuid}/members/{user.uuid}" Some(Scope::ReadTeams),
    /// Adds a user to a team.
    AddTeamMember = "POST" "/v2/organizations/{org.slug}/teams/{team.uuid}/members" Some(Scope::WriteTeams),
    /// Changes what a member of a team may do there.
    UpdateTeamMember = "PATCH" "/v2/organizations/{org.slug}/teams/{team.uuid}/members/{user.uuid}" Some(Scope::WriteTeams),
    /// Takes a user out of a team.
    RemoveTeamMember = "DELETE" "/v2/organizations/{org.slug}/teams/{team.uuid}/members/{user.uuid}" Some(Scope::WriteTeams),
    /// The pipelines of a team.
    ListTeamPipelines = "GET" "/v2/organizations/{org.slug}/teams/{team.uuid}/pipelines" Some(Scope::ReadTeams),
    /// One pipeline of a team.
    GetTeamPipeline = "GET" "/v2/organizations/{org.slug}/teams/{team.uuid}/pipelines/{pipeline.uuid}" Some(Scope::ReadTeams),
    /// Gives a team a pipeline.
    AddTeamPipeline = "POST" "/v2/organizations/{org.slug}/teams/{team.uuid}/pipelines" Some(Scope::WriteTeams),
    /// Changes what a team may do with a pipeline.
    UpdateTeamPipeline = "PATCH" "/v2/organizations/{org.slug}/teams/{team.uuid}/pipelines/{pipeline.uuid}" Some(Scope::WriteTeams),
    /// Takes a pipeline from a team.
    RemoveTeamPipeline = "DELETE" "/v2/organizations/{org.slug}/teams/{team.uuid}/pipelines/{pipeline.uuid}" Some(Scope::WriteTeams),
    /// GraphQL, as far as it is served: `mutation jobTypeCommandCancel`, which cancels one job. Anything else is
    /// answered with 501.
    GraphQl = "POST" "/v1/graphql" Some(Scope::GraphQl),
    /// The page of a build, at its `web_url`. No endpoint of the API: see [`is_page`](Route::is_page).
    BuildPage = "GET" "/{org.slug}/{pipeline.slug}/builds/{build.number}" None,
    /// The page of a pipeline, at its `web_url`. No endpoint of the API: see [`is_page`](Route::is_page).
    PipelinePage = "GET" "/{org.slug}/{pipeline.slug}" None,
    /// Leads from the page of a build to the bytes of an artifact. No endpoint of the API: see
    /// [`is_page`](Route::is_page).
    ArtifactPage = "GET" "/{org.slug}/{pipeline.slug}/builds/{build.number}/artifacts/{id}" None,
    /// The bytes of an artifact, where [`DownloadArtifact`](Route::DownloadArtifact) leads to. No endpoint of the API,
    /// and on another host: it takes no token, and refuses one. Where there is no other host, it takes one for nothing.
    ArtifactContent = "GET" "/_artifacts/{id}/{filename}" None,
}

impl Route {
    /// Whether it is a page for people, and no endpoint of the API.
    ///
    /// Pages need no token, because a browser has none to give and the fake listens on loopback only. They are among
    /// [`requests`](crate::FakeBuildkite::requests) like everything else, but no page moves the clock in any of its
    /// modes: a test goes on the same whether or not somebody looks on.
    ///
    /// ```
    /// use fake_buildkite::Route;
    /// assert!(Route::BuildPage.is_page() && !Route::GetBuild.is_page());
    /// ```
    #[must_use]
    pub const fn is_page(self) -> bool {
        matches!(
            self,
            Self::BuildPage | Self::PipelinePage | Self::ArtifactPage
        )
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method(), self.path())
    }
}
