//! Lists by page: `page`, `per_page` and the `Link` header.
//!
//! Source: Buildkite docs, "REST API", section "Pagination"; recorded headers.

use std::ops::Range;

use crate::http::query::Query;

/// How many entries a page has if the request does not say: 30. The most it can have: 100.
const PER_PAGE: usize = 30;
const MOST_PER_PAGE: usize = 100;

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// From 1.
    number: usize,
    per_page: usize,
}

impl Page {
    /// Chosen: what is no page number is page 1, `per_page` is brought into its limits, and nothing is an error.
    pub(crate) fn of(query: &Query) -> Self {
        let number = |key| {
            query
                .last(key)
                .and_then(whole_number)
                .filter(|number| *number > 0)
        };
        Self {
            number: number("page").unwrap_or(1),
            per_page: number("per_page").unwrap_or(PER_PAGE).min(MOST_PER_PAGE),
        }
    }

    /// The places of its entries in the list, from 0; the list may end before.
    pub(crate) fn places(self) -> Range<usize> {
        let first = (self.number - 1).saturating_mul(self.per_page);
        first..first.saturating_add(self.per_page)
    }

    /// The entries of this page; a page past the end is empty.
    pub(crate) fn cut<T: Copy>(self, all: &[T]) -> Vec<T> {
        let places = self.places();
        let after = all.iter().skip(places.start);
        after.take(places.len()).copied().collect()
    }

    /// The `Link` header for a list of `total` entries, or `None` if everything fits on this page.
    ///
    /// Order as recorded: `next`, `last` on the first page; `first`, `prev`, `next`, `last` in between; `first`, `prev`
    /// on the last.
    pub(crate) fn link(self, url: &str, query: &Query, total: usize) -> Option<String> {
        let last = total.div_ceil(self.per_page).max(1);
        let entry = |number: usize, name| {
            format!(
                "<{url}?{}>; rel=\"{name}\"",
                query.with("page", &number.to_string())
            )
        };
        let mut entries = Vec::new();
        if self.number > 1 {
            entries.push(entry(1, "first"));
            // Past the end, the page before is the last one there is.
            entries.push(entry((self.number - 1).min(last), "prev"));
        }
        if self.number < last {
            entries.push(entry(self.number + 1, "next"));
            entries.push(entry(last, "last"));
        }
        (!entries.is_empty()).then(|| entries.join(", "))
    }
}

/// A number that no machine has is the largest it has: a page past the end is empty, however far past, and a client
/// that asks for page after page comes to an end.
fn whole_number(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(query: &str, total: usize) -> Option<String> {
        let query = Query::parse(query);
        Page::of(&query).link("http://fake.test/v2/builds", &query, total)
    }

    #[test]
    fn links_are_exact() {
        let url = "http://fake.test/v2/builds";
        assert_eq!(link("", 30), None);
        assert_eq!(link("", 0), None);
        assert_eq!(
            link("", 31),
            Some(format!(
                "<{url}?page=2>; rel=\"next\", <{url}?page=2>; rel=\"last\""
            ))
        );
        assert_eq!(
            link("per_page=2&page=2", 5),
            Some(format!(
                "<{url}?page=1&per_page=2>; rel=\"first\", <{url}?page=1&per_page=2>; rel=\"prev\", \
                 <{url}?page=3&per_page=2>; rel=\"next\", <{url}?page=3&per_page=2>; rel=\"last\""
            ))
        );
        assert_eq!(
            link("page=3&per_page=2&branch=a%2Fb", 5),
            Some(format!(
                "<{url}?branch=a%2Fb&page=1&per_page=2>; rel=\"first\", \
                 <{url}?branch=a%2Fb&page=2&per_page=2>; rel=\"prev\""
            ))
        );
    }

    #[test]
    fn odd_pages_are_brought_into_the_limits() {
        let page = |text| Page::of(&Query::parse(text));
        assert_eq!(
            page("page=99999999999999999999999&per_page=99999999999999999999999"),
            Page {
                number: usize::MAX,
                per_page: 100
            }
        );
        assert_eq!(
            page("page=0&per_page=0"),
            Page {
                number: 1,
                per_page: 30
            }
        );
        assert_eq!(
            page("page=-1&per_page=x"),
            Page {
                number: 1,
                per_page: 30
            }
        );
        assert_eq!(
            page("page=2&per_page=500"),
            Page {
                number: 2,
                per_page: 100
            }
        );
        assert_eq!(
            page("page=99999999999999999999"),
            Page {
                number: usize::MAX,
                per_page: 30
            }
        );
        let all: Vec<usize> = (0..70).collect();
        assert_eq!(page("page=3").cut(&all), (60..70).collect::<Vec<_>>());
        assert!(page("page=4").cut(&all).is_empty());
        assert!(
            page(&format!("page={}&per_page=100", usize::MAX))
                .cut(&all)
                .is_empty()
        );
    }
}
