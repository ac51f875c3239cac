//! The token, its user and its organizations: what clients ask first.

use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::pagination::Page;
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
    let view = cx.view();
    let all: Vec<_> = cx.engine.organizations().map(|(key, _)| key).collect();
    let page = Page::of(&cx.query);
    let shown: Vec<_> = page
        .cut(&all)
        .into_iter()
        .map(|key| OrganizationJson::new(&view, key))
        .collect();
    cx.with_link(Cx::show(&view, 200, &shown), page, all.len())
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

impl Cx<'_> {
    /// Adds the `Link` header of a list of `total` entries.
    pub(super) fn with_link(&self, reply: Reply, page: Page, total: usize) -> Reply {
        let url = format!("{}{}", self.origin, self.request.path.trim_end_matches('/'));
        match page.link(&url, &self.query, total) {
            Some(link) => reply.with_header("link", link),
            None => reply,
        }
    }
}
