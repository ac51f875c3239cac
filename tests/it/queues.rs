//! Queues of clusters: one test for every endpoint, and what a queue does to the jobs that wait in it.
//!
//! Elsewhere: clusters themselves (`clusters`), recorded answers (`recorded`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fake_buildkite::{
    Agents, BuildState, ClusterHandle, FakeBuildkite, JobState, Move, Route, agent, days, minutes,
    seconds,
};

use crate::clusters::CLUSTERS;
use crate::pipelines::assert_refused;
use crate::support::{Answer, Client, Json, client, world};

const KEYS: [&str; 14] = [
    "id",
    "graphql_id",
    "key",
    "description",
    "url",
    "web_url",
    "cluster_url",
    "retry_agent_affinity",
    "dispatch_paused",
    "dispatch_paused_by",
    "dispatch_paused_at",
    "dispatch_paused_note",
    "created_at",
    "created_by",
];

const STEPS: &str = "steps: [{command: make, key: make}, \
    {command: ship, key: ship, agents: {queue: deploy}}]";

/// A fake with the cluster `Linux`, whose queues are `default` and `deploy`, and the path of its queues.
fn linux() -> (FakeBuildkite, Client, ClusterHandle, String) {
    let fake = FakeBuildkite::start();
    let cluster = fake.cluster("Linux").queue("deploy").create();
    let client = client(&fake);
    let path = format!("{CLUSTERS}/{}/queues", cluster.id());
    (fake, client, cluster, path)
}

fn keys_of(list: &Json) -> Vec<&str> {
    list.items().iter().map(|one| one["key"].str()).collect()
}

fn invalid(reasons: &str) -> String {
    format!("Validation failed: {reasons}")
}

fn numbers(list: &Answer) -> Vec<i64> {
    let list = list.expect(200);
    let numbers = list.items().iter().map(|build| build["number"].number());
    numbers.collect()
}

// --- One endpoint after the other ------------------------------------------------------------------------------------

#[test]
fn queues_are_listed_oldest_first_page_by_page() {
    let (fake, client, _, path) = linux();
    fake.cluster("Other").queue("other").create();
    let list = client.get(&path).expect(200);
    assert_eq!(keys_of(&list), ["default", "deploy"]);
    let page = client.get(&format!("{path}?per_page=1&page=2"));
    assert_eq!(keys_of(&page.expect(200)), ["deploy"]);
    assert!(page.header("link").is_some());
    let one = &page.json()[0];
    let alone = client.get(&format!("{path}/{}", one["id"].str()));
    assert_eq!(alone.expect(200), *one);
}

