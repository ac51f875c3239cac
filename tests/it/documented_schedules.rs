//! The examples of Buildkite's "Pipeline schedules API" document: the same requests at the same instant, and the same
//! answers but for ids and people.

use fake_buildkite::FakeBuildkite;

use crate::support::{Json, client};

/// The example of every answer, but for two fields of the update.
const EXAMPLE: &str = r#"{
  "id": "b3a1e9f2-7c4d-4f1a-9e6c-2d8a5f7b1c3d",
  "graphql_id": "UGlwZWxpbmVTY2hlZHVsZS0tLWIzYTFlOWYyLTdjNGQtNGYxYS05ZTZjLTJkOGE1ZjdiMWMzZA==",
  "url": "https://api.buildkite.com/v2/organizations/acme-inc/pipelines/my-pipeline/schedules/b3a1e9f2-7c4d-4f1a-9e6c-2d8a5f7b1c3d",
  "label": "Nightly build",
  "cronline": "@daily",
  "message": "Nightly scheduled build",
  "commit": "HEAD",
  "branch": "main",
  "env": {
    "DEPLOY_ENV": "staging"
  },
  "enabled": true,
  "next_build_at": "2024-01-02T00:00:00.000Z",
  "failed_message": null,
  "failed_at": null,
  "created_at": "2024-01-01T12:00:00.000Z",
  "created_by": {
    "id": "3d3c3bf0-7d58-4afe-8fe7-b3017d5504de",
    "graphql_id": "VXNlci0tLTNkM2MzYmYwLTdkNTgtNGFmZS04ZmU3LWIzMDE3ZDU1MDRkZQo=",
    "name": "Sam Kim",
    "email": "sam@example.com",
    "avatar_url": "https://www.gravatar.com/avatar/example",
    "created_at": "2013-05-03T04:17:55.867Z"
  },
  "pipeline": {
    "id": "9d1d1e9c-5e8f-4f9a-9b0c-1a2b3c4d5e6f",
    "slug": "my-pipeline",
    "url": "https://api.buildkite.com/v2/organizations/acme-inc/pipelines/my-pipeline"
  }
}"#;

const CREATE: &str = r#"{
  "label": "Nightly build",
  "cronline": "@daily",
  "message": "Nightly scheduled build",
  "commit": "HEAD",
  "branch": "main",
  "env": {
    "DEPLOY_ENV": "staging"
  },
  "enabled": true
}"#;

const UPDATE: &str = r#"{
  "cronline": "@hourly",
  "enabled": false
}"#;

/// What is of each fake's own: ids, and what is known of people.
const OWN: [&str; 7] = [
    "id",
    "graphql_id",
    "created_by.id",
    "created_by.graphql_id",
    "created_by.avatar_url",
    "created_by.created_at",
    "pipeline.id",
];

#[test]
fn every_example_is_answered_as_documented() {
    let fake = FakeBuildkite::builder()
        .organization("acme-inc")
        .user("Sam Kim", "sam@example.com")
        .starting_at("2024-01-01T12:00:00Z")
        .origin("https://api.buildkite.com")
        .start();
    fake.pipeline("My Pipeline").create();
    let client = client(&fake);
    let schedules = "/organizations/acme-inc/pipelines/my-pipeline/schedules";

    // Create, list, get
    let created = client.post(schedules, CREATE).expect(201);
    compare(&created, EXAMPLE);
    let list = client.get(schedules).expect(200);
    assert_eq!(list.items(), std::slice::from_ref(&created));
    let path = format!("{schedules}/{}", created["id"].str());
    assert_eq!(client.get(&path).expect(200), created);

    // Update
    let updated = client.put_body(&path, UPDATE).expect(200);
    let example = EXAMPLE
        .replace("@daily", "@hourly")
        .replace("true", "false")
        .replace("\"2024-01-02T00:00:00.000Z\"", "null");
    compare(&updated, &example);

    // Delete
    let deleted = client.delete(&path);
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
}

/// The same keys in the same order, and the same values but for what is each fake's own.
#[track_caller]
fn compare(ours: &Json, example: &str) {
    let documented: Json = serde_json::from_str(example).expect("the example is JSON");
    let of_example = documented["id"].str();
    let url = documented["url"].str();
    let url = url.replace(of_example, ours["id"].str());
    let flat = |json: &Json| -> Vec<(String, String)> {
        let mut flat = Vec::new();
        flatten("", json, &mut flat);
        flat
    };
    let (documented, ours) = (flat(&documented), flat(ours));
    let keys = |flat: &[(String, String)]| -> Vec<String> {
        flat.iter().map(|(key, _)| key.clone()).collect()
    };
    assert_eq!(keys(&documented), keys(&ours));
    for ((key, documented), (_, ours)) in documented.iter().zip(&ours) {
        let is_text = |value: &str| value.starts_with('"');
        if OWN.contains(&key.as_str()) {
            assert!(is_text(documented) && is_text(ours), "{key}: {ours}");
        } else if key == "url" {
            assert_eq!(*ours, format!("{url:?}"));
        } else {
            assert_eq!(documented, ours, "{key}");
        }
    }
}

/// Every value that is no object, by its path.
fn flatten(path: &str, json: &Json, flat: &mut Vec<(String, String)>) {
    let Json::Object(entries) = json else {
        flat.push((path.to_owned(), format!("{json:?}")));
        return;
    };
    for (key, value) in entries {
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        flatten(&path, value, flat);
    }
}
