//! How things are asked for: a request becomes a route, a command or a look, and a reply.
//!
//! [`Desk::answer`] keeps nothing and never waits: it is synchronous and runs under the lock of whoever calls it, so
//! that every endpoint can be exercised without a socket. The edge around it is where threads, sockets and hyper are;
//! hyper types stop in `connection`.
//!
//! The map:
//!
//! - The edge: `server` is a port and its thread, `connection` one connection, `io` the bytes under it, `spelling` the
//!   headers of replies as HTTP has them; `again` is a request that came before and `lines` the head of its reply, both
//!   past hyper; `wreck` is what a fault does to a reply on its way out, `failures` what went wrong on our side.
//! - What comes and what goes: `request` and `reply`; `query`, `json` and its `fields` are how a request speaks.
//! - The way: `router` says which endpoint it is, and `unmodelled` which ones are Buildkite's and not ours; `auth` who
//!   asks, `rates` how often; `rest` has a function for each endpoint, with `pagination` and `cursor` for lists and
//!   `accept` for forms; `graphql`, `pages` and `downloads` go their own ways; `error` is every refusal, word for word,
//!   and `faults` what a fault says in place of an answer.
//! - What all have: `headers`; `options` are what a test can choose; `tags` spare a client what it has, and `kept` us
//!   what we said already.
//!
//! Order of checks: page (`pages`; they are for people and need no token), the bytes of an artifact (`downloads`; at
//! another host they refuse one), route, token (401), rate limit (429), scope (403), organization, pipeline, build,
//! job, schedule (404), what the user may do (403), body (400, 422), state (400, 422). GraphQL goes its own way after
//! the token (`graphql`).
//! Source: Buildkite docs, "REST API"; recorded responses for headers.

mod accept;
mod again;
mod auth;
pub(crate) mod connection;
mod cursor;
pub(crate) mod downloads;
mod error;
pub(crate) mod failures;
mod faults;
mod fields;
mod graphql;
mod headers;
mod io;
mod json;
mod kept;
mod lines;
mod options;
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

use crate::engine::account::{TokenKey, UserKey};
use crate::engine::build::BuildKey;
use crate::engine::job::JobKey;
use crate::engine::{Applied, Command, Engine};
use crate::http::error::ApiError;
use crate::http::headers::HEADERS;
use crate::http::kept::{Answer, Question};
use crate::http::query::Query;
use crate::http::rates::{Payer, Usage};
use crate::http::reply::Reply;
use crate::http::request::{Method, Request};
use crate::http::router::{Place, Target};
use crate::vocabulary::event::Event;
use crate::vocabulary::route::Route;
use crate::vocabulary::scope::Scope;
use crate::wire::shelf::Shelf;
use crate::wire::{self, View};

pub(crate) use failures::panic_text;
pub(crate) use faults::{asked, delivery, is_about_a_blocked_build, route_of};
#[cfg(feature = "cli")]
pub(crate) use json::AS_A_MAP;
pub(crate) use kept::Kept;
pub(crate) use options::{Clusters, Options};
pub(crate) use rates::{RateLimits, Rates};
pub(crate) use tags::Tags;

/// How much of a path that is no route a report names: 200 characters.
const NAMED_PATH: usize = 200;

/// Where one request is answered: all that has a say in its answer.
pub(crate) struct Desk<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) kept: &'a mut Kept,
    pub(crate) rates: &'a mut Rates,
    pub(crate) tags: &'a mut Tags,
    pub(crate) options: &'a Options,
    /// Counts requests, and names this one.
    pub(crate) ordinal: u64,
}

/// An answer, and what else came of the request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) route: Option<Route>,
    pub(crate) events: Vec<Event>,
    pub(crate) aside: Aside,
    /// In a sentence, that it was for something nobody serves.
    pub(crate) unserved: Option<String>,
}

/// What goes with an answer and is not for the client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aside {
    /// The builds it showed that were not over: a poll.
    pub(crate) polled: Vec<BuildKey>,
    /// The job whose log it showed, if that is what the poll was for.
    pub(crate) tailed: Option<JobKey>,
    /// What the test should know about how it was answered.
    pub(crate) note: Option<String>,
}

/// Nothing else came of it.
impl From<Reply> for Answered {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            route: None,
            events: Vec::new(),
            aside: Aside::default(),
            unserved: None,
        }
    }
}

impl From<ApiError> for Answered {
    fn from(error: ApiError) -> Self {
        error.into_reply().into()
    }
}

impl Answered {
    fn noted(mut self, note: Option<String>) -> Self {
        self.aside.note = note;
        self
    }

    fn at(mut self, route: Route) -> Self {
        self.route = Some(route);
        self
    }
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
    aside: Aside,
}

