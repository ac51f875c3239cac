//! Nodes: what a document is once it is read, a tree of values with their places.
//!
//! Parts that several aliases name are shared; a clone is cheap, and a tree can be kept and sent.
//!
//! Elsewhere: building the tree (`yaml`), the texts of its values (`scalar`).

use std::sync::Arc;

use super::error::Position;

/// A value and where it is written; for an aliased one, where its anchor is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Position,
}

/// What a node holds. Integers that need the 64th bit, and dates, are apart because go-pipeline cannot read them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    /// As written.
    Timestamp(Arc<str>),
    String(Arc<str>),
    /// Text that interpolation has still to fill, in a tree that is only shown: its type is not known yet.
    Template(Arc<str>),
    Seq(Arc<[Node]>),
    Map(Arc<[Entry]>),
}

/// One key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    /// Where the key is written.
    pub(crate) at: Position,
    pub(crate) value: Node,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub(crate) fn value_of(&self, key: &str) -> Option<&Node> {
        value_of(self.value.entries()?, key)
    }
}

impl Value {
    /// The entries, if this is a mapping.
    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        let Self::Map(entries) = self else {
            return None;
        };
        Some(entries)
    }

    /// The items, if this is a list.
    pub(crate) fn items(&self) -> Option<&[Node]> {
        let Self::Seq(items) = self else {
            return None;
        };
        Some(items)
    }

    /// The text, if this is a string and nothing else.
    pub(crate) fn string(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Template(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::UInt(_)
            | Self::Float(_)
            | Self::Timestamp(_)
            | Self::Seq(_)
            | Self::Map(_) => None,
        }
    }

    pub(crate) fn is_template(&self) -> bool {
        matches!(self, Self::Template(_))
    }
}

/// The value under `key` among `entries`.
pub(crate) fn value_of<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Node> {
    let entry = entries.iter().find(|entry| *entry.key == *key)?;
    Some(&entry.value)
}
