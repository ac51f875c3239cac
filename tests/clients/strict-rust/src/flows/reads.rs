//! Everything there is to read, of everything there is.

use std::collections::BTreeSet;

use crate::client::Client;
use crate::shapes::{
    AccessToken, Actor, Agent, Annotation, Artifact, Build, Cluster, ClusterToken, Download, Emoji,
    Env, Job, JobsPage, Log, Maintainer, Member, Meta, Organization, Pipeline, Queue, RateLimits,
    Root, Schedule, Step, StepUpload, StepUploadsPage, Team, TeamMember, TeamPipeline, User,
};
use crate::strict::Maybe;

pub fn account() {
    let client = Client::furnished();
    let user: User = client.get("user");
    assert_eq!(user.email, client.about["user"]["email"]);
    let token: AccessToken = client.get("access-token");
    assert_eq!(token.user.email, user.email);
    let organizations: Vec<Organization> = client.all("organizations");
    let [organization] = &organizations[..] else {
        panic!("{organizations:?}")
    };
    assert_eq!(
        client.get::<Organization>(&client.organization),
        *organization
    );
    let members: Vec<Member> = client.all(&client.in_organization("members"));
    assert_eq!(members.len(), 2);
    for member in &members {
        let path = client.in_organization(&format!("members/{}", member.id));
        assert_eq!(client.get::<Member>(&path), *member);
    }
    let emojis: Vec<Emoji> = client.get(&client.path_of(&organization.emojis_url));
    assert!(
        emojis
            .iter()
            .any(|emoji| emoji.aliases == Maybe::There(vec!["anvil".to_owned()]))
    );
    let limits: RateLimits = client.get(&client.in_organization("rate_limit"));
    assert!(limits.scopes.rest.limit > 0 && limits.scopes.graphql.limit > 0);
    assert!(!client.get::<Meta>("meta").webhook_ips.is_empty());
    let root = client.follow(client.about["url"].as_str().expect("url"));
    let root: Root = serde_json::from_str(&root.text().expect("a body")).expect("the root");
    assert_eq!(root.message, "\u{1f6e0}");
}

pub fn builds() {
    let client = Client::furnished();
    let listed: Vec<Build> = client.all("builds?per_page=7");
    let states: BTreeSet<_> = listed
        .iter()
        .map(|build| format!("{:?}", build.state))
        .collect();
    let wanted = [
        "Canceled",
        "Canceling",
        "Failed",
        "Failing",
        "NotRun",
        "Passed",
        "Running",
        "Scheduled",
        "Skipped",
    ];
    assert_eq!(states, wanted.map(str::to_owned).into());
    assert!(listed.iter().any(|build| build.blocked));
    assert!(listed.iter().any(|build| build.triggered_from.0.is_some()));
    assert!(listed.iter().any(|build| build.pull_request.0.is_some()));
    assert!(listed.iter().any(|build| build.author.0.is_some()));
    assert!(listed.iter().any(|build| build.cluster_id.0.is_some()));
    let all = "?include_retried_jobs=true";
    assert_eq!(
        client.all::<Build>(&client.in_organization("builds")),
        listed
    );
    for listed in client.all::<Build>(&format!("builds{all}")) {
        let path = client.path_of(&listed.url);
        let whole: Build = client.get(&format!("{path}{all}"));
        assert!(!listed.job_state_counts.is_there() && whole.job_state_counts.is_there());
        assert_eq!(whole.jobs(), listed.jobs());
        let short: Build = client.get(&format!(
            "{path}?exclude_jobs=true&exclude_pipeline=true&include_test_engine=true"
        ));
        assert!(
            !short.jobs.is_there() && !short.pipeline.is_there() && short.test_engine.is_there()
        );
        let short: Vec<Build> = client.all(&format!(
            "{}?exclude_jobs=true&exclude_pipeline=true",
            path.rsplit_once('/').expect("a number").0
        ));
        assert!(
            short
                .iter()
                .all(|build| !build.jobs.is_there() && !build.pipeline.is_there())
        );
        let uploads: StepUploadsPage = client.get(&format!("{path}/step-uploads"));
        for upload in &uploads.items {
            let one: StepUpload = client.get(&format!("{path}/step-uploads/{}", upload.uuid));
            assert!(one.definition_yaml.is_there() && !upload.definition_yaml.is_there());
            assert_eq!(one.url, upload.url);
        }
        for scope in ["build", "job", "all"] {
            let notes: Vec<Annotation> = client.all(&format!("{path}/annotations?scope={scope}"));
            assert!(notes.iter().all(|note| note.body_html.is_there()));
            let notes: Vec<Annotation> =
                client.all(&format!("{path}/annotations?scope={scope}&omit_body=true"));
            assert!(notes.iter().all(|note| !note.body_html.is_there()));
        }
        client.all::<Artifact>(&format!("{path}/artifacts?per_page=1"));
    }
}

