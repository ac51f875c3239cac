//! Small languages, each read for itself; and what is shown as HTML.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::markdown;
use crate::fuzzing::text;
use crate::http::downloads;
use crate::http::query::{self, Query};
use crate::http::request::{Method, Request, Via};
use crate::http::router::{self, Target};
use crate::pipeline::{BranchPatterns, Conditional, ConditionalError, EntryPoint, Fact, Facts};
use crate::schedule::Cron;
use crate::script::ArtifactFile;
use crate::wire;

/// A build of `main`, of which a condition may ask anything.
struct Build;

impl Facts for Build {
    fn variable(&self, name: &str) -> Fact {
        let text = |text: &str| Fact::String(text.to_owned());
        match name {
            "build.branch" => text("main"),
            "build.message" => text("Fix it\nskip tests\n"),
            "build.tag" => text("v1.0"),
            "build.number" => Fact::Number(5),
            "build.state" => text("passed"),
            "build.source" => text("webhook"),
            "build.creator.teams" => Fact::Strings(vec!["deploy".to_owned(), "web".to_owned()]),
            "build.author.teams" => Fact::Strings(Vec::new()),
            "build.pull_request.labels" => Fact::Strings(vec!["größe".to_owned()]),
            "pipeline.started_passing" => Fact::Bool(true),
            "step.outcome" => text("soft_failed"),
            _ => Fact::Null,
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        let value = match name {
            "BUILDKITE_BRANCH" | "branch" => "main",
            "empty" => "",
            "two" => "2",
            "word" => "größe",
            _ => return None,
        };
        Some(value.to_owned())
    }
}

/// A condition says the same each time, and parentheses and a `!` mean what they mean.
pub fn conditional(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    let places = [
        EntryPoint::BuildCondition,
        EntryPoint::BuildNotification,
        EntryPoint::StepNotification,
    ];
    for place in places {
        let read = match Conditional::parse(text, place) {
            Ok(read) => read,
            Err(error) => {
                is_said(&error);
                continue;
            }
        };
        let answer = read.evaluate(&Build);
        assert_eq!(answer, read.evaluate(&Build), "asked twice");
        let Ok(answer) = answer.inspect_err(is_said) else {
            continue;
        };
        // A failure is a no for notifications, whatever is around it; and a comment would swallow the parenthesis.
        if text.trim().is_empty() || place != EntryPoint::BuildCondition {
            continue;
        }
        for (around, expected) in [
            (format!("({text}\n)"), answer),
            (format!("!({text}\n)"), !answer),
            (format!("false || ({text}\n)"), answer),
            (format!("true && ({text}\n)"), answer),
        ] {
            // It may be too deep or too long now, and says so.
            match Conditional::parse(&around, place) {
                Ok(read) => assert_eq!(read.evaluate(&Build), Ok(expected), "{around}"),
                Err(error) => assert!(error.message().contains("model"), "{around}: {error}"),
            }
        }
    }
}

fn is_said(error: &ConditionalError) {
    assert!(!error.message().is_empty());
}

/// What a line says is due comes one after the other, and is due whenever it is looked for from before.
pub fn cron(data: &[u8]) {
    let Some(line) = text(data) else {
        return;
    };
    let read = match Cron::parse(line) {
        Ok(read) => read,
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && said.len() < line.len() + 200, "{said}");
            return;
        }
    };
    let second = TimeDelta::seconds(1);
    let starts = [
        0,
        1_893_456_000,
        1_900_000_000,
        4_102_444_799,
        -2_208_988_800,
    ];
    for start in starts {
        let mut after = DateTime::<Utc>::from_timestamp(start, 0).expect("within reach");
        for _ in 0..6 {
            let Some(due) = read.next_after(after) else {
                break;
            };
            assert!(due > after, "{line:?}: {due} is not after {after}");
            let earlier = [due - second, after + (due - after) / 2];
            for earlier in earlier.into_iter().filter(|earlier| *earlier < due) {
                assert_eq!(read.next_after(earlier), Some(due), "{line:?} {earlier}");
            }
            after = due;
        }
    }
    // At both ends of time there may be nothing, and nothing worse.
    for end in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        if let Some(due) = read.next_after(end) {
            assert!(due > end);
        }
    }
}

