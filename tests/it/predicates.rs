//! Scripts for the jobs of which a closure of the test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fake_buildkite::{
    Agents, BuildState, Clock, FakeBuildkite, JobState, JobView, agent, minutes, seconds,
};
use parking_lot::Mutex;

use crate::support::{client, panic_of};

const TWO: &str = "steps:\n- {command: make test, key: test}\n- {command: make lint, key: lint}";

/// A predicate that counts how often it is asked.
fn counting(
    count: &Arc<AtomicUsize>,
    holds: impl Fn(&JobView) -> bool + Send + Sync + 'static,
) -> impl Fn(&JobView) -> bool + Send + Sync + 'static {
    let count = Arc::clone(count);
    move |job| {
        count.fetch_add(1, Ordering::SeqCst);
        holds(job)
    }
}

#[test]
fn a_job_is_shown_with_everything_that_sets_it_apart() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{label: 'Test {{matrix}}', key: test, command: \"make\\nmake test\", matrix: [linux, mac]}]")
        .create();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = Arc::clone(&seen);
    app.on_job_when(move |job| {
        see.lock().push(job.clone());
        false
    });
    let build = app
        .build()
        .branch("fix")
        .message("Fix it")
        .env("MODE", "fast");
    let build = build.meta_data("tag", "v1").create();
    let seen = seen.lock().clone();
    assert_eq!(seen.len(), 2, "each job is asked about when it waits");
    let names: Vec<_> = build.all_jobs().iter().map(|job| job.name()).collect();
    let shown: Vec<_> = seen.iter().map(JobView::name).collect();
    assert_eq!(shown, names, "the same as everywhere");
    let mac = &seen[1];
    assert_eq!((mac.name(), mac.key()), ("Test mac", Some("test")));
    assert_eq!(mac.label(), Some("Test mac"));
    assert_eq!(mac.command(), Some("make\nmake test"));
    assert_eq!((mac.build_number(), mac.attempt()), (1, 1));
    assert_eq!((mac.matrix(""), mac.matrix("os")), (Some("mac"), None));
    assert_eq!(mac.env("BUILDKITE_BRANCH"), Some("fix"));
    assert_eq!(mac.env("BUILDKITE_MESSAGE"), Some("Fix it"));
    assert_eq!((mac.env("MODE"), mac.env("mode")), (Some("fast"), None));
    assert_eq!(
        (mac.meta_data("tag"), mac.meta_data("tug")),
        (Some("v1"), None)
    );
}

#[test]
fn each_job_is_asked_about_once_and_never_when_a_later_rule_is_for_it() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO).create();
    let count = Arc::new(AtomicUsize::new(0));
    app.on_job("*").exits(7);
    app.on_job_when(counting(&count, |job| job.key() == Some("test")))
        .exits(1);
    app.on_job("lint").exits(2);
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(build.job("test").exit_status(), Some(1));
    assert_eq!(build.job("lint").exit_status(), Some(2));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn a_no_leaves_the_job_to_the_rules_before() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO).create();
    app.on_job("test").exits(7);
    app.on_job_when(|_| false).exits(1);
    app.on_job_when(|job| job.key() == Some("lint")).exits(3);
    app.on_job_when(|_| false).exits(4);
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(build.job("test").exit_status(), Some(7));
    assert_eq!(build.job("lint").exit_status(), Some(3));
}

#[test]
fn a_retry_is_asked_about_again_and_attempts_count_on() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO).create();
    app.on_job_when(|job| job.key() == Some("test") && job.attempt() < 3)
        .exits(1);
    let build = app.create_build();
    for expected in [1, 1, 0] {
        fake.run_until_idle();
        assert_eq!(build.job("test").exit_status(), Some(expected));
        if expected == 1 {
            build.job("test").retry();
        }
    }
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn the_answer_takes_no_time() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}, {command: b, key: b, depends_on: a}]")
        .create();
    let rule = app.on_job_when(|_| true);
    rule.picked_up_after(seconds(0)).takes(seconds(5));
    let build = app.create_build();
    fake.advance(seconds(5));
    assert_eq!(build.job("a").state(), JobState::Passed);
    assert_eq!(
        build.job("b").state(),
        JobState::Running,
        "it waited for nobody"
    );
    fake.advance(seconds(5));
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn what_is_told_while_a_job_waits_is_asked_then() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO).create();
    app.on_job("*").picked_up_after(minutes(5));
    let build = app.create_build();
    fake.advance(minutes(1));
    app.on_job_when(|job| job.key() == Some("test"))
        .picked_up_after(minutes(2))
        .exits(1);
    fake.advance(minutes(1));
    assert_eq!(
        build.job("test").state(),
        JobState::Running,
        "two minutes after it began to wait"
    );
    assert_eq!(build.job("lint").state(), JobState::Scheduled);
    fake.run_until_idle();
    assert_eq!(build.job("test").exit_status(), Some(1));
    assert_eq!(build.job("lint").exit_status(), Some(0));
}

