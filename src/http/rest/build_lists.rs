//! Which builds are on a page of a list of builds, and how many the list has: found in the catalog, without looking at
//! every build there ever was.
//!
//! Each filter but `include_paused` names runs of the catalog, of which a build is in at most one. Of several filters
//! the one with the fewest builds is asked, and what it finds is looked at for the others. With one filter, or none,
//! there is nothing left to look at: how many there are is known, and the page is cut out.
//!
//! All lists are newest first, which is the order of the keys from the last.

use std::collections::{BTreeSet, BinaryHeap};
use std::ops::Range;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::engine::Engine;
use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::build::{Build, BuildKey};
use crate::engine::catalog::{Builds, Entries};
use crate::engine::pipeline::PipelineKey;
use crate::engine::table::Key as _;
use crate::http::Cx;
use crate::http::error::ApiError;
use crate::http::pagination::Page;
use crate::http::query::{self, Query};
use crate::http::rest::builds::{Paused, is_paused, paused};
use crate::vocabulary::ids::UserId;
use crate::vocabulary::states::BuildState;
use crate::vocabulary::wildcard;

/// Whose builds are listed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    /// Everything the reader sees.
    All,
    Organization(OrganizationKey),
    Pipeline(PipelineKey),
}

/// The builds on a page, newest first, and how many there are on all pages.
pub(super) fn page_of_builds(
    cx: &Cx<'_>,
    scope: Scope,
    filter: &Filter<'_>,
    page: Page,
) -> (Vec<BuildKey>, usize) {
    let engine = &*cx.engine;
    let pipelines = cx.pipelines_in(scope).into_iter();
    let all: Vec<_> = pipelines.filter_map(|key| engine.entries(key)).collect();
    let places = page.places();
    match filter.exactness() {
        Exactness::Exact => {
            let parts = all.into_iter().flat_map(|of| filter.parts(engine, of));
            let parts: Vec<_> = parts.collect();
            let total = parts.iter().map(Part::len).sum();
            (cut(parts, places), total)
        }
        Exactness::Unordered(from) => {
            let finished = all.iter().map(|of| {
                let run = of.finished();
                run.len() - run.partition_point(|(at, _)| at < from)
            });
            let total: usize = finished.sum();
            let whole: usize = all.iter().map(|of| of.all().len()).sum();
            // Where most builds fit, a page of them is soon found among the newest.
            if total > whole / 4 {
                let parts = all.into_iter().map(|of| Part::whole(of.all())).collect();
                let fitting = newest_of(parts).filter(|key| filter.fits(engine, *key));
                let shown = fitting.skip(places.start).take(places.len());
                return (shown.collect(), total);
            }
            filter.sift(engine, &all, page)
        }
        Exactness::Sifted => filter.sift(engine, &all, page),
    }
}

/// A stretch of a run.
struct Part<'a> {
    run: &'a Builds,
    places: Range<usize>,
}

impl<'a> Part<'a> {
    fn whole(run: &'a Builds) -> Self {
        let places = 0..run.len();
        Self { run, places }
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn newest(self) -> impl Iterator<Item = BuildKey> + 'a {
        self.run.newest(self.places)
    }

    /// How many builds before this place have a row before `row`.
    fn place_of_row(&self, row: u32) -> usize {
        let place = self.run.partition_point(|key| key.row() < row);
        place.clamp(self.places.start, self.places.end)
    }
}

