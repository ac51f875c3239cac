//! Time: what moves the clock, how far, what happens on the way and in which order.

use chrono::{DateTime, Utc};
use fake_buildkite::{
    Agents, Clock, EventKind, Events, FakeBuildkite, JobState, agent, days, hours, millis, minutes,
    seconds,
};

use crate::story::{Story, instants_of};
use crate::support::{client, panic_of};

const TWO_IN_A_ROW: &str = "steps:
  - {command: make, key: one}
  - {wait: ~, key: then}
  - {command: make, key: two}";

const TWO_AT_ONCE: &str = "steps: [{command: make, key: a}, {command: make, key: b}]";

/// What happened, without the date.
fn lines(events: &Events) -> Vec<String> {
    let lines = events.iter().map(ToString::to_string);
    lines
        .map(|line| line.replace("2030-01-01T", "").replace(".000Z", ""))
        .collect()
}

fn at(seconds: i64) -> DateTime<Utc> {
    let epoch: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().expect("an instant");
    epoch + chrono::TimeDelta::seconds(seconds)
}

// --- Moving ----------------------------------------------------------------------------------------------------------

#[test]
fn the_clock_stands_still_until_it_is_moved() {
    let mut story = Story::of("C(0)");
    for _ in 0..3 {
        assert_eq!(story.jobs(), "scheduled");
    }
    assert_eq!(story.fake.clock().now(), at(0));
    assert_eq!(story.fake.clock().mode(), Clock::Manual);
}

#[test]
fn advance_makes_everything_happen_at_its_own_instant() {
    // Given a build of two jobs, one after the other
    let fake = FakeBuildkite::start();
    fake.pipeline("app").steps(TWO_IN_A_ROW).create_build();
    // When an hour passes at once
    let happened = fake.advance(hours(1));
    // Then everything happened when it would have, in order
    assert_eq!(
        lines(&happened),
        [
            "00:00:01 app#1 one scheduled -> assigned",
            "00:00:01 app#1 one assigned -> accepted",
            "00:00:01 app#1 one accepted -> running",
            "00:00:01 app#1 scheduled -> running",
            "00:00:11 app#1 one running -> passed",
            "00:00:11 app#1 then waiting -> passed",
            "00:00:11 app#1 two waiting -> scheduled",
            "00:00:12 app#1 two scheduled -> assigned",
            "00:00:12 app#1 two assigned -> accepted",
            "00:00:12 app#1 two accepted -> running",
            "00:00:22 app#1 two running -> passed",
            "00:00:22 app#1 running -> passed",
        ]
    );
    assert_eq!(fake.clock().now(), at(3_600));
    // And the fake remembers what came before as well
    let all = fake.events();
    assert_eq!(all.len(), happened.len() + 5);
    assert_eq!(all[5..], happened[..]);
}

#[test]
fn advance_in_pieces_is_the_same_as_at_once() {
    let run = |pieces: &[u64]| {
        let fake = FakeBuildkite::start();
        fake.pipeline("app").steps(TWO_IN_A_ROW).create_build();
        let happened = pieces.iter().flat_map(|piece| fake.advance(millis(*piece)));
        happened.map(|event| event.to_string()).collect::<Vec<_>>()
    };
    let at_once = run(&[60_000]);
    assert_eq!(run(&[1_000, 10_000, 1_000, 48_000]), at_once);
    assert_eq!(run(&[999, 1, 0, 9_999, 2, 49_999]), at_once);
    assert_eq!(run(&[100; 600]), at_once);
}

#[test]
fn what_is_due_now_happens_without_time_passing() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO_IN_A_ROW).create();
    app.on_job("one")
        .picked_up_after(seconds(0))
        .takes(seconds(0));
    app.on_job("two")
        .picked_up_after(seconds(0))
        .takes(seconds(0));
    let build = app.create_build();
    assert_eq!(build.job("one").state(), JobState::Scheduled);
    let happened = fake.advance(seconds(0));
    assert!(build.is_finished());
    assert!(happened.iter().all(|event| event.at == at(0)), "{happened}");
}

