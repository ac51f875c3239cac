//! What can happen to a world. One more kind of action is a variant, a line in [`action`] and an arm in `carry_out`.
//!
//! An action picks among what is there at its time, newest first, so that every list of actions makes sense, also what
//! is left after some were taken out.

use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::sample::select;

use crate::engine::acts::Poll;
use crate::engine::agent::{Machine, Newcomer, Offer};
use crate::engine::annotation::{MOST_BODY, Subject};
use crate::engine::build::{BuildKey, Cancellation, Head};
use crate::engine::commands::{
    AgentMove, Annotate, Answers, ArchivePipeline, CancelBuild, ConnectAgent, CreateBuild,
    DeleteCluster, DeleteLog, DeletePipeline, DeleteQueue, Failure, MakeMove, Move, MoveAgent,
    NewSlug, PauseQueue, RebuildBuild, ReprioritizeJob, ResumeQueue, RetryFailedJobs, RetryJob,
    UnarchivePipeline, UnblockJob, UpdateCluster, UpdatePipeline, UploadArtifact, UploadPipeline,
    WriteLog,
};
use crate::engine::job::{JobKey, State};
use crate::engine::pipeline::Settings;
use crate::engine::recipe::Source;
use crate::engine::tests::life::{Life, create_queue};
use crate::script::{Annotation, ArtifactFile, PipelineUpload};
use crate::vocabulary::states::{AnnotationScope, BuildSource, JobType};

/// Which of those that are there: taken modulo how many they are.
type Pick = u16;

