//! Requests that nobody would write by hand, at every route: none is answered with a 500, a refused one changes
//! nothing, and what a client kept by its `ETag` is what it would be sent.
//!
//! World `n` of a run has the seed `FAKE_BUILDKITE_SEED + n`; `FAKE_BUILDKITE_REQUESTS` says how many requests a run
//! makes.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::time::Duration;

use fake_buildkite::{
    Access, AgentMove, Agents, Annotation, AnnotationScope, FakeBuildkite, MemberRole, Route,
    Scope, agent,
};

use crate::support::{Answer, Client, Json, client, world};

/// How many requests a run makes unless `FAKE_BUILDKITE_REQUESTS` says otherwise, and how many one world lives through.
const REQUESTS: u64 = 1200;
const PER_WORLD: u64 = 400;

const ORIGIN: &str = "http://fake.test";

#[test]
fn random_requests_meet_no_500_change_nothing_if_refused_and_are_spared_only_what_is_the_same() {
    let seed = number("FAKE_BUILDKITE_SEED", 0);
    let worlds = number("FAKE_BUILDKITE_REQUESTS", REQUESTS).div_ceil(PER_WORLD);
    let (mut asked, mut succeeded) = (0, 0);
    for seed in seed..seed + worlds {
        let walked = Walk::new(seed).go(PER_WORLD);
        asked += walked.transcript.len();
        succeeded += walked.succeeded;
    }
    // Otherwise the walk is about refusals alone. Of all worlds, because now and then one loses its pipelines early.
    assert!(succeeded * 5 > asked, "{succeeded} of {asked}");
}

#[test]
fn the_same_random_requests_have_the_same_answers() {
    let seed = number("FAKE_BUILDKITE_SEED", 0);
    let transcript = || Walk::new(seed).go(PER_WORLD / 2).transcript;
    let (once, again) = (transcript(), transcript());
    for (once, again) in once.iter().zip(&again) {
        assert_eq!(once, again);
    }
}

#[test]
fn what_was_rendered_before_is_what_would_be_rendered_now() {
    let seed = number("FAKE_BUILDKITE_SEED", 0);
    let requests = number("FAKE_BUILDKITE_REQUESTS", REQUESTS) / 4;
    let (mut compared, mut with_jobs) = (0, 0);
    for seed in seed..seed + requests.div_ceil(PER_WORLD / 2) {
        let walk = Walk::new(seed).comparing().go(PER_WORLD / 2);
        compared += walk.compared.0;
        with_jobs += walk.compared.1;
    }
    assert!(with_jobs > 100, "{with_jobs} of {compared} showed a job");
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Numbers from a seed: no entropy, no crate.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a length");
        usize::try_from(self.next() % end).expect("below a length")
    }

    /// True once in `n`.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    pub(crate) fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        self.of(all).clone()
    }
}

/// Fields that some body has. Most say nothing to most routes.
const FIELDS: &[&str] = &[
    "access_level",
    "agent_query_rules",
    "allow_rebuilds",
    "allowed_ip_addresses",
    "append",
    "author",
    "body",
    "branch",
    "branch_configuration",
    "cancel_running_branch_builds",
    "clean_checkout",
    "cluster_id",
    "color",
    "commit",
    "configuration",
    "context",
    "cronline",
    "default_branch",
    "default_command_step_timeout",
    "default_member_role",
    "default_queue_id",
    "description",
    "dispatch_paused_note",
    "emoji",
    "enabled",
    "env",
    "expires_at",
    "fields",
    "force",
    "hostedAgents",
    "hosted_git_mirror_enabled",
    "ignore_pipeline_branch_filters",
    "is_default_team",
    "key",
    "label",
    "maintainers",
    "members_can_create_pipelines",
    "message",
    "meta_data",
    "name",
    "note",
    "pipeline_id",
    "pipeline_template_uuid",
    "priority",
    "privacy",
    "provider_settings",
    "pull_request_id",
    "pull_request_labels",
    "repository",
    "retry_agent_affinity",
    "role",
    "skip_queued_branch_builds",
    "slug",
    "sso_mode",
    "states",
    "steps",
    "style",
    "tags",
    "team",
    "team_uuids",
    "teams",
    "timeout_in_minutes",
    "unblocker",
    "user",
    "user_id",
    "visibility",
];

