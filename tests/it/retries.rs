//! Retrying one job: who may, what the new job and the old one say, and what becomes of the build.

use fake_buildkite::{BuildState, FakeBuildkite, JobState, seconds};

use crate::story::{BUILD, Story, instants_of, states, text};
use crate::support::{Answer, Json, client};

const ONLY_BAD: &str = "Only failed, timed out or canceled jobs can be retried";
const ONCE: &str = "Jobs can only be retried once";
const CANCELED: &str = "Jobs from canceled builds cannot be retried";

/// A story in which every command is told what to do by the name of its step.
fn told(steps: &str) -> Story {
    Story::told(&format!("steps: [{steps}]"), |app| {
        if steps.contains("bad") {
            app.on_job("bad").exits(7);
        }
        if steps.contains("hung") {
            app.on_job("hung").hangs();
        }
        if steps.contains("never") {
            app.on_job("never").never_picked_up();
        }
    })
}

/// `retried`, or how it was refused.
fn outcome(answer: &Answer) -> String {
    match answer.status {
        200 => "retried".to_owned(),
        status => format!("{status} {}", answer.message(status)),
    }
}

#[test]
fn what_ended_badly_can_be_retried_and_nothing_else() {
    let check = |steps: &str, reach: &dyn Fn(&mut Story), key: &str, expected: &str| {
        let both = [
            |story: &Story, key: &str| story.put_job(key, "retry"),
            |story: &Story, key: &str| {
                let id = story.build.job(key).id();
                let path = format!("/organizations/acme/jobs/{id}/retry");
                story.client.put(&path)
            },
        ];
        for retry in both {
            let mut story = told(steps);
            reach(&mut story);
            let state = story.build.job(key).state();
            assert_eq!(outcome(&retry(&story, key)), expected, "{key} {state}");
        }
        // By hand it is the same
        let mut story = told(steps);
        reach(&mut story);
        let by_hand = story.build.job(key).try_move(fake_buildkite::Move::Retry);
        assert_eq!(by_hand.is_ok(), expected == "retried", "{key}");
    };
    let bad_state = format!("400 {ONLY_BAD}");
    let canceled = format!("422 {CANCELED}");
    let run: &dyn Fn(&mut Story) = &|story| story.run();
    let step: &dyn Fn(&mut Story) = &|story| {
        story.fake.advance(seconds(5));
    };
    let bad = "{command: make, key: bad}";
    let good = "{command: make, key: good}";
    let hung = "{command: make, key: hung}";

    check(bad, run, "bad", "retried");
    check(
        "{command: make, key: bad, soft_fail: true}",
        run,
        "bad",
        "retried",
    );
    check(
        "{command: make, key: hung, timeout_in_minutes: 1}",
        run,
        "hung",
        "retried",
    );
    let cancel_job = |story: &mut Story| {
        story.run();
        story.build.job("hung").cancel();
        story.run();
    };
    check(hung, &cancel_job, "hung", "retried");
    let expire = |story: &mut Story| story.build.job("never").expire();
    check("{command: make, key: never}", &expire, "never", "retried");

    check(good, run, "good", &bad_state);
    check(good, step, "good", &bad_state);
    check(good, &|_| {}, "good", &bad_state);
    let cancel_only = |story: &mut Story| {
        story.run();
        story.build.job("hung").cancel();
    };
    check(hung, &cancel_only, "hung", &bad_state);
    let time_out = |story: &mut Story| {
        story.run();
        story.build.job("hung").time_out();
    };
    check(hung, &time_out, "hung", &bad_state);
    let behind = format!("{good}, wait, {{command: make, key: behind}}");
    check(&behind, &|_| {}, "behind", &bad_state);
    let after_bad = format!("{bad}, {{wait: ~, key: wait}}, {{command: make, key: behind}}");
    check(&after_bad, run, "behind", &bad_state);
    check(&after_bad, run, "wait", &bad_state);
    check(
        "{command: make, key: out, skip: true}",
        run,
        "out",
        &bad_state,
    );
    check("{block: Ship?, key: ship}", run, "ship", &bad_state);
    let unblock = |story: &mut Story| story.build.job("ship").unblock();
    check("{block: Ship?, key: ship}", &unblock, "ship", &bad_state);

    // Nothing can in a canceled build, not even what failed before
    let failed_then_canceled = format!("{bad}, {hung}");
    let cancel_build = |story: &mut Story| {
        story.run();
        story.put("cancel").expect(200);
        assert_eq!(story.look()["state"].str(), "canceling");
    };
    check(&failed_then_canceled, &cancel_build, "bad", &canceled);
    check(&failed_then_canceled, &cancel_build, "hung", &canceled);
    let cancel_and_wait = |story: &mut Story| {
        cancel_build(story);
        story.run();
        assert_eq!(story.look()["state"].str(), "canceled");
    };
    check(&failed_then_canceled, &cancel_and_wait, "bad", &canceled);
    check(&failed_then_canceled, &cancel_and_wait, "hung", &canceled);
}

