//! The logs of jobs: how they grow, and every way to read them over REST.

use chrono::{DateTime, Utc};
use fake_buildkite::{
    Access, BuildHandle, Clock, FakeBuildkite, JobHandle, JobState, PipelineHandle, Route, Scope,
    hours, minutes, seconds,
};

use crate::recorded::{Comparison, recorded_builder, starter};
use crate::support::{Answer, Client, client, panic_of, world};

const TEXT: (&str, &str) = ("accept", "text/plain");
const HTML: (&str, &str) = ("accept", "text/html");

/// A running job of `app`, and where its log is: below its build and below its organization.
struct Printing {
    fake: FakeBuildkite,
    client: Client,
    app: PipelineHandle,
    build: BuildHandle,
    job: JobHandle,
    paths: [String; 2],
}

impl Printing {
    fn new() -> Self {
        Self::of(FakeBuildkite::start())
    }

    fn of(fake: FakeBuildkite) -> Self {
        let client = client(&fake);
        let app = fake
            .pipeline("app")
            .steps("steps: [{command: make, key: test}, {block: Go?, key: gate}]")
            .create();
        let build = app.create_build();
        let job = build.job("test");
        job.start();
        let id = job.id();
        let paths = [
            format!("/organizations/acme/pipelines/app/builds/1/jobs/{id}/log"),
            format!("/organizations/acme/jobs/{id}/log"),
        ];
        Self {
            fake,
            client,
            app,
            build,
            job,
            paths,
        }
    }

    fn text(&self) -> Answer {
        self.client.get(&format!("{}.txt", self.paths[0]))
    }

    fn range(&self, path: &str, range: &str) -> Answer {
        self.client
            .send("GET", path, &[TEXT, ("range", range)], None)
    }
}

/// The stamp of an instant, in seconds after the epoch of fakes.
fn stamp(second: i64) -> String {
    format!("\u{1b}_bk;t={}\u{7}", (1_893_456_000 + second) * 1_000)
}

/// A raw log.
fn raw(lines: &[(i64, &str)]) -> String {
    let raw = |(second, text): &(i64, &str)| format!("{}{text}\r\n", stamp(*second));
    lines.iter().map(raw).collect()
}

// --- What is printed -------------------------------------------------------------------------------------------------

#[test]
fn a_log_grows_while_the_command_runs_and_each_line_has_its_instant() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes(seconds(8)).logs("a\n\nb\nc");
    let job = app.create_build().job("test");
    let client = client(&fake);
    let path = format!("/organizations/acme/jobs/{}/log", job.id());
    let all = [(1, "a"), (3, ""), (5, "b")];
    let tail = format!("{}c", stamp(7));
    for (second, lines, tail) in [
        (0, 0, ""),
        (1, 1, ""),
        (3, 2, ""),
        (6, 3, ""),
        (7, 3, tail.as_str()),
        (3_600, 3, tail.as_str()),
    ] {
        fake.advance_to(instant(second));
        let expected = raw(&all[..lines]) + tail;
        let shown = client.get(&path).expect(200);
        assert_eq!(shown["content"].str(), expected, "{second}");
        assert_eq!(
            shown["size"].number(),
            i64::try_from(expected.len()).expect("small")
        );
        assert_eq!(shown["header_times"].items(), []);
        assert_eq!(client.get(&format!("{path}.txt")).text, expected);
        assert_eq!(job.raw_log(), expected);
    }
    assert_eq!(job.log(), "a\n\nb\nc", "as the test wrote it");
}

/// So many seconds after the epoch of fakes.
fn instant(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_893_456_000 + second, 0).expect("an instant")
}

