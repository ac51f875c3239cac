//! Going back, and going on twice: the world of a fake at an instant, as a value.
//!
//! Elsewhere: why it costs nothing (`engine`, whose tables are persistent).

use std::fmt;
use std::sync::Arc;

use crate::driver::World;
use crate::fake::{FakeBuildkite, host};
use crate::http::server::FREE_PORT;
use crate::vocabulary::slip::{slip_unless, wording};
use crate::vocabulary::span::instant;
use crate::wire::build::reported_state;

/// How many builds a snapshot names.
const NAMED: usize = 10;

/// Everything that is true in a fake at an instant: builds, jobs and pipelines, the clock, scripts and how far they
/// got, the record of what happened. Made by [`FakeBuildkite::snapshot`]; cheap to make and to clone, whatever the
/// size.
///
/// `Display` gives a line that can stand in a failing test:
///
/// ```
/// let fake = fake_buildkite::FakeBuildkite::start();
/// fake.pipeline("app").create_build();
/// let text = fake.snapshot().to_string();
/// assert_eq!(text, "2030-01-01T00:00:00.000Z: 1 build (app#1 scheduled), 3 events, 0 requests");
/// ```
#[derive(Clone)]
pub struct Snapshot {
    world: Arc<World>,
    family: Family,
}

#[cfg(any(test, fuzzing))]
impl Snapshot {
    pub(crate) fn world(&self) -> &World {
        &self.world
    }
}

/// A fake and its forks: between these, snapshots can be exchanged.
#[derive(Debug, Clone, Default)]
pub(super) struct Family(Arc<()>);

impl FakeBuildkite {
    /// The world as it is now, to come back to with [`rewind`](Self::rewind). Costs nothing but the changes that
    /// follow.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let begun = fake.snapshot();
    /// for (exit_status, ending) in [(0, BuildState::Passed), (1, BuildState::Failed)] {
    ///     build.job("test").start();
    ///     build.job("test").finish(exit_status);
    ///     assert_eq!(build.state(), ending);
    ///     fake.rewind(&begun);
    /// }
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            world: Arc::new(self.driver.snapshot()),
            family: self.family.clone(),
        }
    }

    /// Goes back to a snapshot of this fake, or of one it was forked from or into: everything is as it was then, the
    /// clock and the record of what happened included, and from there the same calls give the same bytes again.
    /// Connections stay open. Handles on what was made later are handles on nothing, until something is made in its
    /// place. A client that kept an `ETag` from the future that is no more gets the body anew.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, hours};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let before = fake.snapshot();
    /// let first = app.create_build().id();
    /// fake.advance(hours(1));
    /// fake.rewind(&before);
    /// assert_eq!(fake.clock().now().to_rfc3339(), "2030-01-01T00:00:00+00:00");
    /// assert!(app.builds().is_empty());
    /// assert_eq!(app.create_build().id(), first, "the same again");
    /// ```
    ///
    /// # Panics
    ///
    /// If the snapshot is of another fake, or the clock is one that moves by itself and so never back.
    #[track_caller]
    pub fn rewind(&self, to: &Snapshot) {
        let mode = self.driver.mode();
        slip_unless!(
            host::mover(mode).is_none(),
            "a clock that is {} moves by itself and never back: {}",
            mode.worded(),
            wording(
                "take another fake from here with `fork()` before what should be undone",
                "start another fake from here, with the lever `forks`, before what should be undone"
            )
        );
        slip_unless!(
            self.family.is(&to.family),
            "this snapshot is of another fake: rewind the one it was made of, or a fork of that one"
        );
        self.driver.rewind((*to.world).clone());
        self.driver.start_posting();
    }

    /// Starts another fake, on a port of its own, that goes on from here: ten endings from one expensive beginning.
    /// What happens in one does not touch the other.
    ///
    /// A fault, a script that must run, or a request for what nobody serves, that was open before the fork fails the
    /// test here and not in the fork, unless it is asked to [`verify`](Self::verify).
    ///
    /// Tokens, ids and URLs' paths are the same in both; only the origin differs. A handle belongs to the fake it was
    /// made with: in the fork, look things up again.
    ///
    /// ```
    /// use fake_buildkite::{BuildState, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let other = fake.fork();
    /// other.existing_pipeline("app").latest_build().job("test").fail(1);
    /// fake.run_until_idle();
    /// assert_eq!(build.state(), BuildState::Passed);
    /// assert_eq!(other.existing_pipeline("app").latest_build().state(), BuildState::Failed);
    /// ```
    ///
    /// # Panics
    ///
    /// If the system has no port, descriptor or thread left.
    #[must_use]
    #[track_caller]
    pub fn fork(&self) -> Self {
        let driver = Arc::new(self.driver.fork(self.driver.snapshot()));
        let fork = Self::serve(
            driver,
            self.host,
            FREE_PORT,
            self.limits.clone(),
            self.home,
            self.token.clone(),
            self.family.clone(),
        );
        fork.driver.pick_up_the_thread();
        // What was ordered before is for the fake in which it was to say.
        *fork.told.lock() = fork.problems();
        fork
    }
}

impl Family {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let World {
            engine, journal, ..
        } = &*self.world;
        let mut builds: Vec<String> = Vec::new();
        let mut count = 0_usize;
        for key in engine.builds() {
            count += 1;
            if builds.len() < NAMED {
                let state = reported_state(engine.build(key).state, engine.blocked_state_of(key));
                builds.push(format!("{} {state}", engine.build_ref(key)));
            }
        }
        if count > NAMED {
            builds.push("…".to_owned());
        }
        let several = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        write!(f, "{}: {}", instant(engine.now()), several(count, "build"))?;
        if !builds.is_empty() {
            write!(f, " ({})", builds.join(", "))?;
        }
        let (requests, events) = journal.lengths();
        write!(
            f,
            ", {}, {}",
            several(events, "event"),
            several(requests, "request")
        )
    }
}

/// As `Display`: a whole world is too large for a log.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({self})")
    }
}
