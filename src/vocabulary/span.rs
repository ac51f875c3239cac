//! Spans of time as a test writes them, and instants as everything prints them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant the way Buildkite writes it, and this crate everywhere: UTC, three decimals, `Z`.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// So many milliseconds.
///
/// ```
/// assert_eq!(fake_buildkite::millis(1_500), fake_buildkite::seconds(1) + fake_buildkite::millis(500));
/// ```
#[must_use]
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// So many seconds.
///
/// ```
/// assert_eq!(fake_buildkite::seconds(60), fake_buildkite::minutes(1));
/// ```
#[must_use]
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many minutes.
///
/// ```
/// assert_eq!(fake_buildkite::minutes(60), fake_buildkite::hours(1));
/// ```
#[must_use]
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

/// So many hours.
///
/// ```
/// assert_eq!(fake_buildkite::hours(24), fake_buildkite::days(1));
/// ```
#[must_use]
pub const fn hours(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60 * 60))
}

/// So many days of 24 hours.
///
/// ```
/// assert_eq!(fake_buildkite::days(2).as_secs(), 172_800);
/// ```
#[must_use]
pub const fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(24 * 60 * 60))
}
