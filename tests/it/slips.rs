//! Slips of a test's author are shown where they were made: the place of a panic is a line of the test, not one of
//! ours.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use fake_buildkite::{FakeBuildkite, Route, WebhookReceiver, seconds};

use crate::support::panic_of;

thread_local! {
    /// Where the last panic of this thread was, while somebody wants to know.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The file that a panic names.
fn place_of<T>(slip: impl FnOnce() -> T) -> String {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_watched = PLACE.with_borrow_mut(|place| {
                let place = place.as_mut()?;
                let location = info.location().expect("a place");
                location.file().clone_into(place);
                Some(())
            });
            if is_watched.is_none() {
                others(info);
            }
        }));
    });
    PLACE.set(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(slip));
    assert!(outcome.is_err(), "there was no panic");
    PLACE.take().expect("it was watched")
}

type Slip = fn(&FakeBuildkite);

#[test]
fn a_slip_is_shown_where_it_was_made() {
    const REFUSED: &str = "steps: [{command: make $BUILDKITE_BUILD_NUMBER, key: test}]";
    let slips: &[(&str, Slip)] = &[
        ("a pipeline that is not there", |fake| {
            let _ = fake.existing_pipeline("docs");
        }),
        ("a pipeline that cannot be read", |fake| {
            fake.pipeline("x").steps("steps: [{wat: 1}").create();
        }),
        ("a build that cannot be made", |fake| {
            fake.pipeline("y").steps(REFUSED).create_build();
        }),
        ("a build of a pipeline that cannot be built", |fake| {
            let steps = fake.pipeline("z").steps(REFUSED).create();
            steps.build().create();
        }),
        ("a build that is not there", |fake| {
            let _ = fake.existing_pipeline("app").build_number(7);
        }),
        ("a script for nobody", |fake| {
            fake.existing_pipeline("app").on_job("nobody");
        }),
        ("a job that is not there", |fake| {
            let _ = fake.existing_pipeline("app").latest_build().job("nobody");
        }),
        ("a job of another id", |fake| {
            let _ = fake.existing_job("7");
        }),
        ("a move that is illegal", |fake| {
            let build = fake.existing_pipeline("app").latest_build();
            build.job("test").finish(0);
        }),
        ("an artifact that is not there", |fake| {
            let build = fake.existing_pipeline("app").latest_build();
            let deleted = fake_buildkite::ArtifactState::Deleted;
            build.job("test").mark_artifact("report.xml", deleted);
        }),
        ("a condition that never holds", |fake| {
            let _ = fake.run_until(|_| false);
        }),
        ("a clock that goes back", |fake| {
            let now = fake.clock().now();
            let _ = fake.advance_to(now - seconds(1));
        }),
        ("a fault that cannot be", |fake| {
            fake.fault(Route::GetBuild).nth(0).status(500);
        }),
        ("an agent that is not there", |fake| {
            let _ = fake.agent("nobody");
        }),
        ("a cluster that is not there", |fake| {
            let _ = fake.existing_cluster("Linux");
        }),
        ("a user that is not there", |fake| {
            let _ = fake.existing_user("ada@example.com");
        }),
        ("a build that is gone", |fake| {
            let before = fake.snapshot();
            let build = fake.existing_pipeline("app").create_build();
            fake.rewind(&before);
            let _ = build.state();
        }),
        ("a pipeline that is gone", |fake| {
            let before = fake.snapshot();
            let docs = fake.pipeline("docs").create();
            fake.rewind(&before);
            let _ = docs.slug();
        }),
        ("a schedule that is none", |fake| {
            fake.existing_pipeline("app")
                .schedule("61 * * * *")
                .create();
        }),
    ];
    let mut elsewhere = Vec::new();
    for (what, slip) in slips {
        let fake = FakeBuildkite::start();
        let app = fake
            .pipeline("app")
            .steps("steps: [{command: make, key: test}]");
        app.create_build();
        let place = place_of(|| slip(&fake));
        if place != file!() {
            elsewhere.push(format!("{what}: {place}"));
        }
    }
    assert!(elsewhere.is_empty(), "{}", elsewhere.join("\n"));
}

#[test]
fn what_is_not_there_and_what_is_no_more_are_said_alike() {
    let fake = FakeBuildkite::start();
    let before = fake.snapshot();
    let linux = fake.cluster("Linux").create();
    let queue = linux.queue("default");
    let team = fake.team("Platform").create();
    // Whose the choices are matters once there are several who could have some
    let of_fake = panic_of(|| fake.existing_pipeline("sit"));
    let initech = fake.add_organization("initech");
    initech.pipeline("site").create();
    let table = [
        (of_fake, "no pipeline `sit`; this fake has none"),
        (
            panic_of(|| fake.existing_pipeline("sit")),
            "no pipeline `sit`; organization `acme` has none",
        ),
        (
            panic_of(|| initech.existing_pipeline("sit")),
            "no pipeline `sit`; organization `initech` has `site`",
        ),
        (
            panic_of(|| initech.existing_cluster("Linux")),
            "no cluster `Linux`; organization `initech` has none",
        ),
        (
            panic_of(|| initech.existing_team("platform")),
            "no team `platform`; organization `initech` has none",
        ),
        (
            panic_of(|| linux.queue("gpu")),
            "no queue `gpu` in cluster `Linux`; it has `default`",
        ),
        (
            panic_of(|| linux.add_token(" ")),
            "Buildkite would not take the token ` ` of cluster `Linux`: Description can't be blank",
        ),
        (
            panic_of(|| fake.existing_job("7")),
            "no job with the id `7`; `all_jobs()` of a build has those there are",
        ),
    ];
    fake.rewind(&before);
    let gone = [
        (
            panic_of(|| linux.name()),
            "this cluster is gone: it was deleted",
        ),
        (
            panic_of(|| queue.key()),
            "this queue is gone: it, or its cluster, was deleted",
        ),
        (
            panic_of(|| team.name()),
            "this team is gone: it was deleted",
        ),
    ];
    for (message, expected) in table {
        assert_eq!(message, expected);
    }
    for (message, beginning) in gone {
        let expected = format!("{beginning}, or the fake went back to before it was made");
        assert_eq!(message, expected);
    }
}

#[test]
fn what_is_no_json_is_shown() {
    let receiver = WebhookReceiver::start();
    let http = reqwest::blocking::Client::new();
    let sent = http
        .post(receiver.url())
        .header("X-Buildkite-Event", "ping");
    sent.body("nothing").send().expect("an answer");
    let message = panic_of(|| receiver.received()[0].json());
    assert!(
        message.starts_with("the body of `ping` is no JSON (") && message.ends_with("): nothing"),
        "{message}"
    );
}
