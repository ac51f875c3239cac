//! Nobody answers: a port that is closed for a while, and one that never opens.

use std::fmt;
use std::net::SocketAddr;

use crate::fake::FakeBuildkite;
use crate::http::server;

/// Keeps a port from everybody, and listens to nobody.
pub(super) struct DeadPort {
    address: SocketAddr,
    _kept: Box<dyn fmt::Debug + Send + Sync>,
}

impl FakeBuildkite {
    /// Closes the port and every connection: from now on clients are refused, as when Buildkite is down. The world
    /// stays, and everything else works: handles, the clock, [`restart`](Self::restart). Stopping twice is fine.
    ///
    /// Answers that are being written are, for a twentieth of a second; requests that are held or late are dropped.
    /// While the fake is stopped a socket that never listens keeps its port from everybody else, and new [connections
    /// in memory](Self::connect) are closed at once. [On a runtime of the
    /// test](crate::FakeBuildkiteBuilder::on_current_runtime) the port is closed on Linux at once, elsewhere when the
    /// runtime next runs, and so are connections everywhere.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let ask = || reqwest::blocking::get(fake.url()); // a new connection each time
    /// fake.stop();
    /// assert!(ask().unwrap_err().is_connect());
    /// fake.restart();
    /// assert_eq!(ask().unwrap().status(), 200);
    /// ```
    pub fn stop(&self) {
        self.server.close();
    }

    /// Opens the port again after [`stop`](Self::stop): the same port, the same world. A fake that was not stopped is
    /// stopped first, so that every client loses its connection.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let (url, app) = (fake.url(), fake.pipeline("app").create());
    /// fake.stop();
    /// app.create_build(); // the world goes on
    /// fake.restart();
    /// assert_eq!((fake.url(), app.builds().len()), (url, 1));
    /// assert_eq!(reqwest::blocking::get(fake.url()).unwrap().status(), 200);
    /// ```
    ///
    /// # Panics
    ///
    /// If another process has taken the port meanwhile, which only one can that asks for this very port.
    #[track_caller]
    pub fn restart(&self) {
        self.server.close();
        if let Err(error) = self.server.reopen() {
            panic!(
                "the fake cannot listen at {} again: {error}; somebody else has taken the port while it was stopped",
                self.server.address()
            );
        }
    }

    /// The origin of a server that is not there: whoever connects is refused, for as long as the fake lives. A socket
    /// that never listens keeps the port from everybody else. The same at each call.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// assert!(reqwest::blocking::get(fake.dead_url()).unwrap_err().is_connect());
    /// ```
    ///
    /// # Panics
    ///
    /// If the system has no port or descriptor left.
    #[must_use]
    #[track_caller]
    pub fn dead_url(&self) -> String {
        let dead = self.dead.get_or_init(|| {
            let port = server::dead_port().and_then(|kept| Ok((kept.local_addr()?, kept)));
            match port {
                Ok((address, kept)) => DeadPort {
                    address,
                    _kept: Box::new(kept),
                },
                Err(error) => panic!("no port for a server that is not there: {error}"),
            }
        });
        format!("http://{}", dead.address)
    }
}
