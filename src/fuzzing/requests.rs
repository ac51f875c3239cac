//! Requests, one after the other, to a world with a little of everything.
//!
//! Each is a line with method and path, lines with headers, an empty line, and a body. `as: 2` in place of a header
//! asks with another token, `as:` with none. In place of a request `ADVANCE 60` lets so many seconds pass. In a path or
//! a body `{job.3}` is the id of the third job, `{build.1}` that of the first build, `{id}` what the last answer called
//! its own, and `{cursor}`, `{etag}` and `{location}` are what it said of these.

use std::fmt::Write as _;

use bytes::Bytes;
use chrono::TimeDelta;
use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::fuzzing::world::World;
use crate::fuzzing::{BETWEEN, text};
use crate::http::reply::{Body, Reply};
use crate::http::request::{Method, Request, Via};

/// How many of an input are made.
const MOST: usize = 12;

/// Nothing that is asked is answered with a 5xx; what is refused changes nothing and says why; what reads changes
/// nothing; what a client has is what it would be sent.
pub fn requests(data: &[u8]) {
    let mut asking = Asking::new();
    for part in split(data).take(MOST) {
        asking.go(part);
    }
    asking.world.engine.check_invariants();
}

/// A document of GraphQL.
pub fn graphql(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let (query, variables) = text.split_once(BETWEEN).unwrap_or((text, "null"));
    let query = Value::String(Asking::new().fill(query));
    let variables: Value = serde_json::from_str(variables).unwrap_or(Value::Null);
    let body = format!("{{\"query\":{query},\"variables\":{variables}}}");
    let request = format!("POST /v1/graphql\n\n{body}");
    let mut asking = Asking::new();
    asking.go(request.as_bytes());
    asking.world.engine.check_invariants();
}

fn split(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let between = BETWEEN.as_bytes();
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let whole = rest?;
        let at = whole.windows(between.len()).position(|it| it == between);
        rest = at.map(|at| &whole[at + between.len()..]);
        Some(at.map_or(whole, |at| &whole[..at]))
    })
}

/// What the last answer said.
#[derive(Default)]
struct Heard {
    id: String,
    cursor: String,
    etag: String,
    location: String,
}

pub(super) struct Asking {
    world: World,
    heard: Heard,
    /// How many were no refusal.
    pub(super) succeeded: usize,
    pub(super) asked: usize,
}

impl Asking {
    pub(super) fn new() -> Self {
        Self {
            world: World::new(),
            heard: Heard::default(),
            succeeded: 0,
            asked: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn all(data: &[u8]) -> Self {
        let mut asking = Self::new();
        split(data).for_each(|part| asking.go(part));
        asking
    }

    fn go(&mut self, part: &[u8]) {
        if let Some(seconds) = part.strip_prefix(b"ADVANCE ") {
            let seconds = text(seconds).and_then(|text| text.trim().parse::<u32>().ok());
            let seconds = i64::from(seconds.unwrap_or(1).min(40_000_000));
            self.world.advance(TimeDelta::seconds(seconds));
            return;
        }
        let Some(request) = self.request(part) else {
            return;
        };
        let before = self.world.engine.clone();
        let reply = self.world.answer(&request);
        self.asked += 1;
        self.succeeded += usize::from(reply.status < 400);
        let what = format!("{} {}?{}", request.method, request.path, request.query);
        check(&what, &request, &reply);
        let reads = matches!(request.method, Method::Get | Method::Head | Method::Options);
        if reads || reply.status >= 400 {
            self.world.engine.check_same(&before);
        } else {
            self.world.engine.check_changed(&before);
        }
        self.hear(&reply);
        if request.method == Method::Get && reply.status == 200 {
            self.ask_again(&request, &reply);
        }
    }

    /// Who has it already is spared it, and nobody is told anything else.
    fn ask_again(&mut self, request: &Request, first: &Reply) {
        let Some(etag) = first
            .header("etag")
            .filter(|_| first.header("accept-ranges").is_none())
        else {
            return;
        };
        let again = self.world.answer(request);
        assert_eq!(
            (again.status, &again.body),
            (200, &first.body),
            "{request:?}"
        );
        let mut knowing = request.clone();
        knowing.headers.retain(|(name, _)| name != "if-none-match");
        knowing
            .headers
            .push(("if-none-match".to_owned(), etag.to_owned()));
        let spared = self.world.answer(&knowing);
        assert_eq!(spared.status, 304, "{request:?}");
    }

    /// A request as it would come from hyper, or none: there are no others.
    fn request(&self, part: &[u8]) -> Option<Request> {
        let end = part.windows(2).position(|it| it == b"\n\n");
        let (head, body) = match end {
            Some(end) => (&part[..end], &part[end + 2..]),
            None => (part, &[][..]),
        };
        let head = self.fill(text(head)?);
        let mut lines = head.lines();
        let (method, target) = lines.next()?.split_once(' ')?;
        if !target.starts_with('/') || method.parse::<hyper::Method>().is_err() {
            return None;
        }
        let uri: Uri = target.parse().ok()?;
        let mut headers = vec![("host".to_owned(), "fake.test".to_owned())];
        let mut token = Some(World::token(0));
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            if name == "as" {
                token = value.parse().ok().map(World::token);
                continue;
            }
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            HeaderValue::from_bytes(value.as_bytes()).ok()?;
            headers.push((name.as_str().to_owned(), value.to_owned()));
        }
        let has_token = headers.iter().any(|(name, _)| name == "authorization");
        if let Some(token) = token.filter(|_| !has_token && !target.starts_with("/_artifacts/")) {
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        let body = match text(body) {
            Some(text) => Bytes::from(self.fill(text)),
            None => Bytes::copy_from_slice(body),
        };
        Some(Request {
            method: Method::from(method),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body,
            via: Via::Memory,
            record: std::sync::OnceLock::new(),
        })
    }

    /// Names in braces become what they name.
    fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let named = after.split_once('}').and_then(|(name, after)| {
                let value = self.named(name)?;
                Some((value, after))
            });
            if let Some((value, after)) = named {
                out.push_str(&value);
                rest = after;
            } else {
                out.push('{');
                rest = after;
            }
        }
        out.push_str(rest);
        out
    }

