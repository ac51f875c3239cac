//! The words every other room uses: ids, states, scopes, routes and events.
//!
//! Leftmost room: it imports nothing of ours. What a word means for the machine is in `engine`, how it looks in
//! `wire`.
//!
//! The map:
//!
//! - Buildkite's words: `access`, `role` and `scope` are who may what, `route` what can be asked for, `states` what
//!   becomes of things, `webhook` what webhooks tell of, `wildcard` its one wildcard.
//! - Ours: `ids` and how they come about, `event` is what happened, `exit` how a command ended, `span` how long something
//!   takes, `slip` what a test's author does wrong, `likeness` which name was meant.

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
