//! A whole process for one answer: wiremock.

#[path = "../support/client.rs"]
#[allow(dead_code, reason = "only some of it is used")]
mod client;
#[path = "../support/mock.rs"]
mod mock;

use client::{Captured, Client, get};

fn main() {
    let answer = std::env::var("FAKE_BUILDKITE_BENCH_ANSWER").expect("what to answer");
    let answer = Captured::read(answer.as_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let server = runtime.block_on(mock::wiremock(&answer));
    let size = Client::connect(*server.address()).ask(&get("/v2/user", "token"));
    assert!(size > 0);
}