pub fn jobs() {
    let client = Client::furnished();
    let mut seen = BTreeSet::new();
    for build in client.all::<Build>("builds?include_retried_jobs=true") {
        let path = client.path_of(&build.url);
        let mut listed = Vec::new();
        let mut next = Some(format!("{path}/jobs?include_retried_jobs=true&per_page=3"));
        while let Some(path) = next {
            let page: JobsPage = client.get(&path);
            listed.extend(page.items);
            next = match page.links.next {
                Maybe::There(url) => Some(client.path_of(&url)),
                Maybe::Missing => None,
            };
        }
        // Oldest first here, in the order of the steps there.
        let by_id = |jobs: &[Job]| {
            let mut jobs = jobs.to_vec();
            jobs.sort_by_key(|job| job.id().clone());
            jobs
        };
        assert_eq!(by_id(&listed), by_id(build.jobs()), "{path}");
        for job in &listed {
            seen.insert(job.state());
            for path in [
                format!("{path}/jobs/{}", job.id()),
                client.in_organization(&format!("jobs/{}", job.id())),
            ] {
                assert_eq!(client.get::<Job>(&path), *job);
                match job {
                    Job::Script(_) => command(&client, &path),
                    Job::Waiter(_) | Job::Manual(_) | Job::Trigger(_) => {}
                }
            }
        }
    }
    let mut wanted: BTreeSet<_> = [
        "waiter",
        "manual Blocked",
        "manual BlockedFailed",
        "manual Unblocked",
        "manual Canceled",
        "trigger Passed",
        "trigger WaitingFailed",
    ]
    .map(str::to_owned)
    .into();
    for state in [
        "Broken",
        "Canceled",
        "Canceling",
        "Expired",
        "Failed",
        "Passed",
        "Running",
        "Scheduled",
        "Skipped",
        "TimedOut",
        "TimingOut",
        "Waiting",
        "WaitingFailed",
    ] {
        wanted.insert(format!("script {state}"));
    }
    let missing: Vec<_> = wanted.difference(&seen).collect();
    assert!(missing.is_empty(), "{missing:?} is missing in {seen:?}");
}

/// What only a command has, at one of its two addresses.
fn command(client: &Client, path: &str) {
    let log: Log = client.get(&format!("{path}/log"));
    assert_eq!(log.size, log.content.len());
    assert_eq!(
        client.text(&format!("{path}/log.txt"), "*/*").1,
        log.content
    );
    let (kind, text) = client.text(&format!("{path}/log"), "text/plain");
    assert!(kind.starts_with("text/plain"));
    assert_eq!(text, log.content);
    let html = client.text(&format!("{path}/log.html"), "*/*");
    assert!(html.0.starts_with("text/html"));
    assert_eq!(client.text(&format!("{path}/log"), "text/html"), html);
    let head = client.send("HEAD", &format!("{path}/log"), None, None);
    assert_eq!(
        head.headers()["content-length"],
        log.size.to_string().as_str()
    );
    let env: Env = client.get(&format!("{path}/env"));
    let (kind, text) = client.text(&format!("{path}/env.txt"), "*/*");
    assert!(kind.starts_with("text/plain"));
    assert!(text.lines().count() >= env.env.len());
    client.all::<Annotation>(&format!("{path}/annotations"));
    for artifact in client.all::<Artifact>(&format!("{path}/artifacts")) {
        let path = format!("{path}/artifacts/{}", artifact.id);
        assert_eq!(client.get::<Artifact>(&path), artifact);
        let answer = client.send("GET", &format!("{path}/download"), None, None);
        assert_eq!(answer.status(), 302);
        let location = answer.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned();
        let download: Download =
            serde_json::from_str(&answer.text().expect("a body")).expect("a download");
        assert_eq!(download.url, location);
        let bytes = client.follow(&location).bytes().expect("bytes");
        assert_eq!(bytes.len(), artifact.file_size);
    }
}

