//! Pipeline schedules in the hands of a test.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::build::put;
use crate::engine::commands::{
    CreateSchedule, DeleteSchedule, FireSchedule, ScheduleRefused, Switch, UpdateSchedule,
};
use crate::engine::pipeline::PipelineKey;
use crate::engine::schedule::{Cronline, Schedule, ScheduleKey, Settings};
use crate::fake::{BuildHandle, Home, PIPELINE_GONE, PipelineHandle, Tie};
use crate::vocabulary::ids::ScheduleId;
use crate::vocabulary::slip::{slip, slip_unless};

/// A schedule to be; see [`PipelineHandle::schedule`].
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").create();
/// let nightly = app
///     .schedule("30 2 * * *")
///     .label("Nightly")
///     .message("Nightly build")
///     .commit("0123abc")
///     .branch("release")
///     .env("DEPLOY_ENV", "staging")
///     .create();
/// let build = nightly.fire_now().unwrap();
/// assert_eq!((build.branch(), build.commit()), ("release".to_owned(), "0123abc".to_owned()));
/// assert_eq!(build.message().as_deref(), Some("Nightly build"));
/// assert_eq!(build.env("DEPLOY_ENV").as_deref(), Some("staging"));
/// ```
///
/// Source: Buildkite docs, "Pipeline schedules API", section "Create a pipeline schedule"; "Scheduled builds".
#[derive(Debug, Clone)]
#[must_use = "the schedule is made by `create`"]
pub struct ScheduleBuilder {
    tie: Tie,
    home: Home,
    pipeline: PipelineKey,
    cronline: String,
    settings: Settings,
    switch: Switch,
}

impl PipelineHandle {
    /// Begins a schedule; `create` makes it. The cron line is one of `@hourly`, `@daily`, `@midnight`, `@weekly`,
    /// `@monthly` and `@yearly`, or five fields (minute, hour, day of month, month, day of week), either with a time
    /// zone behind it if wanted: a name such as `Europe/Berlin` or an offset such as `+09:00`. What Buildkite adds to
    /// that is understood, too.
    ///
    /// A build is made at exactly the instant at which the line is due, for each such instant that the clock passes.
    /// Nothing else moves the clock there: [`run_until_idle`](crate::FakeBuildkite::run_until_idle) and its kin do not
    /// wait for schedules.
    ///
    /// ```
    /// use fake_buildkite::{BuildSource, FakeBuildkite, days};
    ///
    /// let fake = FakeBuildkite::start(); // 2030-01-01, midnight
    /// let app = fake.pipeline("app").create();
    /// let nightly = app.schedule("30 2 * * *").label("Nightly").env("DEPLOY_ENV", "staging").create();
    /// assert_eq!(nightly.next_build_at().unwrap().to_rfc3339(), "2030-01-01T02:30:00+00:00");
    ///
    /// fake.advance(days(31));
    /// assert_eq!(nightly.builds().len(), 31);
    /// assert_eq!(app.build_number(31).created_at().to_rfc3339(), "2030-01-31T02:30:00+00:00");
    /// assert_eq!(app.build_number(31).source(), BuildSource::Schedule);
    /// assert_eq!(app.build_number(31).message().as_deref(), Some("Nightly"));
    /// ```
    ///
    /// Time zones have their daylight saving, as on Buildkite:
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::builder().starting_at("2026-03-28T00:00:00Z").start();
    /// let app = fake.pipeline("app").create();
    /// let morning = app.schedule("0 9 * * * Europe/Berlin").create();
    /// let at = morning.next_slots(3).into_iter().map(|at| at.to_rfc3339());
    /// assert_eq!(at.collect::<Vec<_>>(), [
    ///     "2026-03-28T08:00:00+00:00",
    ///     "2026-03-29T07:00:00+00:00", // clocks were put forward that night
    ///     "2026-03-30T07:00:00+00:00",
    /// ]);
    /// ```
    #[track_caller]
    pub fn schedule(&self, cronline: impl Into<String>) -> ScheduleBuilder {
        let branch = self.read(|_, pipeline| pipeline.settings.default_branch.clone());
        ScheduleBuilder {
            tie: self.tie.clone(),
            home: self.home,
            pipeline: self.key,
            cronline: cronline.into(),
            settings: Settings::for_branch(branch),
            switch: Switch::On,
        }
    }

