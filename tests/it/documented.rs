//! The examples of Buildkite's "Pipelines API" document: the same requests, and answers of the same shape.
//!
//! The examples are of several years, so they disagree with each other and with recorded responses. What we answer has
//! every documented key, null where the example has null; what it has besides is in [`ALSO`], and what differs is
//! listed with each example. Entries that no example needs fail too.

use std::collections::BTreeSet;

use fake_buildkite::FakeBuildkite;

use crate::support::{Answer, Json, client};

/// Keys of ours that an example may lack: where, which, and the document that brings them.
#[rustfmt::skip]
const ALSO: &[(&str, &str, &str)] = &[
    ("", "description", "the example of Get a pipeline; lists are recorded in full"),
    ("", "cluster_id", "the example of Create a YAML pipeline"),
    ("", "pipeline_template_uuid", "the example of Create a YAML pipeline"),
    ("", "allow_rebuilds", "the example of Create a YAML pipeline"),
    ("", "badge_url", "the example of Create a YAML pipeline; lost in that of visual steps"),
    ("", "created_by", "the example of Create a YAML pipeline"),
    ("", "created_at", "the example of Create a YAML pipeline; lost in that of visual steps"),
    ("", "archived_at", "the example of Create a YAML pipeline; lost in that of visual steps"),
    ("", "tags", "the example of Create a YAML pipeline"),
    ("", "emoji", "recorded in 2023"),
    ("", "color", "recorded in 2023"),
    ("", "default_command_step_timeout", "Pipelines API, parameters; go-buildkite, pipelines.go"),
    ("", "maximum_command_step_timeout", "Pipelines API, parameters; go-buildkite, pipelines.go"),
    ("", "cluster_url", "recorded in 2024"),
    ("steps[]", "concurrency", "the example of Create a YAML pipeline"),
    ("steps[]", "parallelism", "the example of Create a YAML pipeline"),
    ("provider.settings", "build_branches", "the example of Create a YAML pipeline"),
    ("provider.settings", "build_merge_group_checks_requested", "recorded in 2023"),
    ("provider.settings", "build_pull_request_base_branch_changed", "recorded in 2023"),
    ("provider.settings", "build_pull_request_labels_changed", "the example of Create a YAML pipeline"),
    ("provider.settings", "build_pull_request_ready_for_review", "the example of Create a YAML pipeline"),
    ("provider.settings", "cancel_deleted_branch_builds", "the example of Create a YAML pipeline"),
    ("provider.settings", "filter_enabled", "the example of Create a YAML pipeline"),
    ("provider.settings", "prefix_pull_request_fork_branch_names", "the example of Create a YAML pipeline"),
    ("provider.settings", "publish_blocked_as_pending", "the example of Create a YAML pipeline"),
    ("provider.settings", "pull_request_branch_filter_enabled", "the example of Create a YAML pipeline"),
    ("provider.settings", "separate_pull_request_statuses", "the example of Create a YAML pipeline"),
    ("provider.settings", "skip_builds_for_existing_commits", "the example of Create a YAML pipeline"),
    ("provider.settings", "skip_pull_request_builds_for_existing_commits", "the example of Create a YAML pipeline"),
    ("provider.settings", "use_step_key_as_commit_status", "the example of Create a YAML pipeline"),
];

/// A difference: where, what is documented, what we have, and why.
type Known = (&'static str, &'static str, &'static str, &'static str);

const IN_2023: &str = "recorded in 2023 in the order of ours";
const ORDER: [Known; 3] = [
    ("", "order", "order", IN_2023),
    ("provider", "order", "order", IN_2023),
    ("provider.settings", "order", "order", IN_2023),
];
const NO_ENV: Known = (
    "env",
    "object",
    "null",
    "recorded in 2023: null where the YAML has none",
);

const OLD_HEAD: &str = r#"{"id":"","graphql_id":"","url":"","web_url":"","name":"","description":null,"slug":"","repository":"""#;
const OLD_PROVIDER: &str = r#""default_branch":"","provider":{"id":"","webhook_url":"","settings":{"publish_commit_status":true,"build_pull_requests":true,"build_pull_request_forks":false,"build_tags":false,"publish_commit_status_per_step":false,"repository":"","trigger_mode":""}},"skip_queued_branch_builds":false,"skip_queued_branch_builds_filter":null,"cancel_running_branch_builds":false,"cancel_running_branch_builds_filter":null,"builds_url":"""#;
const COUNTS: &str = r#""scheduled_builds_count":0,"running_builds_count":0,"scheduled_jobs_count":0,"running_jobs_count":0,"waiting_jobs_count":0,"visibility":"""#;
const PERSON: &str =
    r#"{"id":"","graphql_id":"","name":"","email":"","avatar_url":"","created_at":""}"#;

