//! The rules of builds a second time: slow, plain, and from the documentation alone.
//!
//! Nothing is kept that can be worked out: who depends on whom, who holds a slot, what a build amounts to is asked anew,
//! over everything there is, until an answer changes nothing any more ([`Model::settle`]).

use fake_buildkite::{BuildState, JobState, JobType, SignalReason};

use super::worlds::{
    Attempt, Command, Fleet, Hand, Kind, Manual, Pipeline, SoftFail, Statuses, Step,
};

const GRACE: i64 = 10_000;
const UNTIL_LOST: i64 = 180_000;
const UNTIL_EXPIRED: i64 = 30 * 86_400_000;

#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) fleet: Fleet,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) now: i64,
    pub(super) builds: Vec<Build>,
    lost_agents: usize,
    timers: Vec<Timer>,
    armed: u64,
    made: u64,
    /// Trigger jobs whose turn has come.
    to_act: Vec<(usize, usize)>,
    /// Builds that somebody canceled a trigger job for.
    to_cancel: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Timer {
    due: i64,
    /// Of those due at the same instant, the one armed first is first.
    order: u64,
    job: (usize, usize),
    what: Due,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Due {
    PickUp,
    End,
    Promise(i32),
    TimeOut,
    GraceEnds,
    Lost,
    Expiry,
}

#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) pipeline: usize,
    pub(super) number: u64,
    branch: String,
    pub(super) state: BuildState,
    pub(super) started: Option<i64>,
    pub(super) failing: Option<i64>,
    pub(super) finished: Option<i64>,
    is_to_cancel: bool,
    /// A newer build of the branch was preferred.
    gave_way: bool,
    steps: Vec<Flat>,
    groups: Vec<Step>,
    /// In the order in which they were made.
    jobs: Vec<Job>,
    rebuilt_from: Option<usize>,
    triggered_by: Option<(usize, usize)>,
}

/// A step, with where it stands: a group is a scope of its own.
#[derive(Debug, Clone)]
struct Flat {
    step: Step,
    group: Option<usize>,
    broken: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    step: usize,
    index: usize,
    pub(super) kind: JobType,
    pub(super) state: JobState,
    pub(super) attempt: u32,
    pub(super) created: i64,
    scheduled: i64,
    pub(super) runnable: Option<i64>,
    pub(super) started: Option<i64>,
    pub(super) finished: Option<i64>,
    pub(super) unblocked: Option<i64>,
    pub(super) exit: Option<(i32, Option<SignalReason>)>,
    pub(super) soft_failed: bool,
    pub(super) retried_in: Option<usize>,
    retry_of: Option<usize>,
    /// The rule that made the next attempt, if one did.
    retried_by_rule: Option<usize>,
    pub(super) promise: Option<i32>,
    /// Of all jobs of the world, in the order in which they were made.
    made: u64,
    /// Its time to be picked up has come.
    is_due: bool,
    /// What its command does, decided when it started.
    does: Option<Attempt>,
    /// It was started by hand when no agent of the fleet was free.
    is_beside_the_fleet: bool,
    by_hand: bool,
    is_silent: bool,
    child: Option<usize>,
}

/// What a dependency looks like to whoever depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Class {
    Satisfied,
    Failed,
    Errored,
    Pending,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Wait,
    Go,
    Never,
}

struct Dependency {
    /// `None`: nobody has that key.
    on: Option<usize>,
    allow_failure: bool,
}

fn is_barrier(flat: &Flat) -> bool {
    flat.broken.is_none() && matches!(flat.step.kind, Kind::Wait { .. } | Kind::Block { .. })
}

fn branch_matches(patterns: &str, branch: &str) -> bool {
    let one = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => branch.starts_with(start),
        None => branch == pattern,
    };
    let (not, is): (Vec<_>, Vec<_>) = patterns.split(' ').partition(|one| one.starts_with('!'));
    let excluded = not.iter().any(|pattern| one(&pattern[1..]));
    !excluded && (is.is_empty() || is.iter().any(|pattern| one(pattern)))
}

impl Build {
    pub(super) fn jobs(&self) -> &[Job] {
        &self.jobs
    }
}

impl Job {
    fn is_current(&self) -> bool {
        self.retried_in.is_none()
    }

    fn is_on_agent(&self) -> bool {
        use JobState as S;
        self.kind == JobType::Script
            && matches!(self.state, S::Running | S::Canceling | S::TimingOut)
    }

    fn is_at_work(&self) -> bool {
        use JobState as S;
        matches!(
            self.state,
            S::Limited | S::Scheduled | S::Running | S::Canceling | S::TimingOut
        )
    }
}

// --- Making builds ---------------------------------------------------------------------------------------------------

