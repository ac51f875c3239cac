//! Moves by hand: which are possible where, what the refused ones say, and what happens to jobs taken in hand.

use fake_buildkite::{
    BuildHandle, BuildState, FakeBuildkite, JobHandle, JobState, Move, hours, minutes, seconds,
};

use crate::support::{client, panic_of};

const MOVES: [Move; 10] = [
    Move::Start,
    Move::Finish { exit_status: 0 },
    Move::Cancel,
    Move::TimeOut,
    Move::Expire,
    Move::SilenceAgent,
    Move::LoseAgent,
    Move::PromiseFailure { exit_status: 3 },
    Move::Unblock,
    Move::Retry,
];

/// The steps a line of the table begins with. The job it is about is `job`; another one is `first`.
fn steps_of(word: &str) -> &'static str {
    match word {
        "command" => "{command: make, key: job}",
        "skipped" => "{command: make, key: job, skip: true}",
        "behind" => "{command: make, key: first}, wait, {command: make, key: job}",
        "wait" => "{wait: ~, key: job}",
        "wait_behind" => "{command: make, key: first}, {wait: ~, key: job}",
        "block" => "{block: Ship?, key: job}",
        "block_behind" => "{command: make, key: first}, {block: Ship?, key: job}",
        "input" => "{input: Which?, key: job}",
        other => panic!("no steps are called `{other}`"),
    }
}

fn act(build: &BuildHandle, job: &JobHandle, word: &str) {
    match word {
        "start" => job.start(),
        "pass" => job.pass(),
        "fail" => job.fail(1),
        "cancel" => job.cancel(),
        "time_out" => job.time_out(),
        "expire" => job.expire(),
        "silence_agent" => job.silence_agent(),
        "lose_agent" => job.lose_agent(),
        "promise_failure" => job.promise_failure(1),
        "unblock" => job.unblock(),
        "finish(0)" => job.finish(0),
        "finish(1)" => job.finish(1),
        "retry" => drop(job.retry()),
        "first.fail" => build.job("first").fail(1),
        "first.pass" => build.job("first").pass(),
        "build.cancel" => build.cancel(),
        other => panic!("no such move: `{other}`"),
    }
}

/// `steps, how to get there | the states on the way | the moves possible there`: every other move is refused, and says
/// all of this.
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        let [reach, history, possible] = columns[..] else {
            panic!("three columns: {line}")
        };
        let possible: Vec<_> = possible.split_whitespace().collect();
        let there = || {
            let mut words = reach.split_whitespace();
            let steps = steps_of(words.next().expect("steps"));
            let fake = FakeBuildkite::start();
            let build = fake
                .pipeline("app")
                .steps(format!("steps: [{steps}]"))
                .create_build();
            let job = build.job("job");
            words.for_each(|word| act(&build, &job, word));
            (fake, job)
        };
        let states: Vec<_> = history.split_whitespace().collect();
        let states_of = |job: &JobHandle| -> Vec<String> {
            let history = job.history().into_iter();
            history.map(|moment| moment.state.to_string()).collect()
        };
        for wanted in MOVES {
            let (_fake, job) = there();
            assert_eq!(states_of(&job), states, "{line}");
            let moved = job.try_move(wanted);
            // Any status is possible where one is
            let name = wanted.to_string();
            let name = match name.split_once('(') {
                Some((method @ ("finish" | "promise_failure"), _)) => format!("{method}(..)"),
                _ => name,
            };
            let is_possible = possible.contains(&name.as_str());
            if is_possible {
                let new = moved.unwrap_or_else(|illegal| panic!("{line}: {illegal}"));
                let is_new = wanted == Move::Retry;
                let is_seen = !matches!(wanted, Move::SilenceAgent | Move::PromiseFailure { .. });
                assert_eq!(new.id() != job.id(), is_new, "{line}: {wanted}");
                assert!(
                    is_new || (states_of(&job).len() > states.len()) == is_seen,
                    "{line}"
                );
                continue;
            }
            // A refusal changes nothing and says what would have been possible
            let illegal = moved.expect_err(&format!("{line}: {wanted}"));
            assert_eq!(states_of(&job), states, "{line}: {wanted}");
            let moments: Vec<_> = states
                .iter()
                .map(|state| format!("{state} at 2030-01-01T00:00:00.000Z"))
                .collect();
            let choices = match possible.len() {
                0 => "nothing".to_owned(),
                _ => possible.join(", "),
            };
            assert_eq!(
                illegal.to_string(),
                format!(
                    "app#1 job cannot make the move `{wanted}`: it is {}\n  history: {}\n  possible now: {choices}",
                    job.state(),
                    moments.join(", "),
                ),
                "{line}"
            );
        }
    }
}

