//! How many requests were made in the running minute of the fake's clock: the `RateLimit-*` headers, and who is sent
//! away.
//!
//! Always counted, enforced when a test asks. Chosen: as long as nothing is enforced, the remaining number stops at 1,
//! because a client that backs off at 0 would stall for ever before a clock that stands still. Requests that are sent
//! away count, as the documented `current` above the `limit` shows. Of two limits that are exceeded, the user's is
//! named. A user's requests count together, whichever organization they are for.
//! Source: Buildkite docs, "API limits".

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::engine::Engine;
use crate::engine::account::{OrganizationKey, TokenKey, UserKey};
use crate::http::reply::Reply;
use crate::wire;

/// Seconds a window lasts.
const WINDOW: i64 = 60;

/// Seconds a window of the GraphQL API lasts, and how many points of complexity an organization has in one.
///
/// Chosen: 20,000, which is documented as the default; an example of this endpoint has 50,000.
const GRAPHQL_WINDOW: i64 = 300;
const GRAPHQL_LIMIT: u64 = 20_000;

/// Said in a header of its own once a limit is exhausted.
const WARNING: &str = "You have exceeded your API rate limit.";

/// How many requests a minute may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimits {
    /// For one user. Default: 50.
    pub(crate) user: u64,
    /// For all users of an organization together. Default: 200.
    pub(crate) organization: u64,
    pub(crate) are_enforced: bool,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            user: 50,
            organization: 200,
            are_enforced: false,
        }
    }
}

/// The counts of the running window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    window: i64,
    by_organization: BTreeMap<OrganizationKey, u64>,
    by_user: BTreeMap<UserKey, u64>,
}

/// For whom a request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payer {
    user: UserKey,
    organization: Option<OrganizationKey>,
}

impl Payer {
    /// The user of a token, and the organization that the path names.
    ///
    /// Chosen: a request that is below no organization, or below one that the token does not open, counts for the
    /// oldest one that it opens. With a token that opens none there is none to count for.
    pub(crate) fn new(engine: &Engine, token: TokenKey, slug: &str) -> Self {
        let named = engine.organization_by_slug(slug);
        let all = engine.organizations().map(|(key, _)| key);
        let mut opened = named.into_iter().chain(all);
        Self {
            user: engine.token(token).user,
            organization: opened.find(|key| engine.opens(token, *key)),
        }
    }

    #[cfg(test)]
    pub(super) fn of(user: u32, organization: u32) -> Self {
        use crate::engine::table::Key as _;

        Self {
            user: UserKey::from_row(user),
            organization: Some(OrganizationKey::from_row(organization)),
        }
    }
}

/// Where a user stands, this request included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    limits: RateLimits,
    of_user: u64,
    of_all: u64,
    /// Seconds to the end of the window.
    reset: u64,
    /// Sent away, whatever is counted.
    is_ordered: bool,
}

#[derive(Serialize)]
struct ExceededJson<'a> {
    message: &'a str,
    scope: &'a str,
    limit: u64,
    current: u64,
    reset: u64,
}

/// How much of its limits an organization has used.
#[derive(Debug, Serialize)]
pub(super) struct StatusJson {
    scopes: ScopesJson,
}

#[derive(Debug, Serialize)]
struct ScopesJson {
    rest: ScopeJson,
    graphql: ScopeJson,
}

#[derive(Debug, Serialize)]
struct ScopeJson {
    limit: u64,
    current: u64,
    reset: u64,
    reset_at: String,
    enforced: bool,
}

impl Rates {
    /// Counts a request. One without a token counts for nobody.
    pub(crate) fn count(
        &mut self,
        now: DateTime<Utc>,
        payer: Option<Payer>,
        limits: RateLimits,
    ) -> Usage {
        let window = now.timestamp().div_euclid(WINDOW);
        if window != self.window {
            *self = Self {
                window,
                ..Self::default()
            };
        }
        let (mut of_user, mut of_all) = (0, 0);
        if let Some(Payer { user, organization }) = payer {
            let counted = self.by_user.entry(user).or_default();
            *counted += 1;
            of_user = *counted;
            if let Some(organization) = organization {
                let counted = self.by_organization.entry(organization).or_default();
                *counted += 1;
                of_all = *counted;
            }
        }
        let passed = now.timestamp().rem_euclid(WINDOW);
        Usage {
            limits,
            of_user,
            of_all,
            reset: (WINDOW - passed).unsigned_abs(),
            is_ordered: false,
        }
    }
}

impl Usage {
    /// As if the user had asked too often, because a test says so; with the seconds it says, if it does.
    pub(crate) fn exceeded(self, reset: Option<u64>) -> Self {
        Self {
            of_user: self.of_user.max(self.limits.user + 1),
            reset: reset.unwrap_or(self.reset),
            is_ordered: true,
            ..self
        }
    }

