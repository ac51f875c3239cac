//! Clusters: list, get, create, update, delete.
//!
//! Updates are the same with `PUT` and `PATCH`, here and for what is in a cluster: what is not sent stays.
//!
//! Who may what: every member looks at all of it; administrators make clusters and say who maintains them; maintainers
//! change and delete their cluster and what is in it.
//!
//! Elsewhere: what is in a cluster (`cluster_queues`, `cluster_tokens`), who maintains it (`cluster_maintainers`).
//! Source: Buildkite docs, "Clusters API".

use std::sync::Arc;

use crate::engine::cluster::{ClusterKey, ClusterSettings, NotValid};
use crate::engine::commands::{CreateCluster, DeleteCluster, UpdateCluster};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::http::rest::cluster_maintainers::maintainer;
use crate::http::rest::listed;
use crate::vocabulary::ids::{ClusterId, QueueId};
use crate::wire::cluster::ClusterJson;

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
/// Chosen: so do those of what is in it.
pub(super) fn gone() -> Reply {
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

impl Cx<'_> {
    pub(super) fn cluster(&mut self) -> Result<ClusterKey, ApiError> {
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

    pub(super) fn cluster_to_change(&mut self) -> Result<ClusterKey, ApiError> {
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
}
