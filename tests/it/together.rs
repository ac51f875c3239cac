//! Two things at once: a token that goes while its request is held, a queue that rests while jobs are retried and
//! expire, a team that is left while a build runs, a world that goes back to before an agent and a queue stopped.

use std::thread;

use fake_buildkite::{
    Access, AgentState, Agents, BuildHandle, BuildState, FakeBuildkite, JobState, PipelineUpload,
    Route, Scope, agent, days, hours, minutes,
};

use crate::support::{client, world};

fn states(build: &BuildHandle) -> String {
    let jobs = build.all_jobs();
    let jobs: Vec<_> = jobs.iter().map(|job| job.state().to_string()).collect();
    jobs.join(" ")
}

#[test]
fn a_request_that_is_held_while_its_token_is_revoked_opens_nothing() {
    // Given somebody whose cancel is on its way
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").create_build();
    let ada = fake.add_user("Ada", "ada@example.com");
    let token = ada.token([Scope::WriteBuilds]);
    let gate = fake.hold(Route::CancelBuild);
    let path = "/organizations/acme/pipelines/app/builds/1/cancel";
    let hers = client(&fake).with_token(&token.secret());
    let program = thread::spawn({
        let hers = hers.clone();
        move || hers.put(path)
    });
    gate.arrived().blocking();
    let before = world(&fake, &["acme"]);
    // When the token is revoked before it counts
    token.revoke();
    gate.release();
    // Then it does not count
    let answer = program.join().expect("an answer");
    assert_eq!((answer.status, hers.put(path).text), (401, answer.text));
    assert_eq!(world(&fake, &["acme"]), before);
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
    // And so it is with one that revokes the token itself
    let token = ada.token([Scope::ReadBuilds]);
    let gate = fake.hold(Route::RevokeAccessToken);
    let program = thread::spawn({
        let hers = hers.with_token(&token.secret());
        move || hers.delete("/access-token").status
    });
    gate.arrived().blocking();
    token.revoke();
    gate.release();
    assert_eq!(program.join().expect("an answer"), 401);
}

#[test]
fn a_retry_in_a_paused_queue_has_thirty_days_of_its_own() {
    // Given a job that expired in a queue that rests
    let fake = FakeBuildkite::start();
    let linux = fake.cluster("Linux").create();
    let queue = linux.queue("default");
    let app = fake.pipeline("app").cluster(&linux).create();
    let build = app.create_build();
    queue.pause();
    fake.advance(days(30));
    assert_eq!(states(&build), "expired");
    assert!(queue.waiting_jobs().is_empty());
    // When it is retried there
    let path = "/organizations/acme/pipelines/app/builds/1";
    let id = build.all_jobs()[0].id();
    let retried = client(&fake)
        .put(&format!("{path}/jobs/{id}/retry"))
        .expect(200);
    assert_eq!(retried["state"].str(), "scheduled");
    assert_eq!(queue.waiting_jobs().len(), 1);
    // Then the queue may rest once more as long, but for a moment
    fake.advance(days(29) + hours(23) + minutes(59));
    assert_eq!(states(&build), "expired scheduled");
    queue.resume();
    fake.run_until_idle();
    assert_eq!(states(&build), "expired passed");
    // And what has waited goes at the very instant, however soon the queue is paused again
    queue.pause();
    let next = app.create_build();
    fake.advance(days(29));
    queue.resume();
    queue.pause();
    assert_eq!(states(&next), "running");
}

#[test]
fn who_leaves_a_team_while_their_build_runs_triggers_nothing_more() {
    for comes_back in [false, true] {
        // Given a build that is going to trigger another
        let fake = FakeBuildkite::start();
        let ada = fake.add_user("Ada", "ada@example.com");
        let lib = fake.pipeline("lib").create();
        let app = fake
            .pipeline("app")
            .steps("steps: [{command: make, key: make}, wait, {trigger: lib, key: go}]")
            .create();
        app.on_job("make").takes(hours(1));
        let team = fake.team("Platform").create();
        team.add_member(&ada);
        team.add_pipeline(&app, Access::BuildAndRead);
        team.add_pipeline(&lib, Access::BuildAndRead);
        let hers = client(&fake).with_token(&fake.token_for(&ada, Scope::ALL.iter().copied()));
        hers.create_build("app");
        fake.advance(minutes(1));
        // When who made it is not in the team any more once its turn comes
        team.remove_member(&ada);
        let path = "/organizations/acme/pipelines/app/builds/1";
        assert_eq!(hers.get(path).status, 404);
        fake.advance(minutes(30));
        if comes_back {
            team.add_member(&ada);
        }
        fake.run_until_idle();
        // Then the build ran on, and triggered what they may build then
        let build = app.latest_build();
        assert_eq!(build.job("make").state(), JobState::Passed);
        let (state, builds) = if comes_back {
            (BuildState::Passed, 1)
        } else {
            (BuildState::Failed, 0)
        };
        assert_eq!((build.state(), lib.builds().len()), (state, builds));
        if comes_back {
            assert_eq!(hers.get(path).expect(200)["state"].str(), "passed");
        }
    }
}

