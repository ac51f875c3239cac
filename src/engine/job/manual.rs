//! Manual jobs: block and input steps.
//!
//! They are blocked at once, even while steps before them still run; unblocked early they are complete only when those
//! steps are, which is why an unblocked job can still fail with a dependency.

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
        E::DependencyFailed => match state {
            S::Blocked => Some(S::BlockedFailed),
            S::Unblocked => Some(S::UnblockedFailed),
            S::Pending | S::Waiting | S::WaitingFailed | S::BlockedFailed | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped
            | S::Broken => None,
        },
        E::DependencyRetried => match state {
            S::BlockedFailed => Some(S::Blocked),
            S::UnblockedFailed => Some(S::Unblocked),
            S::Pending | S::Waiting | S::WaitingFailed | S::Blocked | S::Unblocked | S::Limiting
            | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled | S::Reserved
            | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed | S::Canceling
            | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Cancel => match state {
            S::Pending | S::Blocked | S::Unblocked => Some(S::Canceled),
            S::Waiting | S::WaitingFailed | S::BlockedFailed | S::UnblockedFailed | S::Limiting
            | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled | S::Reserved
            | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed | S::Canceling
            | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Skip => match state {
            S::Pending | S::Blocked | S::Broken => Some(S::Skipped),
            S::Waiting | S::WaitingFailed | S::BlockedFailed | S::Unblocked | S::UnblockedFailed
            | S::Limiting | S::Limited | S::PlatformLimiting | S::PlatformLimited | S::Scheduled
            | S::Reserved | S::Assigned | S::Accepted | S::Running | S::Passed | S::Failed
            | S::Canceling | S::Canceled | S::TimingOut | S::TimedOut | S::Expired | S::Skipped => None,
        },
        E::Block => match state {
            S::Pending => Some(S::Blocked),
            S::Waiting | S::WaitingFailed | S::Blocked | S::BlockedFailed | S::Unblocked
            | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Running | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut
            | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Unblock => match state {
            S::Blocked => Some(S::Unblocked),
            S::Pending | S::Waiting | S::WaitingFailed | S::BlockedFailed | S::Unblocked
            | S::UnblockedFailed | S::Limiting | S::Limited | S::PlatformLimiting
            | S::PlatformLimited | S::Scheduled | S::Reserved | S::Assigned | S::Accepted
            | S::Running | S::Passed | S::Failed | S::Canceling | S::Canceled | S::TimingOut
            | S::TimedOut | S::Expired | S::Skipped | S::Broken => None,
        },
        E::Wait | E::Ready | E::Limit | E::PlatformLimit | E::SlotFree | E::SlotTaken | E::Reserve
        | E::Lapse | E::Assign | E::Accept | E::Start | E::Succeed | E::Fail | E::TimeOut
        | E::LoseAgent | E::Expire => None,
    }
}
