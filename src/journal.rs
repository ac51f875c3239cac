//! What happened: the requests that came in and the transitions that followed, in order and bounded.
//!
//! Elsewhere: what a transition is (`vocabulary::event`), the questions a test asks of requests (`fake::requests`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;

use crate::persistent::Index;
use crate::vocabulary::event::Event;
use crate::vocabulary::route::Route;
use crate::vocabulary::span::instant;

/// How many requests, and how many events, are kept; the oldest go first.
const REQUESTS: usize = 10_000;
const EVENTS: usize = 100_000;

/// How many events are written on a page: what whoever keeps a copy of the record costs the next event at most.
const PAGE: usize = 50;

/// How much of a request's body is kept: 64 KiB. And of all bodies together: 64 MiB, beyond which the oldest requests
/// go.
const BODY: usize = 64 * 1024;
const BODIES: usize = 64 * 1024 * 1024;

/// Headers that carry secrets and are not kept.
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// A request that came in, and how it was answered.
///
/// Headers that carry secrets (`Authorization`, `Proxy-Authorization`, `Cookie`) are not kept, and the value of an
/// `access_token` in the query is masked.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, Route};
///
/// let fake = FakeBuildkite::start();
/// let url = format!("{}organizations?per_page=5", fake.api_url());
/// reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
/// let request = fake.requests().only();
/// assert_eq!((request.route, request.status), (Some(Route::ListOrganizations), 200));
/// assert_eq!(request.to_string(), "2030-01-01T00:00:00.000Z GET /v2/organizations?per_page=5 200");
/// assert_eq!(request.header("Authorization"), None, "it is not kept");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The instant of the fake's clock.
    pub at: DateTime<Utc>,
    /// The method, as sent.
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// The query, as sent, without the `?`.
    pub query: String,
    /// The endpoint it reached, if it is one.
    pub route: Option<Route>,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The first 64 KiB of the body.
    pub body: Bytes,
    /// The status of the answer; 0 if a fault let it have none, or it has none yet.
    pub status: u16,
    /// What the test should know about how it was answered: that there is no such route, that the endpoint is not
    /// modelled, that a build was asked for by its id, that a fault came to it, that the client had gone before it had read
    /// the answer (once the server knows, which it does not always learn, and not at all of a connection in memory).
    pub note: Option<String>,
}

/// What was asked, as far as it may be kept. Requests that repeat share it.
#[derive(Debug)]
pub(crate) struct Asked {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Asked {
    /// No secrets, and so much of the body.
    pub(crate) fn new(
        method: &str,
        path: &str,
        query: &str,
        headers: &[(String, String)],
        body: &Bytes,
    ) -> Self {
        let is_open = |(name, _): &&(String, String)| !SECRET_HEADERS.contains(&name.as_str());
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: masked(query),
            headers: headers.iter().filter(is_open).cloned().collect(),
            body: if body.len() > BODY {
                // A copy, or the rest would live on behind it.
                Bytes::copy_from_slice(&body[..BODY])
            } else {
                body.clone()
            },
        }
    }
}

/// A request in the record.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: DateTime<Utc>,
    pub(crate) asked: Arc<Asked>,
    pub(crate) route: Option<Route>,
    pub(crate) status: u16,
    pub(crate) note: Option<String>,
}

impl Entry {
    /// As tests see it.
    pub(crate) fn record(&self) -> RequestRecord {
        let Asked {
            method,
            path,
            query,
            headers,
            body,
        } = &*self.asked;
        RequestRecord {
            at: self.at,
            method: method.clone(),
            path: path.clone(),
            query: query.clone(),
            route: self.route,
            headers: headers.clone(),
            body: body.clone(),
            status: self.status,
            note: self.note.clone(),
        }
    }
}