#[test]
fn a_job_makes_the_moves_of_its_state_and_no_others() {
    check(
        "
        command                       | scheduled                                      | start() cancel() expire()
        command start                 | scheduled assigned accepted running            | finish(..) cancel() time_out() silence_agent() lose_agent() promise_failure(..)
        command start silence_agent   | scheduled assigned accepted running            | finish(..) cancel() time_out() lose_agent()
        command start cancel          | scheduled assigned accepted running canceling  | finish(..) silence_agent() lose_agent()
        command start time_out        | scheduled assigned accepted running timing_out | finish(..) silence_agent() lose_agent()
        command start time_out silence_agent | scheduled assigned accepted running timing_out | finish(..) lose_agent()
        command pass                  | scheduled assigned accepted running passed     |
        command fail                  | scheduled assigned accepted running failed     | retry()
        command start lose_agent      | scheduled assigned accepted running failed     | retry()
        command fail retry            | scheduled assigned accepted running failed     |
        command cancel                | scheduled canceled                             | retry()
        command build.cancel          | scheduled canceled                             |
        command expire                | scheduled expired                              | retry()
        command start cancel finish(0) | scheduled assigned accepted running canceling canceled | retry()
        command start cancel finish(1) | scheduled assigned accepted running canceling canceled | retry()
        command start cancel lose_agent | scheduled assigned accepted running canceling canceled | retry()
        command start build.cancel    | scheduled assigned accepted running canceling  | finish(..) silence_agent() lose_agent()
        command start build.cancel finish(0) | scheduled assigned accepted running canceling canceled |
        command start time_out finish(0) | scheduled assigned accepted running timing_out passed |
        command start time_out finish(1) | scheduled assigned accepted running timing_out timed_out | retry()
        command start time_out lose_agent | scheduled assigned accepted running timing_out timed_out | retry()
        skipped                       | broken                                         |
        behind                        | waiting                                        | cancel()
        behind first.pass             | waiting scheduled                              | start() cancel() expire()
        behind first.fail             | waiting waiting_failed                         |
        behind build.cancel           | waiting canceled                               |
        wait                          | passed                                         |
        wait_behind first.pass        | waiting passed                                 |
        wait_behind first.fail        | waiting waiting_failed                         |
        block                         | blocked                                        | unblock()
        block unblock                 | blocked unblocked                              |
        block build.cancel            | blocked canceled                               |
        block_behind                  | blocked                                        | unblock()
        block_behind first.fail       | blocked blocked_failed                         |
        block_behind unblock          | blocked unblocked                              |
        block_behind unblock first.pass | blocked unblocked                            |
        block_behind unblock first.fail | blocked unblocked unblocked_failed           |
        input                         | blocked                                        | unblock()
        ",
    );
}

#[test]
fn a_retry_by_hand_returns_the_new_job() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create_build();
    let first = build.job("test");
    first.fail(3);
    let second = first.retry();
    assert_eq!([first.attempt(), second.attempt()], [1, 2]);
    assert_eq!(first.exit_status(), Some(3), "the old one keeps its end");
    assert_eq!(build.job("test").id(), second.id());
    assert_eq!(build.jobs("test").len(), 2);
    second.pass();
    assert_eq!(build.state(), BuildState::Passed);
    // Messages say which attempt they are about
    let illegal = second.try_move(Move::Retry).expect_err("it passed");
    assert!(
        illegal
            .to_string()
            .starts_with("app#1 test (attempt 2) cannot make the move `retry()`")
    );
    assert_eq!(illegal.state, JobState::Passed);
    assert_eq!(illegal.tried, Move::Retry);
    assert_eq!(illegal.possible, []);
}

