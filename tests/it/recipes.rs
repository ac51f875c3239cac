//! What a pipeline's steps are given as: YAML, visual steps, or a template.

use fake_buildkite::BuildState;

use crate::pipelines::{ALL, APP, assert_wrong, create, start, wrong};
use crate::support::{Json, world};

#[test]
fn visual_steps_run() {
    // Given the pipeline that is triggered, and one of every kind of visual step
    let (fake, client) = start();
    fake.pipeline("deploy").create();
    let steps = r#"[
        {"type":"script","name":"Build","command":"make","env":{"A":"1"},"agent_query_rules":["queue=linux"],"timeout_in_minutes":5,"concurrency":1},
        {"type":"script","name":"Only releases","command":"make","branch_configuration":"release/*"},
        {"type":"waiter"},
        {"type":"manual","label":"Deploy?"},
        {"type":"trigger","label":"Ship","trigger_project_slug":"deploy","trigger_commit":"abc","trigger_branch":"live","trigger_message":"Go"}
    ]"#;
    let body = format!(r#"{{"name":"app","repository":"r","env":{{"X":"1"}},"steps":{steps}}}"#);
    let created = client.post(ALL, &body).expect(201);
    assert_eq!(created.get("configuration"), None);
    assert_eq!(created["env"]["X"].str(), "1");
    // When it is built
    client.create_build("app");
    fake.run_until_idle();
    let build = fake.existing_pipeline("app").build_number(1);
    assert!(build.is_blocked());
    let json = client.build("app", 1);
    let states: Vec<_> = json["jobs"]
        .items()
        .iter()
        .filter_map(|job| job.get("state"))
        .collect();
    assert_eq!(
        format!("{states:?}"),
        r#"["passed", "broken", "blocked", "waiting"]"#
    );
    assert_eq!(json["jobs"][0]["agent_query_rules"][0].str(), "queue=linux");
    build.job("Deploy?").unblock();
    fake.run_until_idle();
    // Then the last step has built the other
    assert_eq!(build.state(), BuildState::Passed);
    let triggered = client.build("deploy", 1);
    assert_eq!(triggered["branch"].str(), "live");
    assert_eq!(triggered["commit"].str(), "abc");
    assert_eq!(triggered["message"].str(), "Go");
    // And what was got can be sent back.
    let steps = format!(
        "{{\"steps\":{}}}",
        client
            .get(APP)
            .text
            .split_once("\"steps\":")
            .expect("steps")
            .1
            .rsplit_once(",\"cluster_url\"")
            .expect("the last key")
            .0
    );
    assert_eq!(
        client.patch(APP, &steps).expect(200)["steps"],
        created["steps"]
    );
}

