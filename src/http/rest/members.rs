//! The members of an organization: list, get, update, remove.
//!
//! Chosen: every member may look at the others, and administrators alone may change or remove one. The documentation
//! speaks of permissions and does not say whose they are.
//! Source: Buildkite docs, "Organization members API".

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::commands::{RemoveMember, UpdateMember};
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::reply::Reply;
use crate::vocabulary::ids::UserId;
use crate::vocabulary::role::{MemberRole, SsoMode};
use crate::wire::account::MemberJson;

/// Chosen: in the order in which the users came to be; by page, because a client asks for pages.
pub(super) fn list(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let organization = cx.organization()?;
    let members = cx.engine.organization(organization).members.keys();
    let all: Vec<_> = members.copied().collect();
    let view = cx.view();
    Ok(cx.list(&view, &all, |key| {
        MemberJson::new(&view, organization, key, cx.user)
    }))
}

pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (organization, user) = cx.member()?;
    Ok(show(cx, organization, user))
}

pub(super) fn update(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (organization, user) = cx.member()?;
    cx.check_admin(organization)?;
    if user == cx.user {
        // Chosen: the words; the status is documented.
        return Err(ApiError::forbidden());
    }
    let mut body = Fields::parse(&cx.request.body)?;
    let role = body.word("role", MemberRole::from_word);
    let sso_mode = body.word("sso_mode", SsoMode::from_word);
    body.check_in_words()?;
    if role.is_none() && sso_mode.is_none() {
        // Chosen: the words; the status is documented.
        return Err(ApiError::validation_in_words(&[
            "Role or SSO mode must be given".to_owned(),
        ]));
    }
    cx.apply(UpdateMember {
        organization,
        user,
        role,
        sso_mode,
    })?;
    Ok(show(cx, organization, user))
}

/// Chosen: an administrator may leave like this, unless they are the last one. Only so can an organization be without
/// administrators, of which the documentation speaks.
pub(super) fn remove(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let (organization, user) = cx.member()?;
    cx.check_admin(organization)?;
    cx.apply(RemoveMember { organization, user })?;
    Ok(Reply::new(204))
}

fn show(cx: &Cx<'_>, organization: OrganizationKey, user: UserKey) -> Reply {
    let view = cx.view();
    let shape = MemberJson::new(&view, organization, user, cx.user);
    Cx::show(&view, 200, &shape)
}

impl Cx<'_> {
    /// The organization of the path, and the member of it.
    fn member(&mut self) -> Result<(OrganizationKey, UserKey), ApiError> {
        let organization = self.organization()?;
        let found = self
            .user_of_path()
            .filter(|user| self.engine.is_member(organization, *user));
        let user = found.ok_or_else(|| ApiError::not_found("organization member"))?;
        Ok((organization, user))
    }

    /// The user in the place of a member.
    pub(super) fn user_of_path(&self) -> Option<UserKey> {
        let id = self.place.member.parse().ok().map(UserId)?;
        self.engine.user_by_id(id)
    }
}
