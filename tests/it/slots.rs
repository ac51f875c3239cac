//! What schedules do as time passes: builds at exactly their slots, in order, and what becomes of one that makes none.

use chrono::{DateTime, Utc};
use fake_buildkite::{
    Agents, BuildSource, BuildState, Clock, EventKind, FakeBuildkite, JobState, ScheduleHandle,
    days, hours, minutes, seconds,
};

use crate::pipelines::start;
use crate::schedules::{SCHEDULES, create, path_of};
use crate::support::{Client, client, panic_of, world};

const BUILDS: &str = "/organizations/acme/pipelines/app/builds";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// The events of schedules, a line each.
fn told(events: &[fake_buildkite::Event]) -> Vec<String> {
    let of_schedules = events.iter().filter(|event| event.schedule().is_some());
    of_schedules.map(ToString::to_string).collect()
}

#[track_caller]
fn next_build_at(client: &Client, path: &str) -> Option<String> {
    let next = client.get(path).expect(200)["next_build_at"].clone();
    (!next.is_null()).then(|| next.str().to_owned())
}

// --- Firing ----------------------------------------------------------------------------------------------------------

#[test]
fn a_slot_makes_a_build_at_its_own_instant() {
    // Given a schedule that says everything
    let (fake, client) = start();
    fake.pipeline("app")
        .steps("steps: [{command: make, key: make}]")
        .create();
    let body = r#"{"cronline":"30 2 * * *","label":"Nightly","message":"Build it","commit":"abc","branch":"release",
        "env":{"B":"1","A":"2"}}"#;
    let schedule = create(&client, body);
    // When the clock passes its slot by far
    let happened = fake.advance(hours(12));
    // Then the build is of that instant and of that schedule
    let build = client.build("app", 1);
    for (field, expected) in [
        ("created_at", "2030-01-01T02:30:00.000Z"),
        ("scheduled_at", "2030-01-01T02:30:00.000Z"),
        ("started_at", "2030-01-01T02:30:01.000Z"),
        ("source", "schedule"),
        ("message", "Build it"),
        ("commit", "abc"),
        ("branch", "release"),
        ("state", "passed"),
    ] {
        assert_eq!(build[field].str(), expected, "{field}");
    }
    assert_eq!(build["env"].keys(), ["B", "A"]);
    assert_eq!(build["creator"], schedule["created_by"]);
    assert!(build["author"].is_null());
    // And the slot is told before what it led to.
    let slot = "2030-01-01T02:30:00.000Z app schedule Nightly -> app#1";
    assert_eq!(happened[0].to_string(), slot);
    assert_eq!(
        happened[1].to_string(),
        "2030-01-01T02:30:00.000Z app#1 created as creating"
    );
    let EventKind::ScheduleFired {
        schedule: of,
        build,
    } = &happened[0].kind
    else {
        panic!("{happened}")
    };
    assert_eq!(of.id.to_string(), schedule["id"].str());
    assert_eq!(happened[0].build(), Some(build));
    assert_eq!(told(&happened).len(), 1);
}

#[test]
fn a_build_is_called_as_the_schedule_says_or_is_called_itself() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let message = |schedule: ScheduleHandle| schedule.fire_now().expect("a build").message();
    let both = app.schedule("@daily").label("Nightly").message("Build it");
    assert_eq!(message(both.create()).as_deref(), Some("Build it"));
    let labeled = app.schedule("@daily").label("Nightly").create();
    assert_eq!(message(labeled).as_deref(), Some("Nightly"));
    assert_eq!(message(app.schedule("@daily").create()), None);
}

