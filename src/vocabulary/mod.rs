//! The words every other room uses: ids, states, scopes, routes and events.
//!
//! Leftmost room: it imports nothing of ours. What a word means for the machine is in `engine`, how it looks in
//! `wire`.

pub(crate) mod access;
pub(crate) mod event;
pub(crate) mod exit;
pub(crate) mod ids;
pub(crate) mod likeness;
pub(crate) mod role;
pub(crate) mod route;
pub(crate) mod scope;
pub(crate) mod slip;
pub(crate) mod span;
pub(crate) mod states;
pub(crate) mod webhook;
pub(crate) mod wildcard;
