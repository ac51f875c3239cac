//! Where a fake runs: on a thread of its own, or on the runtime of the test; and what moves its clock there.
//!
//! Elsewhere: the server itself (`http::server`), the clock that moves by itself (`driver`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::driver::{Driver, Pace, follow, gone, loopback_keeps_time};
use crate::http::connection::Limits;
use crate::http::reply::Answering;
use crate::http::server::{Check, Server};
use crate::vocabulary::slip::wording;

/// Who runs the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Host {
    /// A thread of its own.
    #[default]
    OwnThread,
    /// The runtime in which `start` is called.
    CurrentRuntime,
}

impl Host {
    /// The runtime that is meant.
    ///
    /// # Panics
    ///
    /// If there is none where one is needed, or the clock does not go with this host.
    #[track_caller]
    fn runtime(self, clock: Clock) -> Option<Handle> {
        match (self, Handle::try_current()) {
            (Self::CurrentRuntime, Ok(runtime)) => Some(runtime),
            (Self::CurrentRuntime, Err(_)) => panic!(
                "`.on_current_runtime()` needs a tokio runtime around `start`, and there is none here; start inside \
                 `#[tokio::test]` or `block_on`, or leave it out and the fake runs on a thread of its own"
            ),
            (Self::OwnThread, _) => {
                assert!(
                    clock != Clock::FollowTokio,
                    "`Clock::FollowTokio` needs `.on_current_runtime()`: a paused clock does not see a server on a thread \
                     of its own, and jumps while a request is on its way there"
                );
                None
            }
        }
    }

    /// Starts the server, and what keeps the fake up to a clock that moves by itself.
    #[track_caller]
    pub(super) fn serve(
        self,
        driver: &Arc<Driver>,
        clock: Clock,
        epoch: DateTime<Utc>,
        port: u16,
        limits: Limits,
    ) -> io::Result<Server> {
        let mut server = match self.runtime(clock) {
            None => {
                let driver = Arc::clone(driver);
                Server::start(port, limits, Arc::new(move |request| driver.serve(request)))?
            }
            Some(runtime) => {
                // Its tasks end when the runtime comes to it, which may be long after the fake is gone.
                let tie = Arc::downgrade(driver);
                let answer = move |request| match tie.upgrade() {
                    Some(driver) => driver.serve(request),
                    None => Answering::Now(gone()),
                };
                let check = (clock == Clock::FollowTokio).then(|| check(driver));
                Server::start_on(runtime, port, limits, Arc::new(answer), check)?
            }
        };
        let speed = match clock {
            Clock::Manual | Clock::PerRequest(_) | Clock::StepPerPoll => return Ok(server),
            Clock::Wall { speed } => speed,
            Clock::FollowTokio => 1.0,
        };
        // A runtime without timers says so here, and not in a task that nobody listens to.
        {
            let _entered = server.runtime().enter();
            drop(tokio::time::sleep(Duration::ZERO));
        }
        driver.goes_with(Pace::new(server.runtime().clone(), epoch, speed));
        server.keep_company(follow(Arc::downgrade(driver)));
        Ok(server)
    }
}

/// What moves a clock that no test can move, as the second half of a sentence that begins with the clock.
pub(super) fn mover(clock: Clock) -> Option<String> {
    match clock {
        Clock::Manual | Clock::PerRequest(_) | Clock::StepPerPoll => None,
        Clock::Wall { speed } => Some(format!(
            "real time moves it, {speed} times as fast; {}",
            wording(
                "wait with `fake.wait_for(..)`",
                "ask again until what it waits for is there"
            )
        )),
        Clock::FollowTokio => Some(
            "tokio's clock moves it; let time pass with `tokio::time::sleep(..)`, or wait with `fake.wait_for(..)`"
                .to_owned(),
        ),
    }
}

/// Before the first request over a socket: a clock that jumps while one is on its way would make nonsense of the test.
fn check(driver: &Arc<Driver>) -> Check {
    let tie = Arc::downgrade(driver);
    Box::pin(async move {
        if let (Err(why), Some(driver)) = (loopback_keeps_time().await, tie.upgrade()) {
            driver.doubt(why);
        }
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use crate::clock::Clock;
    use crate::fake::FakeBuildkite;

    /// What a system does on which the check fails cannot be had here; what follows from it can.
    #[tokio::test(start_paused = true)]
    async fn a_fake_that_does_not_trust_its_clock_says_so_to_everybody() {
        let fake = FakeBuildkite::builder()
            .clock(Clock::FollowTokio)
            .on_current_runtime()
            .start();
        let build = fake.pipeline("app").create_build();
        fake.driver.doubt("sockets do not work here".to_owned());
        fake.driver.doubt("nor does anything else".to_owned());
        let mut client = fake.connect();
        let request = b"GET /v2/user HTTP/1.1\r\nconnection: close\r\n\r\n";
        client.write_all(request).await.expect("open");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        assert!(
            answer.ends_with("{\"message\":\"sockets do not work here\"}\n"),
            "{answer}"
        );
        assert_eq!(fake.failures(), ["sockets do not work here"]);
        let asked: [&dyn Fn(); 4] = [
            &|| assert!(build.is_finished()),
            &|| drop(fake.events()),
            &|| drop(fake.requests()),
            &|| drop(build.rebuild()),
        ];
        for ask in asked {
            let panic = catch_unwind(AssertUnwindSafe(ask)).expect_err("a panic");
            let text = panic.downcast_ref::<String>().map(String::as_str);
            assert_eq!(text, Some("sockets do not work here"));
        }
        let report = fake.verify().expect_err("nothing can be trusted");
        assert_eq!(report.problems, ["sockets do not work here"]);
    }
}