/// What the fields of each kind of request are, so that some are understood. The rest of [`FIELDS`] is tried as well.
const UNDERSTOOD: &[(&str, &[&str])] = &[
    (
        "/builds",
        &["commit", "branch", "message", "env", "meta_data", "author"],
    ),
    ("/retry_failed_jobs", &["states"]),
    ("/reprioritize", &["priority"]),
    ("/unblock", &["unblocker", "fields"]),
    (
        "/annotations",
        &["body", "context", "style", "append", "priority"],
    ),
    (
        "/schedules",
        &[
            "cronline", "label", "message", "commit", "branch", "env", "enabled",
        ],
    ),
    ("/schedules/{id}", &["cronline", "label", "enabled"]),
    (
        "/pipelines",
        &[
            "name",
            "repository",
            "configuration",
            "cluster_id",
            "teams",
            "tags",
        ],
    ),
    (
        "/{slug}",
        &["name", "slug", "cluster_id", "description", "configuration"],
    ),
    ("/stop", &["force"]),
    ("/pause", &["note", "timeout_in_minutes"]),
    (
        "/clusters",
        &["name", "description", "color", "maintainers"],
    ),
    (
        "/clusters/{id}",
        &["name", "default_queue_id", "hosted_git_mirror_enabled"],
    ),
    (
        "/queues",
        &["key", "description", "retry_agent_affinity", "hostedAgents"],
    ),
    (
        "/queues/{id}",
        &["description", "retry_agent_affinity", "hostedAgents"],
    ),
    ("/pause_dispatch", &["dispatch_paused_note"]),
    (
        "/tokens",
        &["description", "allowed_ip_addresses", "expires_at"],
    ),
    ("/tokens/{id}", &["description", "allowed_ip_addresses"]),
    ("/maintainers", &["user", "team"]),
    ("/members/{user.uuid}", &["role", "sso_mode"]),
    (
        "/teams",
        &[
            "name",
            "description",
            "privacy",
            "is_default_team",
            "default_member_role",
        ],
    ),
    (
        "/{team.uuid}",
        &["name", "privacy", "is_default_team", "default_member_role"],
    ),
    ("/members", &["user_id", "role"]),
    (
        "/teams/{team.uuid}/pipelines",
        &["pipeline_id", "access_level"],
    ),
    ("/{pipeline.uuid}", &["access_level"]),
];

/// Values that are what some field takes.
const GOOD: &[&str] = &[
    "true",
    "false",
    "0",
    "1",
    "5",
    "-3",
    "\"main\"",
    "\"HEAD\"",
    "\"a\"",
    "\"deploy\"",
    "\"default\"",
    "\"admin\"",
    "\"member\"",
    "\"maintainer\"",
    "\"secret\"",
    "\"visible\"",
    "\"read_only\"",
    "\"manage_build_and_read\"",
    "\"build_and_read\"",
    "\"required\"",
    "\"optional\"",
    "\"@daily\"",
    "\"*/5 * * * *\"",
    "\"git@example.com:a/b.git\"",
    "\"steps: [{command: make, key: make}]\"",
    "\"failed,canceled\"",
    "\"prefer-different\"",
    "\"2031-01-01T00:00:00Z\"",
    "\"10.0.0.0/8\"",
    "\"#ff0000\"",
    "\":rocket:\"",
    "\"error\"",
    r#"{"instanceShape":"LINUX_AMD64_2X4","agentImageRef":"a/b"}"#,
    r#"{"a":"b"}"#,
    r#"[{"type":"script","command":"make"}]"#,
    r#"["x"]"#,
    r#"{"name":"Ada","email":"a@b.c"}"#,
];

/// Values that no field takes, and some that any text may be.
const ODD: &[&str] = &[
    "null",
    "[]",
    "{}",
    "\"\"",
    "\" \"",
    "1.5",
    "1e300",
    "-9223372036854775808",
    "9223372036854775807",
    "18446744073709551615",
    "4294967295",
    "4294967296",
    "\"\\u0000\"",
    "\"a\\r\\nx-evil: 1\"",
    "\"\\ud83d\\ude80\"",
    "\"../..\"",
    "\"%00%2f\"",
    "[[[[[[[[]]]]]]]]",
    "[null,1,{}]",
    r#"{"a":null,"b":[1],"c":{"d":1}}"#,
    r#"{"":""}"#,
    "\"\\u202e\"",
    "\"999999999999999999999999\"",
    "\"0001-01-01T00:00:00Z\"",
    "\"+262142-12-31T23:59:59Z\"",
    r#"[{"user":null},{"team":1},[]]"#,
    r#"{"instanceShape":null}"#,
];

