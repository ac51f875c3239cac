//! What is too much is answered, in words and at once: nothing hangs, nothing overflows, and the next client is served.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use fake_buildkite::{FakeBuildkite, days, millis};

use crate::support::{Answer, Client, client, panic_of, world};

const BUILDS: &str = "/organizations/acme/pipelines/app/builds";

/// A fake with a pipeline, and how it was.
struct Scene {
    fake: FakeBuildkite,
    client: Client,
    before: String,
}

impl Scene {
    fn new() -> Self {
        let fake = FakeBuildkite::builder().allow_unknown_routes().start();
        fake.pipeline("app").create();
        let (client, before) = (client(&fake), world(&fake, &["acme"]));
        Self {
            fake,
            client,
            before,
        }
    }

    /// What a new pipeline with these steps is answered.
    fn pipeline(&self, steps: &str) -> Answer {
        let body = serde_json::json!({
            "name": "new",
            "repository": "git@example.com:acme/new.git",
            "configuration": steps,
        });
        self.client
            .post("/organizations/acme/pipelines", &body.to_string())
    }

    /// Nothing has changed, nothing has failed, and the next client is served.
    #[track_caller]
    fn assert_unmoved(&self) {
        assert_eq!(world(&self.fake, &["acme"]), self.before);
        assert_eq!(self.fake.failures(), [""; 0]);
        self.client.create_build("app");
    }
}

/// Compares all of them before it fails.
#[track_caller]
fn assert_all(found: Vec<(&str, String)>, expected: &[&str]) {
    let (mut differ, mut expected) = (String::new(), expected.iter());
    for (what, found) in found {
        let expected = expected.next().copied().unwrap_or("nothing");
        if found != expected {
            write!(differ, "\n{what}:\n  {found}\n  and not {expected}").expect("a string");
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

/// The status, and what the body says of what was refused.
fn say(answer: &Answer) -> String {
    if answer.status == 201 {
        return "201".to_owned();
    }
    format!("{} {}", answer.status, answer.text.trim_end())
}

#[test]
fn a_matrix_of_a_billion_jobs_is_refused() {
    let scene = Scene::new();
    let thousand = (0..1000).map(|n| n.to_string()).collect::<Vec<_>>();
    let thousand = thousand.join(", ");
    let steps = format!(
        "steps: [{{command: 'make {{{{matrix.a}}}} {{{{matrix.b}}}} {{{{matrix.c}}}}', matrix: {{setup: {{a: [{thousand}], b: [{thousand}], c: [{thousand}]}}}}}}]"
    );
    assert_all(
        vec![("10^9", say(&scene.pipeline(&steps)))],
        &[
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"One of the steps you provided was invalid: `matrix` has too many combinations; at most 10000 are possible"}]}"#,
        ],
    );
    scene.assert_unmoved();
}

#[test]
fn a_parallelism_of_a_billion_is_refused() {
    let scene = Scene::new();
    let say = |parallelism: &str| {
        let steps = format!("steps: [{{command: make, parallelism: {parallelism}}}]");
        say(&scene.pipeline(&steps))
    };
    let found = ["1000000000", "18446744073709551616", "-1", "1e9", "1e400"];
    let found = found.map(|it| (it, say(it))).to_vec();
    assert_all(
        found,
        &[
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"One of the steps you provided was invalid: `parallelism` must be from 0 to 10000"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"One of the steps you provided was invalid: `parallelism` must be an integer"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"One of the steps you provided was invalid: `parallelism` must be from 0 to 10000"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"One of the steps you provided was invalid: `parallelism` must be from 0 to 10000"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"One of the steps you provided was invalid: `parallelism` must be an integer"}]}"#,
        ],
    );
    scene.assert_unmoved();
}

