//! What a year of schedules costs: ten of them, about 50,000 builds of one job each, quarter by quarter.
//!
//! `cargo bench --bench schedules` prints how much memory stays for each build once the events that `advance` returned are
//! gone; how long a build takes, and that against the second quarter (the first one warms up): 1.0 is linear growth, a
//! build costs the same however many there are already; and what a test does beside moving the clock, at the beginning of
//! the year and at its end.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

use std::fs;
use std::time::{Duration, Instant};

use fake_buildkite::{FakeBuildkite, PipelineHandle, hours};

/// Ten schedules of two pipelines.
const LINES: [&str; 10] = [
    "*/30 * * * *",
    "*/30 * * * *",
    "@hourly",
    "15 */2 * * *",
    "0 */4 * * * Europe/Berlin",
    "30 9 * * 1-5 Australia/Melbourne",
    "@daily",
    "0 12 * * 0%2",
    "0 0 last * *",
    "@monthly",
];

/// How often a year is run; the best counts, because everything else is the machine's.
const RUNS: usize = 3;

/// A quarter, as a number of hours: a year of 365 days has four.
const QUARTER: u64 = 365 * 24 / 4;

fn main() {
    let plain: Make = |fake, name| fake.pipeline(name).create();
    // Memory first: what earlier runs gave back would hide what this one takes.
    memory(plain);
    table("plain", plain);
    table(
        "skipping and canceling intermediate builds",
        |fake, name| {
            let pipeline = fake.pipeline(name).skip_intermediate_builds();
            pipeline.cancel_intermediate_builds().create()
        },
    );
    table("with `$` expressions", |fake, name| {
        let steps = "steps: [{label: Test $BUILDKITE_BRANCH, command: make, key: make}]";
        fake.pipeline(name).steps(steps).create()
    });
}

type Make = fn(&FakeBuildkite, &str) -> PipelineHandle;

/// One quarter: how many builds, in which time, and what stayed of it.
struct Quarter {
    builds: usize,
    took: Duration,
    kept: Option<u64>,
}

fn memory(make: Make) {
    println!(
        "memory, and what of it is the record of the last 100,000 events comes with the first quarter"
    );
    for quarter in year(make).0 {
        let kept = quarter.kept.map_or("unknown".to_owned(), |bytes| {
            let each = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / count(quarter.builds);
            format!("{each:.0} bytes a build")
        });
        println!("{:>8} builds   {kept}", quarter.builds);
    }
}

fn table(what: &str, make: Make) {
    println!("a year of ten schedules, {what}");
    let (quarters, beside) = year(make);
    let mut best: Vec<_> = quarters.iter().map(|quarter| quarter.took).collect();
    for _ in 1..RUNS {
        let (again, _) = year(make);
        for (best, quarter) in best.iter_mut().zip(again) {
            *best = quarter.took.min(*best);
        }
    }
    let each = |n: usize| best[n].as_secs_f64() / count(quarters[n].builds);
    for (n, quarter) in quarters.iter().enumerate() {
        println!(
            "{:>8} builds   {:>8.1} ms   {:>6.2} us a build   {:.2}",
            quarter.builds,
            best[n].as_secs_f64() * 1e3,
            each(n) * 1e6,
            each(n) / each(1)
        );
    }
    let builds: usize = quarters.iter().map(|quarter| quarter.builds).sum();
    let took: Duration = best.iter().sum();
    println!("{builds:>8} builds   {:>8.1} ms", took.as_secs_f64() * 1e3);
    for (what, begins, ends) in beside {
        println!(
            "         {what}: {:.1} us at the beginning, {:.1} us at the end",
            begins.as_secs_f64() * 1e6,
            ends.as_secs_f64() * 1e6
        );
    }
}

type Beside = Vec<(&'static str, Duration, Duration)>;

fn year(make: Make) -> (Vec<Quarter>, Beside) {
    let fake = FakeBuildkite::builder().event_limit(10_000_000).start();
    let pipelines = [make(&fake, "app"), make(&fake, "docs")];
    for (n, line) in LINES.iter().enumerate() {
        pipelines[n % 2].schedule(*line).create();
    }
    let count = || -> usize { pipelines.iter().map(|one| one.builds().len()).sum() };
    let begins = look(&fake, &pipelines[0]);
    let (mut builds, mut kept) = (0, resident());
    let quarters = (0..4).map(|_| {
        let begun = Instant::now();
        drop(fake.advance(hours(QUARTER)));
        let took = begun.elapsed();
        let (builds_now, kept_now) = (count(), resident());
        let quarter = Quarter {
            builds: builds_now - builds,
            took,
            kept: kept_now
                .zip(kept)
                .map(|(now, then)| now.saturating_sub(then)),
        };
        (builds, kept) = (builds_now, kept_now);
        quarter
    });
    let quarters = quarters.collect();
    let ends = look(&fake, &pipelines[0]);
    let beside = begins.into_iter().zip(ends);
    let beside = beside.map(|((what, begins), (_, ends))| (what, begins, ends));
    (quarters, beside.collect())
}

/// What a test does beside moving the clock, and how long each takes at best.
fn look(fake: &FakeBuildkite, pipeline: &PipelineHandle) -> [(&'static str, Duration); 4] {
    let schedule = &pipeline.schedules()[0];
    let best = |act: &dyn Fn()| {
        let times = (0..20).map(|_| {
            let begun = Instant::now();
            act();
            begun.elapsed()
        });
        times.min().expect("several times")
    };
    [
        ("next_slots(10)", best(&|| drop(schedule.next_slots(10)))),
        (
            "fire_now, to its end",
            best(&|| {
                drop(schedule.fire_now());
                drop(fake.run_until_idle());
            }),
        ),
        ("latest_build", best(&|| drop(pipeline.latest_build()))),
        (
            "on_job",
            best(&|| drop(pipeline.on_job("*").takes(hours(0)))),
        ),
    ]
}

/// What is resident of this process, in bytes, where the system says it in the usual place.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn count(builds: usize) -> f64 {
    f64::from(u32::try_from(builds.max(1)).expect("few"))
}
