//! The endpoints, one function each: parse, call, render.

mod accounts;
mod builds;
mod jobs;
mod pipelines;

use crate::engine::account::OrganizationKey;
use crate::engine::build::BuildKey;
use crate::engine::pipeline::PipelineKey;
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::reply::Reply;
use crate::vocabulary::route::Route;

pub(crate) use accounts::root;

/// Answers a route whose token and scope are checked.
pub(super) fn handle(cx: &mut Cx<'_>, route: Route) -> Result<Reply, ApiError> {
    match route {
        Route::Root => Ok(root(&cx.view())),
        Route::GetUser => Ok(accounts::user(cx)),
        Route::GetAccessToken => Ok(accounts::access_token(cx)),
        Route::ListOrganizations => Ok(accounts::organizations(cx)),
        Route::GetOrganization => accounts::organization(cx),
        Route::ListBuilds => builds::list_all(cx),
        Route::ListOrganizationBuilds => builds::list_of_organization(cx),
        Route::ListPipelineBuilds => builds::list_of_pipeline(cx),
        Route::GetBuild => builds::get(cx),
        Route::CreateBuild => builds::create(cx),
        Route::CancelBuild => builds::cancel(cx),
        Route::RebuildBuild => builds::rebuild(cx),
        Route::RetryJob => jobs::retry(cx),
        Route::UnblockJob => jobs::unblock(cx),
        Route::ListPipelines => pipelines::list(cx),
        Route::GetPipeline => pipelines::get(cx),
        Route::CreatePipeline => pipelines::create(cx),
        Route::DeletePipeline => pipelines::delete(cx),
    }
}

impl Cx<'_> {
    fn organization(&self) -> Result<OrganizationKey, ApiError> {
        self.engine
            .organization_by_slug(self.place.organization)
            .ok_or_else(|| ApiError::not_found("organization"))
    }

    fn pipeline(&self) -> Result<PipelineKey, ApiError> {
        let organization = self.organization()?;
        let found = self
            .engine
            .pipeline_by_slug(organization, self.place.pipeline);
        found.ok_or_else(|| ApiError::not_found("pipeline"))
    }

    fn build(&self) -> Result<BuildKey, ApiError> {
        let pipeline = self.pipeline()?;
        let number = self.place.build.parse().ok();
        let found = number.and_then(|number| self.engine.build_by_number(pipeline, number));
        found.ok_or_else(|| ApiError::not_found("build"))
    }
}
