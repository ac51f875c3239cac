//! Organizations in the hands of a test.

use std::fmt;
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::account::{Emoji, Organization, OrganizationKey};
use crate::engine::commands::{
    AddMember, EnableTeams, MemberRefused, NotInPlan, RemoveMember, UpdateMember,
};
use crate::fake::builder::name_of;
use crate::fake::choices::listed;
use crate::fake::{
    ClusterBuilder, ClusterHandle, FakeBuildkite, Home, PipelineBuilder, PipelineHandle,
    TeamBuilder, TeamHandle, Tie, UserHandle, WebhookBuilder,
};
use crate::vocabulary::role::{MemberRole, SsoMode};
use crate::vocabulary::slip::{slip, slip_unless};

impl FakeBuildkite {
    /// Makes another organization, with the [user](Self::user) of the fake as its administrator.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// let build = initech.pipeline("reports").create_build();
    /// assert_eq!(build.web_url(), format!("{}/initech/reports/builds/1", fake.url()));
    /// ```
    ///
    /// # Panics
    ///
    /// If there is one with this slug, or it is no slug: letters, digits and hyphens.
    #[track_caller]
    pub fn add_organization(&self, slug: &str) -> OrganizationHandle {
        let is_taken = self
            .driver
            .read(|engine| engine.organization_by_slug(slug).is_some());
        slip_unless!(!is_taken, "there is an organization `{slug}` already");
        slip_unless!(
            crate::engine::pipeline::is_slug(slug),
            "`{slug}` is no slug of an organization: letters, digits and hyphens"
        );
        let name = name_of(slug);
        let key = self
            .driver
            .set(|engine| engine.add_organization(slug, &name));
        let added = self.driver.apply(AddMember {
            organization: key,
            user: self.home.user,
            role: MemberRole::Admin,
        });
        added.expect("a new organization has no members yet");
        OrganizationHandle::new(self.tie(), self.home, key)
    }

    /// An organization that is already there: [the first](Self::organization), or another one of the builder's.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::builder().organization("acme").organization("initech").start();
    /// let reports = fake.existing_organization("initech").pipeline("reports").create();
    /// assert_eq!(reports.create_build().number(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none with this slug; the message names those that are.
    #[must_use]
    #[track_caller]
    pub fn existing_organization(&self, slug: &str) -> OrganizationHandle {
        let found = self.driver.read(|engine| {
            let found = engine.organization_by_slug(slug);
            found.ok_or_else(|| listed(engine.organizations().map(|(_, one)| &one.slug)))
        });
        match found {
            Ok(key) => OrganizationHandle::new(self.tie(), self.home, key),
            Err(known) => slip!("no organization `{slug}`; this fake has {known}"),
        }
    }

    /// Lets teams decide who sees what in the [organization](Self::organization) that everything belongs to: see
    /// [`OrganizationHandle::enable_teams`].
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// fake.enable_teams();
    /// assert_eq!(fake.existing_team("everyone").pipelines()[0].id(), app.id());
    /// ```
    ///
    /// # Panics
    ///
    /// If the plan has [no teams](crate::FakeBuildkiteBuilder::plan_without_teams).
    #[track_caller]
    pub fn enable_teams(&self) {
        OrganizationHandle::new(self.tie(), self.home, self.home.organization).enable_teams();
    }
}

/// An organization; see [`FakeBuildkite::existing_organization`]. Cheap to clone; it reads what is true now.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, MemberRole};
///
/// let fake = FakeBuildkite::start();
/// let ada = fake.add_user("Ada", "ada@example.com");
/// let acme = fake.existing_organization("acme");
/// assert_eq!((acme.name(), acme.members().len()), ("Acme".to_owned(), 2)); // she, and the user of the fake
/// acme.set_role(&ada, MemberRole::Admin);
/// assert_eq!(acme.role_of(&ada), Some(MemberRole::Admin));
/// acme.remove_member(&ada);
/// assert_eq!(acme.role_of(&ada), None);
/// assert!(!acme.are_teams_enabled() && acme.teams().is_empty());
/// assert_eq!((acme.slug(), fake.organization()), ("acme".to_owned(), "acme".to_owned()));
/// ```
///
/// Source: Buildkite docs, "Organizations API", "Organization members API".
#[derive(Clone)]
pub struct OrganizationHandle {
    pub(super) tie: Tie,
    home: Home,
}

impl OrganizationHandle {
    pub(super) fn new(tie: Tie, home: Home, key: OrganizationKey) -> Self {
        let home = Home {
            organization: key,
            ..home
        };
        Self { tie, home }
    }

