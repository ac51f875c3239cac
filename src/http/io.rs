//! The byte stream under one connection, with the two things hyper leaves to us, patience and a polite close; and where
//! answers get past hyper.
//!
//! Patience: hyper has one timer for "no complete head yet", which also ends a kept-alive connection that merely waits
//! for its next request. A client that polls every ten seconds must not race with it, so idle and half-sent are told
//! apart here. A polite close: closing a socket with unread input resets it, and a reset can overtake the reply just
//! written. So the write side is closed first and what still comes is read and thrown away until the client closes too.
//!
//! All of it waits for the runtime's timers, which are no measure of a client once a test pauses its clock: on the
//! runtime of a test there is no patience to lose, and a close waits for the client alone.
//!
//! What hyper does not know of is written before anything of hyper's, and before more is read.
//!
//! Elsewhere: which requests need no hyper (`again`); how long a body may take (`connection`, because that is
//! answered). Limits in real time are kept there, here and in `server`, nowhere else.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::again::Shortcut;
use super::reply::{Body, Receipt};
use super::wreck::Wreck;

/// How long a closed connection may go on sending before it is reset: 1 second.
/// Chosen: a client on this machine needs a millisecond to see the reply; one that never closes holds a descriptor this
/// long.
const LINGER: Duration = Duration::from_secs(1);

/// How many pieces of a reply are written at once: 64, as hyper does.
const SLICES: usize = 64;

/// Where a connection is between two requests; shared by the stream, the service above it and whoever drives both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phase(Arc<Mutex<PhaseState>>);

#[derive(Debug, Default)]
struct PhaseState {
    step: Step,
    /// Counts changes of `step`, so that a timer knows which one it was set for.
    turn: u64,
    leaving: bool,
    /// What is to be done on the stream without HTTP.
    wreck: Option<Box<Wreck>>,
    /// Of the last answer, unless a request came after it: then its client has read it.
    receipt: Option<Receipt>,
    /// The client has closed the connection, and the system says that it did so with something unread.
    is_refused: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Step {
    /// Nothing of the next request has come.
    #[default]
    Idle,
    /// Some of its head has come. (The beginning of a head that came with the request before it is not seen: it counts
    /// as idle.)
    Head,
    /// It is read, answered or being answered; patience is the service's business.
    Busy,
    /// Its answer waits for something that may never come.
    Held,
}

impl Phase {
    /// A head is complete.
    pub(crate) fn request_begins(&self) {
        let mut state = self.0.lock();
        state.enter(Step::Busy);
        // Who asks again has read the answer before.
        state.receipt = None;
    }

    /// Whom to tell that the client did not read the last answer, once the connection is over.
    pub(crate) fn unread(&self) -> Option<Receipt> {
        let mut state = self.0.lock();
        if state.is_refused {
            state.receipt.take()
        } else {
            None
        }
    }

    fn is_refused(&self) {
        self.0.lock().is_refused = true;
    }

    /// Its answer waits for something other than the client.
    pub(crate) fn request_waits(&self) {
        self.0.lock().enter(Step::Held);
    }

    /// Whether nothing is lost if the connection is just dropped.
    pub(crate) fn is_held(&self) -> bool {
        self.0.lock().step == Step::Held
    }

    /// From here on HTTP has no say.
    pub(super) fn abandon(&self, wreck: Wreck) {
        self.0.lock().wreck = Some(Box::new(wreck));
    }

    pub(super) fn take_wreck(&self) -> Option<Box<Wreck>> {
        self.0.lock().wreck.take()
    }

    /// A reply is ready to be written; whom to tell if the client does not read it.
    pub(crate) fn request_ends(&self, receipt: Option<Receipt>) {
        let mut state = self.0.lock();
        state.enter(Step::Idle);
        state.receipt = receipt;
    }

    /// The server stops: close without waiting for the client.
    pub(crate) fn leave(&self) {
        self.0.lock().leaving = true;
    }

    /// Bytes came. Whether they begin a request on a connection that is quiet: nothing is under way, and nothing ends it.
    fn bytes_came(&self) -> bool {
        let mut state = self.0.lock();
        let is_idle = state.step == Step::Idle;
        if is_idle {
            state.enter(Step::Head);
        }
        is_idle && !state.leaving
    }

    fn is_leaving(&self) -> bool {
        self.0.lock().leaving
    }
}

impl PhaseState {
    fn enter(&mut self, step: Step) {
        self.step = step;
        self.turn += 1;
    }
}

/// How long a client may be silent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// So long, in real time, between two requests and within a head.
    Limited { idle: Duration, head: Duration },
    /// As long as it likes: the runtime's clock belongs to somebody else, and may jump.
    Endless,
}

