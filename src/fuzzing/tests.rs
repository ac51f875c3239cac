//! What fuzzers found worth keeping, again, and mutations of it.
//!
//! `FAKE_BUILDKITE_SEED` is that of the mutations, `FAKE_BUILDKITE_MUTATIONS` how many there are of each target's
//! inputs.

use std::env;
use std::fs;
use std::path::PathBuf;

use super::requests::Asking;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/fuzz");

/// What mutations put in, beside pieces of the other inputs.
const PIECES: &[&str] = &[
    "\0",
    "\n",
    "\n\n",
    " ",
    "\t",
    "\"",
    "'",
    "\\",
    "/",
    "{",
    "}",
    "[",
    "]",
    "<",
    ">",
    "&",
    "%",
    "%00",
    "%ff",
    "$",
    "${",
    "!",
    "*",
    "#",
    ":",
    ";",
    ",",
    "-1",
    "0",
    "1",
    "00",
    "99999999999999999999",
    "9223372036854775807",
    "1e999",
    "null",
    "true",
    "~",
    "é",
    "\u{202e}",
    "\u{1b}[",
    "\u{feff}",
    "steps: ",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "%%",
];

/// Numbers from a seed: no entropy, no crate.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        usize::try_from(word % end.max(1) as u64).expect("below a length")
    }

    /// From one place to another that is not far behind it.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let from = self.below(len + 1);
        from..(from + self.below(20)).min(len)
    }
}

fn mutated(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = inputs[random.below(inputs.len())].clone();
    for _ in 0..=random.below(3) {
        let range = random.range(data.len());
        let new = match random.below(5) {
            0 => Vec::new(),
            1 => data[range.clone()].repeat(2),
            2 => {
                let other = &inputs[random.below(inputs.len())];
                other[random.range(other.len())].to_vec()
            }
            3 if !range.is_empty() => {
                let mut piece = data[range.clone()].to_vec();
                let at = random.below(piece.len());
                piece[at] ^= 1 << random.below(7);
                piece
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())].as_bytes().to_vec();
                let at = range.start;
                data.splice(at..at, piece);
                continue;
            }
        };
        data.splice(range, new);
    }
    data
}

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(HERE).join(target);
    // The published package has no tests, and so none of their data.
    if !folder.exists() && !PathBuf::from(HERE).with_file_name("").exists() {
        return Vec::new();
    }
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let read = |file: &PathBuf| fs::read(file).expect("an input");
    files.iter().map(read).collect()
}

fn number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Says what it was tried on, if that fails.
struct Tried<'d>(&'d str, &'d [u8]);

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(what, data) = self;
            println!("{what}: b\"{}\"", data.escape_ascii());
        }
    }
}

fn replay(target: &str, run: fn(&[u8]), mutations: usize) {
    let inputs = inputs(target);
    for input in &inputs {
        let _tried = Tried(target, input);
        run(input);
    }
    if inputs.is_empty() {
        return;
    }
    let seed = number("FAKE_BUILDKITE_SEED", 0);
    let mut random = Random(seed as u64);
    for _ in 0..number("FAKE_BUILDKITE_MUTATIONS", mutations) {
        let input = mutated(&inputs, &mut random);
        let what = format!("a mutation for {target}, seed {seed}");
        let _tried = Tried(&what, &input);
        run(&input);
    }
}

macro_rules! replayed {
    ($($test:ident: $target:ident, $mutations:literal;)*) => {
        $(
            #[test]
            fn $test() {
                replay(stringify!($target), super::$target, $mutations);
            }
        )*
    };
}

replayed! {
    pipelines_hold_what_they_promise: pipeline, 1_000;
    uploads_hold_what_they_promise: upload, 100;
    conditions_hold_what_they_promise: conditional, 3_000;
    cron_lines_hold_what_they_promise: cron, 500;
    branch_patterns_hold_what_they_promise: branches, 5_000;
    interpolation_holds_what_it_promises: interpolation, 3_000;
    queries_hold_what_they_promise: query, 3_000;
    paths_hold_what_they_promise: path, 3_000;
    ranges_hold_what_they_promise: headers, 5_000;
    markdown_holds_what_it_promises: markdown, 3_000;
    logs_hold_what_they_promise: terminal, 5_000;
    graphql_holds_what_it_promises: graphql, 300;
    requests_hold_what_they_promise: requests, 100;
    the_edge_holds_what_it_promises: edge, 300;
}

#[cfg(feature = "cli")]
replayed! {
    levers_hold_what_they_promise: levers, 100;
}

/// Otherwise inputs are about refusals alone: ids in braces that nobody fills, or paths that are no more.
#[test]
fn the_requests_that_are_kept_are_understood() {
    let (mut asked, mut succeeded) = (0, 0);
    for input in inputs("requests") {
        let asking = Asking::all(&input);
        asked += asking.asked;
        succeeded += asking.succeeded;
    }
    assert!(succeeded * 4 >= asked, "{succeeded} of {asked}");
}
