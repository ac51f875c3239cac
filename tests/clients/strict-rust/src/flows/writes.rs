//! Everything there is to write.

use serde_json::{Value, json};

use crate::client::Client;
use crate::shapes::{
    Access, Agent, Annotation, Artifact, Build, BuildState, Cluster, ClusterToken, Invalid, Job,
    JobsPage, Maintainer, Manual, ManualState, Member, MemberRole, Pipeline, Queue, Schedule,
    Scope, Script, ScriptState, Settings, Team, TeamMember, TeamPipeline, TeamRole, Visibility,
};
use crate::strict::{Map, Maybe};

/// More polls than any build here needs.
const MOST_POLLS: usize = 30;

fn nothing() -> Value {
    json!({})
}

fn pipeline(client: &Client, slug: &str) -> String {
    client.in_organization(&format!("pipelines/{slug}"))
}

fn create_build(client: &Client, slug: &str) -> Build {
    let body = json!({ "commit": "HEAD", "branch": "main" });
    client.post(&format!("{}/builds", pipeline(client, slug)), body, 201)
}

fn script<'b>(build: &'b Build, key: &str) -> &'b Script {
    let found = build.jobs().iter().find_map(|job| match job {
        Job::Script(job) if job.step_key.0.as_deref() == Some(key) => Some(&**job),
        Job::Script(_) | Job::Waiter(_) | Job::Manual(_) | Job::Trigger(_) => None,
    });
    found.unwrap_or_else(|| panic!("{} has no job {key}", build.url))
}

fn manual<'b>(build: &'b Build, key: &str) -> &'b Manual {
    let found = build.jobs().iter().find_map(|job| match job {
        Job::Manual(job) if job.step_key.0.as_deref() == Some(key) => Some(&**job),
        Job::Script(_) | Job::Waiter(_) | Job::Manual(_) | Job::Trigger(_) => None,
    });
    found.unwrap_or_else(|| panic!("{} has no gate {key}", build.url))
}

/// Builds that move: every poll is decoded, whatever state the build and its jobs are in.
pub fn polls() {
    let client = Client::moving();
    for (slug, end) in [
        ("app", BuildState::Passed),
        ("flaky", BuildState::Failed),
        ("gate", BuildState::Passed),
    ] {
        let path = client.path_of(&create_build(&client, slug).url);
        let mut states = Vec::new();
        while states.len() < MOST_POLLS && states.last() != Some(&end) {
            let build: Build = client.get(&path);
            states.push(build.state);
            // The list shows what one build shows, less the counts.
            let listed: Vec<Build> = client.get(&format!("{}/builds", pipeline(&client, slug)));
            assert_eq!(listed.len(), 1);
            client.get::<JobsPage>(&format!("{path}/jobs"));
        }
        assert_eq!(states.last(), Some(&end), "{slug}: {states:?}");
    }
}

pub fn builds() {
    let client = Client::furnished();
    let path = pipeline(&client, "plain");
    let body = json!({
        "commit": "HEAD",
        "branch": "feature",
        "message": "Try",
        "author": { "name": "Grace Example", "email": "grace@example.com" },
        "clean_checkout": true,
        "env": { "A": "1", "B": "two" },
        "ignore_pipeline_branch_filters": true,
        "meta_data": { "release": "v9" },
        "pull_request_base_branch": "main",
        "pull_request_id": 7,
        "pull_request_labels": ["bug"],
        "pull_request_repository": "https://github.com/acme/plain.git",
    });
    let made: Build = client.post(&format!("{path}/builds"), body, 201);
    assert_eq!(made.state, BuildState::Scheduled);
    assert_eq!(
        made.author
            .0
            .clone()
            .and_then(|author| author.name.0)
            .as_deref(),
        Some("Grace Example")
    );
    assert_eq!(
        made.pull_request.0.clone().map(|it| it.id).as_deref(),
        Some("7")
    );
    assert_eq!(
        made.meta_data,
        Map::from([("release".to_owned(), "v9".to_owned())])
    );
    let address = client.path_of(&made.url);
    let again: Build = client.put(&format!("{address}/rebuild"), nothing());
    assert_eq!(
        again.rebuilt_from.0.clone().map(|it| it.id),
        Some(made.id.clone())
    );
    let canceled: Build = client.put(&format!("{address}/cancel"), nothing());
    assert_eq!(canceled.state, BuildState::Canceled);
    let failed: Vec<Build> = client.all(&client.in_organization("builds?state=failed"));
    assert!(!failed.is_empty());
    for build in failed {
        let path = format!("{}/retry_failed_jobs", client.path_of(&build.url));
        let retried: Build = client.ask("PUT", &path, Some(nothing()), 202);
        assert!(retried.retried_jobs_count.is_there());
        assert!(retried.jobs().iter().any(|job| match job {
            Job::Script(job) => job.retry_source.0.is_some(),
            Job::Waiter(_) | Job::Manual(_) | Job::Trigger(_) => false,
        }));
    }
}

