//! A persistent ordered map, for what is asked by key and changes with every event: what is due, who has which id.
//!
//! As with a table, a clone costs nothing, and a write after it copies only the way to its entry. Entries lie side by
//! side in leaves of a tree that is a few levels high, so that a large map is looked up in a few places of the memory.
//!
//! It is one of two that keep things sorted. This one is written anywhere and emptied from the front, and nobody asks
//! it for an entry by its place or how many come before a key; the catalog's [`Run`](super::catalog::Run) answers
//! exactly that, of keys that come in their order. A count in every branch would make this one do both, at the price of
//! every write here, and of a tree for each commit there, most of which have one build.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;
use std::sync::Arc;

/// How many entries a leaf has at most, and how many children a branch.
const MOST: usize = 32;

#[derive(Clone)]
enum Node<K, V> {
    /// In the order of the keys.
    Leaf(Vec<(K, V)>),
    /// Each child with a key that none of its own is less than. What the first one has there is not asked for.
    Branch(Vec<(K, Arc<Node<K, V>>)>),
}

/// The map.
#[derive(Clone)]
pub(crate) struct Index<K, V> {
    root: Arc<Node<K, V>>,
    len: usize,
}

/// Which child of a branch has a key, if any has.
fn child_of<K: Ord, C>(children: &[(K, C)], key: &K) -> usize {
    // The first one has all that is less than what the second one has.
    children[1..].partition_point(|(least, _)| least <= key)
}

/// Puts something at its place among so many. What has no place any more comes back: the upper half of them, or the new
/// one alone if it is the last, because then more of its kind will follow.
fn put<K, T>(all: &mut Vec<(K, T)>, at: usize, new: (K, T)) -> Option<Vec<(K, T)>> {
    if all.len() < MOST {
        all.insert(at, new);
        return None;
    }
    if at == MOST {
        return Some(vec![new]);
    }
    let mut upper = all.split_off(MOST / 2);
    if at <= MOST / 2 {
        all.insert(at, new);
    } else {
        upper.insert(at - MOST / 2, new);
    }
    Some(upper)
}

impl<K: Ord + Clone, V: Clone> Node<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(entries) => {
                    let at = entries.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
                    return Some(&entries[at].1);
                }
                Self::Branch(children) => node = &children[child_of(children, key)].1,
            }
        }
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Self::Leaf(entries) => {
                let at = entries.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
                Some(&mut entries[at].1)
            }
            Self::Branch(children) => {
                let at = child_of(children, key);
                Arc::make_mut(&mut children[at].1).get_mut(key)
            }
        }
    }

    /// Whether the key is new, and the node that has to stand beside this one from now on.
    fn insert(&mut self, key: K, value: V) -> (bool, Option<(K, Arc<Self>)>) {
        match self {
            Self::Leaf(entries) => match entries.binary_search_by(|(known, _)| known.cmp(&key)) {
                Ok(at) => {
                    entries[at].1 = value;
                    (false, None)
                }
                Err(at) => {
                    let beside = put(entries, at, (key, value));
                    let beside =
                        beside.map(|upper| (upper[0].0.clone(), Arc::new(Self::Leaf(upper))));
                    (true, beside)
                }
            },
            Self::Branch(children) => {
                let at = child_of(children, &key);
                let (is_new, beside) = Arc::make_mut(&mut children[at].1).insert(key, value);
                let beside = beside.and_then(|beside| put(children, at + 1, beside));
                let beside =
                    beside.map(|upper| (upper[0].0.clone(), Arc::new(Self::Branch(upper))));
                (is_new, beside)
            }
        }
    }

    /// Nodes are not filled up from their neighbours: those that are left with nothing go.
    fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::Leaf(entries) => {
                let at = entries.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
                Some(entries.remove(at).1)
            }
            Self::Branch(children) => {
                let at = child_of(children, key);
                let child = Arc::make_mut(&mut children[at].1);
                let removed = child.remove(key)?;
                if child.is_empty() {
                    children.remove(at);
                }
                Some(removed)
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Leaf(entries) => entries.is_empty(),
            Self::Branch(children) => children.is_empty(),
        }
    }
}

