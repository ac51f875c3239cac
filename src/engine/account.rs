//! Who may ask: organizations with their members, users and their API access tokens.
//!
//! A token opens an organization if it was granted it and its user is a member there. What the user may do inside is
//! for their role and their teams to say.
//!
//! Elsewhere: teams, and who sees a pipeline (`team`).
//! Source: Buildkite docs, "Managing API access tokens", "Access token API", "Organizations API", "Organization members
//! API".

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::engine::pipeline::PipelineKey;
use crate::engine::table::{self, key};
use crate::persistent::Index;
use crate::persistent::List;
use crate::vocabulary::ids::{self, Kind, UserId};
use crate::vocabulary::role::{MemberRole, SsoMode};
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
    pub(crate) pipelines: List<PipelineKey>,
    pub(crate) builds: List<BuildKey>,
    pub(crate) members: Index<UserKey, Membership>,
    /// Its own, beside those that everybody has.
    pub(crate) emojis: List<Emoji>,
}

/// That a user belongs to an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) role: MemberRole,
    pub(crate) sso_mode: SsoMode,
}

/// An emoji of an organization's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Emoji {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) aliases: Vec<String>,
}

/// A user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) email: String,
    /// Where their picture is: the MD5 digest of their address. Worked out once, because a user is shown often.
    pub(crate) avatar: u128,
    pub(crate) created_at: DateTime<Utc>,
}

/// An API access token.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) id: Uuid,
    pub(crate) secret: String,
    pub(crate) user: UserKey,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) grants: Grants,
    pub(crate) description: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    /// The instant from which it opens nothing any more.
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// Which organizations a token was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grants {
    /// All that its user is a member of.
    All,
    These(Vec<OrganizationKey>),
}

impl Token {
    /// Whether it still opens anything.
    pub(crate) fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }

    fn is_granted(&self, organization: OrganizationKey) -> bool {
        match &self.grants {
            Grants::All => true,
            Grants::These(these) => these.contains(&organization),
        }
    }
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

impl Engine {
    pub(crate) fn users(&self) -> impl Iterator<Item = (UserKey, &User)> {
        self.users.iter()
    }

    pub(crate) fn find_user(&self, key: UserKey) -> Option<&User> {
        self.users.find(key)
    }

    pub(crate) fn find_organization(&self, key: OrganizationKey) -> Option<&Organization> {
        self.organizations.find(key)
    }

    pub(crate) fn find_token(&self, key: TokenKey) -> Option<&Token> {
        self.tokens.find(key)
    }

    /// The token with this secret, if it is neither expired nor revoked.
    pub(crate) fn good_token(&self, secret: &str) -> Option<TokenKey> {
        let token = self.token_by_secret(secret)?;
        self.token(token).is_good(self.now).then_some(token)
    }

    pub(crate) fn membership(
        &self,
        organization: OrganizationKey,
        user: UserKey,
    ) -> Option<Membership> {
        self.organization(organization).members.get(&user).copied()
    }

    pub(crate) fn is_member(&self, organization: OrganizationKey, user: UserKey) -> bool {
        self.membership(organization, user).is_some()
    }

    pub(crate) fn is_admin(&self, organization: OrganizationKey, user: UserKey) -> bool {
        let membership = self.membership(organization, user);
        membership.is_some_and(|membership| membership.role == MemberRole::Admin)
    }

    /// Whether a token opens an organization: it was granted it, and its user is a member.
    pub(crate) fn opens(&self, token: TokenKey, organization: OrganizationKey) -> bool {
        let token = self.token(token);
        token.is_granted(organization) && self.is_member(organization, token.user)
    }

    // --- Setting up --------------------------------------------------------------------------------------------------

    pub(crate) fn add_organization(&mut self, slug: &str, name: &str) -> OrganizationKey {
        let id = self.mint(Kind::Organization, self.organizations.next_key());
        self.organizations.push(Organization {
            id,
            slug: slug.into(),
            name: name.to_owned(),
            created_at: self.now,
            pipelines: List::new(),
            builds: List::new(),
            members: Index::new(),
            emojis: List::new(),
        })
    }

    pub(crate) fn add_user(&mut self, name: &str, email: &str) -> UserKey {
        let id = UserId(self.mint(Kind::User, self.users.next_key()));
        let digest = md5::compute(email.trim().to_lowercase());
        self.users.push(User {
            id,
            name: name.to_owned(),
            email: email.to_owned(),
            avatar: u128::from_be_bytes(digest.0),
            created_at: self.now,
        })
    }

    pub(crate) fn add_emoji(&mut self, organization: OrganizationKey, emoji: Emoji) {
        let organization = self.organizations.change(organization);
        organization.emojis.push(emoji);
    }

    /// A token that is granted every organization of its user, and never expires.
    pub(crate) fn add_token(
        &mut self,
        secret: Option<String>,
        user: UserKey,
        scopes: Vec<Scope>,
    ) -> TokenKey {
        let ordinal = u64::from(table::Key::row(self.tokens.next_key()));
        let id = self.mint(Kind::Token, self.tokens.next_key());
        let secret = secret
            .unwrap_or_else(|| format!("bkua_{}", ids::hex(self.seed, Kind::Token, ordinal, 40)));
        self.tokens.push(Token {
            id,
            secret,
            user,
            scopes,
            grants: Grants::All,
            description: None,
            created_at: self.now,
            expires_at: None,
            revoked_at: None,
        })
    }

    /// The test's own way to say what a token is.
    pub(crate) fn change_token(&mut self, token: TokenKey, change: impl FnOnce(&mut Token)) {
        change(self.tokens.change(token));
    }
}