pub fn jobs() {
    let client = Client::furnished();
    let short = |id: &dyn std::fmt::Display| client.in_organization(&format!("jobs/{id}"));
    // Reprioritized, at both addresses.
    let waiting = create_build(&client, "parked");
    let job = script(&waiting, "park");
    for (priority, path) in [
        (3, short(&job.id)),
        (
            -1,
            format!("{}/jobs/{}", client.path_of(&waiting.url), job.id),
        ),
    ] {
        let changed: Job = client.put(
            &format!("{path}/reprioritize"),
            json!({ "priority": priority }),
        );
        let Job::Script(changed) = changed else {
            panic!("{changed:?}")
        };
        assert_eq!(changed.priority.number, priority);
    }
    // Unblocked, by somebody else and with fields.
    let number = client.about["everything"]["number"].clone();
    let path = format!("{}/builds/{number}", pipeline(&client, "everything"));
    let whole: Build = client.get(&path);
    let gate = manual(&whole, "release");
    assert!(gate.unblockable);
    let second = client.about["second_user"]["id"].clone();
    let body = json!({ "unblocker": second, "fields": { "why": "It is time" } });
    let opened: Job = client.put(&client.path_of(&gate.unblock_url), body);
    let Job::Manual(opened) = opened else {
        panic!("{opened:?}")
    };
    assert_eq!(
        (opened.state, opened.unblockable),
        (ManualState::Unblocked, false)
    );
    assert_eq!(
        opened.unblocked_by.0.map(|user| user.id.0),
        second.as_str().map(str::to_owned)
    );
    let whole: Build = client.get(&path);
    assert_eq!(
        whole.meta_data.get("why").map(String::as_str),
        Some("It is time")
    );
    assert_eq!(script(&whole, "deploy").state, ScriptState::Scheduled);
    // Retried: what failed softly, and what timed out. Then their logs go.
    let mut retried = 0;
    for build in
        client.all::<Build>("builds?state[]=running&state[]=failing&state[]=failed&state[]=passed")
    {
        for job in build.jobs() {
            let Job::Script(job) = job else { continue };
            if matches!(job.state, ScriptState::Failed | ScriptState::TimedOut) {
                let again: Job = client.put(&format!("{}/retry", short(&job.id)), nothing());
                let Job::Script(again) = again else {
                    panic!("{again:?}")
                };
                assert_eq!(
                    again.retry_source.0.clone().map(|it| it.job_id),
                    Some(job.id.clone())
                );
                let Job::Script(old) = client.get::<Job>(&short(&job.id)) else {
                    panic!()
                };
                assert!(old.retried && old.retried_by.0.is_some());
                assert_eq!(old.retried_in_job_id.0, Some(again.id));
                retried += 1;
            }
            if job.finished_at.0.is_some() {
                client.delete(&format!("{}/log", short(&job.id)));
                client.delete(&client.path_of(&job.log_url));
            }
        }
    }
    assert!(retried > 1, "{retried} jobs were retried");
}

