//! Sixty-four clients on one fake, with forks, faults and webhooks, for as long as one likes. Nobody's request may be
//! lost or done twice, memory may not grow beyond what the record keeps, and nothing may be left in the end.
//!
//! `tests/soak/run [SECONDS]` runs it in release mode and shows the table; without it, it takes a few seconds.
//! A binary of its own: only so are the threads and the descriptors of the process those of the fake.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "how long it runs is real time; what it compares is not"
)]

mod client;
mod process;
mod receiver;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use fake_buildkite::{FakeBuildkite, Fault, Route, WebhookEvent, millis, minutes, seconds};

use client::{Counts, Line, Said};
use process::Usage;
use receiver::Receiver;

const CLIENTS: usize = 64;

/// Builds of one pipeline before it is deleted with all of them: what is alive is bounded.
const BUILDS: u64 = 20;

/// How long without being told otherwise, in seconds.
const SHORT: u64 = 3;

/// Between two moves of the clock, and two forks.
const TICK: Duration = Duration::from_millis(5);
const TICKS_PER_FORK: u64 = 20;

/// How much more memory the second half of a long run may need at its highest than the first, in MiB: what the
/// allocator wins and loses.
const SLACK: u64 = 24;

/// From when on a run is long enough for its record to be full by half time.
const LONG: u64 = 60;

const STEPS: &str =
    "steps: [{command: make, key: test, parallelism: 2}, wait, {command: ship, key: ship}]";

fn main_pipeline(number: usize) -> String {
    format!("client-{number:02}")
}

#[test]
fn sixty_four_clients_lose_nothing_and_leave_nothing() {
    let length =
        std::env::var("FAKE_BUILDKITE_SOAK").map_or(SHORT, |it| it.parse().expect("seconds"));
    // The first fake of a process starts what every later one uses.
    drop(FakeBuildkite::start());
    let before = Usage::now();
    let receiver = Receiver::start();
    let mut table = Table::default();
    {
        let fake = FakeBuildkite::builder().seed(64).start();
        soak(&fake, &receiver, Duration::from_secs(length), &mut table);
    }
    let deliveries = receiver.stop();
    let builds = table.clients.made;
    table.compare("builds that webhooks told of", deliveries, builds);
    let after = Usage::now();
    table.compare("descriptors left", after.descriptors, before.descriptors);
    table.compare("threads left", after.threads, before.threads);
    println!("{table}");
    assert!(
        table.violations.is_empty(),
        "{}",
        table.violations.join("\n")
    );
}

/// What was ordered to go wrong, and which way a client sees it.
struct Faults {
    refused: Vec<Fault>,
    broken: Vec<Fault>,
    late: Vec<Fault>,
}

impl Faults {
    fn order(fake: &FakeBuildkite) -> Self {
        let get = |probability| fake.fault(Route::GetBuild).probability(probability);
        let create = |probability| fake.fault(Route::CreateBuild).probability(probability);
        let list = |probability| {
            fake.fault(Route::ListPipelineBuilds)
                .probability(probability)
        };
        Self {
            refused: vec![
                get(0.01).status(503),
                create(0.02).before_effect().status(502),
                fake.fault(Route::CreateBuildAnnotation)
                    .probability(0.02)
                    .rate_limited(),
            ],
            broken: vec![
                get(0.003).reset(),
                get(0.003).half_close(),
                get(0.003).truncate_after(40),
                create(0.02).after_effect().reset(),
                list(0.01).garbage(),
            ],
            late: vec![
                list(0.02).delay(seconds(30)),
                list(0.02).slow_body(5, millis(2)),
            ],
        }
    }

    fn hits(faults: &[Fault]) -> u64 {
        faults.iter().map(Fault::hits).sum()
    }
}

fn soak(fake: &FakeBuildkite, receiver: &Receiver, length: Duration, table: &mut Table) {
    fake.webhook(receiver.url(&fake.url()))
        .events([WebhookEvent::BuildFinished])
        .create();
    let faults = Faults::order(fake);
    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let (stop_ticking, ticks) = mpsc::channel::<()>();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let over = &over;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || client::run(fake, number, over)))
            .collect();
        let clock = scope.spawn(move || tick(fake, &ticks));
        watch(begun, length, table);
        over.store(true, Ordering::Relaxed);
        let outcomes: Vec<_> = clients
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        drop(stop_ticking);
        match clock.join() {
            Ok((moves, forks)) => (table.moves, table.forks) = (moves, forks),
            Err(panic) => table
                .violations
                .push(format!("the clock: {}", process::text(&*panic))),
        }
        outcomes
    });
    fake.run_until_idle();
    table.took = begun.elapsed();
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(counts) => table.clients.add(&counts),
            Err(panic) => {
                let text = process::text(&*panic);
                table.violations.push(format!("client {number}: {text}"));
            }
        }
    }
    let requests = fake.requests();
    let recorded = requests.forgotten() + requests.len() as u64;
    let Counts {
        sent,
        refused,
        broken,
        ..
    } = table.clients;
    table.compare("requests recorded", recorded, sent);
    table.compare("refusals ordered", Faults::hits(&faults.refused), refused);
    table.compare(
        "answers broken on purpose",
        Faults::hits(&faults.broken),
        broken,
    );
    table.late = Faults::hits(&faults.late);
    table.compare(
        "requests answered, refused or broken",
        table.clients.answered + refused + broken,
        sent,
    );
    table.compare("failures inside", fake.failures().len() as u64, 0);
    if let Err(report) = fake.verify() {
        table.violations.push(report.to_string());
    }
}

