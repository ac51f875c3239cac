//! Something that happened, mostly one transition of one build or job, with the instant it happened at.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::vocabulary::ids::{AgentId, BuildId, JobId, QueueId, ScheduleId, WebhookId};
use crate::vocabulary::span::instant;
use crate::vocabulary::states::{AgentState, BuildState, JobState};
use crate::vocabulary::webhook::WebhookEvent;

/// Something that happened in the fake, at one instant of its clock.
///
/// `advance` and its kin return these, and [`FakeBuildkite::events`](crate::FakeBuildkite::events) keeps the last of
/// them. `Display` gives one line; the same calls give the same lines in every run.
///
/// ```
/// use fake_buildkite::{FakeBuildkite, seconds};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
/// app.build().create();
/// let happened = fake.advance(seconds(1));
/// assert_eq!(happened.last().unwrap().to_string(), "2030-01-01T00:00:01.000Z app#1 scheduled -> running");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The instant of the fake's clock.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// The build it happened to, or in; none if a schedule made none, a webhook was told of something else, or it
    /// happened to an agent or a request.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// let app = fake.pipeline("app").create();
    /// let (first, second) = (app.create_build(), app.create_build());
    /// let idle = fake.run_until_idle();
    /// let of_second = idle.events.iter().filter(|event| event.build().unwrap().number == second.number());
    /// assert_eq!(of_second.count(), idle.events.len() / 2);
    /// ```
    #[must_use]
    pub fn build(&self) -> Option<&BuildRef> {
        match &self.kind {
            EventKind::Build { build, .. }
            | EventKind::Notification { build, .. }
            | EventKind::Annotated { build, .. }
            | EventKind::ScheduleFired { build, .. } => Some(build),
            EventKind::Job { job, .. }
            | EventKind::PipelineUploaded { job, .. }
            | EventKind::PromisedFailure { job, .. }
            | EventKind::ArtifactUploaded { job, .. } => Some(&job.build),
            EventKind::WebhookDelivered { build, .. } | EventKind::WebhookFailed { build, .. } => {
                build.as_ref()
            }
            EventKind::ScheduleFailed { .. }
            | EventKind::QueuePaused { .. }
            | EventKind::QueueResumed { .. }
            | EventKind::Agent { .. }
            | EventKind::AgentPaused { .. }
            | EventKind::AgentResumed { .. }
            | EventKind::Fault { .. } => None,
        }
    }

    /// The job it happened to; none if it happened to something else.
    ///
    /// ```
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
    /// let idle = fake.run_until_idle();
    /// let of_jobs: Vec<_> = idle.events.iter().filter_map(|event| event.job()).collect();
    /// assert!(of_jobs.iter().all(|job| &*job.name == "test"));
    /// assert!(of_jobs.len() < idle.events.len(), "the others are the build's");
    /// ```
    #[must_use]
    pub fn job(&self) -> Option<&JobRef> {
        match &self.kind {
            EventKind::Build { .. }
            | EventKind::Notification { .. }
            | EventKind::ScheduleFired { .. }
            | EventKind::ScheduleFailed { .. }
            | EventKind::QueuePaused { .. }
            | EventKind::QueueResumed { .. }
            | EventKind::Agent { .. }
            | EventKind::AgentPaused { .. }
            | EventKind::AgentResumed { .. }
            | EventKind::Fault { .. } => None,
            EventKind::Job { job, .. }
            | EventKind::PipelineUploaded { job, .. }
            | EventKind::PromisedFailure { job, .. }
            | EventKind::ArtifactUploaded { job, .. } => Some(job),
            EventKind::Annotated { job, .. }
            | EventKind::WebhookDelivered { job, .. }
            | EventKind::WebhookFailed { job, .. } => job.as_ref(),
        }
    }

    /// The schedule it happened to; none if it happened to something else.
    ///
    /// ```
    /// use fake_buildkite::{FakeBuildkite, days};
    ///
    /// let fake = FakeBuildkite::start();
    /// fake.pipeline("app").create().schedule("@daily").label("Nightly").create();
    /// let happened = fake.advance(days(1));
    /// assert_eq!(&*happened[0].schedule().unwrap().name, "Nightly");
    /// assert!(happened[1].schedule().is_none(), "the build that it made was created");
    /// ```
    #[must_use]
    pub fn schedule(&self) -> Option<&ScheduleRef> {
        match &self.kind {
            EventKind::ScheduleFired { schedule, .. }
            | EventKind::ScheduleFailed { schedule, .. } => Some(schedule),
            EventKind::Build { .. }
            | EventKind::Job { .. }
            | EventKind::PipelineUploaded { .. }
            | EventKind::PromisedFailure { .. }
            | EventKind::Notification { .. }
            | EventKind::ArtifactUploaded { .. }
            | EventKind::Annotated { .. }
            | EventKind::WebhookDelivered { .. }
            | EventKind::WebhookFailed { .. }
            | EventKind::QueuePaused { .. }
            | EventKind::QueueResumed { .. }
            | EventKind::Agent { .. }
            | EventKind::AgentPaused { .. }
            | EventKind::AgentResumed { .. }
            | EventKind::Fault { .. } => None,
        }
    }

    /// The agent it happened to; none if it happened to something else.
    ///
    /// ```
    /// use fake_buildkite::{Agents, FakeBuildkite, agent};
    ///
    /// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
    /// fake.agent("worker").disconnect();
    /// assert_eq!(&*fake.events().last().unwrap().agent().unwrap().name, "worker");
    /// ```
    #[must_use]
    pub fn agent(&self) -> Option<&AgentRef> {
        match &self.kind {
            EventKind::Agent { agent, .. }
            | EventKind::AgentPaused { agent }
            | EventKind::AgentResumed { agent } => Some(agent),
            EventKind::Build { .. }
            | EventKind::Job { .. }
            | EventKind::PipelineUploaded { .. }
            | EventKind::PromisedFailure { .. }
            | EventKind::Notification { .. }
            | EventKind::ArtifactUploaded { .. }
            | EventKind::Annotated { .. }
            | EventKind::ScheduleFired { .. }
            | EventKind::ScheduleFailed { .. }
            | EventKind::QueuePaused { .. }
            | EventKind::QueueResumed { .. }
            | EventKind::WebhookDelivered { .. }
            | EventKind::WebhookFailed { .. }
            | EventKind::Fault { .. } => None,
        }
    }
}

