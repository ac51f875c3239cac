//! Who asks, and whether the token lets them: 401, then 403.
//!
//! Source: Buildkite docs, "REST API", section "Authentication".

use crate::engine::Engine;
use crate::engine::account::TokenKey;
use crate::http::error::ApiError;
use crate::http::request::Request;
use crate::vocabulary::route::Route;

/// The token of the `Authorization: Bearer` header, if it still opens anything. Tokens in the query are not taken.
pub(crate) fn token(engine: &Engine, request: &Request) -> Option<TokenKey> {
    let header = request.header("authorization")?;
    let (scheme, secret) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    engine.good_token(secret.trim())
}

/// Whether a token may ask for a route.
pub(crate) fn check_scope(engine: &Engine, token: TokenKey, route: Route) -> Result<(), ApiError> {
    match route.scope() {
        Some(scope) if !engine.token(token).scopes.contains(&scope) => {
            Err(ApiError::missing_scope(scope))
        }
        Some(_) | None => Ok(()),
    }
}
