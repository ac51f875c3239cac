//! Who may ask: organizations, users and their API access tokens.
//!
//! Source: Buildkite docs, "Managing API access tokens", "Organizations API".

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::VectorSync;
use uuid::Uuid;

use crate::engine::build::BuildKey;
use crate::engine::pipeline::PipelineKey;
use crate::engine::table::key;
use crate::vocabulary::ids::UserId;
use crate::vocabulary::scope::Scope;

key! {
    /// An organization, by the order of creation.
    OrganizationKey
}
key! {
    /// A user, by the order of creation.
    UserKey
}
key! {
    /// An API access token, by the order of creation.
    TokenKey
}

/// An organization.
#[derive(Debug, Clone)]
pub(crate) struct Organization {
    pub(crate) id: Uuid,
    pub(crate) slug: Arc<str>,
    pub(crate) name: String,
    pub(crate) created_at: DateTime<Utc>,
    /// In the order of their creation, as are the builds.
    pub(crate) pipelines: VectorSync<PipelineKey>,
    pub(crate) builds: VectorSync<BuildKey>,
}

/// A user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) created_at: DateTime<Utc>,
}

/// An API access token. It is granted every organization of the fake.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) id: Uuid,
    pub(crate) secret: String,
    pub(crate) user: UserKey,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) description: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
}

// By hand: a secret has no business in a log.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
