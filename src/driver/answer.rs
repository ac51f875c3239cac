//! One request, answered: with what, what is noted of it, and how far it moves the clock.
//!
//! Elsewhere: its way here (`edge`), what it means (`http`), who polls in vain (`vigil`).

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::{Driver, World, vigil};
use crate::clock::{self, Clock, Until};
use crate::driver::edge::{Stage, Turn};
use crate::driver::vigil::{PATIENCE, Seen, Vigil};
use crate::engine::acts::Poll;
use crate::engine::job::JobKey;
use crate::engine::{Applied, Engine};
use crate::fault::{Effect, Plan};
use crate::http::reply::Entry;
use crate::http::request::Request;
use crate::http::{self, Answered, Aside, Desk};
use crate::journal::{self, Journal};
use crate::vocabulary::route::Route;

/// How many different requests for what nobody serves are kept: the first 20.
const UNSERVED: usize = 20;

impl Driver {
    /// Answers a request and, if the clock goes with requests, moves it then. Both happen under one lock, unless a
    /// closure of the test has to be asked in between, so that the next request finds the clock where this one left it.
    /// A fault may keep the request away, or take its answer's place.
    ///
    /// # Panics
    ///
    /// If moving the clock fires more than it may. The server answers 500 with the message.
    pub(super) fn answer(&self, request: &Request, stage: Stage<'_>) -> Turn {
        let mut world = self.enter();
        let (plan, is_new) = match stage {
            Stage::New(judged) => (world.meet(request, judged), true),
            Stage::Late(plan) => (Some(plan), false),
        };
        let fault = plan.as_deref();
        let delay = fault.and_then(Plan::delay).filter(|_| is_new);
        if let (Some(by), Some(Effect::Before)) = (delay, fault.map(|fault| fault.effect)) {
            let due = clock::after(world.engine.now(), by);
            if !self.goes_with_requests() {
                self.leave(world);
                return Turn::Waits(plan.expect("it is late by a fault"), due);
            }
            self.go(&mut world, Until::Instant(due));
        }
        let at = world.engine.now();
        let Answered {
            reply,
            route,
            events,
            aside,
            unserved,
        } = self.look_up(&mut world, request, fault);
        let Aside {
            polled,
            tailed,
            note,
        } = aside;
        let World {
            engine,
            journal,
            vigil,
            ..
        } = &mut *world;
        if let Some(sentence) = unserved.filter(|_| !self.options.allow_unknown_routes) {
            self.note_unserved(sentence);
        }
        let is_poll = !polled.is_empty();
        let (vain, hint) = if is_poll {
            self.in_vain(vigil, engine, journal, request)
        } else if route == Some(Route::GetBuild) {
            self.in_vain_before_a_person(vigil, engine, journal, request)
        } else {
            (None, None)
        };
        let note = note.or(vain);
        let note = match (fault.map(Plan::note), note) {
            (Some(fault), Some(note)) => Some(format!("{fault}; {note}")),
            (fault, note) => fault.or(note),
        };
        let is_silent = fault.is_some_and(|fault| fault.verdict.is_silent());
        let number = journal.request(journal::Entry {
            at,
            asked: request.asked(),
            route,
            status: if is_silent { 0 } else { reply.status },
            note,
        });
        journal.events(&events);
        if is_poll && engine.is_waiting_for_polls() {
            let Ok(Applied { events, .. }) = engine.apply(Poll { builds: polled });
            journal.events(&events);
        }
        self.ask_closures(&mut world);
        let is_page = route.is_some_and(Route::is_page);
        // Whoever looks on changes nothing.
        let until = self.goes_until(&world.engine, is_poll, tailed, at);
        let until = until.filter(|_| !is_page);
        if let (Some(by), Some(Effect::After)) = (delay, fault.map(|fault| fault.effect)) {
            if self.goes_with_requests() {
                self.go(&mut world, Until::Instant(clock::after(at, by)));
            }
        }
        if let Some(until) = until {
            self.go(&mut world, until);
        }
        let entry = Entry {
            past: self.rewinds.load(Ordering::SeqCst),
            number,
        };
        self.leave(world);
        if let Some(hint) = hint {
            vigil::say(&hint);
        }
        Turn::Answered(reply, plan, at, entry)
    }

