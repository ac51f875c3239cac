//! The one lock. Everything outside reaches the engine through here, and nothing here waits while it holds the lock.
//!
//! Elsewhere: what the clock does (`clock`), what a request means (`http`).

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::clock::{self, Clock, Journey, Runaway, Until};
use crate::engine::acts::Poll;
use crate::engine::{Applied, Command, Engine};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::http::{self, Answered, Options, Rates};
use crate::journal::{Journal, RequestRecord};
use crate::vocabulary::event::Event;
use crate::vocabulary::route::Route;

/// Everything behind the lock. Its parts are persistent, so that a clone is a snapshot and costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) journal: Journal,
    rates: Rates,
    /// How many requests were answered.
    requests: u64,
    /// How many polls in a row saw the clock at this instant.
    polls: (DateTime<Utc>, usize),
}

/// After how many polls at one instant a request is noted as one that waits in vain: 10.
const PATIENCE: usize = 10;

/// The world, its lock, and what never changes.
#[derive(Debug)]
pub(crate) struct Driver {
    world: Mutex<World>,
    mode: Clock,
    options: Options,
    event_limit: usize,
    /// What was asked for that nobody serves, in sentences; not part of the world, because going back does not undo it.
    unserved: Mutex<Vec<String>>,
}

/// How many different requests for what nobody serves are kept: the first 20.
const UNSERVED: usize = 20;

impl Driver {
    pub(crate) fn new(engine: Engine, mode: Clock, options: Options, event_limit: usize) -> Self {
        let world = World {
            engine,
            journal: Journal::default(),
            rates: Rates::default(),
            requests: 0,
            polls: (DateTime::UNIX_EPOCH, 0),
        };
        Self {
            world: Mutex::new(world),
            mode,
            options,
            event_limit,
            unserved: Mutex::default(),
        }
    }

    /// What was asked for that nobody serves, in sentences; each once.
    pub(crate) fn unserved(&self) -> Vec<String> {
        self.unserved.lock().clone()
    }

    /// The world as it is.
    pub(crate) fn snapshot(&self) -> World {
        self.world.lock().clone()
    }

    /// Puts another world in the place of this one.
    pub(crate) fn rewind(&self, to: World) {
        // Dropped after the lock is free: the last of a large world takes its time.
        let _was = std::mem::replace(&mut *self.world.lock(), to);
    }

    /// Another driver that goes on from a world in the same way. Its server listens elsewhere.
    pub(crate) fn fork(&self, world: World) -> Self {
        Self {
            world: Mutex::new(world),
            mode: self.mode,
            options: self.options.elsewhere(),
            event_limit: self.event_limit,
            unserved: Mutex::default(),
        }
    }

    /// Says where the server listens, once it does.
    pub(crate) fn listens_at(&self, origin: String) {
        self.options.own_origin.get_or_init(|| origin);
    }

    /// Where URLs begin for whoever did not come by one.
    pub(crate) fn origin(&self) -> &str {
        self.options.origin()
    }

    pub(crate) fn mode(&self) -> Clock {
        self.mode
    }

    /// Looks at the world. The closure must not come back here: the lock is held.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&self.world.lock().engine)
    }

    /// Changes what is the test's own and no part of what Buildkite would tell anybody about.
    pub(crate) fn set<T>(&self, change: impl FnOnce(&mut Engine) -> T) -> T {
        change(&mut self.world.lock().engine)
    }

    /// Carries out a command.
    pub(crate) fn apply<C: Command>(&self, command: C) -> Result<C::Output, C::Refused> {
        let mut world = self.world.lock();
        let Applied { value, events } = world.engine.apply(command)?;
        world.journal.events(&events);
        Ok(value)
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.world.lock().journal.all_events()
    }

    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        self.world.lock().journal.all_requests()
    }

    /// Answers a request and, if the clock goes with requests, moves it then. Both happen under one lock, so that the
    /// next request finds the clock where this one left it.
    ///
    /// # Panics
    ///
    /// If moving the clock fires more than it may. The server answers 500 with the message.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let mut world = self.world.lock();
        let World {
            engine,
            journal,
            rates,
            requests,
            polls,
        } = &mut *world;
        *requests += 1;
        let at = engine.now();
        let Answered {
            reply,
            route,
            events,
            polled,
            note,
            unserved,
        } = http::answer(engine, rates, &self.options, *requests, request);
        if let Some(sentence) = unserved.filter(|_| !self.options.allow_unknown_routes) {
            let mut kept = self.unserved.lock();
            if kept.len() < UNSERVED && !kept.contains(&sentence) {
                kept.push(sentence);
            }
        }
        let is_poll = !polled.is_empty();
        if is_poll {
            *polls = if polls.0 == at {
                (at, polls.1 + 1)
            } else {
                (at, 1)
            };
        }
        let note =
            note.or_else(|| (is_poll && polls.1 >= PATIENCE).then(|| self.standing_clock(polls.1)));
        journal.request(RequestRecord {
            at,
            method: request.method.to_string(),
            path: request.path.clone(),
            query: request.query.clone(),
            route,
            headers: request.headers.clone(),
            body: request.body.clone(),
            status: reply.status,
            note,
        });
        journal.events(&events);
        if is_poll {
            let Ok(Applied { events, .. }) = engine.apply(Poll { builds: polled });
            journal.events(&events);
        }
        let is_page = route.is_some_and(Route::is_page);
        let until = match self.mode {
            Clock::Manual => None,
            Clock::PerRequest(by) => Some(Until::Instant(clock::after(at, by))),
            Clock::StepPerPoll => is_poll.then_some(Until::NextStep),
        };
        // Whoever looks on changes nothing.
        let until = until.filter(|_| !is_page);
        if let Some(until) = until {
            let mut journey = Journey::new(until, self.event_limit);
            loop {
                match journey.next_instant(engine) {
                    Ok(Some(events)) => journal.events(&events),
                    Ok(None) => break,
                    Err(runaway) => panic!("{runaway}"),
                }
            }
        }
        reply
    }

    /// What a poller that sees the same again and again should be told.
    fn standing_clock(&self, polls: usize) -> String {
        let why = match self.mode {
            Clock::Manual => {
                "the clock is Manual: move it with `advance`, or choose `Clock::StepPerPoll`"
            }
            Clock::PerRequest(_) | Clock::StepPerPoll => {
                "nothing is due that would move a build forward"
            }
        };
        format!("poll {polls} at this instant; {why}")
    }

    /// Moves the clock and returns what happened. Between two instants the lock is free, and `go_on` is asked whether to
    /// go on.
    pub(crate) fn travel(
        &self,
        target: impl FnOnce(DateTime<Utc>) -> Until,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Vec<Event>, Runaway> {
        let until = target(self.world.lock().engine.now());
        let mut journey = Journey::new(until, self.event_limit);
        let mut all = Vec::new();
        while go_on() {
            let mut world = self.world.lock();
            let World {
                engine, journal, ..
            } = &mut *world;
            let Some(events) = journey.next_instant(engine)? else {
                break;
            };
            journal.events(&events);
            all.extend(events);
        }
        Ok(all)
    }
}
