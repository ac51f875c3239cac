//! Replies that no HTTP library sends: cut off, wrongly declared, in pieces, or none at all. The stream is taken back
//! from hyper, and what goes out on it is written here.
//!
//! Elsewhere: what is to go wrong (`fault`), when hyper lets go of the stream (`connection`).
//! What a client left unread of an earlier, pipelined reply is lost with it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::{Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::connection::{Outgoing, Stream, Timers, stopped};
use super::io::Watched;
use super::reply::{Body, Delivery};

/// What a client gets that asked for HTTP: bytes that begin no reply.
const GARBAGE: &[u8] = b"\x16\x03\x01\0\xff this is no HTTP \0\xfe\r\n\r\n";

/// What is still to be done on a connection that hyper is done with.
#[derive(Debug)]
pub(super) struct Wreck {
    pieces: Vec<Body>,
    /// Between two pieces, in real time.
    pause: Duration,
    ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Close,
    HalfClose,
    Reset,
}

impl Wreck {
    /// A delivery that hyper cannot make. `length` is what the head says of the body, if it says anything; `body` is
    /// what follows it: nothing, if HEAD was asked.
    pub(super) fn new(
        delivery: Delivery,
        response: &Response<Outgoing>,
        length: Option<usize>,
        mut body: Body,
    ) -> Self {
        let length = length.map(|length| length as u64);
        let declared = match delivery {
            Delivery::WrongLength { by } => length.map(|length| length.saturating_add_signed(by)),
            Delivery::Whole
            | Delivery::Reset
            | Delivery::HalfClose
            | Delivery::Stall
            | Delivery::Garbage
            | Delivery::Truncated { .. }
            | Delivery::Slow { .. } => length,
        };
        let head = || Body::from(head(response, declared));
        let (pieces, ending) = match delivery {
            Delivery::Reset => (Vec::new(), Ending::Reset),
            Delivery::HalfClose | Delivery::Stall => (Vec::new(), Ending::HalfClose),
            Delivery::Garbage => (vec![Bytes::from_static(GARBAGE).into()], Ending::Close),
            Delivery::Truncated { bytes } => {
                let most = body.len().saturating_sub(1);
                (vec![head(), body.split_to(bytes.min(most))], Ending::Close)
            }
            Delivery::Whole | Delivery::WrongLength { .. } => (vec![head(), body], Ending::Close),
            Delivery::Slow { pieces, .. } => {
                let size = body.len().div_ceil(pieces).max(1);
                let mut all = vec![head()];
                while !body.is_empty() {
                    all.push(body.split_to(size));
                }
                (all, Ending::Close)
            }
        };
        let pause = match delivery {
            Delivery::Slow { pause, .. } => pause,
            Delivery::Whole
            | Delivery::Reset
            | Delivery::HalfClose
            | Delivery::Stall
            | Delivery::Garbage
            | Delivery::Truncated { .. }
            | Delivery::WrongLength { .. } => Duration::ZERO,
        };
        Self {
            pieces,
            pause,
            ending,
        }
    }

    /// Does it, unless the server stops meanwhile. A client that went away knows best.
    pub(super) async fn carry_out(
        self,
        stream: Watched<Box<dyn Stream>>,
        timers: Timers,
        stopping: watch::Receiver<()>,
    ) {
        let mut work = pin!(self.work(stream, timers));
        let mut stop = pin!(stopped(stopping));
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => stop.as_mut().poll(cx),
        })
        .await;
    }

    async fn work(self, mut stream: Watched<Box<dyn Stream>>, timers: Timers) -> io::Result<()> {
        for (n, mut piece) in self.pieces.into_iter().enumerate() {
            if n > 1 {
                match timers {
                    Timers::Own => sleep(self.pause).await,
                    // A rest could move the test's clock.
                    Timers::Borrowed => yield_now().await,
                }
            }
            while let Some(bytes) = piece.next_piece() {
                stream.write_all(&bytes).await?;
            }
            stream.flush().await?;
        }
        match self.ending {
            Ending::Close => stream.shutdown().await,
            Ending::Reset => {
                stream.get_mut().reset_when_dropped();
                Ok(())
            }
            Ending::HalfClose => {
                stream.get_mut().shutdown().await?;
                // The client may go on for as long as it likes.
                let mut scratch = [0; 4096];
                while stream.get_mut().read(&mut scratch).await? > 0 {}
                Ok(())
            }
        }
    }
}

/// As hyper writes it, with the length that is declared, and the end of the connection.
fn head(response: &Response<Outgoing>, declared: Option<u64>) -> Bytes {
    let mut head = BytesMut::new();
    let status = response.status();
    let phrase = StatusCode::canonical_reason(&status).unwrap_or("<none>");
    head.put_slice(format!("HTTP/1.1 {} {phrase}\r\n", status.as_u16()).as_bytes());
    for (name, value) in response.headers() {
        head.put_slice(name.as_str().as_bytes());
        head.put_slice(b": ");
        head.put_slice(value.as_bytes());
        head.put_slice(b"\r\n");
    }
    if let Some(declared) = declared {
        head.put_slice(format!("content-length: {declared}\r\n").as_bytes());
    }
    head.put_slice(b"connection: close\r\n\r\n");
    head.freeze()
}
