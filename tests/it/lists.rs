//! Lists: which builds and pipelines, in which order, on which page, and how much of each is shown.

use fake_buildkite::{FakeBuildkite, PipelineHandle, minutes, seconds};

use crate::support::{Answer, Client, Json, client};

const BUILDS: &str = "/organizations/acme/pipelines/app/builds";

/// The numbers of the builds a list shows, in its order.
#[track_caller]
fn numbers(answer: &Answer) -> Vec<i64> {
    answer
        .expect(200)
        .items()
        .iter()
        .map(|build| build["number"].number())
        .collect()
}

#[track_caller]
fn assert_lists(client: &Client, query: &str, expected: &[i64]) {
    let answer = client.get(&format!("{BUILDS}?{query}"));
    assert_eq!(numbers(&answer), expected, "{query}");
}

/// One build in each state there is, and more.
fn fake_with_every_state() -> (FakeBuildkite, Client) {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}, {command: b, key: b}, wait, {command: c, key: c}, {block: Go?, key: go}]")
        .create();
    // 1 passed, 2 failed, 3 canceled, 4 canceling, 5 blocked, 6 running, 7 failing, 8 scheduled
    app.create_build().pass();
    app.create_build().fail();
    app.create_build().cancel();
    let canceling = app.create_build();
    canceling.job("a").start();
    canceling.cancel();
    let blocked = app.create_build();
    blocked.job("a").pass();
    blocked.job("b").pass();
    blocked.job("c").pass();
    app.create_build().job("a").start();
    let failing = app.create_build();
    failing.job("a").fail(1);
    failing.job("b").start();
    app.create_build();
    let client = client(&fake);
    (fake, client)
}

// --- The three lists -------------------------------------------------------------------------------------------------

#[test]
fn each_list_has_the_builds_of_its_place_newest_first() {
    let fake = FakeBuildkite::builder()
        .organization("a")
        .organization("b")
        .start();
    let client = client(&fake);
    let create = |organization: &str, pipeline: &str| {
        let path = format!("/organizations/{organization}/pipelines/{pipeline}/builds");
        client
            .post(&path, r#"{"commit":"HEAD","branch":"main"}"#)
            .expect(201)["web_url"]
            .str()
            .to_owned()
    };
    fake.pipeline("one").create();
    fake.pipeline("two").create();
    let body = r#"{"name":"one","repository":"r","configuration":"steps: [{command: make}]"}"#;
    client.post("/organizations/b/pipelines", body).expect(201);
    let mut made = Vec::new();
    for (organization, pipeline) in [
        ("a", "one"),
        ("a", "two"),
        ("b", "one"),
        ("a", "one"),
        ("b", "one"),
        ("a", "two"),
    ] {
        made.insert(0, create(organization, pipeline));
        // Same instant or later: the order is that of their making.
        if made.len() % 2 == 0 {
            fake.advance(seconds(1));
        }
    }
    let listed = |path: &str| -> Vec<String> {
        let list = client.get(path).expect(200);
        list.items()
            .iter()
            .map(|build| build["web_url"].str().to_owned())
            .collect()
    };
    let of = |place: &str| -> Vec<String> {
        made.iter()
            .filter(|url| url.contains(place))
            .cloned()
            .collect()
    };
    assert_eq!(listed("/builds"), made);
    assert_eq!(listed("/organizations/a/builds"), of("/a/"));
    assert_eq!(listed("/organizations/b/builds"), of("/b/"));
    assert_eq!(
        listed("/organizations/a/pipelines/one/builds"),
        of("/a/one/")
    );
    assert_eq!(
        listed("/organizations/a/pipelines/two/builds"),
        of("/a/two/")
    );
    assert_eq!(of("/a/two/").len(), 2);
}

#[test]
fn a_list_of_nothing_is_an_empty_array() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create();
    for path in [BUILDS, "/builds", "/organizations/acme/builds"] {
        let answer = client(&fake).get(path);
        assert_eq!((answer.status, answer.text.as_str()), (200, "[]\n"));
        assert_eq!(answer.header("link"), None);
    }
}

