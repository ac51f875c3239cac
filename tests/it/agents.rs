//! Who runs jobs: a fixed fleet, in which queue time, priorities and jobs that nobody can run emerge.

use fake_buildkite::{
    AgentState, Agents, BuildHandle, FakeBuildkite, JobState, agent, minutes, seconds,
};

use crate::story::Story;
use crate::support::client;

fn states(build: &BuildHandle) -> String {
    let states: Vec<_> = build
        .all_jobs()
        .iter()
        .map(|job| job.state().to_string())
        .collect();
    states.join(" ")
}

#[test]
fn jobs_wait_for_an_agent_that_is_free_and_start_in_their_order() {
    // Given one agent with two slots and four jobs of different priorities
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("worker").slots(2)]))
        .start();
    let app = fake
        .pipeline("app")
        .steps(
            "steps: [{command: a, key: a}, {command: b, key: b, priority: -1}, {command: c, key: c, priority: 5},
                     {command: d, key: d}]",
        )
        .create();
    app.on_job("c").takes(seconds(30));
    // When a build is created
    let build = app.create_build();
    fake.advance(seconds(1));
    // Then the urgent one runs first, and between equals the one written first
    assert_eq!(states(&build), "running scheduled running scheduled");
    assert_eq!(fake.run_until_idle().waiting_on, []);
    assert_eq!(states(&build), "passed passed passed passed");
    let started =
        |key| (build.job(key).started_at().expect("a start") - build.created_at()).num_seconds();
    assert_eq!(
        [started("c"), started("a"), started("d"), started("b")],
        [1, 1, 11, 21]
    );
}

#[test]
fn a_job_does_not_wait_for_one_that_will_not_come() {
    // Given one agent, two jobs that want it, and a third that would come for it at this instant
    let fleet = Agents::fleet([agent("worker")]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: x}]")
        .create();
    let script = app.on_job("x").picked_up_after(seconds(0));
    let (first, second) = (app.create_build(), app.create_build());
    fake.advance(seconds(0));
    assert_eq!([states(&first), states(&second)], ["running", "scheduled"]);
    let third = app.create_build();
    let before = fake.snapshot();
    // When the first ends, the third may be more urgent than the second: they are offered together
    first.job("x").finish(0);
    assert_eq!(states(&second), "scheduled");
    // When the third is canceled, then the second need not wait for it
    third.cancel();
    assert_eq!(states(&second), "running");
    // Nor when its script comes to say that nobody picks it up
    fake.rewind(&before);
    first.job("x").finish(0);
    script.clone().never_picked_up();
    assert_eq!(
        [states(&second), states(&third)],
        ["scheduled", "scheduled"],
        "that goes for both"
    );
    fake.rewind(&before);
    first.job("x").finish(0);
    script.picked_up_after(seconds(9));
    assert_eq!(
        [states(&second), states(&third)],
        ["running", "scheduled"],
        "the second came before"
    );
}

#[test]
fn a_job_does_not_wait_for_one_that_changes_its_mind_when_its_turn_comes() {
    // Given two agents, and a job whose script is never picked up from its second run on
    let fleet = Agents::fleet([agent("one"), agent("two")]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let steps = "steps: [{command: make, key: x}]";
    let app = fake.pipeline("app").steps(steps).create();
    app.on_job("x").hangs().then().never_picked_up();
    let first = app.create_build();
    let other = fake.pipeline("other").steps(steps).create_build();
    let second = first.rebuild();
    // When that is its second run only since the first began by hand
    first.job("x").start();
    fake.advance(seconds(1));
    // Then the free agent takes what comes at the same instant
    assert_eq!(states(&other), "running");
    assert_eq!(states(&second), "scheduled");
}

#[test]
fn an_agent_takes_only_jobs_whose_rules_all_match_its_tags() {
    let fleet = Agents::fleet([agent("mac").tags(["os=mac", "queue=ios"]), agent("plain")]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let build = fake
        .pipeline("app")
        .steps(
            "steps:
               - {command: a, key: anywhere}
               - {command: b, key: ios, agents: {queue: ios, os: '*'}}
               - {command: c, key: nobody, agents: {queue: gpu}}",
        )
        .create_build();
    let idle = fake.run_until_idle();
    assert_eq!(states(&build), "passed passed scheduled");
    assert_eq!(idle.waiting_on.len(), 1);
    assert_eq!(
        idle.waiting_on[0].to_string(),
        "app#1 nobody is scheduled: no agent picks it up"
    );
    let jobs = client(&fake).build("app", 1)["jobs"].clone();
    assert_eq!(jobs[0]["agent"]["name"].str(), "plain");
    assert_eq!(jobs[1]["agent"]["name"].str(), "mac");
    assert_eq!(jobs[1]["agent"]["meta_data"][0].str(), "os=mac");
    assert!(jobs[2]["agent"].is_null());
}

#[test]
fn the_agent_with_the_higher_priority_is_asked_first_and_then_the_one_that_succeeded_last() {
    let fleet = Agents::fleet([
        agent("spare"),
        agent("first").priority(2),
        agent("second").priority(1),
    ]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}]")
        .create();
    let agent_of = |number: u64| {
        fake.run_until_idle();
        client(&fake).build("app", number)["jobs"][0]["agent"]["name"]
            .str()
            .to_owned()
    };
    app.create_build();
    assert_eq!(agent_of(1), "first");
    app.create_build();
    app.create_build();
    assert_eq!([agent_of(2), agent_of(3)], ["first", "second"]);

    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("a"), agent("b")]))
        .start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}, {command: b, key: b}]")
        .create();
    app.on_job("a").exits(1);
    app.create_build();
    fake.run_until_idle();
    let next = fake.pipeline("next").create_build();
    fake.run_until_idle();
    let name = client(&fake).build("next", next.number())["jobs"][0]["agent"]["name"]
        .str()
        .to_owned();
    assert_eq!(name, "b", "the job on `a` failed");
}

