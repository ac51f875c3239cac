//! Webhooks on their way: order, proof, receivers that fail, and where they may go.

use std::sync::mpsc;

use fake_buildkite::{
    EventKind, FakeBuildkite, Route, WebhookEvent, WebhookHandle, millis, minutes, seconds,
};

use crate::receiver::{Received, Receiver, SILENCE};
use crate::support::{client, panic_of};

/// What came of each delivery, a line each.
fn outcomes(webhook: &WebhookHandle) -> Vec<String> {
    let deliveries = webhook.deliveries();
    deliveries.iter().map(ToString::to_string).collect()
}

// --- The request -----------------------------------------------------------------------------------------------------

#[test]
fn a_request_carries_its_event_and_its_token() {
    let receiver = Receiver::start();
    let fake = FakeBuildkite::start();
    let webhook = fake
        .webhook(format!("{}?who=bot", receiver.url))
        .token("s3cret")
        .create();
    webhook.ping();
    fake.settled().blocking();
    let got = receiver.got().remove(0);
    assert_eq!(got.line, "POST /hooks?who=bot HTTP/1.1");
    let host = receiver.url.strip_prefix("http://").expect("plain HTTP");
    let host = host.strip_suffix("/hooks").expect("its path");
    let length = got.body.len().to_string();
    for (name, value) in [
        ("host", host),
        ("content-type", "application/json"),
        ("content-length", &length),
        ("user-agent", "Buildkite-Request"),
        ("x-buildkite-event", "ping"),
        ("x-buildkite-token", "s3cret"),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    assert_eq!(got.header("x-buildkite-signature"), None);
    // And the record has it as it was
    let told = webhook.deliveries().remove(0);
    assert_eq!(
        told.to_string(),
        "2030-01-01T00:00:00.000Z ping: it answered 200"
    );
    assert_eq!(told.body, got.body);
    assert_eq!(told.header("X-Buildkite-Token"), Some("s3cret"));
    assert_eq!((told.status, &*told.answer), (Some(200), &b"ok\n"[..]));
}

#[test]
fn a_webhook_has_a_token_of_its_own_unless_a_test_says_otherwise() {
    let tokens = [0, 0, 1].map(|seed| {
        let fake = FakeBuildkite::builder().seed(seed).start();
        let one = fake.webhook("http://localhost/").create().token();
        let two = fake.webhook("http://localhost/").create().token();
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
        one
    });
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
}

/// HMAC as RFC 2104 has it, from the hash alone.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = hmac_sha256::Hash::hash(&[&padded(0x36), message].concat());
    let outer = hmac_sha256::Hash::hash(&[&padded(0x5c)[..], &inner].concat());
    outer.map(|byte| format!("{byte:02x}")).concat()
}

#[test]
fn a_signature_proves_the_body_and_the_instant_of_sending() {
    let receiver = Receiver::start();
    let fake = FakeBuildkite::start();
    fake.webhook(&receiver.url)
        .events([WebhookEvent::BuildFinished])
        .signed_with("s3cret")
        .create();
    fake.pipeline("app").create_build();
    fake.advance(seconds(11));
    let got = receiver.got().remove(0);
    assert_eq!(got.header("x-buildkite-token"), None);
    let timestamp = 1_893_456_000 + 11; // 2030-01-01, and what passed since
    let message = format!("{timestamp}.{}", got.body);
    let signature = hmac(b"s3cret", message.as_bytes());
    let expected = format!("timestamp={timestamp},signature={signature}");
    assert_eq!(got.header("x-buildkite-signature"), Some(&*expected));
}

// --- Order -----------------------------------------------------------------------------------------------------------

