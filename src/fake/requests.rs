//! What the program under test asked for.

use std::fmt;
use std::ops::Deref;

use crate::journal::RequestRecord;
use crate::vocabulary::route::Route;

/// Requests, oldest first. Reads like a slice; `Display` gives one line for each.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, Route};
///
/// let fake = FakeBuildkite::start();
/// let url = format!("{}organizations/acme", fake.api_url());
/// reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
/// let request = fake.requests().to(Route::GetOrganization).only();
/// assert_eq!(request.status, 200);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    all: Vec<RequestRecord>,
    forgotten: u64,
    /// Which route they were narrowed down to, and what else there was, for messages.
    route: Option<Route>,
    others: Vec<String>,
}

impl Requests {
    pub(super) fn new(all: Vec<RequestRecord>, forgotten: u64) -> Self {
        Self {
            all,
            forgotten,
            route: None,
            others: Vec::new(),
        }
    }

    /// How many came before the oldest that is kept, whatever they were for: 0 until there were more than 10,000, or
    /// bodies of more than 64 MiB.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// reqwest::blocking::get(fake.url()).unwrap();
    /// assert_eq!(fake.requests().forgotten(), 0);
    /// ```
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Those that reached an endpoint.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// reqwest::blocking::get(fake.url()).unwrap();
    /// assert_eq!(fake.requests().to(Route::Root).len(), 1);
    /// assert!(fake.requests().to(Route::CreateBuild).is_empty());
    /// ```
    #[must_use]
    pub fn to(self, route: Route) -> Self {
        let (all, others): (Vec<_>, Vec<_>) = self
            .all
            .into_iter()
            .partition(|request| request.route == Some(route));
        let others = others.iter().map(ToString::to_string).collect();
        Self {
            all,
            forgotten: self.forgotten,
            route: Some(route),
            others,
        }
    }

    /// Fails unless there are exactly so many; the message lists those there are.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// for _ in 0..2 {
    ///     reqwest::blocking::get(fake.url()).unwrap();
    /// }
    /// fake.requests().to(Route::Root).assert_count(2);
    /// fake.requests().to(Route::CreateBuild).assert_count(0);
    /// ```
    ///
    /// # Panics
    ///
    /// Then.
    #[track_caller]
    pub fn assert_count(&self, expected: usize) {
        let found = self.all.len();
        assert!(
            found == expected,
            "expected {expected} {}{}, got {found}{}",
            if expected == 1 { "request" } else { "requests" },
            self.to_what(),
            self.listing()
        );
    }

    /// The one request there is.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// reqwest::blocking::get(fake.url()).unwrap();
    /// assert_eq!(fake.requests().to(Route::Root).only().status, 200);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
    #[must_use]
    #[track_caller]
    pub fn only(mut self) -> RequestRecord {
        self.assert_count(1);
        self.all.remove(0)
    }

    fn to_what(&self) -> String {
        self.route
            .map(|route| format!(" to {route}"))
            .unwrap_or_default()
    }

    /// The requests, or if there are none the last of the others: the closest thing that happened.
    fn listing(&self) -> String {
        let lines: Vec<String> = self
            .all
            .iter()
            .map(|request| format!("\n  {request}"))
            .collect();
        if !lines.is_empty() {
            return format!(":{}", lines.concat());
        }
        let last: Vec<_> = self
            .others
            .iter()
            .rev()
            .take(10)
            .map(|line| format!("\n  {line}"))
            .collect();
        if last.is_empty() {
            "; there were no requests at all".to_owned()
        } else {
            format!("; the last others, newest first:{}", last.concat())
        }
    }
}

impl Deref for Requests {
    type Target = [RequestRecord];

    fn deref(&self) -> &[RequestRecord] {
        &self.all
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all
            .iter()
            .try_for_each(|request| writeln!(f, "{request}"))
    }
}
