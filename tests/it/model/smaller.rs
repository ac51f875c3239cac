//! A world in which the walks differ, made smaller.

use super::compare::{Difference, Ground, Seen, walk};
use super::worlds::{Act, Command, Fleet, Kind, Step, World};

/// The smallest world found that still differs in the same way.
pub(super) fn shrink(ground: &Ground, world: &World, first: Difference) -> (World, Difference) {
    let (mut world, mut difference) = (world.clone(), first);
    world.acts.truncate(difference.after);
    let try_one = |candidate: &World, about: &str| {
        let found = walk(ground, candidate, &mut Seen::default()).err()?;
        (found.about == about).then_some(found)
    };
    loop {
        let mut is_smaller = false;
        let mut at = 0;
        while let Some(mut candidate) = nth_smaller(&world, at) {
            match try_one(&candidate, &difference.about) {
                Some(found) => {
                    candidate.acts.truncate(found.after);
                    (world, difference, is_smaller) = (candidate, found, true);
                }
                None => at += 1,
            }
        }
        if !is_smaller {
            return (world, difference);
        }
    }
}

/// The worlds that are one thing smaller, by number.
fn nth_smaller(world: &World, at: usize) -> Option<World> {
    smaller(world).into_iter().nth(at)
}

fn smaller(world: &World) -> Vec<World> {
    let mut all = Vec::new();
    let count = world.acts.len();
    for size in [count / 2, count / 4, 1] {
        for first in (0..count).step_by(size.max(1)) {
            let mut candidate = world.clone();
            candidate
                .acts
                .drain(first..(first + size.max(1)).min(count));
            all.push(candidate);
        }
    }
    for at in 0..world.pipelines.len() {
        for steps in smaller_steps(&world.pipelines[at].steps) {
            let mut candidate = world.clone();
            let pipeline = &mut candidate.pipelines[at];
            let mut keys = Vec::new();
            for step in &steps {
                keys.push(step.key.clone());
                if let Kind::Group(children) = &step.kind {
                    keys.extend(children.iter().map(|child| child.key.clone()));
                }
            }
            pipeline.scripts.retain(|(key, _)| keys.contains(key));
            pipeline.steps = steps;
            all.push(candidate);
        }
        for script in 0..world.pipelines[at].scripts.len() {
            let mut candidate = world.clone();
            candidate.pipelines[at].scripts.remove(script);
            all.push(candidate);
            let mut candidate = world.clone();
            let attempts = &mut candidate.pipelines[at].scripts[script].1;
            if attempts.len() > 1 {
                attempts.pop();
                all.push(candidate);
            }
        }
        let mut plain = world.clone();
        let pipeline = &mut plain.pipelines[at];
        (pipeline.skips_intermediate, pipeline.cancels_intermediate) = (false, false);
        (pipeline.default_timeout, pipeline.maximum_timeout) = (None, None);
        if plain != *world {
            all.push(plain);
        }
    }
    if world.fleet != Fleet::Unlimited {
        all.push(World {
            fleet: Fleet::Unlimited,
            ..world.clone()
        });
    }
    for at in 0..count {
        if let Act::Create(pipeline, branch) = world.acts[at]
            && (pipeline != 0 || branch != "main")
        {
            let mut candidate = world.clone();
            candidate.acts[at] = Act::Create(0, "main");
            all.push(candidate);
        }
    }
    all
}

fn smaller_steps(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    for at in 0..steps.len() {
        let mut replace = |step: Step| {
            let mut candidate = steps.to_vec();
            candidate[at] = step;
            all.push(candidate);
        };
        let step = &steps[at];
        if step.depends_on.is_some() {
            replace(Step {
                depends_on: None,
                ..step.clone()
            });
        }
        if step.allow_dependency_failure {
            replace(Step {
                allow_dependency_failure: false,
                ..step.clone()
            });
        }
        if step.condition.is_some() || step.branches.is_some() || step.skip {
            replace(Step {
                condition: None,
                branches: None,
                skip: false,
                ..step.clone()
            });
        }
        match &step.kind {
            Kind::Group(children) => {
                for children in smaller_steps(children) {
                    replace(Step {
                        kind: Kind::Group(children),
                        ..step.clone()
                    });
                }
            }
            Kind::Command(command) => {
                for command in smaller_commands(command) {
                    replace(Step {
                        kind: Kind::Command(Box::new(command)),
                        ..step.clone()
                    });
                }
            }
            _ => {}
        }
        if let Kind::Group(children) = &step.kind {
            let mut candidate = steps.to_vec();
            candidate.splice(at..=at, children.clone());
            all.push(candidate);
        }
        if steps.len() > 1 {
            let mut candidate = steps.to_vec();
            candidate.remove(at);
            all.push(candidate);
        }
    }
    all
}

fn smaller_commands(command: &Command) -> Vec<Command> {
    let one = |change: &dyn Fn(&mut Command)| {
        let mut smaller = command.clone();
        change(&mut smaller);
        smaller
    };
    let plain = Command::default();
    let mut all = vec![
        one(&|command| command.soft_fail = plain.soft_fail.clone()),
        one(&|command| command.automatic.clear()),
        one(&|command| command.manual = plain.manual),
        one(&|command| (command.parallelism, command.matrix) = (None, None)),
        one(&|command| command.concurrency = None),
        one(&|command| command.timeout = None),
        one(&|command| command.cancel_on_build_failing = false),
        one(&|command| command.priority = None),
    ];
    all.retain(|smaller| smaller != command);
    all
}