#[test]
fn methods_panic_with_what_try_move_would_say() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create_build();
    let job = build.job("test");
    let said = |wanted: Move| job.try_move(wanted).expect_err("illegal").to_string();
    let done = |exit_status| said(Move::Finish { exit_status });
    assert_eq!(panic_of(|| job.finish(0)), done(0));
    assert_eq!(panic_of(|| job.finish(7)), done(7));
    assert_eq!(panic_of(|| job.time_out()), said(Move::TimeOut));
    assert_eq!(panic_of(|| job.lose_agent()), said(Move::LoseAgent));
    assert_eq!(panic_of(|| job.silence_agent()), said(Move::SilenceAgent));
    assert_eq!(
        panic_of(|| job.promise_failure(2)),
        said(Move::PromiseFailure { exit_status: 2 })
    );
    assert_eq!(panic_of(|| job.unblock()), said(Move::Unblock));
    assert_eq!(panic_of(|| job.retry()), said(Move::Retry));
    job.pass();
    assert_eq!(panic_of(|| job.start()), said(Move::Start));
    assert_eq!(panic_of(|| job.cancel()), said(Move::Cancel));
    assert_eq!(panic_of(|| job.expire()), said(Move::Expire));
    assert_eq!(panic_of(|| job.pass()), done(0));
    assert_eq!(panic_of(|| job.fail(1)), done(1));
    assert_eq!(
        panic_of(|| job.fail(0)),
        "a command that exits with 0 passes: use `pass()`"
    );
}

#[test]
fn a_job_remembers_when_it_was_what() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create_build();
    fake.advance(seconds(2));
    build.job("test").cancel();
    fake.advance(minutes(1));
    let history: Vec<_> = build
        .job("test")
        .history()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        history,
        [
            "scheduled at 2030-01-01T00:00:00.000Z",
            "assigned at 2030-01-01T00:00:01.000Z",
            "accepted at 2030-01-01T00:00:01.000Z",
            "running at 2030-01-01T00:00:01.000Z",
            "canceling at 2030-01-01T00:00:02.000Z",
            "canceled at 2030-01-01T00:00:12.000Z",
        ]
    );
}

#[test]
fn a_client_sees_moves_by_hand_like_any_others() {
    // Given a build whose job the test has in hand
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create_build();
    let client = client(&fake);
    build.job("test").start();
    let running = client.build("app", 1);
    assert_eq!(running["state"].str(), "running");
    assert_eq!(running["jobs"][0]["state"].str(), "running");
    assert!(!running["jobs"][0]["agent"].is_null());
    // When the test lets it fail
    build.job("test").finish(42);
    let failed = client.build("app", 1);
    assert_eq!(failed["state"].str(), "failed");
    assert_eq!(failed["jobs"][0]["exit_status"].number(), 42);
    assert_eq!(failed["finished_at"].str(), "2030-01-01T00:00:00.000Z");
}

#[test]
fn a_lost_agent_fails_its_job() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create_build();
    fake.advance(seconds(5));
    build.job("test").lose_agent();
    let job = client(&fake).build("app", 1)["jobs"][0].clone();
    assert_eq!(job["state"].str(), "failed");
    assert_eq!(job["exit_status"].number(), -1);
    assert!(job["signal_reason"].is_null());
    assert_eq!(build.state(), BuildState::Failed);
    // And its script does not end it a second time
    assert!(fake.advance(hours(1)).is_empty());
}

#[test]
fn a_job_taken_in_hand_is_left_alone_by_its_script() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: mine}, {command: make, key: theirs}]")
        .create();
    app.on_job("*").exits(1);
    let build = app.create_build();
    // Given one job taken in hand, before its script would have begun
    build.job("mine").start();
    // When an hour passes, then only the other one has ended
    fake.advance(hours(1));
    assert_eq!(build.job("mine").state(), JobState::Running);
    assert_eq!(build.job("theirs").state(), JobState::Failed);
    assert_eq!(build.job("mine").log(), "");
    build.job("mine").pass();
    assert_eq!(build.job("mine").state(), JobState::Passed);
}