#[test]
fn what_is_printed_by_hand_stands_where_it_was_printed() {
    let world = Printing::new();
    world.job.write_log("half a ");
    world.fake.advance(seconds(2));
    world.job.write_log("line\nand another\n");
    world.job.write_log("");
    world.job.write_log("\r\n");
    let expected = raw(&[(0, "half a line"), (2, "and another"), (2, "\r")]);
    assert_eq!(world.text().text, expected);
    assert_eq!(world.job.log(), "half a line\nand another\n\r\n");
    // Asked to stop, a command still has a last word.
    world.job.cancel();
    assert_eq!(world.job.state(), JobState::Canceling);
    world.job.write_log("stopping\n");
    world.fake.advance(seconds(10));
    assert_eq!(world.job.state(), JobState::Canceled);
    assert!(world.job.log().ends_with("\r\nstopping\n"));
}

#[test]
fn only_a_command_that_runs_prints() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}, {block: Go?, key: gate}]")
        .create_build();
    let job = build.job("test");
    let before = world(&fake, &["acme"]);
    let refusal = |job: &JobHandle| panic_of(|| job.write_log("x"));
    assert_eq!(
        refusal(&job),
        "app#1 test cannot write to its log: it is scheduled\n  history: scheduled at 2030-01-01T00:00:00.000Z"
    );
    assert!(refusal(&build.job("gate")).contains("gate cannot write to its log: it is blocked"));
    assert_eq!(world(&fake, &["acme"]), before);
    job.start();
    job.silence_agent();
    assert!(refusal(&job).contains("it is running, and its agent is silent\n  history: "));
    job.finish(0);
    assert!(refusal(&job).contains("it is passed\n"));
    assert_eq!(job.log(), "");
}

#[test]
fn plain_logs_are_as_printed_and_have_the_times_of_their_headers() {
    let world = Printing::of(FakeBuildkite::builder().plain_logs().start());
    world.job.write_log("--- a\nx\n");
    world.fake.advance(seconds(1));
    world.job.write_log("+++ b\n---c\n~~~ d");
    let shown = world.client.get(&world.paths[0]).expect(200);
    assert_eq!(shown["content"].str(), "--- a\nx\n+++ b\n---c\n~~~ d");
    assert_eq!(shown["size"].number(), 24);
    let times: Vec<_> = shown["header_times"]
        .items()
        .iter()
        .map(|time| time.number())
        .collect();
    assert_eq!(
        times,
        [
            1_893_456_000_000_000_000,
            1_893_456_001_000_000_000,
            1_893_456_001_000_000_000
        ]
    );
    assert_eq!(world.job.raw_log(), world.job.log());
}

