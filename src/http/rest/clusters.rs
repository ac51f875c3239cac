//! Clusters, their queues, the tokens of their agents, and who maintains them.
//!
//! Updates are the same with `PUT` and `PATCH`: what is not sent stays.
//!
//! Who may what: every member looks at all of it; administrators make clusters and say who maintains them; maintainers
//! change and delete their cluster and what is in it.
//!
//! Source: Buildkite docs, "Clusters API", "Queues", "Agent tokens", "Cluster maintainers".

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::account::OrganizationKey;
use crate::engine::cluster::{
    Affinity, ClusterKey, ClusterSettings, ClusterTokenKey, Invalid, Maintainer, MaintainerKey,
    NotValid, QueueKey,
};
use crate::engine::commands::{
    AddMaintainer, CreateCluster, CreateClusterToken, CreateQueue, DeleteCluster, DeleteQueue,
    PauseQueue, RemoveMaintainer, ResumeQueue, RevokeClusterToken, UpdateCluster,
    UpdateClusterToken, UpdateQueue, WantedShape,
};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::json::Fields;
use crate::http::query;
use crate::http::reply::Reply;
use crate::http::rest::listed;
use crate::vocabulary::ids::{ClusterId, ClusterTokenId, QueueId, TeamId, UserId};
use crate::wire::cluster::{ClusterJson, ClusterTokenJson, MaintainerJson, QueueJson, Secret};

// --- Clusters --------------------------------------------------------------------------------------------------------

/// Chosen: oldest first, as everything here; the documentation shows one of each.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let all = cx.engine.clusters_of(organization);
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| ClusterJson::new(&view, key)))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    Ok(show(cx, 200, cluster))
}

pub(super) fn create(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    cx.check_admin(organization)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let none = ClusterSettings {
        name: Arc::from(""),
        description: None,
        emoji: None,
        color: None,
    };
    let settings = settings(&mut body, none);
    let maintainers = body.objects("maintainers").unwrap_or_default();
    let mut wanted = Vec::with_capacity(maintainers.len());
    for (n, mut one) in maintainers.into_iter().enumerate() {
        wanted.push(maintainer(cx, organization, &mut one));
        body.absorb(&format!("maintainers[{n}]"), one);
    }
    body.check_in_words()?;
    let maintainers = wanted.into_iter().collect::<Result<_, _>>();
    let created_by = Some(cx.engine.token(cx.token).user);
    let cluster = cx.apply(CreateCluster {
        organization,
        settings,
        maintainers: maintainers.map_err(NotValid::from)?,
        created_by,
    })?;
    Ok(show(cx, 201, cluster))
}

/// Chosen: a null that takes nothing away says nothing.
pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let old = cx.engine.cluster(cluster).clone();
    let settings = settings(&mut body, old.settings);
    let default_queue = if body.has("default_queue_id") {
        body.id("default_queue_id").map(QueueId)
    } else {
        let queue = old.default_queue;
        queue.map(|queue| cx.engine.cluster_queue(queue).id)
    };
    let mut caches = old.caches;
    for (field, cache) in [
        ("hosted_git_mirror_enabled", &mut caches.git_mirror),
        ("hosted_container_cache_enabled", &mut caches.container),
    ] {
        *cache = body.flag(field).unwrap_or(*cache);
    }
    body.check_in_words()?;
    cx.apply(UpdateCluster {
        cluster,
        settings,
        default_queue,
        caches,
    })?;
    Ok(show(cx, 200, cluster))
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster_to_change()?;
    cx.apply(DeleteCluster { cluster })?;
    Ok(gone())
}

/// Recorded of a cluster, and of nothing else that was deleted: the answer depends on what is accepted, empty as it is.
/// Chosen: so do the others here.
fn gone() -> Reply {
    Reply::new(204).with_header("vary", "Accept")
}

fn show(cx: &Cx<'_>, status: u16, cluster: ClusterKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &ClusterJson::new(&view, cluster))
}

