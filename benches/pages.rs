//! What a page of 30 builds costs as history grows: with each filter, at each of the three lists, first pages and last ones.
//! Every filter is asked for what most builds have, or half of them ("common") and for what 60 builds have, spread over the whole
//! history or its last ones ("rare"), so that a page is always full and only what lies between its builds grows.
//!
//! `cargo bench --bench pages` prints, for each, how many times the page of the smallest history it costs. Histories are
//! 90, 990, 9,990 and (in release) 99,990 builds: the last page is full, too.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark looks at the real clock"
)]

mod support;

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use fake_buildkite::{FakeBuildkite, Scope, seconds};
use support::client::{Client, get};
use support::measure::{IS_DEBUG, Series, Subject, full_or_short, record, side_by_side, timed};
use support::process::{is_pinned, run_pinned};
use support::world::address;

/// How many builds are unlike the others.
const RARE: usize = 60;

const PAGE: usize = 30;

const RARE_COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

const LISTS: [(&str, &str); 3] = [
    ("everywhere", "/v2/builds"),
    ("organization", "/v2/organizations/acme/builds"),
    ("pipeline", "/v2/organizations/acme/pipelines/app/builds"),
];

fn main() {
    if !is_pinned() {
        return run_pinned();
    }
    let histories: Vec<_> = sizes().into_iter().map(History::new).collect();
    println!(
        "a page of {PAGE}, times that of the history of {}",
        histories[0].size
    );
    let mut worst = vec![(0.0, String::new()); histories.len()];
    for (list, path) in LISTS {
        for at in 0..queries(&histories[0]).len() {
            let (name, _) = queries(&histories[0])[at];
            let all = page(&histories, path, at);
            let mut line = format!("  {list:<13} {name:<24} {:>8.1} us", all[0].median_us());
            for (at, (history, series)) in histories.iter().zip(&all).enumerate().skip(1) {
                let ratio = series.over(&all[0]);
                write!(line, "   {:>7}: {ratio}", history.size).expect("a String");
                let key = format!("pages.{list}.{name}.{}", history.size);
                record(&key, format_args!("{:.3}", ratio.median));
                if ratio.median > worst[at].0 {
                    worst[at] = (ratio.median, format!("{list} {name}"));
                }
            }
            println!("{line}");
        }
    }
    for (history, (ratio, what)) in histories.iter().zip(&worst).skip(1) {
        println!("  dearest with {} builds: {what}, {ratio:.2}", history.size);
        record(
            &format!("pages.dearest.{}", history.size),
            format_args!("{ratio:.3}"),
        );
        record(&format!("pages.dearest.{}.what", history.size), what);
    }
}

fn sizes() -> Vec<usize> {
    let mut sizes = vec![90, 990];
    if !support::measure::is_short() {
        sizes.push(9_990);
        if !IS_DEBUG {
            sizes.push(99_990);
        }
    }
    sizes
}

/// One page, of each history.
fn page(histories: &[History], path: &str, at: usize) -> Vec<Series> {
    let mut subjects: Vec<_> = histories
        .iter()
        .map(|history| {
            let mut client = Client::connect(address(&history.fake));
            let query = &queries(history)[at].1;
            let request = get(&format!("{path}{query}"), history.fake.token());
            let captured = client.capture(&request);
            let builds: Vec<serde_json::Value> =
                serde_json::from_slice(&captured.body).expect("a list");
            assert_eq!(builds.len(), PAGE, "{query}");
            let name = history.size.to_string();
            Subject::new(&name, move || timed(|| client.ask(&request)))
        })
        .collect();
    side_by_side(full_or_short(40, 8), &mut subjects)
}

