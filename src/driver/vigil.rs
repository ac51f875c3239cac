//! Programs that poll in vain: found out while they hang, because nobody sees a record before its test is over.
//!
//! One line, once in the life of a fake, on the standard error of the process. It is written there and not printed,
//! because what a test prints is kept from view until the test has ended, and this one does not end.
//!
//! Elsewhere: the same words with the request in the record, and what counts as a poll (`driver`).

use std::io::{self, Write as _};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::http::request::Request;
use crate::vocabulary::span::instant;

/// After how many polls at one instant a request is noted as one that waits in vain: 10.
pub(super) const PATIENCE: usize = 10;

/// Who asks for the same again and again while nothing happens. Part of the world: whoever goes back begins anew.
#[derive(Debug, Clone, Default)]
pub(super) struct Vigil {
    /// How many polls in a row saw the clock at which instant.
    polls: (DateTime<Utc>, usize),
    /// When, and how much had happened by then.
    since: (DateTime<Utc>, u64),
    /// What the first poll since then was for: method, path and query.
    asked: Arc<str>,
    count: usize,
}

/// What a poll is among others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Which of those in a row that saw the clock where it is, from 1.
    pub(super) polls: usize,
    /// The same was asked for as often as it takes to be in vain: said of one poll.
    pub(super) is_in_vain: bool,
}

impl Vigil {
    /// Takes note of a poll.
    pub(super) fn see(&mut self, request: &Request, at: DateTime<Utc>, happened: u64) -> Seen {
        let polls = if self.polls.0 == at {
            self.polls.1 + 1
        } else {
            1
        };
        self.polls = (at, polls);
        let is_in_vain = self.is_in_vain(request, (at, happened));
        Seen { polls, is_in_vain }
    }

    /// Takes note of a look at something; true of one of those that see the same in vain. A program that looks at
    /// several things in turn is known by the first of them.
    pub(super) fn is_in_vain(&mut self, request: &Request, now: (DateTime<Utc>, u64)) -> bool {
        if self.count == 0 || self.since != now {
            let Request {
                method,
                path,
                query,
                ..
            } = request;
            let mark = if query.is_empty() { "" } else { "?" };
            self.since = now;
            self.asked = format!("{method} {path}{mark}{query}").into();
            self.count = 1;
            return false;
        }
        let is_same = self.is_same(request);
        self.count += usize::from(is_same);
        is_same && self.count == PATIENCE
    }

    fn is_same(&self, request: &Request) -> bool {
        let rest = self.asked.strip_prefix(request.method.as_str());
        let rest = rest.and_then(|rest| rest.strip_prefix(' '));
        let rest = rest.and_then(|rest| rest.strip_prefix(request.path.as_str()));
        rest.is_some_and(|rest| rest.strip_prefix('?').unwrap_or(rest) == request.query)
    }

    /// What whoever waits for this program should know.
    pub(super) fn hint(&self, why: &str) -> String {
        format!(
            "fake-buildkite: {} was asked for {PATIENCE} times at {}, and nothing happened meanwhile; {why}",
            self.asked,
            instant(self.since.0)
        )
    }
}

/// Says a line to whoever watches, now.
pub(super) fn say(line: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::http::request::{Method, Via};

    fn request(path: &str, query: &str) -> Request {
        Request {
            method: Method::from("GET"),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            via: Via::Memory,
            record: std::sync::OnceLock::new(),
        }
    }

    #[test]
    fn a_poll_is_in_vain_when_the_same_was_seen_ten_times_and_nothing_happened() {
        let at = DateTime::UNIX_EPOCH;
        let mut vigil = Vigil::default();
        let mut in_vain =
            |request: &Request, at, happened| vigil.see(request, at, happened).is_in_vain;
        let (build, other) = (request("/b", "x=1"), request("/b", ""));
        for _ in 1..PATIENCE {
            assert!(!in_vain(&build, at, 0));
            assert!(!in_vain(&other, at, 0), "seen in between");
        }
        assert!(in_vain(&build, at, 0));
        assert!(!in_vain(&build, at, 0), "said once");
        // Whatever happens makes it another wait, and so does time.
        for later in [(at, 1), (at + chrono::TimeDelta::seconds(1), 1)] {
            for _ in 1..PATIENCE {
                assert!(!in_vain(&build, later.0, later.1));
            }
            assert!(in_vain(&build, later.0, later.1));
        }
    }
}
