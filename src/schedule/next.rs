//! The search for the next instant, in jumps.
//!
//! What clocks show only ever runs on with the instants, but where they are changed. So the search asks for the next
//! matching reading of the clocks as if they were never changed, and then whether they are before it.

use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use super::Cron;
use super::days::CYCLE;

/// How far around a reading the clocks may be changed so that it matters, in seconds: no change is more than a day.
const REACH: i64 = 2 * 24 * 60 * 60;

/// The first instant after `after` at which the line is due.
///
/// Chosen: a time that the clocks skip is left out, and one that they show twice counts twice. Buildkite is silent;
/// Fugit, asked from an instant in UTC, does so.
pub(super) fn after(cron: &Cron, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let end = after.checked_add_signed(CYCLE);
    let end = end.unwrap_or(DateTime::<Utc>::MAX_UTC);
    let mut start = after.timestamp() + 1;
    while start <= end.timestamp() {
        let offset = cron.zone.offset_at(start)?;
        let reading = reading(
            cron,
            clocks(start, offset)?,
            clocks(end.timestamp(), offset)?,
        )?;
        let due = reading.and_utc().timestamp() - offset;
        // Nothing is due before `due` as long as the offset stays what it is.
        let near = due.min(start + REACH);
        start = match cron.zone.change(start, near) {
            Some(change) => change,
            None if near == due => return DateTime::from_timestamp(due, 0),
            // Changes in between are about readings that are in between too, and none of those matches.
            None => due - REACH,
        };
    }
    None
}

/// What the clocks show.
fn clocks(instant: i64, offset: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(instant.checked_add(offset)?, 0).map(|reading| reading.naive_utc())
}

/// The first matching reading that is not before `from`, on a day that is not after that of `until`.
fn reading(cron: &Cron, from: NaiveDateTime, until: NaiveDateTime) -> Option<NaiveDateTime> {
    let day = cron.days.at_or_after(from.date(), until.date())?;
    let is_same_day = day == from.date();
    let earliest = if is_same_day {
        from.time()
    } else {
        NaiveTime::MIN
    };
    if let Some(time) = cron.times.at_or_after(earliest) {
        return Some(day.and_time(time));
    }
    let tomorrow = day.checked_add_signed(TimeDelta::days(1))?;
    let day = cron.days.at_or_after(tomorrow, until.date())?;
    Some(day.and_time(cron.times.at_or_after(NaiveTime::MIN)?))
}
