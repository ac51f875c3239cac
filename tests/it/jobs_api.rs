//! The jobs of a build over REST: listing them by cursor, getting one, giving one another priority, retrying what
//! failed.

use fake_buildkite::{
    Access, Agents, BuildHandle, BuildState, Clock, FakeBuildkite, JobHandle, JobState, Move,
    PipelineUpload, Scope, agent, minutes, seconds,
};

use crate::support::{Answer, Client, Json, client, panic_of, world};

const BUILD: &str = "/organizations/acme/pipelines/app/builds/1";
const JOBS: &str = "/organizations/acme/pipelines/app/builds/1/jobs";

const UNAUTHORIZED: &str = "Authentication required. Please supply a valid API Access Token: \
    https://buildkite.com/docs/apis/rest-api#authentication";

/// The example of "List jobs" and "Get a job", and the key of the group, which the data model has.
const SCRIPT_KEYS: [&str; 43] = [
    "id",
    "graphql_id",
    "type",
    "name",
    "step_key",
    "group_key",
    "step",
    "priority",
    "agent_query_rules",
    "state",
    "build_url",
    "web_url",
    "log_url",
    "raw_log_url",
    "artifacts_url",
    "command",
    "soft_failed",
    "exit_status",
    "signal",
    "signal_reason",
    "broken_reason",
    "artifact_paths",
    "created_at",
    "scheduled_at",
    "runnable_at",
    "concurrency_wait_time_ms",
    "started_at",
    "finished_at",
    "expired_at",
    "retried",
    "retried_in_job_id",
    "retries_count",
    "retry_source",
    "retry_type",
    "parallel_group_index",
    "parallel_group_total",
    "matrix",
    "agent",
    "retried_by",
    "cluster_id",
    "cluster_url",
    "cluster_queue_id",
    "cluster_queue_url",
];

/// One of each kind, and a group.
const KINDS: &str = "\
steps:
  - {command: make, key: make}
  - wait
  - {block: Ship?, key: ship}
  - {trigger: other, key: call, async: true}
  - group: Tests
    key: tests
    steps: [{command: unit, key: unit, parallelism: 2}]
";

fn build_of(steps: &str) -> (FakeBuildkite, BuildHandle, Client) {
    let fake = FakeBuildkite::start();
    let build = fake.pipeline("app").steps(steps).create_build();
    let client = client(&fake);
    (fake, build, client)
}

/// Both addresses of a job.
fn addresses(job: &JobHandle, behind: &str) -> [String; 2] {
    let id = job.id();
    [
        format!("{JOBS}/{id}{behind}"),
        format!("/organizations/acme/jobs/{id}{behind}"),
    ]
}

fn names(page: &Json) -> String {
    let name = |job: &Json| match job.get("step_key") {
        Some(key) => key.str().to_owned(),
        None => job["type"].str().to_owned(),
    };
    let names: Vec<_> = page["items"].items().iter().map(name).collect();
    names.join(" ")
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!(answer.message(status), message);
    assert_eq!(answer.json().keys(), ["message"]);
    assert_eq!(answer.header("etag"), None);
}

// --- Lists -----------------------------------------------------------------------------------------------------------

#[test]
fn the_jobs_of_a_build_are_a_page_of_items_and_links() {
    // Given a build with a job of every kind
    let (fake, build, client) = build_of(KINDS);
    fake.pipeline("other").create();
    build.job("make").pass();
    // When they are listed
    let answer = client.get(JOBS);
    let page = answer.expect(200);
    // Then they are all there, as they are alone and in the build
    assert_eq!(page.keys(), ["items", "links"]);
    assert_eq!(names(&page), "make waiter ship call unit unit");
    assert_eq!(page["items"][0].keys(), SCRIPT_KEYS);
    assert_eq!(page["items"][1].keys(), ["id", "graphql_id", "type"]);
    assert_eq!(page["items"], client.build("app", 1)["jobs"]);
    for item in page["items"].items() {
        let id = item["id"].str();
        for path in [
            format!("{JOBS}/{id}"),
            format!("/organizations/acme/jobs/{id}"),
        ] {
            assert_eq!(&client.get(&path).expect(200), item, "{path}");
        }
    }
    // And there is no other page
    let url = format!("{}v2{JOBS}?per_page=30", fake.url() + "/");
    assert_eq!(page["links"].keys(), ["self"]);
    assert_eq!(page["links"]["self"].str(), url);
    assert_eq!(answer.header("link"), None);
}