/// Bodies that are no object.
const NO_OBJECTS: &[&str] = &[
    "", "{", "null", "[]", "1", "\"a\"", "\u{0}", "{\"a\":}", "[{}]",
];

const QUERY: &[&str] = &[
    "per_page",
    "page",
    "after",
    "before",
    "state",
    "state[]",
    "branch",
    "branch[]",
    "commit",
    "creator",
    "name",
    "hostname",
    "version",
    "cluster_queue_id",
    "user_id",
    "step_key",
    "group_key",
    "include_retried_jobs",
    "include_paused",
    "exclude_jobs",
    "exclude_pipeline",
    "job_states",
    "job_states[]",
    "meta_data[a]",
    "created_from",
    "created_to",
    "finished_from",
    "archived",
    "repository",
    "include_test_engine",
    "",
];

const QUERY_VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "2",
    "100",
    "101",
    "-1",
    "18446744073709551615",
    "9999999999999999999999",
    "x",
    "true",
    "false",
    "main",
    "running",
    "passed",
    "failed",
    "scheduled",
    "%00",
    "%ff",
    "%0d%0a",
    "2030-01-01T00:00:00Z",
    "2030-01-01",
    "%2b262142-12-31T23:59:59Z",
    "make",
    "a%26b",
    "%F0%9F%9A%80",
];

/// A fake with a little of everything, and somebody who asks.
struct Walk {
    fake: FakeBuildkite,
    /// Where it listens.
    fake_origin: String,
    random: Random,
    seed: u64,
    clients: Vec<Client>,
    /// What has been seen in each place of a path, by what comes before it.
    known: BTreeMap<String, BTreeSet<String>>,
    cursors: Vec<String>,
    /// Of each request that reads: the tag and the body of its last answers.
    kept: BTreeMap<(usize, String), (String, String)>,
    /// Each body that came with a tag.
    tagged: BTreeMap<(usize, String, String), String>,
    transcript: Vec<String>,
    /// How many answers were no refusal.
    succeeded: usize,
    is_comparing: bool,
    /// How many answers were compared with those of a fork, and how many of those showed a job.
    compared: (usize, usize),
}

/// What programs ask for again and again.
const POLLS: &[&str] = &[
    "/builds?per_page=4",
    "/organizations/acme/builds?per_page=3&include_retried_jobs=true",
    "/organizations/acme/builds?per_page=3&exclude_jobs=true",
    "/organizations/acme/builds?per_page=3&exclude_pipeline=true&include_paused=false",
    "/organizations/acme/builds?per_page=3&state=running",
    "/organizations/acme/pipelines?per_page=5",
];

impl Walk {
    fn new(seed: u64) -> Self {
        let agents = if seed % 2 == 0 {
            Agents::unlimited()
        } else {
            let fleet = [
                agent("one").slots(2),
                agent("two").tags(["queue=deploy"]),
                agent("three").cluster_queue("Linux", "default"),
            ];
            Agents::fleet(fleet)
        };
        let fake = FakeBuildkite::builder()
            .seed(seed)
            .origin(ORIGIN)
            .organization("acme")
            .organization("other")
            .agents(agents)
            .allow_unknown_routes()
            .start();
        let secrets = fill(&fake);
        let first = client(&fake);
        // Elsewhere than it says.
        let fake_origin = first.origin().to_owned();
        let mut clients = vec![first.clone().without_redirects()];
        for secret in secrets {
            clients.push(first.with_token(&secret).without_redirects());
        }
        Self {
            fake,
            fake_origin,
            random: Random(seed),
            seed,
            clients,
            known: BTreeMap::new(),
            cursors: vec!["x".to_owned()],
            kept: BTreeMap::new(),
            tagged: BTreeMap::new(),
            transcript: Vec::new(),
            succeeded: 0,
            is_comparing: false,
            compared: (0, 0),
        }
    }

    fn go(mut self, requests: u64) -> Self {
        for _ in 0..requests {
            match self.random.below(12) {
                0 => self.move_world(),
                1 | 2 => self.ask_again(),
                _ => self.ask(),
            }
            if self.is_comparing && self.random.once_in(3) {
                self.compare();
            }
        }
        assert_eq!(
            self.fake.failures(),
            Vec::<String>::new(),
            "seed {}",
            self.seed
        );
        self
    }

    fn comparing(mut self) -> Self {
        self.is_comparing = true;
        self
    }

