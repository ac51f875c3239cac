//! Where levers come in: on the fake's own port, before anything of Buildkite's.
//!
//! A lever may wait (for receivers of webhooks, for the lock), so each runs on a thread of its own: the server has one,
//! and that answers the receivers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;

use crate::http::panic_text;
use crate::http::reply::{Answering, Reply, Served};
use crate::http::request::Request;
use crate::levers::{Refusal, Room};

/// Answers a request for a lever.
pub(super) fn enter(room: &Arc<Room>, request: Request) -> Answering {
    let (answered, answer) = oneshot::channel();
    let room = Arc::clone(room);
    let work = move || {
        // What the author of a test does wrong is said in a panic, whoever the author is.
        let reply = catch_unwind(AssertUnwindSafe(|| room.pull(&request)))
            .unwrap_or_else(|panic| Refusal::new(422, panic_text(&*panic).to_owned()).into_reply());
        // Nobody waits for it any more if the client is gone.
        let _ = answered.send(Served::from(reply));
    };
    match thread::Builder::new().name("lever".to_owned()).spawn(work) {
        Ok(_) => Answering::Waits(Box::pin(async { answer.await.unwrap_or_else(|_| gone()) })),
        Err(error) => Reply::message(503, &format!("no thread for a lever: {error}")).into(),
    }
}

fn gone() -> Served {
    Reply::message(503, "The fake has been dropped").into()
}
