//! Scripts told in polls, and commands that end in more words than an exit status.

use fake_buildkite::{
    Agents, Clock, Exit, FakeBuildkite, JobState, SignalReason, agent, minutes, seconds,
};

use crate::story::{BUILD, Story, states};
use crate::support::client;

#[test]
fn a_script_told_in_polls_moves_on_after_so_many_reads_and_no_time_passes() {
    let mut story = Story::told(
        "steps: [{command: make, key: x}, wait, {command: ship, key: y}]",
        |app| {
            app.on_job("x")
                .picked_up_after_polls(2)
                .takes_polls(3)
                .exits(0);
            app.on_job("y")
                .picked_up_after_polls(1)
                .takes_polls(1)
                .exits(4);
        },
    );
    let mut polls = Vec::new();
    for _ in 0..9 {
        let build = story.client.get(BUILD).expect(200);
        polls.push(build["state"].str().to_owned());
    }
    assert_eq!(
        polls,
        [
            "scheduled",
            "scheduled",
            "running",
            "running",
            "running",
            "running",
            "running",
            "failed",
            "failed"
        ]
    );
    assert_eq!(story.fake.clock().now(), story.build.created_at());
    assert_eq!(story.jobs(), "passed passed failed");
}

#[test]
fn a_read_of_a_list_is_a_poll_of_every_build_in_it_and_other_reads_are_none() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: x}]")
        .create();
    app.on_job("x").takes_polls(2);
    let (one, two) = (app.create_build(), app.create_build());
    fake.advance(seconds(1));
    let client = client(&fake);
    for path in [
        "/user",
        "/organizations/acme/pipelines/app",
        "/organizations/acme/pipelines/app/builds/9",
    ] {
        client.get(path);
    }
    client.get("/builds").expect(200);
    client.get(BUILD).expect(200);
    assert_eq!([states(&one), states(&two)], ["passed", "running"]);
    client.get("/builds").expect(200);
    assert_eq!(states(&two), "passed");
}

#[test]
fn time_polls_and_hands_mix_in_one_build() {
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let steps =
        "steps: [{command: a, key: timed}, {command: b, key: polled}, {command: c, key: held}]";
    let app = fake.pipeline("app").steps(steps).create();
    app.on_job("polled")
        .picked_up_after(seconds(0))
        .takes_polls(4);
    app.on_job("held").hangs();
    let build = app.create_build();
    let client = client(&fake);
    let look = || client.build("app", 1)["state"].str().to_owned();
    for _ in 0..8 {
        look();
    }
    assert_eq!(states(&build), "passed passed running");
    build.job("held").finish(0);
    assert_eq!(look(), "passed");
}

#[test]
fn a_job_that_waits_for_polls_can_be_canceled_time_out_and_be_taken_in_hand() {
    let story = || {
        let limits = "timeout_in_minutes: 1";
        let story = Story::told(
            &format!("steps: [{{command: make, key: x, {limits}}}]"),
            |app| {
                app.on_job("x").takes_polls(1);
            },
        );
        story.fake.advance(seconds(1));
        story
    };
    let after = |story: &mut Story| {
        story.run();
        story.jobs()
    };
    let mut canceled = story();
    canceled.build.job("x").cancel();
    canceled.fake.run_until_idle();
    assert_eq!(after(&mut canceled), "canceled");
    let mut late = story();
    late.fake.advance(minutes(2));
    assert_eq!(after(&mut late), "timed_out");
    let mut held = story();
    held.build.job("x").finish(3);
    assert_eq!(after(&mut held), "failed");
}

#[test]
fn who_waits_for_polls_is_listed_as_left_and_nobody_comes_where_there_are_no_agents() {
    let set_up = |agents| {
        let fake = FakeBuildkite::builder().agents(agents).start();
        let app = fake
            .pipeline("app")
            .steps("steps: [{command: make, key: x}]")
            .create();
        app.on_job("x").picked_up_after_polls(1);
        let build = app.create_build();
        (fake, build)
    };
    let (fake, build) = set_up(Agents::fleet([agent("a")]));
    let idle = fake.run_until_idle();
    assert_eq!(
        idle.waiting_on[0].to_string(),
        "app#1 x goes on when its build is shown often enough"
    );
    client(&fake).build("app", 1);
    assert_eq!(build.job("x").state(), JobState::Running);
    let (fake, build) = set_up(Agents::none());
    client(&fake).build("app", 1);
    client(&fake).build("app", 1);
    assert_eq!(build.job("x").state(), JobState::Scheduled);
}

#[test]
fn rule_8_2_signals_and_their_reasons_decide_which_failures_are_tried_again() {
    for (rule, exit, is_retried) in [
        (
            "{signal: SIGKILL}",
            Exit::status(-1).signal("SIGKILL"),
            true,
        ),
        ("{signal: kill}", Exit::status(-1).signal("SIGKILL"), true),
        (
            "{signal: [term, int]}",
            Exit::status(-1).signal("SIGKILL"),
            false,
        ),
        ("{signal: none}", Exit::status(-1).signal("SIGKILL"), false),
        ("{signal: '*'}", Exit::status(1), true),
        (
            "{signal_reason: agent_stop}",
            Exit::status(-1).reason(SignalReason::AgentStop),
            true,
        ),
        (
            "{signal_reason: [agent_stop, stack_error]}",
            Exit::status(-1).reason(SignalReason::StackError),
            true,
        ),
        (
            "{signal_reason: none}",
            Exit::status(-1).reason(SignalReason::AgentStop),
            false,
        ),
        (
            "{signal_reason: agent_stop, exit_status: 255}",
            Exit::status(-1).reason(SignalReason::AgentStop),
            false,
        ),
    ] {
        let mut story = Story::told(
            &format!("steps: [{{command: make, key: x, retry: {{automatic: {rule}}}}}]"),
            |app| {
                app.on_job("x").exits_with(exit.clone()).then().exits(0);
            },
        );
        story.run();
        let expected = if is_retried {
            "failed+retried passed"
        } else {
            "failed"
        };
        assert_eq!(story.jobs(), expected, "{rule} of {exit:?}");
    }
}

#[test]
fn a_client_sees_the_signal_and_its_reason() {
    let mut story = Story::told("steps: [{command: make, key: x}]", |app| {
        app.on_job("x").exits_with(
            Exit::status(-1)
                .signal("SIGTERM")
                .reason(SignalReason::AgentStop),
        );
    });
    story.run();
    let job = story.job("x");
    let shown = [&job["exit_status"], &job["signal"], &job["signal_reason"]]
        .map(|value| format!("{value:?}"));
    assert_eq!(shown, ["Number(-1)", "\"SIGTERM\"", "\"agent_stop\""]);
}

#[test]
fn meta_data_that_a_command_sets_is_there_when_it_ends() {
    let mut story = Story::told("steps: [{command: make, key: x}]", |app| {
        app.on_job("x")
            .sets_meta_data("version", "1")
            .sets_meta_data("version", "2")
            .sets_meta_data("by", "make");
    });
    assert!(story.look()["meta_data"].entries().is_empty());
    story.run();
    let build = story.look();
    assert_eq!(build["meta_data"].keys(), ["version", "by"]);
    assert_eq!(build["meta_data"]["version"].str(), "2");
    let found = client(&story.fake)
        .get("/builds?meta_data[version]=2")
        .expect(200);
    assert_eq!(found.items().len(), 1);
}
