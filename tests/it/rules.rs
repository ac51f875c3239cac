//! Retry rules: which failures are tried again by themselves, and what a person may retry.

use fake_buildkite::{BuildState, FakeBuildkite, JobState, Move, seconds};

use crate::story::{Story, states, text};
use crate::support::client;

/// A step `x` with these rules whose attempts exit so, run to its end.
fn run(rules: &str, exits: &[i32]) -> Story {
    let mut story = Story::told(
        &format!("steps: [{{key: x, command: make, retry: {rules}}}]"),
        |app| {
            let mut script = app.on_job("x");
            for (n, status) in exits.iter().enumerate() {
                script = if n == 0 { script } else { script.then() };
                script = script.exits(*status);
            }
        },
    );
    story.run();
    story
}

#[test]
fn g21_a_failure_that_is_tried_again_does_not_count_until_the_retries_are_used_up() {
    let mut story = run("{automatic: {limit: 1}}", &[1]);
    story.check(
        "failed+retried failed",
        "scheduled running failed",
        "started 1, finished 22",
    );
    // The first failure and its retry are one instant
    let build = story.look();
    let (old, new) = (&build["jobs"][0], &build["jobs"][1]);
    assert_eq!(new["created_at"], old["finished_at"]);
    assert_eq!(old["retried_in_job_id"], new["id"]);
    assert_eq!(old["retry_type"].str(), "automatic");
    assert!(old["retried_by"].is_null());
    assert_eq!(new["retry_source"]["job_id"], old["id"]);
    assert_eq!(new["retry_source"]["retry_type"].str(), "automatic");
    assert_eq!(new["retries_count"].number(), 1);
    assert_eq!(new["scheduled_at"], old["scheduled_at"]);
}

#[test]
fn a_build_whose_retry_passes_was_never_failing_and_never_held_anything_back() {
    let mut story = Story::told(
        "steps:
           - {key: x, command: make, retry: {automatic: true}}
           - {key: slow, command: make}
           - wait
           - {key: y, command: next}",
        |app| {
            app.on_job("x").exits(1).then().exits(0);
            app.on_job("slow").takes(seconds(60));
        },
    );
    story.run();
    story.check(
        "failed+retried passed passed passed passed",
        "scheduled running passed",
        "started 1, finished 72",
    );
    let events = story.fake.events().to_string();
    assert!(!events.contains("failing"), "{events}");
    assert!(!events.contains("waiting_failed"), "{events}");
}

#[test]
fn the_exit_status_decides_which_failures_are_tried_again() {
    for (automatic, exit, is_retried) in [
        ("true", 1, true),
        ("true", 255, true),
        ("false", 1, false),
        ("{exit_status: 2}", 2, true),
        ("{exit_status: 2}", 1, false),
        ("{exit_status: [2, 7]}", 7, true),
        ("{exit_status: [2, 7]}", 3, false),
        ("{exit_status: '*'}", 3, true),
        ("{exit_status: '*'}", 0, false),
        ("[{exit_status: 1}, {exit_status: 2}]", 2, true),
        ("{signal: sigkill}", 1, false),
        ("{signal: none}", 1, true),
        ("{signal_reason: none}", 1, true),
        ("{signal_reason: agent_stop}", 1, false),
        ("{limit: 0}", 1, false),
    ] {
        let story = run(&format!("{{automatic: {automatic}}}"), &[exit, 0]);
        let expected = match (is_retried, exit) {
            (true, _) => "failed+retried passed",
            (false, 0) => "passed",
            (false, _) => "failed",
        };
        assert_eq!(states(&story.build), expected, "{automatic} of {exit}");
    }
}

#[test]
fn a_rule_causes_as_many_retries_as_its_limit_and_two_if_it_names_none() {
    for (limit, attempts) in [("true", 3), ("{limit: 1}", 2), ("{limit: 4}", 5)] {
        let story = run(&format!("{{automatic: {limit}}}"), &[1]);
        assert_eq!(story.build.jobs("x").len(), attempts, "{limit}");
        assert_eq!(story.build.state(), BuildState::Failed);
    }
}

#[test]
fn each_rule_counts_its_own_retries() {
    // Given a rule for 1 that allows one retry and a rule for 2 that allows two
    let rules = "{automatic: [{exit_status: 1, limit: 1}, {exit_status: 2, limit: 2}]}";
    // When failures of both kinds alternate, then each rule runs out by itself
    let mixed = run(rules, &[1, 2, 2, 0]);
    assert_eq!(
        states(&mixed.build),
        "failed+retried failed+retried failed+retried passed"
    );
    let first_runs_out = run(rules, &[1, 2, 1, 0]);
    assert_eq!(
        states(&first_runs_out.build),
        "failed+retried failed+retried failed"
    );
}

#[test]
fn the_first_rule_that_matches_decides_even_if_it_has_no_retries_left() {
    let rules = "{automatic: [{exit_status: 1, limit: 1}, {exit_status: '*', limit: 5}]}";
    let story = run(rules, &[1]);
    assert_eq!(states(&story.build), "failed+retried failed");
    let other = run(rules, &[2]);
    assert_eq!(other.build.jobs("x").len(), 6);
}

#[test]
fn a_job_that_timed_out_can_be_tried_again() {
    for (rule, is_retried) in [
        ("{signal_reason: cancel}", true),
        ("true", true),
        ("{exit_status: 1}", false),
    ] {
        let mut story = Story::told(
            &format!(
                "steps: [{{key: x, command: make, timeout_in_minutes: 1, retry: {{automatic: {rule}}}}}]"
            ),
            |app| {
                app.on_job("x").hangs().then().exits(0);
            },
        );
        story.run();
        let expected = if is_retried {
            "timed_out+retried passed"
        } else {
            "timed_out"
        };
        assert_eq!(story.jobs(), expected, "{rule}");
    }
}

