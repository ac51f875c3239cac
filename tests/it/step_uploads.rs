//! What jobs uploaded into their build, over REST and by handle.

use fake_buildkite::{
    BuildHandle, FakeBuildkite, JobState, PipelineUpload, Scope, StepUploadState, seconds,
};

use crate::support::{Answer, Client, Json, client, world};

const UPLOADS: &str = "/organizations/acme/pipelines/app/builds/1/step-uploads";

const REJECTED: &str =
    "The step upload was rejected. Check the pipeline upload command output for details.";

const KEYS: [&str; 12] = [
    "uuid",
    "graphql_id",
    "state",
    "source",
    "source_job_id",
    "replace_existing_steps",
    "created_jobs_count",
    "rejection_type",
    "message",
    "url",
    "created_at",
    "processed_at",
];

const DEFINITION_KEYS: [&str; 3] = [
    "definition_bytes",
    "definition_yaml",
    "definition_yaml_omitted",
];

/// Two jobs that can upload.
fn build_that_uploads() -> (FakeBuildkite, BuildHandle, Client) {
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: gen, key: gen}, {command: other, key: other}]";
    let build = fake.pipeline("app").steps(steps).create_build();
    build.job("gen").start();
    build.job("other").start();
    let client = client(&fake);
    (fake, build, client)
}

fn upload(build: &BuildHandle, job: &str, key: &str) {
    let yaml = format!("steps: [{{command: make, key: {key}}}]");
    build.job(job).upload_pipeline(yaml);
}

/// The first key of each step upload of a page.
fn first_keys(client: &Client, page: &Json) -> String {
    let key = |upload: &Json| {
        let whole = client.get(upload["url"].str()).expect(200);
        let yaml = whole["definition_yaml"].str();
        let (_, behind) = yaml.split_once("key: ").expect("a key");
        behind.lines().next().expect("a key").to_owned()
    };
    let keys: Vec<_> = page["items"].items().iter().map(key).collect();
    keys.join(" ")
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!(answer.message(status), message);
    assert_eq!(answer.json().keys(), ["message"]);
}

#[test]
fn an_upload_can_be_seen_in_the_list_and_alone_with_what_was_uploaded() {
    // Given a job that uploads three jobs, one of which will not run
    let (fake, build, client) = build_that_uploads();
    fake.advance(seconds(3));
    let yaml = "# generated\n- {command: 'echo $BUILDKITE_BRANCH', label: \":go: $$HOME\", parallelism: 2}\n- {command: x, if: 'false'}\n";
    build.job("gen").upload_pipeline(yaml);
    // When it is listed
    let page = client.get(UPLOADS).expect(200);
    // Then it is there without its definition
    assert_eq!(page.keys(), ["items", "links"]);
    let url = format!("{}/v2{UPLOADS}", fake.url());
    assert_eq!(page["links"].keys(), ["self"]);
    assert_eq!(page["links"]["self"].str(), format!("{url}?per_page=30"));
    let [listed] = page["items"].items() else {
        panic!("one upload")
    };
    assert_eq!(listed.keys(), KEYS);
    let job = build.job("gen").id().to_string();
    for (key, value) in [
        ("state", "applied"),
        ("source", "job"),
        ("source_job_id", &job),
        ("created_at", "2030-01-01T00:00:03.000Z"),
        ("processed_at", "2030-01-01T00:00:03.000Z"),
    ] {
        assert_eq!(listed[key].str(), value);
    }
    assert!(!listed["replace_existing_steps"].bool());
    assert_eq!(listed["created_jobs_count"].number(), 3);
    assert!(listed["rejection_type"].is_null() && listed["message"].is_null());
    let id = listed["uuid"].str();
    assert_eq!(listed["url"].str(), format!("{url}/{id}"));
    // And alone with it, everything filled in
    let whole = client.get(listed["url"].str()).expect(200);
    assert_eq!(whole.keys(), [&KEYS[..], &DEFINITION_KEYS[..]].concat());
    assert_eq!(&whole.entries()[..KEYS.len()], listed.entries());
    assert_eq!(
        whole["definition_yaml"].str(),
        "steps:\n- command: echo main\n  label: ':go: $HOME'\n  parallelism: 2\n- command: x\n  if: 'false'\n"
    );
    let sent = r#"{"steps":[{"command":"echo main","label":":go: $HOME","parallelism":2},{"command":"x","if":"false"}]}"#;
    let size = i64::try_from(sent.len()).expect("small");
    assert_eq!(whole["definition_bytes"].number(), size);
    assert!(!whole["definition_yaml_omitted"].bool());
    // And so it is by handle
    let records = build.step_uploads();
    let [record] = &records[..] else {
        panic!("one upload")
    };
    assert_eq!(record.id.to_string(), id);
    assert_eq!(record.job_id, build.job("gen").id());
    assert_eq!(record.definition_yaml, whole["definition_yaml"].str());
    assert_eq!(
        (record.state, record.created_jobs, record.replaces),
        (StepUploadState::Applied, Some(3), false)
    );
    assert_eq!(record.created_at, fake.clock().now());
}