#[derive(Debug, Clone)]
pub(super) enum Action {
    Advance {
        seconds: i64,
    },
    RunUntilIdle,
    CreateBuild {
        pipeline: Pick,
        branch: &'static str,
        message: Option<&'static str>,
        changed_files: Option<&'static [&'static str]>,
    },
    CancelBuild(Pick),
    RebuildBuild(Pick),
    RetryJob(PickJob),
    /// Those of one kind, or of all.
    RetryFailedJobs(Pick, Option<Failure>),
    Reprioritize(PickJob, i64),
    UnblockJob(PickJob, &'static [(&'static str, &'static [&'static str])]),
    /// A move by hand, whether it is possible or not.
    Move(PickJob, Move),
    /// Of a build, one of the moves that are possible.
    PossibleMove(Pick, Pick),
    CreatePipeline(Pick),
    DeletePipeline(Pick),
    ArchivePipeline(Pick),
    UnarchivePipeline(Pick),
    /// New steps, those of another pipeline of the world, and another name.
    UpdatePipeline(Pick, Pick),
    WriteLog(PickJob),
    DeleteLog(PickJob),
    /// Somebody looks at a build.
    Poll(Pick),
    /// Whether it runs or not.
    UploadArtifact(PickJob),
    /// The job, or with no job its build.
    Annotate(PickJob, AnnotationScope, bool),
    /// Whether it is possible or not.
    MoveAgent(Pick, AgentMove),
    /// One more agent, if the fleet is fixed.
    ConnectAgent,
    /// What runs uploads the file of a pipeline of the world, its steps numbered from here.
    Upload {
        job: Pick,
        pipeline: Pick,
        first: usize,
        replaces: bool,
    },
    PauseQueue(Pick),
    ResumeQueue(Pick),
    /// Some keys are taken.
    CreateQueue(&'static str),
    DeleteQueue(Pick),
    /// Or none.
    DefaultQueue(Option<Pick>),
    /// Into the cluster, or out of it.
    MovePipeline(Pick, bool),
    /// Refused while a pipeline or an open build is in it.
    DeleteCluster,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PickJob {
    build: Pick,
    job: Pick,
}

/// Seconds, until which jobs expire.
const MONTH: i64 = 2_592_000;

const BRANCHES: &[&str] = &["main", "main", "feature/x", "release"];

const MESSAGES: &[Option<&str>] = &[None, Some("deploy now")];

const CHANGED_FILES: &[Option<&[&str]>] = &[
    None,
    Some(&[]),
    Some(&["src/main.rs"]),
    Some(&["README.md", "docs/a/b.md"]),
];

const ANSWERS: &[&[(&str, &[&str])]] = &[
    &[],
    &[("name", &["v1"]), ("region", &["eu"])],
    &[("region", &["us", "eu"]), ("name", &["b\r\nc"])],
    &[("other", &["kept"])],
];

const MOVES: &[Move] = &[
    Move::Start,
    Move::Finish { exit_status: 0 },
    Move::Finish { exit_status: 1 },
    Move::Finish { exit_status: 2 },
    Move::Finish { exit_status: -1 },
    Move::Cancel,
    Move::TimeOut,
    Move::Expire,
    Move::SilenceAgent,
    Move::LoseAgent,
    Move::PromiseFailure { exit_status: 1 },
    Move::PromiseFailure { exit_status: 0 },
    Move::Unblock,
    Move::Retry,
];

/// Any action, the harmless ones first: shrinking goes towards them.
pub(super) fn action() -> impl Strategy<Value = Action> {
    let seconds = select(&[0_i64, 1, 10, 10, 30, 60, 60, 120, 600, MONTH][..]);
    prop_oneof![
        30 => seconds.prop_map(|seconds| Action::Advance { seconds }),
        2 => Just(Action::RunUntilIdle),
        10 => create_build(),
        4 => pick().prop_map(Action::CancelBuild),
        2 => pick().prop_map(Action::RebuildBuild),
        4 => pick_job().prop_map(Action::RetryJob),
        2 => (pick(), proptest::option::of(select(Failure::ALL)))
            .prop_map(|(build, failure)| Action::RetryFailedJobs(build, failure)),
        2 => (pick_job(), -1..3_i64)
            .prop_map(|(job, priority)| Action::Reprioritize(job, priority)),
        4 => (pick_job(), select(ANSWERS))
            .prop_map(|(job, answers)| Action::UnblockJob(job, answers)),
        8 => (pick_job(), select(MOVES)).prop_map(|(job, wanted)| Action::Move(job, wanted)),
        25 => (pick(), pick()).prop_map(|(build, which)| Action::PossibleMove(build, which)),
        1 => pick().prop_map(Action::CreatePipeline),
        1 => pick().prop_map(Action::DeletePipeline),
        1 => pick().prop_map(Action::ArchivePipeline),
        2 => pick().prop_map(Action::UnarchivePipeline),
        1 => (pick(), pick()).prop_map(|(pipeline, steps)| Action::UpdatePipeline(pipeline, steps)),
        8 => upload(),
        6 => pick().prop_map(Action::Poll),
        2 => pick_job().prop_map(Action::WriteLog),
        1 => pick_job().prop_map(Action::DeleteLog),
        3 => pick_job().prop_map(Action::UploadArtifact),
        3 => (pick_job(), select(AnnotationScope::ALL), any::<bool>())
            .prop_map(|(job, scope, appends)| Action::Annotate(job, scope, appends)),
        6 => (pick(), select(AgentMove::ALL))
            .prop_map(|(agent, wanted)| Action::MoveAgent(agent, wanted)),
        2 => Just(Action::ConnectAgent),
        8 => in_cluster(),
    ]
}

/// What happens to a cluster, if the world has one.
fn in_cluster() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => pick().prop_map(Action::PauseQueue),
        8 => pick().prop_map(Action::ResumeQueue),
        2 => select(&["gpu", "default", "other"][..]).prop_map(Action::CreateQueue),
        1 => pick().prop_map(Action::DeleteQueue),
        2 => prop::option::weighted(0.8, pick()).prop_map(Action::DefaultQueue),
        2 => (pick(), any::<bool>()).prop_map(|(pipeline, into)| Action::MovePipeline(pipeline, into)),
        1 => Just(Action::DeleteCluster),
    ]
}

/// Often with keys that are free.
fn upload() -> impl Strategy<Value = Action> {
    let first = prop_oneof![1 => Just(0_usize), 6 => (1_usize..50).prop_map(|n| n * 20)];
    let replaces = prop::bool::weighted(0.3);
    (pick(), pick(), first, replaces).prop_map(|(job, pipeline, first, replaces)| Action::Upload {
        job,
        pipeline,
        first,
        replaces,
    })
}

pub(super) fn create_build() -> impl Strategy<Value = Action> {
    (
        pick(),
        select(BRANCHES),
        select(MESSAGES),
        select(CHANGED_FILES),
    )
        .prop_map(
            |(pipeline, branch, message, changed_files)| Action::CreateBuild {
                pipeline,
                branch,
                message,
                changed_files,
            },
        )
}

/// Often one of the newest.
fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![0..4_u16, any::<u16>()]
}

fn pick_job() -> impl Strategy<Value = PickJob> {
    (pick(), any::<u16>()).prop_map(|(build, job)| PickJob { build, job })
}

