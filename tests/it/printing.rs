//! What jobs print, line by line as time passes, and back again.

use chrono::{DateTime, Utc};
use fake_buildkite::{Clock, FakeBuildkite, JobHandle, JobState, minutes, seconds};

use crate::logs::{Printing, raw, stamp};
use crate::recorded::{Comparison, recorded_builder, starter};
use crate::support::{client, panic_of, world};

#[test]
fn a_log_grows_while_the_command_runs_and_each_line_has_its_instant() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes(seconds(8)).logs("a\n\nb\nc");
    let job = app.create_build().job("test");
    let client = client(&fake);
    let path = format!("/organizations/acme/jobs/{}/log", job.id());
    let all = [(1, "a"), (3, ""), (5, "b")];
    let tail = format!("{}c", stamp(7));
    for (second, lines, tail) in [
        (0, 0, ""),
        (1, 1, ""),
        (3, 2, ""),
        (6, 3, ""),
        (7, 3, tail.as_str()),
        (3_600, 3, tail.as_str()),
    ] {
        fake.advance_to(instant(second));
        let expected = raw(&all[..lines]) + tail;
        let shown = client.get(&path).expect(200);
        assert_eq!(shown["content"].str(), expected, "{second}");
        assert_eq!(
            shown["size"].number(),
            i64::try_from(expected.len()).expect("small")
        );
        assert_eq!(shown["header_times"].items(), []);
        assert_eq!(client.get(&format!("{path}.txt")).text, expected);
        assert_eq!(job.raw_log(), expected);
    }
    assert_eq!(job.log(), "a\n\nb\nc", "as the test wrote it");
}

/// So many seconds after the epoch of fakes.
fn instant(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_893_456_000 + second, 0).expect("an instant")
}

#[test]
fn what_is_printed_by_hand_stands_where_it_was_printed() {
    let world = Printing::new();
    world.job.write_log("half a ");
    world.fake.advance(seconds(2));
    world.job.write_log("line\nand another\n");
    world.job.write_log("");
    world.job.write_log("\r\n");
    let expected = raw(&[(0, "half a line"), (2, "and another"), (2, "\r")]);
    assert_eq!(world.text().text, expected);
    assert_eq!(world.job.log(), "half a line\nand another\n\r\n");
    // Asked to stop, a command still has a last word.
    world.job.cancel();
    assert_eq!(world.job.state(), JobState::Canceling);
    world.job.write_log("stopping\n");
    world.fake.advance(seconds(10));
    assert_eq!(world.job.state(), JobState::Canceled);
    assert!(world.job.log().ends_with("\r\nstopping\n"));
}

#[test]
fn only_a_command_that_runs_prints() {
    let fake = FakeBuildkite::start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}, {block: Go?, key: gate}]")
        .create_build();
    let job = build.job("test");
    let before = world(&fake, &["acme"]);
    let refusal = |job: &JobHandle| panic_of(|| job.write_log("x"));
    assert_eq!(
        refusal(&job),
        "app#1 test cannot write to its log: it is scheduled\n  history: scheduled at 2030-01-01T00:00:00.000Z"
    );
    assert!(refusal(&build.job("gate")).contains("gate cannot write to its log: it is blocked"));
    assert_eq!(world(&fake, &["acme"]), before);
    job.start();
    job.silence_agent();
    assert!(refusal(&job).contains("it is running, and its agent is silent\n  history: "));
    job.finish(0);
    assert!(refusal(&job).contains("it is passed\n"));
    assert_eq!(job.log(), "");
}

#[test]
fn plain_logs_are_as_printed_and_have_the_times_of_their_headers() {
    let world = Printing::of(FakeBuildkite::builder().plain_logs().start());
    world.job.write_log("--- a\nx\n");
    world.fake.advance(seconds(1));
    world.job.write_log("+++ b\n---c\n~~~ d");
    let shown = world.client.get(&world.paths[0]).expect(200);
    assert_eq!(shown["content"].str(), "--- a\nx\n+++ b\n---c\n~~~ d");
    assert_eq!(shown["size"].number(), 24);
    let times: Vec<_> = shown["header_times"]
        .items()
        .iter()
        .map(|time| time.number())
        .collect();
    assert_eq!(
        times,
        [
            1_893_456_000_000_000_000,
            1_893_456_001_000_000_000,
            1_893_456_001_000_000_000
        ]
    );
    assert_eq!(world.job.raw_log(), world.job.log());
}