#[test]
fn a_log_is_as_recorded() {
    // Given the recorded job, which printed the recorded lines at the recorded instants
    let comparison = Comparison::with("job_log", "log");
    let content = comparison.recording["response"]["body"]["content"].str();
    let lines = content.split("\u{1b}_bk;t=").skip(1).map(|line| {
        let (at, text) = line.split_once('\u{7}').expect("a stamp");
        let text = text.strip_suffix("\r\n").expect("an end");
        (at.parse::<i64>().expect("milliseconds"), text)
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 19);
    let at = |ms| DateTime::from_timestamp_millis(ms).expect("an instant");
    let fake = recorded_builder()
        .starting_at(&at(lines[0].0).to_rfc3339())
        .start();
    let client = client(&fake).with_token("recorded");
    let steps = "steps: [{command: launch, key: deploy}]";
    let app = starter(&fake, "Starter Buildkite Pipeline", steps);
    for _ in 0..6 {
        app.create_build().cancel();
    }
    let job = app.create_build().job("deploy");
    job.start();
    for (ms, text) in lines {
        fake.advance_to(at(ms));
        job.write_log(&format!("{text}\n"));
    }
    // Then it is shown as it was, byte for byte
    let path = "/organizations/dean-test/pipelines/starter-buildkite-pipeline/builds/7/jobs";
    comparison.holds_for(&client.get(&format!("{path}/{}/log", job.id())));
}

// --- Reading ---------------------------------------------------------------------------------------------------------

#[test]
fn a_log_is_read_as_json_as_text_and_as_html_on_both_routes() {
    let world = Printing::new();
    let lines = [
        (0, "\u{1b}[31mred & <b>\u{1b}[0m"),
        (0, ""),
        (0, "10%\r20%"),
    ];
    for (_, text) in lines {
        world.job.write_log(&format!("{text}\n"));
    }
    let raw = raw(&lines);
    let html = "<pre class=\"term-container\"><span class=\"term-fg31\">red &amp; &lt;b&gt;</span>\n&nbsp;\n20%</pre>\n";
    let mut tags = Vec::new();
    for path in &world.paths {
        let json = world.client.get(path);
        let shown = json.expect(200);
        assert_eq!(shown.keys(), ["url", "content", "size", "header_times"]);
        let url = format!("{}/v2{}", world.fake.url(), world.paths[0]);
        assert_eq!(shown["url"].str(), url, "the build's, whichever was asked");
        assert_eq!(shown["content"].str(), raw);
        assert_eq!(
            json.header("content-type"),
            Some("application/json; charset=utf-8")
        );
        tags.push(json.header("etag").expect("a tag").to_owned());
        for text in [
            world.client.send("GET", path, &[TEXT], None),
            world.client.get(&format!("{path}.txt")),
            world
                .client
                .send("GET", &format!("{path}.txt"), &[HTML], None),
        ] {
            assert_eq!((text.status, &text.text), (200, &raw));
            assert_eq!(
                text.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
            assert_eq!(text.header("vary"), Some("Accept"));
            assert_eq!(
                text.header("x-accepted-oauth-scopes"),
                Some("read_build_logs")
            );
            tags.push(text.header("etag").expect("a tag").to_owned());
        }
        for page in [
            world.client.send("GET", path, &[HTML], None),
            world.client.get(&format!("{path}.html")),
        ] {
            assert_eq!((page.status, page.text.as_str()), (200, html));
            assert_eq!(
                page.header("content-type"),
                Some("text/html; charset=utf-8")
            );
            tags.push(page.header("etag").expect("a tag").to_owned());
        }
    }
    // A tag stands for one body at one address.
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 10, "{tags:?}");
}

#[test]
fn the_urls_of_a_job_lead_to_its_log() {
    let world = Printing::new();
    world.job.write_log("said\n");
    let shown = world.client.build("app", 1)["jobs"][0].clone();
    let json = world.client.get(shown["log_url"].str()).expect(200);
    assert_eq!(json["url"].str(), shown["log_url"].str());
    let text = world.client.get(shown["raw_log_url"].str());
    assert_eq!((text.status, text.text), (200, raw(&[(0, "said")])));
}

#[test]
fn head_tells_the_size_of_the_raw_log_and_how_to_get_parts_of_it() {
    let world = Printing::new();
    world.job.write_log("ü\n");
    let size = world.job.raw_log().len().to_string();
    for path in &world.paths {
        for path in [path.clone(), format!("{path}.txt")] {
            for accept in ["*/*", "text/plain", "text/html"] {
                let headers = [("accept", accept), ("range", "bytes=-0")];
                let head = world.client.send("HEAD", &path, &headers, None);
                assert_eq!((head.status, head.text.as_str()), (200, ""));
                assert_eq!(head.header("content-length"), Some(size.as_str()));
                assert_eq!(head.header("accept-ranges"), Some("bytes"));
            }
        }
    }
    assert_eq!(
        world.fake.requests().to(Route::GetJobLog).len(),
        6,
        "HEAD is the same route"
    );
}

#[test]
fn the_end_of_a_log_can_be_read_alone() {
    let world = Printing::new();
    world.job.write_log("first\n");
    world.job.write_log("second\nthird");
    let whole = world.job.raw_log();
    let size = whole.len();
    for path in &world.paths {
        for path in [path.clone(), format!("{path}.txt")] {
            for last in [1, 5, 12, size - 1, size, size + 1, 1_000_000] {
                let part = world.range(&path, &format!("bytes=-{last}"));
                let from = size.saturating_sub(last);
                assert_eq!((part.status, part.text.as_str()), (206, &whole[from..]));
                let range = format!("bytes {from}-{}/{size}", size - 1);
                assert_eq!(part.header("content-range"), Some(range.as_str()));
                let length = (size - from).to_string();
                assert_eq!(part.header("content-length"), Some(length.as_str()));
                assert_eq!(part.header("accept-ranges"), Some("bytes"));
                assert_eq!(
                    part.header("content-type"),
                    Some("text/plain; charset=utf-8")
                );
                assert_eq!(part.header("etag"), None);
            }
        }
    }
}

#[test]
fn other_ranges_and_ranges_of_other_forms_are_refused() {
    let world = Printing::new();
    let empty = world.range(&world.paths[0], "bytes=-5");
    assert_eq!(empty.message(416), "The log is empty");
    world.job.write_log("said\n");
    for path in &world.paths {
        for range in ["bytes=0-", "bytes=0-4", "bytes=-0", "bytes=-1,-2", "said"] {
            let message = world.range(path, range).message(400);
            assert_eq!(
                message, "Only a range of the form bytes=-N is supported",
                "{range}"
            );
        }
        for (path, accept) in [
            (path.clone(), "*/*"),
            (path.clone(), "text/html"),
            (format!("{path}.html"), "text/plain"),
        ] {
            let headers = [("accept", accept), ("range", "bytes=-5")];
            let refused = world.client.send("GET", &path, &headers, None);
            let message = "Range requests are only supported with Accept: text/plain";
            assert_eq!(refused.message(400), message);
        }
    }
}

#[test]
fn a_job_that_has_not_started_has_an_empty_log() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let path = format!("/organizations/acme/jobs/{}/log", build.all_jobs()[0].id());
    let client = client(&fake);
    let shown = client.get(&path).expect(200);
    assert_eq!((shown["content"].str(), shown["size"].number()), ("", 0));
    let text = client.send("GET", &path, &[TEXT], None);
    assert_eq!((text.status, text.text.as_str()), (200, ""));
    let head = client.send("HEAD", &path, &[], None);
    assert_eq!(head.header("content-length"), Some("0"));
    let html = client.get(&format!("{path}.html")).text;
    assert_eq!(html, "<pre class=\"term-container\"></pre>\n");
}

