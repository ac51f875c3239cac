//! A world walked twice, side by side, and where the two walks differ.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use chrono::{DateTime, Utc};
use fake_buildkite::{
    Agents, BuildHandle, BuildState, Exit, FakeBuildkite, JobHandle, JobState, JobType, Move,
    PipelineHandle, Snapshot, agent,
};

use super::rules::Model;
use super::worlds::{Act, Attempt, Fleet, Hand, World};
use crate::support::{Client, client};

/// Fakes with nothing in them, to which every walk goes back: to start one takes longer than a walk.
pub(super) struct Ground {
    lots: (FakeBuildkite, Client, Snapshot),
    nobody: (FakeBuildkite, Client, Snapshot),
    fixed: (FakeBuildkite, Client, Snapshot),
}

impl Ground {
    pub(super) fn new() -> Self {
        let start = |agents| {
            let fake = FakeBuildkite::builder().agents(agents).start();
            let (client, empty) = (client(&fake), fake.snapshot());
            (fake, client, empty)
        };
        Self {
            lots: start(Agents::unlimited()),
            nobody: start(Agents::none()),
            fixed: start(Agents::fleet([])),
        }
    }
}

/// Where the two walks first differ.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    /// After how many acts.
    pub(super) after: usize,
    /// What it is about, so that making the world smaller does not lead to another difference.
    pub(super) about: String,
    picture: String,
}

/// Walks, and counts what was seen.
pub(super) fn walk(ground: &Ground, world: &World, seen: &mut Seen) -> Result<(), Difference> {
    let (fake, client, empty) = match world.fleet {
        Fleet::Unlimited => &ground.lots,
        Fleet::Nobody => &ground.nobody,
        Fleet::Fixed(_) => &ground.fixed,
    };
    fake.rewind(empty);
    let mut done = 0;
    let walked = catch_unwind(AssertUnwindSafe(|| {
        let mut walk = Walk::new(fake, client, world);
        for act in &world.acts {
            done += 1;
            let answers = walk.act(*act, seen);
            walk.compare(done, *act, answers, seen)?;
        }
        Ok(())
    }));
    walked.unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<String>().cloned();
        let said = said.or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        });
        Err(Difference {
            after: done,
            about: "panic".to_owned(),
            picture: format!("panicked: {}", said.unwrap_or_default()),
        })
    })
}

/// What walks came across, so that a run can say that it was about something.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) compared: usize,
    pub(super) builds: std::collections::BTreeMap<&'static str, usize>,
    pub(super) jobs: std::collections::BTreeMap<&'static str, usize>,
    pub(super) allowed: usize,
    pub(super) refused: usize,
}

struct Walk<'a> {
    fake: &'a FakeBuildkite,
    client: &'a Client,
    pipelines: Vec<PipelineHandle>,
    start: DateTime<Utc>,
    model: Model,
    /// In the order in which the model knows them.
    builds: Vec<BuildHandle>,
    kept: Option<(Snapshot, Model, Vec<BuildHandle>)>,
}

impl<'a> Walk<'a> {
    fn new(fake: &'a FakeBuildkite, client: &'a Client, world: &World) -> Self {
        if let Fleet::Fixed(count) = world.fleet {
            for number in 0..count {
                fake.connect_agent(agent(format!("agent-{number}")));
            }
        }
        let last = world.pipelines.len() - 1;
        let pipelines = world.pipelines.iter().enumerate().map(|(at, pipeline)| {
            let name = if at == last {
                "leaf".to_owned()
            } else {
                format!("root-{at}")
            };
            let mut builder = fake.pipeline(name).steps(pipeline.yaml());
            if pipeline.skips_intermediate {
                builder = builder.skip_intermediate_builds();
            }
            if pipeline.cancels_intermediate {
                builder = builder.cancel_intermediate_builds();
            }
            if let Some(minutes) = pipeline.default_timeout {
                builder = builder.default_timeout(minutes);
            }
            if let Some(minutes) = pipeline.maximum_timeout {
                builder = builder.maximum_timeout(minutes);
            }
            let made = builder.create();
            for (key, attempts) in &pipeline.scripts {
                tell(&made, key, attempts);
            }
            made
        });
        Self {
            fake,
            client,
            pipelines: pipelines.collect(),
            start: fake.clock().now(),
            model: Model::new(world.fleet, world.pipelines.clone()),
            builds: Vec::new(),
            kept: None,
        }
    }