impl Action {
    /// Does it, as far as there is anything to do it to. Whether the engine refuses is not the action's business: a
    /// world checks that it had no effect then.
    #[expect(clippy::too_many_lines, reason = "a few for each action")]
    pub(super) fn carry_out(&self, life: &mut Life<'_>) {
        let by = life.user;
        match self {
            Self::Advance { seconds } => {
                life.say(|_| format!("{seconds} s pass"));
                life.advance(TimeDelta::seconds(*seconds));
            }
            Self::RunUntilIdle => {
                life.say(|_| "run until idle".to_owned());
                life.run_until_idle();
            }
            Self::CreateBuild {
                pipeline,
                branch,
                message,
                changed_files,
            } => {
                life.create_build(*pipeline, branch, *message, *changed_files);
            }
            Self::CancelBuild(build) => {
                let Some(build) = life.pick_build(*build) else {
                    return;
                };
                life.say(|life| format!("cancel {}", life.name_of_build(build)));
                let _ = life.apply(CancelBuild {
                    build,
                    cause: Cancellation::Person,
                });
            }
            Self::RebuildBuild(build) => {
                let Some(build) = life.pick_build(*build) else {
                    return;
                };
                life.say(|life| format!("rebuild {}", life.name_of_build(build)));
                let _ = life.apply(RebuildBuild { build, by });
            }
            Self::RetryJob(job) => {
                let Some(job) = life.pick_job(*job) else {
                    return;
                };
                life.say(|life| format!("retry {}", life.name_of_job(job)));
                let _ = life.apply(RetryJob { job, by });
            }
            Self::RetryFailedJobs(build, failure) => life.retry_failed_jobs(*build, *failure),
            Self::Reprioritize(job, priority) => life.reprioritize(*job, *priority),
            Self::UnblockJob(job, answers) => life.unblock(*job, answers),
            Self::Move(job, wanted) => {
                if let Some(job) = life.pick_job(*job) {
                    life.make_move(job, *wanted);
                }
            }
            Self::PossibleMove(build, which) => life.make_possible_move(*build, *which),
            Self::CreatePipeline(pipeline) => life.create_pipeline_again(*pipeline),
            Self::DeletePipeline(pipeline) => {
                let Some((name, pipeline)) = life.pick_pipeline(*pipeline) else {
                    return;
                };
                life.say(|_| format!("delete {name}"));
                let Ok(()) = life.apply(DeletePipeline { pipeline });
                life.forget(pipeline);
            }
            Self::ArchivePipeline(pipeline) => {
                if let Some((name, pipeline)) = life.pick_pipeline(*pipeline) {
                    life.say(|_| format!("archive {name}"));
                    let _ = life.apply(ArchivePipeline { pipeline });
                }
            }
            Self::UnarchivePipeline(pipeline) => {
                if let Some((name, pipeline)) = life.pick_pipeline(*pipeline) {
                    life.say(|_| format!("unarchive {name}"));
                    let _ = life.apply(UnarchivePipeline { pipeline });
                }
            }
            Self::UpdatePipeline(pipeline, steps) => life.update_pipeline(*pipeline, *steps),
            Self::PauseQueue(_)
            | Self::ResumeQueue(_)
            | Self::CreateQueue(_)
            | Self::DeleteQueue(_)
            | Self::DefaultQueue(_)
            | Self::MovePipeline(..)
            | Self::DeleteCluster => self.carry_out_in_cluster(life),
            Self::WriteLog(job) => life.write_log(*job),
            Self::DeleteLog(job) => life.delete_log(*job),
            Self::Poll(build) => {
                if let Some(build) = life.pick_build(*build) {
                    life.say(|life| format!("somebody looks at {}", life.name_of_build(build)));
                    let Ok(()) = life.apply(Poll {
                        builds: vec![build],
                    });
                }
            }
            Self::UploadArtifact(job) => life.upload_artifact(*job),
            Self::Annotate(job, scope, appends) => life.annotate(*job, *scope, *appends),
            Self::MoveAgent(agent, wanted) => life.move_agent(*agent, *wanted),
            Self::ConnectAgent => life.connect_agent(),
            Self::Upload {
                job,
                pipeline,
                first,
                replaces,
            } => life.upload(*job, *pipeline, *first, *replaces),
        }
    }
}

