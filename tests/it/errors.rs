//! What is refused, with which words, in which order, and that nothing changes by it.
//!
//! Elsewhere: tokens, scopes and places, for every endpoint (`rows`).

use fake_buildkite::{FakeBuildkite, Route};

use crate::scene::Scene;
use crate::support::{Answer, client, world};

const UNAUTHORIZED: &str = "{\"message\":\"Authentication required. Please supply a valid API Access Token: \
    https://buildkite.com/docs/apis/rest-api#authentication\"}\n";

const APP: &str = "/organizations/acme/pipelines/app";
const BUILDS: &str = "/organizations/acme/pipelines/app/builds";

/// One build of each kind: 1 failed and retried, 2 canceled, 3 canceling, 4 blocked, 5 running.
const STEPS: &str = "steps: [{command: make, key: make}, {block: Ship?, key: ship}]";

fn fake_with_builds() -> FakeBuildkite {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    let app = fake.pipeline("app").steps(STEPS).create();
    fake.pipeline("other").steps(STEPS).create_build();
    let failed = app.create_build();
    failed.job("make").fail(1);
    failed.job("make").retry();
    failed.job("make").fail(2);
    app.create_build().cancel();
    let canceling = app.create_build();
    canceling.job("make").start();
    canceling.cancel();
    app.create_build().job("make").pass();
    app.create_build().job("make").start();
    fake
}

fn job_path(fake: &FakeBuildkite, build: u64, key: &str, verb: &str) -> String {
    let job = fake
        .existing_pipeline("app")
        .build_number(build)
        .job(key)
        .id();
    format!("{BUILDS}/{build}/jobs/{job}/{verb}")
}

fn routes_with_token() -> impl Iterator<Item = Route> {
    // GraphQL is no REST, and has tests of its own.
    let is_apart = |route: &Route| {
        matches!(
            route,
            Route::Root | Route::GetMeta | Route::GraphQl | Route::ArtifactContent
        ) || route.is_page()
    };
    Route::ALL
        .iter()
        .copied()
        .filter(move |route| !is_apart(route))
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (
            status,
            format!("{{\"message\":{}}}\n", serde_json::Value::from(message)).as_str()
        )
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(answer.header("etag"), None);
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
}

// --- Who asks --------------------------------------------------------------------------------------------------------

#[test]
fn a_request_without_a_valid_token_is_refused_whatever_it_asks_for() {
    let scene = Scene::of(FakeBuildkite::builder());
    let before = scene.world();
    let nobody = client(&scene.fake).without_token();
    let secret = scene.fake.token().to_owned();
    let headers = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Bearer unknown".to_owned()),
        Some(format!("Basic {secret}")),
        Some(format!("Token {secret}")),
        Some(format!("Bearer{secret}")),
        Some(format!("Bearer {secret}x")),
        Some(format!("Bearer {}", &secret[1..])),
        Some(secret.clone()),
    ];
    for route in routes_with_token() {
        let path = scene.path(route.path().strip_prefix("/v2").expect("an endpoint"));
        for header in &headers {
            let headers: Vec<_> = header
                .iter()
                .map(|value| ("authorization", value.as_str()))
                .collect();
            let answer = nobody.send(route.method(), &path, &headers, Some("{"));
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (401, UNAUTHORIZED),
                "{route} {header:?}"
            );
        }
    }
    assert_eq!(scene.world(), before);
}

#[test]
fn a_token_in_the_query_is_no_token() {
    let fake = FakeBuildkite::start();
    let nobody = client(&fake).without_token();
    for name in ["access_token", "api_key", "token"] {
        let answer = nobody.get(&format!("/user?{name}={}", fake.token()));
        assert_eq!((answer.status, answer.text.as_str()), (401, UNAUTHORIZED));
    }
}

#[test]
fn a_sign_of_life_needs_no_token() {
    let fake = FakeBuildkite::start();
    let nobody = client(&fake).without_token();
    let answer = nobody.get(&format!("{}/", fake.url()));
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, "{\"message\":\"🛠\",\"timestamp\":1893456000}\n")
    );
}

#[test]
fn a_token_without_scopes_may_ask_about_itself() {
    let fake = FakeBuildkite::builder().token("none", []).start();
    let token = client(&fake).with_token("none").get("/access-token");
    assert_eq!(token.expect(200)["scopes"].items(), []);
    assert_eq!(token.header("x-accepted-oauth-scopes"), None);
}