#[test]
fn advance_to_moves_to_an_instant_and_not_back() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create_build();
    let happened = fake.advance_to(at(11));
    assert_eq!(happened.last().expect("events").at, at(11));
    assert_eq!(fake.clock().now(), at(11));
    assert!(fake.advance_to(at(11)).is_empty(), "now is not the past");
    assert_eq!(
        panic_of(|| fake.advance_to(at(10))),
        "the clock stands at 2030-01-01T00:00:11.000Z and does not go back to 2030-01-01T00:00:10.000Z"
    );
    assert_eq!(fake.clock().now(), at(11));
}

#[test]
fn step_does_one_thing_even_when_more_is_due_at_that_instant() {
    use JobState::{Passed, Running, Scheduled};
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").steps(TWO_AT_ONCE).create_build();
    let states = || [build.job("a").state(), build.job("b").state()];
    assert_eq!(fake.step().len(), 4, "the build runs with its first job");
    assert_eq!(states(), [Running, Scheduled]);
    assert_eq!(fake.clock().now(), at(1));
    assert_eq!(fake.step().len(), 3);
    assert_eq!(states(), [Running, Running]);
    assert_eq!(fake.clock().now(), at(1));
    fake.step();
    assert_eq!(states(), [Passed, Running]);
    fake.step();
    assert_eq!(states(), [Passed, Passed]);
    assert_eq!(fake.clock().now(), at(11));
    // And nothing is left
    assert!(fake.step().is_empty());
    assert_eq!(fake.clock().now(), at(11));
}

#[test]
fn step_goes_on_past_a_job_that_no_agent_is_free_for() {
    // Given one agent and two jobs that want it
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("only")]))
        .start();
    let build = fake.pipeline("app").steps(TWO_AT_ONCE).create_build();
    // When the test goes on step by step, then each step shows something, to the end
    let mut steps = 0;
    while !fake.step().is_empty() {
        steps += 1;
    }
    assert!(build.is_finished());
    assert_eq!(
        steps, 3,
        "one starts, it ends and the other starts, that ends"
    );
    assert_eq!(fake.clock().now(), at(21));
}

#[test]
fn what_is_due_at_one_instant_happens_in_the_order_it_was_armed() {
    // Given jobs of two pipelines that start at one instant, and end at another
    let fake = FakeBuildkite::start();
    let site = fake.pipeline("site").steps(TWO_AT_ONCE).create();
    let docs = fake.pipeline("docs").steps(TWO_AT_ONCE).create();
    docs.create_build();
    site.create_build();
    docs.create_build();
    let happened = fake.advance(seconds(11));
    // Then they do so in the order of their builds, and of the steps in them
    let jobs_that = |what: &str| -> Vec<String> {
        let jobs = happened.iter().filter_map(|event| {
            let EventKind::Job { job, .. } = &event.kind else {
                return None;
            };
            Some((job.to_string(), event.to_string()))
        });
        let those = jobs.filter(|(_, line)| line.ends_with(what));
        those.map(|(job, _)| job).collect()
    };
    let order = [
        "docs#1 a", "docs#1 b", "site#1 a", "site#1 b", "docs#2 a", "docs#2 b",
    ];
    assert_eq!(jobs_that("accepted -> running"), order);
    assert_eq!(jobs_that("running -> passed"), order);
}

#[test]
fn run_until_idle_goes_on_until_only_others_can_act() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps:
              - {command: make, key: quick}
              - {command: make, key: hung}
              - {command: make, key: lonely}
              - {input: Which?, key: which}
              - wait
              - {block: Ship?, key: ship}
              - {command: make, key: behind}",
        )
        .create();
    app.on_job("hung").hangs();
    app.on_job("lonely").never_picked_up();
    app.create_build();
    fake.pipeline("docs").create_build();
    let idle = fake.run_until_idle();
    assert_eq!(fake.clock().now(), at(11));
    assert_eq!(idle.events.last().expect("events").at, at(11));
    // Then it says what is left, and not what merely waits for that
    let left: Vec<_> = idle.waiting_on.iter().map(ToString::to_string).collect();
    assert_eq!(
        left,
        [
            "app#1 hung is running: its command does not end by itself",
            "app#1 lonely is scheduled: no agent picks it up",
            "app#1 which is blocked: it waits for a person",
            "app#1 ship is blocked: it waits for a person",
        ]
    );
    assert_eq!(&*idle.waiting_on[0].job.name, "hung");
    // And there is no more to come
    let again = fake.run_until_idle();
    assert!(again.events.is_empty());
    assert_eq!(again.waiting_on, idle.waiting_on);
    assert_eq!(again.to_string().lines().count(), 4);
}