#[test]
fn each_job_is_retried_once() {
    // Given a job that was retried
    let mut story = Story::of("C(1)");
    story.run();
    let first = story.build.job("s1").id();
    story.put_job("s1", "retry").expect(200);
    // When somebody retries the same one again, then that is refused, whatever the new one does
    let again = format!("{BUILD}/jobs/{first}/retry");
    assert_eq!(story.client.put(&again).message(422), ONCE);
    story.run();
    assert_eq!(story.client.put(&again).message(422), ONCE);
    // But the new one can be
    story.put_job("s1", "retry").expect(200);
    story.run();
    assert_eq!(story.jobs(), "failed+retried failed+retried failed");
    // A canceled build comes before everything else
    story.put_job("s1", "retry").expect(200);
    story.put("cancel").expect(200);
    assert_eq!(story.client.put(&again).message(422), CANCELED);
}

#[test]
fn a_job_of_another_build_or_nobody_is_not_found() {
    let mut story = Story::of("C(1)");
    story.run();
    story.client.create_build("app");
    let id = story.build.job("s1").id();
    let other = format!("/organizations/acme/pipelines/app/builds/2/jobs/{id}/retry");
    assert_eq!(story.client.put(&other).message(404), "No job found");
    let nobody = "/organizations/acme/jobs/01234567-89ab-cdef-0123-456789abcdef/retry";
    assert_eq!(story.client.put(nobody).message(404), "No job found");
    assert_eq!(story.jobs(), "failed");
}

#[test]
fn the_new_job_takes_the_place_of_the_old_one_and_both_say_so() {
    // Given a job with a priority and an agent of its own that failed
    let mut story = Story::told(
        "steps:
          - {label: Test, command: make test, key: test, priority: 3, agents: {queue: big}}",
        |app| {
            app.on_job("test").exits(7).then().exits(0);
        },
    );
    story.run();
    let before = story.job("test");
    // When it is retried a minute later
    story.fake.advance(seconds(60));
    let new = story.put_job("test", "retry").expect(200);

    // Then the answer is the new job, as if it had just been made, but in the old one's place in the queue
    assert_ne!(new["id"], before["id"]);
    assert_eq!(new["state"].str(), "scheduled");
    assert_eq!(new["created_at"].str(), "2030-01-01T00:01:11.000Z");
    assert_eq!(new["scheduled_at"], before["scheduled_at"]);
    assert_eq!(new["runnable_at"], new["created_at"]);
    for empty in [
        "started_at",
        "finished_at",
        "expired_at",
        "exit_status",
        "signal_reason",
        "agent",
        "retry_type",
        "retried_by",
        "retried_in_job_id",
    ] {
        assert!(new[empty].is_null(), "{empty}");
    }
    assert!(!new["retried"].bool());
    assert_eq!(new["retries_count"].number(), 1);
    assert_eq!(new["retry_source"]["job_id"], before["id"]);
    assert_eq!(new["retry_source"]["retry_type"].str(), "manual");
    for same in [
        "type",
        "name",
        "step_key",
        "step",
        "priority",
        "agent_query_rules",
        "command",
        "build_url",
    ] {
        assert_eq!(new[same], before[same], "{same}");
    }

    // And the old one keeps its end, and names its successor and who asked for it
    let me = story.client.get("/user").expect(200);
    let build = story.look();
    let old = &build["jobs"][0];
    assert_eq!(old["id"], before["id"]);
    assert!(old["retried"].bool());
    assert_eq!(old["retried_in_job_id"], new["id"]);
    assert_eq!(old["retry_type"].str(), "manual");
    assert_eq!(old["retried_by"]["id"], me["id"]);
    assert!(old["retries_count"].is_null(), "a first attempt has none");
    assert!(old["retry_source"].is_null());
    for same in ["state", "exit_status", "started_at", "finished_at", "agent"] {
        assert_eq!(old[same], before[same], "{same}");
    }

    // And the next counts on, and goes back to the first one's place in the queue
    story.build.job("test").fail(7);
    let third = story.put_job("test", "retry").expect(200);
    assert_eq!(third["retries_count"].number(), 2);
    assert_eq!(third["retry_source"]["job_id"], new["id"]);
    assert_eq!(third["scheduled_at"], before["scheduled_at"]);
}

