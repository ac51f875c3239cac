//! The end of a fake, in whatever state it is: its port is closed when the drop returns, nobody waits for ever, and
//! nothing is left.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fake_buildkite::{Clock, FakeBuildkite, Route, WebhookReceiver, hours, minutes, seconds};

use crate::support::{client, panic_of};

/// Only guards against hanging.
const GENEROUS: Duration = Duration::from_secs(20);

fn address(fake: &FakeBuildkite) -> SocketAddr {
    let url = fake.url();
    url.replace("http://", "").parse().expect("an address")
}

#[track_caller]
fn assert_refused(address: SocketAddr) {
    let error = TcpStream::connect(address).expect_err("the port is closed");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// Drops it, and sees that the port is closed.
#[track_caller]
fn end(fake: FakeBuildkite) {
    let address = address(&fake);
    drop(fake);
    assert_refused(address);
}

/// Sends a request and reads nothing.
fn ask(fake: &FakeBuildkite, line: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(fake)).expect("the port is open");
    stream
        .set_read_timeout(Some(GENEROUS))
        .expect("a live socket");
    let token = fake.token();
    let text = format!("{line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(text.as_bytes()).expect("open");
    stream
}

/// What is left of a connection ends: with the end of the stream, or a reset.
fn rest(mut stream: TcpStream) -> usize {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    bytes.len()
}

fn current_thread() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

fn multi_thread() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn a_fake_ends_inside_any_runtime_where_it_is_waited_for_and_where_it_was_spawned() {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            end(FakeBuildkite::start());
            let task = tokio::spawn(async { end(FakeBuildkite::start()) });
            task.await.expect("no panic");
            let task = tokio::task::spawn_blocking(|| end(FakeBuildkite::start()));
            task.await.expect("no panic");
            // On the same runtime as the test
            end(FakeBuildkite::builder().on_current_runtime().start());
        });
    }
}

#[test]
fn two_hundred_fakes_end_within_one_task() {
    // As often as would use up what a task may do before others have their turn.
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            for _ in 0..200 {
                end(FakeBuildkite::start());
            }
        });
    }
}

#[test]
fn a_task_that_panics_takes_its_fake_along() {
    for runtime in [current_thread(), multi_thread()] {
        let (tell, told) = mpsc::channel();
        let task = runtime.spawn(async move {
            let fake = FakeBuildkite::start();
            tell.send(address(&fake)).expect("somebody listens");
            panic!("as a failing test does");
        });
        let error = runtime.block_on(task).expect_err("it panicked");
        assert!(error.is_panic());
        assert_refused(told.recv().expect("an address"));
    }
}

#[test]
fn handles_that_outlive_their_fake_say_so() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let build = app.create_build();
    let job = build.all_jobs().remove(0);
    let user = fake.user();
    let token = user.token([]);
    let cluster = fake.cluster("Linux").create();
    let webhook = fake.webhook("http://127.0.0.1:9/").create();
    let fault = fake.fault(Route::GetUser).always().status(500);
    let snapshot = fake.snapshot();
    let clones = (app.clone(), build.clone(), job.clone());
    end(fake);
    let gone = "the FakeBuildkite this handle belongs to is gone; keep it alive as long as its handles are used";
    for text in [
        panic_of(|| app.slug()),
        panic_of(|| app.create_build()),
        panic_of(|| build.state()),
        panic_of(|| build.cancel()),
        panic_of(|| job.state()),
        panic_of(|| job.pass()),
        panic_of(|| user.name()),
        panic_of(|| token.revoke()),
        panic_of(|| cluster.name()),
        panic_of(|| webhook.ping()),
        panic_of(|| fault.lift()),
        panic_of(|| clones.0.name()),
    ] {
        assert_eq!(text, gone);
    }
    // And none of them minds being printed, or dropped in whatever order.
    let printed = format!(
        "{app:?} {build:?} {job:?} {user:?} {token:?} {cluster:?} {webhook:?} {fault:?} {snapshot:?}"
    );
    assert!(!printed.is_empty());
    drop(clones);
    drop(snapshot);
    drop(app);
}

#[test]
fn requests_that_are_held_end_with_their_fake() {
    let fake = FakeBuildkite::start();
    let gate = fake.hold(Route::GetUser);
    let held = ask(&fake, "GET /v2/user");
    gate.arrived().blocking();
    end(fake);
    assert_eq!(rest(held), 0);
    drop(gate);
}