#[test]
fn a_world_without_builds_or_with_finished_ones_alone_is_idle() {
    let fake = FakeBuildkite::start();
    assert!(fake.run_until_idle().waiting_on.is_empty());
    fake.pipeline("app").create_build();
    assert!(fake.run_until_idle().waiting_on.is_empty());
    assert!(fake.run_until_idle().events.is_empty());
}

#[test]
fn without_agents_a_world_is_idle_and_says_so() {
    let fake = FakeBuildkite::builder().agents(Agents::none()).start();
    fake.pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create_build();
    let idle = fake.run_until_idle();
    assert!(idle.events.is_empty());
    assert_eq!(
        idle.to_string(),
        "app#1 test is scheduled: no agent picks it up\n"
    );
    assert_eq!(fake.clock().now(), at(0), "an expiry is no progress");
}

#[test]
fn a_command_that_hangs_is_not_left_alone_while_its_time_runs() {
    let mut story = Story::of("C(hangs,limit)");
    let idle = story.fake.run_until_idle();
    assert!(idle.waiting_on.is_empty(), "{idle}");
    assert_eq!(story.jobs(), "timed_out");
}

#[test]
fn run_until_stops_at_the_instant_its_condition_holds() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").steps(TWO_IN_A_ROW).create_build();
    let happened = fake.run_until(|_| build.job("one").state() == JobState::Passed);
    assert_eq!(fake.clock().now(), at(11));
    assert_eq!(happened.len(), 7);
    assert_eq!(build.job("two").state(), JobState::Scheduled);
    // What holds already moves nothing
    assert!(fake.run_until(|_| build.started_at().is_some()).is_empty());
    assert_eq!(fake.clock().now(), at(11));
    // And conditions may look at the fake itself
    fake.run_until(|fake| fake.clock().now() >= at(20));
    assert_eq!(fake.clock().now(), at(22));
}

#[test]
fn run_until_something_that_never_happens_says_what_is_left() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make}, {block: Ship?}]")
        .create();
    let build = app.create_build();
    assert_eq!(
        panic_of(|| fake.run_until(|_| build.is_finished())),
        "nothing is due any more and the condition does not hold. \
         The clock stands at 2030-01-01T00:00:11.000Z (Manual). Left:\n  \
         app#1 Ship? is blocked: it waits for a person"
    );
    build.pass();
    assert_eq!(
        panic_of(|| fake.run_until(|_| !build.is_finished())),
        "nothing is due any more and the condition does not hold. \
         The clock stands at 2030-01-01T00:00:11.000Z (Manual). Left:\n  \
         nothing: every build is finished"
    );
}

#[test]
fn a_journey_is_bounded_and_says_what_went_round() {
    // Given a fake that lets three things happen in one call
    let fake = FakeBuildkite::builder().event_limit(3).start();
    let build = fake.pipeline("app").steps(TWO_AT_ONCE).create_build();
    // When four are due, then the call stops there
    let expected = "the clock stopped at 2030-01-01T00:00:11.000Z after 3 due things in one call, its limit; \
         a longer journey needs `.event_limit(..)` on the builder. Due in the last stretch:";
    let message = panic_of(|| fake.advance(minutes(1)));
    assert!(message.starts_with(expected), "{message}");
    for what in ["a is picked up", "b is picked up", "a ends", "b ends"] {
        assert!(message.contains(&format!("\n  app#1 {what}")), "{message}");
    }
    // And the fake can go on from there
    assert!(!build.is_finished());
    fake.advance(minutes(1));
    assert!(build.is_finished());
    // Every way of moving is bounded
    let crowd = || fake.existing_pipeline("app").create_build();
    crowd();
    assert!(panic_of(|| fake.run_until_idle()).contains("its limit"));
    fake.run_until_idle();
    crowd();
    assert!(panic_of(|| fake.run_until(|_| false)).contains("its limit"));
    fake.run_until_idle();
    crowd();
    let then = fake.clock().now() + chrono::TimeDelta::minutes(1);
    assert!(panic_of(|| fake.advance_to(then)).contains("its limit"));
}