impl Model {
    pub(super) fn new(fleet: Fleet, pipelines: Vec<Pipeline>) -> Self {
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

    pub(super) fn create(&mut self, pipeline: usize, branch: &str) {
        self.make_build(pipeline, branch, None, None);
        self.settle();
    }

    pub(super) fn rebuild(&mut self, build: usize) {
        let (pipeline, branch) = (
            self.builds[build].pipeline,
            self.builds[build].branch.clone(),
        );
        self.make_build(pipeline, &branch, Some(build), None);
        self.settle();
    }

    fn make_build(
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
        for (job, made) in self.builds[newest].jobs.clone().iter().enumerate() {
            if made.kind == JobType::Script && made.state == JobState::Waiting {
                self.arm(UNTIL_EXPIRED, (newest, job), Due::Expiry);
            }
        }
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

    fn new_job(&mut self, build: &Build, step: usize, index: usize) -> Job {
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

// --- Dependencies ----------------------------------------------------------------------------------------------------

impl Model {
    /// What a step depends on: what it says, or else what its place among wait and block steps says; in a group also what
    /// the group depends on.
    fn dependencies(&self, at: usize, step: usize) -> Vec<Dependency> {
        let build = &self.builds[at];
        let flat = &build.steps[step];
        let allows = flat.step.allow_dependency_failure
            || flat
                .group
                .is_some_and(|group| build.groups[group].allow_dependency_failure);
        let mut all = Vec::new();
        if let Some(named) = &flat.step.depends_on {
            self.named(at, named, allows, &mut all);
        } else {
            let allow_failure = allows;
            let implicit = self.implicit(at, step);
            all.extend(implicit.into_iter().map(|on| Dependency {
                on: Some(on),
                allow_failure,
            }));
        }
        if let Some(group) = flat.group {
            let group_step = &build.groups[group];
            if let Some(named) = &group_step.depends_on {
                self.named(at, named, allows, &mut all);
            } else if flat.step.depends_on.is_none() && !matches!(flat.step.kind, Kind::Input) {
                let first = build
                    .steps
                    .iter()
                    .position(|flat| flat.group == Some(group));
                let before = 0..first.expect("a group has steps");
                let outer = before
                    .rev()
                    .find(|&one| build.steps[one].group.is_none() && is_barrier(&build.steps[one]));
                let allow_failure = allows;
                all.extend(outer.map(|on| Dependency {
                    on: Some(on),
                    allow_failure,
                }));
            }
        }
        all
    }

    fn named(
        &self,
        at: usize,
        named: &[(String, Option<bool>)],
        allows: bool,
        all: &mut Vec<Dependency>,
    ) {
        let build = &self.builds[at];
        for (key, allow) in named {
            let allow_failure = allow.unwrap_or(allows);
            let group = build.groups.iter().position(|group| group.key == *key);
            let is_meant =
                |flat: &Flat| flat.step.key == *key || group.is_some() && flat.group == group;
            let meant: Vec<_> = (0..build.steps.len())
                .filter(|&one| is_meant(&build.steps[one]))
                .collect();
            if meant.is_empty() {
                all.push(Dependency {
                    on: None,
                    allow_failure,
                });
            }
            for on in meant {
                all.push(Dependency {
                    on: Some(on),
                    allow_failure,
                });
            }
        }
    }

    fn implicit(&self, at: usize, step: usize) -> Vec<usize> {
        let build = &self.builds[at];
        let flat = &build.steps[step];
        let is_input = |step: usize| matches!(build.steps[step].step.kind, Kind::Input);
        // On the outside, a group is one element, and all of its steps count.
        let is_before = |&one: &usize| flat.group.is_none() || build.steps[one].group == flat.group;
        let before = (0..step).filter(is_before);
        match flat.step.kind {
            Kind::Input => Vec::new(),
            Kind::Wait { .. } | Kind::Block { .. } => {
                before.filter(|&one| !is_input(one)).collect()
            }
            _ => {
                let mut before = before.rev();
                let nearest = before.find(|&one| {
                    build.steps[one].group == flat.group && is_barrier(&build.steps[one])
                });
                nearest.into_iter().collect()
            }
        }
    }

    fn class(&self, at: usize, step: usize) -> Class {
        use JobState as S;
        let build = &self.builds[at];
        let classes = build
            .jobs
            .iter()
            .filter(|job| job.is_current() && job.step == step)
            .map(|job| match job.state {
                S::Passed | S::Broken | S::Skipped => Class::Satisfied,
                S::Failed | S::TimedOut | S::Canceled if job.soft_failed => Class::Satisfied,
                S::Failed | S::TimedOut => Class::Failed,
                S::WaitingFailed | S::BlockedFailed | S::UnblockedFailed => Class::Failed,
                S::Canceled | S::Expired => Class::Errored,
                S::Unblocked if self.verdict(at, step) == Verdict::Go => Class::Satisfied,
                _ => Class::Pending,
            });
        let worst = [Class::Pending, Class::Errored, Class::Failed];
        let classes: Vec<_> = classes.collect();
        let worst = worst.into_iter().find(|class| classes.contains(class));
        worst.unwrap_or(Class::Satisfied)
    }

    fn verdict(&self, at: usize, step: usize) -> Verdict {
        let build = &self.builds[at];
        let is_implicit_barrier =
            is_barrier(&build.steps[step]) && build.steps[step].step.depends_on.is_none();
        let goes_on = matches!(
            build.steps[step].step.kind,
            Kind::Wait {
                continue_on_failure: true
            }
        );
        let dependencies = self.dependencies(at, step);
        let mut verdict = Verdict::Go;
        for dependency in dependencies {
            let Some(on) = dependency.on else {
                return Verdict::Wait;
            };
            match self.class(at, on) {
                Class::Pending => return Verdict::Wait,
                Class::Satisfied => {}
                // Nothing after a barrier that failed goes on, whatever a later one says by its place.
                Class::Failed if is_implicit_barrier && is_barrier(&build.steps[on]) => {
                    verdict = Verdict::Never;
                }
                Class::Failed if dependency.allow_failure => {}
                // One that it names itself it may overlook.
                Class::Failed if goes_on => {}
                Class::Failed | Class::Errored => verdict = Verdict::Never,
            }
        }
        verdict
    }
}

// --- Until nothing changes -------------------------------------------------------------------------------------------

impl Model {
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let changed = (0..self.builds.len()).any(|at| self.settle_jobs(at))
                || (0..self.builds.len()).any(|at| self.settle_triggers(at))
                || (0..self.builds.len()).any(|at| self.settle_build(at))
                || self.act()
                || self.settle_limits();
            if !changed {
                return;
            }
        }
        panic!("the model does not settle");
    }

    fn is_frozen(&self, at: usize) -> bool {
        let build = &self.builds[at];
        build.is_to_cancel || build.state == BuildState::Skipped
    }

    /// Whether anything goes on in a build. What waits does not count: it waits for something that does, or for a
    /// person, or for what nobody has. What was unblocked early does, by the letter, while somebody can still act.
    fn has_work(&self, at: usize) -> bool {
        let current = self.builds[at].jobs.iter().filter(|job| job.is_current());
        let current: Vec<_> = current.collect();
        let is_early = |job: &Job| {
            job.state == JobState::Unblocked && self.verdict(at, job.step) == Verdict::Wait
        };
        current.iter().any(|job| job.is_at_work())
            || current.iter().any(|job| job.state == JobState::Blocked)
                && current.iter().any(|job| is_early(job))
    }

    fn has_failed(&self, at: usize) -> bool {
        use JobState as S;
        let build = &self.builds[at];
        build
            .jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.is_current())
            .any(|(index, job)| match job.state {
                S::Failed | S::TimedOut | S::Canceled => !job.soft_failed,
                S::Expired => true,
                // Also when it is being stopped: a build does not recover by that.
                S::Running | S::TimingOut | S::Canceling => self.has_promised(at, index),
                _ => false,
            })
    }

    fn has_promised(&self, at: usize, index: usize) -> bool {
        let promise = self.builds[at].jobs[index].promise;
        promise.is_some_and(|status| self.weight(at, index, (status, None)) == 2)
    }

    /// What the jobs of a build do because of what they depend on: all of them once, and not yet what follows from that.
    fn settle_jobs(&mut self, at: usize) -> bool {
        use JobState as S;
        if self.is_frozen(at) {
            return false;
        }
        let mut changes = Vec::new();
        for index in 0..self.builds[at].jobs.len() {
            let job = self.builds[at].jobs[index].clone();
            if !job.is_current() {
                continue;
            }
            let verdict = self.verdict(at, job.step);
            let next = match (job.state, verdict) {
                (S::Waiting, Verdict::Go) => match job.kind {
                    JobType::Waiter => S::Passed,
                    JobType::Script if self.concurrency(at, index).is_some() => S::Limited,
                    _ => S::Scheduled,
                },
                (S::Waiting, Verdict::Never) => S::WaitingFailed,
                (S::WaitingFailed, Verdict::Wait) if self.waits_for_a_job(at, job.step) => {
                    S::Waiting
                }
                (S::Blocked, Verdict::Never) => S::BlockedFailed,
                (S::BlockedFailed, Verdict::Wait) if self.waits_for_a_job(at, job.step) => {
                    S::Blocked
                }
                (S::Unblocked, Verdict::Never) => S::UnblockedFailed,
                (S::UnblockedFailed, Verdict::Wait) if self.waits_for_a_job(at, job.step) => {
                    S::Unblocked
                }
                _ => continue,
            };
            changes.push((index, next));
        }
        for (index, next) in &changes {
            match next {
                S::Scheduled => self.schedule(at, *index),
                S::Passed => {
                    let job = &mut self.builds[at].jobs[*index];
                    (job.state, job.finished) = (S::Passed, Some(self.now));
                }
                next => self.builds[at].jobs[*index].state = *next,
            }
        }
        !changes.is_empty()
    }

    /// Whether something it depends on is open: not just a key that nobody has.
    fn waits_for_a_job(&self, at: usize, step: usize) -> bool {
        let dependencies = self.dependencies(at, step);
        let mut on = dependencies.iter().filter_map(|dependency| dependency.on);
        on.any(|on| self.class(at, on) == Class::Pending)
    }

    fn command(&self, at: usize, index: usize) -> Option<&Command> {
        let build = &self.builds[at];
        match &build.steps[build.jobs[index].step].step.kind {
            Kind::Command(command) => Some(command),
            _ => None,
        }
    }

    fn concurrency(&self, at: usize, index: usize) -> Option<(usize, usize)> {
        self.command(at, index)?.concurrency
    }

    fn priority(&self, at: usize, index: usize) -> i64 {
        self.command(at, index)
            .and_then(|command| command.priority)
            .unwrap_or(0)
    }

    /// Which attempt of its script it is: one more with each that has started, in this build and in those it was rebuilt
    /// from.
    fn attempts_before(&self, at: usize, index: usize) -> usize {
        let build = &self.builds[at];
        let job = &build.jobs[index];
        let before = match (job.retry_of, build.rebuilt_from) {
            (Some(before), _) => Some((at, before)),
            (None, Some(older)) => {
                let jobs = &self.builds[older].jobs;
                let same = |before: &usize| {
                    let before = &jobs[*before];
                    before.step == job.step && before.index == job.index && before.is_current()
                };
                (0..jobs.len()).find(same).map(|before| (older, before))
            }
            (None, None) => None,
        };
        before.map_or(0, |(at, index)| {
            let has_started = self.builds[at].jobs[index].started.is_some();
            self.attempts_before(at, index) + usize::from(has_started)
        })
    }

    fn script(&self, at: usize, index: usize) -> Attempt {
        let build = &self.builds[at];
        let key = &build.steps[build.jobs[index].step].step.key;
        let scripts = &self.pipelines[build.pipeline].scripts;
        let Some((_, attempts)) = scripts.iter().find(|(of, _)| of == key) else {
            return Attempt::DEFAULT;
        };
        attempts[self.attempts_before(at, index).min(attempts.len() - 1)]
    }

    fn schedule(&mut self, at: usize, index: usize) {
        let now = self.now;
        let job = &mut self.builds[at].jobs[index];
        job.state = JobState::Scheduled;
        job.runnable = Some(now);
        let kind = job.kind;
        if kind == JobType::Trigger {
            self.to_act.push((at, index));
        } else if self.fleet != Fleet::Nobody
            && let Some(wait) = self.script(at, index).pick_up
        {
            self.arm(wait, (at, index), Due::PickUp);
        }
        let created = self.builds[at].jobs[index].created;
        if kind == JobType::Script && created + UNTIL_EXPIRED <= now {
            self.end(at, index, JobState::Expired);
        }
    }

    /// Whether a job stands behind a block or input step that nobody has unblocked.
    fn is_behind_a_person(&self, at: usize, step: usize) -> bool {
        self.dependencies(at, step).iter().any(|dependency| {
            let Some(on) = dependency.on else {
                return false;
            };
            let jobs = &self.builds[at].jobs;
            let is_blocked = jobs
                .iter()
                .any(|job| job.step == on && job.state == JobState::Blocked);
            is_blocked || self.class(at, on) == Class::Pending && self.is_behind_a_person(at, on)
        })
    }

    /// The first job of a concurrency group that may go.
    fn settle_limits(&mut self) -> bool {
        use JobState as S;
        for group in 0..3 {
            let mut queue = Vec::new();
            for at in 0..self.builds.len() {
                for index in self.in_order(at) {
                    let job = &self.builds[at].jobs[index];
                    let is_member = self
                        .concurrency(at, index)
                        .is_some_and(|(_, of)| of == group)
                        && job.is_current()
                        && (job.is_at_work()
                            || job.state == S::Waiting && !self.is_behind_a_person(at, job.step));
                    if is_member {
                        queue.push((at, index));
                    }
                }
            }
            let is_eager = group % 2 == 1;
            if is_eager {
                queue.sort_by_key(|&(at, index)| -self.priority(at, index));
            }
            let is_queued = |&&(at, index): &&(usize, usize)| {
                matches!(self.builds[at].jobs[index].state, S::Waiting | S::Limited)
            };
            let holding = queue.len() - queue.iter().filter(is_queued).count();
            let first = queue.iter().enumerate().find(|(place, (at, index))| {
                let ahead = queue[..*place].iter().filter(is_queued).count();
                let taken = if is_eager { holding } else { holding + ahead };
                let limit = self.concurrency(*at, *index).map_or(0, |(limit, _)| limit);
                self.builds[*at].jobs[*index].state == S::Limited && taken < limit
            });
            if let Some((_, &(at, index))) = first {
                self.schedule(at, index);
                return true;
            }
        }
        false
    }

    fn settle_triggers(&mut self, at: usize) -> bool {
        use BuildState as B;
        use JobState as S;
        for index in 0..self.builds[at].jobs.len() {
            let build = &self.builds[at];
            let job = &build.jobs[index];
            let (Some(child), S::Running | S::Canceling) = (job.child, job.state) else {
                continue;
            };
            let Kind::Trigger { asynchronous, .. } = build.steps[job.step].step.kind else {
                unreachable!("only trigger steps make builds")
            };
            let child = &self.builds[child];
            let next = match child.state {
                _ if asynchronous => S::Passed,
                B::Passed | B::NotRun | B::Failed | B::Canceled | B::Skipped
                    if job.state == S::Canceling =>
                {
                    S::Canceled
                }
                B::Passed | B::NotRun => S::Passed,
                B::Skipped => S::Skipped,
                B::Canceled if child.gave_way => S::Skipped,
                B::Failed | B::Canceled => S::Failed,
                _ => continue,
            };
            self.end(at, index, next);
            return true;
        }
        false
    }

    /// What a build amounts to.
    fn settle_build(&mut self, at: usize) -> bool {
        use BuildState as B;
        use JobState as S;
        let build = &self.builds[at];
        if matches!(build.state, B::Skipped | B::Canceled) {
            return false;
        }
        let current: Vec<_> = build.jobs.iter().filter(|job| job.is_current()).collect();
        let has = |state: S| current.iter().any(|job| job.state == state);
        let next = if build.is_to_cancel {
            let is_busy = has(S::Canceling) || has(S::Running) || has(S::TimingOut);
            if is_busy { B::Canceling } else { B::Canceled }
        } else if self.has_work(at) {
            let was_at_rest = matches!(build.state, B::Passed | B::Failed | B::Blocked);
            if build.started.is_none() && !was_at_rest && build.state == B::Scheduled {
                B::Scheduled
            } else if self.has_failed(at) {
                B::Failing
            } else {
                B::Running
            }
        } else if self.has_failed(at) || !has(S::Blocked) && self.is_stuck(at) {
            B::Failed
        } else if has(S::Blocked) {
            B::Blocked
        } else if current
            .iter()
            .all(|job| matches!(job.state, S::Broken | S::Skipped))
        {
            B::NotRun
        } else {
            B::Passed
        };
        if next == build.state {
            return next == B::Failed && self.give_up(at);
        }
        // What ended otherwise went on in between. A build that waits for a person can fail without having done so.
        let is_at_rest = |state| matches!(state, B::Passed | B::Failed | B::Blocked);
        let before = self.builds[at].state;
        if is_at_rest(before) && is_at_rest(next) && (before, next) != (B::Blocked, B::Failed) {
            self.enter(at, B::Running);
        }
        self.enter(at, next);
        true
    }

    /// Whether a job waits for what nobody has, or was given up for that.
    fn is_stuck(&self, at: usize) -> bool {
        use JobState as S;
        let mut jobs = self.builds[at].jobs.iter().filter(|job| job.is_current());
        jobs.any(|job| match job.state {
            S::Waiting => true,
            S::WaitingFailed | S::BlockedFailed | S::Unblocked | S::UnblockedFailed => {
                self.verdict(at, job.step) == Verdict::Wait
            }
            _ => false,
        })
    }

    fn enter(&mut self, at: usize, next: BuildState) {
        use BuildState as B;
        use JobState as S;
        let now = self.now;
        let before = self.builds[at].state;
        self.builds[at].state = next;
        let shown_as = self.reported(at);
        // It did when its first job started, or else it does when a person has acted.
        let begins = before == B::Scheduled && matches!(next, B::Running | B::Failing)
            || before == B::Blocked && next == B::Running && self.builds[at].started.is_none();
        let build = &mut self.builds[at];
        match next {
            B::Running | B::Failing => {
                build.finished = None;
                if matches!(before, B::Passed | B::Failed) || build.started.is_none() {
                    build.started = Some(now);
                }
            }
            B::Canceling => {}
            B::Blocked if shown_as == B::Running => {}
            _ => build.finished = Some(now),
        }
        if next == B::Failed {
            self.give_up(at);
        }
        if begins {
            self.cancel_older(at);
        }
        if next == B::Failing {
            self.builds[at].failing.get_or_insert(now);
            for index in 0..self.builds[at].jobs.len() {
                let asks = self
                    .command(at, index)
                    .is_some_and(|command| command.cancel_on_build_failing);
                let job = &self.builds[at].jobs[index];
                let can = matches!(
                    job.state,
                    S::Waiting | S::Limited | S::Scheduled | S::Running
                );
                // One that promised to fail ends the others, not itself.
                if asks && can && job.is_current() && !self.has_promised(at, index) {
                    self.cancel_job(at, index);
                }
            }
        }
    }

    /// In a failed build nothing waits any more. Whether anything did.
    fn give_up(&mut self, at: usize) -> bool {
        use JobState as S;
        let count = self.builds[at].jobs.len();
        let next = |index: usize| {
            let job = &self.builds[at].jobs[index];
            match job.state {
                _ if !job.is_current() => None,
                S::Waiting => Some(S::WaitingFailed),
                S::Blocked => Some(S::BlockedFailed),
                S::Unblocked if self.verdict(at, job.step) == Verdict::Wait => {
                    Some(S::UnblockedFailed)
                }
                _ => None,
            }
        };
        let all: Vec<_> = (0..count).map(next).collect();
        for (index, next) in all.iter().enumerate() {
            if let Some(next) = next {
                self.builds[at].jobs[index].state = *next;
            }
        }
        all.iter().any(Option::is_some)
    }

    fn cancel_older(&mut self, at: usize) {
        use BuildState as B;
        let pipeline = self.builds[at].pipeline;
        if !self.pipelines[pipeline].cancels_intermediate {
            return;
        }
        for older in 0..at {
            let is_meant = self.builds[older].pipeline == pipeline
                && self.builds[older].branch == self.builds[at].branch
                && matches!(
                    self.builds[older].state,
                    B::Running | B::Failing | B::Blocked
                );
            if is_meant {
                self.builds[older].gave_way = true;
                self.cancel_build(older);
            }
        }
    }
}

// --- Jobs come and go ------------------------------------------------------------------------------------------------

impl Model {
    fn arm(&mut self, after: i64, job: (usize, usize), what: Due) {
        self.armed += 1;
        let (due, order) = (self.now + after, self.armed);
        self.timers.push(Timer {
            due,
            order,
            job,
            what,
        });
    }