#[test]
fn requests_that_are_late_end_with_their_fake() {
    let fake = FakeBuildkite::start();
    fake.fault(Route::GetUser).first(1).delay(hours(1));
    let late = ask(&fake, "GET /v2/user");
    fake.next_request(Route::GetUser).blocking();
    end(fake);
    assert_eq!(rest(late), 0);
}

#[test]
fn connections_that_are_being_written_to_end_with_their_fake() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    app.on_job("*")
        .uploads_artifact("big", vec![b'x'; 32 << 20]);
    let build = app.create_build();
    fake.run_until_idle();
    let job = build.all_jobs()[0].id();
    let path = format!("/organizations/acme/pipelines/app/builds/1/jobs/{job}/artifacts");
    let artifacts = client(&fake).get(&path).expect(200);
    let id = artifacts[0]["id"].str();
    let answer = client(&fake)
        .without_redirects()
        .get(&format!("{path}/{id}/download"));
    let location = answer.header("location").expect("an address").to_owned();
    let (_, path) = location.split_once("://").expect("a URL");
    let (host, path) = path.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(address(&fake)).expect("the port is open");
    let text = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(text.as_bytes()).expect("open");
    let mut beginning = [0; 15];
    stream.read_exact(&mut beginning).expect("the beginning");
    assert_eq!(&beginning, b"HTTP/1.1 200 OK");
    end(fake);
    assert!(rest(stream) < 32 << 20, "not all of it was read in time");
}

#[test]
fn requests_that_are_half_sent_end_with_their_fake() {
    let fake = FakeBuildkite::start();
    let mut streams = Vec::new();
    for beginning in [
        "",
        "GE",
        "GET / HTTP/1.1\r\nHost",
        "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc",
    ] {
        let mut stream = TcpStream::connect(address(&fake)).expect("the port is open");
        stream
            .set_read_timeout(Some(GENEROUS))
            .expect("a live socket");
        stream.write_all(beginning.as_bytes()).expect("open");
        streams.push(stream);
    }
    end(fake);
    for stream in streams {
        assert_eq!(rest(stream), 0);
    }
}

/// A receiver that takes what comes, and answers when it is told to, which may be never.
fn deaf() -> (String, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let (came, coming) = mpsc::channel();
    let (hang_up, ringing) = mpsc::channel::<()>();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        came.send(()).expect("somebody listens");
        // Until the other end is dropped
        let _ = ringing.recv();
        drop(stream);
    });
    (url, coming, hang_up)
}

#[test]
fn a_delivery_that_nobody_answers_ends_with_its_fake() {
    let fake = FakeBuildkite::builder().webhook_timeout(hours(1)).start();
    let (url, coming, _never) = deaf();
    fake.webhook(url).create();
    fake.pipeline("app").create_build();
    coming.recv_timeout(GENEROUS).expect("a delivery");
    end(fake);
}

#[test]
fn a_fake_may_end_in_another_thread_than_the_one_that_advanced_it_last() {
    let receiver = WebhookReceiver::start();
    let fake = FakeBuildkite::start();
    fake.webhook(receiver.url()).create();
    let app = fake.pipeline("app").create();
    for _ in 0..20 {
        app.create_build();
    }
    thread::scope(|scope| {
        let advancing = scope.spawn(|| fake.advance(minutes(1)).len());
        let asking = scope.spawn(|| client(&fake).get("/builds").expect(200).items().len());
        assert!(advancing.join().expect("no panic") > 20);
        assert_eq!(asking.join().expect("no panic"), 20);
    });
    thread::spawn(move || end(fake)).join().expect("no panic");
}

#[test]
fn an_advance_under_way_in_a_task_that_is_dropped_ends_with_its_fake() {
    let (url, coming, _never) = deaf();
    let runtime = current_thread();
    let (tell, told) = mpsc::channel();
    let task = runtime.spawn(async move {
        let fake = FakeBuildkite::builder().webhook_timeout(hours(1)).start();
        tell.send(address(&fake)).expect("somebody listens");
        fake.pipeline("app").create_build();
        fake.webhook(url).create();
        fake.advance(minutes(1)).await; // never: nobody answers
    });
    let address = runtime.block_on(async {
        while coming.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.expect_err("aborted").is_cancelled());
        told.recv().expect("an address")
    });
    assert_refused(address);
}