// --- Modes -----------------------------------------------------------------------------------------------------------

#[test]
fn per_request_moves_the_clock_after_each_answer() {
    let fake = FakeBuildkite::builder()
        .allow_unknown_routes()
        .clock(Clock::PerRequest(seconds(6)))
        .start();
    fake.pipeline("app").steps(TWO_IN_A_ROW).create();
    let client = client(&fake);
    // The answer shows the instant before the move
    let created = client.create_build("app");
    assert_eq!(created["created_at"].str(), "2030-01-01T00:00:00.000Z");
    assert_eq!(fake.clock().now(), at(6));
    let states: Vec<_> = (0..4)
        .map(|_| client.build("app", 1)["state"].str().to_owned())
        .collect();
    assert_eq!(states, ["running", "running", "running", "passed"]);
    // Every request counts, also one that is refused
    let date = |path: &str| {
        let answer = client.without_token().get(path);
        assert_eq!(answer.status, 401);
        answer.header("date").expect("a date").to_owned()
    };
    assert_eq!(date("/user"), "Tue, 01 Jan 2030 00:00:30 GMT");
    assert_eq!(date("/user"), "Tue, 01 Jan 2030 00:00:36 GMT");
    assert_eq!(client.get("/nowhere").status, 404);
    assert_eq!(fake.clock().now(), at(48));
    // And the test can still move it
    fake.advance(seconds(2));
    assert_eq!(fake.clock().now(), at(50));
}

#[test]
fn a_request_that_moves_the_clock_too_far_fails_loudly() {
    let fake = FakeBuildkite::builder()
        .clock(Clock::PerRequest(minutes(1)))
        .event_limit(3)
        .start();
    fake.pipeline("app").steps(TWO_AT_ONCE).create_build();
    let message = client(&fake).get("/user").message(500);
    assert!(message.contains("its limit"), "{message}");
    let report = fake.verify().expect_err("something went wrong inside");
    assert_eq!(report.problems.len(), 1, "{report}");
    assert!(
        report.problems[0].starts_with("inside the fake: the clock stopped at "),
        "{report}"
    );
}

#[test]
fn step_per_poll_shows_something_new_at_each_poll() {
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    fake.pipeline("app").steps(TWO_IN_A_ROW).create();
    let client = client(&fake);
    client.create_build("app");
    assert_eq!(fake.clock().now(), at(0), "making a build is no poll");
    // Each answer shows the state before the move
    let mut polls = Vec::new();
    for _ in 0..6 {
        let build = client.build("app", 1);
        let jobs = [&build["jobs"][0], &build["jobs"][2]].map(|job| job["state"].str());
        polls.push(format!("{}: {}", build["state"].str(), jobs.join(" ")));
    }
    assert_eq!(
        polls,
        [
            "scheduled: scheduled waiting",
            "running: running waiting",
            "running: passed scheduled",
            "running: passed running",
            "passed: passed passed",
            "passed: passed passed",
        ]
    );
    assert_eq!(fake.clock().now(), at(22));
}

#[test]
fn lists_that_show_an_unfinished_build_are_polls() {
    for list in [
        "/organizations/acme/pipelines/app/builds",
        "/organizations/acme/builds",
        "/builds",
    ] {
        let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
        fake.pipeline("app").create_build();
        let client = client(&fake);
        let state = |query: &str| {
            let shown = client.get(&format!("{list}{query}")).expect(200);
            let first = shown.items().first();
            first.map(|build| build["state"].str().to_owned())
        };
        // A page that does not show it is none
        assert_eq!(state("?state=passed"), None);
        assert_eq!(state("?page=2"), None);
        assert_eq!(fake.clock().now(), at(0), "{list}");
        assert_eq!(state("").as_deref(), Some("scheduled"), "{list}");
        assert_eq!(state("").as_deref(), Some("running"), "{list}");
        assert_eq!(state("").as_deref(), Some("passed"), "{list}");
        assert_eq!(fake.clock().now(), at(11), "{list}");
    }
}