#[test]
fn a_lost_agent_is_tried_again_by_a_rule_for_it() {
    for (rule, is_retried) in [
        ("{exit_status: -1}", true),
        ("true", true),
        ("{exit_status: 1}", false),
        ("{exit_status: '*'}", false),
    ] {
        let story = Story::told(
            &format!("steps: [{{key: x, command: make, retry: {{automatic: {rule}}}}}]"),
            |_| {},
        );
        story.fake.advance(seconds(5));
        story.build.job("x").lose_agent();
        story.fake.run_until_idle();
        let expected = if is_retried {
            "failed+retried passed"
        } else {
            "failed"
        };
        assert_eq!(states(&story.build), expected, "{rule}");
    }
}

#[test]
fn a_canceled_job_is_never_tried_again() {
    let story = Story::told(
        "steps: [{key: x, command: make, retry: {automatic: true}}]",
        |app| {
            app.on_job("x").hangs();
        },
    );
    story.fake.advance(seconds(5));
    story.build.job("x").cancel();
    story.fake.run_until_idle();
    assert_eq!(states(&story.build), "canceled");
}

#[test]
fn an_expired_job_is_never_tried_again() {
    let story = Story::told(
        "steps: [{key: x, command: make, retry: {automatic: true}}]",
        |app| {
            app.on_job("x").never_picked_up();
        },
    );
    story.build.job("x").expire();
    assert_eq!(states(&story.build), "expired");
}

#[test]
fn a_manual_retry_does_not_use_up_a_rule() {
    // Given a job whose retries are used up
    let mut story = run("{automatic: {limit: 1}}", &[1, 1, 1, 0]);
    assert_eq!(story.jobs(), "failed+retried failed");
    // When a person retries it and that fails too, then the rule has nothing left
    story.put_job("x", "retry").expect(200);
    story.run();
    assert_eq!(story.jobs(), "failed+retried failed+retried failed");
    // And another person's retry may still pass
    story.put_job("x", "retry").expect(200);
    story.run();
    assert_eq!(
        story.jobs(),
        "failed+retried failed+retried failed+retried passed"
    );
    assert_eq!(story.build.state(), BuildState::Passed);
}

#[test]
fn a_soft_failure_is_tried_again_like_any_other() {
    let mut story = Story::told(
        "steps: [{key: x, command: make, soft_fail: true, retry: {automatic: {limit: 1}}}]",
        |app| {
            app.on_job("x").exits(1);
        },
    );
    story.run();
    assert_eq!(story.jobs(), "failed+soft+retried failed+soft");
    assert_eq!(story.build.state(), BuildState::Passed);
}

#[test]
fn what_passed_is_retried_only_if_its_step_permits_it() {
    for (manual, expected) in [
        ("true", 400),
        ("{permit_on_passed: false}", 400),
        ("{permit_on_passed: true}", 200),
    ] {
        let mut story = run(&format!("{{manual: {manual}}}"), &[0]);
        let answer = story.put_job("x", "retry");
        assert_eq!(answer.status, expected, "{manual}: {}", answer.text);
        story.run();
        let states = if expected == 200 {
            "passed+retried passed"
        } else {
            "passed"
        };
        assert_eq!(story.jobs(), states, "{manual}");
    }
}

#[test]
fn a_step_that_forbids_manual_retries_says_why() {
    for (manual, said) in [
        ("{allowed: false, reason: Ask Ada first}", "Ask Ada first"),
        ("{allowed: false}", ""),
        ("false", ""),
    ] {
        let mut story = run(&format!("{{manual: {manual}}}"), &[1]);
        let message = story.put_job("x", "retry").message(422);
        assert!(message.contains(said), "{manual}: {message}");
        assert!(!message.is_empty());
        assert!(story.build.job("x").try_move(Move::Retry).is_err());
        assert_eq!(story.jobs(), "failed", "{manual}");
    }
}

#[test]
fn a_step_that_forbids_manual_retries_is_still_tried_again_by_its_rules() {
    let story = run("{manual: false, automatic: true}", &[1, 0]);
    assert_eq!(states(&story.build), "failed+retried passed");
}

#[test]
fn a_build_that_a_canceled_one_waited_for_retries_nothing() {
    for (is_async, status) in [(false, 422), (true, 200)] {
        // Given a build with a failed job that another build triggered
        let fake = FakeBuildkite::start();
        let lib = fake
            .pipeline("lib")
            .steps("steps: [{command: make, key: make}]")
            .create();
        lib.on_job("make").exits(1);
        let app = fake
            .pipeline("app")
            .steps(format!(
                "steps: [{{trigger: lib, async: {is_async}}}, {{command: long, key: long}}]"
            ))
            .create();
        app.on_job("long").hangs();
        let parent = app.create_build();
        fake.run_until_idle();
        let child = lib.latest_build();
        assert_eq!(child.state(), BuildState::Failed);
        // When that other build is canceled and somebody retries the job
        parent.cancel();
        fake.run_until_idle();
        assert_eq!(parent.state(), BuildState::Canceled);
        let id = child.job("make").id();
        let path = format!("/organizations/acme/pipelines/lib/builds/1/jobs/{id}/retry");
        let answer = client(&fake).put(&path);
        // Then that is refused if the other build waited for this one
        assert_eq!(answer.status, status, "async {is_async}: {}", answer.text);
        if !is_async {
            let message = "This job can't be retried because this build was triggered by a synchronous trigger step in a \
                           canceled build";
            assert_eq!(answer.json()["message"], text(message));
            assert_eq!(child.job("make").state(), JobState::Failed);
        }
    }
}