#[test]
fn a_log_is_as_recorded() {
    // Given the recorded job, which printed the recorded lines at the recorded instants
    let comparison = Comparison::with("job_log", "log");
    let content = comparison.recording["response"]["body"]["content"].str();
    let lines = content.split("\u{1b}_bk;t=").skip(1).map(|line| {
        let (at, text) = line.split_once('\u{7}').expect("a stamp");
        let text = text.strip_suffix("\r\n").expect("an end");
        (at.parse::<i64>().expect("milliseconds"), text)
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 19);
    let at = |ms| DateTime::from_timestamp_millis(ms).expect("an instant");
    let fake = recorded_builder()
        .starting_at(&at(lines[0].0).to_rfc3339())
        .start();
    let client = client(&fake).with_token("recorded");
    let steps = "steps: [{command: launch, key: deploy}]";
    let app = starter(&fake, "Starter Buildkite Pipeline", steps);
    for _ in 0..6 {
        app.create_build().cancel();
    }
    let job = app.create_build().job("deploy");
    job.start();
    for (ms, text) in lines {
        fake.advance_to(at(ms));
        job.write_log(&format!("{text}\n"));
    }
    // Then it is shown as it was, byte for byte
    let path = "/organizations/dean-test/pipelines/starter-buildkite-pipeline/builds/7/jobs";
    comparison.holds_for(&client.get(&format!("{path}/{}/log", job.id())));
}

// --- Time, and going back --------------------------------------------------------------------------------------------

#[test]
fn who_follows_a_log_while_the_clock_goes_by_polls_sees_every_line() {
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test")
        .takes(minutes(3))
        .logs("one\ntwo\nthree\n");
    let build = app.create_build();
    let client = client(&fake);
    let path = format!("/organizations/acme/jobs/{}/log", build.job("test").id());
    let mut seen = Vec::new();
    while !build.job("test").state().is_terminal() {
        seen.push(client.get(&format!("{path}.txt")).text);
    }
    let all = [(1, "one"), (61, "two"), (121, "three")];
    let expected: Vec<_> = (0..=3).map(|lines| raw(&all[..lines])).collect();
    assert_eq!(seen, expected);
    // Once it is over, looking at its log moves nothing.
    let now = fake.clock().now();
    client.get(&path).expect(200);
    assert_eq!(fake.clock().now(), now);
}

#[test]
fn a_read_of_a_running_jobs_log_is_a_poll() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: make, key: test}]")
        .create();
    app.on_job("test").takes_polls(2).logs("a\n");
    let job = app.create_build().job("test");
    fake.advance(seconds(1));
    let path = format!("/organizations/acme/jobs/{}/log", job.id());
    for state in [JobState::Running, JobState::Running, JobState::Passed] {
        assert_eq!(job.state(), state);
        client(&fake).get(&path).expect(200);
    }
}

#[test]
fn logs_go_back_with_everything_else() {
    let world = Printing::new();
    world.job.write_log("before\n");
    let saved = world.fake.snapshot();
    let tag = |world: &Printing| {
        let answer = world.client.get(&world.paths[0]);
        answer.header("etag").expect("a tag").to_owned()
    };
    let first = tag(&world);
    world.job.write_log("one\n");
    let one = tag(&world);
    world.fake.rewind(&saved);
    assert_eq!(world.job.log(), "before\n");
    assert_eq!(tag(&world), first);
    world.job.write_log("two\n");
    assert_ne!(tag(&world), one, "another line is another log");
    world.fake.rewind(&saved);
    assert_eq!(world.client.delete(&world.paths[0]).status, 204);
    world.fake.rewind(&saved);
    assert_eq!(world.job.log(), "before\n");
    let fork = world.fake.fork();
    world.job.write_log("here\n");
    let there = fork.existing_pipeline("app").build_number(1).job("test");
    there.write_log("there\n");
    assert_eq!(world.job.log(), "before\nhere\n");
    assert_eq!(there.log(), "before\nthere\n");
}