#[test]
fn a_closure_may_end_another_fake_and_what_it_made_itself() {
    let (other, fake) = (FakeBuildkite::start(), FakeBuildkite::start());
    let elsewhere = address(&other);
    let other = parking_lot::Mutex::new(Some(other));
    let app = fake.pipeline("app").create();
    app.on_job_when(move |_| {
        drop(other.lock().take());
        end(FakeBuildkite::start());
        true
    })
    .takes(seconds(1));
    let build = app.create_build();
    fake.run_until_idle();
    assert!(build.is_finished());
    assert_refused(elsewhere);
    end(fake);
}

#[test]
fn a_receiver_may_end_another_fake_while_it_is_told_something() {
    let other = FakeBuildkite::start();
    let elsewhere = address(&other);
    let other = parking_lot::Mutex::new(Some(other));
    let receiver = WebhookReceiver::answering(move |_| {
        drop(other.lock().take());
        200
    });
    let fake = FakeBuildkite::start();
    let webhook = fake.webhook(receiver.url()).create();
    webhook.ping();
    fake.settled().blocking();
    assert_refused(elsewhere);
    end(fake);
}

#[test]
fn a_fork_may_end_before_or_after_what_it_was_forked_from() {
    for parent_first in [true, false] {
        let parent = FakeBuildkite::start();
        parent.pipeline("app").create_build();
        let (child, snapshot) = (parent.fork(), parent.snapshot());
        let grandchild = child.fork();
        let (first, second) = if parent_first {
            (parent, child)
        } else {
            (child, parent)
        };
        end(first);
        client(&second).get("/builds").expect(200);
        second.run_until_idle();
        end(second);
        grandchild.rewind(&snapshot);
        grandchild.run_until_idle();
        let build = grandchild.existing_pipeline("app").build_number(1);
        assert!(build.is_finished());
        end(grandchild);
    }
}

#[test]
fn clocks_that_move_by_themselves_stop_with_their_fake() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::Wall { speed: 1000.0 })
        .start();
    fake.pipeline("app").create_build();
    end(fake);
    current_thread().block_on(async {
        tokio::time::pause();
        let builder = FakeBuildkite::builder().clock(Clock::FollowTokio);
        let fake = builder.on_current_runtime().start();
        fake.pipeline("app").create_build();
        end(fake);
    });
}

#[test]
fn a_stopped_fake_ends_like_any_other() {
    let fake = FakeBuildkite::start();
    fake.stop();
    end(fake);
    let fake = FakeBuildkite::start();
    fake.stop();
    fake.restart();
    end(fake);
}

#[test]
fn a_fake_whose_report_is_not_empty_closes_its_port_all_the_same() {
    let fake = FakeBuildkite::start();
    let address = address(&fake);
    let answer = client(&fake).get("/organisations");
    assert_eq!(answer.status, 404);
    let text = panic_of(AssertUnwindSafe(|| drop(fake)));
    assert!(text.contains("GET /v2/organisations is no route"), "{text}");
    assert_refused(address);
}

#[test]
fn a_panic_while_somebody_else_panics_is_one_panic() {
    let fake = FakeBuildkite::start();
    let address = address(&fake);
    client(&fake).get("/organisations");
    let outcome = catch_unwind(AssertUnwindSafe(move || {
        let _fake = fake;
        panic!("as a failing test does");
    }));
    let text = outcome.expect_err("it panicked");
    assert_eq!(text.downcast_ref::<&str>(), Some(&"as a failing test does"));
    assert_refused(address);
}

/// What only a process of its own can tell.
#[cfg(target_os = "linux")]
mod alone {
    use super::*;
    use crate::support::{alone, descriptors, threads};

    #[test]
    fn a_fake_with_a_long_past_is_gone_when_its_drop_returns() {
        alone(
            module_path!(),
            "a_fake_with_a_long_past_is_gone_when_its_drop_returns",
            256,
            || {
                drop(FakeBuildkite::start());
                let before = (descriptors(), threads());
                let fake = FakeBuildkite::start();
                let app = fake.pipeline("app").create();
                for _ in 0..40 {
                    for _ in 0..250 {
                        app.create_build();
                    }
                    fake.run_until_idle();
                }
                assert!(fake.events().len() > 50_000);
                end(fake);
                assert_eq!((descriptors(), threads()), before);
            },
        );
    }
}
