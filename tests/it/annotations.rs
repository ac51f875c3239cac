//! Annotations: made by script, by hand and through the API; listed, replaced, added to and deleted.

use fake_buildkite::{
    Access, Annotation, AnnotationScope, AnnotationStyle, BuildHandle, FakeBuildkite, JobHandle,
    Scope, minutes, seconds,
};

use crate::support::{Client, Json, client, panic_of, world};

const STEPS: &str = "steps: [{command: make, key: test}, {command: ship, key: ship}]";
const BUILD: &str = "/organizations/acme/pipelines/app/builds/1";
const LIST: &str = "/organizations/acme/pipelines/app/builds/1/annotations";
const MISSING: &str = "01234567-89ab-7000-8000-000000000000";

fn running(fake: &FakeBuildkite) -> (BuildHandle, JobHandle) {
    let build = fake.pipeline("app").steps(STEPS).create_build();
    let job = build.job("test");
    job.start();
    (build, job)
}

/// Both paths below which a job's things are.
fn families(job: &JobHandle) -> [String; 2] {
    let id = job.id();
    [
        format!("{BUILD}/jobs/{id}"),
        format!("/organizations/acme/jobs/{id}"),
    ]
}

fn contexts(list: &Json) -> String {
    let items = list.items().iter();
    let contexts: Vec<_> = items.map(|one| one["context"].str()).collect();
    contexts.join(" ")
}

// --- By script and by hand -------------------------------------------------------------------------------------------

#[test]
fn a_script_annotates_as_the_last_thing_before_its_command_ends() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(STEPS).create();
    app.on_job("test")
        .takes(minutes(5))
        .annotates(
            Annotation::new("2 failed")
                .context("tests")
                .style(AnnotationStyle::Error)
                .priority(10),
        )
        .annotates(Annotation::new("slow").scope(AnnotationScope::Job))
        .exits(1);
    app.on_job("ship").hangs().annotates("never");
    let build = app.create_build();
    fake.advance(minutes(5));
    assert_eq!(build.annotations(), []);
    fake.advance(seconds(1));
    let of_build = build.annotations();
    assert_eq!(of_build.len(), 1);
    let annotation = &of_build[0];
    assert_eq!(annotation.body, "2 failed");
    assert_eq!(annotation.style, Some(AnnotationStyle::Error));
    assert_eq!((annotation.priority, annotation.job_id), (10, None));
    let job = build.job("test");
    let of_job = job.annotations();
    assert_eq!(of_job[0].body, "slow");
    assert_eq!(of_job[0].job_id, Some(job.id()));
    let events = fake.events().to_string();
    assert!(
        events.contains("00:05:01.000Z app#1 annotated: tests"),
        "{events}"
    );
    assert!(events.contains("app#1 test annotated: default"), "{events}");
}

#[test]
fn the_same_context_replaces_or_adds_and_what_is_not_said_stays() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    let first = job.annotate(
        Annotation::new("a")
            .style(AnnotationStyle::Info)
            .priority(7),
    );
    fake.advance(seconds(1));
    let second = job.annotate(Annotation::new("b").append());
    assert_eq!((second.id, second.body.as_str()), (first.id, "a\nb"));
    assert_eq!(second.style, Some(AnnotationStyle::Info));
    assert_eq!(second.priority, 7);
    assert_eq!(second.created_at, first.created_at);
    assert_eq!((second.updated_at - first.updated_at).num_seconds(), 1);
    let third = build.annotate(Annotation::new("c").priority(1));
    assert_eq!((third.body.as_str(), third.priority), ("c", 1));
    // Without a body, the style alone.
    let fourth = job.annotate(Annotation::new("").style(AnnotationStyle::Warning));
    assert_eq!(fourth.body, "c");
    assert_eq!(fourth.style, Some(AnnotationStyle::Warning));
    // Appending to nothing is making one; another context, and another scope, is another one.
    job.annotate(Annotation::new("d").context("other").append());
    job.annotate(Annotation::new("e").scope(AnnotationScope::Job));
    let bodies: Vec<_> = build
        .annotations()
        .into_iter()
        .map(|one| one.body)
        .collect();
    assert_eq!(bodies, ["c", "d"]);
    assert_eq!(job.annotations()[0].body, "e");
}

