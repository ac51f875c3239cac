//! A persistent list, for what is found by its number: the rows of a table, the steps of a build, the rules of a script.
//!
//! A clone costs nothing, and a write after it copies only the way to its element: nodes of a tree that is as high
//! everywhere. Everything the machine does looks things up here many times, so there is little between a number and its
//! element, also where nothing is inlined.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// So many bits of a number say which child of a node it is in, or which element of a leaf it names.
const BITS: u32 = 5;
const WIDTH: usize = 1 << BITS;

#[derive(Debug)]
enum Node<T> {
    Leaf(Vec<Arc<T>>),
    Branch(Vec<Arc<Node<T>>>),
}

/// The list.
#[derive(Debug)]
pub(crate) struct List<T> {
    root: Arc<Node<T>>,
    len: usize,
    /// How many of the last bits of a number are left to the nodes below the root.
    below: u32,
}

impl<T: Clone> List<T> {
    pub(crate) fn new() -> Self {
        Self {
            root: Arc::new(Node::Leaf(Vec::new())),
            len: 0,
            below: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        if number >= self.len {
            return None;
        }
        let (mut node, mut below) = (&*self.root, self.below);
        loop {
            match node {
                Node::Branch(children) => node = &children[(number >> below) % WIDTH],
                Node::Leaf(elements) => return Some(&elements[number % WIDTH]),
            }
            below -= BITS;
        }
    }

    /// For an element to be changed, if it is there.
    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        if number >= self.len {
            return None;
        }
        let (mut node, mut below) = (Arc::make_mut(&mut self.root), self.below);
        loop {
            match node {
                Node::Branch(children) => {
                    node = Arc::make_mut(&mut children[(number >> below) % WIDTH]);
                }
                Node::Leaf(elements) => {
                    return Some(Arc::make_mut(&mut elements[number % WIDTH]));
                }
            }
            below -= BITS;
        }
    }

    /// Puts an element behind the others.
    pub(crate) fn push(&mut self, element: T) {
        if self.len == WIDTH << self.below {
            let full = Arc::clone(&self.root);
            self.root = Arc::new(Node::Branch(vec![full]));
            self.below += BITS;
        }
        let (mut node, mut below) = (Arc::make_mut(&mut self.root), self.below);
        loop {
            match node {
                Node::Branch(children) => {
                    let at = (self.len >> below) % WIDTH;
                    if at == children.len() {
                        let is_leaf = below == BITS;
                        children.push(Arc::new(if is_leaf {
                            Node::Leaf(Vec::new())
                        } else {
                            Node::Branch(Vec::new())
                        }));
                    }
                    node = Arc::make_mut(&mut children[at]);
                }
                Node::Leaf(elements) => {
                    elements.push(Arc::new(element));
                    break;
                }
            }
            below -= BITS;
        }
        self.len += 1;
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        (0..self.len).map(|number| &self[number])
    }
}

// By hand: a derive would ask `T: Clone` of what is only shared.
impl<T> Clone for Node<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Leaf(elements) => Self::Leaf(elements.clone()),
            Self::Branch(children) => Self::Branch(children.clone()),
        }
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self {
            root: Arc::clone(&self.root),
            len: self.len,
            below: self.below,
        }
    }
}

/// The same elements, whoever shares them.
impl<T: Clone + PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        let is_shared = Arc::ptr_eq(&self.root, &other.root);
        self.len == other.len && (is_shared || self.iter().eq(other.iter()))
    }
}

impl<T: Clone + Eq> Eq for List<T> {}

impl<T: Clone> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut list = Self::new();
        for element in elements {
            list.push(element);
        }
        list
    }
}

impl<T: Clone> Index<usize> for List<T> {
    type Output = T;

    fn index(&self, number: usize) -> &T {
        self.get(number).expect("an element that is there")
    }
}

impl<T: Clone> IndexMut<usize> for List<T> {
    fn index_mut(&mut self, number: usize) -> &mut T {
        self.get_mut(number).expect("an element that is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_put_into_it_and_clones_keep_what_they_saw() {
        let (mut list, mut model) = (List::new(), Vec::new());
        let mut kept = Vec::new();
        for number in 0..40_000_usize {
            if number % 1_000 < 3 || number % 1_024 < 3 {
                kept.push((list.clone(), model.clone()));
            }
            list.push(number);
            model.push(number);
            let other = number * 7 / 13;
            list[other] += 1;
            model[other] += 1;
        }
        kept.push((list, model));
        for (list, model) in kept {
            assert!(list.iter().eq(&model));
            assert!(list.iter().rev().eq(model.iter().rev()));
            assert_eq!((list.len(), list.get(model.len())), (model.len(), None));
        }
    }
}
