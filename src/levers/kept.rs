//! What levers made, by the number they gave it.

use std::collections::BTreeMap;

use crate::fake::{Fault, Gate, Snapshot, WebhookHandle};
use crate::levers::Refusal;
use crate::levers::time::Forked;

/// How many of most things there may be at once: far more than a test makes that cleans up behind itself.
const MANY: usize = 1_000;

/// How many forks there may be at once: each has a port and threads.
const FORKS: usize = 20;

/// What levers made. Numbers are given once, and so a number that is known to somebody never means another thing.
pub(super) struct Kept {
    pub(super) snapshots: Shelf<Snapshot>,
    pub(super) faults: Shelf<Fault>,
    pub(super) webhooks: Shelf<WebhookHandle>,
    pub(super) gates: Shelf<Gate>,
    pub(super) forks: Shelf<Forked>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            snapshots: Shelf::new("snapshot", MANY),
            faults: Shelf::new("fault", MANY),
            webhooks: Shelf::new("webhook", MANY),
            gates: Shelf::new("gate", MANY),
            forks: Shelf::new("fork", FORKS),
        }
    }
}

/// Things of one kind, numbered from 1.
pub(super) struct Shelf<T> {
    what: &'static str,
    most: usize,
    /// How many numbers were given.
    given: usize,
    there: BTreeMap<usize, T>,
}

impl<T> Shelf<T> {
    fn new(what: &'static str, most: usize) -> Self {
        Self {
            what,
            most,
            given: 0,
            there: BTreeMap::new(),
        }
    }

    /// Makes one more, unless there are too many; returns it and its number.
    pub(super) fn add(
        &mut self,
        make: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<(usize, &T), Refusal> {
        let Self { what, most, .. } = *self;
        if self.there.len() >= most {
            let message = format!(
                "there are {most} {what}s, and more are not kept: DELETE /_fake/{what}s/{{number}} makes room for one, and \
                 POST /_fake/reset for all"
            );
            return Err(Refusal::new(422, message));
        }
        let one = make()?;
        self.given += 1;
        Ok((self.given, self.there.entry(self.given).or_insert(one)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.there.iter().map(|(number, one)| (*number, one))
    }

    pub(super) fn get(&self, number: &str) -> Result<(usize, &T), Refusal> {
        let known = self.number(number)?;
        Ok((known, &self.there[&known]))
    }

    pub(super) fn take(&mut self, number: &str) -> Result<(usize, T), Refusal> {
        let known = self.number(number)?;
        let taken = self.there.remove(&known);
        Ok((known, taken.expect("it is there")))
    }

    /// The number of something that is there.
    fn number(&self, text: &str) -> Result<usize, Refusal> {
        match text.parse() {
            Ok(number) if self.there.contains_key(&number) => Ok(number),
            Ok(number) if (1..=self.given).contains(&number) => {
                let message = format!("{} `{text}` was deleted", self.what);
                Err(Refusal::new(404, message))
            }
            Ok(_) | Err(_) => Err(Refusal::unknown(self.what, text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_is_bounded_and_gives_each_number_once() {
        let mut shelf = Shelf::new("gate", 2);
        for number in 1..=2 {
            assert_eq!(shelf.add(|| Ok('x')).expect("room"), (number, &'x'));
        }
        let full = shelf.add(|| Ok('y')).expect_err("full");
        assert_eq!(full.status, 422);
        assert!(full.message.contains("DELETE /_fake/gates/{number}"));
        assert_eq!(shelf.take("1").expect("there"), (1, 'x'));
        let gone = shelf.get("1").expect_err("deleted");
        assert_eq!((gone.status, &*gone.message), (404, "gate `1` was deleted"));
        for unknown in ["0", "3", "-1", "one", ""] {
            let unknown = shelf.get(unknown).expect_err("unknown");
            assert!(unknown.message.starts_with("there is no gate `"));
        }
        // What cannot be made takes no number.
        let refused = shelf.add(|| Err(Refusal::new(400, "no")));
        assert_eq!(refused.expect_err("refused").status, 400);
        assert_eq!(shelf.add(|| Ok('z')).expect("room"), (3, &'z'));
        assert_eq!(
            shelf.iter().map(|(number, _)| number).collect::<Vec<_>>(),
            [2, 3]
        );
    }
}