#[test]
fn only_a_look_at_an_unfinished_build_is_a_poll() {
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}, {block: Ship?, key: ship}, {command: make}]")
        .create();
    let client = client(&fake);
    // Given one finished build, one blocked build and one that is scheduled
    let finished = app.create_build();
    finished.pass();
    let blocked = app.create_build();
    blocked.job("test").pass();
    app.create_build();
    // Then looking at what cannot move moves nothing
    client.build("app", 1);
    client.build("app", 2);
    for path in [
        "/user",
        "/organizations/acme/pipelines",
        "/organizations/acme/pipelines/app",
        "/organizations/acme/pipelines/app/builds?state=blocked",
        "/organizations/acme/pipelines/app/builds?state=finished",
    ] {
        client.get(path).expect(200);
    }
    assert_eq!(fake.clock().now(), at(0));
    // And acting is no look
    let id = blocked.job("ship").id();
    let path = format!("/organizations/acme/jobs/{id}/unblock");
    client.put(&path).expect(200);
    client.create_build("app");
    assert_eq!(fake.clock().now(), at(0));
    // But looking at what can does
    client.build("app", 3);
    assert_eq!(fake.clock().now(), at(1));
}

#[test]
fn a_poll_for_what_only_a_person_moves_moves_nothing() {
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let app = fake.pipeline("app").steps(TWO_AT_ONCE).create();
    app.on_job("a").hangs();
    app.on_job("b").never_picked_up();
    app.create_build();
    let client = client(&fake);
    for _ in 0..5 {
        client.build("app", 1);
    }
    assert_eq!(fake.clock().now(), at(1));
}

#[test]
fn the_clock_is_what_every_answer_shows() {
    let fake = FakeBuildkite::builder()
        .starting_at("2026-01-05T09:00:00.250+01:00")
        .start();
    fake.pipeline("app").create();
    fake.advance(hours(1));
    let client = client(&fake);
    let answer = client.get("/organizations/acme");
    assert_eq!(answer.header("date"), Some("Mon, 05 Jan 2026 09:00:00 GMT"));
    let organization = answer.expect(200);
    assert_eq!(organization["created_at"].str(), "2026-01-05T08:00:00.250Z");
    let build = client.create_build("app");
    assert_eq!(build["created_at"].str(), "2026-01-05T09:00:00.250Z");
}

// --- Limits ----------------------------------------------------------------------------------------------------------

#[test]
fn a_command_that_takes_exactly_as_long_as_it_may_has_made_it() {
    let take = |millis: u64| {
        let mut story = Story::told(
            "steps: [{command: make, key: test, timeout_in_minutes: 1}]",
            |app| {
                app.on_job("test").takes(fake_buildkite::millis(millis));
            },
        );
        story.run();
        story.jobs()
    };
    assert_eq!(take(60_000), "passed");
    assert_eq!(take(60_001), "timed_out");
}

#[test]
fn the_limit_counts_from_the_start_of_the_job() {
    let mut story = Story::told(
        "steps: [{command: make, key: test, timeout_in_minutes: 2}]",
        |app| {
            app.on_job("test").picked_up_after(minutes(30)).hangs();
        },
    );
    story.fake.advance(minutes(32).saturating_sub(seconds(1)));
    assert_eq!(story.jobs(), "running");
    story.fake.advance(seconds(1));
    assert_eq!(story.jobs(), "timing_out");
    story.run();
    let job = story.job("test");
    let instants = instants_of(&job, &["started_at", "finished_at"], &job["created_at"]);
    assert_eq!(instants, "started 1800, finished 1930");
}

