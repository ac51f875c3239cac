//! The guide in the crate's documentation, and the links of the README: nothing is left out, and nothing leads nowhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages that `src/guide.rs` includes, relative to `src/guide`.
fn pages() -> Vec<String> {
    let source = read("src/guide.rs");
    let pages = source.split("include_str!(\"guide/").skip(1);
    pages
        .map(|rest| rest.split('"').next().expect("a path").to_owned())
        .collect()
}

/// Where the links of a text lead.
fn links(text: &str) -> BTreeSet<String> {
    let inline = text.split("](").skip(1);
    inline
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// The pages of a folder without its index: `(name, text)`.
fn below(folder: &str) -> Vec<(String, String)> {
    let named = |page: &String| {
        let name = page.strip_prefix(folder)?.strip_suffix(".md")?;
        let is_index = folder.is_empty() && name == "guide";
        let is_here = !name.contains('/') && !is_index;
        is_here.then(|| (name.to_owned(), read(&format!("src/guide/{page}"))))
    };
    pages().iter().filter_map(named).collect()
}

#[test]
fn every_page_that_was_written_is_in_the_guide() {
    let mut files = BTreeSet::new();
    for folder in ["", "recipes/"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/guide")
            .join(folder);
        for entry in fs::read_dir(path).expect("a folder") {
            let name = entry.expect("an entry").file_name();
            let name = name.to_str().expect("a name");
            if name.strip_suffix(".md").is_some() {
                files.insert(format!("{folder}{name}"));
            }
        }
    }
    assert_eq!(files, pages().into_iter().collect());
}

#[test]
fn the_index_has_every_chapter_and_each_leads_to_the_next() {
    let chapters: Vec<_> = below("");
    let index = links(&read("src/guide/guide.md"));
    for (at, (name, text)) in chapters.iter().enumerate() {
        assert!(
            index.contains(&format!("crate::guide::{name}")),
            "the index has no `{name}`"
        );
        let next = chapters.get(at + 1).filter(|(next, _)| next != "recipes");
        if let Some((next, _)) = next {
            let way = format!("crate::guide::{next}");
            assert!(
                links(text).contains(&way),
                "`{name}` does not lead to `{next}`"
            );
        }
    }
}

#[test]
fn there_are_twenty_recipes_and_each_leads_to_the_next() {
    let recipes = below("recipes/");
    let index = links(&read("src/guide/recipes.md"));
    assert_eq!(recipes.len(), 20);
    for (at, (name, text)) in recipes.iter().enumerate() {
        assert!(
            index.contains(&format!("crate::guide::recipes::{name}")),
            "the index has no `{name}`"
        );
        assert!(text.contains("**The bug"), "`{name}` names no bug");
        assert!(
            text.contains("# /*\n#["),
            "`{name}` shows no `#[test]` to paste"
        );
        if let Some((next, _)) = recipes.get(at + 1) {
            let way = format!("crate::guide::recipes::{next}");
            assert!(
                links(text).contains(&way),
                "`{name}` does not lead to `{next}`"
            );
        }
    }
}

#[test]
fn every_link_of_the_readme_to_a_file_leads_to_one() {
    let readme = read("README.md");
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for link in links(&readme) {
        let path = link.split('#').next().expect("a first part");
        if path.is_empty() || path.contains("://") {
            continue;
        }
        seen += 1;
        assert!(top.join(path).exists(), "there is no {path}");
    }
    assert!(seen > 0, "the links are found");
}
