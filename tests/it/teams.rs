//! Teams, their members and their pipelines: over the API and by hand.

use fake_buildkite::{
    Access, FakeBuildkite, JobState, PipelineHandle, Scope, TeamHandle, TeamPrivacy, TeamRole,
    UserHandle, seconds,
};

use crate::support::{Answer, Client, Json, client, panic_of, world};

const TEAMS: &str = "/organizations/acme/teams";
const UNKNOWN: &str = "00000000-0000-0000-0000-000000000000";

/// The keys of a team, in the order of the documentation's answers and of go-buildkite's type.
const KEYS: [&str; 15] = [
    "id",
    "graphql_id",
    "name",
    "slug",
    "description",
    "created_at",
    "privacy",
    "default",
    "created_by",
    "default_member_role",
    "members_can_create_pipelines",
    "members_can_create_suites",
    "members_can_create_registries",
    "members_can_destroy_registries",
    "members_can_destroy_packages",
];

/// A team with Ada, who maintains it, and Bob, and with `app`; Eve is a member of the organization only.
struct Scene {
    fake: FakeBuildkite,
    admin: Client,
    ada: (UserHandle, Client),
    bob: (UserHandle, Client),
    eve: (UserHandle, Client),
    team: TeamHandle,
    app: PipelineHandle,
    other: PipelineHandle,
}

fn scene() -> Scene {
    let fake = FakeBuildkite::start();
    let admin = client(&fake);
    let user = |name: &str| {
        let user = fake.add_user(name, format!("{}@example.com", name.to_lowercase()));
        let token = fake.token_for(&user, Scope::ALL.iter().copied());
        (user, admin.with_token(&token))
    };
    let (ada, bob, eve) = (user("Ada"), user("Bob"), user("Eve"));
    let (app, other) = (
        fake.pipeline("app").create(),
        fake.pipeline("other").create(),
    );
    let team = fake.team("Platform").create();
    team.add_maintainer(&ada.0);
    team.add_member(&bob.0);
    team.add_pipeline(&app, Access::ManageBuildAndRead);
    Scene {
        fake,
        admin,
        ada,
        bob,
        eve,
        team,
        app,
        other,
    }
}

impl Scene {
    fn path(&self, rest: &str) -> String {
        format!("{TEAMS}/{}{rest}", self.team.id())
    }

    fn member(&self, user: &UserHandle) -> String {
        self.path(&format!("/members/{}", user.id()))
    }

    fn pipeline(&self, pipeline: &PipelineHandle) -> String {
        self.path(&format!("/pipelines/{}", pipeline.id()))
    }

    fn world(&self) -> String {
        world(&self.fake, &["acme"])
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (status, format!("{{\"message\":\"{message}\"}}\n").as_str())
    );
}

fn names(answer: &Answer) -> Vec<String> {
    let list = answer.expect(200);
    let names = list
        .items()
        .iter()
        .map(|team| team["name"].str().to_owned());
    names.collect()
}

// --- Teams -----------------------------------------------------------------------------------------------------------

