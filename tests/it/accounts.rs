//! Users, their tokens, and which organizations these open.

use fake_buildkite::{FakeBuildkite, MemberRole, Scope, WebhookReceiver, days, hours, seconds};

use crate::support::{Answer, client, panic_of, world};

const UNAUTHORIZED: &str = "Authentication required. Please supply a valid API Access Token: \
    https://buildkite.com/docs/apis/rest-api#authentication";

/// Two organizations with a pipeline and a build each.
fn two_organizations() -> FakeBuildkite {
    let fake = FakeBuildkite::builder()
        .organization("acme")
        .organization("initech")
        .start();
    for slug in ["acme", "initech"] {
        fake.existing_organization(slug)
            .pipeline("app")
            .create_build();
    }
    fake
}

fn slugs(answer: &Answer, key: &str) -> Vec<String> {
    let list = answer.expect(200);
    let slugs = list.items().iter().map(|one| one[key].str().to_owned());
    slugs.collect()
}

// --- Tokens ----------------------------------------------------------------------------------------------------------

#[test]
fn a_token_shows_itself_in_the_documented_order() {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let token = ada.token([Scope::ReadUser, Scope::ReadBuilds]);
    let client = client(&fake).with_token(&token.secret());
    let answer = client.get("/access-token");
    let json = answer.expect(200);
    assert_eq!(
        json.keys(),
        [
            "uuid",
            "scopes",
            "description",
            "created_at",
            "expires_at",
            "user"
        ]
    );
    assert_eq!(json["user"].keys(), ["email", "name"]);
    assert_eq!(json["user"]["email"].str(), "ada@example.com");
    assert!(json["expires_at"].is_null());
    assert_eq!(
        answer.header("x-oauth-scopes"),
        Some("read_user,read_builds")
    );
    let user = client.get("/user").expect(200);
    assert_eq!(
        user.keys(),
        [
            "id",
            "graphql_id",
            "name",
            "email",
            "avatar_url",
            "created_at"
        ]
    );
    assert_eq!(user["id"].str(), ada.id().to_string());
    assert_eq!(user["name"].str(), "Ada");
}

#[test]
fn a_token_opens_nothing_from_the_instant_at_which_it_expires() {
    let fake = FakeBuildkite::start();
    let token = fake.user().token([Scope::ReadUser]).expires_in(days(7));
    let client = client(&fake).with_token(&token.secret());
    let tag = client.get("/access-token");
    assert_eq!(
        tag.expect(200)["expires_at"].str(),
        "2030-01-08T00:00:00.000Z"
    );
    let longer = token.expires_in(days(8));
    let later = client.get("/access-token");
    assert_ne!(
        later.header("etag"),
        tag.header("etag"),
        "the body is another"
    );
    fake.advance(days(7) + hours(23));
    client.get("/user").expect(200);
    fake.advance(hours(1));
    assert_eq!(client.get("/user").message(401), UNAUTHORIZED);
    assert_eq!(client.delete("/access-token").message(401), UNAUTHORIZED);
    assert!(!longer.is_revoked());
    // Longer life brings it back.
    longer.expires_in(days(1));
    client.get("/user").expect(200);
}

#[test]
fn a_revoked_token_opens_nothing_for_ever() {
    let fake = FakeBuildkite::builder()
        .token("mine", [Scope::ReadUser])
        .start();
    let mine = client(&fake).with_token("mine");
    let before = fake.snapshot();
    let answer = mine.delete("/access-token");
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.header("x-oauth-scopes"), Some("read_user"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("etag"), None);
    assert!(fake.existing_token("mine").is_revoked());
    fake.advance(days(400));
    for _ in 0..2 {
        assert_eq!(mine.get("/user").message(401), UNAUTHORIZED);
        assert_eq!(mine.delete("/access-token").message(401), UNAUTHORIZED);
    }
    // Nobody else's is.
    client(&fake).get("/user").expect(200);
    // A world from before does not know of it.
    fake.rewind(&before);
    mine.get("/user").expect(200);
    // By hand it is the same.
    fake.existing_token("mine").revoke();
    assert_eq!(mine.get("/user").message(401), UNAUTHORIZED);
}

#[test]
fn a_fork_has_the_same_tokens_and_its_own_revocations() {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let secret = fake.token_for(&ada, [Scope::ReadUser]);
    let fork = fake.fork();
    fork.existing_token(&secret).revoke();
    client(&fake).with_token(&secret).get("/user").expect(200);
    client(&fork).with_token(&secret).get("/user").message(401);
    assert_eq!(fork.existing_user("ada@example.com").id(), ada.id());
}

