//! The same seed and the same calls give the same bytes, whatever else goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fake_buildkite::{Clock, FakeBuildkite, FakeBuildkiteBuilder, minutes, seconds};

use crate::support::{Answer, Client, client};

/// Headers that are part of what repeats.
const STABLE: [&str; 10] = [
    "etag",
    "x-request-id",
    "date",
    "link",
    "x-runtime",
    "cache-control",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "content-type",
];

/// How often the story is told: by each of so many threads, so many times.
const THREADS: usize = 4;
const TIMES: usize = 25;

fn begin(seed: u64) -> FakeBuildkite {
    builder(seed).origin("http://fake.test").start()
}

fn builder(seed: u64) -> FakeBuildkiteBuilder {
    FakeBuildkite::builder().seed(seed)
}

/// One line for the status and each stable header, then the body.
fn write_down(answer: &Answer) -> String {
    let headers = STABLE.iter().filter_map(|name| {
        let value = answer.header(name)?;
        Some(format!("{name}: {value}\n"))
    });
    let headers: String = headers.collect();
    format!("{}\n{headers}{}\n\n", answer.status, answer.text)
}

/// Several pipelines, and everything a client can do to their builds. Returns every answer and every event.
fn tell(fake: &FakeBuildkite) -> String {
    let site = fake
        .pipeline("Site")
        .steps(
            "steps:
              - {label: Test, command: make test, key: test}
              - {label: Lint, command: make lint, key: lint, soft_fail: true, agents: {queue: lint}}
              - {block: Ship?, key: ship}
              - {command: make ship, key: deploy}",
        )
        .create();
    site.on_job("test")
        .takes_between(seconds(1), minutes(9))
        .exits(1)
        .then()
        .takes_between(seconds(1), minutes(9));
    site.on_job("lint")
        .takes_between(seconds(1), minutes(9))
        .exits(2);
    let docs = fake
        .pipeline("Docs")
        .steps("steps: [{command: make, key: make}, wait, {command: publish}]")
        .create();
    docs.on_job("make").takes_between(minutes(1), minutes(2));

    let client = client(fake);
    let mut told = String::new();
    let mut ask = |answer: Answer| {
        told.push_str(&write_down(&answer));
        answer
    };
    let pipelines = "/organizations/acme/pipelines";
    let first = format!("{pipelines}/site/builds/1");
    let create = r#"{"commit":"HEAD","branch":"main","message":"Go","env":{"A":"1"}}"#;
    let id_of = |client: &Client, key: &str| {
        let build = client.get(&first).expect(200);
        let jobs = build["jobs"].items().iter();
        let mut jobs = jobs.filter(|job| job.get("step_key").is_some_and(|k| k.str() == key));
        jobs.next().expect("a job")["id"].str().to_owned()
    };

    let body = r#"{"name":"Late","repository":"git@example.com:a/b.git","configuration":"steps: [{command: make}]"}"#;
    ask(client.post(pipelines, body));
    for pipeline in ["site", "docs", "site", "late"] {
        ask(client.post(&format!("{pipelines}/{pipeline}/builds"), create));
    }
    fake.advance(seconds(30));
    ask(client.get(&first));
    ask(client.put(&format!("{pipelines}/docs/builds/1/cancel")));
    fake.run_until_idle();
    ask(client.get("/builds?per_page=2"));
    let test = id_of(&client, "test");
    ask(client.put(&format!("{first}/jobs/{test}/retry")));
    ask(client.put(&format!("{first}/jobs/{test}/retry")));
    fake.run_until_idle();
    let ship = id_of(&client, "ship");
    let fields = r#"{"fields":{"version":"1.0"}}"#;
    ask(client.put_body(&format!("/organizations/acme/jobs/{ship}/unblock"), fields));
    ask(client.put(&format!("{first}/rebuild")));
    fake.run_until_idle();
    let all = format!("{first}?include_retried_jobs=true");
    let etag = ask(client.get(&all))
        .header("etag")
        .expect("an ETag")
        .to_owned();
    ask(client.send("GET", &all, &[("if-none-match", &etag)], None));
    ask(client.get("/organizations/acme/builds?per_page=2&page=2"));
    ask(client.get(&format!(
        "{pipelines}/site/builds?state[]=finished&state[]=failed"
    )));
    ask(client.get(pipelines));
    ask(client.get("/user"));
    ask(client.get(&format!("{pipelines}/site/builds/99")));
    ask(client.without_token().get("/user"));
    told.push_str(&fake.events().to_string());
    told
}