#[test]
fn the_graphql_id_is_that_of_a_step_upload() {
    use base64_of::text;
    let (_fake, build, client) = build_that_uploads();
    upload(&build, "gen", "a");
    let page = client.get(UPLOADS).expect(200);
    let upload = &page["items"][0];
    let expected = text(&format!("BuildStepUpload---{}", upload["uuid"].str()));
    assert_eq!(upload["graphql_id"].str(), expected);
}

mod base64_of {
    /// Without a crate: three bytes are four digits.
    pub(super) fn text(text: &str) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        assert_eq!(text.len() % 3, 0, "no padding here");
        let digits = text.as_bytes().chunks(3).flat_map(|three| {
            let bits = three
                .iter()
                .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
        });
        digits.collect()
    }
}

#[test]
fn every_document_is_an_upload_and_the_newest_is_first() {
    let (_fake, build, client) = build_that_uploads();
    upload(&build, "gen", "a");
    build
        .job("other")
        .upload_pipeline("[{command: x, key: b}]\n---\n[{command: x, key: c}]\n");
    let replacing = PipelineUpload::yaml("[{command: x, key: d}]").replacing();
    build.job("gen").upload_pipeline(replacing);
    let page = client.get(UPLOADS).expect(200);
    assert_eq!(first_keys(&client, &page), "d c b a");
    let replaces: Vec<_> = page["items"]
        .items()
        .iter()
        .map(|upload| upload["replace_existing_steps"].bool())
        .collect();
    assert_eq!(replaces, [true, false, false, false]);
    // Those of one job
    let ask = |source: &str| {
        let query = format!("filter[source_job_id]={source}");
        let page = client.get(&format!("{UPLOADS}?{query}")).expect(200);
        first_keys(&client, &page)
    };
    assert_eq!(ask(&build.job("gen").id().to_string()), "d a");
    assert_eq!(ask(&build.job("other").id().to_string()), "c b");
    assert_eq!(ask(&build.job("d").id().to_string()), "");
    assert_eq!(ask(&build.id().to_string()), "");
    assert_eq!(ask("nonsense"), "");
    assert_eq!(ask(""), "d c b a");
    let order: Vec<_> = build
        .step_uploads()
        .into_iter()
        .map(|upload| upload.job_id == build.job("gen").id())
        .collect();
    assert_eq!(order, [true, false, false, true]);
}

#[test]
fn whoever_pages_sees_what_was_there_although_more_is_uploaded() {
    let (_fake, build, client) = build_that_uploads();
    for key in ["a", "b", "c", "d", "e"] {
        upload(&build, "gen", key);
    }
    upload(&build, "other", "x");
    let gen_id = build.job("gen").id();
    let first = format!("{UPLOADS}?per_page=2&filter[source_job_id]={gen_id}");
    let mut page = client.get(&first).expect(200);
    let mut seen = vec![first_keys(&client, &page)];
    while let Some(next) = page["links"].get("next") {
        upload(&build, "gen", &format!("new-{}", seen.len()));
        let filter = format!("filter%5Bsource_job_id%5D={gen_id}&per_page=2");
        assert!(next.str().ends_with(&filter), "{next:?}");
        page = client.get(next.str()).expect(200);
        seen.push(first_keys(&client, &page));
    }
    assert_eq!(seen, ["e d", "c b", "a"]);
    // What came meanwhile is before them
    let first = page["links"]["first"].str();
    let page = client.get(first).expect(200);
    assert_eq!(first_keys(&client, &page), "new-2 new-1");
}

