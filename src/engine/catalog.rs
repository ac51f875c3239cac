//! Which builds of a pipeline have what, so that a list finds its builds without looking at all there ever were.
//!
//! It says nothing that the builds do not say, and is kept in step at four places: where a build is made
//! ([`Engine::catalogue`]), where its state changes ([`Engine::recatalogue`]), where it gets meta-data
//! ([`Engine::set_meta_data`]) and where its pipeline goes.
//!
//! A list of one pipeline asks one of its runs; what asks several pipelines asks a run of each. Texts are not stored again:
//! a branch and a commit are those of the first build that has them.
//!
//! Elsewhere: a run itself (`run`); which of them answers a list (`http::rest::build_lists`).

mod run;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::account::UserKey;
use crate::engine::build::{Build, BuildKey, Head, put};
use crate::engine::pipeline::PipelineKey;
use crate::persistent::Index;
use crate::vocabulary::states::BuildState;

pub(crate) use run::Run;

/// The builds that have something, oldest first.
pub(crate) type Builds = Run<BuildKey>;

/// What every pipeline that has builds has of what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Catalog(Index<PipelineKey, Arc<Entries>>);

/// What one pipeline has of what. Nothing is named of which there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Entries {
    all: Builds,
    branches: Index<Branch, Builds>,
    commits: Index<Commit, Builds>,
    creators: Index<UserKey, Builds>,
    /// In the order of [`BuildState::ALL`].
    states: [Builds; BuildState::ALL.len()],
    /// By name and value.
    meta_data: Index<(Arc<str>, Arc<str>), Builds>,
    finished: Run<(DateTime<Utc>, BuildKey)>,
}

macro_rules! text_of_a_head {
    ($(#[$doc:meta])* $name:ident, $field:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        struct $name(Arc<Head>);

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0.$field
            }
        }

        // As a `str` is, or nothing is found by one.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.$field.cmp(&other.0.$field)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.$field == other.0.$field
            }
        }

        impl Eq for $name {}
    };
}

text_of_a_head! {
    /// The branch of this and of others.
    Branch, branch
}
text_of_a_head! {
    /// The commit of this and of others.
    Commit, commit
}

/// Adds a build to the run of `key`, which is made if there is none.
macro_rules! add {
    ($map:expr, $borrowed:expr, $key:expr, $build:expr) => {
        match $map.get_mut($borrowed) {
            Some(run) => run.insert($build),
            None => $map.insert($key, Run::of($build)),
        }
    };
}

impl Entries {
    fn add(&mut self, key: BuildKey, build: &Build) {
        let head = &build.head;
        self.all.insert(key);
        add!(
            self.branches,
            head.branch.as_str(),
            Branch(Arc::clone(head)),
            key
        );
        add!(
            self.commits,
            head.commit.as_str(),
            Commit(Arc::clone(head)),
            key
        );
        if let Some(creator) = head.creator {
            add!(self.creators, &creator, creator, key);
        }
        self.states[build.state as usize].insert(key);
        for (name, value) in &build.meta_data {
            self.add_meta_data(key, name, value);
        }
        if let Some(at) = build.finished_at {
            self.finished.insert((at, key));
        }
    }

    /// What a build was like, and is now.
    fn change(&mut self, key: BuildKey, before: Phase, after: Phase) {
        if before.state != after.state {
            self.states[before.state as usize].remove(key);
            self.states[after.state as usize].insert(key);
        }
        if before.finished_at != after.finished_at {
            if let Some(at) = before.finished_at {
                self.finished.remove((at, key));
            }
            if let Some(at) = after.finished_at {
                self.finished.insert((at, key));
            }
        }
    }

    fn add_meta_data(&mut self, key: BuildKey, name: &str, value: &str) {
        let pair = (Arc::from(name), Arc::from(value));
        add!(self.meta_data, &pair, pair, key);
    }

    fn remove_meta_data(&mut self, key: BuildKey, name: &str, value: &str) {
        let pair = (Arc::from(name), Arc::from(value));
        if let Some(run) = self.meta_data.get_mut(&pair) {
            run.remove(key);
            if run.is_empty() {
                self.meta_data.remove(&pair);
            }
        }
    }

    // --- Reading -----------------------------------------------------------------------------------------------------

    pub(crate) fn all(&self) -> &Builds {
        &self.all
    }

