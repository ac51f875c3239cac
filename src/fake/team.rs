//! Teams in the hands of a test.

use std::fmt;

use crate::engine::Engine;
use crate::engine::commands::{
    AddTeamMember, AddTeamPipeline, CreateTeam, DeleteTeam, EnableTeams, NotAdded, NotInTeam,
    RemoveTeamMember, RemoveTeamPipeline, TeamRefused, UpdateTeamMember, UpdateTeamPipeline,
};
use crate::engine::team::{Team, TeamKey, TeamSettings};
use crate::fake::choices::{listed, owner};
use crate::fake::{FakeBuildkite, Home, PipelineHandle, Tie, UserHandle};
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::TeamId;
use crate::vocabulary::role::{TeamPrivacy, TeamRole};
use crate::vocabulary::slip::{slip, slip_unless};

/// A team to be; see [`FakeBuildkite::team`].
///
/// ```
/// use fake_buildkite::{FakeBuildkite, TeamPrivacy};
///
/// let fake = FakeBuildkite::start();
/// let ops = fake
///     .team("Operations")
///     .description("Whoever is on call")
///     .secret()
///     .members_can_create_pipelines()
///     .create();
/// assert_eq!((ops.slug(), ops.privacy()), ("operations".to_owned(), TeamPrivacy::Secret));
/// ```
///
/// Source: Buildkite docs, "Teams API", section "Create a team".
#[derive(Debug, Clone)]
#[must_use = "the team is made by `create`"]
pub struct TeamBuilder {
    tie: Tie,
    home: Home,
    settings: TeamSettings,
}

impl FakeBuildkite {
    /// Begins a new team; `create` makes it. The slug is derived from the name.
    ///
    /// From the first team a test makes, teams decide who sees what: an administrator, as the [user](Self::user) of the
    /// fake, still everything, everybody else the pipelines of their teams. In a new pipeline nobody is until it is
    /// [added](TeamHandle::add_pipeline) to a team. To go on with a team that has everybody and everything in it,
    /// [enable](Self::enable_teams) teams before.
    ///
    /// ```
    /// use fake_buildkite::{Access, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// let platform = fake.team("Platform").create();
    /// platform.add_member(&ada);
    /// platform.add_pipeline(&app, Access::BuildAndRead);
    /// assert_eq!(platform.slug(), "platform");
    /// assert_eq!(ada.access_to(&app), Some(Access::BuildAndRead));
    /// ```
    pub fn team(&self, name: impl Into<String>) -> TeamBuilder {
        TeamBuilder::new(self.tie(), self.home, name.into())
    }

    /// A team that is already there, perhaps because the program under test made it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.enable_teams(); // the program under test may have done this
    /// assert_eq!(fake.existing_team("everyone").name(), "Everyone");
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none with this slug; the message names those that are.
    #[must_use]
    #[track_caller]
    pub fn existing_team(&self, slug: &str) -> TeamHandle {
        TeamHandle::find(&self.tie(), self.home, slug)
    }
}

impl TeamBuilder {
    pub(super) fn new(tie: Tie, home: Home, name: String) -> Self {
        Self {
            tie,
            home,
            settings: TeamSettings::named(name),
        }
    }