    fn free_agents(&self) -> usize {
        let jobs = self.builds.iter().flat_map(|build| &build.jobs);
        let busy = jobs
            .filter(|job| job.is_on_agent() && !job.is_beside_the_fleet)
            .count();
        match self.fleet {
            Fleet::Unlimited | Fleet::Nobody => usize::MAX,
            Fleet::Fixed(count) => count - self.lost_agents - busy,
        }
    }

    /// Trigger steps act when everything else has settled, in the order in which they came to it.
    fn act(&mut self) -> bool {
        if self.to_act.is_empty() {
            if self.to_cancel.is_empty() {
                return false;
            }
            let child = self.to_cancel.remove(0);
            self.cancel_build(child);
            return true;
        }
        let (at, index) = self.to_act.remove(0);
        if self.builds[at].jobs[index].state != JobState::Scheduled {
            return true;
        }
        let job = &mut self.builds[at].jobs[index];
        (job.state, job.started) = (JobState::Running, Some(self.now));
        self.builds[at].started.get_or_insert(self.now);
        self.settle_build(at);
        let leaf = self.pipelines.len() - 1;
        let child = self.make_build(leaf, "main", None, Some((at, index)));
        self.builds[at].jobs[index].child = Some(child);
        true
    }

    /// The first job in the queue of those whose time has come goes to an agent.
    fn hand_out(&mut self) -> bool {
        if self.free_agents() == 0 {
            return false;
        }
        let mut queue = Vec::new();
        for at in 0..self.builds.len() {
            for (index, job) in self.builds[at].jobs.iter().enumerate() {
                if job.is_due && job.state == JobState::Scheduled {
                    queue.push((
                        (-self.priority(at, index), job.scheduled, job.made),
                        (at, index),
                    ));
                }
            }
        }
        queue.sort_unstable();
        let Some(&(_, (at, index))) = queue.first() else {
            return false;
        };
        // The end of the command before its time-out: one that takes exactly as long as it may has made it.
        let script = self.script(at, index);
        self.builds[at].jobs[index].does = Some(script);
        if let Some((after, status)) = script.promise {
            self.arm(after, (at, index), Due::Promise(status));
        }
        if let Some(takes) = script.takes {
            self.arm(takes, (at, index), Due::End);
        }
        self.start(at, index);
        true
    }