#[test]
fn a_reader_that_knows_a_log_is_told_so_until_it_grows() {
    let world = Printing::new();
    world.job.write_log("one\n");
    for path in [
        world.paths[0].clone(),
        format!("{}.txt", world.paths[1]),
        format!("{}.html", world.paths[1]),
    ] {
        let tag = |answer: &Answer| answer.header("etag").expect("a tag").to_owned();
        let first = world.client.get(&path);
        let known = [("if-none-match", &*tag(&first))];
        let again = world.client.send("GET", &path, &known, None);
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        world.job.write_log("one more\n");
        let changed = world.client.send("GET", &path, &known, None);
        assert_eq!(changed.status, 200);
        assert_ne!(tag(&changed), tag(&first));
    }
    // What a script prints by itself counts as well, and an emptied log is another.
    world.app.on_job("test").takes(seconds(4)).logs("a\nb\n");
    world.job.finish(1);
    let job = world.job.retry();
    let path = format!("/organizations/acme/jobs/{}/log", job.id());
    let mut tags = Vec::new();
    for _ in 0..4 {
        tags.push(world.client.get(&path).header("etag").map(str::to_owned));
        world.fake.advance(seconds(2));
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "empty, a, a and b");
    assert_eq!(world.client.delete(&path).status, 204);
    tags.push(world.client.get(&path).header("etag").map(str::to_owned));
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

// --- Deleting --------------------------------------------------------------------------------------------------------

#[test]
fn a_deleted_log_is_empty_and_its_command_goes_on_printing() {
    for which in [0, 1] {
        let world = Printing::new();
        let path = &world.paths[which];
        world.job.write_log("secret\n");
        let deleted = world.client.delete(path);
        assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
        assert_eq!(
            deleted.header("x-accepted-oauth-scopes"),
            Some("write_build_logs")
        );
        world
            .fake
            .requests()
            .to(Route::DeleteJobLog)
            .assert_count(1);
        assert_eq!(world.job.log(), "");
        assert_eq!(world.client.get(path).expect(200)["size"].number(), 0);
        assert_eq!(world.client.delete(path).status, 204, "twice is no mistake");
        world.job.write_log("more\n");
        assert_eq!(world.text().text, raw(&[(0, "more")]));
        assert_eq!(world.build.job("test").state(), JobState::Running);
    }
}

#[test]
fn the_lines_to_come_survive_a_deletion() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes(seconds(4)).logs("a\nb\n");
    let job = app.create_build().job("test");
    fake.advance(seconds(1));
    let path = format!("/organizations/acme/jobs/{}/log", job.id());
    assert_eq!(client(&fake).delete(&path).status, 204);
    assert_eq!(job.log(), "");
    fake.run_until_idle();
    assert_eq!(job.log(), "b\n");
}

