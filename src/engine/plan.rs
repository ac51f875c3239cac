//! From the steps of a build, in their order, to the edges between them.
//!
//! Edges are explicit (`depends_on`, which replaces the rest) or follow from the position between wait and block steps.
//! A step that was uploaded waits for the step that uploaded it, too; and whoever waits for a step waits for everything
//! that step uploads, and what that uploads. So every upload works the edges of its build out anew.
//!
//! Elsewhere: when a step with these edges may go on (`engine::graph`), what an upload is
//! (`commands::upload_pipeline`).
//! Not modelled: that a step which depends on one of a concurrency group waits for the rest of the group, too. Taken by
//! its letter, the documented gates (the last step of a group depends on what depends on the first) would never open.
//! Source: Buildkite docs, "Dependencies", "Wait step", "Block step", "Group step", "Dynamic pipelines".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::graph::{Because, Class, Edge, Placed, StepRun};
use crate::persistent::List;
use crate::pipeline::{Dependency, Step};

/// Nothing is said about a dependency that follows from where a step stands.
const PLACE: Because = Because::Depends {
    allow_failure: None,
};

/// What a step turned out to wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Links {
    edges: Vec<Edge>,
    /// It names a key that no step has.
    names_missing: bool,
}

/// Works out the edges of a build's steps, given by their numbers in the order in which they stand. Returns the numbers
/// of the steps that wait for something else than before.
pub(crate) fn relink(steps: &mut List<StepRun>, order: &[usize]) -> Vec<usize> {
    let links = Plan::new(steps, order).links();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (links, step) in links.iter().zip(order) {
        for edge in &links.edges {
            dependents[edge.on].push(*step);
        }
    }
    let classes: Vec<_> = steps.iter().map(|run| run.class).collect();
    let mut changed = Vec::new();
    for (links, step) in links.into_iter().zip(order) {
        let run = &steps[*step];
        if *run.edges == *links.edges && run.depends_on_missing == links.names_missing {
            continue;
        }
        let run = &mut steps[*step];
        let is_pending = |edge: &&Edge| classes[edge.on] == Class::Pending;
        run.pending = links.edges.iter().filter(is_pending).count();
        run.edges = links.edges.into();
        run.depends_on_missing = links.names_missing;
        changed.push(*step);
    }
    for (step, dependents) in dependents.into_iter().enumerate() {
        if *steps[step].dependents != *dependents {
            steps[step].dependents = dependents.into();
        }
    }
    changed
}

/// The steps of a build in their order. A place is a position in it, from 0.
struct Plan<'p> {
    steps: &'p List<StepRun>,
    order: &'p [usize],
    /// The places a key stands for: one step, or all of a group.
    by_key: BTreeMap<&'p str, Vec<usize>>,
    /// Where the steps stand that a step, by its number, uploaded.
    uploads: BTreeMap<usize, Vec<usize>>,
}

