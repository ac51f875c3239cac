//! Webhooks and the clock: receivers act at the instant they are told of, on whatever runtime.

use std::panic::Location;
use std::sync::Arc;

use fake_buildkite::{
    BuildState, Clock, FakeBuildkite, JobState, PipelineHandle, WebhookEvent, minutes, seconds,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::receiver::Receiver;
use crate::support::{Client, client, panic_of};

const PAIR: &str = "steps: [{command: make, key: a}, {command: make, key: b}]";

fn current_thread() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// A pipeline of two jobs: one fails after ten seconds, the other runs for ten minutes.
fn failing(fake: &FakeBuildkite) -> PipelineHandle {
    let app = fake.pipeline("app").steps(PAIR).create();
    app.on_job("a").exits(1);
    app.on_job("b").takes(minutes(10));
    app
}

/// A bot that cancels a build as soon as it hears that it is failing.
fn canceler(client: Client) -> Receiver {
    Receiver::answering(move |_| {
        let path = "/organizations/acme/pipelines/app/builds/1/cancel";
        client.put(path).expect(200);
        200
    })
}

#[test]
fn a_receiver_that_acts_does_so_at_the_instant_it_is_told_of() {
    // Given a bot that cancels failing builds
    let fake = FakeBuildkite::start();
    let bot = canceler(client(&fake));
    fake.webhook(&bot.url)
        .events([WebhookEvent::BuildFailing])
        .create();
    let build = failing(&fake).create_build();
    // When an hour passes in one go
    let happened = fake.advance(minutes(60));
    // Then it did so in the eleventh second, and the command had its ten seconds of grace
    assert_eq!(build.state(), BuildState::Canceled);
    assert_eq!(build.job("b").state(), JobState::Canceled);
    let lines: Vec<_> = happened.iter().map(ToString::to_string).collect();
    let lines: Vec<_> = lines.iter().map(|line| &line[14..]).collect();
    assert_eq!(
        &lines[lines.len() - 7..],
        [
            "00:11.000Z app#1 a running -> failed",
            "00:11.000Z app#1 running -> failing",
            "00:11.000Z app#1 b running -> canceling",
            "00:11.000Z app#1 failing -> canceling",
            "00:11.000Z app#1 build.failing told to webhook 1: it answered 200",
            "00:21.000Z app#1 b canceling -> canceled",
            "00:21.000Z app#1 canceling -> canceled",
        ]
    );
}

#[test]
fn every_way_to_move_the_clock_waits_for_receivers() {
    let fake = FakeBuildkite::start();
    let bot = canceler(client(&fake));
    fake.webhook(&bot.url)
        .events([WebhookEvent::BuildFailing])
        .create();
    let build = failing(&fake).create_build();
    let begun = fake.snapshot();
    let moves: [&dyn Fn(); 4] = [
        &|| drop(fake.run_until_idle()),
        &|| drop(fake.run_until(|_| build.is_finished())),
        &|| while !fake.step().is_empty() {},
        &|| drop(fake.advance_to(fake.clock().now() + seconds(21))),
    ];
    for (n, go) in moves.iter().enumerate() {
        fake.rewind(&begun);
        go();
        assert_eq!(build.state(), BuildState::Canceled, "{n}");
        assert_eq!(bot.got().len(), n + 1);
    }
}

// --- Runtimes --------------------------------------------------------------------------------------------------------

/// A receiver that is a task of the runtime it is called on, counts, and answers.
async fn task() -> (String, tokio::sync::watch::Receiver<usize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let (count, counted) = tokio::sync::watch::channel(0);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            // The bodies are JSON objects, and nothing comes behind them.
            while !request.ends_with(b"}") {
                stream.read_buf(&mut request).await.expect("a request");
            }
            count.send_modify(|count| *count += 1);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.expect("it listens");
        }
    });
    (url, counted)
}

#[test]
fn a_task_that_waits_does_not_keep_its_thread_from_telling() {
    for threads in [1, 2] {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(threads).enable_all();
        let runtime = builder.build().expect("a runtime");
        let test = runtime.spawn(async {
            // Given a fake and a receiver on the runtime of the task
            let (url, counted) = task().await;
            let fake = FakeBuildkite::builder().on_current_runtime().start();
            let webhook = fake.webhook(url).create();
            let build = fake.pipeline("app").create_build();
            // When the task moves the clock without an `.await`
            fake.run_until_idle();
            // Then everything was told meanwhile
            assert_eq!(build.state(), BuildState::Passed);
            assert_eq!(webhook.deliveries().len(), *counted.borrow());
        });
        runtime.block_on(test).expect("no panic");
    }
}

#[test]
fn on_a_current_thread_runtime_the_clock_moves_when_it_is_awaited() {
    current_thread().block_on(async {
        // Given a receiver on the thread of the test
        let (url, counted) = task().await;
        let fake = FakeBuildkite::start();
        let webhook = fake.webhook(url).create();
        let build = fake.pipeline("app").create_build();
        fake.settled().await;
        assert_eq!(*counted.borrow(), 2);
        // When moving the clock is awaited, then it waits for the receiver
        let happened = fake.advance(seconds(1)).await;
        assert!(happened.len() > 4, "{happened}");
        assert_eq!(webhook.deliveries().len(), *counted.borrow());
        let condition = |_: &FakeBuildkite| build.is_finished();
        fake.run_until(condition).await;
        let idle = fake.run_until_idle().await;
        assert!(idle.waiting_on.is_empty());
        assert!(fake.step().await.is_empty());
        let now = fake.clock().now();
        assert!(fake.advance_to(now).await.is_empty());
        assert_eq!(webhook.deliveries().len(), 7);
    });
}