    fn start(&mut self, at: usize, index: usize) {
        let now = self.now;
        let job = &mut self.builds[at].jobs[index];
        job.state = JobState::Running;
        job.started = Some(now);
        self.builds[at].started.get_or_insert(now);
        if let Some(minutes) = self.timeout(at, index) {
            self.arm(i64::from(minutes) * 60_000, (at, index), Due::TimeOut);
        }
    }

    fn timeout(&self, at: usize, index: usize) -> Option<u32> {
        let pipeline = &self.pipelines[self.builds[at].pipeline];
        let own = self.command(at, index).and_then(|command| command.timeout);
        let asked = own.or(pipeline.default_timeout);
        match (asked, pipeline.maximum_timeout) {
            (Some(asked), Some(most)) => Some(asked.min(most)),
            (asked, most) => asked.or(most),
        }
    }

    /// How much an ending counts: nothing, a failure that is forgiven or tried again, or a failure.
    fn weight(&self, at: usize, index: usize, exit: (i32, Option<SignalReason>)) -> u8 {
        if exit.0 == 0 {
            0
        } else if self.is_soft(at, index, Some(exit.0)) || self.rule_for(at, index, exit).is_some()
        {
            1
        } else {
            2
        }
    }

    fn is_soft(&self, at: usize, index: usize, status: Option<i32>) -> bool {
        let build = &self.builds[at];
        match &build.steps[build.jobs[index].step].step.kind {
            Kind::Command(command) => match &command.soft_fail {
                SoftFail::No => false,
                SoftFail::Always => true,
                SoftFail::Statuses(all) => status.is_some_and(|status| all.contains(&status)),
            },
            Kind::Trigger { soft_fail, .. } => *soft_fail,
            _ => false,
        }
    }