impl RequestRecord {
    /// The first value of a header; `name` in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.pipeline("app").create();
    /// let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    /// let body = r#"{"commit":"HEAD","branch":"release"}"#;
    /// reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).body(body).send().unwrap();
    /// assert_eq!(fake.requests().to(Route::CreateBuild).only().json()["branch"], "release");
    /// ```
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!(
                "the body of {self} is no JSON ({error}): {}",
                String::from_utf8_lossy(&self.body)
            ),
        }
    }
}

/// One line: `2030-01-01T00:00:00.000Z POST /v2/organizations/acme/pipelines/app/builds 201`.
impl fmt::Display for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = instant(self.at);
        write!(f, "{at} {} {}", self.method, self.path)?;
        if !self.query.is_empty() {
            write!(f, "?{}", self.query)?;
        }
        write!(f, " {}", self.status)?;
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

/// The record. Persistent, so that a clone is a snapshot and costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    /// By their numbers, from 0.
    requests: Index<u64, Entry>,
    /// How many requests went before the oldest kept.
    gone: u64,
    /// What was found out of some of those kept after they were written, by their numbers: few.
    afterthoughts: Arc<BTreeMap<u64, String>>,
    /// Bytes of all bodies kept.
    bodies: usize,
    /// Full pages of events by their numbers, and the one that is written to: most events need no memory of their own.
    pages: Index<u64, Arc<Vec<Event>>>,
    page: Arc<Vec<Event>>,
    /// How many events there ever were.
    happened: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            requests: Index::new(),
            gone: 0,
            afterthoughts: Arc::default(),
            bodies: 0,
            pages: Index::new(),
            page: Arc::default(),
            happened: 0,
        }
    }
}

impl Journal {
    /// Writes a request down, and returns its number.
    pub(crate) fn request(&mut self, entry: Entry) -> u64 {
        let number = self.gone + self.requests.len() as u64;
        self.bodies += entry.asked.body.len();
        self.requests.insert(number, entry);
        while self.requests.len() > REQUESTS || self.bodies > BODIES {
            let gone = self.requests.remove(&self.gone);
            let gone = gone.expect("a request more than there may be");
            self.bodies -= gone.asked.body.len();
            if self.afterthoughts.contains_key(&self.gone) {
                Arc::make_mut(&mut self.afterthoughts).remove(&self.gone);
            }
            self.gone += 1;
        }
        number
    }

    /// Notes something of a request that was written down before, if it is kept.
    pub(crate) fn add_note(&mut self, number: u64, note: String) {
        let last = self.gone + self.requests.len() as u64;
        if (self.gone..last).contains(&number) {
            Arc::make_mut(&mut self.afterthoughts).insert(number, note);
        }
    }

    /// A request with all that was noted of it.
    fn noted(&self, number: u64, entry: &Entry) -> RequestRecord {
        let mut request = entry.record();
        if let Some(later) = self.afterthoughts.get(&number) {
            request.note = Some(match request.note {
                Some(note) => format!("{note}; {later}"),
                None => later.clone(),
            });
        }
        request
    }

    pub(crate) fn events(&mut self, events: &[Event]) {
        for event in events {
            Arc::make_mut(&mut self.page).push(event.clone());
            self.happened += 1;
            if self.page.len() == PAGE {
                self.turn_page();
            }
        }
    }

    /// Without the oldest page there are still as many events as are kept.
    fn turn_page(&mut self) {
        let empty = Arc::new(Vec::with_capacity(PAGE));
        let full = std::mem::replace(&mut self.page, empty);
        let number = self.happened / PAGE as u64 - 1;
        self.pages.insert(number, full);
        if let Some(oldest) = number.checked_sub((EVENTS / PAGE) as u64) {
            self.pages.remove(&oldest);
        }
    }

    /// How many events are kept.
    fn kept(&self) -> usize {
        let written = self.pages.len() * PAGE + self.page.len();
        written.min(EVENTS)
    }

