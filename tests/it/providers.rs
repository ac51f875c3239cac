//! Where a pipeline's repository is, what is set for that place, and the webhook in it.

use fake_buildkite::{Access, FakeBuildkite, Scope};

use crate::pipelines::{ALL, APP, assert_refused, assert_wrong, create, start};
use crate::support::{Client, client};

#[test]
fn a_changed_repository_changes_its_provider() {
    let (_fake, client) = start();
    create(
        &client,
        "app",
        r#","provider_settings":{"trigger_mode":"none","build_tags":true}"#,
    )
    .expect(201);
    let settings = |body: &str| {
        let provider = client.patch(APP, body).expect(200)["provider"].clone();
        let keys: Vec<_> = provider["settings"]
            .keys()
            .iter()
            .map(|key| (*key).to_owned())
            .collect();
        (
            provider["id"].str().to_owned(),
            provider["settings"].clone(),
            keys,
        )
    };
    for (url, id, repository, count) in [
        ("https://github.com/acme/new.git", "github", "acme/new", 21),
        (
            "git@github.acme.com:acme/new.git",
            "github_enterprise",
            "acme/new",
            21,
        ),
        (
            "git@bitbucket.org:acme/new.git",
            "bitbucket",
            "acme/new",
            11,
        ),
        (
            "https://bitbucket.acme.com/scm/acme/new.git",
            "bitbucket_server",
            "scm/acme/new",
            5,
        ),
        (
            "https://gitlab.com/acme/deep/new.git",
            "gitlab",
            "acme/deep/new",
            8,
        ),
        (
            "https://gitlab.acme.com/acme/new",
            "gitlab_ee",
            "acme/new",
            8,
        ),
        ("ssh://git@example.com/new.git", "private_git", "new", 2),
    ] {
        let (found, settings, keys) = settings(&format!("{{\"repository\":\"{url}\"}}"));
        assert_eq!(
            (found.as_str(), settings["repository"].str()),
            (id, repository)
        );
        assert_eq!(keys.len(), count, "{id}: {keys:?}");
        assert_eq!(keys.last().map(String::as_str), Some("repository"));
    }
    // What no other kind of place has is forgotten on the way.
    let (_, settings, _) = settings(r#"{"repository":"git@github.com:acme/app.git"}"#);
    assert_eq!(settings["trigger_mode"].str(), "code");
}

#[test]
fn provider_settings_are_merged() {
    let (_fake, client) = start();
    create(
        &client,
        "app",
        r#","provider_settings":{"build_tags":true,"filter_condition":"true"}"#,
    )
    .expect(201);
    let merge = |settings: &str| {
        let body = format!("{{\"provider_settings\":{settings}}}");
        client.patch(APP, &body)
    };
    let settings = merge(
        r#"{"build_tags":false,"build_pull_request_forks":true,"repository":"no/no","unknown":7}"#,
    )
    .expect(200)["provider"]["settings"]
        .clone();
    assert!(!settings["build_tags"].bool() && settings["build_pull_request_forks"].bool());
    assert_eq!(settings["filter_condition"].str(), "true");
    assert_eq!(settings["repository"].str(), "acme/app");
    assert_eq!(settings.get("unknown"), None);
    // Settings that are not in any recorded answer are shown once they are given, and null takes one back.
    let given = r#"{"build_pull_request_merge_commits":true,"issue_comment_match_mode":"contains","review_comment_command_word":"/go","filter_condition":null}"#;
    let settings = merge(given).expect(200)["provider"]["settings"].clone();
    assert!(settings["build_pull_request_merge_commits"].bool());
    assert_eq!(settings["issue_comment_match_mode"].str(), "contains");
    assert_eq!(settings["review_comment_command_word"].str(), "/go");
    assert_eq!(settings.get("filter_condition"), None);
    for (settings, field) in [
        (r#"{"build_tags":"yes"}"#, "provider_settings.build_tags"),
        (
            r#"{"trigger_mode":"push"}"#,
            "provider_settings.trigger_mode",
        ),
        (
            r#"{"issue_comment_match_mode":1}"#,
            "provider_settings.issue_comment_match_mode",
        ),
        (
            r#"{"filter_condition":"build.branch =="}"#,
            "provider_settings.filter_condition",
        ),
        (
            r#"{"filter_condition":"nonsense"}"#,
            "provider_settings.filter_condition",
        ),
        ("7", "provider_settings"),
    ] {
        assert_wrong(&merge(settings), &[field]);
    }
}

/// Every setting the documentation names, for every provider it names it for.
#[test]
fn every_documented_provider_setting_is_kept() {
    const BOTH: &[&str] = &[
        "build_branches",
        "build_pull_requests",
        "build_tags",
        "cancel_deleted_branch_builds",
        "publish_commit_status",
        "publish_commit_status_per_step",
        "pull_request_branch_filter_enabled",
        "skip_builds_for_existing_commits",
        "skip_pull_request_builds_for_existing_commits",
        "filter_enabled",
    ];
    const GITHUB: &[&str] = &[
        "build_pull_request_forks",
        "build_pull_request_labels_changed",
        "build_pull_request_ready_for_review",
        "prefix_pull_request_fork_branch_names",
        "publish_blocked_as_pending",
        "separate_pull_request_statuses",
    ];
    let (_fake, client) = start();
    create(&client, "app", "").expect(201);
    for (host, flags) in [
        ("github.com", [BOTH, GITHUB].concat()),
        ("github.acme.com", [BOTH, GITHUB].concat()),
        ("bitbucket.org", BOTH.to_vec()),
        (
            "bitbucket.acme.com",
            vec![
                "build_branches",
                "build_pull_requests",
                "build_tags",
                "filter_enabled",
            ],
        ),
    ] {
        client
            .patch(
                APP,
                &format!(r#"{{"repository":"git@{host}:acme/app.git"}}"#),
            )
            .expect(200);
        for flag in flags {
            for value in ["true", "false"] {
                let body = format!(r#"{{"provider_settings":{{"{flag}":{value}}}}}"#);
                let answer = client.patch(APP, &body).expect(200);
                let kept = &answer["provider"]["settings"][flag];
                assert_eq!(kept.bool().to_string(), value, "{host} {flag}");
            }
        }
    }
    client
        .patch(APP, r#"{"repository":"git@github.com:acme/app.git"}"#)
        .expect(200);
    for mode in ["deployment", "fork", "none", "code"] {
        let body = format!(r#"{{"provider_settings":{{"trigger_mode":"{mode}"}}}}"#);
        let answer = client.patch(APP, &body).expect(200);
        assert_eq!(answer["provider"]["settings"]["trigger_mode"].str(), mode);
    }
    let text = "pull_request_branch_filter_configuration";
    let body = format!(r#"{{"provider_settings":{{"{text}":"features/*"}}}}"#);
    let answer = client.patch(APP, &body).expect(200);
    assert_eq!(answer["provider"]["settings"][text].str(), "features/*");
}

#[test]
fn a_webhook_is_made_once_and_at_github_only() {
    let (_fake, client) = start();
    create(&client, "app", "").expect(201);
    let webhook = || client.post(&format!("{APP}/webhook"), "");
    let made = webhook();
    assert_eq!((made.status, made.text.as_str()), (201, ""));
    assert_eq!(made.header("content-type"), Some("text/html"));
    assert_eq!(made.header("cache-control"), Some("no-cache"));
    assert_refused(
        &webhook(),
        422,
        "Webhooks could not be created for your repository.",
    );
    for host in [
        "gitlab.com",
        "bitbucket.org",
        "github.acme.com",
        "example.com",
    ] {
        client
            .patch(
                APP,
                &format!(r#"{{"repository":"git@{host}:acme/app.git"}}"#),
            )
            .expect(200);
        assert_refused(
            &webhook(),
            422,
            "Auto-creating webhooks is not supported for your repository.",
        );
    }
    client
        .patch(APP, r#"{"repository":"git@github.com:acme/new.git"}"#)
        .expect(200);
    assert_eq!(webhook().status, 201);
}

#[test]
fn the_webhook_url_is_for_those_who_may_edit() {
    let fake = FakeBuildkite::builder()
        .token("reader", [Scope::ReadPipelines])
        .start();
    fake.pipeline("app").create();
    fake.pipeline("docs").access(Access::BuildAndRead).create();
    let url = |client: &Client, slug: &str| {
        let pipeline = client.get(&format!("{ALL}/{slug}")).expect(200);
        pipeline["provider"]["webhook_url"].str().to_owned()
    };
    let client = client(&fake);
    let shown = url(&client, "app");
    assert!(
        shown.starts_with("https://webhook.buildkite.com/deliver/"),
        "{shown}"
    );
    assert_eq!(url(&client, "docs"), "");
    assert_eq!(url(&client.with_token("reader"), "app"), "");
}