#[test]
fn two_users_are_never_told_that_they_have_each_others_body() {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let ada = fake.token_for(&ada, [Scope::ReadUser]);
    let tag = client(&fake).get("/user");
    let tag = tag.header("etag").expect("a tag");
    let headers = [("if-none-match", tag)];
    let hers = client(&fake).with_token(&ada);
    let answer = hers.send("GET", "/user", &headers, None);
    assert_eq!(answer.expect(200)["name"].str(), "Ada");
}

// --- Organizations ---------------------------------------------------------------------------------------------------

#[test]
fn a_token_opens_the_organizations_it_was_granted_if_its_user_is_a_member() {
    let fake = two_organizations();
    let (acme, initech) = (
        fake.existing_organization("acme"),
        fake.existing_organization("initech"),
    );
    let ada = fake.add_user("Ada", "ada@example.com"); // of acme
    let scopes = || Scope::ALL.iter().copied();
    let tokens = [
        (
            "all of the user's",
            fake.user().token(scopes()),
            &["acme", "initech"][..],
        ),
        (
            "one",
            fake.user().token(scopes()).only_for([&initech]),
            &["initech"],
        ),
        ("none", fake.user().token(scopes()).only_for([]), &[]),
        ("all of hers", ada.token(scopes()), &["acme"]),
        (
            "hers, of the other",
            ada.token(scopes()).only_for([&initech]),
            &[],
        ),
        (
            "hers, of both",
            ada.token(scopes()).only_for([&acme, &initech]),
            &["acme"],
        ),
    ];
    for (name, token, opened) in tokens {
        let client = client(&fake).with_token(&token.secret());
        assert_eq!(
            slugs(&client.get("/organizations"), "slug"),
            opened,
            "{name}"
        );
        let builds = client.get("/builds").expect(200);
        assert_eq!(builds.items().len(), opened.len(), "{name}");
        for slug in ["acme", "initech"] {
            let all = [
                "",
                "/pipelines",
                "/builds",
                "/members",
                "/teams",
                "/emojis",
                "/rate_limit",
                "/pipelines/app/builds/1",
            ];
            for rest in all {
                let answer = client.get(&format!("/organizations/{slug}{rest}"));
                if opened.contains(&slug) {
                    assert_eq!(answer.status, 200, "{name} {slug}{rest}: {}", answer.text);
                } else {
                    assert_eq!(answer.message(404), "No organization found", "{name}");
                }
            }
        }
    }
}

