//! Users and their tokens in the hands of a test.
//!
//! Elsewhere: organizations (`organization`), teams (`team`).

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock;
use crate::engine::Engine;
use crate::engine::account::{Grants, Token, TokenKey, User, UserKey};
use crate::engine::commands::{AddMember, RevokeToken};
use crate::fake::choices::listed;
use crate::fake::{FakeBuildkite, OrganizationHandle, PipelineHandle, Tie};
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::UserId;
use crate::vocabulary::role::MemberRole;
use crate::vocabulary::scope::Scope;
use crate::vocabulary::slip::slip;

impl FakeBuildkite {
    /// Makes another user, a member of the [organization](Self::organization) that everything belongs to. Tokens of
    /// theirs see what they see and may do what they may do.
    ///
    /// ```
    /// use fake_buildkite::{Access, FakeBuildkite, Scope};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// let token = ada.token([Scope::ReadPipelines]);
    /// assert_eq!(ada.access_to(&app), Some(Access::ManageBuildAndRead), "there are no teams yet");
    ///
    /// fake.team("Platform").create();
    /// let url = format!("{}organizations/acme/pipelines/app", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(token.secret()).send().unwrap();
    /// assert_eq!(answer.status(), 404, "now there is one, and it is not hers");
    /// assert_eq!(ada.access_to(&app), None);
    /// ```
    pub fn add_user(&self, name: impl Into<String>, email: impl Into<String>) -> UserHandle {
        let (name, email) = (name.into(), email.into());
        let key = self.driver.set(|engine| engine.add_user(&name, &email));
        let added = self.driver.apply(AddMember {
            organization: self.home.organization,
            user: key,
            role: MemberRole::Member,
        });
        added.expect("a new user is no member yet");
        UserHandle::new(self.tie(), key)
    }

    /// The user of the fake: an administrator of every organization, with the [token](Self::token) that has every
    /// scope.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, MemberRole};
    ///
    /// let fake = FakeBuildkite::start();
    /// assert_eq!(fake.user().name(), "Fake User");
    /// assert_eq!(fake.existing_organization("acme").role_of(&fake.user()), Some(MemberRole::Admin));
    /// ```
    #[must_use]
    pub fn user(&self) -> UserHandle {
        UserHandle::new(self.tie(), self.home.user)
    }

    /// A user that is already there.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::builder().user("Ada", "ada@example.com").start();
    /// assert_eq!(fake.existing_user("ada@example.com").name(), "Ada");
    /// ```
    ///
    /// # Panics
    ///
    /// If nobody has this mail address; the message names those that are had.
    #[must_use]
    #[track_caller]
    pub fn existing_user(&self, email: &str) -> UserHandle {
        let found = self.driver.read(|engine| {
            let mut users = engine.users();
            let found = users.find(|(_, user)| user.email == email);
            found
                .map(|(key, _)| key)
                .ok_or_else(|| listed(engine.users().map(|(_, user)| &user.email)))
        });
        match found {
            Ok(key) => UserHandle::new(self.tie(), key),
            Err(known) => slip!("no user `{email}`; this fake has {known}"),
        }
    }

    /// A new API access token of a user, with these scopes and no others: [`UserHandle::token`], as text.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Scope};
    ///
    /// let fake = FakeBuildkite::start();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// assert!(fake.token_for(&ada, [Scope::ReadBuilds]).starts_with("bkua_"));
    /// ```
    ///
    /// # Panics
    ///
    /// If the user is one of another fake.
    #[track_caller]
    pub fn token_for(&self, user: &UserHandle, scopes: impl IntoIterator<Item = Scope>) -> String {
        self.tie().must_be(&user.tie, || user.email());
        user.token(scopes).secret()
    }

    /// A token that is already there: [`token`](Self::token), or one that was given to the builder.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.existing_token(fake.token()).revoke();
    /// let user = format!("{}user", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(user).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(answer.status(), 401);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn existing_token(&self, token: &str) -> TokenHandle {
        let found = self.driver.read(|engine| engine.token_by_secret(token));
        match found {
            Some(key) => TokenHandle {
                tie: self.tie(),
                key,
            },
            // Not with its text, which has no business in a log.
            None => slip!(
                "there is no such token: this fake has `token()`, those of the builder, and those that handles of users made"
            ),
        }
    }
}