#[test]
fn a_page_is_exactly_this_text() {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    let app = fake.pipeline("app").steps("steps: [wait, wait]").create();
    let build = app.create_build();
    let [one, two] = [0, 1].map(|n| build.all_jobs()[n].id());
    let client = client(&fake);
    let page = client.get(&format!("{JOBS}/?per_page=1"));
    let next = page.expect(200)["links"]["next"].str().to_owned();
    let base = format!("http://fake.test/v2{JOBS}");
    let cursor = next
        .strip_prefix(&format!("{base}?after="))
        .and_then(|rest| rest.strip_suffix("&per_page=1"));
    let cursor = cursor.expect("the cursor comes first");
    let waiter = |page: &Answer, id| {
        let item = page.expect(200)["items"][0].clone();
        assert_eq!(item["id"].str(), format!("{id}"));
        format!(
            "{{\"id\":\"{id}\",\"graphql_id\":\"{}\",\"type\":\"waiter\"}}",
            item["graphql_id"].str()
        )
    };
    assert_eq!(
        page.text,
        format!(
            "{{\"items\":[{}],\"links\":{{\"self\":\"{base}?per_page=1\",\"next\":\"{next}\"}}}}\n",
            waiter(&page, one)
        )
    );
    let second = client.get(&format!("{JOBS}?per_page=1&after={cursor}"));
    let prev = second.expect(200)["links"]["prev"].str().to_owned();
    assert_eq!(
        second.text,
        format!(
            "{{\"items\":[{}],\"links\":{{\"self\":\"{next}\",\"prev\":\"{prev}\",\"first\":\"{base}?per_page=1\"}}}}\n",
            waiter(&second, two)
        )
    );
    // An unchanged page need not be sent again; one that leads elsewhere is another.
    let tag = page.header("etag").expect("a tag").to_owned();
    let path = format!("{JOBS}/?per_page=1");
    let again = client.send("GET", &path, &[("if-none-match", &tag)], None);
    assert_eq!(again.status, 304);
}

#[test]
fn whoever_pages_sees_every_job_once_although_others_come_and_end() {
    // Given a build of seven jobs, of which one uploads more
    let steps = "steps: [{command: gen, key: a}, {command: x, key: b}, {command: x, key: c}, {command: x, key: d}, \
        {command: x, key: e}, {command: x, key: f}, {block: Go?, key: g}]";
    for state in [
        "",
        "&state[]=scheduled&state[]=running&state[]=blocked&state[]=waiting",
    ] {
        let (_fake, build, client) = build_of(steps);
        build.job("a").start();
        // When a client takes two at a time while the build goes on
        let mut pages = vec![client.get(&format!("{JOBS}?per_page=2{state}")).expect(200)];
        build
            .job("a")
            .upload_pipeline("steps: [{command: x, key: u}, {command: x, key: v}]");
        build.job("b").fail(1);
        build.job("b").retry();
        build.job("e").fail(1);
        build.job("e").retry();
        while let Some(next) = pages.last().and_then(|page| page["links"].get("next")) {
            let page = client.get(next.str()).expect(200);
            pages.push(page);
        }
        // Then it sees those that were there in their order, and after them what came meanwhile
        let seen: Vec<_> = pages.iter().map(names).collect();
        let expected: &[&str] = if state.is_empty() {
            &["a b", "c d", "e f", "g u", "v b", "e"]
        } else {
            // The one that had ended when its turn came is not asked for any more; its retry is
            &["a b", "c d", "f g", "u v", "b e"]
        };
        assert_eq!(seen, expected);
        // And back again, page by page
        let mut back = vec![seen.last().expect("a page").clone()];
        let mut page = pages.pop().expect("a page");
        while let Some(prev) = page["links"].get("prev") {
            page = client.get(prev.str()).expect(200);
            back.insert(0, names(&page));
        }
        let seen = seen.join(" ").replace("a b c", "a c");
        let back = back.join(" ").replace("a b c", "a c");
        assert_eq!(back, seen);
        let first = pages[1]["links"]["first"].str();
        assert_eq!(client.get(first).expect(200)["links"].get("prev"), None);
    }
}