#[test]
fn a_story_told_a_hundred_times_on_many_threads_is_the_same_every_time() {
    let first = tell(&begin(7));
    // What repeats is worth repeating
    for part in [
        "\netag: W/",
        "\nlink: <http://fake.test/v2/",
        "\n304\n",
        "Jobs can only be retried once",
        "site#1 test (attempt 2) running -> passed",
        "site#1 ship blocked -> unblocked",
        "docs#1 canceling -> canceled",
        "site#3 creating -> scheduled",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(!first.contains("http://127"), "{first}");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Others tell stories of their own meanwhile
        let noise = scope.spawn(|| {
            let mut seed = 1_000;
            while !over.load(Ordering::Relaxed) {
                seed += 1;
                tell(&begin(seed));
            }
        });
        let tellers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..TIMES {
                        let again = tell(&begin(7));
                        assert_same(&again, &first);
                    }
                })
            })
            .collect();
        let told: Vec<_> = tellers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        over.store(true, Ordering::Relaxed);
        noise.join().expect("the others are well");
        assert!(
            told.iter().all(Result::is_ok),
            "somebody told it differently"
        );
    });
}

/// Shows the first line that differs: a whole story is long.
#[track_caller]
fn assert_same(again: &str, first: &str) {
    let differs = again.lines().zip(first.lines()).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!(again.len(), first.len());
}

#[test]
fn another_seed_makes_other_ids_tokens_and_durations() {
    let [a, b] = [1, 2].map(|seed| {
        let fake = begin(seed);
        let told = tell(&fake);
        let site = fake.existing_pipeline("site");
        let build = site.build_number(1);
        let jobs: Vec<_> = build
            .all_jobs()
            .iter()
            .map(|job| job.id().to_string())
            .collect();
        let ended = build.jobs("test")[0].finished_at();
        let mut ids = jobs;
        ids.extend([
            site.id().to_string(),
            build.id().to_string(),
            fake.token().to_owned(),
        ]);
        (told, ids, ended)
    });
    assert_ne!(a.0, b.0);
    for (one, other) in a.1.iter().zip(&b.1) {
        assert_ne!(one, other);
    }
    assert_ne!(a.2, b.2);
    // The seed is 0 unless a test says otherwise
    assert_eq!(FakeBuildkite::start().token(), begin(0).token());
}

#[test]
fn ids_do_not_depend_on_what_else_the_fake_does() {
    // Given two fakes that differ in how long jobs run, and in the requests that came in
    let ids = |is_busy: bool| {
        let fake = begin(3);
        let app = fake.pipeline("app").create();
        if is_busy {
            app.on_job("*").takes_between(seconds(1), minutes(9));
            client(&fake).get("/user").expect(200);
        }
        let build = app.create_build();
        let jobs: Vec<_> = build.all_jobs().iter().map(|job| job.id()).collect();
        (app.id(), build.id(), jobs)
    };
    assert_eq!(ids(false), ids(true));
}

#[test]
fn what_starts_and_stops_before_leaves_no_trace() {
    let first = tell(&begin(5));
    for _ in 0..20 {
        drop(begin(6));
    }
    let held: Vec<_> = (0..5).map(begin).collect();
    assert_same(&tell(&begin(5)), &first);
    drop(held);
    assert_same(&tell(&begin(5)), &first);
}

#[test]
fn a_clock_that_goes_with_requests_repeats_as_well() {
    for mode in [Clock::PerRequest(seconds(7)), Clock::StepPerPoll] {
        let told = || tell(&builder(7).clock(mode).origin("http://fake.test").start());
        assert_same(&told(), &told());
    }
}

#[test]
fn urls_lead_back_to_where_the_client_came_from() {
    // Given a fake without an origin of its own
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create_build();
    let client = client(&fake);
    let path = "/organizations/acme/pipelines/app/builds";
    let asked_as = |host: &str| {
        client.send(
            "GET",
            &format!("{path}?per_page=1"),
            &[("host", host)],
            None,
        )
    };
    fake.existing_pipeline("app").create_build();
    // When a client reaches it by some name, then every URL begins there
    let answer = asked_as("buildkite.test:8080");
    let origin = "http://buildkite.test:8080";
    let build = answer.expect(200)[0].clone();
    assert_eq!(build["url"].str(), format!("{origin}/v2{path}/2"));
    let job = &build["jobs"][0];
    assert_eq!(job["build_url"], build["url"]);
    assert!(job["log_url"].str().starts_with(origin));
    let link = answer.header("link").expect("a next page");
    assert!(link.starts_with(&format!("<{origin}/v2{path}?")), "{link}");
    assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
    // And under another name it is another body
    let other = asked_as("other.test");
    assert!(other.text.contains("http://other.test/"), "{}", other.text);
    assert_ne!(answer.header("etag"), other.header("etag"));
    // By default that is the address it listens on, so that URLs can be followed
    let build = client.build("app", 1);
    assert!(build["url"].str().starts_with(&fake.url()));
    client.get(build["url"].str()).expect(200);
    // Two fakes asked by one name give the same bytes
    let twin = FakeBuildkite::start();
    twin.pipeline("app").create_build();
    twin.existing_pipeline("app").create_build();
    let twin = crate::support::client(&twin);
    let same = twin.send(
        "GET",
        &format!("{path}?per_page=1"),
        &[("host", "buildkite.test:8080")],
        None,
    );
    assert_eq!(same.text, answer.text);
}