    /// Asks the same of this fake, which has rendered most of it before, and of a fork, which has rendered nothing.
    fn compare(&mut self) {
        let mut paths: Vec<String> = POLLS.iter().map(|path| (*path).to_owned()).collect();
        let shown = self.clients[0].get("/builds?per_page=3&exclude_jobs=true");
        for build in shown.json().items() {
            let url = build["url"].str();
            let path = url
                .strip_prefix(&format!("{ORIGIN}/v2"))
                .expect("an address");
            let number = self.random.below(6);
            paths.extend([
                path.to_owned(),
                format!("{path}?include_retried_jobs=true"),
                format!("{path}?job_states[]=passed&exclude_pipeline=true"),
                format!("{path}/jobs?per_page={}", number + 1),
            ]);
        }
        let fork = self.fake.fork();
        let fresh = client(&fork).without_redirects();
        // As the first user, and as one who sees less.
        let who = self.random.below(self.clients.len());
        for (n, path) in paths.iter().enumerate() {
            let who = if n % 2 == 0 { 0 } else { who };
            let kept = self.clients[who].get(path);
            let fresh = self.clients[who].at(&fresh).get(path);
            let of = |answer: &Answer| {
                let header = |name| answer.header(name).map(str::to_owned);
                (
                    answer.status,
                    header("etag"),
                    header("link"),
                    answer.text.clone(),
                )
            };
            let what = format!("seed {}: {path} as {who}", self.seed);
            assert_eq!(of(&kept), of(&fresh), "{what}");
            self.compared.0 += 1;
            self.compared.1 += usize::from(kept.text.contains("\"agent_query_rules\""));
        }
    }

    /// What happens by itself or by hand.
    fn move_world(&mut self) {
        match self.random.below(4) {
            0 => {
                let seconds = [1, 7, 60, 301, 4000][self.random.below(5)];
                self.fake.advance(Duration::from_secs(seconds));
            }
            1 => {
                self.fake.step();
            }
            2 => {
                let agents = self.fake.agents();
                if agents.is_empty() {
                    return;
                }
                let wanted = *self.random.of(&[
                    AgentMove::Stop,
                    AgentMove::StopGracefully,
                    AgentMove::Pause,
                    AgentMove::Resume,
                    AgentMove::Silence,
                    AgentMove::Lose,
                ]);
                let _ = self.random.of(&agents).try_move(wanted);
            }
            _ => {
                let _ = self.fake.run_until_idle();
            }
        }
    }

    fn ask(&mut self) {
        let route = *self.random.of(Route::ALL);
        // Nobody would be left to ask.
        if matches!(route, Route::RevokeAccessToken) || self.is_rare(route) {
            return;
        }
        let path = self.path(route);
        let method = if route.method() == "PUT" && self.random.once_in(4) {
            "PATCH"
        } else {
            route.method()
        };
        let who = if self.random.once_in(4) {
            self.random.below(self.clients.len())
        } else {
            0
        };
        if method == "GET" {
            let path = self.with_query(path);
            self.read(who, &path);
            return;
        }
        let body = self.body(route);
        let before = self.random.once_in(12).then(|| self.world());
        let answer = self.clients[who].send(method, &path, &[], Some(&body));
        self.check(method, &path, &body, &answer);
        if let Some(before) = before.filter(|_| answer.status >= 400) {
            let what = format!("seed {}: {method} {path} {body} {}", self.seed, answer.text);
            assert_eq!(self.world(), before, "{what}");
        }
    }

    /// Deletes too rarely to empty the world at once.
    fn is_rare(&mut self, route: Route) -> bool {
        let rare = [
            Route::DeletePipeline,
            Route::DeleteTeam,
            Route::DeleteCluster,
            Route::RemoveOrganizationMember,
            Route::ArchivePipeline,
        ];
        rare.contains(&route) && !self.random.once_in(8)
    }

    /// Looks for changes behind a tag: the same request as before, as one who has the body and as one who has not.
    fn ask_again(&mut self) {
        if self.kept.is_empty() {
            return;
        }
        let n = self.random.below(self.kept.len());
        let kept = self.kept.iter().nth(n).expect("one of them");
        let ((who, path), (tag, text)) = (kept.0.clone(), kept.1.clone());
        let headers = [("if-none-match", tag.as_str())];
        let spared = self.clients[who].send("GET", &path, &headers, None);
        self.check("GET", &path, "", &spared);
        let now = self.read(who, &path);
        if spared.status == 304 {
            assert_eq!(now.text, text, "seed {}: 304 for {path}", self.seed);
        }
    }

