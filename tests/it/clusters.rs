//! The Clusters API, with agent tokens and maintainers: one test for every endpoint, and for every refusal.
//!
//! Elsewhere: queues and what they do to jobs (`queues`), recorded answers (`recorded`), tokens, scopes and the order
//! of checks (`errors`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fake_buildkite::{Agents, FakeBuildkite, Route, Scope, agent, minutes};

use crate::pipelines::{APP, assert_refused, assert_wrong};
use crate::support::{Client, Json, client, world};

pub(crate) const CLUSTERS: &str = "/organizations/acme/clusters";

const KEYS: [&str; 14] = [
    "id",
    "graphql_id",
    "default_queue_id",
    "name",
    "description",
    "emoji",
    "color",
    "maintainers",
    "url",
    "web_url",
    "queues_url",
    "default_queue_url",
    "created_at",
    "created_by",
];

/// A fake with the cluster `Linux`, which has no queue, and the cluster's path.
fn linux() -> (FakeBuildkite, Client, String) {
    let fake = FakeBuildkite::start();
    let id = fake.cluster("Linux").without_queues().create().id();
    let client = client(&fake);
    (fake, client, format!("{CLUSTERS}/{id}"))
}

fn id_of(json: &Json) -> &str {
    json["id"].str()
}

fn decoded(json: &Json) -> String {
    let bytes = STANDARD.decode(json["graphql_id"].str()).expect("base64");
    String::from_utf8(bytes).expect("text")
}

fn names(list: &Json) -> Vec<&str> {
    list.items().iter().map(|one| one["name"].str()).collect()
}

fn invalid(reasons: &str) -> String {
    format!("Validation failed: {reasons}")
}

const UNKNOWN: &str = "42f1a7da-812d-4430-93d8-1cc7c33a6bcf";

// --- Clusters --------------------------------------------------------------------------------------------------------

#[test]
fn clusters_are_listed_oldest_first_page_by_page() {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    assert_eq!(client.get(CLUSTERS).expect(200).items(), []);
    for n in 1..=3 {
        fake.cluster(format!("c{n}")).create();
    }
    assert_eq!(names(&client.get(CLUSTERS).expect(200)), ["c1", "c2", "c3"]);
    let page = client.get(&format!("{CLUSTERS}?per_page=2&page=2"));
    assert_eq!(names(&page.expect(200)), ["c3"]);
    assert!(
        page.header("link")
            .is_some_and(|link| link.contains("rel=\"first\""))
    );
    // Each is the same alone.
    let one = &page.json()[0];
    let alone = client.get(&format!("{CLUSTERS}/{}", id_of(one)));
    assert_eq!(alone.expect(200), *one);
}

#[test]
fn a_cluster_is_what_was_sent() {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    let user = client.get("/user").expect(200);
    let body = format!(
        r##"{{"name":"Open Source","description":"A place","emoji":":technologist:","color":"#FFE0F1",
        "maintainers":[{{"user":"{0}"}},{{"user":"{0}"}}],"hosted_git_mirror_enabled":true,"unknown":1}}"##,
        id_of(&user)
    );
    let created = client.post(CLUSTERS, &body).expect(201);
    assert_eq!(created.keys(), KEYS);
    for (field, expected) in [
        ("name", "Open Source"),
        ("description", "A place"),
        ("emoji", ":technologist:"),
        ("color", "#FFE0F1"),
        ("created_at", "2030-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(created[field].str(), expected, "{field}");
    }
    // It has no queue: only one that is made in the browser does.
    assert!(created["default_queue_id"].is_null() && created["default_queue_url"].is_null());
    assert_eq!(created["created_by"], user);
    let id = id_of(&created);
    assert_eq!(decoded(&created), format!("Cluster---{id}"));
    let url = format!("{}/v2{CLUSTERS}/{id}", fake.url());
    assert_eq!(created["url"].str(), url);
    assert_eq!(created["queues_url"].str(), format!("{url}/queues"));
    let web_url = format!("{}/organizations/acme/clusters/{id}", fake.url());
    assert_eq!(created["web_url"].str(), web_url);
    // Somebody who is named twice is one maintainer.
    let maintainers = &created["maintainers"];
    assert_eq!(maintainers.keys(), ["users", "teams"]);
    assert_eq!(maintainers["users"].items().len(), 1);
    assert_eq!(maintainers["teams"].items(), []);
    let path = format!("{CLUSTERS}/{id}");
    assert_eq!(client.get(&path).expect(200), created);
    // The handle is the same thing.
    let handle = fake.existing_cluster("Open Source");
    assert_eq!(handle.id().to_string(), id);
    assert_eq!(handle.description().as_deref(), Some("A place"));
    assert_eq!(handle.maintainers()[0].id().to_string(), id_of(&user));
    assert_eq!(format!("{handle:?}"), "ClusterHandle(Open Source)");
    assert_eq!(fake.clusters().len(), 1);
}

