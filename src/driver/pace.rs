//! The real clock, for fakes whose clock follows one: what the fake's clock says at this moment, and when on the real
//! clock it will say something else.
//!
//! The only place that asks what time it is. It asks the runtime the server is on: for a runtime of a test that is the
//! clock the test has paused, whichever thread asks.
//!
//! Elsewhere: who waits for it (`follow`), what is due (`engine::timers`).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// How the fake's time goes with a real clock.
#[derive(Debug)]
pub(crate) struct Pace {
    runtime: Handle,
    began: Instant,
    /// What the fake's clock said then.
    epoch: DateTime<Utc>,
    speed: f64,
}

impl Pace {
    /// Beginning now, on the clock of this runtime.
    pub(crate) fn new(runtime: Handle, epoch: DateTime<Utc>, speed: f64) -> Self {
        let began = now_on(&runtime);
        Self {
            runtime,
            began,
            epoch,
            speed,
        }
    }

    /// What the fake's clock says.
    pub(super) fn now(&self) -> DateTime<Utc> {
        let passed = now_on(&self.runtime).saturating_duration_since(self.began);
        self.epoch
            .checked_add_signed(self.passed(passed))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// When the fake's clock will have reached an instant. `None` if that is beyond what the real clock can say.
    pub(super) fn when(&self, instant: DateTime<Utc>) -> Option<Instant> {
        let ahead = (instant - self.epoch).to_std().unwrap_or_default();
        self.began.checked_add(self.takes(ahead)?)
    }

    /// Exact at a speed of one: nothing is rounded on the way from tokio's clock to the fake's.
    #[expect(clippy::float_cmp, reason = "one is exact")]
    fn passed(&self, real: Duration) -> TimeDelta {
        let passed = if self.speed == 1.0 {
            Ok(real)
        } else {
            Duration::try_from_secs_f64(real.as_secs_f64() * self.speed)
        };
        let passed = passed.ok().and_then(|it| TimeDelta::from_std(it).ok());
        passed.unwrap_or(TimeDelta::MAX)
    }

    #[expect(clippy::float_cmp, reason = "one is exact")]
    fn takes(&self, passed: Duration) -> Option<Duration> {
        if self.speed == 1.0 {
            return Some(passed);
        }
        let real = Duration::try_from_secs_f64(passed.as_secs_f64() / self.speed).ok()?;
        // Rounded up: whoever wakes too early finds nothing due.
        real.checked_add(Duration::from_nanos(1))
    }
}

fn now_on(runtime: &Handle) -> Instant {
    let _entered = runtime.enter();
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(speed: f64) -> Pace {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().expect("a runtime");
        Pace::new(runtime.handle().clone(), DateTime::UNIX_EPOCH, speed)
    }

    #[test]
    fn a_speed_of_one_rounds_nothing() {
        let pace = at(1.0);
        let odd = Duration::new(86_400 * 365, 123_456_789);
        assert_eq!(pace.passed(odd).to_std(), Ok(odd));
        assert_eq!(pace.takes(odd), Some(odd));
    }

    #[test]
    fn other_speeds_arrive_no_earlier_than_they_say() {
        for speed in [0.001, 0.5, 3.0, 60.0, 1e6] {
            let pace = at(speed);
            for nanos in [1, 999, 1_000_000_007, 86_400_000_000_123] {
                let wanted = Duration::from_nanos(nanos);
                let real = pace.takes(wanted).expect("it ends");
                let reached = pace.passed(real).to_std().expect("forward");
                let short = wanted.saturating_sub(reached);
                assert!(
                    short < Duration::from_micros(1),
                    "{speed}: {wanted:?}, {short:?} short"
                );
            }
        }
    }

    #[test]
    fn what_no_clock_can_say_is_the_end_of_time() {
        assert_eq!(at(1e300).passed(Duration::from_secs(1)), TimeDelta::MAX);
        assert_eq!(at(1e-300).takes(Duration::from_secs(1)), None);
        assert_eq!(at(1e-300).when(DateTime::<Utc>::MAX_UTC), None);
        assert!(at(1.0).when(DateTime::UNIX_EPOCH).is_some());
    }
}