/// What happened.
///
/// ```
/// use fake_buildkite::{EventKind, FakeBuildkite, JobState};
///
/// let fake = FakeBuildkite::start();
/// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
/// app.on_job("test").exits(1);
/// app.create_build();
/// let idle = fake.run_until_idle();
/// let failed = |kind: &EventKind| matches!(kind, EventKind::Job { to: JobState::Failed, .. });
/// assert_eq!(idle.events.iter().filter(|event| failed(&event.kind)).count(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A build entered a state. `from` is `None` when it was just created.
    Build {
        /// Which build.
        build: BuildRef,
        /// The state it left.
        from: Option<BuildState>,
        /// The state it entered.
        to: BuildState,
    },
    /// A job entered a state. `from` is `None` when it was just created.
    Job {
        /// Which job.
        job: JobRef,
        /// The state it left.
        from: Option<JobState>,
        /// The state it entered.
        to: JobState,
    },
    /// A job uploaded steps into its build.
    PipelineUploaded {
        /// Which job.
        job: JobRef,
        /// How many steps, those inside groups counted one by one.
        steps: usize,
    },
    /// A running job declared that it will fail.
    PromisedFailure {
        /// Which job.
        job: JobRef,
        /// What it will end with.
        exit_status: i32,
    },
    /// A job uploaded an artifact.
    ArtifactUploaded {
        /// Which job.
        job: JobRef,
        /// Which file.
        path: Arc<str>,
    },
    /// An annotation was made, replaced or added to.
    Annotated {
        /// The build it is about.
        build: BuildRef,
        /// The job it is about; none if it is about the build.
        job: Option<JobRef>,
        /// What tells it from the others of the build or the job.
        context: Arc<str>,
    },
    /// Buildkite would tell somebody, because a pipeline's `notify` says so. Nothing leaves the fake.
    Notification {
        /// The build it is about.
        build: BuildRef,
        /// The step or group it is about, as people call it; none if it is about the build.
        step: Option<Arc<str>>,
        /// Why: `build.finished`, `step.failing` and the like.
        event: Arc<str>,
        /// Who is told: `slack`, `email` and the like.
        service: Arc<str>,
        /// What the service was given, as JSON; `null` if nothing.
        configuration: Arc<str>,
    },
    /// A schedule made a build; the event of its creation follows.
    ScheduleFired {
        /// Which schedule.
        schedule: ScheduleRef,
        /// What it made.
        build: BuildRef,
    },
    /// A schedule could make no build, and was disabled.
    ScheduleFailed {
        /// Which schedule.
        schedule: ScheduleRef,
        /// Why, as the schedule's `failed_message` says.
        message: Arc<str>,
    },
    /// The dispatch of a queue was paused: its jobs wait. Nobody outside is told of it.
    QueuePaused {
        /// Which queue.
        queue: QueueRef,
        /// Why, if that was said.
        note: Option<Arc<str>>,
    },
    /// The dispatch of a queue was resumed: its jobs go on.
    QueueResumed {
        /// Which queue.
        queue: QueueRef,
    },
    /// An agent connected (`from` is `None` then), is stopping, or went. Those of the simulated fleet come with a job
    /// of theirs, and that says so.
    Agent {
        /// Which agent.
        agent: AgentRef,
        /// The state it left.
        from: Option<AgentState>,
        /// The state it entered.
        to: AgentState,
    },
    /// An agent was paused: it stays connected, and is given no other job.
    AgentPaused {
        /// Which agent.
        agent: AgentRef,
    },
    /// Somebody resumed an agent, or its pause was over.
    AgentResumed {
        /// Which agent.
        agent: AgentRef,
    },
    /// A fault that the test ordered came to a request.
    Fault {
        /// Method and path of the request.
        request: Arc<str>,
        /// What went wrong, and whether the request had its effect.
        fault: Arc<str>,
    },
    /// A webhook was told, and its receiver answered with a status between 200 and 299.
    WebhookDelivered {
        /// Which webhook.
        webhook: WebhookRef,
        /// What it was told of.
        event: WebhookEvent,
        /// The build it is about; none if it is about an agent, or the webhook itself.
        build: Option<BuildRef>,
        /// The job it is about, if it is about one.
        job: Option<JobRef>,
        /// What its receiver answered.
        status: u16,
    },
    /// A webhook could not be told, or its receiver answered with another status. Nobody tries again.
    WebhookFailed {
        /// Which webhook.
        webhook: WebhookRef,
        /// What it should have been told of.
        event: WebhookEvent,
        /// The build it is about; none if it is about an agent, or the webhook itself.
        build: Option<BuildRef>,
        /// The job it is about, if it is about one.
        job: Option<JobRef>,
        /// Why, as the second half of a sentence that begins with the receiver.
        reason: Arc<str>,
    },
}