impl Action {
    /// What happens to the cluster of a world, if it has one.
    fn carry_out_in_cluster(&self, life: &mut Life<'_>) {
        let Some(cluster) = life.cluster else {
            return;
        };
        let queues = life.engine.queues_of(cluster);
        let by = Some(life.user);
        match self {
            Self::PauseQueue(queue) => {
                if let Some(queue) = of(&queues, *queue) {
                    life.say(|life| format!("pause {}", life.engine.queue_ref(queue)));
                    let note = None;
                    let _ = life.apply(PauseQueue { queue, note, by });
                }
            }
            Self::ResumeQueue(queue) => {
                if let Some(queue) = of(&queues, *queue) {
                    life.say(|life| format!("resume {}", life.engine.queue_ref(queue)));
                    let _ = life.apply(ResumeQueue { queue });
                }
            }
            Self::CreateQueue(key) => {
                life.say(|_| format!("create queue {key}"));
                let _ = life.apply(create_queue(cluster, key));
            }
            Self::DeleteQueue(queue) => {
                if let Some(queue) = of(&queues, *queue) {
                    life.say(|life| format!("delete {}", life.engine.queue_ref(queue)));
                    let _ = life.apply(DeleteQueue { queue });
                }
            }
            Self::DefaultQueue(pick) => {
                let queue = pick.and_then(|pick| of(&queues, pick));
                life.say(|_| format!("the default queue is {queue:?}"));
                let old = life.engine.cluster(cluster).clone();
                let default_queue = queue.map(|queue| life.engine.cluster_queue(queue).id);
                let _ = life.apply(UpdateCluster {
                    cluster,
                    settings: old.settings,
                    default_queue,
                    caches: old.caches,
                });
            }
            Self::MovePipeline(pipeline, into) => {
                let Some((name, pipeline)) = life.pick_pipeline(*pipeline) else {
                    return;
                };
                let cluster = into.then_some(cluster);
                life.say(|_| format!("{name} moves to {cluster:?}"));
                let settings = Settings {
                    cluster,
                    ..life.engine.pipeline(pipeline).settings.clone()
                };
                let _ = life.apply(UpdatePipeline {
                    pipeline,
                    name: None,
                    slug: NewSlug::Follow,
                    settings,
                    steps: None,
                    env: None,
                });
            }
            Self::DeleteCluster => {
                life.say(|_| "delete the cluster".to_owned());
                if life.apply(DeleteCluster { cluster }).is_ok() {
                    life.cluster = None;
                }
            }
            Self::Advance { .. }
            | Self::RunUntilIdle
            | Self::CreateBuild { .. }
            | Self::CancelBuild(_)
            | Self::RebuildBuild(_)
            | Self::RetryJob(_)
            | Self::UnblockJob(..)
            | Self::Move(..)
            | Self::PossibleMove(..)
            | Self::CreatePipeline(_)
            | Self::DeletePipeline(_)
            | Self::ArchivePipeline(_)
            | Self::UnarchivePipeline(_)
            | Self::UpdatePipeline(..)
            | Self::WriteLog(_)
            | Self::DeleteLog(_)
            | Self::Poll(_)
            | Self::UploadArtifact(_)
            | Self::Annotate(..)
            | Self::Upload { .. }
            | Self::RetryFailedJobs(..)
            | Self::Reprioritize(..)
            | Self::MoveAgent(..)
            | Self::ConnectAgent => unreachable!("not in a cluster"),
        }
    }
}

