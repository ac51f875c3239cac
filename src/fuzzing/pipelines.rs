//! Pipelines: as text, and as builds that run.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta};

use crate::engine::account::UserKey;
use crate::engine::agent::Fleet;
use crate::engine::build::{BuildKey, Head};
use crate::engine::commands::{
    Answers, CreateBuild, CreatePipeline, Judge, UnblockJob, UploadPipeline,
};
use crate::engine::job::{JobKey, State};
use crate::engine::judging::Question;
use crate::engine::pipeline::Settings;
use crate::engine::recipe::Source;
use crate::engine::{Command, Engine};
use crate::fuzzing::{BETWEEN, text};
use crate::pipeline::{Definition, Interpolation, Pipeline, PipelineError, Step};
use crate::script::PipelineUpload;
use crate::vocabulary::access::Access;
use crate::vocabulary::states::BuildSource;

fn environment() -> BTreeMap<String, String> {
    let known = [
        ("A", "é b"),
        ("BUILDKITE_BRANCH", "main"),
        ("EMPTY", ""),
        ("N", "3"),
    ];
    known
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn is_said(error: &PipelineError) {
    assert!(!error.message().is_empty());
    assert!(!error.to_string().contains('\n'), "{error}");
}

/// In words, but for the lines and columns of things.
fn without_places(pipeline: &Pipeline) -> String {
    let mut shown = format!("{pipeline:?}");
    for place in [" line: ", " column: "] {
        let mut pieces = shown.split(place);
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            out.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        shown = out;
    }
    shown
}

/// A file is read the same each time, filled in the same each time, and what an agent sends of it is read as what it
/// was.
pub fn pipeline(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let all = Definition::load_all(text).inspect_err(is_said);
    let definition = match Definition::load(text) {
        Ok(definition) => definition,
        Err(error) => {
            is_said(&error);
            // Nothing is no file, and no file is nothing to upload.
            assert!(all.is_err() || all == Ok(Vec::new()), "{text:?}");
            return;
        }
    };
    if let Ok(all) = all {
        assert_eq!(all.first().unwrap_or(&definition), &definition);
    }
    let environment = environment();
    let configuration = Interpolation::Configuration {
        environment: &environment,
    };
    let _ = definition.pipeline().inspect_err(is_said);
    for how in [
        Interpolation::None,
        Interpolation::upload(&environment),
        configuration,
    ] {
        let filled = definition.interpolated(how).inspect_err(is_said);
        assert_eq!(filled, definition.interpolated(how), "filled in twice");
        let Ok(sent) = definition.sent(how).inspect_err(is_said) else {
            assert!(filled.is_err());
            continue;
        };
        assert_eq!(sent.pipeline(), filled, "the same is sent");
        let yaml = sent.yaml();
        let again = match Definition::load(&yaml) {
            Ok(again) => again,
            Err(error) => panic!("{error} in {yaml:?}, which was {text:?}"),
        };
        let again = again.sent(Interpolation::None).expect("nothing to fill in");
        assert_eq!(again.yaml(), yaml, "written twice");
        assert_eq!(again.size(), sent.size(), "{yaml:?}");
        // Where something is wrong may be on another line.
        match (again.pipeline(), filled) {
            (Ok(again), Ok(filled)) => {
                assert_eq!(without_places(&again), without_places(&filled), "{yaml:?}");
                let limit = 100_000_000;
                assert!(filled.job_count() < limit, "{} jobs", filled.job_count());
                let _ = filled.beyond_limits();
            }
            (Err(_), Err(_)) => {}
            // A date that is no text in a file is text in JSON, and so in what an agent sends.
            (Ok(_), Err(_)) if format!("{sent:?}").contains("Timestamp(") => {}
            (again, filled) => panic!("{again:?} and {filled:?} of {yaml:?}"),
        }
    }
}

/// One text: without a `$` it is itself; with one it is the same each time, and no longer than it may be.
pub fn interpolation(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let json = serde_json::json!({ "steps": [{ "command": text }] }).to_string();
    // Characters that YAML does not take.
    let Ok(definition) = Definition::load(&json) else {
        return;
    };
    assert_eq!(definition.has_dollars(), text.contains('$'));
    let environment = environment();
    let command = |how| {
        let filled = definition.interpolated(how).inspect_err(is_said).ok()?;
        match filled.steps.first()? {
            Step::Command(step) => Some(format!("{:?}", step.command)),
            Step::Wait(_) | Step::Block(_) | Step::Input(_) | Step::Trigger(_) | Step::Group(_) => {
                None
            }
        }
    };
    let plain = command(Interpolation::None);
    for how in [
        Interpolation::upload(&environment),
        Interpolation::Configuration {
            environment: &environment,
        },
    ] {
        let filled = command(how);
        assert_eq!(filled, command(how), "filled in twice");
        if !text.contains('$') {
            assert_eq!(filled, plain);
        }
        assert!(filled.is_none_or(|filled| filled.len() < 1 << 25));
    }
}

/// How many jobs a world may have, and how many things may happen in it, before it is left alone.
const MANY_JOBS: usize = 300;
const MANY_EVENTS: usize = 3_000;

/// Steps, and what its jobs upload one after the other: everything the engine promises holds at every instant, and what
/// is refused changes nothing.
pub fn upload(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let mut parts = text.split(BETWEEN);
    let steps = parts.next().unwrap_or_default();
    let mut run = Run::new();
    let Some(build) = run.start(steps) else {
        return;
    };
    for (n, part) in parts.take(4).enumerate() {
        let Some(job) = run.until_running(build) else {
            break;
        };
        let upload = PipelineUpload::yaml(part);
        let upload = if n % 2 == 1 {
            upload.replacing()
        } else {
            upload
        };
        run.apply(UploadPipeline { job, upload });
    }
    run.go_to_the_end();
}

/// A world in which one pipeline runs.
struct Run {
    engine: Engine,
    user: UserKey,
    left: usize,
}

impl Run {
    fn new() -> Self {
        static EMPTY: OnceLock<(Engine, UserKey)> = OnceLock::new();
        let (engine, user) = EMPTY.get_or_init(|| {
            let mut engine = Engine::new(0, DateTime::UNIX_EPOCH, Fleet::Unlimited);
            let _ = engine.add_organization("acme", "Acme");
            let user = engine.add_user("A", "a@example.com");
            (engine, user)
        });
        let mut run = Self {
            engine: engine.clone(),
            user: *user,
            left: MANY_EVENTS,
        };
        let other = run.create_pipeline("other", "steps: [{command: other}]");
        assert!(other.is_some());
        run
    }

    fn create_pipeline(
        &mut self,
        name: &str,
        steps: &str,
    ) -> Option<crate::engine::pipeline::PipelineKey> {
        let (organization, _) = self.engine.organizations().next().expect("one");
        let repository = "git@example.com:a/b.git".to_owned();
        self.apply(CreatePipeline {
            organization,
            name: name.to_owned(),
            slug: None,
            settings: Settings::for_repository(repository),
            steps: Source::Yaml(steps.to_owned()),
            env: Vec::new(),
            access: Access::ManageBuildAndRead,
            teams: Vec::new(),
            created_by: None,
        })
    }

    fn start(&mut self, steps: &str) -> Option<BuildKey> {
        let pipeline = self.create_pipeline("app", steps)?;
        let head = Head {
            commit: "HEAD".to_owned(),
            branch: "main".to_owned(),
            tag: None,
            message: Some("deploy".to_owned()),
            env: vec![("A".to_owned(), "é b".to_owned())],
            source: BuildSource::Api,
            author: None,
            creator: Some(self.user),
            pull_request: None,
            clean_checkout: false,
            rebuilt_from: None,
            triggered_from: None,
            changed_files: Some(vec!["src/main.rs".to_owned()]),
        };
        self.apply(CreateBuild {
            pipeline,
            head,
            meta_data: Vec::new(),
        })
    }

    /// What is refused changes nothing, and what is not leaves everything as it must be.
    fn apply<C: Command>(&mut self, command: C) -> Option<C::Output> {
        let before = self.engine.clone();
        let applied = self.engine.apply(command);
        if let Ok(applied) = applied {
            self.check(&before);
            self.answer_questions();
            Some(applied.value)
        } else {
            self.engine.check_same(&before);
            None
        }
    }

    /// A big world is not looked at each time.
    fn check(&self, before: &Engine) {
        if !self.is_crowded() {
            self.engine.check_changed(before);
        }
    }

    fn is_crowded(&self) -> bool {
        let builds = self.engine.builds();
        let jobs = builds.flat_map(|build| self.engine.jobs_of(build));
        jobs.take(MANY_JOBS + 1).count() > MANY_JOBS
    }

    fn answer_questions(&mut self) {
        while let Some(question) = self.engine.question() {
            let verdict = question.predicate.holds(&question.view);
            let Question { job, rule, .. } = question;
            let Ok(_) = self.engine.apply(Judge { job, rule, verdict });
        }
    }

    /// Lets the next thing happen, if there is any that moves a build.
    fn step(&mut self) -> bool {
        if self.left == 0 || self.is_crowded() || self.engine.timers().first_progress().is_none() {
            return false;
        }
        self.left -= 1;
        let before = self.engine.clone();
        let far = self.engine.now() + TimeDelta::days(400);
        let Some(_) = self.engine.fire_next(far, &mut Vec::new()) else {
            return false;
        };
        assert!(self.engine.now() >= before.now(), "time does not go back");
        self.check(&before);
        self.answer_questions();
        true
    }

    fn until_running(&mut self, build: BuildKey) -> Option<JobKey> {
        loop {
            let running = |(key, job): (JobKey, &crate::engine::job::Job)| {
                (job.state == State::Running).then_some(key)
            };
            if let Some(job) = self.engine.jobs_of(build).find_map(running) {
                return Some(job);
            }
            if !self.step() {
                return None;
            }
        }
    }

    /// Whoever waits for a person is unblocked.
    fn go_to_the_end(&mut self) {
        loop {
            while self.step() {}
            if self.left == 0 || self.is_crowded() {
                return;
            }
            let builds: Vec<_> = self.engine.builds().collect();
            let mut jobs = builds.iter().flat_map(|build| self.engine.jobs_of(*build));
            let blocked = jobs.find(|(_, job)| job.state == State::Blocked);
            let Some(job) = blocked.map(|(key, _)| key) else {
                break;
            };
            drop(jobs);
            let (by, answers) = (self.user, Answers::Defaults);
            let unblocked = self.apply(UnblockJob { job, by, answers });
            assert!(unblocked.is_some(), "a blocked job can be unblocked");
        }
        self.engine.check_invariants();
    }
}