#[test]
fn a_cursor_outlives_the_job_it_was_made_for() {
    // Given a client that has seen the first of several steps
    let steps = "steps: [{command: gen, key: a}, {block: Go?, key: b}, {command: x, key: c}]";
    let (_fake, build, client) = build_of(steps);
    build.job("a").start();
    let page = client.get(&format!("{JOBS}?per_page=2")).expect(200);
    assert_eq!(names(&page), "a b");
    let next = page["links"]["next"].str();
    // When an upload replaces the others
    let upload = PipelineUpload::yaml("steps: [{command: y, key: d}]").replacing();
    build.job("a").upload_pipeline(upload);
    // Then it goes on with what came in their place
    let page = client.get(next).expect(200);
    assert_eq!(names(&page), "d");
    let page = client.get(page["links"]["prev"].str()).expect(200);
    assert_eq!(names(&page), "a");
}

#[test]
fn the_list_can_be_narrowed_down() {
    // Given jobs that failed, were retried, run, promised to fail, and wait for their group
    let steps = "\
steps:
  - {command: x, key: bad}
  - {command: x, key: runs}
  - {command: x, key: doomed}
  - {command: x, key: forgiven, soft_fail: [{exit_status: 2}]}
  - {command: x, key: holds, concurrency: 1, concurrency_group: g}
  - {command: x, key: limited, concurrency: 1, concurrency_group: g}
  - {group: G, key: group, steps: [{command: x, key: in, parallelism: 2}, {command: x, if: 'false', key: off}]}
  - wait
  - {command: x, key: later}
";
    let (_fake, build, client) = build_of(steps);
    build.job("bad").fail(1);
    build.job("bad").retry();
    for key in ["runs", "doomed", "forgiven"] {
        build.job(key).start();
    }
    build.job("doomed").promise_failure(1);
    build.job("forgiven").promise_failure(2);
    let all = "bad runs doomed forgiven holds limited in in off waiter later bad";
    for (query, expected) in [
        ("", all),
        ("state[]=", all),
        ("unknown=1", all),
        ("include_retried_jobs=true", all),
        (
            "include_retried_jobs=False",
            "runs doomed forgiven holds limited in in off waiter later bad",
        ),
        // One that promised to fail for good is among the failed, and reads `running`
        ("state[]=failed", "bad doomed"),
        ("state[]=running", "runs forgiven"),
        ("state=running&state[]=failed", "bad runs doomed forgiven"),
        ("state[]=scheduled", "holds limited in in bad"),
        ("state[]=limited", "limited"),
        ("state[]=waiting", "waiter later"),
        ("state[]=broken", "off"),
        ("state[]=timing_out", ""),
        ("step_key=in", "in in"),
        ("step_key=bad&state[]=failed", "bad"),
        ("step_key=none", ""),
        ("step_key=group", ""),
        ("group_key=group", "in in off"),
        ("group_key=group&state%5B%5D=broken", "off"),
        ("group_key=none", ""),
    ] {
        let page = client.get(&format!("{JOBS}?{query}")).expect(200);
        assert_eq!(names(&page), expected, "{query}");
    }
    let doomed = client.get(&format!("{JOBS}?step_key=doomed")).expect(200);
    let doomed = &doomed["items"][0];
    assert_eq!(doomed["state"].str(), "running");
    assert_eq!(doomed["promised_exit_status"].number(), 1);
    // Every state has its word
    for state in JobState::ALL {
        client.get(&format!("{JOBS}?state[]={state}")).expect(200);
    }
}

#[test]
fn links_keep_what_was_asked_for() {
    let (fake, _build, client) = build_of("steps: [{command: x, parallelism: 3}]");
    let query = "state[]=scheduled&include_retried_jobs=false&per_page=1&step_key=";
    let page = client.get(&format!("{JOBS}?{query}")).expect(200);
    let next = page["links"]["next"].str();
    let begin = format!("{}/v2{JOBS}?after=", fake.url());
    assert!(next.starts_with(&begin), "{next}");
    let end = "&include_retried_jobs=false&per_page=1&state%5B%5D=scheduled&step_key=";
    assert!(next.ends_with(end), "{next}");
    let page = client.get(next).expect(200);
    assert_eq!(page["links"].keys(), ["self", "next", "prev", "first"]);
    assert_eq!(page["links"]["self"].str(), next);
}

