//! Where a pipeline's repository lives, and what is set for that kind of place.
//!
//! A setting is stored once somebody has given it; one that nobody gave has the default of its kind, or is not shown.
//! Elsewhere: which of them act on new builds (`admission`). All others speak of events in the repository, which the
//! fake has none of: they are kept and shown.
//! Source: Buildkite docs, "Pipelines API", section "Provider settings properties"; order and defaults for GitHub from
//! recorded responses.

/// Where the repository lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    pub(crate) kind: ProviderKind,
    /// `owner/name`, taken from the repository's address.
    pub(crate) repository: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProviderKind {
    GitHub,
    GitHubEnterprise,
    GitLab,
    GitLabSelfManaged,
    Bitbucket,
    BitbucketServer,
    PrivateGit,
}

impl ProviderKind {
    /// Its id in the API.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitHubEnterprise => "github_enterprise",
            Self::GitLab => "gitlab",
            Self::GitLabSelfManaged => "gitlab_ee",
            Self::Bitbucket => "bitbucket",
            Self::BitbucketServer => "bitbucket_server",
            Self::PrivateGit => "private_git",
        }
    }
}

impl Provider {
    /// Reads the host and `owner/name` out of `https://host/owner/name.git`, `git@host:owner/name.git` and the like.
    ///
    /// Chosen: an organization tells Buildkite the hosts of its own servers. Here they are known by their names:
    /// `github.example.com` is GitHub Enterprise, `gitlab.…` is GitLab Self-Managed, `bitbucket.…` is Bitbucket Server.
    pub(crate) fn of(repository: &str) -> Self {
        let address = repository
            .split_once("://")
            .map_or(repository, |(_, rest)| rest);
        let address = address.rsplit_once('@').map_or(address, |(_, rest)| rest);
        let (host, path) = match address.find([':', '/']) {
            Some(at) => (&address[..at], &address[at + 1..]),
            None => ("", address),
        };
        let path = path.trim_matches('/');
        Self {
            kind: ProviderKind::of(host),
            repository: path.strip_suffix(".git").unwrap_or(path).to_owned(),
        }
    }
}

impl ProviderKind {
    fn of(host: &str) -> Self {
        match host {
            "github.com" => Self::GitHub,
            "gitlab.com" => Self::GitLab,
            "bitbucket.org" => Self::Bitbucket,
            host if host.starts_with("github.") => Self::GitHubEnterprise,
            host if host.starts_with("gitlab.") => Self::GitLabSelfManaged,
            host if host.starts_with("bitbucket.") => Self::BitbucketServer,
            _ => Self::PrivateGit,
        }
    }

    /// Every setting of this kind of place, in the order in which they are shown.
    pub(crate) fn settings(self) -> impl Iterator<Item = &'static Setting> {
        let all: &'static [Setting] = match self {
            Self::GitHub | Self::GitHubEnterprise => GITHUB,
            Self::GitLab | Self::GitLabSelfManaged => GITLAB,
            Self::Bitbucket => BITBUCKET,
            Self::BitbucketServer => BITBUCKET_SERVER,
            Self::PrivateGit => ANYWHERE,
        };
        let is_known = move |setting: &&Setting| {
            self != Self::GitHubEnterprise
                || setting.name != "github_workflow_access_tokens_enabled"
        };
        all.iter().filter(is_known)
    }
}

/// A setting that a kind of place has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    /// None if it is not shown before it is given.
    pub(crate) default: Option<Preset>,
}

/// What can be given for a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Flag,
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    Flag(bool),
    Word(&'static str),
}

/// What was given for a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Text(String),
}

/// What was given of a pipeline's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderSettings(Vec<(&'static str, Value)>);

impl ProviderSettings {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    /// Without a value the setting is as if it had never been given.
    pub(crate) fn set(&mut self, name: &'static str, value: Option<Value>) {
        self.0.retain(|(known, _)| *known != name);
        self.0.extend(value.map(|value| (name, value)));
    }

    /// Drops what another kind of place had.
    pub(crate) fn retain_known(&mut self, kind: ProviderKind) {
        self.0
            .retain(|(name, _)| kind.settings().any(|setting| setting.name == *name));
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        match self.get(name) {
            Some(Value::Flag(flag)) => *flag,
            Some(Value::Text(_)) | None => default,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            Some(Value::Flag(_)) | None => None,
        }
    }
}

const fn on(name: &'static str) -> Setting {
    Setting {
        name,
        takes: Takes::Flag,
        default: Some(Preset::Flag(true)),
    }
}

const fn off(name: &'static str) -> Setting {
    Setting {
        name,
        takes: Takes::Flag,
        default: Some(Preset::Flag(false)),
    }
}

/// A flag that no recorded response has: shown once it is given.
const fn flag(name: &'static str) -> Setting {
    Setting {
        name,
        takes: Takes::Flag,
        default: None,
    }
}

const fn text(name: &'static str) -> Setting {
    Setting {
        name,
        takes: Takes::Text,
        default: None,
    }
}

const fn word(
    name: &'static str,
    words: &'static [&'static str],
    default: Option<Preset>,
) -> Setting {
    Setting {
        name,
        takes: Takes::Word(words),
        default,
    }
}

const TRIGGER_MODES: &[&str] = &["code", "deployment", "fork", "none"];
const MATCH_MODES: &[&str] = &["exact", "contains"];

