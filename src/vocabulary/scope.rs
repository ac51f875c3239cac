//! What an API access token may do.
//!
//! Source: Buildkite docs, "Managing API access tokens", section "Token scopes".

use std::fmt;

macro_rules! scopes {
    ($($variant:ident = $name:literal,)*) => {
        /// A scope of an API access token. A write scope does not imply the read scope.
        ///
        /// ```
        /// use fake_buildkite::Scope;
        ///
        /// assert_eq!(Scope::ReadBuilds.as_str(), "read_builds");
        /// let of_builds = Scope::ALL.iter().filter(|scope| scope.as_str().ends_with("_builds"));
        /// assert_eq!(of_builds.collect::<Vec<_>>(), [&Scope::ReadBuilds, &Scope::WriteBuilds]);
        /// ```
        ///
        /// Source: Buildkite docs, "Managing API access tokens", section "Token scopes".
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )*
        }

        impl Scope {
            /// Every scope there is, in Buildkite's order.
            pub const ALL: &'static [Scope] = &[$(Scope::$variant),*];

            /// All of them as a header lists them, but for the comma before the first.
            const ALL_LISTED: &'static str = concat!($(",", $name),*);

            /// The scope as Buildkite writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Scope::$variant => $name,)*
                }
            }
        }
    };
}

scopes! {
    ReadPipelines = "read_pipelines",
    WritePipelines = "write_pipelines",
    ReadBuilds = "read_builds",
    WriteBuilds = "write_builds",
    ReadBuildLogs = "read_build_logs",
    WriteBuildLogs = "write_build_logs",
    ReadJobEnv = "read_job_env",
    ReadArtifacts = "read_artifacts",
    WriteArtifacts = "write_artifacts",
    ReadAgents = "read_agents",
    WriteAgents = "write_agents",
    ReadClusters = "read_clusters",
    WriteClusters = "write_clusters",
    ReadPipelineTemplates = "read_pipeline_templates",
    WritePipelineTemplates = "write_pipeline_templates",
    ReadRules = "read_rules",
    WriteRules = "write_rules",
    ReadOrganizations = "read_organizations",
    WriteOrganizations = "write_organizations",
    ReadOrganizationInvitations = "read_organization_invitations",
    WriteOrganizationInvitations = "write_organization_invitations",
    ReadOrganizationSettings = "read_organization_settings",
    WriteOrganizationSettings = "write_organization_settings",
    ReadOrganizationRepositoryConnections = "read_organization_repository_connections",
    ReadNotificationServices = "read_notification_services",
    WriteNotificationServices = "write_notification_services",
    ReadTeams = "read_teams",
    WriteTeams = "write_teams",
    ReadUser = "read_user",
    ReadAuditEvents = "read_audit_events",
    ReadSecretsDetails = "read_secrets_details",
    WriteSecrets = "write_secrets",
    ReadSuites = "read_suites",
    WriteSuites = "write_suites",
    ReadTestPlan = "read_test_plan",
    WriteTestPlan = "write_test_plan",
    ReadRegistries = "read_registries",
    WriteRegistries = "write_registries",
    DeleteRegistries = "delete_registries",
    ReadPackages = "read_packages",
    WritePackages = "write_packages",
    DeletePackages = "delete_packages",
    ReadPortals = "read_portals",
    WritePortals = "write_portals",
    GraphQl = "graphql",
}

impl Scope {
    /// What a header says of a token that may do everything: `read_pipelines,write_pipelines,…`.
    pub(crate) fn all_listed() -> &'static str {
        &Self::ALL_LISTED[1..]
    }

    /// The same of any token.
    pub(crate) fn listed(scopes: &[Self]) -> String {
        let mut text = String::new();
        for scope in scopes {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(scope.as_str());
        }
        text
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_scopes_are_listed_as_any_are() {
        assert_eq!(Scope::all_listed(), Scope::listed(Scope::ALL));
        let two = [Scope::ReadBuilds, Scope::GraphQl];
        assert_eq!(Scope::listed(&two), "read_builds,graphql");
        assert_eq!(Scope::listed(&[]), "");
    }
}