#[test]
fn only_a_job_that_an_agent_works_on_annotates() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    let before = world(&fake, &["acme"]);
    let waits = build.job("ship");
    let refused = waits.try_annotate("a").expect_err("it waits").to_string();
    assert_eq!(
        refused,
        "app#1 ship cannot annotate anything: no agent works on the job; it is scheduled"
    );
    assert_eq!(panic_of(|| waits.annotate("a")), refused);
    assert_eq!(world(&fake, &["acme"]), before);
    job.pass();
    assert!(job.try_annotate("a").is_err());
    build.annotate("anybody may, at any time");
}

#[test]
fn slips_are_said_where_they_are_made() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    let long = "a".repeat((1 << 20) + 1);
    let too_long = "the body of an annotation is at most 1 MiB long";
    assert_eq!(panic_of(|| job.annotate(long.as_str())), too_long);
    assert_eq!(panic_of(|| build.annotate(long.as_str())), too_long);
    let app = fake.existing_pipeline("app");
    assert_eq!(
        panic_of(|| app.on_job("test").annotates(long.as_str())),
        too_long
    );
    for priority in [0, 11] {
        assert_eq!(
            panic_of(|| Annotation::new("a").priority(priority)),
            format!("the priority of an annotation is between 1 and 10, and not {priority}")
        );
    }
    let of_job = Annotation::new("a").scope(AnnotationScope::Job);
    assert_eq!(
        panic_of(|| build.annotate(of_job)),
        "a build has no annotations about a job: use `job(..).annotate(..)`"
    );
    assert_eq!(build.annotations(), []);
}

// --- Lists -----------------------------------------------------------------------------------------------------------

#[test]
fn an_annotation_looks_as_documented() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    let of_build = build.annotate("**All** passed");
    fake.advance(seconds(1));
    let of_job = job.annotate(
        Annotation::new("a")
            .context("b")
            .style(AnnotationStyle::Success)
            .scope(AnnotationScope::Job),
    );
    let client = client(&fake);
    assert_eq!(
        client.get(LIST).text,
        format!(
            "[{{\"id\":\"{}\",\"context\":\"default\",\"style\":null,\"scope\":\"build\",\"job_id\":null,\
             \"priority\":3,\"created_at\":\"2030-01-01T00:00:00.000Z\",\"updated_at\":\"2030-01-01T00:00:00.000Z\",\
             \"body_html\":\"<p><strong>All</strong> passed</p>\\n\"}}]\n",
            of_build.id
        )
    );
    for family in families(&job) {
        assert_eq!(
            client.get(&format!("{family}/annotations")).text,
            format!(
                "[{{\"id\":\"{}\",\"context\":\"b\",\"style\":\"success\",\"scope\":\"job\",\"job_id\":\"{}\",\
                 \"priority\":3,\"created_at\":\"2030-01-01T00:00:01.000Z\",\"updated_at\":\"2030-01-01T00:00:01.000Z\",\
                 \"body_html\":\"<p>a</p>\\n\"}}]\n",
                of_job.id,
                job.id()
            )
        );
    }
}

#[test]
fn a_builds_list_has_scopes_and_can_leave_out_what_is_said() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    build.annotate(Annotation::new("1").context("one"));
    job.annotate(
        Annotation::new("2")
            .context("two")
            .scope(AnnotationScope::Job),
    );
    build.annotate(Annotation::new("3").context("three").priority(10));
    let client = client(&fake);
    for (query, expected) in [
        ("", "one three"),
        ("scope=build", "one three"),
        ("scope=job", "two"),
        ("scope=all", "one two three"),
        ("scope=none", ""),
    ] {
        let found = client.get(&format!("{LIST}?{query}")).expect(200);
        assert_eq!(contexts(&found), expected, "{query}");
        assert!(
            found
                .items()
                .iter()
                .all(|one| one.get("body_html").is_some())
        );
    }
    for (query, is_shown) in [("true", false), ("1", false), ("false", true), ("x", true)] {
        for list in [
            format!("{LIST}?scope=all&omit_body={query}"),
            format!("{}/annotations?omit_body={query}", families(&job)[0]),
        ] {
            let found = client.get(&list).expect(200);
            assert!(!found.items().is_empty());
            for one in found.items() {
                assert_eq!(one.get("body_html").is_some(), is_shown, "{list}");
            }
        }
    }
}

