//! Every answer to `GET`, in a world with one of everything in every state, against what the resources are documented
//! to be: which keys they have, in which order, of which types, and which of them may be null or missing.
//!
//! `tests/data/resources.json` has a resource in each line. A type with `?` may be null, a key with `maybe` may be
//! missing; `order` is there where it is known. Where the documentation is at odds with itself or silent it has what
//! this fake does.

use std::collections::{BTreeMap, BTreeSet};

use fake_buildkite::Route;

use crate::furnished::{Furnished, furnished};
use crate::support::{Client, Json, client};

struct Resource {
    keys: Vec<(String, String)>,
    order: Vec<String>,
}

struct Resources(BTreeMap<String, Resource>);

impl Resources {
    fn read() -> Self {
        let all: Json = serde_json::from_str(include_str!("../data/resources.json")).expect("JSON");
        let texts = |json: &Json| {
            json.items()
                .iter()
                .map(|one| one.str().to_owned())
                .collect()
        };
        let resource = |json: &Json| Resource {
            keys: json["keys"]
                .entries()
                .iter()
                .map(|(key, kind)| (key.clone(), kind.str().to_owned()))
                .collect(),
            order: json.get("order").map(texts).unwrap_or_default(),
        };
        let all = all.entries().iter();
        Self(
            all.map(|(name, json)| (name.clone(), resource(json)))
                .collect(),
        )
    }

    /// What is wrong with a value, below `at`.
    fn check(&self, at: &str, kind: &str, value: &Json, wrong: &mut Vec<String>) {
        if let Some(kind) = kind.strip_suffix('?') {
            if !value.is_null() {
                self.check(at, kind, value, wrong);
            }
            return;
        }
        if let (Some(of), Json::Array(items)) = (inside(kind, "array"), value) {
            for item in items {
                self.check(&format!("{at}[]"), of, item, wrong);
            }
            return;
        }
        if let (Some(of), Json::Object(entries)) = (inside(kind, "map"), value) {
            let (_, of) = of.split_once(',').expect("the types of key and value");
            for (_, value) in entries {
                self.check(&format!("{at}{{}}"), of, value, wrong);
            }
            return;
        }
        let fits = match (kind, value) {
            ("any", _)
            | ("string", Json::String(_))
            | ("bool", Json::Bool(_))
            | ("object", Json::Object(_)) => true,
            ("int", Json::Number(number)) => number.is_i64() || number.is_u64(),
            ("null", value) => value.is_null(),
            ("uuid", Json::String(text)) => {
                looks_like(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
            }
            ("timestamp", Json::String(text)) => looks_like(text, "0000-00-00T00:00:00.000Z"),
            ("seconds", Json::String(text)) => looks_like(text, "0000-00-00T00:00:00Z"),
            (kind, Json::Object(_)) if !kind.contains('<') => {
                return self.check_object(at, kind, value, wrong);
            }
            _ => false,
        };
        if !fits {
            wrong.push(format!("{at} is no {kind}: {value:?}"));
        }
    }

    fn check_object(&self, at: &str, kind: &str, value: &Json, wrong: &mut Vec<String>) {
        let name = name_of(kind, value);
        let Some(resource) = self.0.get(name) else {
            wrong.push(format!("{at} is a {name}, which is no resource"));
            return;
        };
        for (key, kind) in &resource.keys {
            let (kind, may_be_missing) = match kind.strip_suffix(" maybe") {
                Some(kind) => (kind, true),
                None => (kind.as_str(), false),
            };
            let at = format!("{at}.{key}");
            match value.get(key) {
                Some(settings) if kind == "ProviderSettings" => {
                    self.check(&at, settings_of(value["id"].str()), settings, wrong);
                }
                Some(value) => self.check(&at, kind, value, wrong),
                None if may_be_missing => {}
                None => wrong.push(format!("{at} is missing")),
            }
        }
        for key in value.keys() {
            if !resource.keys.iter().any(|(known, _)| known == key) {
                wrong.push(format!("{at}.{key} is unknown to {name}"));
            }
        }
        let place = |key: &str| resource.order.iter().position(|known| known == key);
        let places: Vec<_> = value.keys().into_iter().filter_map(place).collect();
        if !places.is_sorted() {
            wrong.push(format!("{at} has another order: {:?}", value.keys()));
        }
    }
}

fn inside<'t>(kind: &'t str, outer: &str) -> Option<&'t str> {
    kind.strip_prefix(outer)?
        .strip_prefix('<')?
        .strip_suffix('>')
}

