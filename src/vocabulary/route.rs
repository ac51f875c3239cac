//! The endpoints this fake serves, by name. How a path is taken apart is `http::router`'s.

use std::fmt;

use crate::vocabulary::scope::Scope;

macro_rules! routes {
    ($($(#[$doc:meta])* $variant:ident = $method:literal $path:literal $scope:expr,)*) => {
        /// An endpoint this fake serves: what assertions about requests are made of.
        ///
        /// ```
        /// use fake_buildkite::Route;
        /// assert_eq!(Route::CancelBuild.to_string(),
        ///     "PUT /v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/cancel");
        /// ```
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
    /// The organizations the token was granted.
    ListOrganizations = "GET" "/v2/organizations" Some(Scope::ReadOrganizations),
    /// One organization.
    GetOrganization = "GET" "/v2/organizations/{org.slug}" Some(Scope::ReadOrganizations),
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
    /// Retries a job; also served at `PUT /v2/organizations/{org.slug}/jobs/{job.id}/retry`.
    RetryJob = "PUT" "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/retry"
        Some(Scope::WriteBuilds),
    /// Unblocks a block or input step; also served at `PUT /v2/organizations/{org.slug}/jobs/{job.id}/unblock`.
    UnblockJob = "PUT"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/unblock"
        Some(Scope::WriteBuilds),
    /// A job's log, in the form the client accepts: JSON, text or HTML; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}/log`.
    GetJobLog = "GET"
        "/v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/log"
        Some(Scope::ReadBuildLogs),
    /// A job's raw log, where its `raw_log_url` leads; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}/log.txt`.
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
    /// The environment of a job, in the form the client accepts: JSON or text; also served at `GET /v2/organizations/{org.slug}/jobs/{job.id}/env`.
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
    /// The page of a build, at its `web_url`. No endpoint of the API: see [`is_page`](Route::is_page).
    BuildPage = "GET" "/{org.slug}/{pipeline.slug}/builds/{build.number}" None,
    /// The page of a pipeline, at its `web_url`. No endpoint of the API: see [`is_page`](Route::is_page).
    PipelinePage = "GET" "/{org.slug}/{pipeline.slug}" None,
    /// Leads from the page of a build to the bytes of an artifact. No endpoint of the API: see
    /// [`is_page`](Route::is_page).
    ArtifactPage = "GET" "/{org.slug}/{pipeline.slug}/builds/{build.number}/artifacts/{id}" None,
    /// The bytes of an artifact, where [`DownloadArtifact`](Route::DownloadArtifact) leads to. No endpoint of the API, and
    /// on another host: it takes no token, and refuses one.
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
