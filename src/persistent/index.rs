//! A persistent ordered map, for what is asked by key: what is due, who has which id, which rows belong to which.
//!
//! As with a list, a clone costs nothing, and a write after it copies only the way to its entry. Entries lie side by
//! side in leaves of a tree that is a few levels high, so that a large map is looked up in a few places of the memory. A
//! write after a clone copies a leaf with its values, so what is large or costly to clone lies behind an `Arc`.
//!
//! It is one of two that keep things sorted. This one is written anywhere and emptied from the front, and nobody asks
//! it for an entry by its place or how many come before a key; the catalog's [`Run`](crate::engine::catalog::Run)
//! answers exactly that, of keys that come in their order. A count in every branch would make this one do both, at the
//! price of every write here, and of a tree for each commit there, most of which have one build.
//!
//! Nearly everything the world keeps is in one of these, and each pair of types is compiled for itself: what is done in
//! several places here is one function.

use std::borrow::Borrow;
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
    Branch(Vec<Child<K, V>>),
}

/// What is below a branch, with its first key.
type Child<K, V> = (K, Arc<Node<K, V>>);

/// The map.
#[derive(Clone)]
pub(crate) struct Index<K, V> {
    /// None if there is nothing: an empty one needs no memory.
    root: Option<Arc<Node<K, V>>>,
    len: usize,
}

/// Where an entry is, or would be.
fn place<K: Borrow<Q>, V, Q: Ord + ?Sized>(entries: &[(K, V)], key: &Q) -> Result<usize, usize> {
    entries.binary_search_by(|(known, _)| known.borrow().cmp(key))
}

/// Which child of a branch has a key, if any has.
fn child_of<K: Borrow<Q>, V, Q: Ord + ?Sized>(children: &[Child<K, V>], key: &Q) -> usize {
    // The first one has all that is less than what the second one has.
    children[1..].partition_point(|(least, _)| least.borrow() <= key)
}

/// Puts something at its place among so many. What has no place any more comes back: the upper half of them, or the new
/// one alone if it is the last, because then more of its kind will follow.
fn put<T>(all: &mut Vec<T>, at: usize, new: T) -> Option<Vec<T>> {
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
    /// The leaf that has a key, if any has.
    fn leaf<Q: Ord + ?Sized>(&self, key: &Q) -> &[(K, V)]
    where
        K: Borrow<Q>,
    {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(entries) => return entries,
                Self::Branch(children) => node = &children[child_of(children, key)].1,
            }
        }
    }

    /// The same, for one of its values to be changed.
    fn leaf_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> &mut [(K, V)]
    where
        K: Borrow<Q>,
    {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(entries) => return entries,
                Self::Branch(children) => {
                    let at = child_of(children, key);
                    node = Arc::make_mut(&mut children[at].1);
                }
            }
        }
    }

    /// What has to stand beside this node from now on. A key that is new is counted.
    fn insert(&mut self, key: K, value: V, len: &mut usize) -> Option<Child<K, V>> {
        match self {
            Self::Leaf(entries) => {
                let at = match place(entries, &key) {
                    Ok(at) => {
                        entries[at].1 = value;
                        return None;
                    }
                    Err(at) => at,
                };
                *len += 1;
                let upper = put(entries, at, (key, value))?;
                Some((upper[0].0.clone(), Arc::new(Self::Leaf(upper))))
            }
            Self::Branch(children) => {
                let at = child_of(children, &key);
                let beside = Arc::make_mut(&mut children[at].1).insert(key, value, len)?;
                let upper = put(children, at + 1, beside)?;
                Some((upper[0].0.clone(), Arc::new(Self::Branch(upper))))
            }
        }
    }

    /// What was there, and whether nothing is left here. Nodes are not filled up from their neighbours: those that are
    /// left with nothing go.
    fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(V, bool)>
    where
        K: Borrow<Q>,
    {
        match self {
            Self::Leaf(entries) => {
                let at = place(entries, key).ok()?;
                let (_, value) = entries.remove(at);
                Some((value, entries.is_empty()))
            }
            Self::Branch(children) => {
                let at = child_of(children, key);
                let (value, is_empty) = Arc::make_mut(&mut children[at].1).remove(key)?;
                if is_empty {
                    children.remove(at);
                }
                Some((value, children.is_empty()))
            }
        }
    }
}

