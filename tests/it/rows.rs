//! Every endpoint that is served, row by row of `tests/data/endpoints.tsv`: it asks for a token, for the scope of the
//! row and no other, then for everything that its path names, one after the other, and only then for a body; nothing
//! changes until all of that is there; and then it answers with the status of the row.

use fake_buildkite::{FakeBuildkite, Scope};

use crate::coverage::{Row, table};
use crate::scene::{Scene, fill};
use crate::support::{Answer, Client, client};

const UNAUTHORIZED: &str = "Authentication required. Please supply a valid API Access Token: \
    https://buildkite.com/docs/apis/rest-api#authentication";

/// What is no JSON, which would be refused if anybody came to read it.
const BROKEN: &str = "{";

/// What no path finds anything by, of whatever kind its place is.
const UNKNOWN: [&str; 3] = ["nowhere", "99", "00000000-0000-0000-0000-000000000000"];

/// Updates that are answered to PATCH as well as to PUT.
const PATCHED: [&str; 4] = [
    "/schedules/{id}",
    "/clusters/{id}",
    "/queues/{id}",
    "/tokens/{id}",
];

/// What is not found by what stands behind a word: for some, where it is matters, too.
const NAMES: &[(&str, &str, &str)] = &[
    ("organizations", "", "organization"),
    ("pipelines", "/teams/", "team pipeline"),
    ("pipelines", "", "pipeline"),
    ("builds", "", "build"),
    ("jobs", "", "job"),
    ("artifacts", "", "artifact"),
    ("annotations", "", "annotation"),
    ("step-uploads", "", "step upload"),
    ("schedules", "", "pipeline schedule"),
    ("agents", "", "agent"),
    ("members", "/teams/", "team member"),
    ("members", "", "organization member"),
    ("clusters", "", "cluster"),
    ("queues", "", "cluster queue"),
    ("tokens", "", "cluster token"),
    ("maintainers", "", "cluster maintainer"),
    ("teams", "", "team"),
];

/// What is served: the first two tiers, and the PATCH beside a PUT.
fn rows() -> Vec<Row> {
    let mut rows: Vec<_> = table().into_iter().filter(|row| row.tier < 3).collect();
    let is_patched = |row: &&Row| {
        let mut ends = PATCHED.iter();
        row.method == "PUT" && ends.any(|end| row.path.ends_with(end))
    };
    let patched = rows.iter().filter(is_patched).map(|row| Row {
        method: "PATCH",
        ..*row
    });
    let patched: Vec<_> = patched.collect();
    assert_eq!(patched.len(), PATCHED.len());
    rows.extend(patched);
    rows
}

/// The words in a path that something variable stands behind.
fn words(path: &str) -> Vec<&str> {
    let mut words = Vec::new();
    fill(path, |before| {
        words.push(before);
        String::new()
    });
    words
}

/// What is said if nothing is found behind a word of a path.
fn missing(path: &str, word: &str) -> String {
    let mut names = NAMES.iter();
    let found = names.find(|(known, place, _)| *known == word && path.contains(place));
    let (.., name) = found.unwrap_or_else(|| panic!("what is behind `{word}` in {path}?"));
    format!("No {name} found")
}

/// How often what was checked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    without_token: usize,
    without_scope: usize,
    places: usize,
    neighbors: usize,
    answered: usize,
    changed: usize,
}

