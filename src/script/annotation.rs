//! An annotation, as a test or a request describes it.

use std::sync::Arc;

use crate::vocabulary::slip::slip_unless;
use crate::vocabulary::states::{AnnotationScope, AnnotationStyle};

/// The context of an annotation that names none.
/// Source: Buildkite docs, "buildkite-agent annotate".
const DEFAULT_CONTEXT: &str = "default";

/// What is to be annotated: Markdown, and how `buildkite-agent annotate` is called.
///
/// A build has one annotation for each context, and so has each job: another one replaces it, unless it is
/// [`append`](Self::append)ed. What it does not say, the one before it keeps; with an empty body it changes the style
/// alone.
///
/// ```
/// use fake_buildkite::{Annotation, AnnotationStyle, FakeBuildkite};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
/// app.on_job("test")
///     .annotates(Annotation::new("**1** test failed").context("tests").style(AnnotationStyle::Error))
///     .exits(1);
/// let build = app.create_build();
/// fake.run_until_idle();
/// let annotation = &build.annotations()[0];
/// assert_eq!((annotation.context.as_str(), annotation.style), ("tests", Some(AnnotationStyle::Error)));
/// assert_eq!(annotation.body, "**1** test failed");
/// ```
///
/// Source: Buildkite docs, "buildkite-agent annotate".
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a job or a build is annotated with it"]
pub struct Annotation {
    pub(crate) body: Arc<str>,
    pub(crate) context: Arc<str>,
    pub(crate) style: Option<AnnotationStyle>,
    pub(crate) priority: Option<u8>,
    pub(crate) scope: AnnotationScope,
    pub(crate) appends: bool,
}

impl Annotation {
    /// A body of Markdown. Its context is `default`, its priority 3, it has no style, and it is about the build.
    pub fn new(body: impl Into<String>) -> Self {
        Self {
            body: body.into().into(),
            context: DEFAULT_CONTEXT.into(),
            style: None,
            priority: None,
            scope: AnnotationScope::Build,
            appends: false,
        }
    }

    /// What tells it from the others of the same build or job; `default` if it is blank.
    pub fn context(mut self, context: impl Into<String>) -> Self {
        let context = context.into();
        self.context = match context.trim() {
            "" => DEFAULT_CONTEXT.into(),
            _ => context.into(),
        };
        self
    }

    /// How it looks.
    pub fn style(mut self, style: AnnotationStyle) -> Self {
        self.style = Some(style);
        self
    }

    /// How far up it stands, from 1 to 10; 3 unless a test says otherwise.
    ///
    /// ```
    /// use fake_buildkite::{Annotation, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// let annotation = build.annotate(Annotation::new("Do not deploy").priority(10));
    /// assert_eq!(annotation.priority, 10);
    /// ```
    ///
    /// # Panics
    ///
    /// If it is not between 1 and 10.
    #[track_caller]
    pub fn priority(mut self, priority: u8) -> Self {
        slip_unless!(
            (1..=10).contains(&priority),
            "the priority of an annotation is between 1 and 10, and not {priority}"
        );
        self.priority = Some(priority);
        self
    }

    /// What it is about, as with `--scope`: the build, unless a test says that it is the job that makes it.
    ///
    /// ```
    /// use fake_buildkite::{Annotation, AnnotationScope, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// build.job("test").start();
    /// let annotation = build.job("test").annotate(Annotation::new("flaky").scope(AnnotationScope::Job));
    /// assert_eq!(annotation.job_id, Some(build.job("test").id()));
    /// ```
    pub fn scope(mut self, scope: AnnotationScope) -> Self {
        self.scope = scope;
        self
    }

    /// As with `--append`: an annotation with this context stays, and this body is added to it on a new line.
    ///
    /// ```
    /// use fake_buildkite::{Annotation, FakeBuildkite};
    ///
    /// let fake = FakeBuildkite::start();
    /// let build = fake.pipeline("app").create_build();
    /// build.annotate("- linux passed");
    /// build.annotate(Annotation::new("- macos passed").append());
    /// assert_eq!(build.annotations()[0].body, "- linux passed\n- macos passed");
    /// ```
    pub fn append(mut self) -> Self {
        self.appends = true;
        self
    }
}

impl From<&str> for Annotation {
    fn from(body: &str) -> Self {
        Self::new(body)
    }
}

impl From<String> for Annotation {
    fn from(body: String) -> Self {
        Self::new(body)
    }
}
