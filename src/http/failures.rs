//! What went wrong on our side while serving, kept for whoever ends the test: a client often swallows the 500 that says
//! so.

use std::any::Any;

use parking_lot::Mutex;
use tokio::task::JoinError;

/// How many failures are kept word for word: 100; later ones are counted.
const FAILURES_KEPT: usize = 100;

/// Texts in the order they came, bounded.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<FailureList>);

#[derive(Debug, Default)]
struct FailureList {
    texts: Vec<String>,
    more: usize,
}

impl Failures {
    pub(crate) fn note(&self, text: String) {
        let mut list = self.0.lock();
        if list.texts.len() < FAILURES_KEPT {
            list.texts.push(text);
        } else {
            list.more += 1;
        }
    }

    /// A task that panicked did so outside `answer`: our slip, not to be lost.
    pub(crate) fn note_task(&self, ended: Result<(), JoinError>) {
        let Err(Ok(panic)) = ended.map_err(JoinError::try_into_panic) else {
            return;
        };
        self.note(format!("a connection panicked: {}", panic_text(&*panic)));
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let list = self.0.lock();
        let mut texts = list.texts.clone();
        if list.more > 0 {
            texts.push(format!("… and {} more", list.more));
        }
        texts
    }
}

/// What a caught panic says.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (
        panic.downcast_ref::<&'static str>(),
        panic.downcast_ref::<String>(),
    ) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "a panic without a text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_bounded() {
        let failures = Failures::default();
        for n in 0..FAILURES_KEPT + 5 {
            failures.note(n.to_string());
        }
        assert_eq!(failures.texts().len(), FAILURES_KEPT + 1);
        assert_eq!(failures.texts().last().expect("one"), "… and 5 more");
    }
}
