//! Section 10: concurrency groups, priorities, and which agent runs what.

use fake_buildkite::{Agents, BuildHandle, FakeBuildkite, agent, seconds};

use crate::derived::{by_key, in_world, runnable, yaml};
use crate::story::{states, usual};
use crate::support::client;

/// A build of a pipeline of its own, with these steps.
fn build_of(fake: &FakeBuildkite, name: &str, steps: &str) -> BuildHandle {
    fake.pipeline(name).steps(yaml(steps)).create_build()
}

/// A command `x` in the group `g`, with this limit and what else is said of it.
fn member(limit: u32, extra: &str) -> String {
    format!("{{command: make, key: x, concurrency: {limit}, concurrency_group: g{extra}}}")
}

/// When the job `x` of a build could go on, in seconds since the first build of the fake was made.
fn at(build: &BuildHandle) -> Option<i64> {
    let epoch = "2030-01-01T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>();
    let epoch = epoch.expect("an instant");
    let at = build.job("x").runnable_at()?;
    Some((at - epoch).num_seconds())
}

#[test]
fn rule_10_1_a_job_with_a_larger_limit_passes_one_that_may_not_start() {
    // Given a job that has the only slot, and one that waits for it
    let fake = FakeBuildkite::start();
    let builds = [1, 1, 2, 4].map(|limit| {
        let name = format!("p{}", fake.events().len());
        build_of(&fake, &name, &member(limit, ""))
    });
    // Then it counts as a place ahead for those behind it, who may have more
    let now = builds.each_ref().map(at);
    assert_eq!(now, [Some(0), None, None, Some(0)]);
    fake.run_until_idle();
    let then = builds.each_ref().map(at);
    assert_eq!(then, [Some(0), Some(11), Some(11), Some(0)]);
}

#[test]
fn rule_10_1_a_job_that_is_timing_out_keeps_its_slot_until_it_has_stopped() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps(yaml(&member(1, ", timeout_in_minutes: 1")))
        .create();
    app.on_job("x").hangs();
    let (_first, second) = (app.create_build(), app.create_build());
    fake.advance(seconds(65));
    assert_eq!(at(&second), None);
    fake.advance(seconds(6));
    assert_eq!(at(&second), Some(71));
}

#[test]
fn rule_10_1_a_step_that_gave_up_gives_up_its_place() {
    // Given an older build whose member waits for a command that will fail
    let fake = FakeBuildkite::start();
    let older = fake
        .pipeline("older")
        .steps(yaml(&format!(
            "{{command: make, key: bad}}, wait, {}",
            member(1, "")
        )))
        .create();
    older.on_job("bad").exits(1);
    let older = older.create_build();
    let newer = build_of(&fake, "newer", &member(1, ""));
    fake.advance(seconds(5));
    assert_eq!(at(&newer), None);
    // When it has failed, then the next in the queue goes on
    fake.run_until_idle();
    assert_eq!(states(&older), "failed waiting_failed waiting_failed");
    assert_eq!(at(&newer), Some(11));
}

#[test]
fn rule_10_1_a_job_behind_an_input_step_is_no_member_until_a_person_acts() {
    let fake = FakeBuildkite::start();
    let steps = format!(
        "{{input: Who?, key: who}}, {{command: make, key: first, depends_on: who}}, {}",
        member(1, ", depends_on: first")
    );
    let older = build_of(&fake, "older", &steps);
    // Given an older build whose member is behind an input step, then a newer one passes it
    let newer = build_of(&fake, "newer", &member(1, ""));
    assert_eq!(at(&newer), Some(0));
    fake.run_until_idle();
    // When a person has acted, then it is in front of those that come after, although it has more to wait for
    older.job("who").unblock();
    let last = build_of(&fake, "last", &member(1, ""));
    fake.run_until_idle();
    assert_eq!([at(&older), at(&last)], [Some(22), Some(33)]);
}

#[test]
fn rule_10_1_the_older_build_goes_first_even_if_its_job_was_ready_later() {
    // Given a group that is taken, a newer build whose job is ready, and an older one whose job is not
    let fake = FakeBuildkite::start();
    let holder = fake.pipeline("holder").steps(yaml(&member(1, ""))).create();
    holder.on_job("x").takes(seconds(60));
    holder.create_build();
    let steps = format!("{{command: make}}, wait, {}", member(1, ""));
    let older = build_of(&fake, "older", &steps);
    fake.advance(seconds(1));
    let newer = build_of(&fake, "newer", &member(1, ""));
    fake.run_until_idle();
    // Then the older one goes first
    assert_eq!([at(&older), at(&newer)], [Some(61), Some(72)]);
}

#[test]
fn rule_10_1_a_job_that_expired_frees_its_slot() {
    let mut story = by_key(
        "{command: make, key: idle, concurrency: 1, concurrency_group: g},
         {command: make, key: next, concurrency: 1, concurrency_group: g}",
    );
    story.fake.advance(seconds(9));
    assert_eq!(runnable(&mut story, "next"), None);
    story.build.job("idle").expire();
    assert_eq!(runnable(&mut story, "next"), Some(9));
    assert_eq!(
        story.job("next")["concurrency_wait_time_ms"].number(),
        9_000
    );
    story.run();
    assert_eq!(story.jobs(), "expired passed");
}

