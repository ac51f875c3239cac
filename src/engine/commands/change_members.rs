//! Who belongs to an organization, and as what.
//!
//! Elsewhere: who may ask for it (`http::rest::members`).
//! Source: Buildkite docs, "Organization members API".

use crate::engine::account::{Membership, OrganizationKey, UserKey};
use crate::engine::cluster::Maintainer;
use crate::engine::{Command, Engine};
use crate::vocabulary::role::{MemberRole, SsoMode};

/// A user joins an organization, and its default teams.
#[derive(Debug)]
pub(crate) struct AddMember {
    pub(crate) organization: OrganizationKey,
    pub(crate) user: UserKey,
    pub(crate) role: MemberRole,
}

/// Changes what a member is; what is `None` stays.
#[derive(Debug)]
pub(crate) struct UpdateMember {
    pub(crate) organization: OrganizationKey,
    pub(crate) user: UserKey,
    pub(crate) role: Option<MemberRole>,
    pub(crate) sso_mode: Option<SsoMode>,
}

/// A user leaves an organization, its teams and the clusters they maintain. What they made stays, and so do their
/// tokens, which open it no more.
#[derive(Debug)]
pub(crate) struct RemoveMember {
    pub(crate) organization: OrganizationKey,
    pub(crate) user: UserKey,
}

/// Why the members of an organization stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberRefused {
    /// They are a member already.
    Already,
    NoMember,
    /// An organization keeps an administrator.
    LastAdministrator,
}

impl Command for AddMember {
    type Output = ();
    type Refused = MemberRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), MemberRefused> {
        if engine.is_member(self.organization, self.user) {
            return Err(MemberRefused::Already);
        }
        // Chosen: the mode of organizations with single sign-on, which is the one in the documentation's examples.
        let membership = Membership {
            role: self.role,
            sso_mode: SsoMode::Required,
        };
        engine.set_member(self.organization, self.user, membership);
        engine.join_default_teams(self.organization, self.user);
        Ok(())
    }
}

impl Command for UpdateMember {
    type Output = ();
    type Refused = MemberRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), MemberRefused> {
        let mut membership = engine
            .membership(self.organization, self.user)
            .ok_or(MemberRefused::NoMember)?;
        if self.role == Some(MemberRole::Member) {
            engine.check_others_administer(self.organization, self.user)?;
        }
        membership.role = self.role.unwrap_or(membership.role);
        membership.sso_mode = self.sso_mode.unwrap_or(membership.sso_mode);
        engine.set_member(self.organization, self.user, membership);
        Ok(())
    }
}

impl Command for RemoveMember {
    type Output = ();
    type Refused = MemberRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), MemberRefused> {
        if !engine.is_member(self.organization, self.user) {
            return Err(MemberRefused::NoMember);
        }
        engine.check_others_administer(self.organization, self.user)?;
        engine.leave_teams(self.organization, self.user);
        engine.stop_maintaining(self.organization, Maintainer::User(self.user));
        let organization = engine.organizations.change(self.organization);
        organization.members.remove(&self.user);
        Ok(())
    }
}

impl Engine {
    fn set_member(&mut self, organization: OrganizationKey, user: UserKey, to: Membership) {
        let organization = self.organizations.change(organization);
        organization.members.insert(user, to);
    }

    /// Whether there is an administrator left without this user, if they are one.
    fn check_others_administer(
        &self,
        organization: OrganizationKey,
        user: UserKey,
    ) -> Result<(), MemberRefused> {
        let mut members = self.organization(organization).members.iter();
        let is_left = members
            .any(|(other, membership)| *other != user && membership.role == MemberRole::Admin);
        if is_left || !self.is_admin(organization, user) {
            return Ok(());
        }
        Err(MemberRefused::LastAdministrator)
    }
}
