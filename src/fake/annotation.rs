//! Annotations in the hands of a test: making them, by script and by hand, and reading them.

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::annotation::{AnnotationKey, MOST_BODY, Subject};
use crate::engine::commands::{Annotate, BodyTooLong};
use crate::fake::{BuildHandle, JobHandle, JobScript, NotAtWork, Tie};
use crate::script::{Act, Annotation, When};
use crate::vocabulary::ids::{AnnotationId, JobId};
use crate::vocabulary::slip::{slip, slip_unless};
use crate::vocabulary::states::{AnnotationScope, AnnotationStyle};

/// An annotation, as it was when a test asked.
///
/// ```
/// let fake = fake_buildkite::FakeBuildkite::start();
/// let build = fake.pipeline("app").create_build();
/// let annotation = build.annotate("Deployed to **staging**");
/// assert_eq!((annotation.context.as_str(), annotation.priority), ("default", 3));
/// assert_eq!(build.annotations(), [annotation]);
/// ```
///
/// Source: Buildkite docs, "Annotations API", section "Annotation data model".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnnotationRecord {
    /// Its id. One that is replaced or added to keeps it.
    pub id: AnnotationId,
    /// The job it is about; none if it is about the build.
    pub job_id: Option<JobId>,
    /// What tells it from the others of the same build or job.
    pub context: String,
    /// How it looks, if somebody said so.
    pub style: Option<AnnotationStyle>,
    /// How far up it stands, from 1 to 10.
    pub priority: u8,
    /// What it says, in Markdown.
    pub body: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last replaced or added to.
    pub updated_at: DateTime<Utc>,
}

impl AnnotationRecord {
    fn of(engine: &Engine, key: AnnotationKey) -> Self {
        let annotation = engine.annotation(key);
        Self {
            id: annotation.id,
            job_id: annotation.job.map(|job| engine.job(job).id),
            context: annotation.context.to_string(),
            style: annotation.style,
            priority: annotation.priority,
            body: annotation.body.to_string(),
            created_at: annotation.created_at,
            updated_at: annotation.updated_at,
        }
    }
}

impl JobScript {
    /// The command annotates its build, as the last thing before it ends; or itself, with
    /// [`AnnotationScope::Job`].
    ///
    /// Appending may make a body longer than the 1 MiB it can have: it stays as it is then.
    ///
    /// ```
    /// use fake_buildkite::{Annotation, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test")
    ///     .annotates(Annotation::new("- linux passed").context("tests"))
    ///     .annotates(Annotation::new("- macos passed").context("tests").append());
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.annotations()[0].body, "- linux passed\n- macos passed");
    /// ```
    ///
    /// # Panics
    ///
    /// If the body is longer than 1 MiB.
    #[track_caller]
    pub fn annotates(self, annotation: impl Into<Annotation>) -> Self {
        let annotation = annotation.into();
        slip_unless!(annotation.body.len() <= MOST_BODY, "{TOO_LONG}");
        let act = Act::Annotate(annotation);
        self.set(|attempt| attempt.acts.push((When::AtTheEnd, act)))
    }
}

impl JobHandle {
    /// The job annotates its build, as `buildkite-agent annotate` does in a command that runs; or itself, with
    /// [`AnnotationScope::Job`].
    ///
    /// ```
    /// use fake_buildkite::{Annotation, AnnotationScope, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let job = build.job("test");
    /// job.start();
    /// job.annotate("3 tests failed");
    /// job.annotate(Annotation::new("flaky").scope(AnnotationScope::Job));
    /// assert_eq!(build.annotations()[0].body, "3 tests failed");
    /// assert_eq!(job.annotations()[0].body, "flaky");
    /// ```
    ///
    /// # Panics
    ///
    /// If no agent works on the job, or the body would be longer than 1 MiB.
    #[track_caller]
    pub fn annotate(&self, annotation: impl Into<Annotation>) -> AnnotationRecord {
        match self.try_annotate(annotation) {
            Ok(annotation) => annotation,
            Err(error) => slip!("{error}"),
        }
    }