#[test]
fn how_a_stopped_command_ends_decides_what_its_job_was() {
    let end = |exit_status: i32| {
        let mut story = Story::of("C(hangs,limit)");
        story.fake.advance(seconds(61));
        assert_eq!(story.jobs(), "timing_out");
        story.fake.advance(seconds(3));
        story.build.job("s1").finish(exit_status);
        story.fake.advance(hours(1));
        assert_eq!(
            story.job("s1")["exit_status"].number(),
            i64::from(exit_status)
        );
        (story.jobs(), story.instants())
    };
    let at_64 = "started 1, finished 64".to_owned();
    // It ended by itself just then
    assert_eq!(end(0), ("passed".to_owned(), at_64.clone()));
    assert_eq!(end(143), ("timed_out".to_owned(), at_64));
}

#[test]
fn a_canceled_command_has_ten_seconds_as_well() {
    let mut story = Story::of("C(0,slow)");
    story.fake.advance(seconds(5));
    story.put("cancel").expect(200);
    story.fake.advance(seconds(10).saturating_sub(millis(1)));
    assert_eq!(story.jobs(), "canceling");
    story.fake.advance(millis(1));
    assert_eq!(story.jobs(), "canceled");
    assert_eq!(story.instants(), "started 1, finished 15");
    // And the end it would have had does not come
    assert!(story.fake.advance(hours(1)).is_empty());
}

#[test]
fn pipelines_limit_steps_that_do_not_and_cap_those_that_do() {
    let check = |step: &str, pipeline: &str, expected: Option<i64>| {
        let fake = FakeBuildkite::start();
        let client = client(&fake);
        let body = format!(
            r#"{{"name":"App","repository":"git@example.com:a/b.git",
                "configuration":"steps: [{{command: make, key: test{step}}}, {{block: Ship?}}]"{pipeline}}}"#
        );
        let path = "/organizations/acme/pipelines";
        client.post(path, &body).expect(201);
        let app = fake.existing_pipeline("app");
        app.on_job("test").hangs();
        client.create_build("app");
        fake.advance(days(1));
        let build = client.build("app", 1);
        let job = &build["jobs"][0];
        let took = (!job["finished_at"].is_null())
            .then(|| instants_of(job, &["finished_at"], &job["started_at"]));
        let expected = expected.map(|minutes| format!("finished {}", minutes * 60 + 10));
        assert_eq!(took, expected, "{step} {pipeline}");
    };
    let default = r#","default_command_step_timeout":3"#;
    let maximum = r#","maximum_command_step_timeout":5"#;
    let both = r#","default_command_step_timeout":9,"maximum_command_step_timeout":5"#;
    check("", "", None);
    check(", timeout_in_minutes: 2", "", Some(2));
    check("", default, Some(3));
    check(", timeout_in_minutes: 2", default, Some(2));
    check(", timeout_in_minutes: 7", default, Some(7));
    check("", maximum, Some(5));
    check(", timeout_in_minutes: 2", maximum, Some(2));
    check(", timeout_in_minutes: 7", maximum, Some(5));
    check("", both, Some(5));
    check(", timeout_in_minutes: 2", both, Some(2));
}

#[test]
fn block_steps_have_all_the_time_there_is() {
    let mut story = Story::of("B C(0)");
    assert!(story.fake.advance(days(400)).is_empty());
    assert_eq!(story.jobs(), "blocked waiting");
}

#[test]
fn jobs_expire_thirty_days_after_they_were_created_however_long_they_waited() {
    let unblock_after = |wait: u64| {
        let mut story = Story::told(
            "steps: [{block: Ship?, key: ship}, {command: make, key: make}]",
            |app| {
                app.on_job("make").never_picked_up();
            },
        );
        story.fake.advance(days(wait));
        story.put_job("ship", "unblock").expect(200);
        assert_eq!(story.jobs(), "unblocked scheduled");
        let idle = story.fake.run_until_idle();
        assert!(idle.events.is_empty(), "an expiry is no progress");
        story.fake.advance(days(100));
        let job = story.job("make");
        assert_eq!(job["state"].str(), "expired");
        instants_of(&job, &["runnable_at", "expired_at"], &job["created_at"])
    };
    let day = 86_400;
    let expected = |runnable: i64, expired: i64| {
        format!("runnable {}, expired {}", runnable * day, expired * day)
    };
    assert_eq!(unblock_after(1), expected(1, 30));
    assert_eq!(unblock_after(29), expected(29, 30));
    // Chosen by the rule: it was too late before it could run
    assert_eq!(unblock_after(31), expected(31, 31));
}

