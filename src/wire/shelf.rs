//! What was rendered is kept until it changes: a job, a pipeline and the rest of a build are written once, however often they
//! are asked for, and bodies are put together from them. What lasts of a build, of a job and of an agent is kept beside it:
//! a job that moves on is put together from that and the little that has changed.
//!
//! The one rule: a piece is good as long as its stamp is, which holds the versions of everything in it. Versions repeat when
//! a world goes back and on in another way, so a shelf is emptied then, and a fork has its own; it is no part of a
//! snapshot. Nothing but time depends on it: `tests/it/random_requests.rs` compares what is
//! kept with what is fresh.

use std::sync::Arc;

use serde::Serialize;

use crate::engine::table::Key;
use crate::wire::Fingerprint;
use crate::wire::text;

/// How many bytes of text are kept: 32 MiB. Beyond that it starts anew.
const LIMIT: usize = 32 * 1024 * 1024;

/// How many rows stand on one page: 64.
const PAGE: usize = 64;

/// What a piece is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of a build but its pipeline and its jobs.
    Build,
    /// What lasts of it.
    BuildFrame,
    /// A job with its agent.
    Job,
    /// What lasts of a command job while it moves on.
    JobFrame,
    /// What lasts of an agent, the way jobs show it.
    AgentFrame,
    /// All of a pipeline but how many builds and jobs are under way.
    Pipeline,
}

impl Part {
    const COUNT: usize = 6;
}

/// The versions of what went into a piece.
pub(crate) type Stamp = [u64; 3];

/// A part of a body, as text: runs of it, between which stand parts that are none of its own.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Runs {
    /// All in one.
    pub(crate) fn whole(text: Vec<u8>) -> Self {
        let ends = vec![text.len()];
        Self { text, ends }
    }

    /// One run more: the members of this shape.
    pub(crate) fn with(self, shape: &impl Serialize) -> Self {
        self.and(&text::members(shape))
    }

    /// One run more.
    pub(crate) fn and(mut self, run: &[u8]) -> Self {
        self.text.extend_from_slice(run);
        self.ends.push(self.text.len());
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// One of the runs, from 0.
    pub(crate) fn run(&self, at: usize) -> &[u8] {
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[begin..self.ends[at]]
    }
}

/// Runs that are kept.
#[derive(Debug)]
pub(crate) struct Piece {
    stamp: Stamp,
    runs: Runs,
    /// Of this part alone.
    pub(super) seen: Fingerprint,
}

impl Piece {
    pub(super) fn new(stamp: Stamp, mut runs: Runs, seen: Fingerprint) -> Self {
        // They are kept, and were written into more room than they need. A little too much may stay: a job is written anew
        // with each of its steps, and what is cut off is of no use to anybody.
        if runs.text.capacity() - runs.text.len() > runs.text.len() / 4 {
            runs.text.shrink_to_fit();
        }
        Self { stamp, runs, seen }
    }
}

impl std::ops::Deref for Piece {
    type Target = Runs;

    fn deref(&self) -> &Runs {
        &self.runs
    }
}

type Page = [Option<Arc<Piece>>; PAGE];

/// The pieces of one part by row. Pages and not a map, because every job that is shown is looked up.
#[derive(Debug, Default)]
struct Rows(Vec<Option<Box<Page>>>);

impl Rows {
    fn get(&self, row: u32) -> Option<&Arc<Piece>> {
        let row = row as usize;
        match self.0.get(row / PAGE) {
            Some(Some(page)) => page[row % PAGE].as_ref(),
            Some(None) | None => None,
        }
    }

    fn insert(&mut self, row: u32, piece: Arc<Piece>) -> Option<Arc<Piece>> {
        let row = row as usize;
        if self.0.len() <= row / PAGE {
            self.0.resize_with(row / PAGE + 1, || None);
        }
        let page = self.0[row / PAGE].get_or_insert_with(|| Box::new([const { None }; PAGE]));
        page[row % PAGE].replace(piece)
    }
}

/// The pieces that are kept, for one way of asking.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pieces: [Rows; Part::COUNT],
    bytes: usize,
    /// With what their URLs begin.
    origin: String,
}

impl Shelf {
    /// Whoever asks elsewhere gets other URLs.
    pub(crate) fn turn_to(&mut self, origin: &str) {
        if self.origin != origin {
            *self = Self {
                origin: origin.to_owned(),
                ..Self::default()
            };
        }
    }

    pub(super) fn find<K: Key>(&self, part: Part, key: K, stamp: Stamp) -> Option<Arc<Piece>> {
        match self.pieces[part as usize].get(key.row()) {
            Some(piece) if piece.stamp == stamp => Some(Arc::clone(piece)),
            Some(_) | None => None,
        }
    }

    pub(super) fn put<K: Key>(&mut self, part: Part, key: K, piece: Arc<Piece>) {
        if self.bytes + piece.len() > LIMIT {
            self.pieces = Default::default();
            self.bytes = 0;
        }
        self.bytes += piece.len();
        if let Some(old) = self.pieces[part as usize].insert(key.row(), piece) {
            self.bytes -= old.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::JobKey;

    fn put(shelf: &mut Shelf, row: u32, stamp: u64, bytes: usize) {
        let runs = Runs::whole(vec![b'x'; bytes]);
        let piece = Piece::new([stamp, 0, 0], runs, Fingerprint::START);
        shelf.put(Part::Job, JobKey::from_row(row), Arc::new(piece));
    }

    fn has(shelf: &Shelf, row: u32, stamp: u64) -> bool {
        let found = shelf.find(Part::Job, JobKey::from_row(row), [stamp, 0, 0]);
        found.is_some()
    }

    #[test]
    fn a_piece_is_good_as_long_as_its_stamp_is() {
        let mut shelf = Shelf::default();
        shelf.turn_to("http://a");
        put(&mut shelf, 1, 7, 10);
        assert!(has(&shelf, 1, 7) && !has(&shelf, 1, 8) && !has(&shelf, 2, 7));
        put(&mut shelf, 1, 8, 20);
        assert!(has(&shelf, 1, 8) && !has(&shelf, 1, 7));
        assert_eq!(shelf.bytes, 20);
        shelf.turn_to("http://a");
        assert!(has(&shelf, 1, 8));
        shelf.turn_to("http://b");
        assert!(!has(&shelf, 1, 8));
        assert_eq!(shelf.bytes, 0);
    }

    #[test]
    fn runs_are_kept_apart() {
        #[derive(Serialize)]
        struct Shape {
            a: u8,
        }
        #[derive(Serialize)]
        struct Empty {}
        let runs = Runs::default().with(&Shape { a: 1 }).with(&Empty {});
        let runs = runs.with(&Shape { a: 2 });
        let all = [runs.run(0), runs.run(1), runs.run(2)];
        assert_eq!(all, [&b"\"a\":1"[..], b"", b"\"a\":2"]);
        assert_eq!(Runs::whole(b"{}".to_vec()).run(0), b"{}");
    }

    #[test]
    fn rows_far_apart_are_found() {
        let mut shelf = Shelf::default();
        let rows = [0, 1, 63, 64, 5_000];
        for row in rows {
            put(&mut shelf, row, u64::from(row), 10);
        }
        for row in rows {
            assert!(has(&shelf, row, u64::from(row)) && !has(&shelf, row + 2, u64::from(row)));
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut shelf = Shelf::default();
        for row in 0..5 {
            put(&mut shelf, row, 0, LIMIT / 4);
            assert!(shelf.bytes <= LIMIT);
        }
        assert!(has(&shelf, 4, 0) && !has(&shelf, 0, 0));
    }
}
