//! Fakes with something in them.

use std::fmt::Write as _;
use std::net::SocketAddr;

use fake_buildkite::{FakeBuildkite, PipelineHandle};

/// So many commands, with keys `k0` and on, none of which waits for another.
pub(crate) fn steps(count: usize) -> String {
    let mut yaml = String::from("steps:\n");
    for n in 0..count {
        writeln!(yaml, "  - {{label: \"Job {n}\", command: make, key: k{n}}}").expect("a String");
    }
    yaml
}

/// A fake with a pipeline of so many jobs, and so many builds of it that have ended.
pub(crate) fn finished(builds: usize, jobs: usize) -> (FakeBuildkite, PipelineHandle) {
    let fake = FakeBuildkite::builder().event_limit(10_000_000).start();
    let app = fake.pipeline("app").steps(steps(jobs)).create();
    for _ in 0..builds {
        app.create_build();
        fake.run_until_idle();
    }
    (fake, app)
}

pub(crate) fn address(fake: &FakeBuildkite) -> SocketAddr {
    fake.url()["http://".len()..].parse().expect("an address")
}

/// Where a build is.
pub(crate) fn build_path(number: u64) -> String {
    format!("/v2/organizations/acme/pipelines/app/builds/{number}")
}