const TEST_STEP: &str = r#"{"type":"script","name":"Test ✅","command":"script/test.sh","artifact_paths":"results/*","branch_configuration":"main feature/*"}"#;

/// The pipeline of "List pipelines" and "Get a pipeline".
fn my_pipeline(description: &str) -> (FakeBuildkite, String) {
    let fake = FakeBuildkite::builder().organization("acme-inc").start();
    let body = format!(
        r#"{{"name":"My Pipeline","description":{description},"repository":"git@github.com:acme-inc/my-pipeline.git","steps":[{TEST_STEP}]}}"#
    );
    client(&fake)
        .post("/organizations/acme-inc/pipelines", &body)
        .expect(201);
    (fake, "/organizations/acme-inc/pipelines".to_owned())
}

fn listed(description: &str) -> String {
    let head = OLD_HEAD.replace(r#""description":null,"#, description);
    let step = r#"{"type":"script","name":"","command":"","artifact_paths":"","branch_configuration":"","env":{},"timeout_in_minutes":null,"agent_query_rules":[]}"#;
    format!(
        r#"{head},"branch_configuration":null,{OLD_PROVIDER},"badge_url":"","created_by":{PERSON},"created_at":"","archived_at":null,{COUNTS},"steps":[{step}],"env":{{}}}}"#
    )
}

/// After the example of "Update a pipeline".
fn updated(archived_at: &str) -> String {
    let step = r#"{"type":"script","name":null,"command":"","artifact_paths":null,"branch_configuration":null,"env":{},"timeout_in_minutes":null,"agent_query_rules":[""],"concurrency":null,"parallelism":null}"#;
    format!(
        r#"{OLD_HEAD},"branch_configuration":"",{OLD_PROVIDER},"badge_url":"","created_at":"","archived_at":{archived_at},"configuration":"","steps":[{step}],"env":{{}},{COUNTS}}}"#
    )
}

#[test]
fn every_example_is_answered_as_documented() {
    let mut used = BTreeSet::new();
    let mut check = |answer: &Answer, status, documented: &str, known: &[Known]| {
        let documented = serde_json::from_str(documented).expect("the example is JSON");
        let mut comparison = Comparison {
            known,
            found: Vec::new(),
            used: &mut used,
            used_here: BTreeSet::new(),
        };
        comparison.value("", &documented, &answer.expect(status));
        for (path, documented, ours, _) in known {
            if !comparison.used_here.contains(path) {
                let text = format!("{path}: no longer {documented} against {ours}");
                comparison.found.push(text);
            }
        }
        assert!(comparison.found.is_empty(), "{:#?}", comparison.found);
    };

    // List pipelines; the example has no description.
    let (fake, path) = my_pipeline("null");
    let list = client(&fake).get(&path);
    let mut in_list = list.clone();
    in_list.text = list.text[1..list.text.len() - 2].to_owned();
    check(&in_list, 200, &listed(""), &ORDER);

    // Get a pipeline
    let (fake, path) = my_pipeline("\"This pipeline is amazing! 🎉\"");
    let get = client(&fake).get(&format!("{path}/my-pipeline"));
    check(&get, 200, &listed(r#""description":"","#), &ORDER);

    // Create a YAML pipeline; `xxx` stands for an id.
    let cluster = &fake.cluster("Open Source").create().id().to_string();
    let yaml = r#"{
      "name": "My Pipeline X",
      "cluster_id": "xxx",
      "repository": "git@github.com:acme-inc/my-pipeline.git",
      "configuration": "env:\n \"FOO\": \"bar\"\nsteps:\n - command: \"script/release.sh\"\n   \"name\": \"Build 📦\""
    }"#;
    let created = client(&fake).post(&path, &yaml.replace("xxx", cluster));
    let head = OLD_HEAD;
    let documented = format!(
        r#"{head},"cluster_id":null,"pipeline_template_uuid":null,"branch_configuration":null,"default_branch":"","skip_queued_branch_builds":false,"skip_queued_branch_builds_filter":null,"cancel_running_branch_builds":false,"cancel_running_branch_builds_filter":null,"allow_rebuilds":true,"provider":{{"id":"","settings":{{"trigger_mode":"","build_pull_requests":true,"pull_request_branch_filter_enabled":false,"skip_builds_for_existing_commits":false,"skip_pull_request_builds_for_existing_commits":true,"build_pull_request_ready_for_review":false,"build_pull_request_labels_changed":false,"build_pull_request_forks":false,"prefix_pull_request_fork_branch_names":true,"build_branches":true,"build_tags":false,"cancel_deleted_branch_builds":false,"publish_commit_status":true,"publish_commit_status_per_step":false,"separate_pull_request_statuses":false,"publish_blocked_as_pending":false,"use_step_key_as_commit_status":false,"filter_enabled":false,"repository":""}},"webhook_url":""}},"builds_url":"","badge_url":"","created_by":{PERSON},"created_at":"","archived_at":null,"env":{{"FOO":""}},{COUNTS},"tags":null,"configuration":"","steps":[{{"type":"script","name":"","command":"","artifact_paths":null,"branch_configuration":null,"env":{{}},"timeout_in_minutes":null,"agent_query_rules":[],"concurrency":null,"parallelism":null}}]}}"#
    );
    let differences = [
        (
            "cluster_id",
            "null",
            "string",
            "the request names a cluster",
        ),
        ("provider.settings", "order", "order", IN_2023),
    ];
    check(&created, 201, &documented, &differences);
    let json = created.json();
    assert_eq!(json["env"]["FOO"].str(), "bar");
    assert_eq!(json["steps"][0]["name"].str(), "Build 📦");

    // Create a visual step pipeline
    let visual = r#"{
      "name": "My Visual Pipeline",
      "cluster_id": "xxx",
      "repository": "git@github.com:acme-inc/my-pipeline.git",
      "steps": [
        {"type": "script", "name": "Build :package:", "command": "script/release.sh"},
        {"type": "waiter"},
        {"type": "script", "name": "Test :wrench:", "command": "script/release.sh", "artifact_paths": "log/*"},
        {"type": "manual", "label": "Deploy"},
        {"type": "script", "name": "Release :rocket:", "command": "script/release.sh", "branch_configuration": "main",
         "env": {"AMAZON_S3_BUCKET_NAME": "my-pipeline-releases"}, "timeout_in_minutes": 10, "agent_query_rules": ["aws=true"]},
        {"type": "trigger", "label": "Deploy :ship:", "trigger_project_slug": "deploy", "trigger_commit": "HEAD",
         "trigger_branch": "main", "trigger_async": true}
      ]
    }"#;
    let created = client(&fake).post(&path, &visual.replace("xxx", cluster));
    let script = |artifacts: &str, rest: &str| {
        format!(
            r#"{{"type":"script","name":"","command":"","artifact_paths":{artifacts},{rest},"concurrency":null,"parallelism":null}}"#
        )
    };
    let plain =
        r#""branch_configuration":null,"env":{},"timeout_in_minutes":null,"agent_query_rules":[]"#;
    let release = r#""branch_configuration":"","env":{"AMAZON_S3_BUCKET_NAME":""},"timeout_in_minutes":0,"agent_query_rules":[""]"#;
    let steps = [
        script("null", plain),
        r#"{"type":"waiter"}"#.to_owned(),
        script("\"\"", plain),
        r#"{"type":"manual","label":""}"#.to_owned(),
        script("null", release),
        r#"{"type":"trigger","label":"","pipeline":"","build":{"message":null,"branch":"","commit":"","env":null},"async":true,"branch_configuration":null,"concurrency":null,"parallelism":null}"#.to_owned(),
    ]
    .join(",");
    let documented = format!(
        r#"{OLD_HEAD},"branch_configuration":null,{OLD_PROVIDER},"steps":[{steps}],"env":{{}},{COUNTS}}}"#
    );
    check(&created, 201, &documented, &ORDER);
    assert_eq!(created.json()["steps"][5]["build"]["branch"].str(), "main");

    // Update a pipeline, archive it, unarchive it.
    let (fake, path) = my_pipeline("null");
    let client = client(&fake);
    let path = format!("{path}/my-pipeline");
    client
        .patch(&path, r#"{"branch_configuration":"main"}"#)
        .expect(200);
    let update = r#"{
      "repository": "git@github.com:acme-inc/new-repo.git",
      "configuration": "steps:\n  - command: \"new.sh\"\n    agents:\n    - \"myqueue=true\"",
      "tags": [":terraform:", "testing"]
    }"#;
    let differences = [&ORDER[..], &[NO_ENV]].concat();
    let answer = client.patch(&path, update);
    check(&answer, 200, &updated("null"), &differences);
    let json = answer.json();
    assert_eq!(
        json["provider"]["settings"]["repository"].str(),
        "acme-inc/new-repo"
    );
    assert_eq!(
        json["steps"][0]["agent_query_rules"][0].str(),
        "myqueue=true"
    );
    let answer = client.post(&format!("{path}/archive"), "");
    check(&answer, 200, &updated("\"\""), &differences);
    let answer = client.post(&format!("{path}/unarchive"), "");
    check(&answer, 200, &updated("null"), &differences);

    // Add a webhook, delete the pipeline.
    let answer = client.post(&format!("{path}/webhook"), "");
    assert_eq!((answer.status, answer.text.as_str()), (201, ""));
    assert_eq!(client.delete(&path).status, 204);

    let unused: Vec<_> = ALSO
        .iter()
        .filter(|(place, key, _)| !used.contains(&(*place, *key)))
        .collect();
    assert!(unused.is_empty(), "{unused:#?}");
}

struct Comparison<'a> {
    known: &'a [Known],
    found: Vec<String>,
    /// Of [`ALSO`].
    used: &'a mut BTreeSet<(&'static str, &'static str)>,
    used_here: BTreeSet<&'static str>,
}

