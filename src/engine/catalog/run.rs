//! A run: keys in ascending order, most of which came in that order.
//!
//! It is kept in chunks, so that a write after a snapshot copies a chunk and not the run, and four bytes a build are
//! four bytes. A run of one key, as most commits have, is that key. Nearly every write is at the end; one elsewhere
//! moves what is in its chunk.
//!
//! It is one of two that keep things sorted. A page of a list is cut out of this one by place, from the end, and how
//! many there are before an instant is asked; [`Index`](crate::persistent::Index) knows nothing of places, and is
//! for what is found by key, goes from the front, and has a value.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How many keys a chunk has at most.
const CHUNK: usize = 256;

#[derive(Clone, Default)]
pub(crate) enum Run<K> {
    #[default]
    None,
    One(K),
    Many(Arc<Chunks<K>>),
}

/// Never empty, and no chunk is.
#[derive(Clone)]
pub(crate) struct Chunks<K> {
    len: usize,
    chunks: Vec<Arc<Vec<K>>>,
}

impl<K: Copy + Ord> Run<K> {
    pub(super) fn of(key: K) -> Self {
        Self::One(key)
    }

    /// Adds a key, unless it is there.
    pub(super) fn insert(&mut self, key: K) {
        match self {
            Self::None => *self = Self::One(key),
            Self::One(known) if *known == key => {}
            Self::One(known) => {
                let (first, last) = (key.min(*known), key.max(*known));
                *self = Self::Many(Arc::new(Chunks {
                    len: 2,
                    chunks: vec![Arc::new(vec![first, last])],
                }));
            }
            Self::Many(many) => Arc::make_mut(many).insert(key),
        }
    }

