//! The fake in the situations of real recordings, compared key by key with what Buildkite said.
//!
//! The recordings are of August 2023 and older than the current field set: their keys have to be an ordered subsequence
//! of ours, and every key beyond them is in [`NEWER`] with the document that brings it. Whatever else differs is listed
//! by its path, with both values and the reason. Entries that are not needed fail too.

use base64::Engine as _;
use fake_buildkite::{
    Agents, Annotation, AnnotationStyle, BuildSource, FakeBuildkite, FakeBuildkiteBuilder,
    PipelineHandle, Scope, agent,
};

use crate::support::{Answer, Client, Json, client};

/// Keys Buildkite has added since, by kind of object: the key, the one it follows, and where it is documented.
#[rustfmt::skip]
const NEWER: &[(&str, &str, &str, &str)] = &[
    ("build", "cancel_reason", "state", "Builds API, data model; recorded in 2024"),
    ("build", "failing_at", "started_at", "Builds API, section on timestamps"),
    ("build", "merge_queue", "pull_request", "Builds API, examples"),
    ("build", "triggered_from", "rebuilt_from", "go-buildkite, builds.go"),
    ("build", "cluster_id", "jobs", "recorded in 2024"),
    ("build", "cluster_url", "cluster_id", "recorded in 2024"),
    ("script", "group_key", "step_key", "Builds API, data model of jobs"),
    ("script", "step", "group_key", "Jobs API, examples"),
    ("script", "signal", "exit_status", "Jobs API, examples"),
    ("script", "signal_reason", "signal", "Jobs API, examples"),
    ("script", "broken_reason", "signal_reason", "Jobs API, examples"),
    ("script", "concurrency_wait_time_ms", "runnable_at", "Jobs API, examples"),
    ("script", "retried_by", "agent", "Jobs API, examples"),
    ("script", "cluster_id", "retried_by", "Jobs API, examples"),
    ("script", "cluster_url", "cluster_id", "Jobs API, examples"),
    ("script", "cluster_queue_id", "cluster_url", "Jobs API, examples"),
    ("script", "cluster_queue_url", "cluster_queue_id", "Jobs API, examples"),
    ("agent", "graphql_id", "id", "Agents API, examples"),
    ("whole agent", "graphql_id", "id", "Agents API, examples"),
    ("whole agent", "os_id", "version", "Agents API, data model"),
    ("whole agent", "arch", "os_id", "Agents API, data model"),
    ("whole agent", "queue", "arch", "Agents API, data model"),
    ("whole agent", "connected_at", "created_at", "Agents API, data model"),
    ("whole agent", "disconnected_at", "connected_at", "Agents API, data model"),
    ("whole agent", "lost_at", "disconnected_at", "Agents API, data model"),
    ("whole agent", "stopped_at", "lost_at", "Agents API, data model"),
    ("whole agent", "paused", "meta_data", "go-buildkite, agents.go"),
    ("whole agent", "paused_at", "paused", "go-buildkite, agents.go"),
    ("whole agent", "paused_by", "paused_at", "go-buildkite, agents.go"),
    ("whole agent", "paused_note", "paused_by", "go-buildkite, agents.go"),
    ("whole agent", "paused_timeout_in_minutes", "paused_note", "go-buildkite, agents.go"),
    ("pipeline", "default_command_step_timeout", "color", "Pipelines API, parameters; go-buildkite, pipelines.go"),
    ("pipeline", "maximum_command_step_timeout", "default_command_step_timeout", "Pipelines API, parameters; go-buildkite, pipelines.go"),
    ("pipeline", "cluster_url", "steps", "recorded in 2024"),
    ("cluster", "maintainers", "color", "Clusters API, data model"),
    ("queue", "retry_agent_affinity", "cluster_url", "Queues, examples"),
    ("agent_token", "expires_at", "allowed_ip_addresses", "Agent tokens, data model"),
    ("annotation", "scope", "style", "Annotations API, data model"),
    ("annotation", "job_id", "scope", "Annotations API, data model"),
    ("annotation", "priority", "job_id", "Annotations API, data model"),
    ("token", "description", "scopes", "Access token API, example"),
    ("token", "created_at", "description", "Access token API, example"),
    ("token", "expires_at", "created_at", "Access token API, example"),
    ("token", "user", "expires_at", "Access token API, example"),
];

/// A key that is only there because of how one recording was made.
const EMAIL: (&str, &str, &str, &str) = ("user", "email", "name", "masked by its author");
const CONFIGURATION: (&str, &str, &str, &str) = (
    "pipeline",
    "configuration",
    "maximum_command_step_timeout",
    "the recorded pipeline has visual steps; YAML pipelines show their text",
);

/// The keys of an object, with their values.
type Entries<'a> = &'a [(String, Json)];

/// A difference that is known: path, recorded value, ours, reason.
type Known = (&'static str, &'static str, &'static str, &'static str);