#[test]
fn a_month_of_mixed_schedules_fires_in_order_and_each_slot_once() {
    // Given schedules of two pipelines, and builds that take their time
    let fake = FakeBuildkite::builder()
        .starting_at("2026-10-01T00:00:00Z")
        .start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: make}]")
        .create();
    app.on_job("make").takes(minutes(50));
    let docs = fake.pipeline("docs").create();
    let schedules = [
        app.schedule("@hourly").create(),
        app.schedule("0 9 * * 1-5 Europe/Berlin").create(),
        docs.schedule("15,45 */6 * * *").create(),
        docs.schedule("0 0 -2-L * * +09:00").create(),
        docs.schedule("0 12 * * 0%2").create(),
        app.schedule("@monthly").create(),
        app.schedule("@yearly").create(),
    ];
    // When a month passes, in which somebody makes a build by hand, too
    let start = fake.clock().now();
    let end = at("2026-11-01T00:00:00Z");
    let slots: Vec<Vec<_>> = schedules
        .iter()
        .map(|schedule| {
            let slots = schedule.next_slots(1_000).into_iter();
            slots.take_while(|at| *at <= end).collect()
        })
        .collect();
    app.create_build();
    let happened = fake.advance_to(end);
    // Then every schedule made one build for each of its slots, at that instant
    let counts: Vec<_> = slots.iter().map(Vec::len).collect();
    assert_eq!(counts, [31 * 24, 22, 248, 2, 2, 1, 0]);
    for (schedule, slots) in schedules.iter().zip(&slots) {
        let made: Vec<_> = schedule
            .builds()
            .iter()
            .map(|build| build.created_at())
            .collect();
        assert_eq!(made, *slots, "{schedule:?}");
        assert!(
            schedule
                .builds()
                .iter()
                .all(|build| build.source() == BuildSource::Schedule)
        );
        let next = schedule.next_build_at().expect("enabled");
        assert!(next > end);
        assert_eq!(schedule.next_slots(1), [next]);
    }
    // And events are in the order of time, whoever they happen to
    assert!(happened.is_sorted_by_key(|event| event.at));
    let fired = told(&happened);
    assert_eq!(fired.len(), counts.iter().sum::<usize>());
    let is_other = |event: &&fake_buildkite::Event| event.schedule().is_none();
    assert!(happened.iter().filter(is_other).count() > fired.len());
    // And clients see the same, numbered in that order.
    let client = client(&fake);
    let mut last = start;
    for number in 2..=app.builds().len() {
        let build = client.build("app", number as u64);
        let due = at(build["scheduled_at"].str());
        assert_eq!(build["scheduled_at"], build["created_at"]);
        assert!(due >= last);
        last = due;
    }
}

#[test]
fn slots_of_one_instant_fire_in_the_order_in_which_they_were_armed() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    for label in ["a", "b", "c"] {
        app.schedule("0 0 * * *").label(label).create();
    }
    app.schedules()[0].disable();
    app.schedules()[0].enable();
    let happened = fake.advance(days(2));
    let order: Vec<_> = happened
        .iter()
        .filter_map(|event| Some(event.schedule()?.name.to_string()))
        .collect();
    assert_eq!(order, ["b", "c", "a", "b", "c", "a"]);
}

