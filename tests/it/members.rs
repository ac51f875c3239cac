//! The members of an organization, over the API and by hand.

use fake_buildkite::{FakeBuildkite, MemberRole, Scope, SsoMode, TokenHandle, UserHandle};

use crate::support::{Answer, Client, Json, client, world};

const MEMBERS: &str = "/organizations/acme/members";
const UNKNOWN: &str = "00000000-0000-0000-0000-000000000000";

/// A fake with its user, who administers, and Ada, who does not; and clients of both.
fn start() -> (FakeBuildkite, UserHandle, Client, Client) {
    let fake = FakeBuildkite::start();
    let ada = fake.add_user("Ada", "ada@example.com");
    let token = all_scopes(&ada).secret();
    let admin = client(&fake);
    let hers = admin.with_token(&token);
    (fake, ada, admin, hers)
}

fn all_scopes(user: &UserHandle) -> TokenHandle {
    user.token(Scope::ALL.iter().copied())
}

fn path(user: &UserHandle) -> String {
    format!("{MEMBERS}/{}", user.id())
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, message: &str) {
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (status, format!("{{\"message\":\"{message}\"}}\n").as_str())
    );
}

#[track_caller]
fn assert_member(json: &Json, user: &UserHandle, role: &str, sso_mode: Option<&str>) {
    let keys = ["id", "name", "email", "role", "sso_mode"];
    let count = if sso_mode.is_some() { 5 } else { 4 };
    assert_eq!(json.keys(), keys[..count]);
    assert_eq!(json["id"].str(), user.id().to_string());
    assert_eq!(json["name"].str(), user.name());
    assert_eq!(json["email"].str(), user.email());
    assert_eq!(json["role"].str(), role);
    assert_eq!(json.get("sso_mode").map(Json::str), sso_mode);
}

#[test]
fn members_are_listed_with_the_sso_mode_for_those_who_may_know() {
    let (fake, ada, admin, hers) = start();
    let list = admin.get(MEMBERS).expect(200);
    assert_eq!(list.items().len(), 2);
    assert_member(&list[0], &fake.user(), "admin", Some("required"));
    assert_member(&list[1], &ada, "member", Some("required"));
    let list = hers.get(MEMBERS).expect(200);
    assert_member(&list[0], &fake.user(), "admin", None);
    assert_member(&list[1], &ada, "member", Some("required"));
    assert_eq!(admin.get(&path(&ada)).expect(200), list[1]);
    assert_member(
        &hers.get(&path(&fake.user())).expect(200),
        &fake.user(),
        "admin",
        None,
    );
    // By page, because a client asks so.
    let page = admin.get(&format!("{MEMBERS}?per_page=1&page=2"));
    assert_eq!(page.expect(200)[0]["name"].str(), "Ada");
    let link = page.header("link").expect("more than one page");
    assert!(link.contains("/v2/organizations/acme/members?page=1&per_page=1>; rel=\"first\""));
}

