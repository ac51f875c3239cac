//! How many requests were made in the running minute of the fake's clock, for the `RateLimit-*` headers.
//!
//! Counted, not enforced. Chosen: as long as nothing is enforced, the remaining number stops at 1, because a client that
//! backs off at 0 would stall for ever before a clock that stands still.
//! Source: Buildkite docs, "API limits".

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::engine::account::UserKey;
use crate::http::reply::Reply;

/// Seconds a window lasts.
const WINDOW: i64 = 60;

/// Requests a minute for all users together, and for one user.
const ORGANIZATION_LIMIT: u64 = 200;
const USER_LIMIT: u64 = 50;

/// The counts of the running window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    window: i64,
    all: u64,
    by_user: BTreeMap<UserKey, u64>,
}

impl Rates {
    /// Counts a request and writes the state of the limits on its reply.
    pub(crate) fn count(&mut self, now: DateTime<Utc>, user: UserKey, reply: Reply) -> Reply {
        let window = now.timestamp().div_euclid(WINDOW);
        if window != self.window {
            *self = Self {
                window,
                ..Self::default()
            };
        }
        self.all += 1;
        let of_user = self.by_user.entry(user).or_default();
        *of_user += 1;
        let reset = (WINDOW - now.timestamp().rem_euclid(WINDOW)).to_string();
        let left = |limit: u64, used: u64| limit.saturating_sub(used).max(1).to_string();
        reply
            .with_header("ratelimit-scope", "rest")
            .with_header("ratelimit-remaining", left(ORGANIZATION_LIMIT, self.all))
            .with_header("ratelimit-limit", ORGANIZATION_LIMIT.to_string())
            .with_header("ratelimit-reset", reset.clone())
            .with_header("ratelimit-user-scope", "rest_user")
            .with_header("ratelimit-user-remaining", left(USER_LIMIT, *of_user))
            .with_header("ratelimit-user-limit", USER_LIMIT.to_string())
            .with_header("ratelimit-user-reset", reset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::table::Key as _;

    #[test]
    fn a_minute_is_counted_for_all_and_for_each_user() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("an instant");
        let (a, b) = (UserKey::from_row(0), UserKey::from_row(1));
        let mut rates = Rates::default();
        let mut ask = |seconds, user| {
            let reply = rates.count(at(seconds), user, Reply::new(200));
            let header = |name| reply.header(name).unwrap_or_default().to_owned();
            [
                header("ratelimit-remaining"),
                header("ratelimit-user-remaining"),
                header("ratelimit-reset"),
            ]
        };
        assert_eq!(ask(0, a), ["199", "49", "60"]);
        assert_eq!(ask(59, b), ["198", "49", "1"]);
        assert_eq!(ask(60, a), ["199", "49", "60"]);
        for _ in 0..300 {
            ask(61, a);
        }
        assert_eq!(
            ask(61, a),
            ["1", "1", "59"],
            "nothing is enforced, so nobody is sent away"
        );
    }
}
