//! What the author of a test does wrong: a slip.
//!
//! In Rust a slip is a panic that names the value and the choices, as a fault of our own is one that names what should
//! have held. Over HTTP they part: a slip is refused like any other wrong request, and the other one is a defect of
//! this crate that nobody should overlook. So a thread that answers for somebody else [hears](hear) slips apart from
//! panics. Whoever pulls a lever is no writer of Rust: where a text names something to write, it is [worded](wording)
//! for both.
//!
//! All of them are said alike. What a test wrote stands in backticks, a span of time as `Debug` has it; nothing ends
//! with a full stop. What is not there: ``no queue `gpu` in cluster `Linux`; it has `default` ``. What is no more:
//! ``this team is gone: it was deleted, or …``. What is out of bounds: the bounds first, then what was given. Whatever
//! helps comes last, behind a colon or a semicolon. A secret is never said.

#[cfg(feature = "cli")]
use std::cell::Cell;
use std::fmt;
#[cfg(feature = "cli")]
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[cfg(feature = "cli")]
thread_local! {
    /// Whether somebody hears slips on this thread.
    static IS_HEARD: Cell<bool> = const { Cell::new(false) };
}

/// What unwinds where slips are heard: nobody else sees it, and no panic hook is told.
#[cfg(feature = "cli")]
struct Slip(String);

/// The author of the test slipped: said as with `panic!`.
macro_rules! slip {
    ($($said:tt)+) => {
        $crate::vocabulary::slip::slipped(format_args!($($said)+))
    };
}

/// The author of the test slipped, unless this holds: said as with `assert!`.
macro_rules! slip_unless {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            $crate::vocabulary::slip::slip!($($said)+);
        }
    };
}

pub(crate) use {slip, slip_unless};

/// What names something to write: in Rust, or, if a lever is pulled on this thread, as levers and the command line call it.
pub(crate) fn wording<'w>(in_rust: &'w str, of_levers: &'w str) -> &'w str {
    #[cfg(feature = "cli")]
    if IS_HEARD.get() {
        return of_levers;
    }
    let _ = of_levers;
    in_rust
}

/// Ends what is being done with this text. It is made here, because a slip is in every method of every handle.
#[track_caller]
#[cold]
pub(crate) fn slipped(text: fmt::Arguments<'_>) -> ! {
    #[cfg(feature = "cli")]
    if IS_HEARD.get() {
        resume_unwind(Box::new(Slip(text.to_string())));
    }
    panic!("{text}")
}

/// Does something on this thread; a slip on the way comes back as its text. Any other panic goes on.
#[cfg(feature = "cli")]
pub(crate) fn hear<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = IS_HEARD.replace(true);
    // What is half-changed by a panic is no business of whoever is told of the slip: slips are found out first.
    let outcome = catch_unwind(AssertUnwindSafe(work));
    IS_HEARD.set(before);
    outcome.or_else(|panic| match panic.downcast::<Slip>() {
        Ok(slip) => Err(slip.0),
        Err(panic) => resume_unwind(panic),
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn said(work: impl FnOnce()) -> Option<String> {
        let panic = catch_unwind(AssertUnwindSafe(work)).err()?;
        panic.downcast_ref::<String>().cloned()
    }

    #[test]
    fn a_slip_is_a_panic_with_a_text() {
        let count = 3;
        let text = said(|| slip_unless!(count > 3, "{count} is too few"));
        assert_eq!(text.as_deref(), Some("3 is too few"));
        assert_eq!(said(|| slip_unless!(count > 2, "{count} is too few")), None);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_slip_that_is_heard_is_told_from_a_panic() {
        assert_eq!(super::hear(|| 1), Ok(1));
        let slipped = super::hear(|| slip!("no pipeline `sit`"));
        assert_eq!(slipped, Err::<(), _>("no pipeline `sit`".to_owned()));
        let worded = || super::wording("`fork()`", "`forks`");
        assert_eq!((super::hear(worded), worded()), (Ok("`forks`"), "`fork()`"));
        let count = 3;
        let panicked = said(|| {
            let _ = super::hear(|| panic!("{count} of two"));
        });
        assert_eq!(panicked.as_deref(), Some("3 of two"));
        // And nobody hears it any more.
        assert_eq!(said(|| slip!("late")).as_deref(), Some("late"));
    }
}
