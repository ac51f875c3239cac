//! A job uploads steps into its own build.
//!
//! Two readers are asked, as with every pipeline: the agent's, which fails before anything is sent, and the server's.
//!
//! Elsewhere: adding the steps (`engine::grow`), taking others out for them (`engine::replace`), what waits for them
//! (`engine::plan`).
//! Source: Buildkite docs, "Dynamic pipelines", "pipeline upload", "Group step", section "Group merging"; "Platform
//! limits".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::engine::build::BuildKey;
use crate::engine::expand;
use crate::engine::graph::{self, Group, Placed};
use crate::engine::grow::Growth;
use crate::engine::job::{Job, JobKey};
use crate::engine::step_upload::Outcome;
use crate::engine::table::Key as _;
use crate::engine::{Command, Engine, notify};
use crate::pipeline::{
    ConditionalError, Definition, GroupStep, Interpolation, Notification, Pipeline, PipelineError,
    Refusal, Sent, Step,
};
use crate::script::PipelineUpload;
use crate::vocabulary::event::EventKind;
use crate::vocabulary::states::BuildState;

/// How many uploads a build can have: 500.
/// Source: Buildkite docs, "Platform limits".
///
/// Always enforced: a job that uploads itself would go on for ever otherwise.
const MOST_UPLOADS: usize = 500;

pub(crate) struct UploadPipeline {
    pub(crate) job: JobKey,
    pub(crate) upload: PipelineUpload,
}

/// Why nothing of an upload reached the build.
#[derive(Debug)]
pub(crate) enum UploadRefused {
    /// No agent works on the job, so nobody can upload anything.
    NotOnAgent,
    /// The YAML: by the agent, or by the server.
    Pipeline(PipelineError),
    /// A step's condition cannot be evaluated for this build.
    Condition(ConditionalError),
    /// A notification's condition cannot be read, in a sentence.
    Notification(String),
    BuildNotRunning,
    KeyTaken(String),
    /// A limit of the platform, in a sentence.
    Limit(String),
    /// A step names a queue that its cluster does not have, in a sentence.
    Queue(String),
}

/// The server's words, and the agent's own.
impl fmt::Display for UploadRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOnAgent => f.write_str("no agent works on the job"),
            Self::Pipeline(error) => error.fmt(f),
            Self::Condition(error) => f.write_str(error.message()),
            Self::BuildNotRunning => {
                f.write_str("You can only change the pipeline of a running build")
            }
            Self::KeyTaken(key) => write!(
                f,
                "The key {key:?} has already been used by another step in this build"
            ),
            Self::Notification(sentence) | Self::Limit(sentence) | Self::Queue(sentence) => {
                f.write_str(sentence)
            }
        }
    }
}

impl UploadRefused {
    /// Whether the server looked at it and said no: then it is kept as a step upload that was rejected. What this fake
    /// cannot do Buildkite would not have rejected.
    ///
    /// Chosen: a build that takes no uploads keeps none.
    fn is_rejection(&self) -> bool {
        match self {
            Self::Pipeline(error) => error.refusal() == Refusal::Rejected,
            Self::Condition(_)
            | Self::Notification(_)
            | Self::KeyTaken(_)
            | Self::Limit(_)
            | Self::Queue(_) => true,
            Self::NotOnAgent | Self::BuildNotRunning => false,
        }
    }

    /// Whether the agent gave up before it sent anything.
    pub(crate) fn is_the_agents(&self) -> bool {
        match self {
            Self::Pipeline(error) => error.refusal() == Refusal::Parse,
            Self::NotOnAgent => true,
            Self::Condition(_)
            | Self::Notification(_)
            | Self::BuildNotRunning
            | Self::KeyTaken(_)
            | Self::Limit(_)
            | Self::Queue(_) => false,
        }
    }

    /// The line with which `buildkite-agent pipeline upload` ends.
    pub(crate) fn as_the_agent_says(&self) -> String {
        match self {
            Self::Pipeline(error) if self.is_the_agents() => {
                format!(
                    "pipeline parsing of \"(stdin)\" failed: {}",
                    error.message()
                )
            }
            Self::Pipeline(error) => format!("pipeline upload rejected: {}", error.message()),
            Self::NotOnAgent
            | Self::Condition(_)
            | Self::Notification(_)
            | Self::BuildNotRunning
            | Self::KeyTaken(_)
            | Self::Limit(_)
            | Self::Queue(_) => format!("pipeline upload rejected: {self}"),
        }
    }
}

/// Where an upload was stopped, and in which of its documents if that was sent.
struct Stopped {
    why: UploadRefused,
    sent: Option<Box<Sent>>,
}

