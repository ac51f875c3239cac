//! An embedded, in-process fake of Buildkite for test suites.
#![forbid(unsafe_code)]

mod clock;
mod driver;
mod engine;
mod fake;
mod http;
mod journal;
mod pipeline;
mod script;
mod timeline;
mod vocabulary;
mod wire;

pub use clock::Clock;
pub use engine::commands::Move;
pub use fake::{
    Agents, BuildBuilder, BuildHandle, ClockHandle, Events, FakeBuildkite, FakeBuildkiteBuilder,
    Idle, IllegalMove, JobHandle, JobScript, Moment, PipelineBuilder, PipelineHandle, Requests,
    Waiting,
};
pub use journal::RequestRecord;
pub use timeline::Timeline;
pub use vocabulary::event::{BuildRef, Event, EventKind, JobRef};
pub use vocabulary::ids::{BuildId, JobId, PipelineId};
pub use vocabulary::route::Route;
pub use vocabulary::scope::Scope;
pub use vocabulary::span::{days, hours, millis, minutes, seconds};
pub use vocabulary::states::{BuildSource, BuildState, JobState, JobType};
