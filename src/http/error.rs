//! Refusals, word for word: every command's enum becomes a status and a text here and nowhere else.
//!
//! Source: Buildkite docs, "REST API"; texts that clients compare with; see each match.

use serde::Serialize;

use crate::engine::admission::{Closed, NotAdmitted};
use crate::engine::cluster::{Invalid, NotValid};
use crate::engine::commands::{
    AddWebhookRefused, AlreadyPaused, ArchiveRefused, BodyTooLong, CancelRefused,
    CreateBuildRefused, DeleteClusterRefused, DeleteQueueRefused, MemberRefused, NoPriority,
    NotAdded, NotInPlan, NotPaused, PauseRefused, PipelineRefused, RebuildRefused,
    RequestBuildRefused, ResumeRefused, RetryRefused, ScheduleRefused, StopRefused, TeamRefused,
    UnarchiveRefused, UnblockRefused, UpdatePipelineRefused,
};
use crate::engine::recipe::RecipeRefused;
use crate::http::reply::Reply;
use crate::pipeline::{PipelineError, Refusal};
use crate::vocabulary::scope::Scope;
use crate::wire;

/// What is said of a pipeline without steps: documented to the letter.
pub(crate) const STEPS_MISSING: &str =
    r#"Step configuration is missing, expected `steps: { yaml: "..." }`"#;

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: u16,
    message: String,
    errors: Vec<(String, String)>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<EntryJson<'a>>,
}

#[derive(Serialize)]
struct EntryJson<'a> {
    field: &'a str,
    code: &'a str,
}

impl ApiError {
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
        }
    }

    /// Builds and pipelines list the fields; each entry is (field, code).
    pub(crate) fn validation(errors: Vec<(String, String)>) -> Self {
        Self {
            status: 422,
            message: "Validation Failed".to_owned(),
            errors,
        }
    }

    /// Schedules say it in one sentence; each reason begins with the field.
    pub(crate) fn validation_in_words(reasons: &[String]) -> Self {
        Self::new(422, format!("Validation failed: {}", reasons.join(", ")))
    }

    fn invalid(field: &str, code: impl Into<String>) -> Self {
        Self::validation(vec![(field.to_owned(), code.into())])
    }

    /// Steps that were not taken, in the field they were given in.
    fn of_steps(field: &str, error: &PipelineError) -> Self {
        match error.refusal() {
            Refusal::Parse | Refusal::Rejected => Self::invalid(field, error.message()),
            Refusal::Unmodelled => Self::new(501, format!("fake-buildkite: {error}")),
        }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            401,
            "Authentication required. Please supply a valid API Access Token: \
             https://buildkite.com/docs/apis/rest-api#authentication",
        )
    }

    pub(crate) fn missing_scope(scope: Scope) -> Self {
        Self::new(
            403,
            format!("Your access token doesn't have the {scope} scope"),
        )
    }

    /// The token may, its user may not.
    pub(crate) fn forbidden() -> Self {
        Self::new(403, "Forbidden")
    }

    /// `what` does not come into a team. Chosen: the words, which are those of Rails.
    pub(crate) fn not_added(what: &str, refused: NotAdded) -> Self {
        let reason = match refused {
            NotAdded::Already => format!("{what} has already been taken"),
            NotAdded::Elsewhere => format!("{what} must exist"),
        };
        Self::validation_in_words(&[reason])
    }

    /// `what`: organization, pipeline, build, job, pipeline schedule.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(404, format!("No {what} found"))
    }

    pub(crate) fn no_route(path: &str) -> Self {
        Self::new(
            404,
            format!("No route matches {}", path.trim_start_matches('/')),
        )
    }

    /// Something Buildkite has and this fake does not.
    pub(crate) fn unmodelled(what: &str) -> Self {
        Self::new(501, format!("fake-buildkite does not model {what} yet"))
    }

    pub(crate) fn into_reply(self) -> Reply {
        let errors = self
            .errors
            .iter()
            .map(|(field, code)| EntryJson { field, code })
            .collect();
        Reply::json(
            self.status,
            wire::body(&ErrorJson {
                message: &self.message,
                errors,
            }),
        )
    }
}

impl From<CancelRefused> for ApiError {
    fn from(refused: CancelRefused) -> Self {
        Self::new(
            422,
            match refused {
                CancelRefused::Finished => "Build can't be canceled because it's already finished.",
                CancelRefused::Canceling => "Build is already being canceled.",
                CancelRefused::Canceled => "Build has already been canceled.",
            },
        )
    }
}

impl From<RebuildRefused> for ApiError {
    fn from(refused: RebuildRefused) -> Self {
        match refused {
            // Chosen: the documentation says 422 with a reason, and not which.
            RebuildRefused::Create(refused) => refused.into(),
            RebuildRefused::NotAllowed => {
                Self::new(422, "Rebuilds have been disabled for this pipeline")
            }
        }
    }
}

