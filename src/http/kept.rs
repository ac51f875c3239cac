//! Answers that are kept: whoever asks the same of the same world gets the same bytes, without looking anything up.
//!
//! The one rule: they are good for one revision of the world at one instant. The next one finds none of them. What has
//! not changed then is still on the shelf, in pieces (`wire::shelf`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::engine::Engine;
use crate::engine::account::TokenKey;
use crate::engine::table::Key as _;
use crate::http::Aside;
use crate::http::reply::Reply;
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
    answers: BTreeMap<Question, Answer>,
    /// The revision and the instant the answers are from.
    of: (u64, DateTime<Utc>),
    bytes: usize,
    /// As headers say them: scopes, and the second.
    scopes: Option<(Vec<Scope>, Arc<str>)>,
    date: Option<(i64, Arc<str>)>,
}

/// What an answer depends on, apart from the world.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    token: u32,
    path: String,
    query: String,
    /// With what URLs begin.
    origin: String,
}

/// What a handler says.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) reply: Reply,
    pub(super) aside: Aside,
}

impl Question {
    /// Of requests that programs repeat. Everything else is answered anew.
    pub(super) fn of(
        route: Route,
        request: &Request,
        token: TokenKey,
        origin: &str,
    ) -> Option<Self> {
        let is_repeated = matches!(
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
        (is_repeated && request.method == Method::Get).then(|| Self {
            token: token.row(),
            path: request.path.clone(),
            query: request.query.clone(),
            origin: origin.to_owned(),
        })
    }
}

impl Kept {
    pub(super) fn find(&mut self, engine: &Engine, question: &Question) -> Option<Answer> {
        let now = (engine.revision(), engine.now());
        if self.of != now {
            self.of = now;
            self.answers.clear();
            self.bytes = 0;
        }
        self.answers.get(question).cloned()
    }

    pub(super) fn put(&mut self, question: Question, answer: Answer) {
        let asked = question.path.len() + question.query.len() + question.origin.len();
        let size = OVERHEAD + asked + answer.reply.body.len();
        if self.bytes + size > LIMIT {
            self.answers.clear();
            self.bytes = 0;
        }
        self.bytes += size;
        self.answers.insert(question, answer);
    }

    /// These scopes, in one text.
    pub(super) fn scopes(&mut self, scopes: &[Scope]) -> Arc<str> {
        match &self.scopes {
            Some((known, text)) if known == scopes => Arc::clone(text),
            _ => {
                let words: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
                let text: Arc<str> = words.join(",").into();
                self.scopes = Some((scopes.to_vec(), Arc::clone(&text)));
                text
            }
        }
    }

    /// An instant, as the header `Date` says it.
    pub(super) fn date(&mut self, now: DateTime<Utc>) -> Arc<str> {
        match &self.date {
            Some((known, text)) if *known == now.timestamp() => Arc::clone(text),
            _ => {
                let text: Arc<str> = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string().into();
                self.date = Some((now.timestamp(), Arc::clone(&text)));
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_answers_to_ever_other_questions_are_bounded_too() {
        let mut kept = Kept::default();
        let most = LIMIT / OVERHEAD;
        for n in 0..2 * most {
            let question = Question {
                token: 0,
                path: "/v2/builds".to_owned(),
                query: format!("x={n}"),
                origin: "http://fake.test".to_owned(),
            };
            let answer = Answer {
                reply: Reply::json(200, "[]\n"),
                aside: Aside::default(),
            };
            kept.put(question, answer);
            assert!(kept.answers.len() <= most && kept.bytes <= LIMIT);
        }
    }
}
