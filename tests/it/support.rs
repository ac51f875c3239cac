//! A plain HTTP client, and JSON that keeps the order of its keys.

use std::fmt;
use std::ops::Index;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fake_buildkite::FakeBuildkite;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A client of one fake. Paths are relative to `/v2`; an absolute URL is taken as it is.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    origin: String,
    token: Option<String>,
    http: reqwest::blocking::Client,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

/// A client that talks to a fake with its own token.
pub(crate) fn client(fake: &FakeBuildkite) -> Client {
    Client {
        origin: fake.url(),
        token: Some(fake.token().to_owned()),
        http: reqwest::blocking::Client::new(),
    }
}

/// What something panics with; fails if it does not.
#[track_caller]
pub(crate) fn panic_of<T>(slip: impl FnOnce() -> T) -> String {
    let caught = catch_unwind(AssertUnwindSafe(slip));
    let Err(payload) = caught else {
        panic!("there was no panic")
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => {
            let message = payload.downcast_ref::<&str>().expect("a panic with a text");
            (*message).to_owned()
        }
    }
}

/// The name of the variable that says so.
#[cfg(target_os = "linux")]
const ALONE: &str = "FAKE_BUILDKITE_TEST_ALONE";

/// Runs a test again in a process of its own, with so many descriptors: only there, threads and descriptors are those
/// of the test. `module` is its `module_path!()`.
#[cfg(target_os = "linux")]
#[track_caller]
pub(crate) fn alone(module: &str, name: &str, descriptors: u32, test: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    let (_, module) = module.split_once("::").expect("crate::module");
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n $1 && shift && exec \"$@\"", "sh"])
        .arg(descriptors.to_string())
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", &format!("{module}::{name}"), "--nocapture"])
        .env(ALONE, "yes")
        .output()
        .expect("a shell");
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("1 passed"), "{printed}\n{errors}");
}

/// How many descriptors this process has open.
#[cfg(target_os = "linux")]
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc").count()
}

/// How many threads this process has.
#[cfg(target_os = "linux")]
pub(crate) fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("/proc").count()
}

impl Client {
    /// Where it asks.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    pub(crate) fn without_token(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    /// The same one, who asks where another does.
    pub(crate) fn at(&self, other: &Self) -> Self {
        Self {
            origin: other.origin.clone(),
            ..self.clone()
        }
    }

    /// Gives a redirect as the answer it is.
    pub(crate) fn without_redirects(&self) -> Self {
        let builder = reqwest::blocking::Client::builder();
        let builder = builder.redirect(reqwest::redirect::Policy::none());
        Self {
            http: builder.build().expect("a client"),
            ..self.clone()
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], Some(body))
    }

    pub(crate) fn patch(&self, path: &str, body: &str) -> Answer {
        self.send("PATCH", path, &[], Some(body))
    }

    /// Without a body, as most clients send it.
    pub(crate) fn put(&self, path: &str) -> Answer {
        self.send("PUT", path, &[], None)
    }

    pub(crate) fn put_body(&self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, &[], Some(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let url = match path {
            absolute if absolute.starts_with("http") => absolute.to_owned(),
            path => format!("{}/v2{path}", self.origin),
        };
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_owned());
        }
        let response = request.send().expect("an answer");
        Answer {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
                .collect(),
            text: response.text().expect("a body"),
        }
    }

    /// Creates a build of `main` in `acme`.
    pub(crate) fn create_build(&self, pipeline: &str) -> Json {
        let path = format!("/organizations/acme/pipelines/{pipeline}/builds");
        self.post(&path, r#"{"commit":"HEAD","branch":"main"}"#)
            .expect(201)
    }

    /// Gets a build of `acme`.
    pub(crate) fn build(&self, pipeline: &str, number: u64) -> Json {
        self.get(&format!(
            "/organizations/acme/pipelines/{pipeline}/builds/{number}"
        ))
        .expect(200)
    }
}