#[test]
fn yaml_whose_aliases_explode_is_refused() {
    let scene = Scene::new();
    let mut steps = "env:\n  a0: &a0 x\nx:\n- &b0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let alias = vec![format!("*b{}", n - 1); 10].join(", ");
        writeln!(steps, "- &b{n} [{alias}]").expect("a string");
    }
    steps += "steps: [{command: *b11}]\n";
    assert_all(
        vec![("aliases", say(&scene.pipeline(&steps)))],
        &[
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"document is too large: more than 100000 nodes once its aliases are expanded"}]}"#,
        ],
    );
    scene.assert_unmoved();
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let scene = Scene::new();
    let deep = 100_000;
    let group = |n: usize| "{group: g, steps: [".repeat(n) + &"]}".repeat(n);
    let condition = |text: String| {
        let steps = serde_json::json!({"steps": [{"command": "make", "if": text}]});
        scene.pipeline(&steps.to_string())
    };
    let json = |n: usize| scene.client.post(BUILDS, &("[".repeat(n) + &"]".repeat(n)));
    let object = |n: usize| {
        let text = "{\"a\":".repeat(n) + "1" + &"}".repeat(n);
        let text = format!("{{\"commit\":\"HEAD\",\"branch\":\"main\",\"meta_data\":{text}}}");
        scene.client.post(BUILDS, &text)
    };
    let found = vec![
        ("brackets", say(&scene.pipeline(&"[".repeat(deep)))),
        ("braces", say(&scene.pipeline(&"{a: ".repeat(deep)))),
        ("dashes", say(&scene.pipeline(&"- ".repeat(deep)))),
        (
            "groups",
            say(&scene.pipeline(&format!("steps: [{}]", group(40)))),
        ),
        (
            "many groups",
            say(&scene.pipeline(&format!("steps: [{}]", group(deep)))),
        ),
        (
            "parentheses",
            say(&condition("(".repeat(deep) + "true" + &")".repeat(deep))),
        ),
        (
            "less of them",
            say(&condition(
                "(".repeat(30_000) + "true" + &")".repeat(30_000),
            )),
        ),
        ("not", say(&condition("!".repeat(60_000) + "true"))),
        ("and", say(&condition("true && ".repeat(8_000) + "true"))),
        ("JSON", say(&json(deep))),
        ("objects", say(&object(deep))),
    ];
    assert_all(
        found,
        &[
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"exceeded max depth of 100"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"exceeded max depth of 100"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"exceeded max depth of 100"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"One of the steps you provided was invalid: a group can't contain another group"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"exceeded max depth of 100"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"`if` expression failed to parse: This fake does not model conditions longer than 65536 bytes yet"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"`if` expression failed to parse: This fake does not model conditions nested deeper than 64 levels yet"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"`if` expression failed to parse: This fake does not model conditions nested deeper than 64 levels yet"}]}"#,
            "201",
            r#"400 {"message":"Invalid JSON: recursion limit exceeded at line 1 column 128"}"#,
            r#"400 {"message":"Invalid JSON: recursion limit exceeded at line 1 column 676"}"#,
        ],
    );
    scene.client.delete("/organizations/acme/pipelines/new");
    scene.assert_unmoved();
}

#[test]
fn expressions_that_would_take_for_ever_are_decided_or_refused() {
    let scene = Scene::new();
    let branch = "a".repeat(200) + "!";
    let expressions = [
        "(a+)+$",
        "(a*)*b",
        "(a|a)*c",
        "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)x",
        "a{1000}{1000}{1000}",
        "(((((a{100}){100}){100}){100}){100})",
        "(?:a?){500}a{500}",
    ];
    let found = expressions.map(|expression| {
        let steps = serde_json::json!({"steps": [{
            "command": "make", "if": format!("build.branch =~ /{expression}/"),
        }]});
        let answer = scene.pipeline(&steps.to_string());
        if answer.status != 201 {
            return (expression, say(&answer));
        }
        let body = serde_json::json!({"commit": "HEAD", "branch": branch}).to_string();
        let path = "/organizations/acme/pipelines/new";
        let build = scene.client.post(&format!("{path}/builds"), &body);
        let said = format!(
            "{} {} jobs",
            build.status,
            build.json()["jobs"].items().len()
        );
        scene.client.delete(path).status.to_string();
        (expression, said)
    });
    assert_all(
        found.to_vec(),
        &[
            "201 1 jobs",
            "201 1 jobs",
            "201 1 jobs",
            "201 1 jobs",
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"`if` expression failed to parse: This fake does not model regular expressions nested deeper than 50 or this big yet"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"`if` expression failed to parse: This fake does not model regular expressions nested deeper than 50 or this big yet"}]}"#,
            r#"422 {"message":"Validation Failed","errors":[{"field":"configuration","code":"`if` expression failed to parse: This fake does not model regular expressions nested deeper than 50 or this big yet"}]}"#,
        ],
    );
    assert_eq!(scene.fake.failures(), [""; 0]);
}