#[test]
fn visual_steps_that_are_wrong_are_named() {
    let (fake, client) = start();
    let before = world(&fake, &["acme"]);
    for (steps, fields) in [
        (r#"[{"command":"make"}]"#, &["steps[0].type"][..]),
        (
            r#"[{"type":"waiter"},{"type":"mystery"}]"#,
            &["steps[1].type"],
        ),
        (
            r#"[{"type":"script","timeout_in_minutes":"x","env":[1]}]"#,
            &["steps[0].env", "steps[0].timeout_in_minutes"],
        ),
        (r#"[{"type":"trigger"}]"#, &["steps"]),
        ("[1]", &["steps"]),
        (r#"{"yaml":"x"}"#, &["steps"]),
        ("[]", &["configuration"]),
        ("null", &["configuration"]),
    ] {
        let body = format!(r#"{{"name":"app","repository":"r","steps":{steps}}}"#);
        assert_wrong(&client.post(ALL, &body), fields);
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_yaml_pipeline_is_changed_by_its_yaml() {
    let (_fake, client) = start();
    let made = create(
        &client,
        "app",
        r#","env":{"IGNORED":"1"},"steps":[{"type":"waiter"}]"#,
    )
    .expect(201);
    assert!(made["env"].is_null());
    assert_eq!(made["steps"][0]["command"].str(), "make");
    let changed = client.patch(APP, r#"{"env":{"IGNORED":"1"}}"#).expect(200);
    assert_eq!(changed, made);
    let steps = r#""steps":[{"type":"script","command":"other"}]"#;
    assert_wrong(&client.patch(APP, &format!("{{{steps}}}")), &["steps"]);
    assert_wrong(
        &client.patch(APP, r#"{"configuration":" "}"#),
        &["configuration"],
    );
    assert_wrong(
        &client.patch(APP, r#"{"configuration":"steps: 7"}"#),
        &["configuration"],
    );
    assert_eq!(client.get(APP).expect(200), made);
    // With both, the YAML counts, and it replaces everything.
    let both = format!(r#"{{{steps},"configuration":"env: {{A: 1}}\nsteps: [{{command: new}}]"}}"#);
    let changed = client.patch(APP, &both).expect(200);
    assert_eq!(changed["steps"][0]["command"].str(), "new");
    assert_eq!(changed["env"]["A"].str(), "1");
    assert_eq!(
        client.create_build("app")["jobs"][0]["command"].str(),
        "new"
    );
}

#[test]
fn a_pipeline_of_visual_steps_can_become_one_of_yaml_and_not_go_back() {
    let (_fake, client) = start();
    let body = r#"{"name":"app","repository":"r","env":{"A":"1"},"steps":[{"type":"script","command":"old"}]}"#;
    client.post(ALL, body).expect(201);
    let changed = client
        .patch(APP, r#"{"steps":[{"type":"script","command":"new"}]}"#)
        .expect(200);
    assert_eq!(changed["env"]["A"].str(), "1");
    assert_eq!(changed["steps"][0]["command"].str(), "new");
    let changed = client.patch(APP, r#"{"env":{"B":"2"}}"#).expect(200);
    assert_eq!(changed["env"].keys(), ["B"]);
    assert_eq!(
        client.create_build("app")["jobs"][0]["command"].str(),
        "new"
    );
    let changed = client
        .patch(APP, r#"{"configuration":"steps: [{command: yaml}]"}"#)
        .expect(200);
    assert!(changed["env"].is_null());
    assert_eq!(changed["configuration"].str(), "steps: [{command: yaml}]");
    assert_wrong(
        &client.patch(APP, r#"{"steps":[{"type":"waiter"}]}"#),
        &["steps"],
    );
}

#[test]
fn a_template_stands_for_steps_and_its_builds_are_not_modelled() {
    let (fake, client) = start();
    let template = r#""pipeline_template_uuid":"018e5a22-d14c-7085-bb28-db0f83f43a1c""#;
    let body = format!(r#"{{"name":"app","repository":"r",{template}}}"#);
    let created = client.post(ALL, &body).expect(201);
    assert_eq!(created.get("configuration"), None);
    assert_eq!(created["steps"].items(), []);
    let before = world(&fake, &["acme"]);
    let build = r#"{"commit":"HEAD","branch":"main"}"#;
    let refused = client.post(&format!("{APP}/builds"), build).message(501);
    assert!(refused.contains("template"), "{refused}");
    let missing = wrong(&client.patch(APP, r#"{"pipeline_template_uuid":null}"#));
    assert_eq!(missing[0].0, "configuration");
    assert_eq!(world(&fake, &["acme"]), before);
    let steps = r#"{"pipeline_template_uuid":null,"configuration":"steps: [{command: make}]"}"#;
    client.patch(APP, steps).expect(200);
    client.create_build("app");
}

#[test]
fn configuration_is_kept_byte_for_byte_and_shown_as_steps() {
    let (_fake, client) = start();
    let yaml = r"# A comment\r\nenv: {A: 1, B: 'x y'}\nsteps:\n  - {label: ':hammer:', commands: [make, make test], artifact_paths: [a, b/*], branches: 'main !x', timeout_in_minutes: 5,\n     agents: {queue: linux}, env: {C: yes}, parallelism: 2}\n  - wait\n  - {block: Ship?}\n  - {trigger: deploy, async: true, label: Go, build: {branch: main, message: Hi, env: {D: 1}}}\n\n";
    let body = format!(r#"{{"name":"app","repository":"r","configuration":"{yaml}"}}"#);
    let created = client.post(ALL, &body).expect(201);
    let sent: Json = serde_json::from_str(&format!("\"{yaml}\"")).expect("a string");
    assert_eq!(created["configuration"], sent);
    assert_eq!(format!("{:?}", created["env"]), r#"{"A": "1", "B": "x y"}"#);
    let shown: Vec<_> = created["steps"]
        .items()
        .iter()
        .map(|step| format!("{step:?}"))
        .collect();
    assert_eq!(
        shown,
        [
            r#"{"type": "script", "name": ":hammer:", "command": "make\nmake test", "artifact_paths": "a;b/*", "branch_configuration": "main !x", "env": {"C": "yes"}, "timeout_in_minutes": Number(5), "agent_query_rules": ["queue=linux"], "concurrency": null, "parallelism": Number(2)}"#,
            r#"{"type": "waiter"}"#,
            r#"{"type": "manual", "label": "Ship?"}"#,
            r#"{"type": "trigger", "label": "Go", "pipeline": "deploy", "build": {"message": "Hi", "branch": "main", "commit": null, "env": {"D": "1"}}, "async": true, "branch_configuration": null, "concurrency": null, "parallelism": null}"#,
        ]
    );
}