/// A user; made by [`FakeBuildkite::add_user`]. Cheap to clone; it reads what is true now.
///
/// ```
/// let fake = fake_buildkite::FakeBuildkite::start();
/// let ada = fake.add_user("Ada", "ada@example.com");
/// assert_eq!((ada.name(), ada.email()), ("Ada".to_owned(), "ada@example.com".to_owned()));
/// assert_eq!(fake.existing_user("ada@example.com").id(), ada.id());
/// assert_eq!(fake.user().id(), fake.user_id(), "the one behind `fake.token()`");
/// ```
///
/// Source: Buildkite docs, "Organization members API".
#[derive(Clone)]
pub struct UserHandle {
    pub(super) tie: Tie,
    pub(super) key: UserKey,
}

impl UserHandle {
    pub(super) fn new(tie: Tie, key: UserKey) -> Self {
        Self { tie, key }
    }

    /// Their id: what the API calls `user_id`, and the `id` of a member.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> UserId {
        self.read(|_, user| user.id)
    }

    /// Their name.
    #[must_use]
    #[track_caller]
    pub fn name(&self) -> String {
        self.read(|_, user| user.name.clone())
    }

    /// Their mail address.
    #[must_use]
    #[track_caller]
    pub fn email(&self) -> String {
        self.read(|_, user| user.email.clone())
    }

    /// Makes an API access token of theirs, with these scopes and no others. It opens every organization they are a
    /// member of at the moment, and never expires, unless its handle is told otherwise.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Scope, days};
    ///
    /// let fake = FakeBuildkite::start();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// let token = ada.token([Scope::ReadUser]).expires_in(days(7));
    /// let ask = || {
    ///     let user = format!("{}user", fake.api_url());
    ///     reqwest::blocking::Client::new().get(user).bearer_auth(token.secret()).send().unwrap().status()
    /// };
    /// assert_eq!(ask(), 200);
    /// fake.advance(days(7));
    /// assert_eq!(ask(), 401);
    /// ```
    #[track_caller]
    pub fn token(&self, scopes: impl IntoIterator<Item = Scope>) -> TokenHandle {
        self.read(|_, _| ());
        let scopes = scopes.into_iter().collect();
        let driver = self.tie.driver();
        let key = driver.set(|engine| engine.add_token(None, self.key, scopes));
        TokenHandle {
            tie: self.tie.clone(),
            key,
        }
    }

    /// What they may do with a pipeline; `None` if they do not see it.
    ///
    /// ```
    /// use fake_buildkite::{Access, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// let team = fake.team("Platform").create();
    /// assert_eq!(ada.access_to(&app), None);
    /// team.add_member(&ada);
    /// team.add_pipeline(&app, Access::ReadOnly);
    /// assert_eq!(ada.access_to(&app), Some(Access::ReadOnly));
    /// ```
    ///
    /// # Panics
    ///
    /// If the pipeline is one of another fake.
    #[must_use]
    #[track_caller]
    pub fn access_to(&self, pipeline: &PipelineHandle) -> Option<Access> {
        self.tie.must_be(&pipeline.tie, || pipeline.slug());
        pipeline.read(|engine, _| engine.access_of(self.key, pipeline.key))
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Engine, &User) -> T) -> T {
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_user(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!("this user is gone: the fake went back to before they were there"),
        }
    }
}

/// `UserHandle(ada@example.com)`.
impl fmt::Debug for UserHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let email = self.tie.alive().and_then(|driver| {
            driver.read(|engine| Some(engine.find_user(self.key)?.email.clone()))
        });
        write!(f, "UserHandle({})", email.as_deref().unwrap_or("gone"))
    }
}

