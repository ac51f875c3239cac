//! Agents over REST and in the hands of a test: list, get, stop, pause, resume, and what becomes of their jobs.

use fake_buildkite::{
    AgentHandle, AgentMove, AgentSpec, AgentState, Agents, BuildHandle, BuildState, Event,
    EventKind, FakeBuildkite, JobState, SignalReason, agent, minutes, seconds,
};

use crate::support::{Client, client, panic_of, world};

const AGENTS: &str = "/organizations/acme/agents";
const STEPS: &str = "steps: [{command: make, key: a}, {command: make, key: b}]";

fn fleet<const N: usize>(agents: [AgentSpec; N]) -> FakeBuildkite {
    FakeBuildkite::builder()
        .agents(Agents::fleet(agents))
        .start()
}

fn build(fake: &FakeBuildkite) -> BuildHandle {
    let build = fake.pipeline("app").steps(STEPS).create_build();
    fake.advance(seconds(2));
    build
}

fn path(agent: &AgentHandle, verb: &str) -> String {
    format!("{AGENTS}/{}{verb}", agent.id())
}

fn names(client: &Client, query: &str) -> String {
    let list = client.get(&format!("{AGENTS}?{query}")).expect(200);
    let names: Vec<_> = list.items().iter().map(|one| one["name"].str()).collect();
    names.join(" ")
}

fn states(build: &BuildHandle) -> String {
    let jobs = ["a", "b"].map(|key| build.job(key).state().to_string());
    format!("{}: {}", build.state(), jobs.join(" "))
}

// --- Looking ---------------------------------------------------------------------------------------------------------

#[test]
fn an_agent_has_every_documented_key_in_its_order() {
    let fake = fleet([agent("mac")
        .tags(["queue=ios", "os=mac"])
        .priority(3)
        .hostname("box")
        .ip_address("10.0.0.1")
        .version("3.99.0")
        .platform("darwin", "arm64")]);
    let steps = "steps: [{command: make, key: a, agents: {queue: ios}}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    fake.advance(seconds(2));
    let mac = fake.agent("mac");
    let client = client(&fake);
    let pause = r#"{"note":"hot","timeout_in_minutes":7}"#;
    assert_eq!(client.put_body(&path(&mac, "/pause"), pause).status, 204);
    let json = client.get(&path(&mac, "")).expect(200);
    assert_eq!(
        json.keys(),
        [
            "id",
            "graphql_id",
            "url",
            "web_url",
            "name",
            "connection_state",
            "ip_address",
            "hostname",
            "user_agent",
            "version",
            "os_id",
            "arch",
            "queue",
            "creator",
            "created_at",
            "connected_at",
            "disconnected_at",
            "lost_at",
            "stopped_at",
            "job",
            "last_job_finished_at",
            "priority",
            "meta_data",
            "paused",
            "paused_at",
            "paused_by",
            "paused_note",
            "paused_timeout_in_minutes",
        ]
    );
    let words: Vec<_> = [
        "name",
        "connection_state",
        "ip_address",
        "hostname",
        "user_agent",
        "version",
        "os_id",
        "arch",
        "queue",
        "created_at",
        "connected_at",
        "paused_at",
        "paused_note",
    ]
    .iter()
    .map(|key| json[*key].str())
    .collect();
    assert_eq!(
        words,
        [
            "mac",
            "connected",
            "10.0.0.1",
            "box",
            "buildkite-agent/3.99.0 (darwin; arm64)",
            "3.99.0",
            "darwin",
            "arm64",
            "ios",
            "2030-01-01T00:00:00.000Z",
            "2030-01-01T00:00:00.000Z",
            "2030-01-01T00:00:02.000Z",
            "hot",
        ]
    );
    assert!(json["paused"].bool());
    assert_eq!(json["paused_by"]["name"].str(), "Fake User");
    assert_eq!(json["paused_timeout_in_minutes"].number(), 7);
    assert_eq!(json["priority"].number(), 3);
    // The job it has, which does not say once more with whom it is
    assert_eq!(json["job"]["id"].str(), build.job("a").id().to_string());
    assert_eq!(json["job"]["state"].str(), "running");
    assert!(json["job"]["agent"].is_null());
    // As the job shows it, it is shorter
    let of_job = client.build("app", 1)["jobs"][0]["agent"].clone();
    assert_eq!(of_job.keys().len(), 16);
    assert!(of_job["job"].is_null());
    assert_eq!(of_job["web_url"].str(), json["web_url"].str());
    // And in the list it is the same
    assert_eq!(client.get(AGENTS).expect(200)[0], json);
}

