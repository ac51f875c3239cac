//! Artifacts: uploaded by script and by hand, listed, fetched and deleted through the API.

use std::sync::Arc;

use fake_buildkite::{
    Access, ArtifactState, BuildHandle, Clock, FakeBuildkite, JobHandle, JobState, Route, Scope,
    minutes, seconds,
};

use crate::support::{Answer, Client, Json, client, panic_of, world};

const STEPS: &str = "steps: [{command: make, key: pack}, {command: ship, key: ship}]";
const BUILD: &str = "/organizations/acme/pipelines/app/builds/1";
const MISSING: &str = "01234567-89ab-7000-8000-000000000000";

/// A build whose job `pack` runs and has uploaded three files.
fn packed(fake: &FakeBuildkite) -> (BuildHandle, JobHandle) {
    let build = fake.pipeline("app").steps(STEPS).create_build();
    let job = build.job("pack");
    job.start();
    job.upload_artifact("dist/app.tar", vec![7; 3_000]);
    job.upload_artifact("log/pack.log", "packed\n");
    job.upload_artifact("README.md", "");
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

fn paths(list: &Json) -> String {
    let items = list.items().iter();
    let paths: Vec<_> = items.map(|artifact| artifact["path"].str()).collect();
    paths.join(" ")
}

// --- Where they come from --------------------------------------------------------------------------------------------

#[test]
fn a_script_uploads_as_the_last_thing_before_its_command_ends_and_on_every_attempt() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(STEPS).create();
    app.on_job("pack")
        .takes(minutes(5))
        .uploads_artifact("a.log", "first")
        .exits(1)
        .then()
        .uploads_artifact("a.log", "second")
        .uploads_artifact("./b.log", "third");
    let build = app.create_build();
    fake.advance(minutes(5));
    assert_eq!(build.artifacts(), []);
    fake.advance(seconds(1));
    let retry = build.job("pack").retry();
    fake.run_until_idle();
    let found: Vec<_> = build
        .artifacts()
        .into_iter()
        .map(|artifact| {
            (
                artifact.path,
                String::from_utf8_lossy(&artifact.content).into_owned(),
            )
        })
        .collect();
    let expected = [("a.log", "first"), ("a.log", "second"), ("b.log", "third")];
    assert_eq!(
        found,
        expected.map(|(path, text)| (path.to_owned(), text.to_owned()))
    );
    assert_eq!(retry.artifacts().len(), 2);
    let events = fake.events().to_string();
    assert!(
        events.contains("2030-01-01T00:05:01.000Z app#1 pack uploaded a.log"),
        "{events}"
    );
}

#[test]
fn a_command_that_is_stopped_or_hangs_uploads_nothing() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(STEPS).create();
    app.on_job("pack").hangs().uploads_artifact("a.log", "");
    app.on_job("ship")
        .takes(minutes(9))
        .uploads_artifact("b.log", "");
    let build = app.create_build();
    fake.advance(minutes(1));
    build.cancel();
    fake.run_until_idle();
    assert_eq!(build.artifacts(), []);
}

#[test]
fn only_a_job_that_an_agent_works_on_uploads_by_hand() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").steps(STEPS).create_build();
    let job = build.job("pack");
    let before = world(&fake, &["acme"]);
    let refused = job.try_upload_artifact("a.log", "").expect_err("it waits");
    assert_eq!(refused.state, JobState::Scheduled);
    let said = panic_of(|| job.upload_artifact("a.log", ""));
    assert_eq!(
        said,
        "app#1 pack cannot upload an artifact: no agent works on the job; it is scheduled"
    );
    assert_eq!(world(&fake, &["acme"]), before);
    job.start();
    job.silence_agent();
    assert!(
        job.try_upload_artifact("a.log", "").is_err(),
        "nobody hears it"
    );
    job.lose_agent();
    let ship = build.job("ship");
    ship.start();
    ship.cancel();
    assert!(
        ship.try_upload_artifact("a.log", "").is_ok(),
        "it is canceling"
    );
    ship.finish(0);
    assert!(ship.try_upload_artifact("a.log", "").is_err());
}

