//! What leads from one line of the picture to another: dependencies and retries.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use chrono::{DateTime, Utc};

use crate::timeline::scale::Share;
use crate::timeline::svg::{Line, Picture, QUARTER};
use crate::vocabulary::states::{JobState, JobType};

/// From a line that lies so many quarters above, or below, where its job ended, to where this one could begin.
#[derive(Debug)]
pub(super) struct Curve {
    above: i64,
    from: Share,
    to: Share,
    is_retry: bool,
}

impl Picture<'_> {
    /// What leads to a line: to a retry, from the job it retries; to any other job, from each step it waits for, and
    /// there from the job that was over last. A step that another one of these waits for is left out.
    pub(super) fn curves(&self, (line, at): &(Line<'_>, u32)) -> Vec<Curve> {
        let Line::Job(row) = line else {
            return Vec::new();
        };
        let rows = &self.timeline.rows;
        let ended = |on: usize| rows[on].over_at.unwrap_or(self.until);
        let curve = |on: usize, to: DateTime<Utc>, is_retry| Curve {
            above: i64::from(*at) - i64::from(self.places[on]),
            from: self.scale.at(ended(on)),
            to: self.scale.at(to),
            is_retry,
        };
        let created = row.created_at();
        if let Some((old, _)) = row.retry_of {
            let old = self.index.by_id.get(&old).copied();
            return old
                .map(|old| curve(old, created, true))
                .into_iter()
                .collect();
        }
        if matches!(row.state, JobState::Broken | JobState::Skipped) {
            return Vec::new();
        }
        let when = row.runnable_at.or(row.over_at);
        let row_of = |step: &usize| self.index.row_of_step(self.timeline, *step, None);
        let on = row.depends_on.iter().filter_map(row_of);
        let further: BTreeSet<_> = on.flat_map(|on| &rows[on].depends_on).collect();
        let steps = row.depends_on.iter().filter(|on| !further.contains(on));
        let on = steps.filter_map(|step| self.index.row_of_step(self.timeline, *step, when));
        // What ended later did not let it go on: it was canceled before.
        let on = on.filter(|on| when.is_none_or(|when| ended(*on) <= when));
        let on = on.map(|on| {
            let meanwhile = ended(on).max(created);
            let to = match row.kind {
                // A gate is there from the beginning, and passed later.
                JobType::Manual => meanwhile,
                JobType::Script | JobType::Trigger | JobType::Waiter => when.unwrap_or(meanwhile),
            };
            curve(on, to, false)
        });
        on.collect()
    }

    pub(super) fn write_curves(out: &mut String, curves: &[Curve], height: u32) -> fmt::Result {
        if curves.is_empty() {
            return Ok(());
        }
        let middle = i64::from(height / 2);
        write!(
            out,
            r#"<g class="curves" aria-hidden="true"><svg width="100%" height="{height}" viewBox="0 0 1000 {height}" preserveAspectRatio="none" overflow="visible">"#
        )?;
        for curve in curves {
            let class = if curve.is_retry { "retry" } else { "dep" };
            // Thousandths of a percent to thousandths of the width.
            let (from, to) = (curve.from.0 / 100, curve.to.0 / 100);
            let top = middle - curve.above * i64::from(QUARTER);
            let swing = ((to - from).abs() / 2).clamp(14, 300);
            write!(
                out,
                r#"<path class="{class}" d="M{from} {top}C{} {top} {} {middle} {to} {middle}"/>"#,
                from + swing,
                to - swing
            )?;
        }
        out.push_str("</svg></g>");
        Ok(())
    }
}
