//! From a path to a closed [`Route`]: a pure function over path segments.
//!
//! Hand-written, so that the set stays closed and the compiler knows it; what Buildkite has beyond it is `unmodelled`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::http::request::Method;
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
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'p> {
    Known(Route, Place<'p>),
    /// Buildkite has this endpoint, this fake does not: its template.
    Unmodelled(&'static str),
    Unknown,
}

/// The decoded segments of a path. A slash at the end, or two in a row, make no difference.
pub(crate) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    let decode = |segment| percent_decode_str(segment).decode_utf8_lossy();
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(decode)
        .collect()
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

fn known<'p>(method: &str, segments: &[&'p str]) -> Option<(Route, Place<'p>)> {
    let nowhere = Place::default();
    let rest = match segments {
        [] if method == "GET" => return Some((Route::Root, nowhere)),
        ["v2", rest @ ..] => rest,
        ["_artifacts", artifact, _] if method == "GET" => {
            let at = Place {
                artifact,
                ..nowhere
            };
            return Some((Route::ArtifactContent, at));
        }
        [organization, pipeline, rest @ ..] if method == "GET" => {
            let at = Place {
                organization,
                pipeline,
                ..nowhere
            };
            return match rest {
                [] => Some((Route::PipelinePage, at)),
                ["builds", build] => Some((Route::BuildPage, Place { build, ..at })),
                ["builds", build, "artifacts", artifact] => Some((
                    Route::ArtifactPage,
                    Place {
                        build,
                        artifact,
                        ..at
                    },
                )),
                _ => None,
            };
        }
        _ => return None,
    };
    let (organization, rest) = match rest {
        ["user"] if method == "GET" => return Some((Route::GetUser, nowhere)),
        ["access-token"] if method == "GET" => return Some((Route::GetAccessToken, nowhere)),
        ["builds"] if method == "GET" => return Some((Route::ListBuilds, nowhere)),
        ["organizations"] if method == "GET" => return Some((Route::ListOrganizations, nowhere)),
        ["organizations", organization, rest @ ..] => (*organization, rest),
        _ => return None,
    };
    let at = Place {
        organization,
        ..nowhere
    };
    Some(match (method, rest) {
        ("GET", []) => (Route::GetOrganization, at),
        ("GET", ["builds"]) => (Route::ListOrganizationBuilds, at),
        ("PUT", ["jobs", job, "retry"]) => (Route::RetryJob, Place { job, ..at }),
        ("PUT", ["jobs", job, "unblock"]) => (Route::UnblockJob, Place { job, ..at }),
        (method, ["jobs", job, rest @ ..]) => return of_job(method, rest, Place { job, ..at }),
        ("GET", ["pipelines"]) => (Route::ListPipelines, at),
        ("POST", ["pipelines"]) => (Route::CreatePipeline, at),
        (_, ["pipelines", pipeline, rest @ ..]) => {
            let at = Place { pipeline, ..at };
            match (method, rest) {
                ("GET", []) => (Route::GetPipeline, at),
                ("PATCH", []) => (Route::UpdatePipeline, at),
                ("DELETE", []) => (Route::DeletePipeline, at),
                ("POST", ["archive"]) => (Route::ArchivePipeline, at),
                ("POST", ["unarchive"]) => (Route::UnarchivePipeline, at),
                ("POST", ["webhook"]) => (Route::AddWebhook, at),
                ("GET", ["schedules"]) => (Route::ListSchedules, at),
                ("POST", ["schedules"]) => (Route::CreateSchedule, at),
                (method, ["schedules", schedule]) => {
                    let route = match method {
                        "GET" => Route::GetSchedule,
                        "PUT" | "PATCH" => Route::UpdateSchedule,
                        "DELETE" => Route::DeleteSchedule,
                        _ => return None,
                    };
                    (route, Place { schedule, ..at })
                }
                ("GET", ["builds"]) => (Route::ListPipelineBuilds, at),
                ("POST", ["builds"]) => (Route::CreateBuild, at),
                ("GET", ["builds", build]) => (Route::GetBuild, Place { build, ..at }),
                ("PUT", ["builds", build, "cancel"]) => (Route::CancelBuild, Place { build, ..at }),
                ("PUT", ["builds", build, "rebuild"]) => {
                    (Route::RebuildBuild, Place { build, ..at })
                }
                ("PUT", ["builds", build, "jobs", job, "retry"]) => {
                    (Route::RetryJob, Place { build, job, ..at })
                }
                ("PUT", ["builds", build, "jobs", job, "unblock"]) => {
                    (Route::UnblockJob, Place { build, job, ..at })
                }
                (method, ["builds", build, "jobs", job, rest @ ..]) => {
                    return of_job(method, rest, Place { build, job, ..at });
                }
                (method, ["builds", build, rest @ ..]) => {
                    return of_build(method, rest, Place { build, ..at });
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// What is below a build and is about neither its jobs nor its course.
fn of_build<'p>(method: &str, rest: &[&'p str], at: Place<'p>) -> Option<(Route, Place<'p>)> {
    Some(match (method, rest) {
        ("GET", ["artifacts"]) => (Route::ListBuildArtifacts, at),
        ("GET", ["annotations"]) => (Route::ListBuildAnnotations, at),
        ("POST", ["annotations"]) => (Route::CreateBuildAnnotation, at),
        ("DELETE", ["annotations", annotation]) => {
            (Route::DeleteBuildAnnotation, Place { annotation, ..at })
        }
        _ => return None,
    })
}

/// What is below a job, whether the path names its build or not.
fn of_job<'p>(method: &str, rest: &[&'p str], at: Place<'p>) -> Option<(Route, Place<'p>)> {
    Some(match (method, rest) {
        ("GET", ["log"]) => (Route::GetJobLog, at),
        ("GET", ["log.txt"]) => (Route::GetJobLogText, at),
        ("GET", ["log.html"]) => (Route::GetJobLogHtml, at),
        ("DELETE", ["log"]) => (Route::DeleteJobLog, at),
        ("GET", ["env"]) => (Route::GetJobEnv, at),
        ("GET", ["env.txt"]) => (Route::GetJobEnvText, at),
        ("GET", ["artifacts"]) => (Route::ListJobArtifacts, at),
        ("GET", ["artifacts", artifact]) => (Route::GetArtifact, Place { artifact, ..at }),
        ("GET", ["artifacts", artifact, "download"]) => {
            (Route::DownloadArtifact, Place { artifact, ..at })
        }
        ("DELETE", ["artifacts", artifact]) => (Route::DeleteArtifact, Place { artifact, ..at }),
        ("GET", ["annotations"]) => (Route::ListJobAnnotations, at),
        ("POST", ["annotations"]) => (Route::CreateJobAnnotation, at),
        ("DELETE", ["annotations", annotation]) => {
            (Route::DeleteJobAnnotation, Place { annotation, ..at })
        }
        _ => return None,
    })
}

/// The served endpoint that looks most like what was asked for, and what seems to be wrong.
///
/// First the slips that are sure: a path without `/v2`, and a wrong method; then the most segments in common, in order.
pub(crate) fn nearest(method: &Method, segments: &[&str]) -> (Route, &'static str) {
    let with_version: Vec<&str> = std::iter::once("v2")
        .chain(segments.iter().copied())
        .collect();
    if let Target::Known(route, _) = find(method, &with_version) {
        return (route, "; `/v2` is missing: give the program `api_url()`");
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
            ("GET", "/v2/meta", "unmodelled /v2/meta"),
            (
                "GET",
                "/v2/organizations/acme/agents/1",
                "unmodelled /v2/organizations/{org.slug}/agents/{id}",
            ),
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
                "; `/v2` is missing: give the program `api_url()`",
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
