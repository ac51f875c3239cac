//! A clock that moves by itself: what is due happens when it is due, also when nobody asks.
//!
//! A task on the server's runtime sleeps until the next due instant, and is woken when something earlier is armed. It
//! only saves others the wait: whoever looks at the fake first brings it up to the clock, so that nothing depends on
//! which of two tasks due at one instant is run first.
//!
//! Elsewhere: what the clock says (`pace`), how what is due is done (`driver`).

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};

use super::Driver;

/// Keeps a fake up to its clock, as long as there is one.
pub(crate) async fn follow(driver: Weak<Driver>) {
    loop {
        let (woken, next) = {
            let Some(driver) = driver.upgrade() else {
                return;
            };
            let Ok(next) = driver.catch_up_until_next() else {
                return;
            };
            (Arc::clone(&driver.earlier), next)
        };
        match next {
            Some(instant) => drop(timeout_at(instant, woken.notified()).await),
            None => woken.notified().await,
        }
    }
}

/// Whether tokio's clock, if it is paused, stands still while something is on its way over the loopback device; if not,
/// a sentence that says so.
///
/// It stands still where what is written to one end can be read from the other at once, which holds on Linux. Where it
/// does not, a program that waits for an answer looks like one that waits for its next timer.
/// Source: tokio 1.53.3, changelog.
pub(crate) async fn loopback_keeps_time() -> Result<(), String> {
    let mut bait = std::pin::pin!(sleep(BAIT));
    let before = (real_now(), Instant::now());
    std::future::poll_fn(|cx| {
        // Once, so that it is among the timers that a jump could go to.
        let _ = bait.as_mut().poll(cx);
        std::task::Poll::Ready(())
    })
    .await;
    // Without a port or a descriptor there is no telling, and worse to come than this.
    let _ = round_trips().await;
    let moved = before.1.elapsed();
    judge(moved, real_now() - before.0)
}

/// How far the clock jumps if it does: 1 second, or to an earlier timer.
/// Chosen: far longer than the round trips take, so that a jump is told from time that really passed.
const BAIT: Duration = Duration::from_secs(1);

/// How often something goes there and back: 8 times.
/// Chosen: a clock that jumps now and then is seen, and all of it takes a fraction of a millisecond.
const ROUND_TRIPS: usize = 8;

async fn round_trips() -> std::io::Result<()> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let (mut server, _) = listener.accept().await?;
    let mut byte = [0];
    for _ in 0..ROUND_TRIPS {
        client.write_all(b"?").await?;
        server.read_exact(&mut byte).await?;
        server.write_all(b"!").await?;
        client.read_exact(&mut byte).await?;
    }
    Ok(())
}

/// A clock that is not paused moves as far as real time; a paused one must not move at all.
fn judge(moved: Duration, real: Duration) -> Result<(), String> {
    if moved <= real {
        return Ok(());
    }
    Err(format!(
        "tokio's paused clock moved by {moved:?} while a request was on its way over a socket, so time-outs fire that \
         should not: on this system sockets and a paused clock do not go together. Use connections in memory, \
         `fake.connect()`, or a clock that the test moves, `Clock::Manual`"
    ))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a paused clock is told from one that runs by how far the real one went"
)]
fn real_now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_moves_further_than_real_time_is_refused() {
        let millis = Duration::from_millis;
        assert_eq!(judge(millis(0), millis(3)), Ok(()));
        assert_eq!(judge(millis(2), millis(3)), Ok(()), "it is not paused");
        let refused = judge(BAIT, millis(3)).expect_err("it jumped");
        assert!(
            refused.starts_with("tokio's paused clock moved by 1s while a request was on its way"),
            "{refused}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_stands_still_here() {
        let before = Instant::now();
        assert_eq!(loopback_keeps_time().await, Ok(()));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_clock_that_runs_is_fine_as_well() {
        assert_eq!(loopback_keeps_time().await, Ok(()));
    }
}
