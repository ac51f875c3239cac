//! What a world is kept in: collections of which a clone is a snapshot, and costs nothing.
//!
//! A write after a clone copies the way to its element and shares the rest. There are two of them for everything, so
//! that both are small and fast, and so that whoever builds the crate builds nothing else of their kind.
//!
//! The map: `list` is for what is found by its number, `index` for what is found by a key and kept in order.

mod index;
mod list;

pub(crate) use index::Index;
pub(crate) use list::List;
