//! Which of Buildkite's endpoints are served: asked over HTTP, one by one, and compared with what the README and the
//! page `coverage` say. Both are written from the answers:
//!
//! `FAKE_BUILDKITE_WRITE=1 cargo test --test it coverage`
//!
//! The page also says which transitions are taken by tests (`edges`) and by random worlds (`walked.txt`).
//!
//! `tests/data/endpoints.tsv` has every endpoint of the documentation of the REST API, and GraphQL. Its scopes: `-`
//! where no token is needed, `any` where every token will do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use fake_buildkite::{FakeBuildkite, Route};

use crate::edges;
use crate::support::{Answer, Client, client};

const TABLE: &str = include_str!("../data/endpoints.tsv");
const PAGE: &str = "src/coverage.md";
const README: &str = "README.md";
/// The transitions that random worlds see, written by the engine's own tests.
const WALKED: &str = include_str!("../../src/engine/tests/walked.txt");
const REGENERATE: &str = "FAKE_BUILDKITE_WRITE=1 cargo test --test it coverage";

/// What is served and is no endpoint of the API: pages to look at, and the bytes of artifacts, which are at another
/// host.
const BESIDE: &[Route] = &[
    Route::PipelinePage,
    Route::BuildPage,
    Route::ArtifactPage,
    Route::ArtifactContent,
];

/// Where a scope is not the one that the documentation names, and why.
const ODDITIES: &[(&str, &str, &str)] = &[
    (
        "view_teams",
        "read_teams",
        "the pages of team members and team pipelines name a scope that no token can have; the page of teams names this one",
    ),
    (
        "read_accounts",
        "any",
        "the page of rate limits names a scope that no token can have, so every token will do",
    ),
];

/// Endpoints without a page of their own, known from clients; their scope is what their neighbours need.
const INFERRED: &[&str] = &["/step-uploads"];

/// By what is in a path, the first that fits: what it is about.
const FAMILIES: &[(&str, &str)] = &[
    ("/v1/graphql", "GraphQL: `jobTypeCommandCancel` alone"),
    ("/v2/analytics", "Test Engine"),
    ("/v2/packages", "Package registries"),
    ("/annotations", "Annotations"),
    ("/artifacts", "Artifacts"),
    ("{job.id}/log", "Job logs"),
    ("{job.id}/env", "Job environments"),
    ("/jobs", "Jobs"),
    ("/step-uploads", "Step uploads"),
    ("/builds", "Builds"),
    ("/secrets", "Secrets"),
    ("/agent-images", "Hosted agents"),
    ("/network_ranges", "Hosted agents"),
    ("/cache_volumes", "Hosted agents"),
    ("/clusters/{cluster.id}/queues", "Cluster queues"),
    ("/clusters/{cluster.id}/tokens", "Cluster tokens"),
    ("/clusters/{cluster.id}/maintainers", "Cluster maintainers"),
    ("/clusters", "Clusters"),
    ("/teams", "Teams"),
    ("/agents", "Agents"),
    ("/schedules", "Pipeline schedules"),
    ("/pipeline-templates", "Pipeline templates"),
    ("/pipeline-settings", "Organization settings"),
    ("/api-settings", "Organization settings"),
    ("/pipelines", "Pipelines"),
    ("/members", "Organization members"),
    ("/audit_events", "Audit events"),
    ("/invitations", "Invitations"),
    ("/repository_connections", "Repository connections"),
    ("/services", "Notification services"),
    ("/rules", "Rules"),
    ("/portals", "Portals"),
    ("/v2/organizations", "Organizations"),
    ("", "The service, its users and tokens"),
];

pub(crate) struct Row {
    pub(crate) tier: u8,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) status: &'static str,
}

