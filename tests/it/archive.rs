//! The archive, and what the user may do with a pipeline.

use fake_buildkite::{Access, BuildState, Route, minutes};

use crate::pipelines::{ALL, APP, assert_refused, create, start};
use crate::support::{panic_of, world};

#[test]
fn an_archived_pipeline_is_read_only_until_it_is_taken_back() {
    // Given a pipeline with a build that runs
    let (fake, client) = start();
    create(&client, "app", "").expect(201);
    let caller = fake
        .pipeline("caller")
        .steps("steps: [{trigger: app, key: app}]")
        .create();
    client.create_build("app");
    // When it is archived
    fake.advance(minutes(1));
    let archived = client.post(&format!("{APP}/archive"), "").expect(200);
    assert_eq!(archived["archived_at"].str(), "2030-01-01T00:01:00.000Z");
    assert!(fake.existing_pipeline("app").is_archived());
    // Then it is read-only
    let before = world(&fake, &["acme"]);
    assert_refused(
        &client.patch(APP, r#"{"description":"x"}"#),
        422,
        "Cannot update an archived pipeline",
    );
    assert_refused(
        &client.patch(APP, "{}"),
        422,
        "Cannot update an archived pipeline",
    );
    let build = r#"{"commit":"HEAD","branch":"main","ignore_pipeline_branch_filters":true}"#;
    for refused in [
        client.post(&format!("{APP}/builds"), build),
        client.put(&format!("{APP}/builds/1/rebuild")),
    ] {
        assert_refused(
            &refused,
            422,
            "Cannot create builds on an archived pipeline",
        );
    }
    assert_refused(
        &client.post(&format!("{APP}/archive"), ""),
        422,
        "Pipeline could not be archived.",
    );
    let webhook = client.post(&format!("{APP}/webhook"), "");
    assert_refused(
        &webhook,
        422,
        "Webhooks could not be created for your repository.",
    );
    assert_eq!(world(&fake, &["acme"]), before);
    // And what is there can be looked at; a trigger step fails.
    assert_eq!(
        client.build("app", 1)["pipeline"]["archived_at"],
        archived["archived_at"]
    );
    let failed = caller.create_build();
    fake.run_until_idle();
    assert_eq!(failed.state(), BuildState::Failed);
    // When it is taken back, everything works again
    let back = client.post(&format!("{APP}/unarchive"), "").expect(200);
    assert!(back["archived_at"].is_null());
    assert_refused(
        &client.post(&format!("{APP}/unarchive"), ""),
        422,
        "Pipeline could not be unarchived.",
    );
    client.patch(APP, r#"{"description":"x"}"#).expect(200);
    client.create_build("app");
    fake.requests().to(Route::ArchivePipeline).assert_count(2);
}

#[test]
fn handles_archive_too() {
    let (fake, _client) = start();
    let app = fake.pipeline("app").create();
    app.archive();
    assert!(panic_of(|| app.archive()).contains("pipeline `app` is archived already"));
    let message = panic_of(|| app.create_build());
    assert!(message.contains("the pipeline is archived"), "{message}");
    app.unarchive();
    assert!(panic_of(|| app.unarchive()).contains("pipeline `app` is not archived"));
    app.create_build();
}

#[test]
fn what_the_user_may_not_do_is_forbidden() {
    let (fake, client) = start();
    let steps = "steps: [{command: make, key: make}, {block: b, key: b}]";
    for (name, access) in [
        ("read", Access::ReadOnly),
        ("build", Access::BuildAndRead),
        ("app", Access::ManageBuildAndRead),
    ] {
        let pipeline = fake.pipeline(name).steps(steps).access(access).create();
        let failed = pipeline.create_build();
        failed.job("make").fail(1);
        let blocked = pipeline.create_build();
        blocked.job("make").pass();
        pipeline.create_build().job("make").start();
    }
    let before = world(&fake, &["acme"]);
    let jobs = |pipeline: &str| {
        let pipeline = fake.existing_pipeline(pipeline);
        let job = |build, key| pipeline.build_number(build).job(key).id();
        (job(1, "make"), job(2, "b"))
    };
    let manage = |pipeline: &str| {
        let path = format!("{ALL}/{pipeline}");
        [
            client.patch(&path, "{"),
            client.post(&format!("{path}/archive"), "{"),
            client.post(&format!("{path}/unarchive"), "{"),
            client.post(&format!("{path}/webhook"), "{"),
            client.delete(&path),
        ]
    };
    let build = |pipeline: &str| {
        let path = format!("{ALL}/{pipeline}/builds");
        let (failed, blocked) = jobs(pipeline);
        [
            client.post(&path, r#"{"commit":"HEAD","branch":"main"}"#),
            client.put(&format!("{path}/1/rebuild")),
            client.put(&format!("{path}/1/jobs/{failed}/retry")),
            client.put(&format!("/organizations/acme/jobs/{blocked}/unblock")),
            client.put(&format!("{path}/3/cancel")),
        ]
    };
    for refused in [manage("read"), manage("build"), build("read")]
        .iter()
        .flatten()
    {
        assert_refused(refused, 403, "Forbidden");
    }
    assert_eq!(world(&fake, &["acme"]), before);
    for allowed in build("build").iter().chain(&build("app")) {
        assert!((200..300).contains(&allowed.status), "{}", allowed.text);
    }
    assert_eq!(client.get(&format!("{ALL}/read")).status, 200);
}
