//! What a snapshot costs, and the first write after it, in a world of 10 builds and in one of 10,000, of ten jobs each.
//!
//! `cargo bench --bench snapshots` prints the median of many, and how many times as much the large world costs.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use fake_buildkite::{FakeBuildkite, PipelineHandle};

const SAMPLES: usize = 200;

type Measure = fn(&FakeBuildkite, &PipelineHandle) -> Duration;

fn main() {
    println!(
        "{:<32} {:>12} {:>12} {:>8}",
        "", "10 builds", "10,000", "times"
    );
    let small = world(10);
    let large = world(10_000);
    let rows: [(&str, Measure); 3] = [
        ("snapshot", |fake, _| timed(|| fake.snapshot())),
        ("a build, nothing kept", |_, app| {
            timed(|| app.create_build())
        }),
        ("a build, after a snapshot", |fake, app| {
            let kept = fake.snapshot();
            let took = timed(|| app.create_build());
            drop(kept);
            took
        }),
    ];
    for (what, measure) in rows {
        let few = median(|| measure(&small.0, &small.1));
        let many = median(|| measure(&large.0, &large.1));
        let times = many.as_secs_f64() / few.as_secs_f64();
        println!("{what:<32} {few:>12.1?} {many:>12.1?} {times:>8.2}");
    }
}

/// A fake in which so many builds have ended.
fn world(builds: usize) -> (FakeBuildkite, PipelineHandle) {
    let fake = FakeBuildkite::builder().event_limit(10_000_000).start();
    let mut yaml = String::from("steps:\n");
    for n in 0..10 {
        writeln!(yaml, "  - {{command: make, key: k{n}}}").expect("a String");
    }
    let app = fake.pipeline("app").steps(yaml).create();
    for _ in 0..builds {
        app.create_build();
    }
    fake.run_until_idle();
    (fake, app)
}

fn timed<T>(act: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    let value = act();
    let took = begun.elapsed();
    drop(value);
    took
}

fn median(measure: impl Fn() -> Duration) -> Duration {
    let mut all: Vec<_> = (0..SAMPLES).map(|_| measure()).collect();
    all.sort_unstable();
    all[SAMPLES / 2]
}