pub fn notes_and_files() {
    let client = Client::furnished();
    let build: Build = client.get(&format!(
        "{}/builds/{}",
        pipeline(&client, "everything"),
        client.about["everything"]["number"]
    ));
    let path = client.path_of(&build.url);
    let pack = script(&build, "pack");
    let long = format!("{path}/jobs/{}", pack.id);
    let short = client.in_organization(&format!("jobs/{}", pack.id));
    for (path, scope) in [
        (&path, Scope::Build),
        (&long, Scope::Job),
        (&short, Scope::Job),
    ] {
        let path = format!("{path}/annotations");
        for body in [
            json!({ "body": "plain" }),
            json!({ "body": "**all**", "style": "warning", "priority": 9, "context": "all", "append": true }),
        ] {
            let note: Annotation = client.post(&path, body, 201);
            assert_eq!(note.scope, scope);
            assert_eq!(note.job_id.0.is_some(), scope == Scope::Job);
            client.delete(&format!("{path}/{}", note.id));
        }
    }
    let files: Vec<Artifact> = client.all(&format!("{path}/artifacts"));
    assert_eq!(files.len(), 2);
    for (file, path) in files.iter().zip([&long, &short]) {
        let path = format!("{path}/artifacts/{}", file.id);
        client.delete(&path);
        assert_eq!(client.refused("GET", &path, None, 404), "No artifact found");
    }
    assert_eq!(client.all::<Artifact>(&format!("{path}/artifacts")), []);
}

/// What a request may set of a pipeline, beside name, repository and steps.
fn settings() -> Value {
    json!({
        "allow_rebuilds": false,
        "branch_configuration": "main",
        "cancel_running_branch_builds": true,
        "cancel_running_branch_builds_filter": "!main",
        "clone_mirror_url": null,
        "color": "#ff0000",
        "default_branch": "trunk",
        "default_command_step_timeout": 10,
        "description": "Once more",
        "emoji": ":anchor:",
        "maximum_command_step_timeout": 20,
        "skip_queued_branch_builds": true,
        "skip_queued_branch_builds_filter": "!main",
        "tags": ["one", "two"],
        "visibility": "public",
        "provider_settings": {
            "build_tags": true,
            "build_pull_request_edited": true,
            "filter_enabled": true,
            "filter_condition": "build.branch == 'main'",
            "issue_comment_match_mode": "contains",
        },
    })
}

pub fn pipelines() {
    let client = Client::furnished();
    let path = client.in_organization("pipelines");
    let mut body = settings();
    body["name"] = json!("Tidy Up");
    body["repository"] = json!("git@github.com:acme/tidy.git");
    body["configuration"] = json!("env: {A: one}\nsteps: [{command: make tidy}]\n");
    let made: Pipeline = client.post(&path, body, 201);
    assert_eq!(
        (made.slug.as_str(), made.visibility),
        ("tidy-up", Visibility::Public)
    );
    assert!(made.configuration.is_there());
    assert_eq!(
        (made.color.0.as_deref(), made.default_command_step_timeout.0),
        (Some("#ff0000"), Some(10))
    );
    let Settings::GitHub(given) = &made.provider.settings else {
        panic!("{:?}", made.provider)
    };
    assert_eq!(given.build_pull_request_edited, Maybe::There(true));
    let address = client.path_of(&made.url);
    assert_eq!(client.get::<Pipeline>(&address), made);
    client.empty("POST", &format!("{address}/webhook"), None, 201);

    let cluster = client
        .all::<Cluster>(&client.in_organization("clusters"))
        .remove(0);
    let body =
        json!({ "description": null, "cluster_id": cluster.id.0, "tags": [], "slug": "spotless" });
    let changed: Pipeline = client.patch(&address, body);
    assert_eq!(
        (changed.description.0, changed.cluster_id.0),
        (None, Some(cluster.id))
    );
    let address = client.path_of(&changed.url);
    let archived: Pipeline = client.post(&format!("{address}/archive"), nothing(), 200);
    assert!(archived.archived_at.0.is_some());
    let back: Pipeline = client.post(&format!("{address}/unarchive"), nothing(), 200);
    assert_eq!(back.archived_at.0, None);
    client.delete(&address);
    assert_eq!(
        client.refused("GET", &address, None, 404),
        "No pipeline found"
    );

    // Every provider, in YAML and visual.
    for (n, repository) in [
        "git@github.com:acme/a.git",
        "git@bitbucket.org:acme/a.git",
        "https://gitlab.com/acme/a.git",
        "git@git.example.com:acme/a.git",
        "/var/repos/a",
    ]
    .into_iter()
    .enumerate()
    {
        let yaml = json!({ "name": format!("yaml {n}"), "repository": repository, "configuration": "steps: [wait]" });
        client.post::<Pipeline>(&path, yaml, 201);
        let steps = json!([
            { "type": "script", "name": "Build", "command": "make", "timeout_in_minutes": 10, "agent_query_rules": ["queue=linux"] },
            { "type": "waiter" },
            { "type": "trigger", "label": "Down", "trigger_project_slug": "plain", "trigger_async": true },
            { "type": "manual", "label": "Ship?" },
        ]);
        let visual = json!({ "name": format!("visual {n}"), "repository": repository, "steps": steps, "env": { "A": "1" } });
        let visual: Pipeline = client.post(&path, visual, 201);
        assert!(!visual.configuration.is_there());
        assert_eq!(visual.steps.len(), 4);
        create_build(&client, &visual.slug);
    }
}

