//! One field of a line: `*/10`, `1-5`, `22-2`, `-2-L`, `MON#1,FRI%2+1`.
//!
//! A field is a list, and what is said here of one piece of it holds for each. Numbers may be ranges, and a range whose
//! end is before its start goes on over the end of the field. A step counts along the range, `/n` is `*/n`, and `a/n`
//! goes from `a` to the field's end, except for a day of the week, where it is `a` alone. A range from the end of a
//! month into its start is refused, as Fugit does by accident.
//! Source: Fugit 1.13, `cron.rb` and its tests, read 2026-11-26.

use std::ops::RangeInclusive;

use super::days::{DayOfWeek, Which};
use super::error::CronError;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS_OF_WEEK: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const STEP: &str = "stepped by a number from 1 to 99";

/// In the order of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

impl Field {
    /// As a part of a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Minute => "the minute",
            Self::Hour => "the hour",
            Self::DayOfMonth => "the day of month",
            Self::Month => "the month",
            Self::DayOfWeek => "the day of week",
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Minute => "a number from 0 to 59",
            Self::Hour => "a number from 0 to 23",
            Self::DayOfMonth => "a number from 1 to 31, one from -1 to -31, or `L`",
            Self::Month => "a number from 1 to 12 or a name such as `JAN`",
            Self::DayOfWeek => "a number from 0 to 7 or a name such as `MON`",
        }
    }

    /// What `*` stands for.
    fn whole(self) -> RangeInclusive<i32> {
        match self {
            Self::Minute => 0..=59,
            Self::Hour => 0..=23,
            Self::DayOfMonth => 1..=31,
            Self::Month => 1..=12,
            Self::DayOfWeek => 0..=6,
        }
    }

    /// What may be written. Hour 24 is 0, and so is day 7 of the week.
    fn allows(self, number: i32) -> bool {
        match self {
            Self::Hour => (0..=24).contains(&number),
            Self::DayOfMonth => (1..=31).contains(&number.abs()),
            Self::DayOfWeek => (0..=7).contains(&number),
            Self::Minute | Self::Month => self.whole().contains(&number),
        }
    }

    fn refused(self, text: &str, wanted: &'static str) -> CronError {
        CronError::Piece {
            field: self,
            text: text.to_owned(),
            wanted,
        }
    }
}

/// The numbers of a field, of any but the day of the week. `None` for all of them: a `*` in the list, or what is the
/// same. Below zero are days that count from the end of a month.
pub(super) fn numbers(field: Field, text: &str) -> Result<Option<Vec<i32>>, CronError> {
    let mut all = Vec::new();
    let mut is_whole = false;
    for piece in pieces(field, text)? {
        let range = Range::parse(field, piece)?;
        is_whole |= range.is_whole(field);
        match range.numbers(field) {
            Some(numbers) => all.extend(numbers),
            None => return Err(field.refused(piece, "counted from one end of the month")),
        }
    }
    Ok((!is_whole).then_some(all))
}