impl From<UploadRefused> for Stopped {
    fn from(why: UploadRefused) -> Self {
        Self { why, sent: None }
    }
}

/// What the documents of an upload cannot have, because the build or one of them before has it.
struct Taken {
    keys: BTreeSet<String>,
    /// Groups have numbers from 0; this is the next.
    groups: usize,
}

/// One document of an upload, checked.
struct Document {
    sent: Sent,
    steps: Vec<Placed>,
    excluded: Vec<Option<Arc<str>>>,
    notify: Vec<Notification>,
    jobs: usize,
}

impl Document {
    /// The keys of those steps that the next document does not replace: excluded ones, and wait steps, which may turn
    /// out to be.
    fn keys_that_stay(&self) -> impl Iterator<Item = String> + '_ {
        let steps = self.steps.iter().zip(&self.excluded);
        let stay = steps.filter(|(placed, excluded)| {
            excluded.is_some() || matches!(*placed.step, Step::Wait(_))
        });
        let keys = stay.flat_map(|(placed, _)| {
            let group = placed.group.as_ref();
            let of_group = group.and_then(|group| group.step.common.key.clone());
            [placed.step.common().key.clone(), of_group]
        });
        keys.flatten()
    }
}

impl Command for UploadPipeline {
    /// How many steps the build got, or why the server rejected what was sent. The build is as it was then, and has one
    /// more step upload.
    type Output = Result<usize, UploadRefused>;
    /// Nothing was sent, or nobody there takes it.
    type Refused = UploadRefused;

    fn apply(self, engine: &mut Engine) -> Result<Self::Output, UploadRefused> {
        let Self { job, upload } = self;
        let documents = match engine.documents(job, &upload) {
            Ok(documents) => documents,
            Err(Stopped { why, sent }) => return engine.keep_rejected(job, &upload, why, sent),
        };
        let build = engine.jobs.get(job).build;
        let count = documents.iter().map(|document| document.steps.len()).sum();
        engine.record(EventKind::PipelineUploaded {
            job: engine.job_ref(job),
            steps: count,
        });
        engine.progress.change(build).uploads += documents.len();
        for document in documents {
            // The agent asks for it with every document, so that the last one stays.
            if upload.replaces {
                engine.remove_pending_steps(build);
            }
            engine
                .progress
                .change(build)
                .notify
                .extend(document.notify.iter().cloned());
            let (sent, before) = (document.sent.clone(), engine.jobs.next_key().row());
            for growth in engine.growths(job, document) {
                engine.grow(build, &growth);
            }
            let jobs = engine.jobs.next_key().row() - before;
            engine.keep_step_upload(job, upload.replaces, sent, Outcome::Applied { jobs });
        }
        engine.agenda.builds.insert(build);
        Ok(Ok(count))
    }
}

impl Engine {
    /// Keeps an upload that the server rejected, if it did.
    fn keep_rejected(
        &mut self,
        job: JobKey,
        upload: &PipelineUpload,
        why: UploadRefused,
        sent: Option<Box<Sent>>,
    ) -> Result<Result<usize, UploadRefused>, UploadRefused> {
        let takes_uploads = self.takes_uploads(self.jobs.get(job).build);
        match sent.filter(|_| why.is_rejection() && takes_uploads) {
            None => Err(why),
            Some(sent) => {
                let outcome = Outcome::Rejected(why.to_string().into());
                self.keep_step_upload(job, upload.replaces, *sent, outcome);
                Ok(Err(why))
            }
        }
    }

    fn takes_uploads(&self, build: BuildKey) -> bool {
        let state = self.builds.get(build).state;
        matches!(state, BuildState::Running | BuildState::Failing)
    }

    /// Everything an upload would add. Changes nothing.
    fn documents(&self, key: JobKey, upload: &PipelineUpload) -> Result<Vec<Document>, Stopped> {
        let job = self.jobs.get(key);
        if self.check_at_work(key).is_err() {
            return Err(UploadRefused::NotOnAgent.into());
        }
        let pipelines = self.read(key, upload)?;
        if !self.takes_uploads(job.build) {
            return Err(UploadRefused::BuildNotRunning.into());
        }
        let mut taken = Taken {
            keys: self.keys_of(job.build, upload),
            groups: self.group_count(job.build),
        };
        let mut documents = Vec::with_capacity(pipelines.len());
        for (sent, pipeline) in pipelines {
            let mut kept = upload.replaces.then(|| taken.keys.clone());
            let document = self.document(key, &sent, pipeline, &mut taken);
            let document = document.map_err(|why| Stopped {
                why,
                sent: Some(Box::new(sent)),
            })?;
            if let Some(kept) = &mut kept {
                kept.extend(document.keys_that_stay());
                taken.keys.clone_from(kept);
            }
            documents.push(document);
        }
        match self.check_limits(job.build, upload, &documents) {
            Ok(()) => Ok(documents),
            // Chosen: the last document is the one too many.
            Err(why) => Err(Stopped {
                why,
                sent: documents.pop().map(|document| Box::new(document.sent)),
            }),
        }
    }