#[test]
fn whoever_leaves_an_organization_sees_it_no_more() {
    let fake = two_organizations();
    let ada = fake.add_user("Ada", "ada@example.com");
    let initech = fake.existing_organization("initech");
    initech.add_member(&ada, MemberRole::Member);
    let token = fake.token_for(&ada, Scope::ALL.iter().copied());
    let hers = client(&fake).with_token(&token);
    assert_eq!(
        slugs(&hers.get("/organizations"), "slug"),
        ["acme", "initech"]
    );
    initech.remove_member(&ada);
    assert_eq!(slugs(&hers.get("/organizations"), "slug"), ["acme"]);
    let gone = hers.get("/organizations/initech/pipelines/app");
    assert_eq!(gone.message(404), "No organization found");
    hers.get("/organizations/acme/pipelines/app").expect(200);
    // Writes find nothing either, and change nothing.
    let before = world(&fake, &["acme", "initech"]);
    let path = "/organizations/initech/pipelines/app/builds";
    let refused = hers.post(path, r#"{"commit":"HEAD","branch":"main"}"#);
    assert_eq!(refused.message(404), "No organization found");
    assert_eq!(world(&fake, &["acme", "initech"]), before);
}

#[test]
fn builds_are_made_by_the_user_of_the_token() {
    let fake = FakeBuildkite::start();
    fake.pipeline("app").create();
    let ada = fake.add_user("Ada", "ada@example.com");
    let token = fake.token_for(&ada, [Scope::WriteBuilds, Scope::ReadBuilds]);
    let build = client(&fake).with_token(&token).create_build("app");
    assert_eq!(build["creator"]["id"].str(), ada.id().to_string());
    let path = format!("/builds?creator={}", ada.id());
    assert_eq!(client(&fake).get(&path).expect(200).items().len(), 1);
}

#[test]
fn a_block_step_is_unblocked_in_the_name_of_members_only() {
    let fake = FakeBuildkite::start();
    let app = fake.pipeline("app").steps("steps: [{block: b, key: b}]");
    let build = app.create_build();
    let path = format!("/organizations/acme/jobs/{}/unblock", build.job("b").id());
    let ada = fake.add_user("Ada", "ada@example.com");
    fake.existing_organization("acme").remove_member(&ada);
    let body = format!("{{\"unblocker\":\"{}\"}}", ada.id());
    let refused = client(&fake).put_body(&path, &body);
    assert_eq!(
        refused.message(422),
        "Unblocker is not a valid user id for this organization"
    );
    fake.existing_organization("acme")
        .add_member(&ada, MemberRole::Member);
    let unblocked = client(&fake).put_body(&path, &body).expect(200);
    assert_eq!(unblocked["unblocked_by"]["name"].str(), "Ada");
}

#[test]
fn another_organization_has_pipelines_webhooks_and_schedules_of_its_own() {
    let fake = FakeBuildkite::start();
    let initech = fake.add_organization("initech");
    assert_eq!(
        (initech.slug(), initech.name()),
        ("initech".into(), "Initech".into())
    );
    let here = fake.pipeline("app").create();
    let there = initech.pipeline("app").create();
    there.schedule("@daily").create();
    fake.advance(days(1));
    assert_eq!((here.builds().len(), there.builds().len()), (0, 1));
    assert_eq!(initech.existing_pipeline("app").id(), there.id());
    fake.run_until_idle();
    let receiver = WebhookReceiver::start();
    let webhook = initech.webhook(receiver.url()).create();
    here.create_build();
    fake.advance(seconds(1));
    assert!(
        webhook.deliveries().is_empty(),
        "that is of the other organization"
    );
    there.create_build();
    fake.advance(seconds(1));
    assert!(!webhook.deliveries().is_empty());
    let message = panic_of(|| fake.existing_organization("nowhere"));
    assert_eq!(
        message,
        "no organization `nowhere`; this fake has `acme`, `initech`"
    );
    let message = panic_of(|| fake.add_organization("acme"));
    assert_eq!(message, "there is an organization `acme` already");
}

// --- What is said to everybody ---------------------------------------------------------------------------------------

#[test]
fn facts_about_the_service_need_no_token() {
    let fake = FakeBuildkite::start();
    let answer = client(&fake).without_token().get("/meta");
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (
            200,
            "{\"webhook_ips\":[\"192.0.2.0/24\",\"198.51.100.12\"]}\n"
        )
    );
    assert!(answer.header("etag").is_some());
    assert_eq!(answer.header("ratelimit-remaining"), None);
}

#[test]
fn emojis_come_all_at_once_and_an_organization_has_its_own() {
    let fake = FakeBuildkite::builder().token("none", []).start();
    let acme = fake.existing_organization("acme");
    let initech = fake.add_organization("initech");
    let client = client(&fake).with_token("none");
    let path = "/organizations/acme/emojis?per_page=1&page=2";
    let standard = client.get(path);
    assert_eq!(standard.header("link"), None);
    assert_eq!(standard.header("x-accepted-oauth-scopes"), None);
    let standard_count = standard.expect(200).items().len();
    acme.add_emoji("parrot", "https://example.com/p.gif", ["party", "dance"]);
    acme.add_emoji("plain", "https://example.com/q.gif", []);
    let answer = client.get(path);
    assert_ne!(answer.header("etag"), standard.header("etag"));
    let all = answer.expect(200);
    assert_eq!(all.items().len(), standard_count + 2);
    for emoji in all.items() {
        let has_aliases = emoji.get("aliases").is_some();
        let keys: &[&str] = if has_aliases {
            &["name", "url", "aliases"]
        } else {
            &["name", "url"]
        };
        assert_eq!(emoji.keys(), keys);
    }
    let parrot = &all[standard_count];
    assert_eq!(parrot["aliases"].items().len(), 2);
    let rocket = all.items().iter().find(|one| one["name"].str() == "rocket");
    assert_eq!(
        rocket.expect("a standard one")["url"].str(),
        "https://buildkiteassets.com/emoji/unicode/1f680.png?v1"
    );
    let other = client.get(&format!("/organizations/{}/emojis", initech.slug()));
    assert_eq!(other.expect(200).items().len(), standard_count);
    let unknown = client.get("/organizations/nowhere/emojis");
    assert_eq!(unknown.message(404), "No organization found");
}

