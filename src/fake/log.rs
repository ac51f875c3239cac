//! What jobs print, in the hands of a test.
//!
//! Elsewhere: what scripts print (`script`), what the API shows of it (`http::rest`).

use crate::engine::commands::{NotRunning, WriteLog};
use crate::fake::JobHandle;
use crate::vocabulary::slip::slip;

impl JobHandle {
    /// Its log by now, as it was printed.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, seconds};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").takes(seconds(10)).logs("one\ntwo\n");
    /// let build = app.create_build();
    /// fake.advance(seconds(2));
    /// assert_eq!(build.job("test").log(), "one\n");
    /// fake.run_until_idle();
    /// assert_eq!(build.job("test").log(), "one\ntwo\n");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn log(&self) -> String {
        self.read(|engine, _| engine.log_of(self.key).text())
    }

    /// Its log by now, as an agent sends it and the API shows it: each line begins with the time stamp of its instant,
    /// in milliseconds, and ends in `\r\n`. The same as [`log`](Self::log) with
    /// [`plain_logs`](crate::FakeBuildkiteBuilder::plain_logs).
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").logs("compiling\n");
    /// let build = app.create_build();
    /// fake.run_until_idle(); // started after a second
    /// assert_eq!(build.job("test").log(), "compiling\n");
    /// assert_eq!(build.job("test").raw_log(), "\x1b_bk;t=1893456001000\x07compiling\r\n");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn raw_log(&self) -> String {
        self.read(|engine, _| engine.log_of(self.key).raw().to_string())
    }

    /// The command prints this now, behind what it printed before and before what its script has still to print.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// build.job("test").write_log("compiling\n");
    /// build.job("test").write_log("3 tests failed\n");
    /// build.job("test").finish(1);
    /// assert_eq!(build.job("test").log(), "compiling\n3 tests failed\n");
    /// ```
    ///
    /// # Panics
    ///
    /// If no command runs, or its agent is not heard of. A log that stands there from somewhere else is told with
    /// [`append_log`](Self::append_log).
    #[track_caller]
    pub fn write_log(&self, text: &str) {
        self.read(|_, _| ());
        let written = self.tie.driver().apply(WriteLog {
            job: self.key,
            text,
        });
        if written == Err(NotRunning) {
            let history: Vec<_> = self.history().iter().map(ToString::to_string).collect();
            let is_silent = self.read(|engine, _| engine.is_silent(self.key));
            slip!(
                "{} cannot write to its log: it is {}{}\n  history: {}",
                self.full_name(),
                self.state(),
                if is_silent {
                    ", and its agent is silent"
                } else {
                    ""
                },
                history.join(", ")
            );
        }
    }

    /// Adds to the job's log, as it stands now and whatever state the job is in.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// fake.run_until_idle();
    /// build.job("test").append_log("all is well\n");
    /// assert_eq!(build.job("test").log(), "all is well\n");
    /// ```
    #[track_caller]
    pub fn append_log(&self, text: &str) {
        self.read(|_, _| ());
        self.tie
            .driver()
            .set(|engine| engine.append_log(self.key, text));
    }
}