#[test]
fn rule_10_2_a_step_without_a_priority_has_that_of_its_pipeline() {
    let fake = usual().agents(Agents::fleet([agent("only")])).start();
    let steps = "[{command: make, key: low, priority: 2}, {command: make, key: plain}, {command: make, key: high, priority: 4}]";
    let build = fake
        .pipeline("app")
        .steps(format!("priority: 3\nsteps: {steps}"))
        .create_build();
    let shown = client(&fake).build("app", 1);
    let jobs = shown["jobs"].items().iter();
    let priorities: Vec<_> = jobs.map(|job| job["priority"]["number"].number()).collect();
    assert_eq!(priorities, [2, 3, 4]);
    fake.run_until_idle();
    let started = ["low", "plain", "high"].map(|key| {
        let at = build.job(key).started_at().expect("it ran");
        (at - build.created_at()).num_seconds()
    });
    assert_eq!(started, [21, 11, 1]);
}

#[test]
fn rule_10_3_priority_comes_before_age_and_age_before_the_order_of_steps() {
    // Given one agent that is busy for a minute
    let fake = usual().agents(Agents::fleet([agent("only")])).start();
    let busy = fake
        .pipeline("busy")
        .steps(yaml("{command: make, key: busy}"))
        .create();
    busy.on_job("busy").takes(seconds(60));
    busy.create_build();
    fake.advance(seconds(5));
    // When builds arrive one after the other
    let two = "{command: make, key: a}, {command: make, key: b}";
    let older = build_of(&fake, "older", two);
    fake.advance(seconds(5));
    let newer = build_of(&fake, "newer", two);
    fake.advance(seconds(5));
    let urgent = build_of(&fake, "urgent", "{command: make, key: a, priority: 1}");
    fake.run_until_idle();
    // Then the urgent one is first, and the rest go by their age
    let started = |build: &BuildHandle, key: &str| {
        let at = build.job(key).started_at().expect("it ran");
        (at - busy.latest_build().created_at()).num_seconds()
    };
    assert_eq!(started(&urgent, "a"), 61);
    assert_eq!([started(&older, "a"), started(&older, "b")], [71, 81]);
    assert_eq!([started(&newer, "a"), started(&newer, "b")], [91, 101]);
}

#[test]
fn rule_10_3_an_agent_takes_a_job_if_every_rule_of_it_matches_one_of_its_tags() {
    let check = |agents: &str, tags: &[&str], rules: &[&str], is_taken: bool| {
        let fleet = Agents::fleet([agent("only").tags(tags.iter().copied())]);
        let mut story = in_world(
            usual().agents(fleet),
            &format!("{{command: make, key: x{agents}}}"),
        );
        story.run();
        let job = story.job("x");
        let shown: Vec<_> = job["agent_query_rules"]
            .items()
            .iter()
            .map(|rule| rule.str())
            .collect();
        assert_eq!(shown, rules, "{agents}");
        let expected = if is_taken { "passed" } else { "scheduled" };
        assert_eq!(job["state"].str(), expected, "{agents} for {tags:?}");
    };
    // Without rules: the queue `default`, which is where agents without a queue are
    check("", &[], &[], true);
    check("", &["queue=default"], &[], true);
    check("", &["queue=ios"], &[], false);
    // Every rule has to match, and other tags do not matter
    let mac = ", agents: {os: mac}";
    check(mac, &["os=mac"], &["os=mac"], true);
    check(mac, &["os=mac", "size=xl"], &["os=mac"], true);
    check(mac, &["os=linux"], &["os=mac"], false);
    check(mac, &["size=xl"], &["os=mac"], false);
    let both = ", agents: [os=mac, size=xl]";
    check(both, &["os=mac", "size=xl"], &["os=mac", "size=xl"], true);
    check(both, &["os=mac"], &["os=mac", "size=xl"], false);
    // Naming other tags does not take a job out of the queue `default`
    check(mac, &["os=mac", "queue=ios"], &["os=mac"], false);
    check(
        ", agents: {os: mac, queue: ios}",
        &["os=mac", "queue=ios"],
        &["os=mac", "queue=ios"],
        true,
    );
    // Any value will do for a star, and a part of one for nothing
    check(", agents: {os: '*'}", &["os=mac"], &["os=*"], true);
    check(", agents: {os: '*'}", &["size=xl"], &["os=*"], false);
    check(", agents: {os: 'm*'}", &["os=mac"], &["os=m*"], false);
    // An agent may have several values for a key
    check(mac, &["os=linux", "os=mac"], &["os=mac"], true);
    check(
        ", agents: [os=mac, os=linux]",
        &["os=linux", "os=mac"],
        &["os=mac", "os=linux"],
        true,
    );
    check(
        ", agents: [os=mac, os=linux]",
        &["os=mac"],
        &["os=mac", "os=linux"],
        false,
    );
}
