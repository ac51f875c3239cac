//! Rate limits: counted always, enforced when a test asks, and as a fault.

use fake_buildkite::{FakeBuildkite, Route, seconds};

use crate::support::{Answer, client};

/// The headers about limits, in the order sent.
fn limits(answer: &Answer) -> Vec<String> {
    let headers = answer.headers.iter();
    let about_limits = headers.filter(|(name, _)| name.starts_with("ratelimit-"));
    about_limits
        .map(|(name, value)| format!("{name}: {value}"))
        .collect()
}

#[test]
fn whoever_asks_too_often_is_sent_away_until_the_minute_is_over() {
    let fake = FakeBuildkite::builder().enforce_rate_limits().start();
    let app = fake.pipeline("app").create();
    let client = client(&fake);
    for _ in 0..49 {
        client.get("/user").expect(200);
    }
    let last = client.get("/user");
    assert_eq!(last.status, 200);
    assert_eq!(last.header("ratelimit-user-remaining"), Some("0"));
    assert_eq!(
        last.header("ratelimit-user-warning"),
        Some("You have exceeded your API rate limit.")
    );
    assert_eq!(last.header("ratelimit-warning"), None);
    fake.advance(seconds(18));
    let body = r#"{"commit":"HEAD","branch":"main"}"#;
    let refused = client.post("/organizations/acme/pipelines/app/builds", body);
    assert_eq!(refused.status, 429);
    assert_eq!(app.builds().len(), 0);
    assert_eq!(
        refused.text,
        "{\"message\":\"You have exceeded your API rate limit. Please wait 42 seconds before making more requests.\",\
         \"scope\":\"rest_user\",\"limit\":50,\"current\":51,\"reset\":42}\n"
    );
    assert_eq!(
        limits(&refused),
        [
            "ratelimit-scope: rest",
            "ratelimit-remaining: 149",
            "ratelimit-limit: 200",
            "ratelimit-reset: 42",
            "ratelimit-user-scope: rest_user",
            "ratelimit-user-remaining: 0",
            "ratelimit-user-limit: 50",
            "ratelimit-user-reset: 42",
            "ratelimit-user-warning: You have exceeded your API rate limit.",
        ]
    );
    fake.advance(seconds(41));
    assert_eq!(client.get("/user").status, 429);
    fake.advance(seconds(1));
    assert_eq!(client.get("/user").status, 200);
    assert_eq!(
        fake.requests().iter().filter(|it| it.status == 429).count(),
        2
    );
}

#[test]
fn the_limit_for_all_is_another() {
    let fake = FakeBuildkite::builder()
        .enforce_rate_limits()
        .rate_limit(50, 2)
        .start();
    let client = client(&fake);
    let statuses = [(), (), ()].map(|()| client.get("/user").status);
    assert_eq!(statuses, [200, 200, 429]);
    let refused = client.get("/user");
    assert!(
        refused
            .text
            .ends_with("\"scope\":\"rest\",\"limit\":2,\"current\":4,\"reset\":60}\n"),
        "{}",
        refused.text
    );
    // Nobody without a token is counted
    assert_eq!(client.without_token().get("/user").status, 401);
}

#[test]
fn windows_belong_to_the_world() {
    let fake = FakeBuildkite::builder()
        .enforce_rate_limits()
        .rate_limit(1, 200)
        .start();
    let before = fake.snapshot();
    let ask = |fake: &FakeBuildkite| client(fake).get("/user").status;
    assert_eq!([ask(&fake), ask(&fake)], [200, 429]);
    let fork = fake.fork();
    assert_eq!(ask(&fork), 429, "and so do limits");
    fake.rewind(&before);
    assert_eq!([ask(&fake), ask(&fake)], [200, 429]);
}

#[test]
fn as_a_fault_it_says_the_same_and_names_the_seconds_a_test_wants() {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    fake.fault(Route::GetUser).first(1).status(429);
    fake.fault(Route::GetUser)
        .nth(2)
        .rate_limited_for(seconds(0));
    let first = client.get("/user");
    assert_eq!(
        first.text,
        "{\"message\":\"You have exceeded your API rate limit. Please wait 60 seconds before making more requests.\",\
         \"scope\":\"rest_user\",\"limit\":50,\"current\":51,\"reset\":60}\n"
    );
    assert_eq!(first.header("ratelimit-user-remaining"), Some("0"));
    let second = client.get("/user");
    assert_eq!(second.status, 429);
    assert_eq!(second.header("ratelimit-reset"), Some("0"));
    assert_eq!(second.header("ratelimit-user-reset"), Some("0"));
    assert_eq!(client.get("/user").status, 200);
}
