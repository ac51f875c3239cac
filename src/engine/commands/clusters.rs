//! Making, changing and deleting a cluster.
//!
//! Source: Buildkite docs, "Clusters API".

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::cluster::{
    Cluster, ClusterKey, ClusterSettings, HostedCaches, Invalid, Maintainer, NotValid,
};
use crate::engine::{Command, Engine};
use crate::vocabulary::ids::{ClusterId, Kind, QueueId};

/// It has no queue yet: that of one made in the browser is made beside it.
pub(crate) struct CreateCluster {
    pub(crate) organization: OrganizationKey,
    pub(crate) settings: ClusterSettings,
    pub(crate) maintainers: Vec<Maintainer>,
    pub(crate) created_by: Option<UserKey>,
}

impl Command for CreateCluster {
    type Output = ClusterKey;
    type Refused = NotValid;

    fn apply(self, engine: &mut Engine) -> Result<ClusterKey, NotValid> {
        let wrong = engine.check_cluster(self.organization, None, &self.settings);
        NotValid::unless_empty(wrong)?;
        for maintainer in &self.maintainers {
            engine.check_maintainer(self.organization, *maintainer)?;
        }
        let key = engine.clusters.all.next_key();
        let id = ClusterId(engine.mint(Kind::Cluster, key));
        engine.clusters.all.push(Cluster {
            id,
            organization: self.organization,
            settings: self.settings,
            default_queue: None,
            caches: HostedCaches::default(),
            created_at: engine.now,
            created_by: self.created_by,
        });
        engine.clusters.ids.insert(id, key);
        for maintainer in self.maintainers {
            // Somebody who is named twice is one maintainer.
            if !engine.is_maintained_by(key, maintainer) {
                engine.insert_maintainer(key, maintainer);
            }
        }
        Ok(key)
    }
}

pub(crate) struct UpdateCluster {
    pub(crate) cluster: ClusterKey,
    /// All of them, changed or not, as are the next two.
    pub(crate) settings: ClusterSettings,
    pub(crate) default_queue: Option<QueueId>,
    pub(crate) caches: HostedCaches,
}

impl Command for UpdateCluster {
    type Output = ();
    type Refused = NotValid;

    fn apply(self, engine: &mut Engine) -> Result<(), NotValid> {
        let key = self.cluster;
        let old = engine.cluster(key);
        let mut wrong = engine.check_cluster(old.organization, Some(key), &self.settings);
        let default_queue = self.default_queue.map(|id| engine.queue_by_id(key, id));
        if default_queue == Some(None) {
            wrong.push(Invalid::DefaultQueue);
        }
        let is_hosted = engine.is_hosted(key);
        for (field, was, is) in [
            (
                "Hosted git mirror enabled",
                old.caches.git_mirror,
                self.caches.git_mirror,
            ),
            (
                "Hosted container cache enabled",
                old.caches.container,
                self.caches.container,
            ),
        ] {
            if was != is && !is_hosted {
                wrong.push(Invalid::NotHosted(field));
            }
        }
        NotValid::unless_empty(wrong)?;
        let cluster = engine.clusters.all.change(key);
        cluster.settings = self.settings;
        cluster.default_queue = default_queue.flatten();
        cluster.caches = self.caches;
        engine.queues_changed();
        Ok(())
    }
}

/// With its queues, its tokens and its maintainers.
pub(crate) struct DeleteCluster {
    pub(crate) cluster: ClusterKey,
}

/// What is still in a cluster, so that it stays.
///
/// Chosen: the documentation says that there are reasons, and not which. What would be left without a place is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeleteClusterRefused {
    Pipelines,
    /// Builds that are not over, of pipelines that have moved away.
    Builds,
    Agents,
}

impl Command for DeleteCluster {
    type Output = ();
    type Refused = DeleteClusterRefused;

    fn apply(self, engine: &mut Engine) -> Result<(), DeleteClusterRefused> {
        use DeleteClusterRefused as R;
        let key = self.cluster;
        if engine.has_pipelines(key) {
            return Err(R::Pipelines);
        }
        let queues = engine.queues_of(key);
        if engine.has_open_builds(key) {
            return Err(R::Builds);
        }
        if queues.iter().any(|queue| engine.has_agents(*queue)) {
            return Err(R::Agents);
        }
        for queue in queues {
            engine.remove_queue(queue);
        }
        for token in engine.tokens_of(key) {
            engine.remove_cluster_token(token);
        }
        for maintainer in engine.maintainers_of(key) {
            engine.remove_maintainer(maintainer);
        }
        let id = engine.cluster(key).id;
        engine.clusters.ids.remove(id);
        engine.clusters.all.remove(key);
        Ok(())
    }
}

impl Engine {
    /// What is wrong with the settings of a cluster; `own` is itself, once it is there.
    ///
    /// Chosen: a name is used once in an organization; a color is `#` and three or six hexadecimal digits; an emoji is
    /// a name between colons or no plain text. The documentation gives examples of each.
    fn check_cluster(
        &self,
        organization: OrganizationKey,
        own: Option<ClusterKey>,
        settings: &ClusterSettings,
    ) -> Vec<Invalid> {
        let mut wrong = Vec::new();
        let others = self.clusters_of(organization).into_iter();
        let mut others = others.filter(|other| Some(*other) != own);
        if settings.name.trim().is_empty() {
            wrong.push(Invalid::Blank("Name"));
        } else if others.any(|other| self.cluster(other).settings.name == settings.name) {
            wrong.push(Invalid::Taken("Name"));
        }
        if !settings.emoji.as_deref().is_none_or(is_emoji) {
            wrong.push(Invalid::Malformed("Emoji"));
        }
        if !settings.color.as_deref().is_none_or(is_color) {
            wrong.push(Invalid::Malformed("Color"));
        }
        wrong
    }
}

fn is_emoji(text: &str) -> bool {
    match text
        .strip_prefix(':')
        .and_then(|text| text.strip_suffix(':'))
    {
        Some(name) => !name.is_empty() && !name.contains(char::is_whitespace),
        None => !text.is_empty() && !text.is_ascii() && !text.contains(char::is_alphanumeric),
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_and_colors() {
        for (text, emoji, color) in [
            (":technologist:", true, false),
            (":+1:", true, false),
            ("🧪", true, false),
            ("☁️", true, false),
            ("", false, false),
            ("::", false, false),
            (":a b:", false, false),
            ("rocket", false, false),
            ("größe", false, false),
            ("#FFE0F1", false, true),
            ("#fff", false, true),
            ("FFE0F1", false, false),
            ("#FFE0F", false, false),
            ("#GGGGGG", false, false),
        ] {
            assert_eq!((is_emoji(text), is_color(text)), (emoji, color), "{text:?}");
        }
    }
}