#[test]
fn a_path_that_names_no_file_is_a_slip() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    for path in ["", "dist/", ".."] {
        let said = panic_of(|| job.upload_artifact(path, ""));
        assert_eq!(
            said,
            format!("`{path}` is the path of no file: nothing can be uploaded from there")
        );
    }
    let said = panic_of(|| job.mark_artifact("a", ArtifactState::New));
    assert_eq!(
        said,
        "no artifact `a` of app#1 pack; it has `dist/app.tar`, `log/pack.log`, `README.md`"
    );
}

#[test]
fn the_bytes_are_kept_once() {
    let fake = FakeBuildkite::start();
    let (build, job) = packed(&fake);
    let fork = fake.fork();
    let again = fork.existing_pipeline("app").latest_build().artifacts();
    assert!(Arc::ptr_eq(
        &build.artifacts()[0].content,
        &again[0].content
    ));
    assert!(Arc::ptr_eq(&job.artifacts()[0].content, &again[0].content));
}

// --- Lists -----------------------------------------------------------------------------------------------------------

#[test]
fn a_build_and_each_job_list_their_own() {
    let fake = FakeBuildkite::start();
    let (build, job) = packed(&fake);
    let ship = build.job("ship");
    ship.start();
    ship.upload_artifact("ship.log", "");
    let client = client(&fake);
    let all = client.get(&format!("{BUILD}/artifacts")).expect(200);
    assert_eq!(paths(&all), "dist/app.tar log/pack.log README.md ship.log");
    for place in families(&job) {
        let own = client.get(&format!("{place}/artifacts")).expect(200);
        assert_eq!(paths(&own), "dist/app.tar log/pack.log README.md");
        assert_eq!(own.items(), &all.items()[..3]);
    }
    // The address in a job's own JSON is that of its list.
    let url = client.build("app", 1)["jobs"][1]["artifacts_url"]
        .str()
        .to_owned();
    assert_eq!(paths(&client.get(&url).expect(200)), "ship.log");
}

#[test]
fn an_artifact_looks_as_documented() {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let artifact = job.artifacts()[1].clone();
    let (id, job_id) = (artifact.id, job.id());
    let url = format!("http://fake.test/v2{BUILD}/jobs/{job_id}/artifacts/{id}");
    let expected = format!(
        "{{\"id\":\"{id}\",\"job_id\":\"{job_id}\",\"url\":\"{url}\",\"download_url\":\"{url}/download\",\
         \"state\":\"finished\",\"path\":\"log/pack.log\",\"dirname\":\"log\",\"filename\":\"pack.log\",\
         \"mime_type\":\"text/plain\",\"file_size\":7,\"glob_path\":null,\"original_path\":null,\
         \"sha1sum\":\"{}\"}}\n",
        artifact.sha1sum
    );
    for place in families(&job) {
        let found = client.get(&format!("{place}/artifacts/{id}"));
        assert_eq!((found.status, &found.text), (200, &expected));
        assert!(found.header("etag").is_some());
        assert_eq!(
            found.header("x-accepted-oauth-scopes"),
            Some("read_artifacts")
        );
    }
}

#[test]
fn lists_are_filtered_by_path_and_state() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    job.mark_artifact("README.md", ArtifactState::Error);
    let client = client(&fake);
    let own = families(&job).map(|place| format!("{place}/artifacts"));
    for list in [format!("{BUILD}/artifacts"), own[0].clone(), own[1].clone()] {
        for (query, expected) in [
            ("path=log/pack.log", "log/pack.log"),
            ("path=pack.log", ""),
            ("path=*.log", "log/pack.log"),
            ("path=*a*", "dist/app.tar log/pack.log"),
            ("path=*", "dist/app.tar log/pack.log README.md"),
            ("path=", "dist/app.tar log/pack.log README.md"),
            ("state=error", "README.md"),
            ("state=finished&path=d*", "dist/app.tar"),
            ("state=new", ""),
            ("state=expired", ""),
            ("state=deleted", ""),
        ] {
            let found = client.get(&format!("{list}?{query}")).expect(200);
            assert_eq!(paths(&found), expected, "{list}?{query}");
        }
        let refused = client.get(&format!("{list}?state=done"));
        assert_eq!(refused.message(422), "done is not a valid artifact state");
    }
}