/// An API access token; made by [`UserHandle::token`]. Cheap to clone; it reads what is true now.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, Scope, days};
///
/// let fake = FakeBuildkite::start();
/// let token = fake.user().token([Scope::ReadBuilds]).expires_in(days(1));
/// assert_eq!(token.expires_at(), Some(fake.clock().now() + days(1)));
/// token.revoke(); // the program under test does this with DELETE /v2/access-token
/// assert!(token.is_revoked());
/// ```
///
/// Source: Buildkite docs, "Managing API access tokens", "Access token API".
#[derive(Clone)]
pub struct TokenHandle {
    tie: Tie,
    key: TokenKey,
}

impl TokenHandle {
    /// The token itself: what a client sends behind `Bearer`.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Scope};
    ///
    /// let fake = FakeBuildkite::start();
    /// let token = fake.user().token([Scope::ReadUser]);
    /// let user = format!("{}user", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(user).bearer_auth(token.secret()).send().unwrap();
    /// assert_eq!(answer.status(), 200);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn secret(&self) -> String {
        self.read(|_, token| token.secret.clone())
    }

    /// It is good for so long from now, on the fake's clock. Whoever comes with it at that instant or later is answered
    /// with 401.
    #[track_caller]
    #[expect(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "it does what it says; the handle is returned to go on with"
    )]
    pub fn expires_in(&self, time: Duration) -> Self {
        self.change(|engine, token| {
            let at = clock::after(engine, time);
            token.expires_at = Some(at);
        });
        self.clone()
    }

    /// It opens these organizations and no others. To those it was not granted, as to those its user is no member of,
    /// it gets 404.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Scope};
    ///
    /// let fake = FakeBuildkite::builder().organization("acme").organization("initech").start();
    /// let initech = fake.existing_organization("initech");
    /// let token = fake.user().token([Scope::ReadOrganizations]).only_for([&initech]);
    /// let ask = |slug| {
    ///     let url = format!("{}organizations/{slug}", fake.api_url());
    ///     reqwest::blocking::Client::new().get(url).bearer_auth(token.secret()).send().unwrap().status()
    /// };
    /// assert_eq!(ask("initech"), 200);
    /// assert_eq!(ask("acme"), 404);
    /// ```
    ///
    /// # Panics
    ///
    /// If one of them is of another fake.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "it does what it says; the handle is returned to go on with"
    )]
    pub fn only_for<'o>(
        &self,
        organizations: impl IntoIterator<Item = &'o OrganizationHandle>,
    ) -> Self {
        let keys: Vec<_> = organizations
            .into_iter()
            .map(|organization| {
                self.tie.must_be(&organization.tie, || organization.slug());
                organization.key()
            })
            .collect();
        self.change(|_, token| token.grants = Grants::These(keys));
        self.clone()
    }

    /// It opens nothing any more: whoever comes with it is answered with 401, for ever.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Scope};
    ///
    /// let fake = FakeBuildkite::start();
    /// let token = fake.user().token([Scope::ReadUser]);
    /// token.revoke();
    /// let user = format!("{}user", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(user).bearer_auth(token.secret()).send().unwrap();
    /// assert_eq!(answer.status(), 401);
    /// ```
    #[track_caller]
    pub fn revoke(&self) {
        self.read(|_, _| ());
        let token = self.key;
        let Ok(()) = self.tie.driver().apply(RevokeToken { token });
    }

    /// Whether somebody revoked it, the program under test or the test itself.
    #[must_use]
    #[track_caller]
    pub fn is_revoked(&self) -> bool {
        self.read(|_, token| token.revoked_at.is_some())
    }

    /// When it expires, if it ever does.
    #[must_use]
    #[track_caller]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, token| token.expires_at)
    }

    #[track_caller]
    fn change(&self, change: impl FnOnce(DateTime<Utc>, &mut Token)) {
        self.read(|_, _| ());
        self.tie.driver().set(|engine| {
            let now = engine.now();
            engine.change_token(self.key, |token| change(now, token));
        });
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Engine, &Token) -> T) -> T {
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_token(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!("this token is gone: the fake went back to before it was made"),
        }
    }
}

/// Without its secret, which has no business in a log.
impl fmt::Debug for TokenHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenHandle").finish_non_exhaustive()
    }
}
