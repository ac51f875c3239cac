//! A reply as the rooms behind the edge give it: owned, complete, free of hyper; and when and how it is to be sent.
//!
//! Elsewhere: framing (`content-length`, `connection`) and the check that it is legal HTTP (`connection`).

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

const JSON: &str = "application/json; charset=utf-8";

/// One complete reply. The edge adds what HTTP needs and nothing else, so `date` is written here by whoever knows the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In this order on the wire, names in lower case, values of a repeated name next to each other. `content-length`
    /// and `transfer-encoding` belong to the edge and are refused here.
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    /// Not sent in answer to HEAD, nor with 204 and 304.
    pub(crate) body: Bytes,
}

impl Reply {
    /// No headers, no body.
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A body that is JSON already.
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::new(status).with_header("content-type", JSON);
        reply.body = body.into();
        reply
    }

    /// `{"message":"…"}` and a newline: the shape of every error of the edge itself.
    pub(crate) fn message(status: u16, text: &str) -> Self {
        Self::json(status, format!("{}\n", json!({ "message": text })))
    }

    pub(crate) fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The connection ends after this reply.
    pub(crate) fn closing(self) -> Self {
        self.with_header("connection", "close")
    }

    /// The first value of a header; `name` in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// How a reply is sent. All but the first are faults, and end the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As it is.
    Whole,
    /// Not at all: the connection is reset.
    Reset,
    /// Not at all: our side of the connection is closed.
    HalfClose,
    /// Not at all, and nothing else happens.
    Stall,
    /// Something that is no HTTP, instead.
    Garbage,
    /// Closed after so many bytes of the body, and before its last one.
    Truncated { bytes: usize },
    /// With a `content-length` that is off by so much.
    WrongLength { by: i64 },
    /// The body in pieces, with a pause between two of them.
    Slow { pieces: usize, pause: Duration },
}

/// A reply that is ready, and how to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) reply: Reply,
    pub(crate) delivery: Delivery,
}

/// What the server is told to say.
pub(crate) enum Answering {
    Now(Served),
    /// Later: the request is held, or the answer is late.
    Waits(Pin<Box<dyn Future<Output = Served> + Send>>),
}

impl From<Reply> for Served {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            delivery: Delivery::Whole,
        }
    }
}

impl From<Reply> for Answering {
    fn from(reply: Reply) -> Self {
        Self::Now(reply.into())
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(served) => served.fmt(f),
            Self::Waits(_) => f.write_str("Waits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_json_whatever_it_says_and_ends_in_one_newline() {
        let reply = Reply::message(500, "a \"quoted\"\nline");
        assert_eq!(reply.body, "{\"message\":\"a \\\"quoted\\\"\\nline\"}\n");
        assert_eq!(reply.header("Content-Type"), Some(JSON));
    }
}
