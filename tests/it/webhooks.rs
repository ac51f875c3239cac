//! Webhooks: what they are told, in which order, and what the bodies show.

use fake_buildkite::{FakeBuildkite, PipelineHandle, WebhookEvent, days, minutes, seconds};

use crate::receiver::Receiver;

/// What a receiver of these events is told while something happens.
fn told(
    fake: &FakeBuildkite,
    events: impl IntoIterator<Item = WebhookEvent>,
    happens: impl FnOnce(&FakeBuildkite),
) -> Vec<String> {
    let receiver = Receiver::start();
    fake.webhook(&receiver.url).events(events).create();
    happens(fake);
    fake.run_until_idle();
    receiver.lines()
}

/// Everything but agents, who connect in every story.
fn builds_and_jobs() -> impl Iterator<Item = WebhookEvent> {
    let all = WebhookEvent::ALL.iter().copied();
    all.filter(|event| !event.as_str().starts_with("agent."))
}

/// A story: a name, the steps, what happens, and what is told.
type Story<'a> = (
    &'a str,
    &'a str,
    fn(&FakeBuildkite, &PipelineHandle),
    &'a str,
);

const STORIES: &[Story] = &[
    (
        "a build passes",
        "{command: make, key: a}",
        |_, app| drop(app.create_build()),
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a passed, 1 running
            build.finished 1 passed
        ",
    ),
    (
        "a job fails while another runs, is retried, and the build passes",
        "{command: make, key: a}, {command: make, key: b}",
        |fake, app| {
            app.on_job("a").exits(1).then().exits(0);
            app.on_job("b").takes(minutes(1));
            let build = app.create_build();
            fake.advance(seconds(20));
            build.job("a").retry();
        },
        "
            job.scheduled a scheduled, 1 creating
            job.scheduled b scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.started b running, 1 running
            job.finished a failed, 1 running
            build.failing 1 failing
            job.scheduled a scheduled, 1 failing
            build.running 1 running
            job.started a running, 1 running
            job.finished a passed, 1 running
            job.finished b passed, 1 running
            build.finished 1 passed
        ",
    ),
    (
        "the retry comes when the build has failed",
        "{command: make, key: a}",
        |fake, app| {
            app.on_job("a").exits(1).then().exits(0);
            let build = app.create_build();
            fake.advance(minutes(1));
            build.job("a").retry();
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a failed, 1 running
            build.finished 1 failed
            job.scheduled a scheduled, 1 failed
            build.running 1 running
            job.started a running, 1 running
            job.finished a passed, 1 running
            build.finished 1 passed
        ",
    ),
    (
        "a person unblocks",
        "{command: make, key: a}, {block: Go, key: go}, {command: make, key: b}",
        |fake, app| {
            let build = app.create_build();
            fake.advance(minutes(1));
            build.job("go").unblock();
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a passed, 1 running
            build.finished 1 passed blocked
            job.activated go unblocked, 1 passed blocked
            build.running 1 running
            job.scheduled b scheduled, 1 running
            job.started b running, 1 running
            job.finished b passed, 1 running
            build.finished 1 passed
        ",
    ),
    (
        "a build begins with a block step, and is canceled",
        "{block: Go, key: go}, {command: make, key: a}",
        |_, app| app.create_build().cancel(),
        "
            build.scheduled 1 scheduled
            build.finished 1 passed blocked
            job.finished a canceled, 1 passed blocked
            build.finished 1 canceled
        ",
    ),
    (
        "a running build is canceled",
        "{command: make, key: a}",
        |fake, app| {
            let build = app.create_build();
            fake.advance(seconds(2));
            build.cancel();
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a canceled, 1 canceling
            build.finished 1 canceled
        ",
    ),
    (
        "a build is canceled before anything runs",
        "{command: make, key: a}",
        |_, app| app.create_build().cancel(),
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.finished a canceled, 1 scheduled
            build.finished 1 canceled
        ",
    ),
    (
        "there is nothing to run",
        "{command: make, key: a, branches: other}",
        |_, app| drop(app.create_build()),
        "
            job.finished a broken, 1 creating
            build.finished 1 not_run
        ",
    ),
    (
        "a command promises to fail",
        "{command: make, key: a}",
        |_, app| {
            app.on_job("a").promises_failure_after(seconds(5), 3);
            app.create_build();
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.promised_exit_status a running, 1 running
            build.failing 1 failing
            job.finished a failed, 1 failing
            build.finished 1 failed
        ",
    ),
    (
        "a step triggers a build of another pipeline",
        "{trigger: lib, key: t}",
        |fake, app| {
            fake.pipeline("lib")
                .steps("steps: [{command: make, key: a}]")
                .create();
            app.create_build();
        },
        "
            build.scheduled 1 scheduled
            job.scheduled a scheduled, 1 creating
            build.running 1 running
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a passed, 1 running
            build.finished 1 passed
            job.finished t passed, 1 running
            build.finished 1 passed
        ",
    ),
    (
        "an agent is lost, and the rule retries",
        "{command: make, key: a, retry: {automatic: [{exit_status: -1, limit: 1}]}}",
        |fake, app| {
            app.on_job("a").loses_agent().then().exits(0);
            app.create_build();
            fake.advance(minutes(10));
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a failed, 1 running
            job.scheduled a scheduled, 1 running
            job.started a running, 1 running
            job.finished a passed, 1 running
            build.finished 1 passed
        ",
    ),
    (
        "a job times out",
        "{command: make, key: a, timeout_in_minutes: 1}",
        |_, app| {
            app.on_job("a").hangs();
            app.create_build();
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a timed_out, 1 running
            build.finished 1 failed
        ",
    ),
    (
        "a newer build takes the place of one that waits",
        "{command: make, key: a}",
        |_, app| {
            app.create_build();
            app.create_build();
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.scheduled a scheduled, 2 creating
            build.scheduled 2 scheduled
            job.finished a skipped, 1 scheduled
            build.skipped 1 skipped
            job.started a running, 2 scheduled
            build.running 2 running
            job.finished a passed, 2 running
            build.finished 2 passed
        ",
    ),
    (
        "nobody picks a job up, and it expires",
        "{command: make, key: a}",
        |fake, app| {
            app.on_job("a").never_picked_up();
            app.create_build();
            fake.advance(days(30));
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.finished a expired, 1 scheduled
            build.finished 1 failed
        ",
    ),
    (
        "a job is forgiven, and skipped by what it was asked for",
        "{command: make, key: a, soft_fail: true}, {command: make, key: b, skip: true}",
        |_, app| {
            app.on_job("a").exits(1);
            app.create_build();
        },
        "
            job.finished b broken, 1 creating
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a failed, 1 running
            build.finished 1 passed
        ",
    ),
    (
        "what waits for a failure does not finish",
        "{command: make, key: a}, wait, {command: make, key: b}",
        |_, app| {
            app.on_job("a").exits(1);
            app.create_build();
        },
        "
            job.scheduled a scheduled, 1 creating
            build.scheduled 1 scheduled
            job.started a running, 1 scheduled
            build.running 1 running
            job.finished a failed, 1 running
            build.finished 1 failed
        ",
    ),
];

#[test]
fn every_event_is_told_in_order_and_shows_the_world_of_its_moment() {
    for (name, steps, happens, expected) in STORIES {
        let fake = FakeBuildkite::start();
        let app = fake
            .pipeline("app")
            .steps(format!("steps: [{steps}]"))
            .skip_intermediate_builds()
            .create();
        let lines = told(&fake, builds_and_jobs(), |fake| happens(fake, &app));
        let expected: Vec<_> = expected.trim().lines().map(str::trim).collect();
        assert_eq!(lines, expected, "{name}");
    }
}
