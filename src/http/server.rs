//! The server: a port of its own, a thread of its own, gone when it is dropped.
//!
//! One thread runs one current-thread runtime: the accept loop and a task per connection. All waits are real time and have
//! nothing to do with the fake's clock.
//!
//! Elsewhere: what happens on a connection (`connection`), what a request means (the `answer` closure).

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Weak, mpsc};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::{Answer, Edge, Limits, serve_connection, stopped};
use super::failures::{Failures, panic_text};

/// The thread's name, as debuggers and `/proc` show it (15 bytes at most).
const THREAD_NAME: &str = "fake-buildkite";

/// How long replies in flight may take to end once the server stops: 50 milliseconds.
/// Chosen: half of what a drop may take; a reply that is being read ends in far less.
const STOP_GRACE: Duration = Duration::from_millis(50);

/// How long `stop` waits for the thread: 90 milliseconds, within the 100 that a drop may take.
const STOP_LIMIT: Duration = Duration::from_millis(90);

/// How long accepting rests after an error that is likely to come again, such as no descriptors left: 10 milliseconds.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    failures: Arc<Failures>,
    running: Option<Running>,
}

/// What `stop` needs, and takes.
#[derive(Debug)]
struct Running {
    /// Dropping it is the signal; nothing is ever sent.
    stop: watch::Sender<()>,
    /// Disconnected when the thread has let go of everything. (The lock is there for `Sync` only.)
    ended: Mutex<mpsc::Receiver<Infallible>>,
    thread: JoinHandle<()>,
    /// The thread owns the listener; this is for a thread that does not come back.
    listener: Weak<TcpListener>,
}

impl Server {
    /// Binds a free port of 127.0.0.1 and serves it from a thread of its own. On return connections are accepted.
    ///
    /// # Errors
    /// When the system has no port, descriptor or thread left.
    pub(crate) fn start(limits: Limits, answer: Arc<Answer>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = OwnRuntime::new()?;
        let listener = Arc::new(runtime.listener(listener)?);
        let failures = Arc::new(Failures::default());
        let edge = Arc::new(Edge {
            limits,
            answer,
            failures: Arc::clone(&failures),
        });
        let (stop, stopping) = watch::channel(());
        let (ending, ended) = mpsc::channel();
        let weak = Arc::downgrade(&listener);
        let thread = thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || run(runtime, listener, edge, stopping, ending))?;
        Ok(Self {
            address,
            failures,
            running: Some(Running {
                stop,
                ended: Mutex::new(ended),
                thread,
                listener: weak,
            }),
        })
    }

    /// Where it listens, also after it has stopped.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What went wrong inside, oldest first: panics of `answer`, replies that are not legal HTTP. Also after `stop`.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.texts()
    }

    /// Closes the port and every connection: idle ones at once, replies in flight after a short grace. Takes a
    /// millisecond when idle and never more than a tenth of a second: a thread that does not come back (an `answer` that
    /// hangs) is left behind, with its port closed where the system allows it (Linux). Stopping twice is fine, and so is
    /// stopping from `answer`, which then ends as the last one.
    pub(crate) fn stop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        drop(running.stop);
        if running.thread.thread().id() == thread::current().id() {
            refuse_connections(&running.listener);
            return;
        }
        match running.ended.into_inner().recv_timeout(STOP_LIMIT) {
            Err(mpsc::RecvTimeoutError::Timeout) => refuse_connections(&running.listener),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                if let Err(panic) = running.thread.join() {
                    self.failures.note(panic_text(&*panic).to_owned());
                }
            }
            Ok(never) => match never {},
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Closes the port while its listener is still held by a thread that is busy with something else.
fn refuse_connections(listener: &Weak<TcpListener>) {
    #[cfg(unix)]
    if let Some(listener) = listener.upgrade() {
        use std::os::fd::AsFd as _;
        if let Ok(socket) = listener.as_fd().try_clone_to_owned() {
            // The standard library can only shut down what it takes for a stream; to the system it is the same call.
            let _ = std::net::TcpStream::from(socket).shutdown(std::net::Shutdown::Both);
        }
    }
    #[cfg(not(unix))]
    let _ = listener;
}

/// A runtime that may be dropped anywhere. tokio's own panics when dropped inside async code, which happens when the
/// system refuses the thread it was built for.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> io::Result<Self> {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map(|runtime| Self(Some(runtime)))
    }

    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("only `drop` takes the runtime")
    }

    fn listener(&self, listener: std::net::TcpListener) -> io::Result<TcpListener> {
        let _entered = self.get().enter();
        TcpListener::from_std(listener)
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The thread. `ending` goes last: it says that no socket, descriptor or closure is held any more.
fn run(
    runtime: OwnRuntime,
    listener: Arc<TcpListener>,
    edge: Arc<Edge>,
    stopping: watch::Receiver<()>,
    ending: mpsc::Sender<Infallible>,
) {
    runtime
        .get()
        .block_on(accept_connections(listener, edge, stopping));
    drop(runtime);
    drop(ending);
}

/// Accepts until the server stops, then sees the connections off.
async fn accept_connections(
    listener: Arc<TcpListener>,
    edge: Arc<Edge>,
    stopping: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stopped(stopping.clone()));
    loop {
        let next = poll_fn(|cx| {
            reap(&mut connections, &edge.failures, cx);
            match stopped.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => listener.poll_accept(cx).map(Some),
            }
        });
        match next.await {
            None => break,
            Some(Ok((stream, _))) => {
                // Without it a reply in two segments waits for the client's delayed acknowledgement. It fails only on a
                // socket that is already gone.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve_connection(
                    stream,
                    Arc::clone(&edge),
                    stopping.clone(),
                ));
            }
            Some(Err(error)) if concerns_one_connection(&error) => {}
            Some(Err(_)) => {
                if timeout(ACCEPT_PAUSE, stopped.as_mut()).await.is_ok() {
                    break;
                }
            }
        }
    }
    drop(listener);
    let seen_off = async {
        while let Some(ended) = connections.join_next().await {
            edge.failures.note_task(ended);
        }
    };
    // What is left after the grace is aborted with the set.
    let _ = timeout(STOP_GRACE, seen_off).await;
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

#[cfg(test)]
mod tests;
