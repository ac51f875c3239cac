//! How things are asked for: a request becomes a route, a command or a look, and a reply.
//!
//! [`answer`] keeps nothing and never waits: it is synchronous and runs under the lock of whoever calls it, so that
//! every endpoint can be exercised without a socket. The edge around it (`server`, `connection`, `io`, `wreck`,
//! `failures`) is where threads, sockets and hyper are; hyper types stop in `connection`. What a fault does to a reply
//! there is `wreck`'s, what it says in place of one is `faults`'.
//!
//! Order of checks: page (`pages`; they are for people and need no token), the bytes of an artifact (`downloads`; at
//! another host they refuse one), route, token (401), rate limit (429), scope (403), organization, pipeline, build,
//! job, schedule (404), what the user may do (403), body (400, 422), state (400, 422). GraphQL goes its own way after
//! the token (`graphql`).
//! Source: Buildkite docs, "REST API"; recorded responses for headers.

mod accept;
mod auth;
pub(crate) mod connection;
mod cursor;
pub(crate) mod downloads;
mod error;
pub(crate) mod failures;
mod faults;
mod graphql;
mod io;
mod json;
mod kept;
mod pages;
mod pagination;
pub(crate) mod query;
mod rates;
pub(crate) mod reply;
pub(crate) mod request;
mod rest;
pub(crate) mod router;
pub(crate) mod server;
mod spelling;
mod tags;
mod unmodelled;
mod wreck;

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::OnceLock;

use crate::engine::account::{TokenKey, UserKey};
use crate::engine::build::BuildKey;
use crate::engine::job::JobKey;
use crate::engine::{Applied, Command, Engine};
use crate::http::error::ApiError;
use crate::http::kept::{Answer, Question};
use crate::http::query::Query;
use crate::http::rates::{Payer, Usage};
use crate::http::reply::Reply;
use crate::http::request::{Method, Request};
use crate::http::router::{Place, Target};
use crate::vocabulary::event::Event;
use crate::vocabulary::ids::{self, Kind};
use crate::vocabulary::route::Route;
use crate::vocabulary::scope::Scope;
use crate::wire::shelf::Shelf;
use crate::wire::{self, View, Waiters};

pub(crate) use failures::panic_text;
pub(crate) use faults::{
    asked, delivery, instead, is_about_a_blocked_build, is_said_instead, kept_away, route_of,
};
pub(crate) use kept::Kept;
pub(crate) use rates::{RateLimits, Rates};
pub(crate) use tags::Tags;

/// Whether a new pipeline has to name its cluster.
///
/// Chosen: the documentation says so, recordings do without, and new organizations are said to refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Clusters {
    #[default]
    Optional,
    Required,
}

/// What a test can choose about answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Where URLs begin; by default where the client reached the fake.
    pub(crate) origin: Option<String>,
    pub(crate) waiters: Waiters,
    pub(crate) clusters: Clusters,
    /// Requests for what nobody serves do not fail the test.
    pub(crate) allow_unknown_routes: bool,
    /// Programs that poll in vain are not told of while they do.
    pub(crate) no_hints: bool,
    pub(crate) rates: RateLimits,
    /// Where the fake listens, for requests that do not say how they reached it.
    pub(crate) own_origin: OnceLock<String>,
}

impl Options {
    /// The same, for a server that listens elsewhere.
    pub(crate) fn elsewhere(&self) -> Self {
        Self {
            origin: self.origin.clone(),
            own_origin: OnceLock::new(),
            ..*self
        }
    }
}

/// How much of a path that is no route a report names: 200 characters.
const NAMED_PATH: usize = 200;

/// How many headers an answer gets beside those of its handler: room for them is made at once.
const HEADERS: usize = 24;

/// An answer, and what else came of the request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) route: Option<Route>,
    pub(crate) events: Vec<Event>,
    /// The builds it showed that were not over: a poll.
    pub(crate) polled: Vec<BuildKey>,
    /// The job whose log it showed, if that is what the poll was for.
    pub(crate) tailed: Option<JobKey>,
    /// What the test should know about how it was answered.
    pub(crate) note: Option<String>,
    /// In a sentence, that it was for something nobody serves.
    pub(crate) unserved: Option<String>,
}

/// What a handler works with.
struct Cx<'a> {
    engine: &'a mut Engine,
    options: &'a Options,
    shelf: &'a RefCell<Shelf>,
    token: TokenKey,
    /// Who has the token.
    user: UserKey,
    usage: Usage,
    origin: String,
    request: &'a Request,
    query: Query,
    place: Place<'a>,
    events: Vec<Event>,
    polled: Vec<BuildKey>,
    tailed: Option<JobKey>,
    note: Option<String>,
}

