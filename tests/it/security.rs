//! What is secret stays so, what strangers name stays text, and nobody but this machine is listened to.

use fake_buildkite::{
    Annotation, FakeBuildkite, Route, Scope, WebhookEvent, WebhookReceiver, minutes,
};

use crate::support::{client, panic_of};

/// What would end a line, a header or a cell, and begin one of somebody else's.
const INJECTION: &str =
    "x\r\nSet-Cookie: a=b\r\n\r\n2030-01-01T00:00:00.000Z DELETE /v2/everything 200\u{1b}[2J\0";

#[test]
fn no_secret_is_in_anything_that_is_printed() {
    const SECRETS: [&str; 4] = [
        "s3cret-given",
        "s3cret-webhook",
        "s3cret-signed",
        "s3cret-wrong",
    ];
    let receiver = WebhookReceiver::start();
    let builder = FakeBuildkite::builder()
        .allow_unknown_routes()
        .token(SECRETS[0], [Scope::ReadBuilds]);
    let printed_builder = format!("{builder:?}");
    let fake = builder.start();
    let told = fake.webhook(receiver.url()).token(SECRETS[1]).create();
    let signed = fake
        .webhook(receiver.url())
        .signed_with(SECRETS[2])
        .create();
    let app = fake.pipeline("app").create();
    let user = fake.add_user("Ada", "ada@example.com");
    let token = user.token([Scope::ReadBuilds]);
    let cluster = fake.cluster("Linux").create();
    let made = client(&fake)
        .post(
            &format!("/organizations/acme/clusters/{}/tokens", cluster.id()),
            r#"{"description":"x"}"#,
        )
        .expect(201);
    let registration = made["token"].str().to_owned();
    let (own, minted) = (fake.token().to_owned(), token.secret());
    let build = app.create_build();
    fake.advance(minutes(1));
    let http = client(&fake);
    for secret in SECRETS.iter().copied().chain([&*minted]) {
        http.with_token(secret).get("/builds");
        http.with_token(secret).get("/nothing-here");
        http.without_token()
            .get(&format!("/builds?access_token={secret}"));
        http.without_token()
            .get(&format!("/builds?state=x&access%5Ftoken={secret}"));
    }
    let gate = fake.hold(Route::GetUser);
    let fault = fake.fault(Route::GetUser).always().status(500);
    let secrets = SECRETS.map(str::to_owned);
    let secrets: Vec<_> = secrets
        .into_iter()
        .chain([own, minted, registration])
        .collect();
    let report = panic_of(|| fake.requests().to(Route::Root).assert_count(99));
    let lookup = panic_of(|| fake.existing_token("nobody's"));
    let texts = [
        ("the builder", printed_builder),
        ("the fake", format!("{fake:?}")),
        ("its clock", format!("{:?}", fake.clock())),
        ("events", format!("{:?}\n{}", fake.events(), fake.events())),
        (
            "requests",
            format!("{:?}\n{}", fake.requests(), fake.requests()),
        ),
        ("webhooks", format!("{told:?} {signed:?}")),
        (
            "deliveries",
            format!("{:?} {:?}", told.deliveries(), signed.deliveries()),
        ),
        ("accounts", format!("{user:?} {token:?}")),
        ("clusters", format!("{cluster:?} {:?}", cluster.tokens())),
        (
            "builds",
            format!("{app:?} {build:?} {:?}", build.all_jobs()),
        ),
        ("gates and faults", format!("{gate:?} {fault:?} {fault}")),
        ("a snapshot", format!("{:?}", fake.snapshot())),
        ("verify", format!("{:?}", fake.verify())),
        ("a refused count", report),
        ("a token that is not there", lookup),
        (
            "a timeline",
            format!("{}{}", build.timeline(), build.timeline().svg()),
        ),
        (
            "the page of a build",
            http.without_token().get(&build.web_url()).text,
        ),
        (
            "the page of a pipeline",
            http.without_token().get(&app.web_url()).text,
        ),
    ];
    let mut leaks = Vec::new();
    for (what, text) in texts {
        for secret in secrets
            .iter()
            .filter(|secret| text.contains(secret.as_str()))
        {
            leaks.push(format!("{what}: {secret}"));
        }
    }
    assert_eq!(leaks, [""; 0]);
}

