//! What the picture says of jobs.

use chrono::{DateTime, Utc};

use crate::timeline::row::Row;
use crate::timeline::scale::{instant_in_words, span_in_words};
use crate::timeline::svg::Picture;
use crate::vocabulary::states::{JobState, JobType};

impl Picture<'_> {
    /// What somebody who does not see the picture should know first.
    pub(super) fn description(&self) -> String {
        let build = self.timeline;
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for row in &build.rows {
            let state = if row.soft_failed {
                "soft failed"
            } else {
                row.state.as_str()
            };
            match counts.iter_mut().find(|(known, _)| *known == state) {
                Some((_, count)) => *count += 1,
                None => counts.push((state, 1)),
            }
        }
        let counts: Vec<_> = counts
            .iter()
            .map(|(state, count)| format!("{count} {}", spaced(state)))
            .collect();
        let counts = if counts.is_empty() {
            "none".to_owned()
        } else {
            counts.join(", ")
        };
        format!(
            "Build {} of branch {} is {}. It spans {} from {}. Its jobs, retried ones included: {counts}.",
            build.build,
            build.branch,
            spaced(build.state.as_str()),
            span_in_words(self.until - build.begins),
            instant_in_words(build.begins),
        )
    }
}

/// A name for whoever does not see the bar.
pub(super) fn label(row: &Row, now: DateTime<Utc>) -> String {
    let label = format!("{}: {}", row.full_title(), in_full(row));
    let verb = match row.kind {
        JobType::Manual => "waited",
        JobType::Script | JobType::Trigger | JobType::Waiter => "ran",
    };
    match row.ran_for(now) {
        Some(ran) => format!("{label}, {verb} {}", span_in_words(ran)),
        None => label,
    }
}

/// Everything there is to say, a line each.
pub(super) fn tooltip(row: &Row, now: DateTime<Utc>) -> String {
    let mut lines = vec![label(row, now), format!("{} job {}", row.kind, row.id)];
    lines.extend(row.note.clone().filter(|_| row.retried.is_none()));
    let queued = row.queued_for(now);
    lines.extend(queued.map(|queued| format!("queued {}", span_in_words(queued))));
    lines.extend(row.agent.as_ref().map(|agent| format!("agent {agent}")));
    let times = [
        ("waited for its concurrency group from", row.limited_at),
        ("could run at", row.runnable_at),
        ("blocked at", row.blocked_at()),
        ("started at", row.started_at),
        ("over at", row.over_at),
    ];
    for (word, at) in times {
        lines.extend(at.map(|at| format!("{word} {}", instant_in_words(at))));
    }
    let by = row.unblocked_by.as_ref();
    lines.extend(by.map(|by| format!("unblocked by {by}")));
    if let Some(retried) = &row.retried {
        let by = retried.by.as_ref().map(|by| format!(" by {by}"));
        let by = by.unwrap_or_default();
        lines.push(format!("retried ({}){by} in {}", retried.how, retried.into));
    }
    lines.join("\n")
}

/// The state in few words: `failed (1)`.
pub(super) fn in_short(row: &Row) -> String {
    spaced(&row.state_text())
}

/// The state in words: `failed with exit status 1`.
pub(in crate::timeline) fn in_full(row: &Row) -> String {
    let retried = if row.retried.is_some() {
        ", retried"
    } else {
        ""
    };
    let soft = if row.soft_failed { "soft " } else { "" };
    match (row.state, &row.exit) {
        (JobState::Failed, Some(exit)) => {
            format!("{soft}failed with exit status {}{retried}", exit.status)
        }
        (state, _) => format!("{}{retried}", spaced(state.as_str())),
    }
}

/// `timed out` of `timed_out`.
pub(super) fn spaced(word: &str) -> String {
    word.replace('_', " ")
}
