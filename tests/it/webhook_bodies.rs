//! What the bodies of webhooks look like.

use fake_buildkite::{
    Agents, FakeBuildkite, FakeBuildkiteBuilder, WebhookEvent, agent, minutes, seconds,
};

use crate::receiver::{Received, Receiver};
use crate::support::{Json, client};

fn usual() -> FakeBuildkiteBuilder {
    FakeBuildkite::builder().origin("http://fake.test")
}

/// The bodies of these events, in order.
fn bodies<const N: usize>(
    fake: &FakeBuildkite,
    events: [WebhookEvent; N],
    happens: impl FnOnce(),
) -> Vec<Json> {
    let receiver = Receiver::start();
    fake.webhook(&receiver.url).events(events).create();
    happens();
    fake.run_until_idle();
    receiver.got().iter().map(Received::json).collect()
}

fn object(text: &str) -> Json {
    serde_json::from_str(text).expect("JSON")
}

// --- Whole bodies ----------------------------------------------------------------------------------------------------

const STEPS: &str = "steps: [{command: make, key: test}]";

#[test]
fn the_body_of_a_build() {
    let fake = usual().start();
    let told = bodies(&fake, [WebhookEvent::BuildFinished], || {
        fake.pipeline("app").steps(STEPS).create_build();
    });
    let expected = object(include_str!("../data/webhook_build_finished.json"));
    assert_eq!(told, [expected]);
}

#[test]
fn the_body_of_a_job_shows_the_build_as_it_was_before_the_job_ended_it() {
    let fake = usual().start();
    let told = bodies(&fake, [WebhookEvent::JobFinished], || {
        fake.pipeline("app").steps(STEPS).create_build();
    });
    let expected = object(include_str!("../data/webhook_job_finished.json"));
    assert_eq!(told, [expected]);
    assert_eq!(told[0]["build"]["state"].str(), "running");
    assert_eq!(client(&fake).build("app", 1)["state"].str(), "passed");
}

#[test]
fn the_body_of_a_ping() {
    let fake = usual().user("Jane", "jane@example.com").start();
    let receiver = Receiver::start();
    let webhook = fake.webhook(&receiver.url).create();
    webhook.ping();
    fake.settled().blocking();
    let told = receiver.got()[0].json();
    assert_eq!(told.keys(), ["event", "service", "organization", "sender"]);
    let service = format!(
        r#"{{"id": "{}", "provider": "webhook", "settings": {{"url": "{}"}}}}"#,
        webhook.id(),
        webhook.url()
    );
    assert_eq!(told["service"], object(&service));
    assert_eq!(told["organization"]["slug"].str(), "acme");
    let sender = format!(r#"{{"id": "{}", "name": "Jane"}}"#, fake.user_id());
    assert_eq!(told["sender"], object(&sender));
}

#[test]
fn agents_connect_and_are_lost() {
    let fleet = Agents::fleet([agent("here").tags(["queue=default"])]);
    for (agents, expected) in [
        (
            Agents::unlimited(),
            "agent.connected connected, agent.lost lost",
        ),
        // This one was there before the webhook.
        (fleet, "agent.lost lost"),
    ] {
        let fake = usual().agents(agents).start();
        let app = fake.pipeline("app").steps(STEPS).create();
        app.on_job("test").loses_agent();
        let events = [WebhookEvent::AgentConnected, WebhookEvent::AgentLost];
        let told = bodies(&fake, events, || {
            app.create_build();
            fake.advance(minutes(10));
        });
        let words: Vec<_> = told
            .iter()
            .map(|body| {
                assert_eq!(body.keys(), ["event", "agent", "sender"]);
                let state = body["agent"]["connection_state"].str();
                format!("{} {state}", body["event"].str())
            })
            .collect();
        assert_eq!(words.join(", "), expected);
    }
}

#[test]
fn agents_stop_and_disconnect() {
    let fleet = Agents::fleet(["a", "b", "c"].map(agent));
    let fake = usual().agents(fleet).start();
    let app = fake.pipeline("app").steps(STEPS).create();
    let events = [
        WebhookEvent::AgentDisconnected,
        WebhookEvent::AgentStopping,
        WebhookEvent::AgentStopped,
    ];
    let told = bodies(&fake, events, || {
        app.create_build();
        fake.advance(seconds(2));
        // One finishes its job first, one has none, and one goes by itself.
        fake.agent("a").stop_gracefully();
        fake.agent("b").stop();
        fake.agent("c").disconnect();
    });
    let words: Vec<_> = told
        .iter()
        .map(|body| {
            assert_eq!(body.keys(), ["event", "agent", "sender"]);
            let agent = &body["agent"];
            let state = agent["connection_state"].str();
            format!("{} {} {state}", body["event"].str(), agent["name"].str())
        })
        .collect();
    assert_eq!(
        words,
        [
            "agent.stopping a stopping",
            "agent.stopping b stopping",
            "agent.stopped b stopped",
            "agent.disconnected c disconnected",
            "agent.stopped a stopped",
        ]
    );
    assert_eq!(told[0]["agent"]["job"]["state"].str(), "running");
    assert!(told[0]["agent"]["job"]["agent"].is_null());
    assert!(told[4]["agent"]["job"].is_null());
}

// --- What only webhooks say ------------------------------------------------------------------------------------------

#[test]
fn a_build_with_trigger_steps_says_so_when_it_is_finished() {
    let fake = usual().start();
    fake.pipeline("lib").steps(STEPS).create();
    let steps =
        "steps: [{trigger: lib, key: a, label: Lib}, {trigger: lib, async: true}, {command: make}]";
    let app = fake.pipeline("app").steps(steps).create();
    let events = [WebhookEvent::BuildRunning, WebhookEvent::BuildFinished];
    let told = bodies(&fake, events, || drop(app.create_build()));
    let of_app = |body: &&Json| body["pipeline"]["slug"].str() == "app";
    let told: Vec<_> = told.iter().filter(of_app).collect();
    assert!(told[0]["build"].get("steps").is_none());
    let steps = r#"[
        {"type": "trigger", "name": "Lib", "step_key": "a", "async": false},
        {"type": "trigger", "name": null, "step_key": null, "async": true}
    ]"#;
    assert_eq!(told[1]["event"].str(), "build.finished");
    assert_eq!(told[1]["build"]["steps"], object(steps));
}