#[test]
fn cron_lines_that_never_come_due_are_refused() {
    let scene = Scene::new();
    let found = [
        "0 0 31 2 *",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "99999999999999999999 * * * *",
        "* * * * 8",
        "*/0 * * * *",
    ];
    let found = found.map(|line| {
        let body = serde_json::json!({"label": "x", "cronline": line}).to_string();
        let path = "/organizations/acme/pipelines/app/schedules";
        (line, say(&scene.client.post(path, &body)))
    });
    assert_all(
        found.to_vec(),
        &[
            r#"422 {"message":"Validation failed: Cronline is invalid: it never comes due"}"#,
            r#"422 {"message":"Validation failed: Cronline is invalid: it never comes due"}"#,
            r#"422 {"message":"Validation failed: Cronline is invalid: it never comes due"}"#,
            r#"422 {"message":"Validation failed: Cronline is invalid: `99999999999999999999` in the minute is not a number from 0 to 59"}"#,
            r#"422 {"message":"Validation failed: Cronline is invalid: `8` in the day of week is not a number from 0 to 7 or a name such as `MON`"}"#,
            r#"422 {"message":"Validation failed: Cronline is invalid: `*/0` in the minute is not stepped by a number from 1 to 99"}"#,
        ],
    );
    scene.assert_unmoved();
}

#[test]
fn dates_at_the_edges_of_the_calendar_are_dates_or_said_to_be_none() {
    let scene = Scene::new();
    let found = [
        "%2B262142-12-31T23:59:59Z",
        "-262143-01-01T00:00:00Z",
        "%2B262143-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "99999999999-01-01T00:00:00Z",
        "2030-02-31T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "2030-01-01T23:59:60Z",
        "1e400",
    ];
    let found = found.map(|date| {
        (
            date,
            say(&scene
                .client
                .get(&format!("/builds?created_from={date}&created_to={date}"))),
        )
    });
    assert_all(
        found.to_vec(),
        &[
            r#"400 {"message":"created_from must be an ISO 8601 date or time"}"#,
            r#"400 {"message":"created_from must be an ISO 8601 date or time"}"#,
            r#"400 {"message":"created_from must be an ISO 8601 date or time"}"#,
            "200 []",
            r#"400 {"message":"created_from must be an ISO 8601 date or time"}"#,
            r#"400 {"message":"created_from must be an ISO 8601 date or time"}"#,
            r#"400 {"message":"created_from must be an ISO 8601 date or time"}"#,
            "200 []",
            r#"400 {"message":"created_from must be an ISO 8601 date or time"}"#,
        ],
    );
    scene.assert_unmoved();
}

#[test]
fn a_clock_does_not_go_beyond_the_calendar() {
    let outside = |instant: &str| panic_of(|| FakeBuildkite::builder().starting_at(instant));
    assert_eq!(
        outside("+262142-12-31T00:00:00Z"),
        "a clock starts in the years 0 to 9999, and not at `+262142-12-31T00:00:00Z`"
    );
    let fake = FakeBuildkite::builder()
        .starting_at("9999-12-31T23:59:59Z")
        .start();
    let build = fake.pipeline("app").create_build();
    fake.run_until_idle();
    assert!(build.is_finished());
    let seen = client(&fake).build("app", 1);
    assert_eq!(seen["finished_at"].str(), "+10000-01-01T00:00:10.000Z");
    for too_far in [Duration::from_secs(u64::MAX), Duration::MAX] {
        assert_eq!(
            panic_of(|| fake.advance(too_far).len()),
            format!("the calendar ends before {too_far:?} after +10000-01-01T00:00:10.000Z")
        );
    }
    fake.existing_pipeline("app").create_build();
    fake.advance(days(1));
    fake.run_until_idle();
    client(&fake).get("/builds").expect(200);
    assert_eq!(fake.failures(), [""; 0]);
}