    /// The first rule that fits decides, also if it has no retry left.
    fn rule_for(
        &self,
        at: usize,
        index: usize,
        exit: (i32, Option<SignalReason>),
    ) -> Option<usize> {
        let (status, reason) = exit;
        let rules = &self.command(at, index)?.automatic;
        let rule = rules.iter().position(|rule| {
            let status_fits = match &rule.exit_status {
                Statuses::Unsaid => status != 0,
                Statuses::Any => status > 0,
                Statuses::These(all) => all.contains(&status),
            };
            status_fits && rule.reason.is_none_or(|asked| asked == reason)
        })?;
        let mut used = 0;
        let jobs = &self.builds[at].jobs;
        let mut earlier = jobs[index].retry_of;
        while let Some(before) = earlier {
            used += u32::from(jobs[before].retried_by_rule == Some(rule));
            earlier = jobs[before].retry_of;
        }
        (used < rules[rule].limit.unwrap_or(2)).then_some(rule)
    }

    /// The agent of a job reports how its command ended.
    fn finish(&mut self, at: usize, index: usize, exit: (i32, Option<SignalReason>)) {
        use JobState as S;
        let job = &self.builds[at].jobs[index];
        let is_stopped = matches!(job.state, S::Canceling | S::TimingOut);
        let reason = exit.1.or(is_stopped.then_some(SignalReason::Cancel));
        let mut exit = (exit.0, reason);
        if let Some(status) = job.promise {
            // What it promised counts; why it ended is another matter, unless that alone would be forgiven.
            let promised = self.weight(at, index, (status, None));
            if self.weight(at, index, exit) < promised {
                exit.0 = status;
            }
            if self.weight(at, index, exit) < promised {
                exit.1 = None;
            }
        }
        self.finish_with(at, index, exit);
    }