/// When a key, or the present order of an object's keys, was recorded first: for recordings that are older than 2023.
#[rustfmt::skip]
const SINCE: &[(&str, &str, u16)] = &[
    ("pipeline", "pipeline_template_uuid", 2023),
    ("pipeline", "emoji", 2023),
    ("pipeline", "color", 2023),
    ("settings", "build_merge_group_checks_requested", 2023),
    ("settings", "build_pull_request_base_branch_changed", 2023),
    ("settings", "order", 2023),
    ("pipeline", "graphql_id", 2022),
    ("pipeline", "cluster_id", 2022),
    ("pipeline", "allow_rebuilds", 2022),
    ("pipeline", "created_by", 2022),
    ("pipeline", "archived_at", 2022),
    ("pipeline", "visibility", 2022),
    ("pipeline", "tags", 2022),
    ("settings", "build_branches", 2022),
    ("settings", "build_pull_request_labels_changed", 2022),
    ("settings", "build_pull_request_ready_for_review", 2022),
    ("settings", "cancel_deleted_branch_builds", 2022),
    ("settings", "filter_enabled", 2022),
    ("settings", "publish_blocked_as_pending", 2022),
    ("settings", "separate_pull_request_statuses", 2022),
    ("settings", "skip_builds_for_existing_commits", 2022),
    ("settings", "use_step_key_as_commit_status", 2022),
    ("pipeline", "description", 2018),
    ("pipeline", "branch_configuration", 2018),
    ("pipeline", "default_branch", 2018),
    ("pipeline", "skip_queued_branch_builds", 2018),
    ("pipeline", "skip_queued_branch_builds_filter", 2018),
    ("pipeline", "cancel_running_branch_builds", 2018),
    ("pipeline", "cancel_running_branch_builds_filter", 2018),
    ("pipeline", "badge_url", 2018),
    ("pipeline", "waiting_jobs_count", 2018),
    ("pipeline", "order", 2018),
    ("provider", "settings", 2018),
    ("step", "concurrency", 2018),
    ("step", "parallelism", 2018),
];