#[test]
fn an_administrator_changes_what_a_member_is() {
    let (fake, ada, admin, hers) = start();
    let acme = fake.existing_organization("acme");
    let before = admin.get(&path(&ada));
    let changed = admin.patch(&path(&ada), r#"{"role":"admin","sso_mode":"optional"}"#);
    assert_member(&changed.expect(200), &ada, "admin", Some("optional"));
    assert_eq!(acme.role_of(&ada), Some(MemberRole::Admin));
    assert_eq!(acme.sso_mode_of(&ada), Some(SsoMode::Optional));
    assert_ne!(admin.get(&path(&ada)).header("etag"), before.header("etag"));
    // Each alone; null is nothing.
    let changed = hers.patch(
        &path(&fake.user()),
        r#"{"sso_mode":"optional","role":null}"#,
    );
    assert_member(
        &changed.expect(200),
        &fake.user(),
        "admin",
        Some("optional"),
    );
    let changed = hers.patch(&path(&fake.user()), r#"{"role":"member"}"#);
    assert_member(
        &changed.expect(200),
        &fake.user(),
        "member",
        Some("optional"),
    );
    // Who was one is one no more.
    assert_refused(
        &admin.patch(&path(&ada), r#"{"role":"member"}"#),
        403,
        "Forbidden",
    );
}

#[test]
fn a_change_that_makes_no_sense_is_refused_and_changes_nothing() {
    let (fake, ada, admin, hers) = start();
    let before = world(&fake, &["acme"]);
    let of_ada = path(&ada);
    let nothing = "Validation failed: Role or SSO mode must be given";
    let role = "Validation failed: Role is not included in the list";
    let sso = "Validation failed: Sso mode is not included in the list";
    let both = "Validation failed: Role is not included in the list, Sso mode is invalid";
    for (body, message) in [
        ("", nothing),
        ("{}", nothing),
        (r#"{"role":null,"sso_mode":null}"#, nothing),
        (r#"{"role":"owner"}"#, role),
        (r#"{"role":""}"#, role),
        (r#"{"sso_mode":"never","role":"admin"}"#, sso),
        (r#"{"sso_mode":7,"role":"x"}"#, both),
    ] {
        assert_refused(&admin.patch(&of_ada, body), 422, message);
    }
    assert_eq!(admin.patch(&of_ada, "{").status, 400);
    // Own membership, and who is no administrator: whatever the body says.
    for body in ["{", r#"{"role":"member"}"#, r#"{"sso_mode":"optional"}"#] {
        assert_refused(&admin.patch(&path(&fake.user()), body), 403, "Forbidden");
        assert_refused(&hers.patch(&of_ada, body), 403, "Forbidden");
        assert_refused(&hers.patch(&path(&fake.user()), body), 403, "Forbidden");
    }
    assert_refused(&hers.delete(&path(&fake.user())), 403, "Forbidden");
    assert_refused(&hers.delete(&of_ada), 403, "Forbidden");
    assert_refused(
        &admin.delete(&path(&fake.user())),
        422,
        "An organization must have at least one administrator",
    );
    assert_eq!(world(&fake, &["acme"]), before);
}

#[test]
fn who_is_no_member_is_not_found() {
    let (fake, ada, admin, _) = start();
    let initech = fake.add_organization("initech");
    let before = world(&fake, &["acme", "initech"]);
    let elsewhere = format!("/organizations/initech/members/{}", ada.id());
    for path in [
        &elsewhere,
        &format!("{MEMBERS}/{UNKNOWN}"),
        &format!("{MEMBERS}/ada"),
    ] {
        for answer in [admin.get(path), admin.patch(path, "{"), admin.delete(path)] {
            assert_refused(&answer, 404, "No organization member found");
        }
    }
    let nowhere = format!("/organizations/nowhere/members/{}", ada.id());
    for answer in [
        admin.get(&nowhere),
        admin.patch(&nowhere, "{"),
        admin.delete(&nowhere),
    ] {
        assert_refused(&answer, 404, "No organization found");
    }
    assert_eq!(world(&fake, &["acme", "initech"]), before);
    assert_eq!(initech.members().len(), 1);
}

#[test]
fn a_removed_member_leaves_teams_and_keeps_what_they_made() {
    let (fake, ada, admin, hers) = start();
    let app = fake.pipeline("app").create();
    let build = hers.create_build("app");
    let team = fake.team("Platform").create();
    team.add_member(&ada);
    let answer = admin.delete(&path(&ada));
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.header("etag"), None);
    assert!(team.members().is_empty());
    assert_eq!(ada.access_to(&app), None);
    let kept = admin.build("app", 1);
    assert_eq!(kept["creator"], build["creator"]);
    // Her token is as good as it was, and opens nothing here.
    hers.get("/user").expect(200);
    assert_eq!(hers.get("/organizations").expect(200).items().len(), 0);
    assert_eq!(hers.get("/builds").expect(200).items().len(), 0);
    assert_refused(&hers.get(MEMBERS), 404, "No organization found");
    assert_refused(
        &admin.delete(&path(&ada)),
        404,
        "No organization member found",
    );
}

#[test]
fn an_administrator_may_leave_if_there_is_another() {
    let (fake, ada, admin, hers) = start();
    let acme = fake.existing_organization("acme");
    acme.set_role(&ada, MemberRole::Admin);
    assert_eq!(admin.delete(&path(&fake.user())).status, 204);
    assert_refused(&admin.get(MEMBERS), 404, "No organization found");
    assert_eq!(hers.get(MEMBERS).expect(200).items().len(), 1);
    assert_refused(
        &hers.delete(&path(&ada)),
        422,
        "An organization must have at least one administrator",
    );
}

#[test]
fn a_new_member_joins_the_default_teams() {
    let (fake, ada, _, _) = start();
    let first = fake.team("First").default_team().create();
    let other = fake.team("Other").create();
    let bob = fake.add_user("Bob", "bob@example.com");
    assert!(first.role_of(&ada).is_none(), "she was there before");
    assert!(first.role_of(&bob).is_some() && other.role_of(&bob).is_none());
}

#[test]
fn members_go_back_and_on_with_the_world() {
    let (fake, ada, admin, _) = start();
    let acme = fake.existing_organization("acme");
    let before = fake.snapshot();
    assert_eq!(admin.delete(&path(&ada)).status, 204);
    let fork = fake.fork();
    fake.rewind(&before);
    assert_eq!(acme.role_of(&ada), Some(MemberRole::Member));
    assert_eq!(fork.existing_organization("acme").members().len(), 1);
}