    /// Its description.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.settings.description = text.into();
        self
    }

    /// Its members see it, and administrators; nobody else.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// fake.team("Operations").secret().create();
    /// let token = ada.token([fake_buildkite::Scope::ReadTeams]);
    /// let url = format!("{}organizations/acme/teams", fake.api_url());
    /// let list = reqwest::blocking::Client::new().get(url).bearer_auth(token.secret()).send().unwrap();
    /// assert_eq!(list.text().unwrap().trim(), "[]");
    /// ```
    pub fn secret(mut self) -> Self {
        self.settings.privacy = TeamPrivacy::Secret;
        self
    }

    /// Whoever becomes a member of the organization from now on joins it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let all = fake.team("All").default_team().create();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// assert!(all.role_of(&ada).is_some());
    /// ```
    pub fn default_team(mut self) -> Self {
        self.settings.is_default = true;
        self
    }

    /// What new members are, if nobody says otherwise: [`TeamRole::Member`] unless this does.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, MemberRole, TeamRole};
    ///
    /// let fake = FakeBuildkite::start();
    /// let everyone = fake.team("Everyone").default_team().default_member_role(TeamRole::Maintainer).create();
    /// let ada = fake.add_user("Ada", "ada@example.com"); // a new member joins the default teams
    /// assert_eq!(everyone.role_of(&ada), Some(TeamRole::Maintainer));
    /// ```
    pub fn default_member_role(mut self, role: TeamRole) -> Self {
        self.settings.default_member_role = role;
        self
    }

    /// Its members may make pipelines that belong to it. Its maintainers may in any case.
    pub fn members_can_create_pipelines(mut self) -> Self {
        self.settings.members_can_create_pipelines = true;
        self
    }

    /// Makes the team, and enables teams in its organization.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let platform = fake.team("Platform").create();
    /// assert!(platform.members().is_empty() && platform.pipelines().is_empty());
    /// assert!(fake.existing_organization("acme").are_teams_enabled());
    /// ```
    ///
    /// # Panics
    ///
    /// If there is a team with this name already, or no slug can be made of it, or the plan has
    /// [no teams](crate::FakeBuildkiteBuilder::plan_without_teams).
    #[track_caller]
    pub fn create(self) -> TeamHandle {
        let name = self.settings.name.clone();
        let organization = self.home.organization;
        let by = Some(self.home.user);
        let driver = self.tie.driver();
        slip_unless!(
            driver.read(Engine::are_teams_in_plan),
            "the plan has no teams: the builder said `plan_without_teams`"
        );
        let created = driver.apply(CreateTeam {
            organization,
            settings: self.settings,
            created_by: by,
        });
        let key = match created {
            Ok(key) => key,
            Err(TeamRefused::NameInvalid) => slip!("no slug can be made of the name `{name}`"),
            Err(TeamRefused::NameTaken) => {
                slip!("the slug of team `{name}` is taken by a team that is there already")
            }
        };
        // There is a team now, so none is made for everybody.
        let enabled = driver.apply(EnableTeams { organization, by });
        enabled.expect("teams are in the plan");
        TeamHandle::new(self.tie, self.home, key)
    }
}

/// A team; made by [`FakeBuildkite::team`]. Cheap to clone; it reads what is true now.
///
/// ```
/// use fake_buildkite::{Access, FakeBuildkite, TeamPrivacy, TeamRole};
///
/// let fake = FakeBuildkite::start();
/// let (app, ada) = (fake.pipeline("app").create(), fake.add_user("Ada", "ada@example.com"));
/// let team = fake.team("Platform").create();
/// team.add_maintainer(&ada);
/// team.add_pipeline(&app, Access::BuildAndRead);
/// assert_eq!((team.members().len(), team.role_of(&ada)), (1, Some(TeamRole::Maintainer)));
/// assert_eq!((team.pipelines().len(), team.access_to(&app)), (1, Some(Access::BuildAndRead)));
/// team.remove_pipeline(&app);
/// team.remove_member(&ada);
/// assert_eq!(ada.access_to(&app), None);
///
/// let ops = fake.team("Operations").description("Whoever is on call").secret().create();
/// assert_eq!((ops.name(), ops.slug()), ("Operations".to_owned(), "operations".to_owned()));
/// assert_eq!((ops.description(), ops.privacy()), ("Whoever is on call".to_owned(), TeamPrivacy::Secret));
/// assert_eq!(ops.id(), fake.existing_team("operations").id());
/// ```
///
/// Source: Buildkite docs, "Teams API", "Team members API", "Team pipelines API".
#[derive(Clone)]
pub struct TeamHandle {
    pub(super) tie: Tie,
    home: Home,
    pub(super) key: TeamKey,
}

impl TeamHandle {
    pub(super) fn new(tie: Tie, home: Home, key: TeamKey) -> Self {
        Self { tie, home, key }
    }

    #[track_caller]
    pub(super) fn find(tie: &Tie, home: Home, slug: &str) -> Self {
        let found = tie.driver().read(|engine| {
            let found = engine.team_by_slug(home.organization, slug);
            found.ok_or_else(|| {
                let teams = engine.teams_of(home.organization).into_iter();
                let known = listed(teams.map(|key| &engine.team(key).slug));
                (owner(engine, home.organization), known)
            })
        });
        match found {
            Ok(key) => Self::new(tie.clone(), home, key),
            Err((owner, known)) => slip!("no team `{slug}`; {owner} has {known}"),
        }
    }