    fn path(&self, build: &BuildHandle) -> String {
        let at = self
            .builds
            .iter()
            .position(|known| known.id() == build.id());
        let pipeline = self.model.builds[at.expect("a build of the walk")].pipeline;
        let slug = self.pipelines[pipeline].slug();
        format!(
            "/organizations/acme/pipelines/{slug}/builds/{}",
            build.number()
        )
    }

    /// Does it in both, and says what each answered.
    fn act(&mut self, act: Act, seen: &mut Seen) -> (bool, bool) {
        let build = |builds: &[BuildHandle], wanted: usize| {
            (!builds.is_empty()).then(|| wanted % builds.len())
        };
        let answers = match act {
            Act::Create(pipeline, branch) => {
                let pipeline = pipeline % self.pipelines.len();
                self.model.create(pipeline, branch);
                self.pipelines[pipeline].build().branch(branch).create();
                (true, true)
            }
            Act::Rebuild(wanted) => match build(&self.builds, wanted) {
                None => (true, true),
                Some(at) => {
                    self.model.rebuild(at);
                    self.builds[at].rebuild();
                    (true, true)
                }
            },
            Act::Cancel(wanted) => match build(&self.builds, wanted) {
                None => (true, true),
                Some(at) => {
                    let path = self.path(&self.builds[at]);
                    let answer = self.client.put(&format!("{path}/cancel"));
                    (self.model.cancel(at), answer.status == 200)
                }
            },
            Act::RetryFailed(wanted) => match build(&self.builds, wanted) {
                None => (true, true),
                Some(at) => {
                    let path = self.path(&self.builds[at]);
                    self.client.put(&format!("{path}/retry_failed_jobs"));
                    self.model.retry_failed(at);
                    (true, true)
                }
            },
            Act::By(wanted, job, hand) => match build(&self.builds, wanted) {
                None => (true, true),
                Some(at) => self.by_hand(at, job, hand),
            },
            Act::Advance(by) => {
                self.model.advance(by);
                self.fake.advance(span(by));
                (true, true)
            }
            Act::RunUntilIdle => {
                self.model.run_until_idle();
                self.fake.run_until_idle();
                (true, true)
            }
            Act::Snapshot => {
                self.kept = Some((
                    self.fake.snapshot(),
                    self.model.clone(),
                    self.builds.clone(),
                ));
                (true, true)
            }
            Act::Rewind => {
                if let Some((snapshot, model, builds)) = &self.kept {
                    self.fake.rewind(snapshot);
                    self.model = model.clone();
                    self.builds.clone_from(builds);
                }
                (true, true)
            }
        };
        if answers.0 {
            seen.allowed += 1;
        } else {
            seen.refused += 1;
        }
        self.find_builds();
        answers
    }

    /// Trigger steps make builds, too. Both make them in the same order in each pipeline.
    fn find_builds(&mut self) {
        for build in &self.model.builds[self.builds.len()..] {
            let numbers = self.pipelines[build.pipeline].builds();
            let found = numbers
                .into_iter()
                .find(|found| found.number() == build.number);
            let Some(found) = found else {
                return;
            };
            self.builds.push(found);
        }
    }

    fn by_hand(&mut self, at: usize, wanted: usize, hand: Hand) -> (bool, bool) {
        let jobs = self.builds[at].all_jobs();
        let order = self.model.in_order(at);
        if jobs.is_empty() || jobs.len() != order.len() {
            return (true, true);
        }
        let place = wanted % jobs.len();
        let job = &jobs[place];
        let ours = self.model.by_hand(at, order[place], hand);
        (ours, make_move(job, hand))
    }