impl<K: Ord + Clone, V: Clone> Index<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            root: Arc::new(Node::Leaf(Vec::new())),
            len: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.root.get(key)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// For a value to be changed, if it is there.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        Arc::make_mut(&mut self.root).get_mut(key)
    }

    /// Takes the place of what the key had before.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let root = Arc::make_mut(&mut self.root);
        let (is_new, beside) = root.insert(key, value);
        self.len += usize::from(is_new);
        if let Some((least, beside)) = beside {
            let below = Arc::clone(&self.root);
            // Nobody asks for the key of a first child.
            let children = vec![(least.clone(), below), (least, beside)];
            self.root = Arc::new(Node::Branch(children));
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        if self.len == 0 {
            return None;
        }
        let root = Arc::make_mut(&mut self.root);
        let removed = root.remove(key)?;
        self.len -= 1;
        loop {
            let lower = match &mut *Arc::make_mut(&mut self.root) {
                Node::Branch(children) if children.len() < 2 => children.pop(),
                Node::Branch(_) | Node::Leaf(_) => return Some(removed),
            };
            self.root = lower.map_or_else(|| Arc::new(Node::Leaf(Vec::new())), |(_, child)| child);
        }
    }

    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        let mut node = &*self.root;
        loop {
            match node {
                Node::Leaf(entries) => return entries.first().map(|(key, value)| (key, value)),
                Node::Branch(children) => node = &children[0].1,
            }
        }
    }

    /// All entries in the order of their keys.
    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter {
            above: Vec::new(),
            leaf: [].iter(),
        };
        iter.descend(&self.root, |_| 0);
        iter
    }

    /// The entries from a key on.
    pub(crate) fn iter_from(&self, from: &K) -> Iter<'_, K, V> {
        let mut iter = Iter {
            above: Vec::new(),
            leaf: [].iter(),
        };
        iter.descend(&self.root, |children| child_of(children, from));
        let before = iter.leaf.as_slice().partition_point(|(key, _)| key < from);
        iter.leaf = iter.leaf.as_slice()[before..].iter();
        iter
    }
}

/// What is below a branch, with its first key.
type Child<K, V> = (K, Arc<Node<K, V>>);

/// Entries in the order of their keys.
pub(crate) struct Iter<'i, K, V> {
    /// The children still to come, of every branch on the way down.
    above: Vec<slice::Iter<'i, Child<K, V>>>,
    leaf: slice::Iter<'i, (K, V)>,
}

impl<'i, K, V> Iter<'i, K, V> {
    /// Goes down to a leaf, through the children that are chosen.
    fn descend(
        &mut self,
        mut node: &'i Node<K, V>,
        choose: impl Fn(&[(K, Arc<Node<K, V>>)]) -> usize,
    ) {
        loop {
            match node {
                Node::Leaf(entries) => {
                    self.leaf = entries.iter();
                    return;
                }
                Node::Branch(children) => {
                    let at = choose(children);
                    self.above.push(children[at + 1..].iter());
                    node = &children[at].1;
                }
            }
        }
    }
}

impl<'i, K, V> Iterator for Iter<'i, K, V> {
    type Item = (&'i K, &'i V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.leaf.next() {
                return Some((key, value));
            }
            match self.above.last_mut()?.next() {
                Some((_, child)) => self.descend(child, |_| 0),
                None => {
                    self.above.pop();
                }
            }
        }
    }
}

impl<K, V> FusedIterator for Iter<'_, K, V> {}

/// The same entries, however they lie.
impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for Index<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && (Arc::ptr_eq(&self.root, &other.root) || self.iter().eq(other.iter()))
    }
}

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for Index<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::vocabulary::ids;

    #[track_caller]
    fn check(index: &Index<u32, u32>, model: &BTreeMap<u32, u32>) {
        assert!(index.iter().eq(model.iter()));
        assert_eq!(
            (index.len, index.is_empty()),
            (model.len(), model.is_empty())
        );
        assert_eq!(index.first(), model.first_key_value());
    }

    /// Whatever is done to it, and whoever keeps an older state of it.
    #[test]
    fn it_holds_what_a_map_holds_and_clones_keep_what_they_saw() {
        for (keys, seed) in [(40, 1), (300, 2), (5_000, 3), (5_000, 4)] {
            let (mut index, mut model) = (Index::new(), BTreeMap::new());
            let mut kept = Vec::new();
            let mut state = seed;
            for step in 0..20_000_u32 {
                state = ids::mix(state);
                let key = u32::try_from(state % keys).expect("few");
                // It grows, then it shrinks.
                let grows = (state >> 32) % 4 < if step < 10_000 { 3 } else { 1 };
                if grows {
                    index.insert(key, step);
                    model.insert(key, step);
                } else {
                    assert_eq!(index.remove(&key), model.remove(&key));
                }
                assert_eq!(index.get(&key), model.get(&key));
                if let Some(value) = index.get_mut(&key) {
                    *value += 1;
                    *model.get_mut(&key).expect("it is there, too") += 1;
                }
                if step % 2_500 == 0 {
                    kept.push((index.clone(), model.clone()));
                }
                if step % 500 == 0 {
                    check(&index, &model);
                    assert!(index.iter_from(&key).eq(model.range(key..)));
                }
            }
            for (index, model) in &kept {
                check(index, model);
            }
        }
    }

    #[test]
    fn it_takes_and_gives_in_order() {
        let mut index = Index::new();
        for key in 0..3_000_u32 {
            index.insert(key, key);
        }
        for key in 0..3_000_u32 {
            assert_eq!(index.first(), Some((&key, &key)));
            assert_eq!(index.remove(&key), Some(key));
        }
        assert_eq!(index, Index::new());
        assert!(matches!(&*index.root, Node::Leaf(_)));
    }
}