// --- Refusals --------------------------------------------------------------------------------------------------------

#[test]
fn every_route_asks_for_a_token_its_scope_and_a_job_with_a_log() {
    let scopes: Vec<_> = Scope::ALL.to_vec();
    let without = |missing: Scope| {
        let rest = scopes.iter().copied().filter(|scope| *scope != missing);
        rest.collect::<Vec<_>>()
    };
    let fake = FakeBuildkite::builder()
        .token("no-reading", without(Scope::ReadBuildLogs))
        .token("no-writing", without(Scope::WriteBuildLogs))
        .start();
    let world = Printing::of(fake);
    world.job.write_log("said\n");
    let other = world.app.create_build();
    let gate = world.build.job("gate").id().to_string();
    let id = world.job.id().to_string();
    for path in &world.paths {
        for (method, tail, token, scope) in [
            ("GET", "", "no-reading", "read_build_logs"),
            ("HEAD", "", "no-reading", "read_build_logs"),
            ("GET", ".txt", "no-reading", "read_build_logs"),
            ("GET", ".html", "no-reading", "read_build_logs"),
            ("DELETE", "", "no-writing", "write_build_logs"),
        ] {
            let path = format!("{path}{tail}");
            let send = |client: &Client, path: &str| client.send(method, path, &[], None);
            let check = |answer: Answer, status, message: &str| {
                assert_eq!(answer.status, status, "{method} {path}");
                if method != "HEAD" {
                    assert_eq!(answer.message(status), message);
                }
            };
            let unauthorized = "Authentication required. Please supply a valid API Access Token: https://buildkite.com/docs/apis/rest-api#authentication";
            check(
                send(&world.client.without_token(), &path),
                401,
                unauthorized,
            );
            let missing = format!("Your access token doesn't have the {scope} scope");
            check(send(&world.client.with_token(token), &path), 403, &missing);
            for unknown in [
                path.replace(&id, "01234567-0123-4123-8123-012345678901"),
                path.replace(&id, "test"),
                // A block step prints nothing.
                path.replace(&id, &gate),
            ] {
                check(send(&world.client, &unknown), 404, "No job found");
            }
            let elsewhere = path.replace("/builds/1/", &format!("/builds/{}/", other.number()));
            if elsewhere != path {
                check(send(&world.client, &elsewhere), 404, "No job found");
                let nowhere = path.replace("/builds/1/", "/builds/9/");
                check(send(&world.client, &nowhere), 404, "No build found");
            }
            let nowhere = path.replace("/acme/", "/initech/");
            check(send(&world.client, &nowhere), 404, "No organization found");
        }
    }
    assert_eq!(world.job.log(), "said\n", "nothing was deleted");
}

