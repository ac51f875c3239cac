//! The token, its user and its organizations: what clients ask first.

use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::reply::Reply;
use crate::wire;
use crate::wire::View;
use crate::wire::account::{AccessTokenJson, OrganizationJson, RootJson, UserJson};

/// `GET /`: needs no token, and changes with the clock, so it has no `ETag`.
pub(crate) fn root(view: &View<'_>) -> Reply {
    Reply::json(200, wire::body(&RootJson::new(view)))
}

pub(super) fn user(cx: &Cx<'_>) -> Reply {
    let view = cx.view();
    Cx::show(
        &view,
        200,
        &UserJson::new(&view, cx.engine.token(cx.token).user),
    )
}

pub(super) fn access_token(cx: &Cx<'_>) -> Reply {
    let view = cx.view();
    let shape = AccessTokenJson::new(&view, cx.token);
    view.saw_text(&cx.engine.token(cx.token).secret);
    Cx::show(&view, 200, &shape)
}

pub(super) fn organizations(cx: &Cx<'_>) -> Reply {
    let all: Vec<_> = cx.engine.organizations().map(|(key, _)| key).collect();
    let view = cx.view();
    cx.list(&view, &all, |key| OrganizationJson::new(&view, key))
}

pub(super) fn organization(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let view = cx.view();
    Ok(Cx::show(
        &view,
        200,
        &OrganizationJson::new(&view, organization),
    ))
}