    /// What a request is answered with, and what else came of it.
    fn look_up(&self, world: &mut World, request: &Request, fault: Option<&Plan>) -> Answered {
        world.requests += 1;
        let mut desk = Desk {
            engine: &mut world.engine,
            kept: &mut self.kept.lock(),
            rates: &mut world.rates,
            tags: &mut world.tags,
            options: &self.options,
            ordinal: world.requests,
        };
        match fault {
            Some(fault) => desk.answer_despite(request, fault),
            None => desk.answer(request),
        }
    }

    /// How far a request that came at this instant moves the clock.
    fn goes_until(
        &self,
        engine: &Engine,
        is_poll: bool,
        tailed: Option<JobKey>,
        at: DateTime<Utc>,
    ) -> Option<Until> {
        match self.mode {
            Clock::Manual | Clock::Wall { .. } | Clock::FollowTokio => None,
            Clock::PerRequest(by) => Some(Until::Instant(clock::after(at, by))),
            // Who follows a log sees every line come.
            Clock::StepPerPoll => is_poll.then(|| {
                let grows_at = tailed.and_then(|job| engine.log_of(job).grows_at());
                let next = engine.timers().first_progress().map(|(key, _)| key.due);
                match grows_at.filter(|at| next.is_none_or(|due| *at < due)) {
                    Some(at) => Until::Instant(at),
                    None => Until::NextStep,
                }
            }),
        }
    }

    /// Keeps in mind that somebody asked for what nobody serves.
    fn note_unserved(&self, sentence: String) {
        let mut kept = self.unserved.lock();
        if kept.len() < UNSERVED && !kept.contains(&sentence) {
            kept.push(sentence);
        }
    }

    /// What is noted of a poll before which many saw the same, and what is said of it at once.
    fn in_vain(
        &self,
        vigil: &mut Vigil,
        engine: &Engine,
        journal: &Journal,
        request: &Request,
    ) -> (Option<String>, Option<String>) {
        // Of a script that is told in polls each brings something nearer.
        if engine.is_waiting_for_polls() {
            return (None, None);
        }
        let Seen { polls, is_in_vain } = vigil.see(request, engine.now(), journal.position());
        let why = self.standing_clock();
        let note = (polls >= PATIENCE).then(|| format!("poll {polls} at this instant; {why}"));
        let hint = (is_in_vain && self.may_hint()).then(|| vigil.hint(why));
        (note, hint)
    }

    /// The same of a build that is blocked. It is no poll, because no clock moves it on; who waits for its end waits
    /// for ever, too.
    fn in_vain_before_a_person(
        &self,
        vigil: &mut Vigil,
        engine: &Engine,
        journal: &Journal,
        request: &Request,
    ) -> (Option<String>, Option<String>) {
        let now = (engine.now(), journal.position());
        if !vigil.is_in_vain(request, now) || !http::is_about_a_blocked_build(engine, request) {
            return (None, None);
        }
        let why = if self.has_levers() {
            "the build is blocked: it waits for a person, whom the lever `jobs/{id}/unblock` plays"
        } else {
            "the build is blocked: it waits for a person, whom the test plays with `unblock`"
        };
        let note = format!("seen {PATIENCE} times at this instant; {why}");
        let hint = self.may_hint().then(|| vigil.hint(why));
        (Some(note), hint)
    }

    /// Whether something may be said at once. Asked only when there is something to be said.
    fn may_hint(&self) -> bool {
        !self.options.no_hints && !self.was_hinted.swap(true, Ordering::SeqCst)
    }
}
