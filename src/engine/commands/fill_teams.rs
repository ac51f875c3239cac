//! Who is in a team, and which pipelines it has.
//!
//! Elsewhere: the teams themselves (`change_teams`), who may ask for it (`http::rest::teams`).
//! Source: Buildkite docs, "Team members API", "Team pipelines API".

use crate::engine::account::UserKey;
use crate::engine::pipeline::PipelineKey;
use crate::engine::team::{TeamKey, TeamMember, TeamPipeline};
use crate::engine::{Command, Engine};
use crate::vocabulary::access::Access;
use crate::vocabulary::role::TeamRole;

#[derive(Debug)]
pub(crate) struct AddTeamMember {
    pub(crate) team: TeamKey,
    pub(crate) user: UserKey,
    /// What the team's new members are, if absent.
    pub(crate) role: Option<TeamRole>,
}

#[derive(Debug)]
pub(crate) struct UpdateTeamMember {
    pub(crate) team: TeamKey,
    pub(crate) user: UserKey,
    pub(crate) role: TeamRole,
}

#[derive(Debug)]
pub(crate) struct RemoveTeamMember {
    pub(crate) team: TeamKey,
    pub(crate) user: UserKey,
}

#[derive(Debug)]
pub(crate) struct AddTeamPipeline {
    pub(crate) team: TeamKey,
    pub(crate) pipeline: PipelineKey,
    pub(crate) access: Access,
}

#[derive(Debug)]
pub(crate) struct UpdateTeamPipeline {
    pub(crate) team: TeamKey,
    pub(crate) pipeline: PipelineKey,
    pub(crate) access: Access,
}

#[derive(Debug)]
pub(crate) struct RemoveTeamPipeline {
    pub(crate) team: TeamKey,
    pub(crate) pipeline: PipelineKey,
}

/// Why somebody, or something, does not come into a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAdded {
    /// It is in there.
    Already,
    /// It is not of the team's organization.
    Elsewhere,
}

/// It is not in the team.
#[derive(Debug)]
pub(crate) struct NotInTeam;

impl Command for AddTeamMember {
    type Output = ();
    type Refused = NotAdded;

    fn apply(self, engine: &mut Engine) -> Result<(), NotAdded> {
        let created_at = engine.now;
        let team = engine.team(self.team);
        if !engine.is_member(team.organization, self.user) {
            return Err(NotAdded::Elsewhere);
        }
        if team.members.contains(&self.user) {
            return Err(NotAdded::Already);
        }
        let role = self.role.unwrap_or(team.settings.default_member_role);
        let team = engine.teams.all.change(self.team);
        team.members
            .insert(self.user, TeamMember { role, created_at });
        Ok(())
    }
}

impl Command for UpdateTeamMember {
    type Output = ();
    type Refused = NotInTeam;

    fn apply(self, engine: &mut Engine) -> Result<(), NotInTeam> {
        let found = engine.team(self.team).members.get(&self.user);
        let TeamMember { created_at, .. } = *found.ok_or(NotInTeam)?;
        let role = self.role;
        let team = engine.teams.all.change(self.team);
        team.members
            .insert(self.user, TeamMember { role, created_at });
        Ok(())
    }
}

impl Command for RemoveTeamMember {
    type Output = ();
    type Refused = NotInTeam;

    fn apply(self, engine: &mut Engine) -> Result<(), NotInTeam> {
        if !engine.team(self.team).members.contains(&self.user) {
            return Err(NotInTeam);
        }
        let team = engine.teams.all.change(self.team);
        team.members.remove(&self.user);
        Ok(())
    }
}

impl Command for AddTeamPipeline {
    type Output = ();
    type Refused = NotAdded;

    fn apply(self, engine: &mut Engine) -> Result<(), NotAdded> {
        let team = engine.team(self.team);
        if engine.pipeline(self.pipeline).organization != team.organization {
            return Err(NotAdded::Elsewhere);
        }
        if team.pipelines.contains(&self.pipeline) {
            return Err(NotAdded::Already);
        }
        engine.give_to_team(self.team, self.pipeline, self.access);
        Ok(())
    }
}

impl Command for UpdateTeamPipeline {
    type Output = ();
    type Refused = NotInTeam;

    fn apply(self, engine: &mut Engine) -> Result<(), NotInTeam> {
        let found = engine.team(self.team).pipelines.get(&self.pipeline);
        let TeamPipeline { created_at, .. } = *found.ok_or(NotInTeam)?;
        let access = self.access;
        let team = engine.teams.all.change(self.team);
        team.pipelines
            .insert(self.pipeline, TeamPipeline { access, created_at });
        Ok(())
    }
}

impl Command for RemoveTeamPipeline {
    type Output = ();
    type Refused = NotInTeam;

    fn apply(self, engine: &mut Engine) -> Result<(), NotInTeam> {
        let team = engine.team(self.team);
        if !team.pipelines.contains(&self.pipeline) {
            return Err(NotInTeam);
        }
        let team = engine.teams.all.change(self.team);
        team.pipelines.remove(&self.pipeline);
        Ok(())
    }
}

impl Engine {
    pub(super) fn give_to_team(&mut self, team: TeamKey, pipeline: PipelineKey, access: Access) {
        let created_at = self.now;
        let team = self.teams.all.change(team);
        team.pipelines
            .insert(pipeline, TeamPipeline { access, created_at });
    }
}
