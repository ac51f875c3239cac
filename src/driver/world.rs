//! Everything behind the lock.
//!
//! Elsewhere: what of it webhooks are told (`post`), the faults that come to its requests (`edge`).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::driver::post::Outbox;
use crate::driver::vigil::Vigil;
use crate::engine::Engine;
use crate::fault::Faults;
use crate::http::{Rates, Tags};
use crate::journal::Journal;
use crate::vocabulary::route::Route;

/// Everything behind the lock. Its parts are persistent, so that a clone is a snapshot and costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) journal: Journal,
    pub(super) rates: Rates,
    pub(super) tags: Tags,
    pub(super) faults: Faults,
    /// What webhooks are still to be told, and what they were told.
    pub(super) outbox: Outbox,
    /// How many requests were answered.
    pub(super) requests: u64,
    /// What the clock said at the start.
    pub(super) began: DateTime<Utc>,
    /// Who asks for the same again and again.
    pub(super) vigil: Vigil,
    /// Of each route, the number of the first request that nobody has taken.
    pub(super) taken: BTreeMap<Route, u64>,
    /// Until when the one who follows the clock sleeps.
    pub(super) sleeps_until: DateTime<Utc>,
}

impl World {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            began: engine.now(),
            engine,
            journal: Journal::default(),
            rates: Rates::default(),
            tags: Tags::default(),
            faults: Faults::default(),
            outbox: Outbox::default(),
            requests: 0,
            vigil: Vigil::default(),
            taken: BTreeMap::new(),
            sleeps_until: DateTime::<Utc>::MAX_UTC,
        }
    }
}
