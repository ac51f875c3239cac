//! Levers over HTTP, the way a test in another language pulls them: with a plain client.
//!
//! Elsewhere: that the reference says what they answer (`levers_reference`).

use std::sync::Arc;

use fake_buildkite::{BuildState, Clock, FakeBuildkite, JobState, minutes};

use crate::support::{Answer, Client, client};

const STEPS: &str = "steps: [{command: make, key: test}, {block: Release?, key: gate}]";

fn fake() -> Arc<FakeBuildkite> {
    let fake = Arc::new(FakeBuildkite::start());
    fake.serve_levers();
    fake
}

/// Pulls a lever; its body may be empty.
pub(crate) fn pull(fake: &FakeBuildkite, method: &str, path: &str, body: &str) -> Answer {
    let url = format!("{}/_fake/{path}", fake.url());
    nobody(fake).send(method, &url, &[], (!body.is_empty()).then_some(body))
}

/// Levers need no token.
fn nobody(fake: &FakeBuildkite) -> Client {
    client(fake).without_token()
}

#[test]
fn a_test_in_another_language_tells_scripts_moves_the_clock_and_asks_what_happened() {
    // Given a pipeline whose test fails once
    let fake = fake();
    pull(
        &fake,
        "POST",
        "pipelines",
        &format!("{{\"name\": \"App\", \"steps\": \"{STEPS}\"}}"),
    )
    .expect(201);
    let script = r#"{"job": "test", "attempts": [{"takes": "3m", "exits": 1, "logs": "oh no\n"}, {"takes": 120}]}"#;
    assert_eq!(
        pull(&fake, "POST", "pipelines/app/scripts", script).status,
        204
    );
    // When the program under test makes a build, and time passes
    client(&fake).create_build("app");
    let moved = pull(&fake, "POST", "clock/advance", r#"{"by": "4m"}"#).expect(200);
    // Then it failed after three minutes, and a retry passes
    assert_eq!(moved["now"].str(), "2030-01-01T00:04:00.000Z");
    let last = moved["events"].items().last().expect("events").clone();
    assert_eq!(
        last["text"].str(),
        "2030-01-01T00:03:01.000Z app#1 running -> failed"
    );
    assert_eq!(last["build"]["number"].number(), 1);
    let build = pull(&fake, "GET", "pipelines/app/builds/1", "").expect(200);
    let job = build["jobs"].items()[0].clone();
    assert_eq!(job["exit_status"].number(), 1);
    let id = job["id"].str().to_owned();
    let shown = pull(&fake, "GET", &format!("jobs/{id}"), "").expect(200);
    assert_eq!(shown["log"].str(), "oh no\n");
    let retried = pull(&fake, "POST", &format!("jobs/{id}/retry"), "").expect(200);
    assert_eq!(retried["attempt"].number(), 2);
    let idle = pull(&fake, "POST", "clock/run_until_idle", "").expect(200);
    assert_eq!(idle["now"].str(), "2030-01-01T00:06:01.000Z");
    assert_eq!(
        idle["waiting_on"].items()[0].str(),
        "app#1 gate is blocked: it waits for a person"
    );
    // And only the program's own requests are recorded
    let requests = pull(&fake, "GET", "requests?route=CreateBuild", "").expect(200);
    assert_eq!(requests["count"].number(), 1);
    assert_eq!(fake.requests().len(), 1);
    let events = pull(&fake, "GET", "events?after=2", "").expect(200);
    assert_eq!(
        events["count"].number() - 2,
        i64::try_from(events["events"].items().len()).expect("few")
    );
}

/// What is told wrong: method, path, body, status, a part of the message.
const REFUSED: &[(&str, &str, &str, u16, &str)] = &[
    (
        "POST",
        "clock/advance",
        r#"{"bye": "3m"}"#,
        400,
        "unknown field `bye`, expected `by`",
    ),
    (
        "POST",
        "clock/advance",
        r#"{"by": "soon"}"#,
        400,
        "a span of time",
    ),
    (
        "POST",
        "clock/advance",
        "{",
        400,
        "this lever cannot read its body",
    ),
    ("POST", "clock/advance", "", 400, "missing field `by`"),
    (
        "POST",
        "clock/step",
        r#"{"by": 1}"#,
        400,
        "unknown field `by`",
    ),
    (
        "POST",
        "clock/advance_to",
        r#"{"instant": "2029-01-01T00:00:00Z"}"#,
        422,
        "does not go back",
    ),
    (
        "POST",
        "clock/advance_to",
        r#"{"instant": "tomorrow"}"#,
        400,
        "`tomorrow` is no instant",
    ),
    (
        "POST",
        "pipelines/none/builds",
        "",
        404,
        "there is no pipeline `none`; this fake has `app`",
    ),
    (
        "GET",
        "pipelines/app/builds/7",
        "",
        404,
        "there is no build `7` of pipeline `app`; it has builds up to 1",
    ),
    (
        "POST",
        "jobs/01b8dac5-b400-7381-a831-727f2f5ce37c/start",
        "",
        404,
        "there is no job `01b8dac5-b400-7381-a831-727f2f5ce37c`",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "tset", "attempts": [{}]}"#,
        422,
        "is called `tset`; its command steps are `test`. If a job will upload such a step, tell the script of that job \
         first (with `uploads`), or say `\"uploaded\": true`",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test"}"#,
        422,
        "`attempts` is missing or empty: it is a list such as [{\"takes\": \"3m\", \"exits\": 1}, {}]",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [], "must_run": true}"#,
        422,
        "`attempts` is missing or empty",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": {"exits": 1}}"#,
        400,
        "`attempts`: invalid type: an object, expected a list at line 1",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"exit_status": 1}]}"#,
        400,
        "unknown field `exit_status`, expected one of `takes`, ",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"exit": 1}]}"#,
        400,
        "; nearest: `exits`",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"picked_up_after_polls": 0}]}"#,
        422,
        "that is `\"picked_up_after\": 0`",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"takes_polls": "3"}]}"#,
        400,
        "`takes_polls`: invalid type: string \"3\", expected a whole number from 0 to 4294967295",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"artifacts": ["a.txt"]}]}"#,
        400,
        "invalid type: string \"a.txt\", expected an object",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"annotations": [{"body": "x", "style": "Error"}]}]}"#,
        400,
        "there is no style `Error`; nearest: `error`; there are ",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"hangs": true, "takes": "1m"}]}"#,
        400,
        "`takes`, `takes_polls` and `hangs`",
    ),
    (
        "POST",
        "faults",
        r#"{"route": "GetBuilt", "status": 502}"#,
        400,
        "there is no route `GetBuilt`; nearest: `GetBuild`; there are Root, ",
    ),
    (
        "POST",
        "faults",
        r#"{"route": "GetBuild", "rate_limited": true}"#,
        400,
        "`rate_limited`: invalid type: boolean `true`, expected a span of time: seconds, or a text",
    ),
    (
        "POST",
        "pipelines",
        r#"{"name": "b", "steps": [{"command": "x"}]}"#,
        400,
        "`steps`: invalid type: a list, expected the text of a YAML file, such as",
    ),
    (
        "POST",
        "gates",
        r#"{"route": "cancel_build"}"#,
        400,
        "there is no route `cancel_build`; nearest: `CancelBuild`; there are Root, ",
    ),
    (
        "GET",
        "requests?route=?",
        "",
        400,
        "there is no route `?`; there are Root, ",
    ),
    (
        "POST",
        "faults",
        r#"{"status": 502, "slow_body": 3}"#,
        400,
        "invalid type: integer `3`, expected an object",
    ),
    (
        "POST",
        "faults",
        r#"{"status": 502, "build": {"pipeline": "ap", "number": 1}}"#,
        404,
        "there is no pipeline `ap`",
    ),
    (
        "POST",
        "faults",
        r#"{"status": 502, "build": {"pipeline": "app", "number": 9}}"#,
        404,
        "there is no build `9` of pipeline `app`",
    ),
    (
        "POST",
        "faults",
        r#"{"status": 502, "build": {"pipeline": "app"}}"#,
        400,
        "missing field `number`",
    ),
    (
        "POST",
        "faults",
        r#"{"status": 502, "job": "test"}"#,
        404,
        "there is no job `test`",
    ),
    (
        "POST",
        "faults",
        r#"{"status": 502, "build": {"pipeline": "app", "number": 1}, "job": "test"}"#,
        400,
        "a fault is for one `build`, whose jobs are among it, or for one `job`, not both",
    ),
    (
        "POST",
        "faults",
        r#"{"nth": 0, "status": 502}"#,
        422,
        "requests are counted from 1",
    ),
    (
        "POST",
        "faults",
        r#"{"before_effect": true, "slow_body": {"pieces": 3, "pause": "1s"}}"#,
        422,
        "no fault",
    ),
    (
        "POST",
        "faults",
        r#"{"route": "GetBuild"}"#,
        400,
        "a fault says what goes wrong, once",
    ),
    (
        "POST",
        "snapshots/1/rewind",
        "",
        404,
        "there is no snapshot `1`",
    ),
    (
        "GET",
        "pipelines/app/builds/1/timeline?as=pdf",
        "",
        400,
        "not as `pdf`",
    ),
    // Words that would be lost beside others, or where nobody reads them.
    (
        "GET",
        "requests?routes=CreateBuild",
        "",
        400,
        "this lever has no parameter `routes`; it has route, after",
    ),
    (
        "POST",
        "clock/step?by=3m",
        "",
        400,
        "this lever has no parameter `by`; it has none",
    ),
    (
        "GET",
        "events?after=1&after=2",
        "",
        400,
        "`after` is given twice",
    ),
    (
        "GET",
        "requests",
        r#"{"route": "CreateBuild"}"#,
        400,
        "unknown field `route`",
    ),
    (
        "POST",
        "faults",
        r#"{"status": 502, "first": 2, "times": 3}"#,
        400,
        "`first` is said without `nth` and `times`",
    ),
    (
        "POST",
        "faults",
        r#"{"reset": true, "before_effect": true, "after_effect": true}"#,
        400,
        "it is `before_effect` or `after_effect`",
    ),
    (
        "POST",
        "faults",
        r#"{"reset": true, "body": "gone"}"#,
        400,
        "`body` is what a `status` says",
    ),
    (
        "POST",
        "faults",
        r#"{"status": 200}"#,
        400,
        "without a `body`, the `status` is that of an error: 400 to 599",
    ),
    (
        "POST",
        "webhooks",
        r#"{"url": "http://127.0.0.1:9/", "token": "a", "signed_with": "b"}"#,
        400,
        "`token` or `signed_with`, not both",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"loses_agent": true, "exits": 1}]}"#,
        400,
        "an attempt that loses its agent has no `exits`",
    ),
    // What a test in Rust would be told in words of Rust.
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"takes": "soon"}]}"#,
        400,
        "`takes`: invalid value: string \"soon\", expected a span of time",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"takes": ["1m"]}]}"#,
        400,
        "`takes` is a span, or two of them",
    ),
    (
        "POST",
        "pipelines/app/scripts",
        r#"{"job": "test", "attempts": [{"takes_polls": 0}]}"#,
        400,
        "that is `\"takes\": 0`",
    ),
    (
        "POST",
        "webhooks",
        r#"{"url": "http://receiver.test/"}"#,
        422,
        "and not to `receiver.test`; if the test means that host, the server is told so: `--allow-webhook-host receiver.test`",
    ),
    (
        "POST",
        "pipelines/app/builds",
        r#"{"source": "cron"}"#,
        400,
        "there is no source `cron`; there are ",
    ),
    (
        "POST",
        "webhooks",
        r#"{"url": "http://127.0.0.1:9/", "events": ["build_finished"]}"#,
        400,
        "there is no event `build_finished`; nearest: `build.finished`; there are ",
    ),
    (
        "POST",
        "clock/advance",
        r#"{"by": 18446744073709551615}"#,
        422,
        "the calendar ends before",
    ),
];

