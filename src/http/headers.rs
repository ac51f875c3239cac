//! The headers that answers have besides those of their handlers.
//!
//! Elsewhere: those of pages (`pages`), of rate limits (`rates`), of lists (`pagination`).
//! Source: recorded responses.

use crate::engine::account::TokenKey;
use crate::http::Desk;
use crate::http::reply::Reply;
use crate::vocabulary::ids::{self, Kind};
use crate::vocabulary::route::Route;

/// How many headers an answer gets beside those of its handler: room for them is made at once.
pub(super) const HEADERS: usize = 24;

impl Desk<'_> {
    /// Which scopes the token has, and which one was needed.
    pub(super) fn with_scopes(&mut self, token: TokenKey, route: Route, reply: Reply) -> Reply {
        let scopes = self.kept.scopes(&self.engine.token(token).scopes);
        let reply = reply.with_header("x-oauth-scopes", scopes);
        match route.scope() {
            Some(scope) => reply.with_header("x-accepted-oauth-scopes", scope.as_str()),
            None => reply,
        }
    }

    /// Who it was and when, which everything that is answered says.
    pub(super) fn stamp(&mut self, reply: Reply) -> Reply {
        let now = self.engine.now();
        let id = ids::mint(self.engine.seed(), Kind::Request, self.ordinal, now);
        reply
            .with_header("x-request-id", id.to_string())
            .with_header("x-runtime", "0.001000")
            .with_header("date", self.kept.date(now))
    }

    /// The headers every answer of the API has.
    pub(super) fn finish(&mut self, mut reply: Reply) -> Reply {
        let cache = match reply.header("etag") {
            Some(_) => "max-age=0, private, must-revalidate",
            None => "no-cache",
        };
        // What is done and has nothing to show is the same whatever is accepted: recorded with 204, and with the 201 of
        // a webhook.
        let is_bare = matches!(reply.status, 201 | 204) && reply.body.is_empty();
        if !is_bare {
            reply = reply.with_header("vary", "Accept");
        }
        let reply = reply
            .with_header("cache-control", cache)
            .with_header("access-control-allow-origin", "*")
            .with_header(
                "access-control-allow-methods",
                "GET, POST, PUT, DELETE, OPTIONS",
            )
            .with_header(
                "access-control-expose-headers",
                "Link, RateLimit-Remaining, RateLimit-Limit, RateLimit-Reset, X-OAuth-Scopes",
            )
            .with_header("x-frame-options", "SAMEORIGIN")
            .with_header("x-content-type-options", "nosniff")
            .with_header("referrer-policy", "strict-origin-when-cross-origin");
        self.stamp(reply)
    }
}
