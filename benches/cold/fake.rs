//! A whole process for one answer: this crate.

#[path = "../support/client.rs"]
#[allow(dead_code, reason = "only some of it is used")]
mod client;

use client::{Client, get};
use fake_buildkite::FakeBuildkite;

fn main() {
    let fake = FakeBuildkite::start();
    let address = fake.url()["http://".len()..].parse().expect("an address");
    let size = Client::connect(address).ask(&get("/v2/user", fake.token()));
    assert!(size > 0);
}