/// The settings a request asks for; those it does not speak of are as in `settings`.
fn settings(body: &mut Fields, settings: ClusterSettings) -> ClusterSettings {
    let mut new = settings;
    if let Some(name) = body.text("name") {
        new.name = name.into();
    }
    if body.has("description") {
        new.description = body.text("description");
    }
    for (field, setting) in [("emoji", &mut new.emoji), ("color", &mut new.color)] {
        if body.has(field) {
            *setting = body.text(field).filter(|text| !text.is_empty());
        }
    }
    new
}

// --- Queues ----------------------------------------------------------------------------------------------------------

pub(super) fn list_queues(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    let all = cx.engine.queues_of(cluster);
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| QueueJson::new(&view, key)))
}

pub(super) fn get_queue(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    Ok(show_queue(cx, 200, queue))
}

pub(super) fn create_queue(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let key = body.text("key").unwrap_or_default();
    let description = body.text("description");
    let affinity = affinity(&mut body);
    let hosted = hosted(&mut body);
    body.check_in_words()?;
    let created_by = Some(cx.engine.token(cx.token).user);
    let queue = cx.apply(CreateQueue {
        cluster,
        key: key.into(),
        description,
        affinity,
        hosted,
        created_by,
    })?;
    Ok(show_queue(cx, 201, queue))
}

pub(super) fn update_queue(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    cx.check_maintains_cluster(cx.engine.cluster_queue(queue).cluster)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let description = if body.has("description") {
        body.text("description")
    } else {
        cx.engine.cluster_queue(queue).description.clone()
    };
    let affinity = affinity(&mut body);
    let hosted = hosted(&mut body);
    body.check_in_words()?;
    cx.apply(UpdateQueue {
        queue,
        description,
        affinity,
        hosted,
    })?;
    Ok(show_queue(cx, 200, queue))
}

pub(super) fn delete_queue(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    cx.check_maintains_cluster(cx.engine.cluster_queue(queue).cluster)?;
    cx.apply(DeleteQueue { queue })?;
    Ok(gone())
}

/// Only `dispatch_paused_note` is understood: a recorded request that sends `note` got none.
pub(super) fn pause_queue(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    cx.check_maintains_cluster(cx.engine.cluster_queue(queue).cluster)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let note = body.text("dispatch_paused_note");
    body.check_in_words()?;
    let by = Some(cx.engine.token(cx.token).user);
    let note = note.filter(|note| !note.is_empty()).map(Arc::from);
    cx.apply(PauseQueue { queue, note, by })?;
    Ok(show_queue(cx, 200, queue))
}

pub(super) fn resume_queue(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let queue = cx.queue()?;
    cx.check_maintains_cluster(cx.engine.cluster_queue(queue).cluster)?;
    Fields::parse(&cx.request.body)?;
    cx.apply(ResumeQueue { queue })?;
    Ok(show_queue(cx, 200, queue))
}

fn show_queue(cx: &Cx<'_>, status: u16, queue: QueueKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &QueueJson::new(&view, queue))
}

fn affinity(body: &mut Fields) -> Option<Affinity> {
    let given = body.text("retry_agent_affinity")?;
    let all = Affinity::ALL.iter().copied();
    let found = all.into_iter().find(|affinity| affinity.word() == given);
    if found.is_none() {
        body.refuse("retry_agent_affinity", "invalid");
    }
    found
}

/// Its keys are written otherwise in requests than in answers.
fn hosted(body: &mut Fields) -> Option<WantedShape> {
    let mut given = body.object("hostedAgents")?;
    let wanted = WantedShape {
        name: given.text("instanceShape"),
        image: given.text("agentImageRef"),
    };
    body.absorb("hostedAgents", given);
    Some(wanted)
}

// --- Tokens ----------------------------------------------------------------------------------------------------------

