//! How builds and their jobs come to be, and which steps are left out of them.

use fake_buildkite::{BuildState, JobState, JobType};

use super::{Build, Flat, Job, Model, branch_matches};
use crate::model::worlds::{Fleet, Kind, Pipeline, Step};

impl Model {
    pub(crate) fn new(fleet: Fleet, pipelines: Vec<Pipeline>) -> Self {
        Self {
            fleet,
            pipelines,
            now: 0,
            builds: Vec::new(),
            lost_agents: 0,
            timers: Vec::new(),
            armed: 0,
            made: 0,
            to_act: Vec::new(),
            to_cancel: Vec::new(),
        }
    }

    pub(crate) fn create(&mut self, pipeline: usize, branch: &str) {
        self.make_build(pipeline, branch, None, None);
        self.settle();
    }

    pub(crate) fn rebuild(&mut self, build: usize) {
        let (pipeline, branch) = (
            self.builds[build].pipeline,
            self.builds[build].branch.clone(),
        );
        self.make_build(pipeline, &branch, Some(build), None);
        self.settle();
    }

    pub(super) fn make_build(
        &mut self,
        pipeline: usize,
        branch: &str,
        rebuilt_from: Option<usize>,
        triggered_by: Option<(usize, usize)>,
    ) -> usize {
        let earlier = self
            .builds
            .iter()
            .filter(|build| build.pipeline == pipeline)
            .count();
        let number = u64::try_from(earlier).expect("a small number") + 1;
        let mut build = Build {
            pipeline,
            number,
            branch: branch.to_owned(),
            state: BuildState::Scheduled,
            started: None,
            failing: None,
            finished: None,
            is_to_cancel: false,
            gave_way: false,
            steps: Vec::new(),
            groups: Vec::new(),
            jobs: Vec::new(),
            rebuilt_from,
            triggered_by,
        };
        for step in &self.pipelines[pipeline].steps {
            if let Kind::Group(children) = &step.kind {
                let group = build.groups.len();
                build.groups.push(step.clone());
                for child in children {
                    let broken = why_broken(&[step, child], &build);
                    let (step, group) = (child.clone(), Some(group));
                    build.steps.push(Flat {
                        step,
                        group,
                        broken,
                    });
                }
            } else {
                let broken = why_broken(&[step], &build);
                build.steps.push(Flat {
                    step: step.clone(),
                    group: None,
                    broken,
                });
            }
        }
        self.remove_waits_beside_blocks(&mut build, pipeline);
        for step in 0..build.steps.len() {
            // A step that is left out is one job, which says so.
            let is_broken = build.steps[step].broken.is_some();
            let count = if is_broken {
                1
            } else {
                jobs_of(&build.steps[step].step)
            };
            for index in 0..count {
                let job = self.new_job(&build, step, index);
                build.jobs.push(job);
            }
        }
        self.builds.push(build);
        let newest = self.builds.len() - 1;
        if self.pipelines[pipeline].skips_intermediate {
            for older in 0..newest {
                let is_meant = self.builds[older].pipeline == pipeline
                    && self.builds[older].branch == branch
                    && self.builds[older].state == BuildState::Scheduled;
                if is_meant {
                    self.skip_build(older);
                }
            }
        }
        newest
    }

    /// A wait next to a block adds nothing and is left out, with what it says about failures.
    fn remove_waits_beside_blocks(&self, build: &mut Build, pipeline: usize) {
        let is_block = |build: &Build, key: &str| {
            let found = build.steps.iter().find(|flat| flat.step.key == key);
            found.is_some_and(|flat| {
                flat.broken.is_none() && matches!(flat.step.kind, Kind::Block { .. })
            })
        };
        let outer = &self.pipelines[pipeline].steps;
        let inner = outer.iter().filter_map(|step| match &step.kind {
            Kind::Group(children) => Some(children),
            _ => None,
        });
        for scope in std::iter::once(outer).chain(inner) {
            for at in 0..scope.len() {
                let before = at.checked_sub(1).and_then(|before| scope.get(before));
                let neighbours = [before, scope.get(at + 1)];
                let is_beside = neighbours
                    .into_iter()
                    .flatten()
                    .any(|neighbour| is_block(build, &neighbour.key));
                if matches!(scope[at].kind, Kind::Wait { .. }) && is_beside {
                    let key = &scope[at].key;
                    let flat = build.steps.iter_mut().find(|flat| flat.step.key == *key);
                    let flat = flat.expect("a step of the build");
                    flat.broken = flat.broken.or(Some("optimizer_removed"));
                }
            }
        }
    }

    pub(super) fn new_job(&mut self, build: &Build, step: usize, index: usize) -> Job {
        let flat = &build.steps[step];
        let kind = match flat.step.kind {
            Kind::Command(_) => JobType::Script,
            Kind::Wait { .. } => JobType::Waiter,
            Kind::Block { .. } | Kind::Input => JobType::Manual,
            Kind::Trigger { .. } => JobType::Trigger,
            Kind::Group(_) => unreachable!("a group is no job"),
        };
        let state = match kind {
            _ if flat.broken.is_some() => JobState::Broken,
            JobType::Manual => JobState::Blocked,
            _ => JobState::Waiting,
        };
        self.made += 1;
        Job {
            step,
            index,
            kind,
            state,
            attempt: 1,
            created: self.now,
            scheduled: self.now,
            runnable: None,
            started: None,
            finished: None,
            unblocked: None,
            exit: None,
            soft_failed: false,
            retried_in: None,
            retry_of: None,
            retried_by_rule: None,
            promise: None,
            made: self.made,
            is_due: false,
            does: None,
            is_beside_the_fleet: false,
            by_hand: false,
            is_silent: false,
            child: None,
        }
    }

    fn skip_build(&mut self, at: usize) {
        use JobState as S;
        let now = self.now;
        let build = &mut self.builds[at];
        build.gave_way = true;
        build.state = BuildState::Skipped;
        build.finished = Some(now);
        for job in &mut build.jobs {
            if matches!(
                job.state,
                S::Waiting | S::Blocked | S::Limited | S::Scheduled | S::Broken
            ) {
                job.state = S::Skipped;
                job.finished = Some(now);
            }
        }
    }
}

fn jobs_of(step: &Step) -> usize {
    let Kind::Command(command) = &step.kind else {
        return 1;
    };
    command.parallelism.or(command.matrix).unwrap_or(1)
}

/// Of a step, and of the group around it. Which of several reasons is shown is nowhere said.
fn why_broken(steps: &[&Step], build: &Build) -> Option<&'static str> {
    let any = |is_so: &dyn Fn(&Step) -> bool| steps.iter().any(|step| is_so(step));
    let misses = |step: &Step| {
        step.branches
            .is_some_and(|patterns| !branch_matches(patterns, &build.branch))
    };
    let fails = |step: &Step| {
        step.condition
            .is_some_and(|condition| !condition.holds(&build.branch, build.number))
    };
    let asks_for_none = |step: &Step| match &step.kind {
        Kind::Command(command) => command.parallelism == Some(0),
        _ => false,
    };
    if any(&|step| step.skip) {
        Some("")
    } else if any(&misses) {
        Some("branch_mismatch")
    } else if any(&fails) {
        Some("conditional_failed")
    } else {
        any(&asks_for_none).then_some("parallelism_zero")
    }
}
