//! Faults and gates, ordered in JSON.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::fake::{FakeBuildkite, Fault, FaultBuilder, Gate};
use crate::levers::given::{RouteName, Span, instant};
use crate::levers::{Refusal, no_build};

/// What goes wrong, for which requests, and when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "words of a JSON object")]
pub(super) struct FaultGiven {
    /// Any request, if it is left out.
    route: Option<RouteName>,
    /// Only those about this build, or one of its jobs.
    build: Option<BuildGiven>,
    /// Only those about the job with this id.
    job: Option<String>,
    // When.
    nth: Option<u64>,
    first: Option<u64>,
    times: Option<u64>,
    during: Option<During>,
    probability: Option<f64>,
    #[serde(default)]
    before_effect: bool,
    #[serde(default)]
    after_effect: bool,
    // What: one of these.
    status: Option<u16>,
    /// With `status`: what it says, instead of what Buildkite would.
    body: Option<String>,
    rate_limited: Option<Span>,
    delay: Option<Span>,
    #[serde(default)]
    reset: bool,
    #[serde(default)]
    half_close: bool,
    #[serde(default)]
    stall: bool,
    #[serde(default)]
    garbage: bool,
    truncate_after: Option<usize>,
    wrong_content_length: Option<i64>,
    slow_body: Option<Slow>,
}

/// A build, as answers name it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildGiven {
    pipeline: String,
    number: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct During {
    #[serde(deserialize_with = "instant")]
    from: DateTime<Utc>,
    #[serde(deserialize_with = "instant")]
    to: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    pieces: usize,
    /// In real time.
    pause: Span,
}

/// What goes wrong.
enum Verdict<'g> {
    Status(u16, Option<&'g str>),
    RateLimited(Duration),
    Delay(Duration),
    Reset,
    HalfClose,
    Stall,
    Garbage,
    TruncateAfter(usize),
    WrongLength(i64),
    Slow(Slow),
}

impl FaultGiven {
    pub(super) fn order(&self, fake: &FakeBuildkite) -> Result<Fault, Refusal> {
        let verdict = self.verdict()?;
        let builder = match self.route {
            Some(RouteName(route)) => fake.fault(route),
            None => fake.fault_any(),
        };
        let builder = self.whom(fake, builder)?;
        let builder = self.when(builder).by_a_lever();
        Ok(match verdict {
            Verdict::Status(status, None) => builder.status(status),
            Verdict::Status(status, Some(body)) => builder.answers(status, body.to_owned()),
            Verdict::RateLimited(reset) => builder.rate_limited_for(reset),
            Verdict::Delay(by) => builder.delay(by),
            Verdict::Reset => builder.reset(),
            Verdict::HalfClose => builder.half_close(),
            Verdict::Stall => builder.stall(),
            Verdict::Garbage => builder.garbage(),
            Verdict::TruncateAfter(bytes) => builder.truncate_after(bytes),
            Verdict::WrongLength(by) => builder.wrong_content_length(by),
            Verdict::Slow(slow) => builder.slow_body(slow.pieces, slow.pause.0),
        })
    }

    fn whom(&self, fake: &FakeBuildkite, builder: FaultBuilder) -> Result<FaultBuilder, Refusal> {
        match (&self.build, &self.job) {
            (None, None) => Ok(builder),
            (Some(BuildGiven { pipeline, number }), None) => {
                let pipeline = crate::levers::pipeline(fake, pipeline)?;
                let found = pipeline.find_build(*number);
                let found = found.ok_or_else(|| no_build(&pipeline, &number.to_string()));
                Ok(builder.for_build(&found?))
            }
            (None, Some(id)) => {
                let found = fake.find_job(id);
                let found = found.ok_or_else(|| Refusal::unknown("job", id))?;
                Ok(builder.for_job(&found))
            }
            (Some(_), Some(_)) => Err(Refusal::new(
                400,
                "a fault is for one `build`, whose jobs are among it, or for one `job`, not both",
            )),
        }
    }

    fn when(&self, mut builder: FaultBuilder) -> FaultBuilder {
        if let Some(n) = self.nth {
            builder = builder.nth(n);
        }
        if let Some(n) = self.first {
            builder = builder.first(n);
        }
        if let Some(n) = self.times {
            builder = builder.times(n);
        }
        if let Some(during) = &self.during {
            builder = builder.during(during.from..during.to);
        }
        if let Some(probability) = self.probability {
            builder = builder.probability(probability);
        }
        if self.before_effect {
            builder = builder.before_effect();
        }
        if self.after_effect {
            builder = builder.after_effect();
        }
        builder
    }

    /// Words that would be lost beside others.
    fn check(&self) -> Result<(), Refusal> {
        let wrong = if self.first.is_some() && (self.nth.is_some() || self.times.is_some()) {
            "`first` is said without `nth` and `times`, which say how often in another way"
        } else if self.before_effect && self.after_effect {
            "a request that has its effect has it before or after what goes wrong: it is `before_effect` or `after_effect`"
        } else if self.body.is_some() && self.status.is_none() {
            "`body` is what a `status` says, and there is none"
        } else if self.body.is_none() && self.status.is_some_and(|it| !(400..600).contains(&it)) {
            "without a `body`, the `status` is that of an error: 400 to 599"
        } else {
            return Ok(());
        };
        Err(Refusal::new(400, wrong))
    }

    fn verdict(&self) -> Result<Verdict<'_>, Refusal> {
        self.check()?;
        let flag = |is_said: bool, verdict| is_said.then_some(verdict);
        let said = [
            self.status
                .map(|status| Verdict::Status(status, self.body.as_deref())),
            self.rate_limited
                .map(|Span(reset)| Verdict::RateLimited(reset)),
            self.delay.map(|Span(by)| Verdict::Delay(by)),
            flag(self.reset, Verdict::Reset),
            flag(self.half_close, Verdict::HalfClose),
            flag(self.stall, Verdict::Stall),
            flag(self.garbage, Verdict::Garbage),
            self.truncate_after.map(Verdict::TruncateAfter),
            self.wrong_content_length.map(Verdict::WrongLength),
            self.slow_body.map(Verdict::Slow),
        ];
        let mut said = said.into_iter().flatten();
        match (said.next(), said.next()) {
            (Some(verdict), None) => Ok(verdict),
            (None, _) | (Some(_), Some(_)) => Err(Refusal::new(
                400,
                "a fault says what goes wrong, once: `status`, `rate_limited`, `delay`, `reset`, `half_close`, `stall`, \
                 `garbage`, `truncate_after`, `wrong_content_length` or `slow_body`",
            )),
        }
    }
}

/// Requests that are held back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GateGiven {
    route: RouteName,
    /// All of them, and not the next one alone.
    #[serde(default)]
    every: bool,
}

impl GateGiven {
    pub(super) fn set(&self, fake: &FakeBuildkite) -> Gate {
        let RouteName(route) = self.route;
        if self.every {
            fake.hold_every(route)
        } else {
            fake.hold(route)
        }
    }
}
