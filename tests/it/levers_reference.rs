//! The reference of levers: every line of curl works, every lever has one, and below each line is what it answers. The
//! answers are written by this test:
//!
//! `FAKE_BUILDKITE_WRITE=1 cargo test --all-features --test it levers_reference`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{env, fs, iter};

use fake_buildkite::{FakeBuildkite, JobHandle, WebhookReceiver, seconds};
use serde_json::{Map, Value};

use crate::levers::pull;
use crate::support::{Answer, client};

const REFERENCE: &str = "src/levers/reference.md";

/// What the samples are about, besides what they make.
const STEPS: &str =
    "steps: [{command: make test, key: test, label: Unit tests}, {block: \"Release?\", key: gate}]";

/// Where the fake, its fork and the receiver are in the text, whatever their ports are today.
const FAKE: &str = "127.0.0.1:43215";
const FORK: &str = "127.0.0.1:43218";
const RECEIVER: &str = "127.0.0.1:9000";

/// A line of curl: method, path, body.
fn read(line: &str) -> (String, String, String) {
    let quoted = |text: &str, quote: char| {
        let from = text.find(quote)?;
        let to = from + 1 + text[from + 1..].find(quote)?;
        Some(text[from + 1..to].to_owned())
    };
    let (address, body) = match line.split_once(" -d ") {
        // In double quotes, because the shell is to fill something in.
        Some((address, body)) if body.starts_with('"') => {
            let body = body.trim_matches('"').replace("\\\"", "\"");
            (address, body)
        }
        Some((address, body)) => (address, quoted(body, '\'').expect("a body in quotes")),
        None => (line, String::new()),
    };
    let method = match address.split_once("-X ") {
        Some((_, rest)) => rest.split(' ').next().expect("a method"),
        None => "GET",
    };
    let path = quoted(address, '"');
    let path = path.unwrap_or_else(|| {
        address
            .split_whitespace()
            .last()
            .expect("a path")
            .to_owned()
    });
    let path = path.strip_prefix("$FAKE/").expect("a lever").to_owned();
    (method.to_owned(), path, body)
}

/// The fake of the samples, and who is around it.
struct Scene {
    fake: Arc<FakeBuildkite>,
    receiver: WebhookReceiver,
    /// Which kinds of answers were seen in full.
    seen: BTreeSet<&'static str>,
}

impl Scene {
    fn new() -> Self {
        let fake = Arc::new(FakeBuildkite::start());
        fake.serve_levers();
        fake.pipeline("app").steps(STEPS).create();
        Self {
            fake,
            receiver: WebhookReceiver::start(),
            seen: BTreeSet::new(),
        }
    }

    /// A job for which a lever makes sense.
    fn job_for(&self, lever: &str) -> JobHandle {
        let build = self.fake.existing_pipeline("app").create_build();
        let job = build.job("test");
        match lever {
            "unblock" => return build.job("gate"),
            "start" | "expire" => {}
            "retry" => job.fail(1),
            _ => {
                job.start();
                self.fake.advance(seconds(5));
            }
        }
        job
    }

    /// Somebody who cancels a build, and comes as far as the gate.
    fn wait_at_gate(&self) -> JoinHandle<u16> {
        let build = self.fake.existing_pipeline("app").create_build().number();
        let path = format!("/organizations/acme/pipelines/app/builds/{build}/cancel");
        let other = client(&self.fake);
        let canceling = std::thread::spawn(move || other.put(&path).status);
        while pull(&self.fake, "GET", "gates/1", "").expect(200)["waiting"].number() == 0 {}
        canceling
    }

    /// What has to have happened, so that there is something to be seen.
    fn prepare(&self, path: &str) {
        let app = self.fake.existing_pipeline("app");
        match path {
            "clock/step" | "clock/advance" => drop(app.create_build()),
            "webhooks/1/deliveries" => {
                app.create_build().pass();
                self.fake.settled().blocking();
            }
            "requests?route=CreateBuild&after=0" => drop(client(&self.fake).create_build("app")),
            _ => {}
        }
    }

