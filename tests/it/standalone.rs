//! The server as a program: its ready line, its options, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-buildkite"));
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that runs until it is dropped, or stopped.
struct Standalone {
    child: Option<Child>,
    about: Value,
}

impl Standalone {
    fn start(arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--stop-with-stdin"], arguments].concat();
        let mut child = command(&arguments).spawn().expect("the program");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let about = serde_json::from_str(&line);
        Self {
            about: about.unwrap_or_else(|error| panic!("{error} in {line:?}")),
            child: Some(child),
        }
    }

    fn text(&self, key: &str) -> &str {
        self.about[key].as_str().expect("a text")
    }

    fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.text("api_url"));
        let http = reqwest::blocking::Client::new();
        let answer = http.get(url).bearer_auth(token).send().expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().expect("JSON"))
    }

    fn pull(&self, path: &str, body: &str) -> Value {
        let url = format!("{}{path}", self.text("levers_url"));
        let http = reqwest::blocking::Client::new();
        let answer = http
            .post(url)
            .body(body.to_owned())
            .send()
            .expect("an answer");
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().expect("a text")
        );
        answer.json().expect("JSON")
    }

    /// Closes its standard input.
    fn stop(mut self) -> Output {
        let mut child = self.child.take().expect("it runs");
        drop(child.stdin.take());
        child.wait_with_output().expect("an end")
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut file = std::fs::File::create(&path).expect("a file");
    file.write_all(text.as_bytes()).expect("space");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn everything_the_command_line_says_holds() {
    // Given a server with all of it
    let steps = file("standalone.yml", "steps: [{command: make, key: test}]");
    let script = file(
        "standalone.json",
        r#"{"app": [{"job": "test", "attempts": [{"takes": "2m", "exits": 3}]}]}"#,
    );
    let server = Standalone::start(&[
        "--listen",
        "127.0.0.1:0",
        "--organization",
        "initech",
        "--token",
        "t",
        "--token",
        "r=read_builds,read_user",
        "--user",
        "Ada Example <ada@example.com>",
        "--seed",
        "7",
        "--starting-at",
        "2031-02-03T04:05:06Z",
        "--clock",
        "per-request:5s",
        "--pipeline",
        &format!("app={steps}"),
        "--script",
        &script,
    ]);
    // Then it says where it is and with what to come in
    assert_eq!(server.text("token"), "t");
    assert_eq!(server.text("organization"), "initech");
    assert_eq!(server.text("now"), "2031-02-03T04:05:06.000Z");
    assert_eq!(server.text("clock"), "per-request:5s");
    let (status, user) = server.get("user", "t");
    assert_eq!(
        (status, &user["name"], &user["email"]),
        (200, &"Ada Example".into(), &"ada@example.com".into())
    );
    let (_, token) = server.get("access-token", "r");
    assert_eq!(
        token["scopes"],
        serde_json::json!(["read_builds", "read_user"])
    );
    let (status, refused) = server.get("organizations/initech/pipelines/app", "r");
    assert_eq!(
        (status, &refused["message"]),
        (
            403,
            &"Your access token doesn't have the read_pipelines scope".into()
        )
    );
    // And what jobs do is as told
    server.pull("pipelines/app/builds", "");
    server.pull("clock/advance", r#"{"by": "3m"}"#);
    let (_, build) = server.get("organizations/initech/pipelines/app/builds/1", "t");
    assert_eq!(build["jobs"][0]["exit_status"], 3);
    let ended = server.stop();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn what_a_builder_says_in_rust_the_command_line_says_too() {
    // Given a server with every other option
    let server = Standalone::start(&[
        "--agent",
        "mac-1=queue=mac,os=macos",
        "--agent",
        "spare",
        "--rate-limit",
        "2/20",
        "--rate-limits",
        "--limits",
        "--hourly-expiry",
        "--clusters-required",
        "--plan-without-teams",
        "--waiters-with-state",
        "--plain-logs",
        "--allow-webhook-host",
        "receiver.test",
        "--webhooks-with-iso-times",
        "--webhook-timeout",
        "1s",
        "--request-timeout",
        "5s",
        "--body-limit",
        "2000",
        "--event-limit",
        "5000",
        "--origin",
        "http://fake.test",
        "--allow-unknown-routes",
    ]);
    // Then each does what it says
    let steps = r#"{"name": "app", "steps": "steps: [{command: make, agents: {queue: mac}}]"}"#;
    let app = server.pull("pipelines", steps);
    assert_eq!(app["web_url"], "http://fake.test/acme/app");
    server.pull("webhooks", r#"{"url": "http://receiver.test:1/hooks"}"#);
    server.pull("pipelines/app/builds", "");
    server.pull("clock/advance", r#"{"by": "1s"}"#);
    let token = server.text("token").to_owned();
    let (_, build) = server.get("organizations/acme/pipelines/app/builds/1", &token);
    assert_eq!(build["jobs"][0]["agent"]["name"], "mac-1");
    assert_eq!(server.get("nowhere", &token).0, 404);
    assert_eq!(server.get("user", &token).0, 200);
    assert_eq!(server.get("user", &token).0, 429);
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2000));
    let http = reqwest::blocking::Client::new();
    let url = format!("{}pipelines", server.text("levers_url"));
    let answer = http.post(url).body(large).send().expect("an answer");
    assert_eq!(answer.status(), 413);
    let ended = server.stop();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

/// Whoever tells a server something wrong is told so, and nobody else.
#[test]
fn a_refused_lever_is_no_line_on_standard_error() {
    let server = Standalone::start(&[]);
    let url = format!("{}pipelines", server.text("levers_url"));
    let http = reqwest::blocking::Client::new();
    let answer = http.post(url).body(r#"{"name": ""}"#).send();
    assert_eq!(answer.expect("an answer").status(), 422);
    let ended = server.stop();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_every_process() {
    let build = || {
        let server = Standalone::start(&["--seed", "11"]);
        server.pull("pipelines", r#"{"name": "app"}"#);
        server.pull("pipelines/app/builds", "")["id"].clone()
    };
    assert_eq!(build(), build());
}

#[test]
fn what_went_wrong_is_said_at_the_end_and_counts_if_asked_for() {
    for (arguments, code) in [(&[][..], 0), (&["--strict"][..], 1)] {
        let server = Standalone::start(arguments);
        assert_eq!(server.get("nowhere", server.text("token")).0, 404);
        let ended = server.stop();
        assert_eq!(ended.status.code(), Some(code));
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(
            said.contains("GET /v2/nowhere is no route of Buildkite's"),
            "{said}"
        );
    }
}

#[cfg(unix)]
#[test]
fn signals_stop_it_cleanly() {
    for signal in ["INT", "TERM"] {
        let mut server = Standalone::start(&[]);
        let child = server.child.as_mut().expect("it runs");
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.expect("kill").success());
        // Who is in a hurry says it twice; by then it may be gone.
        let _ = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .stderr(Stdio::null())
            .status();
        assert_eq!(child.wait().expect("an end").code(), Some(0), "{signal}");
    }
}

#[test]
fn a_program_that_polls_in_vain_is_told_of_in_words_of_the_command_line() {
    let steps = file("polled.yml", "steps: [{command: make, key: test}]");
    let pipeline = format!("app={steps}");
    for (more, is_said) in [(&[][..], true), (&["--without-hints"], false)] {
        let arguments = [&["--token", "t", "--pipeline", &pipeline], more].concat();
        let server = Standalone::start(&arguments);
        server.pull("pipelines/app/builds", "");
        for _ in 0..12 {
            server.get("organizations/acme/pipelines/app/builds/1", "t");
        }
        let said = server.stop().stderr;
        let said = String::from_utf8_lossy(&said);
        let hint = "the clock is manual: move it with the lever `clock/advance`, or serve with `--clock step-per-poll`\n";
        assert_eq!(said.ends_with(hint), is_said, "{said}");
        assert_eq!(said.lines().count(), usize::from(is_said), "{said}");
    }
}

#[track_caller]
fn assert_wrong(arguments: &[&str], text: &str) {
    let ended = command(arguments).output().expect("the program");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(
        said.starts_with("fake-buildkite: ") && said.contains(text),
        "{arguments:?}: {said}"
    );
    assert!(ended.stdout.is_empty());
}

#[test]
fn an_option_that_there_is_not_is_refused_with_the_nearest() {
    let table: [(&[&str], &str); 5] = [
        (
            &["serve", "--clok"],
            "there is no option `--clok`; nearest: `--clock`. `--help` has all of them",
        ),
        (
            &["serve", "--plain_logs"],
            "there is no option `--plain_logs`; nearest: `--plain-logs`.",
        ),
        (
            &["serve", "--fast=yes"],
            "there is no option `--fast`; `--help` has those there are",
        ),
        (&["--versoin"], "nearest: `--version`"),
        (
            &["--seed", "7"],
            "`--seed` is an option of `serve`, and comes after it",
        ),
    ];
    for (arguments, text) in table {
        assert_wrong(arguments, text);
    }
}

#[test]
fn a_command_line_that_is_wrong_is_refused_with_what_would_be_right() {
    let steps = file("wrong.yml", "steps: [{command: make, key: test}]");
    let script = file("wrong.json", r#"{"ap": []}"#);
    let broken = file("wrong-broken.json", "{");
    let tset = r#"{"app": [{"job": "tset", "attempts": [{}]}]}"#;
    let unknown = file("wrong-unknown.json", tset);
    let pipeline = format!("app={steps}");
    let table: [(&[&str], &str); 21] = [
        (&[], "which command? There is `serve`; `--help` says more"),
        (
            &["server"],
            "there is no command `server`; there is `serve`",
        ),
        (
            &["serve", "--clock"],
            "missing argument for option '--clock'",
        ),
        (
            &["serve", "--clock", "fast"],
            "there is no clock `fast`; there are manual, wall:SPEED, per-request:SPAN and step-per-poll",
        ),
        (&["serve", "--clock", "wall:x"], "`x` is no speed"),
        (
            &["serve", "--listen", "0.0.0.0:80"],
            "a fake listens on its own machine only",
        ),
        (&["serve", "--listen", "here"], "and not at `here`"),
        (
            &["serve", "--token", "t=read_build"],
            "there is no scope `read_build`; nearest: `read_builds`; there are read_pipelines, ",
        ),
        (
            &["serve", "--user", "Ada"],
            "--user takes 'NAME <EMAIL>', not `Ada`",
        ),
        (
            &["serve", "--pipeline", "app"],
            "--pipeline takes SLUG=FILE",
        ),
        (
            &["serve", "--pipeline", "app=/nowhere.yml"],
            "`/nowhere.yml` cannot be read",
        ),
        (
            &["serve", "--pipeline", &pipeline, "--script", &script],
            "there is no pipeline `ap`",
        ),
        (
            &["serve", "--pipeline", &pipeline, "--script", &unknown],
            "wrong-unknown.json`: no step of pipeline `app` is called `tset`; its command steps are `test`. If a job will \
             upload such a step, tell the script of that job first (with `uploads`), or say `\"uploaded\": true`",
        ),
        (
            &["serve", "--pipeline", &pipeline, "--script", &broken],
            "wrong-broken.json`: EOF while parsing",
        ),
        (
            &["serve", "--seed", "x"],
            "--seed takes a number, such as 7, and not `x`",
        ),
        (
            &["serve", "--body-limit", "-1"],
            "--body-limit takes a number",
        ),
        (
            &["serve", "--rate-limit", "50"],
            "--rate-limit takes two numbers from 1 on, such as 50/200, and not `50`",
        ),
        (
            &["serve", "--webhook-timeout", "soon"],
            "`soon` is no span of time",
        ),
        (&["serve", "--user", "<>"], "--user takes 'NAME <EMAIL>'"),
        (&["serve", "--clock", "wall:0"], "a clock cannot go 0 times"),
        (&["serve", "extra"], "unexpected argument \"extra\""),
    ];
    for (arguments, text) in table {
        assert_wrong(arguments, text);
    }
    for (argument, text) in [
        ("--help", "fake-buildkite serve [OPTIONS]"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let ended = command(&[argument]).output().expect("the program");
        assert!(ended.status.success());
        assert!(String::from_utf8_lossy(&ended.stdout).contains(text));
    }
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let first = Standalone::start(&[]);
    let address = first
        .text("url")
        .strip_prefix("http://")
        .expect("http")
        .to_owned();
    let mut second = command(&["serve", "--listen", &address])
        .spawn()
        .expect("the program");
    let mut said = String::new();
    let err = second.stderr.as_mut().expect("a pipe");
    err.read_to_string(&mut said).expect("a text");
    assert_eq!(second.wait().expect("an end").code(), Some(2));
    assert!(
        said.contains(&format!(
            "no server for the fake on port {}",
            address.rsplit(':').next().expect("a port")
        )),
        "{said}"
    );
}
