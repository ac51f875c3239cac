//! Faults: what goes wrong on purpose. A noun first, then when, then what.
//!
//! Elsewhere: what there is to go wrong (`verdicts`), the rules themselves (`fault`), how they are carried out (`http::faults`, `http::wreck`, `driver::edge`).

mod verdicts;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::fake::{BuildHandle, FakeBuildkite, JobHandle, Tie};
use crate::fault::{Effect, Predicate, Subject, When, Whom};
use crate::journal::RequestRecord;
use crate::vocabulary::route::Route;
use crate::vocabulary::slip::slip_unless;
use crate::vocabulary::span::instant;

/// A fault that was ordered: how often it came, and the end of it. It goes on without this: dropping it changes nothing.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, Route};
///
/// let fake = FakeBuildkite::start();
/// let fault = fake.fault(Route::Root).first(2).status(502);
/// assert_eq!(fault.to_string(), "status 502 for the first 2 requests to GET /");
/// let ask = || reqwest::blocking::get(fake.url()).unwrap().status().as_u16();
/// assert_eq!([ask(), ask(), ask()], [502, 502, 200]);
/// assert_eq!(fault.hits(), 2);
/// ```
#[derive(Clone)]
pub struct Fault {
    tie: Tie,
    number: usize,
    /// As the report of an unused one says it.
    text: Arc<str>,
}

/// A fault that is about to be ordered; made by [`FakeBuildkite::fault`].
///
/// First for which requests and when, then, last, what goes wrong: that orders it and returns the [`Fault`].
///
/// | what | does the request have its effect? | the other way |
/// |---|---|---|
/// | [`status`](Self::status), [`answers`](Self::answers) | no | [`after_effect`](Self::after_effect): it does, and the client does not learn of it |
/// | [`rate_limited`](Self::rate_limited), [`rate_limited_for`](Self::rate_limited_for) | no | – |
/// | [`reset`](Self::reset), [`half_close`](Self::half_close), [`stall`](Self::stall), [`garbage`](Self::garbage) | no: lost on the way there | `after_effect`: lost on the way back |
/// | [`delay`](Self::delay) | at once; the answer is late | [`before_effect`](Self::before_effect): once the time has passed; the request is late |
/// | [`truncate_after`](Self::truncate_after), [`wrong_content_length`](Self::wrong_content_length), [`slow_body`](Self::slow_body) | yes | – |
///
/// The difference matters to a program that retries: a `POST` whose answer is lost has made a build all the same.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, Route};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").create();
/// fake.fault(Route::CreateBuild).first(1).status(503); // nothing is made
/// fake.fault(Route::CreateBuild).nth(2).after_effect().status(503); // it is, and nobody is told
/// let create = || {
///     let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
///     let http = reqwest::blocking::Client::new();
///     let body = r#"{"commit":"HEAD","branch":"main"}"#;
///     http.post(url).bearer_auth(fake.token()).body(body).send().unwrap().status().as_u16()
/// };
/// assert_eq!([create(), create(), create()], [503, 503, 201]);
/// assert_eq!(app.builds().len(), 2);
/// ```
#[must_use = "nothing goes wrong before it is said what does"]
pub struct FaultBuilder {
    tie: Tie,
    whom: Whom,
    when: When,
    effect: Option<Effect>,
    /// Whether no line of Rust ordered it.
    #[cfg(feature = "cli")]
    is_by_lever: bool,
}

impl FakeBuildkite {
    /// Begins to order a fault for requests to an endpoint: which of them, and what goes wrong.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let fault = fake.fault(Route::GetUser).nth(2).status(502);
    /// let url = format!("{}user", fake.api_url());
    /// let ask = || reqwest::blocking::Client::new().get(&url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!([ask(), ask(), ask()].map(|answer| answer.status().as_u16()), [200, 502, 200]);
    /// assert_eq!(fault.hits(), 1);
    /// ```
    ///
    /// The fault is the fake's: it needs no variable to live in, [`rewind`](Self::rewind) and [`fork`](Self::fork) carry
    /// it along with its counters, and one that says how often ([`nth`](FaultBuilder::nth), [`first`](FaultBuilder::first),
    /// [`times`](FaultBuilder::times)) and did not come as often fails [`verify`](Self::verify) unless it was
    /// [lifted](Fault::lift). Several faults may be for the same request: all count it, and the one that was ordered first
    /// comes. Each that comes is an event, [`EventKind::Fault`](crate::EventKind::Fault), and noted with the request.
    pub fn fault(&self, route: Route) -> FaultBuilder {
        FaultBuilder::new(self.tie(), Some(route))
    }

