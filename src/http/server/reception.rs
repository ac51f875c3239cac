//! Who comes in, and how they are seen off: the accept loop, and what it is told.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc as doors, watch};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use super::Check;
use crate::http::connection::{Edge, Stream, Timers, serve_connection, stopped};
use crate::http::failures::Failures;

/// How long replies in flight may take to end once the server stops: 50 milliseconds.
/// Chosen: half of what a drop may take; a reply that is being read ends in far less.
const STOP_GRACE: Duration = Duration::from_millis(50);

/// The same on a test's runtime, whose clock is no measure: so many turns of its scheduler.
/// Chosen: a reply to a client on the same runtime takes two or three; a large one takes one for each 64 KiB or so.
const STOP_TURNS: usize = 64;

/// How long accepting rests after an error that is likely to come again, such as no descriptors left: 10 milliseconds.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What the accept loop works with.
pub(super) struct Reception {
    pub(super) listener: Arc<TcpListener>,
    pub(super) check: Option<Check>,
    pub(super) edge: Arc<Edge>,
    pub(super) orders: doors::UnboundedReceiver<Order>,
    pub(super) stopping: watch::Receiver<()>,
}

/// What the accept loop is told while the server lives.
#[derive(Debug)]
pub(super) enum Order {
    /// Dropped once the port is closed and every connection gone.
    Close(mpsc::Sender<Infallible>),
    Open(Arc<TcpListener>),
    /// A connection in memory; nobody hears it while the port is closed.
    Serve(DuplexStream),
    /// The port at another address is served, too, until it is closed.
    Also(Arc<TcpListener>),
}

/// Who came in.
enum Arrival {
    Socket(io::Result<(TcpStream, SocketAddr)>),
    Memory(DuplexStream),
    /// Nobody will any more.
    Stopped,
    /// Nobody will until the port is opened again.
    Closed(mpsc::Sender<Infallible>),
}

impl Reception {
    /// Accepts while the port is open, and sees the connections off when it is closed; until the server stops.
    pub(super) async fn run(self) {
        let Self {
            listener,
            mut check,
            edge,
            mut orders,
            stopping,
        } = self;
        let mut stop = pin!(stopped(stopping));
        let mut open = Some(listener);
        while let Some(listener) = open {
            let (leave, leaving) = watch::channel(());
            let mut connections = JoinSet::new();
            let mut also = None;
            let closed = loop {
                let next = poll_fn(|cx| {
                    reap(&mut connections, &edge.failures, cx);
                    if stop.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Arrival::Stopped);
                    }
                    while let Poll::Ready(Some(order)) = orders.poll_recv(cx) {
                        match order {
                            Order::Close(closed) => return Poll::Ready(Arrival::Closed(closed)),
                            Order::Serve(stream) => return Poll::Ready(Arrival::Memory(stream)),
                            Order::Also(listener) => also = Some(listener),
                            Order::Open(_) => unreachable!("it is open"),
                        }
                    }
                    let second = also.as_deref().map(|also| also.poll_accept(cx));
                    match (listener.poll_accept(cx), second) {
                        (Poll::Pending, Some(second)) => second.map(Arrival::Socket),
                        (first, _) => first.map(Arrival::Socket),
                    }
                });
                let stream: Box<dyn Stream> = match next.await {
                    Arrival::Stopped => break None,
                    Arrival::Closed(closed) => break Some(closed),
                    Arrival::Memory(stream) => Box::new(stream),
                    Arrival::Socket(Ok((stream, _))) => {
                        if let Some(check) = check.take() {
                            check.await;
                        }
                        // Without it a reply in two segments waits for the client's delayed acknowledgement. It fails only
                        // on a socket that is already gone.
                        let _ = stream.set_nodelay(true);
                        Box::new(stream)
                    }
                    Arrival::Socket(Err(error)) if concerns_one_connection(&error) => continue,
                    Arrival::Socket(Err(_)) => {
                        match edge.timers {
                            Timers::Own => {
                                if timeout(ACCEPT_PAUSE, stop.as_mut()).await.is_ok() {
                                    break None;
                                }
                            }
                            // Busy, but a rest could move the test's clock.
                            Timers::Borrowed => yield_now().await,
                        }
                        continue;
                    }
                };
                connections.spawn(boxed(stream, Arc::clone(&edge), leaving.clone()));
            };
            drop((listener, also, leave));
            let Some(closed) = closed else {
                drop(orders);
                return see_off(&edge, connections).await;
            };
            see_off(&edge, connections).await;
            drop(closed);
            open = poll_fn(|cx| {
                if stop.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                while let Poll::Ready(Some(order)) = orders.poll_recv(cx) {
                    match order {
                        Order::Open(listener) => return Poll::Ready(Some(listener)),
                        Order::Close(closed) => drop(closed),
                        Order::Serve(unheard) => drop(unheard),
                        // It was asked for while the port was being closed.
                        Order::Also(late) => drop(late),
                    }
                }
                Poll::Pending
            })
            .await;
        }
    }
}

/// A connection, in a box: whoever spawns, polls or drops a task moves it about on the stack, and what a stack has once
/// held stays with its thread. Made in a frame of its own, which is gone before anybody goes deeper.
#[inline(never)]
fn boxed(
    stream: Box<dyn Stream>,
    edge: Arc<Edge>,
    leaving: watch::Receiver<()>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(serve_connection(stream, edge, leaving))
}

/// Lets replies in flight end; what is left after the grace is aborted.
async fn see_off(edge: &Edge, mut connections: JoinSet<()>) {
    let seen_off = async {
        while let Some(ended) = connections.join_next().await {
            edge.failures.note_task(ended);
        }
    };
    match edge.timers {
        Timers::Own => drop(timeout(STOP_GRACE, seen_off).await),
        Timers::Borrowed => {
            let (mut seen_off, mut turns) = (pin!(seen_off), pin!(turns(STOP_TURNS)));
            poll_fn(|cx| match seen_off.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => turns.as_mut().poll(cx),
            })
            .await;
        }
    }
}

/// Lets others go first, so often.
async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// Lets go of connections that have ended, so that a long life leaves nothing behind.
fn reap(connections: &mut JoinSet<()>, failures: &Failures, cx: &mut Context<'_>) {
    while let Poll::Ready(Some(ended)) = connections.poll_join_next(cx) {
        failures.note_task(ended);
    }
}

/// Whether the next `accept` can go on as if nothing had happened.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