    fn compare(
        &self,
        after: usize,
        act: Act,
        answers: (bool, bool),
        seen: &mut Seen,
    ) -> Result<(), Difference> {
        let (mut model, mut fake) = (self.model_lines(), self.fake_lines(seen));
        if answers.0 != answers.1 {
            let said = |allowed| format!("{act:?} {}", if allowed { "allowed" } else { "refused" });
            model.insert(0, said(answers.0));
            fake.insert(0, said(answers.1));
        }
        let count: usize = self
            .pipelines
            .iter()
            .map(|pipeline| pipeline.builds().len())
            .sum();
        model.push(format!(
            "{} builds, now {}",
            self.model.builds.len(),
            self.model.now
        ));
        let now = (self.fake.clock().now() - self.start).num_milliseconds();
        fake.push(format!("{count} builds, now {now}"));
        seen.compared += model.len();
        let differs = (0..model.len().max(fake.len())).find(|&at| model.get(at) != fake.get(at));
        let Some(at) = differs else {
            return Ok(());
        };
        let mut picture = String::new();
        for line in 0..model.len().max(fake.len()) {
            let side = |lines: &[String]| lines.get(line).cloned().unwrap_or_default();
            if side(&model) == side(&fake) {
                writeln!(picture, "    {}", side(&model)).expect("a string");
            } else {
                writeln!(picture, "  m {}\n  f {}", side(&model), side(&fake)).expect("a string");
            }
        }
        let about = about(model.get(at), fake.get(at));
        Err(Difference {
            after,
            about,
            picture,
        })
    }

    fn model_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, build) in self.model.builds.iter().enumerate() {
            lines.push(format!(
                "pipeline {} #{} {} blocked {} started {} failing {} finished {}",
                build.pipeline,
                build.number,
                self.model.reported(at),
                build.state == BuildState::Blocked,
                shown(build.started),
                shown(build.failing),
                shown(build.finished),
            ));
            let order = self.model.in_order(at);
            for &index in &order {
                let job = &build.jobs()[index];
                let retried_in = job
                    .retried_in
                    .and_then(|new| order.iter().position(|one| *one == new));
                lines.push(format!(
                    "  {} {} {} attempt {} exit {:?} soft {} retried {:?} broken {:?} promised {:?} created {} runnable {} started {} finished {} unblocked {}",
                    self.model.key(at, index),
                    job.kind,
                    if job.state == JobState::Limited { JobState::Scheduled } else { job.state },
                    job.attempt,
                    job.exit,
                    job.soft_failed,
                    retried_in,
                    self.model.broken_reason(at, index),
                    job.promise,
                    job.created,
                    shown(job.runnable),
                    shown(job.started),
                    shown(job.finished),
                    shown(job.unblocked),
                ));
            }
        }
        lines
    }

    fn fake_lines(&self, seen: &mut Seen) -> Vec<String> {
        let at = |instant: Option<DateTime<Utc>>| {
            shown(instant.map(|instant| (instant - self.start).num_milliseconds()))
        };
        let mut lines = Vec::new();
        for (build, known) in self.builds.iter().zip(&self.model.builds) {
            let state = build.state();
            *seen.builds.entry(state.as_str()).or_default() += 1;
            lines.push(format!(
                "pipeline {} #{} {state} blocked {} started {} failing {} finished {}",
                known.pipeline,
                build.number(),
                build.is_blocked(),
                at(build.started_at()),
                at(build.failing_at()),
                at(build.finished_at()),
            ));
            let jobs = build.all_jobs();
            let ids: Vec<_> = jobs.iter().map(JobHandle::id).collect();
            for job in &jobs {
                let state = job.state();
                *seen.jobs.entry(state.as_str()).or_default() += 1;
                let retried_in = job
                    .retried_in()
                    .and_then(|new| ids.iter().position(|one| *one == new.id()));
                lines.push(format!(
                    "  {} {} {state} attempt {} exit {:?} soft {} retried {retried_in:?} broken {:?} promised {:?} created {} runnable {} started {} finished {} unblocked {}",
                    key_of(job),
                    job.job_type(),
                    job.attempt(),
                    job.exit_status().map(|status| (status, job.signal_reason())),
                    job.soft_failed(),
                    job.broken_reason(),
                    job.promised_exit_status(),
                    (job.created_at() - self.start).num_milliseconds(),
                    at(job.runnable_at()),
                    at(job.started_at()),
                    at(job.finished_at()),
                    at(job.unblocked_at()),
                ));
            }
        }
        lines
    }
}

