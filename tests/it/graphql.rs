//! GraphQL: one mutation that clients of REST need, and a loud refusal of everything else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fake_buildkite::{Access, BuildHandle, FakeBuildkite, JobState, Route, Scope};

use crate::support::{Answer, Client, client, world};

const CANCEL: &str = "mutation CancelJob($jobId: ID!) { jobTypeCommandCancel(input: {id: $jobId}) \
                      { clientMutationId jobTypeCommand { id uuid state url } } }";

fn started() -> (FakeBuildkite, BuildHandle) {
    let fake = FakeBuildkite::builder().origin("http://fake.test").start();
    let build = fake
        .pipeline("app")
        .steps("steps: [{label: Test, command: make, key: test}, {block: Ship?, key: ship}]")
        .create_build();
    build.job("test").start();
    (fake, build)
}

fn id_of(kind: &str, uuid: &str) -> String {
    STANDARD.encode(format!("{kind}---{uuid}"))
}

fn ask(client: &Client, fake: &FakeBuildkite, query: &str, variables: &str) -> Answer {
    let query = serde_json::Value::from(query);
    let body = format!("{{\"query\":{query},\"variables\":{variables}}}");
    client.post(&fake.graphql_url(), &body)
}

fn cancel(client: &Client, fake: &FakeBuildkite, uuid: &str) -> Answer {
    let id = id_of("JobTypeCommand", uuid);
    ask(client, fake, CANCEL, &format!("{{\"jobId\":\"{id}\"}}"))
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, message: &str) {
    let message = serde_json::Value::from(message);
    let expected = match status {
        200 => format!("{{\"errors\":[{{\"message\":{message}}}]}}\n"),
        _ => format!("{{\"message\":{message},\"errors\":[{{\"message\":{message}}}]}}\n"),
    };
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (status, expected.as_str())
    );
}

/// The mutation was refused, and said so at its place in the answer.
#[track_caller]
fn assert_not_canceled(answer: &Answer, message: &str) {
    let expected = format!(
        "{{\"data\":{{\"jobTypeCommandCancel\":null}},\"errors\":[{{\"message\":{},\"path\":[\"jobTypeCommandCancel\"]}}]}}\n",
        serde_json::Value::from(message)
    );
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, expected.as_str())
    );
}

#[test]
fn a_job_is_canceled_and_shown_as_it_was_asked_for() {
    // Given a job that runs
    let (fake, build) = started();
    let job = build.job("test");
    // When somebody cancels it
    let answer = cancel(&client(&fake), &fake, &job.id().to_string());
    // Then it is being canceled, and the answer has what was asked for in that order
    let url = format!("http://fake.test/acme/app/builds/1#{}", job.id());
    let expected = format!(
        "{{\"data\":{{\"jobTypeCommandCancel\":{{\"clientMutationId\":null,\"jobTypeCommand\":{{\"id\":\"{}\",\
         \"uuid\":\"{}\",\"state\":\"CANCELING\",\"url\":\"{url}\"}}}}}}}}\n",
        id_of("Job", &job.id().to_string()),
        job.id()
    );
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, expected.as_str())
    );
    assert_eq!(job.state(), JobState::Canceling);
    fake.run_until_idle();
    assert_eq!(job.state(), JobState::Canceled);
    fake.requests().to(Route::GraphQl).assert_count(1);
    assert_eq!(answer.header("x-accepted-oauth-scopes"), Some("graphql"));
    assert_eq!(answer.header("ratelimit-remaining"), None);
}

#[test]
fn aliases_fragments_type_names_and_every_field_that_is_known() {
    let (fake, build) = started();
    let id = id_of("Job", &build.job("test").id().to_string());
    let query = format!(
        "mutation {{ gone: jobTypeCommandCancel(input: {{id: \"{id}\", clientMutationId: \"a\"}}) {{ __typename clientMutationId \
         job: jobTypeCommand {{ ... on JobTypeCommand {{ label command exitStatus passed createdAt scheduledAt runnableAt \
         startedAt finishedAt }} ... on JobTypeBlock {{ nothing }} }} }} }}"
    );
    let gone = ask(&client(&fake), &fake, &query, "{}").expect(200)["data"]["gone"].clone();
    assert_eq!(gone.keys(), ["__typename", "clientMutationId", "job"]);
    assert_eq!(gone["__typename"].str(), "JobTypeCommandCancelPayload");
    assert_eq!(gone["clientMutationId"].str(), "a");
    let job = &gone["job"];
    assert_eq!((job["label"].str(), job["command"].str()), ("Test", "make"));
    assert_eq!(job["startedAt"].str(), "2030-01-01T00:00:00.000Z");
    assert!(job["exitStatus"].is_null() && job["finishedAt"].is_null() && !job["passed"].bool());
}

#[test]
fn what_cannot_be_canceled_says_why_and_stays_as_it_is() {
    let (fake, build) = started();
    let http = client(&fake);
    let over = build.job("test");
    over.finish(1);
    let before = world(&fake, &["acme"]);
    let job = |name: &str| build.job(name).id().to_string();
    assert_not_canceled(
        &cancel(&http, &fake, &job("test")),
        "Job can't be canceled because it's failed",
    );
    let blocked = cancel(&http, &fake, &job("ship"));
    assert_not_canceled(
        &blocked,
        "Job can't be canceled because it's blocked_failed",
    );
    for id in ["01b8dac5-b400-7381-a831-727f2f5ce37c", "nonsense"] {
        assert_not_canceled(&cancel(&http, &fake, id), "No job found");
    }
    let required =
        "Argument 'id' on InputObject 'JobTypeCommandCancelInput' is required. Expected type ID!";
    for variables in ["{}", "{\"jobId\":null}", "{\"jobId\":7}"] {
        assert_error(&ask(&http, &fake, CANCEL, variables), 200, required);
    }
    assert_eq!(world(&fake, &["acme"]), before);
    assert!(fake.verify().is_ok());
}