    /// Begins to order a fault for any request, whatever it is for; only pages for people
    /// ([`Route::is_page`](crate::Route::is_page)) are not among them. Otherwise as [`fault`](Self::fault).
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let outage = fake.fault_any().times(2).status(503);
    /// let ask = |path: &str| reqwest::blocking::get(format!("{}{path}", fake.url())).unwrap().status().as_u16();
    /// assert_eq!([ask("/"), ask("/v2/meta"), ask("/")], [503, 503, 200]);
    /// assert_eq!(outage.hits(), 2);
    /// ```
    pub fn fault_any(&self) -> FaultBuilder {
        FaultBuilder::new(self.tie(), None)
    }
}

/// Which requests.
impl FaultBuilder {
    fn new(tie: Tie, route: Option<Route>) -> Self {
        Self {
            tie,
            whom: Whom {
                route,
                ..Whom::default()
            },
            when: When::default(),
            effect: None,
            #[cfg(feature = "cli")]
            is_by_lever: false,
        }
    }

    /// A lever orders it: no line of Rust, whose place would tell anybody anything.
    #[cfg(feature = "cli")]
    pub(crate) fn by_a_lever(mut self) -> Self {
        self.is_by_lever = true;
        self
    }

    /// Only requests about this job: those with its id in the path.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let steps = "steps: [{command: a, key: a}, {command: b, key: b}]";
    /// let build = fake.pipeline("app").steps(steps).create_build();
    /// fake.fault(Route::GetJob).for_job(&build.job("b")).first(1).status(500);
    /// let ask = |name: &str| {
    ///     let url = format!("{}organizations/acme/jobs/{}", fake.api_url(), build.job(name).id());
    ///     reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap().status().as_u16()
    /// };
    /// assert_eq!([ask("a"), ask("b"), ask("b")], [200, 500, 200]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the job is one of another fake.
    #[track_caller]
    pub fn for_job(mut self, job: &JobHandle) -> Self {
        self.tie.must_be(&job.tie, || job.full_name());
        self.whom.subject = Some(Subject::Job(job.id(), job.full_name().into()));
        self
    }

    /// Only requests about this build, or about one of its jobs: those with its number in the path, or the id of a job.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let (first, second) = (app.create_build(), app.create_build());
    /// fake.fault(Route::GetBuild).for_build(&second).times(1).status(500);
    /// let ask = |number: u64| {
    ///     let url = format!("{}organizations/acme/pipelines/app/builds/{number}", fake.api_url());
    ///     reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap().status().as_u16()
    /// };
    /// assert_eq!([ask(first.number()), ask(second.number()), ask(second.number())], [200, 500, 200]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the build is one of another fake.
    #[track_caller]
    pub fn for_build(mut self, build: &BuildHandle) -> Self {
        self.tie.must_be(&build.tie, || build.name());
        self.whom.subject = Some(Subject::Build(build.id(), build.name().into()));
        self
    }

