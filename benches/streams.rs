//! What a download of 200 MB costs, of an artifact and of a log: in time against a bare hyper server that sends the same
//! bytes from memory, and in memory against nothing at all. And what it costs to write such a log line by line.
//!
//! `cargo bench --bench streams` prints medians, each with its ratio to the bare server, and by how much resident memory
//! grew at most meanwhile (where the system tells: Linux).

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

use std::convert::Infallible;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fake_buildkite::{FakeBuildkite, JobHandle};
use http_body_util::Full;
use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const SIZE: usize = 200 << 20;
const SAMPLES: usize = 5;

fn main() {
    println!("{:<34} {:>10} {:>8} {:>12}", "", "time", "ratio", "memory");
    written_line_by_line();
    let content = vec![b'x'; SIZE];
    let plain = bare_server(Bytes::from(content.clone()));
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: pack}]")
        .create_build();
    let job = build.job("pack");
    job.start();
    job.upload_artifact("large.bin", content.clone());
    fill(&job, SIZE);
    let address: SocketAddr = fake.url()[7..].parse().expect("an address");
    let token = format!("authorization: Bearer {}\r\n", fake.token());
    let log = format!("/v2/organizations/acme/jobs/{}/log.txt", job.id());
    let artifact = artifact(address, &job, &token);

    row("memcpy", None, || {
        std::hint::black_box(content.clone());
    });
    drop(content);
    for clients in [1, 8] {
        let all = |address, path: &str, headers: &str| {
            thread::scope(|scope| {
                for _ in 0..clients {
                    scope.spawn(|| assert!(ask("GET", address, path, headers).1 >= SIZE));
                }
            });
        };
        let base = row(&format!("bare hyper, {clients} at once"), None, || {
            all(plain, "/", "");
        });
        row(&format!("artifact, {clients} at once"), Some(base), || {
            all(address, &artifact, "");
        });
        row(&format!("log.txt, {clients} at once"), Some(base), || {
            all(address, &log, &token);
        });
    }
    let tail = format!("{token}range: bytes=-1000\r\n");
    row("the last 1,000 bytes of the log", None, || {
        assert_eq!(ask("GET", address, &log, &tail).1, 1_000);
    });
    row("HEAD of the log", None, || {
        let (head, size) = ask("HEAD", address, &log, &token);
        assert!(head.contains("content-length: 2") && size == 0, "{head}");
    });
}

/// Ten times the lines should take ten times as long; and no more if a snapshot is kept all the while.
fn written_line_by_line() {
    for with_snapshots in [false, true] {
        let time = |size| {
            let fake = FakeBuildkite::start();
            let build = fake
                .pipeline("app")
                .steps("steps: [{command: make, key: pack}]")
                .create_build();
            let job = build.job("pack");
            job.start();
            let begun = Instant::now();
            if with_snapshots {
                for _ in 0..10 {
                    let kept = fake.snapshot();
                    fill(&job, size / 10);
                    drop(kept);
                }
            } else {
                fill(&job, size);
            }
            begun.elapsed()
        };
        let (few, many) = (time(SIZE / 10), time(SIZE));
        let what = if with_snapshots {
            ", ten snapshots kept"
        } else {
            ""
        };
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!(
            "{:<34} {few:>10.1?}",
            format!("20 MB of lines written{what}")
        );
        println!("{:<34} {many:>10.1?} {ratio:>8.2}", format!("200 MB{what}"));
    }
}

/// So many bytes of log, in lines of 100.
fn fill(job: &JobHandle, size: usize) {
    let line = format!("{}\n", "x".repeat(99));
    for _ in 0..size / line.len() {
        job.write_log(&line);
    }
}

/// Prints a row and gives its time.
fn row(what: &str, base: Option<Duration>, act: impl Fn()) -> Duration {
    let timed = || {
        let begun = Instant::now();
        act();
        begun.elapsed()
    };
    let mut all: Vec<_> = (0..SAMPLES).map(|_| timed()).collect();
    all.sort_unstable();
    let median = all[SAMPLES / 2];
    let ratio = base.map_or(String::new(), |base| {
        format!("{:.2}", median.as_secs_f64() / base.as_secs_f64())
    });
    let grown = grown_by(&act);
    println!("{what:<34} {median:>10.1?} {ratio:>8} {grown:>12}");
    median
}

/// By how much resident memory is larger than before, at most, while something is done.
fn grown_by(act: &dyn Fn()) -> String {
    let Some(before) = resident() else {
        return String::new();
    };
    let (ended, is_ended) = mpsc::channel::<Infallible>();
    let most = thread::scope(|scope| {
        let watch = scope.spawn(move || {
            let mut most = before;
            let pause = Duration::from_millis(1);
            while is_ended.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
                most = most.max(resident().unwrap_or(0));
            }
            most
        });
        act();
        drop(ended);
        watch.join().expect("no panic")
    });
    format!("+{} KiB", most - before)
}

/// Resident memory, in KiB, where the system tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line?.trim().trim_end_matches(" kB").parse().ok()
}

fn artifact(address: SocketAddr, job: &JobHandle, token: &str) -> String {
    let (job_id, id) = (job.id(), job.artifacts()[0].id);
    let path = format!("/v2/organizations/acme/jobs/{job_id}/artifacts/{id}/download");
    let (head, _) = ask("GET", address, &path, token);
    let location = head
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    let location = location.expect("a location");
    location[location.find("/_artifacts").expect("a path")..].to_owned()
}

/// The head of the answer, and how many bytes came behind it.
fn ask(method: &str, address: SocketAddr, path: &str, headers: &str) -> (String, usize) {
    let mut stream = TcpStream::connect(address).expect("an open port");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut buffer = vec![0; 256 << 10];
    let mut head = Vec::new();
    let mut size = 0;
    loop {
        let read = stream.read(&mut buffer).expect("an answer");
        if read == 0 {
            return (String::from_utf8_lossy(&head).into_owned(), size);
        }
        if size > 0 {
            size += read;
            continue;
        }
        head.extend_from_slice(&buffer[..read]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            size = head.len() - end - 4;
            head.truncate(end);
        }
    }
}

/// hyper as it is, on a thread of its own, with one answer.
fn bare_server(content: Bytes) -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let listener = TcpListener::from_std(listener).expect("in a runtime");
            while let Ok((stream, _)) = listener.accept().await {
                let content = content.clone();
                tokio::task::spawn_local(async move {
                    let service = service_fn(move |_| {
                        let content = content.clone();
                        async move { Ok::<_, Infallible>(Response::new(Full::new(content))) }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
    address
}