/// The days of the week. `None` if there is nothing but `*`; beside other days a `*` adds nothing, and every day
/// written in full is not a `*`, which matters where a day of month is written too.
pub(super) fn days_of_week(text: &str) -> Result<Option<Vec<DayOfWeek>>, CronError> {
    let field = Field::DayOfWeek;
    let mut all = Vec::new();
    for piece in pieces(field, text)? {
        if let Some((day, number)) = piece.split_once('#') {
            let which = nth(number).ok_or_else(|| {
                let wanted = "a day with `#1` to `#5`, `#-1` to `#-5` or `#L` behind it";
                field.refused(piece, wanted)
            })?;
            all.push(day_of_week(number_of(field, day)?, which));
        } else if let Some((day, weeks)) = piece.split_once('%') {
            let which = modulo(weeks).ok_or_else(|| {
                let wanted = "a day with `%2`, or `%2+1`, behind it";
                field.refused(piece, wanted)
            })?;
            all.push(day_of_week(number_of(field, day)?, which));
        } else {
            let days = Range::parse(field, piece)?.days_of_week();
            all.extend(days.map(|day| day_of_week(day, Which::Every)));
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok((!all.is_empty()).then_some(all))
}

/// What is between commas. Extra ones are let pass.
fn pieces(field: Field, text: &str) -> Result<Vec<&str>, CronError> {
    let pieces: Vec<&str> = text.split(',').filter(|piece| !piece.is_empty()).collect();
    if pieces.is_empty() {
        return Err(field.refused(text, field.wanted()));
    }
    Ok(pieces)
}

fn day_of_week(day: i32, which: Which) -> DayOfWeek {
    DayOfWeek {
        day: day.unsigned_abs() % 7,
        which,
    }
}

fn nth(text: &str) -> Option<Which> {
    let is_last = ["l", "last"]
        .iter()
        .any(|last| last.eq_ignore_ascii_case(text));
    match text.as_bytes() {
        _ if is_last => Some(Which::FromEnd(1)),
        [digit @ b'1'..=b'5'] => Some(Which::FromStart(u32::from(digit - b'0'))),
        [b'-', digit @ b'1'..=b'5'] => Some(Which::FromEnd(u32::from(digit - b'0'))),
        _ => None,
    }
}

/// `3` or `3+1`.
fn modulo(text: &str) -> Option<Which> {
    let (every, plus) = text.split_once('+').unwrap_or((text, "0"));
    let number = |text: &str| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (every, plus) = (number(every)?, number(plus)?);
    (every > 0).then_some(Which::Weeks { every, plus })
}

/// `*`, `a` or `a-b`, and a step.
#[derive(Debug, Clone, Copy)]
struct Range {
    /// `None` for `*`.
    first: Option<i32>,
    last: Option<i32>,
    step: Option<usize>,
}

impl Range {
    fn parse(field: Field, text: &str) -> Result<Self, CronError> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (
                range,
                Some(step_of(step).ok_or_else(|| field.refused(text, STEP))?),
            ),
            None => (text, None),
        };
        let (first, last) = match range {
            "*" => (None, None),
            "" if step.is_some() => (None, None),
            range => {
                // A minus at the start is no dash.
                let mut dashes = range.char_indices().skip(1);
                match dashes.find(|(_, c)| *c == '-') {
                    Some((dash, _)) if dash + 1 == range.len() => {
                        return Err(field.refused(range, "a range with an end"));
                    }
                    Some((dash, _)) => {
                        let last = number_of(field, &range[dash + 1..])?;
                        (Some(number_of(field, &range[..dash])?), Some(last))
                    }
                    None => (Some(number_of(field, range)?), None),
                }
            }
        };
        Ok(Self { first, last, step })
    }

    /// Where it begins and where it ends. One from a day of the month to its end goes to the 31st.
    fn ends(self, field: Field) -> (i32, i32) {
        let (lowest, highest) = field.whole().into_inner();
        let first = self.first.unwrap_or(lowest);
        let last = match self.last {
            Some(last) if last < 0 && first > 0 => highest,
            Some(last) => last,
            None if self.first.is_none() || self.step.is_some() => highest,
            None => first,
        };
        (first, last)
    }

    /// Whether it leaves nothing out and is written as a range: `*`, `*/1`, `0-59`.
    fn is_whole(self, field: Field) -> bool {
        self.ends(field) == field.whole().into_inner() && self.step.unwrap_or(1) == 1
    }

    /// All of them, in the order of the range. `None` if it goes from the end of a month into its start.
    fn numbers(self, field: Field) -> Option<Vec<i32>> {
        let (first, last) = self.ends(field);
        let (lowest, highest) = match field.whole().into_inner() {
            (_, highest) if first < 0 => (-highest, -1),
            whole => whole,
        };
        if first < 0 && last > 0 {
            return None;
        }
        let length = highest - lowest + 1;
        let walk: Vec<i32> = if first > highest && last <= highest {
            // Only hour 24 is beyond its field. At the start of a range it is an hour more, before 0.
            std::iter::once(first).chain(lowest..=last).collect()
        } else if last < first {
            (first..=last + length).collect()
        } else {
            (first..=last).collect()
        };
        let steps = walk.into_iter().step_by(self.step.unwrap_or(1));
        let back = |number| {
            if number > highest {
                number - length
            } else {
                number
            }
        };
        Some(steps.map(back).collect())
    }

    /// Days of the week. Seven stands for zero here, and a week has no end to stop at.
    fn days_of_week(self) -> impl Iterator<Item = i32> {
        let days = match (self.first, self.last) {
            (None, _) if self.step.is_none() => 0..0,
            (None, _) => 0..7,
            (Some(first), None) => first..first + 1,
            (Some(first), Some(last)) if last < first => first..last + 8,
            (Some(first), Some(last)) => first..last + 1,
        };
        days.step_by(self.step.unwrap_or(1))
    }
}

/// One or two digits, and not zero.
///
/// Chosen: zero is refused in every field. Fugit lets it pass for the day of the week only, where it once divided by
/// it.
fn step_of(text: &str) -> Option<usize> {
    let is_number = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    let step = is_number.then(|| text.parse().ok()).flatten();
    step.filter(|step| *step > 0)
}

/// A number or a name.
fn number_of(field: Field, text: &str) -> Result<i32, CronError> {
    let named = |names: &[&str], first: i32| {
        let numbered = (first..).zip(names);
        let mut same = numbered.filter(|(_, name)| name.eq_ignore_ascii_case(text));
        same.next().map(|(number, _)| number)
    };
    let name = match field {
        Field::Minute | Field::Hour => None,
        Field::DayOfMonth => named(&["last"], -1).or(named(&["l"], -1)),
        Field::Month => named(&MONTHS, 1),
        Field::DayOfWeek => named(&DAYS_OF_WEEK, 0),
    };
    let number = || {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let most = if field == Field::DayOfWeek { 1 } else { 2 };
        let is_number = digits.len() <= most && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| digits.parse::<i32>().ok()).flatten()?;
        let is_signed = sign < 0 && field != Field::DayOfMonth;
        (!is_signed && field.allows(number)).then_some(sign * number)
    };
    name.or_else(number)
        .ok_or_else(|| field.refused(text, field.wanted()))
}
