//! The Pipelines API: one test for every endpoint, and for every refusal that is documented.
//!
//! Elsewhere: steps in their forms (`recipes`), provider settings and webhooks (`providers`), the archive and who may
//! do what (`archive`), what settings do to builds (`settings`), the examples of the documentation (`documented`),
//! recorded answers (`recorded`), tokens, scopes and bodies that are wrong whatever they are for (`errors`), the order
//! of lists (`lists`).

use fake_buildkite::FakeBuildkite;

use crate::support::{Answer, Client, Json, client, world};

pub(crate) const ALL: &str = "/organizations/acme/pipelines";
pub(crate) const APP: &str = "/organizations/acme/pipelines/app";

pub(crate) fn start() -> (FakeBuildkite, Client) {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    (fake, client)
}

/// Creates a pipeline from YAML; `rest` is more of the request, beginning with a comma.
pub(crate) fn create(client: &Client, name: &str, rest: &str) -> Answer {
    let body = format!(
        r#"{{"name":"{name}","repository":"git@github.com:acme/app.git","configuration":"steps: [{{command: make, key: make}}]"{rest}}}"#
    );
    client.post(ALL, &body)
}

fn slugs(list: &Answer) -> Vec<String> {
    let list = list.expect(200);
    let slugs = list.items().iter().map(|one| one["slug"].str().to_owned());
    slugs.collect()
}

#[track_caller]
pub(crate) fn assert_refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!(answer.message(status), message);
    assert_eq!(answer.json().keys(), ["message"]);
}

/// The fields that are wrong, and how.
#[track_caller]
pub(crate) fn wrong(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.message(422), "Validation Failed");
    let json = answer.json();
    let errors = json["errors"].items().iter();
    let pair = |entry: &Json| {
        let text = |key: &str| entry[key].str().to_owned();
        (text("field"), text("code"))
    };
    errors.map(pair).collect()
}

#[track_caller]
pub(crate) fn assert_wrong(answer: &Answer, fields: &[&str]) {
    let wrong: Vec<_> = wrong(answer).into_iter().map(|(field, _)| field).collect();
    assert_eq!(wrong, fields, "{}", answer.text);
}

// --- One endpoint after the other ------------------------------------------------------------------------------------

