//! Real pipeline files: each is refused with a reason or makes builds that end.

use std::path::Path;

use fake_buildkite::{BuildHandle, FakeBuildkite, JobState};

use crate::support::client;

/// The most people that have to act in one build, one after the other; nothing real comes near it.
const PEOPLE: usize = 100;

#[test]
fn every_real_file_makes_a_build_that_ends_or_says_why_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pipelines");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yml"))
        .collect();
    files.sort();
    let (mut ended, mut jobs) = (0, 0);
    for path in &files {
        let text = String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned();
        let fake = FakeBuildkite::start();
        let api = client(&fake);
        let pipeline = serde_json::json!({
            "name": "app", "repository": "https://example.test/app.git", "configuration": text,
        });
        let created = api.post("/organizations/acme/pipelines", &pipeline.to_string());
        if created.status == 422 {
            assert!(!created.message(422).is_empty(), "{}", path.display());
            continue;
        }
        created.expect(201);
        let wanted = r#"{"commit":"HEAD","branch":"main"}"#;
        let created = api.post("/organizations/acme/pipelines/app/builds", wanted);
        if created.status == 422 {
            assert!(!created.message(422).is_empty(), "{}", path.display());
            continue;
        }
        let shown = created.expect(201);
        // What REST lists are the jobs there are.
        let build = fake.existing_pipeline("app").latest_build();
        assert_eq!(shown["jobs"].items().len(), build.all_jobs().len());
        for _ in 0..PEOPLE {
            fake.run_until_idle();
            if !unblock_one(&build) {
                break;
            }
        }
        // Steps that come with an upload are missing, and what depends on them waits for good.
        let timeline = build.timeline().to_string();
        if !build.is_finished() {
            let waits_for_good = timeline.contains(", which no step is called");
            assert!(waits_for_good, "{}:\n{timeline}", path.display());
            continue;
        }
        ended += 1;
        jobs += build.all_jobs().len();
    }
    assert!(ended > files.len() / 2, "{ended} of {}", files.len());
    assert!(jobs > 500, "{jobs}");
}

/// Whether there was something to unblock.
fn unblock_one(build: &BuildHandle) -> bool {
    let blocked = build
        .all_jobs()
        .into_iter()
        .find(|job| job.state() == JobState::Blocked);
    blocked.inspect(|job| job.unblock()).is_some()
}
