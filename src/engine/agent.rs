//! Agents: who runs jobs. The default fleet is simulated and has no end.
//!
//! Elsewhere: which job goes to which agent (`dispatch`).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rpds::RedBlackTreeSetSync;
use uuid::Uuid;

use crate::engine::account::OrganizationKey;
use crate::engine::cluster::QueueKey;
use crate::engine::table::{Key as _, key};

key! {
    /// An agent, by the order of creation.
    AgentKey
}

/// How long an agent may be silent before Buildkite takes it for lost: 3 minutes.
/// Source: Buildkite docs, "Agent life cycle".
///
/// Chosen: it is lost at that instant. The service looks for silent agents within the minute that follows.
pub(crate) const AGENT_LOSS: TimeDelta = TimeDelta::minutes(3);

/// Whether an agent is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contact {
    Connected,
    /// Not since then.
    Silent(DateTime<Utc>),
    /// Buildkite gave it up: it takes no job any more.
    Lost,
}

/// Whose jobs an agent runs, and which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offer {
    pub(crate) organization: OrganizationKey,
    /// The queue of a cluster it serves, and no other; none outside of clusters.
    pub(crate) queue: Option<QueueKey>,
    /// `key=value`, the way it registered.
    pub(crate) tags: Arc<[String]>,
}

/// An agent. One runs one job at a time.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) offer: Offer,
    /// Higher first; an agent without one comes last.
    pub(crate) priority: Option<i64>,
    pub(crate) contact: Contact,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_job_finished_at: Option<DateTime<Utc>>,
    /// When a job last passed on it: between equals the one that succeeded last is asked first.
    pub(crate) last_success_at: Option<DateTime<Utc>>,
}

/// Who picks up jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fleet {
    /// As many agents as there are jobs, for any query rules.
    Unlimited,
    /// The agents that are there and no others: jobs wait for one that fits.
    Fixed,
    /// Nobody: jobs stay `scheduled` until the test moves them, or they expire.
    Nobody,
}

/// The agents that have nothing to do, by what they offer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Idle(RedBlackTreeSetSync<(Offer, AgentKey)>);

impl Idle {
    pub(crate) fn new() -> Self {
        Self(RedBlackTreeSetSync::new_sync())
    }

    pub(crate) fn add(&mut self, offer: Offer, agent: AgentKey) {
        self.0.insert_mut((offer, agent));
    }

    /// Takes the longest-known idle agent with exactly this offer.
    pub(crate) fn take(&mut self, offer: &Offer) -> Option<AgentKey> {
        let first = (offer.clone(), AgentKey::from_row(0));
        let found = self
            .0
            .range(first..)
            .next()
            .filter(|(offered, _)| offered == offer)?
            .clone();
        self.0.remove_mut(&found);
        Some(found.1)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = AgentKey> + '_ {
        self.0.iter().map(|(_, agent)| *agent)
    }

    pub(crate) fn remove(&mut self, offer: Offer, agent: AgentKey) {
        self.0.remove_mut(&(offer, agent));
    }
}

/// Whether an agent with these tags may run a job with these query rules: all of them have to match.
///
/// `key=value` asks for that tag, `key=*` and a bare `key` for any value. A job that names no queue is in `default`, and
/// so is an agent without one.
pub(crate) fn fits(rules: &[String], tags: &[String]) -> bool {
    let queue = |of: &[String]| {
        !of.iter()
            .any(|one| one == "queue" || one.starts_with("queue="))
    };
    let has = |rule: &str| match rule.split_once('=') {
        Some((key, "*")) => tags
            .iter()
            .any(|tag| tag.split_once('=').is_some_and(|(known, _)| known == key)),
        Some(_) => tags.iter().any(|tag| tag == rule),
        None => tags
            .iter()
            .any(|tag| tag.split_once('=').is_some_and(|(known, _)| known == rule)),
    };
    let in_default = queue(tags) || tags.iter().any(|tag| tag == "queue=default");
    rules
        .iter()
        .all(|rule| has(rule) || (rule == "queue=default" && in_default))
        && (!queue(rules) || in_default)
}

/// Whether an agent with these tags may run a job with these query rules, once they are in the same queue of a cluster.
pub(crate) fn fits_in_queue(rules: &[String], tags: &[String]) -> bool {
    let others: Vec<_> = rules
        .iter()
        .filter(|rule| !is_queue(rule))
        .cloned()
        .collect();
    // `default` is where all that name no queue meet.
    let tags: Vec<_> = tags.iter().filter(|tag| !is_queue(tag)).cloned().collect();
    fits(&others, &tags)
}

