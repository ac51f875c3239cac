//! How a state looks: a tone, and a mark for whoever does not see tones.
//!
//! The tones are near those of Buildkite's own pages. Each has a fill, a strong variant with enough contrast for text,
//! and both again for dark schemes; `svg.css` and `page.css` say which.

use std::fmt;

use crate::timeline::row::Row;
use crate::vocabulary::states::{BuildState, JobState};

/// The family of a state. Its word is the class in the stylesheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Passed,
    Failed,
    Soft,
    Running,
    Blocked,
    Canceled,
    Waiting,
    Skipped,
}

/// What is drawn in the middle of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Check,
    Cross,
    Exclamation,
    Triangle,
    Bars,
    Slash,
    Clock,
    Dots,
    Dot,
    Minus,
    Chevrons,
}

/// How a state looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) tone: Tone,
    pub(super) sign: Sign,
}

impl Mark {
    const fn new(tone: Tone, sign: Sign) -> Self {
        Self { tone, sign }
    }

    pub(super) fn of_job(row: &Row) -> Self {
        use JobState as S;
        match row.state {
            S::Failed | S::TimedOut if row.soft_failed => Self::new(Tone::Soft, Sign::Exclamation),
            S::Passed | S::Unblocked => Self::new(Tone::Passed, Sign::Check),
            S::Failed => Self::new(Tone::Failed, Sign::Cross),
            S::TimingOut | S::TimedOut => Self::new(Tone::Failed, Sign::Clock),
            S::Expired => Self::new(Tone::Canceled, Sign::Clock),
            S::Canceling | S::Canceled => Self::new(Tone::Canceled, Sign::Slash),
            S::Running => Self::new(Tone::Running, Sign::Triangle),
            S::Blocked => Self::new(Tone::Blocked, Sign::Bars),
            S::Limited | S::Scheduled | S::Assigned | S::Accepted => {
                Self::new(Tone::Waiting, Sign::Dot)
            }
            S::Pending | S::Waiting => Self::new(Tone::Waiting, Sign::Dots),
            S::WaitingFailed | S::BlockedFailed | S::UnblockedFailed => {
                Self::new(Tone::Canceled, Sign::Minus)
            }
            S::Skipped | S::Broken => Self::new(Tone::Skipped, Sign::Chevrons),
        }
    }

    pub(super) const fn of_build(state: BuildState) -> Self {
        use BuildState as S;
        match state {
            S::Passed => Self::new(Tone::Passed, Sign::Check),
            S::Failed => Self::new(Tone::Failed, Sign::Cross),
            S::Failing => Self::new(Tone::Failed, Sign::Triangle),
            S::Running => Self::new(Tone::Running, Sign::Triangle),
            S::Blocked => Self::new(Tone::Blocked, Sign::Bars),
            S::Canceling | S::Canceled => Self::new(Tone::Canceled, Sign::Slash),
            S::Creating | S::Scheduled => Self::new(Tone::Waiting, Sign::Dot),
            S::Skipped | S::NotRun => Self::new(Tone::Skipped, Sign::Chevrons),
        }
    }
}

impl Tone {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Soft => "soft",
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Canceled => "canceled",
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
        }
    }

    /// The fill in a light scheme, for the icon of a browser's tab.
    pub(super) const fn fill(self) -> &'static str {
        match self {
            Self::Passed => "#14b85a",
            Self::Failed => "#f83f23",
            Self::Soft => "#f5893d",
            Self::Running => "#ffba11",
            Self::Blocked => "#9c86e0",
            Self::Canceled => "#8b97a5",
            Self::Waiting => "#c3ccd6",
            Self::Skipped => "#83b0e4",
        }
    }
}

impl Sign {
    /// Strokes around (0, 0), at most 4 units away from it.
    const fn path(self) -> &'static str {
        match self {
            Self::Check => "M-3 .2L-.9 2.4 3-2.4",
            Self::Cross => "M-2.6-2.6L2.6 2.6M2.6-2.6L-2.6 2.6",
            Self::Exclamation => "M0-3.4V.8M0 3.2V3.3",
            Self::Triangle => "M-1.6-2.8L2.8 0-1.6 2.8Z",
            Self::Bars => "M-1.7-2.8V2.8M1.7-2.8V2.8",
            Self::Slash => "M-2.7 2.7L2.7-2.7",
            Self::Clock => "M0-3.4V.2L2.4 1.7",
            Self::Dots => "M-3.2 0H-3.1M0 0H.1M3.2 0H3.3",
            Self::Dot => "M-.7 0A.7.7 0 1 0 .7 0A.7.7 0 1 0-.7 0Z",
            Self::Minus => "M-3 0H3",
            Self::Chevrons => "M-2.8-2.6L-.2 0-2.8 2.6M.6-2.6L3.2 0 .6 2.6",
        }
    }
}

/// A circle with the sign in it, 15 units wide, around (0, 0). Nothing is said with it: the state stands beside it.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"<g class="mark {}"><circle r="7"/><path d="{}"/></g>"#,
            self.tone.word(),
            self.sign.path()
        )
    }
}