/// Of jobs and steps there are four kinds each.
fn name_of<'k>(kind: &'k str, value: &Json) -> &'k str {
    let of_four = |names: [&'static str; 4]| {
        let types = ["script", "waiter", "manual", "trigger"];
        let place = types.iter().position(|one| *one == value["type"].str());
        names[place.expect("one of four types")]
    };
    match kind {
        "Job" => of_four(["JobScript", "JobWaiter", "JobManual", "JobTrigger"]),
        "PipelineStep" => of_four([
            "PipelineStepScript",
            "PipelineStepWaiter",
            "PipelineStepManual",
            "PipelineStepTrigger",
        ]),
        other => other,
    }
}

fn settings_of(provider: &str) -> &'static str {
    match provider {
        "github" | "github_enterprise" => "ProviderSettingsGitHub",
        "bitbucket" => "ProviderSettingsBitbucket",
        "bitbucket_server" => "ProviderSettingsBitbucketServer",
        "gitlab" | "gitlab_ee" => "ProviderSettingsGitLab",
        _ => "ProviderSettingsPlain",
    }
}

/// `x` stands for a lower-case hex digit, `0` for a digit, everything else for itself.
fn looks_like(text: &str, picture: &str) -> bool {
    let fits = |(found, wanted): (u8, u8)| match wanted {
        b'x' => matches!(found, b'0'..=b'9' | b'a'..=b'f'),
        b'0' => found.is_ascii_digit(),
        _ => found == wanted,
    };
    text.len() == picture.len() && text.bytes().zip(picture.bytes()).all(fits)
}

/// Asks, and keeps what is wrong with the answers.
struct Walk {
    client: Client,
    api: String,
    resources: Resources,
    wrong: BTreeSet<String>,
}

impl Walk {
    /// `path` is one below the API's root, or an address that the fake gave.
    fn get(&mut self, path: &str, kind: &str) -> Json {
        let path = path.strip_prefix(&self.api).unwrap_or(path);
        let answer = self.client.get(path);
        let expected = if kind == "ArtifactDownload" { 302 } else { 200 };
        let json = answer.expect(expected);
        let mut wrong = Vec::new();
        self.resources.check(kind, kind, &json, &mut wrong);
        self.wrong.extend(wrong);
        json
    }

    /// A list, and each of its entries alone, at the address that `alone` makes of it.
    fn list(&mut self, path: &str, of: &str, alone: impl Fn(&Json) -> String) -> Vec<Json> {
        let (in_list, single) = of.split_once(' ').unwrap_or((of, of));
        let listed = self.get(path, &format!("array<{in_list}>"));
        for one in listed.items() {
            self.get(&alone(one), single);
        }
        listed.items().to_vec()
    }
}

fn url(json: &Json) -> String {
    json["url"].str().to_owned()
}

const ACME: &str = "/organizations/acme";

fn walk_account(walk: &mut Walk) {
    walk.get("/user", "User");
    walk.get("/access-token", "AccessToken");
    walk.get("/meta", "Meta");
    walk.list("/organizations", "Organization", url);
    walk.get(&format!("{ACME}/rate_limit"), "RateLimits");
    walk.get(&format!("{ACME}/emojis"), "array<Emoji>");
    let members = format!("{ACME}/members");
    walk.list(&members, "OrganizationMember", |one| {
        format!("{members}/{}", one["id"].str())
    });
    walk.list(&format!("{ACME}/agents?per_page=100"), "Agent", url);
    walk.list(
        &format!("{ACME}/pipelines?per_page=100"),
        "PipelineInList Pipeline",
        url,
    );
    walk.list(
        &format!("{ACME}/pipelines/plain/schedules"),
        "PipelineSchedule",
        url,
    );
}

fn walk_builds(walk: &mut Walk) {
    let query = "per_page=100&include_retried_jobs=true";
    walk.get(&format!("/builds?{query}"), "array<BuildInList>");
    walk.get(
        &format!("{ACME}/pipelines/plain/builds?{query}"),
        "array<BuildInList>",
    );
    let builds = format!("{ACME}/builds?{query}");
    for build in walk.list(&builds, "BuildInList Build", |one| {
        format!("{}?include_test_engine=true", url(one))
    }) {
        let path = url(&build);
        let uploads = walk.get(&format!("{path}/step-uploads"), "StepUploadsPage");
        for upload in uploads["items"].items() {
            walk.get(&url(upload), "StepUpload");
        }
        walk.get(
            &format!("{path}/annotations?scope=all"),
            "array<Annotation>",
        );
        walk.list(&format!("{path}/artifacts"), "Artifact", url);
        let jobs = walk.get(&format!("{path}/jobs?per_page=100"), "JobsPage");
        for job in jobs["items"].items() {
            walk_job(walk, &path, job);
        }
    }
}