    /// The last so many events, oldest first.
    fn last_events(&self, count: usize) -> impl Iterator<Item = &Event> {
        let first = self.happened - count as u64;
        let pages = self.pages.iter_from(&(first / PAGE as u64));
        let pages = pages.map(|(_, page)| page);
        let pages = pages.chain(std::iter::once(&self.page));
        let skipped = usize::try_from(first % PAGE as u64).expect("less than a page");
        pages.flat_map(|page| page.iter()).skip(skipped)
    }

    /// How many requests and how many events are kept.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        (self.requests.len(), self.kept())
    }

    pub(crate) fn all_requests(&self) -> Vec<RequestRecord> {
        let all = self.requests.iter();
        all.map(|(number, request)| self.noted(*number, request))
            .collect()
    }

    /// How many requests went before the oldest kept.
    pub(crate) fn gone(&self) -> u64 {
        self.gone
    }

    /// The first request to a route that is no older than the one with this number, and the number of the one after it.
    /// Requests are numbered from 0.
    pub(crate) fn request_from(&self, number: u64, route: Route) -> Option<(RequestRecord, u64)> {
        let mut kept = self.requests.iter_from(&number);
        let (number, found) = kept.find(|(_, request)| request.route == Some(route))?;
        Some((self.noted(*number, found), number + 1))
    }

    /// How many events there ever were: where the next one will stand.
    pub(crate) fn position(&self) -> u64 {
        self.happened
    }

    /// What happened from a position on.
    pub(crate) fn events_from(&self, position: u64) -> Vec<Event> {
        let since = self.happened.saturating_sub(position);
        let since = usize::try_from(since).unwrap_or(usize::MAX);
        self.last_events(since.min(self.kept())).cloned().collect()
    }

    pub(crate) fn all_events(&self) -> Vec<Event> {
        self.last_events(self.kept()).cloned().collect()
    }
}