#[test]
fn lists_have_pages_and_fingerprints() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    for context in ["a", "b", "c"] {
        build.annotate(Annotation::new("x").context(context));
        let of_job = Annotation::new("x").context(context);
        job.annotate(of_job.scope(AnnotationScope::Job));
    }
    let client = client(&fake);
    for list in [
        LIST.to_owned(),
        format!("{}/annotations", families(&job)[1]),
    ] {
        let first = client.get(&format!("{list}?per_page=2"));
        assert_eq!(contexts(&first.expect(200)), "a b");
        let url = format!("{}/v2{list}", fake.url());
        assert_eq!(
            first.header("link").expect("more"),
            format!(
                "<{url}?page=2&per_page=2>; rel=\"next\", <{url}?page=2&per_page=2>; rel=\"last\""
            )
        );
        let etag = client.get(&list).header("etag").expect("one").to_owned();
        let again = || {
            client
                .send("GET", &list, &[("if-none-match", &etag)], None)
                .status
        };
        assert_eq!(again(), 304);
        build.annotate(Annotation::new("y").context("a"));
        let of_job = Annotation::new("y").context("a");
        job.annotate(of_job.scope(AnnotationScope::Job));
        assert_eq!(again(), 200);
    }
}

// --- Through the API -------------------------------------------------------------------------------------------------

#[test]
fn a_build_and_a_job_are_annotated_through_the_api() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    job.pass();
    let client = client(&fake);
    let body = r##"{"body":"# Done","style":"success","priority":9,"context":"deploy"}"##;
    let made = client.post(LIST, body).expect(201);
    assert_eq!(
        made.keys(),
        [
            "id",
            "context",
            "style",
            "scope",
            "job_id",
            "priority",
            "created_at",
            "updated_at",
            "body_html"
        ]
    );
    assert_eq!(made["body_html"].str(), "<h1>Done</h1>\n");
    assert_eq!(
        (made["style"].str(), made["priority"].number()),
        ("success", 9)
    );
    assert_eq!(
        (made["scope"].str(), made["context"].str()),
        ("build", "deploy")
    );
    fake.advance(seconds(2));
    let more = r#"{"body":"and *dusted*","append":true,"context":"deploy"}"#;
    let added = client.post(LIST, more).expect(201);
    assert_eq!(added["id"], made["id"]);
    assert_eq!(
        added["body_html"].str(),
        "<h1>Done</h1>\n<p>and <em>dusted</em></p>\n"
    );
    assert_eq!(added["created_at"], made["created_at"]);
    assert_eq!(added["updated_at"].str(), "2030-01-01T00:00:02.000Z");
    let replaced = client
        .post(LIST, r#"{"body":"New","append":false,"context":"deploy"}"#)
        .expect(201);
    assert_eq!(replaced["id"], made["id"]);
    assert_eq!(replaced["body_html"].str(), "<p>New</p>\n");
    for (n, family) in families(&job).iter().enumerate() {
        let made = client
            .post(
                &format!("{family}/annotations"),
                r#"{"body":"a","context":" "}"#,
            )
            .expect(201);
        assert_eq!(
            (made["scope"].str(), made["context"].str()),
            ("job", "default")
        );
        assert_eq!(made["job_id"].str(), job.id().to_string());
        assert_eq!(job.annotations().len(), 1, "{n}: one for each context");
    }
    assert_eq!(build.annotations().len(), 1);
}

