//! What is secret is in nothing that is printed: every public type, one by one, and every lever.

use std::any::type_name;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::future::IntoFuture as _;
use std::path::Path;

use fake_buildkite::{
    Agents, AnnotationRecord, ArtifactRecord, EventKind, Explore, FakeBuildkite, JobHandle, Route,
    Scope, WebhookReceiver, agent, explore, minutes,
};

use crate::support::{client, panic_of};

/// What a test gives, and nobody should print: the builder's token, those of webhooks, and one that opens nothing.
const GIVEN: [&str; 4] = [
    "s3cret-given",
    "s3cret-webhook",
    "s3cret-signed",
    "s3cret-wrong",
];

/// Public types in which there is no place for a secret, and why.
const PLAIN: &[(&str, &[&str])] = &[
    (
        "a word out of a list",
        &[
            "Access",
            "AgentMove",
            "AgentState",
            "AnnotationScope",
            "AnnotationStyle",
            "ArtifactState",
            "BuildSource",
            "BuildState",
            "JobState",
            "JobType",
            "MemberRole",
            "Route",
            "Scope",
            "SignalReason",
            "SsoMode",
            "StepUploadState",
            "TeamPrivacy",
            "TeamRole",
            "UploadStage",
            "WebhookEvent",
        ],
    ),
    (
        "an id, which is no secret",
        &[
            "AgentId",
            "AnnotationId",
            "ArtifactId",
            "BuildId",
            "ClusterId",
            "ClusterTokenId",
            "JobId",
            "PipelineId",
            "QueueId",
            "ScheduleId",
            "StepUploadId",
            "TeamId",
            "UserId",
            "WebhookId",
        ],
    ),
    (
        "names, ids and numbers",
        &[
            "AgentRef",
            "BuildRef",
            "Clock",
            "EventKind",
            "Exit",
            "JobRef",
            "Moment",
            "Move",
            "QueueRef",
            "ScheduleRef",
            "WebhookRef",
        ],
    ),
    ("a trait", &["Handle"]),
    (
        "what a step or a script says, in which whoever wrote it put what is there",
        &["Annotation", "JobView", "PipelineUpload"],
    ),
];

/// What is printed of values of public types, each under the name of its type.
#[derive(Default)]
struct Printed(Vec<(String, String)>);

impl Printed {
    fn add<T: Debug>(&mut self, value: &T) {
        let path = type_name::<T>().split('<').next().expect("a path");
        let name = path.rsplit("::").next().expect("a name");
        self.0
            .push((name.to_owned(), format!("{value:?}\n{value:#?}")));
    }

    fn leaks(&self, secrets: &[String]) -> Vec<String> {
        let mut leaks = Vec::new();
        for (name, text) in &self.0 {
            let found = secrets.iter().filter(|secret| text.contains(*secret));
            leaks.extend(found.map(|secret| format!("{name}: {secret}")));
        }
        leaks
    }
}

/// The types that `src/lib.rs` offers.
fn public_types() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(path).expect("the crate");
    let uses = text.split("\npub use ").skip(1);
    let uses = uses.map(|it| it.split(';').next().expect("an end"));
    let words = uses.flat_map(|it| it.split(|c: char| !c.is_ascii_alphanumeric()));
    let types = words.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
    types.map(ToOwned::to_owned).collect()
}

/// A fake in which everything happened that a secret has to do with, and the secrets.
struct Furnished {
    fake: FakeBuildkite,
    receiver: WebhookReceiver,
    secrets: Vec<String>,
}

fn furnished() -> Furnished {
    let receiver = WebhookReceiver::start();
    let fake = FakeBuildkite::builder()
        .allow_unknown_routes()
        .token(GIVEN[0], [Scope::ReadBuilds])
        .agents(Agents::fleet([agent("worker")]))
        .start();
    let user = fake.add_user("Ada", "ada@example.com");
    let minted = user.token([Scope::ReadBuilds]).secret();
    let own = fake.webhook(receiver.url()).create().token();
    fake.webhook(receiver.url()).token(GIVEN[1]).create();
    fake.webhook(receiver.url()).signed_with(GIVEN[2]).create();
    let cluster = fake.cluster("Linux").create();
    let registration = cluster.add_token("x");
    let app = fake.pipeline("app").create();
    app.on_job("*").uploads_artifact("a", "b").annotates("done");
    app.create_build();
    fake.advance(minutes(1));
    let secrets = GIVEN.map(str::to_owned).into_iter();
    let minted = [fake.token().to_owned(), minted, own, registration];
    let secrets: Vec<_> = secrets.chain(minted).collect();
    let http = client(&fake);
    for secret in &secrets {
        http.with_token(secret).get("/builds");
        http.with_token(secret).get("/nothing-here");
        let query = format!("/builds?state=x&access_token={secret}");
        http.without_token().get(&query);
    }
    Furnished {
        fake,
        receiver,
        secrets,
    }
}