fn key_of(job: &JobHandle) -> String {
    let name = job.name();
    // One job of a matrix or a parallel step is called by its command.
    name.split(' ')
        .find(|word| word.len() > 1 && word.starts_with('s'))
        .unwrap_or(&name)
        .to_owned()
}

/// The words in which two lines differ.
fn about(model: Option<&String>, fake: Option<&String>) -> String {
    let (Some(model), Some(fake)) = (model, fake) else {
        return "how many".to_owned();
    };
    let mut label = "";
    for (model, fake) in model.split(' ').zip(fake.split(' ')) {
        if model != fake {
            let value = |word: &str| {
                word.chars()
                    .filter(|one| !one.is_ascii_digit())
                    .collect::<String>()
            };
            return format!("{label}: {} / {}", value(model), value(fake));
        }
        if model.chars().all(|one| one.is_ascii_lowercase()) {
            label = model;
        }
    }
    "the rest".to_owned()
}

fn shown(at: Option<i64>) -> String {
    at.map_or("-".to_owned(), |at| at.to_string())
}

fn span(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).expect("no time before the start"))
}

fn tell(pipeline: &PipelineHandle, key: &str, attempts: &[Attempt]) {
    let mut script = pipeline.on_job(key);
    for (at, attempt) in attempts.iter().enumerate() {
        if at > 0 {
            script = script.then();
        }
        script = match attempt.pick_up {
            Some(wait) => script.picked_up_after(span(wait)),
            None => script.never_picked_up(),
        };
        script = match attempt.takes {
            Some(takes) => script.takes(span(takes)),
            None => script.hangs(),
        };
        script = match attempt.exit {
            Some((status, None)) => script.exits(status),
            Some((status, Some(reason))) => script.exits_with(Exit::status(status).reason(reason)),
            None => script.loses_agent(),
        };
        if let Some((after, status)) = attempt.promise {
            script = script.promises_failure_after(span(after), status);
        }
    }
}

/// Whether it was possible.
fn make_move(job: &JobHandle, hand: Hand) -> bool {
    let wanted = match hand {
        Hand::Start => Move::Start,
        Hand::Finish(exit_status, None) => Move::Finish { exit_status },
        Hand::Finish(exit_status, Some(reason)) => {
            let state = job.state();
            let can = matches!(
                state,
                JobState::Running | JobState::Canceling | JobState::TimingOut
            ) && job.job_type() == JobType::Script;
            if can {
                job.finish_with(Exit::status(exit_status).reason(reason));
            }
            return can;
        }
        Hand::Cancel => Move::Cancel,
        Hand::TimeOut => Move::TimeOut,
        Hand::Expire => Move::Expire,
        Hand::Silence => Move::SilenceAgent,
        Hand::Lose => Move::LoseAgent,
        Hand::Promise(exit_status) => Move::PromiseFailure { exit_status },
        Hand::Unblock => Move::Unblock,
        Hand::Retry => Move::Retry,
    };
    job.try_move(wanted).is_ok()
}

/// All there is to say about a difference.
pub(super) fn report(seed: u64, world: &World, difference: &Difference) -> String {
    let mut text = format!(
        "world {seed}: {} ({:?} agents)\n",
        difference.about, world.fleet
    );
    for (at, pipeline) in world.pipelines.iter().enumerate() {
        write!(text, "\npipeline {at}").expect("a string");
        let settings = [
            (pipeline.skips_intermediate, "skips intermediate builds"),
            (pipeline.cancels_intermediate, "cancels intermediate builds"),
        ];
        for (_, said) in settings.iter().filter(|(is_on, _)| *is_on) {
            write!(text, ", {said}").expect("a string");
        }
        let timeouts = (pipeline.default_timeout, pipeline.maximum_timeout);
        if timeouts != (None, None) {
            write!(text, ", timeouts {timeouts:?}").expect("a string");
        }
        writeln!(text, "\n{}", pipeline.yaml()).expect("a string");
        for (key, attempts) in &pipeline.scripts {
            writeln!(text, "  {key} {attempts:?}").expect("a string");
        }
    }
    writeln!(text, "\nacts").expect("a string");
    for act in &world.acts {
        writeln!(text, "  {act:?}").expect("a string");
    }
    writeln!(
        text,
        "\nm is the model, f the fake:\n{}",
        difference.picture
    )
    .expect("a string");
    text
}
