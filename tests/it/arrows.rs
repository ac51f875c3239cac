//! Which way imports point, and which words a room may not know. Read from the sources themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, from left to right: a room imports only from rooms of an earlier line, or from itself.
const ROOMS: &[&[&str]] = &[
    &["vocabulary", "schedule"],
    &["persistent"],
    &["journal", "pipeline"],
    &["script", "fault"],
    &["engine"],
    &["wire", "timeline", "clock"],
    &["http", "webhook"],
    &["driver"],
    &["fake"],
    &["levers"],
    &["fuzzing"],
    &["lib"],
    &["bin"],
];

/// What the pure rooms may not name: a runtime, a server, a serialiser, a lock, a clock.
const PURE: &[&str] = &[
    "persistent",
    "vocabulary",
    "schedule",
    "pipeline",
    "script",
    "engine",
];
const WORLDLY: &[&str] = &[
    "tokio",
    "hyper",
    "serde",
    "serde_json",
    "parking_lot",
    "std::time::Instant",
    "SystemTime",
    "Utc::now",
];

/// tokio and hyper live at the edge of the edge, and tokio where something waits, or looks at a real clock.
const EDGE_FILES: &[&str] = &[
    "driver/mod.rs",
    "driver/held.rs",
    "driver/follow.rs",
    "driver/pace.rs",
    "driver/post.rs",
    "fake/connection.rs",
    "fake/host.rs",
    "fake/receiver.rs",
    "fake/wait.rs",
    "http/again/tests.rs",
    "http/server.rs",
    "http/server/borrowed.rs",
    "http/server/names.rs",
    "http/server/reception.rs",
    "http/server/tests.rs",
    "http/connection.rs",
    "http/io.rs",
    "http/spelling.rs",
    "http/wreck.rs",
    "webhook/send.rs",
    "http/failures.rs",
    "levers/door.rs",
    "fuzzing/requests.rs",
    "fuzzing/stream.rs",
];

struct Source {
    /// Relative to `src`, with `/`.
    file: String,
    room: String,
    /// Without comments, doc comments included: prose may name anything.
    code: String,
}

fn sources() -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&top, &mut files);
    files.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a source file");
        let file = path
            .strip_prefix(&top)
            .expect("below src")
            .to_string_lossy()
            .replace('\\', "/");
        let room = file
            .split('/')
            .next()
            .expect("a name")
            .trim_end_matches(".rs")
            .to_owned();
        let code = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default());
        Source {
            room,
            code: code.collect::<Vec<_>>().join("\n"),
            file,
        }
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Every room named behind `crate::` in a piece of code, `use crate::{a, b::c}` included.
fn imported(code: &str) -> BTreeSet<String> {
    let name = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => {
                found.insert(name(rest));
            }
            Some(group) => {
                let mut depth = 0;
                let mut item = String::new();
                for c in group.chars() {
                    match c {
                        '}' if depth == 0 => break,
                        ',' if depth == 0 => {
                            found.insert(name(item.trim()));
                            item.clear();
                        }
                        c => {
                            depth += i32::from(c == '{') - i32::from(c == '}');
                            item.push(c);
                        }
                    }
                }
                found.insert(name(item.trim()));
            }
        }
    }
    found.remove("");
    found
}

fn rank(room: &str) -> usize {
    let rank = ROOMS.iter().position(|line| line.contains(&room));
    rank.unwrap_or_else(|| {
        panic!("`{room}` is no room on the map; put it on the map in this test and in lib.rs")
    })
}

#[test]
fn imports_point_to_the_left() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.room != "lib") {
        for import in imported(&source.code) {
            let is_flat = ROOMS
                .iter()
                .flat_map(|line| line.iter())
                .all(|room| *room != import);
            if is_flat || (import != source.room && rank(&import) >= rank(&source.room)) {
                wrong.push(format!("{} imports {import}", source.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The words between backticks.
fn named(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_map_in_the_documentation_is_this_one() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let lib = lib.expect("a source file");
    let (_, map) = lib.split_once("//! # The map\n").expect("a map");
    // The arrows, which are one paragraph, and a table with a row for each room.
    let arrows = map.split("//!\n").find(|paragraph| paragraph.contains('←'));
    let arrows: Vec<_> = arrows
        .expect("arrows")
        .split(['·', '←'])
        .map(named)
        .collect();
    assert_eq!(arrows, ROOMS);
    let rows = map.lines().filter(|line| line.starts_with("//! | `"));
    let rows: Vec<_> = rows.map(|row| named(row)[0]).collect();
    assert_eq!(rows, ROOMS.concat());
}

#[test]
fn pure_rooms_know_nothing_of_the_world() {
    let mut wrong = Vec::new();
    for source in sources() {
        let is_word = |word: &str| {
            source.code.match_indices(word).any(|(at, _)| {
                let before = source.code[..at].chars().next_back();
                let after = source.code[at + word.len()..].chars().next();
                let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                !joins(before) && !joins(after)
            })
        };
        if PURE.contains(&source.room.as_str()) {
            wrong.extend(
                WORLDLY
                    .iter()
                    .filter(|word| is_word(word))
                    .map(|word| format!("{}: {word}", source.file)),
            );
        }
        let is_edge = EDGE_FILES.contains(&source.file.as_str());
        if !is_edge {
            let edge = ["tokio", "hyper"].into_iter().filter(|word| is_word(word));
            wrong.extend(edge.map(|word| format!("{}: {word}", source.file)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lines of a file's header, without what makes them comments.
fn header_of(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let text = fs::read_to_string(path).expect("a source file");
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.trim_start().to_owned()).collect()
}

/// Where a room of many files has a map of them, it leaves none out.
#[test]
fn the_map_of_a_room_names_every_file_of_it() {
    let mut wrong = Vec::new();
    let mut maps = 0;
    for source in sources() {
        let header = header_of(&source.file);
        if !header.iter().any(|line| line.starts_with("The map:")) {
            continue;
        }
        maps += 1;
        let header = header.join(" ");
        let known: BTreeSet<_> = named(&header).into_iter().collect();
        let modules = source.code.lines().filter_map(|line| {
            let (visibility, name) = line.strip_suffix(';')?.split_once("mod ")?;
            let is_item = visibility.is_empty() || visibility.starts_with("pub");
            is_item.then_some(name)
        });
        for module in modules.filter(|name| *name != "tests" && !known.contains(name)) {
            wrong.push(format!("{} says nothing of {module}", source.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(maps > 3, "maps are found");
}

#[test]
fn this_test_sees_what_it_looks_for() {
    let code = "use crate::engine::{self, job};\nuse crate::{wire::{a, b}, http};\nlet x = crate::clock::now();";
    let found: Vec<_> = imported(code).into_iter().collect();
    assert_eq!(found, ["clock", "engine", "http", "wire"]);
    assert!(sources().len() > 50, "the sources are found");
    assert!(rank("engine") > rank("pipeline"));
}
