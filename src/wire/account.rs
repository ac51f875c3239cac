//! Users, tokens, organizations and their members as JSON, and what is said to everybody.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::account::{Emoji, OrganizationKey, TokenKey, UserKey};
use crate::vocabulary::ids::Kind;
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
        Self {
            id: user.id.0,
            graphql_id: graphql_id("User", user.id.0),
            name: &user.name,
            email: &user.email,
            avatar_url: format!("https://www.gravatar.com/avatar/{:032x}", user.avatar),
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
    email: &'e str,
    name: &'e str,
}

impl<'e> AccessTokenJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: TokenKey) -> Self {
        let token = view.engine.token(key);
        let user = view.engine.user(token.user);
        view.saw_text(&token.secret);
        if let Some(at) = token.expires_at {
            view.saw_text(&at.to_rfc3339());
        }
        Self {
            uuid: token.id,
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            description: token.description.as_deref(),
            created_at: Instant(token.created_at),
            expires_at: Instant::maybe(token.expires_at),
            user: TokenUserJson {
                email: &user.email,
                name: &user.name,
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
        // What is shown of it never changes.
        view.saw(Kind::Organization, key, 0);
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

/// A member of an organization.
#[derive(Debug, Serialize)]
pub(crate) struct MemberJson<'e> {
    id: Uuid,
    name: &'e str,
    email: &'e str,
    role: &'static str,
    /// Shown to administrators, and to the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    sso_mode: Option<&'static str>,
}

impl<'e> MemberJson<'e> {
    /// `reader` is who looks at it.
    pub(crate) fn new(
        view: &View<'e>,
        organization: OrganizationKey,
        key: UserKey,
        reader: UserKey,
    ) -> Self {
        let user = view.engine.user(key);
        let membership = view.engine.membership(organization, key);
        let membership = membership.expect("a member of the organization");
        let is_for_reader = reader == key || view.engine.is_admin(organization, reader);
        let sso_mode = is_for_reader.then(|| membership.sso_mode.as_str());
        view.saw(Kind::User, key, 0);
        view.saw_text(membership.role.as_str());
        view.saw_text(sso_mode.unwrap_or_default());
        Self {
            id: user.id.0,
            name: &user.name,
            email: &user.email,
            role: membership.role.as_str(),
            sso_mode,
        }
    }
}

/// An emoji.
#[derive(Debug, Serialize)]
pub(crate) struct EmojiJson<'e> {
    name: &'e str,
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<&'e str>,
}

/// Some of those that everybody has: name, file, aliases. Buildkite knows thousands.
const STANDARD_EMOJIS: &[(&str, &str, &[&str])] = &[
    ("+1", "unicode/1f44d.png", &["thumbsup"]),
    ("-1", "unicode/1f44e.png", &["thumbsdown"]),
    ("bug", "unicode/1f41b.png", &[]),
    ("hammer", "unicode/1f528.png", &[]),
    ("package", "unicode/1f4e6.png", &[]),
    ("rocket", "unicode/1f680.png", &[]),
    ("tada", "unicode/1f389.png", &[]),
    ("white_check_mark", "unicode/2705.png", &[]),
    ("wrench", "unicode/1f527.png", &[]),
    ("x", "unicode/274c.png", &[]),
    ("shipit", "shipit.png", &["squirrel"]),
    ("trollface", "trollface.png", &[]),
    ("buildkite", "buildkite.png", &[]),
    ("docker", "docker.png", &[]),
    ("debian", "debian.png", &[]),
    ("bundler", "bundler.png", &[]),
    ("bugsnag", "bugsnag.png", &[]),
];

impl<'e> EmojiJson<'e> {
    /// Those of an organization: the ones that everybody has, then its own.
    pub(crate) fn all(view: &View<'e>, organization: OrganizationKey) -> Vec<Self> {
        let standard = STANDARD_EMOJIS.iter().map(|(name, file, aliases)| Self {
            name,
            url: format!("https://buildkiteassets.com/emoji/{file}?v1"),
            aliases: aliases.to_vec(),
        });
        let own = view.engine.organization(organization).emojis.iter();
        let own = own.map(|emoji| {
            let Emoji { name, url, aliases } = emoji;
            for text in [name, url].into_iter().chain(aliases) {
                view.saw_text(text);
            }
            Self {
                name,
                url: url.clone(),
                aliases: aliases.iter().map(String::as_str).collect(),
            }
        });
        standard.chain(own).collect()
    }
}

/// `GET /v2/meta`.
#[derive(Debug, Serialize)]
pub(crate) struct MetaJson {
    webhook_ips: [&'static str; 2],
}

impl MetaJson {
    /// The addresses of the documentation's example, which are reserved for examples: nothing of the fake's comes from
    /// there.
    pub(crate) const fn new() -> Self {
        Self {
            webhook_ips: ["192.0.2.0/24", "198.51.100.12"],
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
