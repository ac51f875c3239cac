//! What a snapshot costs, and the first write after it, in a world of 10 builds and in one of 10,000, of ten jobs each.
//!
//! `cargo bench --bench snapshots` prints the median of many, and how many times as much the large world costs.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

mod support;

use std::time::Duration;

use fake_buildkite::{FakeBuildkite, PipelineHandle};
use support::measure::{self, full_or_short, record, timed};
use support::world::steps;

const SAMPLES: usize = 200;

type Measure = fn(&FakeBuildkite, &PipelineHandle) -> Duration;

fn main() {
    println!(
        "{:<32} {:>12} {:>12} {:>8}",
        "", "10 builds", "10,000", "times"
    );
    let small = world(10);
    let large = world(full_or_short(10_000, 1_000));
    let rows: [(&str, &str, Measure); 3] = [
        ("snapshot", "snapshot", |fake, _| timed(|| fake.snapshot())),
        ("a build, nothing kept", "build", |_, app| {
            timed(|| app.create_build())
        }),
        ("a build, after a snapshot", "build_after", |fake, app| {
            let kept = fake.snapshot();
            let took = timed(|| app.create_build());
            drop(kept);
            took
        }),
    ];
    let mut last = 0.0;
    let mut more = 0.0;
    for (what, key, measure) in rows {
        let few = median(|| measure(&small.0, &small.1));
        let many = median(|| measure(&large.0, &large.1));
        let times = many.as_secs_f64() / few.as_secs_f64();
        println!("{what:<32} {few:>12.1?} {many:>12.1?} {times:>8.2}");
        let us = many.as_secs_f64() * 1e6;
        record(&format!("snapshots.{key}.us"), format_args!("{us:.3}"));
        more = us - last;
        last = us;
    }
    record("snapshots.first_write_more.us", format_args!("{more:.3}"));
}

/// A fake in which so many builds have ended.
fn world(builds: usize) -> (FakeBuildkite, PipelineHandle) {
    let fake = FakeBuildkite::builder().event_limit(10_000_000).start();
    let app = fake.pipeline("app").steps(steps(10)).create();
    for _ in 0..builds {
        app.create_build();
        fake.run_until_idle();
    }
    (fake, app)
}

fn median(measure: impl Fn() -> Duration) -> Duration {
    let mut all: Vec<_> = (0..SAMPLES).map(|_| measure()).collect();
    measure::median(&mut all)
}