#[test]
fn an_entry_of_a_list_is_the_build_without_its_counts() {
    let (_fake, client) = fake_with_every_state();
    let one = client.build("app", 7);
    let list = client.get(BUILDS).expect(200);
    let entry = &list[1];
    let mut expected = one.entries().to_vec();
    expected.retain(|(key, _)| key != "job_state_counts");
    assert_eq!(*entry, Json::Object(expected));
    assert!(entry.get("test_engine").is_none());
}

// --- Filters ---------------------------------------------------------------------------------------------------------

#[test]
fn builds_are_found_by_state() {
    let (_fake, client) = fake_with_every_state();
    for (state, expected) in [
        ("passed", &[1][..]),
        ("failed", &[2]),
        ("canceled", &[3]),
        ("canceling", &[4]),
        ("blocked", &[5]),
        ("running", &[6]),
        ("failing", &[7]),
        ("scheduled", &[8]),
        ("finished", &[5, 3, 2, 1]),
        ("creating", &[]),
        ("skipped", &[]),
        ("not_run", &[]),
        ("limited", &[]),
        ("waiting", &[]),
        ("nonsense", &[]),
        ("Passed", &[]),
    ] {
        assert_lists(&client, &format!("state={state}"), expected);
        assert_lists(&client, &format!("state[]={state}"), expected);
        assert_lists(&client, &format!("state%5B%5D={state}"), expected);
        assert_lists(&client, &format!("state%5b%5d={state}"), expected);
    }
    assert_lists(&client, "state[]=passed&state[]=running", &[6, 1]);
    assert_lists(&client, "state%5B%5D=running&state[]=passed", &[6, 1]);
    assert_lists(
        &client,
        "state[]=finished&state[]=scheduled",
        &[8, 5, 3, 2, 1],
    );
    assert_lists(&client, "state[]=nonsense&state[]=failing", &[7]);
    assert_lists(&client, "state=passed&branch=none", &[]);
}

#[test]
fn a_blocked_build_reads_as_passed_and_is_found_as_blocked() {
    let (_fake, client) = fake_with_every_state();
    let blocked = client.get(&format!("{BUILDS}?state=blocked")).expect(200);
    assert_eq!(blocked[0]["state"].str(), "passed");
    assert!(blocked[0]["blocked"].bool());
}

#[test]
fn builds_are_found_by_branch_with_wildcards() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    for branch in [
        "main",
        "feature/one",
        "feature/two",
        "dev",
        "my-dev-2",
        "a+b c",
        "ü/ß",
        "Main",
    ] {
        app.build().branch(branch).create();
    }
    let client = client(&fake);
    for (query, expected) in [
        ("branch=main", &[1][..]),
        ("branch=feature/one", &[2]),
        ("branch=feature%2Fone", &[2]),
        ("branch=feature/*", &[3, 2]),
        ("branch=feature%2F%2A", &[3, 2]),
        ("branch=*dev*", &[5, 4]),
        ("branch=*dev", &[4]),
        ("branch=dev*", &[4]),
        ("branch=*e*e*", &[3, 2]),
        ("branch=*", &[8, 7, 6, 5, 4, 3, 2, 1]),
        ("branch=feature", &[]),
        ("branch=mai", &[]),
        ("branch=m?in", &[]),
        ("branch=.*", &[]),
        ("branch[]=main&branch[]=dev", &[4, 1]),
        ("branch[]=main&branch[]=*two", &[3, 1]),
        ("branch%5B%5D=main", &[1]),
        ("branch=a%2Bb%20c", &[6]),
        ("branch=a%2Bb+c", &[6]),
        ("branch=%C3%BC/%C3%9F", &[7]),
        ("branch=", &[8, 7, 6, 5, 4, 3, 2, 1]),
    ] {
        assert_lists(&client, query, expected);
    }
}

