//! Block and input steps: what REST says of a build that waits for a person, and what happens when one acts.

use fake_buildkite::{BuildState, FakeBuildkite, Scope, seconds};

use crate::story::{BUILD, Story, instant, text};
use crate::support::Json;

const BUILDS: &str = "/organizations/acme/pipelines/app/builds";

#[test]
fn a_blocked_build_looks_the_way_its_block_step_says() {
    let check = |attribute: &str, state: &str, blocked_state: &str, instants: &str| {
        let yaml = format!("steps: [{{command: make}}, {{block: Ship?{attribute}}}]");
        let mut story = Story::told(&yaml, |_| {});
        story.run();
        let build = story.look();
        assert_eq!(build["state"].str(), state, "{attribute}");
        assert!(build["blocked"].bool(), "{attribute}");
        assert_eq!(build["blocked_state"].str(), blocked_state, "{attribute}");
        assert_eq!(story.instants(), instants, "{attribute}");
        assert!(
            !story.build.is_finished(),
            "a blocked build is not over: {attribute}"
        );
    };
    check("", "passed", "", "started 1, finished 11");
    check(
        ", blocked_state: passed",
        "passed",
        "passed",
        "started 1, finished 11",
    );
    check(
        ", blocked_state: failed",
        "failed",
        "failed",
        "started 1, finished 11",
    );
    check(
        ", blocked_state: running",
        "running",
        "running",
        "started 1",
    );
}

#[test]
fn a_build_is_not_blocked_while_something_runs() {
    let mut story = Story::of("C(0,slow) B C(0)");
    story.fake.advance(seconds(5));
    let build = story.look();
    assert_eq!(build["state"].str(), "running");
    assert!(!build["blocked"].bool());
    assert_eq!(build["blocked_state"].str(), "");
    // The step itself can be unblocked from the start.
    assert_eq!(story.jobs(), "running blocked waiting");
    assert!(story.job("s2")["unblockable"].bool());
}

#[test]
fn a_build_that_begins_with_a_block_step_is_blocked_from_the_start() {
    let mut story = Story::of("B C(0)");
    story.check("blocked waiting", "blocked:passed", "finished 0");
    // When a person unblocks it, it runs from then on, before anything has started
    story.fake.advance(seconds(30));
    story.put_job("s1", "unblock").expect(200);
    assert_eq!(story.instants(), "started 30");
    story.run();
    story.check(
        "unblocked passed",
        "blocked:passed running passed",
        "started 30, finished 41",
    );
}

#[test]
fn of_several_open_steps_the_first_says_what_the_build_looks_like() {
    // Given two input steps that wait for a person
    let mut story = Story::told(
        "steps:
          - command: make
          - {input: Notes, key: notes, blocked_state: failed}
          - {input: Audit, key: audit, blocked_state: running}
          - {input: Party, key: party}",
        |_| {},
    );
    story.run();
    // Then the first in the order of the steps decides
    assert_eq!(story.instants(), "started 1, finished 11");
    // When the first is unblocked, the next decides: this one leaves the build unfinished
    story.fake.advance(seconds(10));
    story.put_job("notes", "unblock").expect(200);
    assert_eq!(story.instants(), "started 1");
    // When that is unblocked, the last one ends the build, for now
    story.fake.advance(seconds(10));
    story.put_job("audit", "unblock").expect(200);
    assert_eq!(story.instants(), "started 1, finished 31");
    story.fake.advance(seconds(10));
    story.put_job("party", "unblock").expect(200);
    story.check(
        "passed unblocked unblocked unblocked",
        "scheduled running blocked:failed blocked:running blocked:passed passed",
        "started 1, finished 41",
    );
}

#[test]
fn an_open_step_further_down_does_not_say_what_the_build_looks_like() {
    let mut story = Story::told(
        "steps:
          - {input: Notes, key: notes, blocked_state: failed}
          - {input: Audit, key: audit, blocked_state: running}",
        |_| {},
    );
    story.put_job("audit", "unblock").expect(200);
    story.check(
        "blocked unblocked",
        "blocked:failed",
        "started 0, finished 0",
    );
}

