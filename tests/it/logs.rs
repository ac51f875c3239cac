//! The logs of jobs: every way to read them over REST, and to delete them. How they grow is in `printing`.

use fake_buildkite::{
    Access, BuildHandle, FakeBuildkite, JobHandle, JobState, PipelineHandle, Route, Scope, seconds,
};

use crate::support::{Answer, Client, client};

const TEXT: (&str, &str) = ("accept", "text/plain");
const HTML: (&str, &str) = ("accept", "text/html");

/// A running job of `app`, and where its log is: below its build and below its organization.
pub(crate) struct Printing {
    pub(crate) fake: FakeBuildkite,
    pub(crate) client: Client,
    app: PipelineHandle,
    build: BuildHandle,
    pub(crate) job: JobHandle,
    pub(crate) paths: [String; 2],
}

impl Printing {
    pub(crate) fn new() -> Self {
        Self::of(FakeBuildkite::start())
    }

    pub(crate) fn of(fake: FakeBuildkite) -> Self {
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

    pub(crate) fn text(&self) -> Answer {
        self.client.get(&format!("{}.txt", self.paths[0]))
    }

    fn range(&self, path: &str, range: &str) -> Answer {
        self.client
            .send("GET", path, &[TEXT, ("range", range)], None)
    }
}

/// The stamp of an instant, in seconds after the epoch of fakes.
pub(crate) fn stamp(second: i64) -> String {
    format!("\u{1b}_bk;t={}\u{7}", (1_893_456_000 + second) * 1_000)
}

/// A raw log.
pub(crate) fn raw(lines: &[(i64, &str)]) -> String {
    let raw = |(second, text): &(i64, &str)| format!("{}{text}\r\n", stamp(*second));
    lines.iter().map(raw).collect()
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

/// Pages need no token and the API does, so a link from one to the other would lead nowhere.
#[test]
fn the_page_of_a_build_shows_its_logs_itself() {
    let world = Printing::new();
    world.job.write_log("--- Linting\n\u{1b}[31mred\u{1b}[0m\n");
    let page = |world: &Printing| {
        world
            .client
            .without_token()
            .get(&world.build.web_url())
            .text
    };
    let html = page(&world);
    assert!(html.contains("\n--- Linting\nred\n</pre>"), "{html}");
    assert!(html.contains(&format!("href=\"#log-{}\"", world.job.id())));
    assert!(!html.contains("/v2/") && !html.contains("_bk;t="));
    assert_eq!(world.client.delete(&world.paths[0]).status, 204);
    assert!(page(&world).contains("No job has printed anything."));
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