/// Those at these places among the builds of all parts, newest first; the parts have none in common.
fn cut(mut parts: Vec<Part<'_>>, places: Range<usize>) -> Vec<BuildKey> {
    let mut skipped = places.start;
    if let [part] = &mut parts[..] {
        part.places.end -= skipped.min(part.len());
        skipped = 0;
    } else if skipped / 32 > parts.len() {
        // Far from the newest: where the page begins is searched for. The row of no build is so large.
        let (mut low, mut high) = (0, u32::MAX);
        while low < high {
            let middle = low.midpoint(high);
            let from = parts
                .iter()
                .map(|part| part.places.end - part.place_of_row(middle));
            if from.sum::<usize>() > skipped {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for part in &mut parts {
            let end = part.place_of_row(low);
            skipped -= part.places.end - end;
            part.places.end = end;
        }
    }
    let mut keys = newest_of(parts).skip(skipped);
    keys.by_ref().take(places.len()).collect()
}

/// The builds of all parts, newest first.
fn newest_of(parts: Vec<Part<'_>>) -> impl Iterator<Item = BuildKey> {
    let mut runs: Vec<_> = parts.into_iter().map(Part::newest).collect();
    let firsts = runs.iter_mut().enumerate();
    let mut heads: BinaryHeap<_> = firsts
        .filter_map(|(number, run)| Some((run.next()?, number)))
        .collect();
    std::iter::from_fn(move || {
        let (key, number) = heads.pop()?;
        heads.extend(runs[number].next().map(|next| (next, number)));
        Some(key)
    })
}

/// The filters of a list: all of them have to fit; of several values of one, any.
pub(super) struct Filter<'q> {
    branches: BTreeSet<&'q str>,
    commits: BTreeSet<&'q str>,
    /// None of several is nobody's.
    creators: Option<BTreeSet<UserKey>>,
    states: Option<BTreeSet<BuildState>>,
    meta_data: Vec<(&'q str, &'q str)>,
    created_from: Option<DateTime<Utc>>,
    created_to: Option<DateTime<Utc>>,
    finished_from: Option<DateTime<Utc>>,
    paused: Paused,
}

/// What the catalog can say of a list.
enum Exactness {
    /// Which builds are in it, and in which order.
    Exact,
    /// Which builds are in it: those that finished since then.
    Unordered(DateTime<Utc>),
    /// Which builds it is among.
    Sifted,
}

impl<'q> Filter<'q> {
    pub(super) fn of(engine: &Engine, query: &'q Query) -> Result<Self, ApiError> {
        // Chosen: an instant that cannot be read is refused; a filter that is dropped silently helps nobody.
        let instant = |key| match query.last(key) {
            None => Ok(None),
            Some(text) => match query::instant(text) {
                Some(at) => Ok(Some(at)),
                None => Err(ApiError::new(
                    400,
                    format!("{key} must be an ISO 8601 date or time"),
                )),
            },
        };
        // What is no id is nobody's.
        let user = |id: &str| engine.user_by_id(UserId(id.parse::<Uuid>().ok()?));
        let is_given = |key| query.all(key).next().is_some();
        let creators = query.all("creator").filter_map(user);
        let states = query.all("state").flat_map(states_of);
        Ok(Self {
            branches: query.all("branch").collect(),
            commits: query.all("commit").collect(),
            creators: is_given("creator").then(|| creators.collect()),
            states: is_given("state").then(|| states.collect()),
            meta_data: query.map("meta_data").collect(),
            created_from: instant("created_from")?,
            created_to: instant("created_to")?,
            finished_from: instant("finished_from")?,
            // Without a paused queue there is nothing to leave out.
            paused: if engine.has_paused_queues() {
                paused(query)
            } else {
                Paused::Include
            },
        })
    }

    fn exactness(&self) -> Exactness {
        let lists = [
            !self.branches.is_empty(),
            !self.commits.is_empty(),
            self.creators.is_some(),
            self.states.is_some(),
        ];
        let given = lists.iter().filter(|given| **given).count() + self.meta_data.len();
        let has_range = self.created_from.is_some() || self.created_to.is_some();
        match (self.paused, given, self.finished_from) {
            (Paused::Include, 0 | 1, None) => Exactness::Exact,
            (Paused::Include, 0, Some(from)) if !has_range => Exactness::Unordered(from),
            (Paused::Include | Paused::Exclude, _, _) => Exactness::Sifted,
        }
    }

    /// The stretch of a run in which the builds were created at the right time: keys ascend with it.
    fn part<'a>(&self, engine: &Engine, run: &'a Builds) -> Part<'a> {
        let place =
            |at: DateTime<Utc>| run.partition_point(|key| engine.build(key).created_at < at);
        let start = self.created_from.map_or(0, place);
        let end = self.created_to.map_or(run.len(), place);
        Part {
            run,
            places: start..end.max(start),
        }
    }

    /// The runs of the filter that has the fewest builds; all builds, if there is no filter.
    fn parts<'a>(&self, engine: &Engine, of: &'a Entries) -> Vec<Part<'a>> {
        let mut runs: Vec<Vec<&Builds>> = Vec::new();
        if self.branches.iter().any(|branch| branch.contains('*')) {
            let is_asked_for = |name: &str| {
                let mut patterns = self.branches.iter();
                patterns.any(|pattern| wildcard::matches(pattern, name))
            };
            let fitting = of.branches().filter(|(name, _)| is_asked_for(name));
            runs.push(fitting.map(|(_, run)| run).collect());
        } else if !self.branches.is_empty() {
            let branches = self.branches.iter();
            runs.push(branches.filter_map(|name| of.of_branch(name)).collect());
        }
        if !self.commits.is_empty() {
            let commits = self.commits.iter();
            runs.push(commits.filter_map(|name| of.of_commit(name)).collect());
        }
        if let Some(creators) = &self.creators {
            let creators = creators.iter();
            runs.push(creators.filter_map(|user| of.of_creator(*user)).collect());
        }
        if let Some(states) = &self.states {
            runs.push(states.iter().map(|state| of.in_state(*state)).collect());
        }
        for (name, value) in &self.meta_data {
            runs.push(of.with_meta_data(name, value).into_iter().collect());
        }
        let parts = |runs: Vec<&'a Builds>| -> Vec<_> {
            let parts = runs.into_iter().map(|run| self.part(engine, run));
            parts.filter(|part| part.len() > 0).collect()
        };
        let fewest = runs.into_iter().map(parts);
        fewest
            .min_by_key(|parts| parts.iter().map(Part::len).sum::<usize>())
            .unwrap_or_else(|| parts(vec![of.all()]))
    }

    /// Looks at what the catalog finds, one by one.
    fn sift(&self, engine: &Engine, all: &[&Entries], page: Page) -> (Vec<BuildKey>, usize) {
        let mut fitting = Vec::new();
        for of in all {
            let parts = self.parts(engine, of);
            let found = parts.iter().map(Part::len).sum();
            let finished = of.finished();
            let finished = self.finished_from.map(|from| {
                let start = finished.partition_point(|(at, _)| at < from);
                (finished, start..finished.len())
            });
            if let Some((run, places)) = finished.filter(|(_, places)| places.len() < found) {
                let keys = run.newest(places).map(|(_, key)| key);
                fitting.extend(keys.filter(|key| self.fits(engine, *key)));
            } else {
                let keys = parts.into_iter().flat_map(Part::newest);
                fitting.extend(keys.filter(|key| self.fits(engine, *key)));
            }
        }
        fitting.sort_unstable_by(|a, b| b.cmp(a));
        (page.cut(&fitting), fitting.len())
    }

    fn fits(&self, engine: &Engine, key: BuildKey) -> bool {
        let build = engine.build(key);
        let head = &*build.head;
        (self.branches.is_empty() || {
            let mut patterns = self.branches.iter();
            patterns.any(|pattern| wildcard::matches(pattern, &head.branch))
        }) && (self.commits.is_empty() || self.commits.contains(head.commit.as_str()))
            && self.creators.as_ref().is_none_or(|creators| {
                let creator = head.creator.as_ref();
                creator.is_some_and(|creator| creators.contains(creator))
            })
            && (self.states.as_ref()).is_none_or(|states| states.contains(&build.state))
            && self
                .meta_data
                .iter()
                .all(|pair| has_meta_data(build, *pair))
            && self
                .created_from
                .is_none_or(|from| build.created_at >= from)
            && self.created_to.is_none_or(|to| build.created_at < to)
            && self
                .finished_from
                .is_none_or(|from| build.finished_at.is_some_and(|at| at >= from))
            && (self.paused == Paused::Include || !is_paused(engine, key))
    }
}

