//! Concurrency groups: one queue for a whole organization, in which each job brings its own limit.
//!
//! A group's members are the jobs that are active, `waiting` ones included: a later step of an older build keeps its
//! place in front of the first step of a newer one, and an opening and a closing step with limit 1 make a gate.
//!
//! Source: Buildkite docs, "Controlling concurrency".

use std::cmp::Reverse;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::account::OrganizationKey;
use crate::engine::build::BuildKey;
use crate::engine::graph::Class;
use crate::engine::job::{Event, Job, JobKey, State};
use crate::persistent::Index;
use crate::pipeline::{Concurrency, ConcurrencyMethod, Step};
use crate::vocabulary::states::JobType;

/// Names a group.
pub(crate) type GroupKey = (OrganizationKey, Arc<str>);

/// A member's place in the queue: when its build was created, or it was uploaded, then the order of builds, steps and
/// jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    since: DateTime<Utc>,
    build: BuildKey,
    step: usize,
    pub(crate) job: JobKey,
}

/// A member, as far as admission asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Member {
    job: JobKey,
    stance: Stance,
    limit: u32,
    method: ConcurrencyMethod,
    priority: i64,
}

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    /// Waits for other things than the group.
    Queued,
    /// Waits for the group alone.
    Ready,
    /// Has a slot.
    Holding,
}

impl Stance {
    /// `None` for a job that is no member.
    const fn of(state: State) -> Option<Self> {
        match state {
            State::Waiting => Some(Self::Queued),
            State::Limiting | State::Limited => Some(Self::Ready),
            State::Scheduled
            | State::Reserved
            | State::Assigned
            | State::Accepted
            | State::Running
            | State::Canceling
            | State::TimingOut => Some(Self::Holding),
            State::Pending
            | State::WaitingFailed
            | State::Blocked
            | State::BlockedFailed
            | State::Unblocked
            | State::UnblockedFailed
            | State::PlatformLimiting
            | State::PlatformLimited
            | State::Passed
            | State::Failed
            | State::Canceled
            | State::TimedOut
            | State::Expired
            | State::Skipped
            | State::Broken => None,
        }
    }
}

/// Who of the members, given in the order of the queue, gets a slot now.
///
/// `ordered`: a ready job starts if the slots held and the places queued ahead of it are fewer than its own limit. One
/// that may not start keeps its place, and those behind it, which may have a larger limit, are asked all the same.
/// `eager`: a ready job starts if the slots held are fewer than its limit; higher priority first.
fn admitted(members: &[Member]) -> Vec<JobKey> {
    let mut holding = members
        .iter()
        .filter(|member| member.stance == Stance::Holding)
        .count();
    let mut admitted = Vec::new();
    let mut ahead = 0;
    let mut eager = Vec::new();
    for member in members {
        match (member.stance, member.method) {
            (Stance::Holding, _) => {}
            (Stance::Ready, ConcurrencyMethod::Ordered)
                if holding + ahead < member.limit as usize =>
            {
                holding += 1;
                admitted.push(member.job);
            }
            (Stance::Ready, ConcurrencyMethod::Eager) => {
                ahead += 1;
                eager.push(member);
            }
            (Stance::Queued, _) | (Stance::Ready, ConcurrencyMethod::Ordered) => ahead += 1,
        }
    }
    eager.sort_by_key(|member| Reverse(member.priority));
    for member in eager {
        if holding < member.limit as usize {
            holding += 1;
            admitted.push(member.job);
        }
    }
    admitted
}

/// What a job says about its group; a retry keeps it.
pub(crate) fn concurrency_of(job: &Job) -> Option<&Concurrency> {
    match &*job.spec {
        Step::Command(step) => step.concurrency.as_ref(),
        Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => None,
    }
}

impl Engine {
    pub(crate) fn group_of(&self, key: JobKey) -> Option<GroupKey> {
        let job = self.jobs.get(key);
        let concurrency = concurrency_of(job)?;
        Some((
            self.builds.get(job.build).organization,
            concurrency.group.as_str().into(),
        ))
    }

    /// Keeps the queue of a job's group in step with its state.
    pub(super) fn keep_place(&mut self, key: JobKey) {
        let Some(group) = self.group_of(key) else {
            return;
        };
        let job = self.jobs.get(key);
        let since = match self.step_of(job).upload() {
            Some(upload) => upload.at,
            None => self.builds.get(job.build).created_at,
        };
        let place = Place {
            since,
            build: job.build,
            step: job.step,
            job: key,
        };
        let is_member = Stance::of(job.state).is_some();
        if self.groups.get(&group).is_none() {
            self.groups.insert(group.clone(), Index::new());
        }
        let queue = self.groups.get_mut(&group).expect("a queue that is there");
        if is_member {
            queue.insert(place, ());
        } else {
            queue.remove(&place);
        }
        self.agenda.groups.insert(group);
    }