/// Patterns, a line, and a branch: as said in another way.
pub fn branches(data: &[u8]) {
    let Some((patterns, branch)) = text(data).and_then(|text| text.split_once('\n')) else {
        return;
    };
    // The slow way is the product of both.
    if patterns.len() * branch.len() > 1 << 20 {
        BranchPatterns::parse([patterns]).matches(branch);
        return;
    }
    let (mut wanted, mut is_wanted, mut is_unwanted) = (false, false, false);
    for pattern in patterns.split_whitespace() {
        if let Some(pattern) = pattern.strip_prefix('!') {
            is_unwanted |= is_like(pattern, branch);
        } else {
            wanted = true;
            is_wanted |= is_like(pattern, branch);
        }
    }
    let expected = (!wanted || is_wanted) && !is_unwanted;
    let patterns = BranchPatterns::parse([patterns]);
    assert_eq!(
        patterns.matches(branch),
        expected,
        "{patterns:?} {branch:?}"
    );
}

/// A wildcard, letter by letter: which beginnings of the pattern end here.
fn is_like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut ends = vec![false; pattern.len() + 1];
    ends[0] = true;
    let stars = |ends: &mut Vec<bool>| {
        for (n, c) in pattern.iter().enumerate() {
            ends[n + 1] |= *c == '*' && ends[n];
        }
    };
    stars(&mut ends);
    for c in text.chars() {
        for n in (0..pattern.len()).rev() {
            ends[n + 1] = match pattern[n] {
                '*' => ends[n + 1],
                wanted => wanted == c && ends[n],
            };
        }
        ends[0] = false;
        stars(&mut ends);
    }
    ends[pattern.len()]
}

/// A query, written again, is what it was; and an instant is one however it is written.
pub fn query(data: &[u8]) {
    const KEYS: [&str; 4] = ["state", "page", "meta_data", "created_from"];
    let Some(text) = text(data) else {
        return;
    };
    let read = Query::parse(text);
    let written = read.with_all(&[]);
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
    let again = Query::parse(&written);
    assert_eq!(again.with_all(&[]), written, "written twice");
    for key in KEYS {
        // `key` and `key[]` in one query are sorted apart.
        let sorted = |query: &Query| {
            let mut all: Vec<String> = query.all(key).map(str::to_owned).collect();
            all.sort();
            all
        };
        assert_eq!(sorted(&read), sorted(&again), "{key} of {text:?}");
        assert_eq!(read.last(key), read.all(key).last());
        assert!(
            read.map(key)
                .all(|(name, value)| !name.is_empty() && !value.is_empty())
        );
        let set = Query::parse(&read.with(key, "a b&c=d"));
        assert_eq!(set.all(key).collect::<Vec<_>>(), ["a b&c=d"]);
        let gone = Query::parse(&read.with_all(&[(key, None)]));
        assert_eq!(gone.last(key), None);
    }
    for value in std::iter::once(text).chain(read.all("created_from")) {
        if let Some(at) = query::instant(value) {
            assert_eq!(query::instant(&at.to_rfc3339()), Some(at), "{value:?}");
        }
    }
}

/// A method, a space and a path: a route's own words are where it has them, and somebody who is lost is shown an
/// endpoint.
pub fn path(data: &[u8]) {
    let Some((method, path)) = text(data).and_then(|text| text.split_once(' ')) else {
        return;
    };
    let method = Method::from(method);
    let segments = router::segments(path);
    assert!(segments.iter().all(|segment| !segment.is_empty()));
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    match router::find(&method, &segments) {
        Target::Known(route, _) => {
            let own = route.method();
            let is_own = match &method {
                Method::Head => own == "GET",
                Method::Patch | Method::Put => matches!(own, "PUT" | "PATCH"),
                Method::Get
                | Method::Post
                | Method::Delete
                | Method::Options
                | Method::Other(_) => own == method.as_str(),
            };
            assert!(is_own, "{method} for {route}");
            let template = route.path().split('/').filter(|word| !word.is_empty());
            let template: Vec<&str> = template.collect();
            // Some endpoints have a shorter path besides.
            let words = template.iter().zip(&segments);
            for (wanted, given) in words.filter(|_| template.len() == segments.len()) {
                assert!(
                    wanted.starts_with('{') || wanted == given,
                    "{path:?} for {route}"
                );
            }
        }
        Target::Unmodelled(template) => assert!(template.starts_with('/'), "{template}"),
        Target::Unknown => {
            let (nearest, _) = router::nearest(&method, &segments);
            assert!(!nearest.is_page());
        }
    }
}

