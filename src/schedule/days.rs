//! The days: months, days of the month and days of the week, and how the last two are joined.

use chrono::{Datelike, NaiveDate, TimeDelta};

use super::numbers::Numbers;

/// After so many days the calendar repeats: 400 years, which are whole weeks too.
pub(super) const CYCLE: TimeDelta = TimeDelta::days(146_097);

/// The first day of week 1, for days of the week that are written with `%`. A Tuesday.
pub(super) const WEEK_ONE: NaiveDate = match NaiveDate::from_ymd_opt(2019, 1, 1) {
    Some(date) => date,
    None => unreachable!(),
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) months: Numbers,
    /// `None` for a `*`.
    pub(super) of_month: Option<DaysOfMonth>,
    /// `None` for a `*`.
    pub(super) of_week: Option<Vec<DayOfWeek>>,
    /// Said with `&`: a day must be right in both ways where both are restricted. Otherwise one is enough.
    pub(super) must_be_both: bool,
}

/// Days of the month: counted from its start, and counted from its end, the last being 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DaysOfMonth {
    pub(super) from_start: Numbers,
    pub(super) from_end: Numbers,
}

/// A day of the week, Sunday being 0, and which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DayOfWeek {
    pub(super) day: u32,
    pub(super) which: Which,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Every,
    /// `#2`: the second of a month.
    FromStart(u32),
    /// `#-2`: the last but one of a month.
    FromEnd(u32),
    /// `%3+1`: those of weeks whose number leaves the same rest as `plus`, divided by `every`. Not zero.
    Weeks {
        every: u32,
        plus: u32,
    },
}

impl Days {
    /// Whether a day is right in its month; its month is asked for apart.
    pub(super) fn contains(&self, date: NaiveDate) -> bool {
        match (&self.of_month, &self.of_week) {
            (None, None) => true,
            (Some(of_month), None) => of_month.contains(date),
            (None, Some(of_week)) => is_one_of(of_week, date),
            (Some(of_month), Some(of_week)) if self.must_be_both => {
                of_month.contains(date) && is_one_of(of_week, date)
            }
            (Some(of_month), Some(of_week)) => of_month.contains(date) || is_one_of(of_week, date),
        }
    }

    /// The first of them that is not before `from` and not after `until`. Months that are none are skipped whole.
    pub(super) fn at_or_after(&self, from: NaiveDate, until: NaiveDate) -> Option<NaiveDate> {
        let mut date = from;
        while date <= until {
            if !self.months.contains(date.month()) {
                date = first_of_next_month(date)?;
            } else if self.contains(date) {
                return Some(date);
            } else {
                date = date.succ_opt()?;
            }
        }
        None
    }

    /// Whether any two follow each other.
    pub(super) fn has_neighbours(&self) -> bool {
        let until = WEEK_ONE + CYCLE;
        let mut from = WEEK_ONE;
        while let Some(date) = self.at_or_after(from, until) {
            from = date + TimeDelta::days(1);
            if self.at_or_after(from, from).is_some() {
                return true;
            }
        }
        false
    }
}

impl DaysOfMonth {
    fn contains(self, date: NaiveDate) -> bool {
        let from_end = days_in(date.year(), date.month()) - date.day() + 1;
        self.from_start.contains(date.day()) || self.from_end.contains(from_end)
    }
}

fn is_one_of(days: &[DayOfWeek], date: NaiveDate) -> bool {
    let day = date.weekday().num_days_from_sunday();
    let mut same = days.iter().filter(|one| one.day == day);
    same.any(|one| one.which.contains(date))
}

impl Which {
    fn contains(self, date: NaiveDate) -> bool {
        match self {
            Self::Every => true,
            Self::FromStart(number) => (date.day() - 1) / 7 + 1 == number,
            Self::FromEnd(number) => {
                (days_in(date.year(), date.month()) - date.day()) / 7 + 1 == number
            }
            Self::Weeks { every, plus } => {
                (week(date) - i64::from(plus)).rem_euclid(every.into()) == 0
            }
        }
    }
}

/// The number of the week that a date is in, for `%`. Weeks begin on Tuesdays.
///
/// Chosen: the count of et-orbi before 1.4, in which 2019-01-01 begins week 1. Buildkite says "calculated based on the
/// time since 2019-01-01", as Fugit did. Since Fugit 1.12 the count begins with week 0 on Monday 2018-12-31; that moves
/// every day but Mondays by a week, and whether the service went along, or holds on to its count, is not documented.
fn week(date: NaiveDate) -> i64 {
    (date - WEEK_ONE).num_days().div_euclid(7) + 1
}

fn first_of_next_month(date: NaiveDate) -> Option<NaiveDate> {
    let (year, month) = match date.month() {
        12 => (date.year() + 1, 1),
        month => (date.year(), month + 1),
    };
    NaiveDate::from_ymd_opt(year, month, 1)
}

/// How many days a month has.
fn days_in(year: i32, month: u32) -> u32 {
    match month {
        2 if NaiveDate::from_ymd_opt(year, 2, 29).is_none() => 28,
        month => longest(month),
    }
}

/// How many days a month of that name can have.
pub(super) fn longest(month: u32) -> u32 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    /// As printed in Fugit's documentation for et-orbi 1.2.11.
    #[test]
    fn weeks_are_counted_from_a_tuesday() {
        for (text, expected) in [
            ("2018-12-24", -1),
            ("2018-12-25", 0),
            ("2018-12-28", 0),
            ("2018-12-31", 0),
            ("2019-01-01", 1),
            ("2019-01-07", 1),
            ("2019-01-08", 2),
            ("2019-04-11", 15),
            ("2025-10-06", 353),
            ("2025-10-07", 354),
        ] {
            assert_eq!(week(date(text)), expected, "{text}");
        }
    }

    #[test]
    fn the_calendar_repeats_after_a_cycle() {
        let (one, other) = (WEEK_ONE, WEEK_ONE + CYCLE);
        assert_eq!(
            (one.weekday(), one.ordinal()),
            (other.weekday(), other.ordinal())
        );
        assert_eq!(other.year(), one.year() + 400);
    }

    #[test]
    fn months_have_their_lengths() {
        let lengths =
            |year| [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(|month| days_in(year, month));
        let sum = |year| lengths(year).iter().sum::<u32>();
        assert_eq!(
            lengths(2024),
            [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        );
        assert_eq!([2000, 2023, 2100, 2400].map(sum), [366, 365, 365, 366]);
    }
}