#[test]
fn filters_find_blocked_builds_as_blocked_and_as_finished_and_as_nothing_else() {
    let found = |story: &Story, filter: &str| -> bool {
        let builds = story.client.get(&format!("{BUILDS}?{filter}")).expect(200);
        !builds.items().is_empty()
    };
    for look in ["passed", "failed", "running"] {
        // Given a blocked build, whatever it looks like
        let yaml = format!("steps: [{{block: Ship?, key: ship, blocked_state: {look}}}]");
        let story = Story::told(&yaml, |_| {});
        // Then it is blocked, and finished, and not what it looks like
        assert!(found(&story, "state=blocked"), "{look}");
        assert!(found(&story, "state=finished"), "{look}");
        assert!(found(&story, "state[]=skipped&state[]=blocked"), "{look}");
        for word in BuildState::ALL {
            if *word != BuildState::Blocked {
                assert!(!found(&story, &format!("state={word}")), "{look} {word}");
            }
        }
        // When it is unblocked and over, it is what it is
        story.put_job("ship", "unblock").expect(200);
        assert!(found(&story, "state=passed"), "{look}");
        assert!(found(&story, "state=finished"), "{look}");
        assert!(!found(&story, "state=blocked"), "{look}");
    }
}

#[test]
fn a_blocked_build_that_looks_running_has_not_finished_for_filters() {
    let found = |look: &str| {
        let yaml = format!("steps: [{{block: Ship?, blocked_state: {look}}}]");
        let story = Story::told(&yaml, |_| {});
        let path = format!("{BUILDS}?finished_from=2029-12-31");
        story.client.get(&path).expect(200).items().len()
    };
    assert_eq!(
        [found("passed"), found("failed"), found("running")],
        [1, 1, 0]
    );
}

#[test]
fn unblocking_says_who_and_when() {
    let mut story = Story::of("C(0) B");
    story.run();
    let before = story.job("s2");
    assert!(before["unblocked_by"].is_null());
    assert!(before["unblocked_at"].is_null());
    assert!(before["unblockable"].bool());
    assert_eq!(before["label"].str(), "Block s2");
    assert_eq!(before["step_key"].str(), "s2");
    assert!(before["web_url"].is_null());
    // When a client unblocks it at the URL the job names
    story.fake.advance(seconds(4));
    let url = before["unblock_url"].str().to_owned();
    let answer = story.client.put(&url).expect(200);
    // Then the answer is the job, unblocked by the user of the token, now
    assert_eq!(answer["id"], before["id"]);
    assert_eq!(answer["type"].str(), "manual");
    assert_eq!(answer["state"].str(), "unblocked");
    assert_eq!(answer["unblocked_at"].str(), "2030-01-01T00:00:15.000Z");
    assert!(!answer["unblockable"].bool());
    let me = story.client.get("/user").expect(200);
    assert_eq!(answer["unblocked_by"]["id"], me["id"]);
    // And it stays so after the build has passed
    assert_eq!(story.job("s2"), answer);
}

