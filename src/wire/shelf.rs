//! What was rendered is kept until it changes: a job, a pipeline and the rest of a build are written once, however often they
//! are asked for, and bodies are put together from them.
//!
//! The one rule: a piece is good as long as its stamp is, which holds the versions of everything in it. Versions repeat when
//! a world goes back and on in another way, so a shelf is emptied then, and a fork has its own; it is no part of a
//! snapshot. Nothing but time depends on it: `tests/it/random_requests.rs` compares what is
//! kept with what is fresh.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::table::Key;
use crate::wire::Fingerprint;

/// How many bytes of text are kept: 32 MiB. Beyond that it starts anew.
const LIMIT: usize = 32 * 1024 * 1024;

/// What a piece is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of a build but its pipeline and its jobs.
    Build,
    /// A job with its agent.
    Job,
    /// All of a pipeline but how many builds and jobs are under way.
    Pipeline,
}

/// The versions of what went into a piece.
pub(crate) type Stamp = [u64; 3];

/// A part of a body, as text: what stands before the parts that are none of its own, and what stands behind them.
#[derive(Debug)]
pub(crate) struct Piece {
    stamp: Stamp,
    pub(crate) front: Vec<u8>,
    pub(crate) rear: Vec<u8>,
    /// Of this part alone.
    pub(super) seen: Fingerprint,
}

impl Piece {
    pub(super) fn new(stamp: Stamp, texts: (Vec<u8>, Vec<u8>), seen: Fingerprint) -> Self {
        let (mut front, mut rear) = texts;
        // They are kept, and were written into more room than they need.
        front.shrink_to_fit();
        rear.shrink_to_fit();
        Self {
            stamp,
            front,
            rear,
            seen,
        }
    }
}

/// The pieces that are kept, for one way of asking.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// By row, for each part: small keys, because every job that is shown is looked up.
    pieces: [BTreeMap<u32, Arc<Piece>>; 3],
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
        let piece = self.pieces[part as usize].get(&key.row())?;
        (piece.stamp == stamp).then(|| Arc::clone(piece))
    }

    pub(super) fn put<K: Key>(&mut self, part: Part, key: K, piece: Arc<Piece>) {
        let size = |piece: &Piece| piece.front.len() + piece.rear.len();
        if self.bytes + size(&piece) > LIMIT {
            self.pieces = Default::default();
            self.bytes = 0;
        }
        self.bytes += size(&piece);
        if let Some(old) = self.pieces[part as usize].insert(key.row(), piece) {
            self.bytes -= size(&old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::JobKey;

    fn put(shelf: &mut Shelf, row: u32, stamp: u64, bytes: usize) {
        let texts = (vec![b'x'; bytes], Vec::new());
        let piece = Piece::new([stamp, 0, 0], texts, Fingerprint::START);
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
    fn what_is_kept_is_bounded() {
        let mut shelf = Shelf::default();
        for row in 0..5 {
            put(&mut shelf, row, 0, LIMIT / 4);
            assert!(shelf.bytes <= LIMIT);
        }
        assert!(has(&shelf, 4, 0) && !has(&shelf, 0, 0));
    }
}