pub fn schedules() {
    let client = Client::furnished();
    let path = format!("{}/schedules", pipeline(&client, "plain"));
    let body = json!({
        "cronline": "0 9 * * 1",
        "label": "Weekly",
        "message": "Week",
        "commit": "HEAD",
        "branch": "trunk",
        "env": { "A": "1" },
        "enabled": true,
    });
    let made: Schedule = client.post(&path, body, 201);
    assert!(made.enabled && made.next_build_at.0.is_some());
    let address = client.path_of(&made.url);
    let changed: Schedule = client.put(&address, json!({ "enabled": false }));
    assert_eq!((changed.enabled, changed.next_build_at.0), (false, None));
    let changed: Schedule = client.patch(&address, json!({ "cronline": "@hourly", "env": {} }));
    assert_eq!(
        (changed.cronline.as_str(), changed.env.len()),
        ("@hourly", 0)
    );
    let short: Schedule = client.post(&path, json!({ "cronline": "@daily" }), 201);
    assert_eq!(
        (short.label.0, short.message.0, short.commit.as_str()),
        (None, None, "HEAD")
    );
    client.delete(&address);
    client.refused("GET", &address, None, 404);
}

pub fn agents() {
    let client = Client::furnished();
    let find = |name: &str| {
        let path = client.in_organization(&format!("agents?name={name}"));
        client
            .all::<Agent>(&path)
            .into_iter()
            .find(|agent| agent.name == name)
            .expect("an agent")
    };
    let mac = client.path_of(&find("mac").url);
    client.empty(
        "PUT",
        &format!("{mac}/pause"),
        Some(json!({ "note": "Look", "timeout_in_minutes": 5 })),
        204,
    );
    let paused: Agent = client.get(&mac);
    assert_eq!(
        (paused.paused, paused.paused_note.0.as_deref()),
        (true, Some("Look"))
    );
    assert_eq!(paused.paused_timeout_in_minutes.0, Some(5));
    client.empty("PUT", &format!("{mac}/resume"), Some(nothing()), 204);
    client.empty(
        "PUT",
        &format!("{mac}/stop"),
        Some(json!({ "force": false })),
        204,
    );
    let stopped: Agent = client.get(&mac);
    assert!(!stopped.paused);
    let busy = client.all::<Agent>(&client.in_organization("agents?per_page=100"));
    let busy = busy
        .iter()
        .find(|agent| agent.job.0.is_some())
        .expect("an agent at work");
    client.empty(
        "PUT",
        &format!("{}/stop", client.path_of(&busy.url)),
        Some(json!({ "force": true })),
        204,
    );
    client.get::<Agent>(&client.path_of(&busy.url));
}

