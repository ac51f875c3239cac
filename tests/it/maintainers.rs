//! Who may change clusters, what is in them, the pipelines that are, and agents: administrators, and who maintains the
//! cluster, alone or by a team.

use fake_buildkite::{Agents, ClusterHandle, FakeBuildkite, Scope, UserHandle, agent};

use crate::support::{Client, client, world};

const CLUSTERS: &str = "/organizations/acme/clusters";
const AGENTS: &str = "/organizations/acme/agents";

/// A cluster with an agent, an agent outside, and Ada, who is a member with a token for everything.
fn start() -> (FakeBuildkite, UserHandle, Client, Client) {
    let fleet = [agent("in").cluster_queue("Linux", "default"), agent("out")];
    let fake = FakeBuildkite::builder()
        .agents(Agents::fleet(fleet))
        .start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let admin = client(&fake);
    let hers = admin.with_token(&fake.token_for(&ada, Scope::ALL.iter().copied()));
    (fake, ada, admin, hers)
}

/// What maintainers may ask for, with the status of the answer. In this order each is possible.
fn of_maintainers(fake: &FakeBuildkite) -> Vec<(&'static str, String, &'static str, u16)> {
    let linux = fake.existing_cluster("Linux");
    let path = format!("{CLUSTERS}/{}", linux.id());
    let spare = format!("{path}/queues/{}", linux.add_queue("spare").id());
    linux.add_token("machines");
    let token = format!("{path}/tokens/{}", linux.tokens()[0].id);
    let agent = format!("{AGENTS}/{}", fake.agent("in").id());
    vec![
        ("PATCH", path.clone(), r#"{"description":"a"}"#, 200),
        ("POST", format!("{path}/queues"), r#"{"key":"new"}"#, 201),
        ("PUT", spare.clone(), r#"{"description":"a"}"#, 200),
        ("POST", format!("{spare}/pause_dispatch"), "", 200),
        ("POST", format!("{spare}/resume_dispatch"), "", 200),
        ("DELETE", spare, "", 204),
        (
            "POST",
            format!("{path}/tokens"),
            r#"{"description":"a"}"#,
            201,
        ),
        ("PUT", token.clone(), r#"{"description":"b"}"#, 200),
        ("DELETE", token, "", 204),
        ("PUT", format!("{agent}/pause"), "", 204),
        ("PUT", format!("{agent}/resume"), "", 204),
        ("PUT", format!("{agent}/stop"), "", 204),
        ("DELETE", path, "", 204),
    ]
}

/// What administrators alone may.
fn of_administrators(
    fake: &FakeBuildkite,
    user: &UserHandle,
) -> Vec<(&'static str, String, String)> {
    let linux = fake.existing_cluster("Linux").id();
    let agent = format!("{AGENTS}/{}", fake.agent("out").id());
    let maintainers = format!("{CLUSTERS}/{linux}/maintainers");
    let of_user = format!(r#"{{"user":"{}"}}"#, user.id());
    let mut all = vec![
        ("POST", CLUSTERS.to_owned(), r#"{"name":"new"}"#.to_owned()),
        ("POST", maintainers, of_user),
    ];
    for verb in ["pause", "resume", "stop"] {
        all.push(("PUT", format!("{agent}/{verb}"), String::new()));
    }
    all
}

#[test]
fn a_member_looks_at_clusters_and_agents_and_changes_none() {
    let (fake, ada, _, hers) = start();
    let mut asked: Vec<_> = of_maintainers(&fake)
        .into_iter()
        .map(|(method, path, body, _)| (method, path, body.to_owned()))
        .collect();
    asked.extend(of_administrators(&fake, &ada));
    let before = world(&fake, &["acme"]);
    for (method, path, body) in asked {
        // Before the body is looked at.
        for body in [&*body, "{"] {
            let refused = hers.send(method, &path, &[], Some(body));
            assert_eq!(refused.message(403), "Forbidden", "{method} {path}");
        }
    }
    assert_eq!(world(&fake, &["acme"]), before);
    assert_eq!(hers.get(CLUSTERS).expect(200).items().len(), 1);
    assert_eq!(hers.get(AGENTS).expect(200).items().len(), 2);
}

#[test]
fn who_maintains_a_cluster_changes_it_what_is_in_it_and_its_agents() {
    for by_team in [false, true] {
        let (fake, ada, admin, hers) = start();
        let maintainers = format!(
            "{CLUSTERS}/{}/maintainers",
            fake.existing_cluster("Linux").id()
        );
        let body = if by_team {
            let team = fake.team("Macs & more").create();
            team.add_member(&ada);
            format!(r#"{{"team":"{}"}}"#, team.id())
        } else {
            format!(r#"{{"user":"{}"}}"#, ada.id())
        };
        admin.post(&maintainers, &body).expect(201);
        for (method, path, body) in of_administrators(&fake, &fake.user()) {
            let refused = hers.send(method, &path, &[], Some(&body));
            assert_eq!(refused.message(403), "Forbidden", "{method} {path}");
        }
        for (method, path, body, status) in of_maintainers(&fake) {
            let answer = hers.send(method, &path, &[], Some(body));
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        }
    }
}

#[test]
fn a_team_that_maintains_a_cluster_is_shown_and_goes_with_the_team() {
    let (fake, _, admin, _) = start();
    let team = fake.team("Fearless Frontenders").create();
    let linux = fake.existing_cluster("Linux");
    let cluster = format!("{CLUSTERS}/{}", linux.id());
    let path = format!("{cluster}/maintainers");
    let body = format!(r#"{{"team":"{}"}}"#, team.id());
    let added = admin.post(&path, &body).expect(201);
    assert_eq!(added.keys(), ["id", "actor"]);
    let actor = &added["actor"];
    assert_eq!(actor.keys(), ["id", "graphql_id", "slug", "type"]);
    assert_eq!(actor["id"].str(), team.id().to_string());
    assert_eq!(actor["slug"].str(), "fearless-frontenders");
    assert_eq!(actor["type"].str(), "team");
    assert_eq!(admin.get(&path).expect(200).items(), [added]);
    let shown = admin.get(&cluster).expect(200)["maintainers"]["teams"].clone();
    assert_eq!(
        shown[0]["actor"].keys(),
        ["id", "graphql_id", "name", "slug", "type"]
    );
    assert_eq!(linux.maintaining_teams()[0].id(), team.id());
    assert!(linux.maintainers().is_empty());
    let taken = "Validation failed: Team has already been taken";
    assert_eq!(admin.post(&path, &body).message(422), taken);
    // Another name is another body.
    let before = admin.get(&path);
    let renamed = format!("/organizations/acme/teams/{}", team.id());
    admin.patch(&renamed, r#"{"name":"Fast"}"#).expect(200);
    let after = admin.get(&path);
    assert_eq!(after.expect(200)[0]["actor"]["slug"].str(), "fast");
    assert_ne!(after.header("etag"), before.header("etag"));
    team.delete();
    assert_eq!(admin.get(&path).expect(200).items(), []);
}

#[test]
fn nobody_from_elsewhere_maintains_a_cluster_and_who_leaves_maintains_it_no_more() {
    let (fake, ada, admin, _) = start();
    let acme = fake.existing_organization("acme");
    let other = fake.add_organization("other");
    let linux = fake.existing_cluster("Linux");
    let path = format!("{CLUSTERS}/{}/maintainers", linux.id());
    let elsewhere = other.team("team").create();
    let of_ada = format!(r#"{{"user":"{}"}}"#, ada.id());
    let of_team = format!(r#"{{"team":"{}"}}"#, elsewhere.id());
    let message = admin.post(&path, &of_team).message(422);
    assert_eq!(message, "Validation failed: Team must exist");
    admin.post(&path, &of_ada).expect(201);
    acme.remove_member(&ada);
    assert!(linux.maintainers().is_empty());
    let message = admin.post(&path, &of_ada).message(422);
    assert_eq!(message, "Validation failed: User must exist");
}

#[test]
fn people_look_at_an_agent_below_the_queue_it_serves() {
    let (fake, _, admin, _) = start();
    let linux = fake.existing_cluster("Linux");
    let clusters = format!("{}/organizations/acme/clusters", fake.url());
    let queue = linux.queue("default").id();
    for (name, place) in [
        ("in", format!("{clusters}/{}/queues/{queue}", linux.id())),
        ("out", format!("{}/organizations/acme", fake.url())),
    ] {
        let id = fake.agent(name).id();
        let shown = admin.get(&format!("{AGENTS}/{id}")).expect(200);
        assert_eq!(shown["web_url"].str(), format!("{place}/agents/{id}"));
    }
}

#[test]
fn who_moves_a_pipeline_maintains_the_clusters_it_leaves_and_enters() {
    // Given a pipeline, two clusters, and Ada, who maintains one of them or both
    let (fake, ada, admin, hers) = start();
    let (linux, macs) = (
        fake.existing_cluster("Linux"),
        fake.cluster("Macs").create(),
    );
    let app = fake.pipeline("app").create();
    let path = "/organizations/acme/pipelines/app";
    let into = |cluster: &ClusterHandle| format!(r#"{{"cluster_id":"{}"}}"#, cluster.id());
    let out = r#"{"cluster_id":null}"#.to_owned();
    let now = || app.cluster().map(|cluster| cluster.name());
    let refused = |body: &str| {
        let before = world(&fake, &["acme"]);
        assert_eq!(hers.patch(path, body).message(403), "Forbidden", "{body}");
        assert_eq!(world(&fake, &["acme"]), before);
    };
    // Then she moves nothing without
    refused(&into(&linux));
    // And into the one she maintains, and stays there, and changes what is no move
    linux.add_maintainer(&ada);
    hers.patch(path, &into(&linux)).expect(200);
    hers.patch(path, &into(&linux)).expect(200);
    hers.patch(path, r#"{"description":"a"}"#).expect(200);
    // And not from there into another
    refused(&into(&macs));
    // And out
    hers.patch(path, &out).expect(200);
    assert_eq!(now(), None);
    // And not out of one that is not hers
    admin.patch(path, &into(&macs)).expect(200);
    refused(&into(&linux));
    refused(&out);
    hers.patch(path, &into(&macs)).expect(200);
    // And from the one to the other when both are
    macs.add_maintainer(&ada);
    hers.patch(path, &into(&linux)).expect(200);
    assert_eq!(now().as_deref(), Some("Linux"));
    // And what is wrong with the body comes first
    let wrong = r#"{"cluster_id":"018e5a22-d14c-7085-bb28-db0f83f43a1c"}"#;
    assert_eq!(hers.patch(path, wrong).status, 422);
}

#[test]
fn who_makes_a_pipeline_in_a_cluster_maintains_it() {
    let (fake, ada, admin, hers) = start();
    let linux = fake.existing_cluster("Linux");
    let body = |name: &str, more: &str| {
        format!(
            r#"{{"name":"{name}","repository":"git@example.com:a.git","configuration":"steps: [{{command: make}}]"{more}}}"#
        )
    };
    let inside = format!(r#","cluster_id":"{}""#, linux.id());
    let pipelines = "/organizations/acme/pipelines";
    hers.post(pipelines, &body("free", "")).expect(201);
    let before = world(&fake, &["acme"]);
    let refused = hers.post(pipelines, &body("mine", &inside));
    assert_eq!(refused.message(403), "Forbidden");
    assert_eq!(world(&fake, &["acme"]), before);
    admin.post(pipelines, &body("theirs", &inside)).expect(201);
    linux.add_maintainer(&ada);
    hers.post(pipelines, &body("mine", &inside)).expect(201);
    let mine = fake.existing_pipeline("mine").cluster().expect("a cluster");
    assert_eq!(mine.id(), linux.id());
}