impl Desk<'_> {
    /// Answers the request.
    pub(crate) fn answer(&mut self, request: &Request) -> Answered {
        if request.method == Method::Options {
            return self.finish(Reply::new(200)).into();
        }
        if let Some(mut answered) = self.said(request) {
            let reply = self.tags.spare(request, answered.reply);
            answered.reply = self.finish(reply);
            return answered;
        }
        let segments = router::segments(&request.path);
        let segments: Vec<&str> = segments.iter().map(Cow::as_ref).collect();
        let target = router::find(&request.method, &segments);
        let answered = match target {
            Target::Known(route, place) if route.is_page() => self.page(route, place),
            Target::Known(route @ Route::ArtifactContent, place) => {
                Some(self.bytes(request, place).at(route))
            }
            Target::Known(..) | Target::Unmodelled(_) | Target::Unknown => None,
        };
        if let Some(answered) = answered {
            return answered;
        }
        let mut answered = match target {
            Target::Known(route, _) if route.is_page() => no_route(request, &segments),
            Target::Unknown => no_route(request, &segments),
            Target::Unmodelled(template) => unmodelled(request, template),
            Target::Known(route, place) => self.endpoint(request, route, place).at(route),
        };
        let reply = self.tags.spare(request, answered.reply);
        answered.reply = self.finish(reply);
        answered
    }

    /// A page for people, if the path leads to one.
    fn page(&mut self, route: Route, place: Place<'_>) -> Option<Answered> {
        let (reply, note) = pages::answer(self.engine, route, place)?;
        let reply = self.stamp(pages::finish(reply));
        Some(Answered::from(reply).noted(note).at(route))
    }

    /// The bytes of an artifact.
    fn bytes(&mut self, request: &Request, place: Place<'_>) -> Answered {
        let (reply, note) = downloads::answer(self.engine, self.options, request, place);
        Answered::from(self.stamp(reply)).noted(note)
    }

    /// What an endpoint of the API says, the limits of its caller included.
    fn endpoint(&mut self, request: &Request, route: Route, place: Place<'_>) -> Answered {
        let origin = self.options.origin_for(request);
        if route == Route::Root {
            return rest::root(&View::new(self.engine, &origin)).into();
        }
        if route == Route::GetMeta {
            return rest::meta(&View::new(self.engine, &origin)).into();
        }
        let Some(token) = auth::token(self.engine, request) else {
            return ApiError::unauthorized().into();
        };
        if route == Route::GraphQl {
            // It has limits of its own, which nobody is held to.
            let call = graphql::Call {
                engine: self.engine,
                origin: &origin,
                token,
                request,
            };
            let mut answered = call.answer();
            answered.reply = self.with_scopes(token, route, answered.reply);
            return answered;
        }
        let payer = Payer::new(self.engine, token, place.organization);
        let usage = self.count(payer);
        let mut answered = match usage.refusal() {
            Some(reply) => reply.into(),
            None => self.rest(request, (route, place), token, usage, origin),
        };
        answered.reply.headers.reserve(HEADERS);
        answered.reply = self.with_scopes(token, route, answered.reply);
        if answered.reply.status == 200 && kept::is_repeated(request, route) {
            let answer = Answer {
                reply: answered.reply.clone(),
                aside: answered.aside.clone(),
                route,
                token,
                payer,
            };
            self.kept.put(&Question::of(request), answer);
        }
        answered.reply = usage.write_on(answered.reply);
        answered
    }

    /// What an endpoint said already, if nothing has changed since; the limits of its caller included.
    fn said(&mut self, request: &Request) -> Option<Answered> {
        let answer = self.kept.find(self.engine, request)?;
        let Answer {
            reply,
            aside,
            route,
            token,
            payer,
        } = answer;
        let usage = self.count(payer);
        let mut answered = match usage.refusal() {
            Some(refusal) => self.with_scopes(token, route, refusal).into(),
            None => Answered {
                aside,
                ..reply.into()
            },
        };
        answered.reply.headers.reserve(HEADERS);
        answered.reply = usage.write_on(answered.reply);
        Some(answered.at(route))
    }

    fn count(&mut self, payer: Payer) -> Usage {
        let now = self.engine.now();
        self.rates.count(now, Some(payer), self.options.rates)
    }

    /// What the handler of an endpoint says.
    fn rest(
        &mut self,
        request: &Request,
        (route, place): (Route, Place<'_>),
        token: TokenKey,
        usage: Usage,
        origin: String,
    ) -> Answered {
        if let Err(refused) = auth::check_scope(self.engine, token, route) {
            return refused.into();
        }
        self.kept.shelf.get_mut().turn_to(&origin);
        let mut cx = Cx {
            user: self.engine.token(token).user,
            engine: self.engine,
            options: self.options,
            shelf: &self.kept.shelf,
            token,
            usage,
            origin,
            request,
            query: Query::parse(&request.query),
            place,
            events: Vec::new(),
            aside: Aside::default(),
        };
        let result = rest::handle(&mut cx, route);
        let Cx { events, aside, .. } = cx;
        Answered {
            events,
            aside,
            ..result.unwrap_or_else(ApiError::into_reply).into()
        }
    }
}

/// Buildkite has no such path.
fn no_route(request: &Request, segments: &[&str]) -> Answered {
    let (nearest, hint) = router::nearest(&request.method, segments);
    let path: String = request.path.chars().take(NAMED_PATH).collect();
    let asked = format!("{} {path}", request.method);
    let reply = ApiError::no_route(&request.path).into_reply();
    let reply = reply.with_header("x-fake-buildkite-nearest-route", nearest.to_string());
    let note = format!("no such route; nearest: {nearest}{hint}");
    Answered {
        unserved: Some(format!(
            "{asked} is no route of Buildkite's; nearest: {nearest}{hint}"
        )),
        ..Answered::from(reply).noted(Some(note))
    }
}

/// Buildkite has it, and this fake does not.
fn unmodelled(request: &Request, template: &str) -> Answered {
    let asked = format!("{} {template}", request.method);
    Answered {
        unserved: Some(format!("{asked} is not modelled by this fake")),
        ..Answered::from(ApiError::unmodelled(&asked))
            .noted(Some(format!("{template} is not modelled")))
    }
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