/// Whether a text is for somebody who writes Rust: calls, paths, types.
fn speaks_rust(text: &str) -> bool {
    let calls = ["()", "(..)", "::", " `.", "struct "];
    let types = ["u8", "u32", "u64", "usize", "i32", "i64", "f64"];
    let text = text.replace("[::1]", "an address");
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    calls.iter().any(|call| text.contains(call)) || words.any(|word| types.contains(&word))
}

#[test]
fn what_is_told_wrong_is_refused_and_changes_nothing() {
    let fake = fake();
    let app = fake.pipeline("app").steps(STEPS).create();
    let build = app.create_build();
    let job = build.job("test");
    let events = fake.events().len();
    let by_hand = |lever: &str| format!("jobs/{}/{lever}", job.id());
    let by_hand = [
        (
            "POST",
            by_hand("time_out"),
            "",
            422,
            "app#1 test cannot make the move `time_out`: it is scheduled\n  history: scheduled at 2030-01-01T00:00:00.000Z\n  \
             possible now: start, cancel, expire",
        ),
        (
            "POST",
            by_hand("finish"),
            r#"{"exit_status": 3, "signal": "SIGTERM"}"#,
            422,
            "app#1 test cannot make the move `finish`: it is scheduled",
        ),
        (
            "POST",
            by_hand("unblock"),
            r#"{"fields": {"reason": "x"}}"#,
            422,
            "app#1 test cannot make the move `unblock`: it is scheduled",
        ),
        (
            "POST",
            by_hand("artifacts"),
            r#"{"path": "a.txt", "content": "x"}"#,
            422,
            "app#1 test cannot upload an artifact",
        ),
        (
            "POST",
            by_hand("log"),
            r#"{"text": "x"}"#,
            422,
            "app#1 test",
        ),
        (
            "POST",
            by_hand("promise_failure"),
            r#"{"signal": "SIGTERM"}"#,
            400,
            "unknown field `signal`, expected `exit_status`",
        ),
        (
            "POST",
            by_hand("promise_failure"),
            "",
            400,
            "missing field `exit_status`",
        ),
    ];
    let refused = REFUSED
        .iter()
        .map(|&(method, path, body, status, text)| (method, path.to_owned(), body, status, text));
    for (method, path, body, status, text) in refused.chain(by_hand) {
        let answer = pull(&fake, method, &path, body);
        let message = answer.message(status);
        assert!(message.contains(text), "{method} {path} {body}: {message}");
        assert!(!speaks_rust(&message), "{method} {path} {body}: {message}");
    }
    let lost = pull(&fake, "GET", "clocks", "");
    assert!(lost.text.starts_with("{\"message\":"), "{}", lost.text);
    let lost = lost.expect(404);
    assert!(lost["levers"].items().len() > 40);
    assert_eq!(
        lost["message"].str(),
        "there is no lever GET /_fake/clocks; nearest: GET /_fake/clock"
    );
    let far = pull(&fake, "GET", "jobs", "").message(404);
    assert_eq!(far, "there is no lever GET /_fake/jobs");
    let other = pull(&fake, "PUT", "faults", "");
    assert_eq!(other.header("allow"), Some("POST, GET"));
    assert_eq!(
        other.message(405),
        "there is no lever PUT /_fake/faults; with this path there is POST and GET"
    );
    assert_eq!(pull(&fake, "HEAD", "clock", "").status, 200);
    assert_eq!(fake.events().len(), events);
    assert_eq!(fake.clock().now().to_rfc3339(), "2030-01-01T00:00:00+00:00");
    assert!(fake.requests().is_empty() && fake.verify().is_ok());
}

