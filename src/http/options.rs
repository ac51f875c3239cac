//! What a test can choose about answers, and where their URLs begin.

use std::sync::OnceLock;

use crate::http::rates::RateLimits;
use crate::http::request::Request;
use crate::wire::Waiters;

/// Whether a new pipeline has to name its cluster.
///
/// Chosen: the documentation says so, recordings do without, and new organizations are said to refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Clusters {
    #[default]
    Optional,
    Required,
}

/// What a test can choose about answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Where URLs begin; by default where the client reached the fake.
    pub(crate) origin: Option<String>,
    pub(crate) waiters: Waiters,
    pub(crate) clusters: Clusters,
    /// Requests for what nobody serves do not fail the test.
    pub(crate) allow_unknown_routes: bool,
    /// Programs that poll in vain are not told of while they do.
    pub(crate) no_hints: bool,
    pub(crate) rates: RateLimits,
    /// Where the fake listens, for requests that do not say how they reached it.
    pub(crate) own_origin: OnceLock<String>,
}

impl Options {
    /// The same, for a server that listens elsewhere.
    pub(crate) fn elsewhere(&self) -> Self {
        Self {
            origin: self.origin.clone(),
            own_origin: OnceLock::new(),
            ..*self
        }
    }

    /// Where URLs begin for whoever did not come by one.
    pub(crate) fn origin(&self) -> &str {
        let own = || {
            self.own_origin
                .get()
                .map_or("http://127.0.0.1", String::as_str)
        };
        self.origin.as_deref().unwrap_or_else(own)
    }

    /// Where the client reached the fake: URLs in bodies lead back there, or clients that follow them leave.
    pub(super) fn origin_for(&self, request: &Request) -> String {
        match (&self.origin, request.header("host")) {
            (None, Some(host)) => format!("http://{host}"),
            // HTTP/1.0 may do without.
            (Some(_), _) | (None, None) => self.origin().to_owned(),
        }
    }
}
