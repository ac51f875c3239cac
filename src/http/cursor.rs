//! Lists by cursor: `after`, `before`, `per_page`, and the links in the body.
//!
//! A cursor says between which entries a page begins. It does so by the place an entry has for good, the order in which
//! things were made, and not by how many entries come before it: whatever comes, goes or stops fitting the filters
//! while somebody pages, nothing that was there from the start is left out or seen twice.
//!
//! Elsewhere: lists by page (`pagination`).
//! Source: Buildkite docs, "Jobs API", section "List jobs"; buildkite/go-buildkite for `prev` and `first`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use uuid::Uuid;

use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::vocabulary::ids::{Kind, mix};

/// How many entries a page has if the request does not say: 30. The most it can have: 100.
const PER_PAGE: usize = 30;
const MOST_PER_PAGE: usize = 100;

/// The place of an entry among those of its list, given once and kept. Lists are in the order of their places.
pub(crate) type Place = u64;

/// Names a list, so that the cursors of another are none of it: what is listed, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListId(u64);

impl ListId {
    pub(crate) fn new(seed: u64, kind: Kind, of: Uuid) -> Self {
        let (high, low) = of.as_u64_pair();
        Self(mix(mix(mix(seed ^ mix(kind as u64 + 1)) ^ high) ^ low))
    }

    /// The place and a proof that this list gave it out: whatever a client makes up is no cursor.
    fn cursor(self, place: Place) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&place.to_be_bytes());
        bytes[8..].copy_from_slice(&mix(mix(self.0 ^ place) ^ self.0).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn place(self, cursor: &str) -> Option<Place> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let place = Place::from_be_bytes(bytes.first_chunk().copied()?);
        (self.cursor(place) == cursor).then_some(place)
    }
}

/// Which part of a list a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    list: ListId,
    per_page: usize,
    from: From,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Start,
    After(Place),
    Before(Place),
}

/// A page: its entries, and where it leads.
#[derive(Debug, Serialize)]
pub(crate) struct PageJson<S> {
    pub(crate) items: Vec<S>,
    pub(crate) links: LinksJson,
}

/// A page that is not there has no key.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct LinksJson {
    #[serde(rename = "self")]
    pub(crate) itself: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prev: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<String>,
}

impl LinksJson {
    /// Those that are there, each after its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = [
            ("self", Some(&self.itself)),
            ("next", self.next.as_ref()),
            ("prev", self.prev.as_ref()),
            ("first", self.first.as_ref()),
        ];
        let there = named.into_iter();
        there.filter_map(|(name, url)| Some((name, url?.as_str())))
    }
}

impl Window {
    /// Chosen: the texts; that each of these is a 400 is documented.
    pub(crate) fn of(query: &Query, list: ListId) -> Result<Self, ApiError> {
        let per_page = match query.last("per_page") {
            None => PER_PAGE,
            Some(text) => {
                let number = text.parse().ok();
                let allowed = number.filter(|number| (1..=MOST_PER_PAGE).contains(number));
                allowed.ok_or_else(|| {
                    let sentence = format!("per_page must be between 1 and {MOST_PER_PAGE}");
                    ApiError::new(400, sentence)
                })?
            }
        };
        let place = |key, cursor| {
            let place = list.place(cursor);
            place.ok_or_else(|| ApiError::new(400, format!("Invalid {key} cursor")))
        };
        let from = match (query.last("after"), query.last("before")) {
            (None, None) => From::Start,
            (Some(cursor), None) => From::After(place("after", cursor)?),
            (None, Some(cursor)) => From::Before(place("before", cursor)?),
            (Some(_), Some(_)) => {
                let sentence = "after and before cannot be used together";
                return Err(ApiError::new(400, sentence));
            }
        };
        Ok(Self {
            list,
            per_page,
            from,
        })
    }