#[test]
fn lists_have_pages() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    for list in [
        format!("{BUILD}/artifacts"),
        format!("{}/artifacts", families(&job)[1]),
    ] {
        let first = client.get(&format!("{list}?per_page=2"));
        assert_eq!(paths(&first.expect(200)), "dist/app.tar log/pack.log");
        let url = format!("{}/v2{list}", fake.url());
        assert_eq!(
            first.header("link").expect("more"),
            format!(
                "<{url}?page=2&per_page=2>; rel=\"next\", <{url}?page=2&per_page=2>; rel=\"last\""
            )
        );
        let second = client.get(&format!("{list}?per_page=2&page=2"));
        assert_eq!(paths(&second.expect(200)), "README.md");
        assert_eq!(
            paths(&client.get(&format!("{list}?page=9")).expect(200)),
            ""
        );
    }
}

#[test]
fn a_list_that_nobody_changed_is_not_sent_twice() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let list = format!("{BUILD}/artifacts");
    let etag = client.get(&list).header("etag").expect("one").to_owned();
    let again = |client: &Client| client.send("GET", &list, &[("if-none-match", &etag)], None);
    assert_eq!(again(&client).status, 304);
    job.upload_artifact("new.log", "");
    assert_eq!(again(&client).status, 200);
}

#[test]
fn what_shows_an_artifact_is_sent_again_when_its_state_changed() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let id = job.artifacts()[2].id;
    let one = format!("{BUILD}/jobs/{}/artifacts/{id}", job.id());
    for path in [format!("{BUILD}/artifacts"), one] {
        let etag = client.get(&path).header("etag").expect("one").to_owned();
        let known = [("if-none-match", etag.as_str())];
        let again = || client.send("GET", &path, &known, None);
        assert_eq!(again().status, 304, "{path}");
        job.mark_artifact("README.md", ArtifactState::Error);
        assert_eq!(again().status, 200, "{path}");
        job.mark_artifact("README.md", ArtifactState::Finished);
    }
}

// --- Fetching them ---------------------------------------------------------------------------------------------------

#[track_caller]
fn address(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{}", answer.text);
    let location = answer.header("location").expect("a location").to_owned();
    assert_eq!(answer.text, format!("{{\"url\":\"{location}\"}}\n"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    location
}

#[test]
fn a_download_leads_to_another_host_and_a_good_client_leaves_its_token_behind() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let artifact = &job.artifacts()[0];
    for place in families(&job) {
        let path = format!("{place}/artifacts/{}/download", artifact.id);
        let location = address(&client.without_redirects().get(&path));
        let elsewhere = fake.url().replace("127.0.0.1", "localhost");
        assert!(location.starts_with(&elsewhere), "{location}");
        // reqwest drops the header on the way to another host.
        let followed = client.get(&path);
        assert_eq!(followed.status, 200, "{}", followed.text);
        assert_eq!(followed.text.as_bytes(), &*artifact.content);
        assert_eq!(followed.header("content-type"), Some("application/x-tar"));
        assert_eq!(followed.header("content-length"), Some("3000"));
    }
    let kinds = [Route::DownloadArtifact, Route::ArtifactContent];
    for (kind, count) in kinds.into_iter().zip([4, 2]) {
        fake.requests().to(kind).assert_count(count);
    }
}

#[test]
fn who_comes_by_the_other_name_is_led_back_to_the_first() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let url = fake.url().replace("127.0.0.1", "localhost");
    let path = format!(
        "{url}/v2{}/artifacts/{}/download",
        families(&job)[1],
        job.artifacts()[1].id
    );
    let location = address(&client(&fake).without_redirects().get(&path));
    assert!(location.starts_with(&fake.url()), "{location}");
    assert_eq!(client(&fake).get(&path).text, "packed\n");
}

