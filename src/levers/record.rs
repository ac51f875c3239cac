//! What happened.

use serde_json::json;

use crate::http::reply::Reply;
use crate::levers::given::route;
use crate::levers::shown::{event, request};
use crate::levers::{Outcome, Pull, Refusal, shown};

impl Pull<'_> {
    /// How many of the first ones whoever asks knows already: `after`.
    fn known(&self) -> Result<usize, Refusal> {
        let Some(text) = self.query.last("after") else {
            return Ok(0);
        };
        text.parse()
            .map_err(|_| Refusal::new(400, format!("`after` is a number of entries, not `{text}`")))
    }

    pub(super) fn list_requests(&self) -> Outcome {
        let mut all = self.fake.requests();
        if let Some(name) = self.query.last("route") {
            all = all.to(route(name).map_err(|message| Refusal::new(400, message))?);
        }
        let new: Vec<_> = all.iter().skip(self.known()?).map(request).collect();
        Ok(shown(200, &json!({ "count": all.len(), "requests": new })))
    }

    pub(super) fn list_events(&self) -> Outcome {
        let all = self.fake.events();
        let new: Vec<_> = all.iter().skip(self.known()?).map(event).collect();
        Ok(shown(200, &json!({ "count": all.len(), "events": new })))
    }

    pub(super) fn verify(&self) -> Reply {
        let problems = match self.fake.verify() {
            Ok(()) => Vec::new(),
            Err(report) => report.problems,
        };
        shown(
            200,
            &json!({ "ok": problems.is_empty(), "problems": problems }),
        )
    }
}