#[test]
fn a_retry_by_hand_is_one_by_the_fakes_user() {
    let mut story = Story::of("C(1)");
    story.run();
    let new = story.build.job("s1").retry();
    assert_eq!(new.attempt(), 2);
    let me = story.client.get("/user").expect(200);
    let build = story.look();
    assert_eq!(build["jobs"][0]["retried_by"]["id"], me["id"]);
    assert_eq!(build["jobs"][1]["id"].str(), new.id().to_string());
}

#[test]
fn a_failing_build_runs_again_when_what_failed_is_retried() {
    // Given a build that is failing
    let mut story = Story::of("C(1) C(0,slow)");
    story.app.on_job("s1").exits(1).then().exits(0);
    story.fake.advance(seconds(20));
    story.look();
    // When what failed is retried, then it runs, since when it always did
    story.put_job("s1", "retry").expect(200);
    assert_eq!(story.instants(), "started 1, failing 11");
    story.run();
    story.check(
        "failed+retried passed passed",
        "failing running passed"
            .replace("failing", "scheduled failing")
            .as_str(),
        "started 1, failing 11, finished 61",
    );
}

#[test]
fn a_failing_build_stays_so_while_something_else_has_failed_too() {
    // Given two failures beside a job that runs
    let mut story = Story::of("C(1) C(1) C(hangs)");
    story.fake.advance(seconds(20));
    // When one is retried and passes, then the other still counts
    story.put_job("s1", "retry").expect(200);
    assert_eq!(story.look()["state"].str(), "failing");
    story.build.job("s1").pass();
    assert_eq!(story.look()["state"].str(), "failing");
    // When the other is retried too
    story.put_job("s2", "retry").expect(200);
    assert_eq!(story.look()["state"].str(), "running");
    // And fails again, the first failure is what is remembered
    story.build.job("s2").fail(1);
    assert_eq!(story.look()["state"].str(), "failing");
    assert_eq!(story.instants(), "started 1, failing 11");
}

#[test]
fn a_failed_build_starts_anew_when_a_job_is_retried() {
    let mut story = Story::of("C(1)");
    story.run();
    story.fake.advance(seconds(60));
    story.put_job("s1", "retry").expect(200);
    // The build runs at once, although its job only waits for an agent
    assert_eq!(story.look()["state"].str(), "running");
    assert_eq!(story.instants(), "started 71");
    story.run();
    story.check(
        "failed+retried failed",
        "scheduled running failed running failed",
        "started 71, finished 82",
    );
}

#[test]
fn a_build_that_ended_before_anything_started_runs_when_its_job_is_retried() {
    let retry = |steps: &str, end: &dyn Fn(&Story), seen: &str| {
        let mut story = Story::without_agents(steps);
        end(&story);
        story.look();
        story.fake.advance(seconds(60));
        story.put_job("s1", "retry").expect(200);
        assert_eq!(story.instants(), "started 60", "{steps}");
        assert_eq!(story.seen(), seen, "{steps}");
        story.build.job("s1").pass();
        assert_eq!(story.instants(), "started 60, finished 60", "{steps}");
    };
    retry(
        "C(0)",
        &|story| story.build.job("s1").expire(),
        "scheduled failed running",
    );
    retry(
        "C(0)",
        &|story| story.build.job("s1").cancel(),
        "scheduled failed running",
    );
    retry(
        "C(0,soft)",
        &|story| story.build.job("s1").cancel(),
        "scheduled passed running",
    );
}

#[test]
fn a_failed_build_with_another_failure_runs_and_is_failing() {
    let mut story = Story::of("C(1) C(1) W C(0)");
    story.run();
    story.fake.advance(seconds(60));
    let path = "failed -> running";
    story.put_job("s1", "retry").expect(200);
    let events = story.fake.events().to_string();
    assert!(events.contains(path), "{events}");
    assert_eq!(story.look()["state"].str(), "failing");
    // What waited for it waits again
    assert_eq!(
        story.jobs(),
        "failed+retried scheduled failed waiting waiting"
    );
    story.build.job("s1").pass();
    assert_eq!(
        story.jobs(),
        "failed+retried passed failed waiting_failed waiting_failed"
    );
    assert_eq!(story.look()["state"].str(), "failed");
}