#[test]
fn a_team_is_made_as_documented_and_read_again() {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    let body = r#"{"name":"Barefoot Backenders","description":"Backend engineers at Acme Inc","privacy":"secret",
        "is_default_team":false,"default_member_role":"maintainer","members_can_create_pipelines":true,
        "members_can_create_suites":true,"members_can_create_registries":true,
        "members_can_destroy_registries":false,"members_can_destroy_packages":false}"#;
    let created = client.post(TEAMS, body);
    assert!(created.header("etag").is_some());
    let team = created.expect(201);
    assert_eq!(team.keys(), KEYS);
    assert_eq!(team["slug"].str(), "barefoot-backenders");
    assert_eq!(team["privacy"].str(), "secret");
    assert_eq!(team["default_member_role"].str(), "maintainer");
    assert!(!team["default"].bool() && team["members_can_create_pipelines"].bool());
    assert!(!team["members_can_destroy_packages"].bool());
    assert_eq!(team["created_at"].str(), "2030-01-01T00:00:00.000Z");
    assert_eq!(team["created_by"]["name"].str(), "Fake User");
    let handle = fake.existing_team("barefoot-backenders");
    assert_eq!(team["id"].str(), handle.id().to_string());
    assert_eq!(handle.privacy(), TeamPrivacy::Secret);
    let path = format!("{TEAMS}/{}", handle.id());
    assert_eq!(client.get(&path).expect(200), team);
    assert_eq!(client.get(TEAMS).expect(200).items(), [team]);
    // A name is all it needs.
    let team = client.post(TEAMS, r#"{"name":"Plain"}"#).expect(201);
    assert_eq!(team.keys(), KEYS);
    assert_eq!(team["description"].str(), "");
    assert_eq!(team["privacy"].str(), "visible");
    assert_eq!(team["default_member_role"].str(), "member");
    assert!(KEYS[10..].iter().all(|key| !team[*key].bool()));
    // Made over the API, teams decide nothing yet.
    assert!(!fake.existing_organization("acme").are_teams_enabled());
}

#[test]
fn an_update_changes_what_it_names() {
    let scene = scene();
    let path = scene.path("");
    let before = scene.admin.get(&path);
    scene.fake.advance(seconds(5));
    assert_eq!(scene.admin.patch(&path, "").expect(200), before.json());
    let changed = scene
        .admin
        .patch(
            &path,
            r#"{"name":"New and Improved","is_default_team":true}"#,
        )
        .expect(200);
    assert_eq!(changed["name"].str(), "New and Improved");
    assert_eq!(changed["slug"].str(), "new-and-improved");
    assert!(changed["default"].bool());
    assert_eq!(changed["created_at"], before.json()["created_at"]);
    assert_ne!(scene.admin.get(&path).header("etag"), before.header("etag"));
    // Its maintainer may, too, and its own name is free.
    let body = r#"{"name":"New and Improved","privacy":"secret","description":"d","members_can_create_suites":true}"#;
    let changed = scene.ada.1.patch(&path, body).expect(200);
    assert_eq!(changed["description"].str(), "d");
    assert!(changed["members_can_create_suites"].bool() && changed["default"].bool());
    assert_eq!(scene.team.privacy(), TeamPrivacy::Secret);
}

