//! The rules of builds a second time: slow, plain, and from the documentation alone.
//!
//! Nothing is kept that can be worked out: who depends on whom, who holds a slot, what a build amounts to is asked
//! anew, over everything there is, until an answer changes nothing any more ([`Model::settle`]).
//!
//! Here: what there is. How it comes to be: `making`. What waits for what: `dependencies`. What follows from a change:
//! `settling`, and for a build `builds`. What becomes of jobs: `jobs`. What their steps and scripts say: `scripts`.
//! What sets it all in motion: `people`.

mod builds;
mod dependencies;
mod jobs;
mod making;
mod people;
mod scripts;
mod settling;

use fake_buildkite::{BuildState, JobState, JobType, SignalReason};

use super::worlds::{Attempt, Fleet, Kind, Pipeline, Step};

const GRACE: i64 = 10_000;
const UNTIL_LOST: i64 = 180_000;
const UNTIL_EXPIRED: i64 = 30 * 86_400_000;

#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) fleet: Fleet,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) now: i64,
    pub(super) builds: Vec<Build>,
    lost_agents: usize,
    timers: Vec<Timer>,
    armed: u64,
    made: u64,
    /// Trigger jobs whose turn has come.
    to_act: Vec<(usize, usize)>,
    /// Builds that somebody canceled a trigger job for.
    to_cancel: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Timer {
    due: i64,
    /// Of those due at the same instant, the one armed first is first.
    order: u64,
    job: (usize, usize),
    what: Due,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Due {
    PickUp,
    End,
    Promise(i32),
    TimeOut,
    GraceEnds,
    Lost,
    Expiry,
}

#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) pipeline: usize,
    pub(super) number: u64,
    branch: String,
    pub(super) state: BuildState,
    pub(super) started: Option<i64>,
    pub(super) failing: Option<i64>,
    pub(super) finished: Option<i64>,
    is_to_cancel: bool,
    /// A newer build of the branch was preferred.
    gave_way: bool,
    steps: Vec<Flat>,
    groups: Vec<Step>,
    /// In the order in which they were made.
    jobs: Vec<Job>,
    rebuilt_from: Option<usize>,
    triggered_by: Option<(usize, usize)>,
}

/// A step, with where it stands: a group is a scope of its own.
#[derive(Debug, Clone)]
struct Flat {
    step: Step,
    group: Option<usize>,
    broken: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    step: usize,
    index: usize,
    pub(super) kind: JobType,
    pub(super) state: JobState,
    pub(super) attempt: u32,
    pub(super) created: i64,
    scheduled: i64,
    pub(super) runnable: Option<i64>,
    pub(super) started: Option<i64>,
    pub(super) finished: Option<i64>,
    pub(super) unblocked: Option<i64>,
    pub(super) exit: Option<(i32, Option<SignalReason>)>,
    pub(super) soft_failed: bool,
    pub(super) retried_in: Option<usize>,
    retry_of: Option<usize>,
    /// The rule that made the next attempt, if one did.
    retried_by_rule: Option<usize>,
    pub(super) promise: Option<i32>,
    /// Of all jobs of the world, in the order in which they were made.
    made: u64,
    /// Its time to be picked up has come.
    is_due: bool,
    /// What its command does, decided when it started.
    does: Option<Attempt>,
    /// It was started by hand when no agent of the fleet was free.
    is_beside_the_fleet: bool,
    by_hand: bool,
    is_silent: bool,
    child: Option<usize>,
}

/// What a dependency looks like to whoever depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Class {
    Satisfied,
    Failed,
    Errored,
    Pending,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Wait,
    Go,
    Never,
}

struct Dependency {
    /// `None`: nobody has that key.
    on: Option<usize>,
    allow_failure: bool,
}

fn is_barrier(flat: &Flat) -> bool {
    flat.broken.is_none() && matches!(flat.step.kind, Kind::Wait { .. } | Kind::Block { .. })
}

fn branch_matches(patterns: &str, branch: &str) -> bool {
    let one = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => branch.starts_with(start),
        None => branch == pattern,
    };
    let (not, is): (Vec<_>, Vec<_>) = patterns.split(' ').partition(|one| one.starts_with('!'));
    let excluded = not.iter().any(|pattern| one(&pattern[1..]));
    !excluded && (is.is_empty() || is.iter().any(|pattern| one(pattern)))
}

impl Build {
    pub(super) fn jobs(&self) -> &[Job] {
        &self.jobs
    }
}

impl Job {
    fn is_current(&self) -> bool {
        self.retried_in.is_none()
    }

    fn is_on_agent(&self) -> bool {
        use JobState as S;
        self.kind == JobType::Script
            && matches!(self.state, S::Running | S::Canceling | S::TimingOut)
    }

    fn is_at_work(&self) -> bool {
        use JobState as S;
        matches!(
            self.state,
            S::Limited | S::Scheduled | S::Running | S::Canceling | S::TimingOut
        )
    }
}

// --- What there is to see --------------------------------------------------------------------------------------------

impl Model {
    /// The jobs of a build as they are listed: by step, and within a step as they were made.
    pub(super) fn in_order(&self, at: usize) -> Vec<usize> {
        let jobs = &self.builds[at].jobs;
        let mut all: Vec<_> = (0..jobs.len()).collect();
        all.sort_by_key(|&index| jobs[index].step);
        all
    }

    /// What people are shown of a blocked build is what its first open step says.
    pub(super) fn reported(&self, at: usize) -> BuildState {
        let build = &self.builds[at];
        if build.state != BuildState::Blocked {
            return build.state;
        }
        let order = self.in_order(at);
        let open = order
            .iter()
            .find(|&&index| build.jobs[index].state == JobState::Blocked);
        let step = open.map(|&index| &build.steps[build.jobs[index].step].step.kind);
        match step {
            Some(Kind::Block {
                blocked_state: Some("failed"),
            }) => BuildState::Failed,
            Some(Kind::Block {
                blocked_state: Some("running"),
            }) => BuildState::Running,
            _ => BuildState::Passed,
        }
    }

    pub(super) fn key(&self, at: usize, index: usize) -> &str {
        let build = &self.builds[at];
        &build.steps[build.jobs[index].step].step.key
    }

    pub(super) fn broken_reason(&self, at: usize, index: usize) -> Option<&'static str> {
        let build = &self.builds[at];
        let said = build.steps[build.jobs[index].step].broken;
        said.filter(|reason| !reason.is_empty())
    }
}