#[test]
fn a_slot_at_the_instant_a_schedule_is_made_or_enabled_is_not_for_it() {
    let (fake, client) = start();
    fake.pipeline("app").create();
    let path = path_of(&create(&client, r#"{"cronline":"@hourly"}"#));
    let next = || next_build_at(&client, &path).expect("enabled");
    assert_eq!(next(), "2030-01-01T01:00:00.000Z");
    // After each run the next is strictly after it
    fake.advance(hours(1));
    assert_eq!(next(), "2030-01-01T02:00:00.000Z");
    // Another line, switched off, switched on
    client
        .patch(&path, r#"{"cronline":"*/20 * * * *"}"#)
        .expect(200);
    assert_eq!(next(), "2030-01-01T01:20:00.000Z");
    client.patch(&path, r#"{"enabled":false}"#).expect(200);
    assert_eq!(next_build_at(&client, &path), None);
    fake.advance(hours(1));
    client.patch(&path, r#"{"enabled":true}"#).expect(200);
    assert_eq!(next(), "2030-01-01T02:20:00.000Z");
    assert_eq!(fake.existing_pipeline("app").builds().len(), 1);
}

#[test]
fn local_times_stay_local_when_clocks_are_changed() {
    // Given a schedule of half past two in the morning, and one of nine, where clocks are changed twice a year
    let fake = FakeBuildkite::builder()
        .starting_at("2026-03-28T12:00:00Z")
        .start();
    let app = fake.pipeline("app").create();
    let night = app.schedule("30 2 * * * Europe/Berlin").create();
    let morning = app.schedule("0 9 * * * Europe/Berlin").create();
    let times = |schedule: &ScheduleHandle| -> Vec<_> {
        let builds = schedule.builds().into_iter();
        builds
            .map(|build| build.created_at().format("%d %H:%M").to_string())
            .collect()
    };
    // When clocks are put forward, half past two is never shown
    fake.advance(days(2));
    assert_eq!(times(&night), ["30 00:30"]);
    assert_eq!(times(&morning), ["29 07:00", "30 07:00"]);
    // When they are put back, it is shown twice
    fake.advance_to(at("2026-10-24T12:00:00Z"));
    let before = night.builds().len();
    fake.advance(days(2));
    assert_eq!(
        times(&night)[before..],
        ["25 00:30", "25 01:30", "26 01:30"]
    );
    assert_eq!(times(&morning).last().map(String::as_str), Some("26 08:00"));
}

#[test]
fn intermediate_builds_of_schedules_make_way_too() {
    let fake = FakeBuildkite::builder().agents(Agents::none()).start();
    let app = fake.pipeline("app").skip_intermediate_builds().create();
    let daily = app.schedule("@daily").create();
    app.schedule("30 0 * * *").branch("other").create();
    fake.advance(days(3));
    let states: Vec<_> = daily.builds().iter().map(|build| build.state()).collect();
    assert_eq!(
        states,
        [
            BuildState::Skipped,
            BuildState::Skipped,
            BuildState::Scheduled
        ]
    );

    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: make, key: make}]";
    let app = fake
        .pipeline("app")
        .steps(steps)
        .cancel_intermediate_builds()
        .create();
    app.on_job("make").hangs();
    let daily = app.schedule("@daily").create();
    fake.advance(days(3));
    let states: Vec<_> = daily.builds().iter().map(|build| build.state()).collect();
    assert_eq!(states[..1], [BuildState::Canceled]);
    assert_eq!(states.len(), 3);
}

#[test]
fn what_clients_may_ask_for_does_not_bind_schedules() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .without_branch_builds()
        .branch_configuration("release")
        .filter_condition("false")
        .create();
    let schedule = app.schedule("@daily").create();
    fake.advance(days(1));
    assert_eq!(schedule.builds().len(), 1);
}

// --- Other ways to move the clock ------------------------------------------------------------------------------------

#[test]
fn nothing_that_runs_builds_to_their_end_waits_for_a_schedule() {
    let (fake, _client) = start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: make}]")
        .create();
    let schedule = app.schedule("@hourly").label("Hourly").create();
    assert!(fake.step().is_empty());
    assert!(fake.run_until_idle().events.is_empty());
    assert_eq!(fake.clock().now(), at("2030-01-01T00:00:00Z"));
    let message = panic_of(|| fake.run_until(|_| !schedule.builds().is_empty()));
    let line = "app schedule Hourly comes due at 2030-01-01T01:00:00.000Z, which nothing waits for: `advance` to it";
    assert!(message.contains(line), "{message}");
    // What comes due on the way makes its builds, and these end, too.
    let slow = fake
        .pipeline("slow")
        .steps("steps: [{command: make, key: make}]")
        .create();
    slow.on_job("make").takes(minutes(150));
    let slow = slow.create_build();
    fake.run_until_idle();
    assert_eq!(slow.state(), BuildState::Passed);
    assert_eq!(schedule.builds().len(), 2);
    let mut states = app.builds().into_iter().map(|build| build.state());
    assert!(states.all(|state| state == BuildState::Passed));
    assert!(fake.run_until_idle().events.is_empty());
}

#[test]
fn a_poll_does_not_wait_for_a_schedule_and_a_request_may_reach_one() {
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let app = fake.pipeline("app").steps("steps: [{block: Go?}]").create();
    app.schedule("@hourly").create();
    app.create_build();
    let poller = client(&fake);
    for _ in 0..5 {
        poller.build("app", 1);
    }
    assert_eq!(fake.clock().now(), at("2030-01-01T00:00:00Z"));

    let fake = FakeBuildkite::builder()
        .clock(Clock::PerRequest(minutes(25)))
        .start();
    let schedule = fake.pipeline("app").create().schedule("@hourly").create();
    let poller = client(&fake);
    for n in 1..=10_usize {
        poller.get(SCHEDULES).expect(200);
        assert_eq!(schedule.builds().len(), n * 25 / 60);
    }
}

