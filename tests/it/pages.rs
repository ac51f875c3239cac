//! The pages at the `web_url` of builds and pipelines, and the same pictures without a server.
//!
//! How they look, and what assistive technology makes of them, is looked at in a browser: `tests/browser`.

use fake_buildkite::{
    BuildHandle, BuildState, Clock, FakeBuildkite, JobState, Route, hours, minutes, seconds,
};

use crate::support::{Answer, client};

/// What would be run, or break a page, if it were written as it is.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\u{1b}";

const STEPS: &str = r#"
steps:
  - { label: "Test %n", key: test, command: make test, parallelism: 2 }
  - { label: "Flaky", key: flaky, command: make flaky, retry: { automatic: { exit_status: 2, limit: 1 } } }
  - { label: "Lint", key: lint, command: make lint, soft_fail: true }
  - { label: "Slow", key: slow, command: make slow, timeout_in_minutes: 1, soft_fail: true }
  - { label: "Never", key: never, command: make never, if: "false" }
  - { block: "Ship?", key: gate }
  - group: "Out"
    steps:
      - { trigger: other, key: go }
  - wait
  - { label: "Late", key: late, command: make late, depends_on: go }
"#;

/// A build with something of everything, blocked at its gate.
fn story(fake: &FakeBuildkite) -> BuildHandle {
    fake.pipeline("Other").create();
    let app = fake.pipeline("App").steps(STEPS).create();
    app.on_job("flaky")
        .takes(minutes(2))
        .logs("no luck\n")
        .exits(2)
        .then()
        .exits(0);
    app.on_job("lint").exits(3);
    app.on_job("slow").hangs();
    let build = app.build().message("First line\nsecond line").create();
    fake.run_until_idle();
    build
}

fn page(fake: &FakeBuildkite, url: &str) -> Answer {
    client(fake).without_token().get(url)
}

#[track_caller]
fn assert_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| match name.as_str() {
            "x-request-id" | "content-length" | "date" => format!("{name}: *"),
            name => format!("{name}: {value}"),
        })
        .collect();
    headers.sort_unstable();
    let expected = [
        "cache-control: no-store",
        "content-length: *",
        "content-security-policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        "content-type: text/html; charset=utf-8",
        "cross-origin-resource-policy: same-origin",
        "date: *",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "x-request-id: *",
        "x-runtime: 0.001000",
    ];
    assert_eq!(headers, expected);
}

// --- Where they are --------------------------------------------------------------------------------------------------

