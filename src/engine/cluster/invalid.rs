//! What is not accepted of clusters, queues, tokens and maintainers, and what Buildkite says of it.
//!
//! Elsewhere: who finds it (`commands`), the status it is answered with (`http::error`).

use std::fmt;

use crate::engine::cluster::MOST_QUEUES;

/// What is not accepted of a cluster, a queue, a token or a maintainer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// A field that has to say something.
    Blank(&'static str),
    /// Another one has it.
    Taken(&'static str),
    /// It is not of the form it should be.
    Malformed(&'static str),
    /// A queue's key has other characters.
    KeyCharacters,
    /// What is not there, or not of this organization.
    Unknown(&'static str),
    /// The default queue of a cluster is one of its own.
    DefaultQueue,
    TooManyQueues,
    /// A cluster without a hosted queue has no such cache.
    NotHosted(&'static str),
    /// To another machine or architecture, from agents of one's own, or to nothing.
    ShapeChange(String),
    ImageOnMac,
    /// A maintainer is a user or a team.
    NoMaintainer,
}

impl Invalid {
    /// What Buildkite says of it, behind `Validation failed: `.
    ///
    /// Chosen: only that of the shape and the image are documented; the others are in the words of Rails for the like,
    /// with the field as it calls it.
    pub(crate) fn as_buildkite_says(&self) -> String {
        match self {
            Self::Blank(field) => format!("{field} can't be blank"),
            Self::Taken(field) => format!("{field} has already been taken"),
            Self::Malformed(field) => format!("{field} is invalid"),
            Self::KeyCharacters => {
                "Key can only contain letters, numbers, hyphens and underscores".to_owned()
            }
            Self::Unknown(field) => format!("{field} must exist"),
            Self::DefaultQueue => "Default queue must belong to the cluster".to_owned(),
            Self::TooManyQueues => {
                format!("Cluster has reached its limit of {MOST_QUEUES} queues")
            }
            Self::NotHosted(field) => format!("{field} can only be changed on hosted clusters"),
            // It really ends after the space if none was named.
            Self::ShapeChange(name) => format!("Instance shape cannot be changed to {name}"),
            Self::ImageOnMac => {
                "Agent image ref cannot be configured for hosted mac queues".to_owned()
            }
            Self::NoMaintainer => "User or team must be specified".to_owned(),
        }
    }
}

/// Why a request about clusters is refused: everything that is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotValid(pub(crate) Vec<Invalid>);

impl NotValid {
    pub(crate) fn unless_empty(wrong: Vec<Invalid>) -> Result<(), Self> {
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Self(wrong))
    }
}

impl From<Invalid> for NotValid {
    fn from(wrong: Invalid) -> Self {
        Self(vec![wrong])
    }
}

impl fmt::Display for NotValid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<_> = self.0.iter().map(Invalid::as_buildkite_says).collect();
        f.write_str(&reasons.join(", "))
    }
}