#[test]
fn a_clock_that_levers_do_not_move_says_so_in_their_words() {
    // Given a clock that goes with real time
    let fake = FakeBuildkite::builder().clock(Clock::Wall { speed: 60.0 });
    let fake = Arc::new(fake.start());
    fake.serve_levers();
    assert_eq!(
        pull(&fake, "GET", "clock", "").expect(200)["mode"].str(),
        "wall:60"
    );
    for (lever, body, said) in [
        (
            "clock/advance",
            r#"{"by": "1m"}"#,
            "no test moves the clock while it is wall:60: real time moves it, 60 times as fast; ask again until what it \
             waits for is there",
        ),
        (
            "reset",
            "",
            "a clock that is wall:60 moves by itself and never back: start another fake from here, with the lever `forks`, \
             before what should be undone",
        ),
    ] {
        assert_eq!(pull(&fake, "POST", lever, body).message(422), said);
    }
    // And one that may not go so far
    let fake = Arc::new(FakeBuildkite::builder().event_limit(1).start());
    fake.serve_levers();
    fake.pipeline("app").create_build();
    let stopped = pull(&fake, "POST", "clock/run_until_idle", "").message(422);
    assert!(
        stopped.contains("a longer journey needs a server with `--event-limit`. Due"),
        "{stopped}"
    );
    assert!(!speaks_rust(&stopped), "{stopped}");
}

