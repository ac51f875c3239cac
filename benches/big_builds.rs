//! What a large build costs: from its YAML to its end, for builds of 500 to 5,000 jobs with four dependencies each, for a
//! build of wait steps, and for one that uploads its jobs step by step.
//!
//! `cargo bench --bench big_builds` prints, for each, the best of several runs, and how much a job costs more than in the
//! smallest one: 1.0 is linear growth.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use fake_buildkite::{BuildState, FakeBuildkite};

/// How often each size is run; the best counts, because everything else is the machine's.
const RUNS: usize = 5;

fn main() {
    let sizes = [500, 1_000, 2_000, 5_000];
    table("jobs, each with 4 dependencies", &sizes, |jobs| {
        run(&graph(jobs), &[])
    });
    table("jobs of 10 in a row between waits", &sizes, |jobs| {
        run(&sections(jobs), &[])
    });
    table(
        "jobs, 50 an upload, one upload after the other",
        &sizes,
        |jobs| {
            let uploads: Vec<_> = (1..=jobs / 50).map(upload).collect();
            run("steps: [{command: u, key: u0}]", &uploads)
        },
    );
}

fn table(what: &str, sizes: &[usize], run: impl Fn(usize) -> Duration) {
    println!("{what}");
    let mut first = None;
    for size in sizes {
        let best = (0..RUNS).map(|_| run(*size)).min().expect("several runs");
        let each = best.as_secs_f64() / f64::from(u32::try_from(*size).expect("few"));
        let base = *first.get_or_insert(each);
        println!(
            "{size:>8}   {:>8.1} ms   {:>6.2} us a job   {:.2}",
            best.as_secs_f64() * 1e3,
            each * 1e6,
            each / base
        );
    }
}

/// Makes a build of these steps, and of what they upload in turn, and runs it to its end.
fn run(yaml: &str, uploads: &[String]) -> Duration {
    let fake = FakeBuildkite::builder().event_limit(1_000_000).start();
    let app = fake.pipeline("app").steps(yaml).create();
    for (n, yaml) in uploads.iter().enumerate() {
        app.on_uploaded_job(&format!("u{n}")).uploads(yaml);
    }
    let begun = Instant::now();
    let build = app.create_build();
    fake.run_until_idle();
    let took = begun.elapsed();
    assert_eq!(build.state(), BuildState::Passed);
    took
}

fn graph(jobs: usize) -> String {
    let mut yaml = String::from("steps:\n");
    for n in 0..jobs {
        let on: Vec<_> = [1, 2, 7, 31]
            .iter()
            .filter_map(|back| n.checked_sub(*back))
            .map(|on| format!("k{on}"))
            .collect();
        writeln!(
            yaml,
            "  - {{command: make, key: k{n}, depends_on: [{}]}}",
            on.join(", ")
        )
        .expect("a String");
    }
    yaml
}

fn sections(jobs: usize) -> String {
    let mut yaml = String::from("steps:\n");
    for n in 0..jobs {
        if n % 10 == 0 && n > 0 {
            yaml.push_str("  - wait\n");
        }
        writeln!(yaml, "  - {{command: make, key: k{n}}}").expect("a String");
    }
    yaml
}

fn upload(number: usize) -> String {
    let mut yaml = format!("steps:\n  - {{command: u, key: u{number}}}\n");
    for n in 1..50 {
        writeln!(yaml, "  - {{command: make, key: j{number}-{n}}}").expect("a String");
    }
    yaml
}