#[test]
fn everything_is_told_in_the_order_in_which_it_happened_whoever_is_told() {
    // Given two webhooks of one receiver
    let receiver = Receiver::start();
    let fake = FakeBuildkite::start();
    for name in ["one", "two"] {
        fake.webhook(format!("{}/{name}", receiver.url))
            .events([WebhookEvent::BuildRunning, WebhookEvent::JobFinished])
            .create();
    }
    let app = fake.pipeline("app").create();
    // When two builds run
    app.create_build();
    fake.advance(seconds(5));
    app.create_build();
    fake.run_until_idle();
    // Then they hear the same, one after the other
    let says = |got: &Received| {
        let name = got.line.split(['/', ' ']).nth(3).unwrap_or_default();
        format!("{name} {}", got.says())
    };
    let lines: Vec<_> = receiver.got().iter().map(says).collect();
    assert_eq!(
        lines,
        [
            "one build.running 1 running",
            "two build.running 1 running",
            "one build.running 2 running",
            "two build.running 2 running",
            "one job.finished ? passed, 1 running",
            "two job.finished ? passed, 1 running",
            "one job.finished ? passed, 2 running",
            "two job.finished ? passed, 2 running",
        ]
    );
}

#[test]
fn what_follows_from_requests_and_from_hands_goes_out_by_itself() {
    let receiver = Receiver::start();
    let fake = FakeBuildkite::start();
    fake.webhook(&receiver.url)
        .events([WebhookEvent::BuildScheduled, WebhookEvent::BuildFinished])
        .create();
    let app = fake.pipeline("app").create();
    client(&fake).create_build("app");
    fake.settled().blocking();
    assert_eq!(receiver.lines(), ["build.scheduled 1 scheduled"]);
    app.latest_build().cancel();
    fake.settled().blocking();
    assert_eq!(
        receiver.lines(),
        ["build.scheduled 1 scheduled", "build.finished 1 canceled"]
    );
    // And nothing more is waited for
    fake.settled().within(seconds(0)).blocking();
}

// --- Receivers that fail ---------------------------------------------------------------------------------------------

#[test]
fn a_delivery_that_fails_is_an_event_and_stops_nothing() {
    // Given a receiver that is not at its best
    let mut answers = [500, SILENCE, 302, 204].into_iter();
    let receiver = Receiver::answering(move |_| answers.next().unwrap_or(200));
    let fake = FakeBuildkite::start();
    let webhook = fake.webhook(&receiver.url).events([
        WebhookEvent::BuildScheduled,
        WebhookEvent::JobStarted,
        WebhookEvent::BuildRunning,
        WebhookEvent::JobFinished,
        WebhookEvent::BuildFinished,
    ]);
    let webhook = webhook.create();
    // When a build passes
    let build = fake.pipeline("app").create_build();
    let idle = fake.run_until_idle();
    // Then everything was tried once
    assert!(build.is_finished());
    assert_eq!(
        outcomes(&webhook),
        [
            "2030-01-01T00:00:00.000Z build.scheduled: it answered 500",
            "2030-01-01T00:00:01.000Z job.started: it closed the connection without an answer",
            "2030-01-01T00:00:01.000Z build.running: it answered 302",
            "2030-01-01T00:00:11.000Z job.finished: it answered 204",
            "2030-01-01T00:00:11.000Z build.finished: it answered 200",
        ]
    );
    let failures = webhook.deliveries().into_iter().map(|told| told.failure);
    assert_eq!(failures.flatten().count(), 3);
    // And what came of it happened like everything else
    let happened: Vec<_> = idle.events.iter().map(ToString::to_string).collect();
    let told = |line: &&String| line.contains(" told to webhook 1: ");
    let told: Vec<_> = happened.iter().filter(told).collect();
    assert_eq!(
        told,
        [
            "2030-01-01T00:00:01.000Z app#1 true job.started told to webhook 1: it closed the connection without an answer",
            "2030-01-01T00:00:01.000Z app#1 build.running told to webhook 1: it answered 302",
            "2030-01-01T00:00:11.000Z app#1 true job.finished told to webhook 1: it answered 204",
            "2030-01-01T00:00:11.000Z app#1 build.finished told to webhook 1: it answered 200",
        ]
    );
    let first = fake.events().into_iter().find(|event| {
        matches!(&event.kind, EventKind::WebhookFailed { webhook: of, .. } if of.id == webhook.id())
    });
    let first = first.expect("a failure");
    assert_eq!(first.build().map(|build| build.number), Some(1));
    assert!(first.job().is_none() && first.schedule().is_none());
}

