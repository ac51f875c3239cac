//! One connection: requests in, replies out, whatever the client does. hyper types stop here.
//!
//! What a request means is decided by the `answer` closure, synchronously; this room guards it: sizes, time-outs,
//! panics, replies that HTTP cannot carry. It serves any stream and knows no sockets.
//!
//! Elsewhere: requests that come again, which hyper need not see (`again`); replies that are spoiled on purpose
//! (`wreck`); silence on a connection and how it is closed (`io`); ports, threads and the end of it all (`server`).
//! Not modelled: HTTP/2, TLS, upgrades, compression, a limit on how slowly a client may read its reply.

use std::convert::Infallible;
use std::future::{Future as _, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;

use super::again::{Acquaintance, Shortcut};
use super::failures::{Failures, panic_text};
use super::io::{Failing, Patience, Phase, Watched};
use super::lines::Lines;
use super::reply::{Answering, Body, Delivery, Reply, Served};
use super::request::{Method, Request, Via};
use super::server::Names;
use super::spelling;
use super::wreck::Wreck;

/// What the server says to a request: short, and without waiting, because every connection shares its thread. Where it
/// has to wait, it gives a future.
pub(crate) type Answer = dyn Fn(Arc<Request>) -> Answering + Send + Sync;

/// hyper accepts no smaller head limit than this.
const SMALLEST_HEAD_LIMIT: usize = 8192;

/// What the edge puts up with, in bytes and in real time. A request may have 100 headers (hyper's own limit, then 431).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// A longer body is answered with 413. Default: 8 MiB.
    pub(crate) body_bytes: usize,
    /// How much of a body beyond the limit is read and thrown away, so that a client that writes all before it reads
    /// sees the 413 and no reset. Default: 64 MiB.
    pub(crate) discard_bytes: usize,
    /// How long a body may make no progress before it is answered with 408. Default: 10 seconds.
    pub(crate) body_timeout: Duration,
    /// A longer head is answered with 431; at least 8 KiB. Default: 64 KiB.
    pub(crate) head_bytes: usize,
    /// How long a head may take from its first byte; then the connection is closed. Default: 10 seconds.
    pub(crate) head_timeout: Duration,
    /// How long a connection may wait for a request; then it is closed. Default: 5 minutes.
    /// Chosen: longer than clients keep idle connections (reqwest and Go: 90 seconds), so that they close first and no
    /// request meets a connection that is just being closed.
    pub(crate) idle_timeout: Duration,
}

/// Whose timers the edge would wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timers {
    /// Those of a runtime of its own: real time, and every limit of time holds.
    Own,
    /// Those of a test's runtime, whose clock may be paused and jump by hours while a request is on its way: no limit
    /// of time holds.
    Borrowed,
}

/// A stream of bytes, over whatever it comes: one kind, so that what serves it is compiled once.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Failing + Unpin + Send {
    /// Whether it came by an address, and not in memory.
    fn is_socket(&self) -> bool;

    /// Dropping it resets the connection, if it is one that can be reset.
    fn reset_when_dropped(&mut self);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 8 << 20,
            discard_bytes: 64 << 20,
            body_timeout: Duration::from_secs(10),
            head_bytes: 64 << 10,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
        }
    }
}