    /// Only requests of which this is true. It is asked once for each request that is otherwise in question, before the
    /// request is answered, so its `status` is 0. No lock is held while it runs, so it may use handles; it makes no requests,
    /// because it runs on the very thread that would answer them.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.pipeline("app").create();
    /// let is_release = |body: &serde_json::Value| body["branch"] == "release";
    /// fake.fault(Route::CreateBuild).matching(move |request| is_release(&request.json())).first(1).status(503);
    /// let create = |branch: &str| {
    ///     let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    ///     let body = format!(r#"{{"commit":"HEAD","branch":"{branch}"}}"#);
    ///     let http = reqwest::blocking::Client::new();
    ///     http.post(url).bearer_auth(fake.token()).body(body).send().unwrap().status().as_u16()
    /// };
    /// assert_eq!([create("main"), create("release")], [201, 503]);
    /// ```
    pub fn matching(
        mut self,
        predicate: impl Fn(&RequestRecord) -> bool + Send + Sync + 'static,
    ) -> Self {
        let predicate: Predicate = match self.whom.predicate.take() {
            Some(first) => Arc::new(move |request| first(request) && predicate(request)),
            None => Arc::new(predicate),
        };
        self.whom.predicate = Some(predicate);
        self
    }
}

/// When. Without any of these: always. How often is said by `nth`, `first`, `times` and `always`, each anew, only that
/// `times` goes on from where `nth` begins; when else is said by `during` and `probability`, and all of it must be so.
impl FaultBuilder {
    /// The n-th of these requests from now on, and no other. The first is number 1.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault(Route::Root).nth(2).status(500);
    /// let ask = || reqwest::blocking::get(fake.url()).unwrap().status().as_u16();
    /// assert_eq!([ask(), ask(), ask()], [200, 500, 200]);
    /// ```
    ///
    /// # Panics
    ///
    /// If n is 0.
    #[track_caller]
    pub fn nth(mut self, n: u64) -> Self {
        slip_unless!(n > 0, "requests are counted from 1: there is no 0th");
        self.when.skip = n - 1;
        self.when.take = Some(1);
        self
    }

    /// The first n of these requests from now on.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault(Route::Root).first(2).status(500);
    /// let ask = || reqwest::blocking::get(fake.url()).unwrap().status().as_u16();
    /// assert_eq!([ask(), ask(), ask()], [500, 500, 200]);
    /// ```
    ///
    /// # Panics
    ///
    /// If n is 0.
    #[track_caller]
    pub fn first(mut self, n: u64) -> Self {
        self.when.skip = 0;
        self.times(n)
    }

    /// So many times, then no more: `nth(3).times(2)` is the third and the fourth.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault(Route::Root).nth(2).times(2).status(500);
    /// let ask = || reqwest::blocking::get(fake.url()).unwrap().status().as_u16();
    /// assert_eq!([ask(), ask(), ask(), ask()], [200, 500, 500, 200]);
    /// ```
    ///
    /// # Panics
    ///
    /// If n is 0.
    #[track_caller]
    pub fn times(mut self, n: u64) -> Self {
        slip_unless!(n > 0, "a fault that comes 0 times is none");
        self.when.take = Some(n);
        self
    }

    /// Every one of these requests, until the fault is [lifted](Fault::lift). What is meant when nothing else is said.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let broken = fake.fault(Route::Root).always().status(500);
    /// let ask = || reqwest::blocking::get(fake.url()).unwrap().status().as_u16();
    /// assert_eq!([ask(), ask()], [500, 500]);
    /// broken.lift();
    /// assert_eq!(ask(), 200);
    /// ```
    pub fn always(mut self) -> Self {
        self.when.skip = 0;
        self.when.take = None;
        self
    }

    /// While the fake's clock is in this time, its end excluded. Only requests in this time are counted.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let noon = fake.clock().now() + minutes(720);
    /// fake.fault_any().during(noon..noon + minutes(5)).status(503); // an outage
    /// let ask = || reqwest::blocking::get(fake.url()).unwrap().status().as_u16();
    /// assert_eq!(ask(), 200);
    /// fake.advance_to(noon);
    /// assert_eq!(ask(), 503);
    /// fake.advance(minutes(5));
    /// assert_eq!(ask(), 200);
    /// ```
    ///
    /// # Panics
    ///
    /// If the time ends before it begins.
    #[track_caller]
    pub fn during(mut self, time: Range<DateTime<Utc>>) -> Self {
        slip_unless!(
            time.start < time.end,
            "no request can come between {} and {}: the end has to be later than the beginning",
            instant(time.start),
            instant(time.end)
        );
        self.when.during = Some(time);
        self
    }

