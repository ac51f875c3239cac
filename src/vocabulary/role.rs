//! What people are in an organization and in a team.
//!
//! Source: Buildkite docs, "Organization members API", "Teams API", "Team members API".

use std::fmt;

use crate::vocabulary::states::words;

words! {
    /// What a user is in an organization.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, MemberRole};
    ///
    /// let fake = FakeBuildkite::start();
    /// let acme = fake.existing_organization("acme");
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// assert_eq!(acme.role_of(&fake.user()), Some(MemberRole::Admin));
    /// assert_eq!(acme.role_of(&ada), Some(MemberRole::Member));
    /// ```
    MemberRole {
        /// One of many: sees what everybody or a team of theirs sees.
        Member = "member",
        /// An administrator: sees and may do everything.
        Admin = "admin",
    }
}

words! {
    /// What a user is in a team.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, TeamRole};
    ///
    /// let fake = FakeBuildkite::start();
    /// let ada = fake.add_user("Ada", "ada@example.com");
    /// let team = fake.team("Platform").create();
    /// team.add_maintainer(&ada);
    /// assert_eq!(team.role_of(&ada), Some(TeamRole::Maintainer));
    /// ```
    TeamRole {
        /// Has the team's access to its pipelines.
        Member = "member",
        /// May change the team, too.
        Maintainer = "maintainer",
    }
}

words! {
    /// Who sees a team. Administrators see every team.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, TeamPrivacy};
    ///
    /// let fake = FakeBuildkite::start();
    /// assert_eq!(fake.team("Ops").secret().create().privacy(), TeamPrivacy::Secret);
    /// ```
    TeamPrivacy {
        /// Every member of the organization. The default.
        Visible = "visible",
        /// Its members.
        Secret = "secret",
    }
}

words! {
    /// Whether a member of an organization has to sign in by single sign-on.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, SsoMode};
    ///
    /// let fake = FakeBuildkite::start();
    /// let acme = fake.existing_organization("acme");
    /// assert_eq!(acme.sso_mode_of(&fake.user()), Some(SsoMode::Required));
    /// ```
    SsoMode {
        /// They have to. The default.
        Required = "required",
        /// They need not.
        Optional = "optional",
    }
}
