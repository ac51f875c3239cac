//! Which transitions the random worlds see: every row of the printed tables that some world of the usual run takes
//! stands in `walked.txt`, of which the page `coverage` is made.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

const FILE: &str = "src/engine/tests/walked.txt";
const REGENERATE: &str = "FAKE_BUILDKITE_WRITE=1 cargo test --lib random_worlds && FAKE_BUILDKITE_WRITE=1 cargo test --test it coverage";

/// How often each row was taken.
pub(super) type Walked = BTreeMap<String, u64>;

thread_local! {
    /// On this thread, if it is counted.
    static WALKED: RefCell<Option<Walked>> = const { RefCell::new(None) };
}

/// The engine made a transition.
pub(crate) fn took(row: impl FnOnce() -> String) {
    WALKED.with_borrow_mut(|walked| {
        if let Some(walked) = walked {
            *walked.entry(row()).or_default() += 1;
        }
    });
}

/// What this thread does is counted from now on.
pub(super) fn begin() {
    WALKED.set(Some(Walked::new()));
}

/// What this thread did since.
pub(super) fn end() -> Walked {
    WALKED.take().unwrap_or_default()
}

/// Holds what a usual run saw against what is written down, or writes it down.
pub(super) fn compare(walked: &Walked) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let mut text = walked.keys().cloned().collect::<Vec<_>>().join("\n");
    text.push('\n');
    if env::var_os("FAKE_BUILDKITE_WRITE").is_some() {
        fs::write(&path, &text).expect("a file that can be written");
        for (row, times) in walked {
            println!("{times:8} {row}");
        }
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let written: BTreeSet<_> = written.lines().collect();
    let walked: BTreeSet<_> = text.lines().collect();
    let missed: Vec<_> = written.difference(&walked).collect();
    let new: Vec<_> = walked.difference(&written).collect();
    assert!(
        missed.is_empty() && new.is_empty(),
        "no random world takes {missed:?} any more, and {new:?} are not in {FILE}; if that is as it should be: {REGENERATE}"
    );
}
