//! Requests that wait: at a gate until the test lets them go, or until the clock has passed an instant.
//!
//! They are no part of the world: going back leaves them alone, and a fork has none.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Weak};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use super::Driver;
use crate::journal::RequestRecord;
use crate::vocabulary::route::Route;

/// How many arrivals a gate keeps for somebody who asks: the last 1,000.
const ARRIVALS: usize = 1_000;

/// Which requests a gate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The next one.
    Next,
    Every,
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    gates: Vec<Gate>,
    /// Instants that somebody waits for.
    deadlines: BTreeSet<(DateTime<Utc>, u64)>,
    /// How many gates, arrivals and deadlines there were.
    minted: u64,
}

#[derive(Debug)]
struct Gate {
    number: u64,
    route: Route,
    holds: Holds,
    has_held: bool,
    /// Held, oldest first.
    waiting: BTreeSet<u64>,
    /// That nobody was told of.
    untold: VecDeque<RequestRecord>,
}

/// A request at a gate. Dropping it takes it away from there.
#[derive(Debug)]
pub(super) struct Ticket {
    held: Arc<Held>,
    gate: u64,
    arrival: u64,
}

/// An instant that somebody waits for, as long as they do.
#[derive(Debug)]
pub(super) struct Deadline {
    held: Arc<Held>,
    key: (DateTime<Utc>, u64),
}

impl State {
    fn mint(&mut self) -> u64 {
        self.minted += 1;
        self.minted
    }

    fn gate(&mut self, number: u64) -> Option<&mut Gate> {
        self.gates.iter_mut().find(|gate| gate.number == number)
    }
}

impl Held {
    pub(super) fn has_gates(&self) -> bool {
        !self.0.lock().gates.is_empty()
    }

    fn add_gate(&self, route: Route, holds: Holds) -> u64 {
        let mut state = self.0.lock();
        let number = state.mint();
        state.gates.push(Gate {
            number,
            route,
            holds,
            has_held: false,
            waiting: BTreeSet::new(),
            untold: VecDeque::new(),
        });
        number
    }

    /// Holds a request at the first gate that wants it.
    pub(super) fn arrive(
        self: &Arc<Self>,
        route: Route,
        record: impl FnOnce() -> RequestRecord,
    ) -> Option<Ticket> {
        let mut state = self.0.lock();
        let arrival = state.mint();
        let wants = |gate: &&mut Gate| {
            gate.route == route && (gate.holds == Holds::Every || !gate.has_held)
        };
        let gate = state.gates.iter_mut().find(wants)?;
        gate.has_held = true;
        gate.waiting.insert(arrival);
        if gate.untold.len() == ARRIVALS {
            gate.untold.pop_front();
        }
        gate.untold.push_back(record());
        Some(Ticket {
            held: Arc::clone(self),
            gate: gate.number,
            arrival,
        })
    }

    /// Waits for an instant from now on.
    pub(super) fn wait_until(self: &Arc<Self>, due: DateTime<Utc>) -> Deadline {
        let mut state = self.0.lock();
        let key = (due, state.mint());
        state.deadlines.insert(key);
        Deadline {
            held: Arc::clone(self),
            key,
        }
    }

    /// Whether somebody waits for this instant or an earlier one, and the next later one that somebody waits for.
    pub(super) fn deadlines(&self, now: DateTime<Utc>) -> (bool, Option<DateTime<Utc>>) {
        let state = self.0.lock();
        let is_passed = state.deadlines.first().is_some_and(|(due, _)| *due <= now);
        let mut later = state.deadlines.range((now, u64::MAX)..);
        (is_passed, later.next().map(|(due, _)| *due))
    }
}

impl Held {
    /// How many requests wait, at gates and for the clock.
    pub(super) fn count(&self) -> usize {
        let state = self.0.lock();
        let at_gates = state.gates.iter().map(|gate| gate.waiting.len());
        at_gates.sum::<usize>() + state.deadlines.len()
    }
}

impl Ticket {
    pub(super) fn may_pass(&self) -> bool {
        let mut state = self.held.0.lock();
        let gate = state.gate(self.gate);
        gate.is_none_or(|gate| !gate.waiting.contains(&self.arrival))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.held.0.lock();
        if let Some(gate) = state.gate(self.gate) {
            gate.waiting.remove(&self.arrival);
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.held.0.lock().deadlines.remove(&self.key);
    }
}

impl Driver {
    /// Closes a gate; returns its number.
    pub(crate) fn hold(&self, route: Route, holds: Holds) -> u64 {
        self.held.add_gate(route, holds)
    }

    /// The oldest request that arrived at a gate and that nobody was told of.
    pub(crate) fn take_arrival(&self, gate: u64) -> Option<RequestRecord> {
        let mut state = self.held.0.lock();
        state.gate(gate)?.untold.pop_front()
    }

    /// How many requests wait at a gate.
    pub(crate) fn waiting_at(&self, gate: u64) -> usize {
        let mut state = self.held.0.lock();
        state.gate(gate).map_or(0, |gate| gate.waiting.len())
    }

    /// Lets the oldest request at a gate go; whether there was one.
    pub(crate) fn let_one_pass(&self, gate: u64) -> bool {
        let passed = {
            let mut state = self.held.0.lock();
            state.gate(gate).and_then(|gate| gate.waiting.pop_first())
        };
        self.changed.notify_waiters();
        passed.is_some()
    }

    /// Opens a gate for good.
    pub(crate) fn open(&self, gate: u64) {
        self.held.0.lock().gates.retain(|it| it.number != gate);
        self.changed.notify_waiters();
    }

    /// Ready once it is so, or `None` once the fake is gone. Looks whenever something has changed; nothing is held
    /// between two looks.
    pub(super) async fn once(tie: Weak<Self>, is_so: impl Fn(&Self) -> bool) -> Option<Arc<Self>> {
        loop {
            let change = {
                let driver = tie.upgrade()?;
                // From here on no change is missed, whether or not this has been polled.
                let change = driver.changed().notified_owned();
                if is_so(&driver) {
                    return Some(driver);
                }
                change
            };
            change.await;
        }
    }
}
