//! A whole process for one answer: hyper as it is.

#[path = "../support/client.rs"]
#[allow(dead_code, reason = "only some of it is used")]
mod client;
#[path = "../support/servers.rs"]
#[allow(dead_code, reason = "only some of it is used")]
mod servers;

use client::{Captured, Client, get};
use servers::{Answer, Bare};

fn main() {
    let answer = std::env::var("FAKE_BUILDKITE_BENCH_ANSWER").expect("what to answer");
    let answer = Answer::fixed(&Captured::read(answer.as_bytes()));
    let server = Bare::start(answer).expect("a port");
    let size = Client::connect(server.address).ask(&get("/v2/user", "token"));
    assert!(size > 0);
}