#[test]
fn a_fault_may_be_for_one_build_or_one_job_alone() {
    let fake = fake();
    let app = fake.pipeline("app").steps(STEPS).create();
    let (first, second) = (app.create_build(), app.create_build());
    let id = second.job("test").id();
    let build =
        r#"{"build": {"pipeline": "app", "number": 2}, "route": "GetBuild", "status": 503}"#;
    let ordered = pull(&fake, "POST", "faults", build).expect(201);
    assert!(
        ordered["text"].str().ends_with(" about app#2"),
        "{ordered:?}"
    );
    let job = format!(r#"{{"job": "{id}", "times": 1, "status": 500}}"#);
    pull(&fake, "POST", "faults", &job).expect(201);
    let client = client(&fake);
    let status = |path: &str| {
        let builds = "/organizations/acme/pipelines/app/builds";
        client.get(&format!("{builds}/{path}")).status
    };
    assert_eq!([status("1"), status("2"), status("2")], [200, 503, 503]);
    let log = |build: &str, id| status(&format!("{build}/jobs/{id}/log"));
    assert_eq!(log("1", first.job("test").id()), 200);
    assert_eq!([log("2", id), log("2", id)], [500, 200]);
}

#[test]
fn a_job_is_found_by_its_key_its_label_or_its_place_in_a_matrix() {
    let fake = fake();
    let steps = r#"{"name": "app", "steps": "steps: [{command: \"make {{matrix}}\", key: test, label: \"Test {{matrix}}\", matrix: [linux, macos], env: {CC: clang}}, wait]"}"#;
    pull(&fake, "POST", "pipelines", steps).expect(201);
    let body = r#"{"meta_data": {"size": "small"}}"#;
    let build = pull(&fake, "POST", "pipelines/app/builds", body).expect(201);
    let macos = build["jobs"].items()[1].clone();
    let words = |key: &str| macos[key].str().to_owned();
    assert_eq!(words("step_key"), "test");
    assert_eq!(words("label"), "Test macos");
    assert_eq!(words("name"), "Test macos");
    assert_eq!(words("command"), "make macos");
    assert_eq!(macos["matrix"][""].str(), "macos");
    let waiter = build["jobs"].items()[2].clone();
    assert!(waiter["step_key"].is_null() && waiter["label"].is_null());
    let alone = pull(&fake, "GET", &format!("jobs/{}", words("id")), "").expect(200);
    assert_eq!(alone["label"].str(), "Test macos");
    assert_eq!(alone["build"]["pipeline"].str(), "app");
    assert_eq!(alone["build"]["number"].number(), 1);
    assert_eq!(alone["env"]["CC"].str(), "clang");
    assert_eq!(alone["meta_data"]["size"].str(), "small");
}

#[test]
fn a_script_that_is_wrong_in_its_last_attempt_leaves_nothing_behind() {
    // Given a script that holds
    let fake = fake();
    let app = fake.pipeline("app").steps(STEPS).create();
    app.on_job("test").exits(7);
    // When another one is told that goes wrong on the way: by a rule of the lever, and by one of the library
    let wrong = [
        r#"{"takes": ["5m", "1m"]}"#,
        r#"{"uploads": [{"steps": "steps: [", "after": "1s"}]}"#,
        r#"{"annotations": [{"body": "x", "priority": 11}]}"#,
        r#"{"promises_failure": {"after": "1s", "exit_status": 0}}"#,
        r#"{"hangs": true, "takes": "1m"}"#,
    ];
    for attempt in wrong {
        let script = format!("{{\"job\": \"test\", \"attempts\": [{{\"exits\": 1}}, {attempt}]}}");
        let refused = pull(&fake, "POST", "pipelines/app/scripts", &script);
        assert!(
            matches!(refused.status, 400 | 422),
            "{attempt}: {}",
            refused.text
        );
    }
    // Then the first still does
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(build.job("test").exit_status(), Some(7));
    // And of several pipelines none is told if one is not there
    let scripts = r#"{"app": [{"job": "test", "attempts": [{"exits": 1}]}], "zoo": []}"#;
    let refused = fake.tell_scripts(scripts).expect_err("no such pipeline");
    assert_eq!(refused, "there is no pipeline `zoo`; this fake has `app`");
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(build.job("test").exit_status(), Some(7));
}

#[test]
fn reset_goes_back_to_the_beginning_and_forgets_what_levers_made() {
    let fake = fake();
    let app = fake.pipeline("app").steps(STEPS).create();
    let untouched = Arc::new(fake.fork());
    untouched.serve_levers();
    drop(app);
    client(&untouched).create_build("app");
    client(&untouched).get("/nowhere").message(404);
    pull(
        &untouched,
        "POST",
        "faults",
        r#"{"route": "GetUser", "nth": 1, "status": 502}"#,
    )
    .expect(201);
    pull(&untouched, "POST", "snapshots", "").expect(201);
    pull(&untouched, "POST", "clock/advance", r#"{"by": "1d"}"#).expect(200);
    let verified = pull(&untouched, "GET", "verify", "").expect(200);
    assert!(!verified["ok"].bool());
    assert_eq!(verified["problems"].items().len(), 2);
    let clock = pull(&untouched, "POST", "reset", "").expect(200);
    assert_eq!(clock["now"].str(), "2030-01-01T00:00:00.000Z");
    assert!(pull(&untouched, "GET", "verify", "").expect(200)["ok"].bool());
    assert_eq!(
        pull(&untouched, "GET", "faults", "").expect(200)["faults"].items(),
        []
    );
    pull(&untouched, "POST", "snapshots/1/rewind", "").message(404);
    pull(&untouched, "GET", "pipelines/app/builds/1", "").message(404);
    let again = client(&untouched).create_build("app");
    assert_eq!(again["number"].number(), 1);
}

#[test]
fn a_gate_set_by_a_lever_holds_requests_while_levers_go_on() {
    let fake = fake();
    let build = fake.pipeline("app").steps(STEPS).create_build();
    build.job("test").start();
    pull(&fake, "POST", "gates", r#"{"route": "CancelBuild"}"#).expect(201);
    let (other, arrived) = (
        client(&fake),
        fake.next_request(fake_buildkite::Route::CancelBuild),
    );
    std::thread::scope(|scope| {
        let canceling = scope.spawn(move || {
            other
                .put("/organizations/acme/pipelines/app/builds/1/cancel")
                .status
        });
        // It has not been answered, so it is on no record yet: the gate knows it.
        while pull(&fake, "GET", "gates/1", "").expect(200)["waiting"].number() == 0 {}
        assert_eq!(build.state(), BuildState::Running);
        assert_eq!(pull(&fake, "DELETE", "gates/1", "").status, 204);
        assert_eq!(canceling.join().expect("no panic"), 200);
    });
    assert_eq!(arrived.blocking().status, 200);
    assert_eq!(build.state(), BuildState::Canceling);
    let gone = pull(&fake, "GET", "gates/1", "").message(404);
    assert_eq!(gone, "gate `1` was deleted");
    pull(&fake, "POST", "gates", r#"{"route": "CancelBuild"}"#).expect(201);
    let early = pull(&fake, "POST", "gates/2/let_one_pass", "").message(422);
    assert_eq!(
        early,
        "no request waits at gate `2`: ask the gate until one does"
    );
}

#[test]
fn what_levers_made_is_bounded_and_can_be_deleted() {
    // Given something of each kind
    let fake = fake();
    let receiver = fake_buildkite::WebhookReceiver::start();
    let hook = format!(r#"{{"url": "{}"}}"#, receiver.url());
    let fault = r#"{"route": "GetUser", "first": 2, "status": 502}"#;
    let made = [
        ("snapshots", ""),
        ("faults", fault),
        ("gates", r#"{"route": "GetMeta"}"#),
        ("webhooks", &hook),
        ("forks", ""),
    ];
    for (what, body) in made {
        assert_eq!(
            pull(&fake, "POST", what, body).expect(201)["number"].number(),
            1
        );
    }
    assert_eq!(client(&fake).get("/user").status, 502);
    // When it is deleted
    for (what, _) in made {
        let answer = pull(&fake, "DELETE", &format!("{what}/1"), "");
        if what == "faults" {
            assert_eq!(answer.expect(200)["hits"].number(), 1);
        } else {
            assert_eq!(answer.status, 204, "{what}");
        }
    }
    // Then nothing of it is left, and no number is given twice
    assert_eq!(client(&fake).get("/user").status, 200);
    assert_eq!(client(&fake).get("/meta").status, 200);
    fake.pipeline("app").create_build();
    assert_eq!(receiver.received().len(), 0);
    for (what, body) in made {
        let again = pull(&fake, "DELETE", &format!("{what}/1"), "").message(404);
        assert_eq!(
            again,
            format!("{} `1` was deleted", what.trim_end_matches('s'))
        );
        assert_eq!(
            pull(&fake, "POST", what, body).expect(201)["number"].number(),
            2
        );
    }
    // And of forks, which are the dearest, there are only so many
    for _ in 1..20 {
        pull(&fake, "POST", "forks", "").expect(201);
    }
    let full = pull(&fake, "POST", "forks", "").message(422);
    assert!(
        full.starts_with("there are 20 forks, and more are not kept: DELETE /_fake/forks/{number}")
    );
    pull(&fake, "DELETE", "forks/5", "");
    pull(&fake, "POST", "forks", "").expect(201);
    pull(&fake, "POST", "reset", "").expect(200);
}

#[test]
fn a_fault_that_a_lever_ordered_and_that_never_came_is_said_to_be_a_levers() {
    let fake = fake();
    let body = r#"{"route": "GetUser", "nth": 3, "status": 502}"#;
    pull(&fake, "POST", "faults", body).expect(201);
    let verified = pull(&fake, "GET", "verify", "").expect(200);
    let problem = verified["problems"].items()[0].str();
    assert!(
        problem
            .starts_with("the fault ordered by a lever never happened: status 502 for request 3"),
        "{problem}"
    );
    assert!(fake.verify().is_err(), "told once");
}

#[test]
fn a_fork_made_by_a_lever_has_a_port_and_levers_of_its_own() {
    let fake = fake();
    let build = fake.pipeline("app").steps(STEPS).create_build();
    let fork = pull(&fake, "POST", "forks", "").expect(201);
    let levers = fork["levers_url"].str().to_owned();
    let there = nobody(&fake);
    let job = format!("{levers}jobs/{}/start", build.job("test").id());
    there.send("POST", &job, &[], None).expect(200);
    assert_eq!(build.job("test").state(), JobState::Scheduled);
    assert_eq!(pull(&fake, "DELETE", "forks/1", "").status, 204);
    let gone = reqwest::blocking::get(levers);
    assert!(gone.expect_err("nobody listens").is_connect());
}

#[test]
fn levers_move_no_clock_and_meet_no_fault() {
    let fake = Arc::new(
        FakeBuildkite::builder()
            .clock(Clock::PerRequest(minutes(1)))
            .start(),
    );
    fake.serve_levers();
    fake.pipeline("app").create();
    fake.fault_any().always().status(503);
    let clock = pull(&fake, "GET", "clock", "").expect(200);
    assert_eq!(clock["mode"].str(), "per-request:60s");
    assert_eq!(
        pull(&fake, "GET", "clock", "").expect(200)["now"].str(),
        "2030-01-01T00:00:00.000Z"
    );
    assert_eq!(client(&fake).get("/user").status, 503);
}

#[test]
fn without_levers_their_paths_are_nothing() {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    let message = pull(&fake, "GET", "clock", "").message(404);
    assert_eq!(message, "No route matches _fake/clock");
}

#[test]
fn a_webhook_made_by_a_lever_is_answered_before_the_lever_is() {
    let fake = fake();
    let receiver = fake_buildkite::WebhookReceiver::start();
    fake.pipeline("app").create_build();
    let body = format!(
        r#"{{"url": "{}", "events": ["build.finished"]}}"#,
        receiver.url()
    );
    pull(&fake, "POST", "webhooks", &body).expect(201);
    pull(&fake, "POST", "clock/advance", r#"{"by": "1m"}"#).expect(200);
    assert_eq!(receiver.received().len(), 1);
    let deliveries = pull(&fake, "GET", "webhooks/1/deliveries", "").expect(200);
    let delivery = deliveries["deliveries"].items()[0].clone();
    assert_eq!(delivery["event"].str(), "build.finished");
    assert_eq!(delivery["status"].number(), 200);
    assert_eq!(delivery["body"]["build"]["state"].str(), "passed");
    pull(
        &fake,
        "POST",
        "webhooks",
        r#"{"url": "http://127.0.0.1:9/", "events": ["build.done"]}"#,
    )
    .message(400);
}
