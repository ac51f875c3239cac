//! What it costs to have a fake: from its start to the first answer, in a process that is warm and in one that is new; to
//! let it go; and to hold many. Against a bare hyper server on a thread of its own and against wiremock, and against bare
//! servers that share one runtime: what hosting could be.
//!
//! `cargo bench --bench lives` prints medians and ratios. New processes are examples of this crate, which it has built
//! first; what a process holds is told by Linux only.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

mod support;

use std::cell::Cell;
use std::env;
use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fake_buildkite::FakeBuildkite;
use support::client::{Captured, Client, get};
use support::measure::{
    self, IS_DEBUG, Subject, full_or_short, quartile, record, record_ratio, side_by_side, timed,
};
use support::mock::wiremock;
use support::process::{alone, held, is_pinned, run_pinned};
use support::servers::{Answer, Bare, listener, serve};
use support::world::address;

fn main() {
    if let Some(part) = alone::asked() {
        return hold(&part);
    }
    if is_pinned() {
        let captured = captured();
        warm(&captured);
        drops(&captured);
        cold(&captured);
    } else {
        run_pinned();
        many();
    }
}

fn captured() -> Captured {
    let fake = FakeBuildkite::start();
    Client::connect(address(&fake)).capture(&get("/v2/user", fake.token()))
}

/// From nothing to an answer; the end of it all does not count.
fn warm(captured: &Captured) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let request = get("/v2/user", "token");
    let mut subjects = [
        Subject::new("bare", || {
            timed(|| {
                let server = Bare::start(Answer::fixed(captured)).expect("a port");
                let mut client = Client::connect(server.address);
                client.ask(&request);
                (client, server)
            })
        }),
        Subject::new("fake", || {
            timed(|| {
                let fake = FakeBuildkite::start();
                let mut client = Client::connect(address(&fake));
                client.ask(&get("/v2/user", fake.token()));
                (client, fake)
            })
        }),
        Subject::new("wiremock", || {
            timed(|| {
                let server = runtime.block_on(wiremock(captured));
                let mut client = Client::connect(*server.address());
                client.ask(&request);
                (client, server)
            })
        }),
    ];
    let all = side_by_side(full_or_short(150, 20), &mut subjects);
    measure::table(
        "start to first answer, in a warm process",
        "warm",
        &subjects,
        &all,
    );
    record_ratio("warm.over_bare", all[1].over(&all[0]));
    record_ratio("warm.wiremock_over_fake", all[2].over(&all[1]));
}

/// The end of a fake that is idle, and its port afterwards.
fn drops(captured: &Captured) {
    let refused = |address| assert!(TcpStream::connect(address).is_err(), "still open");
    let worst = Cell::new(Duration::ZERO);
    let mut subjects = [
        Subject::new("bare", || {
            let server = Bare::start(Answer::fixed(captured)).expect("a port");
            let address = server.address;
            Client::connect(address).ask(&get("/v2/user", "token"));
            let took = timed(|| drop(server));
            refused(address);
            took
        }),
        Subject::new("fake", || {
            let fake = FakeBuildkite::start();
            let address = address(&fake);
            Client::connect(address).ask(&get("/v2/user", fake.token()));
            let took = timed(|| drop(fake));
            refused(address);
            worst.set(worst.get().max(took));
            took
        }),
    ];
    let all = side_by_side(full_or_short(100, 20), &mut subjects);
    measure::table(
        "an idle one dropped, its port closed",
        "drop",
        &subjects,
        &all,
    );
    record(
        "drop.fake_us.spread",
        format_args!("at most {:.0} us", worst.get().as_secs_f64() * 1e6),
    );
}

/// Whole processes, from their start to their end.
fn cold(captured: &Captured) {
    let Some(examples) = built_examples() else {
        println!("no cargo here: no new processes");
        return;
    };
    let answer = as_text(captured);
    let mut subjects: Vec<_> = ["bare", "fake", "wiremock"]
        .map(|name| {
            let path = examples.join(format!("cold_{name}{}", env::consts::EXE_SUFFIX));
            let answer = &answer;
            Subject::new(name, move || {
                let mut command = Command::new(&path);
                command.env("FAKE_BUILDKITE_BENCH_ANSWER", answer);
                timed(|| assert!(command.status().expect("it starts").success()))
            })
        })
        .into();
    let all = side_by_side(full_or_short(150, 20), &mut subjects);
    measure::table("a process for one answer", "cold", &subjects, &all);
    record_ratio("cold.over_bare", all[1].over(&all[0]));
    record_ratio("cold.wiremock_over_fake", all[2].over(&all[1]));
}