/// What belongs to builds and jobs.
fn print_builds(fake: &FakeBuildkite, printed: &mut Printed) {
    let app = fake.existing_pipeline("app");
    let build = app.latest_build();
    let job: JobHandle = build.all_jobs()[0].clone();
    printed.add(&fake.pipeline("other"));
    printed.add(&app);
    printed.add(&app.build());
    printed.add(&build);
    printed.add(&job);
    printed.add(&app.on_job("*"));
    let artifacts: Vec<ArtifactRecord> = job.artifacts();
    printed.add(&artifacts[0]);
    let annotations: Vec<AnnotationRecord> = build.annotations();
    printed.add(&annotations[0]);
    printed.add(&build.timeline());
    printed.add(&app.schedule("@daily"));
    printed.add(&app.schedule("@daily").create());
    printed.add(&job.try_upload_artifact("a", "").expect_err("it is over"));
    let refused = job.try_move(fake_buildkite::Move::Start);
    printed.add(&refused.expect_err("it is over"));
    let refused = job.try_upload_pipeline("steps: []");
    printed.add(&refused.expect_err("it is over"));
    let uploading = fake.pipeline("uploading").create();
    uploading.on_job("*").uploads("steps: [{block: Go?}]");
    let build = uploading.create_build();
    let idle = fake.run_until_idle();
    printed.add(&build.step_uploads()[0]);
    printed.add(&idle.waiting_on[0]);
    printed.add(&*idle);
    printed.add(&idle);
    printed.add(&fake.events()[0]);
    printed.add(&fake.events());
}

/// What belongs to accounts, agents and webhooks.
fn print_accounts(fake: &FakeBuildkite, receiver: &WebhookReceiver, printed: &mut Printed) {
    let user = fake.existing_user("ada@example.com");
    printed.add(&user);
    printed.add(&user.token([Scope::ReadUser]));
    printed.add(&fake.existing_token(GIVEN[0]));
    printed.add(&fake.existing_organization("acme"));
    printed.add(&fake.team("Platform"));
    printed.add(&fake.team("Platform").create());
    let cluster = fake.existing_cluster("Linux");
    printed.add(&fake.cluster("Other"));
    printed.add(&cluster.tokens()[0]);
    printed.add(&cluster.queues()[0]);
    printed.add(&cluster);
    printed.add(&Agents::fleet([agent("worker")]));
    printed.add(&agent("worker"));
    let worker = fake.agent("worker");
    worker.stop();
    let refused = worker.try_move(fake_buildkite::AgentMove::Pause);
    printed.add(&refused.expect_err("it is gone"));
    printed.add(&worker);
    let webhook = fake.webhook(receiver.url()).token(GIVEN[1]);
    printed.add(&webhook);
    let webhook = webhook.create();
    webhook.ping();
    fake.settled().blocking();
    printed.add(&webhook);
    printed.add(&webhook.deliveries()[0]);
    for received in receiver.received() {
        printed.add(&received);
    }
    printed.add(receiver);
}