/// Names a build in an [`Event`].
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// let build = fake.pipeline("app").create_build();
/// let told = fake.events()[0].build().unwrap().clone();
/// assert_eq!((told.to_string(), told.id), ("app#1".to_owned(), build.id()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct BuildRef {
    /// The slug of its pipeline.
    pub pipeline: Arc<str>,
    /// Its number in that pipeline.
    pub number: u64,
    /// Its id.
    pub id: BuildId,
}

/// Names a job in an [`Event`].
///
/// ```
/// use fake_buildkite::FakeBuildkite;
///
/// let fake = FakeBuildkite::start();
/// fake.pipeline("app").steps("steps: [{command: make, key: test}]").create_build();
/// let idle = fake.run_until_idle();
/// let job = idle.events[0].job().unwrap();
/// assert_eq!((job.to_string(), &*job.name, job.attempt), ("app#1 test".to_owned(), "test", 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct JobRef {
    /// The build it belongs to.
    pub build: BuildRef,
    /// How people call it: its step's key, else its label, else its command's first line, else what kind of step it is,
    /// such as `wait`.
    pub name: Arc<str>,
    /// Which attempt of its step it is: 1, and one more with each retry.
    pub attempt: u32,
    /// Its id.
    pub id: JobId,
}

/// Names a pipeline schedule in an [`Event`].
///
/// ```
/// use fake_buildkite::{FakeBuildkite, days};
///
/// let fake = FakeBuildkite::start();
/// let daily = fake.pipeline("app").create().schedule("@daily").create();
/// let happened = fake.advance(days(1));
/// let told = happened[0].schedule().unwrap();
/// assert_eq!((told.to_string(), told.id), ("app schedule @daily".to_owned(), daily.id()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ScheduleRef {
    /// The slug of its pipeline.
    pub pipeline: Arc<str>,
    /// How people call it: its label, else its cron line.
    pub name: Arc<str>,
    /// Its id.
    pub id: ScheduleId,
}

