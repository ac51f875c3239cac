//! What webhooks are told: kept in order in the world, and carried out one by one by a task on the server's runtime.
//!
//! The lock is held while something is put into the outbox or taken out of it, never while a receiver is asked. What is
//! under way stays in the outbox until its outcome is known, so that a snapshot carries it.
//!
//! Elsewhere: what there is to tell (`engine::webhook`), how it looks (`wire::webhook`), the request
//! (`crate::webhook`).

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Driver, Watchdog, World};
use crate::engine::webhook::{About, Notice, Secret, Webhook, WebhookKey};
use crate::persistent::Index;
use crate::vocabulary::event::{BuildRef, Event, EventKind, JobRef};
use crate::webhook::{Answer, Delivery, Parcel, Proof, Target, send};
use crate::wire::Times;
use crate::wire::webhook::body;

/// How many deliveries of each webhook are kept: the last 20.
/// Source: Buildkite docs, "Pipelines webhooks", section "Request logs".
const LOGS: usize = 20;

/// How much may wait to be told: 10,000. More is given up at once.
/// Chosen: it keeps a test that never yields to its runtime from filling the memory.
const UNDELIVERED: usize = 10_000;

/// What a test can choose about webhooks.
#[derive(Debug, Clone)]
pub(crate) struct Posting {
    pub(crate) times: Times,
    /// How long a receiver may take, in real time.
    pub(crate) limit: Duration,
    /// Hosts besides this machine.
    pub(crate) hosts: Vec<String>,
}

impl Default for Posting {
    fn default() -> Self {
        Self {
            times: Times::default(),
            limit: Duration::from_secs(10),
            hosts: Vec::new(),
        }
    }
}

/// What is still to be told, and what was. Persistent, so that a clone costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    /// By their numbers.
    letters: Index<u64, Letter>,
    /// How many there ever were.
    written: u64,
    logs: Index<WebhookKey, VecDeque<Arc<Delivery>>>,
}

/// One thing to be told to one webhook.
#[derive(Debug, Clone)]
struct Letter {
    number: u64,
    to: WebhookKey,
    notice: Arc<Notice>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            letters: Index::new(),
            written: 0,
            logs: Index::new(),
        }
    }
}

impl Outbox {
    /// The next to be told.
    fn first(&self) -> Option<&Letter> {
        self.letters.first().map(|(_, letter)| letter)
    }
}

impl World {
    /// Addresses what the engine has to tell. Whether there was anything.
    pub(super) fn collect(&mut self) -> bool {
        let notices = self.engine.take_notices();
        let has_any = !notices.is_empty();
        for notice in notices {
            let notice = Arc::new(notice);
            for to in notice.recipients() {
                let letter = Letter {
                    number: self.outbox.written,
                    to,
                    notice: Arc::clone(&notice),
                };
                self.outbox.written += 1;
                if self.outbox.letters.len() < UNDELIVERED {
                    self.outbox.letters.insert(letter.number, letter);
                } else {
                    let why = format!("is not told: {UNDELIVERED} deliveries wait already");
                    self.note(&letter, Err(why.into()));
                }
            }
        }
        has_any
    }

    /// Writes down what came of a letter.
    fn note(&mut self, letter: &Letter, outcome: Result<u16, Arc<str>>) {
        let Some(webhook) = letter.notice.world.webhook_ref(letter.to) else {
            return;
        };
        let event = letter.notice.event;
        let (build, job) = letter.about();
        let kind = match outcome {
            Ok(status) => EventKind::WebhookDelivered {
                webhook,
                event,
                build,
                job,
                status,
            },
            Err(reason) => EventKind::WebhookFailed {
                webhook,
                event,
                build,
                job,
                reason,
            },
        };
        let at = self.engine.now();
        self.journal.events(&[Event { at, kind }]);
    }
}

impl Letter {
    fn about(&self) -> (Option<BuildRef>, Option<JobRef>) {
        let engine = &*self.notice.world;
        match self.notice.about {
            About::Build(build) => (Some(engine.build_ref(build)), None),
            About::Job(job) => {
                let job = engine.job_ref(job);
                (Some(job.build.clone()), Some(job))
            }
            About::Agent(_) | About::Webhook(_) => (None, None),
        }
    }
}

