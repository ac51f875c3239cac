//! What random bytes are tried on, and what must hold whatever they are.
//!
//! A function for each target. It takes bytes, does with them what the fake does with what comes from outside, and
//! panics if something is not as it must be: not only where something crashes. Fuzzers call them (`tests/fuzz`), and
//! every `cargo test` replays what they found worth keeping (`tests/data/fuzz`), with mutations of it from a seed.
//!
//! No part of the crate for anybody else: compiled for fuzzers and for tests alone.
//!
//! The map: [`texts`] are the small languages (conditions, cron lines, patterns, queries, paths, headers) and what is
//! shown as HTML; [`pipelines`] is YAML, as text and as builds that run; [`requests`] is what is asked of a world;
//! [`stream`] is bytes on a connection; [`pulled`] is levers; [`world`] is what the last three are asked of.

mod pipelines;
#[cfg(feature = "cli")]
mod pulled;
mod requests;
mod stream;
#[cfg(test)]
mod tests;
mod texts;
mod world;

pub use pipelines::{interpolation, pipeline, upload};
#[cfg(feature = "cli")]
pub use pulled::levers;
pub use requests::{graphql, requests};
pub use stream::edge;
pub use texts::{branches, conditional, cron, headers, markdown, path, query, terminal};

/// What stands between two parts of one input: steps and uploads, or requests.
const BETWEEN: &str = "\n%%\n";

/// As text, if it is text; nothing is learnt from the rest, because texts are what comes out of JSON and URLs.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
