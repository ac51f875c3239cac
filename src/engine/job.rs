//! Jobs: one unit of work inside a build, every state it can be in, and its transition function.
//!
//! The function is total: each of the four kinds decides every (state, event) pair, in a file of its own. What
//! follows from a transition (times, timers, dependents, the build) is in `engine::change`.
//!
//! Elsewhere: who runs a job (`dispatch`), when its step is ready (`graph`), its JSON (`wire::job`).
//! Source: Buildkite docs, "Defining steps", section "Job states"; "Build timeouts"; "Retry".

mod manual;
mod script;
mod trigger;
mod waiter;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::account::UserKey;
use crate::engine::agent::AgentKey;
use crate::engine::build::BuildKey;
use crate::engine::cluster::QueueKey;
use crate::engine::table::key;
use crate::engine::timers::TimerKey;
use crate::pipeline::Step;
use crate::vocabulary::exit::Exit;
use crate::vocabulary::ids::JobId;
use crate::vocabulary::states::{JobState, JobType};

key! {
    /// A job, by the order of creation.
    JobKey
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            #[cfg(test)]
            pub(crate) const ALL: &'static [$name] = &[$($name::$variant),*];

            pub(crate) const fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }
        }
    };
}

named! {
    /// Every state of a job, finer than what REST shows.
    State {
        Pending = "pending",
        Waiting = "waiting",
        WaitingFailed = "waiting_failed",
        Blocked = "blocked",
        BlockedFailed = "blocked_failed",
        Unblocked = "unblocked",
        UnblockedFailed = "unblocked_failed",
        Limiting = "limiting",
        Limited = "limited",
        PlatformLimiting = "platform_limiting",
        PlatformLimited = "platform_limited",
        Scheduled = "scheduled",
        Reserved = "reserved",
        Assigned = "assigned",
        Accepted = "accepted",
        Running = "running",
        Passed = "passed",
        Failed = "failed",
        Canceling = "canceling",
        Canceled = "canceled",
        TimingOut = "timing_out",
        TimedOut = "timed_out",
        Expired = "expired",
        Skipped = "skipped",
        Broken = "broken",
    }
}

named! {
    /// Everything that can happen to a job.
    #[cfg_attr(not(test), expect(dead_code, reason = "rows nothing reaches yet are decided all the same"))]
    Event {
        /// Its own configuration excludes it.
        Break = "break",
        /// Something it depends on is not finished.
        Wait = "wait",
        /// Everything it depends on is there and nothing limits it.
        Ready = "ready",
        /// Everything it depends on is there; its concurrency group decides.
        Limit = "limit",
        /// Everything it depends on is there; the plan's limit decides.
        PlatformLimit = "platform_limit",
        /// Something it depends on failed, or the build did.
        DependencyFailed = "dependency_failed",
        /// What failed is tried again.
        DependencyRetried = "dependency_retried",
        /// The limit it waits for has a free slot.
        SlotFree = "slot_free",
        /// The limit it waits for has none.
        SlotTaken = "slot_taken",
        /// A stack takes it.
        Reserve = "reserve",
        /// A reservation, an assignment or an acceptance ran out.
        Lapse = "lapse",
        /// An agent's ping is answered with it.
        Assign = "assign",
        /// The agent accepts it.
        Accept = "accept",
        /// The agent starts it; a trigger job: its build is created.
        Start = "start",
        /// It ended with exit status 0; a trigger job: its build passed, or it need not wait for it.
        Succeed = "succeed",
        /// It ended with another exit status; a trigger job: its build failed or cannot be made.
        Fail = "fail",
        /// It, or its build, is canceled.
        Cancel = "cancel",
        /// Its time is up.
        TimeOut = "time_out",
        /// Its agent was not heard of any more.
        LoseAgent = "lose_agent",
        /// No agent took it in time.
        Expire = "expire",
        /// It is set aside from outside its build.
        Skip = "skip",
        /// A block or input step takes its place.
        Block = "block",
        /// A person unblocks it.
        Unblock = "unblock",
    }
}

/// A pair that Buildkite would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Illegal {
    pub(crate) kind: JobType,
    pub(crate) state: State,
    pub(crate) event: Event,
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a {} job in state `{}` refuses `{}`",
            self.kind,
            self.state.word(),
            self.event.word()
        )
    }
}

/// The state a job of this kind is in after `event`.
pub(crate) fn next(kind: JobType, state: State, event: Event) -> Result<State, Illegal> {
    let to = match kind {
        JobType::Script => script::next(state, event),
        JobType::Waiter => waiter::next(state, event),
        JobType::Manual => manual::next(state, event),
        JobType::Trigger => trigger::next(state, event),
    };
    to.ok_or(Illegal { kind, state, event })
}

