//! Spans of time as a test writes them, and instants as everything prints them.

use std::time::Duration;

use chrono::{DateTime, Datelike as _, SecondsFormat, Timelike as _, Utc};

/// An instant the way Buildkite writes it, and this crate everywhere: UTC, three decimals, `Z`.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    with_instant(at, str::to_owned)
}

/// The same for whoever only looks at it.
///
/// Digit by digit: where nothing is optimised `chrono` needs seven thousand instructions for a time, and a job has
/// half a dozen.
pub(crate) fn with_instant<T>(at: DateTime<Utc>, look: impl FnOnce(&str) -> T) -> T {
    let at = at.naive_utc();
    let (date, time) = (at.date(), at.time());
    let (year, nanos) = (date.year(), time.nanosecond());
    if !matches!(year, 0..10_000) || nanos >= 1_000_000_000 {
        // Years of another length have a sign, and a leap second is the 60th.
        return look(&at.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true));
    }
    let year = year.unsigned_abs();
    let seconds = time.num_seconds_from_midnight();
    let millis = nanos / 1_000_000;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text, 0, year / 100);
    put(&mut text, 2, year % 100);
    put(&mut text, 5, date.month());
    put(&mut text, 8, date.day());
    put(&mut text, 11, seconds / 3600);
    put(&mut text, 14, seconds / 60 % 60);
    put(&mut text, 17, seconds % 60);
    put(&mut text, 20, millis / 10);
    put(&mut text, 21, millis % 100);
    look(std::str::from_utf8(&text).expect("digits"))
}

/// Two digits.
#[expect(clippy::cast_possible_truncation, reason = "it is below 100")]
fn put(text: &mut [u8; 24], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
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

/// A span from a text: numbers with units, one behind the other. None, if it is something else.
///
/// ```
/// use fake_buildkite::{minutes, span_of};
///
/// assert_eq!(span_of("1h30m"), Some(minutes(90)));
/// assert_eq!(span_of("90s"), Some(minutes(1) + minutes(1) / 2));
/// assert_eq!(span_of("soon"), None);
/// ```
///
/// Units are `ms`, `s`, `m`, `h` and `d`.
#[must_use]
pub fn span_of(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at(digits);
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, behind) = behind.split_at(letters);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(millis)?;
        total = total.checked_add(Duration::from_millis(part))?;
        rest = behind;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_as_chrono_writes_them() {
        let second = |second: i64, nanos: u32| DateTime::from_timestamp(second, nanos);
        let odd = [
            Some(DateTime::<Utc>::MIN_UTC),
            Some(DateTime::<Utc>::MAX_UTC),
            // The first and the last instants with years of four digits, and their neighbours.
            second(-62_167_219_200, 0),
            second(-62_167_219_201, 999_999_999),
            second(253_402_300_799, 999_999_999),
            second(253_402_300_800, 0),
            // A leap second.
            second(1_483_228_799, 1_000_000_000),
            second(1_483_228_799, 1_999_999_999),
        ];
        let usual = (0..20_000).map(|n| {
            let second = -1_000_000_000 + n * 400_009;
            let nanos = u32::try_from(n).expect("small") * 49_999;
            DateTime::from_timestamp(second, nanos)
        });
        for at in odd.into_iter().chain(usual) {
            let at = at.expect("an instant");
            assert_eq!(instant(at), at.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
    }

    #[test]
    fn spans_are_numbers_with_units() {
        let table = [
            ("90s", Some(90_000)),
            ("1h30m", Some(5_400_000)),
            ("500ms", Some(500)),
            ("2d", Some(172_800_000)),
            (" 3m ", Some(180_000)),
            ("0s", Some(0)),
            ("", None),
            ("3", None),
            ("m", None),
            ("3 m", None),
            ("-3m", None),
            ("3w", None),
            ("99999999999999999999s", None),
            ("99999999999999999d", None),
        ];
        for (text, millis) in table {
            assert_eq!(span_of(text), millis.map(Duration::from_millis), "{text:?}");
        }
    }
}
