//! The token, its user and its organizations: what clients ask first; and what is said to everybody.
//!
//! Source: Buildkite docs, "Access token API", "User API", "Organizations API", "Organization rate limits API", "Emojis
//! API", "Meta API".

use crate::engine::commands::RevokeToken;
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::reply::Reply;
use crate::vocabulary::ids::Kind;
use crate::wire;
use crate::wire::View;
use crate::wire::account::{
    AccessTokenJson, EmojiJson, MetaJson, OrganizationJson, RootJson, UserJson,
};

/// `GET /`: needs no token, and changes with the clock, so it has no `ETag`.
pub(crate) fn root(view: &View<'_>) -> Reply {
    Reply::json(200, wire::body(&RootJson::new(view)))
}

/// `GET /v2/meta`: needs no token either.
pub(crate) fn meta(view: &View<'_>) -> Reply {
    Cx::show(view, 200, &MetaJson::new())
}

pub(super) fn user(cx: &Cx<'_>) -> Reply {
    let view = cx.view();
    view.saw(Kind::User, cx.user, 0);
    Cx::show(&view, 200, &UserJson::new(&view, cx.user))
}

pub(super) fn access_token(cx: &Cx<'_>) -> Reply {
    let view = cx.view();
    Cx::show(&view, 200, &AccessTokenJson::new(&view, cx.token))
}

/// The token asks for its own end, and this is the last answer it gets.
pub(super) fn revoke(cx: &mut Cx<'_>) -> Reply {
    let token = cx.token;
    let Ok(()) = cx.apply(RevokeToken { token });
    Reply::new(204)
}

pub(super) fn organizations(cx: &Cx<'_>) -> Reply {
    let all = cx.engine.organizations().map(|(key, _)| key);
    let all: Vec<_> = all.filter(|key| cx.engine.opens(cx.token, *key)).collect();
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

/// Changes with the clock and with every request, so it has no `ETag`.
pub(super) fn rate_limit(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    cx.organization()?;
    let status = cx.usage.status(cx.engine.now());
    Ok(Reply::json(200, wire::body(&status)))
}

/// All of them at once, whatever page is asked for.
pub(super) fn emojis(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let view = cx.view();
    let all = EmojiJson::all(&view, organization);
    Ok(Cx::show(&view, 200, &all))
}
