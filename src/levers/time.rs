//! The clock, and worlds to go back to.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use crate::http::reply::Reply;
use crate::levers::given::{Span, instant};
use crate::levers::shown::{About, clock, moved};
use crate::levers::{Outcome, Pull, done, shown};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    by: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    #[serde(deserialize_with = "instant")]
    instant: DateTime<Utc>,
}

impl Pull<'_> {
    pub(super) fn show_clock(&self) -> Reply {
        shown(200, &clock(&self.fake))
    }

    pub(super) fn advance(&self) -> Outcome {
        let by: By = self.body()?;
        let happened = self.fake.advance(by.by.0);
        Ok(shown(200, &moved(&self.fake, happened.iter())))
    }

    pub(super) fn advance_to(&self) -> Outcome {
        let to: To = self.body()?;
        let happened = self.fake.advance_to(to.instant);
        Ok(shown(200, &moved(&self.fake, happened.iter())))
    }

    pub(super) fn step(&self) -> Outcome {
        self.nothing()?;
        let happened = self.fake.step();
        Ok(shown(200, &moved(&self.fake, happened.iter())))
    }

    pub(super) fn run_until_idle(&self) -> Outcome {
        self.nothing()?;
        let idle = self.fake.run_until_idle();
        let mut body = moved(&self.fake, idle.events.iter());
        let waiting = idle.waiting_on.iter().map(ToString::to_string);
        body["waiting_on"] = waiting.collect::<Vec<_>>().into();
        Ok(shown(200, &body))
    }

    pub(super) fn take_snapshot(&self) -> Outcome {
        self.nothing()?;
        let mut kept = self.room.kept.lock();
        let (number, snapshot) = kept.snapshots.add(|| Ok(self.fake.snapshot()))?;
        let text = snapshot.to_string();
        Ok(shown(201, &json!({ "number": number, "text": text })))
    }

    pub(super) fn rewind(&self) -> Outcome {
        self.nothing()?;
        let kept = self.room.kept.lock();
        self.fake.rewind(kept.snapshots.get(self.parts[0])?.1);
        Ok(self.show_clock())
    }

    pub(super) fn forget_snapshot(&self) -> Outcome {
        self.room.kept.lock().snapshots.take(self.parts[0])?;
        Ok(done())
    }

    /// What levers made is forgotten, too: gates open, and forks end.
    pub(super) fn reset(&self) -> Outcome {
        self.nothing()?;
        self.fake.rewind(&self.room.beginning);
        self.fake.forget_unserved();
        let made = std::mem::take(&mut *self.room.kept.lock());
        drop(made);
        Ok(self.show_clock())
    }

    pub(super) fn fork(&self) -> Outcome {
        self.nothing()?;
        let mut kept = self.room.kept.lock();
        let (number, Forked(fork)) = kept.forks.add(|| {
            let fork = Arc::new(self.fake.fork());
            fork.serve_levers();
            Ok(Forked(fork))
        })?;
        let mut about = serde_json::to_value(About::new(fork)).expect("it is made of texts");
        about["number"] = number.into();
        Ok(shown(201, &about))
    }

    pub(super) fn close_fork(&self) -> Outcome {
        // Not under the lock: the end of a server takes its time.
        let taken = self.room.kept.lock().forks.take(self.parts[0])?;
        drop(taken);
        Ok(done())
    }
}

/// A fork that levers made. What was wrong in it is for whoever asks it; when it ends, nobody would hear the panic.
pub(super) struct Forked(Arc<crate::fake::FakeBuildkite>);

impl Drop for Forked {
    fn drop(&mut self) {
        // Told once, it is not said again at the end.
        let _ = self.0.verify();
    }
}