#[test]
fn a_build_has_a_page_at_its_web_url_and_needs_no_token() {
    // Given a build
    let fake = FakeBuildkite::start();
    let build = story(&fake);
    // When somebody opens the address that the API gives
    let json = client(&fake)
        .get("/organizations/acme/pipelines/app/builds/1?include_retried_jobs=true")
        .expect(200);
    assert_eq!(json["web_url"].str(), build.web_url());
    let answer = page(&fake, json["web_url"].str());
    // Then it is a page, with an anchor for the address of each job
    assert_page(&answer, 200);
    assert_eq!(answer.text, build.timeline().html());
    for job in json["jobs"].items() {
        let anchor = format!("id=\"{}\"", job["id"].str());
        assert_eq!(answer.text.matches(&anchor).count(), 1, "{anchor}");
        if let Some(url) = job.get("web_url").filter(|url| !url.is_null()) {
            assert_eq!(
                url.str(),
                format!("{}#{}", build.web_url(), job["id"].str())
            );
        }
    }
    // And so has its pipeline
    let pipeline = json["pipeline"]["web_url"].str();
    assert_eq!(pipeline, fake.existing_pipeline("app").web_url());
    let answer = page(&fake, pipeline);
    assert_page(&answer, 200);
    assert!(
        answer
            .text
            .contains(r#"<a href="/acme/app/builds/1">#1</a>"#)
    );
}

#[test]
fn a_page_can_be_asked_for_with_head() {
    let fake = FakeBuildkite::start();
    let build = story(&fake);
    for url in [build.web_url(), fake.existing_pipeline("app").web_url()] {
        let whole = page(&fake, &url);
        let head = client(&fake).without_token().send("HEAD", &url, &[], None);
        assert_page(&head, 200);
        assert_eq!(head.text, "");
        assert_eq!(
            head.header("content-length"),
            whole.header("content-length")
        );
    }
}

#[test]
fn addresses_begin_where_the_builder_says() {
    let fake = FakeBuildkite::builder().origin("http://ci.test/").start();
    let app = fake.pipeline("app").create();
    assert_eq!(app.web_url(), "http://ci.test/acme/app");
    assert_eq!(
        app.create_build().web_url(),
        "http://ci.test/acme/app/builds/1"
    );
}

#[test]
fn what_is_not_there_has_a_page_that_says_so() {
    let fake = FakeBuildkite::start();
    story(&fake);
    let app = fake.existing_pipeline("app").web_url();
    for build in ["2", "0", "01", "x", "-1", "99999999999999999999"] {
        let answer = page(&fake, &format!("{app}/builds/{build}"));
        assert_page(&answer, 404);
        let said = format!("There is no build {build} in pipeline `app`.");
        assert!(answer.text.contains(&said), "{}", answer.text);
        assert!(answer.text.contains(r#"<a href="/acme/app">App</a>"#));
    }
    let answer = page(&fake, &format!("{}/acme/ap", fake.url()));
    assert_page(&answer, 404);
    assert!(answer.text.contains("There is no pipeline `ap` in acme."));
    assert!(answer.text.contains(r#"<a href="/acme/other">Other</a>"#));
    // Also once it is gone
    let client = client(&fake);
    assert_eq!(
        client.delete("/organizations/acme/pipelines/app").status,
        204
    );
    assert_page(&page(&fake, &app), 404);
}

#[test]
fn other_paths_are_no_pages() {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    story(&fake);
    let nobody = client(&fake).without_token();
    for (method, path) in [
        ("GET", "/initech/app"),
        ("GET", "/initech/app/builds/1"),
        ("GET", "/acme"),
        ("GET", "/acme/app/builds"),
        ("GET", "/acme/app/builds/1/jobs"),
        ("POST", "/acme/app"),
        ("DELETE", "/acme/app/builds/1"),
        ("GET", "/organizations/acme"),
    ] {
        let answer = nobody.send(method, &format!("{}{path}", fake.url()), &[], None);
        assert_eq!(
            answer.message(404),
            format!("No route matches {}", &path[1..])
        );
        let nearest = answer
            .header("x-fake-buildkite-nearest-route")
            .expect("a route");
        assert!(
            Route::ALL
                .iter()
                .any(|route| route.to_string() == nearest && !route.is_page())
        );
    }
    let last = fake.requests().last().expect("a request").to_string();
    assert!(last.contains("`/v2` is missing"), "{last}");
}

// --- Looking on ------------------------------------------------------------------------------------------------------

#[test]
fn no_page_moves_the_clock_and_each_is_recorded() {
    for clock in [
        Clock::Manual,
        Clock::PerRequest(seconds(5)),
        Clock::StepPerPoll,
    ] {
        let fake = FakeBuildkite::builder().clock(clock).start();
        let app = fake.pipeline("app").create();
        let build = app.create_build();
        let before = (fake.clock().now(), fake.events().to_string());
        for _ in 0..20 {
            page(&fake, &build.web_url());
            page(&fake, &app.web_url());
            page(&fake, &format!("{}/builds/2", app.web_url()));
        }
        assert_eq!(
            (fake.clock().now(), fake.events().to_string()),
            before,
            "{clock}"
        );
        assert_eq!(build.state(), BuildState::Scheduled);
        fake.requests().to(Route::PipelinePage).assert_count(20);
        fake.requests().to(Route::BuildPage).assert_count(40);
        let notes: Vec<_> = fake
            .requests()
            .iter()
            .filter_map(|request| request.note.clone())
            .collect();
        assert_eq!(notes, ["there is no such build"; 20]);
    }
}

#[test]
fn the_same_build_is_the_same_bytes() {
    let draw = || {
        let fake = FakeBuildkite::start();
        let timeline = story(&fake).timeline();
        let pipeline = page(&fake, &fake.existing_pipeline("app").web_url()).text;
        (
            timeline.svg(),
            timeline.html(),
            pipeline,
            timeline.to_string(),
        )
    };
    assert_eq!(draw(), draw());
}

// --- What is on them -------------------------------------------------------------------------------------------------

#[test]
fn whatever_a_name_says_is_text() {
    // Given a pipeline whose author tries
    let fake = FakeBuildkite::start();
    let name = serde_json::to_string(HOSTILE).expect("a string");
    let steps = format!(
        "steps: [{{group: {name}, steps: [{{label: {name}, command: make}}]}}, {{block: {name}}}, {{command: {name}}}]"
    );
    let app = fake.pipeline("<script>p").steps(steps).create();
    app.on_job("make").logs(HOSTILE);
    let build = app
        .build()
        .branch(HOSTILE)
        .commit(HOSTILE)
        .message(HOSTILE)
        .create();
    fake.run_until_idle();
    // When every picture of it is drawn
    let timeline = build.timeline();
    let missing = format!("{}/acme/%3Cscript%3E%22", fake.url());
    let pictures = [
        ("svg", timeline.svg()),
        ("build", page(&fake, &build.web_url()).text),
        ("pipeline", page(&fake, &app.web_url()).text),
        ("missing", page(&fake, &missing).text),
        (
            "missing build",
            page(&fake, &format!("{}/builds/%3Cscript%3E%22", app.web_url())).text,
        ),
    ];
    // Then there is no more markup in it than without, and the text is there to read
    for (what, picture) in pictures {
        for wrong in ["<script", "<img", "\"'>", "\u{1b}"] {
            assert!(!picture.contains(wrong), "{what} has {wrong}");
        }
        assert!(picture.contains("&lt;script&gt;"), "{what}");
    }
    assert!(timeline.html().contains("onerror=alert(2)&gt;&amp;amp;␛"));
}

#[test]
fn a_picture_shows_what_became_of_every_job() {
    // Given a blocked build, an hour later
    let fake = FakeBuildkite::start();
    let build = story(&fake);
    fake.advance(hours(1));
    let svg = build.timeline().svg();
    let label = |text: &str| format!("role=\"img\" aria-label=\"{text}\"");
    for text in [
        "Test 1: passed, ran 10 s",
        "flaky: failed with exit status 2, retried, ran 2 min",
        "flaky (attempt 2): passed, ran 10 s",
        "lint: soft failed with exit status 3, ran 10 s",
        "slow: timed out, ran 1 min 10 s",
        "never: broken",
        "gate: blocked, waited 1 h 2 min",
        "go: waiting",
        "wait: waiting",
        "late: waiting",
    ] {
        assert!(svg.contains(&label(text)), "{text}");
    }
    let now = "class=\"now\"";
    assert!(svg.contains(now) && svg.contains(">Out</text>"));
    assert_eq!(
        svg.matches("<path class=\"retry\" d=\"M").count(),
        2,
        "one, and the legend's"
    );
    // When it is unblocked and ends
    build.job("gate").unblock();
    fake.run_until_idle();
    let svg = build.timeline().svg();
    // Then the gate says who did that, the trigger leads to its build, and nothing waits for now
    for text in [
        "gate: unblocked, waited 1 h 2 min",
        "go: passed, ran 11 s",
        "late: passed, ran 10 s",
    ] {
        assert!(svg.contains(&label(text)), "{text}");
    }
    assert!(svg.contains("\nunblocked by "));
    assert!(svg.contains(
        r#"<a class="build" href="/acme/other/builds/1" aria-label="other#1, passed">other#1</a>"#
    ));
    assert!(!svg.contains(now));
    let flaky = build.jobs("flaky");
    let said = format!("retried (automatic) in {}", flaky[1].id());
    assert!(svg.contains(&said) && svg.contains(&format!("script job {}", flaky[0].id())));
}

#[test]
fn a_picture_stands_alone() {
    let fake = FakeBuildkite::start();
    let svg = story(&fake).timeline().svg();
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "));
    assert!(svg.contains("<title id=") && svg.contains("<desc id="));
    assert!(svg.contains("prefers-color-scheme:dark"));
    let rest = svg.replacen("http://www.w3.org/2000/svg", "", 1);
    for elsewhere in ["http:", "https:", "@import", "@font-face", "src="] {
        assert!(!rest.contains(elsewhere), "{elsewhere}");
    }
    // What is referred to is inside
    for reference in rest.split("url(#").skip(1) {
        let id = reference.split(')').next().expect("an end");
        assert!(rest.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn many_dependencies_are_shown_one_line_at_a_time() {
    let steps = |count: usize| {
        let job = |n| format!("- command: make {n}\n");
        let jobs = (0..count).map(job).collect::<Vec<_>>().concat();
        format!("steps:\n- command: first\n- wait\n{jobs}- wait\n- command: last\n")
    };
    for (count, is_quiet) in [(10, false), (100, true)] {
        let fake = FakeBuildkite::start();
        let build = fake.pipeline("app").steps(steps(count)).create_build();
        fake.run_until_idle();
        let svg = build.timeline().svg();
        assert_eq!(svg.contains("class=\"tl quiet\""), is_quiet, "{count}");
        // From the first to the wait step, to each, from each, and from the wait step to the last
        assert_eq!(svg.matches("<path class=\"dep\"").count(), 2 * count + 2);
    }
}

#[test]
fn the_page_says_of_each_job_what_it_waited_for_and_how_it_was_retried() {
    let fake = FakeBuildkite::start();
    let build = story(&fake);
    build.job("gate").unblock();
    fake.run_until_idle();
    let html = build.timeline().html();
    let (row_of, id) = (
        |key: &str, nth: usize| {
            let id = build.jobs(key)[nth].id();
            let row = html
                .split("<tr id=\"")
                .find(|row| row.starts_with(&id.to_string()));
            row.expect("a row").split("</tr>").next().expect("an end")
        },
        |key: &str, nth: usize| build.jobs(key)[nth].id(),
    );
    let retried = format!(
        "retried in <a href=\"#{}\">flaky (attempt 2)</a>",
        id("flaky", 1)
    );
    assert!(
        row_of("flaky", 0).contains(&retried),
        "{}",
        row_of("flaky", 0)
    );
    assert!(row_of("flaky", 0).contains(&format!("<a href=\"#log-{}\">Log", id("flaky", 0))));
    let of = format!(
        "automatic retry of <a href=\"#{}\">flaky</a>",
        id("flaky", 0)
    );
    assert!(row_of("flaky", 1).contains(&of));
    assert!(row_of("never", 0).contains("conditional_failed"));
    assert!(row_of("late", 0).contains(&format!("<a href=\"#{}\">go</a>", id("go", 0))));
    assert!(row_of("gate", 0).contains("unblocked by "));
    assert!(row_of("go", 0).contains("made <a href=\"/acme/other/builds/1\">other#1</a>, passed"));
    assert!(row_of("slow", 0).contains("timed out") && row_of("slow", 0).contains(">-1<"));
    assert!(html.contains("<p class=\"message\">First line\nsecond line</p>"));
    // And the other build says where it came from
    let other = fake
        .existing_pipeline("other")
        .latest_build()
        .timeline()
        .html();
    assert!(
        other.contains("<dt>Triggered by</dt><dd><a href=\"/acme/app/builds/1\">app#1</a></dd>")
    );
    let again = build.rebuild().timeline().html();
    assert!(again.contains("<dt>Rebuild of</dt><dd><a href=\"/acme/app/builds/1\">app#1</a></dd>"));
}

#[test]
fn of_a_long_log_the_end_is_on_the_page() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: make}]")
        .create_build();
    build
        .job("make")
        .append_log(&"one line of many\n".repeat(10_000));
    build.job("make").append_log("the last line\n");
    let html = build.timeline().html();
    assert!(html.contains("one line of many\nthe last line\n</pre>"));
    assert!(html.len() < 100_000, "{}", html.len());
    // 170,014 bytes, of which the last 64 KiB begin within a line
    assert!(
        html.contains("<p>The first 104482 bytes are left out.</p>"),
        "{html}"
    );
}

#[test]
fn the_page_of_a_pipeline_lists_its_newest_builds() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("App").create();
    assert!(
        page(&fake, &app.web_url())
            .text
            .contains("There is no build yet.")
    );
    for n in 1..=103 {
        let build = app
            .build()
            .branch(format!("branch-{n}"))
            .message(format!("Change {n}\nwhy"))
            .create();
        match n % 3 {
            0 => build.cancel(),
            1 => build.fail(),
            _ => build.pass(),
        }
    }
    let text = page(&fake, &app.web_url()).text;
    let links: Vec<_> = text.split("<a href=\"/acme/app/builds/").skip(1).collect();
    let numbers: Vec<u64> = links
        .iter()
        .map(|link| {
            link.split('"')
                .next()
                .expect("an end")
                .parse()
                .expect("a number")
        })
        .collect();
    assert_eq!(numbers, (4..=103).rev().collect::<Vec<_>>());
    assert!(text.contains("3 older builds are not listed."));
    let newest = links[0];
    for part in [
        "Change 103",
        "branch-103",
        "failed",
        "2030-01-01 00:00:00 UTC",
    ] {
        assert!(newest.contains(part), "{part}: {newest}");
    }
    assert!(!newest.contains("why"));
}

#[test]
fn a_build_can_be_drawn_at_every_moment_of_its_life() {
    // Given builds of every kind, and an instant at which a clock can stand
    let fake = FakeBuildkite::builder()
        .agents(fake_buildkite::Agents::fleet([fake_buildkite::agent(
            "one",
        )]))
        .start();
    let other = fake.pipeline("Other").create();
    let app = fake
        .pipeline("App")
        .steps(format!("{STEPS}  - {{command: make last, key: last, concurrency: 1, concurrency_group: g}}\n  - wait\n"))
        .create();
    app.on_job("flaky").exits(2).then().exits(0);
    let build = app.create_build();
    let draw = || {
        for build in app.builds().iter().chain(&other.builds()) {
            let (svg, html) = (build.timeline().svg(), build.timeline().html());
            for job in build.all_jobs() {
                assert!(svg.contains(&job.id().to_string()), "{}", build.timeline());
                assert!(html.contains(&format!("<tr id=\"{}\"", job.id())));
            }
        }
    };
    // When they go on, one thing after another
    draw();
    for _ in 0..30 {
        fake.step();
        draw();
    }
    build.job("gate").unblock();
    fake.run_until_idle();
    draw();
    let second = app.create_build();
    second.job("lint").expire();
    draw();
    fake.advance(seconds(2));
    second.cancel();
    draw();
    fake.advance(minutes(1));
    // Then each can be drawn each time
    draw();
    assert_eq!(second.job("lint").state(), JobState::Expired);
}
