//! Many fakes, short-lived fakes, and fakes under any runtime: each costs little and leaves nothing behind.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use fake_buildkite::{FakeBuildkite, seconds};

use crate::support::client;

fn address(fake: &FakeBuildkite) -> SocketAddr {
    let url = fake.url();
    let address = url.strip_prefix("http://").expect("plain HTTP");
    address.parse().expect("an address")
}

#[track_caller]
fn assert_refused(address: SocketAddr) {
    let error = TcpStream::connect(address).expect_err("the port is closed");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn a_dropped_fake_refuses_connections() {
    let fake = FakeBuildkite::start();
    let (address, client) = (address(&fake), client(&fake));
    client.get("/user").expect(200);
    drop(fake);
    assert_refused(address);
}

#[test]
fn a_fake_can_be_dropped_by_another_thread() {
    let fake = Arc::new(FakeBuildkite::start());
    let address = address(&fake);
    let other = Arc::clone(&fake);
    drop(fake);
    thread::spawn(move || {
        client(&other).get("/user").expect(200);
        drop(other);
    })
    .join()
    .expect("no panic");
    assert_refused(address);
}

#[test]
fn a_fake_can_be_dropped_while_panicking() {
    let fake = FakeBuildkite::start();
    let address = address(&fake);
    let outcome = thread::spawn(move || {
        let _fake = fake;
        panic!("as a failing test does");
    })
    .join();
    outcome.expect_err("it panicked");
    assert_refused(address);
}

#[test]
fn a_fake_works_and_can_be_dropped_inside_async_code() {
    current_thread().block_on(async {
        for n in 1..20 {
            let fake = FakeBuildkite::start();
            fake.pipeline("app").create();
            let address = address(&fake);
            // The program under test: its own task on the same and only thread
            let (url, token) = (fake.api_url(), fake.token().to_owned());
            let program = tokio::spawn(async move {
                let http = reqwest::Client::new();
                let builds = format!("{url}organizations/acme/pipelines/app/builds");
                let created = http
                    .post(&builds)
                    .bearer_auth(&token)
                    .body(r#"{"commit":"HEAD","branch":"main"}"#)
                    .send()
                    .await
                    .expect("an answer");
                assert_eq!(created.status(), 201);
                let build = http
                    .get(format!("{builds}/1"))
                    .bearer_auth(&token)
                    .send()
                    .await
                    .expect("an answer");
                build.text().await.expect("a body")
            });
            let seen = program.await.expect("no panic");
            assert!(seen.contains("\"state\":\"scheduled\""), "{n}: {seen}");
            fake.advance(seconds(1));
            fake.run_until_idle();
            assert!(fake.existing_pipeline("app").build_number(1).is_finished());
            drop(fake);
            assert_refused(address);
        }
    });
}

#[test]
fn a_fake_outlives_the_runtime_it_was_started_in() {
    let fake = current_thread().block_on(async { FakeBuildkite::start() });
    client(&fake).get("/user").expect(200);
    // And may end in another, inside a task that is dropped with it
    let address = address(&fake);
    let runtime = current_thread();
    runtime.spawn(async move {
        let _fake = fake;
        std::future::pending::<()>().await;
    });
    drop(runtime);
    assert_refused(address);
}

#[test]
fn fakes_do_not_see_each_other() {
    let fakes: Vec<_> = (0..3).map(|_| FakeBuildkite::start()).collect();
    for (n, fake) in fakes.iter().enumerate() {
        let app = fake.pipeline("app").create();
        for _ in 0..n {
            app.create_build();
        }
        fake.advance(seconds(n as u64));
    }
    for (n, fake) in fakes.iter().enumerate() {
        assert_eq!(client(fake).get("/builds").expect(200).items().len(), n);
        assert_eq!(
            fake.clock().now().timestamp(),
            1_893_456_000 + i64::try_from(n).expect("small")
        );
        assert_eq!(fake.requests().len(), 1);
    }
}

/// What only a process of its own can tell: other tests open descriptors and threads, too.
#[cfg(target_os = "linux")]
mod alone {
    use std::io::{Read as _, Write as _};

    use super::*;
    use crate::support::{alone, descriptors, threads};

    /// One request over a connection of its own, closed when this returns.
    fn ask(fake: &FakeBuildkite) -> String {
        let mut stream = TcpStream::connect(address(fake)).expect("the port is open");
        let request = format!(
            "GET /v2/builds HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            fake.token()
        );
        stream.write_all(request.as_bytes()).expect("open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    #[test]
    fn two_hundred_fakes_live_at_once() {
        alone(
            module_path!(),
            "two_hundred_fakes_live_at_once",
            1024,
            || {
                let before = (descriptors(), threads());
                let fakes: Vec<_> = (0..200).map(|_| FakeBuildkite::start()).collect();
                for fake in &fakes {
                    let answer = ask(fake);
                    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
                    assert!(answer.ends_with("\r\n\r\n[]\n"), "{answer}");
                }
                let mut addresses: Vec<_> = fakes.iter().map(address).collect();
                addresses.sort();
                addresses.dedup();
                assert_eq!(addresses.len(), 200);
                drop(fakes);
                assert_eq!((descriptors(), threads()), before);
                addresses.into_iter().for_each(assert_refused);
            },
        );
    }

    #[test]
    fn ten_thousand_fakes_leave_no_thread_and_no_descriptor() {
        alone(
            module_path!(),
            "ten_thousand_fakes_leave_no_thread_and_no_descriptor",
            256,
            || {
                let before = (descriptors(), threads());
                for n in 0..10_000 {
                    let fake = FakeBuildkite::start();
                    if n % 10 == 0 {
                        assert!(ask(&fake).ends_with("[]\n"));
                    }
                }
                assert_eq!((descriptors(), threads()), before);
            },
        );
    }
}
