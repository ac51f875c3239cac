//! Random worlds: pipelines, commands and time from a printed seed, with the invariants checked after every move.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::engine::Engine;
use crate::engine::account::UserKey;
use crate::engine::agent::Fleet;
use crate::engine::build::{BuildKey, Cancellation, Head};
use crate::engine::commands::{
    Answers, ArchivePipeline, CancelBuild, CreateBuild, CreatePipeline, DeletePipeline, MakeMove,
    Move, NewSlug, RebuildBuild, RetryJob, UnarchivePipeline, UnblockJob, UpdatePipeline,
};
use crate::engine::job::JobKey;
use crate::engine::pipeline::{PipelineKey, Settings};
use crate::engine::recipe::Source;
use crate::script::{Ending, PickUp, Takes};
use crate::vocabulary::access::Access;
use crate::vocabulary::event::{Event, EventKind};
use crate::vocabulary::states::{BuildSource, JobState};

/// How many moves one world lives through.
const A_WALK: usize = 60;

/// How many moves a run makes unless `FAKE_BUILDKITE_MOVES` says otherwise.
const MOVES: usize = 20_000;

struct Walk {
    engine: Engine,
    random: ChaCha8Rng,
    user: UserKey,
    pipelines: Vec<PipelineKey>,
    log: Vec<String>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let fleet = [
            Fleet::Unlimited,
            Fleet::Unlimited,
            Fleet::Fixed,
            Fleet::Nobody,
        ][random.random_range(0..4)];
        let mut engine = Engine::new(seed, DateTime::UNIX_EPOCH, fleet);
        if fleet == Fleet::Fixed {
            for n in 0..random.random_range(1..4) {
                engine.add_agent(&format!("a{n}"), [].into(), None);
            }
        }
        engine.add_organization("acme", "Acme");
        let user = engine.add_user("A", "a@example.com");
        Self {
            engine,
            random,
            user,
            pipelines: Vec::new(),
            log: Vec::new(),
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_ratio(percent, 100)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.random.random_range(0..from.len())])
    }

    /// A pipeline of up to eight steps over everything that is parsed and has an effect.
    fn yaml(&mut self) -> String {
        let count = self.random.random_range(0..=8);
        let mut steps = Vec::new();
        for n in 0..count {
            let mut step = match self.random.random_range(0..11) {
                10 => format!("trigger: p{}", self.random.random_range(0..20)),
                0 => "wait: ~".to_owned(),
                1 => "wait: ~, continue_on_failure: true".to_owned(),
                2 => format!("block: Gate {n}"),
                3 => format!(
                    "block: Gate {n}, blocked_state: {}",
                    ["passed", "failed", "running"][n % 3]
                ),
                4 => format!("input: Name {n}"),
                _ => {
                    let mut command = format!("command: make {n}");
                    if self.chance(20) {
                        let minutes = self.random.random_range(1..4);
                        write!(command, ", timeout_in_minutes: {minutes}").expect("a String");
                    }
                    if self.chance(20) {
                        command.push_str(
                            ["", ", soft_fail: true", ", soft_fail: [{exit_status: 2}]"][n % 3],
                        );
                    }
                    if self.chance(8) {
                        command.push_str(", skip: not today");
                    }
                    if self.chance(15) {
                        let group = self.random.random_range(0..2);
                        let limit = self.random.random_range(1..3);
                        write!(
                            command,
                            ", concurrency: {limit}, concurrency_group: g{group}"
                        )
                        .expect("a String");
                        if self.chance(30) {
                            command.push_str(", concurrency_method: eager");
                        }
                    }
                    if self.chance(15) {
                        command.push_str(
                            [
                                "",
                                ", parallelism: 3",
                                ", matrix: [a, b]",
                                ", parallelism: 0",
                            ][n % 4],
                        );
                    }
                    if self.chance(20) {
                        let limit = self.random.random_range(0..3);
                        write!(command, ", retry: {{automatic: {{limit: {limit}}}, manual: {{permit_on_passed: true}}}}")
                            .expect("a String");
                    }
                    if self.chance(10) {
                        command.push_str(", cancel_on_build_failing: true");
                    }
                    if self.chance(10) {
                        command.push_str(", if: build.branch == 'main' && build.number != 2");
                    }
                    command
                }
            };
            write!(step, ", key: k{n}").expect("a String");
            if self.chance(20) {
                // Forward, backward, to itself, or to nothing.
                let on = self.random.random_range(0..10);
                let allow = if self.chance(50) { "true" } else { "false" };
                write!(
                    step,
                    ", depends_on: [{{step: k{on}, allow_failure: {allow}}}]"
                )
                .expect("a String");
            }
            if self.chance(10) {
                step.push_str(", allow_dependency_failure: true");
            }
            steps.push(format!("  - {{{step}}}\n"));
        }
        format!(
            "steps:\n{}",
            if steps.is_empty() {
                "  []\n".to_owned()
            } else {
                steps.concat()
            }
        )
    }

    fn create_pipeline(&mut self) {
        let configuration = self.yaml();
        let (organization, _) = self.engine.organizations().next().expect("one");
        let name = format!("p{}", self.log.len());
        self.log.push(format!("pipeline {name}: {configuration}"));
        let created = self.engine.apply(CreatePipeline {
            organization,
            name,
            slug: None,
            settings: Settings::for_repository("git@github.com:acme/app.git".to_owned()),
            steps: Source::Yaml(configuration),
            env: Vec::new(),
            access: Access::ManageBuildAndRead,
            created_by: None,
        });
        let key = match created {
            Ok(applied) => applied.value,
            Err(refused) => panic!("{refused:?}"),
        };
        for n in 0..8 {
            if self.chance(60) {
                continue;
            }
            let takes = match self.random.random_range(0..5) {
                0 => Takes::Forever,
                1 => Takes::Between(TimeDelta::zero(), TimeDelta::minutes(3)),
                _ => Takes::Exactly(TimeDelta::seconds(self.random.random_range(0..200))),
            };
            let exit_status = self.random.random_range(0..3);
            let never = self.chance(10);
            self.engine.tell_scripts(key, |scripts| {
                let rule = scripts.add(&format!("k{n}"));
                let attempt = scripts.last_attempt(rule);
                attempt.takes = takes;
                attempt.ending = Ending::Exits(exit_status);
                if never {
                    attempt.pick_up = PickUp::Never;
                }
            });
        }
        self.pipelines.push(key);
    }

    fn builds(&self) -> Vec<BuildKey> {
        self.engine.builds().collect()
    }

    fn jobs(&mut self) -> Vec<JobKey> {
        let builds = self.builds();
        let Some(build) = self.pick(&builds) else {
            return Vec::new();
        };
        self.engine.jobs_of(build).map(|(key, _)| key).collect()
    }

    /// One random move; returns whether it was refused.
    fn step(&mut self) -> bool {
        let by = self.user;
        match self.random.random_range(0..100) {
            0..3 => self.create_pipeline(),
            3..13 => {
                let pipelines = self.pipelines.clone();
                let Some(pipeline) = self.pick(&pipelines) else {
                    return false;
                };
                self.log.push(format!("build of {pipeline:?}"));
                let Ok(created) = self.engine.apply(CreateBuild {
                    pipeline,
                    head: head(by),
                    meta_data: Vec::new(),
                }) else {
                    return true;
                };
                check_events(&created.events);
            }
            13..17 => {
                let builds = self.builds();
                let Some(build) = self.pick(&builds) else {
                    return false;
                };
                self.log.push(format!("cancel {build:?}"));
                return self
                    .engine
                    .apply(CancelBuild {
                        build,
                        cause: Cancellation::Person,
                    })
                    .is_err();
            }
            17..19 => {
                let builds = self.builds();
                let Some(build) = self.pick(&builds) else {
                    return false;
                };
                self.log.push(format!("rebuild {build:?}"));
                return self.engine.apply(RebuildBuild { build, by }).is_err();
            }
            19..20 if self.pipelines.len() > 3 => {
                let pipelines = self.pipelines.clone();
                let Some(pipeline) = self.pick(&pipelines) else {
                    return false;
                };
                self.log.push(format!("delete {pipeline:?}"));
                self.pipelines.retain(|known| *known != pipeline);
                let Ok(_) = self.engine.apply(DeletePipeline { pipeline });
            }
            20..32 => {
                let jobs = self.jobs();
                let Some(job) = self.pick(&jobs) else {
                    return false;
                };
                self.log.push(format!("retry {job:?}"));
                return self.engine.apply(RetryJob { job, by }).is_err();
            }
            32..42 => {
                let jobs = self.jobs();
                let Some(job) = self.pick(&jobs) else {
                    return false;
                };
                self.log.push(format!("unblock {job:?}"));
                let answers =
                    Answers::Form(vec![("a".to_owned(), vec![self.log.len().to_string()])]);
                return self.engine.apply(UnblockJob { job, by, answers }).is_err();
            }
            42..62 => return self.move_by_hand(),
            62..65 => return self.change_pipeline(),
            _ => self.advance(),
        }
        false
    }

    /// Renames a pipeline, gives it new steps, archives it or takes it back; returns whether it was refused.
    fn change_pipeline(&mut self) -> bool {
        let pipelines = self.pipelines.clone();
        let Some(pipeline) = self.pick(&pipelines) else {
            return false;
        };
        match self.random.random_range(0..4) {
            0 => {
                self.log.push(format!("archive {pipeline:?}"));
                self.engine.apply(ArchivePipeline { pipeline }).is_err()
            }
            1 | 2 => {
                self.log.push(format!("unarchive {pipeline:?}"));
                self.engine.apply(UnarchivePipeline { pipeline }).is_err()
            }
            _ => {
                // Some names are taken.
                let name = format!("q{}", self.random.random_range(0..4));
                let steps = self.yaml();
                self.log.push(format!("{pipeline:?} is {name}: {steps}"));
                let settings = self.engine.pipeline(pipeline).settings.clone();
                let update = UpdatePipeline {
                    pipeline,
                    name: Some(name),
                    slug: NewSlug::Follow,
                    settings,
                    steps: Some(Source::Yaml(steps)),
                    env: None,
                };
                self.engine.apply(update).is_err()
            }
        }
    }

    /// One random move of one random job; returns whether it was refused.
    fn move_by_hand(&mut self) -> bool {
        let jobs = self.jobs();
        let Some(job) = self.pick(&jobs) else {
            return false;
        };
        let status = self.random.random_range(-1..3);
        let wanted = [
            Move::Start,
            Move::Finish {
                exit_status: status,
            },
            Move::Finish { exit_status: 0 },
            Move::Cancel,
            Move::TimeOut,
            Move::Expire,
            Move::LoseAgent,
            Move::Unblock,
            Move::Retry,
        ];
        let wanted = self.pick(&wanted).expect("moves");
        self.log.push(format!("{wanted} {job:?}"));
        let possible = self.engine.possible_moves(job);
        let refused = self
            .engine
            .apply(MakeMove {
                job,
                wanted,
                by: self.user,
            })
            .is_err();
        if !matches!(wanted, Move::Finish { .. }) {
            assert_eq!(
                !refused,
                possible.contains(&wanted),
                "the list of possible moves is true"
            );
        }
        refused
    }

    fn advance(&mut self) {
        let seconds = [0, 1, 10, 60, 600, 2_592_000][self.random.random_range(0..6)];
        let target = self.engine.now() + TimeDelta::seconds(seconds);
        self.log.push(format!("advance {seconds} s"));
        let mut last = self.engine.now();
        while let Some((_, events)) = self.engine.fire_next(target) {
            assert!(self.engine.now() >= last, "time does not go back");
            last = self.engine.now();
            check_events(&events);
            self.engine.check_invariants();
        }
        self.engine.wait_until(target);
    }
}

