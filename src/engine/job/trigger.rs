//! Trigger jobs: trigger steps, which make a build in another pipeline and usually wait for it.
//!
//! Chosen: while it is `canceling`, any end of its build cancels it.

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
            S::Pending | S::Waiting => Some(S::Scheduled),
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
        E::Start => match state {
            S::Scheduled => Some(S::Running),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Reserved | S::Assigned | S::Accepted | S::Running
            | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut
            | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Succeed => match state {
            S::Running => Some(S::Passed),
            S::Canceling => Some(S::Canceled),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Passed | S::Failed | S::Canceled | S::TimingOut | S::TimedOut | S::Expired
            | S::Skipped | S::Broken => None,
        },
        E::Fail => match state {
            S::Scheduled | S::Running => Some(S::Failed),
            S::Canceling => Some(S::Canceled),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed
            | S::Unblocked | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Reserved | S::Assigned | S::Accepted | S::Passed | S::Failed
            | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Cancel => match state {
            S::Running => Some(S::Canceling),
            S::Pending | S::Waiting | S::Scheduled => Some(S::Canceled),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Reserved
            | S::Assigned | S::Accepted | S::Passed | S::Failed | S::Canceling | S::Canceled
            | S::TimingOut | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Skip => match state {
            S::Pending | S::Waiting | S::Scheduled | S::Running | S::Broken => Some(S::Skipped),
            S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Reserved
            | S::Assigned | S::Accepted | S::Passed | S::Failed | S::Canceling | S::Canceled
            | S::TimingOut | S::TimedOut | S::Expired | S::Skipped => None,
        },
        E::Limit | E::PlatformLimit | E::SlotFree | E::SlotTaken | E::Reserve | E::Lapse
        | E::Assign | E::Accept | E::TimeOut | E::LoseAgent | E::Expire | E::Block | E::Unblock => None,
    }
}