#[test]
fn page_numbers_may_be_huge_and_lead_to_nothing() {
    let scene = Scene::new();
    scene.client.create_build("app");
    let found = [
        "page=99999999999999999999999",
        "page=18446744073709551615&per_page=100",
        "page=9223372036854775807&per_page=9223372036854775807",
        "page=-1",
        "page=0&per_page=0",
        "per_page=1000000000&page=2",
        "page=1e400",
        "page=%00",
    ];
    let found = found.map(|query| {
        let answer = scene.client.get(&format!("/organizations?{query}"));
        let count = answer.json().get("message").map_or_else(
            || answer.json().items().len().to_string(),
            |it| it.str().to_owned(),
        );
        (query, format!("{} {count}", answer.status))
    });
    assert_all(
        found.to_vec(),
        &[
            "200 0", "200 0", "200 0", "200 1", "200 1", "200 0", "200 1", "200 1",
        ],
    );
    assert_eq!(scene.fake.failures(), [""; 0]);
}

#[test]
fn a_call_that_would_do_too_much_says_so_and_stops() {
    let fake = FakeBuildkite::builder().event_limit(10).start();
    let app = fake.pipeline("app").create();
    for _ in 0..20 {
        app.create_build();
    }
    let text = panic_of(|| fake.advance(days(1)).len());
    assert_eq!(
        text.lines().next(),
        Some(
            "the clock stopped at 2030-01-01T00:00:01.000Z after 10 due things in one call, its limit; a longer journey \
             needs `.event_limit(..)` on the builder. Due in the last stretch:"
        )
    );
    client(&fake).get("/builds").expect(200);
}

#[test]
fn numbers_no_machine_has_are_refused() {
    let scene = Scene::new();
    let found = [
        "1e400",
        "-1e400",
        "1e-400",
        "99999999999999999999999999",
        "0x10",
        "NaN",
        "1.5",
    ];
    let found = found.map(|number| {
        let body =
            format!("{{\"commit\":\"HEAD\",\"branch\":\"main\",\"pull_request_id\":{number}}}");
        (
            number,
            say(&scene.client.post(BUILDS, &body))
                .chars()
                .take(120)
                .collect(),
        )
    });
    assert_all(
        found.to_vec(),
        &[
            r#"400 {"message":"Invalid JSON: number out of range at line 1 column 56"}"#,
            r#"400 {"message":"Invalid JSON: number out of range at line 1 column 57"}"#,
            "201",
            "201",
            r#"400 {"message":"Invalid JSON: expected `,` or `}` at line 1 column 53"}"#,
            r#"400 {"message":"Invalid JSON: expected value at line 1 column 52"}"#,
            "201",
        ],
    );
    assert_eq!(scene.fake.failures(), [""; 0]);
}

/// What comes back for these bytes.
fn raw(fake: &FakeBuildkite, line: &[u8], body: &[u8]) -> String {
    let mut stream = TcpStream::connect(fake.url().replace("http://", "")).expect("open");
    let head = format!(
        " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        fake.token(),
        body.len()
    );
    let bytes = [line, head.as_bytes(), body].concat();
    // It may be closed before all of it is written.
    let _ = stream.write_all(&bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).expect("text");
    let status = answer.get(9..12).unwrap_or("nothing");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let shown: String = body.trim_end().chars().take(160).collect();
    format!("{status} {shown}")
}