    /// What is said instead of an answer, if a limit is exceeded and holds.
    pub(crate) fn refusal(&self) -> Option<Reply> {
        if !self.is_ordered && !self.limits.are_enforced {
            return None;
        }
        let (scope, limit, current) = if self.of_user > self.limits.user {
            ("rest_user", self.limits.user, self.of_user)
        } else if self.of_all > self.limits.organization {
            ("rest", self.limits.organization, self.of_all)
        } else {
            return None;
        };
        let reset = self.reset;
        let message = format!("{WARNING} Please wait {reset} seconds before making more requests.");
        let body = wire::body(&ExceededJson {
            message: &message,
            scope,
            limit,
            current,
            reset,
        });
        Some(Reply::json(429, body))
    }

    /// How much of its limits the organization of this request has used, the request included. Chosen: nothing of
    /// GraphQL, which is not modelled, is ever used.
    pub(super) fn status(&self, now: DateTime<Utc>) -> StatusJson {
        let enforced = self.limits.are_enforced;
        let scope = |limit, current, window| {
            let left = window - now.timestamp().rem_euclid(window);
            let reset_at = DateTime::from_timestamp(now.timestamp().saturating_add(left), 0);
            let reset_at = reset_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
            ScopeJson {
                limit,
                current,
                reset: left.unsigned_abs(),
                reset_at: reset_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                enforced,
            }
        };
        StatusJson {
            scopes: ScopesJson {
                rest: scope(self.limits.organization, self.of_all, WINDOW),
                graphql: scope(GRAPHQL_LIMIT, 0, GRAPHQL_WINDOW),
            },
        }
    }

    /// Writes the state of the limits on a reply.
    pub(crate) fn write_on(&self, reply: Reply) -> Reply {
        let reset = self.reset.to_string();
        let holds = self.is_ordered || self.limits.are_enforced;
        let left = |limit: u64, used: u64| {
            let left = limit.saturating_sub(used);
            if holds { left } else { left.max(1) }
        };
        let of_all = left(self.limits.organization, self.of_all);
        let of_user = left(self.limits.user, self.of_user);
        let mut reply = reply
            .with_header("ratelimit-scope", "rest")
            .with_header("ratelimit-remaining", of_all.to_string())
            .with_header("ratelimit-limit", self.limits.organization.to_string())
            .with_header("ratelimit-reset", reset.clone());
        if of_all == 0 {
            reply = reply.with_header("ratelimit-warning", WARNING);
        }
        reply = reply
            .with_header("ratelimit-user-scope", "rest_user")
            .with_header("ratelimit-user-remaining", of_user.to_string())
            .with_header("ratelimit-user-limit", self.limits.user.to_string())
            .with_header("ratelimit-user-reset", reset);
        if of_user == 0 {
            reply = reply.with_header("ratelimit-user-warning", WARNING);
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("an instant")
    }

    fn headers(reply: &Reply) -> [&str; 3] {
        [
            "ratelimit-remaining",
            "ratelimit-user-remaining",
            "ratelimit-reset",
        ]
        .map(|name| reply.header(name).unwrap_or_default())
    }

    #[test]
    fn a_minute_is_counted_for_each_organization_and_for_each_user() {
        let (a, b, elsewhere) = (Payer::of(0, 0), Payer::of(1, 0), Payer::of(0, 1));
        let mut rates = Rates::default();
        let mut ask = |seconds, payer| {
            let usage = rates.count(at(seconds), Some(payer), RateLimits::default());
            assert_eq!(usage.refusal(), None);
            headers(&usage.write_on(Reply::new(200))).map(ToOwned::to_owned)
        };
        assert_eq!(ask(0, a), ["199", "49", "60"]);
        assert_eq!(ask(59, b), ["198", "49", "1"]);
        assert_eq!(ask(59, elsewhere), ["199", "48", "1"]);
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

    #[test]
    fn limits_that_hold_send_away_whoever_asks_too_often() {
        let (a, b) = (Payer::of(0, 0), Payer::of(1, 0));
        let limits = RateLimits {
            user: 2,
            organization: 3,
            are_enforced: true,
        };
        let mut rates = Rates::default();
        let mut ask = |seconds, payer| {
            let usage = rates.count(at(seconds), Some(payer), limits);
            let refusal = usage.refusal();
            let reply = usage.write_on(refusal.unwrap_or(Reply::new(200)));
            let [all, user, _] = headers(&reply);
            (reply.status, format!("{all} {user}"), reply.body)
        };
        assert_eq!(ask(0, a).1, "2 1");
        assert_eq!(ask(0, a).1, "1 0");
        let (status, left, body) = ask(18, a);
        assert_eq!((status, left.as_str()), (429, "0 0"));
        assert_eq!(
            body,
            "{\"message\":\"You have exceeded your API rate limit. Please wait 42 seconds before making more requests.\",\
             \"scope\":\"rest_user\",\"limit\":2,\"current\":3,\"reset\":42}\n"
        );
        let (status, _, body) = ask(59, b);
        let body = body.text();
        assert_eq!(status, 429);
        assert!(
            body.ends_with(",\"scope\":\"rest\",\"limit\":3,\"current\":4,\"reset\":1}\n"),
            "{body}"
        );
        assert_eq!(ask(60, a).0, 200);
    }
}
