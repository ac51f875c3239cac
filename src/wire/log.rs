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

/// What a terminal would show, without time stamps.
pub(crate) fn html_log(view: &View<'_>, key: JobKey) -> String {
    terminal::html(&view.engine.log_of(key).text())
}

/// What goes into whatever is shown of it.
pub(crate) fn saw_log(view: &View<'_>, key: JobKey) {
    let (content, pieces) = view.engine.log_of(key).fingerprint();
    view.saw(Kind::Job, key, content);
    view.saw(Kind::Job, key, pieces);
}