#[test]
fn pipelines_are_listed_newest_first_and_found_by_parts_of_name_and_repository() {
    let (_fake, client) = start();
    for (name, repository) in [
        ("Web Site", "git@github.com:acme/site.git"),
        ("Website Docs", "git@github.com:acme/docs.git"),
        ("Tools", "https://gitlab.com/acme/SITE-tools"),
    ] {
        create(&client, name, &format!(r#","repository":"{repository}""#)).expect(201);
    }
    client.post(&format!("{ALL}/tools/archive"), "").expect(200);
    for (query, expected) in [
        ("", &["tools", "website-docs", "web-site"][..]),
        ("?name=web", &["website-docs", "web-site"]),
        ("?name=WEB%20s", &["web-site"]),
        ("?repository=acme/site", &["tools", "web-site"]),
        ("?repository=site&name=web", &["web-site"]),
        ("?name=", &["tools", "website-docs", "web-site"]),
        ("?name=nothing", &[]),
        ("?per_page=1&page=2", &["website-docs"]),
    ] {
        assert_eq!(
            slugs(&client.get(&format!("{ALL}{query}"))),
            expected,
            "{query}"
        );
    }
    // Archived ones are there, and say so.
    let list = client.get(ALL).expect(200);
    assert!(!list[0]["archived_at"].is_null() && list[1]["archived_at"].is_null());
    assert_refused(
        &client.get("/organizations/other/pipelines"),
        404,
        "No organization found",
    );
}

#[test]
fn a_pipeline_is_what_was_sent() {
    let (fake, client) = start();
    let cluster = fake.cluster("Linux").create().id().to_string();
    let team = "14e9501c-69fe-4cda-ae07-daea9ca3afd3";
    let rest = format!(
        r#","slug":"the-app","description":":package: Things","default_branch":"trunk","branch_configuration":"main feature/*",
        "skip_queued_branch_builds":true,"skip_queued_branch_builds_filter":"!main","cancel_running_branch_builds":true,
        "cancel_running_branch_builds_filter":"develop prs/*","allow_rebuilds":false,"visibility":"public","emoji":":ship:",
        "color":"FF0000","tags":[":terraform:","testing"],"default_command_step_timeout":10,"maximum_command_step_timeout":20,
        "cluster_id":"{cluster}","clone_mirror_url":"https://mirror.example.com/app.git","teams":{{"{team}":"read_only"}},
        "provider_settings":{{"trigger_mode":"deployment","filter_condition":"build.branch == 'main'","build_tags":true}},
        "unknown":{{"key":1}}"#
    );
    let created = create(&client, "App", &rest).expect(201);
    let got = client.get(&format!("{ALL}/the-app")).expect(200);
    assert_eq!(created, got);
    for (field, expected) in [
        ("name", "App"),
        ("slug", "the-app"),
        ("description", ":package: Things"),
        ("default_branch", "trunk"),
        ("branch_configuration", "main feature/*"),
        ("skip_queued_branch_builds_filter", "!main"),
        ("cancel_running_branch_builds_filter", "develop prs/*"),
        ("visibility", "public"),
        ("emoji", ":ship:"),
        ("color", "FF0000"),
        ("cluster_id", &cluster),
        ("clone_mirror_url", "https://mirror.example.com/app.git"),
        ("configuration", "steps: [{command: make, key: make}]"),
    ] {
        assert_eq!(got[field].str(), expected, "{field}");
    }
    assert!(got["skip_queued_branch_builds"].bool() && got["cancel_running_branch_builds"].bool());
    assert!(!got["allow_rebuilds"].bool());
    assert_eq!(got["tags"][1].str(), "testing");
    assert_eq!(got["default_command_step_timeout"].number(), 10);
    assert_eq!(got["maximum_command_step_timeout"].number(), 20);
    let cluster_url = format!("{}/v2/organizations/acme/clusters/{cluster}", fake.url());
    assert_eq!(got["cluster_url"].str(), cluster_url);
    let settings = &got["provider"]["settings"];
    assert_eq!(settings["trigger_mode"].str(), "deployment");
    assert_eq!(settings["filter_condition"].str(), "build.branch == 'main'");
    assert!(settings["build_tags"].bool() && !settings["filter_enabled"].bool());
    assert_eq!(settings["repository"].str(), "acme/app");
    let user = client.get("/user").expect(200);
    assert_eq!(got["created_by"]["id"], user["id"]);
}

#[test]
fn every_setting_can_be_changed_and_taken_back() {
    let (fake, client) = start();
    let created = create(&client, "app", "").expect(201);
    let cluster = fake.cluster("Linux").create().id();
    let uuid = "018e5a22-d14c-7085-bb28-db0f83f43a1c";
    for (field, value, taken_back) in [
        ("description", "\"Text\"", "null"),
        ("branch_configuration", "\"main feature/*\"", "null"),
        ("default_branch", "\"trunk\"", "\"main\""),
        ("skip_queued_branch_builds", "true", "false"),
        ("skip_queued_branch_builds_filter", "\"!main\"", "null"),
        ("cancel_running_branch_builds", "true", "false"),
        ("cancel_running_branch_builds_filter", "\"prs/*\"", "null"),
        ("allow_rebuilds", "false", "true"),
        ("visibility", "\"public\"", "\"private\""),
        ("tags", "[\"a\",\"b\"]", "null"),
        ("emoji", "\":ship:\"", "null"),
        ("color", "\"FF0000\"", "null"),
        ("default_command_step_timeout", "10", "null"),
        ("maximum_command_step_timeout", "20", "null"),
        ("cluster_id", &format!("\"{cluster}\""), "null"),
        ("pipeline_template_uuid", &format!("\"{uuid}\""), "null"),
    ] {
        let old = created[field].clone();
        let changed = client
            .patch(APP, &format!("{{\"{field}\":{value}}}"))
            .expect(200);
        let value: Json = serde_json::from_str(value).expect("JSON");
        assert_eq!(changed[field], value, "{field}");
        assert_eq!(client.get(APP).expect(200), changed);
        // Nothing else has changed, and it can be as it was.
        let back = client
            .patch(APP, &format!("{{\"{field}\":{taken_back}}}"))
            .expect(200);
        assert_eq!(back[field], old, "{field}");
        assert_eq!(back, created, "{field}");
    }
    let changed = client.patch(
        APP,
        r#"{"clone_mirror_url":"https://mirror.example.com/a.git"}"#,
    );
    let keys = changed.expect(200);
    let at = keys
        .keys()
        .iter()
        .position(|key| *key == "clone_mirror_url");
    assert_eq!(
        at.map(|at| keys.keys()[at - 1].to_owned()),
        Some("branch_configuration".to_owned())
    );
}

#[test]
fn a_renamed_pipeline_moves() {
    let (fake, client) = start();
    create(&client, "app", "").expect(201);
    client.create_build("app");
    let cached = client.get("/organizations/acme/builds?exclude_pipeline=true");
    // When it gets another name
    let renamed = client.patch(APP, r#"{"name":"The  New App!"}"#).expect(200);
    // Then every URL follows, and the old slug leads nowhere
    let url = format!("{}/v2{ALL}/the-new-app", fake.url());
    assert_eq!(renamed["slug"].str(), "the-new-app");
    assert_eq!(renamed["url"].str(), url);
    assert_eq!(
        renamed["web_url"].str(),
        format!("{}/acme/the-new-app", fake.url())
    );
    assert_eq!(renamed["builds_url"].str(), format!("{url}/builds"));
    assert_refused(&client.get(APP), 404, "No pipeline found");
    assert_refused(
        &client.get(&format!("{APP}/builds/1")),
        404,
        "No pipeline found",
    );
    let build = client.build("the-new-app", 1);
    assert_eq!(build["url"].str(), format!("{url}/builds/1"));
    assert!(
        build["jobs"][0]["web_url"]
            .str()
            .contains("/acme/the-new-app/builds/1#")
    );
    // And no client keeps an old answer.
    let etag = cached.header("etag").expect("an ETag");
    let path = "/organizations/acme/builds?exclude_pipeline=true";
    let again = client.send("GET", path, &[("if-none-match", etag)], None);
    assert_eq!(again.expect(200)[0]["url"].str(), format!("{url}/builds/1"));
    // The old name is free, and handles still hold the pipeline.
    create(&client, "app", "").expect(201);
    assert_eq!(fake.existing_pipeline("the-new-app").builds().len(), 1);
    fake.run_until_idle();
    assert_eq!(client.build("the-new-app", 1)["state"].str(), "passed");
}

#[test]
fn slugs_are_derived_and_can_be_chosen() {
    let (_fake, client) = start();
    create(&client, "Hello    There Friend", "").expect(201);
    let path = format!("{ALL}/hello-there-friend");
    let slug = |path: &str, body: &str| {
        let answer = client.patch(path, body).expect(200);
        answer["slug"].str().to_owned()
    };
    assert_eq!(slug(&path, r#"{"slug":"My-Own-1"}"#), "My-Own-1");
    let path = format!("{ALL}/My-Own-1");
    // Without a name it stays; null derives it; a name without a slug does, too.
    assert_eq!(slug(&path, r#"{"description":"x"}"#), "My-Own-1");
    assert_eq!(
        slug(&path, r#"{"slug":"My-Own-1","name":"Other"}"#),
        "My-Own-1"
    );
    assert_eq!(slug(&path, r#"{"slug":null}"#), "other");
    assert_eq!(
        slug(&format!("{ALL}/other"), r#"{"name":"shipit_ci"}"#),
        "shipit-ci"
    );
    let long = "a".repeat(101);
    let answer = create(&client, &long, "").expect(201);
    assert_eq!(answer["slug"].str(), "a".repeat(100));
    let path = format!("{ALL}/shipit-ci");
    for (body, field) in [
        (format!(r#"{{"slug":"{long}"}}"#), "slug"),
        (r#"{"slug":"-a"}"#.to_owned(), "slug"),
        (r#"{"slug":"a_b"}"#.to_owned(), "slug"),
        (r#"{"slug":7}"#.to_owned(), "slug"),
        (format!(r#"{{"slug":"{}"}}"#, "a".repeat(100)), "slug"),
        (format!(r#"{{"name":"{long}"}}"#), "name"),
        (format!(r#"{{"name":"{}"}}"#, long.to_uppercase()), "name"),
        (r#"{"name":"!!!"}"#.to_owned(), "name"),
        (r#"{"name":" "}"#.to_owned(), "name"),
        (r#"{"repository":""}"#.to_owned(), "repository"),
    ] {
        assert_wrong(&client.patch(&path, &body), &[field]);
    }
    // Its own name and slug are no clash.
    assert_eq!(
        slug(&path, r#"{"name":"shipit_ci","slug":"shipit-ci"}"#),
        "shipit-ci"
    );
}

#[test]
fn a_deleted_pipeline_leaves_its_name_free() {
    let (_fake, client) = start();
    create(&client, "app", "").expect(201);
    client.post(&format!("{APP}/archive"), "").expect(200);
    let deleted = client.delete(APP);
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_refused(&client.delete(APP), 404, "No pipeline found");
    create(&client, "app", "").expect(201);
}

// --- What is refused -------------------------------------------------------------------------------------------------

#[test]
fn settings_of_the_wrong_type_are_named_and_nothing_changes() {
    let (fake, client) = start();
    create(&client, "app", "").expect(201);
    let before = world(&fake, &["acme"]);
    let many = format!("[{}]", ["\"t\""; 11].join(","));
    let long = format!("[\"{}\"]", "t".repeat(129));
    for (field, values) in [
        ("name", &["7", "[]"][..]),
        ("repository", &["7"]),
        ("configuration", &["7", "{}"]),
        ("branch_configuration", &["7", "[]"]),
        ("cancel_running_branch_builds", &["\"true\"", "1"]),
        ("cancel_running_branch_builds_filter", &["7"]),
        ("skip_queued_branch_builds", &["\"true\""]),
        ("skip_queued_branch_builds_filter", &["[]"]),
        ("cluster_id", &["7", "\"xxx\""]),
        ("pipeline_template_uuid", &["7", "\"xxx\""]),
        ("default_branch", &["7"]),
        ("description", &["7", "[]"]),
        ("provider_settings", &["7", "[]", "\"x\""]),
        ("tags", &["\"a\"", "{}", "[[]]", &many, &long]),
        (
            "teams",
            &[
                "\"x\"",
                "{\"x\":\"read_only\"}",
                "[\"x\"]",
                "{\"14e9501c-69fe-4cda-ae07-daea9ca3afd3\":\"owner\"}",
            ],
        ),
        ("team_uuids", &["\"x\"", "{}"]),
        ("visibility", &["\"secret\"", "7"]),
        ("allow_rebuilds", &["\"no\""]),
        ("default_command_step_timeout", &["\"x\"", "-1", "1.5"]),
        ("maximum_command_step_timeout", &["[]"]),
        ("emoji", &["7"]),
        ("color", &["7"]),
        ("env", &["7", "{\"a\":[]}"]),
        (
            "clone_mirror_url",
            &[
                "7",
                "\"https://a:b@c/d\"",
                "\"https://c/d?e\"",
                "\"https://c/d#e\"",
            ],
        ),
    ] {
        for value in values {
            let answer = client.patch(APP, &format!("{{\"{field}\":{value}}}"));
            assert_wrong(&answer, &[field]);
            if !["name", "repository", "configuration"].contains(&field) {
                let answer = create(&client, "new", &format!(",\"{field}\":{value}"));
                assert_wrong(&answer, &[field]);
            }
        }
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_cluster_can_be_made_a_must() {
    let fake = FakeBuildkite::builder().clusters_required().start();
    let client = client(&fake);
    let refused = wrong(&create(&client, "app", ""));
    assert_eq!(refused, [("cluster_id".to_owned(), "missing".to_owned())]);
    let cluster = fake.cluster("Linux").create().id();
    let cluster = format!(r#","cluster_id":"{cluster}""#);
    create(&client, "app", &cluster).expect(201);
}
