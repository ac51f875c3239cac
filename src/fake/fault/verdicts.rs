//! What can be ordered to go wrong: the last word about a fault, which orders it.

use std::panic::Location;
use std::time::Duration;

use bytes::Bytes;

use crate::fake::{Fault, FaultBuilder};
use crate::fault::{Ordered, Plan, Verdict};
use crate::vocabulary::slip::{slip, slip_unless};

/// How long a slow body may take in all, in real time: 10 seconds.
const SLOWEST: Duration = Duration::from_secs(10);

/// In how many pieces a body may come: 1,000.
const MOST_PIECES: usize = 1_000;

/// What goes wrong. Each orders the fault.
impl FaultBuilder {
    /// An error with this status, and Buildkite's own body for it.
    ///
    /// 429 is [`rate_limited`](Self::rate_limited). Where Buildkite's words are not known the message is what HTTP calls
    /// the status.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault(Route::Root).first(1).status(503);
    /// let answer = reqwest::blocking::get(fake.url()).unwrap();
    /// assert_eq!(answer.status(), 503);
    /// assert!(answer.text().unwrap().starts_with(r#"{"message":"#));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is no error: 400 to 599.
    #[track_caller]
    pub fn status(self, status: u16) -> Fault {
        slip_unless!(
            (400..=599).contains(&status),
            "{status} is no status of an error; `.answers({status}, body)` answers with anything"
        );
        if status == 429 {
            return self.rate_limited();
        }
        self.order(Verdict::Status(status))
    }

    /// An answer with this status and this body. The body is called JSON if it begins with `{` or `[`, and a page
    /// otherwise: what stands before a service often answers with one, to clients that expect JSON.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault(Route::GetUser).first(1).answers(200, "<html>Down for maintenance</html>");
    /// let url = format!("{}user", fake.api_url());
    /// let answer = reqwest::blocking::Client::new().get(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(answer.status(), 200);
    /// assert!(answer.json::<serde_json::Value>().is_err());
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is not between 200 and 599.
    #[track_caller]
    pub fn answers(self, status: u16, body: impl Into<Bytes>) -> Fault {
        slip_unless!(
            (200..=599).contains(&status),
            "{status} is no status of an answer: those are between 200 and 599"
        );
        let body = body.into();
        self.order(Verdict::Answer { status, body })
    }

    /// 429, with the headers (`RateLimit-Reset`, `RateLimit-User-Reset`; Buildkite sends no `Retry-After`) and the body of a
    /// user who has asked too often, until the end of the running minute of the
    /// fake's clock. [`enforce_rate_limits`](crate::FakeBuildkiteBuilder::enforce_rate_limits) sends away those who really
    /// have.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.advance(seconds(45));
    /// fake.fault_any().first(1).rate_limited();
    /// let answer = reqwest::blocking::get(fake.url()).unwrap();
    /// assert_eq!(answer.status(), 429);
    /// assert_eq!(answer.headers()["ratelimit-reset"], "15");
    /// ```
    #[track_caller]
    pub fn rate_limited(self) -> Fault {
        self.order(Verdict::RateLimited { reset: None })
    }

    /// 429, with so many seconds to wait. A client that waits in real time wants 0; one whose sleep moves the fake's clock, or
    /// that sleeps under [`Clock::FollowTokio`](crate::Clock::FollowTokio), any number.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault_any().first(1).rate_limited_for(seconds(0));
    /// let answer = reqwest::blocking::get(fake.url()).unwrap();
    /// assert_eq!(answer.headers()["ratelimit-user-remaining"], "0");
    /// assert_eq!(answer.headers()["ratelimit-reset"], "0");
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not a whole number of seconds: the header has no room for less.
    #[track_caller]
    pub fn rate_limited_for(self, reset: Duration) -> Fault {
        slip_unless!(
            reset.subsec_nanos() == 0,
            "a rate limit is reset after whole seconds, and {reset:?} are not"
        );
        let reset = Some(reset.as_secs());
        self.order(Verdict::RateLimited { reset })
    }

    /// The answer is sent once the fake's clock has moved by this much. Under [`Clock::Manual`](crate::Clock::Manual) that
    /// is when the test advances; under [`PerRequest`](crate::Clock::PerRequest) and
    /// [`StepPerPoll`](crate::Clock::StepPerPoll), where nobody else would move it, the request moves the clock itself. A receiver of webhooks that is kept waiting by
    /// this, or at a [gate](crate::FakeBuildkite::hold), before it has answered, keeps the clock waiting: neither ends.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault(Route::GetUser).first(1).delay(seconds(30));
    /// # let (url, token) = (format!("{}user", fake.api_url()), fake.token().to_owned());
    /// let program = std::thread::spawn(move || {
    ///     // … asks for the user, and waits …
    /// #   reqwest::blocking::Client::new().get(url).bearer_auth(token).send().unwrap().status().as_u16()
    /// });
    /// fake.next_request(Route::GetUser).blocking(); // it came
    /// fake.advance(seconds(30));
    /// assert_eq!(program.join().unwrap(), 200);
    /// ```
    ///
    /// # Panics
    ///
    /// If that is more than a thousand years.
    #[track_caller]
    pub fn delay(self, by: Duration) -> Fault {
        slip_unless!(
            by <= crate::vocabulary::span::days(365_000),
            "{by:?} are more than a thousand years"
        );
        self.order(Verdict::Delay(by))
    }

