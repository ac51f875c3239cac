//! By which other name a server is reached: `localhost` where that leads to it, else a second address of the loopback
//! device, on which it then listens, too.
//!
//! Asked for when somebody needs it. What `localhost` means is the machine's business, and asked once in a process; it is
//! a look into a file where the machine is as usual. Where it means `::1` as well, nobody listens there, and clients go on to
//! the next.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;

use super::reception::Order;

/// The second address. Linux takes all of 127.0.0.0/8 for the loopback device; where a system does not, there is none.
pub(crate) const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The names of one server.
#[derive(Debug)]
pub(crate) struct Names {
    address: SocketAddr,
    orders: UnboundedSender<Order>,
    second: Mutex<Second>,
}

#[derive(Debug)]
enum Second {
    Unasked,
    /// The accept loop owns it.
    Open(Weak<TcpListener>),
    /// With the first; it opens again with it.
    Closed,
    /// The system does not give it.
    Missing,
}

impl Names {
    pub(super) fn new(address: SocketAddr, orders: UnboundedSender<Order>) -> Self {
        Self {
            address,
            orders,
            second: Mutex::new(Second::Unasked),
        }
    }

    /// A host name other than the address, if there is one. To be asked on the runtime of the server.
    pub(crate) fn other(&self) -> Option<String> {
        static LOCALHOST: OnceLock<Vec<IpAddr>> = OnceLock::new();
        let localhost = LOCALHOST.get_or_init(|| {
            let found = ("localhost", self.address.port()).to_socket_addrs();
            found
                .map(|found| found.map(|it| it.ip()).collect())
                .unwrap_or_default()
        });
        self.other_than(localhost)
    }

    /// The same on a machine where `localhost` means these addresses.
    pub(super) fn other_than(&self, localhost: &[IpAddr]) -> Option<String> {
        if localhost.contains(&self.address.ip()) {
            return Some("localhost".to_owned());
        }
        let mut second = self.second.lock();
        if matches!(*second, Second::Unasked) {
            *second = self.open().unwrap_or(Second::Missing);
        }
        match *second {
            Second::Open(_) | Second::Closed => Some(SECOND.to_string()),
            Second::Unasked | Second::Missing => None,
        }
    }

    fn open(&self) -> io::Result<Second> {
        let listener = std::net::TcpListener::bind((SECOND, self.address.port()))?;
        listener.set_nonblocking(true)?;
        let listener = Arc::new(TcpListener::from_std(listener)?);
        let open = Second::Open(Arc::downgrade(&listener));
        // Nobody hears it if the server has stopped.
        let _ = self.orders.send(Order::Also(listener));
        Ok(open)
    }

    /// The first port was closed.
    pub(super) fn close(&self) {
        let mut second = self.second.lock();
        if let Second::Open(listener) = &*second {
            refuse(listener);
            *second = Second::Closed;
        }
    }

    /// The first port is open again. To be asked on the runtime of the server.
    ///
    /// # Errors
    /// When somebody else has taken the port at the second address.
    pub(super) fn reopen(&self) -> io::Result<()> {
        let mut second = self.second.lock();
        if matches!(*second, Second::Closed) {
            *second = self.open()?;
        }
        Ok(())
    }
}

/// Closes a port while its listener is still held by a thread that is busy with something else.
pub(super) fn refuse(listener: &Weak<TcpListener>) {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        let socket = listener.upgrade().map(|it| it.as_fd().try_clone_to_owned());
        if let Some(Ok(socket)) = socket {
            // The standard library can only shut down what it takes for a stream; to the system it is the same call.
            let _ = std::net::TcpStream::from(socket).shutdown(std::net::Shutdown::Both);
        }
    }
    #[cfg(not(unix))]
    let _ = listener;
}