/// Everything a client can see of these organizations, and every event: what a refused request must leave as it is.
#[track_caller]
pub(crate) fn world(fake: &FakeBuildkite, organizations: &[&str]) -> String {
    let client = client(fake);
    let mut world = vec![fake.events().to_string()];
    let builds = "/builds?include_retried_jobs=true&per_page=100";
    let mut paths = vec![builds.to_owned(), "/organizations".to_owned()];
    for organization in organizations {
        let path = format!("/organizations/{organization}/pipelines");
        let pipelines = client.get(&path).expect(200);
        for pipeline in pipelines.items() {
            let slug = pipeline["slug"].str();
            paths.push(format!("{path}/{slug}/schedules?per_page=100"));
        }
        let teams = format!("/organizations/{organization}/teams");
        for team in client.get(&teams).expect(200).items() {
            let team = team["id"].str();
            paths.push(format!("{teams}/{team}/members?per_page=100"));
            paths.push(format!("{teams}/{team}/pipelines?per_page=100"));
        }
        paths.push(format!(
            "/organizations/{organization}/members?per_page=100"
        ));
        paths.push(teams);
        paths.push(path);
        let path = format!("/organizations/{organization}/clusters");
        for cluster in client.get(&path).expect(200).items() {
            let id = cluster["id"].str();
            paths.push(format!("{path}/{id}/queues?per_page=100"));
            paths.push(format!("{path}/{id}/tokens?per_page=100"));
        }
        paths.push(path);
        paths.push(format!("/organizations/{organization}/agents?per_page=100"));
    }
    for path in paths {
        let answer = client.get(&path);
        assert_eq!(answer.status, 200, "{}", answer.text);
        world.push(answer.text);
    }
    world.concat()
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }

    /// The body, if the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The `message` of an error with this status.
    #[track_caller]
    pub(crate) fn message(&self, status: u16) -> String {
        self.expect(status)["message"].str().to_owned()
    }
}

/// JSON whose objects keep the order of their keys.
#[derive(Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    #[track_caller]
    pub(crate) fn str(&self) -> &str {
        let Self::String(text) = self else {
            panic!("no string: {self:?}")
        };
        text
    }

    #[track_caller]
    pub(crate) fn number(&self) -> i64 {
        let Self::Number(number) = self else {
            panic!("no number: {self:?}")
        };
        number.as_i64().expect("a whole number")
    }

    #[track_caller]
    pub(crate) fn bool(&self) -> bool {
        let Self::Bool(value) = self else {
            panic!("no boolean: {self:?}")
        };
        *value
    }

    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    #[track_caller]
    pub(crate) fn items(&self) -> &[Json] {
        let Self::Array(items) = self else {
            panic!("no array: {self:?}")
        };
        items
    }

    #[track_caller]
    pub(crate) fn entries(&self) -> &[(String, Json)] {
        let Self::Object(entries) = self else {
            panic!("no object: {self:?}")
        };
        entries
    }

    #[track_caller]
    pub(crate) fn keys(&self) -> Vec<&str> {
        self.entries().iter().map(|(key, _)| key.as_str()).collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        let Self::Object(entries) = self else {
            return None;
        };
        entries
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }
}

impl Index<&str> for Json {
    type Output = Json;

    #[track_caller]
    fn index(&self, key: &str) -> &Json {
        self.get(key)
            .unwrap_or_else(|| panic!("no key `{key}` in {self:?}"))
    }
}

impl Index<usize> for Json {
    type Output = Json;

    #[track_caller]
    fn index(&self, n: usize) -> &Json {
        &self.items()[n]
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::String(text) => text.fmt(f),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Object(entries) => f
                .debug_map()
                .entries(entries.iter().map(|(key, value)| (key, value)))
                .finish(),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Number(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Number(
                    serde_json::Number::from_f64(value).expect("finite"),
                ))
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::String(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut array = Vec::new();
                while let Some(item) = items.next_element()? {
                    array.push(item);
                }
                Ok(Json::Array(array))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut object = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    object.push(entry);
                }
                Ok(Json::Object(object))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