#[test]
fn builds_are_found_by_commit_creator_and_meta_data() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let (one, two) = ("1".repeat(40), "2".repeat(40));
    app.build().commit(&one).meta_data("a", "1").create();
    app.build()
        .commit(&two)
        .meta_data("a", "1")
        .meta_data("b c", "x=y&z")
        .create();
    app.build()
        .commit(&one)
        .meta_data("a", "10")
        .meta_data("b c", "")
        .create();
    let client = client(&fake);
    let me = client.get("/user").expect(200)["id"].str().to_owned();
    for (query, expected) in [
        (format!("commit={one}"), &[3, 1][..]),
        (format!("commit={}", &one[..12]), &[]),
        (format!("commit[]={one}&commit[]={two}"), &[3, 2, 1]),
        ("commit=*".to_owned(), &[]),
        (format!("creator={me}"), &[3, 2, 1]),
        (format!("creator={}", me.to_uppercase()), &[3, 2, 1]),
        (
            "creator=00000000-0000-0000-0000-000000000000".to_owned(),
            &[],
        ),
        ("creator=me".to_owned(), &[]),
        ("meta_data[a]=1".to_owned(), &[2, 1]),
        ("meta_data%5Ba%5D=1".to_owned(), &[2, 1]),
        ("meta_data[a]=10".to_owned(), &[3]),
        ("meta_data[a]=*".to_owned(), &[]),
        ("meta_data[a]=1&meta_data[b%20c]=x%3Dy%26z".to_owned(), &[2]),
        ("meta_data[a]=10&meta_data[b+c]=x%3Dy%26z".to_owned(), &[]),
        ("meta_data[missing]=1".to_owned(), &[]),
        ("meta_data[a]=".to_owned(), &[3, 2, 1]),
        (
            format!("commit={one}&meta_data[a]=1&creator={me}&branch=main&state=scheduled"),
            &[1],
        ),
    ] {
        assert_lists(&client, &query, expected);
    }
}

#[test]
fn builds_are_found_by_when_they_were_created_and_finished() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    // Created at 00:00, 00:10 and 00:20; the first two finish 11 seconds later.
    for _ in 0..2 {
        app.create_build();
        fake.advance(minutes(10));
    }
    app.create_build();
    let client = client(&fake);
    for (query, expected) in [
        ("created_from=2030-01-01T00:10:00Z", &[3, 2][..]),
        ("created_from=2030-01-01T00:10:00.001Z", &[3]),
        ("created_to=2030-01-01T00:10:00Z", &[1]),
        ("created_to=2030-01-01T00:10:00.001Z", &[2, 1]),
        (
            "created_from=2030-01-01T00:10:00Z&created_to=2030-01-01T00:20:00Z",
            &[2],
        ),
        (
            "created_from=2030-01-01T00:10:00Z&created_to=2030-01-01T00:10:00Z",
            &[],
        ),
        ("finished_from=2030-01-01T00:00:11Z", &[2, 1]),
        ("finished_from=2030-01-01T00:00:11.001Z", &[2]),
        ("finished_from=2030-01-01T00:10:11Z", &[2]),
        ("finished_from=2030-01-01T00:10:12Z", &[]),
        ("finished_from=1970-01-01T00:00:00Z", &[2, 1]),
        // Every way to write an instant
        ("created_from=2030-01-01T00:10:00.000Z", &[3, 2]),
        ("created_from=2030-01-01T00:10:00", &[3, 2]),
        ("created_from=2030-01-01T00%3A10%3A00Z", &[3, 2]),
        ("created_from=2030-01-01T02:10:00%2B02:00", &[3, 2]),
        ("created_from=2030-01-01T02:10:00+02:00", &[3, 2]),
        ("created_from=2029-12-31T22:10:00-02:00", &[3, 2]),
        ("created_from=2029-12-31T22:10:00.000-02:00", &[3, 2]),
        ("created_from=2030-01-01%2000:10:00%20UTC", &[3, 2]),
        ("created_from=2030-01-01", &[3, 2, 1]),
        ("created_to=2030-01-01", &[]),
        ("created_from=2030-01-02", &[]),
        ("created_from=&created_to=&finished_from=", &[3, 2, 1]),
    ] {
        assert_lists(&client, query, expected);
    }
    for key in ["created_from", "created_to", "finished_from"] {
        for instant in [
            "yesterday",
            "2030-13-01",
            "2030-01-01T25:00:00Z",
            "1893456000",
            "10:00",
        ] {
            for place in [BUILDS, "/builds", "/organizations/acme/builds"] {
                let answer = client.get(&format!("{place}?{key}={instant}"));
                assert!(answer.message(400).starts_with(key), "{key}={instant}");
            }
        }
    }
}