#[test]
fn what_is_not_awaited_there_says_so() {
    current_thread().block_on(async {
        let fake = FakeBuildkite::start();
        let webhook = fake.webhook("http://localhost:1/").create();
        let build = fake.pipeline("app").create_build();
        fake.settled().await;
        let sentence = |at: &Location| {
            format!(
                "the clock was not moved: webhooks are registered, and waiting for their receivers would stop this \
                 thread, the only one of its runtime; `.await` what the call at {}:{}:",
                at.file(),
                at.line()
            )
        };
        // Dropping it
        let (message, line) = (panic_of(|| drop(fake.advance(minutes(1)))), Location::caller());
        assert!(message.starts_with(&sentence(line)), "{message}");
        assert!(message.ends_with(" returns, or, where nobody can, as in `explore`, run the test on a runtime with more threads"), "{message}");
        // And using it
        let idle = fake.run_until_idle();
        let uses: [&dyn Fn(); 3] = [
            &|| assert!(idle.waiting_on.is_empty()),
            &|| drop(idle.to_string()),
            &|| assert!(idle == idle),
        ];
        for used in uses {
            assert!(panic_of(used).starts_with("the clock was not moved: "));
        }
        assert_eq!(format!("{idle:?}"), "Advance(to be awaited)");
        assert_eq!(build.state(), BuildState::Scheduled);
        idle.await;
        assert!(build.is_finished());
        // Once nobody is told of anything, both forms are the same again
        webhook.disable();
        assert!(fake.advance(minutes(1)).is_empty());
        assert!(fake.advance(minutes(1)).await.is_empty());
    });
}

#[test]
fn what_was_awaited_once_and_given_up_is_no_slip() {
    current_thread().block_on(async {
        let fake = FakeBuildkite::start();
        fake.webhook("http://localhost:1/").create();
        fake.pipeline("app").create_build();
        let first = fake.advance(minutes(1));
        // Whoever looks at it once and drops it has asked for it
        let mut first = std::pin::pin!(first.into_future());
        let look = std::future::poll_fn(|cx| {
            let _ = first.as_mut().poll(cx);
            std::task::Poll::Ready(())
        });
        look.await;
    });
}

#[test]
fn on_a_runtime_of_many_threads_both_forms_wait() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        for on_runtime in [false, true] {
            let (url, counted) = task().await;
            let mut builder = FakeBuildkite::builder();
            if on_runtime {
                builder = builder.on_current_runtime();
            }
            let fake = builder.start();
            fake.webhook(url)
                .events([WebhookEvent::BuildRunning])
                .create();
            let app = fake.pipeline("app").create();
            app.create_build();
            fake.advance(seconds(1));
            assert_eq!(*counted.borrow(), 1);
            app.create_build();
            fake.advance(seconds(1)).await;
            assert_eq!(*counted.borrow(), 2);
        }
    });
}

#[test]
fn what_is_moved_can_be_sent_away() {
    let fake = Arc::new(FakeBuildkite::start());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build();
    runtime.expect("a runtime").block_on(async {
        let there = tokio::spawn(async move {
            let happened = fake.advance(seconds(1));
            tokio::task::yield_now().await;
            happened.len() + fake.run_until_idle().await.events.len()
        });
        assert_eq!(there.await.expect("no panic"), 0);
    });
}

#[test]
fn a_paused_clock_stands_still_while_a_webhook_is_on_its_way() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        // Given everything on one runtime with a paused clock
        let (url, mut counted) = task().await;
        let fake = FakeBuildkite::builder()
            .clock(Clock::FollowTokio)
            .on_current_runtime()
            .start();
        let webhook = fake.webhook(url).signed_with("s3cret").create();
        let app = fake.pipeline("app").create();
        app.on_job("*").takes(minutes(90));
        let build = app.create_build();
        // When the program sleeps
        tokio::time::sleep(minutes(91)).await;
        counted
            .wait_for(|count| *count >= 7)
            .await
            .expect("all of it");
        fake.settled().await;
        // Then each was told at its own instant
        assert!(build.is_finished());
        let told: Vec<_> = webhook.deliveries();
        assert!(told.iter().all(|told| told.failure.is_none()));
        let at: Vec<_> = told
            .iter()
            .map(|told| told.at - build.created_at())
            .collect();
        let at: Vec<_> = at.iter().map(chrono::TimeDelta::num_seconds).collect();
        assert_eq!(at, [0, 0, 1, 1, 1, 5401, 5401]);
    });
}

// --- Going back ------------------------------------------------------------------------------------------------------

#[test]
fn webhooks_and_what_they_are_still_to_be_told_go_with_a_snapshot() {
    // Given a fake on a runtime that has not run yet, so that nothing is delivered
    current_thread().block_on(async {
        let (url, counted) = task().await;
        let fake = FakeBuildkite::builder().on_current_runtime().start();
        let events = [WebhookEvent::BuildScheduled];
        let webhook = fake.webhook(url).events(events).create();
        let before = fake.snapshot();
        fake.pipeline("app").create_build();
        let after = fake.snapshot();
        // When it goes back, then what had happened is not told
        fake.rewind(&before);
        fake.settled().await;
        assert_eq!(*counted.borrow(), 0);
        // And when it goes forward again, or another goes on from there, it is
        fake.rewind(&after);
        let other = fake.fork();
        fake.settled().await;
        other.settled().await;
        assert_eq!(*counted.borrow(), 2);
        // Also what is told already
        assert_eq!(webhook.deliveries().len(), 1);
        fake.rewind(&after);
        assert_eq!(webhook.deliveries().len(), 0);
        fake.settled().await;
        assert_eq!(*counted.borrow(), 3);
    });
}