pub(super) fn list_tokens(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    let all = cx.engine.tokens_of(cluster);
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| {
        ClusterTokenJson::new(&view, key, Secret::Kept)
    }))
}

pub(super) fn get_token(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let token = cx.cluster_token()?;
    Ok(show_token(cx, 200, token, Secret::Kept))
}

/// The only answer with the token's value.
///
/// Chosen: a token that has expired already is taken, as the test's clock is another than its program's may be.
pub(super) fn create_token(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let description = body.text("description").unwrap_or_default();
    let allowed_ip_addresses = addresses(&mut body);
    let expires_at = expires_at(&mut body);
    body.check_in_words()?;
    let created_by = Some(cx.engine.token(cx.token).user);
    let token = cx.apply(CreateClusterToken {
        cluster,
        description,
        allowed_ip_addresses,
        expires_at,
        created_by,
    })?;
    Ok(show_token(cx, 201, token, Secret::Told))
}

/// When it expires is not changed: an example sends it, and the answer shows the old one.
pub(super) fn update_token(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let token = cx.cluster_token()?;
    cx.check_maintains_cluster(cx.engine.cluster_token(token).cluster)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let old = cx.engine.cluster_token(token).clone();
    let description = body.text("description").unwrap_or(old.description);
    let allowed_ip_addresses = if body.has("allowed_ip_addresses") {
        addresses(&mut body)
    } else {
        old.allowed_ip_addresses
    };
    body.check_in_words()?;
    cx.apply(UpdateClusterToken {
        token,
        description,
        allowed_ip_addresses,
    })?;
    Ok(show_token(cx, 200, token, Secret::Kept))
}

pub(super) fn revoke_token(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let token = cx.cluster_token()?;
    cx.check_maintains_cluster(cx.engine.cluster_token(token).cluster)?;
    let Ok(()) = cx.apply(RevokeClusterToken { token });
    Ok(gone())
}

fn show_token(cx: &Cx<'_>, status: u16, token: ClusterTokenKey, secret: Secret) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &ClusterTokenJson::new(&view, token, secret))
}

fn addresses(body: &mut Fields) -> Option<String> {
    let given = body.text("allowed_ip_addresses");
    given.filter(|text| !text.trim().is_empty())
}

fn expires_at(body: &mut Fields) -> Option<DateTime<Utc>> {
    let given = body.text("expires_at").filter(|text| !text.is_empty())?;
    let at = query::instant(&given);
    if at.is_none() {
        body.refuse("expires_at", "invalid");
    }
    at
}

// --- Maintainers -----------------------------------------------------------------------------------------------------

/// All of them, on one page.
pub(super) fn list_maintainers(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    let mut all = cx.engine.maintainers_of(cluster);
    all.retain(|key| cx.engine.sees_maintainer(Some(cx.user), *key));
    let view = cx.view();
    let all: Vec<_> = all
        .into_iter()
        .map(|key| MaintainerJson::new(&view, key))
        .collect();
    Ok(Cx::show(&view, 200, &all))
}

pub(super) fn get_maintainer(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let maintainer = cx.maintainer()?;
    Ok(show_maintainer(cx, 200, maintainer))
}

pub(super) fn add_maintainer(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    let organization = cx.engine.cluster(cluster).organization;
    cx.check_admin(organization)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let maintainer = maintainer(cx, organization, &mut body);
    body.check_in_words()?;
    let maintainer = maintainer.map_err(NotValid::from)?;
    let added = cx.apply(AddMaintainer {
        cluster,
        maintainer,
    })?;
    Ok(show_maintainer(cx, 201, added))
}

pub(super) fn remove_maintainer(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let maintainer = cx.maintainer()?;
    let cluster = cx.engine.maintenance(maintainer).cluster;
    cx.check_admin(cx.engine.cluster(cluster).organization)?;
    let Ok(()) = cx.apply(RemoveMaintainer { maintainer });
    Ok(gone())
}

