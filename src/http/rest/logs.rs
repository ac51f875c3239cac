//! The logs and the environments of jobs, below the build or below the organization.
//!
//! Chosen: only command steps have them. Other jobs have no `log_url` either, and are answered as if they were not
//! there.
//! Source: Buildkite docs, "Jobs API", sections on log output and environment variables.

use bytes::Bytes;

use crate::engine::commands::DeleteLog;
use crate::engine::job::JobKey;
use crate::http::Cx;
use crate::http::accept::{self, Form};
use crate::http::error::ApiError;
use crate::http::reply::{Body, Reply};
use crate::http::request::Method;
use crate::vocabulary::access::Access;
use crate::vocabulary::states::JobType;
use crate::wire::View;
use crate::wire::environment::Environment;
use crate::wire::log::{LogJson, html_log, saw_log};

/// In the form the client accepts.
pub(super) fn get(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let form = accept::wanted(cx.request);
    // Its length is that of the raw log, whatever is accepted.
    if cx.request.method == Method::Head {
        return show(cx, Form::Text);
    }
    show(cx, form)
}

/// Where `raw_log_url` leads.
pub(super) fn get_text(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    show(cx, Form::Text)
}

pub(super) fn get_html(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    show(cx, Form::Html)
}

pub(super) fn delete(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let job = cx.command_job()?;
    let build = cx.engine.job(job).build;
    cx.check_access(cx.engine.build(build).pipeline, Access::BuildAndRead)?;
    let Ok(()) = cx.apply(DeleteLog { job });
    Ok(Reply::new(204))
}

/// In the form the client accepts; there is no HTML of it.
pub(super) fn get_environment(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    let form = match accept::wanted(cx.request) {
        Form::Text => Form::Text,
        Form::Json | Form::Html => Form::Json,
    };
    environment(cx, form)
}

pub(super) fn get_environment_text(cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
    environment(cx, Form::Text)
}

fn environment(cx: &mut Cx<'_>, form: Form) -> Result<Reply, ApiError> {
    let job = cx.command_job()?;
    let view = cx.view();
    let environment = Environment::new(&view, job);
    if form == Form::Json {
        return Ok(Cx::show(&view, 200, &environment.json()));
    }
    Ok(show_text(&view, form, environment.lines()))
}

fn show(cx: &mut Cx<'_>, form: Form) -> Result<Reply, ApiError> {
    let job = cx.command_job()?;
    let is_head = cx.request.method == Method::Head;
    // A range is one of a body, and HEAD has none.
    let range = cx.request.header("range").filter(|_| !is_head);
    let last = range.map(|range| last_bytes(range, form)).transpose()?;
    cx.sees_log(job);
    if let Some(last) = last {
        return end(cx, job, last);
    }
    let view = cx.view();
    saw_log(&view, job);
    Ok(match form {
        // Chosen: its length is that of the raw log, whichever form is asked about, so that none has to be made.
        form if is_head => {
            let size = Body::announced(cx.engine.log_of(job).size());
            let reply = show_text(&view, form, size);
            if form == Form::Text {
                reply.with_header("accept-ranges", "bytes")
            } else {
                reply
            }
        }
        Form::Json => Cx::show(&view, 200, &LogJson::new(&view, job)),
        Form::Text => show_text(&view, form, raw_from(cx, job, 0)),
        Form::Html => show_text(&view, form, html_log(&view, job)),
    })
}

/// The raw log, but for its first bytes, as it is kept.
fn raw_from(cx: &Cx<'_>, job: JobKey, from: usize) -> Body {
    let parts = cx.engine.log_of(job).raw_from(from);
    parts.into_iter().map(Bytes::from_owner).collect()
}

/// The last bytes of the raw log; all of it, if there are not so many.
fn end(cx: &Cx<'_>, job: JobKey, last: usize) -> Result<Reply, ApiError> {
    let size = cx.engine.log_of(job).size();
    if size == 0 {
        // Chosen: the text; the status is documented.
        return Err(ApiError::new(416, "The log is empty"));
    }
    let from = size.saturating_sub(last);
    let mut reply = Reply::new(206)
        .with_header("content-type", Form::Text.content_type())
        .with_header("content-range", format!("bytes {from}-{}/{size}", size - 1))
        .with_header("accept-ranges", "bytes");
    reply.body = raw_from(cx, job, from);
    Ok(reply)
}

/// How many bytes at the end a `Range` asks for. No other ranges are served, and none of anything but text.
fn last_bytes(range: &str, form: Form) -> Result<usize, ApiError> {
    // Chosen: both texts; the status is documented.
    if form != Form::Text {
        let text = "Range requests are only supported with Accept: text/plain";
        return Err(ApiError::new(400, text));
    }
    let digits = range.trim().strip_prefix("bytes=-");
    let is_number = |digits: &&str| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.bytes().any(|byte| byte != b'0')
    };
    let Some(digits) = digits.filter(is_number) else {
        let text = "Only a range of the form bytes=-N is supported";
        return Err(ApiError::new(400, text));
    };
    // More than can be counted is all there is.
    Ok(digits.parse().unwrap_or(usize::MAX))
}

fn show_text(view: &View<'_>, form: Form, body: impl Into<Body>) -> Reply {
    // One URL has several forms.
    view.saw_text(form.content_type());
    let mut reply = Reply::new(200)
        .with_header("content-type", form.content_type())
        .with_header("etag", format!("W/\"{}\"", view.fingerprint()));
    reply.body = body.into();
    reply
}

impl Cx<'_> {
    /// The job of the path, if it runs a command.
    fn command_job(&mut self) -> Result<JobKey, ApiError> {
        let job = self.job()?;
        let kind = self.engine.job(job).kind;
        if kind != JobType::Script {
            self.aside.note = Some(format!(
                "this is a {kind} job; only script jobs have a log and an environment"
            ));
            return Err(ApiError::not_found("job"));
        }
        Ok(job)
    }

    /// The client looks at a log that may still grow: that is a poll of its build.
    fn sees_log(&mut self, job: JobKey) {
        self.polls(job);
        self.aside.tailed = (!self.aside.polled.is_empty()).then_some(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_can_be_asked_for() {
        for (range, expected) in [
            ("bytes=-1", Some(1)),
            ("bytes=-00012", Some(12)),
            ("bytes=-99999999999999999999999999", Some(usize::MAX)),
            ("bytes=-0", None),
            ("bytes=-", None),
            ("bytes=0-", None),
            ("bytes=0-5", None),
            ("bytes=--5", None),
            ("bytes=-+5", None),
            ("bytes=-5,-6", None),
            ("bytes=-5 -6", None),
            ("lines=-5", None),
            ("", None),
        ] {
            assert_eq!(last_bytes(range, Form::Text).ok(), expected, "{range}");
            assert!(last_bytes(range, Form::Json).is_err());
            assert!(last_bytes(range, Form::Html).is_err());
        }
    }
}
