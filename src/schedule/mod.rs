//! Cron lines: when the builds of a schedule are due.
//!
//! The dialect is that of Fugit, the Ruby library Buildkite reads its cron lines with. In order: the line is taken
//! apart (`parse`, and `field` for one field), which gives the hours and minutes of a day (`times`), the days (`days`)
//! and a time zone (`zone`); `next` looks for the next instant at which all of them agree.
//!
//! **Which instants.** An instant counts when a clock on a wall of that zone shows a matching day, hour and minute at
//! it. So where clocks are put forward, a time that is never shown is left out that day; where they are put back, a
//! time that is shown twice counts twice. Fugit steps through instants and compares what they read in the zone of the
//! line; from an instant in UTC, as a server has it, that is this rule. (Asked from an instant in the same zone as the
//! line, it leaves the second of two equal readings out when they would follow each other at once.)
//!
//! **Not modelled:** that the builds come up to ten minutes late. Words in place of lines (`every day at noon`). White
//! space between repeated commas. A zone name with something after it, which Fugit cuts off until it knows the rest.
//! That Fugit leaves out a whole day whose midnight is never shown, when the line is for some days only.
//!
//! Elsewhere: what is done when a line is due, and who may ask for one.
//! Source: Buildkite docs, "Scheduled builds", section "Schedule intervals"; Fugit 1.13, `cron.rb` and its tests;
//! et-orbi 1.2.11 and 1.4.1, read 2026-11-26.

mod days;
mod error;
mod field;
mod next;
mod numbers;
mod parse;
mod times;
mod zone;

#[cfg(test)]
mod scan;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use days::Days;
use times::Times;
use zone::Zone;

pub(crate) use error::CronError;

/// A cron line that was read and found good: it comes due, and not too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    times: Times,
    days: Days,
    zone: Zone,
}

impl Cron {
    /// Reads a predefined interval or a crontab line, either with a time zone behind it if wanted. The error's text
    /// completes `Cronline …`.
    pub(crate) fn parse(line: &str) -> Result<Self, CronError> {
        parse::cron(line)
    }

    /// The first instant after `after` at which the line is due, `after` itself not included. `None` if there is none
    /// within 400 years, or before time ends.
    pub(crate) fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        next::after(self, after)
    }
}