/// Names a queue of a cluster in an [`Event`].
///
/// ```
/// use fake_buildkite::{EventKind, FakeBuildkite};
///
/// let fake = FakeBuildkite::start();
/// let linux = fake.cluster("Linux").create();
/// linux.queue("default").pause();
/// let EventKind::QueuePaused { queue, note } = &fake.events()[0].kind else { panic!() };
/// assert_eq!((queue.to_string(), note), ("queue default of cluster Linux".to_owned(), &None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct QueueRef {
    /// The name of its cluster.
    pub cluster: Arc<str>,
    /// Its key.
    pub key: Arc<str>,
    /// Its id.
    pub id: QueueId,
}

/// Names an agent in an [`Event`].
///
/// ```
/// use fake_buildkite::{Agents, FakeBuildkite, agent};
///
/// let fake = FakeBuildkite::builder().agents(Agents::fleet([agent("worker")])).start();
/// fake.agent("worker").pause();
/// let told = fake.events().last().unwrap().agent().unwrap().clone();
/// assert_eq!((told.to_string(), told.id), ("agent worker".to_owned(), fake.agent("worker").id()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct AgentRef {
    /// Its name, which others may have, too.
    pub name: Arc<str>,
    /// Its id.
    pub id: AgentId,
}

/// Names a webhook in an [`Event`].
///
/// ```
/// use fake_buildkite::{EventKind, FakeBuildkite, WebhookReceiver};
///
/// let fake = FakeBuildkite::start();
/// let receiver = WebhookReceiver::start();
/// let hook = fake.webhook(receiver.url()).create();
/// hook.ping();
/// fake.settled().blocking();
/// let EventKind::WebhookDelivered { webhook, status, .. } = &fake.events()[0].kind else { panic!() };
/// assert_eq!((webhook.number, webhook.id, *status), (1, hook.id(), 200));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct WebhookRef {
    /// The first one that was made is 1. Its address is left out: ports differ from run to run.
    pub number: u64,
    /// Its id.
    pub id: WebhookId,
}

impl fmt::Display for BuildRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.pipeline, self.number)
    }
}

/// Keeps to one line, and to what is text: a name of somebody's that ends lines, or tells a terminal what to do, is
/// shown with escapes. Nobody who names a job writes lines of a log that look like the fake's own.
struct OneLine<'f, W>(&'f mut W);

impl<W: fmt::Write> fmt::Write for OneLine<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(char::is_control) {
            match part.chars().next_back() {
                Some(last) if last.is_control() => {
                    self.0.write_str(&part[..part.len() - last.len_utf8()])?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                Some(_) | None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// The same text, kept to one line as events are.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let written = OneLine(&mut line).write_str(text);
    written.expect("a string takes everything");
    line
}

impl fmt::Display for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(OneLine(f), "{} {}", self.build, self.name)?;
        match self.attempt {
            1 => Ok(()),
            attempt => write!(f, " (attempt {attempt})"),
        }
    }
}

impl fmt::Display for ScheduleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(OneLine(f), "{} schedule {}", self.pipeline, self.name)
    }
}