    /// Every schedule, oldest first, whoever made it.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// // … the program under test runs …
    /// # app.schedule("@daily").create();
    /// let lines: Vec<_> = app.schedules().iter().map(|schedule| schedule.cronline()).collect();
    /// assert_eq!(lines, ["@daily"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn schedules(&self) -> Vec<ScheduleHandle> {
        let keys = self.read(|engine, _| engine.schedules_of(self.key));
        keys.into_iter()
            .map(|key| ScheduleHandle {
                tie: self.tie.clone(),
                home: self.home,
                key,
            })
            .collect()
    }
}

impl ScheduleBuilder {
    /// What people call it, and the message of its builds if it has no other; none unless a test says otherwise.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.settings.label = Some(label.into());
        self
    }

    /// The message of its builds; its label unless a test says otherwise.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.settings.message = Some(message.into());
        self
    }

    /// The commit of its builds; `HEAD` unless a test says otherwise.
    pub fn commit(mut self, commit: impl Into<String>) -> Self {
        self.settings.commit = commit.into();
        self
    }

    /// The branch of its builds; the default branch its pipeline has by now unless a test says otherwise.
    pub fn branch(mut self, branch: impl Into<String>) -> Self {
        self.settings.branch = branch.into();
        self
    }

    /// One more variable of the environment of its builds, or another value for one.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        put(&mut self.settings.env, name.into(), value.into());
        self
    }

    /// It makes no builds until it is enabled.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let nightly = fake.pipeline("app").create().schedule("@daily").commit("HEAD").disabled().create();
    /// fake.advance(fake_buildkite::days(3));
    /// assert!(nightly.builds().is_empty());
    /// nightly.enable();
    /// fake.advance(fake_buildkite::days(3));
    /// assert_eq!(nightly.builds().len(), 3);
    /// ```
    pub fn disabled(mut self) -> Self {
        self.switch = Switch::Off;
        self
    }

    /// Makes the schedule.
    ///
    /// # Panics
    ///
    /// If the cron line is none, or comes due more often than every ten minutes: the message says what is wrong with
    /// it. Also if its branch or commit is blank, or its pipeline was archived or deleted.
    ///
    /// ```should_panic
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// // the cron line `*/5 * * * *` is too frequent: intervals under 10 minutes are not supported
    /// fake.pipeline("app").create().schedule("*/5 * * * *").create();
    /// ```
    #[track_caller]
    pub fn create(self) -> ScheduleHandle {
        let driver = self.tie.driver();
        let slug =
            driver.read(|engine| Some(engine.find_pipeline(self.pipeline)?.slug.to_string()));
        let Some(slug) = slug else {
            slip!("{PIPELINE_GONE}")
        };
        let Settings { branch, commit, .. } = &self.settings;
        slip_unless!(
            !branch.trim().is_empty(),
            "a schedule needs a branch, and `{branch}` is blank"
        );
        slip_unless!(
            !commit.trim().is_empty(),
            "a schedule needs a commit, and `{commit}` is blank"
        );
        let cronline = match Cronline::read(self.cronline.clone()) {
            Ok(cronline) => cronline,
            Err(error) => slip!("the cron line `{}` {error}", self.cronline),
        };
        let created = driver.apply(CreateSchedule {
            pipeline: self.pipeline,
            cronline,
            settings: self.settings,
            switch: self.switch,
            created_by: Some(self.home.user),
        });
        match created {
            Ok(key) => ScheduleHandle {
                tie: self.tie,
                home: self.home,
                key,
            },
            Err(ScheduleRefused) => {
                slip!("pipeline `{slug}` is archived, and so its schedules do not change")
            }
        }
    }
}

/// A schedule of the fake. Cheap to clone; reads live state.
///
/// One that can make no build is disabled, and says why until it is enabled again:
///
/// ```
/// use fake_buildkite::{FakeBuildkite, days};
///
/// let fake = FakeBuildkite::start();
/// let nightly = fake.pipeline("app").create().schedule("@daily").label("Nightly").create();
/// nightly.fail_next("Could not find a matching team");
/// let happened = fake.advance(days(3));
/// assert_eq!(happened.to_string(),
///     "2030-01-02T00:00:00.000Z app schedule Nightly failed: Could not find a matching team\n");
/// assert!(!nightly.is_enabled() && nightly.next_build_at().is_none());
/// assert_eq!(nightly.failed_message().as_deref(), Some("Could not find a matching team"));
///
/// nightly.enable(); // the program under test does this with PUT or PATCH
/// assert_eq!(nightly.failed_message(), None);
/// assert!(fake.advance(days(1)).to_string().contains("app schedule Nightly -> app#1"));
/// assert_eq!((nightly.cronline(), nightly.branch()), ("@daily".to_owned(), "main".to_owned()));
/// assert_eq!((nightly.label().as_deref(), nightly.builds().len()), (Some("Nightly"), 1));
/// ```
///
/// Source: Buildkite docs, "Pipeline schedules API", section "Pipeline schedule data model"; "Scheduled builds".
#[derive(Clone)]
pub struct ScheduleHandle {
    tie: Tie,
    home: Home,
    key: ScheduleKey,
}

