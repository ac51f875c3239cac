//! Why a cron line is refused.

use std::fmt;

use super::field::Field;

/// A refused line. Its text completes `Cronline …`, as a validation error has it.
///
/// Chosen: the words. That there is such an error is documented, its text is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CronError {
    /// Nothing but white space.
    Blank,
    /// An `@word` that is no predefined interval.
    Word(String),
    /// Neither five fields nor five and a time zone.
    Count(usize),
    /// Six fields, and the last is no time zone: Fugit would read the first as seconds.
    Seconds,
    /// `~`, which lets Fugit draw a number.
    Random,
    /// One piece of one field.
    Piece {
        field: Field,
        text: String,
        wanted: &'static str,
    },
    /// No zone of that name, and no offset.
    Zone(String),
    /// No such day exists, or a time zone never shows that time of it.
    Never,
    /// Two times less than ten minutes apart.
    TooFrequent,
}

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => write!(f, "can't be blank"),
            Self::Word(word) => write!(
                f,
                "is invalid: `{word}` is not one of @hourly, @daily, @midnight, @weekly, @monthly and @yearly"
            ),
            Self::Count(count) => write!(
                f,
                "is invalid: minute, hour, day of month, month, day of week and, optionally, a time zone are expected, \
                 and it has {count} part{}",
                if *count == 1 { "" } else { "s" }
            ),
            Self::Seconds => write!(f, "is invalid: a field for seconds is not supported"),
            Self::Random => write!(f, "is invalid: `~` is not supported"),
            Self::Piece {
                field,
                text,
                wanted,
            } => {
                write!(
                    f,
                    "is invalid: `{text}` in {} is not {wanted}",
                    field.name()
                )
            }
            Self::Zone(text) => write!(
                f,
                "is invalid: `{text}` is not a time zone; a name such as `Europe/Berlin` or an offset between -11:45 \
                 and +11:45 such as `+09:00` is"
            ),
            Self::Never => write!(f, "is invalid: it never comes due"),
            Self::TooFrequent => {
                write!(
                    f,
                    "is too frequent: intervals under 10 minutes are not supported"
                )
            }
        }
    }
}

impl std::error::Error for CronError {}
