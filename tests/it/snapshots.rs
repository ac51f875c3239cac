//! Snapshots, going back, and forks: one beginning, several endings.

use std::fmt::Write as _;

use fake_buildkite::{BuildState, Clock, FakeBuildkite, JobState, Route, minutes, seconds};

use crate::support::{Answer, client, panic_of};

const STEPS: &str =
    "steps: [{command: make, key: test}, wait, {block: Ship?}, {command: ship, key: ship}]";

/// Everything a client does in these tests, and what it is told, headers and all.
fn go_on(fake: &FakeBuildkite) -> String {
    let client = client(fake);
    let mut told = String::new();
    let mut ask = |answer: Answer| {
        let Answer {
            status,
            headers,
            text,
        } = answer;
        write!(told, "{status} {headers:?} {text}").expect("a String");
    };
    let builds = "/organizations/acme/pipelines/app/builds";
    ask(client.post(builds, r#"{"commit":"HEAD","branch":"main"}"#));
    fake.advance(seconds(5));
    ask(client.get(&format!("{builds}/2")));
    fake.existing_pipeline("app")
        .build_number(1)
        .job("test")
        .fail(3);
    fake.run_until_idle();
    ask(client.get(builds));
    ask(client.put(&format!("{builds}/2/rebuild")));
    ask(client.get("/organizations/acme/pipelines/app"));
    told.push_str(&fake.events().to_string());
    told.push_str(&fake.requests().to_string());
    told
}

fn begun() -> FakeBuildkite {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    let app = fake.pipeline("app").steps(STEPS).create();
    app.on_job("test")
        .takes_between(minutes(1), minutes(9))
        .exits(1)
        .then()
        .exits(0);
    client(&fake).create_build("app");
    fake.advance(seconds(2));
    fake
}

#[test]
fn going_back_and_on_gives_the_same_bytes_again() {
    let fake = begun();
    let before = fake.snapshot();
    let first = go_on(&fake);
    let after = fake.snapshot();
    for _ in 0..3 {
        fake.rewind(&before);
        assert_eq!(fake.snapshot().to_string(), before.to_string());
        assert_eq!(go_on(&fake), first);
    }
    // A later snapshot can be gone to as well, and an earlier one again
    fake.rewind(&before);
    fake.rewind(&after);
    assert_eq!(fake.snapshot().to_string(), after.to_string());
    fake.rewind(&before);
    assert_eq!(go_on(&fake), first);
}

#[test]
fn a_fork_goes_on_as_its_parent_would_and_neither_touches_the_other() {
    let fake = begun();
    let fork = fake.fork();
    assert_ne!(fork.url(), fake.url());
    assert_eq!(fork.token(), fake.token());
    let (events, requests) = (fake.events(), fake.requests());
    let in_fork = go_on(&fork);
    assert_eq!(fake.events(), events, "the parent saw nothing");
    assert_eq!(fake.requests(), requests);
    assert_eq!(go_on(&fake), in_fork, "and goes on in the same way");
    // From there each goes its own way
    fork.existing_pipeline("app").create_build();
    assert_ne!(fork.events(), fake.events());
}

#[test]
fn ten_endings_from_one_beginning() {
    let fake = begun();
    let forks: Vec<_> = (0..10).map(|_| fake.fork()).collect();
    for (n, fork) in forks.iter().enumerate() {
        let job = fork.existing_pipeline("app").build_number(1).job("test");
        job.finish(i32::try_from(n).expect("few"));
        assert_eq!(job.exit_status(), Some(i32::try_from(n).expect("few")));
    }
    assert_eq!(
        fake.existing_pipeline("app")
            .build_number(1)
            .job("test")
            .state(),
        JobState::Running
    );
    // A fork outlives its parent
    drop(fake);
    let last = forks.last().expect("ten");
    assert_eq!(client(last).build("app", 1)["state"].str(), "failed");
}

#[test]
fn what_was_made_after_a_snapshot_is_gone_when_it_is_gone_back_to() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let before = fake.snapshot();
    let build = app.create_build();
    assert_eq!(build.state(), BuildState::Scheduled);
    fake.rewind(&before);
    assert_eq!(
        panic_of(|| build.state()),
        "this build is gone: its pipeline was deleted, or the fake went back to before it was made"
    );
    assert!(app.builds().is_empty());
    fake.requests().to(Route::CreateBuild).assert_count(0);
}

#[test]
fn connections_stay_open_when_a_fake_goes_back() {
    let fake = begun();
    let before = fake.snapshot();
    let client = client(&fake);
    let first = client.build("app", 1);
    fake.run_until_idle();
    assert_ne!(client.build("app", 1), first);
    fake.rewind(&before);
    assert_eq!(
        client.build("app", 1),
        first,
        "the same client sees what it saw"
    );
}

#[test]
fn snapshots_are_exchanged_between_a_fake_and_its_forks_and_with_nobody_else() {
    let fake = begun();
    let before = fake.snapshot();
    let fork = fake.fork();
    fork.run_until_idle();
    fork.rewind(&before);
    assert_eq!(fork.events(), fake.events());
    let stranger = FakeBuildkite::start();
    assert_eq!(
        panic_of(|| stranger.rewind(&before)),
        "this snapshot is of another fake: rewind the one it was made of, or a fork of that one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fork_follows_the_clock_its_parent_follows_and_neither_goes_back() {
    let start = FakeBuildkite::builder()
        .clock(Clock::FollowTokio)
        .on_current_runtime();
    let fake = start.start();
    let build = fake.pipeline("app").create_build();
    tokio::time::sleep(seconds(5)).await;
    let (before, fork) = (fake.snapshot(), fake.fork());
    assert_eq!(fork.clock().now(), fake.clock().now());
    fork.existing_pipeline("app").build_number(1).cancel();
    tokio::time::sleep(minutes(1)).await;
    assert_eq!(fork.clock().now(), fake.clock().now());
    let in_fork = fork.existing_pipeline("app").build_number(1);
    assert_eq!(
        [build.state(), in_fork.state()],
        [BuildState::Passed, BuildState::Canceled]
    );
    let said = panic_of(|| fake.rewind(&before));
    assert!(
        said.starts_with("a clock that is FollowTokio moves by itself and never back: "),
        "{said}"
    );
}

#[test]
fn a_snapshot_says_what_is_in_it() {
    let fake = FakeBuildkite::start();
    assert_eq!(
        fake.snapshot().to_string(),
        "2030-01-01T00:00:00.000Z: 0 builds, 0 events, 0 requests"
    );
    let app = fake.pipeline("app").steps("steps: [{block: Go?}]").create();
    for _ in 0..11 {
        app.create_build();
    }
    let text = fake.snapshot().to_string();
    assert!(
        text.starts_with("2030-01-01T00:00:00.000Z: 11 builds (app#1 passed, app#2 passed,"),
        "{text}"
    );
    assert!(
        text.ends_with("app#10 passed, …), 44 events, 0 requests"),
        "{text}"
    );
    assert_eq!(
        format!("{:?}", fake.snapshot()),
        format!("Snapshot({text})")
    );
}

#[test]
fn handles_on_what_was_made_later_say_that_the_fake_went_back() {
    let fake = FakeBuildkite::start();
    let empty = fake.snapshot();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    let untold = fake.snapshot();
    let script = app.on_job("test");
    fake.rewind(&untold);
    assert_eq!(
        panic_of(|| script.exits(1)),
        "this script is gone: the fake went back to before it was told"
    );
    let job = app.create_build().job("test");
    fake.rewind(&empty);
    assert_eq!(
        panic_of(|| app.slug()),
        "this pipeline is gone: it was deleted, or the fake went back to before it was made"
    );
    assert_eq!(
        panic_of(|| job.state()),
        "this job is gone: its pipeline was deleted, an upload replaced its step, or the fake went back to before it was made"
    );
}

#[test]
fn a_fake_can_go_back_to_between_any_two_things_a_command_does() {
    // Given a command that does all a script can tell
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a, retry: {automatic: [{exit_status: -1, limit: 1}]}}, {command: b, key: b}]")
        .create();
    app.on_job("a")
        .takes(minutes(1))
        .logs("1\n2\n3\n")
        .uploads_after(seconds(1), "steps: [{command: x, key: x}]")
        .promises_failure_after(seconds(2), 3)
        .uploads("steps: [{command: y, key: y}]")
        .loses_agent()
        .then();
    app.create_build();
    let end = |fake: &FakeBuildkite| {
        fake.advance(minutes(10));
        fake.events().to_string()
    };
    let begun = fake.snapshot();
    let expected = end(&fake);
    fake.rewind(&begun);
    // Then from everywhere on the way it ends in the same way, in a fork as well
    loop {
        let here = fake.snapshot();
        assert_eq!(end(&fake.fork()), expected, "a fork of {here}");
        assert_eq!(end(&fake), expected, "{here}");
        fake.rewind(&here);
        if fake.step().is_empty() {
            break;
        }
    }
}