#[test]
fn a_job_in_hand_is_still_limited_by_buildkite() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test, timeout_in_minutes: 1}]")
        .create_build();
    build.job("test").start();
    fake.advance(minutes(1));
    assert_eq!(build.job("test").state(), JobState::TimingOut);
    fake.advance(seconds(10));
    assert_eq!(build.job("test").state(), JobState::TimedOut);
}

#[test]
fn a_job_its_script_began_can_be_ended_by_hand() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes(minutes(5)).exits(1);
    let build = app.create_build();
    fake.advance(minutes(1));
    build.job("test").finish(0);
    assert_eq!(build.state(), BuildState::Passed);
    assert!(fake.advance(hours(1)).is_empty());
    assert_eq!(build.job("test").state(), JobState::Passed);
}

#[test]
fn the_retry_of_a_job_in_hand_is_its_scripts_again() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create_build();
    build.job("test").fail(1);
    build.job("test").retry();
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
}

// --- Builds ----------------------------------------------------------------------------------------------------------

const LONG: &str = "steps:
  - {command: make, key: test}
  - {command: make, key: lint}
  - {block: Ship?, key: ship}
  - {command: make, key: deploy}
  - {input: Which?, key: which}";

fn states(build: &BuildHandle) -> String {
    let jobs = build.all_jobs();
    let states: Vec<_> = jobs.iter().map(|job| job.state().to_string()).collect();
    states.join(" ")
}

#[test]
fn a_build_passes_by_hand_from_wherever_it_is() {
    for minutes_ago in [0, 1, 60] {
        let fake = FakeBuildkite::start();
        let build = fake.pipeline("app").steps(LONG).create_build();
        fake.advance(seconds(minutes_ago * 5));
        let now = fake.clock().now();
        build.pass();
        assert_eq!(states(&build), "passed passed unblocked passed unblocked");
        assert_eq!(build.state(), BuildState::Passed);
        assert!(!build.is_blocked());
        assert_eq!(build.finished_at(), Some(now), "at this instant");
        assert_eq!(fake.clock().now(), now);
        // Again it changes nothing, and nothing else follows
        build.pass();
        assert!(fake.advance(hours(1)).is_empty());
    }
}

#[test]
fn what_failed_already_stays_failed_when_the_rest_passes() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").steps(LONG).create_build();
    build.job("lint").fail(1);
    // The rest passes, and the test is told that this is not what it asked for
    let message = panic_of(|| build.pass());
    assert!(
        message.starts_with("app#1 cannot pass any more: it is failed\napp#1 main failed, "),
        "{message}"
    );
    assert_eq!(build.state(), BuildState::Failed);
    assert_eq!(build.job("test").state(), JobState::Passed);
    assert_eq!(build.job("deploy").state(), JobState::WaitingFailed);
}

#[test]
fn a_build_fails_by_hand_with_its_next_job() {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").steps(LONG).create_build();
    build.fail();
    assert_eq!(
        states(&build),
        "failed passed blocked_failed waiting_failed blocked_failed"
    );
    assert_eq!(build.state(), BuildState::Failed);
    assert_eq!(build.job("test").exit_status(), Some(1));
    // It cannot a second time
    let message = panic_of(|| build.fail());
    assert!(
        message.starts_with("no job of app#1 can run and fail\napp#1 main failed,"),
        "{message}"
    );
}

#[test]
fn a_build_behind_a_block_step_cannot_fail_by_hand() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{block: Ship?, key: ship}, {command: make, key: make}]")
        .create_build();
    assert!(panic_of(|| build.fail()).starts_with("no job of app#1 can run and fail"));
    assert_eq!(states(&build), "blocked waiting");
    build.job("ship").unblock();
    build.fail();
    assert_eq!(build.state(), BuildState::Failed);
}

#[test]
fn a_build_is_canceled_by_hand_once() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let build = app.create_build();
    let message = |build: &BuildHandle| {
        let message = panic_of(|| build.cancel());
        message.lines().next().expect("a line").to_owned()
    };
    fake.advance(seconds(5));
    build.cancel();
    assert_eq!(build.state(), BuildState::Canceling);
    assert_eq!(
        message(&build),
        "app#1 cannot be canceled: it is already being canceled"
    );
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Canceled);
    assert_eq!(
        message(&build),
        "app#1 cannot be canceled: it has already been canceled"
    );
    let passed = app.create_build();
    passed.pass();
    assert_eq!(message(&passed), "app#2 cannot be canceled: it is finished");
}

