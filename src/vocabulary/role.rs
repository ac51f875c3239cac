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
    /// assert_eq!(MemberRole::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>(), ["member", "admin"]);
    /// assert_eq!(MemberRole::from_word("admin"), Some(MemberRole::Admin));
    /// ```
    ///
    /// Source: Buildkite docs, "Organization members API".
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
    /// assert_eq!(TeamRole::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>(), ["member", "maintainer"]);
    /// assert_eq!(TeamRole::from_word("maintainer"), Some(TeamRole::Maintainer));
    /// ```
    ///
    /// Source: Buildkite docs, "Team members API".
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
    /// assert_eq!(TeamPrivacy::ALL.iter().map(|privacy| privacy.as_str()).collect::<Vec<_>>(), ["visible", "secret"]);
    /// assert_eq!(TeamPrivacy::from_word("secret"), Some(TeamPrivacy::Secret));
    /// ```
    ///
    /// Source: Buildkite docs, "Teams API".
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
    /// assert_eq!(SsoMode::ALL.iter().map(|mode| mode.as_str()).collect::<Vec<_>>(), ["required", "optional"]);
    /// assert_eq!(SsoMode::from_word("optional"), Some(SsoMode::Optional));
    /// ```
    ///
    /// Source: Buildkite docs, "Organization members API".
    SsoMode {
        /// They have to. The default.
        Required = "required",
        /// They need not.
        Optional = "optional",
    }
}
