//! What a fault says in place of an answer, what it does to one, and what a request is about for the rules.
//!
//! Elsewhere: the rules (`fault`), how an answer is spoiled on its way out (`wreck`).

use std::borrow::Cow;

use uuid::Uuid;

use crate::engine::Engine;
use crate::engine::build::BuildKey;
use crate::fault::{Asked, Plan, Verdict};
use crate::http::error::ApiError;
use crate::http::rates::Payer;
use crate::http::reply::{Delivery, Reply};
use crate::http::request::Request;
use crate::http::router::{self, Place, Target};
use crate::http::{Answered, Desk, auth, rest};
use crate::vocabulary::ids::JobId;
use crate::vocabulary::route::Route;
use crate::vocabulary::states::BuildState;

/// The endpoint that a request is for, if it is one.
pub(crate) fn route_of(request: &Request) -> Option<Route> {
    with_target(request, |target| match target {
        Target::Known(route, _) => Some(route),
        Target::Unmodelled(_) | Target::Unknown => None,
    })
}

/// What a request is about.
pub(crate) fn asked(engine: &Engine, request: &Request) -> Asked {
    with_target(request, |target| match target {
        Target::Known(route, place) => Asked {
            route: Some(route),
            ..about(engine, place)
        },
        Target::Unmodelled(_) | Target::Unknown => Asked::default(),
    })
}

/// Whether a request is about a build that only a person moves on.
pub(crate) fn is_about_a_blocked_build(engine: &Engine, request: &Request) -> bool {
    let build = with_target(request, |target| match target {
        Target::Known(_, place) => build_at(engine, place),
        Target::Unmodelled(_) | Target::Unknown => None,
    });
    build.is_some_and(|build| engine.build(build).state == BuildState::Blocked)
}

fn with_target<T>(request: &Request, look: impl FnOnce(Target<'_>) -> T) -> T {
    let segments = router::segments(&request.path);
    let segments: Vec<&str> = segments.iter().map(Cow::as_ref).collect();
    look(router::find(&request.method, &segments))
}

fn about(engine: &Engine, place: Place<'_>) -> Asked {
    let job = place.job.parse::<Uuid>().ok().map(JobId);
    let job = job.and_then(|id| engine.job_by_id(id));
    let build = job.map_or_else(
        || build_at(engine, place),
        |job| Some(engine.job(job).build),
    );
    Asked {
        route: None,
        build: build.map(|build| engine.build(build).id),
        job: job.map(|job| engine.job(job).id),
    }
}

fn build_at(engine: &Engine, place: Place<'_>) -> Option<BuildKey> {
    let organization = engine.organization_by_slug(place.organization)?;
    let pipeline = engine.pipeline_by_slug(organization, place.pipeline)?;
    engine.build_by_number(pipeline, rest::build_number(place.build)?)
}

impl Desk<'_> {
    /// Answers the request as far as a fault that came to it lets it.
    pub(crate) fn answer_despite(&mut self, request: &Request, fault: &Plan) -> Answered {
        if fault.keeps_away() {
            return Answered {
                route: route_of(request),
                ..self.instead(request, &fault.verdict).into()
            };
        }
        let mut answered = self.answer(request);
        if is_said_instead(&fault.verdict) {
            answered.reply = self.instead(request, &fault.verdict);
        }
        answered
    }

    /// What a client gets that gets no answer of the API.
    fn instead(&mut self, request: &Request, verdict: &Verdict) -> Reply {
        let reply = match verdict {
            Verdict::Status(429) => self.rate_limited(request, None),
            Verdict::RateLimited { reset } => self.rate_limited(request, *reset),
            Verdict::Status(status) => error(*status, request),
            Verdict::Answer { status, body } => {
                let mut reply = Reply::new(*status).with_header("content-type", kind_of(body));
                reply.body = body.clone().into();
                reply
            }
            // Nobody sees it.
            Verdict::Delay(_)
            | Verdict::Reset
            | Verdict::HalfClose
            | Verdict::Stall
            | Verdict::Garbage
            | Verdict::Truncate { .. }
            | Verdict::WrongLength { .. }
            | Verdict::Slow { .. } => Reply::new(200),
        };
        self.finish(reply)
    }

    fn rate_limited(&mut self, request: &Request, reset: Option<u64>) -> Reply {
        let engine = &*self.engine;
        let payer = auth::token(engine, request).map(|token| {
            with_target(request, |target| match target {
                Target::Known(_, place) => Payer::new(engine, token, place.organization),
                Target::Unmodelled(_) | Target::Unknown => Payer::new(engine, token, ""),
            })
        });
        let usage = self.rates.count(engine.now(), payer, self.options.rates);
        let usage = usage.exceeded(reset);
        let reply = usage.refusal().expect("it is said to be exceeded");
        usage.write_on(reply)
    }
}

