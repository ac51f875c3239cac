//! Random walks around a program under test, and tests held to be repeatable.

use std::cell::Cell;
use std::sync::Arc;

use fake_buildkite::{
    Agents, BuildHandle, BuildState, Explore, FakeBuildkite, JobState, WebhookEvent,
    assert_repeatable, explore, minutes,
};
use parking_lot::Mutex;

use crate::receiver::Receiver;
use crate::support::{client, panic_of};

/// A merge queue with a defect: it looks at the state alone, and so takes a blocked build for one that passed.
fn would_merge(build: &BuildHandle) -> bool {
    build.state() == BuildState::Passed
}

/// Walks around that queue, whose invariant is that nothing is merged before `ship` has run.
fn walk_around_the_queue(explore: Explore) {
    explore.run(|walk| {
        let steps =
            "steps: [{command: test, key: test}, {block: Ship?}, {command: ship, key: ship}]";
        let build = walk.fake().pipeline("app").steps(steps).create_build();
        while walk.step() {
            assert!(
                !would_merge(&build) || build.job("ship").state() == JobState::Passed,
                "merged too early"
            );
        }
    });
}

#[test]
fn a_planted_defect_is_found_made_short_and_can_be_replayed() {
    let said = panic_of(|| walk_around_the_queue(Explore::new(7)));
    // It takes two events: the command starts and passes
    let lines: Vec<_> = said.lines().collect();
    assert!(
        lines[0].starts_with("walk ")
            && lines[0].ends_with(" of seed 7 does not end well: merged too early"),
        "{said}"
    );
    let count: usize = lines[1]
        .strip_prefix("after ")
        .and_then(|rest| rest.strip_suffix(" events:"))
        .expect("a count")
        .parse()
        .expect("a number");
    assert!(count <= 3, "{said}");
    assert_eq!(lines.len(), 2 + count + 1, "{said}");
    let replay = lines.last().expect("a line");
    assert!(
        replay.starts_with("to see it again: FAKE_BUILDKITE_REPLAY="),
        "{said}"
    );
    assert!(
        replay.ends_with(
            " cargo test explore::a_planted_defect_is_found_made_short_and_can_be_replayed"
        ),
        "{said}"
    );
    // The same seed finds the same
    assert_eq!(panic_of(|| walk_around_the_queue(Explore::new(7))), said);
}

#[test]
fn a_walk_is_made_of_legal_events_and_ends_when_nothing_can_happen() {
    let (walks, longest, over) = (Cell::new(0), Cell::new(0), Cell::new(0));
    Explore::new(1).walks(30).events(25).run(|walk| {
        let build = walk
            .fake()
            .pipeline("app")
            .steps("steps: [{command: make}]")
            .create_build();
        while walk.step() {}
        walks.set(walks.get() + 1);
        longest.set(longest.get().max(walk.events().len()));
        over.set(over.get() + usize::from(build.is_finished()));
    });
    assert_eq!(walks.get(), 30);
    assert!(longest.get() > 2 && longest.get() <= 25, "{longest:?}");
    assert!(over.get() > 10, "{over:?} builds ended");
}

#[test]
fn the_seed_matters_and_the_number_of_walks_changes_none_of_them() {
    let log = |seed: u64, walks: usize| {
        let log = Cell::new(Vec::new());
        Explore::new(seed).walks(walks).run(|walk| {
            walk.fake()
                .pipeline("app")
                .steps("steps: [{command: a}, {command: b}]")
                .create_build();
            while walk.step() {}
            let mut all = log.take();
            all.push(walk.events().join("; "));
            log.set(all);
        });
        log.into_inner()
    };
    let (five, ten) = (log(3, 5), log(3, 10));
    assert_eq!(five[..], ten[..5]);
    assert_ne!(five, log(4, 5));
    assert!(ten.iter().any(|walk| walk != &ten[0]), "walks differ");
}

#[test]
fn a_walk_can_begin_in_any_fake() {
    let events = Cell::new(0);
    Explore::new(2)
        .walks(3)
        .starting(|| FakeBuildkite::builder().agents(Agents::none()).start())
        .run(|walk| {
            walk.fake().pipeline("app").create_build();
            while walk.step() {}
            events.set(events.get() + walk.events().len());
            assert!(
                !walk
                    .events()
                    .iter()
                    .any(|event| event.starts_with("time passes")),
                "{:?}",
                walk.events()
            );
        });
    assert!(events.get() > 0);
}