// --- The order of checks ---------------------------------------------------------------------------------------------

#[test]
fn the_body_comes_before_the_state() {
    let fake = fake_with_builds();
    let client = client(&fake);
    // Given a canceled build, that cannot be canceled, retried or unblocked
    for path in [
        format!("{BUILDS}/2/cancel"),
        job_path(&fake, 2, "make", "retry"),
        job_path(&fake, 2, "ship", "unblock"),
    ] {
        assert_eq!(client.put_body(&path, "{").status, 400, "{path}");
        assert_eq!(client.put_body(&path, "{}").status, 422, "{path}");
    }
}

// --- Unknown things --------------------------------------------------------------------------------------------------

#[test]
fn a_thing_is_only_found_where_it_is() {
    // Given two organizations with a pipeline of the same name each
    let fake = FakeBuildkite::builder()
        .organization("a")
        .organization("b")
        .start();
    let client = client(&fake);
    for organization in ["a", "b"] {
        let path = format!("/organizations/{organization}/pipelines");
        let body = r#"{"name":"app","repository":"https://github.com/x/y","configuration":"steps: [{command: make, key: make}, {block: b, key: ship}]"}"#;
        client.post(&path, body).expect(201);
    }
    fake.pipeline("only-a").create();
    let create = r#"{"commit":"HEAD","branch":"main"}"#;
    client
        .post("/organizations/a/pipelines/app/builds", create)
        .expect(201);
    client
        .post("/organizations/a/pipelines/app/builds", create)
        .expect(201);
    client
        .post("/organizations/b/pipelines/app/builds", create)
        .expect(201);
    let of_a = fake.existing_pipeline("app").build_number(1);
    of_a.job("make").fail(1);
    let job = of_a.job("make").id();
    let before = world(&fake, &["a", "b"]);
    // Then its neighbours do not have it
    let retry = |place: &str| client.put(&format!("/organizations/{place}/jobs/{job}/retry"));
    let table = [
        (retry("a/pipelines/app/builds/2"), "No job found"),
        (retry("a/pipelines/only-a/builds/1"), "No build found"),
        (retry("b/pipelines/app/builds/1"), "No job found"),
        (retry("b"), "No job found"),
        (retry("c"), "No organization found"),
        (
            client.get("/organizations/b/pipelines/only-a"),
            "No pipeline found",
        ),
        (
            client.get("/organizations/b/pipelines/app/builds/2"),
            "No build found",
        ),
        (client.get("/organizations/A"), "No organization found"),
        (
            client.get("/organizations/a/pipelines/APP"),
            "No pipeline found",
        ),
        (
            client.get("/organizations/a/pipelines/app/builds/0"),
            "No build found",
        ),
        (
            client.get("/organizations/a/pipelines/app/builds/-1"),
            "No build found",
        ),
        (
            client.get("/organizations/a/pipelines/app/builds/1.0"),
            "No build found",
        ),
        (
            client.get("/organizations/a/pipelines/app/builds/99999999999999999999"),
            "No build found",
        ),
        (
            client.get("/organizations/a/pipelines/app/builds/latest"),
            "No build found",
        ),
        (
            client.put("/organizations/a/jobs/nonsense/retry"),
            "No job found",
        ),
        (
            client.put(&format!("/organizations/a/jobs/{}/unblock", of_a.id())),
            "No job found",
        ),
        (
            client.delete("/organizations/b/pipelines/only-a"),
            "No pipeline found",
        ),
    ];
    for (answer, message) in table {
        assert_refused(&answer, 404, message);
    }
    assert_eq!(world(&fake, &["a", "b"]), before);
    retry("a").expect(200);
}

#[test]
fn a_deleted_pipeline_takes_its_builds_and_jobs_along() {
    let fake = fake_with_builds();
    let client = client(&fake);
    let build = fake.existing_pipeline("app").build_number(1);
    let (job, id) = (build.job("make").id(), build.id());
    assert_eq!(client.delete(APP).status, 204);
    for (answer, message) in [
        (client.get(APP), "No pipeline found"),
        (client.get(&format!("{BUILDS}/1")), "No pipeline found"),
        (client.get(&format!("{BUILDS}/{id}")), "No pipeline found"),
        (
            client.put(&format!("/organizations/acme/jobs/{job}/retry")),
            "No job found",
        ),
        (client.delete(APP), "No pipeline found"),
    ] {
        assert_refused(&answer, 404, message);
    }
    assert_eq!(client.get("/builds").expect(200).items().len(), 1);
}

