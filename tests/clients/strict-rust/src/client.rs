//! One request, one strictly decoded answer.

use std::env;

use reqwest::Method;
use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{ACCEPT, HeaderMap, LINK};
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::shapes::Refusal;

pub struct Client {
    http: Http,
    /// Ends in a slash.
    base: String,
    token: String,
    /// The organization's path, without a slash at its end.
    pub organization: String,
    /// What the host said of the fake.
    pub about: Value,
}

impl Client {
    /// Of the fake that stands still and has everything in it.
    pub fn furnished() -> Self {
        Self::of(host()["furnished"].clone())
    }

    /// Of the fake whose builds move with every poll.
    pub fn moving() -> Self {
        Self::of(host())
    }

    fn of(about: Value) -> Self {
        let text = |key: &str| about[key].as_str().expect(key).to_owned();
        Self {
            http: Http::builder()
                .redirect(Policy::none())
                .no_proxy()
                .build()
                .expect("a client"),
            base: text("api_url"),
            token: text("token"),
            organization: format!("organizations/{}", text("organization")),
            about,
        }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self {
            http: self.http.clone(),
            base: self.base.clone(),
            token: token.to_owned(),
            organization: self.organization.clone(),
            about: self.about.clone(),
        }
    }

    /// The path of an address the fake gave, as the methods here take it.
    pub fn path_of(&self, url: &str) -> String {
        let path = url.strip_prefix(&self.base);
        path.unwrap_or_else(|| panic!("{url} is not below {}", self.base))
            .to_owned()
    }

    pub fn in_organization(&self, rest: &str) -> String {
        format!("{}/{rest}", self.organization)
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.ask("GET", path, None, 200)
    }

    /// Every page of a list.
    pub fn all<T: DeserializeOwned>(&self, path: &str) -> Vec<T> {
        let mut all = Vec::new();
        let mut page = Some(path.to_owned());
        while let Some(path) = page {
            let answer = self.send("GET", &path, None, None);
            page = next(answer.headers()).map(|url| self.path_of(&url));
            all.extend(decoded::<Vec<T>>(answer, "GET", &path, 200));
        }
        all
    }

    pub fn post<T: DeserializeOwned>(&self, path: &str, body: Value, status: u16) -> T {
        self.ask("POST", path, Some(body), status)
    }

    pub fn put<T: DeserializeOwned>(&self, path: &str, body: Value) -> T {
        self.ask("PUT", path, Some(body), 200)
    }

    pub fn patch<T: DeserializeOwned>(&self, path: &str, body: Value) -> T {
        self.ask("PATCH", path, Some(body), 200)
    }

    pub fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> T {
        decoded(self.send(method, path, body, None), method, path, status)
    }

    pub fn delete(&self, path: &str) {
        self.empty("DELETE", path, None, 204);
    }

    /// An answer that has to be empty.
    pub fn empty(&self, method: &str, path: &str, body: Option<Value>, status: u16) {
        let answer = self.send(method, path, body, None);
        let found = (answer.status().as_u16(), answer.text().expect("a body"));
        assert_eq!(found, (status, String::new()), "{method} {path}");
    }

    /// An answer that is not JSON: its media type and what it says.
    pub fn text(&self, path: &str, accept: &str) -> (String, String) {
        let answer = self.send("GET", path, None, Some(accept));
        assert_eq!(answer.status(), 200, "GET {path}");
        let kind = answer.headers()["content-type"]
            .to_str()
            .expect("text")
            .to_owned();
        (kind, answer.text().expect("a body"))
    }

    /// The message with which the fake refuses.
    pub fn refused(&self, method: &str, path: &str, body: Option<Value>, status: u16) -> String {
        self.ask::<Refusal>(method, path, body, status).message
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        accept: Option<&str>,
    ) -> Response {
        let method: Method = method.parse().expect("a method");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().expect("an answer")
    }

    /// An address as it is, without a token.
    pub fn follow(&self, url: &str) -> Response {
        self.http.get(url).send().expect("an answer")
    }
}

fn host() -> Value {
    let line = env::var("FAKE_BUILDKITE").expect("FAKE_BUILDKITE has the line of the host");
    serde_json::from_str(&line).expect("JSON")
}

fn decoded<T: DeserializeOwned>(answer: Response, method: &str, path: &str, status: u16) -> T {
    let found = answer.status().as_u16();
    let text = answer.text().expect("a body");
    assert_eq!(found, status, "{method} {path}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error}\n{text}"))
}

/// The next page, as `link` names it.
fn next(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().expect("text");
    let next = links
        .split(", ")
        .find(|link| link.ends_with("; rel=\"next\""))?;
    Some(next.split_once('>')?.0.trim_start_matches('<').to_owned())
}