/// What was otherwise in 2015.
#[rustfmt::skip]
const OF_2015: [Known; 5] = [
    ("[].created_at", r#""2015-04-21 14:44:26 UTC""#, r#""2030-01-01T00:00:00.000Z""#, "ISO 8601 since October 2015"),
    ("[].created_at", r#""2015-04-20 20:21:41 UTC""#, r#""2030-01-01T00:00:00.000Z""#, "ISO 8601 since October 2015"),
    ("[].featured_build", "there", "not there", "gone by 2018"),
    ("[].provider.webhook_url", r#""htpps://webhook.buildkite.com/deliver/12345abcdef""#, r#""https://webhook.buildkite.com/deliver/75fce1cd22cc1299a23fb4e539d9784f2978daaeecfe97ecec""#, "masked by its authors"),
    ("[].provider.webhook_url", r#""htpps://webhook.buildkite.com/deliver/12345abcdef""#, r#""https://webhook.buildkite.com/deliver/0279da9bd26bce0206a31072daf66a7b0d945191755983742d""#, "masked by its authors"),
];

const VISUAL: &str = "the recorded pipeline has visual steps: empty strings where YAML has null";
const OTHER_AGENT: &str = "another agent, of another version, on another machine";

#[rustfmt::skip]
const VISUAL_STEP: [Known; 3] = [
    ("pipeline.steps[].artifact_paths", r#""""#, "null", VISUAL),
    ("pipeline.steps[].branch_configuration", r#""""#, "null", VISUAL),
    ("jobs[].artifact_paths", r#""""#, "null", VISUAL),
];

#[rustfmt::skip]
const AGENT: [Known; 5] = [
    ("jobs[].agent.name", r#""cfb62e5d9cea-1""#, r#""fake-agent-1""#, OTHER_AGENT),
    ("jobs[].agent.ip_address", r#""<IP_ADDRESS>""#, r#""127.0.0.1""#, "masked by its author"),
    ("jobs[].agent.hostname", r#""cfb62e5d9cea""#, r#""fake-agent-1""#, OTHER_AGENT),
    ("jobs[].agent.user_agent", r#""buildkite-agent/3.52.0.6806 (linux; amd64)""#, r#""buildkite-agent/3.115.0 (linux; amd64)""#, OTHER_AGENT),
    ("jobs[].agent.version", r#""3.52.0""#, r#""3.115.0""#, OTHER_AGENT),
];

/// The scopes of the recorded token, in its order.
const SCOPES: [Scope; 18] = [
    Scope::ReadAgents,
    Scope::WriteAgents,
    Scope::ReadClusters,
    Scope::WriteClusters,
    Scope::ReadTeams,
    Scope::ReadArtifacts,
    Scope::WriteArtifacts,
    Scope::ReadBuilds,
    Scope::WriteBuilds,
    Scope::ReadJobEnv,
    Scope::ReadBuildLogs,
    Scope::WriteBuildLogs,
    Scope::ReadOrganizations,
    Scope::ReadPipelines,
    Scope::WritePipelines,
    Scope::ReadUser,
    Scope::ReadSuites,
    Scope::WriteSuites,
];

/// The visual pipeline of the recordings, as YAML.
const UPLOAD: &str = "env: {}
steps:
  - label: ':pipeline:'
    command: buildkite-agent pipeline upload
";

/// What the upload step added in the recordings. Uploads are not modelled, so here it is in the pipeline from the
/// start.
const UPLOADED: &str = r#"  - label: ':construction_worker: Build'
    key: build
    command: echo "Build the rocket"
  - label: ':white_check_mark: Test'
    key: test
    command: echo "Test the rocket"
  - label: ':rocket: Deploy'
    key: deploy
    command: |
      echo "Launch the rocket"
      cat .buildkite/annotation.md | buildkite-agent annotate --style "success"
"#;

const MESSAGE: &str = "Merge pull request #2 from buildkite/add-next-steps-annotation\n\nAdd a next step in an annotation";
const COMMIT: &str = "bf46f7db3aa051ea3cab5ec8ad293c86d56cddeb";
/// What a real agent writes down about the commit it checked out.
const GIT_COMMIT: &str = "commit bf46f7db3aa051ea3cab5ec8ad293c86d56cddeb\nabbrev-commit bf46f7d\nAuthor: Chris Campbell <chris.c@buildkite.com>\n\n    Merge pull request #2 from buildkite/add-next-steps-annotation\n    \n    Add a next step in an annotation";

#[test]
fn a_created_build_is_as_recorded() {
    let (fake, client) = recorded_world();
    let app = starter(&fake, "Starter Buildkite Pipeline", UPLOAD);
    app.create_build().pass();
    let created = client.post(
        "/organizations/dean-test/pipelines/starter-buildkite-pipeline/builds",
        r#"{"commit":"1234567890","branch":"master"}"#,
    );
    Comparison::with("build_create_201", "build")
        .also_newer(CONFIGURATION)
        .known(&VISUAL_STEP)
        .holds_for(&created);
}

#[test]
fn a_canceled_build_is_as_recorded() {
    let (fake, client) = recorded_world();
    let app = starter(
        &fake,
        "Starter Buildkite Pipeline",
        &format!("{UPLOAD}{UPLOADED}"),
    );
    for _ in 0..4 {
        app.create_build().pass();
    }
    let build = app
        .build()
        .commit(COMMIT)
        .message(MESSAGE)
        .source(BuildSource::Ui)
        .meta_data("buildkite:git:commit", GIT_COMMIT)
        .create();
    for done in [":pipeline:", "build", "test"] {
        build.job(done).pass();
    }
    build.job("deploy").start();
    let canceled = client.put_body(
        "/organizations/dean-test/pipelines/starter-buildkite-pipeline/builds/5/cancel",
        "{}",
    );
    Comparison::with("build_cancel", "build")
        .also_newer(CONFIGURATION)
        .known(&VISUAL_STEP)
        .known(&[NOT_UPLOADED])
        .known(&AGENT)
        .holds_for(&canceled);
}

const NOT_UPLOADED: Known = (
    "pipeline.steps",
    "1 entries",
    "4 entries",
    "the recorded jobs were uploaded by the first; uploads are not modelled",
);

#[test]
fn the_builds_of_an_organization_are_as_recorded() {
    let (fake, client) = recorded_world();
    let steps = format!("{UPLOAD}{UPLOADED}");
    let other = starter(&fake, "Starter Buildkite Pipeline", &steps);
    let app = fake
        .pipeline("Starter")
        .description("")
        .repository("https://github.com/deanpcmad/starter.git")
        .steps(steps)
        .create();
    for pipeline in [&other, &app, &app] {
        let build = pipeline.build().commit(COMMIT).message(MESSAGE);
        let build = build
            .source(BuildSource::Ui)
            .meta_data("buildkite:git:commit", GIT_COMMIT)
            .create();
        build.pass();
    }
    let list = client.get("/organizations/dean-test/builds");
    Comparison::with("builds_list_org", "list")
        .also_newer(CONFIGURATION)
        .known_in_list(&VISUAL_STEP)
        .known_in_list(&[NOT_UPLOADED])
        .known_in_list(&AGENT)
        .known(&[(
            "[].pipeline.running_jobs_count",
            "Number(1)",
            "Number(0)",
            "the real counts lag behind; ours are live",
        )])
        .holds_for(&list);
}

#[test]
fn an_unblocked_step_is_as_recorded() {
    let (fake, client) = recorded_world();
    let steps = "steps: [{block: ':rocket: Are we ready?'}, {command: make}]";
    let app = starter(&fake, "Starter Buildkite Pipeline", steps);
    for _ in 0..6 {
        app.create_build().pass();
    }
    let job = app.create_build().job(":rocket: Are we ready?").id();
    let unblocked = client.put_body(
        &format!(
            "/organizations/dean-test/pipelines/starter-buildkite-pipeline/builds/7/jobs/{job}/unblock"
        ),
        "{}",
    );
    Comparison::with("job_unblock", "manual").holds_for(&unblocked);
}

#[test]
fn a_pipeline_is_as_recorded() {
    let (_fake, client) = recorded_world();
    let step = r#"{"type":"script","name":":pipeline:","command":"buildkite-agent pipeline upload","artifact_paths":"","branch_configuration":""}"#;
    let body = format!(
        r#"{{"name":"Starter","description":"","repository":"https://github.com/deanpcmad/starter.git","steps":[{step}]}}"#
    );
    client
        .post("/organizations/dean-test/pipelines", &body)
        .expect(201);
    let pipeline = client.get("/organizations/dean-test/pipelines/starter");
    Comparison::with("pipeline", "pipeline").holds_for(&pipeline);
}

#[test]
fn a_created_pipeline_is_as_recorded() {
    let (_fake, client) = recorded_world();
    let comparison = Comparison::with("pipeline_create_201", "pipeline");
    let created = client.post(
        "/organizations/dean-test/pipelines",
        comparison.recording["request"]["body"].str(),
    );
    comparison.holds_for(&created);
}

#[test]
fn a_changed_pipeline_and_its_webhook_are_as_recorded() {
    let (_fake, client) = recorded_world();
    let create = Comparison::with("pipeline_create_201", "pipeline").recording;
    client
        .post(
            "/organizations/dean-test/pipelines",
            create["request"]["body"].str(),
        )
        .expect(201);
    let path = "/organizations/dean-test/pipelines/starter-buildkite-pipeline";
    let update = Comparison::with("pipeline_update", "pipeline");
    let updated = client.patch(path, update.recording["request"]["body"].str());
    update.holds_for(&updated);
    let webhook = Comparison::with("pipeline_webhook_201_empty", "nothing");
    webhook.holds_for(&client.post(&format!("{path}/webhook"), "{}"));
}

/// Older recordings: keys and headers have come since, so what is compared is the body, and where it matters a header.
#[test]
fn pipelines_of_other_years_are_as_recorded() {
    let fake = FakeBuildkite::builder()
        .organization("shopify")
        .user("Ivan Barreto", "ivan.barreto@shopify.com")
        .origin("http://fake.test")
        .start();
    let client = client(&fake);
    let path = "/organizations/shopify/pipelines";
    let create = |body: &str| client.post(path, body).expect(201);

    create(
        r#"{"name":"my-pipeline","description":"","repository":"git@github.com:Shopify/test-repo-pipeline.git","default_branch":"master",
        "provider_settings":{"skip_builds_for_existing_commits":true},
        "steps":[{"type":"script","name":"","command":"","artifact_paths":"","branch_configuration":""}]}"#,
    );
    let archived = client.post(&format!("{path}/my-pipeline/archive"), "{}");
    Comparison::with("shopify_pipeline_archive_2022", "pipeline")
        .of_year(2022)
        .holds_for(&archived);
    let deleted = client.delete(&format!("{path}/my-pipeline"));
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(deleted.header("cache-control"), Some("no-cache"));

    create(
        r#"{"name":"shipit_ci","description":"CI pipeline for shipit","repository":"git@github.com:Shopify/shipit.git","default_branch":"master",
        "branch_configuration":"",
        "steps":[{"type":"script","name":":buildkite: Pipeline Setup","command":"configure","agent_query_rules":["queue=shopify-build"]}]}"#,
    );
    Comparison::with("shopify_pipeline_2018", "pipeline")
        .of_year(2018)
        .known(&[(
            "running_jobs_count",
            "Number(1)",
            "Number(0)",
            "a job without a build that runs: the real counts lag behind",
        )])
        .holds_for(&client.get(&format!("{path}/shipit-ci")));

    // Five pipelines, two a page; these are the newest.
    create(r#"{"name":"Other","repository":"git@example.com:a.git","steps":[{"type":"waiter"}]}"#);
    create(
        r#"{"name":"Another","repository":"git@example.com:a.git","steps":[{"type":"waiter"}]}"#,
    );
    create(
        r#"{"name":"Shopify for iPhone","repository":"git@github.com:Shopify/shopify-ios-admin.git",
        "steps":[{"type":"script","name":"Build and Test","command":"buildkite/develop.sh","artifact_paths":"","branch_configuration":"","agent_query_rules":["mac=true"]}]}"#,
    );
    create(
        r#"{"name":"shopify-borgified","repository":"git@github.com:Shopify/shopify.git",
        "env":{"RUBY_GC_MALLOC_LIMIT":"128000000","RUBY_GC_OLDMALLOC_LIMIT":"128000000","RUBY_GC_HEAP_GROWTH_FACTOR":"1.25",
        "RUBY_GC_HEAP_GROWTH_MAX_SLOTS":"300000","RUBY_GC_HEAP_INIT_SLOTS":"600000","RUBY_GC_HEAP_FREE_SLOTS":"600000"},
        "steps":[{"type":"script","name":"wait-for-container","command":"buildkite/wait-for-container.sh","artifact_paths":"","branch_configuration":"","timeout_in_minutes":10,"agent_query_rules":["docker=1"]},
        {"type":"waiter"},
        {"type":"script","name":"tests-%n","command":"buildkite/run-tests.rb","artifact_paths":".artifacts/**/*;/app/logs/**/*","branch_configuration":"","agent_query_rules":["docker=1"]}]}"#,
    );
    let listed = client.get(&format!("{path}?per_page=2"));
    let comparison = Comparison::with("shopify_pipelines_list_per_page_2", "pipelines");
    let link = comparison.recording["response"]["headers"]["link"]
        .str()
        .replace("https://api.buildkite.com", "http://fake.test");
    assert_eq!(listed.header("link"), Some(link.as_str()));
    comparison.of_year(2015).known(&OF_2015).holds_for(&listed);
}

#[test]
fn artifacts_are_as_recorded() {
    const OTHER_FILE: &str = "another file";
    let (fake, client) = recorded_world();
    let app = starter(&fake, "Starter Buildkite Pipeline", UPLOADED_STEPS);
    for _ in 0..7 {
        app.create_build().pass();
    }
    let job = app.create_build().job("build");
    job.start();
    let readme = format!("# Starter\n{}\n", "x".repeat(1036));
    let id = job.upload_artifact("README.md", readme).id;
    job.pass();
    let build = "/organizations/dean-test/pipelines/starter-buildkite-pipeline/builds/8";
    let theirs = r#""60475b7055540d94dd42ef02bea675ae379cab21""#;
    let ours = r#""23b5e605bc527d5c0487e50f6135b515f61158a3""#;
    Comparison::with("artifact", "artifact")
        .known(&[("sha1sum", theirs, ours, OTHER_FILE)])
        .holds_for(&client.get(&format!("{build}/jobs/{}/artifacts/{id}", job.id())));
    Comparison::with("build_artifacts_list", "artifacts")
        .known(&[("[].sha1sum", theirs, ours, OTHER_FILE)])
        .holds_for(&client.get(&format!("{build}/artifacts")));
}

#[test]
fn an_agent_and_its_stop_are_as_recorded() {
    let recorded = agent("38cc41b56f5f-1")
        .hostname("38cc41b56f5f")
        .version("3.52.0")
        .user_agent("buildkite-agent/3.52.0.6806 (linux; amd64)")
        .priority(0)
        .tags(["queue=default"]);
    let fake = recorded_builder().agents(Agents::fleet([recorded])).start();
    let client = client(&fake).with_token("recorded");
    let path = format!(
        "/organizations/dean-test/agents/{}",
        fake.agent("38cc41b56f5f-1").id()
    );
    Comparison::with("agent", "whole agent")
        .known(&[(
            "ip_address",
            r#""<IP_ADDRESS>""#,
            r#""127.0.0.1""#,
            "masked by its author",
        )])
        .holds_for(&client.get(&path));
    let stop = Comparison::with("agent_stop_204", "nothing");
    stop.holds_for(&client.put_body(&format!("{path}/stop"), "{}"));
}

#[test]
fn annotations_are_as_recorded() {
    let (fake, client) = recorded_world();
    let app = starter(&fake, "Starter Buildkite Pipeline", UPLOADED_STEPS);
    let build = app.create_build();
    let job = build.job("build");
    job.start();
    // Emoji by name are not modelled; here they are by themselves.
    let text = "✨ **You've run a build!** ✨\n\nReady for the next adventure? Create a pipeline for your own code. \
                See [the docs](https://buildkite.com/docs/pipelines/create-your-own) to learn more.\n";
    job.annotate(Annotation::new(text).style(AnnotationStyle::Success));
    let path = "/organizations/dean-test/pipelines/starter-buildkite-pipeline/builds/1/annotations";
    Comparison::with("annotations_list", "annotations").holds_for(&client.get(path));
}

const UPLOADED_STEPS: &str = "steps: [{command: make, key: build}]";

#[test]
fn the_user_is_as_recorded() {
    let (_fake, client) = recorded_world();
    Comparison::with("user", "user")
        .also_newer(EMAIL)
        .holds_for(&client.get("/user"));
}

#[test]
fn the_access_token_is_as_recorded() {
    let (_fake, client) = recorded_world();
    Comparison::with("access_token", "token").holds_for(&client.get("/access-token"));
}

#[test]
fn a_revoked_access_token_is_as_recorded() {
    let (_fake, client) = recorded_world();
    let recorded = Comparison::with("access_token_revoke_204", "nothing");
    recorded.holds_for(&client.delete("/access-token"));
    client.get("/access-token").expect(401);
}

#[test]
fn an_organization_is_as_recorded() {
    let (_fake, client) = recorded_world();
    Comparison::with("organization", "organization")
        .holds_for(&client.get("/organizations/dean-test"));
}

/// A comparison that finds nothing proves little: this one has to find every kind of difference.
#[test]
fn the_comparison_sees_every_kind_of_difference() {
    let (fake, client) = recorded_world();
    fake.pipeline("Starter").create();
    let right = client.get("/organizations/dean-test");
    for (from, to, expected) in [
        (r#""slug":"dean-test","#, "", "slug: no such key of ours"),
        (r#""name":"#, r#""nick":1,"name":"#, "nick: no recorded key"),
        (
            r#""name":"Dean Test""#,
            r#""name":"Dean""#,
            "name: recorded",
        ),
        (r#""name":"Dean Test""#, r#""name":null"#, "name: recorded"),
        (r#""name":"Dean Test""#, r#""name":7"#, "name: recorded"),
        (
            r#""name":"Dean Test","slug":"dean-test""#,
            r#""slug":"dean-test","name":"Dean Test""#,
            "slug: no recorded key here",
        ),
        (".000Z", ".00Z", "created_at: recorded"),
        (".000Z", ".000+00:00", "created_at: recorded"),
        ("/agents", "/agent", "agents_url: recorded"),
        ("fake.test", "fake.text", "url: recorded"),
        (r#""graphql_id":"T3"#, r#""graphql_id":"U3"#, "graphql_id: "),
        (r#"{"id":"0"#, r#"{"id":"1"#, "graphql_id: "),
        (r#"{"id":"0"#, r#"{"id":""#, "id: recorded"),
    ] {
        let mut wrong = right.clone();
        wrong.text = right.text.replacen(from, to, 1);
        assert_ne!(wrong.text, right.text, "{from}");
        let found = Comparison::with("organization", "organization").differences(&wrong);
        assert!(
            found
                .iter()
                .any(|difference| difference.starts_with(expected)),
            "{to}: {found:#?}"
        );
    }
    let mut wrong = right.clone();
    wrong.status = 201;
    wrong.headers.retain(|(name, _)| name != "vary");
    wrong.headers.push(("x-new".to_owned(), "1".to_owned()));
    let found = Comparison::with("organization", "organization").differences(&wrong);
    assert_eq!(found.len(), 3, "{found:#?}");
    // What is listed and not there is found, too.
    let stale = Comparison::with("organization", "organization")
        .also_newer(EMAIL)
        .known(&AGENT[..1])
        .differences(&right);
    assert_eq!(stale.len(), 1, "{stale:#?}");
}

// --- Clusters --------------------------------------------------------------------------------------------------------

const CLUSTERS: &str = "/organizations/dean-test/clusters";

/// The recorded cluster: made in the browser, and its description emptied.
fn open_source() -> (FakeBuildkite, Client, String) {
    let (fake, client) = recorded_world();
    let cluster = fake.cluster("Open Source").description("").create().id();
    (fake, client, format!("{CLUSTERS}/{cluster}"))
}

#[test]
fn a_cluster_comes_and_goes_as_recorded() {
    let (fake, client, path) = open_source();
    Comparison::with("cluster", "cluster").holds_for(&client.get(&path));
    let created = client.post(CLUSTERS, r#"{"name": "Private Apps"}"#);
    Comparison::with("cluster_create_201", "cluster").holds_for(&created);
    let id = fake.existing_cluster("Private Apps").id();
    let deleted = client.delete(&format!("{CLUSTERS}/{id}"));
    Comparison::with("cluster_delete_204", "nothing").holds_for(&deleted);
}

#[test]
fn queues_are_as_recorded() {
    let (_fake, client, path) = open_source();
    let list = client.get(&format!("{path}/queues"));
    Comparison::with("cluster_queues_list", "queues").holds_for(&list);
    let created = client.post(&format!("{path}/queues"), r#"{"key": "arm64"}"#);
    Comparison::with("cluster_queue_create_201", "queue").holds_for(&created);
    let queue = format!("{path}/queues/{}", created.json()["id"].str());
    let description = r#"{"description": "Queue for ARM builds"}"#;
    client.patch(&queue, description).expect(200);
    // The note has another name today; this one is ignored.
    let note = r#"{"note": "Paused while we investigate a security issue"}"#;
    let paused = client.post(&format!("{queue}/pause_dispatch"), note);
    Comparison::with("cluster_queue_pause", "queue").holds_for(&paused);
}

#[test]
fn agent_tokens_are_as_recorded() {
    let (_fake, client, path) = open_source();
    let tokens = format!("{path}/tokens");
    let created = client.post(&tokens, r#"{"description":"Test Token"}"#);
    let list = client.get(&tokens);
    Comparison::with("cluster_tokens_list", "agent_tokens").holds_for(&list);
    let id = created.json()["id"].str().to_owned();
    client.delete(&format!("{tokens}/{id}"));
    let created = client.post(&tokens, r#"{"description":"Windows Agents"}"#);
    Comparison::with("cluster_token_create_201", "agent_token")
        .known(&[(
            "token",
            r#""0000000000000000000000000000000000000000""#,
            r#""XhPL0wVlKGOMawk2BOtOaU5X""#,
            "masked by its author",
        )])
        .holds_for(&created);
}

// --- The recorded world ----------------------------------------------------------------------------------------------

pub(crate) fn recorded_builder() -> FakeBuildkiteBuilder {
    FakeBuildkite::builder()
        .organization("dean-test")
        .user("Dean", "dean@deanpcmad.com")
        .origin("http://fake.test")
        .token("recorded", SCOPES)
}

pub(crate) fn recorded_world() -> (FakeBuildkite, Client) {
    let fake = recorded_builder().start();
    let client = client(&fake).with_token("recorded");
    (fake, client)
}

pub(crate) fn starter(fake: &FakeBuildkite, name: &str, steps: &str) -> PipelineHandle {
    fake.pipeline(name)
        .description("This is a starter pipeline")
        .repository("https://github.com/deanpcmad/starter.git")
        .steps(steps)
        .create()
}

// --- The comparison --------------------------------------------------------------------------------------------------

/// One recording, and what may differ from it.
pub(crate) struct Comparison {
    pub(crate) recording: Json,
    kind: &'static str,
    /// Of an older one: only its body is compared, by [`SINCE`].
    year: Option<u16>,
    newer: Vec<(&'static str, &'static str, &'static str, &'static str)>,
    known: Vec<(String, &'static str, &'static str)>,
    used: Vec<String>,
    found: Vec<String>,
}

impl Comparison {
    pub(crate) fn with(recording: &str, kind: &'static str) -> Self {
        let path = format!(
            "{}/tests/data/recorded/{recording}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self {
            recording: serde_json::from_str(&text).expect("JSON"),
            kind,
            year: None,
            newer: NEWER.to_vec(),
            known: Vec::new(),
            used: Vec::new(),
            found: Vec::new(),
        }
    }

    fn of_year(mut self, year: u16) -> Self {
        self.year = Some(year);
        self
    }

    /// One more key of ours.
    fn also_newer(mut self, key: (&'static str, &'static str, &'static str, &'static str)) -> Self {
        for (kind, _, after, _) in &mut self.newer {
            // What followed its place follows it now.
            if *kind == key.0 && *after == key.2 {
                *after = key.1;
            }
        }
        self.newer.push(key);
        self
    }

    fn known(mut self, known: &[Known]) -> Self {
        let known = known
            .iter()
            .map(|(path, theirs, ours, _)| ((*path).to_owned(), *theirs, *ours));
        self.known.extend(known);
        self
    }

    fn known_in_list(mut self, known: &[Known]) -> Self {
        let known = known
            .iter()
            .map(|(path, theirs, ours, _)| (format!("[].{path}"), *theirs, *ours));
        self.known.extend(known);
        self
    }

    #[track_caller]
    pub(crate) fn holds_for(self, answer: &Answer) {
        let found = self.differences(answer);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    fn differences(mut self, answer: &Answer) -> Vec<String> {
        let response = self.recording["response"].clone();
        let status = &response["status"];
        let status = status.get("code").unwrap_or(status).number();
        if i64::from(answer.status) != status {
            self.found
                .push(format!("status: recorded {status}, ours {}", answer.status));
        }
        if self.year.is_none() {
            self.headers(&response["headers"], answer);
        }
        let (kind, body) = (self.kind, &response["body"]);
        if body.is_null() {
            assert_eq!(answer.text, "");
        } else {
            self.value("", kind, body, &answer.json());
        }
        for (path, theirs, ours) in &self.known {
            if !self.used.contains(path) {
                self.found
                    .push(format!("{path}: no longer {theirs} against {ours}"));
            }
        }
        self.found
    }

    fn value(&mut self, path: &str, kind: &str, theirs: &Json, ours: &Json) {
        match (theirs, ours) {
            (Json::Object(theirs), Json::Object(ours)) => match self.year {
                None => self.object(path, kind, theirs, ours),
                Some(year) => self.older_object(path, kind, year, (theirs, ours)),
            },
            (Json::Array(theirs), Json::Array(ours)) => {
                if theirs.len() != ours.len() {
                    let (theirs, ours) = (
                        format!("{} entries", theirs.len()),
                        format!("{} entries", ours.len()),
                    );
                    self.differs(path, &theirs, &ours);
                }
                let path = format!("{path}[]");
                for (theirs, ours) in theirs.iter().zip(ours) {
                    self.value(&path, element_of(kind, theirs), theirs, ours);
                }
            }
            (theirs, ours) => {
                let same = match (theirs, ours) {
                    (Json::String(theirs), Json::String(ours)) => is_alike(path, theirs, ours),
                    (theirs, ours) => theirs == ours,
                };
                if !same {
                    self.differs(path, &format!("{theirs:?}"), &format!("{ours:?}"));
                }
            }
        }
    }

    fn object(
        &mut self,
        path: &str,
        kind: &str,
        theirs: &[(String, Json)],
        ours: &[(String, Json)],
    ) {
        let under = |key: &str| match path {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        let mut expected = theirs.iter().peekable();
        let mut before = "";
        for (key, value) in ours {
            match expected.next_if(|(wanted, _)| wanted == key) {
                Some((_, wanted)) => self.value(&under(key), kind_of(kind, key), wanted, value),
                None if self.is_newer(kind, key, before) => {}
                None => self.found.push(format!(
                    "{}: no recorded key here, after {before}",
                    under(key)
                )),
            }
            before = key;
        }
        if let Some((key, _)) = expected.next() {
            self.found.push(format!(
                "{}: no such key of ours, in this order",
                under(key)
            ));
        }
        for (_, key, after, _) in self.newer.iter().filter(|(known, ..)| *known == kind) {
            if !ours.iter().any(|(known, _)| known == key) {
                self.found
                    .push(format!("{}: not there, after {after}", under(key)));
            }
        }
        for (name, object) in [("recorded", theirs), ("ours", ours)] {
            if let Some(problem) = wrong_graphql_id(object) {
                self.found
                    .push(format!("{}: {name} {problem}", under("graphql_id")));
            }
        }
    }

    /// Every recorded key is there, and every other has come since.
    fn older_object(
        &mut self,
        path: &str,
        kind: &str,
        year: u16,
        (theirs, ours): (Entries<'_>, Entries<'_>),
    ) {
        let under = |key: &str| match path {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        let find = |among: Entries<'_>, key: &str| {
            let found = among.iter().find(|(known, _)| known == key);
            found.map(|(_, value)| value.clone())
        };
        let has_come = |key: &str| {
            let since = SINCE
                .iter()
                .any(|(of, known, since)| *of == kind && *known == key && *since > year);
            since
                || NEWER
                    .iter()
                    .any(|(of, known, ..)| *of == kind && *known == key)
        };
        for (key, value) in theirs {
            match find(ours, key) {
                Some(ours) => self.value(&under(key), kind_of(kind, key), value, &ours),
                None => self.differs(&under(key), "there", "not there"),
            }
        }
        for (key, _) in ours {
            if find(theirs, key).is_none() && !has_come(key) {
                self.found.push(format!("{}: not recorded", under(key)));
            }
        }
        let common = |of: Entries<'_>, other: Entries<'_>| -> Vec<String> {
            let common = of.iter().filter(|(key, _)| find(other, key).is_some());
            common.map(|(key, _)| key.clone()).collect()
        };
        if common(theirs, ours) != common(ours, theirs) && !has_come("order") {
            self.found.push(format!("{path}: in another order"));
        }
    }

    fn is_newer(&self, kind: &str, key: &str, before: &str) -> bool {
        self.newer
            .iter()
            .any(|(of, known, after, _)| (*of, *known, *after) == (kind, key, before))
    }

    fn differs(&mut self, path: &str, theirs: &str, ours: &str) {
        let known = self
            .known
            .iter()
            .find(|(known, of_them, of_us)| known == path && *of_them == theirs && *of_us == ours);
        match known {
            Some((known, ..)) => self.used.push(known.clone()),
            None => self
                .found
                .push(format!("{path}: recorded {theirs}, ours {ours}")),
        }
    }

    fn headers(&mut self, recorded: &Json, answer: &Answer) {
        for name in recorded.keys() {
            let theirs = match &recorded[name] {
                Json::Array(values) => values[0].str(),
                value @ (Json::Null
                | Json::Bool(_)
                | Json::Number(_)
                | Json::String(_)
                | Json::Object(_)) => value.str(),
            };
            if NOT_SENT.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let Some(ours) = answer.header(name) else {
                self.found.push(format!("header {name}: missing"));
                continue;
            };
            let is_known = CHANGED.contains(&(name, theirs, ours));
            if !is_known && !is_alike_header(name, theirs, ours) {
                self.found
                    .push(format!("header {name}: recorded {theirs}, ours {ours}"));
            }
        }
        for (name, _) in &answer.headers {
            if recorded.get(name).is_none() && !ALSO_SENT.iter().any(|(known, _)| known == name) {
                self.found.push(format!("header {name}: not recorded"));
            }
        }
    }
}

/// Recorded headers the fake does not send, and why.
const NOT_SENT: &[(&str, &str)] = &[
    ("transfer-encoding", "framing"),
    ("content-encoding", "not compressed"),
    ("connection", "HTTP/1.1 keeps connections"),
    ("server", "Buildkite's proxy"),
    ("x-xss-protection", "clients do not need it"),
    ("x-download-options", "clients do not need it"),
    (
        "x-permitted-cross-domain-policies",
        "clients do not need it",
    ),
    (
        "content-security-policy-report-only",
        "clients do not need it",
    ),
    ("strict-transport-security", "plain HTTP"),
    ("x-ua-compatible", "clients do not need it"),
    ("rate-limit-remaining", "sent until 2023"),
    ("rate-limit-limit", "sent until 2023"),
    ("rate-limit-reset", "sent until 2023"),
];

/// Headers the recordings do not have yet.
const ALSO_SENT: &[(&str, &str)] = &[
    ("content-length", "framing"),
    ("ratelimit-scope", "API limits"),
    ("ratelimit-user-scope", "API limits"),
    ("ratelimit-user-remaining", "API limits"),
    ("ratelimit-user-limit", "API limits"),
    ("ratelimit-user-reset", "API limits"),
];

/// Header values that have changed: the name, the recorded value, ours.
const CHANGED: &[(&str, &str, &str)] = &[
    // Recorded twice, by the application and by its proxy.
    ("x-frame-options", "SAMEORIGIN, SAMEORIGIN", "SAMEORIGIN"),
    ("x-content-type-options", "nosniff, nosniff", "nosniff"),
    // Recorded in 2024.
    (
        "access-control-expose-headers",
        "Link, Rate-Limit-Remaining, Rate-Limit-Limit, Rate-Limit-Reset, RateLimit-Remaining, RateLimit-Limit, RateLimit-Reset, X-OAuth-Scopes",
        "Link, RateLimit-Remaining, RateLimit-Limit, RateLimit-Reset, X-OAuth-Scopes",
    ),
    // "API limits", today.
    ("ratelimit-limit", "100", "200"),
];

fn is_alike_header(name: &str, theirs: &str, ours: &str) -> bool {
    match name {
        "date" => {
            let shape = |date| shape(&mask(date, char::is_alphabetic, 'x'));
            shape(theirs) == shape(ours)
        }
        "etag" | "x-request-id" | "ratelimit-remaining" | "ratelimit-reset" => {
            shape(theirs).trim_start_matches('0') == shape(ours).trim_start_matches('0')
        }
        "x-runtime" => shape(theirs) == shape(ours),
        _ => theirs == ours,
    }
}

fn element_of<'k>(kind: &'k str, element: &Json) -> &'k str {
    match (kind, element.get("type")) {
        ("list", _) => "build",
        ("pipelines", _) => "pipeline",
        ("artifacts", _) => "artifact",
        ("annotations", _) => "annotation",
        ("queues", _) => "queue",
        ("agent_tokens", _) => "agent_token",
        ("steps", _) => "step",
        ("jobs", Some(Json::String(kind))) if kind == "script" => "script",
        ("jobs", Some(Json::String(kind))) if kind == "manual" => "manual",
        _ => "other",
    }
}

fn kind_of<'k>(kind: &str, key: &'k str) -> &'k str {
    match (kind, key) {
        (_, "pipeline") => "pipeline",
        ("pipeline", "provider") => "provider",
        ("pipeline", "steps") => "steps",
        ("provider", "settings") => "settings",
        (_, "creator" | "created_by" | "unblocked_by" | "retried_by") => "person",
        ("build", "jobs") => "jobs",
        ("script", "agent") => "agent",
        _ => "other",
    }
}

/// Whether a string of ours is what a recorded one is: the same, or of the same form where no test could make it the
/// same.
fn is_alike(path: &str, theirs: &str, ours: &str) -> bool {
    let key = path.rsplit('.').next().unwrap_or(path);
    if theirs.starts_with("https://") {
        let theirs = theirs
            .replace("https://api.buildkite.com/v2/", "http://fake.test/v2/")
            .replace("https://buildkite.com/", "http://fake.test/");
        return without_ids(&theirs) == without_ids(ours);
    }
    match key {
        "id" | "job_id" | "uuid" | "default_queue_id" if is_uuid(theirs) => is_uuid(ours),
        // Compared with the id beside it, in `object`.
        "graphql_id" => type_of(theirs).is_some() && type_of(theirs) == type_of(ours),
        _ if is_instant(theirs) => is_instant(ours),
        _ => theirs == ours,
    }
}

/// `graphql_id` is base64 of `Type---id`; what is wrong with it, if anything.
fn wrong_graphql_id(object: &[(String, Json)]) -> Option<String> {
    let field = |name| object.iter().find(|(key, _)| key == name);
    let (_, Json::String(graphql_id)) = field("graphql_id")? else {
        return Some("is no string".to_owned());
    };
    let (_, Json::String(id)) = field("id")? else {
        return Some("has no id beside it".to_owned());
    };
    let text = decoded(graphql_id)?;
    let (_, of) = text.split_once("---")?;
    (of != id).then(|| format!("{text} beside {id}"))
}

fn type_of(graphql_id: &str) -> Option<String> {
    let text = decoded(graphql_id)?;
    text.split_once("---").map(|(kind, _)| kind.to_owned())
}

fn decoded(graphql_id: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(graphql_id)
        .ok()?;
    String::from_utf8(bytes).ok()
}

fn is_uuid(text: &str) -> bool {
    mask(
        text,
        |c| c.is_ascii_digit() || ('a'..='f').contains(&c),
        'x',
    ) == "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
}

fn is_instant(text: &str) -> bool {
    mask(text, |c| c.is_ascii_digit(), '0') == "0000-00-00T00:00:00.000Z"
}

/// A URL with its ids masked: uuids, and the 50 hexadecimal digits of badges and webhooks.
fn without_ids(url: &str) -> String {
    let parts = url.split_inclusive(['/', '#', '.']);
    parts
        .map(|part| {
            let name = part.trim_end_matches(['/', '#', '.']);
            let is_token = name.len() == 50 && name.chars().all(|c| c.is_ascii_hexdigit());
            if is_uuid(name) || is_token {
                part.replace(name, "<id>")
            } else {
                part.to_owned()
            }
        })
        .collect()
}

/// Digits, hexadecimal ones included, as 0.
fn shape(text: &str) -> String {
    mask(text, |c| c.is_ascii_hexdigit(), '0')
}

fn mask(text: &str, masked: impl Fn(char) -> bool, with: char) -> String {
    text.chars()
        .map(|c| if masked(c) { with } else { c })
        .collect()
}