impl Row {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn family(&self) -> &'static str {
        let mut families = FAMILIES.iter();
        let found = families.find(|(part, _)| self.path.contains(part));
        found.expect("the last fits all").1
    }

    /// The path without what many begin with; a job's is the same below its build and below its organization.
    fn short(&self) -> &'static str {
        let mut path = self.path.strip_prefix("/v2").unwrap_or(self.path);
        for part in ["/analytics", "/packages", "/organizations/{org.slug}"] {
            let rest = path.strip_prefix(part);
            path = rest.filter(|rest| !rest.is_empty()).unwrap_or(path);
        }
        for part in ["/jobs/", "/builds/{build.number}"] {
            if let Some(at) = path.find(part) {
                return &path[at..];
            }
        }
        path
    }

    /// What a token needs here.
    pub(crate) fn needs(&self) -> &'static str {
        let oddity = ODDITIES.iter().find(|(theirs, ..)| *theirs == self.scope);
        oddity.map_or(self.scope, |(_, ours, _)| ours)
    }
}

pub(crate) fn table() -> Vec<Row> {
    let mut lines = TABLE.lines();
    assert_eq!(lines.next(), Some("tier\tmethod\tpath\tscope\tstatus"));
    let row = |line: &'static str| {
        let fields: Vec<_> = line.split('\t').collect();
        let [tier, method, path, scope, status] = fields[..] else {
            panic!("five fields: {line}")
        };
        Row {
            tier: tier.parse().expect("a number"),
            method,
            path,
            scope,
            status,
        }
    };
    lines.map(row).collect()
}

/// What came of asking for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    /// As the route by which assertions know it.
    Served(Route),
    /// 501, with this message.
    Unmodelled(String),
    /// As a path that Buildkite does not have.
    Unknown,
}

/// Asks in a world in which no id fits. Each time in a new one: what is asked for may take everything away.
fn ask(client: &Client, method: &str, path: &str) -> Asked {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    fake.pipeline("app").create_build();
    let parts = path.split('/').map(|part| match part {
        "{org.slug}" => "acme",
        "{pipeline.slug}" | "{slug}" => "app",
        part if part.starts_with('{') => "1",
        part => part,
    });
    let url = format!("{}{}", fake.url(), parts.collect::<Vec<_>>().join("/"));
    let answer: Answer = client
        .with_token(fake.token())
        .send(method, &url, &[], None);
    if answer.header("x-fake-buildkite-nearest-route").is_some() {
        return Asked::Unknown;
    }
    if answer.status == 501 {
        return Asked::Unmodelled(answer.message(501));
    }
    let route = fake.requests().last().expect("a request").route;
    Asked::Served(route.unwrap_or_else(|| panic!("{method} {path} has no name")))
}

fn ask_all() -> Vec<(Row, Asked)> {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    let ask = |row: Row| {
        let asked = ask(&client, row.method, row.path);
        (row, asked)
    };
    table().into_iter().map(ask).collect()
}

/// Whether two paths differ in the names of their variable parts at most.
fn are_alike(a: &str, b: &str) -> bool {
    let shape = |path: &str| -> Vec<String> {
        let part = |part: &str| if part.starts_with('{') { "{}" } else { part }.to_owned();
        path.split('/').map(part).collect()
    };
    shape(a) == shape(b)
}