/// The tags of a simulated agent for these query rules in a queue of a cluster.
pub(crate) fn tags_in_queue(rules: &[String], key: &str) -> Arc<[String]> {
    let others = rules.iter().filter(|rule| !is_queue(rule)).cloned();
    let queue = format!("queue={key}");
    tags_for(&std::iter::once(queue).chain(others).collect::<Vec<_>>())
}

/// Whether a rule or a tag is about the queue.
pub(crate) fn is_queue(text: &str) -> bool {
    text == "queue" || text.starts_with("queue=")
}

/// The tags of a simulated agent for these query rules: the rules themselves, in the queue they name or in `default`.
///
/// A rule without a value (`key=*`, or a bare key) asks for any, so the agent carries one.
pub(crate) fn tags_for(rules: &[String]) -> Arc<[String]> {
    let mut tags: Vec<String> = rules
        .iter()
        .map(|rule| match rule.split_once('=') {
            Some((key, "*")) => format!("{key}=any"),
            Some(_) => rule.clone(),
            None => format!("{rule}=any"),
        })
        .collect();
    if !tags.iter().any(|tag| tag.starts_with("queue=")) {
        tags.insert(0, "queue=default".to_owned());
    }
    tags.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_agent_is_taken_once_and_only_for_its_tags() {
        let offer = |organization, rules: &[String]| Offer {
            organization: OrganizationKey::from_row(organization),
            queue: None,
            tags: tags_for(rules),
        };
        let (deploy, default) = (offer(0, &["queue=deploy".to_owned()]), offer(0, &[]));
        let elsewhere = offer(1, &["queue=deploy".to_owned()]);
        let clustered = Offer {
            queue: Some(QueueKey::from_row(0)),
            ..deploy.clone()
        };
        let mut idle = Idle::new();
        idle.add(deploy.clone(), AgentKey::from_row(4));
        assert_eq!(idle.take(&default), None);
        assert_eq!(idle.take(&elsewhere), None);
        assert_eq!(idle.take(&clustered), None);
        assert_eq!(idle.take(&deploy), Some(AgentKey::from_row(4)));
        assert_eq!(idle.take(&deploy), None);
    }

    #[test]
    fn an_agent_takes_what_all_rules_allow() {
        let table = [
            ("", "", true),
            ("", "queue=default", true),
            ("", "queue=deploy", false),
            ("queue=deploy", "queue=deploy os=linux", true),
            ("queue=deploy", "os=linux", false),
            ("queue=default", "os=linux", true),
            ("os=linux", "os=linux", true),
            ("os=linux", "os=linux queue=deploy", false),
            ("os=linux queue=deploy", "os=linux queue=deploy", true),
            ("os=*", "os=mac", true),
            ("os", "os=mac", true),
            ("os=*", "arch=arm64", false),
            ("os=l*", "os=linux", false),
            ("os=linux", "os=mac os=linux", true),
            ("queue=*", "queue=deploy", true),
        ];
        for (rules, tags, expected) in table {
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                fits(&words(rules), &words(tags)),
                expected,
                "{rules} on {tags}"
            );
        }
    }

    #[test]
    fn in_a_queue_the_other_rules_decide() {
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for (rules, tags, expected) in [
            ("", "queue=deploy", true),
            ("queue=deploy", "queue=deploy os=linux", true),
            ("queue=*", "queue=deploy", true),
            ("queue=deploy os=linux", "queue=deploy os=linux", true),
            ("queue=deploy os=linux", "queue=deploy", false),
            ("os=*", "os=mac", true),
        ] {
            let fits = fits_in_queue(&words(rules), &words(tags));
            assert_eq!(fits, expected, "{rules} on {tags}");
        }
        let tags = tags_in_queue(&words("os=linux queue=* gpu"), "deploy");
        assert_eq!(tags.join(" "), "queue=deploy os=linux gpu=any");
    }

    #[test]
    fn an_agent_without_a_queue_is_in_default() {
        let tags = |rules: &[&str]| {
            tags_for(&rules.iter().map(ToString::to_string).collect::<Vec<_>>()).join(" ")
        };
        assert_eq!(tags(&[]), "queue=default");
        assert_eq!(
            tags(&["os=linux", "gpu=*"]),
            "queue=default os=linux gpu=any"
        );
        assert_eq!(tags(&["queue=deploy"]), "queue=deploy");
    }
}