#[test]
fn a_schedule_that_outruns_its_builds_is_named_when_a_journey_does_not_end() {
    let fake = FakeBuildkite::builder().event_limit(500).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: make}]")
        .create();
    app.on_job("make").takes(hours(2));
    app.schedule("@hourly").label("Hourly").create();
    app.create_build();
    let message = panic_of(|| fake.run_until_idle());
    assert!(
        message.contains("app schedule Hourly comes due ("),
        "{message}"
    );
}

// --- Failing ---------------------------------------------------------------------------------------------------------

#[test]
fn one_that_makes_no_build_is_disabled_until_somebody_enables_it_again() {
    // Given a schedule whose next attempt fails
    let (fake, client) = start();
    let app = fake.pipeline("app").create();
    let schedule = app.schedule("@daily").label("Nightly").create();
    let path = format!("{SCHEDULES}/{}", schedule.id());
    let text = r#"Could not find a matching team that includes both pipelines, each having a minimum "Build" access level."#;
    schedule.fail_next("something else");
    schedule.fail_next(text);
    fake.advance(hours(23));
    let before = client.get(&path).expect(200);
    assert!(before["failed_at"].is_null(), "nothing has failed yet");
    // When its slot comes
    let happened = fake.advance(days(7));
    // Then it says why, and makes no more builds
    let line = format!("2030-01-02T00:00:00.000Z app schedule Nightly failed: {text}\n");
    assert_eq!(happened.to_string(), line);
    assert_eq!((happened[0].build(), happened[0].job()), (None, None));
    let failed = client.get(&path).expect(200);
    assert!(!failed["enabled"].bool() && failed["next_build_at"].is_null());
    assert_eq!(failed["failed_message"].str(), text);
    assert_eq!(failed["failed_at"].str(), "2030-01-02T00:00:00.000Z");
    assert_eq!(schedule.failed_message().as_deref(), Some(text));
    assert_eq!(schedule.failed_at(), Some(at("2030-01-02T00:00:00Z")));
    assert!(app.builds().is_empty());
    // And goes on saying so when other things change, or it is switched off once more
    let changed = client
        .patch(&path, r#"{"enabled":false,"branch":"b"}"#)
        .expect(200);
    assert_eq!(changed["failed_message"].str(), text);
    // When somebody enables it again, everything is as before
    let enabled = client.put_body(&path, r#"{"enabled":true}"#).expect(200);
    assert!(enabled["failed_message"].is_null() && enabled["failed_at"].is_null());
    assert_eq!(enabled["next_build_at"].str(), "2030-01-09T00:00:00.000Z");
    fake.advance(days(1));
    assert_eq!(schedule.builds().len(), 1);
    assert_eq!(schedule.failed_message(), None);
}

#[test]
fn a_build_made_by_hand_clears_the_failure_and_switches_nothing_on() {
    let fake = FakeBuildkite::start();
    let schedule = fake.pipeline("app").create().schedule("@daily").create();
    schedule.fail_next("no");
    assert!(schedule.fire_now().is_none());
    assert_eq!(schedule.failed_message().as_deref(), Some("no"));
    assert!(fake.advance(days(2)).is_empty());
    let build = schedule.fire_now().expect("a build");
    assert_eq!(build.created_at(), at("2030-01-03T00:00:00Z"));
    assert_eq!(schedule.failed_message(), None);
    assert!(!schedule.is_enabled());
    // Of one that is enabled, the next slot stays.
    schedule.enable();
    let next = schedule.next_build_at();
    fake.advance(hours(1));
    schedule.fire_now().expect("a build");
    assert_eq!(schedule.next_build_at(), next);
    assert_eq!(schedule.builds().len(), 2);
}

#[test]
fn the_schedules_of_an_archived_pipeline_fail_at_their_next_slot() {
    let (fake, client) = start();
    let app = fake.pipeline("app").create();
    let schedule = app.schedule("@daily").create();
    app.archive();
    let happened = fake.advance(days(30));
    assert_eq!(
        told(&happened),
        [
            "2030-01-02T00:00:00.000Z app schedule @daily failed: Cannot create builds on an archived pipeline"
        ]
    );
    assert_eq!(
        schedule.failed_message().as_deref(),
        Some("Cannot create builds on an archived pipeline")
    );
    let message = panic_of(|| schedule.enable());
    assert!(message.contains("app schedule @daily does not change: its pipeline is archived"));
    // Taken out of the archive, it has to be enabled again.
    app.unarchive();
    assert!(fake.advance(days(1)).is_empty());
    let path = format!("{SCHEDULES}/{}", schedule.id());
    client.patch(&path, r#"{"enabled":true}"#).expect(200);
    fake.advance(days(1));
    assert_eq!(schedule.builds().len(), 1);
}

#[test]
fn steps_that_make_no_build_fail_the_schedule_with_the_words_a_client_gets() {
    for steps in [
        "steps: [{command: make, label: $BUILDKITE_AGENT_NAME}]",
        "steps: [{command: make, if: build.message == $BUILDKITE_BRANCH}]",
        "steps: [{command: make, parallelism: 501}]",
    ] {
        let fake = FakeBuildkite::builder().enforce_limits().start();
        let app = fake.pipeline("app").steps(steps).create();
        let refused = client(&fake).post(BUILDS, r#"{"commit":"HEAD","branch":"main"}"#);
        let message = refused.message(422);
        let schedule = app.schedule("@daily").create();
        fake.advance(days(2));
        assert_eq!(schedule.failed_message(), Some(message), "{steps}");
        assert!(!schedule.is_enabled() && app.builds().is_empty());
    }
}

// --- Slips -----------------------------------------------------------------------------------------------------------

#[test]
fn a_slip_with_a_schedule_is_named() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    for (line, message) in [
        (
            "* * * * *",
            "the cron line `* * * * *` is too frequent: intervals under 10 minutes are not supported",
        ),
        ("", "the cron line `` can't be blank"),
        (
            "0 0 * * * Mars",
            "the cron line `0 0 * * * Mars` is invalid: `Mars` is not a time zone",
        ),
    ] {
        let said = panic_of(|| app.schedule(line).create());
        assert!(said.starts_with(message), "{said}");
    }
    let said = panic_of(|| app.schedule("@daily").branch(" ").create());
    assert_eq!(said, "a schedule needs a branch, and ` ` is blank");
    let said = panic_of(|| app.schedule("@daily").commit("").create());
    assert_eq!(said, "a schedule needs a commit, and `` is blank");
    let (schedule, late) = (app.schedule("@daily").create(), app.schedule("@daily"));
    app.archive();
    let said = panic_of(|| late.clone().create());
    assert_eq!(
        said,
        "pipeline `app` is archived, and so its schedules do not change"
    );
    schedule.delete();
    let said = panic_of(|| schedule.fire_now());
    assert_eq!(
        said,
        "this schedule is gone: it, or its pipeline, was deleted, or the fake went back to before it was made"
    );
    assert_eq!(format!("{schedule:?}"), "ScheduleHandle(gone)");
    client(&fake).delete("/organizations/acme/pipelines/app");
    let said = panic_of(|| late.create());
    assert_eq!(
        said,
        "this pipeline is gone: it was deleted, or the fake went back to before it was made"
    );
}

// --- Repeatable ------------------------------------------------------------------------------------------------------

/// Some days of a world with schedules, and every answer about it.
fn tell(seed: u64) -> String {
    let fake = FakeBuildkite::builder()
        .seed(seed)
        .origin("http://fake.test")
        .start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: make}]")
        .create();
    app.on_job("make").takes_between(seconds(1), minutes(30));
    let hourly = app.schedule("@hourly").label("Hourly").create();
    let client = client(&fake);
    create(
        &client,
        r#"{"cronline":"*/20 * * * *","label":"Often","enabled":false}"#,
    );
    let mut told = fake.advance(days(2)).to_string();
    hourly.fail_next("no");
    app.schedules()[1].enable();
    told += &fake.advance(hours(5)).to_string();
    told += &world(&fake, &["acme"]);
    let last = app.latest_build().job("make");
    assert_ne!(last.state(), JobState::Failed);
    told
}

#[test]
fn the_same_schedules_make_the_same_bytes() {
    assert_eq!(tell(7), tell(7));
    assert_ne!(tell(7), tell(8));
}
