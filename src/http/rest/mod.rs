//! The endpoints, one function each: parse, call, render.

mod accounts;
mod agents;
mod annotations;
mod artifacts;
mod build_lists;
mod builds;
mod cluster_maintainers;
mod cluster_queues;
mod cluster_tokens;
mod clusters;
mod jobs;
mod logs;
mod members;
mod pipeline_body;
mod pipelines;
mod schedules;
mod step_uploads;
mod team_members;
mod team_pipelines;
mod teams;

use serde::Serialize;
use uuid::Uuid;

use crate::engine::account::OrganizationKey;
use crate::engine::build::BuildKey;
use crate::engine::pipeline::PipelineKey;
use crate::http::Cx;
use crate::http::cursor::{self, LinksJson, PageJson, Window};
use crate::http::error::ApiError;
use crate::http::pagination::Page;
use crate::http::reply::Reply;
use crate::http::request::Method;
use crate::vocabulary::access::Access;
use crate::vocabulary::route::Route;
use crate::wire::View;
use crate::wire::text::Text;

pub(crate) use accounts::{meta, root};

/// Answers a route whose token and scope are checked.
#[expect(clippy::too_many_lines, reason = "a line for each endpoint")]
pub(super) fn handle(cx: &mut Cx<'_>, route: Route) -> Result<Reply, ApiError> {
    match route {
        Route::Root => Ok(root(&cx.view())),
        Route::GetMeta => Ok(meta(&cx.view())),
        Route::GetUser => Ok(accounts::user(cx)),
        Route::GetAccessToken => Ok(accounts::access_token(cx)),
        Route::ListOrganizations => Ok(accounts::organizations(cx)),
        Route::GetOrganization => accounts::organization(cx),
        Route::RevokeAccessToken => Ok(accounts::revoke(cx)),
        Route::GetRateLimit => accounts::rate_limit(cx),
        Route::ListEmojis => accounts::emojis(cx),
        Route::ListOrganizationMembers => members::list(cx),
        Route::GetOrganizationMember => members::get(cx),
        Route::UpdateOrganizationMember => members::update(cx),
        Route::RemoveOrganizationMember => members::remove(cx),
        Route::ListTeams => teams::list(cx),
        Route::GetTeam => teams::get(cx),
        Route::CreateTeam => teams::create(cx),
        Route::UpdateTeam => teams::update(cx),
        Route::DeleteTeam => teams::delete(cx),
        Route::EnableTeams => teams::enable(cx),
        Route::ListTeamMembers => team_members::list(cx),
        Route::GetTeamMember => team_members::get(cx),
        Route::AddTeamMember => team_members::add(cx),
        Route::UpdateTeamMember => team_members::update(cx),
        Route::RemoveTeamMember => team_members::remove(cx),
        Route::ListTeamPipelines => team_pipelines::list(cx),
        Route::GetTeamPipeline => team_pipelines::get(cx),
        Route::AddTeamPipeline => team_pipelines::add(cx),
        Route::UpdateTeamPipeline => team_pipelines::update(cx),
        Route::RemoveTeamPipeline => team_pipelines::remove(cx),
        Route::ListBuilds => builds::list_all(cx),
        Route::ListOrganizationBuilds => builds::list_of_organization(cx),
        Route::ListPipelineBuilds => builds::list_of_pipeline(cx),
        Route::GetBuild => builds::get(cx),
        Route::CreateBuild => builds::create(cx),
        Route::CancelBuild => builds::cancel(cx),
        Route::RebuildBuild => builds::rebuild(cx),
        Route::RetryFailedJobs => builds::retry_failed_jobs(cx),
        Route::ListStepUploads => step_uploads::list(cx),
        Route::GetStepUpload => step_uploads::get(cx),
        Route::ListJobs => jobs::list(cx),
        Route::GetJob => jobs::get(cx),
        Route::RetryJob => jobs::retry(cx),
        Route::ReprioritizeJob => jobs::reprioritize(cx),
        Route::UnblockJob => jobs::unblock(cx),
        Route::GetJobLog => logs::get(cx),
        Route::GetJobLogText => logs::get_text(cx),
        Route::GetJobLogHtml => logs::get_html(cx),
        Route::DeleteJobLog => logs::delete(cx),
        Route::GetJobEnv => logs::get_environment(cx),
        Route::GetJobEnvText => logs::get_environment_text(cx),
        Route::ListPipelines => pipelines::list(cx),
        Route::GetPipeline => pipelines::get(cx),
        Route::CreatePipeline => pipelines::create(cx),
        Route::UpdatePipeline => pipelines::update(cx),
        Route::ArchivePipeline => pipelines::archive(cx),
        Route::UnarchivePipeline => pipelines::unarchive(cx),
        Route::DeletePipeline => pipelines::delete(cx),
        Route::AddWebhook => pipelines::add_webhook(cx),
        Route::ListBuildArtifacts => artifacts::list_of_build(cx),
        Route::ListJobArtifacts => artifacts::list_of_job(cx),
        Route::GetArtifact => artifacts::get(cx),
        Route::DownloadArtifact => artifacts::download(cx),
        Route::DeleteArtifact => artifacts::delete(cx),
        Route::ListBuildAnnotations => annotations::list_of_build(cx),
        Route::CreateBuildAnnotation => annotations::create_for_build(cx),
        Route::DeleteBuildAnnotation => annotations::delete_of_build(cx),
        Route::ListJobAnnotations => annotations::list_of_job(cx),
        Route::CreateJobAnnotation => annotations::create_for_job(cx),
        Route::DeleteJobAnnotation => annotations::delete_of_job(cx),
        Route::GraphQl => unreachable!("it is no REST, and is answered before"),
        Route::BuildPage | Route::PipelinePage | Route::ArtifactPage | Route::ArtifactContent => {
            unreachable!("pages and files are answered before tokens")
        }
        Route::ListSchedules => schedules::list(cx),
        Route::GetSchedule => schedules::get(cx),
        Route::CreateSchedule => schedules::create(cx),
        Route::UpdateSchedule => schedules::update(cx),
        Route::DeleteSchedule => schedules::delete(cx),
        Route::ListAgents => agents::list(cx),
        Route::GetAgent => agents::get(cx),
        Route::StopAgent => agents::stop(cx),
        Route::PauseAgent => agents::pause(cx),
        Route::ResumeAgent => agents::resume(cx),
        Route::ListClusters => clusters::list(cx),
        Route::GetCluster => clusters::get(cx),
        Route::CreateCluster => clusters::create(cx),
        Route::UpdateCluster => clusters::update(cx),
        Route::DeleteCluster => clusters::delete(cx),
        Route::ListClusterQueues => cluster_queues::list(cx),
        Route::GetClusterQueue => cluster_queues::get(cx),
        Route::CreateClusterQueue => cluster_queues::create(cx),
        Route::UpdateClusterQueue => cluster_queues::update(cx),
        Route::DeleteClusterQueue => cluster_queues::delete(cx),
        Route::PauseQueueDispatch => cluster_queues::pause(cx),
        Route::ResumeQueueDispatch => cluster_queues::resume(cx),
        Route::ListClusterTokens => cluster_tokens::list(cx),
        Route::GetClusterToken => cluster_tokens::get(cx),
        Route::CreateClusterToken => cluster_tokens::create(cx),
        Route::UpdateClusterToken => cluster_tokens::update(cx),
        Route::RevokeClusterToken => cluster_tokens::revoke(cx),
        Route::ListClusterMaintainers => cluster_maintainers::list(cx),
        Route::GetClusterMaintainer => cluster_maintainers::get(cx),
        Route::AddClusterMaintainer => cluster_maintainers::add(cx),
        Route::RemoveClusterMaintainer => cluster_maintainers::remove(cx),
    }
}

