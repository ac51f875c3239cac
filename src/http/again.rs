//! A request that comes again, byte for byte, on the connection on which it came before: a poll, as a rule. hyper has
//! read it once, so it is known what it means, and the answer is written past hyper, which would take more time for the
//! two than all the rest does.
//!
//! Nothing is parsed here: what bytes mean hyper alone says, and whatever it has not been asked yet it is asked. Past it
//! goes only what has no say on the connection itself (`connection::is_plain`, `lines`), and only while hyper holds
//! nothing of that connection: no byte that it has read and not taken for a request (which is counted here), and none
//! that it has not written yet (it reads no request before). An answer that turns out to need hyper goes to it with the
//! request, so that nothing is answered twice.
//!
//! Elsewhere: when a connection is quiet (`io`), heads of replies (`lines`).

use std::sync::Arc;

use parking_lot::Mutex;

use super::connection::Edge;
use super::io::Phase;
use super::reply::{Answering, Body, Delivery, Served};
use super::request::Request;

/// How many different requests of a connection are known: the last 4.
const REQUESTS: usize = 4;

/// How long one may be: 4 KiB.
const LONGEST: usize = 4 << 10;

/// What the stream of a connection and the service above hyper tell each other about requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Acquaintance(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    known: Vec<(Box<[u8]>, Arc<Request>)>,
    /// A request that is not known yet, if it came at once and alone.
    fresh: Vec<u8>,
    /// How many bytes have come with the last request.
    came: usize,
    /// And how many of them were its head and its body, if that is certain.
    head: Option<usize>,
    body: Option<usize>,
    /// Of the last request, which is on its way to hyper.
    answering: Option<Answering>,
}

/// Nothing has come, and nothing is left of it.
impl Default for State {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            fresh: Vec::new(),
            came: 0,
            head: Some(0),
            body: Some(0),
            answering: None,
        }
    }
}

impl Acquaintance {
    /// Bytes came on a quiet connection: a request that is known, or the beginning of another one.
    fn begins(&self, bytes: &[u8]) -> Option<Arc<Request>> {
        let mut state = self.0.lock();
        if !state.is_even() {
            // Nobody can say any more where a request begins.
            state.head = None;
            return None;
        }
        state.came = bytes.len();
        state.fresh.clear();
        let known = state.known.iter().find(|(known, _)| **known == *bytes);
        if let Some(request) = known.map(|(_, request)| Arc::clone(request)) {
            (state.head, state.body) = (Some(bytes.len()), Some(0));
            return Some(request);
        }
        (state.head, state.body) = (head_of(bytes), None);
        if state.head == Some(bytes.len()) && bytes.len() <= LONGEST {
            state.fresh.extend_from_slice(bytes);
        }
        None
    }

    /// More bytes came while a request was under way.
    pub(super) fn goes_on(&self, bytes: usize) {
        self.0.lock().came += bytes;
    }

    /// hyper has read a request: what it is, if it may go past hyper the next time, and how long its body was, if that is
    /// as long on the wire.
    pub(super) fn is_read(&self, request: Option<&Arc<Request>>, body: Option<usize>) {
        let mut state = self.0.lock();
        state.body = body;
        if let Some(request) = request.filter(|_| state.is_even() && !state.fresh.is_empty()) {
            let bytes = std::mem::take(&mut state.fresh);
            state.known.truncate(REQUESTS - 1);
            state
                .known
                .insert(0, (bytes.into_boxed_slice(), Arc::clone(request)));
        }
    }

    /// What the request is answered with that has come through hyper now, if that was found out before it did.
    pub(super) fn answering(&self) -> Option<Answering> {
        self.0.lock().answering.take()
    }
}

impl State {
    /// Whether all that came has been read, and no more.
    fn is_even(&self) -> bool {
        let read = self.head.zip(self.body).map(|(head, body)| head + body);
        read == Some(self.came)
    }
}

/// How long the head is with which these bytes begin. None, if its end is not among them, or where it is depends on how
/// generously they are read: clients may end lines without a carriage return, and begin with empty ones.
fn head_of(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = bytes[at..].iter().position(|byte| *byte == b'\n')?;
        let line = bytes[at..at + length].strip_suffix(b"\r")?;
        let is_first = at == 0;
        at += length + 1;
        if line.is_empty() {
            return (!is_first).then_some(at);
        }
    }
}

/// The way past hyper.
pub(super) struct Shortcut {
    edge: Arc<Edge>,
    acquaintance: Acquaintance,
}

impl Shortcut {
    pub(super) fn new(edge: Arc<Edge>, acquaintance: Acquaintance) -> Self {
        Self { edge, acquaintance }
    }

    /// Bytes came on a quiet connection. If they are a request that is known, and so is its answer, this is what is to be
    /// written; if not, hyper is to see them.
    pub(super) fn answer(&self, bytes: &[u8], phase: &Phase) -> Option<Body> {
        let request = self.acquaintance.begins(bytes)?;
        let answering = self.edge.answer(request);
        let head = match &answering {
            Answering::Now(Served {
                reply,
                delivery: Delivery::Whole,
                ..
            }) => self.edge.lines.lock().head(reply),
            Answering::Now(_) | Answering::Waits(_) => None,
        };
        match (head, answering) {
            (Some(head), Answering::Now(Served { reply, receipt, .. })) => {
                phase.request_ends(receipt);
                Some(reply.body.after(head.into()))
            }
            (_, answering) => {
                self.acquaintance.0.lock().answering = Some(answering);
                None
            }
        }
    }

    pub(super) fn goes_on(&self, bytes: usize) {
        self.acquaintance.goes_on(bytes);
    }
}

#[cfg(test)]
mod tests;