#[test]
fn a_job_that_is_canceled_or_expires_in_the_queue_gives_up_its_turn() {
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("only")]))
        .start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}, {command: b, key: b}, {command: c, key: c}]")
        .create();
    app.on_job("a").takes(minutes(5));
    let build = app.create_build();
    fake.advance(minutes(1));
    assert_eq!(states(&build), "running scheduled scheduled");
    build.job("b").cancel();
    fake.run_until_idle();
    assert_eq!(states(&build), "passed canceled passed");
}

#[test]
fn an_agent_that_is_lost_takes_no_other_job() {
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("only")]))
        .start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}, {command: b, key: b}]")
        .create_build();
    fake.advance(seconds(2));
    build.job("a").lose_agent();
    let idle = fake.run_until_idle();
    assert_eq!(build.job("b").state(), JobState::Scheduled);
    assert_eq!(
        idle.waiting_on[0].to_string(),
        "app#1 b is scheduled: no agent picks it up"
    );
    let job = &client(&fake).build("app", 1)["jobs"][0];
    assert_eq!(job["agent"]["connection_state"].str(), "lost");
}

#[test]
fn g30_an_agent_that_falls_silent_is_lost_after_three_minutes_and_its_job_fails() {
    // Given a command whose agent falls silent while it runs
    let mut story = Story::told("steps: [{command: make, key: x}]", |app| {
        app.on_job("x").loses_agent();
    });
    story.run();
    // When nobody has heard of it, then the job runs on, and nothing is due that would move the build
    let idle = story.fake.run_until_idle();
    assert_eq!(
        idle.waiting_on[0].to_string(),
        "app#1 x is with an agent that is not heard of, and will be lost"
    );
    let job = &story.look()["jobs"][0];
    assert_eq!(
        (job["state"].str(), job["agent"]["connection_state"].str()),
        ("running", "connected")
    );
    // Then it is lost three minutes after it fell silent
    story.fake.advance(minutes(4));
    story.check(
        "failed",
        "scheduled running failed",
        "started 1, finished 191",
    );
    let job = &story.look()["jobs"][0];
    assert_eq!(
        (
            job["exit_status"].number(),
            job["agent"]["connection_state"].str()
        ),
        (-1, "lost")
    );
    assert!(job["signal_reason"].is_null());
}

#[test]
fn a_job_whose_agent_is_silent_can_be_canceled_and_time_out_but_only_the_loss_ends_it() {
    for (way, ending) in [
        ("cancel", "canceled"),
        ("time_out", "timed_out"),
        ("build", "canceled"),
    ] {
        let fake = FakeBuildkite::start();
        let build = fake
            .pipeline("app")
            .steps("steps: [{command: a, key: a}]")
            .create_build();
        let job = build.job("a");
        job.start();
        fake.advance(minutes(1));
        job.silence_agent();
        fake.advance(minutes(1));
        match way {
            "cancel" => job.cancel(),
            "time_out" => job.time_out(),
            _ => build.cancel(),
        }
        // Nobody reports after ten seconds
        fake.advance(minutes(1));
        assert!(
            matches!(job.state(), JobState::Canceling | JobState::TimingOut),
            "{way}"
        );
        fake.advance(minutes(1));
        assert_eq!(
            (job.state().as_str(), job.exit_status()),
            (ending, Some(-1)),
            "{way}"
        );
        let finished = job.finished_at().expect("it ended");
        assert_eq!(
            (finished - job.started_at().expect("it ran")).num_minutes(),
            4,
            "{way}"
        );
    }
}

#[test]
fn a_silent_agent_that_reports_after_all_is_not_lost() {
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("only")]))
        .start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: a, key: a}, {command: b, key: b}]")
        .create_build();
    fake.advance(seconds(1));
    build.job("a").silence_agent();
    fake.advance(minutes(2));
    build.job("a").finish(0);
    fake.run_until_idle();
    assert_eq!(
        states(&build),
        "passed passed",
        "the agent went on to the next job"
    );
}

#[test]
fn a_rule_for_minus_one_tries_the_job_of_a_lost_agent_again() {
    let retry = "retry: {automatic: {exit_status: -1, limit: 1}}";
    let mut story = Story::told(
        &format!("steps: [{{command: make, key: x, {retry}}}]"),
        |app| {
            app.on_job("x").loses_agent().then().exits(0);
        },
    );
    story.run();
    story.fake.advance(minutes(4));
    story.check(
        "failed+retried passed",
        "scheduled running passed",
        "started 1, finished 202",
    );
}

#[test]
fn an_agent_made_up_for_a_job_that_is_started_by_hand_does_not_join_the_fleet() {
    // Given a fleet whose only agent is busy
    let fleet = Agents::fleet([agent("only")]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let steps = "steps: [{command: a, key: a}, {command: b, key: b}, {command: c, key: c}]";
    let app = fake.pipeline("app").steps(steps).create();
    app.on_job("a").hangs();
    let build = app.create_build();
    fake.advance(minutes(1));
    // When a test starts a job all the same, and it ends
    build.job("b").start();
    let stand_in = build.job("b").agent().expect("an agent");
    build.job("b").finish(0);
    // Then nobody else takes the next
    assert_eq!(stand_in.state(), AgentState::Disconnected);
    fake.advance(minutes(1));
    assert_eq!(build.job("c").state(), JobState::Scheduled);
}
