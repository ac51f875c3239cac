//! Answers that are kept: whoever asks the same of the same world gets the same bytes, without looking anything up.
//!
//! The one rule: they are good for one revision of the world at one instant. The next one finds none of them. What has
//! not changed then is still on the shelf, in pieces (`wire::shelf`).

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike as _, Month, Timelike as _, Utc};

use crate::engine::Engine;
use crate::engine::account::TokenKey;
use crate::http::Aside;
use crate::http::rates::Payer;
use crate::http::reply::{Reply, Value};
use crate::http::request::{Method, Request};
use crate::vocabulary::route::Route;
use crate::vocabulary::scope::Scope;
use crate::wire::shelf::Shelf;

/// How many bytes of answers are kept: 32 MiB. Beyond that it starts anew.
const LIMIT: usize = 32 * 1024 * 1024;

/// What an answer takes beside its body and its question: about 2 KiB, nearly all of it headers. Who asks for small
/// answers in ever other words must not fill the memory.
const OVERHEAD: usize = 2048;

/// All that is kept so that it need not be rendered again. It knows nothing that the world does not, and is no part of
/// it: a world that takes another one's place starts with an empty one.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(super) shelf: RefCell<Shelf>,
    answers: BTreeMap<Question<'static>, Answer>,
    /// The revision and the instant the answers are from.
    of: (u64, DateTime<Utc>),
    bytes: usize,
    /// As headers say them: scopes, and the second.
    scopes: Option<(Vec<Scope>, Arc<str>)>,
    date: Option<(i64, Arc<str>)>,
}

/// What an answer depends on, apart from the world: of a GET for what `is_repeated`, all that is looked at.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question<'a> {
    path: Cow<'a, str>,
    query: Cow<'a, str>,
    /// Says who asks.
    authorization: Cow<'a, str>,
    /// Says with what URLs begin, unless the test did.
    host: Option<Cow<'a, str>>,
}

/// What an endpoint says to whom.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// Without what differs from one time to the next.
    pub(super) reply: Reply,
    pub(super) aside: Aside,
    pub(super) route: Route,
    pub(super) token: TokenKey,
    pub(super) payer: Payer,
}

/// Whether a request is one that programs repeat. Everything else is answered anew.
pub(super) fn is_repeated(request: &Request, route: Route) -> bool {
    let is_read = matches!(
        route,
        Route::GetBuild
            | Route::ListBuilds
            | Route::ListOrganizationBuilds
            | Route::ListPipelineBuilds
            | Route::ListJobs
            | Route::GetJob
            | Route::ListPipelines
            | Route::GetPipeline
    );
    is_read && request.method == Method::Get
}

impl<'a> Question<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        Self {
            path: Cow::Borrowed(&request.path),
            query: Cow::Borrowed(&request.query),
            authorization: Cow::Borrowed(request.header("authorization").unwrap_or_default()),
            host: request.header("host").map(Cow::Borrowed),
        }
    }

    fn to_keep(&self) -> Question<'static> {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        Question {
            path: owned(&self.path),
            query: owned(&self.query),
            authorization: owned(&self.authorization),
            host: self.host.as_deref().map(owned),
        }
    }

    fn len(&self) -> usize {
        let host = self.host.as_deref().unwrap_or_default();
        self.path.len() + self.query.len() + self.authorization.len() + host.len()
    }
}

impl Kept {
    /// What was said to this request before, since the world last changed.
    pub(super) fn find(&mut self, engine: &Engine, request: &Request) -> Option<Answer> {
        let now = (engine.revision(), engine.now());
        if self.of != now {
            self.of = now;
            self.answers.clear();
            self.bytes = 0;
        }
        if self.answers.is_empty() || request.method != Method::Get {
            return None;
        }
        let answers: &BTreeMap<Question<'_>, Answer> = &self.answers;
        answers.get(&Question::of(request)).cloned()
    }

    pub(super) fn put(&mut self, question: &Question<'_>, answer: Answer) {
        let size = OVERHEAD + question.len() + answer.reply.body.len();
        if self.bytes + size > LIMIT {
            self.answers.clear();
            self.bytes = 0;
        }
        self.bytes += size;
        self.answers.insert(question.to_keep(), answer);
    }

    /// These scopes, in one text.
    pub(super) fn scopes(&mut self, scopes: &[Scope]) -> Value {
        match &self.scopes {
            // Of the token that most requests come with: nobody need put it together, or keep it.
            _ if scopes == Scope::ALL => Scope::all_listed().into(),
            Some((known, text)) if known == scopes => Arc::clone(text).into(),
            _ => {
                let text: Arc<str> = Scope::listed(scopes).into();
                self.scopes = Some((scopes.to_vec(), Arc::clone(&text)));
                text.into()
            }
        }
    }

    /// An instant, as the header `Date` says it.
    pub(super) fn date(&mut self, now: DateTime<Utc>) -> Arc<str> {
        match &self.date {
            Some((known, text)) if *known == now.timestamp() => Arc::clone(text),
            _ => {
                let text: Arc<str> = http_date(now).into();
                self.date = Some((now.timestamp(), Arc::clone(&text)));
                text
            }
        }
    }
}

/// `Tue, 01 Jan 2030 00:00:00 GMT`, without a pattern that would have to be read first.
fn http_date(now: DateTime<Utc>) -> String {
    let month = u8::try_from(now.month()).map(Month::try_from);
    let month = month.expect("at most 12").expect("at least 1");
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        now.weekday(),
        now.day(),
        &month.name()[..3],
        now.year(),
        now.hour(),
        now.minute(),
        now.second(),
    )
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::engine::table::Key as _;

    #[test]
    fn an_instant_is_written_as_http_has_it() {
        let first = DateTime::UNIX_EPOCH - TimeDelta::days(1_000 * 365);
        for n in 0..2_000 {
            let now = first + TimeDelta::seconds(n * (347 * 86_400 + 12_345));
            let expected = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            assert_eq!(http_date(now), expected);
        }
    }

    #[test]
    fn small_answers_to_ever_other_questions_are_bounded_too() {
        let mut kept = Kept::default();
        let most = LIMIT / OVERHEAD;
        for n in 0..2 * most {
            let question = Question {
                path: Cow::Borrowed("/v2/builds"),
                query: Cow::Owned(format!("x={n}")),
                authorization: Cow::Borrowed("Bearer x"),
                host: None,
            };
            let token = TokenKey::from_row(0);
            let answer = Answer {
                reply: Reply::json(200, "[]\n"),
                aside: Aside::default(),
                route: Route::ListBuilds,
                token,
                payer: Payer::of(0, 0),
            };
            kept.put(&question, answer);
            assert!(kept.answers.len() <= most && kept.bytes <= LIMIT);
        }
    }
}