#[test]
fn an_origin_of_the_tests_own_has_no_second_name() {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    let (_, job) = packed(&fake);
    let path = format!(
        "{}/artifacts/{}/download",
        families(&job)[0],
        job.artifacts()[0].id
    );
    let location = address(&client(&fake).without_redirects().get(&path));
    assert!(
        location.starts_with("http://fake.test/_artifacts/"),
        "{location}"
    );
    let last = fake.requests().last().expect("a request").to_string();
    assert!(last.contains("no second name"), "{last}");
}

#[test]
fn a_token_is_refused_where_it_does_not_belong() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let path = format!(
        "{}/artifacts/{}/download",
        families(&job)[0],
        job.artifacts()[1].id
    );
    let location = address(&client.without_redirects().get(&path));
    let refused = client.get(&location);
    assert_eq!(
        refused.message(400),
        "An artifact's bytes are fetched without an Authorization header: do not send the API access token to the host \
         that a download redirects to"
    );
    let last = fake.requests().last().expect("a request").to_string();
    assert!(last.contains("without an Authorization header"), "{last}");
    assert_eq!(client.without_token().get(&location).text, "packed\n");
}

#[test]
fn an_address_is_good_for_a_minute_of_the_fakes_clock_and_cannot_be_guessed() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let nobody = client.without_token();
    let download = |n: usize| {
        let id = job.artifacts()[n].id;
        let path = format!("{}/artifacts/{id}/download", families(&job)[0]);
        address(&client.without_redirects().get(&path))
    };
    let (first, other) = (download(1), download(2));
    let signature = |url: &str| url.rsplit_once('=').expect("a signature").1.to_owned();
    assert_ne!(signature(&first), signature(&other));
    let wrong = [
        first.replace(&signature(&first), &signature(&other)),
        first.replace("expires=1893456060000", "expires=1893456999999"),
        first.replace("expires=1893456060000", "expires=never"),
        first.split('?').next().expect("a path").to_owned(),
    ];
    for url in wrong {
        assert_ne!(url, first);
        let refused = nobody.get(&url);
        assert_eq!(
            refused.message(403),
            "The signature of this URL is missing or wrong"
        );
    }
    fake.advance(seconds(59));
    assert_eq!(nobody.get(&first).text, "packed\n");
    let second = download(1);
    assert_ne!(first, second);
    fake.advance(seconds(1));
    assert_eq!(nobody.get(&first).message(403), "This URL has expired");
    assert_eq!(nobody.get(&second).text, "packed\n");
}

#[test]
fn the_same_run_gives_the_same_addresses_and_another_seed_others() {
    let location = |seed| {
        let fake = FakeBuildkite::builder()
            .origin("http://fake.test")
            .seed(seed)
            .start();
        let (_, job) = packed(&fake);
        let path = format!(
            "{}/artifacts/{}/download",
            families(&job)[0],
            job.artifacts()[0].id
        );
        address(&client(&fake).without_redirects().get(&path))
    };
    assert_eq!(location(1), location(1));
    assert_ne!(location(1), location(2));
}

#[test]
fn head_shows_a_download_and_its_bytes_without_them() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let path = format!(
        "{}/artifacts/{}/download",
        families(&job)[0],
        job.artifacts()[1].id
    );
    let head = client.without_redirects().send("HEAD", &path, &[], None);
    assert_eq!((head.status, head.text.as_str()), (302, ""));
    let url = head.header("location").expect("one");
    let bytes = client.without_token().send("HEAD", url, &[], None);
    assert_eq!((bytes.status, bytes.text.as_str()), (200, ""));
    assert_eq!(bytes.header("content-length"), Some("7"));
}

