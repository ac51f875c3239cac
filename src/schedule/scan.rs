//! Random cron lines, around changes of the clocks, against a scan over every minute.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

/// A line, and what it allows, found without reading it.
struct Written {
    line: String,
    zone: Zone,
    minutes: Vec<u32>,
    hours: Vec<u32>,
    /// Counted from the start, or below zero from the end. `None` for a `*`.
    days: Option<Vec<i64>>,
    months: Vec<u32>,
    /// The day, and how many weeks apart and from which on. `None` for a `*`.
    week: Option<Vec<(u32, i64, i64)>>,
    both: bool,
}

impl Written {
    fn is_due(&self, reading: NaiveDateTime) -> bool {
        reading.second() == 0
            && self.minutes.contains(&reading.minute())
            && self.hours.contains(&reading.hour())
            && self.months.contains(&reading.month())
            && self.is_day(reading.date())
    }

    fn is_day(&self, date: NaiveDate) -> bool {
        let of_month = self.days.as_ref().map(|days| {
            let mut length = 28;
            while date.with_day(length + 1).is_some() {
                length += 1;
            }
            let from_end = i64::from(date.day()) - i64::from(length) - 1;
            days.contains(&date.day().into()) || days.contains(&from_end)
        });
        let of_week = self.week.as_ref().map(|days| {
            let weeks = (date - NaiveDate::default()).num_days() - 17_890;
            days.iter().any(|(day, every, plus)| {
                date.weekday().num_days_from_sunday() == *day && (weeks / 7 - plus) % every == 0
            })
        });
        match (of_month, of_week) {
            (Some(a), Some(b)) if self.both => a && b,
            (Some(a), Some(b)) => a || b,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => true,
        }
    }
}

/// Whether a field from 1 leaves nothing out, in that order: then it is a `*`.
fn is_whole(numbers: &[u32], last: usize) -> bool {
    numbers.len() == last && numbers.first() == Some(&1)
}

struct Writer(Xoshiro256PlusPlus);

impl Writer {
    fn one_in(&mut self, bound: u32) -> bool {
        self.0.random_range(0..bound) == 0
    }

    /// A field from `first` to `last`, in one of its spellings.
    fn field(&mut self, first: u32, last: u32) -> (String, Vec<u32>) {
        let length = last - first + 1;
        let (a, span) = (
            self.0.random_range(first..=last),
            self.0.random_range(1..length),
        );
        let step = self.0.random_range(1..=length);
        let along = |number: u32| first + (a - first + number) % length;
        let b = along(span);
        match self.0.random_range(0..5) {
            0 => (format!("{a}"), vec![a]),
            1 => (format!("{b},{a}"), vec![a, b]),
            2 => (format!("{a}-{b}"), (0..=span).map(along).collect()),
            3 => {
                let stepped = (0..=span).filter(|number| number % step == 0);
                (format!("{a}-{b}/{step}"), stepped.map(along).collect())
            }
            _ => {
                let stepped = (first..=last).filter(|number| (number - first) % step == 0);
                (format!("*/{step}"), stepped.collect())
            }
        }
    }