/// A range, a line, and what else stands in headers: the part that is sent is the part that is said to be.
pub fn headers(data: &[u8]) {
    const CONTENT: &[u8] = b"0123456789abcdef";
    let Some(text) = text(data) else {
        return;
    };
    let mut lines = text.lines();
    let mut headers = vec![(
        "range".to_owned(),
        lines.next().unwrap_or_default().to_owned(),
    )];
    headers.extend(
        lines
            .next()
            .map(|of| ("if-range".to_owned(), of.to_owned())),
    );
    let request = Request {
        method: Method::Get,
        path: "/".to_owned(),
        query: String::new(),
        headers,
        body: bytes::Bytes::new(),
        via: Via::Memory,
        record: std::sync::OnceLock::new(),
    };
    let file = ArtifactFile::new("a.txt", Arc::from(CONTENT)).expect("a file");
    let mut reply = downloads::content(&file, &request);
    let mut sent = Vec::new();
    let announced = reply.body.len();
    while let Some(piece) = reply.body.next_piece() {
        sent.extend_from_slice(&piece);
    }
    assert_eq!(sent.len(), announced);
    let said = reply.header("content-range");
    let size = CONTENT.len();
    match reply.status {
        200 => assert!(said.is_none() && sent == CONTENT),
        206 => {
            let range = said.and_then(|said| said.strip_prefix("bytes "));
            let (range, all) = range.and_then(|it| it.split_once('/')).expect("a range");
            let (from, to) = range.split_once('-').expect("both ends");
            let number = |text: &str| text.parse::<usize>().expect("a number");
            assert_eq!(number(all), size);
            assert_eq!(sent, CONTENT[number(from)..=number(to)], "{range}");
        }
        416 => assert_eq!(said, Some(&*format!("bytes */{size}"))),
        other => panic!("{other} for a file"),
    }
}

/// Elements that Markdown becomes.
const ELEMENTS: &[&str] = &[
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "div",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "input",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Whatever somebody writes, what is shown is harmless and whole.
pub fn markdown(data: &[u8]) {
    let Some(text) = text(data) else {
        return;
    };
    for shown in [
        markdown::for_api(text),
        markdown::for_page(text, |path| Some(format!("/there/{}", path.len()))),
    ] {
        is_whole(&shown, ELEMENTS);
        assert!(shown.is_empty() || shown.ends_with('\n'));
    }
}

/// What a terminal would show, its letters and nothing beside them.
pub fn terminal(data: &[u8]) {
    // A bound on how much one escape sequence makes.
    const LEAP: usize = 600;
    let text = String::from_utf8_lossy(data);
    let shown = wire::terminal::html(&text);
    is_whole(&shown, &["pre", "span"]);
    let inner = shown.strip_prefix("<pre class=\"term-container\">");
    let inner = inner.and_then(|shown| shown.strip_suffix("</pre>\n"));
    let inner = inner.expect("one element");
    assert!(
        shown.len() < 200 + (text.len() + 1) * LEAP,
        "{} bytes",
        shown.len()
    );
    if text.contains(|c: char| c.is_control() && c != '\n') {
        return;
    }
    // Nothing moves or colours anything: the lines are what they were, but for the blanks at their ends.
    assert!(!inner.contains('<'));
    let plain = inner
        .replace("&nbsp;", "")
        .replace("&#47;", "/")
        .replace("&#39;", "'");
    let plain = plain.replace("&lt;", "<").replace("&gt;", ">");
    let plain = plain.replace("&quot;", "\"").replace("&amp;", "&");
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(' '))
        .collect();
    let is_ambiguous = text.contains("&nbsp;");
    assert!(is_ambiguous || plain == lines.join("\n"), "{plain:?}");
}

/// HTML of these elements alone, each closed where it was opened, with no script in any address.
fn is_whole(html: &str, elements: &[&str]) {
    const VOID: &[&str] = &["br", "hr", "img", "input"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a loose > in {html:?}");
        let mut end = at + 1;
        let mut is_quoted = false;
        for (n, c) in rest[at..].char_indices() {
            is_quoted ^= c == '"';
            if c == '>' && !is_quoted {
                end = at + n;
                break;
            }
        }
        assert!(end > at + 1, "an element without an end in {html:?}");
        let element = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = element.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{html:?}");
            continue;
        }
        let element = element.strip_suffix('/').unwrap_or(element).trim_end();
        let (name, attributes) = element.split_once(' ').unwrap_or((element, ""));
        assert!(elements.contains(&name), "<{name}> in {html:?}");
        if !VOID.contains(&name) {
            open.push(name);
        }
        for attribute in attributes.split("\" ") {
            let (name, value) = attribute.split_once("=\"").unwrap_or((attribute, ""));
            assert!(!name.starts_with("on"), "{attribute} in {html:?}");
            if matches!(name, "href" | "src") {
                let value = value.to_ascii_lowercase();
                let scheme = value.split(['/', '?', '#']).next().unwrap_or_default();
                let scheme = scheme.split_once(':').map_or("http", |(scheme, _)| scheme);
                let harmless = ["http", "https", "mailto", "artifact"];
                assert!(harmless.contains(&scheme), "{attribute} in {html:?}");
            }
        }
    }
    assert!(!rest.contains('>'), "a loose > in {html:?}");
    assert!(open.is_empty(), "{open:?} in {html:?}");
}
