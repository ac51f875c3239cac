//! What a test should not overlook: found while the fake lived, said at its end.
//!
//! A program under test often swallows the body of an error, so an answer that says what is wrong is not enough.

use std::fmt;

use crate::engine::Engine;
use crate::fake::FakeBuildkite;
use crate::vocabulary::span::instant;

/// How many of the last requests a report shows.
const LAST_REQUESTS: usize = 10;

/// Why a fake is not content with a test: what was asked that it does not serve, what was planned and never happened,
/// and what went wrong inside it. `Display` says all of it, with the clock, the seed and the last requests.
///
/// ```
/// let fake = fake_buildkite::FakeBuildkite::start();
/// reqwest::blocking::get(format!("{}/v2/organisations", fake.url())).unwrap(); // misspelled
/// let report = fake.verify().unwrap_err();
/// assert_eq!(report.problems.len(), 1);
/// let text = report.to_string();
/// assert!(text.starts_with("the fake was not used as it should be:\n  GET /v2/organisations is no route"));
/// assert!(text.contains("the clock stands at 2030-01-01T00:00:00.000Z (Manual), the seed is 0"));
/// ```
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
    /// Whether everything was in order: no request for something that Buildkite or this fake does not have, no failure
    /// and no [fault](Self::fault) that a test ordered and that never came, no script that [must
    /// run](crate::JobScript::must_run) and did not, and no failure inside. Dropping the fake asks the same and panics
    /// with the report if there is something in it that nobody was told of, unless the test panics already.
    /// [`allow_unknown_routes`](crate::FakeBuildkiteBuilder::allow_unknown_routes) forgives requests.
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
        let problems = self.problems();
        self.told.lock().clone_from(&problems);
        if problems.is_empty() {
            return Ok(());
        }
        let context = if self.driver.doubted().is_some() {
            "nothing else can be said of it".to_owned()
        } else {
            self.context()
        };
        Err(Report { problems, context })
    }

    /// As [`verify`](Self::verify), if there is something that nobody was told of yet.
    pub(super) fn verify_what_is_new(&self) -> Result<(), Report> {
        let told = self.told.lock().clone();
        if self.problems().iter().all(|one| told.contains(one)) {
            return Ok(());
        }
        self.verify()
    }

    pub(super) fn problems(&self) -> Vec<String> {
        if let Some(doubt) = self.driver.doubted() {
            return vec![doubt.to_owned()];
        }
        let mut problems = self.driver.unserved();
        let unused = self.driver.read(Engine::unused_failures);
        let unused = unused.iter().map(|name| {
            format!("schedule {name} was told to fail the next time, and there was none")
        });
        problems.extend(unused);
        problems.extend(self.driver.read(Engine::unmet_scripts));
        problems.extend(self.driver.read(Engine::untriggered));
        problems.extend(self.driver.faults(|faults| faults.unfinished()));
        let failures = self.server.failures();
        problems.extend(
            failures
                .iter()
                .map(|text| format!("inside the fake: {text}")),
        );
        problems
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
    /// With the report of [`verify`](Self::verify), if there is something in it that nobody asked for.
    fn drop(&mut self) {
        #[cfg(fake_buildkite_keep_logs)]
        super::keep::keep(&self.name, &self.driver);
        if std::thread::panicking() {
            return;
        }
        if let Err(report) = self.verify_what_is_new() {
            panic!("{report}");
        }
    }
}
