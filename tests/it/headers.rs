//! Headers, to the last one, and conditional requests.

use fake_buildkite::{FakeBuildkite, Route, Scope, hours, millis, minutes, seconds};

use crate::support::{Answer, client};

const BUILDS: &str = "/organizations/acme/pipelines/app/builds";
const BUILD: &str = "/organizations/acme/pipelines/app/builds/1";

/// What every answer has; `*` is looked at elsewhere. The first is not there where there is nothing to show.
const ALWAYS: &[(&str, &str)] = &[
    ("vary", "Accept"),
    ("x-request-id", "*"),
    ("x-runtime", "0.001000"),
    ("access-control-allow-origin", "*"),
    (
        "access-control-allow-methods",
        "GET, POST, PUT, DELETE, OPTIONS",
    ),
    (
        "access-control-expose-headers",
        "Link, RateLimit-Remaining, RateLimit-Limit, RateLimit-Reset, X-OAuth-Scopes",
    ),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("date", "Tue, 01 Jan 2030 00:00:00 GMT"),
];

/// What answers to a known token have besides.
const KNOWN: &[(&str, &str)] = &[
    ("x-oauth-scopes", "read_builds,write_builds,write_pipelines"),
    ("ratelimit-scope", "rest"),
    ("ratelimit-remaining", "*"),
    ("ratelimit-limit", "200"),
    ("ratelimit-reset", "60"),
    ("ratelimit-user-scope", "rest_user"),
    ("ratelimit-user-remaining", "*"),
    ("ratelimit-user-limit", "50"),
    ("ratelimit-user-reset", "60"),
];

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const ETAG: (&str, &str) = ("etag", "*");
const FRESH: (&str, &str) = ("cache-control", "max-age=0, private, must-revalidate");
const NO_CACHE: (&str, &str) = ("cache-control", "no-cache");
const LENGTH: (&str, &str) = ("content-length", "*");