#[test]
fn walks_that_end_well_say_nothing() {
    explore(5, |walk| {
        let build = walk.fake().pipeline("app").create_build();
        while walk.step() {
            assert!(build.finished_at().is_none() || build.is_finished());
        }
    });
}

#[test]
fn a_test_is_repeatable_or_is_told_where_it_is_not() {
    assert_repeatable(|fake| {
        let app = fake.pipeline("app").create();
        app.on_job("*").takes_between(minutes(1), minutes(5));
        app.create_build();
        fake.run_until_idle();
    });
    let runs = Cell::new(0);
    let said = panic_of(|| {
        assert_repeatable(|fake| {
            runs.set(runs.get() + 1);
            let branch = format!("b{}", runs.get());
            let app = fake.pipeline(branch).create();
            app.create_build();
        });
    });
    assert_eq!(
        said,
        "the two runs differ in line 1:\n  first:  2030-01-01T00:00:00.000Z b1#1 created as creating\n  second: \
         2030-01-01T00:00:00.000Z b2#1 created as creating"
    );
    let said = panic_of(|| {
        assert_repeatable(|fake| {
            runs.set(runs.get() + 1);
            if runs.get() % 2 == 0 {
                fake.pipeline("app").create_build();
            }
        });
    });
    assert_eq!(said, "one run ends after 0 lines, the other goes on to 3");
}

#[test]
fn what_a_fake_finds_at_the_end_of_a_walk_fails_that_walk_and_hides_no_other_failure() {
    let walks = || Explore::new(1).walks(3).events(4);
    let said = panic_of(|| {
        walks().run(|walk| {
            client(walk.fake()).get("/nowhere");
        });
    });
    assert!(
        said.starts_with("walk 0 of seed 1 does not end well: the fake was not used as it should be:\n  GET /v2/nowhere is no route"),
        "{said}"
    );
    assert!(said.contains("FAKE_BUILDKITE_REPLAY="), "{said}");
    let said = panic_of(|| {
        walks().run(|walk| {
            client(walk.fake()).get("/nowhere");
            panic!("the body's own words");
        });
    });
    assert!(
        said.starts_with("walk 0 of seed 1 does not end well: the body's own words\n"),
        "{said}"
    );
}

#[test]
fn a_failure_that_does_not_come_again_is_called_one() {
    let count = Cell::new(0);
    let said = panic_of(|| {
        Explore::new(7).walks(5).run(|walk| {
            walk.fake().pipeline("app").create_build();
            walk.step();
            count.set(count.get() + 1);
            assert_ne!(count.get(), 3, "once and never again");
        });
    });
    assert!(said.contains("does not end well"), "{said}");
    assert!(said.contains("\nafter 1 event:\n"), "{said}");
    assert!(said.contains("\nwalked again it ends well: "), "{said}");
}

#[test]
fn a_walk_waits_for_receivers_and_can_be_made_again() {
    // Given a bot that builds again whatever failed
    let once = || {
        let walks = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&walks);
        Explore::new(3).walks(10).run(move |walk| {
            let api = client(walk.fake());
            let bot = Receiver::answering(move |told| {
                let build = &told.json()["build"];
                if build["state"].str() == "failed" {
                    let number = build["number"].number();
                    let path = format!("/organizations/acme/pipelines/app/builds/{number}/rebuild");
                    assert_eq!(api.put(&path).status, 200);
                }
                200
            });
            let webhook = walk.fake().webhook(&bot.url);
            webhook.events([WebhookEvent::BuildFinished]).create();
            let app = walk.fake().pipeline("app");
            app.steps("steps: [{command: a, key: a}, {command: b, key: b}]")
                .create_build();
            while walk.step() {}
            seen.lock().push(walk.fake().events().to_string());
        });
        walks.lock().clone()
    };
    // When the same walks are made twice, Then the same happens
    assert_eq!(once(), once());
}