impl<'p> Plan<'p> {
    fn new(steps: &'p List<StepRun>, order: &'p [usize]) -> Self {
        let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut uploads: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, step) in order.iter().enumerate() {
            let run = &steps[*step];
            for key in [run.step.common().key.as_deref(), run.group_key()]
                .into_iter()
                .flatten()
            {
                by_key.entry(key).or_default().push(place);
            }
            if let Some(upload) = run.upload() {
                uploads.entry(upload.step).or_default().push(place);
            }
        }
        Self {
            steps,
            order,
            by_key,
            uploads,
        }
    }

    /// In the order of the steps.
    fn links(&self) -> Vec<Links> {
        let mut barriers = Barriers::default();
        let mut seen = Seen::nothing_of(self.order.len());
        let mut all = Vec::with_capacity(self.order.len());
        for place in 0..self.order.len() {
            all.push(self.links_of(place, &barriers, &mut seen));
            if self.run(place).is_barrier {
                barriers.pass(self.group_of(place), place);
            }
        }
        all
    }

    fn run(&self, place: usize) -> &'p StepRun {
        &self.steps[self.order[place]]
    }

    fn group_of(&self, place: usize) -> Option<usize> {
        self.run(place).group.as_ref().map(|group| group.number)
    }

    /// What a group depends on, each of its steps does; a step's own `depends_on` comes on top.
    fn links_of(&self, place: usize, barriers: &Barriers, seen: &mut Seen) -> Links {
        let run = self.run(place);
        let mut links = Links::default();
        let of_group = run
            .group
            .as_ref()
            .and_then(|group| group.step.common.depends_on.as_ref());
        self.named(place, of_group.map_or(&[], Vec::as_slice), seen, &mut links);
        match &run.step.common().depends_on {
            Some(named) => self.named(place, named, seen, &mut links),
            None => self.implicit(place, of_group.is_some(), barriers, seen, &mut links),
        }
        if let Some(upload) = run.upload() {
            links.edges.push(Edge {
                on: upload.step,
                why: Because::Uploaded,
            });
        }
        // A step that names another twice waits for it once.
        if of_group.is_some() || run.step.common().depends_on.is_some() {
            let mut seen = BTreeSet::new();
            links.edges.retain(|edge| seen.insert(*edge));
        }
        links
    }

    fn named(&self, place: usize, named: &[Dependency], seen: &mut Seen, links: &mut Links) {
        for dependency in named {
            let why = Because::Depends {
                allow_failure: dependency.allow_failure,
            };
            match self.by_key.get(dependency.step.as_str()) {
                Some(places) => {
                    let edges = self.with_uploads(place, places.iter().copied(), why, seen);
                    links.edges.extend(edges);
                }
                None => links.names_missing = true,
            }
        }
    }

    /// A wait or block step waits for everything before it in its scope, an input step for nothing, any other step for
    /// the nearest wait or block step before it. Nothing waits for an input step unless it names it.
    ///
    /// The steps of a group that names no dependencies wait for the nearest wait or block step before the group, too.
    fn implicit(
        &self,
        place: usize,
        group_depends: bool,
        barriers: &Barriers,
        seen: &mut Seen,
        links: &mut Links,
    ) {
        let step = &*self.run(place).step;
        if matches!(step, Step::Input(_)) {
            return;
        }
        let group = self.group_of(place);
        let mut nearest = Vec::new();
        if group.is_some() && !group_depends {
            nearest.extend(barriers.nearest(None));
        }
        if matches!(step, Step::Wait(_) | Step::Block(_)) {
            let is_in_scope = |before: &usize| group.is_none() || self.group_of(*before) == group;
            let counts = |before: &usize| !matches!(&*self.run(*before).step, Step::Input(_));
            let before = (0..place).filter(is_in_scope).filter(counts);
            let all = nearest.into_iter().chain(before);
            links
                .edges
                .extend(self.with_uploads(place, all, PLACE, seen));
        } else {
            nearest.extend(barriers.nearest(group));
            let edge = |on: usize| Edge {
                on: self.order[on],
                why: PLACE,
            };
            links.edges.extend(nearest.into_iter().map(edge));
        }
    }

    /// To wait for a step is to wait for all it uploads as well.
    ///
    /// Chosen: except for what it uploads itself, which would wait in a circle: a step that names the one that uploaded
    /// it waits for that one alone.
    fn with_uploads(
        &self,
        place: usize,
        on: impl Iterator<Item = usize>,
        why: Because,
        seen: &mut Seen,
    ) -> Vec<Edge> {
        seen.begin();
        let mut is_new = |place: &usize| seen.is_new(*place);
        let mut wanted: Vec<usize> = on.filter(|place| is_new(place)).collect();
        if !self.uploads.is_empty() {
            let stems_from = self.uploaders_of(place);
            let mut next = 0;
            while let Some(on) = wanted.get(next) {
                next += 1;
                let number = self.order[*on];
                let uploaded = self
                    .uploads
                    .get(&number)
                    .filter(|_| !stems_from.contains(&number));
                wanted.extend(uploaded.into_iter().flatten().filter(|place| is_new(place)));
            }
        }
        wanted
            .into_iter()
            .map(|on| Edge {
                on: self.order[on],
                why,
            })
            .collect()
    }

    /// The number of the step that uploaded the one at a place, of the one that uploaded that, and so on.
    fn uploaders_of(&self, place: usize) -> BTreeSet<usize> {
        let first = self.run(place).upload();
        let chain = std::iter::successors(first, |upload| self.steps[upload.step].upload());
        chain.map(|upload| upload.step).collect()
    }
}

/// Which places were seen since it was begun. One for all steps: beginning anew costs nothing.
#[derive(Debug)]
struct Seen {
    /// When each place was seen last.
    rounds: Vec<usize>,
    round: usize,
}

impl Seen {
    fn nothing_of(places: usize) -> Self {
        Self {
            rounds: vec![0; places],
            round: 0,
        }
    }

    fn begin(&mut self) {
        self.round += 1;
    }

    fn is_new(&mut self, place: usize) -> bool {
        std::mem::replace(&mut self.rounds[place], self.round) != self.round
    }
}

/// The last wait or block step of each scope so far: the top of the pipeline, and every group.
#[derive(Debug, Default)]
struct Barriers(BTreeMap<Option<usize>, usize>);

impl Barriers {
    fn pass(&mut self, scope: Option<usize>, place: usize) {
        self.0.insert(scope, place);
    }

    fn nearest(&self, scope: Option<usize>) -> Option<usize> {
        self.0.get(&scope).copied()
    }
}

/// Adds the waits beside a block step that stays to those that are excluded: the block waits for the same.
///
/// `before` and `after` are what the steps will stand between.
pub(crate) fn without_needless_waits(
    placed: &[Placed],
    own: &[Option<Arc<str>>],
    before: Option<&StepRun>,
    after: Option<&StepRun>,
) -> Vec<Option<Arc<str>>> {
    let scope = |n: usize| placed[n].group.as_ref().map(|group| group.number);
    let is_block = |n: usize, beside: usize| {
        let stays = matches!(&*placed[n].step, Step::Block(_)) && own[n].is_none();
        stays && scope(n) == scope(beside)
    };
    let is_block_run = |run: Option<&StepRun>, beside: usize| {
        run.is_some_and(|run| {
            let stays = matches!(&*run.step, Step::Block(_)) && run.broken.is_none();
            stays && run.group.as_ref().map(|group| group.number) == scope(beside)
        })
    };
    let is_needless = |n: usize| {
        let follows = match n.checked_sub(1) {
            Some(previous) => is_block(previous, n),
            None => is_block_run(before, n),
        };
        let precedes = if n + 1 < placed.len() {
            is_block(n + 1, n)
        } else {
            is_block_run(after, n)
        };
        matches!(&*placed[n].step, Step::Wait(_)) && (follows || precedes)
    };
    let reason = |n: usize| {
        own[n]
            .clone()
            .or_else(|| is_needless(n).then(|| "optimizer_removed".into()))
    };
    (0..placed.len()).map(reason).collect()
}