#[test]
fn what_the_server_rejects_is_kept_and_the_build_is_as_it_was() {
    let (fake, build, client) = build_that_uploads();
    upload(&build, "gen", "taken");
    let before = world(&fake, &["acme"]);
    for (yaml, why) in [
        (
            "[{command: x, key: taken}]",
            "The key \"taken\" has already been used by another step in this build",
        ),
        (
            "[{command: x, nonsense: 1, key: k}]",
            "`nonsense` is not a valid property on the `command` step. Please check the documentation to get a full \
             list of supported properties.",
        ),
    ] {
        let refused = build.job("gen").try_upload_pipeline(yaml).unwrap_err();
        let page = client.get(UPLOADS).expect(200);
        let newest = &page["items"][0];
        assert_eq!(newest.keys(), KEYS);
        assert_eq!(newest["state"].str(), "rejected");
        assert_eq!(newest["rejection_type"].str(), "validation_error");
        assert_eq!(newest["message"].str(), REJECTED);
        assert!(newest["created_jobs_count"].is_null());
        let whole = client.get(newest["url"].str()).expect(200);
        let written = whole["definition_yaml"].str();
        assert!(written.starts_with("steps:\n- command: x\n"), "{written}");
        let record = build.step_uploads().pop().expect("the newest");
        let rejection = record.rejection.expect("a reason");
        assert_eq!(rejection, refused.message);
        assert!(rejection.contains(why), "{rejection}");
    }
    // What the agent cannot read is never sent; nor is anything for a job that does not run
    let count = build.step_uploads().len();
    for yaml in ["a: b: c", "5"] {
        assert!(build.job("gen").try_upload_pipeline(yaml).is_err());
    }
    assert!(build.job("taken").try_upload_pipeline("[wait]").is_err());
    assert_eq!(build.step_uploads().len(), count);
    assert_eq!(world(&fake, &["acme"]), before);
    // Of several documents the one that breaks a rule is kept
    let refused = build
        .job("gen")
        .try_upload_pipeline("[{command: x, key: one}]\n---\n[{command: z, key: one}]\n");
    assert!(refused.is_err());
    assert_eq!(build.step_uploads().len(), count + 1);
    let last = build.step_uploads().pop().expect("the newest");
    assert_eq!(last.definition_yaml, "steps:\n- command: z\n  key: one\n");
}

#[test]
fn a_script_whose_upload_is_rejected_fails_and_leaves_it_to_be_seen() {
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: gen, key: gen}]")
        .create();
    app.on_job("gen").uploads("[{command: x, key: gen}]");
    let build = app.create_build();
    fake.run_until_idle();
    assert_eq!(build.job("gen").state(), JobState::Failed);
    let uploads = build.step_uploads();
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].state, StepUploadState::Rejected);
}

#[test]
fn step_uploads_are_only_found_where_they_are() {
    let fake = FakeBuildkite::builder()
        .token("other", [Scope::WriteBuilds, Scope::ReadPipelines])
        .start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: gen, key: gen}]")
        .create();
    let build = app.create_build();
    app.create_build();
    build.job("gen").start();
    upload(&build, "gen", "a");
    upload(&build, "gen", "b");
    let id = build.step_uploads()[0].id;
    let client = client(&fake);
    let before = world(&fake, &["acme"]);
    for (place, message) in [
        ("none/pipelines/app/builds/1", "No organization found"),
        ("acme/pipelines/none/builds/1", "No pipeline found"),
        ("acme/pipelines/app/builds/9", "No build found"),
    ] {
        let path = format!("/organizations/{place}/step-uploads");
        assert_refused(&client.get(&path), 404, message);
        assert_refused(&client.get(&format!("{path}/{id}")), 404, message);
    }
    let of_other = UPLOADS.replace("/1/", "/2/");
    for path in [
        format!("{of_other}/{id}"),
        format!("{UPLOADS}/{}", build.id()),
        format!("{UPLOADS}/x"),
    ] {
        assert_refused(&client.get(&path), 404, "No step upload found");
    }
    assert_eq!(client.get(&of_other).expect(200)["items"].items(), []);
    // Cursors are those of this list alone
    let page = client.get(&format!("{UPLOADS}?per_page=1")).expect(200);
    let next = page["links"]["next"].str();
    let jobs = next.replace("step-uploads", "jobs");
    assert_refused(&client.get(&jobs), 400, "Invalid after cursor");
    let other = next.replace("/1/", "/2/");
    assert_refused(&client.get(&other), 400, "Invalid after cursor");
    let size = client.get(&format!("{UPLOADS}?per_page=500"));
    assert_refused(&size, 400, "per_page must be between 1 and 100");
    // Who may
    let scope = "Your access token doesn't have the read_builds scope";
    let whole = format!("{UPLOADS}/{id}");
    for path in [UPLOADS, &whole] {
        assert_refused(&client.with_token("other").get(path), 403, scope);
        assert_eq!(client.without_token().get(path).status, 401);
    }
    assert_eq!(world(&fake, &["acme"]), before);
    // A pipeline takes them along
    client.delete("/organizations/acme/pipelines/app");
    assert_refused(&client.get(&whole), 404, "No pipeline found");
}
