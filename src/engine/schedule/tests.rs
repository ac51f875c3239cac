//! Random lives of schedules from a seed, with the invariants checked after every move and every slot.

use chrono::{DateTime, TimeDelta};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use crate::engine::agent::Fleet;
use crate::engine::commands::{
    ArchivePipeline, CreatePipeline, CreateSchedule, DeletePipeline, DeleteSchedule, FireSchedule,
    Switch, UnarchivePipeline, UpdateSchedule,
};
use crate::engine::pipeline::{self, PipelineKey};
use crate::engine::recipe::Source;
use crate::engine::schedule::{Cronline, ScheduleKey, Settings};
use crate::engine::{Command, Engine};
use crate::vocabulary::access::Access;
use crate::vocabulary::event::Event;

const LINES: [&str; 5] = [
    "@hourly",
    "*/10 * * * *",
    "30 2 * * * Europe/Berlin",
    "0 0 29 2 *",
    "@weekly",
];

struct Walk {
    engine: Engine,
    random: Xoshiro256PlusPlus,
    pipelines: u32,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let start = DateTime::from_timestamp(1_772_000_000, 0).expect("in February 2026");
        let mut engine = Engine::new(seed, start, Fleet::Unlimited);
        engine.add_organization("acme", "Acme");
        Self {
            engine,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            pipelines: 0,
        }
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.random.random_range(0..from.len())].clone())
    }

    fn pipeline(&mut self) -> Option<PipelineKey> {
        let keys: Vec<_> = self.engine.pipelines.iter().map(|(key, _)| key).collect();
        self.pick(&keys)
    }

    fn schedule(&mut self) -> Option<ScheduleKey> {
        let keys: Vec<_> = self.engine.schedules.iter().map(|(key, _)| key).collect();
        self.pick(&keys)
    }

    fn cronline(&mut self) -> Cronline {
        let line = self.pick(&LINES).expect("some");
        Cronline::read(line.to_owned()).expect("a good line")
    }

    fn switch(&mut self) -> Switch {
        [Switch::On, Switch::On, Switch::Off][self.random.random_range(0..3)]
    }

    /// A refused command changes nothing.
    fn apply<C: Command>(&mut self, command: C) {
        let before = self.engine.clone();
        match self.engine.apply(command) {
            Ok(applied) => check_events(&applied.events),
            Err(_) => assert_eq!(format!("{before:?}"), format!("{:?}", self.engine)),
        }
        self.engine.check_invariants();
    }

    fn create_pipeline(&mut self) {
        self.pipelines += 1;
        let (organization, _) = self.engine.organizations().next().expect("one");
        // A branch that fills in a condition makes no build.
        let steps = [
            "steps: [{command: make}]",
            "steps: [{command: make, if: build.message == $BUILDKITE_BRANCH}]",
        ];
        let steps = self.pick(&steps).expect("some").to_owned();
        let repository = "git@github.com:acme/app.git".to_owned();
        let mut settings = pipeline::Settings::for_repository(repository);
        settings.skip_queued.is_on = self.pipelines % 2 == 0;
        self.apply(CreatePipeline {
            organization,
            name: format!("p{}", self.pipelines),
            slug: None,
            settings,
            steps: Source::Yaml(steps),
            env: Vec::new(),
            access: Access::ManageBuildAndRead,
            teams: Vec::new(),
            created_by: None,
        });
    }

    fn step(&mut self) {
        let (pipeline, schedule) = (self.pipeline(), self.schedule());
        match (self.random.random_range(0..12), pipeline, schedule) {
            (0, ..) | (_, None, _) => self.create_pipeline(),
            (1, Some(pipeline), _) => self.apply(ArchivePipeline { pipeline }),
            (2, Some(pipeline), _) => self.apply(UnarchivePipeline { pipeline }),
            (3, Some(pipeline), _) if self.random.random_ratio(1, 5) => {
                self.apply(DeletePipeline { pipeline });
            }
            (4..=5, Some(pipeline), _) | (_, Some(pipeline), None) => {
                let (cronline, switch) = (self.cronline(), self.switch());
                self.apply(CreateSchedule {
                    pipeline,
                    cronline,
                    settings: Settings::for_branch("main".to_owned()),
                    switch,
                    created_by: None,
                });
            }
            (6..=7, _, Some(schedule)) => {
                let cronline = self.random.random_ratio(1, 2).then(|| self.cronline());
                let switch = self.random.random_ratio(2, 3).then(|| self.switch());
                let settings = self.engine.schedule(schedule).settings.clone();
                self.apply(UpdateSchedule {
                    schedule,
                    cronline,
                    settings,
                    switch,
                });
            }
            (8, _, Some(schedule)) => self.apply(FireSchedule { schedule }),
            (9, _, Some(schedule)) => self.engine.order_failure(schedule, "no".into()),
            (10, _, Some(schedule)) if self.random.random_ratio(1, 3) => {
                self.apply(DeleteSchedule { schedule });
            }
            _ => self.advance(),
        }
    }

    fn advance(&mut self) {
        let minutes = [0, 1, 10, 60, 600][self.random.random_range(0..5)];
        let target = self.engine.now() + TimeDelta::minutes(minutes);
        let mut events = Vec::new();
        while self.engine.fire_next(target, &mut events).is_some() {
            check_events(&events);
            events.clear();
            self.engine.check_invariants();
        }
        self.engine.wait_until(target);
    }
}

/// A slot is told before what it leads to.
fn check_events(events: &[Event]) {
    let is_of_schedule = |event: &&Event| event.schedule().is_some();
    let count = events.iter().filter(is_of_schedule).count();
    assert!(count <= 1, "one slot at a time");
    if count == 1 {
        assert!(events[0].schedule().is_some(), "{}", events[0]);
    }
}

#[test]
fn random_lives_of_schedules_keep_the_invariants() {
    let (mut fired, mut failed) = (0, 0);
    for seed in 0..30 {
        let mut walk = Walk::new(seed);
        for _ in 0..80 {
            walk.step();
        }
        let schedules = || walk.engine.schedules.iter().map(|(_, schedule)| schedule);
        fired += schedules()
            .filter(|schedule| !schedule.builds.is_empty())
            .count();
        failed += schedules()
            .filter(|schedule| schedule.failure().is_some())
            .count();
    }
    // What is checked has happened.
    assert!(fired > 20 && failed > 20, "{fired} {failed}");
}

#[test]
fn a_line_that_has_no_next_instant_has_no_timer() {
    let mut walk = Walk::new(1);
    walk.create_pipeline();
    let pipeline = walk.pipeline().expect("one");
    walk.engine
        .wait_until(DateTime::<chrono::Utc>::MAX_UTC - TimeDelta::days(1));
    let cronline = Cronline::read("@yearly".to_owned()).expect("a good line");
    walk.apply(CreateSchedule {
        pipeline,
        cronline,
        settings: Settings::for_branch("main".to_owned()),
        switch: Switch::On,
        created_by: None,
    });
    let schedule = walk.schedule().expect("one");
    let schedule = walk.engine.schedule(schedule);
    assert!(schedule.is_enabled() && schedule.next_build_at().is_none());
}