fn has_meta_data(build: &Build, (name, value): (&str, &str)) -> bool {
    let mut all = build.meta_data.iter();
    all.any(|(known, given)| known == name && given == value)
}

/// The states a word stands for. Filters see the machine's own state: a blocked build is `blocked` here, and not what
/// it is reported as. A word that is no state stands for none.
fn states_of(word: &str) -> Vec<BuildState> {
    match word {
        "finished" => vec![
            BuildState::Passed,
            BuildState::Failed,
            BuildState::Blocked,
            BuildState::Canceled,
        ],
        word => BuildState::from_word(word).into_iter().collect(),
    }
}

impl Cx<'_> {
    /// The pipelines whose builds a list shows: of those in its scope, the ones the user sees.
    fn pipelines_in(&self, scope: Scope) -> Vec<PipelineKey> {
        let seen_of = |organization| {
            let pipelines = self.engine.organization(organization).pipelines.iter();
            pipelines.copied().filter(|key| self.sees(*key))
        };
        match scope {
            Scope::Pipeline(pipeline) => vec![pipeline],
            Scope::Organization(organization) => seen_of(organization).collect(),
            Scope::All => {
                let organizations = self.engine.organizations().map(|(key, _)| key);
                let open = organizations.filter(|key| self.engine.opens(self.token, *key));
                open.flat_map(seen_of).collect()
            }
        }
    }
}