pub fn clusters() {
    let client = Client::furnished();
    let path = client.in_organization("clusters");
    let me = client.about["user"]["id"].clone();
    let body = json!({
        "name": "Linux",
        "description": "Ours",
        "emoji": ":penguin:",
        "color": "#00ff00",
        "maintainers": [{ "user": me }],
    });
    let made: Cluster = client.post(&path, body, 201);
    assert_eq!(
        (
            made.default_queue_id.0.clone(),
            made.maintainers.users.len()
        ),
        (None, 1)
    );
    let address = client.path_of(&made.url);
    let changed: Cluster = client.put(&address, json!({ "name": "Penguins" }));
    assert_eq!(changed.name, "Penguins");

    let queues = format!("{address}/queues");
    let plain: Queue = client.post(
        &queues,
        json!({ "key": "plain", "description": "Any" }),
        201,
    );
    let hosted = json!({ "key": "hosted", "hostedAgents": { "instanceShape": "LINUX_AMD64_2X4" } });
    let hosted: Queue = client.post(&queues, hosted, 201);
    assert!(
        hosted.hosted.is_there() && hosted.hosted_agents.is_there() && !plain.hosted.is_there()
    );
    let changed: Cluster = client.patch(&address, json!({ "default_queue_id": plain.id.0 }));
    assert_eq!(changed.default_queue_id.0, Some(plain.id.clone()));
    let at = client.path_of(&plain.url);
    let changed: Queue = client.put(
        &at,
        json!({ "description": "Some", "retry_agent_affinity": "prefer-different" }),
    );
    assert_eq!(changed.description.0.as_deref(), Some("Some"));
    let note = json!({ "dispatch_paused_note": "Moving" });
    let paused: Queue = client.post(&format!("{at}/pause_dispatch"), note, 200);
    assert_eq!(
        (
            paused.dispatch_paused,
            paused.dispatch_paused_note.0.as_deref()
        ),
        (true, Some("Moving"))
    );
    let resumed: Queue = client.post(&format!("{at}/resume_dispatch"), nothing(), 200);
    assert!(!resumed.dispatch_paused && resumed.dispatch_paused_by.0.is_none());

    let tokens = format!("{address}/tokens");
    let body = json!({
        "description": "Office",
        "allowed_ip_addresses": "10.0.0.0/8",
        "expires_at": "2031-01-01T00:00:00Z",
    });
    let token: ClusterToken = client.post(&tokens, body, 201);
    assert!(token.token.is_there() && token.expires_at.0.is_some());
    let at = client.path_of(&token.url);
    let changed: ClusterToken = client.put(&at, json!({ "description": "Attic" }));
    assert_eq!(
        (changed.description.as_str(), changed.token),
        ("Attic", Maybe::Missing)
    );
    client.delete(&at);

    let maintainers = format!("{address}/maintainers");
    let second = client.about["second_user"]["id"].clone();
    let team = client
        .all::<Team>(&client.in_organization("teams"))
        .remove(0);
    for body in [json!({ "user": second }), json!({ "team": team.id.0 })] {
        let made: Maintainer = client.post(&maintainers, body, 201);
        let whole: Cluster = client.get(&address);
        assert_eq!(
            whole.maintainers.users.len() + whole.maintainers.teams.len(),
            2
        );
        client.delete(&format!("{maintainers}/{}", made.id));
    }
    client.delete(&client.path_of(&hosted.url));
    client.delete(&address);
    client.refused("GET", &address, None, 404);
}

