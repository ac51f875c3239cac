//! The environments of jobs over REST.

use std::fmt::Write as _;

use fake_buildkite::{FakeBuildkite, Route, Scope, seconds};

use crate::recorded::{Comparison, recorded_world, starter};
use crate::support::{Answer, Client, Json, client};

const TEXT: (&str, &str) = ("accept", "text/plain");

/// Where the environment of a job of `acme` is.
fn paths(build: u64, id: impl std::fmt::Display) -> [String; 2] {
    [
        format!("/organizations/acme/pipelines/app/builds/{build}/jobs/{id}/env"),
        format!("/organizations/acme/jobs/{id}/env"),
    ]
}

#[test]
fn an_environment_is_as_recorded() {
    // Given the recorded job
    let recording = Comparison::with("job_env", "env").recording;
    let theirs = &recording["response"]["body"]["env"];
    let (fake, client) = recorded_world();
    let steps = r#"steps:
  - label: ':rocket: Deploy'
    key: deploy
    timeout_in_minutes: 240
    command: |
      echo "Launch the rocket"
      cat .buildkite/annotation.md | buildkite-agent annotate --style "success"
"#;
    let app = starter(&fake, "Starter Buildkite Pipeline", steps);
    for _ in 0..6 {
        app.create_build().cancel();
    }
    let build = app
        .build()
        .commit(theirs["BUILDKITE_COMMIT"].str())
        .message("Update pipeline.yml")
        .source(fake_buildkite::BuildSource::Webhook)
        .author("Dean", "dean@deanpcmad.com")
        .create();
    build.job("deploy").start();
    let path = "/organizations/dean-test/pipelines/starter-buildkite-pipeline/builds/7/jobs";
    let answer = client.get(&format!("{path}/{}/env", build.job("deploy").id()));
    let shown = answer.expect(200);
    // Then its variables are the same, in the same order
    assert_eq!(shown.keys(), ["env"]);
    let ours = &shown["env"];
    assert_eq!(ours.keys(), theirs.keys());
    for (name, value) in ours.entries() {
        let recorded = theirs[name.as_str()].str();
        let expected = match name.as_str() {
            "BUILDKITE_AGENT_NAME" => "fake-agent-1".to_owned(),
            "BUILDKITE_BUILD_URL" => recorded.replace("https://buildkite.com", "http://fake.test"),
            _ if is_uuid(recorded) => {
                assert!(is_uuid(value.str()), "{name}: {value:?}");
                continue;
            }
            _ => recorded.to_owned(),
        };
        assert_eq!(value.str(), expected, "{name}");
    }
    for header in [
        "content-type",
        "vary",
        "cache-control",
        "x-accepted-oauth-scopes",
        "x-oauth-scopes",
    ] {
        let recorded = recording["response"]["headers"][header].str();
        assert_eq!(answer.header(header), Some(recorded), "{header}");
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

#[test]
fn an_environment_is_read_as_json_and_as_lines_on_both_routes() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("{env: {A: of the pipeline, B: of the pipeline}, steps: [{command: make, key: test, env: {B: of the step, C: '3'}}]}")
        .create();
    let build = app
        .build()
        .env("A", "of the build")
        .env("CI", "no")
        .create();
    fake.advance(seconds(2));
    let client = client(&fake);
    for path in paths(1, build.job("test").id()) {
        let shown = client.get(&path).expect(200);
        let env = &shown["env"];
        let mut lines = String::new();
        for (name, value) in env.entries() {
            writeln!(lines, "{name}={}", value.str()).expect("a String");
        }
        for answer in [
            client.send("GET", &path, &[TEXT], None),
            client.get(&format!("{path}.txt")),
        ] {
            assert_eq!((answer.status, &answer.text), (200, &lines));
            assert_eq!(
                answer.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
            assert_eq!(
                answer.header("x-accepted-oauth-scopes"),
                Some("read_job_env")
            );
            assert!(answer.header("etag").is_some());
        }
        let html = client.send("GET", &path, &[("accept", "text/html")], None);
        assert_eq!(html.expect(200), shown, "there is no other form");
        for (name, expected) in [
            ("A", "of the build"),
            ("B", "of the step"),
            ("C", "3"),
            ("CI", "true"),
            ("BUILDKITE_PULL_REQUEST", "false"),
            ("BUILDKITE_TAG", ""),
            ("BUILDKITE_RETRY_COUNT", "0"),
            ("BUILDKITE_BUILD_URL", &*build.web_url()),
        ] {
            assert_eq!(env[name].str(), expected, "{name}");
        }
    }
    assert_eq!(fake.requests().to(Route::GetJobEnv).len(), 6);
    assert_eq!(fake.requests().to(Route::GetJobEnvText).len(), 2);
}

#[test]
fn a_job_knows_its_agent_once_it_has_one_and_its_retry_is_counted() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create_build();
    let client = client(&fake);
    let env = |job: &fake_buildkite::JobHandle| -> Json {
        let path = format!("/organizations/acme/jobs/{}/env", job.id());
        client.get(&path).expect(200)["env"].clone()
    };
    let job = build.job("test");
    let waiting = env(&job);
    assert_eq!(waiting.get("BUILDKITE_AGENT_NAME"), None);
    job.start();
    let running = env(&job);
    assert_eq!(running["BUILDKITE_AGENT_NAME"].str(), "fake-agent-1");
    assert_eq!(running["BUILDKITE_JOB_ID"].str(), job.id().to_string());
    job.finish(1);
    let retry = env(&job.retry());
    assert_eq!(retry["BUILDKITE_RETRY_COUNT"].str(), "1");
    assert_eq!(retry["BUILDKITE_STEP_ID"], running["BUILDKITE_STEP_ID"]);
}

#[test]
fn a_clean_checkout_is_told_to_the_jobs_of_a_build_that_asked_for_one() {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    let app = fake.pipeline("app").create();
    let asked = [
        (r#","clean_checkout":true"#, Some("true")),
        (r#","clean_checkout":false"#, None),
        ("", None),
    ];
    for (number, (field, told)) in (1..).zip(asked) {
        // When a build is asked for with it, or without
        let body = format!(r#"{{"commit":"HEAD","branch":"main"{field}}}"#);
        client
            .post("/organizations/acme/pipelines/app/builds", &body)
            .expect(201);
        // Then its job finds it in its environment, or nothing
        let job = app.build_number(number).job("true").id();
        let shown = client.get(&paths(number, job)[1]).expect(200);
        let name = "BUILDKITE_CLEAN_CHECKOUT";
        let found = shown["env"].keys().contains(&name);
        let value = found.then(|| shown["env"][name].str().to_owned());
        assert_eq!(value.as_deref(), told, "{body}");
    }
}

#[test]
fn every_route_asks_for_a_token_its_scope_and_a_job_with_an_environment() {
    let scopes = Scope::ALL.iter().copied();
    let without: Vec<_> = scopes.filter(|scope| *scope != Scope::ReadJobEnv).collect();
    let fake = FakeBuildkite::builder().token("less", without).start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}, {block: Go?, key: gate}]")
        .create_build();
    let id = build.job("test").id().to_string();
    let gate = build.job("gate").id().to_string();
    let client = client(&fake);
    for path in paths(1, &id) {
        for path in [path.clone(), format!("{path}.txt")] {
            let check = |client: &Client, path: &str, status, message: &str| {
                let answer: Answer = client.get(path);
                assert_eq!(answer.message(status), message, "{path}");
            };
            let unauthorized = "Authentication required. Please supply a valid API Access Token: https://buildkite.com/docs/apis/rest-api#authentication";
            check(&client.without_token(), &path, 401, unauthorized);
            let missing = "Your access token doesn't have the read_job_env scope";
            check(&client.with_token("less"), &path, 403, missing);
            for unknown in ["1", "01234567-0123-4123-8123-012345678901", &gate] {
                check(&client, &path.replace(&id, unknown), 404, "No job found");
            }
            let nowhere = path.replace("/acme/", "/initech/");
            check(&client, &nowhere, 404, "No organization found");
        }
    }
}

#[test]
fn a_job_knows_its_cluster_if_it_has_a_queue_there() {
    const NAMES: [&str; 2] = ["BUILDKITE_CLUSTER_ID", "BUILDKITE_CLUSTER_NAME"];
    let fake = FakeBuildkite::start();
    let linux = fake.cluster("Linux").without_queues().create();
    let client = client(&fake);
    let env = |name: &str, steps: &str, is_inside: bool| -> Json {
        let mut app = fake.pipeline(name).steps(steps);
        if is_inside {
            app = app.cluster(&linux);
        }
        let id = app.create_build().job("test").id();
        client
            .get(&format!("/organizations/acme/jobs/{id}/env"))
            .expect(200)["env"]
            .clone()
    };
    let steps = "steps: [{command: make, key: test}]";
    let outside = env("outside", steps, false);
    let nowhere = env("nowhere", steps, true);
    linux.set_default_queue(&linux.add_queue("any"));
    let inside = env("inside", steps, true);
    for name in NAMES {
        assert_eq!(outside.get(name), None);
        assert_eq!(nowhere.get(name), None, "it waits in no queue");
    }
    let shown = NAMES.map(|name| inside[name].str());
    assert_eq!(shown, [linux.id().to_string(), "Linux".to_owned()]);
    // The others are the same, in the same order; a job cannot say otherwise.
    let others: Vec<_> = inside
        .keys()
        .into_iter()
        .filter(|key| !NAMES.contains(key))
        .collect();
    assert_eq!(others, outside.keys());
    let steps = "steps: [{command: make, key: test, env: {BUILDKITE_CLUSTER_NAME: Mine}}]";
    assert_eq!(env("liar", steps, true)[NAMES[1]].str(), "Linux");
}
