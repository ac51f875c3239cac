//! What a step depends on, what that looks like to it, and whether it may go on.

use fake_buildkite::JobState;

use super::{Class, Dependency, Flat, Model, Verdict, is_barrier};
use crate::model::worlds::Kind;

impl Model {
    /// What a step depends on: what it says, or else what its place among wait and block steps says; in a group also
    /// what the group depends on.
    pub(super) fn dependencies(&self, at: usize, step: usize) -> Vec<Dependency> {
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

    pub(super) fn class(&self, at: usize, step: usize) -> Class {
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

    pub(super) fn verdict(&self, at: usize, step: usize) -> Verdict {
        let build = &self.builds[at];
        let is_implicit_barrier =
            is_barrier(&build.steps[step]) && build.steps[step].step.depends_on.is_none();
        let group = build.steps[step].group;
        let is_over = |on: &Flat| is_barrier(on) && (on.group.is_none() || on.group == group);
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
                // Nothing after a barrier that failed goes on, whatever a later one says by its place. What stands in
                // another group is no barrier here.
                Class::Failed if is_implicit_barrier && is_over(&build.steps[on]) => {
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
