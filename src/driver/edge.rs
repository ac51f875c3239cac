//! A request's way to its answer: past the gates, past the rules about faults, and perhaps late.
//!
//! Whatever waits holds neither the lock nor the fake, and looks again when something has changed.
//!
//! Elsewhere: who waits (`held`), the rules (`fault`), the answer itself (`answer`).

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use chrono::{DateTime, Utc};
use parking_lot::MutexGuard;

use super::{Driver, World};
use crate::clock::{self, Clock, Journey, Until};
use crate::engine::Engine;
use crate::fault::{Plan, Predicate};
use crate::http;
use crate::http::reply::{Answering, Delivery, Entry, Receipt, Recorder, Reply, Served};
use crate::http::request::Request;
use crate::journal::{self, RequestRecord};
use crate::vocabulary::event::{Event, EventKind};
use crate::vocabulary::route::Route;
use crate::vocabulary::slip::slip;

/// How far a request has come.
pub(super) enum Stage<'a> {
    /// It has just come, and predicates have said what they think of it.
    New(&'a BTreeMap<usize, bool>),
    /// A fault made it wait, and that is over.
    Late(Arc<Plan>),
}

/// What comes of a request.
pub(super) enum Turn {
    /// With the fault that came to it, when, and where it stands in the record.
    Answered(Reply, Option<Arc<Plan>>, DateTime<Utc>, Entry),
    /// It is late, by a fault, and nothing of it is done yet.
    Waits(Arc<Plan>, DateTime<Utc>),
}

impl Driver {
    /// Answers a request, now or later.
    pub(crate) fn serve(self: &Arc<Self>, request: Arc<Request>) -> Answering {
        #[cfg(feature = "cli")]
        if let Some(levers) = self.levers.get() {
            if request.path == "/_fake" || request.path.starts_with("/_fake/") {
                return (levers.0)(Arc::unwrap_or_clone(request));
            }
        }
        let ticket = if self.held.has_gates() {
            http::route_of(&request).and_then(|route| {
                let at = self.read(Engine::now);
                let record = || record(&request, at, Some(route));
                self.held.arrive(route, record)
            })
        } else {
            None
        };
        let Some(ticket) = ticket else {
            return self.go_on(request);
        };
        self.changed.notify_waiters();
        let tie = Arc::downgrade(self);
        Answering::Waits(Box::pin(async move {
            let passed = Self::once(tie, |_| ticket.may_pass()).await;
            let Some(answering) = passed.map(|driver| driver.go_on(request)) else {
                return gone();
            };
            drop(ticket);
            match answering {
                Answering::Now(served) => served,
                Answering::Waits(waiting) => waiting.await,
            }
        }))
    }

    /// The gates are behind it.
    fn go_on(self: &Arc<Self>, request: Arc<Request>) -> Answering {
        let judged = self.judge(&request);
        match self.answer(&request, Stage::New(&judged)) {
            Turn::Waits(plan, due) => self.later(due, move |driver| {
                match driver.answer(&request, Stage::Late(plan)) {
                    Turn::Answered(reply, _, _, entry) => {
                        driver.with_receipt(reply, Delivery::Whole, entry)
                    }
                    Turn::Waits(..) => unreachable!("a request is late once"),
                }
            }),
            Turn::Answered(reply, None, _, entry) => {
                Answering::Now(self.with_receipt(reply, Delivery::Whole, entry))
            }
            Turn::Answered(reply, Some(plan), at, entry) => {
                let served = self.with_receipt(reply, http::delivery(&plan.verdict), entry);
                match plan.delay() {
                    Some(by) if !self.goes_with_requests() => {
                        self.later(clock::after(at, by), move |_| served)
                    }
                    Some(_) | None => Answering::Now(served),
                }
            }
        }
    }

    /// An answer of which is to be known whether it was read.
    fn with_receipt(self: &Arc<Self>, reply: Reply, delivery: Delivery, entry: Entry) -> Served {
        let tie = Arc::downgrade(self);
        let recorder: Weak<dyn Recorder> = tie;
        Served {
            reply,
            delivery,
            receipt: Some(Receipt { recorder, entry }),
        }
    }

    /// Once the clock has passed an instant.
    fn later(
        self: &Arc<Self>,
        due: DateTime<Utc>,
        then: impl FnOnce(&Arc<Self>) -> Served + Send + 'static,
    ) -> Answering {
        let deadline = self.held.wait_until(due);
        // Whoever follows the clock may sleep for longer.
        if self.pace.get().is_some() {
            self.earlier.notify_one();
        }
        let tie: Weak<Self> = Arc::downgrade(self);
        Answering::Waits(Box::pin(async move {
            let passed = Self::once(tie, |driver| driver.read(Engine::now) >= due).await;
            drop(deadline);
            passed.map_or_else(gone, |driver| then(&driver))
        }))
    }

    /// What the predicates of the rules think of a request. They are the test's, and run while the lock is free.
    fn judge(&self, request: &Request) -> BTreeMap<usize, bool> {
        let (curious, record) = {
            let world = self.enter();
            if world.faults.are_none() {
                return BTreeMap::new();
            }
            let asked = http::asked(&world.engine, request);
            let curious = world.faults.curious(&asked);
            if curious.is_empty() {
                return BTreeMap::new();
            }
            let record = record(request, world.engine.now(), asked.route);
            (curious, record)
        };
        let judge = |(number, predicate): (usize, Predicate)| (number, predicate(&record));
        curious.into_iter().map(judge).collect()
    }

    /// Whether time passes with requests: then nobody else would end a delay.
    pub(super) fn goes_with_requests(&self) -> bool {
        match self.mode {
            Clock::PerRequest(_) | Clock::StepPerPoll => true,
            Clock::Manual | Clock::Wall { .. } | Clock::FollowTokio => false,
        }
    }

    /// Moves the clock while the lock is held.
    ///
    /// # Panics
    ///
    /// If that fires more than it may.
    pub(super) fn go(&self, world: &mut MutexGuard<'_, World>, until: Until) {
        let mut journey = Journey::new(until, self.event_limit);
        loop {
            match journey.next_instant(&mut world.engine) {
                Ok(Some(events)) => {
                    world.journal.events(&events);
                    self.ask_closures(world);
                }
                Ok(None) => break,
                Err(runaway) => slip!("{runaway}"),
            }
        }
    }
}

impl World {
    /// The fault that comes to a request, if one does, which is recorded.
    pub(super) fn meet(
        &mut self,
        request: &Request,
        judged: &BTreeMap<usize, bool>,
    ) -> Option<Arc<Plan>> {
        if self.faults.are_none() {
            return None;
        }
        let asked = http::asked(&self.engine, request);
        let (seed, at) = (self.engine.seed(), self.engine.now());
        let met = self.faults.meet(seed, at, &asked, judged)?;
        let kind = EventKind::Fault {
            request: format!("{} {}", request.method, request.path).into(),
            fault: met.note().into(),
        };
        self.journal.events(&[Event { at, kind }]);
        Some(met)
    }
}

/// A request that has no answer yet, as it may be kept.
fn record(request: &Request, at: DateTime<Utc>, route: Option<Route>) -> RequestRecord {
    let entry = journal::Entry {
        at,
        asked: request.asked(),
        route,
        status: 0,
        note: None,
    };
    entry.record()
}

/// Nobody is there any more who could answer.
pub(crate) fn gone() -> Served {
    Reply::message(503, "The fake has been dropped").into()
}