#[track_caller]
fn assert_headers(answer: &Answer, status: u16, groups: &[&[(&str, &str)]]) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let mut expected: Vec<_> = groups
        .iter()
        .flat_map(|group| group.iter().copied())
        .collect();
    expected.sort_unstable();
    let value_of = |name: &str| {
        expected
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    let mut found: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| match value_of(name) {
            Some("*") => (name.as_str(), "*"),
            _ => (name.as_str(), value.as_str()),
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

fn etag(answer: &Answer) -> String {
    answer.header("etag").expect("an ETag").to_owned()
}

#[test]
fn every_kind_of_answer_has_exactly_its_headers() {
    let scopes = [Scope::ReadBuilds, Scope::WriteBuilds, Scope::WritePipelines];
    let fake = FakeBuildkite::builder()
        .allow_unknown_routes()
        .token("t", scopes)
        .start();
    fake.pipeline("app").create();
    let client = client(&fake).with_token("t");
    let accepted = |scope| [("x-accepted-oauth-scopes", scope)];
    let body = r#"{"commit":"HEAD","branch":"main"}"#;

    let created = client.post(BUILDS, body);
    let common: &[&[_]] = &[
        ALWAYS,
        KNOWN,
        &[JSON, ETAG, FRESH, LENGTH],
        &accepted("write_builds"),
    ];
    assert_headers(&created, 201, common);
    assert_headers(&client.put(&format!("{BUILD}/cancel")), 200, common);

    // Only 200 and 201 have a tag.
    let retried = client.put(&format!("{BUILD}/retry_failed_jobs"));
    let untagged: &[&[_]] = &[ALWAYS, KNOWN, &[JSON, NO_CACHE, LENGTH], common[3]];
    assert_headers(&retried, 202, untagged);

    let common: &[&[_]] = &[
        ALWAYS,
        KNOWN,
        &[JSON, ETAG, FRESH, LENGTH],
        &accepted("read_builds"),
    ];
    // Pages by cursor have their links in the body.
    let jobs = client.get(&format!("{BUILD}/jobs?per_page=1"));
    assert_headers(&jobs, 200, common);
    let got = client.get(BUILD);
    assert_headers(&got, 200, common);
    assert_headers(&client.get(BUILDS), 200, common);
    client.post(BUILDS, body).expect(201);
    let paged = client.get(&format!("{BUILDS}?per_page=1"));
    let with_link: &[&[_]] = &[common[0], common[1], common[2], common[3], &[("link", "*")]];
    assert_headers(&paged, 200, with_link);

    let got = client.get(BUILD);
    let not_modified = client.send("GET", BUILD, &[("if-none-match", &etag(&got))], None);
    let accepted_read = accepted("read_builds");
    assert_headers(
        &not_modified,
        304,
        &[ALWAYS, KNOWN, &[ETAG, FRESH], &accepted_read],
    );
    assert_eq!(not_modified.text, "");

    let accepted_write = accepted("write_builds");
    let refused: &[&[_]] = &[ALWAYS, KNOWN, &[JSON, NO_CACHE, LENGTH], &accepted_write];
    assert_headers(&client.put(&format!("{BUILD}/cancel")), 422, refused);
    assert_headers(
        &client.put_body(&format!("{BUILD}/cancel"), "{"),
        400,
        refused,
    );
    assert_headers(&client.put(&format!("{BUILDS}/9/cancel")), 404, refused);
    let forbidden = accepted("read_user");
    assert_headers(
        &client.get("/user"),
        403,
        &[ALWAYS, KNOWN, &[JSON, NO_CACHE, LENGTH], &forbidden],
    );

    let unknown: &[&[_]] = &[ALWAYS, &[JSON, NO_CACHE, LENGTH]];
    assert_headers(&client.without_token().get(BUILD), 401, unknown);
    let nearest = [("x-fake-buildkite-nearest-route", "*")];
    assert_headers(
        &client.get("/nonsense"),
        404,
        &[unknown[0], unknown[1], &nearest],
    );
    assert_headers(&client.get("/organizations/acme/portals"), 501, unknown);

    let deleted = client.delete("/organizations/acme/pipelines/app");
    let accepted_delete = accepted("write_pipelines");
    assert_headers(
        &deleted,
        204,
        &[&ALWAYS[1..], KNOWN, &[NO_CACHE], &accepted_delete],
    );
    assert_eq!(deleted.text, "");
}

#[test]
fn a_body_is_compact_and_ends_in_one_newline() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    app.build().message("<b> & ü / \"q\" 🛠").create();
    let client = client(&fake);
    for path in [
        BUILD,
        BUILDS,
        "/user",
        "/access-token",
        "/organizations",
        "/organizations/acme/pipelines",
    ] {
        let text = client.get(path).text;
        assert!(text.ends_with("}\n") || text.ends_with("]\n"), "{path}");
        assert_eq!(text.matches('\n').count(), 1, "{path}");
        assert!(!text.contains("\":  ") && !text.contains(", \""), "{path}");
    }
    assert!(
        client
            .get(BUILD)
            .text
            .contains(r#""message":"<b> & ü / \"q\" 🛠","#)
    );
}

#[test]
fn json_comes_whatever_is_accepted() {
    let fake = FakeBuildkite::start();
    for accept in [
        "text/html",
        "text/plain",
        "application/xml",
        "*/*",
        "image/png;q=0",
    ] {
        let answer = client(&fake).send("GET", "/user", &[("accept", accept)], None);
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-type"),
            Some("application/json; charset=utf-8")
        );
    }
}

#[test]
fn an_etag_is_32_hexadecimal_digits_and_weak() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create_build();
    let client = client(&fake);
    for path in [
        "/user",
        "/access-token",
        "/organizations",
        "/organizations/acme",
        BUILD,
        BUILDS,
    ] {
        let etag = etag(&client.get(path));
        let digits = etag
            .strip_prefix("W/\"")
            .and_then(|rest| rest.strip_suffix('"'));
        let digits = digits.unwrap_or_else(|| panic!("{etag}"));
        assert_eq!(digits.len(), 32, "{etag}");
        assert!(
            digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
            "{etag}"
        );
    }
}

