//! Mappings: the pairs as written -> entries, with `<<` merged and repeated keys settled.
//!
//! Elsewhere: reading the pairs (`yaml`), the canonical texts of keys (`scalar`).
//! Source: buildkite/go-pipeline, package `ordered`, at fd45720.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::{PipelineError, Position};
use super::node::{Entry, Node, Value};

/// The left side of a pair.
pub(super) enum Key {
    Own(Arc<str>, Position),
    /// `<<`
    Merge,
}

/// One list of entries: of a repeated key the last value, in the first one's place; own keys win over merged ones,
/// and earlier merges over later ones.
pub(super) fn settle(pairs: Vec<(Key, Node)>) -> Result<Vec<Entry>, PipelineError> {
    let own: BTreeSet<Arc<str>> = pairs
        .iter()
        .filter_map(|(key, _)| match key {
            Key::Own(key, _) => Some(Arc::clone(key)),
            Key::Merge => None,
        })
        .collect();
    let mut settled = Settled::default();
    for (key, value) in pairs {
        match key {
            Key::Own(key, at) => settled.set(Entry { key, at, value }),
            Key::Merge => settled.merge(&value, &own)?,
        }
    }
    Ok(settled.entries)
}

#[derive(Default)]
struct Settled {
    entries: Vec<Entry>,
    index: BTreeMap<Arc<str>, usize>,
}

impl Settled {
    fn set(&mut self, entry: Entry) {
        match self.index.get(&entry.key) {
            Some(&at) => self.entries[at] = entry,
            None => self.push(entry),
        }
    }

    fn push(&mut self, entry: Entry) {
        self.index
            .insert(Arc::clone(&entry.key), self.entries.len());
        self.entries.push(entry);
    }

    fn merge(&mut self, source: &Node, own: &BTreeSet<Arc<str>>) -> Result<(), PipelineError> {
        if let Some(sources) = source.value.items() {
            return sources
                .iter()
                .try_for_each(|source| self.merge(source, own));
        }
        let Some(entries) = source.value.entries() else {
            return Err(located(source.at, "cannot range over node kind 8"));
        };
        for entry in entries {
            if !own.contains(&entry.key) && !self.index.contains_key(&entry.key) {
                self.push(entry.clone());
            }
        }
        Ok(())
    }
}

impl Key {
    /// The key that `node` is, as text.
    pub(super) fn own(node: &Node) -> Result<Self, PipelineError> {
        if node.value == Value::Null {
            return Err(located(node.at, "null not supported as a map key"));
        }
        match (&node.value, node.value.key_text()) {
            (Value::String(text), _) => Ok(Self::Own(Arc::clone(text), node.at)),
            (_, Some(text)) => Ok(Self::Own(text.into(), node.at)),
            (value, None) => {
                let kind = if value.items().is_some() {
                    SEQUENCE
                } else {
                    MAPPING
                };
                Err(key_kind_error(kind, node.at))
            }
        }
    }
}

/// Entries whose keys may change. A new key takes the place of the old one, and any other entry of that name is gone.
pub(super) struct Renamed {
    entries: Vec<Option<Entry>>,
    index: BTreeMap<String, usize>,
}

impl Renamed {
    pub(super) fn new(entries: &[Entry]) -> Self {
        let keys = entries.iter().enumerate();
        Self {
            entries: entries.iter().cloned().map(Some).collect(),
            index: keys
                .map(|(at, entry)| (entry.key.to_string(), at))
                .collect(),
        }
    }

    pub(super) fn at(&self, index: usize) -> Option<Entry> {
        self.entries[index].clone()
    }

    pub(super) fn put(&mut self, index: usize, key: &str, value: Node) {
        let Some(entry) = &mut self.entries[index] else {
            return;
        };
        entry.value = value;
        if *entry.key == *key {
            return;
        }
        self.index.remove(&*entry.key);
        entry.key = key.into();
        if let Some(other) = self.index.insert(key.to_owned(), index) {
            self.entries[other] = None;
        }
    }

    pub(super) fn node(self, at: Position) -> Node {
        let value = Value::Map(self.entries.into_iter().flatten().collect());
        Node { value, at }
    }
}

/// The numbers of node kinds in go-pipeline's errors.
pub(super) const SEQUENCE: u8 = 2;
pub(super) const MAPPING: u8 = 4;

/// A collection where only a scalar can be.
pub(super) fn key_kind_error(kind: u8, at: Position) -> PipelineError {
    located(at, &format!("cannot use node kind {kind} as a map key"))
}

/// An error that go-pipeline itself starts with the place.
pub(super) fn located(at: Position, what: &str) -> PipelineError {
    let Position { line, column } = at;
    PipelineError::parse(at, format!("line {line}, col {column}: {what}"))
}