#[test]
fn nobody_there_is_a_failure_like_others() {
    let fake = FakeBuildkite::start();
    // Bound and never listening: nobody else can have it.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://localhost:{}/",
        nobody.local_addr().expect("it").port()
    );
    drop(nobody);
    let webhook = fake.webhook(url).create();
    webhook.ping();
    fake.settled().blocking();
    let told = webhook.deliveries().remove(0);
    assert_eq!(
        told.failure.as_deref(),
        Some("could not be reached: connection refused")
    );
    assert_eq!(told.status, None);
    assert!(told.json()["service"]["id"] == webhook.id().to_string());
}

#[test]
fn a_slow_receiver_holds_nobody_up_for_long() {
    // Given a receiver that answers when it is told to
    let (answer, told_to) = mpsc::channel::<()>();
    let receiver = Receiver::answering(move |_| {
        let _ = told_to.recv();
        200
    });
    let fake = FakeBuildkite::builder().webhook_timeout(millis(20)).start();
    let webhook = fake
        .webhook(&receiver.url)
        .events([WebhookEvent::BuildFinished])
        .create();
    let build = fake.pipeline("app").create_build();
    // When the clock moves, then it goes on without
    fake.advance(minutes(1));
    assert!(build.is_finished());
    assert_eq!(
        outcomes(&webhook),
        ["2030-01-01T00:00:11.000Z build.finished: it did not answer within 20ms"]
    );
    drop(answer);
}

#[test]
fn the_last_twenty_deliveries_are_kept() {
    let receiver = Receiver::start();
    let fake = FakeBuildkite::start();
    let [webhook, other] = [0, 1].map(|_| fake.webhook(&receiver.url).events([]).create());
    for _ in 0..25 {
        fake.advance(seconds(1));
        webhook.ping();
    }
    other.ping();
    fake.settled().blocking();
    let kept = outcomes(&webhook);
    assert_eq!(kept.len(), 20);
    assert_eq!(kept[0], "2030-01-01T00:00:06.000Z ping: it answered 200");
    assert_eq!(kept[19], "2030-01-01T00:00:25.000Z ping: it answered 200");
    assert_eq!(other.deliveries().len(), 1);
    assert_eq!(receiver.got().len(), 26);
}

// --- Switches --------------------------------------------------------------------------------------------------------

#[test]
fn a_disabled_webhook_is_told_of_nothing_but_pings() {
    let receiver = Receiver::start();
    let fake = FakeBuildkite::start();
    let events = [WebhookEvent::BuildScheduled];
    let webhook = fake.webhook(&receiver.url).events(events).create();
    let app = fake.pipeline("app").create();
    app.create_build();
    webhook.disable();
    app.create_build();
    webhook.ping();
    webhook.enable();
    app.create_build();
    fake.settled().blocking();
    let expected = [
        "build.scheduled 1 scheduled",
        "ping",
        "build.scheduled 3 scheduled",
    ];
    assert_eq!(receiver.lines(), expected);
}

#[test]
fn a_deleted_webhook_is_gone_with_what_it_was_still_to_be_told() {
    // Given a receiver that is busy with the first of two
    let (arrived, arrival) = mpsc::channel();
    let (answer, told_to) = mpsc::channel::<()>();
    let receiver = Receiver::answering(move |_| {
        let _ = arrived.send(());
        let _ = told_to.recv();
        200
    });
    let fake = FakeBuildkite::start();
    let webhook = fake.webhook(&receiver.url).create();
    webhook.ping();
    webhook.ping();
    arrival.recv().expect("the first");
    // When the webhook is deleted
    webhook.delete();
    drop(answer);
    // Then the second is never sent
    fake.settled().blocking();
    assert!(webhook.deliveries().is_empty());
    assert_eq!(
        panic_of(|| webhook.ping()),
        "this webhook is gone: it was deleted, or the fake went back to before it was made"
    );
    let next = fake.webhook(&receiver.url).create();
    next.ping();
    fake.settled().blocking();
    assert_eq!(receiver.got().len(), 2);
}

// --- Where they go ---------------------------------------------------------------------------------------------------

