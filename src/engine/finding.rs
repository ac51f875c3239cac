//! How rows are found by other things than their keys: by their ids, and by the row they belong to.
//!
//! Each is an [`Index`] of plain numbers, whatever it is of, so that a dozen of them are compiled once; the types around
//! it keep one kind of number from being taken for another.

use std::marker::PhantomData;

use uuid::Uuid;

use crate::engine::table::Key;
use crate::persistent::Index;

/// Which row has an id.
#[derive(Debug)]
pub(crate) struct ById<I, K> {
    rows: Index<Uuid, u32>,
    kinds: PhantomData<fn(I) -> K>,
}

impl<I: Into<Uuid>, K: Key> ById<I, K> {
    pub(crate) fn new() -> Self {
        Self {
            rows: Index::new(),
            kinds: PhantomData,
        }
    }

    pub(crate) fn find(&self, id: I) -> Option<K> {
        self.rows.get(&id.into()).copied().map(K::from_row)
    }

    pub(crate) fn insert(&mut self, id: I, key: K) {
        self.rows.insert(id.into(), key.row());
    }

    pub(crate) fn remove(&mut self, id: I) {
        self.rows.remove(&id.into());
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// Which rows belong to which row of another table, in the order of their creation.
#[derive(Debug)]
pub(crate) struct Belongings<O, K> {
    rows: Index<(u32, u32), ()>,
    kinds: PhantomData<fn(O) -> K>,
}

impl<O: Key, K: Key> Belongings<O, K> {
    pub(crate) fn new() -> Self {
        Self {
            rows: Index::new(),
            kinds: PhantomData,
        }
    }

    pub(crate) fn insert(&mut self, owner: O, key: K) {
        self.rows.insert((owner.row(), key.row()), ());
    }

    pub(crate) fn remove(&mut self, owner: O, key: K) {
        self.rows.remove(&(owner.row(), key.row()));
    }

    /// What belongs to a row.
    pub(crate) fn of(&self, owner: O) -> impl Iterator<Item = K> + '_ {
        let owner = owner.row();
        let all = self.rows.iter_from(&(owner, 0));
        all.take_while(move |((of, _), ())| *of == owner)
            .map(|((_, row), ())| K::from_row(*row))
    }

    /// What belongs to anything.
    pub(crate) fn all(&self) -> impl Iterator<Item = K> + '_ {
        self.rows.keys().map(|(_, row)| K::from_row(*row))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn contains(&self, owner: O, key: K) -> bool {
        self.rows.contains(&(owner.row(), key.row()))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

// By hand: derives would ask the same of what is only named.
impl<I, K> Clone for ById<I, K> {
    fn clone(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            kinds: PhantomData,
        }
    }
}

impl<O, K> Clone for Belongings<O, K> {
    fn clone(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            kinds: PhantomData,
        }
    }
}

impl<I, K> PartialEq for ById<I, K> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

impl<O, K> PartialEq for Belongings<O, K> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}