#[test]
fn who_may_only_read_deletes_no_log() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").access(Access::ReadOnly).create();
    let job = app.create_build().all_jobs()[0].clone();
    job.append_log("said\n");
    let path = format!("/organizations/acme/jobs/{}/log", job.id());
    assert_eq!(client(&fake).delete(&path).message(403), "Forbidden");
    let text = client(&fake).get(&format!("{path}.txt"));
    assert_eq!((text.status, text.text), (200, raw(&[(0, "said")])));
}

// --- Time, and going back --------------------------------------------------------------------------------------------

#[test]
fn who_follows_a_log_while_the_clock_goes_by_polls_sees_every_line() {
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test")
        .takes(minutes(3))
        .logs("one\ntwo\nthree\n");
    let build = app.create_build();
    let client = client(&fake);
    let path = format!("/organizations/acme/jobs/{}/log", build.job("test").id());
    let mut seen = Vec::new();
    while !build.job("test").state().is_terminal() {
        seen.push(client.get(&format!("{path}.txt")).text);
    }
    let all = [(1, "one"), (61, "two"), (121, "three")];
    let expected: Vec<_> = (0..=3).map(|lines| raw(&all[..lines])).collect();
    assert_eq!(seen, expected);
    // Once it is over, looking at its log moves nothing.
    let now = fake.clock().now();
    client.get(&path).expect(200);
    assert_eq!(fake.clock().now(), now);
}

#[test]
fn a_read_of_a_running_jobs_log_is_a_poll() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes_polls(2).logs("a\n");
    let job = app.create_build().job("test");
    fake.advance(seconds(1));
    let path = format!("/organizations/acme/jobs/{}/log", job.id());
    for state in [JobState::Running, JobState::Running, JobState::Passed] {
        assert_eq!(job.state(), state);
        client(&fake).get(&path).expect(200);
    }
}

#[test]
fn logs_go_back_with_everything_else() {
    let world = Printing::new();
    world.job.write_log("before\n");
    let saved = world.fake.snapshot();
    let tag = |world: &Printing| {
        let answer = world.client.get(&world.paths[0]);
        answer.header("etag").expect("a tag").to_owned()
    };
    let first = tag(&world);
    world.job.write_log("one\n");
    let one = tag(&world);
    world.fake.rewind(&saved);
    assert_eq!(world.job.log(), "before\n");
    assert_eq!(tag(&world), first);
    world.job.write_log("two\n");
    assert_ne!(tag(&world), one, "another line is another log");
    world.fake.rewind(&saved);
    assert_eq!(world.client.delete(&world.paths[0]).status, 204);
    world.fake.rewind(&saved);
    assert_eq!(world.job.log(), "before\n");
    let fork = world.fake.fork();
    world.job.write_log("here\n");
    let there = fork.existing_pipeline("app").build_number(1).job("test");
    there.write_log("there\n");
    assert_eq!(world.job.log(), "before\nhere\n");
    assert_eq!(there.log(), "before\nthere\n");
}

#[test]
fn a_log_of_many_megabytes_is_read_in_one_pass() {
    let world = Printing::new();
    let line = format!("{}\n", "x".repeat(99));
    let piece = line.repeat(1_000);
    for _ in 0..200 {
        world.job.write_log(&piece);
        let _ = world.fake.snapshot();
    }
    let size = 200_000 * (100 + 1 + stamp(0).len());
    let text = world.text();
    assert_eq!(text.text.len(), size);
    let end = world.range(&world.paths[0], "bytes=-101");
    assert_eq!(end.text, format!("{}\r\n", &line[..99]));
    let head = world.client.send("HEAD", &world.paths[0], &[], None);
    assert_eq!(
        head.header("content-length"),
        Some(size.to_string().as_str())
    );
    world.fake.advance(hours(1));
}
