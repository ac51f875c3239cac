//! The tokens of a cluster's agents: list, get, create, update, revoke. Its maintainers change them.
//!
//! Source: Buildkite docs, "Agent tokens".

use chrono::{DateTime, Utc};

use crate::engine::cluster::ClusterTokenKey;
use crate::engine::commands::{CreateClusterToken, RevokeClusterToken, UpdateClusterToken};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::query;
use crate::http::reply::Reply;
use crate::http::rest::clusters::gone;
use crate::vocabulary::ids::ClusterTokenId;
use crate::wire::cluster::{ClusterTokenJson, Secret};

pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let cluster = cx.cluster()?;
    let all = cx.engine.tokens_of(cluster);
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| {
        ClusterTokenJson::new(&view, key, Secret::Kept)
    }))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let token = cx.cluster_token()?;
    Ok(show(cx, 200, token, Secret::Kept))
}

/// The only answer with the token's value.
///
/// Chosen: a token that has expired already is taken, as the test's clock is another than its program's may be.
pub(super) fn create(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
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
    Ok(show(cx, 201, token, Secret::Told))
}

/// When it expires is not changed: an example sends it, and the answer shows the old one.
pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
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
    Ok(show(cx, 200, token, Secret::Kept))
}

pub(super) fn revoke(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let token = cx.cluster_token()?;
    cx.check_maintains_cluster(cx.engine.cluster_token(token).cluster)?;
    let Ok(()) = cx.apply(RevokeClusterToken { token });
    Ok(gone())
}

fn show(cx: &Cx<'_>, status: u16, token: ClusterTokenKey, secret: Secret) -> Reply {
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

impl Cx<'_> {
    fn cluster_token(&mut self) -> Result<ClusterTokenKey, ApiError> {
        let cluster = self.cluster()?;
        let id = self.place.token.parse().ok().map(ClusterTokenId);
        id.and_then(|id| self.engine.cluster_token_by_id(cluster, id))
            .ok_or_else(|| ApiError::not_found("cluster token"))
    }
}
