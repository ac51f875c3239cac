//! Levers, pulled one after the other.
//!
//! Written as requests are (`requests`), without headers: a line with method and path below `/_fake/`, an empty line,
//! and a body.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;

use crate::fake::FakeBuildkite;
use crate::fuzzing::requests::bytes_of;
use crate::fuzzing::{BETWEEN, text};
use crate::http::request::{Method, Request, Via};
use crate::levers::Hand;

/// How many of an input are pulled.
const MOST: usize = 12;

/// Where nobody listens; a fuzzer's own addresses would be other people's.
const NOBODY: &str = "http://127.0.0.1:1/";

/// Whatever is asked for is done or refused in a sentence, and a slip of whoever asks is the only panic behind it.
pub fn levers(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let fake = Arc::new(FakeBuildkite::builder().allow_unknown_routes().start());
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: make}, {block: Go?, key: go}]");
    let build = app.create().create_build();
    let job = build.job("make").id().to_string();
    let hand = Hand::new(&fake);
    for part in text.split(BETWEEN).take(MOST) {
        let (line, body) = part.split_once("\n\n").unwrap_or((part, ""));
        let Some((method, target)) = line.split_once(' ') else {
            continue;
        };
        let target = target.replace("{job}", &job);
        let Some(rest) = target.strip_prefix("/_fake") else {
            continue;
        };
        if rest.starts_with("/webhooks") && !body.is_empty() && !is_harmless(body) {
            continue;
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let request = Request {
            method: Method::from(method),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::new(),
            body: Bytes::from(body.replace("{job}", &job)),
            via: Via::Memory,
            record: std::sync::OnceLock::new(),
        };
        pull(&hand, &request);
    }
    fake.snapshot().world().engine.check_invariants();
    // What was ordered and did not happen is no news.
    let _ = fake.verify();
}

fn is_harmless(body: &str) -> bool {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["url"]
        .as_str()
        .is_none_or(|url| url.starts_with(NOBODY))
}

fn pull(hand: &Hand, request: &Request) {
    // A slip is a panic on purpose, in the name of whoever called: the room of the levers.
    static WHERE: Mutex<Option<String>> = Mutex::new(None);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        *WHERE.lock() = info.location().map(Location::to_string);
    }));
    let pulled = catch_unwind(AssertUnwindSafe(|| hand.pull(request)));
    std::panic::set_hook(quiet);
    let what = || format!("{} {} {:?}", request.method, request.path, request.body);
    let Ok(reply) = pulled else {
        let place = WHERE.lock().take().unwrap_or_default();
        // A function that is given to another is called by the standard library.
        let is_slip = place.contains("src/levers/") || place.contains("/core/src/ops/function.rs");
        assert!(is_slip, "a panic at {place}: {}", what());
        return;
    };
    assert!(reply.status < 500, "{} for {}", reply.status, what());
    if reply.status >= 400 {
        let body = bytes_of(&reply.body);
        let json: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(json["message"].is_string(), "{json} for {}", what());
    }
}
