//! Conditional requests: a client that has a body already is spared it.
//!
//! A tag stands for what went into a body, by versions, and versions repeat when the world goes back and on in another
//! way. So a tag is only taken for known if it was given out on the way to where the world is now: the list of those is
//! part of the world, and goes back with it. A client that kept one from a future that is no more gets the body anew.

use crate::http::reply::{Body, Reply};
use crate::http::request::{Method, Request};
use crate::persistent::Index;
use crate::persistent::List;

/// How many tags are remembered: the last 10,000. Whoever comes with an older one gets the body anew.
const REMEMBERED: usize = 10_000;

/// The 32 digits of a tag, eight in a word. No text of its own, because thousands are compared with each body that is new.
type Digits = [u64; 4];

/// The tags that were given out, persistent like everything of the world.
#[derive(Debug, Clone)]
pub(crate) struct Tags {
    given: Index<Digits, ()>,
    /// In the order in which they were given out for the first time; the newest take the places of the oldest.
    order: List<Digits>,
    count: usize,
}

impl Default for Tags {
    fn default() -> Self {
        Self {
            given: Index::new(),
            order: List::new(),
            count: 0,
        }
    }
}

impl Tags {
    /// Leaves the body out if the client has it.
    pub(super) fn spare(&mut self, request: &Request, mut reply: Reply) -> Reply {
        let is_read = matches!(request.method, Method::Get | Method::Head);
        let Some(tag) = reply.header("etag").filter(|_| reply.status == 200) else {
            return reply;
        };
        let digits = digits_of(tag);
        let is_known = self.given.contains(&digits);
        let known = request.header("if-none-match").filter(|_| is_read);
        let is_spared = known.is_some_and(|known| {
            let names_it = || known.split(',').any(|one| weak(one) == weak(tag));
            known.trim() == "*" || is_known && names_it()
        });
        if !is_known {
            self.give(digits);
        }
        if is_spared {
            reply.status = 304;
            reply.body = Body::default();
            reply.headers.retain(|(name, _)| name != "content-type");
        }
        reply
    }

    fn give(&mut self, tag: Digits) {
        self.given.insert(tag, ());
        match self.order.get_mut(self.count % REMEMBERED) {
            Some(oldest) => {
                let oldest = std::mem::replace(oldest, tag);
                self.given.remove(&oldest);
            }
            None => self.order.push(tag),
        }
        self.count += 1;
    }
}

/// Of a tag of ours, `W/"..."`.
fn digits_of(tag: &str) -> Digits {
    let digits = tag.as_bytes().get(3..).and_then(<[u8]>::first_chunk::<32>);
    let mut rest = &digits.expect("our tags have 32 digits")[..];
    let mut words = [0; 4];
    for word in &mut words {
        *word = u64::from_be_bytes(*rest.first_chunk().expect("eight for each word"));
        rest = &rest[8..];
    }
    words
}

/// Without what says that it is a weak one: all are.
fn weak(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_apart_by_every_digit() {
        let tag = |at: usize, digit: &str| {
            let mut digits = "0123456789abcdef".repeat(2);
            digits.replace_range(at..=at, digit);
            digits_of(&format!("W/\"{digits}\""))
        };
        for at in 0..32 {
            assert_eq!(tag(at, "x"), tag(at, "x"));
            assert_ne!(tag(at, "x"), tag(at, "y"));
            assert_ne!(tag(at, "x"), tag((at + 1) % 32, "x"));
        }
    }

    #[test]
    fn the_last_tags_are_remembered_and_no_more() {
        let mut tags = Tags::default();
        for n in 0..=2 * REMEMBERED {
            tags.give([0, 0, 0, n as u64]);
        }
        let knows = |n: usize| tags.given.contains(&[0, 0, 0, n as u64]);
        assert_eq!(
            [0, REMEMBERED, REMEMBERED + 1, 2 * REMEMBERED].map(knows),
            [false, false, true, true]
        );
        assert_eq!(
            (tags.given.iter().count(), tags.order.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}
