//! What a Rust test does with handles, as JSON over HTTP, below `/_fake/`: for tests in other languages.
//!
//! Levers are pulled on the fake's own port, and nothing of Buildkite's is there. They use what a test in Rust uses and
//! nothing else, so both mean the same. They are no requests of the program under test: no record has them, no fault meets
//! them, and no clock moves with them.
//!
//! The map: [`list`] is which there are, [`given`] and [`script`] and [`faults`] what they take, [`shown`] what they answer,
//! [`door`] how they come in; [`time`], [`builds`], [`jobs`], [`edge`] and [`record`] are what each does. The reference,
//! with a line of curl for each, is `reference.md`.

mod builds;
mod door;
mod edge;
mod faults;
mod given;
mod jobs;
mod list;
mod record;
mod script;
mod shown;
mod time;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::engine::commands::Move;
use crate::fake::{
    BuildHandle, FakeBuildkite, Fault, Gate, JobHandle, PipelineHandle, Snapshot, WebhookHandle,
};
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::levers::given::{Nothing, read};
use crate::levers::list::{Lever, find};
use crate::levers::script::Script;
use crate::levers::time::Forked;

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
    /// A sentence, if it is no such JSON or there is no such pipeline.
    ///
    /// # Panics
    ///
    /// If a pipeline has no such job.
    #[track_caller]
    pub fn tell_scripts(&self, json: &str) -> Result<(), String> {
        let all: BTreeMap<String, Vec<Script>> =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        // Before any of it is told.
        let pipelines = all.iter().map(|(slug, scripts)| {
            let found = self.find_pipeline(slug);
            let pipeline = found.ok_or_else(|| format!("there is no pipeline `{slug}`"))?;
            Ok((pipeline, scripts))
        });
        for (pipeline, scripts) in pipelines.collect::<Result<Vec<_>, String>>()? {
            for script in scripts {
                script.tell(&pipeline).map_err(|refused| refused.message)?;
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

/// What levers made, by the number they gave it.
#[derive(Default)]
struct Kept {
    snapshots: Vec<Snapshot>,
    faults: Vec<Fault>,
    webhooks: Vec<WebhookHandle>,
    gates: Vec<Option<Gate>>,
    forks: Vec<Option<Forked>>,
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

impl Room {
    fn pull(&self, request: &Request) -> Reply {
        let path: Vec<_> = request
            .path
            .split('/')
            .filter(|it| !it.is_empty())
            .collect();
        let Some((lever, parts)) = find(request.method.as_str(), &path[1..]) else {
            return no_lever(request);
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
        pull.carry_out(lever).unwrap_or_else(Refusal::into_reply)
    }
}

fn shown(status: u16, value: &Value) -> Reply {
    Reply::json(status, format!("{value}\n"))
}

/// Done, and nothing to show.
fn done() -> Reply {
    Reply::new(204)
}

fn list() -> Vec<String> {
    let all = Lever::ALL.iter();
    all.map(|lever| format!("{lever}: {}", lever.what()))
        .collect()
}

fn no_lever(request: &Request) -> Reply {
    let message = format!("there is no lever {} {}", request.method, request.path);
    let body = json!({ "message": message, "levers": list() });
    Reply::json(404, format!("{body}\n"))
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
            Lever::ListRequests => self.list_requests(),
            Lever::ListEvents => self.list_events(),
            Lever::Verify => Ok(self.verify()),
            Lever::TakeSnapshot => self.take_snapshot(),
            Lever::Rewind => self.rewind(),
            Lever::Fork => self.fork(),
            Lever::CloseFork => self.close_fork(),
            Lever::Reset => self.reset(),
        }
    }

    fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        read(self.body)
    }

    fn nothing(&self) -> Result<(), Refusal> {
        self.body::<Nothing>().map(|_| ())
    }

    fn pipeline(&self) -> Result<PipelineHandle, Refusal> {
        let slug = self.parts[0];
        let found = self.fake.find_pipeline(slug);
        found.ok_or_else(|| Refusal::unknown("pipeline", slug))
    }

    fn build(&self) -> Result<BuildHandle, Refusal> {
        let pipeline = self.pipeline()?;
        let number = self.parts[1];
        let found = number
            .parse()
            .ok()
            .and_then(|number| pipeline.find_build(number));
        found.ok_or_else(|| Refusal::unknown("build", number))
    }

    fn job(&self) -> Result<JobHandle, Refusal> {
        let id = self.parts[0];
        let found = self.fake.find_job(id);
        found.ok_or_else(|| Refusal::unknown("job", id))
    }

    /// Something that levers made, by its number, from 1.
    fn numbered<'k, T>(&self, what: &str, all: &'k mut [T]) -> Result<&'k mut T, Refusal> {
        let text = self.parts[0];
        let number = text.parse::<usize>().ok();
        let place = number.and_then(|number| number.checked_sub(1));
        let found = place.and_then(|place| all.get_mut(place));
        found.ok_or_else(|| Refusal::unknown(what, text))
    }
}