#[test]
fn a_passed_build_runs_again_when_a_soft_failure_is_retried() {
    let mut story = Story::of("C(1,soft) W C(0)");
    story.app.on_job("s1").exits(1).then().exits(0);
    story.run();
    story.fake.advance(seconds(60));
    story.put_job("s1", "retry").expect(200);
    assert_eq!(story.instants(), "started 82");
    // What ran already does not run again
    assert_eq!(story.jobs(), "failed+soft+retried scheduled passed passed");
    story.run();
    story.check(
        "failed+soft+retried passed passed passed",
        "scheduled running passed running passed",
        "started 82, finished 93",
    );
}

#[test]
fn a_blocked_build_runs_again_when_a_soft_failure_is_retried() {
    let mut story = Story::of("C(1,soft) B");
    story.run();
    story.put_job("s1", "retry").expect(200);
    assert_eq!(story.instants(), "started 1");
    story.run();
    story.check(
        "failed+soft+retried failed+soft blocked",
        "scheduled running blocked:passed running blocked:passed",
        "started 1, finished 22",
    );
}

#[test]
fn what_was_given_up_for_a_failure_waits_again() {
    // Given a block step and an input step that were given up
    let mut story = Story::of("C(1) B C(0) I");
    story.app.on_job("s1").exits(1).then().exits(0);
    story.run();
    assert_eq!(
        story.jobs(),
        "failed blocked_failed waiting_failed blocked_failed"
    );
    // When what failed is retried
    story.put_job("s1", "retry").expect(200);
    // Then both can be unblocked again
    assert_eq!(
        story.jobs(),
        "failed+retried scheduled blocked waiting blocked"
    );
    assert!(story.job("s2")["unblockable"].bool());
    story.run();
    story.check(
        "failed+retried passed blocked waiting blocked",
        "scheduled running failed running blocked:passed",
        "started 11, finished 22",
    );
}

#[test]
fn an_input_step_stays_given_up_while_anything_has_failed() {
    let mut story = Story::of("C(1) C(1) I");
    story.run();
    story.put_job("s1", "retry").expect(200);
    assert_eq!(
        story.jobs(),
        "failed+retried scheduled failed blocked_failed"
    );
    story.put_job("s2", "retry").expect(200);
    assert_eq!(
        story.jobs(),
        "failed+retried scheduled failed+retried scheduled blocked"
    );
}

#[test]
fn a_step_that_waits_for_a_missing_one_gives_up_again_after_a_retry() {
    // Given a build that failed for a missing step alone
    let mut story = Story::told(
        "steps:
          - {command: make, key: soft, soft_fail: true}
          - {command: make, key: lost, depends_on: nope}",
        |app| {
            app.on_job("soft").exits(1);
        },
    );
    story.run();
    assert_eq!(story.jobs(), "failed+soft waiting_failed");
    story.put_job("soft", "retry").expect(200);
    assert_eq!(story.jobs(), "failed+soft+retried scheduled waiting");
    story.run();
    story.check(
        "failed+soft+retried failed+soft waiting_failed",
        "scheduled running failed running failed",
        "started 11, finished 22",
    );
}