#[test]
fn a_step_is_unblocked_in_the_name_of_a_known_user_only() {
    let mut story = Story::of("B C(0)");
    let id = story.build.job("s1").id();
    let path = format!("{BUILD}/jobs/{id}/unblock");
    for nobody in ["", "me", "01234567-89ab-cdef-0123-456789abcdef"] {
        let body = format!(r#"{{"unblocker": "{nobody}", "fields": {{"a": "b"}}}}"#);
        let refused = story.client.put_body(&path, &body).message(422);
        assert_eq!(
            refused,
            "Unblocker is not a valid user id for this organization"
        );
    }
    assert_eq!(story.jobs(), "blocked waiting");
    assert_eq!(
        story.build.meta_data("a"),
        None,
        "a refusal changes nothing"
    );
    let me = story.client.get("/user").expect(200);
    let body = format!(r#"{{"unblocker": "{}"}}"#, me["id"].str());
    let answer = story.client.put_body(&path, &body).expect(200);
    assert_eq!(answer["unblocked_by"]["id"], me["id"]);
}

#[test]
fn a_token_that_only_reads_unblocks_nothing() {
    let fake = FakeBuildkite::builder().token("reads", [Scope::ReadBuilds]);
    let mut story = Story::begin(fake, "steps: [{block: Ship?, key: ship}]", |_| {});
    let url = story.job("ship")["unblock_url"].str().to_owned();
    let reader = story.client.with_token("reads");
    assert_eq!(
        reader.put(&url).message(403),
        "Your access token doesn't have the write_builds scope"
    );
    assert_eq!(story.jobs(), "blocked");
}

#[test]
fn fields_become_meta_data_of_the_build() {
    // Given a build with meta-data of its own
    let mut story = Story::told("steps: [{block: Ship?, key: ship}]", |_| {});
    let path = "/organizations/acme/pipelines/app/builds";
    let body = r#"{"commit":"HEAD","branch":"main","meta_data":{"tag":"v0","by":"hand"}}"#;
    story.client.post(path, body).expect(201);
    let build = story.app.build_number(2);
    let id = build.job("ship").id();
    // When a person fills in fields, one of them known already
    let fields = r#"{"fields":{"release-name":"Liam","tag":"v1","count":3}}"#;
    let path = format!("/organizations/acme/jobs/{id}/unblock");
    story.client.put_body(&path, fields).expect(200);
    // Then all of them are in the build's meta-data, as strings
    let shown = story.client.build("app", 2);
    let expected: Vec<(String, Json)> = [
        ("tag", "v1"),
        ("by", "hand"),
        ("release-name", "Liam"),
        ("count", "3"),
    ]
    .map(|(key, value)| (key.to_owned(), text(value)))
    .into();
    assert_eq!(shown["meta_data"].entries(), expected);
    assert_eq!(build.meta_data("release-name").as_deref(), Some("Liam"));
    // And not in another build's
    assert_eq!(story.look()["meta_data"].entries(), []);
}

#[test]
fn a_form_must_fit_the_fields_of_its_step() {
    let yaml = r#"
steps:
  - block: Ship?
    key: ship
    fields:
      - {text: Name, key: name, format: "[a-z]+"}
      - {text: Note, key: note, required: false, default: none}
      - {select: Where, key: where, options: [{label: Here, value: here}, {label: There, value: there}], default: here}
      - {select: Who, key: who, multiple: true, required: false, options: [{label: A, value: a}, {label: B, value: b}]}
"#;
    let mut story = Story::told(yaml, |_| {});
    let id = story.build.job("ship").id();
    let path = format!("{BUILD}/jobs/{id}/unblock");
    let send = |story: &Story, form: &str| {
        let body = format!(r#"{{"fields":{form}}}"#);
        story.client.put_body(&path, &body)
    };
    // Given forms that a person could not send, when a program sends them, then they are refused and nothing changes
    for (form, why) in [
        ("{}", "The field `name` is required"),
        (r#"{"name":""}"#, "The field `name` is required"),
        (
            r#"{"name":"R2"}"#,
            "The field `name` must match the format `[a-z]+`",
        ),
        (r#"{"name":["a","b"]}"#, "The field `name` takes one value"),
        (
            r#"{"name":"a","where":"moon"}"#,
            "`moon` is not an option of the field `where`",
        ),
        (
            r#"{"name":"a","where":["here","there"]}"#,
            "The field `where` takes one value",
        ),
        (
            r#"{"name":"a","who":["a","c"]}"#,
            "`c` is not an option of the field `who`",
        ),
    ] {
        assert_eq!(send(&story, form).message(422), why, "{form}");
        assert_eq!(story.jobs(), "blocked", "{form}");
        assert_eq!(story.build.meta_data("name"), None, "{form}");
    }
    // When the form fits, then what was not filled in has its default, and several values are lines of one
    send(&story, r#"{"name":"a","who":["b","a"]}"#).expect(200);
    assert_eq!(story.jobs(), "unblocked");
    let expected: Vec<(String, Json)> = [
        ("name", "a"),
        ("note", "none"),
        ("where", "here"),
        ("who", "b\na"),
    ]
    .map(|(key, value)| (key.to_owned(), text(value)))
    .into();
    assert_eq!(story.look()["meta_data"].entries(), expected);
}

#[test]
fn by_hand_a_form_takes_its_defaults() {
    let yaml = "steps: [{block: Ship?, fields: [{text: Name, key: name}, {text: Note, key: note, default: none}]}]";
    let mut story = Story::told(yaml, |_| {});
    story.build.job("Ship?").unblock();
    assert_eq!(story.jobs(), "unblocked");
    assert_eq!(story.build.meta_data("name"), None);
    assert_eq!(story.build.meta_data("note").as_deref(), Some("none"));
}

#[test]
#[should_panic(
    expected = "this form cannot be sent: The field `name` must match the format `[a-z]+`"
)]
fn by_hand_a_form_that_does_not_fit_is_a_slip() {
    let yaml = r#"steps: [{block: Ship?, fields: [{text: Name, key: name, format: "[a-z]+"}]}]"#;
    let story = Story::told(yaml, |_| {});
    story.build.job("Ship?").unblock_with([("name", "R2")]);
}

#[test]
fn lines_of_fields_end_as_in_any_text() {
    let story = Story::told("steps: [{block: Ship?, key: ship}]", |_| {});
    let id = story.build.job("ship").id();
    let fields = r#"{"fields":{"notes":"one\r\ntwo\nthree\rfour"}}"#;
    let path = format!("{BUILD}/jobs/{id}/unblock");
    story.client.put_body(&path, fields).expect(200);
    let notes = story.build.meta_data("notes");
    assert_eq!(notes.as_deref(), Some("one\ntwo\nthree\nfour"));
}

#[test]
fn what_cannot_be_unblocked_says_why() {
    let mut story = Story::of("C(0,slow) W C(0) B C(0)");
    let refused =
        |story: &Story, key: &str, status: u16| story.put_job(key, "unblock").message(status);
    // Only block and input steps can
    let wrong_type = "This job type cannot be unblocked";
    assert_eq!(refused(&story, "s1", 400), wrong_type);
    assert_eq!(refused(&story, "s2", 400), wrong_type);
    // And each once
    story.put_job("s4", "unblock").expect(200);
    let not_blocked = "The job's state must be blocked";
    assert_eq!(refused(&story, "s4", 422), not_blocked);
    // And not in a build that is being canceled, or was
    story.fake.advance(seconds(5));
    story.put("cancel").expect(200);
    let canceled = "Jobs from canceled builds cannot be unblocked";
    assert_eq!(refused(&story, "s4", 422), canceled);
    story.run();
    assert_eq!(story.seen(), "scheduled canceling canceled");
    assert_eq!(refused(&story, "s4", 422), canceled);
    assert_eq!(refused(&story, "s1", 400), wrong_type);
    // And not once the build has failed
    let mut failed = Story::of("C(1) B");
    failed.run();
    assert_eq!(refused(&failed, "s2", 422), not_blocked);
}

#[test]
fn unblocking_the_last_step_ends_the_build() {
    let mut story = Story::of("C(0) B");
    story.run();
    story.fake.advance(seconds(9));
    story.put_job("s2", "unblock").expect(200);
    // A person acted: the build runs, if only for an instant
    let events = story.fake.events().to_string();
    let last: Vec<_> = events.lines().rev().take(3).collect();
    assert_eq!(
        last,
        [
            "2030-01-01T00:00:20.000Z app#1 running -> passed",
            "2030-01-01T00:00:20.000Z app#1 blocked -> running",
            "2030-01-01T00:00:20.000Z app#1 s2 blocked -> unblocked",
        ]
    );
    story.check(
        "passed unblocked",
        "scheduled running blocked:passed passed",
        "started 1, finished 20",
    );
}

#[test]
fn a_step_unblocked_early_is_complete_only_when_what_it_waits_for_is() {
    let mut story = Story::of("C(0,slow) B");
    story.put_job("s2", "unblock").expect(200);
    assert_eq!(story.jobs(), "scheduled unblocked");
    story.run();
    story.check(
        "passed unblocked",
        "scheduled running passed",
        "started 1, finished 61",
    );
}

#[test]
fn a_blocked_build_is_canceled_at_once() {
    let mut story = Story::of("C(0) B C(0)");
    story.run();
    story.fake.advance(seconds(9));
    let canceled = story.put("cancel").expect(200);
    assert_eq!(canceled["state"].str(), "canceled");
    assert!(!canceled["blocked"].bool());
    story.check(
        "passed canceled canceled",
        "scheduled running blocked:passed canceled",
        "started 1, finished 20",
    );
    assert!(!story.job("s2")["unblockable"].bool());
}

#[test]
fn a_soft_failure_does_not_keep_a_block_step_from_blocking() {
    let mut story = Story::of("C(1,soft) B");
    story.run();
    story.check(
        "failed+soft blocked",
        "scheduled running blocked:passed",
        "started 1, finished 11",
    );
}

#[test]
fn a_wait_beside_a_block_step_is_left_out() {
    let check = |steps: &str, jobs: &str| {
        let mut story = Story::of(steps);
        story.run();
        assert_eq!(story.jobs(), jobs, "{steps}");
        let timeline = story.build.timeline().to_string();
        assert_eq!(
            timeline.contains("optimizer_removed"),
            jobs.contains("broken"),
            "{timeline}"
        );
    };
    check("C(0) W B C(0)", "passed broken blocked waiting");
    check("C(0) B W C(0)", "passed blocked broken waiting");
    check("C(0) W B W C(0)", "passed broken blocked broken waiting");
    check("B W B", "blocked broken blocked");
    check("C(0) W C(0) B", "passed passed passed blocked");
    check("C(0) W I", "passed passed blocked");
    check("I W C(0)", "blocked passed passed");
    // Its `continue_on_failure` goes with it
    check(
        "C(1) Wc B C(0)",
        "failed broken blocked_failed waiting_failed",
    );
    check(
        "C(1) B Wc C(0)",
        "failed blocked_failed broken waiting_failed",
    );
    // And so no later wait continues either
    check(
        "C(1) B C(0) Wc C(0)",
        "failed blocked_failed waiting_failed waiting_failed waiting_failed",
    );
}

#[test]
fn an_input_step_waits_for_nothing_and_holds_nobody_up() {
    let mut story = Story::of("C(0) W I C(0) W C(0)");
    assert_eq!(
        story.jobs(),
        "scheduled waiting blocked waiting waiting waiting"
    );
    story.run();
    story.check(
        "passed passed blocked passed passed passed",
        "scheduled running blocked:passed",
        "started 1, finished 33",
    );
}

#[test]
fn a_step_that_depends_on_an_input_step_waits_for_the_person() {
    let mut story = Story::told(
        "steps:
          - {input: Which?, key: which}
          - {command: make, key: make, depends_on: which}",
        |_| {},
    );
    story.run();
    assert_eq!(story.jobs(), "blocked waiting");
    story.put_job("which", "unblock").expect(200);
    assert_eq!(story.jobs(), "unblocked scheduled");
    story.run();
    assert_eq!(story.seen(), "blocked:passed running passed");
}

#[test]
fn a_block_step_that_names_its_dependencies_waits_for_those_alone() {
    let mut story = Story::told(
        "steps:
          - {command: make, key: slow}
          - {command: make, key: quick}
          - {block: Ship?, key: ship, depends_on: quick}
          - {command: ship, key: shipped, depends_on: ship}",
        |app| {
            app.on_job("slow").hangs();
        },
    );
    story.run();
    story.put_job("ship", "unblock").expect(200);
    story.run();
    assert_eq!(story.jobs(), "running passed unblocked passed");
}

#[test]
fn a_build_does_not_fail_for_a_missing_step_while_a_person_may_still_act() {
    // Given a step that waits for one that does not exist, beside an open input step
    let mut story = Story::told(
        "steps: [{command: make, depends_on: nope}, {input: Which?, key: which}]",
        |_| {},
    );
    assert_eq!(story.jobs(), "waiting blocked");
    // When the person has acted, nothing can happen any more
    story.put_job("which", "unblock").expect(200);
    assert_eq!(story.jobs(), "waiting_failed unblocked");
    assert_eq!(story.seen(), "blocked:passed failed");
}

#[test]
fn an_early_unblock_outlives_a_failure_and_a_retry() {
    // Given a step that was unblocked early, before what it waits for failed
    let mut story = Story::of("C(1) B C(0)");
    story.app.on_job("s1").exits(1).then().exits(0);
    story.put_job("s2", "unblock").expect(200);
    story.run();
    assert_eq!(story.jobs(), "failed unblocked_failed waiting_failed");
    // When what failed is retried
    story.put_job("s1", "retry").expect(200);
    assert_eq!(story.jobs(), "failed+retried scheduled unblocked waiting");
    // Then nobody has to unblock it again
    let job = story.job("s2");
    assert_eq!(instant(&job["unblocked_at"]), story.build.created_at());
    story.run();
    assert_eq!(story.jobs(), "failed+retried passed unblocked passed");
}

#[test]
fn a_build_fails_when_what_was_unblocked_waits_for_what_cannot_come() {
    for steps in [
        "steps: [{block: Ship?, key: a, depends_on: nobody}, {command: make}]",
        "steps: [{block: Ship?, key: a, depends_on: b}, {input: Who?, key: b, depends_on: a}]",
    ] {
        let mut story = Story::told(steps, |_| {});
        for key in ["a", "b"] {
            if steps.contains(&format!("key: {key}")) {
                story.put_job(key, "unblock").expect(200);
            }
        }
        story.run();
        assert_eq!(story.build.state(), BuildState::Failed, "{steps}");
        assert!(
            story.jobs().starts_with("unblocked_failed"),
            "{}",
            story.jobs()
        );
    }
}

#[test]
fn a_blocked_build_that_fails_because_what_waited_was_canceled_never_started() {
    // Given builds in which a person has to act first
    let fake = FakeBuildkite::start();
    let steps = "steps: [{block: Go?, key: go}, {command: make, key: make}]";
    let app = fake
        .pipeline("app")
        .steps(steps)
        .cancel_intermediate_builds()
        .create();
    let (older, newer) = (app.create_build(), app.create_build());
    assert!(newer.is_blocked());
    // When somebody cancels what waits for that person
    fake.advance(seconds(60));
    newer.job("make").cancel();
    // Then the build has failed without having run
    assert_eq!(newer.state(), BuildState::Failed);
    assert_eq!(newer.started_at(), None);
    // And takes the place of no other
    assert!(older.is_blocked());
}