fn head(creator: UserKey) -> Head {
    Head {
        commit: "HEAD".to_owned(),
        branch: "main".to_owned(),
        tag: None,
        message: None,
        env: Vec::new(),
        source: BuildSource::Api,
        author: None,
        creator: Some(creator),
        pull_request: None,
        clean_checkout: false,
        rebuilt_from: None,
        triggered_from: None,
        changed_files: None,
    }
}

/// An event says what changed, and never that nothing did.
fn check_events(events: &[Event]) {
    for event in events {
        match &event.kind {
            EventKind::Build { from, to, .. } => assert_ne!(*from, Some(*to), "{event}"),
            EventKind::Job { from, to, .. } => {
                assert_ne!(*from, Some(*to), "{event}");
                assert_ne!(*to, JobState::Limited, "{event}");
            }
            EventKind::PipelineUploaded { .. }
            | EventKind::PromisedFailure { .. }
            | EventKind::Notification { .. } => {}
        }
    }
}

fn walk(seed: u64, moves: usize) -> Engine {
    let mut walk = Walk::new(seed);
    walk.create_pipeline();
    for _ in 0..moves {
        // A clone costs nothing, which is the point of persistent tables.
        let before = walk.engine.clone();
        if walk.step() {
            assert_eq!(
                format!("{before:?}"),
                format!("{:?}", walk.engine),
                "a refused command changes nothing"
            );
        }
        walk.engine.check_invariants();
    }
    walk.engine
}