#[test]
fn a_list_that_cannot_be_given_says_why() {
    let (fake, _build, client) = build_of("steps: [{command: x, parallelism: 3}]");
    fake.existing_pipeline("app").create_build();
    let cursor_of = |path: &str| {
        let page = client.get(&format!("{path}?per_page=1")).expect(200);
        let next = page["links"]["next"].str().to_owned();
        let (_, cursor) = next.split_once("after=").expect("a cursor");
        cursor.split('&').next().expect("a cursor").to_owned()
    };
    let own = cursor_of(JOBS);
    let others = cursor_of(&JOBS.replace("/1/", "/2/"));
    let before = world(&fake, &["acme"]);
    let size = "per_page must be between 1 and 100";
    for (query, message) in [
        (
            "state[]=finished".to_owned(),
            "finished is not a valid job state",
        ),
        (
            "state[]=running&state[]=x".to_owned(),
            "x is not a valid job state",
        ),
        ("per_page=0".to_owned(), size),
        ("per_page=101".to_owned(), size),
        ("per_page=x".to_owned(), size),
        ("after=x".to_owned(), "Invalid after cursor"),
        (format!("after={others}"), "Invalid after cursor"),
        (format!("before={own}x"), "Invalid before cursor"),
        (
            format!("after={own}&before={own}"),
            "after and before cannot be used together",
        ),
    ] {
        assert_refused(&client.get(&format!("{JOBS}?{query}")), 400, message);
    }
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn a_job_is_only_found_where_it_is() {
    let fake = FakeBuildkite::builder()
        .organization("acme")
        .organization("b")
        .token("builds", [Scope::WriteBuilds])
        .start();
    let app = fake.pipeline("app").steps(KINDS).create();
    fake.pipeline("only").create();
    let build = app.create_build();
    app.create_build();
    let id = build.job("make").id();
    let client = client(&fake);
    for (place, message) in [
        ("c/pipelines/app/builds/1/jobs", "No organization found"),
        ("acme/pipelines/none/builds/1/jobs", "No pipeline found"),
        ("acme/pipelines/app/builds/9/jobs", "No build found"),
        ("b/pipelines/app/builds/1/jobs", "No pipeline found"),
    ] {
        assert_refused(
            &client.get(&format!("/organizations/{place}")),
            404,
            message,
        );
        let one = client.get(&format!("/organizations/{place}/{id}"));
        assert_refused(&one, 404, message);
        let one = client.put_body(&format!("/organizations/{place}/{id}/reprioritize"), "{");
        assert_refused(&one, 404, message);
    }
    for place in [
        format!("acme/pipelines/app/builds/2/jobs/{id}"),
        format!("acme/pipelines/app/builds/1/jobs/{}", build.id()),
        "acme/pipelines/app/builds/1/jobs/x".to_owned(),
        "acme/jobs/x".to_owned(),
        format!("b/jobs/{id}"),
    ] {
        let path = format!("/organizations/{place}");
        assert_refused(&client.get(&path), 404, "No job found");
        let changed = client.put_body(&format!("{path}/reprioritize"), "{");
        assert_refused(&changed, 404, "No job found");
    }
    let scope = "Your access token doesn't have the read_builds scope";
    for path in [JOBS.to_owned(), format!("/organizations/acme/jobs/{id}")] {
        assert_refused(&client.with_token("builds").get(&path), 403, scope);
        assert_refused(&client.without_token().get(&path), 401, UNAUTHORIZED);
    }
}

#[test]
fn jobs_of_every_kind_have_their_own_shape() {
    let (fake, build, client) = build_of(KINDS);
    fake.pipeline("other").create();
    let get = |job: &JobHandle| {
        let [below_build, below_organization] = addresses(job, "").map(|path| client.get(&path));
        assert_eq!(below_build.text, below_organization.text);
        below_build.expect(200)
    };
    let ship = get(&build.job("ship"));
    assert_eq!(
        ship.keys(),
        [
            "id",
            "graphql_id",
            "type",
            "label",
            "state",
            "step_key",
            "web_url",
            "unblocked_by",
            "unblocked_at",
            "unblockable",
            "unblock_url"
        ]
    );
    let [_, _, _, call, ..] = &build.all_jobs()[..] else {
        panic!("a trigger job")
    };
    let call = get(call);
    assert_eq!(
        (call["type"].str(), call["state"].str()),
        ("trigger", "waiting")
    );
    let unit = get(&build.jobs("unit")[1]);
    assert_eq!(unit["group_key"].str(), "tests");
    assert_eq!(unit["parallel_group_index"].number(), 1);
}

/// What the example of "Get a job" has for each of its keys: a job that passed.
const EXAMPLE: &str = "\
id=string graphql_id=string type=string name=string step_key=string step=object priority=object \
agent_query_rules=array state=string build_url=string web_url=string log_url=string raw_log_url=string \
artifacts_url=string command=string soft_failed=boolean exit_status=number signal=null signal_reason=null \
broken_reason=null artifact_paths=null created_at=string scheduled_at=string runnable_at=string \
concurrency_wait_time_ms=null started_at=string finished_at=string expired_at=null retried=boolean \
retried_in_job_id=null retries_count=null retry_source=null retry_type=null parallel_group_index=null \
parallel_group_total=null matrix=null agent=null retried_by=null cluster_id=null cluster_url=null \
cluster_queue_id=null cluster_queue_url=null";

#[test]
fn a_passed_job_is_as_the_example_of_the_documentation() {
    let (fake, build, client) =
        build_of("steps: [{label: ':package: Build', key: build, command: scripts/build.sh}]");
    fake.run_until_idle();
    let kind = |value: &Json| match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    let [path, _] = addresses(&build.job("build"), "");
    let job = client.get(&path).expect(200);
    let ours = job.entries().iter();
    let ours: Vec<_> = ours
        .filter(|(key, _)| key != "group_key")
        .map(|(key, value)| format!("{key}={}", kind(value)))
        .collect();
    // The job of the example passed without an agent, which none can.
    let documented = EXAMPLE.replace("agent=null", "agent=object");
    assert_eq!(ours.join(" "), documented);
    assert_eq!(job["step"].keys(), ["id", "signature"]);
    assert!(job["group_key"].is_null());
}

#[test]
fn looking_at_jobs_that_go_on_is_a_poll() {
    // Given a script told in polls
    let fake = FakeBuildkite::start();
    let app = fake
        .pipeline("app")
        .steps("steps: [{command: x, key: x}, {command: y, key: y}]")
        .create();
    app.on_job("x").picked_up_after_polls(1).takes_polls(2);
    let build = app.create_build();
    let client = client(&fake);
    build.job("y").pass();
    // When a client looks at the list, at a job that is over, and at the job
    let [of_x, by_organization] = addresses(&build.job("x"), "");
    let [of_y, _] = addresses(&build.job("y"), "");
    let mut states = Vec::new();
    for path in [JOBS, &of_y, &of_x, &of_y, &by_organization, JOBS] {
        client.get(path).expect(200);
        states.push(build.job("x").state().to_string());
    }
    // Then each look at what is not over counts
    assert_eq!(
        states.join(" "),
        "running running running running passed passed"
    );

    // And a clock that goes with polls goes with these.
    let fake = FakeBuildkite::builder().clock(Clock::StepPerPoll).start();
    let app = fake.pipeline("app").steps("steps: [{command: x, key: x}]");
    let build = app.create_build();
    let client = crate::support::client(&fake);
    client.get(JOBS).expect(200);
    client.get(&addresses(&build.job("x"), "")[1]).expect(200);
    assert_eq!(build.state(), BuildState::Passed);
    let now = fake.clock().now();
    client.get(JOBS).expect(200);
    assert_eq!(fake.clock().now(), now);
}

// --- Priority --------------------------------------------------------------------------------------------------------

/// A fleet of one agent, which is busy; and who waits for it.
fn queue_of(keys: &[&str]) -> (FakeBuildkite, BuildHandle, Client) {
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("a")]))
        .start();
    let steps: Vec<_> = keys
        .iter()
        .map(|key| format!("{{command: x, key: {key}}}"))
        .collect();
    let steps = format!("steps: [{}]", steps.join(", "));
    let app = fake.pipeline("app").steps(&steps).create();
    app.on_job("*")
        .picked_up_after(seconds(0))
        .takes(minutes(1));
    let build = app.create_build();
    fake.advance(seconds(0));
    let client = client(&fake);
    (fake, build, client)
}