    fn read(&mut self, who: usize, path: &str) -> Answer {
        let answer = self.clients[who].get(path);
        self.check("GET", path, "", &answer);
        if let (200, Some(tag)) = (answer.status, answer.header("etag")) {
            let tag = tag.to_owned();
            let key = (who, path.to_owned(), tag.clone());
            let first = self
                .tagged
                .entry(key)
                .or_insert_with(|| answer.text.clone());
            assert_eq!(*first, answer.text, "seed {}: {tag} of {path}", self.seed);
            let key = (who, path.to_owned());
            self.kept.insert(key, (tag, answer.text.clone()));
        }
        answer
    }

    fn check(&mut self, method: &str, path: &str, body: &str, answer: &Answer) {
        // Pages have no origin of their own to go by, and the port is another each time.
        let path = path.strip_prefix(&self.fake_origin).unwrap_or(path);
        let what = || format!("seed {}: {method} {path} {body}", self.seed);
        assert!(answer.status < 500, "{} {}", what(), answer.text);
        assert!(answer.header("x-evil").is_none(), "{}", what());
        if answer.status < 300 {
            self.succeeded += 1;
        }
        self.transcript.push(format!(
            "{} {} {:?} {}",
            what(),
            answer.status,
            answer.headers,
            answer.text
        ));
        if let Ok(json) = serde_json::from_str(&answer.text) {
            let place = path.split('?').next().unwrap_or_default();
            self.learn(place, &json);
        }
    }

    fn world(&self) -> String {
        world(&self.fake, &[])
            + &["acme", "other"]
                .map(|organization| {
                    let path = format!("/organizations/{organization}");
                    ["pipelines", "teams", "members", "clusters", "agents"]
                        .map(|list| {
                            let list = format!("{path}/{list}?per_page=100");
                            self.clients[0].get(&list).text
                        })
                        .concat()
                })
                .concat()
    }

    // --- What is asked for -------------------------------------------------------------------------------------------