/// One connection from its first byte to its close, over any stream.
pub(crate) async fn serve_connection(
    io: Box<dyn Stream>,
    edge: Arc<Edge>,
    stopping: watch::Receiver<()>,
) {
    let phase = Phase::default();
    let patience = match edge.timers {
        Timers::Own => Patience::Limited {
            idle: edge.limits.idle_timeout,
            head: edge.limits.head_timeout,
        },
        Timers::Borrowed => Patience::Endless,
    };
    let via = match &edge.names {
        Some(names) if io.is_socket() => Via::Socket(Arc::clone(names)),
        Some(_) | None => Via::Memory,
    };
    let acquaintance = Acquaintance::default();
    let shortcut = Shortcut::new(Arc::clone(&edge), acquaintance.clone());
    let io = TokioIo::new(Watched::new(io, phase.clone(), patience, shortcut));
    let head_bytes = edge.limits.head_bytes.max(SMALLEST_HEAD_LIMIT);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        phase.request_begins();
        let (edge, phase, via) = (Arc::clone(&edge), phase.clone(), via.clone());
        let acquaintance = acquaintance.clone();
        async move {
            let is_head = request.method() == hyper::Method::HEAD;
            let Served {
                reply,
                delivery,
                receipt,
            } = edge.reply_to(request, via, &phase, &acquaintance).await;
            if delivery == Delivery::Whole {
                phase.request_ends(receipt);
                return Ok::<_, Infallible>(edge.encode(reply, is_head));
            }
            if delivery == Delivery::Stall {
                phase.request_waits();
            } else {
                let may_have_body = !matches!(reply.status, 204 | 304);
                let length = may_have_body.then(|| reply.body.len());
                let body = if may_have_body && !is_head {
                    reply.body.clone()
                } else {
                    Body::default()
                };
                let response = edge.encode(reply, is_head);
                phase.abandon(Wreck::new(delivery, &response, length, body));
            }
            pending().await
        }
    });
    let mut connection = http1::Builder::new()
        .auto_date_header(false)
        // A client may close its write side once it has sent its request (`nc -N`).
        .half_close(true)
        .max_buf_size(head_bytes)
        .serve_connection(io, service);
    let mut stop = pin!(stopped(stopping.clone()));
    let mut known: Option<Waker> = None;
    let mut leaving = false;
    let ended = poll_fn(|cx| {
        // Asking `stop` costs far more than a look at the channel, so it is asked once for each new waker: once.
        let has_stopped = stopping.has_changed().is_err();
        let is_known = known.as_ref().is_some_and(|it| it.will_wake(cx.waker()));
        if !leaving && (has_stopped || !is_known) {
            known = Some(cx.waker().clone());
            if stop.as_mut().poll(cx).is_ready() {
                leaving = true;
                phase.leave();
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
        // Whatever ended it early (malformed input, a client that went away) the client knows best.
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        match phase.take_wreck() {
            Some(wreck) => Poll::Ready(Some(wreck)),
            None if leaving && phase.is_held() => Poll::Ready(None),
            None => Poll::Pending,
        }
    });
    let ended = ended.await;
    if let Some(receipt) = phase.unread() {
        receipt.was_not_read(edge.timers == Timers::Own);
    }
    if let Some(wreck) = ended {
        let stream = connection.into_parts().io.into_inner();
        wreck.carry_out(stream, edge.timers, stopping).await;
    }
}

/// Ready once the `Server` has dropped its end.
pub(crate) async fn stopped(mut stopping: watch::Receiver<()>) {
    while stopping.changed().await.is_ok() {}
}

/// What all connections share.
pub(crate) struct Edge {
    pub(crate) limits: Limits,
    pub(crate) timers: Timers,
    pub(crate) answer: Arc<Answer>,
    pub(crate) failures: Arc<Failures>,
    /// By which the server is reached that this is the edge of, if it is one.
    pub(crate) names: Option<Arc<Names>>,
    pub(super) lines: Mutex<Lines>,
}

impl Edge {
    pub(crate) fn new(
        limits: Limits,
        timers: Timers,
        answer: Arc<Answer>,
        failures: Arc<Failures>,
        names: Option<Arc<Names>>,
    ) -> Self {
        Self {
            limits,
            timers,
            answer,
            failures,
            names,
            lines: Mutex::default(),
        }
    }

    async fn reply_to(
        &self,
        mut request: hyper::Request<Incoming>,
        via: Via,
        phase: &Phase,
        acquaintance: &Acquaintance,
    ) -> Served {
        let declared = request.body().size_hint().exact();
        let body = match self.read_body(&mut request).await {
            Ok(body) => body,
            Err(refusal) => return refusal.closing().into(),
        };
        let length = declared.map(|_| body.len());
        let answering = if let Some(answering) = acquaintance.answering() {
            acquaintance.is_read(None, length);
            answering
        } else {
            let is_plain = is_plain(&request);
            let request = Arc::new(owned_request(&request, body, via));
            acquaintance.is_read(is_plain.then_some(&request), length);
            self.answer(request)
        };
        let mut waiting = match answering {
            Answering::Now(served) => return served,
            Answering::Waits(waiting) => waiting,
        };
        phase.request_waits();
        let served = poll_fn(|cx| match self.guard(|| waiting.as_mut().poll(cx)) {
            Ok(polled) => polled,
            Err(failure) => Poll::Ready(failure.into()),
        });
        let served = served.await;
        phase.request_begins();
        served
    }

    /// What is said to a request.
    pub(super) fn answer(&self, request: Arc<Request>) -> Answering {
        self.guard(|| (self.answer)(request))
            .unwrap_or_else(Answering::from)
    }

    /// The whole body, or what to say instead.
    async fn read_body(&self, request: &mut hyper::Request<Incoming>) -> Result<Bytes, Reply> {
        let must_ask = expects_continue(request.headers());
        let body = request.body_mut();
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let limit = self.limits.body_bytes;
        let declared = body.size_hint().exact();
        let mut too_large = declared.is_some_and(|bytes| bytes > limit as u64);
        if too_large && must_ask {
            // It waits for permission to send the body; this is the answer.
            return Err(self.too_large());
        }
        let mut kept = BytesMut::new();
        let mut discarded = 0;
        while discarded <= self.limits.discard_bytes {
            let frame = match self.timers {
                Timers::Own => timeout(self.limits.body_timeout, body.frame()).await,
                Timers::Borrowed => Ok(body.frame().await),
            };
            match frame {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    too_large |= data.len() > limit - kept.len();
                    if too_large {
                        discarded += data.len();
                    } else {
                        kept.extend_from_slice(&data);
                    }
                }
                Ok(Some(Err(_))) | Err(_) if too_large => break,
                Ok(Some(Err(error))) => {
                    let text = format!("The request body could not be read: {error}");
                    return Err(Reply::message(400, &text));
                }
                Err(_) => return Err(self.stalled()),
            }
        }
        if too_large {
            return Err(self.too_large());
        }
        Ok(kept.freeze())
    }

    fn too_large(&self) -> Reply {
        let limit = self.limits.body_bytes;
        let text = format!("The request body is larger than the limit of {limit} bytes");
        Reply::message(413, &text)
    }

    fn stalled(&self) -> Reply {
        let waited = self.limits.body_timeout;
        let text = format!("The rest of the request body did not arrive within {waited:?}");
        Reply::message(408, &text)
    }

    /// A panic is told to the client, and kept for the report: the client often swallows it.
    fn guard<T>(&self, work: impl FnOnce() -> T) -> Result<T, Reply> {
        // Nothing of ours is left half-changed by it, and what the closure shares is its owner's business.
        catch_unwind(AssertUnwindSafe(work))
            .map_err(|panic| self.failed(panic_text(&*panic).to_owned()))
    }

    fn encode(&self, reply: Reply, is_head: bool) -> Response<Outgoing> {
        encode(reply, is_head).unwrap_or_else(|illegal| {
            let reply = self.failed(illegal);
            encode(reply, is_head).expect("a message is a legal reply")
        })
    }

    fn failed(&self, text: String) -> Reply {
        let reply = Reply::message(500, &text);
        self.failures.note(text);
        reply
    }
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Whether a request says nothing about the connection, but that it is to be kept, and has no body.
fn is_plain(request: &hyper::Request<Incoming>) -> bool {
    let headers = request.headers();
    let is_kept = headers
        .get_all(header::CONNECTION)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"));
    request.method() == hyper::Method::GET
        && request.version() == hyper::Version::HTTP_11
        && request.body().is_end_stream()
        && is_kept
        && !headers.contains_key(header::UPGRADE)
        && !headers.contains_key(header::EXPECT)
        && !headers.contains_key(header::CONTENT_LENGTH)
        && !headers.contains_key(header::TRANSFER_ENCODING)
}

/// hyper's request as ours. Of an absolute target (`GET http://host/path`) path and query remain.
fn owned_request(head: &hyper::Request<Incoming>, body: Bytes, via: Via) -> Request {
    let headers = head
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        })
        .collect();
    Request {
        method: Method::from(head.method().as_str()),
        path: head.uri().path().to_owned(),
        query: head.uri().query().unwrap_or_default().to_owned(),
        headers,
        body,
        via,
        record: OnceLock::new(),
    }
}

/// Our reply as hyper's, or why HTTP has no such reply.
fn encode(reply: Reply, is_head: bool) -> Result<Response<Outgoing>, String> {
    let status = match StatusCode::from_u16(reply.status) {
        Ok(status) if !status.is_informational() => status,
        _ => {
            return Err(format!(
                "A reply cannot have the status {}: it is not between 200 and 999",
                reply.status
            ));
        }
    };
    if !is_head && !reply.body.is_there() {
        let len = reply.body.len();
        return Err(format!(
            "A reply announces a body of {len} bytes and does not have it"
        ));
    }
    let mut headers = spelling::headers(reply.headers)?;
    if status == StatusCode::OK && reply.body.is_empty() {
        // hyper says so itself, but not in answer to HEAD: there it takes an empty body for an unknown one.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut response = Response::new(Outgoing(reply.body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// A body on its way out, piece by piece: the system gets what was shared, and nothing in between copies it.
pub(super) struct Outgoing(Body);

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next_piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