#[test]
fn an_etag_changes_with_its_body() {
    // Given a build whose life has everything, beside another that shares its pipeline
    let fake = FakeBuildkite::start();
    let steps = "steps:
      - {command: make, key: make}
      - wait
      - {block: Ship?, key: ship}
      - {command: ship, key: last}";
    let app = fake.pipeline("app").steps(steps).create();
    app.on_job("make")
        .takes(minutes(1))
        .exits(1)
        .then()
        .exits(0);
    app.on_job("last").hangs();
    let client = client(&fake);
    let paths = [
        BUILD.to_owned(),
        format!("{BUILD}?exclude_jobs=true"),
        format!("{BUILD}?exclude_pipeline=true"),
        format!("{BUILD}?exclude_pipeline=true&exclude_jobs=true"),
        format!("{BUILD}?job_states[]=running"),
        format!("{BUILD}?include_retried_jobs=true"),
        format!("{BUILD}/jobs"),
        format!("{BUILD}/jobs?per_page=1"),
        format!("{BUILD}/jobs?state[]=scheduled&state[]=waiting"),
        BUILDS.to_owned(),
        format!("{BUILDS}?state=running"),
        format!("{BUILDS}?exclude_pipeline=true&exclude_jobs=true"),
        format!("{BUILDS}?per_page=1"),
        "/builds".to_owned(),
        "/organizations/acme/builds".to_owned(),
        "/organizations/acme/pipelines/app".to_owned(),
        "/organizations/acme/pipelines".to_owned(),
        "/organizations".to_owned(),
        "/user".to_owned(),
    ];
    let whole = [BUILD, "/organizations", "/user"];
    let mut seen: Vec<Vec<(String, String)>> = vec![Vec::new(); paths.len()];
    let mut look = || {
        for (path, seen) in paths.iter().zip(&mut seen) {
            for _ in 0..2 {
                let answer = client.get(path);
                seen.push((etag(&answer), answer.text));
            }
        }
    };
    // When it is looked at after everything that happens
    let build = app.create_build();
    look();
    let mut watch = |happens: &dyn Fn()| {
        happens();
        look();
    };
    for _ in 0..8 {
        watch(&|| drop(fake.step()));
    }
    watch(&|| drop(fake.advance(hours(1))));
    watch(&|| drop(build.job("make").retry()));
    for _ in 0..8 {
        watch(&|| drop(fake.step()));
    }
    watch(&|| build.job("make").append_log("said\n"));
    watch(&|| drop(app.build().branch("feature").create()));
    watch(&|| build.job("ship").unblock());
    watch(&|| build.job("last").reprioritize(3));
    watch(&|| drop(fake.advance(seconds(5))));
    watch(&|| build.job("last").append_log("more\n"));
    watch(&|| build.cancel());
    watch(&|| drop(fake.advance(hours(1))));
    watch(&|| drop(build.rebuild()));
    watch(&|| drop(app.build_number(2).retry_failed_jobs()));
    watch(&|| drop(fake.run_until_idle()));
    watch(&|| drop(fake.pipeline("another").create()));
    // Then two answers to one question have the same tag only if they have the same body
    for (path, seen) in paths.iter().zip(&seen) {
        for (tag, body) in seen {
            for (other_tag, other_body) in seen {
                // Whole ones also get a new tag only with a new body. What leaves something out may get one because of
                // just that, and is sent once more.
                let is_wrong = match (tag == other_tag, body == other_body) {
                    (true, same_body) => !same_body,
                    (false, same_body) => same_body && whole.contains(&path.as_str()),
                };
                assert!(!is_wrong, "{path}\n{tag}\n{body}{other_tag}\n{other_body}");
            }
        }
        let is_fixed = path == "/user" || path == "/organizations";
        assert_eq!(seen.iter().all(|one| *one == seen[0]), is_fixed, "{path}");
    }
}

#[test]
fn what_changes_nothing_leaves_every_etag_as_it_is() {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    fake.pipeline("app").create_build();
    let other = fake.pipeline("other").create();
    fake.run_until_idle();
    let client = client(&fake);
    let paths = [
        BUILD,
        BUILDS,
        "/organizations/acme/pipelines/app",
        "/organizations",
        "/user",
        "/access-token",
    ];
    let tags = || paths.map(|path| etag(&client.get(path)));
    let before = tags();
    assert_eq!(client.put(&format!("{BUILD}/cancel")).status, 422);
    assert_eq!(client.post(BUILDS, "{").status, 400);
    assert_eq!(client.get("/nonsense").status, 404);
    fake.advance(hours(48));
    other.create_build();
    assert_eq!(tags(), before);
}