#[test]
fn a_blocked_build_counts_as_finished_when_it_is_blocked_and_no_more_once_it_goes_on() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a}, wait, {block: b, key: b}, {command: c}]")
        .create();
    let build = app.create_build();
    fake.run_until_idle();
    let client = client(&fake);
    assert_lists(&client, "finished_from=2030-01-01", &[1]);
    assert!(!client.build("app", 1)["finished_at"].is_null());
    build.job("b").unblock();
    assert_lists(&client, "finished_from=2030-01-01", &[]);
    assert!(client.build("app", 1)["finished_at"].is_null());
}

#[test]
fn empty_and_unknown_parameters_are_as_good_as_none() {
    let (_fake, client) = fake_with_every_state();
    for query in [
        "",
        "&&",
        "state=",
        "state[]=",
        "state",
        "branch[]=&commit=&creator=&meta_data[x]=",
        "nonsense=1&statee=passed&state[x]=passed&%5B%5D=&=",
        "page=&per_page=",
        "exclude_jobs=&exclude_pipeline=&include_retried_jobs=",
    ] {
        assert_lists(&client, query, &[8, 7, 6, 5, 4, 3, 2, 1]);
    }
}

#[test]
fn every_list_takes_the_filters() {
    let (_fake, client) = fake_with_every_state();
    for place in ["/builds", "/organizations/acme/builds", BUILDS] {
        let found = client.get(&format!(
            "{place}?state[]=failing&state[]=running&branch=m*&per_page=1"
        ));
        assert_eq!(numbers(&found), [7], "{place}");
        assert!(found.header("link").is_some());
    }
}

// --- What is shown ---------------------------------------------------------------------------------------------------

const TRUE: [&str; 6] = ["true", "True", "TRUE", "1", "tRuE", "true&x=1"];
const FALSE: [&str; 6] = ["false", "False", "FALSE", "0", "", "nonsense"];

#[test]
fn jobs_and_pipeline_can_be_left_out() {
    let (_fake, client) = fake_with_every_state();
    let has = |json: &Json, key: &str| json.get(key).is_some();
    for path in [format!("{BUILDS}/6"), format!("{BUILDS}?state=running")] {
        let ask = |query: &str| {
            let separator = if path.contains('?') { '&' } else { '?' };
            let json = client.get(&format!("{path}{separator}{query}")).expect(200);
            if json.get("id").is_some() {
                json
            } else {
                json[0].clone()
            }
        };
        for value in TRUE {
            let build = ask(&format!("exclude_jobs={value}"));
            assert_eq!(
                (has(&build, "jobs"), has(&build, "pipeline")),
                (false, true),
                "{value}"
            );
            let build = ask(&format!("exclude_pipeline={value}"));
            assert_eq!(
                (has(&build, "jobs"), has(&build, "pipeline")),
                (true, false),
                "{value}"
            );
        }
        for value in FALSE {
            let build = ask(&format!("exclude_jobs={value}&exclude_pipeline={value}"));
            assert_eq!(
                (has(&build, "jobs"), has(&build, "pipeline")),
                (true, true),
                "{value}"
            );
        }
        let build = ask("exclude_jobs=1&exclude_pipeline=1");
        assert_eq!(
            (has(&build, "jobs"), has(&build, "pipeline")),
            (false, false)
        );
    }
}