    fn finish_with(&mut self, at: usize, index: usize, exit: (i32, Option<SignalReason>)) {
        use JobState as S;
        let job = &self.builds[at].jobs[index];
        let next = match (job.state, exit.0) {
            (S::Canceling, _) => S::Canceled,
            (_, 0) => S::Passed,
            (S::TimingOut, _) => S::TimedOut,
            _ => S::Failed,
        };
        self.builds[at].jobs[index].exit = Some(exit);
        self.end(at, index, next);
        if matches!(next, S::Failed | S::TimedOut)
            && !self.is_frozen(at)
            && let Some(rule) = self.rule_for(at, index, exit)
        {
            self.builds[at].jobs[index].retried_by_rule = Some(rule);
            self.try_again(at, index);
        }
    }

    fn end(&mut self, at: usize, index: usize, next: JobState) {
        use JobState as S;
        let status = self.builds[at].jobs[index].exit.map(|(status, _)| status);
        let is_failure = matches!(next, S::Failed | S::TimedOut | S::Canceled);
        // What was canceled did not end with a status of its own.
        let status = status.filter(|_| next != S::Canceled);
        let soft_failed = is_failure && self.is_soft(at, index, status);
        let now = self.now;
        let job = &mut self.builds[at].jobs[index];
        job.soft_failed = soft_failed;
        job.state = next;
        job.finished = Some(now);
    }

    fn try_again(&mut self, at: usize, index: usize) {
        let new = self.builds[at].jobs.len();
        let build = self.builds[at].clone();
        let old = &build.jobs[index];
        let mut job = self.new_job(&build, old.step, old.index);
        job.scheduled = old.scheduled;
        job.attempt = old.attempt + 1;
        job.retry_of = Some(index);
        self.builds[at].jobs.push(job);
        self.builds[at].jobs[index].retried_in = Some(new);
        self.arm(UNTIL_EXPIRED, (at, new), Due::Expiry);
    }

    /// A build that was at rest is open again, and what gave up only because the build had failed is so, too, unless
    /// something is still failed.
    fn retry(&mut self, at: usize, index: usize) {
        use JobState as S;
        self.try_again(at, index);
        if self.has_failed(at) {
            return;
        }
        for index in 0..self.builds[at].jobs.len() {
            let job = &self.builds[at].jobs[index];
            if job.is_current() && self.verdict(at, job.step) != Verdict::Never {
                let job = &mut self.builds[at].jobs[index];
                job.state = match job.state {
                    S::WaitingFailed => S::Waiting,
                    S::BlockedFailed => S::Blocked,
                    S::UnblockedFailed => S::Unblocked,
                    other => other,
                };
            }
        }
    }

