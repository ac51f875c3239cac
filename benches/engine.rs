//! What the machine costs without a request: a build made, an event in virtual time, the memory of a build that has ended.
//!
//! `cargo bench --bench engine` prints medians, and growth with the number of jobs and of events.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

mod support;

use std::time::Duration;

use fake_buildkite::FakeBuildkite;
use support::measure::{IS_DEBUG, full_or_short, median, quartile, record, timed};
use support::process::{alone, held};
use support::world::{finished, steps};

fn main() {
    if let Some(memory) = alone::asked() {
        return of_builds_that_ended(&memory);
    }
    created();
    created_by_history();
    created_by_jobs();
    events();
    memory();
}

fn created() {
    let (fake, app) = finished(10, 10);
    let mut times = Vec::new();
    for _ in 0..full_or_short(100, 20) {
        times.extend((0..20).map(|_| timed(|| app.create_build())));
        fake.run_until_idle();
    }
    let us = median(&mut times).as_secs_f64() * 1e6;
    let high = times[times.len() * 9 / 10].as_secs_f64() * 1e6;
    println!("a build of 10 jobs made: {us:.1} us (nine of ten within {high:.1})");
    record("create.us", format_args!("{us:.2}"));
    record(
        "create.spread",
        format_args!("nine of ten within {high:.1} us"),
    );
}

fn created_by_history() {
    println!("a build of 10 jobs made, by builds that have ended");
    let most = if IS_DEBUG { 10_000 } else { 100_000 };
    let sizes = [100, 1_000, 10_000, 100_000];
    let (fake, app) = finished(0, 10);
    let mut made = 0;
    for size in sizes
        .into_iter()
        .filter(|size| *size <= full_or_short(most, 1_000))
    {
        while made < size - 50 {
            app.create_build();
            fake.run_until_idle();
            made += 1;
        }
        let mut times = Vec::new();
        while made < size {
            times.push(timed(|| app.create_build()));
            fake.run_until_idle();
            made += 1;
        }
        let us = median(&mut times).as_secs_f64() * 1e6;
        println!("  {size:>7} builds {us:>8.1} us");
        record(
            &format!("create_by_history.{size}.us"),
            format_args!("{us:.2}"),
        );
    }
}

fn created_by_jobs() {
    println!("a build made, by jobs");
    for jobs in [1, 10, 100, 1_000, 5_000] {
        let fake = FakeBuildkite::builder().event_limit(10_000_000).start();
        let app = fake.pipeline("app").steps(steps(jobs)).create();
        app.create_build();
        let mut times = Vec::new();
        for _ in 0..(2_000 / jobs).clamp(5, 200) {
            times.push(timed(|| app.create_build()));
            fake.run_until_idle();
        }
        let us = median(&mut times).as_secs_f64() * 1e6;
        let each = us / f64::from(u32::try_from(jobs).expect("few"));
        println!("  {jobs:>6} jobs {us:>10.1} us   {each:>6.2} us a job");
        record(
            &format!("create_by_jobs.{jobs}.us"),
            format_args!("{us:.2}"),
        );
        record(
            &format!("create_by_jobs.{jobs}.us_a_job"),
            format_args!("{each:.3}"),
        );
    }
}

/// Builds of ten jobs from their creation to their end; the clock's part of it. One build after the other, as tests make
/// them, and all of them at once.
fn events() {
    println!("an event in virtual time: builds one after the other, and all at once");
    let most = if IS_DEBUG { 100_000 } else { 1_000_000 };
    let mut first = None;
    let sizes = [1_000, 10_000, 100_000, 1_000_000];
    for size in sizes
        .into_iter()
        .filter(|size| *size <= full_or_short(most, 10_000))
    {
        let runs = (100_000 / size).clamp(1, 9);
        let nanos = [1, usize::MAX].map(|at_once| {
            let all: Vec<_> = (0..runs).map(|_| nanos_an_event(size, at_once)).collect();
            quartile(&all, 2)
        });
        let base = first.get_or_insert(nanos);
        let growth = [0, 1].map(|way| nanos[way] / base[way]);
        println!(
            "  {size:>8} events {:>7.0} ns each   {:.2}  {:>7.0} ns each   {:.2}",
            nanos[0], growth[0], nanos[1], growth[1]
        );
        record(
            &format!("events.{size}.ns"),
            format_args!("{:.0}", nanos[0]),
        );
        record(
            &format!("events.{size}.growth"),
            format_args!("{:.3}", growth[0]),
        );
        record(
            &format!("events_at_once.{size}.ns"),
            format_args!("{:.0}", nanos[1]),
        );
        record(
            &format!("events_at_once.{size}.growth"),
            format_args!("{:.3}", growth[1]),
        );
    }
}

/// How long an event takes when so many come from builds of ten jobs, so many builds at a time.
fn nanos_an_event(wanted: usize, builds_at_once: usize) -> f64 {
    let fake = FakeBuildkite::builder().event_limit(10_000_000).start();
    let app = fake.pipeline("app").steps(steps(10)).create();
    app.create_build();
    let each = fake.run_until_idle().events.len();
    let mut left = wanted / each;
    let mut count = 0;
    let mut took = Duration::ZERO;
    while left > 0 {
        let builds = left.min(builds_at_once);
        for _ in 0..builds {
            app.create_build();
        }
        took += timed(|| {
            let idle = fake.run_until_idle();
            count += idle.events.len();
            idle
        });
        left -= builds;
    }
    #[expect(clippy::cast_precision_loss, reason = "a million")]
    let count = count as f64;
    took.as_secs_f64() * 1e9 / count
}

/// In a process of its own, so that nothing freed before is used again.
fn memory() {
    for (key, value) in alone::ask("memory") {
        println!("  {key}: {value} bytes");
        record(&key, value);
    }
}

/// How much memory more builds take once they have ended and the journal is full.
fn of_builds_that_ended(_: &str) {
    let (fake, app) = finished(4_000, 10);
    let Some(before) = held() else {
        return;
    };
    let more = 4_000;
    for _ in 0..more {
        app.create_build();
        fake.run_until_idle();
    }
    let after = held().expect("it was there before");
    let grown = (after.resident_kib.saturating_sub(before.resident_kib)) * 1024;
    alone::answer("memory.finished_build_bytes", grown / more);
}