#[test]
fn retried_jobs_are_there_when_asked_for() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}, {command: b, key: b}]")
        .create_build();
    build.job("a").fail(1);
    build.job("a").retry();
    build.job("a").fail(2);
    build.job("a").retry();
    let client = client(&fake);
    let keys = |build: &Json| -> Vec<String> {
        let job = |job: &Json| format!("{} {}", job["step_key"].str(), job["state"].str());
        build["jobs"].items().iter().map(job).collect()
    };
    let latest = ["a scheduled", "b scheduled"];
    let all = ["a failed", "a failed", "a scheduled", "b scheduled"];
    let ask = |query: &str| {
        let one = client.get(&format!("{BUILDS}/1?{query}")).expect(200);
        let list = client.get(&format!("{BUILDS}?{query}")).expect(200);
        assert_eq!(keys(&one), keys(&list[0]), "{query}");
        one
    };
    for value in TRUE {
        let mut keys = keys(&ask(&format!("include_retried_jobs={value}")));
        keys.sort();
        assert_eq!(keys, all, "{value}");
    }
    for value in FALSE {
        assert_eq!(
            keys(&ask(&format!("include_retried_jobs={value}"))),
            latest,
            "{value}"
        );
    }
    let counts = |query: &str| {
        let build = client.get(&format!("{BUILDS}/1?{query}")).expect(200);
        build["job_state_counts"].clone()
    };
    let json = |text: &str| -> Json { serde_json::from_str(text).expect("JSON") };
    assert_eq!(counts(""), json(r#"{"total":2,"states":{"scheduled":2}}"#));
    assert_eq!(
        counts("include_retried_jobs=true&exclude_jobs=true"),
        json(r#"{"total":4,"states":{"scheduled":2,"failed":2}}"#)
    );
}

#[test]
fn the_jobs_of_a_build_can_be_narrowed_down_by_state() {
    let (fake, client) = fake_with_every_state();
    let retried = fake.existing_pipeline("app").build_number(7);
    retried.job("a").retry();
    let ask = |number: u64, query: &str| {
        let build = client
            .get(&format!("{BUILDS}/{number}?{query}"))
            .expect(200);
        let name = |job: &Json| {
            let key = job.get("step_key").map_or("wait", |key| key.str());
            key.to_owned()
        };
        let jobs: Vec<_> = build["jobs"].items().iter().map(name).collect();
        (jobs.join(" "), build["job_state_counts"]["total"].number())
    };
    // 5 is blocked: a, b and c passed, and so did the wait step
    for (number, query, expected) in [
        (5, "job_states[]=passed", "a b wait c"),
        (5, "job_states=passed", "a b wait c"),
        (5, "job_states%5B%5D=blocked", "go"),
        (
            5,
            "job_states[]=blocked&job_states[]=passed",
            "a b wait c go",
        ),
        (5, "job_states[]=failed", ""),
        (5, "job_states[]=nonsense", ""),
        (5, "job_states[]=", "a b wait c go"),
        // 7 failed a, retried it, and runs b
        (7, "job_states[]=running", "b"),
        (7, "job_states[]=scheduled", "a"),
        (7, "job_states[]=failed", ""),
        (7, "job_states[]=failed&include_retried_jobs=true", "a"),
        (7, "job_states[]=limited", ""),
        (7, "job_states[]=waiting", "wait c"),
        // A block step can be unblocked before those it comes after have passed
        (7, "job_states[]=blocked", "go"),
    ] {
        let (jobs, total) = ask(number, query);
        assert_eq!(jobs, expected, "{number} {query}");
        let all = if query.contains("include_retried_jobs") {
            6
        } else {
            5
        };
        assert_eq!(total, all, "the counts ignore the filter: {query}");
    }
    let none = client
        .get(&format!("{BUILDS}/5?job_states[]=passed&exclude_jobs=true"))
        .expect(200);
    assert!(none.get("jobs").is_none());
    // Lists do not know it.
    let list = client
        .get(&format!("{BUILDS}?state=blocked&job_states[]=failed"))
        .expect(200);
    assert_eq!(list[0]["jobs"].items().len(), 5);
}

#[test]
fn one_build_has_its_counts_and_test_engine_on_request() {
    let (_fake, client) = fake_with_every_state();
    let build = client.build("app", 5);
    assert_eq!(build["job_state_counts"].keys(), ["total", "states"]);
    assert_eq!(build["job_state_counts"]["total"].number(), 5);
    let counts = &build["job_state_counts"]["states"];
    assert_eq!(
        (counts["passed"].number(), counts["blocked"].number()),
        (4, 1)
    );
    assert_eq!(counts.keys().len(), 2);
    assert!(build.get("test_engine").is_none());
    for value in ["true", "True", "1"] {
        let build = client
            .get(&format!("{BUILDS}/5?include_test_engine={value}"))
            .expect(200);
        assert_eq!(build["test_engine"]["runs"].items(), []);
        assert_eq!(build.keys().last(), Some(&"test_engine"));
    }
}

#[test]
fn an_id_in_the_place_of_the_number_is_read_and_not_written() {
    let (fake, client) = fake_with_every_state();
    let build = fake.existing_pipeline("app").build_number(6);
    let by_number = client.get(&format!("{BUILDS}/6"));
    let by_id = client.get(&format!("{BUILDS}/{}", build.id()));
    assert_eq!((by_id.status, by_id.text), (200, by_number.text));
    let other = fake.pipeline("other").create_build();
    assert_eq!(
        client.get(&format!("{BUILDS}/{}", other.id())).message(404),
        "No build found"
    );
    let unknown = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        client.get(&format!("{BUILDS}/{unknown}")).message(404),
        "No build found"
    );
    let failed = fake.existing_pipeline("app").build_number(2);
    let job = failed.job("a").id();
    for below in [
        "jobs",
        "artifacts",
        "annotations",
        &format!("jobs/{job}"),
        &format!("jobs/{job}/log.txt"),
        &format!("jobs/{job}/env"),
    ] {
        let by_number = client.get(&format!("{BUILDS}/2/{below}")).text;
        let by_id = client.get(&format!("{BUILDS}/{}/{below}", failed.id()));
        let itself = failed.id().to_string();
        let by_id = (
            by_id.status,
            by_id
                .text
                .replace(&format!("builds/{itself}/"), "builds/2/"),
        );
        assert_eq!(by_id, (200, by_number), "{below}");
    }
    for path in [
        format!("{}/cancel", build.id()),
        format!("{}/rebuild", build.id()),
        format!("{}/jobs/{job}/retry", failed.id()),
    ] {
        assert_eq!(
            client.put(&format!("{BUILDS}/{path}")).message(404),
            "No build found"
        );
    }
}

// --- Pages -----------------------------------------------------------------------------------------------------------

fn many_builds(count: usize) -> (FakeBuildkite, Client, String) {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    let app: PipelineHandle = fake.pipeline("app").create();
    for _ in 0..count {
        app.create_build();
    }
    let client = client(&fake);
    (fake, client, format!("http://fake.test/v2{BUILDS}"))
}

#[test]
fn link_headers_are_exact() {
    let (_fake, client, url) = many_builds(7);
    let link = |query: &str| {
        client
            .get(&format!("{BUILDS}{query}"))
            .header("link")
            .map(str::to_owned)
    };
    let expect = |entries: &[(u32, &str)]| {
        let entry =
            |(page, name): &(u32, &str)| format!("<{url}?page={page}&per_page=3>; rel=\"{name}\"");
        Some(entries.iter().map(entry).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(link("?per_page=3"), expect(&[(2, "next"), (3, "last")]));
    assert_eq!(
        link("?per_page=3&page=1"),
        expect(&[(2, "next"), (3, "last")])
    );
    assert_eq!(
        link("?per_page=3&page=2"),
        expect(&[(1, "first"), (1, "prev"), (3, "next"), (3, "last")])
    );
    assert_eq!(
        link("?page=3&per_page=3"),
        expect(&[(1, "first"), (2, "prev")])
    );
    // Past the end: empty, and the way back
    let past = client.get(&format!("{BUILDS}?per_page=3&page=4"));
    assert_eq!((past.status, past.text.as_str()), (200, "[]\n"));
    assert_eq!(
        link("?per_page=3&page=4"),
        expect(&[(1, "first"), (3, "prev")])
    );
    assert_eq!(
        link("?per_page=3&page=1000000"),
        expect(&[(1, "first"), (3, "prev")])
    );
    // One page
    assert_eq!(link(""), None);
    assert_eq!(link("?per_page=7"), None);
    assert_eq!(link("?per_page=100&page=1"), None);
    assert_eq!(
        link("?per_page=6"),
        Some(format!(
            "<{url}?page=2&per_page=6>; rel=\"next\", <{url}?page=2&per_page=6>; rel=\"last\""
        ))
    );
}

#[test]
fn links_repeat_the_question() {
    let (_fake, client, url) = many_builds(31);
    let next = |query: &str| {
        let answer = client.get(&format!("{BUILDS}{query}"));
        let link = answer.header("link").expect("several pages").to_owned();
        let (next, _) = link.split_once(">; rel=\"next\"").expect("a next page");
        next.strip_prefix('<').expect("a link").to_owned()
    };
    // `per_page` only if the client sent it
    assert_eq!(next(""), format!("{url}?page=2"));
    assert_eq!(next("?page=1"), format!("{url}?page=2"));
    // In alphabetical order, brackets escaped, values as they were
    assert_eq!(
        next(
            "?state[]=scheduled&per_page=2&branch=m*&state[]=x%26y&created_from=2030-01-01T00:00:00Z"
        ),
        format!(
            "{url}?branch=m%2A&created_from=2030-01-01T00%3A00%3A00Z&page=2&per_page=2&state%5B%5D=scheduled&state%5B%5D=x%26y"
        )
    );
    // What is asked for is what is repeated, and not what is made of it
    assert_eq!(
        next("?per_page=500&per_page=2&page=0"),
        format!("{url}?page=2&per_page=500&per_page=2")
    );
}

#[test]
fn odd_pages_are_brought_into_the_limits() {
    let (_fake, client, _) = many_builds(101);
    let len = |query: &str| numbers(&client.get(&format!("{BUILDS}?{query}"))).len();
    for (query, expected) in [
        ("", 30),
        ("per_page=100", 100),
        ("per_page=101", 100),
        ("per_page=1000000000000000000000", 100),
        ("per_page=0", 30),
        ("per_page=-1", 30),
        ("per_page=x", 30),
        ("per_page=1", 1),
        ("per_page=2.5", 30),
        ("page=4", 11),
        ("page=5", 0),
        ("page=2&per_page=100", 1),
        ("page=2&per_page=500", 1),
    ] {
        assert_eq!(len(query), expected, "{query}");
    }
    for query in ["page=0", "page=-1", "page=x", "page=", "page=1.5"] {
        let first = numbers(&client.get(&format!("{BUILDS}?{query}")));
        assert_eq!(first[0], 101, "{query}");
    }
}

#[test]
fn a_client_that_follows_the_links_sees_everything_once() {
    // At the fake's own address: a link must not lead a client away
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    for n in 0..25 {
        app.build()
            .branch(if n % 5 == 0 { "odd one" } else { "main" })
            .create();
    }
    let client = client(&fake);
    for place in [BUILDS, "/builds", "/organizations/acme/builds"] {
        let mut page = client.get(&format!("{place}?per_page=3&branch[]=main"));
        let mut seen = numbers(&page);
        let mut pages = 1;
        while let Some(next) = rel(&page, "next") {
            assert!(next.starts_with(&fake.url()), "{next}");
            page = client.get(&next);
            seen.extend(numbers(&page));
            pages += 1;
        }
        assert_eq!(pages, 7, "{place}");
        let expected: Vec<i64> = (1..=25).rev().filter(|n| (n - 1) % 5 != 0).collect();
        assert_eq!(seen, expected, "{place}");
        // And the way back
        let mut back = numbers(&page);
        while let Some(prev) = rel(&page, "prev") {
            page = client.get(&prev);
            back.splice(0..0, numbers(&page));
        }
        assert_eq!(back, expected, "{place}");
        assert_eq!(rel(&page, "first"), None);
    }
}

/// The URL of a relation in the `Link` header.
fn rel(answer: &Answer, name: &str) -> Option<String> {
    let link = answer.header("link")?;
    let entry = link
        .split(", ")
        .find(|entry| entry.ends_with(&format!("; rel=\"{name}\"")))?;
    let (url, _) = entry.strip_prefix('<')?.split_once('>')?;
    Some(url.to_owned())
}

// --- Pipelines and organizations -------------------------------------------------------------------------------------

#[test]
fn pipelines_are_listed_with_filters_and_pages() {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    for (name, repository) in [
        ("Web App", "https://github.com/acme/web.git"),
        ("Web API", "git@github.com:acme/api.git"),
        ("Docs", "https://gitlab.com/acme/web-docs.git"),
    ] {
        fake.pipeline(name).repository(repository).create();
    }
    let client = client(&fake);
    let path = "/organizations/acme/pipelines";
    let slugs = |query: &str| {
        let list = client.get(&format!("{path}?{query}")).expect(200);
        let slugs: Vec<_> = list
            .items()
            .iter()
            .map(|one| one["slug"].str().to_owned())
            .collect();
        slugs.join(" ")
    };
    let mut all: Vec<_> = slugs("").split(' ').map(str::to_owned).collect();
    all.sort();
    assert_eq!(all, ["docs", "web-api", "web-app"]);
    let sorted = |query: &str| {
        let found = slugs(query);
        let mut found: Vec<_> = found.split(' ').collect();
        found.sort_unstable();
        found.join(" ")
    };
    for (query, expected) in [
        ("name=web", "web-api web-app"),
        ("name=WEB", "web-api web-app"),
        ("name=web+a", "web-api web-app"),
        ("name=Docs", "docs"),
        ("name=nonsense", ""),
        ("name=", "docs web-api web-app"),
        ("repository=web", "docs web-app"),
        ("repository=github.com", "web-api web-app"),
        ("repository=git%40github.com", "web-api"),
        ("name=web&repository=api", "web-api"),
        ("nonsense=1", "docs web-api web-app"),
    ] {
        assert_eq!(sorted(query), expected, "{query}");
    }
    let first = client.get(&format!("{path}?per_page=2"));
    let url = format!("http://fake.test/v2{path}");
    assert_eq!(
        first.header("link"),
        Some(
            format!(
                "<{url}?page=2&per_page=2>; rel=\"next\", <{url}?page=2&per_page=2>; rel=\"last\""
            )
            .as_str()
        )
    );
    assert_eq!(
        format!("{} {}", slugs("per_page=2"), slugs("per_page=2&page=2")),
        slugs("")
    );
    assert_eq!(slugs("per_page=2&page=3"), "");
    // An entry is the whole pipeline
    let one = client.get(&format!("{path}/docs")).expect(200);
    assert_eq!(client.get(&format!("{path}?name=docs")).expect(200)[0], one);
}

#[test]
fn organizations_are_listed_with_pages() {
    let fake = FakeBuildkite::builder()
        .organization("a")
        .organization("b")
        .organization("c")
        .start();
    let client = client(&fake);
    let slugs = |query: &str| {
        let list = client.get(&format!("/organizations{query}")).expect(200);
        let slugs: Vec<_> = list
            .items()
            .iter()
            .map(|one| one["slug"].str().to_owned())
            .collect();
        slugs.join(" ")
    };
    assert_eq!(slugs(""), "a b c");
    assert_eq!(slugs("?per_page=2"), "a b");
    assert_eq!(slugs("?per_page=2&page=2"), "c");
    assert_eq!(
        client.get("/organizations/b").expect(200)["slug"].str(),
        "b"
    );
}
