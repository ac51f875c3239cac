//! A job's log, as JSON and as a page fragment.

use std::fmt::Display;

use serde::{Serialize, Serializer};

use crate::engine::job::JobKey;
use crate::engine::log::Raw;
use crate::vocabulary::ids::Kind;
use crate::wire::{View, terminal};

/// `GET …/log`
#[derive(Debug, Serialize)]
pub(crate) struct LogJson<'e> {
    url: String,
    #[serde(serialize_with = "as_text")]
    content: Raw<'e>,
    size: usize,
    header_times: Vec<i64>,
}

/// Written straight into the body: logs are long.
fn as_text<S: Serializer>(text: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(text)
}

impl<'e> LogJson<'e> {
    pub(crate) fn new(view: &View<'e>, key: JobKey) -> Self {
        saw_log(view, key);
        let job = view.engine.job(key);
        let log = view.engine.log_of(key);
        Self {
            // The build's, whichever route was asked.
            url: format!("{}/jobs/{}/log", view.build_url(job.build), job.id),
            content: log.raw(),
            size: log.size(),
            header_times: log.header_times(),
        }
    }
}

/// The raw log.
pub(crate) fn raw_log(view: &View<'_>, key: JobKey) -> Vec<u8> {
    saw_log(view, key);
    view.engine.log_of(key).raw_from(0)
}

/// What a terminal would show, without time stamps.
pub(crate) fn html_log(view: &View<'_>, key: JobKey) -> String {
    saw_log(view, key);
    terminal::html(&view.engine.log_of(key).text())
}

fn saw_log(view: &View<'_>, key: JobKey) {
    let (content, pieces) = view.engine.log_of(key).fingerprint();
    view.saw(Kind::Job, key, content);
    view.saw(Kind::Job, key, pieces);
}