#[test]
fn a_path_or_method_buildkite_does_not_have_is_no_route() {
    let fake = fake_with_builds();
    let before = world(&fake, &["acme"]);
    let client = client(&fake);
    for (method, path, nearest) in [
        ("GET", "/404-not-found", Route::Root),
        ("GET", "/v2/404-not-found", Route::GetUser),
        ("GET", "/v2", Route::GetUser),
        ("GET", "/v3/user", Route::GetUser),
        ("POST", "/", Route::Root),
        ("POST", "/v2/user", Route::GetUser),
        ("PUT", "/v2/organizations/acme", Route::GetOrganization),
        (
            "POST",
            "/v2/organizations/acme/pipelines/app/builds/1/cancel",
            Route::CancelBuild,
        ),
        (
            "PATCH",
            "/v2/organizations/acme/pipelines/app/builds/1",
            Route::GetBuild,
        ),
        (
            "DELETE",
            "/v2/organizations/acme/pipelines/app/builds/1",
            Route::GetBuild,
        ),
        (
            "HEAD",
            "/v2/organizations/acme/pipelines/app/builds/1/cancel",
            Route::CancelBuild,
        ),
        ("PURGE", "/v2/builds", Route::ListBuilds),
        (
            "GET",
            "/v2/organizations/acme/pipelines/app/build/1",
            Route::GetBuild,
        ),
        (
            "GET",
            "/v2/organisations/acme/pipelines/app",
            Route::GetPipeline,
        ),
    ] {
        let answer = client.send(method, &format!("{}{path}", fake.url()), &[], None);
        let message = format!("No route matches {}", &path[1..]);
        if method == "HEAD" {
            assert_eq!((answer.status, answer.text.as_str()), (404, ""), "{path}");
        } else {
            assert_refused(&answer, 404, &message);
        }
        assert_eq!(
            answer.header("x-fake-buildkite-nearest-route"),
            Some(nearest.to_string().as_str()),
            "{method} {path}"
        );
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn what_buildkite_has_and_this_fake_not_is_named() {
    let fake = fake_with_builds();
    let before = world(&fake, &["acme"]);
    let client = client(&fake);
    for (method, path, template) in [
        (
            "PUT",
            "/organizations/acme/pipelines/app/github-webhooks",
            "/v2/organizations/{org.slug}/pipelines/{slug}/github-webhooks",
        ),
        (
            "GET",
            "/organizations/acme/clusters/1/secrets",
            "/v2/organizations/{org.slug}/clusters/{cluster.id}/secrets",
        ),
        (
            "POST",
            "/organizations/acme/jobs/1/ssh-session",
            "/v2/organizations/{org.slug}/jobs/{job.id}/ssh-session",
        ),
        (
            "GET",
            "/analytics/organizations/acme/suites",
            "/v2/analytics/organizations/{org.slug}/suites",
        ),
        (
            "DELETE",
            "/organizations/acme/portals/1",
            "/v2/organizations/{org.slug}/portals/{portal.slug}",
        ),
    ] {
        let answer = client.send(method, path, &[], None);
        let message = format!("fake-buildkite does not model {method} {template} yet");
        assert_refused(&answer, 501, &message);
        assert_eq!(answer.header("x-fake-buildkite-nearest-route"), None);
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

// --- Malformed requests ----------------------------------------------------------------------------------------------

#[test]
fn a_body_that_is_no_json_object_is_a_400_and_changes_nothing() {
    let fake = fake_with_builds();
    let app = fake.existing_pipeline("app");
    let schedule = app.schedule("@daily").create().id();
    let before = world(&fake, &["acme"]);
    let client = client(&fake);
    let requests = [
        ("POST", format!("{APP}/schedules")),
        ("PUT", format!("{APP}/schedules/{schedule}")),
        ("PATCH", format!("{APP}/schedules/{schedule}")),
        ("POST", BUILDS.to_owned()),
        ("POST", "/organizations/acme/pipelines".to_owned()),
        ("PATCH", APP.to_owned()),
        ("POST", format!("{APP}/archive")),
        ("POST", format!("{APP}/unarchive")),
        ("POST", format!("{APP}/webhook")),
        ("PUT", format!("{BUILDS}/5/cancel")),
        ("PUT", format!("{BUILDS}/1/rebuild")),
        ("PUT", job_path(&fake, 1, "make", "retry")),
        ("PUT", job_path(&fake, 4, "ship", "unblock")),
    ];
    let bodies = [
        "{",
        "}",
        "nonsense",
        "[]",
        "[{}]",
        "null",
        "7",
        "\"text\"",
        "true",
        "{\"commit\":}",
        "{'commit':'HEAD'}",
        "{\"commit\":\"HEAD\",}",
        "{} {}",
        "{\"a\":\"\u{0}\"}",
        "commit=HEAD&branch=main",
    ];
    for (method, path) in &requests {
        for body in bodies {
            let answer = client.send(method, path, &[], Some(body));
            let message = answer.message(400);
            assert!(
                message.starts_with("Invalid JSON"),
                "{path} {body}: {message}"
            );
            assert_eq!(answer.json().keys(), ["message"], "{path} {body}");
        }
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn requests_that_need_no_body_take_none_an_empty_one_and_an_object() {
    for (body, n) in [
        (None, 0),
        (Some(""), 1),
        (Some("{}"), 2),
        (Some(r#"{"x":1}"#), 3),
    ] {
        let fake = fake_with_builds();
        let client = client(&fake);
        let put = |path: &str| client.send("PUT", path, &[], body);
        let failed = fake.existing_pipeline("other").latest_build();
        failed.job("make").fail(1);
        let retry = format!("/organizations/acme/jobs/{}/retry", failed.job("make").id());
        put(&retry).expect(200);
        put(&format!("{BUILDS}/5/cancel")).expect(200);
        put(&format!("{BUILDS}/1/rebuild")).expect(200);
        put(&job_path(&fake, 4, "ship", "unblock")).expect(200);
        let post = |verb| client.send("POST", &format!("{APP}/{verb}"), &[], body);
        assert_eq!(post("webhook").status, 201, "{n}");
        post("archive").expect(200);
        post("unarchive").expect(200);
        client.send("PATCH", APP, &[], body).expect(200);
        assert_eq!(client.send("DELETE", APP, &[], body).status, 204, "{n}");
    }
}

#[test]
fn a_body_without_a_content_type_is_json() {
    let fake = fake_with_builds();
    let answer = reqwest::blocking::Client::new()
        .post(format!("{}/v2{BUILDS}", fake.url()))
        .bearer_auth(fake.token())
        .body(r#"{"commit":"HEAD","branch":"main"}"#)
        .send()
        .expect("an answer");
    assert_eq!(answer.status(), 201);
}

// --- Validation ------------------------------------------------------------------------------------------------------

#[track_caller]
fn assert_invalid(answer: &Answer, entries: &[(&str, &str)]) {
    let entries: Vec<_> = entries
        .iter()
        .map(|(field, code)| {
            let (field, code) = (
                serde_json::Value::from(*field),
                serde_json::Value::from(*code),
            );
            format!("{{\"field\":{field},\"code\":{code}}}")
        })
        .collect();
    let expected = format!(
        "{{\"message\":\"Validation Failed\",\"errors\":[{}]}}\n",
        entries.join(",")
    );
    assert_eq!((answer.status, &answer.text), (422, &expected));
}

#[test]
fn a_build_needs_a_commit_and_a_branch() {
    let fake = fake_with_builds();
    let before = world(&fake, &["acme"]);
    let client = client(&fake);
    let both: &[(&str, &str)] = &[("commit", "missing"), ("branch", "missing")];
    for (body, entries) in [
        ("", both),
        ("{}", both),
        (r#"{"branch":"","commit":""}"#, both),
        (r#"{"commit":" \t\n","branch":"  "}"#, both),
        (r#"{"commit":null,"branch":null}"#, both),
        (r#"{"commit":"HEAD"}"#, &both[1..]),
        (r#"{"branch":"main"}"#, &both[..1]),
        (r#"{"branch":"main","commit":"a","commit":""}"#, &both[..1]),
    ] {
        assert_invalid(&client.post(BUILDS, body), entries);
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn values_of_the_wrong_type_are_named_all_at_once() {
    let fake = fake_with_builds();
    let before = world(&fake, &["acme"]);
    let client = client(&fake);
    for (field, values) in [
        ("commit", &["7", "true", "[]", "{}"][..]),
        ("branch", &["7", "[\"main\"]"]),
        ("message", &["7", "[]", "{}", "false"]),
        ("env", &["[]", "7", "\"A=1\"", "{\"A\":[1]}", "{\"A\":{}}"]),
        ("meta_data", &["[]", "\"a\"", "{\"a\":{\"b\":1}}"]),
        ("author", &["\"me\"", "7", "[]"]),
        ("clean_checkout", &["\"true\"", "1"]),
        ("ignore_pipeline_branch_filters", &["\"true\"", "1"]),
        ("pull_request_id", &["{}", "true", "[1]"]),
        ("pull_request_base_branch", &["7"]),
        ("pull_request_repository", &["7"]),
        ("pull_request_labels", &["\"bug\"", "{}", "[[]]"]),
    ] {
        for value in values {
            let rest = ["commit", "branch"]
                .into_iter()
                .filter(|name| *name != field);
            let rest: Vec<_> = rest.map(|name| format!("\"{name}\":\"x\"")).collect();
            let body = format!("{{{},\"{field}\":{value}}}", rest.join(","));
            assert_invalid(&client.post(BUILDS, &body), &[(field, "invalid")]);
        }
    }
    let answer = client.post(
        BUILDS,
        r#"{"message":1,"env":1,"author":{"name":1,"email":[]},"meta_data":1}"#,
    );
    assert_eq!(answer.status, 422);
    let json = answer.json();
    let mut fields: Vec<_> = json["errors"]
        .items()
        .iter()
        .map(|entry| entry["field"].str())
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "author.email",
            "author.name",
            "branch",
            "commit",
            "env",
            "message",
            "meta_data"
        ]
    );
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_pipeline_that_cannot_be_made_says_why() {
    let fake = fake_with_builds();
    let before = world(&fake, &["acme"]);
    let client = client(&fake);
    let create = |name: &str, repository: &str, rest: &str| {
        let body = format!(r#"{{"name":{name},"repository":{repository}{rest}}}"#);
        client.post("/organizations/acme/pipelines", &body)
    };
    let steps = r#","configuration":"steps: [{command: make}]""#;
    let missing = "Step configuration is missing, expected `steps: { yaml: \"...\" }`";
    // The one text that is documented to the letter.
    let exact = concat!(
        r#"{"message":"Validation Failed","errors":[{"field":"configuration","#,
        r#""code":"Step configuration is missing, expected `steps: { yaml: \"...\" }`"}]}"#,
        "\n"
    );
    assert_eq!(create("\"new\"", "\"r\"", "").text, exact);
    for configuration in ["null", "\"\"", "\" \\n\"", "7", "{}"] {
        let rest = format!(",\"configuration\":{configuration}");
        assert_invalid(
            &create("\"new\"", "\"r\"", &rest),
            &[("configuration", missing)],
        );
    }
    assert_invalid(
        &create("\"\"", "null", ""),
        &[
            ("name", "missing"),
            ("repository", "missing"),
            ("configuration", missing),
        ],
    );
    for (name, repository, rest, field) in [
        ("\"app\"", "\"r\"", "", "name"),
        ("\"App\"", "\"r\"", "", "name"),
        ("\"!!!\"", "\"r\"", "", "name"),
        ("7", "\"r\"", "", "name"),
        ("\"new\"", "7", "", "repository"),
        ("\"new\"", "\"r\"", ",\"slug\":\"app\"", "slug"),
        ("\"new\"", "\"r\"", ",\"slug\":\"-\"", "slug"),
        ("\"new\"", "\"r\"", ",\"slug\":\"a b\"", "slug"),
        (
            "\"new\"",
            "\"r\"",
            ",\"visibility\":\"secret\"",
            "visibility",
        ),
        ("\"new\"", "\"r\"", ",\"tags\":\"a\"", "tags"),
        (
            "\"new\"",
            "\"r\"",
            ",\"allow_rebuilds\":\"no\"",
            "allow_rebuilds",
        ),
        ("\"new\"", "\"r\"", ",\"description\":7", "description"),
    ] {
        let answer = create(name, repository, &format!("{steps}{rest}"));
        assert_eq!(answer.message(422), "Validation Failed", "{name} {rest}");
        let json = answer.json();
        let fields: Vec<_> = json["errors"]
            .items()
            .iter()
            .map(|entry| entry["field"].str())
            .collect();
        assert_eq!(fields, [field], "{name} {rest}");
        assert_eq!(json["errors"][0].keys(), ["field", "code"]);
    }
    let too_many = ["\"t\""; 11].join(",");
    let too_long = format!("\"{}\"", "t".repeat(129));
    for tags in [too_many, too_long] {
        let answer = create("\"new\"", "\"r\"", &format!("{steps},\"tags\":[{tags}]"));
        assert_invalid(&answer, &[("tags", "invalid")]);
    }
    for yaml in ["steps: [", "steps: 7", "nonsense", "steps: [{nonsense: 1}]"] {
        let answer = create(
            "\"new\"",
            "\"r\"",
            &format!(",\"configuration\":\"{yaml}\""),
        );
        assert_eq!(answer.message(422), "Validation Failed", "{yaml}");
        assert_eq!(answer.json()["errors"][0]["field"].str(), "configuration");
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

// --- Rules -----------------------------------------------------------------------------------------------------------

#[test]
fn what_the_state_forbids_is_refused_word_for_word() {
    let fake = fake_with_builds();
    fake.existing_pipeline("other").latest_build().pass();
    fake.pipeline("fixed")
        .without_rebuilds()
        .create_build()
        .pass();
    let before = world(&fake, &["acme"]);
    let client = client(&fake);
    let job = |build, key, verb| job_path(&fake, build, key, verb);
    let first = fake.existing_pipeline("app").build_number(1).jobs("make")[0].id();
    let other = fake.existing_pipeline("other").latest_build();
    let (passed, unblocked) = (other.job("make").id(), other.job("ship").id());
    let of = |job, verb: &str| format!("/organizations/acme/jobs/{job}/{verb}");
    let table = [
        (
            "/organizations/acme/pipelines/other/builds/1/cancel".to_owned(),
            422,
            "Build can't be canceled because it's already finished.",
        ),
        (
            format!("{BUILDS}/1/cancel"),
            422,
            "Build can't be canceled because it's already finished.",
        ),
        (
            format!("{BUILDS}/2/cancel"),
            422,
            "Build has already been canceled.",
        ),
        (
            format!("{BUILDS}/3/cancel"),
            422,
            "Build is already being canceled.",
        ),
        (of(first, "retry"), 422, "Jobs can only be retried once"),
        (
            job(2, "make", "retry"),
            422,
            "Jobs from canceled builds cannot be retried",
        ),
        (
            of(passed, "retry"),
            400,
            "Only failed, timed out or canceled jobs can be retried",
        ),
        (
            job(5, "make", "retry"),
            400,
            "Only failed, timed out or canceled jobs can be retried",
        ),
        (
            job(4, "ship", "retry"),
            400,
            "Only failed, timed out or canceled jobs can be retried",
        ),
        (
            job(5, "make", "unblock"),
            400,
            "This job type cannot be unblocked",
        ),
        (
            job(2, "make", "unblock"),
            400,
            "This job type cannot be unblocked",
        ),
        (
            job(2, "ship", "unblock"),
            422,
            "Jobs from canceled builds cannot be unblocked",
        ),
        (
            of(unblocked, "unblock"),
            422,
            "The job's state must be blocked",
        ),
    ];
    for (path, status, message) in table {
        assert_refused(&client.put(&path), status, message);
    }
    for unblocker in ["nonsense", "00000000-0000-0000-0000-000000000000", " "] {
        let body = format!("{{\"unblocker\":\"{unblocker}\"}}");
        let refused = client.put_body(&job(4, "ship", "unblock"), &body);
        let message = "Unblocker is not a valid user id for this organization";
        assert_refused(&refused, 422, message);
    }
    let refused = client.put("/organizations/acme/pipelines/fixed/builds/1/rebuild");
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json().keys(), ["message"]);
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_job_of_a_canceling_build_cannot_be_retried_or_unblocked() {
    let fake = fake_with_builds();
    let client = client(&fake);
    assert_eq!(client.build("app", 3)["state"].str(), "canceling");
    let before = world(&fake, &["acme"]);
    let ship = client.put(&job_path(&fake, 3, "ship", "unblock"));
    assert_refused(&ship, 422, "Jobs from canceled builds cannot be unblocked");
    let make = client.put(&job_path(&fake, 3, "make", "retry"));
    assert_refused(&make, 422, "Jobs from canceled builds cannot be retried");
    assert_eq!(world(&fake, &["acme"]), before);
}