    pub(crate) fn of_branch(&self, branch: &str) -> Option<&Builds> {
        self.branches.get(branch)
    }

    /// Every branch that has builds, by its name.
    pub(crate) fn branches(&self) -> impl Iterator<Item = (&str, &Builds)> {
        self.branches
            .iter()
            .map(|(branch, run)| (branch.0.branch.as_str(), run))
    }

    pub(crate) fn of_commit(&self, commit: &str) -> Option<&Builds> {
        self.commits.get(commit)
    }

    pub(crate) fn of_creator(&self, creator: UserKey) -> Option<&Builds> {
        self.creators.get(&creator)
    }

    pub(crate) fn in_state(&self, state: BuildState) -> &Builds {
        &self.states[state as usize]
    }

    pub(crate) fn with_meta_data(&self, name: &str, value: &str) -> Option<&Builds> {
        self.meta_data.get(&(Arc::from(name), Arc::from(value)))
    }

    /// The builds that say when they finished, by when that was.
    pub(crate) fn finished(&self) -> &Run<(DateTime<Utc>, BuildKey)> {
        &self.finished
    }
}

/// What of a build changes with its state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phase {
    state: BuildState,
    finished_at: Option<DateTime<Utc>>,
}

impl Catalog {
    pub(super) fn new() -> Self {
        Self(Index::new())
    }

    fn add(&mut self, key: BuildKey, build: &Build) {
        let pipeline = build.pipeline;
        if !self.0.contains(&pipeline) {
            self.0.insert(pipeline, Arc::default());
        }
        self.of(pipeline).add(key, build);
    }

    fn of(&mut self, pipeline: PipelineKey) -> &mut Entries {
        let entries = self.0.get_mut(&pipeline);
        Arc::make_mut(entries.expect("a build is entered where it is made"))
    }

    /// A deleted pipeline takes its builds with it.
    pub(super) fn forget(&mut self, pipeline: PipelineKey) {
        self.0.remove(&pipeline);
    }
}

impl Engine {
    /// Which of a pipeline's builds have what, or `None` if it has no builds.
    pub(crate) fn entries(&self, pipeline: PipelineKey) -> Option<&Entries> {
        self.catalog.0.get(&pipeline).map(Arc::as_ref)
    }

    /// Enters a build that was just made.
    pub(super) fn catalogue(&mut self, key: BuildKey) {
        self.catalog.add(key, self.builds.get(key));
    }

    pub(super) fn phase(&self, key: BuildKey) -> Phase {
        let build = self.builds.get(key);
        Phase {
            state: build.state,
            finished_at: build.finished_at,
        }
    }

    /// Enters what became of a build that was like this before.
    pub(super) fn recatalogue(&mut self, key: BuildKey, before: Phase) {
        let after = self.phase(key);
        let entries = self.catalog.of(self.builds.get(key).pipeline);
        entries.change(key, before, after);
    }

    /// Sets one of a build's meta-data.
    pub(super) fn set_meta_data(&mut self, key: BuildKey, name: &str, value: String) {
        let build = self.builds.change(key);
        let entries = self.catalog.of(build.pipeline);
        let known = build.meta_data.iter().find(|(known, _)| known == name);
        let before = known.map(|(_, value)| value.clone());
        entries.add_meta_data(key, name, &value);
        put(&mut build.meta_data, name.to_owned(), value);
        if let Some(before) = before {
            let is_left = |(known, value): &(_, _)| known == name && *value == before;
            if !build.meta_data.iter().any(is_left) {
                entries.remove_meta_data(key, name, &before);
            }
        }
    }

    /// The catalog says what the builds say.
    #[cfg(any(test, fuzzing))]
    pub(super) fn check_catalog(&self) {
        let mut anew = Catalog::new();
        for (key, build) in self.builds.iter() {
            anew.add(key, build);
        }
        for (pipeline, expected) in anew.0.iter() {
            assert_eq!(self.entries(*pipeline), Some(&**expected), "{pipeline:?}");
            let created = expected.all.newest(0..expected.all.len());
            let created = created.map(|key| self.builds.get(key).created_at);
            assert!(created.is_sorted_by(|a, b| a >= b), "later is later");
        }
        assert_eq!(self.catalog.0.len(), anew.0.len());
    }
}