    pub(super) fn key(&self) -> OrganizationKey {
        self.home.organization
    }

    /// Its slug.
    #[must_use]
    #[track_caller]
    pub fn slug(&self) -> String {
        self.read(|_, organization| organization.slug.to_string())
    }

    /// Its name.
    #[must_use]
    #[track_caller]
    pub fn name(&self) -> String {
        self.read(|_, organization| organization.name.clone())
    }

    // --- What it has -------------------------------------------------------------------------------------------------

    /// Begins a new pipeline of it, as [`FakeBuildkite::pipeline`] does.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// let reports = initech.pipeline("reports").create();
    /// assert_eq!(reports.web_url(), format!("{}/initech/reports", fake.url()));
    /// ```
    #[track_caller]
    pub fn pipeline(&self, name: impl Into<String>) -> PipelineBuilder {
        self.read(|_, _| ());
        PipelineBuilder::new(self.tie.clone(), self.home, name.into())
    }

    /// A pipeline of it that is already there.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// let reports = initech.pipeline("reports").create();
    /// assert_eq!(initech.existing_pipeline("reports").id(), reports.id());
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none with this slug; the message names those that are.
    #[must_use]
    #[track_caller]
    pub fn existing_pipeline(&self, slug: &str) -> PipelineHandle {
        PipelineHandle::find(&self.tie, self.home, slug)
    }

    /// Begins a new cluster of it, as [`FakeBuildkite::cluster`] does.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// let linux = initech.cluster("Linux").queue("deploy").create();
    /// let reports = initech.pipeline("reports").cluster(&linux).create();
    /// assert_eq!(reports.cluster().unwrap().queues().len(), 2);
    /// assert!(fake.clusters().is_empty(), "acme has none");
    /// ```
    #[track_caller]
    pub fn cluster(&self, name: impl Into<Arc<str>>) -> ClusterBuilder {
        self.read(|_, _| ());
        ClusterBuilder::new(self.tie.clone(), self.home, name.into())
    }

    /// A cluster of it that is already there.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// let linux = initech.cluster("Linux").create();
    /// assert_eq!(initech.existing_cluster("Linux").id(), linux.id());
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none of this name; the message names those that are.
    #[must_use]
    #[track_caller]
    pub fn existing_cluster(&self, name: &str) -> ClusterHandle {
        ClusterHandle::find(&self.tie, self.home, name)
    }