#[test]
fn nobody_who_names_things_writes_headers_or_lines() {
    let receiver = WebhookReceiver::start();
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    fake.webhook(receiver.url())
        .events([WebhookEvent::BuildFinished, WebhookEvent::JobFinished])
        .create();
    let http = client(&fake);
    let json = |value: serde_json::Value| value.to_string();
    let pipeline = json(serde_json::json!({
        "name": INJECTION, "repository": INJECTION, "description": INJECTION,
        "configuration": json(serde_json::json!({"steps": [{"command": INJECTION, "label": INJECTION}]})),
    }));
    let made = http.post("/organizations/acme/pipelines", &pipeline);
    let slug = made.expect(201)["slug"].str().to_owned();
    assert!(
        slug.bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'-'),
        "{slug:?}"
    );
    let app = fake.existing_pipeline(&slug);
    app.on_job("*")
        .logs(INJECTION)
        .annotates(Annotation::new(INJECTION).context(INJECTION));
    let builds = format!("/organizations/acme/pipelines/{slug}/builds");
    let body = json(serde_json::json!({
        "commit": INJECTION, "branch": INJECTION, "message": INJECTION,
        "author": {"name": INJECTION, "email": INJECTION},
        "meta_data": {INJECTION: INJECTION},
    }));
    let mut answers = vec![http.post(&builds, &body)];
    assert_eq!(answers[0].status, 201, "{}", answers[0].text);
    http.post(&builds, &body).expect(201);
    let escaped = "x%0D%0ASet-Cookie%3A%20a%3Db%0D%0A%0D%0A";
    fake.run_until_idle();
    for path in [
        format!("{builds}?per_page=1&branch={escaped}"),
        format!("{builds}?per_page=1&state%5B%5D=passed&x={escaped}"),
        format!("/organizations/{escaped}"),
        format!("/{escaped}"),
    ] {
        answers.push(http.get(&path));
    }
    for answer in &answers {
        assert_eq!(answer.header("set-cookie"), None, "{answer:?}");
        assert!(
            !answer
                .headers
                .iter()
                .any(|(_, value)| value.contains(['\r', '\n']))
        );
    }
    // Each event and each request is one line, whoever named what is in it.
    let events = fake.events();
    assert_eq!(events.to_string().lines().count(), events.len(), "{events}");
    let requests = fake.requests();
    assert_eq!(
        requests.to_string().lines().count(),
        requests.len(),
        "{requests}"
    );
    for text in [
        events.to_string(),
        requests.to_string(),
        app.latest_build().timeline().to_string(),
    ] {
        assert!(!text.contains(['\u{1b}', '\0', '\r']), "{text:?}");
    }
    for received in receiver.received() {
        assert!(received.header("set-cookie").is_none());
    }
    assert!(!receiver.received().is_empty());
    assert_eq!(fake.failures(), [""; 0]);
}

#[test]
fn a_token_is_one_line() {
    let fake = FakeBuildkite::start();
    let http = client(&fake);
    for header in ["Bearer ", "Bearer", "Basic eDp5", "Bearer a b", "Token x"] {
        let answer = http
            .without_token()
            .send("GET", "/user", &[("authorization", header)], None);
        assert_eq!(answer.status, 401, "{header}: {}", answer.text);
        assert!(!answer.text.contains("a b"), "{}", answer.text);
    }
}

/// What only a process of its own can tell.
#[cfg(target_os = "linux")]
mod alone {
    use super::*;
    use crate::support::alone;

    /// The local addresses of this process's listening sockets, as the system writes them.
    fn listeners() -> Vec<String> {
        let sockets = std::fs::read_dir("/proc/self/fd").expect("/proc");
        let sockets: Vec<_> = sockets
            .filter_map(|it| {
                std::fs::read_link(it.ok()?.path())
                    .ok()?
                    .into_os_string()
                    .into_string()
                    .ok()
            })
            .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        let mut found = Vec::new();
        for table in [
            "/proc/net/tcp",
            "/proc/net/tcp6",
            "/proc/net/udp",
            "/proc/net/udp6",
        ] {
            let table = std::fs::read_to_string(table).unwrap_or_default();
            for line in table.lines().skip(1) {
                let columns: Vec<_> = line.split_whitespace().collect();
                // 0A: listening; 07: what an unconnected UDP socket is
                if matches!(columns[3], "0A" | "07") && sockets.iter().any(|it| it == columns[9]) {
                    found.push(columns[1].to_owned());
                }
            }
        }
        found
    }

    #[test]
    fn only_this_machine_is_listened_to() {
        alone(
            module_path!(),
            "only_this_machine_is_listened_to",
            256,
            || {
                let fake = FakeBuildkite::start();
                let fork = fake.fork();
                let receiver = WebhookReceiver::start();
                let app = fake.pipeline("app").create();
                app.on_job("*").uploads_artifact("a", "b");
                let job = app.create_build().all_jobs()[0].id();
                fake.run_until_idle();
                // Which opens the second address, where the bytes of artifacts are.
                let path =
                    format!("/organizations/acme/pipelines/app/builds/1/jobs/{job}/artifacts");
                let http = client(&fake).without_redirects();
                let id = http.get(&path).expect(200)[0]["id"].str().to_owned();
                assert_eq!(http.get(&format!("{path}/{id}/download")).status, 302);
                let found = listeners();
                assert!(found.len() >= 3, "{found:?}");
                for address in &found {
                    // 127.x.y.z, as the machine's own byte order writes it
                    let (host, _) = address.split_once(':').expect("a port");
                    let is_loopback = host.len() == 8
                        && (host.ends_with("7F")
                            || (cfg!(target_endian = "big") && host.starts_with("7F")));
                    assert!(is_loopback, "{address} of {found:?}");
                }
                drop((fork, receiver));
            },
        );
    }
}
