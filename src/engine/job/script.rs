//! Script jobs: command steps.
//!
//! Chosen: a job that a stack reserved is canceled and skipped like a scheduled one (the documentation lists neither).
//! Chosen: an accepted job that is canceled goes through `canceling`, because an agent holds it already.
//! Chosen: a job that is already stopping (`canceling`, `timing_out`) keeps its reason when a second one comes.

use super::{Event as E, State as S};

/// Where `event` leads from `state`; `None` is a refusal. No arm is a catch-all, so that a new state or event stops
/// the build here.
#[expect(clippy::too_many_lines, reason = "every pair is decided")]
#[rustfmt::skip] // One name a line would make a page of every refusal.
pub(super) const fn next(state: S, event: E) -> Option<S> {
    match event {
        E::Break => match state {
            S::Pending => Some(S::Broken),
            S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked
            | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Running | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut
            | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Wait => match state {
            S::Pending => Some(S::Waiting),
            S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked
            | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Running | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut
            | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Ready => match state {
            S::Pending | S::Waiting => Some(S::Scheduled),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::Limit => match state {
            S::Pending | S::Waiting => Some(S::Limiting),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::PlatformLimit => match state {
            S::Pending | S::Waiting => Some(S::PlatformLimiting),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::DependencyFailed => match state {
            S::Pending | S::Waiting => Some(S::WaitingFailed),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::DependencyRetried => match state {
            S::WaitingFailed => Some(S::Waiting),
            S::Pending | S::Waiting | S::Blocked | S::BlockedFailed | S::Unblocked
            | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Running | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut
            | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::SlotFree => match state {
            S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited => Some(S::Scheduled),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Scheduled | S::Reserved | S::Assigned
            | S::Accepted | S::Running | S::Passed | S::Failed | S::Canceling | S::Canceled
            | S::TimingOut | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::SlotTaken => match state {
            S::Limiting => Some(S::Limited),
            S::PlatformLimiting => Some(S::PlatformLimited),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limited | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::Reserve => match state {
            S::Scheduled => Some(S::Reserved),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Reserved | S::Assigned | S::Accepted | S::Running
            | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut
            | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Lapse => match state {
            S::Reserved | S::Assigned | S::Accepted => Some(S::Scheduled),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::Assign => match state {
            S::Scheduled | S::Reserved => Some(S::Assigned),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::Accept => match state {
            S::Assigned => Some(S::Accepted),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Accepted | S::Running
            | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut
            | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Start => match state {
            S::Accepted => Some(S::Running),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Running
            | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut
            | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Succeed => match state {
            S::Running | S::TimingOut => Some(S::Passed),
            S::Canceling => Some(S::Canceled),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Passed | S::Failed | S::Canceled | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::Fail => match state {
            S::Running => Some(S::Failed),
            S::TimingOut => Some(S::TimedOut),
            S::Canceling => Some(S::Canceled),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Passed | S::Failed | S::Canceled | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::Cancel => match state {
            S::Accepted | S::Running => Some(S::Canceling),
            S::Pending | S::Waiting | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned => Some(S::Canceled),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut
            | S::Expired | S::Skipped | S::Broken => None,
        },
        E::TimeOut => match state {
            S::Running => Some(S::TimingOut),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut
            | S::Expired | S::Skipped | S::Broken => None,
        },
        E::LoseAgent => match state {
            S::Assigned | S::Accepted | S::Running => Some(S::Failed),
            S::Canceling => Some(S::Canceled),
            S::TimingOut => Some(S::TimedOut),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Passed | S::Failed
            | S::Canceled | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Expire => match state {
            S::Scheduled => Some(S::Expired),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Reserved | S::Assigned | S::Accepted | S::Running
            | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut
            | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Skip => match state {
            S::Pending | S::Waiting | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Broken => Some(S::Skipped),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Running | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut
            | S::TimedOut | S::Expired | S::Skipped => None,
        },
        E::Block | E::Unblock => None,
    }
}
