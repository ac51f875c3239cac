//! What goes wrong, and whether what was asked for is done all the same.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// An error with Buildkite's own body for it.
    Status(u16),
    Answer {
        status: u16,
        body: Bytes,
    },
    /// 429; the seconds it names, if not those to the end of the minute.
    RateLimited {
        reset: Option<u64>,
    },
    /// In the fake's time.
    Delay(Duration),
    Reset,
    HalfClose,
    Stall,
    Garbage,
    /// After so many bytes of the body, and before its last one.
    Truncate {
        bytes: usize,
    },
    WrongLength {
        by: i64,
    },
    /// In real time.
    Slow {
        pieces: usize,
        pause: Duration,
    },
}

/// Whether what was asked for is done when the fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The request never reaches Buildkite, or reaches it late.
    Before,
    /// Buildkite does what it was asked to, and its answer is lost, spoiled or late.
    After,
}

impl Verdict {
    /// Whether the client is left without a status.
    pub(crate) const fn is_silent(&self) -> bool {
        match self {
            Self::Reset | Self::HalfClose | Self::Stall | Self::Garbage => true,
            Self::Status(_)
            | Self::Answer { .. }
            | Self::RateLimited { .. }
            | Self::Delay(_)
            | Self::Truncate { .. }
            | Self::WrongLength { .. }
            | Self::Slow { .. } => false,
        }
    }

    /// Whether the request is done, if a test does not say.
    ///
    /// Chosen: what Buildkite, or what stands before it, says instead of an answer is said without doing anything; a
    /// connection that breaks is taken to break on the way there; what spoils or delays an answer needs one.
    pub(crate) const fn usual_effect(&self) -> Effect {
        match self {
            Self::Delay(_)
            | Self::Truncate { .. }
            | Self::WrongLength { .. }
            | Self::Slow { .. } => Effect::After,
            Self::Status(_)
            | Self::Answer { .. }
            | Self::RateLimited { .. }
            | Self::Reset
            | Self::HalfClose
            | Self::Stall
            | Self::Garbage => Effect::Before,
        }
    }

    /// Why it cannot come then, if it cannot.
    pub(crate) const fn refuses(&self, effect: Effect) -> Option<&'static str> {
        match (self, effect) {
            (Self::RateLimited { .. }, Effect::After) => {
                Some("a request over the rate limit has no effect")
            }
            (
                Self::Truncate { .. } | Self::WrongLength { .. } | Self::Slow { .. },
                Effect::Before,
            ) => Some("an answer can be spoiled only once there is one, after the effect"),
            (
                Self::Status(_)
                | Self::Answer { .. }
                | Self::Delay(_)
                | Self::Reset
                | Self::HalfClose
                | Self::Stall
                | Self::Garbage,
                _,
            )
            | (Self::RateLimited { .. }, Effect::Before)
            | (
                Self::Truncate { .. } | Self::WrongLength { .. } | Self::Slow { .. },
                Effect::After,
            ) => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Answer { status, .. } => write!(f, "status {status} with a body of the test's"),
            Self::RateLimited { .. } => f.write_str("rate limited"),
            Self::Delay(by) => write!(f, "delayed by {by:?}"),
            Self::Reset => f.write_str("connection reset"),
            Self::HalfClose => f.write_str("connection half closed"),
            Self::Stall => f.write_str("never answered"),
            Self::Garbage => f.write_str("garbage"),
            Self::Truncate { bytes } => write!(f, "cut off after {bytes} bytes of the body"),
            Self::WrongLength { by } => write!(f, "content-length off by {by:+}"),
            Self::Slow { pieces, pause } => write!(f, "body in {pieces} pieces {pause:?} apart"),
        }
    }
}
