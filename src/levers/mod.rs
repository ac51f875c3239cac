//! What a Rust test does with handles, as JSON over HTTP, below `/_fake/`: for tests in other languages.
//!
//! Levers are pulled on the fake's own port, and nothing of Buildkite's is there. They use what a test in Rust uses and
//! nothing else, so both mean the same. They are no requests of the program under test: no record has them, no fault meets
//! them, and no clock moves with them.
//!
//! The map: [`list`] is which there are, [`given`] and [`script`] and [`faults`] what they take, [`shown`] what they answer,
//! [`kept`] what they made, [`door`] how they come in; [`time`], [`builds`], [`jobs`], [`edge`] and [`record`] are what each does. The reference,
//! with a line of curl for each, is `reference.md`.

mod builds;
mod door;
mod edge;
mod faults;
mod given;
mod jobs;
mod kept;
mod list;
mod record;
mod script;
mod shown;
mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::engine::commands::Move;
use crate::fake::{BuildHandle, FakeBuildkite, JobHandle, PipelineHandle, Snapshot};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::levers::given::{Nothing, read, said_of};
use crate::levers::kept::Kept;
use crate::levers::list::{Lever, find, methods, nearest};
use crate::levers::script::Script;
use crate::vocabulary::slip::hear;

/// What a lever refuses.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    message: String,
}

impl Refusal {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// The author of the test slipped, or asks for what cannot be.
    fn slip(message: &dyn fmt::Display) -> Self {
        Self::new(422, message.to_string())
    }

    fn unknown(what: &str, name: &str) -> Self {
        Self::new(404, format!("there is no {what} `{name}`"))
    }

    fn into_reply(self) -> Reply {
        Reply::message(self.status, &self.message)
    }
}

impl FakeBuildkite {
    /// Serves levers, too: what a test in another language needs of a fake that it cannot hold, as JSON below
    /// `/_fake/`. [`levers_over_http`](crate::levers_over_http) lists them.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use fake_buildkite::FakeBuildkite;
    ///
    /// let fake = Arc::new(FakeBuildkite::start());
    /// fake.serve_levers();
    /// let build = fake.pipeline("app").create_build();
    /// let lever = format!("{}/_fake/clock/advance", fake.url());
    /// let answer = reqwest::blocking::Client::new().post(lever).body(r#"{"by": "1m"}"#).send().unwrap();
    /// assert_eq!(answer.status(), 200);
    /// assert!(build.is_finished());
    /// ```
    ///
    /// What is there when this is called is what the lever `reset` goes back to. Called again it changes nothing.
    pub fn serve_levers(self: &Arc<Self>) {
        let room = Arc::new(Room {
            fake: Arc::downgrade(self),
            beginning: self.snapshot(),
            kept: Mutex::default(),
        });
        self.answer_levers(move |request| door::enter(&room, request));
    }

    /// One line of JSON for whoever started this fake and wants to know where it is.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let about: serde_json::Value = serde_json::from_str(&fake.about()).unwrap();
    /// assert_eq!(about["url"], fake.url());
    /// assert_eq!(about["token"], fake.token());
    /// ```
    #[must_use]
    pub fn about(&self) -> String {
        serde_json::to_string(&shown::About::new(self)).expect("it is made of texts")
    }

    /// Tells scripts from JSON: an object that has, for each pipeline by its slug, a list of what the lever `scripts`
    /// takes.
    ///
    /// ```
    /// let fake = fake_buildkite::FakeBuildkite::start();
    /// let app = fake.pipeline("app").steps("steps: [{command: make, key: test}]").create();
    /// fake.tell_scripts(r#"{"app": [{"job": "test", "attempts": [{"takes": "3m", "exits": 1}, {"exits": 0}]}]}"#).unwrap();
    /// let build = app.create_build();
    /// fake.run_until_idle();
    /// assert_eq!(build.job("test").exit_status(), Some(1));
    /// ```
    ///
    /// # Errors
    ///
    /// A sentence in the words of that lever, if it is no such JSON, or there is no such pipeline, or it has no such job. What
    /// came before that is told then.
    pub fn tell_scripts(&self, json: &str) -> Result<(), String> {
        let all: BTreeMap<String, Vec<Script>> =
            serde_json::from_str(json).map_err(|error| said_of(&error, json.as_bytes()))?;
        // Before any of it is told.
        let pipelines = all.iter().map(|(slug, scripts)| {
            let found = self.find_pipeline(slug);
            let pipeline = found.ok_or_else(|| self.no_pipeline(slug))?;
            Ok((pipeline, scripts))
        });
        for (pipeline, scripts) in pipelines.collect::<Result<Vec<_>, String>>()? {
            for script in scripts {
                hear(|| script.tell(&pipeline))?.map_err(|refused| refused.message)?;
            }
        }
        Ok(())
    }
}

