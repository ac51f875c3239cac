//! The query rules of jobs and the tags of agents: whether they go together.

use std::sync::Arc;

/// Whether an agent with these tags may run a job with these query rules: all of them have to match.
///
/// `key=value` asks for that tag, `key=*` and a bare `key` for any value. A job that names no queue is in `default`,
/// and so is an agent without one.
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
