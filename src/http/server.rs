//! The server: a port of its own, gone when it is dropped; with a thread of its own, or on the runtime of a test.
//!
//! On its own, one thread runs one current-thread runtime: the accept loop and a task per connection. All waits are real
//! time and have nothing to do with the fake's clock. On a test's runtime the same tasks are spawned there, and wait for
//! no timers.
//!
//! The port can be closed while the server lives, and opened again. Meanwhile a socket that never listens keeps it from
//! everybody else.
//!
//! Elsewhere: the accept loop (`reception`), the other name it is reached by (`names`), what happens on a connection (`connection`), what a request means (the `answer` closure).

mod names;
mod reception;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Weak, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc as doors, watch};
use tokio::task::AbortHandle;

use super::connection::{Answer, Edge, Limits, Stream, Timers};
use super::failures::{Failures, panic_text};
use super::io::Failing;
use names::refuse;
use reception::{Order, Reception};

pub(crate) use names::{Names, SECOND};

/// The thread's name, as debuggers and `/proc` show it (15 bytes at most).
const THREAD_NAME: &str = "fake-buildkite";

/// How long `stop` waits for the thread: 90 milliseconds, within the 100 that a drop may take.
const STOP_LIMIT: Duration = Duration::from_millis(90);

/// How much one side of an in-memory connection may write before the other side reads: 64 KiB.
/// Chosen: what a socket of the loopback device holds, in its order of magnitude.
const MEMORY_BYTES: usize = 64 << 10;

/// Something to be done before the first connection over a socket is served.
pub(crate) type Check = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    failures: Arc<Failures>,
    names: Arc<Names>,
    /// The runtime it is on.
    handle: Handle,
    /// What the accept loop is told, and where connections in memory come in.
    orders: doors::UnboundedSender<Order>,
    /// What else runs there, and ends with it.
    company: Vec<AbortHandle>,
    running: Option<Running>,
}

/// What `stop` needs, and takes.
#[derive(Debug)]
struct Running {
    /// Dropping it is the signal; nothing is ever sent.
    stop: watch::Sender<()>,
    port: Mutex<Port>,
    /// If it has one of its own.
    thread: Option<Thread>,
}

#[derive(Debug)]
enum Port {
    /// The accept loop owns the listener; this is for one that does not come back.
    Open(Weak<TcpListener>),
    /// Kept, if the system let us, by a socket that does not listen.
    Closed(Option<TcpSocket>),
}

#[derive(Debug)]
struct Thread {
    /// Disconnected when the thread has let go of everything. (The lock is there for `Sync` only.)
    ended: Mutex<mpsc::Receiver<Infallible>>,
    handle: JoinHandle<()>,
}

/// Any port that is free.
pub(crate) const FREE_PORT: u16 = 0;

/// How many events of sockets the runtime asks the system for at once: 64. More come with the next look.
/// Chosen: a test has a few connections. tokio asks for 1,024, and keeps 12 KiB for them.
const EVENTS: usize = 64;

/// How many connections may wait to be accepted, as in the standard library.
const BACKLOG: u32 = 128;