#[test]
fn no_public_type_prints_a_secret() {
    let Furnished {
        fake,
        receiver,
        secrets,
    } = furnished();
    let mut printed = Printed::default();
    print_builds(&fake, &mut printed);
    print_accounts(&fake, &receiver, &mut printed);
    printed.add(&FakeBuildkite::builder().token(GIVEN[0], [Scope::ReadBuilds]));
    printed.add(&fake.clock());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let _entered = runtime.as_ref().expect("a runtime").enter();
    printed.add(&fake.connect());
    printed.add(&fake.next_request(Route::GetUser));
    printed.add(&fake.fault(Route::GetUser));
    printed.add(&fake.fault(Route::GetUser).nth(9).status(500));
    printed.add(&fake.hold(Route::GetUser));
    printed.add(&fake.requests());
    printed.add(&fake.requests()[0]);
    printed.add(&fake.snapshot());
    printed.add(&fake.verify().expect_err("a fault that never came"));
    printed.add(&Explore::new(1));
    explore(1, |walk| {
        walk.fake().webhook(receiver.url()).token(GIVEN[1]).create();
        let mut printed = Printed::default();
        printed.add(walk);
        let own = walk.fake().token().to_owned();
        assert_eq!(printed.leaks(&[own, GIVEN[1].to_owned()]), [""; 0]);
        assert_eq!(printed.0[0].0, "Walk");
    });
    printed.0.push(("Walk".to_owned(), String::new()));
    let quiet = FakeBuildkite::start();
    printed.add(&quiet.advance(minutes(1)));
    printed.add(&quiet.advance(minutes(1)).into_future());
    printed.add(&fake);
    assert_eq!(printed.leaks(&secrets), [""; 0]);
    let mut public = public_types();
    for (name, _) in &printed.0 {
        public.remove(name);
    }
    for name in PLAIN.iter().flat_map(|(_, names)| *names) {
        assert!(
            public.remove(*name),
            "{name} is listed and printed, or gone"
        );
    }
    assert_eq!(
        public,
        BTreeSet::new(),
        "these are public, and not printed here"
    );
    assert!(
        fake.events()
            .iter()
            .any(|event| matches!(event.kind, EventKind::WebhookDelivered { .. }))
    );
}

#[test]
fn what_a_receiver_got_prints_without_its_token() {
    let receiver = WebhookReceiver::start();
    let fake = FakeBuildkite::start();
    let webhook = fake.webhook(receiver.url()).token(GIVEN[1]).create();
    webhook.ping();
    fake.settled().blocking();
    let told = receiver.received();
    assert_eq!(told[0].header("x-buildkite-token"), Some(GIVEN[1]));
    let text = format!("{told:?}");
    assert!(text.contains("\"x-buildkite-token\", \"…\""), "{text}");
    assert!(!text.contains(GIVEN[1]), "{text}");
}

#[test]
fn a_token_that_cannot_be_sent_is_not_shown() {
    let fake = FakeBuildkite::start();
    let builder = fake.webhook("http://localhost/").token("s3cret\u{e9}");
    let message = panic_of(|| builder.create());
    assert!(!message.contains("s3cret"), "{message}");
}

/// The token of the fake is in the line with which it begins, and that of a webhook in the answer to whoever makes it.
#[cfg(feature = "cli")]
#[test]
fn no_lever_shows_a_secret_that_it_was_not_asked_for() {
    use std::sync::Arc;

    let Furnished {
        fake,
        receiver,
        secrets,
    } = furnished();
    let fake = Arc::new(fake);
    fake.serve_levers();
    let nobody = client(&fake).without_token();
    let pull = |method: &str, path: &str, body: Option<&str>| {
        let url = format!("{}/_fake/{path}", fake.url());
        nobody.send(method, &url, &[], body)
    };
    let hook = format!(
        r#"{{"url": "{}", "token": "{}"}}"#,
        receiver.url(),
        GIVEN[1]
    );
    assert_eq!(pull("POST", "webhooks", Some(&hook)).status, 201);
    let bad = hook.replace(GIVEN[1], "s3cret-given\\u00e9");
    let reference =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/levers/reference.md"))
            .expect("the reference");
    // Whatever the reference reads with GET, and what answers with much.
    let mut asked = vec![
        ("POST", "clock/advance".to_owned(), Some(r#"{"by": "3m"}"#)),
        ("POST", "webhooks".to_owned(), Some(&*bad)),
        ("POST", "nothing".to_owned(), None),
        ("POST", "snapshots".to_owned(), None),
    ];
    let job = fake.existing_pipeline("app").latest_build().all_jobs()[0].id();
    for line in reference.lines().filter_map(|it| it.strip_prefix("curl ")) {
        let Some(path) = line
            .split("$FAKE/")
            .nth(1)
            .filter(|_| !line.contains("-X "))
        else {
            continue;
        };
        let path = path.split(['"', ' ', '#']).next().expect("a path");
        let path = path.replace("$JOB", &job.to_string());
        asked.push(("GET", path.replace("site", "app"), None));
    }
    assert!(asked.len() > 10, "{asked:?}");
    let mut leaks = Vec::new();
    for (method, path, body) in asked {
        let answer = pull(method, &path, body);
        for secret in secrets.iter().filter(|it| answer.text.contains(*it)) {
            leaks.push(format!("{method} {path}: {secret}"));
        }
    }
    assert_eq!(leaks, [""; 0]);
    // Levers are no requests of the program under test.
    assert!(fake.requests().iter().all(|it| !it.path.contains("_fake")));
}
