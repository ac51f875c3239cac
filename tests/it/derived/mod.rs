//! Scenarios derived from the rules of the state machine, one module for each of its sections.
//!
//! The names begin with the number of the rule that decides the scenario. They are told through HTTP, and time is
//! exact: unless a step says otherwise, a job is picked up after one second and runs ten.

mod builds;
mod cancel;
mod dependencies;
mod dispatch;
mod jobs;
mod retry;
mod scopes;
mod timeouts;
mod verdict;

use fake_buildkite::{FakeBuildkiteBuilder, PipelineHandle, minutes};

use crate::story::{Story, instants_of, usual};

/// A story whose commands do what their keys begin with: `bad` exits with 1, `slow` takes a minute, `hung` never ends,
/// nobody picks up `idle`. Every other one passes.
fn by_key(steps: &str) -> Story {
    in_world(usual(), steps)
}

/// As [`by_key`], in any fake.
fn in_world(fake: FakeBuildkiteBuilder, steps: &str) -> Story {
    Story::begin(fake, &yaml(steps), |app| tell_by_key(app, steps))
}

/// As [`by_key`], with a pipeline `lib` of these steps that the story's build may trigger.
fn beside_lib(lib: &str, steps: &str) -> Story {
    let fake = usual().start();
    let made = fake.pipeline("lib").steps(yaml(lib)).create();
    tell_by_key(&made, lib);
    let app = fake.pipeline("app").steps(yaml(steps)).create();
    tell_by_key(&app, steps);
    Story::of_first_build(fake, app)
}

fn yaml(steps: &str) -> String {
    format!("steps: [{steps}]")
}

fn tell_by_key(app: &PipelineHandle, steps: &str) {
    let has = |prefix: &str| steps.contains(&format!("key: {prefix}"));
    if has("bad") {
        app.on_job("bad*").exits(1);
    }
    if has("slow") {
        app.on_job("slow*").takes(minutes(1));
    }
    if has("hung") {
        app.on_job("hung*").hangs();
    }
    if has("idle") {
        app.on_job("idle*").never_picked_up();
    }
}

/// The instants of a step's job that are not null, in seconds since the build was created.
#[track_caller]
fn times(story: &mut Story, key: &str) -> String {
    let since = story.look()["created_at"].clone();
    let keys = [
        "created_at",
        "scheduled_at",
        "runnable_at",
        "started_at",
        "finished_at",
    ];
    instants_of(&story.job(key), &keys, &since)
}

/// When a step's job could go on, in seconds since the build was created; none, if it could not yet.
#[track_caller]
fn runnable(story: &mut Story, key: &str) -> Option<i64> {
    let job = story.build.job(key);
    let since = story.build.created_at();
    job.runnable_at().map(|at| (at - since).num_seconds())
}