#[test]
fn bytes_that_are_no_text_are_answered_wherever_they_are() {
    let scene = Scene::new();
    let fake = &scene.fake;
    let post = format!("POST /v2{BUILDS}");
    let found = vec![
        ("path", raw(fake, b"GET /v2/organizations/\xff\xfe", b"")),
        ("query", raw(fake, b"GET /v2/builds?branch=\xff", b"")),
        (
            "escaped path",
            raw(fake, b"GET /v2/organizations/%FF%FE", b""),
        ),
        (
            "escaped query",
            raw(fake, b"GET /v2/builds?branch=%FF%00", b""),
        ),
        (
            "NUL in a path",
            raw(fake, b"GET /v2/organizations/a\0b", b""),
        ),
        (
            "escaped NUL",
            raw(fake, b"GET /v2/organizations/a%00b", b""),
        ),
        (
            "body",
            raw(
                fake,
                post.as_bytes(),
                b"{\"commit\":\"\xff\",\"branch\":\"main\"}",
            ),
        ),
        (
            "half a character",
            raw(
                fake,
                post.as_bytes(),
                b"{\"commit\":\"\xe2\x82\",\"branch\":\"main\"}",
            ),
        ),
        (
            "half a pair",
            raw(
                fake,
                post.as_bytes(),
                b"{\"commit\":\"\\ud800\",\"branch\":\"main\"}",
            ),
        ),
        ("NUL in a body", raw(fake, post.as_bytes(), b"\0")),
        ("only NULs", raw(fake, post.as_bytes(), &[0; 10_000])),
    ];
    assert_all(
        found,
        &[
            "400 ",
            "400 ",
            r#"404 {"message":"No organization found"}"#,
            "200 []",
            "400 ",
            r#"404 {"message":"No organization found"}"#,
            r#"400 {"message":"Invalid JSON: invalid unicode code point at line 1 column 12"}"#,
            r#"400 {"message":"Invalid JSON: invalid unicode code point at line 1 column 12"}"#,
            r#"400 {"message":"Invalid JSON: unexpected end of hex escape at line 1 column 18"}"#,
            r#"400 {"message":"Invalid JSON: expected value at line 1 column 1"}"#,
            r#"400 {"message":"Invalid JSON: expected value at line 1 column 1"}"#,
        ],
    );
    scene.assert_unmoved();
}

#[test]
fn enormous_values_are_kept_or_refused_and_everybody_is_served() {
    let scene = Scene::new();
    let long = "x".repeat(1 << 20);
    let many: serde_json::Map<_, _> = (0..20_000)
        .map(|n| (format!("key-{n}"), "value".into()))
        .collect();
    let create = |key: &str, value: serde_json::Value| {
        let mut body = serde_json::json!({"commit": "HEAD", "branch": "main"});
        body[key] = value;
        scene.client.post(BUILDS, &body.to_string()).status
    };
    assert_eq!(create("meta_data", many.clone().into()), 201);
    assert_eq!(create("env", many.into()), 201);
    assert_eq!(create("message", long.clone().into()), 201);
    assert_eq!(create("env", serde_json::json!({"A": long})), 201);
    assert_eq!(scene.client.get(BUILDS).expect(200).items().len(), 4);
    let annotation = serde_json::json!({"body": long}).to_string();
    let path = format!("{BUILDS}/1/annotations");
    assert_all(
        vec![(
            "annotation",
            say(&scene.client.post(&path, &annotation))
                .chars()
                .take(100)
                .collect(),
        )],
        &["201"],
    );
    let app = scene.fake.existing_pipeline("app");
    app.on_job("*").logs(&long.repeat(8)).takes(millis(1));
    scene.fake.run_until_idle();
    let build = app.create_build();
    scene.fake.run_until_idle();
    assert!(build.is_finished());
    let job = build.all_jobs()[0].id();
    let shown = scene.client.get(&format!("{BUILDS}/5/jobs/{job}/log"));
    assert!(shown.expect(200)["content"].str().len() >= 8 << 20);
    let page = scene.client.without_token().get(&build.web_url());
    assert_eq!(page.status, 200);
    assert!(page.text.len() < 4 << 20, "{}", page.text.len());
    assert_eq!(scene.fake.failures(), [""; 0]);
}
