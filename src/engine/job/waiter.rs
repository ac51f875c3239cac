//! Waiter jobs: wait steps. They pass by themselves, or wait for ever because something failed.
//!
//! Chosen: a waiter that has nothing to wait for passes where it is created.

use super::{Event as E, State as S};

/// Where `event` leads from `state`; `None` is a refusal. No arm is a catch-all, so that a new state or event stops
/// the build here.
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
            S::Pending | S::Waiting => Some(S::Passed),
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
        E::Cancel => match state {
            S::Pending | S::Waiting => Some(S::Canceled),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::Skip => match state {
            S::Pending | S::Waiting | S::Broken => Some(S::Skipped),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped => None,
        },
        E::Limit | E::PlatformLimit | E::SlotFree | E::SlotTaken | E::Reserve | E::Lapse
        | E::Assign | E::Accept | E::Start | E::Succeed | E::Fail | E::TimeOut | E::LoseAgent
        | E::Expire | E::Block | E::Unblock => None,
    }
}