    /// Pulls the lever of a line: its method, the lever, and what it answered.
    fn pull(&self, line: &str) -> (String, String, Answer) {
        let (method, mut path, body) = read(line);
        let body = body.replace(RECEIVER, &address(&self.receiver.url()));
        if let Some(lever) = path.strip_prefix("jobs/$JOB") {
            let job = self.job_for(lever.trim_start_matches('/'));
            path = format!("jobs/{}{lever}", job.id());
        }
        let body = if body.contains("$JOB") {
            body.replace("$JOB", &self.job_for("").id().to_string())
        } else {
            body
        };
        self.prepare(&path);
        let waiting = path.ends_with("let_one_pass").then(|| self.wait_at_gate());
        let answer = pull(&self.fake, &method, &path, &body);
        if let Some(waiting) = waiting {
            assert_eq!(waiting.join().expect("no panic"), 200);
        }
        assert!(
            matches!(answer.status, 200 | 201 | 204),
            "{line}: {} {}",
            answer.status,
            answer.text
        );
        let path = path.split('?').next().expect("a path").to_owned();
        (method, path, answer)
    }

    /// What an answer looks like in the reference, as lines of comment.
    fn sample(&mut self, answer: &Answer) -> String {
        let mut text = answer.text.replace(&address(&self.fake.url()), FAKE);
        text = text.replace(&address(&self.receiver.url()), RECEIVER);
        let Ok(mut shown) = serde_json::from_str::<Value>(&text) else {
            let text = shortened(text.trim_end());
            let lines = text
                .lines()
                .map(|line| format!("# {line}").trim_end().to_owned());
            let head = format!("# {}", answer.status);
            return iter::once(head).chain(lines).collect::<Vec<_>>().join("\n");
        };
        if let Some(fork) = shown["url"].as_str().map(address) {
            let moved = shown.to_string().replace(&fork, FORK);
            shown = serde_json::from_str(&moved).expect("it was JSON");
        }
        let shown = self.briefly(shown);
        let mut out = format!("{} ", answer.status);
        print(&mut out, &shown, 0);
        let lines = out.lines().map(|line| format!("# {line}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Builds and jobs are shown in full once.
    fn briefly(&mut self, shown: Value) -> Value {
        let Value::Object(shown) = shown else {
            return shown;
        };
        let (kind, kept): (_, &[&str]) = if shown.contains_key("history") {
            ("job", &["attempt", "exit_status", "id", "name", "state"])
        } else if shown.contains_key("jobs") {
            ("build", &["blocked", "finished", "number", "state"])
        } else {
            return Value::Object(shown);
        };
        if self.seen.insert(kind) {
            return Value::Object(shown);
        }
        let kept = shown.into_iter().filter(|(key, _)| kept.contains(&&**key));
        let rest = (REST.to_owned(), Value::Null);
        kept.chain([rest]).collect()
    }
}

/// Host and port of a URL.
fn address(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("a URL");
    rest.split('/').next().expect("a first part").to_owned()
}

// --- How an answer is printed ----------------------------------------------------------------------------------------

/// Stands for members that are left out.
const REST: &str = "…";

/// How long a line may be, without its mark.
const WIDTH: usize = 124;

/// How much of a text, of a list, of an object and of what is inside is printed.
const TEXT: usize = 110;
const ITEMS: usize = 2;
const MEMBERS: usize = 16;
const DEPTH: usize = 4;

fn shortened(text: &str) -> String {
    const LONGEST: usize = 1_000;
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let begun: String = text.chars().take(TEXT).collect();
    format!("{begun}…")
}

/// JSON on one line if there is room, with what is long or deep left out.
fn print(out: &mut String, value: &Value, depth: usize) {
    let mut line = String::new();
    print_on_a_line(&mut line, value, depth);
    let used = out.lines().last().unwrap_or_default().chars().count();
    if used + line.chars().count() <= WIDTH {
        out.push_str(&line);
        return;
    }
    let indent = "  ".repeat(depth + 1);
    match value {
        Value::Object(members) => {
            out.push('{');
            for (at, (key, value)) in listed(members).enumerate() {
                write!(out, "{}\n{indent}", if at == 0 { "" } else { "," }).expect("a String");
                print_key(out, key);
                if key != REST {
                    print(out, value, depth + 1);
                }
            }
            write!(out, "\n{}}}", "  ".repeat(depth)).expect("a String");
        }
        Value::Array(items) if depth < DEPTH => {
            out.push('[');
            for (at, item) in items.iter().take(ITEMS).enumerate() {
                write!(out, "{}\n{indent}", if at == 0 { "" } else { "," }).expect("a String");
                print(out, item, depth + 1);
            }
            if items.len() > ITEMS {
                write!(out, ",\n{indent}{REST}").expect("a String");
            }
            write!(out, "\n{}]", "  ".repeat(depth)).expect("a String");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            out.push_str(&line);
        }
    }
}

/// The members that are printed: all of a few, and the first of many.
fn listed(members: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let some = if members.len() > MEMBERS {
        ITEMS
    } else {
        MEMBERS
    };
    let shown = members.iter().map(|(key, value)| (key.as_str(), value));
    let rest = (members.len() > MEMBERS).then_some((REST, &Value::Null));
    shown.take(some).chain(rest)
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn print_key(out: &mut String, key: &str) {
    if key == REST {
        out.push_str(key);
    } else {
        write!(out, "{}: ", Value::from(key)).expect("a String");
    }
}

fn print_on_a_line(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if depth >= DEPTH && !members.is_empty() => out.push_str("{…}"),
        Value::Array(items) if depth >= DEPTH && items.iter().any(is_nested) => out.push_str("[…]"),
        Value::Object(members) => {
            out.push('{');
            for (at, (key, value)) in listed(members).enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                print_key(out, key);
                if key != REST {
                    print_on_a_line(out, value, depth + 1);
                }
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().take(ITEMS).enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                print_on_a_line(out, item, depth + 1);
            }
            out.push_str(if items.len() > ITEMS { ", …]" } else { "]" });
        }
        Value::String(text) if text.chars().count() > TEXT => {
            let begun: String = text.chars().take(TEXT).collect();
            let printed = Value::from(begun).to_string();
            write!(out, "{}…\"", printed.trim_end_matches('"')).expect("a String");
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            write!(out, "{value}").expect("a String");
        }
    }
}

// --- The test --------------------------------------------------------------------------------------------------------

#[test]
fn every_lever_is_in_the_reference_with_a_line_that_works_and_its_answer() {
    // Given the reference
    let mut scene = Scene::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(REFERENCE);
    let kept = fs::read_to_string(&path).expect("the reference");
    let list = pull(&scene.fake, "GET", "", "").expect(200);
    let mut levers: Vec<_> = list["levers"]
        .items()
        .iter()
        .map(|it| it.str().to_owned())
        .collect();
    // When every line of it is carried out, and its answer written below it
    let mut written = String::new();
    let mut lines = kept.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(written, "{line}").expect("a String");
        if !line.starts_with("curl ") {
            continue;
        }
        while lines.next_if(|line| line.starts_with("# ")).is_some() {}
        let (method, lever, answer) = scene.pull(line);
        levers.retain(|known| !is_meant(known, &method, &lever));
        writeln!(written, "{}", scene.sample(&answer)).expect("a String");
    }
    // Then no lever is left, and it says so already
    assert_eq!(levers, Vec::<String>::new(), "not in the reference");
    assert!(scene.fake.verify().is_ok());
    if env::var_os("FAKE_BUILDKITE_WRITE").is_some() {
        fs::write(&path, &written).expect("a file that can be written");
        return;
    }
    for (at, (wanted, found)) in written.lines().zip(kept.lines()).enumerate() {
        assert!(
            wanted == found,
            "{REFERENCE}:{} says\n  {found}\nand the answer is\n  {wanted}\nRegenerate it: FAKE_BUILDKITE_WRITE=1 cargo \
             test --all-features --test it levers_reference",
            at + 1
        );
    }
    assert_eq!(written.len(), kept.len(), "{REFERENCE} says more");
}

/// Whether a line of the list is about this method and path.
fn is_meant(lever: &str, method: &str, path: &str) -> bool {
    let (name, _) = lever.split_once(": ").expect("a lever and what it does");
    let (known, template) = name.split_once(' ').expect("a method and a path");
    let template = template.strip_prefix("/_fake/").expect("below the prefix");
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    let mut pairs = template.iter().zip(&path);
    known == method
        && template.len() == path.len()
        && pairs.all(|(wanted, given)| wanted.starts_with('{') || wanted == given)
}
