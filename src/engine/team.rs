//! Teams: who is in them, which pipelines they have, and so who sees a pipeline.
//!
//! As long as teams are not enabled in an organization, each of its members may do everything with each of its
//! pipelines. Once they are, an administrator still may, and everybody else sees the pipelines of their teams, with the
//! highest level that one of these teams has, and no others. What a pipeline itself allows at most holds for all.
//!
//! Teams are kept whether they are enabled or not. The documentation speaks of enabling them in an organization that
//! has some already, so making one over the API enables nothing.
//!
//! Not modelled: test suites and registries of teams.
//! Elsewhere: what is asked for (`commands`), who may ask (`http::rest::teams`), the JSON (`wire::team`).
//! Source: Buildkite docs, "Teams API", "Team members API", "Team pipelines API", "User and team permissions"; "Trigger
//! step", section "Permissions".

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::build::BuildKey;
use crate::engine::finding::ById;
use crate::engine::pipeline::PipelineKey;
use crate::engine::table::{Table, key};
use crate::persistent::Index;
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::TeamId;
use crate::vocabulary::role::{TeamPrivacy, TeamRole};

key! {
    /// A team, by the order of creation.
    TeamKey
}

/// A team.
#[derive(Debug, Clone)]
pub(crate) struct Team {
    pub(crate) id: TeamId,
    pub(crate) organization: OrganizationKey,
    pub(crate) slug: String,
    pub(crate) settings: TeamSettings,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) created_by: Option<UserKey>,
    pub(crate) members: Index<UserKey, TeamMember>,
    pub(crate) pipelines: Index<PipelineKey, TeamPipeline>,
}

/// What can be set on a team.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the switches of Buildkite's own form"
)]
pub(crate) struct TeamSettings {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) privacy: TeamPrivacy,
    /// Whether new members of the organization join it.
    pub(crate) is_default: bool,
    pub(crate) default_member_role: TeamRole,
    pub(crate) members_can_create_pipelines: bool,
    pub(crate) members_can_create_suites: bool,
    pub(crate) members_can_create_registries: bool,
    pub(crate) members_can_destroy_registries: bool,
    pub(crate) members_can_destroy_packages: bool,
}

impl TeamSettings {
    /// Chosen: a team that is told nothing else is visible, joined by nobody, and lets its members create nothing.
    pub(crate) fn named(name: String) -> Self {
        Self {
            name,
            description: String::new(),
            privacy: TeamPrivacy::Visible,
            is_default: false,
            default_member_role: TeamRole::Member,
            members_can_create_pipelines: false,
            members_can_create_suites: false,
            members_can_create_registries: false,
            members_can_destroy_registries: false,
            members_can_destroy_packages: false,
        }
    }

    /// The team that is made when teams are enabled. Chosen: that its members may create things, as they could before.
    pub(crate) fn everyone() -> Self {
        Self {
            is_default: true,
            members_can_create_pipelines: true,
            members_can_create_suites: true,
            members_can_create_registries: true,
            members_can_destroy_registries: true,
            members_can_destroy_packages: true,
            ..Self::named("Everyone".to_owned())
        }
    }
}

/// That a user is in a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TeamMember {
    pub(crate) role: TeamRole,
    pub(crate) created_at: DateTime<Utc>,
}

/// That a team has a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TeamPipeline {
    pub(crate) access: Access,
    pub(crate) created_at: DateTime<Utc>,
}

/// The teams of every organization.
#[derive(Debug, Clone)]
pub(crate) struct Teams {
    pub(super) all: Table<TeamKey, Team>,
    pub(super) by_id: ById<TeamId, TeamKey>,
    /// Where they decide who sees what.
    pub(super) enabled: Index<OrganizationKey, ()>,
    /// Whether the plan of the organizations has them.
    pub(super) are_in_plan: bool,
}

impl Teams {
    pub(super) fn new() -> Self {
        Self {
            all: Table::new(),
            by_id: ById::new(),
            enabled: Index::new(),
            are_in_plan: true,
        }
    }

    /// Whether nothing was written since: for tests.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_same(&self, before: &Self) -> bool {
        let Self {
            all,
            by_id,
            enabled,
            are_in_plan,
        } = self;
        all.writes() == before.all.writes()
            && *by_id == before.by_id
            && *enabled == before.enabled
            && *are_in_plan == before.are_in_plan
    }
}

impl Engine {
    /// What a user may do with a pipeline; `None` if they do not even see it. Whatever shows or changes something of a
    /// pipeline for somebody asks here.
    pub(crate) fn access_of(&self, user: UserKey, key: PipelineKey) -> Option<Access> {
        let pipeline = self.pipelines.get(key);
        let organization = pipeline.organization;
        if !self.is_member(organization, user) {
            return None;
        }
        let is_free = self.is_admin(organization, user) || !self.are_teams_enabled(organization);
        let given = if is_free {
            Access::ManageBuildAndRead
        } else {
            let teams = self.teams.all.iter().map(|(_, team)| team);
            teams
                .filter(|team| team.members.contains(&user))
                .filter_map(|team| team.pipelines.get(&key))
                .map(|assigned| assigned.access)
                .max()?
        };
        Some(given.min(pipeline.access))
    }