    /// The connection is reset: no answer, and an error where the client reads. In memory there is no reset, only an end.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route};
    ///
    /// let fake = FakeBuildkite::start();
    /// let fault = fake.fault(Route::Root).first(1).reset();
    /// assert!(reqwest::blocking::get(fake.url()).is_err());
    /// assert_eq!(fault.hits(), 1);
    /// ```
    #[track_caller]
    pub fn reset(self) -> Fault {
        self.order(Verdict::Reset)
    }

    /// The fake closes its side of the connection without an answer, and goes on listening until the client closes its
    /// own.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.fault_any().first(1).half_close();
    /// assert!(reqwest::blocking::get(fake.url()).is_err());
    /// ```
    #[track_caller]
    pub fn half_close(self) -> Fault {
        self.order(Verdict::HalfClose)
    }

    /// Never an answer, and the connection stays open until the fake is [stopped](crate::FakeBuildkite::stop) or dropped. Clients
    /// without a time-out wait as long.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, Route, millis};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault(Route::Root).first(1).stall();
    /// let http = reqwest::blocking::Client::builder().timeout(millis(100)).build().unwrap();
    /// assert!(http.get(fake.url()).send().unwrap_err().is_timeout());
    /// ```
    #[track_caller]
    pub fn stall(self) -> Fault {
        self.order(Verdict::Stall)
    }

    /// Bytes that are no HTTP, and the end of the connection.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.fault_any().first(1).garbage();
    /// assert!(reqwest::blocking::get(fake.url()).is_err());
    /// ```
    #[track_caller]
    pub fn garbage(self) -> Fault {
        self.order(Verdict::Garbage)
    }

    /// The connection is closed after so many bytes of the body, in any case before its last one; the head says how many
    /// there should have been. Of an answer without a body the head is all there is, and it is whole.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.fault_any().first(1).truncate_after(10);
    /// let answer = reqwest::blocking::get(fake.url()).unwrap(); // the head is there
    /// assert!(answer.text().is_err());
    /// ```
    #[track_caller]
    pub fn truncate_after(self, bytes: usize) -> Fault {
        self.order(Verdict::Truncate { bytes })
    }

    /// The `content-length` is off by so much, and the connection ends after the body. More than there is: the client
    /// waits for the rest, and sees the end; less: it takes a part for the whole. Never below 0; and an answer that has no
    /// `content-length` is sent as it is.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// fake.fault_any().first(1).wrong_content_length(-5);
    /// let answer = reqwest::blocking::get(fake.url()).unwrap();
    /// assert!(answer.json::<serde_json::Value>().is_err(), "the end is missing");
    /// ```
    ///
    /// # Panics
    ///
    /// If it is off by 0: that is right.
    #[track_caller]
    pub fn wrong_content_length(self, by: i64) -> Fault {
        slip_unless!(
            by != 0,
            "a content-length that is off by 0 is right: say by how many bytes it should be more, or less"
        );
        self.order(Verdict::WrongLength { by })
    }

    /// The body comes in so many pieces, with a pause in real time between two of them, and the connection ends after it.
    /// [On a runtime of the test](crate::FakeBuildkiteBuilder::on_current_runtime) there are pieces and no pauses: the
    /// server waits for no timers there.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, millis};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.fault_any().first(1).slow_body(3, millis(20));
    /// let answer = reqwest::blocking::get(fake.url()).unwrap();
    /// assert!(answer.text().is_ok(), "late, and whole");
    /// ```
    ///
    /// # Panics
    ///
    /// If there are fewer than 2 pieces or more than 1,000, or the pauses add up to more than ten seconds: that is how long a
    /// test would really wait. It is so as well where there are no pauses, so that a test can be moved from there to here.
    #[track_caller]
    pub fn slow_body(self, pieces: usize, pause: Duration) -> Fault {
        slip_unless!(
            (2..=MOST_PIECES).contains(&pieces),
            "a body comes in 2 to {MOST_PIECES} pieces, not in {pieces}"
        );
        let pauses = u32::try_from(pieces - 1).expect("at most a thousand");
        let all = pause.saturating_mul(pauses);
        slip_unless!(
            all <= SLOWEST,
            "{pauses} pauses of {pause:?} are {all:?} of real time, and {SLOWEST:?} are the limit"
        );
        self.order(Verdict::Slow { pieces, pause })
    }

    #[track_caller]
    fn order(self, verdict: Verdict) -> Fault {
        let effect = self.effect.unwrap_or(verdict.usual_effect());
        if let Some(reason) = verdict.refuses(effect) {
            slip!("no fault `{verdict}` like this: {reason}");
        }
        let ordered = Ordered::At(Location::caller());
        #[cfg(feature = "cli")]
        let ordered = if self.is_by_lever {
            Ordered::ByLever
        } else {
            ordered
        };
        let plan = Plan {
            whom: self.whom,
            when: self.when,
            verdict,
            effect,
            ordered,
        };
        let text = plan.to_string().into();
        let number = self.tie.driver().faults(|faults| faults.order(plan));
        Fault {
            tie: self.tie,
            number,
            text,
        }
    }
}