impl Life<'_> {
    fn pick_build(&self, pick: Pick) -> Option<BuildKey> {
        let mut builds: Vec<_> = self.engine.builds().collect();
        builds.reverse();
        of(&builds, pick)
    }

    fn pick_job(&self, pick: PickJob) -> Option<JobKey> {
        let build = self.pick_build(pick.build)?;
        let jobs: Vec<_> = self.engine.jobs_of(build).map(|(key, _)| key).collect();
        of(&jobs, pick.job)
    }

    fn create_build(
        &mut self,
        pipeline: Pick,
        branch: &str,
        message: Option<&str>,
        changed_files: Option<&[&str]>,
    ) {
        let Some((name, pipeline)) = self.pick_pipeline(pipeline) else {
            return;
        };
        self.say(|_| {
            let message = message.map_or(String::new(), |text| format!(", {text:?}"));
            let changed =
                changed_files.map_or(String::new(), |files| format!(", changes {files:?}"));
            format!("build of {name} on {branch}{message}{changed}")
        });
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let _ = self.apply(CreateBuild {
            pipeline,
            head: Head {
                commit: "HEAD".to_owned(),
                branch: branch.to_owned(),
                tag: None,
                message: message.map(str::to_owned),
                env: Vec::new(),
                source: BuildSource::Api,
                author: None,
                creator: Some(self.user),
                pull_request: None,
                clean_checkout: false,
                rebuilt_from: None,
                triggered_from: None,
                changed_files: changed_files.map(texts),
            },
            meta_data: Vec::new(),
        });
    }

    /// Some names are taken.
    fn update_pipeline(&mut self, pipeline: Pick, steps: Pick) {
        let (Some((name, pipeline)), Some(yaml)) =
            (self.pick_pipeline(pipeline), self.file(steps, 0))
        else {
            return;
        };
        let new_name = format!("q{}", steps % 4);
        self.say(|_| format!("{name} is {new_name} with the steps\n{yaml}"));
        let settings = self.engine.pipeline(pipeline).settings.clone();
        let _ = self.apply(UpdatePipeline {
            pipeline,
            name: Some(new_name),
            slug: NewSlug::Follow,
            settings,
            steps: Some(Source::Yaml(yaml)),
            env: None,
        });
    }

    fn upload(&mut self, job: Pick, pipeline: Pick, first: usize, replaces: bool) {
        let jobs = self.engine.jobs.iter();
        let at_work = jobs.filter(|(_, job)| job.kind == JobType::Script && job.state.has_agent());
        let mut at_work: Vec<_> = at_work.map(|(key, _)| key).collect();
        at_work.reverse();
        let (Some(job), Some(yaml)) = (of(&at_work, job), self.file(pipeline, first)) else {
            return;
        };
        let how = if replaces { " --replace" } else { "" };
        self.say(|life| format!("{} uploads{how}\n{yaml}", life.name_of_job(job)));
        let upload = PipelineUpload::yaml(yaml);
        let upload = if replaces { upload.replacing() } else { upload };
        let before = self.engine.clone();
        if let Ok(Err(rejected)) = self.apply(UploadPipeline { job, upload }) {
            self.say(|_| format!("(rejected: {rejected})"));
            // It is kept as one that was rejected, and nothing else is different.
            let mut without_it = self.engine.clone();
            without_it.step_uploads = before.step_uploads.clone();
            without_it.check_same(&before);
        }
    }

    /// None of those that are left could have been retried.
    fn retry_failed_jobs(&mut self, build: Pick, failure: Option<Failure>) {
        let Some(build) = self.pick_build(build) else {
            return;
        };
        let which = failure.map_or("", Failure::word);
        self.say(|life| format!("retry failed jobs of {} {which}", life.name_of_build(build)));
        let count_candidates = |life: &Self| {
            let jobs = life.engine.jobs_of(build);
            let ended = jobs.filter(|(_, job)| job.state != State::Passed);
            ended
                .filter(|(key, _)| life.engine.check_retry(*key).is_ok())
                .count()
        };
        let candidates = count_candidates(self);
        let by = self.user;
        let failures = failure.map_or(Failure::ALL.to_vec(), |failure| vec![failure]);
        let Ok(retried) = self.apply(RetryFailedJobs {
            build,
            failures,
            by,
        });
        assert!(retried.len() <= candidates);
        assert!(failure.is_some() || retried.len() == candidates);
    }

    fn reprioritize(&mut self, job: PickJob, priority: i64) {
        let Some(job) = self.pick_job(job) else {
            return;
        };
        self.say(|life| format!("{} has priority {priority}", life.name_of_job(job)));
        if self.apply(ReprioritizeJob { job, priority }).is_ok() {
            assert_eq!(self.engine.job(job).priority, priority);
        }
    }

    fn unblock(&mut self, job: PickJob, answers: &[(&str, &[&str])]) {
        let Some(job) = self.pick_job(job) else {
            return;
        };
        self.say(|life| format!("unblock {} with {answers:?}", life.name_of_job(job)));
        let owned = |&(key, values): &(&str, &[&str])| {
            let values = values.iter().map(|&value| value.to_owned());
            (key.to_owned(), values.collect())
        };
        let answers = Answers::Form(answers.iter().map(owned).collect());
        let by = self.user;
        let _ = self.apply(UnblockJob { job, by, answers });
    }

    fn write_log(&mut self, job: PickJob) {
        if let Some(job) = self.pick_job(job) {
            self.say(|life| format!("{} prints", life.name_of_job(job)));
            let text = "printed\n";
            let _ = self.apply(WriteLog { job, text });
        }
    }

    fn delete_log(&mut self, job: PickJob) {
        if let Some(job) = self.pick_job(job) {
            self.say(|life| format!("delete the log of {}", life.name_of_job(job)));
            let Ok(()) = self.apply(DeleteLog { job });
            assert_eq!(self.engine.log_of(job).size(), 0);
        }
    }

    fn upload_artifact(&mut self, job: PickJob) {
        let Some(job) = self.pick_job(job) else {
            return;
        };
        self.say(|life| format!("{} uploads an artifact", life.name_of_job(job)));
        let file = ArtifactFile::new("a.log", Arc::new(*b"a")).expect("a file");
        let _ = self.apply(UploadArtifact { job, file });
    }

    /// One kind is too long, and refused.
    fn annotate(&mut self, job: PickJob, scope: AnnotationScope, appends: bool) {
        let Some(job) = self.pick_job(job) else {
            return;
        };
        let subject = match scope {
            AnnotationScope::Build => Subject::Build(self.engine.job(job).build),
            AnnotationScope::Job => Subject::Job(job),
        };
        self.say(|life| format!("annotate {} ({scope})", life.name_of_job(job)));
        // The one in a job that would be its only one is refused.
        let length = match (scope, appends) {
            (AnnotationScope::Job, false) => MOST_BODY + 1,
            (AnnotationScope::Job, true) | (AnnotationScope::Build, _) => 1,
        };
        let mut annotation = Annotation::new("a".repeat(length));
        annotation.appends = appends;
        let _ = self.apply(Annotate {
            subject,
            annotation,
        });
    }

    fn move_agent(&mut self, agent: Pick, wanted: AgentMove) {
        let mut agents: Vec<_> = self.engine.agents().map(|(key, _)| key).collect();
        agents.reverse();
        let Some(agent) = of(&agents, agent) else {
            return;
        };
        self.say(|life| format!("{wanted} of {}", life.engine.agent_ref(agent)));
        let is_possible = self.engine.is_possible_for(agent, wanted);
        let by = self.user;
        let made = self.apply(MoveAgent { agent, wanted, by });
        assert_eq!(made.is_ok(), is_possible);
    }

    fn connect_agent(&mut self) {
        if !self.engine.has_fixed_fleet() {
            return;
        }
        self.say(|_| "an agent connects".to_owned());
        let (organization, _) = self.engine.organizations().next().expect("one");
        let tags = ["queue=default".to_owned()].into();
        let Ok(_) = self.apply(ConnectAgent {
            newcomer: Newcomer {
                name: "late".into(),
                offer: Offer {
                    organization,
                    queue: None,
                    tags,
                },
                priority: None,
                machine: Machine::called("late"),
            },
        });
    }

    fn make_possible_move(&mut self, build: Pick, which: Pick) {
        let Some(build) = self.pick_build(build) else {
            return;
        };
        let jobs = self.engine.jobs_of(build);
        let moves = jobs.flat_map(|(job, _)| {
            let possible = self.engine.possible_moves(job).into_iter();
            possible.map(move |wanted| (job, wanted))
        });
        let moves: Vec<_> = moves.collect();
        if let Some((job, wanted)) = of(&moves, which) {
            self.make_move(job, wanted);
        }
    }

    fn make_move(&mut self, job: JobKey, wanted: Move) {
        self.say(|life| format!("{wanted} of {}", life.name_of_job(job)));
        let possible = self.engine.possible_moves(job);
        let made = self.apply(MakeMove {
            job,
            wanted,
            by: self.user,
        });
        let is_listed = match wanted {
            Move::Finish { exit_status } => exit_status == 0,
            Move::PromiseFailure { .. } => false,
            Move::Start
            | Move::Cancel
            | Move::TimeOut
            | Move::Expire
            | Move::SilenceAgent
            | Move::LoseAgent
            | Move::Unblock
            | Move::Retry => true,
        };
        if is_listed {
            assert_eq!(
                made.is_ok(),
                possible.contains(&wanted),
                "the list of possible moves is true"
            );
        }
    }
}

/// One of several, if there is one.
pub(super) fn of<T: Clone>(all: &[T], pick: Pick) -> Option<T> {
    let at = usize::from(pick).checked_rem(all.len())?;
    all.get(at).cloned()
}
