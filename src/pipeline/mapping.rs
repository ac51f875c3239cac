//! Mappings: the pairs as written -> entries, with `<<` merged and repeated keys settled.
//!
//! Elsewhere: reading the pairs (`yaml`), the canonical texts of keys (`scalar`).
//! Source: buildkite/go-pipeline, package `ordered`, at fd45720.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::error::{PipelineError, Position};
use super::node::{Entry, Node, Value};

/// The left side of a pair.
pub(super) enum Key {
    Own(Rc<str>, Position),
    /// `<<`
    Merge,
}

/// One list of entries: of a repeated key the last value, in the first one's place; own keys win over merged ones,
/// and earlier merges over later ones.
pub(super) fn settle(pairs: Vec<(Key, Node)>) -> Result<Vec<Entry>, PipelineError> {
    let own: BTreeSet<Rc<str>> = pairs
        .iter()
        .filter_map(|(key, _)| match key {
            Key::Own(key, _) => Some(Rc::clone(key)),
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
    index: BTreeMap<Rc<str>, usize>,
}

impl Settled {
    fn set(&mut self, entry: Entry) {
        match self.index.get(&entry.key) {
            Some(&at) => self.entries[at] = entry,
            None => self.push(entry),
        }
    }

    fn push(&mut self, entry: Entry) {
        self.index.insert(Rc::clone(&entry.key), self.entries.len());
        self.entries.push(entry);
    }

    fn merge(&mut self, source: &Node, own: &BTreeSet<Rc<str>>) -> Result<(), PipelineError> {
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
            (Value::String(text), _) => Ok(Self::Own(Rc::clone(text), node.at)),
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