#[test]
fn the_rate_limit_says_what_was_used_in_this_window() {
    for enforced in [false, true] {
        let builder = FakeBuildkite::builder().token("none", []).rate_limit(9, 20);
        let builder = if enforced {
            builder.enforce_rate_limits()
        } else {
            builder
        };
        let fake = builder.starting_at("2030-01-01T00:00:25.5Z").start();
        let client = client(&fake).with_token("none");
        client.get("/access-token").expect(200);
        let answer = client.get("/organizations/acme/rate_limit");
        let expected = format!(
            "{{\"scopes\":{{\
             \"rest\":{{\"limit\":20,\"current\":2,\"reset\":35,\"reset_at\":\"2030-01-01T00:01:00Z\",\"enforced\":{enforced}}},\
             \"graphql\":{{\"limit\":20000,\"current\":0,\"reset\":275,\"reset_at\":\"2030-01-01T00:05:00Z\",\"enforced\":{enforced}}}\
             }}}}\n"
        );
        assert_eq!((answer.status, answer.text), (200, expected));
        fake.advance(seconds(60));
        let answer = client.get("/organizations/acme/rate_limit").expect(200);
        let rest = &answer["scopes"]["rest"];
        assert_eq!(rest["current"].number(), 1);
        assert_eq!(rest["reset_at"].str(), "2030-01-01T00:02:00Z");
        let unknown = client.get("/organizations/nowhere/rate_limit");
        assert_eq!(unknown.message(404), "No organization found");
    }
}

#[test]
fn each_organization_has_a_rate_limit_of_its_own() {
    let fake = FakeBuildkite::builder()
        .rate_limit(9, 3)
        .enforce_rate_limits()
        .start();
    fake.add_organization("globex");
    let client = client(&fake);
    let used = |slug: &str| {
        let answer = client.get(&format!("/organizations/{slug}/rate_limit"));
        answer.expect(200)["scopes"]["rest"]["current"].number()
    };
    assert_eq!([used("acme"), used("acme"), used("globex")], [1, 2, 1]);
    // What is below none, or below one that is not there, counts for the oldest.
    client.get("/user").expect(200);
    for path in ["/organizations/acme", "/builds", "/organizations/nowhere"] {
        let refused = client.get(path);
        assert_eq!(refused.status, 429, "{path}");
        assert!(refused.text.contains("\"scope\":\"rest\""), "{path}");
    }
    assert_eq!(used("globex"), 2);
    // The user's own requests count together.
    let tenth = [
        client.get("/organizations/globex"),
        client.get("/organizations/globex"),
    ];
    assert!(
        tenth[1].text.contains("\"scope\":\"rest_user\""),
        "{}",
        tenth[1].text
    );
}

// --- Slips -----------------------------------------------------------------------------------------------------------

#[test]
fn a_slip_names_the_choices() {
    let fake = FakeBuildkite::start();
    let other = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let acme = fake.existing_organization("acme");
    let table = [
        (
            panic_of(|| fake.existing_user("bob@example.com")),
            "no user `bob@example.com`; this fake has `fake.user@example.com`, `ada@example.com`",
        ),
        (
            panic_of(|| fake.existing_token("nonsense")),
            "there is no such token: this fake has `token()`, those of the builder, and those that handles of users made",
        ),
        (
            panic_of(|| acme.add_member(&ada, MemberRole::Admin)),
            "`ada@example.com` is a member of organization `acme` already",
        ),
        (
            panic_of(|| acme.remove_member(&fake.user())),
            "`fake.user@example.com` is the last administrator of organization `acme`, which keeps one",
        ),
        (
            panic_of(|| acme.set_role(&fake.user(), MemberRole::Member)),
            "`fake.user@example.com` is the last administrator of organization `acme`, which keeps one",
        ),
        (
            panic_of(|| other.token_for(&ada, [])),
            "ada@example.com belongs to another fake: look it up in this one, with `existing_pipeline`, `existing_user`, `agent` and the like",
        ),
    ];
    for (message, expected) in table {
        assert_eq!(message, expected);
    }
    acme.remove_member(&ada);
    let message = panic_of(|| acme.remove_member(&ada));
    assert_eq!(
        message,
        "`ada@example.com` is no member of organization `acme`; it has `fake.user@example.com`"
    );
    assert_eq!(
        format!("{ada:?} {acme:?}"),
        "UserHandle(ada@example.com) OrganizationHandle(acme)"
    );
    let token = ada.token([]);
    assert!(!format!("{token:?}").contains("bkua_"));
}