#[test]
fn every_endpoint_asks_for_a_token_a_scope_and_each_place_changes_nothing_till_then_and_answers() {
    let scene = Scene::of(FakeBuildkite::builder());
    let (begun, world) = (scene.fake.snapshot(), scene.world());
    let rows = rows();
    let mut count = Count::default();
    for row in &rows {
        scene.fake.rewind(&begun);
        let world = if scene.prepare(row.path) {
            &scene.world()
        } else {
            &world
        };
        Check::of(&scene, row).run(world, &mut count);
    }
    // Then none was left out
    let rows_with = |fits: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| fits(row)).count();
    let is_scoped = |row: &Row| !matches!(row.needs(), "-" | "any");
    let places = |row: &Row| row.path.matches('{').count();
    let expected = Count {
        without_token: rows_with(&|row| row.needs() != "-"),
        without_scope: rows_with(&is_scoped),
        places: rows.iter().map(places).sum(),
        neighbors: rows.iter().map(|row| places(row).saturating_sub(1)).sum(),
        answered: rows.len(),
        changed: rows_with(&|row| !matches!(row.method, "GET" | "HEAD")),
    };
    assert_eq!(count, expected);
    let served = include_str!("../data/endpoints.tsv").lines();
    let served = served.filter(|line| line.starts_with("1\t") || line.starts_with("2\t"));
    assert_eq!(rows.len(), served.count() + PATCHED.len());
}

#[test]
fn a_fault_that_loses_something_says_what_is_said_if_it_is_not_there() {
    let scene = Scene::of(FakeBuildkite::builder());
    let rows = rows();
    let named = rows
        .iter()
        .filter_map(|row| Some((row, words(row.path).pop()?)));
    for (row, innermost) in named {
        let check = Check::of(&scene, row);
        let fault = scene.fake.fault_any().first(1).status(404);
        let answer = check.send(&check.client, &check.url, check.body.as_deref());
        check.assert_refused(&answer, 404, &missing(row.path, innermost));
        assert_eq!(fault.hits(), 1, "{}", row.name());
    }
}

/// One row, asked for by who may do exactly that.
struct Check<'s> {
    scene: &'s Scene,
    row: &'s Row,
    scope: Option<Scope>,
    url: String,
    body: Option<String>,
    client: Client,
}

impl<'s> Check<'s> {
    fn of(scene: &'s Scene, row: &'s Row) -> Self {
        let mut scopes = Scope::ALL.iter().copied();
        let scope = scopes.find(|scope| scope.as_str() == row.needs());
        assert!(scope.is_some() || matches!(row.needs(), "-" | "any"));
        let only = scene.fake.token_for(&scene.fake.user(), scope);
        Self {
            scene,
            row,
            scope,
            url: scene.path(row.path),
            body: scene.body(row.method, row.path),
            client: client(&scene.fake).without_redirects().with_token(&only),
        }
    }

    /// `before` is the world as it is until the end.
    fn run(&self, before: &str, count: &mut Count) {
        let all_but = Scope::ALL
            .iter()
            .filter(|scope| Some(**scope) != self.scope);
        let all_but = all_but.copied();
        let user = self.scene.fake.user();
        let others = [[].to_vec(), all_but.collect::<Vec<_>>()];
        let others = others.map(|scopes| self.scene.fake.token_for(&user, scopes));
        if self.row.needs() != "-" {
            self.is_refused_without_a_token();
            count.without_token += 1;
        }
        if let Some(scope) = self.scope {
            for other in &others {
                self.is_refused_without(scope, other);
            }
            count.without_scope += 1;
        }
        count.places += self.is_refused_nowhere();
        count.neighbors += self.is_refused_beside();
        let is_same = self.scene.world() == before;
        assert!(is_same, "{} changed something", self.row.name());
        self.is_answered();
        count.answered += 1;
        if !matches!(self.row.method, "GET" | "HEAD") {
            self.has_changed(before);
            count.changed += 1;
        }
    }

    /// The request as it should be, and one of which nothing is right.
    fn requests(&self) -> [(String, Option<&str>); 2] {
        let nowhere = self.scene.path_into_nowhere(self.row.path, 0, UNKNOWN[0]);
        [
            (self.url.clone(), self.body.as_deref()),
            (nowhere, Some(BROKEN)),
        ]
    }

    fn send(&self, client: &Client, path: &str, body: Option<&str>) -> Answer {
        let url = format!("{}{path}", self.scene.fake.url());
        client.send(self.row.method, &url, &[], body)
    }