#[test]
fn what_the_reader_may_see_is_part_of_the_etag() {
    let fake = FakeBuildkite::builder()
        .token("r", [Scope::ReadPipelines])
        .start();
    fake.pipeline("app").create();
    let path = "/organizations/acme/pipelines/app";
    let (all, reader) = (
        client(&fake).get(path),
        client(&fake).with_token("r").get(path),
    );
    assert_ne!(all.text, reader.text);
    assert_ne!(etag(&all), etag(&reader));
    assert_eq!(reader.json()["provider"]["webhook_url"].str(), "");
}

#[test]
fn a_known_etag_gives_a_304_to_reads_only() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let client = client(&fake);
    let tag = etag(&client.get(BUILD));
    let strong = tag.trim_start_matches("W/").to_owned();
    let other = r#"W/"00000000000000000000000000000000""#;
    for (given, matches) in [
        (tag.clone(), true),
        (strong.clone(), true),
        (format!("{other}, {tag}"), true),
        (format!("{strong},{other}"), true),
        (format!("  {other} ,  {strong}  "), true),
        ("*".to_owned(), true),
        (other.to_owned(), false),
        (String::new(), false),
        (tag.replace('"', ""), false),
        (tag[..tag.len() - 2].to_owned(), false),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = client.send(method, BUILD, &[("if-none-match", &given)], None);
            assert_eq!(
                answer.status,
                if matches { 304 } else { 200 },
                "{method} {given}"
            );
            assert_eq!(etag(&answer), tag);
            if matches || method == "HEAD" {
                assert_eq!(answer.text, "");
            }
            assert_eq!(answer.header("content-type").is_none(), matches, "{given}");
        }
    }
    // Something else now
    build.job("true").start();
    let answer = client.send("GET", BUILD, &[("if-none-match", &tag)], None);
    assert_eq!(answer.expect(200)["state"].str(), "running");
    // Lists and pipelines, too
    for path in [
        BUILDS,
        "/builds",
        "/organizations/acme/pipelines/app",
        "/user",
    ] {
        let tag = etag(&client.get(path));
        let answer = client.send("GET", path, &[("if-none-match", &tag)], None);
        assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{path}");
    }
    // A write is carried out whatever tag it has, and so is what has no tag
    for tag in ["*".to_owned(), etag(&client.get(BUILD))] {
        let other = fake.existing_pipeline("app").create_build().number();
        let cancel = client.send(
            "PUT",
            &format!("{BUILDS}/{other}/cancel"),
            &[("if-none-match", &tag)],
            None,
        );
        assert_eq!(cancel.expect(200)["state"].str(), "canceled");
    }
    let missing = client.send(
        "GET",
        "/organizations/none",
        &[("if-none-match", "*")],
        None,
    );
    assert_eq!(missing.message(404), "No organization found");
    let missing = client.send(
        "GET",
        &format!("{}/", fake.url()),
        &[("if-none-match", "*")],
        None,
    );
    assert_eq!(missing.status, 200);
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    fake.pipeline("app").create_build();
    let client = client(&fake);
    let unlike = |answer: &Answer| -> Vec<_> {
        let once = [
            "x-request-id",
            "ratelimit-remaining",
            "ratelimit-user-remaining",
        ];
        let headers = answer
            .headers
            .iter()
            .filter(|(name, _)| !once.contains(&name.as_str()));
        headers.cloned().collect()
    };
    for path in [
        BUILD,
        BUILDS,
        "/user",
        "/organizations/acme/pipelines/app",
        "/organizations/none",
        "/meta/x",
    ] {
        let (get, head) = (client.get(path), client.send("HEAD", path, &[], None));
        assert_eq!(
            (head.status, head.text.as_str()),
            (get.status, ""),
            "{path}"
        );
        let length = get.text.len().to_string();
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
        assert_eq!(unlike(&head), unlike(&get), "{path}");
    }
}

#[test]
fn a_preflight_needs_no_token_and_changes_nothing() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create_build();
    let nobody = client(&fake).without_token();
    for path in [BUILD, BUILDS, "/nonsense"] {
        let headers = [
            ("origin", "https://example.com"),
            ("access-control-request-method", "PUT"),
        ];
        let answer = nobody.send("OPTIONS", path, &headers, None);
        assert_headers(&answer, 200, &[ALWAYS, &[NO_CACHE, LENGTH]]);
        assert_eq!(answer.text, "");
    }
}

