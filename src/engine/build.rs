//! Builds: their states, their one transition function, and what is stored about them.
//!
//! The function is total over (state, event). Which event it is follows from the jobs and is decided in
//! `engine::settle`; the rule that says what the jobs amount to is [`Tally::verdict`](crate::engine::tally::Tally).
//!
//! Elsewhere: the steps and what they wait for (`graph`), how REST shows a blocked build (`wire::build`).
//! Source: Buildkite docs, "Defining steps", section "Build states"; "Builds API".

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::cluster::ClusterKey;
use crate::engine::graph::StepRun;
use crate::engine::job::JobKey;
use crate::engine::pipeline::PipelineKey;
use crate::engine::table::key;
use crate::engine::tally::Tally;
use crate::persistent::List;
use crate::pipeline::Notification;
use crate::vocabulary::ids::BuildId;
use crate::vocabulary::states::{BuildSource, BuildState};

key! {
    /// A build, by the order of creation.
    BuildKey
}

/// Everything that can happen to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// Its steps became jobs.
    JobsCreated,
    /// Every one of its jobs was broken or skipped.
    NothingToRun,
    /// A newer build of the branch takes its place.
    Skip,
    /// Its first job starts.
    Start,
    /// Nothing is left but block and input steps that wait for a person.
    Block,
    /// Cancel, while no job is on an agent.
    Cancel,
    /// Cancel, while a job is on an agent.
    CancelRunning,
    /// The last job of a canceled build reports.
    LastJobReported,
    /// A job failed for good while others are active.
    FailEarly,
    /// Everything ended well.
    Pass,
    /// Everything ended, and something failed for good.
    Fail,
    /// There is work again: a retry, or a person unblocked a step.
    Resume,
}

#[cfg(test)]
impl Event {
    /// Each with its word in the table.
    pub(crate) const NAMED: &'static [(Self, &'static str)] = &[
        (Self::JobsCreated, "jobs_created"),
        (Self::NothingToRun, "nothing_to_run"),
        (Self::Skip, "skip"),
        (Self::Start, "start"),
        (Self::Block, "block"),
        (Self::Cancel, "cancel"),
        (Self::CancelRunning, "cancel_running"),
        (Self::LastJobReported, "last_job_reported"),
        (Self::FailEarly, "fail_early"),
        (Self::Pass, "pass"),
        (Self::Fail, "fail"),
        (Self::Resume, "resume"),
    ];

    pub(crate) fn word(self) -> &'static str {
        let mut named = Self::NAMED.iter();
        named.find(|(event, _)| *event == self).expect("a word").1
    }
}

/// Where `event` leads from `state`; `None` is a refusal. No arm is a catch-all, so that a new state or event stops the
/// build here.
///
/// Chosen: a build in which everything is a wait step passes from `scheduled` without ever running, and a running build
/// none of whose jobs is on an agent at that moment is canceled directly.
#[rustfmt::skip] // One name a line would make a page of every refusal.
pub(crate) const fn next(state: BuildState, event: Event) -> Option<BuildState> {
    use BuildState as S;
    use Event as E;
    match state {
        S::Creating => match event {
            E::JobsCreated => Some(S::Scheduled),
            E::NothingToRun => Some(S::NotRun),
            E::Skip => Some(S::Skipped),
            E::Cancel => Some(S::Canceled),
            E::Start | E::Block | E::CancelRunning | E::LastJobReported | E::FailEarly | E::Pass
            | E::Fail | E::Resume => None,
        },
        S::Scheduled => match event {
            E::NothingToRun => Some(S::NotRun),
            E::Skip => Some(S::Skipped),
            E::Start => Some(S::Running),
            E::Block => Some(S::Blocked),
            E::Cancel => Some(S::Canceled),
            E::Pass => Some(S::Passed),
            E::Fail => Some(S::Failed),
            E::JobsCreated | E::CancelRunning | E::LastJobReported | E::FailEarly | E::Resume => {
                None
            }
        },
        S::Running => match event {
            // Its trigger jobs started, and were skipped with the builds they made.
            E::NothingToRun => Some(S::NotRun),
            E::Block => Some(S::Blocked),
            E::Cancel => Some(S::Canceled),
            E::CancelRunning => Some(S::Canceling),
            E::FailEarly => Some(S::Failing),
            E::Pass => Some(S::Passed),
            E::Fail => Some(S::Failed),
            E::JobsCreated | E::Skip | E::Start | E::LastJobReported | E::Resume => None,
        },
        S::Failing => match event {
            E::Cancel => Some(S::Canceled),
            E::CancelRunning => Some(S::Canceling),
            E::Fail => Some(S::Failed),
            E::Resume => Some(S::Running),
            E::JobsCreated | E::NothingToRun | E::Skip | E::Start | E::Block
            | E::LastJobReported | E::FailEarly | E::Pass => None,
        },
        S::Blocked => match event {
            E::Cancel => Some(S::Canceled),
            E::Fail => Some(S::Failed),
            E::Resume => Some(S::Running),
            E::JobsCreated | E::NothingToRun | E::Skip | E::Start | E::Block | E::CancelRunning
            | E::LastJobReported | E::FailEarly | E::Pass => None,
        },
        S::Passed | S::Failed => match event {
            E::Resume => Some(S::Running),
            E::JobsCreated | E::NothingToRun | E::Skip | E::Start | E::Block | E::Cancel
            | E::CancelRunning | E::LastJobReported | E::FailEarly | E::Pass | E::Fail => None,
        },
        S::Canceling => match event {
            E::LastJobReported => Some(S::Canceled),
            E::JobsCreated | E::NothingToRun | E::Skip | E::Start | E::Block | E::Cancel
            | E::CancelRunning | E::FailEarly | E::Pass | E::Fail | E::Resume => None,
        },
        S::Canceled | S::Skipped | S::NotRun => match event {
            E::JobsCreated | E::NothingToRun | E::Skip | E::Start | E::Block | E::Cancel
            | E::CancelRunning | E::LastJobReported | E::FailEarly | E::Pass | E::Fail
            | E::Resume => None,
        },
    }
}