#[test]
fn every_endpoint_is_served_or_says_that_it_is_not() {
    let mut wrong = Vec::new();
    for (row, asked) in ask_all() {
        match asked {
            // HEAD asks for what GET shows.
            Asked::Served(route) if row.method != "HEAD" && route.method() != row.method => {
                wrong.push(format!("{} is answered as {route}", row.name()));
            }
            Asked::Served(route) if route.scope().is_some_and(|it| it.as_str() != row.needs()) => {
                let has = route.scope().map(fake_buildkite::Scope::as_str);
                wrong.push(format!("{} needs {}, not {has:?}", row.name(), row.needs()));
            }
            Asked::Served(_) if row.tier == 3 => {
                wrong.push(format!("{} is served: move it to tier 2", row.name()));
            }
            Asked::Unmodelled(message) if !message.contains(&row.name()) && row.tier == 3 => {
                wrong.push(format!(
                    "{}: the answer does not name it: {message}",
                    row.name()
                ));
            }
            Asked::Unknown => wrong.push(format!("{} is taken for no endpoint", row.name())),
            Asked::Served(_) | Asked::Unmodelled(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn everything_of_the_first_two_tiers_is_served() {
    let all = ask_all();
    let missing = all.iter().filter(|(row, asked)| {
        let is_served = matches!(asked, Asked::Served(_));
        row.tier < 3 && !is_served
    });
    let missing: Vec<_> = missing.map(|(row, _)| row.name()).collect();
    assert!(missing.is_empty(), "not served: {}", missing.join("\n"));
}

#[test]
fn every_route_is_in_the_table_with_its_scope() {
    let table = table();
    let mut wrong = Vec::new();
    for route in Route::ALL.iter().filter(|route| !BESIDE.contains(route)) {
        let mut rows = table.iter();
        let row =
            rows.find(|row| row.method == route.method() && are_alike(row.path, route.path()));
        let Some(row) = row else {
            wrong.push(format!("{route} is no endpoint of Buildkite's"));
            continue;
        };
        let has = route.scope().map_or("any", |scope| scope.as_str());
        let needs = if row.needs() == "-" {
            "any"
        } else {
            row.needs()
        };
        if has != needs {
            wrong.push(format!("{route} asks for {has}, not for {needs}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn who_needs_no_token_is_answered_without_one() {
    let fake = FakeBuildkite::builder().allow_unknown_routes().start();
    let nobody = client(&fake).without_token();
    for row in table().iter().filter(|row| row.scope == "-") {
        let url = format!("{}{}", fake.url(), row.path);
        let status = nobody.send(row.method, &url, &[], None).status;
        assert!(matches!(status, 200 | 501), "{}: {status}", row.name());
    }
}

// --- What is said of it ----------------------------------------------------------------------------------------------

struct Family {
    name: &'static str,
    rows: Vec<(Row, bool)>,
}

fn families(all: Vec<(Row, Asked)>) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for (row, asked) in all {
        let (name, is_served) = (row.family(), matches!(asked, Asked::Served(_)));
        match families.iter_mut().find(|family| family.name == name) {
            Some(family) => family.rows.push((row, is_served)),
            None => families.push(Family {
                name,
                rows: vec![(row, is_served)],
            }),
        }
    }
    families
}

impl Family {
    fn count(&self, served: bool) -> usize {
        self.rows.iter().filter(|(_, is)| *is == served).count()
    }

    /// The endpoints that are served, or those that are not: each path once, with its methods.
    fn names(&self, served: bool) -> String {
        let mut names: Vec<(&str, Vec<&str>)> = Vec::new();
        for (row, _) in self.rows.iter().filter(|(_, is)| *is == served) {
            let (path, method) = (row.short(), row.method);
            match names.iter_mut().find(|(known, _)| *known == path) {
                Some((_, methods)) if methods.contains(&method) => {}
                Some((_, methods)) => methods.push(method),
                None => names.push((path, vec![method])),
            }
        }
        let name = |(path, methods): &(&str, Vec<&str>)| format!("`{path}` {}", methods.join(" "));
        let names: Vec<_> = names.iter().map(name).collect();
        names.join(", ")
    }
}

/// Updates that are documented with PUT and answered to PATCH as well.
fn patches(families: &[Family]) -> BTreeMap<String, bool> {
    let fake = FakeBuildkite::start();
    let client = client(&fake);
    let mut patches = BTreeMap::new();
    let rows = || families.iter().flat_map(|family| &family.rows);
    for (row, is_served) in rows() {
        let is_row = || rows().any(|(it, _)| it.method == "PATCH" && it.path == row.path);
        if row.method == "PUT" && *is_served && !is_row() {
            let asked = ask(&client, "PATCH", row.path);
            patches.insert(row.name(), matches!(asked, Asked::Served(_)));
        }
    }
    patches
}

fn total(families: &[Family]) -> String {
    let served: usize = families.iter().map(|family| family.count(true)).sum();
    let all: usize = families.iter().map(|family| family.rows.len()).sum();
    format!("{served} of {all}")
}

fn page(families: &[Family]) -> String {
    let patches = patches(families);
    let mut out = String::from(
        "Which endpoints of Buildkite this fake serves: every one of the REST API's documentation, and GraphQL.\n\n\
         A test asks for each of them over HTTP and writes this page from the answers. What is not served is answered with\n\
         501 and a message that names it, and fails [`FakeBuildkite::verify`](crate::FakeBuildkite::verify). What Buildkite\n\
         does not have either is answered with 404. Whatever is read with GET is answered to HEAD, too.\n\n",
    );
    writeln!(out, "{} endpoints are served.\n", total(families)).expect("a String");
    writeln!(out, "| | served | not served |\n|---|---:|---:|").expect("a String");
    for family in families {
        let (yes, no) = (family.count(true), family.count(false));
        writeln!(out, "| {} | {yes} | {no} |", family.name).expect("a String");
    }
    for family in families {
        writeln!(
            out,
            "\n# {}\n\n| endpoint | scope | answers | served |\n|---|---|---|---|",
            family.name
        )
        .expect("a String");
        for (row, is_served) in &family.rows {
            let scope = match row.needs() {
                "-" => "no token".to_owned(),
                "any" => "any token".to_owned(),
                scope => format!("`{}`", scope.replace(',', "`, `")),
            };
            let served = match (is_served, patches.get(&row.name())) {
                (true, Some(true)) => "yes, also as `PATCH`",
                (true, _) => "yes",
                (false, _) => "no",
            };
            let (name, status) = (row.name(), row.status);
            writeln!(out, "| `{name}` | {scope} | {status} | {served} |").expect("a String");
        }
    }
    out.push_str("\n# Where a scope is not the documented one\n\n");
    for (theirs, ours, why) in ODDITIES {
        let ours = match *ours {
            "any" => "none".to_owned(),
            ours => format!("`{ours}`"),
        };
        writeln!(out, "- `{theirs}` is {ours}: {why}.").expect("a String");
    }
    for path in INFERRED {
        writeln!(
            out,
            "- `…{path}` has no page; clients know it, and it needs what a build needs."
        )
        .expect("a String");
    }
    out.push_str("\n# Served besides\n\n");
    for route in BESIDE {
        writeln!(out, "- `{route}`").expect("a String");
    }
    out + "\n" + &transitions()
}

/// Whether nothing a client or a test can do leads along an edge.
fn is_out_of_reach(edge: &str) -> bool {
    let mut listed = edges::OUT_OF_REACH.iter().flat_map(|(_, edges)| *edges);
    listed.any(|it| *it == edge)
}

/// How much of the printed tables is walked.
fn transitions() -> String {
    const TABLES: [(&str, &str); 6] = [
        ("build", "Builds"),
        ("script", "Command jobs"),
        ("waiter", "Wait jobs"),
        ("manual", "Block and input jobs"),
        ("trigger", "Trigger jobs"),
        ("agent", "Agents"),
    ];
    let edges = edges::all();
    let is_walked = |edge: &edges::Edge| WALKED.lines().any(|it| it == edge.text);
    let mut out = String::from(
        "# Transitions\n\n\
         What is allowed stands in the printed tables of [builds](crate::build_transitions), of\n\
         [jobs](crate::job_transitions) and of [agents](crate::agent_transitions), and a test holds every pair of state and\n\
         event against them, the refused ones as well. Of the pairs that are allowed, some are taken by a test of their own,\n\
         which reads them back from events and from REST; some are seen in random worlds, whose invariants are checked at\n\
         every move; and to some nothing leads that a client or a test can do.\n\n\
         | | allowed | taken by a test | seen in random worlds | out of reach |\n|---|---:|---:|---:|---:|\n",
    );
    let mut row = |name: &str, of: &dyn Fn(&edges::Edge) -> bool| {
        let count = |what: &dyn Fn(&edges::Edge) -> bool| {
            edges.iter().filter(|it| of(it) && what(it)).count()
        };
        writeln!(
            out,
            "| {name} | {} | {} | {} | {} |",
            count(&|_| true),
            count(&|it| it.is_taken),
            count(&is_walked),
            count(&|it| is_out_of_reach(&it.text)),
        )
        .expect("a String");
    };
    for (kind, name) in TABLES {
        row(name, &|it| it.kind == kind);
    }
    row("all", &|_| true);
    out.push_str("\nOut of reach:\n\n");
    for (why, edges) in edges::OUT_OF_REACH {
        let edges: Vec<_> = edges.iter().map(|it| format!("`{it}`")).collect();
        writeln!(out, "- {why}: {}.", edges.join(", ")).expect("a String");
    }
    let unseen = edges
        .iter()
        .filter(|it| !is_walked(it) && !is_out_of_reach(&it.text));
    let unseen: Vec<_> = unseen.map(|it| format!("`{}`", it.text)).collect();
    if !unseen.is_empty() {
        let unseen = unseen.join(", ");
        writeln!(
            out,
            "\nSeen in no random world, and taken by a test: {unseen}."
        )
        .expect("a String");
    }
    out
}

#[test]
fn random_worlds_see_what_the_tables_allow_and_nothing_that_is_out_of_reach() {
    let edges = edges::all();
    for edge in WALKED.lines() {
        assert!(edges.iter().any(|it| it.text == edge), "no row is `{edge}`");
        assert!(!is_out_of_reach(edge), "`{edge}` is within reach");
    }
}

/// What stands in the README between the two marks.
fn section(families: &[Family]) -> String {
    let mut out = format!(
        "{} endpoints of the REST API's documentation (and GraphQL) are served; a test asks for each. A job's are counted \
         twice where\nthey are below its build and below its organization.\n\n\
         | | served | not served |\n|---|---|---|\n",
        total(families)
    );
    for family in families {
        let cell = |served: bool| match family.count(served) {
            0 => "–".to_owned(),
            count => format!("{count}: {}", family.names(served)),
        };
        writeln!(
            out,
            "| {} | {} | {} |",
            family.name,
            cell(true),
            cell(false)
        )
        .expect("a String");
    }
    out
}

const MARKS: (&str, &str) = ("<!-- coverage begins -->\n", "<!-- coverage ends -->\n");

/// The README with another section.
fn with_section(readme: &str, section: &str) -> String {
    let (before, rest) = readme.split_once(MARKS.0).expect("a mark in the README");
    let (_, after) = rest.split_once(MARKS.1).expect("a second mark");
    format!("{before}{}{section}{}{after}", MARKS.0, MARKS.1)
}

#[test]
fn the_readme_and_the_page_say_what_is_served() {
    let families = families(ask_all());
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(top.join(file)).unwrap_or_default();
    let readme = read(README);
    let expected = [
        (PAGE, read(PAGE), page(&families)),
        (
            README,
            readme.clone(),
            with_section(&readme, &section(&families)),
        ),
    ];
    for (file, is, should_be) in expected {
        if is == should_be {
            continue;
        }
        if env::var_os("FAKE_BUILDKITE_WRITE").is_some() {
            fs::write(top.join(file), should_be).expect("a file that can be written");
            continue;
        }
        let mut lines = should_be.lines().zip(is.lines().chain([""]));
        let first = lines.find(|(should_be, is)| should_be != is);
        let (wanted, found) = first.unwrap_or(("an end", "more"));
        panic!(
            "{file} is not what the answers say. It has\n  {found}\nwhere they say\n  {wanted}\nRegenerate it: \
             {REGENERATE}"
        );
    }
}
