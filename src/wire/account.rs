//! Users, tokens and organizations as JSON.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::account::{OrganizationKey, TokenKey, UserKey};
use crate::wire::{Instant, View, graphql_id};

/// A user: `creator`, `created_by`, `unblocked_by`, `retried_by` and `GET /v2/user`.
#[derive(Debug, Serialize)]
pub(crate) struct UserJson<'e> {
    id: Uuid,
    graphql_id: String,
    name: &'e str,
    email: &'e str,
    avatar_url: String,
    created_at: Instant,
}

impl<'e> UserJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: UserKey) -> Self {
        let user = view.engine.user(key);
        let digest = md5::compute(user.email.trim().to_lowercase());
        Self {
            id: user.id.0,
            graphql_id: graphql_id("User", user.id.0),
            name: &user.name,
            email: &user.email,
            avatar_url: format!("https://www.gravatar.com/avatar/{digest:x}"),
            created_at: Instant(user.created_at),
        }
    }

    pub(crate) fn maybe(view: &View<'e>, key: Option<UserKey>) -> Option<Self> {
        key.map(|key| Self::new(view, key))
    }
}

/// The token a request was made with.
#[derive(Debug, Serialize)]
pub(crate) struct AccessTokenJson<'e> {
    uuid: Uuid,
    scopes: Vec<&'static str>,
    description: Option<&'e str>,
    created_at: Instant,
    expires_at: Option<Instant>,
    user: TokenUserJson<'e>,
}

#[derive(Debug, Serialize)]
struct TokenUserJson<'e> {
    name: &'e str,
    email: &'e str,
}

impl<'e> AccessTokenJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: TokenKey) -> Self {
        let token = view.engine.token(key);
        let user = view.engine.user(token.user);
        Self {
            uuid: token.id,
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            description: token.description.as_deref(),
            created_at: Instant(token.created_at),
            expires_at: None,
            user: TokenUserJson {
                name: &user.name,
                email: &user.email,
            },
        }
    }
}

/// An organization.
#[derive(Debug, Serialize)]
pub(crate) struct OrganizationJson<'e> {
    id: Uuid,
    graphql_id: String,
    url: String,
    web_url: String,
    name: &'e str,
    slug: &'e str,
    agents_url: String,
    emojis_url: String,
    created_at: Instant,
    pipelines_url: String,
}

impl<'e> OrganizationJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: OrganizationKey) -> Self {
        let organization = view.engine.organization(key);
        let url = view.organization_url(key);
        Self {
            id: organization.id,
            graphql_id: graphql_id("Organization", organization.id),
            web_url: format!("{}/{}", view.origin, organization.slug),
            name: &organization.name,
            slug: &organization.slug,
            agents_url: format!("{url}/agents"),
            emojis_url: format!("{url}/emojis"),
            created_at: Instant(organization.created_at),
            pipelines_url: format!("{url}/pipelines"),
            url,
        }
    }
}

/// `GET /`.
#[derive(Debug, Serialize)]
pub(crate) struct RootJson {
    message: &'static str,
    timestamp: i64,
}

impl RootJson {
    pub(crate) fn new(view: &View<'_>) -> Self {
        Self {
            message: "🛠",
            timestamp: view.engine.now().timestamp(),
        }
    }
}
