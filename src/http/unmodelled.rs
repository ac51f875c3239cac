//! Endpoints that Buildkite has and this fake does not model yet: they answer 501 and say so, because a made-up answer
//! would teach a program wrong things.
//!
//! Source: Buildkite docs, "REST API", every page.

/// The template of the endpoint that `method` and `path` (its segments) mean, if it is one of them.
pub(crate) fn find(method: &str, path: &[&str]) -> Option<&'static str> {
    ENDPOINTS
        .iter()
        .find(|(known, template)| *known == method && fits(template, path))
        .map(|(_, template)| *template)
}

fn fits(template: &str, path: &[&str]) -> bool {
    let mut segments = template.split('/').filter(|segment| !segment.is_empty());
    path.iter().all(|given| {
        segments
            .next()
            .is_some_and(|wanted| wanted.starts_with('{') || wanted == *given)
    }) && segments.next().is_none()
}

#[rustfmt::skip]
const ENDPOINTS: &[(&str, &str)] = &[
    ("GET", "/v2/organizations/{org.slug}/pipelines/{slug}/github-webhooks"),
    ("PUT", "/v2/organizations/{org.slug}/pipelines/{slug}/github-webhooks"),
    ("DELETE", "/v2/organizations/{org.slug}/pipelines/{slug}/github-webhooks"),
    ("POST", "/v2/organizations/{org.slug}/jobs/{job.id}/vnc-session"),
    ("POST", "/v2/organizations/{org.slug}/jobs/{job.id}/ssh-session"),
    ("POST", "/v2/organizations/{org.slug}/agents"),
    ("DELETE", "/v2/organizations/{org.slug}/agents/{id}"),
    ("GET", "/v2/organizations/{org.slug}/clusters/{cluster.id}/secrets"),
    ("GET", "/v2/organizations/{org.slug}/clusters/{cluster.id}/secrets/{id}"),
    ("POST", "/v2/organizations/{org.slug}/clusters/{cluster.id}/secrets"),
    ("PUT", "/v2/organizations/{org.slug}/clusters/{cluster.id}/secrets/{id}"),
    ("PUT", "/v2/organizations/{org.slug}/clusters/{cluster.id}/secrets/{id}/value"),
    ("DELETE", "/v2/organizations/{org.slug}/clusters/{cluster.id}/secrets/{id}"),
    ("GET", "/v2/organizations/{org.slug}/clusters/{cluster.id}/agent-images"),
    ("GET", "/v2/organizations/{org.slug}/clusters/{cluster.id}/agent-images/{id}"),
    ("POST", "/v2/organizations/{org.slug}/clusters/{cluster.id}/agent-images"),
    ("DELETE", "/v2/organizations/{org.slug}/clusters/{cluster.id}/agent-images/{id}"),
    ("GET", "/v2/organizations/{org.slug}/clusters/{cluster.id}/network_ranges"),
    ("GET", "/v2/organizations/{org.slug}/clusters/{cluster.id}/cache_volumes"),
    ("DELETE", "/v2/organizations/{org.slug}/clusters/{cluster.id}/cache_volumes"),
    ("GET", "/v2/organizations/{org.slug}/teams/{team.uuid}/suites"),
    ("GET", "/v2/organizations/{org.slug}/teams/{team.uuid}/suites/{suite.uuid}"),
    ("POST", "/v2/organizations/{org.slug}/teams/{team.uuid}/suites"),
    ("PATCH", "/v2/organizations/{org.slug}/teams/{team.uuid}/suites/{suite.uuid}"),
    ("DELETE", "/v2/organizations/{org.slug}/teams/{team.uuid}/suites/{suite.uuid}"),
    ("GET", "/v2/organizations/{org.slug}/audit_events"),
    ("GET", "/v2/organizations/{org.slug}/audit_events/{uuid}"),
    ("GET", "/v2/organizations/{org.slug}/invitations"),
    ("GET", "/v2/organizations/{org.slug}/invitations/{uuid}"),
    ("POST", "/v2/organizations/{org.slug}/invitations"),
    ("DELETE", "/v2/organizations/{org.slug}/invitations/{uuid}"),
    ("GET", "/v2/organizations/{org.slug}/api-settings"),
    ("PATCH", "/v2/organizations/{org.slug}/api-settings"),
    ("GET", "/v2/organizations/{org.slug}/pipeline-settings"),
    ("PATCH", "/v2/organizations/{org.slug}/pipeline-settings"),
    ("PUT", "/v2/organizations/{org.slug}/pipeline-settings/hosted-agents-ssh"),
    ("DELETE", "/v2/organizations/{org.slug}/pipeline-settings/hosted-agents-ssh"),
    ("PUT", "/v2/organizations/{org.slug}/pipeline-settings/public-pipelines"),
    ("DELETE", "/v2/organizations/{org.slug}/pipeline-settings/public-pipelines"),
    ("PUT", "/v2/organizations/{org.slug}/pipeline-settings/advanced-queue-metrics"),
    ("PUT", "/v2/organizations/{org.slug}/pipeline-settings/build-export"),
    ("DELETE", "/v2/organizations/{org.slug}/pipeline-settings/build-export"),
    ("GET", "/v2/organizations/{org.slug}/repository_connections"),
    ("GET", "/v2/organizations/{org.slug}/repository_connections/{id}"),
    ("GET", "/v2/organizations/{org.slug}/repository_connections/{id}/repositories"),
    ("GET", "/v2/organizations/{org.slug}/services"),
    ("GET", "/v2/organizations/{org.slug}/services/{uuid}"),
    ("POST", "/v2/organizations/{org.slug}/services"),
    ("PATCH", "/v2/organizations/{org.slug}/services/{uuid}"),
    ("DELETE", "/v2/organizations/{org.slug}/services/{uuid}"),
    ("PUT", "/v2/organizations/{org.slug}/services/{uuid}/enable"),
    ("PUT", "/v2/organizations/{org.slug}/services/{uuid}/disable"),
    ("GET", "/v2/organizations/{org.slug}/pipeline-templates"),
    ("GET", "/v2/organizations/{org.slug}/pipeline-templates/{uuid}"),
    ("POST", "/v2/organizations/{org.slug}/pipeline-templates"),
    ("PATCH", "/v2/organizations/{org.slug}/pipeline-templates/{uuid}"),
    ("DELETE", "/v2/organizations/{org.slug}/pipeline-templates/{uuid}"),
    ("GET", "/v2/organizations/{org.slug}/rules"),
    ("GET", "/v2/organizations/{org.slug}/rules/{uuid}"),
    ("POST", "/v2/organizations/{org.slug}/rules"),
    ("DELETE", "/v2/organizations/{org.slug}/rules/{uuid}"),
    ("GET", "/v2/organizations/{org.slug}/portals"),
    ("GET", "/v2/organizations/{org.slug}/portals/{portal.slug}"),
    ("POST", "/v2/organizations/{org.slug}/portals"),
    ("PUT", "/v2/organizations/{org.slug}/portals/{portal.slug}"),
    ("DELETE", "/v2/organizations/{org.slug}/portals/{portal.slug}"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}"),
    ("POST", "/v2/analytics/organizations/{org.slug}/suites"),
    ("PATCH", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}"),
    ("DELETE", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/runs"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/runs/{run.id}"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/runs/{run.id}/failed_executions"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests"),
    // Before the one that any word fits.
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests/muted"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests/skipped"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests/{test.id}"),
    ("POST", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests/find"),
    ("PATCH", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests/{test.id}/labels"),
    ("PUT", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests/{test.id}/skip"),
    ("PUT", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests/{test.id}/mute"),
    ("PUT", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/tests/{test.id}/enable"),
    ("GET", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/flaky-tests"),
    ("PUT", "/v2/analytics/organizations/{org.slug}/suites/{suite.slug}/execution-tags"),
    ("GET", "/v2/analytics/organizations/{org.slug}/builds/{build.id}/tests"),
    ("GET", "/v2/analytics/organizations/{org.slug}/builds/{build.id}/preflight/v1"),
    ("GET", "/v2/analytics/openapi.yaml"),
    ("GET", "/.well-known/api-catalog"),
    ("POST", "/v2/packages/organizations/{org.slug}/registries"),
    ("GET", "/v2/packages/organizations/{org.slug}/registries"),
    ("GET", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}"),
    ("POST", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}"),
    ("DELETE", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}"),
    ("POST", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/packages"),
    ("POST", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/packages/upload"),
    ("GET", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/packages"),
    ("GET", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/packages/{id}"),
    ("POST", "/v2/packages/organizations/{org.slug}/registries/{source_registry.slug}/packages/{package.id}/copy"),
    ("DELETE", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/packages/{id}"),
    ("POST", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/tokens"),
    ("GET", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/tokens"),
    ("GET", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/tokens/{id}"),
    ("POST", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/tokens/{id}"),
    ("DELETE", "/v2/packages/organizations/{org.slug}/registries/{registry.slug}/tokens/{id}"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_found_by_method_and_shape() {
        let find = |method, path: &str| find(method, &path.split('/').collect::<Vec<_>>());
        assert!(find("GET", "v2/organizations/acme/portals").is_some());
        assert!(find("GET", "v2/organizations/acme/teams/1/suites").is_some());
        assert_eq!(find("PATCH", "v2/analytics/openapi.yaml"), None);
        assert_eq!(find("GET", "v2/organizations/acme/portals/1/2/3/4"), None);
    }

    #[test]
    fn no_endpoint_is_both_modelled_and_not() {
        use crate::vocabulary::route::Route;
        for (method, template) in ENDPOINTS {
            let modelled = Route::ALL
                .iter()
                .any(|route| route.method() == *method && route.path() == *template);
            assert!(!modelled, "{method} {template}");
        }
    }
}