    /// Each of these requests with this probability, from 0 to 1, drawn from the fake's seed: the same requests in every
    /// run, whatever other faults there are. With a number of times: until it has come as often, which nothing promises.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let answers = || {
    ///     let fake = FakeBuildkite::builder().seed(7).start();
    ///     fake.fault(Route::Root).probability(0.5).status(500);
    ///     let ask = |_| reqwest::blocking::get(fake.url()).unwrap().status().as_u16();
    ///     (0..10).map(ask).collect::<Vec<_>>()
    /// };
    /// assert!(answers().contains(&200) && answers().contains(&500));
    /// assert_eq!(answers(), answers(), "as often, and at the same requests, in every run");
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not between 0 and 1.
    #[track_caller]
    pub fn probability(mut self, probability: f64) -> Self {
        slip_unless!(
            (0.0..=1.0).contains(&probability),
            "a probability is between 0 and 1, and {probability} is not"
        );
        self.when.probability = Some(probability);
        self
    }

    /// The request is lost, or late, on its way there: it has no effect, or a late one. While it is late it is not among the
    /// [requests](FakeBuildkite::requests) yet; that it came shows in [`hits`](Fault::hits).
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route, minutes};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let fault = fake.fault(Route::CreateBuild).first(1).before_effect().delay(minutes(5));
    /// # let (url, token) = (format!("{}organizations/acme/pipelines/app/builds", fake.api_url()), fake.token().to_owned());
    /// let program = std::thread::spawn(move || {
    ///     // … creates a build, and waits for the answer …
    /// #   reqwest::blocking::Client::new().post(url).bearer_auth(token).body(r#"{"commit":"HEAD","branch":"main"}"#).send().unwrap();
    /// });
    /// fake.wait_for(&app, move |_| fault.hits() == 1).blocking(); // it is on its way
    /// assert!(app.builds().is_empty());
    /// fake.advance(minutes(5));
    /// program.join().unwrap();
    /// assert_eq!(app.latest_build().created_at(), fake.clock().now());
    /// ```
    pub fn before_effect(mut self) -> Self {
        self.effect = Some(Effect::Before);
        self
    }

    /// The request has its effect, and its answer is lost, replaced or late.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// fake.fault(Route::CreateBuild).first(1).after_effect().reset();
    /// let create = || {
    ///     let url = format!("{}organizations/acme/pipelines/app/builds", fake.api_url());
    ///     let http = reqwest::blocking::Client::new();
    ///     http.post(url).bearer_auth(fake.token()).body(r#"{"commit":"HEAD","branch":"main"}"#).send()
    /// };
    /// create().unwrap_err(); // the program is told that it failed, and tries again
    /// create().unwrap();
    /// assert_eq!(app.builds().len(), 2);
    /// ```
    pub fn after_effect(mut self) -> Self {
        self.effect = Some(Effect::After);
        self
    }
}

impl Fault {
    /// How often it has come.
    ///
    /// After [`rewind`](FakeBuildkite::rewind): as often as it had come then.
    #[must_use]
    #[track_caller]
    pub fn hits(&self) -> u64 {
        let driver = self.tie.driver();
        driver.faults(|faults| faults.hits(self.number))
    }

    /// It does not come any more, and nobody expects it to.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let outage = fake.fault_any().always().status(503);
    /// let ask = || reqwest::blocking::get(fake.url()).unwrap().status().as_u16();
    /// assert_eq!(ask(), 503);
    /// outage.lift();
    /// assert_eq!(ask(), 200);
    /// assert_eq!(outage.hits(), 1);
    /// ```
    #[track_caller]
    pub fn lift(&self) {
        let driver = self.tie.driver();
        driver.faults(|faults| faults.lift(self.number));
    }
}

/// `status 502 for request 3 to GET /v2/user`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}

impl fmt::Debug for FaultBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultBuilder")
            .field("route", &self.whom.route)
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}