/// Where the examples are that `cold` starts, built as this benchmark is.
fn built_examples() -> Option<PathBuf> {
    let mut build = Command::new(env::var_os("CARGO")?);
    build.args(["build", "--quiet"]);
    for name in ["fake", "bare", "wiremock"] {
        build.args(["--example", &format!("cold_{name}")]);
    }
    if !IS_DEBUG {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo starts").success());
    let me = env::current_exe().expect("a path");
    let profile = me
        .parent()
        .and_then(Path::parent)
        .expect("target, profile, deps");
    Some(profile.join("examples"))
}

fn as_text(captured: &Captured) -> String {
    let mut text = String::from("HTTP/1.1 200 OK\r\n");
    for (name, value) in &captured.headers {
        let value = value.to_str().expect("plain");
        write!(text, "{name}: {value}\r\n").expect("a String");
    }
    let body = std::str::from_utf8(&captured.body).expect("JSON");
    write!(text, "content-length: {}\r\n\r\n{body}", body.len()).expect("a String");
    text
}

const KINDS: [&str; 3] = ["bare", "fake", "shared"];
const COUNTS: [usize; 4] = [1, 10, 100, 1_000];

/// What each of so many costs that are alive at once.
fn many() {
    println!("held at once: start, resident memory, threads, descriptors of each");
    let rounds = full_or_short(7, 2);
    let mut resident = [[0.0; COUNTS.len()]; KINDS.len()];
    for (nth, count) in COUNTS.into_iter().enumerate() {
        let mut said = KINDS.map(|_| [const { Vec::new() }; 4]);
        for _ in 0..rounds {
            for (at, kind) in KINDS.iter().enumerate() {
                for (field, (_, value)) in alone::ask(&format!("{kind} {count}")).iter().enumerate()
                {
                    said[at][field].push(*value);
                }
            }
        }
        for (at, kind) in KINDS.iter().enumerate() {
            if said[at][0].is_empty() {
                println!("  (this system does not tell)");
                return;
            }
            let [us, kib, threads, descriptors] =
                [0, 1, 2, 3].map(|field| quartile(&said[at][field], 2));
            println!(
                "  {count:>5} {kind:<8} {us:>8.1} us {kib:>8.1} KiB {threads:>6.2} {descriptors:>6.2}"
            );
            let key = format!("held.{count}.{kind}");
            record(&format!("{key}.us"), format_args!("{us:.1}"));
            record(&format!("{key}.kib"), format_args!("{kib:.1}"));
            record(&format!("{key}.threads"), format_args!("{threads:.2}"));
            record(
                &format!("{key}.descriptors"),
                format_args!("{descriptors:.2}"),
            );
            #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
            let all = kib * count as f64;
            resident[at][nth] = all;
        }
    }
    for (at, kind) in KINDS.iter().enumerate() {
        let slope = (resident[at][3] - resident[at][2]) / 900.0;
        println!("  each further one, from 100 to 1,000: {kind:<8} {slope:.1} KiB");
        record(
            &format!("held.slope.{kind}_kib"),
            format_args!("{slope:.1}"),
        );
    }
    record(
        "held.slope.over_bare",
        format_args!(
            "{:.3}",
            (resident[1][3] - resident[1][2]) / (resident[0][3] - resident[0][2])
        ),
    );
}

/// In a process of its own: so many of a kind, each asked once, and what they hold.
fn hold(part: &str) {
    let (kind, count) = part.split_once(' ').expect("a kind and a number");
    let count: u32 = count.parse().expect("a number");
    let captured = captured();
    let Some(before) = held() else {
        return;
    };
    let mut fakes = Vec::new();
    let mut servers = Vec::new();
    let shared = (kind == "shared").then(|| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(1).enable_all();
        runtime.build().expect("a runtime")
    });
    let mut took = Duration::ZERO;
    for _ in 0..count {
        let begun = Instant::now();
        let (address, token) = match kind {
            "fake" => {
                let fake = FakeBuildkite::start();
                let place = (address(&fake), fake.token().to_owned());
                fakes.push(fake);
                place
            }
            "bare" => {
                let server = Bare::start(Answer::fixed(&captured)).expect("a port");
                let address = server.address;
                servers.push(server);
                (address, String::new())
            }
            _ => {
                let listener = listener().expect("a port");
                let address = listener.local_addr().expect("an address");
                let shared = shared.as_ref().expect("it was built");
                shared.spawn(serve(listener, Answer::fixed(&captured)));
                (address, String::new())
            }
        };
        took += begun.elapsed();
        Client::connect(address).ask(&get("/v2/user", &token));
    }
    let after = held().expect("it was there before");
    let each = |before: u64, after: u64| {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let more = after.saturating_sub(before) as f64;
        more / f64::from(count)
    };
    alone::answer("us", took.as_secs_f64() * 1e6 / f64::from(count));
    alone::answer("kib", each(before.resident_kib, after.resident_kib));
    alone::answer("threads", each(before.threads, after.threads));
    alone::answer("descriptors", each(before.descriptors, after.descriptors));
}