    /// Its clusters, oldest first, whoever made them.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// initech.cluster("Linux").create();
    /// assert_eq!(initech.clusters()[0].id(), initech.existing_cluster("Linux").id());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn clusters(&self) -> Vec<ClusterHandle> {
        self.read(|_, _| ());
        ClusterHandle::all(&self.tie, self.home)
    }

    /// Begins a new team of it, as [`FakeBuildkite::team`] does.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// initech.team("Platform").create();
    /// assert!(initech.are_teams_enabled() && !fake.existing_organization("acme").are_teams_enabled());
    /// ```
    #[track_caller]
    pub fn team(&self, name: impl Into<String>) -> TeamBuilder {
        self.read(|_, _| ());
        TeamBuilder::new(self.tie.clone(), self.home, name.into())
    }

    /// A team of it that is already there.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// initech.team("Platform").create();
    /// assert_eq!(initech.existing_team("platform").name(), "Platform");
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none with this slug; the message names those that are.
    #[must_use]
    #[track_caller]
    pub fn existing_team(&self, slug: &str) -> TeamHandle {
        TeamHandle::find(&self.tie, self.home, slug)
    }

    /// Its teams, oldest first, whoever made them.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let acme = fake.existing_organization("acme");
    /// acme.team("Platform").create();
    /// acme.team("Web").create();
    /// let slugs: Vec<_> = acme.teams().iter().map(|team| team.slug()).collect();
    /// assert_eq!(slugs, ["platform", "web"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn teams(&self) -> Vec<TeamHandle> {
        let keys = self.read(|engine, _| engine.teams_of(self.home.organization));
        keys.into_iter()
            .map(|key| TeamHandle::new(self.tie.clone(), self.home, key))
            .collect()
    }

    /// Lets teams decide who sees what, as the endpoint does: without a team yet, one that is called Everyone is made,
    /// with every member and every pipeline. Nothing happens if they are enabled already.
    ///
    /// ```
    /// use fake_buildkite::{Access, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// let (old, acme) = (fake.pipeline("old").create(), fake.existing_organization("acme"));
    /// acme.enable_teams();
    /// let new = fake.pipeline("new").create();
    /// assert_eq!(ada.access_to(&old), Some(Access::ManageBuildAndRead));
    /// assert_eq!(ada.access_to(&new), None, "no team has it yet");
    /// acme.existing_team("everyone").add_pipeline(&new, Access::ReadOnly);
    /// assert_eq!(ada.access_to(&new), Some(Access::ReadOnly));
    /// ```
    ///
    /// # Panics
    ///
    /// If the plan has [no teams](crate::FakeBuildkiteBuilder::plan_without_teams).
    #[track_caller]
    pub fn enable_teams(&self) {
        self.read(|_, _| ());
        let enabled = self.tie.driver().apply(EnableTeams {
            organization: self.home.organization,
            by: Some(self.home.user),
        });
        if let Err(NotInPlan) = enabled {
            slip!("the plan has no teams: the builder said `plan_without_teams`")
        }
    }

    /// Whether teams decide who sees what in it.
    #[must_use]
    #[track_caller]
    pub fn are_teams_enabled(&self) -> bool {
        self.read(|engine, _| engine.are_teams_enabled(self.home.organization))
    }

    /// Begins a webhook of it, as [`FakeBuildkite::webhook`] does.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, WebhookEvent, WebhookReceiver};
    ///
    /// let fake = FakeBuildkite::start();
    /// let initech = fake.add_organization("initech");
    /// let receiver = WebhookReceiver::start();
    /// initech.webhook(receiver.url()).events([WebhookEvent::BuildScheduled]).create();
    /// fake.pipeline("app").create_build(); // of acme
    /// initech.pipeline("reports").create_build();
    /// fake.settled().blocking();
    /// let told: Vec<_> = receiver.received().iter().map(|one| one.json()["pipeline"]["slug"].clone()).collect();
    /// assert_eq!(told, ["reports"]);
    /// ```
    #[track_caller]
    pub fn webhook(&self, url: impl Into<String>) -> WebhookBuilder {
        self.read(|_, _| ());
        WebhookBuilder::new(self.tie.clone(), self.home, url.into())
    }

    /// One more emoji of its own, with other names for it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let acme = fake.existing_organization("acme");
    /// acme.add_emoji("parrot", "https://example.com/parrot.gif", ["party"]);
    /// let url = format!("{}organizations/acme/emojis", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// let last = r#"{"name":"parrot","url":"https://example.com/parrot.gif","aliases":["party"]}]"#;
    /// assert!(answer.text().unwrap().trim_end().ends_with(last));
    /// ```
    #[track_caller]
    pub fn add_emoji<'a>(
        &self,
        name: impl Into<String>,
        url: impl Into<String>,
        aliases: impl IntoIterator<Item = &'a str>,
    ) {
        self.read(|_, _| ());
        let emoji = Emoji {
            name: name.into(),
            url: url.into(),
            aliases: aliases.into_iter().map(str::to_owned).collect(),
        };
        let organization = self.home.organization;
        self.tie
            .driver()
            .set(|engine| engine.add_emoji(organization, emoji));
    }

    // --- Who is in it ------------------------------------------------------------------------------------------------

    /// Its members, in the order in which they were made.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.add_user("Ada", "ada@example.com");
    /// let acme = fake.existing_organization("acme");
    /// let names: Vec<_> = acme.members().iter().map(|member| member.name()).collect();
    /// assert_eq!(names, ["Fake User", "Ada"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn members(&self) -> Vec<UserHandle> {
        let keys: Vec<_> =
            self.read(|_, organization| organization.members.keys().copied().collect());
        keys.into_iter()
            .map(|key| UserHandle::new(self.tie.clone(), key))
            .collect()
    }

    /// A user becomes a member, and joins its default teams.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, MemberRole};
    ///
    /// let fake = FakeBuildkite::start();
    /// let ada = fake.add_user("Ada", "ada@example.com"); // a member of acme
    /// let initech = fake.add_organization("initech");
    /// initech.add_member(&ada, MemberRole::Admin);
    /// assert_eq!(initech.role_of(&ada), Some(MemberRole::Admin));
    /// ```
    ///
    /// # Panics
    ///
    /// If they are one already.
    #[track_caller]
    pub fn add_member(&self, user: &UserHandle, role: MemberRole) {
        let name = self.named(user);
        let added = self.tie.driver().apply(AddMember {
            organization: self.home.organization,
            user: user.key,
            role,
        });
        if let Err(refused) = added {
            self.refuse(&name, refused)
        }
    }

    /// A member leaves it and its teams, as when an administrator removes them. Their tokens open it no more.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let (ada, acme) = (fake.add_user("Ada", "ada@example.com"), fake.existing_organization("acme"));
    /// let token = ada.token([fake_buildkite::Scope::ReadOrganizations]);
    /// acme.remove_member(&ada);
    /// let url = format!("{}organizations/acme", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(token.secret()).send().unwrap();
    /// assert_eq!(answer.status(), 404);
    /// ```
    ///
    /// # Panics
    ///
    /// If they are no member, or the last administrator.
    #[track_caller]
    pub fn remove_member(&self, user: &UserHandle) {
        let name = self.named(user);
        let removed = self.tie.driver().apply(RemoveMember {
            organization: self.home.organization,
            user: user.key,
        });
        if let Err(refused) = removed {
            self.refuse(&name, refused)
        }
    }

    /// A member becomes an administrator, or is one no more.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, MemberRole};
    ///
    /// let fake = FakeBuildkite::start();
    /// let (ada, acme) = (fake.add_user("Ada", "ada@example.com"), fake.existing_organization("acme"));
    /// acme.set_role(&ada, MemberRole::Admin);
    /// acme.set_role(&fake.user(), MemberRole::Member);
    /// assert_eq!(acme.role_of(&fake.user()), Some(MemberRole::Member));
    /// ```
    ///
    /// # Panics
    ///
    /// If they are no member, or were the last administrator.
    #[track_caller]
    pub fn set_role(&self, user: &UserHandle, role: MemberRole) {
        let name = self.named(user);
        let changed = self.tie.driver().apply(UpdateMember {
            organization: self.home.organization,
            user: user.key,
            role: Some(role),
            sso_mode: None,
        });
        if let Err(refused) = changed {
            self.refuse(&name, refused)
        }
    }

    /// What a user is in it; `None` if they are no member.
    #[must_use]
    #[track_caller]
    pub fn role_of(&self, user: &UserHandle) -> Option<MemberRole> {
        self.named(user);
        let key = self.home.organization;
        self.read(|engine, _| Some(engine.membership(key, user.key)?.role))
    }

    /// Whether a member has to sign in by single sign-on; `None` if they are no member.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, SsoMode};
    ///
    /// let fake = FakeBuildkite::start();
    /// let (ada, acme) = (fake.add_user("Ada", "ada@example.com"), fake.existing_organization("acme"));
    /// let url = format!("{}organizations/acme/members/{}", fake.api_url(), ada.id());
    /// let change = reqwest::blocking::Client::new().patch(url).bearer_auth(fake.token());
    /// change.body(r#"{"sso_mode": "optional"}"#).send().unwrap();
    /// assert_eq!(acme.sso_mode_of(&ada), Some(SsoMode::Optional));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn sso_mode_of(&self, user: &UserHandle) -> Option<SsoMode> {
        self.named(user);
        let key = self.home.organization;
        self.read(|engine, _| Some(engine.membership(key, user.key)?.sso_mode))
    }

    /// The mail address of a user, who is one of this fake's.
    #[track_caller]
    fn named(&self, user: &UserHandle) -> String {
        self.tie.must_be(&user.tie, || user.email());
        user.email()
    }

    #[track_caller]
    fn refuse(&self, user: &str, refused: MemberRefused) -> ! {
        let slug = self.slug();
        match refused {
            MemberRefused::Already => {
                slip!("`{user}` is a member of organization `{slug}` already")
            }
            MemberRefused::NoMember => {
                let known = listed(self.members().iter().map(UserHandle::email));
                slip!("`{user}` is no member of organization `{slug}`; it has {known}")
            }
            MemberRefused::LastAdministrator => {
                slip!(
                    "`{user}` is the last administrator of organization `{slug}`, which keeps one"
                )
            }
        }
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Engine, &Organization) -> T) -> T {
        let key = self.home.organization;
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_organization(key)?)));
        match found {
            Some(found) => found,
            None => slip!("this organization is gone: the fake went back to before it was made"),
        }
    }
}

/// `OrganizationHandle(acme)`.
impl fmt::Debug for OrganizationHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.home.organization;
        let slug = self.tie.alive().and_then(|driver| {
            driver.read(|engine| Some(engine.find_organization(key)?.slug.to_string()))
        });
        write!(
            f,
            "OrganizationHandle({})",
            slug.as_deref().unwrap_or("gone")
        )
    }
}
