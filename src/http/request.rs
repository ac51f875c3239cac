//! A request as the rooms behind the edge see it: owned, complete, free of hyper.
//!
//! Elsewhere: how it is read from a socket and what is refused there (`connection`), which endpoint it means
//! (`router`).

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::server::{Names, SECOND};
use crate::journal::Asked;

/// One complete request; its body is within the limit.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// As sent, still percent-encoded. Starts with `/`, save for `OPTIONS *` (`*`) and `CONNECT` (empty).
    pub(crate) path: String,
    /// As sent, without the `?`; empty when there is none.
    pub(crate) query: String,
    /// Names in lower case. In the order sent, values of a repeated name next to each other; bytes that are not UTF-8
    /// are replaced by U+FFFD.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) via: Via,
    /// What of it goes into the record, once that was asked for.
    pub(crate) record: OnceLock<Arc<Asked>>,
}

/// How a request came in.
#[derive(Debug, Clone, Default)]
pub(crate) enum Via {
    /// On a connection in memory, on which every name leads to the same place.
    #[default]
    Memory,
    /// At an address of a server, which may have another name.
    Socket(Arc<Names>),
}

impl Via {
    /// Another name for the host of this origin that leads to the same server, with the scheme and the port of this
    /// one.
    pub(crate) fn other_origin(&self, origin: &str) -> Option<String> {
        let Self::Socket(names) = self else {
            return None;
        };
        other_origin(origin, || names.other())
    }
}

fn other_origin(origin: &str, other: impl FnOnce() -> Option<String>) -> Option<String> {
    let authority = origin.strip_prefix("http://")?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, format!(":{port}")),
        None => (authority, String::new()),
    };
    let first = Ipv4Addr::LOCALHOST.to_string();
    let there = if host == first {
        other()?
    } else if host == "localhost" || host == SECOND.to_string() {
        first
    } else {
        return None;
    };
    Some(format!("http://{there}{port}"))
}

/// The same server, and the same way to it.
impl PartialEq for Via {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory, Self::Memory) => true,
            (Self::Socket(a), Self::Socket(b)) => Arc::ptr_eq(a, b),
            (Self::Memory, Self::Socket(_)) | (Self::Socket(_), Self::Memory) => false,
        }
    }
}

impl Eq for Via {}

impl Request {
    /// What of it may be kept: the same for all times it comes.
    pub(crate) fn asked(&self) -> Arc<Asked> {
        let Self {
            method,
            path,
            query,
            headers,
            body,
            ..
        } = self;
        let asked = || Arc::new(Asked::new(method.as_str(), path, query, headers, body));
        Arc::clone(self.record.get_or_init(asked))
    }

    /// The first value of a header; `name` in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// A request method. Case matters in HTTP: `get` is `Other("get")`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Other(String),
}

impl Method {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Method {
    fn from(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_origin_is_another_name_of_the_loopback_device() {
        let table = [
            ("http://127.0.0.1:80", Some("http://other:80")),
            ("http://127.0.0.1", Some("http://other")),
            ("http://localhost:80", Some("http://127.0.0.1:80")),
            ("http://localhost", Some("http://127.0.0.1")),
            ("http://127.0.0.2:80", Some("http://127.0.0.1:80")),
            ("http://localhost.test", None),
            ("http://127.0.0.11", None),
            ("http://fake.test", None),
            ("http://[::1]:80", None),
            ("https://localhost", None),
        ];
        for (origin, expected) in table {
            let found = other_origin(origin, || Some("other".to_owned()));
            assert_eq!(found.as_deref(), expected, "{origin}");
        }
        assert_eq!(other_origin("http://127.0.0.1:80", || None), None);
        let back = other_origin("http://localhost:80", || None);
        assert_eq!(back.as_deref(), Some("http://127.0.0.1:80"));
        assert_eq!(Via::Memory.other_origin("http://127.0.0.1:80"), None);
    }

    #[test]
    fn a_method_prints_as_it_was_sent() {
        for name in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "get",
        ] {
            assert_eq!(Method::from(name).to_string(), name);
        }
        assert_ne!(Method::from("get"), Method::Get);
    }

    #[test]
    fn a_header_is_found_in_any_case_and_the_first_value_wins() {
        let request = Request {
            method: Method::Get,
            path: "/".to_owned(),
            query: String::new(),
            headers: [("accept", "a"), ("accept", "b")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: Bytes::new(),
            via: Via::Memory,
            record: OnceLock::new(),
        };
        assert_eq!(request.header("Accept"), Some("a"));
        assert_eq!(request.header("authorization"), None);
    }
}