    /// As [`annotate`](Self::annotate), for a test that wants to see it refused.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// assert!(build.job("test").try_annotate("3 tests failed").is_err(), "it does not run yet");
    /// build.job("test").start();
    /// assert_eq!(build.job("test").try_annotate("3 tests failed").unwrap().body, "3 tests failed");
    /// ```
    ///
    /// # Errors
    ///
    /// If no agent works on the job. Nothing has changed then.
    ///
    /// # Panics
    ///
    /// If the body would be longer than 1 MiB.
    #[track_caller]
    pub fn try_annotate(
        &self,
        annotation: impl Into<Annotation>,
    ) -> Result<AnnotationRecord, NotAtWork> {
        let annotation = annotation.into();
        let (build, at_work) = self.read(|engine, job| (job.build, engine.check_at_work(self.key)));
        if at_work.is_err() {
            return Err(self.not_at_work("annotate anything"));
        }
        let subject = match annotation.scope {
            AnnotationScope::Build => Subject::Build(build),
            AnnotationScope::Job => Subject::Job(self.key),
        };
        Ok(apply(&self.tie, subject, annotation))
    }

    /// The annotations about it, oldest first: those of [`AnnotationScope::Job`]. What it said of its build is among
    /// [`BuildHandle::annotations`].
    ///
    /// ```
    /// use fake_buildkite::{Annotation, AnnotationScope, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").annotates(Annotation::new("flaky").scope(AnnotationScope::Job)).annotates("1 test failed");
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// let said: Vec<_> = build.job("test").annotations().into_iter().map(|one| one.body).collect();
    /// assert_eq!(said, ["flaky"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn annotations(&self) -> Vec<AnnotationRecord> {
        self.read(|engine, _| about(engine, Subject::Job(self.key)))
    }
}

impl BuildHandle {
    /// Somebody annotates the build, as through the API.
    ///
    /// ```
    /// use fake_buildkite::{Annotation, AnnotationStyle, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// build.annotate(Annotation::new("Rolled back").context("deploy").style(AnnotationStyle::Warning));
    /// assert_eq!(build.annotations()[0].context, "deploy");
    /// ```
    ///
    /// # Panics
    ///
    /// If the annotation says that it is about a job, or its body would be longer than 1 MiB.
    #[track_caller]
    pub fn annotate(&self, annotation: impl Into<Annotation>) -> AnnotationRecord {
        let annotation = annotation.into();
        slip_unless!(
            annotation.scope == AnnotationScope::Build,
            "a build has no annotations about a job: use `job(..).annotate(..)`"
        );
        self.read(|_, _| ());
        apply(&self.tie, Subject::Build(self.key), annotation)
    }

    /// The annotations about it, oldest first. Those about its jobs are among [`JobHandle::annotations`].
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// app.on_job("test").annotates("1 test failed");
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// let said: Vec<_> = build.annotations().into_iter().map(|one| one.body).collect();
    /// assert_eq!(said, ["1 test failed"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn annotations(&self) -> Vec<AnnotationRecord> {
        self.read(|engine, _| about(engine, Subject::Build(self.key)))
    }
}

const TOO_LONG: &str = "the body of an annotation is at most 1 MiB long";

#[track_caller]
fn apply(tie: &Tie, subject: Subject, annotation: Annotation) -> AnnotationRecord {
    let driver = tie.driver();
    let made = driver.apply(Annotate {
        subject,
        annotation,
    });
    match made {
        Ok(key) => driver.read(|engine| AnnotationRecord::of(engine, key)),
        Err(BodyTooLong) => slip!("{TOO_LONG}"),
    }
}

fn about(engine: &Engine, subject: Subject) -> Vec<AnnotationRecord> {
    let all = engine.annotations_about(subject);
    all.map(|(key, _)| AnnotationRecord::of(engine, key))
        .collect()
}