/// Whether nothing happens in it any more, unless a retry opens it again.
pub(crate) const fn is_over(state: BuildState) -> bool {
    match state {
        BuildState::Creating
        | BuildState::Scheduled
        | BuildState::Running
        | BuildState::Failing
        | BuildState::Blocked
        | BuildState::Canceling => false,
        BuildState::Passed
        | BuildState::Failed
        | BuildState::Canceled
        | BuildState::Skipped
        | BuildState::NotRun => true,
    }
}

/// Who wrote the commit, as far as the creator of the build said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) username: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

/// The pull request a build is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullRequest {
    pub(crate) id: String,
    pub(crate) base: Option<String>,
    pub(crate) repository: Option<String>,
    /// Kept for a rebuild; REST does not echo them.
    pub(crate) labels: Vec<String>,
}

/// What a build was asked to be; it never changes afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) commit: String,
    pub(crate) branch: String,
    pub(crate) tag: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) source: BuildSource,
    pub(crate) author: Option<Author>,
    pub(crate) creator: Option<UserKey>,
    pub(crate) pull_request: Option<PullRequest>,
    pub(crate) clean_checkout: bool,
    /// The build this one was rebuilt from. It may be gone by now: a deleted pipeline takes its builds with it.
    pub(crate) rebuilt_from: Option<BuildKey>,
    /// The trigger job that made it.
    pub(crate) triggered_from: Option<JobKey>,
    /// What `if_changed` looks at, if the test says so.
    pub(crate) changed_files: Option<Vec<String>>,
}

/// Why a build was canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancellation {
    /// Somebody asked for it.
    Person,
    /// A newer build of the branch began to run.
    NewerBuild,
}

/// Sets a value among named ones: a name keeps its first place and takes its last value.
pub(crate) fn put(pairs: &mut Vec<(String, String)>, name: String, value: String) {
    match pairs.iter_mut().find(|(known, _)| *known == name) {
        Some(known) => known.1 = value,
        None => pairs.push((name, value)),
    }
}

/// A build.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    pub(crate) id: BuildId,
    pub(crate) organization: OrganizationKey,
    pub(crate) pipeline: PipelineKey,
    /// The one its pipeline was in when it was made.
    pub(crate) cluster: Option<ClusterKey>,
    pub(crate) number: u64,
    pub(crate) head: Arc<Head>,
    pub(crate) meta_data: Vec<(String, String)>,
    pub(crate) state: BuildState,
    pub(crate) cancellation: Option<Cancellation>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) scheduled_at: DateTime<Utc>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) failing_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

/// How far a build got: what its own REST body does not show, and what changes far more often. It has a row of its own
/// so that a build's version stands for what is seen of it.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// By their numbers, which they keep: in the order in which the build got them.
    pub(crate) steps: List<StepRun>,
    /// The numbers of the steps in the order in which they stand. What an upload brought stands behind the step that
    /// uploaded it.
    pub(crate) order: Arc<[usize]>,
    pub(crate) tally: Tally,
    /// How many uploads it got.
    pub(crate) uploads: usize,
    /// Whom to tell of it: what its pipeline says, and what uploads add.
    pub(crate) notify: Vec<Notification>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            steps: List::new(),
            order: Arc::new([]),
            tally: Tally::default(),
            uploads: 0,
            notify: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = include_str!("build/transitions.md");

    #[test]
    fn every_pair_of_state_and_event_is_what_the_printed_table_says() {
        let block = TABLE
            .split("```")
            .nth(1)
            .expect("a table")
            .trim_start_matches("text");
        let (mut moves, mut decided, mut edges) = (Vec::new(), Vec::new(), Vec::new());
        let state_of =
            |word: &str| BuildState::from_word(word).unwrap_or_else(|| panic!("no state `{word}`"));
        for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(states) = line.strip_suffix("refuse everything else") {
                decided.extend(states.split_whitespace().map(state_of));
                continue;
            }
            let (left, right) = line.split_once("->").expect("a row has an arrow");
            let mut words: Vec<_> = left.split_whitespace().collect();
            let event = words.pop().expect("an event");
            let event = Event::NAMED
                .iter()
                .find(|(_, word)| *word == event)
                .expect("a known event")
                .0;
            let (to, edge) = right.trim().split_once("  ").expect("a row names its edge");
            edges.push(edge.trim().to_owned());
            moves.extend(
                words
                    .into_iter()
                    .map(|word| (state_of(word), event, state_of(to))),
            );
        }
        for state in BuildState::ALL {
            assert!(
                decided.contains(state),
                "the table does not say what `{state}` refuses"
            );
            for (event, word) in Event::NAMED {
                let rows: Vec<_> = moves
                    .iter()
                    .filter(|(s, e, _)| s == state && e == event)
                    .collect();
                assert!(rows.len() <= 1, "decided twice: {state} {word}");
                assert_eq!(
                    next(*state, *event),
                    rows.first().map(|row| row.2),
                    "{state} {word}"
                );
            }
        }
        // B1 is the creation itself.
        for number in 2..=19 {
            assert!(
                edges.contains(&format!("B{number}")),
                "edge B{number} is missing"
            );
        }
    }
}