    /// Whether a build may trigger one of another pipeline: who made it has to be a member, and to be allowed to build
    /// there. A build that nobody made needs a team that may build both.
    pub(super) fn may_trigger(&self, build: BuildKey, target: PipelineKey) -> bool {
        let build = self.builds.get(build);
        let are_enabled = self.are_teams_enabled(build.organization);
        if let Some(creator) = build.head.creator {
            let may_build = || self.access_of(creator, target) >= Some(Access::BuildAndRead);
            return self.is_member(build.organization, creator) && (!are_enabled || may_build());
        }
        !are_enabled
            || self.teams.all.iter().any(|(_, team)| {
                [build.pipeline, target].iter().all(|pipeline| {
                    let assigned = team.pipelines.get(pipeline);
                    assigned.is_some_and(|one| one.access >= Access::BuildAndRead)
                })
            })
    }

    pub(crate) fn are_teams_enabled(&self, organization: OrganizationKey) -> bool {
        self.teams.enabled.contains(&organization)
    }

    pub(crate) fn team(&self, key: TeamKey) -> &Team {
        self.teams.all.get(key)
    }

    pub(crate) fn find_team(&self, key: TeamKey) -> Option<&Team> {
        self.teams.all.find(key)
    }

    pub(crate) fn team_version(&self, key: TeamKey) -> u64 {
        self.teams.all.version(key)
    }

    /// The team with this id, if it is of this organization.
    pub(crate) fn team_by_id(&self, organization: OrganizationKey, id: TeamId) -> Option<TeamKey> {
        let key = self.teams.by_id.find(id)?;
        (self.team(key).organization == organization).then_some(key)
    }

    pub(crate) fn team_by_slug(
        &self,
        organization: OrganizationKey,
        slug: &str,
    ) -> Option<TeamKey> {
        let mut teams = self.teams_of(organization).into_iter();
        teams.find(|key| self.team(*key).slug == slug)
    }

    /// The teams of an organization, oldest first.
    pub(crate) fn teams_of(&self, organization: OrganizationKey) -> Vec<TeamKey> {
        let teams = self.teams.all.iter();
        teams
            .filter(|(_, team)| team.organization == organization)
            .map(|(key, _)| key)
            .collect()
    }

    /// The teams of an organization that a user is in, oldest first.
    pub(crate) fn teams_with(
        &self,
        organization: OrganizationKey,
        user: UserKey,
    ) -> impl Iterator<Item = &Team> {
        let teams = self.teams_of(organization).into_iter();
        teams
            .map(|key| self.team(key))
            .filter(move |team| team.members.contains(&user))
    }

    /// Whether a user sees a team: everybody a visible one, its members and administrators a secret one.
    pub(crate) fn sees_team(&self, user: UserKey, key: TeamKey) -> bool {
        let team = self.team(key);
        team.settings.privacy == TeamPrivacy::Visible
            || team.members.contains(&user)
            || self.is_admin(team.organization, user)
    }

    /// Whether a user may change a team: administrators and those who maintain it.
    pub(crate) fn maintains_team(&self, user: UserKey, key: TeamKey) -> bool {
        let team = self.team(key);
        let member = team.members.get(&user);
        member.is_some_and(|member| member.role == TeamRole::Maintainer)
            || self.is_admin(team.organization, user)
    }

    /// Whether a user may make pipelines that belong to a team. Maintainers may whatever its members may.
    pub(crate) fn creates_in_team(&self, user: UserKey, key: TeamKey) -> bool {
        let team = self.team(key);
        self.maintains_team(user, key)
            || (team.settings.members_can_create_pipelines && team.members.contains(&user))
    }

    /// Whether a user may make pipelines in an organization at all.
    pub(crate) fn creates_pipelines(&self, user: UserKey, organization: OrganizationKey) -> bool {
        let is_free = self.is_admin(organization, user) || !self.are_teams_enabled(organization);
        let mut teams = self.teams_of(organization).into_iter();
        is_free || teams.any(|team| self.creates_in_team(user, team))
    }

    pub(crate) fn are_teams_in_plan(&self) -> bool {
        self.teams.are_in_plan
    }

    /// The plan has no teams.
    pub(crate) fn leave_teams_out_of_plan(&mut self) {
        self.teams.are_in_plan = false;
    }

    pub(super) fn join_default_teams(&mut self, organization: OrganizationKey, user: UserKey) {
        let created_at = self.now;
        for key in self.teams_of(organization) {
            let settings = &self.team(key).settings;
            if settings.is_default {
                let role = settings.default_member_role;
                let team = self.teams.all.change(key);
                team.members.insert(user, TeamMember { role, created_at });
            }
        }
    }

    pub(super) fn leave_teams(&mut self, organization: OrganizationKey, user: UserKey) {
        for key in self.teams_of(organization) {
            if self.team(key).members.contains(&user) {
                self.teams.all.change(key).members.remove(&user);
            }
        }
    }

    /// Takes a pipeline that is going away from its teams.
    pub(super) fn forget_team_pipeline(&mut self, pipeline: PipelineKey) {
        let teams: Vec<_> = self.teams.all.iter().map(|(key, _)| key).collect();
        for key in teams {
            if self.team(key).pipelines.contains(&pipeline) {
                self.teams.all.change(key).pipelines.remove(&pipeline);
            }
        }
    }
}
