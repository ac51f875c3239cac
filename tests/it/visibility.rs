//! What teams hide: for whoever does not see a pipeline, nothing of it is there, on any route; and what they may do
//! with one they see is what their teams say.

use fake_buildkite::{
    Access, BuildState, FakeBuildkite, MemberRole, PipelineHandle, Route, Scope, TeamHandle,
    UserHandle, days, hours,
};

use crate::scene::{Parts, body_of, furnish, pipeline};
use crate::support::{Answer, Client, client, world};

/// `app` and `secret`, alike but for that Ada has a team with the first. What there is of each is in `Parts`.
struct Scene {
    fake: FakeBuildkite,
    admin: Client,
    hers: Client,
    ada: UserHandle,
    team: TeamHandle,
    app: PipelineHandle,
    secret: PipelineHandle,
}

fn scene(access: Access) -> (Scene, Parts, Parts) {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let (app, secret) = (pipeline(&fake, "app"), pipeline(&fake, "secret"));
    let (seen, hidden) = (furnish(&app), furnish(&secret));
    let team = fake.team("Platform").create();
    team.add_member(&ada);
    team.add_pipeline(&app, access);
    let admin = client(&fake).without_redirects();
    let hers = admin.with_token(&fake.token_for(&ada, Scope::ALL.iter().copied()));
    let scene = Scene {
        fake,
        admin,
        hers,
        ada,
        team,
        app,
        secret,
    };
    (scene, seen, hidden)
}

/// The path of a route below a pipeline, and the one below the organization if it is served there, too.
fn paths(route: Route, parts: &Parts) -> Vec<String> {
    let template = route.path().strip_prefix("/v2").expect("an endpoint");
    let mut paths = vec![parts.path(template)];
    if let Some((_, rest)) = template.split_once("/jobs/") {
        paths.push(parts.path(&format!("/organizations/{{org.slug}}/jobs/{rest}")));
    }
    paths
}

/// Every route that is about one pipeline and is served.
fn routes() -> impl Iterator<Item = Route> {
    let is_below = |route: &Route| {
        let path = route.path();
        path.starts_with("/v2/organizations/{org.slug}/pipelines/") && !route.is_page()
    };
    Route::ALL.iter().copied().filter(is_below)
}

fn body(route: Route) -> Option<&'static str> {
    body_of(route.method(), route.path())
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (status, format!("{{\"message\":\"{message}\"}}\n").as_str())
    );
}

#[test]
fn of_an_invisible_pipeline_nothing_is_there_on_any_route() {
    let (scene, _, hidden) = scene(Access::ManageBuildAndRead);
    let before = world(&scene.fake, &["acme"]);
    let mut count = 0;
    for route in routes() {
        for path in paths(route, &hidden) {
            let what = if path.contains("/pipelines/") {
                "pipeline"
            } else {
                "job"
            };
            // As it would be if it were not there at all, whatever is sent along.
            let nowhere = path
                .replace("/secret", "/nowhere")
                .replace(&hidden.failed, "1");
            let nowhere = nowhere.replace(&hidden.blocked, "1");
            for body in [body(route), Some("{")] {
                let refused = scene.hers.send(route.method(), &path, &[], body);
                assert_refused(&refused, 404, &format!("No {what} found"));
                assert_eq!(refused.header("etag"), None);
                let absent = scene.hers.send(route.method(), &nowhere, &[], body);
                assert_eq!(absent.text, refused.text, "{route}");
            }
            count += 1;
        }
    }
    assert!(count > 30, "{count} paths were tried");
    assert_eq!(world(&scene.fake, &["acme"]), before);
}

#[test]
fn an_administrator_and_a_member_of_its_team_find_all_of_it() {
    for who in ["admin", "ada"] {
        for route in routes() {
            let (scene, seen, hidden) = scene(Access::ManageBuildAndRead);
            let (client, parts) = match who {
                "admin" => (&scene.admin, &hidden),
                _ => (&scene.hers, &seen),
            };
            if route == Route::UnarchivePipeline {
                scene.app.archive();
                scene.secret.archive();
            }
            let path = paths(route, parts).pop().expect("a path");
            let answer = client.send(route.method(), &path, &[], body(route));
            assert!(answer.status < 400, "{who} {route}: {}", answer.text);
        }
    }
}

