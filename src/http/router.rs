//! From a path to a closed [`Route`]: a pure function over path segments.
//!
//! Hand-written (`paths`), so that the set stays closed and the compiler knows it; what Buildkite has beyond it is
//! `unmodelled`.

mod paths;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::http::request::Method;
use crate::http::router::paths::known;
use crate::http::unmodelled;
use crate::vocabulary::route::Route;

/// The variable parts of a path; those a route does not have are empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place<'p> {
    pub(crate) organization: &'p str,
    pub(crate) pipeline: &'p str,
    /// A number, or something else that was written in its place.
    pub(crate) build: &'p str,
    pub(crate) job: &'p str,
    pub(crate) schedule: &'p str,
    pub(crate) artifact: &'p str,
    pub(crate) annotation: &'p str,
    pub(crate) step_upload: &'p str,
    pub(crate) agent: &'p str,
    pub(crate) cluster: &'p str,
    pub(crate) queue: &'p str,
    /// An agent token of a cluster.
    pub(crate) token: &'p str,
    pub(crate) maintainer: &'p str,
    pub(crate) team: &'p str,
    /// A user, as a member of an organization or of a team.
    pub(crate) member: &'p str,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one for each request, on the stack"
)]
pub(crate) enum Target<'p> {
    Known(Route, Place<'p>),
    /// Buildkite has this endpoint, this fake does not: its template.
    Unmodelled(&'static str),
    Unknown,
}

/// The decoded segments of a path. A slash at the end, or two in a row, make no difference: a client whose base address ends
/// in a slash, and whose paths begin with one, works with Buildkite, too.
///
/// Chosen: the end is documented; in the middle nothing is, and Buildkite is a Rails application, whose router makes one
/// slash of several and drops the last before it looks for a route (`Journey::Router::Utils.normalize_path`).
pub(crate) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    let mut segments = Vec::with_capacity(12);
    for segment in path.split('/') {
        if segment.contains('%') {
            segments.push(percent_decode_str(segment).decode_utf8_lossy());
        } else if !segment.is_empty() {
            segments.push(Cow::Borrowed(segment));
        }
    }
    segments
}

pub(crate) fn find<'p>(method: &Method, segments: &[&'p str]) -> Target<'p> {
    // What can be read can be asked for with HEAD.
    let method = if *method == Method::Head {
        "GET"
    } else {
        method.as_str()
    };
    if let Some((route, place)) = known(method, segments) {
        return Target::Known(route, place);
    }
    match unmodelled::find(method, segments) {
        Some(template) => Target::Unmodelled(template),
        None => Target::Unknown,
    }
}

/// The served endpoint that looks most like what was asked for, and what seems to be wrong.
///
/// First the slips that are sure: a path without `/v2`, and a wrong method; then the most segments in common, in order.
pub(crate) fn nearest(method: &Method, segments: &[&str]) -> (Route, &'static str) {
    let with_version: Vec<&str> = std::iter::once("v2")
        .chain(segments.iter().copied())
        .collect();
    if let Target::Known(route, _) = find(method, &with_version) {
        return (route, "; `/v2` is missing: give the program the `api_url`");
    }
    for other in ["GET", "PUT", "POST", "PATCH", "DELETE"] {
        if let Some((route, _)) = known(other, segments).filter(|(route, _)| is_endpoint(*route)) {
            return (route, "; the method is another");
        }
    }
    let likeness = |route: &Route| {
        let template: Vec<_> = route
            .path()
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let pairs = template.iter().zip(segments);
        let same = pairs.map(|(wanted, given)| match *wanted {
            wanted if wanted == *given => 3,
            wanted if wanted.starts_with('{') => 2,
            // A slip of the pen, and not a word of its own.
            wanted if is_alike(wanted, given) => 2,
            _ => 0,
        });
        let (same, longer) = (same.sum::<usize>(), template.len().max(segments.len()));
        // The root counts, too: the likeness of `/` to itself is all there is.
        (
            (same + 3) * 1_000 / (longer + 1),
            route.method() == method.as_str(),
        )
    };
    // Nobody who is lost means a page: nearly every path looks like one.
    let endpoints = Route::ALL
        .iter()
        .copied()
        .filter(|route| is_endpoint(*route));
    let best = endpoints.rev().max_by_key(likeness);
    (best.unwrap_or(Route::Root), "")
}

fn is_endpoint(route: Route) -> bool {
    !route.is_page() && route != Route::ArtifactContent
}