/// Answers one request. `ordinal` counts requests and names this one.
pub(crate) fn answer(
    engine: &mut Engine,
    kept: &mut Kept,
    rates: &mut Rates,
    tags: &mut Tags,
    options: &Options,
    ordinal: u64,
    request: &Request,
) -> Answered {
    let segments = router::segments(&request.path);
    let segments: Vec<&str> = segments.iter().map(Cow::as_ref).collect();
    let mut answered = Answered {
        reply: Reply::new(200),
        route: None,
        events: Vec::new(),
        polled: Vec::new(),
        tailed: None,
        note: None,
        unserved: None,
    };
    if request.method == Method::Options {
        answered.reply = finish(engine, kept, ordinal, answered.reply);
        return answered;
    }
    let target = router::find(&request.method, &segments);
    let page = match target {
        Target::Known(route, place) if route.is_page() => {
            pages::answer(engine, route, place).map(|page| (route, page))
        }
        Target::Known(..) | Target::Unmodelled(_) | Target::Unknown => None,
    };
    if let Some((route, (reply, note))) = page {
        answered.route = Some(route);
        answered.note = note;
        answered.reply = stamp(engine, kept, ordinal, pages::finish(reply));
        return answered;
    }
    if let Target::Known(route @ Route::ArtifactContent, place) = target {
        let (reply, note) = downloads::answer(engine, options, request, place);
        answered.route = Some(route);
        answered.note = note;
        answered.reply = stamp(engine, kept, ordinal, reply);
        return answered;
    }
    answered.reply = match target {
        Target::Known(route, _) if route.is_page() => no_route(request, &segments, &mut answered),
        Target::Unknown => no_route(request, &segments, &mut answered),
        Target::Unmodelled(template) => {
            answered.note = Some(format!("{template} is not modelled"));
            answered.unserved = Some(format!(
                "{} {template} is not modelled by this fake",
                request.method
            ));
            ApiError::unmodelled(&format!("{} {template}", request.method)).into_reply()
        }
        Target::Known(route, place) => {
            answered.route = Some(route);
            let target = (route, place);
            known(engine, kept, rates, options, request, target, &mut answered)
        }
    };
    answered.reply = finish(engine, kept, ordinal, tags.spare(request, answered.reply));
    answered
}

fn no_route(request: &Request, segments: &[&str], answered: &mut Answered) -> Reply {
    let (nearest, hint) = router::nearest(&request.method, segments);
    let path: String = request.path.chars().take(NAMED_PATH).collect();
    let asked = format!("{} {path}", request.method);
    answered.note = Some(format!("no such route; nearest: {nearest}{hint}"));
    answered.unserved = Some(format!(
        "{asked} is no route of Buildkite's; nearest: {nearest}{hint}"
    ));
    let reply = ApiError::no_route(&request.path).into_reply();
    reply.with_header("x-fake-buildkite-nearest-route", nearest.to_string())
}