    /// The documents of an upload, as the agent sends them.
    ///
    /// Chosen: all or nothing, as everything that is asked of the engine; the agent sends each as soon as it has read
    /// it.
    fn read(&self, key: JobKey, upload: &PipelineUpload) -> Result<Vec<(Sent, Pipeline)>, Stopped> {
        let mut environment: BTreeMap<_, _> = self.environment_of(key).into_iter().collect();
        let mut pipelines = Vec::new();
        let unsent = UploadRefused::Pipeline;
        for definition in Definition::load_all(&upload.yaml).map_err(unsent)? {
            let how = if upload.interpolates {
                Interpolation::upload(&environment)
            } else {
                Interpolation::None
            };
            let sent = definition.sent(how).map_err(unsent)?;
            let pipeline = match sent.pipeline() {
                Ok(pipeline) => pipeline,
                Err(error) => {
                    let why = UploadRefused::Pipeline(error);
                    let sent = Some(Box::new(sent));
                    return Err(Stopped { why, sent });
                }
            };
            if upload.interpolates {
                // The agent has one environment for all, and a file's own `env` goes into it.
                environment.extend(pipeline.env.iter().flatten().cloned());
            }
            pipelines.push((sent, pipeline));
        }
        Ok(pipelines)
    }

    /// How many numbers of groups are taken, those of removed steps included.
    fn group_count(&self, build: BuildKey) -> usize {
        let known = self.progress.get(build).steps.iter();
        let numbers = known.filter_map(|run| Some(run.group.as_ref()?.number + 1));
        numbers.max().unwrap_or(0)
    }

    /// The keys that are taken: of steps, and of groups.
    fn keys_of(&self, build: BuildKey, upload: &PipelineUpload) -> BTreeSet<String> {
        let stays = |step: &usize| !upload.replaces || !self.is_pending_step(build, *step);
        let order = self
            .progress
            .get(build)
            .order
            .iter()
            .filter(|step| stays(step));
        let runs = order.map(|step| self.step(build, *step));
        let keys = runs.flat_map(|run| [run.step.common().key.as_deref(), run.group_key()]);
        keys.flatten().map(str::to_owned).collect()
    }

    fn document(
        &self,
        key: JobKey,
        sent: &Sent,
        pipeline: Pipeline,
        taken: &mut Taken,
    ) -> Result<Document, UploadRefused> {
        let job = self.jobs.get(key);
        let jobs = pipeline.job_count();
        if self.enforces_limits {
            if let Some(sentence) = pipeline.beyond_limits() {
                return Err(UploadRefused::Limit(sentence));
            }
        }
        let merges = self.merges_with_group(key, pipeline.steps.first());
        // A group that is merged with another may have the key of that one.
        let own = merges
            .as_ref()
            .and_then(|group| group.step.common.key.clone());
        for (n, step) in pipeline.all_steps().enumerate() {
            if let Some(key) = &step.common().key {
                let is_its_own = n == 0 && own.as_ref() == Some(key);
                if !taken.keys.insert(key.clone()) && !is_its_own {
                    return Err(UploadRefused::KeyTaken(key.clone()));
                }
            }
        }
        let notify = pipeline.notify;
        let env = pipeline.env.unwrap_or_default();
        let steps = pipeline
            .steps
            .into_iter()
            .map(|step| with_env(step, &env))
            .collect();
        let mut steps = graph::place(steps, taken.groups);
        if let Some(sentence) = notify::refused_condition(&notify, &steps, true) {
            return Err(UploadRefused::Notification(sentence));
        }
        let last = steps.iter().filter_map(|placed| placed.group.as_ref());
        taken.groups = last
            .map(|group| group.number + 1)
            .max()
            .unwrap_or(taken.groups);
        if let Some(group) = merges {
            merge_first_group(&mut steps, &group);
        }
        let build = self.builds.get(job.build);
        self.check_queues(build.cluster, &steps)
            .map_err(UploadRefused::Queue)?;
        let facts = self.facts_of(job.build);
        let excluded = steps
            .iter()
            .map(|placed| expand::exclusion(placed, &build.head, &facts));
        let excluded = excluded
            .collect::<Result<_, _>>()
            .map_err(UploadRefused::Condition)?;
        Ok(Document {
            sent: sent.clone(),
            steps,
            excluded,
            notify,
            jobs,
        })
    }