#[test]
fn the_list_has_who_is_here_newest_first_page_by_page() {
    let fake = fleet([
        agent("a"),
        agent("b").version("3.0.0").hostname("box"),
        agent("c").hostname("box"),
    ]);
    let client = client(&fake);
    for (query, expected) in [
        ("", "c b a"),
        ("name=b", "b"),
        ("name=B", ""),
        ("hostname=box", "c b"),
        ("hostname=box&version=3.0.0", "b"),
        ("version=3.0", ""),
        ("cluster_queue_id=0191a5a0-0000-7000-8000-000000000000", ""),
        ("name=&per_page=2", "c b"),
        ("per_page=2&page=2", "a"),
    ] {
        assert_eq!(names(&client, query), expected, "{query}");
    }
    let first = client.get(&format!("{AGENTS}?per_page=2"));
    assert!(
        first
            .header("link")
            .is_some_and(|link| link.contains("rel=\"next\""))
    );
    // One that is stopping is still in it; who has gone is not, and can be got all the same
    build(&fake);
    let handles = fake.agents();
    handles[0].stop_gracefully();
    handles[1].lose();
    handles[2].disconnect();
    assert_eq!(names(&client, ""), "a");
    for (handle, state) in handles.iter().zip(["stopping", "lost", "disconnected"]) {
        let json = client.get(&path(handle, "")).expect(200);
        assert_eq!(json["connection_state"].str(), state);
        assert_eq!(handle.state().as_str(), state);
        assert_eq!(json["lost_at"].is_null(), state != "lost");
        assert_eq!(json["disconnected_at"].is_null(), state != "disconnected");
        assert!(json["stopped_at"].is_null());
    }
}

#[test]
fn an_agent_is_found_in_its_own_organization_only() {
    let spec = agent("theirs").organization("initech");
    let fake = FakeBuildkite::builder()
        .organization("acme")
        .organization("initech")
        .agents(Agents::fleet([spec]))
        .start();
    let client = client(&fake);
    let theirs = fake.agent("theirs");
    assert_eq!(names(&client, ""), "");
    assert_eq!(
        client.get("/organizations/initech/agents").expect(200)[0]["name"].str(),
        "theirs"
    );
    let before = world(&fake, &["acme", "initech"]);
    assert_eq!(
        client.get(&path(&theirs, "")).message(404),
        "No agent found"
    );
    for verb in ["/stop", "/pause", "/resume"] {
        let answer = client.put_body(&path(&theirs, verb), "{");
        assert_eq!(answer.message(404), "No agent found");
    }
    assert_eq!(world(&fake, &["acme", "initech"]), before);
    // Nor does it take a job of another
    let build = build(&fake);
    assert_eq!(states(&build), "scheduled: scheduled scheduled");
}

#[test]
fn a_client_that_has_an_agent_is_spared_it_until_it_changes() {
    let fake = fleet([agent("a")]);
    let client = client(&fake);
    let a = fake.agent("a");
    let tag = |client: &Client| {
        let answer = client.get(&path(&a, ""));
        answer.header("etag").expect("a tag").to_owned()
    };
    let mut tags = vec![tag(&client)];
    assert_eq!(tag(&client), tags[0]);
    let again = client.send("GET", &path(&a, ""), &[("if-none-match", &tags[0])], None);
    assert_eq!(again.status, 304);
    let build = build(&fake);
    tags.push(tag(&client));
    build.job("a").promise_failure(1);
    tags.push(tag(&client));
    a.pause();
    tags.push(tag(&client));
    a.resume();
    build.job("a").finish(1);
    tags.push(tag(&client));
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count, "{tags:?}");
}