#[test]
fn lists_leave_out_what_is_invisible() {
    let (scene, ..) = scene(Access::ReadOnly);
    let count = |client: &Client, path: &str| client.get(path).expect(200).items().len();
    let pipelines = "/organizations/acme/pipelines";
    for (path, all, some) in [
        (pipelines, 2, 1),
        ("/builds", 4, 2),
        ("/organizations/acme/builds", 4, 2),
        ("/builds?state=blocked&per_page=1", 1, 1),
        ("/organizations/acme/builds?branch=main", 4, 2),
    ] {
        assert_eq!(count(&scene.admin, path), all, "{path}");
        assert_eq!(count(&scene.hers, path), some, "{path}");
    }
    // Not even their number is told.
    let last = |client: &Client| {
        let answer = client.get("/builds?per_page=1");
        answer.header("link").expect("more pages").to_owned()
    };
    assert!(last(&scene.admin).contains("page=4&per_page=1>; rel=\"last\""));
    assert!(last(&scene.hers).contains("page=2&per_page=1>; rel=\"last\""));
    for build in scene.hers.get("/builds").expect(200).items() {
        assert_eq!(build["pipeline"]["slug"].str(), "app");
    }
    // The pipelines of a team are a list, too.
    let all = scene.fake.team("All").create();
    all.add_pipeline(&scene.app, Access::ReadOnly);
    all.add_pipeline(&scene.secret, Access::ReadOnly);
    let path = format!("/organizations/acme/teams/{}/pipelines", all.id());
    assert_eq!(
        (count(&scene.admin, &path), count(&scene.hers, &path)),
        (2, 1)
    );
    let one = format!("{path}/{}", scene.secret.id());
    assert_refused(&scene.hers.get(&one), 404, "No team pipeline found");
    scene.admin.get(&one).expect(200);
}