impl Comparison<'_> {
    fn value(&mut self, path: &str, documented: &Json, ours: &Json) {
        match (documented, ours) {
            (Json::Object(documented), Json::Object(ours)) => self.object(path, documented, ours),
            (Json::Array(documented), Json::Array(ours)) if documented.len() == ours.len() => {
                for (documented, ours) in documented.iter().zip(ours) {
                    self.value(&format!("{path}[]"), documented, ours);
                }
            }
            // The examples say which defaults there are.
            (Json::Bool(documented), Json::Bool(ours)) if documented == ours => {}
            (documented, ours) => {
                let (documented, ours) = (kind(documented), kind(ours));
                if documented != ours || documented == "bool" || documented == "array" {
                    self.differs(path, documented, ours);
                }
            }
        }
    }

    fn object(&mut self, path: &str, documented: &[(String, Json)], ours: &[(String, Json)]) {
        let under = |key: &str| match path {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        let find = |among: &[(String, Json)], key: &str| {
            let found = among.iter().find(|(known, _)| known == key);
            found.map(|(_, value)| value.clone())
        };
        for (key, value) in documented {
            match find(ours, key) {
                Some(ours) => self.value(&under(key), value, &ours),
                None => self.differs(&under(key), kind(value), "nothing"),
            }
        }
        for (key, _) in ours {
            if find(documented, key).is_some() {
                continue;
            }
            match ALSO
                .iter()
                .find(|(place, also, _)| *place == path && also == key)
            {
                Some((place, key, _)) => {
                    self.used.insert((place, key));
                }
                None => self.differs(&under(key), "nothing", "something"),
            }
        }
        let keys = |of: &[(String, Json)], other: &[(String, Json)]| -> Vec<String> {
            let common = of.iter().filter(|(key, _)| find(other, key).is_some());
            common.map(|(key, _)| key.clone()).collect()
        };
        if keys(documented, ours) != keys(ours, documented) {
            self.differs(path, "order", "order");
        }
    }

    fn differs(&mut self, path: &str, documented: &str, ours: &str) {
        let known = self
            .known
            .iter()
            .find(|known| (known.0, known.1, known.2) == (path, documented, ours));
        match known {
            Some((path, ..)) => {
                self.used_here.insert(path);
            }
            None => self
                .found
                .push(format!("{path}: documented {documented}, ours {ours}")),
        }
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}