    /// Takes a key out, if it is there.
    pub(super) fn remove(&mut self, key: K) {
        match self {
            Self::None => {}
            Self::One(known) => {
                if *known == key {
                    *self = Self::None;
                }
            }
            Self::Many(many) => {
                let many = Arc::make_mut(many);
                many.remove(key);
                if many.len == 0 {
                    *self = Self::None;
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.len,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn chunk_count(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.chunks.len(),
        }
    }

    fn chunk(&self, number: usize) -> &[K] {
        match self {
            Self::None => &[],
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(many) => &many.chunks[number],
        }
    }

    /// How many keys come before the first of which `is_before` does not hold; of those after it, it must not hold
    /// either.
    pub(crate) fn partition_point(&self, mut is_before: impl FnMut(K) -> bool) -> usize {
        let count = self.chunk_count();
        // The last chunk whose first key comes before.
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = usize::midpoint(low, high);
            if is_before(self.chunk(middle)[0]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(last) = low.checked_sub(1) else {
            return 0;
        };
        let within = self.chunk(last).partition_point(|key| is_before(*key));
        // Whichever end is nearer.
        if last * 2 < count {
            (0..last).map(|n| self.chunk(n).len()).sum::<usize>() + within
        } else {
            self.len() - (last..count).map(|n| self.chunk(n).len()).sum::<usize>() + within
        }
    }

    /// The keys at these places, from the last to the first.
    pub(crate) fn newest(&self, places: Range<usize>) -> impl Iterator<Item = K> + '_ {
        let mut skipped = self.len() - places.end;
        let mut number = self.chunk_count();
        while number > 0 && skipped >= self.chunk(number - 1).len() {
            number -= 1;
            skipped -= self.chunk(number).len();
        }
        let keys = (0..number).rev().flat_map(move |place| {
            let chunk = self.chunk(place);
            let end = if place + 1 == number { skipped } else { 0 };
            chunk[..chunk.len() - end].iter().rev().copied()
        });
        keys.take(places.len())
    }
}

impl<K: Copy + Ord> Chunks<K> {
    /// The chunk in which a key is or would be.
    fn place(&self, key: K) -> usize {
        // Most are the newest there are.
        let last = self.chunks.len() - 1;
        if self.chunks[last][0] <= key {
            return last;
        }
        let after = self.chunks.partition_point(|chunk| chunk[0] <= key);
        after.saturating_sub(1)
    }

    fn insert(&mut self, key: K) {
        let place = self.place(key);
        let chunk = &self.chunks[place];
        let Err(within) = chunk.binary_search(&key) else {
            return;
        };
        self.len += 1;
        if chunk.len() < CHUNK {
            Arc::make_mut(&mut self.chunks[place]).insert(within, key);
            return;
        }
        // What grows at its end leaves full chunks behind, and what grows in between two halves.
        if place + 1 == self.chunks.len() && within == CHUNK {
            self.chunks.push(Arc::new(vec![key]));
            return;
        }
        let chunk = Arc::make_mut(&mut self.chunks[place]);
        let mut upper = chunk.split_off(CHUNK / 2);
        if within <= chunk.len() {
            chunk.insert(within, key);
        } else {
            upper.insert(within - chunk.len(), key);
        }
        self.chunks.insert(place + 1, Arc::new(upper));
    }

    fn remove(&mut self, key: K) {
        let place = self.place(key);
        let Ok(within) = self.chunks[place].binary_search(&key) else {
            return;
        };
        self.len -= 1;
        let chunk = Arc::make_mut(&mut self.chunks[place]);
        chunk.remove(within);
        if chunk.is_empty() {
            self.chunks.remove(place);
            return;
        }
        // What only shrinks does not stay behind as many chunks with little in each.
        self.join(place);
        if let Some(before) = place.checked_sub(1) {
            self.join(before);
        }
    }

    /// Makes one chunk of this and the next, if both are small.
    fn join(&mut self, place: usize) {
        let [first, second, ..] = &self.chunks[place..] else {
            return;
        };
        if first.len() + second.len() <= CHUNK / 2 {
            let second = self.chunks.remove(place + 1);
            Arc::make_mut(&mut self.chunks[place]).extend_from_slice(&second);
        }
    }
}

// By hand: runs are the same if their keys are, whatever chunks these are in.
impl<K: Copy + Ord> PartialEq for Run<K> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.newest(0..self.len()).eq(other.newest(0..other.len()))
    }
}

impl<K: Copy + Ord + fmt::Debug> fmt::Debug for Run<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = (0..self.chunk_count()).flat_map(|number| self.chunk(number));
        f.debug_list().entries(keys).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRng, TestRunner};

    use super::*;

    #[derive(Debug, Clone)]
    enum Write {
        /// One more than the last there is.
        Append,
        Insert(u32),
        Remove(u32),
        /// Every key but each n-th.
        Thin(u32),
    }

    fn write() -> impl Strategy<Value = Write> {
        prop_oneof![
            60 => Just(Write::Append),
            20 => (0..3_000_u32).prop_map(Write::Insert),
            20 => (0..3_000_u32).prop_map(Write::Remove),
            1 => (2..400_u32).prop_map(Write::Thin),
        ]
    }

    fn assert_is(run: &Run<u32>, expected: &BTreeSet<u32>) {
        let len = expected.len();
        assert_eq!((run.len(), run.is_empty()), (len, expected.is_empty()));
        assert!(run.newest(0..len).eq(expected.iter().rev().copied()));
        for (place, key) in expected.iter().enumerate().step_by(1 + len / 50) {
            assert_eq!(run.partition_point(|known| known < *key), place);
            assert_eq!(run.partition_point(|known| known <= *key), place + 1);
            let some = run.newest(place / 2..place + 1);
            let wanted = expected.iter().take(place + 1).skip(place / 2);
            assert!(some.eq(wanted.rev().copied()));
        }
        assert!(run.chunk_count() <= 1 + len / (CHUNK / 8));
    }

    #[test]
    fn a_run_is_a_sorted_set_whatever_was_written_and_a_clone_keeps_what_it_saw() {
        let config = Config {
            cases: 60,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::deterministic_rng(config.rng_algorithm);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let writes = vec(vec(write(), 1..600), 1..6);
        let checked = runner.run(&writes, |parts| {
            let (mut run, mut expected) = (Run::default(), BTreeSet::new());
            let mut kept = Vec::new();
            for writes in parts {
                kept.push((run.clone(), expected.clone()));
                for write in writes {
                    match write {
                        Write::Append => {
                            let key = expected.last().map_or(0, |last| last + 1);
                            run.insert(key);
                            expected.insert(key);
                        }
                        Write::Insert(key) => {
                            run.insert(key);
                            expected.insert(key);
                        }
                        Write::Remove(key) => {
                            run.remove(key);
                            expected.remove(&key);
                        }
                        Write::Thin(n) => {
                            for key in expected.clone().iter().filter(|key| *key % n != 0) {
                                run.remove(*key);
                                expected.remove(key);
                            }
                        }
                    }
                }
                assert_is(&run, &expected);
            }
            kept.push((run, expected));
            for (run, expected) in kept {
                assert_is(&run, &expected);
            }
            Ok(())
        });
        checked.unwrap_or_else(|broken| panic!("{broken}"));
    }
}