    fn line(&mut self, zone: &str) -> Written {
        let (minute, minutes) = self.field(0, 59);
        let (mut hour, mut hours) = self.field(0, 23);
        if self.one_in(2) {
            (hour, hours) = ("*".to_owned(), (0..24).collect());
        }
        let (mut month, mut months) = self.field(1, 12);
        if !self.one_in(4) {
            (month, months) = ("*".to_owned(), (1..=12).collect());
        }
        let (mut day, days): (String, Option<Vec<i64>>) = match self.0.random_range(0..4) {
            0 => {
                let from = self.0.random_range(1..=31_i64);
                (format!("-{from}-L"), Some((-from..0).collect()))
            }
            1 => {
                let (day, days) = self.field(1, 31);
                let days = (!is_whole(&days, 31)).then_some(days);
                (
                    day,
                    days.map(|days| days.into_iter().map(i64::from).collect()),
                )
            }
            _ => ("*".to_owned(), None),
        };
        if let Some(days) = days.as_ref().filter(|_| !is_whole(&months, 12)) {
            let is_in = |month: u32, day: i64| {
                let day = u32::try_from(day).ok();
                // A leap year, and a day from the end is in every month.
                day.is_none_or(|day| NaiveDate::from_ymd_opt(2028, month, day).is_some())
            };
            months.retain(|month| days.iter().any(|day| is_in(*month, *day)));
        }
        let (mut week, rules) = match self.0.random_range(0..4) {
            0 => {
                let (week, days) = self.field(0, 6);
                let days = days.into_iter().map(|day| (day, 1, 0));
                (week, Some(days.collect()))
            }
            1 => {
                let day = self.0.random_range(0..7);
                let (every, plus) = (self.0.random_range(1..4), self.0.random_range(0..9));
                (
                    format!("{day}%{every}+{plus}"),
                    Some(vec![(day, every, plus)]),
                )
            }
            _ => ("*".to_owned(), None),
        };
        let both = self.one_in(2);
        if both {
            let behind = if self.one_in(2) { &mut day } else { &mut week };
            behind.push('&');
        }
        Written {
            line: format!("{minute} {hour} {day} {month} {week} {zone}"),
            zone: Zone::parse(zone).expect("a zone"),
            minutes,
            hours,
            days,
            months,
            week: rules,
            both,
        }
    }
}

/// Changes of the clocks, and places without.
const PLACES: [(&str, &str); 12] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2031-03-09T07:00:00Z"),
    ("America/New_York", "2031-11-02T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("America/Santiago", "2026-04-05T03:00:00Z"),
    ("America/Santiago", "2026-09-06T04:00:00Z"),
    ("Africa/Cairo", "2026-10-29T21:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("UTC", "2028-02-29T00:00:00Z"),
    ("+05:45", "2019-12-31T18:15:00Z"),
];

/// Compares all that is due in so many days from `start` on.
fn scan(cron: &Cron, written: &Written, start: DateTime<Utc>, days: i64) {
    let end = start + TimeDelta::days(days);
    let mut expected = Vec::new();
    let mut minute = start + TimeDelta::seconds(1);
    minute -= TimeDelta::seconds(i64::from(minute.second()));
    while minute <= end {
        let offset = written
            .zone
            .offset_at(minute.timestamp())
            .expect("an offset");
        let reading = minute.naive_utc() + TimeDelta::seconds(offset);
        if minute > start && written.is_due(reading) {
            expected.push(minute);
        }
        minute += TimeDelta::minutes(1);
    }
    let mut found = Vec::new();
    let mut now = start;
    while let Some(next) = cron.next_after(now).filter(|next| *next <= end) {
        found.push(next);
        now = next;
    }
    assert_eq!(found, expected, "{} from {start}", written.line);
}

#[test]
fn random_lines_are_due_when_a_scan_over_every_minute_says() {
    let mut some_are_due = 0;
    for seed in 0..360_u64 {
        let mut writer = Writer(Xoshiro256PlusPlus::seed_from_u64(seed));
        let (zone, change) = PLACES[writer.0.random_range(0..PLACES.len())];
        let written = writer.line(zone);
        let cron = match parse::read(&written.line) {
            Ok(cron) => cron,
            Err(CronError::Never) => continue,
            Err(error) => panic!("seed {seed}: Cronline {error}: {}", written.line),
        };
        let back = TimeDelta::seconds(writer.0.random_range(0..2 * 24 * 60 * 60));
        let start = change.parse::<DateTime<Utc>>().expect("an instant") - back;
        let days = if seed % 12 == 0 { 40 } else { 3 };
        println!("seed {seed}: {} from {start}", written.line);
        scan(&cron, &written, start, days);
        let next = cron.next_after(start);
        some_are_due += u32::from(next.is_some_and(|next| next - start < TimeDelta::days(3)));
    }
    assert!(some_are_due > 100, "{some_are_due} of them are due");
}