impl<K: Ord + Clone, V: Clone> Index<K, V> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let leaf = self.root.as_ref()?.leaf(key);
        let at = place(leaf, key).ok()?;
        Some(&leaf[at].1)
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// For a value to be changed, if it is there.
    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let leaf = Arc::make_mut(self.root.as_mut()?).leaf_mut(key);
        let at = place(leaf, key).ok()?;
        Some(&mut leaf[at].1)
    }

    /// Takes the place of what the key had before.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let empty = || Arc::new(Node::Leaf(Vec::new()));
        let root = self.root.get_or_insert_with(empty);
        if let Some((least, beside)) = Arc::make_mut(root).insert(key, value, &mut self.len) {
            // Nobody asks for the key of a first child.
            let children = vec![(least.clone(), Arc::clone(root)), (least, beside)];
            *root = Arc::new(Node::Branch(children));
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let root = self.root.as_mut()?;
        let (removed, is_empty) = Arc::make_mut(root).remove(key)?;
        self.len -= 1;
        if is_empty {
            self.root = None;
            return Some(removed);
        }
        // A root with one child is one level too many.
        loop {
            let child = match &**root {
                Node::Branch(children) if children.len() == 1 => Arc::clone(&children[0].1),
                Node::Branch(_) | Node::Leaf(_) => return Some(removed),
            };
            *root = child;
        }
    }

    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        let mut node = &**self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf(entries) => return entries.first().map(|(key, value)| (key, value)),
                Node::Branch(children) => node = &children[0].1,
            }
        }
    }

    /// All entries in the order of their keys.
    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter::new();
        if let Some(root) = &self.root {
            iter.descend(root);
        }
        iter
    }

    /// The entries from a key on.
    pub(crate) fn iter_from<Q: Ord + ?Sized>(&self, from: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let mut iter = Iter::new();
        let Some(root) = &self.root else {
            return iter;
        };
        let mut node = &**root;
        while let Node::Branch(children) = node {
            let at = child_of(children, from);
            iter.above.push(children[at + 1..].iter());
            node = &children[at].1;
        }
        iter.descend(node);
        let leaf = iter.leaf.as_slice();
        let (Ok(before) | Err(before)) = place(leaf, from);
        iter.leaf = leaf[before..].iter();
        iter
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }
}

/// Entries in the order of their keys.
pub(crate) struct Iter<'i, K, V> {
    /// The children still to come, of every branch on the way down.
    above: Vec<slice::Iter<'i, Child<K, V>>>,
    leaf: slice::Iter<'i, (K, V)>,
}

impl<'i, K, V> Iter<'i, K, V> {
    fn new() -> Self {
        Self {
            above: Vec::new(),
            leaf: [].iter(),
        }
    }

    /// Goes down to the first leaf.
    fn descend(&mut self, mut node: &'i Node<K, V>) {
        loop {
            match node {
                Node::Leaf(entries) => {
                    self.leaf = entries.iter();
                    return;
                }
                Node::Branch(children) => {
                    self.above.push(children[1..].iter());
                    node = &children[0].1;
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
                Some((_, child)) => self.descend(child),
                None => {
                    self.above.pop();
                }
            }
        }
    }
}

impl<K, V> FusedIterator for Iter<'_, K, V> {}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self { root: None, len: 0 }
    }
}

/// The same entries, however they lie.
impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for Index<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let is_shared = match (&self.root, &other.root) {
            (Some(root), Some(of_other)) => Arc::ptr_eq(root, of_other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.len == other.len && (is_shared || self.iter().eq(other.iter()))
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
        assert!(index.root.is_none(), "nothing of it is left");
    }
}