    /// Its id: its address in the REST API, and what names it when a pipeline is made.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> TeamId {
        self.read(|_, team| team.id)
    }

    /// Its name.
    #[must_use]
    #[track_caller]
    pub fn name(&self) -> String {
        self.read(|_, team| team.settings.name.clone())
    }

    /// Its slug.
    #[must_use]
    #[track_caller]
    pub fn slug(&self) -> String {
        self.read(|_, team| team.slug.clone())
    }

    /// Its description; empty for none.
    #[must_use]
    #[track_caller]
    pub fn description(&self) -> String {
        self.read(|_, team| team.settings.description.clone())
    }

    /// Who sees it.
    #[must_use]
    #[track_caller]
    pub fn privacy(&self) -> TeamPrivacy {
        self.read(|_, team| team.settings.privacy)
    }

    // --- Who is in it ------------------------------------------------------------------------------------------------

    /// Its members, in the order in which they were made.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let team = fake.team("Platform").create();
    /// team.add_member(&fake.add_user("Ada", "ada@example.com"));
    /// team.add_member(&fake.add_user("Bo", "bo@example.com"));
    /// let names: Vec<_> = team.members().iter().map(|member| member.name()).collect();
    /// assert_eq!(names, ["Ada", "Bo"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn members(&self) -> Vec<UserHandle> {
        let keys: Vec<_> = self.read(|_, team| team.members.keys().copied().collect());
        keys.into_iter()
            .map(|key| UserHandle::new(self.tie.clone(), key))
            .collect()
    }

    /// A member of the organization joins it, as what new members of it are.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, TeamRole};
    ///
    /// let fake = FakeBuildkite::start();
    /// let (ada, team) = (fake.add_user("Ada", "ada@example.com"), fake.team("Platform").create());
    /// team.add_member(&ada);
    /// assert_eq!(team.role_of(&ada), Some(TeamRole::Member));
    /// ```
    ///
    /// # Panics
    ///
    /// If they are in it already, or no member of the organization.
    #[track_caller]
    pub fn add_member(&self, user: &UserHandle) {
        self.add(user, None);
    }

    /// A member of the organization joins it as a maintainer, or becomes one.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, TeamRole};
    ///
    /// let fake = FakeBuildkite::start();
    /// let (ada, team) = (fake.add_user("Ada", "ada@example.com"), fake.team("Platform").create());
    /// team.add_member(&ada);
    /// team.add_maintainer(&ada); // she becomes one
    /// assert_eq!((team.members().len(), team.role_of(&ada)), (1, Some(TeamRole::Maintainer)));
    /// ```
    ///
    /// # Panics
    ///
    /// If they are no member of the organization.
    #[track_caller]
    pub fn add_maintainer(&self, user: &UserHandle) {
        if self.role_of(user).is_none() {
            self.add(user, Some(TeamRole::Maintainer));
            return;
        }
        let changed = self.tie.driver().apply(UpdateTeamMember {
            team: self.key,
            user: user.key,
            role: TeamRole::Maintainer,
        });
        if let Err(NotInTeam) = changed {
            self.refuse_absent(&user.email())
        }
    }

    /// A member leaves it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let (ada, team) = (fake.add_user("Ada", "ada@example.com"), fake.team("Platform").create());
    /// team.add_member(&ada);
    /// team.remove_member(&ada);
    /// assert_eq!(team.role_of(&ada), None);
    /// ```
    ///
    /// # Panics
    ///
    /// If they are not in it.
    #[track_caller]
    pub fn remove_member(&self, user: &UserHandle) {
        self.must_be_there(user);
        let removed = self.tie.driver().apply(RemoveTeamMember {
            team: self.key,
            user: user.key,
        });
        if let Err(NotInTeam) = removed {
            self.refuse_absent(&user.email())
        }
    }

    /// What a user is in it; `None` if they are not.
    #[must_use]
    #[track_caller]
    pub fn role_of(&self, user: &UserHandle) -> Option<TeamRole> {
        self.must_be_there(user);
        self.read(|_, team| Some(team.members.get(&user.key)?.role))
    }

    // --- What it has -------------------------------------------------------------------------------------------------

    /// Its pipelines, in the order in which they were made.
    ///
    /// ```
    /// use fake_buildkite::{Access, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let team = fake.team("Platform").create();
    /// team.add_pipeline(&fake.pipeline("app").create(), Access::ReadOnly);
    /// assert_eq!(team.pipelines()[0].slug(), "app");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn pipelines(&self) -> Vec<PipelineHandle> {
        let keys: Vec<_> = self.read(|_, team| team.pipelines.keys().copied().collect());
        keys.into_iter()
            .map(|key| PipelineHandle {
                tie: self.tie.clone(),
                home: self.home,
                key,
            })
            .collect()
    }

    /// Its members may do this with a pipeline from now on; one that it has already changes.
    ///
    /// ```
    /// use fake_buildkite::{Access, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let (app, team) = (fake.pipeline("app").create(), fake.team("Platform").create());
    /// team.add_pipeline(&app, Access::ReadOnly);
    /// team.add_pipeline(&app, Access::BuildAndRead); // it has it already: its access changes
    /// assert_eq!(team.access_to(&app), Some(Access::BuildAndRead));
    /// ```
    ///
    /// # Panics
    ///
    /// If the pipeline is of another organization.
    #[track_caller]
    pub fn add_pipeline(&self, pipeline: &PipelineHandle, access: Access) {
        let has_it = self.access_to(pipeline).is_some();
        let (driver, team, pipeline_key) = (self.tie.driver(), self.key, pipeline.key);
        let done = if has_it {
            let changed = driver.apply(UpdateTeamPipeline {
                team,
                pipeline: pipeline_key,
                access,
            });
            changed.map_err(|NotInTeam| NotAdded::Elsewhere)
        } else {
            driver.apply(AddTeamPipeline {
                team,
                pipeline: pipeline_key,
                access,
            })
        };
        slip_unless!(
            done.is_ok(),
            "pipeline `{}` is of another organization than team `{}`",
            pipeline.slug(),
            self.name()
        );
    }

    /// It has a pipeline no more.
    ///
    /// ```
    /// use fake_buildkite::{Access, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let (app, team) = (fake.pipeline("app").create(), fake.team("Platform").create());
    /// team.add_pipeline(&app, Access::ReadOnly);
    /// team.remove_pipeline(&app);
    /// assert_eq!(team.access_to(&app), None);
    /// ```
    ///
    /// # Panics
    ///
    /// If it had it not.
    #[track_caller]
    pub fn remove_pipeline(&self, pipeline: &PipelineHandle) {
        let _ = self.access_to(pipeline);
        let removed = self.tie.driver().apply(RemoveTeamPipeline {
            team: self.key,
            pipeline: pipeline.key,
        });
        if let Err(NotInTeam) = removed {
            self.refuse_absent(&pipeline.slug())
        }
    }

    /// What its members may do with a pipeline because of it; `None` if it has it not.
    ///
    /// # Panics
    ///
    /// If the pipeline is one of another fake.
    #[must_use]
    #[track_caller]
    pub fn access_to(&self, pipeline: &PipelineHandle) -> Option<Access> {
        self.tie.must_be(&pipeline.tie, || pipeline.slug());
        pipeline.read(|_, _| ());
        self.read(|_, team| Some(team.pipelines.get(&pipeline.key)?.access))
    }

    /// Deletes it. Its members and pipelines stay; this handle leads nowhere then.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let acme = fake.existing_organization("acme");
    /// fake.team("Platform").create().delete();
    /// assert!(acme.teams().is_empty());
    /// ```
    #[track_caller]
    pub fn delete(&self) {
        self.read(|_, _| ());
        let team = self.key;
        let Ok(()) = self.tie.driver().apply(DeleteTeam { team });
    }

    #[track_caller]
    fn add(&self, user: &UserHandle, role: Option<TeamRole>) {
        self.must_be_there(user);
        let added = self.tie.driver().apply(AddTeamMember {
            team: self.key,
            user: user.key,
            role,
        });
        let (email, name) = (user.email(), self.name());
        match added {
            Ok(()) => {}
            Err(NotAdded::Already) => slip!("`{email}` is in team `{name}` already"),
            Err(NotAdded::Elsewhere) => {
                slip!("`{email}` is no member of the organization of team `{name}`")
            }
        }
    }

    /// That the team and the user are there, and of one fake.
    #[track_caller]
    fn must_be_there(&self, user: &UserHandle) {
        self.tie.must_be(&user.tie, || user.email());
        self.read(|_, _| ());
    }

    #[track_caller]
    fn refuse_absent(&self, what: &str) -> ! {
        let (members, pipelines) = (self.members(), self.pipelines());
        let members = members.iter().map(UserHandle::email);
        let known = listed(members.chain(pipelines.iter().map(PipelineHandle::slug)));
        slip!("`{what}` is not in team `{}`; it has {known}", self.name())
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Engine, &Team) -> T) -> T {
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_team(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!(
                "this team is gone: it was deleted, or the fake went back to before it was made"
            ),
        }
    }
}

/// `TeamHandle(platform)`.
impl fmt::Debug for TeamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slug = self.tie.alive().and_then(|driver| {
            driver.read(|engine| Some(engine.find_team(self.key)?.slug.clone()))
        });
        write!(f, "TeamHandle({})", slug.as_deref().unwrap_or("gone"))
    }
}
