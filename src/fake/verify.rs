//! What a test should not overlook: found while the fake lived, said at its end.
//!
//! A program under test often swallows the body of an error, so an answer that says what is wrong is not enough.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::engine::Engine;
use crate::fake::FakeBuildkite;
use crate::vocabulary::span::instant;

/// How many of the last requests a report shows.
const LAST_REQUESTS: usize = 10;

/// Why a fake is not content with a test: what was asked that it does not serve, what was planned and never happened, and
/// what went wrong inside it. `Display`
/// says all of it, with the clock, the seed and the last requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What was found, a sentence each.
    pub problems: Vec<String>,
    context: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fake was not used as it should be:")?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        write!(f, "\n{}", self.context)
    }
}

impl std::error::Error for Report {}

impl FakeBuildkite {
    /// Whether everything was in order: no request for something that Buildkite or this fake does not have, no failure that
    /// a test ordered and that never came, and none inside. Dropping the fake asks the same and panics with the report, unless this was asked before, or the test
    /// panics already. [`allow_unknown_routes`](crate::FakeBuildkiteBuilder::allow_unknown_routes) forgives requests.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let url = format!("{}/v2/organisations", fake.url()); // misspelled
    /// reqwest::blocking::get(url).unwrap();
    /// let report = fake.verify().unwrap_err();
    /// assert_eq!(report.problems, [
    ///     "GET /v2/organisations is no route of Buildkite's; nearest: GET /v2/organizations",
    /// ]);
    /// ```
    ///
    /// # Errors
    ///
    /// If something was not, with all of it.
    pub fn verify(&self) -> Result<(), Report> {
        self.verified.store(true, Ordering::Relaxed);
        if let Some(doubt) = self.driver.doubted() {
            return Err(Report {
                problems: vec![doubt.to_owned()],
                context: "nothing else can be said of it".to_owned(),
            });
        }
        let mut problems = self.driver.unserved();
        let unused = self.driver.read(Engine::unused_failures);
        let unused = unused.iter().map(|name| {
            format!("schedule {name} was told to fail the next time, and there was none")
        });
        problems.extend(unused);
        let failures = self.server.failures();
        problems.extend(
            failures
                .iter()
                .map(|text| format!("inside the fake: {text}")),
        );
        if problems.is_empty() {
            return Ok(());
        }
        Err(Report {
            problems,
            context: self.context(),
        })
    }

    /// What somebody who reads a failure wants to know besides.
    pub(super) fn context(&self) -> String {
        let (now, seed) = self.driver.read(|engine| (engine.now(), engine.seed()));
        let requests = self.driver.requests();
        let last: Vec<_> = requests
            .iter()
            .rev()
            .take(LAST_REQUESTS)
            .map(|request| format!("\n  {request}"))
            .collect();
        let last = if last.is_empty() {
            "there were no requests".to_owned()
        } else {
            format!("the last requests, newest first:{}", last.concat())
        };
        format!(
            "the clock stands at {} ({}), the seed is {seed}; {last}",
            instant(now),
            self.driver.mode()
        )
    }
}

impl Drop for FakeBuildkite {
    /// # Panics
    ///
    /// With the report of [`verify`](Self::verify), if nobody asked for it and there is something in it.
    fn drop(&mut self) {
        if std::thread::panicking() || self.verified.load(Ordering::Relaxed) {
            return;
        }
        if let Err(report) = self.verify() {
            panic!("{report}");
        }
    }
}