/// Chosen: a setting that no recorded response has stands where the alphabet puts it.
const GITHUB: &[Setting] = &[
    on("build_branches"),
    flag("build_check_run_completed"),
    flag("build_create_event"),
    flag("build_deployment_status_created"),
    flag("build_issue_comment_created"),
    off("build_merge_group_checks_requested"),
    off("build_pull_request_base_branch_changed"),
    flag("build_pull_request_converted_to_draft"),
    flag("build_pull_request_dequeued"),
    flag("build_pull_request_edited"),
    off("build_pull_request_forks"),
    off("build_pull_request_labels_changed"),
    flag("build_pull_request_merge_commits"),
    off("build_pull_request_ready_for_review"),
    flag("build_pull_request_reopened"),
    flag("build_pull_request_review_comment_created"),
    flag("build_pull_request_review_dismissed"),
    flag("build_pull_request_review_requested"),
    flag("build_pull_request_review_submitted"),
    flag("build_pull_request_stacks"),
    on("build_pull_requests"),
    flag("build_release_created"),
    flag("build_release_published"),
    flag("build_release_released"),
    off("build_tags"),
    off("cancel_deleted_branch_builds"),
    flag("cancel_when_merge_group_destroyed"),
    text("filter_condition"),
    off("filter_enabled"),
    flag("github_workflow_access_tokens_enabled"),
    flag("ignore_default_branch_pull_requests"),
    text("issue_comment_command_word"),
    word("issue_comment_match_mode", MATCH_MODES, None),
    on("prefix_pull_request_fork_branch_names"),
    flag("prevent_custom_statuses_from_using_buildkite_prefix"),
    off("publish_blocked_as_pending"),
    off("publish_commit_status_per_step"),
    on("publish_commit_status"),
    text("pull_request_branch_filter_configuration"),
    off("pull_request_branch_filter_enabled"),
    text("review_comment_command_word"),
    word("review_comment_match_mode", MATCH_MODES, None),
    off("separate_pull_request_statuses"),
    flag("skip_builds_for_closed_pull_requests"),
    off("skip_builds_for_existing_commits"),
    on("skip_pull_request_builds_for_existing_commits"),
    word("trigger_mode", TRIGGER_MODES, Some(Preset::Word("code"))),
    flag("use_merge_group_base_commit_for_git_diff_base"),
    off("use_step_key_as_commit_status"),
];

const BITBUCKET: &[Setting] = &[
    on("build_branches"),
    on("build_pull_requests"),
    off("build_tags"),
    off("cancel_deleted_branch_builds"),
    text("filter_condition"),
    off("filter_enabled"),
    flag("ignore_default_branch_pull_requests"),
    off("publish_commit_status_per_step"),
    on("publish_commit_status"),
    text("pull_request_branch_filter_configuration"),
    off("pull_request_branch_filter_enabled"),
    off("skip_builds_for_existing_commits"),
    on("skip_pull_request_builds_for_existing_commits"),
];

const BITBUCKET_SERVER: &[Setting] = &[
    on("build_branches"),
    on("build_pull_requests"),
    off("build_tags"),
    text("filter_condition"),
    off("filter_enabled"),
];

/// Chosen: the documentation names no defaults for GitLab; these are GitHub's.
const GITLAB: &[Setting] = &[
    on("build_branches"),
    off("build_pull_request_base_branch_changed"),
    off("build_pull_request_merge"),
    on("build_pull_requests"),
    off("build_tags"),
    text("filter_condition"),
    off("filter_enabled"),
    on("publish_commit_status"),
];

const ANYWHERE: &[Setting] = &[text("filter_condition"), off("filter_enabled")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_comes_from_the_host() {
        use ProviderKind as K;
        for (repository, kind, name) in [
            ("https://github.com/acme/app.git", K::GitHub, "acme/app"),
            ("git@github.com:acme/app.git", K::GitHub, "acme/app"),
            (
                "ssh://git@gitlab.com/acme/sub/app",
                K::GitLab,
                "acme/sub/app",
            ),
            (
                "https://user:secret@bitbucket.org/acme/app.git",
                K::Bitbucket,
                "acme/app",
            ),
            (
                "git@github.acme.com:acme/app.git",
                K::GitHubEnterprise,
                "acme/app",
            ),
            (
                "https://gitlab.acme.com/acme/app",
                K::GitLabSelfManaged,
                "acme/app",
            ),
            (
                "https://bitbucket.acme.com/acme/app",
                K::BitbucketServer,
                "acme/app",
            ),
            (
                "https://example.com/github.com/app",
                K::PrivateGit,
                "github.com/app",
            ),
            ("/srv/git/app.git", K::PrivateGit, "srv/git/app"),
            ("app", K::PrivateGit, "app"),
            ("", K::PrivateGit, ""),
        ] {
            let provider = Provider::of(repository);
            let found = (provider.kind, provider.repository.as_str());
            assert_eq!(found, (kind, name), "{repository}");
        }
    }

    #[test]
    fn a_setting_is_there_once_and_goes_when_it_is_taken_back() {
        let mut settings = ProviderSettings::none();
        settings.set("a", Some(Value::Flag(true)));
        settings.set("a", Some(Value::Flag(false)));
        settings.set("b", Some(Value::Text("x".to_owned())));
        assert!(!settings.flag("a", true));
        assert_eq!(settings.text("b"), Some("x"));
        settings.set("a", None);
        assert!(settings.flag("a", true) && settings.get("a").is_none());
    }

    #[test]
    fn no_setting_is_declared_twice() {
        for all in [GITHUB, BITBUCKET, BITBUCKET_SERVER, GITLAB, ANYWHERE] {
            let names: std::collections::BTreeSet<_> = all.iter().map(|one| one.name).collect();
            assert_eq!(names.len(), all.len());
        }
    }
}