/// A stream that ends when its client tries our patience, lingers when it is closed, and answers what came before.
pub(crate) struct Watched<I> {
    io: I,
    phase: Phase,
    patience: Patience,
    timer: Timer,
    /// The turn for which `timer` is set.
    timed: Option<u64>,
    /// Our write side is closed and `timer` says until when we listen, if there is an end to it.
    lingers: bool,
    shortcut: Shortcut,
    /// What is left to be written of a reply that hyper does not know of.
    rest: Body,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I, phase: Phase, patience: Patience, shortcut: Shortcut) -> Self {
        Self {
            io,
            phase,
            patience,
            timer: Timer::default(),
            timed: None,
            lingers: false,
            shortcut,
            rest: Body::default(),
        }
    }

    /// The stream itself.
    pub(super) fn get_mut(&mut self) -> &mut I {
        &mut self.io
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (step, turn) = {
            let state = self.phase.0.lock();
            (state.step, state.turn)
        };
        let allowed = match (step, self.patience) {
            (Step::Idle, Patience::Limited { idle, .. }) => idle,
            (Step::Head, Patience::Limited { head, .. }) => head,
            (Step::Busy | Step::Held, _) | (_, Patience::Endless) => return Poll::Pending,
        };
        if self.timed != Some(turn) {
            self.timed = Some(turn);
            self.timer.set(allowed);
        }
        self.timer.poll(cx)
    }
}

/// A deadline that is moved far more often than it passes: moving it later costs nothing, because the runtime's timer
/// is left where it is and set again only when it fires too early. In debug builds that is a tenth of a whole exchange.
#[derive(Debug, Default)]
struct Timer {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn set(&mut self, allowed: Duration) {
        self.deadline = Some(Instant::now() + allowed);
    }

    /// Pending for ever when it was never set.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        if sleep.deadline() == deadline {
            return Poll::Ready(());
        }
        sleep.as_mut().reset(deadline);
        sleep.as_mut().poll(cx)
    }
}

impl<I: AsyncRead + Failing + Unpin> Watched<I> {
    /// Passes on what came of reading or writing. A connection that breaks was closed by the client, with something on its
    /// way to it or unread.
    fn watched<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome
            .as_ref()
            .is_err_and(|error| is_refusal(error.kind()))
        {
            self.phase.is_refused();
        }
        outcome
    }

    /// Ready when the client has closed (or reset) its side, or has had its time.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        while self.timer.poll(cx).is_pending() {
            let mut rest = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.io).poll_read(cx, &mut rest)) {
                Ok(()) if rest.filled().is_empty() => break,
                Ok(()) => {}
                Err(error) => {
                    let _: io::Result<()> = self.watched(Err(error));
                    break;
                }
            }
        }
        Poll::Ready(())
    }
}

fn is_refusal(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
    )
}

/// A stream that may have failed without having said so.
pub(crate) trait Failing {
    /// How, which is said once.
    fn failure(&self) -> Option<io::ErrorKind>;
}

impl<I: AsyncRead + AsyncWrite + Failing + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        loop {
            ready!(this.poll_rest(cx))?;
            let Poll::Ready(outcome) = Pin::new(&mut this.io).poll_read(cx, buffer) else {
                return this
                    .poll_patience(cx)
                    .map(|()| Err(io::ErrorKind::TimedOut.into()));
            };
            let came = &buffer.filled()[before..];
            if !came.is_empty() {
                if !this.phase.bytes_came() {
                    this.shortcut.goes_on(came.len());
                } else if let Some(reply) = this.shortcut.answer(came, &this.phase) {
                    this.rest = reply;
                    buffer.set_filled(before);
                    continue;
                }
            }
            return Poll::Ready(this.watched(outcome));
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Failing + Unpin> Watched<I> {
    /// Writes what hyper does not know of.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let mut slices = [io::IoSlice::new(&[]); SLICES];
            let count = self.rest.slices(&mut slices);
            let outcome = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count]));
            match self.watched(outcome)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.rest.split_to(written)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Failing + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        let outcome = Pin::new(&mut this.io).poll_write(cx, bytes);
        outcome.map(|outcome| this.watched(outcome))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        let outcome = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        outcome.map(|outcome| this.watched(outcome))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_rest(cx))?;
        // Whoever closes in good order before the answer comes refuses it when it is there: the end was read by then, and
        // the refusal is not. One that comes when our side is closed, too, comes to nobody: the system has forgotten us.
        if this.io.failure().is_some_and(is_refusal) {
            this.phase.is_refused();
        }
        if !this.lingers {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
            this.lingers = true;
            match this.patience {
                Patience::Limited { .. } => this.timer.set(LINGER),
                Patience::Endless => this.timer = Timer::default(),
            }
        }
        if this.phase.is_leaving() {
            return Poll::Ready(Ok(()));
        }
        this.poll_linger(cx).map(Ok)
    }
}
