//! Where levers come in: on the fake's own port, before anything of Buildkite's.
//!
//! A lever may wait (for receivers of webhooks, for the lock), so each runs on a thread of its own: the server has one,
//! and that answers the receivers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;

use crate::http::panic_text;
use crate::http::reply::{Answering, Reply, Served};
use crate::http::request::Request;
use crate::levers::{Refusal, Room};
use crate::vocabulary::slip::hear;

/// Answers a request for a lever.
pub(super) fn enter(room: &Arc<Room>, request: Request) -> Answering {
    let (answered, answer) = oneshot::channel();
    let room = Arc::clone(room);
    let work = move || {
        let reply = guarded(|| room.pull(&request), |text| room.note_failure(text));
        // Nobody waits for it any more if the client is gone.
        let _ = answered.send(Served::from(reply));
    };
    match thread::Builder::new().name("lever".to_owned()).spawn(work) {
        Ok(_) => Answering::Waits(Box::pin(async { answer.await.unwrap_or_else(|_| gone()) })),
        Err(error) => Reply::message(503, &format!("no thread for a lever: {error}")).into(),
    }
}

/// What the author of a test does wrong is refused, with the text of the panic that a test in Rust would see. Any other
/// panic is a defect of ours: it is said to be one, and noted, because whoever pulls levers may overlook it.
fn guarded(work: impl FnOnce() -> Reply, note: impl FnOnce(String)) -> Reply {
    match catch_unwind(AssertUnwindSafe(|| hear(work))) {
        Ok(Ok(reply)) => reply,
        Ok(Err(slip)) => Refusal::slip(&slip).into_reply(),
        Err(panic) => {
            let text = format!("a lever panicked: {}", panic_text(&*panic));
            let message = format!("this is a defect of fake-buildkite and not of the test; {text}");
            note(text);
            Reply::message(500, &message)
        }
    }
}

fn gone() -> Served {
    Reply::message(503, "The fake has been dropped").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeBuildkite;
    use crate::http::reply::Body;
    use crate::vocabulary::slip::slip;

    fn answered(fake: &FakeBuildkite, work: impl FnOnce() -> Reply) -> (u16, Body) {
        let reply = guarded(work, |text| fake.note_failure(text));
        (reply.status, reply.body)
    }

    #[test]
    fn a_slip_is_refused_and_a_defect_of_ours_fails_verify() {
        let fake = FakeBuildkite::start();
        let (status, said) = answered(&fake, || slip!("no pipeline `sit`"));
        assert_eq!(status, 422);
        assert_eq!(said, "{\"message\":\"no pipeline `sit`\"}\n");
        assert!(fake.verify().is_ok());
        let (status, said) = answered(&fake, || panic!("a job is in two queues"));
        assert_eq!(status, 500);
        assert_eq!(
            said,
            "{\"message\":\"this is a defect of fake-buildkite and not of the test; a lever panicked: a job is in two \
             queues\"}\n"
        );
        let report = fake.verify().expect_err("a defect");
        assert_eq!(
            report.problems,
            ["inside the fake: a lever panicked: a job is in two queues"]
        );
    }

    /// Whatever a handle says with `slip!` is heard: here one that a lever cannot come by.
    #[test]
    fn what_handles_say_is_a_slip() {
        let fake = FakeBuildkite::start();
        let (status, _) = answered(&fake, || {
            let _ = fake.existing_pipeline("sit");
            Reply::new(204)
        });
        assert_eq!(status, 422);
    }
}
