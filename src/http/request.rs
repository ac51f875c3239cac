//! A request as the rooms behind the edge see it: owned, complete, free of hyper.
//!
//! Elsewhere: how it is read from a socket and what is refused there (`connection`), which endpoint it means (`router`).

use std::fmt;

use bytes::Bytes;

/// One complete request; its body is within the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// As sent, still percent-encoded. Starts with `/`, save for `OPTIONS *` (`*`) and `CONNECT` (empty).
    pub(crate) path: String,
    /// As sent, without the `?`; empty when there is none.
    pub(crate) query: String,
    /// Names in lower case. In the order sent, values of a repeated name next to each other; bytes that are not UTF-8 are replaced by U+FFFD.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Request {
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
        };
        assert_eq!(request.header("Accept"), Some("a"));
        assert_eq!(request.header("authorization"), None);
    }
}