    /// Takes a job that is being removed out of its group.
    pub(crate) fn leave_group(&mut self, key: JobKey) {
        let Some(group) = self.group_of(key) else {
            return;
        };
        if let Some(queue) = self.groups.get_mut(&group) {
            let places: Vec<_> = queue
                .keys()
                .filter(|place| place.job == key)
                .copied()
                .collect();
            for place in places {
                queue.remove(&place);
            }
        }
        self.agenda.groups.insert(group);
    }

    /// A gate opened, and the jobs behind it join their groups; or they are behind one again, and leave them.
    pub(super) fn rejoin_groups(&mut self, build: BuildKey) {
        let groups: Vec<_> = self
            .jobs_of(build)
            .filter_map(|(key, _)| self.group_of(key))
            .collect();
        self.agenda.groups.extend(groups);
    }

    /// Gives free slots of a group to those who are next.
    pub(super) fn admit(&mut self, group: &GroupKey) {
        let members = self.members(group);
        for job in admitted(&members) {
            self.must_change(job, Event::SlotFree);
        }
        for member in members {
            if self.jobs.get(member.job).state == State::Limiting {
                self.must_change(member.job, Event::SlotTaken);
            }
        }
    }

    /// Who would get a slot now: nobody, once everything is settled.
    #[cfg(any(test, fuzzing))]
    pub(super) fn next_in(&self, group: &GroupKey) -> Vec<JobKey> {
        admitted(&self.members(group))
    }

    fn members(&self, group: &GroupKey) -> Vec<Member> {
        let places = self.groups.get(group).into_iter().flat_map(Index::keys);
        let member = |place: &Place| {
            let job = self.jobs.get(place.job);
            let concurrency = concurrency_of(job)?;
            let stance = Stance::of(job.state)?;
            if stance == Stance::Queued && self.is_behind_gate(job.build, job.step) {
                return None;
            }
            let Concurrency { limit, method, .. } = *concurrency;
            Some(Member {
                job: place.job,
                stance,
                limit,
                method,
                priority: job.priority,
            })
        };
        places.filter_map(member).collect()
    }

    /// Whether a step waits for a block or input step that nobody has unblocked yet.
    fn is_behind_gate(&self, build: BuildKey, step: usize) -> bool {
        let (mut open, mut seen) = (vec![step], std::collections::BTreeSet::new());
        while let Some(step) = open.pop() {
            if !seen.insert(step) {
                continue;
            }
            let run = self.step(build, step);
            let is_gate = run.kind == JobType::Manual
                && run
                    .jobs
                    .iter()
                    .any(|job| self.jobs.get(*job).state == State::Blocked);
            if is_gate {
                return true;
            }
            if run.class == Class::Pending {
                open.extend(run.edges.iter().map(|edge| edge.on));
            }
        }
        false
    }
}

/// How long a job waited for its group, in milliseconds: nothing without a group, and while it still waits.
pub(crate) fn concurrency_wait(job: &Job) -> Option<i64> {
    concurrency_of(job)?;
    let limited_at = job.times.limited_at?;
    Some((job.times.runnable_at? - limited_at).num_milliseconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::table::Key as _;

    /// `stance limit method [priority]` in the order of the queue, and the numbers of those admitted.
    fn check(cases: &[(&str, &[u32])]) {
        for (queue, expected) in cases {
            let member = |(n, text): (usize, &str)| {
                let words: Vec<_> = text.split_whitespace().collect();
                Member {
                    job: JobKey::from_row(u32::try_from(n).expect("few")),
                    stance: match words[0] {
                        "holds" => Stance::Holding,
                        "ready" => Stance::Ready,
                        "waits" => Stance::Queued,
                        other => panic!("{other}"),
                    },
                    limit: words[1].parse().expect("a limit"),
                    method: match words.get(2) {
                        Some(&"eager") => ConcurrencyMethod::Eager,
                        _ => ConcurrencyMethod::Ordered,
                    },
                    priority: words
                        .get(3)
                        .map_or(0, |text| text.parse().expect("a priority")),
                }
            };
            let members: Vec<_> = queue.split(',').enumerate().map(member).collect();
            let found: Vec<_> = admitted(&members).iter().map(|job| job.row()).collect();
            assert_eq!(found, *expected, "{queue}");
        }
    }

    #[test]
    fn a_slot_goes_to_whom_the_rules_give_it() {
        check(&[
            ("ready 1", &[0]),
            ("ready 1, ready 1", &[0]),
            ("ready 2, ready 2, ready 2", &[0, 1]),
            ("holds 1, ready 1", &[]),
            // A place queued ahead counts, although it cannot start.
            ("waits 1, ready 1", &[]),
            ("waits 1, ready 2", &[1]),
            // One that may not start keeps its place; a larger limit behind it starts.
            ("holds 1, ready 1, ready 3", &[2]),
            ("holds 1, ready 1, ready 2", &[]),
            // Eager ones overlook the queue, and priority decides between them.
            ("waits 1, ready 1 eager", &[1]),
            ("ready 1 eager 0, ready 1 eager 5", &[1]),
            ("holds 2, ready 2 eager 0, ready 2 eager 0", &[1]),
        ]);
    }
}
