//! What the benchmarks share: a client that costs little, the servers to compare with, and how things are timed side by
//! side.

#![allow(dead_code, reason = "each benchmark uses its part of it")]

pub(crate) mod client;
pub(crate) mod measure;
pub(crate) mod mock;
pub(crate) mod process;
pub(crate) mod servers;
pub(crate) mod typed;
pub(crate) mod world;