#[test]
fn a_closure_may_ask_the_fake_because_nothing_is_locked() {
    let fake = Arc::new(FakeBuildkite::start());
    let app = fake.pipeline("app").steps(TWO).create();
    let weak = Arc::downgrade(&fake);
    app.on_job_when(move |job| {
        let fake = weak.upgrade().expect("the fake is asking");
        let app = fake.existing_pipeline("app");
        app.builds().len() == 1 && job.key() == Some("test")
    })
    .exits(1);
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(build.job("test").exit_status(), Some(1));
}

#[test]
fn a_program_that_polls_sees_what_the_closure_said() {
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let app = fake.pipeline("app").steps(TWO).create();
    app.on_job_when(|job| job.env("BUILDKITE_SOURCE") == Some("api"))
        .exits(1);
    let client = client(&fake);
    client.create_build("app");
    let polls = (0..10).map(|_| client.build("app", 1)["state"].str().to_owned());
    let states: Vec<_> = polls.collect();
    assert_eq!(
        states.last().map(String::as_str),
        Some("failed"),
        "{states:?}"
    );
}

#[test]
fn a_fixed_fleet_takes_a_job_when_the_closure_has_spoken() {
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("one")]))
        .start();
    let app = fake.pipeline("app").steps(TWO).create();
    app.on_job_when(|job| job.key() == Some("test"))
        .never_picked_up();
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(build.job("test").state(), JobState::Scheduled);
    assert_eq!(build.job("lint").state(), JobState::Passed);
}

#[test]
fn a_fork_knows_what_was_answered_and_asks_for_itself_what_was_not() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO).create();
    let count = Arc::new(AtomicUsize::new(0));
    app.on_job_when(counting(&count, |_| true)).exits(1);
    app.create_build();
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let fork = fake.fork();
    fork.run_until_idle();
    assert_eq!(count.load(Ordering::SeqCst), 2, "nothing new waits");
    let there = fork.existing_pipeline("app");
    assert_eq!(there.latest_build().job("test").exit_status(), Some(1));
    there.latest_build().job("test").retry();
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_world_that_was_kept_while_a_closure_was_asked_goes_on_from_there() {
    // Given a snapshot in which a question is open
    let fake = Arc::new(FakeBuildkite::start());
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    let kept = Arc::new(Mutex::new(None));
    app.on_job_when({
        let (fake, kept) = (Arc::downgrade(&fake), Arc::clone(&kept));
        move |_| {
            let mut kept = kept.lock();
            if kept.is_none() {
                *kept = Some(fake.upgrade().expect("the fake").snapshot());
            }
            true
        }
    })
    .exits(1);
    let build = app.create_build();
    let kept = kept.lock().clone().expect("it was asked");
    // When the world is put back, and forked
    fake.rewind(&kept);
    let fork = fake.fork();
    // Then the question is asked again in both
    for fake in [&*fake, &fork] {
        fake.run_until_idle();
        let build = fake.existing_pipeline("app").latest_build();
        assert_eq!(build.job("test").exit_status(), Some(1));
    }
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn a_pipeline_that_is_deleted_while_a_closure_is_asked_asks_no_more() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO).create();
    let count = Arc::new(AtomicUsize::new(0));
    let delete = client(&fake);
    app.on_job_when(counting(&count, move |_| {
        let deleted = delete.delete("/organizations/acme/pipelines/app");
        assert_eq!(deleted.status, 204);
        true
    }));
    app.create_build();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(fake.run_until_idle().events.is_empty());
}

#[test]
fn a_closure_that_panics_ends_the_fake_with_a_sentence() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO).create();
    app.on_job_when(|job| job.key().expect("a key").parse::<u32>().expect("a number") > 0);
    let own = panic_of(|| app.create_build());
    assert!(own.starts_with("a number: ParseIntError"), "{own}");
    let sentence = "a closure given to `on_job_when` panicked";
    let slips = [
        panic_of(|| fake.clock().now()),
        panic_of(|| fake.advance(seconds(1))),
    ];
    for later in slips {
        let start = format!("{sentence}: a number: ParseIntError");
        assert!(later.starts_with(&start), "{later}");
    }
    let last = panic_of(|| drop(fake));
    assert!(last.contains(sentence), "{last}");
}