impl fmt::Display for QueueRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(OneLine(f), "queue {} of cluster {}", self.key, self.cluster)
    }
}

impl fmt::Display for AgentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(OneLine(f), "agent {}", self.name)
    }
}

impl fmt::Display for WebhookRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "webhook {}", self.number)
    }
}

/// What a webhook is told of, and which.
fn told(
    f: &mut OneLine<'_, fmt::Formatter<'_>>,
    webhook: &WebhookRef,
    event: WebhookEvent,
    build: Option<&BuildRef>,
    job: Option<&JobRef>,
) -> fmt::Result {
    match (job, build) {
        (Some(job), _) => write!(f, " {job}")?,
        (None, Some(build)) => write!(f, " {build}")?,
        (None, None) => {}
    }
    write!(f, " {event} told to {webhook}: ")
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell(&mut OneLine(f))
    }
}

impl Event {
    #[expect(clippy::too_many_lines, reason = "a line or two for each kind")]
    fn tell(&self, f: &mut OneLine<'_, fmt::Formatter<'_>>) -> fmt::Result {
        f.write_str(&instant(self.at))?;
        match &self.kind {
            EventKind::Build {
                build,
                from: None,
                to,
            } => write!(f, " {build} created as {to}"),
            EventKind::Build {
                build,
                from: Some(from),
                to,
            } => write!(f, " {build} {from} -> {to}"),
            EventKind::Job {
                job,
                from: None,
                to,
            } => write!(f, " {job} created as {to}"),
            EventKind::Job {
                job,
                from: Some(from),
                to,
            } => write!(f, " {job} {from} -> {to}"),
            EventKind::PipelineUploaded { job, steps: 1 } => write!(f, " {job} uploaded 1 step"),
            EventKind::PipelineUploaded { job, steps } => {
                write!(f, " {job} uploaded {steps} steps")
            }
            EventKind::PromisedFailure { job, exit_status } => {
                write!(f, " {job} promised to exit with {exit_status}")
            }
            EventKind::ArtifactUploaded { job, path } => write!(f, " {job} uploaded {path}"),
            EventKind::Annotated {
                build,
                job,
                context,
            } => {
                match job {
                    Some(job) => write!(f, " {job}")?,
                    None => write!(f, " {build}")?,
                }
                write!(f, " annotated: {context}")
            }
            EventKind::Notification {
                build,
                step,
                event,
                service,
                configuration,
            } => {
                write!(f, " {build} ")?;
                if let Some(step) = step {
                    write!(f, "{step} ")?;
                }
                write!(f, "{event} told to {service}")?;
                match &**configuration {
                    "null" => Ok(()),
                    configuration => write!(f, " {configuration}"),
                }
            }
            EventKind::ScheduleFired { schedule, build } => write!(f, " {schedule} -> {build}"),
            EventKind::ScheduleFailed { schedule, message } => {
                write!(f, " {schedule} failed: {message}")
            }
            EventKind::QueuePaused { queue, note } => {
                write!(f, " {queue} paused")?;
                note.iter().try_for_each(|note| write!(f, ": {note}"))
            }
            EventKind::QueueResumed { queue } => write!(f, " {queue} resumed"),
            EventKind::Agent {
                agent,
                from: None,
                to,
            } => write!(f, " {agent} {to}"),
            EventKind::Agent {
                agent,
                from: Some(from),
                to,
            } => write!(f, " {agent} {from} -> {to}"),
            EventKind::AgentPaused { agent } => write!(f, " {agent} paused"),
            EventKind::AgentResumed { agent } => write!(f, " {agent} resumed"),
            EventKind::Fault { request, fault } => write!(f, " {request} {fault}"),
            EventKind::WebhookDelivered {
                webhook,
                event,
                build,
                job,
                status,
            } => {
                told(f, webhook, *event, build.as_ref(), job.as_ref())?;
                write!(f, "it answered {status}")
            }
            EventKind::WebhookFailed {
                webhook,
                event,
                build,
                job,
                reason,
            } => {
                told(f, webhook, *event, build.as_ref(), job.as_ref())?;
                write!(f, "it {reason}")
            }
        }
    }
}