#[test]
fn an_expired_job_stops_what_comes_after_it() {
    let mut story = Story::without_agents("C(0) W C(0)");
    story.fake.advance(days(31));
    story.check(
        "expired waiting_failed waiting_failed",
        "scheduled failed",
        "finished 2592000",
    );
}

// --- Scripts ---------------------------------------------------------------------------------------------------------

#[test]
fn a_log_is_written_while_its_command_runs() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test")
        .takes(seconds(8))
        .logs("a\nb\n")
        .logs("c\nd");
    let build = app.create_build();
    let log = |seconds: i64| {
        fake.advance_to(at(seconds));
        build.job("test").log()
    };
    assert_eq!(log(0), "");
    assert_eq!(log(1), "a\n");
    assert_eq!(log(2), "a\n");
    assert_eq!(log(3), "a\nb\n");
    build.job("test").append_log("by hand\n");
    assert_eq!(build.job("test").log(), "a\nb\nby hand\n");
    assert_eq!(log(6), "a\nb\nby hand\nc\n");
    assert_eq!(log(9), "a\nb\nby hand\nc\nd");
    assert_eq!(build.job("test").state(), JobState::Passed);
    assert_eq!(log(3_600), "a\nb\nby hand\nc\nd");
}

#[test]
fn the_log_of_a_command_that_is_stopped_ends_there() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes(minutes(4)).logs("a\nb\nc\nd\n");
    let build = app.create_build();
    fake.advance(seconds(62));
    build.job("test").cancel();
    fake.advance(hours(1));
    assert_eq!(build.job("test").log(), "a\nb\n");
}

#[test]
fn durations_between_two_are_drawn_from_the_seed() {
    let draw = |seed: u64| -> Vec<i64> {
        let fake = FakeBuildkite::builder().seed(seed).start();
        let app = fake.pipeline("app").steps(TWO_AT_ONCE).create();
        app.on_job("a").takes_between(minutes(2), minutes(4));
        app.on_job("b").takes_between(seconds(5), seconds(5));
        let builds: Vec<_> = (0..20).map(|_| app.create_build()).collect();
        fake.run_until_idle();
        let took = |build: &fake_buildkite::BuildHandle, key: &str| {
            let job = build.job(key);
            let (from, to) = (
                job.started_at().expect("started"),
                job.finished_at().expect("over"),
            );
            (to - from).num_milliseconds()
        };
        assert!(builds.iter().all(|build| took(build, "b") == 5_000));
        builds.iter().map(|build| took(build, "a")).collect()
    };
    let drawn = draw(7);
    assert!(
        drawn.iter().all(|took| (120_000..=240_000).contains(took)),
        "{drawn:?}"
    );
    assert!(drawn.iter().any(|took| *took != drawn[0]), "{drawn:?}");
    assert_eq!(draw(7), drawn);
    assert_ne!(draw(8), drawn);
}

#[test]
fn a_range_upside_down_is_a_slip() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let message = panic_of(|| app.on_job("true").takes_between(minutes(2), minutes(1)));
    assert_eq!(
        message,
        "a command cannot take between 120s and 60s: the shorter time comes first"
    );
}

#[test]
fn a_script_may_change_its_mind_until_its_job_starts() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps(TWO_IN_A_ROW).create();
    let build = app.create_build();
    // Told before it starts, it counts
    app.on_job("one").takes(seconds(3)).exits(0);
    fake.advance(seconds(4));
    assert_eq!(build.job("one").state(), JobState::Passed);
    // Told while it runs, it does not
    fake.advance(seconds(1));
    assert_eq!(build.job("two").state(), JobState::Running);
    app.on_job("two").exits(1);
    fake.run_until_idle();
    assert_eq!(build.job("two").state(), JobState::Passed);
}
