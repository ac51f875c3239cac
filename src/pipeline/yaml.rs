//! YAML text -> a tree of nodes with their places: aliases followed, merges applied, repeated keys settled.
//!
//! The tree is what go-pipeline would see. Aliased parts are shared, not copied, yet they count in full, so that
//! walking a tree is bounded however it was written.
//!
//! Elsewhere: the tree (`node`), scalars (`scalar`), merges and keys (`mapping`), errors of form (`syntax`), and what
//! the tree means for Buildkite (`steps`).
//! Source: buildkite/go-pipeline, package `ordered`, at fd45720.

use std::collections::BTreeMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError};

use super::error::{PipelineError, Position};
use super::mapping::{Key, MAPPING, SEQUENCE, key_kind_error, located, settle};
use super::node::{Node, Value};
use super::scalar::{self, Tag};
use super::syntax::{position, syntax_error};

/// How many nodes a document may have once its aliases are expanded.
/// Chosen: 100 times what the largest real pipelines hold; go-pipeline has no limit.
const MAX_NODES: usize = 100_000;

/// How many bytes of text a document may have once its aliases are expanded.
/// Chosen: twice the largest body the server takes.
const MAX_BYTES: usize = 16 << 20;

/// How deep collections may nest, aliases included.
/// Chosen: real pipelines stay below 12; this bounds every recursion over a tree.
const MAX_DEPTH: usize = 100;

/// How many documents one text may hold.
/// Chosen: the agent has no limit of its own; Buildkite takes 500 uploads a build.
const MAX_DOCUMENTS: usize = 500;

/// Reads the first document of `text`; whatever follows is not looked at.
pub(crate) fn load(text: &str) -> Result<Node, PipelineError> {
    let first = read(text, 1)?.pop();
    first.ok_or_else(|| PipelineError::parse(Position { line: 1, column: 1 }, "EOF"))
}

/// Reads every document of `text`; the limits of size hold for all of them together.
pub(crate) fn load_all(text: &str) -> Result<Vec<Node>, PipelineError> {
    read(text, MAX_DOCUMENTS + 1).and_then(|documents| match documents.get(MAX_DOCUMENTS) {
        None => Ok(documents),
        Some(extra) => {
            let message = format!("more than {MAX_DOCUMENTS} documents");
            Err(PipelineError::parse(extra.at, message))
        }
    })
}

fn read(text: &str, most: usize) -> Result<Vec<Node>, PipelineError> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        emit_unresolved_aliases: true,
    };
    options.set_emit_comments(false);
    let mut loader = Loader::default();
    let mut documents = vec![];
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| unreadable(&error))?;
        if let Event::DocumentStart(..) = event {
            if documents.is_empty() {
                check_start(text, span.start.line())?;
            }
        }
        if let Some(root) = loader.take(event, position(&span.start))? {
            documents.push(root);
            if documents.len() == most {
                break;
            }
            // Anchors end with their document; what was spent is spent.
            loader.anchors.clear();
        }
    }
    Ok(documents)
}

/// The YAML library behind go-pipeline takes no `...` before the first document.
fn check_start(text: &str, first: usize) -> Result<(), PipelineError> {
    let before = text
        .lines()
        .take(first)
        .take_while(|line| !line.starts_with("---"));
    let marker = |line: &str| line.trim_end() == "...";
    match before.enumerate().find(|(_, line)| marker(line)) {
        Some((index, _)) => {
            let at = Position {
                line: index + 1,
                column: 1,
            };
            let message = format!("line {}: did not find expected node content", at.line);
            Err(PipelineError::parse(at, message))
        }
        None => Ok(()),
    }
}

/// Builds the tree from events, without recursion.
#[derive(Default)]
struct Loader {
    open: Vec<Collection>,
    anchors: BTreeMap<usize, Anchored>,
    spent: Size,
    root: Option<Node>,
}

/// A collection whose end has not come yet.
struct Collection {
    at: Position,
    anchor: usize,
    spent_before: Size,
    height: usize,
    content: Content,
}

enum Content {
    Seq(Vec<Node>),
    Map {
        pairs: Vec<(Key, Node)>,
        key: Option<Key>,
    },
}