impl From<RetryRefused> for ApiError {
    fn from(refused: RetryRefused) -> Self {
        match refused {
            RetryRefused::BuildCanceled => {
                Self::new(422, "Jobs from canceled builds cannot be retried")
            }
            RetryRefused::AlreadyRetried => Self::new(422, "Jobs can only be retried once"),
            RetryRefused::TriggerCanceled => Self::new(
                422,
                "This job can't be retried because this build was triggered by a synchronous trigger step in a \
                 canceled build",
            ),
            // Chosen: the documentation does not say with which words.
            RetryRefused::NotAllowed { reason } => Self::new(
                422,
                reason.unwrap_or_else(|| "This job can't be retried".to_owned()),
            ),
            RetryRefused::NotRetriable => Self::new(
                400,
                "Only failed, timed out or canceled jobs can be retried",
            ),
        }
    }
}

impl From<NoPriority> for ApiError {
    /// Chosen: after what unblocking says of jobs that are no block steps; the documentation does not speak of it.
    fn from(_: NoPriority) -> Self {
        Self::new(400, "This job type cannot be reprioritized")
    }
}

impl From<CreateBuildRefused> for ApiError {
    fn from(refused: CreateBuildRefused) -> Self {
        let status = match refused {
            CreateBuildRefused::Configuration(_)
            | CreateBuildRefused::Condition(_)
            | CreateBuildRefused::Limit(_)
            | CreateBuildRefused::Queue(_)
            | CreateBuildRefused::Closed(Closed::Archived) => 422,
            CreateBuildRefused::Closed(Closed::Template) => 501,
        };
        // A schedule keeps the same words.
        Self::new(status, refused.as_buildkite_says())
    }
}

impl From<UnblockRefused> for ApiError {
    fn from(refused: UnblockRefused) -> Self {
        match refused {
            // Chosen: the documentation does not say with which words.
            UnblockRefused::Field(error) => Self::new(422, error.to_string()),
            UnblockRefused::NotABlockStep => Self::new(400, "This job type cannot be unblocked"),
            UnblockRefused::BuildCanceled => {
                Self::new(422, "Jobs from canceled builds cannot be unblocked")
            }
            UnblockRefused::NotBlocked => Self::new(422, "The job's state must be blocked"),
        }
    }
}

impl From<RequestBuildRefused> for ApiError {
    fn from(refused: RequestBuildRefused) -> Self {
        let refused = match refused {
            RequestBuildRefused::NotAdmitted(refused) => refused,
            RequestBuildRefused::Create(refused) => return refused.into(),
        };
        match refused {
            NotAdmitted::BranchesDisabled => {
                Self::new(422, "Branches have been disabled for this pipeline")
            }
            // Chosen: nobody has published the words.
            NotAdmitted::Branch => {
                Self::new(422, "Branch does not match the pipeline's branch filter")
            }
            NotAdmitted::Condition => {
                Self::new(422, "Build does not match the pipeline's filter condition")
            }
            // Chosen: likewise.
            NotAdmitted::ConditionFailed(error) => Self::new(
                422,
                format!(
                    "The pipeline's filter condition failed: {}",
                    error.message()
                ),
            ),
        }
    }
}

impl From<PipelineRefused> for ApiError {
    fn from(refused: PipelineRefused) -> Self {
        // Chosen: only that these are validation errors of these fields is documented, not their codes.
        match refused {
            PipelineRefused::NameInvalid => Self::invalid("name", "invalid"),
            PipelineRefused::NameTaken => Self::invalid("name", "has already been taken"),
            PipelineRefused::SlugInvalid => Self::invalid("slug", "invalid"),
            PipelineRefused::SlugTaken => Self::invalid("slug", "has already been taken"),
            PipelineRefused::FilterCondition(text) => {
                Self::invalid("provider_settings.filter_condition", text)
            }
            PipelineRefused::Steps(RecipeRefused::Condition(text)) => {
                Self::invalid("configuration", text)
            }
            PipelineRefused::Steps(RecipeRefused::Configuration(error)) => {
                Self::of_steps("configuration", &error)
            }
            PipelineRefused::Steps(RecipeRefused::Visual(error)) => Self::of_steps("steps", &error),
        }
    }
}

impl From<UpdatePipelineRefused> for ApiError {
    fn from(refused: UpdatePipelineRefused) -> Self {
        match refused {
            UpdatePipelineRefused::Archived => Self::new(422, "Cannot update an archived pipeline"),
            // Chosen: that it is a 422 is documented, in which words is not.
            UpdatePipelineRefused::StepsOfYaml => Self::invalid(
                "steps",
                "cannot be changed on a YAML pipeline, use `configuration`",
            ),
            UpdatePipelineRefused::StepsMissing => Self::invalid("configuration", STEPS_MISSING),
            UpdatePipelineRefused::Invalid(refused) => refused.into(),
        }
    }
}

