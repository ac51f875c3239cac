//! The times of a day: which hours and which minutes of them.

use chrono::{NaiveTime, Timelike};

use super::numbers::Numbers;

/// The shortest interval Buildkite supports, in minutes. Builds come within ten minutes of their time.
/// Source: Buildkite docs, "Scheduled builds", section "Interval granularity", read 2026-11-26.
const SHORTEST_INTERVAL: u32 = 10;

/// Every minute of `minutes` in every hour of `hours`. Neither is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) hours: Numbers,
    pub(super) minutes: Numbers,
}

impl Times {
    /// The first of them in a day that is not before `from`.
    pub(super) fn at_or_after(self, from: NaiveTime) -> Option<NaiveTime> {
        // A time is a whole minute, so within a minute it is too late for that minute.
        let minute = from.minute() + u32::from(from.second() > 0 || from.nanosecond() > 0);
        if self.hours.contains(from.hour()) {
            if let Some(minute) = self.minutes.at_or_above(minute) {
                return NaiveTime::from_hms_opt(from.hour(), minute, 0);
            }
        }
        let hour = self.hours.at_or_above(from.hour() + 1)?;
        NaiveTime::from_hms_opt(hour, self.minutes.least()?, 0)
    }

    /// Whether two of one day are less than ten minutes apart.
    pub(super) fn are_too_close(self) -> bool {
        let mut neighbours = self.minutes.iter().zip(self.minutes.iter().skip(1));
        let in_an_hour = neighbours.any(|(a, b)| b - a < SHORTEST_INTERVAL);
        let mut hours = self.hours.iter();
        let has_two_running = hours.any(|hour| self.hours.contains(hour + 1));
        in_an_hour || (has_two_running && self.hours_are_close())
    }

    /// Whether the last of a day and the first of the next are less than ten minutes apart.
    pub(super) fn are_too_close_over_midnight(self) -> bool {
        self.hours.contains(23) && self.hours.contains(0) && self.hours_are_close()
    }

    /// Whether the last of an hour and the first of the next are.
    fn hours_are_close(self) -> bool {
        let ends = self.minutes.least().zip(self.minutes.greatest());
        ends.is_some_and(|(first, last)| 60 + first - last < SHORTEST_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(hours: &[u32], minutes: &[u32]) -> Times {
        Times {
            hours: hours.iter().copied().collect(),
            minutes: minutes.iter().copied().collect(),
        }
    }

    #[test]
    fn the_first_time_from_a_time_on() {
        let some = times(&[0, 9, 10, 23], &[5, 40]);
        for (from, expected) in [
            ("00:00:00", "00:05:00"),
            ("00:05:00", "00:05:00"),
            ("00:05:01", "00:40:00"),
            ("00:40:00.5", "09:05:00"),
            ("08:59:59", "09:05:00"),
            ("09:40:01", "10:05:00"),
            ("22:59:59", "23:05:00"),
            ("23:39:59", "23:40:00"),
            ("23:40:01", "none"),
            ("23:59:59", "none"),
        ] {
            let found = some.at_or_after(from.parse().expect("a time"));
            let found = found.map_or("none".to_owned(), |time| time.to_string());
            assert_eq!(found, expected, "{from}");
        }
    }

    #[test]
    fn ten_minutes_are_far_enough() {
        for (hours, minutes, is_close, is_close_over_midnight) in [
            (&[0, 1, 23][..], &[0, 10, 20, 30, 40, 50][..], false, false),
            (&[1], &[0, 9], true, false),
            (&[1, 3], &[0, 55], false, false),
            (&[1, 2], &[0, 50], false, false),
            (&[1, 2], &[0, 51], true, false),
            (&[0, 23], &[0, 51], false, true),
            (&[0, 23], &[1, 51], false, false),
            (&[23], &[0, 55], false, false),
        ] {
            let some = times(hours, minutes);
            let found = (some.are_too_close(), some.are_too_close_over_midnight());
            let expected = (is_close, is_close_over_midnight);
            assert_eq!(found, expected, "{hours:?} {minutes:?}");
        }
    }
}
