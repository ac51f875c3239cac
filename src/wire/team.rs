//! Teams, their members and their pipelines as JSON.
//!
//! The order of a team's keys is that of the documentation's answers; its table has another.
//! Source: Buildkite docs, "Teams API", "Team members API", "Team pipelines API"; the settings behind `created_by` are
//! those of go-buildkite's type, which the documentation shows when a team is made.

use serde::Serialize;
use uuid::Uuid;

use crate::engine::account::UserKey;
use crate::engine::pipeline::PipelineKey;
use crate::engine::team::{TeamKey, TeamSettings};
use crate::vocabulary::ids::Kind;
use crate::wire::account::UserJson;
use crate::wire::{Instant, View, graphql_id};

/// A team.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields Buildkite's answer has"
)]
pub(crate) struct TeamJson<'e> {
    id: Uuid,
    graphql_id: String,
    name: &'e str,
    slug: &'e str,
    description: &'e str,
    created_at: Instant,
    privacy: &'static str,
    default: bool,
    created_by: Option<UserJson<'e>>,
    default_member_role: &'static str,
    members_can_create_pipelines: bool,
    members_can_create_suites: bool,
    members_can_create_registries: bool,
    members_can_destroy_registries: bool,
    members_can_destroy_packages: bool,
}

impl<'e> TeamJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: TeamKey) -> Self {
        view.saw(Kind::Team, key, view.engine.team_version(key));
        let team = view.engine.team(key);
        let TeamSettings {
            name,
            description,
            privacy,
            is_default,
            default_member_role,
            members_can_create_pipelines,
            members_can_create_suites,
            members_can_create_registries,
            members_can_destroy_registries,
            members_can_destroy_packages,
        } = &team.settings;
        Self {
            id: team.id.0,
            graphql_id: graphql_id("Team", team.id.0),
            name,
            slug: &team.slug,
            description,
            created_at: Instant(team.created_at),
            privacy: privacy.as_str(),
            default: *is_default,
            created_by: UserJson::maybe(view, team.created_by),
            default_member_role: default_member_role.as_str(),
            members_can_create_pipelines: *members_can_create_pipelines,
            members_can_create_suites: *members_can_create_suites,
            members_can_create_registries: *members_can_create_registries,
            members_can_destroy_registries: *members_can_destroy_registries,
            members_can_destroy_packages: *members_can_destroy_packages,
        }
    }
}

/// A member of a team.
#[derive(Debug, Serialize)]
pub(crate) struct TeamMemberJson<'e> {
    role: &'static str,
    created_at: Instant,
    user_id: Uuid,
    user_name: &'e str,
}

impl<'e> TeamMemberJson<'e> {
    pub(crate) fn new(view: &View<'e>, team: TeamKey, key: UserKey) -> Self {
        view.saw(Kind::Team, team, view.engine.team_version(team));
        let member = view.engine.team(team).members.get(&key);
        let member = member.expect("a member of the team");
        let user = view.engine.user(key);
        view.saw(Kind::User, key, 0);
        Self {
            role: member.role.as_str(),
            created_at: Instant(member.created_at),
            user_id: user.id.0,
            user_name: &user.name,
        }
    }
}

/// A pipeline of a team.
#[derive(Debug, Serialize)]
pub(crate) struct TeamPipelineJson {
    access_level: &'static str,
    created_at: Instant,
    pipeline_id: Uuid,
    pipeline_url: String,
}

impl TeamPipelineJson {
    pub(crate) fn new(view: &View<'_>, team: TeamKey, key: PipelineKey) -> Self {
        view.saw(Kind::Team, team, view.engine.team_version(team));
        let assigned = view.engine.team(team).pipelines.get(&key);
        let assigned = assigned.expect("a pipeline of the team");
        Self {
            access_level: assigned.access.as_str(),
            created_at: Instant(assigned.created_at),
            pipeline_id: view.engine.pipeline(key).id.0,
            pipeline_url: view.pipeline_url(key),
        }
    }
}
