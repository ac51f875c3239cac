//! A client that takes documented answers only: every resource is decoded into a struct in which no key may be unknown,
//! missing or of another type.
//!
//! `about` prints the client, its version and its flows as JSON; `run FLOW` runs one, and expects the JSON line of the
//! host in `FAKE_BUILDKITE`. A flow that does not go as expected panics.

mod client;
mod flows;
// Most of it is decoded and never looked at: that is the point.
#[allow(dead_code)]
mod shapes;
mod strict;

use std::env;

use serde_json::json;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["about"] => {
            let names: Vec<_> = flows::FLOWS.iter().map(|(name, _)| name).collect();
            let version = env!("CARGO_PKG_VERSION");
            println!(
                "{}",
                json!({ "client": "strict-rust", "version": version, "flows": names })
            );
        }
        ["run", name] => {
            let found = flows::FLOWS.iter().find(|(flow, _)| *flow == name);
            let (_, flow) = found.unwrap_or_else(|| panic!("no flow {name}"));
            flow();
        }
        _ => panic!("usage: strict-rust about | run FLOW"),
    }
}