/// The query with the value of every `access_token` left out, however that is written.
fn masked(query: &str) -> String {
    let is_token = |key: &str| percent_decode_str(key).eq(*b"access_token");
    let mask = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if is_token(key) => format!("{key}=…"),
        Some(_) | None => pair.to_owned(),
    };
    query.split('&').map(mask).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::event::EventKind;

    fn entry(path: &str, body: &Bytes) -> Entry {
        Entry {
            at: DateTime::UNIX_EPOCH,
            asked: Arc::new(Asked::new("GET", path, "", &[], body)),
            route: None,
            status: 200,
            note: None,
        }
    }

    #[test]
    fn secrets_are_not_kept() {
        assert_eq!(masked("a=1&access_token=secret&b"), "a=1&access_token=…&b");
        assert_eq!(
            masked("access%5Ftoken=secret&%61ccess_token=a=b"),
            "access%5Ftoken=…&%61ccess_token=…"
        );
        assert_eq!(masked(""), "");
        let mut journal = Journal::default();
        let headers = [
            ("cookie", "secret"),
            ("authorization", "secret"),
            ("accept", "*/*"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let asked = Asked::new("GET", "/", "access_token=secret", &headers, &Bytes::new());
        journal.request(Entry {
            asked: Arc::new(asked),
            ..entry("/", &Bytes::new())
        });
        let kept = format!("{:?} {journal:?}", journal.all_requests());
        assert!(!kept.contains("secret") && kept.contains("*/*"), "{kept}");
    }

    #[test]
    fn the_record_is_bounded() {
        let record = |n: usize| {
            let body = vec![b'x'; if n == 0 { 0 } else { 70_000 }].into();
            entry(&format!("/{n}"), &body)
        };
        let mut journal = Journal::default();
        for n in 0..=REQUESTS {
            journal.request(record(if n < 9_990 { 0 } else { n }));
        }
        let kept = journal.all_requests();
        assert_eq!(kept.len(), REQUESTS);
        assert_eq!(
            kept.last()
                .map(|last| (last.path.as_str(), last.body.len())),
            Some(("/10000", BODY))
        );
        assert_eq!(kept[0].to_string(), "1970-01-01T00:00:00.000Z GET /0 200");
    }

    #[test]
    fn what_is_found_out_later_is_noted_with_the_request_as_long_as_that_is_kept() {
        let record = |note: Option<&str>| Entry {
            route: Some(Route::Root),
            note: note.map(str::to_owned),
            ..entry("/", &Bytes::new())
        };
        let mut journal = Journal::default();
        let (first, second) = (
            journal.request(record(None)),
            journal.request(record(Some("a"))),
        );
        let before = journal.clone();
        journal.add_note(first, "b".to_owned());
        journal.add_note(second, "c".to_owned());
        journal.add_note(second + 1, "nobody's".to_owned());
        let notes = |journal: &Journal| -> Vec<Option<String>> {
            let all = journal.all_requests().into_iter();
            all.map(|request| request.note).collect()
        };
        let note = |text: &str| Some(text.to_owned());
        assert_eq!(notes(&journal), [note("b"), note("a; c")]);
        assert_eq!(notes(&before), [None, note("a")], "a copy keeps its own");
        let taken = journal.request_from(second, Route::Root);
        assert_eq!(taken.expect("kept").0.note, note("a; c"));
        for _ in 0..REQUESTS {
            journal.request(record(None));
        }
        assert!(notes(&journal).iter().all(Option::is_none));
        assert!(journal.afterthoughts.is_empty());
    }

    #[test]
    fn of_events_the_last_ones_are_kept_and_copies_keep_theirs() {
        let event = |n: usize| Event {
            at: DateTime::from_timestamp(i64::try_from(n).expect("few"), 0).expect("an instant"),
            kind: EventKind::Fault {
                request: "".into(),
                fault: "".into(),
            },
        };
        let seconds = |events: Vec<Event>| -> Vec<usize> {
            let seconds = events.iter().map(|event| event.at.timestamp());
            let seconds = seconds.map(|second| usize::try_from(second).expect("few"));
            seconds.collect()
        };
        let mut journal = Journal::default();
        let mut count = 0;
        let mut copies = Vec::new();
        while count < EVENTS + 3 * PAGE {
            let some: Vec<_> = (count..count + 77).map(event).collect();
            journal.events(&some);
            count += 77;
            if count % 10_000 < 77 {
                copies.push((journal.clone(), count));
            }
        }
        copies.push((journal, count));
        for (journal, count) in copies {
            let first = count.saturating_sub(EVENTS);
            assert_eq!(journal.lengths().1, count - first);
            assert_eq!(journal.position(), count as u64);
            assert_eq!(
                seconds(journal.all_events()),
                (first..count).collect::<Vec<_>>()
            );
            for from in [
                0,
                first,
                first + 1,
                count - 120,
                count - 1,
                count,
                count + 1,
            ] {
                let expected: Vec<_> = (from.max(first)..count).collect();
                assert_eq!(seconds(journal.events_from(from as u64)), expected);
            }
        }
    }

    #[test]
    fn requests_keep_their_numbers_when_older_ones_go() {
        let mut journal = Journal::default();
        for n in 0..REQUESTS + 7 {
            let is_build = n % 5 == 0;
            journal.request(Entry {
                route: Some(if is_build {
                    Route::GetBuild
                } else {
                    Route::Root
                }),
                ..entry(&format!("/{n}"), &Bytes::new())
            });
        }
        let find = |number: u64| {
            let found = journal.request_from(number, Route::GetBuild);
            found.map(|(request, next)| (request.path.clone(), next))
        };
        assert_eq!(find(0), Some(("/10".to_owned(), 11)), "0 and 5 are gone");
        assert_eq!(find(11), Some(("/15".to_owned(), 16)));
        assert_eq!(find(10_005), Some(("/10005".to_owned(), 10_006)));
        assert_eq!(find(10_006), None);
        assert_eq!(find(99_999), None);
    }
}
