//! A clock that goes by real time, faster or slower.

use chrono::{DateTime, TimeDelta, Utc};
use fake_buildkite::{Agents, Clock, FakeBuildkite, JobState, agent, hours, minutes, seconds};

use crate::support::{client, panic_of};

fn wall(speed: f64) -> FakeBuildkite {
    FakeBuildkite::builder()
        .clock(Clock::Wall { speed })
        .start()
}

fn at(seconds: i64) -> DateTime<Utc> {
    let epoch: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().expect("an instant");
    epoch + TimeDelta::seconds(seconds)
}

#[test]
fn what_is_due_happens_by_itself_and_at_its_own_instant() {
    // Given a clock on which a day passes in a tenth of a second
    let fake = wall(864_000.0);
    let app = fake.pipeline("app").create();
    app.on_job("*").takes(hours(8));
    // When nobody asks for anything
    let build = app.create_build();
    fake.wait_for(&build, |build| build.is_finished())
        .blocking();
    // Then it happens all the same, as far apart as it should
    let created = build.created_at();
    assert_eq!(build.started_at(), Some(created + TimeDelta::seconds(1)));
    let ended = created + TimeDelta::seconds(1) + TimeDelta::hours(8);
    assert_eq!(build.finished_at(), Some(ended));
    assert!(fake.clock().now() >= ended);
    // And again, when something is armed anew
    let next = app.create_build();
    assert!(next.created_at() >= ended);
    fake.wait_for(&next, |build| build.is_finished()).blocking();
}

#[test]
fn whoever_asks_is_shown_the_clock_of_that_moment() {
    let fake = wall(3_600_000.0);
    fake.pipeline("app").create();
    let client = client(&fake);
    let created = client.create_build("app");
    let created: DateTime<Utc> = created["created_at"].str().parse().expect("an instant");
    let mut last = created;
    loop {
        let now = fake.clock().now();
        assert!(now >= last, "it does not go back");
        last = now;
        let build = client.build("app", 1);
        if build["state"].str() == "passed" {
            let finished: DateTime<Utc> = build["finished_at"].str().parse().expect("an instant");
            assert_eq!(finished - created, TimeDelta::seconds(11));
            break;
        }
    }
}

#[test]
fn a_slow_clock_hardly_moves() {
    let fake = wall(1e-9);
    let build = fake.pipeline("app").create_build();
    for _ in 0..3 {
        client(&fake).get("/user").expect(200);
    }
    assert!(fake.clock().now() < at(1));
    assert_eq!(build.all_jobs()[0].state(), JobState::Scheduled);
    // Hands move what they take
    build.pass();
    assert!(build.is_finished());
}

#[test]
fn the_fastest_clock_there_is_stops_at_the_end_of_the_calendar() {
    let fake = wall(1e300);
    let app = fake.pipeline("app").create();
    let build = app.create_build();
    fake.wait_for(&build, |build| build.is_finished() || build.is_blocked())
        .blocking();
    assert!(fake.clock().now() <= DateTime::<Utc>::MAX_UTC);
}

#[test]
fn no_test_moves_a_clock_that_real_time_moves() {
    let fake = wall(60.0);
    let expected = "no test moves the clock while it is Wall { speed: 60 }: real time moves it, 60 times as fast; wait \
         with `fake.wait_for(..)`";
    assert_eq!(panic_of(|| fake.advance(seconds(1))), expected);
    assert_eq!(panic_of(|| fake.advance_to(at(0))), expected);
    assert_eq!(panic_of(|| fake.step()), expected);
    assert_eq!(panic_of(|| fake.run_until_idle()), expected);
    assert_eq!(panic_of(|| fake.run_until(|_| true)), expected);
    assert_eq!(fake.clock().mode(), Clock::Wall { speed: 60.0 });
}

#[test]
fn a_speed_is_finite_and_forward() {
    for (speed, shown) in [
        (0.0, "0"),
        (-1.0, "-1"),
        (f64::INFINITY, "inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(
            panic_of(|| FakeBuildkite::builder().clock(Clock::Wall { speed })),
            format!(
                "a clock cannot go {shown} times as fast as real time: the speed is finite, and more than nothing"
            )
        );
    }
}

#[test]
fn the_pause_of_an_agent_ends_by_itself_and_at_its_own_instant() {
    // Given a clock on which an hour passes in a twentieth of a second, and an agent that is paused for two
    let fake = FakeBuildkite::builder()
        .clock(Clock::Wall { speed: 72_000.0 })
        .agents(Agents::fleet([agent("worker")]))
        .start();
    let worker = fake.agent("worker");
    worker.pause_for(minutes(120));
    let until = worker.paused_until().expect("an end");
    let build = fake.pipeline("app").create_build();
    // When nobody asks for anything
    fake.wait_for(&worker, |worker| !worker.is_paused())
        .blocking();
    // Then it is over when it was to be, and the agent takes what has waited
    fake.wait_for(&build, |build| build.is_finished())
        .blocking();
    assert_eq!(build.started_at(), Some(until));
    // And a pause that somebody ends does not come back
    worker.pause();
    worker.resume();
    let next = fake.existing_pipeline("app").create_build();
    fake.wait_for(&next, |build| build.is_finished()).blocking();
    assert!(!worker.is_paused());
}