#[test]
fn of_several_mutations_each_is_answered_for_itself() {
    let (fake, build) = started();
    let id = id_of("Job", &build.job("test").id().to_string());
    let query = "mutation($j: ID!) { a: jobTypeCommandCancel(input: {id: $j}) { jobTypeCommand { state } } \
                 b: jobTypeCommandCancel(input: {id: $j}) { jobTypeCommand { state } } }";
    let answer = ask(&client(&fake), &fake, query, &format!("{{\"j\":\"{id}\"}}"));
    let expected = "{\"data\":{\"a\":{\"jobTypeCommand\":{\"state\":\"CANCELING\"}},\"b\":null},\"errors\":[{\"message\":\
                    \"Job can't be canceled because it's canceling\",\"path\":[\"b\"]}]}\n";
    assert_eq!((answer.status, answer.text.as_str()), (200, expected));
    // What the first one did is on record.
    let canceling = fake
        .events()
        .iter()
        .filter(|event| event.to_string().ends_with("-> canceling"))
        .count();
    assert_eq!(canceling, 1);
}

#[test]
fn what_is_no_graphql_is_an_error_of_the_client() {
    let (fake, build) = started();
    let http = client(&fake);
    let url = fake.graphql_url();
    let before = world(&fake, &["acme"]);
    assert_error(&http.post(&url, "{}"), 200, "No query string was present");
    assert_error(
        &ask(&http, &fake, "{", "{}"),
        200,
        "expected a name, not the end",
    );
    assert_error(
        &ask(&http, &fake, CANCEL, "\"x\""),
        200,
        "`variables` is no object",
    );
    let two = format!("{CANCEL} query B {{ viewer {{ id }} }}");
    assert_error(
        &ask(&http, &fake, &two, "{}"),
        200,
        "An operation name is required",
    );
    let named = serde_json::json!({ "query": two, "operationName": "C" });
    assert_error(
        &http.post(&url, &named.to_string()),
        200,
        "No operation named \"C\"",
    );
    assert_eq!(world(&fake, &["acme"]), before);
    // The documentation's own example has variables in a text
    let id = id_of("Job", &build.job("test").id().to_string());
    let text = serde_json::json!({ "jobId": id }).to_string();
    let named =
        serde_json::json!({ "query": two, "operationName": "CancelJob", "variables": text });
    http.post(&url, &named.to_string()).expect(200)["data"]["jobTypeCommandCancel"].entries();
    assert_eq!(build.job("test").state(), JobState::Canceling);
}

#[test]
fn everything_else_is_refused_and_fails_the_test() {
    let table = [
        ("{ viewer { user { name } } }", "query viewer"),
        (
            "mutation { buildCancel(input: {id: \"x\"}) { clientMutationId } }",
            "mutation buildCancel",
        ),
        (
            "query { ... on Query { viewer { id } } }",
            "fragment on Query",
        ),
        (
            "mutation($j: ID!) { jobTypeCommandCancel(input: {id: $j}) { jobTypeCommand { env } } }",
            "field JobTypeCommand.env",
        ),
        (
            "mutation($j: ID!) { jobTypeCommandCancel(input: {id: $j}) { job } }",
            "field JobTypeCommandCancelPayload.job",
        ),
        (
            "mutation($j: ID!) { jobTypeCommandCancel(input: {id: $j}) { clientMutationId } other }",
            "mutation other",
        ),
    ];
    for (query, what) in table {
        let (fake, build) = started();
        let id = id_of("Job", &build.job("test").id().to_string());
        let answer = ask(&client(&fake), &fake, query, &format!("{{\"j\":\"{id}\"}}"));
        let served = "mutation jobTypeCommandCancel";
        let message =
            format!("fake-buildkite does not model the GraphQL {what}; it serves {served}");
        assert_error(&answer, 501, &message);
        assert_eq!(
            build.job("test").state(),
            JobState::Running,
            "nothing of it is done"
        );
        let report = fake.verify().expect_err("nobody serves it");
        let problem =
            format!("the GraphQL {what} is not modelled by this fake, which serves {served}");
        assert_eq!(report.problems, [problem]);
    }
}

#[test]
fn who_may_not_cancel_does_not() {
    let (fake, build) = started();
    let ada = fake.add_user("Ada", "ada@example.com");
    let team = fake.team("Platform").create();
    team.add_member(&ada);
    let hers = client(&fake).with_token(&fake.token_for(&ada, Scope::ALL.iter().copied()));
    let job = build.job("test").id().to_string();
    assert_not_canceled(&cancel(&hers, &fake, &job), "No job found");
    let app = fake.existing_pipeline("app");
    team.add_pipeline(&app, Access::ReadOnly);
    assert_not_canceled(&cancel(&hers, &fake, &job), "Forbidden");
    let without = fake.token_for(&ada, [Scope::WriteBuilds]);
    let answer = cancel(&client(&fake).with_token(&without), &fake, &job);
    assert_eq!(
        answer.message(403),
        "Your access token doesn't have the graphql scope"
    );
    let nobody = cancel(&client(&fake).without_token(), &fake, &job);
    assert_eq!(nobody.status, 401);
    assert_eq!(build.job("test").state(), JobState::Running);
}