/// Whether a fault says something in place of an answer.
fn is_said_instead(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Status(_) | Verdict::Answer { .. } | Verdict::RateLimited { .. }
    )
}

/// What becomes of an answer on its way out.
pub(crate) fn delivery(verdict: &Verdict) -> Delivery {
    match *verdict {
        Verdict::Status(_)
        | Verdict::Answer { .. }
        | Verdict::RateLimited { .. }
        | Verdict::Delay(_) => Delivery::Whole,
        Verdict::Reset => Delivery::Reset,
        Verdict::HalfClose => Delivery::HalfClose,
        Verdict::Stall => Delivery::Stall,
        Verdict::Garbage => Delivery::Garbage,
        Verdict::Truncate { bytes } => Delivery::Truncated { bytes },
        Verdict::WrongLength { by } => Delivery::WrongLength { by },
        Verdict::Slow { pieces, pause } => Delivery::Slow { pieces, pause },
    }
}

/// An error in Buildkite's shape and, where they are known, in its words.
///
/// Chosen: where they are not, the message is what HTTP calls the status.
fn error(status: u16, request: &Request) -> Reply {
    let error = match status {
        401 => ApiError::unauthorized(),
        403 => ApiError::forbidden(),
        404 => with_target(request, |target| match target {
            Target::Known(_, place) => missing(place),
            Target::Unmodelled(_) | Target::Unknown => ApiError::no_route(&request.path),
        }),
        422 => ApiError::new(422, "Validation Failed"),
        status => ApiError::new(status, phrase(status)),
    };
    error.into_reply()
}

/// The innermost thing that a path names is missing.
fn missing(place: Place<'_>) -> ApiError {
    let Place {
        organization: _,
        pipeline,
        build,
        job,
        schedule,
        artifact,
        annotation,
        step_upload,
        agent,
        cluster,
        queue,
        token,
        maintainer,
        team,
        member,
    } = place;
    // A team's members and pipelines are called after it.
    let (of_member, of_pipeline) = if team.is_empty() {
        ("organization member", "pipeline")
    } else {
        ("team member", "team pipeline")
    };
    // What stands inside of something else comes before it.
    let named = [
        (artifact, "artifact"),
        (annotation, "annotation"),
        (step_upload, "step upload"),
        (agent, "agent"),
        (queue, "cluster queue"),
        (token, "cluster token"),
        (maintainer, "cluster maintainer"),
        (cluster, "cluster"),
        (member, of_member),
        (job, "job"),
        (build, "build"),
        (schedule, "pipeline schedule"),
        (pipeline, of_pipeline),
        (team, "team"),
    ];
    let innermost = named.iter().find(|(part, _)| !part.is_empty());
    ApiError::not_found(innermost.map_or("organization", |(_, what)| what))
}

/// What HTTP calls a status.
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        402 => "Payment Required",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        418 => "I'm a teapot",
        423 => "Locked",
        425 => "Too Early",
        428 => "Precondition Required",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        other if other < 500 => "Client Error",
        _ => "Server Error",
    }
}

/// Chosen: a body of the test's own is JSON if it looks like it, and otherwise a page, as what stands before a service
/// sends one.
fn kind_of(body: &[u8]) -> &'static str {
    match body.first() {
        Some(b'{' | b'[') => "application/json; charset=utf-8",
        Some(_) | None => "text/html; charset=utf-8",
    }
}