#[test]
fn what_is_not_finished_cannot_be_fetched() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let path = format!(
        "{}/artifacts/{}/download",
        families(&job)[0],
        job.artifacts()[2].id
    );
    let url = address(&client.without_redirects().get(&path));
    for state in [
        ArtifactState::New,
        ArtifactState::Error,
        ArtifactState::Expired,
    ] {
        job.mark_artifact("README.md", state);
        assert_eq!(client.get(&path).message(404), "No artifact found");
        let bytes = client.without_token().get(&url);
        assert_eq!(bytes.message(404), "No artifact found");
    }
    job.mark_artifact("README.md", ArtifactState::Finished);
    assert_eq!(client.get(&path).status, 200);
}

#[test]
fn a_clock_that_goes_with_requests_goes_with_downloads() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::PerRequest(seconds(7)))
        .start();
    let (_, job) = packed(&fake);
    let path = format!(
        "{}/artifacts/{}/download",
        families(&job)[0],
        job.artifacts()[1].id
    );
    let before = fake.clock().now();
    assert_eq!(client(&fake).get(&path).text, "packed\n");
    assert_eq!((fake.clock().now() - before).num_seconds(), 14);
}

// --- Deleting them ---------------------------------------------------------------------------------------------------

#[test]
fn a_deleted_artifact_is_nowhere() {
    let fake = FakeBuildkite::start();
    let (build, job) = packed(&fake);
    let client = client(&fake);
    let place = &families(&job)[0];
    for (n, family) in families(&job).iter().enumerate() {
        let id = job.artifacts()[0].id;
        let path = format!("{family}/artifacts/{id}");
        let url = address(&client.without_redirects().get(&format!("{path}/download")));
        let deleted = client.delete(&path);
        assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
        for gone in [
            client.get(&path),
            client.delete(&path),
            client.get(&format!("{path}/download")),
            client.without_token().get(&url),
        ] {
            assert_eq!(gone.message(404), "No artifact found");
        }
        assert_eq!(build.artifacts().len(), 2 - n);
    }
    let left = client.get(&format!("{place}/artifacts")).expect(200);
    assert_eq!(paths(&left), "README.md");
    job.mark_artifact("README.md", ArtifactState::Deleted);
    assert_eq!(job.artifacts(), []);
}

#[test]
fn an_artifact_is_only_found_where_it_is() {
    let fake = FakeBuildkite::start();
    let (build, job) = packed(&fake);
    let client = client(&fake);
    let id = job.artifacts()[0].id;
    let ship = build.job("ship");
    let before = world(&fake, &["acme"]);
    for family in families(&ship) {
        for (method, end) in [("GET", ""), ("GET", "/download"), ("DELETE", "")] {
            for id in [id.to_string(), MISSING.to_owned(), "1".to_owned()] {
                let path = format!("{family}/artifacts/{id}{end}");
                let refused = client.send(method, &path, &[], None);
                assert_eq!(refused.message(404), "No artifact found", "{path}");
            }
        }
    }
    for (path, message) in [
        (
            format!("/organizations/acme/jobs/{MISSING}/artifacts"),
            "No job found",
        ),
        (format!("{BUILD}/jobs/{MISSING}/artifacts"), "No job found"),
        (format!("{BUILD}0/artifacts"), "No build found"),
    ] {
        assert_eq!(client.get(&path).message(404), message);
    }
    assert_eq!(world(&fake, &["acme"]), before);
    assert_eq!(job.artifacts().len(), 3);
}

