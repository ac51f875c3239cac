//! The Pipeline schedules API: one test for every endpoint, and for every refusal that is documented.
//!
//! Elsewhere: what schedules do as time passes (`slots`), the examples of the documentation (`documented_schedules`),
//! what a cron line means (the crate's own tests), tokens, scopes and bodies that are wrong whatever they are for
//! (`errors`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fake_buildkite::{Access, FakeBuildkite, Route, days, hours};

use crate::pipelines::{ALL, APP, assert_refused, start};
use crate::support::{Answer, Client, Json, client, world};

pub(crate) const SCHEDULES: &str = "/organizations/acme/pipelines/app/schedules";

#[track_caller]
pub(crate) fn create(client: &Client, body: &str) -> Json {
    client.post(SCHEDULES, body).expect(201)
}

pub(crate) fn path_of(schedule: &Json) -> String {
    format!("{SCHEDULES}/{}", schedule["id"].str())
}

fn labels(list: &Answer) -> Vec<String> {
    let list = list.expect(200);
    let labels = list.items().iter().map(|one| one["label"].str().to_owned());
    labels.collect()
}

// --- One endpoint after the other ------------------------------------------------------------------------------------

#[test]
fn schedules_are_listed_newest_first_page_by_page() {
    // Given 35 schedules of a pipeline, and one of another
    let (fake, client) = start();
    let app = fake.pipeline("app").create();
    fake.pipeline("other").create().schedule("@daily").create();
    assert_eq!(client.get(SCHEDULES).expect(200).items(), []);
    for n in 1..=35 {
        app.schedule("@daily").label(n.to_string()).create();
    }
    // Then the newest 30 are on the first page, and the rest on the second
    let first = client.get(SCHEDULES);
    let expected: Vec<_> = (6..=35).rev().map(|n: i32| n.to_string()).collect();
    assert_eq!(labels(&first), expected);
    let url = format!("{}/v2{SCHEDULES}", fake.url());
    let next = format!("<{url}?page=2>; rel=\"next\", <{url}?page=2>; rel=\"last\"");
    assert_eq!(first.header("link"), Some(next.as_str()));
    let second = client.get(&format!("{SCHEDULES}?page=2"));
    assert_eq!(labels(&second), ["5", "4", "3", "2", "1"]);
    let small = client.get(&format!("{SCHEDULES}?per_page=2&page=3"));
    assert_eq!(labels(&small), ["31", "30"]);
    // And each is the same alone.
    let one = &first.json()[0];
    assert_eq!(client.get(&path_of(one)).expect(200), *one);
}

#[test]
fn a_schedule_is_what_was_sent() {
    let (fake, client) = start();
    fake.pipeline("app").create();
    let body = r#"{"label":"Nightly build","cronline":" 30 2 * * 1-5 Australia/Melbourne","message":"Build it","commit":"abc",
        "branch":"release","env":{"B":"1","A":true,"N":7},"enabled":true,"unknown":{"key":1}}"#;
    let created = create(&client, body);
    let path = path_of(&created);
    assert_eq!(client.get(&path).expect(200), created);
    for (field, expected) in [
        ("label", "Nightly build"),
        ("cronline", " 30 2 * * 1-5 Australia/Melbourne"),
        ("message", "Build it"),
        ("commit", "abc"),
        ("branch", "release"),
        ("next_build_at", "2030-01-01T15:30:00.000Z"),
        ("created_at", "2030-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(created[field].str(), expected, "{field}");
    }
    let env: Vec<_> = created["env"].entries().iter().collect();
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.str()))
        .collect();
    assert_eq!(env, [("B", "1"), ("A", "true"), ("N", "7")]);
    assert!(created["enabled"].bool());
    let id = created["id"].str();
    let decoded = STANDARD
        .decode(created["graphql_id"].str())
        .expect("base64");
    assert_eq!(decoded, format!("PipelineSchedule---{id}").as_bytes());
    assert_eq!(created["url"].str(), format!("{}/v2{path}", fake.url()));
    // Its pipeline and its creator are those that are shown elsewhere.
    let pipeline = client.get(APP).expect(200);
    assert_eq!(created["pipeline"].keys(), ["id", "slug", "url"]);
    for key in ["id", "slug", "url"] {
        assert_eq!(created["pipeline"][key], pipeline[key]);
    }
    assert_eq!(created["created_by"], client.get("/user").expect(200));
    // The handle is the same thing.
    let handle = &fake.existing_pipeline("app").schedules()[0];
    assert_eq!(handle.id().to_string(), id);
    assert_eq!(handle.label().as_deref(), Some("Nightly build"));
    assert_eq!(
        format!("{handle:?}"),
        "ScheduleHandle(app schedule Nightly build)"
    );
}