#[test]
fn a_rebuild_by_hand_is_a_new_build_of_the_same() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").create();
    let build = app
        .build()
        .branch("feature")
        .commit("abc")
        .message("Try")
        .meta_data("a", "b")
        .create();
    let again = build.rebuild();
    assert_eq!(again.number(), 2);
    assert_ne!(again.id(), build.id());
    assert_eq!([again.branch(), again.commit()], ["feature", "abc"]);
    assert_eq!(again.meta_data("a"), None);
    let shown = client(&fake).build("app", 2);
    assert_eq!(shown["rebuilt_from"]["number"].number(), 1);
    assert_eq!(shown["message"].str(), "Try");
    let closed = fake.pipeline("closed").without_rebuilds().create_build();
    assert_eq!(
        panic_of(|| closed.rebuild()),
        "the pipeline of closed#1 does not allow rebuilds"
    );
}

// --- Slips -----------------------------------------------------------------------------------------------------------

#[test]
fn unknown_names_are_answered_with_those_there_are() {
    let fake = FakeBuildkite::start();
    assert_eq!(
        panic_of(|| fake.existing_pipeline("sit")),
        "no pipeline `sit`; this fake has none"
    );
    let site = fake
        .pipeline("site")
        .steps(
            "steps:
              - {label: Test, command: make a}
              - {label: Test, command: make b}
              - {label: Lint, command: make lint, key: lint}
              - wait
              - command: make docs",
        )
        .create();
    fake.pipeline("docs").steps("steps: []").create();
    assert_eq!(
        panic_of(|| fake.existing_pipeline("sit")),
        "no pipeline `sit`; this fake has `site`, `docs`"
    );
    assert_eq!(
        panic_of(|| site.build_number(1)),
        "no build 1 in pipeline `site`; it has none"
    );
    assert_eq!(
        panic_of(|| site.latest_build()),
        "pipeline `site` has no build yet"
    );
    let build = site.create_build();
    site.create_build();
    assert_eq!(
        panic_of(|| site.build_number(3)),
        "no build 3 in pipeline `site`; it has 1, 2"
    );
    let choices = "`Test`, `lint`, `wait`, `make docs`";
    assert_eq!(
        panic_of(|| build.job("tset")),
        format!("no job `tset` in site#1; it has {choices}")
    );
    assert_eq!(
        panic_of(|| build.job("Test")),
        format!(
            "2 jobs are called `Test` in site#1: take one of `jobs(\"Test\")`, which has them in their order; its jobs are {choices}"
        )
    );
    assert_eq!(build.jobs("Test").len(), 2);
    assert_eq!(
        panic_of(|| build.jobs("tset")),
        format!("no job `tset` in site#1; it has {choices}")
    );
    // A script is for a command
    assert_eq!(
        panic_of(|| site.on_job("tset")),
        "no step of pipeline `site` is called `tset`; its command steps are `Test`, `Test`, `lint`, `make docs`. If a job \
         will upload such a step, tell its script first (`uploads(..)`), or use `on_uploaded_job`"
    );
    assert_eq!(
        panic_of(|| site.on_job("wait")),
        "`wait` runs no command, so it takes no script; the command steps are `Test`, `Test`, `lint`, `make docs`"
    );
    for name in ["lint", "Lint", "make lint", "make docs", "make *", "*"] {
        site.on_job(name);
    }
    // A key, a label and a command are all names
    assert_eq!(build.job("lint").id(), build.job("Lint").id());
    assert_eq!(build.job("make docs").name(), "make docs");
}