impl From<ArchiveRefused> for ApiError {
    fn from(_: ArchiveRefused) -> Self {
        Self::new(422, "Pipeline could not be archived.")
    }
}

impl From<UnarchiveRefused> for ApiError {
    fn from(_: UnarchiveRefused) -> Self {
        Self::new(422, "Pipeline could not be unarchived.")
    }
}

impl From<ScheduleRefused> for ApiError {
    /// Chosen: the words for the pipeline itself; those for its schedules are not known.
    fn from(_: ScheduleRefused) -> Self {
        Self::new(422, "Cannot update an archived pipeline")
    }
}

impl From<NotValid> for ApiError {
    fn from(refused: NotValid) -> Self {
        let reasons: Vec<_> = refused.0.iter().map(Invalid::as_buildkite_says).collect();
        Self::validation_in_words(&reasons)
    }
}

impl From<DeleteClusterRefused> for ApiError {
    /// Chosen: that there are reasons is documented, not which nor in which words.
    fn from(refused: DeleteClusterRefused) -> Self {
        Self::new(
            422,
            match refused {
                DeleteClusterRefused::Pipelines => {
                    "Cluster can't be deleted because it has pipelines"
                }
                DeleteClusterRefused::Builds => {
                    "Cluster can't be deleted because it has builds that are not finished"
                }
                DeleteClusterRefused::Agents => {
                    "Cluster can't be deleted because it has connected agents"
                }
            },
        )
    }
}

impl From<DeleteQueueRefused> for ApiError {
    /// Chosen: likewise.
    fn from(refused: DeleteQueueRefused) -> Self {
        Self::new(
            422,
            match refused {
                DeleteQueueRefused::IsDefault => {
                    "Queue can't be deleted because it is the default queue of its cluster"
                }
                DeleteQueueRefused::HasJobs => "Queue can't be deleted because it has running jobs",
                DeleteQueueRefused::HasAgents => {
                    "Queue can't be deleted because it has connected agents"
                }
            },
        )
    }
}

impl From<AlreadyPaused> for ApiError {
    fn from(_: AlreadyPaused) -> Self {
        Self::new(422, "Cluster queue is already paused")
    }
}

impl From<NotPaused> for ApiError {
    fn from(_: NotPaused) -> Self {
        Self::new(422, "Cluster queue is not paused")
    }
}

impl From<StopRefused> for ApiError {
    fn from(_: StopRefused) -> Self {
        Self::new(400, "Can only stop connected agents")
    }
}

impl From<PauseRefused> for ApiError {
    fn from(refused: PauseRefused) -> Self {
        Self::new(
            422,
            match refused {
                PauseRefused::AlreadyPaused => "Agent is already paused",
                PauseRefused::NotConnected => "Only connected agents may be paused",
            },
        )
    }
}

impl From<ResumeRefused> for ApiError {
    fn from(_: ResumeRefused) -> Self {
        Self::new(422, "Agent is not paused")
    }
}

impl From<BodyTooLong> for ApiError {
    /// Chosen: the limit is documented, what is said of it is not.
    fn from(_: BodyTooLong) -> Self {
        Self::invalid("body", "is too long (maximum is 1 MiB)")
    }
}

impl From<AddWebhookRefused> for ApiError {
    fn from(refused: AddWebhookRefused) -> Self {
        Self::new(
            422,
            match refused {
                AddWebhookRefused::NotSupported => {
                    "Auto-creating webhooks is not supported for your repository."
                }
                AddWebhookRefused::NotCreated => {
                    "Webhooks could not be created for your repository."
                }
            },
        )
    }
}

impl From<MemberRefused> for ApiError {
    /// Chosen: the words; that the last administrator cannot be removed is documented, with a 422.
    fn from(refused: MemberRefused) -> Self {
        match refused {
            MemberRefused::Already => {
                Self::new(422, "User is already a member of the organization")
            }
            MemberRefused::NoMember => Self::not_found("organization member"),
            MemberRefused::LastAdministrator => {
                Self::new(422, "An organization must have at least one administrator")
            }
        }
    }
}

impl From<TeamRefused> for ApiError {
    /// Chosen: the reasons; that there is one after `Validation failed: ` is documented.
    fn from(refused: TeamRefused) -> Self {
        let reason = match refused {
            TeamRefused::NameInvalid => "Name is invalid",
            TeamRefused::NameTaken => "Name has already been taken",
        };
        Self::validation_in_words(&[reason.to_owned()])
    }
}

impl From<NotInPlan> for ApiError {
    fn from(_: NotInPlan) -> Self {
        Self::new(
            403,
            "Your plan doesn't include team permissions. Upgrade your plan to enable teams.",
        )
    }
}