/// Where levers are.
struct Room {
    fake: Weak<FakeBuildkite>,
    beginning: Snapshot,
    kept: Mutex<Kept>,
}

/// A lever that is being pulled.
struct Pull<'r> {
    room: &'r Room,
    fake: Arc<FakeBuildkite>,
    parts: Vec<&'r str>,
    query: Query,
    body: &'r [u8],
}

type Outcome = Result<Reply, Refusal>;

/// Pulls levers in the thread of whoever asks, without a port.
#[cfg(any(test, fuzzing))]
pub(crate) struct Hand(Room);

#[cfg(any(test, fuzzing))]
impl Hand {
    pub(crate) fn new(fake: &Arc<FakeBuildkite>) -> Self {
        Self(Room {
            fake: Arc::downgrade(fake),
            beginning: fake.snapshot(),
            kept: Mutex::default(),
        })
    }

    pub(crate) fn pull(&self, request: &Request) -> Reply {
        self.0.pull(request)
    }
}

impl Room {
    fn pull(&self, request: &Request) -> Reply {
        let path: Vec<_> = request
            .path
            .split('/')
            .filter(|it| !it.is_empty())
            .collect();
        // As everywhere: whoever asks for the head alone is sent no body.
        let method = match request.method.as_str() {
            "HEAD" => "GET",
            method => method,
        };
        let Some((lever, parts)) = find(method, &path[1..]) else {
            return no_lever(request, &methods(&path[1..]));
        };
        let Some(fake) = self.fake.upgrade() else {
            return Reply::message(503, "The fake has been dropped");
        };
        let pull = Pull {
            room: self,
            fake,
            parts,
            query: Query::parse(&request.query),
            body: &request.body,
        };
        let outcome = pull.check(lever).and_then(|()| pull.carry_out(lever));
        outcome.unwrap_or_else(Refusal::into_reply)
    }

    fn note_failure(&self, text: String) {
        if let Some(fake) = self.fake.upgrade() {
            fake.note_failure(text);
        }
    }
}

/// The same bytes in any project: with `preserve_order`, which another crate may ask of `serde_json`, keys would stand as
/// they were written here.
fn shown(status: u16, value: &Value) -> Reply {
    let mut value = value.clone();
    value.sort_all_objects();
    Reply::json(status, format!("{value}\n"))
}

/// Done, and nothing to show.
fn done() -> Reply {
    Reply::new(204)
}

fn choices(known: &[&str]) -> String {
    match known {
        [] => "it has none".to_owned(),
        known => format!("it has {}", known.join(", ")),
    }
}

fn list() -> Vec<String> {
    let all = Lever::ALL.iter();
    all.map(|lever| format!("{lever}: {}", lever.what()))
        .collect()
}

/// What whoever asks for a lever that there is not is told, in this order: the list is long.
#[derive(Serialize)]
struct Lost {
    message: String,
    levers: Vec<String>,
}

/// `methods` are those of levers with this path.
fn no_lever(request: &Request, methods: &[&str]) -> Reply {
    let (method, path) = (&request.method, &request.path);
    if methods.is_empty() {
        let nearest = match nearest(method.as_str(), path) {
            Some(lever) => format!("; nearest: {lever}"),
            None => String::new(),
        };
        let lost = Lost {
            message: format!("there is no lever {method} {path}{nearest}"),
            levers: list(),
        };
        let text = serde_json::to_string(&lost).expect("it is made of texts");
        return Reply::json(404, format!("{text}\n"));
    }
    let known = methods.join(" and ");
    let message = format!("there is no lever {method} {path}; with this path there is {known}");
    Reply::message(405, &message).with_header("allow", methods.join(", "))
}

/// A pipeline of the fake's own organization.
fn pipeline(fake: &FakeBuildkite, slug: &str) -> Result<PipelineHandle, Refusal> {
    let found = fake.find_pipeline(slug);
    found.ok_or_else(|| Refusal::new(404, fake.no_pipeline(slug)))
}

fn no_build(pipeline: &PipelineHandle, number: &str) -> Refusal {
    let slug = pipeline.slug();
    let newest = pipeline.builds().last().map(BuildHandle::number);
    let known = match newest {
        None => "no build yet".to_owned(),
        Some(newest) => format!("builds up to {newest}"),
    };
    let message = format!("there is no build `{number}` of pipeline `{slug}`; it has {known}");
    Refusal::new(404, message)
}