/// A finished node that aliases may name, and what each use of it costs.
struct Anchored {
    node: Node,
    size: Size,
    height: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Loader {
    /// Takes one event; gives the root once its document is over.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum")]
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<Option<Node>, PipelineError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref();
                self.scalar(&text, style, tag, anchor, at)?;
            }
            Event::SequenceStart(_, anchor, _) => self.start(Content::Seq(vec![]), anchor, at)?,
            Event::MappingStart(_, anchor, _) => {
                let (pairs, key) = (vec![], None);
                self.start(Content::Map { pairs, key }, anchor, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(anchor) => self.alias(anchor, at)?,
            Event::UnresolvedAlias(name) => {
                let message = format!("unknown anchor '{name}' referenced");
                return Err(PipelineError::parse(at, message));
            }
            Event::DocumentEnd => return Ok(self.root.take()),
            _ => {}
        }
        Ok(None)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&granit_parser::Tag>,
        anchor: usize,
        at: Position,
    ) -> Result<(), PipelineError> {
        let core = tag.and_then(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:"));
        let plain = style == ScalarStyle::Plain;
        let tag = match (&core, tag) {
            (Some(name), _) => Tag::Core(name),
            (None, Some(tag)) if tag.is_custom() => Tag::Text,
            (None, Some(_) | None) if plain => Tag::Implicit,
            (None, Some(_) | None) => Tag::Text,
        };
        if tag == Tag::Core("binary") {
            return Err(PipelineError::unmodelled(at, "`!!binary`"));
        }
        if let Some(Collection {
            content: Content::Map {
                key: key @ None, ..
            },
            ..
        }) = self.open.last_mut()
        {
            if tag == Tag::Core("merge") || (tag == Tag::Implicit && text == "<<") {
                *key = Some(Key::Merge);
                return Ok(());
            }
        }
        let value = scalar::resolve(text, tag).map_err(|why| PipelineError::parse(at, why))?;
        let size = Size {
            nodes: 1,
            bytes: text.len(),
        };
        self.spend(size, at)?;
        self.place(Node { value, at }, anchor, size, 0)
    }

    fn start(
        &mut self,
        content: Content,
        anchor: usize,
        at: Position,
    ) -> Result<(), PipelineError> {
        if let Some(Content::Map { key: None, .. }) = self.open.last().map(|parent| &parent.content)
        {
            let kind = match content {
                Content::Seq(_) => SEQUENCE,
                Content::Map { .. } => MAPPING,
            };
            return Err(key_kind_error(kind, at));
        }
        self.check_depth(1, at)?;
        let spent_before = self.spent;
        self.spend(Size { nodes: 1, bytes: 0 }, at)?;
        self.open.push(Collection {
            at,
            anchor,
            spent_before,
            height: 0,
            content,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), PipelineError> {
        let Some(collection) = self.open.pop() else {
            return Ok(());
        };
        let value = match collection.content {
            Content::Seq(items) => Value::Seq(items.into()),
            Content::Map { pairs, .. } => Value::Map(settle(pairs)?.into()),
        };
        let at = collection.at;
        let size = self.spent.since(collection.spent_before);
        self.place(
            Node { value, at },
            collection.anchor,
            size,
            collection.height + 1,
        )
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<(), PipelineError> {
        let Some(Anchored { node, size, height }) = self.anchors.get(&anchor) else {
            return self.alias_of_open(anchor, at);
        };
        let (node, size, height) = (node.clone(), *size, *height);
        self.check_depth(height, at)?;
        self.spend(size, at)?;
        self.place(node, 0, size, height)
    }

    /// A collection that names itself: merged into itself it adds nothing, anywhere else it never ends.
    fn alias_of_open(&mut self, anchor: usize, at: Position) -> Result<(), PipelineError> {
        if let Some(collection) = self.open.last_mut() {
            if let Content::Map { key, .. } = &mut collection.content {
                if collection.anchor == anchor && matches!(key, Some(Key::Merge)) {
                    *key = None;
                    return Ok(());
                }
            }
        }
        let named = self
            .open
            .iter()
            .find(|collection| collection.anchor == anchor);
        let at = named.map_or(at, |collection| collection.at);
        Err(located(at, "infinite recursion"))
    }

    /// Puts a finished node where it belongs: under its anchor, and into its parent.
    fn place(
        &mut self,
        node: Node,
        anchor: usize,
        size: Size,
        height: usize,
    ) -> Result<(), PipelineError> {
        if anchor != 0 {
            let node = node.clone();
            self.anchors.insert(anchor, Anchored { node, size, height });
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.height = parent.height.max(height);
        match &mut parent.content {
            Content::Seq(items) => items.push(node),
            Content::Map { pairs, key } => match key.take() {
                Some(key) => pairs.push((key, node)),
                None => *key = Some(Key::own(&node)?),
            },
        }
        Ok(())
    }

    fn check_depth(&self, more: usize, at: Position) -> Result<(), PipelineError> {
        if self.open.len() + more <= MAX_DEPTH {
            return Ok(());
        }
        Err(too_deep(at))
    }

    fn spend(&mut self, size: Size, at: Position) -> Result<(), PipelineError> {
        self.spent.nodes = self.spent.nodes.saturating_add(size.nodes);
        self.spent.bytes = self.spent.bytes.saturating_add(size.bytes);
        let limit = if self.spent.nodes > MAX_NODES {
            format!("{MAX_NODES} nodes")
        } else if self.spent.bytes > MAX_BYTES {
            format!("{MAX_BYTES} bytes of text")
        } else {
            return Ok(());
        };
        let message =
            format!("document is too large: more than {limit} once its aliases are expanded");
        Err(PipelineError::parse(at, message))
    }
}

impl Size {
    fn since(self, before: Self) -> Self {
        Self {
            nodes: self.nodes - before.nodes,
            bytes: self.bytes - before.bytes,
        }
    }
}

fn unreadable(error: &ScanError) -> PipelineError {
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep(position(error.marker()));
    }
    syntax_error(error)
}

fn too_deep(at: Position) -> PipelineError {
    PipelineError::parse(at, format!("exceeded max depth of {MAX_DEPTH}"))
}

#[cfg(test)]
mod tests {
    use super::super::error::Refusal;
    use super::*;

    /// The tree as JSON, or the error.
    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            let shown = match load(text) {
                Ok(node) => node.value.json(),
                Err(error) => format!("! {}", error.message()),
            };
            assert_eq!(shown, *expected, "for {text:?}");
        }
    }

    #[test]
    fn documents() {
        check(&[
            ("", "! EOF"),
            ("# nothing\n", "! EOF"),
            ("---\n", "null"),
            ("---\n...\n", "null"),
            ("a: 1\n...\n", r#"{"a":1}"#),
            (
                "...\n\na: 1\n",
                "! line 1: did not find expected node content",
            ),
            (
                "# x\n...\n---\na: 1\n",
                "! line 2: did not find expected node content",
            ),
            ("foo", r#""foo""#),
            (r#"{"a": [1, "b", null]}"#, r#"{"a":[1,"b",null]}"#),
            ("a: 1\n---\nb: ][", r#"{"a":1}"#),
            ("%YAML 1.1\n---\na: yes", r#"{"a":"yes"}"#),
            (
                "a:\nb: ''\nc: !!str\nd: !x 5\ne: !!int \"5\"",
                r#"{"a":null,"b":"","c":"","d":"5","e":5}"#,
            ),
            ("{a, b: , c}", r#"{"a":null,"b":null,"c":null}"#),
            ("a: 2020-01-01", r#"{"a":"2020-01-01"}"#),
            ("a: .inf", r#"{"a":null}"#),
            ("a: \"\\x01\\t<\"", r#"{"a":"\u0001\t<"}"#),
        ]);
    }

    #[test]
    fn streams() {
        for (text, expected) in [
            ("", "[]"),
            ("# nothing\n", "[]"),
            ("a: 1\n---\nb: 2\n---\n- c\n", r#"[{"a":1},{"b":2},["c"]]"#),
            (
                "a: &x 1\n---\na: &x 2\nb: *x\n",
                r#"[{"a":1},{"a":2,"b":2}]"#,
            ),
            ("a: &x 1\n---\nb: *x\n", "! unknown anchor 'x' referenced"),
            (
                "a: 1\n---\nb: c: d",
                "! line 3: mapping values are not allowed in this context",
            ),
        ] {
            let shown = match load_all(text) {
                Ok(documents) => {
                    let documents: Vec<String> =
                        documents.iter().map(|node| node.value.json()).collect();
                    format!("[{}]", documents.join(","))
                }
                Err(error) => format!("! {}", error.message()),
            };
            assert_eq!(shown, expected, "for {text:?}");
        }
        let many = "---\na\n".repeat(MAX_DOCUMENTS + 1);
        let error = load_all(&many).expect_err("too many");
        assert_eq!(error.message(), "more than 500 documents");
    }

    #[test]
    fn aliases_and_keys() {
        check(&[
            ("a: &x 1\na: &x 2\nb: *x", r#"{"a":2,"b":2}"#),
            ("a: &k foo\n*k : v", r#"{"a":"foo","foo":"v"}"#),
            ("a: &k 1.0\n? *k\n: v", r#"{"a":1,"1.000000e+00":"v"}"#),
            (
                "{1.5: a, 0x10: b, true: c, 2020-01-01: d, 16: e}",
                r#"{"1.500000e+00":"a","16":"e","true":"c","2020-01-01":"d"}"#,
            ),
            ("a: 1\nb: 2\na: 3", r#"{"a":3,"b":2}"#),
            ("a: *x", "! unknown anchor 'x' referenced"),
            ("~: x", "! line 1, col 1: null not supported as a map key"),
            (
                "[a]: x",
                "! line 1, col 1: cannot use node kind 2 as a map key",
            ),
            (
                "{{a: b}: x}",
                "! line 1, col 2: cannot use node kind 4 as a map key",
            ),
            (
                "a: &x [1]\n*x : b",
                "! line 1, col 7: cannot use node kind 2 as a map key",
            ),
            ("a: &a {b: *a}", "! line 1, col 7: infinite recursion"),
            ("a: &a {b: {<<: *a}}", "! line 1, col 7: infinite recursion"),
            ("&a [*a]", "! line 1, col 4: infinite recursion"),
        ]);
    }

    #[test]
    fn merges() {
        check(&[
            (
                "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}",
                r#"{"a":{"x":1,"y":2},"b":{"x":1,"y":3}}"#,
            ),
            (
                "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {z: 0, <<: [*a, *b]}\nd: {<<: *a, <<: *b, x: 9}",
                r#"{"a":{"x":1,"y":2},"b":{"y":3,"z":4},"c":{"z":0,"x":1,"y":2},"d":{"y":2,"z":4,"x":9}}"#,
            ),
            (
                "{<<: [{a: 1}, {a: 2, b: 3}, [{c: 4}]], <<: {d: 5, b: 6}}",
                r#"{"a":1,"b":3,"c":4,"d":5}"#,
            ),
            ("a: &a {<<: *a, b: c}", r#"{"a":{"b":"c"}}"#),
            ("'<<': {a: b}", r#"{"<<":{"a":"b"}}"#),
            ("!!merge x: {a: b}", r#"{"a":"b"}"#),
            ("a: <<", r#"{"a":"<<"}"#),
            ("<<: text", "! line 1, col 5: cannot range over node kind 8"),
            ("<<: ~", "! line 1, col 5: cannot range over node kind 8"),
            ("<<: [1]", "! line 1, col 6: cannot range over node kind 8"),
        ]);
    }

    #[test]
    fn syntax() {
        check(&[
            (
                "a: b: c",
                "! line 1: mapping values are not allowed in this context",
            ),
            (
                "steps: %x",
                "! line 1: found character that cannot start any token",
            ),
            (
                "a: @b",
                "! line 1: found character that cannot start any token",
            ),
            ("a:\n  - b\n - c", "! line 3: did not find expected key"),
            ("- a\nb: c", "! line 2: did not find expected '-' indicator"),
            ("a: \"x", "! line 1: found unexpected end of stream"),
            ("a: \"\\q\"", "! line 1: found unknown escape character"),
            ("!!int foo", "! yaml: cannot decode !!str `foo` as a !!int"),
            (
                "a: !!binary aGk=",
                "! This fake does not model `!!binary` yet",
            ),
        ]);
    }

    #[test]
    fn places_count_from_one() {
        let root = load("a:\n  - x\n  - {b: c}\n").expect("valid");
        let list = root.value_of("a").expect("a");
        let Value::Seq(items) = &list.value else {
            panic!("a list")
        };
        let places: Vec<_> = [&root, list, &items[0], &items[1]]
            .map(|node| (node.at.line, node.at.column))
            .into();
        assert_eq!(places, [(1, 1), (2, 3), (2, 5), (3, 5)]);
    }

    #[test]
    fn an_alias_bomb_is_refused_before_it_grows() {
        let level = |level: usize| {
            let below = level - 1;
            format!(
                "a{level}: &a{level} [*a{below}, *a{below}]
"
            )
        };
        let bomb: Vec<String> = (1..40).map(level).collect();
        let bomb = format!(
            "a0: &a0 [x, x]
{}",
            bomb.concat()
        );
        let mut merges = String::from("a: &a {x: [1, 2, 3]}\nb:\n");
        merges += &"  - <<: *a\n".repeat(MAX_NODES / 2);
        let mut long = format!("a: &a {}\nb:\n", "x".repeat(MAX_BYTES / 8));
        long += &"  - *a\n".repeat(9);
        for (text, limit) in [
            (bomb, "100000 nodes"),
            (merges, "100000 nodes"),
            (long, "16777216 bytes of text"),
        ] {
            let error = load(&text).expect_err("too large");
            assert_eq!(error.refusal(), Refusal::Parse);
            let expected =
                format!("document is too large: more than {limit} once its aliases are expanded");
            assert_eq!(error.message(), expected);
        }
    }

    #[test]
    fn deep_nesting_is_refused_however_it_is_built() {
        let chain = (1..5).fold(
            format!("- &a0 {}{}\n", "[".repeat(30), "]".repeat(30)),
            |text, level| {
                let below = level - 1;
                format!(
                    "{text}- &a{level} {}*a{below} {}\n",
                    "[".repeat(30),
                    "]".repeat(30)
                )
            },
        );
        let keys: Vec<String> = (0..200)
            .map(|depth| {
                format!(
                    "{}a:
",
                    " ".repeat(depth)
                )
            })
            .collect();
        let keys = keys.concat();
        for text in [
            "[".repeat(100_000),
            "{a: ".repeat(100_000),
            "- ".repeat(50_000),
            chain,
            keys,
        ] {
            let error = load(&text).expect_err("too deep");
            assert_eq!(error.message(), "exceeded max depth of 100");
        }
        let fits = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(load(&fits).is_ok());
    }
}
