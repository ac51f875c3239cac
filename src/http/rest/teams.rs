//! Teams: list, get, create, update, delete, enable.
//!
//! Who may what: administrators everything; maintainers change and delete their team; others look at what they see. A
//! team that somebody does not see is not there for them.
//! Source: Buildkite docs, "Teams API"; "User and team permissions".

use crate::engine::commands::{CreateTeam, DeleteTeam, EnableTeams, UpdateTeam};
use crate::engine::team::{TeamKey, TeamSettings};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::vocabulary::ids::{TeamId, UserId};
use crate::vocabulary::role::{TeamPrivacy, TeamRole};
use crate::wire::team::TeamJson;

/// Chosen: oldest first. A `user_id` that is nobody's has no teams.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let mut all = cx.engine.teams_of(organization);
    all.retain(|key| cx.engine.sees_team(cx.user, *key));
    if let Some(id) = cx.query.last("user_id") {
        let id = id.parse().ok().map(UserId);
        let user = id.and_then(|id| cx.engine.user_by_id(id));
        all.retain(|key| {
            let members = &cx.engine.team(*key).members;
            user.is_some_and(|user| members.contains(&user))
        });
    }
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| TeamJson::new(&view, key)))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let team = cx.team()?;
    Ok(show(cx, 200, team))
}

/// Chosen: a name is all it needs. The documentation calls everything required, clients leave out what they do not set.
pub(super) fn create(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    cx.check_admin(organization)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let name = body.required_text("name");
    let settings = settings(&mut body, TeamSettings::named(name));
    body.check_in_words()?;
    let team = cx.apply(CreateTeam {
        organization,
        settings,
        created_by: Some(cx.user),
    })?;
    Ok(show(cx, 201, team))
}

/// What is not sent stays.
pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let team = cx.team_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let mut old = cx.engine.team(team).settings.clone();
    if body.has("name") {
        old.name = body.required_text("name");
    }
    let settings = settings(&mut body, old);
    body.check_in_words()?;
    cx.apply(UpdateTeam { team, settings })?;
    Ok(show(cx, 200, team))
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let team = cx.team_to_change()?;
    let Ok(()) = cx.apply(DeleteTeam { team });
    Ok(Reply::new(204))
}

pub(super) fn enable(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    cx.check_admin(organization)?;
    Fields::parse(&cx.request.body)?;
    cx.apply(EnableTeams {
        organization,
        by: Some(cx.user),
    })?;
    Ok(Reply::new(204))
}

fn show(cx: &Cx<'_>, status: u16, team: TeamKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &TeamJson::new(&view, team))
}

/// The settings a request asks for; those it does not speak of, or as null, are as in `settings`.
fn settings(body: &mut Fields, settings: TeamSettings) -> TeamSettings {
    let mut new = settings;
    if let Some(description) = body.text("description") {
        new.description = description;
    }
    if let Some(privacy) = body.word("privacy", TeamPrivacy::from_word) {
        new.privacy = privacy;
    }
    if let Some(role) = body.word("default_member_role", TeamRole::from_word) {
        new.default_member_role = role;
    }
    for (field, setting) in [
        ("is_default_team", &mut new.is_default),
        (
            "members_can_create_pipelines",
            &mut new.members_can_create_pipelines,
        ),
        (
            "members_can_create_suites",
            &mut new.members_can_create_suites,
        ),
        (
            "members_can_create_registries",
            &mut new.members_can_create_registries,
        ),
        (
            "members_can_destroy_registries",
            &mut new.members_can_destroy_registries,
        ),
        (
            "members_can_destroy_packages",
            &mut new.members_can_destroy_packages,
        ),
    ] {
        *setting = body.flag(field).unwrap_or(*setting);
    }
    new
}

impl Cx<'_> {
    /// The team of the path, if the user sees it.
    pub(super) fn team(&mut self) -> Result<TeamKey, ApiError> {
        let organization = self.organization()?;
        let id = self.place.team.parse().ok().map(TeamId);
        let found = id.and_then(|id| self.engine.team_by_id(organization, id));
        found
            .filter(|key| self.engine.sees_team(self.user, *key))
            .ok_or_else(|| ApiError::not_found("team"))
    }

    pub(super) fn team_to_change(&mut self) -> Result<TeamKey, ApiError> {
        let team = self.team()?;
        self.check_maintains(team)?;
        Ok(team)
    }

    pub(super) fn check_maintains(&self, team: TeamKey) -> Result<(), ApiError> {
        if self.engine.maintains_team(self.user, team) {
            return Ok(());
        }
        Err(ApiError::forbidden())
    }
}
