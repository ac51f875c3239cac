//! The timeline as text: one line for each job.

use std::fmt::{self, Write as _};

use chrono::{DateTime, Utc};

use crate::timeline::Timeline;
use crate::timeline::row::Row;
use crate::timeline::scale::clock_face;
use crate::vocabulary::event::one_line;

/// How many characters a bar has.
const WIDTH: u8 = 32;

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = |at: DateTime<Utc>| clock_face(at - self.begins);
        let ends = if self.is_over {
            since(self.ends)
        } else {
            format!("{} and on", since(self.ends))
        };
        writeln!(
            f,
            "{} {} {}, 0:00:00 to {ends}",
            self.build,
            one_line(&self.branch),
            self.state
        )?;
        let texts: Vec<_> = self
            .rows
            .iter()
            .map(|row| (row, one_line(&row.title()), row.state_text()))
            .collect();
        let name_width = texts.iter().map(|(_, name, _)| name.chars().count()).max();
        let state_width = texts.iter().map(|(_, _, state)| state.len()).max();
        let (name_width, state_width) = (name_width.unwrap_or(0), state_width.unwrap_or(0));
        for (row, name, state) in &texts {
            let bar = self.bar(row);
            let mut line = format!("  {name:name_width$}  {state:state_width$}  {bar}");
            if let (Some(from), Some(to)) = (row.started_at, row.ended_at) {
                write!(line, "  {} to {}", since(from), since(to))?;
            }
            if let Some(note) = &row.note {
                line.push_str("  ");
                line.push_str(&one_line(note));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Timeline {
    /// `·` while it could run and did not, `█` while it ran.
    fn bar(&self, row: &Row) -> String {
        let whole = (self.ends - self.begins).num_milliseconds().max(1);
        let column = |at: DateTime<Utc>| {
            let part = (at - self.begins).num_milliseconds().clamp(0, whole);
            usize::try_from(part * i64::from(WIDTH) / whole)
                .unwrap_or(0)
                .min(usize::from(WIDTH) - 1)
        };
        let mut bar = vec![' '; usize::from(WIDTH)];
        if let Some(runnable) = row.runnable_at {
            let until = row.started_at.or(row.ended_at).unwrap_or(self.ends);
            bar[column(runnable)..=column(until)].fill('·');
        }
        if let (Some(from), Some(to)) = (row.started_at, row.ended_at) {
            // A job that took any time at all has a bar.
            bar[column(from)..=column(to).max(column(from))].fill('█');
        }
        bar.into_iter().collect()
    }
}