#[test]
fn a_retry_says_who_asked_for_it() {
    let fake = usual().user("Jane", "jane@example.com").start();
    let steps =
        "steps: [{command: make, key: a, retry: {automatic: [{exit_status: 7, limit: 1}]}}]";
    let app = fake.pipeline("app").steps(steps).create();
    app.on_job("a").exits(7).then().exits(1).then().exits(0);
    let told = bodies(&fake, [WebhookEvent::JobStarted], || {
        let build = app.create_build();
        fake.advance(minutes(1));
        build.job("a").retry();
    });
    let sources: Vec<_> = told
        .iter()
        .map(|body| &body["job"]["retry_source"])
        .collect();
    let ids: Vec<_> = told.iter().map(|body| body["job"]["id"].str()).collect();
    let automatic = format!(
        r#"{{"job_id": "{}", "retry_type": "automatic", "retried_by": null}}"#,
        ids[0]
    );
    let manual = format!(
        r#"{{"job_id": "{}", "retry_type": "manual", "retried_by": {{"name": "Jane", "email": "jane@example.com"}}}}"#,
        ids[1]
    );
    assert_eq!(
        sources,
        [&Json::Null, &object(&automatic), &object(&manual)]
    );
    // REST does not say
    let build = client(&fake).build("app", 1);
    let source = &build["jobs"].items()[0]["retry_source"];
    assert_eq!(source.keys(), ["job_id", "retry_type"]);
}

#[test]
fn a_promise_has_a_reason_that_is_not_known() {
    let fake = usual().start();
    let app = fake.pipeline("app").steps(STEPS).create();
    app.on_job("test").promises_failure_after(seconds(5), 3);
    let events = [
        WebhookEvent::JobPromisedExitStatus,
        WebhookEvent::JobFinished,
    ];
    let told = bodies(&fake, events, || drop(app.create_build()));
    let usual = ["event", "job", "build", "pipeline", "sender"];
    let mut promised = usual.to_vec();
    promised.insert(4, "promised_exit_status_reason");
    assert_eq!(told[0].keys(), promised);
    assert_eq!(told[0]["promised_exit_status_reason"], Json::Null);
    assert_eq!(told[0]["job"]["state"].str(), "running");
    assert_eq!(told[0]["job"]["promised_exit_status"].number(), 3);
    let at = told[0]["job"]["promised_exit_status_at"].str();
    assert_eq!(at, "2030-01-01 00:00:06 UTC");
    assert_eq!(told[1].keys(), usual);
}

// --- Choices ---------------------------------------------------------------------------------------------------------

#[test]
fn times_can_be_those_of_rest() {
    let fake = usual().webhooks_with_iso_times().start();
    let told = bodies(&fake, [WebhookEvent::JobFinished], || {
        fake.pipeline("app").steps(STEPS).create_build();
    });
    let at = told[0]["job"]["finished_at"].str();
    assert_eq!(at, "2030-01-01T00:00:11.000Z");
    let at = told[0]["build"]["started_at"].str();
    assert_eq!(at, "2030-01-01T00:00:01.000Z");
}

#[test]
fn urls_begin_where_the_fake_listens() {
    let fake = FakeBuildkite::start();
    let told = bodies(&fake, [WebhookEvent::BuildFinished], || {
        fake.pipeline("app").steps(STEPS).create_build();
    });
    let rest = client(&fake).build("app", 1);
    assert!(rest["url"].str().starts_with(&fake.url()));
    assert_eq!(told[0]["build"]["url"], rest["url"]);
    assert_eq!(told[0]["pipeline"]["url"], rest["pipeline"]["url"]);
}

#[test]
fn another_organization_is_another_matter() {
    let fake = usual().organization("acme").organization("initech").start();
    let body = r#"{"name": "lib", "repository": "git@example.com:lib.git", "configuration": "steps: [{command: make}]"}"#;
    let told = bodies(&fake, [WebhookEvent::BuildScheduled], || {
        let client = client(&fake);
        let path = "/organizations/initech/pipelines";
        client.post(path, body).expect(201);
        let builds = format!("{path}/lib/builds");
        let body = r#"{"commit": "HEAD", "branch": "main"}"#;
        client.post(&builds, body).expect(201);
        fake.pipeline("app").create_build();
    });
    let slugs: Vec<_> = told
        .iter()
        .map(|body| body["pipeline"]["slug"].str())
        .collect();
    assert_eq!(slugs, ["app"]);
}