impl State {
    /// What REST shows.
    ///
    /// Here and not in `wire`, because events name states too and are made left of `wire`.
    pub(crate) const fn reported(self) -> JobState {
        match self {
            Self::Pending => JobState::Pending,
            Self::Waiting => JobState::Waiting,
            Self::WaitingFailed => JobState::WaitingFailed,
            Self::Blocked => JobState::Blocked,
            Self::BlockedFailed => JobState::BlockedFailed,
            Self::Unblocked => JobState::Unblocked,
            Self::UnblockedFailed => JobState::UnblockedFailed,
            // REST keeps the older word for everything that waits to be handed to an agent.
            Self::Limiting
            | Self::Limited
            | Self::PlatformLimiting
            | Self::PlatformLimited
            | Self::Scheduled
            | Self::Reserved => JobState::Scheduled,
            Self::Assigned => JobState::Assigned,
            Self::Accepted => JobState::Accepted,
            Self::Running => JobState::Running,
            Self::Passed => JobState::Passed,
            Self::Failed => JobState::Failed,
            Self::Canceling => JobState::Canceling,
            Self::Canceled => JobState::Canceled,
            Self::TimingOut => JobState::TimingOut,
            Self::TimedOut => JobState::TimedOut,
            Self::Expired => JobState::Expired,
            Self::Skipped => JobState::Skipped,
            Self::Broken => JobState::Broken,
        }
    }

    /// Whether an agent's process belongs to the job, so that canceling it takes the agent's time.
    pub(crate) const fn is_on_agent(self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Running | Self::Canceling | Self::TimingOut
        )
    }

    /// Whether its command runs, if only until it is stopped.
    pub(crate) const fn has_command(self) -> bool {
        matches!(self, Self::Running | Self::Canceling | Self::TimingOut)
    }

    /// Whether an agent is busy with it.
    pub(crate) const fn has_agent(self) -> bool {
        self.is_on_agent() || matches!(self, Self::Assigned)
    }

    /// Whether it will not run because something else failed; a retry opens it again.
    pub(crate) const fn is_resting(self) -> bool {
        matches!(
            self,
            Self::WaitingFailed | Self::BlockedFailed | Self::UnblockedFailed
        )
    }
}

/// The instants of a job's life that outlive the state they belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "Buildkite's own names")]
pub(crate) struct Times {
    /// When it began to wait for its concurrency group.
    pub(crate) limited_at: Option<DateTime<Utc>>,
    pub(crate) runnable_at: Option<DateTime<Utc>>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) expired_at: Option<DateTime<Utc>>,
    pub(crate) unblocked_at: Option<DateTime<Utc>>,
}

/// How many entries the history of a job has that is run once: most take no memory for more.
pub(crate) const USUAL_HISTORY: usize = 5;

/// One entry of a job's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: DateTime<Utc>,
    pub(crate) state: JobState,
}

/// How a retry came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryType {
    Manual,
    /// One of the step's rules.
    Automatic,
}

impl RetryType {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Automatic => "automatic",
        }
    }
}

/// That a job was retried, kept on the job that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retried {
    pub(crate) into: JobKey,
    pub(crate) kind: RetryType,
    /// Who retried it; nobody, if a rule did.
    pub(crate) by: Option<UserKey>,
}

/// That a running job will fail, said before it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) exit_status: i32,
    pub(crate) at: DateTime<Utc>,
    /// Whether the failure will count: it is neither forgiven nor retried by itself.
    pub(crate) is_hard: bool,
}

/// Who decides what a job does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead {
    /// Its script, or the default one.
    Script,
    /// The test, by hand. Scripts leave it alone from then on.
    Hand,
}

