//! A limit in real time that no paused clock can touch: a thread that exists only while somebody waits.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

/// Wakes whoever waits when the time is over, unless it is dropped before.
#[derive(Debug)]
pub(crate) struct Watchdog {
    watched: Arc<Watched>,
    /// Dropping it ends the thread.
    _leash: mpsc::Sender<Infallible>,
}

#[derive(Debug, Default)]
struct Watched {
    is_over: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Watchdog {
    pub(crate) fn new(limit: Duration) -> Self {
        let watched = Arc::new(Watched::default());
        let (leash, held) = mpsc::channel::<Infallible>();
        let dog = Arc::clone(&watched);
        let thread = thread::Builder::new().name("fake-bk-wait".to_owned());
        let spawned = thread.spawn(move || {
            if held.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                dog.is_over.store(true, Ordering::SeqCst);
                // Its lock is free again when the one who waits is woken, who may well look at it.
                let waker = dog.waker.lock().take();
                waker.into_iter().for_each(Waker::wake);
            }
        });
        if let Err(error) = spawned {
            panic!("no thread to keep the limit of a wait: {error}");
        }
        Self {
            watched,
            _leash: leash,
        }
    }

    /// Whether the time is over; if not, this waker is woken then.
    pub(crate) fn is_over(&self, waker: &Waker) -> bool {
        *self.watched.waker.lock() = Some(waker.clone());
        // Asked after the waker is in place: if the time ends between the two, it is seen here.
        self.watched.is_over.load(Ordering::SeqCst)
    }
}