#[test]
fn a_tag_from_a_future_that_is_no_more_spares_nobody_the_body() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").steps(STEPS).create_build();
    build.job("test").start();
    let client = client(&fake);
    let path = "/organizations/acme/pipelines/app/builds/1";
    let tag = |answer: &Answer| answer.header("etag").expect("an ETag").to_owned();
    let with = |tag: &str| client.send("GET", path, &[("if-none-match", tag)], None);
    let before = tag(&client.get(path));
    let here = fake.snapshot();

    build.job("test").finish(1);
    let first = client.get(path);
    assert_eq!(with(&tag(&first)).status, 304);
    fake.rewind(&here);
    build.job("test").finish(2);
    let second = with(&tag(&first));
    assert_eq!(second.status, 200);
    assert!(second.text.contains(r#""exit_status":2"#));

    // The same future again gives the same tags, and takes them for known once they were given out
    fake.rewind(&here);
    assert_eq!(with(&before).status, 304, "from the way here");
    build.job("test").finish(1);
    let again = client.get(path);
    assert_eq!((tag(&again), &again.text), (tag(&first), &first.text));
    assert_eq!(with(&tag(&first)).status, 304);
}

#[test]
fn what_was_ordered_before_a_fork_is_for_the_fake_it_was_forked_from_to_say() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(STEPS).create();
    fake.fault(Route::GetUser).nth(1).status(502);
    app.on_job("test").must_run();
    let fork = fake.fork();
    assert_eq!(fork.verify().expect_err("asked").problems.len(), 2);
    drop(fake.fork());
    let other = fake.fork();
    other.fault(Route::GetUser).nth(3).status(502);
    let said = panic_of(|| drop(other));
    assert!(said.contains("never happened"), "{said}");
    client(&fake).get("/user").message(502);
    app.create_build();
    fake.run_until_idle();
}

#[test]
fn a_handle_of_another_fake_is_not_taken_for_one_of_this() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(STEPS).create();
    let build = app.create_build();
    let fork = fake.fork();
    let said = "belongs to another fake: look it up in this one, with `existing_pipeline`, `existing_user`, `agent` and the like";
    let job = build.job("test");
    let slips = [
        ("pipeline app", panic_of(|| fork.wait_for(&app, |_| true))),
        ("app#1", panic_of(|| fork.wait_for(&build, |_| true))),
        ("app#1 test", panic_of(|| fork.wait_for(&job, |_| true))),
        ("app#1", panic_of(|| fork.fault_any().for_build(&build))),
        ("app#1 test", panic_of(|| fork.fault_any().for_job(&job))),
    ];
    for (name, slip) in slips {
        assert_eq!(slip, format!("{name} {said}"));
    }
    fork.fault_any()
        .for_build(&fork.existing_pipeline("app").build_number(1))
        .always()
        .status(500);
}