    fn lose(&mut self, at: usize, index: usize) {
        // Nobody reports: neither why it ended, nor against what was promised.
        self.lost_agents += usize::from(!self.builds[at].jobs[index].is_beside_the_fleet);
        self.finish_with(at, index, (-1, None));
    }

    fn cancel_job(&mut self, at: usize, index: usize) {
        let job = &mut self.builds[at].jobs[index];
        if job.state != JobState::Running {
            self.end(at, index, JobState::Canceled);
        } else if let Some(child) = job.child {
            job.state = JobState::Canceling;
            self.to_cancel.push(child);
        } else {
            job.state = JobState::Canceling;
            self.arm(GRACE, (at, index), Due::GraceEnds);
        }
    }

    fn cancel_build(&mut self, at: usize) {
        use JobState as S;
        if !self.can_cancel(at) {
            return;
        }
        self.builds[at].is_to_cancel = true;
        for index in 0..self.builds[at].jobs.len() {
            let job = &self.builds[at].jobs[index];
            let is_open =
                job.is_at_work() || matches!(job.state, S::Waiting | S::Blocked | S::Unblocked);
            let is_ending = matches!(job.state, S::Canceling | S::TimingOut);
            if is_open && !is_ending {
                self.cancel_job(at, index);
            }
        }
    }
}

// --- What people and time do -----------------------------------------------------------------------------------------

impl Model {
    fn can_cancel(&self, at: usize) -> bool {
        use BuildState as B;
        let state = self.builds[at].state;
        !self.is_frozen(at) && matches!(state, B::Scheduled | B::Running | B::Failing | B::Blocked)
    }

    /// Whether it is allowed; nothing happens otherwise.
    pub(super) fn cancel(&mut self, at: usize) -> bool {
        let can = self.can_cancel(at);
        self.cancel_build(at);
        self.settle_with_agents();
        can
    }

    pub(super) fn retry_failed(&mut self, at: usize) {
        use JobState as S;
        for index in self.in_order(at) {
            let job = &self.builds[at].jobs[index];
            let is_meant = matches!(
                job.state,
                S::Failed | S::TimedOut | S::Canceled | S::Expired
            );
            if is_meant && self.can_retry(at, index) {
                self.retry(at, index);
            }
        }
        self.settle();
    }

    fn can_retry(&self, at: usize, index: usize) -> bool {
        use JobState as S;
        let job = &self.builds[at].jobs[index];
        let manual = self.command(at, index).map(|command| command.manual);
        let has_ended_badly = matches!(
            job.state,
            S::Failed | S::TimedOut | S::Canceled | S::Expired
        );
        let is_permitted = job.state == S::Passed && manual == Some(Manual::OnPassed);
        let waited_for = self.builds[at]
            .triggered_by
            .is_some_and(|(parent, trigger)| {
                let parent = &self.builds[parent];
                let step = &parent.steps[parent.jobs[trigger].step].step;
                parent.is_to_cancel
                    && matches!(
                        step.kind,
                        Kind::Trigger {
                            asynchronous: false,
                            ..
                        }
                    )
            });
        job.kind == JobType::Script
            && job.is_current()
            && !self.is_frozen(at)
            && !waited_for
            && manual != Some(Manual::Forbidden)
            && (has_ended_badly || is_permitted)
    }

    fn is_possible(&self, at: usize, index: usize, hand: Hand) -> bool {
        use JobState as S;
        let job = &self.builds[at].jobs[index];
        let is_script = job.kind == JobType::Script;
        match hand {
            Hand::Start => is_script && job.state == S::Scheduled,
            Hand::Finish(..) | Hand::Lose => job.is_on_agent(),
            Hand::Cancel => {
                is_script
                    && matches!(
                        job.state,
                        S::Waiting | S::Limited | S::Scheduled | S::Running
                    )
            }
            Hand::TimeOut => is_script && job.state == S::Running,
            Hand::Expire => is_script && job.state == S::Scheduled,
            Hand::Silence => job.is_on_agent() && !job.is_silent,
            Hand::Promise(status) => {
                is_script
                    && !job.is_silent
                    && job.state == S::Running
                    && job.promise.is_none_or(|known| known == status)
            }
            Hand::Unblock => job.state == S::Blocked,
            Hand::Retry => self.can_retry(at, index),
        }
    }

    /// Whether it is possible; nothing happens otherwise.
    pub(super) fn by_hand(&mut self, at: usize, index: usize, hand: Hand) -> bool {
        if !self.is_possible(at, index, hand) {
            return false;
        }
        let now = self.now;
        match hand {
            Hand::Start => {
                let is_beside_the_fleet = self.free_agents() == 0;
                let job = &mut self.builds[at].jobs[index];
                (job.by_hand, job.is_beside_the_fleet) = (true, is_beside_the_fleet);
                self.start(at, index);
            }
            Hand::Finish(status, reason) => {
                // Its agent was heard of again.
                self.builds[at].jobs[index].is_silent = false;
                self.finish(at, index, (status, reason));
            }
            Hand::Cancel => self.cancel_job(at, index),
            Hand::TimeOut => self.time_out(at, index),
            Hand::Expire => self.end(at, index, JobState::Expired),
            Hand::Silence => self.silence(at, index),
            Hand::Lose => self.lose(at, index),
            Hand::Promise(status) => self.builds[at].jobs[index].promise = Some(status),
            Hand::Unblock => {
                let job = &mut self.builds[at].jobs[index];
                (job.state, job.unblocked) = (JobState::Unblocked, Some(now));
                if self.builds[at].state == BuildState::Blocked {
                    self.enter(at, BuildState::Running);
                }
            }
            Hand::Retry => self.retry(at, index),
        }
        self.settle_with_agents();
        true
    }