    fn is_refused_without_a_token(&self) {
        for (path, body) in self.requests() {
            let answer = self.send(&self.client.without_token(), &path, body);
            self.assert_refused(&answer, 401, UNAUTHORIZED);
            let answer = self.send(&self.client.with_token("unknown"), &path, body);
            self.assert_refused(&answer, 401, UNAUTHORIZED);
        }
    }

    fn is_refused_without(&self, scope: Scope, token: &str) {
        let message = format!("Your access token doesn't have the {scope} scope");
        for (path, body) in self.requests() {
            let answer = self.send(&self.client.with_token(token), &path, body);
            self.assert_refused(&answer, 403, &message);
            let accepted = answer.header("x-accepted-oauth-scopes");
            assert_eq!(accepted, Some(scope.as_str()));
        }
    }

    /// From each variable part of the path on, nothing is there: the first that is missing is named.
    fn is_refused_nowhere(&self) -> usize {
        let words = words(self.row.path);
        for (known, word) in words.iter().enumerate() {
            let message = missing(self.row.path, word);
            for unknown in UNKNOWN {
                let path = self.scene.path_into_nowhere(self.row.path, known, unknown);
                for body in [self.body.as_deref(), Some(BROKEN)] {
                    let answer = self.send(&self.client, &path, body);
                    self.assert_refused(&answer, 404, &message);
                }
            }
        }
        words.len()
    }

    /// What is in one thing is not in another of its kind.
    fn is_refused_beside(&self) -> usize {
        let words = words(self.row.path);
        for pair in words.windows(2) {
            let path = self.scene.path_beside(self.row.path, pair[0]);
            let answer = self.send(&self.client, &path, self.body.as_deref());
            self.assert_refused(&answer, 404, &missing(self.row.path, pair[1]));
        }
        words.len().saturating_sub(1)
    }

    fn is_answered(&self) {
        let client = match self.row.needs() {
            "-" => &self.client.without_token(),
            _ => &self.client,
        };
        let answer = self.send(client, &self.url, self.body.as_deref());
        let status = self.row.status.parse::<u16>().expect("a status");
        let name = self.row.name();
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        if self.row.needs() != "-" {
            let scopes = self.scope.map_or("", Scope::as_str);
            assert_eq!(answer.header("x-oauth-scopes"), Some(scopes), "{name}");
        }
        let accepted = answer.header("x-accepted-oauth-scopes");
        assert_eq!(accepted, self.scope.map(Scope::as_str), "{name}");
    }

    /// What was refused before has done something: it would have been seen.
    fn has_changed(&self, before: &str) {
        let again = || self.send(&self.client, &self.url, None);
        match self.row.path.rsplit('/').next() {
            Some("access-token") => self.assert_refused(&again(), 401, UNAUTHORIZED),
            // A webhook is in the repository, and shown nowhere.
            Some("webhook") => {
                let message = "Webhooks could not be created for your repository.";
                self.assert_refused(&again(), 422, message);
            }
            // They are, or there would be no team.
            Some("enable") => {}
            _ => {
                let is_other = self.scene.world() != before;
                assert!(is_other, "{} did nothing", self.row.name());
            }
        }
    }

    #[track_caller]
    fn assert_refused(&self, answer: &Answer, status: u16, message: &str) {
        let name = self.row.name();
        let message = serde_json::Value::from(message);
        let expected = format!("{{\"message\":{message}}}\n");
        // HEAD is told how much GET would be.
        let (text, length) = match self.row.method {
            "HEAD" => ("", answer.header("content-length")),
            _ => (expected.as_str(), None),
        };
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (status, text),
            "{name}"
        );
        let length = length.map(|length| length.parse().expect("a number"));
        assert_eq!(length.unwrap_or(expected.len()), expected.len(), "{name}");
        assert_eq!(answer.header("etag"), None, "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{name}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/json; charset=utf-8"), "{name}");
    }
}