#[test]
fn retried_jobs_are_listed_and_counted_on_demand() {
    // Given a build with two attempts of its first job
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}, {command: make, key: lint}]")
        .create();
    app.on_job("test").exits(1).then().exits(0);
    let build = app.create_build();
    fake.run_until_idle();
    build.job("test").retry();
    fake.run_until_idle();
    let client = client(&fake);
    let states = |build: &Json| -> Vec<String> {
        let jobs = build["jobs"].items().iter();
        jobs.map(|job| job["state"].str().to_owned()).collect()
    };
    let get = |query: &str| client.get(&format!("{BUILD}?{query}")).expect(200);
    let counts = |build: &Json| {
        let counts = &build["job_state_counts"];
        let states = counts["states"].entries().iter();
        let states: Vec<_> = states
            .map(|(state, n)| format!("{state} {}", n.number()))
            .collect();
        format!("{}: {}", counts["total"].number(), states.join(", "))
    };
    // Then a client sees the latest, unless it asks for all
    for latest in ["", "include_retried_jobs=false"] {
        assert_eq!(states(&get(latest)), ["passed", "passed"]);
        assert_eq!(counts(&get(latest)), "2: passed 2");
    }
    let all = "include_retried_jobs=true";
    assert_eq!(states(&get(all)), ["failed", "passed", "passed"]);
    assert_eq!(counts(&get(all)), "3: passed 2, failed 1");
    // Counts are over all of them, whatever else a client leaves out
    assert_eq!(
        counts(&get("include_retried_jobs=true&exclude_jobs=true")),
        "3: passed 2, failed 1"
    );
    let failed = get("include_retried_jobs=true&job_states[]=failed");
    assert_eq!(states(&failed), ["failed"]);
    assert_eq!(counts(&failed), "3: passed 2, failed 1");
    assert_eq!(states(&get("job_states[]=failed")), Vec::<String>::new());
    // And the same goes for lists, which do not count
    for list in [
        "/organizations/acme/pipelines/app/builds",
        "/organizations/acme/builds",
        "/builds",
    ] {
        let shown = |query: &str| client.get(&format!("{list}?{query}")).expect(200)[0].clone();
        assert_eq!(states(&shown("")), ["passed", "passed"], "{list}");
        assert_eq!(
            states(&shown(all)),
            ["failed", "passed", "passed"],
            "{list}"
        );
        assert_eq!(shown(all).get("job_state_counts"), None, "{list}");
    }
}

#[test]
fn attempts_of_a_script_count_along_retries_and_rebuilds() {
    // Given a job that passes at its third attempt
    let mut story = Story::told("steps: [{command: make, key: test}]", |app| {
        app.on_job("test").exits(1).then().exits(2).then().exits(0);
    });
    story.run();
    assert_eq!(story.job("test")["exit_status"].number(), 1);
    // When it is retried, it is the second attempt
    story.put_job("test", "retry").expect(200);
    story.run();
    assert_eq!(story.job("test")["exit_status"].number(), 2);
    // When the build is rebuilt, it is the third
    let rebuilt = story.put("rebuild").expect(200);
    assert_eq!(rebuilt["number"].number(), 2);
    assert!(rebuilt["jobs"][0]["retries_count"].is_null());
    story.fake.run_until_idle();
    let third = story.client.build("app", 2);
    assert_eq!(third["jobs"][0]["exit_status"].number(), 0);
    // And the last one described is every later one
    story
        .client
        .put("/organizations/acme/pipelines/app/builds/2/rebuild");
    story.fake.run_until_idle();
    let fourth = story.client.build("app", 3);
    assert_eq!(fourth["jobs"][0]["exit_status"].number(), 0);
    // But a new build begins anew
    story.client.create_build("app");
    story.fake.run_until_idle();
    let anew = story.client.build("app", 4);
    assert_eq!(anew["jobs"][0]["exit_status"].number(), 1);
}

#[test]
fn attempts_that_never_started_do_not_count_for_scripts() {
    // Given a build that was canceled before an agent came
    let story = Story::told("steps: [{command: make, key: test}]", |app| {
        app.on_job("test").exits(1).then().exits(0);
    });
    story.put("cancel").expect(200);
    // When it is rebuilt, its job begins with the first attempt
    story.put("rebuild").expect(200);
    story.fake.run_until_idle();
    let rebuilt = story.client.build("app", 2);
    assert_eq!(rebuilt["jobs"][0]["exit_status"].number(), 1);
    assert_eq!(
        rebuilt["rebuilt_from"]["id"],
        text(&story.build.id().to_string())
    );
}

#[test]
fn a_retried_jobs_time_to_expire_begins_with_itself() {
    // Given a job that expired, by hand
    let mut story = Story::without_agents("C(0)");
    story.build.job("s1").expire();
    // When it is retried ten days later
    story.fake.advance(fake_buildkite::days(10));
    story.put_job("s1", "retry").expect(200);
    // Then the new one has thirty days of its own
    story
        .fake
        .advance(fake_buildkite::days(30).saturating_sub(seconds(1)));
    assert_eq!(story.jobs(), "expired+retried scheduled");
    story.fake.advance(seconds(1));
    assert_eq!(story.jobs(), "expired+retried expired");
    let job = story.job("s1");
    let instants = instants_of(&job, &["runnable_at", "expired_at"], &job["created_at"]);
    assert_eq!(instants, "runnable 0, expired 2592000");
}