    fn time_out(&mut self, at: usize, index: usize) {
        self.builds[at].jobs[index].state = JobState::TimingOut;
        self.arm(GRACE, (at, index), Due::GraceEnds);
    }

    fn silence(&mut self, at: usize, index: usize) {
        self.builds[at].jobs[index].is_silent = true;
        self.arm(UNTIL_LOST, (at, index), Due::Lost);
    }

    /// What is due by then, one by one, each at its own instant.
    pub(super) fn advance(&mut self, by: i64) {
        let target = self.now + by;
        while let Some(next) = self.next_timer(|timer| timer.due <= target) {
            self.fire(&next);
            self.hand_out_all();
        }
        self.now = target;
    }

    /// Until nothing moves a build forward by itself.
    pub(super) fn run_until_idle(&mut self) {
        while let Some(next) =
            self.next_timer(|timer| !matches!(timer.what, Due::Lost | Due::Expiry))
        {
            let due = next.due;
            while let Some(first) = self.next_timer(|timer| timer.due <= due) {
                self.fire(&first);
                self.hand_out_all();
            }
        }
    }

    fn settle_with_agents(&mut self) {
        self.settle();
        self.hand_out_all();
    }

    /// All agents that are free take what there is; only then follows what follows. A fleet waits for all jobs that come to
    /// be ready at an instant, so that the first of them is the first in the queue.
    fn hand_out_all(&mut self) {
        let now = self.now;
        let more_come = |timer: &Timer| timer.due <= now && timer.what == Due::PickUp;
        if matches!(self.fleet, Fleet::Fixed(_)) && self.next_timer(more_come).is_some() {
            return;
        }
        let mut any = false;
        while self.hand_out() {
            any = true;
        }
        if any {
            self.settle_with_agents();
        }
    }

    fn next_timer(&self, is_meant: impl Fn(&Timer) -> bool) -> Option<Timer> {
        let meant = self
            .timers
            .iter()
            .filter(|timer| self.is_live(timer) && is_meant(timer));
        meant.min_by_key(|timer| (timer.due, timer.order)).cloned()
    }

    /// Whether it still means something.
    fn is_live(&self, timer: &Timer) -> bool {
        use JobState as S;
        let (at, index) = timer.job;
        let job = &self.builds[at].jobs[index];
        match timer.what {
            Due::PickUp => job.state == S::Scheduled,
            Due::Promise(_) => !job.by_hand && !job.is_silent && job.state == S::Running,
            // A command that is told to stop takes all the time it is given, and does nothing else.
            Due::End => !job.by_hand && !job.is_silent && job.state == S::Running,
            Due::TimeOut => job.state == S::Running,
            Due::GraceEnds => !job.is_silent && matches!(job.state, S::Canceling | S::TimingOut),
            Due::Lost => job.is_silent && job.is_on_agent(),
            Due::Expiry => job.state == S::Scheduled,
        }
    }

    fn fire(&mut self, timer: &Timer) {
        self.now = self.now.max(timer.due);
        let (at, index) = timer.job;
        self.timers.retain(|one| one.order != timer.order);
        match timer.what {
            // It is one of those that can be handed out now.
            Due::PickUp => {
                let still_comes = self.script(at, index).pick_up.is_some();
                self.builds[at].jobs[index].is_due = still_comes;
            }
            Due::End => match self.builds[at].jobs[index].does.and_then(|does| does.exit) {
                Some(exit) => self.finish(at, index, exit),
                None => self.silence(at, index),
            },
            Due::Promise(status) => {
                self.builds[at].jobs[index].promise.get_or_insert(status);
            }
            Due::TimeOut => self.time_out(at, index),
            Due::GraceEnds => self.finish(at, index, (-1, Some(SignalReason::Cancel))),
            Due::Lost => self.lose(at, index),
            Due::Expiry => self.end(at, index, JobState::Expired),
        }
        self.settle();
    }

    // --- What there is to see ---

    /// The jobs of a build as they are listed: by step, and within a step as they were made.
    pub(super) fn in_order(&self, at: usize) -> Vec<usize> {
        let jobs = &self.builds[at].jobs;
        let mut all: Vec<_> = (0..jobs.len()).collect();
        all.sort_by_key(|&index| jobs[index].step);
        all
    }

    /// What people are shown of a blocked build is what its first open step says.
    pub(super) fn reported(&self, at: usize) -> BuildState {
        let build = &self.builds[at];
        if build.state != BuildState::Blocked {
            return build.state;
        }
        let order = self.in_order(at);
        let open = order
            .iter()
            .find(|&&index| build.jobs[index].state == JobState::Blocked);
        let step = open.map(|&index| &build.steps[build.jobs[index].step].step.kind);
        match step {
            Some(Kind::Block {
                blocked_state: Some("failed"),
            }) => BuildState::Failed,
            Some(Kind::Block {
                blocked_state: Some("running"),
            }) => BuildState::Running,
            _ => BuildState::Passed,
        }
    }

    pub(super) fn key(&self, at: usize, index: usize) -> &str {
        let build = &self.builds[at];
        &build.steps[build.jobs[index].step].step.key
    }

    pub(super) fn broken_reason(&self, at: usize, index: usize) -> Option<&'static str> {
        let build = &self.builds[at];
        let said = build.steps[build.jobs[index].step].broken;
        said.filter(|reason| !reason.is_empty())
    }
}
