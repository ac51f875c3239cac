//! The pages at the `web_url` of builds and pipelines: for people who look at a test while it runs.
//!
//! They need no token: a browser has none to give, they change nothing, and the fake listens on loopback only. So that
//! no other page in the same browser can read them, they come without the `Access-Control` headers of the API; and
//! their policy forbids scripts, and loading anything, in case a name in a pipeline tried.
//!
//! Elsewhere: what is on them (`timeline`).
//! Chosen: a path below the slug of no organization is no page but no route at all, as on the real API's host.

use crate::engine::Engine;
use crate::engine::account::OrganizationKey;
use crate::engine::build::BuildKey;
use crate::engine::pipeline::PipelineKey;
use crate::http::reply::Reply;
use crate::http::router::Place;
use crate::http::{downloads, rest};
use crate::timeline::{self, Timeline};
use crate::vocabulary::route::Route;
use crate::vocabulary::states::ArtifactState;

/// Styles and the icon of the tab are inside the page; nothing else is let in.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// How many pipelines a page that is not there names.
const CHOICES: usize = 50;

/// A page and its headers, and a note if it is not what was asked for; `None` if the path leads to no page.
pub(super) fn answer(
    engine: &Engine,
    route: Route,
    place: Place<'_>,
) -> Option<(Reply, Option<String>)> {
    let organization = engine.organization_by_slug(place.organization)?;
    let Some(pipeline) = engine.pipeline_by_slug(organization, place.pipeline) else {
        let what = format!(
            "There is no pipeline `{}` in {}.",
            place.pipeline, place.organization
        );
        let choices = pipelines(engine, organization);
        return Some(missing("there is no such pipeline", &what, &choices));
    };
    if route == Route::PipelinePage {
        return Some((show(200, timeline::pipeline_page(engine, pipeline)), None));
    }
    let number = rest::build_number(place.build);
    let Some(build) = number.and_then(|number| engine.build_by_number(pipeline, number)) else {
        let slug = &engine.pipeline(pipeline).slug;
        let what = format!("There is no build {} in pipeline `{slug}`.", place.build);
        return Some(missing(
            "there is no such build",
            &what,
            &[link(engine, place.organization, pipeline)],
        ));
    };
    if route == Route::ArtifactPage {
        return Some(artifact(engine, build, place));
    }
    Some((show(200, Timeline::of(engine, build).html()), None))
}

/// Leads to the bytes, on the same host: a browser has no token to give away.
fn artifact(engine: &Engine, build: BuildKey, place: Place<'_>) -> (Reply, Option<String>) {
    let found = engine.artifacts_of_build(build).find(|(_, artifact)| {
        artifact.state == ArtifactState::Finished && artifact.id.to_string() == place.artifact
    });
    let Some((key, _)) = found else {
        let name = engine.build_ref(build).to_string();
        let path = format!(
            "/{}/{}/builds/{}",
            place.organization, place.pipeline, place.build
        );
        let what = format!("There is no artifact {} in {name}.", place.artifact);
        return missing("there is no such artifact", &what, &[(name, path)]);
    };
    let reply = Reply::new(302).with_header("location", downloads::path_to(engine, key));
    (reply, None)
}

fn show(status: u16, html: String) -> Reply {
    let mut reply = Reply::new(status)
        .with_header("content-type", "text/html; charset=utf-8")
        .with_header("content-security-policy", POLICY);
    reply.body = html.into();
    reply
}

fn missing(note: &str, what: &str, choices: &[(String, String)]) -> (Reply, Option<String>) {
    let page = timeline::not_found(what, choices);
    (show(404, page), Some(note.to_owned()))
}

/// The first pipelines of an organization, each with its name and its path.
fn pipelines(engine: &Engine, key: OrganizationKey) -> Vec<(String, String)> {
    let organization = engine.organization(key);
    let first = organization.pipelines.iter().take(CHOICES);
    first
        .map(|key| link(engine, &organization.slug, *key))
        .collect()
}

fn link(engine: &Engine, organization: &str, key: PipelineKey) -> (String, String) {
    let pipeline = engine.pipeline(key);
    let path = format!("/{organization}/{}", pipeline.slug);
    (pipeline.name.clone(), path)
}

/// The headers every page has besides its own.
pub(super) fn finish(reply: Reply) -> Reply {
    reply
        .with_header("cache-control", "no-store")
        .with_header("x-frame-options", "DENY")
        .with_header("x-content-type-options", "nosniff")
        .with_header("referrer-policy", "no-referrer")
        .with_header("cross-origin-resource-policy", "same-origin")
}