#[test]
fn a_retried_job_waits_for_what_waits_again_because_of_its_retry() {
    // Given a job that may follow a failure, behind one that a person holds back, in a build that failed for it alone
    let fake = FakeBuildkite::start();
    let steps = "steps:
        - {block: Go?, key: go}
        - {command: a, key: a, depends_on: go}
        - {command: b, key: b, depends_on: a, allow_dependency_failure: true}";
    let build = fake.pipeline("app").steps(steps).create_build();
    build.job("b").cancel();
    assert_eq!(build.job("a").state(), JobState::WaitingFailed);
    // When it is retried
    let again = build.job("b").retry();
    // Then it waits for the other, which waits for the person again
    assert_eq!(build.job("go").state(), JobState::Blocked);
    assert_eq!(build.job("a").state(), JobState::Waiting);
    assert_eq!(again.state(), JobState::Waiting);
    assert!(build.is_blocked());
}

#[test]
fn jobs_retried_together_wait_for_each_other_as_before() {
    // Given a job that may follow a failure, behind a block step; both jobs were canceled
    let fake = FakeBuildkite::start();
    let steps = "steps:
        - {command: a, key: a}
        - {block: Go?, key: go}
        - {command: b, key: b, allow_dependency_failure: true}";
    let build = fake.pipeline("app").steps(steps).create_build();
    build.job("b").cancel();
    build.job("a").cancel();
    assert_eq!(build.job("go").state(), JobState::BlockedFailed);
    // When both are retried at once
    build.retry_failed_jobs();
    // Then the second waits for the person, who waits for the first
    let jobs = build.all_jobs();
    let states: Vec<_> = jobs.iter().map(|job| job.state().as_str()).collect();
    let expected = ["canceled", "scheduled", "blocked", "canceled", "waiting"];
    assert_eq!(states, expected);
}

#[test]
fn what_waits_for_a_missing_step_waits_again_with_what_else_it_waits_for() {
    // Given a step that waits for another and for one that nobody has, in a build with another failure
    let mut story = told(
        "{command: bad, key: bad}, {command: bad, key: other}, {command: make, depends_on: [bad, nope]}",
    );
    story.run();
    assert_eq!(story.jobs(), "failed failed waiting_failed");
    // When the other one is retried
    story.put_job("bad", "retry").expect(200);
    // Then it waits as it would without the missing one, and gives up with the build once more
    assert_eq!(story.jobs(), "failed+retried scheduled failed waiting");
    story.run();
    assert_eq!(story.jobs(), "failed+retried failed failed waiting_failed");
}

#[test]
fn a_wait_step_goes_on_when_a_retry_comes_to_what_it_overlooks() {
    // Given a wait step that overlooks failures, and one job before it was canceled, which it does not overlook
    let fake = FakeBuildkite::start();
    let steps = "steps:
        - {command: a, key: a}
        - {group: Asked, steps: [{block: Go?, key: go}, {command: b, key: b}]}
        - {wait: ~, continue_on_failure: true}
        - {command: c, key: c}";
    let build = fake.pipeline("app").steps(steps).create_build();
    build.job("b").cancel();
    build.job("a").fail(1);
    let before = "failed blocked_failed canceled waiting_failed waiting_failed";
    assert_eq!(states(&build), before);
    // When that is retried, and gives up at once because of the block step before it
    build.job("b").retry();
    // Then nothing holds the wait step
    assert_eq!(
        states(&build),
        "failed blocked_failed canceled+retried waiting_failed passed scheduled"
    );
    fake.run_until_idle();
    assert_eq!(build.job("c").state(), JobState::Passed);
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn jobs_retried_together_wait_for_what_the_last_of_them_opens_again() {
    // Given a block step that was given up with its build, and behind it a job that may follow a failure
    let fake = FakeBuildkite::start();
    let steps = "steps:
        - {block: Go?, key: go}
        - {command: a, key: a, allow_dependency_failure: true}
        - {command: b, key: b, depends_on: []}";
    let build = fake.pipeline("app").steps(steps).create_build();
    build.job("a").cancel();
    build.job("b").fail(1);
    assert_eq!(states(&build), "blocked_failed canceled failed");
    // When it is retried with the one that the build failed for
    build.retry_failed_jobs();
    // Then it waits for the person again
    assert_eq!(
        states(&build),
        "blocked canceled+retried waiting failed+retried scheduled"
    );
}
