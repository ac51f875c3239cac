//! Jobs: retry and unblock, below the build or below the organization.

use crate::engine::commands::{Answers, RetryJob, UnblockJob};
use crate::engine::job::JobKey;
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::json::Fields;
use crate::http::reply::Reply;
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::{JobId, UserId};
use crate::wire::job::JobJson;

/// Answers with the new job.
pub(super) fn retry(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job_to_change()?;
    Fields::parse(&cx.request.body)?;
    let by = cx.engine.token(cx.token).user;
    let new = cx.apply(RetryJob { job, by })?;
    let view = cx.view();
    Ok(Cx::show(&view, 200, &JobJson::new(&view, new)))
}

pub(super) fn unblock(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.job_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let unblocker = body.text("unblocker");
    let answers = Answers::Form(body.answers("fields"));
    body.check()?;
    // What the job is comes before who unblocks it: an unknown person does not make a command step a block step.
    cx.engine.check_unblock(job)?;
    let by = match unblocker {
        None => cx.engine.token(cx.token).user,
        Some(id) => {
            let id = id.parse().ok().map(UserId);
            let known = id.and_then(|id| cx.engine.user_by_id(id));
            known.ok_or_else(|| {
                ApiError::new(
                    422,
                    "Unblocker is not a valid user id for this organization",
                )
            })?
        }
    };
    cx.apply(UnblockJob { job, by, answers })?;
    let view = cx.view();
    Ok(Cx::show(&view, 200, &JobJson::new(&view, job)))
}

impl Cx<'_> {
    fn job_to_change(&mut self) -> Result<JobKey, ApiError> {
        let job = self.job()?;
        let build = self.engine.job(job).build;
        self.check_access(self.engine.build(build).pipeline, Access::BuildAndRead)?;
        Ok(job)
    }

    /// The job of the path, if it is where the path says.
    pub(super) fn job(&mut self) -> Result<JobKey, ApiError> {
        let organization = self.organization()?;
        let build = if self.place.build.is_empty() {
            None
        } else {
            Some(self.build()?)
        };
        let id = self.place.job.parse().ok().map(JobId);
        let key = id.and_then(|id| self.engine.job_by_id(id)).filter(|key| {
            let of = self.engine.job(*key).build;
            build.is_none_or(|build| build == of)
                && self.engine.build(of).organization == organization
        });
        key.ok_or_else(|| ApiError::not_found("job"))
    }
}