#[test]
fn a_team_that_makes_no_sense_is_refused_and_changes_nothing() {
    let scene = scene();
    let path = scene.path("");
    scene.fake.team("Taken").create();
    let before = scene.world();
    for (body, reason) in [
        (r#"{"name":""}"#, "Name can't be blank"),
        (r#"{"name":" "}"#, "Name can't be blank"),
        (r#"{"name":7}"#, "Name is invalid"),
        (r#"{"name":"!!!"}"#, "Name is invalid"),
        (r#"{"name":"Taken"}"#, "Name has already been taken"),
        (r#"{"name":"taken!"}"#, "Name has already been taken"),
        (
            r#"{"name":"a","privacy":"public"}"#,
            "Privacy is not included in the list",
        ),
        (
            r#"{"name":"a","default_member_role":"admin"}"#,
            "Default member role is not included in the list",
        ),
        (
            r#"{"name":"a","is_default_team":"yes","members_can_create_pipelines":1}"#,
            "Is default team is invalid, Members can create pipelines is invalid",
        ),
        (r#"{"name":"a","description":[]}"#, "Description is invalid"),
    ] {
        let message = format!("Validation failed: {reason}");
        assert_refused(&scene.admin.post(TEAMS, body), 422, &message);
        assert_refused(&scene.admin.patch(&path, body), 422, &message);
    }
    let message = "Validation failed: Name can't be blank";
    assert_refused(&scene.admin.post(TEAMS, ""), 422, message);
    assert_refused(&scene.admin.patch(&path, r#"{"name":null}"#), 422, message);
    for body in ["{", "[]"] {
        assert_eq!(scene.admin.post(TEAMS, body).status, 400);
        assert_eq!(scene.admin.patch(&path, body).status, 400);
        assert_eq!(
            scene.admin.post(&format!("{TEAMS}/enable"), body).status,
            400
        );
    }
    assert_eq!(scene.world(), before);
}

#[test]
fn administrators_and_maintainers_change_a_team_and_nobody_else() {
    let scene = scene();
    let before = scene.world();
    for (_, client) in [&scene.bob, &scene.eve] {
        let new = format!(
            "{{\"user_id\":\"{}\",\"role\":\"member\"}}",
            scene.eve.0.id()
        );
        let of_bob = scene.member(&scene.bob.0);
        let of_app = scene.pipeline(&scene.app);
        for answer in [
            client.patch(&scene.path(""), "{"),
            client.delete(&scene.path("")),
            client.post(&scene.path("/members"), &new),
            client.patch(&of_bob, r#"{"role":"maintainer"}"#),
            client.delete(&of_bob),
            client.post(&scene.path("/pipelines"), "{"),
        ] {
            assert_refused(&answer, 403, "Forbidden");
        }
        // What is not seen is not there, even for who may do nothing with it.
        let refused = [
            client.patch(&of_app, r#"{"access_level":"read_only"}"#),
            client.delete(&of_app),
        ];
        for answer in refused {
            if scene.eve.0.access_to(&scene.app).is_none() && client_is(client, &scene.eve.1) {
                assert_refused(&answer, 404, "No team pipeline found");
            } else {
                assert_refused(&answer, 403, "Forbidden");
            }
        }
    }
    // Making and enabling is for administrators.
    for (_, client) in [&scene.ada, &scene.bob, &scene.eve] {
        assert_refused(&client.post(TEAMS, "{"), 403, "Forbidden");
        assert_refused(
            &client.post(&format!("{TEAMS}/enable"), "{"),
            403,
            "Forbidden",
        );
    }
    assert_eq!(scene.world(), before);
    // A maintainer may delete their team.
    let path = scene.path("");
    let answer = scene.ada.1.delete(&path);
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_refused(&scene.admin.get(&path), 404, "No team found");
    assert_eq!(scene.bob.0.access_to(&scene.app), None);
    assert!(panic_of(|| scene.team.name()).starts_with("this team is gone"));
}

/// Whether two clients have the same token: by what they are told of themselves.
fn client_is(one: &Client, other: &Client) -> bool {
    one.get("/user").text == other.get("/user").text
}

#[test]
fn a_secret_team_is_there_for_its_members_and_for_administrators() {
    let scene = scene();
    let secret = scene.fake.team("Secret").secret().create();
    secret.add_member(&scene.bob.0);
    let before = scene.world();
    let path = format!("{TEAMS}/{}", secret.id());
    for client in [&scene.admin, &scene.bob.1] {
        assert_eq!(names(&client.get(TEAMS)), ["Platform", "Secret"]);
        client.get(&path).expect(200);
    }
    for client in [&scene.ada.1, &scene.eve.1] {
        assert_eq!(names(&client.get(TEAMS)), ["Platform"]);
        let bob = format!("{path}/members/{}", scene.bob.0.id());
        for answer in [
            client.get(&path),
            client.patch(&path, "{"),
            client.delete(&path),
            client.get(&format!("{path}/members")),
            client.post(&format!("{path}/members"), "{"),
            client.get(&bob),
            client.patch(&bob, "{"),
            client.delete(&bob),
            client.get(&format!("{path}/pipelines")),
            client.post(&format!("{path}/pipelines"), "{"),
        ] {
            assert_refused(&answer, 404, "No team found");
        }
    }
    assert_eq!(scene.world(), before);
}

#[test]
fn teams_are_listed_by_page_and_by_member() {
    let scene = scene();
    for name in ["B", "C"] {
        scene.fake.team(name).create();
    }
    scene.fake.existing_team("c").add_member(&scene.bob.0);
    let list = |query: &str| names(&scene.admin.get(&format!("{TEAMS}{query}")));
    assert_eq!(list(""), ["Platform", "B", "C"]);
    assert_eq!(list("?per_page=1&page=2"), ["B"]);
    let of = |id: &str| list(&format!("?user_id={id}"));
    assert_eq!(of(&scene.bob.0.id().to_string()), ["Platform", "C"]);
    assert_eq!(of(&scene.eve.0.id().to_string()), Vec::<String>::new());
    assert_eq!(of(UNKNOWN), Vec::<String>::new());
    assert_eq!(of("nonsense"), Vec::<String>::new());
    let page = scene.admin.get(&format!("{TEAMS}?per_page=1"));
    assert!(page.header("link").expect("more pages").contains("page=3"));
}

#[test]
fn a_team_is_found_where_it_is() {
    let scene = scene();
    let initech = scene.fake.add_organization("initech");
    let elsewhere = initech.team("Platform").create();
    let before = world(&scene.fake, &["acme", "initech"]);
    let client = &scene.admin;
    for id in [
        elsewhere.id().to_string(),
        UNKNOWN.to_owned(),
        "platform".to_owned(),
    ] {
        let path = format!("{TEAMS}/{id}");
        for answer in [
            client.get(&path),
            client.patch(&path, "{"),
            client.delete(&path),
            client.get(&format!("{path}/members")),
            client.post(&format!("{path}/members"), "{"),
            client.get(&format!("{path}/members/{UNKNOWN}")),
            client.patch(&format!("{path}/members/{UNKNOWN}"), "{"),
            client.delete(&format!("{path}/members/{UNKNOWN}")),
            client.get(&format!("{path}/pipelines")),
            client.post(&format!("{path}/pipelines"), "{"),
            client.get(&format!("{path}/pipelines/{UNKNOWN}")),
            client.patch(&format!("{path}/pipelines/{UNKNOWN}"), "{"),
            client.delete(&format!("{path}/pipelines/{UNKNOWN}")),
        ] {
            assert_refused(&answer, 404, "No team found");
        }
    }
    for (what, path) in [
        ("team member", scene.member(&scene.eve.0)),
        ("team member", scene.path("/members/nonsense")),
        ("team pipeline", scene.pipeline(&scene.other)),
        ("team pipeline", scene.path("/pipelines/app")),
    ] {
        for answer in [
            client.get(&path),
            client.patch(&path, "{"),
            client.delete(&path),
        ] {
            assert_refused(&answer, 404, &format!("No {what} found"));
        }
    }
    assert_eq!(world(&scene.fake, &["acme", "initech"]), before);
}

// --- Enabling --------------------------------------------------------------------------------------------------------

#[test]
fn enabling_teams_makes_one_for_everybody_and_takes_nothing_away() {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let app = fake.pipeline("app").create();
    let client = client(&fake);
    let enable = format!("{TEAMS}/enable");
    let acme = fake.existing_organization("acme");
    for _ in 0..2 {
        let answer = client.post(&enable, "");
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        assert!(acme.are_teams_enabled());
        let teams = client.get(TEAMS).expect(200);
        assert_eq!(teams.items().len(), 1, "it is idempotent");
        assert_eq!(teams[0]["name"].str(), "Everyone");
        assert!(teams[0]["default"].bool());
    }
    let everyone = fake.existing_team("everyone");
    assert_eq!(everyone.members().len(), 2);
    assert_eq!(everyone.access_to(&app), Some(Access::ManageBuildAndRead));
    assert_eq!(ada.access_to(&app), Some(Access::ManageBuildAndRead));
    // Even deleting it brings nothing back.
    everyone.delete();
    assert_eq!(client.post(&enable, "").status, 204);
    assert!(acme.teams().is_empty());
    assert_eq!(ada.access_to(&app), None);
}

#[test]
fn with_a_team_already_none_is_made_for_everybody() {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    client.post(TEAMS, r#"{"name":"Mine"}"#).expect(201);
    assert_eq!(client.post(&format!("{TEAMS}/enable"), "{}").status, 204);
    assert_eq!(names(&client.get(TEAMS)), ["Mine"]);
}

#[test]
fn a_plan_without_teams_says_so() {
    let fake = FakeBuildkite::builder().plan_without_teams().start();
    let before = world(&fake, &["acme"]);
    let refused = client(&fake).post(&format!("{TEAMS}/enable"), "");
    let message = "Your plan doesn't include team permissions. Upgrade your plan to enable teams.";
    assert_refused(&refused, 403, message);
    assert_eq!(world(&fake, &["acme"]), before);
    let message = panic_of(|| fake.team("Ops").create());
    assert_eq!(
        message,
        "the plan has no teams: the builder said `plan_without_teams`"
    );
    assert!(fake.existing_organization("acme").teams().is_empty());
    let message = panic_of(|| fake.enable_teams());
    assert_eq!(
        message,
        "the plan has no teams: the builder said `plan_without_teams`"
    );
}

// --- Members ---------------------------------------------------------------------------------------------------------

#[track_caller]
fn assert_member(json: &Json, user: &UserHandle, role: &str) {
    assert_eq!(json.keys(), ["role", "created_at", "user_id", "user_name"]);
    assert_eq!(json["role"].str(), role);
    assert_eq!(json["user_id"].str(), user.id().to_string());
    assert_eq!(json["user_name"].str(), user.name());
}

#[test]
fn members_come_change_and_go() {
    let scene = scene();
    let eve = &scene.eve.0;
    scene.fake.advance(seconds(7));
    let members = scene.path("/members/"); // with the slash of the documentation
    let body = format!("{{\"user_id\":\"{}\",\"role\":\"maintainer\"}}", eve.id());
    let added = scene.ada.1.post(&members, &body).expect(201);
    assert_member(&added, eve, "maintainer");
    assert_eq!(added["created_at"].str(), "2030-01-01T00:00:07.000Z");
    assert_eq!(scene.team.role_of(eve), Some(TeamRole::Maintainer));
    let list = scene.bob.1.get(&members).expect(200);
    let in_list: Vec<_> = list
        .items()
        .iter()
        .map(|one| one["user_name"].str())
        .collect();
    assert_eq!(in_list, ["Ada", "Bob", "Eve"]);
    let page = scene.bob.1.get(&scene.path("/members?per_page=2&page=2"));
    assert_eq!(page.expect(200).items(), std::slice::from_ref(&added));
    assert!(page.header("link").is_some());
    let path = scene.member(eve);
    let got = scene.bob.1.get(&path);
    assert_eq!(got.expect(200), added);
    scene.fake.advance(seconds(1));
    let changed = scene.ada.1.patch(&path, r#"{"role":"member"}"#).expect(200);
    assert_member(&changed, eve, "member");
    assert_eq!(changed["created_at"], added["created_at"]);
    assert_ne!(scene.bob.1.get(&path).header("etag"), got.header("etag"));
    let answer = scene.ada.1.delete(&path);
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_refused(&scene.admin.get(&path), 404, "No team member found");
    // Without a role they are what new members are.
    let body = format!("{{\"user_id\":\"{}\"}}", eve.id());
    scene
        .admin
        .patch(&scene.path(""), r#"{"default_member_role":"maintainer"}"#)
        .expect(200);
    assert_member(
        &scene.admin.post(&members, &body).expect(201),
        eve,
        "maintainer",
    );
}

#[test]
fn a_member_that_makes_no_sense_is_refused_and_changes_nothing() {
    let scene = scene();
    let mallory = scene.fake.add_user("Mallory", "m@example.com");
    scene
        .fake
        .existing_organization("acme")
        .remove_member(&mallory);
    let before = scene.world();
    let post = |body: &str| scene.admin.post(&scene.path("/members"), body);
    let of = |id: &str, role: &str| format!("{{\"user_id\":\"{id}\",\"role\":\"{role}\"}}");
    let bob = scene.bob.0.id().to_string();
    for (body, reason) in [
        (String::new(), "User can't be blank"),
        ("{\"user_id\":7}".to_owned(), "User is invalid"),
        (of(UNKNOWN, "member"), "User must exist"),
        (of("nonsense", "member"), "User must exist"),
        (of(&mallory.id().to_string(), "member"), "User must exist"),
        (of(&bob, "member"), "User has already been taken"),
        (of(&bob, "admin"), "Role is not included in the list"),
    ] {
        assert_refused(&post(&body), 422, &format!("Validation failed: {reason}"));
    }
    let path = scene.member(&scene.bob.0);
    for (body, reason) in [
        ("{}", "Role can't be blank"),
        (r#"{"role":"admin"}"#, "Role is not included in the list"),
        (r#"{"role":[]}"#, "Role is invalid"),
    ] {
        let message = format!("Validation failed: {reason}");
        assert_refused(&scene.admin.patch(&path, body), 422, &message);
    }
    assert_eq!(post("{").status, 400);
    assert_eq!(scene.admin.patch(&path, "{").status, 400);
    assert_eq!(scene.world(), before);
}

// --- Pipelines -------------------------------------------------------------------------------------------------------

#[track_caller]
fn assert_pipeline(json: &Json, pipeline: &PipelineHandle, level: &str, origin: &str) {
    assert_eq!(
        json.keys(),
        ["access_level", "created_at", "pipeline_id", "pipeline_url"]
    );
    assert_eq!(json["access_level"].str(), level);
    assert_eq!(json["pipeline_id"].str(), pipeline.id().to_string());
    let url = format!(
        "{origin}/v2/organizations/acme/pipelines/{}",
        pipeline.slug()
    );
    assert_eq!(json["pipeline_url"].str(), url);
}

#[test]
fn pipelines_come_change_and_go() {
    let scene = scene();
    let (admin, origin) = (&scene.admin, scene.fake.url());
    scene.fake.advance(seconds(7));
    let pipelines = scene.path("/pipelines/");
    let id = scene.other.id();
    let body = format!("{{\"pipeline_id\":\"{id}\",\"access_level\":\"read_only\"}}");
    let added = admin.post(&pipelines, &body).expect(201);
    assert_pipeline(&added, &scene.other, "read_only", &origin);
    assert_eq!(added["created_at"].str(), "2030-01-01T00:00:07.000Z");
    assert_eq!(scene.team.access_to(&scene.other), Some(Access::ReadOnly));
    assert_eq!(scene.bob.0.access_to(&scene.other), Some(Access::ReadOnly));
    let list = scene.bob.1.get(&pipelines).expect(200);
    assert_eq!(list.items().len(), 2);
    let page = scene.bob.1.get(&scene.path("/pipelines?per_page=1&page=2"));
    assert_eq!(page.expect(200).items(), std::slice::from_ref(&added));
    let path = scene.pipeline(&scene.other);
    let got = scene.bob.1.get(&path);
    assert_eq!(got.expect(200), added);
    let changed = admin
        .patch(&path, r#"{"access_level":"build_and_read"}"#)
        .expect(200);
    assert_pipeline(&changed, &scene.other, "build_and_read", &origin);
    assert_eq!(changed["created_at"], added["created_at"]);
    assert_ne!(scene.bob.1.get(&path).header("etag"), got.header("etag"));
    // The team's maintainer may not: she may only build it.
    let refused = scene
        .ada
        .1
        .patch(&path, r#"{"access_level":"manage_build_and_read"}"#);
    assert_refused(&refused, 403, "Forbidden");
    let answer = admin.delete(&path);
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(scene.bob.0.access_to(&scene.other), None);
    // What she may manage, she may give away, and take from herself.
    let path = scene.pipeline(&scene.app);
    let changed = scene.ada.1.patch(&path, r#"{"access_level":"read_only"}"#);
    assert_pipeline(&changed.expect(200), &scene.app, "read_only", &origin);
    assert_refused(&scene.ada.1.delete(&path), 403, "Forbidden");
    // A pipeline that is renamed has another URL, and one that is deleted is in no team.
    let before = admin.get(&path);
    admin
        .patch(
            "/organizations/acme/pipelines/app",
            r#"{"name":"site","slug":"site"}"#,
        )
        .expect(200);
    let after = admin.get(&path);
    assert_pipeline(&after.expect(200), &scene.app, "read_only", &origin);
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_eq!(
        admin.delete("/organizations/acme/pipelines/site").status,
        204
    );
    assert!(scene.team.pipelines().is_empty());
    assert_refused(&admin.get(&path), 404, "No team pipeline found");
}

#[test]
fn a_pipeline_that_makes_no_sense_is_refused_and_changes_nothing() {
    let scene = scene();
    let elsewhere = scene
        .fake
        .add_organization("initech")
        .pipeline("x")
        .create();
    let before = world(&scene.fake, &["acme", "initech"]);
    let of = |id: &str, level: &str| {
        format!("{{\"pipeline_id\":\"{id}\",\"access_level\":\"{level}\"}}")
    };
    let app = scene.app.id().to_string();
    let post = |client: &Client, body: &str| client.post(&scene.path("/pipelines"), body);
    for (body, reason) in [
        (
            String::new(),
            "Pipeline can't be blank, Access level can't be blank",
        ),
        (
            format!("{{\"pipeline_id\":\"{app}\"}}"),
            "Access level can't be blank",
        ),
        (of(&app, "read"), "Access level is not included in the list"),
        (of(UNKNOWN, "read_only"), "Pipeline must exist"),
        (of("app", "read_only"), "Pipeline must exist"),
        (
            of(&elsewhere.id().to_string(), "read_only"),
            "Pipeline must exist",
        ),
        (of(&app, "read_only"), "Pipeline has already been taken"),
    ] {
        let message = format!("Validation failed: {reason}");
        assert_refused(&post(&scene.admin, &body), 422, &message);
    }
    // Whoever does not see a pipeline does not learn that it is there.
    let hidden = post(
        &scene.ada.1,
        &of(&scene.other.id().to_string(), "read_only"),
    );
    assert_refused(&hidden, 422, "Validation failed: Pipeline must exist");
    for (body, reason) in [
        ("{}", "Access level can't be blank"),
        (
            r#"{"access_level":"read"}"#,
            "Access level is not included in the list",
        ),
    ] {
        let answer = scene.admin.patch(&scene.pipeline(&scene.app), body);
        assert_refused(&answer, 422, &format!("Validation failed: {reason}"));
    }
    assert_eq!(post(&scene.admin, "{").status, 400);
    assert_eq!(
        scene.admin.patch(&scene.pipeline(&scene.app), "{").status,
        400
    );
    assert_eq!(world(&scene.fake, &["acme", "initech"]), before);
}

// --- By hand ---------------------------------------------------------------------------------------------------------

#[test]
fn a_slip_names_the_choices() {
    let scene = scene();
    let (bob, eve) = (&scene.bob.0, &scene.eve.0);
    let initech = scene.fake.add_organization("initech");
    let elsewhere = initech.pipeline("x").create();
    let theirs = initech.team("Theirs").create();
    let table = [
        (
            panic_of(|| scene.fake.existing_team("nope")),
            "no team `nope`; organization `acme` has `platform`",
        ),
        (
            panic_of(|| scene.fake.team("platform").create()),
            "the slug of team `platform` is taken by a team that is there already",
        ),
        (
            panic_of(|| scene.fake.team("!").create()),
            "no slug can be made of the name `!`",
        ),
        (
            panic_of(|| scene.team.add_member(bob)),
            "`bob@example.com` is in team `Platform` already",
        ),
        (
            panic_of(|| scene.team.remove_member(eve)),
            "`eve@example.com` is not in team `Platform`; it has `ada@example.com`, `bob@example.com`, `app`",
        ),
        (
            panic_of(|| theirs.add_member(eve)),
            "`eve@example.com` is no member of the organization of team `Theirs`",
        ),
        (
            panic_of(|| scene.team.add_pipeline(&elsewhere, Access::ReadOnly)),
            "pipeline `x` is of another organization than team `Platform`",
        ),
        (
            panic_of(|| theirs.remove_pipeline(&elsewhere)),
            "`x` is not in team `Theirs`; it has none",
        ),
    ];
    for (message, expected) in table {
        assert_eq!(message, expected);
    }
    assert_eq!(format!("{:?}", scene.team), "TeamHandle(platform)");
    scene.team.add_maintainer(bob);
    assert_eq!(scene.team.role_of(bob), Some(TeamRole::Maintainer));
    scene.team.remove_member(bob);
    assert_eq!(scene.team.role_of(bob), None);
    let slugs: Vec<_> = scene
        .team
        .pipelines()
        .iter()
        .map(PipelineHandle::slug)
        .collect();
    assert_eq!(slugs, ["app"]);
}

#[test]
fn teams_go_back_and_on_with_the_world() {
    let scene = scene();
    let before = scene.fake.snapshot();
    let fork = scene.fake.fork();
    scene.team.delete();
    assert_eq!(scene.bob.0.access_to(&scene.app), None);
    scene.fake.rewind(&before);
    assert_eq!(
        scene.bob.0.access_to(&scene.app),
        Some(Access::ManageBuildAndRead)
    );
    let there = fork.existing_team("platform");
    assert_eq!(there.id(), scene.team.id());
    there.remove_pipeline(&fork.existing_pipeline("app"));
    assert!(scene.team.access_to(&scene.app).is_some());
}

// --- What builds know of them ----------------------------------------------------------------------------------------

#[test]
fn conditions_and_environments_know_the_teams_of_who_made_a_build() {
    let scene = scene();
    let secret = scene.fake.team("Secret Ops").secret().create();
    let more = scene.fake.team("More").create();
    for team in [&secret, &more] {
        team.add_member(&scene.bob.0);
    }
    let steps = r#"steps:
  - {command: make, key: make}
  - {command: ship, key: ship, if: 'build.creator.teams includes "secret-ops"'}"#;
    let app = scene.fake.pipeline("ship").steps(steps).create();
    more.add_pipeline(&app, Access::BuildAndRead);
    let made = |client: &Client| {
        let build = client.create_build("ship")["number"].number();
        let number = build.unsigned_abs();
        let build = app.build_number(number);
        let ships = build.job("ship").state() != JobState::Broken;
        let job = build.job("make").id();
        let path = format!("/organizations/acme/pipelines/ship/builds/{number}/jobs/{job}/env");
        let env = scene.admin.get(&path);
        let teams = env.expect(200)["env"]
            .get("BUILDKITE_BUILD_CREATOR_TEAMS")
            .map(|teams| teams.str().to_owned());
        (ships, teams, path, env)
    };
    let (ships, teams, path, before) = made(&scene.bob.1);
    assert_eq!((ships, teams.as_deref()), (true, Some("platform:more")));
    let (ships, teams, ..) = made(&scene.admin);
    assert_eq!((ships, teams), (false, None));
    more.delete();
    let after = scene.admin.get(&path);
    assert_eq!(
        after.json()["env"]["BUILDKITE_BUILD_CREATOR_TEAMS"].str(),
        "platform"
    );
    assert_ne!(after.header("etag"), before.header("etag"));
}