fn known(
    engine: &mut Engine,
    kept: &mut Kept,
    rates: &mut Rates,
    options: &Options,
    request: &Request,
    (route, place): (Route, Place<'_>),
    answered: &mut Answered,
) -> Reply {
    let origin = origin_of(options, request);
    if route == Route::Root {
        return rest::root(&View::new(engine, &origin));
    }
    if route == Route::GetMeta {
        return rest::meta(&View::new(engine, &origin));
    }
    let Some(token) = auth::token(engine, request) else {
        return ApiError::unauthorized().into_reply();
    };
    if route == Route::GraphQl {
        // It has limits of its own, which nobody is held to.
        let call = graphql::Call {
            engine,
            origin: &origin,
            token,
            request,
        };
        let graphql::Answered {
            reply,
            events,
            unserved,
        } = call.answer();
        answered.note.clone_from(&unserved);
        answered.events = events;
        answered.unserved = unserved;
        return with_scopes(engine, kept, token, route, reply);
    }
    let user = engine.token(token).user;
    let payer = Payer::new(engine, token, place.organization);
    let usage = rates.count(engine.now(), Some(payer), options.rates);
    let question = Question::of(route, request, token, &origin);
    let mut handle = |engine: &mut Engine, answered: &mut Answered| {
        auth::check_scope(engine, token, route)?;
        let known = question
            .as_ref()
            .and_then(|question| kept.find(engine, question));
        if let Some(answer) = known {
            answered.polled = answer.polled;
            answered.tailed = answer.tailed;
            answered.note = answer.note;
            return Ok(answer.reply);
        }
        kept.shelf.get_mut().turn_to(&origin);
        let query = Query::parse(&request.query);
        let mut cx = Cx {
            engine,
            options,
            shelf: &kept.shelf,
            token,
            user,
            usage,
            origin: origin.clone(),
            request,
            query,
            place,
            events: Vec::new(),
            polled: Vec::new(),
            tailed: None,
            note: None,
        };
        let result = rest::handle(&mut cx, route);
        answered.events = cx.events;
        answered.polled = cx.polled;
        answered.tailed = cx.tailed;
        answered.note = cx.note;
        if let (Some(question), Ok(reply)) = (question.clone(), &result) {
            let answer = Answer {
                reply: reply.clone(),
                polled: answered.polled.clone(),
                tailed: answered.tailed,
                note: answered.note.clone(),
            };
            kept.put(question, answer);
        }
        result
    };
    let mut reply = usage.refusal().unwrap_or_else(|| {
        let result = handle(engine, answered);
        result.unwrap_or_else(ApiError::into_reply)
    });
    reply.headers.reserve(HEADERS);
    reply = with_scopes(engine, kept, token, route, reply);
    usage.write_on(reply)
}

/// Which scopes the token has, and which one was needed.
fn with_scopes(
    engine: &Engine,
    kept: &mut Kept,
    token: TokenKey,
    route: Route,
    reply: Reply,
) -> Reply {
    let scopes = kept.scopes(&engine.token(token).scopes);
    let reply = reply.with_header("x-oauth-scopes", scopes);
    match route.scope() {
        Some(scope) => reply.with_header("x-accepted-oauth-scopes", scope.as_str()),
        None => reply,
    }
}

/// Where the client reached the fake: URLs in bodies lead back there, or clients that follow them leave.
fn origin_of(options: &Options, request: &Request) -> String {
    match (&options.origin, request.header("host")) {
        (None, Some(host)) => format!("http://{host}"),
        // HTTP/1.0 may do without.
        (Some(_), _) | (None, None) => options.origin().to_owned(),
    }
}

impl Options {
    /// Where URLs begin for whoever did not come by one.
    pub(crate) fn origin(&self) -> &str {
        let own = || {
            self.own_origin
                .get()
                .map_or("http://127.0.0.1", String::as_str)
        };
        self.origin.as_deref().unwrap_or_else(own)
    }
}

/// Who it was and when, which everything that is answered says.
fn stamp(engine: &Engine, kept: &mut Kept, ordinal: u64, reply: Reply) -> Reply {
    let now = engine.now();
    let id = ids::mint(engine.seed(), Kind::Request, ordinal, now);
    reply
        .with_header("x-request-id", id.to_string())
        .with_header("x-runtime", "0.001000")
        .with_header("date", kept.date(now))
}

/// The headers every answer of the API has.
fn finish(engine: &Engine, kept: &mut Kept, ordinal: u64, mut reply: Reply) -> Reply {
    let cache = match reply.header("etag") {
        Some(_) => "max-age=0, private, must-revalidate",
        None => "no-cache",
    };
    // What is done and has nothing to show is the same whatever is accepted: recorded with 204, and with the 201 of a
    // webhook.
    let is_bare = matches!(reply.status, 201 | 204) && reply.body.is_empty();
    if !is_bare {
        reply = reply.with_header("vary", "Accept");
    }
    let reply = reply
        .with_header("cache-control", cache)
        .with_header("access-control-allow-origin", "*")
        .with_header(
            "access-control-allow-methods",
            "GET, POST, PUT, DELETE, OPTIONS",
        )
        .with_header(
            "access-control-expose-headers",
            "Link, RateLimit-Remaining, RateLimit-Limit, RateLimit-Reset, X-OAuth-Scopes",
        )
        .with_header("x-frame-options", "SAMEORIGIN")
        .with_header("x-content-type-options", "nosniff")
        .with_header("referrer-policy", "strict-origin-when-cross-origin");
    stamp(engine, kept, ordinal, reply)
}

impl Cx<'_> {
    /// Carries out a command; what happened reaches the journal with the answer.
    fn apply<C: Command>(&mut self, command: C) -> Result<C::Output, C::Refused> {
        let Applied { value, events } = self.engine.apply(command)?;
        self.events.extend(events);
        Ok(value)
    }

    fn view(&self) -> View<'_> {
        let mut view = View::new(self.engine, &self.origin);
        view.may_edit = self
            .engine
            .token(self.token)
            .scopes
            .contains(&Scope::WritePipelines);
        view.reader = Some(self.user);
        view.waiters = self.options.waiters;
        view.shelf = Some(self.shelf);
        view.saw_text(&self.request.path);
        view.saw_text(&self.request.query);
        if view.may_edit {
            view.saw_text("may edit");
        }
        view
    }

    /// A reply with a body and the `ETag` of what went into it.
    fn show(view: &View<'_>, status: u16, shape: &impl serde::Serialize) -> Reply {
        Self::show_text(view, status, wire::text::json(shape))
    }

    /// The same of what is text already.
    fn show_text(view: &View<'_>, status: u16, text: Vec<u8>) -> Reply {
        let etag = format!("W/\"{}\"", view.fingerprint());
        Reply::json(status, wire::body_of(text)).with_header("etag", etag)
    }
}