#[test]
fn dates_and_resets_follow_the_clock_of_the_fake() {
    let fake = FakeBuildkite::builder()
        .starting_at("2026-03-01T23:59:18.700Z")
        .start();
    let client = client(&fake);
    let ask = || {
        let answer = client.get("/user");
        [
            "date",
            "ratelimit-reset",
            "ratelimit-user-reset",
            "ratelimit-remaining",
            "ratelimit-user-remaining",
        ]
        .map(|name| answer.header(name).expect("always there").to_owned())
    };
    assert_eq!(
        ask(),
        ["Sun, 01 Mar 2026 23:59:18 GMT", "42", "42", "199", "49"]
    );
    assert_eq!(
        ask(),
        ["Sun, 01 Mar 2026 23:59:18 GMT", "42", "42", "198", "48"]
    );
    fake.advance(millis(300));
    assert_eq!(
        ask(),
        ["Sun, 01 Mar 2026 23:59:19 GMT", "41", "41", "197", "47"]
    );
    fake.advance(seconds(41));
    assert_eq!(
        ask(),
        ["Mon, 02 Mar 2026 00:00:00 GMT", "60", "60", "199", "49"]
    );
}

#[test]
fn scopes_are_listed_as_the_token_has_them() {
    let fake = FakeBuildkite::builder()
        .token("odd", [Scope::WriteBuilds, Scope::GraphQl, Scope::ReadUser])
        .start();
    let answer = client(&fake).with_token("odd").get("/user");
    assert_eq!(
        answer.header("x-oauth-scopes"),
        Some("write_builds,graphql,read_user")
    );
    assert_eq!(answer.header("x-accepted-oauth-scopes"), Some("read_user"));
}

#[test]
fn a_slash_at_the_end_is_equal_to_none() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create_build();
    let client = client(&fake);
    for path in [
        "/user",
        "/builds",
        "/organizations",
        "/organizations/acme",
        "/organizations/acme/pipelines",
        BUILD,
        BUILDS,
    ] {
        let (without, with) = (client.get(path), client.get(&format!("{path}/")));
        assert_eq!((with.status, &with.text), (200, &without.text), "{path}");
    }
    client
        .post(
            &format!("{BUILDS}/"),
            r#"{"commit":"HEAD","branch":"main"}"#,
        )
        .expect(201);
    let paged = client.get(&format!("{BUILDS}/?per_page=1"));
    assert!(
        paged
            .header("link")
            .is_some_and(|link| link.contains("/builds?page=2&per_page=1>"))
    );
    client.put(&format!("{BUILD}/cancel/")).expect(200);
    assert_eq!(
        client.delete("/organizations/acme/pipelines/app/").status,
        204
    );
}

/// As of a client that puts `/organizations` behind an address that ends in a slash.
#[test]
fn slashes_in_a_row_are_one() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create_build();
    let client = client(&fake);
    let (once, twice) = (client.get(BUILD), client.get(&format!("/{BUILD}")));
    assert_eq!((twice.status, &twice.text), (200, &once.text));
    let inside = client.get("/organizations//acme///pipelines/app/builds/1//");
    assert_eq!((inside.status, &inside.text), (200, &once.text));
    // The record has it as it was sent.
    let requests = fake.requests().to(Route::GetBuild);
    assert_eq!(requests[1].path, format!("/v2/{BUILD}"));
}

#[test]
fn every_request_has_an_id_of_its_own_and_the_same_seed_mints_the_same() {
    let ids = |seed| {
        let fake = FakeBuildkite::builder()
            .allow_unknown_routes()
            .seed(seed)
            .start();
        let client = client(&fake);
        let paths = [
            "/user",
            "/user",
            "/nonsense",
            "/organizations/none",
            "/organizations/acme/portals",
        ];
        let id = |path: &&str| {
            client
                .get(path)
                .header("x-request-id")
                .expect("an id")
                .to_owned()
        };
        paths.iter().map(id).collect::<Vec<_>>()
    };
    let first = ids(1);
    assert_eq!(first, ids(1));
    assert_ne!(first, ids(2));
    for (n, id) in first.iter().enumerate() {
        assert!(id.parse::<uuid::Uuid>().is_ok(), "{id}");
        assert!(!first[..n].contains(id), "{first:?}");
    }
}