#[test]
fn who_may_only_read_deletes_nothing() {
    let fake = FakeBuildkite::builder()
        .token("reader", [Scope::ReadArtifacts])
        .start();
    let app = fake
        .pipeline("app")
        .steps(STEPS)
        .access(Access::ReadOnly)
        .create();
    let build = app.create_build();
    let job = build.job("pack");
    job.start();
    let id = job.upload_artifact("a.log", "").id;
    let path = format!("{}/artifacts/{id}", families(&job)[0]);
    let reader = client(&fake).with_token("reader");
    assert_eq!(
        reader.delete(&path).message(403),
        "Your access token doesn't have the write_artifacts scope"
    );
    assert_eq!(client(&fake).delete(&path).message(403), "Forbidden");
    assert_eq!(reader.get(&path).status, 200);
}

#[test]
fn every_route_asks_for_a_token_and_its_scope_on_both_paths() {
    const BODY: &str = "{}";
    let fake = FakeBuildkite::builder()
        .token("none", [Scope::ReadUser])
        .start();
    let (_, job) = packed(&fake);
    let api = client(&fake);
    let id = job.artifacts()[0].id;
    let before = world(&fake, &["acme"]);
    let mut places = families(&job).to_vec();
    places.push(BUILD.to_owned());
    for place in places {
        let list = format!("{place}/artifacts");
        let mut asked = vec![("GET", list.clone(), "read_artifacts")];
        if place != BUILD {
            asked.push(("GET", format!("{list}/{id}"), "read_artifacts"));
            asked.push(("GET", format!("{list}/{id}/download"), "read_artifacts"));
            asked.push(("DELETE", format!("{list}/{id}"), "write_artifacts"));
        }
        for (method, path, scope) in asked {
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
    assert_eq!(job.artifacts().len(), 3);
}

// --- The rest of the world -------------------------------------------------------------------------------------------

#[test]
fn going_back_brings_artifacts_back() {
    let fake = FakeBuildkite::start();
    let (build, job) = packed(&fake);
    let before = build.artifacts();
    let snapshot = fake.snapshot();
    job.upload_artifact("later.log", "");
    let path = format!("{}/artifacts/{}", families(&job)[0], before[0].id);
    client(&fake).delete(&path);
    assert_ne!(build.artifacts(), before);
    fake.rewind(&snapshot);
    assert_eq!(build.artifacts(), before);
    assert_eq!(client(&fake).get(&path).status, 200);
}

#[test]
fn a_deleted_pipeline_takes_its_artifacts_along() {
    let fake = FakeBuildkite::start();
    let (_, job) = packed(&fake);
    let client = client(&fake);
    let path = format!(
        "{}/artifacts/{}/download",
        families(&job)[1],
        job.artifacts()[0].id
    );
    let url = address(&client.without_redirects().get(&path));
    client.delete("/organizations/acme/pipelines/app");
    assert_eq!(client.get(&path).message(404), "No job found");
    assert_eq!(
        client.without_token().get(&url).message(404),
        "No artifact found"
    );
}

#[test]
fn the_page_of_a_build_links_to_its_artifacts() {
    let fake = FakeBuildkite::start();
    let (build, job) = packed(&fake);
    job.upload_artifact("<b>.txt", "bold\n");
    job.mark_artifact("README.md", ArtifactState::Expired);
    let nobody = client(&fake).without_token();
    let page = nobody.get(&build.web_url()).text;
    assert!(page.contains("README.md (expired)"), "{page}");
    assert!(page.contains(">&lt;b&gt;.txt</a> <span class=\"sub\">5 bytes, of <a href=\"#"));
    let id = job.artifacts()[3].id;
    let link = format!("/acme/app/builds/1/artifacts/{id}");
    assert!(page.contains(&format!("href=\"{link}\"")), "{page}");
    let bytes = nobody.get(&format!("{}{link}", fake.url()));
    assert_eq!((bytes.status, bytes.text.as_str()), (200, "bold\n"));
    assert_eq!(bytes.header("content-type"), Some("text/plain"));
    let missing = nobody.get(&format!(
        "{}/acme/app/builds/1/artifacts/{MISSING}",
        fake.url()
    ));
    assert_eq!(missing.status, 404);
    assert!(
        missing.text.contains("There is no artifact"),
        "{}",
        missing.text
    );
}