#[test]
fn a_schedule_that_says_only_when_has_defaults() {
    let (fake, client) = start();
    fake.pipeline("app").default_branch("trunk").create();
    let none = r#"{"cronline":"@daily","label":null,"message":"","commit":" ","branch":null,"env":null,"enabled":null}"#;
    for body in [r#"{"cronline":"@daily"}"#, none] {
        let created = create(&client, body);
        assert!(created["label"].is_null() && created["message"].is_null());
        assert_eq!(created["commit"].str(), "HEAD");
        assert_eq!(created["branch"].str(), "trunk");
        assert_eq!(created["env"].entries(), []);
        assert!(created["enabled"].bool());
        assert_eq!(created["next_build_at"].str(), "2030-01-02T00:00:00.000Z");
        assert!(created["failed_message"].is_null() && created["failed_at"].is_null());
    }
    let off = create(&client, r#"{"cronline":"@daily","enabled":false}"#);
    assert!(!off["enabled"].bool() && off["next_build_at"].is_null());
    // The branch stays what it was when the pipeline gets another default branch.
    client
        .patch(APP, r#"{"default_branch":"main"}"#)
        .expect(200);
    assert_eq!(
        client.get(&path_of(&off)).expect(200)["branch"].str(),
        "trunk"
    );
}

/// Changes, one after the other, and what each does to the fields.
const CHANGES: [(&str, &[(&str, &str)]); 13] = [
    (r#"{"label":"Hourly"}"#, &[("label", "\"Hourly\"")]),
    (
        r#"{"cronline":"@hourly"}"#,
        &[
            ("cronline", "\"@hourly\""),
            ("next_build_at", "\"2030-01-01T01:00:00.000Z\""),
        ],
    ),
    (r#"{"message":"Now"}"#, &[("message", "\"Now\"")]),
    (r#"{"commit":"abc"}"#, &[("commit", "\"abc\"")]),
    (r#"{"branch":"b"}"#, &[("branch", "\"b\"")]),
    (r#"{"env":{"C":"3"}}"#, &[("env", r#"{"C":"3"}"#)]),
    (r#"{"enabled":true}"#, &[]),
    (
        r#"{"enabled":false}"#,
        &[("enabled", "false"), ("next_build_at", "null")],
    ),
    (r#"{"cronline":"@weekly"}"#, &[("cronline", "\"@weekly\"")]),
    (
        r#"{"enabled":true,"env":{}}"#,
        &[
            ("enabled", "true"),
            ("next_build_at", "\"2030-01-06T00:00:00.000Z\""),
            ("env", "{}"),
        ],
    ),
    ("", &[]),
    (r#"{"enabled":null,"unknown":1}"#, &[]),
    (
        r#"{"label":null,"message":"","commit":null,"branch":" ","env":null}"#,
        &[
            ("label", "null"),
            ("message", "null"),
            ("commit", "\"HEAD\""),
            ("branch", "\"main\""),
        ],
    ),
];

#[test]
fn an_update_changes_what_is_sent_and_nothing_else_with_put_as_with_patch() {
    let told: Vec<_> = ["PUT", "PATCH"]
        .map(|method| {
            let fake = FakeBuildkite::builder().origin("http://fake.test").start();
            fake.pipeline("app").create();
            let client = client(&fake);
            let mut schedule = create(
                &client,
                r#"{"cronline":"@daily","label":"Nightly","env":{"A":"1","B":"2"}}"#,
            );
            let path = path_of(&schedule);
            let mut told = String::new();
            for (body, changes) in CHANGES {
                let answer = client.send(method, &path, &[], Some(body));
                let Json::Object(mut expected) = schedule else {
                    panic!("an object")
                };
                for (key, value) in &mut expected {
                    if let Some((_, new)) = changes.iter().find(|(field, _)| field == key) {
                        *value = serde_json::from_str(new).expect("JSON");
                    }
                }
                schedule = answer.expect(200);
                assert_eq!(schedule, Json::Object(expected), "{body}");
                assert_eq!(client.get(&path).expect(200), schedule);
                told.push_str(&answer.text);
            }
            fake.requests()
                .to(Route::UpdateSchedule)
                .assert_count(CHANGES.len());
            told
        })
        .into();
    assert_eq!(told[0], told[1]);
}

#[test]
fn a_deleted_schedule_makes_no_more_builds_and_leaves_those_it_made() {
    let (fake, client) = start();
    fake.pipeline("app").create();
    let schedule = create(&client, r#"{"cronline":"@daily"}"#);
    fake.advance(days(2));
    let deleted = client.delete(&path_of(&schedule));
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    for answer in [
        client.get(&path_of(&schedule)),
        client.patch(&path_of(&schedule), "{}"),
        client.delete(&path_of(&schedule)),
    ] {
        assert_refused(&answer, 404, "No pipeline schedule found");
    }
    assert_eq!(client.get(SCHEDULES).expect(200).items(), []);
    fake.advance(days(30));
    assert_eq!(fake.existing_pipeline("app").builds().len(), 2);
}

#[test]
fn a_renamed_pipeline_takes_its_schedules_along_and_a_deleted_one_has_none() {
    let (fake, client) = start();
    let app = fake.pipeline("app").create();
    let schedule = create(&client, r#"{"cronline":"@daily"}"#);
    let cached = client.get(SCHEDULES);
    // When the pipeline gets another name
    client.patch(APP, r#"{"name":"Site"}"#).expect(200);
    // Then every URL follows, and no client keeps an old answer
    let id = schedule["id"].str();
    let path = format!("{ALL}/site/schedules/{id}");
    let moved = client.get(&path).expect(200);
    assert_eq!(moved["url"].str(), format!("{}/v2{path}", fake.url()));
    assert_eq!(moved["pipeline"]["slug"].str(), "site");
    assert_refused(&client.get(&path_of(&schedule)), 404, "No pipeline found");
    fake.pipeline("app").create();
    let refused = client.get(&path_of(&schedule));
    assert_refused(&refused, 404, "No pipeline schedule found");
    assert_ne!(
        client.get(&format!("{ALL}/site/schedules")).text,
        cached.text
    );
    fake.advance(days(1));
    assert_eq!(app.builds().len(), 1);
    // When it is deleted, nothing comes due any more
    client.delete(&format!("{ALL}/site"));
    assert!(fake.advance(days(30)).is_empty());
}

#[test]
fn an_answer_is_new_when_the_schedule_is_and_not_when_builds_move() {
    let (fake, client) = start();
    let app = fake.pipeline("app").create();
    app.schedule("@daily").create();
    let etag = |list: &Answer| list.header("etag").expect("an ETag").to_owned();
    let first = etag(&client.get(SCHEDULES));
    let again = |etag: &str| {
        client
            .send("GET", SCHEDULES, &[("if-none-match", etag)], None)
            .status
    };
    app.create_build();
    fake.run_until_idle();
    assert_eq!(again(&first), 304);
    fake.advance(days(1));
    assert_eq!(again(&first), 200, "it has another next build");
}

// --- What is refused -------------------------------------------------------------------------------------------------

#[test]
fn what_is_wrong_is_said_in_one_sentence_and_nothing_changes() {
    let (fake, client) = start();
    fake.pipeline("app").create();
    let schedule = create(&client, r#"{"cronline":"@daily","label":"Nightly"}"#);
    let path = path_of(&schedule);
    let before = world(&fake, &["acme"]);
    let words = "@hourly, @daily, @midnight, @weekly, @monthly and @yearly";
    let seven = "minute, hour, day of month, month, day of week and, optionally, a time zone are expected, and it has 7 parts";
    for (body, reason) in [
        (r#"{"cronline":""}"#, "Cronline can't be blank".to_owned()),
        (r#"{"cronline":null}"#, "Cronline can't be blank".to_owned()),
        (r#"{"cronline":" \t"}"#, "Cronline can't be blank".to_owned()),
        (r#"{"cronline":7}"#, "Cronline is invalid".to_owned()),
        (
            r#"{"cronline":"@often"}"#,
            format!("Cronline is invalid: `@often` is not one of {words}"),
        ),
        (
            r#"{"cronline":"1 2 3 4 5 UTC x"}"#,
            format!("Cronline is invalid: {seven}"),
        ),
        (
            r#"{"cronline":"~ 0 * * *"}"#,
            "Cronline is invalid: `~` is not supported".to_owned(),
        ),
        (
            r#"{"cronline":"0 0 30 2 *"}"#,
            "Cronline is invalid: it never comes due".to_owned(),
        ),
        (
            r#"{"cronline":"*/9 * * * *"}"#,
            "Cronline is too frequent: intervals under 10 minutes are not supported".to_owned(),
        ),
        (
            r#"{"cronline":"@daily","label":7}"#,
            "Label is invalid".to_owned(),
        ),
        (
            r#"{"cronline":"@daily","enabled":"yes"}"#,
            "Enabled is invalid".to_owned(),
        ),
        (
            r#"{"cronline":"@daily","env":["A"]}"#,
            "Env is invalid".to_owned(),
        ),
        (
            r#"{"cronline":"~ 0 * * *","commit":[],"message":{},"branch":true,"label":1}"#,
            "Cronline is invalid: `~` is not supported, Label is invalid, Message is invalid, Commit is invalid, \
             Branch is invalid"
                .to_owned(),
        ),
    ] {
        let message = format!("Validation failed: {reason}");
        for answer in [
            client.post(SCHEDULES, body),
            client.put_body(&path, body),
            client.patch(&path, body),
        ] {
            assert_refused(&answer, 422, &message);
        }
    }
    // Only a new one has to have a line.
    for body in ["", "{}", r#"{"label":"x"}"#] {
        let answer = client.post(SCHEDULES, body);
        assert_refused(&answer, 422, "Validation failed: Cronline can't be blank");
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_schedule_is_only_found_where_it_is() {
    let (fake, client) = start();
    fake.pipeline("app").create();
    let other = fake.pipeline("other").create().schedule("@daily").create();
    let before = world(&fake, &["acme"]);
    let unknown = "b3a1e9f2-7c4d-4f1a-9e6c-2d8a5f7b1c3d".to_owned();
    for id in [
        other.id().to_string(),
        unknown,
        "1".to_owned(),
        "nightly".to_owned(),
    ] {
        let path = format!("{SCHEDULES}/{id}");
        for answer in [
            client.get(&path),
            client.put_body(&path, "{"),
            client.patch(&path, r#"{"label":"x"}"#),
            client.delete(&path),
        ] {
            assert_refused(&answer, 404, "No pipeline schedule found");
        }
    }
    let nowhere = format!("{ALL}/none/schedules");
    assert_refused(&client.get(&nowhere), 404, "No pipeline found");
    assert_refused(&client.post(&nowhere, "{"), 404, "No pipeline found");
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn the_schedules_of_an_archived_pipeline_can_be_looked_at_and_deleted() {
    let (fake, client) = start();
    let app = fake.pipeline("app").create();
    let schedule = create(&client, r#"{"cronline":"@daily"}"#);
    app.archive();
    let before = world(&fake, &["acme"]);
    let path = path_of(&schedule);
    for refused in [
        client.post(SCHEDULES, r#"{"cronline":"@daily"}"#),
        client.put_body(&path, r#"{"enabled":false}"#),
        client.patch(&path, "{}"),
    ] {
        assert_refused(&refused, 422, "Cannot update an archived pipeline");
    }
    assert_eq!(world(&fake, &["acme"]), before);
    assert_eq!(client.get(&path).expect(200), schedule);
    assert_eq!(client.delete(&path).status, 204);
    assert!(app.schedules().is_empty());
}

#[test]
fn who_may_not_manage_a_pipeline_may_only_look_at_its_schedules() {
    for access in [Access::ReadOnly, Access::BuildAndRead] {
        let (fake, client) = start();
        let app = fake.pipeline("app").access(access).create();
        let id = app.schedule("@daily").create().id();
        let path = format!("{SCHEDULES}/{id}");
        let before = world(&fake, &["acme"]);
        for refused in [
            client.post(SCHEDULES, "{"),
            client.put_body(&path, "{"),
            client.patch(&path, r#"{"enabled":false}"#),
            client.delete(&path),
        ] {
            assert_refused(&refused, 403, "Forbidden");
        }
        assert_eq!(world(&fake, &["acme"]), before);
        client.get(SCHEDULES).expect(200);
        client.get(&path).expect(200);
        // It makes its builds all the same.
        fake.advance(days(1) + hours(1));
        assert_eq!(app.builds().len(), 1);
    }
}
