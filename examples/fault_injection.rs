//! A client with retries and back-off meets an outage, a rate limit, a lost answer, a late one and a cut-off one.
//!
//! It runs on tokio's paused clock, which the fake follows: minutes of waiting take milliseconds, and every run prints
//! the same. `cargo run --example fault_injection`

use std::time::Duration;

use fake_buildkite::{Clock, FakeBuildkite, Route, seconds};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

/// How long the client waits for an answer, and how often it asks in all.
const PATIENCE: Duration = seconds(10);
const ATTEMPTS: u32 = 5;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::FollowTokio)
        .on_current_runtime()
        .start();
    let app = fake.pipeline("app").create();
    let client = Client::new(fake.api_url(), fake.token());
    let builds = "organizations/acme/pipelines/app/builds";

    println!("An outage: three times 502, then all is well.");
    let outage = fake.fault(Route::GetUser).first(3).status(502);
    client.get("user").await.expect("patience helps");
    assert_eq!(outage.hits(), 3);

    println!("\nA rate limit: the client waits until it is reset.");
    fake.fault(Route::GetUser)
        .first(1)
        .rate_limited_for(seconds(42));
    let before = Instant::now();
    client.get("user").await.expect("patience helps");
    assert_eq!(before.elapsed(), seconds(42));

    println!("\nA lost answer: the build was made, and the client is not told.");
    fake.fault(Route::CreateBuild)
        .first(1)
        .after_effect()
        .reset();
    client.create(builds).await.expect("patience helps");
    println!("  there are {} builds now!", app.builds().len());
    assert_eq!(app.builds().len(), 2);

    println!("\nThe same with a client that looks before it tries again.");
    fake.fault(Route::CreateBuild)
        .first(1)
        .after_effect()
        .reset();
    let build = client.create_once(builds, "release 7").await;
    println!(
        "  build {} it is, the last of {}",
        build.number,
        app.builds().len()
    );
    assert_eq!((build.number, app.builds().len()), (3, 3));

    println!("\nA late answer: later than the client waits, and then one just in time.");
    fake.fault(Route::GetBuild).nth(1).delay(seconds(60));
    fake.fault(Route::GetBuild).nth(2).delay(seconds(9));
    client
        .get(&format!("{builds}/1"))
        .await
        .expect("patience helps");

    println!("\nA part of an answer.");
    fake.fault(Route::GetBuild).first(1).truncate_after(100);
    client
        .get(&format!("{builds}/1"))
        .await
        .expect("patience helps");

    println!("\nAnd an outage that outlasts the client's patience.");
    let endless = fake.fault_any().status(503);
    let error = client.get("user").await.expect_err("nobody is there");
    println!("  given up: {error}");
    endless.lift();

    fake.verify().expect("every fault that was planned came");
    println!("\nWhat the fake noted:");
    for event in &*fake.events() {
        if matches!(event.kind, fake_buildkite::EventKind::Fault { .. }) {
            println!("  {event}");
        }
    }
}

/// The program under test.
struct Client {
    http: reqwest::Client,
    api: String,
    token: String,
    start: Instant,
}

#[derive(Deserialize)]
struct Build {
    number: u64,
    message: Option<String>,
}

impl Client {
    fn new(api: String, token: &str) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Self {
            http: http.expect("a client"),
            api,
            token: token.to_owned(),
            start: Instant::now(),
        }
    }

    async fn get(&self, path: &str) -> Result<String, String> {
        self.ask(path, None).await
    }

    async fn create(&self, path: &str) -> Result<String, String> {
        let body = json!({"commit": "HEAD", "branch": "main"});
        self.ask(path, Some(body.to_string())).await
    }

    /// Asks until there is an answer, with twice the pause each time.
    async fn ask(&self, path: &str, body: Option<String>) -> Result<String, String> {
        let mut pause = seconds(1);
        let mut failure = String::new();
        for attempt in 1..=ATTEMPTS {
            match self.try_once(path, body.clone()).await {
                Ok(answer) => {
                    self.say(&format!("attempt {attempt}: answered"));
                    return Ok(answer);
                }
                Err((why, wait)) => {
                    let wait = wait.unwrap_or(pause);
                    self.say(&format!("attempt {attempt}: {why}; the next in {wait:?}"));
                    failure = why;
                    sleep(wait).await;
                }
            }
            pause *= 2;
        }
        Err(format!("{failure}, {ATTEMPTS} times"))
    }

    /// Makes a build with this message, if there is none; however often the answer is lost.
    async fn create_once(&self, path: &str, message: &str) -> Build {
        loop {
            let builds = self.get(path).await.expect("a list");
            let builds: Vec<Build> = serde_json::from_str(&builds).expect("builds");
            let is_it = |build: &Build| build.message.as_deref() == Some(message);
            if let Some(build) = builds.into_iter().find(is_it) {
                return build;
            }
            let body = json!({"commit": "HEAD", "branch": "main", "message": message});
            match self.try_once(path, Some(body.to_string())).await {
                Ok(_) => self.say("created"),
                Err((why, _)) => self.say(&format!("creating: {why}; perhaps it is there?")),
            }
        }
    }

    /// The answer, or why there is none, and how long to wait if the service says so.
    async fn try_once(
        &self,
        path: &str,
        body: Option<String>,
    ) -> Result<String, (String, Option<Duration>)> {
        let url = format!("{}{path}", self.api);
        let request = match body {
            Some(body) => self.http.post(url).body(body),
            None => self.http.get(url),
        };
        let failed = |error: reqwest::Error| (reason(&error), None);
        let answer = request.bearer_auth(&self.token).send().await;
        let answer = answer.map_err(failed)?;
        let status = answer.status();
        if status.is_success() {
            return answer.text().await.map_err(failed);
        }
        let reset = answer.headers().get("ratelimit-user-reset");
        let reset = reset.and_then(|value| value.to_str().ok()?.parse().ok());
        Err((status.to_string(), reset.map(seconds)))
    }

    fn say(&self, what: &str) {
        let passed = self.start.elapsed();
        println!("  {:>3} s  {what}", passed.as_secs());
    }
}

/// What a failure was, in a word or two.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {PATIENCE:?}");
    }
    if error.is_decode() || error.is_body() {
        return "half an answer".to_owned();
    }
    "the connection broke".to_owned()
}
