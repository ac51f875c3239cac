//! A persistent table: rows by a small typed key, each with a version that changes with it.
//!
//! Cloning a table is O(1), and a write after that copies only the path to its row; so a snapshot of the world is a
//! clone of it. Every write goes through [`Table::change`], which is also the only place where versions are made:
//! whoever remembers (key, version) remembers exactly one content of that row.

use std::fmt;
use std::marker::PhantomData;

use crate::persistent::List;

/// A typed row number. Rows are numbered in the order of their creation.
pub(crate) trait Key: Copy + fmt::Debug {
    fn from_row(row: u32) -> Self;
    fn row(self) -> u32;
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// One more than the row, so that `Option` of it takes no more room: a job has six of these.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(std::num::NonZeroU32);

        impl $crate::engine::table::Key for $name {
            fn from_row(row: u32) -> Self {
                let more = row.checked_add(1).and_then(std::num::NonZeroU32::new);
                Self(more.expect("fewer than 2^32 - 1 rows"))
            }

            fn row(self) -> u32 {
                self.0.get() - 1
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), $crate::engine::table::Key::row(*self))
            }
        }
    };
}
pub(crate) use key;

#[derive(Debug, Clone)]
struct Row<T> {
    version: u64,
    value: T,
}

pub(crate) struct Table<K, T> {
    rows: List<Option<Row<T>>>,
    writes: u64,
    key: PhantomData<fn() -> K>,
}

impl<K: Key, T: Clone> Table<K, T> {
    pub(crate) fn new() -> Self {
        Self {
            rows: List::new(),
            writes: 0,
            key: PhantomData,
        }
    }

    /// The key the next row will have.
    pub(crate) fn next_key(&self) -> K {
        K::from_row(u32::try_from(self.rows.len()).expect("fewer than 2^32 rows"))
    }

    pub(crate) fn push(&mut self, value: T) -> K {
        let key = self.next_key();
        self.writes += 1;
        self.rows.push(Some(Row {
            version: self.writes,
            value,
        }));
        key
    }

    fn row(&self, key: K) -> Option<&Row<T>> {
        self.rows.get(key.row() as usize)?.as_ref()
    }

    /// The row, unless it was removed.
    pub(crate) fn find(&self, key: K) -> Option<&T> {
        Some(&self.row(key)?.value)
    }

    /// The row of a key that must be there: keys of removed rows are not kept anywhere.
    #[track_caller]
    pub(crate) fn get(&self, key: K) -> &T {
        match self.rows.get(key.row() as usize) {
            Some(Some(row)) => &row.value,
            Some(None) | None => panic!("{key:?} was removed while something still refers to it"),
        }
    }

    #[track_caller]
    pub(crate) fn version(&self, key: K) -> u64 {
        self.row(key).expect("a row that is there").version
    }

    /// The one way to write: counts as a change even if the caller writes what was there.
    #[track_caller]
    pub(crate) fn change(&mut self, key: K) -> &mut T {
        self.writes += 1;
        let slot = self
            .rows
            .get_mut(key.row() as usize)
            .and_then(Option::as_mut);
        let row = slot.expect("a row that is there");
        row.version = self.writes;
        &mut row.value
    }

    /// How often anything was written: two tables of one origin with the same number are the same.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    pub(crate) fn remove(&mut self, key: K) {
        self.writes += 1;
        if let Some(slot) = self.rows.get_mut(key.row() as usize) {
            *slot = None;
        }
    }

    /// All rows, in the order of their creation.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &T)> {
        let count = u32::try_from(self.rows.len()).expect("fewer than 2^32 rows");
        (0..count).filter_map(|row| {
            let key = K::from_row(row);
            Some((key, self.find(key)?))
        })
    }
}

// By hand: a derive would ask `K: Clone` and print the bare rows.
impl<K, T> Clone for Table<K, T> {
    fn clone(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            writes: self.writes,
            key: PhantomData,
        }
    }
}

impl<K: Key, T: Clone + fmt::Debug> fmt::Debug for Table<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    key!(Place);

    #[test]
    fn a_clone_keeps_what_it_saw_and_versions_tell_the_two_apart() {
        let mut table: Table<Place, String> = Table::new();
        let (a, b) = (table.push("a".into()), table.push("b".into()));
        let before = table.clone();
        table.change(a).push('!');
        assert_eq!((before.get(a).as_str(), table.get(a).as_str()), ("a", "a!"));
        assert_ne!(before.version(a), table.version(a));
        assert_eq!(
            before.version(b),
            table.version(b),
            "the other row did not change"
        );
    }

    #[test]
    fn a_removed_row_is_gone_and_its_key_is_not_given_out_again() {
        let mut table: Table<Place, u8> = Table::new();
        let a = table.push(1);
        table.remove(a);
        let b = table.push(2);
        assert_eq!(table.find(a), None);
        assert_ne!(a, b);
        assert_eq!(
            table.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            [2]
        );
    }
}