impl Pull<'_> {
    fn carry_out(&self, lever: Lever) -> Outcome {
        match lever {
            Lever::List => Ok(shown(200, &json!({ "levers": list() }))),
            Lever::ShowClock => Ok(self.show_clock()),
            Lever::Advance => self.advance(),
            Lever::AdvanceTo => self.advance_to(),
            Lever::Step => self.step(),
            Lever::RunUntilIdle => self.run_until_idle(),
            Lever::CreatePipeline => self.create_pipeline(),
            Lever::TellScript => self.tell_script(),
            Lever::CreateBuild => self.create_build(),
            Lever::ShowBuild => self.show_build(),
            Lever::ShowTimeline => self.show_timeline(),
            Lever::PassBuild => self.move_build(BuildHandle::pass),
            Lever::FailBuild => self.move_build(BuildHandle::fail),
            Lever::CancelBuild => self.move_build(BuildHandle::cancel),
            Lever::RebuildBuild => self.rebuild_build(),
            Lever::ShowJob => self.show_job(),
            Lever::StartJob => self.move_job(Move::Start),
            Lever::CancelJob => self.move_job(Move::Cancel),
            Lever::TimeOutJob => self.move_job(Move::TimeOut),
            Lever::ExpireJob => self.move_job(Move::Expire),
            Lever::SilenceAgent => self.move_job(Move::SilenceAgent),
            Lever::LoseAgent => self.move_job(Move::LoseAgent),
            Lever::RetryJob => self.move_job(Move::Retry),
            Lever::FinishJob => self.finish_job(),
            Lever::PromiseFailure => self.promise_failure(),
            Lever::UnblockJob => self.unblock_job(),
            Lever::WriteLog => self.write_log(),
            Lever::UploadArtifact => self.upload_artifact(),
            Lever::Annotate => self.annotate(),
            Lever::UploadPipeline => self.upload_pipeline(),
            Lever::OrderFault => self.order_fault(),
            Lever::ListFaults => Ok(self.list_faults()),
            Lever::LiftFault => self.lift_fault(),
            Lever::Hold => self.hold(),
            Lever::ShowGate => self.show_gate(),
            Lever::LetOnePass => self.let_one_pass(),
            Lever::Release => self.release(),
            Lever::CreateWebhook => self.create_webhook(),
            Lever::ListDeliveries => self.list_deliveries(),
            Lever::DeleteWebhook => self.delete_webhook(),
            Lever::ListRequests => self.list_requests(),
            Lever::ListEvents => self.list_events(),
            Lever::Verify => Ok(self.verify()),
            Lever::TakeSnapshot => self.take_snapshot(),
            Lever::Rewind => self.rewind(),
            Lever::ForgetSnapshot => self.forget_snapshot(),
            Lever::Fork => self.fork(),
            Lever::CloseFork => self.close_fork(),
            Lever::Reset => self.reset(),
        }
    }

    /// What no lever of this kind takes is refused: a parameter, or a body where there is nothing to be told.
    fn check(&self, lever: Lever) -> Result<(), Refusal> {
        let known = lever.parameters();
        let mut seen = BTreeSet::new();
        for key in self.query.keys() {
            if !known.contains(&key) {
                let message = format!("this lever has no parameter `{key}`; {}", choices(known));
                return Err(Refusal::new(400, message));
            }
            if !seen.insert(key) {
                return Err(Refusal::new(400, format!("`{key}` is given twice")));
            }
        }
        if lever.takes_body() {
            Ok(())
        } else {
            self.nothing()
        }
    }

    fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        read(self.body)
    }

    fn nothing(&self) -> Result<(), Refusal> {
        self.body::<Nothing>().map(|_| ())
    }

    fn pipeline(&self) -> Result<PipelineHandle, Refusal> {
        pipeline(&self.fake, self.parts[0])
    }

    fn build(&self) -> Result<BuildHandle, Refusal> {
        let pipeline = self.pipeline()?;
        let number = self.parts[1];
        let found = number
            .parse()
            .ok()
            .and_then(|number| pipeline.find_build(number));
        found.ok_or_else(|| no_build(&pipeline, number))
    }

    fn job(&self) -> Result<JobHandle, Refusal> {
        let id = self.parts[0];
        let found = self.fake.find_job(id);
        found.ok_or_else(|| Refusal::unknown("job", id))
    }
}