#[test]
fn put_and_patch_change_what_they_name_and_leave_the_rest() {
    let (fake, client, path) = linux();
    let queue = fake.existing_cluster("Linux").add_queue("default").id();
    let mut last = client.get(&path).expect(200);
    let default_queue = format!("{{\"default_queue_id\":\"{queue}\"}}");
    let queue_url = format!("\"{}/v2{path}/queues/{queue}\"", fake.url());
    for (body, changes) in [
        (r#"{"name":"Penguins"}"#, &[("name", "\"Penguins\"")][..]),
        (r#"{"description":"Text"}"#, &[("description", "\"Text\"")]),
        (r#"{"description":null}"#, &[("description", "null")]),
        (r#"{"description":""}"#, &[("description", "\"\"")]),
        (r#"{"emoji":"🐧"}"#, &[("emoji", "\"🐧\"")]),
        (r#"{"emoji":""}"#, &[("emoji", "null")]),
        (r##"{"color":"#fff"}"##, &[("color", "\"#fff\"")]),
        (r#"{"color":null}"#, &[("color", "null")]),
        (
            &default_queue,
            &[
                ("default_queue_id", &format!("\"{queue}\"")),
                ("default_queue_url", &queue_url),
            ],
        ),
        (
            r#"{"default_queue_id":null}"#,
            &[("default_queue_id", "null"), ("default_queue_url", "null")],
        ),
        (r#"{"name":null}"#, &[]),
        ("", &[]),
        (
            r#"{"hosted_git_mirror_enabled":false,"hosted_container_cache_enabled":false}"#,
            &[],
        ),
    ] {
        for method in ["PUT", "PATCH"] {
            let before = last.clone();
            let changed = client.send(method, &path, &[], Some(body)).expect(200);
            for ((key, now), (_, was)) in changed.entries().iter().zip(before.entries()) {
                let wanted = changes.iter().find(|(field, _)| field == key);
                let wanted = wanted.map(|(_, value)| serde_json::from_str(value).expect("JSON"));
                assert_eq!(
                    *now,
                    wanted.unwrap_or_else(|| was.clone()),
                    "{key} of {body}"
                );
            }
            assert_eq!(client.get(&path).expect(200), changed);
            last = changed;
        }
    }
    fake.requests().to(Route::UpdateCluster).assert_count(26);
}

#[test]
fn what_is_wrong_with_a_cluster_is_said_in_one_sentence_and_changes_nothing() {
    let (fake, client, path) = linux();
    let other = fake.cluster("Other").create();
    let foreign = other.queue("default").id();
    let before = world(&fake, &["acme"]);
    let foreign = format!(r#"{{"default_queue_id":"{foreign}"}}"#);
    let unknown = format!(r#"{{"default_queue_id":"{UNKNOWN}"}}"#);
    let of_both = [
        (r#"{"name":" "}"#, "Name can't be blank"),
        (r#"{"name":7}"#, "Name is invalid"),
        (r#"{"name":"Other"}"#, "Name has already been taken"),
        (r#"{"name":"n","emoji":"rocket"}"#, "Emoji is invalid"),
        (r#"{"name":"n","color":"red"}"#, "Color is invalid"),
        (
            r#"{"name":"","emoji":"rocket","color":"red"}"#,
            "Name can't be blank, Emoji is invalid, Color is invalid",
        ),
        (r#"{"name":"n","description":[]}"#, "Description is invalid"),
    ];
    for (body, reasons) in of_both {
        assert_refused(&client.post(CLUSTERS, body), 422, &invalid(reasons));
        assert_refused(&client.put_body(&path, body), 422, &invalid(reasons));
        assert_refused(&client.patch(&path, body), 422, &invalid(reasons));
    }
    for (body, reasons) in [
        ("", "Name can't be blank"),
        ("{}", "Name can't be blank"),
        (
            r#"{"name":"n","maintainers":"x"}"#,
            "Maintainers is invalid",
        ),
        (
            r#"{"name":"n","maintainers":[{}]}"#,
            "User or team must be specified",
        ),
        (
            r#"{"name":"n","maintainers":[{"user":"42f1a7da-812d-4430-93d8-1cc7c33a6bcf"}]}"#,
            "User must exist",
        ),
    ] {
        assert_refused(&client.post(CLUSTERS, body), 422, &invalid(reasons));
    }
    for (body, reasons) in [
        (foreign.as_str(), "Default queue must belong to the cluster"),
        (&unknown, "Default queue must belong to the cluster"),
        (r#"{"default_queue_id":"x"}"#, "Default queue is invalid"),
        (
            r#"{"hosted_git_mirror_enabled":true}"#,
            "Hosted git mirror enabled can only be changed on hosted clusters",
        ),
        (
            r#"{"hosted_container_cache_enabled":true}"#,
            "Hosted container cache enabled can only be changed on hosted clusters",
        ),
        (
            r#"{"hosted_git_mirror_enabled":"yes"}"#,
            "Hosted git mirror enabled is invalid",
        ),
    ] {
        assert_refused(&client.patch(&path, body), 422, &invalid(reasons));
    }
    assert_eq!(world(&fake, &["acme"]), before);
    // A cluster's own name is free to itself.
    client.patch(&path, r#"{"name":"Linux"}"#).expect(200);
}

#[test]
fn a_name_is_used_once_in_an_organization_and_a_cluster_is_found_where_it_is() {
    let builder = FakeBuildkite::builder().organization("a").organization("b");
    let fake = builder.start();
    let client = client(&fake);
    let body = r#"{"name":"Linux"}"#;
    let of_a = client.post("/organizations/a/clusters", body).expect(201);
    let of_b = client.post("/organizations/b/clusters", body).expect(201);
    let before = world(&fake, &["a", "b"]);
    for (place, wrong) in [
        ("a", id_of(&of_b)),
        ("b", id_of(&of_a)),
        ("a", UNKNOWN),
        ("a", "x"),
    ] {
        let path = format!("/organizations/{place}/clusters/{wrong}");
        for path in [
            path.clone(),
            format!("{path}/queues"),
            format!("{path}/tokens"),
            format!("{path}/maintainers"),
        ] {
            assert_refused(&client.get(&path), 404, "No cluster found");
        }
        assert_refused(&client.delete(&path), 404, "No cluster found");
        assert_refused(&client.patch(&path, "{}"), 404, "No cluster found");
    }
    assert_eq!(world(&fake, &["a", "b"]), before);
}

#[test]
fn a_cluster_goes_with_its_queues_and_tokens() {
    let (fake, client, path) = linux();
    let cluster = fake.existing_cluster("Linux");
    let queue = cluster.add_queue("default");
    cluster.set_default_queue(&queue);
    cluster.add_token("a");
    let user = client.get("/user").expect(200);
    let body = format!(r#"{{"user":"{}"}}"#, id_of(&user));
    client
        .post(&format!("{path}/maintainers"), &body)
        .expect(201);
    let deleted = client.delete(&path);
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_refused(&client.get(&path), 404, "No cluster found");
    assert!(fake.clusters().is_empty());
    assert_eq!(
        format!("{cluster:?} {queue:?}"),
        "ClusterHandle(gone) QueueHandle(gone)"
    );
    // Its name is free again.
    client.post(CLUSTERS, r#"{"name":"Linux"}"#).expect(201);
}

#[test]
fn a_cluster_that_is_used_stays() {
    let fleet = Agents::fleet([agent("a").cluster_queue("Macs", "default")]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let client = client(&fake);
    let macs = fake.existing_cluster("Macs");
    let path = format!("{CLUSTERS}/{}", macs.id());
    let app = fake.pipeline("app").cluster(&macs).create();
    let build = app.create_build();
    let refused = |why: &str| {
        let before = world(&fake, &["acme"]);
        let message = format!("Cluster can't be deleted because it has {why}");
        assert_refused(&client.delete(&path), 422, &message);
        assert_eq!(world(&fake, &["acme"]), before);
    };
    refused("pipelines");
    client.patch(APP, r#"{"cluster_id":null}"#).expect(200);
    refused("builds that are not finished");
    build.cancel();
    refused("connected agents");
}

#[test]
fn a_finished_build_does_not_name_a_cluster_that_is_gone() {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    let linux = fake.cluster("Linux").create();
    fake.pipeline("app").cluster(&linux).create_build();
    fake.run_until_idle();
    let before = client.build("app", 1);
    assert_eq!(before["cluster_id"].str(), linux.id().to_string());
    client.patch(APP, r#"{"cluster_id":null}"#).expect(200);
    linux.delete();
    let after = client.build("app", 1);
    assert!(after["cluster_id"].is_null() && after["cluster_url"].is_null());
    let job = &after["jobs"][0];
    assert!(job["cluster_id"].is_null() && job["cluster_queue_id"].is_null());
}

#[test]
fn a_body_that_is_no_object_is_refused_everywhere() {
    let (fake, client, path) = linux();
    let cluster = fake.existing_cluster("Linux");
    let queue = format!("{path}/queues/{}", cluster.add_queue("default").id());
    cluster.add_token("a");
    let token = format!("{path}/tokens/{}", cluster.tokens()[0].id);
    let before = world(&fake, &["acme"]);
    for (method, path) in [
        ("POST", CLUSTERS.to_owned()),
        ("PUT", path.clone()),
        ("PATCH", path.clone()),
        ("POST", format!("{path}/queues")),
        ("PUT", queue.clone()),
        ("PATCH", queue.clone()),
        ("POST", format!("{queue}/pause_dispatch")),
        ("POST", format!("{queue}/resume_dispatch")),
        ("POST", format!("{path}/tokens")),
        ("PUT", token.clone()),
        ("PATCH", token),
        ("POST", format!("{path}/maintainers")),
    ] {
        for body in ["{", "[]", "7", "name=Linux"] {
            let answer = client.send(method, &path, &[], Some(body));
            let message = answer.message(400);
            assert!(
                message.starts_with("Invalid JSON"),
                "{method} {path}: {message}"
            );
        }
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn an_etag_is_the_one_of_what_is_shown() {
    let (fake, client, path) = linux();
    let cluster = fake.existing_cluster("Linux");
    let deploy = cluster.add_queue("deploy");
    let app = fake.pipeline("app").cluster(&cluster).create();
    app.create_build();
    let of_queue = format!("{path}/queues/{}", deploy.id());
    let of_job = "/organizations/acme/pipelines/app/builds/1";
    let tag = |path: &str| client.get(path).header("etag").expect("one").to_owned();
    let unchanged = |path: &str, tag: &str| {
        let answer = client.send("GET", path, &[("if-none-match", tag)], None);
        answer.status == 304
    };
    let (cluster_tag, queue_tag, job_tag) = (tag(&path), tag(&of_queue), tag(of_job));
    assert!(unchanged(&path, &cluster_tag) && unchanged(&of_queue, &queue_tag));
    // What a queue does is its own affair.
    deploy.pause();
    assert!(unchanged(&path, &cluster_tag) && unchanged(of_job, &job_tag));
    assert!(!unchanged(&of_queue, &queue_tag));
    // A default queue is shown by the cluster, and by the jobs that wait in it.
    cluster.set_default_queue(&deploy);
    assert!(!unchanged(&path, &cluster_tag) && !unchanged(of_job, &job_tag));
}

// --- Pipelines -------------------------------------------------------------------------------------------------------

#[test]
fn a_pipeline_is_in_a_cluster_of_its_organization_or_in_none() {
    let (fake, client, path) = linux();
    let id = fake.existing_cluster("Linux").id();
    fake.pipeline("app").create();
    let of_other = FakeBuildkite::builder().seed(1).start();
    let foreign = of_other.cluster("Linux").create().id();
    let before = world(&fake, &["acme"]);
    for wrong in [UNKNOWN, &foreign.to_string(), "x"] {
        let answer = client.patch(APP, &format!(r#"{{"cluster_id":"{wrong}"}}"#));
        assert_wrong(&answer, &["cluster_id"]);
        let body = format!(
            r#"{{"name":"new","repository":"r","configuration":"steps: []","cluster_id":"{wrong}"}}"#
        );
        let answer = client.post("/organizations/acme/pipelines", &body);
        assert_wrong(&answer, &["cluster_id"]);
    }
    assert_eq!(world(&fake, &["acme"]), before);
    let moved = client.patch(APP, &format!(r#"{{"cluster_id":"{id}"}}"#));
    let moved = moved.expect(200);
    assert_eq!(moved["cluster_id"].str(), id.to_string());
    assert_eq!(
        moved["cluster_url"].str(),
        format!("{}/v2{path}", fake.url())
    );
    // Nothing is as good as none, and clients send it.
    let back = client.patch(APP, r#"{"cluster_id":""}"#).expect(200);
    assert!(back["cluster_id"].is_null() && back["cluster_url"].is_null());
}

// --- Agent tokens ----------------------------------------------------------------------------------------------------

const TOKEN_KEYS: [&str; 9] = [
    "id",
    "graphql_id",
    "description",
    "url",
    "cluster_url",
    "created_at",
    "created_by",
    "allowed_ip_addresses",
    "expires_at",
];

#[test]
fn a_token_tells_its_value_once() {
    let (fake, client, path) = linux();
    let tokens = format!("{path}/tokens");
    assert_eq!(client.get(&tokens).expect(200).items(), []);
    let body = r#"{"description":"Windows agents","expires_at":"2031-01-01T02:00:00+02:00","allowed_ip_addresses":"202.144.0.0/24"}"#;
    let created = client.post(&tokens, body).expect(201);
    let mut keys = TOKEN_KEYS.to_vec();
    keys.insert(7, "token");
    assert_eq!(created.keys(), keys);
    let value = created["token"].str();
    assert_eq!(value.len(), 24);
    assert!(value.chars().all(|c| c.is_ascii_alphanumeric()), "{value}");
    for (field, expected) in [
        ("description", "Windows agents"),
        ("allowed_ip_addresses", "202.144.0.0/24"),
        ("expires_at", "2031-01-01T00:00:00Z"),
        ("created_at", "2030-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(created[field].str(), expected, "{field}");
    }
    let id = id_of(&created);
    assert_eq!(decoded(&created), format!("ClusterToken---{id}"));
    assert_eq!(
        created["cluster_url"].str(),
        format!("{}/v2{path}", fake.url())
    );
    assert_eq!(
        created["url"].str(),
        format!("{}/v2{tokens}/{id}", fake.url())
    );
    assert_eq!(created["created_by"], client.get("/user").expect(200));
    // From then on everything but its value is shown.
    let got = client.get(&format!("{tokens}/{id}")).expect(200);
    assert_eq!(got.keys(), TOKEN_KEYS);
    assert_eq!(
        client.get(&tokens).expect(200).items(),
        std::slice::from_ref(&got)
    );
    // Another has another, and one made by the test is shown in the same list.
    let value = value.to_owned();
    let other = fake.existing_cluster("Linux").add_token("Mine");
    assert!(other.len() == 24 && other != value);
    let listed = client
        .get(&format!("{tokens}?per_page=1&page=2"))
        .expect(200);
    assert_eq!(listed[0]["description"].str(), "Mine");
    assert!(listed[0]["expires_at"].is_null() && listed[0]["allowed_ip_addresses"].is_null());
    let records = fake.existing_cluster("Linux").tokens();
    assert_eq!(records[0].description, "Windows agents");
    assert_eq!(
        records[0].allowed_ip_addresses.as_deref(),
        Some("202.144.0.0/24")
    );
    assert!(records[0].expires_at.is_some() && records[1].expires_at.is_none());
}

#[test]
fn the_same_seed_makes_the_same_tokens() {
    let value = |seed| {
        let fake = FakeBuildkite::builder().seed(seed).start();
        fake.cluster("Linux").create().add_token("a")
    };
    assert_eq!(value(1), value(1));
    assert_ne!(value(1), value(2));
}

#[test]
fn a_token_can_be_changed_but_for_its_end_and_revoked() {
    let (_fake, client, path) = linux();
    let tokens = format!("{path}/tokens");
    let body = r#"{"description":"a","expires_at":"2031-01-01T00:00:00Z"}"#;
    let created = client.post(&tokens, body).expect(201);
    let token = format!("{tokens}/{}", id_of(&created));
    for (method, body, field, expected) in [
        ("PUT", r#"{"description":"b"}"#, "description", "b"),
        ("PATCH", r#"{"description":"c"}"#, "description", "c"),
        (
            "PATCH",
            r#"{"allowed_ip_addresses":"10.0.0.0/8 192.168.0.0/16"}"#,
            "allowed_ip_addresses",
            "10.0.0.0/8 192.168.0.0/16",
        ),
        ("PUT", "{}", "description", "c"),
        (
            "PUT",
            r#"{"expires_at":"2025-01-01T00:00:00Z"}"#,
            "expires_at",
            "2031-01-01T00:00:00Z",
        ),
    ] {
        let changed = client.send(method, &token, &[], Some(body)).expect(200);
        assert_eq!(changed.keys(), TOKEN_KEYS);
        assert_eq!(changed[field].str(), expected, "{body}");
        assert_eq!(client.get(&token).expect(200), changed);
    }
    let back = client.patch(&token, r#"{"allowed_ip_addresses":null}"#);
    assert!(back.expect(200)["allowed_ip_addresses"].is_null());
    let revoked = client.delete(&token);
    assert_eq!((revoked.status, revoked.text.as_str()), (204, ""));
    assert_refused(&client.get(&token), 404, "No cluster token found");
    assert_refused(&client.delete(&token), 404, "No cluster token found");
}

#[test]
fn what_is_wrong_with_a_token_changes_nothing() {
    let (fake, client, path) = linux();
    let tokens = format!("{path}/tokens");
    fake.existing_cluster("Linux").add_token("a");
    let token = client.get(&tokens).expect(200);
    let token = format!("{tokens}/{}", id_of(&token[0]));
    let elsewhere = fake.cluster("Other").create().id();
    let before = world(&fake, &["acme"]);
    for (body, reasons) in [
        (r#"{"description":" "}"#, "Description can't be blank"),
        (r#"{"description":7}"#, "Description is invalid"),
        (
            r#"{"description":"d","allowed_ip_addresses":"everywhere"}"#,
            "Allowed ip addresses is invalid",
        ),
        (
            r#"{"description":"","allowed_ip_addresses":"1.2.3.4/99"}"#,
            "Description can't be blank, Allowed ip addresses is invalid",
        ),
    ] {
        assert_refused(&client.post(&tokens, body), 422, &invalid(reasons));
        assert_refused(&client.patch(&token, body), 422, &invalid(reasons));
        assert_refused(&client.put_body(&token, body), 422, &invalid(reasons));
    }
    let empty = client.post(&tokens, "{}");
    assert_refused(&empty, 422, &invalid("Description can't be blank"));
    let never = client.post(&tokens, r#"{"description":"d","expires_at":"soon"}"#);
    assert_refused(&never, 422, &invalid("Expires at is invalid"));
    let id = token.rsplit('/').next().expect("an id");
    for path in [
        format!("{tokens}/{UNKNOWN}"),
        format!("{CLUSTERS}/{elsewhere}/tokens/{id}"),
    ] {
        assert_refused(&client.get(&path), 404, "No cluster token found");
        assert_refused(&client.patch(&path, "{}"), 404, "No cluster token found");
        assert_refused(&client.delete(&path), 404, "No cluster token found");
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

// --- Maintainers -----------------------------------------------------------------------------------------------------

#[test]
fn a_user_becomes_a_maintainer_and_stops_being_one() {
    let (fake, client, path) = linux();
    let maintainers = format!("{path}/maintainers");
    assert_eq!(client.get(&maintainers).expect(200).items(), []);
    let user = client.get("/user").expect(200);
    let body = format!(r#"{{"user":"{}"}}"#, id_of(&user));
    let added = client.post(&maintainers, &body).expect(201);
    assert_eq!(added.keys(), ["id", "actor"]);
    let actor = &added["actor"];
    assert_eq!(actor.keys(), ["id", "graphql_id", "name", "email", "type"]);
    for field in ["id", "graphql_id", "name", "email"] {
        assert_eq!(actor[field], user[field], "{field}");
    }
    assert_eq!(actor["type"].str(), "user");
    let one = format!("{maintainers}/{}", id_of(&added));
    assert_eq!(client.get(&one).expect(200), added);
    assert_eq!(
        client.get(&maintainers).expect(200).items(),
        std::slice::from_ref(&added)
    );
    let cluster = client.get(&path);
    assert_eq!(cluster.expect(200)["maintainers"]["users"][0], added);
    // Once is enough.
    let again = client.post(&maintainers, &body);
    assert_refused(&again, 422, &invalid("User has already been taken"));
    let removed = client.delete(&one);
    assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    assert_refused(&client.get(&one), 404, "No cluster maintainer found");
    assert_refused(&client.delete(&one), 404, "No cluster maintainer found");
    assert!(fake.existing_cluster("Linux").maintainers().is_empty());
    let etag = ("if-none-match", cluster.header("etag").expect("one"));
    let now = client.send("GET", &path, &[etag], None);
    assert_eq!(now.expect(200)["maintainers"]["users"].items(), []);
}

#[test]
fn who_cannot_maintain_is_refused() {
    let (fake, client, path) = linux();
    let maintainers = format!("{path}/maintainers");
    let before = world(&fake, &["acme"]);
    let unknown = |what| format!(r#"{{"{what}":"{UNKNOWN}"}}"#);
    for (body, reasons) in [
        ("", "User or team must be specified"),
        ("{}", "User or team must be specified"),
        (r#"{"user":null}"#, "User or team must be specified"),
        (&unknown("user"), "User must exist"),
        (&unknown("team"), "Team must exist"),
        (r#"{"user":"x"}"#, "User is invalid"),
        (r#"{"team":7}"#, "Team is invalid"),
    ] {
        assert_refused(&client.post(&maintainers, body), 422, &invalid(reasons));
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_team_becomes_a_maintainer_and_goes_with_itself() {
    let (fake, client, path) = linux();
    let maintainers = format!("{path}/maintainers");
    let ops = fake.team("Ops").create();
    let body = format!(r#"{{"team":"{}"}}"#, ops.id());
    let added = client.post(&maintainers, &body).expect(201);
    assert_eq!(added.keys(), ["id", "actor"]);
    let actor = &added["actor"];
    assert_eq!(actor.keys(), ["id", "graphql_id", "slug", "type"]);
    assert_eq!(id_of(actor), ops.id().to_string());
    assert_eq!(decoded(actor), format!("Team---{}", ops.id()));
    assert_eq!((actor["slug"].str(), actor["type"].str()), ("ops", "team"));
    let one = format!("{maintainers}/{}", id_of(&added));
    assert_eq!(client.get(&one).expect(200), added);
    let cluster = client.get(&path);
    // In its cluster a team has a name, too.
    let inside = &cluster.json()["maintainers"]["teams"][0];
    assert_eq!(inside["id"], added["id"]);
    let keys = ["id", "graphql_id", "name", "slug", "type"];
    assert_eq!(inside["actor"].keys(), keys);
    assert_eq!(inside["actor"]["name"].str(), "Ops");
    assert_eq!(cluster.json()["maintainers"]["users"].items(), []);
    let again = client.post(&maintainers, &body);
    assert_refused(&again, 422, &invalid("Team has already been taken"));
    // Renamed, it shows with its new slug: the tag of the cluster is another.
    let team = format!("/organizations/acme/teams/{}", ops.id());
    client.patch(&team, r#"{"name":"Run"}"#).expect(200);
    let etag = ("if-none-match", cluster.header("etag").expect("one"));
    let now = client.send("GET", &path, &[etag], None).expect(200);
    assert_eq!(now["maintainers"]["teams"][0]["actor"]["slug"].str(), "run");
    let handle = fake.existing_cluster("Linux");
    assert_eq!(handle.maintaining_teams()[0].id(), ops.id());
    assert_eq!(client.delete(&team).status, 204);
    assert_refused(&client.get(&one), 404, "No cluster maintainer found");
    assert!(handle.maintaining_teams().is_empty());
    // With the cluster itself, and named twice.
    let dev = fake.team("Dev").create().id();
    let body =
        format!(r#"{{"name":"Macs","maintainers":[{{"team":"{dev}"}},{{"team":"{dev}"}}]}}"#);
    let made = client.post(CLUSTERS, &body).expect(201);
    assert_eq!(made["maintainers"]["teams"].items().len(), 1);
}

#[test]
fn maintainers_are_members_and_teams_of_the_cluster_s_own_organization() {
    let fake = FakeBuildkite::builder().organization("acme").start();
    let linux = fake.cluster("Linux").create();
    let client = client(&fake);
    let other = fake.add_organization("globex");
    let foreign = other.team("Foreign").create();
    let eve = fake.add_user("Eve", "eve@example.com");
    let home = fake.existing_organization("acme");
    linux.add_maintainer(&eve);
    assert_eq!(linux.maintainers().len(), 1);
    // Who leaves maintains nothing any more, and cannot begin to.
    home.remove_member(&eve);
    assert!(linux.maintainers().is_empty());
    let before = world(&fake, &["acme", "globex"]);
    let maintainers = format!("{CLUSTERS}/{}/maintainers", linux.id());
    for (what, id, field) in [
        ("user", eve.id().to_string(), "User"),
        ("team", foreign.id().to_string(), "Team"),
    ] {
        let reason = invalid(&format!("{field} must exist"));
        let one = format!(r#"{{"{what}":"{id}"}}"#);
        assert_refused(&client.post(&maintainers, &one), 422, &reason);
        let new = format!(r#"{{"name":"New","maintainers":[{one}]}}"#);
        assert_refused(&client.post(CLUSTERS, &new), 422, &reason);
    }
    assert_eq!(world(&fake, &["acme", "globex"]), before);
}

#[test]
fn a_secret_team_that_maintains_is_shown_to_those_who_see_it() {
    let fake = FakeBuildkite::start();
    let linux = fake.cluster("Linux").create();
    let ada = fake.add_user("Ada", "ada@example.com");
    let hers = client(&fake).with_token(&fake.token_for(&ada, Scope::ALL.iter().copied()));
    let ops = fake.team("Ops").secret().create();
    let path = format!("{CLUSTERS}/{}", linux.id());
    let maintainers = format!("{path}/maintainers");
    let body = format!(r#"{{"team":"{}"}}"#, ops.id());
    // Who maintains a cluster is for administrators to say.
    assert_refused(&hers.post(&maintainers, &body), 403, "Forbidden");
    linux.add_maintaining_team(&ops);
    let admin = client(&fake);
    let one = admin.get(&maintainers).expect(200)[0]["id"]
        .str()
        .to_owned();
    let one = format!("{maintainers}/{one}");
    let counts = |client: &Client| {
        [
            client.get(&maintainers).expect(200).items().len(),
            client.get(&path).expect(200)["maintainers"]["teams"]
                .items()
                .len(),
        ]
    };
    assert_eq!((counts(&admin), counts(&hers)), ([1, 1], [0, 0]));
    for refused in [hers.get(&one), hers.delete(&one)] {
        assert_refused(&refused, 404, "No cluster maintainer found");
    }
    ops.add_member(&ada);
    assert_eq!(counts(&hers), [1, 1]);
    hers.get(&one).expect(200);
}

#[test]
#[should_panic(
    expected = "`ada@example.com` does not become a maintainer of cluster `Linux`: User has already been taken"
)]
fn nobody_maintains_a_cluster_twice() {
    let fake = FakeBuildkite::start();
    let linux = fake.cluster("Linux").create();
    let ada = fake.add_user("Ada", "ada@example.com");
    linux.add_maintainer(&ada);
    linux.add_maintainer(&ada);
}

// --- Handles ---------------------------------------------------------------------------------------------------------

#[test]
#[should_panic(expected = "no cluster `Windows`; this fake has `Linux`, `Macs`")]
fn a_cluster_that_is_not_there_names_those_that_are() {
    let fake = FakeBuildkite::start();
    fake.cluster("Linux").create();
    fake.cluster("Macs").create();
    let _ = fake.existing_cluster("Windows");
}

#[test]
#[should_panic(
    expected = "Buildkite would not take the cluster `Linux`: Name has already been taken, Color is invalid"
)]
fn a_cluster_that_buildkite_would_not_take_says_why() {
    let fake = FakeBuildkite::start();
    fake.cluster("Linux").create();
    fake.cluster("Linux").color("blue").create();
}

#[test]
#[should_panic(expected = "cluster `Linux` belongs to another fake")]
fn a_cluster_of_another_fake_is_no_place_for_a_pipeline() {
    let other = FakeBuildkite::start();
    let linux = other.cluster("Linux").create();
    let fake = FakeBuildkite::start();
    let _ = fake.pipeline("app").cluster(&linux);
}

#[test]
#[should_panic(expected = "the cluster of pipeline `app` is gone: it was deleted")]
fn a_cluster_that_is_gone_is_no_place_for_a_pipeline() {
    let fake = FakeBuildkite::start();
    let linux = fake.cluster("Linux").create();
    let builder = fake.pipeline("app").cluster(&linux);
    linux.delete();
    builder.create();
}

#[test]
#[should_panic(expected = "Buildkite would not take the queue `a b` of cluster `Macs`")]
fn an_agent_of_a_queue_that_buildkite_would_not_take_says_why() {
    let fleet = Agents::fleet([agent("a").cluster_queue("Macs", "a b")]);
    let _ = FakeBuildkite::builder().agents(fleet).start();
}

#[test]
fn clusters_go_back_with_the_fake() {
    let fake = FakeBuildkite::start();
    let linux = fake.cluster("Linux").create();
    let before = fake.snapshot();
    linux.queue("default").pause();
    fake.advance(minutes(1));
    fake.cluster("Macs").create();
    let fork = fake.fork();
    assert!(fork.existing_cluster("Linux").queue("default").is_paused());
    fake.rewind(&before);
    assert!(!linux.queue("default").is_paused());
    assert_eq!(fake.clusters().len(), 1);
}
