//! What happened in every fake of a run, on disk, for `tests/determinism/run` to compare with another run. Compiled
//! with `--cfg fake_buildkite_keep_logs` alone; nothing of it is in a usual build.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process, thread};

use crate::driver::Driver;

/// The directory the logs go to.
const DIRECTORY: &str = "FAKE_BUILDKITE_LOGS";

/// Which fake of a run it is.
#[derive(Debug)]
pub(super) struct Name(String);

impl Name {
    /// The next one: the `n`th fake that this test has made. What other threads make has no place that would be the
    /// same in another run, and is told from the rest by a `~`; its text is compared without its name.
    pub(super) fn next() -> Self {
        thread_local! {
            static MADE: Cell<u64> = const { Cell::new(0) };
        }
        static ELSEWHERE: AtomicU64 = AtomicU64::new(0);
        // The thread of a test is called after it, and tests are in modules.
        match thread::current().name() {
            Some(test) if test.contains("::") => {
                let n = MADE.get();
                MADE.set(n + 1);
                Self(format!("{}.{n}", test.replace("::", ".")))
            }
            _ => {
                let n = ELSEWHERE.fetch_add(1, Ordering::Relaxed);
                Self(format!("~{}.{n}", process::id()))
            }
        }
    }
}

/// Writes down what happened, if somebody wants to know. A run that cannot is no run.
pub(super) fn keep(Name(name): &Name, driver: &Driver) {
    let Some(directory) = env::var_os(DIRECTORY) else {
        return;
    };
    let (events, requests) = driver.record();
    let mut text = String::new();
    for event in events {
        writeln!(text, "{event}\t{:?}", event.kind).expect("a String");
    }
    for request in requests {
        writeln!(text, "> {request}").expect("a String");
    }
    // A test that starts itself in another process has a namesake there.
    let create = |n: u64| {
        let path = Path::new(&directory).join(format!("{name}.{n}"));
        match fs::File::create_new(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
            created => Some(created),
        }
    };
    let created = (0..).find_map(create).expect("numbers do not end");
    let mut file = created.expect("a file in the directory for logs");
    file.write_all(text.as_bytes()).expect("a log");
}
