//! Sections 2, 2.1 and 3: what builds become, when, and how a blocked one looks.

use fake_buildkite::{Agents, seconds};

use crate::derived::{beside_lib, by_key, times};
use crate::story::{Story, instant, text, usual};
use crate::support::{Json, client, world};

/// `state`, `blocked` and `blocked_state` of a build.
fn looks(build: &Json) -> (&str, bool, &str) {
    (
        build["state"].str(),
        build["blocked"].bool(),
        build["blocked_state"].str(),
    )
}

#[test]
fn rule_2_a_canceled_job_makes_its_build_failing_and_not_canceled() {
    // Given two jobs that run
    let mut story = Story::of("C(hangs) C(0,slow)");
    story.fake.advance(seconds(1));
    story.look();
    // When one of them is canceled alone
    story.build.job("s1").cancel();
    // Then the build fails with it, once its agent has stopped it
    assert_eq!(story.jobs(), "canceling running");
    story.run();
    story.check(
        "canceled passed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 61",
    );
}

#[test]
fn rule_2_b10_of_two_failures_at_one_instant_the_first_makes_the_build_failing() {
    let mut story = Story::of("C(1) C(1)");
    story.run();
    story.check(
        "failed failed",
        "scheduled running failing failed",
        "started 1, failing 11, finished 11",
    );
}

const PERSON_IN_A_FAILING_BUILD: &str =
    "{command: make, key: bad}, {command: make, key: slow}, {input: Who?, key: who},
     {command: make, key: after, depends_on: who}";

#[test]
fn rule_2_b12_what_a_person_holds_up_is_given_up_with_the_last_job() {
    let mut story = by_key(PERSON_IN_A_FAILING_BUILD);
    // While the build is failing, a person may still act
    story.fake.advance(seconds(30));
    assert_eq!(story.jobs(), "failed running blocked waiting");
    assert!(story.job("who")["unblockable"].bool());
    // When its last job ends, then nobody can any more
    story.run();
    story.check(
        "failed passed blocked_failed waiting_failed",
        "scheduled failing failed",
        "started 1, failing 11, finished 61",
    );
    assert!(!story.job("who")["unblockable"].bool());
    assert_eq!(
        story.put_job("who", "unblock").message(422),
        "The job's state must be blocked"
    );
}

#[test]
fn rule_2_b12_what_a_person_let_go_on_runs_in_a_failing_build() {
    let mut story = by_key(PERSON_IN_A_FAILING_BUILD);
    story.fake.advance(seconds(30));
    story.put_job("who", "unblock").expect(200);
    story.run();
    story.check(
        "failed passed unblocked passed",
        "scheduled failing failed",
        "started 1, failing 11, finished 61",
    );
    assert_eq!(
        times(&mut story, "after"),
        "created 0, scheduled 0, runnable 30, started 31, finished 41"
    );
}

#[test]
fn rule_2_nothing_brings_a_skipped_build_back() {
    // Given a build that a newer one skipped, with a job that was canceled before
    let fake = usual().agents(Agents::none()).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: x}, {input: Who?, key: who}, {command: make, key: y}]")
        .skip_intermediate_builds()
        .create();
    let mut story = Story::of_first_build(fake, app);
    story.build.job("x").cancel();
    story.client.create_build("app");
    assert_eq!(story.jobs(), "canceled skipped skipped");
    let before = world(&story.fake, &["acme"]);
    // When somebody wants to go on with it, then that is refused
    assert_eq!(
        story.put_job("x", "retry").message(422),
        "Jobs from canceled builds cannot be retried"
    );
    assert_eq!(
        story.put_job("who", "unblock").message(422),
        "The job's state must be blocked"
    );
    assert_eq!(
        story.put("cancel").message(422),
        "Build can't be canceled because it's already finished."
    );
    assert_eq!(world(&story.fake, &["acme"]), before);
}