/// Whether two words begin and end alike, and differ by few letters in length.
fn is_alike(wanted: &str, given: &str) -> bool {
    let same = |(a, b): &(char, char)| a == b;
    let begins = wanted.chars().zip(given.chars()).take_while(same).count();
    let ends = wanted
        .chars()
        .rev()
        .zip(given.chars().rev())
        .take_while(same)
        .count();
    let shorter = wanted.len().min(given.len());
    wanted.len().abs_diff(given.len()) <= 2 && (begins + ends) * 3 >= shorter * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_template() {
        for route in Route::ALL {
            let parts = segments(route.path());
            let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
            let found = find(&route.method().into(), &parts);
            let Target::Known(found, place) = found else {
                panic!("{route} is {found:?}")
            };
            assert_eq!(found, *route);
            let wanted = |part: &'static str| {
                if route.path().contains(part) {
                    part
                } else {
                    ""
                }
            };
            assert_eq!(place.organization, wanted("{org.slug}"));
            assert_eq!(place.build, wanted("{build.number}"));
            assert_eq!(place.job, wanted("{job.id}"));
            let id_of = |what: &str| {
                if route.path().contains(what) {
                    "{id}"
                } else {
                    ""
                }
            };
            assert_eq!(place.schedule, id_of("schedules/{id}"));
            assert_eq!(place.artifact, id_of("artifacts/{id}"));
            assert_eq!(place.annotation, wanted("{annotation.uuid}"));
            assert_eq!(place.step_upload, wanted("{uuid}"));
            assert_eq!(place.agent, id_of("agents/{id}"));
            let cluster = [id_of("clusters/{id}"), wanted("{cluster.id}")].concat();
            assert_eq!(place.cluster, cluster);
            assert_eq!(place.queue, id_of("queues/{id}"));
            assert_eq!(place.token, id_of("tokens/{id}"));
            assert_eq!(place.maintainer, id_of("maintainers/{id}"));
            assert_eq!(place.team, wanted("{team.uuid}"));
            assert_eq!(place.member, wanted("{user.uuid}"));
        }
    }

    #[test]
    fn paths_are_taken_apart_the_way_clients_write_them() {
        let table = [
            ("GET", "/", "GET /"),
            ("HEAD", "/v2/user", "GET /v2/user"),
            ("GET", "//v2/user//", "GET /v2/user"),
            (
                "POST",
                "/v2/organizations/acme/pipelines/",
                "POST /v2/organizations/{org.slug}/pipelines",
            ),
            (
                "PUT",
                "/v2/organizations/acme/jobs/1/retry",
                "PUT /v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/retry",
            ),
            (
                "PATCH",
                "/v2/organizations/acme/pipelines/app/schedules/1",
                "PUT /v2/organizations/{org.slug}/pipelines/{pipeline.slug}/schedules/{id}",
            ),
            (
                "GET",
                "/v2/organizations/acme/portals/1",
                "unmodelled /v2/organizations/{org.slug}/portals/{portal.slug}",
            ),
            (
                "PATCH",
                "/v2/organizations/acme/clusters/1/queues/2",
                "PUT /v2/organizations/{org.slug}/clusters/{cluster.id}/queues/{id}",
            ),
            (
                "POST",
                "/v2/organizations/acme/teams/1/members/",
                "POST /v2/organizations/{org.slug}/teams/{team.uuid}/members",
            ),
            ("POST", "/v2/organizations/acme/teams/2", "unknown"),
            ("POST", "/v2/user", "unknown"),
            ("HEAD", "/acme/app/", "GET /{org.slug}/{pipeline.slug}"),
            (
                "GET",
                "/acme/app/builds/1",
                "GET /{org.slug}/{pipeline.slug}/builds/{build.number}",
            ),
            (
                "DELETE",
                "/v2/organizations/acme/jobs/1/annotations/2",
                "DELETE /v2/organizations/{org.slug}/pipelines/{pipeline.slug}/builds/{build.number}/jobs/{job.id}/annotations/{annotation.uuid}",
            ),
            (
                "HEAD",
                "/_artifacts/1/a.txt",
                "GET /_artifacts/{id}/{filename}",
            ),
            ("GET", "/acme/app/builds", "unknown"),
            ("POST", "/acme/app", "unknown"),
            ("GET", "/v2/acme/app", "unknown"),
            ("PURGE", "/v2/user", "unknown"),
            ("GET", "/404-not-found", "unknown"),
        ];
        for (method, path, expected) in table {
            let parts = segments(path);
            let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
            let found = match find(&method.into(), &parts) {
                Target::Known(route, _) => route.to_string(),
                Target::Unmodelled(template) => format!("unmodelled {template}"),
                Target::Unknown => "unknown".to_owned(),
            };
            assert_eq!(found, expected, "{method} {path}");
        }
        assert_eq!(segments("/a%2Fb/%ff"), ["a/b", "\u{fffd}"]);
    }

    #[test]
    fn the_nearest_route_helps_with_a_slip() {
        let table = [
            (
                "POST",
                "/v2/organizations/a/pipelines/b/builds/1/cancel",
                Route::CancelBuild,
                "; the method is another",
            ),
            (
                "GET",
                "/v2/organisations/a/pipelines/b",
                Route::GetPipeline,
                "",
            ),
            ("GET", "/v2/usr", Route::GetUser, ""),
            ("POST", "/", Route::Root, "; the method is another"),
            (
                "POST",
                "/organizations/acme/pipelines/app/builds",
                Route::CreateBuild,
                "; `/v2` is missing: give the program the `api_url`",
            ),
        ];
        for (method, path, route, hint) in table {
            let parts = segments(path);
            let found = nearest(
                &method.into(),
                &parts.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
            );
            assert_eq!(found, (route, hint), "{method} {path}");
        }
    }
}
