//! Access levels: what a person may do with a pipeline.
//!
//! Source: Buildkite docs, "Pipelines API", parameter `teams`; "Team permissions".

/// What a user may do with a pipeline: the access levels that Buildkite's teams give.
///
/// Of a pipeline it is the most that anybody may do, administrators included; a team gives its members as much or less.
///
/// ```
/// use fake_buildkite::{Access, FakeBuildkite};
///
/// let fake = FakeBuildkite::start();
/// fake.pipeline("docs").access(Access::ReadOnly).create();
/// let url = format!("{}organizations/acme/pipelines/docs/archive", fake.api_url());
/// let answer = reqwest::blocking::Client::new().post(url).bearer_auth(fake.token()).send().unwrap();
/// assert_eq!(answer.status(), 403);
/// assert_eq!(answer.text().unwrap().trim(), r#"{"message":"Forbidden"}"#);
/// assert!(Access::ALL.is_sorted(), "each may do what those before it may, and more");
/// ```
///
/// Source: Buildkite docs, "Pipelines API", parameter `teams`; "User and team permissions".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Look at it and its builds.
    ReadOnly,
    /// Make, cancel and rebuild its builds, retry and unblock their jobs, too.
    BuildAndRead,
    /// Everything: change, archive and delete it, too. The default.
    ManageBuildAndRead,
}

impl Access {
    /// Every level, the lowest first.
    pub const ALL: [Access; 3] = [
        Access::ReadOnly,
        Access::BuildAndRead,
        Access::ManageBuildAndRead,
    ];

    /// The level with this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.as_str() == word)
    }

    /// The word the API uses.
    ///
    /// ```
    /// assert_eq!(fake_buildkite::Access::ManageBuildAndRead.as_str(), "manage_build_and_read");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::BuildAndRead => "build_and_read",
            Self::ManageBuildAndRead => "manage_build_and_read",
        }
    }
}
