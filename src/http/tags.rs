//! Conditional requests: a client that has a body already is spared it.
//!
//! A tag stands for what went into a body, by versions, and versions repeat when the world goes back and on in another
//! way. So a tag is only taken for known if it was given out on the way to where the world is now: the list of those is
//! part of the world, and goes back with it. A client that kept one from a future that is no more gets the body anew.

use std::sync::Arc;

use crate::engine::index::Index;
use crate::engine::list::List;
use crate::http::reply::{Body, Reply};
use crate::http::request::{Method, Request};

/// How many tags are remembered: the last 10,000. Whoever comes with an older one gets the body anew.
const REMEMBERED: usize = 10_000;

/// The tags that were given out, persistent like everything of the world.
#[derive(Debug, Clone)]
pub(crate) struct Tags {
    given: Index<Arc<str>, ()>,
    /// In the order in which they were given out for the first time; the newest take the places of the oldest.
    order: List<Arc<str>>,
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
        let tag: Arc<str> = weak(tag).into();
        let is_known = self.given.contains(&tag);
        if !is_known {
            self.give(Arc::clone(&tag));
        }
        let known = request.header("if-none-match").filter(|_| is_read);
        let is_spared = known.is_some_and(|known| {
            let names_it = || known.split(',').any(|one| weak(one) == &*tag);
            known.trim() == "*" || is_known && names_it()
        });
        if is_spared {
            reply.status = 304;
            reply.body = Body::default();
            reply.headers.retain(|(name, _)| name != "content-type");
        }
        reply
    }

    fn give(&mut self, tag: Arc<str>) {
        self.given.insert(Arc::clone(&tag), ());
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

/// Without what says that it is a weak one: all are.
fn weak(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tags_are_remembered_and_no_more() {
        let mut tags = Tags::default();
        for n in 0..=2 * REMEMBERED {
            tags.give(n.to_string().into());
        }
        let knows = |n: usize| tags.given.contains(&n.to_string().into());
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