fn walk_job(walk: &mut Walk, build: &str, job: &Json) {
    let path = format!("{build}/jobs/{}", job["id"].str());
    walk.get(&path, "Job");
    if job["type"].str() != "script" {
        return;
    }
    walk.get(&format!("{path}/log"), "JobLog");
    walk.get(&format!("{path}/env"), "JobEnv");
    walk.get(&format!("{path}/annotations"), "array<Annotation>");
    for file in walk.list(&format!("{path}/artifacts"), "Artifact", url) {
        walk.get(file["download_url"].str(), "ArtifactDownload");
    }
}

fn walk_clusters_and_teams(walk: &mut Walk) {
    for cluster in walk.list(&format!("{ACME}/clusters"), "Cluster", url) {
        let path = url(&cluster);
        walk.list(&format!("{path}/queues"), "ClusterQueue", url);
        walk.list(&format!("{path}/tokens"), "ClusterToken", url);
        let maintainers = format!("{path}/maintainers");
        walk.list(&maintainers, "ClusterMaintainer", |one| {
            format!("{maintainers}/{}", one["id"].str())
        });
    }
    let teams = format!("{ACME}/teams");
    for team in walk.list(&teams, "Team", |one| format!("{teams}/{}", one["id"].str())) {
        let path = format!("{teams}/{}", team["id"].str());
        walk.list(&format!("{path}/members"), "TeamMember", |one| {
            format!("{path}/members/{}", one["user_id"].str())
        });
        walk.list(&format!("{path}/pipelines"), "TeamPipeline", |one| {
            format!("{path}/pipelines/{}", one["pipeline_id"].str())
        });
    }
}

/// Whether it answers `GET` with a resource of the API.
fn has_a_resource(route: Route) -> bool {
    let is_other = matches!(
        route,
        Route::Root
            | Route::GetJobLogText
            | Route::GetJobLogHtml
            | Route::GetJobEnvText
            | Route::ArtifactContent
    );
    route.method() == "GET" && !route.is_page() && !is_other
}

#[test]
fn whatever_is_read_is_what_is_documented() {
    // Given a world with one of everything
    let Furnished { fake, about } = furnished();
    assert_eq!(about["organization"], "acme");
    let cluster = fake.existing_cluster("Macs");
    let client = client(&fake);
    for body in [
        format!(r#"{{"user":"{}"}}"#, fake.user_id()),
        format!(r#"{{"team":"{}"}}"#, fake.existing_team("platform").id()),
    ] {
        let path = format!("{ACME}/clusters/{}/maintainers", cluster.id());
        client.post(&path, &body).expect(201);
    }
    // When all of it is read
    let mut walk = Walk {
        client: client.without_redirects(),
        api: format!("{}/v2", fake.url()),
        resources: Resources::read(),
        wrong: BTreeSet::new(),
    };
    walk_account(&mut walk);
    walk_builds(&mut walk);
    walk_clusters_and_teams(&mut walk);
    // Then nothing is other than documented, and nothing was left out
    let wrong: Vec<_> = walk.wrong.iter().map(String::as_str).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let asked: BTreeSet<_> = fake.requests().iter().filter_map(|it| it.route).collect();
    let all = Route::ALL.iter().copied();
    let missing: Vec<_> = all
        .filter(|route| has_a_resource(*route) && !asked.contains(route))
        .collect();
    assert_eq!(missing, []);
}

#[test]
fn what_is_not_as_documented_is_noticed() {
    let resources = Resources::read();
    let check = |kind: &str, json: &str| {
        let json: Json = serde_json::from_str(json).expect("JSON");
        let mut wrong = Vec::new();
        resources.check("it", kind, &json, &mut wrong);
        wrong
    };
    assert_eq!(
        check("JobStateCounts", r#"{"total":1,"states":{"passed":1}}"#),
        [""; 0]
    );
    for (kind, json, expected) in [
        ("JobStateCounts", r#"{"total":1}"#, "it.states is missing"),
        (
            "JobStateCounts",
            r#"{"total":null,"states":{}}"#,
            "it.total is no int: null",
        ),
        (
            "JobStateCounts",
            r#"{"total":1,"states":{"a":true}}"#,
            "it.states{} is no int: true",
        ),
        (
            "MergeQueue",
            r#"{"base_branch":"a","b":1}"#,
            "it.b is unknown to MergeQueue",
        ),
        ("JobEnv", "[]", "it is no JobEnv: []"),
        ("array<uuid>", r#"["x"]"#, "it[] is no uuid: \"x\""),
        (
            "timestamp",
            r#""2030-01-01T00:00:00Z""#,
            "it is no timestamp: \"2030-01-01T00:00:00Z\"",
        ),
    ] {
        assert_eq!(check(kind, json), [expected]);
    }
    let turned =
        r#"{"settings":{"filter_enabled":false,"repository":"a"},"id":"unknown","webhook_url":""}"#;
    let wrong = check("Provider", turned);
    assert_eq!(
        wrong,
        [r#"it has another order: ["settings", "id", "webhook_url"]"#]
    );
}