/// Moves the clock, and now and then forks; until it is told to stop. Says how often.
fn tick(fake: &FakeBuildkite, stop: &mpsc::Receiver<()>) -> (u64, u64) {
    let (mut moves, mut forks) = (0, 0);
    while stop.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
        fake.advance(seconds(1));
        moves += 1;
        if moves % TICKS_PER_FORK == 0 {
            fork(fake);
            forks += 1;
        }
    }
    (moves, forks)
}

/// A fork is asked for something, goes its own way, and is gone.
fn fork(fake: &FakeBuildkite) {
    let before = fake.clock().now();
    let fork = fake.fork();
    assert!(fork.clock().now() >= before);
    let mut line = Line::new(&fork.url(), fork.token());
    let mut counts = Counts::default();
    let said = line.ask(
        "GET",
        "/v2/builds?state=finished&per_page=5",
        "",
        &mut counts,
    );
    assert!(
        matches!(said, Said::Answered(200, _)),
        "a fork answers: {said:?}"
    );
    fork.advance(minutes(2));
    assert!(fork.clock().now() >= before + minutes(2));
}

/// Looks at the process once a second until the time is over.
fn watch(begun: Instant, length: Duration, table: &mut Table) {
    // Nobody sends anything: it is a bell.
    let (_bell, ring) = mpsc::channel::<()>();
    let mut samples = Vec::new();
    while begun.elapsed() < length {
        let left = length.saturating_sub(begun.elapsed());
        let _ = ring.recv_timeout(left.min(Duration::from_secs(1)));
        samples.push((begun.elapsed(), Usage::now()));
    }
    let highest = |from: Duration, to: Duration| {
        let within = samples.iter().filter(|(at, _)| (from..to).contains(at));
        within.map(|(_, usage)| usage.memory).max().unwrap_or(0)
    };
    table.memory = (1..=4)
        .map(|quarter| {
            highest(
                length * (quarter - 1) / 4,
                (length * quarter / 4).max(Duration::from_millis(1)),
            )
        })
        .collect();
    table.most = samples
        .iter()
        .fold(Usage::default(), |most, (_, usage)| most.most(usage));
    // The first quarter fills the record.
    let (first, second) = (table.memory[1], table.memory[2].max(table.memory[3]));
    if length >= Duration::from_secs(LONG) && second > first + SLACK {
        table
            .violations
            .push(format!("memory grew from {first} to {second} MiB"));
    }
}

/// What there is to say at the end.
#[derive(Debug, Default)]
struct Table {
    took: Duration,
    clients: Counts,
    moves: u64,
    forks: u64,
    late: u64,
    /// The highest of each quarter, in MiB.
    memory: Vec<u64>,
    most: Usage,
    compared: Vec<(&'static str, u64, u64)>,
    violations: Vec<String>,
}

impl Table {
    fn compare(&mut self, what: &'static str, found: u64, expected: u64) {
        self.compared.push((what, found, expected));
        if found != expected {
            self.violations
                .push(format!("{what}: {found}, not {expected}"));
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            sent,
            answered,
            made,
            pipelines,
            statuses,
            ..
        } = &self.clients;
        let mut row = |what: &str, value: &dyn fmt::Display| writeln!(f, "{what:<40} {value}");
        row("seconds", &format_args!("{:.1}", self.took.as_secs_f64()))?;
        row("clients", &CLIENTS)?;
        row("requests", sent)?;
        row(
            "requests a second",
            &format_args!("{:.0}", per_second(*sent, self.took)),
        )?;
        row("answered", answered)?;
        for (status, count) in statuses {
            row(&format!("  with {status}"), count)?;
        }
        row("late on purpose", &self.late)?;
        row("builds made", made)?;
        row("pipelines made and deleted", pipelines)?;
        row("moves of the clock", &self.moves)?;
        row("forks", &self.forks)?;
        row(
            "MiB at most, by quarter",
            &format_args!("{:?}", self.memory),
        )?;
        row("descriptors at most", &self.most.descriptors)?;
        row("threads at most", &self.most.threads)?;
        for (what, found, expected) in &self.compared {
            row(what, &format_args!("{found} of {expected}"))?;
        }
        row("violations", &self.violations.len())
    }
}

#[allow(clippy::cast_precision_loss, reason = "for people to read")]
fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Statuses and how often.
type Statuses = BTreeMap<u16, u64>;
