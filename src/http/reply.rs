//! A reply as the rooms behind the edge give it: owned, complete, free of hyper; and when and how it is to be sent.
//!
//! Elsewhere: framing (`content-length`, `connection`) and the check that it is legal HTTP (`connection`).

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::IoSlice;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

const JSON: &str = "application/json; charset=utf-8";

/// What a reply says: pieces that may be shared with whoever keeps them, so that they can be large and are never
/// copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Body {
    /// None is empty.
    pieces: VecDeque<Bytes>,
    /// How many bytes they are, or would be.
    len: usize,
}

impl Body {
    /// One that HEAD asks about: its length, without itself.
    pub(crate) fn announced(len: usize) -> Self {
        Self {
            pieces: VecDeque::new(),
            len,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is more to it than its length.
    pub(crate) fn is_there(&self) -> bool {
        self.pieces.iter().map(Bytes::len).sum::<usize>() == self.len
    }

    /// Takes the first piece away.
    pub(crate) fn next_piece(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front()?;
        self.len -= piece.len();
        Some(piece)
    }

    /// Takes the first bytes away; all of them, if there are not so many.
    pub(crate) fn split_to(&mut self, len: usize) -> Self {
        let mut first = Self::default();
        while let Some(next) = self.pieces.front_mut().filter(|_| first.len < len) {
            let part = next.split_to(next.len().min(len - first.len));
            if next.is_empty() {
                self.pieces.pop_front();
            }
            self.len -= part.len();
            first.push(part);
        }
        first
    }

    /// With this before it.
    pub(super) fn after(mut self, piece: Bytes) -> Self {
        self.len += piece.len();
        self.pieces.push_front(piece);
        self
    }

    /// The pieces that can be written at once, as the system takes them; how many they are.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = slices.iter_mut().zip(&self.pieces);
        pieces
            .map(|(slice, piece)| *slice = IoSlice::new(piece))
            .count()
    }

    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push_back(piece);
        }
    }
}

impl FromIterator<Bytes> for Body {
    fn from_iter<T: IntoIterator<Item = Bytes>>(pieces: T) -> Self {
        let mut body = Self::default();
        pieces.into_iter().for_each(|piece| body.push(piece));
        body
    }
}

impl From<Bytes> for Body {
    fn from(whole: Bytes) -> Self {
        Self::from_iter([whole])
    }
}

impl From<Vec<u8>> for Body {
    fn from(whole: Vec<u8>) -> Self {
        Bytes::from(whole).into()
    }
}

impl From<String> for Body {
    fn from(whole: String) -> Self {
        Bytes::from(whole).into()
    }
}

#[cfg(test)]
impl Body {
    /// All of it, which is text.
    pub(crate) fn text(&self) -> String {
        let pieces: Vec<&[u8]> = self.pieces.iter().map(AsRef::as_ref).collect();
        String::from_utf8(pieces.concat()).expect("text")
    }
}

#[cfg(test)]
impl PartialEq<&str> for Body {
    fn eq(&self, other: &&str) -> bool {
        self.text() == *other
    }
}

/// The value of a header.
#[derive(Clone)]
pub(crate) enum Value {
    /// The same in every reply that has it.
    Fixed(&'static str),
    /// The same in many.
    Shared(Arc<str>),
    Own(String),
}

impl Deref for Value {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Shared(text) => text,
            Self::Own(text) => text,
        }
    }
}

/// However it is kept.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Value {}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Fixed(text)
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Own(text)
    }
}

/// One complete reply. The edge adds what HTTP needs and nothing else, so `date` is written here by whoever knows the
/// time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// In this order on the wire, names in lower case, values of a repeated name next to each other. `content-length`
    /// and `transfer-encoding` belong to the edge and are refused here.
    pub(crate) headers: Vec<(Cow<'static, str>, Value)>,
    /// Not sent in answer to HEAD, nor with 204 and 304.
    pub(crate) body: Body,
}

impl Reply {
    /// No headers, no body.
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::default(),
        }
    }

    /// A body that is JSON already.
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::new(status).with_header("content-type", JSON);
        reply.body = body.into().into();
        reply
    }

    /// `{"message":"…"}` and a newline: the shape of every error of the edge itself.
    pub(crate) fn message(status: u16, text: &str) -> Self {
        Self::json(status, format!("{}\n", json!({ "message": text })))
    }

    pub(crate) fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
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
            .map(|(_, value)| &**value)
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
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) reply: Reply,
    pub(crate) delivery: Delivery,
    /// If somebody wants to know that it was not read.
    pub(crate) receipt: Option<Receipt>,
}

/// Keeps the record of what was answered.
pub(crate) trait Recorder: Send + Sync {
    /// The client had gone before it had read the answer to a request. `is_ours` is whether the server has a runtime of its
    /// own.
    fn client_left(&self, entry: Entry, is_ours: bool);
}

/// A request in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// How often the record had gone back to an earlier one: numbers are given anew then.
    pub(crate) past: u64,
    pub(crate) number: u64,
}

/// Whom to tell if an answer is not read.
#[derive(Clone)]
pub(crate) struct Receipt {
    pub(crate) recorder: Weak<dyn Recorder>,
    pub(crate) entry: Entry,
}

impl Receipt {
    pub(crate) fn was_not_read(&self, is_ours: bool) {
        if let Some(recorder) = self.recorder.upgrade() {
            recorder.client_left(self.entry, is_ours);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
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
            receipt: None,
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
    fn a_body_is_taken_apart_without_a_copy() {
        let pieces = ["abc", "", "de", "f"].map(|piece| Bytes::from_static(piece.as_bytes()));
        let whole: Body = pieces.iter().cloned().collect();
        assert_eq!(whole, "abcdef");
        for first in 0..8 {
            let mut rest = whole.clone();
            let begin = rest.split_to(first);
            let at = first.min(6);
            assert_eq!((begin.len(), rest.len()), (at, 6 - at));
            assert_eq!(begin, &"abcdef"[..at]);
            assert_eq!(rest, &"abcdef"[at..]);
            assert!(begin.is_there() && rest.is_there());
        }
        let mut rest = whole.clone();
        rest.split_to(1);
        let piece = rest.next_piece().expect("the rest of the first");
        assert_eq!(piece.as_ptr(), pieces[0][1..].as_ptr());
        assert_eq!(rest.next_piece(), Some(pieces[2].clone()));
        assert_eq!(rest.next_piece(), Some(pieces[3].clone()));
        assert_eq!((rest.next_piece(), rest.len()), (None, 0));
        let announced = Body::announced(3);
        assert!(!announced.is_there() && announced.len() == 3 && !announced.is_empty());
    }

    #[test]
    fn a_message_is_json_whatever_it_says_and_ends_in_one_newline() {
        let reply = Reply::message(500, "a \"quoted\"\nline");
        assert_eq!(reply.body, "{\"message\":\"a \\\"quoted\\\"\\nline\"}\n");
        assert_eq!(reply.header("Content-Type"), Some(JSON));
    }
}