impl Server {
    /// Binds a port of 127.0.0.1 and serves it from a thread of its own. On return connections are accepted.
    ///
    /// # Errors
    /// When the port is taken, or the system has no port, descriptor or thread left.
    pub(crate) fn start(port: u16, limits: Limits, answer: Arc<Answer>) -> io::Result<Self> {
        let runtime = OwnRuntime::new()?;
        let handle = runtime.get().handle().clone();
        let (mut server, reception) = Self::open(port, limits, answer, handle, Timers::Own)?;
        let (ending, ended) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || run(runtime, reception, ending))?;
        let running = server.running.as_mut().expect("it was just opened");
        running.thread = Some(Thread {
            ended: Mutex::new(ended),
            handle: thread,
        });
        Ok(server)
    }

    /// Binds a port of 127.0.0.1 and serves it from a task of this runtime. On return connections queue up; they are
    /// served when the runtime runs, the first one after `check`.
    ///
    /// # Errors
    /// When the system has no port or descriptor left.
    ///
    /// # Panics
    /// When the runtime has no I/O.
    pub(crate) fn start_on(
        runtime: Handle,
        port: u16,
        limits: Limits,
        answer: Arc<Answer>,
        check: Option<Check>,
    ) -> io::Result<Self> {
        let (server, mut reception) = Self::open(port, limits, answer, runtime, Timers::Borrowed)?;
        reception.check = check;
        server.handle.spawn(reception.run());
        Ok(server)
    }

    fn open(
        port: u16,
        limits: Limits,
        answer: Arc<Answer>,
        handle: Handle,
        timers: Timers,
    ) -> io::Result<(Self, Reception)> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _entered = handle.enter();
            Arc::new(TcpListener::from_std(listener)?)
        };
        let failures = Arc::new(Failures::default());
        let (orders, ordered) = doors::unbounded_channel();
        let names = Arc::new(Names::new(address, orders.clone()));
        let edge = Arc::new(Edge::new(
            limits,
            timers,
            answer,
            Arc::clone(&failures),
            Some(Arc::clone(&names)),
        ));
        let (stop, stopping) = watch::channel(());
        let server = Self {
            address,
            failures,
            names,
            handle,
            orders,
            company: Vec::new(),
            running: Some(Running {
                stop,
                port: Mutex::new(Port::Open(Arc::downgrade(&listener))),
                thread: None,
            }),
        };
        let reception = Reception {
            listener,
            check: None,
            edge,
            orders: ordered,
            stopping,
        };
        Ok((server, reception))
    }

    /// The runtime it is on.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.handle
    }

    /// Runs something beside the server, on its runtime and no longer than itself.
    pub(crate) fn keep_company(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.company.push(self.handle.spawn(task).abort_handle());
    }

    /// A new connection in memory. Its other end is closed if the server has ended with its runtime.
    pub(crate) fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(MEMORY_BYTES);
        let _ = self.orders.send(Order::Serve(server));
        client
    }

    /// Where it listens, also after it has stopped.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What went wrong inside, oldest first: panics of `answer`, replies that are not legal HTTP. Also after `stop`.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.texts()
    }

    /// Something else went wrong inside.
    #[cfg(feature = "cli")]
    pub(crate) fn note_failure(&self, text: String) {
        self.failures.note(text);
    }

    /// Closes the port and every connection: idle ones at once, replies in flight after a short grace. Takes a
    /// millisecond when idle and never more than a tenth of a second: a thread that does not come back (an `answer` that
    /// hangs) is left behind, with its port closed where the system allows it (Linux). Stopping twice is fine, and so is
    /// stopping from `answer`, which then ends as the last one.
    ///
    /// On a test's runtime nothing can be waited for: the port is closed where the system allows it, and the rest happens
    /// when the runtime next runs.
    pub(crate) fn stop(&mut self) {
        for task in self.company.drain(..) {
            task.abort();
        }
        let Some(running) = self.running.take() else {
            return;
        };
        drop(running.stop);
        let port = running.port.into_inner();
        let refuse = || {
            port.refuse();
            self.names.close();
        };
        let Some(thread) = running.thread else {
            return refuse();
        };
        if thread.handle.thread().id() == thread::current().id() {
            return refuse();
        }
        match thread.ended.into_inner().recv_timeout(STOP_LIMIT) {
            Err(mpsc::RecvTimeoutError::Timeout) => refuse(),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                if let Err(panic) = thread.handle.join() {
                    self.failures.note(panic_text(&*panic).to_owned());
                }
            }
            Ok(never) => match never {},
        }
    }

    /// Closes the port and every connection as `stop` does, and keeps everything else. Closing twice is fine.
    pub(crate) fn close(&self) {
        let Some(running) = &self.running else {
            return;
        };
        let mut port = running.port.lock();
        if matches!(*port, Port::Closed(_)) {
            return;
        }
        let (closed, closing) = mpsc::channel();
        // Nobody hears it if the runtime is gone, and the port with it.
        let _ = self.orders.send(Order::Close(closed));
        let is_elsewhere = |thread: &Thread| thread.handle.thread().id() != thread::current().id();
        let is_closed = running.thread.as_ref().is_some_and(is_elsewhere)
            && closing.recv_timeout(STOP_LIMIT) == Err(mpsc::RecvTimeoutError::Disconnected);
        if !is_closed {
            port.refuse();
        }
        self.names.close();
        *port = Port::Closed(keep(self.address).ok());
    }

    /// Opens the same port again; the next connections are accepted. Does nothing if it is open.
    ///
    /// # Errors
    /// When somebody else has taken the port; then it may be open at one of two addresses.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        let mut port = running.port.lock();
        let Port::Closed(kept) = &mut *port else {
            return Ok(());
        };
        let kept = match kept.take() {
            Some(kept) => kept,
            None => keep(self.address)?,
        };
        let _entered = self.handle.enter();
        let listener = Arc::new(kept.listen(BACKLOG)?);
        *port = Port::Open(Arc::downgrade(&listener));
        let _ = self.orders.send(Order::Open(listener));
        self.names.reopen()
    }
}

/// A socket on a free port of 127.0.0.1 that never listens: whoever connects is refused, and nobody else can have it.
///
/// # Errors
/// When the system has no port or descriptor left.
pub(crate) fn dead_port() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    Ok(socket)
}

/// A socket on this port that does not listen.
fn keep(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections that were there may still be on their way out.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Stream for TcpStream {
    fn is_socket(&self) -> bool {
        true
    }

    fn reset_when_dropped(&mut self) {
        // It fails only on a socket that is already gone.
        let _ = self.set_zero_linger();
    }
}

impl Failing for TcpStream {
    fn failure(&self) -> Option<io::ErrorKind> {
        self.take_error().ok()?.map(|error| error.kind())
    }
}

/// In memory there is no reset: the other end sees the end of the stream.
impl Stream for DuplexStream {
    fn is_socket(&self) -> bool {
        false
    }

    fn reset_when_dropped(&mut self) {}
}

impl Failing for DuplexStream {
    fn failure(&self) -> Option<io::ErrorKind> {
        None
    }
}

impl Failing for Box<dyn Stream> {
    fn failure(&self) -> Option<io::ErrorKind> {
        self.as_ref().failure()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Port {
    /// Closes the port while its listener is still held by a thread that is busy with something else.
    fn refuse(&self) {
        if let Self::Open(listener) = self {
            refuse(listener);
        }
    }
}

/// A runtime that may be dropped anywhere. tokio's own panics when dropped inside async code, which happens when the
/// system refuses the thread it was built for.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> io::Result<Self> {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_io_events_per_tick(EVENTS)
            .build()
            .map(|runtime| Self(Some(runtime)))
    }

    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("only `drop` takes the runtime")
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
fn run(runtime: OwnRuntime, reception: Reception, ending: mpsc::Sender<Infallible>) {
    // In a box: what runs a future moves it from frame to frame, and what a stack has once held stays with its thread.
    runtime.get().block_on(Box::pin(reception.run()));
    drop(runtime);
    drop(ending);
}

#[cfg(test)]
mod borrowed;
#[cfg(test)]
mod tests;