#[test]
fn a_queue_is_what_was_sent() {
    let (fake, client, cluster, path) = linux();
    let body = r#"{"key":"arm_64-big","description":"Text","retry_agent_affinity":"prefer-different","unknown":1}"#;
    let created = client.post(&path, body).expect(201);
    assert_eq!(created.keys(), KEYS);
    for (field, expected) in [
        ("key", "arm_64-big"),
        ("description", "Text"),
        ("retry_agent_affinity", "prefer-different"),
        ("created_at", "2030-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(created[field].str(), expected, "{field}");
    }
    assert!(!created["dispatch_paused"].bool());
    for field in ["by", "at", "note"] {
        assert!(created[format!("dispatch_paused_{field}").as_str()].is_null());
    }
    let id = created["id"].str();
    let graphql_id = STANDARD
        .decode(created["graphql_id"].str())
        .expect("base64");
    assert_eq!(graphql_id, format!("ClusterQueue---{id}").as_bytes());
    let url = format!("{}/v2{path}/{id}", fake.url());
    assert_eq!(created["url"].str(), url);
    let cluster_url = format!("{}/v2{CLUSTERS}/{}", fake.url(), cluster.id());
    assert_eq!(created["cluster_url"].str(), cluster_url);
    let web = format!(
        "{}/organizations/acme/clusters/{}/queues/{id}",
        fake.url(),
        cluster.id()
    );
    assert_eq!(created["web_url"].str(), web);
    assert_eq!(created["created_by"], client.get("/user").expect(200));
    let handle = cluster.queue("arm_64-big");
    assert_eq!(handle.id().to_string(), id);
    assert_eq!(handle.description().as_deref(), Some("Text"));
    assert_eq!(
        format!("{handle:?}"),
        "QueueHandle(queue arm_64-big of cluster Linux)"
    );
    // The first queue of a cluster made by a client is not its default queue by itself.
    let bare = fake.cluster("Bare").without_queues().create();
    let queues = format!("{CLUSTERS}/{}/queues", bare.id());
    let first = client.post(&queues, r#"{"key":"first"}"#).expect(201);
    assert_eq!(first["retry_agent_affinity"].str(), "prefer-warmest");
    assert!(first["description"].is_null() && bare.default_queue().is_none());
}

#[test]
fn put_and_patch_change_what_they_name() {
    let (_fake, client, cluster, path) = linux();
    let path = format!("{path}/{}", cluster.queue("deploy").id());
    for method in ["PUT", "PATCH"] {
        for (body, description, affinity) in [
            (r#"{"description":"Text"}"#, Some("Text"), "prefer-warmest"),
            (
                r#"{"retry_agent_affinity":"prefer-different"}"#,
                Some("Text"),
                "prefer-different",
            ),
            ("{}", Some("Text"), "prefer-different"),
            (
                r#"{"description":null,"retry_agent_affinity":"prefer-warmest","key":"other"}"#,
                None,
                "prefer-warmest",
            ),
        ] {
            let changed = client.send(method, &path, &[], Some(body)).expect(200);
            assert_eq!(changed.keys(), KEYS);
            match description {
                Some(text) => assert_eq!(changed["description"].str(), text),
                None => assert!(changed["description"].is_null()),
            }
            assert_eq!(changed["retry_agent_affinity"].str(), affinity);
            assert_eq!(changed["key"].str(), "deploy", "a key never changes");
            assert_eq!(client.get(&path).expect(200), changed);
        }
    }
}

#[test]
fn what_is_wrong_with_a_queue_changes_nothing() {
    let (fake, client, cluster, path) = linux();
    let other = fake.cluster("Other").create();
    let queue = cluster.queue("deploy").id();
    let before = world(&fake, &["acme"]);
    for (body, reasons) in [
        ("", "Key can't be blank"),
        (r#"{"key":" "}"#, "Key can't be blank"),
        (r#"{"key":7}"#, "Key is invalid"),
        (
            r#"{"key":"a b"}"#,
            "Key can only contain letters, numbers, hyphens and underscores",
        ),
        (r#"{"key":"deploy"}"#, "Key has already been taken"),
        (r#"{"key":"a","description":7}"#, "Description is invalid"),
        (
            r#"{"key":"a","retry_agent_affinity":"prefer-none"}"#,
            "Retry agent affinity is invalid",
        ),
        (
            r#"{"key":"","hostedAgents":{"instanceShape":"HUGE"}}"#,
            "Key can't be blank, Instance shape is invalid",
        ),
        (
            r#"{"key":"a","hostedAgents":{}}"#,
            "Instance shape can't be blank",
        ),
    ] {
        assert_refused(&client.post(&path, body), 422, &invalid(reasons));
    }
    let change = client.patch(&format!("{path}/{queue}"), r#"{"description":[]}"#);
    assert_refused(&change, 422, &invalid("Description is invalid"));
    for path in [
        format!("{path}/42f1a7da-812d-4430-93d8-1cc7c33a6bcf"),
        format!("{path}/deploy"),
        format!("{CLUSTERS}/{}/queues/{queue}", other.id()),
    ] {
        assert_refused(&client.get(&path), 404, "No cluster queue found");
        assert_refused(&client.patch(&path, "{}"), 404, "No cluster queue found");
        assert_refused(&client.delete(&path), 404, "No cluster queue found");
        for verb in ["pause", "resume"] {
            let answer = client.post(&format!("{path}/{verb}_dispatch"), "");
            assert_refused(&answer, 404, "No cluster queue found");
        }
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_cluster_has_fifty_queues_where_limits_are_enforced() {
    let add = |cluster: &ClusterHandle, from: u32, to: u32| {
        for n in from..=to {
            cluster.add_queue(format!("q{n}"));
        }
    };
    let fake = FakeBuildkite::start();
    add(&fake.cluster("c").create(), 1, 60);
    let fake = FakeBuildkite::builder().enforce_limits().start();
    let cluster = fake.cluster("c").without_queues().create();
    add(&cluster, 1, 50);
    let path = format!("{CLUSTERS}/{}/queues", cluster.id());
    let refused = client(&fake).post(&path, r#"{"key":"another"}"#);
    let message = invalid("Cluster has reached its limit of 50 queues");
    assert_refused(&refused, 422, &message);
}

#[test]
fn hosted_queues_say_what_their_machines_are() {
    let (fake, client, cluster, path) = linux();
    let of_cluster = format!("{CLUSTERS}/{}", cluster.id());
    let plain = client.get(&of_cluster).expect(200);
    assert!(plain.get("hosted_git_mirror_enabled").is_none());
    let body = r#"{"key":"hosted","hostedAgents":{"instanceShape":"LINUX_AMD64_2X4","agentImageRef":"ignored"}}"#;
    let created = client.post(&path, body).expect(201);
    let expected: Json = serde_json::from_str(
        r#"{"instance_shape":{"machine_type":"linux","architecture":"amd64","cpu":2,"memory":4,"name":"LINUX_AMD64_2X4"},
        "platform_settings":{"linux":{"agent_image_ref":null}}}"#,
    )
    .expect("JSON");
    assert!(created["hosted"].bool() && created.get("retry_agent_affinity").is_none());
    assert_eq!(created["hosted_agents"], expected);
    assert_eq!(created["hosted_agents"].keys(), expected.keys());
    let queue = format!("{path}/{}", created["id"].str());
    // Its size can change, and its image.
    let body = r#"{"hostedAgents":{"instanceShape":"LINUX_AMD64_8X32","agentImageRef":"my-image:latest"}}"#;
    let changed = client.patch(&queue, body).expect(200);
    let agents = &changed["hosted_agents"];
    assert_eq!(agents["instance_shape"]["cpu"].number(), 8);
    let image = &agents["platform_settings"]["linux"]["agent_image_ref"];
    assert_eq!(image.str(), "my-image:latest");
    // Its kind cannot.
    let mac = r#"{"key":"mac","hostedAgents":{"instanceShape":"MACOS_ARM64_M4_6X28"}}"#;
    let mac = client.post(&path, mac).expect(201);
    let mac = format!("{path}/{}", mac["id"].str());
    let own = format!("{path}/{}", cluster.queue("deploy").id());
    let before = world(&fake, &["acme"]);
    for (path, body, reasons) in [
        (
            &queue,
            r#"{"instanceShape":"LINUX_ARM64_2X4"}"#,
            "Instance shape cannot be changed to LINUX_ARM64_2X4",
        ),
        (&queue, "{}", "Instance shape cannot be changed to "),
        (
            &queue,
            r#"{"agentImageRef":"a"}"#,
            "Instance shape cannot be changed to ",
        ),
        (
            &own,
            r#"{"instanceShape":"LINUX_AMD64_2X4"}"#,
            "Instance shape cannot be changed to LINUX_AMD64_2X4",
        ),
        (
            &mac,
            r#"{"instanceShape":"MACOS_ARM64_M4_6X28","agentImageRef":"a"}"#,
            "Agent image ref cannot be configured for hosted mac queues",
        ),
    ] {
        let body = format!(r#"{{"hostedAgents":{body}}}"#);
        assert_refused(&client.put_body(path, &body), 422, &invalid(reasons));
    }
    assert_eq!(world(&fake, &["acme"]), before);
    // The cluster is a hosted one, with caches.
    let body = r#"{"hosted_git_mirror_enabled":true}"#;
    let hosted = client.patch(&of_cluster, body).expect(200);
    assert!(hosted["hosted_git_mirror_enabled"].bool());
    assert!(!hosted["hosted_container_cache_enabled"].bool());
}

#[test]
fn a_queue_is_deleted_unless_it_is_used() {
    let (fake, client, cluster, path) = linux();
    let default = format!("{path}/{}", cluster.queue("default").id());
    let deploy = format!("{path}/{}", cluster.queue("deploy").id());
    let build = fake
        .pipeline("app")
        .cluster(&cluster)
        .steps(STEPS)
        .create_build();
    fake.advance(seconds(2));
    let before = world(&fake, &["acme"]);
    let because = |why| format!("Queue can't be deleted because it {why}");
    let of_cluster = because("is the default queue of its cluster");
    assert_refused(&client.delete(&default), 422, &of_cluster);
    assert_refused(&client.delete(&deploy), 422, &because("has running jobs"));
    assert_eq!(world(&fake, &["acme"]), before);
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
    let deleted = client.delete(&deploy);
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_refused(&client.get(&deploy), 404, "No cluster queue found");
    assert_eq!(cluster.queues().len(), 1);
    // What ran there says no more where.
    let job = &client.build("app", 1)["jobs"][1];
    assert!(job["cluster_queue_id"].is_null() && job["cluster_queue_url"].is_null());
    assert_eq!(job["cluster_id"].str(), cluster.id().to_string());
    // Agents of a fixed fleet stay where they are.
    let fleet = Agents::fleet([agent("a").cluster_queue("Macs", "m4")]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let macs = fake.existing_cluster("Macs");
    let other = macs.add_queue("other");
    macs.set_default_queue(&other);
    let path = format!("{CLUSTERS}/{}/queues/{}", macs.id(), macs.queue("m4").id());
    let refused = crate::support::client(&fake).delete(&path);
    assert_refused(&refused, 422, &because("has connected agents"));
}

// --- Pause and resume ------------------------------------------------------------------------------------------------

#[test]
fn a_queue_is_paused_and_resumed() {
    let (fake, client, cluster, path) = linux();
    let queue = cluster.queue("deploy");
    let path = format!("{path}/{}", queue.id());
    let pause = |body| client.post(&format!("{path}/pause_dispatch"), body);
    let resume = || client.post(&format!("{path}/resume_dispatch"), "");
    assert_refused(&resume(), 422, "Cluster queue is not paused");
    fake.advance(minutes(1));
    let paused = pause(r#"{"dispatch_paused_note":"Because"}"#).expect(200);
    assert_eq!(paused.keys(), KEYS);
    assert!(paused["dispatch_paused"].bool());
    assert_eq!(
        paused["dispatch_paused_by"],
        client.get("/user").expect(200)
    );
    assert_eq!(
        paused["dispatch_paused_at"].str(),
        "2030-01-01T00:01:00.000Z"
    );
    assert_eq!(paused["dispatch_paused_note"].str(), "Because");
    assert_eq!(client.get(&path).expect(200), paused);
    assert!(queue.is_paused());
    assert_eq!(queue.paused_note().as_deref(), Some("Because"));
    assert_eq!(queue.paused_at(), Some(fake.clock().now()));
    let before = world(&fake, &["acme"]);
    assert_refused(&pause(""), 422, "Cluster queue is already paused");
    assert_eq!(world(&fake, &["acme"]), before);
    let resumed = resume().expect(200);
    assert!(!resumed["dispatch_paused"].bool());
    for field in ["by", "at", "note"] {
        assert!(resumed[format!("dispatch_paused_{field}").as_str()].is_null());
    }
    assert!(!queue.is_paused() && queue.paused_note().is_none());
    // Without a note, and with the one that is not understood.
    assert!(pause("").expect(200)["dispatch_paused_note"].is_null());
    resume().expect(200);
    assert!(pause(r#"{"note":"x"}"#).expect(200)["dispatch_paused_note"].is_null());
    resume().expect(200);
    let wrong = pause(r#"{"dispatch_paused_note":7}"#);
    assert_refused(&wrong, 422, &invalid("Dispatch paused note is invalid"));
    fake.requests()
        .to(Route::PauseQueueDispatch)
        .assert_count(5);
    assert_eq!(
        fake.events().to_string(),
        "2030-01-01T00:01:00.000Z queue deploy of cluster Linux paused: Because\n\
         2030-01-01T00:01:00.000Z queue deploy of cluster Linux resumed\n\
         2030-01-01T00:01:00.000Z queue deploy of cluster Linux paused\n\
         2030-01-01T00:01:00.000Z queue deploy of cluster Linux resumed\n\
         2030-01-01T00:01:00.000Z queue deploy of cluster Linux paused\n\
         2030-01-01T00:01:00.000Z queue deploy of cluster Linux resumed\n"
    );
}

#[test]
fn a_paused_queue_hands_out_nothing_and_then_everything_at_once_in_order() {
    // Given three jobs in a queue that is paused, and one in another
    let (fake, _client, cluster, _) = linux();
    let deploy = cluster.queue("deploy");
    deploy.pause();
    let steps = "steps:
  - {command: a, key: a, agents: {queue: deploy}}
  - {command: b, key: b, agents: {queue: deploy}, priority: 1}
  - {command: c, key: c}
  - {command: d, key: d, agents: {queue: deploy}}";
    let build = fake
        .pipeline("app")
        .cluster(&cluster)
        .steps(steps)
        .create_build();
    // When time passes
    let idle = fake.run_until_idle();
    // Then only the one in the other has run, and the rest says why not
    assert_eq!(build.job("c").state(), JobState::Passed);
    let why: Vec<_> = idle.waiting_on.iter().map(ToString::to_string).collect();
    let paused = |key| format!("app#1 {key} is scheduled: queue deploy of cluster Linux is paused");
    assert_eq!(why, [paused("a"), paused("b"), paused("d")]);
    let waiting = deploy.waiting_jobs();
    let waiting: Vec<_> = waiting
        .iter()
        .map(fake_buildkite::JobHandle::name)
        .collect();
    assert_eq!(waiting, ["a", "b", "d"]);
    // And when it is resumed all go at once, the most urgent first.
    fake.advance(minutes(5));
    let told = fake.events().len();
    deploy.resume();
    let events = fake.events();
    let running = events[told..].iter().filter_map(|event| {
        let line = event.to_string();
        line.ends_with("-> running")
            .then(|| event.job().map(|job| job.name.to_string()))
    });
    let running: Vec<_> = running.flatten().collect();
    assert_eq!(running, ["b", "a", "d"]);
    assert!(deploy.waiting_jobs().is_empty());
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
    assert_eq!(build.job("a").started_at(), build.job("d").started_at());
}

#[test]
fn a_job_that_would_be_picked_up_in_the_very_instant_of_the_resumption_goes_too() {
    let (fake, _client, cluster, _) = linux();
    let queue = cluster.queue("default");
    queue.pause();
    let app = fake.pipeline("app").cluster(&cluster).create();
    let first = app.create_build();
    fake.advance(seconds(1));
    let second = app.create_build();
    fake.advance(seconds(1));
    queue.resume();
    assert_eq!(first.state(), BuildState::Running);
    assert_eq!(second.state(), BuildState::Running);
}

#[test]
fn what_is_on_an_agent_goes_on_while_its_queue_rests() {
    let (fake, _client, cluster, _) = linux();
    let build = fake.pipeline("app").cluster(&cluster).create_build();
    fake.advance(seconds(2));
    cluster.queue("default").pause();
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_job_of_a_paused_queue_is_not_started_by_hand_and_says_why() {
    let (fake, _client, cluster, _) = linux();
    let queue = cluster.queue("default");
    queue.pause_with_note("No disk");
    let steps = "steps: [{command: make, key: make}]";
    let build = fake
        .pipeline("app")
        .cluster(&cluster)
        .steps(steps)
        .create_build();
    let illegal = build.job("make").try_move(Move::Start).expect_err("paused");
    assert_eq!(
        illegal.to_string(),
        "app#1 make cannot make the move `start()`: it is scheduled, and queue default of cluster Linux is paused (No disk)\n  \
         history: scheduled at 2030-01-01T00:00:00.000Z\n  \
         possible now: cancel(), expire()"
    );
    queue.resume();
    build.job("make").start();
    assert_eq!(build.job("make").state(), JobState::Running);
}

#[test]
fn a_job_expires_in_a_paused_queue() {
    let (fake, _client, cluster, _) = linux();
    cluster.queue("default").pause();
    let steps = "steps: [{command: make, key: make}]";
    let build = fake
        .pipeline("app")
        .cluster(&cluster)
        .steps(steps)
        .create_build();
    fake.advance(days(30));
    assert_eq!(build.job("make").state(), JobState::Expired);
    cluster.queue("default").resume();
    fake.run_until_idle();
    assert_eq!(build.job("make").state(), JobState::Expired);
}

#[test]
fn jobs_told_in_polls_wait_for_their_queue_all_the_same() {
    let (fake, client, cluster, _) = linux();
    let queue = cluster.queue("default");
    queue.pause();
    let steps = "steps: [{command: make, key: make}]";
    let app = fake.pipeline("app").cluster(&cluster).steps(steps).create();
    app.on_job("make").picked_up_after_polls(1).takes_polls(1);
    let build = app.create_build();
    for _ in 0..3 {
        client.build("app", 1);
    }
    assert_eq!(build.job("make").state(), JobState::Scheduled);
    queue.resume();
    assert_eq!(build.job("make").state(), JobState::Running);
    client.build("app", 1);
    assert_eq!(build.state(), BuildState::Passed);
}

// --- Where jobs wait -------------------------------------------------------------------------------------------------

#[test]
fn a_job_shows_its_cluster_and_its_queue() {
    let (fake, client, cluster, path) = linux();
    fake.pipeline("app")
        .cluster(&cluster)
        .steps(
            "steps: [{command: make}, {command: ship, agents: {queue: deploy}}, wait, {block: b}]",
        )
        .create_build();
    fake.pipeline("outside").create_build();
    let check = || {
        let build = client.build("app", 1);
        let cluster_url = format!("{}/v2{CLUSTERS}/{}", fake.url(), cluster.id());
        for (place, key) in [(0, "default"), (1, "deploy")] {
            let job = &build["jobs"][place];
            let queue = cluster.queue(key).id();
            assert_eq!(job["cluster_id"].str(), cluster.id().to_string());
            assert_eq!(job["cluster_url"].str(), cluster_url);
            assert_eq!(job["cluster_queue_id"].str(), queue.to_string());
            let url = format!("{}/v2{path}/{queue}", fake.url());
            assert_eq!(job["cluster_queue_url"].str(), url);
        }
        for of in [&build, &build["pipeline"]] {
            assert_eq!(of["cluster_id"].str(), cluster.id().to_string());
            assert_eq!(of["cluster_url"].str(), cluster_url);
        }
    };
    check();
    fake.run_until_idle();
    check();
    let agent = &client.build("app", 1)["jobs"][1]["agent"];
    assert_eq!(agent["meta_data"][0].str(), "queue=deploy");
    let outside = client.build("outside", 1);
    for of in [&outside, &outside["jobs"][0], &outside["pipeline"]] {
        assert!(of["cluster_id"].is_null() && of["cluster_url"].is_null());
    }
    assert!(outside["jobs"][0]["cluster_queue_id"].is_null());
}

#[test]
fn a_job_goes_on_showing_the_queue_it_ran_in() {
    let (fake, client, cluster, _) = linux();
    fake.pipeline("app").cluster(&cluster).create_build();
    fake.run_until_idle();
    cluster.set_default_queue(&cluster.queue("deploy"));
    let job = &client.build("app", 1)["jobs"][0];
    let queue = cluster.queue("default").id();
    assert_eq!(job["cluster_queue_id"].str(), queue.to_string());
}

#[test]
fn a_step_that_names_a_queue_which_is_not_there_is_refused() {
    let (fake, client, cluster, _) = linux();
    let gpu = "steps: [{command: train, agents: {queue: gpu}}]";
    let app = fake.pipeline("app").cluster(&cluster).steps(gpu).create();
    let message = "Queue 'gpu' does not exist in the 'Linux' cluster";
    let before = world(&fake, &["acme"]);
    let builds = "/organizations/acme/pipelines/app/builds";
    let body = r#"{"commit":"HEAD","branch":"main"}"#;
    assert_refused(&client.post(builds, body), 422, message);
    assert_eq!(world(&fake, &["acme"]), before);
    // An upload says the same, in the words of the agent.
    let upload = fake
        .pipeline("up")
        .cluster(&cluster)
        .steps("steps: [{command: up, key: up}]");
    let build = upload.create_build();
    build.job("up").start();
    let refused = build
        .job("up")
        .try_upload_pipeline(gpu)
        .expect_err("no such queue");
    assert_eq!(
        refused.to_string(),
        format!("up#1 up cannot upload this pipeline: {message}")
    );
    // Once there is one, all is well; outside of clusters a queue is a tag like any other.
    cluster.add_queue("gpu");
    app.create_build();
    fake.pipeline("outside").steps(gpu).create_build();
    fake.run_until_idle();
    assert_eq!(app.build_number(1).state(), BuildState::Passed);
    assert_eq!(
        fake.existing_pipeline("outside").build_number(1).state(),
        BuildState::Passed
    );
}

#[test]
fn jobs_wait_for_a_queue_that_is_gone_until_it_is_back() {
    let (fake, _client, cluster, _) = linux();
    let deploy = cluster.queue("deploy");
    deploy.pause();
    let build = fake
        .pipeline("app")
        .cluster(&cluster)
        .steps(STEPS)
        .create_build();
    fake.run_until_idle();
    deploy.delete();
    let idle = fake.run_until_idle();
    assert_eq!(
        idle.waiting_on[0].to_string(),
        "app#1 ship is scheduled: cluster Linux has no queue deploy"
    );
    cluster.add_queue("deploy");
    assert_eq!(build.job("ship").state(), JobState::Running);
}

#[test]
fn jobs_that_name_no_queue_wait_for_a_default_queue() {
    let (fake, client, _, _) = linux();
    let bare = fake.cluster("Bare").without_queues().create();
    let steps =
        "steps: [{command: make, key: make}, {command: any, key: any, agents: {queue: '*'}}]";
    let build = fake
        .pipeline("app")
        .cluster(&bare)
        .steps(steps)
        .create_build();
    let idle = fake.run_until_idle();
    assert_eq!(
        idle.waiting_on[0].to_string(),
        "app#1 make is scheduled: it names no queue, and cluster Bare has no default queue"
    );
    assert!(client.build("app", 1)["jobs"][0]["cluster_queue_id"].is_null());
    let queue = bare.add_queue("first");
    assert_eq!(build.job("make").state(), JobState::Scheduled);
    let path = format!("{CLUSTERS}/{}", bare.id());
    let body = format!(r#"{{"default_queue_id":"{}"}}"#, queue.id());
    client.put_body(&path, &body).expect(200);
    assert_eq!(build.job("make").state(), JobState::Running);
    assert_eq!(build.job("any").state(), JobState::Running);
}

#[test]
fn a_build_stays_in_the_cluster_it_was_made_in() {
    let (fake, client, cluster, _) = linux();
    cluster.queue("default").pause();
    let app = fake.pipeline("app").cluster(&cluster).create();
    let build = app.create_build();
    let app = "/organizations/acme/pipelines/app";
    client.patch(app, r#"{"cluster_id":null}"#).expect(200);
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Scheduled);
    assert_eq!(
        client.build("app", 1)["cluster_id"].str(),
        cluster.id().to_string()
    );
    client.create_build("app");
    fake.run_until_idle();
    assert_eq!(client.build("app", 2)["state"].str(), "passed");
    cluster.queue("default").resume();
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_retry_waits_in_the_queue_again() {
    let (fake, _client, cluster, _) = linux();
    let steps = "steps: [{command: make, key: make}]";
    let build = fake
        .pipeline("app")
        .cluster(&cluster)
        .steps(steps)
        .create_build();
    build.job("make").fail(1);
    cluster.queue("default").pause();
    build.job("make").retry();
    fake.run_until_idle();
    assert_eq!(build.job("make").state(), JobState::Scheduled);
    cluster.queue("default").resume();
    fake.run_until_idle();
    assert_eq!(build.job("make").state(), JobState::Passed);
}

// --- Fixed fleets ----------------------------------------------------------------------------------------------------

#[test]
fn an_agent_of_a_queue_takes_its_jobs_and_no_others() {
    let fleet = Agents::fleet([
        agent("deployer").cluster_queue("Linux", "deploy"),
        agent("big")
            .cluster_queue("Linux", "default")
            .tags(["size=big"]),
        agent("outside"),
    ]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let linux = fake.existing_cluster("Linux");
    assert_eq!(
        linux.default_queue().map(|queue| queue.key()).as_deref(),
        Some("deploy")
    );
    let steps = "steps:
  - {command: a, key: a, agents: {queue: default, size: big}}
  - {command: b, key: b, agents: {queue: deploy}}
  - {command: c, key: c}
  - {command: d, key: d, agents: {size: big}}";
    let inside = fake
        .pipeline("inside")
        .cluster(&linux)
        .steps(steps)
        .create_build();
    let outside = fake.pipeline("outside").create_build();
    fake.run_until_idle();
    let client = client(&fake);
    let on = |build: &Json, place: usize| {
        let agent = build["jobs"][place]["agent"].get("name");
        agent.map_or("nobody", Json::str).to_owned()
    };
    let of_inside = client.build("inside", 1);
    let agents = [0, 1, 2, 3].map(|place| on(&of_inside, place));
    assert_eq!(agents, ["big", "deployer", "deployer", "nobody"]);
    assert_eq!(on(&client.build("outside", 1), 0), "outside");
    assert_eq!(outside.state(), BuildState::Passed);
    assert_eq!(inside.job("d").state(), JobState::Scheduled);
}

#[test]
fn a_fixed_fleet_leaves_a_paused_queue_alone() {
    let fleet = Agents::fleet([agent("a").cluster_queue("Linux", "default")]);
    let fake = FakeBuildkite::builder().agents(fleet).start();
    let linux = fake.existing_cluster("Linux");
    let queue = linux.queue("default");
    queue.pause();
    let steps = "steps: [{command: a, key: a}, {command: b, key: b, priority: 5}]";
    let build = fake
        .pipeline("app")
        .cluster(&linux)
        .steps(steps)
        .create_build();
    fake.advance(minutes(5));
    assert_eq!(build.state(), BuildState::Scheduled);
    queue.resume();
    assert_eq!(build.job("b").state(), JobState::Running);
    assert_eq!(build.job("a").state(), JobState::Scheduled);
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
}

#[test]
fn a_queue_may_prefer_another_agent_for_a_retry() {
    for (affinity, expected) in [("prefer-warmest", "a"), ("prefer-different", "b")] {
        let fleet = Agents::fleet([
            agent("a").cluster_queue("Linux", "default").priority(1),
            agent("b").cluster_queue("Linux", "default"),
        ]);
        let fake = FakeBuildkite::builder().agents(fleet).start();
        let linux = fake.existing_cluster("Linux");
        let client = client(&fake);
        let queue = linux.queue("default").id();
        let path = format!("{CLUSTERS}/{}/queues/{queue}", linux.id());
        let body = format!(r#"{{"retry_agent_affinity":"{affinity}"}}"#);
        client.patch(&path, &body).expect(200);
        let steps = "steps: [{command: make, key: make}]";
        let app = fake.pipeline("app").cluster(&linux).steps(steps).create();
        app.on_job("make").exits(1).then().exits(0);
        let build = app.create_build();
        fake.run_until_idle();
        build.job("make").retry();
        fake.run_until_idle();
        let job = &client.build("app", 1)["jobs"][0];
        assert_eq!(job["agent"]["name"].str(), expected, "{affinity}");
    }
}

// --- Lists of builds -------------------------------------------------------------------------------------------------

#[test]
fn builds_on_paused_queues_can_be_left_out_of_lists() {
    // Given a build that is all on a paused queue, one that is in part, and one outside of clusters
    let (fake, client, cluster, _) = linux();
    let only = "steps: [{command: a, agents: {queue: deploy}}, wait, {command: b, agents: {queue: deploy}}]";
    let app = fake.pipeline("app").cluster(&cluster).steps(only).create();
    app.create_build();
    fake.pipeline("both")
        .cluster(&cluster)
        .steps(STEPS)
        .create_build();
    let outside = "steps: [{command: a, agents: {queue: deploy}}]";
    fake.pipeline("outside").steps(outside).create_build();
    fake.pipeline("blocked")
        .cluster(&cluster)
        .steps("steps: [{block: b}]")
        .create_build();
    let builds = "/organizations/acme/builds";
    let slugs = |query: &str| {
        let list = client.get(&format!("{builds}{query}")).expect(200);
        let slug = |build: &Json| build["pipeline"]["slug"].str().to_owned();
        list.items().iter().map(slug).collect::<Vec<_>>()
    };
    let all = ["blocked", "outside", "both", "app"];
    assert_eq!(slugs("?include_paused=false"), all, "none is paused");
    // When the queue is paused
    cluster.queue("deploy").pause();
    // Then the first is left out if that is asked for, and the second without its paused job
    for query in ["", "?include_paused=true", "?include_paused="] {
        assert_eq!(slugs(query), all, "{query}");
    }
    assert_eq!(slugs("?include_paused=false"), all[..3]);
    let list = client.get(&format!("{builds}?include_paused=false"));
    let jobs = list.json()[2]["jobs"].clone();
    assert_eq!(jobs.items().len(), 1);
    assert_eq!(jobs[0]["step_key"].str(), "make");
    let of_pipeline = "/organizations/acme/pipelines/app/builds?include_paused=false";
    assert!(numbers(&client.get(of_pipeline)).is_empty());
    assert_eq!(numbers(&client.get("/builds?include_paused=0")).len(), 3);
    // And all are back when it is resumed.
    cluster.queue("deploy").resume();
    assert_eq!(slugs("?include_paused=false"), all);
}

// --- Handles ---------------------------------------------------------------------------------------------------------

#[test]
#[should_panic(expected = "queue deploy of cluster Linux is paused already")]
fn a_queue_is_paused_once() {
    let (_fake, _client, cluster, _) = linux();
    cluster.queue("deploy").pause();
    cluster.queue("deploy").pause();
}

#[test]
#[should_panic(expected = "queue deploy of cluster Linux is not paused")]
fn a_queue_that_is_not_paused_is_not_resumed() {
    let (_fake, _client, cluster, _) = linux();
    cluster.queue("deploy").resume();
}

#[test]
#[should_panic(
    expected = "queue default of cluster Linux is the default queue, and so is not deleted"
)]
fn a_default_queue_is_not_deleted() {
    let (_fake, _client, cluster, _) = linux();
    cluster.queue("default").delete();
}

#[test]
#[should_panic(expected = "queue `default` is of another cluster than `Linux`")]
fn a_default_queue_is_one_of_the_cluster() {
    let (fake, _client, cluster, _) = linux();
    let other = fake.cluster("Other").create();
    cluster.set_default_queue(&other.queue("default"));
}
