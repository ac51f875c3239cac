//! A nightly build over a month, and the report that is written from it: thirty-one nights in a moment.
//!
//! The schedule is Berlin's, and the month is one in which the clocks there go forward. A job of the pipeline breaks on
//! a few nights; a small program reads the month through the REST API and prints what the team will hear on Monday.
//!
//! Run it with `cargo run --example time_travel`.

use chrono::{DateTime, Utc};
use fake_buildkite::{FakeBuildkite, Route, days, minutes};
use serde::Deserialize;

const NIGHTLY: &str = r#"
steps:
  - { label: ":hammer: Build", key: build, command: make }
  - wait
  - { label: ":moon: Long tests", key: long, command: make long }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Given a nightly build in the March of 2030, which goes wrong for three nights in the middle of it
    let fake = FakeBuildkite::builder()
        .starting_at("2030-03-01T00:00:00Z")
        .start();
    let app = fake.pipeline("app").steps(NIGHTLY).create();
    app.on_job("build").takes(minutes(20));
    app.on_job("long").takes_between(minutes(90), minutes(140)); // drawn from the seed
    app.on_job_when(|job| job.key() == Some("long") && (12..15).contains(&job.build_number()))
        .takes(minutes(35))
        .exits(1);
    let nightly = app
        .schedule("30 2 * * * Europe/Berlin")
        .label("Nightly")
        .create();

    // When a month passes
    fake.advance(days(31));

    // Then the report knows the month
    let report = Report::read(&fake.api_url(), fake.token())?;
    print!("{}", report.calendar());
    println!("{}", report.sentence());
    assert_eq!(
        nightly.builds().len(),
        30,
        "on the 31st there is no half past two in Berlin"
    );
    assert_eq!(
        report.sentence(),
        "30 nights, 3 of them red, 3 in a row at the worst."
    );
    assert!(
        fake.requests().to(Route::ListPipelineBuilds).len() > 1,
        "it read every page"
    );
    Ok(())
}

/// The program under test: what became of the nightly builds.
struct Report {
    nights: Vec<Night>,
}

#[derive(Deserialize)]
struct Build {
    number: u64,
    state: String,
    source: String,
    created_at: String,
    finished_at: Option<String>,
}

struct Night {
    number: u64,
    state: String,
    began: DateTime<Utc>,
    minutes: i64,
}

impl Night {
    /// Only what the schedule built, and only what is over.
    fn of(build: Build) -> chrono::ParseResult<Option<Self>> {
        let Some(finished_at) = build.finished_at.filter(|_| build.source == "schedule") else {
            return Ok(None);
        };
        let began: DateTime<Utc> = build.created_at.parse()?;
        let ended: DateTime<Utc> = finished_at.parse()?;
        Ok(Some(Self {
            number: build.number,
            state: build.state,
            began,
            minutes: (ended - began).num_minutes(),
        }))
    }
}

impl Report {
    /// Reads all pages, oldest build first.
    fn read(api: &str, token: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let http = reqwest::blocking::Client::new();
        let mut nights = Vec::new();
        let mut url = Some(format!(
            "{api}organizations/acme/pipelines/app/builds?per_page=10"
        ));
        while let Some(page) = url {
            let answer = http
                .get(page)
                .bearer_auth(token)
                .send()?
                .error_for_status()?;
            let links = answer.headers().get("link").map(|value| value.to_str());
            url = links.transpose()?.and_then(next_page);
            for build in answer.json::<Vec<Build>>()? {
                nights.extend(Night::of(build)?);
            }
        }
        nights.reverse();
        Ok(Self { nights })
    }

    fn calendar(&self) -> String {
        let line = |night: &Night| {
            let began = night.began.format("%a %d %H:%M UTC");
            let bar = "#".repeat(usize::try_from(night.minutes / 10).unwrap_or(0));
            let (number, state, minutes) = (night.number, &night.state, night.minutes);
            format!("{began}  build {number:2}  {state:6}  {bar} {minutes} min\n")
        };
        self.nights.iter().map(line).collect()
    }

    fn sentence(&self) -> String {
        let is_red: Vec<bool> = self
            .nights
            .iter()
            .map(|build| build.state == "failed")
            .collect();
        let red = is_red.iter().filter(|red| **red).count();
        let worst = is_red.split(|red| !red).map(<[bool]>::len).max();
        let worst = worst.unwrap_or(0);
        format!(
            "{} nights, {red} of them red, {worst} in a row at the worst.",
            is_red.len()
        )
    }
}

/// The `next` of a `Link` header.
fn next_page(links: &str) -> Option<String> {
    let next = links
        .split(", ")
        .find(|link| link.ends_with("rel=\"next\""))?;
    let (url, _) = next.strip_prefix('<')?.split_once('>')?;
    Some(url.to_owned())
}