/// The keys of the jobs in the order in which they started.
fn order_of(fake: &FakeBuildkite, build: &BuildHandle) -> String {
    fake.run_until_idle();
    let mut jobs = build.all_jobs();
    jobs.sort_by_key(JobHandle::started_at);
    let names: Vec<_> = jobs.iter().map(JobHandle::name).collect();
    names.join(" ")
}

#[test]
fn a_job_with_a_higher_priority_is_next() {
    for way in [0, 1] {
        // Given four jobs that wait for one agent
        let (fake, build, client) = queue_of(&["a", "b", "c", "d"]);
        assert_eq!(build.job("a").state(), JobState::Running);
        let events = fake.events().to_string();
        // When somebody changes their priorities, by either address
        let put = |key: &str, body: &str| {
            let path = &addresses(&build.job(key), "/reprioritize")[way];
            client.put_body(path, body).expect(200)
        };
        let moved = put("c", r#"{"priority": 5}"#);
        put("b", r#"{"priority": -3}"#);
        // Then the answers show it
        assert_eq!(moved.keys(), SCRIPT_KEYS);
        assert_eq!(moved["priority"].keys(), ["number"]);
        assert_eq!(moved["priority"]["number"].number(), 5);
        let [path, _] = addresses(&build.job("c"), "");
        assert_eq!(client.get(&path).expect(200), moved);
        assert_eq!(build.job("b").priority(), -3);
        assert_eq!(build.job("d").priority(), 0);
        // And nothing but the order of those that wait
        assert_eq!(fake.events().to_string(), events);
        assert_eq!(order_of(&fake, &build), "a c d b");
    }
}

#[test]
fn a_job_that_does_not_wait_for_an_agent_takes_a_priority_too() {
    // Given a job that waits for another, one that runs and one that has ended
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet([agent("a")]))
        .start();
    let steps = "steps: [{command: x, key: a}, {command: x, key: b}, wait, {command: x, key: c, priority: 2}, \
        {command: x, key: d}]";
    let app = fake.pipeline("app").steps(steps).create();
    let build = app.create_build();
    let client = client(&fake);
    build.job("a").fail(1);
    build.job("b").start();
    for (key, priority) in [("a", 1), ("b", 7), ("d", 3)] {
        let [path, _] = addresses(&build.job(key), "/reprioritize");
        let body = format!(r#"{{"priority": {priority}, "unknown": 1}}"#);
        let job = client.put_body(&path, &body).expect(200);
        assert_eq!(job["priority"]["number"].number(), priority);
    }
    // When the first is retried, and everything goes on
    let retry = build.job("a").retry();
    build.job("b").pass();
    // Then the retry has it, and so has the one that waited
    assert_eq!(retry.priority(), 1);
    fake.run_until_idle();
    assert!(build.job("d").started_at() < build.job("c").started_at());
}

#[test]
fn an_eager_group_goes_by_the_new_priority() {
    // Given three jobs of a group that one may run of, whoever is most urgent
    let step = |key| {
        format!(
            "{{command: x, key: {key}, concurrency: 1, concurrency_group: g, concurrency_method: eager}}"
        )
    };
    let steps = format!("steps: [{}, {}, {}]", step("a"), step("b"), step("c"));
    let (_fake, build, client) = build_of(&steps);
    build.job("a").start();
    // When the last becomes more urgent
    let [_, path] = addresses(&build.job("c"), "/reprioritize");
    client.put_body(&path, r#"{"priority": 1}"#).expect(200);
    build.job("a").pass();
    // Then it is next: it can start, and the other cannot
    build.job("c").start();
    assert!(build.job("b").try_move(Move::Start).is_err());
}

#[test]
fn a_priority_that_is_no_integer_is_refused_and_changes_nothing() {
    let (fake, build, client) = build_of(KINDS);
    let before = world(&fake, &["acme"]);
    let [path, short] = addresses(&build.job("make"), "/reprioritize");
    for body in [
        "",
        "{}",
        r#"{"priority": null}"#,
        r#"{"priority": "5"}"#,
        r#"{"priority": 5.5}"#,
        r#"{"priority": 5.0}"#,
        r#"{"priority": true}"#,
        r#"{"priority": [5]}"#,
        r#"{"priority": {"number": 5}}"#,
        r#"{"priority": 99999999999999999999}"#,
    ] {
        for path in [&path, &short] {
            let answer = client.put_body(path, body);
            assert_refused(&answer, 400, "Priority must be an integer");
        }
    }
    for key in ["ship", "call"] {
        let [path, _] = addresses(&build.job(key), "/reprioritize");
        let answer = client.put_body(&path, r#"{"priority": 5}"#);
        assert_refused(&answer, 400, "This job type cannot be reprioritized");
    }
    assert_eq!(world(&fake, &["acme"]), before);
    let panic = panic_of(|| build.job("ship").reprioritize(1));
    assert_eq!(
        panic,
        "app#1 ship has no priority: it is a manual job, and only script jobs wait for agents"
    );
}

// --- Retrying what failed --------------------------------------------------------------------------------------------

/// A build with a job that ended in every way; `no` cannot be retried.
fn fake_with_every_end() -> (FakeBuildkite, BuildHandle, Client) {
    let steps = "\
steps:
  - {command: x, key: failed}
  - {command: x, key: soft, soft_fail: true}
  - {command: x, key: late, timeout_in_minutes: 1}
  - {command: x, key: canceled}
  - {command: x, key: expired}
  - {command: x, key: passed, retry: {manual: {permit_on_passed: true}}}
  - {command: x, key: 'no', retry: {manual: false}}
  - {trigger: gone, key: trigger}
  - {command: x, key: twice}
";
    let (fake, build, client) = build_of(steps);
    build.job("failed").fail(1);
    build.job("soft").fail(1);
    let late = build.job("late");
    late.start();
    late.time_out();
    late.finish(-1);
    build.job("canceled").cancel();
    build.job("expired").expire();
    build.job("passed").pass();
    build.job("no").fail(1);
    build.job("twice").fail(1);
    build.job("twice").retry().fail(1);
    assert_eq!(build.job("trigger").state(), JobState::Failed);
    assert_eq!(build.state(), BuildState::Failed);
    (fake, build, client)
}

#[test]
fn every_job_that_failed_is_retried_at_once() {
    for (body, expected) in [
        ("", "failed soft late canceled expired twice"),
        ("{}", "failed soft late canceled expired twice"),
        (
            r#"{"states": ""}"#,
            "failed soft late canceled expired twice",
        ),
        (
            r#"{"states": null}"#,
            "failed soft late canceled expired twice",
        ),
        (r#"{"states": "failed"}"#, "failed twice"),
        (r#"{"states": "soft_failed"}"#, "soft"),
        (r#"{"states": "timed_out"}"#, "late"),
        (r#"{"states": "canceled"}"#, "canceled"),
        (r#"{"states": "expired"}"#, "expired"),
        (r#"{"states": "failed,soft_failed"}"#, "failed soft twice"),
        (
            r#"{"states": " expired , failed,,failed"}"#,
            "failed expired twice",
        ),
    ] {
        // Given a build in which jobs ended in every way
        let (fake, build, client) = fake_with_every_end();
        let count = build.all_jobs().len();
        // When those of some kinds are retried
        let answer = client.put_body(&format!("{BUILD}/retry_failed_jobs"), body);
        // Then the build comes back, with the number of them at the end
        let json = answer.expect(202);
        let (last, others) = json.entries().split_last().expect("an object");
        assert_eq!(last.0, "retried_jobs_count");
        let expected: Vec<_> = expected.split(' ').collect();
        let number = i64::try_from(expected.len()).expect("few");
        assert_eq!(last.1.number(), number, "{body}");
        let mut shown = client.build("app", 1).entries().to_vec();
        shown.retain(|(key, _)| key != "job_state_counts");
        assert_eq!(others, shown, "{body}");
        // It runs again, and would be running if all of them could be retried
        assert_eq!(json["state"].str(), "failing");
        assert!(json["finished_at"].is_null());
        assert_eq!(answer.header("etag"), None);
        // And each of them, and nothing else, has a new job in its place
        let retried: Vec<_> = build
            .all_jobs()
            .into_iter()
            .filter(|job| job.state() == JobState::Scheduled)
            .map(|job| job.name())
            .collect();
        assert_eq!(retried, expected, "{body}");
        assert_eq!(build.all_jobs().len(), count + expected.len(), "{body}");
        for key in &expected {
            let jobs = build.jobs(key);
            let [.., old, new] = &jobs[..] else {
                panic!("two attempts")
            };
            assert_eq!(old.retried_in().map(|job| job.id()), Some(new.id()));
            let [path, _] = addresses(old, "");
            let old = client.get(&path).expect(200);
            assert_eq!(old["retry_type"].str(), "manual");
            assert!(!old["retried_by"].is_null());
        }
        fake.run_until_idle();
    }
}

#[test]
fn retrying_everything_brings_a_failed_build_to_its_end() {
    let steps = "steps: [{command: x, key: a}, {command: x, key: b}, wait, {command: x, key: c}]";
    let (fake, build, client) = build_of(steps);
    build.job("a").fail(1);
    build.job("b").fail(1);
    assert_eq!(build.job("c").state(), JobState::WaitingFailed);
    let events = fake.events().len();
    let retried = client.put(&format!("{BUILD}/retry_failed_jobs"));
    assert_eq!(retried.expect(202)["retried_jobs_count"].number(), 2);
    assert!(fake.events().len() > events);
    assert_eq!(build.job("c").state(), JobState::Waiting);
    fake.run_until_idle();
    assert_eq!(build.state(), BuildState::Passed);
    // Nothing is left to retry
    let retried = client.put(&format!("{BUILD}/retry_failed_jobs"));
    assert_eq!(retried.expect(202)["retried_jobs_count"].number(), 0);
    assert_eq!(build.retry_failed_jobs().len(), 0);
}

#[test]
fn what_cannot_be_retried_is_left_as_it_is() {
    // A canceled build
    let (fake, build, client) = build_of("steps: [{command: x, key: a}, {command: x, key: b}]");
    build.job("a").fail(1);
    build.cancel();
    let before = world(&fake, &["acme"]);
    let answer = client.put(&format!("{BUILD}/retry_failed_jobs"));
    assert_eq!(answer.expect(202)["retried_jobs_count"].number(), 0);
    assert_eq!(world(&fake, &["acme"]), before);
    // Builds that synchronous trigger steps made, the second for a build that is canceled
    let (fake, _child, _client) = build_of("steps: [{command: x, key: x}]");
    let app = fake.existing_pipeline("app");
    let parent = fake.pipeline("parent").steps("steps: [{trigger: app}]");
    let parent = parent.create();
    parent.create_build();
    app.build_number(2).job("x").fail(1);
    let canceled = parent.create_build();
    let child = app.build_number(3);
    child.job("x").start();
    canceled.cancel();
    child.job("x").finish(1);
    assert!(child.retry_failed_jobs().is_empty());
    assert_eq!(app.build_number(2).retry_failed_jobs().len(), 1);
}

#[test]
fn unknown_failures_are_refused_word_for_word_and_nothing_is_retried() {
    let (fake, _build, client) = fake_with_every_end();
    let before = world(&fake, &["acme"]);
    let path = format!("{BUILD}/retry_failed_jobs");
    let valid = "Valid states are canceled, expired, failed, soft_failed, timed_out.";
    for (states, named) in [
        ("invalid", "invalid"),
        ("failed,invalid", "invalid"),
        ("passed, running", "passed, running"),
        ("Failed", "Failed"),
    ] {
        let answer = client.put_body(&path, &format!(r#"{{"states": "{states}"}}"#));
        assert_refused(&answer, 400, &format!("Invalid states: {named}. {valid}"));
    }
    for body in [r#"{"states": ["failed"]}"#, r#"{"states": 1}"#] {
        let answer = client.put_body(&path, body);
        assert_eq!(answer.message(422), "Validation Failed");
    }
    assert_eq!(client.put_body(&path, "{").status, 400);
    let elsewhere = client.put_body(&path.replace("/1/", "/9/"), "{");
    assert_refused(&elsewhere, 404, "No build found");
    assert_refused(&client.without_token().put(&path), 401, UNAUTHORIZED);
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn whoever_may_only_look_changes_no_job() {
    let fake = FakeBuildkite::start();
    let steps = "steps: [{command: x, key: x}]";
    let app = fake.pipeline("app").steps(steps);
    let build = app.access(Access::ReadOnly).create_build();
    build.job("x").fail(1);
    let client = client(&fake);
    let before = world(&fake, &["acme"]);
    let [path, short] = addresses(&build.job("x"), "/reprioritize");
    for path in [path, short, format!("{BUILD}/retry_failed_jobs")] {
        assert_refused(&client.put_body(&path, "{"), 403, "Forbidden");
    }
    client.get(JOBS).expect(200);
    assert_eq!(world(&fake, &["acme"]), before);
}