#[test]
fn what_cannot_be_an_annotation_is_refused_and_changes_nothing() {
    let fake = FakeBuildkite::start();
    let (_, job) = running(&fake);
    let client = client(&fake);
    let before = world(&fake, &["acme"]);
    let long = format!(r#"{{"body":"{}"}}"#, "a".repeat((1 << 20) + 1));
    let lists = families(&job).map(|family| format!("{family}/annotations"));
    for list in [LIST.to_owned(), lists[0].clone(), lists[1].clone()] {
        for (body, errors) in [
            ("", r#"{"field":"body","code":"missing"}"#),
            (r#"{"body":" "}"#, r#"{"field":"body","code":"missing"}"#),
            (r#"{"body":1}"#, r#"{"field":"body","code":"invalid"}"#),
            (
                r#"{"style":"red","priority":0,"append":"yes","context":1}"#,
                r#"{"field":"body","code":"missing"},{"field":"context","code":"invalid"},{"field":"style","code":"invalid"},{"field":"priority","code":"invalid"},{"field":"append","code":"invalid"}"#,
            ),
            (
                r#"{"body":"a","priority":11}"#,
                r#"{"field":"priority","code":"invalid"}"#,
            ),
            (
                &long,
                r#"{"field":"body","code":"is too long (maximum is 1 MiB)"}"#,
            ),
        ] {
            let refused = client.post(&list, body);
            assert_eq!(
                (refused.status, refused.text),
                (
                    422,
                    format!("{{\"message\":\"Validation Failed\",\"errors\":[{errors}]}}\n")
                )
            );
        }
        assert_eq!(client.post(&list, "{").status, 400);
        assert_eq!(contexts(&client.get(&list).expect(200)), "");
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn an_annotation_is_deleted_where_it_is_and_nowhere_else() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    let client = client(&fake);
    let of_build = build.annotate("a").id;
    for family in families(&job) {
        let of_job = job
            .annotate(Annotation::new("a").scope(AnnotationScope::Job))
            .id;
        let ship = families(&build.job("ship"))[1].clone();
        for path in [
            format!("{LIST}/{of_job}"),
            format!("{family}/annotations/{of_build}"),
            format!("{ship}/annotations/{of_job}"),
            format!("{family}/annotations/{MISSING}"),
            format!("{LIST}/default"),
        ] {
            assert_eq!(
                client.delete(&path).message(404),
                "No annotation found",
                "{path}"
            );
        }
        let path = format!("{family}/annotations/{of_job}");
        let deleted = client.delete(&path);
        assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
        assert_eq!(client.delete(&path).message(404), "No annotation found");
        assert_eq!(job.annotations(), []);
    }
    assert_eq!(client.delete(&format!("{LIST}/{of_build}")).status, 204);
    assert_eq!(build.annotations(), []);
    for (path, message) in [
        (format!("{BUILD}0/annotations"), "No build found"),
        (
            format!("{BUILD}/jobs/{MISSING}/annotations"),
            "No job found",
        ),
        (
            format!("/organizations/acme/jobs/{MISSING}/annotations"),
            "No job found",
        ),
    ] {
        assert_eq!(client.get(&path).message(404), message);
        assert_eq!(client.post(&path, r#"{"body":"a"}"#).message(404), message);
        assert_eq!(
            client.delete(&format!("{path}/{MISSING}")).message(404),
            message
        );
    }
}

#[test]
fn who_may_only_read_annotates_nothing() {
    let fake = FakeBuildkite::builder()
        .token("reader", [Scope::ReadBuilds])
        .start();
    let app = fake
        .pipeline("app")
        .steps(STEPS)
        .access(Access::ReadOnly)
        .create();
    let build = app.create_build();
    let id = build.annotate("a").id;
    let reader = client(&fake).with_token("reader");
    assert_eq!(reader.get(LIST).status, 200);
    let scope = "Your access token doesn't have the write_builds scope";
    assert_eq!(reader.post(LIST, r#"{"body":"b"}"#).message(403), scope);
    assert_eq!(reader.delete(&format!("{LIST}/{id}")).message(403), scope);
    let client = client(&fake);
    assert_eq!(
        client.post(LIST, r#"{"body":"b"}"#).message(403),
        "Forbidden"
    );
    assert_eq!(
        client.delete(&format!("{LIST}/{id}")).message(403),
        "Forbidden"
    );
    assert_eq!(build.annotations()[0].body, "a");
}

#[test]
fn every_route_asks_for_a_token_and_its_scope_on_both_paths() {
    const BODY: &str = r#"{"body":"b"}"#;
    let fake = FakeBuildkite::builder()
        .token("none", [Scope::ReadUser])
        .start();
    let (build, job) = running(&fake);
    let api = client(&fake);
    let of_build = build.annotate("a").id;
    let of_job = job
        .annotate(Annotation::new("a").scope(AnnotationScope::Job))
        .id;
    let before = world(&fake, &["acme"]);
    let places = families(&job).map(|place| (place, of_job));
    for (place, id) in places.into_iter().chain([(BUILD.to_owned(), of_build)]) {
        let list = format!("{place}/annotations");
        for (method, path, scope) in [
            ("GET", list.clone(), "read_builds"),
            ("POST", list.clone(), "write_builds"),
            ("DELETE", format!("{list}/{id}"), "write_builds"),
        ] {
            let send = |client: &Client, path: &str| client.send(method, path, &[], Some(BODY));
            let unauthorized = "Authentication required. Please supply a valid API Access Token: https://buildkite.com/docs/apis/rest-api#authentication";
            let refused = send(&api.without_token(), &path);
            assert_eq!(refused.message(401), unauthorized, "{method} {path}");
            let refused = send(&api.with_token("none"), &path);
            let missing = format!("Your access token doesn't have the {scope} scope");
            assert_eq!(refused.message(403), missing, "{method} {path}");
            let nowhere = path.replace("/acme/", "/initech/");
            let refused = send(&api, &nowhere);
            assert_eq!(refused.message(404), "No organization found", "{nowhere}");
            if path.contains("/pipelines/") {
                let nowhere = path.replace("/app/", "/other/");
                assert_eq!(send(&api, &nowhere).message(404), "No pipeline found");
            }
        }
    }
    assert_eq!(world(&fake, &["acme"]), before);
    assert_eq!((build.annotations().len(), job.annotations().len()), (1, 1));
}

// --- The rest of the world -------------------------------------------------------------------------------------------

#[test]
fn going_back_brings_annotations_back() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    let before = [build.annotate("a")];
    let snapshot = fake.snapshot();
    job.annotate(Annotation::new("b").append());
    let fork = fake.fork();
    client(&fake).delete(&format!("{LIST}/{}", before[0].id));
    assert_eq!(build.annotations(), []);
    let of_fork = fork.existing_pipeline("app").latest_build().annotations();
    assert_eq!(of_fork[0].body, "a\nb");
    fake.rewind(&snapshot);
    assert_eq!(build.annotations(), before);
}

#[test]
fn a_deleted_pipeline_takes_its_annotations_along() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    build.annotate("a");
    job.annotate(Annotation::new("a").scope(AnnotationScope::Job));
    let client = client(&fake);
    client.delete("/organizations/acme/pipelines/app");
    fake.pipeline("app").steps(STEPS).create_build();
    assert_eq!(
        contexts(&client.get(&format!("{LIST}?scope=all")).expect(200)),
        ""
    );
}

#[test]
fn the_page_of_a_build_shows_its_annotations_and_runs_none_of_them() {
    let fake = FakeBuildkite::start();
    let (build, job) = running(&fake);
    assert!(!build.timeline().html().contains("id=\"annotations\""));
    build.annotate(
        Annotation::new("# Results\n\n<script>alert(1)</script>\n\n[a](javascript:b) ![c](https://d.test/e.png)")
            .context("<i>")
            .style(AnnotationStyle::Error),
    );
    let artifact = job.upload_artifact("report.html", "").id;
    job.annotate(Annotation::new("[later](artifact://report.html)").scope(AnnotationScope::Job));
    build.annotate(Annotation::new("first").context("top").priority(10));
    let page = client(&fake).without_token().get(&build.web_url()).text;
    let found = page
        .split("id=\"annotations\"")
        .nth(1)
        .and_then(|rest| rest.split("</section>").next())
        .expect("a section");
    assert_eq!(
        found,
        format!(
            ">Annotations</h2>\n\
             <article class=\"annotation plain\"><p class=\"sub\">top</p>\n<p>first</p>\n</article>\n\
             <article class=\"annotation error\"><p class=\"sub\">&lt;i&gt;, error</p>\n<h3>Results</h3>\n\
             <p>&lt;script&gt;alert(1)&lt;/script&gt;\n</p>\n<p><a href=\"\">a</a> c</p>\n</article>\n\
             <article class=\"annotation plain\"><p class=\"sub\">default of <a href=\"#{}\">test</a></p>\n\
             <p><a href=\"/acme/app/builds/1/artifacts/{artifact}\">later</a></p>\n</article>\n",
            job.id()
        )
    );
}
