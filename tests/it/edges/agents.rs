//! Agents, along every edge of their table: people pause, resume and stop them, and they go or are lost.

use fake_buildkite::{AgentHandle, Agents, FakeBuildkite, agent, minutes, seconds};

use crate::support::client;

/// One agent, and what a client does to it.
fn with_agent(story: impl FnOnce(&FakeBuildkite, &AgentHandle)) -> FakeBuildkite {
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("worker")]))
        .start();
    let worker = fake.agent("worker");
    story(&fake, &worker);
    fake
}

fn put(fake: &FakeBuildkite, agent: &AgentHandle, what: &str) {
    let path = format!("/organizations/acme/agents/{}/{what}", agent.id());
    let answer = client(fake).put_body(&path, "{}");
    assert_eq!(answer.status / 100, 2, "{answer:?}");
}

/// The agent has a job that does not end.
fn is_busy(fake: &FakeBuildkite) {
    let app = fake.pipeline("app").create();
    app.on_job("*").hangs();
    app.create_build();
    fake.advance(seconds(5));
}

pub(super) fn an_agent_is_paused_and_resumed() -> FakeBuildkite {
    with_agent(|fake, worker| {
        put(fake, worker, "pause");
        assert!(worker.is_paused());
        put(fake, worker, "resume");
        assert!(!worker.is_paused());
    })
}

pub(super) fn an_agent_that_is_told_to_stop_goes_when_its_job_has_ended() -> FakeBuildkite {
    with_agent(|fake, worker| {
        is_busy(fake);
        put(fake, worker, "stop");
        fake.advance(minutes(1));
    })
}

pub(super) fn a_paused_agent_is_stopped() -> FakeBuildkite {
    with_agent(|fake, worker| {
        put(fake, worker, "pause");
        put(fake, worker, "stop");
    })
}

pub(super) fn an_agent_goes_by_itself() -> FakeBuildkite {
    with_agent(|_, worker| worker.disconnect())
}

pub(super) fn a_paused_agent_goes_by_itself() -> FakeBuildkite {
    with_agent(|fake, worker| {
        put(fake, worker, "pause");
        worker.disconnect();
    })
}

pub(super) fn an_agent_that_is_not_heard_of_is_lost() -> FakeBuildkite {
    with_agent(|fake, worker| {
        worker.silence();
        fake.advance(minutes(4));
    })
}

pub(super) fn a_paused_agent_that_is_not_heard_of_is_lost() -> FakeBuildkite {
    with_agent(|fake, worker| {
        put(fake, worker, "pause");
        worker.silence();
        fake.advance(minutes(4));
    })
}

pub(super) fn a_stopping_agent_that_is_not_heard_of_is_lost() -> FakeBuildkite {
    with_agent(|fake, worker| {
        is_busy(fake);
        worker.stop_gracefully();
        worker.silence();
        fake.advance(minutes(4));
    })
}