#[test]
fn random_worlds_keep_the_invariants() {
    let moves = std::env::var("FAKE_BUILDKITE_MOVES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(MOVES);
    for seed in 0..(moves / A_WALK) as u64 {
        let run = std::panic::catch_unwind(|| walk(seed, A_WALK));
        if let Err(panic) = run {
            let mut walk = Walk::new(seed);
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                walk.create_pipeline();
                for _ in 0..A_WALK {
                    walk.step();
                    walk.engine.check_invariants();
                }
            }));
            println!("seed {seed}:\n{}", walk.log.join("\n"));
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let (one, same, other) = (walk(7, 200), walk(7, 200), walk(8, 200));
    assert_eq!(format!("{one:?}"), format!("{same:?}"));
    assert_ne!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn every_job_of_every_build_ends_with_the_default_fleet() {
    for seed in 0..100 {
        let mut walk = Walk::new(seed);
        walk.engine = Engine::new(seed, DateTime::UNIX_EPOCH, Fleet::Unlimited);
        walk.engine.add_organization("acme", "Acme");
        walk.user = walk.engine.add_user("A", "a@example.com");
        walk.create_pipeline();
        let pipeline = walk.pipelines[0];
        let made = walk.engine.apply(CreateBuild {
            pipeline,
            head: head(walk.user),
            meta_data: Vec::new(),
        });
        assert!(made.is_ok(), "{made:?}");
        let far = walk.engine.now() + TimeDelta::days(60);
        while walk.engine.timers().first_progress().is_some()
            && walk.engine.fire_next(far).is_some()
        {}
        for (_, job) in walk.engine.jobs_of(walk.builds()[0]) {
            // Hanging commands without a limit, jobs nobody picks up, and gates are what is left to a person.
            let moves = job
                .timers
                .iter()
                .any(|timer| walk.engine.timers().is_progress(*timer));
            assert!(!moves, "seed {seed}: {job:?}");
        }
    }
}
