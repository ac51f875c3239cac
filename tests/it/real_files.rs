//! Real pipeline files: each is refused with a reason or makes builds that end.

use std::path::{Path, PathBuf};

use fake_buildkite::{BuildHandle, FakeBuildkite, JobState};

use crate::support::client;

/// The most people that have to act in one build, one after the other; nothing real comes near it.
const PEOPLE: usize = 100;

#[test]
fn every_real_file_saved_with_a_pipeline_makes_a_build_that_ends_or_says_why_not() {
    let tally = run_all(|fake, text| {
        let api = client(fake);
        let pipeline = serde_json::json!({
            "name": "app", "repository": "https://example.test/app.git", "configuration": text,
        });
        let created = api.post("/organizations/acme/pipelines", &pipeline.to_string());
        if created.status == 422 {
            return Err(created.message(422));
        }
        created.expect(201);
        let wanted = r#"{"commit":"HEAD","branch":"main"}"#;
        let created = api.post("/organizations/acme/pipelines/app/builds", wanted);
        if created.status == 422 {
            return Err(created.message(422));
        }
        created.expect(201);
        Ok(fake.existing_pipeline("app").latest_build())
    });
    assert!(tally.ended > tally.files / 2, "{tally:?}");
}

#[test]
fn every_real_file_that_a_job_uploads_makes_a_build_that_ends_or_says_why_not() {
    let tally = run_all(|fake, text| {
        let steps = "steps: [{command: upload, label: upload}]";
        let build = fake.pipeline("app").steps(steps).create_build();
        let job = build.job("upload");
        job.start();
        let uploaded = job.try_upload_pipeline(text);
        uploaded.map_err(|refused| refused.message)?;
        job.pass();
        Ok(build)
    });
    assert!(tally.ended > tally.files / 2, "{tally:?}");
}

/// What came of a folder of files.
#[derive(Debug, Default)]
struct Tally {
    files: usize,
    /// By the agent or the server.
    refused: usize,
    /// Made a build that ended, people having acted where it asked for them.
    ended: usize,
    /// Made a build that waits for a key that only another upload could bring.
    waits: usize,
    jobs: usize,
}

/// Makes a build of each file and runs it to its end with the default script. `PIPELINE_CORPUS` may name another
/// folder.
fn run_all(build_of: impl Fn(&FakeBuildkite, &str) -> Result<BuildHandle, String>) -> Tally {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pipelines");
    let folder = std::env::var_os("PIPELINE_CORPUS").map_or(ours, PathBuf::from);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yml"))
        .collect();
    files.sort();
    let mut tally = Tally::default();
    for path in &files {
        tally.files += 1;
        let text = String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned();
        let fake = FakeBuildkite::start();
        let build = match build_of(&fake, &text) {
            Ok(build) => build,
            Err(message) => {
                assert!(!message.is_empty(), "{}", path.display());
                tally.refused += 1;
                continue;
            }
        };
        // What REST lists are the jobs there are.
        let shown = client(&fake).build("app", build.number());
        assert_eq!(shown["jobs"].items().len(), build.all_jobs().len());
        for _ in 0..PEOPLE {
            fake.run_until_idle();
            if !unblock_one(&build) {
                break;
            }
        }
        tally.jobs += build.all_jobs().len();
        // Steps that come with another upload are missing, and what depends on them waits for good.
        let timeline = build.timeline().to_string();
        if timeline.contains(", which no step is called") {
            tally.waits += 1;
        } else {
            assert!(build.is_finished(), "{}:\n{timeline}", path.display());
            tally.ended += 1;
        }
    }
    println!("{}: {tally:?}", folder.display());
    assert!(tally.jobs > tally.files, "{tally:?}");
    tally
}

/// Whether there was something to unblock.
fn unblock_one(build: &BuildHandle) -> bool {
    let blocked = build
        .all_jobs()
        .into_iter()
        .find(|job| job.state() == JobState::Blocked);
    blocked.inspect(|job| job.unblock()).is_some()
}
