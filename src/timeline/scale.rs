//! Time on an axis, and in words.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

/// The most ticks an axis has, besides its beginning: 8.
const MOST_TICKS: i64 = 8;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How far apart ticks can be, in milliseconds. Beyond the last come its multiples.
const STEPS: [i64; 33] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    10 * DAY,
    20 * DAY,
    50 * DAY,
    100 * DAY,
];

/// From an instant to a place between the left end of a picture and its right end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    begins: DateTime<Utc>,
    /// Milliseconds, at least one.
    whole: i64,
}

/// A place from left to right, in thousandths of a percent. `Display` writes it as SVG does: `12.5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Share(pub(super) i64);

impl Scale {
    pub(super) fn new(begins: DateTime<Utc>, ends: DateTime<Utc>) -> Self {
        let whole = (ends - begins).num_milliseconds().max(1);
        Self { begins, whole }
    }

    pub(super) fn at(&self, instant: DateTime<Utc>) -> Share {
        self.share((instant - self.begins).num_milliseconds())
    }

    /// Spans reach over centuries if a test says so: the product does not fit into 64 bits then.
    fn share(&self, since: i64) -> Share {
        let part = i128::from(since.clamp(0, self.whole)) * 100_000 / i128::from(self.whole);
        Share(i64::try_from(part).expect("at most a hundred percent"))
    }

    /// Where the axis has ticks, and since when: the beginning, and round spans from there.
    pub(super) fn ticks(&self) -> Vec<(Share, TimeDelta)> {
        let fits = |step: &i64| self.whole / step <= MOST_TICKS;
        let last = STEPS[STEPS.len() - 1];
        let step = STEPS.into_iter().find(fits);
        let step = step.unwrap_or_else(|| (self.whole / MOST_TICKS / last + 1) * last);
        let ticks = (0..=self.whole / step).map(|n| n * step);
        ticks
            .map(|since| (self.share(since), TimeDelta::milliseconds(since)))
            .collect()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000);
        let short = digits.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{short}%")
    }
}

/// `1:02:03` of hours, minutes and seconds.
pub(super) fn clock_face(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    format!(
        "{}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A span as people say it, by its two largest units: `1 h 30 min`, `2 min`, `1.5 s`, `250 ms`.
pub(super) fn span_in_words(span: TimeDelta) -> String {
    let millis = span.num_milliseconds().max(0);
    let two = |large: i64, word: &str, small: i64, small_word: &str| {
        let (count, rest) = (millis / large, millis % large / small);
        if rest == 0 {
            format!("{count} {word}")
        } else {
            format!("{count} {word} {rest} {small_word}")
        }
    };
    match millis {
        0 => "0 s".to_owned(),
        1..SECOND => format!("{millis} ms"),
        SECOND..MINUTE => {
            let digits = format!("{}.{:03}", millis / SECOND, millis % SECOND);
            let short = digits.trim_end_matches('0').trim_end_matches('.');
            format!("{short} s")
        }
        MINUTE..HOUR => two(MINUTE, "min", SECOND, "s"),
        HOUR..DAY => two(HOUR, "h", MINUTE, "min"),
        _ => two(DAY, "d", HOUR, "h"),
    }
}

/// An instant as a page shows it: `2030-01-01 00:00:01 UTC`, with the fraction of a second if it has one.
pub(super) fn instant_in_words(at: DateTime<Utc>) -> String {
    let has_fraction = at.timestamp_subsec_millis() != 0;
    let format = if has_fraction {
        "%Y-%m-%d %H:%M:%S%.3f UTC"
    } else {
        "%Y-%m-%d %H:%M:%S UTC"
    };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_by_their_two_largest_units() {
        let table = [
            (0, "0 s"),
            (-5, "0 s"),
            (250, "250 ms"),
            (1_000, "1 s"),
            (1_500, "1.5 s"),
            (59_999, "59.999 s"),
            (60_000, "1 min"),
            (123_456, "2 min 3 s"),
            (HOUR, "1 h"),
            (HOUR + 90_000, "1 h 1 min"),
            (DAY + 30 * MINUTE, "1 d"),
            (40 * DAY + 3 * HOUR, "40 d 3 h"),
        ];
        for (millis, expected) in table {
            assert_eq!(span_in_words(TimeDelta::milliseconds(millis)), expected);
        }
    }

    #[test]
    fn an_axis_has_a_few_round_ticks_whatever_it_spans() {
        let begins = DateTime::from_timestamp(1_893_456_000, 0).expect("an instant");
        let ticks = |millis| {
            let scale = Scale::new(begins, begins + TimeDelta::milliseconds(millis));
            let ticks = scale.ticks().into_iter();
            let ticks = ticks.map(|(share, since)| format!("{share} {}", span_in_words(since)));
            ticks.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(ticks(0), "0% 0 s, 100% 1 ms");
        assert_eq!(
            ticks(11_000),
            "0% 0 s, 18.181% 2 s, 36.363% 4 s, 54.545% 6 s, 72.727% 8 s, 90.909% 10 s"
        );
        assert_eq!(
            ticks(2 * HOUR),
            "0% 0 s, 12.5% 15 min, 25% 30 min, 37.5% 45 min, 50% 1 h, 62.5% 1 h 15 min, 75% 1 h 30 min, \
             87.5% 1 h 45 min, 100% 2 h"
        );
        for power in 0..45 {
            let span = 3 * (1 << power);
            let scale = Scale::new(begins, begins + TimeDelta::milliseconds(span));
            let count = scale.ticks().len();
            assert!((3..=9).contains(&count), "{count} ticks for {span} ms");
        }
    }

    #[test]
    fn an_instant_outside_is_at_the_end_it_is_nearer_to() {
        let begins = DateTime::from_timestamp(1_893_456_000, 0).expect("an instant");
        let scale = Scale::new(begins, begins + TimeDelta::seconds(8));
        let at = |seconds| scale.at(begins + TimeDelta::seconds(seconds)).to_string();
        assert_eq!([at(-1), at(0), at(3), at(9)], ["0%", "0%", "37.5%", "100%"]);
    }
}