#[test]
fn a_pipeline_that_cannot_be_says_why() {
    let fake = FakeBuildkite::start();
    fake.pipeline("My Site").create();
    let create = |name: &str| panic_of(|| fake.pipeline(name).create());
    assert_eq!(
        create("My Site"),
        "the slug of pipeline `My Site` is taken by a pipeline that is there already"
    );
    let slug = panic_of(|| fake.pipeline("Other").slug("my-site").create());
    assert_eq!(slug, "there is a pipeline with the slug `my-site` already");
    let slug = panic_of(|| fake.pipeline("Other").slug("my site").create());
    assert_eq!(
        slug,
        "`my site` is no slug of a pipeline: letters, digits and hyphens"
    );
    assert_eq!(create("!"), "no slug can be made of the name `!`");
    let yaml = panic_of(|| {
        fake.pipeline("Bad")
            .steps("steps: [{comand: make}]")
            .create()
    });
    assert!(yaml.starts_with("the YAML of pipeline `Bad`: "), "{yaml}");
    let epoch = panic_of(|| FakeBuildkite::builder().starting_at("today"));
    assert!(
        epoch.starts_with("`today` is no instant like `2026-01-05T09:00:00Z`: "),
        "{epoch}"
    );
    let slug = panic_of(|| FakeBuildkite::builder().organization("a b"));
    assert_eq!(
        slug,
        "`a b` is no slug of an organization: letters, digits and hyphens"
    );
}

#[test]
fn handles_of_a_fake_that_is_gone_say_so() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    let (builder, new_build) = (fake.pipeline("other"), app.build());
    let script = app.on_job("test");
    let build = app.create_build();
    let job = build.job("test");
    drop(fake);
    let gone = "the FakeBuildkite this handle belongs to is gone; keep it alive as long as its handles are used";
    assert_eq!(panic_of(|| app.slug()), gone);
    assert_eq!(panic_of(|| app.create_build()), gone);
    assert_eq!(panic_of(|| app.on_job("test")), gone);
    assert_eq!(panic_of(|| script.exits(1)), gone);
    assert_eq!(panic_of(|| builder.create()), gone);
    assert_eq!(panic_of(|| new_build.create()), gone);
    assert_eq!(panic_of(|| build.state()), gone);
    assert_eq!(panic_of(|| build.job("test")), gone);
    assert_eq!(panic_of(|| build.pass()), gone);
    assert_eq!(panic_of(|| build.cancel()), gone);
    assert_eq!(panic_of(|| job.state()), gone);
    assert_eq!(panic_of(|| job.start()), gone);
    assert_eq!(panic_of(|| job.append_log("x")), gone);
    // And they can still be printed
    assert!(format!("{app:?} {build:?} {job:?}").contains("gone"));
}

const PIPELINE_GONE: &str =
    "this pipeline is gone: it was deleted, or the fake went back to before it was made";

#[test]
fn handles_of_what_a_client_deleted_say_so() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    let build = app.create_build();
    let job = build.job("test");
    let (new_build, script) = (app.build(), app.on_job("test"));
    let deleted = client(&fake).delete("/organizations/acme/pipelines/app");
    assert_eq!(deleted.status, 204);
    assert_eq!(panic_of(|| app.slug()), PIPELINE_GONE);
    assert_eq!(panic_of(|| app.create_build()), PIPELINE_GONE);
    let build_gone =
        "this build is gone: its pipeline was deleted, or the fake went back to before it was made";
    assert_eq!(panic_of(|| build.state()), build_gone);
    assert_eq!(panic_of(|| build.pass()), build_gone);
    let job_gone = "this job is gone: its pipeline was deleted, an upload replaced its step, or the fake went back to before it was made";
    assert_eq!(panic_of(|| job.state()), job_gone);
    assert_eq!(panic_of(|| job.start()), job_gone);
    assert_eq!(panic_of(|| new_build.create()), PIPELINE_GONE);
    assert_eq!(panic_of(|| script.clone().exits(1)), PIPELINE_GONE);
    assert_eq!(panic_of(|| script.then()), PIPELINE_GONE);
    assert_eq!(panic_of(|| build.cancel()), build_gone);
    assert_eq!(panic_of(|| build.rebuild()), build_gone);
    assert_eq!(panic_of(|| app.on_job("test")), PIPELINE_GONE);
    // And time goes on without it
    assert!(fake.advance(hours(1)).is_empty());
}