pub fn teams() {
    let client = Client::furnished();
    client.empty(
        "POST",
        &client.in_organization("teams/enable"),
        Some(nothing()),
        204,
    );
    let path = client.in_organization("teams");
    let body = json!({
        "name": "Night Shift",
        "description": "At night",
        "privacy": "secret",
        "is_default_team": false,
        "default_member_role": "member",
        "members_can_create_pipelines": true,
        "members_can_create_suites": false,
        "members_can_create_registries": false,
        "members_can_destroy_registries": false,
        "members_can_destroy_packages": false,
    });
    let made: Team = client.post(&path, body, 201);
    assert!(made.members_can_create_pipelines);
    let address = format!("{path}/{}", made.id);
    let changed: Team = client.patch(&address, json!({ "description": "By day" }));
    assert_eq!(changed.description, "By day");

    let user = client.about["second_user"]["id"].clone();
    let members = format!("{address}/members");
    let member: TeamMember =
        client.post(&members, json!({ "user_id": user, "role": "member" }), 201);
    let at = format!("{members}/{}", member.user_id);
    let member: TeamMember = client.patch(&at, json!({ "role": "maintainer" }));
    assert_eq!(member.role, TeamRole::Maintainer);

    let plain: Pipeline = client.get(&pipeline(&client, "plain"));
    let pipelines = format!("{address}/pipelines");
    let body = json!({ "pipeline_id": plain.id.0, "access_level": "read_only" });
    let given: TeamPipeline = client.post(&pipelines, body, 201);
    assert_eq!(given.access_level, Access::ReadOnly);
    let within = format!("{pipelines}/{}", given.pipeline_id);
    let given: TeamPipeline = client.patch(&within, json!({ "access_level": "build_and_read" }));
    assert_eq!(given.access_level, Access::BuildAndRead);
    client.delete(&within);
    client.delete(&at);
    client.delete(&address);
    client.refused("GET", &address, None, 404);
}

pub fn members_and_tokens() {
    let client = Client::furnished();
    let id = client.about["second_user"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = client.in_organization(&format!("members/{id}"));
    let member: Member = client.patch(&path, json!({ "role": "admin", "sso_mode": "optional" }));
    assert_eq!(
        (member.role, member.sso_mode.is_there()),
        (MemberRole::Admin, true)
    );
    client.delete(&path);
    client.refused("GET", &path, None, 404);
    let token = client.about["disposable_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let other = client.with_token(&token);
    other.empty("DELETE", "access-token", None, 204);
    other.refused("GET", "access-token", None, 401);
}

pub fn refusals() {
    let client = Client::furnished();
    let path = format!("{}/builds", pipeline(&client, "plain"));
    let wrong: Invalid = client.ask("POST", &path, Some(nothing()), 422);
    assert_eq!(wrong.message, "Validation Failed");
    let fields: Vec<_> = wrong
        .errors
        .iter()
        .map(|error| error.field.as_str())
        .collect();
    assert_eq!(fields, ["commit", "branch"]);
    let wrong: Invalid = client.ask(
        "POST",
        &client.in_organization("pipelines"),
        Some(nothing()),
        422,
    );
    assert_eq!(wrong.message, "Validation Failed");
    let nobody = client.with_token("no-such-token");
    nobody.refused("GET", "builds", None, 401);
    client
        .with_token(client.about["disposable_token"].as_str().expect("a token"))
        .refused("GET", "builds", None, 403);
    for (rest, message) in [
        ("pipelines/none", "No pipeline found"),
        ("pipelines/plain/builds/999", "No build found"),
        ("jobs/00000000-0000-0000-0000-000000000007", "No job found"),
        (
            "agents/00000000-0000-0000-0000-000000000007",
            "No agent found",
        ),
        (
            "clusters/00000000-0000-0000-0000-000000000007",
            "No cluster found",
        ),
        (
            "teams/00000000-0000-0000-0000-000000000007",
            "No team found",
        ),
        (
            "pipelines/plain/schedules/00000000-0000-0000-0000-000000000007",
            "No pipeline schedule found",
        ),
    ] {
        assert_eq!(
            client.refused("GET", &client.in_organization(rest), None, 404),
            message
        );
    }
    for (method, rest, body) in [
        (
            "POST",
            "pipelines/plain/schedules",
            json!({ "cronline": "never" }),
        ),
        ("POST", "clusters", nothing()),
        ("POST", "teams", nothing()),
    ] {
        let message = client.refused(method, &client.in_organization(rest), Some(body), 422);
        assert!(message.starts_with("Validation failed: "), "{message}");
    }
}
