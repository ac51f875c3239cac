//! The members of a team: list, get, add, update, remove. Administrators and maintainers of the team change them.
//!
//! Source: Buildkite docs, "Team members API"; "User and team permissions".

use crate::engine::account::UserKey;
use crate::engine::commands::{AddTeamMember, NotAdded, RemoveTeamMember, UpdateTeamMember};
use crate::engine::team::TeamKey;
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::vocabulary::ids::UserId;
use crate::vocabulary::role::TeamRole;
use crate::wire::team::TeamMemberJson;

/// Chosen: in the order in which the users came to be; by page, because a client asks for pages.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let team = cx.team()?;
    let all: Vec<_> = cx.engine.team(team).members.keys().copied().collect();
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| TeamMemberJson::new(&view, team, key)))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (team, user) = cx.team_member()?;
    Ok(show(cx, 200, team, user))
}

/// Chosen: without a role, the one the team gives new members.
pub(super) fn add(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let team = cx.team_to_change()?;
    let mut body = Fields::parse(&cx.request.body)?;
    let id = body.required_text("user_id");
    let role = body.word("role", TeamRole::from_word);
    body.check_in_words()?;
    let id = id.parse().ok().map(UserId);
    let user = id.and_then(|id| cx.engine.user_by_id(id));
    let added = match user {
        Some(user) => cx.apply(AddTeamMember { team, user, role }).map(|()| user),
        None => Err(NotAdded::Elsewhere),
    };
    let user = added.map_err(|refused| ApiError::not_added("User", refused))?;
    Ok(show(cx, 201, team, user))
}

pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (team, user) = cx.team_member()?;
    cx.check_maintains(team)?;
    let mut body = Fields::parse(&cx.request.body)?;
    let role = body.required_word("role", TeamRole::from_word);
    body.check_in_words()?;
    let role = role.expect("one that is not read is refused");
    let updated = cx.apply(UpdateTeamMember { team, user, role });
    updated.expect("the member was found");
    Ok(show(cx, 200, team, user))
}

pub(super) fn remove(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (team, user) = cx.team_member()?;
    cx.check_maintains(team)?;
    let removed = cx.apply(RemoveTeamMember { team, user });
    removed.expect("the member was found");
    Ok(Reply::new(204))
}

fn show(cx: &Cx<'_>, status: u16, team: TeamKey, user: UserKey) -> Reply {
    let view = cx.view();
    Cx::show(&view, status, &TeamMemberJson::new(&view, team, user))
}

impl Cx<'_> {
    /// The team of the path, and the member of it.
    fn team_member(&mut self) -> Result<(TeamKey, UserKey), ApiError> {
        let team = self.team()?;
        let members = &self.engine.team(team).members;
        let found = self.user_of_path().filter(|user| members.contains(user));
        let user = found.ok_or_else(|| ApiError::not_found("team member"))?;
        Ok((team, user))
    }
}