pub fn pipelines() {
    let client = Client::furnished();
    let listed: Vec<Pipeline> = client.all(&client.in_organization("pipelines?per_page=3"));
    let mut providers = BTreeSet::new();
    let mut steps = BTreeSet::new();
    for pipeline in &listed {
        let path = client.path_of(&pipeline.url);
        assert_eq!(client.get::<Pipeline>(&path), *pipeline);
        providers.insert(pipeline.provider.id.as_str());
        steps.extend(pipeline.steps.iter().map(|step| match step {
            Step::Script(_) => "script",
            Step::Waiter(_) => "waiter",
            Step::Manual(_) => "manual",
            Step::Trigger(_) => "trigger",
        }));
        for schedule in client.all::<Schedule>(&format!("{path}/schedules")) {
            assert_eq!(
                client.get::<Schedule>(&client.path_of(&schedule.url)),
                schedule
            );
        }
    }
    assert!(
        ["bitbucket", "github", "gitlab"]
            .iter()
            .all(|one| providers.contains(one)),
        "{providers:?}"
    );
    assert_eq!(steps, ["manual", "script", "trigger", "waiter"].into());
    assert!(
        listed
            .iter()
            .any(|pipeline| pipeline.archived_at.0.is_some())
    );
    assert!(
        listed
            .iter()
            .any(|pipeline| pipeline.cluster_url.0.is_some())
    );
    assert!(listed.iter().any(|pipeline| pipeline.tags.0.is_some()));
}

pub fn agents() {
    let client = Client::furnished();
    let listed: Vec<Agent> = client.all(&client.in_organization("agents?per_page=5"));
    assert!(listed.iter().any(|agent| agent.job.0.is_some()));
    assert!(listed.iter().any(|agent| agent.paused));
    assert!(listed.iter().all(|agent| agent.name != "gone"));
    for agent in &listed {
        assert_eq!(client.get::<Agent>(&client.path_of(&agent.url)), *agent);
    }
    let macs: Vec<Agent> = client.all(&client.in_organization("agents?name=mac"));
    assert_eq!(macs.len(), 1);
}

pub fn clusters() {
    let client = Client::furnished();
    let listed: Vec<Cluster> = client.all(&client.in_organization("clusters"));
    let [cluster] = &listed[..] else {
        panic!("{listed:?}")
    };
    let path = client.path_of(&cluster.url);
    assert_eq!(client.get::<Cluster>(&path), *cluster);
    let queues: Vec<Queue> = client.all(&client.path_of(&cluster.queues_url));
    assert!(queues.iter().any(|queue| queue.dispatch_paused));
    for queue in &queues {
        assert_eq!(client.get::<Queue>(&client.path_of(&queue.url)), *queue);
    }
    let tokens: Vec<ClusterToken> = client.all(&format!("{path}/tokens"));
    assert!(!tokens.is_empty());
    for token in &tokens {
        assert!(!token.token.is_there());
        assert_eq!(
            client.get::<ClusterToken>(&client.path_of(&token.url)),
            *token
        );
    }
    for maintainer in client.get::<Vec<Maintainer>>(&format!("{path}/maintainers")) {
        let path = format!("{path}/maintainers/{}", maintainer.id);
        assert_eq!(client.get::<Maintainer>(&path), maintainer);
        assert!(matches!(maintainer.actor, Actor::User(_) | Actor::Team(_)));
    }
}

pub fn teams() {
    let client = Client::furnished();
    for team in client.all::<Team>(&client.in_organization("teams")) {
        let path = client.in_organization(&format!("teams/{}", team.id));
        assert_eq!(client.get::<Team>(&path), team);
        let members: Vec<TeamMember> = client.all(&format!("{path}/members"));
        assert!(!members.is_empty());
        for member in &members {
            let path = format!("{path}/members/{}", member.user_id);
            assert_eq!(client.get::<TeamMember>(&path), *member);
        }
        let pipelines: Vec<TeamPipeline> = client.all(&format!("{path}/pipelines"));
        assert!(!pipelines.is_empty());
        for pipeline in &pipelines {
            let path = format!("{path}/pipelines/{}", pipeline.pipeline_id);
            assert_eq!(client.get::<TeamPipeline>(&path), *pipeline);
            client.get::<Pipeline>(&client.path_of(&pipeline.pipeline_url));
        }
    }
}
