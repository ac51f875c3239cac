//! Teams: made, changed, deleted, enabled.
//!
//! Elsewhere: who is in them and what they have (`fill_teams`), who may ask for it (`http::rest::teams`).
//! Source: Buildkite docs, "Teams API".

use std::convert::Infallible;

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::cluster::Maintainer;
use crate::engine::pipeline;
use crate::engine::team::{Team, TeamKey, TeamMember, TeamPipeline, TeamSettings};
use crate::engine::{Command, Engine};
use crate::persistent::Index;
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::{Kind, TeamId};

#[derive(Debug)]
pub(crate) struct CreateTeam {
    pub(crate) organization: OrganizationKey,
    pub(crate) settings: TeamSettings,
    pub(crate) created_by: Option<UserKey>,
}

#[derive(Debug)]
pub(crate) struct UpdateTeam {
    pub(crate) team: TeamKey,
    pub(crate) settings: TeamSettings,
}

/// Its members and pipelines stay in the organization. It maintains no cluster any more.
#[derive(Debug)]
pub(crate) struct DeleteTeam {
    pub(crate) team: TeamKey,
}

/// From now on teams decide who sees what. Without a team yet, one with all members and all pipelines is made, so that
/// everybody sees what they saw before. Nothing happens if they are enabled already.
#[derive(Debug)]
pub(crate) struct EnableTeams {
    pub(crate) organization: OrganizationKey,
    pub(crate) by: Option<UserKey>,
}

/// Why a team is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TeamRefused {
    /// The name has no letter or digit to make a slug of.
    NameInvalid,
    /// Another team of the organization is called so, or has the slug that comes of it.
    NameTaken,
}

/// The plan of the organization has no teams.
#[derive(Debug)]
pub(crate) struct NotInPlan;

impl Command for CreateTeam {
    type Output = TeamKey;
    type Refused = TeamRefused;

    fn apply(self, engine: &mut Engine) -> Result<TeamKey, TeamRefused> {
        let slug = engine.free_team_slug(self.organization, None, &self.settings.name)?;
        Ok(engine.add_team(self.organization, slug, self.settings, self.created_by))
    }
}

impl Command for UpdateTeam {
    type Output = ();
    type Refused = TeamRefused;

    /// Chosen: a team that is renamed has the slug of its new name.
    fn apply(self, engine: &mut Engine) -> Result<(), TeamRefused> {
        let organization = engine.team(self.team).organization;
        let name = &self.settings.name;
        let slug = engine.free_team_slug(organization, Some(self.team), name)?;
        let team = engine.teams.all.change(self.team);
        team.slug = slug;
        team.settings = self.settings;
        Ok(())
    }
}

impl Command for DeleteTeam {
    type Output = ();
    type Refused = Infallible;

    fn apply(self, engine: &mut Engine) -> Result<(), Infallible> {
        let Team {
            id, organization, ..
        } = *engine.team(self.team);
        engine.stop_maintaining(organization, Maintainer::Team(self.team));
        engine.teams.by_id.remove(id);
        engine.teams.all.remove(self.team);
        Ok(())
    }
}

impl Command for EnableTeams {
    type Output = ();
    type Refused = NotInPlan;

    fn apply(self, engine: &mut Engine) -> Result<(), NotInPlan> {
        if !engine.teams.are_in_plan {
            return Err(NotInPlan);
        }
        if engine.are_teams_enabled(self.organization) {
            return Ok(());
        }
        if engine.teams_of(self.organization).is_empty() {
            engine.add_everyone(self.organization, self.by);
        }
        engine.teams.enabled.insert(self.organization, ());
        Ok(())
    }
}

impl Engine {
    /// Chosen: names are unique in an organization, and so are the slugs made of them.
    fn free_team_slug(
        &self,
        organization: OrganizationKey,
        own: Option<TeamKey>,
        name: &str,
    ) -> Result<String, TeamRefused> {
        let slug = pipeline::slug_of(name).ok_or(TeamRefused::NameInvalid)?;
        match self.team_by_slug(organization, &slug) {
            Some(other) if Some(other) != own => Err(TeamRefused::NameTaken),
            Some(_) | None => Ok(slug),
        }
    }

    fn add_team(
        &mut self,
        organization: OrganizationKey,
        slug: String,
        settings: TeamSettings,
        created_by: Option<UserKey>,
    ) -> TeamKey {
        let key = self.teams.all.next_key();
        let id = TeamId(self.mint(Kind::Team, key));
        self.teams.all.push(Team {
            id,
            organization,
            slug,
            settings,
            created_at: self.now,
            created_by,
            members: Index::new(),
            pipelines: Index::new(),
        });
        self.teams.by_id.insert(id, key);
        key
    }

    fn add_everyone(&mut self, organization: OrganizationKey, by: Option<UserKey>) {
        let settings = TeamSettings::everyone();
        let slug = pipeline::slug_of(&settings.name).expect("a name of letters");
        let key = self.add_team(organization, slug, settings, by);
        let created_at = self.now;
        let of = self.organizations.get(organization);
        let team = self.teams.all.change(key);
        let role = team.settings.default_member_role;
        for user in of.members.keys() {
            team.members.insert(*user, TeamMember { role, created_at });
        }
        for pipeline in of.pipelines.iter() {
            let access = Access::ManageBuildAndRead;
            team.pipelines
                .insert(*pipeline, TeamPipeline { access, created_at });
        }
    }
}