/// One attempt of one step of one build.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) build: BuildKey,
    /// The step's place in its build.
    pub(crate) step: usize,
    pub(crate) kind: JobType,
    /// The step as it is for this job; a retry keeps it.
    pub(crate) spec: Arc<Step>,
    /// Which of how many parallel jobs, from 0.
    pub(crate) parallel: Option<(u32, u32)>,
    pub(crate) matrix: Option<Arc<[(String, String)]>>,
    pub(crate) state: State,
    /// 1, and one more with each retry.
    pub(crate) attempt: u32,
    pub(crate) created_at: DateTime<Utc>,
    /// A retry keeps the one of the job it retries, and with it its place in the queue.
    pub(crate) scheduled_at: DateTime<Utc>,
    pub(crate) times: Times,
    pub(crate) exit: Option<Exit>,
    pub(crate) soft_failed: bool,
    pub(crate) broken_reason: Option<Arc<str>>,
    pub(crate) priority: i64,
    pub(crate) agent: Option<AgentKey>,
    /// The queue of its cluster that an agent took it from.
    pub(crate) queue: Option<QueueKey>,
    pub(crate) unblocked_by: Option<UserKey>,
    /// The job this one retries.
    pub(crate) retry_of: Option<(JobKey, RetryType)>,
    /// Which of the step's rules made it, if one did.
    pub(crate) retry_rule: Option<u32>,
    pub(crate) retried: Option<Retried>,
    /// The build a trigger job made.
    pub(crate) triggered_build: Option<BuildKey>,
    /// Few jobs promise anything.
    pub(crate) promise: Option<Box<Promise>>,
    pub(crate) lead: Lead,
    pub(crate) history: Vec<Moment>,
    /// What is armed for the state it is in; leaving the state disarms them all.
    pub(crate) timers: Vec<TimerKey>,
}

impl Job {
    /// What it said of its end before it came.
    pub(crate) fn promise(&self) -> Option<Promise> {
        self.promise.as_deref().copied()
    }

    /// Whether a retry took its place.
    pub(crate) fn is_superseded(&self) -> bool {
        self.retried.is_some()
    }

    /// Whether it runs and has promised to fail in a way that its step does not forgive. A failure that will be tried
    /// again counts here too, although it does not count for the build.
    pub(crate) fn promises_hard_failure(&self) -> bool {
        let Step::Command(step) = &*self.spec else {
            return false;
        };
        let is_hard = |promise: Promise| !step.soft_fail.covers(promise.exit_status);
        self.state == State::Running && self.promise().is_some_and(is_hard)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The tables that the documentation prints.
    const TABLE: &str = include_str!("job/transitions.md");

    fn by_word<T: Copy>(all: &[T], word: &str, word_of: impl Fn(T) -> &'static str) -> T {
        let found = all.iter().copied().find(|one| word_of(*one) == word);
        found.unwrap_or_else(|| panic!("transitions.md names `{word}`, which does not exist"))
    }

    /// `a b  event  -> c` becomes one entry per state; `a b  refuse everything else` one entry per state without event.
    fn table_of(kind: JobType) -> (BTreeMap<(State, Event), State>, Vec<State>) {
        let heading = format!("## {kind}");
        let section = TABLE
            .split("\n## ")
            .map(|text| format!("## {text}"))
            .find(|text| text.starts_with(&heading));
        let section = section.unwrap_or_else(|| panic!("transitions.md has no `{heading}`"));
        let block = section
            .split("```")
            .nth(1)
            .expect("a section has a table")
            .trim_start_matches("text");
        let (mut moves, mut decided) = (BTreeMap::new(), Vec::new());
        for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(states) = line.strip_suffix("refuse everything else") {
                decided.extend(
                    states
                        .split_whitespace()
                        .map(|word| by_word(State::ALL, word, State::word)),
                );
                continue;
            }
            let (left, to) = line
                .split_once("->")
                .unwrap_or_else(|| panic!("not a row: {line}"));
            let mut words: Vec<_> = left.split_whitespace().collect();
            let event = by_word(Event::ALL, words.pop().expect("an event"), Event::word);
            let to = by_word(State::ALL, to.trim(), State::word);
            for word in words {
                let state = by_word(State::ALL, word, State::word);
                assert!(
                    moves.insert((state, event), to).is_none(),
                    "{kind}: decided twice: {line}"
                );
            }
        }
        (moves, decided)
    }

    #[test]
    fn every_pair_of_state_and_event_is_what_the_printed_table_says() {
        let mut pairs = 0;
        for kind in JobType::ALL {
            let (moves, decided) = table_of(*kind);
            for state in State::ALL {
                assert!(
                    decided.contains(state),
                    "{kind}: the table does not say what `{}` refuses",
                    state.word()
                );
                for event in Event::ALL {
                    let expected = moves.get(&(*state, *event)).copied();
                    let found = next(*kind, *state, *event).ok();
                    assert_eq!(found, expected, "{kind}: {} {}", state.word(), event.word());
                    pairs += 1;
                }
            }
        }
        assert_eq!(pairs, 4 * State::ALL.len() * Event::ALL.len());
    }

    #[test]
    fn a_refusal_names_kind_state_and_event() {
        let refused = next(JobType::Script, State::Passed, Event::Start)
            .expect_err("a passed job does not start");
        assert_eq!(
            refused.to_string(),
            "a script job in state `passed` refuses `start`"
        );
    }
}