fn show_maintainer(cx: &Cx<'_>, status: u16, maintainer: MaintainerKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &MaintainerJson::new(&view, maintainer))
}

/// Who is to maintain: `{user: id}` or `{team: id}`, of this organization. What is no id is marked in the body.
///
/// Chosen: of both, the user; a team that the reader does not see does not exist for them.
fn maintainer(
    cx: &Cx<'_>,
    organization: OrganizationKey,
    body: &mut Fields,
) -> Result<Maintainer, Invalid> {
    let (user, team) = (body.id("user"), body.id("team"));
    match (user, team) {
        (Some(id), _) => {
            let found = cx.engine.user_by_id(UserId(id));
            let found = found.filter(|user| cx.engine.is_member(organization, *user));
            found.map(Maintainer::User).ok_or(Invalid::Unknown("User"))
        }
        (None, Some(id)) => {
            let found = cx.engine.team_by_id(organization, TeamId(id));
            let found = found.filter(|team| cx.engine.sees_team(cx.user, *team));
            found.map(Maintainer::Team).ok_or(Invalid::Unknown("Team"))
        }
        (None, None) => Err(Invalid::NoMaintainer),
    }
}

// --- What paths name -------------------------------------------------------------------------------------------------

impl Cx<'_> {
    fn cluster(&mut self) -> Result<ClusterKey, ApiError> {
        let organization = self.organization()?;
        let id = self.place.cluster.parse().ok().map(ClusterId);
        let found = id.and_then(|id| self.engine.cluster_by_id(organization, id));
        found.ok_or_else(|| {
            let known = self.engine.clusters_of(organization).into_iter();
            let known = known.map(|key| {
                let cluster = self.engine.cluster(key);
                format!("{} (`{}`)", cluster.id, cluster.settings.name)
            });
            self.aside.note = Some(format!(
                "there is no such cluster; this fake has {}",
                listed(known)
            ));
            ApiError::not_found("cluster")
        })
    }

    fn cluster_to_change(&mut self) -> Result<ClusterKey, ApiError> {
        let cluster = self.cluster()?;
        self.check_maintains_cluster(cluster)?;
        Ok(cluster)
    }

    pub(super) fn check_maintains_cluster(&self, cluster: ClusterKey) -> Result<(), ApiError> {
        if self.engine.maintains_cluster(self.user, cluster) {
            return Ok(());
        }
        Err(ApiError::forbidden())
    }

    fn queue(&mut self) -> Result<QueueKey, ApiError> {
        let cluster = self.cluster()?;
        let id = self.place.queue.parse().ok().map(QueueId);
        let found = id.and_then(|id| self.engine.queue_by_id(cluster, id));
        found.ok_or_else(|| {
            let known = self.engine.queues_of(cluster).into_iter();
            let known = known.map(|key| {
                let queue = self.engine.cluster_queue(key);
                format!("{} (`{}`)", queue.id, queue.key)
            });
            self.aside.note = Some(format!(
                "there is no such queue; the cluster has {}",
                listed(known)
            ));
            ApiError::not_found("cluster queue")
        })
    }

    fn cluster_token(&mut self) -> Result<ClusterTokenKey, ApiError> {
        let cluster = self.cluster()?;
        let id = self.place.token.parse().ok().map(ClusterTokenId);
        id.and_then(|id| self.engine.cluster_token_by_id(cluster, id))
            .ok_or_else(|| ApiError::not_found("cluster token"))
    }

    fn maintainer(&mut self) -> Result<MaintainerKey, ApiError> {
        let cluster = self.cluster()?;
        let id = self.place.maintainer.parse().ok();
        let mut all = self.engine.maintainers_of(cluster).into_iter();
        let found = all.find(|key| Some(self.engine.maintenance(*key).id) == id);
        found
            .filter(|key| self.engine.sees_maintainer(Some(self.user), *key))
            .ok_or_else(|| ApiError::not_found("cluster maintainer"))
    }
}