    /// The entries of the page, of all that there are in the order of their places, and its links at `url`.
    pub(crate) fn cut<T: Copy>(
        &self,
        all: &[(Place, T)],
        url: &str,
        query: &Query,
    ) -> (Vec<T>, LinksJson) {
        debug_assert!(all.is_sorted_by(|a, b| a.0 < b.0), "in their order");
        let (start, end) = match self.from {
            From::Start => (0, self.per_page.min(all.len())),
            From::After(place) => {
                let start = all.partition_point(|(at, _)| *at <= place);
                (start, (start + self.per_page).min(all.len()))
            }
            From::Before(place) => {
                let end = all.partition_point(|(at, _)| *at < place);
                (end.saturating_sub(self.per_page), end)
            }
        };
        let per_page = self.per_page.to_string();
        let link = |after: Option<Place>, before: Option<Place>| {
            let [after, before] = [after, before].map(|at| at.map(|at| self.list.cursor(at)));
            let query = query.with_all(&[
                ("after", after.as_deref()),
                ("before", before.as_deref()),
                ("per_page", Some(&per_page)),
            ]);
            format!("{url}?{query}")
        };
        let is_first = start == 0;
        let prev = (!is_first).then(|| {
            // Nothing is on the page itself if everything behind the cursor is gone; what came before is still there.
            let before = all
                .get(start)
                .map_or_else(|| all[start - 1].0 + 1, |it| it.0);
            link(None, Some(before))
        });
        let next = (end < all.len()).then(|| {
            let after = end.checked_sub(1).map(|last| all[last].0);
            link(after, None)
        });
        let links = LinksJson {
            itself: match self.from {
                From::Start => link(None, None),
                From::After(place) => link(Some(place), None),
                From::Before(place) => link(None, Some(place)),
            },
            next,
            prev,
            first: (!is_first).then(|| link(None, None)),
        };
        let items = all[start..end].iter().map(|(_, item)| *item).collect();
        (items, links)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const URL: &str = "http://fake.test/v2/things";

    fn list() -> ListId {
        ListId::new(7, Kind::Job, Uuid::from_u128(1))
    }

    fn page(query: &str, all: &[Place]) -> Result<(Vec<Place>, LinksJson), ApiError> {
        let query = Query::parse(query);
        let window = Window::of(&query, list())?;
        let all: Vec<_> = all.iter().map(|place| (*place, *place)).collect();
        Ok(window.cut(&all, URL, &query))
    }

    /// What a client sends that follows a link.
    fn query_of(link: &str) -> &str {
        link.strip_prefix(URL)
            .and_then(|rest| rest.strip_prefix('?'))
            .expect("a link to the list")
    }

    #[test]
    fn links_are_exact_and_keep_the_filters() {
        let (items, links) = page("state[]=a&per_page=2&x=1", &[1, 3, 5, 7, 9]).expect("a page");
        assert_eq!(items, [1, 3]);
        let after = list().cursor(3);
        assert_eq!(
            links,
            LinksJson {
                itself: format!("{URL}?per_page=2&state%5B%5D=a&x=1"),
                next: Some(format!("{URL}?after={after}&per_page=2&state%5B%5D=a&x=1")),
                prev: None,
                first: None,
            }
        );
        let next = links.next.expect("a next page");
        let (items, links) = page(query_of(&next), &[1, 3, 5, 7, 9]).expect("a page");
        assert_eq!(items, [5, 7]);
        let before = list().cursor(5);
        assert_eq!(
            links,
            LinksJson {
                itself: next,
                next: Some(format!(
                    "{URL}?after={}&per_page=2&state%5B%5D=a&x=1",
                    list().cursor(7)
                )),
                prev: Some(format!(
                    "{URL}?before={before}&per_page=2&state%5B%5D=a&x=1"
                )),
                first: Some(format!("{URL}?per_page=2&state%5B%5D=a&x=1")),
            }
        );
    }

    #[test]
    fn a_list_that_fits_on_one_page_leads_nowhere_else() {
        for all in [&[][..], &[4, 5]] {
            let (items, links) = page("", all).expect("a page");
            assert_eq!(items, all);
            let names: Vec<_> = links.all().collect();
            let itself = format!("{URL}?per_page=30");
            assert_eq!(names, [("self", itself.as_str())]);
        }
    }

    #[test]
    fn an_empty_page_leads_back_to_what_is_there() {
        let beyond = format!("after={}", list().cursor(9));
        let (items, links) = page(&beyond, &[1, 9]).expect("a page");
        assert!(items.is_empty());
        assert_eq!(links.next, None);
        let back = links.prev.expect("a page before");
        assert_eq!(page(query_of(&back), &[1, 9]).expect("a page").0, [1, 9]);
        let ahead = format!("before={}", list().cursor(1));
        let (items, links) = page(&ahead, &[1, 9]).expect("a page");
        assert_eq!((items, links.prev), (vec![], None));
        let on = links.next.expect("a page behind");
        assert_eq!(page(query_of(&on), &[1, 9]).expect("a page").0, [1, 9]);
    }

    #[test]
    fn what_is_no_size_and_no_cursor_is_refused() {
        let own = list().cursor(3);
        let of_other = ListId::new(7, Kind::Job, Uuid::from_u128(2)).cursor(3);
        let of_kind = ListId::new(7, Kind::Build, Uuid::from_u128(1)).cursor(3);
        let of_seed = ListId::new(8, Kind::Job, Uuid::from_u128(1)).cursor(3);
        let size = "per_page must be between 1 and 100";
        let cursor = "Invalid after cursor";
        let table = [
            ("per_page=0".to_owned(), size),
            ("per_page=101".to_owned(), size),
            ("per_page=-1".to_owned(), size),
            ("per_page=ten".to_owned(), size),
            ("per_page=99999999999999999999999".to_owned(), size),
            ("after=3".to_owned(), cursor),
            (format!("after={}", &own[1..]), cursor),
            (format!("after={own}A"), cursor),
            (format!("after={}", own.to_lowercase()), cursor),
            (format!("after={of_other}"), cursor),
            (format!("after={of_kind}"), cursor),
            (format!("after={of_seed}"), cursor),
            ("before=3".to_owned(), "Invalid before cursor"),
            (
                format!("after={own}&before={own}"),
                "after and before cannot be used together",
            ),
        ];
        for (query, message) in table {
            let refused = page(&query, &[1, 3]).expect_err("a refusal");
            assert_eq!(refused, ApiError::new(400, message), "{query}");
        }
        for query in ["per_page=&after=&before=", "per_page=1", "per_page=100"] {
            assert!(page(query, &[1, 3]).is_ok(), "{query}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            rng_seed: proptest::test_runner::RngSeed::Fixed(1),
            ..ProptestConfig::with_cases(300)
        })]

        /// Between two requests entries come (anywhere, though only ever at the end in truth) and go.
        #[test]
        fn whoever_pages_sees_everything_that_stays_once_and_in_order(
            start in prop::collection::btree_set(1..200_u64, 0..40),
            changes in prop::collection::vec((1..200_u64, any::<bool>()), 0..60),
            per_page in 1..8_usize,
            forward in any::<bool>(),
        ) {
            let mut all: BTreeSet<Place> = start.clone();
            let mut stayed = start.clone();
            let mut changes = changes.into_iter();
            let mut seen: Vec<Place> = Vec::new();
            let from = if forward { String::new() } else { format!("&before={}", list().cursor(1000)) };
            let mut query = format!("per_page={per_page}{from}");
            loop {
                let now: Vec<_> = all.iter().copied().collect();
                let (items, links) = page(&query, &now).expect("a page");
                prop_assert!(items.len() <= per_page);
                let link = if forward {
                    seen.extend(items);
                    links.next
                } else {
                    seen.splice(0..0, items);
                    links.prev
                };
                let Some(link) = link else { break };
                query = query_of(&link).to_owned();
                for (place, comes) in changes.by_ref().take(2) {
                    if comes {
                        all.insert(place);
                    } else {
                        all.remove(&place);
                        stayed.remove(&place);
                    }
                }
            }
            prop_assert!(seen.is_sorted_by(|a, b| a < b), "{:?}", seen);
            prop_assert!(stayed.iter().all(|place| seen.contains(place)), "{:?}", seen);
        }
    }
}