    /// The group of the job's step, if what it uploads begins with a group of the same label.
    fn merges_with_group(&self, key: JobKey, first: Option<&Step>) -> Option<Arc<Group>> {
        let group = self.step_of(self.jobs.get(key)).group.as_ref()?;
        match first {
            Some(Step::Group(uploaded))
                if uploaded.label.is_some() && uploaded.label == group.step.label =>
            {
                Some(Arc::clone(group))
            }
            Some(_) | None => None,
        }
    }

    fn check_limits(
        &self,
        build: BuildKey,
        upload: &PipelineUpload,
        documents: &[Document],
    ) -> Result<(), UploadRefused> {
        let progress = self.progress.get(build);
        let beyond = |size: usize, most: usize, what: &str| {
            let sentence = format!("{size} {what}, of which {most} are allowed");
            (size > most).then_some(UploadRefused::Limit(sentence))
        };
        let uploads = progress.uploads + documents.len();
        if let Some(refused) = beyond(uploads, MOST_UPLOADS, "pipeline uploads in one build") {
            return Err(refused);
        }
        let new: usize = documents.iter().map(|document| document.jobs).sum();
        let stays = |job: &Job| !upload.replaces || !self.is_pending_step(build, job.step);
        let jobs = self.jobs_of(build).filter(|(_, job)| stays(job)).count() + new;
        let beyond = beyond(jobs, self.most_jobs(), "jobs in one build");
        beyond.map_or(Ok(()), Err)
    }

    /// Where the steps of a document go, in the order in which they are added.
    ///
    /// Behind the step that uploads them. Chosen: if that is in a group, behind the group, because seen from outside a
    /// group is one thing; those of a group that is merged with it stay inside.
    fn growths(&self, job: JobKey, document: Document) -> Vec<Growth> {
        let Document {
            steps, excluded, ..
        } = document;
        let uploader = self.jobs.get(job);
        let (build, number) = (uploader.build, uploader.step);
        let group = self
            .step(build, number)
            .group
            .as_ref()
            .map(|group| group.number);
        let inside = |placed: &Placed| {
            let own = placed.group.as_ref().map(|group| group.number);
            group.is_some() && own == group
        };
        let merged = steps.iter().take_while(|placed| inside(placed)).count();
        let order = &self.progress.get(build).order;
        let place = 1 + order
            .iter()
            .position(|step| *step == number)
            .expect("a step of the build");
        let is_same_group = |step: &usize| {
            let own = self
                .step(build, *step)
                .group
                .as_ref()
                .map(|group| group.number);
            group.is_some() && own == group
        };
        let behind = 1 + order.iter().rposition(is_same_group).unwrap_or(place - 1);
        let growth = |range: std::ops::Range<usize>, place| Growth {
            steps: steps[range.clone()].into(),
            excluded: excluded[range].to_vec(),
            uploaded_by: Some(job),
            place,
        };
        let parts = [
            growth(0..merged, place),
            growth(merged..steps.len(), behind + merged),
        ];
        parts
            .into_iter()
            .filter(|part| !part.steps.is_empty())
            .collect()
    }
}

/// What a file sets for all of its steps is below what a step sets itself.
fn with_env(step: Step, env: &[(String, String)]) -> Step {
    let with = |own: Vec<(String, String)>| {
        let mut all = env.to_vec();
        for (name, value) in own {
            crate::engine::build::put(&mut all, name, value);
        }
        all
    };
    match step {
        Step::Command(mut step) => {
            step.env = with(step.env);
            Step::Command(step)
        }
        Step::Group(mut group) => {
            let steps = group.steps.into_iter();
            group.steps = steps.map(|step| with_env(step, env)).collect();
            Step::Group(group)
        }
        step @ (Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_)) => step,
    }
}

/// Puts the steps of the first group into one that is there. What the uploaded group says goes for its own steps; it is
/// shown as part of the other.
///
/// Chosen: whom to tell of the group says the one that is there.
fn merge_first_group(steps: &mut [Placed], into: &Group) {
    let Some(uploaded) = steps.first().and_then(|first| first.group.clone()) else {
        return;
    };
    let mut step: GroupStep = uploaded.step.clone();
    step.common.key = step.common.key.or_else(|| into.step.common.key.clone());
    step.notify.clone_from(&into.step.notify);
    let merged = Arc::new(Group {
        number: into.number,
        step,
    });
    for placed in steps {
        if placed
            .group
            .as_ref()
            .is_some_and(|group| group.number == uploaded.number)
        {
            placed.group = Some(Arc::clone(&merged));
        }
    }
}