// --- Stop ------------------------------------------------------------------------------------------------------------

#[test]
fn a_stop_cancels_the_job_with_its_build_and_the_agent_goes_when_the_command_has_ended() {
    for body in ["", "{}", r#"{"force":true}"#, r#"{"force":null}"#] {
        let fake = fleet([agent("only")]);
        let build = build(&fake);
        let only = fake.agent("only");
        let answer = client(&fake).put_body(&path(&only, "/stop"), body);
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        assert_eq!(only.state(), AgentState::Stopping);
        assert_eq!(states(&build), "canceling: canceling canceled");
        fake.advance(seconds(10));
        assert_eq!(states(&build), "canceled: canceled canceled");
        assert_eq!(only.state(), AgentState::Stopped);
        let json = client(&fake).get(&path(&only, "")).expect(200);
        for key in ["stopped_at", "disconnected_at", "last_job_finished_at"] {
            assert_eq!(json[key].str(), "2030-01-01T00:00:12.000Z", "{key}");
        }
        let events = fake.events().to_string();
        assert!(events.contains("agent only connected -> stopping\n"));
        assert!(events.contains("agent only stopping -> stopped\n"));
    }
}

#[test]
fn a_stop_without_force_lets_the_agent_finish_its_job_and_take_no_other() {
    let fake = fleet([agent("only")]);
    let build = build(&fake);
    let only = fake.agent("only");
    let stopped = client(&fake).put_body(&path(&only, "/stop"), r#"{"force":false}"#);
    assert_eq!(stopped.status, 204);
    let idle = fake.run_until_idle();
    assert_eq!(states(&build), "running: passed scheduled");
    assert_eq!(only.state(), AgentState::Stopped);
    assert_eq!(
        idle.waiting_on[0].to_string(),
        "app#1 b is scheduled: no agent picks it up"
    );
    // The next one to connect goes on
    fake.connect_agent(agent("next"));
    fake.run_until_idle();
    assert_eq!(states(&build), "passed: passed passed");
}

#[test]
fn only_connected_agents_can_be_stopped() {
    let fake = fleet(["busy", "idle", "lost"].map(agent));
    fake.agent("lost").lose();
    let build = build(&fake);
    fake.agent("busy").stop_gracefully();
    fake.agent("idle").disconnect();
    let client = client(&fake);
    let before = world(&fake, &["acme"]);
    let (patient, forced) = (r#"{"force":false}"#, "");
    for (name, bodies) in [
        // Which is stopping, and can be stopped by force alone.
        ("busy", &[patient][..]),
        ("idle", &[patient, forced]),
        ("lost", &[patient, forced]),
    ] {
        for body in bodies {
            let refused = client.put_body(&path(&fake.agent(name), "/stop"), body);
            let text = "{\"message\":\"Can only stop connected agents\"}\n";
            assert_eq!((refused.status, refused.text.as_str()), (400, text));
        }
        let wrong = client.put_body(&path(&fake.agent(name), "/stop"), r#"{"force":"no"}"#);
        assert_eq!(wrong.message(422), "Validation Failed");
    }
    assert_eq!(world(&fake, &["acme"]), before);
    drop(build);
}

#[test]
fn an_agent_that_is_stopping_is_stopped_by_force_and_does_not_finish_its_job() {
    // Given an agent that finishes its job before it goes
    let fake = fleet([agent("busy")]);
    let (build, busy) = (build(&fake), fake.agent("busy"));
    let client = client(&fake);
    let patient = r#"{"force":false}"#;
    assert_eq!(client.put_body(&path(&busy, "/stop"), patient).status, 204);
    let stopping = client.get(&path(&busy, "")).expect(200);
    fake.advance(seconds(2));
    assert_eq!(busy.state(), AgentState::Stopping);
    // When it is stopped by force, and once more
    for _ in 0..2 {
        assert_eq!(client.put(&path(&busy, "/stop")).status, 204);
        // Then it is stopping as before
        let shown = client.get(&path(&busy, "")).expect(200);
        assert_eq!(shown["connection_state"].str(), "stopping");
        assert_eq!(shown["stopped_at"], stopping["stopped_at"]);
    }
    // And its job is canceled, and it goes
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Canceled);
    assert_eq!(busy.state(), AgentState::Stopped);
    let events = fake.events();
    let times = |state| {
        let is_it =
            |event: &&Event| matches!(event.kind, EventKind::Agent { to, .. } if to == state);
        events.iter().filter(is_it).count()
    };
    assert_eq!(times(AgentState::Stopping), 1);
    assert_eq!(times(AgentState::Stopped), 1);
}

#[test]
fn in_the_simulated_fleet_another_agent_takes_the_place_of_one_that_went() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    app.create_build();
    fake.run_until_idle();
    fake.agent("fake-agent-1").stop();
    app.create_build();
    fake.advance(seconds(2));
    // Nor does it wait for one that is paused
    fake.agent("fake-agent-2").pause();
    fake.run_until_idle();
    app.create_build();
    fake.run_until_idle();
    let agents: Vec<_> = (1..=3)
        .map(|number| app.build_number(number).all_jobs()[0].agent().expect("one"))
        .map(|agent| format!("{} {}", agent.name(), agent.state()))
        .collect();
    assert_eq!(
        agents,
        [
            "fake-agent-1 stopped",
            "fake-agent-2 connected",
            "fake-agent-3 connected"
        ]
    );
}

// --- Pause -----------------------------------------------------------------------------------------------------------

#[test]
fn a_paused_agent_finishes_its_job_and_takes_the_next_when_it_is_resumed() {
    let fake = fleet([agent("only")]);
    let build = build(&fake);
    let only = fake.agent("only");
    let client = client(&fake);
    let paused = client.put_body(&path(&only, "/pause"), "");
    assert_eq!((paused.status, paused.text.as_str()), (204, ""));
    let idle = fake.run_until_idle();
    assert_eq!(states(&build), "running: passed scheduled");
    assert!(only.is_paused() && only.is_connected());
    assert_eq!(
        idle.waiting_on[0].to_string(),
        "app#1 b is scheduled: agent only is paused"
    );
    let before = fake.clock().now();
    assert_eq!(client.put_body(&path(&only, "/resume"), "{}").status, 204);
    assert_eq!(states(&build), "running: passed running");
    assert_eq!(fake.clock().now(), before);
    let json = client.get(&path(&only, "")).expect(200);
    assert!(!json["paused"].bool() && json["paused_timeout_in_minutes"].is_null());
}

#[test]
fn a_pause_ends_by_itself_after_five_minutes_or_as_many_as_were_said() {
    for (body, expected) in [
        ("", 5),
        (r#"{"timeout_in_minutes":null}"#, 5),
        (r#"{"timeout_in_minutes":0}"#, 5),
        (r#"{"timeout_in_minutes":60,"note":" "}"#, 60),
    ] {
        let fake = fleet([agent("only")]);
        let only = fake.agent("only");
        let paused = client(&fake).put_body(&path(&only, "/pause"), body);
        assert_eq!(paused.status, 204);
        assert_eq!(only.paused_note(), None);
        let until = fake.clock().now() + minutes(expected);
        assert_eq!(only.paused_until(), Some(until));
        let build = build(&fake);
        fake.advance(seconds(60 * expected - 3));
        assert_eq!(states(&build), "scheduled: scheduled scheduled");
        let happened = fake.advance(seconds(1)).to_string();
        assert!(happened.contains("agent only resumed\n"), "{happened}");
        assert_eq!(states(&build), "running: running scheduled");
        assert_eq!(build.job("a").started_at(), Some(until));
    }
}

#[test]
fn others_take_the_jobs_of_a_paused_agent() {
    let fake = fleet([agent("first").priority(1), agent("second")]);
    fake.agent("first").pause_for(minutes(60));
    let build = build(&fake);
    fake.run_until_idle();
    assert_eq!(states(&build), "passed: passed passed");
    for key in ["a", "b"] {
        assert_eq!(build.job(key).agent().expect("one").name(), "second");
    }
}

#[test]
fn what_cannot_be_paused_or_resumed_is_refused_and_nothing_changes() {
    let fake = fleet(["free", "paused", "stopping", "gone"].map(agent));
    fake.agent("gone").stop();
    fake.agent("free").pause();
    fake.agent("paused").pause();
    build(&fake);
    fake.agent("free").resume();
    fake.agent("stopping").stop_gracefully();
    assert_eq!(fake.agent("stopping").state(), AgentState::Stopping);
    let client = client(&fake);
    let before = world(&fake, &["acme"]);
    for (name, verb, body, status, message) in [
        ("paused", "/pause", "", 422, "Agent is already paused"),
        (
            "stopping",
            "/pause",
            "",
            422,
            "Only connected agents may be paused",
        ),
        (
            "gone",
            "/pause",
            "",
            422,
            "Only connected agents may be paused",
        ),
        ("free", "/resume", "{}", 422, "Agent is not paused"),
        ("stopping", "/resume", "", 422, "Agent is not paused"),
        ("gone", "/resume", "", 422, "Agent is not paused"),
        (
            "free",
            "/pause",
            r#"{"timeout_in_minutes":-1}"#,
            422,
            "Validation Failed",
        ),
        ("free", "/pause", r#"{"note":1}"#, 422, "Validation Failed"),
    ] {
        let refused = client.put_body(&path(&fake.agent(name), verb), body);
        assert_eq!(refused.message(status), message, "{name} {verb} {body}");
    }
    for verb in ["/stop", "/pause", "/resume"] {
        let refused = client.put_body(&path(&fake.agent("free"), verb), "{");
        assert!(refused.message(400).starts_with("Invalid JSON"));
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_paused_agent_can_be_stopped_and_its_pause_ends_with_that() {
    let fake = fleet([agent("only")]);
    let only = fake.agent("only");
    let build = build(&fake);
    only.pause();
    only.stop_gracefully();
    assert!(!only.is_paused());
    fake.advance(minutes(10));
    assert_eq!(only.state(), AgentState::Stopped);
    assert_eq!(states(&build), "running: passed scheduled");
}

// --- In the hands of a test ------------------------------------------------------------------------------------------

#[test]
fn an_agent_that_goes_takes_its_command_with_it() {
    let fake = fleet(["a", "b"].map(agent));
    let build = build(&fake);
    fake.agent("a").disconnect();
    let job = build.job("a");
    assert_eq!(
        (job.state(), job.exit_status()),
        (JobState::Failed, Some(-1))
    );
    assert_eq!(job.signal_reason(), Some(SignalReason::AgentStop));
    // One that was stopping has stopped then
    fake.agent("b").stop();
    fake.agent("b").disconnect();
    assert_eq!(build.state(), BuildState::Canceled);
    assert_eq!(
        fake.agents()
            .iter()
            .map(AgentHandle::state)
            .collect::<Vec<_>>(),
        [AgentState::Disconnected, AgentState::Stopped]
    );
}

#[test]
fn a_silent_agent_gets_no_job_and_is_lost_after_three_minutes_whatever_it_does() {
    for verb in ["nothing", "pause", "stop"] {
        let fake = fleet([agent("only")]);
        let only = fake.agent("only");
        only.silence();
        match verb {
            "pause" => only.pause(),
            "stop" => only.stop(),
            _ => {}
        }
        let build = build(&fake);
        assert_eq!(states(&build), "scheduled: scheduled scheduled", "{verb}");
        assert_eq!(only.is_connected(), verb != "stop");
        let happened = fake.advance(minutes(3));
        let lost: Vec<_> = happened.iter().filter_map(|event| event.agent()).collect();
        assert_eq!(lost.len(), 1, "{happened}");
        assert_eq!(only.state(), AgentState::Lost, "{verb}");
        assert_eq!(states(&build), "scheduled: scheduled scheduled", "{verb}");
    }
}

#[test]
fn a_move_that_is_not_possible_says_what_is() {
    let fake = fleet([agent("only")]);
    let only = fake.agent("only");
    only.pause();
    assert_eq!(
        panic_of(|| only.pause()),
        "agent only cannot make the move `pause()`: it is connected and paused\n  \
         possible now: stop(), stop_gracefully(), resume(), disconnect(), silence(), lose()"
    );
    assert_eq!(
        panic_of(|| only.pause_for(minutes(1))),
        panic_of(|| only.pause())
    );
    only.stop();
    for wanted in AgentMove::ALL {
        let said = only.try_move(*wanted).expect_err("it has gone").to_string();
        let expected = format!(
            "agent only cannot make the move `{wanted}`: it is stopped\n  possible now: nothing"
        );
        assert_eq!(said, expected);
    }
    assert_eq!(format!("{only:?}"), "AgentHandle(only stopped)");
    assert_eq!(
        panic_of(|| only.pause_for(seconds(90))),
        "a pause lasts whole minutes, one at least, and not 90s"
    );
}

#[test]
fn names_that_lead_nowhere_name_the_choices() {
    let fake = fleet([agent("a"), agent("twin"), agent("twin")]);
    assert_eq!(
        panic_of(|| fake.agent("x")),
        "no agent `x`; this fake has `a`, `twin`, `twin`"
    );
    assert_eq!(
        panic_of(|| fake.agent("twin")),
        "several agents are called `twin`: look among `agents()`"
    );
    fake.agents()[1].stop();
    assert!(fake.agent("twin").is_connected());
    assert_eq!(
        panic_of(|| fake.connect_agent(agent("b").organization("x"))),
        "no organization `x` for the agent `b`; this fake has `acme`"
    );
    assert_eq!(
        panic_of(|| fake.connect_agent(agent("b").slots(2))),
        "agents connect one by one: `b` has 2 slots"
    );
    let simulated = FakeBuildkite::start();
    assert_eq!(
        panic_of(|| simulated.agent("x")),
        "no agent `x`; this fake has none: those of the simulated fleet connect with their first job"
    );
    assert!(panic_of(|| simulated.connect_agent(agent("b"))).contains("is not fixed"));
}

#[test]
fn a_world_that_goes_back_takes_its_agents_along() {
    let fake = fleet([agent("only")]);
    let build = build(&fake);
    let only = fake.agent("only");
    only.pause_for(minutes(30));
    let before = fake.snapshot();
    let fork = fake.fork();
    only.stop();
    let late = fake.connect_agent(agent("late"));
    fake.advance(minutes(60));
    fake.rewind(&before);
    assert!(only.is_paused());
    assert_eq!(only.job().expect("one").id(), build.job("a").id());
    assert_eq!(
        panic_of(|| late.name()),
        "this agent is gone: the fake went back to before it connected"
    );
    assert_eq!(format!("{late:?}"), "AgentHandle(gone)");
    for fake in [&fake, &fork] {
        fake.advance(minutes(30));
        assert!(!fake.agent("only").is_paused());
        fake.run_until_idle();
        let build = fake.existing_pipeline("app").build_number(1);
        assert_eq!(states(&build), "passed: passed passed");
    }
}