#[test]
fn what_somebody_may_do_is_the_most_that_one_of_their_teams_gives() {
    let (scene, seen, _) = scene(Access::ReadOnly);
    let more = scene.fake.team("More").create();
    more.add_member(&scene.ada);
    let path = |rest: &str| format!("/organizations/acme/pipelines/{}{rest}", seen.pipeline);
    let read = || scene.hers.get(&path(""));
    let build = || {
        scene
            .hers
            .post(&path("/builds"), body(Route::CreateBuild).expect("one"))
    };
    let manage = || scene.hers.patch(&path(""), r#"{"description":"d"}"#);
    let webhook = || {
        let pipeline = read().expect(200);
        pipeline["provider"]["webhook_url"].str().to_owned()
    };
    assert_eq!(
        [read(), build(), manage()].map(|answer| answer.status),
        [200, 403, 403]
    );
    assert_eq!(webhook(), "");
    let tag = read();
    more.add_pipeline(&scene.app, Access::BuildAndRead);
    assert_eq!(
        [read(), build(), manage()].map(|answer| answer.status),
        [200, 201, 403]
    );
    assert_eq!(webhook(), "");
    more.add_pipeline(&scene.app, Access::ManageBuildAndRead);
    assert!(webhook().starts_with("https://webhook.buildkite.com/deliver/"));
    assert_ne!(
        read().header("etag"),
        tag.header("etag"),
        "the body is another"
    );
    assert_eq!(
        [read(), build(), manage()].map(|answer| answer.status),
        [200, 201, 200]
    );
    assert_eq!(
        scene.ada.access_to(&scene.app),
        Some(Access::ManageBuildAndRead)
    );
    // A team less, and it is what the other gives; none, and it is gone.
    more.delete();
    assert_refused(&manage(), 403, "Forbidden");
    scene.team.remove_member(&scene.ada);
    assert_refused(&read(), 404, "No pipeline found");
    assert_eq!(scene.ada.access_to(&scene.app), None);
    // An administrator needs no team.
    let acme = scene.fake.existing_organization("acme");
    acme.set_role(&scene.ada, MemberRole::Admin);
    assert_eq!(
        [read(), build(), manage()].map(|answer| answer.status),
        [200, 201, 200]
    );
}

#[test]
fn what_a_pipeline_allows_at_most_holds_for_teams_and_administrators() {
    let (scene, ..) = scene(Access::ReadOnly);
    let docs = scene
        .fake
        .pipeline("docs")
        .access(Access::BuildAndRead)
        .create();
    scene.team.add_pipeline(&docs, Access::ManageBuildAndRead);
    assert_eq!(scene.ada.access_to(&docs), Some(Access::BuildAndRead));
    assert_eq!(
        scene.fake.user().access_to(&docs),
        Some(Access::BuildAndRead)
    );
    for client in [&scene.admin, &scene.hers] {
        let refused = client.delete("/organizations/acme/pipelines/docs");
        assert_refused(&refused, 403, "Forbidden");
    }
}

#[test]
fn without_teams_every_member_may_do_everything() {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let app = fake.pipeline("app").create();
    let admin = client(&fake);
    let hers = admin.with_token(&fake.token_for(&ada, Scope::ALL.iter().copied()));
    hers.create_build("app");
    // A team made over the API changes nothing until teams are enabled.
    let teams = "/organizations/acme/teams";
    let team = admin.post(teams, r#"{"name":"Ops"}"#).expect(201);
    hers.create_build("app");
    assert_eq!(admin.post(&format!("{teams}/enable"), "").status, 204);
    assert_eq!(ada.access_to(&app), None);
    let team = format!("{teams}/{}", team["id"].str());
    let member = format!("{{\"user_id\":\"{}\",\"role\":\"member\"}}", ada.id());
    admin.post(&format!("{team}/members"), &member).expect(201);
    let pipeline = format!(
        "{{\"pipeline_id\":\"{}\",\"access_level\":\"build_and_read\"}}",
        app.id()
    );
    admin
        .post(&format!("{team}/pipelines"), &pipeline)
        .expect(201);
    hers.create_build("app");
    let refused = hers.delete("/organizations/acme/pipelines/app");
    assert_refused(&refused, 403, "Forbidden");
    assert_eq!(app.builds().len(), 3);
}

#[test]
fn an_agent_seems_to_have_nothing_to_do_while_it_runs_what_is_invisible() {
    let (scene, ..) = scene(Access::ReadOnly);
    let running = scene.secret.create_build().job("make");
    running.start();
    let agent = running.agent().expect("it runs").id();
    let agents = "/organizations/acme/agents";
    let one = format!("{agents}/{agent}");
    let jobs = |client: &Client| {
        let found = client.get(&one).expect(200);
        let list = client.get(agents).expect(200);
        let mut list = list.items().iter();
        let listed = list.find(|other| other["id"] == found["id"]).expect("it");
        assert_eq!(listed["job"], found["job"]);
        found["job"].clone()
    };
    assert_eq!(jobs(&scene.admin)["id"].str(), running.id().to_string());
    assert!(jobs(&scene.hers).is_null());
    // The tag goes with what is shown.
    let tag = scene.hers.get(&one);
    let tag = ("if-none-match", tag.header("etag").expect("one"));
    assert_eq!(scene.hers.send("GET", &one, &[tag], None).status, 304);
    scene.team.add_pipeline(&scene.secret, Access::ReadOnly);
    assert_eq!(scene.hers.send("GET", &one, &[tag], None).status, 200);
    assert_eq!(jobs(&scene.hers)["id"].str(), running.id().to_string());
}

#[test]
fn a_trigger_step_tells_of_its_build_and_the_build_is_not_there() {
    let (scene, ..) = scene(Access::ReadOnly);
    let by = scene
        .fake
        .pipeline("by")
        .steps("steps: [{trigger: secret, key: go}]")
        .create();
    scene.team.add_pipeline(&by, Access::ReadOnly);
    by.create_build();
    let build = scene.hers.build("by", 1);
    let triggered = &build["jobs"][0]["triggered_build"];
    assert_eq!(triggered["number"].number(), 3);
    let url = triggered["url"].str();
    assert_refused(&scene.hers.get(url), 404, "No pipeline found");
    scene.admin.get(url).expect(200);
}

// --- New pipelines ---------------------------------------------------------------------------------------------------

fn new_pipeline(name: &str, rest: &str) -> String {
    format!(
        r#"{{"name":"{name}","repository":"git@example.com:a/b.git","configuration":"steps: []"{rest}}}"#
    )
}

#[test]
fn with_teams_members_make_pipelines_in_teams_that_let_them() {
    let (scene, ..) = scene(Access::ReadOnly);
    let all = "/organizations/acme/pipelines";
    let before = world(&scene.fake, &["acme"]);
    let create =
        |client: &Client, name: &str, rest: &str| client.post(all, &new_pipeline(name, rest));
    let in_team =
        |team: &TeamHandle, level: &str| format!(r#","teams":{{"{}":"{level}"}}"#, team.id());
    // Her team does not let her, whatever she sends.
    for body in [
        "{".to_owned(),
        new_pipeline("n", ""),
        new_pipeline("n", &in_team(&scene.team, "read_only")),
    ] {
        assert_refused(&scene.hers.post(all, &body), 403, "Forbidden");
    }
    assert_eq!(world(&scene.fake, &["acme"]), before);
    // Once a team does, in this one and in no other.
    let makers = scene
        .fake
        .team("Makers")
        .members_can_create_pipelines()
        .create();
    makers.add_member(&scene.ada);
    let before = world(&scene.fake, &["acme"]);
    let both = format!(
        r#","teams":{{"{}":"read_only","{}":"read_only"}}"#,
        makers.id(),
        scene.team.id()
    );
    for rest in [
        "",
        r#","teams":{}"#,
        &in_team(&scene.team, "read_only"),
        &both,
    ] {
        assert_refused(&create(&scene.hers, "n", rest), 403, "Forbidden");
    }
    let unknown = r#","teams":{"00000000-0000-0000-0000-000000000000":"read_only"}"#;
    for client in [&scene.hers, &scene.admin] {
        let refused = create(client, "n", unknown);
        let invalid = "{\"message\":\"Validation Failed\",\"errors\":[{\"field\":\"teams\",\"code\":\"invalid\"}]}\n";
        assert_eq!((refused.status, refused.text.as_str()), (422, invalid));
    }
    assert_eq!(scene.hers.post(all, "{").status, 400);
    assert_eq!(world(&scene.fake, &["acme"]), before);
    let made = create(&scene.hers, "n", &in_team(&makers, "build_and_read")).expect(201);
    assert_eq!(made["created_by"]["name"].str(), "Ada");
    let made = scene.fake.existing_pipeline("n");
    assert_eq!(makers.access_to(&made), Some(Access::BuildAndRead));
    assert_eq!(scene.ada.access_to(&made), Some(Access::BuildAndRead));
    // The older name, and a list, give everything.
    for (name, rest) in [
        ("old", format!(r#","team_uuids":["{}"]"#, makers.id())),
        ("list", format!(r#","teams":["{}"]"#, makers.id())),
    ] {
        create(&scene.hers, name, &rest).expect(201);
        let made = scene.fake.existing_pipeline(name);
        assert_eq!(makers.access_to(&made), Some(Access::ManageBuildAndRead));
    }
    // A maintainer may in any case, and an administrator without a team.
    scene.team.add_maintainer(&scene.ada);
    create(
        &scene.hers,
        "m",
        &in_team(&scene.team, "manage_build_and_read"),
    )
    .expect(201);
    create(&scene.admin, "nobody's", "").expect(201);
    assert_eq!(
        scene
            .ada
            .access_to(&scene.fake.existing_pipeline("nobody-s")),
        None
    );
    // A change of a pipeline leaves its teams alone.
    let body = format!("{{{}}}", &in_team(&scene.team, "read_only")[1..]);
    scene.admin.patch(&format!("{all}/n"), &body).expect(200);
    assert_eq!(
        scene.team.access_to(&scene.fake.existing_pipeline("n")),
        None
    );
}

// --- Trigger steps ---------------------------------------------------------------------------------------------------

#[test]
fn a_trigger_step_fails_unless_who_made_the_build_may_build_there() {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let hers = client(&fake).with_token(&fake.token_for(&ada, Scope::ALL.iter().copied()));
    let lib = fake.pipeline("lib").create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib, key: go}]")
        .create();
    let ending = |by: &Client| {
        let number = by.create_build("app")["number"].number().unsigned_abs();
        fake.run_until_idle();
        app.build_number(number).state()
    };
    // Without teams, and as an administrator, everybody may.
    assert_eq!(ending(&hers), BuildState::Passed);
    let team = fake.team("Platform").create();
    team.add_member(&ada);
    team.add_pipeline(&app, Access::BuildAndRead);
    assert_eq!(ending(&client(&fake)), BuildState::Passed);
    assert_eq!(lib.builds().len(), 2);
    // With them, who may build the one need not be allowed to build the other.
    assert_eq!(ending(&hers), BuildState::Failed);
    team.add_pipeline(&lib, Access::ReadOnly);
    assert_eq!(ending(&hers), BuildState::Failed);
    assert_eq!(lib.builds().len(), 2);
    team.add_pipeline(&lib, Access::BuildAndRead);
    assert_eq!(ending(&hers), BuildState::Passed);
    assert_eq!(lib.builds().len(), 3);
    let build = client(&fake).build("lib", 3);
    assert_eq!(build["creator"]["name"].str(), "Ada");
}

#[test]
fn a_schedule_of_somebody_who_left_triggers_nothing() {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let hers = client(&fake).with_token(&fake.token_for(&ada, Scope::ALL.iter().copied()));
    let lib = fake.pipeline("lib").create();
    let app = fake
        .pipeline("app")
        .steps("steps: [{trigger: lib, key: go}]")
        .create();
    let schedules = "/organizations/acme/pipelines/app/schedules";
    hers.post(schedules, r#"{"cronline":"@daily"}"#).expect(201);
    fake.advance(days(1) + hours(1));
    fake.existing_organization("acme").remove_member(&ada);
    fake.advance(days(1));
    assert_eq!((app.builds().len(), lib.builds().len()), (2, 1));
    assert_eq!(app.latest_build().state(), BuildState::Failed);
}