#[test]
fn webhooks_go_to_this_machine_unless_a_test_names_another() {
    let fake = FakeBuildkite::builder()
        .allow_webhook_host("ci.example")
        .start();
    for url in [
        "http://localhost:8080/hooks",
        "http://127.0.0.1",
        "http://[::1]:8080/",
        "http://CI.example/hooks",
    ] {
        assert_eq!(fake.webhook(url).create().url(), url);
    }
    assert_eq!(
        panic_of(|| fake.webhook("http://example.com/hooks").create()),
        "webhooks of this fake go to localhost, 127.0.0.1 and [::1], and ci.example, and not to `example.com`; if the \
         test means that host, its builder says so: `.allow_webhook_host(\"example.com\")`"
    );
    assert_eq!(
        panic_of(|| fake.webhook("https://localhost/").create()),
        "`https://localhost/` is no address for a webhook: the fake speaks plain HTTP, so it begins with `http://`"
    );
    assert_eq!(
        panic_of(|| fake.webhook("http://localhost/").token(" ").create()),
        "an empty token proves nothing: give it one, or leave `token` and `signed_with` out for one of the fake's own"
    );
    let message = panic_of(|| {
        fake.webhook("http://localhost/")
            .signed_with("a\nb")
            .create()
    });
    assert_eq!(
        message,
        "this token has '\\n' in it, which cannot stand in a header: letters, digits and punctuation of ASCII can"
    );
}

#[test]
fn a_webhook_that_is_deleted_while_a_closure_is_asked_is_told_nothing() {
    let fake = FakeBuildkite::start();
    let [gone, kept] = [Receiver::start(), Receiver::start()];
    let webhook = fake.webhook(&gone.url).create();
    let events = [WebhookEvent::BuildScheduled];
    fake.webhook(&kept.url).events(events).create();
    let app = fake.pipeline("app").create();
    app.on_job_when(move |_| {
        webhook.delete();
        true
    });
    app.create_build();
    fake.settled().blocking();
    assert_eq!(kept.lines(), ["build.scheduled 1 scheduled"]);
    // Told after it would have been.
    fake.webhook(&gone.url).create().ping();
    fake.settled().blocking();
    assert_eq!(gone.lines(), ["ping"]);
}

#[test]
fn a_wait_in_vain_says_whom_it_waits_for_and_what_is_held() {
    // Given a receiver that asks the API before it answers, and a gate there
    let fake = FakeBuildkite::start();
    let gate = fake.hold(Route::GetUser);
    let api = client(&fake);
    let receiver = Receiver::answering(move |_| api.get("/user").status);
    let events = [WebhookEvent::BuildScheduled];
    fake.webhook(&receiver.url).events(events).create();
    fake.pipeline("app").create_build();
    gate.arrived().blocking();
    // When somebody waits for it
    let message = panic_of(|| fake.settled().within(millis(5)).blocking());
    // Then the message says why that is in vain
    let told = format!(
        "The first that is not told is webhook 1, at {}, of build.scheduled.\n\
         1 request is held at a gate, or late by a fault: a receiver that waits for such an answer does not answer \
         before.\n",
        receiver.url
    );
    assert!(message.contains(&told), "{message}");
    gate.release();
    fake.settled().blocking();
}

#[test]
fn a_receiver_keeps_what_came_and_its_panic_is_raised_in_the_end() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let receiver = fake_buildkite::WebhookReceiver::answering(|told| {
        assert_ne!(told.json()["build"]["number"], 2, "not this one");
        204
    });
    let webhook = fake.webhook(format!("{}hooks", receiver.url()));
    let webhook = webhook.events([WebhookEvent::BuildFinished]).create();
    for _ in 0..2 {
        app.create_build();
        fake.run_until_idle();
    }
    let got = receiver.received();
    assert_eq!(
        format!("{receiver:?}"),
        format!("WebhookReceiver({}, 2 received)", receiver.url())
    );
    let sent = webhook.deliveries();
    let statuses: Vec<_> = sent.iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Some(204), Some(500)]);
    for (got, sent) in got.iter().zip(&sent) {
        assert_eq!((got.event(), &got.body), ("build.finished", &sent.body));
        assert_eq!(
            got.header("X-Buildkite-Token"),
            Some(webhook.token().as_str())
        );
    }
    let said = panic_of(move || drop(receiver));
    assert!(
        said.starts_with("a receiver of webhooks failed: "),
        "{said}"
    );
    assert!(said.contains("not this one"), "{said}");
}