/// What is asked for: a name, and the query.
fn queries(history: &History) -> Vec<(&'static str, String)> {
    let History {
        size,
        common_creator,
        rare_creator,
        half,
        last,
        ..
    } = history;
    let from = |key: &str, instant: &DateTime<Utc>| {
        format!("{key}={}", instant.format("%Y-%m-%dT%H:%M:%SZ"))
    };
    let filters = [
        (
            ["branch, common", "branch, rare", "branch, rare, last page"],
            "branch=main".to_owned(),
            "branch=rare".to_owned(),
        ),
        (
            ["commit, common", "commit, rare", "commit, rare, last page"],
            "commit=HEAD".to_owned(),
            format!("commit={RARE_COMMIT}"),
        ),
        (
            ["state, common", "state, rare", "state, rare, last page"],
            "state=passed".to_owned(),
            "state=failed".to_owned(),
        ),
        (
            [
                "creator, common",
                "creator, rare",
                "creator, rare, last page",
            ],
            format!("creator={common_creator}"),
            format!("creator={rare_creator}"),
        ),
        (
            [
                "meta_data, common",
                "meta_data, rare",
                "meta_data, rare, last page",
            ],
            "meta_data%5Blane%5D=main".to_owned(),
            "meta_data%5Blane%5D=rare".to_owned(),
        ),
        (
            [
                "created_from, common",
                "created_from, rare",
                "created_from, rare, last page",
            ],
            from("created_from", half),
            from("created_from", last),
        ),
        (
            [
                "finished_from, common",
                "finished_from, rare",
                "finished_from, rare, last page",
            ],
            from("finished_from", half),
            from("finished_from", last),
        ),
    ];
    let mut all = vec![
        ("none", String::new()),
        ("none, page 2", "?page=2".to_owned()),
        ("none, last page", format!("?page={}", size / PAGE)),
    ];
    for ([first, second, third], common, rare) in filters {
        all.push((first, format!("?{common}")));
        all.push((second, format!("?{rare}")));
        all.push((third, format!("?{rare}&page={}", RARE / PAGE)));
    }
    all
}

/// A fake with so many builds of one job that have ended, one after the other.
struct History {
    size: usize,
    fake: FakeBuildkite,
    common_creator: String,
    rare_creator: String,
    /// When the second half of the builds begins, but with no fewer than a page of them.
    half: DateTime<Utc>,
    /// When the last [`RARE`] of them begin.
    last: DateTime<Utc>,
}

impl History {
    fn new(size: usize) -> Self {
        let fake = FakeBuildkite::start();
        let app = fake
            .pipeline("app")
            .steps("steps: [{command: make}]")
            .create();
        app.on_job_when(|job| job.env("BUILDKITE_BRANCH") == Some("rare"))
            .exits(1);
        let ada = fake.add_user("Ada", "ada@example.com");
        let token = fake.token_for(&ada, [Scope::ReadBuilds, Scope::WriteBuilds]);
        let mut client = Client::connect(address(&fake));
        let request = create_rare(&token);
        let mut half = None;
        let mut last = None;
        let every = size / RARE;
        for n in 0..size {
            if n == size / 2 {
                half = Some(fake.clock().now());
            }
            if n == size - RARE {
                last = Some(fake.clock().now());
            }
            if n % every == 0 && n / every < RARE {
                client.ask(&request);
            } else {
                app.build().meta_data("lane", "main").create();
            }
            fake.advance(seconds(20));
        }
        Self {
            size,
            common_creator: fake.user_id().to_string(),
            rare_creator: ada.id().to_string(),
            half: half.expect("it was passed"),
            last: last.expect("it was passed"),
            fake,
        }
    }
}

/// A request for a build that is unlike the others in everything that can be asked for.
fn create_rare(token: &str) -> Vec<u8> {
    let body =
        format!(r#"{{"commit":"{RARE_COMMIT}","branch":"rare","meta_data":{{"lane":"rare"}}}}"#);
    format!(
        "POST {} HTTP/1.1\r\nhost: fake.test\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
        LISTS[2].1,
        body.len()
    )
    .into_bytes()
}
