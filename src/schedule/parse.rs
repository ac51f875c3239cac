//! A line, taken apart and found good.

use chrono::{DateTime, NaiveTime, Utc};

use super::Cron;
use super::days::{Days, DaysOfMonth, WEEK_ONE, longest};
use super::error::CronError;
use super::field::{Field, days_of_week, numbers};
use super::numbers::Numbers;
use super::times::Times;
use super::zone::Zone;

/// The predefined intervals. Buildkite counts six; Fugit knows three more.
/// Source: Buildkite docs, "Scheduled builds", section "Predefined intervals", read 2026-11-26.
const WORDS: [(&str, &str); 6] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];

pub(super) fn cron(line: &str) -> Result<Cron, CronError> {
    let cron = read(line)?;
    check_interval(&cron)?;
    check_it_comes_due(&cron)?;
    Ok(cron)
}

/// What a line says, without a look at when it is due.
pub(super) fn read(line: &str) -> Result<Cron, CronError> {
    let line = line.trim();
    let mut parts: Vec<&str> = line
        .split([' ', '\t'])
        .filter(|part| !part.is_empty())
        .collect();
    let Some(first) = parts.first().copied() else {
        return Err(CronError::Blank);
    };
    if first.starts_with('@') {
        let mut words = WORDS.iter();
        match words.find(|(word, _)| *word == first) {
            Some((_, fields)) => parts.splice(..1, fields.split(' ')).for_each(drop),
            None => return Err(CronError::Word(first.to_owned())),
        }
    }
    if line.contains('~') {
        return Err(CronError::Random);
    }
    let (fields, zone) = match parts[..] {
        [minute, hour, day, month, week] => ([minute, hour, day, month, week], Zone::UTC),
        [minute, hour, day, month, week, zone] => ([minute, hour, day, month, week], sixth(zone)?),
        _ => return Err(CronError::Count(parts.len())),
    };
    Ok(Cron {
        times: times(fields)?,
        days: days(fields)?,
        zone,
    })
}

/// What is behind five fields. Where it looks like a field, the first of the six would be seconds.
fn sixth(text: &str) -> Result<Zone, CronError> {
    let is_field = days_of_week(text.trim_end_matches('&')).is_ok();
    match Zone::parse(text) {
        Some(zone) => Ok(zone),
        None if is_field => Err(CronError::Seconds),
        None => Err(CronError::Zone(text.to_owned())),
    }
}

fn times([minute, hour, ..]: [&str; 5]) -> Result<Times, CronError> {
    let minutes =
        numbers(Field::Minute, minute)?.map_or(Numbers::all(0, 59), |minutes| set(&minutes));
    let hours = numbers(Field::Hour, hour)?.map_or(Numbers::all(0, 23), |hours| set(&hours));
    Ok(Times { hours, minutes })
}

fn days([.., day, month, week]: [&str; 5]) -> Result<Days, CronError> {
    // Behind either field, `&` is about both.
    let must_be_both = [day, week].iter().any(|field| field.ends_with('&'));
    let day = day.strip_suffix('&').unwrap_or(day);
    let week = week.strip_suffix('&').unwrap_or(week);
    let of_month = numbers(Field::DayOfMonth, day)?;
    let mut months = numbers(Field::Month, month)?.map(|months| set(&months));
    if let (Some(some), Some(days)) = (months, &of_month) {
        months = Some(with_a_day(some, days)?);
    }
    Ok(Days {
        months: months.unwrap_or(Numbers::all(1, 12)),
        of_month: of_month.map(|days| {
            let (from_start, from_end): (Vec<i32>, Vec<i32>) =
                days.iter().partition(|day| **day > 0);
            DaysOfMonth {
                from_start: set(&from_start),
                from_end: set(&from_end),
            }
        }),
        of_week: days_of_week(week)?,
        must_be_both,
    })
}

/// Those of some months that can have one of the days, and there must be one. Fugit leaves the others out even where
/// a day of the week would be due in them.
fn with_a_day(months: Numbers, days: &[i32]) -> Result<Numbers, CronError> {
    let has_a_day = |month: &u32| {
        days.iter()
            .any(|day| *day < 0 || day.unsigned_abs() <= longest(*month))
    };
    let months: Numbers = months.iter().filter(has_a_day).collect();
    if months.is_empty() {
        return Err(CronError::Never);
    }
    Ok(months)
}

fn set(numbers: &[i32]) -> Numbers {
    numbers.iter().map(|number| number.unsigned_abs()).collect()
}

/// Refuses intervals that are too short.
///
/// Chosen: all of a day counts, whatever the time is when the line is written, and so does midnight where the day after
/// a day is one too. The service has looked at the next times only, so that it refused `* 0 * * *` in one hour of a
/// day. It is a rule about what clocks show: the hour in which they are changed may bring two times closer.
fn check_interval(cron: &Cron) -> Result<(), CronError> {
    let is_close_over_midnight =
        || cron.times.are_too_close_over_midnight() && cron.days.has_neighbours();
    if cron.times.are_too_close() || is_close_over_midnight() {
        return Err(CronError::TooFrequent);
    }
    Ok(())
}

/// Refuses lines for days that do not exist. Fugit knows those of its own accord where day and month exclude each
/// other, and gives others up when it is asked for the next time.
fn check_it_comes_due(cron: &Cron) -> Result<(), CronError> {
    let from: DateTime<Utc> = WEEK_ONE.and_time(NaiveTime::MIN).and_utc();
    match cron.next_after(from) {
        Some(_) => Ok(()),
        None => Err(CronError::Never),
    }
}