/// Whether webhooks are told of anything, or still have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// Nobody is told of anything: there is nothing to wait for.
    Never,
    /// So many.
    Letters(usize),
}

/// The one who carries it out, once there is somebody to tell.
#[derive(Debug, Default)]
pub(super) struct Postman {
    runtime: OnceLock<Handle>,
    task: Mutex<Option<AbortHandle>>,
    called: Arc<Notify>,
    /// How often the world was replaced: the outcome of what was under way then concerns nobody.
    rewinds: AtomicU64,
}

impl Postman {
    pub(super) fn call(&self) {
        self.called.notify_one();
    }

    pub(super) fn dismiss(&self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }

    /// To be called while the lock of the world is held.
    pub(super) fn forget_the_one_under_way(&self) {
        self.rewinds.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the postman takes with him.
struct Errand {
    letter: Letter,
    parcel: Parcel,
    at: DateTime<Utc>,
    rewinds: u64,
}

impl Driver {
    pub(crate) fn posting(&self) -> &Posting {
        &self.posting
    }

    /// Says where deliveries go out from.
    pub(crate) fn posts_on(self: &Arc<Self>, runtime: &Handle) {
        self.postman.runtime.get_or_init(|| runtime.clone());
        self.start_posting();
    }

    /// Has webhooks told from now on, if there are any.
    pub(crate) fn start_posting(self: &Arc<Self>) {
        if !self.world.lock().engine.has_webhooks() {
            return;
        }
        let mut task = self.postman.task.lock();
        if let (None, Some(runtime)) = (&*task, self.postman.runtime.get()) {
            *task = Some(runtime.spawn(deliver(Arc::downgrade(self))).abort_handle());
        }
    }

    /// What webhooks have not been told yet.
    pub(crate) fn undelivered(&self) -> Undelivered {
        let world = self.world.lock();
        let waiting = world.outbox.letters.len();
        if waiting == 0 && !world.engine.tells_somebody() {
            return Undelivered::Never;
        }
        Undelivered::Letters(waiting)
    }

    /// Who is to be told next, and what may keep its receiver from answering: full lines, or nothing.
    pub(crate) fn picture_of_undelivered(&self) -> String {
        let first = {
            let world = self.world.lock();
            world.outbox.first().and_then(|letter| {
                let webhook = letter.notice.world.find_webhook(letter.to)?;
                let number = letter.notice.world.webhook_ref(letter.to)?.number;
                let event = letter.notice.event;
                Some(format!(
                    "The first that is not told is webhook {number}, at {}, of {event}.\n",
                    webhook.url
                ))
            })
        };
        let first = first.unwrap_or_default();
        let held = match self.held.count() {
            0 => return first,
            1 => "1 request is held at a gate, or late by a fault".to_owned(),
            count => format!("{count} requests are held at gates, or late by faults"),
        };
        format!("{first}{held}: a receiver that waits for such an answer does not answer before.\n")
    }

    /// The last deliveries of a webhook, oldest first.
    pub(crate) fn deliveries(&self, of: WebhookKey) -> Vec<Delivery> {
        let world = self.world.lock();
        let logs = world.outbox.logs.get(&of).into_iter();
        logs.flatten().map(|log| Delivery::clone(log)).collect()
    }

    /// Removes a webhook, and what it was still to be told.
    pub(crate) fn remove_webhook(&self, key: WebhookKey) {
        let mut world = self.world.lock();
        // What happened just now, and is not addressed yet because a closure of the test is being asked.
        if world.collect() {
            self.postman.call();
        }
        world.engine.remove_webhook(key);
        let letters = world.outbox.letters.iter();
        let own = letters.filter(|(_, letter)| letter.to == key);
        for number in own.map(|(number, _)| *number).collect::<Vec<_>>() {
            world.outbox.letters.remove(&number);
        }
        world.outbox.logs.remove(&key);
        self.leave(world);
    }

    /// Where the record of what happened stands.
    pub(crate) fn position(&self) -> u64 {
        self.world.lock().journal.position()
    }

    pub(crate) fn events_from(&self, position: u64) -> Vec<Event> {
        self.world.lock().journal.events_from(position)
    }

    /// The next one to be told, with what it is told.
    fn errand(&self) -> Option<Errand> {
        let (letter, webhook, at, rewinds) = {
            let mut world = self.world.lock();
            // A clock that runs away is somebody else's to complain about.
            let _ = self.catch_up(&mut world);
            let rewinds = self.postman.rewinds.load(Ordering::Relaxed);
            let letter = world.outbox.first()?.clone();
            let webhook = letter.notice.world.find_webhook(letter.to)?.clone();
            (letter, webhook, world.engine.now(), rewinds)
        };
        // What it looks like takes a while, and no lock.
        let parcel = self.parcel(&letter, &webhook, at);
        Some(Errand {
            letter,
            parcel,
            at,
            rewinds,
        })
    }

    fn parcel(&self, letter: &Letter, webhook: &Webhook, at: DateTime<Utc>) -> Parcel {
        let target = Target::parse(&webhook.url, &self.posting.hosts);
        let target = target.expect("it was found good when the webhook was made");
        let text = body(&letter.notice, letter.to, self.origin(), self.posting.times);
        let proof = match &webhook.secret {
            Secret::Token(token) => Proof::Token(token),
            Secret::Signature(key) => Proof::Signature { key, at },
        };
        Parcel::new(target, letter.notice.event, text, proof)
    }

    /// Writes down what came of an errand, unless the world was replaced meanwhile.
    fn delivered(&self, errand: Errand, outcome: Result<Answer, String>) {
        let Errand {
            letter,
            parcel,
            at,
            rewinds,
        } = errand;
        let mut world = self.world.lock();
        let first = world.outbox.first();
        let is_first = first.is_some_and(|first| first.number == letter.number);
        if !is_first || rewinds != self.postman.rewinds.load(Ordering::Relaxed) {
            return;
        }
        world.outbox.letters.remove(&letter.number);
        let (status, answer, failure) = match outcome {
            Ok(Answer { status, body }) => {
                let is_good = (200..300).contains(&status);
                let failure = (!is_good).then(|| format!("answered {status}"));
                (Some(status), body, failure)
            }
            Err(failure) => (None, bytes::Bytes::new(), Some(failure)),
        };
        let told = match (&failure, status) {
            (None, Some(status)) => Ok(status),
            (Some(failure), _) => Err(failure.as_str().into()),
            (None, None) => unreachable!("what was not answered has failed"),
        };
        world.note(&letter, told);
        let logs = world.outbox.logs.get(&letter.to).cloned();
        let mut logs = logs.unwrap_or_default();
        if logs.len() == LOGS {
            logs.pop_front();
        }
        logs.push_back(Arc::new(Delivery {
            at,
            event: letter.notice.event,
            headers: parcel.headers,
            body: parcel.body,
            status,
            answer,
            failure,
        }));
        world.outbox.logs.insert(letter.to, logs);
        self.leave(world);
    }
}

/// Tells webhooks what there is to tell, as long as there is a fake.
async fn deliver(tie: Weak<Driver>) {
    loop {
        let (called, errand, limit) = {
            let Some(driver) = tie.upgrade() else {
                return;
            };
            let called = Arc::clone(&driver.postman.called);
            (called, driver.errand(), driver.posting.limit)
        };
        let Some(errand) = errand else {
            called.notified().await;
            continue;
        };
        let outcome = within(limit, send(errand.parcel.clone())).await;
        let Some(driver) = tie.upgrade() else {
            return;
        };
        driver.delivered(errand, outcome);
    }
}

/// Waits for a receiver, but not for ever. In real time, whatever the runtime's clock does.
async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let mut answer = pin!(answer);
    let mut watchdog = None;
    poll_fn(|cx| {
        if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
            return Poll::Ready(answer);
        }
        let watchdog = watchdog.get_or_insert_with(|| Watchdog::new(limit));
        if watchdog.is_over(cx.waker()) {
            return Poll::Ready(Err(format!("did not answer within {limit:?}")));
        }
        Poll::Pending
    })
    .await
}