impl ScheduleHandle {
    /// Its id.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let daily = fake.pipeline("app").create().schedule("@daily").create();
    /// let url = format!("{}organizations/acme/pipelines/app/schedules/{}", fake.api_url(), daily.id());
    /// let answer = reqwest::blocking::Client::new().delete(url).bearer_auth(fake.token()).send().unwrap();
    /// assert_eq!(answer.status(), 204);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> ScheduleId {
        self.read(|_, schedule| schedule.id)
    }

    /// Its label.
    #[must_use]
    #[track_caller]
    pub fn label(&self) -> Option<String> {
        self.read(|_, schedule| schedule.settings.label.clone())
    }

    /// Its cron line, as it was written.
    #[must_use]
    #[track_caller]
    pub fn cronline(&self) -> String {
        self.read(|_, schedule| schedule.cronline.text().to_owned())
    }

    /// The branch of its builds.
    #[must_use]
    #[track_caller]
    pub fn branch(&self) -> String {
        self.read(|_, schedule| schedule.settings.branch.clone())
    }

    /// Whether it makes builds.
    #[must_use]
    #[track_caller]
    pub fn is_enabled(&self) -> bool {
        self.read(|_, schedule| schedule.is_enabled())
    }

    /// When it makes its next build; none while it is disabled.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, hours};
    ///
    /// let fake = FakeBuildkite::start();
    /// let daily = fake.pipeline("app").create().schedule("0 6 * * *").create();
    /// assert_eq!(daily.next_build_at(), Some(fake.clock().now() + hours(6)));
    /// daily.disable();
    /// assert_eq!(daily.next_build_at(), None);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn next_build_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, schedule| schedule.next_build_at())
    }

    /// The next instants at which its line is due, as many as asked for, whether it is enabled or not. Fewer only where
    /// time ends.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let last_fridays = fake.pipeline("app").create().schedule("0 12 * * 5#-1").create();
    /// let days = last_fridays.next_slots(2).into_iter().map(|at| at.format("%d %B").to_string());
    /// assert_eq!(days.collect::<Vec<_>>(), ["25 January", "22 February"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn next_slots(&self, count: usize) -> Vec<DateTime<Utc>> {
        self.read(|engine, schedule| {
            let after = |at: &DateTime<Utc>| schedule.cronline.next_after(*at);
            let slots = std::iter::successors(after(&engine.now()), after);
            slots.take(count).collect()
        })
    }

    /// The builds it made, oldest first.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, days};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let daily = app.schedule("@daily").create();
    /// app.create_build(); // not its
    /// fake.advance(days(2));
    /// let numbers: Vec<_> = daily.builds().iter().map(|build| build.number()).collect();
    /// assert_eq!(numbers, [2, 3]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn builds(&self) -> Vec<BuildHandle> {
        let keys: Vec<_> = self.read(|_, schedule| schedule.builds.iter().copied().collect());
        keys.into_iter()
            .map(|key| BuildHandle::new(self.tie.clone(), self.home, key))
            .collect()
    }

    /// Makes a build now, at the instant the clock shows, whether it is enabled or not. When its next one is due does
    /// not change. `None` if no build could be made: then it is disabled, and [`failed_message`](Self::failed_message)
    /// says why.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let yearly = fake.pipeline("app").create().schedule("@yearly").message("Happy new year").create();
    /// let build = yearly.fire_now().unwrap();
    /// assert_eq!(build.message().as_deref(), Some("Happy new year"));
    /// ```
    #[track_caller]
    pub fn fire_now(&self) -> Option<BuildHandle> {
        self.read(|_, _| ());
        let schedule = self.key;
        let Ok(made) = self.tie.driver().apply(FireSchedule { schedule });
        made.ok()
            .map(|key| BuildHandle::new(self.tie.clone(), self.home, key))
    }

    /// The next time it is to make a build, it makes none and says this. The last of several counts.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, days};
    ///
    /// let fake = FakeBuildkite::start();
    /// let daily = fake.pipeline("app").create().schedule("@daily").create();
    /// daily.fail_next("Could not find a matching team");
    /// fake.advance(days(1));
    /// assert!(daily.builds().is_empty() && !daily.is_enabled());
    /// ```
    #[track_caller]
    pub fn fail_next(&self, message: impl Into<Arc<str>>) {
        self.read(|_, _| ());
        let message = message.into();
        self.tie
            .driver()
            .set(|engine| engine.order_failure(self.key, message));
    }

    /// Enables it, and forgets why it failed. Nothing happens if it is enabled.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, days};
    ///
    /// let fake = FakeBuildkite::start();
    /// let daily = fake.pipeline("app").create().schedule("@daily").disabled().create();
    /// daily.enable();
    /// fake.advance(days(1));
    /// assert_eq!(daily.builds().len(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If its pipeline is archived.
    #[track_caller]
    pub fn enable(&self) {
        self.switch(Switch::On);
    }

    /// Disables it. Nothing happens if it is disabled.
    ///
    /// # Panics
    ///
    /// If its pipeline is archived.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, days};
    ///
    /// let fake = FakeBuildkite::start();
    /// let daily = fake.pipeline("app").create().schedule("@daily").create();
    /// daily.disable();
    /// assert!(fake.advance(days(7)).is_empty());
    /// daily.enable();
    /// assert_eq!(daily.next_build_at().unwrap().to_rfc3339(), "2030-01-09T00:00:00+00:00");
    /// ```
    #[track_caller]
    pub fn disable(&self) {
        self.switch(Switch::Off);
    }

    /// Deletes it. The builds it made stay; this handle leads nowhere then.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// app.schedule("@daily").create().delete();
    /// assert!(app.schedules().is_empty());
    /// ```
    #[track_caller]
    pub fn delete(&self) {
        self.read(|_, _| ());
        let schedule = self.key;
        let Ok(()) = self.tie.driver().apply(DeleteSchedule { schedule });
    }

    /// Why its latest attempt made no build, if it did not.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, days};
    ///
    /// let fake = FakeBuildkite::start();
    /// let daily = fake.pipeline("app").create().schedule("@daily").create();
    /// daily.fail_next("Could not find a matching team");
    /// fake.advance(days(1));
    /// assert_eq!(daily.failed_message().as_deref(), Some("Could not find a matching team"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn failed_message(&self) -> Option<String> {
        self.read(|_, schedule| Some(schedule.failure()?.0.to_owned()))
    }

    /// When its latest attempt made no build, if it did not.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, days};
    ///
    /// let fake = FakeBuildkite::start();
    /// let daily = fake.pipeline("app").create().schedule("@daily").create();
    /// assert_eq!(daily.failed_at(), None);
    /// daily.fail_next("Could not find a matching team");
    /// fake.advance(days(1));
    /// assert_eq!(daily.failed_at(), Some(fake.clock().now()));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn failed_at(&self) -> Option<DateTime<Utc>> {
        self.read(|_, schedule| Some(schedule.failure()?.1))
    }

    #[track_caller]
    fn switch(&self, switch: Switch) {
        let (name, settings) = self.read(|engine, schedule| {
            let name = engine.schedule_ref(self.key).to_string();
            (name, schedule.settings.clone())
        });
        let changed = self.tie.driver().apply(UpdateSchedule {
            schedule: self.key,
            cronline: None,
            settings,
            switch: Some(switch),
        });
        if let Err(ScheduleRefused) = changed {
            slip!("{name} does not change: its pipeline is archived")
        }
    }

    #[track_caller]
    fn read<T>(&self, look: impl FnOnce(&Engine, &Schedule) -> T) -> T {
        let found = self
            .tie
            .driver()
            .read(|engine| Some(look(engine, engine.find_schedule(self.key)?)));
        match found {
            Some(found) => found,
            None => slip!(
                "this schedule is gone: it, or its pipeline, was deleted, or the fake went back to before it was made"
            ),
        }
    }
}

/// `ScheduleHandle(app schedule Nightly)`.
impl fmt::Debug for ScheduleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.tie.alive().and_then(|driver| {
            driver.read(|engine| {
                engine.find_schedule(self.key)?;
                Some(engine.schedule_ref(self.key).to_string())
            })
        });
        write!(f, "ScheduleHandle({})", name.as_deref().unwrap_or("gone"))
    }
}
