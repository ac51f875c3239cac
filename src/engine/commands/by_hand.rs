//! Moves a test makes by hand: the same transitions, without waiting for a script or the clock.

use std::fmt;

use crate::engine::account::UserKey;
use crate::engine::commands::{Answers, PromiseFailure, RetryJob, UnblockJob};
use crate::engine::job::{self, Event, JobKey, Lead, State};
use crate::engine::{Command, Engine};
use crate::vocabulary::exit::Exit;
use crate::vocabulary::states::{JobType, SignalReason};

/// Something a test does to a job by hand.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, JobState, Move};
///
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
/// let job = build.job("test");
/// assert!(job.try_move(Move::Finish { exit_status: 0 }).is_err(), "it has not started");
/// job.try_move(Move::Start).unwrap();
/// job.try_move(Move::Finish { exit_status: 0 }).unwrap();
/// assert_eq!(job.state(), JobState::Passed);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// An agent takes the job and starts it.
    Start,
    /// The command ends with this exit status.
    Finish {
        /// 0 passes, everything else fails; -1 is what a lost agent or a killed process leaves.
        exit_status: i32,
    },
    /// Somebody cancels the job alone. On an agent it is `canceling` for the 10 seconds a command is given to stop, or
    /// until a test has it end.
    Cancel,
    /// The job's time is up, whatever its limit says.
    TimeOut,
    /// No agent took the job in time.
    Expire,
    /// The job's agent is not heard of from now on. Buildkite takes it for lost 3 minutes later.
    SilenceAgent,
    /// Buildkite takes the job's agent for lost: the job fails with exit status -1, and the agent takes no other.
    LoseAgent,
    /// The command declares that it will fail, and goes on running.
    PromiseFailure {
        /// What it will end with; not 0.
        exit_status: i32,
    },
    /// A person unblocks a block or input step.
    Unblock,
    /// Somebody retries the job: a new job takes its place.
    Retry,
}

impl Move {
    /// One of each, for the list of what is possible.
    const EXAMPLES: &'static [Move] = &[
        Move::Start,
        Move::Finish { exit_status: 0 },
        Move::Cancel,
        Move::TimeOut,
        Move::Expire,
        Move::SilenceAgent,
        Move::LoseAgent,
        Move::PromiseFailure { exit_status: 1 },
        Move::Unblock,
        Move::Retry,
    ];
}

/// As the method of a job handle that makes the move.
impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start()",
            Self::Finish { exit_status } => return write!(f, "finish({exit_status})"),
            Self::Cancel => "cancel()",
            Self::TimeOut => "time_out()",
            Self::Expire => "expire()",
            Self::SilenceAgent => "silence_agent()",
            Self::LoseAgent => "lose_agent()",
            Self::PromiseFailure { exit_status } => {
                return write!(f, "promise_failure({exit_status})");
            }
            Self::Unblock => "unblock()",
            Self::Retry => "retry()",
        })
    }
}

const CHECKED: &str = "a move found possible is possible";

pub(crate) struct MakeMove {
    pub(crate) job: JobKey,
    pub(crate) wanted: Move,
    /// In whose name, where it takes a person.
    pub(crate) by: UserKey,
}

impl Command for MakeMove {
    /// The job the move led to: a retry makes a new one.
    type Output = JobKey;
    /// What would have been possible instead.
    type Refused = Vec<Move>;

    fn apply(self, engine: &mut Engine) -> Result<JobKey, Vec<Move>> {
        let Self { job, wanted, by } = self;
        if !engine.is_possible(job, wanted) {
            return Err(engine.possible_moves(job));
        }
        match wanted {
            Move::Start => {
                engine.jobs.change(job).lead = Lead::Hand;
                engine.hand_out(job).expect(CHECKED);
            }
            Move::Finish { exit_status } => {
                let stopping = matches!(
                    engine.jobs.get(job).state,
                    State::Canceling | State::TimingOut
                );
                let exit = Exit::status(exit_status);
                let exit = if stopping {
                    exit.reason(SignalReason::Cancel)
                } else {
                    exit
                };
                FinishJob { job, exit }.apply(engine).expect(CHECKED);
            }
            Move::Cancel => engine.change(job, Event::Cancel).expect(CHECKED),
            Move::TimeOut => engine.change(job, Event::TimeOut).expect(CHECKED),
            Move::Expire => engine.change(job, Event::Expire).expect(CHECKED),
            Move::SilenceAgent => engine.silence_agent(engine.agent_of(job)),
            Move::LoseAgent => engine.lose_agent(engine.agent_of(job)),
            Move::PromiseFailure { exit_status } => {
                PromiseFailure { job, exit_status }
                    .apply(engine)
                    .expect(CHECKED);
            }
            Move::Unblock => UnblockJob {
                job,
                by,
                answers: Answers::Defaults,
            }
            .apply(engine)
            .expect(CHECKED),
            Move::Retry => return Ok(RetryJob { job, by }.apply(engine).expect(CHECKED)),
        }
        Ok(job)
    }
}

/// A command ends by hand in a way that says more than its status.
pub(crate) struct FinishJob {
    pub(crate) job: JobKey,
    pub(crate) exit: Exit,
}

impl Command for FinishJob {
    type Output = ();
    /// What would have been possible instead.
    type Refused = Vec<Move>;

    fn apply(self, engine: &mut Engine) -> Result<(), Vec<Move>> {
        let Self { job, exit } = self;
        let wanted = Move::Finish {
            exit_status: exit.status,
        };
        if !engine.is_possible(job, wanted) {
            return Err(engine.possible_moves(job));
        }
        engine.jobs.change(job).lead = Lead::Hand;
        engine.finish(job, exit).expect(CHECKED);
        Ok(())
    }
}

impl Engine {
    pub(crate) fn possible_moves(&self, job: JobKey) -> Vec<Move> {
        Move::EXAMPLES
            .iter()
            .copied()
            .filter(|wanted| self.is_possible(job, *wanted))
            .collect()
    }

    fn is_possible(&self, key: JobKey, wanted: Move) -> bool {
        let job = self.jobs.get(key);
        let accepts = |event| job::next(job.kind, job.state, event).is_ok();
        match wanted {
            Move::Start => {
                // What no agent could be given none can start.
                let is_held = job.state == State::Scheduled && !self.is_dispatched(key);
                job.kind == JobType::Script
                    && !is_held
                    && (accepts(Event::Assign) || accepts(Event::Accept) || accepts(Event::Start))
            }
            Move::Finish { exit_status: 0 } => {
                job.kind == JobType::Script && accepts(Event::Succeed)
            }
            Move::Finish { .. } => job.kind == JobType::Script && accepts(Event::Fail),
            // Buildkite cancels command jobs one by one, and the others with their build.
            Move::Cancel => job.kind == JobType::Script && accepts(Event::Cancel),
            Move::TimeOut => accepts(Event::TimeOut),
            Move::Expire => accepts(Event::Expire),
            Move::SilenceAgent => accepts(Event::LoseAgent) && self.silent_since(key).is_none(),
            Move::LoseAgent => accepts(Event::LoseAgent),
            Move::PromiseFailure { exit_status } => self.check_promise(key, exit_status).is_ok(),
            Move::Unblock => self.check_unblock(key).is_ok(),
            Move::Retry => self.check_retry(key).is_ok(),
        }
    }
}