    /// Notes every address and every id in an answer.
    fn learn(&mut self, place: &str, json: &Json) {
        match json {
            Json::Array(items) => items.iter().for_each(|item| self.learn(place, item)),
            Json::Object(entries) => {
                for (key, value) in entries {
                    match value {
                        Json::String(text) if text.starts_with(ORIGIN) => self.learn_address(text),
                        Json::String(id) if matches!(&**key, "id" | "uuid" | "user_id") => {
                            self.note(place, id);
                        }
                        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
                        Json::Array(_) | Json::Object(_) => self.learn(place, value),
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    fn learn_address(&mut self, url: &str) {
        let Some(path) = url.strip_prefix(&format!("{ORIGIN}/v2")) else {
            return;
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        for pair in query.split('&') {
            if let Some((_, cursor)) = pair.split_once("after=").or(pair.split_once("before=")) {
                self.cursors.push(cursor.to_owned());
            }
        }
        let mut before = String::new();
        for part in path.split('/').skip(1) {
            self.note(&before.clone(), part);
            before = format!("{before}/{part}");
        }
    }

    fn note(&mut self, before: &str, part: &str) {
        self.known
            .entry(before.to_owned())
            .or_default()
            .insert(part.to_owned());
    }

    fn path(&mut self, route: Route) -> String {
        let template = route.path().strip_prefix("/v2");
        let mut path = String::new();
        for part in template.unwrap_or(route.path()).split('/').skip(1) {
            let chosen = if part.starts_with('{') {
                self.part(&path)
            } else {
                part.to_owned()
            };
            path = format!("{path}/{chosen}");
        }
        if template.is_some() {
            path
        } else {
            format!("{}{path}", self.fake_origin)
        }
    }

    fn part(&mut self, before: &str) -> String {
        if self.random.once_in(40) {
            let odd = [
                "%00",
                "%2e%2e",
                "-1",
                "0",
                "18446744073709551616",
                "%ff",
                "a%2fb",
                "%F0%9F%9A%80",
            ];
            return (*self.random.of(&odd)).to_owned();
        }
        let known: Vec<String> = match self.known.get(before) {
            Some(known) => known
                .iter()
                .filter(|part| part.parse::<u64>().is_ok() || part.len() != 1)
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        if known.is_empty() {
            "acme".to_owned()
        } else {
            self.random.of(&known).clone()
        }
    }

    fn with_query(&mut self, path: String) -> String {
        if self.random.once_in(2) {
            return path;
        }
        let pairs: Vec<_> = (0..=self.random.below(3))
            .map(|_| {
                let key = *self.random.of(QUERY);
                let value = if matches!(key, "after" | "before") && !self.random.once_in(4) {
                    self.random.of(&self.cursors).clone()
                } else {
                    (*self.random.of(QUERY_VALUES)).to_owned()
                };
                format!("{key}={value}")
            })
            .collect();
        format!("{path}?{}", pairs.join("&"))
    }

    fn body(&mut self, route: Route) -> String {
        if self.random.once_in(12) {
            return (*self.random.of(NO_OBJECTS)).to_owned();
        }
        let understood = UNDERSTOOD
            .iter()
            .filter(|(end, _)| route.path().ends_with(end));
        let understood = understood.max_by_key(|(end, _)| end.len());
        let understood = understood.map_or(FIELDS, |(_, fields)| *fields);
        let mut fields = Vec::new();
        for name in understood {
            if !self.random.once_in(4) {
                fields.push(*name);
            }
        }
        if self.random.once_in(3) {
            fields.push(*self.random.of::<&str>(FIELDS));
        }
        let odd = self.random.once_in(3);
        let fields: Vec<_> = fields
            .iter()
            .map(|name| format!("\"{name}\":{}", self.value(name, odd)))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    fn value(&mut self, field: &str, odd: bool) -> String {
        if odd && self.random.once_in(3) {
            return if self.random.once_in(8) {
                format!("\"{}\"", "long ".repeat(20_000))
            } else {
                (*self.random.of(ODD)).to_owned()
            };
        }
        let places = ["/organizations/acme", "/organizations/other"];
        let place = *self.random.of(&places);
        let mut id_of = |list: &str| {
            let known = self.known.get(&format!("{place}/{list}"));
            let known: Vec<_> = known.into_iter().flatten().cloned().collect();
            if known.is_empty() {
                "x".to_owned()
            } else {
                self.random.of(&known).clone()
            }
        };
        match field {
            "user" | "user_id" | "unblocker" => format!("\"{}\"", id_of("members")),
            "team" => format!("\"{}\"", id_of("teams")),
            "teams" | "team_uuids" => format!("[\"{}\"]", id_of("teams")),
            "pipeline_id" => format!("\"{}\"", id_of("pipelines")),
            "cluster_id" => format!("\"{}\"", id_of("clusters")),
            "maintainers" => format!(r#"[{{"user":"{}"}}]"#, id_of("members")),
            _ => (*self.random.of(GOOD)).to_owned(),
        }
    }
}

/// Two organizations with the same of everything, and others than the first user who may do less.
fn fill(fake: &FakeBuildkite) -> Vec<String> {
    const STEPS: &str = "steps: [{command: make, key: make}, {command: test, parallelism: 2, \
        concurrency: 1, concurrency_group: g}, wait, {block: Ship?, key: ship}, \
        {command: ship, agents: {queue: deploy}}]";
    let (ada, bob) = (fake.add_user("Ada", "a@b.c"), fake.add_user("Bob", "b@b.c"));
    for name in ["acme", "other"] {
        let organization = fake.existing_organization(name);
        if organization.role_of(&ada).is_none() {
            organization.add_member(&ada, MemberRole::Member);
        }
        let app = organization.pipeline("app").steps(STEPS).create();
        organization
            .pipeline("calls")
            .steps("steps: [{trigger: app}]")
            .create();
        let build = app.create_build();
        let make = build.job("make");
        make.start();
        make.upload_artifact("a.log", "a");
        make.annotate("a");
        make.annotate(Annotation::new("b").scope(AnnotationScope::Job));
        make.upload_pipeline("steps: [{command: more}]");
        make.fail(1);
        app.create_build();
        app.schedule("@daily").create();
        let team = organization.team("team").create();
        team.add_member(&ada);
        team.add_pipeline(&app, Access::BuildAndRead);
    }
    if fake.clusters().is_empty() {
        fake.cluster("Linux").create();
    }
    let linux = fake.existing_cluster("Linux");
    if linux.queues().len() == 1 {
        linux.add_queue("deploy");
    }
    linux.add_token("machines");
    let inside = fake
        .pipeline("inside")
        .cluster(&linux)
        .steps(STEPS)
        .create();
    inside.create_build();
    let all = Scope::ALL.iter().copied();
    vec![
        fake.token_for(&ada, all.clone()),
        fake.token_for(&bob, all),
        fake.token_for(&ada, [Scope::ReadBuilds]),
    ]
}
