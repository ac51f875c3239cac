//! Pipelines: what is stored about them, and how names become slugs.
//!
//! Elsewhere: the parsed steps (`crate::pipeline`, `recipe`), what is set for its repository's host (`provider`), the
//! checks of creating and changing one (`commands`), what its settings do to new builds (`admission`, `intermediate`).
//! Source: Buildkite docs, "Pipelines API".

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::engine::account::{OrganizationKey, UserKey};
use crate::engine::build::BuildKey;
use crate::engine::cluster::ClusterKey;
use crate::engine::graph::Placed;
use crate::engine::provider::{Provider, ProviderSettings};
use crate::engine::recipe::Source;
use crate::engine::table::key;
use crate::persistent::List;
use crate::pipeline::{Definition, Notification};
use crate::vocabulary::access::Access;
use crate::vocabulary::ids::PipelineId;

key! {
    /// A pipeline, by the order of creation.
    PipelineKey
}

/// The longest slug a pipeline can have: 100 characters.
const SLUG_LENGTH: usize = 100;

/// A pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) id: PipelineId,
    pub(crate) organization: OrganizationKey,
    pub(crate) name: String,
    pub(crate) slug: Arc<str>,
    pub(crate) settings: Settings,
    pub(crate) provider: Provider,
    /// What its steps were given as.
    pub(crate) source: Source,
    pub(crate) definition: Arc<Definition>,
    /// As written, out of their groups.
    pub(crate) steps: Arc<[Placed]>,
    /// The YAML's top-level `env`, or the one set beside visual steps.
    pub(crate) env: Option<Vec<(String, String)>>,
    /// Whom to tell of its builds.
    pub(crate) notify: Vec<Notification>,
    pub(crate) created_by: Option<UserKey>,
    pub(crate) created_at: DateTime<Utc>,
    /// It is read-only since then.
    pub(crate) archived_at: Option<DateTime<Utc>>,
    /// Whether its repository tells Buildkite of pushes.
    pub(crate) has_webhook: bool,
    /// What the users of the fake may do with it.
    pub(crate) access: Access,
    /// The unguessable parts of `badge_url` and `webhook_url`.
    pub(crate) badge: String,
    pub(crate) webhook: String,
}

/// What comes of a pipeline's builds. It has a row of its own, because it changes with every job, and what else is seen
/// of a pipeline hardly ever does.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    /// The number its newest build has; the next one gets one more.
    pub(crate) last_number: u64,
    /// In the order of their creation.
    pub(crate) builds: List<BuildKey>,
    pub(crate) counts: Counts,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            last_number: 0,
            builds: List::new(),
            counts: Counts::default(),
        }
    }
}

/// What can be set on a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) repository: String,
    pub(crate) description: Option<String>,
    pub(crate) default_branch: String,
    pub(crate) allow_rebuilds: bool,
    pub(crate) visibility: Visibility,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) emoji: Option<String>,
    pub(crate) color: Option<String>,
    /// Minutes; for command steps that set none.
    pub(crate) default_command_step_timeout: Option<u32>,
    /// Minutes; caps every command step.
    pub(crate) maximum_command_step_timeout: Option<u32>,
    pub(crate) skip_queued: Intermediate,
    pub(crate) cancel_running: Intermediate,
    /// Branch patterns of the builds it makes; none means every branch.
    pub(crate) branch_configuration: Option<String>,
    /// Shown once it was given.
    pub(crate) clone_mirror_url: Option<String>,
    /// New builds are in it.
    pub(crate) cluster: Option<ClusterKey>,
    /// Templates are not modelled: a pipeline that has one makes no builds.
    pub(crate) template: Option<Uuid>,
    pub(crate) provider: ProviderSettings,
}

/// Whether a newer build of a branch does something to the older ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Intermediate {
    pub(crate) is_on: bool,
    /// Branch patterns it is limited to.
    pub(crate) filter: Option<String>,
}

impl Settings {
    /// What a pipeline without a default branch of its own has.
    /// Source: a recorded response; an organization can choose another.
    pub(crate) const DEFAULT_BRANCH: &str = "main";

    pub(crate) fn for_repository(repository: String) -> Self {
        Self {
            repository,
            description: None,
            default_branch: Self::DEFAULT_BRANCH.to_owned(),
            allow_rebuilds: true,
            visibility: Visibility::Private,
            tags: None,
            emoji: None,
            color: None,
            default_command_step_timeout: None,
            maximum_command_step_timeout: None,
            skip_queued: Intermediate::default(),
            cancel_running: Intermediate::default(),
            branch_configuration: None,
            clone_mirror_url: None,
            cluster: None,
            template: None,
            provider: ProviderSettings::none(),
        }
    }
}

/// Who can see a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visibility {
    Private,
    Public,
}

/// The live counts that REST shows on a pipeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) scheduled_builds: usize,
    pub(crate) running_builds: usize,
    pub(crate) scheduled_jobs: usize,
    pub(crate) running_jobs: usize,
    pub(crate) waiting_jobs: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.replace(Self::default(), other);
    }

    /// Counts one thing in the place of another.
    pub(crate) fn replace(&mut self, before: Self, after: Self) {
        let count = |sum: &mut usize, before: usize, after: usize| {
            *sum = (*sum + after)
                .checked_sub(before)
                .expect("what is taken out was counted before");
        };
        let Self {
            scheduled_builds,
            running_builds,
            scheduled_jobs,
            running_jobs,
            waiting_jobs,
        } = self;
        count(
            scheduled_builds,
            before.scheduled_builds,
            after.scheduled_builds,
        );
        count(running_builds, before.running_builds, after.running_builds);
        count(scheduled_jobs, before.scheduled_jobs, after.scheduled_jobs);
        count(running_jobs, before.running_jobs, after.running_jobs);
        count(waiting_jobs, before.waiting_jobs, after.waiting_jobs);
    }
}

/// The slug of a name: lower-case, every run of other characters than letters and digits one hyphen, no hyphen at
/// either end, at most 100 characters. `None` if nothing is left.
///
/// Chosen: the documentation speaks of spaces only; a recorded pipeline `shipit_ci` has the slug `shipit-ci`. What is
/// too long is cut.
pub(crate) fn slug_of(name: &str) -> Option<String> {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(SLUG_LENGTH);
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// Whether a slug someone chose is one Buildkite accepts: letters, digits and hyphens, beginning with no hyphen, at
/// most 100 characters.
pub(crate) fn is_slug(slug: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !slug.is_empty()
        && slug.len() <= SLUG_LENGTH
        && !slug.starts_with('-')
        && slug.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        let table = [
            ("Hello there friend", Some("hello-there-friend")),
            ("Hello    There Friend", Some("hello-there-friend")),
            ("shipit_ci", Some("shipit-ci")),
            (":rocket: Deploy!", Some("rocket-deploy")),
            ("größe", Some("gr-e")),
            ("...", None),
        ];
        for (name, slug) in table {
            assert_eq!(slug_of(name).as_deref(), slug, "{name}");
        }
        assert_eq!(slug_of(&"a".repeat(200)).map(|slug| slug.len()), Some(100));
        assert!(
            is_slug("a-1") && is_slug("A") && !is_slug("-a") && !is_slug("a_b") && !is_slug("")
        );
    }
}