#[test]
fn rule_2_1_failing_at_is_the_first_instant_however_often_a_build_is_failing() {
    let mut story = Story::of("C(1) C(0,slow)");
    story.fake.advance(seconds(20));
    story.look();
    story.put_job("s1", "retry").expect(200);
    story.run();
    story.check(
        "failed+retried failed passed",
        "scheduled failing running failing failed",
        "started 1, failing 11, finished 61",
    );
}

#[test]
fn rule_2_1_a_reopened_build_starts_later_than_those_of_its_jobs_that_are_over() {
    let mut story = Story::of("C(1,soft) C(0)");
    story.run();
    assert_eq!(story.instants(), "started 1, finished 11");
    // When one of two jobs is retried a minute later
    story.fake.advance(seconds(60));
    story.put_job("s1", "retry").expect(200);
    // Then the build starts anew and the other job does not
    assert_eq!(story.instants(), "started 71");
    let (build, other) = (story.look(), story.job("s2"));
    assert!(instant(&build["started_at"]) > instant(&other["finished_at"]));
    assert_eq!(
        times(&mut story, "s2"),
        "created 0, scheduled 0, runnable 0, started 1, finished 11"
    );
}

#[test]
fn rule_2_1_a_triggered_build_is_made_and_scheduled_when_its_trigger_step_starts() {
    let mut story = beside_lib(
        "{command: make}",
        "{command: make}, wait, {trigger: lib, key: go}",
    );
    story.run();
    assert_eq!(
        times(&mut story, "go"),
        "created 0, scheduled 0, runnable 11, started 11, finished 22"
    );
    let (job, child) = (story.job("go"), story.client.build("lib", 1));
    assert_eq!(child["created_at"], job["started_at"]);
    assert_eq!(child["scheduled_at"], job["started_at"]);
    assert_eq!(child["started_at"].str(), "2030-01-01T00:00:12.000Z");
    assert_eq!(child["finished_at"], job["finished_at"]);
    assert_eq!(job.get("exit_status"), None, "no agent ran it");
}

#[test]
fn rule_3_only_a_blocked_build_shows_a_blocked_state() {
    let mut story = by_key("{block: Go?, key: gate, blocked_state: failed}, {command: make}");
    assert_eq!(looks(&story.look()), ("failed", true, "failed"));
    story.put_job("gate", "unblock").expect(200);
    assert_eq!(looks(&story.look()), ("running", false, ""));
    story.run();
    assert_eq!(looks(&story.look()), ("passed", false, ""));
}

#[test]
fn rule_3_a_build_that_failed_is_not_blocked_whatever_its_open_step_says() {
    for look in ["passed", "failed", "running"] {
        let mut story = by_key(&format!(
            "{{command: make, key: bad}}, {{input: Who?, key: who, blocked_state: {look}}}"
        ));
        story.run();
        assert_eq!(looks(&story.look()), ("failed", false, ""), "{look}");
        assert_eq!(story.instants(), "started 1, finished 11", "{look}");
    }
}

#[test]
fn rule_3_a_trigger_step_waits_for_a_blocked_build_whatever_it_looks_like() {
    for look in ["passed", "failed", "running"] {
        // Given a build that triggered one that waits for a person
        let lib = format!("{{block: Go?, key: gate, blocked_state: {look}}}, {{command: make}}");
        let mut story = beside_lib(&lib, "{trigger: lib, key: go}");
        story.run();
        story.fake.advance(seconds(600));
        let child = story.client.build("lib", 1);
        assert_eq!(looks(&child), (look, true, look));
        assert_eq!(story.jobs(), "running");
        // When somebody unblocks it, then both go on
        let url = child["jobs"][0]["unblock_url"].str();
        client(&story.fake).put(url).expect(200);
        story.run();
        story.check("passed", "running passed", "started 0, finished 611");
        assert_eq!(story.job("go")["soft_failed"], Json::Bool(false));
        assert_eq!(story.client.build("lib", 1)["state"], text("passed"));
    }
}