    fn named(&self, name: &str) -> Option<String> {
        match name {
            "id" => return Some(self.heard.id.clone()),
            "cursor" => return Some(self.heard.cursor.clone()),
            "etag" => return Some(self.heard.etag.clone()),
            "location" => return Some(self.heard.location.clone()),
            _ => {}
        }
        let (kind, number) = name.split_once('.')?;
        let number = number.parse::<usize>().ok()?.checked_sub(1)?;
        let engine = &self.world.engine;
        match kind {
            "build" => {
                let build = engine.builds().nth(number)?;
                Some(engine.build(build).id.to_string())
            }
            "job" => {
                let mut jobs = engine.builds().flat_map(|build| engine.jobs_of(build));
                Some(jobs.nth(number)?.1.id.to_string())
            }
            _ => None,
        }
    }

    fn hear(&mut self, reply: &Reply) {
        if let Some(etag) = reply.header("etag") {
            etag.clone_into(&mut self.heard.etag);
        }
        if let Some(location) = reply.header("location") {
            let path = location.trim_start_matches("http://fake.test");
            path.clone_into(&mut self.heard.location);
        }
        let Ok(json) = serde_json::from_slice::<Value>(&bytes_of(&reply.body)) else {
            return;
        };
        let first = match &json {
            Value::Array(all) => all.first().unwrap_or(&Value::Null),
            Value::Object(entries) => match entries.get("items").and_then(|items| items.get(0)) {
                Some(first) => first,
                None => &json,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &Value::Null,
        };
        for key in ["id", "uuid", "user_id"] {
            if let Some(id) = first.get(key).and_then(Value::as_str) {
                id.clone_into(&mut self.heard.id);
                break;
            }
        }
        if let Some(next) = json["links"]["next"]
            .as_str()
            .and_then(|next| next.split_once("after="))
        {
            next.1
                .split('&')
                .next()
                .unwrap_or_default()
                .clone_into(&mut self.heard.cursor);
        }
    }
}

pub(super) fn bytes_of(body: &Body) -> Vec<u8> {
    let (mut body, mut all) = (body.clone(), Vec::new());
    while let Some(piece) = body.next_piece() {
        all.extend_from_slice(&piece);
    }
    all
}

fn check(what: &str, request: &Request, reply: &Reply) {
    // 501 says that this fake does not have what Buildkite has.
    assert!(
        reply.status < 500 || reply.status == 501,
        "{} for {what}",
        reply.status
    );
    for (name, value) in &reply.headers {
        let is_legal = HeaderName::from_bytes(name.as_bytes()).is_ok()
            && HeaderValue::from_bytes(value.as_bytes()).is_ok();
        assert!(is_legal, "{name}: {value:?} for {what}");
    }
    let body = bytes_of(&reply.body);
    if request.method == Method::Head && body.is_empty() {
        return;
    }
    let kind = reply.header("content-type").unwrap_or_default();
    let json = kind.starts_with("application/json").then(|| {
        let json = serde_json::from_slice::<Value>(&body);
        json.unwrap_or_else(|error| panic!("{error} in the answer to {what}"))
    });
    if reply.status < 400 {
        return;
    }
    // Pages say it in HTML.
    let Some(json) = json else {
        assert!(kind.starts_with("text/html"), "{kind} for {what}");
        return;
    };
    let has_message = json["message"].is_string() || json["errors"].is_array();
    let mut said = String::new();
    let _ = write!(said, "{json}");
    assert!(has_message, "{said} for {what}");
}
