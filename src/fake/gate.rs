//! Gates: a request waits before it has any effect, until the test lets it go.

use std::fmt;

use crate::driver::Holds;
use crate::fake::wait::{Subject, Wait};
use crate::fake::{FakeBuildkite, Tie};
use crate::journal::RequestRecord;
use crate::vocabulary::route::Route;
use crate::vocabulary::slip::slip_unless;

/// Holds requests to an endpoint; made by [`FakeBuildkite::hold`] and [`FakeBuildkite::hold_every`]. Dropping it lets
/// them go.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, Route};
///
/// let fake = FakeBuildkite::start();
/// let gate = fake.hold(Route::Root);
/// # let url = fake.url();
/// let program = std::thread::spawn(move || {
///     // … asks, and waits …
/// #   reqwest::blocking::get(url).unwrap().status().as_u16()
/// });
/// let held = gate.arrived().blocking();
/// assert_eq!((held.status, gate.waiting()), (0, 1));
/// drop(gate); // or `gate.release()`, which says what it does
/// assert_eq!(program.join().unwrap(), 200);
/// ```
#[must_use = "the gate opens when this is dropped"]
pub struct Gate {
    tie: Tie,
    number: u64,
    route: Route,
}

impl FakeBuildkite {
    /// Holds the next request to an endpoint before it has any effect, until the gate is released or dropped. Later
    /// requests go by. For exact interleavings: what happens between the moment a request is sent and the moment it
    /// counts.
    ///
    /// A request that is let go is answered as if it came just then; faults see it then, too. A client that has given
    /// up meanwhile does not undo it, as on any server.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let gate = fake.hold(Route::CancelBuild);
    /// # let (url, token) = (fake.api_url(), fake.token().to_owned());
    /// let program = std::thread::spawn(move || {
    ///     // … cancels the build …
    /// #   let url = format!("{url}organizations/acme/pipelines/app/builds/1/cancel");
    /// #   reqwest::blocking::Client::new().put(url).bearer_auth(token).send().unwrap().status().as_u16()
    /// });
    /// gate.arrived().blocking();
    /// build.job("test").pass(); // just before the cancel counts
    /// gate.release();
    /// assert_eq!(program.join().unwrap(), 422); // Build can't be canceled because it's already finished.
    /// assert_eq!(build.state(), BuildState::Passed);
    /// ```
    pub fn hold(&self, route: Route) -> Gate {
        self.gate(route, Holds::Next)
    }

    /// Holds every request to an endpoint, each until it is [let go](Gate::let_one_pass) or the gate is released or
    /// dropped. Otherwise as [`hold`](Self::hold).
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let gate = fake.hold_every(Route::CreateBuild);
    /// # let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    /// # let token = fake.token().to_owned();
    /// let create = move || {
    ///     // … creates a build …
    /// #   let create = reqwest::blocking::Client::new().post(&url).bearer_auth(&token);
    /// #   create.body(r#"{"commit":"HEAD","branch":"main"}"#).send().unwrap();
    /// };
    /// let programs = [std::thread::spawn(create.clone()), std::thread::spawn(create)];
    /// gate.arrived().blocking();
    /// gate.arrived().blocking();
    /// assert_eq!(gate.waiting(), 2);
    /// gate.let_one_pass();
    /// fake.wait_for(&app, |app| app.builds().len() == 1).blocking();
    /// gate.release();
    /// # programs.map(|program| program.join().unwrap());
    /// ```
    pub fn hold_every(&self, route: Route) -> Gate {
        self.gate(route, Holds::Every)
    }

    fn gate(&self, route: Route, holds: Holds) -> Gate {
        Gate {
            tie: self.tie(),
            number: self.driver.hold(route, holds),
            route,
        }
    }
}

impl Gate {
    /// Waits, in real time, for the next request to arrive: the oldest that no call of this has returned before. Its
    /// `status` is 0, because it has no answer yet.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let gate = fake.hold(Route::Root);
    /// # let url = fake.url();
    /// let program = std::thread::spawn(move || {
    ///     // … asks, and waits …
    /// #   reqwest::blocking::get(url).unwrap();
    /// });
    /// assert_eq!(gate.arrived().blocking().path, "/");
    /// assert!(fake.requests().is_empty(), "it does not count yet");
    /// gate.release();
    /// program.join().unwrap();
    /// assert_eq!(fake.requests().only().status, 200);
    /// ```
    ///
    /// # Panics
    ///
    /// The [`Wait`] does, if none arrives within ten seconds.
    #[track_caller]
    pub fn arrived(&self) -> Wait<RequestRecord> {
        let (number, route) = (self.number, self.route);
        Wait::new(
            self.tie.clone(),
            move |driver| driver.take_arrival(number),
            move || Subject {
                what: format!("a request to arrive at the gate before {route}"),
                picture: String::new(),
            },
        )
    }

    /// How many requests wait here.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let gate = fake.hold_every(fake_buildkite::Route::Root);
    /// assert_eq!(gate.waiting(), 0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn waiting(&self) -> usize {
        self.tie.driver().waiting_at(self.number)
    }

    /// Lets the oldest request that waits here go, and keeps the gate closed for the others.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let gate = fake.hold_every(Route::Root);
    /// # let url = fake.url();
    /// let program = std::thread::spawn(move || {
    ///     // … asks twice, one after the other …
    /// #   for _ in 0..2 { reqwest::blocking::get(&url).unwrap(); }
    /// });
    /// for _ in 0..2 {
    ///     gate.arrived().blocking();
    ///     gate.let_one_pass();
    /// }
    /// program.join().unwrap();
    /// fake.requests().to(Route::Root).assert_count(2);
    /// ```
    ///
    /// # Panics
    ///
    /// If none waits: wait for it with [`arrived`](Self::arrived).
    #[track_caller]
    pub fn let_one_pass(&self) {
        let has_passed = self.tie.driver().let_one_pass(self.number);
        slip_unless!(
            has_passed,
            "no request to {} waits at this gate; wait for one with `gate.arrived()`",
            self.route
        );
    }

    /// Opens the gate for good: what waits goes on, and what comes later is not held.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let gate = fake.hold_every(Route::Root);
    /// gate.release();
    /// assert_eq!(reqwest::blocking::get(fake.url()).unwrap().status(), 200, "it is not held");
    /// ```
    #[track_caller]
    pub fn release(self) {
        self.tie.driver().open(self.number);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(driver) = self.tie.alive() {
            driver.open(self.number);
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.route)
    }
}