impl Cx<'_> {
    /// A page of a list, in the order of `all`.
    fn list<T: Copy, S: Serialize>(
        &self,
        view: &View<'_>,
        all: &[T],
        shape: impl FnMut(T) -> S,
    ) -> Reply {
        let page = Page::of(&self.query);
        let shown: Vec<S> = page.cut(all).into_iter().map(shape).collect();
        self.with_link(Self::show(view, 200, &shown), page, all.len())
    }

    /// The same of what is text already.
    fn list_of_texts<T: Copy>(
        &self,
        view: &View<'_>,
        all: &[T],
        text: impl Fn(T) -> Vec<u8>,
    ) -> Reply {
        let page = Page::of(&self.query);
        let mut shown = Text::array();
        for one in page.cut(all) {
            shown.item(&text(one));
        }
        self.with_link(Self::show_text(view, 200, shown.end()), page, all.len())
    }

    /// A page of a list by cursor, of all that is in it in the order of their places.
    fn list_by_cursor<T: Copy, S: Serialize>(
        &self,
        view: &View<'_>,
        window: &Window,
        all: &[(cursor::Place, T)],
        shape: impl FnMut(T) -> S,
    ) -> Reply {
        let (shown, links) = self.window(view, window, all);
        let items = shown.into_iter().map(shape).collect();
        Self::show(view, 200, &PageJson { items, links })
    }

    /// The same of what is text already.
    fn list_of_texts_by_cursor<T: Copy>(
        &self,
        view: &View<'_>,
        window: &Window,
        all: &[(cursor::Place, T)],
        text: impl Fn(T) -> Vec<u8>,
    ) -> Reply {
        let (shown, links) = self.window(view, window, all);
        let mut page = Text::object();
        page.open_array("items");
        for one in shown {
            page.item(&text(one));
        }
        page.close();
        page.member("links", &links);
        Self::show_text(view, 200, page.end())
    }

    fn window<T: Copy>(
        &self,
        view: &View<'_>,
        window: &Window,
        all: &[(cursor::Place, T)],
    ) -> (Vec<T>, LinksJson) {
        let url = format!("{}{}", self.origin, self.request.path.trim_end_matches('/'));
        let (shown, links) = window.cut(all, &url, &self.query);
        // A page can be the same and lead to others.
        for (name, url) in links.all() {
            view.saw_text(name);
            view.saw_text(url);
        }
        (shown, links)
    }

    /// Adds the `Link` header of a list of `total` entries.
    fn with_link(&self, reply: Reply, page: Page, total: usize) -> Reply {
        let url = format!("{}{}", self.origin, self.request.path.trim_end_matches('/'));
        match page.link(&url, &self.query, total) {
            Some(link) => reply.with_header("link", link),
            None => reply,
        }
    }

    /// The organization of the path, if the token opens it.
    fn organization(&mut self) -> Result<OrganizationKey, ApiError> {
        let found = self.engine.organization_by_slug(self.place.organization);
        if let Some(key) = found.filter(|key| self.engine.opens(self.token, *key)) {
            return Ok(key);
        }
        self.aside.note = Some(if let Some(key) = found {
            if self.engine.is_member(key, self.user) {
                "the token was not granted this organization".to_owned()
            } else {
                "the user of the token is no member of this organization".to_owned()
            }
        } else {
            let known = self
                .engine
                .organizations()
                .map(|(_, organization)| format!("`{}`", organization.slug));
            format!(
                "there is no such organization; this fake has {}",
                listed(known)
            )
        });
        Err(ApiError::not_found("organization"))
    }

    /// The pipeline of the path, if the user sees it.
    fn pipeline(&mut self) -> Result<PipelineKey, ApiError> {
        let organization = self.organization()?;
        let found = self
            .engine
            .pipeline_by_slug(organization, self.place.pipeline);
        if let Some(key) = found.filter(|key| self.sees(*key)) {
            return Ok(key);
        }
        self.aside.note = Some(if found.is_some() {
            "the user of the token has no team with this pipeline".to_owned()
        } else {
            let pipelines = self.engine.organization(organization).pipelines.iter();
            let known = pipelines.map(|key| format!("`{}`", self.engine.pipeline(*key).slug));
            format!("there is no such pipeline; this fake has {}", listed(known))
        });
        Err(ApiError::not_found("pipeline"))
    }

    /// Whether the user sees a pipeline at all.
    fn sees(&self, pipeline: PipelineKey) -> bool {
        self.engine.access_of(self.user, pipeline).is_some()
    }

    /// The pipeline, if the user may do that with it.
    fn pipeline_to(&mut self, needed: Access) -> Result<PipelineKey, ApiError> {
        let pipeline = self.pipeline()?;
        self.check_access(pipeline, needed)?;
        Ok(pipeline)
    }

    fn check_access(&self, pipeline: PipelineKey, needed: Access) -> Result<(), ApiError> {
        let access = self.engine.access_of(self.user, pipeline);
        if access.is_none_or(|access| access < needed) {
            return Err(ApiError::forbidden());
        }
        Ok(())
    }

    /// Whether the user administers an organization.
    fn check_admin(&self, organization: OrganizationKey) -> Result<(), ApiError> {
        if self.engine.is_admin(organization, self.user) {
            return Ok(());
        }
        Err(ApiError::forbidden())
    }

    fn build(&mut self) -> Result<BuildKey, ApiError> {
        let pipeline = self.pipeline()?;
        let found = match self.id_of_build() {
            Some(id) => {
                let note = "a build was asked for by its id; Buildkite documents numbers only";
                self.aside.note = Some(note.to_owned());
                let mut builds = self.engine.activity(pipeline).builds.iter().copied();
                builds.find(|key| self.engine.build(*key).id.0 == id)
            }
            None => build_number(self.place.build)
                .and_then(|number| self.engine.build_by_number(pipeline, number)),
        };
        found.ok_or_else(|| {
            let last = self.engine.activity(pipeline).last_number;
            self.aside.note = Some(format!(
                "there is no such build; the pipeline has got as far as number {last}"
            ));
            ApiError::not_found("build")
        })
    }

    /// The id that stands in the place of a build's number.
    ///
    /// Chosen: it is understood where nothing changes, because a client asks for logs that way.
    fn id_of_build(&self) -> Option<Uuid> {
        let reads = matches!(self.request.method, Method::Get | Method::Head);
        if reads && self.place.build.len() == 36 {
            self.place.build.parse().ok()
        } else {
            None
        }
    }
}

/// The number of a build, as a path has it: digits alone, and no zero before them.
pub(super) fn build_number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if is_number { text.parse().ok() } else { None }
}

/// At most ten, for a note.
fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<_> = names.take(11).collect();
    if names.len() > 10 {
        "and more".clone_into(&mut names[10]);
    }
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