#[test]
fn a_world_goes_back_to_before_an_agent_stopped_and_a_queue_was_paused() {
    // Given an agent that is paused for an hour, and a queue with a job
    let fleet = [agent("worker").cluster_queue("Linux", "deploy")];
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet(fleet))
        .start();
    let linux = fake.existing_cluster("Linux");
    let (worker, queue) = (fake.agent("worker"), linux.queue("deploy"));
    let steps = "steps: [{command: ship, key: ship, agents: {queue: deploy}}]";
    let build = fake
        .pipeline("app")
        .cluster(&linux)
        .steps(steps)
        .create_build();
    worker.pause_for(hours(1));
    fake.advance(minutes(20));
    let before = fake.snapshot();
    let ending = |fake: &FakeBuildkite| {
        fake.advance(minutes(41));
        let build = fake.existing_pipeline("app").latest_build();
        let ends = (build.started_at(), build.finished_at());
        (states(&build), ends, fake.events().to_string())
    };
    let expected = ending(&fake.fork());
    assert_eq!(expected.0, "passed");
    // When the agent is stopped and the queue paused
    for _ in 0..2 {
        queue.pause();
        worker.stop();
        fake.advance(hours(2));
        assert_eq!(worker.state(), AgentState::Stopped);
        assert_eq!(states(&build), "scheduled");
        let after = fake.snapshot();
        // Then both are as they were, and the pause ends when it would have
        fake.rewind(&before);
        assert_eq!(worker.state(), AgentState::Connected);
        assert!(worker.is_paused() && !queue.is_paused());
        assert_eq!(queue.waiting_jobs().len(), 1);
        assert_eq!(ending(&fake), expected);
        // And forward again
        fake.rewind(&after);
        assert_eq!(worker.state(), AgentState::Stopped);
        assert!(queue.is_paused() && states(&build) == "scheduled");
        fake.rewind(&before);
    }
}

#[test]
fn whoever_pages_meets_nothing_twice_while_jobs_are_retried_and_replaced() {
    const JOBS: &str = "/organizations/acme/pipelines/app/builds/1/jobs";
    for retried in [true, false] {
        // Given a client with the first of five pages
        let fake = FakeBuildkite::builder().agents(Agents::none()).start();
        let steps: Vec<_> = (0..10)
            .map(|number| format!("{{command: x, key: k{number}}}"))
            .collect();
        let build = fake
            .pipeline("app")
            .steps(format!("steps: [{}]", steps.join(", ")))
            .create_build();
        let client = client(&fake);
        let url = format!("{JOBS}?per_page=2&include_retried_jobs={retried}");
        let keys = |page: &crate::support::Json| -> Vec<String> {
            let items = page["items"].items().iter();
            items.map(|job| job["step_key"].str().to_owned()).collect()
        };
        let first = client.get(&url).expect(200);
        assert_eq!(keys(&first), ["k0", "k1"]);
        build.job("k1").fail(1);
        build.job("k1").retry();
        build.job("k2").fail(1);
        let second = client.get(first["links"]["next"].str()).expect(200);
        assert_eq!(keys(&second), ["k2", "k3"]);
        // When the one it stands behind goes, what follows goes, and others come
        build.job("k2").retry().start();
        build.job("k0").start();
        let upload = PipelineUpload::yaml("steps: [{command: x, key: n0}, {command: x, key: n1}]");
        build.job("k0").upload_pipeline(upload.replacing());
        let mut seen = Vec::new();
        let mut page = client.get(second["links"]["next"].str()).expect(200);
        loop {
            seen.extend(keys(&page));
            match page["links"].get("next") {
                Some(next) => page = client.get(next.str()).expect(200),
                None => break,
            }
        }
        // Then it meets the retries, whose steps have begun, and what came, each once
        assert_eq!(seen, ["k1", "k2", "n0", "n1"]);
        // And on the way back what is there now
        let now = client
            .get(&format!(
                "{JOBS}?per_page=100&include_retried_jobs={retried}"
            ))
            .expect(200);
        let mut back = Vec::new();
        loop {
            back.splice(0..0, keys(&page));
            match page["links"].get("prev") {
                Some(prev) => page = client.get(prev.str()).expect(200),
                None => break,
            }
        }
        assert_eq!(back, keys(&now));
        assert!(back.ends_with(&seen), "{back:?} {seen:?}");
    }
}
