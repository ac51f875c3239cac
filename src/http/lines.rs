//! Heads of replies as they go over the wire, where hyper does not write them.
//!
//! Replies resemble each other, so the lines of the last few are kept, and of a reply that has the same headers only the
//! values are written that differ.
//!
//! Elsewhere: the same for hyper (`spelling`), and what is legal in a header.

use std::borrow::Cow;
use std::ops::Range;

use super::reply::{Reply, Value};
use super::spelling::{is_same, spelled_name, spelled_value};

/// The headers of how many different replies are kept: the last 4.
const REPLIES: usize = 4;

/// Lines that are known.
#[derive(Debug, Default)]
pub(super) struct Lines {
    known: Vec<Known>,
}

/// The headers of a reply, and their lines, each with its end.
#[derive(Debug)]
struct Known {
    headers: Vec<(Cow<'static, str>, Value)>,
    text: Vec<u8>,
    /// Where the values are in it.
    places: Vec<Range<usize>>,
}

impl Lines {
    /// The head of this reply to a GET, as hyper writes it on a connection that is kept. None, if that is better left to
    /// hyper: everything that says more than "here it is" or "you have it", and what HTTP has no room for.
    pub(super) fn head(&mut self, reply: &Reply) -> Option<Vec<u8>> {
        let length = reply.body.len();
        let (first, last) = match reply.status {
            200 if length > 0 && reply.body.is_there() => (
                "HTTP/1.1 200 OK\r\n",
                format!("content-length: {length}\r\n\r\n"),
            ),
            304 if length == 0 => ("HTTP/1.1 304 Not Modified\r\n", "\r\n".to_owned()),
            _ => return None,
        };
        let lines = self.of(&reply.headers)?;
        let mut head = Vec::with_capacity(first.len() + lines.len() + last.len());
        head.extend_from_slice(first.as_bytes());
        head.extend_from_slice(lines);
        head.extend_from_slice(last.as_bytes());
        Some(head)
    }

    /// The lines of these headers, if they are legal and none of them is about the connection.
    fn of(&mut self, headers: &[(Cow<'static, str>, Value)]) -> Option<&[u8]> {
        let like = self.known.iter().position(|known| known.is_like(headers));
        let at = match like {
            Some(at) if self.known[at].turn_to(headers) => at,
            Some(at) => {
                self.known[at] = Known::new(headers)?;
                at
            }
            None => {
                let known = Known::new(headers)?;
                self.known.truncate(REPLIES - 1);
                self.known.insert(0, known);
                0
            }
        };
        Some(&self.known[at].text)
    }
}

impl Known {
    fn new(headers: &[(Cow<'static, str>, Value)]) -> Option<Self> {
        let mut text = Vec::new();
        let mut places = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let spelled = spelled_name(name).ok()?;
            spelled_value(name, value).ok()?;
            if spelled.as_str() == "connection" {
                return None;
            }
            text.extend_from_slice(spelled.as_str().as_bytes());
            text.extend_from_slice(b": ");
            places.push(text.len()..text.len() + value.len());
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        Some(Self {
            headers: headers.to_vec(),
            text,
            places,
        })
    }

    fn is_like(&self, headers: &[(Cow<'static, str>, Value)]) -> bool {
        let mut names = self.headers.iter().zip(headers);
        self.headers.len() == headers.len() && names.all(|((known, _), (name, _))| known == name)
    }

    /// Writes the values that differ where the others were. False, if that is not to be done in place.
    fn turn_to(&mut self, headers: &[(Cow<'static, str>, Value)]) -> bool {
        for (at, (name, value)) in headers.iter().enumerate() {
            let known = &mut self.headers[at].1;
            if is_same(known, value) {
                continue;
            }
            if known.len() != value.len() || spelled_value(name, value).is_err() {
                return false;
            }
            self.text[self.places[at].clone()].copy_from_slice(value.as_bytes());
            *known = value.clone();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(headers: &[(&'static str, &str)]) -> Reply {
        let mut reply = Reply::new(200);
        for (name, value) in headers {
            reply = reply.with_header(*name, (*value).to_owned());
        }
        reply.body = "{}".to_owned().into();
        reply
    }

    fn written(lines: &mut Lines, reply: &Reply) -> Option<String> {
        let head = lines.head(reply)?;
        Some(String::from_utf8(head).expect("text"))
    }

    #[test]
    fn heads_are_the_same_whether_others_like_them_came_before_or_not() {
        let mut lines = Lines::default();
        let values = ["a", "b", "", "longer", "b", "c\td", "é"];
        for (one, other) in values
            .iter()
            .flat_map(|one| values.map(|other| (*one, other)))
        {
            let reply = reply(&[("x-one", one), ("vary", "Accept"), ("x-one", other)]);
            let head = format!(
                "HTTP/1.1 200 OK\r\nx-one: {one}\r\nvary: Accept\r\nx-one: {other}\r\ncontent-length: 2\r\n\r\n"
            );
            assert_eq!(written(&mut lines, &reply), Some(head));
        }
        assert_eq!(lines.known.len(), 1);
    }

    #[test]
    fn what_is_no_header_or_about_the_connection_is_left_to_hyper() {
        let mut lines = Lines::default();
        assert!(lines.head(&reply(&[("date", "monday")])).is_some());
        let refused = [
            ("date", "mon\nday"),
            ("date", "m\nnday"),
            ("da te", "monday"),
            ("connection", "close"),
            ("content-length", "2"),
            ("transfer-encoding", "chunked"),
        ];
        for header in refused {
            assert_eq!(lines.head(&reply(&[header])), None, "{header:?}");
        }
        let whole = reply(&[("date", "monday")]);
        assert!(
            lines.head(&whole).is_some(),
            "nothing is left of what was refused"
        );
        for status in [199, 201, 204, 206, 304, 404, 500] {
            let other = Reply {
                status,
                ..whole.clone()
            };
            assert_eq!(lines.head(&other), None, "{status}");
        }
        let empty = Reply {
            body: String::new().into(),
            ..whole
        };
        assert_eq!(
            lines.head(&empty),
            None,
            "that there is nothing is to be said"
        );
        let head = written(
            &mut lines,
            &Reply {
                status: 304,
                ..empty
            },
        );
        assert_eq!(
            head.as_deref(),
            Some("HTTP/1.1 304 Not Modified\r\ndate: monday\r\n\r\n")
        );
    }

    #[test]
    fn a_few_kinds_of_replies_are_known() {
        let mut lines = Lines::default();
        for name in ["a", "b", "c", "d", "e", "f"] {
            assert!(lines.head(&reply(&[(name, "x")])).is_some());
        }
        assert_eq!(lines.known.len(), REPLIES);
        assert_eq!(lines.known[0].headers[0].0, "f");
    }
}
